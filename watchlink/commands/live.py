"""`watchlink live`: a session on the wearables that are near, now."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watchlink.commands.nearby import DevicesOption, devices_path
from watchlink.commands.running import ArchiveOption, JsonOption, PlainOption, make_sink, record_session, say
from watchlink.commands.seating import (
    AdapterOption,
    MinutesOption,
    ScanOption,
    SeatOption,
    SeedOption,
    VirtualOption,
    parse_seats,
    prepare_filters,
    virtual_cohort,
    wearables_near,
)

if TYPE_CHECKING:
    from watchlink.clock import Clock
    from watchlink.packets import SessionEvent
    from watchlink.sources import Source
    from watchlink.sources.ble import BleSource
    from watchlink.sources.virtual.cohort import VirtualCohort
    from watchlink.vocabulary import Vocabulary


def live(
    *,
    seat: SeatOption = None,
    plan: Annotated[Path | None, typer.Option(help="A plan of blocks (TOML). The session ends with it.")] = None,
    events: Annotated[Path | None, typer.Option(help="Events that will happen (CSV with at_s and label).")] = None,
    minutes: MinutesOption = None,
    scan_seconds: ScanOption = 8.0,
    virtual: VirtualOption = None,
    seed: SeedOption = 1,
    plain: PlainOption = False,
    as_json: JsonOption = False,
    archive: ArchiveOption = None,
    devices: DevicesOption = None,
    adapter: AdapterOption = None,
) -> None:
    """Record and show a session on real wearables. Type a mark and Enter at any time: escalation 2, speaker Heron.

    A mark may be late: stood up 2 15s ago. Type undo to take the last one back, correct interruption 3 to change it.
    What is lost is sought by itself. Type release Heron to let go of a wearable, seek Heron to look for it again.
    """
    from watchlink.commands.reading import read_events, read_plan
    from watchlink.devices import load_devices
    from watchlink.session import default_plan

    known = () if virtual is not None else load_devices(devices_path(devices))
    seats = parse_seats(seat or [], known)
    chosen_plan = None if plan is None else read_plan(plan)
    vocabulary = (chosen_plan or default_plan()).vocabulary
    marks = () if events is None else read_events(events, vocabulary=vocabulary)
    ends_us = [round(minutes * 60e6)] if minutes is not None else []
    if chosen_plan is not None:
        ends_us.append(chosen_plan.duration_us)

    async def open_source() -> tuple[Source, Clock]:
        if virtual is not None:
            from watchlink.clock import MachineClock

            prepare_filters()
            clock: Clock = MachineClock()
            people, cohort = virtual_cohort(virtual, seed, chosen_plan or default_plan(), clock)
            return with_marks(cohort, people, marks, vocabulary, clock), clock
        people, source, clock = await wearables_near(seats, known, adapter=adapter, scan_seconds=scan_seconds)
        blocks = () if chosen_plan is None else chosen_plan.events()
        scheduled = sorted((*blocks, *marks), key=lambda event: event.at_us)
        return with_marks(source, people, scheduled, vocabulary, clock), clock

    record_session(
        open_source,
        run=asyncio.run,
        sink=lambda: make_sink(plain=plain, as_json=as_json),
        title=chosen_plan.title if chosen_plan is not None else "Live session",
        archive=archive,
        until_us=min(ends_us, default=None),
    )


def with_marks(
    source: BleSource | VirtualCohort,
    people: list[str],
    scheduled: Iterable[SessionEvent],
    vocabulary: Vocabulary,
    clock: Clock,
) -> Source:
    """A source with what is known to happen, and what will be typed, beside it."""
    from watchlink.sources.events import TypedMarks
    from watchlink.sources.merged import MergedSource
    from watchlink.sources.replay import ReplaySource

    orders = {"release": source.give_up, "seek": source.take_up}
    typed = TypedMarks(sys.stdin, clock=clock, people=people, vocabulary=vocabulary, complain=say, orders=orders)
    return MergedSource(source, ReplaySource(scheduled, clock=clock), typed)
