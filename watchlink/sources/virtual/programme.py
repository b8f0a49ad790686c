"""A whole virtual programme: eight people, eight weekly sessions, baselines before and between, the truth stated.

Strategy: what is true of the people, of their days and of what happens in sessions is laid down at once, cheaply; the
log of a recording is made from it when it is asked for, with real payloads from virtual sensors, and is the same each
time. No radio and no clock: the day on which the programme ended is an argument.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from heapq import merge
from itertools import chain, count, takewhile
from operator import attrgetter
from typing import Final

from firmware_profiles.profiles import load_profiles
from watchlink.consent import wording
from watchlink.packets import EventKind, Packet, Planned, Purpose, SelfReport, SessionEvent, Sharing
from watchlink.session import Plan
from watchlink.sources.virtual.evening import Evening, TrueAnswer, evening, plan_of
from watchlink.sources.virtual.heart import Heart
from watchlink.sources.virtual.participant import (
    SESSION_DAY,
    WEEKS,
    Participant,
    Sitting,
    on_this_day,
    participant,
    sittings,
)
from watchlink.sources.virtual.practice import ALIASES
from watchlink.sources.virtual.sensor import Truth, emissions
from watchlink.sources.virtual.wearable import Emission
from watchlink.sources.virtual.wearing import Wearing

_US_PER_S: Final = 1_000_000
_EVENING: Final = time(17, 30, tzinfo=UTC)
_MORNING: Final = time(6, 30, tzinfo=UTC)
_SETTLING_US: Final = 30 * _US_PER_S
_BASELINE_US: Final = 300 * _US_PER_S
_AFTERWARDS_US: Final = 5 * _US_PER_S
_GAPS_PER_H: Final = 0.3

_ALL: Final = frozenset(Purpose)
_MOST: Final = _ALL - {Purpose.RAW}
_SOME: Final = frozenset({Purpose.HEART_RATE, Purpose.RISES})
_LITTLE: Final = frozenset({Purpose.HEART_RATE})
_NOTHING: Final[frozenset[Purpose]] = frozenset()
_SHARES: Final = {"Heron": _ALL, "Otter": _MOST, "Wren": _LITTLE, "Ibis": _MOST, "Lark": _ALL, "Marten": _MOST}
_FROM_WEEK_3: Final = "Robin"
_WITHDRAWS, _WITHDRAWN_IN_WEEK, _WITHDRAWN_US = "Finch", 4, 2_500 * _US_PER_S
_ABSENT: Final = {"Marten": frozenset({3, 6})}
_SWAPS, _SWAPPED_IN_WEEK, _SWAPPED_US, _SWAPPED_TO = "Ibis", 5, 3_800 * _US_PER_S, "polar-h10"
_BROKE_OFF_IN_WEEK, _BROKE_OFF_US = 3, 4_100 * _US_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharer:
    """What somebody shares when the programme is over.

    Attributes:
        person: pseudonym.
        shares: what others may see.
        agreed_on: when they said so.
    """

    person: str
    shares: frozenset[Purpose]
    agreed_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One session or one baseline.

    Attributes:
        title: what it is called.
        baseline: whether it is one person's baseline; else a session.
        week: of the programme, 1..8; None in the two weeks before it.
        started_at: zero of its axis.
        broke_off: whether it ends in the middle because the recorder died.
        truth: how everybody who is there is at rest, by pseudonym.
        answers: to escalations, in order of time; none in a baseline.
    """

    title: str
    baseline: bool
    week: int | None
    started_at: datetime
    broke_off: bool
    truth: Mapping[str, Sitting]
    answers: tuple[TrueAnswer, ...]
    _log: partial[Iterator[Packet]]

    def packets(self) -> Iterator[Packet]:
        """The log, made anew each time and always the same."""
        return self._log()


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """All of it.

    Attributes:
        people: what is true of everybody, in the order of the cohort.
        shares: what everybody shares at the end.
        began_on, ended_on: the first day of the two weeks before, and the last day of week 8.
        recordings: in order of time.
    """

    people: tuple[Participant, ...]
    shares: tuple[Sharer, ...]
    began_on: date
    ended_on: date
    recordings: tuple[Recording, ...]


def programme(*, people: int = len(ALIASES), seed: int, ended_on: date) -> Programme:
    """Make a programme up.

    The people, their days and their baselines are those of any larger cohort of the same seed.

    Args:
        people: 1..8.
        seed: the same seed gives the same bytes.
        ended_on: last day of week 8; each week begins with its session.

    Raises:
        ValueError: `people` is out of range.
    """
    if not 1 <= people <= len(ALIASES):
        raise ValueError(f"people must be 1 to {len(ALIASES)}, got {people}")
    cohort = tuple(participant(seat, seed=seed) for seat in range(people))
    days = {who.person: [one for one in sittings(who, seed=seed) if not one.missed] for who in cohort}
    calendar = _Calendar(ended_on)
    recordings = [_baseline(who, day, calendar, seed) for who in cohort for day in days[who.person] if not day.session]
    sessions_before = dict.fromkeys(days, 0)
    for week in range(1, WEEKS + 1):
        there = {
            alias: day
            for alias, own in days.items()
            for day in own
            if day.session and day.week == week and week not in _ABSENT.get(alias, ())
        }
        recordings.append(_session(week, cohort, there, sessions_before, calendar, seed))
        for alias in there:
            sessions_before[alias] += 1
    return Programme(
        people=cohort,
        shares=tuple(_sharer(who.person, calendar) for who in cohort),
        began_on=calendar.day(-1, 0),
        ended_on=ended_on,
        recordings=tuple(sorted(recordings, key=attrgetter("started_at", "title"))),
    )


class _Calendar:
    """Which day is which."""

    def __init__(self, ended_on: date) -> None:
        self._ended_on = ended_on

    def day(self, week: int, day: int) -> date:
        return self._ended_on - timedelta(days=7 * (WEEKS - week) + 6 - day)

    def morning(self, sitting: Sitting, chance: random.Random) -> datetime:
        begins = datetime.combine(self.day(sitting.week, sitting.day), _MORNING)
        return begins + timedelta(seconds=chance.randrange(90 * 60))

    def evening(self, week: int, chance: random.Random) -> datetime:
        return datetime.combine(self.day(week, SESSION_DAY), _EVENING) + timedelta(seconds=chance.randrange(10 * 60))


def _sharer(alias: str, calendar: _Calendar) -> Sharer:
    agreed_on = calendar.day(-1, 0)
    if alias == _WITHDRAWS:
        agreed_on = calendar.day(_WITHDRAWN_IN_WEEK, SESSION_DAY)
    elif alias == _FROM_WEEK_3:
        agreed_on = calendar.day(3, SESSION_DAY)
    return Sharer(person=alias, shares=_shared(alias, WEEKS, 6), agreed_on=agreed_on)


def _shared(alias: str, week: int, day: int) -> frozenset[Purpose]:
    """What somebody shares at the beginning of a recording."""
    if alias == _WITHDRAWS:
        return _SOME if (week, day) <= (_WITHDRAWN_IN_WEEK, SESSION_DAY) else _NOTHING
    if alias == _FROM_WEEK_3:
        return _SOME if week >= 3 else _NOTHING
    return _SHARES[alias]


def _profile_of(who: Participant, week: int, day: int) -> str:
    """What somebody wears at the beginning of a recording."""
    swapped = who.person == _SWAPS and (week, day) > (_SWAPPED_IN_WEEK, SESSION_DAY)
    return _SWAPPED_TO if swapped else who.profile


def _session(
    week: int,
    cohort: tuple[Participant, ...],
    there: Mapping[str, Sitting],
    sessions_before: Mapping[str, int],
    calendar: _Calendar,
    seed: int,
) -> Recording:
    plan = plan_of(week, people=len(cohort))
    before = {alias: sessions_before[alias] for alias in there}
    happens = evening(plan, week=week, everybody=cohort, sessions_before=before, seed=seed)
    broke_off = week == _BROKE_OFF_IN_WEEK
    return Recording(
        title=f"{plan.title}, week {week}",
        baseline=False,
        week=week,
        started_at=calendar.evening(week, random.Random(f"{seed} {week} begin")),
        broke_off=broke_off,
        truth=there,
        answers=tuple(answer for answer in happens.answers if not broke_off or answer.at_s * _US_PER_S < _BROKE_OFF_US),
        _log=partial(_session_log, week, cohort, there, plan, happens, seed),
    )


def _session_log(
    week: int,
    cohort: Sequence[Participant],
    there: Mapping[str, Sitting],
    plan: Plan,
    happens: Evening,
    seed: int,
) -> Iterator[Packet]:
    until_us = plan.duration_us + _AFTERWARDS_US
    logs: list[Iterable[Packet]] = [
        [Planned(at_us=0, text=plan.text, week=week)],
        [_sharing(who.person, _shared(who.person, week, SESSION_DAY), 0) for who in cohort],
        happens.events,
    ]
    if week == _WITHDRAWN_IN_WEEK and _WITHDRAWS in there:
        logs.append([_sharing(_WITHDRAWS, _NOTHING, _WITHDRAWN_US)])
    spare = count(len(cohort) + 1)
    for seat, who in enumerate(cohort, 1):
        chance = random.Random(f"{seed} {week} {who.person} evening")
        worn = Wearing(
            person=who.person,
            wearable=f"w{seat}",
            profile=load_profiles()[_profile_of(who, week, SESSION_DAY)],
            battery_percent=chance.randrange(40, 101),
            seated_us=300_000,
            connected_us=round(chance.uniform(0.6, 9.0) * _US_PER_S),
            until_us=until_us,
            gaps_us=_gaps_us(chance, until_us),
        )
        day = there.get(who.person)
        if day is None:
            logs.append(replace(worn, connected_us=None).log(()))
            continue
        logs.append(_ratings(who, week, chance, until_us))
        sent = partial(_sent, who, day, happens, f"{seed} {week}")
        if (who.person, week) != (_SWAPS, _SWAPPED_IN_WEEK):
            logs.append(worn.log(sent(worn)))
            continue
        other = replace(
            worn,
            wearable=f"w{next(spare)}",
            profile=load_profiles()[_SWAPPED_TO],
            seated_us=_SWAPPED_US,
            connected_us=_SWAPPED_US + 8 * _US_PER_S,
            gaps_us=(),
        )
        earlier = replace(worn, until_us=_SWAPPED_US, gaps_us=[gap for gap in worn.gaps_us if gap[1] < _SWAPPED_US])
        logs.append(chain(earlier.log(sent(earlier)), other.log(sent(other))))
    log = merge(*logs, key=_at_us)
    if week == _BROKE_OFF_IN_WEEK:
        return takewhile(lambda packet: packet.at_us < _BROKE_OFF_US, log)
    return log


def _baseline(who: Participant, day: Sitting, calendar: _Calendar, seed: int) -> Recording:
    key = f"{seed} {who.person} {day.week} {day.day}"
    return Recording(
        title=f"Baseline: {who.person}",
        baseline=True,
        week=day.week if day.week >= 1 else None,
        started_at=calendar.morning(day, random.Random(f"{key} begin")),
        broke_off=False,
        truth={who.person: day},
        answers=(),
        _log=partial(_baseline_log, who, day, key),
    )


def _baseline_log(who: Participant, day: Sitting, key: str) -> Iterator[Packet]:
    chance = random.Random(f"{key} morning")
    worn = Wearing(
        person=who.person,
        wearable="w1",
        profile=load_profiles()[_profile_of(who, day.week, day.day)],
        battery_percent=chance.randrange(30, 101),
        seated_us=300_000,
        connected_us=round(chance.uniform(0.6, 6.0) * _US_PER_S),
        until_us=_SETTLING_US + _BASELINE_US,
    )
    quiet = Evening(
        events=(SessionEvent(at_us=_SETTLING_US, kind=EventKind.BLOCK, label="baseline", note="Silent baseline"),),
        answers=(),
        stretches={who.person: ()},
        responses={who.person: ()},
        movements={who.person: ()},
    )
    logs: list[Iterable[Packet]] = [
        [_sharing(who.person, _shared(who.person, day.week, day.day), 0)],
        _checklist(who.person, day, chance),
        quiet.events,
        worn.log(_sent(who, day, quiet, key, worn)),
    ]
    return merge(*logs, key=_at_us)


def _sent(who: Participant, day: Sitting, happens: Evening, key: str, worn: Wearing) -> Iterator[Emission]:
    """What a sensor on this heart sends; the heart is the same whichever sensor looks at it."""
    alias = who.person
    heart = Heart(
        chance=random.Random(f"{key} {alias} heart"),
        temperament=on_this_day(who, day),
        stretches=happens.stretches[alias],
        responses=happens.responses[alias],
    )
    chance = random.Random(f"{key} {alias} sensor {worn.profile.id}")
    truth = Truth(responses=tuple(happens.responses[alias]), movements=tuple(happens.movements[alias]))
    return emissions(heart=heart, behaviour=worn.profile.virtual, chance=chance, truth=truth)


def _gaps_us(chance: random.Random, until_us: int) -> list[tuple[int, int]]:
    """When a link is lost and when it is back."""
    gaps: list[tuple[int, int]] = []
    at_s = 60 + chance.expovariate(_GAPS_PER_H / 3600)
    while at_s * _US_PER_S < until_us - 120 * _US_PER_S:
        back_s = at_s + chance.uniform(4, 40)
        gaps.append((round(at_s * _US_PER_S), round(back_s * _US_PER_S)))
        at_s = back_s + 60 + chance.expovariate(_GAPS_PER_H / 3600)
    return gaps


def _ratings(who: Participant, week: int, chance: random.Random, until_us: int) -> list[SelfReport]:
    """What somebody says of a session, before and after."""
    said_us = round(chance.uniform(10, 60) * _US_PER_S), until_us - round(chance.uniform(0, 4) * _US_PER_S)
    said = who.rating_in(week) + chance.gauss(0, 0.8), who.rating_in(week) - 1 + chance.gauss(0, 0.8)
    return [
        SelfReport(at_us=at_us, person=who.person, item=item, answer=str(min(10, max(0, round(rating)))))
        for at_us, item, rating in zip(said_us, ("rating-before", "rating-after"), said, strict=True)
    ]


def _checklist(person: str, day: Sitting, chance: random.Random) -> list[SelfReport]:
    """What somebody says before a baseline."""
    sleep_h = min(10.0, max(3.5, round(2 * chance.gauss(7.0, 0.9)) / 2))
    said = {
        "sleep": f"{sleep_h:g}",
        "caffeine": _yes(chance.random() < 0.3),
        "exercise": _yes(chance.random() < 0.15),
        "illness": _yes(day.ill),
        "medication": _yes(day.ill and chance.random() < 0.5),
    }
    return [
        SelfReport(at_us=number * _US_PER_S, person=person, item=item, answer=answer)
        for number, (item, answer) in enumerate(said.items(), 7)
    ]


def _yes(so: bool) -> str:  # noqa: FBT001 - its one argument
    return "yes" if so else "no"


def _sharing(person: str, purposes: frozenset[Purpose], at_us: int) -> Sharing:
    return Sharing(at_us=at_us, person=person, purposes=purposes, wording=wording())


def _at_us(packet: Packet) -> int:
    return packet.at_us
