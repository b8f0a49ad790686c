"""A report as one page: a single file that needs nothing else, reads on a phone, and prints on A4.

Strategy: plain HTML with its style inside, charts as inline SVG without a script, light and dark by what the reader's
system says. Nothing is fetched, and a policy in the page forbids it. Whatever a person typed is escaped and kept from
turning the direction of the text around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib import resources

from watchlink.reports.charts import heart_chart, interval_chart, trend_chart
from watchlink.reports.document import Document, HeartChart, IntervalChart, Part, Section, Table, TrendChart, Words
from watchlink.texts import shown


def page(document: Document) -> str:
    """The whole report as an HTML document."""
    style = resources.files("watchlink.reports").joinpath("page.css").read_text("utf-8")
    return "\n".join(
        (
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            '<meta name="color-scheme" content="light dark">',
            f"<title>{_text(document.title)}</title>",
            f"<style>\n{style}</style>",
            "</head>",
            "<body>",
            "<header>",
            f"<h1>{_typed(document.title)}</h1>",
            f'<p class="subtitle">{_typed(document.subtitle)}</p>',
            "</header>",
            "<main>",
            *(line for section in document.sections for line in _section(section)),
            "</main>",
            "</body>",
            "</html>",
            "",
        )
    )


def _section(section: Section) -> Iterator[str]:
    yield "<section>"
    if section.heading:
        yield f"<h2>{_typed(section.heading)}</h2>"
    for part in section.parts:
        yield from _part(part)
    yield "</section>"


def _part(part: Part) -> Iterator[str]:
    match part:
        case Words():
            yield f'<p class="{part.tone}">{_typed(part.text)}</p>'
        case Table():
            yield from _table(part)
        case HeartChart():
            yield from _figure(part.caption, heart_chart(part))
        case TrendChart():
            yield from _figure(part.caption, trend_chart(part))
        case IntervalChart():
            yield from _figure(part.caption, interval_chart(part))


def _figure(caption: str, drawing: str) -> Iterator[str]:
    yield "<figure>"
    yield f"<figcaption>{_typed(caption)}</figcaption>"
    yield f'<div class="wide">{drawing}</div>'
    yield "</figure>"


def _table(table: Table) -> Iterator[str]:
    yield '<div class="wide"><table>'
    yield f"<caption>{_typed(table.caption)}</caption>"
    kinds = [' class="n"' if column.numeric else "" for column in table.columns]
    heads = (
        f'<th scope="col"{kind}>{_typed(column.heading)}</th>'
        for kind, column in zip(kinds, table.columns, strict=True)
    )
    yield f"<thead><tr>{''.join(heads)}</tr></thead>"
    yield "<tbody>"
    for row in table.rows:
        cells = (f"<td{kind}>{_typed(cell)}</td>" for kind, cell in zip(kinds, row, strict=True))
        yield f"<tr>{''.join(cells)}</tr>"
    yield "</tbody></table></div>"


def _text(text: str) -> str:
    return escape(shown(text))


def _typed(text: str) -> str:
    """Words that may hold what somebody typed: a direction mark in them ends with them."""
    return f"<bdi>{_text(text)}</bdi>" if not text.isascii() else _text(text)
