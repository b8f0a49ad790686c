"""`watchlink replay`: a recorded session again, at any speed, with the same readings to the byte."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from watchlink.commands.running import ArchiveOption, JsonOption, PlainOption, make_sink, say


def replay(
    file: Annotated[Path | None, typer.Argument(help="A capture: watchlink's own JSON Lines, or btsnoop.")] = None,
    *,
    session: Annotated[int | None, typer.Option(help="A session of the archive instead of a file.")] = None,
    speed: Annotated[
        float | None, typer.Option(min=0.001, help="1 is as fast as it was, 50 fifty times; else as fast as possible.")
    ] = None,
    events: Annotated[Path | None, typer.Option(help="Events to lay beside it (CSV with at_s and label).")] = None,
    events_offset: Annotated[
        float, typer.Option(metavar="SECONDS", help="When the clock of those events began, on the session's clock.")
    ] = 0.0,
    plain: PlainOption = False,
    as_json: JsonOption = False,
    archive: ArchiveOption = None,
) -> None:
    """Replay a capture or a stored session."""
    from watchlink.clock import VirtualClock
    from watchlink.commands.reading import read_events, recorded
    from watchlink.hub import run_session
    from watchlink.sources.replay import ReplaySource, laid_beside

    if (file is None) == (session is None):
        raise typer.BadParameter("Name a capture file, or a session with --session; one of the two.")
    with ExitStack() as stack:
        if file is not None:
            from watchlink.captures import open_capture

            capture = stack.enter_context(open_capture(file))
        else:
            assert session is not None
            capture = stack.enter_context(recorded(session, archive))
        clock = VirtualClock(started_at=capture.started_at, speed=speed)
        packets = capture.packets
        if events is not None:
            packets = laid_beside(packets, read_events(events, offset_s=events_offset))
        source = ReplaySource(packets, clock=None if speed is None else clock)
        sink = make_sink(plain=plain, as_json=as_json)
        timeline = clock.run(run_session(source, clock=clock, recorder=None, sinks=[sink]))
    if not any(counts.notifications for counts in timeline.people.values()):
        say("It was read to its end, and there is no heart-rate notification in it.")
