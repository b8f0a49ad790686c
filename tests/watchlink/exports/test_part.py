"""One person's part: what was sent beside what was made of it, and nothing of others."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsp import Beat, BeatLabel
from dsp.artefacts import ArtefactStage
from firmware_profiles.heart_rate_service import Contact, HeartRateMeasurement, decode, encode
from watchlink.captures import open_capture
from watchlink.consent import Gate, at_the_end, wording
from watchlink.errors import ExportError
from watchlink.exports.as_sent import SentInterval, beat_rows
from watchlink.exports.own_log import own_log
from watchlink.exports.part import part_of, people_in
from watchlink.packets import (
    Attribute,
    AttributeRead,
    Correction,
    Discarded,
    DiscardReason,
    EventKind,
    Extension,
    LinkChange,
    LinkState,
    Notification,
    Packet,
    Planned,
    Purpose,
    Seat,
    SelfReport,
    SessionEvent,
    Sharing,
    kind_of,
    to_json,
)
from watchlink.readings import BeatReading, Grade

from .parts import STARTED_AT, beats_log, p37, rate_log, session_log, steady, whole


@st.composite
def _hearts(draw: st.DrawFn) -> list[Beat]:
    """Beats with artefacts of every sort and gaps, on the grid of 1/1024 s."""
    ticks = draw(st.lists(st.integers(700, 1000) | st.sampled_from([300, 420, 1500, 1700, 2500]), max_size=80))
    beats: list[Beat] = []
    at_s = 0.0
    for one in ticks:
        gap = draw(st.integers(0, 15)) == 0
        at_s += one / 1024 + 5.0 * gap
        beats.append(Beat(at_s=at_s, rr_ms=one * 1000 / 1024, gap_before=gap and bool(beats)))
    return beats


@settings(max_examples=200)
@given(_hearts(), st.lists(st.tuples(st.integers(0, 80), st.sampled_from([5, 60000])), max_size=4))
def test_rows_hold_both_series_whole_and_in_order(beats: list[Beat], faults: list[tuple[int, int]]) -> None:
    """Also where faults of a firmware are among the intervals as sent, which no beat was made of."""
    stage = ArtefactStage()
    clean = [one for beat in beats for one in stage.push(beat)] + list(stage.flush())
    readings = [
        BeatReading(
            person="Heron",
            at_s=one.at_s,
            at_within_s=0.0,
            nn_ms=one.nn_ms,
            label=one.label,
            corrected=one.corrected,
            gap_before=one.gap_before,
            gap_s=None,
            hrv_absent_because=None,
        )
        for one in clean
    ]
    sent = [SentInterval(at_s=beat.at_s, rr_ms=beat.rr_ms) for beat in beats]
    for at, ticks in faults:
        at_s = sent[min(at, len(sent)) - 1].at_s if sent and at else 0.0
        sent.insert(min(at, len(sent)), SentInterval(at_s=at_s, rr_ms=ticks * 1000 / 1024, used=False))
    rows = beat_rows(readings, sent)
    assert [row.rr_ms for row in rows if row.rr_ms is not None] == [one.rr_ms for one in sent]
    assert [row.nn_ms for row in rows if row.nn_ms is not None] == [one.nn_ms for one in clean]
    assert all(before.at_s <= after.at_s for before, after in pairwise(rows))
    assert sum(row.sent_after_gap for row in rows) == sum(row.gap_before for row in rows)
    assert sum(row.of_a_heart for row in rows) == len(beats)
    assert all(row.rr_ms == row.nn_ms for row in rows if row.label is BeatLabel.NORMAL and not row.corrected)


def test_a_beat_that_was_missed_and_one_too_many_are_rows_of_their_own() -> None:
    rr_ms = steady(120)
    rr_ms[60] += rr_ms.pop(61)
    rr_ms[90:91] = [rr_ms[90] * 0.4, rr_ms[90] * 0.6]
    part = whole(beats_log(rr_ms))
    (put_in,) = [row for row in part.beats if row.rr_ms is None]
    (taken_out,) = [row for row in part.beats if row.nn_ms is None]
    assert (put_in.label, put_in.corrected) == (BeatLabel.MISSED, True)
    assert (taken_out.label, taken_out.corrected) == (BeatLabel.EXTRA, True)
    assert sum(nn_ms for _, nn_ms in part.clean_beats) == sum(row.rr_ms or 0 for row in part.beats)


def test_every_interval_of_a_real_recording_is_there_as_it_was_sent(shared_data: Path) -> None:
    part = p37(shared_data)
    with open_capture(shared_data / "rr" / "wearable_hrv_p37" / "rhythm_rr.csv") as capture:
        sent = [
            ticks * 1000 / 1024
            for packet in capture.packets
            if isinstance(packet, Notification)
            for ticks in decode(packet.payload).rr_ticks
        ]
    assert [row.rr_ms for row in part.beats if row.rr_ms is not None] == sent
    assert len(sent) == 2604
    assert sum(row.gap_before for row in part.beats) > 100


def test_a_watch_without_intervals_has_a_heart_rate_and_no_beats() -> None:
    part = whole(rate_log(seconds=120))
    assert part.beats == ()
    assert len(part.heart_rate) > 60
    assert part.grade is Grade.RATE


def test_an_empty_log_of_somebody_who_only_sat_there_is_an_empty_part() -> None:
    part = whole(rate_log(seconds=1))
    assert (part.beats, part.heart_rate, part.events, part.grade) == ((), (), (), None)


def test_what_was_marked_on_others_is_theirs() -> None:
    part = whole(session_log(), "Otter")
    assert {event.person for event in part.events} == {None, "Otter"}
    assert [event.person for event in part.events if event.label == "interruption" and event.note == "twice"] == [
        "Otter"
    ]


def test_the_turn_of_somebody_else_ends_ones_own_and_says_not_whose_it_is() -> None:
    log = session_log()
    turns = [packet for packet in log if isinstance(packet, SessionEvent) and packet.kind is EventKind.ROLE]
    assert len({turn.person for turn in turns}) > 1
    told = [event for event in whole(log, "Otter").events if event.kind is EventKind.ROLE]
    assert [(event.at_us, event.person) for event in told] == [
        (turn.at_us, turn.person if turn.person == "Otter" else None)
        for turn in turns
        if turn.label == "speaker" or turn.person == "Otter"
    ]


@pytest.mark.parametrize("person", ["Heron", "Otter", "Wren"])
def test_a_persons_own_log_gives_them_what_the_whole_log_gives_and_names_nobody_else(person: str) -> None:
    log = _with_everything(session_log())
    own = list(own_log(log, person))
    assert whole(own, person) == whole(log, person)
    others = {"Heron", "Otter", "Wren", "Ibis"} - {person}
    wearables = {packet.wearable for packet in own if isinstance(packet, Notification | AttributeRead | LinkChange)}
    assert len(wearables) == 1
    assert not any(other in to_json(packet) for packet in own for other in others)
    assert {kind_of(packet) for packet in own} == {kind_of(packet) for packet in log}


def _with_everything(log: list[Packet]) -> list[Packet]:
    """A log with every sort of packet, of everybody; and marks whose person was wrong at first, both ways."""
    end_us = log[-1].at_us
    people = ("Heron", "Otter", "Wren", "Ibis")
    for number, person in enumerate(people, 1):
        wearable = f"w{number}"
        other = people[number % len(people)]
        wrong = SessionEvent(at_us=1000 + number, kind=EventKind.MARK, label="door", person=other)
        log = [
            Sharing(at_us=0, person=person, purposes=frozenset(Purpose), wording=wording()),
            SelfReport(at_us=1, person=person, item="sleep", answer="6"),
            AttributeRead(at_us=2, wearable=wearable, attribute=Attribute.MODEL_NUMBER, payload=person.encode()),
            wrong,
            *log,
            LinkChange(at_us=end_us, wearable=wearable, state=LinkState.LOST),
            Discarded(at_us=end_us, wearable=wearable, payload=b"\x00\x46", reason=DiscardReason.LATE),
            Correction(at_us=end_us, of_us=wrong.at_us, now=replace(wrong, person=person)),
        ]
    seats = [packet for packet in log if isinstance(packet, Seat)]
    rest = [packet for packet in log if not isinstance(packet, Seat)]
    plan = Planned(at_us=0, text="title = 'short'", week=1)
    return sorted([*seats, plan, Extension(at_us=5, by_us=1), *rest], key=lambda packet: packet.at_us)


def test_a_mark_that_was_corrected_away_is_nobodys() -> None:
    log = beats_log(steady(20), words="wrong")
    part = whole([*log, Correction(at_us=log[-1].at_us, of_us=1_000_000)])
    assert part.events == ()


@pytest.mark.parametrize("shares", [frozenset({Purpose.HEART_RATE}), frozenset[Purpose]()])
def test_without_raw_nothing_is_exported_but_to_oneself(shares: frozenset[Purpose]) -> None:
    log = session_log(people=2)
    sharing = [
        Sharing(at_us=0, person=person, purposes=purposes, wording=wording())
        for person, purposes in (("Heron", shares), ("Otter", frozenset(Purpose)))
    ]
    shared = at_the_end(sharing)
    packets = [*sharing, *log]
    with pytest.raises(ExportError, match="Heron does not share every report"):
        part_of(packets, person="Heron", started_at=STARTED_AT, gate=Gate(at_the_end=shared))
    own = part_of(packets, person="Heron", started_at=STARTED_AT, gate=Gate(at_the_end=shared, own="Heron"))
    assert own == whole(log, "Heron")
    assert part_of(packets, person="Otter", started_at=STARTED_AT, gate=Gate(at_the_end=shared)).beats


def test_people_are_met_in_order_and_a_wearable_that_nobody_wears_counts() -> None:
    stray = Notification(at_us=5, wearable="w9", payload=b"\x00\x46")
    assert people_in([*session_log(people=2), stray]) == ("Heron", "Otter", "w9")


def test_a_room_event_without_a_person_is_everybodys() -> None:
    event = SessionEvent(at_us=2_000_000, kind=EventKind.NOTE, label="note", note="window open")
    assert whole([*beats_log(steady(20)), event]).events == (event,)


def test_the_unit_that_was_found_out_is_the_unit_of_what_was_sent() -> None:
    """A wearable that sends whole milliseconds instead of 1/1024 s: known from some report on, used from there."""
    words = [round(one_ms) for one_ms in steady(400)]
    part = whole(beats_log(words, words_per_s=1000, profile="generic"))
    rr_ms = [row.rr_ms for row in part.beats if row.rr_ms is not None]
    known_from = next(at for at, (ms, word) in enumerate(zip(rr_ms, words, strict=True)) if ms == word)
    assert 0 < known_from < 300
    assert rr_ms[:known_from] == [word * 1000 / 1024 for word in words[:known_from]]
    assert rr_ms[known_from:] == words[known_from:]
    assert all(row.of_a_heart for row in part.beats if row.rr_ms is not None)


def test_what_came_without_skin_contact_or_was_no_beats_length_is_told_and_counts_for_nothing() -> None:
    log = beats_log(steady(200), profile="polar-h7")
    reports = [packet for packet in log if isinstance(packet, Notification)]
    faulty = {40: (False, 120), 90: (True, 900), 91: (True, 900), 92: (True, 900), 150: (False, 60_000)}
    for at, (lifted, ticks) in faulty.items():
        measured = HeartRateMeasurement.of(
            heart_rate_bpm=70, rr_ticks=(ticks,), contact=Contact.ABSENT if lifted else Contact.PRESENT
        )
        log[log.index(reports[at])] = replace(reports[at], payload=encode(measured))
    part = whole(log)
    sent = [row for row in part.beats if row.rr_ms is not None]
    assert len(sent) == 200
    assert {at for at, row in enumerate(sent) if not row.of_a_heart} == set(faulty)
    assert all(row.at_within_s is None and row.nn_ms is None for row in sent if not row.of_a_heart)
