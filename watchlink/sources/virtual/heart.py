"""A heart to practise on: beats from a rate that breathes, drifts, talks, moves and answers, all causes known.

Strategy: integral pulse frequency modulation. A rate is built up from its causes ten times a second, its integral is
followed exactly in between, and the heart beats whenever the integral passes a whole number. Planted responses have a
known onset, size and recovery. An ectopic beat comes early and leaves the following pause to the next beat, as in a
real heart. All chance comes from one seed.

References:
    R. Hyndman, R. Mohn, "A model of the cardiac pacemaker and its use in decoding the information content of cardiac
    intervals", Automedica 1, 1975 (IPFM); A. Beda et al., Biol. Psychol. 75(3), 2007 (speech makes breathing, and with
    it HRV, irregular).
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import cos, exp, pi, sin, sqrt
from typing import Final

from watchlink.pacer import Breath

_STEP_S: Final = 0.1
_ACTIVITY_TIME_CONSTANT_S: Final = 12.0
_LONGEST_RESPONSE_S: Final = 900.0
_FOLLOWS_S: Final = 6.0


class Activity(StrEnum):
    """What the person does, as far as the heart minds."""

    SILENT = "silent"
    LISTEN = "listen"
    TALK = "talk"
    MOVE = "move"


USUAL_ACTIVITY_BPM: Final[Mapping[Activity, float]] = {
    Activity.SILENT: 0.0,
    Activity.LISTEN: 1.5,
    Activity.TALK: 4.0,
    Activity.MOVE: 16.0,
}
"""By how much each activity raises the rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """From `start_s` on the person does this."""

    start_s: float
    activity: Activity


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A planted rise: from `onset_s` it takes `rise_s` to `rise_bpm`, holds, then halves every `half_time_s`."""

    onset_s: float
    rise_bpm: float
    rise_s: float
    hold_s: float
    half_time_s: float

    def at(self, at_s: float) -> float:
        """Height above the rest of the rate at an instant, in bpm."""
        since_s = at_s - self.onset_s
        if since_s <= 0:
            return 0.0
        if since_s < self.rise_s:
            return self.rise_bpm * (1 - cos(pi * since_s / self.rise_s)) / 2
        fading_s = max(0.0, since_s - self.rise_s - self.hold_s)
        return float(self.rise_bpm * 0.5 ** (fading_s / self.half_time_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class Resonance:
    """How far a heart swings with a slow breath: most at its own rate, less the further the breath is from it.

    The Mayer wave is of the same loop (blood pressure and its reflex): while a breath drives the loop it makes none of
    its own.

    Attributes:
        breaths_per_min: its own rate.
        swing_pct: of the rate, mean to peak, at its own rate.
        half_width_per_min: so far off, the swing is smaller by the square root of two.
    """

    breaths_per_min: float
    swing_pct: float
    half_width_per_min: float

    @classmethod
    def drawn_from(cls, chance: random.Random) -> Resonance:
        """Somebody's, at one of the rates that a test tries inside its range."""
        return cls(
            breaths_per_min=chance.choice([5.0, 5.5, 6.0]),
            swing_pct=chance.uniform(8.0, 12.0),
            half_width_per_min=chance.uniform(0.4, 0.7),
        )

    def at(self, breaths_per_min: float) -> float:
        """The swing at a rate, in percent."""
        off = (breaths_per_min - self.breaths_per_min) / self.half_width_per_min
        return self.swing_pct / sqrt(1 + off * off)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paced:
    """A heart whose owner breathes with a pacer: `breath_at` says what it asks for, None while it asks for nothing."""

    breath_at: Callable[[float], Breath | None]
    resonance: Resonance


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueBeat:
    """When a heart really beat."""

    at_s: float
    ectopic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperament:
    """What differs from person to person.

    Attributes:
        resting_bpm: rate at rest.
        breathing_pct: swing of the rate with breathing, percent.
        mayer_pct: swing at 0.1 Hz, percent.
        breaths_per_min: at rest.
        drift_bpm: standard deviation of the slow drift over minutes.
        ectopic_share: of beats, 0..1.
        activity_bpm: by how much each activity raises this person's rate.
    """

    resting_bpm: float
    breathing_pct: float
    mayer_pct: float
    breaths_per_min: float
    drift_bpm: float
    ectopic_share: float
    activity_bpm: Mapping[Activity, float] = field(default_factory=lambda: USUAL_ACTIVITY_BPM)

    @classmethod
    def drawn_from(cls, chance: random.Random) -> Temperament:
        """Somebody."""
        return cls(
            resting_bpm=chance.uniform(60, 82),
            breathing_pct=chance.uniform(1.5, 5.0),
            mayer_pct=chance.uniform(1.0, 2.5),
            breaths_per_min=chance.uniform(12, 16),
            drift_bpm=chance.uniform(0.6, 1.6),
            ectopic_share=chance.choice([0.0, 0.0, 0.0, 0.001, 0.004]),
        )


@dataclass(slots=True)
class Heart:
    """One person's heart over a session."""

    chance: random.Random
    temperament: Temperament
    stretches: Sequence[Stretch]
    responses: Sequence[Response]
    paced: Paced | None = None
    _breath: float = field(init=False, default=0.0)
    _breath_hz: float = field(init=False, default=0.25)
    _breath_depth: float = field(init=False, default=1.0)
    _drift_bpm: float = field(init=False, default=0.0)
    _activity_bpm: float = field(init=False, default=0.0)
    _paced_swing: float = field(init=False, default=0.0)

    def beats(self) -> Iterator[TrueBeat]:
        """Beats in order of time, without end."""
        done = 0.0
        at_step = 0
        rate_hz = self._rate_hz(0.0)
        last_s = 0.0
        early = False
        while True:
            at_s = at_step * _STEP_S
            at_step += 1
            next_hz = self._rate_hz(at_step * _STEP_S)
            area = (rate_hz + next_hz) / 2 * _STEP_S
            while done + area >= 1.0:
                beat_s = at_s + _time_of(1.0 - done, rate_hz, next_hz)
                early = not early and self.chance.random() < self.temperament.ectopic_share
                shown_s = beat_s - self.chance.uniform(0.2, 0.35) * (beat_s - last_s) if early else beat_s
                yield TrueBeat(at_s=shown_s, ectopic=early)
                last_s = beat_s
                done -= 1.0
            done += area
            rate_hz = next_hz

    def activity_at(self, at_s: float) -> Activity:
        """What the person does at an instant."""
        begun = bisect_right(self.stretches, at_s, key=lambda stretch: stretch.start_s)
        return self.stretches[begun - 1].activity if begun else Activity.SILENT

    def _rate_hz(self, at_s: float) -> float:
        """The rate at the next step; steps must be asked for in order, once each."""
        activity = self.activity_at(at_s)
        self._breathe(activity)
        towards = _STEP_S / _ACTIVITY_TIME_CONSTANT_S
        self._activity_bpm += (self.temperament.activity_bpm[activity] - self._activity_bpm) * towards
        # An Ornstein-Uhlenbeck drift with a time constant of four minutes.
        keep = exp(-_STEP_S / 240)
        self._drift_bpm = self._drift_bpm * keep + self.chance.gauss(0, self.temperament.drift_bpm * sqrt(1 - keep**2))
        planted_bpm = sum(
            response.at(at_s) for response in self.responses if 0 < at_s - response.onset_s < _LONGEST_RESPONSE_S
        )
        level_bpm = self.temperament.resting_bpm + self._drift_bpm + self._activity_bpm + planted_bpm
        return level_bpm * (1 + self._swing_pct(at_s) / 100) / 60

    def _swing_pct(self, at_s: float) -> float:
        """What breathing and Mayer waves add."""
        breath = None if self.paced is None else self.paced.breath_at(at_s)
        if self.paced is None or breath is None:
            swing = self.temperament.breathing_pct * self._breath_depth * sin(2 * pi * self._breath)
            return swing + self.temperament.mayer_pct * sin(2 * pi * 0.1 * at_s)
        # The heart follows with a time constant of a breath or so; depth differs from breath to breath as at rest.
        aim = self.paced.resonance.at(breath.breaths_per_min) * self._breath_depth
        self._paced_swing += (aim - self._paced_swing) * _STEP_S / _FOLLOWS_S
        return self._paced_swing * -cos(pi * breath.filled)

    def _breathe(self, activity: Activity) -> None:
        self._breath += self._breath_hz * _STEP_S
        if self._breath < 1.0:
            return
        self._breath -= 1.0
        usual_hz = self.temperament.breaths_per_min / 60
        if activity is Activity.TALK:  # a quick breath, then a sentence of any length
            self._breath_hz = self.chance.uniform(0.1, 0.45)
            self._breath_depth = self.chance.uniform(0.3, 1.0)
        else:
            self._breath_hz = max(0.08, self.chance.gauss(usual_hz, 0.015))
            self._breath_depth = self.chance.uniform(0.8, 1.1)


def _time_of(part: float, from_hz: float, to_hz: float) -> float:
    """Seconds into a step at which a rate that goes straight from one value to the other has integrated to `part`."""
    slope = (to_hz - from_hz) / _STEP_S
    if abs(slope) < 1e-12:
        return part / from_hz
    return (sqrt(from_hz * from_hz + 2 * slope * part) - from_hz) / slope
