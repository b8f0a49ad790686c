"""`convert --to` and `my-data export`: one person's part for other tools, and all of a person's own recordings."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from watchlink.archive import Archive
from watchlink.captures import jsonl, open_capture
from watchlink.commands import main
from watchlink.commands.my_data_export import export
from watchlink.consent import wording
from watchlink.errors import ExportError
from watchlink.packets import EventKind, Notification, Packet, Purpose, Seat, SelfReport, SessionEvent, Sharing
from watchlink.session import Block, Plan
from watchlink.sources.virtual.practice import practice

_STARTED_AT = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
_PLAN = Plan(title="short", blocks=(Block(kind="baseline", title="Silence", minutes=3),))
_SHARES = {
    "Heron": frozenset({Purpose.HEART_RATE}),
    "Otter": frozenset(Purpose),
    "Wren": frozenset[Purpose](),
}
_LIONS, _ALONE, _TIGERS = 1, 2, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    code: int | str | None
    out: str
    err: str


Run = Callable[..., Outcome]


def _log(*, people: int, shares: bool) -> list[Packet]:
    made = practice(plan=_PLAN, people=people, seed=3)
    packets: list[Packet] = list(made.events)
    for number, person in enumerate(made.people, 1):
        packets.append(Seat(at_us=0, person=person.person, wearable=f"w{number}", profile=person.profile.id))
        packets.append(SelfReport(at_us=1, person=person.person, item="sleep", answer="6"))
        packets.append(
            SessionEvent(
                at_us=60_000_000 + number, kind=EventKind.MARK, label="interruption", person=person.person, note="loud"
            )
        )
        for emission in person.wearable.emissions:
            if emission.at_us > _PLAN.duration_us:
                break
            packets.append(Notification(at_us=emission.at_us, wearable=f"w{number}", payload=emission.payload))
    if shares:
        packets += [
            Sharing(at_us=at_us, person=person, purposes=purposes, wording=wording())
            for at_us, all_purposes in ((0, dict.fromkeys(_SHARES, frozenset(Purpose))), (_PLAN.duration_us, _SHARES))
            for person, purposes in all_purposes.items()
        ]
    return sorted(packets, key=lambda packet: packet.at_us)


def _record(archive: Archive, packets: Iterable[Packet], *, cohort: str | None, title: str) -> int:
    recorder = archive.begin(title=title, started_at=_STARTED_AT + timedelta(days=1), cohort=cohort)
    for packet in packets:
        recorder.accept(packet)
    recorder.close()
    return recorder.session_id


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "archive.sqlite3"
    with Archive(path) as opened:
        numbers = [
            _record(opened, _log(people=3, shares=True), cohort="Lions", title="Evening"),
            _record(opened, _log(people=1, shares=False), cohort=None, title="Alone"),
            _record(opened, _log(people=2, shares=False), cohort="Tigers", title="Other\nroom"),
        ]
    assert numbers == [_LIONS, _ALONE, _TIGERS]
    return path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], archive: Path) -> Run:
    """Run the program in this process, on the archive."""
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.setenv("TERM", "dumb")

    def run_main(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["watchlink", *map(str, arguments), "--archive", str(archive)])
        code: int | str | None = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Outcome(code=code or 0, out=out, err=err)

    return run_main


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


# --- convert --to ----------------------------------------------------------------------------------------------------


def test_a_session_is_exported_of_the_one_person_who_shares_every_report(run: Run, tmp_path: Path) -> None:
    done = run("convert", _LIONS, tmp_path, "--to", "csv")
    assert done.code == 0
    assert "Part of Otter" in done.err
    assert len(_rows(next(tmp_path.glob("*_Otter_rr.csv")))) > 150


@pytest.mark.parametrize("person", ["Heron", "hERON", "1"])
def test_what_somebody_shares_with_nobody_is_theirs_all_the_same(run: Run, tmp_path: Path, person: str) -> None:
    done = run("convert", _LIONS, tmp_path / "me.csv", "--to", "csv", "--person", person, "--json")
    assert done.code == 0
    record = json.loads(done.err)
    assert (record["format"], record["person"], len(record["files"])) == ("csv", "Heron", 3)
    assert record["beats"] == len(_rows(tmp_path / "me_rr.csv")) > 150
    assert {row["person"] for row in _rows(tmp_path / "me_events.csv")} <= {"", "Heron"}


def test_a_capture_of_several_people_asks_whose_part_is_meant(run: Run, tmp_path: Path) -> None:
    done = run("convert", _TIGERS, tmp_path / "out", "--to", "csv")
    assert done.code == 8
    assert "Name one with --person: Heron, Otter" in done.err
    assert not (tmp_path / "out").exists()


def test_a_session_of_which_nobody_shares_raw_is_told_to_nobody_else(run: Run, tmp_path: Path) -> None:
    log = [packet for packet in _log(people=1, shares=True) if getattr(packet, "person", "Heron") == "Heron"]
    file = tmp_path / "log.jsonl"
    file.write_text("".join(jsonl.lines(_STARTED_AT, log)))
    done = run("convert", file, tmp_path / "out", "--to", "csv", "--to", "1:00")
    assert done.code == 8  # the withdrawal comes after the end of what is asked for, and holds
    assert "Nobody in it shares every report (raw)" in done.err
    assert run("convert", file, tmp_path / "out", "--to", "csv", "--person", "Heron").code == 0


def test_a_part_of_the_time_is_exported_with_from_and_to(run: Run, tmp_path: Path) -> None:
    done = run("convert", _ALONE, tmp_path / "me.csv", "--to", "csv", "--from", "1:00", "--to", "2:00")
    assert done.code == 0
    times_s = [float(row["time_s"]) for row in _rows(tmp_path / "me_rr.csv")]
    assert 58 < times_s[0] < 62
    assert 118 < times_s[-1] <= 120


def test_convert_between_captures_still_ends_where_to_says(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rr.txt").write_text("800\n" * 100)
    done = run("convert", tmp_path / "rr.txt", tmp_path / "out.jsonl", "--to", "0:08", "--json")
    assert done.code == 0
    assert json.loads(done.err)["heart_rate_notifications"] == 10


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--to", "cvs"), "no format that is exported"),
        (("--to", "csv", "--to", "edf"), "one time and one format"),
        (("--to", "csv", "--format", "jsonl"), "leave --format out"),
        (("--person", "Heron"), "--person is for --to a format"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_word_why(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = run("convert", _ALONE, tmp_path / "out", *arguments)
    assert done.code == 2
    assert says in " ".join(done.err.replace("│", " ").split())


def test_a_capture_without_a_heart_rate_or_a_session_that_is_not_there_is_refused(run: Run, tmp_path: Path) -> None:
    assert "holds no session 99" in run("convert", 99, tmp_path / "out", "--to", "csv").err
    empty = tmp_path / "empty.jsonl"
    empty.write_text('{"watchlink_capture": 1, "started_at": "2026-03-01T18:00:00+00:00"}\n')
    done = run("convert", empty, tmp_path / "out", "--to", "csv")
    assert done.code == 8
    assert "no heart-rate notification" in done.err
    assert not (tmp_path / "out").exists()


# --- my-data export --------------------------------------------------------------------------------------------------


def _my_data(*arguments: object) -> tuple[int, str, BaseException | None]:
    app = typer.Typer()
    app.command()(export)
    done = CliRunner().invoke(app, list(map(str, arguments)))
    return done.exit_code, done.output, done.exception


def test_all_recordings_of_a_person_are_tables_and_captures_with_a_word_about_each(
    archive: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    code, said, _ = _my_data(folder, "--person", "wren", "--archive", archive)
    assert code == 0
    assert "1 session written" in said
    stem = "2026-03-02_18-00-00_Wren"
    assert sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()) == [
        "README.txt",
        *(f"session-1/{stem}{end}" for end in (".jsonl", "_events.csv", "_heart_rate.csv", "_rr.csv")),
    ]
    readme = (folder / "README.txt").read_text("utf-8")
    assert "session-1: Evening, 2026-03-02 18:00 UTC" in readme
    assert "Not a medical device." in readme


def test_the_capture_holds_all_that_is_theirs_and_no_mark_report_or_consent_of_others(
    archive: Path, tmp_path: Path
) -> None:
    _my_data(tmp_path / "mine", "--person", "Heron", "--session", _LIONS, "--archive", archive)
    (file,) = (tmp_path / "mine").rglob("*.jsonl")
    with open_capture(file) as capture:
        packets = list(capture.packets)
    original = _log(people=3, shares=True)
    assert [packet for packet in packets if isinstance(packet, Notification)] == [
        packet for packet in original if isinstance(packet, Notification) and packet.wearable == "w1"
    ]
    said = [packet for packet in packets if isinstance(packet, SelfReport | Sharing)]
    assert {packet.person for packet in said} == {"Heron"}
    assert len(said) == 3
    marks = [packet for packet in packets if isinstance(packet, SessionEvent) and packet.kind is EventKind.MARK]
    assert {packet.person for packet in marks} == {"Heron"}


def test_one_alias_in_two_cohorts_is_not_taken_for_one_person(archive: Path, tmp_path: Path) -> None:
    code, _, error = _my_data(tmp_path / "mine", "--person", "Heron", "--archive", archive)
    assert code != 0
    assert isinstance(error, ExportError)
    assert "several cohorts: Lions, Tigers" in str(error)
    assert not (tmp_path / "mine").exists()
    code, _, _ = _my_data(
        tmp_path / "mine", "--person", "Heron", "--session", _LIONS, "--session", _ALONE, "--archive", archive
    )
    assert code == 0
    assert sorted(file.name for file in (tmp_path / "mine").iterdir()) == ["README.txt", "session-1", "session-2"]


def test_every_format_that_is_asked_for_is_in_the_folder_or_the_reason_why_not(archive: Path, tmp_path: Path) -> None:
    formats = ("csv", "kubios", "elite", "edf", "bids", "fit", "parquet")
    for needed in ("pyedflib", "fit_tool", "pyarrow"):
        pytest.importorskip(needed)
    asked = [word for to in formats for word in ("--to", to)]
    code, _, _ = _my_data(tmp_path / "all", "--person", "Otter", "--session", _LIONS, *asked, "--archive", archive)
    assert code == 0
    held = {"".join(file.suffixes) for file in (tmp_path / "all" / "session-1").rglob("*") if file.is_file()}
    assert held >= {".csv", ".txt", ".edf", ".fit", ".parquet", ".tsv.gz", ".jsonl"}
    code, said, _ = _my_data(tmp_path / "wren", "--person", "Wren", "--to", "kubios", "--archive", archive)
    assert code == 0
    assert "Session 1 is not there as kubios" in said
    assert "no usable intervals" in (tmp_path / "wren" / "README.txt").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--person", "Marten"), "holds no recording of Marten"),
        (("--person", "Wren", "--session", _ALONE), "Nobody called Wren is in session 2"),
    ],
)
def test_somebody_who_was_not_there_gets_a_sentence_and_no_folder(
    archive: Path, tmp_path: Path, arguments: tuple[object, ...], says: str
) -> None:
    code, _, error = _my_data(tmp_path / "mine", *arguments, "--archive", archive)
    assert code != 0
    assert says in str(error)
    assert not (tmp_path / "mine").exists()


def test_a_second_export_into_the_same_folder_is_refused_and_the_first_stays(archive: Path, tmp_path: Path) -> None:
    _my_data(tmp_path / "mine", "--person", "Wren", "--archive", archive)
    code, _, error = _my_data(tmp_path / "mine", "--person", "Wren", "--archive", archive)
    assert code != 0
    assert "is there already and is not overwritten" in str(error)
    assert len(list((tmp_path / "mine").iterdir())) == 2
