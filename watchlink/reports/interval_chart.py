"""Values with their intervals below each other, against zero: a row each, its words and its numbers as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from watchlink.reports.document import Estimate, IntervalChart
from watchlink.reports.markup import NOTHING, Markup, joined, tag, told
from watchlink.reports.plot import at, letters, rule
from watchlink.reports.scale import Scale, digits_of, step_of, ticks, widened

_MARGIN_PCT: Final = 3.0


def interval_chart(intervals: IntervalChart) -> Markup:
    """The chart: labels, dots with whiskers, and the numbers that they show."""
    across, step = scale(intervals)
    rows = joined(_row(estimate, across, step, intervals.unit) for estimate in intervals.estimates)
    foot = [
        letters(_signed(value, step), across.place(value), 14, "middle")
        for value in ticks(across.low, across.high, step)
    ]
    axis = tag("svg", *foot, letters(intervals.unit, 50, 32, "middle"), width="100%", height=38, aria_hidden="true")
    foot_row = tag("div", tag("div", class_="label"), axis, class_="row foot")
    return tag("div", rows, foot_row, class_="intervals", role="img", aria_label=intervals.alt)


def scale(intervals: IntervalChart) -> tuple[Scale, float]:
    """Values to per cent across, zero among them, and the step of the labels."""
    values = [0.0]
    for estimate in intervals.estimates:
        values += [value for value in (estimate.value, estimate.low, estimate.high) if value is not None]
    spread = max(values) - min(values) or 1.0
    low, high, _ = widened(values, at_least=spread, at_most_steps=20)
    return Scale(low=low, high=high, start=_MARGIN_PCT, end=100 - _MARGIN_PCT), step_of(high - low, at_most=5)


def _row(estimate: Estimate, across: Scale, step: float, unit: str) -> Markup:
    digits = step / 10
    drawn = [rule(across.place(value), 0, "100%", "grid") for value in ticks(across.low, across.high, step)]
    drawn.append(rule(across.place(0.0), 0, "100%", "zero"))
    if estimate.low is None or estimate.high is None:
        kind, interval = "hollow", "no interval"
    else:
        drawn += _whisker(across.place(estimate.low), across.place(estimate.high))
        kind, interval = "dot", f"{_signed(estimate.low, digits)} to {_signed(estimate.high, digits)}"
    drawn.append(tag("circle", class_=kind, cx=f"{across.place(estimate.value):.2f}%", cy="50%", r=5))
    note = tag("small", told(estimate.note)) if estimate.note else NOTHING
    amount = tag("b", told(f"{_signed(estimate.value, digits)} {unit}"))
    return tag(
        "div",
        tag("div", tag("bdi", told(estimate.label)), note, class_="label"),
        tag("div", tag("svg", *drawn, aria_hidden="true"), class_="track"),
        tag("div", amount, tag("small", told(interval)), class_="amount"),
        class_="row",
    )


def _whisker(low: float, high: float) -> Iterator[Markup]:
    yield tag("line", class_="whisker", x1=f"{low:.2f}%", x2=f"{high:.2f}%", y1="50%", y2="50%")
    for end in (low, high):
        yield at(end, "50%", tag("line", class_="whisker", y1=-5, y2=5))


def _signed(value: float, step: float) -> str:
    """With as many digits as a step needs, a minus as wide as the plus, and zero without either."""
    text = f"{value:+.{digits_of(step)}f}"
    return text.replace("-", "−") if text.strip("+-0.") else text[1:]
