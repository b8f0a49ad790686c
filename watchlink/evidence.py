"""What one recording says of one person: what a programme's statistics stand on. Computed from the log, kept beside it.

Strategy: a log is folded once, as its owner may see it, into a page of numbers for each person. They are kept in the
archive as JSON and can always be computed again; `MADE_BY` changes with whatever changes them, so that old ones are
never mixed with new ones. What others may see of them is decided when they are read, not when they are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from dsp import CleanBeat, CleanSeries, HeartSeconds, RecoveryVerdict, TooShort, hrv
from watchlink.alignment import concerns
from watchlink.errors import SessionFileError
from watchlink.fold import SessionFold
from watchlink.packets import EventKind, Packet, Planned, Purpose, Role, SelfReport, SessionEvent, Sharing
from watchlink.readings import BeatReading, Grade, HeartRateReading, Phase
from watchlink.session import BLOCK_PHASES, Plan, Room, explains, parse_plan
from watchlink.timeline import HeartLine, TimedSpike, Timeline, movement

MADE_BY: Final = "1"
"""Which way of computing it is: a page of another way is computed anew."""
SETTLING_S: Final = 30.0
"""At the beginning of a silent block people sit down; that much of it is left out."""
LEAST_REST_S: Final = 120.0
"""A shorter silence says too little of the heart at rest."""
MOST_CORRECTED_PCT: Final = 5.0
"""Of the intervals of a resting measurement: with more, its RMSSD is not used."""
LEAST_KNOWN_PCT: Final = 80.0
"""Of a resting measurement: with a heart rate in less, it is not used."""
_US_PER_S: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """A silent stretch: a baseline, or the recovery at the end.

    Attributes:
        kind: of the block, "baseline" or "recovery".
        since_s, until_s: on the session's axis, the first half minute (settling down) left out.
        heart_rate_bpm: median of the smoothed heart rate; None if it is known in less than 80 % of the time.
        known_pct: of its seconds with a heart rate.
        rmssd_ms: over all of it; None where it cannot be read, see `hrv_absent_because`.
        beats: in the NN series.
        corrected_pct: of the intervals.
        hrv_absent_because: why there is no RMSSD; empty where there is.
        pulse: the intervals are optical.
    """

    kind: str
    since_s: float
    until_s: float
    heart_rate_bpm: float | None
    known_pct: float
    rmssd_ms: float | None
    beats: int
    corrected_pct: float
    hrv_absent_because: str
    pulse: bool = False

    @property
    def fault(self) -> str:
        """Why it is not used at all; empty if its heart rate is.

        The heart rate of an electrical sensor comes from its beats, so it is no surer than they are.
        """
        lasted_s = self.until_s - self.since_s
        if lasted_s < LEAST_REST_S:
            return f"after settling it lasted {lasted_s:.0f} s, and {LEAST_REST_S:.0f} are needed"
        if self.known_pct < LEAST_KNOWN_PCT:
            return f"the heart rate is known in {self.known_pct:.0f} % of the time, less than {LEAST_KNOWN_PCT:.0f} %"
        return "" if self.pulse else self._corrected_fault

    @property
    def variability_fault(self) -> str:
        """Why its RMSSD is not used; empty if it is."""
        return self.fault or self.hrv_absent_because or self._corrected_fault

    @property
    def _corrected_fault(self) -> str:
        if self.corrected_pct <= MOST_CORRECTED_PCT:
            return ""
        return f"{self.corrected_pct:.0f} % of the intervals had to be corrected, more than {MOST_CORRECTED_PCT:.0f} %"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the heart rate did at one mark that concerns the person.

    Attributes:
        label: of the mark.
        at_s: when it happened.
        role: of the person then; None where nobody said.
        block: title of the block.
        unseen: whether the scenario was one that nobody had met; None where the plan does not say.
        change_bpm: mean of the minute after minus mean of the half minute before; None where not known well enough.
    """

    label: str
    at_s: float
    role: Role | None
    block: str
    unseen: bool | None
    change_bpm: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRise:
    """One heart rate rise.

    Attributes:
        onset_s, peak_s, end_s: on the session's axis.
        rise_bpm: above the own usual, at the peak.
        role, block: when it began.
        beside: label of the mark that may belong to it; empty where there is none.
        explained: movement or trouble with the technique explains it.
        half_time_s: in which half of it was gone, by a fit; None where no fit held.
        half_time_low_s, half_time_high_s: its 95 % interval.
        recovery: what became of the fit; None where the session ended before.
    """

    onset_s: float
    peak_s: float
    end_s: float
    rise_bpm: float
    role: Role | None
    block: str
    beside: str
    explained: bool
    half_time_s: float | None
    half_time_low_s: float | None
    half_time_high_s: float | None
    recovery: RecoveryVerdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How long the person was in a role in blocks of a kind, with a heart rate."""

    kind: str
    role: Role | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One person's part of one recording.

    Attributes:
        person: pseudonym.
        profile: of the wearable worn last.
        grade: of its signal; None where no report came.
        swaps: how often another wearable was put on.
        shares: what the person let others see at the end; None where nobody was asked.
        reports: of the wearable.
        heart_rate_s: seconds with a heart rate, movement left out.
        still_s: of the recording, movement left out.
        duration_s: of the recording.
        usual_bpm: the own usual at the end; None where not known.
        rests, answers, rises, exposures: in order of time.
        self_reports: the last answer to each item.
    """

    person: str
    profile: str
    grade: Grade | None
    swaps: int
    shares: frozenset[Purpose] | None
    reports: int
    heart_rate_s: float
    still_s: float
    duration_s: float
    usual_bpm: float | None
    rests: tuple[Rest, ...] = ()
    answers: tuple[Answer, ...] = ()
    rises: tuple[OwnRise, ...] = ()
    exposures: tuple[Exposure, ...] = ()
    self_reports: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What a log says of everybody, as they themselves may see it.

    Attributes:
        pages: by pseudonym, in the order in which people come up.
        lines: their heart rates, second by second.
        timeline: of the session.
    """

    pages: dict[str, Evidence]
    lines: dict[str, HeartLine]
    timeline: Timeline


def gather(packets: Iterable[Packet]) -> Gathered:
    """Fold a log into everybody's page."""
    fold = SessionFold()
    lines: dict[str, HeartLine] = {}
    beats: dict[str, list[BeatReading]] = {}
    shares: dict[str, frozenset[Purpose]] = {}
    told: dict[str, dict[str, str]] = {}
    planned: Planned | None = None
    for packet in packets:
        match packet:
            case Sharing():  # it is theirs: what others may see of it is asked when it is read
                shares[packet.person] = packet.purposes
                continue
            case SelfReport():
                told.setdefault(packet.person, {})[packet.item] = packet.answer
            case Planned():
                planned = packet
            case _:
                pass
        _collect(fold.push(packet), lines, beats)
    _collect(fold.flush(), lines, beats)
    timeline = fold.timeline()
    unseen = _unseen(planned)
    people = dict.fromkeys([*shares, *timeline.people, *told])
    pages = {
        person: _page(
            person,
            timeline,
            line=lines.get(person, HeartLine()),
            beats=beats.get(person, []),
            unseen=unseen,
            shares=shares.get(person, frozenset()) if shares else None,
            told=told.get(person, {}),
        )
        for person in people
    }
    return Gathered(pages=pages, lines=lines, timeline=timeline)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """Part of a session in which the block and a person's role stay the same."""

    since_s: float
    until_s: float
    block: SessionEvent | None
    role: Role | None


def _collect(readings: Iterable[object], lines: dict[str, HeartLine], beats: dict[str, list[BeatReading]]) -> None:
    for reading in readings:
        match reading:
            case HeartRateReading():
                lines.setdefault(reading.person, HeartLine()).add(reading.at_s, reading.heart_rate_bpm)
            case BeatReading():
                beats.setdefault(reading.person, []).append(reading)
            case _:
                pass


def _page(
    person: str,
    timeline: Timeline,
    *,
    line: HeartLine,
    beats: Sequence[BeatReading],
    unseen: Mapping[str, bool] | None,
    shares: frozenset[Purpose] | None,
    told: dict[str, str],
) -> Evidence:
    events = tuple(event for event in timeline.events if event.kind is not EventKind.NOTE)
    until_s = timeline.duration_s
    moving = list(movement(events, until_s=until_s))
    seconds = HeartSeconds.of(line.at_s, line.heart_rate_bpm, until_s=until_s, without=moving)
    stretches = list(_stretches(events, person, until_s=until_s))
    counts = timeline.people.get(person)
    grade = None if counts is None else counts.grade
    return Evidence(
        person=person,
        profile="" if counts is None else counts.profile,
        grade=grade,
        swaps=0 if counts is None else counts.swaps,
        shares=shares,
        reports=0 if counts is None else counts.notifications,
        heart_rate_s=seconds.known_s,
        still_s=max(1.0, until_s - sum(end_s - since_s for since_s, end_s in moving)),
        duration_s=until_s,
        usual_bpm=None if counts is None else counts.usual_bpm,
        rests=tuple(_rest(*silent, seconds=seconds, beats=beats, grade=grade) for silent in _silent(events, until_s)),
        answers=tuple(_answers(events, person, stretches, seconds, unseen)),
        rises=tuple(_rise(timed) for timed in timeline.spikes if timed.person == person),
        exposures=tuple(_exposures(stretches, seconds)),
        self_reports=told,
    )


def _stretches(events: Sequence[SessionEvent], person: str, *, until_s: float) -> Iterator[_Stretch]:
    room = Room()
    since_s, block, role = 0.0, room.block, room.role(person)
    for event in events:
        room.enter(event)
        if room.block is block and room.role(person) is role:
            continue
        at_s = min(max(event.happened_us / _US_PER_S, 0.0), until_s)
        if at_s > since_s:
            yield _Stretch(since_s=since_s, until_s=at_s, block=block, role=role)
        since_s, block, role = max(at_s, since_s), room.block, room.role(person)
    if until_s > since_s:
        yield _Stretch(since_s=since_s, until_s=until_s, block=block, role=role)


def _silent(events: Sequence[SessionEvent], until_s: float) -> Iterator[tuple[str, float, float]]:
    """Kind, beginning and end of what can be measured at rest."""
    blocks = [event for event in events if event.kind is EventKind.BLOCK]
    ends_s = [*(event.happened_us / _US_PER_S for event in blocks[1:]), until_s]
    for block, end_s in zip(blocks, ends_s, strict=bool(blocks)):
        since_s = max(block.happened_us / _US_PER_S, 0.0) + SETTLING_S
        if block.label in ("baseline", "recovery") and end_s - since_s >= SETTLING_S:
            yield block.label, since_s, end_s


def _rest(
    kind: str,
    since_s: float,
    until_s: float,
    *,
    seconds: HeartSeconds,
    beats: Sequence[BeatReading],
    grade: Grade | None,
) -> Rest:
    known_s, median_bpm = seconds.between(since_s, until_s)
    known_pct = min(100.0, 100 * known_s / max(1.0, until_s - since_s - 1))
    inside = [beat for beat in beats if since_s <= beat.at_s - beat.nn_ms / 1000 and beat.at_s <= until_s]
    readable = [_clean(beat) for beat in inside if beat.hrv_absent_because is None]
    rmssd_ms, count, corrected_pct = None, 0, 0.0
    because = inside[0].hrv_absent_because or "" if inside and not readable else ""
    try:
        metrics = hrv(CleanSeries.of(readable))
    except TooShort:
        because = because or (
            "this wearable sends no usable intervals between beats"
            if grade is Grade.RATE
            else "no intervals between heart beats came"
        )
    else:
        rmssd_ms, count = metrics.time_domain.rmssd_ms, metrics.quality.beats
        corrected_pct = metrics.quality.corrected_pct
        if rmssd_ms is None:
            because = metrics.time_domain.absent.get("rmssd_ms", "there are too few intervals")
        elif metrics.quality.covered_s < LEAST_KNOWN_PCT / 100 * (until_s - since_s - 1):
            rmssd_ms, because = (
                None,
                f"the intervals cover {metrics.quality.covered_s:.0f} of {until_s - since_s:.0f} s",
            )
    return Rest(
        kind=kind,
        since_s=since_s,
        until_s=until_s,
        heart_rate_bpm=None if known_pct < LEAST_KNOWN_PCT else median_bpm,
        known_pct=known_pct,
        rmssd_ms=rmssd_ms,
        beats=count,
        corrected_pct=corrected_pct,
        hrv_absent_because=because,
        pulse=grade is Grade.PULSE,
    )


def _clean(beat: BeatReading) -> CleanBeat:
    return CleanBeat(
        at_s=beat.at_s, nn_ms=beat.nn_ms, label=beat.label, corrected=beat.corrected, gap_before=beat.gap_before
    )


def _answers(
    events: Sequence[SessionEvent],
    person: str,
    stretches: Sequence[_Stretch],
    seconds: HeartSeconds,
    unseen: Mapping[str, bool] | None,
) -> Iterator[Answer]:
    for event in events:
        if event.kind is not EventKind.MARK or explains(event) or not concerns(event, person):
            continue
        at_s = event.happened_us / _US_PER_S
        where = next((one for one in stretches if one.since_s <= at_s < one.until_s), None)
        block = None if where is None else where.block
        title = "" if block is None else block.note or block.label
        yield Answer(
            label=event.label,
            at_s=at_s,
            role=None if where is None else where.role,
            block=title,
            unseen=None if unseen is None else unseen.get(title),
            change_bpm=seconds.change_around(at_s),
        )


def _rise(timed: TimedSpike) -> OwnRise:
    recovery = timed.recovery
    interval_s = None if recovery is None else recovery.half_time_interval_s
    return OwnRise(
        onset_s=timed.spike.onset_s,
        peak_s=timed.spike.peak_s,
        end_s=timed.spike.end_s,
        rise_bpm=timed.spike.rise_bpm,
        role=timed.role,
        block=timed.block,
        beside=timed.associations[0].event.label if timed.associations else "",
        explained=timed.explained_by is not None,
        half_time_s=None if recovery is None else recovery.half_time_s,
        half_time_low_s=None if interval_s is None else interval_s.low,
        half_time_high_s=None if interval_s is None else interval_s.high,
        recovery=None if recovery is None else recovery.verdict,
    )


def _exposures(stretches: Iterable[_Stretch], seconds: HeartSeconds) -> Iterator[Exposure]:
    total_s: dict[tuple[str, Role | None], float] = {}
    for one in stretches:
        kind = "" if one.block is None else one.block.label
        if BLOCK_PHASES.get(kind) is not Phase.MOVEMENT:
            known_s, _ = seconds.between(one.since_s, one.until_s)
            total_s[kind, one.role] = total_s.get((kind, one.role), 0.0) + known_s
    return (Exposure(kind=kind, role=role, seconds=known_s) for (kind, role), known_s in total_s.items() if known_s)


def _unseen(planned: Planned | None) -> dict[str, bool] | None:
    """Of each block of talk whether its scenario is one that nobody had met; None where the plan does not say."""
    if planned is None or planned.week is None:
        return None
    try:
        plan: Plan = parse_plan(planned.text, file="the plan of this session")
    except SessionFileError:
        return None
    if not any(block.new_in_weeks for block in plan.blocks):
        return None
    return {block.title: planned.week in block.new_in_weeks for block in plan.blocks if block.kind == "role-play"}
