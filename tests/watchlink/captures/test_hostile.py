"""Real captures, damaged in every way: what was whole before the damage is delivered, and nothing else is raised."""

from __future__ import annotations

import tracemalloc
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchlink.captures import open_capture
from watchlink.errors import CaptureError
from watchlink.packets import Notification, Packet, Seat

from .contract import read_until_fault
from .frames import ADDRESS, DECLARATION, OTHER_ADDRESS, STRAP, acl, connected, notified, snoop

_SIZE = 6_000
_LENGTHS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\xff\xff\xff\x7f", b"\0\x10\0\0", b"\1\0\0\0")


@pytest.fixture(scope="module")
def captures(shared_data: Path) -> list[Path]:
    """Every capture of other people."""
    folder = shared_data / "captures"
    return [path for path in sorted(folder.rglob("*")) if path.suffix in (".log", ".pcap", ".pklg", ".btsnoop")]


@cache
def _beginning(path: Path) -> bytes:
    return path.read_bytes()[:_SIZE]


@cache
def _whole(path: Path, copy: Path) -> list[Packet]:
    copy.write_bytes(_beginning(path))
    return read_until_fault(copy)[0]


def test_there_is_something_to_damage(captures: list[Path]) -> None:
    assert len(captures) >= 13


@settings(deadline=None, max_examples=600)
@given(data=st.data())
def test_a_damaged_real_capture_raises_nothing_but_a_capture_error(
    tmp_path_factory: pytest.TempPathFactory, captures: list[Path], data: st.DataObject
) -> None:
    original = data.draw(st.sampled_from(captures))
    octets = bytearray(_beginning(original))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(octets)))
        match data.draw(st.sampled_from(["change", "cut", "insert", "repeat", "length"])):
            case "change":
                octets[at : at + 1] = data.draw(st.binary(min_size=1, max_size=1))
            case "cut":
                del octets[at : at + data.draw(st.integers(1, 400))]
            case "insert":
                octets[at:at] = data.draw(st.binary(max_size=40))
            case "repeat":
                octets[at:at] = octets[at : at + data.draw(st.integers(1, 400))]
            case _:
                octets[at : at + 4] = data.draw(st.sampled_from(_LENGTHS))
    path = tmp_path_factory.getbasetemp() / "damaged.bin"
    path.write_bytes(octets)
    packets, error = read_until_fault(path)
    assert all(isinstance(packet, Packet) for packet in packets)
    assert error is None or path.name in str(error)


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_what_lies_before_the_damage_is_what_it_was(
    tmp_path_factory: pytest.TempPathFactory, captures: list[Path], data: st.DataObject
) -> None:
    """The damage is a length that cannot be, in the second half; the first half's packets are all there."""
    original = data.draw(st.sampled_from(captures))
    octets = bytearray(_beginning(original))
    at = data.draw(st.integers(len(octets) // 2, len(octets)))
    octets[at:] = data.draw(st.sampled_from(_LENGTHS)) * 20
    folder = tmp_path_factory.getbasetemp()
    whole = _whole(original, folder / f"{original.stem}.whole")
    (folder / "half.bin").write_bytes(octets[:at])
    (folder / "damaged.bin").write_bytes(octets)
    half = [packet for packet in read_until_fault(folder / "half.bin")[0] if isinstance(packet, Notification)]
    damaged = [packet for packet in read_until_fault(folder / "damaged.bin")[0] if isinstance(packet, Notification)]
    assert damaged[: len(half)] == half
    assert half == [packet for packet in whole if isinstance(packet, Notification)][: len(half)]


def test_cut_off_at_any_byte_the_place_is_named(captures: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "cut.bin"
    places = 0
    for original in captures:
        octets = _beginning(original)
        for size in range(24, len(octets), 97):
            path.write_bytes(octets[:size])
            try:
                _, error = read_until_fault(path)
            except CaptureError as early:
                error = early
            assert error is None or "at byte" in str(error) or "link type" in str(error) or "header" in str(error)
            places += error is not None and "at byte" in str(error)
    assert places > 400


def test_memory_stays_within_the_files_own_size_and_a_fixed_amount(captures: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "long.bin"
    for original in captures:
        octets = original.read_bytes()
        path.write_bytes(octets[:16] + octets[16:] * 8 if octets.startswith(b"btsnoop") else octets)
        tracemalloc.start()
        packets, _ = read_until_fault(path)
        kept = sum(len(packet.payload) + 400 for packet in packets if isinstance(packet, Notification))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8_000_000 + path.stat().st_size + kept


_KNOWN = (connected(0x40, ADDRESS), acl(0x40, DECLARATION)[0])
_STRANGER = connected(0x41, OTHER_ADDRESS)
_DOUBTFUL = acl(0x41, notified(b"\x00\x50", handle=0x0033))[0]


def _beats_of_one_who_is_known(count: int, *, every_us: int = 1_000_000) -> list[tuple[int, bool, bytes]]:
    beat = acl(0x40, notified(b"\x10\x3c\x00\x04"))[0]
    return [(10 + every_us * number, True, beat) for number in range(count)]


@pytest.mark.parametrize("every_us", [1_000_000, 1_000])
@pytest.mark.parametrize("size", [1 << 18, 4096, 200])
def test_one_doubtful_value_neither_stops_the_reading_nor_holds_it_up_for_long(
    tmp_path: Path, every_us: int, size: int
) -> None:
    steps = [(0, True, packet) for packet in (*_KNOWN, _STRANGER, _DOUBTFUL)]
    path = tmp_path / "doubtful.log"
    path.write_bytes(snoop(*steps, *_beats_of_one_who_is_known(9_999, every_us=every_us)))
    octets = path.read_bytes()
    with open_capture(
        path, pieces=lambda _: iter([octets[at : at + size] for at in range(0, len(octets), size)])
    ) as capture:
        assert sum(isinstance(packet, Notification) for packet in capture.packets) == 9_999


def test_how_the_pieces_are_cut_decides_no_doubt(tmp_path: Path) -> None:
    values = [acl(0x41, notified(bytes([0x10, 60, number % 250, 4]), handle=0x0033))[0] for number in range(300)]
    steps = [(0, True, packet) for packet in (*_KNOWN, _STRANGER)]
    steps += [(1_000_000 * number, True, value) for number, value in enumerate(values[:3])]
    steps += [
        (2_000_100 + 200 * number, True, step[2]) for number, step in enumerate(_beats_of_one_who_is_known(4_399))
    ]
    steps += [(3_000_000 + 1_000_000 * number, True, value) for number, value in enumerate(values[3:])]
    path = tmp_path / "between.log"
    path.write_bytes(snoop(*steps))
    octets = path.read_bytes()
    seen = []
    for size in (len(octets), 65_536, 4_096, 100):
        pieces = [octets[at : at + size] for at in range(0, len(octets), size)]
        with open_capture(path, pieces=lambda _, pieces=pieces: iter(pieces)) as capture:
            seen.append(list(capture.packets))
    assert seen[0] == seen[1] == seen[2] == seen[3]


def test_heart_rates_before_their_discovery_are_not_lost(tmp_path: Path) -> None:
    beats = _beats_of_one_who_is_known(14)
    path = tmp_path / "late.log"
    path.write_bytes(snoop((0, True, _KNOWN[0]), *beats[:4], (3_000_500, True, _KNOWN[1]), *beats[4:]))
    with open_capture(path) as capture:
        packets = list(capture.packets)
    assert sum(isinstance(packet, Notification) for packet in packets) == 14
    assert isinstance(packets[0], Seat)


def test_more_devices_than_are_remembered_lose_no_count_and_no_heart_rate(tmp_path: Path) -> None:
    steps: list[tuple[int, bool, bytes]] = []
    for number in range(2_500):
        address = number.to_bytes(2, "little") + b"\0\0\0\xc0"
        steps.append((10 * number, True, connected(0x40, address)))
        steps.append((10 * number + 1, True, acl(0x40, notified(bytes([0x10, 60, number % 250, 4])))[0]))
        steps.append((10 * number + 2, True, acl(0x40, notified(b"\xff", handle=0x0033))[0]))
    steps += [(30_000 + number, True, packet) for number, (_, _, packet) in enumerate(STRAP)]
    path = tmp_path / "crowd.log"
    path.write_bytes(snoop(*steps))
    with open_capture(path) as capture:
        heart_rates = sum(isinstance(packet, Notification) for packet in capture.packets)
    assert heart_rates == 11
    assert capture.findings.notifications == 2 * 2_500 + 11
    assert len(capture.findings.devices) <= 2_048
