"""A whole session as a pure fold over its log: packets in, everybody's readings and the timeline out.

Strategy: live, replay and re-analysis are this one class. It finds whose packet it is, keeps one pipeline per person,
tells all of them what the room is doing, and remembers what the timeline needs: spikes, events, counts; no beats.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from dsp import Recovery
from firmware_profiles.profiles import GENERIC_ID, load_profiles
from watchlink.consent import Gate
from watchlink.packets import (
    AttributeRead,
    Correction,
    Discarded,
    Extension,
    LinkChange,
    Notification,
    Packet,
    Planned,
    Purpose,
    Role,
    Seat,
    SelfReport,
    SessionEvent,
    Sharing,
)
from watchlink.pipeline import Pipeline
from watchlink.readings import (
    BeatReading,
    Duplicate,
    GradeReading,
    Heard,
    HeartRateReading,
    Late,
    Measured,
    Reading,
    RecoveryReading,
    SpikeEnded,
    Undecodable,
)
from watchlink.session import Room, corrected
from watchlink.timeline import HeartLine, PersonCounts, Risen, Timeline, assemble

_US_PER_S: Final = 1_000_000


class SessionFold:
    """Stage: `Packet` in, `Reading` out, for everybody; `flush` at the end of the log.

    What people do not share comes out of it in no form.
    """

    def __init__(self, *, gate: Gate | None = None) -> None:
        """An empty session; `gate` says what may be told of whom, else the log alone does."""
        self._gate = gate or Gate()
        self._profiles = load_profiles()
        self._person_of: dict[str, str] = {}
        self._pipelines: dict[str, Pipeline] = {}
        self._counts: dict[str, PersonCounts] = {}
        self._events: list[SessionEvent] = []
        self._spikes: list[SpikeEnded] = []
        self._recoveries: dict[tuple[str, float], Recovery] = {}
        self._lines: dict[str, HeartLine] = {}
        self._corrections: list[Correction] = []
        self._room = Room()
        self._until_us = 0

    def push(self, packet: Packet) -> tuple[Reading, ...]:
        """Take one packet of the log; return the readings that it completes."""
        self._until_us = max(self._until_us, packet.at_us)
        self._gate.enter(packet)
        match packet:
            case Seat():
                return self._remember(self._seat(packet))
            case SessionEvent():
                self._note_event(packet)
                return ()
            case Correction():
                self._corrections.append(packet)
                return ()
            case Sharing() | Planned() | SelfReport() | Extension():
                return ()
            case Notification() | Discarded() | AttributeRead() | LinkChange():
                person = self._person_of.get(packet.wearable)
                if person is None:  # nobody was seated with it: it gets a person of its own, so that nothing is lost
                    person = packet.wearable
                    self._seat(Seat(at_us=packet.at_us, person=person, wearable=person, profile=GENERIC_ID))
                if isinstance(packet, LinkChange):
                    self._counts[person].count_link(packet.state)
                return self._remember(self._pipelines[person].push(packet))

    def lets(self, packet: Packet) -> bool:
        """Whether this packet may be told as it is."""
        return self._gate.lets(packet)

    def flush(self) -> tuple[Reading, ...]:
        """The log is over: what every pipeline still holds back."""
        readings: list[Reading] = []
        for pipeline in self._pipelines.values():
            readings += pipeline.flush()
        return self._remember(tuple(readings))

    def timeline(self) -> Timeline:
        """What is known so far."""
        return assemble(
            duration_s=max(self._until_us / _US_PER_S, 1.0),
            counts={person: self._told(person, counts) for person, counts in self._counts.items()},
            lines={
                person: line if self._gate.shares(person, Purpose.HEART_RATE) else HeartLine()
                for person, line in self._lines.items()
            },
            standing=corrected(self._events, self._corrections),
            spikes=[
                Risen(
                    person=ended.person,
                    spike=ended.spike,
                    rmssd_change_pct=ended.rmssd_change_pct if self._gate.shares(ended.person, Purpose.HRV) else None,
                    recovery=self._recoveries.get((ended.person, ended.spike.onset_s)),
                )
                for ended in self._spikes
                if self._gate.shares(ended.person, Purpose.RISES)
            ],
        )

    def _told(self, person: str, counts: PersonCounts) -> PersonCounts:
        """What may be told of these counts: of the beats in a time, their rate is known."""
        if not self._gate.shares(person, Purpose.HEART_RATE):
            counts = replace(counts, usual_bpm=None)
        if not self._gate.shares(person, Purpose.RAW):
            counts = replace(counts, beats=0, corrected=0, gaps=0)
        not_shared = tuple(purpose for purpose in Purpose if not self._gate.shares(person, purpose))
        return replace(counts, not_shared=not_shared)

    def _seat(self, seat: Seat) -> tuple[Reading, ...]:
        another = self._person_of.get(seat.wearable) != seat.person
        self._person_of = {wearable: who for wearable, who in self._person_of.items() if who != seat.person}
        self._person_of[seat.wearable] = seat.person
        profile = self._profiles.get(seat.profile, self._profiles[GENERIC_ID])
        pipeline = self._pipelines.get(seat.person)
        if pipeline is not None:
            self._counts[seat.person].profile = seat.profile
            self._counts[seat.person].swaps += another
            return pipeline.change_wearable(profile)
        self._pipelines[seat.person] = Pipeline(person=seat.person, profile=profile)
        self._counts[seat.person] = PersonCounts(profile=seat.profile)
        self._lines[seat.person] = HeartLine()
        self._tell(seat.person)
        return ()

    def _note_event(self, event: SessionEvent) -> None:
        self._events.append(event)
        if self._room.enter(event):
            for person in self._pipelines:
                self._tell(person)

    def _tell(self, person: str) -> None:
        self._pipelines[person].enter(
            self._room.phase, speaking=self._room.role(person) is Role.SPEAKER, resting=self._room.resting
        )

    def _remember(self, all_readings: tuple[Reading, ...]) -> tuple[Reading, ...]:
        readings = self._gate.told(all_readings)
        for reading in readings:
            counts = self._counts[reading.person]
            match reading:
                case Measured():
                    counts.notifications += 1
                    counts.with_reserved_flags += bool(reading.reserved_flags)
                    counts.with_surplus_octets += bool(reading.surplus_octets)
                case Heard():
                    counts.notifications += 1
                case BeatReading():
                    counts.beats += 1
                    counts.corrected += reading.corrected
                    counts.gaps += reading.gap_before
                case HeartRateReading():
                    counts.usual_bpm = reading.usual_bpm
                    self._lines[reading.person].add(reading.at_s, reading.heart_rate_bpm)
                case SpikeEnded():
                    self._spikes.append(reading)
                case RecoveryReading():
                    self._recoveries[reading.person, reading.onset_s] = reading.recovery
                case GradeReading():
                    counts.grade = reading.grade
                case Undecodable():
                    counts.undecodable += 1
                case Duplicate():
                    counts.duplicates += 1
                case Late():
                    counts.late += 1
                case _:
                    pass
        return readings
