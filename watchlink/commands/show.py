"""`watchlink show`: what happened to whose heart in a session, when, and beside what; computed anew from its log."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from watchlink.commands.running import ArchiveOption, PlainOption


def show(
    session: Annotated[
        str, typer.Argument(metavar="SESSION", help="A number from `watchlink sessions list`, or a capture file.")
    ],
    *,
    person: Annotated[
        str | None, typer.Option(metavar="NAME", help="One person's part, instead of the room's.")
    ] = None,
    events: Annotated[Path | None, typer.Option(help="Events to lay beside it (CSV with at_s and label).")] = None,
    events_offset: Annotated[
        float, typer.Option(metavar="SECONDS", help="When the clock of those events began, on the session's clock.")
    ] = 0.0,
    plain: PlainOption = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document; `watchlink schema` describes it.")
    ] = False,
    archive: ArchiveOption = None,
) -> None:
    """Show the timeline of a session: rises, what was marked, what may belong together and how sure that is."""
    from rich.console import Console

    from watchlink.captures import open_capture
    from watchlink.captures.arranging import laid_beside
    from watchlink.commands.reading import read_events, recorded
    from watchlink.fold import SessionFold
    from watchlink.reports.session_record import session_record
    from watchlink.reports.timeline import timeline_lines, timeline_report
    from watchlink.session import parse_person

    fold = SessionFold()
    beside = () if events is None else read_events(events, offset_s=events_offset)
    with recorded(int(session), archive) if session.isdecimal() else open_capture(Path(session)) as capture:
        started_at = capture.started_at
        for packet in laid_beside(capture.packets, beside):
            fold.push(packet)
    fold.flush()
    timeline = fold.timeline()
    who = None if person is None else parse_person(person, list(timeline.people))
    if as_json:
        json.dump(session_record(timeline, started_at=started_at, person=who), sys.stdout, ensure_ascii=False, indent=1)
        sys.stdout.write("\n")
    elif plain:
        sys.stdout.write("\n".join(timeline_lines(timeline, person=who)) + "\n")
    else:
        Console().print(timeline_report(timeline, person=who))


def schema() -> None:
    """Print the JSON Schema of what `watchlink show --json` prints."""
    from importlib import resources

    sys.stdout.write(resources.files("watchlink.reports").joinpath("session.schema.json").read_text("utf-8"))
