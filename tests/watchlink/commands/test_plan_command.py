"""`watchlink session plan`: a plan is shown, made where there is none, checked, and never overwritten."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from watchlink.commands import main
from watchlink.session import default_plan, parse_plan
from watchlink.vocabulary import default_plan_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    code: int | str | None
    out: str
    err: str

    def row(self, title: str) -> str:
        """The line of one block, with single spaces."""
        (found,) = [line for line in self.out.splitlines() if title in line]
        return " ".join(found.split())


Run = Callable[..., Outcome]

_SHORT = """
title = "Short [red]evening[/red]"

[[block]]
kind = "baseline"
title = "Silence"
minutes = 2.5

[[block]]
kind = "role-play"
title = "[bold]Play[/bold] \\u001b[31m"
minutes = 70
speakers = [2, 1]
new_in_weeks = [8, 3]

[[block]]
kind = "recovery"
minutes = 5

[[event]]
label = "escalation"
key = "e"

[[event]]
label = "silence-held"
key = "h"
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `watchlink session plan` in this process."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "dumb")

    def run_main(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["watchlink", "session", "plan", *map(str, arguments)])
        code: int | str | None = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert "\x1b" not in out + err
        return Outcome(code=code or 0, out=out, err=err)

    return run_main


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.toml"


def test_without_a_file_it_is_the_programmes_plan_and_nothing_is_odd_about_it(run: Run) -> None:
    told = run()
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith("Staying present with an angry customer: 2:00:00\n")
    assert told.row("Silent baseline") == "0:00:00 5 baseline Silent baseline"
    assert told.row("Role-play B") == "0:28:00 15 role-play Role-play B 3, 4 in weeks 2, 5, 8"
    assert told.row("Closing round") == "1:52:00 8 closing Closing round"
    assert sum(block.title in told.out for block in default_plan().blocks) == 12
    assert told.row("Keys:").startswith("Keys: e escalation i interruption p paraphrase")


def test_a_week_says_of_each_block_whether_its_scenario_is_new_in_it(run: Run) -> None:
    assert run("--week", "5").row("Role-play B").endswith("Role-play B 3, 4 yes")
    assert run("--week", "4").row("Role-play B").endswith("Role-play B 3, 4")
    for week in ("0", "53", "first"):
        refused = run("--week", week)
        assert (refused.code, refused.out) == (2, "")
        assert "Invalid value for '--week'" in refused.err


def test_a_file_that_is_not_there_becomes_the_programmes_plan_and_is_then_a_plan(run: Run, file: Path) -> None:
    made = run(file)
    assert made.code == 0
    assert f"{file} holds the plan of the programme now." in made.out
    assert made.out.endswith(f"watchlink session plan {file}\n")
    assert file.read_text("utf-8") == default_plan_text()
    assert parse_plan(file.read_text("utf-8"), file="mine.toml") == default_plan()
    checked = run(file)
    assert (checked.code, checked.err) == (0, "")
    assert checked.out == run().out


def test_a_good_file_is_shown_as_it_is_and_left_as_it_is(run: Run, file: Path) -> None:
    file.write_text(_SHORT, "utf-8")
    told = run(file)
    assert (told.code, told.err) == (0, "")
    assert told.out.splitlines()[0] == "Short [red]evening[/red]: 1:17:30"
    assert told.row("Silence") == "0:00:00 2.5 baseline Silence"
    assert told.row("Play") == "0:02:30 70 role-play [bold]Play[/bold] \N{REPLACEMENT CHARACTER}[31m 2, 1 in weeks 3, 8"
    assert told.row("1:12:30") == "1:12:30 5 recovery recovery"
    assert told.row("Keys:") == "Keys: e escalation h silence-held"
    assert run(file, "--week", "3").row("Play").endswith("2, 1 yes")
    assert file.read_text("utf-8") == _SHORT


def test_what_is_odd_about_a_plan_is_said_beside_it_and_does_not_refuse_it(run: Run, file: Path) -> None:
    block = '[[block]]\nkind = "role-play"\ntitle = "Play"\nminutes = 5\n'
    file.write_text(block * 2)
    told = run(file)
    assert told.code == 0
    assert told.out.startswith("mine.toml: 0:10:00\n")
    first, second, third = told.err.splitlines()
    assert first.startswith("It does not begin with a silent baseline")
    assert second.startswith("It has no silent recovery")
    assert third.startswith("Two blocks have one title")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "mine.toml holds no [[block]]. A plan needs at least one"),
        (b"title = ", "mine.toml is not a plan: Invalid value (at end of document)."),
        (b'block = "baseline"', "mine.toml holds no [[block]]."),
        (b'[[block]]\nkind = "nap"\nminutes = 5', "mine.toml, block 1: kind must be one of baseline,"),
        (b'[[block]]\nkind = "\\u001b[31m"\nminutes = 5', "mine.toml, block 1: kind must be one of baseline,"),
        (b'[[block]]\nkind = "break"\nminutes = 0', "mine.toml, block 1: minutes must be a number above 0"),
        (b'[[block]]\nkind = "break"\nminutes = nan', "mine.toml, block 1: minutes must be a number above 0"),
        (b'[[block]]\nkind = "break"\nminutes = 5\nspeakers = 2', "block 1: speakers must be a list of numbers from 1"),
        (b'[[block]]\nkind = "break"\nminutes = 5\nnew_in_weeks = [53]', "block 1: new_in_weeks must be a list"),
        (b'[[block]]\nkind = "break"\nminutes = 5\n[[event]]\nkey = "e"', "mine.toml, event 1"),
        (b"\xff\xfe", "is no text in UTF-8: byte 0 cannot be read."),
    ],
)
def test_a_bad_file_is_refused_with_its_fault_and_left_as_it_is(
    run: Run, file: Path, content: bytes, words: str
) -> None:
    file.write_bytes(content)
    refused = run(file)
    assert (refused.code, refused.out) == (8, "")
    assert words in refused.err
    assert file.read_bytes() == content


def test_a_place_where_no_plan_can_be_made_or_read_is_refused_with_the_reason(run: Run, tmp_path: Path) -> None:
    refused = run(tmp_path / "nowhere" / "mine.toml")
    assert refused.code == 8
    assert f"{tmp_path / 'nowhere' / 'mine.toml'} cannot be written: No such file or directory." in refused.err
    folder = run(tmp_path)
    assert folder.code == 8
    assert "cannot be read: Is a directory." in folder.err
    assert list(tmp_path.iterdir()) == []
