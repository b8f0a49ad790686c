"""`watchlink consent` as a person meets it: what holds where, and a yes that is given or taken back at once."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from watchlink.archive import Archive
from watchlink.cohorts import Cohort, Member, load_cohorts, save_cohorts
from watchlink.commands import main
from watchlink.commands.exits import CONSENT, exit_code
from watchlink.consent import WORDS, wording
from watchlink.errors import ConsentError
from watchlink.packets import Purpose, Seat, Sharing

_DAY = date(2026, 3, 1)
_OLD = frozenset({Purpose.RISES, Purpose.RAW})


@dataclass(frozen=True, slots=True)
class Outcome:
    code: int | str | None
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run `watchlink consent` in this process."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "dumb")

    def run_main(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["watchlink", "consent", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(""))
        code: int | str | None = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Outcome(code or 0, out, " ".join(word for word in err.split() if word not in "│╭╮╰╯─"))

    return run_main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Lions: Heron said yes to today's words, Otter to older ones, Wren was not asked; one session is over."""
    folder = tmp_path / "data" / "watchlink"
    folder.mkdir(parents=True)
    members = (
        Member(alias="Heron", shares=_OLD, agreed_on=_DAY, wording=wording()),
        Member(alias="Otter", shares=_OLD, agreed_on=_DAY, wording="0:older"),
        Member(alias="Wren"),
    )
    save_cohorts(folder / "cohorts.json", [Cohort(name="Lions", members=members, made_on=_DAY)])
    with Archive(folder / "archive.sqlite3") as archive:
        recorder = archive.begin(title="", started_at=datetime(2026, 3, 1, tzinfo=UTC), cohort="Lions")
        recorder.accept(Seat(at_us=0, person="Heron", wearable="w1", profile="generic"))
        recorder.accept(Sharing(at_us=1, person="Heron", purposes=_OLD, wording="0:older"))
        recorder.accept(Seat(at_us=2, person="Wren", wearable="w2", profile="generic"))
        recorder.close()
    return folder


def _member(folder: Path, alias: str) -> Member:
    member = load_cohorts(folder / "cohorts.json")[0].member(alias)
    assert member is not None
    return member


def _shared(folder: Path) -> list[Sharing]:
    with Archive(folder / "archive.sqlite3") as archive:
        return [packet for packet in archive.packets(1) if isinstance(packet, Sharing)]


@pytest.mark.usefixtures("folder")
def test_show_tells_who_said_yes_to_what_where_since_when_and_in_which_words(run: Run) -> None:
    said = run("show").out
    for words in WORDS.values():
        assert words in said
    assert "Heron: Lions, coming sessions: heart-rate no, rises yes, hrv no, raw yes; since 2026-03-01\n" in said
    assert "since 2026-03-01; in older words (0:older)\n" in said
    assert "Wren: Lions, coming sessions: not asked yet\n" in said
    assert "Heron: session 1: heart-rate no, rises yes, hrv no, raw yes; in older words (0:older)\n" in said
    records = [json.loads(line) for line in run("show", "--person", "heron", "--json").out.splitlines()]
    assert records[0]["wording"] == wording()
    assert [(one["person"], one.get("session"), one["same_words"]) for one in records[1:]] == [
        ("Heron", None, True),
        ("Heron", 1, False),
    ]


@pytest.mark.parametrize(
    ("arguments", "alias", "shares", "words"),
    [
        (["grant", "heron", "hrv"], "Heron", _OLD | {Purpose.HRV}, wording()),
        (["grant", "Otter", "hrv"], "Otter", {Purpose.HRV}, wording()),
        (["withdraw", "Heron", "raw"], "Heron", {Purpose.RISES}, wording()),
        (["withdraw", "Otter", "raw"], "Otter", {Purpose.RISES}, "0:older"),
        (["withdraw", "Heron", "all", "--cohort", "lions"], "Heron", set(), wording()),
        (["grant", "Wren", "all"], "Wren", set(Purpose), wording()),
    ],
)
def test_a_yes_for_coming_sessions_is_of_the_words_that_were_read(
    run: Run, folder: Path, arguments: list[str], alias: str, shares: set[Purpose], words: str
) -> None:
    assert run(*arguments).code == 0
    member = _member(folder, alias)
    assert (member.shares, member.wording) == (shares, words)
    assert _shared(folder) == [Sharing(at_us=1, person="Heron", purposes=_OLD, wording="0:older")]


@pytest.mark.parametrize(
    ("arguments", "stated"),
    [
        (["withdraw", "Heron", "all"], Sharing(at_us=3, person="Heron", purposes=frozenset(), wording="0:older")),
        (
            ["grant", "heron", "hrv"],
            Sharing(at_us=3, person="Heron", purposes=frozenset({Purpose.HRV}), wording=wording()),
        ),
        (
            ["grant", "Wren", "rises"],
            Sharing(at_us=3, person="Wren", purposes=frozenset({Purpose.RISES}), wording=wording()),
        ),
    ],
)
def test_what_is_said_of_a_session_that_is_over_is_entered_at_its_end_and_holds_for_all_of_it(
    run: Run, folder: Path, arguments: list[str], stated: Sharing
) -> None:
    assert run(*arguments, "--session", 1).code == 0
    first, second = _shared(folder)
    assert (first.wording, second) == ("0:older", stated)
    with Archive(folder / "archive.sqlite3") as archive:
        assert archive.sharing(1)[stated.person] == stated.purposes
    assert _member(folder, "Heron").shares == _OLD


def test_a_running_session_is_pointed_to_its_own_words(run: Run, folder: Path) -> None:
    with Archive(folder / "archive.sqlite3") as archive:
        archive.begin(title="", started_at=datetime(2026, 3, 1, tzinfo=UTC))
    refused = run("withdraw", "Heron", "all", "--session", 2)
    assert refused.code == 1
    assert "watchlink mark share 2" in refused.err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["grant", "Heron", "everything"], "Say what: heart-rate, rises, hrv, raw or all."),
        (["grant", "Ibis", "all"], "Ibis is in no cohort."),
        (["grant", "Ibis", "all", "--cohort", "Lions"], "Ibis is not in Lions."),
        (["grant", "Ibis", "all", "--session", 1], "Ibis is not in session 1. In it are: Heron, Wren."),
    ],
)
def test_what_nobody_can_say_is_refused(run: Run, arguments: list[str], words: str) -> None:
    refused = run(*arguments)
    assert refused.code == 2
    assert words in refused.err


def test_a_missing_yes_has_an_exit_code_of_its_own() -> None:
    assert exit_code(ConsentError("Heron said no yes to that.")) == CONSENT == 6
