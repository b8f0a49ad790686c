"""`watchlink show`: what happened to whose heart in a session, when, and beside what; computed anew from its log."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watchlink.commands.running import ArchiveOption, PlainOption

if TYPE_CHECKING:
    from watchlink.captures.capture import Findings
    from watchlink.consent import Gate


def show(
    session: Annotated[
        str, typer.Argument(metavar="SESSION", help="A number from `watchlink session list`, or a capture file.")
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

    from watchlink.captures.arranging import laid_beside
    from watchlink.commands.reading import captured, read_events, recorded, say_what_was_found
    from watchlink.fold import SessionFold
    from watchlink.reports.session_record import session_record
    from watchlink.reports.timeline import timeline_lines, timeline_report
    from watchlink.session import parse_person

    gate: Gate | None = None
    beside = () if events is None else read_events(events, offset_s=events_offset)
    findings: list[Findings] = []
    with ExitStack() as stack:
        if session.isdecimal():
            capture, gate = stack.enter_context(recorded(int(session), archive, own=person))
        else:
            capture, findings = stack.enter_context(captured([Path(session)]))
        started_at = capture.started_at
        fold = SessionFold(gate=gate)
        for packet in laid_beside(capture.packets, beside):
            fold.push(packet)
    fold.flush()
    timeline = fold.timeline()
    if findings:
        say_what_was_found(findings, heart_rate=any(counts.notifications for counts in timeline.people.values()))
    own = person if gate is None else gate.own  # a number is that of the cohort, not of the wearables
    who = None if own is None else parse_person(own, list(timeline.people))
    if as_json:
        json.dump(session_record(timeline, started_at=started_at, person=who), sys.stdout, ensure_ascii=False, indent=1)
        sys.stdout.write("\n")
    elif plain:
        sys.stdout.write("\n".join(timeline_lines(timeline, person=who)) + "\n")
    else:
        Console().print(timeline_report(timeline, person=who))


class Document(StrEnum):
    """What has a schema."""

    SESSION = "session"
    STREAM = "stream"


def schema(
    of: Annotated[
        Document,
        typer.Argument(help="session: what `show --json` prints; stream: a line of --json while a session runs."),
    ] = Document.SESSION,
) -> None:
    """Print the JSON Schema of what --json prints."""
    from importlib import resources

    if of is Document.STREAM:
        from watchlink.reports.stream_schema import stream_schema

        sys.stdout.write(json.dumps(stream_schema(), indent=1) + "\n")
        return
    sys.stdout.write(resources.files("watchlink.reports").joinpath("session.schema.json").read_text("utf-8"))
