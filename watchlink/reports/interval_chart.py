"""Values with their intervals below each other, against zero: a row each, its words and its numbers as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from watchlink.reports.document import Estimate, IntervalChart
from watchlink.reports.markup import NOTHING, Markup, joined, tag, told
from watchlink.reports.plot import letters, rule
from watchlink.reports.scale import Scale, step_of, ticks, widened

ROW_PX: Final = 30.0
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
    below = joined((tag("div"), axis, tag("div")))
    return tag("div", rows, below, class_="intervals", role="img", aria_label=intervals.alt)


def scale(intervals: IntervalChart) -> tuple[Scale, float]:
    """Values to per cent across, zero among them, and the step of the labels."""
    values = [0.0]
    for estimate in intervals.estimates:
        values += [value for value in (estimate.value, estimate.low, estimate.high) if value is not None]
    spread = max(values) - min(values) or 1.0
    low, high, _ = widened(values, at_least=spread, at_most_steps=20)
    return Scale(low=low, high=high, start=_MARGIN_PCT, end=100 - _MARGIN_PCT), step_of(high - low, at_most=5)


def _row(estimate: Estimate, across: Scale, step: float, unit: str) -> Markup:
    middle = ROW_PX / 2
    here = f"{across.place(estimate.value):.2f}%"
    drawn: list[Markup] = [
        rule(across.place(value), 0, ROW_PX, "grid") for value in ticks(across.low, across.high, step)
    ]
    drawn.append(rule(across.place(0.0), 0, ROW_PX, "zero"))
    digits = step / 10
    words = f"{_signed(estimate.value, digits)} {unit}"
    if estimate.low is None or estimate.high is None:
        drawn.append(tag("circle", class_="hollow", cx=here, cy=middle, r=5))
        interval = "no interval"
    else:
        drawn += _whisker(across.place(estimate.low), across.place(estimate.high), middle)
        drawn.append(tag("circle", class_="dot", cx=here, cy=middle, r=5))
        interval = f"{_signed(estimate.low, digits)} to {_signed(estimate.high, digits)}"
    note = tag("small", told(estimate.note)) if estimate.note else NOTHING
    return joined(
        (
            tag("div", tag("bdi", told(estimate.label)), note, class_="label"),
            tag("svg", *drawn, width="100%", height=ROW_PX, aria_hidden="true"),
            tag("div", tag("b", told(words)), tag("small", told(interval)), class_="amount"),
        )
    )


def _whisker(low: float, high: float, middle: float) -> Iterator[Markup]:
    yield tag("line", class_="whisker", x1=f"{low:.2f}%", x2=f"{high:.2f}%", y1=middle, y2=middle)
    yield rule(low, middle - 5, middle + 5, "whisker")
    yield rule(high, middle - 5, middle + 5, "whisker")


def _signed(value: float, step: float) -> str:
    """With as many digits as the step of the axis can tell apart, and a minus as wide as the plus."""
    digits = 0 if step >= 1 else 1 if step >= 0.1 else 2 if step >= 0.01 else 3
    text = f"{value:+.{digits}f}".replace("-", "−")
    return text.lstrip("+−") if not text.strip("+−0.") else text
