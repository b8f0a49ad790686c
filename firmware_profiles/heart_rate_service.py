"""The Heart Rate Measurement characteristic (0x2A37): bytes to meaning and back, losing nothing.

Strategy: a measurement keeps its flags octet as received and everything that the flags do not explain, so
`encode(decode(b)) == b` for every well-formed `b`. Meaning (contact, field widths) is read from the flags by
properties. RR intervals stay in the sensor's own unit, 1/1024 s, as integers. A value that cannot be decoded raises
`MalformedMeasurement` and nothing else.

References:
    Bluetooth SIG, Heart Rate Service 1.0 (HRS_V10r00), section 3.1; collector test cases HRP/COL/HRF/BV-04, BI-01,
    BI-02.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

RR_TICKS_PER_S: Final = 1024

_WIDE_RATE: Final = 0x01
_CONTACT_DETECTED: Final = 0x02
_CONTACT_SUPPORTED: Final = 0x04
_ENERGY_PRESENT: Final = 0x08
_RR_PRESENT: Final = 0x10
_RESERVED: Final = 0xE0


class Contact(StrEnum):
    """Skin contact as the sensor reports it. Three states: a sensor that cannot tell has not lost contact."""

    NOT_SUPPORTED = "not supported"
    ABSENT = "absent"
    PRESENT = "present"


class MalformedMeasurement(ValueError):
    """The octets end before a field that the flags announce."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartRateMeasurement:
    """One decoded notification.

    Attributes:
        flags: the flags octet as received, 0..255.
        heart_rate_bpm: 0..255, or 0..65535 where the flags say 16 bits.
        energy_expended_kj: since the last reset, 0..65535 (65535 = "at least"), None if not sent.
        rr_ticks: RR intervals in 1/1024 s, oldest first, each 0..65535; empty if none was sent.
        surplus: octets that no flag announces, or the half of an RR interval; never used, kept to be counted.
    """

    flags: int
    heart_rate_bpm: int
    energy_expended_kj: int | None = None
    rr_ticks: tuple[int, ...] = ()
    surplus: bytes = b""

    @classmethod
    def of(
        cls,
        *,
        heart_rate_bpm: int,
        contact: Contact = Contact.NOT_SUPPORTED,
        energy_expended_kj: int | None = None,
        rr_ticks: tuple[int, ...] = (),
    ) -> Self:
        """The measurement as a well-behaved sensor sends it: 8-bit rate where it fits, flags set by what is there.

        Raises:
            ValueError: a field does not fit into 16 bits.
        """
        for name, value in (
            ("heart_rate_bpm", heart_rate_bpm),
            ("energy_expended_kj", energy_expended_kj or 0),
            *(("rr_ticks", ticks) for ticks in rr_ticks),
        ):
            if not 0 <= value <= 0xFFFF:
                raise ValueError(f"{name} must be 0..65535, got {value}")
        flags = 0
        if heart_rate_bpm > 0xFF:
            flags |= _WIDE_RATE
        if contact is not Contact.NOT_SUPPORTED:
            flags |= _CONTACT_SUPPORTED
        if contact is Contact.PRESENT:
            flags |= _CONTACT_DETECTED
        if energy_expended_kj is not None:
            flags |= _ENERGY_PRESENT
        if rr_ticks:
            flags |= _RR_PRESENT
        return cls(flags=flags, heart_rate_bpm=heart_rate_bpm, energy_expended_kj=energy_expended_kj, rr_ticks=rr_ticks)

    @property
    def contact(self) -> Contact:
        """Skin contact; the status bit counts only where the support bit is set."""
        if not self.flags & _CONTACT_SUPPORTED:
            return Contact.NOT_SUPPORTED
        return Contact.PRESENT if self.flags & _CONTACT_DETECTED else Contact.ABSENT

    @property
    def reserved_flags(self) -> int:
        """Bits 5..7 as received. A collector ignores them; we count them."""
        return self.flags & _RESERVED


def decode(payload: bytes) -> HeartRateMeasurement:
    """Decode one notification of characteristic 0x2A37.

    Raises:
        MalformedMeasurement: the octets end too early; the message says before which field.
    """
    size = len(payload)
    if size < 1:
        raise MalformedMeasurement("empty")
    flags = payload[0]
    if flags & _WIDE_RATE:
        at = 3
        if size < at:
            raise MalformedMeasurement("ends within the 16-bit heart rate")
        heart_rate_bpm = payload[1] | payload[2] << 8
    else:
        at = 2
        if size < at:
            raise MalformedMeasurement("ends before the heart rate")
        heart_rate_bpm = payload[1]
    energy_expended_kj = None
    if flags & _ENERGY_PRESENT:
        if size < at + 2:
            raise MalformedMeasurement("ends before the energy expended")
        energy_expended_kj = payload[at] | payload[at + 1] << 8
        at += 2
    rr_ticks: tuple[int, ...] = ()
    if flags & _RR_PRESENT:
        count = (size - at) // 2
        rr_ticks = struct.unpack_from(f"<{count}H", payload, at)
        at += 2 * count
    return HeartRateMeasurement(
        flags=flags,
        heart_rate_bpm=heart_rate_bpm,
        energy_expended_kj=energy_expended_kj,
        rr_ticks=rr_ticks,
        surplus=payload[at:],
    )


def encode(measurement: HeartRateMeasurement) -> bytes:
    """The octets of a measurement, exactly as `decode` was given them.

    Raises:
        ValueError: flags and fields contradict each other, or a field is out of its range.
    """
    flags = measurement.flags
    if bool(flags & _ENERGY_PRESENT) != (measurement.energy_expended_kj is not None):
        raise ValueError("flags and energy_expended_kj contradict each other")
    if measurement.rr_ticks and not flags & _RR_PRESENT:
        raise ValueError("flags and rr_ticks contradict each other")
    if flags & _RR_PRESENT and len(measurement.surplus) > 1:
        raise ValueError("surplus octets after RR intervals would be read as RR intervals")
    try:
        octets = struct.pack("<BH" if flags & _WIDE_RATE else "<BB", flags, measurement.heart_rate_bpm)
        if measurement.energy_expended_kj is not None:
            octets += struct.pack("<H", measurement.energy_expended_kj)
        octets += struct.pack(f"<{len(measurement.rr_ticks)}H", *measurement.rr_ticks)
    except struct.error as error:
        raise ValueError(f"a field is out of its range: {error}") from error
    return octets + measurement.surplus
