"""The virtual heart, its sensor, the session made of them, and the cohort on the air: known causes, exact effects."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice, pairwise, takewhile
from statistics import fmean, median

import pytest

from firmware_profiles.gatt import BodySensorLocation
from firmware_profiles.heart_rate_service import RR_TICKS_PER_S, Contact, decode
from firmware_profiles.profiles import load_profiles
from watchlink.clock import VirtualClock
from watchlink.packets import (
    Attribute,
    AttributeRead,
    EventKind,
    LinkChange,
    LinkState,
    Meaning,
    Notification,
    Packet,
    Role,
    Seat,
    SessionEvent,
)
from watchlink.session import Block, Plan, Room, default_plan
from watchlink.sources.virtual.cohort import VirtualCohort
from watchlink.sources.virtual.heart import Activity, Heart, Response, Stretch, Temperament, TrueBeat
from watchlink.sources.virtual.practice import ALIASES, Practice, VirtualPerson, practice
from watchlink.sources.virtual.sensor import Truth, emissions
from watchlink.sources.virtual.wearable import Emission

_STARTED_AT = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
_EVEN = Temperament(resting_bpm=60, breathing_pct=0, mayer_pct=0, breaths_per_min=15, drift_bpm=0, ectopic_share=0)
_SHORT = Plan(
    title="",
    blocks=(
        Block(kind="baseline", title="", minutes=2),
        Block(kind="role-play", title="", minutes=5),
        Block(kind="recovery", title="", minutes=1),
    ),
)


def _heart(
    temperament: Temperament = _EVEN,
    *,
    stretches: Sequence[Stretch] = (),
    responses: Sequence[Response] = (),
    seed: int = 1,
) -> Heart:
    return Heart(chance=random.Random(seed), temperament=temperament, stretches=stretches, responses=responses)


def _beats(heart: Heart, *, until_s: float) -> list[TrueBeat]:
    return list(takewhile(lambda beat: beat.at_s <= until_s, heart.beats()))


def _emitted(person: VirtualPerson, *, until_s: float) -> list[Emission]:
    return list(takewhile(lambda emission: emission.at_us <= until_s * 1e6, person.wearable.emissions))


def _sensed(profile: str, *, until_s: float, heart: Heart | None = None, seed: int = 1) -> tuple[list[Emission], Truth]:
    truth = Truth(responses=())
    made = emissions(
        heart=_heart(Temperament.drawn_from(random.Random(seed)), seed=seed) if heart is None else heart,
        behaviour=load_profiles()[profile].virtual,
        chance=random.Random(seed),
        truth=truth,
    )
    return list(takewhile(lambda emission: emission.at_us <= until_s * 1e6, made)), truth


# --- the heart -------------------------------------------------------------------------------------------------------


def test_a_heart_without_causes_beats_evenly() -> None:
    times_s = [beat.at_s for beat in _beats(_heart(), until_s=60)]
    assert [later - earlier for earlier, later in pairwise(times_s)] == pytest.approx([1.0] * (len(times_s) - 1))


def test_a_planted_response_has_its_onset_its_height_and_its_half_time() -> None:
    response = Response(onset_s=100, rise_bpm=20, rise_s=10, hold_s=15, half_time_s=12)
    expected = {0: 0, 100: 0, 105: 10, 110: 20, 120: 20, 125: 20, 137: 10, 149: 5, 125 + 120: 20 / 1024}
    assert {at_s: response.at(at_s) for at_s in expected} == pytest.approx(expected)


def test_the_rate_follows_a_planted_response_and_nothing_happens_before_it() -> None:
    response = Response(onset_s=100, rise_bpm=30, rise_s=10, hold_s=30, half_time_s=10)
    quiet, risen = (
        [beat.at_s for beat in _beats(_heart(responses=responses), until_s=300)] for responses in ((), (response,))
    )
    assert [at_s for at_s in risen if at_s < 99.5] == [at_s for at_s in quiet if at_s < 99.5]
    held = [later - earlier for earlier, later in pairwise(risen) if earlier > 112 and later < 139]
    assert held == pytest.approx([60 / 90] * len(held), rel=1e-3)
    assert len(held) > 30
    late = [later - earlier for earlier, later in pairwise(risen) if earlier > 290]
    assert late == pytest.approx([1.0] * len(late), rel=1e-3)


@pytest.mark.parametrize(
    ("activity", "above_bpm"),
    [(Activity.SILENT, 0.0), (Activity.LISTEN, 1.5), (Activity.TALK, 4.0), (Activity.MOVE, 16.0)],
)
def test_what_a_person_does_lifts_the_rate_by_its_share(activity: Activity, above_bpm: float) -> None:
    heart = _heart(stretches=[Stretch(start_s=0, activity=activity)])
    settled = [beat.at_s for beat in _beats(heart, until_s=300) if beat.at_s > 120]
    assert 60 / fmean(later - earlier for earlier, later in pairwise(settled)) == pytest.approx(60 + above_bpm, abs=0.1)


def test_the_last_stretch_that_began_says_what_a_person_does() -> None:
    heart = _heart(stretches=[Stretch(start_s=10, activity=Activity.TALK), Stretch(start_s=20, activity=Activity.MOVE)])
    instants = (0, 9.9, 10, 19.9, 20, 1e6)
    assert [heart.activity_at(at_s) for at_s in instants] == ["silent", "silent", "talk", "talk", "move", "move"]


def test_ectopic_beats_come_early_and_the_pause_after_them_makes_up_for_it() -> None:
    beats = _beats(_heart(replace(_EVEN, ectopic_share=0.05)), until_s=1200)
    early = [number for number, beat in enumerate(beats) if beat.ectopic and 0 < number < len(beats) - 1]
    assert 30 < len(early) < 90
    for number in early:
        before_s = beats[number].at_s - beats[number - 1].at_s
        after_s = beats[number + 1].at_s - beats[number].at_s
        assert 0.65 - 1e-9 <= before_s <= 0.8 + 1e-9
        assert before_s + after_s == pytest.approx(2.0)
        assert not beats[number + 1].ectopic
    regular = [
        later.at_s - earlier.at_s for earlier, later in pairwise(beats) if not (earlier.ectopic or later.ectopic)
    ]
    assert regular == pytest.approx([1.0] * len(regular))


@pytest.mark.parametrize("seed", range(6))
def test_any_heart_is_one_that_a_person_could_have_and_keeps_its_order(seed: int) -> None:
    temperament = Temperament.drawn_from(random.Random(seed))
    times_s = [beat.at_s for beat in _beats(_heart(temperament, seed=seed), until_s=900)]
    intervals_s = [later - earlier for earlier, later in pairwise(times_s)]
    assert min(intervals_s) > 0.4
    assert max(intervals_s) < 1.6
    assert 60 / fmean(intervals_s) == pytest.approx(temperament.resting_bpm, abs=6)


# --- the sensor ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", sorted(load_profiles()))
def test_reports_come_about_once_a_second_in_order_and_what_is_missing_is_in_the_truth(profile: str) -> None:
    sent, truth = _sensed(profile, until_s=1800)
    times_us = [emission.at_us for emission in sent]
    assert all(earlier < later for earlier, later in pairwise(times_us))
    assert 1 <= len(truth.lost_us) <= 25
    assert not set(truth.lost_us) & set(times_us)
    repeated_us = {
        later.at_us
        for earlier, later in pairwise(sent)
        if (later.payload, later.at_us - earlier.at_us < 50_000) == (earlier.payload, True)
    }
    assert bool(repeated_us) == bool(load_profiles()[profile].virtual.repeats_reports_pct)
    every_us = sorted({*times_us, *truth.lost_us} - repeated_us)
    assert all(0.95e6 < later - earlier < 1.05e6 for earlier, later in pairwise(every_us))


@pytest.mark.parametrize("profile", sorted(load_profiles()))
def test_a_sensor_sends_what_its_profile_says(profile: str) -> None:
    behaviour = load_profiles()[profile].virtual
    measurements = [decode(emission.payload) for emission in _sensed(profile, until_s=600)[0]]
    assert any(measurement.rr_ticks for measurement in measurements) == behaviour.sends_rr
    assert any(measurement.flags & 0x10 for measurement in measurements) == behaviour.sends_rr
    assert {measurement.contact is Contact.NOT_SUPPORTED for measurement in measurements} == {
        not behaviour.reports_contact
    }
    energies_kj = [m.energy_expended_kj for m in measurements if m.energy_expended_kj is not None]
    assert bool(energies_kj) == behaviour.reports_contact
    assert energies_kj == sorted(energies_kj)
    assert all(measurement.surplus == b"" and measurement.reserved_flags == 0 for measurement in measurements)


@pytest.mark.parametrize("seed", range(4))
def test_a_strap_sends_every_beat_but_those_of_a_lost_report(seed: int) -> None:
    """The intervals, laid end to end over the true beats, fit to the tick; they skip only where a report was lost."""
    sent, truth = _sensed("polar-h10", until_s=1500, seed=seed)
    true_ticks = [(later - earlier) * RR_TICKS_PER_S for earlier, later in pairwise(truth.beats_s)]
    at, skipped, told_ticks, truth_of_told, since_us = 0, 0, 0, 0.0, 0
    for emission in sent:
        lost_s = max((lost_us for lost_us in truth.lost_us if since_us < lost_us < emission.at_us), default=0) / 1e6
        since_us = emission.at_us
        for tick in decode(emission.payload).rr_ticks:
            # What was in the lost report: sure up to 40 ms before it left, then it is the interval that tells.
            while truth.beats_s[at + 1] < lost_s - 0.04 or (
                truth.beats_s[at + 1] < lost_s and abs(tick - true_ticks[at]) > 1.2
            ):
                at, skipped = at + 1, skipped + 1
            assert tick == pytest.approx(true_ticks[at], abs=1.2), f"interval {at}"
            told_ticks += tick
            truth_of_told += true_ticks[at]
            at += 1
    assert len(true_ticks) - at <= 4  # not reported yet
    assert 0 < skipped <= 3 * len(truth.lost_us)
    assert told_ticks == pytest.approx(truth_of_told, rel=45e-6, abs=2 + 2 * len(truth.lost_us))


def test_until_a_report_is_lost_the_intervals_add_up_to_the_truth_within_a_tick() -> None:
    sent, truth = _sensed("polar-h10", until_s=400, seed=7)
    first_loss_us = min(truth.lost_us, default=400_000_000)
    ticks = [tick for e in sent if e.at_us < first_loss_us for tick in decode(e.payload).rr_ticks]
    assert len(ticks) > 100
    true_s = truth.beats_s[len(ticks)] - truth.beats_s[0]
    assert sum(ticks) == pytest.approx(true_s * RR_TICKS_PER_S, rel=45e-6, abs=1)  # rounding never adds up


def test_a_report_tells_of_no_beat_to_come_and_of_each_as_soon_as_it_can() -> None:
    sent, truth = _sensed("polar-h10", until_s=400, seed=7)
    told = 0
    for emission in sent:
        if any(lost_us < emission.at_us for lost_us in truth.lost_us):
            break
        told += len(decode(emission.payload).rr_ticks)
        if told:
            assert truth.beats_s[told] <= emission.at_us / 1e6
            assert truth.beats_s[told + 1] > emission.at_us / 1e6 - 0.05  # the next one was too late for this report
    assert told > 50


def test_one_report_holds_several_intervals_and_another_none() -> None:
    counts = {len(decode(emission.payload).rr_ticks) for emission in _sensed("polar-h10", until_s=600)[0]}
    assert {1, 2} <= counts
    slow = _sensed("polar-h10", until_s=600, heart=_heart(replace(_EVEN, resting_bpm=50)))[0]
    assert 0 in {len(decode(emission.payload).rr_ticks) for emission in slow}
    quick = _sensed("polar-h10", until_s=60, heart=_heart(replace(_EVEN, resting_bpm=170)))[0]
    assert 3 in {len(decode(emission.payload).rr_ticks) for emission in quick}


def test_while_the_contact_is_lost_no_interval_is_sent_and_the_next_one_does_not_bridge_the_hole() -> None:
    heart = _heart(replace(_EVEN, resting_bpm=60))
    measurements = [decode(emission.payload) for emission in _sensed("wahoo-tickr", until_s=14_400, heart=heart)[0]]
    absent = [measurement for measurement in measurements if measurement.contact is Contact.ABSENT]
    assert absent
    assert all(measurement.rr_ticks == () for measurement in absent)
    assert max(tick for measurement in measurements for tick in measurement.rr_ticks) <= 1026


def test_a_watch_smooths_its_rate_and_a_strap_follows_sooner() -> None:
    response = Response(onset_s=100, rise_bpm=40, rise_s=1, hold_s=600, half_time_s=10)

    def rate_at(profile: str, at_s: float) -> int:
        sent, _ = _sensed(profile, until_s=200, heart=_heart(responses=[response]))
        return decode(next(e for e in sent if e.at_us > at_s * 1e6).payload).heart_rate_bpm

    assert rate_at("garmin-watch", 99) == rate_at("polar-h10", 99) == 60
    assert 60 < rate_at("garmin-watch", 106) < rate_at("polar-h10", 106) < 100
    assert rate_at("garmin-watch", 190) == rate_at("polar-h10", 190) == 100


@pytest.mark.parametrize("profile", ["scosche-rhythm24", "wahoo-tickr-fit"])
def test_an_arm_band_misses_beats_while_its_wearer_talks_and_none_in_silence(profile: str) -> None:
    def share_of_time_told(activity: Activity) -> float:
        heart = _heart(stretches=[Stretch(start_s=0, activity=activity)])
        sent, truth = _sensed(profile, until_s=900, heart=heart)
        told = sum(tick for emission in sent for tick in decode(emission.payload).rr_ticks) / RR_TICKS_PER_S
        return told / (truth.beats_s[-1] - truth.beats_s[0])

    assert share_of_time_told(Activity.SILENT) > 0.98
    assert share_of_time_told(Activity.TALK) < 0.95


# --- the session -----------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    def session_of(seed: int) -> list[list[Emission]]:
        made = practice(plan=_SHORT, people=4, seed=seed)
        return [_emitted(person, until_s=480) for person in made.people]

    first = session_of(1)
    assert session_of(1) == first
    assert all(len(sent) > 470 for sent in first)
    for one, other in zip(first, session_of(2), strict=True):
        assert one != other


def test_the_events_and_the_truth_come_from_the_seed_too() -> None:
    first, again, other = (practice(plan=default_plan(), people=8, seed=seed) for seed in (1, 1, 2))
    assert first.events == again.events != other.events
    assert [p.truth.responses for p in first.people] == [p.truth.responses for p in again.people]
    assert [p.truth.responses for p in first.people] != [p.truth.responses for p in other.people]


@pytest.mark.parametrize("people", range(1, 8))
def test_fewer_people_are_the_first_of_eight_with_their_wearables_and_their_hearts(people: int) -> None:
    """To the byte until somebody's turn comes sooner than it would among eight."""
    few, eight = (practice(plan=default_plan(), people=count, seed=5) for count in (people, 8))
    assert [person.person for person in few.people] == list(ALIASES[:people])
    for one, same in zip(few.people, eight.people, strict=False):
        assert (one.profile, one.wearable.name, one.wearable.battery_percent) == (
            same.profile,
            same.wearable.name,
            same.wearable.battery_percent,
        )
        assert _emitted(one, until_s=300) == _emitted(same, until_s=300)


def test_nobody_shares_a_name_on_the_air_and_all_grades_of_wearables_are_there() -> None:
    people = practice(plan=_SHORT, people=8, seed=1).people
    assert len({person.wearable.name for person in people}) == 8
    assert len({person.profile.id for person in people}) == 8
    assert {person.profile.virtual.sends_rr for person in people} == {True, False}


@pytest.mark.parametrize("people", [-1, 0, 9])
def test_a_cohort_is_of_one_to_eight(people: int) -> None:
    with pytest.raises(ValueError, match="people must be 1 to 8"):
        practice(plan=_SHORT, people=people, seed=1)


@pytest.fixture(scope="module")
def two_hours() -> Practice:
    return practice(plan=default_plan(), people=8, seed=1)


def test_blocks_stand_as_planned_and_events_in_order(two_hours: Practice) -> None:
    assert [e for e in two_hours.events if e.kind is EventKind.BLOCK] == list(default_plan().events())
    assert [e.at_us for e in two_hours.events] == sorted(e.at_us for e in two_hours.events)


def test_in_role_plays_people_take_turns_and_marks_are_on_who_speaks(two_hours: Practice) -> None:
    """Ordered by when it happened: some marks are entered late."""
    room, turns, marks = Room(), 0, 0
    for event in sorted(two_hours.events, key=lambda event: event.happened_us):
        room.enter(event)
        block = room.block
        assert block is not None
        if event.kind is EventKind.ROLE:
            assert block.label == "role-play"
            turns += event.label == Role.SPEAKER
        elif event.label == "got-feedback":
            assert block.label == "feedback"
        elif event.kind is EventKind.MARK and event.meaning is Meaning.PRACTICE and not event.ago_us:
            assert event.person is not None
            assert room.role(event.person) is Role.SPEAKER
            marks += 1
    assert turns == 16
    assert marks > 20


def test_everybody_has_turns_to_speak_and_to_listen(two_hours: Practice) -> None:
    for role in (Role.SPEAKER, Role.LISTENER):
        assert {e.person for e in two_hours.events if e.label == role} == set(ALIASES)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_response_follows_a_mark_and_stands_apart_from_the_next_and_from_movement(seed: int) -> None:
    session = practice(plan=default_plan(), people=8, seed=seed)
    causes = ("escalation", "interruption", "got-feedback")
    for person in session.people:
        onsets_s = [response.onset_s for response in person.truth.responses]
        for onset_s in onsets_s:  # the guess of how long ago a late mark was is right to 2 s
            near = [e for e in session.events if -1 <= onset_s - e.happened_us / 1e6 <= 8 and e.label in causes]
            assert any(e.person == person.person or e.label == "escalation" for e in near)
        assert all(later - earlier >= 120 for earlier, later in pairwise(onsets_s))
        assert all(abs(m.since_s - onset_s) > 120 for m in person.truth.movements for onset_s in onsets_s)


def test_who_gets_up_is_in_the_truth_and_what_the_facilitator_saw_is_marked() -> None:
    seen, unseen = 0, 0
    for seed in range(1, 6):
        session = practice(plan=default_plan(), people=8, seed=seed)
        for person in session.people:
            marks_s = [
                e.happened_us / 1e6 for e in session.events if e.label == "stood-up" and e.person == person.person
            ]
            marked = [m for m in person.truth.movements if m.marked]
            assert len(marks_s) == len(marked)
            assert all(any(-2 <= at_s - m.since_s <= 10 for at_s in marks_s) for m in marked)
            seen += len(marked)
            unseen += len(person.truth.movements) - len(marked)
    assert seen > 5
    assert unseen > 5
    assert all(e.meaning is Meaning.BODY for e in session.events if e.label == "stood-up")


def test_some_marks_are_entered_late_and_say_so(two_hours: Practice) -> None:
    late = [e for e in two_hours.events if e.ago_us]
    assert late
    assert all(e.kind is EventKind.MARK and 5 <= e.ago_us / 1e6 <= 20 for e in late)


def test_truth_is_written_down_as_the_reports_are_asked_for() -> None:
    (person,) = practice(plan=_SHORT, people=1, seed=1).people
    assert person.truth.beats_s == []
    list(islice(person.wearable.emissions, 60))
    assert 55 < person.truth.beats_s[-1] < 65
    assert person.truth.beats_s == sorted(person.truth.beats_s)


# --- the cohort on the air -------------------------------------------------------------------------------------------


def _met(people: int, *, seed: int = 1, until_s: float = 60) -> tuple[Practice, list[Packet]]:
    clock = VirtualClock(started_at=_STARTED_AT)
    session = practice(plan=_SHORT, people=people, seed=seed)

    async def read() -> list[Packet]:
        packets: list[Packet] = []
        async with VirtualCohort(session, clock=clock) as source:
            async for packet in source:
                packets.append(packet)
                if packet.at_us > until_s * 1e6:
                    break
        return packets

    return session, clock.run(read())


@pytest.fixture(scope="module")
def eight() -> tuple[Practice, list[Packet]]:
    return _met(8)


def test_everybody_is_seated_with_the_profile_that_the_advertised_name_gives(
    eight: tuple[Practice, list[Packet]],
) -> None:
    session, packets = eight
    seats = [(packet.person, packet.wearable, packet.profile) for packet in packets if isinstance(packet, Seat)]
    assert seats == [(p.person, f"w{number}", p.profile.id) for number, p in enumerate(session.people, 1)]


def test_everybody_is_connected_within_seconds_and_nobody_is_lost(eight: tuple[Practice, list[Packet]]) -> None:
    _, packets = eight
    for number in range(1, 9):
        changes = [p for p in packets if isinstance(p, LinkChange) and p.wearable == f"w{number}"]
        assert [change.state for change in changes] == [
            LinkState.SEEKING,
            LinkState.CONNECTING,
            LinkState.SUBSCRIBING,
            LinkState.SUBSCRIBED,
            LinkState.STREAMING,
        ]
        assert changes[-1].at_us < 10_000_000


def test_what_stands_beside_the_heart_rate_is_read_from_each(eight: tuple[Practice, list[Packet]]) -> None:
    session, packets = eight
    for number, person in enumerate(session.people, 1):
        read = {p.attribute: p.payload for p in packets if isinstance(p, AttributeRead) and p.wearable == f"w{number}"}
        assert read[Attribute.BATTERY_LEVEL] == bytes([person.wearable.battery_percent])
        assert read[Attribute.MODEL_NUMBER] == person.profile.model.encode()
        location = person.profile.virtual.body_sensor_location
        assert isinstance(location, BodySensorLocation)
        assert read[Attribute.BODY_SENSOR_LOCATION] == bytes([location])


def test_from_the_subscription_on_every_report_that_a_sensor_makes_arrives_untouched(
    eight: tuple[Practice, list[Packet]],
) -> None:
    session, packets = eight
    again = practice(plan=_SHORT, people=8, seed=1)
    for number, (person, same) in enumerate(zip(session.people, again.people, strict=True), 1):
        arrived = [p for p in packets if isinstance(p, Notification) and p.wearable == f"w{number}"]
        sent = _emitted(same, until_s=60)
        assert len(arrived) > 45, person.person
        since = next(at for at, emission in enumerate(sent) if emission.at_us > arrived[0].at_us) - 1
        assert [p.payload for p in arrived][: len(sent) - since] == [e.payload for e in sent[since:]][: len(arrived)]
        delays_us = [p.at_us - e.at_us for p, e in zip(arrived, sent[since:], strict=False)]
        assert 0 <= min(delays_us) <= median(delays_us) < 50_000


def test_the_room_is_heard_beside_the_wearables(eight: tuple[Practice, list[Packet]]) -> None:
    session, packets = eight
    events = [packet for packet in packets if isinstance(packet, SessionEvent)]
    assert events == [event for event in session.events if event.at_us <= 60_000_000]
    assert len(events) > 0


def test_two_runs_of_one_seed_are_one_run(eight: tuple[Practice, list[Packet]]) -> None:
    assert _met(8)[1] == eight[1]


def test_the_source_has_to_be_opened_before_it_is_read() -> None:
    source = VirtualCohort(practice(plan=_SHORT, people=1, seed=1), clock=VirtualClock(started_at=_STARTED_AT))
    with pytest.raises(RuntimeError, match="async with"):
        aiter(source)
