"""Which session event may belong to which spike, what events did without a spike, and when the room reacted together.

Strategy: a spike is an observation, an event is an observation; tying them together is a guess with a lag and with its
odds against luck. The odds come from the session as it was: in what share of this person's known seconds would an onset
have fallen at least as near to something that concerns them? Where something is marked every ten seconds, everything is
near something, and the guess is worth little. All of a person's events count there, whatever their labels, so that
having many to choose from costs what it should.

Heart rates also change without a spike: so each sort of event has a response, the mean change of the heart rate after
it, held against the changes that come by themselves. And several people who rise within seconds of each other are a
coincidence, held against each one's own rate of rises.

What explains a rise (the body moved, the technique failed) is no candidate; see `session.explains`.

References:
    The names follow seismology: an observation is a pick, its tie to an event an arrival with a residual (QuakeML);
    coincidence over stations: Withers et al., BSSA 88(1), 1998.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Final

from dsp import Change, HeartSeconds, at_least
from watchlink.packets import EventKind, SessionEvent
from watchlink.session import explains

_US_PER_S: Final = 1_000_000
# A heart answers within seconds and is seen to rise a little before; people mark a little late.
_EARLIEST_S: Final = -5.0
_LATEST_S: Final = 30.0
_LIKELY_S: Final = 4.0
# People get up a moment before it is seen and marked, and their heart rate stays up for a while.
_EXPLAINED_BEFORE_S: Final = 15.0
_EXPLAINED_AFTER_S: Final = 45.0
# A label is followed by a rise if one begins so long before to so long after it.
_FOLLOWED_BEFORE_S: Final = 3.0
_FOLLOWED_AFTER_S: Final = 15.0
TOGETHER_S: Final = 10.0
"""Onsets within so many seconds are together."""
_LEAST_TOGETHER: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """One event that may belong to a spike.

    Attributes:
        event: the event.
        lag_s: onset of the spike minus time of the event, -5..30 s.
        by_luck: chance that an onset anywhere in this person's session would lie as well to some event, 0..1.
    """

    event: SessionEvent
    lag_s: float
    by_luck: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a person's heart rate did at all events of one label.

    Attributes:
        person: whose heart.
        label: of the events.
        change: of the heart rate.
    """

    person: str
    label: str
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """How often a label was followed by a rise of whom it concerns, over all people.

    Attributes:
        label: of the events.
        events: how often it happened to somebody whose heart rate was known; an event for everybody counts for each.
        followed: how many of them a rise followed (from 3 s before to 15 s after).
        expected: how many it would have been by luck.
        by_luck: chance of at least as many by luck, 0..1.
    """

    label: str
    events: int
    followed: int
    expected: float
    by_luck: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Coincidence:
    """Several people's heart rates rose together.

    Attributes:
        at_s: the first onset.
        people: whose, in order of their onsets.
        of: how many people's heart rates were known in the session.
        by_luck: how many such coincidences a session like this has by luck, 0 and above.
        event: the nearest event before it, if there is one within 30 s.
        lag_s: the first onset minus that event; None without one.
    """

    at_s: float
    people: tuple[str, ...]
    of: int
    by_luck: float
    event: SessionEvent | None
    lag_s: float | None


def concerns(event: SessionEvent, person: str) -> bool:
    """Whether an event happened to this person: marked on them or on everybody, or they took a role."""
    if event.kind is EventKind.ROLE:
        return event.person == person
    return event.person is None or event.person == person


def associate(
    *, onset_s: float, person: str, events: Iterable[SessionEvent], seconds: HeartSeconds
) -> tuple[Association, ...]:
    """The events that may belong to a spike with this onset, the likeliest lag first; empty where none fits.

    Args:
        onset_s: the spike's onset on the session's axis.
        person: whose spike it is.
        events: all events of the session, in any order.
        seconds: this person's heart rate.
    """
    times_s = {
        event: event.happened_us / _US_PER_S for event in events if concerns(event, person) and not explains(event)
    }
    found: list[tuple[float, Association]] = []
    for event, at_s in times_s.items():
        lag_s = onset_s - at_s
        if not _EARLIEST_S <= lag_s <= _LATEST_S:
            continue
        off_s = abs(lag_s - _LIKELY_S)
        by_luck = seconds.share_near(
            times_s.values(),
            before_s=min(off_s - _LIKELY_S, -_EARLIEST_S),
            after_s=min(off_s + _LIKELY_S, _LATEST_S),
        )
        found.append((off_s, Association(event=event, lag_s=lag_s, by_luck=by_luck)))
    return tuple(one for _, one in sorted(found, key=lambda pair: (pair[0], pair[1].event.at_us)))


def explanation(*, onset_s: float, person: str, events: Iterable[SessionEvent]) -> SessionEvent | None:
    """The nearest event beside an onset that explains the rise; None if there is none."""
    near = [
        (abs(lag_s), event.at_us, event)
        for event in events
        if explains(event)
        and event.person in (None, person)
        and -_EXPLAINED_BEFORE_S <= (lag_s := onset_s - event.happened_us / _US_PER_S) <= _EXPLAINED_AFTER_S
    ]
    return min(near, key=lambda found: found[:2])[2] if near else None


def responses(people: Mapping[str, HeartSeconds], events: Sequence[SessionEvent]) -> Iterator[Response]:
    """What each person's heart rate did at each sort of mark that concerns them, with a spike or without."""
    for person, seconds in people.items():
        own = [event for event in events if concerns(event, person)]
        all_s = [event.happened_us / _US_PER_S for event in own]
        for label in sorted({event.label for event in own if _is_mark(event)}):
            times_s = [event.happened_us / _US_PER_S for event in own if _is_mark(event) and event.label == label]
            change = seconds.change_at(times_s, all_events_s=all_s)
            if change is not None:
                yield Response(person=person, label=label, change=change)


def followed(
    people: Mapping[str, HeartSeconds],
    events: Sequence[SessionEvent],
    onsets_s: Mapping[str, Sequence[float]],
) -> Iterator[Followed]:
    """For each label, how often a rise followed it, and how often one would have by luck.

    Events within seconds of each other are taken for independent; where they are not, the chance is a little low.
    """
    marks = [event for event in events if _is_mark(event)]
    luck = {
        person: seconds.share_near(onsets_s.get(person, ()), before_s=_FOLLOWED_AFTER_S, after_s=_FOLLOWED_BEFORE_S)
        for person, seconds in people.items()
    }
    for label in sorted({event.label for event in marks}):
        chances: list[float] = []
        hits = 0
        for event in marks:
            if event.label != label:
                continue
            at_s = event.happened_us / _US_PER_S
            for person, seconds in people.items():
                if not concerns(event, person) or not seconds.is_known(at_s):
                    continue
                chances.append(luck[person])
                hits += any(
                    -_FOLLOWED_BEFORE_S <= onset_s - at_s <= _FOLLOWED_AFTER_S for onset_s in onsets_s.get(person, ())
                )
        if chances:
            yield Followed(
                label=label,
                events=len(chances),
                followed=hits,
                expected=sum(chances),
                by_luck=at_least(hits, chances),
            )


def coincidences(
    people: Mapping[str, HeartSeconds],
    events: Sequence[SessionEvent],
    onsets_s: Mapping[str, Sequence[float]],
) -> Iterator[Coincidence]:
    """Where at least three people's rises began within ten seconds; each rise is in one coincidence at most."""
    known = {person: seconds.known_s for person, seconds in people.items() if seconds.known_s}
    onsets = sorted((onset_s, person) for person in known for onset_s in onsets_s.get(person, ()))
    per_window = {
        person: 1 - exp(-len(onsets_s.get(person, ())) * TOGETHER_S / seconds) for person, seconds in known.items()
    }
    taken_until = 0
    for first, (at_s, _) in enumerate(onsets):
        if first < taken_until:
            continue
        together = [person for onset_s, person in onsets[first:] if onset_s - at_s <= TOGETHER_S]
        names = tuple(dict.fromkeys(together))
        if len(names) < _LEAST_TOGETHER:
            continue
        taken_until = first + len(together)
        by_luck = sum(
            len(onsets_s.get(person, ()))
            * at_least(len(names) - 1, (chance for other, chance in per_window.items() if other != person))
            for person in known
        )
        event = _event_before(events, at_s)
        yield Coincidence(
            at_s=at_s,
            people=names,
            of=len(known),
            by_luck=by_luck,
            event=event,
            lag_s=None if event is None else at_s - event.happened_us / _US_PER_S,
        )


def _event_before(events: Sequence[SessionEvent], at_s: float) -> SessionEvent | None:
    lags = [
        (lag_s, event)
        for event in events
        if event.kind is not EventKind.ROLE
        and _EARLIEST_S <= (lag_s := at_s - event.happened_us / _US_PER_S) <= _LATEST_S
    ]
    return min(lags, key=lambda found: abs(found[0] - _LIKELY_S))[1] if lags else None


def _is_mark(event: SessionEvent) -> bool:
    return event.kind is EventKind.MARK and not explains(event)
