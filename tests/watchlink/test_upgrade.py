"""An archive of an older version: brought up to date on a copy, or left byte for byte as it was."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import watchlink
from watchlink.archive import Archive
from watchlink.errors import ArchiveError
from watchlink.packets import Notification, Packet

_ROOT = Path(watchlink.__file__).parents[1]
_OF_VERSION_2 = """
CREATE TABLE session (
    id INTEGER PRIMARY KEY, title TEXT NOT NULL, started_at TEXT NOT NULL, ended_at TEXT, seen_at TEXT NOT NULL,
    cohort TEXT, week INTEGER
) STRICT;
CREATE TABLE log (
    session_id INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE, seq INTEGER NOT NULL, at_us INTEGER NOT NULL,
    kind TEXT NOT NULL, wearable TEXT, payload BLOB, record TEXT, PRIMARY KEY (session_id, seq)
) STRICT, WITHOUT ROWID;
PRAGMA application_id = 0x574C4E4B;
PRAGMA user_version = 2;
PRAGMA journal_mode = WAL;
INSERT INTO session VALUES (1, 'old', '2026-03-01T18:00:00+00:00', '2026-03-01T20:00:00+00:00',
    '2026-03-01T20:00:00+00:00', 'Lions', 3);
"""
_REPORTS = 20_000
_ROWS = [(1, seq, seq * 1_000, "notification", "w1", seq.to_bytes(8, "big"), None) for seq in range(1, _REPORTS + 1)]
_LOG: list[Packet] = [
    Notification(at_us=seq * 1_000, wearable="w1", payload=seq.to_bytes(8, "big")) for seq in range(1, _REPORTS + 1)
]


def _make(path: Path) -> Path:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(_OF_VERSION_2)
        database.execute("BEGIN")
        database.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)", _ROWS)
        database.execute("COMMIT")
    return path


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return _make(tmp_path / "sessions.sqlite3")


def _version(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])


def test_all_of_an_old_archive_is_in_the_new_one_and_nothing_is_left_beside_it(old: Path) -> None:
    file = old.stat().st_ino
    with Archive(old) as archive:
        (stored,) = archive.sessions()
        assert (stored.cohort, stored.week, stored.packets) == ("Lions", 3, _REPORTS)
        assert list(archive.packets(1)) == _LOG
    assert _version(old) == 3
    assert old.stat().st_ino != file
    assert stat.S_IMODE(old.stat().st_mode) == 0o600
    assert list(old.parent.iterdir()) == [old]


def test_what_was_written_to_the_log_beside_the_old_file_only_is_in_the_new_one(tmp_path: Path) -> None:
    """Its program crashed: half of the archive is in the file that ends in -wal."""
    crashed = """
import os, signal, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA wal_autocheckpoint = 0")
database.execute("INSERT INTO log VALUES (1, 20001, 20001000, 'notification', 'w1', x'0000000000004e21', NULL)")
os.kill(os.getpid(), signal.SIGKILL)
"""
    path = _make(tmp_path / "sessions.sqlite3")
    assert subprocess.run([sys.executable, "-c", crashed, str(path)], check=False).returncode == -signal.SIGKILL
    assert path.with_name("sessions.sqlite3-wal").stat().st_size > 0
    with Archive(path) as archive:
        last = list(archive.packets(1))[-1]
    assert last == Notification(at_us=20_001_000, wearable="w1", payload=(20_001).to_bytes(8, "big"))
    assert list(tmp_path.iterdir()) == [path]


def test_leftovers_of_an_attempt_that_crashed_are_removed_at_the_next(old: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        old.with_name(f"{old.name}.new{suffix}").write_bytes(b"half a copy" * 1000)
    with Archive(old) as archive:
        assert len(list(archive.packets(1))) == _REPORTS
    assert list(old.parent.iterdir()) == [old]


def test_an_attempt_that_is_killed_at_any_moment_leaves_a_whole_archive(tmp_path: Path) -> None:
    """At a different moment each time; whatever stands there then can be opened and is whole."""
    code = """
import signal, sys
from pathlib import Path
from watchlink.archive import Archive
signal.setitimer(signal.ITIMER_REAL, float(sys.argv[2]))
Archive(Path(sys.argv[1]))
"""
    versions = set[int]()
    for number, after_s in enumerate((0.0005, 0.002, 0.005, 0.01, 0.02, 0.04)):
        path = _make(tmp_path / f"{number}.sqlite3")
        subprocess.run([sys.executable, "-c", code, str(path), str(after_s)], cwd=_ROOT, check=False)
        versions.add(_version(path))
        with Archive(path) as archive:
            assert list(archive.packets(1)) == _LOG
        assert not list(tmp_path.glob("*.new*"))
    assert versions <= {2, 3}


def test_a_damaged_archive_is_left_as_it_was_byte_for_byte(old: Path) -> None:
    octets = bytearray(old.read_bytes())
    octets[5 * 4096 : 9 * 4096] = b"\xa5" * (4 * 4096)
    old.write_bytes(octets)
    with pytest.raises(ArchiveError, match=r"could not be brought up to date; it was left as it is: "):
        Archive(old)
    assert old.read_bytes() == octets
    assert list(old.parent.iterdir()) == [old]


def test_an_archive_that_another_program_has_open_to_write_is_left_as_it_is(old: Path) -> None:
    before = old.read_bytes()
    with contextlib.closing(sqlite3.connect(old, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ArchiveError, match=r"Another program holds it: close that program and try again\."):
            Archive(old)
        other.execute("ROLLBACK")
        assert len(old.read_bytes()) == len(before)
    with Archive(old) as archive:
        assert archive.session(1).packets == _REPORTS


def test_on_a_disk_too_small_for_a_copy_the_old_archive_stays_as_it_was(disk_of_kb: Callable[[int], Path]) -> None:
    small_disk = disk_of_kb(4096)
    path = _make(small_disk / "sessions.sqlite3")
    before = path.read_bytes()
    with (small_disk / "rubbish").open("wb", buffering=0) as rubbish:
        while os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize > 200_000:
            rubbish.write(bytes(4096))
    with pytest.raises(ArchiveError, match=r"left as it is: the disk is full\. Make room for \d+ MB beside it\."):
        Archive(path)
    assert path.read_bytes() == before
    assert {found.name for found in small_disk.iterdir()} == {"rubbish", "sessions.sqlite3"}
    (small_disk / "rubbish").unlink()
    with Archive(path) as archive:
        assert list(archive.packets(1)) == _LOG
