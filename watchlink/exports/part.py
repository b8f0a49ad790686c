"""One person's part of a recording: what every export is made of.

Strategy: a fold like any other, through `SessionFold` and its gate, so that an export tells nothing that a screen may
not. Of the session's events those of the room and of this person are in it; what was marked on others is theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from firmware_profiles.heart_rate_service import RR_TICKS_PER_S, Contact
from firmware_profiles.profiles import GENERIC_ID, RrAvailability, RrUnit, load_profiles
from watchlink.captures.capture import UNDATED
from watchlink.consent import Gate
from watchlink.errors import ExportError
from watchlink.exports.as_sent import BeatRow, SentInterval, beat_rows
from watchlink.exports.own_log import own_event
from watchlink.fold import SessionFold
from watchlink.packets import (
    AttributeRead,
    Correction,
    Discarded,
    LinkChange,
    Notification,
    Packet,
    Purpose,
    Seat,
    SessionEvent,
)
from watchlink.readings import (
    BeatReading,
    Grade,
    GradeReading,
    HeartRateReading,
    Measured,
    Reading,
    RrUnitReading,
)
from watchlink.session import corrected
from watchlink.timing import MAX_RR_MS
from watchlink.unit_audit import RrUnitVerdict

_MS_PER_S: Final = 1000
_US_PER_S: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One person's part of a recording.

    Attributes:
        person: the pseudonym.
        started_at: UTC of the zero of the session's axis; `UNDATED` where the file does not say.
        duration_s: time of the last packet of the whole recording, above 0.
        beats: in order, as sent beside as cleaned; empty for a wearable that sends bpm only.
        heart_rate: the smoothed heart rate, one a second where it is known.
        events: of the room and of this person, as they stand after corrections, in order; see `own_event`.
        grade: what the wearable supports; None where it sent nothing that tells.
        profile: of the wearable worn last.
    """

    person: str
    started_at: datetime
    duration_s: float
    beats: tuple[BeatRow, ...]
    heart_rate: tuple[HeartRateReading, ...]
    events: tuple[SessionEvent, ...]
    grade: Grade | None
    profile: str

    @property
    def dated(self) -> bool:
        """Whether it is known when it was recorded."""
        return self.started_at != UNDATED

    @property
    def intervals_as_sent(self) -> tuple[BeatRow, ...]:
        """The beats whose intervals count as a heart's and were sent: for tools that clean by themselves."""
        return tuple(beat for beat in self.beats if beat.of_a_heart)

    @property
    def clean_beats(self) -> tuple[tuple[BeatRow, float], ...]:
        """The beats after cleaning, each with its interval in ms."""
        return tuple((beat, beat.nn_ms) for beat in self.beats if beat.nn_ms is not None)

    def at(self, at_s: float) -> datetime:
        """UTC of a time on the session's axis."""
        return self.started_at + timedelta(seconds=at_s)


def people_in(packets: Iterable[Packet]) -> tuple[str, ...]:
    """Everybody who wore something, in the order in which they are met."""
    person_of: dict[str, str] = {}
    people: dict[str, None] = {}
    for packet in packets:
        match packet:
            case Seat():
                person_of[packet.wearable] = packet.person
                people[packet.person] = None
            case Notification() | Discarded() | AttributeRead() | LinkChange() if packet.wearable not in person_of:
                people[packet.wearable] = None
            case _:
                pass
    return tuple(people)


def part_of(packets: Iterable[Packet], *, person: str, started_at: datetime, gate: Gate) -> Part:
    """Fold a log to one person's part of it.

    Args:
        packets: the whole log, in order.
        person: whose part; one of `people_in`.
        started_at: UTC of the log's zero.
        gate: what may be told; fresh, see `SessionFold`.

    Raises:
        ExportError: this person does not share every report, and the export is not for them alone.
    """
    fold = SessionFold(gate=gate)
    collected = _Collected(person)
    for packet in _of_one(packets, person):
        collected.enter(packet)
        collected.take(fold.push(packet))
    collected.take(fold.flush())
    if not gate.shares(person, Purpose.RAW):
        raise ExportError(
            f"{person} does not share every report (raw), so nothing of it is exported to others. For themselves: "
            "name them with --person."
        )
    return Part(
        person=person,
        started_at=started_at,
        duration_s=fold.timeline().duration_s,
        beats=beat_rows(collected.beats, collected.sent),
        heart_rate=tuple(collected.heart_rate),
        events=tuple(
            own
            for event in corrected(collected.events, collected.corrections).events
            if (own := own_event(event, person)) is not None
        ),
        grade=collected.grade,
        profile=collected.profile,
    )


def _of_one(packets: Iterable[Packet], person: str) -> Iterator[Packet]:
    """The log without the reports of others: nothing of them is looked at."""
    worn = Gate(own=person)
    for packet in packets:
        worn.enter(packet)
        if not (isinstance(packet, Notification | Discarded) and worn.is_of_another(packet)):
            yield packet


class _Collected:
    """What comes out of the fold for one person."""

    def __init__(self, person: str) -> None:
        self._person = person
        self._profiles = load_profiles()
        self._worn = self._profiles[GENERIC_ID]
        self._words_per_s = RR_TICKS_PER_S
        self.profile = GENERIC_ID
        self.grade: Grade | None = None
        self.beats: list[BeatReading] = []
        self.sent: list[SentInterval] = []
        self.heart_rate: list[HeartRateReading] = []
        self.events: list[SessionEvent] = []
        self.corrections: list[Correction] = []

    def enter(self, packet: Packet) -> None:
        match packet:
            case Seat(person=self._person):
                self.profile = packet.profile
                self._worn = self._profiles.get(packet.profile, self._profiles[GENERIC_ID])
                self._words_per_s = _MS_PER_S if self._worn.rr_unit is RrUnit.MILLISECONDS else RR_TICKS_PER_S
            case SessionEvent():
                self.events.append(packet)
            case Correction():
                self.corrections.append(packet)
            case _:
                pass

    def take(self, readings: tuple[Reading, ...]) -> None:
        """What one packet completes; the unit that it settles holds for its own intervals, too."""
        own = [reading for reading in readings if reading.person == self._person]
        for reading in own:
            if isinstance(reading, RrUnitReading):
                self._words_per_s = _MS_PER_S if reading.unit is RrUnitVerdict.MILLISECONDS else RR_TICKS_PER_S
        for reading in own:
            match reading:
                case Measured():
                    self.sent += [self._sent(reading, words) for words in reading.rr_ticks]
                case BeatReading():
                    self.beats.append(reading)
                case HeartRateReading():
                    self.heart_rate.append(reading)
                case GradeReading():
                    self.grade = reading.grade
                case _:
                    pass

    def _sent(self, report: Measured, words: int) -> SentInterval:
        """An interval of a report, and whether the pipeline makes a beat of such a one."""
        rr_ms = words * _MS_PER_S / self._words_per_s
        usable = self._worn.rr not in (RrAvailability.NO, RrAvailability.UNRELIABLE)
        touches = not (self._worn.contact_reliable and report.contact is Contact.ABSENT)
        of_a_beat = 0 < rr_ms <= MAX_RR_MS and rr_ms >= self._worn.min_rr_ms
        return SentInterval(at_s=report.at_us / _US_PER_S, rr_ms=rr_ms, used=usable and touches and of_a_beat)
