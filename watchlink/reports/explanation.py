"""A Heart Rate Measurement explained: which octets and bits say what.

References:
    Bluetooth SIG, Heart Rate Service 1.0, 3.1; GATT Specification Supplement, Heart Rate Measurement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from firmware_profiles.heart_rate_service import (
    RR_TICKS_PER_S,
    HeartRateMeasurement,
    MalformedMeasurement,
    decode,
)

_MS_PER_MINUTE: Final = 60_000
# Bit, mask, and what its being 0 or 1 means.
_FLAGS: Final = (
    ("bit 0", 0x01, "heart rate in 8 bits", "heart rate in 16 bits"),
    ("bit 1", 0x02, "no contact with the skin is detected", "contact with the skin is detected"),
    ("bit 2", 0x04, "the sensor cannot tell contact: bit 1 says nothing", "the sensor can tell contact"),
    ("bit 3", 0x08, "no energy expended", "energy expended is there"),
    ("bit 4", 0x10, "no RR intervals", "RR intervals are there"),
    ("bits 5-7", 0xE0, "reserved, 0 as they should be", "reserved, set though they should be 0: ignored"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A value and what it says; `fault` where it ends too early."""

    octets: bytes
    measurement: HeartRateMeasurement | None
    fault: str | None

    def record(self) -> dict[str, Any]:
        """As JSON values."""
        record: dict[str, Any] = {"octets": self.octets.hex(), "fault": self.fault}
        measurement = self.measurement
        if measurement is not None:
            record |= {
                "flags": measurement.flags,
                "heart_rate_bpm": measurement.heart_rate_bpm,
                "contact": measurement.contact,
                "energy_expended_kj": measurement.energy_expended_kj,
                "rr_ticks": list(measurement.rr_ticks),
                "rr_ms": [1000 * ticks / RR_TICKS_PER_S for ticks in measurement.rr_ticks],
                "reserved_flags": measurement.reserved_flags,
                "surplus": measurement.surplus.hex(),
            }
        return record

    def lines(self) -> Iterator[str]:
        """For people: one line a field, in the order of the octets."""
        yield f"{self.octets.hex(' ') or '(no octets)'}: Heart Rate Measurement, {len(self.octets)} octets"
        if self.octets:
            flags = self.octets[0]
            yield f"  {flags:02x}  flags {flags:08b}"
            for name, mask, unset, set_ in _FLAGS:
                bits = f"{(flags & mask) >> (mask & -mask).bit_length() - 1:b}"
                yield f"        {name} = {bits}: {set_ if flags & mask else unset}"
        measurement = self.measurement
        if measurement is None:
            yield f"  It {self.fault}: what the flags announce is not there. Nothing of it is used."
            return
        at = 3 if measurement.flags & 0x01 else 2
        yield f"  {self.octets[1:at].hex(' ')}  {measurement.heart_rate_bpm} beats a minute"
        if measurement.energy_expended_kj is not None:
            most = " or more" if measurement.energy_expended_kj == 0xFFFF else ""
            octets = self.octets[at : at + 2].hex(" ")
            yield f"  {octets}  {measurement.energy_expended_kj} kJ{most} expended since it was reset"
            at += 2
        for ticks in measurement.rr_ticks:
            rate = f", {_MS_PER_MINUTE * RR_TICKS_PER_S / ticks / 1000:.1f} a minute" if ticks else ""
            yield (
                f"  {self.octets[at : at + 2].hex(' ')}  RR {ticks} x 1/1024 s = {1000 * ticks / RR_TICKS_PER_S:.1f} ms"
                f"{rate} (a wearable that sends milliseconds would mean {ticks} ms)"
            )
            at += 2
        if measurement.surplus:
            yield f"  {measurement.surplus.hex(' ')}  surplus: no flag announces it, and it is not used"


def explain(octets: bytes) -> Explained:
    """Explain the value of a Heart Rate Measurement, malformed ones too."""
    try:
        return Explained(octets=octets, measurement=decode(octets), fault=None)
    except MalformedMeasurement as malformed:
        return Explained(octets=octets, measurement=None, fault=str(malformed))
