"""`watchlink convert`: a recording of one format as one of another, ours or that of another tool."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from watchlink.commands.reading import FormatOption, FromOption, HandleOption, parse_time
from watchlink.commands.running import ArchiveOption, say
from watchlink.texts import shown

if TYPE_CHECKING:
    from watchlink.commands.exporting import Exported
    from watchlink.exports.formats import ExportFormat


def _to(text: str) -> Any:
    """Where to end, or what to write: a time, or the name of a format of another tool.

    Raises:
        typer.BadParameter: it is neither.
    """
    from watchlink.commands.exporting import parse_export_format

    return parse_time(text) if text[:1].isdigit() else parse_export_format(text)


def convert(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="IN",
            help="A capture of any format, a text of RR intervals, a FIT file; or -. With --to a format also the "
            "number of a session.",
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="A new file: .jsonl, .jsonl.gz, .btsnoop or .pcapng; or -. With --to a format a folder, or a name.",
        ),
    ],
    *,
    format_name: FormatOption = None,
    from_s: FromOption = None,
    to: Annotated[
        list[Any] | None,
        typer.Option(
            "--to",
            metavar="TIME|FORMAT",
            parser=_to,
            help="End there; or write one person's part for another tool: csv, kubios, elite, edf, bids, fit, parquet.",
        ),
    ] = None,
    person: Annotated[
        str | None, typer.Option(help="Whose part is exported, to them alone: all that is theirs.")
    ] = None,
    handle: HandleOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="What was written, as one JSON object on stderr.")] = False,
    archive: ArchiveOption = None,
) -> None:
    """Write a recording in another format. What Bluetooth has no words for, seats and events, is kept as notes.

    With --to csv (kubios, elite, edf, bids, fit, parquet) it is one person's part, for another tool.
    """
    times = [one for one in to or () if isinstance(one, float)]
    formats: list[ExportFormat] = [one for one in to or () if not isinstance(one, float)]
    if len(times) > 1 or len(formats) > 1:
        raise typer.BadParameter("--to takes one time and one format at most.")
    to_s = times[0] if times else None
    if formats:
        if format_name is not None or str(target) == "-":
            raise typer.BadParameter("--to a format writes files: name a folder, and leave --format out.")
        from watchlink.commands.exporting import export_recording

        exported = export_recording(
            source, target, formats[0], person=person, archive=archive, handle=handle, from_s=from_s, to_s=to_s
        )
        _say_exported(exported, formats[0], as_json=as_json)
        return
    if person is not None:
        raise typer.BadParameter("--person is for --to a format; a capture holds everybody.")
    from watchlink.captures.file import CaptureFile
    from watchlink.commands.reading import captured, say_what_was_found
    from watchlink.errors import CaptureError
    from watchlink.packets import Notification

    heart_rates = packets = 0
    fault: CaptureError | None = None
    with (
        captured([source], handle=handle, from_s=from_s, to_s=to_s) as (capture, findings),
        CaptureFile.create(target, format_name=format_name, started_at=capture.started_at) as written,
    ):
        try:
            for packet in capture.packets:
                written.write(packet)
                packets += 1
                heart_rates += isinstance(packet, Notification)
        except CaptureError as error:
            fault = error
    if as_json:
        say(json.dumps({"packets": packets, "heart_rate_notifications": heart_rates, "octets": written.octets}))
    else:
        say(f"{packets} packets written, {heart_rates} of them heart-rate notifications.")
    if fault is not None:
        raise fault
    say_what_was_found(findings, heart_rate=heart_rates > 0)


def _say_exported(exported: Exported, to: ExportFormat, *, as_json: bool) -> None:
    part, files = exported
    if as_json:
        record = {"format": to, "person": part.person, "beats": len(part.beats), "files": [str(file) for file in files]}
        say(json.dumps(record))
        return
    say(shown(f"Part of {part.person}: {len(part.beats)} beats, {len(part.heart_rate)} seconds with a heart rate."))
    for file in files:
        say(shown(str(file)))
