"""What is written: read back to the packet from every format, and understood by tshark."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchlink.captures import open_capture
from watchlink.captures.file import CaptureFile, Format
from watchlink.errors import CaptureError
from watchlink.packets import (
    Attribute,
    AttributeRead,
    Correction,
    Discarded,
    DiscardReason,
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

from .judge import tshark, tshark_heart_rates

_STARTED_AT = datetime(2026, 3, 1, 18, 0, 0, 123456, tzinfo=UTC)
# Ten years either way; what lies outside the calendar is a test of its own.
_TIMES = st.integers(-(10**14), 10**14)
_WEARABLES = st.sampled_from(["w1", "w2", "w3", "", "früh\0"])
_EVENTS = st.builds(
    SessionEvent,
    at_us=_TIMES,
    kind=st.sampled_from([EventKind.BLOCK, EventKind.MARK]),
    label=st.text(),
    person=st.none() | st.text(),
    note=st.text(),
    ago_us=st.integers(0, 10**9),
    meaning=st.sampled_from(Meaning),
)
_PACKETS: st.SearchStrategy[Packet] = st.one_of(
    st.builds(Seat, at_us=_TIMES, person=st.text(), wearable=_WEARABLES, profile=st.text()),
    st.builds(Notification, at_us=_TIMES, wearable=_WEARABLES, payload=st.binary(max_size=600)),
    st.builds(
        AttributeRead,
        at_us=_TIMES,
        wearable=_WEARABLES,
        attribute=st.sampled_from(Attribute),
        payload=st.binary(max_size=600),
    ),
    st.builds(LinkChange, at_us=_TIMES, wearable=_WEARABLES, state=st.sampled_from(LinkState), reason=st.text()),
    st.builds(
        Discarded,
        at_us=_TIMES,
        wearable=_WEARABLES,
        payload=st.binary(max_size=40),
        reason=st.sampled_from(DiscardReason),
    ),
    st.builds(
        SessionEvent,
        at_us=_TIMES,
        kind=st.just(EventKind.ROLE),
        label=st.sampled_from([str(role) for role in Role]),
        person=st.text(),
    ),
    _EVENTS,
    _EVENTS.map(lambda event: Correction(at_us=event.at_us + 1, of_us=event.at_us, now=event)),
)
_SUFFIXES = {"jsonl": Format.JSONL, "jsonl.gz": Format.JSONL, "btsnoop": Format.BTSNOOP, "pcapng": Format.PCAPNG}


def _write(path: Path, packets: list[Packet], *, started_at: datetime = _STARTED_AT) -> Path:
    path.unlink(missing_ok=True)
    with CaptureFile.create(path, format_name=None, started_at=started_at) as file:
        for packet in packets:
            file.write(packet)
    return path


def _read(path: Path) -> tuple[datetime, list[Packet]]:
    with open_capture(path) as capture:
        return capture.started_at, list(capture.packets)


@settings(deadline=None, max_examples=60)
@given(packets=st.lists(_PACKETS, max_size=25), first_second=st.permutations(list(_SUFFIXES)))
def test_a_log_goes_from_any_format_into_any_other_and_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, packets: list[Packet], first_second: list[str]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    first = _write(folder / f"first.{first_second[0]}", packets)
    started_at, read = _read(first)
    assert (started_at, read) == (_STARTED_AT, packets)
    second = _write(folder / f"second.{first_second[1]}", read, started_at=started_at)
    assert _read(second) == (_STARTED_AT, packets)


@pytest.mark.parametrize(("first", "second"), list(permutations(_SUFFIXES, 2)))
def test_every_pair_of_formats(tmp_path: Path, first: str, second: str) -> None:
    log = _session()
    through = _read(_write(tmp_path / f"first.{first}", log))[1]
    assert _read(_write(tmp_path / f"second.{second}", through)) == (_STARTED_AT, log)


def _session() -> list[Packet]:
    """Two people, one of whom loses the link for a while."""
    log: list[Packet] = [
        Seat(at_us=0, person="Heron", wearable="w1", profile="polar-h10"),
        Seat(at_us=0, person="Otter", wearable="w2", profile="garmin-watch"),
        AttributeRead(at_us=10, wearable="w1", attribute=Attribute.BATTERY_LEVEL, payload=b"\x5f"),
        SessionEvent(at_us=20, kind=EventKind.BLOCK, label="baseline", note="Silent baseline"),
    ]
    for second in range(1, 40):
        at_us = 1_000_000 * second
        if not 15 <= second < 22:
            log.append(Notification(at_us=at_us, wearable="w1", payload=bytes([0x10, 60 + second % 7, second, 4])))
        log.append(Notification(at_us=at_us + 500, wearable="w2", payload=bytes([0x01, 70 + second % 9, 0])))
        if second == 15:
            log.append(LinkChange(at_us=at_us + 700, wearable="w1", state=LinkState.LOST, reason="out of reach"))
            log.append(
                SessionEvent(at_us=at_us + 800, kind=EventKind.MARK, label="escalation", person="Otter", note="früh")
            )
    return log


@pytest.mark.parametrize("suffix", ["btsnoop", "pcapng"])
def test_tshark_sees_the_heart_rates_intervals_and_times(tmp_path: Path, suffix: str) -> None:
    log = _session()
    path = _write(tmp_path / f"session.{suffix}", log)
    sent = [packet for packet in log if isinstance(packet, Notification)]
    expected = [
        (p.payload[1], p.payload[2] | p.payload[3] << 8) if p.payload[0] == 0x10 else (p.payload[1],) for p in sent
    ]
    assert tshark_heart_rates(path) == expected
    times = tshark(path, "btatt.heart_rate_measurement.flags", "frame.time_epoch")
    zero = datetime.fromtimestamp(0, UTC)
    seen_us = [round(1e6 * (float(text[0]) - 1_772_000_000)) + 1_772_000_000_000_000 for text in times]
    zero_us = (_STARTED_AT - zero) // timedelta(microseconds=1)
    assert seen_us == [zero_us + packet.at_us for packet in sent]
    assert tshark(path, "_ws.malformed || _ws.expert.severity >= 0x600000", "frame.number", "_ws.expert.message") == []
    assert tshark(path, "btatt.battery_level", "btatt.battery_level") == [["95"]]


def test_session_events_are_comments_for_people_with_wireshark(tmp_path: Path) -> None:
    path = _write(tmp_path / "session.pcapng", _session())
    assert tshark(path, "frame.comment", "frame.comment") == [
        ["block baseline (Silent baseline)"],
        ["escalation Otter (früh)"],
    ]


@pytest.mark.parametrize("suffix", ["btsnoop", "pcapng"])
@pytest.mark.parametrize("at_us", [2**62, -(2**62)])
def test_a_time_outside_the_calendar_is_refused_with_what_can_hold_it(tmp_path: Path, suffix: str, at_us: int) -> None:
    packet = Notification(at_us=at_us, wearable="w1", payload=b"\0\x3c")
    with pytest.raises(CaptureError, match="only JSON Lines can hold it"):
        _write(tmp_path / f"far.{suffix}", [packet])
    assert _read(_write(tmp_path / "far.jsonl", [packet]))[1] == [packet]


def test_a_packet_longer_than_a_frame_is_refused_with_what_can_hold_it(tmp_path: Path) -> None:
    long = SessionEvent(at_us=0, kind=EventKind.MARK, label="x", note="ä" * 50_000)
    with pytest.raises(CaptureError, match="too long for a frame; only JSON Lines"):
        _write(tmp_path / "long.pcapng", [long])
    assert _read(_write(tmp_path / "long.jsonl", [long]))[1] == [long]


def test_more_wearables_than_connections_come_back_all_the_same(tmp_path: Path) -> None:
    log: list[Packet] = [Notification(at_us=n, wearable=f"w{n}", payload=b"\0\x3c") for n in range(3700)]
    assert _read(_write(tmp_path / "many.btsnoop", log))[1] == log


# --- the file --------------------------------------------------------------------------------------------------------


def test_nothing_that_is_there_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "there.jsonl"
    path.write_text("mine")
    with pytest.raises(CaptureError, match="is there already and is not overwritten"):
        CaptureFile.create(path, format_name=None, started_at=_STARTED_AT)
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["capture", "capture.txt", "capture.pcap", "capture.gz"])
def test_a_name_that_says_no_format_is_refused_and_a_named_format_helps(tmp_path: Path, name: str) -> None:
    with pytest.raises(CaptureError, match="says no format that is written"):
        CaptureFile.create(tmp_path / name, format_name=None, started_at=_STARTED_AT)
    with CaptureFile.create(tmp_path / name, format_name="pcapng", started_at=_STARTED_AT) as file:
        file.write(_session()[0])
    assert _read(tmp_path / name)[1] == _session()[:1]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="cannot be made: No such file or directory"):
        CaptureFile.create(tmp_path / "nowhere" / "a.jsonl", format_name=None, started_at=_STARTED_AT)


@pytest.mark.parametrize("suffix", _SUFFIXES)
def test_a_full_disk_costs_the_end_and_no_more_and_says_how_much(suffix: str) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    file = CaptureFile(full.open("wb", buffering=0), _writer(suffix), packed=suffix.endswith("gz"), regular=False)
    for packet in _session():
        file.accept(packet)
    file.close()
    assert file.unsaved == file.packets == len(_session())
    assert "No space left" in str(file.trouble)


@pytest.mark.parametrize("suffix", _SUFFIXES)
@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_a_disk_that_takes_a_little_at_a_time_and_fails_between_leaves_no_hole(
    tmp_path: Path, suffix: str, chunk: int
) -> None:
    path = tmp_path / f"slow.{suffix}"
    with _Reluctant(path, chunk) as raw:
        file = CaptureFile(raw, _writer(suffix), packed=suffix.endswith("gz"), regular=False)
        for packet in _session():
            file.accept(packet)
        for _ in range(100_000):
            file._write()
            if file.trouble is None:
                break
        file.close()
        while file.unsaved:
            file._write()
    assert _read(path)[1] == _session()


def _writer(suffix: str):
    from watchlink.captures import file

    return file._WRITERS[_SUFFIXES[suffix]](_STARTED_AT)


class _Reluctant:
    """A file on a disk that is full every other time, and else takes a few octets."""

    def __init__(self, path: Path, chunk: int) -> None:
        self._file = path.open("wb", buffering=0)
        self._chunk = chunk
        self._calls = 0
        self.closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, octets: bytearray) -> int:
        self._calls += 1
        if self._calls % 2:
            raise OSError(28, "No space left on device")
        return self._file.write(octets[: self._chunk])

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        pass
