"""What leaves the archive of a cohort's session: nothing that a person does not share, and to each all of their own."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from watchlink.archive import Archive
from watchlink.captures import open_capture
from watchlink.commands import main
from watchlink.consent import wording
from watchlink.fold import SessionFold
from watchlink.packets import (
    Discarded,
    DiscardReason,
    Notification,
    Packet,
    Purpose,
    Seat,
    SessionEvent,
    Sharing,
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
_ALL = frozenset(Purpose)
_NONE = frozenset[Purpose]()
_PEOPLE = ("Heron", "Otter", "Wren")
_WEARABLES = {"w1": "Heron", "w2": "Otter", "w3": "Wren"}
# Everybody shared everything until the last minute.
_AT_THE_END = {
    "Heron": frozenset({Purpose.HEART_RATE, Purpose.RISES}),
    "Otter": frozenset({Purpose.HEART_RATE, Purpose.HRV}),
    "Wren": _NONE,
}

# The sessions of the archive.
_NO_RAW = 1
_RAW = 2
_NOBODY_ASKED = 3
_OTHER_ORDER = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    code: int | str | None
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """Each line of the output."""
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]


Run = Callable[..., Outcome]


def _reports() -> Iterator[Packet]:
    """Three people, with one report each that came twice."""
    made = practice(plan=_PLAN, people=3, seed=3)
    yield from made.events
    for wearable, person in zip(_WEARABLES, made.people, strict=True):
        yield Seat(at_us=0, person=person.person, wearable=wearable, profile=person.profile.id)
        payload = b""
        for emission in person.wearable.emissions:
            if emission.at_us > _PLAN.duration_us:
                break
            payload = emission.payload
            yield Notification(at_us=emission.at_us, wearable=wearable, payload=payload)
        yield Discarded(at_us=_PLAN.duration_us, wearable=wearable, payload=payload, reason=DiscardReason.DUPLICATE)


def _sharing(shares: Mapping[str, frozenset[Purpose]], *, at_us: int) -> list[Packet]:
    return [
        Sharing(at_us=at_us, person=person, purposes=purposes, wording=wording()) for person, purposes in shares.items()
    ]


def _recorded(archive: Archive, packets: Iterable[Packet]) -> int:
    recorder = archive.begin(title="Evening", started_at=_STARTED_AT, cohort="Lions", week=2)
    for packet in packets:
        recorder.accept(packet)
    recorder.close()
    assert recorder.unsaved == 0
    return recorder.session_id


@pytest.fixture(scope="module")
def log() -> list[Packet]:
    """Of the session, without a word of what is shared."""
    return sorted(_reports(), key=lambda packet: packet.at_us)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, log: Sequence[Packet]) -> Path:
    path = tmp_path_factory.mktemp("archive") / "archive.sqlite3"
    everything = _sharing(dict.fromkeys(_PEOPLE, _ALL), at_us=0)
    late_us = _PLAN.duration_us
    otter_alone = {"Heron": _NONE, "Otter": frozenset({Purpose.RAW, Purpose.HRV})}
    wren_first = _sharing({"Wren": _NONE, "Ibis": _ALL, "Otter": _NONE, "Heron": _NONE}, at_us=0)
    with Archive(path) as opened:
        numbers = [
            _recorded(opened, (*everything, *log, *_sharing(_AT_THE_END, at_us=late_us))),
            # Nobody asked Wren.
            _recorded(opened, (*everything[:2], *log, *_sharing(otter_alone, at_us=late_us))),
            _recorded(opened, log),
            _recorded(opened, (*wren_first, *log)),
        ]
    assert numbers == [_NO_RAW, _RAW, _NOBODY_ASKED, _OTHER_ORDER]
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


def _whose_reports(exported: Outcome) -> set[str]:
    return {_WEARABLES[record["wearable"]] for record in exported.records if "payload" in record}


# --- session export --------------------------------------------------------------------------------------------------


def test_without_raw_no_report_leaves_not_even_one_that_was_discarded(run: Run, log: Sequence[Packet]) -> None:
    exported = run("session", "export", _NO_RAW)
    assert (exported.code, exported.err) == (0, "")
    kinds = Counter(record.get("type") for record in exported.records)
    assert kinds == {
        None: 1,  # the header
        "sharing": 6,
        "seat": 3,
        "event": sum(isinstance(packet, SessionEvent) for packet in log),
    }


@pytest.mark.parametrize("person", ["Wren", "wREN", "3"])
def test_a_person_gets_their_own_reports_and_nobody_elses(
    run: Run, log: Sequence[Packet], tmp_path: Path, person: str
) -> None:
    exported = run("session", "export", _NO_RAW, "--person", person)
    file = tmp_path / "mine.jsonl"
    file.write_text(exported.out)
    with open_capture(file) as capture:
        assert capture.started_at == _STARTED_AT
        theirs = [packet for packet in capture.packets if isinstance(packet, Notification | Discarded)]
    assert theirs == [
        packet for packet in log if isinstance(packet, Notification | Discarded) and packet.wearable == "w3"
    ]


def test_what_is_exported_to_all_is_of_those_who_share_raw_at_the_end(run: Run) -> None:
    assert _whose_reports(run("session", "export", _RAW)) == {"Otter"}


def test_what_is_exported_to_a_person_is_theirs_even_where_others_share_more(run: Run) -> None:
    assert _whose_reports(run("session", "export", _RAW, "--person", "Heron")) == {"Heron"}
    assert _whose_reports(run("session", "export", _NOBODY_ASKED, "--person", "heron")) == {"Heron"}


def test_a_recording_in_which_nobody_was_asked_is_its_owners_and_leaves_whole(run: Run) -> None:
    assert _whose_reports(run("session", "export", _NOBODY_ASKED)) == set(_PEOPLE)


@pytest.mark.parametrize("person", ["Marten", "5", ""])
def test_to_somebody_who_was_not_there_nothing_is_exported(run: Run, person: str) -> None:
    refused = run("session", "export", _OTHER_ORDER, "--person", person)
    assert (refused.code, refused.out) == (8, "")
    assert "People are: Wren, Ibis, Otter, Heron" in refused.err


def test_a_session_that_is_not_there_is_refused(run: Run) -> None:
    for command in (["session", "export", 99], ["show", 99], ["replay", "--session", 99], ["analyse", "--session", 99]):
        refused = run(*command)
        assert (refused.code, refused.out) == (8, "")
        assert "holds no session 99" in refused.err


# --- show ------------------------------------------------------------------------------------------------------------


def _rises(record: Mapping[str, Any]) -> Counter[str]:
    return Counter(spike["person"] for spike in record["spikes"])


@pytest.fixture(scope="module")
def rises(log: Sequence[Packet]) -> Counter[str]:
    """How many everybody had."""
    fold = SessionFold()
    for packet in log:
        fold.push(packet)
    fold.flush()
    found = Counter(spike.person for spike in fold.timeline().spikes)
    assert set(found) == set(_PEOPLE)  # else nothing below would say anything
    return found


def test_show_tells_the_rises_of_those_who_share_them(run: Run, rises: Counter[str]) -> None:
    shown = json.loads(run("show", _NO_RAW, "--json").out)
    assert _rises(shown) == {"Heron": rises["Heron"]}
    assert {one["person"]: one["usual_bpm"] is not None for one in shown["people"]} == {
        "Heron": True,
        "Otter": True,
        "Wren": False,
    }
    assert "Wren" not in {one["person"] for one in shown["responses"]}
    lines = run("show", _NO_RAW, "--plain").out.splitlines()
    risen = [line for line in lines if "heart rate rise +" in line]
    assert len(risen) == rises["Heron"]
    assert all(" Heron " in line for line in risen)


@pytest.mark.parametrize("person", _PEOPLE)
def test_show_tells_a_person_their_own_rises_and_nobody_elses(run: Run, rises: Counter[str], person: str) -> None:
    shown = json.loads(run("show", _NO_RAW, "--person", person.lower(), "--json").out)
    assert _rises(shown) == {person: rises[person]}
    (own,) = shown["people"]
    assert own["person"] == person
    assert own["usual_bpm"] is not None
    assert {one["person"] for one in shown["responses"]} <= {person}


def test_a_number_means_the_same_person_to_the_gate_and_to_the_report(run: Run, rises: Counter[str]) -> None:
    """Who has which number is the cohort's order, not that in which wearables were put on."""
    assert _rises(json.loads(run("show", _OTHER_ORDER, "--json").out)) == {}
    for number, person in ((1, "Wren"), (3, "Otter"), (4, "Heron")):
        shown = json.loads(run("show", _OTHER_ORDER, "--person", number, "--json").out)
        assert [one["person"] for one in shown["people"]] == [person]
        assert _rises(shown) == {person: rises[person]}
    of_nobody = run("show", _OTHER_ORDER, "--person", 2, "--json")  # Ibis wore nothing
    assert (of_nobody.code, of_nobody.out) == (8, "")
    assert "Nobody here is called 'Ibis'" in of_nobody.err


# --- replay ----------------------------------------------------------------------------------------------------------

_OF_RATE = {"heart_rate", "measurement", "beat"}
_OF_RISES = {"spike_started", "spike", "recovery", "association"}
_OF_HRV = {"hrv", "hrv_absent"}


def test_a_replay_tells_of_each_what_they_share_and_of_all_that_they_are_heard(run: Run) -> None:
    records = run("replay", "--session", _NO_RAW, "--json").records
    told = {person: {record["type"] for record in records if record.get("person") == person} for person in _PEOPLE}
    assert all(told[person] >= {"heard", "grade"} for person in _PEOPLE)
    assert _OF_RATE & told["Heron"] == _OF_RATE & told["Otter"] == {"heart_rate"}
    assert told["Heron"] >= {"spike_started", "spike", "recovery"}
    assert not _OF_HRV & told["Heron"]
    assert told["Otter"] >= {"hrv"}
    assert not _OF_RISES & told["Otter"]
    assert not (_OF_RATE | _OF_RISES | _OF_HRV) & told["Wren"]
    assert {record["person"] for record in records if _numbers_of_a_heart(record)} == {"Heron", "Otter"}


def _numbers_of_a_heart(record: Mapping[str, Any]) -> set[str]:
    """The keys under which a record says anything in beats a minute or milliseconds."""
    return {key for key, value in record.items() if value is not None and ("bpm" in key or "_ms" in key or key == "rr")}


def test_a_replay_where_nobody_was_asked_tells_everything(run: Run) -> None:
    records = run("replay", "--session", _NOBODY_ASKED, "--json").records
    assert {record["person"] for record in records if record["type"] == "measurement"} == set(_PEOPLE)


# --- analyse ---------------------------------------------------------------------------------------------------------


def test_an_analysis_is_made_of_reports_that_are_shared_and_says_who_does_not(run: Run) -> None:
    refused = run("analyse", "--session", _NO_RAW, "--json")
    assert (refused.code, refused.out) == (5, "")
    for person in _PEOPLE:
        assert f"{person}: no HRV: an analysis needs every report, and these are not shared" in refused.err
    everybody = run("analyse", "--session", _NOBODY_ASKED, "--json").records
    assert {"Heron", "Otter"} <= {record["person"] for record in everybody}  # beats come of these alone
    some = run("analyse", "--session", _RAW, "--json")
    assert [record for record in everybody if record["person"] == "Otter"] == some.records
    assert "Heron: no HRV: an analysis needs every report" in some.err


@pytest.mark.parametrize("person", ["Heron", "heron"])
def test_an_analysis_of_ones_own_is_that_of_all_reports_and_of_nobody_else(run: Run, person: str) -> None:
    own = run("analyse", "--session", _NO_RAW, "--person", person, "--json")
    everybody = run("analyse", "--session", _NOBODY_ASKED, "--json").records
    assert own.code == 0
    assert own.records == [record for record in everybody if record["person"] == "Heron"]
    assert "Otter" not in own.err


# --- session show ----------------------------------------------------------------------------------------------------


def test_the_receipt_of_a_stored_session_says_what_others_see_and_tells_no_heart_rate(run: Run) -> None:
    shown = run("session", "show", _NO_RAW)
    lines = shown.out.splitlines()
    assert lines[0] == "Lions, week 2, 2026-03-01 18:00 UTC, complete"
    assert lines[1].startswith(f"Session {_NO_RAW}, Evening: 0:35:00, ")
    assert [line.rpartition("; ")[2] for line in lines[2:5]] == [
        "others see: heart-rate, rises",
        "others see: heart-rate, hrv",
        "others see: nothing",
    ]
    blocks = [packet for packet in lines if packet.endswith(("Silence", "Role-play A", "Break", "Role-play B"))]
    assert blocks == ["0:00:00 Silence", "0:05:00 Role-play A", "0:20:00 Break", "0:23:00 Role-play B"]
    assert "bpm" not in shown.out
    assert f"watchlink show {_NO_RAW}" in shown.err
