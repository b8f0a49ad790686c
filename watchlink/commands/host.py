"""The process that records a cohort's session. No person calls it: `watchlink session start` does.

Strategy: it has no terminal, so that none can take it down; it says what it has to say to the log and through its door.
It ends when somebody says `end`; where everybody has gone home without saying so, half an hour after the plan is over.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from watchlink.commands.exits import FILE
from watchlink.errors import SessionFileError, WatchlinkError

if TYPE_CHECKING:
    from datetime import datetime

    from watchlink.archive import Archive, Recorder
    from watchlink.board.door import Door
    from watchlink.board.state import Keeping
    from watchlink.clock import Clock
    from watchlink.packets import Packet, Purpose
    from watchlink.session import Plan
    from watchlink.sources import Source
    from watchlink.sources.desk import Desk, Order

BALLAST_MB: Final = 32
_LOOK_EVERY_US: Final = 30_000_000
_ALONE_US: Final = 30 * 60_000_000
_DISK_EVERY: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What the recorder is told.

    Attributes:
        archive, devices: files.
        cohort: its name.
        people: pseudonyms, in order of their numbers.
        shares: what each of them shares, by pseudonym.
        title: of the session.
        plan: text of the plan's file.
        week: of the programme.
        virtual: on virtual wearables.
        seed: of them.
        speed: how fast their time passes; 1 is as fast as it is.
        adapter: the only Bluetooth adapter to use.
        scan_seconds: how long to look for wearables.
        resume: number of the session to go on with.
    """

    archive: str
    devices: str
    cohort: str
    people: tuple[str, ...]
    shares: dict[str, list[str]]
    title: str
    plan: str
    week: int | None
    virtual: bool
    seed: int
    speed: float
    adapter: str | None
    scan_seconds: float
    resume: int | None

    def to_json(self) -> str:
        """As text."""
        from pydantic import TypeAdapter

        return TypeAdapter(Setting).dump_json(self).decode()

    @classmethod
    def of_json(cls, text: str) -> Setting:
        """What `to_json` gave."""
        from pydantic import TypeAdapter

        return TypeAdapter(cls).validate_json(text)


def host() -> None:
    """Record a session as the setting on standard input says. Called by `watchlink session start`."""
    setting = Setting.of_json(sys.stdin.read())
    _Host(setting).run()


class _Host:
    """One session's recorder."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._path = Path(setting.archive)
        self._recorded: int | None = None
        self._free_mb: int | None = None
        self._looks = 0

    def run(self) -> None:
        from watchlink.archive import Archive
        from watchlink.clock import MachineClock, VirtualClock, utc_now
        from watchlink.commands.evidence import evidence_of
        from watchlink.only_one import OnlyOne

        setting = self._setting
        with OnlyOne(self._path), Archive(self._path) as archive:
            if setting.resume is not None:
                stored = archive.session(setting.resume)
                before = tuple(archive.packets(setting.resume))
                last_us = max((packet.at_us for packet in before), default=0)
                clock: Clock = MachineClock(started_at=stored.started_at, at_least_us=last_us + 1)
            else:
                before = ()
                virtual = setting.virtual and setting.speed != 1
                clock = VirtualClock(started_at=utc_now(), speed=setting.speed) if virtual else MachineClock()
            clock.run(self._record(archive, clock, before))
            if self._recorded is not None:  # all is saved and told; what a programme needs of it is computed here
                with contextlib.suppress(WatchlinkError):
                    evidence_of(archive, archive.session(self._recorded))

    async def _record(self, archive: Archive, clock: Clock, before: Sequence[Packet]) -> None:
        from watchlink.ballast import Ballast
        from watchlink.board.door import Door
        from watchlink.commands.output import text_sink
        from watchlink.commands.seating import prepare_filters
        from watchlink.hub import run_session
        from watchlink.sources.merged import MergedSource
        from watchlink.sources.replay import ReplaySource

        setting = self._setting
        prepare_filters()
        orders: dict[str, Order] = {}
        wearables, clock = await self._wearables(clock, orders)
        ballast = Ballast(self._path.with_name(f"{self._path.name}.ballast"))
        ballast.take_on(BALLAST_MB)
        if setting.resume is None:
            recorder = archive.begin(
                title=setting.title,
                started_at=clock.started_at,
                cohort=setting.cohort,
                week=setting.week,
                ballast=ballast,
            )
        else:
            recorder = archive.go_on(setting.resume, ballast=ballast)
        desk = self._desk(clock, orders, before)
        door = Door(
            desk,
            archive=self._path,
            session=recorder.session_id,
            title=setting.title,
            keeping=lambda: self._keeping(recorder),
            text_sink=text_sink,
        )
        _look_orders(orders, door, desk)
        async with door:
            _turn_to_the_log(self._path)
            alone = asyncio.create_task(_end_when_left_alone(desk, door, clock))
            sources = [wearables, ReplaySource(_breaks(before, clock.now_us()), clock=None)]
            try:
                await run_session(
                    MergedSource(*sources, until=desk), clock=clock, recorder=recorder, sinks=[door], before=before
                )
            finally:
                alone.cancel()
                code = self._take_leave(archive, recorder, door, clock.started_at)
        if code:
            raise typer.Exit(code)
        self._recorded = recorder.session_id

    async def _wearables(self, clock: Clock, orders: dict[str, Order]) -> tuple[Source, Clock]:
        """Everybody's wearables, and the clock of the session, which begins once they are found."""
        from watchlink.commands.seating import Seats, cohort_of, link_orders, wearables_near
        from watchlink.devices import load_devices, of_alias

        setting = self._setting
        if setting.virtual:
            cohort = cohort_of(setting.people, setting.seed, self._plan(), clock)
            orders |= link_orders(cohort, setting.people)
            return cohort, clock
        known = load_devices(Path(setting.devices))
        devices = [device for alias in setting.people if (device := of_alias(known, alias)) is not None]
        if not devices:
            raise SessionFileError(
                "Nobody of this cohort has a wearable that is remembered. Pair one for each: "
                f"`watchlink pair --alias {setting.people[0]}`. To try without: --virtual."
            )
        seats = Seats(by_name={}, remembered=tuple(devices))
        _, source, begun = await wearables_near(
            seats,
            known,
            adapter=setting.adapter,
            scan_seconds=setting.scan_seconds,
            going_on=None if setting.resume is None else clock,
        )
        orders |= link_orders(source, [device.alias for device in devices])
        return source, begun

    def _plan(self) -> Plan:
        from watchlink.session import parse_plan

        return parse_plan(self._setting.plan, file="the plan")

    def _desk(self, clock: Clock, orders: dict[str, Order], before: Sequence[Packet]) -> Desk:
        from watchlink.packets import Planned, Purpose
        from watchlink.sources.desk import Desk

        setting = self._setting
        if before:
            desk = Desk(clock=clock, people=setting.people, orders=orders)
            desk.recall(before)
            return desk
        shared: dict[str, frozenset[Purpose]] = {
            person: frozenset(map(Purpose, setting.shares.get(person, ()))) for person in setting.people
        }
        plan = Planned(at_us=0, text=setting.plan, week=setting.week)
        return Desk(clock=clock, people=setting.people, orders=orders, plan=plan, shared=shared)

    def _keeping(self, recorder: Recorder) -> Keeping:
        from watchlink.board.state import Keeping

        if self._looks % _DISK_EVERY == 0:
            try:
                self._free_mb = shutil.disk_usage(self._path.parent).free >> 20
            except OSError:
                self._free_mb = None
        self._looks += 1
        return Keeping(on=True, trouble=recorder.trouble, unsaved=recorder.unsaved, free_mb=self._free_mb)

    def _take_leave(self, archive: Archive, recorder: Recorder, door: Door, started_at: datetime) -> int:
        """Read the log back, say what was stored for whom, and return the exit code."""
        from watchlink.errors import ArchiveError
        from watchlink.reports.receipt import receipt_lines, stored

        lines: list[str] = []
        code = 0
        try:
            verified = archive.holds(recorder)
            held = stored(archive.packets(recorder.session_id))
            lines += receipt_lines(recorder.session_id, self._setting.title, held, verified=verified)
            code = 0 if verified else FILE
        except ArchiveError as error:
            lines.append(str(error))
            code = FILE
        if recorder.unsaved:
            lost = [
                f"{recorder.unsaved} packets could not be written to the archive: {recorder.trouble}.",
                _rescued(archive, recorder, started_at),
            ]
            lines += lost
            with contextlib.suppress(OSError):  # the recorder's log, for those who look later, is on the same disk
                os.write(2, "".join(f"{line}\n" for line in lost).encode())
            code = FILE
        door.say_ended(lines, code=code)
        return code


def _look_orders(orders: dict[str, Order], door: Door, desk: Desk) -> None:
    """What can be asked in words, for those who do not see the board."""
    from watchlink.board.words import checks_lines, help_lines, show_lines, status_lines
    from watchlink.session import parse_person

    orders["status"] = lambda _rest: "\n".join(status_lines(door.state()))
    orders["checks"] = lambda _rest: "\n".join(checks_lines(door.state()))
    orders["show"] = lambda rest: "\n".join(show_lines(door.state(), parse_person(rest, desk.people)))
    orders["help"] = lambda _rest: "\n".join(help_lines(door.keys()))


async def _end_when_left_alone(desk: Desk, door: Door, clock: Clock) -> None:
    """A session that nobody ended, and that nobody looks at, ends some time after its plan is over."""
    alone_since_us = clock.now_us()
    while True:
        await clock.sleep_until_us(clock.now_us() + _LOOK_EVERY_US)
        now_us = clock.now_us()
        if door.looked_at.is_set():
            alone_since_us = now_us
        over = desk.agenda.running is None or desk.agenda.is_over(now_us)
        if over and now_us - alone_since_us >= _ALONE_US:
            desk.say("end")
            return


def _breaks(before: Iterable[Packet], at_us: int) -> list[Packet]:
    """Between the end of what was recorded and now, everybody's link was gone."""
    from watchlink.packets import LinkChange, LinkState, Seat

    wearables = dict.fromkeys(packet.wearable for packet in before if isinstance(packet, Seat))
    reason = "the session was interrupted"
    return [LinkChange(at_us=at_us, wearable=key, state=LinkState.LOST, reason=reason) for key in wearables]


def _turn_to_the_log(archive: Path) -> None:
    """From now on nobody reads what is said here, and a terminal that closes must not matter: it goes into a file."""
    log = os.open(archive.with_name(f"{archive.name}.recorder-log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(log, stream.fileno())
    os.close(log)


def _rescued(archive: Archive, recorder: Recorder, started_at: datetime) -> str:
    """Write what the archive did not take to another place, with who wears what and who shares what; say where."""
    from watchlink.captures import jsonl
    from watchlink.errors import ArchiveError
    from watchlink.packets import Planned, Seat, Sharing

    stated: list[Packet] = []
    with contextlib.suppress(ArchiveError):
        stated = [
            packet for packet in archive.packets(recorder.session_id) if isinstance(packet, Seat | Sharing | Planned)
        ]

    name = f"watchlink-session-{recorder.session_id}-{random.randrange(10**6):06d}.jsonl"
    for folder in (Path.home(), Path(tempfile.gettempdir())):
        path = folder / name
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.writelines(jsonl.lines(started_at, (*stated, *recorder.unsaved_packets())))
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            continue
        return f"They are in {path} instead."
    return "No other place had room for them either."
