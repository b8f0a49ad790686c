"""A person's own usual heart rate: a running median that a rise cannot drag along.

Strategy: a sample counts only after a guard time, and only if by then nobody called it part of a rise or of movement.
Median and spread are taken over the last five minutes of samples that count, however much time lies between them, so
they survive gaps. A silent baseline block begins it anew, so that it stands on rest alone; from there it goes on. With
another wearable, or when a wearable turns out to give something else, what was usual is carried over and says so, until
the new one has samples enough of its own: two sensors need not agree to the beat.

References:
    Rousseeuw, Croux, "Alternatives to the median absolute deviation", JASA 88, 1993 (1.4826 MAD as a robust standard
    deviation).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

SPAN_SAMPLES: Final = 300
GUARD_SAMPLES: Final = 15
MIN_SAMPLES: Final = 60
_SPREAD_FLOOR_BPM: Final = 1.5
_MAD_TO_SD: Final = 1.4826


class UsualFrom(StrEnum):
    """What a usual stands on."""

    REST = "rest"
    """A silent baseline block, and nothing else yet."""
    RUNNING = "running"
    """The last five minutes that counted."""
    CARRIED = "carried over"
    """What the person's last wearable, or another of its signals, gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What is usual for a person now.

    Attributes:
        heart_rate_bpm: median.
        spread_bpm: 1.4826 times the median absolute deviation, at least 1.5 bpm.
        samples: seconds that both stand on, 60..300.
        stands_on: where these seconds are from.
    """

    heart_rate_bpm: float
    spread_bpm: float
    samples: int
    stands_on: UsualFrom = UsualFrom.RUNNING


class RunningBaseline:
    """Stage: one heart-rate sample a second in, the usual as known then out."""

    def __init__(self) -> None:
        """Start without a usual."""
        self._waiting: deque[float | None] = deque()
        self._recent: deque[float] = deque()
        self._ordered: list[float] = []
        self._usual: Usual | None = None
        self._resting = False

    @property
    def usual(self) -> Usual | None:
        """The usual as of the last sample; None until 60 samples count."""
        return self._usual

    def begin_rest(self) -> None:
        """A silent baseline block begins: from here on it stands on rest alone, until the block is over."""
        self._start_anew()
        self._resting = True

    def end_rest(self) -> None:
        """The silent baseline block is over; what was learned in it goes on."""
        self._resting = False

    def carry_over(self) -> None:
        """The samples come from elsewhere now: what is usual holds until there are enough of them."""
        self._start_anew()
        if self._usual is not None:
            self._usual = replace(self._usual, stands_on=UsualFrom.CARRIED)

    def _start_anew(self) -> None:
        self._waiting.clear()
        self._recent.clear()
        self._ordered.clear()

    def push(self, heart_rate_bpm: float, *, counts: bool) -> Usual | None:
        """Take one sample. `counts` False keeps it out for good (a rise, movement, a bad contact)."""
        self._waiting.append(heart_rate_bpm if counts else None)
        if len(self._waiting) > GUARD_SAMPLES:
            accepted = self._waiting.popleft()
            if accepted is not None:
                self._accept(accepted)
        return self._usual

    def disown_waiting(self) -> None:
        """A rise was found that began within the guard time: what waits there does not count after all."""
        self._waiting = deque(None for _ in self._waiting)

    def _accept(self, heart_rate_bpm: float) -> None:
        ordered = self._ordered
        if len(self._recent) == SPAN_SAMPLES:
            del ordered[bisect_left(ordered, self._recent.popleft())]
        self._recent.append(heart_rate_bpm)
        insort(ordered, heart_rate_bpm)
        if len(ordered) >= MIN_SAMPLES:
            median_bpm = _median(ordered)
            self._usual = Usual(
                heart_rate_bpm=median_bpm,
                spread_bpm=max(_MAD_TO_SD * _median_distance(ordered, median_bpm), _SPREAD_FLOOR_BPM),
                samples=len(ordered),
                stands_on=UsualFrom.REST if self._resting else UsualFrom.RUNNING,
            )


def _median(ordered: list[float]) -> float:
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _median_distance(ordered: list[float], centre: float) -> float:
    """The median of |value - centre| over an ordered list, found without ordering the distances.

    The k nearest values to a centre are neighbours in an ordered list: the left end of that stretch is found by
        bisection.
    """
    size = len(ordered)
    nearest = size // 2 + 1
    low, high = 0, size - nearest
    while low < high:
        middle = (low + high) // 2
        if centre - ordered[middle] > ordered[middle + nearest] - centre:
            low = middle + 1
        else:
            high = middle
    first, last = centre - ordered[low], ordered[low + nearest - 1] - centre
    farthest = max(first, last)
    if size % 2:
        return farthest
    # Even count: the mean of the two middle distances; the second farthest is at one of the ends of the stretch too.
    second = max(centre - ordered[low + 1], last) if first >= last else max(first, ordered[low + nearest - 2] - centre)
    return (farthest + second) / 2
