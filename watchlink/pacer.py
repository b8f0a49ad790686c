"""A breathing pacer: which breath is asked for at any time, what a session's log says of it, and how it is read back.

Strategy: a schedule is steps at known times, and everything (the bar on the screen, the spoken lines, a virtual heart
that follows, the events in the log) asks it the same question: what about this instant. The log holds each step as a
block of the kind "breathing" whose note says the rate; read back, these notes are all that an analysis needs.

References:
    F. Shaffer, Z. M. Meehan, "A practical guide to resonance frequency assessment for heart rate variability
    biofeedback", Front. Neurosci. 14, 2020, doi 10.3389/fnins.2020.570400: the steps of the test and their length.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from watchlink.packets import EventKind, SessionEvent

SLOWEST_PER_MIN: Final = 4.0
FASTEST_PER_MIN: Final = 7.0
TEST_RATES_PER_MIN: Final = (6.5, 6.0, 5.5, 5.0, 4.5)
"""Of the stepped test, in its order: from the fastest, which is nearest to how people breathe, to the slowest."""
PAUSE_S: Final = 30.0
"""Between two steps people breathe as they like."""
BLOCK: Final = "breathing"
"""The kind of block that a step is in a session."""
FREELY: Final = "at your own pace"
_US_PER_S: Final = 1_000_000
_NOTE: Final = re.compile(r"(\d+(?:\.\d+)?) a minute, in \d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Breath:
    """Where a breath stands at an instant.

    Attributes:
        breaths_per_min: the rate of the step.
        number: of the breath in its step, from 0.
        inward: it is the in-breath.
        lasts_s: how long this half of the breath lasts.
        left_s: how much of it is left; above 0.
        filled: how full the chest is, 0..1: rises in the in-breath, falls in the out-breath.
    """

    breaths_per_min: float
    number: int
    inward: bool
    lasts_s: float
    left_s: float
    filled: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A stretch at one rate; `breaths_per_min` None is a pause at one's own pace.

    Attributes:
        since_s, until_s: on the schedule's axis, whose zero is its first step.
        breaths_per_min: the rate.
        in_share_pct: of a breath that is the in-breath.
    """

    since_s: float
    until_s: float
    breaths_per_min: float | None
    in_share_pct: float

    @property
    def in_s(self) -> float:
        """How long an in-breath lasts; 0 in a pause."""
        return 0.0 if self.breaths_per_min is None else 60 / self.breaths_per_min * self.in_share_pct / 100

    @property
    def out_s(self) -> float:
        """How long an out-breath lasts; 0 in a pause."""
        return 0.0 if self.breaths_per_min is None else 60 / self.breaths_per_min - self.in_s

    @property
    def words(self) -> str:
        """What it asks for, as in the log: "6 a minute, in 4 s, out 6 s"."""
        if self.breaths_per_min is None:
            return FREELY
        return f"{self.breaths_per_min:g} a minute, in {seconds_text(self.in_s)} s, out {seconds_text(self.out_s)} s"

    def breath_at(self, at_s: float) -> Breath | None:
        """The breath at an instant of the schedule's axis; None outside of the step and in a pause."""
        if self.breaths_per_min is None or not self.since_s <= at_s < self.until_s:
            return None
        length_s = 60 / self.breaths_per_min
        number, into_s = divmod(at_s - self.since_s, length_s)
        inward = into_s < self.in_s
        lasts_s = self.in_s if inward else self.out_s
        left_s = (self.in_s if inward else length_s) - into_s
        return Breath(
            breaths_per_min=self.breaths_per_min,
            number=int(number),
            inward=inward,
            lasts_s=lasts_s,
            left_s=left_s,
            filled=1 - left_s / lasts_s if inward else left_s / lasts_s,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Steps, one after the other without a hole; the first begins at 0."""

    steps: tuple[Step, ...]

    @property
    def duration_s(self) -> float:
        """Of all steps."""
        return self.steps[-1].until_s

    def step_at(self, at_s: float) -> Step | None:
        """The step at an instant; None before the first and after the last."""
        at = bisect_right(self.steps, at_s, key=lambda step: step.since_s) - 1
        return self.steps[at] if at >= 0 and at_s < self.duration_s else None

    def breath_at(self, at_s: float) -> Breath | None:
        """The breath at an instant; None where none is asked for."""
        step = self.step_at(at_s)
        return None if step is None else step.breath_at(at_s)

    def halves(self) -> Iterator[tuple[float, Step, Breath | None]]:
        """Each half of a breath, and each pause, with when it begins: what a line is said for."""
        for step in self.steps:
            at_s, number = step.since_s, 0
            if step.breaths_per_min is None:
                yield at_s, step, None
                continue
            while at_s < step.until_s - 1e-6:
                # A little later, or the end of one half could be taken for the last instant of the one before.
                yield at_s, step, step.breath_at(at_s + 1e-6)
                number += 1
                begun = step.since_s + number // 2 * 60 / step.breaths_per_min
                at_s = begun + (step.in_s if number % 2 else 0.0)

    def events(self, *, start_us: int) -> tuple[SessionEvent, ...]:
        """What is written into the log of a session on whose axis the schedule begins at `start_us`; its end, too."""
        begun = [(step.since_s, step.words) for step in self.steps] + [(self.duration_s, FREELY)]
        return tuple(
            SessionEvent(at_us=start_us + round(at_s * _US_PER_S), kind=EventKind.BLOCK, label=BLOCK, note=words)
            for at_s, words in begun
        )


def steady(*, breaths_per_min: float, minutes: float, in_share_pct: float) -> Schedule:
    """One rate for so long, made up to whole breaths."""
    breath_s = 60 / breaths_per_min
    breaths = max(1, -int(-(minutes * 60 / breath_s - 1e-9) // 1))
    return Schedule(
        steps=(Step(since_s=0, until_s=breaths * breath_s, breaths_per_min=breaths_per_min, in_share_pct=in_share_pct),)
    )


def stepped_test(*, minutes: float, in_share_pct: float) -> Schedule:
    """The steps of the test, so many minutes each made up to whole breaths, with pauses between them."""
    steps: list[Step] = []
    at_s = 0.0
    for number, rate in enumerate(TEST_RATES_PER_MIN):
        if number:
            steps.append(Step(since_s=at_s, until_s=at_s + PAUSE_S, breaths_per_min=None, in_share_pct=in_share_pct))
            at_s += PAUSE_S
        lasts_s = steady(breaths_per_min=rate, minutes=minutes, in_share_pct=in_share_pct).duration_s
        steps.append(Step(since_s=at_s, until_s=at_s + lasts_s, breaths_per_min=rate, in_share_pct=in_share_pct))
        at_s += lasts_s
    return Schedule(steps=tuple(steps))


def paced_rate(event: SessionEvent) -> float | None:
    """The rate that a block of a log asks for; None if it is no paced one."""
    if event.kind is not EventKind.BLOCK or event.label != BLOCK:
        return None
    match = _NOTE.match(event.note)
    return float(match[1]) if match is not None and float(match[1]) > 0 else None


def seconds_text(seconds: float) -> str:
    """Seconds to a tenth, whole ones without it."""
    return f"{seconds:.1f}".removesuffix(".0")
