"""`watchlink my-data export`: all of one person's recordings, as files that they can keep, read and take elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from watchlink.commands.running import ArchiveOption, archive_path, say
from watchlink.errors import ExportError, MissingLibraryError
from watchlink.texts import shown

if TYPE_CHECKING:
    from watchlink.archive import Archive, StoredSession
    from watchlink.exports.formats import ExportFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class AllExported:
    """What was written.

    Attributes:
        files: what is in the folder now.
        sessions: the numbers of the sessions that are in it.
        remarks: a sentence for each format that could not hold a session.
    """

    files: tuple[Path, ...]
    sessions: tuple[int, ...]
    remarks: tuple[str, ...]


def _format(text: str) -> Any:
    from watchlink.commands.exporting import parse_export_format

    return parse_export_format(text)


def export(
    folder: Annotated[Path, typer.Argument(metavar="OUT_FOLDER", help="Where to; it is made if it is not there.")],
    *,
    person: Annotated[str, typer.Option(help="Whose recordings: the alias.")],
    session: Annotated[
        list[int] | None, typer.Option(help="Of this session alone; may be given several times.")
    ] = None,
    to: Annotated[
        list[Any] | None,
        typer.Option(
            parser=_format,
            metavar="FORMAT",
            help="csv (if nothing is named), kubios, elite, edf, bids, fit, parquet; may be given several times.",
        ),
    ] = None,
    archive: ArchiveOption = None,
) -> None:
    """Write all of one person's recordings as files: tables, and everything as it was sent. Nothing of others."""
    from watchlink.archive import Archive
    from watchlink.exports.formats import ExportFormat

    with Archive(archive_path(archive)) as opened:
        done = export_all(opened, person=person, sessions=session or (), formats=to or (ExportFormat.CSV,), to=folder)
    for remark in done.remarks:
        say(shown(remark))
    sessions = "1 session" if len(done.sessions) == 1 else f"{len(done.sessions)} sessions"
    say(shown(f"{sessions} written to {folder}. README.txt there says what is what."))


def export_all(
    archive: Archive, *, person: str, sessions: Sequence[int], formats: Sequence[ExportFormat], to: Path
) -> AllExported:
    """Write all of one person's recordings, whole or not at all: a folder a session, and a README.txt beside them.

    Args:
        archive: where they are.
        person: the alias, in any case.
        sessions: of these alone; empty for all.
        formats: beside the capture (JSON Lines), which is always written.
        to: the folder.

    Raises:
        ExportError: there are none, they are of several cohorts and no sessions are named, a library is missing, or
            they cannot be written.
        ArchiveError: the archive cannot be read.
    """
    from watchlink.exports.formats import writing

    found = list(_of_person(archive, person, sessions))
    if not found:
        raise ExportError(f"The archive holds no recording of {person}. `watchlink session list` shows what it holds.")
    cohorts = sorted({one.cohort for one, _ in found if one.cohort is not None})
    if len(cohorts) > 1 and not sessions:
        numbers = ", ".join(str(one.id) for one, _ in found)
        raise ExportError(
            f"There is a {found[0][1]} in several cohorts: {', '.join(cohorts)}. Whether that is one person, nobody "
            f"here knows. Name the sessions with --session: {numbers}."
        )
    remarks: list[str] = []
    with writing(to) as growing:
        for stored, alias in found:
            own = growing / f"session-{stored.id}"
            own.mkdir()
            remarks += _write_session(archive, stored, alias, formats, own)
        (growing / "README.txt").write_text(_readme(found, formats, remarks), "utf-8")
        names = sorted(file.name for file in growing.iterdir())
    return AllExported(
        files=tuple(to / name for name in names),
        sessions=tuple(stored.id for stored, _ in found),
        remarks=tuple(remarks),
    )


def _of_person(archive: Archive, person: str, sessions: Sequence[int]) -> Iterator[tuple[StoredSession, str]]:
    """The sessions in which this person wore something, and how the alias is written there."""
    from watchlink.exports.part import people_in

    chosen = [archive.session(number) for number in dict.fromkeys(sessions)] or archive.sessions()
    for stored in chosen:
        people = people_in(archive.packets(stored.id))
        alias = next((one for one in people if one.casefold() == person.casefold()), None)
        if alias is not None:
            yield stored, alias
        elif sessions:
            raise ExportError(f"Nobody called {person} is in session {stored.id}. People are: {', '.join(people)}.")


def _write_session(
    archive: Archive, stored: StoredSession, alias: str, formats: Sequence[ExportFormat], folder: Path
) -> Iterator[str]:
    """Write a session's files; tell what a format could not hold."""
    from watchlink.captures import jsonl
    from watchlink.consent import Gate, at_the_end
    from watchlink.exports.formats import FORMATS, ExportFormat, stem_of
    from watchlink.exports.own_log import own_log
    from watchlink.exports.part import part_of

    packets = list(archive.packets(stored.id))
    gate = Gate(at_the_end=at_the_end(packets), own=alias)
    part = part_of(packets, person=alias, started_at=stored.started_at, gate=gate)
    stem = stem_of(part)
    (folder / f"{stem}.jsonl").write_text("".join(jsonl.lines(stored.started_at, own_log(packets, alias))), "utf-8")
    for to in dict.fromkeys(formats):
        into = folder / to if to is ExportFormat.BIDS else folder  # a data set has a folder of its own
        into.mkdir(exist_ok=True)
        try:
            FORMATS[to].write(part, into, stem=stem)
        except MissingLibraryError:
            raise
        except ExportError as error:
            yield f"Session {stored.id} is not there as {to}: {error}"


def _readme(found: Sequence[tuple[StoredSession, str]], formats: Sequence[ExportFormat], remarks: Sequence[str]) -> str:
    from watchlink.exports.formats import FORMATS

    held = "\n".join(
        f"- session-{stored.id}: {shown(stored.title)}, {stored.started_at:%Y-%m-%d %H:%M} UTC" for stored, _ in found
    )
    kinds = "\n".join(f"- {to}: {FORMATS[to].writes}" for to in dict.fromkeys(formats))
    missing = "".join(f"\n{shown(remark)}" for remark in remarks)
    alias = shown(found[0][1])
    return f"""These are the recordings of {alias}, written by watchlink.

{held}

In each folder:
- jsonl: everything as your wearable sent it, what you said of yourself, what you shared with whom, and what happened
  in the room. Any of the other formats can be made from it: watchlink convert FILE OUT --to csv --person "{alias}"
{kinds}
{missing}
All times are UTC, or seconds since the start of the session. rr_ms is the time between two heart beats in milliseconds
as it was sent, nn_ms the same after cleaning; usual_bpm is your own usual heart rate at that time.

What was marked on other people is not in here, nor anything that their wearables sent. That somebody else had the turn
to speak is there as "speaker" without a person. Nothing was sent anywhere. Whoever gets these files can read them, so
keep them as you would a diary. Not a medical device.
"""
