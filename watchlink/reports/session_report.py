"""What a session says: to one person of themself, and of the room where enough people let it be seen.

Strategy: first plain sentences, then numbers, then how they were measured and what they cannot say. A person's report
is for that person. The room's is made of sums and means over five people or more who let the thing in question be seen;
where they are fewer, the reason stands in its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean, median
from typing import Any, Final

from firmware_profiles.profiles import Profile
from watchlink.archive import SessionKind
from watchlink.clock import clock_text
from watchlink.evidence import Answer, Evidence, Gathered, OwnRise, Rest
from watchlink.measures import LEAST_PEOPLE
from watchlink.packets import EventKind, Purpose, Role, SessionEvent
from watchlink.readings import Grade, Phase
from watchlink.reports.document import (
    Column,
    Document,
    Estimate,
    HeartChart,
    IntervalChart,
    Moment,
    Part,
    Rise,
    Section,
    Span,
    Table,
    Tone,
    Words,
)
from watchlink.session import BLOCK_PHASES
from watchlink.timeline import HeartLine, PersonCounts, Timeline

_US_PER_S: Final = 1_000_000
_ROLE_WORDS: Final = {Role.SPEAKER: "spoke", Role.LISTENER: "listened", Role.OBSERVER: "observed", None: ""}
_GRADE_WORDS: Final = {
    Grade.BEAT: "It sends the intervals between heart beats as an electrical sensor sees them: heart rate, its rises, "
    "and in silence its variability can be read.",
    Grade.PULSE: "It sees the pulse with light and sends intervals: heart rate and its rises can be read; variability "
    "at rest only, and less surely.",
    Grade.RATE: "It sends beats a minute and no intervals: heart rate and its rises can be read, variability cannot.",
}
LIMITS: Final = (
    "A rise is a heart rate well above your own usual; it says nothing about a feeling. Heart data cannot tell "
    "excitement from worry. What happened beside a rise did not necessarily cause it. watchlink is not a medical "
    "device."
)
METHOD: Final = (
    "The own usual is learned from the silent baseline and followed slowly. A change after a mark is the mean of the "
    "minute after it minus the mean of the half minute before. Half-way down is the time in which half of a rise was "
    "gone, by a fitted curve, with its 95 % interval; where no curve fits, nothing is said."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Which recording it is.

    Attributes:
        number: in the archive.
        title, cohort, week: as it was begun.
        kind: of recording.
        state: complete or interrupted.
        started_at: UTC.
        duration_s: until the last packet.
    """

    number: int
    title: str
    kind: SessionKind
    state: str
    started_at: datetime
    duration_s: float
    cohort: str | None
    week: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LikeMarks:
    """What a heart rate did at all marks of one sort: mean, 95 % interval, chance of as much without a mark."""

    label: str
    events: int
    change_bpm: float
    low_bpm: float | None
    high_bpm: float | None
    by_luck: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalQuality:
    """What the numbers stand on."""

    beats: int
    corrected_pct: float | None
    gaps: int
    links_lost: int
    stalls: int
    undecodable: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonReport:
    """One person's session."""

    head: Head
    page: Evidence
    like_marks: tuple[LikeMarks, ...]
    signal: SignalQuality


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomMarks:
    """What heart rates did after one sort of mark, over people.

    Attributes:
        label: of the marks.
        people: whose heart rate may be seen and was known.
        events: marks that concerned them.
        change_bpm: mean over people of each one's mean.
    """

    label: str
    people: int
    events: int
    change_bpm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomReport:
    """A session of the room, as sums and means.

    Attributes:
        head: which.
        people: who were to wear something.
        with_reports: of them, those whose wearable was heard.
        grades: how many signals of each grade.
        marks: how often each sort of mark was made.
        known_pct: of the time with a heart rate, mean over those who were heard.
        rises, rises_of, spoken_min: rises while speaking, of how many people, in how many minutes of speaking; None
            where they are withheld.
        responses: at each sort of mark of which enough is known.
        half_time_s: middle of all half-times that could be told; None where there are none or they are withheld.
        withheld: what is not told, and why.
    """

    head: Head
    people: int
    with_reports: int
    grades: tuple[tuple[str, int], ...]
    marks: tuple[tuple[str, int], ...]
    known_pct: float | None
    rises: int | None
    rises_of: int
    spoken_min: float | None
    responses: tuple[RoomMarks, ...]
    half_time_s: float | None
    withheld: tuple[str, ...]


def person_report(gathered: Gathered, person: str, *, head: Head) -> PersonReport:
    """One person's session."""
    counts = gathered.timeline.people.get(person)
    return PersonReport(
        head=head,
        page=gathered.pages[person],
        like_marks=tuple(
            LikeMarks(
                label=one.label,
                events=one.change.events,
                change_bpm=one.change.change_bpm,
                low_bpm=None if one.change.interval_bpm is None else one.change.interval_bpm.low,
                high_bpm=None if one.change.interval_bpm is None else one.change.interval_bpm.high,
                by_luck=one.change.by_luck,
            )
            for one in gathered.timeline.responses
            if one.person == person
        ),
        signal=_signal(counts),
    )


def room_report(gathered: Gathered, *, head: Head) -> RoomReport:
    """The room's session."""
    pages = list(gathered.pages.values())
    heard = [page for page in pages if page.reports]
    with_rates = [page for page in heard if _may_be_told(page, Purpose.HEART_RATE)]
    with_rises = [page for page in heard if _may_be_told(page, Purpose.RISES)]
    withheld: list[str] = []
    if len(with_rates) < LEAST_PEOPLE:
        withheld.append(f"Heart rates: {_too_few(len(with_rates))}")
    rises_told = len(with_rises) >= LEAST_PEOPLE
    if not rises_told:
        withheld.append(f"Heart rate rises: {_too_few(len(with_rises))}")
    half_times_s = [rise.half_time_s for page in with_rises for rise in page.rises if rise.half_time_s is not None]
    marks = Counter(event.label for event in gathered.timeline.events if event.kind is EventKind.MARK)
    return RoomReport(
        head=head,
        people=len(pages),
        with_reports=len(heard),
        grades=tuple(Counter(str(page.grade or "unknown") for page in heard).most_common()),
        marks=tuple(marks.most_common()),
        known_pct=fmean(100 * min(1.0, page.heart_rate_s / page.still_s) for page in heard) if heard else None,
        rises=sum(len(_spoken_rises(page)) for page in with_rises) if rises_told else None,
        rises_of=len(with_rises),
        spoken_min=sum(_spoken_s(page) for page in with_rises) / 60 if rises_told else None,
        responses=tuple(_room_marks(with_rates)),
        half_time_s=median(half_times_s) if rises_told and half_times_s else None,
        withheld=tuple(withheld),
    )


def person_document(report: PersonReport, gathered: Gathered, *, profiles: Mapping[str, Profile]) -> Document:
    """The report of one person, to that person."""
    page = report.page
    line = gathered.lines.get(page.person, HeartLine())
    profile = profiles.get(page.profile)
    wearable = page.profile if profile is None else f"{profile.maker} {profile.model}"
    lead = [
        Words(text=text, tone=Tone.LEAD if number == 0 else Tone.PLAIN) for number, text in enumerate(_lead(report))
    ]
    first: list[Part] = list(lead)
    if len(line.at_s):
        first.append(_chart(report, gathered.timeline, line))
    sections = [Section(heading="", parts=tuple(first))]
    if page.rises:
        sections.append(Section(heading="Heart rate rises", parts=(_rises_table(page.rises),)))
    if report.like_marks:
        sections.append(Section(heading="After what was marked", parts=tuple(_like_marks(report, page.answers))))
    if page.rests:
        sections.append(Section(heading="At rest", parts=(_rests_table(page.rests),)))
    if page.self_reports:
        sections.append(Section(heading="What you said", parts=(_said_table(page.self_reports),)))
    sections.append(Section(heading="What this stands on", parts=tuple(_quality_parts(report, wearable))))
    sections.append(_limits())
    return Document(title=_title(report.head), subtitle=_subtitle(report.head, page.person), sections=tuple(sections))


def room_document(report: RoomReport, gathered: Gathered) -> Document:
    """The report of the room, to the facilitator."""
    head = report.head
    minutes = head.duration_s / 60
    lead = f"{report.with_reports} of {report.people} people were heard in {minutes:.0f} minutes."
    first: list[Part] = [Words(text=lead, tone=Tone.LEAD)]
    if report.known_pct is not None:
        first.append(
            Words(text=f"A heart rate was known in {report.known_pct:.0f} % of the time in the mean, breaks left out.")
        )
    if report.rises is not None and report.spoken_min:
        per_hour = 60 * report.rises / report.spoken_min
        first.append(
            Words(
                text=f"While speaking, the heart rates of {report.rises_of} people rose well above their usual "
                f"{report.rises} times in {report.spoken_min:.0f} minutes: {per_hour:.1f} an hour."
            )
        )
    if report.half_time_s is not None:
        first.append(Words(text=f"Half of a rise was gone after {report.half_time_s:.0f} s, in the middle of all."))
    first += [Words(text=text, tone=Tone.QUIET) for text in report.withheld]
    if head.state == "interrupted":
        first.append(Words(text=_INTERRUPTED))
    chart = _room_chart(gathered, head)
    if chart is not None:
        first.append(chart)
    sections = [Section(heading="", parts=tuple(first))]
    if report.responses:
        sections.append(Section(heading="After what was marked", parts=(_room_table(report.responses),)))
    if report.marks:
        rows = tuple((label, str(count)) for label, count in report.marks)
        table = Table(
            caption="Marks", columns=(Column(heading="mark"), Column(heading="times", numeric=True)), rows=rows
        )
        sections.append(Section(heading="What was marked", parts=(table,)))
    if report.grades:
        rows = tuple((grade, str(count)) for grade, count in report.grades)
        columns = (Column(heading="signal"), Column(heading="people", numeric=True))
        sections.append(
            Section(heading="Signals", parts=(Table(caption="Grades of signal", columns=columns, rows=rows),))
        )
    limits = Words(
        text=f"Of heart rates only sums and means over {LEAST_PEOPLE} people or more who let them be seen are told, so "
        "that nobody can be recognised. Each person has a report of their own.",
        tone=Tone.QUIET,
    )
    sections.append(Section(heading="How this was measured, and its limits", parts=(limits, *_limits().parts)))
    return Document(title=_title(head), subtitle=_subtitle(head, "the room"), sections=tuple(sections))


def person_rows(report: PersonReport) -> Iterator[Sequence[str | int | float | None]]:
    """The numbers of a person's report, one a row, with a heading."""
    page, signal = report.page, report.signal
    yield ("part", "at_s", "what", "value", "unit", "low", "high", "note")
    yield ("session", None, "duration", round(page.duration_s, 1), "s", None, None, report.head.title)
    yield ("session", None, "heart rate known", page.heart_rate_s, "s", None, None, "")
    if page.usual_bpm is not None:
        yield ("session", None, "usual heart rate", round(page.usual_bpm, 1), "bpm", None, None, "")
    for rest in page.rests:
        if rest.heart_rate_bpm is not None:
            yield (
                "rest",
                rest.since_s,
                f"{rest.kind} heart rate",
                round(rest.heart_rate_bpm, 1),
                "bpm",
                None,
                None,
                "",
            )
        value = None if rest.rmssd_ms is None else round(rest.rmssd_ms, 2)
        yield ("rest", rest.since_s, f"{rest.kind} RMSSD", value, "ms", None, None, rest.variability_fault)
    for rise in page.rises:
        note = "explained by movement or trouble" if rise.explained else rise.beside
        yield ("rise", round(rise.onset_s, 1), "rise", round(rise.rise_bpm, 1), "bpm", None, None, note)
        if rise.half_time_s is not None:
            half_time = (rise.half_time_s, rise.half_time_low_s, rise.half_time_high_s)
            value, low, high = (None if one is None else round(one, 1) for one in half_time)
            yield ("rise", round(rise.onset_s, 1), "half-time", value, "s", low, high, "")
    for answer in page.answers:
        value = None if answer.change_bpm is None else round(answer.change_bpm, 2)
        note = " ".join(filter(None, (str(answer.role or ""), "unseen" if answer.unseen else "", answer.block)))
        yield ("mark", round(answer.at_s, 1), answer.label, value, "bpm", None, None, note)
    for one in report.like_marks:
        bounds = (None if bound is None else round(bound, 2) for bound in (one.low_bpm, one.high_bpm))
        yield ("marks", None, one.label, round(one.change_bpm, 2), "bpm", *bounds, f"{one.events} times")
    yield ("signal", None, "beats", signal.beats, "", None, None, "")
    if signal.corrected_pct is not None:
        yield ("signal", None, "corrected", round(signal.corrected_pct, 2), "%", None, None, "")


def room_rows(report: RoomReport) -> Iterator[Sequence[str | int | float | None]]:
    """The numbers of the room's report, one a row, with a heading."""
    yield ("part", "what", "value", "unit", "people", "note")
    yield ("session", "duration", round(report.head.duration_s, 1), "s", report.people, report.head.title)
    yield ("session", "heard", report.with_reports, "people", report.people, "")
    if report.rises is not None:
        yield ("rises", "rises while speaking", report.rises, "", report.rises_of, "")
    if report.spoken_min is not None:
        yield ("rises", "speaking", round(report.spoken_min, 1), "min", report.rises_of, "")
    if report.half_time_s is not None:
        yield ("rises", "half-time", round(report.half_time_s, 1), "s", report.rises_of, "")
    for one in report.responses:
        yield ("mark", one.label, round(one.change_bpm, 2), "bpm", one.people, f"{one.events} times")
    for label, count in report.marks:
        yield ("marks", label, count, "times", None, "")
    for reason in report.withheld:
        yield ("withheld", reason, None, "", None, "")


def report_record(report: PersonReport | RoomReport) -> dict[str, Any]:
    """The report as plain JSON values."""
    from pydantic import TypeAdapter

    of = "person" if isinstance(report, PersonReport) else "room"
    values: dict[str, Any] = TypeAdapter(type(report)).dump_python(report, mode="json")
    return {"watchlink_report": 1, "of": of} | values


_INTERRUPTED: Final = (
    "This session was interrupted: its recorder ended without closing it. What was recorded until then is here."
)


def _lead(report: PersonReport) -> Iterator[str]:
    page, head = report.page, report.head
    if not page.reports:
        yield "Nothing of your wearable was received in this recording, so there is nothing to tell."
        return
    counted = [rise for rise in page.rises if not rise.explained]
    explained = len(page.rises) - len(counted)
    if head.kind is SessionKind.SESSION:
        yield _rises_sentence(counted, explained)
    else:
        yield from (_rest_sentence(rest) for rest in page.rests)
    if head.state == "interrupted":
        yield _INTERRUPTED
    half_times = [rise for rise in counted if rise.half_time_s is not None]
    if half_times:
        times_s = [rise.half_time_s for rise in half_times if rise.half_time_s is not None]
        spread = f", {min(times_s):.0f} to {max(times_s):.0f} s," if len(times_s) > 1 else ""
        yield (
            f"Half of a rise was gone after {median(times_s):.0f} s{spread} as far as it can be told "
            f"({len(times_s)} of {len(counted)})."
        )
    elif counted:
        yield "How fast it settled cannot be told: no curve fits the way down well enough."
    several = [one for one in report.like_marks if one.events > 1]
    for one in sorted(several, key=lambda one: -abs(one.change_bpm))[:1]:
        sure = (
            "more than it changes by itself"
            if one.low_bpm is not None and one.high_bpm is not None and (one.low_bpm > 0 or one.high_bpm < 0)
            else "no more than it may change by itself"
        )
        yield f"After {one.label} ({_times(one.events)}) it changed by {one.change_bpm:+.0f} bpm: {sure}."
    known_pct = 100 * min(1.0, page.heart_rate_s / page.still_s)
    yield f"A heart rate was known in {known_pct:.0f} % of the time, breaks left out" + (
        "; what happened in the rest is not known." if known_pct < 80 else "."
    )
    if not any(rest.kind == "baseline" for rest in page.rests) and head.kind is SessionKind.SESSION:
        yield "There was no silent baseline, so your usual was learned while the session went on."


def _rises_sentence(counted: Sequence[OwnRise], explained: int) -> str:
    besides = (
        f" {_times(explained).capitalize()} more it rose beside movement or technical trouble." if explained else ""
    )
    if not counted:
        return f"Your heart rate never rose well above your usual.{besides}"
    largest = max(counted, key=lambda rise: rise.rise_bpm)
    speaking = sum(rise.role is Role.SPEAKER for rise in counted)
    words = f"Your heart rate rose well above your usual {_times(len(counted))}, by {largest.rise_bpm:.0f} bpm at most"
    if speaking == len(counted):
        words += ", each time while you spoke"
    elif speaking:
        words += f", {_times(speaking)} while you spoke"
    return f"{words}.{besides}"


def _rest_sentence(rest: Rest) -> str:
    if rest.heart_rate_bpm is None:
        return f"At rest: {rest.fault}."
    variability = (
        f"RMSSD {rest.rmssd_ms:.0f} ms from {rest.beats} intervals, {rest.corrected_pct:.0f} % of them corrected"
        if rest.rmssd_ms is not None and not rest.variability_fault
        else f"no variability: {rest.variability_fault}"
    )
    return f"At rest your heart rate was {rest.heart_rate_bpm:.0f} bpm; {variability}."


def _chart(report: PersonReport, timeline: Timeline, line: HeartLine) -> HeartChart:
    page = report.page
    counted = sum(not rise.explained for rise in page.rises)
    at_s, bpm = tuple(line.at_s), tuple(line.heart_rate_bpm)
    return HeartChart(
        caption="Your heart rate against your own usual",
        alt=f"Heart rate between {min(bpm):.0f} and {max(bpm):.0f} bpm over {clock_text(page.duration_s)}, with "
        f"{counted} heart rate {'rise' if counted == 1 else 'rises'} shown.",
        duration_s=page.duration_s,
        at_s=at_s,
        heart_rate_bpm=bpm,
        usual_bpm=page.usual_bpm,
        blocks=tuple(_spans(timeline.events, page.duration_s)),
        moments=tuple(Moment(at_s=answer.at_s, label=answer.label) for answer in page.answers),
        rises=tuple(
            Rise(
                onset_s=rise.onset_s,
                peak_s=rise.peak_s,
                end_s=rise.end_s,
                peak_bpm=_at(line, rise.peak_s),
                explained=rise.explained,
            )
            for rise in page.rises
        ),
    )


def _at(line: HeartLine, at_s: float) -> float:
    """The heart rate nearest to a time."""
    nearest = min(range(len(line.at_s)), key=lambda index: abs(line.at_s[index] - at_s))
    return line.heart_rate_bpm[nearest]


def _room_chart(gathered: Gathered, head: Head) -> HeartChart | None:
    """The mean of what people's heart rates are above their usual, in the seconds in which it is known of enough."""
    sums: dict[int, tuple[int, float]] = {}
    shown = 0
    for person, page in gathered.pages.items():
        if not _may_be_told(page, Purpose.HEART_RATE) or page.usual_bpm is None:
            continue
        shown += 1
        line = gathered.lines.get(person, HeartLine())
        for at_s, bpm in zip(line.at_s, line.heart_rate_bpm, strict=True):
            count, total = sums.get(int(at_s), (0, 0.0))
            sums[int(at_s)] = count + 1, total + bpm - page.usual_bpm
    points = sorted((at_s, total / count) for at_s, (count, total) in sums.items() if count >= LEAST_PEOPLE)
    if not points:
        return None
    return HeartChart(
        caption=f"Heart rate above the own usual, mean of {shown} people (bpm)",
        alt=f"The mean of {shown} people's heart rates goes from {min(value for _, value in points):+.0f} to "
        f"{max(value for _, value in points):+.0f} bpm against their own usual.",
        duration_s=head.duration_s,
        at_s=tuple(float(at_s) for at_s, _ in points),
        heart_rate_bpm=tuple(value for _, value in points),
        usual_bpm=0.0,
        blocks=tuple(_spans(gathered.timeline.events, head.duration_s)),
        moments=(),
        rises=(),
    )


def _spans(events: Iterable[SessionEvent], duration_s: float) -> Iterator[Span]:
    blocks = [event for event in events if event.kind is EventKind.BLOCK and event.happened_us < duration_s * _US_PER_S]
    ends_s = [*(event.happened_us / _US_PER_S for event in blocks[1:]), duration_s]
    for block, until_s in zip(blocks, ends_s, strict=bool(blocks)):
        silent = BLOCK_PHASES.get(block.label) is Phase.SILENT
        since_s = max(0.0, block.happened_us / _US_PER_S)
        yield Span(since_s=since_s, until_s=until_s, label=block.note or block.label, silent=silent)


def _rises_table(rises: Iterable[OwnRise]) -> Table:
    columns = (
        Column(heading="time", numeric=True),
        Column(heading="block"),
        Column(heading="you"),
        Column(heading="rise", numeric=True),
        Column(heading="half-way down", numeric=True),
        Column(heading="beside"),
    )
    rows = tuple(
        (
            clock_text(rise.onset_s),
            rise.block,
            _ROLE_WORDS[rise.role],
            f"{rise.rise_bpm:+.0f} bpm",
            _half_time_words(rise),
            "explained by movement or trouble" if rise.explained else rise.beside or "nothing marked",
        )
        for rise in rises
    )
    return Table(caption="Each rise, when and beside what", columns=columns, rows=rows)


def _half_time_words(rise: OwnRise) -> str:
    if rise.half_time_s is None or rise.half_time_low_s is None or rise.half_time_high_s is None:
        return str(rise.recovery or "not known")
    return f"{rise.half_time_s:.0f} s ({rise.half_time_low_s:.0f} to {rise.half_time_high_s:.0f})"


def _like_marks(report: PersonReport, answers: Iterable[Answer]) -> Iterator[Part]:
    estimates = tuple(
        Estimate(label=one.label, value=one.change_bpm, low=one.low_bpm, high=one.high_bpm, note=_times(one.events))
        for one in report.like_marks
    )
    yield IntervalChart(
        caption="How your heart rate changed after each sort of mark (bpm, 95 %)",
        alt="; ".join(f"{one.label}: {one.change_bpm:+.1f} bpm over {_times(one.events)}" for one in report.like_marks),
        unit="bpm",
        estimates=estimates,
    )
    groups: dict[tuple[str, Role | None, bool | None], list[float]] = {}
    for answer in answers:
        if answer.change_bpm is not None:
            groups.setdefault((answer.label, answer.role, answer.unseen), []).append(answer.change_bpm)
    columns = (
        Column(heading="mark"),
        Column(heading="you"),
        Column(heading="scenario"),
        Column(heading="times", numeric=True),
        Column(heading="mean", numeric=True),
        Column(heading="from, to", numeric=True),
    )
    rows = tuple(
        (
            label,
            _ROLE_WORDS[role],
            {True: "new", False: "met before", None: ""}[unseen],
            str(len(changes)),
            f"{fmean(changes):+.1f} bpm",
            f"{min(changes):+.0f}, {max(changes):+.0f}" if len(changes) > 1 else "",
        )
        for (label, role, unseen), changes in sorted(groups.items(), key=lambda item: (item[0][0], str(item[0][1:])))
    )
    if rows:
        yield Table(caption="By what you did and whether the scenario was new", columns=columns, rows=rows)


def _rests_table(rests: Iterable[Rest]) -> Table:
    columns = (
        Column(heading="at rest"),
        Column(heading="from", numeric=True),
        Column(heading="heart rate", numeric=True),
        Column(heading="RMSSD", numeric=True),
        Column(heading="intervals", numeric=True),
        Column(heading="corrected", numeric=True),
        Column(heading="remark"),
    )
    rows = tuple(
        (
            rest.kind,
            clock_text(rest.since_s),
            "not known" if rest.heart_rate_bpm is None else f"{rest.heart_rate_bpm:.0f} bpm",
            "" if rest.rmssd_ms is None or rest.variability_fault else f"{rest.rmssd_ms:.0f} ms",
            str(rest.beats) if rest.beats else "",
            f"{rest.corrected_pct:.0f} %" if rest.beats else "",
            rest.variability_fault or ("optical intervals: less sure" if rest.pulse else ""),
        )
        for rest in rests
    )
    return Table(caption="Silent stretches; the first half minute of each is left out", columns=columns, rows=rows)


def _said_table(said: Mapping[str, str]) -> Table:
    columns = (Column(heading="about"), Column(heading="your answer"))
    return Table(caption="Only you see this", columns=columns, rows=tuple(sorted(said.items())))


def _quality_parts(report: PersonReport, wearable: str) -> Iterator[Part]:
    page, signal = report.page, report.signal
    if page.grade is not None:
        yield Words(text=f"Your wearable: {wearable}. {_GRADE_WORDS[page.grade]}")
    rows = [("reports received", str(page.reports)), ("heart rate known", clock_text(page.heart_rate_s))]
    if signal.beats:
        rows.append(("beats", str(signal.beats)))
    if signal.corrected_pct is not None:
        rows.append(("corrected", f"{signal.corrected_pct:.1f} %"))
    for name, count in (
        ("gaps in the beats", signal.gaps),
        ("link lost", signal.links_lost),
        ("silent link", signal.stalls),
        ("reports that could not be read", signal.undecodable),
        ("changes of the wearable", page.swaps),
    ):
        if count:
            rows.append((name, _times(count) if name in ("link lost", "silent link") else str(count)))
    columns = (Column(heading="what"), Column(heading="how much", numeric=True))
    yield Table(caption="Signal", columns=columns, rows=tuple(rows))


def _room_marks(pages: Iterable[Evidence]) -> Iterator[RoomMarks]:
    found: dict[str, dict[str, list[float]]] = {}
    for page in pages:
        for answer in page.answers:
            if answer.change_bpm is not None:
                found.setdefault(answer.label, {}).setdefault(page.person, []).append(answer.change_bpm)
    for label, by_person in sorted(found.items()):
        if len(by_person) >= LEAST_PEOPLE:
            yield RoomMarks(
                label=label,
                people=len(by_person),
                events=sum(len(changes) for changes in by_person.values()),
                change_bpm=fmean(fmean(changes) for changes in by_person.values()),
            )


def _room_table(responses: Iterable[RoomMarks]) -> Table:
    columns = (
        Column(heading="mark"),
        Column(heading="people", numeric=True),
        Column(heading="times", numeric=True),
        Column(heading="mean change", numeric=True),
    )
    rows = tuple((one.label, str(one.people), str(one.events), f"{one.change_bpm:+.1f} bpm") for one in responses)
    return Table(caption=f"Mean over people; only what is known of {LEAST_PEOPLE} or more", columns=columns, rows=rows)


def _limits() -> Section:
    return Section(
        heading="How this was measured, and its limits",
        parts=(Words(text=METHOD, tone=Tone.QUIET), Words(text=LIMITS, tone=Tone.QUIET)),
    )


def _title(head: Head) -> str:
    return head.title


def _subtitle(head: Head, whose: str) -> str:
    cohort = "" if head.cohort is None else f"{head.cohort}, "
    week = "" if head.week is None else f"week {head.week}, "
    return f"{whose}: {cohort}{week}{head.started_at:%Y-%m-%d %H:%M} UTC, {clock_text(head.duration_s)}"


def _signal(counts: PersonCounts | None) -> SignalQuality:
    if counts is None:
        return SignalQuality(beats=0, corrected_pct=None, gaps=0, links_lost=0, stalls=0, undecodable=0)
    return SignalQuality(
        beats=counts.beats,
        corrected_pct=100 * counts.corrected / counts.beats if counts.beats else None,
        gaps=counts.gaps,
        links_lost=counts.losses,
        stalls=counts.stalls,
        undecodable=counts.undecodable,
    )


def _spoken_rises(page: Evidence) -> list[OwnRise]:
    return [rise for rise in page.rises if rise.role is Role.SPEAKER and not rise.explained]


def _spoken_s(page: Evidence) -> float:
    return sum(spell.seconds for spell in page.exposures if spell.role is Role.SPEAKER)


def _may_be_told(page: Evidence, purpose: Purpose) -> bool:
    """Whether others may see it: a log in which nobody was asked passes whole."""
    return page.shares is None or purpose in page.shares


def _too_few(people: int) -> str:
    return (
        f"{'nobody lets' if not people else f'{people} of the people let' if people > 1 else '1 person lets'} them be "
        f"seen; a group is told of from {LEAST_PEOPLE} people on."
    )


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
