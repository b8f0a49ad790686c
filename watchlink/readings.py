"""What comes out of a pipeline: readings about one person, each with the quality that it stands on.

Strategy: three grades say what a sensor can support, and they are fixed here. Grades come from evidence (were intervals
sent, is the sensor electrical), never from wishful thinking. A reading that a grade or a phase does not allow is absent
with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum, StrEnum
from typing import Any, Final, TypeAlias

from dsp import (
    LEVEL_PCT,
    BeatLabel,
    HrvMetrics,
    Interval,
    Intervals,
    Quality,
    Recovery,
    Spike,
    SpikeStart,
    TimeDomain,
    UsualFrom,
)
from firmware_profiles.gatt import BodySensorLocation
from firmware_profiles.heart_rate_service import Contact
from watchlink.unit_audit import RrUnitVerdict


class Grade(StrEnum):
    """What a wearable's signal supports."""

    BEAT = "beat"
    """Electrical RR intervals of a strap: heart rate, spikes, HRV in silence."""
    PULSE = "pulse"
    """Optical intervals: heart rate and spikes; HRV at rest only."""
    RATE = "rate"
    """bpm only: heart rate and spikes; no HRV, ever."""


class Phase(StrEnum):
    """What the session allows to be read at a time."""

    SILENT = "silent"
    TALK = "talk"
    MOVEMENT = "movement"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One decoded notification, as the wearable said it."""

    person: str
    at_us: int
    heart_rate_bpm: int
    contact: Contact
    energy_expended_kj: int | None
    rr_ticks: tuple[int, ...]
    reserved_flags: int
    """Flag bits that the standard keeps for later, as received; 0 from a wearable that follows it."""
    surplus_octets: int
    """Octets that no flag announces; read past."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A report has come and could be read; what it says is not for others."""

    person: str
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalReading:
    """There was a heart rate for this second, and whether it stands on good beats; what it was is not for others."""

    person: str
    at_s: float
    clean: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Undecodable:
    """A notification that is no Heart Rate Measurement. Counted and shown; never ends a session."""

    person: str
    at_us: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """A notification that repeats the one just before it: counted, not used."""

    person: str
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """A notification of a link that was over already: counted, not used."""

    person: str
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatReading:
    """One beat after cleaning: within `at_within_s` of `at_s` with 95 % probability.

    `gap_s` is how long the hole before its interval is; None where there is none, or no beat was before it.

    `hrv_absent_because` says why no HRV is read from it, None if it may be.
    """

    person: str
    at_s: float
    at_within_s: float
    nn_ms: float
    label: BeatLabel
    corrected: bool
    gap_before: bool
    gap_s: float | None
    hrv_absent_because: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartRateReading:
    """The smoothed heart rate of one second, against the person's own usual (None until a minute is known)."""

    person: str
    at_s: float
    heart_rate_bpm: float
    usual_bpm: float | None
    usual_from: UsualFrom | None
    above_usual_bpm: float | None
    above_usual_spreads: float | None
    clean: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HrvReading:
    """HRV of a window that has ended."""

    person: str
    metrics: HrvMetrics


@dataclass(frozen=True, slots=True, kw_only=True)
class HrvAbsent:
    """From now on there is no HRV, and why."""

    person: str
    at_s: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpikeStarted:
    """A heart rate rise was detected and goes on."""

    person: str
    start: SpikeStart


@dataclass(frozen=True, slots=True, kw_only=True)
class SpikeEnded:
    """A heart rate rise is over.

    `rmssd_change_pct` is RMSSD of the rise against that of the minute before it, where both were readable: intervals
    between heart beats as sent, in silence.
    """

    person: str
    spike: Spike
    rmssd_change_pct: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryReading:
    """How the heart rate came down after the rise with this onset, or why that is not known."""

    person: str
    onset_s: float
    recovery: Recovery


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeReading:
    """What this person's wearable can support, as far as it is known now."""

    person: str
    at_us: int
    grade: Grade


@dataclass(frozen=True, slots=True, kw_only=True)
class Battery:
    """The battery's charge as the wearable said it."""

    person: str
    at_us: int
    charge_pct: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactReading:
    """Whether the sensor touches the skin, once it has said so for a while; only where it can be believed."""

    person: str
    at_us: int
    present: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RrUnitReading:
    """The unit in which the wearable sends its intervals, found by comparing them with the clock; used from now on."""

    person: str
    at_us: int
    unit: RrUnitVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Worn:
    """Where the sensor says that it sits."""

    person: str
    at_us: int
    location: BodySensorLocation


Reading: TypeAlias = (
    Measured
    | Heard
    | SignalReading
    | Undecodable
    | Duplicate
    | Late
    | BeatReading
    | HeartRateReading
    | HrvReading
    | HrvAbsent
    | SpikeStarted
    | SpikeEnded
    | RecoveryReading
    | GradeReading
    | Battery
    | ContactReading
    | RrUnitReading
    | Worn
)

KINDS: Final[Mapping[type[Reading], str]] = {
    Measured: "measurement",
    Heard: "heard",
    SignalReading: "signal",
    Undecodable: "undecodable",
    Duplicate: "duplicate",
    Late: "late",
    BeatReading: "beat",
    HeartRateReading: "heart_rate",
    HrvReading: "hrv",
    HrvAbsent: "hrv_absent",
    SpikeStarted: "spike_started",
    SpikeEnded: "spike",
    RecoveryReading: "recovery",
    GradeReading: "grade",
    Battery: "battery",
    ContactReading: "contact",
    RrUnitReading: "rr_unit",
    Worn: "worn",
}


def to_record(reading: Reading) -> dict[str, Any]:
    """A reading as plain JSON values: `type`, `person`, its fields; those of a spike or a window beside them."""
    record: dict[str, Any] = {"type": KINDS[type(reading)]}
    _add_fields(record, reading)
    return record


def _add_fields(record: dict[str, Any], item: Reading | _Part) -> None:
    for name in _FIELDS[type(item)]:
        value = getattr(item, name)
        if isinstance(value, PARTS):
            _add_fields(record, value)
        elif isinstance(value, Enum):
            record[name] = value.name.lower().replace("_", " ") if isinstance(value, int) else value.value
        elif isinstance(value, Interval):
            record[name] = [value.low, value.high]
        elif isinstance(value, Intervals):
            record[f"intervals_{LEVEL_PCT}_pct"] = {
                metric: interval and [interval.low, interval.high] for metric, interval in value.by_metric()
            }
        else:
            record[name] = value


_Part: TypeAlias = HrvMetrics | Quality | TimeDomain | Spike | SpikeStart | Recovery
PARTS: Final = (HrvMetrics, Quality, TimeDomain, Spike, SpikeStart, Recovery)
_FIELDS: Final = {kind: tuple(field.name for field in fields(kind)) for kind in (*KINDS, *PARTS)}
