"""`watchlink demo --programme`: eight weeks in the archive, once; ended early, what is there is whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from watchlink.archive import Archive, SessionKind, SessionState
from watchlink.cohorts import load_cohorts
from watchlink.commands import main

_ROOT = Path(__file__).parents[3]


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["watchlink", "demo", *map(str, arguments)])
    code: int | str | None = 0
    try:
        main()
    except SystemExit as end:
        code = end.code
    return int(code or 0)


def test_a_programme_is_in_the_archive_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, cohorts = tmp_path / "archive.sqlite3", tmp_path / "cohorts.json"
    ask = ("--programme", "--people", 1, "--archive", archive, "--cohorts", cohorts)
    assert _run(monkeypatch, *ask) == 0
    said = capsys.readouterr().err
    assert "8 of 8 sessions\n" in said
    assert f"watchlink progress Demo --archive {archive}" in said
    with Archive(archive, read_only=True) as opened:
        kept = opened.sessions()
        assert {one.cohort for one in kept} == {"Demo"}
        evenings = [one for one in kept if one.kind is SessionKind.SESSION]
        assert [one.week for one in evenings] == list(range(1, 9))
        assert [one.week for one in evenings if one.state is not SessionState.COMPLETE] == [3]
        assert all(one.duration_s > 7195 for one in evenings if one.week != 3)
        mornings = [one for one in kept if one.kind is SessionKind.BASELINE]
        assert len(mornings) + len(evenings) == len(kept) > 25
        assert {one.week for one in mornings} == {None, *range(1, 9)}
        assert sum(1 for _ in opened.packets(evenings[0].id)) == evenings[0].packets
    (cohort,) = load_cohorts(cohorts)
    assert (cohort.name, cohort.people) == ("Demo", ("Heron",))
    assert cohort.members[0].up_to_date

    for again in (ask, (*ask[:-1], tmp_path / "others.json")):
        assert _run(monkeypatch, *again) == 8
        assert "already; nothing was done. For another one, choose" in capsys.readouterr().err
    assert not (tmp_path / "others.json").exists()
    with Archive(archive, read_only=True) as opened:
        assert len(opened.sessions()) == len(kept)


@pytest.mark.parametrize("option", ["--json", "--real-time"])
def test_it_says_what_does_not_go_with_a_programme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    archive = tmp_path / "archive.sqlite3"
    assert _run(monkeypatch, "--programme", option, "--archive", archive) == 2
    assert "goes with neither" in capsys.readouterr().err
    assert not archive.exists()


def test_who_ends_it_early_keeps_what_is_whole(tmp_path: Path) -> None:
    archive, cohorts = tmp_path / "archive.sqlite3", tmp_path / "cohorts.json"
    command = [sys.executable, "-m", "watchlink", "demo", "--programme", "--archive", archive, "--cohorts", cohorts]
    with subprocess.Popen(
        command, cwd=_ROOT, env=os.environ | {"PYTHONPATH": str(_ROOT)}, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stderr is not None
        assert child.stderr.readline() == "1 of 8 sessions\n"
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=60)
    assert child.returncode == 130
    assert said == "Ended early: 1 of 8 sessions are whole in the archive; the recording in work is interrupted.\n"
    with Archive(archive, read_only=True) as opened:
        kept = opened.sessions()
        whole = [one for one in kept if one.state is SessionState.COMPLETE]
        assert [one.week for one in whole if one.kind is SessionKind.SESSION] == [1]
        assert len(kept) - len(whole) <= 1
    assert json.loads(cohorts.read_text())["cohorts"][0]["name"] == "Demo"
