"""btsnoop: the log of a Bluetooth host, as Android keeps it (HCI snoop log) and `btmon -w` writes it.

References:
    RFC 1761 (snoop); Android's btsnoop_hci.log: data links 1001 (HCI), 1002 (H4), times in microseconds since the year
    0; BlueZ `src/shared/btsnoop.h`: data link 2001 (Linux monitor), flags are controller and opcode.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime
from typing import Final

from watchlink.captures.capture import CUT_SHORT, Damaged
from watchlink.captures.frames import LONGEST_FRAME, MOST_ALIKE, FrameReader, check_time
from watchlink.captures.host import ACL, ALIKE, COMMAND, EVENT, HostFollower
from watchlink.captures.links import MonitorLink
from watchlink.captures.scribe import MonitorFrame, Scribe
from watchlink.captures.wearables import Wearables
from watchlink.errors import CaptureError
from watchlink.packets import Packet

_MAGIC: Final = b"btsnoop\0"
_VERSION: Final = 1
_HCI: Final = 1001
_H4: Final = 1002
_MONITOR: Final = 2001
_LINKS: Final = {_HCI: "HCI without packet types (1001)", _H4: "HCI H4 (1002)", _MONITOR: "Linux monitor (2001)"}
_UNREAD: Final = {1003: "HCI BSCP (1003)", 1004: "HCI H5 (1004)", 2002: "Linux simulator (2002)"}
_HEADER: Final = struct.Struct(">8sII")
_RECORD: Final = struct.Struct(">IIIIq")
# Microseconds from the year 0 (as btsnoop counts) to 1970.
_EPOCH_US: Final = 0x00DCDDB30F2F8000
_RECEIVED: Final = 0b01
_COMMAND_OR_EVENT: Final = 0b10
_MOST_FLAGS: Final = 256


def recognises(start: bytes) -> bool:
    """Whether a file that begins so is of this format."""
    return start.startswith(_MAGIC)


class Reader(FrameReader):
    """Reads btsnoop."""

    def __init__(self, name: str, wearables: Wearables) -> None:
        """Read the file called `name` in messages."""
        super().__init__(name, wearables)
        self._push: Callable[[int, int, bytes], list[int] | None] | None = None
        self._alike = ALIKE
        self._link = ""
        # By the flags of a record: the same octets mean something else in the other direction.
        self._passed_over: dict[int, dict[bytes, list[int]]] = {}
        wearables.forgetful.append(self._forget)

    def _walk(self, octets: bytes) -> int:
        at = 0
        if not self._link:
            if len(octets) < _HEADER.size:
                return 0
            self._begin(octets)
            at = _HEADER.size
        if self.fault is not None:
            return 0
        record, passed_over, alike, size_of_head = _RECORD.unpack_from, self._passed_over, self._alike, _RECORD.size
        last = len(octets) - size_of_head
        newest_us, count = self._newest_us, 0
        try:
            while at <= last:
                original, size, flags, _, stamp_us = record(octets, at)
                start = at + size_of_head
                end = start + size
                if end > len(octets):
                    if size > LONGEST_FRAME:
                        self._break(at, f"claims {size} octets for the record")
                    break
                stamp_us -= _EPOCH_US
                if stamp_us < newest_us:
                    self._went_back(at, newest_us, stamp_us)
                newest_us = stamp_us
                count += 1
                known = passed_over.get(flags)
                cell = None if known is None else known.get(octets[start : start + alike if size > alike else end])
                if cell is not None and original == size:
                    cell[0] += 1
                else:
                    self._look_into(stamp_us, flags, octets[start:end], original=original)
                at = end
        except Damaged as damage:
            self._break(at, f"{damage}: the record")
        self._walked(newest_us, self._link, count)
        return at

    def _look_into(self, at_us: int, flags: int, octets: bytes, *, original: int) -> None:
        """A record that is not to be passed over.

        Raises:
            Damaged: it cannot be.
        """
        assert self._push is not None
        self._wearables.begin(check_time(at_us))
        if original > len(octets):
            self._findings.dropped[CUT_SHORT] += 1
            return
        cell = self._push(at_us, flags, octets)
        if cell is None:
            return
        if len(self._passed_over) > _MOST_FLAGS:
            self._passed_over.clear()
        known = self._passed_over.setdefault(flags, {})
        if len(known) > MOST_ALIKE:
            known.clear()
        known[octets[: self._alike]] = cell

    def _begin(self, octets: bytes) -> None:
        _, version, link = _HEADER.unpack_from(octets)
        if version != _VERSION or link not in _LINKS:
            what = _LINKS.get(link) or _UNREAD.get(link) or f"data link {link}"
            self.fault = CaptureError(
                f"{self._name} is a btsnoop file of version {version} with {what}, which is not read. Read are version "
                f"{_VERSION} with {', '.join(_LINKS.values())}; btmon -w and Android's own log write those."
            )
            return
        self._link = self._findings.format = f"btsnoop, {_LINKS[link]}"
        if link == _MONITOR:
            monitor = MonitorLink(self._wearables)
            self._alike = ALIKE - 1

            def push_monitor(at_us: int, flags: int, frame: bytes) -> list[int] | None:
                return monitor.take(at_us, flags >> 16, flags & 0xFFFF, frame)

            self._push = push_monitor
            return
        follower = HostFollower(self._wearables)
        if link == _H4:

            def push_h4(at_us: int, flags: int, frame: bytes) -> list[int] | None:
                return follower.push(at_us, frame, received=bool(flags & _RECEIVED))

            self._push = push_h4
            return
        self._alike = ALIKE - 1

        def push_hci(at_us: int, flags: int, frame: bytes) -> list[int] | None:
            received = bool(flags & _RECEIVED)
            kind = (EVENT if received else COMMAND) if flags & _COMMAND_OR_EVENT else ACL
            return follower.push(at_us, bytes([kind]) + frame, received=received)

        self._push = push_hci

    def _forget(self) -> None:
        for known in self._passed_over.values():
            known.clear()


class Writer:
    """Writes btsnoop as `btmon -w` does."""

    def __init__(self, started_at: datetime) -> None:
        """Write a log whose zero is `started_at`."""
        self._scribe = Scribe(started_at)

    def begin(self) -> bytes:
        """The header, and what stands before the first packet."""
        return _HEADER.pack(_MAGIC, _VERSION, _MONITOR) + b"".join(map(_record, self._scribe.begin()))

    def push(self, packet: Packet) -> bytes:
        """The packet's records.

        Raises:
            CaptureError: the format cannot hold it.
        """
        return b"".join(map(_record, self._scribe.push(packet)))


def _record(frame: MonitorFrame) -> bytes:
    size = len(frame.body)
    return _RECORD.pack(size, size, frame.what, 0, frame.at_us + _EPOCH_US) + frame.body
