"""watchlink's own capture format: JSON Lines, a header and then one packet a line, payloads in hexadecimal.

Strategy: made for people with `grep`, `diff` and an editor. Each line stands for itself, so a file that was cut off
loses its last line only.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from watchlink.captures.wearables import Wearables
from watchlink.errors import CaptureError
from watchlink.packets import Packet, from_json, to_json

_VERSION: Final = 1
_KEY: Final = "watchlink_capture"
_MAGIC: Final = f'{{"{_KEY}"'.encode()
# The longest line that we write is a few hundred octets; a longer one is no capture line, and is not worth the memory.
_LONGEST_LINE: Final = 1 << 20
_LINK: Final = "packets of watchlink"
_READ: Final = ". The packets before it were read."


def recognises(start: bytes) -> bool:
    """Whether a file that begins so is of this format."""
    return start.removeprefix(codecs.BOM_UTF8).lstrip(b" \t").replace(b" ", b"").startswith(_MAGIC)


def lines(started_at: datetime, packets: Iterable[Packet]) -> Iterator[str]:
    """The lines of a capture, each with its line feed."""
    writer = Writer(started_at)
    yield writer.begin().decode()
    for packet in packets:
        yield writer.push(packet).decode()


class Writer:
    """Writes JSON Lines."""

    def __init__(self, started_at: datetime) -> None:
        """Write a log whose zero is `started_at`."""
        self._started_at = started_at

    def begin(self) -> bytes:
        """The header's line."""
        return f"{json.dumps({_KEY: _VERSION, 'started_at': self._started_at.isoformat()})}\n".encode()

    def push(self, packet: Packet) -> bytes:
        """The packet's line."""
        return f"{to_json(packet)}\n".encode()


class Reader:
    """Reads JSON Lines."""

    def __init__(self, name: str, wearables: Wearables) -> None:
        """Read the file called `name` in messages."""
        self.fault: CaptureError | None = None
        self.started_at: datetime | None = None
        self._name = name
        self._findings = wearables.findings
        self._findings.format = "watchlink JSON Lines"
        self._rest = b""
        self._line = 0

    def push(self, octets: bytes) -> list[Packet]:
        """The packets that these octets complete."""
        *whole, self._rest = (self._rest + octets).split(b"\n")
        packets = self._packets(line.removesuffix(b"\r") for line in whole)
        if len(self._rest) > _LONGEST_LINE and self.fault is None:
            self._break(f"no line of a capture is longer than {_LONGEST_LINE} octets")
        return packets

    def flush(self) -> list[Packet]:
        """The file is over."""
        if not self._rest or self.fault is not None:
            return []
        packets = self._packets([self._rest])
        self._name_the_cut()
        return packets

    def _name_the_cut(self) -> None:
        """A fault in what is left at the end comes of its being cut off."""
        if self.fault is not None:
            fault = str(self.fault).replace(_READ, f" (the file was cut off in the middle of this line){_READ}")
            self.fault = CaptureError(fault)

    def _packets(self, lines: Iterable[bytes]) -> list[Packet]:
        packets: list[Packet] = []
        for line in lines:
            if self.fault is not None:
                break
            self._line += 1
            try:
                if self._line == 1:
                    self.started_at = self._begin(line)
                else:
                    packets.append(from_json(line))
            except CaptureError as error:
                self.fault = error
            except ValueError as error:
                self._break(str(error))
        if packets and self.started_at is not None:
            self._count(packets)
        return packets

    def _count(self, packets: Sequence[Packet]) -> None:
        self._findings.links[_LINK] += len(packets)

    def _break(self, what: str) -> None:
        self.fault = CaptureError(f"{self._name}, line {self._line}: {what}{_READ}")

    def _begin(self, line: bytes) -> datetime:
        """The UTC of the zero, as the header says it.

        Raises:
            CaptureError: it is no header, or one of a newer version.
        """
        try:
            header: dict[str, Any] | None = json.loads(line)  # or whatever else stands there
        except (ValueError, RecursionError) as error:
            raise CaptureError(f"{self._name}, line 1: no valid JSON. A capture begins with its header.") from error
        version = header.get(_KEY) if isinstance(header, dict) else None
        if not isinstance(header, dict) or version != _VERSION:
            raise CaptureError(
                f"{self._name} is a capture of version {version!r}; this watchlink reads version {_VERSION}. Update "
                "watchlink."
            )
        try:
            started_at = datetime.fromisoformat(str(header.get("started_at")))
        except ValueError as error:
            raise CaptureError(f"{self._name}, line 1: started_at is no date: {header.get('started_at')!r}.") from error
        return started_at.replace(tzinfo=UTC) if started_at.tzinfo is None else started_at
