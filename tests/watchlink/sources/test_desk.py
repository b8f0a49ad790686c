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

from watchlink.clock import VirtualClock
from watchlink.packets import Correction, EventKind, Meaning, Notification, Packet, SessionEvent
from watchlink.session import parse_person
from watchlink.sources.desk import Desk, Order
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
    packets, _ = _read("speaker 1 2\nundo\n", clock)
    assert [packet.at_us for packet in packets[:2]] == [0, 0]
    assert packets[2:] == [Correction(at_us=1, of_us=0)]
