"""Packets and their dictionary form: nothing is lost, and a broken record names its field."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace
from typing import Any, get_args

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
    Extension,
    LinkChange,
    LinkState,
    Meaning,
    Notification,
    Packet,
    Planned,
    Purpose,
    Record,
    Role,
    Seat,
    SelfReport,
    SessionEvent,
    Sharing,
    from_json,
    from_record,
    kind_of,
    to_json,
    to_record,
)

_TIMES = st.integers(-(2**62), 2**62)


def _events_at(at_us: int) -> st.SearchStrategy[SessionEvent]:
    rest = {
        "at_us": st.just(at_us),
        "person": st.none() | st.text(),
        "note": st.text(),
        "ago_us": _TIMES,
        "meaning": st.sampled_from(Meaning),
    }
    plain = st.sampled_from([kind for kind in EventKind if kind is not EventKind.ROLE])
    return st.builds(SessionEvent, kind=plain, label=st.text(), **rest) | st.builds(
        SessionEvent, kind=st.just(EventKind.ROLE), label=st.sampled_from(Role).map(str), **rest
    )


_STRATEGIES: dict[type[Packet], st.SearchStrategy[Packet]] = {
    Seat: st.builds(Seat, at_us=_TIMES, person=st.text(), wearable=st.text(), profile=st.text()),
    Notification: st.builds(Notification, at_us=_TIMES, wearable=st.text(), payload=st.binary(max_size=64)),
    Discarded: st.builds(
        Discarded,
        at_us=_TIMES,
        wearable=st.text(),
        payload=st.binary(max_size=64),
        reason=st.sampled_from(DiscardReason),
    ),
    AttributeRead: st.builds(
        AttributeRead,
        at_us=_TIMES,
        wearable=st.text(),
        attribute=st.sampled_from(Attribute),
        payload=st.binary(max_size=64),
    ),
    LinkChange: st.builds(
        LinkChange, at_us=_TIMES, wearable=st.text(), state=st.sampled_from(LinkState), reason=st.text()
    ),
    SessionEvent: _TIMES.flatmap(_events_at),
    Correction: st.builds(
        lambda at_us, now: Correction(at_us=at_us, of_us=now.at_us, now=now), _TIMES, _TIMES.flatmap(_events_at)
    )
    | st.builds(Correction, at_us=_TIMES, of_us=_TIMES),
    Sharing: st.builds(
        Sharing,
        at_us=_TIMES,
        person=st.text(),
        purposes=st.frozensets(st.sampled_from(Purpose)),
        wording=st.text(),
    ),
    Planned: st.builds(Planned, at_us=_TIMES, text=st.text(), week=st.none() | st.integers()),
    Extension: st.builds(Extension, at_us=_TIMES, by_us=_TIMES),
    SelfReport: st.builds(SelfReport, at_us=_TIMES, person=st.text(), item=st.text(), answer=st.text()),
}
_EXAMPLES: list[Packet] = [
    Seat(at_us=0, person="p1", wearable="w1", profile="polar-h10"),
    Notification(at_us=1, wearable="w1", payload=bytes.fromhex("164d1603")),
    AttributeRead(at_us=2, wearable="w1", attribute=Attribute.BATTERY_LEVEL, payload=b"\x2a"),
    LinkChange(at_us=3, wearable="w1", state=LinkState.LOST, reason="timeout"),
    SessionEvent(at_us=4, kind=EventKind.MARK, label="paraphrased", person=None, note=""),
    Discarded(at_us=5, wearable="w1", payload=bytes.fromhex("164d1603"), reason=DiscardReason.LATE),
    Correction(at_us=6, of_us=4),
    Correction(
        at_us=7,
        of_us=4,
        now=SessionEvent(
            at_us=4, kind=EventKind.ROLE, label="listener", person="p1", ago_us=2, meaning=Meaning.PRACTICE
        ),
    ),
    SessionEvent(at_us=8, kind=EventKind.NOTE, label="note", person="p1", note="said it twice"),
    Sharing(at_us=9, person="p1", purposes=frozenset({Purpose.RAW, Purpose.HEART_RATE}), wording="1:0123456789abcdef"),
    Planned(at_us=10, text="[[block]]\n", week=3),
    Extension(at_us=11, by_us=-120_000_000),
    SelfReport(at_us=12, person="p1", item="sleep", answer="6"),
]


def test_every_packet_type_is_covered_here() -> None:
    assert set(_STRATEGIES) == set(get_args(Packet)) == {type(packet) for packet in _EXAMPLES}


@pytest.mark.parametrize("kind", _STRATEGIES, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_record_and_json_of_a_packet_give_the_packet_back(kind: type[Packet], data: st.DataObject) -> None:
    packet = data.draw(_STRATEGIES[kind])
    assert from_record(to_record(packet)) == packet
    assert from_json(to_json(packet)) == packet
    assert to_json(packet).isascii()


@pytest.mark.parametrize("packet", _EXAMPLES, ids=kind_of)
def test_record_begins_with_time_and_type_and_holds_every_field(packet: Packet) -> None:
    record = to_record(packet)
    assert list(record)[:2] == ["at_us", "type"]
    if not isinstance(packet, Correction):
        assert set(record) == {"type"} | {field.name for field in fields(packet)}
    assert record["type"] == kind_of(packet)


def test_records_are_written_as_they_were_always_written() -> None:
    """Old captures must stay readable: a change here needs a new schema version."""
    assert [to_json(packet) for packet in _EXAMPLES] == [
        '{"at_us": 0, "type": "seat", "person": "p1", "wearable": "w1", "profile": "polar-h10"}',
        '{"at_us": 1, "type": "notification", "wearable": "w1", "payload": "164d1603"}',
        '{"at_us": 2, "type": "attribute", "wearable": "w1", "attribute": "battery_level", "payload": "2a"}',
        '{"at_us": 3, "type": "link", "wearable": "w1", "state": "lost", "reason": "timeout"}',
        '{"at_us": 4, "type": "event", "kind": "mark", "label": "paraphrased", "person": null, "note": "",'
        ' "ago_us": 0, "meaning": "practice"}',
        '{"at_us": 5, "type": "discarded", "wearable": "w1", "payload": "164d1603", "reason": "late"}',
        '{"at_us": 6, "type": "correction", "of_us": 4, "kind": null}',
        '{"at_us": 7, "type": "correction", "of_us": 4, "kind": "role", "label": "listener", "person": "p1", '
        '"note": "", "ago_us": 2, "meaning": "practice"}',
        '{"at_us": 8, "type": "event", "kind": "note", "label": "note", "person": "p1", "note": "said it twice", '
        '"ago_us": 0, "meaning": "practice"}',
        '{"at_us": 9, "type": "sharing", "person": "p1", "purposes": "heart-rate raw", '
        '"wording": "1:0123456789abcdef"}',
        '{"at_us": 10, "type": "plan", "text": "[[block]]\\n", "week": 3}',
        '{"at_us": 11, "type": "extension", "by_us": -120000000}',
        '{"at_us": 12, "type": "self_report", "person": "p1", "item": "sleep", "answer": "6"}',
    ]


def test_events_of_before_there_were_roles_and_late_marks_are_read() -> None:
    speaker = '{"at_us": 4, "type": "event", "kind": "speaker", "label": "speaker", "person": "p1", "note": ""}'
    mark = '{"at_us": 5, "type": "event", "kind": "mark", "label": "x", "person": null, "note": "why"}'
    assert from_json(speaker) == SessionEvent(at_us=4, kind=EventKind.ROLE, label="speaker", person="p1")
    assert from_json(mark) == SessionEvent(at_us=5, kind=EventKind.MARK, label="x", note="why")


def test_packet_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        _EXAMPLES[0].at_us = 5  # type: ignore[misc]


_OPTIONAL = {
    ("event", "person"),
    ("event", "ago_us"),
    ("event", "meaning"),
    ("correction", "person"),
    ("correction", "kind"),
    ("correction", "ago_us"),
    ("correction", "meaning"),
    ("plan", "week"),
}
_REQUIRED = [
    pytest.param(to_record(packet), key, id=f"{kind_of(packet)} without {key}")
    for packet in _EXAMPLES
    for key in to_record(packet)
    if (kind_of(packet), key) not in _OPTIONAL
]


@pytest.mark.parametrize(("record", "key"), _REQUIRED)
def test_missing_field_is_named(record: Record, key: str) -> None:
    with pytest.raises(ValueError, match=rf"\b{key}\b"):
        from_record({name: value for name, value in record.items() if name != key})


@pytest.mark.parametrize(("record", "key"), _REQUIRED)
def test_field_of_the_wrong_type_is_named(record: Record, key: str) -> None:
    wrong: str | int = "soon" if key.endswith("_us") else 3
    with pytest.raises(ValueError, match=rf"\b{key}\b"):
        from_record({**record, key: wrong})


@pytest.mark.parametrize(
    ("packet", "key", "value"),
    [
        pytest.param(_EXAMPLES[1], "payload", "16 4g", id="no hexadecimal"),
        pytest.param(_EXAMPLES[1], "payload", "164", id="half an octet"),
        pytest.param(_EXAMPLES[1], "type", "beat", id="unknown type"),
        pytest.param(_EXAMPLES[1], "at_us", True, id="truth as time"),
        pytest.param(_EXAMPLES[2], "attribute", "shoe_size", id="unknown attribute"),
        pytest.param(_EXAMPLES[3], "state", "gone", id="unknown state"),
        pytest.param(_EXAMPLES[4], "kind", "party", id="unknown kind"),
        pytest.param(_EXAMPLES[4], "person", 3, id="person of the wrong type"),
        pytest.param(_EXAMPLES[9], "purposes", "heart-rate mood", id="unknown purpose"),
        pytest.param(_EXAMPLES[10], "week", "third", id="week that is no number"),
        pytest.param(_EXAMPLES[10], "week", True, id="truth as week"),
    ],
)
def test_field_outside_its_range_is_named(packet: Packet, key: str, value: str | int) -> None:
    with pytest.raises(ValueError, match=rf"\b{key}\b"):
        from_record({**to_record(packet), key: value})


@pytest.mark.parametrize(
    "text", ["", "{", "null", "3", "[]", '"seat"', "{}", '{"at_us": 1}', "\ud800", "[" * 100_000], ids=repr
)
def test_text_that_is_no_packet_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"JSON|at_us|type"):
        from_json(text)


@given(st.text() | st.binary())
def test_arbitrary_text_raises_nothing_but_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON|at_us"):
        from_json(text)


@given(
    st.dictionaries(
        st.sampled_from(["at_us", "type", "wearable", "payload", "person", "profile", "state", "kind", "label"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.lists(st.text())
        | st.sampled_from(["seat", "notification", "attribute", "link", "event"]),
    )
)
def test_arbitrary_record_raises_nothing_but_value_error_or_is_a_packet(record: dict[str, Any]) -> None:
    try:
        packet = from_record(record)
    except ValueError:
        return
    assert to_record(packet)["type"] == record["type"]


def test_event_without_a_person_is_for_everybody() -> None:
    record = to_record(_EXAMPLES[4])
    del record["person"]
    assert from_record(record) == _EXAMPLES[4]


def test_a_plan_without_a_week_is_of_none() -> None:
    record = to_record(_EXAMPLES[10])
    del record["week"]
    assert from_record(record) == Planned(at_us=10, text="[[block]]\n", week=None)


def test_who_shares_nothing_has_said_so() -> None:
    nothing = Sharing(at_us=0, person="p1", purposes=frozenset(), wording="1:0123456789abcdef")
    assert to_record(nothing)["purposes"] == ""
    assert from_json(to_json(nothing)) == nothing


def test_unknown_field_of_a_later_version_is_passed_over() -> None:
    assert from_record({**to_record(_EXAMPLES[1]), "rssi_dbm": -60}) == _EXAMPLES[1]


def test_packets_with_different_payloads_differ() -> None:
    notification = _EXAMPLES[1]
    assert isinstance(notification, Notification)
    assert replace(notification, payload=b"\x00\x48") != notification
