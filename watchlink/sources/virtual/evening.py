"""What happens in one session of a programme: who speaks when, what is marked, and how hearts answer to it.

Strategy: everybody practises twice, once in a scenario that comes back every week and once in one that is new in weeks
2, 5 and 8. A turn holds one or two escalations, far enough from its ends and from each other that the minute after one
says something; the planted rise has just the mean over that minute that the truth asks for, times a chance of one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from watchlink.packets import EventKind, Role, SessionEvent
from watchlink.session import BLOCK_PHASES, Block, Plan, default_plan, parse_plan
from watchlink.sources.virtual.heart import Activity, Response, Stretch
from watchlink.sources.virtual.participant import Participant
from watchlink.sources.virtual.practice import (
    IN_PHASE,
    as_entered,
    feedback_marks,
    marks_of_movements,
    movements_of,
    with_movements,
)
from watchlink.sources.virtual.sensor import Movement

NEW_IN_WEEKS: Final = (2, 5, 8)
_US_PER_S: Final = 1_000_000
_TURN_S: Final = 225.0
_BETWEEN_MARKS_S: Final = 3.0
_MINUTE_S: Final = 60
# A gamma distribution of mean 1 and a standard deviation of 0.32.
_SHAPE: Final = 10.0
_ROOM_WIDE: Final = 0.15
_OTHERS_ANSWER: Final = 0.5
_FEEDBACK_ANSWERED: Final = 0.3
# What an answer to anything but an own escalation is of one to that.
_LESSER: Final = 0.6
# Marks that no virtual heart answers to.
_QUIET_MARKS: Final = ("paraphrase", "open-question", "silence-held", "your-time", "interruption")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueAnswer:
    """What an escalation did to the heart rate of the one who spoke.

    Attributes:
        person: pseudonym.
        at_s: when the escalation happened.
        unseen: whether the scenario was one that nobody had met.
        change_bpm: planted, mean over the minute after.
    """

    person: str
    at_s: float
    unseen: bool
    change_bpm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evening:
    """A session to come, on the axis of its log.

    Attributes:
        events: as the facilitator enters them, in order of that.
        answers: to escalations, in order of time.
        stretches, responses, movements: what everybody's heart goes through, by pseudonym.
    """

    events: tuple[SessionEvent, ...]
    answers: tuple[TrueAnswer, ...]
    stretches: Mapping[str, Sequence[Stretch]]
    responses: Mapping[str, Sequence[Response]]
    movements: Mapping[str, Sequence[Movement]]


def plan_of(week: int, *, people: int) -> Plan:
    """The shipped plan, with half of the people in each role-play, in an order that goes round from week to week."""
    numbers = list(range(1, people + 1))
    middle = (people + 1) // 2
    halves = [numbers[:middle], numbers[middle:] or numbers]
    shipped = default_plan()
    parts = [f"title = {json.dumps(shipped.title)}"]
    role_plays = 0
    for block in shipped.blocks:
        parts += ["", "[[block]]", f'kind = "{block.kind}"', f"title = {json.dumps(block.title)}"]
        parts.append(f"minutes = {block.minutes:g}")
        if block.kind == "role-play":
            half = halves[role_plays % 2]
            first = week % len(half)
            parts.append(f"speakers = {half[first:] + half[:first]}")
            if role_plays >= len(halves):
                parts.append(f"new_in_weeks = {list(NEW_IN_WEEKS)}")
            role_plays += 1
    return parse_plan("\n".join(parts) + "\n", file="the programme's plan")


def evening(
    plan: Plan, *, week: int, everybody: Sequence[Participant], sessions_before: Mapping[str, int], seed: int
) -> Evening:
    """Make a session up.

    Args:
        plan: as `plan_of` gives it.
        week: of the programme, 1..8.
        everybody: in the order of the cohort.
        sessions_before: how many sessions each of those who are there has been to, by pseudonym; who is not in it is
            absent.
        seed: the same seed gives the same session.
    """
    script = _Script(plan, week, everybody, sessions_before, random.Random(f"{seed} {week} room"))
    script.play()
    events = script.events
    movements: dict[str, tuple[Movement, ...]] = {}
    for alias, own in script.responses.items():
        movements[alias] = movements_of(random.Random(f"{seed} {week} {alias} movements"), plan, own)
        events += marks_of_movements(random.Random(f"{seed} {week} {alias} seen"), alias, movements[alias], plan)
    entered = [as_entered(random.Random(f"{seed} {week} {number}"), event) for number, event in enumerate(events)]
    return Evening(
        events=tuple(sorted(entered, key=lambda event: event.at_us)),
        answers=tuple(script.answers),
        stretches={alias: with_movements(one, movements[alias]) for alias, one in script.stretches.items()},
        responses=script.responses,
        movements=movements,
    )


class _Script:
    """A session while it is made up, block by block."""

    def __init__(
        self,
        plan: Plan,
        week: int,
        everybody: Sequence[Participant],
        sessions_before: Mapping[str, int],
        chance: random.Random,
    ) -> None:
        self._plan = plan
        self._week = week
        self._cohort = [who.person for who in everybody]
        self._people = {who.person: who for who in everybody if who.person in sessions_before}
        self._before = sessions_before
        self._chance = chance
        self.events: list[SessionEvent] = []
        self.answers: list[TrueAnswer] = []
        self.stretches: dict[str, list[Stretch]] = {alias: [] for alias in self._people}
        self.responses: dict[str, list[Response]] = {alias: [] for alias in self._people}

    def play(self) -> None:
        for start, block in zip(self._plan.events(), self._plan.blocks, strict=True):
            since_s = start.at_us / _US_PER_S
            until_s = since_s + block.minutes * 60
            self.events.append(start)
            for own in self.stretches.values():
                own.append(Stretch(start_s=since_s, activity=IN_PHASE[BLOCK_PHASES[block.kind]]))
            if block.kind == "feedback":
                self._feedback(since_s + 30, until_s - 30)
            elif block.kind == "role-play":
                self._role_play(block, since_s, until_s)

    def _role_play(self, block: Block, since_s: float, until_s: float) -> None:
        speakers = [alias for number in block.speakers if (alias := self._cohort[number - 1]) in self._people]
        at_s, turn = since_s + 5, 0
        while speakers and at_s + 60 < until_s:
            speaker = speakers[turn % len(speakers)]
            turn += 1
            ends_s = min(at_s + _TURN_S, until_s)
            self.events.append(_event(at_s, EventKind.ROLE, Role.SPEAKER, speaker))
            others = [alias for alias in self._people if alias != speaker]
            if others:
                self.events.append(_event(at_s, EventKind.ROLE, Role.LISTENER, others[turn % len(others)]))
            self.stretches[speaker] += [
                Stretch(start_s=at_s, activity=Activity.TALK),
                Stretch(start_s=ends_s, activity=Activity.LISTEN),
            ]
            self._turn(speaker, at_s, ends_s, unseen=self._week in block.new_in_weeks)
            at_s = ends_s

    def _turn(self, speaker: str, since_s: float, until_s: float, *, unseen: bool) -> None:
        """What is marked while somebody practises, and how hearts answer to it."""
        chance = self._chance
        escalations_s = [since_s + chance.uniform(45, 65)]
        escalations_s.append(escalations_s[0] + chance.uniform(85, 100))
        marked_s: list[float] = []
        for at_s in escalations_s:
            if at_s + _MINUTE_S > until_s + 5:
                continue
            marked_s.append(at_s)
            self.events.append(_event(at_s, EventKind.MARK, "escalation", speaker))
            change_bpm = self._answer(speaker, at_s, unseen=unseen, times=1.0)
            self.answers.append(TrueAnswer(person=speaker, at_s=at_s, unseen=unseen, change_bpm=change_bpm))
            if chance.random() < _ROOM_WIDE:
                for other in self._people:
                    if other != speaker and chance.random() < _OTHERS_ANSWER:
                        self._answer(other, at_s, unseen=unseen, times=_LESSER)
        for _ in range(2):
            at_s, label = chance.uniform(since_s + 15, until_s - 10), chance.choice(_QUIET_MARKS)
            if all(abs(at_s - other_s) > _BETWEEN_MARKS_S for other_s in marked_s):
                marked_s.append(at_s)
                self.events.append(_event(at_s, EventKind.MARK, label, speaker))

    def _feedback(self, since_s: float, until_s: float) -> None:
        for mark in feedback_marks(self._chance, list(self._people), since_s=since_s, until_s=until_s):
            self.events.append(mark)
            if mark.person is not None and self._chance.random() < _FEEDBACK_ANSWERED:
                self._answer(mark.person, mark.at_us / _US_PER_S, unseen=False, times=_LESSER)

    def _answer(self, alias: str, at_s: float, *, unseen: bool, times: float) -> float:
        """Let a heart answer to what happened; return the mean rise over the minute after, in bpm."""
        chance = self._chance
        usual_bpm = self._people[alias].answer_bpm_in(
            self._week, sessions_before=None if unseen else self._before[alias]
        )
        change_bpm = times * usual_bpm * chance.gammavariate(_SHAPE, 1 / _SHAPE)
        shape = Response(
            onset_s=chance.uniform(1.0, 4.0),
            rise_bpm=1.0,
            rise_s=chance.uniform(5, 10),
            hold_s=chance.uniform(12, 22),
            half_time_s=chance.uniform(8, 16),
        )
        mean = sum(shape.at(after_s) for after_s in range(1, _MINUTE_S + 1)) / _MINUTE_S
        self.responses[alias].append(
            Response(
                onset_s=at_s + shape.onset_s,
                rise_bpm=change_bpm / mean,
                rise_s=shape.rise_s,
                hold_s=shape.hold_s,
                half_time_s=shape.half_time_s,
            )
        )
        return change_bpm


def _event(at_s: float, kind: EventKind, label: str, person: str) -> SessionEvent:
    return SessionEvent(at_us=round(at_s * _US_PER_S), kind=kind, label=str(label), person=person)
