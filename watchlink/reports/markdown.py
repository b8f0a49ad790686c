"""A report as Markdown: tables with pipes, a chart as the sentence that says what it shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from watchlink.reports.document import Document, Part, Table, Tone, Words
from watchlink.texts import one_line

# Whatever opens something in CommonMark or in the dialect of a forge: emphasis, links, tables, mathematics, mentions;
# a # closes a heading, too.
_OPENERS: Final = re.compile(r"([\\`*_\[\]<>|~&$@#]|:(?=//)|(?<=www)\.|!(?=\[))", re.IGNORECASE)
# What opens a list, a heading's underline or a rule, at the beginning of a line only.
_LINE_OPENERS: Final = re.compile(r"^([+=\-:]|\d{1,9}(?=[.)]))")


def markdown(document: Document) -> str:
    """The document as Markdown (CommonMark with pipe tables); texts as people typed them are escaped."""
    return "\n\n".join(filter(None, _blocks(document))) + "\n"


def _blocks(document: Document) -> Iterator[str]:
    yield f"# {_inside(document.title)}"
    yield _escaped(document.subtitle)
    for section in document.sections:
        if section.heading:
            yield f"## {_inside(section.heading)}"
        for part in section.parts:
            yield from _part(part)


def _part(part: Part) -> Iterator[str]:
    match part:
        case Words(tone=Tone.LEAD):
            words = _inside(part.text)
            yield f"**{words}**" if words else ""
        case Words():
            yield _escaped(part.text)
        case Table():
            yield _escaped(part.caption)
            yield "\n".join(_table(part))
        case _:
            yield f"{_escaped(part.caption)}  \n{_escaped(part.alt)}"


def _table(table: Table) -> Iterator[str]:
    yield _row(tuple(column.heading for column in table.columns))
    yield "| " + " | ".join("---:" if column.numeric else "---" for column in table.columns) + " |"
    yield from map(_row, table.rows)


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(map(_inside, cells)) + " |"


def _inside(text: str) -> str:
    """Escaped for inside of a line."""
    return _OPENERS.sub(r"\\\1", one_line(text))


def _escaped(text: str) -> str:
    """Escaped for a line of its own."""
    inside = _inside(text)
    opener = _LINE_OPENERS.match(inside)
    if opener is None:
        return inside
    cut = opener.end() if opener[0].isdigit() else 0
    return f"{inside[:cut]}\\{inside[cut:]}"
