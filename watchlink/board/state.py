"""The state of the board: a fold over packets and readings, and a frozen picture of it at an instant.

Strategy: everything that any renderer shows is in `BoardState`; renderers look at nothing else. People keep the order
in which they sat down; nothing sorts by heart.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from watchlink.packets import Correction, EventKind, LinkChange, LinkState, Packet, Role, Seat, SessionEvent
from watchlink.readings import (
    Battery,
    BeatReading,
    ContactReading,
    Duplicate,
    Grade,
    GradeReading,
    HeartRateReading,
    HrvAbsent,
    HrvReading,
    Late,
    Measured,
    Reading,
    SpikeEnded,
    SpikeStarted,
    Undecodable,
    Worn,
)
from watchlink.session import Room, corrected

_US_PER_S: Final = 1_000_000
# Whatever is being tried meanwhile, for a person who looks at the board the link is lost until data flows again.
_NO_LINK: Final = frozenset(LinkState) - {LinkState.STREAMING, LinkState.STALLED}
TREND_S: Final = 60
_STALE_US: Final = 5 * _US_PER_S
_EVENTS: Final = 4
# Above usual by this many of one's own spreads: "above", and "well above" (where a spike may begin).
_ABOVE_SPREADS: Final = 1.5
_WELL_ABOVE_SPREADS: Final = 3.0
_WELL_ABOVE_BPM: Final = 8.0


class AgainstUsual(StrEnum):
    """The heart rate against a person's own usual, in words."""

    UNKNOWN = "not known yet"
    USUAL = "usual"
    BELOW = "below"
    ABOVE = "above"
    WELL_ABOVE = "well above"


class Signal(StrEnum):
    """What comes from a wearable, in words."""

    WAITING = "waiting"
    GOOD = "good"
    PATCHY = "patchy"
    NO_CONTACT = "no contact"
    STALE = "stale"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonState:
    """One person's row.

    Attributes:
        person: alias.
        speaking: whether it is this person's turn.
        heart_rate_bpm: smoothed, None if nothing is known or it is stale.
        age_s: seconds since something was last received; None if never.
        against: against own usual.
        above_usual_bpm: the same in bpm.
        rising: a spike is open.
        trend: smoothed heart rate of the last 60 s, oldest first; None where nothing is known.
        grade: what the wearable supports.
        rmssd_ms: of the last 60 s, where grade and phase allow it.
        signal, clean_pct: state of the signal, and share of the last minute without gaps and corrections.
        battery_pct: only if 20 or lower.
        last_mark: label of the last mark on this person.
    """

    person: str
    speaking: bool
    heart_rate_bpm: float | None
    age_s: float | None
    against: AgainstUsual
    above_usual_bpm: float | None
    rising: bool
    trend: tuple[float | None, ...]
    grade: Grade | None
    rmssd_ms: float | None
    signal: Signal
    clean_pct: int
    battery_pct: int | None
    last_mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardState:
    """The whole board at an instant."""

    at_us: int
    block: str
    people: tuple[PersonState, ...]
    events: tuple[SessionEvent, ...]
    spikes: int
    trouble: str | None


@dataclass(slots=True)
class _Person:
    seated_with: str
    grade: Grade | None = None
    link: LinkState = LinkState.SEEKING
    heard_us: int | None = None
    last: HeartRateReading | None = None
    recent: deque[HeartRateReading] = field(default_factory=deque[HeartRateReading])
    rmssd_ms: float | None = None
    rising: bool = False
    contact: bool = True
    battery_pct: int | None = None
    last_mark: str = ""


class BoardFold:
    """Takes what happens; `at` gives the board at an instant."""

    def __init__(self) -> None:
        """An empty room."""
        self._people: dict[str, _Person] = {}
        self._room = Room()
        self._events: deque[SessionEvent] = deque(maxlen=_EVENTS)
        self._spikes = 0
        self._latest_us = 0
        self.trouble: str | None = None

    def accept(self, item: Packet | Reading) -> None:
        """Take a packet or a reading."""
        match item:
            case HeartRateReading():
                person = self._person(item.person)
                person.last = item
                person.recent.append(item)
                while person.recent[0].at_s < item.at_s - TREND_S:
                    person.recent.popleft()
            case Measured() | Undecodable() | Duplicate():
                person = self._person(item.person)
                person.heard_us = self._latest_us = item.at_us
                person.link = LinkState.STREAMING  # whatever was said of the link: here is a report
            case HrvReading():
                self._person(item.person).rmssd_ms = item.metrics.time_domain.rmssd_ms
            case HrvAbsent():
                self._person(item.person).rmssd_ms = None
            case SpikeStarted():
                self._person(item.person).rising = True
                self._spikes += 1
            case SpikeEnded():
                self._person(item.person).rising = False
            case GradeReading():
                self._person(item.person).grade = item.grade
            case ContactReading():
                self._person(item.person).contact = item.present
            case Battery():
                self._person(item.person).battery_pct = item.charge_pct
            case Seat():
                person = self._person(item.person)
                person.seated_with, person.contact = item.wearable, True
            case SessionEvent():
                self._event(item)
            case Correction():
                self._correct(item)
            case LinkChange():
                for person in self._people.values():
                    if person.seated_with == item.wearable:
                        person.link = item.state
            case BeatReading() | Worn() | Late() | _:
                pass

    def at(self, now_us: int | None = None) -> BoardState:
        """The board at an instant (None: at the last packet)."""
        at_us = self._latest_us if now_us is None else now_us
        block = self._room.block
        return BoardState(
            at_us=at_us,
            block="" if block is None else block.note or block.label,
            people=tuple(self._row(name, person, at_us) for name, person in self._people.items()),
            events=tuple(self._events),
            spikes=self._spikes,
            trouble=self.trouble,
        )

    def _person(self, name: str) -> _Person:
        """Who is meant; a wearable that nobody was seated with goes by its own name."""
        return self._people.setdefault(name, _Person(seated_with=name))

    def _event(self, event: SessionEvent) -> None:
        self._latest_us = max(self._latest_us, event.at_us)
        self._room.enter(event)
        if event.kind is EventKind.ROLE:
            return
        if event.kind is EventKind.MARK and event.person in self._people:
            self._people[event.person].last_mark = event.label
        self._events.append(event)

    def _correct(self, correction: Correction) -> None:
        """Show what stands; what the room is now stays, since it was lived through."""
        self._latest_us = max(self._latest_us, correction.at_us)
        shown = [event for event in self._events if event.at_us == correction.of_us]
        self._events = deque(corrected(self._events, [correction]).events, maxlen=_EVENTS)
        for event in shown:
            if event.person in self._people:
                self._people[event.person].last_mark = ""
        if correction.now is not None and correction.now.person in self._people:
            self._people[correction.now.person].last_mark = correction.now.label

    def _row(self, name: str, person: _Person, at_us: int) -> PersonState:
        age_s = None if person.heard_us is None else max(0, at_us - person.heard_us) / _US_PER_S
        signal = self._signal(person, at_us)
        live = signal in (Signal.GOOD, Signal.PATCHY)
        last = person.last if live else None
        return PersonState(
            person=name,
            speaking=self._room.role(name) is Role.SPEAKER,
            heart_rate_bpm=None if last is None else last.heart_rate_bpm,
            age_s=age_s,
            against=_against(last),
            above_usual_bpm=None if last is None else last.above_usual_bpm,
            rising=person.rising and live,
            trend=_trend(person, at_us),
            grade=person.grade,
            rmssd_ms=person.rmssd_ms if live else None,
            signal=signal,
            clean_pct=_clean_pct(person),
            battery_pct=person.battery_pct if person.battery_pct is not None and person.battery_pct <= 20 else None,
            last_mark=person.last_mark,
        )

    def _signal(self, person: _Person, at_us: int) -> Signal:
        if person.heard_us is None:
            return Signal.WAITING
        if person.link in _NO_LINK:
            return Signal.LOST
        if at_us - person.heard_us > _STALE_US:
            return Signal.STALE
        if not person.contact:
            return Signal.NO_CONTACT
        return Signal.GOOD if _clean_pct(person) >= 90 else Signal.PATCHY


def _clean_pct(person: _Person) -> int:
    """Share of the last minute (or of what there was of it) with a heart rate and no correction under it."""
    if not person.recent:
        return 0
    span_s = min(TREND_S, person.recent[-1].at_s - person.recent[0].at_s) + 1
    return min(100, round(100 * sum(reading.clean for reading in person.recent) / span_s))


def _against(reading: HeartRateReading | None) -> AgainstUsual:
    if reading is None or reading.above_usual_spreads is None or reading.above_usual_bpm is None:
        return AgainstUsual.UNKNOWN
    if reading.above_usual_spreads >= _WELL_ABOVE_SPREADS and reading.above_usual_bpm >= _WELL_ABOVE_BPM:
        return AgainstUsual.WELL_ABOVE
    if reading.above_usual_spreads >= _ABOVE_SPREADS:
        return AgainstUsual.ABOVE
    return AgainstUsual.BELOW if reading.above_usual_spreads <= -_ABOVE_SPREADS else AgainstUsual.USUAL


def _trend(person: _Person, at_us: int) -> tuple[float | None, ...]:
    values: list[float | None] = [None] * TREND_S
    for reading in person.recent:
        back_s = int(at_us / _US_PER_S - reading.at_s)
        if 0 <= back_s < TREND_S:
            values[TREND_S - 1 - back_s] = reading.heart_rate_bpm
    return tuple(values)
