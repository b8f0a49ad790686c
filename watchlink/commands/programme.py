"""`watchlink demo --programme`: eight weeks of a virtual cohort in the archive, with what is true of it known.

Strategy: recording by recording in order of time, as the recorder writes them; who ends it early keeps what is whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from watchlink.commands.cohort import cohorts_path
from watchlink.commands.exits import FILE
from watchlink.commands.running import archive_path, say

if TYPE_CHECKING:
    from watchlink.archive import Archive
    from watchlink.cohorts import Cohort
    from watchlink.sources.virtual.programme import Programme, Recording

COHORT: Final = "Demo"


def record_programme(*, people: int, seed: int, archive: Path | None, cohorts: Path | None) -> None:
    """Make a programme up that ended yesterday, write it into the archive, and remember its cohort.

    Raises:
        ArchiveError: the archive cannot be written, or recordings of that cohort are in it already.
        CohortsFileError: the cohorts cannot be read or written, or one of that name is there already.
        KeyboardInterrupt: the person ended it.
    """
    from datetime import timedelta

    from watchlink.archive import Archive
    from watchlink.clock import utc_now
    from watchlink.cohorts import load_cohorts, of_name, put, save_cohorts
    from watchlink.errors import ArchiveError, CohortsFileError
    from watchlink.sources.virtual.programme import programme

    path = cohorts_path(cohorts)
    known = load_cohorts(path)
    elsewhere = "For another one, choose other files with --archive and --cohorts."
    if of_name(known, COHORT) is not None:
        raise CohortsFileError(f"There is a cohort called {COHORT} already; nothing was done. {elsewhere}")
    with Archive(archive_path(archive)) as opened:
        if there := sum(stored.cohort == COHORT for stored in opened.sessions()):
            raise ArchiveError(
                f"The archive holds {there} recordings of a cohort called {COHORT} already; nothing was done. "
                f"{elsewhere}"
            )
        made = programme(people=people, seed=seed, ended_on=utc_now().date() - timedelta(days=1))
        save_cohorts(path, put(known, _cohort(made)))
        _write(made, opened)
    options = "" if archive is None else f" --archive {archive}"
    say(
        f"Eight weeks of the cohort {COHORT} are in the archive: {len(made.recordings)} recordings. "
        f"See what changed: watchlink progress {COHORT}{options} or, of one person, with --person Heron"
    )


def _cohort(made: Programme) -> Cohort:
    from watchlink.cohorts import Cohort, Member
    from watchlink.consent import wording
    from watchlink.measures import DEFAULT_LABEL, Measure, Primary

    members = [
        Member(alias=one.person, shares=one.shares, agreed_on=one.agreed_on, wording=wording()) for one in made.shares
    ]
    primary = Primary(measure=Measure.RESPONSE, label=DEFAULT_LABEL, declared_on=made.began_on)
    return Cohort(name=COHORT, members=tuple(members), made_on=made.began_on, primary=primary)


def _write(made: Programme, archive: Archive) -> None:
    """Write everything, with a line that says how far it is."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    sessions = sum(not recording.baseline for recording in made.recordings)
    done = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("recordings"))
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("", total=len(made.recordings))
            for recording in made.recordings:
                progress.update(task, description=f"{done} of {sessions} sessions")
                _record(recording, archive)
                progress.advance(task)
                done += not recording.baseline
                if not recording.baseline and not console.is_terminal:
                    say(f"{done} of {sessions} sessions")
    except KeyboardInterrupt:
        whole = f"{done} of {sessions} sessions are whole in the archive"
        say(f"Ended early: {whole}; the recording in work is interrupted.")
        raise


def _record(recording: Recording, archive: Archive) -> None:
    """Write one recording as the recorder does; one that broke off is left without its end."""
    from watchlink.archive import SessionKind

    recorder = archive.begin(
        title=recording.title,
        started_at=recording.started_at,
        cohort=COHORT,
        week=recording.week,
        kind=SessionKind.BASELINE if recording.baseline else SessionKind.SESSION,
    )
    for packet in recording.packets():
        recorder.accept(packet)
    if recording.broke_off:
        while recorder.unsaved and recorder.trouble is None:
            recorder.tick()
    else:
        recorder.close()
    if recorder.unsaved:
        say(f"{recorder.unsaved} packets could not be saved: {recorder.trouble}. What was written before is whole.")
        raise typer.Exit(FILE)
