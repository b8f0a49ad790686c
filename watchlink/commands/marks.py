"""`watchlink session marks`: what was entered in a session that is over; list, add, correct, remove, lay a file beside.

Strategy: nothing in a log is changed. What is added or corrected afterwards is entered at its end, with how long ago it
was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watchlink.commands.exits import ends_with_its_reader
from watchlink.commands.reading import parse_time
from watchlink.commands.running import ArchiveOption, JsonOption, archive_path, say
from watchlink.errors import SessionFileError
from watchlink.texts import shown

if TYPE_CHECKING:
    from watchlink.archive import Archive
    from watchlink.packets import Packet, SessionEvent
    from watchlink.vocabulary import Vocabulary

marks = typer.Typer(help="Marks of a session that is over: list, add, correct, remove, import.", no_args_is_help=True)

_NumberArgument = Annotated[int, typer.Argument(metavar="SESSION", help="The session's number.")]
_EntryArgument = Annotated[int, typer.Argument(metavar="ENTRY", help="The entry's number, from `marks list`.")]
_WordsArgument = Annotated[list[str], typer.Argument(help="As it is typed while a session runs: stood up 2.")]
_AtOption = Annotated[
    float | None, typer.Option("--at", parser=parse_time, metavar="TIME", help="When it happened: 12:31.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entered:
    """What was entered in a session.

    Attributes:
        entries: in the order of their entry, as they stand; None for what was taken back.
        people: pseudonyms, in order of their numbers.
        vocabulary: the plan's words.
        newest_us: of the log.
    """

    entries: tuple[SessionEvent | None, ...]
    people: tuple[str, ...]
    vocabulary: Vocabulary
    newest_us: int

    def entry(self, number: int) -> SessionEvent:
        """The entry of this number.

        Raises:
            typer.BadParameter: there is none, or it was taken back.
        """
        found = self.entries[number - 1] if 1 <= number <= len(self.entries) else None
        if found is None:
            raise typer.BadParameter(f"There is no entry {number}. `watchlink session marks list` shows them.")
        return found

    def event(self, words: Sequence[str], *, at_us: int) -> SessionEvent:
        """What words say, one thing.

        Raises:
            SessionFileError: they cannot be understood, or say several things.
        """
        from watchlink.session import parse_mark

        events = parse_mark(" ".join(words), at_us=at_us, people=self.people, vocabulary=self.vocabulary)
        if len(events) != 1:
            raise SessionFileError("Say one thing: stood up 2.")
        return events[0]


@marks.command("list")
@ends_with_its_reader
def list_marks(number: _NumberArgument, *, as_json: JsonOption = False, archive: ArchiveOption = None) -> None:
    """List what was entered, in order of when it happened; with the numbers by which it can be corrected."""
    import json

    from watchlink.archive import Archive
    from watchlink.clock import clock_text
    from watchlink.packets import to_record
    from watchlink.sources.desk import entry_words

    with Archive(archive_path(archive)) as opened:
        entered = _entered(opened, number)
    numbered = [(number, entry) for number, entry in enumerate(entered.entries, 1) if entry is not None]
    for entry_number, entry in sorted(numbered, key=lambda pair: pair[1].happened_us):
        if as_json:
            typer.echo(json.dumps({"entry": entry_number, **to_record(entry)}, ensure_ascii=False))
            continue
        note = f" ({entry.note})" if entry.note and entry.kind not in ("block", "note") else ""
        words = f"note: {entry.note}" if entry.kind == "note" else entry_words(entry)
        typer.echo(shown(f"{entry_number:4}  {clock_text(entry.happened_us / 1e6)}  {words}{note}"))
    if not numbered and not as_json:
        say("Nothing was entered in this session.")


@marks.command()
def add(number: _NumberArgument, words: _WordsArgument, *, at: _AtOption, archive: ArchiveOption = None) -> None:
    """Add something that was not marked while the session ran: marks add 3 escalation 2 --at 12:31."""
    from watchlink.archive import Archive

    with Archive(archive_path(archive)) as opened:
        entered = _entered(opened, number)
        at_us = entered.newest_us + 1
        event = entered.event(words, at_us=at_us)
        assert at is not None
        _put(opened, number, [replace(event, ago_us=at_us - round(1e6 * at))])


@marks.command()
def correct(
    number: _NumberArgument,
    entry: _EntryArgument,
    words: _WordsArgument,
    *,
    at: _AtOption = None,
    archive: ArchiveOption = None,
) -> None:
    """Say what an entry should have been: marks correct 3 17 interruption 2. What was entered stays in the log."""
    from watchlink.archive import Archive
    from watchlink.packets import Correction

    with Archive(archive_path(archive)) as opened:
        entered = _entered(opened, number)
        old = entered.entry(entry)
        happened_us = old.happened_us if at is None else round(1e6 * at)
        now = replace(entered.event(words, at_us=old.at_us), ago_us=old.at_us - happened_us)
        _put(opened, number, [Correction(at_us=entered.newest_us + 1, of_us=old.at_us, now=now)])


@marks.command()
def remove(number: _NumberArgument, entry: _EntryArgument, *, archive: ArchiveOption = None) -> None:
    """Take an entry back. It stays in the log, and no longer counts."""
    from watchlink.archive import Archive
    from watchlink.packets import Correction

    with Archive(archive_path(archive)) as opened:
        entered = _entered(opened, number)
        _put(opened, number, [Correction(at_us=entered.newest_us + 1, of_us=entered.entry(entry).at_us)])


@marks.command("import")
def import_marks(
    number: _NumberArgument,
    file: Annotated[Path, typer.Argument(help="Events (CSV with at_s and label), for instance notes on a video.")],
    *,
    offset: Annotated[
        float, typer.Option(metavar="SECONDS", help="When the file's clock began, on the session's clock.")
    ] = 0.0,
    archive: ArchiveOption = None,
) -> None:
    """Lay a file of events into a session for good: `watchlink show --events` does it for one look."""
    from watchlink.archive import Archive
    from watchlink.commands.reading import read_events

    with Archive(archive_path(archive)) as opened:
        entered = _entered(opened, number)
        events = read_events(file, vocabulary=entered.vocabulary, offset_s=offset)
        unknown = sorted({event.person for event in events if event.person is not None} - set(entered.people))
        if unknown:
            raise SessionFileError(f"{file.name} names {', '.join(unknown)}. People are: {', '.join(entered.people)}.")
        first_us = entered.newest_us + 1
        _put(
            opened,
            number,
            [
                replace(event, at_us=first_us + count, ago_us=first_us + count - event.happened_us)
                for count, event in enumerate(events)
            ],
        )


def _entered(archive: Archive, number: int) -> _Entered:
    from watchlink.agenda import Agenda
    from watchlink.packets import Correction, Planned, Seat, SessionEvent, Sharing
    from watchlink.session import default_plan

    archive.session(number)
    events: list[SessionEvent] = []
    corrections: dict[int, SessionEvent | None] = {}
    people: dict[str, None] = {}
    agenda = Agenda()
    newest_us = 0
    for packet in archive.packets(number):
        newest_us = max(newest_us, packet.at_us)
        match packet:
            case Planned():
                agenda.enter(packet)
            case Seat() | Sharing():
                people[packet.person] = None
            case SessionEvent():
                events.append(packet)
            case Correction():
                corrections[packet.of_us] = packet.now
            case _:
                pass
    return _Entered(
        entries=tuple(corrections.get(event.at_us, event) for event in events),
        people=tuple(people),
        vocabulary=(agenda.plan or default_plan()).vocabulary,
        newest_us=newest_us,
    )


def _put(archive: Archive, number: int, packets: Sequence[Packet]) -> None:
    archive.add(number, packets)
    what = "entry" if len(packets) == 1 else "entries"
    typer.echo(f"{len(packets)} {what} added to session {number}.")
    say(f"See what it changed: watchlink show {number}")
