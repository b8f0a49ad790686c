"""`watchlink breathe`: a breathing pacer, and the stepped test that finds the rate at which a heart follows most."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from watchlink.commands.exits import NO_RR, POOR
from watchlink.commands.nearby import DevicesOption, devices_path
from watchlink.commands.running import ArchiveOption, PlainOption, record_session, say
from watchlink.commands.seating import (
    AdapterOption,
    ScanOption,
    Seats,
    SeedOption,
    parse_seats,
    wearables_near,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence
    from typing import Any

    from watchlink.clock import Clock
    from watchlink.commands.guide import Guide, GuideSink
    from watchlink.devices import Device
    from watchlink.pacer import Schedule
    from watchlink.sources import Source
    from watchlink.sources.paced import Pace

_TITLE: Final = "Breathing"
_TEST_MINUTES: Final = (2.0, 5.0)
_STEADY_MINUTES: Final = (0.5, 60.0)
_IN_SHARE_PCT: Final = (30.0, 60.0)
_NO_INTERVALS: Final = (
    "This wearable sends a heart rate and no usable intervals between beats. How far the heart follows a breath cannot "
    "be told from that, so the test needs a strap, or a sensor that sends intervals. "
    "It can pace all the same: watchlink breathe --rate 6"
)


def breathe(
    *,
    rate: Annotated[float, typer.Option(help="Breaths a minute: 4 to 7, halves too.")] = 6.0,
    minutes: Annotated[
        float | None, typer.Option(help="How long; with --find, each step.", show_default="5; with --find, 2")
    ] = None,
    in_share: Annotated[float, typer.Option(help="How much of a breath is the in-breath, in percent: 30 to 60.")] = 40,
    find: Annotated[bool, typer.Option("--find", help="Find your own rate: 6.5, 6, 5.5, 5 and 4.5 a minute.")] = False,
    seat: Annotated[
        list[str] | None,
        typer.Option("--seat", help='Whose wearable: Heron, if it was paired, or "Heron=Polar H10 1A2B".'),
    ] = None,
    alone: Annotated[bool, typer.Option("--alone", help="Only pace: no wearable, nothing is recorded.")] = False,
    virtual: Annotated[
        bool, typer.Option("--virtual", help="With a virtual wearable, on a heart that follows the pacer.")
    ] = False,
    speed: Annotated[
        float | None, typer.Option(min=0.001, help="Of --virtual: 1 is real time, 50 is fifty times as fast.")
    ] = None,
    seed: SeedOption = 1,
    replay: Annotated[
        str | None,
        typer.Option(metavar="SESSION|FILE", help="How the heart followed in a recorded session or a capture."),
    ] = None,
    plain: PlainOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Steps and what was measured as NDJSON.")] = False,
    scan_seconds: ScanOption = 8.0,
    archive: ArchiveOption = None,
    devices: DevicesOption = None,
    adapter: AdapterOption = None,
) -> None:
    """Breathe with a pacer, and see how far your heart rate follows. With --find: at which rate it follows most.

    It uses the wearable that was paired, or that --seat names. Ctrl-C ends it; what was recorded is saved.
    """
    if sum((alone, virtual, replay is not None)) > 1:
        raise typer.BadParameter("--alone, --virtual or --replay, one of the three.")
    if seat and (alone or virtual or replay is not None):
        raise typer.BadParameter("--seat names a wearable that is near; leave out --alone, --virtual and --replay.")
    if alone and find:
        raise typer.BadParameter("--find measures how the heart follows, so it needs a wearable; leave out --alone.")
    if speed is not None and not virtual:
        raise typer.BadParameter("--speed is for --virtual; a real breath takes its time.")
    if as_json and plain:
        raise typer.BadParameter("--json or --plain, one of the two.")
    guide = _guide(plain=plain, as_json=as_json)
    if replay is not None:
        _show_recorded(replay, guide, archive)
        return
    schedule = _schedule(rate, minutes, in_share, find=find)
    if not as_json:
        _say_what_comes(schedule, find=find)
    if alone:
        asyncio.run(_pace_alone(guide, schedule))
    elif virtual:
        _breathe_virtually(guide, schedule, seed=seed, speed=speed or 1.0, find=find, archive=archive)
    else:
        _breathe_near(
            guide,
            schedule,
            seats=seat or [],
            find=find,
            devices=devices,
            adapter=adapter,
            scan_seconds=scan_seconds,
            archive=archive,
        )


def _guide(*, plain: bool, as_json: bool) -> Guide:
    from rich.console import Console

    from watchlink.commands.guide import LineGuide, RecordGuide, ScreenGuide

    if as_json:
        return RecordGuide(sys.stdout)
    console = Console(highlight=False)
    return LineGuide(sys.stdout) if plain or not console.is_terminal else ScreenGuide(console)


def _schedule(rate: float, minutes: float | None, in_share: float, *, find: bool) -> Schedule:
    """What is to be breathed.

    Raises:
        typer.BadParameter: a number is out of its range; says why there is one.
    """
    from watchlink.pacer import FASTEST_PER_MIN, SLOWEST_PER_MIN, steady, stepped_test

    if not SLOWEST_PER_MIN <= rate <= FASTEST_PER_MIN or rate * 2 % 1:
        raise typer.BadParameter(
            f"--rate is {SLOWEST_PER_MIN:g} to {FASTEST_PER_MIN:g} breaths a minute in halves, got {rate:g}. Hearts "
            "follow slow breaths most between 4.5 and 6.5; slower ones are hard to keep up, faster ones are ordinary."
        )
    least, most = _IN_SHARE_PCT
    if not least <= in_share <= most:
        raise typer.BadParameter(
            f"--in-share is {least:g} to {most:g} percent of a breath, got {in_share:g}. Beyond that one half of a "
            "breath is too short to breathe gently."
        )
    least, most = _TEST_MINUTES if find else _STEADY_MINUTES
    chosen = minutes if minutes is not None else (2.0 if find else 5.0)
    if not least <= chosen <= most:
        why = " A shorter step holds too few breaths to measure, a longer one tires." if find else ""
        raise typer.BadParameter(f"--minutes is {least:g} to {most:g}, got {chosen:g}.{why}")
    if find:
        return stepped_test(minutes=chosen, in_share_pct=in_share)
    return steady(breaths_per_min=rate, minutes=chosen, in_share_pct=in_share)


def _say_what_comes(schedule: Schedule, *, find: bool) -> None:
    from watchlink.commands.guide import GENTLY, duration_text

    lasts = duration_text(schedule.duration_s)
    if find:
        say(f"Five rates of breathing with pauses between: {lasts}. Sit still, do not talk.")
    else:
        say(f"{schedule.steps[0].words}, for {lasts}.")
    say(GENTLY)


async def _pace_alone(guide: Guide, schedule: Schedule) -> None:
    from watchlink.clock import MachineClock
    from watchlink.sources.paced import Pace

    clock = MachineClock()
    pace = Pace(schedule)
    pace.begin(clock.now_us())
    await guide.run(pace, clock, list)
    await clock.sleep_until_us((pace.start_us or 0) + round(schedule.duration_s * 1e6))


def _breathe_virtually(
    guide: Guide, schedule: Schedule, *, seed: int, speed: float, find: bool, archive: Path | None
) -> None:
    from watchlink.clock import VirtualClock, utc_now
    from watchlink.sources.paced import Pace
    from watchlink.sources.virtual.cohort import VirtualCohort
    from watchlink.sources.virtual.practice import Practice, breather

    clock = VirtualClock(started_at=utc_now(), speed=speed)
    pace = Pace(schedule)

    async def open_source() -> tuple[Source, Clock]:
        person = breather(breath_at=pace.breath_at, seed=seed)
        return VirtualCohort(Practice(people=(person,), events=()), clock=clock), clock

    breathe_on(open_source, run=clock.run, guide=guide, pace=pace, find=find, archive=archive)


def _breathe_near(
    guide: Guide,
    schedule: Schedule,
    *,
    seats: list[str],
    find: bool,
    devices: Path | None,
    adapter: str | None,
    scan_seconds: float,
    archive: Path | None,
) -> None:
    from watchlink.devices import load_devices
    from watchlink.errors import LinkError
    from watchlink.readings import Grade
    from watchlink.sources.paced import Pace

    known = load_devices(devices_path(devices))
    chosen = _chosen(seats, known)
    if find and any(device.tested.grade is Grade.RATE for device in chosen.remembered):
        say(_NO_INTERVALS)
        raise typer.Exit(NO_RR)

    async def open_source() -> tuple[Source, Clock]:
        try:
            people, source, clock = await wearables_near(chosen, known, adapter=adapter, scan_seconds=scan_seconds)
        except LinkError as error:
            message = f"{error} To breathe without a wearable: watchlink breathe --alone"
            raise LinkError(message, fault=error.fault) from error
        if len(people) > 1:
            raise typer.BadParameter(
                f"{len(people)} wearables are near, and this is for one person. Pair yours with `watchlink pair`, or "
                'name it: --seat "Heron=Polar H10 1A2B".'
            )
        return source, clock

    breathe_on(open_source, run=asyncio.run, guide=guide, pace=Pace(schedule), find=find, archive=archive)


def _chosen(seats: list[str], known: Sequence[Device]) -> Seats:
    """The wearable that is asked for: by name, or the only one that is remembered; none is whatever is near.

    Raises:
        typer.BadParameter: it could be one of several.
    """
    if seats:
        chosen = parse_seats(seats, known)
        if len(chosen.by_name) + len(chosen.remembered) > 1:
            raise typer.BadParameter("--seat once: the pacer is for one person at a time.")
        return chosen
    if len(known) > 1:
        names = ", ".join(device.alias for device in known)
        raise typer.BadParameter(f"Several wearables are remembered: {names}. Say whose: --seat {known[0].alias}")
    return Seats(by_name={}, remembered=tuple(known))


def breathe_on(
    open_source: Callable[[], Awaitable[tuple[Source, Clock]]],
    *,
    run: Callable[[Coroutine[Any, Any, None]], None],
    guide: Guide,
    pace: Pace,
    find: bool,
    archive: Path | None,
) -> None:
    """Breathe with a pacer on a wearable, into the archive.

    Raises:
        typer.Exit: the test needs intervals, and the wearable gives none.
        WatchlinkError: the archive or the source failed.
        KeyboardInterrupt: the person ended it; it is saved all the same.
    """
    from watchlink.commands.guide import GuideSink
    from watchlink.sources.paced import paced_source

    clocks: list[Clock] = []
    shown: list[GuideSink] = []

    async def with_pacer() -> tuple[Source, Clock]:
        source, clock = await open_source()
        clocks.append(clock)
        return paced_source(source, pace, clock=clock), clock

    def sink() -> GuideSink:
        shown.append(GuideSink(guide, pace, clocks[-1], needs_intervals=find))
        return shown[-1]

    record_session(with_pacer, run=run, sink=sink, title=_TITLE, archive=archive)
    if shown and shown[-1].without_intervals:
        say(_NO_INTERVALS)
        raise typer.Exit(NO_RR)


def _show_recorded(recording: str, guide: Guide, archive: Path | None) -> None:
    """How the heart followed in a recording whose log holds the steps.

    Raises:
        CaptureError: no breath was paced in it.
        typer.Exit: no wearable in it gives intervals, or nothing could be measured.
    """
    from contextlib import ExitStack

    from dsp import PacedResponse
    from watchlink.commands.reading import captured, recorded
    from watchlink.errors import CaptureError
    from watchlink.fold import SessionFold
    from watchlink.paced import PacedFold
    from watchlink.readings import Grade

    paced = PacedFold()
    with ExitStack() as stack:
        if recording.isdecimal():
            capture, gate = stack.enter_context(recorded(int(recording), archive))
        else:
            (capture, _), gate = stack.enter_context(captured([Path(recording)])), None
        fold = SessionFold(gate=gate)
        for packet in capture.packets:
            for item in (packet, *fold.push(packet)):
                paced.accept(item)
        for reading in fold.flush():
            paced.accept(reading)
    if not paced.paced:
        raise CaptureError(
            f"No paced breathing is marked in {recording}. `watchlink breathe` marks it while it records; "
            "`watchlink session list` shows what is in the archive."
        )
    followed = paced.followed()
    if followed and all(one.grade is Grade.RATE for one in followed):
        say(_NO_INTERVALS)
        raise typer.Exit(NO_RR)
    guide.results(followed)
    if not any(isinstance(response, PacedResponse) for one in followed for _, response in one.steps):
        raise typer.Exit(POOR)
