"""`watchlink sessions`: what the archive holds."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from watchlink.commands.exits import ends_with_its_reader
from watchlink.commands.running import ArchiveOption, JsonOption, archive_path, say

if TYPE_CHECKING:
    from watchlink.archive import StoredSession

sessions = typer.Typer(help="List and export recorded sessions; `watchlink show` shows one.", no_args_is_help=True)

_NumberArgument = Annotated[int, typer.Argument(help="The session's number, from `sessions list`.")]
_COLUMNS: Final = ("session", "started (UTC)", "lasted", "packets", "state", "title")


@sessions.command("list")
@ends_with_its_reader
def list_sessions(*, as_json: JsonOption = False, archive: ArchiveOption = None) -> None:
    """List the sessions of the archive."""
    from watchlink.archive import Archive

    with Archive(archive_path(archive)) as opened:
        stored = opened.sessions()
    if as_json:
        for session in stored:
            typer.echo(json.dumps(_record(session), ensure_ascii=False))
    elif stored:
        _print_table(stored)
    else:
        say("The archive holds no session yet. `watchlink demo` or `watchlink live` records one.")


@sessions.command()
@ends_with_its_reader
def export(number: _NumberArgument, *, archive: ArchiveOption = None) -> None:
    """Write a session's log to standard output as a capture (JSON Lines) that `watchlink replay` reads."""
    from watchlink.archive import Archive
    from watchlink.captures import jsonl

    with Archive(archive_path(archive)) as opened:
        session = opened.session(number)
        sys.stdout.writelines(jsonl.lines(session.started_at, opened.packets(number)))


def _record(session: StoredSession) -> dict[str, str | int | float]:
    return {
        "session": session.id,
        "title": session.title,
        "started_at": session.started_at.isoformat(),
        "state": session.state,
        "duration_s": session.duration_s,
        "packets": session.packets,
    }


def _print_table(stored: list[StoredSession]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from watchlink.clock import clock_text
    from watchlink.texts import shown

    table = Table(box=None, pad_edge=False)
    for column in _COLUMNS:
        table.add_column(column, justify="right" if column in ("session", "lasted", "packets") else "left")
    for session in stored:
        started = session.started_at.strftime("%Y-%m-%d %H:%M")
        cells = (session.id, started, clock_text(session.duration_s), session.packets, session.state, session.title)
        table.add_row(*(Text(shown(str(cell))) for cell in cells))
    Console().print(table)
