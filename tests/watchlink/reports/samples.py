"""A report with everything in it, and reports of any texts."""

from __future__ import annotations

from math import sin

from hypothesis import strategies as st

from watchlink.reports.document import (
    Column,
    Document,
    Estimate,
    HeartChart,
    IntervalChart,
    Moment,
    Point,
    Rise,
    Section,
    Span,
    Table,
    Tone,
    TrendChart,
    Words,
)

TWO_HOURS_S = 7200


def heart(text: str = "Role-play", alt: str = "A heart rate with one rise.") -> HeartChart:
    """Two hours at one value a second with a minute and a half missing and one peak of a single second."""
    times = tuple(float(at_s) for at_s in range(TWO_HOURS_S) if not 3000 <= at_s < 3090)
    return HeartChart(
        caption=text,
        alt=alt,
        duration_s=float(TWO_HOURS_S),
        at_s=times,
        heart_rate_bpm=tuple(131.0 if at_s == 4321 else round(70 + 9 * sin(at_s / 50) + at_s % 3) for at_s in times),
        usual_bpm=68.0,
        blocks=(
            Span(since_s=0, until_s=1800, label=text, silent=True),
            Span(since_s=1800, until_s=7200, label=text),
        ),
        moments=tuple(Moment(at_s=600.0 + 7 * place, label=text) for place in range(12)),
        rises=(
            Rise(onset_s=4300, peak_s=4321, end_s=4400, peak_bpm=131, explained=False),
            Rise(onset_s=5300, peak_s=5321, end_s=5400, peak_bpm=90, explained=True),
        ),
    )


def trend(text: str = "ln RMSSD", alt: str = "Seven values without a clear change.") -> TrendChart:
    weeks = (0.4, 1.0, 2.2, 3.1, 5.0, 6.4, 8.0)
    points = (Point(week=w, value=3.4 + 0.1 * sin(w), series=int(w > 4), usable=w != 2.2) for w in weeks)
    return TrendChart(
        caption=text,
        alt=alt,
        unit=text,
        points=tuple(points),
        line=((0.4, 3.4), (8.0, 3.5)),
        band=((0.4, 3.3, 3.5), (4.0, 3.4, 3.5), (8.0, 3.3, 3.7)),
        missing=(4, 7),
    )


def intervals(text: str = "angry caller", alt: str = "Two changes, one with an interval.") -> IntervalChart:
    estimates = (
        Estimate(label=text, value=6.2, low=3.1, high=9.4, note=text),
        Estimate(label=text, value=-1.8, low=None, high=None),
    )
    return IntervalChart(caption=text, alt=alt, unit=text, estimates=estimates)


def everything(text: str = "Heron", alt: str = "What it shows.") -> Document:
    """One of each part, `text` wherever a person may have typed one."""
    table = Table(
        caption=text,
        columns=(Column(heading=text), Column(heading=text, numeric=True)),
        rows=((text, text), ("Wren", "68 bpm")),
    )
    words = tuple(Words(text=text, tone=tone) for tone in Tone)
    charts = (heart(text, alt), trend(text, alt), intervals(text, alt))
    sections = (Section(heading="", parts=words), Section(heading=text, parts=(table, *charts)))
    return Document(title=text, subtitle=text, sections=sections)


HOSTILE = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "</title><script>alert(1)</script>",
            '" onload="x" style="x',
            "&lt;&amp;&#60;",
            "]]><!--",
            "\u202egnp.exe",
            "\x1b[31mred\x07",
            "a | b\n# c\n- d\n1. e",
            "![x](http://a.b) <http://a.b> www.a.b $x$ ~~s~~ @me `c` \\",
            "=== \t+1",
            "#",
        ]
    ),
)
