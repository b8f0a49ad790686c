"""One recorder at a time beside an archive, whatever happens to it: a lock that goes with the process that holds it.

Strategy: a file of its own that SQLite holds exclusively. It works alike on every platform, needs no number of a
process that may be somebody else's by now, and the system lets go of it when the holder ends, however it ends.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from watchlink.errors import NoSessionError

_WAIT_S: Final = 1.0


class OnlyOne:
    """Context manager: nobody else holds the same file meanwhile."""

    def __init__(self, archive: Path) -> None:
        """Of the recorders of this archive."""
        self._path = archive.with_name(f"{archive.name}.recorder")
        self._held: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        """Take hold of it.

        Raises:
            NoSessionError: another recorder has it, or the file cannot be made.
        """
        try:
            self._path.touch(mode=0o600)
            self._held = sqlite3.connect(self._path, timeout=_WAIT_S, isolation_level=None)
            self._held.execute("BEGIN EXCLUSIVE")
        except (OSError, sqlite3.Error) as error:
            self._let_go()
            if "locked" in str(error):
                raise NoSessionError(
                    "A session is being recorded into this archive, or is about to be. `watchlink board` shows it; "
                    "`watchlink mark end` ends it."
                ) from error
            raise NoSessionError(f"{self._path} cannot be held: {error}. Check the folder's permissions.") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let go."""
        self._let_go()

    def _let_go(self) -> None:
        if self._held is not None:
            with contextlib.suppress(sqlite3.Error):
                self._held.close()
            self._held = None
