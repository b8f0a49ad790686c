"""`watchlink doctor` as a person meets it: without Bluetooth, with virtual wearables, as JSON, and its report."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import watchlink
from watchlink.commands import main
from watchlink.commands.doctor import _print_check, _terminal
from watchlink.doctor.checks import Check, Status

_HOW_TO = Path(watchlink.__file__).parents[1] / "docs" / "how-to" / "when-it-does-not-work.md"
_NAMES = [
    "system",
    "Python",
    "programs",
    "extras",
    "terminal",
    "disk",
    "archive",
    "sessions",
    "Bluetooth",
    "permission",
    "adapter",
    "power",
    "listening",
    "wearables",
    "connections",
]
_linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the address of the system's message bus is Linux's")


class Told:
    """What a command printed and how it ended."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        self._data = data
        self.out = self.err = ""

    def run(self, *arguments: object) -> int:
        self._monkeypatch.setattr(sys, "argv", ["watchlink", "doctor", *map(str, arguments)])
        self._monkeypatch.setenv("XDG_DATA_HOME", str(self._data))
        self._monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/at/all")
        code: int | str | None = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        self.out, self.err = self._capsys.readouterr()
        return int(code or 0)

    def checks(self) -> dict[str, dict[str, Any]]:
        return {check["name"]: check for check in json.loads(self.out)["checks"]}


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Told:
    return Told(capsys, monkeypatch, tmp_path / "data")


# --- without Bluetooth -----------------------------------------------------------------------------------------------


@_linux_only
def test_without_bluetooth_it_fails_and_says_what_to_do(told: Told, tmp_path: Path) -> None:
    assert told.run("--seconds", "0.5") == 1
    lines = told.out.splitlines()
    at = next(number for number, line in enumerate(lines) if "Bluetooth  " in line)
    assert re.fullmatch("✗ fail +Bluetooth +The system's Bluetooth service does not answer", lines[at])
    assert lines[at + 1].strip().startswith("→ Install BlueZ if it is missing")
    assert lines[-1].startswith("Not ready for a session: Bluetooth")
    assert "Traceback" not in told.err
    assert not (tmp_path / "data").exists()  # looking leaves nothing behind


@_linux_only
def test_json_is_one_object_with_every_check_in_its_order(told: Told) -> None:
    assert told.run("--json", "--seconds", "0.5") == 1
    record = json.loads(told.out)
    assert record["ready"] is False
    assert record["summary"].startswith("Not ready")
    assert [check["name"] for check in record["checks"]] == _NAMES
    assert all(set(check) == {"name", "status", "found", "fix"} for check in record["checks"])
    assert all(check["fix"] for check in record["checks"] if check["status"] in ("warn", "fail"))
    assert told.checks()["connections"]["status"] == "not checked"
    assert told.err == ""


# --- with virtual wearables ------------------------------------------------------------------------------------------


def test_virtual_wearables_are_heard_and_really_connected(told: Told) -> None:
    assert told.run("--virtual", "2", "--seconds", "1", "--json") == 0
    checks = told.checks()
    assert list(checks) == _NAMES
    assert checks["wearables"]["found"].startswith("2 heard: ")
    assert checks["connections"] == {
        "name": "connections",
        "status": "pass",
        "found": "all 2 stream at once",
        "fix": "",
    }
    assert checks["adapter"]["status"] == "not checked"
    assert json.loads(told.out)["ready"] is True


def test_connecting_can_be_left_out(told: Told) -> None:
    assert told.run("--virtual", "1", "--seconds", "1", "--no-connect", "--json") == 0
    assert told.checks()["connections"]["status"] == "not checked"


# --- the report ------------------------------------------------------------------------------------------------------


def test_a_report_is_written_for_its_owner_only_and_nobody_is_in_it(told: Told, tmp_path: Path) -> None:
    file = tmp_path / "report.txt"
    assert told.run("--virtual", "2", "--seconds", "1", "--no-connect", "--bundle", file) == 0
    assert f"The report is in {file}. Read it before you send it; nothing was sent." in told.err
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text(encoding="utf-8")
    heard = re.search(r"2 heard: (.*)", told.out)
    assert heard is not None
    for name in heard[1].split(", "):
        assert name not in text
    assert "2 heard: <wearable>, <wearable>" in text
    assert str(Path.home()) + os.sep not in text


def test_a_report_is_never_written_over_a_file(told: Told, tmp_path: Path) -> None:
    file = tmp_path / "report.txt"
    file.write_text("mine")
    assert told.run("--virtual", "1", "--bundle", file) == 8
    assert file.read_text() == "mine"
    assert told.out == ""
    assert "is there already" in told.err
    assert told.run("--virtual", "1", "--bundle", tmp_path / "nowhere" / "report.txt") == 8
    assert "no folder" in told.err


# --- what a person sees ----------------------------------------------------------------------------------------------


def seen(console: Console, check: Check) -> list[str]:
    _print_check(console, check)
    file = console.file
    assert isinstance(file, io.TextIOWrapper)
    file.flush()
    buffer = file.buffer
    assert isinstance(buffer, io.BytesIO)
    return [line.rstrip() for line in buffer.getvalue().decode(file.encoding).splitlines()]


def terminal(*, encoding: str) -> Console:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return Console(file=file, force_terminal=True, width=80, color_system=None, highlight=False)


_FAULT = Check(
    name="adapter",
    status=Status.FAIL,
    found="This computer has no Bluetooth LE adapter \x1b[2J é",
    fix="Plug one in; if there is one, see `rfkill list` and `bluetoothctl list`.",
)


def test_on_a_terminal_what_to_do_stands_in_a_column_under_what_was_found() -> None:
    assert seen(terminal(encoding="utf-8"), _FAULT) == [
        "✗ fail         adapter      This computer has no Bluetooth LE adapter �[2J é",
        "                            → Plug one in; if there is one, see `rfkill list`",
        "                            and `bluetoothctl list`.",
    ]


def test_a_terminal_without_such_letters_gets_others() -> None:
    lines = seen(terminal(encoding="ascii"), _FAULT)
    assert lines[0] == "x fail         adapter      This computer has no Bluetooth LE adapter ?[2J ?"
    assert lines[1].lstrip().startswith("-> Plug one in")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_word_and_shape_differ_for_every_status(encoding: str) -> None:
    heads = set[str]()
    shapes = set[str]()
    for status in Status:
        line = seen(terminal(encoding=encoding), Check(name="disk", status=status, found="x"))[0]
        heads.add(line[2:13].strip())
        shapes.add(line[0])
    assert heads == set(Status)
    assert len(shapes) == len(Status)


def test_the_terminal_is_judged_as_it_is_printed_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    facts = _terminal(Console(file=io.StringIO(), force_terminal=True, width=100, height=30))
    assert (facts.is_terminal, facts.columns, facts.rows) == (True, 100, 30)
    assert facts.colours_refused
    assert not facts.colours
    assert not _terminal(Console(file=io.StringIO())).is_terminal


# --- the how-to ------------------------------------------------------------------------------------------------------


def test_the_how_to_has_a_chapter_for_every_check() -> None:
    headings = set(re.findall(r"(?m)^## `(\w+)`", _HOW_TO.read_text(encoding="utf-8")))
    assert headings == set(_NAMES)
