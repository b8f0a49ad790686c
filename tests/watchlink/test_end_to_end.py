"""The proof of the whole: what a live session shows, its replay shows, to the byte, at any speed and from any file."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

import watchlink
from watchlink.archive import Archive, SessionState
from watchlink.board.state import BoardFold
from watchlink.captures import jsonl, open_capture
from watchlink.clock import MachineClock, VirtualClock
from watchlink.commands.output import JsonSink, PlainSink
from watchlink.hub import Item, Sink, run_session
from watchlink.packets import LinkChange, Notification, Packet
from watchlink.readings import Measured
from watchlink.session import Block, Plan
from watchlink.sources.replay import ReplaySource
from watchlink.sources.virtual.cohort import VirtualCohort
from watchlink.sources.virtual.practice import Practice, practice
from watchlink.timeline import Timeline

_ROOT = Path(watchlink.__file__).parents[1]
_STARTED_AT = datetime(2026, 3, 1, 18, 0, 0, 123456, tzinfo=UTC)
_PEOPLE, _SEED = 5, 3  # all three grades, and more than one rise
_PLAN = Plan(
    title="A short practice",
    blocks=(
        Block(kind="baseline", title="Silent baseline", minutes=2),
        Block(kind="role-play", title="Role-play", minutes=7.5),
        Block(kind="break", title="Break", minutes=1),
        Block(kind="recovery", title="Silent recovery", minutes=1.5),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a run showed, in both written forms, and its timeline."""

    json: str
    plain: str
    timeline: Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A live session: what it showed, and the archive that it is in."""

    shown: Shown
    archive: Path
    session: int
    practice: Practice


def _live(
    folder: Path, *, plan: Plan = _PLAN, people: int = _PEOPLE, seed: int = _SEED, speed: float | None = None
) -> Live:
    """Run a practice session over the virtual air into an archive."""
    clock = VirtualClock(started_at=_STARTED_AT, speed=speed)
    json_out, plain_out = io.StringIO(), io.StringIO()
    path = folder / "sessions.sqlite3"
    session = practice(plan=plan, people=people, seed=seed)
    with Archive(path) as archive:
        recorder = archive.begin(title=plan.title, started_at=clock.started_at)
        timeline = clock.run(
            run_session(
                VirtualCohort(session, clock=clock),
                clock=clock,
                recorder=recorder,
                sinks=[JsonSink(json_out), PlainSink(plain_out)],
                until_us=plan.duration_us,
            )
        )
        assert (recorder.unsaved, recorder.trouble) == (0, None)
    shown = Shown(json=json_out.getvalue(), plain=plain_out.getvalue(), timeline=timeline)
    return Live(shown=shown, archive=path, session=recorder.session_id, practice=session)


def _replayed(packets: list[Packet], *, clock: VirtualClock, paced: bool) -> Shown:
    json_out, plain_out = io.StringIO(), io.StringIO()
    timeline = clock.run(
        run_session(
            ReplaySource(packets, clock=clock if paced else None),
            clock=clock,
            recorder=None,
            sinks=[JsonSink(json_out), PlainSink(plain_out)],
        )
    )
    return Shown(json=json_out.getvalue(), plain=plain_out.getvalue(), timeline=timeline)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Live:
    return _live(tmp_path_factory.mktemp("live"))


@contextmanager
def _from_archive(live: Live) -> Generator[list[Packet]]:
    with Archive(live.archive) as archive:
        yield list(archive.packets(live.session))


@contextmanager
def _from_export(live: Live) -> Generator[list[Packet]]:
    path = live.archive.with_name("export.jsonl")
    with Archive(live.archive) as archive, path.open("w", encoding="utf-8") as file:
        file.writelines(jsonl.lines(_STARTED_AT, archive.packets(live.session)))
    with open_capture(path) as capture:
        assert capture.started_at == _STARTED_AT
        yield list(capture.packets)


# --- live == replay --------------------------------------------------------------------------------------------------


def test_the_live_session_is_worth_replaying(live: Live) -> None:
    records = [json.loads(line) for line in live.shown.json.splitlines()]
    kinds = {record["type"] for record in records}
    assert kinds >= {"seat", "link", "event", "measurement", "beat", "heart_rate", "hrv", "hrv_absent", "grade"}
    assert kinds >= {"spike_started", "spike", "association", "attribute", "battery", "worn"}
    assert len(live.shown.timeline.spikes) >= 2
    assert sum(record["type"] == "measurement" for record in records) > _PEOPLE * 700
    assert {counts.grade for counts in live.shown.timeline.people.values()} == {"beat", "pulse", "rate"}


@pytest.mark.parametrize("opened", [_from_archive, _from_export], ids=["archive", "export"])
@pytest.mark.parametrize(
    ("paced", "speed"),
    [(False, None), (True, None), (True, 1e6), (True, 1e9)],
    ids=["unpaced", "paced without speed", "a million times as fast", "a milliard times as fast"],
)
def test_a_replay_shows_what_the_live_session_showed_to_the_byte(
    live: Live, opened: Callable[[Live], AbstractContextManager[list[Packet]]], paced: bool, speed: float | None
) -> None:
    with opened(live) as packets:
        again = _replayed(packets, clock=VirtualClock(started_at=_STARTED_AT, speed=speed), paced=paced)
    assert again.json == live.shown.json
    assert again.plain == live.shown.plain
    assert again.timeline == live.shown.timeline


def test_a_replay_that_is_recorded_is_the_same_log_again(live: Live, tmp_path: Path) -> None:
    clock = VirtualClock(started_at=_STARTED_AT)
    with _from_archive(live) as packets, Archive(tmp_path / "again.sqlite3") as archive:
        recorder = archive.begin(title="again", started_at=_STARTED_AT)
        clock.run(run_session(ReplaySource(packets, clock=clock), clock=clock, recorder=recorder, sinks=[]))
        assert list(archive.packets(recorder.session_id)) == packets


def test_the_log_of_a_session_is_complete_and_knows_its_length(live: Live) -> None:
    with Archive(live.archive) as archive:
        stored = archive.session(live.session)
    assert stored.state is SessionState.COMPLETE
    assert _PLAN.duration_us / 1e6 - 1.5 < stored.duration_s <= _PLAN.duration_us / 1e6
    assert stored.started_at == _STARTED_AT


def test_the_same_seed_gives_the_same_session_at_any_pace(live: Live, tmp_path: Path) -> None:
    again = _live(tmp_path, speed=1e6)
    assert again.shown.json == live.shown.json
    with _from_archive(live) as one, _from_archive(again) as other:
        assert one == other


def test_another_seed_gives_another_session(live: Live, tmp_path: Path) -> None:
    assert _live(tmp_path, seed=_SEED + 1).shown.json != live.shown.json


_LIVE_IN_A_PROCESS = """
    import sys
    from datetime import UTC, datetime
    from watchlink.clock import VirtualClock
    from watchlink.commands.output import JsonSink
    from watchlink.hub import run_session
    from watchlink.session import Block, Plan
    from watchlink.sources.virtual.cohort import VirtualCohort
    from watchlink.sources.virtual.practice import practice

    clock = VirtualClock(started_at=datetime(2026, 3, 1, tzinfo=UTC))
    blocks = (Block(kind="baseline", title="", minutes=1), Block(kind="role-play", title="", minutes=2))
    plan = Plan(title="", blocks=blocks)
    source = VirtualCohort(practice(plan=plan, people=8, seed=1), clock=clock)
    clock.run(run_session(source, clock=clock, recorder=None, sinks=[JsonSink(sys.stdout)], until_us=plan.duration_us))
"""


def test_a_seed_means_the_same_in_every_process() -> None:
    """Whatever order its sets and hashes happen to have."""
    outputs = [
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(_LIVE_IN_A_PROCESS)],
            cwd=_ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0].count(b'"type":"measurement"') > 8 * 160


# --- what was planted is found ---------------------------------------------------------------------------------------


_REHEARSAL = Plan(
    title="",
    blocks=(
        Block(kind="baseline", title="", minutes=4),
        Block(kind="role-play", title="", minutes=45),
        Block(kind="recovery", title="", minutes=2),
    ),
)


def test_planted_rises_are_found_and_few_others(tmp_path: Path) -> None:
    planted = found = others = caused = tied = 0
    for seed in (1, 3, 5):
        session = _live(tmp_path, plan=_REHEARSAL, people=3, seed=seed)
        for person in session.practice.people:
            spikes = [timed for timed in session.shown.timeline.spikes if timed.person == person.person]
            for response in person.truth.responses:
                planted += 1
                near = [timed for timed in spikes if abs(timed.spike.onset_s - response.onset_s) < 12]
                found += bool(near)
                marks = {
                    event
                    for event in session.practice.events
                    if event.person == person.person and -2 <= response.onset_s - event.happened_us / 1e6 <= 9
                }
                if near and marks:  # else it is an answer to what happened to somebody else
                    caused += 1
                    tied += any(one.event in marks for timed in near for one in timed.associations)
            onsets_s = [response.onset_s for response in person.truth.responses]
            onsets_s += [movement.since_s for movement in person.truth.movements]
            others += sum(all(abs(timed.spike.onset_s - onset_s) >= 12 for onset_s in onsets_s) for timed in spikes)
    assert planted >= 20
    assert found >= 0.85 * planted, f"{found} of {planted}"
    assert caused >= 15
    assert tied >= 0.95 * caused, f"{tied} of {caused} beside the event that caused them"
    assert others <= 0.15 * planted, f"{others} that nobody planted"


def test_nothing_is_found_where_nothing_was_planted(tmp_path: Path) -> None:
    quiet = Plan(title="", blocks=(Block(kind="baseline", title="", minutes=30),))
    session = _live(tmp_path, plan=quiet, people=4, seed=4)
    assert len(session.shown.timeline.spikes) <= 1
    assert sum(counts.notifications for counts in session.shown.timeline.people.values()) > 7000


# --- recordings of other people --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["reframed/rhythm_full_btsnoop_h4.log", "bluez/hr8_bluez566_h4.btsnoop"], ids=["an hour", "eight at once"]
)
def test_a_foreign_capture_shows_the_same_after_it_was_recorded_exported_and_read_again(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    with open_capture(shared_data / "captures" / name) as capture:
        started_at, packets = capture.started_at, list(capture.packets)
    first = _replayed(packets, clock=VirtualClock(started_at=started_at), paced=False)
    path = tmp_path / "own.jsonl"
    path.write_text("".join(jsonl.lines(started_at, packets)), encoding="utf-8")
    with open_capture(path) as capture:
        assert capture.started_at == started_at
        again = _replayed(list(capture.packets), clock=VirtualClock(started_at=started_at), paced=True)
    assert again == first
    assert first.json.count('"type":"measurement"') in (2409, 544)


# --- other clocks, other screens -------------------------------------------------------------------------------------


class _Boarded:
    """Sink: keeps the board."""

    def __init__(self) -> None:
        self.board = BoardFold()
        self.items: list[Item] = []

    def accept(self, item: Item) -> None:
        self.board.accept(item)
        self.items.append(item)

    def tick(self, now_us: int, *, trouble: str | None) -> None: ...

    def close(self, timeline: Timeline) -> None: ...


def test_the_board_of_a_whole_session_counts_what_the_timeline_counts(live: Live) -> None:
    sink = _Boarded()
    clock = VirtualClock(started_at=_STARTED_AT)
    sinks: list[Sink] = [sink]
    with _from_archive(live) as packets:
        timeline = clock.run(run_session(ReplaySource(packets, clock=None), clock=clock, recorder=None, sinks=sinks))
    assert sink.board.at().rises == len(timeline.spikes)
    assert [row.person for row in sink.board.at().people] == list(timeline.people)
    for person, counts in timeline.people.items():
        assert sum(isinstance(item, Measured) and item.person == person for item in sink.items) == counts.notifications
    assert sum(isinstance(item, Notification) for item in sink.items) == sum(
        counts.notifications + counts.duplicates + counts.undecodable for counts in timeline.people.values()
    )


def test_a_session_on_the_machines_own_clock_is_replayed_to_the_byte_too(tmp_path: Path) -> None:
    """The one live test that takes real seconds: the arrival times are what they are, and all else follows."""
    clock = MachineClock()
    out = io.StringIO()
    plan = Plan(title="", blocks=(Block(kind="baseline", title="", minutes=1),))
    with Archive(tmp_path / "sessions.sqlite3") as archive:
        recorder = archive.begin(title="", started_at=clock.started_at)
        clock.run(
            run_session(
                VirtualCohort(practice(plan=plan, people=2, seed=1), clock=clock),
                clock=clock,
                recorder=recorder,
                sinks=[JsonSink(out)],
                until_us=3_000_000,
            )
        )
        packets = list(archive.packets(recorder.session_id))
    again = _replayed(packets, clock=VirtualClock(started_at=clock.started_at), paced=True)
    assert again.json == out.getvalue()
    assert any(isinstance(packet, Notification) for packet in packets)
    assert any(isinstance(packet, LinkChange) for packet in packets)
