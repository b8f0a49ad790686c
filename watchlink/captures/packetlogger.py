"""PacketLogger: the HCI log of a Mac, and of an iPhone with the Bluetooth logging profile; either byte order.

Strategy: the format has no magic number, so it is recognised by its first records: each has a length that fits the next
one, a type that exists and a time within its second.

References:
    Wireshark wiretap/packetlogger.c (the layout is not published elsewhere): length of what follows, seconds,
    microseconds, type, packet.
"""

from __future__ import annotations

import struct
from typing import Final

from watchlink.captures.capture import Damaged
from watchlink.captures.frames import LONGEST_FRAME, MOST_ALIKE, FrameReader, check_time
from watchlink.captures.host import ACL, ALIKE, COMMAND, EVENT, HostFollower
from watchlink.captures.wearables import Wearables

_HCI: Final = {0x00: (COMMAND, False), 0x01: (EVENT, True), 0x02: (ACL, False), 0x03: (ACL, True)}
# Synchronous and isochronous data, keys, notes and states of the machine.
_OTHERS: Final = frozenset((0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, *range(0xE0, 0x100)))
_HEAD: Final = 13
_LENGTH_OF_REST: Final = 9
_RECORDS_TO_SEE: Final = 3
_US_PER_S: Final = 1_000_000
_LINK: Final = "PacketLogger HCI"


def recognises(start: bytes) -> bool:
    """Whether a file that begins so is of this format."""
    return _order(start) is not None


def _order(start: bytes) -> str | None:
    """The byte order in which the first records make sense."""
    for order in "><":
        at = 0
        for _ in range(_RECORDS_TO_SEE):
            if at and at + _HEAD > len(start):
                return order
            if not _plausible(order, start, at):
                break
            at += 4 + int.from_bytes(start[at : at + 4], "big" if order == ">" else "little")
        else:
            return order
    return None


def _plausible(order: str, start: bytes, at: int) -> bool:
    if at + _HEAD > len(start):
        return False
    length, seconds, micros, kind = struct.unpack_from(order + "IIIB", start, at)
    return (
        _LENGTH_OF_REST <= length <= LONGEST_FRAME
        and micros < _US_PER_S
        and (kind in _HCI or kind in _OTHERS)
        and (seconds > 0 or micros > 0)
    )


class Reader(FrameReader):
    """Reads PacketLogger files."""

    def __init__(self, name: str, wearables: Wearables) -> None:
        """Read the file called `name` in messages."""
        super().__init__(name, wearables)
        self._findings.format = "PacketLogger"
        self._record: struct.Struct | None = None
        self._follower = HostFollower(wearables)
        self._passed_over: dict[bytes, list[int]] = {}
        wearables.forgetful.append(self._passed_over.clear)

    def _walk(self, octets: bytes) -> int:
        if self._record is None:
            self._record = struct.Struct((_order(octets) or ">") + "IIIB")
        at, last = 0, len(octets) - _HEAD
        newest_us, count = self._newest_us, 0
        try:
            while at <= last:
                length, seconds, micros, kind = self._record.unpack_from(octets, at)
                if not _LENGTH_OF_REST <= length <= LONGEST_FRAME:
                    raise Damaged(f"claims a length of {length}")
                end = at + 4 + length
                if end > len(octets):
                    break
                at_us = seconds * _US_PER_S + micros
                if at_us < newest_us:
                    self._went_back(at, newest_us, at_us)
                newest_us = at_us
                count += 1
                cell = self._passed_over.get(octets[at + _HEAD - 1 : min(at + _HEAD - 1 + ALIKE, end)])
                if cell is not None:
                    cell[0] += 1
                else:
                    self._look_into(at_us, kind, octets[at + _HEAD : end])
                at = end
        except Damaged as damage:
            self._break(at, f"{damage}: the record")
        self._walked(newest_us, _LINK, count)
        return at

    def _look_into(self, at_us: int, kind: int, octets: bytes) -> None:
        self._wearables.begin(check_time(at_us))
        if kind not in _HCI:
            return
        h4, received = _HCI[kind]
        cell = self._follower.push(at_us, bytes([h4]) + octets, received=received)
        if cell is not None:
            if len(self._passed_over) > MOST_ALIKE:
                self._passed_over.clear()
            self._passed_over[bytes([kind]) + octets[: ALIKE - 1]] = cell
