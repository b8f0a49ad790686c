"""Our numbers beside those of NeuroKit2, systole, hrv-analysis and pyHRV on the same series.

Where a peer has our number, its own answer is the oracle; where it has another, the test says by which formula ours
becomes theirs. The answers are frozen in `oracles/` with the versions that gave them; so are the synthetic series.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.signal
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from dsp.artefacts import clean
from dsp.detrending import smoothness_priors
from dsp.dfa import dfa
from dsp.entropy import sample_entropy
from dsp.spectrum import Spectrum, band_power_ms2, bands, burg, lomb_scargle, welch
from dsp.time_domain import TimeDomain, time_domain

Floats = NDArray[np.float64]

_ORACLES = Path(__file__).with_name("oracles")
_PEERS = json.loads((_ORACLES / "peers.json").read_text())
_SHORT = [name for name, said in _PEERS["series"].items() if said["count"] < 1000]
_BIN_MS = 1000 / 128
EXACT = 1e-12


def _series(name: str) -> Floats:
    with np.load(_ORACLES / "series.npz") as series:
        values: Floats = series[name].astype(np.float64)
    return values * 1000 / 1024 if name.endswith("_ticks") else values


_RR_MS = {name: _series(name) for name in _PEERS["series"]}
_OURS = {name: time_domain(rr_ms) for name, rr_ms in _RR_MS.items()}


@pytest.fixture(params=list(_RR_MS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def rr_ms(name: str) -> Floats:
    return _RR_MS[name]


@pytest.fixture
def ours(name: str) -> TimeDomain:
    return _OURS[name]


@pytest.fixture
def said(name: str) -> Mapping[str, Any]:
    said: Mapping[str, Any] = _PEERS["series"][name]
    return said


@pytest.fixture(params=_SHORT)
def short(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _approx(value: float | None, rel: float = EXACT) -> Any:
    return pytest.approx(value, rel=rel, abs=0)


def _value(metrics: object, field: str) -> float:
    value = getattr(metrics, field)
    assert isinstance(value, float)
    return value


def _bands(spectrum: Spectrum) -> tuple[float, float, float]:
    edges_hz = ((0.0, 0.04), (0.04, 0.15), (0.15, 0.4))
    vlf, lf, hf = (band_power_ms2(spectrum, from_hz=begin, to_hz=end) for begin, end in edges_hz)
    return vlf, lf, hf


def _even(rr_ms: Floats) -> tuple[Floats, float]:
    """The series on a cubic spline at 4 Hz, and how long it lasts."""
    times_s = np.cumsum(rr_ms) / 1000
    span_s = float(times_s[-1] - times_s[0])
    return CubicSpline(times_s - times_s[0], rr_ms)(np.arange(int(span_s * 4) + 1) / 4), span_s


def test_the_peers_were_asked_about_these_very_series(rr_ms: Floats, said: Mapping[str, Any]) -> None:
    assert hashlib.sha256(rr_ms.astype("<f8").tobytes()).hexdigest() == said["sha256_of_float64"]
    assert _PEERS["versions"]["neurokit2"] == "0.2.13"
    assert _PEERS["versions"]["systole"] == "0.3.1"
    assert _PEERS["versions"]["hrv-analysis"] == "1.0.5"
    assert _PEERS["versions"]["pyhrv"] == "0.5.0"


# --- time domain: agreement ---

_SAME = [
    ("mean_nn_ms", "neurokit2", "time.MeanNN"),
    ("mean_nn_ms", "hrv-analysis", "time.mean_nni"),
    ("mean_nn_ms", "pyhrv", "time.nni_mean"),
    ("median_nn_ms", "neurokit2", "time.MedianNN"),
    ("median_nn_ms", "hrv-analysis", "time.median_nni"),
    ("iqr_ms", "neurokit2", "time.IQRNN"),
    ("min_heart_rate_bpm", "hrv-analysis", "time.min_hr"),
    ("max_heart_rate_bpm", "hrv-analysis", "time.max_hr"),
    ("min_heart_rate_bpm", "pyhrv", "time.hr_min"),
    ("max_heart_rate_bpm", "pyhrv", "time.hr_max"),
    ("sdnn_ms", "neurokit2", "time.SDNN"),
    ("sdnn_ms", "hrv-analysis", "time.sdnn"),
    ("sdnn_ms", "pyhrv", "time.sdnn"),
    ("rmssd_ms", "neurokit2", "time.RMSSD"),
    ("rmssd_ms", "hrv-analysis", "time.rmssd"),
    ("rmssd_ms", "pyhrv", "time.rmssd"),
    ("sdsd_ms", "neurokit2", "time.SDSD"),
    ("pnn20_pct", "hrv-analysis", "time.pnni_20"),
    ("pnn20_pct", "pyhrv", "time.pnn20"),
    ("pnn50_pct", "hrv-analysis", "time.pnni_50"),
    ("pnn50_pct", "pyhrv", "time.pnn50"),
    ("triangular_index", "neurokit2", "time.HTI"),
    ("triangular_index", "pyhrv", "triangular.tri_index"),
    ("sd1_ms", "hrv-analysis", "poincare.sd1"),
]


@pytest.mark.parametrize(("field", "peer", "theirs"), _SAME)
def test_the_same_number_to_the_last_digits(
    ours: TimeDomain, said: Mapping[str, Any], field: str, peer: str, theirs: str
) -> None:
    assert _value(ours, field) == pytest.approx(said[peer][theirs], rel=EXACT, abs=EXACT)


@pytest.mark.parametrize(("field", "theirs"), [("sd1_ms", "SD1"), ("sd2_ms", "SD2"), ("sd1_sd2", "SD1SD2")])
def test_neurokit_has_our_poincare_plot(short: str, field: str, theirs: str) -> None:
    said = _PEERS["series"][short]["neurokit2"][f"nonlinear.{theirs}"]
    assert _value(_OURS[short], field) == _approx(said)


@pytest.mark.parametrize(
    ("field", "theirs"),
    [
        ("mean_nn_ms", "MeanRR"),
        ("median_nn_ms", "MedianRR"),
        ("min_heart_rate_bpm", "MinBPM"),
        ("max_heart_rate_bpm", "MaxBPM"),
        ("sdnn_ms", "SDNN"),
        ("sdsd_ms", "SDSD"),
        ("rmssd_ms", "RMSSD"),
        ("pnn50_pct", "pnn50"),
    ],
)
def test_systole_has_the_same_numbers_rounded_to_six_places(
    ours: TimeDomain, said: Mapping[str, Any], field: str, theirs: str
) -> None:
    assert _value(ours, field) == pytest.approx(said["systole"][f"time.{theirs}"], abs=0.51e-6, rel=0)


def test_neurokit_scales_the_median_deviation_to_a_normal_distribution(
    ours: TimeDomain, said: Mapping[str, Any]
) -> None:
    assert _value(ours, "mad_ms") * 1.4826 == _approx(said["neurokit2"]["time.MadNN"])


def test_shares_of_the_mean_are_fractions_elsewhere(ours: TimeDomain, said: Mapping[str, Any]) -> None:
    assert _value(ours, "cvnn_pct") == _approx(100 * said["neurokit2"]["time.CVNN"])
    assert _value(ours, "cvnn_pct") == _approx(100 * said["hrv-analysis"]["time.cvnni"])


# --- time domain: explained differences ---


@pytest.mark.parametrize("limit", [20, 50])
def test_neurokit_divides_pnn_by_intervals_where_there_are_only_pairs(
    rr_ms: Floats, ours: TimeDomain, said: Mapping[str, Any], limit: int
) -> None:
    count = len(rr_ms)
    theirs = said["neurokit2"][f"time.pNN{limit}"]
    assert theirs * count / (count - 1) == pytest.approx(_value(ours, f"pnn{limit}_pct"), rel=EXACT)


def test_the_mean_heart_rate_of_the_others_is_the_mean_of_the_beats_own_rates(
    rr_ms: Floats, ours: TimeDomain, said: Mapping[str, Any]
) -> None:
    of_beats_bpm = float(np.mean(60_000 / rr_ms))
    assert said["hrv-analysis"]["time.mean_hr"] == _approx(of_beats_bpm)
    assert said["pyhrv"]["time.hr_mean"] == _approx(of_beats_bpm)
    assert said["systole"]["time.MeanBPM"] == _approx(of_beats_bpm, rel=1e-7)
    beats_in_a_minute = 60_000 * len(rr_ms) / rr_ms.sum()
    assert _value(ours, "mean_heart_rate_bpm") == _approx(beats_in_a_minute)
    assert beats_in_a_minute < of_beats_bpm  # always: a harmonic mean is not above an arithmetic one


def test_hrv_analysis_has_the_population_deviation_of_the_differences(
    rr_ms: Floats, ours: TimeDomain, said: Mapping[str, Any]
) -> None:
    pairs = len(rr_ms) - 1
    assert said["hrv-analysis"]["time.sdsd"] == _approx(_value(ours, "sdsd_ms") * np.sqrt((pairs - 1) / pairs))


def test_pyhrv_takes_the_deviation_of_absolute_differences_for_sdsd(
    rr_ms: Floats, ours: TimeDomain, said: Mapping[str, Any]
) -> None:
    theirs = said["pyhrv"]["time.sdsd"]
    assert theirs == _approx(float(np.abs(np.diff(rr_ms)).std(ddof=1)))
    assert theirs < 0.7 * _value(ours, "sdsd_ms")


def test_systole_and_pyhrv_have_population_deviations_in_the_poincare_plot(
    rr_ms: Floats, ours: TimeDomain, said: Mapping[str, Any]
) -> None:
    count, pairs = len(rr_ms), len(rr_ms) - 1
    to_population = np.sqrt((pairs - 1) / pairs)
    assert said["pyhrv"]["poincare.sd1"] == _approx(_value(ours, "sd1_ms") * to_population)
    assert said["systole"]["poincare.SD1"] == _approx(_value(ours, "sd1_ms") * to_population)
    assert said["pyhrv"]["poincare.sd2"] == _approx(_value(ours, "sd2_ms") * to_population)
    assert said["pyhrv"]["poincare.sd_ratio"] == _approx(1 / _value(ours, "sd1_sd2"))
    # Brennan's identity holds for an endless series; on a short one its ends count.
    square = 2 * _value(ours, "sdnn_ms") ** 2 * (count - 1) / count - (_value(ours, "sdsd_ms") * to_population) ** 2 / 2
    assert said["systole"]["poincare.SD2"] == _approx(np.sqrt(square))


def test_hrv_analysis_has_sd2_by_brennans_identity(ours: TimeDomain, rr_ms: Floats, said: Mapping[str, Any]) -> None:
    identity = np.sqrt(2 * _value(ours, "sdnn_ms") ** 2 - _value(ours, "sdsd_ms") ** 2 / 2)
    assert said["hrv-analysis"]["poincare.sd2"] == _approx(identity)
    assert _value(ours, "sd2_ms") == _approx(float((rr_ms[1:] + rr_ms[:-1]).std(ddof=1) / np.sqrt(2)))
    assert identity == pytest.approx(_value(ours, "sd2_ms"), rel=0.01)


def test_hrv_analysis_has_a_histogram_of_8_ms_from_300_ms(rr_ms: Floats, said: Mapping[str, Any]) -> None:
    counts, _ = np.histogram(rr_ms, np.arange(300, 2000, 8))
    assert said["hrv-analysis"]["geometry.triangular_index"] == _approx(len(rr_ms) / counts.max())


def _least_squares_base_ms(rr_ms: Floats, *, beyond: int) -> float:
    """TINN tried out: every pair of feet, from one bin beside the apex to `beyond` bins past the occupied ones."""
    counts = np.bincount((rr_ms / _BIN_MS).astype(int)).astype(np.float64)
    occupied = np.flatnonzero(counts)
    counts = np.pad(counts, (0, beyond + 1))
    bins = np.arange(len(counts))
    apex = int(counts.argmax())
    base, least = 0, np.inf
    for left in range(int(occupied[0]) - beyond, apex):
        for right in range(apex + 1, int(occupied[-1]) + beyond + 1):
            line = np.interp(bins, (left, apex, right), (0.0, counts[apex], 0.0))
            distance = float(((counts - line) ** 2).sum())
            if distance < least:
                base, least = right - left, distance
    return base * _BIN_MS


def test_tinn_is_the_best_of_all_triangles_and_pyhrv_stops_at_the_last_occupied_bin(short: str) -> None:
    rr_ms = _RR_MS[short]
    theirs = _PEERS["series"][short]["pyhrv"]["tinn_long.tinn"]
    assert _value(_OURS[short], "tinn_ms") == _least_squares_base_ms(rr_ms, beyond=1)
    assert theirs == _least_squares_base_ms(rr_ms, beyond=0)
    assert theirs == _value(_OURS[short], "tinn_ms") or theirs < _value(_OURS[short], "tinn_ms")


def test_neurokit_gives_up_its_search_for_a_triangle_where_there_are_many_beats(
    ours: TimeDomain, rr_ms: Floats, said: Mapping[str, Any]
) -> None:
    theirs = said["neurokit2"]["time.TINN"]
    # It measures the distance only between the feet that it tries, so that narrow ones win, and starts from a least
    # distance of 2**14 squared beats, below which no triangle gets in a long recording.
    assert theirs < _value(ours, "tinn_ms")
    if len(rr_ms) > 100_000:
        assert theirs == 0
        assert _value(ours, "tinn_ms") > 4 * _value(ours, "sdnn_ms")


# --- spectra: agreement ---


def test_lomb_is_astropys_periodogram_as_a_density(short: str) -> None:
    rr_ms = _RR_MS[short]
    theirs = np.array(_PEERS["series"][short]["parts"]["astropy.lomb_ms2"])
    spectrum = lomb_scargle(rr_ms)
    span_s = float(rr_ms[1:].sum()) / 1000
    assert len(theirs) == 15
    assert spectrum.psd_ms2_per_hz[::40] == pytest.approx(theirs * 2 * span_s / len(rr_ms), rel=1e-8)


@pytest.mark.parametrize("hole_s", [60, 600])
def test_lomb_over_a_hole_has_the_power_of_the_beats(hole_s: int) -> None:
    # A sine of amplitude A has A²/2, however long nobody listened: ∫|W|² of a window W is the time that it is open.
    count = 1200
    times_s = np.arange(1, count + 1) * 0.8
    rr_ms = 800 + 30 * np.sin(2 * np.pi * 0.1 * times_s)
    heard = np.ones(count, dtype=np.bool_)
    heard[300 : 300 + round(hole_s / 0.8)] = False
    found_ms2 = band_power_ms2(lomb_scargle(rr_ms[heard], at_s=times_s[heard]), from_hz=0, to_hz=0.6)
    assert found_ms2 == pytest.approx(30**2 / 2, rel=0.05)


def test_burg_is_the_model_of_the_spectrum_package(short: str) -> None:
    parts = _PEERS["series"][short]["parts"]
    ours = burg(_RR_MS[short])
    # Ours gives the mean density of each step: here by nodes and weights, there in closed form.
    half_hz = ours.frequency_hz[1] / 2
    begin_hz, end_hz = (np.clip(ours.frequency_hz + side * half_hz, 0, 2) for side in (-1, 1))
    nodes, weights = np.polynomial.legendre.leggauss(12)
    at_hz = begin_hz[:, np.newaxis] + (end_hz - begin_hz)[:, np.newaxis] * (nodes + 1) / 2
    powers = np.exp(-2j * np.pi * at_hz[..., np.newaxis] / 4 * np.arange(1, 17))
    response = 1 + powers @ np.array(parts["spectrum.burg_16.a"])
    theirs = (2 * parts["spectrum.burg_16.variance"] / (4 * np.abs(response) ** 2)) @ weights / 2
    assert ours.psd_ms2_per_hz == pytest.approx(theirs, rel=1e-6, abs=1e-9 * theirs.max())


def test_welch_over_one_window_is_scipys_periodogram(short: str) -> None:
    parts = _PEERS["series"][short]["parts"]
    theirs = tuple(parts[f"scipy.one_hann_window.{band}"] for band in ("vlf", "lf", "hf"))
    # Other widths of bins: a band's edge falls a little elsewhere.
    assert _bands(welch(_RR_MS[short], segment_s=400)) == pytest.approx(theirs, rel=2e-3)


def test_pyhrvs_welch_spectrum_of_less_than_five_minutes_is_ours_but_for_the_trend(short: str) -> None:
    theirs = _PEERS["series"][short]["pyhrv"]["welch.fft_abs"]
    vlf, lf, hf = _bands(welch(_RR_MS[short], segment_s=400))
    # They take out the mean and we the line; of a ramp the line is nearly all.
    steady = not short.startswith("ramp")
    assert theirs[1:] == pytest.approx([lf, hf], rel=0.03 if steady else 0.25)
    assert theirs[0] == pytest.approx(vlf, rel=0.13) if steady else theirs[0] > 8 * vlf


# --- spectra: explained differences ---


def test_neurokits_default_powers_are_shares_of_the_highest_density(said: Mapping[str, Any]) -> None:
    default, absolute = (
        {band: said["neurokit2"][f"{kind}.{band}"] for band in ("VLF", "LF", "HF", "TP", "LFHF")}
        for kind in ("frequency", "frequency_not_normalised")
    )
    assert default["LFHF"] == _approx(absolute["LFHF"])
    scale = absolute["LF"] / default["LF"]
    assert absolute["HF"] == _approx(default["HF"] * scale)
    assert absolute["VLF"] == _approx(default["VLF"] * scale)
    assert default["TP"] < 0.1 < absolute["TP"]  # no total power in ms² is this small


def test_neurokits_normalised_units_are_shares_of_the_total(name: str, said: Mapping[str, Any]) -> None:
    theirs = said["neurokit2"]
    lf, hf, total = (theirs[f"frequency_not_normalised.{band}"] for band in ("LF", "HF", "TP"))
    assert theirs["frequency.LFn"] == _approx(lf / total)
    # The Task Force's normalised units leave VLF out.
    ours = bands(welch(_RR_MS[name], segment_s=min(300.0, float(_RR_MS[name][1:].sum()) / 2000)))
    assert _value(ours, "lf_nu") == pytest.approx(100 * lf / (lf + hf), abs=2.0)
    assert 100 * lf / total < _value(ours, "lf_nu") - 0.5


@pytest.mark.parametrize(("peer", "kind"), [("neurokit2", "lomb_uneven"), ("hrv-analysis", "lomb")])
def test_lomb_of_the_others_lacks_the_scale_that_makes_it_a_density(short: str, peer: str, kind: str) -> None:
    rr_ms = _RR_MS[short]
    theirs = {key.lower(): value for key, value in _PEERS["series"][short][peer].items()}
    scale = 2 * rr_ms[1:].sum() / 1000 / len(rr_ms)
    _, lf, hf = _bands(lomb_scargle(rr_ms))
    scaled = [theirs[f"{kind}.lf"] * scale, theirs[f"{kind}.hf"] * scale]
    assert [lf, hf] == pytest.approx(scaled, rel=0.05 if short.startswith("ramp") else 0.01)
    assert scale > 1.2


def test_neurokits_default_lomb_is_of_a_hundred_samples_a_second_that_nobody_measured(short: str) -> None:
    theirs = _PEERS["series"][short]["neurokit2"]
    _, lf, _ = _bands(lomb_scargle(_RR_MS[short]))
    assert theirs["lomb.LF"] > 40 * lf
    assert theirs["lomb_uneven.LF"] < lf
    # Their sum of squares grows with the samples: about one beat a second, and a hundred invented ones.
    samples_a_beat = 100 * _RR_MS[short].mean() / 1000
    if not short.startswith("ramp"):
        assert theirs["lomb.LF"] / theirs["lomb_uneven.LF"] == pytest.approx(samples_a_beat, rel=0.15)


def test_neurokits_welch_has_windows_of_half_the_recording(short: str) -> None:
    rr_ms = _RR_MS[short]
    _, lf, hf = _bands(welch(rr_ms, segment_s=float(rr_ms[1:].sum()) / 2000))
    theirs = _PEERS["series"][short]["neurokit2"]
    expected = [theirs["frequency_not_normalised.LF"], theirs["frequency_not_normalised.HF"]]
    assert [lf, hf] == pytest.approx(expected, rel=0.08)


def test_hrv_analysis_draws_straight_lines_between_beats_and_looks_through_64_s(short: str) -> None:
    rr_ms = _RR_MS[short]
    times_s = np.cumsum(rr_ms) / 1000
    even_s = np.arange(times_s[0], times_s[-1], 0.25)
    hf = {}
    for kind, even_ms in (
        ("lines", np.interp(even_s, times_s, rr_ms)),
        ("cubic", CubicSpline(times_s, rr_ms)(even_s)),
    ):
        frequency_hz, psd = scipy.signal.welch(even_ms - even_ms.mean(), fs=4, nperseg=256, nfft=4096)
        hf[kind] = float(psd[(frequency_hz >= 0.15) & (frequency_hz < 0.4)].sum() * frequency_hz[1])
    theirs = _PEERS["series"][short]["hrv-analysis"]["welch.hf"]
    assert theirs == pytest.approx(hf["lines"], rel=0.02)
    assert theirs < 0.86 * hf["cubic"]  # a straight line cuts the corners of fast waves


def test_neurokits_burg_doubles_twice_for_one_side(short: str) -> None:
    theirs = _PEERS["series"][short]["neurokit2"]
    _, lf, hf = _bands(burg(_RR_MS[short]))
    # Another spline and another order than ours, but half of theirs is ours.
    assert lf + hf == pytest.approx((theirs["burg_4hz.LF"] + theirs["burg_4hz.HF"]) / 2, rel=0.06)


def test_pyhrvs_autoregressive_power_is_an_area_of_decibels_and_hardly_knows_the_series(short: str) -> None:
    theirs = _PEERS["series"][short]["pyhrv"]["ar.ar_abs"]
    other = _PEERS["series"]["rest_ms"]["pyhrv"]["ar.ar_abs"]
    assert theirs == pytest.approx(other, rel=0.15)
    powers = _bands(burg(_RR_MS[short])), _bands(burg(_RR_MS["even_ms"]))
    if not short.startswith("even"):
        assert powers[0][2] > 20 * powers[1][2]  # these hearts do not have the same power


def test_pyhrvs_lomb_powers_are_no_powers(short: str) -> None:
    # The angular frequency is 2π / f there instead of 2π f, of times in ms.
    theirs = _PEERS["series"][short]["pyhrv"]["lomb.lomb_abs"]
    assert max(theirs) < 0.01
    assert theirs[0] < theirs[1] < theirs[2]  # wider bands of the same nothing
    assert _bands(lomb_scargle(_RR_MS["strong_rsa_ms"]))[1] > 10_000


def test_neurokits_smoothness_priors_leave_the_end_as_it_was(short: str) -> None:
    theirs = _PEERS["series"][short]["neurokit2"]
    even_ms, span_s = _even(_RR_MS[short])
    even_ms = even_ms[: len(np.arange(0, span_s, 0.25))]
    ours = smoothness_priors(even_ms)
    assert theirs["detrended_4hz.count"] == len(ours)
    assert ours[:4] == pytest.approx(np.array(theirs["detrended_4hz.first"]), abs=1e-6)
    assert theirs["detrended_4hz.last"][2:] == [0.0, 0.0]
    assert theirs["detrended_4hz.last"][:2] == pytest.approx(even_ms[-4:-2], rel=0.1)
    assert np.abs(ours[-4:]).max() < 0.2 * even_ms[-4:].min()
    assert float(ours.std(ddof=1)) < theirs["detrended_4hz.sd"] - 40


# --- entropy and fluctuations ---


@pytest.mark.parametrize(
    ("peer", "theirs"),
    [
        ("neurokit2", "nonlinear.SampEn"),
        ("hrv-analysis", "entropy.sampen"),
        ("pyhrv", "entropy.sampen"),
        ("parts", "nolds.sampen_closed"),
    ],
)
def test_sample_entropy_is_everybodys(short: str, peer: str, theirs: str) -> None:
    # hrv-analysis has r = 0.2006 SD and pyHRV divides by n + 1: on whole ms and ticks that counts the same pairs.
    assert sample_entropy(_RR_MS[short]) == _approx(_PEERS["series"][short][peer][theirs])


@pytest.mark.parametrize(("scales", "theirs"), [(range(4, 17), "nolds.dfa_4_16"), (range(16, 65), "nolds.dfa_16_64")])
def test_dfa_is_that_of_nolds_by_least_squares(short: str, scales: range, theirs: str) -> None:
    assert dfa(_RR_MS[short], scales=scales).alpha == _approx(_PEERS["series"][short]["parts"][theirs], rel=1e-11)


def test_neurokits_dfa_has_other_boxes(short: str) -> None:
    # Half overlapping, which weighs the middle more; on the same scales, 4 to 11.
    theirs = _PEERS["series"][short]["neurokit2"]["nonlinear.DFA_alpha1"]
    assert dfa(_RR_MS[short], scales=range(4, 12)).alpha == pytest.approx(theirs, abs=0.05)


def test_pyhrvs_dfa_is_another_each_time() -> None:
    # The line through the fluctuations is fitted by RANSAC, with dice; strong breathing bends them.
    theirs = [_PEERS["series"]["strong_rsa_ms"]["pyhrv"][f"{asked}.dfa_alpha1"] for asked in ("dfa", "dfa_asked_again")]
    straight = dfa(_RR_MS["strong_rsa_ms"]).alpha
    assert abs(theirs[0] - theirs[1]) > 0.05
    assert max(abs(alpha - straight) for alpha in theirs) > 0.05


# --- artefacts ---


def _clean_rmssd(rr_ms: Floats, *, gap_at: int | None = None) -> tuple[list[int], float]:
    """Where there is no normal interval, and RMSSD over what is accepted."""
    gap_before = np.zeros(len(rr_ms), dtype=np.bool_)
    times_s = np.cumsum(rr_ms) / 1000
    if gap_at is not None:
        gap_before[gap_at] = True
        times_s[gap_at:] += 60
    cleaned = clean(rr_ms, at_s=times_s, gap_before=gap_before)
    metrics = time_domain(cleaned.used_nn_ms, joined=cleaned.used_joined)
    return np.flatnonzero(~cleaned.accepted).tolist(), _value(metrics, "rmssd_ms")


def test_ten_beats_that_came_200_ms_early() -> None:
    said = _PEERS["artefacts"]
    rest_ms = _RR_MS["rest_ms"]
    times_ms = np.append(0.0, np.cumsum(rest_ms))
    times_ms[said["displaced"]] += 1000 * said["displaced_by_s"]
    found, rmssd_ms = _clean_rmssd(np.diff(times_ms))
    true_ms = _value(_OURS["rest_ms"], "rmssd_ms")
    # Ours: all ten, little else, and RMSSD as if they had not been.
    places = said["displaced"]
    assert {min(places, key=lambda place: abs(place - at)) for at in found} == set(places)
    strays = [at for at in found if min(abs(place - at) for place in places) > 2]
    assert len(strays) <= 6  # of 312: while the scale of usual variability is being learnt
    assert rmssd_ms == pytest.approx(true_ms, rel=0.05)
    # NeuroKit2: its rounds correct them, and the last round's findings are all that is told of.
    told = [at for kind in ("ectopic", "missed", "extra", "longshort") for at in said[f"neurokit2.iterative.{kind}"]]
    assert len(told) == 4
    once = [at for kind in ("ectopic", "missed", "extra", "longshort") for at in said[f"neurokit2.once.{kind}"]]
    assert len(once) > 20
    assert said["neurokit2.iterative.rmssd"] > 1.15 * true_ms
    assert said["neurokit2.once.rmssd"] > 1.3 * true_ms


def test_sixty_seconds_without_beats() -> None:
    said = _PEERS["artefacts"]
    _, rmssd_ms = _clean_rmssd(_RR_MS["rest_ms"], gap_at=150)
    assert rmssd_ms == pytest.approx(_value(_OURS["rest_ms"], "rmssd_ms"), rel=0.05)
    assert max(said["neurokit2.hole_60_s.longest_after_ms"]) > 30_000
    assert said["neurokit2.hole_60_s.rmssd"] > 2000


def test_neurokits_thresholds_are_not_numbers_where_the_heart_is_perfectly_even() -> None:
    assert _PEERS["artefacts"]["neurokit2.constant.thresholds"] == [None]
    found, rmssd_ms = _clean_rmssd(np.full(100, 1000.0))
    assert found == []
    assert rmssd_ms == 0


# --- the page that says all this ---

_PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "hrv.md"


def _powers(spectrum: Spectrum) -> tuple[float, float]:
    _, lf, hf = _bands(spectrum)
    return lf, hf


def test_the_table_of_the_page_is_what_is_so() -> None:
    rest_ms, said = _RR_MS["rest_ms"], _PEERS["series"]["rest_ms"]
    ours = _OURS["rest_ms"]
    neurokit2, systole, analysis, pyhrv = (said[peer] for peer in ("neurokit2", "systole", "hrv-analysis", "pyhrv"))
    window, beats, model = (_powers(f(rest_ms)) for f in (lambda rr: welch(rr, segment_s=400), lomb_scargle, burg))
    even_ms, span_s = _even(rest_ms)
    detrended = smoothness_priors(even_ms[: len(np.arange(0, span_s, 0.25))])
    so: dict[str, tuple[float | None, ...]] = {
        "mean NN, ms": (
            ours.mean_nn_ms,
            neurokit2["time.MeanNN"],
            systole["time.MeanRR"],
            analysis["time.mean_nni"],
            pyhrv["time.nni_mean"],
        ),
        "SDNN, ms": (
            ours.sdnn_ms,
            neurokit2["time.SDNN"],
            systole["time.SDNN"],
            analysis["time.sdnn"],
            pyhrv["time.sdnn"],
        ),
        "RMSSD, ms": (
            ours.rmssd_ms,
            neurokit2["time.RMSSD"],
            systole["time.RMSSD"],
            analysis["time.rmssd"],
            pyhrv["time.rmssd"],
        ),
        "mean heart rate, bpm": (
            ours.mean_heart_rate_bpm,
            None,
            systole["time.MeanBPM"],
            analysis["time.mean_hr"],
            pyhrv["time.hr_mean"],
        ),
        "SDSD, ms": (
            ours.sdsd_ms,
            neurokit2["time.SDSD"],
            systole["time.SDSD"],
            analysis["time.sdsd"],
            pyhrv["time.sdsd"],
        ),
        "pNN50, %": (
            ours.pnn50_pct,
            neurokit2["time.pNN50"],
            systole["time.pnn50"],
            analysis["time.pnni_50"],
            pyhrv["time.pnn50"],
        ),
        "pNN20, %": (ours.pnn20_pct, neurokit2["time.pNN20"], None, analysis["time.pnni_20"], pyhrv["time.pnn20"]),
        "MAD, ms": (ours.mad_ms, neurokit2["time.MadNN"], None, None, None),
        "triangular index": (
            ours.triangular_index,
            neurokit2["time.HTI"],
            None,
            analysis["geometry.triangular_index"],
            pyhrv["triangular.tri_index"],
        ),
        "TINN, ms": (ours.tinn_ms, neurokit2["time.TINN"], None, analysis["geometry.tinn"], pyhrv["tinn.tinn"]),
        "SD1, ms": (
            ours.sd1_ms,
            neurokit2["nonlinear.SD1"],
            systole["poincare.SD1"],
            analysis["poincare.sd1"],
            pyhrv["poincare.sd1"],
        ),
        "SD2, ms": (
            ours.sd2_ms,
            neurokit2["nonlinear.SD2"],
            systole["poincare.SD2"],
            analysis["poincare.sd2"],
            pyhrv["poincare.sd2"],
        ),
        "LF, Welch, ms²": (
            window[0],
            neurokit2["frequency.LF"],
            systole["frequency.lf_power"],
            analysis["welch.lf"],
            pyhrv["welch.fft_abs"][1],
        ),
        "HF, Welch, ms²": (
            window[1],
            neurokit2["frequency.HF"],
            systole["frequency.hf_power"],
            analysis["welch.hf"],
            pyhrv["welch.fft_abs"][2],
        ),
        "LF, Lomb, ms²": (beats[0], neurokit2["lomb.LF"], None, analysis["lomb.lf"], pyhrv["lomb.lomb_abs"][1]),
        "HF, Lomb, ms²": (beats[1], neurokit2["lomb.HF"], None, analysis["lomb.hf"], pyhrv["lomb.lomb_abs"][2]),
        "LF, autoregressive, ms²": (model[0], neurokit2["burg.LF"], None, None, pyhrv["ar.ar_abs"][1]),
        "HF, autoregressive, ms²": (model[1], neurokit2["burg.HF"], None, None, pyhrv["ar.ar_abs"][2]),
        "SampEn": (
            sample_entropy(rest_ms),
            neurokit2["nonlinear.SampEn"],
            None,
            analysis["entropy.sampen"],
            pyhrv["entropy.sampen"],
        ),
        "DFA α1": (dfa(rest_ms).alpha, neurokit2["nonlinear.DFA_alpha1"], None, None, pyhrv["dfa.dfa_alpha1"]),
        "SD after smoothness priors, ms": (
            float(detrended.std(ddof=1)),
            neurokit2["detrended_4hz.sd"],
            None,
            None,
            None,
        ),
    }
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in _PAGE.read_text().splitlines()]
    told = {row[0]: row[1:6] for row in rows if row[0] in so and len(row) == 7}
    assert set(told) == set(so)
    for metric, values in so.items():
        expected = [_told(value, values[0]) for value in values]
        expected[0] = _told(values[0], None)
        assert told[metric] == expected, metric


def _told(value: float | None, ours: float | None) -> str:
    """A number as the page writes it: four digits, "=" where it is ours, "-" where there is none."""
    if value is None:
        return "-"
    if ours is not None and value == pytest.approx(ours, rel=1e-7):
        return "="
    digits = f"{value:#.4g}"
    return f"{float(digits):.0f}" if "e" in digits or digits.endswith(".") else digits
