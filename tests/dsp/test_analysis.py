"""The whole look at a series: every value or its reason, windows the same as whole series, whatever comes in."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dsp import (
    Analysis,
    AnalysisWindow,
    BeatLabel,
    BreathingRate,
    CannotTell,
    CleanBeat,
    CleanSeries,
    HrvWindow,
    TooShort,
    analyse,
)


def _heart_ms(beats: int, *, seed: int = 1) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    at = np.arange(beats) * 0.85
    breath = 30 * np.sin(2 * np.pi * 0.25 * at)
    return 850 + breath + 20 * np.sin(2 * np.pi * 0.1 * at + rng.normal(0, 1)) + rng.normal(0, 10, beats)


def _beats(nn_ms: NDArray[np.float64], *, gap_at: int = -1, gap_s: float = 0.0) -> list[CleanBeat]:
    beats: list[CleanBeat] = []
    at_s = 0.0
    for at, interval_ms in enumerate(nn_ms.tolist()):
        at_s += interval_ms / 1000 + (gap_s if at == gap_at else 0.0)
        beats.append(CleanBeat(at_s=at_s, nn_ms=interval_ms, gap_before=at == gap_at))
    return beats


def _absences_are_told(analysis: Analysis) -> None:
    for group in (analysis.hrv.time_domain, analysis.welch, analysis.lomb, analysis.ar, analysis.nonlinear):
        missing = {field.name for field in fields(group) if getattr(group, field.name) is None}
        assert missing == set(group.absent)
        assert all(group.absent.values())


def test_five_minutes_at_rest_have_everything() -> None:
    analysis = analyse(CleanSeries.of(_beats(_heart_ms(360))))
    _absences_are_told(analysis)
    for spectrum in (analysis.welch, analysis.lomb, analysis.ar):
        assert spectrum.hf_ms2 == pytest.approx(30**2 / 2, rel=0.25)
        assert spectrum.lf_ms2 == pytest.approx(20**2 / 2, rel=0.35)
    assert isinstance(analysis.breathing, BreathingRate)
    assert analysis.breathing.breaths_per_min == pytest.approx(15, abs=0.5)
    assert analysis.nonlinear.sample_entropy is not None
    assert analysis.nonlinear.dfa_alpha1 is not None


@pytest.mark.parametrize(
    ("beats", "missing", "given"),
    [
        (80, {"lf_ms2", "vlf_ms2", "total_ms2", "lf_hf"}, {"hf_ms2", "hf_peak_hz"}),
        (160, {"vlf_ms2", "total_ms2", "lf_pct"}, {"lf_ms2", "hf_ms2", "lf_hf"}),
    ],
)
def test_a_band_is_there_only_where_the_window_holds_it(beats: int, missing: set[str], given: set[str]) -> None:
    analysis = analyse(CleanSeries.of(_beats(_heart_ms(beats))))
    _absences_are_told(analysis)
    for spectrum in (analysis.welch, analysis.lomb, analysis.ar):
        assert missing <= spectrum.absent.keys()
        assert not given & spectrum.absent.keys()


def test_what_was_corrected_too_much_has_a_heart_rate_and_nothing_else() -> None:
    beats = _beats(_heart_ms(360))
    spoilt = [replace(beat, corrected=at % 4 == 0) for at, beat in enumerate(beats)]
    analysis = analyse(CleanSeries.of(spoilt))
    _absences_are_told(analysis)
    assert analysis.hrv.time_domain.mean_heart_rate_bpm is not None
    assert analysis.hrv.time_domain.rmssd_ms is None
    reason = "25 % of the intervals had to be corrected, more than 20 %"
    groups = (analysis.welch, analysis.lomb, analysis.ar, analysis.nonlinear)
    assert {group.absent[field.name] for group in groups for field in fields(group) if field.name != "absent"} == {
        reason
    }
    assert analysis.breathing == CannotTell(reason=reason)


def test_a_hole_of_ten_minutes_is_not_drawn_across() -> None:
    nn_ms = _heart_ms(800)
    whole = analyse(CleanSeries.of(_beats(nn_ms)))
    holed = analyse(CleanSeries.of(_beats(nn_ms, gap_at=400, gap_s=600.0)))
    _absences_are_told(holed)
    assert holed.hrv.quality.pairs == whole.hrv.quality.pairs - 1
    for name in ("welch", "lomb", "ar"):
        for band in ("lf_ms2", "hf_ms2"):
            assert getattr(getattr(holed, name), band) == pytest.approx(getattr(getattr(whole, name), band), rel=0.2)


def test_equal_intervals_give_zeros_and_reasons() -> None:
    analysis = analyse(CleanSeries.of(_beats(np.full(400, 800.0))))
    _absences_are_told(analysis)
    assert (analysis.welch.hf_ms2, analysis.lomb.hf_ms2, analysis.ar.hf_ms2) == (0, 0, 0)
    assert isinstance(analysis.breathing, CannotTell)
    assert "equal" in analysis.nonlinear.absent["sample_entropy"]


def test_nothing_cannot_be_analysed_and_one_beat_has_a_heart_rate() -> None:
    with pytest.raises(TooShort, match="no interval"):
        analyse(CleanSeries.of([]))
    one = analyse(CleanSeries.of(_beats(np.array([1000.0]))))
    _absences_are_told(one)
    assert one.hrv.time_domain.mean_heart_rate_bpm == 60


_ODD = st.lists(
    st.tuples(st.integers(250_000, 2_000_000), st.sampled_from(["", "", "", "", "gap", "corrected", "flagged"])),
    min_size=1,
    max_size=400,
)


@settings(max_examples=40)
@given(rows=_ODD)
def test_whatever_the_beats_each_value_is_a_number_or_has_a_reason(rows: list[tuple[int, str]]) -> None:
    """No warning of NumPy, no NaN: warnings are errors here."""
    at_s, beats = 0.0, list[CleanBeat]()
    for units, kind in rows:
        at_s += units / 1024_000 + (20.0 if kind == "gap" else 0.0)
        label = BeatLabel.ECTOPIC if kind == "flagged" else BeatLabel.NORMAL
        corrected, gap = kind == "corrected", kind == "gap"
        beats.append(CleanBeat(at_s=at_s, nn_ms=units / 1024, label=label, corrected=corrected, gap_before=gap))
    analysis = analyse(CleanSeries.of(beats))
    _absences_are_told(analysis)
    for group in (analysis.hrv.time_domain, analysis.welch, analysis.lomb, analysis.ar, analysis.nonlinear):
        values: list[Any] = [getattr(group, field.name) for field in fields(group) if field.name != "absent"]
        flat = [part for value in values for part in (value if isinstance(value, tuple) else (value,))]
        assert all(np.isfinite(value) for value in flat if value is not None)


def test_windows_tell_what_the_beats_in_them_tell_and_a_prefix_tells_a_prefix() -> None:
    beats = _beats(_heart_ms(500), gap_at=300, gap_s=90.0)
    window = AnalysisWindow(window_s=120.0, step_s=45.0)
    told = [analysis for beat in beats for analysis in window.push(beat)]
    assert [analysis.hrv.at_s for analysis in told] == [
        pytest.approx(beats[0].at_s + 45 * step) for step in range(1, len(told) + 1)
    ]
    for analysis in told:
        end_s = analysis.hrv.at_s
        inside = [beat for beat in beats if end_s - 120 < beat.at_s <= end_s]
        assert analysis == analyse(CleanSeries.of(inside), at_s=end_s, window_s=120.0)
    (last,) = window.flush()
    assert last.hrv.at_s == beats[-1].at_s
    again = AnalysisWindow(window_s=120.0, step_s=45.0)
    early = [analysis for beat in beats[:350] for analysis in again.push(beat)]
    assert early == told[: len(early)]
    simple = HrvWindow(window_s=120.0, step_s=45.0)
    assert [metrics for beat in beats for metrics in simple.push(beat)] == [analysis.hrv for analysis in told]


def test_flush_has_nothing_to_add_where_nothing_came() -> None:
    assert AnalysisWindow(window_s=60.0, step_s=5.0).flush() == ()


def test_a_day_says_everything() -> None:
    rng = np.random.default_rng(7)
    nn_ms = np.round(
        (_heart_ms(100_000) + 100 * np.sin(np.arange(100_000) / 16_000) + rng.normal(0, 5, 100_000)) * 1.024
    )
    nn_ms /= 1.024
    count = len(nn_ms)
    series = CleanSeries(
        at_s=np.cumsum(nn_ms) / 1000,
        nn_ms=nn_ms,
        label=np.zeros(count, np.int8),
        corrected=np.zeros(count, np.bool_),
        gap_before=np.zeros(count, np.bool_),
    )
    analysis = analyse(series)
    _absences_are_told(analysis)
    assert analysis.nonlinear.multiscale_entropy is not None
    assert len(analysis.nonlinear.multiscale_entropy) == 20
    assert analysis.lomb.vlf_ms2 is not None
