"""How far the heart rate swings with a breath that a pacer sets, and at which of several rates it swings most.

Strategy: the rate is known, so nothing is searched for. The heart rate is a step line (each interval's own rate, for as
long as it lasted); its mean over one breath, which moves with it, is taken off, so that drift goes and the breath stays
whole. Each breath then gives one sine and one cosine, and the scatter of these from breath to breath says how far their
mean can be trusted, whatever the colour of what else the heart does. Two rates are told apart only if the difference of
their swings is larger than its own error.

The heart takes a while to follow: the first one and a half breaths of a step are not counted, nor the last half, in
which the moving mean would reach beyond it. Holes are not bridged: a breath is judged by the part of it that is known,
and is not counted if that is less than three quarters.

A step line is flatter than the line that it stands for; what that takes off a sine is known and put back.

References:
    F. Shaffer, Z. M. Meehan, "A practical guide to resonance frequency assessment for heart rate variability
    biofeedback", Front. Neurosci. 14, 2020, doi 10.3389/fnins.2020.570400: steps of 6.5 to 4.5 breaths a minute, two
    minutes each, and the peak-to-trough swing as the first thing to look at.
    B. L. Welch, "The generalization of 'Student's' problem when several different population variances are involved",
    Biometrika 34, 1947, doi 10.1093/biomet/34.1-2.28.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from dsp.beats import CleanBeat
from dsp.breathing import CannotTell
from dsp.errors import SeriesError
from dsp.uncertainty import LEVEL_PCT, Interval
from dsp.windows import MAX_CORRECTED_PCT

LEAST_BREATHS: Final = 5
_SAMPLES_A_BREATH: Final = 200
_SETTLING_BREATHS: Final = 1.5
_LAST_BREATHS: Final = 0.5
_LEAST_KNOWN: Final = 0.75
# Beat times are known to some ten milliseconds; a hole shorter than this is none.
_JOINT_S: Final = 0.15
# Breaths that follow each other are a little alike; with this their error holds in noise of most colours.
_ALIKE: Final = 1.15
# A test asks at five rates whether there is a swing at all; asked so, it finds one in noise in one test of twenty.
_STANDS_OUT: Final = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class PacedResponse:
    """What the heart rate did while the breath was paced.

    Attributes:
        breaths_per_min: as paced.
        swing_bpm: of the heart rate at this rate, peak to trough of its sine.
        swing_within_bpm: its 95 % interval; from 0 where no swing can be told from none.
        error_bpm: standard error of `swing_bpm`.
        peak_s: when the sine is highest, in seconds after an in-breath begins; 0 up to the length of a breath.
        share_pct: of the variance of the heart rate around its mean over a breath, what lies in this sine; 0..100.
        breaths: that were counted.
        beats: that lie under them.
        corrected_pct: of the intervals of the step, those that were changed or flagged.
    """

    breaths_per_min: float
    swing_bpm: float
    swing_within_bpm: Interval
    error_bpm: float
    peak_s: float
    share_pct: float
    breaths: int
    beats: int
    corrected_pct: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRate:
    """The rates of a stepped test at which the heart rate swung most.

    Attributes:
        breaths_per_min: rising; a single one is the person's own rate, several cannot be told apart.
        at_edge: it is a single one, and the slowest or fastest that was tried: what lies beyond may be larger still.
    """

    breaths_per_min: tuple[float, ...]
    at_edge: bool


def paced_response(
    beats: Sequence[CleanBeat], *, breaths_per_min: float, since_s: float, until_s: float
) -> PacedResponse | CannotTell:
    """The swing of the heart rate at a known rate of breathing, or why it cannot be told.

    It needs five breaths of which three quarters are known, beside the two at the ends that are not counted, and no
    more than 20 % of corrected intervals.

    Args:
        beats: rising in time; those outside of the step are left out.
        breaths_per_min: as paced, above 0.
        since_s: when the first in-breath began.
        until_s: when the pacing at this rate ended.

    Raises:
        SeriesError: the rate is not above 0, or the step has no length.
    """
    if not (breaths_per_min > 0 and until_s > since_s):
        raise SeriesError(f"A step needs a rate and a length above 0: {breaths_per_min}, {since_s} to {until_s}.")
    inside = [beat for beat in beats if since_s < beat.at_s <= until_s + 1]
    if not inside:
        return CannotTell(reason="no beats came")
    corrected_pct = 100 * sum(not beat.as_sent for beat in inside) / len(inside)
    if corrected_pct > MAX_CORRECTED_PCT:
        return CannotTell(
            reason=f"{corrected_pct:.0f} % of the intervals had to be corrected, more than {MAX_CORRECTED_PCT:.0f} %"
        )
    usable = [beat for beat in inside if beat.usable]
    breath_s = 60 / breaths_per_min
    breaths = int((until_s - since_s) / breath_s + 1e-9 - _SETTLING_BREATHS - _LAST_BREATHS)
    waves, power, counted = _waves(usable, breath_s=breath_s, since_s=since_s, breaths=breaths)
    if len(waves) < LEAST_BREATHS:
        return CannotTell(reason=f"{len(waves)} breaths are known well enough; it takes {LEAST_BREATHS}")
    spans = [(since_s + (_SETTLING_BREATHS + at) * breath_s) for at in counted]
    under = [beat for beat in usable if any(begin < beat.at_s <= begin + breath_s for begin in spans)]
    # The mean of a sine over an interval is smaller than the sine by sinc, and so is its product with a step line.
    flatter = float(np.mean(np.sinc(np.array([beat.nn_ms for beat in under]) / 1000 / breath_s) ** 2))
    mean = waves.mean(axis=0)
    amplitude_bpm = float(np.hypot(*mean))
    towards = mean / amplitude_bpm if amplitude_bpm > 0 else np.array([1.0, 0.0])
    covariance = _ALIKE**2 * np.cov(waves, rowvar=False) / len(waves)
    error_bpm = float(np.sqrt(max(0.0, towards @ covariance @ towards)))
    reach_bpm = _student(len(waves) - 1) * error_bpm
    low_bpm = amplitude_bpm - reach_bpm if _stands_out(mean, covariance, len(waves)) else 0.0
    scale = 2 / flatter
    return PacedResponse(
        breaths_per_min=breaths_per_min,
        swing_bpm=scale * amplitude_bpm,
        swing_within_bpm=Interval(low=scale * max(0.0, low_bpm), high=scale * (amplitude_bpm + reach_bpm)),
        error_bpm=scale * error_bpm,
        peak_s=float(np.arctan2(mean[1], mean[0]) / (2 * np.pi) * breath_s % breath_s),
        share_pct=min(100.0, 100 * amplitude_bpm**2 / 2 / power) if power > 0 else 0.0,
        breaths=len(waves),
        beats=len(under),
        corrected_pct=corrected_pct,
    )


def own_rate(responses: Sequence[PacedResponse | CannotTell]) -> OwnRate | CannotTell:
    """The rate at which the heart rate swings most, as far as a stepped test tells it.

    A rate is left out if its swing is smaller than the largest by more than the error of the difference (Welch's t
    test, 95 %). Where all swing alike, a single rate is left in less than one test of twenty.

    Args:
        responses: of each step, at least two.
    """
    told = [response for response in responses if isinstance(response, PacedResponse)]
    if len(told) < len(responses) or len(told) < 2:
        return CannotTell(reason="not every rate could be measured")
    most = max(told, key=lambda response: response.swing_bpm)
    if not most.swing_within_bpm.low > 0:
        return CannotTell(reason="no swing with the breath can be told from chance at any rate")
    alike = tuple(
        sorted({response.breaths_per_min for response in told if response is most or not _larger(most, response)})
    )
    rates = [response.breaths_per_min for response in told]
    return OwnRate(breaths_per_min=alike, at_edge=len(alike) == 1 and alike[0] in (min(rates), max(rates)))


def _waves(
    beats: Sequence[CleanBeat], *, breath_s: float, since_s: float, breaths: int
) -> tuple[NDArray[np.float64], float, list[int]]:
    """Cosine and sine of each breath that is known, shape (n, 2) in bpm; the mean power; which breaths these are."""
    if breaths < 1 or len(beats) < 2:
        return np.empty((0, 2)), 0.0, []
    # From half a breath before the first that is counted to half a breath after the last.
    first = round((_SETTLING_BREATHS - 0.5) * _SAMPLES_A_BREATH)
    ticks = np.arange(first, first + (breaths + 1) * _SAMPLES_A_BREATH + 1)
    at_s = since_s + (ticks + 0.5) * breath_s / _SAMPLES_A_BREATH
    line_bpm = _step_line(beats, at_s)
    known = ~np.isnan(line_bpm)
    if not known.any():
        return np.empty((0, 2)), 0.0, []
    angle = 2 * np.pi * (at_s - since_s) / breath_s
    wave = np.column_stack((np.cos(angle), np.sin(angle)))
    rest_bpm = line_bpm - _mean_over_a_breath(line_bpm, known, wave)
    waves: list[Any] = []
    powers: list[float] = []
    counted: list[int] = []
    for at in range(breaths):
        begin = _SAMPLES_A_BREATH // 2 + at * _SAMPLES_A_BREATH
        around = known[begin - _SAMPLES_A_BREATH // 2 : begin + _SAMPLES_A_BREATH * 3 // 2]
        own = np.arange(begin, begin + _SAMPLES_A_BREATH)[known[begin : begin + _SAMPLES_A_BREATH]]
        if min(len(own) / _SAMPLES_A_BREATH, float(around.mean())) < _LEAST_KNOWN:
            continue
        waves.append(np.linalg.lstsq(wave[own], rest_bpm[own], rcond=None)[0])
        powers.append(float(np.mean(rest_bpm[own] ** 2)))
        counted.append(at)
    return np.array(waves, dtype=np.float64).reshape(-1, 2), float(np.mean(powers)) if powers else 0.0, counted


def _mean_over_a_breath(
    line_bpm: NDArray[np.float64], known: NDArray[np.bool_], wave: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The mean over the breath around each instant.

    A missing part of a wave would bend it; there the wave of the whole step stands in, for this mean alone.
    """
    ground = np.column_stack((np.ones(len(line_bpm)), np.linspace(-1, 1, len(line_bpm)), wave))
    fitted = ground @ np.linalg.lstsq(ground[known], line_bpm[known], rcond=None)[0]
    weights = np.ones(_SAMPLES_A_BREATH + 1)
    weights[[0, -1]] = 0.5
    mean: NDArray[np.float64] = np.convolve(np.where(known, line_bpm, fitted), weights / _SAMPLES_A_BREATH, mode="same")
    return mean


def _step_line(beats: Sequence[CleanBeat], at_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rate of the interval that each instant lies in, in bpm; NaN where it lies in none."""
    ends_s = np.array([beat.at_s for beat in beats])
    nn_ms = np.array([beat.nn_ms for beat in beats])
    index = np.searchsorted(ends_s, at_s)
    known = index < len(beats)
    index = np.minimum(index, len(beats) - 1)
    known &= at_s > ends_s[index] - nn_ms[index] / 1000 - _JOINT_S
    return np.where(known, 60_000 / nn_ms[index], np.nan)


def _student(freedom: float) -> float:
    """The two-sided 95 % quantile of Student's t."""
    from scipy.special import stdtrit

    return float(cast("float", stdtrit(freedom, 0.5 + LEVEL_PCT / 200)))


def _stands_out(mean: NDArray[np.float64], covariance: NDArray[np.float64], count: int) -> bool:
    """Whether sine and cosine together differ from nothing (Hotelling's T²)."""
    from scipy.special import fdtri

    if np.linalg.det(covariance) <= 0:
        return float(np.hypot(*mean)) > 0
    squared = float(mean @ np.linalg.solve(covariance, mean))
    limit = float(cast("float", fdtri(2, count - 2, _STANDS_OUT)))
    return squared * (count - 2) / (2 * (count - 1)) > limit


def _larger(one: PacedResponse, other: PacedResponse) -> bool:
    """Whether one swing is larger than another by more than the error of the difference."""
    own, others = one.error_bpm * one.error_bpm, other.error_bpm * other.error_bpm
    both = own + others
    if both == 0:
        return one.swing_bpm > other.swing_bpm
    freedom = both * both / (own * own / (one.breaths - 1) + others * others / (other.breaths - 1))
    return one.swing_bpm - other.swing_bpm > _student(freedom) * sqrt(both)
