"""Spectra against SciPy, closed forms and published numbers; bands that say what a window cannot hold."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.signal import lombscargle
from scipy.signal import welch as scipy_welch

from dsp.errors import RrUnitWarning, SeriesError, TooLong, TooShort
from dsp.spectrum import (
    ULF_TO_HZ,
    Bands,
    Spectrum,
    absent_bands,
    band_power_ms2,
    bands,
    burg,
    lomb_scargle,
    welch,
)

METHODS = [welch, lomb_scargle, burg]
Method = Callable[..., Spectrum]
each_method = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)


def swinging(frequency_hz: float, *, amplitude_ms: float = 30.0, seconds: float = 600.0) -> NDArray[np.float64]:
    """Intervals around 600 ms that swing as a sine of the time at which they end."""
    nn_ms: list[float] = []
    at_s = 0.0
    while at_s < seconds:
        interval_ms = 600.0
        for _ in range(30):  # the interval depends on when it ends
            end_s = at_s + interval_ms / 1000
            interval_ms = 600 + amplitude_ms * np.sin(2 * np.pi * frequency_hz * end_s)
        nn_ms.append(interval_ms)
        at_s += interval_ms / 1000
    return np.array(nn_ms)


def noisy(count: int, seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return 850 + 20 * rng.standard_normal(count) + 25 * np.sin(np.arange(count) / 9)


def area(spectrum: Spectrum) -> float:
    return band_power_ms2(spectrum, from_hz=0.0, to_hz=float(spectrum.frequency_hz[-1]))


# --- Lomb


def lomb_by_definition(
    nn_ms: NDArray[np.float64], at_s: NDArray[np.float64], frequency_hz: NDArray[np.float64]
) -> NDArray[np.float64]:
    power = lombscargle(at_s, nn_ms - nn_ms.mean(), 2 * np.pi * frequency_hz)
    covered_s = min(nn_ms[1:].sum() / 1000, at_s[-1] - at_s[0])
    return np.asarray(power * 2 * covered_s / len(nn_ms))


@pytest.mark.parametrize("hole_s", [0.0, 60.0, 600.0])
def test_a_hole_adds_no_power_to_lombs_spectrum(hole_s: float) -> None:
    at_s = np.arange(1, 601) * 0.8
    at_s[300:] += hole_s
    nn_ms = 800 + 30 * np.sin(2 * np.pi * 0.25 * at_s)
    hf_ms2 = band_power_ms2(lomb_scargle(nn_ms, at_s=at_s), from_hz=0.15, to_hz=0.4)
    assert hf_ms2 == pytest.approx(30**2 / 2, rel=0.05)


@given(
    steps_ms=st.lists(st.integers(300, 2000), min_size=16, max_size=120),
    hole=st.tuples(st.integers(1, 15), st.integers(0, 900)),
    seed=st.integers(0, 1000),
    start_s=st.sampled_from([0.0, 12.5, 1e5]),
)
def test_lomb_is_scipys(steps_ms: list[int], hole: tuple[int, int], seed: int, start_s: float) -> None:
    nn_ms = np.random.default_rng(seed).normal(900, 60, len(steps_ms))
    elapsed_s = np.array(steps_ms) / 1000
    elapsed_s[hole[0]] += hole[1]
    at_s = start_s + np.cumsum(elapsed_s)
    if at_s[-1] - at_s[0] < 10:
        at_s = start_s + (at_s - start_s) * 3
    spectrum = lomb_scargle(nn_ms, at_s=at_s)
    expected = lomb_by_definition(nn_ms, at_s - at_s[0], spectrum.frequency_hz)
    np.testing.assert_allclose(spectrum.psd_ms2_per_hz, expected, atol=1e-7 * expected.max(), rtol=1e-6)


@pytest.mark.parametrize("count", [16, 400, 20_000])
def test_lomb_is_scipys_to_nine_digits(count: int) -> None:
    nn_ms = noisy(count)
    spectrum = lomb_scargle(nn_ms)
    some = np.unique(np.linspace(0, len(spectrum.frequency_hz) - 1, 300).astype(int))
    at_s = np.cumsum(nn_ms) / 1000
    expected = lomb_by_definition(nn_ms, at_s - at_s[0], spectrum.frequency_hz[some])
    error = np.abs(spectrum.psd_ms2_per_hz[some] - expected).max()
    assert error < 1e-9 * spectrum.psd_ms2_per_hz.max()


def test_lomb_up_to_half_the_heart_rate_on_even_beats() -> None:
    # Evenly spaced beats meet the last wave at its zeros or its tops only: nothing may blow up there.
    nn_ms = noisy(301)
    spectrum = lomb_scargle(nn_ms, at_s=np.arange(301.0), up_to_hz=0.5)
    assert np.isfinite(spectrum.psd_ms2_per_hz).all()
    assert spectrum.psd_ms2_per_hz.min() >= 0


def test_lomb_does_not_mirror() -> None:
    spectrum = lomb_scargle(1500 + noisy(300) - 850)
    assert spectrum.frequency_hz[-1] <= 0.5 / 1.5


@pytest.mark.parametrize(
    ("pattern", "field", "power_ms2"),
    [("TP2", "hf_ms2", 612.5), ("TP3", "lf_ms2", 2450.0), ("TP4", "vlf_ms2", 39200.0)],
)
def test_lomb_on_ec57(shared_data: Path, pattern: str, field: str, power_ms2: float) -> None:
    found = ec57(shared_data, pattern)
    assert getattr(found, field) == pytest.approx(power_ms2, rel=0.004)
    for other in {"vlf_ms2", "lf_ms2", "hf_ms2"} - {field}:
        assert (getattr(found, other) or 0.0) < 0.01 * power_ms2


def test_lomb_on_ec57_without_power_in_any_band(shared_data: Path) -> None:
    found = ec57(shared_data, "TP5")  # 9820 ms², all of them slower than VLF
    assert found.total_ms2 is not None
    assert found.total_ms2 < 0.2


def ec57(shared_data: Path, pattern: str) -> Bands:
    with gzip.open(shared_data / "rr" / "ec57" / f"HRV256_{pattern}.txt.gz", "rt") as file:
        at_s, rr_s = np.loadtxt(file, delimiter=",").T
    return bands(lomb_scargle(rr_s * 1000, at_s=at_s), vlf_from_hz=ULF_TO_HZ)


# --- Welch


@pytest.mark.parametrize("samples", [1000, 1200, 1800, 6000])
def test_welch_is_scipys_where_segments_fit(samples: int) -> None:
    at_s = np.arange(2 * samples + 1) / 8 + 0.02 * np.sin(np.arange(2 * samples + 1))
    at_s[-1] = (samples - 0.5) / 4 + at_s[0]
    at_s = at_s[at_s <= at_s[-1]]
    nn_ms = noisy(len(at_s))
    even_s = np.arange(samples) / 4
    even = CubicSpline(at_s - at_s[0], nn_ms)(even_s[even_s <= at_s[-1] - at_s[0]])
    length = min(1200, len(even))
    spectrum = welch(nn_ms, at_s=at_s)
    size = 2 * (len(spectrum.frequency_hz) - 1)
    frequency_hz, psd = scipy_welch(even, 4, nperseg=length, nfft=size, detrend="linear")
    np.testing.assert_allclose(spectrum.frequency_hz, frequency_hz, atol=1e-12)
    inner = slice(1, -1)  # SciPy halves the density at both ends, so that a plain sum is the variance
    np.testing.assert_allclose(spectrum.psd_ms2_per_hz[inner], psd[inner], rtol=1e-7, atol=1e-9 * psd.max())


def test_welch_is_kubios_on_a_published_record(shared_data: Path) -> None:
    # Kubios HRV 2.2 as published with systole's tests; a series of 216 s, which we would not give VLF for.
    rr_ms = np.loadtxt(shared_data / "rr" / "kubios_reference" / "rr.txt", delimiter=",", skiprows=1)[:, 1]
    spectrum = welch(rr_ms)
    assert band_power_ms2(spectrum, from_hz=0.0, to_hz=0.04) == pytest.approx(4504.4, rel=0.01)
    found = bands(spectrum)
    assert found.lf_ms2 == pytest.approx(2393.9, rel=0.01)
    assert found.hf_ms2 == pytest.approx(566.3, rel=0.01)
    assert found.vlf_ms2 is None


def test_welch_covers_a_stretch_to_its_end() -> None:
    nn_ms = noisy(600)
    changed = nn_ms.copy()
    changed[-40:-20] += np.tile([60, -60], 10)  # from 475 s on: plain steps of half a segment end at 450 s
    at_s = np.cumsum(nn_ms) / 1000
    assert welch(nn_ms).used_s == pytest.approx(nn_ms[1:].sum() / 1000, abs=0.3)
    # Little, so near the end of the one window that reaches there; a segment that is not there would see nothing.
    assert area(welch(changed, at_s=at_s)) > 1.0005 * area(welch(nn_ms, at_s=at_s))


# --- breaks


@pytest.mark.parametrize("method", [welch, burg])
def test_nothing_is_drawn_across_a_break(method: Method) -> None:
    """Two stretches at different levels: the step between them is no variability."""
    first, second = noisy(450, seed=1), noisy(450, seed=2)
    joined = np.ones(900, dtype=bool)
    joined[450] = False
    level_ms, step_ms = np.concatenate([first, second]), np.concatenate([first, second + 300])
    at_s = np.cumsum(level_ms) / 1000
    apart, level = (method(nn_ms, at_s=at_s, joined=joined) for nn_ms in (step_ms, level_ms))
    np.testing.assert_allclose(apart.psd_ms2_per_hz, level.psd_ms2_per_hz, rtol=1e-5, atol=1e-6)
    drawn_across = method(step_ms, at_s=at_s)
    assert band_power_ms2(drawn_across, from_hz=0, to_hz=0.04) > 5 * band_power_ms2(apart, from_hz=0, to_hz=0.04)


def test_two_equal_stretches_are_one() -> None:
    first = noisy(450, seed=1)
    joined = np.ones(900, dtype=bool)
    joined[450] = False
    twice, once = welch(np.concatenate([first, first]), joined=joined), welch(first)
    np.testing.assert_allclose(twice.psd_ms2_per_hz, once.psd_ms2_per_hz, rtol=1e-6, atol=1e-6)
    assert twice.used_s == 2 * once.used_s


@pytest.mark.parametrize("method", [welch, burg])
def test_a_hole_of_ten_minutes_in_the_times_is_a_break(method: Method) -> None:
    nn_ms = noisy(900)
    at_s = np.cumsum(nn_ms) / 1000
    at_s[450:] += 600
    joined = np.ones(900, dtype=bool)
    joined[450] = False
    marked = method(nn_ms, joined=joined)
    np.testing.assert_allclose(method(nn_ms, at_s=at_s).psd_ms2_per_hz, marked.psd_ms2_per_hz, rtol=1e-6)
    assert marked.used_s < nn_ms.sum() / 1000


def test_short_stretches_are_left_out_and_told() -> None:
    joined = np.ones(700, dtype=bool)
    joined[500] = False
    spectrum = welch(noisy(700), joined=joined)
    assert spectrum.used_s < 500 * 0.9
    assert welch(noisy(700), joined=joined, segment_s=120).used_s > 570


# --- all methods


@each_method
@pytest.mark.parametrize(("frequency_hz", "field"), [(0.02, "vlf_ms2"), (0.1, "lf_ms2"), (0.25, "hf_ms2")])
def test_a_sine_has_half_its_squared_amplitude_in_its_band(method: Method, frequency_hz: float, field: str) -> None:
    nn_ms = swinging(frequency_hz)
    found = bands(method(nn_ms))
    power_ms2 = getattr(found, field)
    assert power_ms2 == pytest.approx(450, rel=0.02)
    assert found.total_ms2 == pytest.approx(power_ms2, rel=0.02)
    peak_hz = getattr(found, field.replace("ms2", "peak_hz"))
    assert peak_hz == pytest.approx(frequency_hz, abs=0.002)


@each_method
@given(factor=st.floats(0.01, 20), seed=st.integers(0, 50))
@settings(max_examples=15)
def test_twice_the_swing_is_four_times_the_power(method: Method, factor: float, seed: int) -> None:
    deviation = noisy(200, seed)
    deviation -= deviation.mean()  # or half the mean heart rate moves, and Lomb's last frequency with it
    at_s = np.arange(1, 201) * 0.9
    one = method(3000 + deviation, at_s=at_s)
    other = method(3000 + factor * deviation, at_s=at_s)
    np.testing.assert_allclose(
        other.psd_ms2_per_hz,
        factor**2 * one.psd_ms2_per_hz,
        rtol=1e-4,
        atol=1e-6 * factor**2 * one.psd_ms2_per_hz.max(),
    )


def test_area_is_the_variance() -> None:
    nn_ms = noisy(2000)
    # Up to half the heart rate, Lomb's area is the variance; the others' is that of what the spline draws.
    assert area(lomb_scargle(nn_ms, up_to_hz=2.0)) == pytest.approx(nn_ms.var(), rel=0.03)
    at_s = np.cumsum(nn_ms) / 1000
    even = CubicSpline(at_s, nn_ms)(np.arange(at_s[0], at_s[-1], 0.25))
    assert area(welch(nn_ms)) == pytest.approx(even.var(), rel=0.03)
    assert area(burg(nn_ms)) == pytest.approx(even.var(), rel=1e-3)


@pytest.mark.parametrize("order", [1, 2, 16, 64])
def test_burg_is_the_model_it_says(order: int) -> None:
    """The mean density of each step is the density's, where that is smooth; coefficients from Burg's own recursion."""
    nn_ms = noisy(400)
    at_s = np.cumsum(nn_ms) / 1000
    even = CubicSpline(at_s - at_s[0], nn_ms)(np.arange(int((at_s[-1] - at_s[0]) * 4) + 1) / 4)
    even -= np.polyval(np.polyfit(np.arange(len(even)), even, 1), np.arange(len(even)))
    forward, backward, filters, variance = even[1:], even[:-1], np.array([1.0]), float(np.mean(even**2))
    for _ in range(order):
        k = -2 * np.dot(forward, backward) / (np.dot(forward, forward) + np.dot(backward, backward))
        filters = np.concatenate([filters, [0]]) + k * np.concatenate([[0], filters[::-1]])
        variance *= 1 - k**2
        forward, backward = (forward + k * backward)[1:], (backward + k * forward)[:-1]
    spectrum = burg(nn_ms, order=order)
    turns = np.exp(-2j * np.pi * np.outer(spectrum.frequency_hz / 4, np.arange(order + 1)))
    expected = 2 * variance / 4 / np.abs(turns @ filters) ** 2
    slow = (spectrum.frequency_hz > 0.005) & (spectrum.frequency_hz < 0.5)
    np.testing.assert_allclose(spectrum.psd_ms2_per_hz[slow], expected[slow], rtol=0.02)
    assert area(spectrum) == pytest.approx(np.mean(even**2), rel=1e-6)


@each_method
def test_a_constant_series_has_no_power_and_no_shares(method: Method) -> None:
    found = bands(method([800.1] * 500))
    assert (found.vlf_ms2, found.lf_ms2, found.hf_ms2, found.total_ms2) == (0, 0, 0, 0)
    names = {"vlf_pct", "lf_pct", "hf_pct", "lf_nu", "hf_nu", "lf_hf", "vlf_peak_hz", "lf_peak_hz", "hf_peak_hz"}
    assert set(found.absent) == names
    assert "no variability" in found.absent["lf_hf"]


@each_method
@pytest.mark.parametrize("nn_ms", [[], [800.0], [800.0] * 15])
def test_too_few(method: Method, nn_ms: list[float]) -> None:
    with pytest.raises(TooShort):
        method(nn_ms)


@each_method
@pytest.mark.parametrize(
    "bad",
    [[800.0] * 20 + [np.nan], [800.0] * 20 + [-1.0], [800.0] * 20 + [0.0], ["800"] * 20, [[800.0] * 20], 800.0],
)
def test_no_intervals(method: Method, bad: object) -> None:
    with pytest.raises(SeriesError):
        method(bad)


@each_method
def test_seconds_instead_of_milliseconds(method: Method) -> None:
    with pytest.warns(RrUnitWarning, match="seconds"), pytest.raises(TooShort):
        method(noisy(400) / 1000)


@each_method
def test_ten_million_beats(method: Method) -> None:
    with pytest.raises(TooLong, match="take windows"):
        method(np.full(10_000_000, 800.0))


@pytest.mark.parametrize("method", [welch, burg])
def test_no_stretch_is_long_enough(method: Method) -> None:
    joined = np.arange(200) % 8 != 0
    with pytest.raises(TooShort, match="break"):
        method(noisy(200), joined=joined)


def test_arguments_out_of_range() -> None:
    nn_ms = noisy(100)
    with pytest.raises(SeriesError, match="segment"):
        welch(nn_ms, segment_s=5)
    with pytest.raises(SeriesError, match="last frequency"):
        lomb_scargle(nn_ms, up_to_hz=0)
    with pytest.raises(SeriesError, match="no wave"):
        lomb_scargle(nn_ms, up_to_hz=0.005)
    with pytest.raises(SeriesError, match="order"):
        burg(nn_ms, order=0)
    with pytest.raises(SeriesError, match="VLF"):
        bands(welch(nn_ms), vlf_from_hz=0.04)
    with pytest.raises(TooShort, match="order 64"):
        burg(nn_ms[:30], order=64)


# --- bands


def flat(*, window_s: float = 300.0, ends_hz: float = 0.5, step_hz: float = 0.001) -> Spectrum:
    frequency_hz = np.arange(0, ends_hz + step_hz / 2, step_hz)
    return Spectrum(
        frequency_hz=frequency_hz, psd_ms2_per_hz=np.full(len(frequency_hz), 1000.0), window_s=window_s, used_s=window_s
    )


@given(st.floats(1e-4, 0.02))
def test_edges_divide_a_bin(step_hz: float) -> None:
    found = bands(flat(step_hz=step_hz))
    assert found.vlf_ms2 == pytest.approx(40)
    assert found.lf_ms2 == pytest.approx(110)
    assert found.hf_ms2 == pytest.approx(250)
    assert found.total_ms2 == pytest.approx(400)
    assert found.vlf_pct == pytest.approx(10)
    assert found.lf_nu == pytest.approx(100 * 110 / 360)
    assert found.lf_nu is not None
    assert found.hf_nu == pytest.approx(100 - found.lf_nu)
    assert found.lf_hf == pytest.approx(0.44)
    assert bands(flat(step_hz=step_hz), vlf_from_hz=0.003).vlf_ms2 == pytest.approx(37)


@pytest.mark.parametrize(
    ("window_s", "hidden"),
    [(30, {"vlf", "lf", "hf"}), (60, {"vlf", "lf"}), (118, {"vlf"}), (290, {"vlf"}), (298, set()), (3600, set())],
)
def test_a_window_shows_what_it_can_hold(window_s: float, hidden: set[str]) -> None:
    spectrum = flat(window_s=window_s)
    assert set(absent_bands(spectrum)) == hidden
    found = bands(spectrum)
    for name in ("vlf", "lf", "hf"):
        assert (getattr(found, f"{name}_ms2") is None) == (name in hidden)
    assert (found.total_ms2 is None) == bool(hidden)
    assert (found.lf_hf is None) == bool(hidden & {"lf", "hf"})


@given(st.sampled_from([30, 60, 120, 300]), st.sampled_from([0.1, 0.2, 0.5]), st.sampled_from([0.0, 1.0]))
def test_every_none_has_its_reason_and_nothing_else_has(window_s: float, ends_hz: float, factor: float) -> None:
    spectrum = flat(window_s=window_s, ends_hz=ends_hz)
    spectrum.psd_ms2_per_hz[:] *= factor
    found = bands(spectrum)
    fields = [name for name in Bands.__dataclass_fields__ if name != "absent"]
    assert set(found.absent) == {name for name in fields if getattr(found, name) is None}
    assert all(len(reason) > 10 for reason in found.absent.values())


def test_a_spectrum_that_ends_early_has_no_hf() -> None:
    assert "ends before" in absent_bands(flat(ends_hz=0.2))["hf"]


def test_a_slope_is_no_peak() -> None:
    spectrum = flat()
    spectrum.psd_ms2_per_hz[:] = 1 / (spectrum.frequency_hz + 0.01)
    assert bands(spectrum).lf_peak_hz is None
    spectrum.psd_ms2_per_hz[100] += 1
    assert bands(spectrum).lf_peak_hz == pytest.approx(0.1)


def test_five_minutes_of_beats_show_all_bands() -> None:
    nn_ms = noisy(1000)
    at_s = np.cumsum(nn_ms) / 1000
    window = (at_s > 200) & (at_s <= 500)
    for method in METHODS:
        assert bands(method(nn_ms[window], at_s=at_s[window])).total_ms2 is not None
