"""What a session's log says of paced breathing: its steps, and how each person's heart rate followed at each.

Strategy: a fold over packets and readings in their order, live or from a recording. A step lasts until the next block;
beats come a little later than they were, so a step is analysed when somebody asks, not when it ends.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from dsp import CannotTell, CleanBeat, OwnRate, PacedResponse, own_rate, paced_response
from watchlink.pacer import paced_rate
from watchlink.packets import EventKind, Packet, SessionEvent
from watchlink.readings import BeatReading, Grade, GradeReading, Measured, Reading

_US_PER_S: Final = 1_000_000
_LEAST_BEATS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PacedStep:
    """A stretch of a session at one paced rate, on the session's axis; `until_s` None while it goes on."""

    breaths_per_min: float
    since_s: float
    until_s: float | None


StepResponse: TypeAlias = tuple[PacedStep, PacedResponse | CannotTell]


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """How one person's heart followed.

    Attributes:
        person: who.
        grade: of the wearable; None if too little came to tell.
        steps: each step and what the heart rate did in it, in their order.
        own: which rate it followed most; None where fewer than two rates were paced.
    """

    person: str
    grade: Grade | None
    steps: tuple[StepResponse, ...]
    own: OwnRate | CannotTell | None


class PacedFold:
    """Takes packets and readings; gives what they say of the steps so far."""

    def __init__(self) -> None:
        """Nothing was paced."""
        self._steps: list[PacedStep] = []
        self._beats: dict[str, list[CleanBeat]] = {}
        self._grades: dict[str, Grade] = {}
        self._rates_bpm: dict[str, int] = {}
        self._until_s = 0.0

    def accept(self, item: Packet | Reading) -> None:
        """Take a packet, or a reading that came of it."""
        match item:
            case SessionEvent(kind=EventKind.BLOCK):
                self._enter(item)
            case Measured():
                self._beats.setdefault(item.person, [])
                self._rates_bpm[item.person] = item.heart_rate_bpm
            case GradeReading():
                self._grades[item.person] = item.grade
            case BeatReading():
                self._until_s = max(self._until_s, item.at_s)
                beat = CleanBeat(
                    at_s=item.at_s,
                    nn_ms=item.nn_ms,
                    label=item.label,
                    corrected=item.corrected,
                    gap_before=item.gap_before,
                )
                self._beats.setdefault(item.person, []).append(beat)
            case _:
                pass

    @property
    def paced(self) -> bool:
        """Whether any breath was."""
        return bool(self._steps)

    def heart_rate_bpm(self, person: str) -> int | None:
        """As the wearable said it last."""
        return self._rates_bpm.get(person)

    def people(self) -> tuple[str, ...]:
        """Everybody of whom a heart rate came."""
        return tuple(self._beats)

    def grade(self, person: str) -> Grade | None:
        """What the wearable gives; None as long as that is not known."""
        return self._grades.get(person)

    def last_swing_bpm(self, person: str, *, breath_s: float) -> float | None:
        """Highest minus lowest rate of a beat over the last breath, as sent; None where there are too few beats."""
        beats = self._beats.get(person, [])
        last: deque[float] = deque()
        for beat in reversed(beats):
            if beat.at_s < beats[-1].at_s - breath_s:
                break
            if beat.usable:
                last.append(60_000 / beat.nn_ms)
        return max(last) - min(last) if len(last) >= _LEAST_BEATS else None

    def followed(self) -> tuple[Followed, ...]:
        """How everybody's heart followed, as far as it is known now."""
        return tuple(self._followed(person) for person in self._beats)

    def _followed(self, person: str) -> Followed:
        steps = tuple((step, self._response(person, step)) for step in self._steps)
        several = len({step.breaths_per_min for step in self._steps}) > 1
        return Followed(
            person=person,
            grade=self._grades.get(person),
            steps=steps,
            own=own_rate([response for _, response in steps]) if several else None,
        )

    def _response(self, person: str, step: PacedStep) -> PacedResponse | CannotTell:
        if self._grades.get(person) is Grade.RATE:
            return CannotTell(reason="this wearable sends no usable intervals between beats")
        until_s = self._until_s if step.until_s is None else step.until_s
        if until_s <= step.since_s:
            return CannotTell(reason="no beats came")
        return paced_response(
            self._beats[person], breaths_per_min=step.breaths_per_min, since_s=step.since_s, until_s=until_s
        )

    def _enter(self, event: SessionEvent) -> None:
        at_s = event.happened_us / _US_PER_S
        if self._steps and self._steps[-1].until_s is None:
            self._steps[-1] = replace(self._steps[-1], until_s=at_s)
        rate = paced_rate(event)
        if rate is not None:
            self._steps.append(PacedStep(breaths_per_min=rate, since_s=at_s, until_s=None))
