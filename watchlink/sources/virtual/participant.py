"""Somebody who practises for eight weeks: what is true of them, and how they are from day to day.

Strategy: what is true is stated first and everything sent follows from it. A person has a usual RMSSD and resting rate
and a trend of their own; a day lies around it by chance, part of which all days of a week have in common. RMSSD is
planted through the swing of the rate with breathing, for which there is a closed form. Every chance belongs to one
person, so that the people of a small cohort are the first ones of a larger one.

References:
    S. Uhlig, A. Meylan, U. Rudolph, "Reliability of short-term measurements of heart rate variability", Biol. Psychol.
    154, 2020, doi:10.1016/j.biopsycho.2020.107905 (ICC of one sitting .40 to .57).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import exp, log, pi, sin, sqrt
from typing import Final

from watchlink.sources.virtual.heart import Temperament
from watchlink.sources.virtual.practice import ALIASES, WEARABLES, activity_bpm_of

WEEKS: Final = 8
FIRST_WEEK: Final = -1
"""There are two weeks before the programme: -1 and 0."""
A_WEEK: Final = 3
"""How many baselines are planned in each week."""
SD_LN_RMSSD: Final = 0.48
"""Of one sitting, between people and days together."""
ICC: Final = 0.5
"""Which share of that variance is between people."""
WEEK_SHARE: Final = 0.3
"""Which share of the variance within a person the days of a week have in common."""
WEEK_TO_WEEK: Final = 0.3
"""Correlation of that common part from one week to the next."""
SD_RESTING_BPM: Final = 3.5
"""Of one person's resting rate over days and weeks together; divided between them in the same way."""

SESSION_DAY: Final = 0
"""On which of a week's days, 0..6, the session is."""

_USUAL_RMSSD_MS: Final = 32.0
_FURTHEST_SD: Final = 2.5
_FORGOTTEN: Final = 0.12
_ILL_FOR_A_WEEK: Final = 0.4
_ILL_BPM: Final = 4.0
# In the mean over breaths: depths are drawn evenly from 0.8 to 1.1, see `Heart`.
_MEAN_SQUARE_DEPTH: Final = 0.95**2 + 0.3**2 / 12
_MAYER_HZ: Final = 0.1

_RMSSD_RISES_PCT: Final = 30.0
_RMSSD_RISES_IN: Final = frozenset({"Heron", "Marten"})
_ANSWER_BPM: Final = (14.0, 9.0)
_ANSWER_FALLS_IN: Final = frozenset({"Otter", "Wren", "Ibis"})
_HABITUATES_MOST: Final = "Lark"
_HABITUATION_PCT: Final = 4.0
_MOST_HABITUATION_PCT: Final = 9.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """One person: the truth that a programme's statistics are to find, or not to find.

    Attributes:
        person: pseudonym.
        profile: id of the wearable's profile at the beginning.
        temperament: on a usual day before the programme; its resting rate stays the same over the weeks.
        usual_rmssd_ms: at rest, geometric mean over days, before the programme.
        rmssd_change_pct: by how much that has changed at the end of week 8; it goes there evenly in ln.
        answer_bpm: mean rise in the minute after an escalation, as the speaker in a scenario that nobody has met, in
            week 1.
        last_answer_bpm: the same in week 8; it goes there evenly.
        habituation_pct: by how much less it is for each earlier session, where the scenario has been met.
        rating, last_rating: what the person says of the practice, 0 to 10, in weeks 1 and 8, in the mean.
    """

    person: str
    profile: str
    temperament: Temperament
    usual_rmssd_ms: float
    rmssd_change_pct: float
    answer_bpm: float
    last_answer_bpm: float
    habituation_pct: float
    rating: float
    last_rating: float

    def rmssd_ms_at(self, progress: float) -> float:
        """What RMSSD at rest is in the middle of all chance, at a share 0..1 of the eight weeks."""
        return self.usual_rmssd_ms * exp(log(1 + self.rmssd_change_pct / 100) * min(1.0, max(0.0, progress)))

    def answer_bpm_in(self, week: int, *, sessions_before: int | None) -> float:
        """Mean rise in the minute after an escalation; `sessions_before` is None in a scenario that nobody has met."""
        unseen_bpm = self.answer_bpm + (self.last_answer_bpm - self.answer_bpm) * _share_of_weeks(week)
        return unseen_bpm * (1 - self.habituation_pct / 100) ** (sessions_before or 0)

    def rating_in(self, week: int) -> float:
        """What the person says of a session's practice in the mean."""
        return self.rating + (self.last_rating - self.rating) * _share_of_weeks(week)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """How somebody is at rest on a day on which they were to measure.

    Attributes:
        week: -1 and 0 before the programme, then 1 to 8.
        day: of the week, 0..6.
        session: whether it is that of the session, else a baseline in the morning.
        progress: share of the eight weeks that has gone by, 0..1.
        rmssd_ms, resting_bpm: at rest.
        ill: whether the person is ill; the resting rate is higher then.
        missed: whether nothing was measured after all.
    """

    week: int
    day: int
    session: bool
    progress: float
    rmssd_ms: float
    resting_bpm: float
    ill: bool
    missed: bool


def participant(seat: int, *, seed: int) -> Participant:
    """The person at a seat, 0..7; who changes in which way belongs to the seat, all else to the seed."""
    alias = ALIASES[seat]
    chance = random.Random(f"{seed} {alias} programme")
    between = SD_LN_RMSSD * sqrt(ICC)
    usual = replace(
        Temperament.drawn_from(chance), activity_bpm=activity_bpm_of(random.Random(f"{seed} {alias} manner"))
    )
    usual_rmssd_ms = _USUAL_RMSSD_MS * exp(between * _gauss(chance))
    planted = alias in _ANSWER_FALLS_IN
    answer_bpm = _ANSWER_BPM[0] if planted else chance.uniform(12, 16)
    rating = chance.uniform(6, 8)
    return Participant(
        person=alias,
        profile=WEARABLES[seat],
        temperament=with_rmssd(usual, usual_rmssd_ms),
        usual_rmssd_ms=usual_rmssd_ms,
        rmssd_change_pct=_RMSSD_RISES_PCT if alias in _RMSSD_RISES_IN else 0.0,
        answer_bpm=answer_bpm,
        last_answer_bpm=_ANSWER_BPM[1] if planted else answer_bpm,
        habituation_pct=_MOST_HABITUATION_PCT if alias == _HABITUATES_MOST else _HABITUATION_PCT,
        rating=rating,
        last_rating=rating - chance.uniform(0, 4),
    )


def sittings(who: Participant, *, seed: int) -> Iterator[Sitting]:
    """All days on which somebody is to measure, in order of time: three mornings a week, and the session in weeks 1..8.

    What is missed is among them: somebody forgets one in eight mornings, or is ill for a week.
    """
    chance = random.Random(f"{seed} {who.person} days")
    illness = chance.choice(range(1, WEEKS + 1)) if chance.random() < _ILL_FOR_A_WEEK else None
    within = SD_LN_RMSSD * sqrt(1 - ICC)
    common, own = sqrt(WEEK_SHARE), sqrt(1 - WEEK_SHARE)
    weekly: tuple[float, float] | None = None  # of RMSSD and of the rate, in standard deviations
    for week in range(FIRST_WEEK, WEEKS + 1):
        fresh = _gauss(chance), _gauss(chance)
        keep = 0.0 if weekly is None else WEEK_TO_WEEK
        before = weekly or (0.0, 0.0)
        weekly = (
            keep * before[0] + sqrt(1 - keep**2) * fresh[0],
            keep * before[1] + sqrt(1 - keep**2) * fresh[1],
        )
        mornings = sorted(chance.sample(range(7), A_WEEK))
        days = [(day, False) for day in mornings] + ([(SESSION_DAY, True)] if week >= 1 else [])
        for day, session in sorted(days):
            progress = max(0.0, (week - 1 + (day + 1) / 7) / WEEKS)
            off = common * weekly[0] + own * _gauss(chance)
            ill = week == illness and not session
            forgotten = chance.random() < _FORGOTTEN
            resting_bpm = who.temperament.resting_bpm + SD_RESTING_BPM * (common * weekly[1] + own * _gauss(chance))
            yield Sitting(
                week=week,
                day=day,
                session=session,
                progress=progress,
                rmssd_ms=who.rmssd_ms_at(progress) * exp(within * off),
                resting_bpm=resting_bpm + (_ILL_BPM if ill else 0.0),
                ill=ill,
                missed=not session and (forgotten or (ill and day != mornings[-1])),
            )


def rmssd_of(temperament: Temperament) -> float:
    """RMSSD of a heart at rest, in ms, from the swings of its rate.

    An interval is the mean of a swinging rate over the interval before; each swing adds its own differences.
    """
    interval_s = 60 / temperament.resting_bpm

    def differences(swing_pct: float, hz: float) -> float:
        turn = pi * hz * interval_s
        return 2 * (swing_pct / 100 * interval_s * 1000 * sin(turn) * sin(turn) / turn) ** 2

    breathing = _MEAN_SQUARE_DEPTH * differences(temperament.breathing_pct, temperament.breaths_per_min / 60)
    return sqrt(breathing + differences(temperament.mayer_pct, _MAYER_HZ))


def with_rmssd(temperament: Temperament, rmssd_ms: float) -> Temperament:
    """The same heart with both swings as large as this RMSSD needs."""
    times = rmssd_ms / rmssd_of(temperament)
    return replace(
        temperament, breathing_pct=temperament.breathing_pct * times, mayer_pct=temperament.mayer_pct * times
    )


def on_this_day(who: Participant, day: Sitting) -> Temperament:
    """How this person's heart is in a sitting."""
    return with_rmssd(replace(who.temperament, resting_bpm=day.resting_bpm), day.rmssd_ms)


def _share_of_weeks(week: int) -> float:
    return (week - 1) / (WEEKS - 1)


def _gauss(chance: random.Random) -> float:
    """A draw that is never so far out that no heart could be so."""
    return min(_FURTHEST_SD, max(-_FURTHEST_SD, chance.gauss(0, 1)))
