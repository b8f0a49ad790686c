"""`watchlink breathe` as a person meets it: on a virtual heart that follows, from a recording, and refused."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console

import watchlink
from dsp import OwnRate, PacedResponse
from watchlink.archive import Archive
from watchlink.clock import Clock, VirtualClock
from watchlink.commands import main
from watchlink.commands.breathe import breathe_on
from watchlink.commands.exits import NO_BLUETOOTH, NO_RR, USAGE
from watchlink.commands.guide import LineGuide, ScreenGuide, pacer_screen
from watchlink.devices import Device, LastTest, save_devices
from watchlink.fold import SessionFold
from watchlink.paced import Followed, PacedFold
from watchlink.pacer import Schedule, steady, stepped_test
from watchlink.packets import SessionEvent
from watchlink.readings import Grade
from watchlink.reports.pacing import pacing_lines, pacing_report
from watchlink.sources import Source
from watchlink.sources.paced import Pace
from watchlink.sources.virtual.cohort import VirtualCohort
from watchlink.sources.virtual.practice import Practice, VirtualPerson, breather
from watchlink.unit_audit import RrUnitVerdict

_STARTED_AT = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
_FAST = ("--virtual", "--speed", "1e6")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    code: int | str | None
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
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
        assert "Traceback" not in err
        return Outcome(code=code or 0, out=out, err=err)

    return run_main


def _breathed(
    archive: Path, schedule: Schedule, *, seed: int, profile_id: str, find: bool
) -> tuple[VirtualPerson, str]:
    """Let a virtual person breathe with the pacer in virtual time; what was printed."""
    clock = VirtualClock(started_at=_STARTED_AT)
    pace = Pace(schedule)
    person = breather(breath_at=pace.breath_at, seed=seed, profile_id=profile_id)
    out = io.StringIO()

    async def open_source() -> tuple[Source, Clock]:
        return VirtualCohort(Practice(people=(person,), events=()), clock=clock), clock

    breathe_on(open_source, run=clock.run, guide=LineGuide(out), pace=pace, find=find, archive=archive)
    return person, out.getvalue()


def _recorded(archive: Path) -> Followed:
    """What the archive's first session says of its person."""
    paced, fold = PacedFold(), SessionFold()
    with Archive(archive) as opened:
        for packet in opened.packets(1):
            for item in (packet, *fold.push(packet)):
                paced.accept(item)
    for reading in fold.flush():
        paced.accept(reading)
    (followed,) = paced.followed()
    return followed


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("profile_id", ["polar-h10", "scosche-rhythm24"])
def test_the_test_finds_the_rate_that_was_planted(tmp_path: Path, seed: int, profile_id: str) -> None:
    archive = tmp_path / "a.sqlite3"
    schedule = stepped_test(minutes=2, in_share_pct=40)
    person, printed = _breathed(archive, schedule, seed=seed, profile_id=profile_id, find=True)
    followed = _recorded(archive)
    assert person.truth.resonance is not None
    planted = person.truth.resonance.breaths_per_min
    assert followed.own == OwnRate(breaths_per_min=(planted,), at_edge=False)
    assert all(isinstance(response, PacedResponse) for _, response in followed.steps)
    assert f"Your own rate is {planted:g} breaths a minute" in printed
    assert ("The sensor is optical" in printed) == (profile_id == "scosche-rhythm24")


def test_a_recording_gives_the_same_table_from_the_archive_and_from_a_file(run: Run, tmp_path: Path) -> None:
    archive = tmp_path / "a.sqlite3"
    live = run("breathe", "--find", *_FAST, "--plain", "--archive", archive)
    assert live.code == 0
    table = live.out[live.out.index("How the heart rate") :]
    assert "Your own rate is" in table
    assert run("breathe", "--replay", 1, "--plain", "--archive", archive).out == table
    capture = tmp_path / "breathing.jsonl"
    capture.write_text(run("session", "export", 1, "--archive", archive).out, encoding="utf-8")
    assert run("breathe", "--replay", capture, "--plain").out == table


def test_the_steps_are_in_the_log_as_silent_blocks(tmp_path: Path) -> None:
    archive = tmp_path / "a.sqlite3"
    schedule = steady(breaths_per_min=5.5, minutes=1, in_share_pct=40)
    _breathed(archive, schedule, seed=1, profile_id="polar-h10", find=False)
    with Archive(archive) as opened:
        assert opened.session(1).title == "Breathing"
        events = [packet for packet in opened.packets(1) if isinstance(packet, SessionEvent)]
    assert [(event.label, event.note) for event in events] == [
        ("breathing", "5.5 a minute, in 4.4 s, out 6.5 s"),
        ("breathing", "at your own pace"),
    ]
    assert (events[1].at_us - events[0].at_us) / 1e6 == pytest.approx(schedule.duration_s, abs=0.01)


def test_lines_say_each_half_of_a_breath_once_with_its_time(tmp_path: Path) -> None:
    schedule = steady(breaths_per_min=6, minutes=0.5, in_share_pct=40)
    _, printed = _breathed(tmp_path / "a.sqlite3", schedule, seed=1, profile_id="polar-h10", find=False)
    halves = [line for line in printed.splitlines() if line.endswith((" in 4 s", " out 6 s")) and "," not in line]
    assert halves == [
        "0:00:00 in 4 s",
        "0:00:04 out 6 s",
        "0:00:10 in 4 s",
        "0:00:14 out 6 s",
        "0:00:20 in 4 s",
        "0:00:24 out 6 s",
    ]


def test_a_watch_without_intervals_paces_and_is_refused_the_test(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "paced.sqlite3"
    schedule = steady(breaths_per_min=6, minutes=1, in_share_pct=40)
    _, printed = _breathed(archive, schedule, seed=1, profile_id="garmin-watch", find=False)
    assert "6 a minute: this wearable sends no usable intervals between beats" in printed
    capsys.readouterr()
    with pytest.raises(typer.Exit) as refused:
        _breathed(
            tmp_path / "refused.sqlite3",
            stepped_test(minutes=2, in_share_pct=40),
            seed=1,
            profile_id="garmin-watch",
            find=True,
        )
    assert refused.value.exit_code == NO_RR
    assert "the test needs a strap" in capsys.readouterr().err


def test_a_remembered_watch_without_intervals_is_refused_before_anything_is_looked_for(
    run: Run, tmp_path: Path
) -> None:
    test = LastTest(grade=Grade.RATE, rr_unit=RrUnitVerdict.UNDETERMINED, good_pct=99)
    devices = tmp_path / "devices.json"
    watch = Device(alias="Wren", profile="garmin-watch", name="Forerunner", paired_on=date(2026, 3, 1), tested=test)
    save_devices(devices, [watch])
    refused = run("breathe", "--find", "--devices", devices)
    assert refused.code == NO_RR
    assert "the test needs a strap" in refused.err


def test_of_a_recording_without_intervals_the_reason_is_told(run: Run, tmp_path: Path) -> None:
    archive = tmp_path / "a.sqlite3"
    schedule = steady(breaths_per_min=6, minutes=1, in_share_pct=40)
    _breathed(archive, schedule, seed=1, profile_id="garmin-watch", find=False)
    replayed = run("breathe", "--replay", 1, "--archive", archive)
    assert (replayed.code, replayed.out) == (NO_RR, "")


def test_records_are_steps_responses_and_the_own_rate(run: Run, tmp_path: Path) -> None:
    printed = run("breathe", "--find", *_FAST, "--json", "--archive", tmp_path / "a.sqlite3").out
    records: list[dict[str, Any]] = [json.loads(line) for line in printed.splitlines()]
    assert [record["type"] for record in records] == ["step"] * 9 + ["response"] * 5 + ["own_rate"]
    for response in records[9:14]:
        low, high = response["swing_within_bpm"]
        assert low <= response["swing_bpm"] <= high
    assert records[-1]["breaths_per_min"] in (5.0, 5.5, 6.0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--rate", "3"), "--rate is 4 to 7"),
        (("--rate", "5.3"), "in halves"),
        (("--rate", "nan"), "--rate is 4 to 7"),
        (("--in-share", "90"), "--in-share is 30 to 60"),
        (("--minutes", "0"), "--minutes is 0.5 to 60"),
        (("--find", "--minutes", "1"), "--minutes is 2 to 5"),
        (("--find", "--alone"), "needs a wearable"),
        (("--alone", "--virtual"), "one of the three"),
        (("--speed", "2"), "--speed is for --virtual"),
        (("--plain", "--json"), "one of the two"),
        (("--seat", "Nobody"), "no wearable is remembered as Nobody's"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(run: Run, options: tuple[str, ...], said: str) -> None:
    refused = run("breathe", *options)
    assert refused.code == USAGE
    assert said in " ".join(refused.err.replace("│", " ").split())


def test_one_of_several_remembered_wearables_has_to_be_named(run: Run, tmp_path: Path) -> None:
    test = LastTest(grade=Grade.BEAT, rr_unit=RrUnitVerdict.TICKS, good_pct=99)
    devices = tmp_path / "devices.json"
    both = [
        Device(alias=alias, profile="polar-h10", name=f"Polar {alias}", paired_on=date(2026, 3, 1), tested=test)
        for alias in ("Heron", "Otter")
    ]
    save_devices(devices, both)
    refused = run("breathe", "--devices", devices)
    assert refused.code == USAGE
    assert "Say whose: --seat Heron" in " ".join(refused.err.replace("│", " ").split())


def test_without_a_wearable_it_is_said_how_to_breathe_all_the_same(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/at/all")
    if sys.platform != "linux":
        pytest.skip("only on Linux can a test take the Bluetooth service away")
    failed = run("breathe", "--scan-seconds", "0.5")
    assert failed.code == NO_BLUETOOTH
    assert "watchlink breathe --alone" in failed.err


def test_a_session_without_a_paced_breath_says_so(run: Run, tmp_path: Path) -> None:
    capture = tmp_path / "rr.csv"
    capture.write_text("rr_ms\n" + "800\n" * 100, encoding="utf-8")
    failed = run("breathe", "--replay", capture)
    assert failed.code == 8
    assert "No paced breathing is marked" in failed.err


def test_ctrl_c_saves_what_was_recorded(tmp_path: Path) -> None:
    archive = tmp_path / "a.sqlite3"
    command = [sys.executable, "-m", "watchlink", "breathe", "--virtual", "--speed", "100", "--minutes", "60"]
    process = subprocess.Popen(
        [*command, "--plain", "--archive", str(archive)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(watchlink.__file__).parents[1])},
    )
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("0:02:0"):
            break
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Session 1 is in the archive" in errors
    assert "6 a minute: swing" in rest
    (response,) = [response for _, response in _recorded(archive).steps]
    assert isinstance(response, PacedResponse)


@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_screen_fits_a_small_terminal_in_every_instant(ascii_only: bool) -> None:
    pace = Pace(stepped_test(minutes=2, in_share_pct=40))
    pace.begin(0)
    hearts = ["NOT SAVED AT PRESENT: the disk is full", "heart rate 72 bpm, it swings by 12 bpm with a breath"]
    for at_s in (None, -5.0, -0.1, 0.0, 1.9, 5.0, 119.0, 125.0, 130.0, pace.schedule.duration_s - 0.01):
        out = io.StringIO()
        console = Console(file=out, width=80, height=24, force_terminal=True, color_system=None)
        console.print(pacer_screen(pace, at_s, hearts, ascii_only=ascii_only))
        lines = out.getvalue().splitlines()
        assert len(lines) <= 20
        assert all(len(line) <= 80 for line in lines)
        assert not ascii_only or out.getvalue().isascii()


def test_the_table_fits_a_small_terminal_and_says_what_the_lines_say(tmp_path: Path) -> None:
    archive = tmp_path / "a.sqlite3"
    schedule = stepped_test(minutes=2, in_share_pct=40)
    _breathed(archive, schedule, seed=1, profile_id="polar-h10", find=True)
    followed = [_recorded(archive)]
    out = io.StringIO()
    Console(file=out, width=80).print(pacing_report(followed))
    assert all(len(line) <= 80 for line in out.getvalue().splitlines())
    assert " ".join(pacing_lines(followed)[-1].split()) in " ".join(out.getvalue().split())


def test_the_screen_is_given_back_before_the_table(tmp_path: Path) -> None:
    clock = VirtualClock(started_at=_STARTED_AT)
    pace = Pace(steady(breaths_per_min=6, minutes=1, in_share_pct=40))
    out = io.StringIO()
    guide = ScreenGuide(Console(file=out, width=80, height=24, force_terminal=True))

    async def open_source() -> tuple[Source, Clock]:
        person = breather(breath_at=pace.breath_at, seed=1)
        return VirtualCohort(Practice(people=(person,), events=()), clock=clock), clock

    breathe_on(open_source, run=clock.run, guide=guide, pace=pace, find=False, archive=tmp_path / "a.sqlite3")
    drawn = out.getvalue()
    assert "█" in drawn
    assert drawn.rindex("\x1b[?25h") < drawn.index("breaths a minute")
