from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from watchlink.reports import heart_chart, interval_chart, trend_chart
from watchlink.reports.charts import figure
from watchlink.reports.document import HeartChart, IntervalChart, TrendChart
from watchlink.reports.plot import FINE, LETTER_PX, STRETCH, WIDTHS_PX
from watchlink.reports.thinning import GAP_S, thinned, unbroken

from .samples import heart, intervals, trend

EMPTY = (
    replace(heart(), at_s=(), heart_rate_bpm=(), usual_bpm=None, blocks=(), moments=(), rises=(), duration_s=0.0),
    replace(trend(), points=(), line=None, band=(), missing=()),
    replace(intervals(), estimates=()),
)
SAMPLES = st.lists(
    st.tuples(st.integers(0, 7200).map(float), st.integers(30, 220).map(float)), unique_by=lambda one: one[0]
).map(sorted)


def drawn(chart: HeartChart | TrendChart | IntervalChart) -> ET.Element:
    return ET.fromstring(figure(chart))


def of(chart: ET.Element, kind: str) -> list[ET.Element]:
    """Its shapes of a kind, without those of the key."""
    return [one for one in chart.findall("div//*") if kind in one.get("class", "").split()]


def per_cent(text: str | None) -> float:
    assert text is not None
    assert text.endswith("%")
    return float(text[:-1])


def units(path: ET.Element) -> list[tuple[int, int]]:
    """The places of a path of whole relative steps."""
    numbers = [int(text) for text in re.findall(r"-?\d+", path.get("d", ""))]
    places = [(numbers[0], numbers[1])]
    for right, down in zip(numbers[2::2], numbers[3::2], strict=True):
        places.append((places[-1][0] + right, places[-1][1] + down))
    return places


@given(SAMPLES, st.sampled_from([0.5, 1.0, 15.0, 500.0]))
def test_thinning_keeps_each_columns_lowest_and_highest_and_invents_nothing(
    samples: list[tuple[float, float]], column_s: float
) -> None:
    kept = thinned(samples, column_s=column_s)
    assert set(kept) <= set(samples)
    assert kept == sorted(kept)
    assert kept[:1] == samples[:1]
    assert kept[-1:] == samples[-1:]
    for column in {int(at_s // column_s) for at_s, _ in samples}:
        before, after = ([bpm for at_s, bpm in some if at_s // column_s == column] for some in (samples, kept))
        assert (min(before), max(before)) == (min(after), max(after))
        assert len(after) <= 4


@given(SAMPLES)
def test_a_line_is_cut_exactly_where_nothing_was_received(samples: list[tuple[float, float]]) -> None:
    pieces = unbroken(samples)
    assert [sample for piece in pieces for sample in piece] == samples
    assert all(b[0] - a[0] <= GAP_S for piece in pieces for a, b in pairwise(piece))
    assert all(b[0][0] - a[-1][0] > GAP_S for a, b in pairwise(pieces))


def test_a_heart_rates_pixels_are_its_values_and_a_peak_of_one_second_is_seen() -> None:
    across, down, _ = heart_chart.scales(heart())
    lines = of(drawn(heart()), "line")
    read = [(across.value(x / STRETCH * 100), down.value(y / FINE)) for line in lines for x, y in units(line)]
    values = dict(zip(heart().at_s, heart().heart_rate_bpm, strict=True))
    assert len(lines) == 2
    assert len(read) <= 2 * heart_chart.COLUMNS + 4
    pixel_s, pixel_bpm = across.high / STRETCH, (down.high - down.low) / 210 / FINE
    for at_s, bpm in read:
        near = [value for time, value in values.items() if abs(time - at_s) <= pixel_s]
        assert min(abs(value - bpm) for value in near) <= pixel_bpm
    assert max(bpm for _, bpm in read) == pytest.approx(131, abs=pixel_bpm)
    assert not [at_s for at_s, _ in read if 3000 + pixel_s < at_s < 3090 - pixel_s]


def test_a_rise_is_a_shape_and_an_area_and_an_explained_one_is_told_apart_without_colour() -> None:
    chart = drawn(heart())
    across, _, _ = heart_chart.scales(heart())
    for kind, rise in zip(("rise", "explained"), heart().rises, strict=True):
        area, _triangle = of(chart, kind)
        times = [across.value(x / STRETCH * 100) for x, _ in units(area)]
        assert rise.onset_s - 8 <= min(times)
        assert max(times) <= rise.end_s + 8
    words = " ".join(chart.itertext())
    assert "rise above usual" in words
    assert "rise with an explanation" in words


@example([2.4 * place for place in range(40)], 280.0)
@given(st.lists(st.floats(0, 100), max_size=40).map(sorted), st.sampled_from(sorted(WIDTHS_PX.values())))
def test_numbers_of_marks_never_touch_and_none_is_left_out(places: list[float], width_px: float) -> None:
    labels = heart_chart.mark_labels(places, width_px=width_px)
    for (text, here), (following, there) in pairwise(labels):
        assert (there - here) / 100 * width_px >= (len(text) + len(following)) * LETTER_PX / 2 + 4
    told = [text.split("–") for text, _ in labels]
    assert [mark for ends in told for mark in range(int(ends[0]), int(ends[-1]) + 1)] == [*range(1, len(places) + 1)]


def test_a_trends_dots_are_its_values_hollow_where_not_counted_and_a_new_wearable_is_said() -> None:
    across, down, _ = trend_chart.scales(trend())
    chart = drawn(trend())
    for kind, usable in (("dot", True), ("hollow", False)):
        read = [
            (across.value(per_cent(dot.get("cx"))), down.value(float(dot.get("cy", "")))) for dot in of(chart, kind)
        ]
        values = [(point.week, point.value) for point in trend().points if point.usable is usable]
        assert read == [pytest.approx(value, abs=1e-3) for value in values]
    (change,) = of(chart, "break")
    assert across.value(per_cent(change.get("x1"))) == pytest.approx((3.1 + 5.0) / 2, abs=1e-3)
    words = ["".join(text.itertext()) for text in chart.iter("text")]
    assert words.count("another wearable") == 1
    assert words.count("no value") == len(trend().missing)


def test_an_estimates_dot_and_whiskers_are_its_numbers_and_zero_is_drawn_in_each_row() -> None:
    across, _ = interval_chart.scale(intervals())
    chart = drawn(intervals())
    first, _second = intervals().estimates
    (dot,), (hollow,) = of(chart, "dot"), of(chart, "hollow")
    assert across.value(per_cent(dot.get("cx"))) == pytest.approx(first.value, abs=0.01)
    assert across.value(per_cent(hollow.get("cx"))) == pytest.approx(-1.8, abs=0.01)
    whisker, *_ = of(chart, "whisker")
    caps = [per_cent(cap.get("x")) for cap in chart.iter("svg") if [one.get("class") for one in cap] == ["whisker"]]
    assert [across.value(cap) for cap in caps] == pytest.approx([first.low, first.high], abs=0.01)
    ends = [across.value(per_cent(whisker.get(end))) for end in ("x1", "x2")]
    assert ends == pytest.approx([first.low, first.high], abs=0.01)
    zeros = [across.value(per_cent(line.get("x1"))) for line in of(chart, "zero")]
    assert zeros == pytest.approx([0, 0], abs=0.01)
    assert "no interval" in "".join(chart.itertext())


@pytest.mark.parametrize("chart", EMPTY, ids=["heart", "trend", "intervals"])
def test_a_chart_of_nothing_is_still_a_chart_with_its_sentence(chart: HeartChart | TrendChart | IntervalChart) -> None:
    (image,) = [one for one in drawn(chart).iter() if one.get("role") == "img"]
    assert image.get("aria-label") == chart.alt


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6))
def test_any_values_of_a_trend_stand_inside_its_frame(values: list[float]) -> None:
    points = tuple(replace(trend().points[0], week=float(week), value=value) for week, value in enumerate(values, 1))
    chart = drawn(replace(trend(), points=points, line=None, band=(), missing=()))
    for dot in of(chart, "dot"):
        assert 0 <= per_cent(dot.get("cx")) <= 100
        assert trend_chart.TOP_PX <= float(dot.get("cy", "")) <= trend_chart.FLOOR_PX
