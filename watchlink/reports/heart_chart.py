"""A heart rate over a session: the line, the own usual, blocks, marks and rises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from watchlink.clock import clock_text
from watchlink.reports.document import HeartChart, Moment, Rise, Span
from watchlink.reports.markup import NOTHING, Markup, joined, tag, told
from watchlink.reports.plot import (
    LETTER_PX,
    WIDTHS_PX,
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
from watchlink.reports.scale import Scale, step_of, ticks, widened
from watchlink.reports.thinning import Sample, thinned, unbroken

BLOCKS_PX: Final = 20.0
TOP_PX: Final = 44.0
FLOOR_PX: Final = 254.0
HEIGHT_PX: Final = 276.0
COLUMNS: Final = 480
"""Columns into which a line is thinned: at most twice as many points."""
_LEAST_SPAN_BPM: Final = 30.0
_TRIANGLE: Final = "M0 -5l5.5 9h-11z"


def heart_chart(heart: HeartChart) -> Markup:
    """The chart with its key, blocks and marks; without a heart rate its frame and the words for that."""
    across, down, step_bpm = scales(heart)
    samples = list(zip(heart.at_s, heart.heart_rate_bpm, strict=True))
    pieces = [thinned(piece, column_s=across.high / COLUMNS) for piece in unbroken(samples)]
    levels = ticks(down.low, down.high, step_bpm)
    axis = [
        axis_labels([(f"{bpm:.0f}", down.place(bpm)) for bpm in levels]),
        axis_labels([("bpm", TOP_PX - 18), ("min", FLOOR_PX + 14)]),
    ]
    quiet_first = sorted(heart.rises, key=lambda rise: not rise.explained)
    areas = (_area(rise, pieces, heart.usual_bpm, across, down) for rise in quiet_first)
    plot = [
        *(_block(place, block, across) for place, block in enumerate(heart.blocks)),
        *(level(down.place(bpm), "grid") for bpm in levels),
        *_minutes(across),
        *_moments(heart.moments, across),
        stretched(HEIGHT_PX, *areas, *(_line(piece, across, down) for piece in pieces)),
        NOTHING if heart.usual_bpm is None else level(down.place(heart.usual_bpm), "usual"),
        *(_triangle(rise, across, down) for rise in heart.rises),
        NOTHING if samples else letters("no heart rate", 50, (TOP_PX + FLOOR_PX) / 2, "middle"),
    ]
    return joined(
        (chart(heart.alt, HEIGHT_PX, axis, plot), key(_key(heart, len(pieces))), _blocks(heart), _marks(heart))
    )


def scales(heart: HeartChart) -> tuple[Scale, Scale, float]:
    """Seconds to per cent across, bpm to pixels down, and the step of the labels in bpm."""
    values = [*heart.heart_rate_bpm, *(rise.peak_bpm for rise in heart.rises)]
    if heart.usual_bpm is not None:
        values.append(heart.usual_bpm)
    low, high, step = widened(values or [60.0, 100.0], at_least=_LEAST_SPAN_BPM, at_most_steps=6)
    until_s = max(heart.duration_s, heart.at_s[-1] if heart.at_s else 0.0, 1.0)
    return (
        Scale(low=0.0, high=until_s, start=0.0, end=100.0),
        Scale(low=low, high=high, start=FLOOR_PX, end=TOP_PX),
        step,
    )


def _line(piece: Sequence[Sample], across: Scale, down: Scale) -> Markup:
    return tag("path", class_="line", d=path_of([(across.place(at_s), down.place(bpm)) for at_s, bpm in piece]))


def _area(
    rise: Rise, pieces: Sequence[Sequence[Sample]], usual_bpm: float | None, across: Scale, down: Scale
) -> Markup:
    """What lies between the line and the usual while it lasts; nothing where there is no line."""
    areas: list[Markup] = []
    for piece in pieces:
        inside = [(at_s, bpm) for at_s, bpm in piece if rise.onset_s <= at_s <= rise.end_s]
        if len(inside) > 1:
            foot = down.place(min(bpm for _, bpm in inside) if usual_bpm is None else usual_bpm)
            top = [(across.place(at_s), down.place(bpm)) for at_s, bpm in inside]
            outline = [(top[0][0], foot), *top, (top[-1][0], foot)]
            areas.append(tag("path", class_=_kind(rise), d=path_of(outline, closed=True)))
    return joined(areas)


def _triangle(rise: Rise, across: Scale, down: Scale) -> Markup:
    shape = tag("path", class_=_kind(rise), d=_TRIANGLE)
    return at(across.place(rise.peak_s), down.place(rise.peak_bpm) - 9, shape)


def _kind(rise: Rise) -> str:
    return "explained" if rise.explained else "rise"


def _minutes(across: Scale) -> Iterator[Markup]:
    step_min = step_of(max(across.high / 60, 0.1), at_most=7)
    for minute in ticks(0, across.high / 60, step_min):
        place = across.place(minute * 60)
        yield rule(place, FLOOR_PX, FLOOR_PX + 4, "tick")
        yield letters(f"{minute:g}", place, FLOOR_PX + 18, "middle" if place < 97 else "end")


def _block(place: int, block: Span, across: Scale) -> Markup:
    since, until = across.place(block.since_s), across.place(block.until_s)
    width = until - since
    place_of = {"x": f"{since:.2f}%", "width": f"{width:.2f}%"}
    kind = "head silent" if block.silent else "head"
    band = tag("rect", class_=f"band {'odd' if place % 2 else 'even'}", y=0, height=FLOOR_PX, **place_of)
    head = tag("rect", class_=kind, y=0, height=BLOCKS_PX, **place_of)
    letter = block_letter(place)
    named = f"{letter} {block.label}"
    texts: list[Markup] = []
    for kind, width_px in WIDTHS_PX.items():
        fits = [text for text in (named, letter) if len(text) * LETTER_PX + 4 <= width / 100 * width_px]
        if fits:
            texts.append(letters(fits[0], (since + until) / 2, 14, f"middle {kind}"))
    edge = rule(since, 0, FLOOR_PX, "edge")
    return joined((band, head, edge, *texts))


def block_letter(place: int) -> str:
    """A, B ... Z, AA, AB ... for the blocks of a session."""
    ahead = place // 26
    return (block_letter(ahead - 1) if ahead else "") + chr(ord("A") + place % 26)


def mark_labels(places_pct: Sequence[float], *, width_px: float) -> list[tuple[str, float]]:
    """Numbers for marks, from 1, and where they stand; those that would touch share one: "4-6".

    Args:
        places_pct: of the marks, rising.
        width_px: of the plot.
    """
    groups: list[tuple[int, int]] = []

    def label(group: tuple[int, int]) -> tuple[str, float, float]:
        first, last = group
        text = str(first + 1) if first == last else f"{first + 1}–{last + 1}"
        return text, (places_pct[first] + places_pct[last]) / 2, (len(text) * LETTER_PX + 5) / width_px * 100

    for mark in range(len(places_pct)):
        groups.append((mark, mark))
        while len(groups) > 1:
            (_, here, width), (_, before, width_before) = label(groups[-1]), label(groups[-2])
            if here - before >= (width + width_before) / 2:
                break
            groups[-2:] = [(groups[-2][0], groups[-1][1])]
    return [label(group)[:2] for group in groups]


def _moments(moments: Sequence[Moment], across: Scale) -> Iterator[Markup]:
    places = [across.place(moment.at_s) for moment in moments]
    for place in places:
        yield rule(place, TOP_PX - 6, FLOOR_PX, "mark")
    for kind, width_px in WIDTHS_PX.items():
        for text, place in mark_labels(places, width_px=width_px):
            yield letters(text, place, TOP_PX - 10, f"middle count {kind}")


def _key(heart: HeartChart, pieces: int) -> Iterator[tuple[Markup, str]]:
    if pieces:
        yield tag("path", class_="line", d="M1 9l6-4 6 5 6-6 6 3"), "heart rate"
    if heart.usual_bpm is not None:
        yield tag("line", class_="usual", x1=0, x2=26, y1=7, y2=7), f"usual: {heart.usual_bpm:.0f} bpm"
    if any(not rise.explained for rise in heart.rises):
        yield tag("path", class_="rise", d="M13 2l6 10h-12z"), "rise above usual, from its start to its end"
    if any(rise.explained for rise in heart.rises):
        yield tag("path", class_="explained", d="M13 2l6 10h-12z"), "rise with an explanation"
    if pieces > 1:
        yield tag("path", class_="line", d="M0 7h9M17 7h9"), "break: nothing was received"


def _blocks(heart: HeartChart) -> Markup:
    entries = (
        tag(
            "li",
            tag("b", told(block_letter(place))),
            tag("span", tag("bdi", told(block.label)), told(", silent") if block.silent else NOTHING),
            tag("time", told(f"{clock_text(block.since_s)}–{clock_text(block.until_s)}")),
        )
        for place, block in enumerate(heart.blocks)
    )
    return tag("ul", *entries, class_="legend", aria_label="Blocks") if heart.blocks else NOTHING


def _marks(heart: HeartChart) -> Markup:
    entries = (
        tag(
            "li", tag("b", told(str(place))), tag("bdi", told(moment.label)), tag("time", told(clock_text(moment.at_s)))
        )
        for place, moment in enumerate(heart.moments, 1)
    )
    return tag("ul", *entries, class_="legend", aria_label="Marks") if heart.moments else NOTHING
