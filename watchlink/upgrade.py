"""The archive's tables, version by version, and how an older archive is brought up to date: on a copy beside it.

Strategy: the old file is held for this program alone, copied, and the copy is changed, checked and synced; only then it
takes the old one's place, in one step. Until that step the old file is not written to, so a full disk, a crash or a
copy that is not whole leave it as it was. A second program that meets the old archive meanwhile waits, finds that
another file stands there now, and opens that one.

References:
    SQLite documentation, "Online Backup API", "PRAGMA locking_mode", "PRAGMA quick_check", "Write-Ahead Logging".
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from watchlink.clock import Stopwatch, pause
from watchlink.errors import ArchiveError

VERSION: Final = 3
APPLICATION_ID: Final = 0x574C4E4B  # "WLNK"
SCHEMA: Final = (
    """
CREATE TABLE session (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    seen_at TEXT NOT NULL,
    cohort TEXT,
    week INTEGER,
    kind TEXT NOT NULL DEFAULT 'session',
    evidence_by TEXT
) STRICT
""",
    """
CREATE TABLE log (
    session_id INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    kind TEXT NOT NULL,
    wearable TEXT,
    payload BLOB,
    record TEXT,
    PRIMARY KEY (session_id, seq)
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE evidence (
    session_id INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    person TEXT NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (session_id, person)
) STRICT, WITHOUT ROWID
""",
)
# What makes an archive of each older version into one of the next.
_MIGRATIONS: Final = {
    1: ("ALTER TABLE session ADD COLUMN cohort TEXT", "ALTER TABLE session ADD COLUMN week INTEGER"),
    2: (
        "ALTER TABLE session ADD COLUMN kind TEXT NOT NULL DEFAULT 'session'",
        "ALTER TABLE session ADD COLUMN evidence_by TEXT",
        SCHEMA[2],
    ),
}
_COUNTS: Final = "SELECT (SELECT count(*) FROM session), (SELECT count(*) FROM log)"
_COMPANIONS: Final = ("", "-journal", "-wal", "-shm")
# Another program brings the same archive up to date, or reads it: so long we wait for it.
_PATIENCE_S: Final = 20.0
# Another program has it for itself, who knows why.
_BUSY_S: Final = 5.0


def recognise(database: sqlite3.Connection, path: Path) -> int:
    """Make sure that this is an archive that we know; return its version, 0 for one that is not made yet.

    Raises:
        ArchiveError: it is none, or of a newer watchlink.
        sqlite3.Error: it cannot be read.
    """
    # In this order: another program may make the archive between the two questions.
    made = bool(database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    if made and pragma(database, "application_id") != APPLICATION_ID:
        raise ArchiveError(
            f"{path} is the database of another program, no watchlink archive. Choose another file with --archive."
        )
    version = pragma(database, "user_version")
    if version > VERSION:
        raise ArchiveError(
            f"The archive {path} was written by a newer watchlink (archive version {version}, this one knows "
            f"{VERSION}). Update watchlink, or choose another archive with --archive."
        )
    return version


def pragma(database: sqlite3.Connection, name: str) -> int:
    """The value of a pragma that is a number."""
    return int(database.execute(f"PRAGMA {name}").fetchone()[0])


def bring_up_to_date(path: Path) -> None:
    """Put an archive of today in the place of an older one; nothing is done with any other.

    Raises:
        ArchiveError: it could not be done; the older one is as it was. Or it is no archive that we know.
        sqlite3.Error: it cannot be opened or read.
    """
    path = path.resolve()
    since = Stopwatch()
    while True:
        file = path.stat()  # before it is opened: what is put there later is another one
        is_old = False
        try:
            with closing(_open(path)) as found:
                is_old = 0 < recognise(found, path) < VERSION
            if not is_old:
                return
            with closing(_open(path)) as old:
                _hold(old)
                if os.path.samestat(file, path.stat()):
                    _replace(old, path)
                    return
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or since.elapsed_s() > (_PATIENCE_S if is_old else _BUSY_S):
                if is_old:
                    raise _error(path, error) from error
                raise
        pause()


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=0, isolation_level=None)


def _hold(old: sqlite3.Connection) -> None:
    """Keep every other program out of the file until it is closed; who has it open is in the way.

    Set before the file is read for the first time, the mode takes the lock that every reader of a write-ahead log has.
    """
    old.execute("PRAGMA locking_mode = EXCLUSIVE")
    old.execute("BEGIN EXCLUSIVE")
    old.execute("COMMIT")


def _replace(old: sqlite3.Connection, path: Path) -> None:
    copy = path.with_name(f"{path.name}.new")
    _remove(copy)  # of an attempt that crashed: whoever holds the archive is alone here
    try:
        os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with closing(sqlite3.connect(copy, isolation_level=None)) as new:
            old.backup(new)
            _migrate(new)
            _check(new, path, counts=old.execute(_COUNTS).fetchone())
        # Without this a log of the old file could be taken for one of the new; and closing the old one touches none.
        old.execute("PRAGMA journal_mode = DELETE")
        if os.name == "nt":  # there a file that is open cannot be replaced
            old.close()
        copy.replace(path)
        _sync(path.parent)
    except sqlite3.Error as error:
        raise _error(path, error) from error
    except OSError as error:
        raise _refusal(path, f"{error.strerror}. Make room, and see that the folder can be written.") from error
    finally:
        with contextlib.suppress(OSError):
            _remove(copy)


def _migrate(new: sqlite3.Connection) -> None:
    new.execute("PRAGMA journal_mode = DELETE")
    new.execute("PRAGMA synchronous = EXTRA")
    new.execute("BEGIN IMMEDIATE")
    for version in range(pragma(new, "user_version"), VERSION):
        for statement in _MIGRATIONS[version]:
            new.execute(statement)
    new.execute(f"PRAGMA user_version = {VERSION}")
    new.execute("COMMIT")


def _check(new: sqlite3.Connection, path: Path, *, counts: tuple[int, int]) -> None:
    found = new.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise _refusal(path, f"it is damaged ({found}). Keep the file, and choose another archive with --archive.")
    if new.execute(_COUNTS).fetchone() != counts:
        raise _refusal(path, "the copy is not whole. Try again; if it stays so, look after the disk.")


def _remove(copy: Path) -> None:
    for companion in _COMPANIONS:
        copy.with_name(f"{copy.name}{companion}").unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    """Make the new name last; where a folder cannot be synced the system does so by itself."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _is_busy(error: sqlite3.Error) -> bool:
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _error(path: Path, error: sqlite3.Error) -> ArchiveError:
    if _is_busy(error):
        return _refusal(path, "another program holds it: close that program and try again.")
    if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
        return _refusal(path, f"the disk is full. Make room for {path.stat().st_size // 1_000_000 + 1} MB beside it.")
    return _refusal(path, f"{error}. Check the path and its permissions, or choose another archive with --archive.")


def _refusal(path: Path, why: str) -> ArchiveError:
    return ArchiveError(
        f"The archive {path} is of an older watchlink and could not be brought up to date; it was left as it is: {why}"
    )
