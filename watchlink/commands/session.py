"""`watchlink session`: a cohort's session from its plan to its receipt, and what the archive holds."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Final

import typer

from watchlink.commands.board import AsciiOption, view_of
from watchlink.commands.cohort import CohortArgument, CohortsOption, find_cohort
from watchlink.commands.exits import FAILURE, ends_with_its_reader
from watchlink.commands.host import BALLAST_MB, Setting, host
from watchlink.commands.marks import marks
from watchlink.commands.nearby import DevicesOption, devices_path
from watchlink.commands.running import ArchiveOption, JsonOption, PlainOption, archive_path, say
from watchlink.commands.seating import AdapterOption, ScanOption, SeedOption
from watchlink.errors import NoSessionError, SessionFileError
from watchlink.texts import shown

if TYPE_CHECKING:
    from watchlink.archive import StoredSession
    from watchlink.board.wire import View
    from watchlink.cohorts import Cohort
    from watchlink.session import Plan

session = typer.Typer(help="A cohort's sessions: plan, start, resume, list, show, correct.", no_args_is_help=True)
session.command(hidden=True)(host)
session.add_typer(marks, name="marks")

_NumberArgument = Annotated[int, typer.Argument(help="The session's number, from `session list`.")]
_COLUMNS: Final = ("session", "started (UTC)", "lasted", "packets", "state", "cohort", "title")
_RECENT_H: Final = 12
_START_S: Final = 120.0


@session.command()
def plan(
    file: Annotated[Path | None, typer.Argument(help="A plan (TOML); it is made where there is none.")] = None,
    *,
    week: Annotated[int | None, typer.Option(min=1, max=52, help="Say what is new in this week.")] = None,
) -> None:
    """Make a plan to change as you like, or check one: its blocks, its event keys, and what is odd about it."""
    from rich.console import Console

    from watchlink.reports.plan import plan_report
    from watchlink.session import default_plan, plan_remarks
    from watchlink.vocabulary import default_plan_text

    if file is not None and not file.exists():
        try:
            file.write_text(default_plan_text(), "utf-8")
        except OSError as error:
            raise SessionFileError(f"{file} cannot be written: {error.strerror}.") from error
        typer.echo(shown(f"{file} holds the plan of the programme now. Change it as you like, then check it:"))
        typer.echo(shown(f"watchlink session plan {file}"))
        return
    chosen = default_plan() if file is None else _plan(file)
    Console().print(plan_report(chosen, week=week))
    for remark in plan_remarks(chosen):
        say(remark)


@session.command()
def start(
    name: CohortArgument,
    *,
    plan: Annotated[Path | None, typer.Option(help="A plan (TOML).", show_default="the programme's")] = None,
    week: Annotated[int | None, typer.Option(min=1, max=52, help="Which week of the programme it is.")] = None,
    virtual: Annotated[bool, typer.Option("--virtual", help="Try it on virtual wearables.")] = False,
    seed: SeedOption = 1,
    speed: Annotated[float, typer.Option(min=1, max=1000, help="How fast virtual time passes.")] = 1.0,
    plain: PlainOption = False,
    as_json: JsonOption = False,
    ascii_only: AsciiOption = False,
    scan_seconds: ScanOption = 8.0,
    adapter: AdapterOption = None,
    cohorts: CohortsOption = None,
    devices: DevicesOption = None,
    archive: ArchiveOption = None,
) -> None:
    """Start a cohort's session and show its board. The recording goes on whatever happens to the board."""
    from watchlink.session import default_plan

    if speed != 1 and not virtual:
        raise typer.BadParameter("--speed is for virtual wearables; a real hour takes an hour.")
    cohort = find_cohort(name, cohorts)
    if cohort.closed_on is not None:
        raise typer.BadParameter(shown(f"{cohort.name} was closed on {cohort.closed_on}. Make a new cohort."))
    chosen = default_plan() if plan is None else _plan(plan)
    path = archive_path(archive)
    _look_at_the_archive(path)
    setting = Setting(
        archive=str(path.resolve()),
        devices=str(devices_path(devices).resolve()),
        cohort=cohort.name,
        people=cohort.people,
        shares=_shares(cohort),
        title=chosen.title if week is None else f"{chosen.title}, week {week}",
        plan=chosen.text,
        week=week,
        virtual=virtual,
        seed=seed,
        speed=speed,
        adapter=adapter,
        scan_seconds=scan_seconds,
        resume=None,
    )
    _run(setting, view_of(plain=plain, as_json=as_json), ascii_only=ascii_only)


@session.command()
def resume(
    number: Annotated[
        int | None, typer.Argument(help="The session's number.", show_default="the one that was interrupted last")
    ] = None,
    *,
    virtual: Annotated[bool, typer.Option("--virtual", help="On virtual wearables.")] = False,
    seed: SeedOption = 1,
    plain: PlainOption = False,
    as_json: JsonOption = False,
    ascii_only: AsciiOption = False,
    scan_seconds: ScanOption = 8.0,
    adapter: AdapterOption = None,
    devices: DevicesOption = None,
    archive: ArchiveOption = None,
) -> None:
    """Take a session up again whose recorder or computer crashed: same log, same clock, same plan."""
    from datetime import timedelta

    from watchlink.archive import Archive, SessionState
    from watchlink.clock import utc_now
    from watchlink.packets import Planned, Sharing

    path = archive_path(archive)
    _look_at_the_archive(path)
    with Archive(path) as opened:
        if number is None:
            broken = [one for one in opened.sessions() if one.cohort and one.state is not SessionState.COMPLETE]
            if not broken:
                raise typer.BadParameter(
                    "No session was interrupted. One that was ended, for instance with the computer, is taken up again "
                    "by its number; watchlink session list shows it."
                )
            stored = broken[-1]
        else:
            stored = opened.session(number)
        packets = list(opened.packets(stored.id))
    people = tuple(dict.fromkeys(packet.person for packet in packets if isinstance(packet, Sharing)))
    planned = [packet for packet in packets if isinstance(packet, Planned)]
    if not people or not planned or stored.cohort is None:
        raise typer.BadParameter(f"Session {stored.id} is no cohort's session, so it cannot be taken up again.")
    ended_at = stored.started_at + timedelta(seconds=stored.duration_s)
    if utc_now() - ended_at > timedelta(hours=_RECENT_H):
        raise typer.BadParameter(
            f"Session {stored.id} broke off more than {_RECENT_H} hours ago. Start a new one: "
            f"watchlink session start {stored.cohort}"
        )
    setting = Setting(
        archive=str(path.resolve()),
        devices=str(devices_path(devices).resolve()),
        cohort=stored.cohort,
        people=people,
        shares={},
        title=stored.title,
        plan=planned[-1].text,
        week=stored.week,
        virtual=virtual,
        seed=seed,
        speed=1.0,
        adapter=adapter,
        scan_seconds=scan_seconds,
        resume=stored.id,
    )
    _run(setting, view_of(plain=plain, as_json=as_json), ascii_only=ascii_only)


@session.command("list")
@ends_with_its_reader
def list_sessions(*, as_json: JsonOption = False, archive: ArchiveOption = None) -> None:
    """List the sessions of the archive."""
    from watchlink.archive import Archive
    from watchlink.commands.sweeping import files, sweep_and_say

    if archive is None:  # the file of cohorts is of this one
        sweep_and_say(files(archive=None, cohorts=None, devices=None))
    with Archive(archive_path(archive)) as opened:
        stored = opened.sessions()
    if as_json:
        for one in stored:
            typer.echo(json.dumps(_record(one), ensure_ascii=False))
    elif stored:
        _print_table(stored)
    else:
        say("The archive holds no session yet. `watchlink demo` or `watchlink live` records one.")


@session.command()
@ends_with_its_reader
def show(number: _NumberArgument, *, archive: ArchiveOption = None) -> None:
    """Show what a session has stored for whom: its receipt."""
    from watchlink.archive import Archive
    from watchlink.clock import clock_text
    from watchlink.reports.receipt import receipt_lines, stored

    with Archive(archive_path(archive)) as opened:
        one = opened.session(number)
        held = stored(opened.packets(number))
    whose = f"{one.cohort}{f', week {one.week}' if one.week else ''}, " if one.cohort else ""
    typer.echo(shown(f"{whose}{one.started_at:%Y-%m-%d %H:%M} UTC, {one.state}"))
    for line in receipt_lines(number, one.title, held, verified=None):
        typer.echo(shown(line))
    for title, at_s in held.blocks:
        typer.echo(shown(f"{clock_text(at_s)} {title}"))
    say(f"Its heart rate rises: watchlink show {number}")


@session.command()
@ends_with_its_reader
def export(
    number: _NumberArgument,
    *,
    person: Annotated[
        str | None, typer.Option(help="For this person alone: all that is theirs, whatever others may see.")
    ] = None,
    archive: ArchiveOption = None,
) -> None:
    """Write a session's log to standard output as a capture (JSON Lines), as far as people share their raw reports."""
    from watchlink.captures import jsonl
    from watchlink.commands.reading import recorded
    from watchlink.consent import permitted
    from watchlink.exports.own_log import own_log

    with recorded(number, archive, own=person) as (capture, gate):
        packets = permitted(capture.packets, gate)
        if gate.own is not None:
            packets = own_log(list(capture.packets), gate.own)
        sys.stdout.writelines(jsonl.lines(capture.started_at, packets))


def _plan(file: Path) -> Plan:
    from watchlink.commands.reading import read_plan

    return read_plan(file)


def _shares(cohort: Cohort) -> dict[str, list[str]]:
    """What everybody agreed to; what was agreed to in other words has to be asked again."""
    for member in cohort.members:
        if member.shares and not member.up_to_date:
            say(
                f"{member.alias} agreed to older words, so nothing is shown until they are asked again: "
                f"watchlink cohort share {cohort.name} {member.alias}"
            )
    return {member.alias: sorted(member.shares) if member.up_to_date else [] for member in cohort.members}


def _look_at_the_archive(path: Path) -> None:
    """Whether a session can be recorded there.

    Raises:
        ArchiveError: it cannot be opened.
        NoSessionError: a session is being recorded there, or there is no room.
    """
    import shutil

    from watchlink.archive import Archive
    from watchlink.board.door import read_running
    from watchlink.commands.visiting import answers

    with Archive(path):
        pass
    running = read_running(path)
    if running is not None and answers(path):
        raise NoSessionError(
            f"Session {running.session} is running. `watchlink board` shows it; `watchlink mark end` ends it."
        )
    free_mb = shutil.disk_usage(path.parent).free >> 20
    if free_mb < 2 * BALLAST_MB:
        raise NoSessionError(f"Only {free_mb} MB are left on the disk of {path}. Make room, or choose --archive.")


def _run(setting: Setting, view: View, *, ascii_only: bool) -> None:
    """Begin to record in a process of its own, then look into it."""
    from watchlink.commands.visiting import look

    with tempfile.TemporaryFile("a+b") as said:
        child = _recorder(setting, said)
        try:
            _await(child, said, Path(setting.archive), seconds=_START_S + setting.scan_seconds)
        except BaseException:
            child.terminate()
            raise
    code = look(Path(setting.archive), view, ascii_only=ascii_only)
    if code:
        raise typer.Exit(code)


def _recorder(setting: Setting, said: IO[bytes]) -> subprocess.Popen[bytes]:
    """The recording process: no terminal, no relation to this one."""
    child = subprocess.Popen(
        [sys.executable, "-m", "watchlink", "session", "host"],
        stdin=subprocess.PIPE,
        stdout=said,
        stderr=said,
        start_new_session=True,
    )
    assert child.stdin is not None
    with child.stdin as pipe:
        pipe.write(setting.to_json().encode())
    return child


def _await(child: subprocess.Popen[bytes], said: IO[bytes], archive: Path, *, seconds: float) -> None:
    """Wait until the recorder's door is open; tell what it says meanwhile.

    Raises:
        typer.Exit: it ended instead, with its exit code.
    """
    from watchlink.board.door import read_running
    from watchlink.clock import Stopwatch, pause

    since, told = Stopwatch(), 0
    while True:
        running = read_running(archive)
        code = child.poll()
        said.seek(told)
        news = said.read()
        told += len(news)
        for line in news.decode(errors="replace").splitlines():
            say(line)
        if running is not None and running.process == child.pid:
            return
        if code is not None:
            raise typer.Exit(code or FAILURE)
        if since.elapsed_s() > seconds:
            raise NoSessionError("The recorder did not begin. `watchlink doctor` looks for the reason.")
        pause()


def _record(stored: StoredSession) -> dict[str, str | int | float | None]:
    return {
        "session": stored.id,
        "title": stored.title,
        "started_at": stored.started_at.isoformat(),
        "state": stored.state,
        "duration_s": stored.duration_s,
        "packets": stored.packets,
        "cohort": stored.cohort,
        "week": stored.week,
    }


def _print_table(stored: list[StoredSession]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from watchlink.clock import clock_text

    table = Table(box=None, pad_edge=False)
    for column in _COLUMNS:
        table.add_column(column, justify="right" if column in ("session", "lasted", "packets") else "left")
    for one in stored:
        started = one.started_at.strftime("%Y-%m-%d %H:%M")
        week = f" {one.week}" if one.week else ""
        cohort = f"{one.cohort}{week}" if one.cohort else ""
        cells = (one.id, started, clock_text(one.duration_s), one.packets, one.state, cohort, one.title)
        table.add_row(*(Text(shown(str(cell))) for cell in cells))
    Console().print(table)
