"""A capture as a file that is being written: nothing that was there is overwritten, nothing that arrived is lost.

Strategy: what could not be written (a full disk) stays in memory and is written as soon as it works again, from the
very octet at which it stopped, so that the file never has a hole. What was written is on the disk within half a second.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self

from watchlink.captures import STANDARD_INPUT, btsnoop, jsonl, pcapng
from watchlink.clock import Stopwatch
from watchlink.errors import CaptureError
from watchlink.packets import Packet

_SYNC_S: Final = 0.5
_RETRY_S: Final = 2.0
# zlib's word for "gzip, with its header and checksum".
_GZIP: Final = 31
_WRITE_AT_ONCE: Final = 1 << 16


class Format(StrEnum):
    """Formats that are written."""

    JSONL = "jsonl"
    BTSNOOP = "btsnoop"
    PCAPNG = "pcapng"


class Writer(Protocol):
    """A format's writer: packets in, octets out."""

    def begin(self) -> bytes:
        """What stands before the first packet."""
        ...

    def push(self, packet: Packet) -> bytes:
        """A packet's octets.

        Raises:
            CaptureError: the format cannot hold it.
        """
        ...


_WRITERS: Final[Mapping[Format, Callable[[datetime], Writer]]] = {
    Format.JSONL: jsonl.Writer,
    Format.BTSNOOP: btsnoop.Writer,
    Format.PCAPNG: pcapng.Writer,
}
_SUFFIXES: Final = {".jsonl": Format.JSONL, ".btsnoop": Format.BTSNOOP, ".pcapng": Format.PCAPNG}


class _Kind(NamedTuple):
    """What is to be written: the format, and whether it is gzipped."""

    format: Format
    packed: bool


def check_target(path: Path, format_name: str | None) -> _Kind:
    """What is written to `path`, so that a person hears of a mistake before anything is recorded.

    Raises:
        CaptureError: there is a file already, or its suffix says no format.
        ValueError: `format_name` is none of `Format`.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1:] == [".gz"]
    suffix = (suffixes[:-1] if packed else suffixes)[-1:] or [""]
    chosen = Format.JSONL if path == STANDARD_INPUT else _SUFFIXES.get(suffix[0])
    chosen = chosen if format_name is None else Format(format_name)
    if chosen is None:
        raise CaptureError(
            f"The name {path.name} says no format that is written. End it in .jsonl, .jsonl.gz, .btsnoop or "
            ".pcapng, or name a format with --format."
        )
    if path != STANDARD_INPUT and path.exists():
        raise CaptureError(f"{path} is there already and is not overwritten. Choose another name.")
    return _Kind(chosen, packed)


class CaptureFile:
    """Keeps packets in a capture file; a context manager, and a recorder for `run_session`."""

    def __init__(self, file: FileIO, writer: Writer, *, packed: bool, regular: bool) -> None:
        """Write to an open, unbuffered file; `packed`: gzipped; `regular`: its content can be synced to the disk."""
        self._file = file
        self._writer = writer
        self._packer = zlib.compressobj(wbits=_GZIP) if packed else None
        self._regular = regular
        self._waiting = bytearray()
        self._made = 0
        # Where in the file each packet ends that is not written yet; those in the packer end where it is flushed.
        self._ends: deque[int] = deque()
        self._in_packer = 0
        self._trouble: str | None = None
        self._since_sync = Stopwatch()
        self.octets = 0
        self.packets = 0
        self._put(writer.begin())

    @classmethod
    def create(cls, path: Path, *, format_name: str | None, started_at: datetime) -> Self:
        """A new file at `path`, or standard output for `-`; the format by its suffix unless named.

        Raises:
            CaptureError: there is a file already, it cannot be made, or its suffix says no format.
            ValueError: `format_name` is none of `Format`.
        """
        kind = check_target(path, format_name)
        writer = _WRITERS[kind.format](started_at)
        if path == STANDARD_INPUT:
            sys.stdout.flush()
            return cls(FileIO(sys.stdout.fileno(), "wb", closefd=False), writer, packed=False, regular=False)
        try:
            return cls(FileIO(path, "xb"), writer, packed=kind.packed, regular=True)
        except OSError as error:
            raise CaptureError(f"{path} cannot be made: {error.strerror}. Choose another folder.") from error

    def __enter__(self) -> Self:
        """The file is open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Write what is left and close the file."""
        self.close()
        if self.unsaved and kind is None:
            raise CaptureError(
                f"{self.unsaved} packets could not be written: {self._trouble}. What was written before is whole."
            )

    @property
    def trouble(self) -> str | None:
        """Why writing does not work at present, None while it works."""
        return self._trouble

    @property
    def unsaved(self) -> int:
        """Packets that arrived and are not in the file."""
        return len(self._ends) + self._in_packer

    def write(self, packet: Packet) -> None:
        """Write a packet, in larger portions than one.

        Raises:
            CaptureError: the format cannot hold it, or the file cannot be written.
        """
        self.accept(packet)
        if len(self._waiting) >= _WRITE_AT_ONCE:
            self._write()
            if self._trouble is not None:
                raise CaptureError(f"It cannot be written on: {self._trouble}. What was written before is whole.")

    def accept(self, packet: Packet) -> None:
        """Take a packet; it is in the file by the next `tick` that has time for it."""
        self._put(self._writer.push(packet))
        self.packets += 1
        if self._packer is None:
            self._ends.append(self._made)
        else:
            self._in_packer += 1

    def tick(self) -> None:
        """Time has passed."""
        if self._since_sync.elapsed_s() >= (_SYNC_S if self._trouble is None else _RETRY_S):
            self._since_sync.restart()
            if self._in_packer:
                self._flush_packer(zlib.Z_SYNC_FLUSH)
            self._write()
            if self._regular and self._trouble is None:
                try:
                    os.fsync(self._file.fileno())
                except OSError as error:
                    self._trouble = error.strerror or str(error)

    def close(self) -> None:
        """Write what is left; what cannot be written is in `unsaved`."""
        if self._file.closed:
            return
        self._flush_packer(zlib.Z_FINISH)
        self._write()
        self._file.close()

    def _put(self, octets: bytes) -> None:
        octets = octets if self._packer is None else self._packer.compress(octets)
        self._waiting += octets
        self._made += len(octets)

    def _flush_packer(self, how: int) -> None:
        """Get out of the packer what is still in it."""
        if self._packer is None:
            return
        octets = self._packer.flush(how)
        self._waiting += octets
        self._made += len(octets)
        self._ends.extend([self._made] * self._in_packer)
        self._in_packer = 0

    def _write(self) -> None:
        try:
            while self._waiting:
                written = self._file.write(self._waiting) or 0
                self.octets += written
                del self._waiting[:written]
                while self._ends and self._ends[0] <= self.octets:
                    self._ends.popleft()
        except BrokenPipeError:
            raise
        except OSError as error:
            self._trouble = error.strerror or str(error)
        else:
            self._trouble = None
