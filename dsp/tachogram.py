"""Intervals as an evenly sampled signal, for files and tools that know no other.

Strategy: within a chain the signal goes along the straight line from the end of one interval to the end of the next.
The first interval of a chain is known from its own beginning on, and is level there. In a hole there is nothing: no
line is drawn over it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def tachogram(
    at_s: ArrayLike, nn_ms: ArrayLike, gap_before: ArrayLike, *, since_s: float, count: int, hz: float, otherwise: float
) -> NDArray[np.float64]:
    """Intervals sampled evenly.

    Args:
        at_s: when each interval ended, in seconds, rising, shape (n,).
        nn_ms: the intervals in milliseconds, shape (n,).
        gap_before: where beats are missing before an interval, shape (n,).
        since_s: the time of the first sample.
        count: how many samples.
        hz: samples a second, above 0.
        otherwise: what a sample is where no interval is known.

    Returns:
        Milliseconds (or `otherwise`), shape (count,).
    """
    ends_s = np.asarray(at_s, dtype=np.float64)
    intervals_ms = np.asarray(nn_ms, dtype=np.float64)
    samples = np.full(count, otherwise)
    if not len(ends_s):
        return samples
    first = np.array(gap_before, dtype=np.bool_)
    first[0] = True
    times_s = since_s + np.arange(count) / hz
    after = np.searchsorted(ends_s, times_s)
    inside = after < len(ends_s)
    after = np.minimum(after, len(ends_s) - 1)
    level = inside & first[after] & (times_s >= ends_s[after] - intervals_ms[after] / 1000)
    between = inside & ~first[after]
    samples[level] = intervals_ms[after[level]]
    samples[between] = np.interp(times_s[between], ends_s, intervals_ms)
    return samples
