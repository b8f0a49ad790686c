"""A report on a terminal, and as plain lines for a screen reader, a pipe or a log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from watchlink.reports.document import Document, HeartChart, Part, Table, Tone, Words
from watchlink.sparklines import sparkline
from watchlink.texts import one_line

_STYLES: Final = {Tone.LEAD: "bold", Tone.PLAIN: "", Tone.QUIET: "grey58"}
_COLUMNS: Final = 60
_BLUE: Final = "#56B4E9"


def report(document: Document) -> RenderableType:
    """The document for a terminal of 80 columns or more; a heart rate is drawn in one line, other charts are told."""
    parts: list[RenderableType] = [Text(one_line(document.title), style="bold"), _quiet(document.subtitle)]
    for section in document.sections:
        parts.append("")
        if section.heading:
            parts += [Text(one_line(section.heading), style="bold underline"), ""]
        for part in section.parts:
            parts += [_rendered(part), ""]
    return Group(*parts)


def lines(document: Document) -> Iterator[str]:
    """The same as plain lines: a row of a table is read with its headings, a chart is told."""
    yield from map(one_line, _lines(document))


def _lines(document: Document) -> Iterator[str]:
    yield document.title
    yield document.subtitle
    for section in document.sections:
        if section.heading:
            yield section.heading
        for part in section.parts:
            match part:
                case Words():
                    yield part.text
                case Table():
                    yield part.caption
                    headings = [column.heading for column in part.columns]
                    for row in part.rows:
                        cells = [(heading, cell) for heading, cell in zip(headings, row, strict=True) if cell]
                        yield ", ".join(f"{heading}: {cell}" if heading else cell for heading, cell in cells)
                case _:
                    yield f"{part.caption}: {part.alt}"


def _rendered(part: Part) -> RenderableType:
    match part:
        case Words():
            return Text(one_line(part.text), style=_STYLES[part.tone])
        case Table():
            return _grid(part)
        case HeartChart() if part.at_s:
            low, high = min(part.heart_rate_bpm), max(part.heart_rate_bpm)
            drawn = Text(sparkline(_by_column(part), columns=_COLUMNS), style=_BLUE)
            drawn.append(f" {low:.0f}–{high:.0f} bpm", style="")
            return Group(Text(one_line(part.caption)), Padding(drawn, (0, 0, 0, 2)), _told(part.alt))
        case _:
            return Group(Text(one_line(part.caption)), _told(part.alt))


def _told(alt: str) -> RenderableType:
    return Padding(_quiet(alt), (0, 0, 0, 2))


def _quiet(text: str) -> Text:
    return Text(one_line(text), style=_STYLES[Tone.QUIET])


def _grid(table: Table) -> RenderableType:
    grid = Grid(box=None, pad_edge=False, header_style=_STYLES[Tone.QUIET], title_justify="left", title_style="")
    grid.title = Text(one_line(table.caption))
    for column in table.columns:
        grid.add_column(Text(one_line(column.heading)), justify="right" if column.numeric else "left")
    for row in table.rows:
        grid.add_row(*(Text(one_line(cell)) for cell in row))
    return grid


def _by_column(heart: HeartChart) -> list[float | None]:
    """The mean of each column of the line; None where nothing was received."""
    until_s = max(heart.duration_s, heart.at_s[-1]) + 1e-9
    values: list[list[float]] = [[] for _ in range(_COLUMNS)]
    for at_s, bpm in zip(heart.at_s, heart.heart_rate_bpm, strict=True):
        values[max(0, int(at_s / until_s * _COLUMNS))].append(bpm)
    return [sum(column) / len(column) if column else None for column in values]
