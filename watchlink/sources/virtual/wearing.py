"""The log of one worn wearable as the recorder would write it, made without a radio: seat, link, readings, reports.

Strategy: what `BleSource` enters for a wearable is entered in the same order; what the sensor sends while there is no
link is gone, as it would be. It is made as it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from firmware_profiles.profiles import Profile
from watchlink.packets import Attribute, AttributeRead, LinkChange, LinkState, Notification, Packet, Seat
from watchlink.sources.virtual.wearable import Emission

_US_PER_S: Final = 1_000_000
_CONNECTING_US: Final = 150_000
_BATTERY_EVERY_US: Final = 300 * _US_PER_S
_BATTERY_FALLS_PCT_PER_H: Final = 4.0
_LOST: Final = "the connection was lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wearing:
    """Somebody wears something for a while.

    Attributes:
        person: pseudonym.
        wearable: its key in the session.
        profile: of the wearable.
        battery_percent: at the beginning.
        seated_us: when the person was seated with it.
        connected_us: when the link first stands; None if it is sought in vain.
        until_us: when it is over.
        gaps_us: from when to when the link is lost, in order of time.
    """

    person: str
    wearable: str
    profile: Profile
    battery_percent: int
    seated_us: int
    connected_us: int | None
    until_us: int
    gaps_us: Sequence[tuple[int, int]] = ()

    def log(self, emissions: Iterable[Emission]) -> Iterator[Packet]:
        """What arrives of what the sensor sends, in order of time."""
        yield Seat(at_us=self.seated_us, person=self.person, wearable=self.wearable, profile=self.profile.id)
        yield self._link(self.seated_us, LinkState.SEEKING)
        if self.connected_us is None:
            return
        gaps = [*self.gaps_us, (self.until_us, self.until_us)]
        yield from self._connect(self.connected_us)
        streaming = False
        from_us, battery_us = self.connected_us, self.connected_us + _BATTERY_EVERY_US
        lost_us, back_us = gaps.pop(0)
        for emission in emissions:
            if emission.at_us < from_us:
                continue
            if emission.at_us >= lost_us:
                if not gaps:
                    return
                yield self._link(lost_us, LinkState.LOST, _LOST)
                yield self._link(lost_us, LinkState.SEEKING)
                yield from self._connect(back_us)
                from_us, streaming, battery_us = back_us, False, back_us + _BATTERY_EVERY_US
                lost_us, back_us = gaps.pop(0)
                if emission.at_us < from_us:
                    continue
            if battery_us <= emission.at_us:
                yield self._battery(battery_us)
                battery_us += _BATTERY_EVERY_US
            yield Notification(at_us=emission.at_us, wearable=self.wearable, payload=emission.payload)
            if not streaming:
                streaming = True
                yield self._link(emission.at_us, LinkState.STREAMING)

    def _connect(self, at_us: int) -> Iterator[Packet]:
        yield self._link(at_us - _CONNECTING_US, LinkState.CONNECTING)
        yield self._link(at_us, LinkState.SUBSCRIBING)
        yield self._link(at_us, LinkState.SUBSCRIBED)
        place = self.profile.virtual.body_sensor_location
        if place is not None:
            yield self._read(at_us, Attribute.BODY_SENSOR_LOCATION, bytes([place]))
        yield self._read(at_us, Attribute.MANUFACTURER_NAME, self.profile.maker.encode())
        yield self._read(at_us, Attribute.MODEL_NUMBER, self.profile.model.encode())
        yield self._read(at_us, Attribute.FIRMWARE_REVISION, b"virtual")
        yield self._battery(at_us)

    def _battery(self, at_us: int) -> AttributeRead:
        fallen = (at_us - self.seated_us) / (3600 * _US_PER_S) * _BATTERY_FALLS_PCT_PER_H
        return self._read(at_us, Attribute.BATTERY_LEVEL, bytes([max(1, self.battery_percent - int(fallen))]))

    def _link(self, at_us: int, state: LinkState, reason: str = "") -> LinkChange:
        return LinkChange(at_us=at_us, wearable=self.wearable, state=state, reason=reason)

    def _read(self, at_us: int, attribute: Attribute, payload: bytes) -> AttributeRead:
        return AttributeRead(at_us=at_us, wearable=self.wearable, attribute=attribute, payload=payload)
