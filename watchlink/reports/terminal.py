"""A report on a terminal, or on whatever takes Rich's output; charts become a line of bars where there is a line."""

from __future__ import annotations

from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from watchlink.reports.document import Document, HeartChart, IntervalChart, Part, Table, Tone, TrendChart, Words
from watchlink.sparklines import sparkline
from watchlink.texts import shown

_STYLES: Final = {Tone.LEAD: "bold", Tone.PLAIN: "", Tone.QUIET: "grey58"}
_COLUMNS: Final = 60


def report(document: Document, *, ascii_only: bool = False) -> RenderableType:
    """The whole report; `ascii_only` for a terminal without other letters."""
    parts: list[RenderableType] = [
        Text(shown(document.title), style="bold underline"),
        Text(shown(document.subtitle), style="grey58"),
        "",
    ]
    for section in document.sections:
        if section.heading:
            parts += [Text(shown(section.heading), style="bold"), ""]
        for part in section.parts:
            parts += [_part(part, ascii_only=ascii_only), ""]
    return Group(*parts[:-1])


def _part(part: Part, *, ascii_only: bool) -> RenderableType:
    match part:
        case Words():
            return Text(shown(part.text), style=_STYLES[part.tone])
        case Table():
            table = RichTable(box=None, pad_edge=False, header_style="grey58")
            for column in part.columns:
                table.add_column(shown(column.heading), justify="right" if column.numeric else "left")
            for row in part.rows:
                table.add_row(*(Text(shown(cell)) for cell in row))
            return table
        case HeartChart():
            bars = sparkline(_each_second(part), columns=_COLUMNS, ascii_only=ascii_only)
            return Group(Text(bars), Text(shown(part.alt), style="grey58"))
        case TrendChart():
            return Text(shown(f"{part.caption}: {part.alt}"), style="grey58")
        case IntervalChart():
            return Padding(
                Group(
                    *(
                        Text(
                            shown(f"{one.label}: {one.value:+.2f} {part.unit}{_interval(one.low, one.high)} {one.note}")
                        )
                        for one in part.estimates
                    )
                ),
                (0, 0),
            )


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" (95 %: {low:+.2f} to {high:+.2f})"


def _each_second(chart: HeartChart) -> list[float | None]:
    values: list[float | None] = [None] * max(1, round(chart.duration_s))
    for at_s, value in zip(chart.at_s, chart.heart_rate_bpm, strict=True):
        if 0 <= at_s < len(values):
            values[int(at_s)] = value
    return values
