"""Marks typed as words: stamped when they are entered, answered when they cannot be understood, never in the way."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchlink.clock import VirtualClock
from watchlink.consent import wording
from watchlink.errors import SessionFileError
from watchlink.packets import (
    Correction,
    EventKind,
    Extension,
    Meaning,
    Notification,
    Packet,
    Planned,
    Purpose,
    Role,
    SessionEvent,
    Sharing,
)
from watchlink.session import parse_person
from watchlink.sources.desk import Answer, Desk, Order
from watchlink.sources.merged import MergedSource
from watchlink.sources.replay import ReplaySource

_STARTED_AT = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
_PEOPLE = ("Heron", "Otter")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(started_at=_STARTED_AT)


@pytest.fixture
def console() -> Generator[tuple[TextIO, TextIO]]:
    """The two ends of a console: what the session reads, and what a person types."""
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "r", encoding="utf-8") as reads, os.fdopen(write_end, "w", encoding="utf-8") as types:
        yield reads, types


def _typed(
    lines: TextIO,
    clock: VirtualClock,
    *,
    people: Sequence[str] = _PEOPLE,
    complain: Callable[[str], None] = pytest.fail,
    orders: Mapping[str, Order] | None = None,
) -> Desk:
    return Desk(typed=lines, clock=clock, people=people, complain=complain, orders=orders)


def _read(text: str, clock: VirtualClock, *, people: Sequence[str] = _PEOPLE) -> tuple[list[Packet], list[str]]:
    """Read lines to their end: the events, and what was complained about."""
    complaints: list[str] = []
    lines = io.StringIO(f"{text}\nend\n")

    async def read() -> list[Packet]:
        async with _typed(lines, clock, people=people, complain=complaints.append) as source:
            return [packet async for packet in source]

    return clock.run(read()), complaints


def _mark(label: str, person: str | None = None, *, at_us: int = 0) -> SessionEvent:
    return SessionEvent(at_us=at_us, kind=EventKind.MARK, label=label, person=person)


def test_lines_become_events_in_their_order_until_the_end_is_said(clock: VirtualClock) -> None:
    events, complaints = _read("escalation 1\n\n  \nspeaker Otter\nblock break\nparaphrase 2", clock)
    assert events == [  # entered in one instant; each has its own all the same
        _mark("escalation", "Heron"),
        SessionEvent(at_us=1, kind=EventKind.ROLE, label="speaker", person="Otter"),
        SessionEvent(at_us=2, kind=EventKind.BLOCK, label="break", note="break"),
        _mark("paraphrase", "Otter", at_us=3),
    ]
    assert complaints == []


def test_an_order_is_carried_out_for_the_person_that_is_meant_and_is_no_mark(clock: VirtualClock) -> None:
    done: list[str] = []
    complaints: list[str] = []
    lines = io.StringIO("release 2\nrelease\nrelease Robin\nrelease Heron Otter\nreleased\nrelease heron\nend\n")

    def release(rest: str) -> str:
        done.append(parse_person(rest, _PEOPLE))
        return ""

    async def read() -> list[Packet]:
        source = _typed(lines, clock, complain=complaints.append, orders={"release": release})
        async with source:
            return [packet async for packet in source]

    assert clock.run(read()) == [_mark("released")]
    assert done == ["Otter", "Heron"]
    assert len(complaints) == 4
    assert all("Nobody here is called" in complaint for complaint in complaints[:3])
    assert complaints[3] == "'released' is noted, though it is no word of the plan."


def test_what_cannot_be_understood_is_answered_with_a_sentence_and_the_next_line_counts(clock: VirtualClock) -> None:
    events, complaints = _read("escalation 3\nescalation 2\nblock lunch\n", clock)
    assert events == [_mark("escalation", "Otter")]
    assert complaints == [
        "Nobody here is called '3'. People are: Heron, Otter, or 1 to 2.",
        "No block 'lunch'. Blocks are: baseline, role-play, feedback, break, breathing, recovery, closing.",
    ]


def test_a_mark_carries_the_time_at_which_it_was_entered(clock: VirtualClock, console: tuple[TextIO, TextIO]) -> None:
    reads, types = console

    async def type_now_and_then() -> list[Packet]:
        marks: list[Packet] = []
        async with _typed(reads, clock) as source:
            events = aiter(source)
            for at_us in (3_000_000, 7_500_000, 7_500_001):
                await clock.sleep_until_us(at_us)
                types.write("escalation Heron\n")
                types.flush()
                marks.append(await anext(events))
            types.close()
        return marks

    assert clock.run(type_now_and_then()) == [
        _mark("escalation", "Heron", at_us=at_us) for at_us in (3_000_000, 7_500_000, 7_500_001)
    ]


def test_a_session_ends_although_nobody_has_typed_and_the_console_is_open(
    clock: VirtualClock, console: tuple[TextIO, TextIO]
) -> None:
    reads, types = console

    async def wait_in_vain() -> list[Packet]:
        marks: list[Packet] = []
        async with _typed(reads, clock) as source:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(10.0):
                    marks += [packet async for packet in source]
        return marks

    assert clock.run(wait_in_vain()) == []
    assert clock.now_us() == 10_000_000
    types.close()  # the thread, which has outlived its session and its loop, sees the end and says nothing


def test_a_line_typed_after_the_session_disturbs_nobody(clock: VirtualClock, console: tuple[TextIO, TextIO]) -> None:
    reads, types = console

    async def open_and_leave() -> None:
        async with _typed(reads, clock):
            pass

    clock.run(open_and_leave())
    types.write("escalation 1\n")
    types.close()


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_a_line_that_is_no_text_does_not_silence_the_marks_after_it(errors: str) -> None:
    """As a terminal sends it after half a letter was rubbed out; standard input is read in either way."""
    clock = VirtualClock(started_at=_STARTED_AT)
    lines = io.TextIOWrapper(io.BytesIO(b"caf\xe9 1\n" + b"escalation 2\nend\n"), encoding="utf-8", errors=errors)
    complaints: list[str] = []

    async def read() -> list[Packet]:
        before = set(threading.enumerate())
        async with _typed(lines, clock, complain=complaints.append) as source:
            for thread in set(threading.enumerate()) - before:
                await asyncio.to_thread(thread.join)
            return [packet async for packet in source]

    assert clock.run(read())[-1:] == [_mark("escalation", "Otter", at_us=1)]


def test_marks_stand_between_the_reports_that_came_before_and_after_them(
    clock: VirtualClock, console: tuple[TextIO, TextIO]
) -> None:
    reads, types = console
    reports = [Notification(at_us=number * 1_000_000, wearable="w1", payload=b"\0\x3c") for number in range(5)]

    async def run() -> list[Packet]:
        marks = _typed(reads, clock)
        packets: list[Packet] = []
        async with MergedSource(ReplaySource(reports, clock=clock), until=marks) as source:
            async for packet in source:
                packets.append(packet)
                if packet.at_us == 2_000_000 and isinstance(packet, Notification):
                    types.write("interruption 1\n")
                    types.flush()
                if packet == reports[-1]:
                    types.write("end\n")
                    types.close()
        return packets

    packets = clock.run(run())
    mark = next(packet for packet in packets if isinstance(packet, SessionEvent))
    assert [packet for packet in packets if packet is not mark] == reports
    assert packets.index(mark) > packets.index(reports[2])
    assert mark.at_us >= 2_000_000


def test_a_likely_slip_is_noted_and_said(clock: VirtualClock) -> None:
    events, complaints = _read("stod-up 2\ninterruption\nlunch 1\n", clock)
    assert events == [_mark("stod-up", "Otter"), _mark("interruption", at_us=1), _mark("lunch", "Heron", at_us=2)]
    assert complaints == [
        "'stod-up' is noted, though it is no word of the plan; if you meant stood-up: correct stood-up.",
        "interruption is noted for everybody. If it is about one person: correct interruption 1.",
        "'lunch' is noted, though it is no word of the plan.",
    ]


def test_undo_takes_back_the_last_entry_and_then_the_one_before(clock: VirtualClock) -> None:
    packets, complaints = _read("escalation 1\nescalation 2\nundo\nundo\nundo\n", clock)
    assert packets[2:] == [Correction(at_us=2, of_us=1), Correction(at_us=3, of_us=0)]
    assert complaints == ["Nothing was entered yet that could be taken back or corrected."]


def test_correct_says_what_the_last_entry_was_instead_and_keeps_when_it_happened(clock: VirtualClock) -> None:
    lines = "escalation 1 15s ago\ncorrect stood up 2\ncorrect stood up 2 5 s ago\nundo\n"
    packets, complaints = _read(lines, clock)
    entered, first, second, undone = packets
    assert entered == replace(_mark("escalation", "Heron"), ago_us=15_000_000)
    instead = replace(_mark("stood-up", "Otter"), ago_us=15_000_000, meaning=Meaning.BODY)
    assert first == Correction(at_us=1, of_us=0, now=instead)
    assert second == Correction(at_us=2, of_us=0, now=replace(instead, ago_us=4_999_998))
    assert undone == Correction(at_us=3, of_us=0)
    assert complaints == []


def test_a_correction_later_counts_how_long_ago_from_when_it_is_typed(
    clock: VirtualClock, console: tuple[TextIO, TextIO]
) -> None:
    reads, types = console

    async def correct_later() -> list[Packet]:
        async with _typed(reads, clock) as source:
            events = aiter(source)
            packets: list[Packet] = []
            for at_us, line in ((10_000_000, "escalation 1"), (40_000_000, "correct escalation 1 35s ago")):
                await clock.sleep_until_us(at_us)
                types.write(f"{line}\n")
                types.flush()
                packets.append(await anext(events))
            types.close()
            return packets

    _, correction = clock.run(correct_later())
    assert isinstance(correction, Correction)
    assert correction.now is not None
    assert correction.now.happened_us == 5_000_000


@pytest.mark.parametrize("line", ["correct", "correct speaker 1 2", "correct escalation 7"])
def test_a_correction_that_says_nothing_or_too_much_changes_nothing(clock: VirtualClock, line: str) -> None:
    packets, complaints = _read(f"escalation 1\n{line}\nundo\n", clock)
    assert packets[1:] == [Correction(at_us=1, of_us=0)]
    assert len(complaints) == 1


def test_speakers_named_together_are_one_entry(clock: VirtualClock) -> None:
    packets, _ = _read("speaker 1 2\nundo\nundo\n", clock)
    assert [packet.at_us for packet in packets[:2]] == [0, 0]
    nobody = SessionEvent(at_us=2, kind=EventKind.ROLE, label="speaker", note="as before")
    assert packets[2:] == [Correction(at_us=1, of_us=0), nobody]


def test_a_turn_that_is_taken_back_goes_to_who_had_it_before(clock: VirtualClock) -> None:
    desk = Desk(clock=clock, people=("Heron", "Otter", "Wren"))
    script = [(1, "speaker 1 3"), (2, "turn"), (3, "undo"), (4, "turn"), (5, "undo"), (6, "undo"), (7, "end")]
    packets, _ = _sit(clock, desk, script)
    together = ["Heron", "Wren"]
    turns = [*together, "Otter", *together, "Otter", *together, None]
    assert [one.person for one in packets if isinstance(one, SessionEvent)] == turns


# --- a whole session at the desk -------------------------------------------------------------------------------------

_MIN = 60_000_000
_PLAN = Planned(
    at_us=0,
    text="""
    [[block]]
    kind = "baseline"
    title = "Silence"
    minutes = 5
    [[block]]
    kind = "role-play"
    title = "Role-play A"
    minutes = 10
    speakers = [2, 1]
    [[block]]
    kind = "closing"
    title = "Round"
    minutes = 3
    """,
    week=2,
)
_NOBODY_SHARES: Mapping[str, frozenset[Purpose]] = {"Heron": frozenset(), "Otter": frozenset()}
_Script = Sequence[tuple[float, str]]


def _sit(clock: VirtualClock, desk: Desk, script: _Script) -> tuple[list[Packet], list[Answer]]:
    """Say lines at their minutes until the session ends: what it entered, and what was answered."""
    answers: list[Answer] = []

    async def talk() -> None:
        for at_min, line in script:
            await clock.sleep_until_us(round(at_min * _MIN))
            answers.append(desk.say(line))

    async def sit() -> list[Packet]:
        async with desk:
            talking = asyncio.create_task(talk())
            packets = [packet async for packet in desk]
            await talking
        return packets

    return clock.run(sit()), answers


def _planned(clock: VirtualClock, *, ends_with_plan: bool = False, starts_at_once: bool = False) -> Desk:
    return Desk(clock=clock, people=_PEOPLE, plan=_PLAN, ends_with_plan=ends_with_plan, starts_at_once=starts_at_once)


def _begun(packets: Sequence[Packet]) -> list[tuple[float, str]]:
    """The blocks: at which minute, which."""
    return [
        (packet.at_us / _MIN, packet.note)
        for packet in packets
        if isinstance(packet, SessionEvent) and packet.kind is EventKind.BLOCK
    ]


def _speaking(packets: Sequence[Packet]) -> list[str | None]:
    return [packet.person for packet in packets if isinstance(packet, SessionEvent) and packet.kind is EventKind.ROLE]


def _words(answers: Sequence[Answer]) -> list[str]:
    """What was answered; what was not done with a "no" before it."""
    return [answer.words if answer.done else f"no: {answer.words}" for answer in answers]


def _said(line: str, *before: str, plan: bool = True, shared: bool = True) -> Answer:
    """The answer to a line, with others said before it."""
    clock = VirtualClock(started_at=_STARTED_AT)
    desk = Desk(clock=clock, people=_PEOPLE, plan=_PLAN if plan else None, shared=_NOBODY_SHARES if shared else None)
    return _sit(clock, desk, [*((0, one) for one in before), (0, line), (0, "end")])[1][len(before)]


def test_a_session_states_its_plan_waits_for_its_beginning_and_keeps_to_the_plan(clock: VirtualClock) -> None:
    packets, answers = _sit(clock, _planned(clock), [(2, "begin"), (3, "begin"), (60, "end")])
    assert packets == [
        _PLAN,
        SessionEvent(at_us=2 * _MIN, kind=EventKind.BLOCK, label="baseline", note="Silence"),
        SessionEvent(at_us=7 * _MIN, kind=EventKind.BLOCK, label="role-play", note="Role-play A"),
        SessionEvent(at_us=7 * _MIN + 1, kind=EventKind.ROLE, label="speaker", person="Otter"),
        SessionEvent(at_us=17 * _MIN, kind=EventKind.BLOCK, label="closing", note="Round"),
    ]
    assert _words(answers) == [
        "Silence begins",
        "no: The session has begun. For the next block: next.",
        "The session ends.",
    ]


def test_a_session_may_begin_at_once_and_end_with_its_plan(clock: VirtualClock) -> None:
    packets, _ = _sit(clock, _planned(clock, starts_at_once=True, ends_with_plan=True), [])
    assert _begun(packets) == [(1 / _MIN, "Silence"), (5 + 1 / _MIN, "Role-play A"), (15 + 1 / _MIN, "Round")]
    assert clock.now_us() == 18 * _MIN + 1


def test_a_session_without_a_plan_begins_at_once_all_the_same(clock: VirtualClock) -> None:
    desk = Desk(clock=clock, people=_PEOPLE, starts_at_once=True, ends_with_plan=True)
    assert _sit(clock, desk, [(100, "end")]) == ([], [Answer(done=True, words="The session ends.")])


def test_next_does_not_wait_for_the_end_of_a_block_and_the_plan_goes_on_from_there(clock: VirtualClock) -> None:
    script = [(0, "next"), (1, "block NEXT"), (30, "next"), (31, "end")]
    packets, answers = _sit(clock, _planned(clock), script)
    assert _begun(packets) == [(1 / _MIN, "Silence"), (1, "Role-play A"), (11, "Round")]
    assert _words(answers) == [
        "Silence begins",
        "Role-play A begins",
        "no: The plan has no further block. For one that is not planned: block feedback. To end the session: end.",
        "The session ends.",
    ]


def test_a_block_that_is_not_planned_lasts_until_somebody_goes_on(clock: VirtualClock) -> None:
    script = [(1, "begin"), (3, "block breathing"), (50, "next"), (59, "end")]
    packets, answers = _sit(clock, _planned(clock, ends_with_plan=True), script)
    assert _begun(packets) == [(1, "Silence"), (3, "breathing"), (50, "Role-play A")]
    assert _words(answers)[1:3] == ["block breathing at 0:03:00", "Role-play A begins"]


def test_a_block_is_made_longer_or_shorter_and_those_after_it_move(clock: VirtualClock) -> None:
    script = [(0.5, "extend"), (1, "begin"), (2, "extend"), (4, "extend -1.5"), (7.004, "extend -20")]
    packets, answers = _sit(clock, _planned(clock, ends_with_plan=True), script)
    assert [packet for packet in packets if isinstance(packet, Extension)] == [
        Extension(at_us=2 * _MIN, by_us=2 * _MIN),
        Extension(at_us=4 * _MIN, by_us=-90_000_000),
        Extension(at_us=round(7.004 * _MIN), by_us=-20 * _MIN),
    ]
    assert [(round(at_min, 2), title) for at_min, title in _begun(packets)] == [
        (1, "Silence"),
        (6.5, "Role-play A"),
        (7.01, "Round"),  # within the half second in which the plan is looked at
    ]
    assert _words(answers) == [
        "no: No planned block is running, so none can be made longer.",
        "Silence begins",
        "Silence lasts 0:06:00 from now",
        "Silence lasts 0:02:30 from now",
        "Role-play A lasts 0:00:00 from now",
    ]


def test_a_last_block_that_is_over_is_not_over_once_it_is_made_longer(clock: VirtualClock) -> None:
    script = [(1, "begin"), (1, "next"), (1, "next"), (3.9, "extend 5"), (8.9, "escalation 1")]
    packets, answers = _sit(clock, _planned(clock, ends_with_plan=True), script)
    assert packets[-1:] == [_mark("escalation", "Heron", at_us=round(8.9 * _MIN))]
    assert answers[-1].done
    assert clock.now_us() == 9 * _MIN + 3  # begun three instants, with a speaker's, after the first minute


@pytest.mark.parametrize("by", ["soon", "nan", "inf", "241", "-240.5", "2 min"])
def test_by_how_much_must_be_minutes(by: str) -> None:
    assert _said(f"extend {by}", "begin") == Answer(
        done=False, words="By how many minutes? At most 240: extend 5, or extend -2."
    )


def test_turns_go_round_among_those_who_practise_in_the_block(clock: VirtualClock) -> None:
    people = ("Heron", "Otter", "Wren")
    desk = Desk(clock=clock, people=people, plan=_PLAN)
    script = [(0, "next"), *[(1, "turn")] * 4, (2, "next"), *[(3, "turn")] * 3, (4, "speaker 3"), (4, "turn")]
    packets, answers = _sit(clock, desk, [*script, (5, "undo"), (5, "end")])
    assert _speaking(packets) == [
        *("Heron", "Otter", "Wren", "Heron"),  # all of them, where the plan does not say
        "Otter",
        *("Heron", "Otter", "Heron"),
        *("Wren", "Otter", "Wren"),  # the last one again, when the turn after is taken back
    ]
    assert _words(answers)[-3:] == ["Otter speaks", "taken back: Otter speaks at 0:04:00", "The session ends."]


def test_where_nobody_is_nobody_speaks(clock: VirtualClock) -> None:
    _, answers = _sit(clock, Desk(clock=clock, people=()), [(0, "turn"), (0, "end")])
    assert _words(answers) == ["no: Nobody is here whose turn it could be.", "The session ends."]


def test_after_the_end_nothing_is_noted_and_nobody_is_told_that_it_was(clock: VirtualClock) -> None:
    desk = Desk(clock=clock, people=_PEOPLE, orders={"status": lambda _rest: "as it was"})
    script = [(0, "end"), (0, "escalation 1"), (0, "end"), (0, "status")]
    assert _sit(clock, desk, script) == (
        [],
        [
            Answer(done=True, words="The session ends."),
            *[Answer(done=False, words="The session is over: nothing more is noted.")] * 2,
            Answer(done=True, words="as it was"),
        ],
    )


# --- what people share -----------------------------------------------------------------------------------------------


def test_what_people_share_is_stated_at_the_beginning_and_changes_as_they_say(clock: VirtualClock) -> None:
    desk = Desk(clock=clock, people=_PEOPLE, shared={"Heron": frozenset({Purpose.RISES}), "Otter": frozenset()})
    lines = ["share", "share 2 hrv, Heart-Rate", "share heron all", "share", "stop 1", "share otter nothing", "share"]
    packets, answers = _sit(clock, desk, [*((1, line) for line in lines), (1, "end")])
    stated = [
        ("Heron", {Purpose.RISES}),
        ("Otter", set[Purpose]()),
        ("Otter", {Purpose.HRV, Purpose.HEART_RATE}),
        ("Heron", set(Purpose)),
        ("Heron", set[Purpose]()),
        ("Otter", set[Purpose]()),
    ]
    assert packets == [
        Sharing(at_us=at_us, person=person, purposes=frozenset(purposes), wording=wording())
        for at_us, (person, purposes) in zip([0, 1, *range(_MIN, _MIN + 4)], stated, strict=True)
    ]
    assert _words(answers)[:-1] == [
        "Heron shares rises; Otter shares nothing",
        "Otter shares heart-rate, hrv from now on",
        "Heron shares heart-rate, rises, hrv, raw from now on",
        "Heron shares heart-rate, rises, hrv, raw; Otter shares heart-rate, hrv",
        "Heron shares nothing from now on",
        "Otter shares nothing from now on",
        "Heron shares nothing; Otter shares nothing",
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("share 2", "What does Otter share? heart-rate, rises, hrv, raw, all or nothing: share 2 rises."),
        ("share 2 mood", "What does Otter share? heart-rate, rises, hrv, raw, all or nothing: share 2 rises."),
        ("share 2 rises ,", "What does Otter share? heart-rate, rises, hrv, raw, all or nothing: share 2 rises."),
        ("share 2 all nothing", "What does Otter share? heart-rate, rises, hrv, raw, all or nothing: share 2 rises."),
        ("share 2 nothing hrv", "What does Otter share? heart-rate, rises, hrv, raw, all or nothing: share 2 rises."),
        ("share rises", "Nobody here is called 'rises'. People are: Heron, Otter, or 1 to 2."),
        ("stop", "Nobody here is called 'nobody'. People are: Heron, Otter, or 1 to 2."),
        ("stop 2 rises", "Nobody here is called '2 rises'. People are: Heron, Otter."),
    ],
)
def test_who_shares_what_must_be_said_in_full(line: str, words: str) -> None:
    assert _said(line) == Answer(done=False, words=words)


@pytest.mark.parametrize("line", ["share", "share 1 all", "stop 1"])
def test_nobody_is_asked_where_all_is_shown_to_whoever_records(line: str) -> None:
    words = "Nobody is asked in this session: it shows all to whoever records it."
    assert _said(line, shared=False) == Answer(done=False, words=words)


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("escalation 2", "escalation Otter at 0:00:00"),
        ("break", "break at 0:00:00"),
        ("escalation 1 15s ago", "escalation Heron at -0:00:15"),
        ("escalation 1 90 min ago", "escalation Heron at -1:30:00"),
        ("speaker 1 2", "Heron speaks, Otter speaks at 0:00:00"),
        ("speaker", "nobody speaks at 0:00:00"),
        ("listener 2", "Otter is listener at 0:00:00"),
        ("block break", "block break at 0:00:00"),
        ("note 2 said it twice", "note Otter at 0:00:00"),
        ("NEXT", "Silence begins"),
    ],
)
def test_what_was_done_is_said_with_its_time(line: str, words: str) -> None:
    assert _said(line) == Answer(done=True, words=words)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "Nothing was said."),
        (" \n", "Nothing was said."),
        ("escalation 3", "Nobody here is called '3'. People are: Heron, Otter, or 1 to 2."),
        ("undo", "Nothing was entered yet that could be taken back or corrected."),
        ("correct escalation 1", "Nothing was entered yet that could be taken back or corrected."),
        ("note", "A note needs words: note 2 said it twice."),
    ],
)
def test_what_cannot_be_done_is_said_with_the_reason(line: str, words: str) -> None:
    assert _said(line) == Answer(done=False, words=words)


def test_what_was_corrected_is_said_as_it_was_and_as_it_is() -> None:
    assert _said("correct note 2 held it", "escalation 1").words == "escalation Heron is now note Otter at 0:00:00"
    assert _said("undo", "escalation 1", "correct speaker 2").words == "taken back: Otter speaks at 0:00:00"


def test_a_word_of_the_plan_is_known_and_one_of_another_plan_is_not(clock: VirtualClock) -> None:
    own = Planned(at_us=0, text=f'{_PLAN.text}\n[[event]]\nlabel = "cough"\nmeaning = "body"\n')
    desk = Desk(clock=clock, people=_PEOPLE, plan=own)
    packets, answers = _sit(clock, desk, [(0, "cough 1"), (0, "escalation 1"), (0, "end")])
    assert packets[1] == replace(_mark("cough", "Heron", at_us=1), meaning=Meaning.BODY)
    assert [answer.advice for answer in answers] == ["", "'escalation' is noted, though it is no word of the plan.", ""]


def test_an_order_is_answered_in_its_own_words_and_leaves_nothing_in_the_log(clock: VirtualClock) -> None:
    def order(rest: str) -> str:
        if not rest:
            raise SessionFileError("Give what?")
        return f"{rest} is given"

    desk = Desk(clock=clock, people=_PEOPLE, orders={"give": order, "undo": order})
    packets, answers = _sit(clock, desk, [(0, "Give  2   all"), (0, "give"), (0, "undo it"), (0, "end")])
    assert packets == []
    assert _words(answers)[:3] == [
        "2 all is given",
        "no: Give what?",
        "no: Nothing was entered yet that could be taken back or corrected.",  # the desk's own words come first
    ]


# --- taken up again --------------------------------------------------------------------------------------------------


def _taken_up(clock: VirtualClock, log: Sequence[Packet]) -> Desk:
    desk = Desk(clock=clock, people=_PEOPLE)
    desk.recall(log)
    return desk


def test_a_session_that_is_taken_up_again_goes_on_in_its_plan(clock: VirtualClock) -> None:
    log, _ = _sit(clock, _planned(clock), [(1, "begin"), (2, "extend 1"), (3, "end")])
    packets, answers = _sit(clock, _taken_up(clock, log), [(4, "begin"), (8, "next"), (60, "end")])
    assert not any(isinstance(packet, Planned) for packet in packets)
    assert _begun(packets) == [(7, "Role-play A"), (8, "Round")]
    assert _speaking(packets) == ["Otter"]
    assert answers[0].words == "The session has begun. For the next block: next."


def test_a_block_that_was_due_while_the_session_was_interrupted_begins_when_it_goes_on(clock: VirtualClock) -> None:
    log, _ = _sit(clock, _planned(clock), [(1, "begin"), (40, "end")])
    early = [packet for packet in log if packet.at_us <= 2 * _MIN]
    packets, _ = _sit(clock, _taken_up(clock, early), [(60, "end")])
    assert _begun(packets) == [(40, "Role-play A"), (50, "Round")]


def test_what_was_entered_before_an_interruption_can_be_taken_back_and_corrected_after_it(
    clock: VirtualClock,
) -> None:
    lines = ["escalation 1", "speaker 1 2", "interruption 2", "correct stood up 2", "paraphrase 1", "undo"]
    log, _ = _sit(clock, _planned(clock), [*((number, line) for number, line in enumerate(lines, 1)), (9, "end")])
    packets, answers = _sit(clock, _taken_up(clock, log), [*[(10, "undo")] * 3, (10, "correct break"), (10, "end")])
    corrections = [packet for packet in packets if isinstance(packet, Correction)]
    assert [correction.of_us for correction in corrections] == [3 * _MIN, 2 * _MIN, 1 * _MIN]
    assert _words(answers)[:4] == [
        "taken back: stood-up Otter at 0:03:00",
        "taken back: Heron speaks at 0:02:00",
        "taken back: escalation Heron at 0:01:00",
        "no: Nothing was entered yet that could be taken back or corrected.",
    ]


def test_what_people_share_when_a_session_is_interrupted_they_share_when_it_goes_on(clock: VirtualClock) -> None:
    shared = {"Heron": frozenset(Purpose), "Otter": frozenset(Purpose)}
    log, _ = _sit(clock, Desk(clock=clock, people=_PEOPLE, shared=shared), [(1, "stop 2"), (2, "end")])
    packets, answers = _sit(clock, _taken_up(clock, log), [(3, "share"), (3, "end")])
    assert [(packet.person, packet.purposes) for packet in packets if isinstance(packet, Sharing)] == [
        ("Heron", frozenset(Purpose)),
        ("Otter", frozenset()),
    ]
    assert answers[0].words == "Heron shares heart-rate, rises, hrv, raw; Otter shares nothing"


_LINES = st.sampled_from(
    [
        *("escalation 1", "interruption 2 15s ago", "stod-up", "note 1 twice", "speaker 2", "speaker 1 2", "speaker"),
        *("listener 1", "undo", "correct break", "correct escalation 2 5s ago", "correct speaker 1 2"),
        *("begin", "next", "turn", "block break", "extend 3", "extend -60", "share 1 all", "stop 2", "nonsense 7", ""),
    ]
)


@given(st.lists(st.tuples(st.sampled_from([0, 0, 1, 400]), _LINES), max_size=15))
def test_every_entry_has_an_instant_of_its_own_and_corrections_are_of_what_was_entered(
    steps: list[tuple[float, str]],
) -> None:
    packets, _, _ = _session(steps)
    entries = {(packet.at_us, packet.label if isinstance(packet, SessionEvent) else None) for packet in packets}
    instants = [packet.at_us for packet in packets]
    assert instants == sorted(instants)
    assert len(entries) == len(set(instants))  # people named together are one entry
    together = [packet for packet in packets if instants.count(packet.at_us) > 1]
    assert all(isinstance(one, SessionEvent) and one.label == Role.SPEAKER and one.person for one in together)
    for number, packet in enumerate(packets):
        if isinstance(packet, Correction):
            assert packet.of_us in [one.at_us for one in packets[:number] if isinstance(one, SessionEvent)]


@given(st.lists(st.tuples(st.sampled_from([0, 0, 1, 400]), _LINES), max_size=15))
def test_a_session_that_is_taken_up_again_stands_where_it_was(steps: list[tuple[float, str]]) -> None:
    packets, clock, live = _session(steps)
    again = _taken_up(clock, packets)
    assert (again.agenda.running, again.agenda.number) == (live.agenda.running, live.agenda.number)
    assert again.agenda.ends_us == live.agenda.ends_us
    lines = ["share", "turn", *["undo"] * 10]
    in_a_second_min = clock.now_us() / _MIN + 1 / 60  # by then, what is due has begun
    _, answers = _sit(clock, again, [(in_a_second_min, line) for line in [*lines, "end"]])
    _, expected, _, _ = _talk([*steps, (1, lines[0]), *((0, line) for line in lines[1:])])
    assert _words(answers)[:-1] == _words(expected)[len(steps) :]


def _session(steps: Sequence[tuple[float, str]]) -> tuple[list[Packet], VirtualClock, Desk]:
    packets, _, clock, desk = _talk(steps)
    return packets, clock, desk


def _talk(steps: Sequence[tuple[float, str]]) -> tuple[list[Packet], list[Answer], VirtualClock, Desk]:
    """A session in which each line is said so many seconds after the one before."""
    clock = VirtualClock(started_at=_STARTED_AT)
    desk = Desk(clock=clock, people=_PEOPLE, plan=_PLAN, shared=_NOBODY_SHARES)
    script: list[tuple[float, str]] = []
    at_min = 0.0
    for after_s, line in steps:
        at_min += after_s / 60
        script.append((at_min, line))
    packets, answers = _sit(clock, desk, [*script, (at_min, "end")])
    return packets, answers[:-1], clock, desk
