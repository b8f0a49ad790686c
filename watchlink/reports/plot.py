"""A chart's frame: an axis column of fixed width beside a plot as wide as the page.

Strategy: a scaled viewBox makes letters of 5 pixels on a telephone. So across, everything stands at per cent of an SVG
without a viewBox (letters, dots and triangles keep their size in pixels), and only lines and areas lie in a nested SVG
that is stretched, with strokes that are not. One drawing is legible at 390 pixels, on a wide screen and on paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from watchlink.reports.markup import Markup, joined, number, tag, told

STRETCH: Final = 1000
"""Units across the stretched part; 1000 are the whole width."""
FINE: Final = 10
"""Units to a pixel down the stretched part."""
WIDTHS_PX: Final = {"narrow": 280.0, "wide": 600.0}
"""The least width of a plot on a telephone of 360 pixels, and on paper and a screen: each has labels of its own."""
LETTER_PX: Final = 6.8
"""About the width of a letter of 12 pixels."""


def chart(alt: str, height_px: float, axis: Iterable[Markup], plot: Iterable[Markup]) -> Markup:
    """Axis and plot as one image with its sentence."""
    left = tag("svg", *axis, class_="axis", width=44, height=height_px, aria_hidden="true")
    right = tag("svg", *plot, class_="plot", width="100%", height=height_px, aria_hidden="true")
    return tag("div", left, right, class_="chart", role="img", aria_label=alt)


def stretched(height_px: float, *content: Markup) -> Markup:
    """Lines and areas in a box of STRETCH by FINE x height, over the whole plot."""
    box = f"0 0 {STRETCH} {number(height_px * FINE)}"
    return tag("svg", *content, width="100%", height=height_px, viewBox=box, preserveAspectRatio="none")


def path_of(places: Sequence[tuple[float, float]], *, closed: bool = False) -> str:
    """A path through places (per cent across, pixels down), in whole steps relative to each other: short to write."""
    units = [(round(across / 100 * STRETCH), round(down * FINE)) for across, down in places]
    steps = (f"{b[0] - a[0]} {b[1] - a[1]}" for a, b in pairwise(units))
    return f"M{units[0][0]} {units[0][1]}l{' '.join(steps) or '0 0'}{'z' if closed else ''}"


def at(across_pct: float, down: float | str, *content: Markup) -> Markup:
    """Shapes in pixels around a place."""
    return tag("svg", *content, x=f"{number(across_pct)}%", y=down, overflow="visible")


def rule(across_pct: float, top: float | str, bottom: float | str, kind: str) -> Markup:
    """A vertical line, between pixels or per cent of the height."""
    across = f"{number(across_pct)}%"
    return tag("line", class_=kind, x1=across, x2=across, y1=top, y2=bottom)


def level(down_px: float, kind: str) -> Markup:
    """A line across the whole plot."""
    return tag("line", class_=kind, x1=0, x2="100%", y1=down_px, y2=down_px)


def letters(text: str, across_pct: float, down_px: float, kind: str) -> Markup:
    """A text at a place; its class says on which side it stands."""
    return tag("text", told(text), class_=kind, x=f"{number(across_pct)}%", y=down_px)


def axis_labels(labels: Iterable[tuple[str, float]]) -> Markup:
    """Texts and their heights in pixels, to the right in the axis column."""
    return joined(tag("text", told(text), class_="end", x=36, y=down + 4) for text, down in labels)


def key(entries: Iterable[tuple[Markup, str]]) -> Markup:
    """What lines and shapes mean: a small drawing and its words, each."""
    swatches = (
        tag("li", tag("svg", drawing, width=26, height=14, aria_hidden="true"), tag("span", told(words)))
        for drawing, words in entries
    )
    return tag("ul", *swatches, class_="key")
