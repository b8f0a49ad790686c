"""Logs cut and laid together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchlink.captures.arranging import part, together
from watchlink.captures.capture import UNDATED, Capture
from watchlink.errors import CaptureError
from watchlink.packets import (
    Correction,
    EventKind,
    LinkChange,
    LinkState,
    Notification,
    Packet,
    Role,
    Seat,
    SessionEvent,
)

_AT = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)


def _beat(at_s: float, wearable: str = "w1") -> Notification:
    return Notification(at_us=round(at_s * 1e6), wearable=wearable, payload=b"\0\x3c")


def _capture(packets: list[Packet], *, after_s: float | None = 0.0) -> Capture:
    started_at = UNDATED if after_s is None else _AT + timedelta(seconds=after_s)
    return Capture(started_at=started_at, packets=iter(packets))


_SEAT = Seat(at_us=0, person="Heron", wearable="w1", profile="polar-h10")
_LOG: list[Packet] = [
    _SEAT,
    SessionEvent(at_us=0, kind=EventKind.BLOCK, label="role-play"),
    *(_beat(second) for second in range(1, 5)),
    SessionEvent(at_us=4_500_000, kind=EventKind.MARK, label="escalation"),
    SessionEvent(at_us=4_600_000, kind=EventKind.ROLE, label=Role.SPEAKER, person="Heron"),
    *(_beat(second) for second in range(5, 20)),
]


def test_a_part_begins_with_what_tells_who_is_who_and_what_the_room_does() -> None:
    cut = list(part(_LOG, from_us=10_000_000, to_us=12_000_000))
    assert cut == [_SEAT, _LOG[1], _LOG[7], _beat(10), _beat(11), _beat(12)]


@given(from_s=st.none() | st.integers(0, 25), to_s=st.none() | st.integers(0, 25))
def test_a_part_holds_every_heart_rate_of_its_time_and_no_other(from_s: int | None, to_s: int | None) -> None:
    bounds = {"from_us": None if from_s is None else from_s * 10**6, "to_us": None if to_s is None else to_s * 10**6}
    beats = [packet.at_us // 10**6 for packet in part(_LOG, **bounds) if isinstance(packet, Notification)]
    assert beats == [second for second in range(1, 20) if (from_s or 0) <= second <= (25 if to_s is None else to_s)]


def test_a_fault_after_the_part_is_heard_of() -> None:
    def broken() -> Iterator[Packet]:
        yield from (_beat(second) for second in range(1, 9))
        raise CaptureError("the clock goes back")

    seen: list[Packet] = []
    with pytest.raises(CaptureError, match="the clock goes back"):
        seen.extend(part(broken(), to_us=5_000_000))
    assert len(seen) == 5


def test_captures_lie_where_their_clocks_put_them() -> None:
    first = _capture([_SEAT, _beat(1), _beat(3), _beat(5)])
    later = _capture([Seat(at_us=0, person="Otter", wearable="x", profile="generic"), _beat(0.5, "x")], after_s=3.0)
    started_at, packets = together([later, first])
    log = list(packets)
    assert started_at == _AT
    assert [packet.at_us for packet in log] == [0, 1_000_000, 3_000_000, 3_000_000, 3_500_000, 5_000_000]


@pytest.mark.parametrize("offset_s", [-2.5, 0.0, 7.25])
def test_an_offset_moves_a_clock_further(offset_s: float) -> None:
    event = SessionEvent(at_us=2_000_000, kind=EventKind.MARK, label="x", person="Otter")
    correction = Correction(at_us=3_000_000, of_us=2_000_000, now=event)
    moved = _capture([_beat(1, "x"), event, correction])
    log = list(together([_capture([]), moved], offsets_s=[0.0, offset_s])[1])
    shift_us = round(offset_s * 1e6)
    assert [packet.at_us for packet in log] == [1_000_000 + shift_us, 2_000_000 + shift_us, 3_000_000 + shift_us]
    assert isinstance(log[2], Correction)
    assert log[2].of_us == log[1].at_us
    assert log[2].now is not None
    assert log[2].now.person == "Otter"


def test_a_capture_without_a_date_begins_with_the_first() -> None:
    started_at, packets = together([_capture([_beat(1)], after_s=None), _capture([_beat(1, "x")], after_s=100.0)])
    assert started_at == _AT + timedelta(seconds=100)
    assert [packet.at_us for packet in packets] == [1_000_000, 1_000_000]


def test_names_that_are_taken_get_a_number() -> None:
    other = [
        Seat(at_us=0, person="Heron", wearable="w1", profile="generic"),
        Seat(at_us=0, person="Wren", wearable="w2", profile="generic"),
        _beat(1),
        LinkChange(at_us=2_000_000, wearable="w2", state=LinkState.LOST),
        SessionEvent(at_us=3_000_000, kind=EventKind.MARK, label="x", person="Heron"),
    ]
    log = list(together([_capture([_SEAT, _beat(0.5)]), _capture(other)])[1])
    seats = [(packet.person, packet.wearable) for packet in log if isinstance(packet, Seat)]
    assert seats == [("Heron", "w1"), ("Heron (2)", "w1 (2)"), ("Wren", "w2")]
    assert [packet.wearable for packet in log if isinstance(packet, Notification)] == ["w1", "w1 (2)"]
    assert [packet.person for packet in log if isinstance(packet, SessionEvent)] == ["Heron (2)"]


def test_where_one_breaks_off_the_others_go_on_and_the_fault_comes_at_the_end() -> None:
    def broken() -> Iterator[Packet]:
        yield _beat(1, "x")
        raise CaptureError("x.log is cut off.")

    captures = [Capture(started_at=_AT, packets=broken()), _capture([_beat(second) for second in range(2, 8)])]
    seen: list[Packet] = []
    with pytest.raises(CaptureError, match=r"x\.log is cut off"):
        seen.extend(together(captures)[1])
    assert len(seen) == 7
