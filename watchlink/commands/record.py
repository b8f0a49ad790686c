"""`watchlink record`: what wearables send, into a capture file and nowhere else."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watchlink.commands.exits import FILE
from watchlink.commands.nearby import DevicesOption, devices_path
from watchlink.commands.reading import FormatOption
from watchlink.commands.running import say
from watchlink.commands.seating import (
    AdapterOption,
    MinutesOption,
    ScanOption,
    SeatOption,
    SeedOption,
    VirtualOption,
    parse_seats,
    virtual_cohort,
    wearables_near,
)

if TYPE_CHECKING:
    from watchlink.captures.file import CaptureFile
    from watchlink.clock import Clock
    from watchlink.sources import Source


def record(
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="A new file: .jsonl, .jsonl.gz, .btsnoop or .pcapng; or -.")
    ],
    *,
    format_name: FormatOption = None,
    seat: SeatOption = None,
    minutes: MinutesOption = None,
    scan_seconds: ScanOption = 8.0,
    virtual: VirtualOption = None,
    seed: SeedOption = 1,
    real_time: Annotated[
        bool, typer.Option("--real-time", help="Virtual wearables take as long as real ones would.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Progress and the end as NDJSON.")] = False,
    devices: DevicesOption = None,
    adapter: AdapterOption = None,
) -> None:
    """Record wearables into a capture file that any tool of the Bluetooth world can open; Ctrl-C ends it.

    With `--virtual 3` a practice session of three is made up, two hours in seconds. Nothing goes into the archive.
    """
    from watchlink.captures import STANDARD_INPUT
    from watchlink.captures.file import CaptureFile, check_target
    from watchlink.clock import VirtualClock, utc_now
    from watchlink.commands.output import ProgressSink
    from watchlink.devices import load_devices
    from watchlink.hub import run_session
    from watchlink.session import default_plan

    check_target(target, format_name)
    known = () if virtual is not None else load_devices(devices_path(devices))
    seats = parse_seats(seat or [], known)
    plan = default_plan()
    until_us = None if minutes is None else round(minutes * 60e6)
    if virtual is not None:
        until_us = min(until_us or plan.duration_us, plan.duration_us)

    async def open_source() -> tuple[Source, Clock]:
        if virtual is not None:
            return virtual_cohort(virtual, seed, plan, virtual_clock)[1], virtual_clock
        _, source, clock = await wearables_near(seats, known, adapter=adapter, scan_seconds=scan_seconds)
        return source, clock

    virtual_clock = VirtualClock(started_at=utc_now(), speed=1.0 if real_time else None)

    async def session() -> None:
        source, clock = await open_source()
        out = sys.stderr if target == STANDARD_INPUT else sys.stdout
        file = CaptureFile.create(target, format_name=format_name, started_at=clock.started_at)
        try:
            await run_session(
                source, clock=clock, recorder=file, sinks=[ProgressSink(out, as_json=as_json)], until_us=until_us
            )
        finally:
            file.close()
            _say_goodbye(file, target, as_json=as_json)
        if file.unsaved:
            raise typer.Exit(FILE)

    if virtual is not None:
        virtual_clock.run(session())
    else:
        asyncio.run(session())


def _say_goodbye(file: CaptureFile, target: Path, *, as_json: bool) -> None:
    from watchlink.captures import STANDARD_INPUT

    saved = file.packets - file.unsaved
    if as_json:
        end = {"type": "recorded", "file": str(target), "packets": saved, "octets": file.octets}
        say(json.dumps(end | {"unsaved": file.unsaved}))
        return
    if file.unsaved:
        say(f"{file.unsaved} packets could not be saved: {file.trouble}. What was written before is whole.")
    if target == STANDARD_INPUT:
        say(f"{saved} packets were written.")
    else:
        say(f"{saved} packets are in {target}. See what is in it: watchlink inspect {target}")
