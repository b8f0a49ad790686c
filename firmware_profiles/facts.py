"""What can be known about a wearable, and how it is imitated: the records that a profile is made of.

Strategy: a fact carries its source, how well it is known and when it was looked up. A fact that nobody knows is absent,
and the attribute of the same name on `Profile` then holds the distrustful default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from firmware_profiles.gatt import BodySensorLocation


class Sensing(StrEnum):
    """How the wearable sees the heart."""

    ELECTRICAL = "electrical"
    OPTICAL = "optical"
    UNKNOWN = "unknown"


class HeartRateService(StrEnum):
    """Whether the wearable itself offers the standard Heart Rate Service."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class RrAvailability(StrEnum):
    """Whether RR intervals come in the standard characteristic."""

    YES = "yes"
    NO = "no"
    UNRELIABLE = "unreliable"
    """Intervals come, but are smoothed or wrong: not to be used."""
    UNKNOWN = "unknown"


class RrUnit(StrEnum):
    """What one step of an RR interval is worth in this firmware."""

    TICKS = "1/1024 s"
    """As the standard says."""
    MILLISECONDS = "ms"
    """Against the standard."""
    AUDIT = "audit"
    """Not known: what arrives has to be compared with a clock before it is believed."""


class Pairing(StrEnum):
    """What has to happen before the wearable tells its heart rate."""

    NONE = "none"
    JUST_WORKS = "just_works"
    """A bond, made without anybody confirming anything."""
    CONFIRM = "confirm"
    """The person has to agree on the wearable's own screen."""
    UNKNOWN = "unknown"


class Platform(StrEnum):
    """Operating systems whose Bluetooth differs enough to need a note."""

    WINDOWS = "windows"
    MACOS = "macos"
    LINUX = "linux"


class FactStatus(StrEnum):
    """How well a fact is known, the least certain first."""

    UNVERIFIED = "unverified"
    READ = "read"
    MEASURED = "measured"


FactValue = str | int | float | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing known about a wearable, and why it is believed."""

    value: FactValue
    source: str
    status: FactStatus
    checked_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualBehaviour:
    """How a virtual wearable of this kind behaves. A model, not a claim about the product.

    Attributes:
        name: what it advertises; `{serial}` stands for four digits of its own.
        body_sensor_location: what it says it is worn on; None if it does not offer the characteristic.
        reports_contact: whether it supports the contact bits.
        contact_lies: whether these bits go on saying "contact" when there is none.
        sends_rr: whether it sends intervals.
        rr_unit: the unit in which it sends them: 1/1024 s or ms.
        rate_smoothing_s: time constant of the heart rate that it reports.
        rr_noise_ms: standard deviation of the error of each interval's end.
        rr_smoothing_beats: intervals averaged into one before sending (1 = none).
        bogus_rr_ticks: an interval that no heart made, sent behind a true one now and then (0 = never).
        drops_beats_pct: share of beats that it fails to see while the hand moves or the person talks.
        repeats_reports_pct: share of reports that it sends twice.
    """

    name: str
    body_sensor_location: BodySensorLocation | None
    reports_contact: bool
    contact_lies: bool
    sends_rr: bool
    rr_unit: RrUnit
    rate_smoothing_s: float
    rr_noise_ms: float
    rr_smoothing_beats: int
    bogus_rr_ticks: int
    drops_beats_pct: float
    repeats_reports_pct: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One wearable.

    Attributes:
        id: short name used in logs and settings.
        maker, model: as a person knows them.
        names: what it advertises, `{serial}` where each one has digits of its own; empty if not known.
        name_pattern: regular expression that an advertised name matches, or None.
        manufacturer_id: company identifier in the advertisement that, with nothing else known, means this profile.
        dis_manufacturer, dis_model: regular expressions on the device information's manufacturer name and model number.
        heart_rate_service: whether it can be used at all.
        why_not: where it cannot: one sentence that says why; else empty.
        sensing, rr: what to expect of the signal.
        rr_unit: what one step of an interval is worth.
        min_rr_ms: shorter intervals are firmware faults, 0..2000 ms.
        contact_reliable: whether the contact bits may be believed.
        links: how many computers and phones it serves at once, 1..10.
        pairing: what has to happen before it tells its heart rate.
        stall_s: seconds of silence after which its link counts as stalled, 2..60.
        participant_steps: how the person wearing it switches broadcasting on; where it cannot be used, what to do
            instead.
        if_poor: what the person does when the signal is poor.
        notes: what a helper should know.
        platform_notes: facts (one text each) about it under one operating system.
        facts: every fact by its key, with source, status and date.
        virtual: how to imitate it.
    """

    id: str
    maker: str
    model: str
    names: tuple[str, ...]
    name_pattern: re.Pattern[str] | None
    manufacturer_id: int | None
    dis_manufacturer: re.Pattern[str] | None
    dis_model: re.Pattern[str] | None
    heart_rate_service: HeartRateService
    why_not: str
    sensing: Sensing
    rr: RrAvailability
    rr_unit: RrUnit
    min_rr_ms: float
    contact_reliable: bool
    links: int
    pairing: Pairing
    stall_s: float
    participant_steps: tuple[str, ...]
    if_poor: tuple[str, ...]
    notes: tuple[str, ...]
    platform_notes: Mapping[Platform, Fact]
    facts: Mapping[str, Fact]
    virtual: VirtualBehaviour

    @property
    def least_certain(self) -> FactStatus | None:
        """The status of the least certain fact; None where nothing is claimed."""
        order = list(FactStatus)
        stated = (*self.facts.values(), *self.platform_notes.values())
        return min((fact.status for fact in stated), key=order.index, default=None)
