"""The fold over a session's log: whose packet it is, what the room allows, and the same answer every time."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from itertools import takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_profiles.heart_rate_service import HeartRateMeasurement, encode
from watchlink.fold import SessionFold
from watchlink.packets import (
    Attribute,
    AttributeRead,
    EventKind,
    LinkChange,
    LinkState,
    Notification,
    Packet,
    Seat,
    SessionEvent,
)
from watchlink.readings import (
    Battery,
    BeatReading,
    Duplicate,
    Grade,
    GradeReading,
    HeartRateReading,
    HrvAbsent,
    HrvReading,
    Measured,
    Reading,
    SpikeEnded,
    Undecodable,
)
from watchlink.session import Block, Plan
from watchlink.sources.virtual.practice import practice
from watchlink.sources.virtual.wearable import Emission
from watchlink.timeline import Timeline

_PLAN = Plan(
    title="short",
    blocks=(
        Block(kind="baseline", title="Silent baseline", minutes=2.5),
        Block(kind="role-play", title="Role-play", minutes=6),
        Block(kind="break", title="Break", minutes=1),
        Block(kind="recovery", title="Silence", minutes=1.5),
    ),
)


def _log(*, people: int, seed: int = 1) -> list[Packet]:
    """A whole practice session as a log, made without any air: seats, reports and events by time."""
    session = practice(plan=_PLAN, people=people, seed=seed)
    until_us = _PLAN.duration_us

    def reports(wearable: str, emissions: Iterable[Emission]) -> Iterable[Packet]:
        for emission in takewhile(lambda emission: emission.at_us <= until_us, emissions):
            yield Notification(at_us=emission.at_us, wearable=wearable, payload=emission.payload)

    streams: list[Iterable[Packet]] = [session.events]
    seats: list[Packet] = []
    for number, person in enumerate(session.people, 1):
        seats.append(Seat(at_us=0, person=person.person, wearable=f"w{number}", profile=person.profile.id))
        streams.append(reports(f"w{number}", person.wearable.emissions))
    return [*seats, *heapq.merge(*streams, key=lambda packet: packet.at_us)]


@pytest.fixture(scope="module")
def log() -> list[Packet]:
    return _log(people=3)


def _fold(packets: Iterable[Packet]) -> tuple[list[Reading], Timeline]:
    fold = SessionFold()
    readings = [reading for packet in packets for reading in fold.push(packet)]
    return readings + list(fold.flush()), fold.timeline()


def _report(at_s: float, wearable: str = "w1", *, bpm: int = 60, rr_ms: Sequence[float] = ()) -> Notification:
    ticks = tuple(round(rr * 1.024) for rr in rr_ms)
    payload = encode(HeartRateMeasurement.of(heart_rate_bpm=bpm, rr_ticks=ticks))
    return Notification(at_us=round(at_s * 1_000_000), wearable=wearable, payload=payload)


def _steady(since_s: int, until_s: int, wearable: str = "w1", *, bpm: int = 60) -> list[Packet]:
    """A report a second from a heart like a metronome, with its interval."""
    return [_report(at_s, wearable, bpm=bpm, rr_ms=[60_000 / bpm] * (bpm // 60)) for at_s in range(since_s, until_s)]


def _seat(person: str, wearable: str, profile: str = "polar-h10", *, at_s: float = 0) -> Seat:
    return Seat(at_us=round(at_s * 1_000_000), person=person, wearable=wearable, profile=profile)


def _block(at_s: float, kind: str) -> SessionEvent:
    return SessionEvent(at_us=round(at_s * 1_000_000), kind=EventKind.BLOCK, label=kind)


def _speaker(at_s: float, person: str | None) -> SessionEvent:
    return SessionEvent(at_us=round(at_s * 1_000_000), kind=EventKind.ROLE, label="speaker", person=person)


def _people_of(readings: Iterable[Reading]) -> set[str]:
    return {reading.person for reading in readings}


# --- the same answer every time --------------------------------------------------------------------------------------


def test_the_same_log_gives_the_same_readings_and_the_same_timeline(log: list[Packet]) -> None:
    assert _fold(log) == _fold(log)


@settings(deadline=None, max_examples=8)
@given(share=st.floats(0, 1))
def test_the_readings_of_a_beginning_are_the_beginning_of_the_readings(log: list[Packet], share: float) -> None:
    cut = round(share * len(log))
    fold = SessionFold()
    beginning = [reading for packet in log[:cut] for reading in fold.push(packet)]
    fold.timeline()  # to look changes nothing
    rest = [reading for packet in log[cut:] for reading in fold.push(packet)]
    whole = SessionFold()
    assert beginning + rest == [reading for packet in log for reading in whole.push(packet)]
    assert fold.flush() == whole.flush()
    assert fold.timeline() == whole.timeline()

    alone = SessionFold()
    assert [reading for packet in log[:cut] for reading in alone.push(packet)] == beginning


def test_a_timeline_that_was_handed_out_does_not_change_afterwards(log: list[Packet]) -> None:
    fold = SessionFold()
    for packet in log[: len(log) // 2]:
        fold.push(packet)
    half = fold.timeline()
    notifications = {person: counts.notifications for person, counts in half.people.items()}
    for packet in log[len(log) // 2 :]:
        fold.push(packet)
    assert {person: counts.notifications for person, counts in half.people.items()} == notifications


# --- whose packet it is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("person", ["Heron", "Otter", "Wren"])
def test_nobody_is_mixed_with_anybody(log: list[Packet], person: str) -> None:
    """A person's readings are the same whether the others are there or not."""
    wearable = {"Heron": "w1", "Otter": "w2", "Wren": "w3"}[person]
    alone = [packet for packet in log if isinstance(packet, SessionEvent) or packet.wearable == wearable]
    together, timeline = _fold(log)
    readings, timeline_alone = _fold(alone)
    assert [reading for reading in together if reading.person == person] == readings
    assert _people_of(readings) == {person}
    assert [timed for timed in timeline.spikes if timed.person == person] == list(timeline_alone.spikes)
    assert timeline.people[person] == timeline_alone.people[person]


def test_a_wearable_that_nobody_was_seated_with_gets_a_person_of_its_own() -> None:
    packets = [_seat("Heron", "w1"), *_steady(1, 20), *_steady(1, 20, "w9", bpm=120)]
    readings, timeline = _fold(packets)
    assert list(timeline.people) == ["Heron", "w9"]
    assert timeline.people["w9"].profile == "generic"
    assert timeline.people["w9"].notifications == 19
    measured = {(reading.person, reading.heart_rate_bpm) for reading in readings if isinstance(reading, Measured)}
    assert measured == {("Heron", 60), ("w9", 120)}


@pytest.mark.parametrize(
    "packet",
    [
        AttributeRead(at_us=1, wearable="w9", attribute=Attribute.BATTERY_LEVEL, payload=b"\x20"),
        LinkChange(at_us=1, wearable="w9", state=LinkState.LOST),
    ],
)
def test_whatever_comes_first_of_an_unknown_wearable_is_not_lost(packet: Packet) -> None:
    readings, timeline = _fold([packet])
    assert list(timeline.people) == ["w9"]
    assert _people_of(readings) <= {"w9"}
    assert any(isinstance(reading, Battery) for reading in readings) == isinstance(packet, AttributeRead)


def test_from_its_seat_on_an_unknown_wearable_belongs_to_the_person_who_sits_down_with_it() -> None:
    readings, timeline = _fold([*_steady(1, 20), _seat("Heron", "w1", at_s=20), *_steady(20, 40)])
    measured = [reading.person for reading in readings if isinstance(reading, Measured)]
    assert measured == ["w1"] * 19 + ["Heron"] * 20
    assert [counts.notifications for counts in timeline.people.values()] == [19, 20]


def test_an_unknown_profile_is_treated_as_the_one_that_trusts_nothing() -> None:
    readings, _ = _fold([_seat("Heron", "w1", "watch-of-the-future"), *_steady(1, 20)])
    assert [reading.grade for reading in readings if isinstance(reading, GradeReading)] == [Grade.PULSE]


def test_people_who_swap_their_straps_keep_their_own_usual_and_begin_a_new_chain() -> None:
    packets = [
        _seat("Heron", "w1"),
        _seat("Otter", "w2"),
        *heapq.merge(_steady(1, 120), _steady(1, 120, "w2", bpm=120), key=lambda packet: packet.at_us),
        _seat("Heron", "w2", at_s=120),
        _seat("Otter", "w1", at_s=120),
        *heapq.merge(_steady(121, 180), _steady(121, 180, "w2", bpm=120), key=lambda packet: packet.at_us),
    ]
    readings, timeline = _fold(packets)
    for person, before_bpm, after_bpm in (("Heron", 60, 120), ("Otter", 120, 60)):
        own = [reading for reading in readings if reading.person == person]
        rates = [reading.heart_rate_bpm for reading in own if isinstance(reading, Measured)]
        assert rates == [before_bpm] * 119 + [after_bpm] * 59
        beats = [reading for reading in own if isinstance(reading, BeatReading)]
        new = [beat for beat in beats if beat.at_s > 119.5]
        assert new[0].gap_before
        assert {round(60_000 / beat.nn_ms) for beat in beats if beat.at_s < 119.5} == {before_bpm}
        assert {round(60_000 / beat.nn_ms) for beat in new} == {after_bpm}
        usual = [reading.usual_bpm for reading in own if isinstance(reading, HeartRateReading) and reading.at_s > 121]
        assert usual[0] == pytest.approx(before_bpm, abs=1)
        grades = [reading.grade for reading in own if isinstance(reading, GradeReading)]
        assert grades == [Grade.BEAT, Grade.BEAT]  # said again of the new wearable
    assert list(timeline.people) == ["Heron", "Otter"]


def test_a_person_who_changes_to_a_watch_loses_hrv_and_keeps_the_heart_rate() -> None:
    packets = [
        _seat("Heron", "w1"),
        _block(0, "baseline"),
        *_steady(1, 100),
        _seat("Heron", "w2", "garmin-watch", at_s=100),
        *_steady(101, 200, "w2"),
    ]
    readings, timeline = _fold(packets)
    assert any(isinstance(reading, HrvReading) for reading in readings)
    late = [reading for reading in readings if isinstance(reading, (HrvReading, BeatReading)) and _at_s(reading) > 101]
    assert late == []
    assert max(reading.at_s for reading in readings if isinstance(reading, HeartRateReading)) > 190
    assert (timeline.people["Heron"].profile, timeline.people["Heron"].grade) == ("garmin-watch", Grade.RATE)


def test_what_a_wearable_that_was_put_down_still_sends_is_its_own() -> None:
    packets = [
        _seat("Heron", "w1"),
        *_steady(1, 10),
        _seat("Heron", "w2", at_s=10),
        *_steady(10, 20),
        *_steady(10, 15, "w2"),
    ]
    readings, _ = _fold(packets)
    measured = [reading.person for reading in readings if isinstance(reading, Measured)]
    assert measured == ["Heron"] * 9 + ["w1"] * 10 + ["Heron"] * 5


# --- what the room allows --------------------------------------------------------------------------------------------


def _at_s(reading: HrvReading | HrvAbsent | BeatReading) -> float:
    return reading.metrics.at_s if isinstance(reading, HrvReading) else reading.at_s


_TALK, _MOVE = "talking makes breathing irregular", "movement"
_REST_ONLY, _NO_RR = "optical intervals hold at rest only", "this wearable sends no usable intervals between beats"


@pytest.mark.parametrize(
    ("profile", "block", "speaker", "reason"),
    [
        ("polar-h10", None, None, ""),
        ("polar-h10", "baseline", None, ""),
        ("polar-h10", "recovery", None, ""),
        ("polar-h10", "breathing", None, ""),
        ("polar-h10", "role-play", None, _TALK),
        ("polar-h10", "feedback", None, _TALK),
        ("polar-h10", "closing", None, _TALK),
        ("polar-h10", "break", None, _MOVE),
        ("polar-h10", "baseline", "Heron", _TALK),
        ("polar-h10", "baseline", "Otter", ""),
        ("polar-h10", None, "Heron", _TALK),
        ("polar-h10", "of another make", None, ""),
        ("scosche-rhythm24", "baseline", None, ""),
        ("scosche-rhythm24", None, None, _REST_ONLY),
        ("scosche-rhythm24", "role-play", None, _TALK),
        ("scosche-rhythm24", "break", None, _MOVE),
        ("garmin-watch", "baseline", None, _NO_RR),
        ("wahoo-tickr-fit", "baseline", None, _NO_RR),
    ],
)
def test_hrv_is_there_where_grade_block_and_speaker_allow_it_and_absent_with_a_reason_elsewhere(
    profile: str, block: str | None, speaker: str | None, reason: str
) -> None:
    packets: list[Packet] = [_seat("Heron", "w1", profile), _seat("Otter", "w2")]
    packets += [] if block is None else [_block(0, block)]
    packets += [] if speaker is None else [_speaker(0.5, speaker)]
    readings, _ = _fold([*packets, *_steady(1, 60)])
    own = [reading for reading in readings if reading.person == "Heron"]
    assert [reading.reason for reading in own if isinstance(reading, HrvAbsent)] == ([reason] if reason else [])
    assert any(isinstance(reading, HrvReading) for reading in own) == (reason == "")
    assert any(isinstance(reading, HeartRateReading) for reading in own)


def test_hrv_comes_and_goes_with_the_blocks_and_each_absence_is_told_once() -> None:
    packets: list[Packet] = [
        _seat("Heron", "w1"),
        *heapq.merge(
            _steady(1, 300),
            [_block(0, "baseline"), _block(60, "role-play"), _block(120, "break"), _block(180, "recovery")],
            [_speaker(70, "Heron"), _speaker(90, None)],
            key=lambda packet: packet.at_us,
        ),
    ]
    readings, _ = _fold(packets)
    absences = [reading for reading in readings if isinstance(reading, HrvAbsent)]
    assert [(reading.reason, round(reading.at_s / 60)) for reading in absences] == [(_TALK, 1), (_MOVE, 2)]
    minutes = {int(_at_s(reading) // 60) for reading in readings if isinstance(reading, HrvReading)}
    assert minutes <= {0, 1, 2, 3, 4}
    assert [minute for minute in range(5) if _hrv_between(readings, 60 * minute + 8, 60 * minute + 52)] == [0, 3, 4]


def _hrv_between(readings: Iterable[Reading], since_s: float, until_s: float) -> int:
    return sum(isinstance(reading, HrvReading) and since_s <= _at_s(reading) <= until_s for reading in readings)


def test_a_block_ends_the_turn_of_whoever_spoke() -> None:
    packets: list[Packet] = [
        _seat("Heron", "w1"),
        *heapq.merge(
            _steady(1, 120),
            [_block(0, "baseline"), _speaker(10, "Heron"), _block(60, "recovery")],
            key=lambda packet: packet.at_us,
        ),
    ]
    readings, _ = _fold(packets)
    assert _hrv_between(readings, 20, 55) == 0
    assert _hrv_between(readings, 70, 110) == 8


def test_somebody_who_comes_late_is_told_what_the_room_is_doing() -> None:
    packets = [_block(0, "role-play"), _seat("Heron", "w1", at_s=5), *_steady(6, 40)]
    readings, _ = _fold(packets)
    assert [reading.reason for reading in readings if isinstance(reading, HrvAbsent)] == [_TALK]
    assert not any(isinstance(reading, HrvReading) for reading in readings)


def test_a_rise_in_a_break_is_movement_and_no_spike_but_in_a_role_play_it_is_one() -> None:
    def session(kind: str) -> list[Packet]:
        calm = _steady(1, 200, bpm=60)
        rise = [_report(at_s, bpm=90) for at_s in range(200, 260)]
        return [
            _seat("Heron", "w1", "garmin-watch"),
            *heapq.merge(
                [*calm, *rise, *_steady(260, 330)], [_block(0, "role-play"), _block(190, kind)], key=lambda p: p.at_us
            ),
        ]

    assert len(_fold(session("role-play"))[1].spikes) == 1
    assert len(_fold(session("break"))[1].spikes) == 0


# --- what the timeline stands on -------------------------------------------------------------------------------------


def test_every_report_is_counted_as_what_it_was() -> None:
    packets: list[Packet] = [
        _seat("Heron", "w1"),
        _report(1.0, rr_ms=[1000]),
        _report(2.0, rr_ms=[1000]),
        _report(2.05, rr_ms=[1000]),  # the radio's doing
        Notification(at_us=3_000_000, wearable="w1", payload=b""),
        Notification(at_us=4_000_000, wearable="w1", payload=b"\x01\x3c"),
        _report(5.0, rr_ms=[1000]),
    ]
    readings, timeline = _fold(packets)
    counts = timeline.people["Heron"]
    assert (counts.notifications, counts.duplicates, counts.undecodable) == (3, 1, 2)
    assert sum(isinstance(reading, Duplicate) for reading in readings) == 1
    assert [reading.at_us for reading in readings if isinstance(reading, Undecodable)] == [3_000_000, 4_000_000]
    assert counts.beats == sum(isinstance(reading, BeatReading) for reading in readings)


def test_counts_of_a_whole_session_agree_with_its_readings(log: list[Packet]) -> None:
    readings, timeline = _fold(log)
    for person, counts in timeline.people.items():
        own = [reading for reading in readings if reading.person == person]
        beats = [reading for reading in own if isinstance(reading, BeatReading)]
        assert counts.notifications == sum(isinstance(reading, Measured) for reading in own)
        assert (counts.beats, counts.corrected, counts.gaps) == (
            len(beats),
            sum(beat.corrected for beat in beats),
            sum(beat.gap_before for beat in beats),
        )
        assert [timed.spike for timed in timeline.spikes if timed.person == person] == [
            reading.spike for reading in own if isinstance(reading, SpikeEnded)
        ]
    assert len(timeline.spikes) > 0


def test_events_and_spikes_stand_in_order_of_time_however_late_a_mark_was_made(log: list[Packet]) -> None:
    late = SessionEvent(at_us=1, kind=EventKind.MARK, label="late")
    _, timeline = _fold([*log, late])
    assert late in timeline.events
    assert [event.at_us for event in timeline.events] == sorted(event.at_us for event in timeline.events)
    onsets_s = [timed.spike.onset_s for timed in timeline.spikes]
    assert onsets_s == sorted(onsets_s)


def test_the_timeline_lasts_until_the_latest_packet_and_at_least_a_second(log: list[Packet]) -> None:
    assert SessionFold().timeline().duration_s == 1.0
    beginning = list(takewhile(lambda packet: packet.at_us <= 200_000_000, log))
    assert _fold(beginning)[1].duration_s == pytest.approx(200, abs=1.2)


def test_people_stand_in_the_order_in_which_they_sat_down() -> None:
    _, timeline = _fold([_seat("Wren", "w3"), _seat("Heron", "w1"), _seat("Otter", "w2"), _seat("Heron", "w4")])
    assert list(timeline.people) == ["Wren", "Heron", "Otter"]
