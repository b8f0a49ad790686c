"""What all containers of frames share: octets that come in pieces, records in them, faults with their place.

Strategy: a container only knows how its records are laid out. It walks over the records that are whole and leaves the
rest for the next piece, so that a file, a pipe and a file that still grows are read alike, in memory of one piece.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from typing import Final

from watchlink.captures.capture import CUT_SHORT, FIRST_US, LAST_US, Damaged
from watchlink.captures.links import Link
from watchlink.captures.wearables import Wearables
from watchlink.clock import clock_text
from watchlink.errors import CaptureError
from watchlink.packets import Packet

LONGEST_FRAME: Final = 1 << 18
"""Wireshark's limit; no Bluetooth frame comes near it, so a longer one is a broken length."""
MOST_ALIKE: Final = 1 << 14
"""Of beginnings that are passed over: more are a sign that they do not repeat, and cost memory for nothing."""

# Interfaces and processor cores disagree by less; a clock that is set back by more has to be told.
_STEP_BACK_US: Final = 1_000_000


class FrameReader(ABC):
    """Reader of a container. Times are microseconds since 1970; a frame's place is its offset in the file."""

    fault: CaptureError | None
    what = "record"

    def __init__(self, name: str, wearables: Wearables) -> None:
        """Read the file called `name` in messages."""
        self.fault = None
        self._name = name
        self._wearables = wearables
        self._findings = wearables.findings
        self._rest = b""
        self._offset = 0
        self._newest_us = FIRST_US - 1
        self._step_back: tuple[int, int] | None = None

    @property
    def started_at(self) -> datetime | None:
        """UTC of the zero, once the first frame was seen."""
        return self._wearables.started_at

    def push(self, octets: bytes) -> list[Packet]:
        """The packets that these octets complete."""
        if self.fault is not None:
            return []
        octets = self._rest + octets if self._rest else octets
        used = self._walk(octets)
        self._rest = octets[used:]
        self._offset += used
        return self._wearables.take()

    def flush(self) -> list[Packet]:
        """The file is over."""
        packets = self._wearables.flush()
        if self.fault is None and self._rest:
            self._break(0, f"is cut off within the {self.what}")
        if self.fault is None and self._step_back is not None:
            at, by_us = self._step_back
            self.fault = CaptureError(
                f"{self._name}: at byte {at} the clock goes back by {clock_text(by_us / 1e6)} (h:mm:ss). All packets "
                "were read, but times after that cannot be compared with those before. Cut the file there."
            )
        return packets

    @abstractmethod
    def _walk(self, octets: bytes) -> int:
        """Take all whole records from the beginning of `octets`; return where the first that is not whole begins.

        A record that cannot be ends the walk with `_break`.
        """

    def _break(self, at: int, what: str) -> None:
        """The record at `at` of the current piece cannot be read, and nothing behind it."""
        self.fault = CaptureError(f"{self._name} {what} at byte {self._offset + at}. What came before was read.")

    def _walked(self, newest_us: int, link: str, frames: int) -> None:
        """The walk over a piece has come to its end."""
        if frames:
            self._newest_us = newest_us
            self._findings.links[link] += frames
            self._findings.span(newest_us, newest_us)

    def _went_back(self, at: int, from_us: int, to_us: int) -> None:
        """A frame is older than one before it."""
        # A log of ours is in the order of arrival: what was entered late stands late, and nothing went back.
        if self._step_back is None and from_us - to_us > _STEP_BACK_US and not self._wearables.own:
            self._step_back = (self._offset + at, from_us - to_us)
        self._findings.span(from_us, from_us)

    def _take(self, link: Link, at_us: int, octets: bytes, *, original: int) -> None:
        """Take a frame that was `original` octets long before it was captured.

        Raises:
            Damaged: it cannot be.
        """
        self._wearables.begin(check_time(at_us))
        if original > len(octets):
            self._findings.dropped[CUT_SHORT] += 1
        else:
            if len(link.passed_over) > MOST_ALIKE:
                link.passed_over.clear()
            link.push(at_us, octets)


def check_time(at_us: int) -> int:
    """The time in microseconds since 1970, if the calendar has it.

    Raises:
        Damaged: it has not.
    """
    if not FIRST_US <= at_us <= LAST_US:
        raise Damaged("is dated outside the calendar")
    return at_us
