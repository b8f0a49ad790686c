"""`watchlink demo`: a practice session, or a programme of eight weeks, on virtual wearables; no watch, no people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from watchlink.commands.cohort import CohortsOption
from watchlink.commands.programme import record_programme
from watchlink.commands.running import ArchiveOption, JsonOption, PlainOption, make_sink, record_session

if TYPE_CHECKING:
    from watchlink.clock import Clock
    from watchlink.sources import Source


def demo(
    *,
    people: Annotated[int, typer.Option(min=1, max=8, help="How many people take part.")] = 8,
    seed: Annotated[int, typer.Option(help="The same seed gives the same session, to the bit.")] = 1,
    real_time: Annotated[bool, typer.Option("--real-time", help="Take as long as the real thing: two hours.")] = False,
    plain: PlainOption = False,
    as_json: JsonOption = False,
    archive: ArchiveOption = None,
    programme: Annotated[
        bool,
        typer.Option("--programme", help="Eight weeks of a cohort called Demo instead, straight into the archive."),
    ] = False,
    cohorts: CohortsOption = None,
) -> None:
    """Run a two-hour practice session of eight virtual wearables over real Bluetooth, in under a minute."""
    if programme:
        if real_time or as_json:
            raise typer.BadParameter("--programme goes with neither --real-time nor --json.")
        record_programme(people=people, seed=seed, archive=archive, cohorts=cohorts)
        return

    from watchlink.clock import VirtualClock, utc_now
    from watchlink.session import default_plan
    from watchlink.sources.virtual.cohort import VirtualCohort
    from watchlink.sources.virtual.practice import practice

    clock = VirtualClock(started_at=utc_now(), speed=1.0 if real_time else None)
    plan = default_plan()

    async def open_source() -> tuple[Source, Clock]:
        return VirtualCohort(practice(plan=plan, people=people, seed=seed), clock=clock), clock

    record_session(
        open_source,
        run=clock.run,
        sink=lambda: make_sink(plain=plain, as_json=as_json),
        title=f"Demo: {plan.title}",
        archive=archive,
        until_us=plan.duration_us,
    )
