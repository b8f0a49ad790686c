"""pcap: what sniffers and tcpdump write; one link type a file, times in micro- or nanoseconds, either byte order.

References:
    draft-ietf-opsawg-pcap (PCAP Capture File Format), sections 4 and 5.
"""

from __future__ import annotations

import struct
from typing import Final

from watchlink.captures.capture import Damaged
from watchlink.captures.frames import LONGEST_FRAME, FrameReader
from watchlink.captures.links import Link, link_name, make_link, unread
from watchlink.captures.wearables import Wearables
from watchlink.errors import CaptureError

_FORMATS: Final = {
    bytes.fromhex("a1b2c3d4"): (">", 1),
    bytes.fromhex("d4c3b2a1"): ("<", 1),
    bytes.fromhex("a1b23c4d"): (">", 1000),
    bytes.fromhex("4d3cb2a1"): ("<", 1000),
}
_HEADER: Final = "IHHiIII"
_HEADER_SIZE: Final = 24
# The upper bits of the link type speak of checksums behind frames.
_LINK_TYPE: Final = 0x03FFFFFF
_US_PER_S: Final = 1_000_000


def recognises(start: bytes) -> bool:
    """Whether a file that begins so is of this format."""
    return start[:4] in _FORMATS


class Reader(FrameReader):
    """Reads pcap."""

    def __init__(self, name: str, wearables: Wearables) -> None:
        """Read the file called `name` in messages."""
        super().__init__(name, wearables)
        self._link: Link | None = None
        self._link_name = ""
        self._record = struct.Struct("<IIII")
        self._fractions_per_us = 1

    def _walk(self, octets: bytes) -> int:
        at = 0
        if self._link is None:
            if len(octets) < _HEADER_SIZE:
                return 0
            self._begin(octets)
            at = _HEADER_SIZE
        link = self._link
        if link is None:
            return 0
        record, head, per_us = self._record.unpack_from, self._record.size, self._fractions_per_us
        passed_over, alike = link.passed_over, link.alike
        last = len(octets) - head
        newest_us, count = self._newest_us, 0
        try:
            while at <= last:
                seconds, fraction, size, original = record(octets, at)
                start = at + head
                end = start + size
                if end > len(octets):
                    if size > LONGEST_FRAME:
                        self._break(at, f"claims {size} octets for the record")
                    break
                at_us = seconds * _US_PER_S + fraction // per_us
                if at_us < newest_us:
                    self._went_back(at, newest_us, at_us)
                newest_us = at_us
                count += 1
                cell = passed_over.get(octets[start : start + alike if size > alike else end])
                if cell is not None and original == size:
                    cell[0] += 1
                else:
                    self._take(link, at_us, octets[start:end], original=original)
                at = end
        except Damaged as damage:
            self._break(at, f"{damage}: the record")
        self._walked(newest_us, self._link_name, count)
        return at

    def _begin(self, octets: bytes) -> None:
        order, self._fractions_per_us = _FORMATS[octets[:4]]
        link_type = struct.unpack_from(order + _HEADER, octets)[6] & _LINK_TYPE
        self._record = struct.Struct(order + "IIII")
        self._link = make_link(link_type, self._wearables)
        if self._link is None:
            self.fault = CaptureError(f"{self._name} is a pcap file of {unread(link_type)}")
            return
        self._link_name = f"{link_name(link_type)} ({link_type})"
        self._findings.format = "pcap, nanoseconds" if self._fractions_per_us > 1 else "pcap"
