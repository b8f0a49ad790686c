"""Capture formats: found by content, read whole, and nothing but a `CaptureError` whatever the file holds."""

from __future__ import annotations

import csv
import gzip
import io
import json
import struct
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from firmware_profiles.heart_rate_service import decode
from watchlink.captures import jsonl, open_capture
from watchlink.captures.series import recognises_text
from watchlink.errors import CaptureError
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
    to_record,
)

from .contract import CaptureFormatContract, read, read_until_fault
from .frames import (
    ADDRESS,
    DECLARATION,
    OTHER_ADDRESS,
    acl,
    advertised,
    btsnoop_file,
    connected,
    disconnected,
    notified,
    snoop,
)

_STARTED_AT = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
_TIMES = st.integers(min_value=-(2**62), max_value=2**62)
_PACKETS: st.SearchStrategy[Packet] = st.one_of(
    st.builds(Seat, at_us=_TIMES, person=st.text(), wearable=st.text(), profile=st.text()),
    st.builds(Notification, at_us=_TIMES, wearable=st.text(), payload=st.binary(max_size=64)),
    st.builds(
        AttributeRead,
        at_us=_TIMES,
        wearable=st.text(),
        attribute=st.sampled_from(Attribute),
        payload=st.binary(max_size=64),
    ),
    st.builds(LinkChange, at_us=_TIMES, wearable=st.text(), state=st.sampled_from(LinkState), reason=st.text()),
    st.builds(
        SessionEvent,
        at_us=_TIMES,
        kind=st.sampled_from([EventKind.BLOCK, EventKind.MARK]),
        label=st.text(),
        person=st.none() | st.text(),
        note=st.text(),
    ),
)
_LOG: tuple[Packet, ...] = (
    Seat(at_us=0, person="Heron", wearable="w1", profile="polar-h10"),
    LinkChange(at_us=1, wearable="w1", state=LinkState.SUBSCRIBED),
    AttributeRead(at_us=2, wearable="w1", attribute=Attribute.BATTERY_LEVEL, payload=b"\x5f"),
    *(
        Notification(at_us=number * 1_000_000, wearable="w1", payload=bytes([0, 60 + number]))
        for number in range(1, 30)
    ),
    SessionEvent(at_us=30_000_000, kind=EventKind.MARK, label="escalation", person="Heron", note="früh"),
)


def _jsonl(packets: Sequence[Packet] = _LOG, *, started_at: datetime = _STARTED_AT) -> bytes:
    return "".join(jsonl.lines(started_at, packets)).encode()


class TestJsonLines(CaptureFormatContract):
    def octets(self) -> bytes:
        return _jsonl()

    @settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.differing_executors])
    @given(
        log=st.lists(_PACKETS, max_size=15),
        started_at=st.datetimes(timezones=st.just(UTC)),
        zipped=st.booleans(),
    )
    def test_every_log_comes_back_as_it_was(
        self, tmp_path_factory: pytest.TempPathFactory, log: list[Packet], started_at: datetime, zipped: bool
    ) -> None:
        path = tmp_path_factory.getbasetemp() / "round_trip.jsonl"
        octets = _jsonl(log, started_at=started_at)
        path.write_bytes(gzip.compress(octets) if zipped else octets)
        assert read(path) == (started_at, log)

    def test_it_is_one_line_a_packet_for_people_with_grep(self) -> None:
        header, *lines = _jsonl().decode().splitlines()
        assert json.loads(header) == {"watchlink_capture": 1, "started_at": "2026-03-01T18:00:00+00:00"}
        assert [json.loads(line) for line in lines] == [to_record(packet) for packet in _LOG]
        assert '"payload": "003d"' in lines[3]

    @pytest.mark.parametrize(
        ("line", "complaint"),
        [
            (b"not JSON at all\n", "no valid JSON"),
            (b"\n", "no valid JSON"),
            (b"\xff\xfe\n", "no valid JSON"),
            (b"[1, 2]\n", "not a JSON object"),
            (b'{"type": "notification"}\n', "at_us is not a whole number"),
            (b'{"at_us": true, "type": "seat"}\n', "at_us is not a whole number"),
            (b'{"at_us": 1.5, "type": "seat"}\n', "at_us is not a whole number"),
            (b'{"at_us": 1, "type": "feeling"}\n', "unknown type 'feeling'"),
            (b'{"at_us": 1, "type": ["seat"]}\n', "unknown type"),
            (b'{"at_us": 1, "type": "seat", "person": "a", "wearable": "b"}\n', "profile is not a text"),
            (b'{"at_us": 1, "type": "notification", "wearable": "w", "payload": "0g"}\n', "not hexadecimal"),
            (b'{"at_us": 1, "type": "notification", "wearable": "w", "payload": 12}\n', "not hexadecimal"),
            (b'{"at_us": 1, "type": "link", "wearable": "w", "state": "happy", "reason": ""}\n', "happy"),
            (b'{"at_us": 1, "type": "attribute", "wearable": "w", "attribute": "x", "payload": ""}\n', "'x'"),
            (b'{"at_us": 1, "type": "event", "kind": "mark", "label": "x", "person": 3, "note": ""}\n', "person"),
            (b"[" * 100_000 + b"\n", "no valid JSON"),
        ],
    )
    def test_a_broken_line_is_named_after_the_packets_before_it(self, path: Path, line: bytes, complaint: str) -> None:
        path.write_bytes(_jsonl(_LOG[:5]) + line + _jsonl(_LOG[5:7]))
        packets, error = read_until_fault(path)
        assert packets == list(_LOG[:5])
        assert str(error).startswith("capture.bin, line 7: ")
        assert complaint in str(error)

    def test_a_line_that_was_cut_off_is_told_apart_from_one_that_is_wrong(self, path: Path) -> None:
        path.write_bytes(_jsonl(_LOG[:5]) + b'{"at_us": 3, "type": "seat", "per')
        packets, error = read_until_fault(path)
        assert packets == list(_LOG[:5])
        assert str(error).startswith("capture.bin, line 7: no valid JSON")
        assert "the file was cut off in the middle" in str(error)

    @pytest.mark.parametrize("version", [2, 99, 0, "1", None])
    def test_another_version_is_refused_with_what_to_do(self, path: Path, version: object) -> None:
        header = json.dumps({"watchlink_capture": version, "started_at": "2026-03-01T18:00:00+00:00"})
        path.write_text(header + "\n")
        with pytest.raises(CaptureError, match=r"version 1, which this watchlink reads|reads version 1") as caught:
            read(path)
        assert "pdate" in str(caught.value)  # what to do about it

    @pytest.mark.parametrize("started_at", ["yesterday", None, 5, "2026-13-01T00:00:00"])
    def test_a_header_without_a_date_is_refused(self, path: Path, started_at: object) -> None:
        path.write_text(json.dumps({"watchlink_capture": 1, "started_at": started_at}) + "\n")
        with pytest.raises(CaptureError, match=r"line 1: started_at is no date"):
            read(path)

    def test_a_date_without_a_zone_is_utc(self, path: Path) -> None:
        path.write_text('{"watchlink_capture": 1, "started_at": "2026-03-01T18:00:00"}\n')
        assert read(path) == (_STARTED_AT, [])

    def test_white_space_in_the_header_is_no_matter(self, path: Path) -> None:
        path.write_bytes(b' { "watchlink_capture" :1, "started_at":"2026-03-01T18:00:00+00:00"}\r\n')
        assert read(path) == (_STARTED_AT, [])

    def test_a_last_line_without_its_line_feed_counts(self, path: Path) -> None:
        path.write_bytes(_jsonl().removesuffix(b"\n"))
        assert read(path)[1] == list(_LOG)


class TestBtsnoop(CaptureFormatContract):
    def octets(self) -> bytes:
        return snoop(
            (0, True, advertised(ADDRESS, "Polar H10 1A2B")),
            (5, True, connected(0x40, ADDRESS)),
            (10, True, acl(0x40, DECLARATION)[0]),
            *((1_000_000 * n, True, acl(0x40, notified(bytes([0, 60 + n])))[0]) for n in range(1, 12)),
            (12_000_000, True, disconnected(0x40)),
        )

    def test_notifications_have_the_time_of_their_record_and_the_wearable_its_profile_but_no_name(
        self, path: Path
    ) -> None:
        path.write_bytes(self.octets())
        started_at, packets = read(path)
        assert started_at == datetime.fromtimestamp(1_700_000_000, UTC)
        assert packets == [
            Seat(at_us=1_000_000, person="person 1", wearable="w1", profile="polar-h10"),
            *(Notification(at_us=1_000_000 * n, wearable="w1", payload=bytes([0, 60 + n])) for n in range(1, 12)),
            LinkChange(at_us=12_000_000, wearable="w1", state=LinkState.LOST, reason="disconnected (0x08)"),
        ]

    @pytest.mark.parametrize("split", [1, 2, 3, 4, 5, 7])
    def test_a_notification_in_two_fragments_is_put_together(self, path: Path, split: int) -> None:
        first, second = acl(0x40, notified(b"\x10\x3c\x00\x04"), split=split)
        path.write_bytes(
            snoop(
                (0, True, connected(0x40, ADDRESS)),
                (1, True, acl(0x40, DECLARATION)[0]),
                (2, True, first),
                (3, False, acl(0x40, b"\x0a\x11\x00")[0]),  # the other direction has frames of its own
                (4, True, second),
            )
        )
        assert read(path)[1][-1] == Notification(at_us=4, wearable="w1", payload=b"\x10\x3c\x00\x04")

    @pytest.mark.parametrize(
        ("name", "steps"),
        [
            ("before discovery", [connected(0x40, ADDRESS), *acl(0x40, notified(b"\0\x3c"))]),
            (
                "of another characteristic",
                [connected(0x40, ADDRESS), *acl(0x40, DECLARATION), *acl(0x40, notified(b"\0\x3c", handle=0x12))],
            ),
            (
                "of a connection that failed",
                [connected(0x40, ADDRESS, status=0x3E), *acl(0x41, DECLARATION), *acl(0x40, notified(b"\0\x3c"))],
            ),
            ("without its first fragment", [*acl(0x40, DECLARATION), acl(0x40, notified(b"\0\x3c"), split=5)[1]]),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_what_is_not_known_to_be_heart_rate_is_left_alone(
        self, path: Path, name: str, steps: Sequence[bytes]
    ) -> None:
        path.write_bytes(snoop(*((number, True, octets) for number, octets in enumerate(steps))))
        assert read(path)[1] == [], name

    def test_what_the_host_sends_itself_is_no_notification(self, path: Path) -> None:
        path.write_bytes(
            snoop(
                (0, True, connected(0x40, ADDRESS)),
                (1, True, acl(0x40, DECLARATION)[0]),
                (2, False, acl(0x40, notified(b"\0\x3c"))[0]),
            )
        )
        assert read(path)[1] == []

    def test_the_handle_is_remembered_over_a_reconnect_and_not_lent_to_another_peer(self, path: Path) -> None:
        path.write_bytes(
            snoop(
                (0, True, connected(0x40, ADDRESS)),
                (1, True, acl(0x40, DECLARATION)[0]),
                (2, True, acl(0x40, notified(b"\0\x3c"))[0]),
                (3, True, disconnected(0x40)),
                (4, True, connected(0x40, OTHER_ADDRESS)),
                (5, True, acl(0x40, notified(b"\0\x3d"))[0]),
                (6, True, connected(0x41, ADDRESS)),
                (7, True, acl(0x41, notified(b"\0\x3e"))[0]),
            )
        )
        notifications = [packet for packet in read(path)[1] if isinstance(packet, Notification)]
        assert notifications == [
            Notification(at_us=2, wearable="w1", payload=b"\0\x3c"),
            Notification(at_us=7, wearable="w1", payload=b"\0\x3e"),
        ]

    def test_a_connection_older_than_the_capture_is_followed_by_its_handle(self, path: Path) -> None:
        path.write_bytes(snoop((0, True, acl(0x40, DECLARATION)[0]), (1, True, acl(0x40, notified(b"\0\x3c"))[0])))
        assert read(path)[1] == [
            Seat(at_us=1, person="person 1", wearable="w1", profile="generic"),
            Notification(at_us=1, wearable="w1", payload=b"\0\x3c"),
        ]

    def test_a_cut_is_named_by_its_byte(self, path: Path) -> None:
        octets = snoop((0, True, connected(0x40, ADDRESS)), (1, True, acl(0x40, DECLARATION)[0]))
        second = 16 + 24 + len(connected(0x40, ADDRESS))
        path.write_bytes(octets[: second + 10])
        assert f"cut off within the record at byte {second}." in str(read_until_fault(path)[1])
        path.write_bytes(octets[:-1])
        assert f"within the record at byte {second}." in str(read_until_fault(path)[1])

    def test_a_record_that_claims_too_much_is_refused_without_reading_it(self, path: Path) -> None:
        path.write_bytes(
            snoop((0, True, b"\x04\x00\x00\x00")) + struct.pack(">IIIIq", 0, 0xFFFFFFF0, 1, 0, 0) + bytes(99)
        )
        error = read_until_fault(path)[1]
        assert "claims 4294967280 octets for the record at byte 44" in str(error)

    @pytest.mark.parametrize(
        ("version", "link", "words"),
        [
            (1, 1003, r"HCI BSCP \(1003\)"),
            (1, 1999, "data link 1999"),
            (2, 1002, "version 2"),
        ],
    )
    def test_other_links_and_versions_are_refused_by_name(
        self, path: Path, version: int, link: int, words: str
    ) -> None:
        path.write_bytes(btsnoop_file([], version=version, link=link))
        with pytest.raises(CaptureError, match=words):
            read(path)

    def test_a_header_alone_holds_no_packets(self, path: Path) -> None:
        path.write_bytes(btsnoop_file([]))
        assert read(path)[1] == []

    @pytest.mark.parametrize("stamp", [-(2**63), 2**63 - 1])
    def test_a_time_stamp_outside_the_calendar_is_a_capture_error(self, path: Path, stamp: int) -> None:
        path.write_bytes(btsnoop_file([]) + struct.pack(">IIIIq", 4, 4, 1, 0, stamp) + bytes(4))
        with pytest.raises(CaptureError, match="outside the calendar"):
            read(path)


# --- what is no capture ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"", "is empty: nothing was recorded"),
        (gzip.compress(b""), "is empty: nothing was recorded"),
        (b"\x00", "begins with 00"),
        (b"noise" * 1000, "begins with 6e 6f 69 73 65 6e 6f 69"),
        (b'{"another": "format"}\n', "is no capture that watchlink knows"),
        (b"\xd4\xc3\xb2\xa1" + bytes(20), "link type 0"),
        (gzip.compress(b"noise"), "is no capture that watchlink knows"),
        (b"\x1f\x8b", "cannot be read"),
        (b"\x1f\x8b" + b"\xff" * 50, "cannot be read"),
        (gzip.compress(b"x" * 500)[:-9], "."),
    ],
)
def test_a_file_that_is_no_capture_is_refused_in_plain_words(path: Path, octets: bytes, words: str) -> None:
    path.write_bytes(octets)
    with pytest.raises(CaptureError) as caught:
        read(path)
    assert path.name in str(caught.value)
    assert words in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"nowhere\.jsonl cannot be read: No such file"):
        read(tmp_path / "nowhere.jsonl")


def test_a_folder_is_no_capture(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="Is a directory"):
        read(tmp_path)


def test_the_file_is_closed_when_the_context_is_left(path: Path) -> None:
    long = [Notification(at_us=number, wearable="w1", payload=bytes(100)) for number in range(5000)]
    path.write_bytes(_jsonl(long))
    with open_capture(path) as capture:
        next(capture.packets)
    with pytest.raises(ValueError, match="closed file"):
        list(capture.packets)


_BTSNOOP_HEAD, _JSONL_HEAD = btsnoop_file([]), _jsonl(())
_GZIP_HEADS = (b"\x1f\x8b", b"\x1f\x8b\x08\x00" + bytes(6))


@settings(deadline=None, max_examples=300)
@example(head=b"", body=b"")
@example(head=b"\x1f\x8b", body=b"\x08\x00" + bytes(20))
@given(
    head=st.sampled_from(
        [
            b"",
            b"btsnoop\0",
            btsnoop_file([]),
            _jsonl(()),
            b'{"watchlink_capture"',
            b"\x1f\x8b",
            b"\x1f\x8b\x08\x00" + bytes(6),
        ]
    ),
    body=st.binary(max_size=400),
)
def test_whatever_the_octets_nothing_but_a_capture_error_is_raised(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, body: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "noise.bin"
    path.write_bytes(head + body)
    packets, error = read_until_fault(path)
    text = recognises_text(head + body)  # a figure or two are a text of intervals
    assert packets == [] or text
    assert error is not None or text or head == _BTSNOOP_HEAD or body == b""


@settings(deadline=None, max_examples=200)
@given(body=st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=40)), max_size=12))
def test_hci_packets_of_any_content_raise_nothing(
    tmp_path_factory: pytest.TempPathFactory, body: list[tuple[int, bytes]]
) -> None:
    heads = (b"\x04\x3e", b"\x04\x05", b"\x02\x40\x20", b"")
    path = tmp_path_factory.getbasetemp() / "hci.bin"
    path.write_bytes(snoop(*((number, True, heads[kind] + rest) for number, (kind, rest) in enumerate(body))))
    assert read_until_fault(path)[1] is None


# --- recordings of other people --------------------------------------------------------------------------------------


def test_a_recording_of_an_hour_equals_its_truth(shared_data: Path) -> None:
    name = shared_data / "captures" / "reframed" / "rhythm_full_btsnoop_h4.log"
    started_at, packets = read(name)
    notifications = [packet for packet in packets if isinstance(packet, Notification)]
    measurements = [decode(packet.payload) for packet in notifications]
    with name.with_name(name.name + ".truth.csv").open(newline="") as file:
        truth = list(csv.DictReader(file))

    assert len(notifications) == len(truth) == 2409
    assert sum(len(measurement.rr_ticks) for measurement in measurements) == 2604
    assert [measurement.heart_rate_bpm for measurement in measurements] == [int(row["hr_bpm"]) for row in truth]
    assert [measurement.rr_ticks for measurement in measurements] == [
        tuple(map(int, row["rr_raw_1024ths"].split())) for row in truth
    ]
    zero_us = (started_at - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
    wrong_us = [
        zero_us + packet.at_us - int(Decimal(row["t_epoch"]) * 1_000_000)
        for packet, row in zip(notifications, truth, strict=True)
    ]
    assert max(map(abs, wrong_us)) <= 2


@pytest.mark.parametrize(("name", "count"), [("hr8_bluez566_h4", 544), ("reconnect_dup_bleak310_bluez566_h4", 54)])
def test_what_a_real_host_stack_recorded_equals_what_the_wearables_sent(
    shared_data: Path, name: str, count: int
) -> None:
    folder = shared_data / "captures" / "bluez"
    packets = read(folder / f"{name}.btsnoop")[1]
    truth = json.loads((folder / f"{name}.truth.json").read_text())
    sent = [[payload for session in wearable["sessions"] for payload in session] for wearable in truth.values()]

    arrived: dict[str, list[str]] = {}
    for packet in packets:
        if isinstance(packet, Notification):
            arrived.setdefault(packet.wearable, []).append(packet.payload.hex())
    assert sum(map(len, arrived.values())) == count
    assert list(arrived) == [f"w{number}" for number in range(1, len(truth) + 1)]
    assert list(arrived.values()) == sent
    lost = [packet.wearable for packet in packets if isinstance(packet, LinkChange)]
    assert sorted(lost) == sorted(
        f"w{number}" for number, wearable in enumerate(truth.values(), 1) for _ in wearable["sessions"]
    )
    assert [packet.at_us for packet in packets] == sorted(packet.at_us for packet in packets)


@pytest.mark.parametrize("name", ["hr8_bluez566_h4.btsnoop", "reconnect_dup_bleak310_bluez566_h4.btsnoop"])
def test_no_address_and_no_name_of_a_wearable_leaves_the_reader(shared_data: Path, name: str) -> None:
    packets = read(shared_data / "captures" / "bluez" / name)[1]
    told = json.dumps([to_record(packet) for packet in packets if not isinstance(packet, Notification)])
    assert len(packets) > 50
    for word in ("C0:11", "c0:11", "C01122", "c01122", "Virtual HR"):
        assert word not in told


@pytest.mark.parametrize("name", ["btsnoop_h4_treadmill.log", "btsnoop_h4_pongbot.log", "btsnoop_h4_android_small.log"])
def test_a_real_capture_without_heart_rate_is_read_to_its_last_octet_and_has_none(
    shared_data: Path, path: Path, name: str
) -> None:
    original = shared_data / "captures" / "real" / name
    assert read(original)[1] == []
    path.write_bytes(original.read_bytes()[:-1])
    assert "is cut off within the record" in str(read_until_fault(path)[1])  # so the last record was reached


@pytest.fixture(scope="module")
def beginnings(shared_data: Path) -> dict[str, bytes]:
    """The first records of real captures, to be damaged."""
    names = ("reframed/rhythm_full_btsnoop_h4.log", "bluez/hr8_bluez566_h4.btsnoop", "real/btsnoop_h4_treadmill.log")
    return {name: (shared_data / "captures" / name).read_bytes()[:6_000] for name in names}


@settings(deadline=None, max_examples=300)
@given(
    which=st.integers(0, 2),
    changes=st.lists(st.tuples(st.integers(0, 5_999), st.integers(0, 255)), min_size=1, max_size=12),
    size=st.integers(0, 6_000),
)
def test_a_damaged_real_capture_raises_nothing_but_a_capture_error(
    tmp_path_factory: pytest.TempPathFactory,
    beginnings: dict[str, bytes],
    which: int,
    changes: list[tuple[int, int]],
    size: int,
) -> None:
    octets = bytearray(list(beginnings.values())[which])
    for at, value in changes:
        octets[at] = value
    path = tmp_path_factory.getbasetemp() / "damaged.bin"
    path.write_bytes(octets[:size])
    packets, error = read_until_fault(path)
    assert error is None or path.name in str(error)
    assert all(isinstance(packet, (Seat, Notification, LinkChange)) for packet in packets)


def test_lines_are_written_one_by_one_not_all_at_once() -> None:
    def endless() -> Iterator[Packet]:
        while True:
            yield _LOG[0]

    written = io.StringIO()
    for line, _ in zip(jsonl.lines(_STARTED_AT, endless()), range(3), strict=False):
        written.write(line)
    assert written.getvalue().count("\n") == 3
