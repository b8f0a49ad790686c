"""`watchlink decode`: the bytes of a heart-rate notification, explained bit by bit."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from watchlink.commands.exits import FILE
from watchlink.commands.running import say

if TYPE_CHECKING:
    from watchlink.reports.explanation import Explained

_JOINTS = re.compile(r"0[xX]|[\s:,;\-]+")


def decode(
    octets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[HEX]...", help="Octets: 16 3c 00 04, 0x163c0004, 16:3c:00:04; or - for lines of them."
        ),
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a value.")] = False,
) -> None:
    """Decode the value of a Heart Rate Measurement (0x2A37) and say what each bit means.

    Without octets, lines of them are read from standard input, one value each.
    """
    from watchlink.reports.explanation import explain

    words = octets or ["-"]
    bad = 0
    for number, text in enumerate(_lines() if words == ["-"] else [" ".join(words)], 1):
        value = _octets(text)
        if value is None:
            if words != ["-"]:
                raise typer.BadParameter(f"{text!r} is no hexadecimal octets; write, for instance, 16 3c 00 04.")
            say(f"line {number}: {text.strip()[:60]!r} is no hexadecimal octets.")
            bad += 1
            continue
        explained = explain(value)
        bad += explained.fault is not None
        _show(explained, as_json=as_json, first=number == 1)
    if bad:
        raise typer.Exit(FILE)


def _lines() -> Iterator[str]:
    for line in sys.stdin:
        if line.strip():
            yield line


def _octets(text: str) -> bytes | None:
    """The octets of a text as people and tools write them, None if it is none."""
    parts = [part for part in _JOINTS.split(text.strip()) if part]
    try:
        return b"".join(bytes.fromhex(part.zfill(2)) for part in parts)
    except ValueError:
        return None


def _show(explained: Explained, *, as_json: bool, first: bool) -> None:
    if as_json:
        record: dict[str, Any] = explained.record()
        typer.echo(json.dumps(record, ensure_ascii=False))
        return
    if not first:
        typer.echo("")
    for line in explained.lines():
        typer.echo(line)
