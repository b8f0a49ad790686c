"""Breaths a minute from the way breathing moves the heart rate, or the reason why that cannot be told.

Strategy: breathing speeds the heart up and slows it down (respiratory sinus arrhythmia): a hump in the spectrum of the
intervals. It is believed only where it stands out from *both* sides: the mean density around a frequency against the
mean density of what lies beside it, an F test with the degrees of freedom that the window has, corrected for having
looked everywhere. A slope (1/f) or a plateau (white noise) has no such place, whatever its height.

Below 8.4 breaths a minute the Mayer waves of blood pressure (about 0.1 Hz) make a hump of their own, with or without
breath. There only a line is believed: paced breathing keeps one rate, and so nearly all the power in the few bins that
a pure tone fills; Mayer waves wander. It takes four minutes to see the difference.

References:
    Task Force of the ESC and NASPE, "Heart rate variability", Circulation 93, 1996: HF follows breathing.
    C. Julien, "The enigma of Mayer waves", Cardiovasc. Res. 70(1), 2006, doi 10.1016/j.cardiores.2005.11.008.
    F. Shaffer, Z. M. Meehan, "A practical guide to resonance frequency assessment", Front. Neurosci. 14, 2020.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dsp.errors import TooShort
from dsp.series import checked_intervals
from dsp.spectrum import Spectrum, band_power_ms2, welch

SLOWEST_PER_MIN: Final = 4.0
FASTEST_PER_MIN: Final = 30.0
# Half a minute shows waves but no background to hold them against.
_NEEDS_S: Final = 57.0
# Mayer waves lie between 0.07 and 0.13 Hz; above this a hump is not theirs.
_MAYER_TO_HZ: Final = 0.14
# What is slower is trend (VLF), not breath.
_WAVES_FROM_HZ: Final = 0.04
# Breathing at rest wanders by a tenth or so around its rate; a Hann window widens any line to ±2 / T.
_HALF_WIDTH: Final = 0.10
_LINE_BINS: Final = 2.0
_STEP: Final = 0.02
# Places that are looked at independently of each other: 1.8 octaves in steps of twice the half width, made up to what
# keeps noise of every colour under 1 in 20.
_PLACES: Final = 8
# Degrees of freedom of a stretch of spectrum: 2 a bin of 1 / T, and a Hann window makes 1.5 bins of noise one.
_FREEDOM_A_BIN: Final = 2 / 1.5
_BELIEVED: Final = 0.95
_COMPARABLE: Final = 0.5
# Two humps nearer than this are one that wanders.
_APART: Final = 0.25
_LINE_NEEDS_S: Final = 237.0
_LINE_SHARE: Final = 0.9
# Below half the heart rate by this much: the spline through the beats has lost the rest.
_OF_HALF_RATE: Final = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class BreathingRate:
    """A rate that the intervals show.

    Attributes:
        breaths_per_min: the centre of the hump; 4..30, and by a part of the hump's width beyond.
        confidence: 0.95..1 for a hump above 8.4 a minute: 1 minus the probability that noise without a hump would stand
            out as much anywhere. Below, 0.9..1: the share of all power above 0.04 Hz that lies in the one line and its
            harmonics.
        amplitude_ms: of the swing of the intervals at this rate, √2 times its effective value; what the heart does
            for other reasons at the same rate is in it.
    """

    breaths_per_min: float
    confidence: float
    amplitude_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CannotTell:
    """The intervals do not show how fast the person breathes.

    Attributes:
        reason: why, in plain words.
    """

    reason: str


def breathing_rate(
    nn_ms: ArrayLike, *, at_s: ArrayLike | None = None, joined: ArrayLike | None = None
) -> BreathingRate | CannotTell:
    """The rate at which breathing moves the heart, from 4 to 30 breaths a minute, or why it cannot be told.

    A wave can be seen up to half the heart rate: at 50 beats a minute no more than 23 breaths. Take windows of one to
    five minutes; over more, breathing changes. Clean them first: a premature beat is a wave of every rate.

    Below 8.4 a minute what is claimed is that the heart swings at one steady rate with little else beside it, as it
    does with paced breathing, and not that a breath was seen: a person whose Mayer waves are as steady as a pacer would
    look the same. It takes four minutes without a break.

    Args:
        nn_ms: intervals in ms, shape (n,), n >= 16.
        at_s: when each ended, in s; by default one after the other.
        joined: where an interval follows the one before it directly; by default all do.

    Raises:
        SeriesError: not a series of intervals. One that is only too short is not an error but a `CannotTell`.
    """
    intervals_ms = checked_intervals(nn_ms, at_least=0, what="A breathing rate")
    try:
        spectrum = welch(intervals_ms, at_s=at_s, joined=joined)
    except TooShort:
        return CannotTell(reason="There is less than a minute of beats without a break.")
    if spectrum.window_s < _NEEDS_S:
        return CannotTell(reason="There is less than a minute of beats without a break.")
    half_rate_hz = 500 / float(intervals_ms.mean())
    to_hz = min(_OF_HALF_RATE * half_rate_hz, FASTEST_PER_MIN / 60 * (1 + _HALF_WIDTH))
    if to_hz <= _MAYER_TO_HZ:
        return CannotTell(reason="The heart beats too slowly to show a breath.")
    waves_ms2 = band_power_ms2(spectrum, from_hz=_WAVES_FROM_HZ, to_hz=to_hz)
    if not waves_ms2 > 0:
        return CannotTell(reason="All intervals are alike.")
    line = _slow_line(spectrum, waves_ms2=waves_ms2, to_hz=to_hz)
    if line is not None:
        return line
    found = _hump(spectrum, to_hz=to_hz)
    slow_ms2 = band_power_ms2(spectrum, from_hz=SLOWEST_PER_MIN / 60, to_hz=min(_MAYER_TO_HZ, to_hz))
    if found is None and slow_ms2 > waves_ms2 / 2:
        return CannotTell(reason="Most of it is slow waves, which may be breath or blood pressure (Mayer waves).")
    return found or CannotTell(
        reason="No rate stands out: the heart does not follow the breath, or the breath wanders."
    )


def _slow_line(spectrum: Spectrum, *, waves_ms2: float, to_hz: float) -> BreathingRate | None:
    """One steady wave below the rates at which a hump is believed, with little beside it and its harmonics."""
    if spectrum.window_s < _LINE_NEEDS_S:
        return None
    width_hz = _LINE_BINS / spectrum.window_s
    frequency_hz = spectrum.frequency_hz
    slow = (frequency_hz >= SLOWEST_PER_MIN / 60) & (frequency_hz < _MAYER_TO_HZ)
    at_hz = float(frequency_hz[slow][np.argmax(spectrum.psd_ms2_per_hz[slow])])
    powers_ms2 = [
        band_power_ms2(spectrum, from_hz=n * at_hz - width_hz, to_hz=min(n * at_hz + width_hz, to_hz))
        for n in (1, 2, 3)
        if n * at_hz < to_hz
    ]
    share = sum(powers_ms2) / waves_ms2
    if share < _LINE_SHARE or powers_ms2[0] < sum(powers_ms2) / 2:
        return None
    return BreathingRate(
        breaths_per_min=60 * _centre_hz(spectrum, from_hz=at_hz - width_hz, to_hz=at_hz + width_hz),
        confidence=min(1.0, share),
        amplitude_ms=float(np.sqrt(2 * powers_ms2[0])),
    )


def _hump(spectrum: Spectrum, *, to_hz: float) -> BreathingRate | CannotTell | None:
    """The place above Mayer waves that stands out most from both its sides; None if none does."""
    highest_hz = min(to_hz, FASTEST_PER_MIN / 60)
    places_hz = np.exp(np.arange(np.log(_MAYER_TO_HZ), np.log(highest_hz), _STEP))
    contrast, doubt = _contrasts(spectrum, places_hz, to_hz=to_hz)
    peaks = [
        at
        for at in range(1, len(places_hz) - 1)
        if contrast[at] == contrast[max(0, at - 5) : at + 6].max() and doubt[at] < 1 - _BELIEVED
    ]
    if not peaks:
        return None
    humps: list[tuple[float, BreathingRate]] = []  # power and what it says
    for at in peaks:
        half_hz = max(_HALF_WIDTH * float(places_hz[at]), _LINE_BINS / spectrum.window_s)
        from_hz, up_to_hz = float(places_hz[at]) - half_hz, float(places_hz[at]) + half_hz
        power_ms2 = band_power_ms2(spectrum, from_hz=from_hz, to_hz=up_to_hz)
        found = BreathingRate(
            breaths_per_min=60 * _centre_hz(spectrum, from_hz=from_hz, to_hz=up_to_hz),
            confidence=float(1 - doubt[at]),
            amplitude_ms=float(np.sqrt(2 * power_ms2)),
        )
        humps.append((power_ms2, found))
    most_ms2, best = max(humps, key=lambda hump: hump[0])
    for power_ms2, other in humps:
        apart = abs(other.breaths_per_min / best.breaths_per_min - 1)
        if apart > _APART and power_ms2 > _COMPARABLE * most_ms2:
            low, high = sorted((best.breaths_per_min, other.breaths_per_min))
            return CannotTell(reason=f"Two rates stand out alike: {low:.0f} and {high:.0f} a minute.")
    return best


def _contrasts(
    spectrum: Spectrum, places_hz: NDArray[np.float64], *, to_hz: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Density around each place over the density beside it, and how likely noise stands out so much somewhere."""
    from scipy.special import betainc

    contrast = np.zeros(len(places_hz))
    doubt = np.ones(len(places_hz))
    bins = _FREEDOM_A_BIN * spectrum.used_s
    for index, place_hz in enumerate(places_hz.tolist()):
        half_hz = max(_HALF_WIDTH * place_hz, _LINE_BINS / spectrum.window_s)
        inside = band_power_ms2(spectrum, from_hz=place_hz - half_hz, to_hz=place_hz + half_hz) / (2 * half_hz)
        # A gap of half a width lets a hump have its feet.
        left = place_hz - 1.5 * half_hz, max(place_hz - 3.5 * half_hz, _WAVES_FROM_HZ)
        right = place_hz + 1.5 * half_hz, min(place_hz + 3.5 * half_hz, to_hz)
        sides_hz = [(min(side), max(side)) for side in (left, right) if abs(side[1] - side[0]) > half_hz / 2]
        sides_hz = [(a, b) for a, b in sides_hz if a >= _WAVES_FROM_HZ and b <= to_hz + half_hz]
        if not sides_hz:
            continue
        beside = max(band_power_ms2(spectrum, from_hz=a, to_hz=b) / (b - a) for a, b in sides_hz)
        if beside <= 0:
            continue
        contrast[index] = inside / beside
        above, below = bins * 2 * half_hz, bins * sum(b - a for a, b in sides_hz) / len(sides_hz)
        tail = cast("float", betainc(below / 2, above / 2, below / (below + above * float(contrast[index]))))
        doubt[index] = min(1.0, _PLACES * float(tail))
    return contrast, doubt


def _centre_hz(spectrum: Spectrum, *, from_hz: float, to_hz: float) -> float:
    inside = (spectrum.frequency_hz >= from_hz) & (spectrum.frequency_hz <= to_hz)
    return float(np.average(spectrum.frequency_hz[inside], weights=spectrum.psd_ms2_per_hz[inside]))
