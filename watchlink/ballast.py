"""Room on the disk that is kept for the end of it: a file that is thrown off once the disk is full."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

_PIECE_BYTES: Final = 1 << 20


class Ballast:
    """A file of noise beside the archive: zeros take no room where a file system presses them together."""

    def __init__(self, path: Path) -> None:
        """It lies at `path`; one that an interrupted session left there is used again."""
        self._path = path

    def take_on(self, megabytes: int) -> bool:
        """Really use so much room; False where there is not enough, and nothing is used then."""
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                for _ in range(megabytes):
                    if os.write(handle, os.urandom(_PIECE_BYTES)) < _PIECE_BYTES:
                        raise OSError
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError:
            self.throw_off()
            return False
        return True

    def throw_off(self) -> None:
        """Give the room back."""
        with contextlib.suppress(OSError):
            self._path.unlink()
