"""`watchlink my-data` as a person meets it: what is stored of them, its deletion out of the bytes, the receipt."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from watchlink.archive import Archive, SessionKind
from watchlink.cohorts import Cohort, Member, load_cohorts, save_cohorts
from watchlink.commands import main
from watchlink.commands.evidence import evidence_of
from watchlink.devices import Device, LastTest, load_devices, save_devices
from watchlink.packets import (
    Attribute,
    AttributeRead,
    EventKind,
    Notification,
    Packet,
    Purpose,
    Seat,
    SelfReport,
    SessionEvent,
    Sharing,
)
from watchlink.readings import Grade
from watchlink.unit_audit import RrUnitVerdict

_STARTED_AT = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
_DAY = date(2026, 3, 1)
_ODD = "\u00c9lo\u00efse <b>\u5922"
_FOLDER_FILES = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Outcome:
    code: int | str | None
    out: str
    err: str

    @property
    def said(self) -> str:
        """All of it, without the frame that is drawn around a refusal."""
        return " ".join(word for word in (self.out + self.err).split() if word not in "│╭╮╰╯─")


Run = Callable[..., Outcome]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "watchlink"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `watchlink` in this process; `typed` is what the person types, and then no more."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "dumb")

    def run_main(*arguments: object, typed: str = "") -> Outcome:
        monkeypatch.setattr(sys, "argv", ["watchlink", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        code: int | str | None = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert "\x1b" not in out + err
        assert "\u202e" not in out + err
        return Outcome(code or 0, out, err)

    return run_main


def _report(at_s: int, wearable: str, mark: int) -> Notification:
    """A report of a heart rate with energy and two intervals: ten octets that nobody else sends."""
    rr = (800 + at_s % 100).to_bytes(2, "little")
    return Notification(
        at_us=at_s * 1_000_000,
        wearable=wearable,
        payload=bytes([0x18, 60 + at_s % 20]) + (mark * 10_000 + at_s).to_bytes(4, "big")[2:] + rr + bytes([mark, 3]),
    )


def _seats(*people: str) -> list[Packet]:
    seats: list[Packet] = []
    for number, person in enumerate(people, 1):
        seats += [
            Sharing(at_us=0, person=person, purposes=frozenset(Purpose), wording="1:0"),
            Seat(at_us=0, person=person, wearable=f"w{number}", profile="generic"),
            AttributeRead(
                at_us=0,
                wearable=f"w{number}",
                attribute=Attribute.MODEL_NUMBER,
                payload=f"model of {number}".encode(),
            ),
        ]
    return seats


def _fill(path: Path, person: str, *, seconds: int = 300) -> None:
    """A session of a cohort with somebody else, and a baseline of the person's own."""
    both: list[Packet] = [
        *_seats(person, "Otter"),
        SessionEvent(at_us=1, kind=EventKind.MARK, label="escalation", person=person, note="a long sigh"),
        SessionEvent(at_us=2, kind=EventKind.NOTE, label="note", person="Otter", note=f"laughed with {person} a lot"),
        SelfReport(at_us=3, person=person, item="sleep", answer="slept like a stone"),
    ]
    for at_s in range(1, seconds):
        both += [_report(at_s, "w1", 1), _report(at_s, "w2", 2)]
    with Archive(path) as archive:
        for title, kind, log in (
            (f"An evening with {person}", SessionKind.SESSION, both),
            ("Baseline", SessionKind.BASELINE, [*_seats(person), *(_report(at_s, "w1", 3) for at_s in range(60))]),
        ):
            recorder = archive.begin(title=title, started_at=_STARTED_AT, cohort="Lions", week=1, kind=kind)
            for packet in log:
                recorder.accept(packet)
            recorder.close()
        evidence_of(archive, archive.session(1))


def _raw(path: Path) -> bytes:
    files = [path.with_name(path.name + suffix) for suffix in _FOLDER_FILES]
    return b"".join(file.read_bytes() for file in files if file.exists())


def _packets(path: Path, number: int) -> list[Packet]:
    with Archive(path) as archive:
        return list(archive.packets(number))


def _device(alias: str) -> Device:
    return Device(
        alias=alias,
        profile="polar-h10",
        name="Polar H10 1A2B",
        paired_on=_DAY,
        tested=LastTest(grade=Grade.BEAT, rr_unit=RrUnitVerdict.TICKS, good_pct=98),
    )


@pytest.fixture(params=["Heron", _ODD, "[red]Otters'", "../../x"])
def person(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stored(folder: Path, person: str) -> Path:
    """An archive, a cohort and two wearables."""
    folder.mkdir(parents=True)
    _fill(folder / "archive.sqlite3", person)
    members = (Member(alias=person, agreed_on=_DAY, wording="1:0"), Member(alias="Otter"))
    save_cohorts(folder / "cohorts.json", [Cohort(name="Lions", members=members, made_on=_DAY)])
    save_devices(folder / "devices.json", [_device(person), _device("Otter")])
    return folder / "archive.sqlite3"


def _delete(run: Run, stored: Path, person: str, *options: object, typed: str = "") -> Outcome:
    files = ("--devices", stored.with_name("devices.json"))
    return run("my-data", "delete", "--person", person, *files, *options, typed=typed)


def test_all_of_a_person_is_gone_from_the_bytes_and_all_of_the_others_is_there(
    run: Run, stored: Path, person: str, tmp_path: Path
) -> None:
    log, alone = _packets(stored, 1), _packets(stored, 2)
    theirs = {one.payload for one in [*log, *alone] if isinstance(one, Notification) and one.wearable == "w1"}
    others = [one for one in log if getattr(one, "wearable", "") == "w2" or getattr(one, "person", "") == "Otter"]
    before = _raw(stored)
    assert all(payload in before for payload in theirs)

    done = _delete(run, stored, person.swapcase(), "--yes", "--receipt", tmp_path / "receipt.txt")
    assert done.code == 0, done.err

    after = _raw(stored)
    assert [payload for payload in theirs if payload in after] == []
    for words in (person, json.dumps(person)[1:-1], "a long sigh", "slept like a stone"):
        assert words.encode() not in after
    left = _packets(stored, 1)
    assert [packet for packet in left if not isinstance(packet, SessionEvent)] == [
        packet for packet in others if not isinstance(packet, SessionEvent)
    ]
    assert [packet.note for packet in left if isinstance(packet, SessionEvent)] == ["laughed with (deleted) a lot"]
    assert all(packet.payload in after for packet in left if isinstance(packet, Notification))
    with Archive(stored) as archive:
        assert [one.title for one in archive.sessions()] == ["An evening with (deleted)"]
        assert archive.page_owners(1) == frozenset()
    assert load_cohorts(stored.with_name("cohorts.json"))[0].people == ("Otter",)
    assert [device.alias for device in load_devices(stored.with_name("devices.json"))] == ["Otter"]

    assert done.out == (tmp_path / "receipt.txt").read_text("utf-8")
    assert f"of {person}:" in done.out
    assert "- from sessions 1, 2; as a whole: 2" in done.out
    assert "- 359 reports" in done.out
    assert "- 1 self-reports" in done.out
    assert "- 1 computed pages" in done.out
    assert "- the place in Lions; the numbers of those after it move up by one" in done.out
    assert "the file was rewritten without it" in done.out
    assert "none was found" in done.out
    again = run("my-data", "list", "--person", person, "--devices", stored.with_name("devices.json"))
    assert again.code == 2
    for arguments in (("show", 1), ("session", "show", 1), ("replay", "--session", 1, "--plain")):
        look = run(*arguments)
        assert look.code == 0, look.err
        assert person not in look.out


def test_the_list_says_what_is_stored_session_by_session(run: Run, stored: Path, person: str) -> None:
    files = ("--devices", stored.with_name("devices.json"))
    record = json.loads(run("my-data", "list", "--person", person, "--json", *files).out)
    first, second = record["sessions"]
    assert (first["session"], first["kind"], first["cohort"], first["week"]) == (1, "session", "Lions", 1)
    assert (first["reports"], first["marks"], first["notes"], first["self_reports"]) == (299, 1, 0, 1)
    assert (first["evidence"], first["shares"]) == (True, ["heart-rate", "rises", "hrv", "raw"])
    assert (second["kind"], second["reports"], second["evidence"]) == ("baseline", 60, False)
    assert record["device"]["name"] == "Polar H10 1A2B"
    assert record["cohorts"][0]["cohort"] == "Lions"
    table = run("my-data", "list", "--person", person, *files)
    assert person in table.out
    assert "Wearable: Polar H10 1A2B" in table.out
    people = run("my-data", "list", *files).out.splitlines()
    assert set(people) == {f"{person}: 2 sessions, 359 reports", "Otter: 1 sessions, 299 reports"}


@pytest.fixture
def herons(folder: Path) -> Path:
    folder.mkdir(parents=True)
    _fill(folder / "archive.sqlite3", "Heron")
    return folder / "archive.sqlite3"


def test_one_session_alone_can_be_deleted_and_the_person_stays(run: Run, herons: Path) -> None:
    first = _packets(herons, 1)
    done = run("my-data", "delete", "--person", "Heron", "--session", 2, "--yes")
    assert done.code == 0
    assert _packets(herons, 1) == first
    with Archive(herons) as archive:
        assert [one.id for one in archive.sessions()] == [1]
    refused = run("my-data", "delete", "--person", "Heron", "--session", 2, "--yes")
    assert refused.code == 2
    assert "Session 2 holds nothing of Heron." in refused.said


@pytest.mark.parametrize(("typed", "code"), [("n\n", 1), ("", 2)])
def test_who_does_not_say_yes_deletes_nothing(run: Run, herons: Path, typed: str, code: int) -> None:
    log = _packets(herons, 1)
    asked = run("my-data", "delete", "--person", "Heron", typed=typed)
    assert asked.code == code
    assert "Delete everything, in all sessions, of Heron? (y/n)" in asked.err
    assert _packets(herons, 1) == log


def test_nothing_is_deleted_while_a_session_is_recorded(run: Run, herons: Path) -> None:
    log = _packets(herons, 1)
    with Archive(herons) as archive:
        archive.begin(title="now", started_at=_STARTED_AT)
    refused = run("my-data", "delete", "--person", "Heron", "--yes")
    assert refused.code == 1
    assert "Session 3 is being recorded, so nothing was deleted." in refused.said
    assert _packets(herons, 1) == log


def test_nothing_is_deleted_while_another_program_has_the_archive_open(run: Run, herons: Path) -> None:
    log = _packets(herons, 1)
    with Archive(herons) as reader:
        reader.sessions()
        refused = run("my-data", "delete", "--person", "Heron", "--yes")
        assert refused.code == 8
        assert "nothing was deleted" in refused.said
        assert "close that program and try again" in refused.said
        assert list(reader.packets(1)) == log
    assert run("my-data", "delete", "--person", "Heron", "--yes").code == 0


def test_a_receipt_that_cannot_be_written_is_found_out_before_anything_is_deleted(run: Run, herons: Path) -> None:
    log = _packets(herons, 1)
    refused = run("my-data", "delete", "--person", "Heron", "--yes", "--receipt", herons / "receipt.txt")
    assert refused.code == 2
    assert "Nothing was deleted." in refused.said
    assert _packets(herons, 1) == log


@pytest.mark.usefixtures("herons")
def test_of_whom_nothing_is_stored_is_told_of_whom_something_is(run: Run) -> None:
    refused = run("my-data", "delete", "--person", "\u202eIbis", "--yes")
    assert refused.code == 2
    assert "Something is stored of: Heron, Otter." in refused.said


@pytest.mark.parametrize(("left_kb", "code"), [(600, 0), (64, 8)])
def test_on_a_full_disk_what_goes_is_zeros_or_nothing_goes(
    run: Run, disk_of_kb: Callable[[int], Path], left_kb: int, code: int
) -> None:
    small_disk = disk_of_kb(8192)
    path = small_disk / "archive.sqlite3"
    _fill(path, "Heron", seconds=3000)
    with Archive(path) as archive:  # much that stays, so that rewriting the file needs more room than there is
        recorder = archive.begin(title="long", started_at=_STARTED_AT)
        for packet in [*_seats("Wren"), *(_report(at_s, "w1", 4) for at_s in range(30_000))]:
            recorder.accept(packet)
        recorder.close()
    theirs = {packet.payload for packet in _packets(path, 2) if isinstance(packet, Notification)}
    log = _packets(path, 1)
    with (small_disk / "rubbish").open("wb", buffering=0) as rubbish, contextlib.suppress(OSError):
        while os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize > left_kb * 1024:
            rubbish.write(bytes(4096))
    done = run("my-data", "delete", "--person", "Heron", "--yes", "--archive", path)
    assert done.code == code, done.err
    if code:
        assert "nothing was deleted" in done.said
        assert "make room" in done.said
        (small_disk / "rubbish").unlink()
        assert _packets(path, 1) == log
    else:
        assert "The file could not be rewritten" in done.out
        assert [payload for payload in theirs if payload in _raw(path)] == []
        (small_disk / "rubbish").unlink()
        with contextlib.closing(sqlite3.connect(path)) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
