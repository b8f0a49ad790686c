"""The sensor in front of a virtual heart: what it sees of the beats, and the bytes it makes of them each second.

Strategy: it behaves as its firmware profile says, faults included, and writes raw bytes through the codec's encoder.
Its clock is a little fast or slow, its intervals are whole steps of its unit whose rounding never adds up, and what it
cannot send at its time is gone, as on a real link. A fault that a profile does not have draws no chance, so that the
sensor of a seed stays the same when the list of faults grows.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from firmware_profiles.heart_rate_service import RR_TICKS_PER_S, Contact, HeartRateMeasurement, encode
from firmware_profiles.profiles import RrUnit, VirtualBehaviour
from watchlink.sources.virtual.heart import Activity, Heart, Resonance, Response
from watchlink.sources.virtual.wearable import Emission

_CLOCK_ERROR_PPM: Final = 40.0
_SHARE_LOST: Final = 0.004
_CONTACT_LOSSES_PER_S: Final = 1.5 / 3600
# A radio event comes up every 7.5 to 50 ms; a report waits for the next one.
_RADIO_WAIT_S: Final = 0.04
_US_PER_S: Final = 1_000_000
_ENERGY_EVERY: Final = 10
# How often real firmware slips a bogus interval in is not known.
_BOGUS_EVERY: Final = 20
_REPEATED_AFTER_US: Final = 15_000
_MILLISECONDS_PER_S: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Somebody got up for a moment outside a break; `marked` if the facilitator saw it."""

    since_s: float
    until_s: float
    marked: bool


@dataclass(slots=True)
class Truth:
    """What really happened to one person and on the way. For tests and benchmarks; nothing in the product reads it."""

    responses: tuple[Response, ...]
    movements: tuple[Movement, ...] = ()
    beats_s: list[float] = field(default_factory=list[float])
    ectopic_s: list[float] = field(default_factory=list[float])
    lost_us: list[int] = field(default_factory=list[int])
    resonance: Resonance | None = None


def emissions(*, heart: Heart, behaviour: VirtualBehaviour, chance: random.Random, truth: Truth) -> Iterator[Emission]:
    """The notifications of a sensor on this heart, in order of time, without end; writes down the truth as it goes."""
    sensor = _Sensor(behaviour, chance)
    speed = 1 + chance.uniform(-_CLOCK_ERROR_PPM, _CLOCK_ERROR_PPM) / 1e6
    report_s = chance.uniform(0.0, 1.0)
    sent_us = -1
    for beat in heart.beats():
        while beat.at_s > report_s:
            at_us = max(sent_us + 1, round((report_s + chance.uniform(0.002, _RADIO_WAIT_S)) * _US_PER_S))
            payload = sensor.report(report_s)
            if chance.random() < _SHARE_LOST:
                truth.lost_us.append(at_us)
            else:
                yield Emission(at_us=at_us, payload=payload)
                sent_us = at_us
                if behaviour.repeats_reports_pct and chance.random() < behaviour.repeats_reports_pct / 100:
                    sent_us += _REPEATED_AFTER_US
                    yield Emission(at_us=sent_us, payload=payload)
            report_s += 1.0 / speed
        truth.beats_s.append(beat.at_s)
        if beat.ectopic:
            truth.ectopic_s.append(beat.at_s)
        sensor.see(beat.at_s, beat.at_s * speed, heart.activity_at(beat.at_s))


class _Sensor:
    """What is seen of the beats until it is reported."""

    def __init__(self, behaviour: VirtualBehaviour, chance: random.Random) -> None:
        self._behaviour = behaviour
        self._chance = chance
        self._steps_per_s = _MILLISECONDS_PER_S if behaviour.rr_unit is RrUnit.MILLISECONDS else RR_TICKS_PER_S
        self._last_tick: int | None = None
        self._smoothing: deque[int] = deque(maxlen=behaviour.rr_smoothing_beats)
        self._waiting_ticks: list[int] = []
        self._last_beat_s: float | None = None
        self._rate_bpm: float | None = None
        self._no_contact_until_s = 0.0
        self._reports = 0
        self._energy_kj = 0.0

    def see(self, at_s: float, own_clock_s: float, activity: Activity) -> None:
        if self._last_beat_s is not None:
            interval_s = max(at_s - self._last_beat_s, 0.24)
            self._energy_kj += interval_s * 0.08
            self._average(60 / interval_s, interval_s)
        self._last_beat_s = at_s
        if at_s < self._no_contact_until_s:
            self._last_tick = None
            return
        if activity in (Activity.TALK, Activity.MOVE) and self._chance.random() < self._behaviour.drops_beats_pct / 100:
            self._last_tick = None  # a beat not seen: neither the interval before it nor the one after it is known
            return
        tick = round((own_clock_s + self._chance.gauss(0, self._behaviour.rr_noise_ms / 1000)) * self._steps_per_s)
        if self._last_tick is not None and self._behaviour.sends_rr and tick > self._last_tick:
            self._smoothing.append(tick - self._last_tick)
            self._waiting_ticks.append(round(sum(self._smoothing) / len(self._smoothing)))
        self._last_tick = tick

    def report(self, at_s: float) -> bytes:
        if self._behaviour.reports_contact and self._chance.random() < _CONTACT_LOSSES_PER_S:
            self._no_contact_until_s = at_s + self._chance.uniform(3, 12)
            self._last_tick = None
        contact = Contact.NOT_SUPPORTED
        if self._behaviour.reports_contact:
            lost = at_s < self._no_contact_until_s and not self._behaviour.contact_lies
            contact = Contact.ABSENT if lost else Contact.PRESENT
        rr_ticks, self._waiting_ticks = tuple(self._waiting_ticks), []
        self._reports += 1
        if rr_ticks and self._behaviour.bogus_rr_ticks and self._reports % _BOGUS_EVERY == 0:
            rr_ticks += (self._behaviour.bogus_rr_ticks,)
        energy_kj = None
        if self._behaviour.reports_contact and self._reports % _ENERGY_EVERY == 0:
            energy_kj = min(round(self._energy_kj), 0xFFFF)
        return encode(
            HeartRateMeasurement.of(
                heart_rate_bpm=round(self._rate_bpm or 0),
                contact=contact,
                energy_expended_kj=energy_kj,
                rr_ticks=() if contact is Contact.ABSENT else rr_ticks,
            )
        )

    def _average(self, rate_bpm: float, interval_s: float) -> None:
        if self._rate_bpm is None:
            self._rate_bpm = rate_bpm
        self._rate_bpm += (rate_bpm - self._rate_bpm) * min(1.0, interval_s / self._behaviour.rate_smoothing_s)
