"""What every format's reader is and returns, and what it tells about the file beside the packets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

from watchlink.captures.attributes import Device
from watchlink.errors import CaptureError
from watchlink.packets import Packet

UNDATED: Final = datetime.fromtimestamp(0, UTC)
"""The zero of a file that does not say when it was recorded."""


FIRST_US: Final = round((datetime.min.replace(tzinfo=UTC) - UNDATED).total_seconds()) * 1_000_000
"""The calendar's first instant, in microseconds since 1970."""
LAST_US: Final = round((datetime.max.replace(tzinfo=UTC) - UNDATED).total_seconds() - 1) * 1_000_000
"""The calendar's last second."""


# Reasons for which frames are dropped, as they are counted and said.
AGAIN: Final = "packets on the air were sent again and count once"
BAD_CHECKSUM: Final = "packets on the air had a bad checksum"
CUT_SHORT: Final = "frames were cut short when they were captured"
ENCRYPTED: Final = "packets on the air were encrypted"
TOO_SHORT: Final = "frames were too short to be anything"
WHITENED: Final = "packets on the air are still whitened"
_HINDERS: Final = frozenset((CUT_SHORT, ENCRYPTED, WHITENED))
_HELP: Final = {
    CUT_SHORT: "Capture whole frames: no snapshot length; on Android the full HCI snoop log, not the filtered one.",
    ENCRYPTED: "A sniffer can only read them if it had the key when the two paired. Record on the phone or computer "
    "itself instead (btsnoop, PacketLogger, btmon): there nothing is encrypted.",
    WHITENED: "Let the sniffer take the whitening away.",
}


class Damaged(ValueError):
    """A record that cannot be: nothing behind it can be trusted. The message says what it does, its reader where."""


@dataclass(slots=True)
class Findings:
    """What a reader has come across so far; it grows while packets are read.

    Attributes:
        format: what kind of file it is.
        links: frames of each link type, by its name.
        devices: GATT servers of which something was seen, in the order in which they were met.
        dropped: frames that were not used, by reason.
        others: ATT protocol data units beside the notifications, as a cell that a reader may count in.
        forgotten: notifications of devices that are too many to be remembered.
        comments: that people wrote into the file.
        first_us: time of the first frame, in microseconds since 1970, None while there is none.
        last_us: time of the last frame.
        remarks: sentences that a person should read: what was guessed, what was in the way.
    """

    format: str = ""
    links: Counter[str] = field(default_factory=Counter[str])
    devices: list[Device] = field(default_factory=list[Device])
    dropped: Counter[str] = field(default_factory=Counter[str])
    others: list[int] = field(default_factory=lambda: [0])
    forgotten: int = 0
    comments: int = 0
    first_us: int | None = None
    last_us: int | None = None
    remarks: list[str] = field(default_factory=list[str])

    @property
    def frames(self) -> int:
        """Frames of any link type."""
        return self.links.total()

    @property
    def notifications(self) -> int:
        """Handle Value Notifications of any characteristic."""
        return self.forgotten + sum(cell[0] for device in self.devices for cell in device.notified.values())

    @property
    def att_pdus(self) -> int:
        """Attribute Protocol data units."""
        return self.others[0] + self.notifications

    def hindrances(self) -> list[str]:
        """What of the file could not be used, as sentences that say what would help."""
        return [
            f"{count} {what}." + (f" {_HELP[what]}" if what in _HELP else "")
            for what, count in sorted(self.dropped.items())
            if what in _HINDERS
        ]

    def span(self, first_us: int, last_us: int) -> None:
        """Frames were seen from `first_us` to `last_us`."""
        self.first_us = first_us if self.first_us is None else min(self.first_us, first_us)
        self.last_us = last_us if self.last_us is None else max(self.last_us, last_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """An open capture: the UTC of its zero, its packets, read as they are asked for, and what else was found."""

    started_at: datetime
    packets: Iterator[Packet]
    findings: Findings = field(default_factory=Findings)


class Reader(Protocol):
    """A format's reader: octets in, packets out, however the octets are cut into pieces.

    A fault of the file does not raise: `push` returns what was whole before it, and `fault` is set; nothing is read
    after it.
    """

    @property
    def fault(self) -> CaptureError | None:
        """What is wrong with the file, once it was met."""
        ...

    @property
    def started_at(self) -> datetime | None:
        """UTC of the zero of the packets' times, once it is known."""
        ...

    def push(self, octets: bytes) -> list[Packet]:
        """The packets that these octets complete."""
        ...

    def flush(self) -> list[Packet]:
        """The file is over: packets still held back. What is cut off in the middle becomes a fault."""
        ...
