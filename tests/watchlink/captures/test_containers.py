"""pcap, pcapng, PacketLogger, btsnoop 1001 and 2001: the same traffic says the same in each of them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from watchlink.captures import open_capture
from watchlink.errors import CaptureError
from watchlink.packets import LinkChange, Notification, Packet, Seat

from .contract import CaptureFormatContract, read, read_until_fault
from .frames import (
    ADDRESS,
    BASE_US,
    BTSNOOP_EPOCH_US,
    OTHER_ADDRESS,
    STRAP,
    block,
    interface,
    monitored,
    option,
    packet_block,
    packetlogger_file,
    pcap_file,
    section,
    snoop,
    with_direction,
)

_201 = [(BASE_US + at_us, with_direction(received, h4)) for at_us, received, h4 in STRAP]
_254 = [(BASE_US + at_us, monitored(received, h4)) for at_us, received, h4 in STRAP]
_PACKETS = [
    Seat(at_us=1_000_000, person="person 1", wearable="w1", profile="polar-h10"),
    *(Notification(at_us=1_000_000 * n, wearable="w1", payload=bytes([0x10, 60 + n, n, 4])) for n in range(1, 12)),
]


def _in_pcapng(*, order: str = "<", link: int = 201) -> bytes:
    frames = _201 if link == 201 else _254
    blocks = b"".join(packet_block(at_us, frame, order=order) for at_us, frame in frames)
    return section(order=order) + interface(link, order=order) + blocks


def _btsnoop_1001() -> bytes:
    octets = struct.pack(">8sII", b"btsnoop\0", 1, 1001)
    for at_us, received, h4 in STRAP:
        flags = received | (0 if h4[0] == 2 else 2)
        size = len(h4) - 1
        octets += struct.pack(">IIIIq", size, size, flags, 0, BASE_US + at_us + BTSNOOP_EPOCH_US) + h4[1:]
    return octets


def _btsnoop_2001() -> bytes:
    octets = struct.pack(">8sII", b"btsnoop\0", 1, 2001)
    for at_us, frame in _254:
        size = len(frame) - 4
        flags = int.from_bytes(frame[:4], "big")
        octets += struct.pack(">IIIIq", size, size, flags, 0, at_us + BTSNOOP_EPOCH_US) + frame[4:]
    return octets


_FILES = {
    "pcap 201": pcap_file(_201, link=201),
    "pcap 201, big-endian": pcap_file(_201, link=201, order=">"),
    "pcap 201, nanoseconds": pcap_file(_201, link=201, nanoseconds=True),
    "pcap 201, big-endian nanoseconds": pcap_file(_201, link=201, order=">", nanoseconds=True),
    "pcap 187": pcap_file([(at_us, frame[4:]) for at_us, frame in _201], link=187),
    "pcap 254": pcap_file(_254, link=254),
    "pcapng 201": _in_pcapng(),
    "pcapng 201, big-endian": _in_pcapng(order=">"),
    "pcapng 254": _in_pcapng(link=254),
    "PacketLogger": packetlogger_file(STRAP, order=">"),
    "PacketLogger, little-endian": packetlogger_file(STRAP, order="<"),
    "btsnoop 1001": _btsnoop_1001(),
    "btsnoop 1002": snoop(*STRAP),
    "btsnoop 2001": _btsnoop_2001(),
}


def _but_links(packets: list[Packet]) -> list[Packet]:
    return [packet for packet in packets if not isinstance(packet, LinkChange)]


@pytest.mark.parametrize("name", _FILES)
def test_the_same_traffic_says_the_same_in_every_container(path: Path, name: str) -> None:
    path.write_bytes(_FILES[name])
    started_at, packets = read(path)
    assert started_at.timestamp() == BASE_US / 1e6
    assert _but_links(packets) == _PACKETS
    assert [packet.state for packet in packets if isinstance(packet, LinkChange)] == ["lost"]


class TestPcap(CaptureFormatContract):
    def octets(self) -> bytes:
        return _FILES["pcap 201"]


class TestPcapng(CaptureFormatContract):
    def octets(self) -> bytes:
        return _FILES["pcapng 254"]


class TestPacketLogger(CaptureFormatContract):
    def octets(self) -> bytes:
        return _FILES["PacketLogger, little-endian"]


class TestMonitor(CaptureFormatContract):
    def octets(self) -> bytes:
        return _FILES["btsnoop 2001"]


# --- what only pcapng has --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "ticks"),
    [
        ((option(9, b"\x06"),), lambda at_us: at_us),
        ((option(9, b"\x09"),), lambda at_us: at_us * 1000),
        ((option(9, b"\x03"),), lambda at_us: at_us // 1000),
        ((option(9, b"\x94"),), lambda at_us: at_us * 2**20 // 1_000_000 + 1),
        ((option(14, struct.pack("<q", 1_600_000_000)),), lambda at_us: at_us - 1_600_000_000_000_000),
    ],
    ids=["10^-6", "10^-9", "10^-3", "2^-20", "offset"],
)
def test_each_interface_has_its_own_measure_of_time(path: Path, options: tuple[bytes, ...], ticks) -> None:
    blocks = b"".join(packet_block(ticks(at_us), frame) for at_us, frame in _201)
    path.write_bytes(section() + interface(201, *options) + blocks)
    packets = _but_links(read(path)[1])
    coarse = ticks(1_001) == 1
    assert [packet.at_us for packet in packets] == pytest.approx([p.at_us for p in _PACKETS], abs=1000 if coarse else 2)


def test_two_interfaces_are_two_hosts_and_keep_their_own_time(path: Path) -> None:
    blocks = b""
    for at_us, frame in _201:
        other = frame.replace(ADDRESS, OTHER_ADDRESS)
        blocks += packet_block(at_us, frame) + packet_block(at_us * 1000 + 500, other, number=1)
    path.write_bytes(section() + interface(201) + interface(201, option(9, b"\x09")) + blocks)
    packets = read(path)[1]
    for wearable in ("w1", "w2"):
        times = [p.at_us for p in packets if isinstance(p, Notification) and p.wearable == wearable]
        assert times == [1_000_000 * n for n in range(1, 12)]


def test_a_second_section_begins_anew(path: Path) -> None:
    first = section() + interface(201) + b"".join(packet_block(*frame) for frame in _201[:8])
    big = b"".join(packet_block(at_us, frame, number=1, order=">") for at_us, frame in _201[8:])
    second = section(order=">") + interface(1, order=">") + interface(201, order=">") + big
    path.write_bytes(first + second)
    # The second interface has heard of no connection and no discovery: its few values look like heart rates, a guess.
    values = [packet.payload for packet in read(path)[1] if isinstance(packet, Notification)]
    assert values == [packet.payload for packet in _PACKETS if isinstance(packet, Notification)]


def test_an_interface_that_is_not_read_is_passed_over_beside_one_that_is(path: Path) -> None:
    blocks = b"".join(packet_block(at_us, b"\0" * 60) + packet_block(at_us, f, number=1) for at_us, f in _201)
    path.write_bytes(section() + interface(1) + interface(201) + blocks)
    with open_capture(path) as capture:
        assert _but_links(list(capture.packets)) == _PACKETS
    assert capture.findings.links["Ethernet (1)"] == len(_201)
    assert "Ethernet" in capture.findings.remarks[0]


def test_a_file_of_nothing_but_what_is_not_read_says_what_and_what_would_help(path: Path) -> None:
    path.write_bytes(section() + interface(249) + packet_block(1, b"\0" * 60))
    with pytest.raises(CaptureError, match=r"link type 249 \(USBPcap\), which is not read\. Record with an LE sniffer"):
        read(path)


def test_comments_are_counted_and_do_no_harm(path: Path) -> None:
    blocks = b"".join(packet_block(at_us, frame, option(1, b"note!"), option(0, b"")) for at_us, frame in _201)
    path.write_bytes(section() + interface(201) + blocks)
    with open_capture(path) as capture:
        assert _but_links(list(capture.packets)) == _PACKETS
    assert capture.findings.comments == len(_201)


def test_blocks_that_are_no_frames_are_passed_over(path: Path) -> None:
    others = block(4, b"names" * 10) + block(5, bytes(20)) + block(0x80000BAD, b"whoever") + block(10, bytes(50))
    blocks = b"".join(others + packet_block(*frame) for frame in _201)
    path.write_bytes(section() + interface(201) + others + blocks)
    assert _but_links(read(path)[1]) == _PACKETS


def test_old_packet_blocks_are_read_and_simple_ones_get_the_time_before(path: Path) -> None:
    old = b"".join(
        block(2, struct.pack("<HHIIII", 0, 0, at_us >> 32, at_us & 0xFFFFFFFF, len(frame), len(frame)) + frame)
        for at_us, frame in _201
    )
    path.write_bytes(section() + interface(201) + old)
    assert _but_links(read(path)[1]) == _PACKETS
    simple = b"".join(block(3, struct.pack("<I", len(frame)) + frame) for _, frame in _201)
    path.write_bytes(section() + interface(201) + simple)
    with open_capture(path) as capture:
        values = [packet.payload for packet in capture.packets if isinstance(packet, Notification)]
    assert len(values) == 11
    assert "have no time" in capture.findings.remarks[0]


@pytest.mark.parametrize("length", [0, 8, 11, 13, 30, 0x7FFFFFFC, 0xFFFFFFFC])
def test_a_block_whose_length_cannot_be_ends_the_reading_at_its_byte(path: Path, length: int) -> None:
    good = section() + interface(201) + b"".join(packet_block(*frame) for frame in _201)
    path.write_bytes(good + struct.pack("<II", 6, length) + bytes(64))
    packets, error = read_until_fault(path)
    assert _but_links(packets) == _PACKETS
    assert f"at byte {len(good)}" in str(error)


def test_a_block_that_does_not_end_with_its_length_is_a_fault(path: Path) -> None:
    good = section() + interface(201) + b"".join(packet_block(*frame) for frame in _201)
    bad = bytearray(packet_block(*_201[0]))
    bad[-4] ^= 4
    path.write_bytes(good + bad)
    packets, error = read_until_fault(path)
    assert _but_links(packets) == _PACKETS
    assert f"does not end with its length: the block at byte {len(good)}" in str(error)


def test_an_option_without_end_harms_nobody(path: Path) -> None:
    endless = struct.pack("<HH", 1, 0xFFFF) + bytes(8)
    blocks = b"".join(packet_block(at_us, frame, endless) for at_us, frame in _201)
    path.write_bytes(section() + interface(201, endless) + blocks)
    assert _but_links(read(path)[1]) == _PACKETS


@pytest.mark.parametrize("what", ["interface", "time"])
def test_what_an_interface_cannot_be_is_a_fault(path: Path, what: str) -> None:
    bad = interface(201, option(9, b"\x7f")) if what == "time" else block(1, bytes(4))
    path.write_bytes(section() + bad)
    assert f"at byte {len(section())}" in str(read_until_fault(path)[1])


# --- what all of them have -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pcap 201", "pcapng 201", "PacketLogger", "btsnoop 1002", "btsnoop 2001"])
def test_a_clock_that_was_set_back_is_told_after_everything_was_read(path: Path, name: str) -> None:
    late = [(at_us - 3_600_000_000 if 6_000_000 <= at_us < 12_000_000 else at_us, r, h4) for at_us, r, h4 in STRAP]
    shifted = {
        "pcap 201": lambda: pcap_file([(BASE_US + t, with_direction(r, h)) for t, r, h in late], link=201),
        "pcapng 201": lambda: (
            section() + interface(201) + b"".join(packet_block(BASE_US + t, with_direction(r, h)) for t, r, h in late)
        ),
        "PacketLogger": lambda: packetlogger_file(late, order=">"),
        "btsnoop 1002": lambda: snoop(*late),
        "btsnoop 2001": lambda: _monitor_of(late),
    }[name]()
    path.write_bytes(shifted)
    packets, error = read_until_fault(path)
    values = [packet.payload for packet in packets if isinstance(packet, Notification)]
    assert values == [packet.payload for packet in _PACKETS if isinstance(packet, Notification)]
    assert "the clock goes back by 0:59:59" in str(error)
    assert "at byte" in str(error)


def _monitor_of(steps: list[tuple[int, bool, bytes]]) -> bytes:
    octets = struct.pack(">8sII", b"btsnoop\0", 1, 2001)
    for at_us, received, h4 in steps:
        frame = monitored(received, h4)
        head = (len(frame) - 4, len(frame) - 4, int.from_bytes(frame[:4], "big"), 0, BASE_US + at_us + BTSNOOP_EPOCH_US)
        octets += struct.pack(">IIIIq", *head) + frame[4:]
    return octets


def test_frames_that_jump_by_less_than_a_second_are_no_fault(path: Path) -> None:
    frames = [(at_us - 900_000 * (number % 2), frame) for number, (at_us, frame) in enumerate(_201)]
    path.write_bytes(pcap_file(frames, link=201))
    packets, error = read_until_fault(path)
    assert error is None
    assert sum(isinstance(packet, Notification) for packet in packets) == 11


def test_frames_cut_short_by_the_capturing_are_counted_and_named(path: Path) -> None:
    octets = bytearray(pcap_file(_201, link=201))
    at = 24
    for _ in range(7):
        at += 16 + struct.unpack_from("<I", octets, at + 8)[0]
    struct.pack_into("<I", octets, at + 12, 500)  # it was longer on the wire than in the file
    path.write_bytes(octets)
    with open_capture(path) as capture:
        assert sum(isinstance(packet, Notification) for packet in capture.packets) == 10
    assert "1 frames were cut short" in capture.findings.hindrances()[0]


@pytest.mark.parametrize("size", [1 << 18, 0xFFFFFFFF])
def test_a_record_longer_than_any_frame_is_refused_without_waiting_for_it(path: Path, size: int) -> None:
    good = pcap_file(_201, link=201)
    path.write_bytes(good + struct.pack("<IIII", BASE_US // 1_000_000 + 60, 0, size + 1 & 0xFFFFFFFF or size, 0))
    packets, error = read_until_fault(path)
    assert _but_links(packets) == _PACKETS
    assert f"at byte {len(good)}" in str(error)


def test_records_of_no_length_are_no_hang(path: Path) -> None:
    path.write_bytes(pcap_file([(BASE_US, b"")] * 5000 + _201, link=201))
    assert _but_links(read(path)[1]) == _PACKETS


def test_controllers_of_one_machine_are_kept_apart_and_a_wearable_may_move_between_them(path: Path) -> None:
    other = [(at_us, b"\0\1" + frame[2:].replace(ADDRESS, OTHER_ADDRESS)) for at_us, frame in _254]
    path.write_bytes(pcap_file(sorted(_254 + other), link=254))
    packets = read(path)[1]
    assert {packet.wearable for packet in packets if isinstance(packet, Notification)} == {"w1", "w2"}
    moved = [(at_us + 20_000_000, b"\0\1" + frame[2:]) for at_us, frame in _254 if frame[3:5] != b"\5\x40"]
    path.write_bytes(pcap_file(_254 + moved, link=254))
    assert {packet.wearable for packet in read(path)[1]} == {"w1"}
    many = [(BASE_US, struct.pack(">HH", number, 3) + bytes(8)) for number in range(70)]
    path.write_bytes(pcap_file(many, link=254))
    assert "more than 64 Bluetooth controllers" in str(read_until_fault(path)[1])
