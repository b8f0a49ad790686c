"""Values over the weeks of a programme, with the fitted line and its interval."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import floor
from typing import Final

from watchlink.reports.document import Point, TrendChart
from watchlink.reports.markup import NOTHING, Markup, joined, tag
from watchlink.reports.plot import (
    at,
    axis_labels,
    chart,
    key,
    letters,
    level,
    path_of,
    rule,
    stretched,
)
from watchlink.reports.scale import Scale, digits_of, step_of, ticks, widened

TOP_PX: Final = 34.0
FLOOR_PX: Final = 234.0
HEIGHT_PX: Final = 276.0
_HALF_WEEK: Final = 0.5


def trend_chart(trend: TrendChart) -> Markup:
    """The chart with its key; without a value its frame and the words for that."""
    across, down, step = scales(trend)
    levels = ticks(down.low, down.high, step)
    axis = [axis_labels([(f"{value:.{digits_of(step)}f}", down.place(value)) for value in levels])]
    fitted: list[Markup] = []
    if trend.band:
        high = [(across.place(week), down.place(top)) for week, _, top in trend.band]
        low = [(across.place(week), down.place(bottom)) for week, bottom, _ in reversed(trend.band)]
        fitted.append(tag("path", class_="interval", d=path_of([*high, *low], closed=True)))
    if trend.line is not None:
        ends = [(across.place(week), down.place(value)) for week, value in trend.line]
        fitted.append(tag("path", class_="fit", d=path_of(ends)))
    plot = [
        *(level(down.place(value), "grid") for value in levels),
        *_weeks(across),
        stretched(HEIGHT_PX, *fitted),
        *_breaks(trend, across),
        *(_missing(week, across) for week in trend.missing),
        *(_dot(point, across, down) for point in trend.points),
        letters(trend.unit, 0, TOP_PX - 20, "start"),
        NOTHING if trend.points else letters("no values", 50, (TOP_PX + FLOOR_PX) / 2, "middle"),
    ]
    return joined((chart(trend.alt, HEIGHT_PX, axis, plot), key(_key(trend))))


def scales(trend: TrendChart) -> tuple[Scale, Scale, float]:
    """Weeks to per cent across, values to pixels down, and the step of the labels."""
    values = [point.value for point in trend.points]
    values += [value for _, value in trend.line or ()]
    values += [value for _, *both in trend.band for value in both]
    spread = max(values) - min(values) if values else 1.0
    scarcely = spread or abs(values[0]) * 0.2 or 1.0
    low, high, step = widened(values or [0.0, 1.0], at_least=scarcely, at_most_steps=6)
    weeks = [1.0, *(point.week for point in trend.points), *(float(week) for week in trend.missing)]
    weeks += [week for week, *_ in (*(trend.line or ()), *trend.band)]
    first, last = min(weeks) - _HALF_WEEK, max(weeks) + _HALF_WEEK
    return (
        Scale(low=first, high=last, start=0.0, end=100.0),
        Scale(low=low, high=high, start=FLOOR_PX, end=TOP_PX),
        step,
    )


def _weeks(across: Scale) -> Iterator[Markup]:
    step = max(1.0, step_of(across.high - across.low, at_most=12))
    for week in ticks(max(1.0, across.low), floor(across.high - _HALF_WEEK), step):
        yield rule(across.place(week), FLOOR_PX, FLOOR_PX + 4, "tick")
        yield letters(f"{week:.0f}", across.place(week), FLOOR_PX + 18, "middle")
    yield letters("week", across.place((1 + across.high) / 2), FLOOR_PX + 36, "middle")
    if across.low < 1 - _HALF_WEEK:
        start = across.place(1.0)
        yield rule(start, TOP_PX, FLOOR_PX + 4, "grid")
        yield letters("before", 0, FLOOR_PX + 36, "start")


def _breaks(trend: TrendChart, across: Scale) -> Iterator[Markup]:
    """Where another wearable begins: half-way between the points on both sides."""
    changes = [(a.week + b.week) / 2 for a, b in pairwise(trend.points) if a.series != b.series]
    for place, week in enumerate(changes):
        here = across.place(week)
        yield rule(here, TOP_PX - 14 + place % 2 * 14, FLOOR_PX, "break")
        side, shift = ("start", 1.5) if here < 50 else ("end", -1.5)
        yield letters("another wearable", here + shift, TOP_PX - 4 + place % 2 * 14, side)


def _missing(week: int, across: Scale) -> Markup:
    """Upwards, so that two weeks beside each other do not overlap on a telephone."""
    words = tag("text", Markup("no value"), transform="rotate(-90)", x=8, y=4, class_="start")
    return at(across.place(week), FLOOR_PX, words)


def _dot(point: Point, across: Scale, down: Scale) -> Markup:
    kind = "dot" if point.usable else "hollow"
    return tag("circle", class_=kind, cx=f"{across.place(point.week):.2f}%", cy=down.place(point.value), r=4.5)


def _key(trend: TrendChart) -> Iterator[tuple[Markup, str]]:
    if any(point.usable for point in trend.points):
        yield tag("circle", class_="dot", cx=13, cy=7, r=4.5), "a value"
    if not all(point.usable for point in trend.points):
        yield tag("circle", class_="hollow", cx=13, cy=7, r=4.5), "a value that is not counted"
    if trend.line is not None:
        yield tag("line", class_="fit", x1=0, x2=26, y1=7, y2=7), "fitted line"
    if trend.band:
        yield tag("rect", class_="interval", x=0, y=1, width=26, height=12), "where the line may lie (95 %)"
