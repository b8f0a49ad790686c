"""What sniffers heard: losses, repetitions, checksums, fragments, encryption, and tshark as the judge."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchlink.captures import open_capture
from watchlink.captures.air import crc, crc_init_of
from watchlink.captures.capture import AGAIN, BAD_CHECKSUM, ENCRYPTED, WHITENED
from watchlink.packets import LinkChange, Notification, Seat

from .contract import CaptureFormatContract
from .frames import (
    ADDRESS,
    BASE_US,
    DECLARATION,
    OTHER_ADDRESS,
    air_advertisement,
    air_crc,
    connect_indication,
    data_pdu,
    from_nordic,
    in_l2cap,
    notified,
    on_air,
    pcap_file,
    with_radio_header,
)
from .judge import tshark_heart_rates

# (microseconds, by the peripheral, packet): what was heard.
Heard = tuple[int, bool, bytes]


def _value(number: int) -> bytes:
    return bytes([0x10, 60 + number, number, 4])


def _says(payload: bytes, *, sequence: int, next_expected: int = 0, kind: int = 2) -> bytes:
    return on_air(data_pdu(payload, sequence=sequence, next_expected=next_expected, kind=kind))


def _begun(address: bytes = ADDRESS) -> list[Heard]:
    return [
        (0, True, air_advertisement(address, "Polar H10 1A2B")),
        (400, False, connect_indication(address)),
        (50_000, False, _says(in_l2cap(struct.pack("<BHHH", 8, 1, 0xFFFF, 0x2803)), sequence=0)),
        (50_300, True, _says(in_l2cap(DECLARATION), sequence=0, next_expected=1)),
    ]


def _streamed(count: int = 11) -> list[Heard]:
    values = [(1_000_000 * n, True, _says(in_l2cap(notified(_value(n))), sequence=n % 2)) for n in range(1, count + 1)]
    return _begun() + values


def _wrapped(heard: Sequence[Heard], link: int) -> bytes:
    wrap: Callable[[bytes, bool], bytes] = {
        251: lambda packet, _: packet,
        256: lambda packet, by: with_radio_header(packet, by_peripheral=by),
        272: lambda packet, by: from_nordic(packet, by_peripheral=by),
    }[link]
    return pcap_file([(BASE_US + at_us, wrap(packet, by)) for at_us, by, packet in heard], link=link)


def _read(path: Path, octets: bytes) -> tuple[list[bytes], Counter[str]]:
    """The heart rates, and what was dropped."""
    path.write_bytes(octets)
    with open_capture(path) as capture:
        values = [packet.payload for packet in capture.packets if isinstance(packet, Notification)]
    return values, capture.findings.dropped


class TestBareLinkLayer(CaptureFormatContract):
    def octets(self) -> bytes:
        return _wrapped(_streamed(), 251)


class TestNordicSniffer(CaptureFormatContract):
    def octets(self) -> bytes:
        return _wrapped(_streamed(), 272)


@pytest.mark.parametrize("link", [251, 256, 272])
def test_a_connection_is_followed_from_its_beginning_to_its_end(path: Path, link: int) -> None:
    end = (12_000_000, False, _says(b"\x02\x13", sequence=0, kind=3))
    path.write_bytes(_wrapped([*_streamed(), end], link))
    with open_capture(path) as capture:
        packets = list(capture.packets)
    assert packets[0] == Seat(at_us=1_000_000, person="person 1", wearable="w1", profile="polar-h10")
    assert [p.payload for p in packets if isinstance(p, Notification)] == [_value(n) for n in range(1, 12)]
    assert isinstance(packets[-1], LinkChange)
    assert packets[-1].reason == "disconnected (0x13)"
    assert capture.findings.devices[0].name == "Polar H10 1A2B"


@pytest.mark.parametrize("link", [251, 256, 272])
def test_what_was_sent_again_counts_once_and_what_only_equals_it_counts(path: Path, link: int) -> None:
    same = in_l2cap(notified(_value(1)))
    heard = [
        *_begun(),
        (1_000_000, True, _says(same, sequence=1)),
        (1_030_000, True, _says(same, sequence=1, next_expected=1)),  # the acknowledgement was lost: the same packet
        (1_060_000, True, _says(same, sequence=0)),  # the same value, but another packet
        (2_000_000, True, _says(same, sequence=0)),  # the sniffer missed one in between: too late to be sent again
        (2_030_000, True, _says(same, sequence=0)),
    ]
    values, dropped = _read(path, _wrapped(heard, link))
    assert values == [_value(1)] * 3
    assert dropped[AGAIN] == 2


def test_a_packet_that_the_other_side_still_waits_for_is_sent_again_however_late(path: Path) -> None:
    same = in_l2cap(notified(_value(1)))
    heard = [
        *_begun(),
        (1_000_000, True, _says(same, sequence=1)),
        (1_900_000, False, _says(b"", sequence=1, next_expected=1, kind=1)),  # still waits for the one with 1
        (1_900_300, True, _says(same, sequence=1)),
        (2_900_000, False, _says(b"", sequence=0, next_expected=0, kind=1)),  # has it
        (3_900_300, True, _says(same, sequence=1)),
    ]
    values, dropped = _read(path, _wrapped(heard, 256))
    assert len(values) == 2
    assert dropped[AGAIN] == 1


def test_a_packet_that_was_missed_does_not_swallow_the_next(path: Path) -> None:
    """Received, then one that the sniffer missed, received too: the same value again is a new packet."""
    same = in_l2cap(notified(_value(1)))
    heard = [
        *_begun(),
        (1_000_000, True, _says(same, sequence=1)),
        (1_000_500, False, _says(b"", sequence=1, next_expected=0, kind=1)),  # has it
        (2_000_500, False, _says(b"", sequence=0, next_expected=1, kind=1)),  # has the one that was missed
        (3_000_000, True, _says(same, sequence=1)),
    ]
    values, dropped = _read(path, _wrapped(heard, 256))
    assert len(values) == 2
    assert dropped[AGAIN] == 0


def test_empty_packets_between_tell_new_from_again_even_where_nobody_says_who_sends(path: Path) -> None:
    same = in_l2cap(notified(_value(1)))
    heard = [
        *_begun(),
        (1_000_000, False, _says(b"", sequence=1, kind=1)),
        (1_000_230, True, _says(same, sequence=1)),
        (1_030_000, False, _says(b"", sequence=0, kind=1)),
        (1_030_230, True, _says(b"", sequence=0, kind=1)),
        (1_060_000, False, _says(b"", sequence=1, kind=1)),
        (1_060_230, True, _says(same, sequence=1)),
    ]
    values, dropped = _read(path, _wrapped(heard, 251))
    assert len(values) == 2
    assert dropped[AGAIN] == 0


def test_a_bad_checksum_is_dropped_and_counted(path: Path) -> None:
    heard = _streamed()
    at_us, by, packet = heard[6]
    broken = packet[:-5] + bytes([packet[-5] ^ 1]) + packet[-4:]
    heard[6] = (at_us, by, broken)
    values, dropped = _read(path, _wrapped(heard, 251))
    assert values == [_value(n) for n in range(1, 12) if n != 3]
    assert dropped[BAD_CHECKSUM] == 1
    # A sniffer that has looked itself is believed.
    by_flag = pcap_file([(BASE_US + t, with_radio_header(p, by_peripheral=b)) for t, b, p in heard[:6]], link=256)
    frame = with_radio_header(heard[7][2], by_peripheral=True, flags=0x0401)
    record = struct.pack("<IIII", BASE_US // 1_000_000 + 4, 0, len(frame), len(frame)) + frame
    values, dropped = _read(path, by_flag + record)
    assert values == [_value(1), _value(2)]
    assert dropped[BAD_CHECKSUM] == 1
    nordic = [from_nordic(p, by_peripheral=b, good=number != 6) for number, (_, b, p) in enumerate(heard)]
    values, dropped = _read(
        path, pcap_file([(BASE_US + h[0], f) for h, f in zip(heard, nordic, strict=True)], link=272)
    )
    assert values == [_value(n) for n in range(1, 12) if n != 3]
    assert dropped[BAD_CHECKSUM] == 1


def test_a_sniffer_that_came_too_late_still_finds_bad_checksums(path: Path) -> None:
    heard = _streamed()[2:]  # no advertisement, no beginning
    at_us, by, packet = heard[8]
    heard[8] = (at_us, by, packet[:-4] + bytes([packet[-4] ^ 0x40]) + packet[-3:])
    values, dropped = _read(path, _wrapped(heard, 251))
    assert values == [_value(n) for n in range(1, 12) if n != 7]
    assert dropped[BAD_CHECKSUM] == 1


@given(pdu=st.binary(min_size=1, max_size=60), init=st.integers(0, 0xFFFFFF))
def test_the_checksum_is_that_of_the_register_and_its_beginning_comes_back(pdu: bytes, init: int) -> None:
    assert crc(pdu, init) == air_crc(pdu, init)
    assert crc_init_of(pdu + crc(pdu, init)) == init


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("link", [251, 256])
def test_a_notification_in_many_pieces_is_put_together(path: Path, size: int, link: int) -> None:
    frame = in_l2cap(notified(_value(7)))
    pieces = [frame[at : at + size] for at in range(0, len(frame), size)]
    heard = _begun()
    for number, piece in enumerate(pieces):
        kind = 2 if number == 0 else 1
        heard.append((1_000_000 + 30_000 * number, True, _says(piece, sequence=(number + 1) % 2, kind=kind)))
    # Where nobody says who sends, only the opcode can, so it has to stand in the first piece.
    values, _ = _read(path, _wrapped(heard, 256 if size < 5 else link))
    assert values == [_value(7)]


def test_two_connections_are_followed_at_once(path: Path) -> None:
    other = bytes.fromhex("11223344")
    heard: list[Heard] = _streamed()
    heard.append((500, False, connect_indication(OTHER_ADDRESS, access_address=other)))
    for n in range(12):
        att = DECLARATION if n == 0 else notified(_value(n + 20))
        pdu = data_pdu(in_l2cap(att), sequence=n % 2)
        heard.append((60_000 + 1_000_500 * n, True, on_air(pdu, access_address=other)))
    path.write_bytes(_wrapped(sorted(heard), 256))
    with open_capture(path) as capture:
        packets = [packet for packet in capture.packets if isinstance(packet, Notification)]
    assert [p.payload for p in packets if p.wearable == "w1"] == [_value(n) for n in range(1, 12)]
    assert [p.payload for p in packets if p.wearable == "w2"] == [_value(n + 20) for n in range(1, 12)]


def test_encrypted_packets_are_counted_named_and_not_guessed_at(path: Path) -> None:
    heard = [*_streamed(3), (3_500_000, True, _says(b"\x05", sequence=0, kind=3))]
    heard += [(4_000_000 + 1_000_000 * n, True, _says(bytes([n]) * 15, sequence=n % 2)) for n in range(5)]
    values, dropped = _read(path, _wrapped(heard, 256))
    assert values == [_value(n) for n in range(1, 4)]
    assert dropped[ENCRYPTED] == 5
    with open_capture(path) as capture:
        list(capture.packets)
    assert "only read them if it had the key" in capture.findings.hindrances()[0]


def test_what_a_sniffer_has_decrypted_is_read(path: Path) -> None:
    heard = [*_begun(), (500_000, True, _says(b"\x05", sequence=1, kind=3))]
    octets = _wrapped(heard, 256)
    for n in range(1, 4):
        packet = _says(in_l2cap(notified(_value(n))), sequence=n % 2)
        frame = with_radio_header(packet, by_peripheral=True, flags=0x0C09)
        octets += struct.pack("<IIII", BASE_US // 1_000_000 + n, 0, len(frame), len(frame)) + frame
    assert _read(path, octets)[0] == [_value(1), _value(2), _value(3)]


def test_whitened_packets_are_said_to_be(path: Path) -> None:
    frames = [(BASE_US + t, with_radio_header(p, by_peripheral=b, flags=0x0C00)) for t, b, p in _streamed()]
    values, dropped = _read(path, pcap_file(frames, link=256))
    assert values == []
    assert dropped[WHITENED] == len(frames)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_each_version_of_the_nordic_header_is_read(path: Path, version: int) -> None:
    frames = [(BASE_US + t, from_nordic(p, by_peripheral=b, version=version)) for t, b, p in _streamed()]
    assert len(_read(path, pcap_file(frames, link=272))[0]) == 11


@pytest.mark.parametrize("link", [251, 256, 272])
def test_tshark_sees_the_same(path: Path, link: int) -> None:
    heard = [*_streamed(), (12_000_300, True, _says(in_l2cap(notified(_value(30))), sequence=0))]
    values, _ = _read(path, _wrapped(heard, link))
    assert [(value[1], value[2] | value[3] << 8) for value in values] == tshark_heart_rates(path)
    assert len(values) == 12


@given(packets=st.lists(st.binary(max_size=60), max_size=30), link=st.sampled_from([251, 256, 272]))
def test_noise_raises_nothing(tmp_path_factory: pytest.TempPathFactory, packets: list[bytes], link: int) -> None:
    path = tmp_path_factory.getbasetemp() / "noise.pcap"
    frames = [p for _, _, p in _begun()] + packets
    octets = pcap_file([(BASE_US + number, frame) for number, frame in enumerate(frames)], link=link)
    values, _ = _read(path, octets)
    assert values == []
