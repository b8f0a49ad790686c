"""What a programme shows: to one person of themself, and of a cohort where enough people let it be seen.

Strategy: what is missing comes first, then the one measure that was declared, then the others, each with what it stands
on, its interval, one of four verdicts and the smallest change that so much data could have shown. What could explain a
change beside practice (another wearable, getting used to it, sleep, caffeine, missing weeks) is shown, not hidden.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import expm1
from typing import Any, Final

from dsp import Trend, Verdict
from watchlink.measures import LEAST_PEOPLE, Measure
from watchlink.programme import CohortMeasure, CohortProgress, MeasurePoint, MeasureProgress, PersonProgress
from watchlink.reports.document import (
    Column,
    Document,
    Estimate,
    IntervalChart,
    Part,
    Point,
    Section,
    Table,
    Tone,
    TrendChart,
    Words,
)
from watchlink.texts import ranges

_NAMES: Final = {
    Measure.RESTING_VARIABILITY: "Variability at rest (ln RMSSD)",
    Measure.RESTING_HEART_RATE: "Heart rate at rest",
    Measure.RESPONSE: "Response to like marks",
    Measure.RECOVERY: "How fast rises settle (half-time)",
}
_LIMITS: Final = (
    "A change says that something changed, not why: people get used to practice without learning anything, and sleep, "
    "illness or another wearable change hearts, too. Heart data cannot tell excitement from worry. watchlink is not a "
    "medical device."
)
_METHOD: Final = (
    "Each measure is followed by a Theil-Sen slope with a 95 % bootstrap interval that draws whole weeks; values of "
    "different wearables are never compared with each other. A verdict is one of four: clear rise, clear fall, no "
    "clear change, cannot tell. Where nothing changes, a clear verdict is given to 5 people of 100 at most. Rises are "
    "counted and not tested: a few weeks hold too few of them. Only the declared measure was chosen beforehand; of "
    "several others one may move by luck."
)
_COHORT_METHOD: Final = (
    "Over the cohort the people's own slopes are held against zero with an exact sign-flip test, its interval found by "
    f"inverting that test. Only slopes of people who let them be seen count, and from {LEAST_PEOPLE} people on."
)


def person_document(progress: PersonProgress) -> Document:
    """The programme of one person, to that person."""
    whole = progress.completeness
    sections = [Section(heading="", parts=tuple(_lead(progress)))]
    sections.append(Section(heading="What there is", parts=tuple(_completeness(progress))))
    sections += [
        Section(heading=_heading(one), parts=tuple(_measure(one, progress.weeks, whole.weeks_without_baseline)))
        for one in progress.measures
    ]
    if progress.rises:
        sections.append(Section(heading="Rises while speaking", parts=(_rises_table(progress),)))
    if progress.ratings:
        sections.append(Section(heading="What you said of the sessions", parts=(_ratings_table(progress),)))
    sections.append(_limits(_METHOD))
    return Document(
        title="Your programme",
        subtitle=f"{progress.person}: {progress.began_on} to {progress.until}, {_many(progress.weeks, 'week')}",
        sections=tuple(sections),
    )


def cohort_document(progress: CohortProgress) -> Document:
    """The programme of a cohort, as an aggregate."""
    lead = (
        f"{_many(progress.sessions, 'session')} in {_many(progress.weeks, 'week')}; people were heard in "
        f"{progress.attended_pct:.0f} % of their places, and {progress.usable} of {progress.baselines} baselines are "
        "usable."
    )
    first: list[Part] = [Words(text=lead)]
    first += [Words(text=_cohort_sentence(one, progress.weeks), tone=_tone(one.primary)) for one in progress.measures]
    if not progress.declared:
        first.append(Words(text=_UNDECLARED, tone=Tone.QUIET))
    shown = [one for one in progress.measures if one.trend is not None]
    sections = [Section(heading="", parts=tuple(first))]
    if shown:
        sections.append(Section(heading="Slopes", parts=(_cohort_table(shown, progress.weeks),)))
    method = f"{_COHORT_METHOD} {_METHOD}"
    if progress.declared:
        method = f"Declared before: {progress.declared}. {method}"
    sections.append(_limits(method))
    return Document(
        title=f"Programme of {progress.cohort}",
        subtitle=f"{_many(progress.people, 'person', 'people')}, as a group",
        sections=tuple(sections),
    )


def person_rows(progress: PersonProgress) -> Iterator[Sequence[str | int | float | None]]:
    """The numbers of a person's programme, one a row, with a heading."""
    whole = progress.completeness
    yield ("part", "week", "what", "value", "unit", "low", "high", "note")
    for what, value in (
        ("sessions", whole.sessions),
        ("sessions attended", whole.attended),
        ("baselines", whole.baselines),
        ("baselines usable", whole.usable),
        ("baselines with usable RMSSD", whole.usable_variability),
    ):
        yield ("completeness", None, what, value, "", None, None, "")
    for one in progress.measures:
        trend = one.trend
        low, high = (None, None) if trend.interval is None else (trend.interval.low, trend.interval.high)
        note = f"{trend.verdict}{f': {trend.because}' if trend.because else ''}"
        yield ("trend", None, one.measure, trend.slope_per_week, f"{one.unit} a week", low, high, note)
        yield ("smallest", None, one.measure, trend.smallest_per_week, f"{one.unit} a week", None, None, "")
        for part, points in (("point", one.points), ("seen", one.seen)):
            for point in points:
                note = "optical intervals" if point.pulse else ""
                yield (part, round(point.at_week, 3), one.measure, point.value, one.unit, None, None, note)
    for week in progress.rises:
        yield (
            "rises",
            week.week,
            "rises while speaking",
            week.rises,
            f"in {week.speaking_min:.0f} min",
            None,
            None,
            "",
        )
    for rating in progress.ratings:
        yield ("rating", rating.week, "before", rating.before, "of 10", None, None, "")
        yield ("rating", rating.week, "after", rating.after, "of 10", None, None, "")
    for item, count in progress.confounders:
        yield ("confounder", None, item, count, "baselines", None, None, "")


def cohort_rows(progress: CohortProgress) -> Iterator[Sequence[str | int | float | None]]:
    """The numbers of a cohort's programme, one a row, with a heading."""
    yield ("cohort", "measure", "people", "slope", "unit", "low", "high", "p", "smallest", "verdict", "note")
    for one in progress.measures:
        trend = one.trend
        unit = f"{one.unit} a week" if one.unit else ""
        head = (progress.cohort, str(one.measure), one.people)
        if trend is None:
            yield (*head, None, unit, None, None, None, None, "", one.withheld_because)
            continue
        low, high = (None, None) if trend.interval is None else (trend.interval.low, trend.interval.high)
        yield (
            *head,
            trend.slope_per_week,
            unit,
            low,
            high,
            trend.p,
            trend.smallest_per_week,
            str(trend.verdict),
            trend.because,
        )


def progress_record(progress: PersonProgress | CohortProgress) -> dict[str, Any]:
    """The programme as plain JSON values."""
    from pydantic import TypeAdapter

    of = "person" if isinstance(progress, PersonProgress) else "cohort"
    values: dict[str, Any] = TypeAdapter(type(progress)).dump_python(progress, mode="json")
    return {"watchlink_progress": 1, "of": of} | values


_UNDECLARED: Final = (
    "No measure was declared before the first week, so whichever moved may have moved by luck: take every verdict here "
    "as a hint."
)


def _lead(progress: PersonProgress) -> Iterator[Part]:
    whole = progress.completeness
    yield Words(
        text=f"You were there in {whole.attended} of {_many(whole.sessions, 'session')}; {whole.usable} of "
        f"{_many(whole.baselines, 'baseline')} are usable."
    )
    for one in progress.measures:
        yield Words(text=_sentence(one, progress.weeks), tone=_tone(one.primary))
    if not progress.declared:
        yield Words(text=_UNDECLARED, tone=Tone.QUIET)
    if len(whole.wearables) > 1:
        yield Words(text="You changed the wearable; what came before and after it is never compared.", tone=Tone.QUIET)


def _sentence(one: MeasureProgress, weeks: int) -> str:
    trend = one.trend
    name = _NAMES[one.measure]
    if trend.slope_per_week is None or trend.interval is None:
        return f"{name}: {trend.verdict}{f', because {trend.because}' if trend.because else ''}."
    change = _over(trend.slope_per_week, one.measure, weeks)
    low, high = (_over(bound, one.measure, weeks) for bound in (trend.interval.low, trend.interval.high))
    words = f"{name}: {trend.verdict}. {change} over {_many(weeks, 'week')} (95 %: {low} to {high})"
    if trend.verdict is Verdict.CANNOT_TELL and trend.because:
        words += f"; {trend.because}"
    return f"{words}. {_smallest(trend, one.measure, weeks)}".rstrip()


def _smallest(trend: Trend, measure: Measure, weeks: int) -> str:
    if trend.smallest_per_week is None:
        return ""
    size = _over(abs(trend.smallest_per_week), measure, weeks).removeprefix("+")
    return f"With this much data a change of about {size} could have been seen."


def _over(slope_per_week: float, measure: Measure, weeks: int) -> str:
    """A slope as the change over the programme, in the words of its measure."""
    change = slope_per_week * max(1, weeks - 1)
    match measure:
        case Measure.RESTING_VARIABILITY:
            return f"{_signed(100 * expm1(min(change, 20.0)), 0)} %"
        case Measure.RECOVERY:
            return f"{_signed(change, 0)} s"
        case Measure.RESTING_HEART_RATE | Measure.RESPONSE:
            return f"{_signed(change, 1)} bpm"


def _signed(value: float, digits: int) -> str:
    """A number with its sign; what rounds to zero has none."""
    text = f"{value:+.{digits}f}"
    return text if text.strip("+-0.") else text.lstrip("+-")


def _completeness(progress: PersonProgress) -> Iterator[Part]:
    whole = progress.completeness
    rows = [
        ("sessions", f"{whole.attended} of {whole.sessions}"),
        ("weeks without you", _weeks(whole.missed_weeks)),
        ("baselines with a usable heart rate", f"{whole.usable} of {whole.baselines}"),
        ("baselines with usable variability", f"{whole.usable_variability} of {whole.baselines}"),
        ("weeks without a usable baseline", _weeks(whole.weeks_without_baseline)),
        ("wearables", ", then ".join(whole.wearables) or "none"),
    ]
    rows += [(f"baselines at which you said yes to {item}", str(count)) for item, count in progress.confounders]
    columns = (Column(heading="what"), Column(heading="how much"))
    yield Table(caption="What everything below stands on", columns=columns, rows=tuple(rows))
    if whole.faults:
        columns = (Column(heading="why a baseline is not used"), Column(heading="times", numeric=True))
        faults = tuple((fault, str(count)) for fault, count in whole.faults)
        yield Table(caption="What was wrong with the others", columns=columns, rows=faults)


def _measure(one: MeasureProgress, weeks: int, missing: Sequence[int]) -> Iterator[Part]:
    yield Words(text=f"Compared: {one.compared}.", tone=Tone.QUIET)
    if any(point.pulse for point in one.points):
        yield Words(text="It stands on optical intervals, which are less sure than those of a strap.", tone=Tone.QUIET)
    if not one.points:
        return
    trend = one.trend
    resting = one.measure in (Measure.RESTING_VARIABILITY, Measure.RESTING_HEART_RATE)
    yield TrendChart(
        caption=_NAMES[one.measure],
        alt=f"{_many(len(one.points), 'value')} over {_many(weeks, 'week')}: {trend.verdict}.",
        unit=one.unit,
        points=tuple(_point(point) for point in one.points),
        line=_line(one.points, trend),
        missing=tuple(missing) if resting else (),
    )
    if trend.slope_per_week is not None and trend.interval is not None:
        yield IntervalChart(
            caption=f"Slope with its 95 % interval ({one.unit} a week)",
            alt=_sentence(one, weeks),
            unit=f"{one.unit} a week",
            estimates=(
                Estimate(
                    label="slope",
                    value=trend.slope_per_week,
                    low=trend.interval.low,
                    high=trend.interval.high,
                    note=str(trend.verdict),
                ),
            ),
        )
    if one.seen:
        values = sorted(one.seen, key=lambda point: point.at_week)
        yield Words(
            text=f"In scenarios that people had met before: {values[0].value:+.0f} bpm at first, "
            f"{values[-1].value:+.0f} bpm at last ({_many(len(values), 'mark')}). These fall by getting used to them, "
            "so they are not judged.",
            tone=Tone.QUIET,
        )


def _point(point: MeasurePoint) -> Point:
    return Point(week=point.at_week, value=point.value, series=point.series)


def _line(points: Sequence[MeasurePoint], trend: Trend) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """The fitted line through the middle of the points of one wearable; none where there were several."""
    if trend.slope_per_week is None or len({point.series for point in points}) > 1:
        return None
    slope = trend.slope_per_week
    ordered = sorted(point.value - slope * point.at_week for point in points)
    half = len(ordered) // 2
    level = ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
    first, last = points[0].at_week, points[-1].at_week
    return (first, level + slope * first), (last, level + slope * last)


def _rises_table(progress: PersonProgress) -> Table:
    columns = (
        Column(heading="week", numeric=True),
        Column(heading="rises", numeric=True),
        Column(heading="minutes of speaking", numeric=True),
    )
    rows = tuple((str(one.week), str(one.rises), f"{one.speaking_min:.0f}") for one in progress.rises)
    return Table(caption="Counts, not tested: so few say nothing of a trend", columns=columns, rows=rows)


def _ratings_table(progress: PersonProgress) -> Table:
    columns = tuple(Column(heading=heading, numeric=True) for heading in ("week", "before", "after"))
    rows = tuple(
        (str(one.week), *("" if value is None else str(value) for value in (one.before, one.after)))
        for one in progress.ratings
    )
    return Table(caption="From 0 to 10, in your own judgement", columns=columns, rows=rows)


def _cohort_sentence(one: CohortMeasure, weeks: int) -> str:
    name = _NAMES[one.measure]
    trend = one.trend
    if trend is None:
        return f"{name}: not told, because {one.withheld_because}."
    change = _over(trend.slope_per_week, one.measure, weeks)
    words = f"{name}: {trend.verdict}. {change} over {_many(weeks, 'week')} in the mean of {one.people} people"
    if trend.interval is not None:
        low, high = (_over(bound, one.measure, weeks) for bound in (trend.interval.low, trend.interval.high))
        words += f" (95 %: {low} to {high})"
    if trend.because:
        words += f"; {trend.because}"
    if trend.smallest_per_week is not None:
        size = _over(abs(trend.smallest_per_week), one.measure, weeks).removeprefix("+")
        words += f". With so many people a change of about {size} could have been seen"
    return f"{words}."


def _cohort_table(shown: Sequence[CohortMeasure], weeks: int) -> Table:
    columns = (
        Column(heading="measure"),
        Column(heading="people", numeric=True),
        Column(heading=f"over {_many(weeks, 'week')}", numeric=True),
        Column(heading="95 %", numeric=True),
        Column(heading="p", numeric=True),
        Column(heading="verdict"),
    )
    rows: list[tuple[str, ...]] = []
    for one in shown:
        trend = one.trend
        assert trend is not None
        interval = ""
        if trend.interval is not None:
            low, high = (_over(bound, one.measure, weeks) for bound in (trend.interval.low, trend.interval.high))
            interval = f"{low} to {high}"
        change = _over(trend.slope_per_week, one.measure, weeks)
        name = f"{_NAMES[one.measure]}{' (declared)' if one.primary else ''}"
        rows.append((name, str(one.people), change, interval, f"{trend.p:.3f}", str(trend.verdict)))
    return Table(caption="Mean change over people", columns=columns, rows=tuple(rows))


def _heading(one: MeasureProgress) -> str:
    return f"{_NAMES[one.measure]}{', the declared measure' if one.primary else ''}"


def _limits(method: str) -> Section:
    return Section(
        heading="How this was measured, and its limits",
        parts=(Words(text=method, tone=Tone.QUIET), Words(text=_LIMITS, tone=Tone.QUIET)),
    )


def _tone(primary: bool) -> Tone:  # noqa: FBT001 - the one question there is
    return Tone.LEAD if primary else Tone.PLAIN


def _weeks(weeks: Sequence[int]) -> str:
    return ranges(weeks) or "none"


def _many(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or f'{one}s'}"
