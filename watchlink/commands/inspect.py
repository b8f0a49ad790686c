"""`watchlink inspect`: what is in a recording, without playing it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from watchlink.commands.reading import HandleOption
from watchlink.commands.running import say


def inspect(
    file: Annotated[Path, typer.Argument(help="A capture of any format, a text of RR intervals, a FIT file; or -.")],
    *,
    handle: HandleOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Say what is in a recording: link types, devices, services, heart rates, intervals, losses."""
    from watchlink.captures import STANDARD_INPUT, open_capture
    from watchlink.errors import CaptureError
    from watchlink.reports.inspection import Inspection
    from watchlink.texts import shown

    name = "standard input" if file == STANDARD_INPUT else file.name
    inspection = Inspection()
    fault: CaptureError | None = None
    with open_capture(file, handle=handle) as capture:
        try:
            for packet in capture.packets:
                inspection.push(packet)
        except CaptureError as error:
            fault = error
    findings, started_at = capture.findings, capture.started_at
    if as_json:
        words = None if fault is None else str(fault)
        record = inspection.record(findings, name=name, started_at=started_at, fault=words)
        typer.echo(json.dumps(record, ensure_ascii=False, indent=1))
    else:
        ascii_only = not (sys.stdout.encoding or "ascii").lower().startswith("utf")
        for line in inspection.lines(findings, name=name, started_at=started_at, ascii_only=ascii_only):
            typer.echo(shown(line))
        for remark in (*findings.remarks, *findings.hindrances()):
            say(remark)
    if fault is not None:
        raise fault
