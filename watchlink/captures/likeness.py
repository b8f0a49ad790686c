"""Whether the values of a characteristic that nobody named look like Heart Rate Measurements.

Strategy: the shape is narrow (flags that fit the length to the octet, no reserved bit, a rate that a heart can have,
intervals that agree with it) and must hold for every value; the values must come at the pace of such a service and
move as a heart does. One value that does not fit decides against it for good. Values without RR intervals are two
octets with little shape in them, so more of those are asked for.

References:
    Heart Rate Service 1.0, 3.1.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from firmware_profiles.heart_rate_service import RR_TICKS_PER_S, HeartRateMeasurement, MalformedMeasurement, decode

_LOWEST_BPM: Final = 25
_HIGHEST_BPM: Final = 240
# The most that a rate moves from one report to the next, of itself.
_MOST_CHANGE: Final = 0.35
# RR intervals against the rate that comes with them: wearables smooth the rate, and miss or split beats.
_LEAST_RATIO: Final = 0.4
_MOST_RATIO: Final = 2.5
_STATUS_WITHOUT_SUPPORT: Final = 0b110
_STATUS: Final = 0b010
_ENOUGH_WITH_RR: Final = 6
_ENOUGH_WITHOUT_RR: Final = 20
_DIFFERENT_WITHOUT_RR: Final = 3
# What a capture that ends too early must have shown.
_LEAST_WITH_RR: Final = 4
# Reports come once a second, or at each beat; a pause for a lost link does not count against it.
_QUICKEST_US: Final = 150_000
_SLOWEST_US: Final = 5_000_000


class Verdict(Enum):
    """What the values say so far."""

    OPEN = "open"
    HEART_RATE = "heart rate"
    OTHER = "something else"


class Likeness:
    """Stage: the values of one characteristic in, the verdict so far out."""

    def __init__(self) -> None:
        """Nothing seen."""
        self._seen = 0
        self._with_rr = 0
        self._at_pace = 0
        self._rates: set[int] = set()
        self._last: tuple[int, int] | None = None

    def push(self, at_us: int, value: bytes) -> Verdict:
        """Take the next value."""
        measurement = _measurement(value)
        if measurement is None:
            return Verdict.OTHER
        rate = measurement.heart_rate_bpm
        if self._last is not None:
            last_us, last_rate = self._last
            if abs(rate - last_rate) > _MOST_CHANGE * last_rate:
                return Verdict.OTHER
            self._at_pace += _QUICKEST_US <= at_us - last_us <= _SLOWEST_US
        self._last = (at_us, rate)
        self._seen += 1
        self._with_rr += bool(measurement.rr_ticks)
        self._rates.add(rate)
        if self._seen >= _ENOUGH_WITH_RR and self._with_rr >= _ENOUGH_WITH_RR and self._keeps_pace():
            return Verdict.HEART_RATE
        if self._seen >= _ENOUGH_WITHOUT_RR:
            varied = len(self._rates) >= _DIFFERENT_WITHOUT_RR
            return Verdict.HEART_RATE if varied and self._keeps_pace() else Verdict.OTHER
        return Verdict.OPEN

    def at_the_end(self) -> Verdict:
        """There are no further values."""
        return Verdict.HEART_RATE if self._with_rr >= _LEAST_WITH_RR and self._keeps_pace() else Verdict.OTHER

    def _keeps_pace(self) -> bool:
        return 4 * self._at_pace >= 3 * (self._seen - 1)


def _measurement(value: bytes) -> HeartRateMeasurement | None:
    """The measurement, if the value is one of a person and nothing besides."""
    try:
        measurement = decode(value)
    except MalformedMeasurement:
        return None
    flags, rate = measurement.flags, measurement.heart_rate_bpm
    if measurement.surplus or measurement.reserved_flags or flags & _STATUS_WITHOUT_SUPPORT == _STATUS:
        return None
    if not _LOWEST_BPM <= rate <= _HIGHEST_BPM:
        return None
    expected = 60 * RR_TICKS_PER_S / rate
    mean = sum(measurement.rr_ticks) / len(measurement.rr_ticks) if measurement.rr_ticks else expected
    return measurement if _LEAST_RATIO * expected <= mean <= _MOST_RATIO * expected else None
