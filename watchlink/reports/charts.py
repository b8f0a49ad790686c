"""Charts of a report as inline SVG: heart rate over a session, values over weeks, values with intervals.

Strategy: each drawing says what it shows in words, too, and no meaning hangs on a colour alone: what is silent is
written, rises carry a triangle and their size, wearables a shape of their own. Colours come from the page's style, so
that one drawing fits light, dark and paper. Own lines rather than a library: matplotlib brings 30 MB and fixed colours,
those made for browsers bring scripts, and pygal's licence does not fit; what is needed here is a few dozen shapes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import ceil, floor, isfinite, log10
from typing import Final

from watchlink.reports.document import Estimate, HeartChart, IntervalChart, Point, Span, TrendChart
from watchlink.texts import shown

_WIDTH: Final = 880.0
_LEFT: Final = 46.0
_RIGHT: Final = 14.0
# Where no value came for so long, the line ends.
_GAP_S: Final = 5.0
_LETTER: Final = 6.4
_LEAST_SPAN_BPM: Final = 20.0
_SHAPES: Final = ("circle", "square", "diamond")


@dataclass(frozen=True, slots=True)
class _Scale:
    """Values onto pixels, linearly."""

    low: float
    high: float
    at_low: float
    at_high: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.at_low + share * (self.at_high - self.at_low)


def heart_chart(chart: HeartChart) -> str:
    """A heart rate against the own usual, over the blocks, marks and rises of a session."""
    top, bottom = 34.0, 290.0
    low, high = _bounds([*chart.heart_rate_bpm, *([] if chart.usual_bpm is None else [chart.usual_bpm])])
    x = _Scale(0.0, max(chart.duration_s, 1.0), _LEFT, _WIDTH - _RIGHT)
    y = _Scale(low, high, bottom, top)
    shapes: list[str] = []
    for number, block in enumerate(chart.blocks):
        shapes += _block(block, number, x, top, bottom)
    for value in _ticks(low, high):
        shapes.append(_line(_LEFT, y(value), _WIDTH - _RIGHT, y(value), "var(--line)"))
        shapes.append(_words(_LEFT - 8, y(value) + 4, f"{value:g}", anchor="end"))
    for rise in chart.rises:
        left, right = x(max(0.0, rise.onset_s)), x(min(chart.duration_s, rise.end_s))
        dashes = ' stroke-dasharray="3 3"' if rise.explained else ""
        fill = "none" if rise.explained else "var(--rise-fill)"
        shapes.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{max(1.5, right - left):.1f}" height="{bottom - top:.1f}" '
            f'fill="{fill}" stroke="var(--rise)" stroke-width=".8"{dashes}/>'
        )
    if chart.usual_bpm is not None:
        shapes.append(_line(_LEFT, y(chart.usual_bpm), _WIDTH - _RIGHT, y(chart.usual_bpm), "var(--ink)", dashes="6 4"))
    for stretch in _stretches(chart.at_s, chart.heart_rate_bpm):
        points = " ".join(f"{x(at_s):.1f},{y(value):.1f}" for at_s, value in _thinned(stretch, x))
        shapes.append(f'<polyline points="{points}" fill="none" stroke="var(--heart)" stroke-width="1.1"/>')
    for rise in chart.rises:
        at, tip = x(rise.peak_s), y(rise.peak_bpm) - 7
        fill = "none" if rise.explained else "var(--rise)"
        shapes.append(
            f'<path d="M{at:.1f} {tip:.1f} l-5 -9 h10 z" fill="{fill}" stroke="var(--rise)" stroke-width="1.2"/>'
        )
    shapes += _minutes(chart.duration_s, x, bottom)
    letters = _letters(moment.label for moment in chart.moments)
    shapes += _moments([(moment.at_s, letters[moment.label]) for moment in chart.moments], x, bottom + 34)
    legend = [f"{letter} {label}" for label, letter in letters.items()]
    if chart.usual_bpm is not None:
        legend.insert(0, "- - own usual")
    if any(not rise.explained for rise in chart.rises):
        legend.insert(1, "▼ heart rate rise")
    if any(rise.explained for rise in chart.rises):
        legend.insert(2, "▽ beside movement or trouble")
    height = bottom + 52
    for row in _rows(legend):
        shapes.append(_words(_LEFT, height + 6, row))
        height += 18
    return _svg(shapes, height=height + 2, alt=chart.alt)


def trend_chart(chart: TrendChart) -> str:
    """Values over weeks, with the line through them."""
    top, bottom = 16.0, 250.0
    weeks = [point.week for point in chart.points] + [float(week) for week in chart.missing]
    values = [point.value for point in chart.points] + [bound for _, *both in chart.band for bound in both]
    low, high = _bounds(values, least=0.0)
    x = _Scale(
        floor(min(weeks)) - 0.1, max(floor(max(weeks)) + 1.0, floor(min(weeks)) + 1.0), _LEFT + 8, _WIDTH - _RIGHT
    )
    y = _Scale(low, high, bottom, top)
    shapes: list[str] = []
    for value in _ticks(low, high):
        shapes.append(_line(_LEFT, y(value), _WIDTH - _RIGHT, y(value), "var(--line)"))
        shapes.append(_words(_LEFT - 8, y(value) + 4, f"{value:g}", anchor="end"))
    for number in range(floor(min(weeks)), floor(max(weeks)) + 1):
        shapes.append(_line(x(number), bottom, x(number), bottom + 5, "var(--quiet)"))
        shapes.append(
            _words(x(number + 0.5), bottom + 18, f"week {number}" if number > 0 else "before", anchor="middle")
        )
        if number in chart.missing:
            shapes.append(_words(x(number + 0.5), bottom - 8, "no value", anchor="middle"))
    if chart.band:
        edge = [(x(week), y(up)) for week, _, up in chart.band]
        edge += [(x(week), y(down)) for week, down, _ in reversed(chart.band)]
        points = " ".join(f"{px:.1f},{py:.1f}" for px, py in edge)
        shapes.append(f'<polygon points="{points}" fill="var(--fit)"/>')
    if chart.line is not None:
        (week, value), (last, at_last) = chart.line
        shapes.append(_line(x(week), y(value), x(last), y(at_last), "var(--heart)", width=2.0))
    ordered = sorted(chart.points, key=lambda point: point.week)
    for before, after in pairwise(ordered):
        if before.series != after.series:
            at = x((before.week + after.week) / 2)
            shapes.append(_line(at, top, at, bottom, "var(--ink)", dashes="4 4"))
            shapes.append(_words(at + 5, top + 12, "another wearable"))
    shapes += [_point(point, x, y) for point in ordered]
    shapes.append(_words(_LEFT - 40, top - 3, chart.unit))
    return _svg(shapes, height=bottom + 26, alt=chart.alt)


def interval_chart(chart: IntervalChart) -> str:
    """Values with whiskers, against zero."""
    row, top, label = 26.0, 10.0, 190.0
    bounds = [0.0]
    for one in chart.estimates:
        bounds += [bound for bound in (one.value, one.low, one.high) if bound is not None]
    low, high = _bounds(bounds, least=0.0)
    x = _Scale(low, high, label, _WIDTH - 170)
    bottom = top + row * len(chart.estimates)
    shapes = [_line(x(value), top, x(value), bottom, "var(--line)") for value in _ticks(low, high)]
    shapes += [
        _words(x(value), bottom + 16, f"{value:+g}" if value else "0", anchor="middle") for value in _ticks(low, high)
    ]
    shapes.append(_line(x(0.0), top, x(0.0), bottom, "var(--ink)"))
    for number, one in enumerate(chart.estimates):
        shapes += _estimate(one, top + row * (number + 0.5), x, label)
    shapes.append(_words(_WIDTH - 160, bottom + 16, chart.unit))
    return _svg(shapes, height=bottom + 24, alt=chart.alt)


def _estimate(one: Estimate, at: float, x: _Scale, label: float) -> Iterator[str]:
    yield _words(label - 14, at + 4, _fitting(one.label, label - 20), anchor="end", ink=True)
    if one.low is not None and one.high is not None:
        yield _line(x(one.low), at, x(one.high), at, "var(--heart)", width=2.0)
        for end in (one.low, one.high):
            yield _line(x(end), at - 5, x(end), at + 5, "var(--heart)", width=2.0)
    filled = "var(--heart)" if one.low is not None else "var(--paper)"
    stroke = 'stroke="var(--heart)" stroke-width="2"'
    yield f'<circle cx="{x(one.value):.1f}" cy="{at:.1f}" r="4.5" fill="{filled}" {stroke}/>'
    yield _words(_WIDTH - 160, at + 4, f"{one.value:+.2g}  {one.note}", ink=True)


def _block(block: Span, number: int, x: _Scale, top: float, bottom: float) -> Iterator[str]:
    left, right = x(max(0.0, block.since_s)), x(block.until_s)
    fill = "var(--silent)" if block.silent else "var(--band)" if number % 2 else "none"
    yield (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{max(0.0, right - left):.1f}" height="{bottom - top:.1f}" '
        f'fill="{fill}"><title>{_escaped(block.label)}</title></rect>'
    )
    yield _line(left, top - 20, left, bottom, "var(--line)")
    words = block.label.split()
    room = right - left - 6
    if len(words) > 1 and len(block.label) * _LETTER > room:  # on two lines
        yield _words(left + 4, top - 16, _fitting(" ".join(words[:-1]), room))
        yield _words(left + 4, top - 4, _fitting(words[-1], room))
    else:
        yield _words(left + 4, top - 4, _fitting(block.label, room))


def _fitting(text: str, room: float) -> str:
    letters = int(room / _LETTER)
    if len(text) <= letters:
        return text
    return f"{text[: letters - 1]}…" if letters >= 4 else ""


def _stretches(at_s: Sequence[float], values: Sequence[float]) -> Iterator[list[tuple[float, float]]]:
    stretch: list[tuple[float, float]] = []
    for at, value in zip(at_s, values, strict=True):
        if stretch and at - stretch[-1][0] > _GAP_S:
            yield stretch
            stretch = []
        stretch.append((at, value))
    if stretch:
        yield stretch


def _thinned(stretch: Sequence[tuple[float, float]], x: _Scale) -> Iterator[tuple[float, float]]:
    """Of each pixel's column the first, lowest, highest and last point, in order: no peak is lost."""
    columns: dict[int, list[tuple[float, float]]] = {}
    for point in stretch:
        columns.setdefault(int(x(point[0])), []).append(point)
    for points in columns.values():
        kept = {points[0], min(points, key=_value), max(points, key=_value), points[-1]}
        yield from sorted(kept)


def _value(point: tuple[float, float]) -> float:
    return point[1]


def _minutes(duration_s: float, x: _Scale, bottom: float) -> Iterator[str]:
    step = next(step for step in (1, 2, 5, 10, 15, 30, 60, 120, 10_000) if duration_s / 60 / step <= 10)
    for minute in range(0, floor(duration_s / 60) + 1, step):
        at = x(60.0 * minute)
        yield _line(at, bottom, at, bottom + 5, "var(--quiet)")
        yield _words(at, bottom + 18, f"{minute} min" if not minute else str(minute), anchor="middle")


def _letters(labels: Iterable[str]) -> dict[str, str]:
    """A letter for each label, in order of the labels' first coming up."""
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    return {label: alphabet[min(number, 25)] for number, label in enumerate(dict.fromkeys(labels))}


def _moments(marks: Sequence[tuple[float, str]], x: _Scale, at: float) -> Iterator[str]:
    free = -1.0
    for at_s, letter in sorted(marks):
        left = x(at_s)
        yield _line(left, at - 16, left, at - 8, "var(--ink)")
        if left >= free:
            yield _words(left, at + 4, letter, anchor="middle", ink=True)
            free = left + 9


def _rows(legend: Sequence[str]) -> Iterator[str]:
    """The legend in rows that fit."""
    row = ""
    for entry in legend:
        if row and (len(row) + len(entry) + 3) * _LETTER > _WIDTH - _LEFT:
            yield row
            row = ""
        row = f"{row}   {entry}" if row else entry
    if row:
        yield row


def _point(point: Point, x: _Scale, y: _Scale) -> str:
    at, height = x(point.week), y(point.value)
    style = (
        f'fill="{"var(--heart)" if point.usable else "none"}" stroke="var(--heart)" stroke-width="1.4" opacity=".85"'
    )
    match _SHAPES[point.series % len(_SHAPES)]:
        case "square":
            return f'<rect x="{at - 4:.1f}" y="{height - 4:.1f}" width="8" height="8" {style}/>'
        case "diamond":
            return f'<path d="M{at:.1f} {height - 5.5:.1f} l5.5 5.5 -5.5 5.5 -5.5 -5.5 z" {style}/>'
        case _:
            return f'<circle cx="{at:.1f}" cy="{height:.1f}" r="4" {style}/>'


def _bounds(values: Iterable[float], *, least: float = _LEAST_SPAN_BPM) -> tuple[float, float]:
    """What an axis covers: all finite values, some air, and `least` at the least."""
    finite = [value for value in values if isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    air = max((high - low) * 0.12, (least - (high - low)) / 2, 1e-3 * max(1.0, abs(high)))
    return low - air, high + air


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers along an axis, four to nine of them."""
    raw = (high - low) / 5
    power = 10.0 ** floor(log10(max(raw, 1e-12)))
    step = next(step * power for step in (1.0, 2.0, 5.0, 10.0) if step * power >= raw)
    return [round(number * step, 10) for number in range(ceil(low / step), floor(high / step) + 1)]


def _line(x1: float, y1: float, x2: float, y2: float, stroke: str, *, dashes: str = "", width: float = 1.0) -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}" '
        f'stroke-width="{width:g}"{dashed}/>'
    )


def _words(x: float, y: float, text: str, *, anchor: str = "start", ink: bool = False) -> str:
    if not text:
        return ""
    style = ' style="fill:var(--ink)"' if ink else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style} xml:space="preserve">{_escaped(text)}</text>'


def _svg(shapes: Iterable[str], *, height: float, alt: str) -> str:
    words = _escaped(alt)
    head = f'<svg viewBox="0 0 {_WIDTH:.0f} {height:.0f}" role="img" aria-label="{words}">'
    return "\n".join((head, f"<title>{words}</title>", *filter(None, shapes), "</svg>"))


def _escaped(text: str) -> str:
    return escape(shown(text))
