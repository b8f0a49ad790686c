"""A report as Markdown: for notes, wikis and mail. A chart is told by its sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from watchlink.reports.document import Document, Part, Table, Tone, Words
from watchlink.texts import shown

# What Markdown or the HTML inside it would take for itself.
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>#|~&!])")


def markdown(document: Document) -> str:
    """The whole report."""
    lines = [f"# {_text(document.title)}", "", _text(document.subtitle), ""]
    for section in document.sections:
        if section.heading:
            lines += [f"## {_text(section.heading)}", ""]
        for part in section.parts:
            lines += [*_part(part), ""]
    return "\n".join(lines).rstrip() + "\n"


def _part(part: Part) -> Iterator[str]:
    match part:
        case Words():
            text = _text(part.text)
            yield {Tone.LEAD: f"**{text}**", Tone.PLAIN: text, Tone.QUIET: f"*{text}*"}[part.tone]
        case Table():
            yield f"{_text(part.caption)}:"
            yield ""
            yield _row([column.heading for column in part.columns])
            yield "|" + "|".join("---:" if column.numeric else "---" for column in part.columns) + "|"
            yield from (_row(list(row)) for row in part.rows)
        case _:
            yield f"{_text(part.caption)}: {_text(part.alt)}"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(_text(cell) for cell in cells) + " |"


def _text(text: str) -> str:
    """Foreign words as words: nothing in them is a mark of Markdown, and they stay on their line."""
    return _SPECIAL.sub(r"\\\1", shown(" ".join(text.split())))
