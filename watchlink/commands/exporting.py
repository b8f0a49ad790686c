"""What commands that export for other tools share: whose part of which recording, and the writing of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import typer

from watchlink.commands.reading import NOTHING_IN_IT, captured, recorded, say_what_was_found
from watchlink.errors import CaptureError, ExportError

if TYPE_CHECKING:
    from watchlink.captures.capture import Findings
    from watchlink.consent import Gate
    from watchlink.exports.formats import ExportFormat
    from watchlink.exports.part import Part
    from watchlink.packets import Packet

_US_PER_S: Final = 1_000_000


class Exported(NamedTuple):
    """What was written, and of what."""

    part: Part
    files: tuple[Path, ...]


def parse_export_format(text: str) -> ExportFormat:
    """A format of another tool by its name.

    Raises:
        typer.BadParameter: it is none.
    """
    from watchlink.exports.formats import ExportFormat

    try:
        return ExportFormat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no format that is exported; write one of {', '.join(ExportFormat)}."
        ) from error


def export_recording(
    source: Path,
    target: Path,
    to: ExportFormat,
    *,
    person: str | None,
    archive: Path | None,
    handle: int | None,
    from_s: float | None,
    to_s: float | None,
) -> Exported:
    """Write one person's part of a capture file, or of the session of this number, for another tool.

    Raises:
        WatchlinkError: it cannot be read, told or written; of a damaged capture what came before was written.
    """
    from watchlink.captures.arranging import part as cut
    from watchlink.exports.formats import export
    from watchlink.exports.part import part_of

    started_at, packets, fault = _whole_log(source, archive, handle=handle)
    whose, gate = whose_part(packets, person)  # by all of the log: a withdrawal holds for what came before it
    us = [None if at_s is None else round(_US_PER_S * at_s) for at_s in (from_s, to_s)]
    part = part_of(cut(packets, from_us=us[0], to_us=us[1]), person=whose, started_at=started_at, gate=gate)
    exported = Exported(part, export(part, to, target))
    if fault is not None:
        raise fault
    return exported


def whose_part(packets: Sequence[Packet], person: str | None) -> tuple[str, Gate]:
    """Whose part of a whole log is meant, and what of it may be told.

    Args:
        packets: all of the log.
        person: an alias or a number, to whom alone it is told; None for the one person who shares every report.

    Raises:
        ExportError: nobody shares it, or several do.
        SessionFileError: nobody is called so.
    """
    from watchlink.consent import NOTHING, Gate, at_the_end
    from watchlink.exports.part import people_in
    from watchlink.packets import Purpose
    from watchlink.session import parse_person

    shared, people = at_the_end(packets), people_in(packets)
    if person is not None:
        whose = parse_person(person, list(shared) or list(people))  # a number counts in the cohort's order
        return parse_person(whose, people), Gate(at_the_end=shared, own=whose)
    sharing = [one for one in people if not shared or Purpose.RAW in shared.get(one, NOTHING)]
    if not sharing:
        raise ExportError(
            "Nobody in it shares every report (raw), so nothing is exported to others. For one person alone: name "
            f"them with --person. People are: {', '.join(people)}."
        )
    if len(sharing) > 1:
        raise ExportError(
            f"It holds {len(sharing)} people, and an export is of one. Name one with --person: {', '.join(sharing)}."
        )
    return sharing[0], Gate(at_the_end=shared)


def _whole_log(
    source: Path, archive: Path | None, *, handle: int | None
) -> tuple[datetime, list[Packet], CaptureError | None]:
    """All of a capture or session, as far as it can be read, and what stopped the reading.

    Raises:
        WatchlinkError: nothing of it can be read, or there is no heart rate in it.
    """
    from watchlink.packets import Notification

    packets: list[Packet] = []
    fault: CaptureError | None = None
    findings: list[Findings] = []
    with ExitStack() as stack:
        if source.name.isdecimal() and not source.exists():
            capture, _ = stack.enter_context(recorded(int(source.name), archive))
        else:
            capture, findings = stack.enter_context(captured([source], handle=handle))
        started_at = capture.started_at
        try:
            packets.extend(capture.packets)
        except CaptureError as error:
            fault = error
    heart_rate = any(isinstance(packet, Notification) for packet in packets)
    if fault is None and findings:
        say_what_was_found(findings, heart_rate=heart_rate)
    if not heart_rate:
        raise fault or ExportError(f"{NOTHING_IN_IT} Nothing was written.")
    return started_at, packets, fault
