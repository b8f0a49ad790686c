"""`watchlink rate`: a person's own judgement of a session, beside what the heart did; for that person alone."""

from __future__ import annotations

from typing import Annotated

import typer

from watchlink.commands.running import ArchiveOption, archive_path, say
from watchlink.texts import shown


def rate(
    session: Annotated[int, typer.Argument(help="The session's number, from `session list`.")],
    alias: Annotated[str, typer.Argument(help="Who you are.")],
    *,
    before: Annotated[
        int | None, typer.Option(min=0, max=10, help="How hard such a call seemed before the session.")
    ] = None,
    after: Annotated[int | None, typer.Option(min=0, max=10, help="How hard it seems after it.")] = None,
    archive: ArchiveOption = None,
) -> None:
    """Say from 0 to 10 how hard such a call seemed to you before a session, and how hard after it."""
    from watchlink.archive import Archive
    from watchlink.commands.evidence import evidence_of
    from watchlink.packets import SelfReport
    from watchlink.self_reports import RATING_AFTER, RATING_BEFORE
    from watchlink.session import parse_person

    said = {item: value for item, value in ((RATING_BEFORE, before), (RATING_AFTER, after)) if value is not None}
    if not said:
        raise typer.BadParameter("Say --before, --after, or both: a number from 0 to 10.")
    with Archive(archive_path(archive)) as opened:
        stored = opened.session(session)
        person = parse_person(alias, list(evidence_of(opened, stored)))
        at_us = round(stored.duration_s * 1e6)
        opened.add(
            session,
            [SelfReport(at_us=at_us, person=person, item=item, answer=str(value)) for item, value in said.items()],
        )
    typer.echo(shown(f"{person} said of session {session}: {', '.join(f'{item} {said[item]}' for item in said)}."))
    say(f"It stands in your own page and nowhere else: watchlink report {session} --person {person}")
