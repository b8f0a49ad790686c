"""Eight weeks of a person, and of a cohort: what changed, how sure that is, what so much data could have shown.

Strategy: completeness comes first, for what is missing decides what can be said. A measure is a few points over weeks;
its trend is a Theil-Sen slope with an interval, and there are four verdicts. Only what is alike is compared: the same
mark, as speaker, in scenarios that nobody had met (the others fall by getting used to them), baselines of the same
sort, one wearable at a time. Of a cohort only slopes of people who let them be seen count, and from five people on.

Time is counted in weeks from the cohort's first session, which is at week 1; what was before lies below.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import log
from typing import Final

from dsp import CohortTrend, Trend, cohort_trend, person_trend
from watchlink.archive import SessionKind
from watchlink.evidence import Evidence, Rest
from watchlink.measures import DEFAULT_LABEL, LEAST_PEOPLE, Measure, Primary
from watchlink.packets import Purpose, Role
from watchlink.readings import Grade
from watchlink.self_reports import RATING_AFTER, RATING_BEFORE, YES, answer_fault

WEEKS_BEFORE: Final = 2.0
"""Baselines count from so long before the first session."""
_NEEDS: Final[Mapping[Measure, Purpose]] = {
    Measure.RESTING_VARIABILITY: Purpose.HRV,
    Measure.RESTING_HEART_RATE: Purpose.HEART_RATE,
    Measure.RESPONSE: Purpose.HEART_RATE,
    Measure.RECOVERY: Purpose.RISES,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One recording and the person's page of it.

    Attributes:
        number: in the archive.
        kind: of recording.
        started_at: UTC.
        week: of the programme, as the session was begun; None where nobody said.
        page: what it says of the person.
    """

    number: int
    kind: SessionKind
    started_at: datetime
    week: int | None
    page: Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurePoint:
    """One value of a measure.

    Attributes:
        at_week: weeks since the first session, which is 1.
        value: in the measure's unit.
        series: which wearable it stands on, from 0.
        pulse: it stands on optical intervals.
    """

    at_week: float
    value: float
    series: int
    pulse: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureProgress:
    """How one measure went over the programme.

    Attributes:
        measure: which.
        unit: of its values; slopes are this a week.
        primary: it is the one that was declared.
        points: what the trend stands on, in order of time.
        compared: what was compared, in words.
        seen: the same in scenarios that people had met, for `Measure.RESPONSE`: shown beside, never judged.
        trend: with its verdict.
    """

    measure: Measure
    unit: str
    primary: bool
    points: tuple[MeasurePoint, ...]
    compared: str
    seen: tuple[MeasurePoint, ...]
    trend: Trend


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """What there is of what was planned.

    Attributes:
        sessions: of the cohort so far.
        attended: of them, those with reports of this person's wearable.
        missed_weeks: weeks of sessions without.
        baselines: that were taken.
        usable: of them, those whose heart rate is used.
        usable_variability: of them, those whose RMSSD is used.
        faults: why the others are not, and how often.
        weeks_without_baseline: weeks of the programme without a usable one.
        wearables: profiles in the order in which they were worn; each change is a break in every series.
    """

    sessions: int
    attended: int
    missed_weeks: tuple[int, ...]
    baselines: int
    usable: int
    usable_variability: int
    faults: tuple[tuple[str, int], ...]
    weeks_without_baseline: tuple[int, ...]
    wearables: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekRises:
    """Rises of a week's session while the person spoke: counts, not tested (see product facts: too few to test)."""

    week: int
    rises: int
    speaking_min: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """What the person said of a session, 0..10, before and after; None where they did not."""

    week: int
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonProgress:
    """One person's programme.

    Attributes:
        person: pseudonym.
        began_on, until: days of the first and the last recording.
        weeks: of the programme so far.
        declared: the primary measure in words, with its digest; empty where none was declared.
        completeness: first.
        measures: the declared one first.
        rises: of each week's session.
        ratings: of each week's session that has one.
        confounders: item, and at how many baselines the person said yes to it.
    """

    person: str
    began_on: date
    until: date
    weeks: int
    declared: str
    completeness: Completeness
    measures: tuple[MeasureProgress, ...]
    rises: tuple[WeekRises, ...]
    ratings: tuple[Rating, ...]
    confounders: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortMeasure:
    """One measure over a cohort.

    Attributes:
        measure: which.
        unit: of the slopes: this a week.
        primary: it is the one that was declared.
        people: how many slopes there are that may be seen.
        trend: over them; None where it is not told.
        withheld_because: why it is not; empty where it is.
    """

    measure: Measure
    unit: str
    primary: bool
    people: int
    trend: CohortTrend | None
    withheld_because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortProgress:
    """A cohort's programme, as an aggregate.

    Attributes:
        cohort: its name.
        people: how many there are.
        weeks: of the programme so far.
        sessions: so far.
        attended_pct: of all places in them.
        baselines, usable: of all people together.
        declared: as in `PersonProgress`.
        measures: the declared one first.
    """

    cohort: str
    people: int
    weeks: int
    sessions: int
    attended_pct: float
    baselines: int
    usable: int
    declared: str
    measures: tuple[CohortMeasure, ...]


def person_progress(
    person: str, recorded: Sequence[Recorded], *, primary: Primary | None, sessions: Mapping[int, int | None]
) -> PersonProgress:
    """One person's programme.

    Args:
        person: pseudonym.
        recorded: every recording that has a page of this person, one at least, in order of time.
        primary: what was declared.
        sessions: number of each session of the cohort, and its week.
    """
    first = _first_session(recorded)
    counted = [one for one in recorded if _week(one.started_at, first) >= 1 - WEEKS_BEFORE]
    series = _series(counted)
    last_week = max((_whole_week(one, first) for one in counted), default=1)
    return PersonProgress(
        person=person,
        began_on=recorded[0].started_at.date(),
        until=recorded[-1].started_at.date(),
        weeks=max(last_week, 1),
        declared="" if primary is None else f"{primary.text} ({primary.digest})",
        completeness=_completeness(counted, first, sessions, weeks=max(last_week, 1)),
        measures=tuple(_measures(counted, first, series, primary)),
        rises=tuple(_rises(counted, first)),
        ratings=tuple(_ratings(counted, first)),
        confounders=_confounders(counted),
    )


def cohort_progress(
    cohort: str,
    people: Mapping[str, Sequence[Recorded]],
    *,
    primary: Primary | None,
    sessions: Mapping[int, int | None],
) -> CohortProgress:
    """A cohort's programme: aggregates of five people or more who let them be seen.

    Args:
        cohort: its name.
        people: each person's recordings as in `person_progress`; somebody without any is counted as there.
        primary: what was declared.
        sessions: number of each session of the cohort, and its week.
    """
    whole = {
        person: person_progress(person, recorded, primary=primary, sessions=sessions)
        for person, recorded in people.items()
        if recorded
    }
    attended = sum(one.completeness.attended for one in whole.values())
    places = len(sessions) * len(people)
    return CohortProgress(
        cohort=cohort,
        people=len(people),
        weeks=max((one.weeks for one in whole.values()), default=0),
        sessions=len(sessions),
        attended_pct=100 * attended / places if places else 0.0,
        baselines=sum(one.completeness.baselines for one in whole.values()),
        usable=sum(one.completeness.usable for one in whole.values()),
        declared="" if primary is None else f"{primary.text} ({primary.digest})",
        measures=tuple(_cohort_measures(people, primary=primary, sessions=sessions)),
    )


def _cohort_measures(
    people: Mapping[str, Sequence[Recorded]], *, primary: Primary | None, sessions: Mapping[int, int | None]
) -> Iterator[CohortMeasure]:
    for measure in _in_order(primary):
        slopes: list[float] = []
        unit = ""
        for person, recorded in people.items():
            told = [one for one in recorded if _may_be_told(one.page, _NEEDS[measure])]
            if not told:
                continue
            progress = person_progress(person, told, primary=primary, sessions=sessions)
            one = next(found for found in progress.measures if found.measure is measure)
            unit = one.unit
            if one.trend.slope_per_week is not None:
                slopes.append(one.trend.slope_per_week)
        enough = len(slopes) >= LEAST_PEOPLE
        yield CohortMeasure(
            measure=measure,
            unit=unit,
            primary=primary is not None and primary.measure is measure,
            people=len(slopes),
            trend=cohort_trend(slopes) if enough else None,
            withheld_because=""
            if enough
            else f"it is known, and may be seen, of {len(slopes)} people; a group is told of from {LEAST_PEOPLE} on",
        )


def _may_be_told(page: Evidence, purpose: Purpose) -> bool:
    """Whether others may see it: what nobody was asked about is its owner's alone."""
    return page.shares is not None and purpose in page.shares


def _first_session(recorded: Sequence[Recorded]) -> datetime:
    """When week 1 began: with the first session, or where there is none, the first recording.

    A session that says its week tells when week 1 was, even for somebody who was not there then.
    """
    sessions = [one for one in recorded if one.kind is SessionKind.SESSION]
    for one in sessions:
        if one.week is not None:
            return one.started_at - timedelta(weeks=one.week - 1)
    return (sessions or recorded)[0].started_at


def _week(at: datetime, first: datetime) -> float:
    return 1 + (at - first) / timedelta(weeks=1)


def _whole_week(one: Recorded, first: datetime) -> int:
    return one.week if one.week is not None else int(_week(one.started_at, first) // 1)


def _series(recorded: Iterable[Recorded]) -> dict[int, int]:
    """Of each recording, how often the wearable was changed until then."""
    series: dict[int, int] = {}
    changes, worn = 0, ""
    for one in recorded:
        if one.page.reports:
            changes += bool(worn) and one.page.profile != worn
            worn = one.page.profile
        series[one.number] = changes
    return series


def _in_order(primary: Primary | None) -> list[Measure]:
    return sorted(Measure, key=lambda measure: primary is None or measure is not primary.measure)


def _measures(
    recorded: Sequence[Recorded], first: datetime, series: Mapping[int, int], primary: Primary | None
) -> Iterator[MeasureProgress]:
    label = primary.label if primary is not None and primary.label else DEFAULT_LABEL
    for measure in _in_order(primary):
        seen: list[MeasurePoint] = []
        match measure:
            case Measure.RESTING_VARIABILITY:
                unit, compared = "ln ms", _rests_compared(recorded)
                points = [
                    _point(one, first, series, log(rest.rmssd_ms), pulse=rest.pulse)
                    for one, rest in _rests(recorded)
                    if not rest.variability_fault and rest.rmssd_ms
                ]
            case Measure.RESTING_HEART_RATE:
                unit, compared = "bpm", _rests_compared(recorded)
                points = [
                    _point(one, first, series, rest.heart_rate_bpm)
                    for one, rest in _rests(recorded)
                    if not rest.fault and rest.heart_rate_bpm is not None
                ]
            case Measure.RESPONSE:
                unit, compared = "bpm", f"heart rate after {label}, while speaking, in scenarios that nobody had met"
                points = list(_answered(recorded, first, series, label, unseen=True))
                seen = list(_answered(recorded, first, series, label, unseen=False))
                if not points and not _plan_tells(recorded):
                    compared = f"heart rate after {label}, while speaking; no plan says which scenarios were new"
                    points, seen = list(_answered(recorded, first, series, label, unseen=None)), []
            case Measure.RECOVERY:
                unit, compared = "s", "half-time of rises that a curve fits, movement left out"
                points = [
                    _point(one, first, series, rise.half_time_s)
                    for one in recorded
                    if one.kind is SessionKind.SESSION
                    for rise in one.page.rises
                    if not rise.explained and rise.half_time_s is not None
                ]
        yield MeasureProgress(
            measure=measure,
            unit=unit,
            primary=primary is not None and primary.measure is measure,
            points=tuple(points),
            compared=compared,
            seen=tuple(seen),
            trend=person_trend(
                [point.at_week for point in points],
                [point.value for point in points],
                series=[point.series for point in points],
            ),
        )


def _point(
    one: Recorded, first: datetime, series: Mapping[int, int], value: float, *, pulse: bool = False
) -> MeasurePoint:
    return MeasurePoint(at_week=_week(one.started_at, first), value=value, series=series[one.number], pulse=pulse)


def _rests(recorded: Iterable[Recorded]) -> Iterator[tuple[Recorded, Rest]]:
    """Silent baselines taken alone; where there are none at all, those that begin a session."""
    everything = list(recorded)
    alone = [one for one in everything if one.kind is SessionKind.BASELINE]
    for one in alone or everything:
        for rest in one.page.rests:
            if rest.kind == "baseline":
                yield one, rest


def _rests_compared(recorded: Iterable[Recorded]) -> str:
    alone = any(one.kind is SessionKind.BASELINE for one in recorded)
    return "silent baselines" if alone else "silent beginnings of sessions; no baseline was taken on its own"


def _answered(
    recorded: Iterable[Recorded], first: datetime, series: Mapping[int, int], label: str, *, unseen: bool | None
) -> Iterator[MeasurePoint]:
    for one in recorded:
        for answer in one.page.answers:
            if (
                answer.label == label
                and answer.role is Role.SPEAKER
                and answer.unseen is unseen
                and answer.change_bpm is not None
            ):
                yield _point(one, first, series, answer.change_bpm)


def _plan_tells(recorded: Iterable[Recorded]) -> bool:
    return any(answer.unseen is not None for one in recorded for answer in one.page.answers)


def _completeness(
    recorded: Sequence[Recorded], first: datetime, sessions: Mapping[int, int | None], *, weeks: int
) -> Completeness:
    attended = {one.number for one in recorded if one.kind is SessionKind.SESSION and one.page.reports}
    rests = [(one, rest) for one, rest in _rests(recorded) if one.page.reports]
    usable = [one for one, rest in rests if not rest.fault]
    # A watch that sends no intervals has no fault: it gives a heart rate, and that is used.
    faults = Counter(
        rest.variability_fault
        for one, rest in rests
        if rest.variability_fault and (one.page.grade is not Grade.RATE or rest.fault)
    )
    with_one = {_whole_week(one, first) for one in usable}
    wearables = [one.page.profile for one in recorded if one.page.reports]
    return Completeness(
        sessions=len(sessions),
        attended=len(attended & sessions.keys()),
        missed_weeks=tuple(sorted(week for number, week in sessions.items() if week and number not in attended)),
        baselines=len(rests),
        usable=len(usable),
        usable_variability=sum(not rest.variability_fault for _, rest in rests),
        faults=tuple(faults.most_common()),
        weeks_without_baseline=tuple(week for week in range(1, weeks + 1) if week not in with_one),
        wearables=tuple(
            profile for before, profile in zip(["", *wearables], wearables, strict=False) if profile != before
        ),
    )


def _rises(recorded: Iterable[Recorded], first: datetime) -> Iterator[WeekRises]:
    for one in recorded:
        if one.kind is not SessionKind.SESSION or not one.page.reports:
            continue
        spoken_s = sum(spell.seconds for spell in one.page.exposures if spell.role is Role.SPEAKER)
        rises = sum(rise.role is Role.SPEAKER and not rise.explained for rise in one.page.rises)
        yield WeekRises(week=_whole_week(one, first), rises=rises, speaking_min=spoken_s / 60)


def _ratings(recorded: Iterable[Recorded], first: datetime) -> Iterator[Rating]:
    for one in recorded:
        before, after = (_rated(one.page, item) for item in (RATING_BEFORE, RATING_AFTER))
        if one.kind is SessionKind.SESSION and (before is not None or after is not None):
            yield Rating(week=_whole_week(one, first), before=before, after=after)


def _rated(page: Evidence, item: str) -> int | None:
    answer = page.self_reports.get(item)
    return None if answer is None or answer_fault(item, answer) is not None else int(answer)


def _confounders(recorded: Iterable[Recorded]) -> tuple[tuple[str, int], ...]:
    said = Counter(
        item
        for one in recorded
        if one.kind is SessionKind.BASELINE
        for item, answer in one.page.self_reports.items()
        if answer == YES
    )
    return tuple(sorted(said.items()))
