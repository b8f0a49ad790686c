"""`watchlink baseline`, `rate`, `progress`: on virtual wearables and recordings, told, or refused with why."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

import pytest

from watchlink.archive import Archive, SessionKind
from watchlink.commands import main

_P37: Final = "captures/reframed/rhythm_15min_dlt201.pcap"


class Program:
    """The program on an archive and cohorts of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.archive = folder / "archive.sqlite3"
        self._cohorts = folder / "cohorts.json"
        self._devices = folder / "devices.json"
        self._monkeypatch = monkeypatch

    def __call__(self, *arguments: object) -> int:
        places: list[object] = ["--archive", self.archive] if arguments[0] != "cohort" else []
        if arguments[0] in ("cohort", "baseline", "progress"):
            places += ["--cohorts", self._cohorts]
        if arguments[0] == "baseline" or arguments[:2] == ("cohort", "new"):
            places += ["--devices", self._devices]
        self._monkeypatch.setattr(sys, "argv", ["watchlink", *map(str, (*arguments, *places))])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    return Program(tmp_path, monkeypatch)


_QUICK: Final = ("baseline", "--virtual", "--speed", "1000", "--minutes", "3", "--no-questions")


def test_a_virtual_baseline_is_told_and_kept_as_one(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    assert program(*_QUICK, "--said", "sleep=6.5", "--said", "caffeine=y") == 0
    said = capsys.readouterr()
    assert said.out.startswith("At rest: ")
    assert "RMSSD" in said.out
    assert "Do not talk" in said.err
    assert "Saved as session 1" in said.err
    assert "bpm" not in said.err  # who watches the own heart rate moves it
    with Archive(program.archive, read_only=True) as archive:
        (stored,) = archive.sessions()
        assert (stored.kind, stored.cohort) == (SessionKind.BASELINE, None)
        assert stored.duration_s == pytest.approx(210, abs=3)
    assert program("report", "1", "--format", "json") == 0
    page = json.loads(capsys.readouterr().out)["page"]
    assert page["self_reports"] == {"sleep": "6.5", "caffeine": "yes"}
    assert page["rests"][0]["kind"] == "baseline"


def test_a_baseline_of_a_member_belongs_to_the_cohort_and_says_what_is_shared(
    program: Program, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program("cohort", "new", "Lions", "Heron", "Otter", "--primary", "resting-heart-rate") == 0
    assert program("cohort", "share", "Lions", "Heron", "heart-rate") == 0
    assert program(*_QUICK, "--alias", "Heron") == 0
    with Archive(program.archive, read_only=True) as archive:
        assert [one.cohort for one in archive.sessions()] == ["Lions"]
        assert {name: len(shared) for name, shared in archive.sharing(1).items()} == {"Heron": 1}
    capsys.readouterr()
    assert program("progress", "--person", "Heron", "--format", "json") == 0
    progress = json.loads(capsys.readouterr().out)
    assert progress["completeness"]["usable"] == 1
    assert progress["measures"][0]["measure"] == "resting-heart-rate"
    assert progress["measures"][0]["trend"]["verdict"] == "cannot tell"
    assert program("progress", "Lions") == 0
    assert "from 5 on" in " ".join(capsys.readouterr().out.split())
    assert program("progress", "Lions", "--person", "Otter") == 1
    assert "no recording of Otter" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (("--said", "sleep=50"), "0 to 24"),
        (("--said", "luck=yes"), "items are sleep"),
        (("--said", "caffeine"), "items are sleep"),
        (("--minutes", "9"), "less than or equal to 5"),
        (("--replay", "x.btsnoop"), "not both"),
        (("--cohort", "Nobody"), "No cohort is called Nobody"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(
    program: Program, capsys: pytest.CaptureFixture[str], option: tuple[str, ...], says: str
) -> None:
    assert program(*_QUICK, *option) == 2
    assert says in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_a_recording_of_somebody_else_gives_a_baseline_on_its_own_date(
    program: Program, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program("baseline", "--replay", shared_data / _P37, "--from", 60, "--minutes", 3, "--no-questions") == 0
    said = capsys.readouterr().out
    assert said.startswith("At rest: 59 bpm")
    assert "no variability: the intervals cover" in said  # the recording lost a quarter of them
    with Archive(program.archive, read_only=True) as archive:
        assert archive.sessions()[0].started_at.year == 2023


def test_a_baseline_with_too_little_signal_is_not_saved_as_one_and_is_kept(
    program: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = tmp_path / "few.txt"
    few.write_text("\n".join(["1000"] * 60) + "\n", "utf-8")
    assert program("baseline", "--replay", few, "--minutes", 3, "--no-questions") == 7
    said = capsys.readouterr()
    assert said.out.startswith("Not saved as a baseline: after settling it lasted 30 s, and 120 are needed")
    assert "kept as session 1" in said.err
    with Archive(program.archive, read_only=True) as archive:
        assert archive.session(1).packets > 60


def test_a_judgement_stands_in_the_own_page(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    assert program(*_QUICK) == 0
    assert program("rate", "1", "heron", "--before", "7", "--after", "4") == 0
    assert program("rate", "1", "Heron", "--after", "3") == 0
    capsys.readouterr()
    assert program("report", "1", "--person", "Heron", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["page"]["self_reports"] == {"rating-before": "7", "rating-after": "3"}
    assert program("rate", "1", "Heron") == 2
    assert program("rate", "1", "Wren", "--after", "3") == 8
    assert program("rate", "9", "Heron", "--after", "3") == 8
