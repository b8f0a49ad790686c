"""`watchlink report`: a session's page for one person, or of the room."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watchlink.commands.rendering import FormatOption, OutOption, deliver
from watchlink.commands.running import ArchiveOption, archive_path
from watchlink.commands.sweeping import files, sweep_and_say

if TYPE_CHECKING:
    from datetime import datetime

    from watchlink.evidence import Gathered
    from watchlink.reports.session_head import Head


def report(
    session: Annotated[
        str, typer.Argument(metavar="SESSION", help="A number from `watchlink session list`, or a capture file.")
    ],
    *,
    person: Annotated[
        str | None, typer.Option(metavar="ALIAS", help="To this person, of themself; else of the room.")
    ] = None,
    format_name: FormatOption = None,
    out: OutOption = None,
    archive: ArchiveOption = None,
) -> None:
    """Write a session's report: to one person (--person), or of the room as far as five people let it be seen."""
    from firmware_profiles.profiles import load_profiles
    from watchlink.reports.person_report import person_document, person_report, person_rows
    from watchlink.reports.room_report import room_document, room_report, room_rows
    from watchlink.reports.session_head import record
    from watchlink.session import parse_person

    if archive is None and session.isdecimal():
        sweep_and_say(files(archive=None, cohorts=None, devices=None))
    gathered, head, own = _gathered(session, person, archive)
    name = f"session-{head.number}" if head.number else Path(session).name.split(".")[0]
    if own is None:
        room = room_report(gathered, head=head)
        deliver(
            room_document(room, gathered),
            rows=partial(room_rows, room),
            record=partial(record, room, of="room"),
            format_name=format_name,
            out=out,
            name=f"{name}-room",
        )
        return
    who = parse_person(own, list(gathered.pages))
    one = person_report(gathered, who, head=head)
    deliver(
        person_document(one, gathered, profiles=load_profiles()),
        rows=partial(person_rows, one),
        record=partial(record, one, of="person"),
        format_name=format_name,
        out=out,
        name=f"{name}-{who}",
    )


def _gathered(session: str, person: str | None, archive: Path | None) -> tuple[Gathered, Head, str | None]:
    """What a recording says, which it is, and of whom it is asked."""
    from watchlink.archive import Archive
    from watchlink.commands.reading import captured, recorded, say_what_was_found
    from watchlink.evidence import gather

    with ExitStack() as stack:
        if not session.isdecimal():
            capture, findings = stack.enter_context(captured([Path(session)]))
            gathered = gather(capture.packets)
            say_what_was_found(findings, heart_rate=any(page.reports for page in gathered.pages.values()))
            return gathered, _head_of_file(session, capture.started_at, gathered), person
        number = int(session)
        with Archive(archive_path(archive), read_only=True) as opened:
            stored = opened.session(number)
        capture, gate = stack.enter_context(recorded(number, archive, own=person))
        gathered = gather(capture.packets)
    from watchlink.reports.session_head import Head

    head = Head(
        number=number,
        title=stored.title,
        kind=stored.kind,
        state=stored.state,
        started_at=stored.started_at,
        duration_s=gathered.timeline.duration_s,
        cohort=stored.cohort,
        week=stored.week,
    )
    own = gate.own
    if own is None and person is None and len(gathered.pages) == 1 and not gate.asked:
        own = next(iter(gathered.pages))  # one's own recording has no room
    return gathered, head, own


def _head_of_file(session: str, started_at: datetime, gathered: Gathered) -> Head:
    from watchlink.archive import SessionKind, SessionState
    from watchlink.reports.session_head import Head

    return Head(
        number=0,
        title=Path(session).name,
        kind=SessionKind.SESSION,
        state=SessionState.COMPLETE,
        started_at=started_at,
        duration_s=gathered.timeline.duration_s,
        cohort=None,
        week=None,
    )
