"""What a session says of the room: sums and means over five people or more who let the thing in question be seen.

Where they are fewer, the reason stands in its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from watchlink.evidence import Evidence, Gathered, OwnRise
from watchlink.measures import LEAST_PEOPLE
from watchlink.packets import EventKind, Purpose, Role
from watchlink.reports.document import Column, Document, HeartChart, Part, Section, Table, Tone, Words
from watchlink.reports.session_head import INTERRUPTED, Head, block_spans, limits_section, subtitle
from watchlink.timeline import HeartLine


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
        first.append(Words(text=INTERRUPTED))
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
    sections.append(Section(heading="How this was measured, and its limits", parts=(limits, *limits_section().parts)))
    return Document(title=head.title, subtitle=subtitle(head, "the room"), sections=tuple(sections))


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
        blocks=tuple(block_spans(gathered.timeline.events, head.duration_s)),
        moments=(),
        rises=(),
    )


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
