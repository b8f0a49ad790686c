"""Values of an export as texts: times, numbers, and words that somebody typed.

Strategy: what was typed must not do anything to the file or to the program that opens it. Line breaks and control
characters would cut a row or an annotation in two; a spreadsheet takes what begins with = + - @ for a formula.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from watchlink.exports.part import Part
from watchlink.packets import SessionEvent
from watchlink.texts import one_line

# With their wide forms, which are the same to a spreadsheet in some languages.
_FORMULA_SIGNS: Final = (*"=+-@\t\r", *"\uff1d\uff0b\uff0d\uff20")
Cell = str | float | bool | None


def typed(text: str) -> str:
    """Typed words for a spreadsheet: what it would take for a formula begins with an apostrophe."""
    return f"'{one_line(text)}" if text.startswith(_FORMULA_SIGNS) else one_line(text)


def utc_text(part: Part, at_s: float) -> str:
    """UTC in milliseconds, empty where the recording has no date."""
    return part.at(at_s).isoformat(timespec="milliseconds").replace("+00:00", "Z") if part.dated else ""


def seconds(at_s: float) -> str:
    """A time on the session's axis to the microsecond, which is how it was recorded."""
    return f"{at_s:.6f}"


def cell(value: Cell, *, none: str = "") -> str:
    """A value as other programs read it: numbers unrounded, truth as 1 and 0."""
    if value is None:
        return none
    if isinstance(value, bool):
        return str(int(value))
    return value if isinstance(value, str) else repr(value)


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, tab: bool = False, none: str = "") -> str:
    """A table as CSV (or separated by tabs), its header first."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter="\t" if tab else ",", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([cell(value, none=none) for value in row] for row in rows)
    return text.getvalue()


def event_words(event: SessionEvent) -> str:
    """What happened, in one line: its kind where that is not plain, its label, and the note."""
    label = event.label if event.kind in ("mark", "note") else f"{event.kind}: {event.label}"
    return one_line(f"{label} ({event.note})" if event.note and event.note != event.label else label)
