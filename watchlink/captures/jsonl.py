"""watchlink's own capture format: JSON Lines, a header and then one packet a line, payloads in hexadecimal.

Strategy: made for people with `grep`, `diff` and an editor. Each line stands for itself, so a file that was cut off
loses its last line only.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

from watchlink.captures.capture import Capture
from watchlink.errors import CaptureError
from watchlink.packets import Packet, from_json, to_json

_VERSION: Final = 1
_KEY: Final = "watchlink_capture"
_MAGIC: Final = f'{{"{_KEY}"'.encode()
# The longest line that we write is a few hundred octets; a longer one is no capture line, and is not worth the memory.
_LONGEST_LINE: Final = 1 << 20


def recognises(start: bytes) -> bool:
    """Whether a file that begins so is of this format."""
    return start.removeprefix(codecs.BOM_UTF8).lstrip(b" \t").replace(b" ", b"").startswith(_MAGIC)


def lines(started_at: datetime, packets: Iterable[Packet]) -> Iterator[str]:
    """The lines of a capture, each with its line feed."""
    yield json.dumps({_KEY: _VERSION, "started_at": started_at.isoformat()}) + "\n"
    for packet in packets:
        yield to_json(packet) + "\n"


def read(file: BinaryIO, name: str) -> Capture:
    """Read a capture.

    Raises:
        CaptureError: the header is broken or of a newer version; while reading packets: a line is broken (named by its
            number).
    """
    try:
        header: dict[str, Any] | None = json.loads(file.readline(_LONGEST_LINE))  # or whatever else stands there
    except (ValueError, RecursionError) as error:
        raise CaptureError(f"{name}, line 1: no valid JSON. A capture begins with its header.") from error
    version = header.get(_KEY) if isinstance(header, dict) else None
    if not isinstance(header, dict) or version != _VERSION:
        raise CaptureError(
            f"{name} is a capture of version {version!r}; this watchlink reads version {_VERSION}. Update watchlink."
        )
    try:
        started_at = datetime.fromisoformat(str(header.get("started_at")))
    except ValueError as error:
        raise CaptureError(f"{name}, line 1: started_at is no date: {header.get('started_at')!r}.") from error
    if started_at.tzinfo is None:
        started_at = started_at.replace(tzinfo=UTC)
    return Capture(started_at=started_at, packets=_packets(file, name))


def _packets(file: BinaryIO, name: str) -> Iterator[Packet]:
    for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), 2):
        try:
            yield from_json(line)
        except ValueError as error:
            cut = "" if line.endswith(b"\n") else " (the file was cut off in the middle of this line)"
            raise CaptureError(f"{name}, line {number}: {error}{cut}. The packets before it were read.") from error
