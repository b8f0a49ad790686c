"""The command line as a person meets it: what is printed where, exit codes, and the three ways to show a session.

Strategy: what only one process can show (signals, pipes, imports, limits) is done with real processes; everything else
goes through the same `main` in this one.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import resource
import signal
import sqlite3
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

import watchlink
from dsp import (
    BeatLabel,
    CleanBeat,
    CleanSeries,
    Interval,
    Recovery,
    RecoveryVerdict,
    Spike,
    SpikeEnding,
    SpikeStart,
    hrv,
)
from firmware_profiles.gatt import BodySensorLocation
from firmware_profiles.heart_rate_service import Contact
from firmware_profiles.profiles import GENERIC_ID, load_profiles
from watchlink.archive import Archive, SessionState, StoredSession
from watchlink.captures import jsonl
from watchlink.clock import VirtualClock
from watchlink.commands import main
from watchlink.commands.exits import exit_code
from watchlink.commands.nearby import Nearby
from watchlink.commands.output import JsonSink, PlainSink, ScreenSink
from watchlink.commands.running import make_sink
from watchlink.commands.scan import print_nearby
from watchlink.errors import (
    ArchiveError,
    CaptureError,
    LinkError,
    LinkFault,
    SessionFileError,
    WatchlinkError,
)
from watchlink.fold import SessionFold
from watchlink.hub import Item, Sink, run_session
from watchlink.packets import (
    Attribute,
    AttributeRead,
    Correction,
    EventKind,
    LinkChange,
    LinkState,
    Notification,
    Packet,
    Role,
    Seat,
    SessionEvent,
)
from watchlink.readings import (
    Battery,
    BeatReading,
    Duplicate,
    Grade,
    GradeReading,
    HeartRateReading,
    HrvAbsent,
    HrvReading,
    Measured,
    RecoveryReading,
    SpikeEnded,
    SpikeStarted,
    Undecodable,
    Worn,
)
from watchlink.sources.replay import ReplaySource
from watchlink.timeline import Timeline

_ROOT = Path(watchlink.__file__).parents[1]
_STARTED_AT = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
_FORBIDDEN = ("stress", "anxi", "emotion", "calm", "diagnos", "risk", "abnormal")
_VERBS: tuple[tuple[str, ...], ...] = (
    (),
    ("demo",),
    ("doctor",),
    ("scan",),
    ("pair",),
    ("devices",),
    ("devices", "list"),
    ("devices", "test"),
    ("devices", "rename"),
    ("devices", "forget"),
    ("live",),
    ("replay",),
    ("cohort",),
    ("cohort", "new"),
    ("cohort", "share"),
    ("cohort", "close"),
    ("session",),
    ("session", "plan"),
    ("session", "start"),
    ("session", "resume"),
    ("session", "list"),
    ("session", "show"),
    ("session", "export"),
    ("session", "marks"),
    ("session", "marks", "import"),
    ("board",),
    ("mark",),
    ("show",),
)
# Nobody answers there, whatever this machine has.
_NO_BLUETOOTH = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere/at/all"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a command ended and what it said."""

    code: int | str | None
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run the program in this process, with a data folder of its own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "dumb")

    def run_main(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["watchlink", *map(str, arguments)])
        code: int | str | None = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        return Outcome(code=code or 0, out=out, err=err)

    return run_main


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "watchlink", *map(str, arguments)]


def _environment(tmp_path: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "XDG_DATA_HOME": str(tmp_path / "data"), "COLUMNS": "100", **more}


def _process(tmp_path: Path, *arguments: object, typed: bytes = b"", **more: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        _command(*arguments),
        cwd=_ROOT,
        env=_environment(tmp_path, **more),
        input=typed,
        capture_output=True,
        check=False,
    )


def _interrupted(
    tmp_path: Path,
    *arguments: object,
    until: Sequence[str],
    typed: bytes = b"",
    how: signal.Signals = signal.SIGINT,
    **more: str,
) -> tuple[int, str, str]:
    """Run a session in a real process, type into it, and end it (by Ctrl-C) once all of `until` has been printed.

    Its standard input stays open to its end. Returns its exit code and what it printed and said.
    """
    missing = set(until)
    printed = ""
    with subprocess.Popen(
        _command(*arguments),
        cwd=_ROOT,
        env=_environment(tmp_path, **more),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdin.write(typed)
        child.stdin.flush()
        while missing and (line := child.stdout.readline().decode(errors="replace")):
            printed += line
            missing -= {words for words in missing if words in line}
        child.send_signal(how)
        printed += child.stdout.read().decode(errors="replace")
        said = child.stderr.read().decode(errors="replace")
        code = child.wait()
    assert missing == set()
    return code, printed, said


_ENDINGS = {getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)}


def _recorded(tmp_path: Path) -> tuple[StoredSession, list[Packet]]:
    """The one session that a process has recorded."""
    (path,) = (tmp_path / "data").rglob("*.sqlite3")
    with Archive(path) as archive:
        (stored,) = archive.sessions()
        return stored, list(archive.packets(stored.id))


def _events(packets: Sequence[Packet]) -> list[SessionEvent]:
    return [packet for packet in packets if isinstance(packet, SessionEvent)]


def _reports(count: int, *, since_s: int = 1) -> list[Packet]:
    return [
        Notification(at_us=number * 1_000_000, wearable="w1", payload=bytes([0x10, 60, 0, 4]))
        for number in range(since_s, since_s + count)
    ]


_LOG: list[Packet] = [
    Seat(at_us=0, person="Heron", wearable="w1", profile="polar-h10"),
    SessionEvent(at_us=0, kind=EventKind.BLOCK, label="baseline", note="Silent baseline"),
    *_reports(120),
    SessionEvent(at_us=130_000_000, kind=EventKind.MARK, label="escalation", person="Heron"),
]


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "short.jsonl"
    path.write_text("".join(jsonl.lines(_STARTED_AT, _LOG)))
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An archive with one complete session."""
    path = tmp_path / "sessions.sqlite3"
    with Archive(path) as opened:
        recorder = opened.begin(title="Tuesday", started_at=_STARTED_AT)
        for packet in _LOG:
            recorder.accept(packet)
        recorder.close()
    return path


def _records(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


# --- help and usage --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", _VERBS, ids=" ".join)
def test_every_verb_explains_itself_without_a_word_about_feelings(run: Run, verb: tuple[str, ...]) -> None:
    outcome = run(*verb, "--help")
    assert outcome.code == 0
    assert "Usage:" in outcome.out
    assert [word for word in _FORBIDDEN if word in outcome.out.casefold()] == []


def test_the_version_is_said(run: Run) -> None:
    assert run("--version") == Outcome(code=0, out=f"watchlink {watchlink.__version__}\n", err="")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("session",),
        ("cohort",),
        ("mark",),
        ("session", "start"),
        ("dance",),
        ("--loud",),
        ("replay",),
        ("replay", "a.jsonl", "--session", "1"),
        ("replay", "a.jsonl", "--speed", "0"),
        ("replay", "a.jsonl", "--speed", "-1"),
        ("replay", "a.jsonl", "--speed", "fast"),
        ("demo", "--people", "0"),
        ("demo", "--people", "9"),
        ("demo", "--seed", "x"),
        ("live", "--minutes", "0"),
        ("live", "--virtual", "9"),
        ("live", "--seat", "Heron"),
        ("live", "--seat", "=Polar H10"),
        ("live", "--seat", "Heron="),
        ("scan", "--seconds", "0"),
        ("show",),
    ],
    ids=" ".join,
)
def test_a_command_that_is_no_command_ends_with_two_and_a_word_of_help(run: Run, arguments: Sequence[str]) -> None:
    outcome = run(*arguments)
    assert outcome.code == 2
    assert "Usage:" in outcome.out + outcome.err
    assert "Traceback" not in outcome.err


def test_help_imports_nothing_heavy() -> None:
    code = """
        import sys
        from watchlink.commands import main
        sys.argv = ["watchlink", "--help"]
        try:
            main()
        except SystemExit:
            pass
        heavy = ("scipy", "numpy", "bleak", "bumble", "rich.live", "textual", "asyncio", "sqlite3", "dsp")
        print("HEAVY:", [name for name in heavy if name in sys.modules])
    """
    code = re.sub(r"(?m)^ {8}", "", code)
    done = subprocess.run([sys.executable, "-c", code], cwd=_ROOT, capture_output=True, text=True, check=True)
    heavy = done.stdout.splitlines()[-1].removeprefix("HEAVY: ")
    assert not {"scipy", "numpy", "bleak", "bumble", "rich.live", "textual"} & set(re.findall(r"'([\w.]+)'", heavy))
    assert "Usage:" in done.stdout


# --- errors meant for a person ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CaptureError("x"), 8),
        (ArchiveError("x"), 8),
        (SessionFileError("x"), 8),
        (WatchlinkError("x"), 1),
        (LinkError("x", fault=LinkFault.NO_ADAPTER), 3),
        (LinkError("x", fault=LinkFault.POWERED_OFF), 3),
        (LinkError("x", fault=LinkFault.NO_PERMISSION), 3),
        (LinkError("x", fault=LinkFault.NO_SERVICE), 3),
        (LinkError("x", fault=LinkFault.OTHER), 3),
        (LinkError("x", fault=LinkFault.NOT_FOUND), 4),
        (LinkError("x", fault=LinkFault.UNREACHABLE), 4),
        (LinkError("x", fault=LinkFault.NO_HEART_RATE), 4),
    ],
    ids=lambda value: repr(value),
)
def test_each_sort_of_error_has_its_exit_code(error: WatchlinkError, code: int) -> None:
    assert exit_code(error) == code


def _no_file(folder: Path) -> tuple[object, ...]:
    return ("replay", folder / "nowhere.jsonl")


def _noise(folder: Path) -> tuple[object, ...]:
    (folder / "noise.bin").write_bytes(b"noise" * 99)
    return ("replay", folder / "noise.bin")


def _empty(folder: Path) -> tuple[object, ...]:
    (folder / "empty.jsonl").touch()
    return ("replay", folder / "empty.jsonl", "--json")


def _folder(folder: Path) -> tuple[object, ...]:
    return ("replay", folder)


def _no_session(folder: Path) -> tuple[object, ...]:
    return ("show", 7, "--archive", folder / "new.sqlite3")


def _no_session_to_replay(folder: Path) -> tuple[object, ...]:
    return ("replay", "--session", 7, "--archive", folder / "new.sqlite3")


def _no_archive(folder: Path) -> tuple[object, ...]:
    (folder / "letter.txt").write_text("Dear archive, " * 99)
    return ("session", "list", "--archive", folder / "letter.txt")


def _archive_in_a_file(folder: Path) -> tuple[object, ...]:
    (folder / "file").touch()
    return ("demo", "--archive", folder / "file" / "sessions.sqlite3")


def _newer_archive(folder: Path) -> tuple[object, ...]:
    path = folder / "newer.sqlite3"
    Archive(path).__exit__(None, None, None)
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 7")
    database.close()
    return ("session", "export", 1, "--archive", path)


def _bad_events(folder: Path) -> tuple[object, ...]:
    (folder / "log.jsonl").write_text("".join(jsonl.lines(_STARTED_AT, _LOG)))
    (folder / "events.csv").write_text("at_s,label\nsoon,escalation\n")
    return ("replay", folder / "log.jsonl", "--events", folder / "events.csv")


def _events_that_are_no_text(folder: Path) -> tuple[object, ...]:
    (folder / "events.csv").write_bytes(b"at_s,label\n1,\xe9\n")
    return ("live", "--events", folder / "events.csv")


def _no_plan(folder: Path) -> tuple[object, ...]:
    return ("live", "--plan", folder / "plan.toml")


def _bad_plan(folder: Path) -> tuple[object, ...]:
    (folder / "plan.toml").write_text("[[block]]\nkind = 'nap'\nminutes = 5\n")
    return ("live", "--plan", folder / "plan.toml")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_no_file, "nowhere.jsonl cannot be read: No such file"),
        (_noise, "noise.bin is no capture that watchlink knows"),
        (_empty, "empty.jsonl is empty"),
        (_folder, "Is a directory"),
        (_no_session, "no session 7"),
        (_no_session_to_replay, "no session 7"),
        (_no_archive, "no watchlink archive or is damaged"),
        (_archive_in_a_file, "cannot be made"),
        (_newer_archive, "newer watchlink"),
        (_bad_events, "events.csv, line 2: at_s must be seconds"),
        (_events_that_are_no_text, "no text in UTF-8"),
        (_no_plan, "plan.toml cannot be read: No such file"),
        (_bad_plan, "plan.toml, block 1: kind must be one of"),
    ],
    ids=lambda value: value.__name__.strip("_").replace("_", " ") if callable(value) else "",
)
def test_a_file_that_cannot_be_used_is_one_sentence_and_exit_code_eight(
    run: Run, tmp_path: Path, make: Callable[[Path], tuple[object, ...]], words: str
) -> None:
    outcome = run(*make(tmp_path))
    assert outcome.code == 8
    assert outcome.out == ""
    assert outcome.err.startswith("watchlink: ")
    assert words in outcome.err
    assert outcome.err.count("\n") == 1


def test_of_a_capture_that_breaks_off_everything_before_is_shown_then_the_error(run: Run, capture: Path) -> None:
    text = capture.read_text()
    whole = run("replay", capture, "--json")
    capture.write_text(text[: len(text) - 20])
    outcome = run("replay", capture, "--json")
    assert outcome.code == 8
    assert "the file was cut off in the middle" in outcome.err
    measured = [record for record in _records(outcome.out) if record["type"] == "measurement"]
    assert measured == [record for record in _records(whole.out) if record["type"] == "measurement"]
    assert len(measured) == 120


@pytest.mark.skipif(sys.platform != "linux", reason="the address of the system's message bus is Linux's")
@pytest.mark.parametrize("arguments", [("scan",), ("scan", "--json"), ("live", "--scan-seconds", "1")], ids=" ".join)
def test_without_bluetooth_a_command_ends_with_three_and_says_what_to_do(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str]
) -> None:
    for name, value in _NO_BLUETOOTH.items():
        monkeypatch.setenv(name, value)
    outcome = run(*arguments)
    assert outcome.code == 3
    assert outcome.out == ""
    assert "watchlink: The system's Bluetooth service does not answer. Install BlueZ" in outcome.err
    assert "Traceback" not in outcome.err
    assert _records(run("session", "list", "--json").out) == []  # no empty session is left behind


# --- replay ----------------------------------------------------------------------------------------------------------


def test_a_real_recording_as_ndjson_equals_its_truth(run: Run, shared_data: Path) -> None:
    name = shared_data / "captures" / "reframed" / "rhythm_full_btsnoop_h4.log"
    outcome = run("replay", name, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    measured = [record for record in _records(outcome.out) if record["type"] == "measurement"]
    with name.with_name(name.name + ".truth.csv").open(newline="") as file:
        truth = list(csv.DictReader(file))
    assert len(measured) == 2409
    assert [record["heart_rate_bpm"] for record in measured] == [int(row["hr_bpm"]) for row in truth]
    told = [ticks for record in measured for ticks in _list(record["rr_ticks"])]
    assert told == [int(ticks) for row in truth for ticks in row["rr_raw_1024ths"].split()]
    assert len(told) == 2604


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value


@pytest.mark.parametrize("form", ["--json", "--plain"])
def test_a_replay_says_the_same_at_every_speed(run: Run, capture: Path, form: str) -> None:
    outcomes = [run("replay", capture, form, *speed) for speed in ((), ("--speed", "1e6"), ("--speed", "1000"))]
    assert outcomes[0].code == 0
    assert len(outcomes[0].out) > 200
    assert outcomes[1:] == outcomes[:1] * 2


def test_a_capture_without_heart_rate_is_read_to_its_end_and_said_to_have_none(run: Run, shared_data: Path) -> None:
    outcome = run("replay", shared_data / "captures" / "real" / "btsnoop_h4_pongbot.log", "--plain")
    assert outcome.code == 0
    assert outcome.err == "It was read to its end, and there is no heart-rate notification in it.\n"


def test_events_of_a_file_are_laid_beside_a_replay(run: Run, capture: Path, tmp_path: Path) -> None:
    events = tmp_path / "events.csv"
    events.write_text("\ufeffat_s,label,person\n60.5,interruption,Heron\n7,pause,\n", encoding="utf-8")
    outcome = run("replay", capture, "--plain", "--events", events)
    marks = [line for line in outcome.out.splitlines() if " mark " in line]
    assert marks == ["0:00:07 mark pause", "0:01:00 mark interruption Heron", "0:02:10 mark escalation Heron"]


def test_a_stored_session_is_replayed_as_its_capture_is(run: Run, archive: Path, capture: Path) -> None:
    stored = run("replay", "--session", 1, "--archive", archive, "--json")
    assert stored == run("replay", capture, "--json")
    assert stored.code == 0


# --- the archive -----------------------------------------------------------------------------------------------------


def test_an_archive_without_a_session_says_how_to_make_one(run: Run) -> None:
    outcome = run("session", "list")
    assert (outcome.code, outcome.out) == (0, "")
    assert "`watchlink demo` or `watchlink live` records one" in outcome.err


def test_sessions_are_listed_as_a_table_and_as_ndjson(run: Run, archive: Path) -> None:
    table = run("session", "list", "--archive", archive)
    assert table.out.splitlines()[0].split()[:2] == ["session", "started"]
    assert "2026-03-01 18:00" in table.out
    assert re.search(r"0:02:10\s+123\s+complete\s+Tuesday", table.out)
    assert _records(run("session", "list", "--json", "--archive", archive).out) == [
        {
            "session": 1,
            "title": "Tuesday",
            "started_at": "2026-03-01T18:00:00+00:00",
            "state": "complete",
            "duration_s": 130.0,
            "packets": 123,
            "cohort": None,
            "week": None,
        }
    ]


def test_a_session_is_shown_as_a_timeline_computed_anew(run: Run, archive: Path) -> None:
    fold = SessionFold()
    for packet in _LOG:
        fold.push(packet)
    fold.flush()
    beats = fold.timeline().people["Heron"].beats
    plain = run("show", 1, "--plain", "--archive", archive)
    assert plain.out.splitlines()[0] == "0:02:10 of session, 0 heart rate rises"
    assert f"120 reports, {beats} beats" in plain.out
    shown = run("show", 1, "--archive", archive)
    assert "Silent baseline" in shown.out
    assert (plain.code, plain.err, shown.code, shown.err) == (0, "", 0, "")


def test_an_interrupted_session_is_shown_and_said_to_be_one(run: Run, archive: Path) -> None:
    with Archive(archive) as opened:
        recorder = opened.begin(title="Wednesday", started_at=_STARTED_AT)
        for packet in _LOG:
            recorder.accept(packet)
        recorder._commit(ended_at=None)
        old = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
        opened._database.execute("UPDATE session SET seen_at = ? WHERE id = 2", (old,))
    outcome = run("show", 2, "--plain", "--archive", archive)
    assert outcome.err.startswith("This session was interrupted")
    assert "120 reports" in outcome.out


def test_an_export_is_a_capture(run: Run, archive: Path, capture: Path) -> None:
    assert run("session", "export", 1, "--archive", archive).out == capture.read_text()


def test_without_being_told_where_the_archive_is_in_the_data_folder(run: Run, tmp_path: Path) -> None:
    run("session", "list")
    assert [path.name for path in (tmp_path / "data").rglob("*.sqlite3")] == ["archive.sqlite3"]


# --- what others wrote -----------------------------------------------------------------------------------------------

# Whoever is near can call a wearable so, and whoever hands on a capture can call a person so.
_STEERING = "Polar\x1b[2J\x1b]0;x\x07\x9b2J\rH10\nfake"


def test_a_name_from_the_air_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_nearby([Nearby(name=_STEERING, profile=load_profiles()[GENERIC_ID], signal_dbm=-60)])
    printed = capsys.readouterr().out
    assert "Polar" in printed
    assert not set("\x1b\x07\x9b\r") & set(printed)


def test_a_capture_of_somebody_elses_cannot_steer_the_terminal(run: Run, tmp_path: Path) -> None:
    log = [Seat(at_us=0, person=_STEERING, wearable="w1", profile="polar-h10"), *_reports(90)]
    log.append(SessionEvent(at_us=95_000_000, kind=EventKind.MARK, label=_STEERING, person=_STEERING, note=_STEERING))
    path = tmp_path / "theirs.jsonl"
    path.write_text("".join(jsonl.lines(_STARTED_AT, log)))
    printed = run("replay", path, "--plain").out
    assert "Polar" in printed
    assert not set("\x1b\x07\x9b\r") & set(printed)
    assert not any(line.startswith("fake") for line in printed.splitlines())


# --- recording: demo and live ----------------------------------------------------------------------------------------


def test_a_demo_is_recorded_and_replayed_to_the_byte(tmp_path: Path) -> None:
    demo = _process(tmp_path, "demo", "--people", 1, "--seed", 3, "--json")
    assert demo.returncode == 0
    assert b"Session 1 is in the archive. See it again with: watchlink show 1" in demo.stderr
    assert len(demo.stdout) > 1_000_000
    again = _process(tmp_path, "replay", "--session", 1, "--json")
    assert (again.returncode, again.stderr) == (0, b"")
    assert again.stdout == demo.stdout
    stored, _ = _recorded(tmp_path)
    assert (stored.state, stored.title) == (SessionState.COMPLETE, "Demo: Staying present with an angry customer")
    assert 7190 < stored.duration_s <= 7200


@pytest.mark.parametrize("how", list(_ENDINGS), ids=lambda how: how.name)
def test_a_demo_that_is_interrupted_ends_with_130_and_its_session_can_be_shown(
    tmp_path: Path, how: signal.Signals
) -> None:
    code, printed, said = _interrupted(tmp_path, "demo", "--people", 2, "--plain", until=["link streaming"], how=how)
    assert code == 130
    assert "Session 1 is in the archive" in said
    assert "Traceback" not in said
    assert "Not a medical device." in printed  # the screen was closed too
    assert _recorded(tmp_path)[0].state is SessionState.COMPLETE
    shown = _process(tmp_path, "show", 1, "--plain")
    assert shown.returncode == 0
    assert b"of session, " in shown.stdout


@pytest.mark.parametrize(
    "arguments",
    [("live", "--virtual", "1", "--minutes", "9"), ("demo", "--people", "1", "--real-time")],
    ids=["live", "demo"],
)
def test_a_session_in_real_time_ends_with_130_although_the_console_stays_open(
    tmp_path: Path, arguments: Sequence[str]
) -> None:
    code, _, said = _interrupted(tmp_path, *arguments, "--plain", until=["link streaming"])
    assert code == 130
    assert said.startswith("Session 1 is in the archive")
    assert "Fatal" not in said


def test_a_live_session_ends_after_its_minutes_although_the_console_stays_open(tmp_path: Path) -> None:
    with subprocess.Popen(
        _command("live", "--virtual", 1, "--minutes", 0.01, "--plain"),
        cwd=_ROOT,
        env=_environment(tmp_path),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as child:
        code = child.wait()
        assert child.stderr is not None
        assert child.stderr.read().startswith(b"Session 1 is in the archive")
    assert code == 0
    stored, _ = _recorded(tmp_path)
    assert (stored.title, stored.state) == ("Live session", SessionState.COMPLETE)
    assert stored.duration_s <= 0.6


def test_marks_typed_in_a_live_session_are_kept_and_bad_ones_answered(tmp_path: Path) -> None:
    code, _, said = _interrupted(
        tmp_path,
        *("live", "--virtual", 2, "--minutes", 9, "--plain"),
        typed=b"escalation 2\nescalation 9\nspeaker heron\n\nnote 1 said it twice\n",
        until=["note on Heron: said it twice"],
    )
    assert code == 130
    assert "Nobody here is called '9'. People are: Heron, Otter, or 1 to 2." in said
    _, packets = _recorded(tmp_path)
    events = [event for event in _events(packets) if event.kind is not EventKind.BLOCK]
    assert [(event.kind, event.label, event.person, event.note) for event in events] == [
        (EventKind.MARK, "escalation", "Otter", ""),
        (EventKind.ROLE, "speaker", "Heron", ""),
        (EventKind.NOTE, "note", "Heron", "said it twice"),
    ]
    assert {packet.person for packet in packets if isinstance(packet, Seat)} <= {"Heron", "Otter"}


@pytest.mark.parametrize("reading", ["utf-8:strict", "utf-8:surrogateescape"])
def test_a_mark_with_half_a_letter_costs_neither_the_recording_nor_the_marks_after_it(
    tmp_path: Path, reading: str
) -> None:
    """A terminal sends half a letter when the other half was rubbed out; Python reads it as the locale says."""
    code, _, said = _interrupted(
        tmp_path,
        *("live", "--virtual", 1, "--minutes", 9, "--plain"),
        typed=b"caf\xc3 1\nescalation 1\n",
        until=["mark escalation Heron", "wearable gives beat grade"],
        PYTHONIOENCODING=reading,
    )
    assert (code, "Traceback" in said) == (130, False)
    stored, packets = _recorded(tmp_path)
    assert "escalation" in [event.label for event in _events(packets)]
    assert any(isinstance(packet, Notification) for packet in packets)
    assert stored.state is SessionState.COMPLETE


def test_a_live_session_follows_its_plan_and_the_events_that_were_announced(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(
        "title = 'Tiny'\n[[block]]\nkind = 'baseline'\nminutes = 0.01\n[[block]]\nkind = 'recovery'\nminutes = 9\n"
    )
    (tmp_path / "events.csv").write_text("at_s,label,person\n0.7,escalation,Heron\n3599,later,\n")
    arguments = ("--plan", tmp_path / "plan.toml", "--events", tmp_path / "events.csv", "--plain")
    code, _, _ = _interrupted(tmp_path, "live", "--virtual", 1, *arguments, until=["mark escalation Heron"])
    assert code == 130
    stored, packets = _recorded(tmp_path)
    assert stored.title == "Tiny"
    blocks = [(event.label, event.at_us) for event in _events(packets) if event.kind is EventKind.BLOCK]
    assert blocks == [("baseline", 0), ("recovery", 600_000)]  # each of them once
    marks = [(event.label, event.at_us) for event in _events(packets) if event.kind is EventKind.MARK]
    assert marks == [("escalation", 700_000)]


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of another process can be set on Linux only")
def test_a_session_that_the_disk_did_not_take_whole_ends_with_eight_and_says_so(tmp_path: Path) -> None:
    with subprocess.Popen(
        _command("demo", "--people", 1, "--plain"),
        cwd=_ROOT,
        env=_environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (60_000, 60_000))
        out, err = child.communicate()
    assert child.returncode == 8
    assert re.search(r"\d+ packets could not be saved: [\w/ ]+\. What was written before is whole\.", err)
    assert "Traceback" not in err
    assert "Not a medical device." in out
    assert _process(tmp_path, "show", 1, "--plain").returncode == 0


# --- pipes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("replay", "{capture}", "--json"),
        ("replay", "{capture}", "--plain"),
        ("session", "export", "1", "--archive", "{archive}"),
        ("show", "1", "--plain", "--archive", "{archive}"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]) + (" as JSON" if "--json" in arguments else ""),
)
def test_a_reader_that_goes_away_after_a_line_ends_a_command_quietly(tmp_path: Path, arguments: Sequence[str]) -> None:
    log = [_LOG[0], *_reports(4_000)]  # far more than a pipe holds
    if "{capture}" in arguments:
        (tmp_path / "capture").write_text("".join(jsonl.lines(_STARTED_AT, log)))
    else:
        with Archive(tmp_path / "archive") as archive:
            recorder = archive.begin(title="", started_at=_STARTED_AT)
            for packet in log:
                recorder.accept(packet)
            recorder.close()
    places = {"{capture}": str(tmp_path / "capture"), "{archive}": str(tmp_path / "archive")}
    with subprocess.Popen(
        _command(*(places.get(argument, argument) for argument in arguments)),
        cwd=_ROOT,
        env=_environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline()
        child.stdout.close()
        said = child.stderr.read()
    assert (child.returncode, said) == (0, b"")


# --- sinks -----------------------------------------------------------------------------------------------------------


_METRICS = hrv(CleanSeries.of([CleanBeat(at_s=at, nn_ms=1000.0) for at in range(12)]), window_s=60)
_START = SpikeStart(onset_s=50, detected_s=60, usual_bpm=70, rise_bpm=14)
_SPIKE = Spike(
    onset_s=50,
    detected_s=60,
    peak_s=65,
    end_s=90,
    ending=SpikeEnding.SETTLED,
    usual_bpm=70,
    rise_bpm=20,
    rise_spreads=8,
    area_bpm_s=300,
    clean_pct=100,
)
_EVERY_KIND: tuple[Item, ...] = (
    Seat(at_us=0, person="Heron", wearable="w1", profile="polar-h10"),
    *(LinkChange(at_us=number, wearable="w1", state=state, reason="so") for number, state in enumerate(LinkState)),
    LinkChange(at_us=9, wearable="w7", state=LinkState.LOST),
    *(AttributeRead(at_us=1, wearable="w1", attribute=attribute, payload=b"\x14\xff") for attribute in Attribute),
    Notification(at_us=10, wearable="w1", payload=b"\x00\x46"),
    *(
        SessionEvent(at_us=20, kind=kind, label=label, person=person, note=note, ago_us=ago_us)
        for kind, label in (
            (EventKind.BLOCK, "baseline"),
            (EventKind.MARK, "baseline"),
            *((EventKind.ROLE, str(role)) for role in Role),
        )
        for person in (None, "Heron", "Robin")
        for note in ("", "a note — ünïcode")
        for ago_us in (0, 5_000_000)
    ),
    Correction(at_us=21, of_us=20),
    Correction(at_us=21, of_us=20, now=SessionEvent(at_us=20, kind=EventKind.MARK, label="x", person="Heron")),
    *(
        RecoveryReading(
            person="Heron",
            onset_s=1.0,
            recovery=Recovery(
                verdict=verdict,
                began_s=2.0,
                until_s=9.0,
                half_time_s=half_time_s,
                half_time_interval_s=half_time_s and Interval(low=3.0, high=5.0),
            ),
        )
        for verdict, half_time_s in ((RecoveryVerdict.FITTED, 4.0), (RecoveryVerdict.CANNOT_TELL, None))
    ),
    Measured(
        person="Heron",
        at_us=30,
        heart_rate_bpm=70,
        contact=Contact.ABSENT,
        energy_expended_kj=5,
        rr_ticks=(1024, 99),
        reserved_flags=0x20,
        surplus_octets=1,
    ),
    Undecodable(person="Heron", at_us=40, reason="empty"),
    Duplicate(person="Heron", at_us=50),
    *(
        BeatReading(
            person="Heron",
            at_s=1.0,
            at_within_s=0.02,
            nn_ms=800.0,
            label=label,
            corrected=True,
            gap_before=True,
            gap_s=None,
            hrv_absent_because="movement",
        )
        for label in BeatLabel
    ),
    HeartRateReading(
        person="Heron",
        at_s=1.0,
        heart_rate_bpm=70.0,
        usual_bpm=None,
        usual_from=None,
        above_usual_bpm=None,
        above_usual_spreads=None,
        clean=False,
    ),
    HrvReading(person="Heron", metrics=_METRICS),
    HrvAbsent(person="Heron", at_s=61.0, reason="movement"),
    SpikeStarted(person="Heron", start=_START),
    SpikeEnded(person="Heron", spike=_SPIKE),
    *(GradeReading(person="Heron", at_us=60, grade=grade) for grade in Grade),
    *(Battery(person="Heron", at_us=70, charge_pct=charge_pct) for charge_pct in (5, 20, 21)),
    *(Worn(person="Heron", at_us=80, location=location) for location in BodySensorLocation),
)
_TIMELINE = SessionFold().timeline()


class SinkContract(ABC):
    """What the hub may do to any sink."""

    @abstractmethod
    def make(self, out: io.StringIO) -> Sink: ...

    @pytest.mark.parametrize("item", _EVERY_KIND, ids=lambda item: type(item).__name__)
    def test_it_accepts_every_kind_of_item_from_somebody_who_sat_down(self, item: Item) -> None:
        out = io.StringIO()
        sink = self.make(out)
        sink.accept(_EVERY_KIND[0])
        sink.accept(item)
        sink.tick(1_000_000, trouble=None)
        sink.close(_TIMELINE)
        assert "Traceback" not in out.getvalue()

    def test_it_accepts_everything_one_after_another_with_time_and_trouble_between(self) -> None:
        sink = self.make(io.StringIO())
        for number, item in enumerate(_EVERY_KIND):
            sink.accept(item)
            sink.tick(number * 500_000, trouble="database or disk is full" if number % 3 else None)
        sink.close(_TIMELINE)

    def test_it_can_be_closed_without_having_been_told_anything(self) -> None:
        self.make(io.StringIO()).close(_TIMELINE)

    def test_it_shows_a_wearable_that_nobody_was_seated_with(self) -> None:
        out = io.StringIO()
        clock = VirtualClock(started_at=_STARTED_AT)
        source = ReplaySource(_reports(40), clock=None)
        timeline = clock.run(run_session(source, clock=clock, recorder=None, sinks=[self.make(out)]))
        assert list(timeline.people) == ["w1"]
        assert "w1" in out.getvalue() or isinstance(self.make(io.StringIO()), JsonSink)

    def test_what_it_shows_names_no_feeling(self) -> None:
        out = io.StringIO()
        sink = self.make(out)
        for number, item in enumerate(_EVERY_KIND):
            sink.accept(item)
            sink.tick(number * 500_000, trouble=None)
        sink.close(_whole_timeline())
        assert out.getvalue()
        assert [word for word in _FORBIDDEN if word in out.getvalue().casefold()] == []


def _whole_timeline() -> Timeline:
    fold = SessionFold()
    for packet in _LOG:
        fold.push(packet)
    fold.flush()
    return fold.timeline()


class TestJsonSink(SinkContract):
    def make(self, out: io.StringIO) -> Sink:
        return JsonSink(out)

    def test_every_line_is_a_record_and_raw_notifications_are_left_out(self) -> None:
        out = io.StringIO()
        sink = JsonSink(out)
        for item in _EVERY_KIND:
            sink.accept(item)
        records = _records(out.getvalue())
        assert len(records) == len(_EVERY_KIND) - 1
        assert all(isinstance(record["type"], str) for record in records)
        assert {record["type"] for record in records} == {
            *("seat", "link", "attribute", "event", "measurement", "undecodable", "duplicate", "beat", "heart_rate"),
            *("hrv", "hrv_absent", "spike_started", "spike", "grade", "battery", "worn", "correction", "recovery"),
        }

    def test_what_is_printed_depends_on_the_log_alone(self) -> None:
        out = io.StringIO()
        JsonSink(out).tick(5, trouble="database or disk is full")
        assert out.getvalue() == ""


class TestPlainSink(SinkContract):
    def make(self, out: io.StringIO) -> Sink:
        return PlainSink(out)

    @pytest.mark.parametrize(
        ("item", "line"),
        [
            (
                Seat(at_us=61_000_000, person="Wren", wearable="w2", profile="x"),
                "0:01:01 Wren is seated with x",
            ),
            (LinkChange(at_us=0, wearable="w1", state=LinkState.STREAMING), "0:00:00 Heron link streaming"),
            (LinkChange(at_us=0, wearable="w1", state=LinkState.LOST, reason="gone"), "0:00:00 Heron link lost (gone)"),
            (LinkChange(at_us=0, wearable="w9", state=LinkState.LOST), "0:00:00 w9 link lost"),
            (SessionEvent(at_us=0, kind=EventKind.MARK, label="pause"), "0:00:00 mark pause"),
            (
                SessionEvent(at_us=0, kind=EventKind.MARK, label="x", person="Heron", note="twice"),
                "0:00:00 mark x Heron (twice)",
            ),
            (SessionEvent(at_us=0, kind=EventKind.BLOCK, label="break", note="Tea"), "0:00:00 block begins: Tea"),
            (SessionEvent(at_us=0, kind=EventKind.ROLE, label="speaker", person="Heron"), "0:00:00 Heron speaks"),
            (SessionEvent(at_us=0, kind=EventKind.ROLE, label="speaker"), "0:00:00 nobody speaks"),
            (GradeReading(person="Heron", at_us=0, grade=Grade.PULSE), "0:00:00 Heron wearable gives pulse grade"),
            (Battery(person="Heron", at_us=0, charge_pct=20), "0:00:00 Heron battery 20 %"),
            (
                Undecodable(person="Wren", at_us=0, reason="x"),
                "0:00:00 Wren sent a report that cannot be read: x",
            ),
            (
                SpikeStarted(person="Wren", start=_START),
                "0:01:00 Wren heart rate rise, +14 bpm above usual, since 0:00:50",
            ),
            (
                SpikeEnded(person="Heron", spike=_SPIKE),
                "0:01:30 Heron heart rate rise +20 bpm (8.0 own spreads), peak after 15 s, settled after 25 s",
            ),
            (Battery(person="Heron", at_us=0, charge_pct=21), None),
            (Notification(at_us=0, wearable="w1", payload=b"\x00\x46"), None),
            (HrvReading(person="Heron", metrics=_METRICS), None),
        ],
        ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
    )
    def test_one_line_a_change_and_silence_otherwise(self, item: Item, line: str | None) -> None:
        out = io.StringIO()
        sink = PlainSink(out)
        sink.accept(_EVERY_KIND[0])
        sink.accept(item)
        assert out.getvalue().splitlines()[1:] == ([] if line is None else [line])

    def test_trouble_is_told_when_it_comes_and_when_it_goes(self) -> None:
        out = io.StringIO()
        sink = PlainSink(out)
        for at_s, trouble in enumerate((None, "disk full", "disk full", "locked", None, None)):
            sink.tick(at_s * 1_000_000, trouble=trouble)
        assert out.getvalue().splitlines() == [
            "0:00:01 NOT SAVED AT PRESENT: disk full",
            "0:00:03 NOT SAVED AT PRESENT: locked",
            "0:00:04 recording works again",
        ]


class TestScreenSink(SinkContract):
    def make(self, out: io.StringIO) -> Sink:
        sink = ScreenSink(Console(file=out, width=100, force_terminal=True))
        sink._since_draw._since_s -= 60  # due
        return sink

    def test_the_board_is_drawn_and_the_console_given_back_with_the_timeline(self) -> None:
        out = io.StringIO()
        sink = ScreenSink(Console(file=out, width=140, force_terminal=True))
        for item in _LOG:
            sink._since_draw._since_s -= 60
            sink.accept(item)
        sink.close(_whole_timeline())
        drawn, _, afterwards = out.getvalue().partition("of session, ")
        assert "Heron" in drawn
        assert "escalation" in drawn
        assert drawn.rindex("\x1b[?25h") > drawn.rindex("\x1b[?25l")  # the cursor is back
        assert "Not a medical device." in afterwards

    def test_the_console_is_given_back_also_when_something_failed(self) -> None:
        class _Broken:
            def accept(self, item: Item) -> None:
                raise ArithmeticError(repr(item))

            def tick(self, now_us: int, *, trouble: str | None) -> None: ...

            def close(self, timeline: Timeline) -> None: ...

        out = io.StringIO()
        clock = VirtualClock(started_at=_STARTED_AT)
        sinks: list[Sink] = [ScreenSink(Console(file=out, width=100, force_terminal=True)), _Broken()]
        with pytest.raises(ArithmeticError):
            clock.run(run_session(ReplaySource(_LOG, clock=None), clock=clock, recorder=None, sinks=sinks))
        assert out.getvalue().rindex("\x1b[?25h") > out.getvalue().rindex("\x1b[?25l")


def test_a_moving_screen_is_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    assert isinstance(make_sink(plain=False, as_json=False), PlainSink)
    assert isinstance(make_sink(plain=True, as_json=False), PlainSink)
    assert isinstance(make_sink(plain=False, as_json=True), JsonSink)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    screen = make_sink(plain=False, as_json=False)
    assert isinstance(screen, ScreenSink)
    screen.close(_TIMELINE)
    assert isinstance(make_sink(plain=True, as_json=False), PlainSink)
