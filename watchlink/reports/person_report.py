"""What a session says to one person of themself: plain sentences first, then numbers, then what they stand on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final

from firmware_profiles.profiles import Profile
from watchlink.archive import SessionKind
from watchlink.clock import clock_text
from watchlink.evidence import Answer, Evidence, Gathered, OwnRise, Rest
from watchlink.packets import Role
from watchlink.readings import Grade
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
    Table,
    Tone,
    Words,
)
from watchlink.reports.session_head import INTERRUPTED, Head, block_spans, limits_section, subtitle, times
from watchlink.timeline import HeartLine, PersonCounts, Timeline

_ROLE_WORDS: Final = {Role.SPEAKER: "spoke", Role.LISTENER: "listened", Role.OBSERVER: "observed", None: ""}
_GRADE_WORDS: Final = {
    Grade.BEAT: "It sends the intervals between heart beats as an electrical sensor sees them: heart rate, its rises, "
    "and in silence its variability can be read.",
    Grade.PULSE: "It sees the pulse with light and sends intervals: heart rate and its rises can be read; variability "
    "at rest only, and less surely.",
    Grade.RATE: "It sends beats a minute and no intervals: heart rate and its rises can be read, variability cannot.",
}


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
    sections.append(limits_section())
    return Document(title=report.head.title, subtitle=subtitle(report.head, page.person), sections=tuple(sections))


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
            at_rest_bpm = round(rest.heart_rate_bpm, 1)
            yield ("rest", rest.since_s, f"{rest.kind} heart rate", at_rest_bpm, "bpm", None, None, "")
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
        yield INTERRUPTED
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
        yield f"After {one.label} ({times(one.events)}) it changed by {one.change_bpm:+.0f} bpm: {sure}."
    known_pct = 100 * min(1.0, page.heart_rate_s / page.still_s)
    yield f"A heart rate was known in {known_pct:.0f} % of the time, breaks left out" + (
        "; what happened in the rest is not known." if known_pct < 80 else "."
    )
    if not any(rest.kind == "baseline" for rest in page.rests) and head.kind is SessionKind.SESSION:
        yield "There was no silent baseline, so your usual was learned while the session went on."


def _rises_sentence(counted: Sequence[OwnRise], explained: int) -> str:
    besides = (
        f" {times(explained).capitalize()} more it rose beside movement or technical trouble." if explained else ""
    )
    if not counted:
        return f"Your heart rate never rose well above your usual.{besides}"
    largest = max(counted, key=lambda rise: rise.rise_bpm)
    speaking = sum(rise.role is Role.SPEAKER for rise in counted)
    words = f"Your heart rate rose well above your usual {times(len(counted))}, by {largest.rise_bpm:.0f} bpm at most"
    if speaking == len(counted):
        words += ", each time while you spoke"
    elif speaking:
        words += f", {times(speaking)} while you spoke"
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
        blocks=tuple(block_spans(timeline.events, page.duration_s)),
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
        Estimate(label=one.label, value=one.change_bpm, low=one.low_bpm, high=one.high_bpm, note=times(one.events))
        for one in report.like_marks
    )
    yield IntervalChart(
        caption="How your heart rate changed after each sort of mark (bpm, 95 %)",
        alt="; ".join(f"{one.label}: {one.change_bpm:+.1f} bpm over {times(one.events)}" for one in report.like_marks),
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
            rows.append((name, times(count) if name in ("link lost", "silent link") else str(count)))
    columns = (Column(heading="what"), Column(heading="how much", numeric=True))
    yield Table(caption="Signal", columns=columns, rows=tuple(rows))


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
