"""The charts of a document, as inline SVG: one small writer of our own.

PLACEHOLDER
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
