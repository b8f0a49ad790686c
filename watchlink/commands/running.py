"""What the commands that run a session share: how it is shown, where it is kept, how it is left."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from watchlink.commands.exits import FILE
from watchlink.texts import shown

if TYPE_CHECKING:
    from watchlink.archive import Recorder
    from watchlink.clock import Clock
    from watchlink.hub import Sink
    from watchlink.sources import Source

PlainOption = Annotated[bool, typer.Option("--plain", help="One line a change: for screen readers, pipes and logs.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Every reading as NDJSON.")]
ArchiveOption = Annotated[
    Path | None, typer.Option("--archive", help="The archive of sessions.", show_default="in your data folder")
]


def make_sink(*, plain: bool, as_json: bool) -> Sink:
    """How the session is shown: a moving screen on a terminal, else plain lines, unless the person said otherwise."""
    from rich.console import Console

    from watchlink.commands.output import JsonSink, PlainSink, ScreenSink

    if as_json:
        return JsonSink(sys.stdout)
    console = Console()
    return PlainSink(sys.stdout) if plain or not console.is_terminal else ScreenSink(console)


def archive_path(chosen: Path | None) -> Path:
    """Where the archive is: where the person said, else in the platform's own folder for data."""
    if chosen is not None:
        return chosen
    from platformdirs import user_data_path

    return user_data_path("watchlink", appauthor=False) / "archive.sqlite3"


def record_session(
    open_source: Callable[[], Awaitable[tuple[Source, Clock]]],
    *,
    run: Callable[[Coroutine[Any, Any, None]], None],
    sink: Callable[[], Sink],
    title: str,
    archive: Path | None,
    until_us: int | None = None,
) -> None:
    """Run a session into the archive and say at the end how to see it again.

    The archive is opened before anything else is tried, and the session begins in it once there is a source. `run` runs
    all of it to its end in one event loop.

    Raises:
        WatchlinkError: the archive or the source failed.
        KeyboardInterrupt: the person ended it; it is saved all the same.
    """
    from watchlink.archive import Archive
    from watchlink.hub import run_session

    with Archive(archive_path(archive)) as opened:

        async def session() -> None:
            source, clock = await open_source()
            recorder = opened.begin(title=title, started_at=clock.started_at)
            try:
                await run_session(source, clock=clock, recorder=recorder, sinks=[sink()], until_us=until_us)
            finally:
                _say_goodbye(recorder, archive)
            if recorder.unsaved:
                raise typer.Exit(FILE)

        run(session())


def _say_goodbye(recorder: Recorder, archive: Path | None) -> None:
    option = "" if archive is None else f" --archive {archive}"
    if recorder.unsaved:
        say(f"{recorder.unsaved} packets could not be saved: {recorder.trouble}. What was written before is whole.")
    number = recorder.session_id
    say(f"Session {number} is in the archive. See it again with: watchlink show {number}{option}")


def say(text: str) -> None:
    """A message to the person, beside the output."""
    typer.echo(shown(text), err=True)
