"""A whole virtual practice session: who wears what, who speaks when, what is marked, which hearts answer.

Strategy: one seed decides everything, person by person with a chance of its own, so that a cohort of six is the first
six of a cohort of eight.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from firmware_profiles.profiles import Profile, load_profiles
from watchlink.packets import EventKind, SessionEvent
from watchlink.readings import Phase
from watchlink.session import BLOCK_PHASES, Plan
from watchlink.sources.virtual.heart import Activity, Heart, Response, Stretch, Temperament
from watchlink.sources.virtual.sensor import Truth, emissions
from watchlink.sources.virtual.wearable import VirtualWearable

ALIASES: Final = ("Heron", "Otter", "Wren", "Ibis", "Lark", "Marten", "Finch", "Robin")
_WEARABLES: Final = (
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
# How likely a heart answers to what is marked on its owner.
_ANSWERS: Final = {"escalation": 0.85, "interruption": 0.5, "paraphrase": 0.0, "silence-held": 0.0}
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


def practice(*, plan: Plan, people: int, seed: int) -> Practice:
    """Make a session up.

    Args:
        plan: its blocks.
        people: 1..8.
        seed: the same seed gives the same bytes.

    Raises:
        ValueError: `people` is out of range.
    """
    if not 1 <= people <= len(ALIASES):
        raise ValueError(f"people must be 1 to {len(ALIASES)}, got {people}")
    aliases = ALIASES[:people]
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
            stretches[alias].append(Stretch(start_s=start_s, activity=_IN_PHASE[BLOCK_PHASES[block.kind]]))
        if block.kind != "role-play":
            continue
        at_s = start_s + 5
        while at_s + 60 < end_s:
            speaker = aliases[turn % people]
            turn += 1
            until_s = min(at_s + _TURN_S, end_s)
            events.append(_event(at_s, EventKind.ROLE, "speaker", speaker))
            stretches[speaker] += [
                Stretch(start_s=at_s, activity=Activity.TALK),
                Stretch(start_s=until_s, activity=Activity.LISTEN),
            ]
            marks = _marks(chance, speaker, since_s=at_s + 25, until_s=until_s - 20)
            events += marks
            responses[speaker] += _answers(chance, marks)
            at_s = until_s
    return Practice(
        people=tuple(
            _person(alias, load_profiles()[_WEARABLES[seat]], seed, stretches[alias], responses[alias])
            for seat, alias in enumerate(aliases)
        ),
        events=tuple(sorted(events, key=lambda event: event.at_us)),
    )


_IN_PHASE: Final = {
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
        label = chance.choice(["escalation", "escalation", "interruption", "paraphrase", "silence-held"])
        marks.append(_event(at_s, EventKind.MARK, label, speaker))
        at_s += chance.uniform(40, 110)
    return marks


def _answers(chance: random.Random, marks: Sequence[SessionEvent]) -> list[Response]:
    """Responses to marks, at least two minutes apart, so that each is one rise of its own."""
    responses: list[Response] = []
    for mark in marks:
        at_s = mark.at_us / _US_PER_S
        if chance.random() >= _ANSWERS[mark.label] or (responses and at_s - responses[-1].onset_s < 120):
            continue
        responses.append(
            Response(
                onset_s=at_s + chance.uniform(1.0, 6.0),
                rise_bpm=chance.uniform(10, 28),
                rise_s=chance.uniform(6, 14),
                hold_s=chance.uniform(5, 25),
                half_time_s=chance.uniform(10, 30),
            )
        )
    return responses


def _person(
    alias: str, profile: Profile, seed: int, stretches: list[Stretch], responses: list[Response]
) -> VirtualPerson:
    chance = random.Random(f"{seed} {alias}")
    truth = Truth(responses=tuple(responses))
    heart = Heart(
        chance=random.Random(f"{seed} {alias} heart"),
        temperament=Temperament.drawn_from(chance),
        stretches=sorted(stretches, key=lambda stretch: stretch.start_s),
        responses=responses,
    )
    ending = f"{chance.randrange(0x1000, 0x10000):04X}"  # makers put the end of the serial number into the name
    wearable = VirtualWearable(
        serial=f"{ALIASES.index(alias) + 1:04d}{ending}",
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


def _event(at_s: float, kind: EventKind, label: str, person: str | None) -> SessionEvent:
    return SessionEvent(at_us=round(at_s * _US_PER_S), kind=kind, label=label, person=person)
