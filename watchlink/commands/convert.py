"""`watchlink convert`: a recording of one format as one of another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from watchlink.commands.reading import FormatOption, FromOption, HandleOption, ToOption
from watchlink.commands.running import say


def convert(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="A capture of any format, a text of RR intervals, a FIT file; or -.")
    ],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="A new file: .jsonl, .jsonl.gz, .btsnoop or .pcapng; or -.")
    ],
    *,
    format_name: FormatOption = None,
    from_s: FromOption = None,
    to_s: ToOption = None,
    handle: HandleOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="What was written, as one JSON object on stderr.")] = False,
) -> None:
    """Write a recording in another format. What Bluetooth has no words for, seats and events, is kept as notes."""
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
        import json

        say(json.dumps({"packets": packets, "heart_rate_notifications": heart_rates, "octets": written.octets}))
    else:
        say(f"{packets} packets written, {heart_rates} of them heart-rate notifications.")
    if fault is not None:
        raise fault
    say_what_was_found(findings, heart_rate=heart_rates > 0)
