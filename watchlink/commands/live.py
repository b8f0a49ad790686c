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
    link_orders,
    parse_seats,
    prepare_filters,
    virtual_cohort,
    wearables_near,
)

if TYPE_CHECKING:
    from watchlink.clock import Clock
    from watchlink.packets import SessionEvent
    from watchlink.session import Plan
    from watchlink.sources import Source
    from watchlink.sources.ble import BleSource
    from watchlink.sources.virtual.cohort import VirtualCohort


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
    """Record and show your own wearables, now. Type a mark and Enter at any time: escalation 2, speaker Heron.

    A mark may be late: stood up 2 15s ago. Type undo to take the last one back, correct interruption 3 to change it,
    next for the plan's next block, end to end. What is lost is sought by itself; release Heron lets go of a wearable,
    seek Heron looks for it again. A cohort's session, in which everybody says what others may see: watchlink session.
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
    if chosen_plan is not None and virtual is not None:  # whose people follow the plan as it is written
        ends_us.append(chosen_plan.duration_us)

    async def open_source() -> tuple[Source, Clock]:
        if virtual is not None:
            from watchlink.clock import MachineClock

            prepare_filters()
            clock: Clock = MachineClock()
            people, cohort = virtual_cohort(virtual, seed, chosen_plan or default_plan(), clock)
            return at_the_desk(cohort, people, marks, None, clock), clock
        people, source, clock = await wearables_near(seats, known, adapter=adapter, scan_seconds=scan_seconds)
        return at_the_desk(source, people, marks, chosen_plan, clock), clock

    record_session(
        open_source,
        run=asyncio.run,
        sink=lambda: make_sink(plain=plain, as_json=as_json),
        title=chosen_plan.title if chosen_plan is not None else "Live session",
        archive=archive,
        until_us=min(ends_us, default=None),
    )


def at_the_desk(
    source: BleSource | VirtualCohort,
    people: list[str],
    scheduled: Iterable[SessionEvent],
    plan: Plan | None,
    clock: Clock,
) -> Source:
    """A source with what is known to happen, and what will be typed, beside it."""
    from watchlink.packets import Planned
    from watchlink.sources.desk import Desk
    from watchlink.sources.merged import MergedSource
    from watchlink.sources.replay import ReplaySource

    desk = Desk(
        clock=clock,
        people=people,
        typed=sys.stdin,
        complain=say,
        orders=link_orders(source, people),
        plan=None if plan is None else Planned(at_us=0, text=plan.text),
        starts_at_once=True,
        ends_with_plan=True,
    )
    return MergedSource(source, ReplaySource(scheduled, clock=clock), until=desk)
