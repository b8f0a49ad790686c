"""The receipt of a session: counts that can be checked by hand, what others see at the end, and no body data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchlink.packets import (
    Attribute,
    AttributeRead,
    Correction,
    Discarded,
    DiscardReason,
    EventKind,
    LinkChange,
    LinkState,
    Notification,
    Packet,
    Planned,
    Purpose,
    Role,
    Seat,
    SessionEvent,
    Sharing,
)
from watchlink.reports.receipt import PersonStored, receipt_lines, stored


def _us(at_s: float) -> int:
    return round(at_s * 1e6)


def _seat(person: str, wearable: str, at_s: float = 0) -> Seat:
    return Seat(at_us=_us(at_s), person=person, wearable=wearable, profile="polar-h10")


def _report(wearable: str, at_s: float) -> Notification:
    return Notification(at_us=_us(at_s), wearable=wearable, payload=b"\x00\xb4")


def _shares(person: str, *purposes: Purpose, at_s: float = 0) -> Sharing:
    return Sharing(at_us=_us(at_s), person=person, purposes=frozenset(purposes), wording="1:0")


def _event(
    at_s: float, label: str, person: str | None = None, *, kind: EventKind = EventKind.MARK, note: str = ""
) -> SessionEvent:
    return SessionEvent(at_us=_us(at_s), kind=kind, label=label, person=person, note=note)


def _lines(packets: Sequence[Packet], *, verified: bool | None = None) -> list[str]:
    return list(receipt_lines(7, "Evening", stored(packets), verified=verified))


# Three people. Otter's second wearable takes over from the first; Wren's never sends; what nobody wears is w9.
_LOG: tuple[Packet, ...] = (
    Planned(at_us=0, text="", week=2),
    _shares("Heron", Purpose.RISES, Purpose.HEART_RATE),
    _shares("Otter", *Purpose),
    _shares("Wren"),
    _seat("Heron", "w1"),
    _seat("Otter", "w2"),
    _event(1, "baseline", kind=EventKind.BLOCK, note="Silent baseline"),
    LinkChange(at_us=_us(1.5), wearable="w3", state=LinkState.SEEKING),
    _report("w1", 2),
    _report("w2", 3),
    AttributeRead(at_us=_us(3.5), wearable="w1", attribute=Attribute.BATTERY_LEVEL, payload=b"\x32"),
    _report("w9", 4),
    _event(61, "role-play", kind=EventKind.BLOCK, note="Role-play A"),
    _event(61.5, Role.SPEAKER, "Heron", kind=EventKind.ROLE),
    _event(70, "escalation", "Heron"),
    _event(71, "interruption"),
    _event(72, "note", "Otter", kind=EventKind.NOTE, note="said it twice"),
    _seat("Otter", "w4", 80),
    Discarded(at_us=_us(81), wearable="w1", payload=b"\x00\xb4", reason=DiscardReason.DUPLICATE),
    _report("w4", 90),
    _shares("Otter", Purpose.HRV, at_s=100),
    _report("w1", 3661),
    _event(3662, "break", kind=EventKind.BLOCK),
)


def test_everybodys_reports_marks_and_sharing_are_counted_as_they_are_in_the_log() -> None:
    held = stored(_LOG)
    assert held.people == (
        PersonStored(
            person="Heron",
            reports=2,
            from_s=2,
            until_s=3661,
            marks=1,
            shares=frozenset({Purpose.RISES, Purpose.HEART_RATE}),
        ),
        PersonStored(person="Otter", reports=2, from_s=3, until_s=90, marks=1, shares=frozenset({Purpose.HRV})),
        PersonStored(person="Wren", reports=0, from_s=None, until_s=None, marks=0, shares=frozenset()),
        PersonStored(person="w9", reports=1, from_s=4, until_s=4, marks=0, shares=frozenset()),
    )
    assert (held.packets, held.until_s, held.marks, held.corrected) == (23, 3662, 3, 0)
    assert held.blocks == (("Silent baseline", 1), ("Role-play A", 61), ("break", 3662))


def test_the_receipt_says_it_in_plain_lines_without_a_heart_rate() -> None:
    assert _lines(_LOG, verified=True) == [
        "Session 7, Evening: 1:01:02, 23 packets stored, read back and whole.",
        "Heron: 2 reports from 0:00:02 to 1:01:01, 1 mark; others see: heart-rate, rises",
        "Otter: 2 reports from 0:00:03 to 0:01:30, 1 mark; others see: hrv",
        "Wren: no report came, 0 marks; others see: nothing",
        "w9: 1 report from 0:00:04 to 0:00:04, 0 marks; others see: nothing",
        "In all: 3 blocks, 3 marks.",
    ]
    assert "180" not in "\n".join(_lines(_LOG))  # of every report


@pytest.mark.parametrize(
    ("verified", "end"),
    [
        (True, "23 packets stored, read back and whole."),
        (False, "23 packets stored, which could NOT be read back whole."),
        (None, "23 packets stored."),
    ],
)
def test_the_first_line_says_whether_the_log_was_read_back(verified: bool | None, end: str) -> None:
    first, *rest = _lines(_LOG, verified=verified)
    assert first == f"Session 7, Evening: 1:01:02, {end}"
    assert rest == _lines(_LOG)[1:]


def test_where_nobody_was_asked_nothing_is_said_of_what_others_see() -> None:
    asked_nobody: list[Packet] = [packet for packet in _LOG if not isinstance(packet, Sharing)]
    assert [person.shares for person in stored(asked_nobody).people] == [None, None, None]
    assert not any("others see" in line for line in _lines(asked_nobody))


def test_what_was_taken_back_or_moved_counts_as_it_stands() -> None:
    escalation, block = (
        _event(70, "escalation", "Heron"),
        _event(61, "role-play", kind=EventKind.BLOCK, note="Role-play A"),
    )
    corrections = (
        Correction(at_us=_us(4000), of_us=_us(71)),
        Correction(at_us=_us(4001), of_us=_us(70), now=replace(escalation, person="Wren")),
        Correction(at_us=_us(4002), of_us=_us(61), now=replace(block, note="Role-play B", ago_us=_us(20))),
        Correction(at_us=_us(4003), of_us=_us(999)),  # nothing was entered then
    )
    held = stored((*_LOG, *corrections))
    assert {person.person: person.marks for person in held.people} == {"Heron": 0, "Otter": 1, "Wren": 1, "w9": 0}
    assert (held.marks, held.corrected) == (2, 3)
    assert held.blocks[1] == ("Role-play B", 41.0)
    assert _lines((*_LOG, *corrections))[-1] == "In all: 3 blocks, 2 marks, 3 entries corrected."


def test_one_thing_is_not_called_several() -> None:
    block = _event(0, "baseline", kind=EventKind.BLOCK)
    marks = _event(70, "escalation"), _event(71, "interruption"), Correction(at_us=_us(72), of_us=_us(71))
    assert _lines([block])[0].endswith("1 packet stored.")
    assert _lines([block, *marks])[-1] == "In all: 1 block, 1 mark, 1 entry corrected."


def test_a_session_with_nobody_has_a_receipt_all_the_same() -> None:
    assert _lines([], verified=True) == [
        "Session 7, Evening: 0:00:00, 0 packets stored, read back and whole.",
        "In all: 0 blocks, 0 marks.",
    ]


@given(
    reports=st.lists(st.tuples(st.sampled_from(["w1", "w2", "w3", "w9"]), st.integers(0, 7200)), max_size=40),
    shares=st.lists(st.tuples(st.sampled_from(["Heron", "Otter"]), st.frozensets(st.sampled_from(Purpose)))),
)
def test_no_report_is_lost_or_counted_twice_and_what_was_said_last_holds(
    reports: list[tuple[str, int]], shares: list[tuple[str, frozenset[Purpose]]]
) -> None:
    packets: list[Packet] = [_seat("Heron", "w1"), _seat("Otter", "w2")]
    packets += [_shares(person, *purposes) for person, purposes in shares]
    packets += [_report(wearable, at_s) for wearable, at_s in sorted(reports, key=lambda report: report[1])]
    held = stored(packets)
    assert sum(person.reports for person in held.people) == len(reports)
    of = {"Heron": "w1", "Otter": "w2"}
    for person in held.people:
        times = [at_s for wearable, at_s in reports if wearable == of.get(person.person, person.person)]
        assert (person.reports, person.from_s, person.until_s) == (
            len(times),
            min(times, default=None),
            max(times, default=None),
        )
        assert person.shares == (dict(shares).get(person.person, frozenset()) if shares else None)
