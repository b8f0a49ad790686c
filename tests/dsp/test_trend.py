"""Trends over weeks: a Theil-Sen line and flipped signs, against what SciPy makes of them; honest verdicts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dsp import SeriesError, TooLong, Verdict, cohort_trend, person_trend

_VALUES = st.floats(-50, 50).map(lambda value: round(value, 3))


def _noise(seed: int, weeks: int = 10, a_week: int = 3) -> tuple[list[float], list[float]]:
    chance = np.random.default_rng(seed)
    at = [week + (one + 0.5) / a_week for week in range(weeks) for one in range(a_week)]
    common = np.repeat(chance.normal(size=weeks) * 0.2, a_week)
    return at, list(common + chance.normal(size=len(at)) * 0.3)


def test_the_slope_is_theil_sens_through_the_weeks_means() -> None:
    at, values = _noise(1)
    means = [float(np.mean(values[first : first + 3])) for first in range(0, 30, 3)]
    middles = [float(np.mean(at[first : first + 3])) for first in range(0, 30, 3)]
    trend = person_trend(at, values)
    assert trend.slope_per_week == pytest.approx(stats.theilslopes(means, middles).slope)
    assert (trend.points, trend.weeks) == (30, 10)


@given(st.permutations(range(30)), st.integers(0, 50))
@settings(max_examples=20, deadline=None)
def test_the_order_of_the_points_changes_nothing(order: list[int], seed: int) -> None:
    at, values = _noise(seed)
    assert person_trend([at[i] for i in order], [values[i] for i in order]) == person_trend(at, values)


@given(st.integers(0, 200))
@settings(max_examples=20, deadline=None)
def test_a_mirrored_life_has_the_mirrored_verdict_and_units_do_not_matter(seed: int) -> None:
    at, values = _noise(seed)
    values = [value + 0.15 * week for value, week in zip(values, at, strict=True)]
    there = person_trend(at, values)
    back = person_trend(at, [-value for value in values])
    larger = person_trend(at, [7 + 100 * value for value in values])
    mirrored = {Verdict.CLEAR_RISE: Verdict.CLEAR_FALL, Verdict.CLEAR_FALL: Verdict.CLEAR_RISE}
    assert back.verdict is mirrored.get(there.verdict, there.verdict)
    assert there.interval is not None
    assert larger.interval is not None
    assert larger.interval.low == pytest.approx(100 * there.interval.low)
    assert larger.verdict is there.verdict


def test_where_nothing_changed_one_in_twenty_is_told_otherwise_at_most_and_the_interval_holds() -> None:
    trends = [person_trend(*_noise(seed)) for seed in range(300)]
    false = sum(trend.verdict in (Verdict.CLEAR_RISE, Verdict.CLEAR_FALL) for trend in trends)
    assert false <= 24  # 15 are expected of 300 at 5 %; more than 24 in 1 of 100 such runs
    assert all(trend.smallest_per_week is not None and trend.smallest_per_week > 0 for trend in trends)


def test_a_large_change_is_seen() -> None:
    at, values = _noise(3)
    trend = person_trend(at, [value - 0.3 * week for value, week in zip(values, at, strict=True)])
    assert trend.verdict is Verdict.CLEAR_FALL
    assert trend.interval is not None
    assert trend.interval.low < -0.3 < trend.interval.high


def test_a_jump_between_two_wearables_is_no_change() -> None:
    at, values = _noise(4)
    jump = [value + (20 if week >= 5 else 0) for value, week in zip(values, at, strict=True)]
    series = [int(week >= 5) for week in at]
    assert person_trend(at, jump).verdict is Verdict.CLEAR_RISE
    assert person_trend(at, jump, series=series).verdict is Verdict.NO_CLEAR_CHANGE
    within = [value + 0.5 * week for value, week in zip(jump, at, strict=True)]
    assert person_trend(at, within, series=series).verdict is Verdict.CLEAR_RISE


@pytest.mark.parametrize(
    ("at", "because"),
    [
        ([], "there is no value"),
        ([1.0, 1.2], "only 1 week has a value, and 4 are needed"),
        ([2.0, 2.1, 5.0, 8.0, 8.2], "only 3 weeks have a value, and 4 are needed"),
    ],
)
def test_too_few_weeks_cannot_tell_and_say_how_many_there_are(at: list[float], because: str) -> None:
    trend = person_trend(at, [float(number) for number in range(len(at))])
    assert (trend.verdict, trend.because) == (Verdict.CANNOT_TELL, because)


def test_a_wearable_a_week_cannot_be_compared() -> None:
    trend = person_trend([1, 2, 3, 4, 5], [1, 2, 3, 4, 5], series=[0, 1, 2, 3, 4])
    assert (trend.slope_per_week, trend.verdict) == (None, Verdict.CANNOT_TELL)
    assert "changed too often" in trend.because


@pytest.mark.parametrize("bad", [([1, 2], [1]), ([1, float("nan")], [1, 2]), ([[1, 2]], [[1, 2]])])
def test_what_is_no_series_is_refused(bad: tuple[list[float], list[float]]) -> None:
    with pytest.raises(SeriesError):
        person_trend(*bad)


@given(st.lists(_VALUES, min_size=2, max_size=9))
@settings(max_examples=40, deadline=None)
def test_p_is_that_of_all_permutations_of_signs(slopes: list[float]) -> None:
    theirs = stats.permutation_test(
        (np.array(slopes),),
        lambda values: np.mean(values),
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=False,
    )
    assert cohort_trend(slopes).p == pytest.approx(theirs.pvalue, abs=2 / 2 ** len(slopes) * 1.01)


@given(st.lists(_VALUES, min_size=6, max_size=9, unique=True))
@settings(max_examples=60, deadline=None)
def test_the_interval_holds_what_the_test_does_not_refuse(slopes: list[float]) -> None:
    interval = cohort_trend(slopes).interval
    assert interval is not None
    off = 1e-6 * max(1.0, interval.high - interval.low)
    for inside, bound in ((off, interval.low), (-off, interval.high)):
        assert cohort_trend([slope - bound - inside for slope in slopes]).p > 0.05
        assert cohort_trend([slope - bound + inside for slope in slopes]).p <= 0.05


def test_six_of_one_sign_are_clear_and_five_never_are() -> None:
    six = cohort_trend([-1.0, -2.0, -0.5, -3.0, -1.5, -0.1])
    assert (six.p, six.verdict) == (2 / 64, Verdict.CLEAR_FALL)
    five = cohort_trend([-1.0, -2.0, -0.5, -3.0, -1.5])
    assert (five.p, five.verdict, five.interval) == (2 / 32, Verdict.CANNOT_TELL, None)
    assert "6.2 % of cases" in five.because


def test_more_people_of_the_same_spread_show_smaller_changes() -> None:
    smallest = [cohort_trend([(-1.0) ** person for person in range(people)]).smallest_per_week for people in (4, 8, 16)]
    assert all(more is not None and fewer is not None and more < fewer for fewer, more in pairwise(smallest))


def test_no_slopes_and_too_many_are_refused() -> None:
    with pytest.raises(SeriesError):
        cohort_trend([])
    with pytest.raises(TooLong, match="16 is the most"):
        cohort_trend([0.0] * 17)
