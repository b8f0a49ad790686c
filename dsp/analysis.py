"""Everything that a series or a window of it can tell: time domain, spectra, nonlinear measures, breathing, quality.

Strategy: one function looks at one series; the stage hands it the beats of each window. Everything stands on the
corrected series, if it was corrected little enough, but successive differences only on beats as they were sent. What a
window cannot carry is absent, with the reason that the metric itself gives.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TypeVar

from dsp.beats import CleanBeat
from dsp.breathing import BreathingRate, CannotTell, breathing_rate
from dsp.dfa import LONG_SCALES, SHORT_SCALES, dfa
from dsp.entropy import multiscale_entropy
from dsp.errors import SeriesError
from dsp.series import CleanSeries
from dsp.spectrum import Bands, Spectrum, bands, burg, lomb_scargle, welch
from dsp.windows import HrvMetrics, Steps, hrv

_Group = TypeVar("_Group", "Bands", "Nonlinear")


@dataclass(frozen=True, slots=True, kw_only=True)
class Nonlinear:
    """Measures of the order in a series. A measure that is None has its reason in `absent`.

    Attributes:
        dfa_alpha1: exponent of detrended fluctuations over boxes of 4 to 16 beats, nothing detrended before.
        dfa_alpha2: the same over boxes of 16 to 64 beats.
        sample_entropy: m = 2, r = 0.2 SD, in nats; given from 200 intervals on.
        multiscale_entropy: the same of means over 1, 2, 3, … 20 beats, r kept; as many scales as have 200 means.
        absent: name of each measure that is None, and why.
    """

    dfa_alpha1: float | None
    dfa_alpha2: float | None
    sample_entropy: float | None
    multiscale_entropy: tuple[float | None, ...] | None
    absent: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """One window, looked at in every way.

    Attributes:
        hrv: time domain, with what all of this stands on and the intervals.
        welch: bands of Welch's spectrum.
        lomb: bands of Lomb's periodogram.
        ar: bands of the autoregressive spectrum.
        nonlinear: entropies and fluctuations.
        breathing: breaths a minute, or why nobody can tell.
    """

    hrv: HrvMetrics
    welch: Bands
    lomb: Bands
    ar: Bands
    nonlinear: Nonlinear
    breathing: BreathingRate | CannotTell


class AnalysisWindow:
    """Stage: `CleanBeat` in, an `Analysis` at each step out; steps without a beat in the window are left out."""

    def __init__(self, *, window_s: float, step_s: float) -> None:
        """Windows over the last `window_s` seconds of beat time, every `step_s`."""
        self._window_s = window_s
        self._steps = Steps(step_s)
        self._beats: deque[CleanBeat] = deque()
        self._told = True

    def push(self, beat: CleanBeat) -> tuple[Analysis, ...]:
        """Take one beat; return the analyses of the windows that ended since the one before."""
        out: list[Analysis] = []
        for end_s in self._steps.passed(beat.at_s):
            self._forget_before(end_s - self._window_s)
            if not self._beats:
                self._steps.skip_to(beat.at_s)
                break
            out.append(self._analysis(end_s))
        self._beats.append(beat)
        self._told = False
        return tuple(out)

    def flush(self) -> tuple[Analysis, ...]:
        """End the series: the window that ends with the last beat, if no step told of it."""
        if self._told:
            return ()
        end_s = self._beats[-1].at_s
        self._forget_before(end_s - self._window_s)
        return (self._analysis(end_s),)

    def _forget_before(self, since_s: float) -> None:
        while self._beats and self._beats[0].at_s <= since_s:
            self._beats.popleft()

    def _analysis(self, end_s: float) -> Analysis:
        self._told = True
        return analyse(CleanSeries.of(self._beats), at_s=end_s, window_s=self._window_s)


def analyse(series: CleanSeries, *, at_s: float | None = None, window_s: float | None = None) -> Analysis:
    """Look at a clean series in every way.

    Args:
        series: one interval at least.
        at_s: the end of the window, for the record; else the last beat.
        window_s: its nominal length, for the record; else from the first beat's beginning to the last beat.

    Raises:
        TooShort: there is no interval.
    """
    found = hrv(series, at_s=at_s, window_s=window_s)
    refused = found.time_domain.absent.get("rmssd_ms")
    if refused is not None:
        return Analysis(
            hrv=found,
            welch=_all_absent(Bands, refused),
            lomb=_all_absent(Bands, refused),
            ar=_all_absent(Bands, refused),
            nonlinear=_all_absent(Nonlinear, refused),
            breathing=CannotTell(reason=refused),
        )
    nn_ms, times_s, joined = series.nn_ms, series.at_s, series.joined
    return Analysis(
        hrv=found,
        welch=_bands(lambda: welch(nn_ms, at_s=times_s, joined=joined)),
        lomb=_bands(lambda: lomb_scargle(nn_ms, at_s=times_s)),
        ar=_bands(lambda: burg(nn_ms, at_s=times_s, joined=joined)),
        nonlinear=_nonlinear(series),
        breathing=breathing_rate(nn_ms, at_s=times_s, joined=joined),
    )


def _bands(spectrum: Callable[[], Spectrum]) -> Bands:
    try:
        return bands(spectrum())
    except SeriesError as error:
        return _all_absent(Bands, str(error))


def _all_absent(group: type[_Group], reason: str) -> _Group:
    names = [field.name for field in fields(group) if field.name != "absent"]
    return group(**dict.fromkeys(names), absent=dict.fromkeys(names, reason))


def _nonlinear(series: CleanSeries) -> Nonlinear:
    nn_ms, joined = series.nn_ms, series.joined
    absent: dict[str, str] = {}
    alpha: dict[str, float | None] = {}
    for name, scales in (("dfa_alpha1", SHORT_SCALES), ("dfa_alpha2", LONG_SCALES)):
        try:
            alpha[name] = dfa(nn_ms, scales=scales, joined=joined).alpha
        except SeriesError as error:
            alpha[name] = None
            absent[name] = str(error)
    entropies: tuple[float | None, ...] | None = None
    try:
        entropies = multiscale_entropy(nn_ms, joined=joined)
    except SeriesError as error:
        absent["sample_entropy"] = absent["multiscale_entropy"] = str(error)
    entropy = entropies[0] if entropies else None
    if entropies and entropy is None:
        absent["sample_entropy"] = "No stretch of 3 intervals repeats."
    return Nonlinear(
        dfa_alpha1=alpha["dfa_alpha1"],
        dfa_alpha2=alpha["dfa_alpha2"],
        sample_entropy=entropy,
        multiscale_entropy=entropies,
        absent=absent,
    )
