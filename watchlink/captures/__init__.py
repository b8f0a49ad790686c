"""Files of recorded packets: one module per format, found by how a file begins and never by its name.

Strategy: a reader is a function from an open binary file to packets in order, as they are read. What was whole before a
fault is delivered, then the fault is raised with its place. To add a format, write its module and add one line to
`_FORMATS`.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias, cast

from watchlink.captures import btsnoop, jsonl
from watchlink.captures.capture import Capture
from watchlink.errors import CaptureError
from watchlink.packets import Packet

_Recognises: TypeAlias = Callable[[bytes], bool]
_Reads: TypeAlias = Callable[[BinaryIO, str], Capture]

_FORMATS: Final[tuple[tuple[_Recognises, _Reads], ...]] = (
    (jsonl.recognises, jsonl.read),
    (btsnoop.recognises, btsnoop.read),
)
_GZIP_MAGIC: Final = b"\x1f\x8b"
_PEEK: Final = 64


@contextmanager
def open_capture(path: Path) -> Generator[Capture]:
    """Open a capture of any known format, also gzipped; packets are read while the context is open.

    Raises:
        CaptureError: the file is missing, empty, of no known format, or broken before its first packet. A fault further
            on is raised by the packets' iterator after all packets before it.
    """
    name = path.name
    with ExitStack() as stack:
        try:
            file = cast("BinaryIO", stack.enter_context(path.open("rb")))
            head = file.read(len(_GZIP_MAGIC))
            file.seek(0)
            if head == _GZIP_MAGIC:
                file = cast("BinaryIO", stack.enter_context(gzip.open(file, "rb")))
            start = file.read(_PEEK)
            file.seek(0)
        except (OSError, EOFError, zlib.error) as error:
            raise CaptureError(
                f"{name} cannot be read: {_reason(error)}. Check the path and its permissions."
            ) from error
        if not start:
            raise CaptureError(f"{name} is empty: nothing was recorded into it.")
        for recognises, read in _FORMATS:
            if recognises(start):
                with _faults_named(name):
                    capture = read(file, name)
                yield Capture(started_at=capture.started_at, packets=_guarded(capture.packets, name))
                return
    raise CaptureError(
        f"{name} is no capture that watchlink knows: it begins with {start[:8].hex(' ')}. "
        "Known are watchlink's own JSON Lines (also gzipped) and btsnoop."
    )


def _guarded(packets: Iterator[Packet], name: str) -> Iterator[Packet]:
    with _faults_named(name):
        yield from packets


@contextmanager
def _faults_named(name: str) -> Generator[None]:
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        raise CaptureError(f"{name} breaks off: {_reason(error)}. Everything before that was read.") from error


def _reason(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
