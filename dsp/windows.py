"""Heart rate variability over the last seconds of clean beats, at every beat or every few seconds, with its quality.

Strategy: a window holds the beats of the last seconds and, as exact integers, all that the metrics stand on; a beat
that leaves is taken out of the sums, and what remains is what a fresh computation would give. Correction moves beats
and keeps the time, so what is about size and spread (SDNN, the histogram) stands on the corrected series; what is about
successive differences (RMSSD, pNN50, SD1) stands on pairs of intervals between beats as they were sent, with no gap
between. A run that could not be mended is in neither. What a window cannot carry is absent with a reason.

References:
    Task Force of the ESC and NASPE, "Heart rate variability", Circulation 93, 1996.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Final, TypeAlias

import numpy as np

from dsp.beats import GRID_PER_MS, CleanBeat, counts
from dsp.errors import TooShort
from dsp.series import CleanSeries
from dsp.tally import Tally, on_grid, tally_of
from dsp.time_domain import TimeDomain, summarise
from dsp.uncertainty import LAGS, NO_INTERVALS, Intervals, Slots, empty_slots, intervals, slots_of

MIN_PAIRS: Final = 20
"""Fewer successive differences than this carry no RMSSD worth showing (a 60 s window at rest holds 50 to 90)."""
MAX_CORRECTED_PCT: Final = 20.0
"""Where more intervals than this had to be corrected, what is left is too irregular to say anything about the heart."""
MAX_RMSSD_SHARE: Final = 0.3
"""Of the mean interval. Strong breathing in a young heart reaches 0.2; a third is jumping, not variability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What the metrics of a window stand on.

    Attributes:
        beats: intervals in the window that are normal or were put right.
        pairs: of them, pairs that follow each other directly, between beats as sent.
        covered_s: seconds of the window that they cover.
        corrected_pct: share of all intervals in the window that were corrected or flagged, 0..100.
    """

    beats: int
    pairs: int
    covered_s: float
    corrected_pct: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HrvMetrics:
    """Time-domain metrics of one window, and their quality.

    Attributes:
        at_s: the end of the window: a beat, or a step.
        window_s: its nominal length; the beats in (at_s - window_s, at_s].
        quality: what the metrics stand on.
        time_domain: the metrics; those of variability are absent on fewer than 20 pairs, with more than 20 %
            corrected, or where successive intervals differ by a third.
        intervals: 95 % intervals of three of them.
    """

    at_s: float
    window_s: float
    quality: Quality
    time_domain: TimeDomain
    intervals: Intervals


_Row: TypeAlias = tuple[float, int | None, int | None, int, bool]
"""Time, NN on the grid or None if not usable, the NN before it if their difference counts, slot, not as sent."""


class HrvWindow:
    """Stage: `CleanBeat` in, `HrvMetrics` out: one at each beat, or one at each step that beats were seen past."""

    def __init__(self, *, window_s: float = 60.0, step_s: float | None = None) -> None:
        """A window over the last `window_s` seconds of beat time, told every `step_s` or, without it, at each beat."""
        self._window_s = window_s
        self._steps = None if step_s is None else Steps(step_s)
        self._rows: deque[_Row] = deque()
        self._last: CleanBeat | None = None
        self._changed = 0
        self._tally = Tally()
        self._slots = empty_slots(8 * LAGS)
        self._next_slot = 0

    def push(self, beat: CleanBeat) -> tuple[HrvMetrics, ...]:
        """Take one beat; return the metrics of the windows that end at it, or that ended since the one before."""
        if self._steps is None:
            self._add(beat)
            self._forget_before(beat.at_s - self._window_s)
            return (self._metrics(beat.at_s),)
        out: list[HrvMetrics] = []
        for end_s in self._steps.passed(beat.at_s):
            self._forget_before(end_s - self._window_s)
            if not self._rows:  # no beat, nothing to tell, however many steps a hole lasts
                self._steps.skip_to(beat.at_s)
                break
            out.append(self._metrics(end_s))
        self._add(beat)
        return tuple(out)

    def _add(self, beat: CleanBeat) -> None:
        nn = before = None
        if beat.gap_before and self._next_slot:
            self._next_slot += LAGS
        slot = self._make_room()
        if beat.usable:
            nn = round(beat.nn_ms * GRID_PER_MS)
            self._tally.add(nn)
            self._slots.nn[slot], self._slots.taken[slot] = nn, 1
            if self._last is not None and counts(self._last, beat):
                before = round(self._last.nn_ms * GRID_PER_MS)
                self._tally.add_pair(before, nn)
                self._slots.difference[slot] = nn - before
        changed = not beat.as_sent
        self._changed += changed
        self._rows.append((beat.at_s, nn, before, slot, changed))
        self._last = beat

    def _make_room(self) -> int:
        """The next free slot, with `LAGS` empty ones behind it."""
        if self._next_slot + 1 + LAGS > len(self._slots.nn):
            first = self._rows[0][3] if self._rows else self._next_slot
            held = self._next_slot - first
            roomy = empty_slots(2 * (held + 4 * LAGS))
            for name in ("nn", "taken", "difference"):
                kept = getattr(self._slots, name)[first:]
                getattr(roomy, name)[: len(kept)] = kept
            self._slots = roomy
            self._rows = deque(
                (at_s, nn, before, slot - first, changed) for at_s, nn, before, slot, changed in self._rows
            )
            self._next_slot = held
        self._next_slot += 1
        return self._next_slot - 1

    def _forget_before(self, since_s: float) -> None:
        rows = self._rows
        while rows and rows[0][0] <= since_s:
            _, nn, _, _, changed = rows.popleft()
            self._changed -= changed
            if nn is not None:
                self._tally.remove(nn)
            if rows:  # the oldest that stays has lost its neighbour
                at_s, nn, before, slot, changed = rows[0]
                if nn is not None and before is not None:
                    self._tally.remove_pair(before, nn)
                    self._slots.difference[slot] = 0
                    rows[0] = (at_s, nn, None, slot, changed)
        if not rows:
            self._last = None

    def _metrics(self, at_s: float) -> HrvMetrics:
        first = self._rows[0][3]
        slots = Slots(
            nn=self._slots.nn[first : self._next_slot + LAGS],
            taken=self._slots.taken[first : self._next_slot + LAGS],
            difference=self._slots.difference[first : self._next_slot + LAGS],
        )
        corrected_pct = 100 * self._changed / len(self._rows)
        return _metrics(self._tally, slots, at_s=at_s, window_s=self._window_s, corrected_pct=corrected_pct)


def hrv(series: CleanSeries, *, at_s: float | None = None, window_s: float | None = None) -> HrvMetrics:
    """Time-domain metrics and quality of a whole series: what an `HrvWindow` around all of it says at its last beat.

    Args:
        series: clean intervals, one at least.
        at_s: the end of the window, for the record; else the last beat.
        window_s: nominal length of the window, for the record; else from the first beat's beginning to the last beat.

    Raises:
        TooShort: there is no interval.
    """
    if not len(series):
        raise TooShort("There is no interval to look at.")
    nn = on_grid(series.used_nn_ms)
    last_s = float(series.at_s[-1])
    if window_s is None:
        window_s = last_s - float(series.at_s[0]) + float(series.nn_ms[0]) / 1000
    joined = series.used_joined
    changed = int(np.count_nonzero(~series.as_sent))
    return _metrics(
        tally_of(nn, joined),
        slots_of(nn, joined, used=series.usable, gap_before=series.gap_before),
        at_s=last_s if at_s is None else at_s,
        window_s=window_s,
        corrected_pct=100 * changed / len(series),
    )


class Steps:
    """Ends of windows: every `step_s` from the first beat on."""

    def __init__(self, step_s: float) -> None:
        """No beat was seen yet."""
        self._step_s = step_s
        self._start_s: float | None = None
        self._done = 0

    def passed(self, at_s: float) -> Iterator[float]:
        """The ends before a beat at `at_s` that were not told yet: all beats up to them are known now."""
        if self._start_s is None:
            self._start_s = at_s
        while (end_s := self._start_s + (self._done + 1) * self._step_s) < at_s:
            self._done += 1
            yield end_s

    def skip_to(self, at_s: float) -> None:
        """Leave out the ends before `at_s`."""
        assert self._start_s is not None
        self._done = max(self._done, ceil((at_s - self._start_s) / self._step_s) - 1)


def _metrics(tally: Tally, slots: Slots, *, at_s: float, window_s: float, corrected_pct: float) -> HrvMetrics:
    refused_because = ""
    if corrected_pct > MAX_CORRECTED_PCT:
        refused_because = (
            f"{corrected_pct:.0f} % of the intervals had to be corrected, more than {MAX_CORRECTED_PCT:.0f} %"
        )
    elif tally.pairs and _rmssd_share(tally) > MAX_RMSSD_SHARE:
        refused_because = (
            f"the intervals jump by {100 * _rmssd_share(tally):.0f} % from beat to beat: too irregular for HRV"
        )
    time_domain = summarise(tally, least_pairs=MIN_PAIRS, refused_because=refused_because)
    given = NO_INTERVALS
    if time_domain.sdnn_ms is not None and time_domain.rmssd_ms is not None:
        given = intervals(tally, slots, sdnn_ms=time_domain.sdnn_ms, rmssd_ms=time_domain.rmssd_ms)
    return HrvMetrics(
        at_s=at_s,
        window_s=window_s,
        quality=Quality(
            beats=tally.beats,
            pairs=tally.pairs,
            covered_s=min(window_s, tally.total / (1000 * GRID_PER_MS)),
            corrected_pct=corrected_pct,
        ),
        time_domain=time_domain,
        intervals=given,
    )


def _rmssd_share(tally: Tally) -> float:
    """RMSSD over the mean interval."""
    return sqrt(tally.difference_squares / tally.pairs) * tally.beats / tally.total
