"""Time-domain metrics: the textbook's formulas, beat by beat as at once, and a sentence for every bad series."""

from __future__ import annotations

import statistics
import warnings
from itertools import pairwise
from math import log, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dsp import NoVariation, RrUnitWarning, SeriesError, TimeDomain, TooShort, time_domain
from dsp.tally import HISTOGRAM_BIN, WIDE_BIN, Tally, median_deviation, quantile, tally_of
from dsp.time_domain import summarise

_UNITS = st.integers(300 * 1024, 1800 * 1024)
_ROWS = st.lists(st.tuples(_UNITS | st.integers(900_000, 901_000), st.booleans()), min_size=1, max_size=120)


def arrays(rows: list[tuple[int, bool]]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    nn = np.array([units for units, _ in rows], dtype=np.int64)
    joined = np.array([follows for _, follows in rows], dtype=np.bool_)
    joined[0] = False
    return nn, joined


def contents(tally: Tally) -> dict[str, Any]:
    counts = {name: getattr(tally, name) for name in Tally.__slots__ if not name.startswith("_")}
    return {**counts, "ordered": list(tally.ordered)}


def one_by_one(nn: NDArray[np.int64], joined: NDArray[np.bool_]) -> Tally:
    tally = Tally()
    for at, units in enumerate(nn.tolist()):
        tally.add(units)
        if joined[at]:
            tally.add_pair(int(nn[at - 1]), units)
    return tally


@given(rows=_ROWS)
def test_counting_at_once_is_counting_one_by_one(rows: list[tuple[int, bool]]) -> None:
    nn, joined = arrays(rows)
    assert contents(one_by_one(nn, joined)) == contents(tally_of(nn, joined))


@given(rows=_ROWS, more=st.lists(_UNITS, max_size=30))
def test_what_was_taken_out_again_was_never_there(rows: list[tuple[int, bool]], more: list[int]) -> None:
    nn, joined = arrays(rows)
    tally, untouched = one_by_one(nn, joined), tally_of(nn, joined)
    for before, after in pairwise(more):
        tally.add_pair(before, after)
    for units in more:
        tally.add(units)
    for before, after in pairwise(more):
        tally.remove_pair(before, after)
    for units in more:
        tally.remove(units)
    assert contents(tally) == contents(untouched)


@given(values=st.lists(st.integers(0, 1000), min_size=1, max_size=60))
def test_order_statistics_are_pythons_and_numpys(values: list[int]) -> None:
    ordered = sorted(values)
    middle = statistics.median(ordered)
    assert median_deviation(ordered) == statistics.median(abs(value - middle) for value in ordered)
    assert quantile(ordered, 1, 2) == middle
    for quarter in (1, 3):
        assert quantile(ordered, quarter, 4) == pytest.approx(np.percentile(ordered, 25 * quarter), rel=1e-14)


@given(rows=_ROWS)
def test_each_metric_is_its_formula(rows: list[tuple[int, bool]]) -> None:
    nn, joined = arrays(rows)
    nn_ms = nn / 1024
    found = time_domain(nn_ms, joined=joined)
    assert found.mean_nn_ms == pytest.approx(nn_ms.mean(), rel=1e-12)
    assert found.mean_heart_rate_bpm == pytest.approx(60_000 / nn_ms.mean(), rel=1e-12)
    assert (found.min_heart_rate_bpm, found.max_heart_rate_bpm) == (60_000 / nn_ms.max(), 60_000 / nn_ms.min())
    assert found.median_nn_ms == np.median(nn_ms)
    later = np.flatnonzero(joined)
    if len(later) < 2:
        assert set(found.absent.values()) == {"there are fewer than two pairs of intervals that follow each other"}
        assert found.rmssd_ms is found.sdnn_ms is found.tinn_ms is None
        return
    difference_ms, both_ms = nn_ms[later] - nn_ms[later - 1], nn_ms[later] + nn_ms[later - 1]
    expected = {
        "sdnn_ms": nn_ms.std(ddof=1),
        "cvnn_pct": 100 * nn_ms.std(ddof=1) / nn_ms.mean(),
        "rmssd_ms": sqrt((difference_ms**2).mean()),
        "sdsd_ms": difference_ms.std(ddof=1),
        "pnn20_pct": 100 * (abs(difference_ms) > 20).mean(),
        "pnn50_pct": 100 * (abs(difference_ms) > 50).mean(),
        "sd1_ms": (difference_ms / sqrt(2)).std(ddof=1),
        "sd2_ms": (both_ms / sqrt(2)).std(ddof=1),
        "mad_ms": np.median(abs(nn_ms - np.median(nn_ms))),
        "iqr_ms": np.percentile(nn_ms, 75) - np.percentile(nn_ms, 25),
        "triangular_index": len(nn) / np.bincount(nn // HISTOGRAM_BIN).max(),
    }
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-9, abs=1e-6), name
    assert found.absent.keys() == {name for name in TimeDomain.__slots__ if getattr(found, name) is None}


@given(rows=st.lists(st.tuples(st.integers(800 * 1024, 950 * 1024), st.just(True)), min_size=3, max_size=60))
def test_tinn_is_the_best_of_all_triangles_on_the_histogram(rows: list[tuple[int, bool]]) -> None:
    """Every pair of feet is tried, with the squares written out."""
    nn, joined = arrays(rows)
    counts = np.bincount(nn // HISTOGRAM_BIN).astype(np.float64)
    occupied = np.flatnonzero(counts)
    apex, at = int(counts.argmax()), np.arange(len(counts) + 1)
    counts = np.append(counts, 0.0)
    distances: dict[tuple[int, int], float] = {}
    for left in range(int(occupied[0]) - 1, apex):
        for right in range(apex + 1, int(occupied[-1]) + 2):
            line = np.interp(at, [left, apex, right], [0.0, counts[apex], 0.0])
            distances[left, right] = float(((counts - line) ** 2).sum())
    tinn_ms = time_domain(nn / 1024, joined=joined).tinn_ms
    assert tinn_ms is not None
    base = tinn_ms * 1024 / HISTOGRAM_BIN
    least = min(distances.values())
    assert min(gap for (left, right), gap in distances.items() if right - left == base) == pytest.approx(least)


def test_baevskys_index_by_hand() -> None:
    """Six of ten in the bin from 800 to 850 ms; mode 0.825 s; 0.2 s between the extremes."""
    nn_ms = [800, 810, 820, 830, 840, 849, 700, 760, 870, 900]
    found = time_domain(nn_ms)
    assert WIDE_BIN == 50 * 1024
    assert found.baevsky_si == pytest.approx(60 / (2 * 0.825 * 0.2))
    assert found.baevsky_si_root == pytest.approx(sqrt(60 / (2 * 0.825 * 0.2)))


def test_whole_milliseconds_and_ticks_are_exact() -> None:
    ticks = np.array([800, 850, 790, 905, 811])
    found = time_domain(ticks * 1000 / 1024)
    assert found.rmssd_ms == pytest.approx(np.sqrt((np.diff(ticks) ** 2).mean()) * 1000 / 1024, rel=1e-15)
    assert found.ln_rmssd == log(found.rmssd_ms or 0)


def test_equal_intervals_have_no_variability_and_say_what_follows() -> None:
    found = time_domain([800.0] * 50)
    assert (found.sdnn_ms, found.rmssd_ms, found.sd2_ms, found.pnn50_pct, found.mad_ms) == (0, 0, 0, 0, 0)
    assert found.absent.keys() == {"ln_rmssd", "sd1_sd2", "baevsky_si", "baevsky_si_root"}


def test_a_hole_that_nobody_marked_is_used_as_sent_and_a_marked_one_left_out() -> None:
    nn_ms = [800.0, 820.0, 790.0, 600_000.0, 810.0, 830.0, 800.0]
    assert (time_domain(nn_ms).rmssd_ms or 0) > 100_000
    joined = [False, True, True, False, False, True, True]
    without = time_domain(np.delete(nn_ms, 3), joined=np.delete(joined, 3))
    assert without.rmssd_ms == pytest.approx(sqrt((20**2 + 30**2 + 20**2 + 30**2) / 4))


@pytest.mark.parametrize(
    ("rr_ms", "sentence"),
    [
        ([], "needs at least 1 intervals; there are 0"),
        ([800.0, float("nan"), 810.0], "number 1 is nan"),
        ([800.0, float("inf")], "number 1 is inf"),
        ([800.0, -20.0], "Interval 1 is -20 ms: none is that short"),
        ([0.0, 800.0], "Interval 0 is 0 ms: none is that short"),
        ([800.0, 1e12], "Interval 1 is 1e[+]12 ms: none is that long"),
        ([[800.0, 810.0]], "one-dimensional array of numbers; this is of shape"),
        (["800", "810"], "array of numbers"),
        ([True, False], "array of numbers"),
        ([800 + 2j], "array of numbers"),
        (800.0, "one-dimensional"),
    ],
)
def test_what_cannot_be_a_series_ends_with_a_sentence(rr_ms: Any, sentence: str) -> None:
    with pytest.raises(SeriesError, match=sentence):
        time_domain(rr_ms)


def test_errors_tell_themselves_apart() -> None:
    with pytest.raises(TooShort):
        time_domain([])
    assert issubclass(TooShort, SeriesError)
    assert issubclass(NoVariation, SeriesError)
    assert issubclass(SeriesError, ValueError)


@pytest.mark.parametrize("joined", [[True], [1, 1, 1], [[True, True, True]], [True, True, True, True]])
def test_a_mask_that_does_not_fit_is_refused(joined: Any) -> None:
    with pytest.raises(SeriesError, match="one True or False an interval, 3 in all"):
        time_domain([800.0, 810.0, 820.0], joined=joined)


@pytest.mark.parametrize(("factor", "unit"), [(1e-3, "seconds"), (1e3, "microseconds")])
def test_another_unit_is_named_and_used_as_it_is(factor: float, unit: str) -> None:
    with pytest.warns(RrUnitWarning, match=f"look like {unit}, not milliseconds"):
        found = time_domain(np.array([800.0, 812.0, 830.0, 799.0]) * factor)
    assert found.mean_nn_ms == pytest.approx(810.25 * factor, abs=1e-3)


def test_one_beat_has_a_heart_rate_and_nothing_else() -> None:
    found = time_domain([1000.0])
    assert (found.mean_nn_ms, found.mean_heart_rate_bpm, found.rmssd_ms) == (1000.0, 60.0, None)


def test_refusal_keeps_the_heart_rate_and_gives_the_reason() -> None:
    nn, joined = arrays([(900_000 + at, True) for at in range(40)])
    found = summarise(tally_of(nn, joined), refused_because="because")
    assert found.mean_heart_rate_bpm is not None
    assert set(found.absent.values()) == {"because"}
    assert found.absent.keys() == {name for name in TimeDomain.__slots__ if getattr(found, name) is None}


def test_ten_million_beats_are_counted_exactly() -> None:
    """Sums of squares beyond 64 bits and a histogram of a hundred days, without a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = time_domain(np.tile([86_000_000.0, 800.0, 900.0, 1000.0], 2_500_000))
    assert found.mean_nn_ms == (86_000_000 + 2700) / 4
    squares = (86_000_000 - 800) ** 2 + 100**2 * 2
    back = (86_000_000 - 1000) ** 2
    expected = sqrt((2_500_000 * squares + 2_499_999 * back) / 9_999_999)
    assert found.rmssd_ms == pytest.approx(expected, rel=1e-14)
