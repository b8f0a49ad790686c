"""The heart rate as a smooth line: one sample a second, from beats or from a watch's own bpm, without breathing in it.

Strategy: each value holds over the stretch of time that it was measured on (a beat: its interval; a bpm: since the
report before). That step line is sampled four times a second and low-pass filtered with carried state, so chunks change
nothing. A Bessel filter has one delay for all that it lets through; the samples are dated back by it, so that a rise is
found when it was, not when the filter saw it. A gap restarts the filter at the next value: nothing is bridged.

References:
    Berger, Akselrod, Gordon, Cohen, "An efficient algorithm for spectral analysis of heart rate variability", IEEE TBME
    33(9), 1986 (the step line); SciPy `signal.bessel`, `signal.lfilter`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import floor
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_GRID_HZ: Final = 4
# Breathing moves the heart rate at 0.15 Hz and above; a response to an event takes 5 s and more to build up.
_CUTOFF_HZ: Final = 0.1
_ORDER: Final = 4
_JUMP_BPM: Final = 25.0
_JUMP_HOLDS: Final = 4


class _LowPass(NamedTuple):
    """The filter: numerator and denominator of each section, its states on a line of 1, its delay in seconds."""

    sections: tuple[tuple[NDArray[np.float64], NDArray[np.float64]], ...]
    settled: NDArray[np.float64]
    delay_s: float


@cache
def _low_pass() -> _LowPass:
    """Designed when it is first used, for `scipy.signal` takes half a second to load.

    Second-order sections: the poles lie close to 1, where the coefficients of the plain form lose digits. Each is a
    call of `lfilter`, which on the four values of a second is quicker than `sosfilt`, even twice, and gives the same.
    """
    from scipy import signal

    sos = signal.bessel(_ORDER, _CUTOFF_HZ, fs=_GRID_HZ, norm="mag", output="sos")
    # The group delay at zero frequency: minus the slope of the phase there.
    step_hz = 1e-4
    _, response = signal.freqz_sos(sos, worN=[step_hz], fs=_GRID_HZ)
    return _LowPass(
        sections=tuple((section[:3], section[3:]) for section in sos),
        settled=signal.sosfilt_zi(sos),
        delay_s=float(-np.angle(response[0]) / (2 * np.pi * step_hz)),
    )


def filter_delay_s() -> float:
    """Seconds by which the filter lags, taken off each sample's time.

    Asked for before a session, it also saves the first beat the wait for SciPy to load.
    """
    return _low_pass().delay_s


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartRateSample:
    """The smoothed heart rate at one instant.

    Attributes:
        at_s: the instant, already corrected for the filter's delay.
        known_s: the instant up to which input was needed to know it.
        heart_rate_bpm: smoothed heart rate.
        clean: no corrected or flagged interval lies under this second.
        gap_before: the sample before this one belongs to another stretch.
    """

    at_s: float
    known_s: float
    heart_rate_bpm: float
    clean: bool
    gap_before: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedRate:
    """A wearable's own heart rate, which holds over (since_s, until_s]; `gap_before`: none is known just before."""

    since_s: float
    until_s: float
    heart_rate_bpm: float
    gap_before: bool = False


class JumpGuard:
    """Stage: reported heart rates in, those that may be a heart's out.

    An optical sensor that loses the pulse gives another number for a moment: a step, a half, a double. No heart goes up
    or down by 25 bpm within a second, so such a jump counts only once it has held for four reports; else it never was.
    """

    def __init__(self) -> None:
        """Nothing was reported."""
        self._last_bpm: float | None = None
        self._doubted: list[ReportedRate] = []

    def push(self, rate: ReportedRate) -> tuple[ReportedRate, ...]:
        """Take a report; return what is believed now."""
        if rate.gap_before or self._last_bpm is None:
            self._doubted.clear()
        elif abs(rate.heart_rate_bpm - self._last_bpm) > _JUMP_BPM:
            self._doubted.append(rate)
            if len(self._doubted) < _JUMP_HOLDS:
                return ()
            believed, self._doubted = tuple(self._doubted), []
            self._last_bpm = rate.heart_rate_bpm
            return believed
        self._doubted.clear()
        self._last_bpm = rate.heart_rate_bpm
        return (rate,)


class HeartRateTrace:
    """Stage: stretches of constant heart rate in, one `HeartRateSample` for each whole second out."""

    def __init__(self) -> None:
        """Start with no stretch."""
        self._until_s: float | None = None
        self._values: list[float] = []
        self._clean = True
        self._fresh = True
        self._states: list[NDArray[np.float64]] = []

    def push(
        self, *, since_s: float, until_s: float, heart_rate_bpm: float, clean: bool = True, gap_before: bool = False
    ) -> tuple[HeartRateSample, ...]:
        """Take the heart rate over (since_s, until_s]; return the samples that are complete now.

        Without `gap_before` a stretch goes on from where the last one ended, whatever `since_s` says.
        """
        if gap_before or self._until_s is None:
            self._until_s = since_s if self._until_s is None else max(since_s, self._until_s)
            self._values.clear()
            self._clean = True
            self._fresh = True
            self._states = [state * heart_rate_bpm for state in _low_pass().settled]
        first = floor(self._until_s * _GRID_HZ) + 1
        last = floor(until_s * _GRID_HZ)
        self._until_s = max(until_s, self._until_s)
        self._clean = self._clean and clean
        samples: list[HeartRateSample] = []
        for tick in range(first, last + 1):
            self._values.append(heart_rate_bpm)
            if tick % _GRID_HZ == 0:
                samples.append(self._filter(tick // _GRID_HZ))
                self._clean = clean
        return tuple(samples)

    def _filter(self, known_s: int) -> HeartRateSample:
        from scipy.signal import lfilter

        smooth: Sequence[float] | NDArray[np.float64] = self._values
        low_pass = _low_pass()
        for at, (numerator, denominator) in enumerate(low_pass.sections):
            smooth, self._states[at] = lfilter(numerator, denominator, smooth, zi=self._states[at])
        self._values.clear()
        fresh, self._fresh = self._fresh, False
        return HeartRateSample(
            at_s=known_s - low_pass.delay_s,
            known_s=float(known_s),
            heart_rate_bpm=float(smooth[-1]),
            clean=self._clean,
            gap_before=fresh,
        )
