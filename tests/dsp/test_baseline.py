"""A person's usual: NumPy's median and spread of what counts, late by the guard time, and not dragged along."""

from __future__ import annotations

from collections.abc import Iterable
from math import sin

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp import RunningBaseline, Usual, UsualFrom

_MIN_SAMPLES, _GUARD_SAMPLES, _SPAN_SAMPLES = 60, 15, 300
_BPM = st.floats(40, 180) | st.integers(60, 70).map(float)


def usual_of(values_bpm: Iterable[float]) -> Usual | None:
    baseline = RunningBaseline()
    for value_bpm in values_bpm:
        baseline.push(value_bpm, counts=True)
    return baseline.usual


def expected(accepted_bpm: list[float]) -> tuple[float, float, int] | None:
    if len(accepted_bpm) < _MIN_SAMPLES:
        return None
    recent = np.array(accepted_bpm[-_SPAN_SAMPLES:])
    median = float(np.median(recent))
    return median, max(1.4826 * float(np.median(np.abs(recent - median))), 1.5), len(recent)


@given(st.lists(st.tuples(_BPM, st.sampled_from([True, True, True, False])), min_size=70, max_size=130))
def test_usual_is_the_median_and_the_scaled_mad_of_what_counts(samples: list[tuple[float, bool]]) -> None:
    baseline = RunningBaseline()
    for index, (value_bpm, counts) in enumerate(samples, 1):
        usual = baseline.push(value_bpm, counts=counts)
        want = expected([bpm for bpm, counted in samples[: max(0, index - _GUARD_SAMPLES)] if counted])
        got = None if usual is None else (usual.heart_rate_bpm, usual.spread_bpm, usual.samples)
        assert got == (None if want is None else pytest.approx(want, rel=1e-12))
        assert baseline.usual == usual


def test_only_the_last_five_minutes_that_count_are_remembered() -> None:
    generator = np.random.default_rng(7)
    values_bpm = [float(value) for value in np.round(generator.normal(75, 12, 900), 1)]
    baseline = RunningBaseline()
    for index, value_bpm in enumerate(values_bpm, 1):
        usual = baseline.push(value_bpm, counts=True)
        want = expected(values_bpm[: max(0, index - _GUARD_SAMPLES)])
        assert (usual is None) == (want is None)
        if usual is not None and want is not None:
            assert (usual.heart_rate_bpm, usual.spread_bpm, usual.samples) == pytest.approx(want, rel=1e-12)


def test_even_heart_has_a_spread_of_one_and_a_half() -> None:
    assert usual_of([70.0] * 200) == Usual(heart_rate_bpm=70.0, spread_bpm=1.5, samples=185)


@pytest.mark.parametrize(("samples", "known"), [(74, False), (75, True)])
def test_usual_is_known_when_a_minute_has_passed_the_guard_time(samples: int, *, known: bool) -> None:
    assert (usual_of([70.0] * samples) is not None) == known


def test_sample_counts_only_after_the_guard_time() -> None:
    calm = [70.0 + sin(index) for index in range(120)]
    assert usual_of([*calm, *[150.0] * _GUARD_SAMPLES]) == usual_of(calm + calm[:_GUARD_SAMPLES])


def test_usual_is_not_dragged_by_a_rise_that_is_disowned() -> None:
    """The detector finds a rise within the guard time and does not count it while it lasts."""
    calm = [70.0 + 2 * sin(index) for index in range(400)]
    baseline = RunningBaseline()
    for value_bpm in calm:
        before = baseline.push(value_bpm, counts=True)
    for _ in range(_GUARD_SAMPLES - 1):
        baseline.push(110.0, counts=True)
    baseline.disown_waiting()
    for _ in range(180):
        baseline.push(110.0, counts=False)
    for _ in range(_GUARD_SAMPLES):
        baseline.push(70.0, counts=True)
    assert before is not None
    assert baseline.usual is not None
    assert baseline.usual.heart_rate_bpm == pytest.approx(before.heart_rate_bpm, abs=0.2)
    assert baseline.usual.spread_bpm == pytest.approx(before.spread_bpm, abs=0.2)


def test_disowned_samples_never_count() -> None:
    baseline = RunningBaseline()
    for _ in range(100):
        baseline.push(70.0, counts=True)
    before = baseline.usual
    for _ in range(_GUARD_SAMPLES):
        baseline.push(200.0, counts=True)
    baseline.disown_waiting()
    for _ in range(_GUARD_SAMPLES):
        baseline.push(200.0, counts=False)
    assert before is not None
    assert baseline.usual == Usual(heart_rate_bpm=70.0, spread_bpm=1.5, samples=100)
    assert before.samples == 85


def test_samples_that_do_not_count_give_no_usual_however_many() -> None:
    baseline = RunningBaseline()
    assert {baseline.push(70.0, counts=False) for _ in range(1000)} == {None}


@given(st.lists(_BPM, min_size=80, max_size=160), st.integers(0, 160))
def test_usual_is_a_function_of_the_samples_so_far(values_bpm: list[float], cut: int) -> None:
    baseline = RunningBaseline()
    history = [baseline.push(value_bpm, counts=True) for value_bpm in values_bpm]
    assert usual_of(values_bpm[:cut]) == (history[min(cut, len(history)) - 1] if cut else None)


# --- rest, and what is carried over ----------------------------------------------------------------------------------


def test_a_silent_block_begins_the_usual_anew_and_what_was_learned_in_it_goes_on() -> None:
    baseline = RunningBaseline()
    for _ in range(200):
        baseline.push(90.0, counts=True)
    baseline.begin_rest()
    for _ in range(_MIN_SAMPLES + _GUARD_SAMPLES):
        baseline.push(64.0, counts=True)
    assert baseline.usual is not None
    assert (baseline.usual.heart_rate_bpm, baseline.usual.stands_on) == (64.0, UsualFrom.REST)
    baseline.end_rest()
    baseline.push(64.0, counts=True)
    assert baseline.usual.heart_rate_bpm == 64.0
    assert baseline.usual.stands_on is UsualFrom.RUNNING
    assert baseline.usual.samples == _MIN_SAMPLES + 1


def test_with_another_sensor_the_usual_is_carried_over_until_the_new_one_has_its_own() -> None:
    baseline = RunningBaseline()
    for _ in range(200):
        baseline.push(70.0, counts=True)
    baseline.carry_over()
    for _ in range(_MIN_SAMPLES + _GUARD_SAMPLES - 1):
        baseline.push(75.0, counts=True)
        assert baseline.usual is not None
        assert (baseline.usual.heart_rate_bpm, baseline.usual.stands_on) == (70.0, UsualFrom.CARRIED)
    baseline.push(75.0, counts=True)
    assert baseline.usual is not None
    assert (baseline.usual.heart_rate_bpm, baseline.usual.stands_on) == (75.0, UsualFrom.RUNNING)


def test_nothing_known_is_nothing_carried_over() -> None:
    baseline = RunningBaseline()
    baseline.carry_over()
    assert baseline.usual is None
