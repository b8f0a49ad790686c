"""Frames of real protocols, put together octet by octet: what captures in these tests are made of."""

from __future__ import annotations

import struct
from collections.abc import Sequence

BTSNOOP_EPOCH_US = 0x00DCDDB30F2F8000


def btsnoop_file(records: Sequence[tuple[int, bool, bytes]], *, version: int = 1, link: int = 1002) -> bytes:
    """A btsnoop file: (microseconds since 1970, received, octets) a record."""
    octets = struct.pack(">8sII", b"btsnoop\0", version, link)
    for at_us, received, packet in records:
        size = len(packet)
        octets += struct.pack(">IIIIq", size, size, int(received), 0, at_us + BTSNOOP_EPOCH_US) + packet
    return octets


def acl(handle: int, att: bytes, *, split: int | None = None) -> list[bytes]:
    """An ATT PDU as H4 ACL packets, in one or in two fragments."""
    frame = struct.pack("<HH", len(att), 4) + att
    parts = [frame] if split is None else [frame[:split], frame[split:]]
    return [
        struct.pack("<BHH", 2, handle | (0x2000 if number == 0 else 0x1000), len(part)) + part
        for number, part in enumerate(parts)
    ]


def connected(handle: int, address: bytes, *, status: int = 0) -> bytes:
    body = struct.pack("<BBHBB", 0x01, status, handle, 0, 1) + address + bytes(7)
    return bytes([4, 0x3E, len(body)]) + body


def disconnected(handle: int) -> bytes:
    return bytes([4, 0x05, 4, 0]) + struct.pack("<H", handle) + b"\x08"


def advertised(address: bytes, name: str) -> bytes:
    data = bytes([len(name) + 1, 0x09]) + name.encode()
    body = bytes([0x02, 1, 0, 1]) + address + bytes([len(data)]) + data + b"\xc0"
    return bytes([4, 0x3E, len(body)]) + body


DECLARATION = bytes([0x09, 7]) + struct.pack("<HBHH", 0x0010, 0x10, 0x0011, 0x2A37)
ADDRESS, OTHER_ADDRESS = bytes.fromhex("0102030405c0"), bytes.fromhex("0102030405c1")


def notified(value: bytes, *, handle: int = 0x0011) -> bytes:
    return struct.pack("<BH", 0x1B, handle) + value


def snoop(*steps: tuple[int, bool, bytes]) -> bytes:
    base_us = 1_700_000_000_000_000
    return btsnoop_file([(base_us + at_us, received, octets) for at_us, received, octets in steps])


# A strap as a host sees it: (microseconds since the first, received, H4 packet).
STRAP: tuple[tuple[int, bool, bytes], ...] = (
    (0, True, advertised(ADDRESS, "Polar H10 1A2B")),
    (5, True, connected(0x40, ADDRESS)),
    (10, False, acl(0x40, struct.pack("<BHHH", 0x08, 1, 0xFFFF, 0x2803))[0]),
    (20, True, acl(0x40, DECLARATION)[0]),
    *((1_000_000 * n, True, acl(0x40, notified(bytes([0x10, 60 + n, n, 4])))[0]) for n in range(1, 12)),
    (12_000_000, True, disconnected(0x40)),
)
BASE_US = 1_700_000_000_000_000


def pcap_file(frames: Sequence[tuple[int, bytes]], *, link: int, order: str = "<", nanoseconds: bool = False) -> bytes:
    """A pcap file: (microseconds since 1970, octets) a frame."""
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    octets = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 1 << 18, link)
    for at_us, frame in frames:
        fraction = at_us % 1_000_000 * (1000 if nanoseconds else 1)
        octets += struct.pack(order + "IIII", at_us // 1_000_000, fraction, len(frame), len(frame)) + frame
    return octets


def block(kind: int, body: bytes, *, order: str = "<") -> bytes:
    """A pcapng block."""
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def option(code: int, value: bytes, *, order: str = "<") -> bytes:
    """A pcapng option."""
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(*, order: str = "<") -> bytes:
    """The head of a pcapng section."""
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order=order)


def interface(link: int, *options: bytes, order: str = "<") -> bytes:
    """The description of a pcapng interface."""
    return block(1, struct.pack(order + "HHI", link, 0, 0) + b"".join(options), order=order)


def packet_block(ticks: int, frame: bytes, *options: bytes, number: int = 0, order: str = "<") -> bytes:
    """An enhanced packet block."""
    size = len(frame)
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, size, size)
    return block(6, head + frame + bytes(-size % 4) + b"".join(options), order=order)


def with_direction(received: bool, h4: bytes) -> bytes:
    """A frame of link type 201."""
    return struct.pack(">I", received) + h4


def monitored(received: bool, h4: bytes, *, adapter: int = 0) -> bytes:
    """A frame of link type 254."""
    opcode = {(1, False): 2, (4, True): 3, (2, False): 4, (2, True): 5}[h4[0], received]
    return struct.pack(">HH", adapter, opcode) + h4[1:]


def packetlogger_file(steps: Sequence[tuple[int, bool, bytes]], *, order: str) -> bytes:
    """A PacketLogger file of H4 packets."""
    octets = b""
    for at_us, received, h4 in steps:
        kind = {(1, False): 0, (4, True): 1, (2, False): 2, (2, True): 3}[h4[0], received]
        at_us += BASE_US
        head = struct.pack(order + "IIIB", 8 + len(h4), at_us // 1_000_000, at_us % 1_000_000, kind)
        octets += head + h4[1:]
    return octets


# --- the link layer, as a sniffer hears it ---------------------------------------------------------------------------

ACCESS_ADDRESS = bytes.fromhex("65505515")
CRC_INIT = 0xC3F2A7


def air_crc(pdu: bytes, init: int) -> bytes:
    """The checksum, bit by bit as vol 6 part B 3.1.1 draws the register."""
    register = init
    for octet in pdu:
        for bit in range(8):
            feedback = register >> 23 & 1 ^ octet >> bit & 1
            register = (register << 1 & 0xFFFFFF) ^ (0x00065B if feedback else 0)
    return int(f"{register:024b}"[::-1], 2).to_bytes(3, "little")


def on_air(pdu: bytes, *, access_address: bytes = ACCESS_ADDRESS, init: int = CRC_INIT) -> bytes:
    """A packet: access address, PDU, checksum."""
    return access_address + pdu + air_crc(pdu, init)


def connect_indication(address: bytes = ADDRESS, *, access_address: bytes = ACCESS_ADDRESS) -> bytes:
    """The packet that begins a connection to `address`."""
    timing = bytes.fromhex("01") + struct.pack("<HHHH", 1, 24, 0, 200) + bytes.fromhex("ffffffff1f0f")
    body = bytes.fromhex("010101010101") + address + access_address + CRC_INIT.to_bytes(3, "little") + timing
    return on_air(bytes([0x45, len(body)]) + body, access_address=bytes.fromhex("d6be898e"), init=0x555555)


def air_advertisement(address: bytes, name: str) -> bytes:
    """An advertisement with a name."""
    body = address + bytes([len(name) + 1, 0x09]) + name.encode()
    return on_air(bytes([0x40, len(body)]) + body, access_address=bytes.fromhex("d6be898e"), init=0x555555)


def data_pdu(payload: bytes, *, sequence: int, next_expected: int = 0, kind: int = 2) -> bytes:
    """A data PDU: `kind` 2 begins an L2CAP frame, 1 continues one, 3 controls the link."""
    return bytes([kind | next_expected << 2 | sequence << 3, len(payload)]) + payload


def in_l2cap(att: bytes) -> bytes:
    """An ATT PDU in its L2CAP frame."""
    return struct.pack("<HH", len(att), 4) + att


def with_radio_header(packet: bytes, *, by_peripheral: bool, flags: int = 0x0C01) -> bytes:
    """A frame of link type 256; the flags say: de-whitened, checksum looked at and good."""
    return bytes([10, 0xC4, 0, 0]) + bytes(4) + struct.pack("<H", flags | (3 if by_peripheral else 2) << 7) + packet


def from_nordic(packet: bytes, *, by_peripheral: bool, good: bool = True, version: int = 2, kind: int = 6) -> bytes:
    """A frame of link type 272."""
    size = 10 + len(packet)
    head = bytes([6, size]) if version == 1 else struct.pack("<H", size)
    flags = (1 if good else 0) | (0 if by_peripheral else 2)
    radio = bytes([10, flags, 10, 60]) + struct.pack("<HI", 7, 150)
    return bytes([19]) + head + bytes([version]) + struct.pack("<H", 99) + bytes([kind]) + radio + packet
