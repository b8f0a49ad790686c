"""Sample entropy and multiscale entropy: how unpredictable the next interval is when the last ones looked alike.

Strategy: the definition compares every stretch of a series with every other. That is done here exactly, but 64
comparisons at a time: intervals are integers on the 1/1024 ms grid; for each distinct value the set of beats within
reach is a row of bits; stretches that match are what is left of the rows of their beats after AND; matches are counted
by population count. A row is the difference of two "all beats up to this value" rows, so making the rows is cheap.
Beats are taken in blocks, so that memory stays bounded and the rows in the cache.

References:
    J. S. Richman, J. R. Moorman, "Physiological time-series analysis using approximate entropy and sample entropy",
    Am. J. Physiol. Heart Circ. Physiol. 278(6), 2000.
    M. Costa, A. L. Goldberger, C.-K. Peng, "Multiscale entropy analysis of complex physiologic time series", Phys. Rev.
    Lett. 89(6), 2002.
"""

from __future__ import annotations

from itertools import pairwise
from math import log
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dsp.beats import GRID_PER_MS
from dsp.errors import NoVariation, SeriesError, TooLong, TooShort
from dsp.series import checked_intervals, checked_joined
from dsp.tally import on_grid

TOLERANCE_SD: Final = 0.2
"""Of the series' standard deviation: Richman & Moorman."""
MOST_SCALES: Final = 20
"""Of multiscale entropy: Costa et al."""
FEWEST_AT_SCALE: Final = 200
"""Values that a scale needs for its entropy to mean something (10^m to 20^m are customary, m = 2)."""
# Minutes of work, and nobody asks for the entropy of a week as one.
_MOST_BEATS: Final = 2_000_000
_BLOCK: Final = 2048
_CHUNK: Final = 4096


def sample_entropy(
    nn_ms: ArrayLike, *, m: int = 2, tolerance_ms: float | None = None, joined: ArrayLike | None = None
) -> float:
    """-ln(A / B): B pairs of stretches of `m` intervals match, and A of them still do with one more interval.

    Two stretches match if no two intervals in the same place differ by more than the tolerance. Both are counted over
    the stretches of m + 1 that have no break in them.

    Args:
        nn_ms: intervals in ms, shape (n,).
        m: length of a stretch, 1 to 10.
        tolerance_ms: r; without it 0.2 times the standard deviation (n - 1).
        joined: where an interval follows the one before it directly; by default all do.

    Returns:
        Sample entropy in nats, at least 0.

    Raises:
        TooShort: fewer than m + 2 intervals, or no stretch of m + 1 repeats: the entropy has no value.
        TooLong: more than 2 million intervals.
        NoVariation: all intervals are equal and no tolerance is given.
        SeriesError: not a series of intervals, or `m` or the tolerance out of its range.
    """
    if not 1 <= m <= 10:
        raise SeriesError(f"Stretches have 1 to 10 intervals; these have {m}.")
    nn, follows, reach = _prepared(nn_ms, tolerance_ms, joined, fewest=m + 2, what="Sample entropy")
    entropy = _entropy(nn, follows, reach, m)
    if entropy is None:
        raise TooShort(
            f"No stretch of {m + 1} intervals repeats: the series is too short, or too varied, for an entropy."
        )
    return entropy


def multiscale_entropy(
    nn_ms: ArrayLike, *, tolerance_ms: float | None = None, joined: ArrayLike | None = None
) -> tuple[float | None, ...]:
    """Sample entropy (m = 2) of the means over 1, 2, 3, … intervals, with the tolerance of the series itself.

    Args:
        nn_ms: intervals in ms, shape (n,), n >= 200.
        tolerance_ms: r at all scales; without it 0.2 times the standard deviation (n - 1) of the series.
        joined: where an interval follows the one before it directly; no mean is taken across a break.

    Returns:
        One value in nats a scale, from 1 up to 20 or to the last with 200 means; None where no stretch repeats.

    Raises:
        TooShort: fewer than 200 intervals.
        TooLong: more than 2 million intervals.
        NoVariation: all intervals are equal and no tolerance is given.
        SeriesError: not a series of intervals, or the tolerance out of its range.
    """
    nn, follows, reach = _prepared(nn_ms, tolerance_ms, joined, fewest=FEWEST_AT_SCALE, what="Multiscale entropy")
    found: list[float | None] = []
    for scale in range(1, MOST_SCALES + 1):
        sums, sums_follow = _coarse(nn, follows, scale)
        if len(sums) < FEWEST_AT_SCALE:
            break
        found.append(_entropy(sums, sums_follow, reach * scale, 2))
    return tuple(found)


def _prepared(
    nn_ms: ArrayLike, tolerance_ms: float | None, joined: ArrayLike | None, *, fewest: int, what: str
) -> tuple[NDArray[np.int64], NDArray[np.bool_], float]:
    """Intervals on the grid, where they follow each other, and the tolerance in units of the grid."""
    checked_ms = checked_intervals(nn_ms, at_least=fewest, what=what)
    if len(checked_ms) > _MOST_BEATS:
        raise TooLong(
            f"{what} is computed from at most {_MOST_BEATS} intervals; these are {len(checked_ms)}. Take windows."
        )
    follows = checked_joined(joined, len(checked_ms))
    nn = on_grid(checked_ms)
    if tolerance_ms is None:
        if int(nn.min()) == int(nn.max()):
            raise NoVariation(f"{what} has its tolerance from the variation, and all intervals are equal.")
        return nn, follows, TOLERANCE_SD * float(checked_ms.std(ddof=1)) * GRID_PER_MS
    if not 0 <= tolerance_ms < float("inf"):
        raise SeriesError(f"The tolerance is at least 0 ms; it is {tolerance_ms:g}.")
    return nn, follows, tolerance_ms * GRID_PER_MS


def _coarse(
    nn: NDArray[np.int64], follows: NDArray[np.bool_], scale: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Sums over `scale` intervals without a break in them, one after the other, and where they follow each other."""
    if scale == 1:
        return nn, follows
    sums: list[NDArray[np.int64]] = []
    joined: list[NDArray[np.bool_]] = []
    edges = np.append(np.flatnonzero(~follows), len(nn)).tolist()
    for begin, end in pairwise(edges):
        count = (end - begin) // scale
        if count:
            of_stretch: NDArray[np.int64] = nn[begin : begin + count * scale].reshape(count, scale).sum(axis=1)
            sums.append(of_stretch)
            joined.append(_all_but_first(count))
    if not sums:
        return np.empty(0, np.int64), np.empty(0, np.bool_)
    return np.concatenate(sums), np.concatenate(joined)


def _all_but_first(count: int) -> NDArray[np.bool_]:
    follows = np.ones(count, np.bool_)
    follows[0] = False
    return follows


def _entropy(nn: NDArray[np.int64], follows: NDArray[np.bool_], reach: float, m: int) -> float | None:
    """Sample entropy, or None where A or B is 0."""
    shorter, longer = _matches(nn, follows, int(reach), m)
    return log(shorter / longer) if longer else None


def _matches(nn: NDArray[np.int64], follows: NDArray[np.bool_], reach: int, m: int) -> tuple[int, int]:
    """How many pairs of stretches match over m and over m + 1 intervals."""
    whole = np.ones(max(0, len(nn) - m), np.bool_)
    for place in range(1, m + 1):
        whole &= follows[place : len(nn) - m + place]
    begins = np.flatnonzero(whole)
    values, all_codes = np.unique(nn, return_inverse=True)
    codes = all_codes.astype(np.int32)
    shorter = longer = 0
    for first in range(0, len(begins), _BLOCK):
        block = begins[first : first + _BLOCK]
        near = [_near(values, nn[block + place], reach) for place in range(m + 1)]
        in_block = _count(near, codes, block, m)
        before = _count(near, codes, begins[:first], m)
        # In the block each pair is seen from both sides, and each stretch matches itself.
        shorter += before[0] + (in_block[0] - len(block)) // 2
        longer += before[1] + (in_block[1] - len(block)) // 2
    return shorter, longer


def _near(values: NDArray[np.int64], members: NDArray[np.int64], reach: int) -> NDArray[np.uint64]:
    """For each value, the set of members that differ from it by `reach` at most, one bit a member: (values, words)."""
    order = np.argsort(members, kind="stable")
    ordered = members[order]
    single = np.zeros((len(members) + 1, (len(members) + 63) // 64), np.uint64)
    single[np.arange(1, len(members) + 1), order >> 6] = np.uint64(1) << (order & 63).astype(np.uint64)
    up_to: NDArray[np.uint64] = np.bitwise_xor.accumulate(single, axis=0)
    below = np.searchsorted(ordered, values - reach, side="left")
    above = np.searchsorted(ordered, values + reach, side="right")
    return up_to[above] ^ up_to[below]


def _count(
    near: list[NDArray[np.uint64]], codes: NDArray[np.int32], begins: NDArray[np.intp], m: int
) -> tuple[int, int]:
    """Matches of the stretches at `begins` with those of a block, over m and over m + 1 intervals."""
    shorter = longer = 0
    rows = max(1, _CHUNK * 32 // near[0].shape[1])
    for first in range(0, len(begins), rows):
        chunk = begins[first : first + rows]
        matching = near[0][codes[chunk]]
        for place in range(1, m):
            matching &= near[place][codes[chunk + place]]
        shorter += int(np.bitwise_count(matching).sum(dtype=np.int64))
        matching &= near[m][codes[chunk + m]]
        longer += int(np.bitwise_count(matching).sum(dtype=np.int64))
    return shorter, longer
