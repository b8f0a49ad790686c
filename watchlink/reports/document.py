"""A report as a document: sentences, tables and charts in their order. How it looks is decided where it is rendered.

Strategy: what a report says is written once, here in plain values; a page, Markdown and a terminal are three readers of
the same document, so that no number can differ between them. Texts are as people typed them: each reader escapes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Tone(StrEnum):
    """How a sentence is said."""

    LEAD = "lead"
    """What a person should read if they read one thing."""
    PLAIN = "plain"
    QUIET = "quiet"
    """Method, limits, how sure it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A paragraph."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table; `numeric` ones stand to the right."""

    heading: str
    numeric: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of cells, as texts; every row has as many as there are columns."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time with a name: a block of the session."""

    since_s: float
    until_s: float
    label: str
    silent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Something marked."""

    at_s: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rise:
    """A heart rate rise to show; `explained` ones (movement, trouble) are shown quietly."""

    onset_s: float
    peak_s: float
    end_s: float
    peak_bpm: float
    explained: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartChart:
    """A heart rate over a session, against the own usual.

    Attributes:
        caption: above it.
        alt: what it shows, in a sentence, for who does not see it.
        duration_s: of the axis.
        at_s, heart_rate_bpm: the line, rising times, one value a second or fewer; a step of over 5 s is a gap and no
            line is drawn over it.
        usual_bpm: the own usual; None where not known.
        blocks: in order.
        moments: marks, in order.
        rises: in order.
    """

    caption: str
    alt: str
    duration_s: float
    at_s: tuple[float, ...]
    heart_rate_bpm: tuple[float, ...]
    usual_bpm: float | None
    blocks: tuple[Span, ...]
    moments: tuple[Moment, ...]
    rises: tuple[Rise, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value of a programme.

    Attributes:
        week: time in weeks, from 1; below 1 before the programme.
        value: in the chart's unit.
        series: which wearable it stands on, from 0; a change is a break.
        usable: an unusable one is shown hollow.
    """

    week: float
    value: float
    series: int = 0
    usable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendChart:
    """Values over weeks with the line that was fitted and its interval, if one was.

    Attributes:
        caption: above it.
        alt: what it shows, in a sentence.
        unit: of the values.
        points: in order of time.
        line: (week, value) at both ends of the fitted line; None without one.
        band: (week, low, high) along the line: its 95 % interval; empty without one.
        missing: weeks of the programme without a value.
    """

    caption: str
    alt: str
    unit: str
    points: tuple[Point, ...]
    line: tuple[tuple[float, float], tuple[float, float]] | None
    band: tuple[tuple[float, float, float], ...] = ()
    missing: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its interval: a row of an `IntervalChart`; `low` and `high` are None where it has none."""

    label: str
    value: float
    low: float | None
    high: float | None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalChart:
    """Values with intervals below each other, against zero."""

    caption: str
    alt: str
    unit: str
    estimates: tuple[Estimate, ...]


Part: TypeAlias = Words | Table | HeartChart | TrendChart | IntervalChart


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Parts under a heading; an empty heading for the first."""

    heading: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A report.

    Attributes:
        title: what it is.
        subtitle: of whom and when.
        sections: sentences first, numbers after, method and limits last.
    """

    title: str
    subtitle: str
    sections: tuple[Section, ...]
