"""Takes the slow trend out of a series and leaves its variability.

Strategy: smoothness priors are a high-pass filter without a transient: the trend is the series that lies near the
values and bends little, found by one banded solve in time and memory proportional to the length. The matrix is written
with its true corners, so that the first and last values are treated as exactly as those in the middle. A straight line
bends nowhere, so it is trend to the last bit: it is taken out before the solve, which keeps rounding small.

References:
    M. P. Tarvainen, P. O. Ranta-aho, P. A. Karjalainen, "An advanced detrending method with application to HRV
    analysis", IEEE Trans. Biomed. Eng. 49(2), 2002, doi 10.1109/10.979357.
"""

from __future__ import annotations

from typing import Final, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dsp.errors import SeriesError, TooShort

# The paper's choice for RR at 4 Hz: it lets pass what is faster than about 0.035 Hz.
REGULARISATION: Final = 500.0
# The condition of the matrix is 16 λ²: above this the solution would hold fewer than four sure digits.
_LARGEST_REGULARISATION: Final = 1e5
# A curvature takes three values.
_FEWEST: Final = 3


def smoothness_priors(values: ArrayLike, *, regularisation: float = REGULARISATION) -> NDArray[np.float64]:
    """The values without their slow trend: z = (I − (I + λ² D₂ᵀ D₂)⁻¹) x, with D₂ the second differences.

    The filter's gain at w radians a sample is g / (1 + g), g = 16 λ² sin(w / 2)⁴: half at w ≈ 1 / √λ, so the default of
    500 on RR at 4 Hz passes what is faster than 0.028 Hz (gain 0.70 at 0.035 Hz). On beats, one value a second or so,
    the same number cuts at about 0.007 Hz.

    Args:
        values: evenly spaced values of any unit, shape (n,), n >= 3.
        regularisation: λ, above 0 and at most 1e5; the greater, the slower the trend.

    Returns:
        Values minus trend, in the unit of `values`, shape (n,). Their sum is 0, and so is their first moment.

    Raises:
        TooShort: fewer than three values.
        SeriesError: not one-dimensional, not numbers, not finite, or λ out of its range.
    """
    from scipy.linalg import solveh_banded

    if not 0 < regularisation <= _LARGEST_REGULARISATION:
        raise SeriesError(f"The regularisation is above 0 and at most 1e5; it is {regularisation:g}.")
    series = _checked(values)
    count = len(series)
    positions = np.arange(count, dtype=np.float64) - (count - 1) / 2
    bent = series - float(series.mean())
    bent -= positions * float((positions @ bent) / (positions @ positions))
    trend = cast("NDArray[np.float64]", solveh_banded(_smoothness(count, regularisation), bent, check_finite=False))
    return bent - trend


def _smoothness(count: int, regularisation: float) -> NDArray[np.float64]:
    """I + λ² D₂ᵀ D₂ in the upper banded form of LAPACK, built by adding up the rows of D₂."""
    bands = np.zeros((3, count))
    rows = count - 2
    for at, weight in enumerate((1.0, -2.0, 1.0)):
        bands[2, at : at + rows] += weight * weight
    for at, product in enumerate((-2.0, -2.0)):  # neighbours within a row: 1·−2 and −2·1
        bands[1, at + 1 : at + 1 + rows] += product
    bands[0, 2:] += 1.0
    bands *= regularisation * regularisation
    bands[2] += 1.0
    return bands


def _checked(values: ArrayLike) -> NDArray[np.float64]:
    given = np.asarray(values)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iuf"):
        raise SeriesError(f"A series is a one-dimensional array of numbers; this is {given.dtype} of {given.shape}.")
    if given.size < _FEWEST:
        raise TooShort(f"A trend needs at least {_FEWEST} values; there are {given.size}.")
    series = given.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(series))
    if len(bad):
        raise SeriesError(f"Value {int(bad[0])} is {series[bad[0]]:g}: leave out what is not known.")
    return series
