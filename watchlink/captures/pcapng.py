"""pcapng: what Wireshark and its companions write; several interfaces, each with its link type and resolution of time.

References:
    draft-ietf-opsawg-pcapng: section 3 (blocks and options), 4.1 (section header), 4.2 (interface description), 4.3
    (enhanced packet), 4.4 (simple packet), appendix A (packet, obsolete).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from watchlink.captures.capture import Damaged
from watchlink.captures.frames import LONGEST_FRAME, FrameReader
from watchlink.captures.links import LINUX_MONITOR, Link, link_name, make_link, unread
from watchlink.captures.scribe import MonitorFrame, Scribe
from watchlink.captures.wearables import Wearables
from watchlink.errors import CaptureError
from watchlink.packets import Packet

SECTION: Final = 0x0A0D0D0A
INTERFACE: Final = 1
ENHANCED: Final = 6
COMMENT: Final = 1
RESOLUTION: Final = 9
_OBSOLETE: Final = 2
_SIMPLE: Final = 3
_OFFSET: Final = 14
_ORDERS: Final = {bytes.fromhex("1a2b3c4d"): ">", bytes.fromhex("4d3c2b1a"): "<"}
_LEAST: Final = 12
# An ordinary block is a frame and its options; a list of names or of keys may be longer and is passed over.
_LONGEST_BLOCK: Final = 1 << 24
_LONGEST_FRAME_BLOCK: Final = 2 * LONGEST_FRAME
_MOST_INTERFACES: Final = 256
_FRAME_AT: Final = 28
# What an enhanced packet block is larger than its frame by, at least.
_HULL: Final = _FRAME_AT + 4
_NO_END: Final = "does not end with its length"
_US_PER_S: Final = 1_000_000
_LONGEST_COMMENT: Final = 2000


def recognises(start: bytes) -> bool:
    """Whether a file that begins so is of this format."""
    return start[:4] == SECTION.to_bytes(4, "big") and start[8:12] in _ORDERS


@dataclass(slots=True)
class _Interface:
    """One interface of a section: who follows it, and what its times mean."""

    number: int
    name: str
    link: Link | None = None
    alike: int = 0
    passed_over: dict[bytes, list[int]] = field(default_factory=dict[bytes, list[int]])
    ticks_per_s: int = _US_PER_S
    offset_us: int = 0
    plain_us: bool = True

    def at_us(self, ticks: int) -> int:
        """Microseconds since 1970."""
        return ticks * _US_PER_S // self.ticks_per_s + self.offset_us


_NO_INTERFACE: Final = _Interface(-1, "")


class Reader(FrameReader):
    """Reads pcapng."""

    what = "block"

    def __init__(self, name: str, wearables: Wearables) -> None:
        """Read the file called `name` in messages."""
        super().__init__(name, wearables)
        self._findings.format = "pcapng"
        self._order = "<"
        self._head = struct.Struct("<IIIIIII")
        self._interfaces: list[_Interface] = []
        self._unread: str | None = None
        self._any_read = False

    def flush(self) -> list[Packet]:
        """The file is over; if none of its interfaces could be read, that is a fault."""
        packets = super().flush()
        if self.fault is None and self._unread is not None:
            if self._any_read:
                self._findings.remarks.append(f"Frames of one interface were passed over: it is of {self._unread}")
            else:
                self.fault = CaptureError(f"{self._name} is a pcapng file of {self._unread}")
        return packets

    def _walk(self, octets: bytes) -> int:
        at, whole = 0, len(octets)
        newest_us = self._newest_us
        count, current, head = 0, _NO_INTERFACE, self._head.unpack_from
        number_now, alike, passed_over, plain_us = current.number, 0, current.passed_over, True
        try:
            while at <= whole - _LEAST:
                if at <= whole - _FRAME_AT:
                    kind, length, number, high, low, size, original = head(octets, at)
                    end = at + length
                    # Nearly every block is a frame of the same interface as before: this way has to be short.
                    if kind == ENHANCED and number == number_now and end <= whole and length - size >= _HULL:
                        if octets[end - 4 : end] != octets[at + 4 : at + 8]:
                            raise Damaged(_NO_END)
                        at_us = high << 32 | low
                        if not plain_us:
                            at_us = current.at_us(at_us)
                        if at_us < newest_us:
                            self._went_back(at, newest_us, at_us)
                        newest_us = at_us
                        count += 1
                        start = stop = at + _FRAME_AT
                        stop += alike if size > alike else size  # noqa: FURB136 - a call costs more than all of this
                        cell = passed_over.get(octets[start:stop])
                        if cell is not None and original == size:
                            cell[0] += 1
                        elif current.link is not None:
                            self._take(current.link, at_us, octets[start : start + size], original=original)
                        if length - size >= _HULL + 4:
                            self._comments(octets[start + (size + 3 & ~3) : end - 4])
                        at = end
                        continue
                    self._walked(newest_us, current.name, count)
                    count, current = 0, _NO_INTERFACE
                    if kind == ENHANCED and number < len(self._interfaces) and number != number_now:
                        current = self._interfaces[int(number)]
                    number_now, alike = current.number, current.alike
                    passed_over, plain_us = current.passed_over, current.plain_us
                    if current is not _NO_INTERFACE:
                        continue
                length = self._block(octets, at, newest_us)
                if not length:
                    break
                head = self._head.unpack_from
                at += length
        except Damaged as damage:
            self._break(at, f"{damage}: the block")
        self._walked(newest_us, current.name, count)
        return at

    def _block(self, octets: bytes, at: int, newest_us: int) -> int:
        """Take a block that is no frame as they are usually written; return its length, 0 if it is not whole.

        Raises:
            Damaged: it cannot be.
        """
        kind, length = (int(number) for number in struct.unpack_from(self._order + "II", octets, at))
        if kind == SECTION:
            order = _ORDERS.get(octets[at + 8 : at + 12])
            if order is None:
                raise Damaged("has no byte order")
            self._order, self._head = order, struct.Struct(order + "IIIIIII")
            length = int(struct.unpack_from(order + "I", octets, at + 4)[0])
        if length < _LEAST or length % 4 or length > (_LONGEST_FRAME_BLOCK if kind == ENHANCED else _LONGEST_BLOCK):
            raise Damaged(f"claims a length of {length} octets")
        if at + length > len(octets):
            return 0
        self._check_end(octets, at, length)
        body = octets[at + 8 : at + length - 4]
        if kind == SECTION:
            self._interfaces = []
            self._comments(body[16:])
        elif kind == INTERFACE:
            self._interface(body)
        elif kind == ENHANCED:
            raise Damaged("names an interface that was not described, or ends within its frame")
        elif kind == _SIMPLE:
            self._simple(body, newest_us)
        elif kind == _OBSOLETE:
            self._obsolete(body)
        return length

    def _check_end(self, octets: bytes, at: int, length: int) -> None:
        """The length stands at both ends of a block, so that files can be read backwards."""
        if octets[at + 4 : at + 8] != octets[at + length - 4 : at + length] or length % 4:
            raise Damaged(_NO_END)

    def _interface(self, body: bytes) -> None:
        if len(body) < 8:
            raise Damaged("ends within an interface's description")
        if len(self._interfaces) >= _MOST_INTERFACES:
            raise Damaged(f"describes more than {_MOST_INTERFACES} interfaces")
        link_type = struct.unpack_from(self._order + "H", body)[0]
        ticks_per_s, offset_s = _US_PER_S, 0
        for code, value in self._options(body[8:]):
            if code == RESOLUTION and len(value) == 1:
                power = value[0] & 0x7F
                if power > 63:
                    raise Damaged(f"claims times in units of 10^-{power} s")
                ticks_per_s = 2**power if value[0] & 0x80 else 10**power
            elif code == _OFFSET and len(value) == 8:
                offset_s = struct.unpack(self._order + "q", value)[0]
        link = make_link(link_type, self._wearables)
        if link is None:
            self._unread = self._unread or unread(link_type)
        else:
            self._any_read = True
        self._interfaces.append(
            _Interface(
                number=len(self._interfaces),
                name=f"{link_name(link_type)} ({link_type})",
                link=link,
                alike=0 if link is None else link.alike,
                passed_over={} if link is None else link.passed_over,
                ticks_per_s=ticks_per_s,
                offset_us=offset_s * _US_PER_S,
                plain_us=ticks_per_s == _US_PER_S and offset_s == 0,
            )
        )

    def _simple(self, body: bytes, newest_us: int) -> None:
        """A frame without a time: it gets that of the frame before it."""
        if len(body) < 4 or not self._interfaces:
            raise Damaged("is a frame without an interface")
        interface = self._interfaces[0]
        original = struct.unpack_from(self._order + "I", body)[0]
        at_us = max(newest_us, 0)
        self._findings.links[interface.name] += 1
        remark = "Some frames of the file have no time (simple packet blocks); they got that of the frame before."
        if remark not in self._findings.remarks:
            self._findings.remarks.append(remark)
        if interface.link is not None:
            self._take(interface.link, at_us, body[4 : 4 + original], original=original)

    def _obsolete(self, body: bytes) -> None:
        """A frame as older programs wrote it."""
        if len(body) < 20:
            raise Damaged("ends within its head")
        number, _, high, low, size, original = struct.unpack_from(self._order + "HHIIII", body)
        if number >= len(self._interfaces) or size > len(body) - 20:
            raise Damaged("names an interface that was not described, or ends within its frame")
        interface = self._interfaces[int(number)]
        self._findings.links[interface.name] += 1
        if interface.link is not None:
            at_us = interface.at_us(high << 32 | low)
            self._take(interface.link, at_us, body[20 : 20 + size], original=original)

    def _comments(self, options: bytes) -> None:
        self._findings.comments += sum(code == COMMENT for code, _ in self._options(options))

    def _options(self, octets: bytes) -> Iterator[tuple[int, bytes]]:
        """Options as (code, value). One that ends outside its block ends them: they only add to what is said."""
        at = 0
        while at + 4 <= len(octets):
            code, size = struct.unpack_from(self._order + "HH", octets, at)
            if code == 0 or at + 4 + size > len(octets):
                return
            yield code, octets[at + 4 : at + 4 + size]
            at += 4 + (size + 3 & ~3)


class Writer:
    """Writes pcapng with the frames of the Linux Bluetooth monitor; session events are comments of their frames."""

    def __init__(self, started_at: datetime) -> None:
        """Write a log whose zero is `started_at`."""
        self._scribe = Scribe(started_at)

    def begin(self) -> bytes:
        """Section and interface, and what stands before the first packet."""
        section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
        interface = struct.pack("<HHI", LINUX_MONITOR, 0, 0) + _option(RESOLUTION, b"\x06") + _option(0, b"")
        head = _whole_block(SECTION, section) + _whole_block(INTERFACE, interface)
        return head + b"".join(map(_frame_block, self._scribe.begin()))

    def push(self, packet: Packet) -> bytes:
        """The packet's blocks.

        Raises:
            CaptureError: the format cannot hold it.
        """
        return b"".join(map(_frame_block, self._scribe.push(packet)))


def _frame_block(frame: MonitorFrame) -> bytes:
    octets = struct.pack(">I", frame.what) + frame.body
    if frame.at_us < 0:
        raise CaptureError("pcapng has no times before 1970; write btsnoop or JSON Lines.")
    head = struct.pack("<IIIII", 0, frame.at_us >> 32, frame.at_us & 0xFFFFFFFF, len(octets), len(octets))
    comment = frame.comment.encode("utf-8", "replace")[:_LONGEST_COMMENT]
    options = _option(COMMENT, comment) + _option(0, b"") if comment else b""
    return _whole_block(ENHANCED, head + _padded(octets) + options)


def _whole_block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + _LEAST)
    return struct.pack("<I", kind) + length + body + length


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)
