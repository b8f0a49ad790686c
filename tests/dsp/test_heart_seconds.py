"""Seconds of heart rate: shares and changes against counting by hand; intervals that hold as often as they claim."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dsp import HeartSeconds


def _line(seconds: int, *, seed: int = 0, spread_bpm: float = 3.0) -> NDArray[np.float64]:
    """A heart rate that wanders with a time constant of half a minute."""
    dice = np.random.default_rng(seed)
    wander = np.zeros(seconds)
    for at in range(1, seconds):
        wander[at] = 0.97 * wander[at - 1] + dice.normal(0, spread_bpm * np.sqrt(1 - 0.97**2))
    return 70 + wander


def _of(bpm: NDArray[np.float64]) -> HeartSeconds:
    return HeartSeconds.of(np.arange(len(bpm)) + 0.3, bpm, until_s=len(bpm))


@given(
    known=st.lists(st.booleans(), min_size=1, max_size=120),
    times_s=st.lists(st.floats(-50, 200), max_size=6),
    before_s=st.floats(-10, 20),
    after_s=st.floats(0, 40),
)
def test_share_near_is_what_counting_gives(
    known: list[bool], times_s: list[float], before_s: float, after_s: float
) -> None:
    at_s = np.flatnonzero(known).astype(float)
    seconds = HeartSeconds.of(at_s, np.full(len(at_s), 70.0), until_s=len(known))
    near = [any(-before_s <= second - at <= after_s for at in times_s) for second in at_s]
    expected = sum(near) / len(near) if near else 1.0
    assert seconds.known_s == len(at_s)
    assert seconds.share_near(times_s, before_s=before_s, after_s=after_s) == pytest.approx(expected)


def test_a_change_is_the_minute_after_minus_the_half_minute_before() -> None:
    bpm = _line(1200)
    bpm[600:] += 9
    change = _of(bpm).change_at([600.0], all_events_s=[600.0])
    assert change is not None
    assert change.change_bpm == pytest.approx(bpm[600:660].mean() - bpm[570:600].mean())
    assert change.events == 1


def test_of_several_events_the_mean_is_told() -> None:
    bpm = _line(1800)
    found = [_of(bpm).change_at([at_s], all_events_s=[]) for at_s in (300.0, 700.0, 1100.0)]
    together = _of(bpm).change_at([300.0, 700.0, 1100.0], all_events_s=[])
    assert together is not None
    assert together.change_bpm == pytest.approx(np.mean([one.change_bpm for one in found if one is not None]))
    assert together.events == 3


@pytest.mark.parametrize("at_s", [-100.0, 0.0, 19.0, 1175.0, 1200.0, 1e9, 1e17])
def test_a_moment_without_enough_heart_rate_around_it_has_no_change(at_s: float) -> None:
    assert _of(_line(1200)).change_at([at_s], all_events_s=[at_s]) is None


def test_two_thirds_of_the_seconds_are_enough() -> None:
    bpm = _line(1200)
    bpm[600:620] = np.nan
    known = np.flatnonzero(np.isfinite(bpm))
    assert HeartSeconds.of(known, bpm[known], until_s=1200).change_at([600.0], all_events_s=[]) is not None
    known = known[(known < 600) | (known > 621)]
    assert HeartSeconds.of(known, bpm[known], until_s=1200).change_at([600.0], all_events_s=[]) is None


def test_a_short_session_gives_the_change_without_an_interval() -> None:
    change = _of(_line(300)).change_at([150.0], all_events_s=[150.0])
    assert change is not None
    assert change.interval_bpm is None
    assert change.by_luck is None


@pytest.mark.parametrize("seconds", [1, 30, 59])
def test_a_session_shorter_than_the_windows_has_no_change(seconds: int) -> None:
    assert _of(_line(seconds)).change_at([seconds / 2], all_events_s=[]) is None


def test_a_heart_that_never_changes_has_no_change() -> None:
    change = _of(np.full(3600, 70.0)).change_at([1800.0], all_events_s=[])
    assert change is not None
    assert change.change_bpm == 0
    assert change.interval_bpm is not None
    assert (change.interval_bpm.low, change.interval_bpm.high) == (0, 0)


def test_stretches_to_leave_out_are_not_known() -> None:
    seconds = HeartSeconds.of(np.arange(100), np.full(100, 70.0), until_s=100, without=[(10.0, 20.0), (95.0, 1e9)])
    assert seconds.known_s == 85
    assert not seconds.is_known(15.0)
    assert seconds.is_known(20.0)


@pytest.mark.parametrize("events", [1, 4])
def test_intervals_hold_nothing_as_often_as_they_claim_where_nothing_happened(events: int) -> None:
    """95 % is claimed; 400 sessions tell that to 2 %."""
    held = surprised = 0
    for seed in range(400):
        at_s = [400.0 + 500 * number + seed % 7 for number in range(events)]
        change = _of(_line(3000, seed=seed)).change_at(at_s, all_events_s=at_s)
        assert change is not None
        assert change.interval_bpm is not None
        assert change.by_luck is not None
        held += change.interval_bpm.low <= 0 <= change.interval_bpm.high
        surprised += change.by_luck < 0.05
    assert 0.91 <= held / 400 <= 0.99
    assert surprised == 400 - held


def test_a_planted_change_is_inside_its_interval_and_told_from_luck() -> None:
    held = told = 0
    for seed in range(100):
        bpm = _line(3000, seed=seed)
        for at in (500, 1200, 1900, 2600):
            bpm[at : at + 60] += 8
        at_s = [500.0, 1200.0, 1900.0, 2600.0]
        change = _of(bpm).change_at(at_s, all_events_s=at_s)
        assert change is not None
        assert change.interval_bpm is not None
        assert change.by_luck is not None
        held += change.interval_bpm.low <= 8 <= change.interval_bpm.high
        told += change.by_luck < 0.05
    assert held >= 88
    assert told >= 85
