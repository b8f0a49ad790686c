"""`watchlink progress`: what changed over a programme, for one person or for a cohort."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watchlink.commands.cohort import CohortsOption, cohorts_path
from watchlink.commands.rendering import FormatOption, OutOption, deliver
from watchlink.commands.running import ArchiveOption, archive_path, say
from watchlink.commands.sweeping import files, sweep_and_say
from watchlink.texts import shown

if TYPE_CHECKING:
    from watchlink.archive import Archive, StoredSession
    from watchlink.cohorts import Cohort
    from watchlink.programme import Recorded


def progress(
    cohort: Annotated[
        str | None, typer.Argument(metavar="[COHORT]", help="The cohort's name; not needed where there is one.")
    ] = None,
    *,
    person: Annotated[
        str | None, typer.Option(metavar="ALIAS", help="To this person, of themself; else of the cohort as a group.")
    ] = None,
    format_name: FormatOption = None,
    out: OutOption = None,
    cohorts: CohortsOption = None,
    archive: ArchiveOption = None,
) -> None:
    """Say what changed over the weeks, how sure that is, and what so much data could have shown."""
    from watchlink.archive import Archive, SessionKind
    from watchlink.programme import cohort_progress, person_progress
    from watchlink.reports import progress_report as reports
    from watchlink.session import parse_person

    sweep_and_say(files(archive=archive, cohorts=cohorts, devices=None))
    chosen = _cohort(cohort, person, cohorts)
    with Archive(archive_path(archive)) as opened:
        stored = [one for one in opened.sessions() if one.cohort == chosen.name]
        people = _recorded(opened, stored, chosen)
    if not any(people.values()):
        say(f"The archive holds no recording of {chosen.name} yet. `watchlink session start {chosen.name}` makes one.")
        raise typer.Exit(1)
    sessions = {one.id: one.week for one in stored if one.kind is SessionKind.SESSION}
    if person is None:
        whole = cohort_progress(chosen.name, people, primary=chosen.primary, sessions=sessions)
        deliver(
            reports.cohort_document(whole),
            rows=partial(reports.cohort_rows, whole),
            record=partial(reports.progress_record, whole),
            format_name=format_name,
            out=out,
            name=f"progress-{chosen.name}",
        )
        return
    who = parse_person(person, list(people))
    if not people[who]:
        say(f"The archive holds no recording of {who} yet. `watchlink baseline --alias {who}` makes one.")
        raise typer.Exit(1)
    one = person_progress(who, people[who], primary=chosen.primary, sessions=sessions)
    deliver(
        reports.person_document(one),
        rows=partial(reports.person_rows, one),
        record=partial(reports.progress_record, one),
        format_name=format_name,
        out=out,
        name=f"progress-{chosen.name}-{who}",
    )


def _cohort(name: str | None, person: str | None, cohorts: Path | None) -> Cohort:
    """The cohort that is meant: by its name, by who is in it, or because there is no other."""
    from watchlink.cohorts import load_cohorts
    from watchlink.commands.cohort import find_cohort

    if name is not None:
        return find_cohort(name, cohorts)
    known = load_cohorts(cohorts_path(cohorts))
    fitting = [one for one in known if person is None or one.member(person) is not None]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(one.name for one in fitting or known) or "none"
    raise typer.BadParameter(shown(f"Say which cohort. There are: {names}."))


def _recorded(opened: Archive, stored: Sequence[StoredSession], cohort: Cohort) -> dict[str, list[Recorded]]:
    """Everybody's recordings, in order of time; those that were never read are read now."""
    from watchlink.archive import SessionState
    from watchlink.commands.evidence import evidence_of
    from watchlink.programme import Recorded

    people: dict[str, list[Recorded]] = {alias: [] for alias in cohort.people}
    whole = [one for one in stored if one.state is not SessionState.RECORDING]
    moving = sys.stderr.isatty()
    for number, one in enumerate(sorted(whole, key=lambda one: (one.started_at, one.id)), 1):
        if moving:
            sys.stderr.write(f"\r\x1b[KReading recording {number} of {len(whole)} ...")
            sys.stderr.flush()
        for person, page in evidence_of(opened, one).items():
            if person in people:
                recorded = Recorded(number=one.id, kind=one.kind, started_at=one.started_at, week=one.week, page=page)
                people[person].append(recorded)
    if moving:
        sys.stderr.write("\r\x1b[K")
    return people
