"""`watchlink replay`: a recorded session again, at any speed, with the same readings to the byte."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watchlink.commands.reading import FromOption, HandleOption, ToOption
from watchlink.commands.running import ArchiveOption, JsonOption, PlainOption, make_sink, say

if TYPE_CHECKING:
    from watchlink.captures.capture import Findings
    from watchlink.clock import Clock
    from watchlink.consent import Gate
    from watchlink.sources import Source


def replay(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="A capture (JSON Lines, btsnoop, pcap, pcapng, PacketLogger), a text of RR intervals or a FIT file; - "
            "is standard input. Several are laid together by their clocks.",
        ),
    ] = None,
    *,
    session: Annotated[int | None, typer.Option(help="A session of the archive instead of a file.")] = None,
    speed: Annotated[
        float | None, typer.Option(min=0.001, help="1 is as fast as it was, 50 fifty times; else as fast as possible.")
    ] = None,
    from_s: FromOption = None,
    to_s: ToOption = None,
    pause: Annotated[
        bool, typer.Option("--pause", help="Wait at the beginning. Enter goes on and holds, step 10 steps, speed 20.")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what is written to the file, until Ctrl-C.")] = (
        False
    ),
    offset: Annotated[
        list[float] | None,
        typer.Option(metavar="SECONDS", help="Move the second file's clock by so much, then the third's; once a file."),
    ] = None,
    handle: HandleOption = None,
    events: Annotated[Path | None, typer.Option(help="Events to lay beside it (CSV with at_s and label).")] = None,
    events_offset: Annotated[
        float, typer.Option(metavar="SECONDS", help="When the clock of those events began, on the session's clock.")
    ] = 0.0,
    plain: PlainOption = False,
    as_json: JsonOption = False,
    archive: ArchiveOption = None,
) -> None:
    """Replay a capture or a stored session. On a terminal, Enter holds and goes on while a paced one runs."""
    from watchlink.captures import STANDARD_INPUT
    from watchlink.captures.arranging import laid_beside, part
    from watchlink.clock import FollowingClock, VirtualClock
    from watchlink.commands.reading import captured, read_events, recorded, say_what_was_found
    from watchlink.hub import run_session
    from watchlink.sources.replay import FollowSource, Player, ReplaySource

    files = files or []
    if bool(files) == (session is not None):
        raise typer.BadParameter("Name a capture file, or a session with --session; one of the two.")
    if follow and (len(files) != 1 or speed is not None or pause):
        raise typer.BadParameter("--follow is for one file, at the pace at which it grows.")
    if not all(isfinite(seconds) for seconds in offset or ()):
        raise typer.BadParameter("--offset is a number of seconds.")
    if len(offset or ()) >= max(1, len(files)):
        raise typer.BadParameter("--offset is for the second file and those after it, once for each.")
    findings: list[Findings] = []
    gate: Gate | None = None
    with ExitStack() as stack:
        if session is None:
            capture, findings = stack.enter_context(
                captured(files, offsets_s=offset or (), handle=handle, from_s=from_s, to_s=to_s, follow=follow)
            )
            packets = capture.packets
        else:
            capture, gate = stack.enter_context(recorded(session, archive))
            bounds = (None if bound is None else round(1e6 * bound) for bound in (from_s, to_s))
            packets = part(capture.packets, from_us=next(bounds), to_us=next(bounds))
        if events is not None:
            packets = laid_beside(packets, read_events(events, offset_s=events_offset))
        source: Source
        clock: Clock
        if follow or (STANDARD_INPUT in files and speed is None and not pause):
            clock = following = FollowingClock(started_at=capture.started_at)
            source = FollowSource(packets, clock=following)
        else:
            pace = 1.0 if pause and speed is None else speed
            clock = virtual = VirtualClock(started_at=capture.started_at, speed=pace)
            player = None
            if pause or (pace is not None and _asks_a_person() and STANDARD_INPUT not in files):
                player = Player(sys.stdin, clock=virtual, complain=say, held=pause)
                say(f"{Player.HELP}.")
            source = ReplaySource(packets, clock=None if pace is None else virtual, player=player)
        sink = make_sink(plain=plain, as_json=as_json)
        timeline = clock.run(run_session(source, clock=clock, recorder=None, sinks=[sink], gate=gate))
    say_what_was_found(findings, heart_rate=any(counts.notifications for counts in timeline.people.values()))


def _asks_a_person() -> bool:
    """Whether somebody may type; a program can be started without any standard input."""
    return sys.stdin is not None and sys.stdin.isatty()  # pyright: ignore[reportUnnecessaryComparison]
