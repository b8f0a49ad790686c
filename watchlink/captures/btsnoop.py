"""btsnoop: the log of a Bluetooth host (Android's HCI snoop log, `btmon -w`), as a container of HCI packets.

Strategy: this file knows records and time stamps only; what the HCI packets say is `hci.py`'s business.

References:
    RFC 1761 (snoop); Android `btsnoop_hci.log`: data link 1002 (H4), times in microseconds since the year 0.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, Final

from watchlink.captures.capture import Capture
from watchlink.captures.hci import HostFollower
from watchlink.errors import CaptureError
from watchlink.packets import Packet

_MAGIC: Final = b"btsnoop\0"
_H4: Final = 1002
_LINKS: Final = {1001: "HCI without packet types (1001)", 2001: "Linux monitor (2001)"}
_HEADER: Final = struct.Struct(">8sII")
_RECORD: Final = struct.Struct(">IIIIq")
# Microseconds from the year 0 (as btsnoop counts) to 1970.
_EPOCH_US: Final = 0x00DCDDB30F2F8000
_RECEIVED: Final = 0x01
# HCI packets are at most 64 KiB and a little; a longer record is a broken length.
_LONGEST_RECORD: Final = 1 << 17


def recognises(start: bytes) -> bool:
    """Whether a file that begins so is of this format."""
    return start.startswith(_MAGIC)


def read(file: BinaryIO, name: str) -> Capture:
    """Read a capture; its zero is the time of its first record.

    Raises:
        CaptureError: the header is cut off, or of a data link that is not read; while reading packets: a record is
            broken.
    """
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        raise CaptureError(f"{name} is cut off within its header.")
    _, version, link = _HEADER.unpack(header)
    if version != 1 or link != _H4:
        what = _LINKS.get(link, f"data link {link}")
        raise CaptureError(
            f"{name} is a btsnoop file of version {version} with {what}; H4 ({_H4}) of version 1 is read."
        )
    records = _records(file, name)
    first = next(records, None)
    if first is None:
        return Capture(started_at=datetime.fromtimestamp(0, UTC), packets=iter(()))
    try:
        started_at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=first[0] - _EPOCH_US)
    except OverflowError as error:
        raise CaptureError(f"{name}: the first record's time stamp is outside the calendar.") from error
    return Capture(started_at=started_at, packets=_packets(first, records))


def _packets(first: tuple[int, bool, bytes], records: Iterator[tuple[int, bool, bytes]]) -> Iterator[Packet]:
    follower = HostFollower()
    zero_us, received, octets = first
    yield from follower.push(at_us=0, received=received, octets=octets)
    for stamp_us, received, octets in records:
        yield from follower.push(at_us=stamp_us - zero_us, received=received, octets=octets)


def _records(file: BinaryIO, name: str) -> Iterator[tuple[int, bool, bytes]]:
    """(time stamp, received by the host, octets) of each record."""
    offset = _HEADER.size
    while header := file.read(_RECORD.size):
        if len(header) < _RECORD.size:
            raise CaptureError(
                f"{name} is cut off within a record's header at byte {offset}. What came before was read."
            )
        _, size, flags, _, stamp_us = _RECORD.unpack(header)
        if size > _LONGEST_RECORD:
            raise CaptureError(f"{name}: the record at byte {offset} claims {size} octets. What came before was read.")
        octets = file.read(size)
        if len(octets) < size:
            raise CaptureError(f"{name} is cut off within the record at byte {offset}. What came before was read.")
        yield stamp_us, bool(flags & _RECEIVED), octets
        offset += _RECORD.size + size
