"""The state of the board: a fold over packets and readings, and a frozen picture of it at an instant.

Strategy: everything that any renderer shows is in `BoardState`; renderers look at nothing else, and what people do not
share is not in it. People keep the order of their numbers; nothing sorts by heart.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from watchlink.agenda import Agenda
from watchlink.consent import NOTHING, Gate
from watchlink.packets import (
    Correction,
    EventKind,
    Extension,
    LinkChange,
    LinkState,
    Packet,
    Planned,
    Purpose,
    Role,
    Seat,
    SessionEvent,
    Sharing,
)
from watchlink.readings import (
    Battery,
    BeatReading,
    ContactReading,
    Duplicate,
    Grade,
    GradeReading,
    Heard,
    HeartRateReading,
    HrvAbsent,
    HrvReading,
    Late,
    Measured,
    Reading,
    SignalReading,
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
_SETTLES_S: Final = 10
_STALE_US: Final = 5 * _US_PER_S
_EVENTS: Final = 8
_BEATS: Final = 8
_LINKS: Final = 8
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
    SETTLING = "settling"
    """Reports come; too few yet to say how good they are."""
    GOOD = "good"
    PATCHY = "patchy"
    NO_CONTACT = "no contact"
    STALE = "stale"
    LOST = "lost"


_LIVE: Final = frozenset({Signal.SETTLING, Signal.GOOD, Signal.PATCHY})


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkNote:
    """Something that happened to a link."""

    at_us: int
    state: LinkState
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonState:
    """One person's row.

    Attributes:
        person: alias.
        role: what the person does; None where nobody said.
        shares: what others may see; None in a session in which nobody is asked.
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
        last_mark_us: when that happened.
        profile: id of what describes the wearable's firmware.
        rises: heart rate rises so far.
        beats_ms: the last intervals after cleaning, the newest last.
        hrv_beats: how many beats `rmssd_ms` stands on.
        hrv_corrected_pct: how much of it was corrected.
        hrv_absent_because: why there is no HRV; empty while there is.
        links: what happened to the link, the newest last.
    """

    person: str
    role: Role | None
    shares: frozenset[Purpose] | None
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
    last_mark_us: int | None
    profile: str
    rises: int
    beats_ms: tuple[float, ...]
    hrv_beats: int | None
    hrv_corrected_pct: float | None
    hrv_absent_because: str
    links: tuple[LinkNote, ...]

    @property
    def live(self) -> bool:
        """Whether what is shown of this person is of now."""
        return self.signal in _LIVE

    @property
    def told(self) -> bool:
        """Whether the heart rate may be shown."""
        return self.shares is None or Purpose.HEART_RATE in self.shares


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockState:
    """Where the session stands in its plan.

    Attributes:
        title: of the block that runs; empty before the first.
        kind: of that block.
        number: which of the plan's blocks it is, from 1; 0 before the first.
        of: how many blocks the plan has; 0 without a plan.
        left_s: until it is due to end, below 0 when it is over time; None where that is not planned.
        next_title: of the block that comes next; empty after the last.
        new_scenario: nobody has met this block's scenario before.
    """

    title: str
    kind: str
    number: int
    of: int
    left_s: float | None
    next_title: str
    new_scenario: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How it stands with recording.

    Attributes:
        on: whether what comes is recorded at all.
        trouble: why packets cannot be written at present; None while all is well.
        unsaved: packets that are in memory only.
        free_mb: room on the disk; None where it is not known.
    """

    on: bool = False
    trouble: str | None = None
    unsaved: int = 0
    free_mb: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardState:
    """The whole board at an instant."""

    at_us: int
    title: str
    block: BlockState
    people: tuple[PersonState, ...]
    events: tuple[SessionEvent, ...]
    keeping: Keeping

    @property
    def rises(self) -> int:
        """Heart rate rises so far, of those who share them."""
        return sum(person.rises for person in self.people)


@dataclass(frozen=True, slots=True)
class _Second:
    at_s: float
    heart_rate_bpm: float | None
    clean: bool


@dataclass(slots=True)
class _Person:
    seated_with: str
    grade: Grade | None = None
    link: LinkState = LinkState.SEEKING
    heard_us: int | None = None
    profile: str = ""
    last: HeartRateReading | None = None
    recent: deque[_Second] = field(default_factory=deque[_Second])
    hrv: HrvReading | None = None
    hrv_absent_because: str = ""
    beats_ms: deque[float] = field(default_factory=lambda: deque[float](maxlen=_BEATS))
    rising: bool = False
    rises: int = 0
    contact: bool = True
    battery_pct: int | None = None
    last_mark: SessionEvent | None = None
    links: deque[LinkNote] = field(default_factory=lambda: deque[LinkNote](maxlen=_LINKS))

    def take(self, second: _Second) -> None:
        self.recent.append(second)
        while self.recent[0].at_s < second.at_s - TREND_S:
            self.recent.popleft()

    def forget(self, gate: Gate, name: str) -> None:
        """Keep nothing that is not shared any more."""
        if not gate.shares(name, Purpose.HEART_RATE):
            self.last = None
            self.recent = deque(_Second(one.at_s, None, one.clean) for one in self.recent)
        if not gate.shares(name, Purpose.RISES):
            self.rising, self.rises = False, 0
        if not gate.shares(name, Purpose.HRV):
            self.hrv, self.hrv_absent_because = None, ""
        if not gate.shares(name, Purpose.RAW):
            self.beats_ms.clear()


class BoardFold:
    """Takes what happens; `at` gives the board at an instant."""

    def __init__(self, *, title: str = "", people: Sequence[str] = ()) -> None:
        """A room in which nobody sits yet but for `people`, who keep their numbers."""
        self._title = title
        self._people = {person: _Person(seated_with="") for person in people}
        self._gate = Gate()
        self._room = Room()
        self._agenda = Agenda()
        self._shared: dict[str, frozenset[Purpose]] = {}
        self._events: deque[SessionEvent] = deque(maxlen=_EVENTS)
        self._latest_us = 0
        self.keeping = Keeping()

    def accept(self, item: Packet | Reading) -> None:
        """Take a packet or a reading."""
        match item:
            case HeartRateReading():
                person = self._person(item.person)
                person.last = item
                person.take(_Second(item.at_s, item.heart_rate_bpm, item.clean))
            case SignalReading():
                self._person(item.person).take(_Second(item.at_s, None, item.clean))
            case Measured() | Heard() | Undecodable() | Duplicate():
                person = self._person(item.person)
                person.heard_us = self._latest_us = item.at_us
                person.link = LinkState.STREAMING  # whatever was said of the link: here is a report
            case BeatReading():
                person = self._person(item.person)
                if item.gap_before:
                    person.beats_ms.clear()
                person.beats_ms.append(item.nn_ms)
            case HrvReading():
                person = self._person(item.person)
                person.hrv, person.hrv_absent_because = item, ""
            case HrvAbsent():
                person = self._person(item.person)
                person.hrv, person.hrv_absent_because = None, item.reason
            case SpikeStarted():
                person = self._person(item.person)
                person.rising = True
                person.rises += 1
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
                person.seated_with, person.profile, person.contact = item.wearable, item.profile, True
            case Sharing():
                self._gate.enter(item)
                self._shared[item.person] = item.purposes
                for name, person in self._people.items():
                    person.forget(self._gate, name)
            case Planned() | Extension():
                self._agenda.enter(item)
            case SessionEvent():
                self._event(item)
            case Correction():
                self._correct(item)
            case LinkChange():
                for person in self._people.values():
                    if person.seated_with == item.wearable:
                        person.link = item.state
                        person.links.append(LinkNote(at_us=item.at_us, state=item.state, reason=item.reason))
            case Worn() | Late() | _:
                pass

    def at(self, now_us: int | None = None) -> BoardState:
        """The board at an instant (None: at the last packet)."""
        at_us = self._latest_us if now_us is None else now_us
        return BoardState(
            at_us=at_us,
            title=self._title,
            block=self._block(at_us),
            people=tuple(self._row(name, person, at_us) for name, person in self._people.items()),
            events=tuple(self._events),
            keeping=self.keeping,
        )

    def _block(self, at_us: int) -> BlockState:
        running, agenda = self._room.block, self._agenda
        return BlockState(
            title="" if running is None else running.note or running.label,
            kind="" if running is None else running.label,
            number=agenda.number,
            of=agenda.blocks,
            left_s=None if agenda.ends_us is None else (agenda.ends_us - at_us) / _US_PER_S,
            next_title="" if agenda.next_block is None else agenda.next_block.title,
            new_scenario=agenda.scenario_is_new,
        )

    def _person(self, name: str) -> _Person:
        """Who is meant; a wearable that nobody was seated with goes by its own name."""
        return self._people.setdefault(name, _Person(seated_with=name))

    def _event(self, event: SessionEvent) -> None:
        self._latest_us = max(self._latest_us, event.at_us)
        self._room.enter(event)
        self._agenda.enter(event)
        if event.kind is EventKind.ROLE:
            return
        if event.kind is EventKind.MARK and event.person in self._people:
            self._people[event.person].last_mark = event
        self._events.append(event)

    def _correct(self, correction: Correction) -> None:
        """Show what stands; what the room is now stays, since it was lived through."""
        self._latest_us = max(self._latest_us, correction.at_us)
        shown = [event for event in self._events if event.at_us == correction.of_us]
        self._events = deque(corrected(self._events, [correction]).events, maxlen=_EVENTS)
        for event in shown:
            if event.person in self._people:
                self._people[event.person].last_mark = None
        now = correction.now
        if now is not None and now.kind is EventKind.MARK and now.person in self._people:
            self._people[now.person].last_mark = now

    def _row(self, name: str, person: _Person, at_us: int) -> PersonState:
        age_s = None if person.heard_us is None else max(0, at_us - person.heard_us) / _US_PER_S
        signal = self._signal(person, at_us)
        live = signal in _LIVE
        last = person.last if live else None
        hrv, mark = person.hrv, person.last_mark
        time = None if hrv is None else hrv.metrics.time_domain
        return PersonState(
            person=name,
            role=self._room.role(name),
            shares=self._shared.get(name, NOTHING) if self._gate.asked else None,
            heart_rate_bpm=None if last is None else last.heart_rate_bpm,
            age_s=age_s,
            against=against_usual(last),
            above_usual_bpm=None if last is None else last.above_usual_bpm,
            rising=person.rising and live,
            trend=_trend(person, at_us),
            grade=person.grade,
            rmssd_ms=time.rmssd_ms if live and time is not None else None,
            signal=signal,
            clean_pct=_clean_pct(person),
            battery_pct=person.battery_pct if person.battery_pct is not None and person.battery_pct <= 20 else None,
            last_mark="" if mark is None else mark.label,
            last_mark_us=None if mark is None else mark.happened_us,
            profile=person.profile,
            rises=person.rises,
            beats_ms=tuple(person.beats_ms) if live else (),
            hrv_beats=None if hrv is None else hrv.metrics.quality.beats,
            hrv_corrected_pct=None if hrv is None else hrv.metrics.quality.corrected_pct,
            hrv_absent_because=person.hrv_absent_because,
            links=tuple(person.links),
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
        if not person.recent or person.recent[-1].at_s - person.recent[0].at_s < _SETTLES_S:
            return Signal.SETTLING
        return Signal.GOOD if _clean_pct(person) >= 90 else Signal.PATCHY


def _clean_pct(person: _Person) -> int:
    """Share of the last minute (or of what there was of it) with a heart rate and no correction under it."""
    if not person.recent:
        return 0
    span_s = min(TREND_S, person.recent[-1].at_s - person.recent[0].at_s) + 1
    return min(100, round(100 * sum(reading.clean for reading in person.recent) / span_s))


def against_usual(reading: HeartRateReading | None) -> AgainstUsual:
    """The heart rate against its owner's usual, in words."""
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
        if 0 <= back_s < TREND_S and reading.heart_rate_bpm is not None:
            values[TREND_S - 1 - back_s] = reading.heart_rate_bpm
    return tuple(values)
