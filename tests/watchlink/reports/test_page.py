from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings

from watchlink.reports.document import Document, Section
from watchlink.reports.page import page, style
from watchlink.texts import one_line

from .samples import HOSTILE, everything

VOID = {"meta", "br"}


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed by its own end."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.append((self.open[-1], data))

    def of(self, tag: str) -> list[str]:
        return [text for where, text in self.texts if where == tag]


PLAIN = Reader(page(everything()))


def test_a_page_is_one_file_that_loads_and_runs_nothing() -> None:
    html = page(everything())
    assert not re.search(r"https?:|//[a-z]|url\(|@import|xmlns|<(script|link|img|iframe|object|a)\b| on[a-z]+=", html)
    policies = [at["content"] for tag, at in PLAIN.tags if at.get("http-equiv") == "Content-Security-Policy"]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


@settings(max_examples=60, deadline=None)
@given(HOSTILE.filter(one_line))
def test_whatever_a_person_typed_is_read_back_as_text_and_opens_nothing(text: str) -> None:
    read = Reader(page(everything(text)))
    assert read.open == []
    assert {tag for tag, _ in read.tags} == {tag for tag, _ in PLAIN.tags}
    assert {name for _, at in read.tags for name in at} <= {name for _, at in PLAIN.tags for name in at}
    expected = one_line(text)
    assert "".join(read.of("title")) == "".join(read.of("h1")) == "".join(read.of("h2")) == expected
    assert "".join(read.of("figcaption")) == expected * 3
    assert all(text.isprintable() for where, text in read.texts if where not in {"html", "style"})


@settings(max_examples=30, deadline=None)
@given(HOSTILE)
def test_every_chart_says_in_a_sentence_what_it_shows(alt: str) -> None:
    images = [at for _, at in Reader(page(everything(alt=alt))).tags if at.get("role") == "img"]
    assert [image["aria-label"] for image in images] == [one_line(alt)] * 3


def test_headings_are_in_order_and_tables_say_what_their_cells_are() -> None:
    assert [tag for tag, _ in PLAIN.tags if re.fullmatch(r"h\d", tag)] == ["h1", "h2"]
    assert [at["scope"] for tag, at in PLAIN.tags if tag == "th"] == ["col", "col", "row", "row"]
    assert len(PLAIN.of("caption")) == 1
    assert ("html", {"lang": "en"}) in PLAIN.tags


def test_two_hours_of_eight_people_stay_below_150_kb() -> None:
    (_, section) = everything().sections
    eight = Document(title="Room", subtitle="", sections=(Section(heading="All", parts=section.parts * 8),))
    assert len(page(eight).encode()) < 150_000


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_text_and_drawing_stand_out_from_their_paper_in_both_modes(mode: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", style(), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6});", blocks[mode]))
    for text in ("ink", "quiet"):
        for ground in ("paper", "band", "head"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for drawn in ("line", "rise", "edge", "ink"):
        assert contrast(colours[drawn], colours["paper"]) >= 3, drawn
    assert contrast(colours["line"], colours["area"]) >= 3
    assert contrast(colours["rise"], colours["rise-area"]) >= 3


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
