"""A person's smoothed heart rate second by second over a session, and how it usually changes by itself.

Strategy: what a change after an event means can only be judged against the changes that this person's heart rate makes
anyway. The same difference (the minute after minus the half minute before) is taken at every second; the differences
away from events are how often such a change comes by itself. Their overlap is not hidden: so many of them as there are
disjoint stretches of a minute and a half count as independent. Seconds without a heart rate, and seconds of movement,
are no part of it.

References:
    B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993, ch. 15 (a distribution of the statistic where
    nothing happened as the yardstick).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, inf, sqrt
from typing import Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dsp.uncertainty import LEVEL_PCT, Interval

BEFORE_S: Final = 30
AFTER_S: Final = 60
_LEAST_COVERAGE: Final = 2 / 3
# Fewer independent stretches than this, and the person's own variation is not known.
_LEAST_STRETCHES: Final = 8
# Fewer like events than this give no interval.
_LEAST_EVENTS: Final = 3
# A week: what lies further from the start is a fault of a clock.
_LONGEST_S: Final = 7 * 86_400.0
_QUANTILE: Final = 0.5 + LEVEL_PCT / 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The mean heart rate after something against before it.

    Attributes:
        change_bpm: mean of the 60 s after minus mean of the 30 s before; of several events their mean.
        interval_bpm: 95 % interval; None where it cannot be told.
        by_luck: chance of a change at least as large, up or down, where nothing happened; None like the interval.
        events: how many it stands on.
    """

    change_bpm: float
    interval_bpm: Interval | None
    by_luck: float | None
    events: int


class HeartSeconds:
    """The heart rate of each whole second of a session; a second without one is not known."""

    def __init__(self, heart_rate_bpm: NDArray[np.float64]) -> None:
        """Take the values of second 0, 1, 2 ...; NaN where not known. See `of`."""
        self._bpm = heart_rate_bpm
        known = np.isfinite(heart_rate_bpm)
        self._known = known
        self._sums = np.concatenate([[0.0], np.cumsum(np.where(known, heart_rate_bpm, 0.0))])
        self._counts = np.concatenate([[0], np.cumsum(known)])

    @classmethod
    def of(
        cls,
        at_s: ArrayLike,
        heart_rate_bpm: ArrayLike,
        *,
        until_s: float,
        without: Iterable[tuple[float, float]] = (),
    ) -> Self:
        """The seconds up to `until_s` (at most a week) of a heart-rate line.

        Args:
            at_s: times of the samples, shape (n,); those before 0 or after the end are left out.
            heart_rate_bpm: at these times, shape (n,).
            until_s: how long the session was, 0 or more.
            without: stretches (since, until) to leave out, for instance movement.
        """
        times_s = np.asarray(at_s, dtype=np.float64)
        inside = (times_s >= 0) & (times_s <= min(until_s, _LONGEST_S))
        second = np.floor(times_s[inside]).astype(np.int64)
        seconds = np.full(int(second.max()) + 1 if len(second) else 0, np.nan)
        seconds[second] = np.asarray(heart_rate_bpm, dtype=np.float64)[inside]
        for since_s, until in without:
            seconds[max(0, floor(since_s)) : max(0, ceil(until))] = np.nan
        return cls(seconds)

    @property
    def known_s(self) -> int:
        """In how many seconds the heart rate is known."""
        return int(self._counts[-1])

    def between(self, since_s: float, until_s: float) -> tuple[int, float | None]:
        """In how many whole seconds of a stretch the heart rate is known, and its median there (None without any)."""
        known = self._bpm[max(0, ceil(since_s)) : max(0, floor(until_s))]
        known = known[np.isfinite(known)]
        return len(known), float(np.median(known)) if len(known) else None

    def is_known(self, at_s: float) -> bool:
        """Whether the heart rate is known in that second."""
        second = floor(at_s)
        return 0 <= second < len(self._bpm) and bool(self._known[second])

    def share_near(self, times_s: Iterable[float], *, before_s: float, after_s: float) -> float:
        """The share of known seconds that lie from `before_s` before to `after_s` after any of the times; 0..1.

        1 where no second is known: then nothing speaks against it.
        """
        if not self.known_s:
            return 1.0
        near = np.zeros(len(self._bpm), dtype=np.bool_)
        for at_s in times_s:
            near[max(0, ceil(at_s - before_s)) : max(0, floor(at_s + after_s) + 1)] = True
        return int(np.count_nonzero(near & self._known)) / self.known_s

    def change_at(self, times_s: Sequence[float], *, all_events_s: Iterable[float]) -> Change | None:
        """The mean change at several like moments; None where the heart rate around none of them is known well enough.

        Args:
            times_s: when they happened.
            all_events_s: everything that happened to this person; the variation is learned away from it.
        """
        from scipy import stats

        found = [change for at_s in times_s if (change := self.change_around(at_s)) is not None]
        if not found:
            return None
        change_bpm = float(np.mean(found))
        usual = self._usual_changes(all_events_s)
        if usual is None:
            return Change(change_bpm=change_bpm, interval_bpm=None, by_luck=None, events=len(found))
        spread_bpm, stretches = usual
        error_bpm = spread_bpm / sqrt(len(found))
        degrees = float(stretches - 1)
        if len(found) >= _LEAST_EVENTS:
            # Events may differ in what they do, which one's own variation does not show: the larger error holds.
            between_bpm = float(np.std(found, ddof=1)) / sqrt(len(found))
            if between_bpm > error_bpm:
                error_bpm, degrees = between_bpm, len(found) - 1.0
        width_bpm = float(stats.t.ppf(_QUANTILE, degrees)) * error_bpm
        by_luck = 2 * float(stats.t.sf(abs(change_bpm) / error_bpm, degrees)) if error_bpm > 0 else 1.0
        return Change(
            change_bpm=change_bpm,
            interval_bpm=Interval(low=change_bpm - width_bpm, high=change_bpm + width_bpm),
            by_luck=by_luck,
            events=len(found),
        )

    def change_around(self, at_s: float) -> float | None:
        """Mean of the minute after an instant minus mean of the half minute before, in bpm.

        None where the heart rate is known in less than two thirds of either.
        """
        second = round(at_s)
        before_bpm = self._mean(second - BEFORE_S, second)
        after_bpm = self._mean(second, second + AFTER_S)
        return None if before_bpm is None or after_bpm is None else after_bpm - before_bpm

    def _mean(self, first: int, end: int) -> float | None:
        low, high = min(max(first, 0), len(self._bpm)), min(max(end, 0), len(self._bpm))
        count = int(self._counts[high] - self._counts[low])
        if count < _LEAST_COVERAGE * (end - first):
            return None
        return float(self._sums[high] - self._sums[low]) / count

    def _usual_changes(self, events_s: Iterable[float]) -> tuple[float, int] | None:
        """Spread of the change by itself, and on how many independent stretches it stands; away from events."""
        seconds = np.arange(BEFORE_S, len(self._bpm) - AFTER_S)
        if not len(seconds):
            return None
        before = self._counts[seconds] - self._counts[seconds - BEFORE_S]
        after = self._counts[seconds + AFTER_S] - self._counts[seconds]
        usable = (before >= _LEAST_COVERAGE * BEFORE_S) & (after >= _LEAST_COVERAGE * AFTER_S)
        away = np.ones(len(self._bpm), dtype=np.bool_)
        for at_s in events_s:
            if -inf < at_s < len(self._bpm):
                away[max(0, round(at_s) - AFTER_S) : max(0, round(at_s) + BEFORE_S + AFTER_S)] = False
        quiet = usable & away[seconds]
        chosen = quiet if _stretches(quiet) >= _LEAST_STRETCHES else usable
        stretches = _stretches(chosen)
        if stretches < _LEAST_STRETCHES:
            return None
        at = seconds[chosen]
        before_bpm = (self._sums[at] - self._sums[at - BEFORE_S]) / before[chosen]
        after_bpm = (self._sums[at + AFTER_S] - self._sums[at]) / after[chosen]
        changes_bpm = after_bpm - before_bpm
        return float(np.sqrt(np.mean(changes_bpm**2))), stretches


def _stretches(chosen: NDArray[np.bool_]) -> int:
    """How many disjoint stretches of both windows the chosen seconds make."""
    return int(np.count_nonzero(chosen)) // (BEFORE_S + AFTER_S)
