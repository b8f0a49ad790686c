"""What the time-domain metrics of a window stand on, in exact integers, so that a beat can be taken out again.

Strategy: intervals are integers on the 1/1024 ms grid. All sums, counts, histograms and the ordered list are exact, so
a window that gave its oldest beat back is the same, to the bit, as one that never had it, and a whole array counted at
once is the same as its beats one by one. What is irrational is computed from here, once, at the end.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dsp.beats import GRID_PER_MS

HISTOGRAM_BIN: Final = 8000
"""1/128 s, the bin of the Task Force 1996 for the geometric measures; the first begins at 0."""
WIDE_BIN: Final = 50 * GRID_PER_MS
"""50 ms, the bin of Baevsky's index; the first begins at 0."""
_OVER_20: Final = 20 * GRID_PER_MS
_OVER_50: Final = 50 * GRID_PER_MS
# Sums of this many squares stay exact in 64 bits, whatever the intervals are.
_EXACT_BEATS: Final = 1 << 15
_LARGEST: Final = 1 << 23  # 8192 ms


class Tally:
    """Counts over accepted intervals, and over pairs of them that follow each other directly.

    Attributes (intervals in units of 1/1024 ms):
        beats, total, squares: number, sum and sum of squares of the intervals.
        pairs: number of pairs.
        difference_total, difference_squares: of later minus earlier.
        sum_total, sum_squares: of later plus earlier.
        over_20, over_50: pairs that differ by more than 20 and 50 ms.
        ordered: the intervals by size; a tally that was counted at once cannot be added to.
        histogram: intervals in each bin of 1/128 s.
        wide_histogram: intervals in each bin of 50 ms.
    """

    __slots__ = (
        "_growing",
        "beats",
        "difference_squares",
        "difference_total",
        "histogram",
        "ordered",
        "over_20",
        "over_50",
        "pairs",
        "squares",
        "sum_squares",
        "sum_total",
        "total",
        "wide_histogram",
    )

    def __init__(self) -> None:
        """Nothing counted yet."""
        self.beats = self.total = self.squares = 0
        self.pairs = self.difference_total = self.difference_squares = 0
        self.sum_total = self.sum_squares = self.over_20 = self.over_50 = 0
        self._growing: list[int] = []
        self.ordered: Sequence[int] = self._growing
        self.histogram: dict[int, int] = {}
        self.wide_histogram: dict[int, int] = {}

    def add(self, nn: int) -> None:
        """Count an interval."""
        self.beats += 1
        self.total += nn
        self.squares += nn * nn
        insort(self._growing, nn)
        bin_ = nn // HISTOGRAM_BIN
        self.histogram[bin_] = self.histogram.get(bin_, 0) + 1
        bin_ = nn // WIDE_BIN
        self.wide_histogram[bin_] = self.wide_histogram.get(bin_, 0) + 1

    def remove(self, nn: int) -> None:
        """Take an interval out that was counted."""
        self.beats -= 1
        self.total -= nn
        self.squares -= nn * nn
        del self._growing[bisect_left(self._growing, nn)]
        _take_one(self.histogram, nn // HISTOGRAM_BIN)
        _take_one(self.wide_histogram, nn // WIDE_BIN)

    def add_pair(self, before: int, after: int) -> None:
        """Count a pair of intervals, the second directly after the first."""
        self._count_pair(before, after, 1)

    def remove_pair(self, before: int, after: int) -> None:
        """Take a pair out that was counted."""
        self._count_pair(before, after, -1)

    def _count_pair(self, before: int, after: int, times: int) -> None:
        difference, both = after - before, after + before
        self.pairs += times
        self.difference_total += times * difference
        self.difference_squares += times * difference * difference
        self.sum_total += times * both
        self.sum_squares += times * both * both
        if not -_OVER_20 <= difference <= _OVER_20:
            self.over_20 += times
            if not -_OVER_50 <= difference <= _OVER_50:
                self.over_50 += times


def on_grid(nn_ms: NDArray[np.float64]) -> NDArray[np.int64]:
    """Intervals as whole units of 1/1024 ms, shape (n,); what lies between two is rounded (by 0.5 µs at most)."""
    return np.rint(nn_ms * GRID_PER_MS).astype(np.int64)


def tally_of(nn: NDArray[np.int64], joined: NDArray[np.bool_]) -> Tally:
    """Everything at once: the same as counting the intervals and their pairs one by one.

    Args:
        nn: intervals in units of 1/1024 ms, shape (n,).
        joined: where an interval follows the one before it directly, shape (n,), False for the first.
    """
    tally = Tally()
    tally.beats = len(nn)
    tally.total, tally.squares = _sums(nn)
    later = np.flatnonzero(joined)
    difference, both = nn[later] - nn[later - 1], nn[later] + nn[later - 1]
    tally.pairs = len(later)
    tally.difference_total, tally.difference_squares = _sums(difference)
    tally.sum_total, tally.sum_squares = _sums(both)
    size = np.abs(difference)
    tally.over_20 = int(np.count_nonzero(size > _OVER_20))
    tally.over_50 = int(np.count_nonzero(size > _OVER_50))
    ordered = np.sort(nn)
    tally.ordered = ordered.data
    tally.histogram = _counted(ordered // HISTOGRAM_BIN)
    tally.wide_histogram = _counted(ordered // WIDE_BIN)
    return tally


def quantile(ordered: Sequence[int], numerator: int, denominator: int) -> float:
    """The quantile of an ordered, not empty sequence, interpolated as NumPy does, without a rounding step before."""
    at, share = divmod((len(ordered) - 1) * numerator, denominator)
    if not share:
        return float(ordered[at])
    return (ordered[at] * (denominator - share) + ordered[at + 1] * share) / denominator


def median_deviation(ordered: Sequence[int]) -> float:
    """The median of the distances to the median, of an ordered, not empty sequence.

    The k values nearest to the median are neighbours in the order, so the run of them is found by halving.
    """
    count = len(ordered)
    middle = ordered[(count - 1) // 2] + ordered[count // 2]  # twice the median
    nearest = (count + 1) // 2
    low, high = 0, count - nearest
    while low < high:
        start = (low + high) // 2
        if middle - 2 * ordered[start] > 2 * ordered[start + nearest] - middle:
            low = start + 1
        else:
            high = start
    last = low + nearest - 1
    distance = max(middle - 2 * ordered[low], 2 * ordered[last] - middle)
    if count % 2:
        return distance / 2
    outside = [middle - 2 * ordered[low - 1]] if low else []
    outside += [2 * ordered[last + 1] - middle] if last + 1 < count else []
    return (distance + min(outside)) / 4


def _take_one(histogram: dict[int, int], bin_: int) -> None:
    if histogram[bin_] == 1:
        del histogram[bin_]
    else:
        histogram[bin_] -= 1


def _counted(ordered: NDArray[np.int64]) -> dict[int, int]:
    """How often each of these ordered values is there."""
    begins = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    return dict(zip(ordered[begins].tolist(), np.diff(begins, append=len(ordered)).tolist(), strict=True))


def _sums(values: NDArray[np.int64]) -> tuple[int, int]:
    """Sum and sum of squares, exactly."""
    total = squares = 0
    for first in range(0, len(values), _EXACT_BEATS):
        chunk = values[first : first + _EXACT_BEATS]
        total += int(chunk.sum())
        if int(np.abs(chunk).max()) <= _LARGEST:
            squares += int(np.dot(chunk, chunk))
        else:
            squares += sum(value * value for value in chunk.tolist())
    return total, squares
