"""A programme that was made up: always the same, its truth is in its bytes, and its chance is as large as stated."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time
from functools import cache
from itertools import pairwise
from math import exp, log, sqrt
from statistics import correlation, fmean, linear_regression, median, stdev, variance

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_profiles.heart_rate_service import RR_TICKS_PER_S, decode
from watchlink.consent import Gate
from watchlink.fold import SessionFold
from watchlink.packets import (
    EventKind,
    LinkChange,
    LinkState,
    Notification,
    Packet,
    Planned,
    Role,
    Seat,
    SelfReport,
    SessionEvent,
    Sharing,
    to_json,
)
from watchlink.readings import HrvReading, Undecodable
from watchlink.session import parse_plan
from watchlink.sources.virtual.heart import Temperament
from watchlink.sources.virtual.participant import (
    A_WEEK,
    FIRST_WEEK,
    ICC,
    SD_LN_RMSSD,
    WEEK_SHARE,
    WEEK_TO_WEEK,
    WEEKS,
    Participant,
    Sitting,
    participant,
    rmssd_of,
    sittings,
    with_rmssd,
)
from watchlink.sources.virtual.practice import ALIASES
from watchlink.sources.virtual.programme import Programme, Recording, programme

_ENDED_ON = date(2026, 11, 22)
_US = 1_000_000

Entered = Callable[[int], tuple[Packet, ...]]


@pytest.fixture(scope="module")
def eight() -> Programme:
    return programme(seed=1, ended_on=_ENDED_ON)


@pytest.fixture(scope="module")
def entered(eight: Programme) -> Entered:
    """All but the reports of the session of a week."""

    @cache
    def of_week(week: int) -> tuple[Packet, ...]:
        return tuple(packet for packet in _week(eight, week).packets() if not isinstance(packet, Notification))

    return of_week


def _week(made: Programme, week: int) -> Recording:
    return next(one for one in made.recordings if not one.baseline and one.week == week)


def _baselines(made: Programme, person: str) -> list[Recording]:
    return [one for one in made.recordings if one.baseline and person in one.truth]


def _digest(recordings: Iterable[Recording]) -> str:
    digest = hashlib.sha256()
    for recording in recordings:
        for packet in recording.packets():
            digest.update(to_json(packet).encode())
    return digest.hexdigest()


def _worn(packets: Iterable[Packet]) -> dict[str, str]:
    return {packet.wearable: packet.person for packet in packets if isinstance(packet, Seat)}


# --- the same each time -----------------------------------------------------------------------------------------------


def test_a_seed_gives_the_same_bytes_each_time_and_another_seed_others() -> None:
    def digest(seed: int) -> str:
        made = programme(people=2, seed=seed, ended_on=_ENDED_ON)
        return _digest([*_baselines(made, "Otter")[:5], _week(made, 2)])

    assert digest(1) == digest(1) != digest(2)


def test_the_people_of_a_small_cohort_are_the_first_of_a_larger_one(eight: Programme) -> None:
    three = programme(people=3, seed=1, ended_on=_ENDED_ON)
    assert three.people == eight.people[:3]
    assert three.shares == eight.shares[:3]
    for who in three.people:
        few, many = _baselines(three, who.person), _baselines(eight, who.person)
        assert [(one.started_at, one.truth) for one in few] == [(one.started_at, one.truth) for one in many]
        assert _digest(few[:3]) == _digest(many[:3])
        for week in range(1, WEEKS + 1):
            assert _week(three, week).truth[who.person] == _week(eight, week).truth[who.person]


@pytest.mark.parametrize("people", [0, 9])
def test_a_cohort_has_one_to_eight_people(people: int) -> None:
    with pytest.raises(ValueError, match="people must be 1 to 8"):
        programme(people=people, seed=1, ended_on=_ENDED_ON)


@settings(max_examples=20)
@given(people=st.integers(1, 8), seed=st.integers(), ended_on=st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_everything_lies_in_ten_weeks_in_order_of_time(people: int, seed: int, ended_on: date) -> None:
    made = programme(people=people, seed=seed, ended_on=ended_on)
    begun = [one.started_at for one in made.recordings]
    assert begun == sorted(begun)
    assert (made.ended_on - made.began_on).days == 69
    assert made.began_on <= begun[0].date()
    assert begun[-1].date() <= ended_on
    evenings = [one for one in made.recordings if not one.baseline]
    assert [one.week for one in evenings] == list(range(1, 9))
    assert len({one.started_at.weekday() for one in evenings}) == 1
    for one in made.recordings:
        if one.baseline:  # nobody has practised in a week that is called "before"
            assert (one.week is None) == (one.started_at.date() < evenings[0].started_at.date())
            assert one.started_at < datetime.combine(one.started_at.date(), time(9, tzinfo=UTC))
        for answer in one.answers:
            assert answer.person in one.truth


# --- what is true -----------------------------------------------------------------------------------------------------


def test_the_truth_holds_what_is_to_be_found_and_what_is_not(eight: Programme) -> None:
    by_name = {who.person: who for who in eight.people}
    assert {who.person: who.rmssd_change_pct for who in eight.people if who.rmssd_change_pct} == {
        "Heron": 30.0,
        "Marten": 30.0,
    }
    falls = {who.person for who in eight.people if who.last_answer_bpm < who.answer_bpm}
    assert falls == {"Otter", "Wren", "Ibis"}
    otter, lark = by_name["Otter"], by_name["Lark"]
    assert otter.answer_bpm_in(1, sessions_before=None) == 14
    assert otter.answer_bpm_in(8, sessions_before=None) == pytest.approx(9)
    # habit alone: it is as large as ever where nobody has met the scenario, and half as large where they have
    assert lark.answer_bpm_in(8, sessions_before=None) == lark.answer_bpm_in(1, sessions_before=None)
    assert lark.answer_bpm_in(8, sessions_before=7) < 0.55 * lark.answer_bpm_in(1, sessions_before=0)
    for who in eight.people:
        assert who.answer_bpm_in(7, sessions_before=6) < who.answer_bpm_in(7, sessions_before=None)
    assert by_name["Marten"].rmssd_ms_at(1) == pytest.approx(1.3 * by_name["Marten"].usual_rmssd_ms)


@given(seed=st.integers(), rmssd_ms=st.floats(3, 200))
def test_a_heart_has_the_rmssd_that_it_was_given(seed: int, rmssd_ms: float) -> None:
    given_it = with_rmssd(Temperament.drawn_from(random.Random(seed)), rmssd_ms)
    assert rmssd_of(given_it) == pytest.approx(rmssd_ms)


def _off(who: Participant, day: Sitting) -> float:
    """How far off its own trend the day's ln RMSSD is."""
    return log(day.rmssd_ms / who.rmssd_ms_at(day.progress))


def test_days_are_as_far_apart_as_stated() -> None:
    """600 people of 38 sittings each: SD of one sitting, ICC, the part of a week and how it goes on to the next."""
    people = [participant(seat, seed=seed) for seed in range(75) for seat in range(len(ALIASES))]
    within: list[float] = []
    same_week: list[tuple[float, float]] = []
    next_week: list[tuple[float, float]] = []
    for seed, who in zip((seed for seed in range(75) for _ in ALIASES), people, strict=True):
        weekly: dict[int, list[float]] = {}
        for day in sittings(who, seed=seed):
            weekly.setdefault(day.week, []).append(_off(who, day))
        assert list(weekly) == list(range(FIRST_WEEK, WEEKS + 1))
        within += [off for week in weekly.values() for off in week]
        same_week += [(week[0], week[1]) for week in weekly.values()]
        next_week += [(one[0], other[1]) for one, other in pairwise(weekly.values())]
    between = variance(log(who.usual_rmssd_ms) for who in people)
    assert sqrt(between + variance(within)) == pytest.approx(SD_LN_RMSSD, rel=0.06)
    assert between / (between + variance(within)) == pytest.approx(ICC, abs=0.06)
    assert correlation(*zip(*same_week, strict=True)) == pytest.approx(WEEK_SHARE, abs=0.04)
    assert correlation(*zip(*next_week, strict=True)) == pytest.approx(WEEK_SHARE * WEEK_TO_WEEK, abs=0.04)


def test_a_planted_rise_is_in_the_days_of_many_such_people_and_of_no_others() -> None:
    def mean_change_pct(seat: int) -> tuple[float, float]:
        slopes: list[float] = []
        for seed in range(200):
            days = [day for day in sittings(participant(seat, seed=seed), seed=seed) if not day.missed]
            slope, _ = linear_regression([day.progress for day in days], [log(day.rmssd_ms) for day in days])
            slopes.append(slope)
        return 100 * (exp(fmean(slopes)) - 1), 100 * stdev(slopes) / sqrt(len(slopes))

    for seat, planted_pct in ((0, 30.0), (1, 0.0), (5, 30.0)):
        found_pct, error_pct = mean_change_pct(seat)
        assert abs(found_pct - planted_pct) < 4 * error_pct
        assert error_pct < 3


def test_some_mornings_are_missed_and_an_illness_lasts_a_week() -> None:
    mornings = [day for seed in range(100) for day in sittings(participant(1, seed=seed), seed=seed) if not day.session]
    assert len(mornings) == 100 * (WEEKS + 2) * A_WEEK
    assert fmean(day.missed for day in mornings) == pytest.approx(0.15, abs=0.03)
    assert {day.week for day in mornings if day.ill} == set(range(1, WEEKS + 1))


# --- the truth is in the bytes ----------------------------------------------------------------------------------------


def test_reports_of_baselines_follow_the_truth_of_their_days(eight: Programme) -> None:
    """A strap, no ectopic beat: RMSSD by its definition, and the median of the rate as it was sent."""
    marten = eight.people[5]
    assert marten.temperament.ectopic_share == 0
    off: list[float] = []
    for recording in _baselines(eight, "Marten"):
        measurements = [
            decode(packet.payload)
            for packet in recording.packets()
            if isinstance(packet, Notification) and packet.at_us > 30 * _US
        ]
        assert len(measurements) > 280
        rr_ms = [1000 * tick / RR_TICKS_PER_S for measurement in measurements for tick in measurement.rr_ticks]
        # a lost report leaves a step between intervals that were no neighbours: too few to matter here
        rmssd_ms = sqrt(fmean((after - before) ** 2 for before, after in pairwise(rr_ms)))
        truth = recording.truth["Marten"]
        off.append(log(rmssd_ms / truth.rmssd_ms))
        assert abs(off[-1]) < 0.15
        rate_bpm = median(measurement.heart_rate_bpm for measurement in measurements)
        assert abs(rate_bpm - truth.resting_bpm) < 4  # it drifts
    assert abs(fmean(off)) < 0.03


def test_the_product_reads_the_planted_rmssd_also_where_beats_are_ectopic(eight: Programme) -> None:
    assert eight.people[1].temperament.ectopic_share > 0
    off: list[float] = []
    for recording in _baselines(eight, "Otter")[:8]:
        fold = SessionFold(gate=Gate(own="Otter"))
        read_ms: list[float] = []
        for packet in recording.packets():
            for reading in fold.push(packet):
                if isinstance(reading, HrvReading) and reading.metrics.at_s > 90:
                    rmssd_ms = reading.metrics.time_domain.rmssd_ms
                    read_ms += [] if rmssd_ms is None else [rmssd_ms]
        off.append(log(fmean(read_ms) / recording.truth["Otter"].rmssd_ms))
    assert max(map(abs, off)) < 0.12
    assert abs(fmean(off)) < 0.05


def test_reports_of_sessions_rise_after_escalations_as_planted(eight: Programme) -> None:
    off_bpm: list[float] = []
    planted_bpm: dict[bool, list[float]] = {True: [], False: []}
    recording = _week(eight, 8)
    packets = list(recording.packets())
    worn = _worn(packets)
    rates: dict[str, dict[int, int]] = {who.person: {} for who in eight.people}
    for packet in packets:
        if isinstance(packet, Notification):
            rates[worn[packet.wearable]][packet.at_us // _US] = decode(packet.payload).heart_rate_bpm
    for answer in recording.answers:
        own, at_s = rates[answer.person], int(answer.at_s)
        before = [own[second] for second in range(at_s - 30, at_s) if second in own]
        after = [own[second] for second in range(at_s, at_s + 60) if second in own]
        if len(before) > 24 and len(after) > 48:
            off_bpm.append(fmean(after) - fmean(before) - answer.change_bpm)
            planted_bpm[answer.unseen].append(answer.change_bpm)
    assert len(off_bpm) > 25
    assert abs(fmean(off_bpm)) < 1.5
    assert stdev(off_bpm) < 3
    assert fmean(planted_bpm[True]) > fmean(planted_bpm[False])  # habit


@pytest.mark.parametrize("week", [3, 5])
def test_a_session_folds_without_anything_that_cannot_be_read(eight: Programme, week: int) -> None:
    fold = SessionFold()
    last_us = 0
    readings = 0
    for packet in _week(eight, week).packets():
        assert packet.at_us >= last_us
        last_us = packet.at_us
        for reading in fold.push(packet):
            readings += 1
            assert not isinstance(reading, Undecodable)
    timeline = fold.timeline()
    assert readings > 10_000
    assert set(timeline.people) == set(ALIASES)


# --- what happens on the way ------------------------------------------------------------------------------------------


def test_everybody_practises_in_a_known_scenario_and_in_three_weeks_in_a_new_one_too(eight: Programme) -> None:
    for week in range(1, WEEKS + 1):
        recording = _week(eight, week)
        planned = next(packet for packet in recording.packets() if isinstance(packet, Planned))
        assert planned.week == week
        plan = parse_plan(planned.text, file="it")
        assert plan.duration_us == 7200 * _US
        new = [block.title for block in plan.blocks if week in block.new_in_weeks]
        assert new == (["Role-play C", "Role-play D"] if week in (2, 5, 8) else [])
        if recording.broke_off:
            continue
        for person in recording.truth:
            assert {answer.unseen for answer in recording.answers if answer.person == person} == (
                {True, False} if new else {False}
            )


def test_marks_are_entered_while_their_person_speaks(eight: Programme, entered: Entered) -> None:
    speaker = None
    marks = 0
    for packet in entered(1):
        if isinstance(packet, SessionEvent):
            if packet.kind is EventKind.ROLE and packet.label == Role.SPEAKER:
                speaker = packet.person
            if packet.label == "escalation":
                marks += 1
                assert packet.person == speaker
    assert marks == len(_week(eight, 1).answers) == 32


def test_choices_change_and_a_withdrawal_holds_from_its_moment(eight: Programme, entered: Entered) -> None:
    def said(week: int, person: str) -> list[tuple[int, int]]:
        return [
            (packet.at_us // _US, len(packet.purposes))
            for packet in entered(week)
            if isinstance(packet, Sharing) and packet.person == person
        ]

    assert said(4, "Finch") == [(0, 2), (2500, 0)]
    assert said(5, "Finch") == [(0, 0)]
    assert said(2, "Robin") == [(0, 0)]
    assert said(3, "Robin") == [(0, 2)]
    assert {one.person: len(one.shares) for one in eight.shares} == {
        "Heron": 4, "Otter": 3, "Wren": 1, "Ibis": 3, "Lark": 4, "Marten": 3, "Finch": 0, "Robin": 2
    }  # fmt: skip


def test_somebody_is_absent_somebody_swaps_and_one_session_breaks_off(eight: Programme, entered: Entered) -> None:
    assert [week for week in range(1, 9) if "Marten" not in _week(eight, week).truth] == [3, 6]
    absent = entered(6)
    key = next(key for key, person in _worn(absent).items() if person == "Marten")
    assert [type(one) for one in absent if getattr(one, "wearable", None) == key] == [Seat, LinkChange]
    reports = [one for one in _week(eight, 6).packets() if isinstance(one, Notification)]
    assert len({one.wearable for one in reports}) == 7
    assert key not in {one.wearable for one in reports}

    seats = [one.profile for one in entered(5) if isinstance(one, Seat) and one.person == "Ibis"]
    assert seats == ["wahoo-tickr", "polar-h10"]
    assert [one.profile for one in entered(6) if isinstance(one, Seat) and one.person == "Ibis"] == ["polar-h10"]

    assert [one.week for one in eight.recordings if one.broke_off] == [3]
    broken = list(_week(eight, 3).packets())
    assert 4090 * _US < broken[-1].at_us < 4100 * _US
    assert all(answer.at_s < 4100 for answer in _week(eight, 3).answers)


def test_links_are_lost_and_nothing_is_reported_meanwhile(eight: Programme) -> None:
    state: dict[str, LinkState] = {}
    lost = 0
    for packet in _week(eight, 7).packets():
        if isinstance(packet, LinkChange):
            state[packet.wearable] = packet.state
            lost += packet.state is LinkState.LOST
        elif isinstance(packet, Notification):
            assert state[packet.wearable] in (LinkState.SUBSCRIBED, LinkState.STREAMING)
    assert lost > 0


def test_a_baseline_is_five_silent_minutes_with_a_checklist(eight: Programme) -> None:
    recording = _baselines(eight, "Wren")[0]
    packets = list(recording.packets())
    (block,) = [packet for packet in packets if isinstance(packet, SessionEvent)]
    assert (block.label, block.at_us) == ("baseline", 30 * _US)
    assert 328 * _US < packets[-1].at_us < 330 * _US
    said = {packet.item: packet.answer for packet in packets if isinstance(packet, SelfReport)}
    assert list(said) == ["sleep", "caffeine", "exercise", "illness", "medication"]
    assert 3 <= float(said.pop("sleep")) <= 10
    assert set(said.values()) <= {"yes", "no"}


def test_people_say_before_and_after_a_session_how_it_was(entered: Entered) -> None:
    said = [packet for packet in entered(8) if isinstance(packet, SelfReport)]
    assert [packet.item for packet in said] == ["rating-before"] * 8 + ["rating-after"] * 8
    assert all(0 <= int(packet.answer) <= 10 for packet in said)
