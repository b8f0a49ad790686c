"""Detrended fluctuation analysis: how the wandering of a series grows with the length over which one looks.

Strategy: the intervals minus their mean are summed up to a profile; the profile is cut into boxes of n beats, each box
loses its straight line, and F(n) is the root mean square of what is left. The exponent is the slope of log F on log n.
Boxes of one size are rows of a matrix and the line is taken out in closed form. The exponent depends on the scales and
on what was done to the series before (1.41 to 1.64 on one series, by settings in use), so the scales and fluctuations
are told with it.

References:
    C.-K. Peng, S. Havlin, H. E. Stanley, A. L. Goldberger, "Quantification of scaling exponents and crossover phenomena
    in nonstationary heartbeat time series", Chaos 5(1), 1995.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dsp.errors import NoVariation, SeriesError, TooShort
from dsp.series import checked_intervals, checked_joined

SHORT_SCALES: Final = tuple(range(4, 17))
"""Boxes of 4 to 16 beats, of α1: Peng et al."""
LONG_SCALES: Final = tuple(range(16, 65))
"""Boxes of 16 to 64 beats, of α2: Peng et al."""
# With fewer boxes of the longest scale the slope hangs on one of them.
_FEWEST_BOXES: Final = 4
_SMALLEST_BOX: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dfa:
    """Fluctuations by scale, and their exponent.

    Attributes:
        alpha: slope of log F on log n; 0.5 for white noise, 1 for 1/f, 1.5 for a random walk.
        scale_beats: box sizes n, shape (k,).
        fluctuation_ms: F(n), shape (k,).
        boxes: how many boxes each F stands on, shape (k,).
    """

    alpha: float
    scale_beats: NDArray[np.int64]
    fluctuation_ms: NDArray[np.float64]
    boxes: NDArray[np.int64]


def dfa(nn_ms: ArrayLike, *, scales: Sequence[int] = SHORT_SCALES, joined: ArrayLike | None = None) -> Dfa:
    """Detrended fluctuation analysis of order 1, boxes side by side from the beginning of each unbroken stretch.

    Args:
        nn_ms: intervals in ms, shape (n,). As they are: detrend before if that is wanted (`smoothness_priors`).
        scales: box sizes in beats, two at least, each 3 at least.
        joined: where an interval follows the one before it directly; by default all do. No box reaches over a break.

    Raises:
        TooShort: there are not four boxes of the longest scale.
        NoVariation: the fluctuation is 0 at some scale: the intervals are equal, or lie on a line within each box.
        SeriesError: not a series of intervals, or the scales out of their range.
    """
    sizes = sorted(set(scales))
    if len(sizes) < 2 or sizes[0] < _SMALLEST_BOX:
        raise SeriesError(f"There are two scales at least, each of {_SMALLEST_BOX} beats at least; these are {sizes}.")
    checked_ms = checked_intervals(nn_ms, at_least=_FEWEST_BOXES * sizes[-1], what=f"DFA over {sizes[-1]} beats")
    follows = checked_joined(joined, len(checked_ms))
    profile = np.cumsum(checked_ms - checked_ms.mean())
    edges = np.append(np.flatnonzero(~follows), len(profile)).tolist()
    stretches = [profile[begin:end] for begin, end in pairwise(edges) if end - begin >= sizes[0]]
    squares, boxes = np.zeros(len(sizes)), np.zeros(len(sizes), np.int64)
    for at, size in enumerate(sizes):
        for stretch in stretches:
            count = len(stretch) // size
            if not count:
                continue
            squares[at] += _left_over(stretch[: count * size].reshape(count, size))
            boxes[at] += count
    if boxes[-1] < _FEWEST_BOXES:
        raise TooShort(
            f"DFA needs {_FEWEST_BOXES} unbroken boxes of {sizes[-1]} beats; there are {boxes[-1]}. Use shorter scales."
        )
    fluctuation_ms = np.sqrt(squares / (boxes * sizes))
    if not fluctuation_ms.min() > _ROUNDING * float(checked_ms.max()):
        raise NoVariation("DFA has nothing to measure: within the boxes the intervals do not vary.")
    log_size, log_fluctuation = np.log(sizes), np.log(fluctuation_ms)
    spread = log_size - log_size.mean()
    return Dfa(
        alpha=float(spread @ log_fluctuation / (spread @ spread)),
        scale_beats=np.array(sizes, np.int64),
        fluctuation_ms=fluctuation_ms,
        boxes=boxes,
    )


# Of the intervals; what is smaller is rounding of the profile.
_ROUNDING: Final = 1e-9


def _left_over(boxes: NDArray[np.float64]) -> float:
    """Sum of squares of what is left of each row when its straight line is taken out."""
    size = len(boxes[0])
    position = np.arange(size, dtype=np.float64) - (size - 1) / 2
    centred = boxes - boxes.mean(axis=1, keepdims=True)
    slopes = centred @ position
    squares = np.einsum("ij,ij->", centred, centred)
    return max(0.0, float(squares - slopes @ slopes / (position @ position)))
