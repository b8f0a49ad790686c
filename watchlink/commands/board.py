"""`watchlink board` and `watchlink mark`: looking into the session that is running, marking from another terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from watchlink.commands.exits import USAGE
from watchlink.commands.running import ArchiveOption, JsonOption, PlainOption, archive_path, say
from watchlink.texts import shown

if TYPE_CHECKING:
    from watchlink.board.wire import View

AsciiOption = Annotated[bool, typer.Option("--ascii", help="Draw with plain letters only.")]


def board(
    *,
    plain: PlainOption = False,
    as_json: JsonOption = False,
    ascii_only: AsciiOption = False,
    archive: ArchiveOption = None,
) -> None:
    """Show the board of the session that is running. Closing it does not end the session."""
    from watchlink.commands.visiting import look

    code = look(archive_path(archive), view_of(plain=plain, as_json=as_json), ascii_only=ascii_only)
    if code:
        raise typer.Exit(code)


def mark(
    words: Annotated[
        list[str],
        typer.Argument(help="What happened, as it is typed at the desk: escalation 2, undo, next."),
    ],
    *,
    person: Annotated[str | None, typer.Option(help="Whom it is about: a pseudonym or a number.")] = None,
    ago: Annotated[str | None, typer.Option(metavar="TIME", help="How long ago it was: 15s, 1min.")] = None,
    note: Annotated[str | None, typer.Option(help="Words to keep with it.")] = None,
    archive: ArchiveOption = None,
) -> None:
    """Mark in the session that is running, from a second terminal or a key deck: watchlink mark escalation 2."""
    from watchlink.commands.visiting import say_once

    late = None if ago is None else f"{ago} ago"
    answer = say_once(archive_path(archive), " ".join(part for part in (*words, person, note, late) if part))
    for text in (answer.words, answer.advice):
        for line in text.splitlines():
            (typer.echo if answer.done else say)(shown(line))
    if not answer.done:
        raise typer.Exit(USAGE)


def view_of(*, plain: bool, as_json: bool) -> View:
    """How a person wants to look: as said, else the board on a terminal and plain lines elsewhere."""
    from rich.console import Console

    from watchlink.board.wire import View

    if as_json:
        return View.JSON
    console = Console()
    return View.PLAIN if plain or not console.is_terminal or console.is_dumb_terminal else View.BOARD
