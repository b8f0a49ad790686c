"""A whole virtual practice session: who wears what, who speaks when, what is marked, which hearts answer.

Strategy: one seed decides everything, person by person with a chance of its own, so that a cohort of six is the first
six of a cohort of eight.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from zlib import crc32

from firmware_profiles.profiles import Profile, load_profiles
from watchlink.pacer import Breath
from watchlink.packets import EventKind, Role, SessionEvent
from watchlink.readings import Phase
from watchlink.session import BLOCK_PHASES, Plan
from watchlink.sources.virtual.heart import Activity, Heart, Paced, Resonance, Response, Stretch, Temperament
from watchlink.sources.virtual.sensor import Movement, Truth, emissions
from watchlink.sources.virtual.wearable import VirtualWearable
from watchlink.vocabulary import meaning_of

ALIASES: Final = ("Heron", "Otter", "Wren", "Ibis", "Lark", "Marten", "Finch", "Robin")
WEARABLES: Final = (
    "polar-h10",
    "garmin-hrm-dual",
    "garmin-watch",
    "wahoo-tickr",
    "scosche-rhythm24",
    "movesense",
    "polar-verity-sense",
    "fitbit-charge-6",
)
_TURN_S: Final = 225.0
# How likely a heart answers to what is marked on its owner; the rest of what can be marked leaves it as it is.
_ANSWERS: Final = {"escalation": 0.85, "interruption": 0.5, "got-feedback": 0.3}
_TALK_MARKS: Final = (
    "escalation",
    "escalation",
    "interruption",
    "paraphrase",
    "open-question",
    "silence-held",
    "your-time",
)
# Some escalations reach the whole room: then each of the others answers with this chance.
_ROOM_WIDE: Final = 0.15
_OTHERS_ANSWER: Final = 0.5
# How often somebody gets up outside a break, and how often that is seen and marked.
_STANDS_PER_H: Final = 0.8
_STAND_SEEN: Final = 0.6
# A rise near another one of the same person could not be told from it.
_APART_S: Final = 120.0
# Some marks are entered late; how long ago it was is then said to a few seconds.
_LATE: Final = 0.15
_US_PER_S: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualPerson:
    """One person of the cohort; `truth` is for tests and benchmarks."""

    person: str
    profile: Profile
    wearable: VirtualWearable
    truth: Truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """A session to come: its people, and the events that the facilitator will mark."""

    people: tuple[VirtualPerson, ...]
    events: tuple[SessionEvent, ...]


def practice(*, plan: Plan, people: int, seed: int, aliases: Sequence[str] = ALIASES) -> Practice:
    """Make a session up.

    Args:
        plan: its blocks.
        people: 1..8.
        aliases: what they are called, as many as there are people or more.
        seed: the same seed gives the same bytes.

    Raises:
        ValueError: `people` is out of range.
    """
    if not 1 <= people <= len(ALIASES):
        raise ValueError(f"people must be 1 to {len(ALIASES)}, got {people}")
    aliases = aliases[:people]
    chance = random.Random(f"{seed} room")
    events: list[SessionEvent] = []
    stretches: dict[str, list[Stretch]] = {alias: [] for alias in aliases}
    responses: dict[str, list[Response]] = {alias: [] for alias in aliases}
    starts = plan.events()
    turn = 0
    for start, block in zip(starts, plan.blocks, strict=True):
        events.append(start)
        start_s, end_s = start.at_us / _US_PER_S, start.at_us / _US_PER_S + block.minutes * 60
        for alias in aliases:
            stretches[alias].append(Stretch(start_s=start_s, activity=IN_PHASE[BLOCK_PHASES[block.kind]]))
        if block.kind == "feedback":
            events += _react(
                chance, feedback_marks(chance, aliases, since_s=start_s + 30, until_s=end_s - 30), responses
            )
        if block.kind != "role-play":
            continue
        at_s = start_s + 5
        while at_s + 60 < end_s:
            speaker = aliases[turn % people]
            turn += 1
            until_s = min(at_s + _TURN_S, end_s)
            events.append(_event(at_s, EventKind.ROLE, Role.SPEAKER, speaker))
            if people > 1:
                events.append(_event(at_s, EventKind.ROLE, Role.LISTENER, aliases[turn % people]))
            stretches[speaker] += [
                Stretch(start_s=at_s, activity=Activity.TALK),
                Stretch(start_s=until_s, activity=Activity.LISTEN),
            ]
            events += _react(chance, _marks(chance, speaker, since_s=at_s + 25, until_s=until_s - 20), responses)
            at_s = until_s
    everybody: list[VirtualPerson] = []
    for seat, alias in enumerate(aliases):
        movements = movements_of(random.Random(f"{seed} {alias} movements"), plan, responses[alias])
        events += marks_of_movements(random.Random(f"{seed} {alias} seen"), alias, movements, plan)
        profile = load_profiles()[WEARABLES[seat]]
        everybody.append(_person(alias, profile, seed, stretches[alias], responses[alias], movements))
    entered = [as_entered(random.Random(f"{seed} {number} entered"), event) for number, event in enumerate(events)]
    return Practice(people=tuple(everybody), events=tuple(sorted(entered, key=lambda event: event.at_us)))


def breather(
    *, breath_at: Callable[[float], Breath | None], seed: int, profile_id: str = WEARABLES[0]
) -> VirtualPerson:
    """Somebody who sits in silence and breathes with a pacer, and whose heart follows.

    Args:
        breath_at: what the pacer asks for at an instant of the session's axis.
        seed: decides the heart, its own rate included.
        profile_id: of the wearable.
    """
    resonance = Resonance.drawn_from(random.Random(f"{seed} {ALIASES[0]} resonance"))
    return _person(
        ALIASES[0], load_profiles()[profile_id], seed, (), (), (), Paced(breath_at=breath_at, resonance=resonance)
    )


IN_PHASE: Final = {
    Phase.SILENT: Activity.SILENT,
    Phase.TALK: Activity.LISTEN,
    Phase.MOVEMENT: Activity.MOVE,
    Phase.UNKNOWN: Activity.LISTEN,
}


def _marks(chance: random.Random, speaker: str, *, since_s: float, until_s: float) -> list[SessionEvent]:
    """What a facilitator marks while somebody practises."""
    marks: list[SessionEvent] = []
    at_s = since_s + chance.uniform(0, 30)
    while at_s < until_s:
        marks.append(_event(at_s, EventKind.MARK, chance.choice(_TALK_MARKS), speaker))
        at_s += chance.uniform(40, 110)
    return marks


def feedback_marks(
    chance: random.Random, aliases: Sequence[str], *, since_s: float, until_s: float
) -> list[SessionEvent]:
    """What is marked while people tell each other what they saw."""
    marks: list[SessionEvent] = []
    at_s = since_s + chance.uniform(0, 60)
    while at_s < until_s:
        marks.append(_event(at_s, EventKind.MARK, "got-feedback", chance.choice(aliases)))
        at_s += chance.uniform(60, 180)
    return marks


def _react(
    chance: random.Random, marks: list[SessionEvent], responses: dict[str, list[Response]]
) -> list[SessionEvent]:
    """Let hearts answer to marks, and give the marks back."""
    for mark in marks:
        assert mark.person is not None
        if chance.random() < _ANSWERS.get(mark.label, 0.0):
            _answer(chance, mark, responses[mark.person])
        if mark.label == "escalation" and chance.random() < _ROOM_WIDE:
            for other, own in responses.items():
                if other != mark.person and chance.random() < _OTHERS_ANSWER:
                    _answer(chance, mark, own)
    return marks


def _answer(chance: random.Random, mark: SessionEvent, own: list[Response]) -> None:
    """A response, if this heart is not still at its last one."""
    at_s = mark.at_us / _US_PER_S
    if own and at_s - own[-1].onset_s < _APART_S:
        return
    own.append(
        Response(
            onset_s=at_s + chance.uniform(1.0, 6.0),
            rise_bpm=chance.uniform(10, 28),
            rise_s=chance.uniform(6, 14),
            hold_s=chance.uniform(5, 25),
            half_time_s=chance.uniform(10, 30),
        )
    )


def movements_of(chance: random.Random, plan: Plan, responses: Sequence[Response]) -> tuple[Movement, ...]:
    """When somebody gets up, in blocks in which people sit and talk."""
    movements: list[Movement] = []
    for start, block in zip(plan.events(), plan.blocks, strict=True):
        since_s, until_s = start.at_us / _US_PER_S, start.at_us / _US_PER_S + block.minutes * 60
        at_s = since_s + chance.expovariate(_STANDS_PER_H / 3600)
        while at_s + 60 < until_s:
            movement = Movement(
                since_s=at_s, until_s=at_s + chance.uniform(12, 45), marked=chance.random() < _STAND_SEEN
            )
            apart = all(abs(response.onset_s - at_s) > _APART_S for response in responses)
            if apart and BLOCK_PHASES[block.kind] is Phase.TALK:
                movements.append(movement)
            at_s += _APART_S + chance.expovariate(_STANDS_PER_H / 3600)
    return tuple(movements)


def marks_of_movements(
    chance: random.Random, alias: str, movements: Sequence[Movement], plan: Plan
) -> list[SessionEvent]:
    """The marks of those movements that the facilitator saw."""
    meaning = meaning_of("stood-up", plan.vocabulary)
    return [
        replace(_event(movement.since_s + chance.uniform(0, 8), EventKind.MARK, "stood-up", alias), meaning=meaning)
        for movement in movements
        if movement.marked
    ]


def as_entered(chance: random.Random, event: SessionEvent) -> SessionEvent:
    """An event as the facilitator entered it: some marks late, with a guess how long ago it was."""
    if event.kind is not EventKind.MARK or chance.random() >= _LATE:
        return event
    late_s = chance.randrange(5, 21, 5)
    return replace(
        event, at_us=event.at_us + round((late_s + chance.uniform(-2, 2)) * _US_PER_S), ago_us=late_s * _US_PER_S
    )


def _number_of(alias: str) -> int:
    """A number that stays the same for a pseudonym, whatever people call themselves."""
    return ALIASES.index(alias) + 1 if alias in ALIASES else 1000 + crc32(alias.encode()) % 9000


def _person(
    alias: str,
    profile: Profile,
    seed: int,
    stretches: Sequence[Stretch],
    responses: Sequence[Response],
    movements: Sequence[Movement],
    paced: Paced | None = None,
) -> VirtualPerson:
    chance = random.Random(f"{seed} {alias}")
    truth = Truth(
        responses=tuple(responses),
        movements=tuple(movements),
        resonance=None if paced is None else paced.resonance,
    )
    heart = Heart(
        chance=random.Random(f"{seed} {alias} heart"),
        temperament=replace(
            Temperament.drawn_from(chance), activity_bpm=activity_bpm_of(random.Random(f"{seed} {alias} manner"))
        ),
        stretches=with_movements(stretches, movements),
        responses=responses,
        paced=paced,
    )
    ending = f"{chance.randrange(0x1000, 0x10000):04X}"  # makers put the end of the serial number into the name
    wearable = VirtualWearable(
        serial=f"{_number_of(alias):04d}{ending}",
        name=profile.virtual.name.format(serial=ending),
        manufacturer=profile.maker,
        model=profile.model,
        firmware="virtual",
        battery_percent=chance.randrange(30, 101),
        body_sensor_location=profile.virtual.body_sensor_location,
        emissions=emissions(heart=heart, behaviour=profile.virtual, chance=chance, truth=truth),
        counts_energy=profile.virtual.reports_contact,  # as its sensor does
    )
    return VirtualPerson(person=alias, profile=profile, wearable=wearable, truth=truth)


def activity_bpm_of(chance: random.Random) -> dict[Activity, float]:
    """What being active does to this person: talking raises some hearts twice as much as others."""
    return {
        Activity.SILENT: 0.0,
        Activity.LISTEN: chance.uniform(0.5, 3.0),
        Activity.TALK: chance.uniform(3.0, 9.0),
        Activity.MOVE: chance.uniform(12.0, 24.0),
    }


def with_movements(stretches: Sequence[Stretch], movements: Sequence[Movement]) -> list[Stretch]:
    """What somebody does, with the moments in between at which they stand; then they go on with what it is then."""
    plain = sorted(stretches, key=lambda stretch: stretch.start_s)
    shown = list(plain)
    for movement in movements:
        after = plain[bisect_right(plain, movement.until_s, key=lambda stretch: stretch.start_s) - 1]
        shown = [one for one in shown if not movement.since_s <= one.start_s <= movement.until_s]
        shown += [
            Stretch(start_s=movement.since_s, activity=Activity.MOVE),
            Stretch(start_s=movement.until_s, activity=after.activity),
        ]
    return sorted(shown, key=lambda stretch: stretch.start_s)


def _event(at_s: float, kind: EventKind, label: str, person: str | None) -> SessionEvent:
    return SessionEvent(at_us=round(at_s * _US_PER_S), kind=kind, label=str(label), person=person)
