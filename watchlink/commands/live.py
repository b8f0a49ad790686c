"""`watchlink live`: a session on the wearables that are near, now."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watchlink.commands.running import ArchiveOption, JsonOption, PlainOption, make_sink, record_session, say
from watchlink.commands.scan import NOTHING_FOUND

if TYPE_CHECKING:
    from watchlink.clock import Clock
    from watchlink.packets import SessionEvent
    from watchlink.session import Plan
    from watchlink.sources import Source
    from watchlink.sources.ble import Found


def live(
    *,
    seat: Annotated[
        list[str] | None,
        typer.Option("--seat", help='Who wears what, as "Heron=Polar H10 1A2B"; once a person. Else everybody found.'),
    ] = None,
    plan: Annotated[Path | None, typer.Option(help="A plan of blocks (TOML). The session ends with it.")] = None,
    events: Annotated[Path | None, typer.Option(help="Events that will happen (CSV with at_s and label).")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.01, max=24 * 60, help="End after this long.")] = None,
    scan_seconds: Annotated[float, typer.Option(min=0.5, max=600, help="How long to look for wearables.")] = 8.0,
    virtual: Annotated[int | None, typer.Option(min=1, max=8, help="Use so many virtual wearables instead.")] = None,
    seed: Annotated[int, typer.Option(help="Of the virtual wearables.")] = 1,
    plain: PlainOption = False,
    as_json: JsonOption = False,
    archive: ArchiveOption = None,
) -> None:
    """Record and show a session on real wearables. Type a mark and Enter at any time: escalation 2, speaker Heron."""
    from watchlink.commands.reading import read_events, read_plan
    from watchlink.session import default_plan

    seats = _parse_seats(seat or [])
    chosen_plan = None if plan is None else read_plan(plan)
    marks = () if events is None else read_events(events)
    ends_us = [round(minutes * 60e6)] if minutes is not None else []
    if chosen_plan is not None:
        ends_us.append(chosen_plan.duration_us)

    async def open_source() -> tuple[Source, Clock]:
        from watchlink.clock import MachineClock

        if virtual is not None:
            clock = MachineClock()
            people, source = _virtual(virtual, seed, chosen_plan or default_plan(), clock)
            return _with_marks(source, people, marks, clock), clock
        found = await _found(seats, scan_seconds)
        clock = MachineClock()  # the session begins now, not when the looking for wearables began
        people, source = _seated(found, seats, clock)
        blocks = () if chosen_plan is None else chosen_plan.events()
        return _with_marks(source, people, sorted((*blocks, *marks), key=lambda event: event.at_us), clock), clock

    record_session(
        open_source,
        run=asyncio.run,
        sink=lambda: make_sink(plain=plain, as_json=as_json),
        title=chosen_plan.title if chosen_plan is not None else "Live session",
        archive=archive,
        until_us=min(ends_us, default=None),
    )


def _parse_seats(texts: list[str]) -> dict[str, str]:
    """Wearable's name -> alias."""
    seats: dict[str, str] = {}
    for text in texts:
        alias, equals, name = text.partition("=")
        if not (alias.strip() and equals and name.strip()):
            raise typer.BadParameter(f'--seat wants "alias=wearable\'s name", got {text!r}.')
        seats[name.strip()] = alias.strip()
    return seats


async def _found(seats: dict[str, str], scan_seconds: float) -> list[Found]:
    """The wearables near that are asked for: those in `seats`, else all."""
    from collections import Counter

    from watchlink.clock import MachineClock
    from watchlink.errors import LinkError, LinkFault
    from watchlink.sources.ble import scan

    say(f"Looking for wearables for up to {scan_seconds:g} s ...")
    heard = await scan(clock=MachineClock(), seconds=scan_seconds, wanted=seats.keys())
    if not heard:
        raise LinkError(NOTHING_FOUND, fault=LinkFault.NOT_FOUND)
    if not seats:
        return heard
    names = Counter(found.name for found in heard)
    missing = [name for name in seats if name not in names]
    if missing:
        raise LinkError(
            f"Not heard: {', '.join(missing)}. Heard were: {', '.join(names)}. "
            "Wake the missing one up, close the phone app that may hold it, and try again.",
            fault=LinkFault.NOT_FOUND,
        )
    twins = [name for name in seats if names[name] > 1]
    if twins:
        raise LinkError(
            f"More than one wearable near is called {', '.join(twins)}, so nobody can tell whose is whose. "
            "Switch the others off, or leave --seat out: then each is seated under a number of its own.",
            fault=LinkFault.NOT_FOUND,
        )
    return [found for found in heard if found.name in seats]


def _seated(found: list[Found], seats: dict[str, str], clock: Clock) -> tuple[list[str], Source]:
    """The wearables on their people: as asked for, or everybody under a number."""
    from firmware_profiles.profiles import profile_for_name
    from watchlink.sources.ble import BleSource, Wearer

    wearers = [
        Wearer.of(
            heard,
            person=seats.get(heard.name, f"Person {number}"),
            wearable=f"w{number}",
            profile=profile_for_name(heard.name).id,
        )
        for number, heard in enumerate(found, 1)
    ]
    return [wearer.person for wearer in wearers], BleSource(wearers, clock=clock)


def _virtual(count: int, seed: int, plan: Plan, clock: Clock) -> tuple[list[str], Source]:
    from watchlink.sources.virtual.cohort import VirtualCohort
    from watchlink.sources.virtual.practice import practice

    session = practice(plan=plan, people=count, seed=seed)
    return [person.person for person in session.people], VirtualCohort(session, clock=clock)


def _with_marks(source: Source, people: list[str], scheduled: Iterable[SessionEvent], clock: Clock) -> Source:
    """A source with what is known to happen, and what will be typed, beside it."""
    from watchlink.sources.events import TypedMarks
    from watchlink.sources.merged import MergedSource
    from watchlink.sources.replay import ReplaySource

    typed = TypedMarks(sys.stdin, clock=clock, people=people, complain=say)
    return MergedSource(source, ReplaySource(scheduled, clock=clock), typed)
