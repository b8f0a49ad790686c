"""What is known of a session: who had which rise, in which role, beside which event; what each part stands on.

Strategy: computed anew from what the fold has kept whenever it is asked for, live or after, so that a late mark or a
correction counts for the whole session. Events that cannot have an effect (before the start, after the end, about
nobody here) stay in it and are said.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from dsp import HeartSeconds, Recovery, Spike
from watchlink.alignment import (
    Association,
    Coincidence,
    Followed,
    Response,
    associate,
    coincidences,
    explanation,
    followed,
    responses,
)
from watchlink.packets import EventKind, LinkState, Purpose, Role, SessionEvent
from watchlink.readings import Grade, Phase
from watchlink.session import BLOCK_PHASES, Room, Standing

_US_PER_S: Final = 1_000_000


@dataclass(slots=True)
class HeartLine:
    """A person's smoothed heart rate, one value a second where it is known."""

    at_s: array[float] = field(default_factory=lambda: array("d"))
    heart_rate_bpm: array[float] = field(default_factory=lambda: array("d"))

    def add(self, at_s: float, heart_rate_bpm: float) -> None:
        """Take the next second."""
        self.at_s.append(at_s)
        self.heart_rate_bpm.append(heart_rate_bpm)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSpell:
    """A stretch of the session in which a person had a role."""

    since_s: float
    until_s: float
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Risen:
    """A person's spike, with what the pipeline said of it."""

    person: str
    spike: Spike
    rmssd_change_pct: float | None = None
    recovery: Recovery | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedSpike:
    """A person's spike in the session.

    Attributes:
        person: whose it is.
        spike: the observation.
        rmssd_change_pct: of the spike against the minute before it, where both were readable.
        role: what the person did when it began; None where nobody said.
        block: title of the block that it began in; empty before the first.
        recovery: how the heart rate came down; None while it is still looked at.
        explained_by: the body's movement or trouble with the technique beside it, which explains it.
        associations: events that may belong to it, the likeliest first.
    """

    person: str
    spike: Spike
    rmssd_change_pct: float | None
    role: Role | None
    block: str
    recovery: Recovery | None
    explained_by: SessionEvent | None
    associations: tuple[Association, ...]


@dataclass(slots=True)
class PersonCounts:
    """What a person's part of the session stands on."""

    profile: str
    grade: Grade | None = None
    notifications: int = 0
    undecodable: int = 0
    duplicates: int = 0
    late: int = 0
    losses: int = 0
    stalls: int = 0
    swaps: int = 0
    with_reserved_flags: int = 0
    with_surplus_octets: int = 0
    beats: int = 0
    corrected: int = 0
    gaps: int = 0
    usual_bpm: float | None = None
    heart_rate_s: int = 0
    """Seconds with a heart rate, movement left out: what responses and odds stand on."""
    not_shared: tuple[Purpose, ...] = ()
    """What this person does not let others see; it is not in the timeline."""

    def count_link(self, state: LinkState) -> None:
        """Take a change of the link."""
        self.losses += state is LinkState.LOST
        self.stalls += state is LinkState.STALLED


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What happened to whom, and when; times in seconds on the session's axis.

    Attributes:
        duration_s: until the last packet.
        people: what each person's part stands on.
        roles: when each person had which role.
        events: as they stand after corrections, in order of when they happened.
        spikes: everybody's, in order of their onsets; those that something explains are among them.
        responses: what each person's heart rate did at each sort of mark.
        followed: how often each sort of mark was followed by a rise.
        coincidences: where several people's rises began together.
        remarks: what is odd about the session as a whole, as sentences.
    """

    duration_s: float
    people: Mapping[str, PersonCounts]
    roles: Mapping[str, tuple[RoleSpell, ...]]
    events: tuple[SessionEvent, ...]
    spikes: tuple[TimedSpike, ...]
    responses: tuple[Response, ...]
    followed: tuple[Followed, ...]
    coincidences: tuple[Coincidence, ...]
    remarks: tuple[str, ...]


def assemble(
    *,
    duration_s: float,
    counts: Mapping[str, PersonCounts],
    lines: Mapping[str, HeartLine],
    standing: Standing,
    spikes: Sequence[Risen],
) -> Timeline:
    """The timeline of what a fold has kept.

    Args:
        duration_s: until the last packet, above 0.
        counts: of each person.
        lines: the heart rate of each person.
        standing: the events after corrections.
        spikes: everybody's.
    """
    events = tuple(event for event in standing.events if event.kind is not EventKind.NOTE)
    moving = tuple(movement(events, until_s=duration_s))
    seconds = {
        name: HeartSeconds.of(line.at_s, line.heart_rate_bpm, until_s=duration_s, without=moving)
        for name, line in lines.items()
    }
    timed = [_timed(risen, events=events, seconds=seconds[risen.person]) for risen in spikes]
    timed.sort(key=lambda one: (one.spike.onset_s, one.person))
    # Of people whose rises are not shared it is not known that nothing followed. A rise that the body explains says
    # nothing about what was said.
    with_rises = {name: one for name, one in seconds.items() if Purpose.RISES not in counts[name].not_shared}
    onsets_s = {
        name: [one.spike.onset_s for one in timed if one.person == name and one.explained_by is None]
        for name in with_rises
    }
    return Timeline(
        duration_s=duration_s,
        people={name: replace(counted, heart_rate_s=seconds[name].known_s) for name, counted in counts.items()},
        roles={name: role_spells(events, name, until_s=duration_s) for name in counts},
        events=standing.events,
        spikes=tuple(timed),
        responses=tuple(responses(seconds, events)),
        followed=tuple(followed(with_rises, events, onsets_s)),
        coincidences=tuple(coincidences(with_rises, events, onsets_s)),
        remarks=tuple(_remarks(standing, counts, duration_s)),
    )


def _timed(risen: Risen, *, events: Sequence[SessionEvent], seconds: HeartSeconds) -> TimedSpike:
    person, spike = risen.person, risen.spike
    room = _room_at(events, spike.onset_s)
    return TimedSpike(
        person=person,
        spike=spike,
        rmssd_change_pct=risen.rmssd_change_pct,
        role=room.role(person),
        block="" if room.block is None else room.block.note or room.block.label,
        recovery=risen.recovery,
        explained_by=explanation(onset_s=spike.onset_s, person=person, events=events),
        associations=associate(onset_s=spike.onset_s, person=person, events=events, seconds=seconds),
    )


def movement(events: Sequence[SessionEvent], *, until_s: float) -> Iterator[tuple[float, float]]:
    """The blocks in which people move about."""
    blocks = [event for event in events if event.kind is EventKind.BLOCK]
    ends_s = [*(event.happened_us / _US_PER_S for event in blocks[1:]), until_s]
    for block, end_s in zip(blocks, ends_s, strict=bool(blocks)):
        if BLOCK_PHASES.get(block.label) is Phase.MOVEMENT:
            yield block.happened_us / _US_PER_S, end_s


def role_spells(events: Sequence[SessionEvent], person: str, *, until_s: float) -> tuple[RoleSpell, ...]:
    """When a person had which role, by events in order of when they happened."""
    room = Room()
    spells: list[RoleSpell] = []
    role, since_s = None, 0.0
    for event in events:
        room.enter(event)
        now = room.role(person)
        if now is role:
            continue
        at_s = min(max(event.happened_us / _US_PER_S, 0.0), until_s)
        if role is not None and at_s > since_s:
            spells.append(RoleSpell(since_s=since_s, until_s=at_s, role=role))
        role, since_s = now, at_s
    if role is not None and until_s > since_s:
        spells.append(RoleSpell(since_s=since_s, until_s=until_s, role=role))
    return tuple(spells)


def _room_at(events: Sequence[SessionEvent], at_s: float) -> Room:
    room = Room()
    for event in events[: bisect_right(events, at_s * _US_PER_S, key=lambda event: event.happened_us)]:
        room.enter(event)
    return room


def _remarks(standing: Standing, counts: Mapping[str, PersonCounts], duration_s: float) -> Iterator[str]:
    events = standing.events
    before = sum(event.happened_us < 0 for event in events)
    after = sum(event.happened_us > duration_s * _US_PER_S for event in events)
    if before:
        yield f"{_events(before)} happened before the session began; no heart rate is beside {_them(before)}"
    if after:
        yield f"{_events(after)} happened after the last report; no heart rate is beside {_them(after)}"
    for name in sorted({event.person for event in events if event.person is not None} - counts.keys()):
        yield f"events name {name}, who wears nothing in this session"
    if standing.corrected:
        were = "was" if standing.corrected == 1 else "were"
        yield f"{_events(standing.corrected)} {were} corrected or taken back; the log keeps what was entered"
    if standing.unmatched:
        what = "1 correction is" if standing.unmatched == 1 else f"{standing.unmatched} corrections are"
        yield f"{what} of something that was never entered"
    if not any(event.kind is EventKind.BLOCK and event.label == "baseline" for event in events):
        yield "there is no silent baseline; what is usual is learned while the session goes on"
    for name, counted in counts.items():
        if counted.swaps:
            yield f"{name} changed the wearable {'once' if counted.swaps == 1 else f'{counted.swaps} times'}"
        if not counted.notifications:
            yield f"{name}: nothing was received"


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count} events"


def _them(count: int) -> str:
    return "it" if count == 1 else "them"
