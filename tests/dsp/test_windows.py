"""The HRV window: exactly what a fresh computation gives, at beats and at steps, and silent where it must be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp import BeatLabel, CleanBeat, CleanSeries, HrvMetrics, HrvWindow, hrv

_PLAIN = "normal"
_KINDS = st.sampled_from([*[_PLAIN] * 20, "gap", "corrected", "flagged", "moved", "whole again", "part"])
_LABELS = {
    "flagged": BeatLabel.ECTOPIC,
    "moved": BeatLabel.LONG,
    "whole again": BeatLabel.EXTRA,
    "part": BeatLabel.MISSED,
}
_TICKS = st.integers(300, 1800)
_ROWS = st.tuples(_TICKS, _KINDS)
# Hypothesis keeps lists short unless told otherwise; a window has to be filled and left again.
_SERIES = st.lists(_ROWS, min_size=1, max_size=30) | st.lists(_ROWS, min_size=60, max_size=150)


def beats_of(series: Iterable[tuple[float, str]]) -> list[CleanBeat]:
    """Beats from (interval in 1/1024 s, what is the matter with it)."""
    at_s = 0.0
    beats: list[CleanBeat] = []
    for ticks, kind in series:
        at_s += ticks / 1024 + (4.0 if kind == "gap" else 0.0)
        beats.append(
            CleanBeat(
                at_s=at_s,
                nn_ms=ticks * 1000 / 1024,
                label=_LABELS.get(kind, BeatLabel.NORMAL),
                corrected=kind in ("corrected", "moved", "whole again", "part"),
                gap_before=kind == "gap",
            )
        )
    return beats


def plain(*nn_ms: float) -> list[CleanBeat]:
    return beats_of((interval_ms * 1.024, _PLAIN) for interval_ms in nn_ms)


def metrics_of(beats: Iterable[CleanBeat], *, window_s: float = 60.0) -> list[HrvMetrics]:
    window = HrvWindow(window_s=window_s)
    return [metrics for beat in beats for metrics in window.push(beat)]


def stretches_ms(beats: Iterable[CleanBeat]) -> list[list[float]]:
    """Runs of intervals between beats as sent, with nothing missing between them."""
    runs: list[list[float]] = [[]]
    before = BeatLabel.NORMAL
    for beat in beats:
        if beat.gap_before or not beat.accepted or (before is beat.label is BeatLabel.MISSED):
            runs.append([])
        if beat.accepted:
            runs[-1].append(beat.nn_ms)
        before = beat.label
    return runs


@given(series=_SERIES, window_s=st.sampled_from([5.0, 20.0, 30.0, 60.0]))
def test_sliding_window_equals_a_fresh_computation_of_what_lies_in_it(
    series: list[tuple[int, str]], window_s: float
) -> None:
    """At every beat and to the last bit: a window that knows only the beats in it gives the same metrics."""
    beats = beats_of(series)
    for index, metrics in enumerate(metrics_of(beats, window_s=window_s)):
        inside = [beat for beat in beats[: index + 1] if beat.at_s > beats[index].at_s - window_s]
        assert metrics == metrics_of(inside, window_s=window_s)[-1]
        assert metrics == hrv(CleanSeries.of(inside), window_s=window_s)


@given(series=_SERIES)
def test_metrics_equal_numpys_formulas(series: list[tuple[int, str]]) -> None:
    beats = beats_of(series)
    metrics = metrics_of(beats, window_s=1e6)[-1]
    runs = stretches_ms(beats)
    nn_ms = np.array([beat.nn_ms for beat in beats if beat.usable])
    as_sent = sum(beat.label is BeatLabel.NORMAL and not beat.corrected for beat in beats)
    differences_ms = np.concatenate([np.diff(run) for run in runs])
    quality = metrics.quality
    assert quality.beats == len(nn_ms)
    assert quality.pairs == len(differences_ms)
    assert quality.covered_s == pytest.approx(nn_ms.sum() / 1000, rel=1e-12)
    assert quality.corrected_pct == pytest.approx(100 * (len(beats) - as_sent) / len(beats))
    found = metrics.time_domain
    if len(nn_ms):
        assert found.mean_heart_rate_bpm == pytest.approx(60_000 / nn_ms.mean(), rel=1e-12)
    else:
        assert found.mean_heart_rate_bpm is None
    too_irregular = len(differences_ms) and np.sqrt(np.mean(differences_ms**2)) > 0.3 * nn_ms.mean()
    if len(differences_ms) >= 20 and quality.corrected_pct <= 20 and not too_irregular:
        assert found.rmssd_ms == pytest.approx(np.sqrt(np.mean(differences_ms**2)), rel=1e-9)
        assert found.sdnn_ms == pytest.approx(np.std(nn_ms, ddof=1), rel=1e-9, abs=1e-9)
        assert metrics.intervals.rmssd_ms is not None
        assert metrics.intervals.rmssd_ms.low <= found.rmssd_ms <= metrics.intervals.rmssd_ms.high
    else:
        assert found.rmssd_ms is found.sdnn_ms is metrics.intervals.rmssd_ms is None
        assert found.absent["rmssd_ms"]


@given(series=_SERIES, window_s=st.sampled_from([5.0, 20.0, 60.0]), step_s=st.sampled_from([0.5, 5.0, 7.3]))
def test_each_step_tells_what_a_fresh_computation_tells_of_the_beats_up_to_it(
    series: list[tuple[int, str]], window_s: float, step_s: float
) -> None:
    beats = beats_of(series)
    window = HrvWindow(window_s=window_s, step_s=step_s)
    told = [metrics for beat in beats for metrics in window.push(beat)]
    start_s = beats[0].at_s
    ends_s = [start_s + at * step_s for at in range(1, int((beats[-1].at_s - start_s) / step_s) + 2)]
    expected: list[HrvMetrics] = []
    for end_s in ends_s:
        inside = [beat for beat in beats if end_s - window_s < beat.at_s <= end_s]
        if end_s < beats[-1].at_s and inside:
            fresh = hrv(CleanSeries.of(inside), window_s=window_s)
            expected.append(replace(fresh, at_s=end_s))
    assert told == expected


def test_a_hole_of_a_year_is_no_work() -> None:
    """Steps at which no beat is in the window are left out, not counted through."""
    window = HrvWindow(window_s=60.0, step_s=1.0)
    first, second = plain(1000.0, 1000.0)
    late = [CleanBeat(at_s=3.2e7 + at, nn_ms=1000.0, gap_before=not at) for at in range(3)]
    ends_s = [metrics.at_s for beat in (first, second, *late) for metrics in window.push(beat)]
    assert ends_s[:-2] == [first.at_s + at for at in range(1, 61)]
    assert ends_s[-2:] == [3.2e7 + 1, 3.2e7 + 2] or ends_s[-2:] == [3.2e7, 3.2e7 + 1]


def test_metrics_equal_what_kubios_published_for_its_reference_series(shared_data: Path) -> None:
    rows = (shared_data / "rr" / "kubios_reference" / "rr.txt").read_text(encoding="utf-8").splitlines()[1:]
    nn_ms = [float(row.split(",")[1]) for row in rows]
    assert len(nn_ms) == 245
    metrics = metrics_of(
        (CleanBeat(at_s=0.883 * at, nn_ms=interval) for at, interval in enumerate(nn_ms)), window_s=1e6
    )
    assert metrics[-1].time_domain.rmssd_ms == pytest.approx(45.545, abs=0.005)
    assert metrics[-1].time_domain.sdnn_ms == pytest.approx(84.691, abs=0.005)
    assert metrics[-1].time_domain.mean_heart_rate_bpm == pytest.approx(60_000 / 883.24, abs=0.005)


def test_rmssd_appears_with_the_twentieth_pair() -> None:
    metrics = metrics_of(plain(*[800.0, 825.0] * 12))
    assert [m.quality.pairs for m in metrics[:22]] == list(range(22))
    assert {m.time_domain.rmssd_ms for m in metrics[:20]} == {None}
    assert {m.time_domain.sdnn_ms for m in metrics[:20]} == {None}
    assert {m.time_domain.rmssd_ms for m in metrics[20:]} == {25.0}
    assert metrics[20].time_domain.sdnn_ms == pytest.approx(np.std([800.0, 825.0] * 10 + [800.0], ddof=1))


def test_what_jumps_by_a_third_from_beat_to_beat_is_no_variability() -> None:
    calm, wild = metrics_of(plain(*[800.0, 1000.0] * 30))[-1], metrics_of(plain(*[700.0, 1000.0] * 30))[-1]
    assert calm.time_domain.rmssd_ms == 200.0
    assert wild.time_domain.rmssd_ms is None
    assert wild.time_domain.absent["rmssd_ms"].endswith("from beat to beat: too irregular for HRV")
    assert wild.time_domain.mean_heart_rate_bpm == pytest.approx(60_000 / 850)


def test_rmssd_disappears_again_when_gaps_leave_too_few_pairs() -> None:
    beats = beats_of([(819, _PLAIN)] * 60 + [(819, "gap"), (819, _PLAIN)] * 40)
    metrics = metrics_of(beats)
    assert metrics[59].time_domain.rmssd_ms == 0.0
    assert metrics[-1].time_domain.rmssd_ms is None
    assert metrics[-1].quality.pairs < 20


@pytest.mark.parametrize("between", ["gap", "corrected", "flagged"])
def test_no_difference_reaches_over_a_gap_or_an_interval_that_is_not_accepted(between: str) -> None:
    beats = beats_of([(800, _PLAIN)] * 25 + [(1000, between)] + [(1000, _PLAIN)] * 25)
    metrics = metrics_of(beats)[-1]
    assert metrics.time_domain.rmssd_ms == 0.0
    assert metrics.quality.pairs == (49 if between == "gap" else 48)


def test_window_forgets_what_is_older_than_its_length() -> None:
    metrics = metrics_of(plain(*[1000.0] * 90))
    assert [m.quality.beats for m in metrics] == [*range(1, 61), *[60] * 30]
    assert metrics[-1].time_domain.mean_heart_rate_bpm == 60.0


def test_window_after_a_long_gap_holds_one_beat() -> None:
    first, second = plain(1000.0, 1000.0)
    late = CleanBeat(at_s=second.at_s + 3600, nn_ms=1000.0, gap_before=True)
    assert metrics_of([first, second, late])[-1].quality.beats == 1


def test_window_without_an_accepted_beat_has_no_heart_rate() -> None:
    (metrics,) = metrics_of(beats_of([(800, "flagged")]))
    assert (metrics.time_domain.mean_heart_rate_bpm, metrics.quality.beats, metrics.quality.corrected_pct) == (
        None,
        0,
        100.0,
    )


def test_a_window_is_never_covered_by_more_than_its_length() -> None:
    """The oldest interval that ends in the window began before it."""
    assert max(metrics.quality.covered_s for metrics in metrics_of(plain(*[1700.0] * 30), window_s=20.0)) <= 20.0


def test_exact_sums_keep_a_tiny_variability_after_a_day_of_beats() -> None:
    """Running float sums would drown one tick of variability in rounding error."""
    window = HrvWindow(window_s=60.0)
    metrics = None
    for at in range(100_000):
        (metrics,) = window.push(CleanBeat(at_s=at * 0.5, nn_ms=500.0 + (at % 2) / 1024))
    assert metrics is not None
    assert metrics.time_domain.rmssd_ms == 1 / 1024
    assert metrics.time_domain.sdnn_ms == pytest.approx(sqrt(120 / 119) / 2048, rel=1e-12)
