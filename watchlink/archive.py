"""The archive of sessions: one SQLite file that holds each session's log of packets; all else is computed.

Strategy: the log is written before anything else sees a packet's meaning, in one short transaction at least every half
second of real time, synced to the disk. A crash loses at most that. If a write fails (a full disk), the packets stay in
memory and are written as soon as it works again; the session goes on and `Recorder.trouble` says so. A session whose
recorder was never closed is listed as interrupted and is as readable as any other.

References:
    SQLite documentation, "Write-Ahead Logging" and "PRAGMA synchronous".
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeAlias, cast

from watchlink.ballast import Ballast
from watchlink.clock import Stopwatch, utc_now
from watchlink.consent import at_the_end
from watchlink.erasure import redaction, without
from watchlink.errors import ArchiveError, NoSessionError
from watchlink.packets import Notification, Packet, Purpose, from_json, kind_of, to_json
from watchlink.upgrade import APPLICATION_ID, SCHEMA, VERSION, bring_up_to_date, pragma, recognise

# What a version that is only read does not have yet.
_COLUMNS: Final = {1: "NULL, NULL, 'session'", 2: "cohort, week, 'session'"}
# A row of the log: session_id, seq, at_us, kind, wearable, payload, record.
_Row: TypeAlias = tuple[int, int, int, str, str | None, bytes | None, str | None]

_SHARING: Final = "sharing"
_MAX_INTEGER: Final = 2**63 - 1
_COMMIT_S: Final = 0.5
_RETRY_S: Final = 2.0
_BUSY_S: Final = 5.0
_TURN_S: Final = 0.05
_TURNS: Final = 20
# Of SQLite's virtual machine: less than a millisecond.
_STEPS_BETWEEN_LOOKS: Final = 1_000
# A recorder says that it is alive at each commit; one that has not for this long is gone.
_ALIVE: Final = timedelta(seconds=10)


class SessionState(StrEnum):
    """How a session ended, if it did."""

    COMPLETE = "complete"
    RECORDING = "recording"
    INTERRUPTED = "interrupted"


class SessionKind(StrEnum):
    """What was recorded."""

    SESSION = "session"
    BASELINE = "baseline"
    """A person alone: seated and silent, outside a session."""
    BREATHING = "breathing"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """One session of the archive.

    Attributes:
        id: its number.
        title: what it was called.
        started_at: UTC of the zero of its axis.
        state: complete, still recording, or interrupted (its recorder died).
        duration_s: time of its last packet.
        packets: how many packets its log holds.
        cohort: whose session it was; None for a recording of one's own.
        week: of the programme, from 1; None where nobody said.
        kind: what was recorded.
    """

    id: int
    title: str
    started_at: datetime
    state: SessionState
    duration_s: float
    packets: int
    cohort: str | None = None
    week: int | None = None
    kind: SessionKind = SessionKind.SESSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was deleted.

    Attributes:
        touched: numbers of the sessions of which something went.
        removed: those of them of which nothing was left, so that they went as a whole.
        packets: how many went, by their sort.
        redacted: packets and titles of others in whose words the pseudonym stood.
        pages: of evidence, the person's.
        octets: of the reports that went and that nobody else sent, too: what must not be found any more.
        compacted: whether the file was rewritten; where not, what went was overwritten with zeros in its place.
    """

    touched: tuple[int, ...]
    removed: tuple[int, ...]
    packets: Mapping[str, int]
    redacted: int
    pages: int
    octets: frozenset[bytes]
    compacted: bool


class Archive:
    """An open archive; a context manager."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open the archive at `path`, making it (readable by its owner only) where there is none.

        With `read_only` nothing is made, changed or held up: a session may be recorded there by another program.

        Raises:
            ArchiveError: no archive can be opened or made there, or it is from a newer watchlink.
        """
        self._path = path
        self._version = VERSION
        self._columns = "cohort, week, kind"
        if not read_only:
            self._make_file()
        try:
            if not read_only:
                bring_up_to_date(self._path)
            self._database = self._open_to_read() if read_only else self._open_to_write()
        except (sqlite3.Error, OSError) as error:
            raise self._error("cannot be opened", error) from error
        try:
            if not read_only:
                self._prepare()
            else:
                self._version = recognise(self._database, self._path)
                self._columns = _COLUMNS.get(self._version, self._columns)
        except sqlite3.Error as error:
            self._database.close()
            raise self._error("cannot be opened", error) from error
        except ArchiveError:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        """The archive itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the file."""
        self._database.close()

    def begin(
        self,
        *,
        title: str,
        started_at: datetime,
        cohort: str | None = None,
        week: int | None = None,
        kind: SessionKind = SessionKind.SESSION,
        ballast: Ballast | None = None,
    ) -> Recorder:
        """Begin to record a session; `ballast` is thrown off when the disk is full.

        Raises:
            ArchiveError: the archive cannot be written.
        """
        try:
            row = self._database.execute(
                "INSERT INTO session (title, started_at, seen_at, cohort, week, kind) VALUES (?, ?, ?, ?, ?, ?) "
                "RETURNING id",
                (title, started_at.isoformat(), utc_now().isoformat(), cohort, week, kind),
            ).fetchone()
        except sqlite3.Error as error:
            raise self._error("cannot be written", error) from error
        return Recorder(self._database, session_id=row[0], ballast=ballast)

    def go_on(self, session_id: int, *, ballast: Ballast | None = None) -> Recorder:
        """Go on recording a session that was interrupted, or add to one that is over.

        Raises:
            ArchiveError: there is none of that number, or the archive cannot be read.
        """
        self.session(session_id)
        digest, seq = self._digest(session_id)
        return Recorder(self._database, session_id=session_id, ballast=ballast, seq=seq, digest=digest)

    def add(self, session_id: int, packets: Iterable[Packet]) -> None:
        """Put packets at the end of the log of a session that is over: all of them, or none.

        Raises:
            ArchiveError: there is none of that number, it is being recorded, or the archive cannot be written.
        """
        if self.session(session_id).state is SessionState.RECORDING:
            raise ArchiveError(f"Session {session_id} is being recorded. Mark in it with `watchlink mark`.")
        try:
            self._database.execute("BEGIN IMMEDIATE")
            newest = self._database.execute("SELECT max(seq) FROM log WHERE session_id = ?", (session_id,)).fetchone()[
                0
            ]
            rows = [_row(session_id, seq, packet) for seq, packet in enumerate(packets, (newest or 0) + 1)]
            self._database.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            self._database.execute("UPDATE session SET evidence_by = NULL WHERE id = ?", (session_id,))
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise self._error("cannot be written", error) from error

    def holds(self, recorder: Recorder) -> bool:
        """Whether all that a recorder took is in the archive as it was taken, read from there once more.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        digest, seq = self._digest(recorder.session_id)
        return seq == recorder.packets and digest.value() == recorder.digest

    def sharing(self, session_id: int) -> dict[str, frozenset[Purpose]]:
        """What everybody shares at the end of a session; empty where nobody was asked.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        query = "SELECT record FROM log WHERE session_id = ? AND kind = ? ORDER BY seq"
        try:
            rows = self._database.execute(query, (session_id, _SHARING)).fetchall()
            return at_the_end(from_json(record) for (record,) in rows)
        except (sqlite3.Error, ValueError) as error:
            raise self._error("cannot be read", error) from error

    def _digest(self, session_id: int) -> tuple[_Digest, int]:
        """What the rows of a session hash to, and how many there are."""
        try:
            return _digest_of(self._database, session_id)
        except sqlite3.Error as error:
            raise self._error("cannot be read", error) from error

    def sessions(self) -> list[StoredSession]:
        """All sessions, the oldest first.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        query = f"""
            SELECT id, title, started_at, ended_at, seen_at, {self._columns},
                (SELECT count(*) FROM log WHERE session_id = id),
                (SELECT max(at_us) FROM log WHERE session_id = id)
            FROM session ORDER BY id
        """
        now = utc_now()
        try:
            rows = self._database.execute(query).fetchall()
        except sqlite3.Error as error:
            raise self._error("cannot be read", error) from error
        return [
            StoredSession(
                id=number,
                title=title,
                started_at=datetime.fromisoformat(started_at).astimezone(UTC),
                state=_state(ended_at, datetime.fromisoformat(seen_at), now),
                duration_s=(last_us or 0) / 1_000_000,
                packets=packets,
                cohort=cohort,
                week=week,
                kind=SessionKind(kind),
            )
            for number, title, started_at, ended_at, seen_at, cohort, week, kind, packets, last_us in rows
        ]

    def session(self, session_id: int) -> StoredSession:
        """One session.

        Raises:
            ArchiveError: there is none of that number, or the archive cannot be read.
        """
        for stored in self.sessions():
            if stored.id == session_id:
                return stored
        raise ArchiveError(f"The archive holds no session {session_id}. `watchlink session list` shows what it holds.")

    def evidence(self, session_id: int, *, by: str) -> dict[str, str] | None:
        """What was computed of each person's part of a session, as JSON; None where it has to be computed (anew).

        Args:
            session_id: its number.
            by: what must have computed it.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        if self._version < VERSION:
            return None
        try:
            made_by = self._database.execute("SELECT evidence_by FROM session WHERE id = ?", (session_id,)).fetchone()
            if made_by is None or made_by[0] != by:
                return None
            return dict(
                self._database.execute("SELECT person, record FROM evidence WHERE session_id = ?", (session_id,))
            )
        except sqlite3.Error as error:
            raise self._error("cannot be read", error) from error

    def page_owners(self, session_id: int) -> frozenset[str]:
        """Of whom a computed page of a session is kept.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        if self._version < VERSION:
            return frozenset()
        try:
            rows = self._database.execute("SELECT person FROM evidence WHERE session_id = ?", (session_id,)).fetchall()
        except sqlite3.Error as error:
            raise self._error("cannot be read", error) from error
        return frozenset(person for (person,) in rows)

    def keep_evidence(self, session_id: int, records: Mapping[str, str], *, by: str, packets: int) -> bool:
        """Keep what was computed of a session whose log had so many packets; say whether it was kept.

        It can always be computed again: where something came into the log meanwhile, or nothing can be written, it is
        not kept.
        """
        try:
            self._database.execute("BEGIN IMMEDIATE")
            count = self._database.execute("SELECT count(*) FROM log WHERE session_id = ?", (session_id,)).fetchone()[0]
            if count == packets:
                self._database.execute("DELETE FROM evidence WHERE session_id = ?", (session_id,))
                rows = [(session_id, person, record) for person, record in records.items()]
                self._database.executemany("INSERT INTO evidence VALUES (?, ?, ?)", rows)
                self._database.execute("UPDATE session SET evidence_by = ? WHERE id = ?", (by, session_id))
            self._database.execute("COMMIT")
        except sqlite3.Error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            return False
        return bool(count == packets)

    def erase(self, person: str, *, sessions: Collection[int] | None = None) -> Erased:
        """Delete all that is a person's, from these sessions or from all; what is others' stays byte for byte.

        Raises:
            NoSessionError: a session is being recorded.
            ArchiveError: another program has the archive open, or it cannot be written: nothing was deleted.
        """
        touched: list[int] = []
        removed: list[int] = []
        gone: Counter[str] = Counter()
        octets: set[bytes] = set()
        redacted = pages = 0
        redact = redaction(person)
        with self._alone():
            for stored in self.sessions():
                if sessions is not None and stored.id not in sessions:
                    continue
                pages += self._forget_page(stored.id, person)
                rest = without(list(self.packets(stored.id)), person)
                title = redact(stored.title)
                if not rest.touched and title == stored.title:
                    continue
                touched.append(stored.id)
                gone += rest.gone
                octets |= rest.octets
                redacted += rest.redacted + (title != stored.title)
                if rest.empty:
                    removed.append(stored.id)
                    self._remove(stored.id)
                else:
                    self._put_instead(stored.id, rest.left, title=title)
            octets -= {payload for (payload,) in self._database.execute("SELECT payload FROM log") if payload}
        return Erased(
            touched=tuple(touched),
            removed=tuple(removed),
            packets=dict(gone),
            redacted=redacted,
            pages=pages,
            octets=frozenset(octets),
            compacted=self._compact(),
        )

    def remove(self, sessions: Collection[int]) -> bool:
        """Delete whole sessions; say whether the file was rewritten, too.

        Raises:
            NoSessionError: a session is being recorded.
            ArchiveError: another program has the archive open, or it cannot be written: nothing was deleted.
        """
        with self._alone():
            for number in sessions:
                self._remove(number)
        return self._compact()

    def mentions(self, text: str) -> bool:
        """Whether a text stands anywhere in the archive, as it is or as JSON has it; also inside of other words.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        columns = {"log": ("wearable", "record"), "session": ("title", "cohort"), "evidence": ("person", "record")}
        try:
            return any(
                self._database.execute(f"SELECT 1 FROM {table} WHERE instr({column}, ?) LIMIT 1", (form,)).fetchone()
                for table, names in columns.items()
                for column in names
                for form in {text, json.dumps(text)[1:-1]}
            )
        except sqlite3.Error as error:
            raise self._error("cannot be read", error) from error

    @contextmanager
    def _alone(self) -> Generator[None]:
        """One transaction in which nobody else has the file, and after which what went is zeros: all of it, or nothing.

        Raises:
            NoSessionError: a session is being recorded.
            ArchiveError: another program has the archive open, or it cannot be written.
        """
        try:
            # Leaving the write-ahead log is refused while another program has the file open, and empties the log.
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("PRAGMA journal_mode = TRUNCATE")
            self._database.execute("PRAGMA secure_delete = ON")
            self._database.execute("BEGIN EXCLUSIVE")
            running = [one.id for one in self.sessions() if one.state is SessionState.RECORDING]
            if running:
                raise NoSessionError(
                    f"Session {running[0]} is being recorded, so nothing was deleted. Wait for its end "
                    "(`watchlink mark end`), then say it again."
                )
            yield
            self._database.execute("COMMIT")
        except BaseException as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            self._together()
            if isinstance(error, sqlite3.Error):
                raise self._error("was not changed, nothing was deleted", error) from error
            raise

    def _compact(self) -> bool:
        """Rewrite the file without the room that was freed, and let others in again; say whether it was done."""
        try:
            self._database.execute("VACUUM")
        except sqlite3.Error:
            return False
        finally:
            self._together()
        return True

    def _together(self) -> None:
        """Let other programs in again; where that is refused, closing the archive does it."""
        with suppress(sqlite3.Error):
            self._database.execute("PRAGMA locking_mode = NORMAL")
            self._use_write_ahead_log()
            self._database.execute("SELECT count(*) FROM session").fetchone()

    def _forget_page(self, session_id: int, person: str) -> int:
        pages = self._database.execute("SELECT person FROM evidence WHERE session_id = ?", (session_id,)).fetchall()
        theirs = [(session_id, whose) for (whose,) in pages if whose.casefold() == person.casefold()]
        self._database.executemany("DELETE FROM evidence WHERE session_id = ? AND person = ?", theirs)
        return len(theirs)

    def _remove(self, session_id: int) -> None:
        for table, column in (("evidence", "session_id"), ("log", "session_id"), ("session", "id")):
            self._database.execute(f"DELETE FROM {table} WHERE {column} = ?", (session_id,))

    def _put_instead(self, session_id: int, left: Sequence[Packet | None], *, title: str) -> None:
        """Keep of a log what stays in the place of each packet; what was computed of it is computed anew."""
        query = "SELECT * FROM log WHERE session_id = ? ORDER BY seq"
        rows: list[_Row] = []
        for old, packet in zip(self._database.execute(query, (session_id,)).fetchall(), left, strict=True):
            if packet is None:
                continue
            new = _row(session_id, len(rows) + 1, packet)
            is_same = old[6] is None or from_json(old[6]) == packet  # then as it was written, by whichever version
            rows.append((session_id, new[1], *old[2:]) if is_same else new)
        self._database.execute("DELETE FROM log WHERE session_id = ?", (session_id,))
        self._database.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        self._database.execute("DELETE FROM evidence WHERE session_id = ?", (session_id,))
        self._database.execute("UPDATE session SET title = ?, evidence_by = NULL WHERE id = ?", (title, session_id))

    def packets(self, session_id: int) -> Generator[Packet]:
        """A session's log in order; close the generator if it is left before its end.

        Raises:
            ArchiveError: the archive cannot be read.
        """
        query = "SELECT at_us, wearable, payload, record FROM log WHERE session_id = ? ORDER BY seq"
        try:
            with closing(self._database.execute(query, (session_id,))) as rows:
                for at_us, wearable, payload, record in rows:
                    if record is None:
                        yield Notification(at_us=at_us, wearable=wearable, payload=payload)
                    else:
                        yield from_json(record)
        except (sqlite3.Error, ValueError) as error:
            raise self._error("cannot be read", error) from error

    def damage(self, *, limit_s: float) -> str | None:
        """What SQLite's own check finds to be wrong with the file; None if nothing.

        Raises:
            TimeoutError: the check was not done after `limit_s`.
            ArchiveError: the file cannot be read.
        """
        since = Stopwatch()
        self._database.set_progress_handler(lambda: since.elapsed_s() > limit_s, _STEPS_BETWEEN_LOOKS)
        try:
            found = self._database.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise TimeoutError from error
            raise self._error("cannot be read", error) from error
        except sqlite3.DatabaseError as error:
            return str(error)
        finally:
            self._database.set_progress_handler(None, 0)
        return None if found == "ok" else str(found)

    def _make_file(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._path.touch(mode=0o600)
        except OSError as error:
            if not self._path.is_file():
                raise ArchiveError(
                    f"The archive {self._path} cannot be made: {error.strerror}. Choose another place with --archive."
                ) from error

    def _open_to_write(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)

    def _open_to_read(self) -> sqlite3.Connection:
        # Where no log lies beside it nobody writes, and "immutable" keeps SQLite from putting one there just to read.
        log = self._path.with_name(f"{self._path.name}-wal")
        in_use = log.is_file() and log.stat().st_size > 0
        address = f"{self._path.absolute().as_uri()}?mode=ro{'' if in_use else '&immutable=1'}"
        return sqlite3.connect(address, uri=True, timeout=_BUSY_S, isolation_level=None)

    def _prepare(self) -> None:
        version = recognise(self._database, self._path)
        self._database.execute("PRAGMA foreign_keys = ON")
        self._use_write_ahead_log()
        self._database.execute("PRAGMA synchronous = FULL")
        if version == 0:
            self._make_schema()

    def _use_write_ahead_log(self) -> None:
        # While another program makes the same archive this is refused at once instead of waiting; a transaction does
        # wait for its turn, so we take one and ask again.
        for _ in range(_TURNS):
            try:
                self._database.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                self._database.execute("BEGIN IMMEDIATE")
                self._database.execute("COMMIT")
            else:
                return
        self._database.execute("PRAGMA journal_mode = WAL")

    def _make_schema(self) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        if pragma(self._database, "user_version") == 0:  # else another program made it while we waited for our turn
            for statement in SCHEMA:
                self._database.execute(statement)
            self._database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._database.execute(f"PRAGMA user_version = {VERSION}")
        self._database.execute("COMMIT")

    def _error(self, what: str, error: Exception) -> ArchiveError:
        text = str(error)
        if "locked" in text or "busy" in text:
            todo = "Another program holds it: close that program and try again."
        elif "readonly" in text:
            todo = "It is read-only: make it writable, or choose another archive with --archive."
        elif "full" in text:
            todo = "The disk is full: make room, or choose another archive with --archive."
        elif "not a database" in text or "malformed" in text:
            todo = "It is no watchlink archive or is damaged: choose another one with --archive, and keep this file."
        else:
            todo = "Check the path and its permissions, or choose another archive with --archive."
        return ArchiveError(f"The archive {self._path} {what}: {text}. {todo}")


class _Digest:
    """What rows of a log hash to, in their order."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def take(self, row: _Row) -> None:
        self._hash.update(repr(row).encode())

    def value(self) -> bytes:
        return self._hash.digest()


def _digest_of(database: sqlite3.Connection, session_id: int) -> tuple[_Digest, int]:
    digest, seq = _Digest(), 0
    query = "SELECT session_id, seq, at_us, kind, wearable, payload, record FROM log WHERE session_id = ? ORDER BY seq"
    with closing(database.execute(query, (session_id,))) as rows:
        for row in rows:
            seq = row[1]
            digest.take(row)
    return digest, seq


class Recorder:
    """Writes one session's log; made by `Archive.begin`. None of its methods raises because of the disk."""

    def __init__(
        self,
        database: sqlite3.Connection,
        *,
        session_id: int,
        ballast: Ballast | None = None,
        seq: int = 0,
        digest: _Digest | None = None,
    ) -> None:
        """Record into a session that exists, whose log has `seq` rows that hash to `digest`."""
        self._database = database
        self.session_id = session_id
        self._ballast = ballast
        self._wait_for_others(seconds=_TURN_S)
        self._pending: list[_Row] = []
        self._seq = seq
        self._digest = digest or _Digest()
        self._since_commit = Stopwatch()
        self.trouble: str | None = None
        """Why the last write failed, in plain words; None while all is well."""

    @property
    def packets(self) -> int:
        """How many packets the session's log has, or is to have."""
        return self._seq

    @property
    def digest(self) -> bytes:
        """What all that was taken hashes to."""
        return self._digest.value()

    @property
    def unsaved(self) -> int:
        """Packets that are in memory only."""
        return len(self._pending)

    def accept(self, packet: Packet) -> None:
        """Take one packet; it is on the disk half a second later at the latest."""
        self._seq += 1
        row = _row(self.session_id, self._seq, packet)
        self._pending.append(row)
        self._digest.take(row)
        self.tick()

    def tick(self) -> None:
        """Write what is due; to be called also when nothing arrives."""
        if self._since_commit.elapsed_s() >= (_COMMIT_S if self.trouble is None else _RETRY_S):
            self._commit(ended_at=None)

    def close(self) -> None:
        """Write what is left and mark the session as complete."""
        self._wait_for_others(seconds=_BUSY_S)
        self._commit(ended_at=utc_now().isoformat())
        if self._ballast is not None:
            self._ballast.throw_off()

    def unsaved_packets(self) -> Generator[Packet]:
        """What could not be written, for somebody who writes it elsewhere."""
        for _, _, at_us, _, wearable, payload, record in self._pending:
            if record is None:
                yield Notification(at_us=at_us, wearable=wearable or "", payload=payload or b"")
            else:
                yield from_json(record)

    def _wait_for_others(self, *, seconds: float) -> None:
        """How long to wait for another program's write: hardly, while reports arrive; patiently at the end."""
        self._database.execute(f"PRAGMA busy_timeout = {round(1000 * seconds)}")

    def _commit(self, *, ended_at: str | None) -> None:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            self._make_way()
            self._database.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?)", self._pending)
            self._database.execute(
                "UPDATE session SET seen_at = ?, ended_at = ?, evidence_by = NULL WHERE id = ?",
                (utc_now().isoformat(), ended_at, self.session_id),
            )
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            self.trouble = str(error)
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL and self._ballast is not None:
                ballast, self._ballast = self._ballast, None
                ballast.throw_off()
                self._commit(ended_at=ended_at)
                return
        else:
            self._pending.clear()
            self.trouble = None
        self._since_commit.restart()

    def _make_way(self) -> None:
        """Somebody may have added to this log while this computer slept: what is pending comes after it."""
        query = "SELECT max(seq) FROM log WHERE session_id = ?"
        newest = self._database.execute(query, (self.session_id,)).fetchone()[0] or 0
        if newest == self._seq - len(self._pending):
            return
        self._digest, self._seq = _digest_of(self._database, self.session_id)
        pending, self._pending = self._pending, []
        for session_id, _, *rest in pending:
            self._seq += 1
            row = cast("_Row", (session_id, self._seq, *rest))
            self._digest.take(row)
            self._pending.append(row)


def _row(session_id: int, seq: int, packet: Packet) -> _Row:
    at_us = max(-_MAX_INTEGER, min(packet.at_us, _MAX_INTEGER))  # no typing mistake in an event stops the others
    if isinstance(packet, Notification):
        return (session_id, seq, at_us, "notification", packet.wearable, packet.payload, None)
    return (session_id, seq, at_us, kind_of(packet), getattr(packet, "wearable", None), None, to_json(packet))


def _state(ended_at: str | None, seen_at: datetime, now: datetime) -> SessionState:
    if ended_at is not None:
        return SessionState.COMPLETE
    return SessionState.RECORDING if now - seen_at < _ALIVE else SessionState.INTERRUPTED
