"""Time-domain metrics: statistics of the intervals, of their successive differences, and of their histogram.

Strategy: everything is computed from a `Tally`, exact integers, by one function, so that a live window and an array
give the same numbers to the bit. What a series cannot give is None, with the reason beside it.

References:
    Task Force of the ESC and NASPE, "Heart rate variability", Circulation 93, 1996 (SDNN, SDSD, RMSSD, NN50, pNN50, the
    triangular index, TINN).
    J. E. Mietus et al., "The pNNx files", Heart 88, 2002 (pNN20).
    M. Brennan, M. Palaniswami, P. Kamen, "Do existing measures of Poincaré plot geometry reflect nonlinear features of
    heart rate variability?", IEEE TBME 48(11), 2001 (SD1, SD2).
    R. M. Baevsky, A. G. Chernikova, "Heart rate variability analysis: physiological foundations and main methods",
    Cardiometry 10, 2017 (the stress index); Kubios shows its square root.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log, sqrt
from typing import Final

from numpy.typing import ArrayLike

from dsp.beats import GRID_PER_MS
from dsp.series import checked_intervals, checked_joined
from dsp.tally import HISTOGRAM_BIN, WIDE_BIN, Tally, median_deviation, on_grid, quantile, tally_of

_MS_PER_MIN: Final = 60_000
_SQRT_2: Final = sqrt(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeDomain:
    """Time-domain metrics of a series of NN intervals. A metric that is None has its reason in `absent`.

    Attributes:
        mean_nn_ms: arithmetic mean.
        mean_heart_rate_bpm: 60000 / `mean_nn_ms` (beats over time, not the mean of the beats' own rates).
        min_heart_rate_bpm: 60000 / the longest interval.
        max_heart_rate_bpm: 60000 / the shortest interval.
        median_nn_ms: median.
        mad_ms: median of the distances to the median (not scaled).
        iqr_ms: third minus first quartile, linearly interpolated.
        sdnn_ms: standard deviation (n - 1).
        cvnn_pct: 100 SDNN / mean.
        rmssd_ms: root of the mean square of successive differences, over pairs.
        ln_rmssd: natural logarithm of RMSSD in ms.
        sdsd_ms: standard deviation (n - 1) of successive differences.
        pnn20_pct: pairs that differ by more than 20 ms, in percent of the pairs.
        pnn50_pct: the same for 50 ms.
        sd1_ms: width of the Poincaré plot across the line of identity: SDSD / √2.
        sd2_ms: its length along that line: standard deviation (n - 1) of (later + earlier) / √2.
        sd1_sd2: their ratio.
        triangular_index: intervals over the height of their histogram in bins of 1/128 s that begin at 0.
        tinn_ms: base of the triangle that fits the same histogram best: its apex is on the highest bin (the first of
            several), its feet on centres of bins.
        baevsky_si: Baevsky's stress index, which says how narrow the histogram is and nothing about a feeling:
            AMo / (2 Mo MxDMn), with the share of the modal bin of 50 ms in percent, its centre in s, and the longest
            minus the shortest interval in s. In 1/s².
        baevsky_si_root: its square root.
        absent: name of each metric that is None, and why.
    """

    mean_nn_ms: float | None
    mean_heart_rate_bpm: float | None
    min_heart_rate_bpm: float | None
    max_heart_rate_bpm: float | None
    median_nn_ms: float | None
    mad_ms: float | None
    iqr_ms: float | None
    sdnn_ms: float | None
    cvnn_pct: float | None
    rmssd_ms: float | None
    ln_rmssd: float | None
    sdsd_ms: float | None
    pnn20_pct: float | None
    pnn50_pct: float | None
    sd1_ms: float | None
    sd2_ms: float | None
    sd1_sd2: float | None
    triangular_index: float | None
    tinn_ms: float | None
    baevsky_si: float | None
    baevsky_si_root: float | None
    absent: Mapping[str, str]


def time_domain(nn_ms: ArrayLike, *, joined: ArrayLike | None = None) -> TimeDomain:
    """All time-domain metrics of a series.

    Args:
        nn_ms: intervals in ms, shape (n,); counted on a grid of 1/1024 ms.
        joined: where an interval follows the one before it directly, shape (n,); without it all do. Successive
            differences are taken there only.

    Raises:
        SeriesError: these are no intervals (`TooShort` where there is none).
    """
    checked_ms = checked_intervals(nn_ms, at_least=1, what="A time-domain metric")
    return summarise(tally_of(on_grid(checked_ms), checked_joined(joined, len(checked_ms))))


def summarise(tally: Tally, *, least_pairs: int = 0, refused_because: str = "") -> TimeDomain:
    """The metrics of what was counted.

    Args:
        tally: counts; unchanged.
        least_pairs: on fewer pairs than these no metric of variability is given.
        refused_because: if not empty, no metric of variability is given, for this reason.
    """
    beats = tally.beats
    if not beats:
        return _without(_ALL, "there is no accepted interval")
    if not refused_because and tally.pairs < least_pairs:
        refused_because = f"there are {tally.pairs} pairs of accepted intervals, fewer than {least_pairs}"
    if not refused_because and tally.pairs < 2:
        refused_because = "there are fewer than two pairs of intervals that follow each other"
    ordered = tally.ordered
    mean_nn_ms = tally.total / (beats * GRID_PER_MS)
    location = {
        "mean_nn_ms": mean_nn_ms,
        "mean_heart_rate_bpm": _MS_PER_MIN * GRID_PER_MS * beats / tally.total,
        "min_heart_rate_bpm": _MS_PER_MIN * GRID_PER_MS / ordered[-1],
        "max_heart_rate_bpm": _MS_PER_MIN * GRID_PER_MS / ordered[0],
        "median_nn_ms": quantile(ordered, 1, 2) / GRID_PER_MS,
    }
    if refused_because:
        return _without(_VARIABILITY, refused_because, **location)
    pairs = tally.pairs
    sdnn_ms = _deviation(beats, tally.total, tally.squares)
    rmssd_ms = sqrt(tally.difference_squares / pairs) / GRID_PER_MS
    sdsd_ms = _deviation(pairs, tally.difference_total, tally.difference_squares)
    sd2_ms = _deviation(pairs, tally.sum_total, tally.sum_squares) / _SQRT_2
    highest = max(tally.histogram.values())
    index = _baevsky(tally)
    absent: dict[str, str] = {}
    if not rmssd_ms:
        absent["ln_rmssd"] = "RMSSD is 0"
    if not sd2_ms:
        absent["sd1_sd2"] = "SD2 is 0"
    if not index:
        absent["baevsky_si"] = absent["baevsky_si_root"] = "all intervals are equal"
    return TimeDomain(
        **location,
        mad_ms=median_deviation(ordered) / GRID_PER_MS,
        iqr_ms=(quantile(ordered, 3, 4) - quantile(ordered, 1, 4)) / GRID_PER_MS,
        sdnn_ms=sdnn_ms,
        cvnn_pct=100 * sdnn_ms / mean_nn_ms,
        rmssd_ms=rmssd_ms,
        ln_rmssd=log(rmssd_ms) if rmssd_ms else None,
        sdsd_ms=sdsd_ms,
        pnn20_pct=100 * tally.over_20 / pairs,
        pnn50_pct=100 * tally.over_50 / pairs,
        sd1_ms=sdsd_ms / _SQRT_2,
        sd2_ms=sd2_ms,
        sd1_sd2=sdsd_ms / _SQRT_2 / sd2_ms if sd2_ms else None,
        triangular_index=beats / highest,
        tinn_ms=_triangle_base(tally, highest) * HISTOGRAM_BIN / GRID_PER_MS,
        baevsky_si=index,
        baevsky_si_root=sqrt(index) if index else None,
        absent=absent,
    )


def _deviation(count: int, total: int, squares: int) -> float:
    """Standard deviation (n - 1) in ms from exact sums on the grid; `count` is 2 at least."""
    return sqrt((count * squares - total * total) / (count * (count - 1))) / GRID_PER_MS


def _baevsky(tally: Tally) -> float | None:
    """AMo / (2 Mo MxDMn) in 1/s²; None if all intervals are equal."""
    spread_s = (tally.ordered[-1] - tally.ordered[0]) / (1000 * GRID_PER_MS)
    if not spread_s:
        return None
    highest = max(tally.wide_histogram.values())
    mode = min(bin_ for bin_, count in tally.wide_histogram.items() if count == highest)
    mode_s = (mode + 0.5) * WIDE_BIN / (1000 * GRID_PER_MS)
    return 100 * highest / tally.beats / (2 * mode_s * spread_s)


def _triangle_base(tally: Tally, highest: int) -> int:
    """Base, in bins, of the triangle on the first highest bin that has the least squared distance to the histogram."""
    histogram = tally.histogram
    apex = min([bin_ for bin_, count in histogram.items() if count == highest])
    below = apex - tally.ordered[0] // HISTOGRAM_BIN
    above = tally.ordered[-1] // HISTOGRAM_BIN - apex
    return _foot(histogram, highest, apex=apex, step=-1, most=below + 1) + _foot(
        histogram, highest, apex=apex, step=1, most=above + 1
    )


def _foot(histogram: Mapping[int, int], highest: int, *, apex: int, step: int, most: int) -> int:
    """How many bins from the apex the foot on one side stands: from 1 (steepest) to `most`.

    With the foot k bins away, the line is highest * j / k at j bins from the foot. Its squared distance to the counts,
    less what does not depend on k and over `highest`, is highest (k-1)(2k-1) / (6k) - 2 S / k, with S the sum of
    count * j. From k to k + 1 every j grows by one, so S grows by the sum of the counts between.
    """
    best, least, between, weighted = 1, 0.0, 0, 0
    for foot in range(1, most):
        between += histogram.get(apex + step * foot, 0)
        weighted += between
        wide = foot + 1
        distance = (highest * foot * (2 * wide - 1) - 12 * weighted) / (6 * wide)
        if distance < least:
            best, least = wide, distance
    return best


_ALL: Final = tuple(name for name in TimeDomain.__dataclass_fields__ if name != "absent")
_LOCATION: Final = ("mean_nn_ms", "mean_heart_rate_bpm", "min_heart_rate_bpm", "max_heart_rate_bpm", "median_nn_ms")
_VARIABILITY: Final = tuple(name for name in _ALL if name not in _LOCATION)


def _without(names: tuple[str, ...], reason: str, **known: float) -> TimeDomain:
    values: dict[str, float | None] = dict.fromkeys(_ALL)
    values.update(known)
    return TimeDomain(**values, absent=dict.fromkeys(names, reason))
