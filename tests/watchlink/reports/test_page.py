"""A report as a page, as Markdown and on a terminal: three readers of one document, whatever people typed."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser
from importlib import resources
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from watchlink.reports.charts import heart_chart, interval_chart, trend_chart
from watchlink.reports.document import (
    Column,
    Document,
    Estimate,
    HeartChart,
    IntervalChart,
    Moment,
    Part,
    Point,
    Rise,
    Section,
    Span,
    Table,
    Tone,
    TrendChart,
    Words,
)
from watchlink.reports.markdown import markdown
from watchlink.reports.page import page
from watchlink.reports.terminal import report
from watchlink.texts import shown

_VOID = {"meta"}
_HOSTILE = '<script>alert("1")</script> \u202eevil & "=cmd|x" | pipe'


class _Parsed(HTMLParser):
    """The texts of a page; its tags must close each other."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in _VOID:
            self.open.append(tag)
        assert all(not name.startswith("on") and name not in ("src", "href") for name, _ in attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open[-1:] = [] if tag not in _VOID else self.open[-1:]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _heart(**changes: object) -> HeartChart:
    seconds = [float(second) for second in range(7200)]
    values: dict[str, object] = {
        "caption": "Heart rate",
        "alt": "It rises.",
        "duration_s": 7200.0,
        "at_s": tuple(seconds),
        "heart_rate_bpm": tuple(70 + 8 * ((second * 7919) % 101) / 101 for second in seconds),
        "usual_bpm": 70.0,
        "blocks": (Span(since_s=0, until_s=300, label="Silent baseline", silent=True),),
        "moments": (Moment(at_s=400, label="escalation"), Moment(at_s=402, label="interruption")),
        "rises": (Rise(onset_s=400, peak_s=410, end_s=450, peak_bpm=95, explained=False),),
    }
    return HeartChart(**(values | changes))  # type: ignore[arg-type]


def _trend(**changes: object) -> TrendChart:
    values: dict[str, object] = {
        "caption": "Resting",
        "alt": "It stays.",
        "unit": "bpm",
        "points": (
            Point(week=-0.5, value=60),
            Point(week=2.1, value=64, series=1),
            Point(week=8.4, value=62, series=1),
        ),
        "line": ((-0.5, 61), (8.4, 63)),
        "missing": (5,),
    }
    return TrendChart(**(values | changes))  # type: ignore[arg-type]


def _document(text: str = "Words") -> Document:
    parts: tuple[Part, ...] = (
        Words(text=text, tone=Tone.LEAD),
        _heart(
            caption=text,
            alt=text,
            moments=(Moment(at_s=5, label=text),),
            blocks=(Span(since_s=0, until_s=9, label=text),),
        ),
        Table(caption=text, columns=(Column(heading=text), Column(heading="n", numeric=True)), rows=((text, "1"),)),
        _trend(caption=text, alt=text, unit=text),
        IntervalChart(
            caption=text, alt=text, unit="bpm", estimates=(Estimate(label=text, value=1, low=-1, high=3, note=text),)
        ),
    )
    return Document(title=text, subtitle=text, sections=(Section(heading=text, parts=parts),))


def test_a_page_needs_nothing_else_and_runs_nothing() -> None:
    html = page(_document())
    parsed = _Parsed(html)
    assert not {"script", "link", "img", "iframe", "object"} & parsed.tags
    assert not re.search(r"https?:|url\(|@import|javascript:", html)
    assert "default-src 'none'" in html
    assert len(html.encode()) < 150_000


@given(st.text(max_size=40))
@settings(max_examples=40, deadline=None)
def test_whatever_was_typed_is_text_on_the_page(text: str) -> None:
    parsed = _Parsed(page(_document(text)))
    if text.strip():
        assert shown(text) in parsed.texts
    _Parsed(page(_document(text + _HOSTILE)))
    assert "\u202e" not in page(_document(text + _HOSTILE))


@given(st.text(max_size=40))
@settings(max_examples=40, deadline=None)
def test_every_drawing_is_well_formed_and_says_what_it_shows(text: str) -> None:
    estimate = Estimate(label=text, value=1, low=None, high=None, note=text)
    for drawing in (
        heart_chart(_heart(alt=text, moments=(Moment(at_s=5, label=text),))),
        trend_chart(_trend(alt=text, unit=text)),
        interval_chart(IntervalChart(caption=text, alt=text, unit=text, estimates=(estimate,))),
    ):
        root = ET.fromstring(drawing)
        assert root.attrib["role"] == "img"
        title = root.find("title")
        assert title is not None
        assert (title.text or "").split() == shown(text).split()


def _lines(drawing: str) -> list[list[tuple[float, float]]]:
    root = ET.fromstring(drawing)
    return [
        [(float(x), float(y)) for x, y in (pair.split(",") for pair in line.attrib["points"].split())]
        for line in root.iter("polyline")
    ]


def test_thinning_keeps_the_highest_and_the_lowest_second() -> None:
    values = [70.0] * 7200
    values[3333], values[5001] = 120.0, 45.0
    (line,) = _lines(heart_chart(_heart(heart_rate_bpm=tuple(values), usual_bpm=None)))
    heights = [y for _, y in line]
    low, high = 45 - 75 * 0.12, 120 + 75 * 0.12
    assert min(heights) == pytest.approx(290 - (120 - low) / (high - low) * 256, abs=0.1)
    assert max(heights) == pytest.approx(290 - (45 - low) / (high - low) * 256, abs=0.1)
    assert len(line) < 4 * 880
    assert line == sorted(line, key=lambda point: point[0])


def test_a_gap_is_a_gap() -> None:
    at = (*(float(second) for second in range(100)), *(float(second) for second in range(200, 300)))
    assert len(_lines(heart_chart(_heart(at_s=at, heart_rate_bpm=(70.0,) * 200, duration_s=300.0)))) == 2


def test_another_wearable_and_a_missing_week_are_written_not_coloured() -> None:
    drawing = trend_chart(_trend())
    assert drawing.count("another wearable") == 1
    assert drawing.count("no value") == 1
    root = ET.fromstring(drawing)
    assert len(list(root.iter("circle"))) == 1
    assert len(list(root.iter("rect"))) == 2


@pytest.mark.parametrize("value", [0.0, -3.0, 1e-9, 12345.0])
def test_a_single_value_can_be_drawn(value: float) -> None:
    ET.fromstring(trend_chart(_trend(points=(Point(week=3.0, value=value),), line=None, missing=())))
    ET.fromstring(heart_chart(_heart(at_s=(1.0,), heart_rate_bpm=(value,), usual_bpm=None, rises=())))


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_colour_can_be_read_on_its_paper_in_light_in_dark_and_in_print() -> None:
    style = resources.files("watchlink.reports").joinpath("page.css").read_text("utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})\b", block))
        paper = _luminance(colours["paper"])
        for name in ("ink", "quiet", "heart", "rise"):
            low, high = sorted((paper, _luminance(colours[name])))
            assert (high + 0.05) / (low + 0.05) >= 4.5, name


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_markdown_keeps_its_columns_and_its_lines_whatever_was_typed(text: str) -> None:
    written = markdown(_document(text + _HOSTILE))
    rows = [line for line in written.splitlines() if line.startswith("| ")]
    assert len(rows) == 2
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 3 for row in rows)
    assert "<script" not in written.replace("\\<", "")


def test_a_terminal_of_80_columns_shows_it_and_an_old_one_without_strange_letters() -> None:
    for ascii_only in (False, True):
        out = io.StringIO()
        Console(file=out, width=80, no_color=True).print(report(_document("A word. " * 30), ascii_only=ascii_only))
        assert max(map(len, out.getvalue().splitlines())) <= 80
        assert out.getvalue().isascii() or not ascii_only
        assert "A word." in out.getvalue()
