"""Files of recorded packets: one module per format, found by how a file begins and never by its name.

Strategy: a reader takes octets in pieces and gives packets in order, so that files, pipes and files that still grow are
read alike. What was whole before a fault is delivered, then the fault is raised with its place. To add a format, write
its module with `recognises` and a `Reader`, and add one line to `_FORMATS`.
"""

from __future__ import annotations

import errno
import os
import sys
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from io import FileIO
from itertools import chain
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, Final, TypeAlias, cast

from watchlink.captures import btsnoop, fit, jsonl, packetlogger, pcap, pcapng, series
from watchlink.captures.capture import UNDATED, Capture, Findings, Reader
from watchlink.captures.wearables import Wearables
from watchlink.clock import pause
from watchlink.errors import CaptureError
from watchlink.packets import Packet

_Recognises: TypeAlias = Callable[[bytes], bool]
_Makes: TypeAlias = Callable[[str, Wearables], Reader]

# Those without a magic number come last, the vaguest at the end.
_FORMATS: Final[tuple[tuple[_Recognises, _Makes], ...]] = (
    (jsonl.recognises, jsonl.Reader),
    (btsnoop.recognises, btsnoop.Reader),
    (pcap.recognises, pcap.Reader),
    (pcapng.recognises, pcapng.Reader),
    (fit.recognises, fit.Reader),
    (series.recognises_text, series.TextReader),
    (packetlogger.recognises, packetlogger.Reader),
)
_KNOWN: Final = (
    "watchlink's own JSON Lines, btsnoop, pcap, pcapng, PacketLogger, FIT, texts of RR intervals, and each of them "
    "gzipped"
)
STANDARD_INPUT: Final = Path("-")
_GZIP_MAGIC: Final = b"\x1f\x8b"
# zlib's word for "gzip, with its header and checksum".
_GZIP: Final = 31
_PIECE: Final = 1 << 18
# Enough to recognise a format by.
_BEGINNING: Final = 64


@contextmanager
def open_capture(
    path: Path, *, handle: int | None = None, pieces: Callable[[BinaryIO], Iterator[bytes]] | None = None
) -> Generator[Capture]:
    """Open a capture of any known format, also gzipped; packets are read while the context is open.

    Args:
        path: the file, or `-` for standard input.
        handle: the value handle of the heart rate, where the capture does not say it.
        pieces: how the octets are got from the open file; without it, as fast as they can be read, to the end.

    Raises:
        CaptureError: the file is missing, empty, of no known format, or broken before its first packet. A fault further
            on is raised by the packets' iterator after all packets before it.
    """
    name = "standard input" if path == STANDARD_INPUT else path.name
    with ExitStack() as stack:
        octets = _pieces(_open(path, name, stack), name, pieces or _to_the_end)
        findings = Findings()
        start, reader = _recognised(octets, name, Wearables(findings, handle=handle))
        if pieces is grown and isinstance(reader, series.Whole):
            raise CaptureError(f"{name} can only be read as a whole, and not while it grows. Leave out --follow.")
        packets = _packets(reader, start, octets)
        first: list[Packet] = []
        while reader.started_at is None and (more := next(packets, None)) is not None:
            first += more
        started_at = reader.started_at or UNDATED
        yield Capture(started_at=started_at, packets=chain(first, chain.from_iterable(packets)), findings=findings)


def _open(path: Path, name: str, stack: ExitStack) -> BinaryIO:
    if path == STANDARD_INPUT:
        # Unbuffered: a thread that waits in a buffered read would keep the program from ending.
        return cast("BinaryIO", FileIO(sys.stdin.fileno(), "rb", closefd=False))
    try:
        return cast("BinaryIO", stack.enter_context(path.open("rb")))
    except OSError as error:
        raise CaptureError(f"{name} cannot be read: {_reason(error)}. Check the path and its permissions.") from error


def _to_the_end(file: BinaryIO) -> Iterator[bytes]:
    read = getattr(file, "read1", file.read)  # a pipe gives what it has instead of waiting for more
    while piece := read(_PIECE):
        yield piece


def grown(file: BinaryIO) -> Iterator[bytes]:
    """What is in a file, and what is written to it from now on, without end.

    Raises:
        OSError: the file was made shorter.
    """
    size = 0
    read = getattr(file, "read1", file.read)
    state = os.fstat(file.fileno())
    while True:
        if piece := read(_PIECE):
            size += len(piece)
            yield piece
        elif not S_ISREG(state.st_mode):
            return  # a pipe has an end
        elif os.fstat(file.fileno()).st_size < size:
            raise OSError(errno.ESTALE, "it was made shorter while it was followed")
        else:
            pause()


def _pieces(file: BinaryIO, name: str, read: Callable[[BinaryIO], Iterator[bytes]]) -> Iterator[bytes]:
    """The octets of a file, unpacked if they are packed; the first piece is long enough to recognise a format."""
    begun = False
    try:
        pieces = read(file)
        start = b""
        for piece in pieces:
            start += piece
            if len(start) >= _BEGINNING:
                break
        if not start.startswith(_GZIP_MAGIC):
            if start:
                yield start
            yield from pieces
            return
        for piece in _unpacked(start, pieces):
            begun = True
            yield piece
    except OSError as error:
        raise CaptureError(f"{name} cannot be read: {_reason(error)}. Check the path and its permissions.") from error
    except (EOFError, zlib.error) as error:
        what = "cannot be read" if not begun else "breaks off"
        raise CaptureError(f"{name} {what}: {error}. Everything before that was read.") from error


def _unpacked(start: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """What is in gzip; never more at once than a piece, however much a few octets unpack to."""
    unpacker = zlib.decompressobj(wbits=_GZIP)
    packed = start
    while True:
        while packed:
            piece = unpacker.decompress(packed, _PIECE)
            if piece:
                yield piece
            packed = unpacker.unconsumed_tail
            if unpacker.eof:
                packed = unpacker.unused_data.lstrip(b"\0")  # another one may follow, or padding
                if packed:
                    unpacker = zlib.decompressobj(wbits=_GZIP)
        more = next(pieces, None)
        if more is None:
            break
        if unpacker.eof:
            unpacker = zlib.decompressobj(wbits=_GZIP)
            more = more.lstrip(b"\0")
        packed = more
    if not unpacker.eof:
        raise EOFError("the compressed file is cut off")


def _recognised(octets: Iterator[bytes], name: str, wearables: Wearables) -> tuple[bytes, Reader]:
    """The first piece, and the reader of its format.

    Raises:
        CaptureError: there is nothing, or nothing known.
    """
    start = next(octets, b"")
    if not start:
        raise CaptureError(f"{name} is empty: nothing was recorded into it.")
    for recognises, make in _FORMATS:
        if recognises(start):
            return start, make(name, wearables)
    raise CaptureError(
        f"{name} is no capture that watchlink knows: it begins with {start[:8].hex(' ')}. Known are {_KNOWN}."
    )


def _packets(reader: Reader, start: bytes, octets: Iterator[bytes]) -> Iterator[list[Packet]]:
    """The packets of each piece; at the end the fault, if there is one."""
    broken: CaptureError | None = None
    try:
        yield reader.push(start)
        while reader.fault is None and (piece := next(octets, None)) is not None:
            yield reader.push(piece)
    except CaptureError as error:
        broken = error
    yield reader.flush()
    fault = broken or reader.fault
    if fault is not None:
        raise fault


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
