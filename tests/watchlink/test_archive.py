"""The archive: what goes in comes out, whatever the disk, a crash or another program does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Generator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import watchlink
from watchlink.archive import Archive, Recorder, SessionState
from watchlink.ballast import Ballast
from watchlink.clock import utc_now
from watchlink.errors import ArchiveError, NoSessionError
from watchlink.only_one import OnlyOne
from watchlink.packets import (
    Attribute,
    AttributeRead,
    EventKind,
    LinkChange,
    LinkState,
    Notification,
    Packet,
    Purpose,
    Seat,
    SessionEvent,
    Sharing,
)

_ROOT = Path(watchlink.__file__).parents[1]
_STARTED_AT = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
_TIMES = st.integers(min_value=-(2**62), max_value=2**62)
_PACKETS: st.SearchStrategy[Packet] = st.one_of(
    st.builds(Seat, at_us=_TIMES, person=st.text(), wearable=st.text(), profile=st.text()),
    st.builds(Notification, at_us=_TIMES, wearable=st.text(), payload=st.binary(max_size=64)),
    st.builds(
        AttributeRead,
        at_us=_TIMES,
        wearable=st.text(),
        attribute=st.sampled_from(Attribute),
        payload=st.binary(max_size=64),
    ),
    st.builds(LinkChange, at_us=_TIMES, wearable=st.text(), state=st.sampled_from(LinkState), reason=st.text()),
    st.builds(
        SessionEvent,
        at_us=_TIMES,
        kind=st.sampled_from([EventKind.BLOCK, EventKind.MARK]),
        label=st.text(),
        person=st.none() | st.text(),
        note=st.text(),
    ),
)


def _report(number: int, *, size: int = 4) -> Notification:
    return Notification(at_us=number * 1_000_000, wearable="w1", payload=number.to_bytes(4, "big") * (size // 4))


def _write_now(recorder: Recorder) -> None:
    """Let a minute of real time pass for the recorder."""
    recorder._since_commit._since_s -= 60
    recorder.tick()


def _standing(recorder: Recorder) -> tuple[str | None, int]:
    return recorder.trouble, recorder.unsaved


def _sql(path: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        return list(database.execute(statement, values))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.sqlite3"


@pytest.fixture
def archive(path: Path) -> Generator[Archive]:
    with Archive(path) as opened:
        yield opened


# --- what goes in comes out ------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(log=st.lists(_PACKETS, max_size=20), title=st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"])))
def test_every_packet_comes_back_as_it_was_in_its_order(
    tmp_path_factory: pytest.TempPathFactory, log: list[Packet], title: str
) -> None:
    path = tmp_path_factory.mktemp("archive") / "sessions.sqlite3"
    with Archive(path) as archive:
        recorder = archive.begin(title=title, started_at=_STARTED_AT)
        for packet in log:
            recorder.accept(packet)
        recorder.close()
        assert _standing(recorder) == (None, 0)
    with Archive(path) as archive:
        assert list(archive.packets(recorder.session_id)) == log
        stored = archive.session(recorder.session_id)
    assert (stored.title, stored.started_at, stored.packets) == (title, _STARTED_AT, len(log))
    assert stored.duration_s == max((packet.at_us for packet in log), default=0) / 1_000_000


def test_sessions_keep_their_logs_apart_and_are_listed_in_order(archive: Archive) -> None:
    first = archive.begin(title="first", started_at=_STARTED_AT)
    second = archive.begin(title="second", started_at=_STARTED_AT + timedelta(days=7))
    for number in range(10):
        (first if number % 2 else second).accept(_report(number))
    second.close()
    first.close()
    assert [(stored.id, stored.title, stored.packets) for stored in archive.sessions()] == [
        (first.session_id, "first", 5),
        (second.session_id, "second", 5),
    ]
    assert list(archive.packets(first.session_id)) == [_report(number) for number in (1, 3, 5, 7, 9)]
    assert list(archive.packets(second.session_id)) == [_report(number) for number in (0, 2, 4, 6, 8)]


def test_the_zero_of_a_session_is_kept_in_utc_whatever_zone_it_was_told_in(archive: Archive) -> None:
    told = datetime.fromisoformat("2026-03-01T19:00:00.000001+01:00")
    number = archive.begin(title="", started_at=told).session_id
    stored = archive.session(number)
    assert stored.started_at == told
    assert stored.started_at.utcoffset() == timedelta(0)


def test_a_session_that_is_not_there_is_named_with_the_command_that_lists_them(archive: Archive) -> None:
    with pytest.raises(ArchiveError, match=r"no session 99\..*`watchlink session list`"):
        archive.session(99)


def test_another_program_can_read_the_archive_while_a_session_is_recorded(path: Path, archive: Archive) -> None:
    recorder = archive.begin(title="under way", started_at=_STARTED_AT)
    for number in range(3):
        recorder.accept(_report(number))
    _write_now(recorder)
    with Archive(path) as other:
        assert [stored.state for stored in other.sessions()] == [SessionState.RECORDING]
        assert list(other.packets(recorder.session_id)) == [_report(number) for number in range(3)]
    recorder.close()


def test_the_archive_and_its_companions_can_be_read_by_their_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with Archive(tmp_path / "deep" / "er" / "sessions.sqlite3") as archive:
            recorder = archive.begin(title="", started_at=_STARTED_AT)
            recorder.accept(_report(1))
            _write_now(recorder)
            modes = {found.name: stat.S_IMODE(found.stat().st_mode) for found in (tmp_path / "deep" / "er").iterdir()}
            folder = stat.S_IMODE((tmp_path / "deep" / "er").stat().st_mode)
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("sessions.sqlite3", "sessions.sqlite3-wal", "sessions.sqlite3-shm"), 0o600)
    assert folder == 0o700


def test_what_is_committed_survives_the_loss_of_power(archive: Archive) -> None:
    """No test can pull the plug; SQLite promises it for these two settings."""
    modes = [archive._database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert modes == ["wal", 2]


# --- how a session ended ---------------------------------------------------------------------------------------------


def test_a_session_is_recording_until_its_recorder_is_closed_then_complete(archive: Archive) -> None:
    recorder = archive.begin(title="", started_at=_STARTED_AT)
    assert archive.session(recorder.session_id).state is SessionState.RECORDING
    recorder.accept(_report(1))
    recorder.close()
    assert archive.session(recorder.session_id).state is SessionState.COMPLETE


@pytest.mark.parametrize(
    ("age_s", "ended", "state"),
    [
        (0, False, SessionState.RECORDING),
        (5, False, SessionState.RECORDING),
        (11, False, SessionState.INTERRUPTED),
        (86_400 * 365, False, SessionState.INTERRUPTED),
        (86_400 * 365, True, SessionState.COMPLETE),
    ],
)
def test_the_state_follows_from_the_last_sign_of_life(
    path: Path, archive: Archive, age_s: int, ended: bool, state: SessionState
) -> None:
    recorder = archive.begin(title="", started_at=_STARTED_AT)
    if ended:
        recorder.close()
    seen_at = (utc_now() - timedelta(seconds=age_s)).isoformat()
    _sql(path, "UPDATE session SET seen_at = ?", seen_at)
    assert archive.session(recorder.session_id).state is state


def test_a_recorder_that_nothing_arrives_at_still_gives_signs_of_life(path: Path, archive: Archive) -> None:
    recorder = archive.begin(title="", started_at=_STARTED_AT)
    _sql(path, "UPDATE session SET seen_at = ?", (utc_now() - timedelta(hours=1)).isoformat())
    assert archive.session(recorder.session_id).state is SessionState.INTERRUPTED
    _write_now(recorder)
    assert archive.session(recorder.session_id).state is SessionState.RECORDING


_RECORD_UNTIL_KILLED = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from watchlink.archive import Archive
from watchlink.clock import MachineClock
from watchlink.hub import run_session
from watchlink.packets import Notification
from watchlink.sources.replay import ReplaySource

class Told:
    def accept(self, item):
        if isinstance(item, Notification):
            print(int.from_bytes(item.payload[2:], "little"), time.monotonic_ns(), flush=True)
    def tick(self, now_us, *, trouble):
        assert trouble is None, trouble
    def close(self, timeline):
        pass

clock = MachineClock()
payloads = (b"\\x00\\x40" + number.to_bytes(4, "little") for number in range(10**6))
packets = (Notification(at_us=n * 2_000, wearable="w1", payload=payload) for n, payload in enumerate(payloads))
with Archive(Path(sys.argv[1])) as archive:
    recorder = archive.begin(title="killed", started_at=clock.started_at)
    clock.run(run_session(ReplaySource(packets, clock=clock), clock=clock, recorder=recorder, sinks=[Told()]))
"""


def test_a_recorder_that_was_killed_leaves_all_but_the_last_second_and_is_listed_as_interrupted(path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(_RECORD_UNTIL_KILLED), str(path)]
    handed_over: list[tuple[int, int]] = []
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            number, at_ns = map(int, line.split())
            handed_over.append((number, at_ns))
            if len(handed_over) > 150 and at_ns - handed_over[150][1] > 1_500_000_000:
                os.kill(child.pid, signal.SIGKILL)
                break
        for line in child.stdout.read().splitlines():  # what it said before it was hit
            number, at_ns = map(int, line.split())
            handed_over.append((number, at_ns))
    assert child.returncode == -signal.SIGKILL

    with Archive(path) as archive:
        (stored,) = archive.sessions()
        assert stored.state is SessionState.RECORDING  # nobody can know better yet
        packets = list(archive.packets(stored.id))
    _age(path, by=timedelta(seconds=11))
    with Archive(path) as archive:
        (stored,) = archive.sessions()
        assert stored.state is SessionState.INTERRUPTED
        assert list(archive.packets(stored.id)) == packets

    saved = [int.from_bytes(packet.payload[2:], "little") for packet in packets if isinstance(packet, Notification)]
    assert saved == list(range(len(packets)))
    died_ns = handed_over[-1][1]
    must_be_there = [number for number, at_ns in handed_over if at_ns < died_ns - 1_000_000_000]
    assert len(must_be_there) > 100
    assert set(must_be_there) <= set(saved)


def _age(path: Path, *, by: timedelta) -> None:
    """Make every recorder's last sign of life older."""
    for number, seen_at in _sql(path, "SELECT id, seen_at FROM session"):
        older = datetime.fromisoformat(str(seen_at)) - by
        _sql(path, "UPDATE session SET seen_at = ? WHERE id = ?", older.isoformat(), number)


# --- a session that goes on, and what is told of it -----------------------------------------------------------------


def test_a_cohorts_session_keeps_whose_it_is_and_its_week(archive: Archive) -> None:
    of_cohort = archive.begin(title="", started_at=_STARTED_AT, cohort="Lions", week=3).session_id
    alone = archive.begin(title="", started_at=_STARTED_AT).session_id
    assert [(one.cohort, one.week) for one in map(archive.session, (of_cohort, alone))] == [("Lions", 3), (None, None)]


@settings(max_examples=30)
@given(log=st.lists(_PACKETS, max_size=12), cut=st.integers(0, 12))
def test_a_session_that_is_taken_up_again_is_the_one_that_was_never_interrupted(
    tmp_path_factory: pytest.TempPathFactory, log: list[Packet], cut: int
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    path = folder / "sessions.sqlite3"
    with Archive(path) as archive:
        interrupted = archive.begin(title="", started_at=_STARTED_AT)
        for packet in log[:cut]:
            interrupted.accept(packet)
        _write_now(interrupted)
    with Archive(path) as archive, Archive(folder / "other.sqlite3") as other:
        taken_up = archive.go_on(interrupted.session_id)
        assert (taken_up.packets, taken_up.digest) == (interrupted.packets, interrupted.digest)
        for packet in log[cut:]:
            taken_up.accept(packet)
        taken_up.close()
        never_interrupted = other.begin(title="", started_at=_STARTED_AT)
        for packet in log:
            never_interrupted.accept(packet)
        never_interrupted.close()
        assert taken_up.session_id == never_interrupted.session_id
        assert (taken_up.packets, taken_up.digest) == (never_interrupted.packets, never_interrupted.digest)
        assert archive.holds(taken_up)
        assert list(archive.packets(taken_up.session_id)) == log
        assert archive.session(taken_up.session_id).state is SessionState.COMPLETE
    assert [seq for (seq,) in _sql(path, "SELECT seq FROM log ORDER BY seq")] == list(range(1, len(log) + 1))


def test_a_complete_session_that_is_added_to_is_recording_until_it_is_closed_again(archive: Archive) -> None:
    first = archive.begin(title="", started_at=_STARTED_AT)
    first.accept(_report(1))
    first.close()
    added = archive.go_on(first.session_id)
    added.accept(_report(2))
    _write_now(added)
    assert archive.session(first.session_id).state is SessionState.RECORDING
    added.close()
    assert archive.session(first.session_id).state is SessionState.COMPLETE
    assert list(archive.packets(first.session_id)) == [_report(1), _report(2)]


def test_no_session_goes_on_that_is_not_there(archive: Archive) -> None:
    with pytest.raises(ArchiveError, match=r"no session 7\."):
        archive.go_on(7)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE log SET payload = x'0051' WHERE seq = 3",
        "UPDATE log SET at_us = at_us + 1 WHERE seq = 3",
        "UPDATE log SET wearable = 'w2' WHERE seq = 3",
        "UPDATE log SET record = replace(record, 'w1', 'w2') WHERE seq = 1",
        "DELETE FROM log WHERE seq = 3",
        "DELETE FROM log WHERE seq = 4",
        "DELETE FROM log",
        "INSERT INTO log VALUES (1, 5, 5000000, 'notification', 'w1', x'0040', NULL)",
    ],
)
def test_a_log_is_held_as_it_was_taken_until_a_row_is_changed_missing_or_more(
    path: Path, archive: Archive, change: str
) -> None:
    other = archive.begin(title="of somebody else", started_at=_STARTED_AT).session_id
    recorder = archive.begin(title="", started_at=_STARTED_AT)
    recorder.accept(Seat(at_us=0, person="Heron", wearable="w1", profile="generic"))
    for number in range(1, 4):
        recorder.accept(_report(number))
    assert not archive.holds(recorder)  # it is in memory still
    recorder.close()
    assert archive.holds(recorder)
    assert _sql(path, "SELECT count(*) FROM log WHERE session_id = ?", other) == [(0,)]
    _sql(path, change.replace("VALUES (1,", f"VALUES ({recorder.session_id},"))
    assert not archive.holds(recorder)


def test_what_a_person_shares_is_what_they_said_last(archive: Archive) -> None:
    everything = frozenset(Purpose)
    recorder = archive.begin(title="", started_at=_STARTED_AT)
    for at_us, person, purposes in (
        (0, "Heron", everything),
        (1, "Otter", frozenset[Purpose]()),
        (2, "Heron", frozenset({Purpose.RISES})),
        (3, "Otter", frozenset({Purpose.HRV, Purpose.RAW})),
        (4, "Heron", frozenset[Purpose]()),
    ):
        recorder.accept(Sharing(at_us=at_us, person=person, purposes=purposes, wording="1:0"))
        recorder.accept(_report(at_us))
    recorder.close()
    nobody_asked = archive.begin(title="", started_at=_STARTED_AT)
    nobody_asked.accept(_report(1))
    nobody_asked.close()
    assert archive.sharing(recorder.session_id) == {
        "Heron": frozenset(),
        "Otter": frozenset({Purpose.HRV, Purpose.RAW}),
    }
    assert archive.sharing(nobody_asked.session_id) == {}


def test_what_is_shared_in_a_damaged_log_is_an_error_and_not_everything(path: Path, archive: Archive) -> None:
    recorder = archive.begin(title="", started_at=_STARTED_AT)
    recorder.accept(Sharing(at_us=0, person="Heron", purposes=frozenset(), wording="1:0"))
    recorder.close()
    _sql(path, "UPDATE log SET record = '{}'")
    with pytest.raises(ArchiveError, match="cannot be read"):
        archive.sharing(recorder.session_id)


# --- a person who is deleted -----------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(log=st.lists(_PACKETS, max_size=12), seated=st.booleans())
def test_what_others_have_stored_stays_row_for_row_when_a_person_is_deleted(
    tmp_path_factory: pytest.TempPathFactory, log: list[Packet], seated: bool
) -> None:
    path = tmp_path_factory.mktemp("archive") / "sessions.sqlite3"
    theirs: list[Packet] = [
        Seat(at_us=0, person="Heron", wearable="w of Heron", profile="generic"),
        Notification(at_us=1, wearable="w of Heron", payload=b"only Heron's own octets"),
        SessionEvent(at_us=2, kind=EventKind.MARK, label="escalation", person="heron"),
    ]
    with Archive(path) as archive:
        for packets in (log, [*log, *theirs] if seated else log):
            recorder = archive.begin(title="", started_at=_STARTED_AT)
            for packet in packets:
                recorder.accept(packet)
            recorder.close()
    query = "SELECT session_id, seq, at_us, kind, wearable, payload, record FROM log WHERE session_id = 1"
    before = _sql(path, query)
    with Archive(path) as archive:
        erased = archive.erase("HERON")
        assert erased.touched == ((2,) if seated else ())
        assert erased.octets == ({b"only Heron's own octets"} if seated else set())
        assert erased.compacted
        if 2 not in erased.removed:
            assert list(archive.packets(2)) == log
        recorder = archive.begin(title="", started_at=_STARTED_AT)  # and it goes on
        recorder.accept(_report(1))
        recorder.close()
        assert archive.holds(recorder)
    assert _sql(path, query) == before
    assert b"Heron" not in path.read_bytes()


def test_other_programs_come_in_again_after_a_deletion(path: Path, archive: Archive) -> None:
    archive.erase("Heron")
    with Archive(path) as other:
        other.begin(title="", started_at=_STARTED_AT).close()
        assert archive._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert len(archive.sessions()) == 1


# --- an archive of before there were cohorts -------------------------------------------------------------------------


_OF_VERSION_1 = """
CREATE TABLE session (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    seen_at TEXT NOT NULL
) STRICT;
CREATE TABLE log (
    session_id INTEGER NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    kind TEXT NOT NULL,
    wearable TEXT,
    payload BLOB,
    record TEXT,
    PRIMARY KEY (session_id, seq)
) STRICT, WITHOUT ROWID;
PRAGMA application_id = 0x574C4E4B;
PRAGMA user_version = 1;
INSERT INTO session VALUES (1, 'old', '2026-03-01T18:00:00+00:00', '2026-03-01T20:00:00+00:00',
    '2026-03-01T20:00:00+00:00');
INSERT INTO log VALUES (1, 1, 0, 'seat', 'w1', NULL,
    '{"at_us": 0, "type": "seat", "person": "Heron", "wearable": "w1", "profile": "generic"}');
INSERT INTO log VALUES (1, 2, 1000000, 'notification', 'w1', x'00000001', NULL);
"""
_OLD_LOG: list[Packet] = [Seat(at_us=0, person="Heron", wearable="w1", profile="generic"), _report(1)]


@pytest.fixture
def old(path: Path) -> Path:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(_OF_VERSION_1)
    return path


def _version_and_columns(path: Path) -> tuple[object, list[object]]:
    ((version,),) = _sql(path, "PRAGMA user_version")
    return version, [name for _, name, *_ in _sql(path, "PRAGMA table_info(session)")]


def test_an_archive_of_before_cohorts_is_read_without_being_changed(old: Path) -> None:
    before = old.read_bytes()
    with Archive(old, read_only=True) as archive:
        (stored,) = archive.sessions()
        assert (stored.title, stored.state, stored.packets) == ("old", SessionState.COMPLETE, 2)
        assert (stored.cohort, stored.week) == (None, None)
        assert archive.session(1) == stored
        assert list(archive.packets(1)) == _OLD_LOG
        assert archive.sharing(1) == {}
    assert old.read_bytes() == before
    assert list(old.parent.iterdir()) == [old]


def test_an_archive_of_before_cohorts_becomes_one_of_today_when_it_is_opened_to_write(old: Path) -> None:
    for _ in range(2):  # the second time there is nothing left to do
        with Archive(old) as archive:
            (stored,) = archive.sessions()
            assert (stored.title, stored.state, stored.packets) == ("old", SessionState.COMPLETE, 2)
            assert (stored.cohort, stored.week) == (None, None)
            assert list(archive.packets(1)) == _OLD_LOG
        columns = ["id", "title", "started_at", "ended_at", "seen_at", "cohort", "week", "kind", "evidence_by"]
        assert _version_and_columns(old) == (3, columns)
    with Archive(old) as archive:
        archive.begin(title="new", started_at=_STARTED_AT, cohort="Lions", week=1).close()
    with Archive(old, read_only=True) as archive:
        assert [(one.title, one.cohort, one.week) for one in archive.sessions()] == [
            ("old", None, None),
            ("new", "Lions", 1),
        ]


def test_two_programs_that_meet_an_old_archive_at_once_bring_it_up_to_date_once(old: Path) -> None:
    failures: list[str] = []
    start = threading.Barrier(4)

    def open_it() -> None:
        start.wait()
        try:
            with Archive(old) as archive:
                assert list(archive.packets(1)) == _OLD_LOG
        except ArchiveError as error:
            failures.append(str(error))

    openers = [threading.Thread(target=open_it) for _ in range(4)]
    for opener in openers:
        opener.start()
    for opener in openers:
        opener.join()
    assert failures == []
    assert _version_and_columns(old)[0] == 3


# --- what a disk can do ----------------------------------------------------------------------------------------------


def _fill_the_disk(archive: Archive) -> None:
    pages = archive._database.execute("PRAGMA page_count").fetchone()[0]
    archive._database.execute(f"PRAGMA max_page_count = {pages}")


def _make_room(archive: Archive) -> None:
    archive._database.execute("PRAGMA max_page_count = 1000000")


def test_a_full_disk_stops_no_session_and_loses_nothing_once_there_is_room(archive: Archive) -> None:
    recorder = archive.begin(title="", started_at=_STARTED_AT)
    log = [_report(number, size=400) for number in range(400)]
    for packet in log[:10]:
        recorder.accept(packet)
    _write_now(recorder)
    _fill_the_disk(archive)

    for packet in log[10:200]:
        recorder.accept(packet)
    _write_now(recorder)
    assert _standing(recorder) == ("database or disk is full", 190)
    assert list(archive.packets(recorder.session_id)) == log[:10]

    for packet in log[200:]:
        recorder.accept(packet)
    _write_now(recorder)
    assert _standing(recorder) == ("database or disk is full", 390)

    _make_room(archive)
    _write_now(recorder)
    assert _standing(recorder) == (None, 0)
    recorder.close()
    assert list(archive.packets(recorder.session_id)) == log


def test_a_disk_that_is_full_to_the_end_leaves_a_whole_log_that_is_not_called_complete(
    path: Path, archive: Archive
) -> None:
    recorder = archive.begin(title="", started_at=_STARTED_AT)
    recorder.accept(_report(1))
    _write_now(recorder)
    _fill_the_disk(archive)
    for number in range(2, 500):
        recorder.accept(_report(number, size=400))
    recorder.close()
    assert _standing(recorder) == ("database or disk is full", 498)
    with Archive(path) as other:
        assert list(other.packets(recorder.session_id)) == [_report(1)]
        assert other.session(recorder.session_id).state is not SessionState.COMPLETE


class _Counted(Ballast):
    """A ballast that knows how often it was thrown off."""

    thrown = 0

    def throw_off(self) -> None:
        """Count, and give the room back."""
        self.thrown += 1
        super().throw_off()


@pytest.fixture
def ballast(tmp_path: Path) -> _Counted:
    carried = _Counted(tmp_path / "ballast")
    assert carried.take_on(1)
    return carried


def test_a_ballast_is_real_room_that_only_its_owner_can_read_and_that_is_given_back(
    tmp_path: Path, ballast: _Counted
) -> None:
    status = (tmp_path / "ballast").stat()
    assert (status.st_size, stat.S_IMODE(status.st_mode)) == (1 << 20, 0o600)
    assert status.st_blocks * 512 >= 1 << 20
    ballast.throw_off()
    ballast.throw_off()  # there is nothing left to give, and that is no trouble
    assert not (tmp_path / "ballast").exists()


def test_where_no_ballast_can_lie_there_is_none(tmp_path: Path) -> None:
    assert not Ballast(tmp_path / "nowhere" / "ballast").take_on(1)


def test_a_full_disk_throws_the_ballast_off_once_and_nothing_is_lost(
    tmp_path: Path, archive: Archive, ballast: _Counted
) -> None:
    recorder = archive.begin(title="", started_at=_STARTED_AT, ballast=ballast)
    log = [_report(number, size=400) for number in range(300)]
    recorder.accept(log[0])
    _write_now(recorder)
    assert ballast.thrown == 0
    _fill_the_disk(archive)
    for packet in log[1:200]:
        recorder.accept(packet)
    _write_now(recorder)
    assert (ballast.thrown, (tmp_path / "ballast").exists()) == (1, False)
    assert _standing(recorder) == ("database or disk is full", 199)  # this disk is full all the same
    for packet in log[200:]:
        recorder.accept(packet)
    _write_now(recorder)
    assert list(recorder.unsaved_packets()) == log[1:]
    _make_room(archive)
    recorder.close()
    assert ballast.thrown == 1
    assert _standing(recorder) == (None, 0)
    assert archive.holds(recorder)
    assert list(archive.packets(recorder.session_id)) == log


def test_a_ballast_is_kept_while_another_program_is_in_the_way_and_given_back_at_the_end(
    tmp_path: Path, path: Path, archive: Archive, ballast: _Counted
) -> None:
    recorder = archive.begin(title="", started_at=_STARTED_AT, ballast=ballast)
    with _held_by_another_program(path):
        recorder.accept(_report(1))
        _write_now(recorder)
        assert recorder.trouble == "database is locked"
    assert (ballast.thrown, (tmp_path / "ballast").exists()) == (0, True)
    recorder.close()
    assert (ballast.thrown, (tmp_path / "ballast").exists()) == (1, False)
    assert archive.holds(recorder)


@settings(max_examples=30)
@given(log=st.lists(_PACKETS, max_size=12))
def test_what_could_not_be_written_can_be_had_from_memory_as_it_was_taken(
    tmp_path_factory: pytest.TempPathFactory, log: list[Packet]
) -> None:
    path = tmp_path_factory.mktemp("archive") / "sessions.sqlite3"
    with Archive(path) as archive:
        recorder = archive.begin(title="", started_at=_STARTED_AT)
        with _held_by_another_program(path):
            for packet in log:
                recorder.accept(packet)
            _write_now(recorder)
            assert _standing(recorder) == ("database is locked", len(log))
            assert list(recorder.unsaved_packets()) == log


def test_no_session_begins_on_a_full_disk(archive: Archive) -> None:
    _fill_the_disk(archive)
    with pytest.raises(ArchiveError, match=r"database or disk is full\. The disk is full: make room"):
        archive.begin(title="long " * 10_000, started_at=_STARTED_AT)


@contextlib.contextmanager
def _held_by_another_program(path: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def test_an_archive_that_another_program_holds_cannot_be_opened(path: Path) -> None:
    with _held_by_another_program(path), pytest.raises(ArchiveError, match=r"locked.*Another program holds it"):
        Archive(path)


def test_no_session_begins_while_another_program_holds_the_archive(path: Path, archive: Archive) -> None:
    archive._database.execute("PRAGMA busy_timeout = 0")
    with _held_by_another_program(path), pytest.raises(ArchiveError, match=r"locked.*Another program holds it"):
        archive.begin(title="", started_at=_STARTED_AT)


def test_packets_wait_in_memory_while_another_program_holds_the_archive(path: Path, archive: Archive) -> None:
    archive._database.execute("PRAGMA busy_timeout = 0")
    recorder = archive.begin(title="", started_at=_STARTED_AT)
    with _held_by_another_program(path):
        recorder.accept(_report(1))
        _write_now(recorder)
        assert _standing(recorder) == ("database is locked", 1)
    _write_now(recorder)
    assert _standing(recorder) == (None, 0)


def test_a_recorder_waits_for_no_other_program_because_reports_arrive_meanwhile(archive: Archive) -> None:
    """The loop that stamps the reports stands still while a write waits; what is pending is safe in memory anyway."""
    archive.begin(title="", started_at=_STARTED_AT)
    assert archive._database.execute("PRAGMA busy_timeout").fetchone()[0] <= 100


def test_after_trouble_writing_is_tried_again_only_now_and_then(archive: Archive) -> None:
    recorder = archive.begin(title="", started_at=_STARTED_AT)
    _fill_the_disk(archive)
    for number in range(100):
        recorder.accept(_report(number, size=400))
    _write_now(recorder)
    assert _standing(recorder) == ("database or disk is full", 100)
    _make_room(archive)
    recorder._since_commit._since_s -= 1.0  # due by the usual pace, not by that of trouble
    recorder.tick()
    assert recorder.unsaved == 100
    recorder._since_commit._since_s -= 1.5
    recorder.tick()
    assert recorder.unsaved == 0


@pytest.mark.parametrize(
    "packet",
    [
        # What Python makes of a byte that is no UTF-8 on standard input or in an argument (surrogateescape).
        SessionEvent(at_us=2, kind=EventKind.MARK, label="caf\udce9"),
        Seat(at_us=2, person="H\udce9ron", wearable="w1", profile="polar-h10"),
        # A time stamp that no database column holds, as an events file may have it ("1e300").
        SessionEvent(at_us=10**30, kind=EventKind.MARK, label="escalation"),
    ],
    ids=["a mark that is no Unicode", "an alias that is no Unicode", "a time beyond the calendar"],
)
def test_no_packet_can_stop_the_recorder_or_take_its_neighbours_along(archive: Archive, packet: Packet) -> None:
    recorder = archive.begin(title="", started_at=_STARTED_AT)
    recorder.accept(_report(1))
    recorder.accept(packet)
    recorder.accept(_report(3))
    recorder.close()
    kept = list(archive.packets(recorder.session_id))
    assert _report(1) in kept
    assert _report(3) in kept
    assert archive.session(recorder.session_id).state is SessionState.COMPLETE


# --- what is no archive ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "octets", [b"no database at all", b"\0" * 4096, b"SQLite format 3\0" + b"\xff" * 4080, b"x" * 10_000]
)
def test_a_file_that_is_no_archive_is_refused_and_left_as_it_is(path: Path, octets: bytes) -> None:
    path.write_bytes(octets)
    with pytest.raises(ArchiveError, match=r"no watchlink archive or is damaged: choose another one with --archive"):
        Archive(path)
    assert path.read_bytes() == octets


def test_the_database_of_another_program_is_refused_and_left_as_it_is(path: Path) -> None:
    _sql(path, "CREATE TABLE bookmarks (url TEXT)")
    before = path.read_bytes()
    with pytest.raises(ArchiveError):
        Archive(path)
    assert path.read_bytes() == before


def test_an_archive_of_a_newer_watchlink_is_refused_with_both_versions(path: Path) -> None:
    Archive(path).__exit__(None, None, None)
    _sql(path, "PRAGMA user_version = 99")
    with pytest.raises(ArchiveError, match=r"newer watchlink \(archive version 99, this one knows 3\)\. Update"):
        Archive(path)


def test_an_empty_file_becomes_an_archive(path: Path) -> None:
    path.touch()
    with Archive(path) as archive:
        assert archive.sessions() == []


def test_a_folder_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="unable to open database file"):
        Archive(tmp_path)


@pytest.mark.parametrize("below", ["file/sessions.sqlite3", "file/deep/sessions.sqlite3"])
def test_a_place_where_nothing_can_be_made_is_refused_with_the_reason(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArchiveError, match=r"cannot be made: \w.*\. Choose another place with --archive\."):
        Archive(tmp_path / below)


@pytest.mark.parametrize("record", ["no JSON", "{}", '{"at_us": 1, "type": "seat"}', "[]", "5", "null"])
def test_a_damaged_row_is_an_error_after_what_came_before_it(path: Path, archive: Archive, record: str) -> None:
    recorder = archive.begin(title="", started_at=_STARTED_AT)
    recorder.accept(_report(1))
    recorder.accept(Seat(at_us=2_000_000, person="Heron", wearable="w1", profile="generic"))
    recorder.close()
    _sql(path, "UPDATE log SET record = ? WHERE seq = 2", record)
    packets = archive.packets(recorder.session_id)
    assert next(packets) == _report(1)
    with pytest.raises(ArchiveError, match="cannot be read"):
        next(packets)


def test_a_damaged_page_is_an_error_and_no_crash(path: Path) -> None:
    with Archive(path) as archive:
        recorder = archive.begin(title="", started_at=_STARTED_AT)
        for number in range(2000):
            recorder.accept(_report(number, size=40))
        recorder.close()
    octets = bytearray(path.read_bytes())
    octets[3 * 4096 : 12 * 4096] = b"\xa5" * (9 * 4096)
    path.write_bytes(octets)
    with pytest.raises(ArchiveError, match=r"cannot be (opened|read)"):
        _read_all(path)


def _read_all(path: Path) -> list[Packet]:
    with Archive(path) as archive:
        return [packet for stored in archive.sessions() for packet in archive.packets(stored.id)]


def test_two_recorders_of_two_processes_share_an_archive(path: Path) -> None:
    code = """
        import sys
        from datetime import UTC, datetime
        from pathlib import Path
        from watchlink.archive import Archive
        from watchlink.packets import Notification
        with Archive(Path(sys.argv[1])) as archive:
            recorder = archive.begin(title=sys.argv[2], started_at=datetime(2026, 3, 1, tzinfo=UTC))
            for number in range(300):
                recorder.accept(Notification(at_us=number, wearable=sys.argv[2], payload=b"x"))
                recorder._commit(ended_at=None)
            recorder.close()
            assert recorder.trouble is None, recorder.trouble
    """
    Archive(path).__exit__(None, None, None)

    async def record_twice() -> list[int | None]:
        children = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", textwrap.dedent(code), str(path), name, cwd=_ROOT
            )
            for name in ("one", "two")
        ]
        return [await child.wait() for child in children]

    assert asyncio.run(record_twice()) == [0, 0]
    with Archive(path) as archive:
        stored = archive.sessions()
        assert {(session.title, session.packets, session.state) for session in stored} == {
            ("one", 300, SessionState.COMPLETE),
            ("two", 300, SessionState.COMPLETE),
        }
        for session in stored:
            assert [packet.at_us for packet in archive.packets(session.id)] == list(range(300))


def test_two_programs_that_make_the_same_archive_at_the_same_moment_both_get_it(tmp_path: Path) -> None:
    failures: list[str] = []

    def make(path: Path, start: threading.Barrier) -> None:
        start.wait()
        try:
            with Archive(path) as archive:
                archive.sessions()
        except ArchiveError as error:
            failures.append(str(error))

    for attempt in range(10):
        start = threading.Barrier(2)
        makers = [
            threading.Thread(target=make, args=(tmp_path / f"{attempt}.sqlite3", start), name=f"maker {number}")
            for number in range(2)
        ]
        for maker in makers:
            maker.start()
        for maker in makers:
            maker.join()
    assert failures == []


def test_what_is_added_while_a_recorder_sleeps_takes_nothing_from_it(path: Path) -> None:
    with Archive(path) as archive, Archive(path) as other:
        recorder = archive.begin(title="t", started_at=_STARTED_AT)
        recorder.accept(_OLD_LOG[0])
        _sql(path, "UPDATE session SET seen_at = '2020-01-01T00:00:00+00:00'")  # as if nobody had written for long
        other.add(1, [_OLD_LOG[1]])
        recorder.accept(_OLD_LOG[1])
        recorder.close()
        assert (recorder.trouble, recorder.unsaved) == (None, 0)
        assert archive.holds(recorder)
        assert sorted(packet.at_us for packet in archive.packets(1)) == sorted(
            packet.at_us for packet in (_OLD_LOG[0], _OLD_LOG[1], _OLD_LOG[1])
        )


def test_only_one_recorder_at_a_time_holds_an_archive(path: Path) -> None:
    with OnlyOne(path):
        with pytest.raises(NoSessionError, match="is being recorded"), OnlyOne(path):
            pass
        assert path.with_name(f"{path.name}.recorder").stat().st_mode & 0o077 == 0
    with OnlyOne(path):
        pass
