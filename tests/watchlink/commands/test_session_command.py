"""`watchlink session start`, `board`, `mark`, `session marks`: what is refused and why; the same at every door."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

import jsonschema
import pytest

from watchlink.archive import Archive
from watchlink.board.door import running_path
from watchlink.cohorts import load_cohorts, save_cohorts
from watchlink.packets import EventKind, Purpose, SessionEvent
from watchlink.reports.stream_schema import stream_schema

from .rooms import Rooms

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a recorder without a terminal, as POSIX has it")


@pytest.fixture
def rooms(tmp_path: Path) -> Rooms:
    made = Rooms(tmp_path)
    made.found(shares=frozenset({Purpose.HEART_RATE}))
    return made


def _start(rooms: Rooms, *more: object) -> tuple[int, str]:
    code, said = rooms.run("session", "start", "Lions", "--cohorts", rooms.folder / "cohorts.json", "--plain", *more)
    return code, " ".join(said.split())


def test_a_session_without_anybodys_wearable_is_refused_with_what_to_do(rooms: Rooms) -> None:
    code, said = _start(rooms, "--devices", rooms.folder / "none.json")
    assert code == 8
    assert "Nobody of this cohort has a wearable that is remembered" in said
    assert "watchlink pair --alias Heron" in said
    assert "Traceback" not in said
    with Archive(rooms.archive) as archive:
        assert archive.sessions() == []


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--speed", "5"), "--speed is for virtual wearables"),
        (("--plan", "nowhere.toml"), "nowhere.toml cannot be read"),
        (("--week", "0"), "Invalid value for"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_recorded(
    rooms: Rooms, more: tuple[str, ...], why: str
) -> None:
    code, said = _start(rooms, *more)
    assert code in (2, 8)
    assert why in said
    assert not rooms.archive.exists()


def test_a_closed_cohort_has_no_more_sessions(rooms: Rooms) -> None:
    from dataclasses import replace

    path = rooms.folder / "cohorts.json"
    save_cohorts(path, [replace(cohort, closed_on=date(2026, 5, 1)) for cohort in load_cohorts(path)])
    code, said = _start(rooms, "--virtual")
    assert (code, "Lions was closed on 2026-05-01" in said) == (2, True)


def test_two_sessions_are_not_recorded_into_one_archive_at_once(rooms: Rooms) -> None:
    with rooms.session("--json", "--speed", 20) as board:
        board.until(lambda line: '"heart_rate"' in line)
        code, said = _start(rooms, "--virtual")
        assert code == 1
        assert "Session 1 is running. `watchlink board` shows it; `watchlink mark end` ends it." in said
        board.say("end")
        assert board.rest() == 0
    assert not running_path(rooms.archive).exists()


def test_without_a_session_a_board_and_a_mark_say_so(rooms: Rooms) -> None:
    for arguments in (("board", "--plain"), ("mark", "escalation", "1")):
        code, said = rooms.run(*arguments)
        assert code == 1
        assert "No session is running" in said


def test_every_line_of_a_session_is_as_the_schema_says_and_the_words_do_all_that_keys_do(rooms: Rooms) -> None:
    with rooms.session("--json", "--speed", 20) as board:
        board.until(lambda line: '"signal"' in line or '"heart_rate"' in line)
        lines = [
            *("begin", "escalation 2 15s ago", "undo", "correct x", "note 1 laughed", "speaker 1 3", "turn", "next"),
            *("extend 5", "extend", "share 1 all", "stop 3", "share", "status", "checks", "show 2", "help"),
            *("release 2", "seek 2", "block feedback", "escalation 9", "end"),
        ]
        for line in lines:
            board.say(line)
        assert board.rest() == 0
    validator = jsonschema.Draft202012Validator(stream_schema())
    for record in board.records():
        validator.validate(record)
    answers = [record["done"] for record in board.records() if record["type"] == "answer"]
    assert answers[: len(lines) - 2] == [line != "correct x" for line in lines[:-2]]
    told = json.dumps([record for record in board.records() if record["type"] == "measurement"])
    assert '"Otter"' not in told  # who shares the heart rate alone
    events = [packet for packet in rooms.stored()[1] if isinstance(packet, SessionEvent)]
    assert {event.kind for event in events} == set(EventKind)


def test_marks_of_a_session_that_is_over_are_listed_added_corrected_removed_and_imported(rooms: Rooms) -> None:
    with rooms.session("--json", "--speed", 20) as board:
        board.until(lambda line: '"heart_rate"' in line)
        board.say("escalation 2")
        board.say("end")
        assert board.rest() == 0
    events = rooms.folder / "video.csv"
    events.write_text("at_s,label,person\n1,paraphrase,Wren\n")
    for arguments, code in (
        (("add", 1, "interruption", 1, "--at", "0:02"), 0),
        (("correct", 1, 1, "stood", "up", 2), 0),
        (("import", 1, events, "--offset", 3), 0),
        (("remove", 1, 2), 0),
        (("remove", 1, 2), 2),
        (("correct", 1, 99, "escalation"), 2),
        (("add", 1, "escalation", 9, "--at", "1"), 8),
        (("list", 7), 8),
    ):
        assert rooms.run("session", "marks", *arguments)[0] == code, arguments
    code, listed = rooms.run("session", "marks", "list", 1, "--json")
    assert code == 0
    standing = {(record["entry"], record["label"], record["person"]) for record in map(json.loads, listed.splitlines())}
    assert standing == {(1, "stood-up", "Otter"), (3, "paraphrase", "Wren")}
    assert "0:00:04  paraphrase Wren" in rooms.run("session", "marks", "list", 1)[1]
