"""Where in frequency the variability of intervals lies: Welch, Lomb and autoregressive spectra, and bands.

Strategy: one `Spectrum` is what all methods give and what `bands` reads. Its density is one-sided and in ms²/Hz, so
that the area under it is the variance, whatever the method.

- `welch` and `burg` need even samples: a cubic spline through the beats, four a second, drawn anew for each stretch
  without a break. Nothing is ever drawn across one.
- `lomb_scargle` stands on the beats themselves: no spline, no invented samples, holes are simply not there. Its sums
  over beats are computed for all frequencies at once by a non-uniform Fourier transform: each beat is spread on a fine
  even grid with a short kernel, one FFT is taken, and the kernel's own transform is divided out. The error is below
  1e-9 of the sum of the absolute values; the cost is n log n where the definition costs n².

References:
    Task Force of the ESC and NASPE, "Heart rate variability", Circulation 93, 1996: bands, lengths, normalised units.
    P. D. Welch, IEEE Trans. Audio Electroacoust. 15(2), 1967. J. D. Scargle, Astrophys. J. 263, 1982.
    W. H. Press, G. B. Rybicki, "Fast algorithm for spectral analysis of unevenly sampled data", Astrophys. J. 338,
    1989.
    J. Keiner, S. Kunis, D. Potts, "Using NFFT 3", ACM Trans. Math. Softw. 36(4), 2009: the Kaiser-Bessel kernel.
    S. de Waele, P. M. T. Broersen, "The Burg algorithm for segments", IEEE Trans. Signal Process. 48(10), 2000.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dsp.errors import SeriesError, TooLong, TooShort
from dsp.series import checked_intervals, checked_joined, checked_times

# Task Force 1996, table 2 (short recordings: VLF is all that is slower than LF). In recordings of a day what is slower
# than 0.003 Hz has a name of its own, ULF: see `vlf_from_hz`.
LF_FROM_HZ: Final = 0.04
HF_FROM_HZ: Final = 0.15
HF_TO_HZ: Final = 0.40
ULF_TO_HZ: Final = 0.003
# Beats show waves up to half the heart rate. Of a heart at 40 a minute that still holds nearly all of HF at rest.
HF_SEEN_TO_HZ: Final = 0.30

# Task Force 1996: a window holds about ten wavelengths of a band's lower edge (about 1 min for HF, 2 min for LF); VLF
# "is dubious" from five minutes and means nothing from less.
HF_NEEDS_S: Final = 60.0
LF_NEEDS_S: Final = 120.0
VLF_NEEDS_S: Final = 300.0
# A window of whole beats falls short of its nominal length by up to a beat at either end.
_WHOLE_BEATS_S: Final = 3.0

SAMPLES_PER_S: Final = 4.0
"""Of the spline: the customary 4 Hz, well above twice the fastest band."""

SEGMENT_S: Final = 300.0
"""Of Welch's method: the Task Force's five minutes."""

AR_ORDER: Final = 16
"""Of the autoregressive model on 4 Hz: the Task Force's range is 8 to 20; 16 is what the field has settled on."""

UP_TO_HZ: Final = 0.5
"""Of Lomb's method: the bands end at 0.4 Hz."""

# With fewer intervals there is no spectrum to speak of, and the model of order 16 is not determined.
_FEWEST: Final = 16
_SHORTEST_S: Final = 10.0
# Bins finer than 1/T change no area, but let a band's edge fall where it should and show a peak where it is.
_FINER: Final = 4
# About twelve days of beats up to 0.5 Hz: 300 MB at the most.
_MOST_FREQUENCIES: Final = 1 << 21
# One wavelength of the fastest.
_FEWEST_FREQUENCIES: Final = 4
# The same twelve days, at 4 Hz.
_MOST_SAMPLES: Final = 1 << 22
_BATCH_SAMPLES: Final = 1 << 20
_AR_BINS: Final = 2048
_MOST_ORDER: Final = 64
# Rounding puts the pole of a sine without noise on the unit circle or outside: no further out than this.
_POLE_WITHIN: Final = 1 - 1e-12
_NO_POWER: Final = "There is no variability to take a share of."
# What is left of a straight line after the line is taken out is rounding, not variability.
_ROUNDING: Final = 1e-10

# Kernel of the non-uniform transform: 12 cells wide on a grid of twice the needed rate, error about 1e-11.
_HALF_WIDTH: Final = 6
_OVERSAMPLING: Final = 2
_SHAPE: Final = np.pi * (2 - 1 / _OVERSAMPLING)
_SPREAD_BEATS: Final = 1 << 14
# Of the number of beats: below this a sum of sin² is as good as 0. The transform's error is a thousand times less.
_DEGENERATE: Final = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spectrum:
    """A one-sided power spectral density.

    Attributes:
        frequency_hz: evenly spaced, rising, shape (m,).
        psd_ms2_per_hz: density at each, at least 0, shape (m,); the area under it is the variance in ms².
        window_s: seconds of beats that one estimate saw at a time: what bounds the slowest wave that can be told.
        used_s: seconds of beats that the spectrum stands on in all; stretches that were too short are not among them.
    """

    frequency_hz: NDArray[np.float64]
    psd_ms2_per_hz: NDArray[np.float64]
    window_s: float
    used_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """Power by band. What is None has its reason in `absent`, by the name of the field.

    Attributes:
        vlf_ms2: power below 0.04 Hz (from 0, or from `vlf_from_hz`), in ms².
        lf_ms2: power from 0.04 to 0.15 Hz, in ms².
        hf_ms2: power from 0.15 to 0.40 Hz, in ms².
        total_ms2: the sum of the three.
        vlf_pct: VLF / total, 0..100.
        lf_pct: LF / total, 0..100.
        hf_pct: HF / total, 0..100.
        lf_nu: LF in normalised units, 100 · LF / (LF + HF), 0..100.
        hf_nu: HF in normalised units, 100 · HF / (LF + HF), 0..100.
        lf_hf: LF / HF, at least 0. It is no measure of sympathetic drive or "balance".
        vlf_peak_hz: where the highest local maximum of the density inside the band lies.
        lf_peak_hz: the same for LF.
        hf_peak_hz: the same for HF.
        absent: the name of each field that is None, and why in plain words.
    """

    vlf_ms2: float | None
    lf_ms2: float | None
    hf_ms2: float | None
    total_ms2: float | None
    vlf_pct: float | None
    lf_pct: float | None
    hf_pct: float | None
    lf_nu: float | None
    hf_nu: float | None
    lf_hf: float | None
    vlf_peak_hz: float | None
    lf_peak_hz: float | None
    hf_peak_hz: float | None
    absent: Mapping[str, str]


def welch(
    nn_ms: ArrayLike,
    *,
    at_s: ArrayLike | None = None,
    joined: ArrayLike | None = None,
    segment_s: float = SEGMENT_S,
) -> Spectrum:
    """The mean of the spectra of overlapping segments: cubic spline at 4 Hz, straight line out, Hann window.

    Segments last `segment_s`, or as long as the longest stretch without a break where that is shorter. Every stretch of
    at least that length is covered from end to end, by segments that overlap by half (a little more where its length
    asks for it). Shorter stretches are left out: `used_s` tells. Lower `segment_s` to let them in, at the price of the
    slow bands. One window over a short series is Kubios's spectrum within 1 % (VLF, LF and HF of one record).

    The spline bends where beats are sparse: it takes away from frequencies near half the heart rate.

    Args:
        nn_ms: intervals in ms, shape (n,), n >= 16.
        at_s: when each ended, in s; by default one after the other.
        joined: where an interval follows the one before it directly; by default all do. A time in `at_s` that leaves
            room for another beat is a break too.
        segment_s: length of a segment in s, at least 10.

    Returns:
        The spectrum from 0 to 2 Hz in steps of at most a quarter of 1 / segment.

    Raises:
        TooShort: fewer than 16 intervals, or no stretch of 10 s.
        TooLong: more than about 12 days of beats.
        SeriesError: not a series of intervals, or `segment_s` out of its range.
    """
    from scipy.fft import next_fast_len, rfft

    if not segment_s >= _SHORTEST_S:
        raise SeriesError(f"A segment lasts at least {_SHORTEST_S:g} s; this is {segment_s:g}.")
    stretches = _even_stretches(nn_ms, at_s, joined, what="Welch's spectrum")
    longest = max(map(len, stretches))
    count = min(round(segment_s * SAMPLES_PER_S), longest)
    used = [stretch for stretch in stretches if len(stretch) >= count]
    size = next_fast_len(_FINER * count, real=True)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(count) / count)
    power = np.zeros(size // 2 + 1)
    segments = 0
    for batch in _segments(used, count):
        transform = rfft(_without_line(batch) * window, size, axis=1)
        power += (transform.real**2 + transform.imag**2).sum(axis=0)
        segments += len(batch)
    power *= 2 / (SAMPLES_PER_S * (window @ window) * segments)
    return Spectrum(
        frequency_hz=_grid_hz(0, len(power), step_hz=SAMPLES_PER_S / size),
        psd_ms2_per_hz=power,
        window_s=count / SAMPLES_PER_S,
        used_s=sum(map(len, used)) / SAMPLES_PER_S,
    )


def lomb_scargle(nn_ms: ArrayLike, *, at_s: ArrayLike | None = None, up_to_hz: float = UP_TO_HZ) -> Spectrum:
    """Lomb's periodogram of the intervals at the beats that end them, minus their mean.

    P(f) = ½ [(Σ y cos ω(t−τ))² / Σ cos² ω(t−τ) + (Σ y sin ω(t−τ))² / Σ sin² ω(t−τ)], tan 2ωτ = Σ sin 2ωt / Σ cos 2ωt,
    and the density is P · 2T / N with T the time that the intervals after the first beat cover: a sine of amplitude A
    has the area A²/2, with holes and without. Breaks need no marking, because nothing is drawn between beats; give
    `at_s` where beats are missing. No straight line is taken out and no window is laid on: a slow trend leaks upward
    (about 1/f²). Above half the mean heart rate the periodogram only mirrors what is below it, so it ends there.

    Args:
        nn_ms: intervals in ms, shape (n,), n >= 16.
        at_s: when each ended, in s; by default one after the other.
        up_to_hz: the last frequency, above 0.

    Returns:
        The spectrum from 1 / (4T) in steps of 1 / (4T) to `up_to_hz`, or half the mean heart rate if that is less.

    Raises:
        TooShort: fewer than 16 intervals, or less than 10 s.
        TooLong: more than 2²¹ frequencies: 12 days from first to last beat up to 0.5 Hz.
        SeriesError: not a series of intervals, or `up_to_hz` is not above 0, or the whole series is less than one wave.
    """
    intervals_ms = checked_intervals(nn_ms, at_least=_FEWEST, what="Lomb's spectrum")
    times_s = checked_times(at_s, intervals_ms)
    if not 0 < up_to_hz < np.inf:
        raise SeriesError(f"The last frequency is above 0 Hz; it is {up_to_hz:g}.")
    span_s = float(times_s[-1] - times_s[0])
    if span_s < _SHORTEST_S:
        raise TooShort(f"Lomb's spectrum needs {_SHORTEST_S:g} s of beats; these last {span_s:.1f} s.")
    step_hz = 1 / (_FINER * span_s)
    half_rate_hz = 500 / float(intervals_ms.mean())
    last = min(up_to_hz, half_rate_hz) / step_hz * (1 + 1e-12)
    if last > _MOST_FREQUENCIES:
        days = span_s / 86_400
        raise TooLong(f"From the first beat to the last are {days:.0f} days; take windows of at most 10 days.")
    if last < _FEWEST_FREQUENCIES:
        raise SeriesError(f"Up to {min(up_to_hz, half_rate_hz):.3g} Hz {span_s:.0f} s of beats show no wave.")
    values_ms = intervals_ms - intervals_ms.mean()
    if np.abs(values_ms).max() < _ROUNDING * intervals_ms.max():
        values_ms = np.zeros_like(values_ms)
    power = _lomb(times_s - times_s[0], values_ms, step_hz=step_hz, count=int(last))
    used_s = min(float(intervals_ms[1:].sum()) / 1000, span_s)
    return Spectrum(
        frequency_hz=_grid_hz(1, len(power) + 1, step_hz=step_hz),
        psd_ms2_per_hz=power * (2 * used_s / len(values_ms)),
        window_s=used_s,
        used_s=used_s,
    )


def burg(
    nn_ms: ArrayLike,
    *,
    at_s: ArrayLike | None = None,
    joined: ArrayLike | None = None,
    order: int = AR_ORDER,
) -> Spectrum:
    """The spectrum of one autoregressive model, by Burg's method: cubic spline at 4 Hz, straight line out.

    Reflection coefficients k = −2 Σ f b / Σ (f² + b²) over all stretches together; no prediction reaches over a break.
    The density of the model is 2 σ² / (4 Hz · |1 + Σ aₖ e^{−iωk}|²); each value here is its mean over the step, from
    the closed-form integral by the model's poles. So a peak of any sharpness keeps its power, and the area is the
    samples' mean square. A model of this order has few peaks: it may have none in a band, and at 4 Hz it divides VLF
    from LF only coarsely.

    Args:
        nn_ms: intervals in ms, shape (n,), n >= 16.
        at_s: when each ended, in s; by default one after the other.
        joined: as for `welch`.
        order: of the model, 1 to 64.

    Returns:
        The spectrum from 0 to 2 Hz in 2048 steps.

    Raises:
        TooShort: fewer than 16 intervals, no stretch of 10 s, or none of four times the model's order in samples.
        TooLong: more than about 12 days of beats.
        SeriesError: not a series of intervals, or `order` out of its range.
    """
    if not 1 <= order <= _MOST_ORDER:
        raise SeriesError(f"The model's order is 1 to {_MOST_ORDER}; it is {order}.")
    fewest = max(4 * order, round(_SHORTEST_S * SAMPLES_PER_S))
    stretches = _even_stretches(nn_ms, at_s, joined, what="An autoregressive spectrum")
    used = [_without_line(stretch[np.newaxis])[0] for stretch in stretches if len(stretch) >= fewest]
    if not used:
        raise TooShort(
            f"A model of order {order} needs {fewest / SAMPLES_PER_S:g} s without a break; the longest stretch lasts "
            f"{max(map(len, stretches)) / SAMPLES_PER_S:g} s."
        )
    frequency_hz = _grid_hz(0, _AR_BINS + 1, step_hz=SAMPLES_PER_S / (2 * _AR_BINS))
    edges_hz = np.append(0.0, np.append(frequency_hz[:-1] + frequency_hz[1] / 2, SAMPLES_PER_S / 2))
    below_ms2 = _power_below(edges_hz / SAMPLES_PER_S, *_burg(used, order))
    return Spectrum(
        frequency_hz=frequency_hz,
        psd_ms2_per_hz=np.maximum(np.diff(below_ms2) / np.diff(edges_hz), 0.0),
        window_s=max(map(len, used)) / SAMPLES_PER_S,
        used_s=sum(map(len, used)) / SAMPLES_PER_S,
    )


def bands(spectrum: Spectrum, *, vlf_from_hz: float = 0.0) -> Bands:
    """Power by the Task Force's bands, and what follows from it; what the window cannot hold is None.

    Each density counts over its own bin, half a step to either side, and a bin that a band's edge divides is divided.
    HF needs a window of 60 s, LF 120 s and VLF 300 s (up to 3 s less: windows end with whole beats); the total and the
    percentages need all three, normalised units and the ratio need LF and HF. Shares of no power at all are None too.
    Of a heart slower than 48 beats a minute, HF is what lies below half its rate; slower than 36 there is no HF.

    Args:
        spectrum: of any method.
        vlf_from_hz: lower edge of VLF, at least 0 and below 0.04 Hz. 0 for short recordings, `ULF_TO_HZ` for a day's.

    Raises:
        SeriesError: `vlf_from_hz` is out of its range.
    """
    if not 0 <= vlf_from_hz < LF_FROM_HZ:
        raise SeriesError(f"VLF begins between 0 and {LF_FROM_HZ:g} Hz; this is {vlf_from_hz:g}.")
    edges_hz = {
        "vlf": (vlf_from_hz, LF_FROM_HZ),
        "lf": (LF_FROM_HZ, HF_FROM_HZ),
        "hf": (HF_FROM_HZ, HF_TO_HZ),
    }
    hidden = absent_bands(spectrum)
    absent: dict[str, str] = {}
    power_ms2: dict[str, float | None] = {}
    peak_hz: dict[str, float | None] = {}
    for name, (from_hz, to_hz) in edges_hz.items():
        power_ms2[name] = peak_hz[name] = None
        if name in hidden:
            absent[f"{name}_ms2"] = absent[f"{name}_pct"] = absent[f"{name}_peak_hz"] = hidden[name]
            continue
        power_ms2[name] = band_power_ms2(spectrum, from_hz=from_hz, to_hz=to_hz)
        peak_hz[name] = _peak_hz(spectrum, from_hz=from_hz, to_hz=to_hz)
        if peak_hz[name] is None:
            absent[f"{name}_peak_hz"] = "There is no peak in the band: the density only rises, or falls, or is flat."
    vlf_ms2, lf_ms2, hf_ms2 = power_ms2["vlf"], power_ms2["lf"], power_ms2["hf"]
    total_ms2 = None
    if vlf_ms2 is not None and lf_ms2 is not None and hf_ms2 is not None:
        total_ms2 = vlf_ms2 + lf_ms2 + hf_ms2
    else:
        absent["total_ms2"] = "The total needs all three bands. " + " ".join(dict.fromkeys(hidden.values()))
    pct = {name: _share_pct(power_ms2[name], total_ms2) for name in edges_hz}
    for name, share in pct.items():
        if share is None:
            absent.setdefault(f"{name}_pct", absent.get("total_ms2", _NO_POWER))
    both_ms2 = None if lf_ms2 is None or hf_ms2 is None else lf_ms2 + hf_ms2
    lf_nu, hf_nu = _share_pct(lf_ms2, both_ms2), _share_pct(hf_ms2, both_ms2)
    lf_hf = lf_ms2 / hf_ms2 if lf_ms2 is not None and hf_ms2 else None
    why = _NO_POWER if both_ms2 is not None else hidden.get("hf") or hidden.get("lf", "")
    absent.update(
        {name: why for name, value in (("lf_nu", lf_nu), ("hf_nu", hf_nu), ("lf_hf", lf_hf)) if value is None}
    )
    return Bands(
        vlf_ms2=vlf_ms2,
        lf_ms2=lf_ms2,
        hf_ms2=hf_ms2,
        total_ms2=total_ms2,
        vlf_pct=pct["vlf"],
        lf_pct=pct["lf"],
        hf_pct=pct["hf"],
        lf_nu=lf_nu,
        hf_nu=hf_nu,
        lf_hf=lf_hf,
        vlf_peak_hz=peak_hz["vlf"],
        lf_peak_hz=peak_hz["lf"],
        hf_peak_hz=peak_hz["hf"],
        absent=absent,
    )


def absent_bands(spectrum: Spectrum) -> dict[str, str]:
    """Which of "vlf", "lf" and "hf" a spectrum cannot show, and why: its window is too short, or it ends too early."""
    absent: dict[str, str] = {}
    ends_hz = float(spectrum.frequency_hz[-1] + _step_hz(spectrum))
    for name, needs_s, to_hz in (
        ("vlf", VLF_NEEDS_S, LF_FROM_HZ),
        ("lf", LF_NEEDS_S, HF_FROM_HZ),
        ("hf", HF_NEEDS_S, HF_SEEN_TO_HZ),
    ):
        if spectrum.window_s < needs_s - _WHOLE_BEATS_S:
            absent[name] = (
                f"{name.upper()} needs a window of {needs_s:g} s of beats; this one has {spectrum.window_s:.0f} s."
            )
        elif ends_hz < to_hz:
            absent[name] = f"{name.upper()} asks for a spectrum up to {to_hz:g} Hz; this one ends before."
    return absent


def band_power_ms2(spectrum: Spectrum, *, from_hz: float, to_hz: float) -> float:
    """The area under the density between two frequencies, in ms²; at least 0.

    Each density counts over half a step to either side; nothing lies below 0 Hz.
    """
    half_hz = _step_hz(spectrum) / 2
    frequency_hz = spectrum.frequency_hz
    first, last = np.searchsorted(frequency_hz, (max(0.0, from_hz) - half_hz, to_hz + half_hz))
    inside_hz = frequency_hz[first:last]
    widths_hz = np.minimum(inside_hz + half_hz, to_hz) - np.maximum(inside_hz - half_hz, max(0.0, from_hz))
    return float(np.maximum(widths_hz, 0.0) @ spectrum.psd_ms2_per_hz[first:last])


def _grid_hz(first: int, end: int, *, step_hz: float) -> NDArray[np.float64]:
    return np.arange(first, end, dtype=np.float64) * step_hz


def _step_hz(spectrum: Spectrum) -> float:
    return float(spectrum.frequency_hz[1] - spectrum.frequency_hz[0])


def _peak_hz(spectrum: Spectrum, *, from_hz: float, to_hz: float) -> float | None:
    """The frequency of the highest local maximum in a band; its neighbours may lie outside."""
    density = spectrum.psd_ms2_per_hz
    middle = density[1:-1]
    inside = (spectrum.frequency_hz[1:-1] >= from_hz) & (spectrum.frequency_hz[1:-1] < to_hz)
    maxima = np.flatnonzero(inside & (middle > density[:-2]) & (middle >= density[2:])) + 1
    if not len(maxima):
        return None
    return float(spectrum.frequency_hz[maxima[np.argmax(density[maxima])]])


def _share_pct(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else 100 * part / whole


def _even_stretches(
    nn_ms: ArrayLike, at_s: ArrayLike | None, joined: ArrayLike | None, *, what: str
) -> list[NDArray[np.float64]]:
    """Intervals at 4 Hz, one array a stretch without a break, none shorter than 10 s.

    Raises:
        TooShort: there is no such stretch.
        TooLong: there are too many samples.
    """
    from scipy.interpolate import CubicSpline

    intervals_ms = checked_intervals(nn_ms, at_least=_FEWEST, what=what)
    times_s = checked_times(at_s, intervals_ms)
    follows = checked_joined(joined, len(intervals_ms))
    if at_s is not None:  # the times leave room for one more beat at least
        follows[1:] &= np.diff(times_s) * 1000 < 2 * intervals_ms[1:]
    starts = np.append(np.flatnonzero(~follows), len(follows))
    long = [(a, b) for a, b in pairwise(starts.tolist()) if times_s[b - 1] - times_s[a] >= _SHORTEST_S]
    if not long:
        raise TooShort(f"{what} needs {_SHORTEST_S:g} s of beats without a break; no stretch is as long.")
    if sum(times_s[b - 1] - times_s[a] for a, b in long) * SAMPLES_PER_S > _MOST_SAMPLES:
        raise TooLong(f"{what} is computed from at most 12 days of beats; take windows.")
    stretches: list[NDArray[np.float64]] = []
    for a, b in long:
        inside_s = times_s[a:b] - times_s[a]
        even_s = np.arange(int(inside_s[-1] * SAMPLES_PER_S) + 1) / SAMPLES_PER_S
        stretches.append(np.asarray(CubicSpline(inside_s, intervals_ms[a:b])(even_s), dtype=np.float64))
    return stretches


def _segments(stretches: list[NDArray[np.float64]], count: int) -> Iterator[NDArray[np.float64]]:
    """All segments of `count` samples, several at a time as rows."""
    rows = max(1, _BATCH_SAMPLES // (_FINER * count))
    for stretch in stretches:
        spare = len(stretch) - count
        segments = -(-2 * spare // count) + 1
        begins = np.round(np.linspace(0, spare, segments)).astype(np.intp)
        for first in range(0, segments, rows):
            yield stretch[begins[first : first + rows, np.newaxis] + np.arange(count)]


def _without_line(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each row without its straight line; exactly 0 where only rounding is left."""
    positions = np.arange(rows.shape[1], dtype=np.float64) - (rows.shape[1] - 1) / 2
    bent = rows - np.asarray(rows.mean(axis=1, keepdims=True), dtype=np.float64)
    slopes = np.asarray(bent @ positions, dtype=np.float64) / float(positions @ positions)
    bent -= slopes[:, np.newaxis] * positions
    bent[np.abs(bent).max(axis=1) < _ROUNDING * np.abs(rows).max(axis=1)] = 0.0
    return bent


def _burg(stretches: list[NDArray[np.float64]], order: int) -> tuple[NDArray[np.float64], float]:
    """Coefficients (1, a₁, …) of the prediction filter and the variance of what it cannot predict.

    Pairs of forward and backward errors of all stretches stand in one array; at each order a stretch loses its first.
    """
    forward = np.concatenate(stretches)
    backward = forward
    begins = np.zeros(len(forward), dtype=np.bool_)
    begins[np.cumsum([0, *map(len, stretches[:-1])])] = True
    variance = _product(forward, forward) / len(forward)
    coefficients = np.ones(1)
    for _ in range(order):
        stays = ~begins[1:]
        forward, backward, begins = forward[1:][stays], backward[:-1][stays], begins[:-1][stays]
        energy = _product(forward, forward) + _product(backward, backward)
        reflection = -2 * _product(forward, backward) / energy if energy > 0 else 0.0
        forward, backward = forward + reflection * backward, backward + reflection * forward
        longer = np.append(coefficients, 0.0)
        coefficients = longer + reflection * longer[::-1]
        variance *= 1 - reflection * reflection
    return coefficients, variance


def _power_below(
    cycles: NDArray[np.float64], coefficients: NDArray[np.float64], variance: float
) -> NDArray[np.float64]:
    """Power of the autoregressive process slower than each frequency (in cycles a sample, 0 to 0.5).

    The autocovariance is Σ rᵢ pᵢ^|k| over the poles p, so the integral of the density from 0 is
    Σ rᵢ (ω + 2 Σₖ pᵢᵏ sin(ωk) / k) / π, and the inner sum is [log(1 − p e^{−iω}) − log(1 − p e^{iω})] / 2i.
    """
    poles = np.asarray(np.roots(np.trim_zeros(coefficients, "b")), dtype=np.complex128)
    if not len(poles):
        return 2 * variance * cycles
    poles *= np.minimum(1.0, _POLE_WITHIN / np.abs(poles))
    others: NDArray[np.complex128] = 1 - poles / poles[:, np.newaxis]
    np.fill_diagonal(others, 1.0)
    mirrors: NDArray[np.complex128] = 1 - poles * poles[:, np.newaxis]
    shares: NDArray[np.complex128] = variance / (np.prod(others, axis=1) * np.prod(mirrors, axis=1))
    below = np.zeros(len(cycles))
    circle: NDArray[np.complex128] = np.exp(2j * np.pi * cycles)
    for pole, share in zip(poles, shares, strict=True):
        if pole.imag >= 0:  # of a pair of conjugates one stands for both
            inner: NDArray[np.complex128] = (np.log(1 - pole * circle.conj()) - np.log(1 - pole * circle)) / 1j
            both: NDArray[np.complex128] = (2 * np.pi * cycles + inner) * share
            below += np.real(both) * ((2 if pole.imag > 0 else 1) / np.pi)
    return below


def _product(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """The inner product, in one thread: BLAS would wake others for it, and wait for them where all are busy."""
    return float(np.einsum("i,i->", left, right))


def _lomb(
    times_s: NDArray[np.float64], values_ms: NDArray[np.float64], *, step_hz: float, count: int
) -> NDArray[np.float64]:
    """Lomb's periodogram at step, 2 step, … count steps, in ms² times a number of beats; times begin at 0.

    With C + iS the sum of values and c + is the sum of ones at twice the frequency, h = |c + is|: the two squares over
    their sums are (p ± q) / (n ± h), p = C² + S² and q = ((C² − S²) c + 2 C S s) / h. No τ is needed, and the result
    does not depend on where the times begin.
    """
    from scipy.fft import next_fast_len

    size = next_fast_len(2 * _OVERSAMPLING * (count + 1) + 4 * _HALF_WIDTH, real=True)
    # Times as cells of the grid. They fill a quarter of it, or half at twice the frequency: nothing wraps round.
    cells = times_s * (step_hz * size) + _HALF_WIDTH
    kernel = _kernel_transform(count, size)
    sums = _spread_transform(cells, values_ms, size)[1 : count + 1] / kernel
    twice = _spread_transform(2 * cells, np.ones_like(cells), size)[1 : count + 1] / kernel
    beats = len(values_ms)
    h = np.abs(twice)
    squared = sums * sums
    p = sums.real**2 + sums.imag**2
    q = (squared.real * twice.real + squared.imag * twice.imag) / np.maximum(h, np.finfo(np.float64).tiny)
    power = (p + q) / (beats + h)
    # Where all beats meet the wave at its zeros there is nothing to see of it.
    rest = beats - h
    seen = rest > _DEGENERATE * beats
    power[seen] += (p[seen] - q[seen]) / rest[seen]
    return np.asarray(np.maximum(power, 0.0) / 2, dtype=np.float64)


def _spread_transform(cells: NDArray[np.float64], values: NDArray[np.float64], size: int) -> NDArray[np.complex128]:
    """FFT of the values spread around their places on a grid of `size` cells; places rise."""
    from scipy.fft import rfft

    grid = np.zeros(size)
    offsets = np.arange(1 - _HALF_WIDTH, _HALF_WIDTH + 1)
    for first in range(0, len(cells), _SPREAD_BEATS):
        places = cells[first : first + _SPREAD_BEATS]
        below = np.floor(places).astype(np.intp)
        distance = (below - places)[:, np.newaxis] + offsets
        root = np.sqrt(np.maximum(_HALF_WIDTH**2 - distance * distance, 1e-30))
        weights = np.sinh(_SHAPE * root) / root * values[first : first + _SPREAD_BEATS, np.newaxis]
        begin = int(below[0]) - _HALF_WIDTH + 1
        local = (below - begin)[:, np.newaxis] + offsets
        spread = np.bincount(local.ravel(), weights.ravel())
        grid[begin : begin + len(spread)] += spread
    return np.asarray(rfft(grid), dtype=np.complex128)


def _kernel_transform(count: int, size: int) -> NDArray[np.float64]:
    """The transform of sinh(b √(m² − x²)) / √(m² − x²) at cells: π I₀(m √(b² − ω²)), for 1 … count of `size`."""
    from scipy.special import i0

    angle = 2 * np.pi / size * np.arange(1, count + 1)
    return np.asarray(np.pi * i0(_HALF_WIDTH * np.sqrt(_SHAPE**2 - angle * angle)), dtype=np.float64)
