"""The schedule of a pacer: phases tile the time, and what it writes into a log is read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchlink.pacer import PAUSE_S, TEST_RATES_PER_MIN, Schedule, paced_rate, steady, stepped_test
from watchlink.packets import EventKind, SessionEvent

_RATES = st.sampled_from([4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0])
_SCHEDULES = st.one_of(
    st.builds(steady, breaths_per_min=_RATES, minutes=st.floats(0.5, 20), in_share_pct=st.floats(30, 60)),
    st.builds(stepped_test, minutes=st.floats(2, 5), in_share_pct=st.floats(30, 60)),
)


@given(schedule=_SCHEDULES)
def test_the_halves_of_breaths_and_the_pauses_tile_the_time(schedule: Schedule) -> None:
    halves = list(schedule.halves())
    begins_s = [at_s for at_s, _, _ in halves]
    lengths_s = [step.until_s - step.since_s if breath is None else breath.lasts_s for _, step, breath in halves]
    assert begins_s[0] == 0
    for begin_s, length_s, after_s in zip(begins_s, lengths_s, [*begins_s[1:], schedule.duration_s], strict=True):
        assert begin_s + length_s == pytest.approx(after_s, abs=1e-5)


@given(schedule=_SCHEDULES)
def test_every_step_begins_with_an_in_breath_and_ends_with_a_whole_one(schedule: Schedule) -> None:
    for step in schedule.steps:
        inward = [breath.inward for _, own, breath in schedule.halves() if own is step and breath is not None]
        assert inward == [True, False] * (len(inward) // 2)
        if step.breaths_per_min is not None:
            assert step.in_s + step.out_s == pytest.approx(60 / step.breaths_per_min)
            assert len(inward) > 0


@given(schedule=_SCHEDULES, share=st.floats(0, 1, exclude_max=True))
def test_at_any_time_a_breath_stands_where_its_seconds_say(schedule: Schedule, share: float) -> None:
    at_s = share * schedule.duration_s
    step, breath = schedule.step_at(at_s), schedule.breath_at(at_s)
    assert step is not None
    assert step.since_s <= at_s < step.until_s
    assert (breath is None) == (step.breaths_per_min is None)
    if breath is not None:
        assert 0 < breath.left_s <= breath.lasts_s + 1e-9
        assert -1e-9 <= breath.filled <= 1 + 1e-9
        into_s = breath.lasts_s - breath.left_s
        assert breath.filled == pytest.approx(into_s / breath.lasts_s if breath.inward else 1 - into_s / breath.lasts_s)


@given(schedule=_SCHEDULES, start_us=st.integers(0, 10**10))
def test_what_is_written_into_the_log_says_the_rates_again(schedule: Schedule, start_us: int) -> None:
    events = schedule.events(start_us=start_us)
    assert [paced_rate(event) for event in events] == [*(step.breaths_per_min for step in schedule.steps), None]
    assert events[0].at_us == start_us
    assert events[-1].at_us == start_us + round(schedule.duration_s * 1e6)


def test_the_note_of_a_step_says_what_it_asks_for() -> None:
    event = steady(breaths_per_min=6, minutes=5, in_share_pct=40).events(start_us=0)[0]
    assert event == SessionEvent(at_us=0, kind=EventKind.BLOCK, label="breathing", note="6 a minute, in 4 s, out 6 s")


def test_a_breathing_block_of_a_plan_is_no_paced_step() -> None:
    for note in ("Slow breathing together", "0 a minute, in 4 s", ""):
        assert paced_rate(SessionEvent(at_us=0, kind=EventKind.BLOCK, label="breathing", note=note)) is None
    assert paced_rate(SessionEvent(at_us=0, kind=EventKind.NOTE, label="breathing", note="6 a minute, in 4 s")) is None


def test_the_stepped_test_goes_from_fast_to_slow_with_pauses_between() -> None:
    steps = stepped_test(minutes=2, in_share_pct=40).steps
    assert tuple(step.breaths_per_min for step in steps[::2]) == TEST_RATES_PER_MIN
    assert [step.breaths_per_min for step in steps[1::2]] == [None] * 4
    assert [step.until_s - step.since_s for step in steps[1::2]] == pytest.approx([PAUSE_S] * 4)


def test_outside_of_the_schedule_nothing_is_asked_for() -> None:
    schedule = steady(breaths_per_min=6, minutes=1, in_share_pct=40)
    assert schedule.breath_at(-0.1) is None
    assert schedule.step_at(60) is None
