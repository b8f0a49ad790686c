"""Recovery after a spike: how fast the heart rate came down again, by a fit with an interval, or why that is not known.

Strategy: the time until a line crosses some level depends on its wiggles and has next to no retest reliability; a curve
with three parameters (amount, speed, level) fitted to the whole way down has. The curve is the falling half of a
logistic,

    heart rate(t) = level + amount * 2 / (1 + exp(speed * t)),        half-time = ln 3 / speed,

with t from the second in which the way down began (the last one at nine tenths of the rise), so that a plateau at the
top counts to the rise. The error of the half-time has three parts, added as squares: that of the fit (a sandwich over
lags of 20 s, for the residuals of a smoothed heart rate follow one another), not knowing to the second when the way
down began, and not knowing its true shape: an exponential with the same half-time gives another answer. The last two do
not show in the residuals; their sizes were found on simulated hearts. What cannot be answered is refused with its
reason: a heart that has not come half the way down has not settled; a fit that explains little, or whose half-time may
be anything, cannot tell.

References:
    N. Christenfeld, L. M. Glynn, W. Gerin, "On the reliable assessment of cardiovascular recovery: an application of
    curve-fitting techniques", Psychophysiology 37(4), 2000.
    W. K. Newey, K. D. West, Econometrica 55(3), 1987 (the sandwich).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from math import exp, log, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dsp.heart_rate import HeartRateSample
from dsp.spikes import Spike, SpikeStart
from dsp.uncertainty import Interval

LONGEST_S: Final = 180.0
"""The way down is looked at for so long after the peak."""
_TOP_SHARE: Final = 0.9
_LEAST_SAMPLES: Final = 20
# The way down is fitted over so many times the time to its first crossing of half the rise, and so long at least: what
# a heart rate does later is no recovery any more.
_LOOK_HALVES: Final = 4.0
_LEAST_LOOK_S: Final = 40.0
_LAGS: Final = 20
_NORMAL_QUANTILE: Final = 1.959964
# How far off the start of the way down is, and by how much the answer depends on the curve's shape (as a logarithm):
# standard deviations, found on hearts that come down along an exponential and along a logistic.
_START_S: Final = 2.0
_SHAPE: Final = 0.13
# Below this share of explained variance the line did something else than come down.
_LEAST_R2: Final = 0.6
# An interval whose ends differ by more than this factor says nothing about how fast it was.
_WIDEST_RATIO: Final = 4.0
# A gap of a few seconds in the line is left out of the fit; a longer one ends the way down.
_GAP_S: Final = 5.0
# From the start of a way down to the end of the look at it: onset to peak lies within a spike's longest.
_KEPT_S: Final = 2 * LONGEST_S + 60.0


class RecoveryVerdict(StrEnum):
    """What can be said of a recovery."""

    FITTED = "fitted"
    NOT_SETTLED = "not settled"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """How the heart rate came down after a spike.

    Attributes:
        verdict: whether there is an answer.
        reason: why not; empty if there is.
        began_s: when the way down began.
        until_s: until when it was looked at.
        half_time_s: seconds until half of the amount was gone; None without an answer, as are the next three.
        half_time_interval_s: its 95 % interval.
        amount_bpm: by how much it came down in the end.
        level_bpm: to what.
    """

    verdict: RecoveryVerdict
    reason: str = ""
    began_s: float
    until_s: float
    half_time_s: float | None = None
    half_time_interval_s: Interval | None = None
    amount_bpm: float | None = None
    level_bpm: float | None = None


class RecoveryStage:
    """Stage: heart-rate samples and spikes in, in the order in which the detector gives them; recoveries out.

    A recovery comes with the onset of its spike, `LONGEST_S` after the peak or as soon as the way down was cut off.
    """

    def __init__(self) -> None:
        """No spike yet."""
        self._recent: deque[HeartRateSample] = deque()
        self._waiting: Spike | None = None

    def push(
        self, sample: HeartRateSample, changes: tuple[SpikeStart | Spike, ...] = ()
    ) -> tuple[tuple[float, Recovery], ...]:
        """Take a sample and what the detector said to it; return (onset of the spike, recovery) where one is done."""
        done: list[tuple[float, Recovery]] = []
        if sample.gap_before and self._recent and sample.at_s - self._recent[-1].at_s > _GAP_S:
            # A spike that this gap ended is among the changes; its way down lies before the gap.
            done += self._end("the signal broke off")
            for change in changes:
                if isinstance(change, Spike):
                    self._waiting = change
                    done += self._end("the signal broke off")
            changes = ()
            self._recent.clear()
        self._recent.append(sample)
        while self._recent[0].at_s < sample.at_s - _KEPT_S:
            self._recent.popleft()
        for change in changes:
            if isinstance(change, SpikeStart):
                done += self._end("the next rise began", before_s=change.onset_s)
            else:
                done += self._end("the next rise began", before_s=change.onset_s)
                self._waiting = change
        if self._waiting is not None and sample.at_s >= self._waiting.peak_s + LONGEST_S:
            done += self._end(f"{LONGEST_S:.0f} s were over")
        return tuple(done)

    def flush(
        self, changes: tuple[SpikeStart | Spike, ...] = (), *, cut_by: str = "the recording ended"
    ) -> tuple[tuple[float, Recovery], ...]:
        """The series is over, for the reason `cut_by`."""
        done = list(self._end(cut_by))
        for change in changes:
            if isinstance(change, Spike):
                self._waiting = change
                done += self._end(cut_by)
        self._recent.clear()
        return tuple(done)

    def _end(self, cut_by: str, *, before_s: float = float("inf")) -> tuple[tuple[float, Recovery], ...]:
        spike, self._waiting = self._waiting, None
        if spike is None:
            return ()
        samples = [one for one in self._recent if spike.onset_s <= one.at_s < min(before_s, spike.peak_s + LONGEST_S)]
        at_s = np.array([one.at_s for one in samples])
        heart_rate_bpm = np.array([one.heart_rate_bpm for one in samples])
        found = recovery(at_s, heart_rate_bpm, usual_bpm=spike.usual_bpm, cut_by=cut_by)
        return ((spike.onset_s, found),)


def recovery(
    at_s: NDArray[np.float64], heart_rate_bpm: NDArray[np.float64], *, usual_bpm: float, cut_by: str
) -> Recovery:
    """The recovery in a line that holds a rise and what came after it.

    Args:
        at_s: times of the samples in seconds, rising, shape (n,).
        heart_rate_bpm: smoothed heart rate at these times, shape (n,).
        usual_bpm: the person's usual, which the rise stands on.
        cut_by: why the line ends where it does, for the reason.
    """
    if len(at_s) == 0:
        return Recovery(verdict=RecoveryVerdict.CANNOT_TELL, reason=cut_by, began_s=0.0, until_s=0.0)
    top_bpm = usual_bpm + _TOP_SHARE * (float(np.max(heart_rate_bpm)) - usual_bpm)
    began = int(np.flatnonzero(heart_rate_bpm >= top_bpm)[-1])
    t_s, bpm = at_s[began:] - at_s[began], heart_rate_bpm[began:]
    half_bpm = usual_bpm + (float(bpm[0]) - usual_bpm) / 2
    verdict, reason, fit = RecoveryVerdict.CANNOT_TELL, "", None
    if not np.any(bpm <= half_bpm):
        verdict, reason = RecoveryVerdict.NOT_SETTLED, f"not half the way down when {cut_by}"
    elif len(bpm) < _LEAST_SAMPLES:
        reason = f"too short: {cut_by}"
    else:
        first_half_s = float(t_s[np.flatnonzero(bpm <= half_bpm)[0]])
        looked_at = t_s <= max(_LEAST_LOOK_S, _LOOK_HALVES * first_half_s)
        t_s, bpm = t_s[looked_at], bpm[looked_at]
        fit = _fit(t_s, bpm)
        if fit is None:
            reason = "no curve fits the way down"
        elif fit.half_time_interval_s.high > _WIDEST_RATIO * fit.half_time_interval_s.low:
            reason, fit = "the half-time could be anything", None
    return Recovery(
        verdict=verdict if fit is None else RecoveryVerdict.FITTED,
        reason=reason,
        began_s=float(at_s[began]),
        until_s=float(at_s[began] + t_s[-1]),
        half_time_s=None if fit is None else fit.half_time_s,
        half_time_interval_s=None if fit is None else fit.half_time_interval_s,
        amount_bpm=None if fit is None else fit.amount_bpm,
        level_bpm=None if fit is None else fit.level_bpm,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    half_time_s: float
    half_time_interval_s: Interval
    amount_bpm: float
    level_bpm: float


def _curve(t_s: NDArray[np.float64], log_speed: float) -> NDArray[np.float64]:
    return 1 - np.tanh(exp(log_speed) * t_s / 2)  # 2 / (1 + exp(speed t)), without overflow


def _fit(t_s: NDArray[np.float64], bpm: NDArray[np.float64]) -> _Fit | None:
    """The curve. For a given speed the other two are linear: one search is enough."""
    from scipy import optimize

    def solve(log_speed: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        design = np.column_stack([_curve(t_s, log_speed), np.ones_like(t_s)])
        solution = np.asarray(np.linalg.lstsq(design, bpm, rcond=None)[0], dtype=np.float64)
        return solution, bpm - design @ solution

    def cost(log_speed: float) -> float:

        return float(np.sum(solve(log_speed)[1] ** 2))

    slowest, fastest = log(log(3) / (2 * LONGEST_S)), log(log(3) / 1.5)
    grid = np.linspace(slowest, fastest, 24)
    best = int(np.argmin([cost(value) for value in grid]))
    low, high = grid[max(0, best - 1)], grid[min(len(grid) - 1, best + 1)]
    log_speed = float(optimize.minimize_scalar(cost, bounds=(low, high), method="bounded").x)
    (amount, level), residuals = solve(log_speed)
    total = float(np.sum((bpm - bpm.mean()) ** 2))
    if amount <= 0 or total == 0 or 1 - float(np.sum(residuals**2)) / total < _LEAST_R2:
        return None
    error = _standard_error(t_s, log_speed, float(amount), residuals)
    if error is None:
        return None
    half_time_s = log(3) / exp(log_speed)
    width = _NORMAL_QUANTILE * sqrt(error**2 + (_START_S / half_time_s) ** 2 + _SHAPE**2)
    if width > log(1000):
        return None
    return _Fit(
        half_time_s=half_time_s,
        half_time_interval_s=Interval(low=half_time_s * exp(-width), high=half_time_s * exp(width)),
        amount_bpm=float(amount),
        level_bpm=float(level),
    )


def _standard_error(
    t_s: NDArray[np.float64], log_speed: float, amount_bpm: float, residuals: NDArray[np.float64]
) -> float | None:
    """Standard error of the logarithm of the speed; None where the curve does not depend on it."""
    shape = _curve(t_s, log_speed)
    slope = -amount_bpm * (1 - (1 - shape) ** 2) * exp(log_speed) * t_s / 2
    jacobian = np.column_stack([shape, np.ones_like(t_s), slope])
    gram = jacobian.T @ jacobian
    if np.linalg.cond(gram) > 1e12:
        return None
    bread = np.linalg.inv(gram)
    scores = jacobian * residuals[:, None]
    meat = scores.T @ scores
    for lag in range(1, min(_LAGS, len(t_s) - 1) + 1):
        cross = scores[:-lag].T @ scores[lag:]
        meat += (1 - lag / (_LAGS + 1)) * (cross + cross.T)
    variance = float((bread @ meat @ bread)[2, 2]) * len(t_s) / (len(t_s) - 3)
    # The sandwich shrinks where the residuals leave no trace; the plain formula is its floor.
    plain = float(bread[2, 2]) * float(np.sum(residuals**2)) / (len(t_s) - 3)
    return float(np.sqrt(max(variance, plain)))
