"""A report as one page: a file that opens anywhere, loads nothing, runs nothing and prints well.

Strategy: the words and the drawing are HTML and SVG that `page.css` dresses; light, dark and paper differ only in the
values of its variables. The page forbids itself everything but its own style, so that a text that was let through by
mistake could still not load or run anything.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from watchlink.reports.charts import figure
from watchlink.reports.document import Document, Part, Section, Table, Words
from watchlink.reports.markup import NOTHING, Markup, joined, tag, told

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def page(document: Document) -> str:
    """The document as one self-contained HTML file."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", told(document.title)),
        tag("style", style()),
    )
    title = tag("header", tag("h1", told(document.title)), tag("p", told(document.subtitle), class_="subtitle"))
    body = tag("body", tag("main", title, *map(_section, document.sections)))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def style() -> Markup:
    """The style sheet of every page, our own text."""
    return Markup((files("watchlink.reports") / "page.css").read_text(encoding="utf-8"))


def _section(section: Section) -> Markup:
    heading = tag("h2", told(section.heading)) if section.heading else NOTHING
    return tag("section", heading, *map(_part, section.parts))


def _part(part: Part) -> Markup:
    match part:
        case Words():
            return tag("p", told(part.text), class_=part.tone.value, dir="auto")
        case Table():
            return _table(part)
        case _:
            return figure(part)


def _table(table: Table) -> Markup:
    kinds = ["number" if column.numeric else "words" for column in table.columns]
    headings = (
        tag("th", told(column.heading), scope="col", class_=kind)
        for column, kind in zip(table.columns, kinds, strict=True)
    )
    rows = joined(_row(row, kinds) for row in table.rows)
    inner = tag(
        "table",
        tag("caption", told(table.caption)),
        tag("thead", tag("tr", *headings)),
        tag("tbody", rows),
    )
    return tag("div", inner, class_="scroll", role="region", tabindex="0", aria_label=table.caption)


def _row(row: tuple[str, ...], kinds: list[str]) -> Markup:
    cells = (
        tag("td" if place else "th", tag("bdi", told(cell)), class_=kind, **({} if place else {"scope": "row"}))
        for place, (cell, kind) in enumerate(zip(row, kinds, strict=True))
    )
    return tag("tr", *cells)
