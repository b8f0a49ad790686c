"""`watchlink doctor`: is this computer ready for a session, and if not, what to do."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from watchlink.commands.exits import FAILURE, FILE
from watchlink.commands.running import ArchiveOption, archive_path, say
from watchlink.texts import shown

if TYPE_CHECKING:
    from rich.console import Console

    from watchlink.doctor.checks import Check
    from watchlink.doctor.examination import Examination
    from watchlink.doctor.facts import Terminal

# Shape and, for those who see them, colour (never red against green, which many confuse) beside the word.
_SHAPES: Final = {"pass": "✓", "warn": "▲", "fail": "✗", "info": "i", "not checked": "·"}
_ASCII_SHAPES: Final = {"pass": "+", "warn": "!", "fail": "x", "info": "i", "not checked": "-"}
_STYLES: Final = {"pass": "cyan", "warn": "yellow", "fail": "bold reverse", "info": "", "not checked": "dim"}
_REPORT_S: Final = 120.0


def doctor(
    *,
    seconds: Annotated[float, typer.Option(min=0.5, max=600, help="How long to listen for wearables.")] = 3.0,
    no_connect: Annotated[
        bool, typer.Option("--no-connect", help="Do not connect the wearables that are heard.")
    ] = False,
    virtual: Annotated[
        int | None, typer.Option(min=1, max=8, help="Try it with so many virtual wearables instead of the radio.")
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option("--bundle", help="Also write a report for somebody who helps you, without names or addresses."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    archive: ArchiveOption = None,
) -> None:
    """Check whether this computer is ready for a session, and say what to do where it is not."""
    from rich.console import Console

    from watchlink.clock import MachineClock
    from watchlink.doctor.checks import is_ready, summary, to_record
    from watchlink.doctor.examination import Examination, Wish

    if bundle is not None:
        _refuse_to_overwrite(bundle)
    console = Console(highlight=False)
    clock = MachineClock()
    wish = Wish(archive=archive_path(archive), seconds=seconds, connect=not no_connect, virtual=virtual)
    examination = Examination(wish, terminal=_terminal(console), clock=clock)
    checks: list[Check] = []

    async def examine() -> None:
        async for check in examination.checks():
            checks.append(check)
            if not as_json:
                _print_check(console, check)

    if virtual is None and not as_json and console.is_terminal:
        say(f"This takes {seconds:g} s, and up to half a minute more where there are wearables.")
    clock.run(examine())
    if as_json:
        record: dict[str, Any] = {"ready": is_ready(checks), "summary": summary(checks)}
        # In ASCII: it can be written to whatever is wrong with this terminal.
        typer.echo(json.dumps(record | {"checks": [to_record(check) for check in checks]}))
    else:
        _print_line(console, f"\n{summary(checks)}")
    if bundle is not None:
        _write_bundle(bundle, checks, examination, archive=wish.archive)
    if not is_ready(checks):
        raise typer.Exit(FAILURE)


def _terminal(console: Console) -> Terminal:
    """Where the output goes, as everything else that prints will see it."""
    from watchlink.doctor.facts import Terminal

    return Terminal(
        is_terminal=console.is_terminal,
        columns=console.size.width,
        rows=console.size.height,
        colours=console.color_system is not None and not console.no_color,
        colours_refused=console.no_color,
        encoding=console.encoding,
    )


def _print_check(console: Console, check: Check) -> None:
    """One check: on a terminal in columns, else in one line that can be searched; what to do stands under it."""
    from rich.table import Table
    from rich.text import Text

    ascii_only = console.options.ascii_only
    shape = (_ASCII_SHAPES if ascii_only else _SHAPES)[check.status]
    head = f"{shape} {check.status:<11}"
    found, fix = _fit(console, check.found), _fit(console, check.fix)
    arrow = "->" if ascii_only else "→"
    if not console.is_terminal:
        typer.echo(f"{head}  {check.name:<11}  {found}")
        if fix:
            typer.echo(f"{'':<26}  {arrow} {fix}")
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(width=13, no_wrap=True)
    table.add_column(width=11, no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(Text(head, style=_STYLES[check.status]), Text(check.name), Text(found))
    if fix:
        table.add_row("", "", Text(f"{arrow} {fix}"))
    console.print(table)


def _print_line(console: Console, words: str) -> None:
    if console.is_terminal:
        console.print(words, markup=False)
    else:
        typer.echo(words)


def _fit(console: Console, words: str) -> str:
    """Foreign words, fit for this output: nothing that steers a terminal, nothing that it cannot write."""
    return shown(words).encode(console.encoding, "replace").decode(console.encoding)


def _refuse_to_overwrite(bundle: Path) -> None:
    if os.path.lexists(bundle):
        say(f"{bundle} is there already and is not written over. Choose another name for the report.")
        raise typer.Exit(FILE)
    if not bundle.absolute().parent.is_dir():
        say(f"There is no folder {bundle.absolute().parent}. Choose another place for the report.")
        raise typer.Exit(FILE)


def _write_bundle(bundle: Path, checks: list[Check], examination: Examination, *, archive: Path) -> None:
    import asyncio
    from functools import partial

    from watchlink.doctor.gathering import in_thread
    from watchlink.doctor.report import audit, private_here, report
    from watchlink.errors import ArchiveError
    from watchlink.timeline import Timeline

    last = examination.last_session

    async def counted() -> Timeline | None:
        if last is None:
            return None
        try:
            async with asyncio.timeout(_REPORT_S):
                return await in_thread(partial(audit, archive, last))
        except (TimeoutError, ArchiveError):
            return None

    text = report(
        checks,
        machine=examination.machine,
        adapters=examination.adapters,
        last=last,
        counts=asyncio.run(counted()),
        private=private_here(examination.wearables),
    )
    try:
        # Readable by its owner only, and never over another file, even one made in this moment.
        with os.fdopen(os.open(bundle, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text.encode(errors="replace"))  # a file's name may hold what is no text
    except OSError as error:
        say(f"The report {bundle} cannot be written: {error.strerror}. Choose another place for it.")
        raise typer.Exit(FILE) from None
    say(f"The report is in {bundle}. Read it before you send it; nothing was sent.")
