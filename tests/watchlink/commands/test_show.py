"""`watchlink show` and `watchlink schema`: each document keeps to the published schema; odd sessions have an answer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from watchlink.archive import Archive
from watchlink.captures import jsonl
from watchlink.commands import main
from watchlink.packets import (
    Correction,
    EventKind,
    LinkChange,
    LinkState,
    Meaning,
    Notification,
    Packet,
    Seat,
    SessionEvent,
)
from watchlink.session import Block, Plan
from watchlink.sources.virtual.practice import practice

_STARTED_AT = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
_PLAN = Plan(
    title="short",
    blocks=(
        Block(kind="baseline", title="Silence", minutes=5),
        Block(kind="role-play", title="Role-play A", minutes=15),
        Block(kind="break", title="Break", minutes=3),
        Block(kind="role-play", title="Role-play B", minutes=12),
    ),
)


def _session(seed: int = 3) -> list[Packet]:
    """Three people; what was lost on the air is left out."""
    made = practice(plan=_PLAN, people=3, seed=seed)
    packets: list[Packet] = list(made.events)
    for number, person in enumerate(made.people, 1):
        packets.append(Seat(at_us=0, person=person.person, wearable=f"w{number}", profile=person.profile.id))
        for emission in person.wearable.emissions:
            if emission.at_us > _PLAN.duration_us:
                break
            packets.append(Notification(at_us=emission.at_us, wearable=f"w{number}", payload=emission.payload))
    return sorted(packets, key=lambda packet: packet.at_us)


def _rates(wearable: str, since_s: int, until_s: int, bpm: int = 70) -> list[Packet]:
    return [
        Notification(at_us=at * 1_000_000, wearable=wearable, payload=bytes([0, bpm + at % 3]))
        for at in range(since_s, until_s)
    ]


def _capture(folder: Path, packets: Sequence[Packet], name: str = "session.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(jsonl.lines(_STARTED_AT, packets)), encoding="utf-8")
    return path


def _run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: object) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["watchlink", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda *words: _run(capsys, monkeypatch, *words)


@pytest.fixture
def document(run: Any) -> Any:
    """`show --json` of a session, held against the schema."""

    def shown(*words: object) -> dict[str, Any]:
        code, schema, _ = run("schema")
        assert code == 0
        code, out, err = run("show", "--json", *words)
        assert code == 0, err
        found = json.loads(out, parse_constant=pytest.fail)
        validator = jsonschema.Draft202012Validator(json.loads(schema))
        validator.check_schema(validator.schema)
        assert [error.message for error in validator.iter_errors(found)] == []
        return found

    return shown


def test_a_session_is_shown_as_the_schema_says(document: Any, tmp_path: Path) -> None:
    found = document(_capture(tmp_path, _session()))
    assert found["started_at"] == "2026-03-01T18:00:00+00:00"
    assert [person["person"] for person in found["people"]] == ["Heron", "Otter", "Wren"]
    assert found["spikes"]
    assert any(spike["associations"] for spike in found["spikes"])
    assert any(spike["recovery"]["half_time_s"] for spike in found["spikes"] if spike["recovery"])
    assert found["responses"]
    assert found["followed"]
    assert {role["role"] for role in found["people"][0]["roles"]} == {"speaker", "listener"}


def test_a_persons_part_holds_nothing_of_the_others(document: Any, tmp_path: Path) -> None:
    found = document(_capture(tmp_path, _session()), "--person", "otter")
    assert [person["person"] for person in found["people"]] == ["Otter"]
    assert {spike["person"] for spike in found["spikes"]} <= {"Otter"}
    assert {event["person"] for event in found["events"]} <= {"Otter", None}
    assert found["followed"] == []


def test_the_archive_and_its_export_show_the_same(document: Any, tmp_path: Path) -> None:
    packets = _session()
    with Archive(tmp_path / "a.sqlite3") as archive:
        recorder = archive.begin(title="t", started_at=_STARTED_AT)
        for packet in packets:
            recorder.accept(packet)
        recorder.close()
    assert document(1, "--archive", tmp_path / "a.sqlite3") == document(_capture(tmp_path, packets))


def _mark(at_s: float, label: str = "interruption", person: str | None = None) -> SessionEvent:
    return SessionEvent(at_us=round(at_s * 1e6), kind=EventKind.MARK, label=label, person=person)


_SEAT = Seat(at_us=0, person="Heron", wearable="w1", profile="garmin-watch")
_ODD: dict[str, tuple[list[Packet], str]] = {
    "nothing": ([], "there is no silent baseline"),
    "one packet": ([_SEAT], "Heron: nothing was received"),
    "far away": ([_SEAT, *_rates("w1", 0, 400), _mark(1e9)], "there is no silent baseline"),
    "before the start": ([_SEAT, _mark(-5), *_rates("w1", 0, 400)], "1 event happened before the session began"),
    "after the end": (
        [
            _SEAT,
            *_rates("w1", 0, 400),
            Correction(at_us=0, of_us=5, now=SessionEvent(at_us=5, kind=EventKind.MARK, label="x", ago_us=-(10**10))),
            SessionEvent(at_us=5, kind=EventKind.MARK, label="x"),
        ],
        "1 event happened after the last report",
    ),
    "for nobody": ([_SEAT, *_rates("w1", 0, 400), _mark(50, person="Robin")], "events name Robin, who wears nothing"),
    "out of order": ([_SEAT, _mark(300), _mark(20), *_rates("w1", 0, 400), _mark(10)], "there is no silent baseline"),
    "left and returned": (
        [
            _SEAT,
            *_rates("w1", 0, 400),
            LinkChange(at_us=400_000_000, wearable="w1", state=LinkState.GIVEN_UP),
            Seat(at_us=900_000_000, person="Heron", wearable="w1", profile="garmin-watch"),
            *_rates("w1", 900, 1300),
        ],
        "there is no silent baseline",
    ),
    "another wearable": (
        [
            _SEAT,
            *_rates("w1", 0, 400),
            Seat(at_us=400_000_000, person="Heron", wearable="w2", profile="polar-h10"),
            *_rates("w2", 400, 900, bpm=71),
        ],
        "Heron changed the wearable once",
    ),
    "a clock that jumps": ([_SEAT, *_rates("w1", 0, 400), *_rates("w1", 90, 300)], "there is no silent baseline"),
    "hostile words": (
        [
            Seat(at_us=0, person="[red]\x1b[2J\u202e" * 9, wearable="w1", profile="nonsense"),
            *_rates("w1", 0, 100),
            _mark(50, "[/]\n" * 20, "[red]\x1b[2J\u202e" * 9),
        ],
        "there is no silent baseline",
    ),
}


@pytest.mark.parametrize("name", _ODD)
def test_an_odd_session_has_an_answer_that_says_so(document: Any, run: Any, tmp_path: Path, name: str) -> None:
    packets, remark = _ODD[name]
    path = _capture(tmp_path, packets)
    assert any(line.startswith(remark) for line in document(path)["remarks"])
    for options in ((), ("--plain",)):
        code, out, _ = run("show", path, *options)
        assert code == 0
        assert "\x1b[2J" not in out


def test_who_wears_the_same_again_has_changed_nothing(document: Any, tmp_path: Path) -> None:
    packets, _ = _ODD["left and returned"]
    (person,) = document(_capture(tmp_path, packets))["people"]
    assert person["swaps"] == 0
    assert person["heart_rate_s"] == pytest.approx(800, abs=20)


def test_events_of_another_clock_are_laid_beside(document: Any, tmp_path: Path) -> None:
    events = tmp_path / "e.csv"
    events.write_text("at_s,label,person\n10,stood-up,Heron\n", encoding="utf-8")
    path = _capture(tmp_path, [_SEAT, *_rates("w1", 0, 400)])
    (event,) = document(path, "--events", events, "--events-offset", "-4.5")["events"]
    assert (event["happened_s"], event["meaning"]) == (5.5, Meaning.BODY)


@pytest.mark.parametrize(
    ("words", "code", "complaint"),
    [
        (("show", "no-such.jsonl"), 8, "no-such.jsonl"),
        (("show", "7", "--archive", "{folder}/new.sqlite3"), 8, "The archive holds no session 7."),
        (("show", "{folder}/empty"), 8, "empty"),
        (("show", "{folder}/session.jsonl", "--person", "Robin"), 8, "Nobody here is called"),
        (("show", "{folder}/session.jsonl", "--events", "{folder}/no.csv"), 8, "no.csv cannot be read"),
    ],
)
def test_what_cannot_be_shown_is_said(
    run: Any, tmp_path: Path, words: tuple[str, ...], code: int, complaint: str
) -> None:
    (tmp_path / "empty").touch()
    _capture(tmp_path, [_SEAT])
    ended, out, err = run(*(word.format(folder=tmp_path) for word in words))
    assert (ended, out) == (code, "")
    assert complaint in err
