"""How far a window's mean heart rate, SDNN and RMSSD may lie from those of a longer stay in the same state.

Strategy: successive intervals are not independent, so the textbook errors of a mean and of a variance are too small.
The autocovariances of the window itself, up to 30 beats apart, say by how much. For the variances (SDNN, RMSSD) that is
Bartlett's formula for a Gaussian process, Var(s²)/s⁴ = 2/n (1 + 2 Σ ρ²), laid on the logarithm; for the mean it is the
Newey-West estimate. The interval is analytic (no bootstrap) and holds for variation that the window can see: of a drift
slower than the window no interval made from the window can know. Products of intervals are exact integers, so here too
a sliding window equals a fresh one to the bit.

Intervals are laid into slots, one for each beat, empty where it was not usable, and with as many empty slots at a gap
as there are lags: then no product reaches across.

References:
    M. S. Bartlett, "On the theoretical specification and sampling properties of autocorrelated time-series", JRSS
    Supplement 8(1), 1946.
    W. K. Newey, K. D. West, "A simple, positive semi-definite, heteroskedasticity and autocorrelation consistent
    covariance matrix", Econometrica 55(3), 1987.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dsp.beats import GRID_PER_MS
from dsp.tally import Tally

LEVEL_PCT: Final = 95
_NORMAL_QUANTILE: Final = 1.959964
LAGS: Final = 30
"""About 25 s at rest: two and a half waves of 0.1 Hz, the slowest rhythm that a window of a minute holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A 95 % interval, in the unit of the metric."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """95 % intervals of the metrics for which a formula is known; None where the metric itself is not given."""

    mean_heart_rate_bpm: Interval | None
    sdnn_ms: Interval | None
    rmssd_ms: Interval | None

    def by_metric(self) -> tuple[tuple[str, Interval | None], ...]:
        """Each metric's name and its interval."""
        return (
            ("mean_heart_rate_bpm", self.mean_heart_rate_bpm),
            ("sdnn_ms", self.sdnn_ms),
            ("rmssd_ms", self.rmssd_ms),
        )


NO_INTERVALS: Final = Intervals(mean_heart_rate_bpm=None, sdnn_ms=None, rmssd_ms=None)


@dataclass(slots=True)
class Slots:
    """Intervals in slots, in units of 1/1024 ms; `LAGS` empty slots at each gap and after the last.

    Attributes:
        nn: the interval, 0 in an empty slot, shape (slots,).
        taken: 1 where there is an interval, else 0, shape (slots,).
        difference: to the interval directly before, 0 where there is none, shape (slots,).
    """

    nn: NDArray[np.int64]
    taken: NDArray[np.int64]
    difference: NDArray[np.int64]


def slots_of(
    nn: NDArray[np.int64], joined: NDArray[np.bool_], *, used: NDArray[np.bool_], gap_before: NDArray[np.bool_]
) -> Slots:
    """A whole series in slots.

    Args:
        nn: the intervals that are used, shape (n,).
        joined: where the difference of one of them to the one before it counts, shape (n,), False for the first.
        used: which of all intervals these are, shape (m,); the others keep an empty slot.
        gap_before: where intervals are missing before one of all, shape (m,).
    """
    breaks = gap_before.copy()
    breaks[:1] = False
    all_at = np.arange(len(used)) + LAGS * np.cumsum(breaks)
    slots = empty_slots(int(all_at[-1]) + 1 + LAGS if len(used) else LAGS)
    at = all_at[used]
    slots.nn[at], slots.taken[at] = nn, 1
    later = np.flatnonzero(joined)
    slots.difference[at[later]] = nn[later] - nn[later - 1]
    return slots


def empty_slots(size: int) -> Slots:
    """Slots with nothing in them."""
    return Slots(nn=np.zeros(size, np.int64), taken=np.zeros(size, np.int64), difference=np.zeros(size, np.int64))


def intervals(tally: Tally, slots: Slots, *, sdnn_ms: float, rmssd_ms: float) -> Intervals:
    """The intervals around the metrics of a window.

    Args:
        tally: what the metrics were computed from; two pairs at least.
        slots: the same intervals in slots.
        sdnn_ms: as computed from the tally.
        rmssd_ms: as computed from the tally.
    """
    beats, pairs = tally.beats, tally.pairs
    mean = tally.total / beats
    widest = tally.ordered[-1] - tally.ordered[0]  # neither a deviation from the mean nor a difference exceeds it
    covariances = _lagged((slots.nn - round(mean)) * slots.taken, widest)
    variance = covariances[0] / beats
    known = min(LAGS, beats // 2)
    weights = _WEIGHTS if known == LAGS else _newey_west(known)
    weighted = float(np.dot(covariances[1 : known + 1], weights)) / beats
    error = sqrt(max(variance + 2 * weighted, 0.0) / beats)
    return Intervals(
        mean_heart_rate_bpm=Interval(
            low=60_000 * GRID_PER_MS / (mean + _NORMAL_QUANTILE * error),
            high=60_000 * GRID_PER_MS / max(mean - _NORMAL_QUANTILE * error, 1.0),
        ),
        sdnn_ms=_around(sdnn_ms, covariances, beats),
        rmssd_ms=_around(rmssd_ms, _lagged(slots.difference, widest), pairs),
    )


def _around(deviation_ms: float, covariances: NDArray[np.float64], count: int) -> Interval:
    """Bartlett's interval of a standard deviation, on the logarithm."""
    if not covariances[0]:
        return Interval(low=deviation_ms, high=deviation_ms)
    lagged = covariances[1 : min(LAGS, count // 2) + 1]
    correlated = float(np.dot(lagged, lagged)) / float(covariances[0]) ** 2
    error = 0.5 * sqrt(2 / count * (1 + 2 * correlated))
    factor = exp(_NORMAL_QUANTILE * error)
    return Interval(low=deviation_ms / factor, high=deviation_ms * factor)


def _newey_west(lags: int) -> NDArray[np.float64]:
    return 1 - np.arange(1, lags + 1) / (lags + 1)


_WEIGHTS: Final = _newey_west(LAGS)


def _lagged(values: NDArray[np.int64], largest: int) -> NDArray[np.float64]:
    """Sums of products of values 0 to `LAGS` slots apart; the last `LAGS` are empty, no value exceeds `largest`."""
    # Products are summed in 64 bits; only windows of a day, or intervals of minutes, have to give up low bits for that.
    excess = 2 * largest.bit_length() + len(values).bit_length() - 62
    if excess > 0:
        values = values >> (excess + 1) // 2
    return np.correlate(values, values[: len(values) - LAGS], "valid").astype(np.float64)
