"""A log as the traffic of a Bluetooth host, so that Wireshark, tshark and btmon show what was recorded.

Strategy: the frames are those of the Linux Bluetooth monitor, because programs may leave notes among them: whatever has
no place in Bluetooth (seats, events, what was discarded) is such a note, one record of the log each, and a reader gets
back exactly what was written. Around the notifications stands what it takes to understand them: who advertised, the
connection, the discovery, the switching on. All of that is made up but the values; the addresses are numbered, for no
real one is ever in a log.

References:
    BlueZ doc/btsnoop.txt (opcodes, system note); Bluetooth Core 5.4, vol 4 part E, 7.7.5, 7.7.65.1, 7.7.65.2; vol 3
    part F, 3.4.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from firmware_profiles.gatt import (
    BATTERY_SERVICE,
    DEVICE_INFORMATION_SERVICE,
    HEART_RATE_MEASUREMENT,
    HEART_RATE_SERVICE,
)
from watchlink.captures.attributes import KEPT
from watchlink.captures.capture import FIRST_US, LAST_US, UNDATED
from watchlink.captures.frames import LONGEST_FRAME
from watchlink.captures.links import (
    MONITOR_ACL_RECEIVED,
    MONITOR_ACL_SENT,
    MONITOR_EVENT,
    MONITOR_NEW_INDEX,
    MONITOR_NOTE,
)
from watchlink.captures.wearables import BINDING, HEADER, RECORD_IDENT, RECORD_VERSION
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
    to_json,
)

_FIRST_CONNECTION: Final = 0x0040
_MOST_CONNECTIONS: Final = 0x0E00
_LONGEST_VALUE: Final = 512
_MTU: Final = 517
_LONGEST_NAME: Final = 26
_NO_CONTROLLER: Final = 0xFFFF
_REMOTE_ENDED: Final = 0x13
# The upper octets of the made-up addresses: random ones, as wearables have, and no maker's.
_ADDRESS: Final = bytes.fromhex("00eeeeee")
_CONTROLLER: Final = bytes.fromhex("00000000f0c0")
_CONFIGURATION_AT: Final = 0x0004
_MEASUREMENT_AT: Final = 0x0003
_NOTIFY: Final = 0x10
_READ: Final = 0x02
# The server that every wearable is given: first and last handle, UUID of the service, its characteristics.
_SERVER: Final = (
    (0x0001, 0x0006, HEART_RATE_SERVICE, ((0x0002, HEART_RATE_MEASUREMENT), (0x0005, 0x2A38))),
    (0x0010, 0x0012, BATTERY_SERVICE, ((0x0011, 0x2A19),)),
    (0x0020, 0x0026, DEVICE_INFORMATION_SERVICE, ((0x0021, 0x2A29), (0x0023, 0x2A24), (0x0025, 0x2A26))),
)
_VALUE_AT: Final[dict[Attribute, int]] = {
    KEPT[uuid]: declared_at + 1 for *_, members in _SERVER for declared_at, uuid in members if uuid in KEPT
}


class MonitorFrame(NamedTuple):
    """One frame of the Linux monitor: microseconds since 1970, opcode, body; what people should read beside it."""

    at_us: int
    opcode: int
    body: bytes
    comment: str = ""

    @property
    def what(self) -> int:
        """Controller and opcode in one number; a note is of no controller."""
        return _NO_CONTROLLER << 16 | self.opcode if self.opcode == MONITOR_NOTE else self.opcode


@dataclass(slots=True)
class _Link:
    """The made-up connection of a wearable."""

    handle: int
    address: bytes
    connected: bool = False


class Scribe:
    """Stage: packets of a log in, frames out."""

    def __init__(self, started_at: datetime) -> None:
        """Write a log whose zero is `started_at`."""
        self._started_at = started_at
        self._zero_us = (started_at - UNDATED) // timedelta(microseconds=1)
        self._links: dict[str, _Link] = {}
        self._names: dict[str, str] = {}

    def begin(self) -> Iterator[MonitorFrame]:
        """What stands before the first packet."""
        yield MonitorFrame(self._zero_us, MONITOR_NEW_INDEX, b"\x00\x00" + _CONTROLLER + b"hci0".ljust(8, b"\0"))
        yield self._note(
            self._zero_us,
            json.dumps({"type": HEADER, "version": RECORD_VERSION, "started_at": self._started_at.isoformat()}),
        )

    def push(self, packet: Packet) -> Iterator[MonitorFrame]:
        """The frames of one packet.

        Raises:
            CaptureError: its time is outside the calendar, or it is longer than a frame can be.
        """
        at_us = self._zero_us + packet.at_us
        if not FIRST_US <= at_us <= LAST_US:
            raise CaptureError(
                f"A packet {packet.at_us} us from the start lies outside the calendar; only JSON Lines can hold it."
            )
        match packet:
            case Notification() if len(packet.payload) <= _LONGEST_VALUE and self._reachable(packet.wearable):
                yield from self._connected(at_us, packet.wearable)
                head = struct.pack("<BH", 0x1B, _MEASUREMENT_AT)
                yield self._att(at_us, packet.wearable, head + packet.payload, received=True)
            case AttributeRead() if len(packet.payload) <= _LONGEST_VALUE and self._reachable(packet.wearable):
                yield from self._connected(at_us, packet.wearable)
                asked = struct.pack("<BH", 0x0A, _VALUE_AT[packet.attribute])
                yield self._att(at_us, packet.wearable, asked, received=False)
                yield self._att(at_us, packet.wearable, b"\x0b" + packet.payload, received=True)
            case _:
                yield self._note(at_us, to_json(packet), comment=_comment(packet))
                if isinstance(packet, Seat):
                    self._names[packet.wearable] = packet.person
                elif isinstance(packet, LinkChange) and packet.state is LinkState.LOST:
                    yield from self._disconnected(at_us, packet.wearable)

    def _reachable(self, wearable: str) -> bool:
        return wearable in self._links or len(self._links) < _MOST_CONNECTIONS

    def _connected(self, at_us: int, wearable: str) -> Iterator[MonitorFrame]:
        """Whatever it takes until a wearable's notifications can be understood."""
        link = self._links.get(wearable)
        if link is None:
            number = len(self._links) + 1
            link = self._links[wearable] = _Link(
                handle=_FIRST_CONNECTION + number - 1, address=number.to_bytes(2, "little") + _ADDRESS
            )
            binding = {"type": BINDING, "wearable": wearable, "address": link.address.hex()}
            yield self._note(at_us, json.dumps(binding))
        if link.connected:
            return
        link.connected = True
        name = self._names.get(wearable, wearable).encode("utf-8", "replace")[:_LONGEST_NAME]
        name = name.decode("utf-8", "ignore").encode()
        data = bytes([len(name) + 1, 0x09]) + name
        report = b"\x02\x01\x00\x01" + link.address + bytes([len(data)]) + data + b"\xc4"
        yield MonitorFrame(at_us, MONITOR_EVENT, b"\x3e" + bytes([len(report)]) + report)
        complete = struct.pack("<BBHBB6sHHHB", 1, 0, link.handle, 0, 1, link.address, 40, 0, 200, 0)
        yield MonitorFrame(at_us, MONITOR_EVENT, b"\x3e" + bytes([len(complete)]) + complete)
        for received, pdu in _discovery():
            yield self._att(at_us, wearable, pdu, received=received)

    def _disconnected(self, at_us: int, wearable: str) -> Iterator[MonitorFrame]:
        link = self._links.get(wearable)
        if link is not None and link.connected:
            link.connected = False
            yield MonitorFrame(at_us, MONITOR_EVENT, struct.pack("<BBBHB", 0x05, 4, 0, link.handle, _REMOTE_ENDED))

    def _att(self, at_us: int, wearable: str, pdu: bytes, *, received: bool) -> MonitorFrame:
        flags = 0x2000 if received else 0x0000
        frame = struct.pack("<HHHH", self._links[wearable].handle | flags, len(pdu) + 4, len(pdu), 0x0004) + pdu
        return MonitorFrame(at_us, MONITOR_ACL_RECEIVED if received else MONITOR_ACL_SENT, frame)

    def _note(self, at_us: int, text: str, *, comment: str = "") -> MonitorFrame:
        body = RECORD_IDENT + text.encode("ascii") + b"\0"
        if len(body) > LONGEST_FRAME - 8:
            raise CaptureError(f"A packet of {len(body)} octets is too long for a frame; only JSON Lines can hold it.")
        return MonitorFrame(at_us, MONITOR_NOTE, body, comment)


def _discovery() -> Iterator[tuple[bool, bytes]]:
    """What a host asks a server and is answered (received or not, PDU), up to the notifications' switching on."""
    yield False, struct.pack("<BH", 0x02, _MTU)
    yield True, struct.pack("<BH", 0x03, _MTU)
    yield False, struct.pack("<BHHH", 0x10, 0x0001, 0xFFFF, 0x2800)
    yield True, b"\x11\x06" + b"".join(struct.pack("<HHH", first, last, uuid) for first, last, uuid, _ in _SERVER)
    for first, last, _, members in _SERVER:
        yield False, struct.pack("<BHHH", 0x08, first, last, 0x2803)
        yield (
            True,
            b"\x09\x07"
            + b"".join(
                struct.pack("<HBHH", at, _NOTIFY if uuid == HEART_RATE_MEASUREMENT else _READ, at + 1, uuid)
                for at, uuid in members
            ),
        )
    yield False, struct.pack("<BHH", 0x12, _CONFIGURATION_AT, 0x0001)
    yield True, b"\x13"


def _comment(packet: Packet) -> str:
    """What a person should read beside a packet: session events, in words."""
    if not isinstance(packet, SessionEvent):
        return ""
    words = [packet.label] if packet.kind is EventKind.MARK else [str(packet.kind), packet.label]
    words += [packet.person] if packet.person else []
    words += [f"({packet.note})"] if packet.note else []
    words += [f"{packet.ago_us / 1e6:g} s ago"] if packet.ago_us else []
    return " ".join(words)
