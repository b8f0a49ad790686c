"""`watchlink analyse`: the HRV metrics of a capture, a stored session or a text file of RR intervals."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import warnings
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from enum import StrEnum
from math import isfinite
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final, NamedTuple, cast

import typer

from watchlink.commands.exits import NO_RR, POOR
from watchlink.commands.running import ArchiveOption, JsonOption, say
from watchlink.texts import shown

if TYPE_CHECKING:
    from dsp import Analysis, CleanBeat
    from watchlink.captures.rr_text import RrText
    from watchlink.consent import Gate
    from watchlink.packets import Packet

_GZIP_MAGIC: Final = b"\x1f\x8b"
_PEEK: Final = 256
# What is shorter in the middle than this is no human heart, and what is longer than that may be its rate in bpm.
_NO_HEART_BELOW_MS: Final = 220.0
_BPM_ABOVE: Final = 30.0


class Unit(StrEnum):
    """Of the intervals in a text file."""

    MS = "ms"
    S = "s"


_NOT_SHARED: Final = "an analysis needs every report, and these are not shared; --person shows people their own"


class _Person(NamedTuple):
    """Whose beats these are, in stretches from which HRV may be read, and why others were left out."""

    name: str | None
    stretches: list[list[CleanBeat]]
    left_out: dict[str, int]


def analyse(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A capture, or a text of RR intervals (one a line, or a column rr_ms); - for standard input."
        ),
    ] = None,
    *,
    session: Annotated[int | None, typer.Option(help="A session of the archive instead of a file.")] = None,
    person: Annotated[str | None, typer.Option(help="Only this person of a capture or session.")] = None,
    window: Annotated[
        float | None, typer.Option(min=10, help="Seconds of a window.", show_default="the whole recording")
    ] = None,
    step: Annotated[
        float | None, typer.Option(min=1, help="Seconds from window to window.", show_default="as --window")
    ] = None,
    unit: Annotated[
        Unit | None, typer.Option(help="Of the intervals in a text file.", show_default="as its header says, else ms")
    ] = None,
    at_rest: Annotated[
        bool,
        typer.Option("--at-rest", help="All of a capture was recorded sitting still in silence: read HRV from it."),
    ] = False,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="One row a window, metrics as columns.")] = False,
    archive: ArchiveOption = None,
) -> None:
    """Print HRV metrics, with what they stand on, of a capture, a session or a text of RR intervals."""
    if (file is None) == (session is None):
        raise typer.BadParameter("Name a file, or a session with --session; one of the two.")
    if step is not None and window is None:
        raise typer.BadParameter("A step needs a window: add --window SECONDS.")
    if not all(isfinite(seconds) for seconds in (window, step) if seconds is not None):
        raise typer.BadParameter("A window and a step last a number of seconds.")
    if as_json and as_csv:
        raise typer.BadParameter("--json or --csv, one of the two.")
    people = _people(file, session=session, archive=archive, unit=unit, at_rest=at_rest, own=person)
    if person is not None:
        names = [found.name for found in people if found.name is not None]
        people = [found for found in people if found.name is not None and found.name.casefold() == person.casefold()]
        if not people:
            known = f"There are: {', '.join(names)}." if names else "This recording names nobody."
            raise typer.BadParameter(shown(f"Nobody is called {person} in it. {known}"))
    carried = False
    printed = _Printer(as_json=as_json, as_csv=as_csv, windows=window is not None)
    for found in people:
        for analysis in _analyses(found, window=window, step=step):
            printed.show(analysis, person=found.name)
            carried |= analysis.hrv.time_domain.rmssd_ms is not None
        for sentence in _left_out(found):
            say(sentence)
    if not any(found.stretches for found in people):
        at_rest_helps = not at_rest and any(beats for found in people for beats in found.left_out.values())
        hint = " If it was recorded sitting still in silence, say so with --at-rest." if at_rest_helps else ""
        say(f"No HRV can be read from this recording.{hint}")
        raise typer.Exit(NO_RR)
    if not carried:
        say("Nothing in it carries a variability: too few beats, or too many that had to be corrected.")
        raise typer.Exit(POOR)


def _left_out(found: _Person) -> Iterator[str]:
    """What of a person's recording no HRV was read from, and why."""
    who = "" if found.name is None else f"{found.name}: "
    if found.name is not None and not (found.stretches or found.left_out):
        yield f"{who}no HRV: no interval between beats came."
    for reason, beats in found.left_out.items():
        if beats:
            yield f"{who}{beats} beats left out: {reason}."
        elif not found.stretches:
            yield f"{who}no HRV: {reason}."


def _analyses(found: _Person, *, window: float | None, step: float | None) -> Iterator[Analysis]:
    from dsp import AnalysisWindow, CleanSeries
    from dsp import analyse as analyse_series

    if window is None:
        if found.stretches:
            yield analyse_series(CleanSeries.of([beat for stretch in found.stretches for beat in stretch]))
        return
    for stretch in found.stretches:
        stage = AnalysisWindow(window_s=window, step_s=step or window)
        for beat in stretch:
            yield from stage.push(beat)
        yield from stage.flush()


def _people(
    file: Path | None,
    *,
    session: int | None,
    archive: Path | None,
    unit: Unit | None,
    at_rest: bool,
    own: str | None,
) -> list[_Person]:
    """Everybody in the recording."""
    from watchlink.captures import open_capture, rr_text
    from watchlink.commands.reading import NOTHING_IN_IT, recorded
    from watchlink.errors import CaptureError

    if file is None:
        assert session is not None
        with recorded(session, archive, own=own) as (capture, gate):
            people = _of_packets(capture.packets, at_rest=at_rest, gate=gate)
        if not people:
            raise CaptureError(NOTHING_IN_IT)
        return people
    name = "standard input" if str(file) == "-" else file.name
    content = _text_of_intervals(file, name)
    if content is not None:
        return [_of_text(rr_text.read(content, name, unit=unit), name, unit=unit)]
    if unit is not None:
        raise typer.BadParameter("--unit is for text files of intervals; a capture says itself.")
    with open_capture(file) as capture:
        people = _of_packets(capture.packets, at_rest=at_rest)
    if not people:
        raise CaptureError(" ".join((NOTHING_IN_IT, *capture.findings.hindrances())))
    return people


def _text_of_intervals(file: Path, name: str) -> BinaryIO | None:
    """The file, unpacked and at its beginning, if it can be a text of intervals; None if it is to be a capture."""
    from watchlink.captures import rr_text
    from watchlink.errors import CaptureError

    with ExitStack() as stack:
        try:
            # A pipe cannot be rewound: what is looked at first is kept.
            opened = sys.stdin.buffer if str(file) == "-" else stack.enter_context(file.open("rb"))
            packed = cast("io.BufferedReader", opened).peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
            stream = cast("BinaryIO", stack.enter_context(gzip.open(opened, "rb"))) if packed else opened
            start = stream.read(_PEEK)
            known = rr_text.recognises(start)
            content = start + stream.read(rr_text.MOST_OCTETS + 1 - len(start)) if known else start
        except (OSError, EOFError, zlib.error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise CaptureError(f"{name} cannot be read: {reason}. Check the path and its permissions.") from error
    if not content:
        raise CaptureError(f"{name} is empty: nothing was recorded into it.")
    if len(content) > rr_text.MOST_OCTETS:
        raise CaptureError(f"{name} holds more than {rr_text.MOST_OCTETS // 2**20} MB of text. Cut it into parts.")
    if known:
        return io.BytesIO(content)
    if str(file) == "-":
        raise CaptureError("Standard input is no text of RR intervals. Name a capture as a file.")
    return None


def _of_text(text: RrText, name: str, *, unit: Unit | None) -> _Person:
    from dsp import RrUnitWarning, SeriesError, clean
    from watchlink.errors import CaptureError

    median_ms = median(text.rr_ms)
    if _BPM_ABOVE < median_ms < _NO_HEART_BELOW_MS:
        raise CaptureError(
            f"{name}: the middle value is {median_ms:g}. That is no interval in ms, and looks like heart rates in bpm; "
            "no HRV can be made from those."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("error", RrUnitWarning)
        try:
            series = clean(text.rr_ms, at_s=text.at_s, gap_before=text.gap_before)
        except RrUnitWarning as doubt:
            hint = "Leave out --unit s." if unit is Unit.S else "Write them in milliseconds, or add --unit s."
            raise CaptureError(f"{name}: {doubt} {hint}") from None
        except SeriesError as error:
            raise CaptureError(f"{name}: {error}") from error
    beats = list(series.beats())
    return _Person(name=None, stretches=[beats] if beats else [], left_out={})


def _of_packets(packets: Iterator[Packet], *, at_rest: bool, gate: Gate | None = None) -> list[_Person]:
    """Fold the log as a session does and take each person's beats, as far as HRV may be read from them."""
    from dsp import CleanBeat
    from watchlink.fold import SessionFold
    from watchlink.packets import EventKind, Purpose, SessionEvent
    from watchlink.readings import BeatReading, Heard, HrvAbsent, Measured, Reading

    fold = SessionFold(gate=gate)
    people: dict[str, _Person] = {}
    readable: dict[str, bool] = {}

    def take(readings: tuple[Reading, ...]) -> None:
        for reading in readings:
            match reading:
                case Measured(person=name):
                    people.setdefault(name, _Person(name=name, stretches=[], left_out={}))
                case Heard(person=name):
                    people.setdefault(name, _Person(name=name, stretches=[], left_out={_NOT_SHARED: 0}))
                case BeatReading(person=name) if gate is not None and not gate.shares(name, Purpose.HRV):
                    people[name].left_out[_NOT_SHARED] = 0
                case HrvAbsent(person=name, reason=reason):
                    people[name].left_out.setdefault(reason, 0)
                case BeatReading(person=name, hrv_absent_because=str(reason)):
                    people[name].left_out[reason] = people[name].left_out.get(reason, 0) + 1
                    readable[name] = False
                case BeatReading(person=name):
                    if not readable.get(name):
                        people[name].stretches.append([])
                        readable[name] = True
                    beat = CleanBeat(
                        at_s=reading.at_s,
                        nn_ms=reading.nn_ms,
                        label=reading.label,
                        corrected=reading.corrected,
                        gap_before=reading.gap_before or not people[name].stretches[-1],
                    )
                    people[name].stretches[-1].append(beat)
                case _:
                    pass

    if at_rest:  # the person's word instead of what the log says of the room
        fold.push(SessionEvent(at_us=0, kind=EventKind.BLOCK, label="baseline"))
    for packet in packets:
        if not (at_rest and isinstance(packet, SessionEvent)):
            take(fold.push(packet))
    take(fold.flush())
    return list(people.values())


class _Printer:
    """Prints analyses as they come."""

    def __init__(self, *, as_json: bool, as_csv: bool, windows: bool) -> None:
        self._as_json = as_json
        self._as_csv = as_csv
        self._windows = windows
        self._writer: csv.DictWriter[str] | None = None
        self._first = True
        self._person: str | None = None

    def show(self, analysis: Analysis, *, person: str | None) -> None:
        from watchlink.reports.hrv_table import hrv_table, to_record, to_row, window_head, window_line

        if self._as_json:
            typer.echo(json.dumps(to_record(analysis, person=person), ensure_ascii=False, separators=(",", ":")))
        elif self._as_csv:
            row = to_row(analysis, person=person)
            if self._writer is None:
                self._writer = csv.DictWriter(sys.stdout, fieldnames=list(row), lineterminator="\n")
                self._writer.writeheader()
            self._writer.writerow(row)
        elif self._windows:
            if self._first:
                typer.echo(window_head())
            if person is not None and person != self._person:
                typer.echo(shown(person))
            self._first, self._person = False, person
            typer.echo(window_line(analysis))
        else:
            from rich.console import Console

            if not self._first:
                typer.echo()
            self._first = False
            Console(highlight=False).print(hrv_table(analysis, title=person or "All of it"))
