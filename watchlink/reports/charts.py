"""The charts of a document, as inline SVG: one small writer of our own.

Weighed (Nov 2026, wheels): matplotlib 9.9 MB beside Pillow and others, its SVG scales as a picture, so has letters of
5 pixels on a telephone and fixed colours; plotly 9.7 MB and altair 0.8 MB draw with a script, or through a converter of
33.5 MB; pygal is LGPL; svg.py (15 kB, MIT) writes elements only, which `markup.tag` does in ten lines. What is left to
write is scales and labels, and those decide whether a page is legible at 390 pixels, in the dark and on paper.
"""

from __future__ import annotations

from watchlink.reports.document import HeartChart, IntervalChart, TrendChart
from watchlink.reports.heart_chart import heart_chart
from watchlink.reports.interval_chart import interval_chart
from watchlink.reports.markup import Markup, tag, told
from watchlink.reports.trend_chart import trend_chart


def figure(chart: HeartChart | TrendChart | IntervalChart) -> Markup:
    """A chart with its caption above, as a figure."""
    match chart:
        case HeartChart():
            drawn = heart_chart(chart)
        case TrendChart():
            drawn = trend_chart(chart)
        case IntervalChart():
            drawn = interval_chart(chart)
    return tag("figure", tag("figcaption", told(chart.caption)), drawn)
