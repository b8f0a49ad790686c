"""A session of a few wearables on the virtual air, recorded whole: what the tests of links ask about."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any, TypeVar

from firmware_profiles.gatt import BodySensorLocation
from watchlink.clock import Clock, VirtualClock
from watchlink.packets import (
    LinkChange,
    LinkState,
    Notification,
    Packet,
)
from watchlink.sources.ble import BleSource, Wearer, scan
from watchlink.sources.virtual.air import VirtualAir
from watchlink.sources.virtual.faults import Fault, play
from watchlink.sources.virtual.wearable import Emission, VirtualWearable

T = TypeVar("T")

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
SERIALS = ("S-01", "S-02", "S-03")


def emissions(number: int) -> Iterator[Emission]:
    for n in count():
        payload = bytes([0x10, 60 + number, n & 0xFF, n >> 8 & 0xFF])
        yield Emission(at_us=n * SECOND_US + number * 12_345, payload=payload)


def wearable(number: int, serial: str, **others: Any) -> VirtualWearable:
    values: dict[str, Any] = {
        "serial": serial,
        "name": f"Wearable {serial} 000{number}",
        "manufacturer": "Maker",
        "model": "Model",
        "firmware": "1.0",
        "battery_percent": 80,
        "body_sensor_location": BodySensorLocation.CHEST,
        "emissions": emissions(number),
    }
    return VirtualWearable(**(values | others))


def trio(**others: Any) -> list[VirtualWearable]:
    return [wearable(number, serial, **others) for number, serial in enumerate(SERIALS)]


async def seats(air: VirtualAir, clock: Clock, serials: Sequence[str] = SERIALS) -> list[Wearer]:
    """Who wears what, by the address that each was heard under: the air gives them in order."""
    found = await scan(clock=clock, seconds=5, enough=len(serials), radio=air.radio)
    found.sort(key=lambda one: one.device.address)
    pairs = zip(serials, found, strict=False)
    return [Wearer.of(one, person=f"person {serial}", wearable=serial, profile="generic") for serial, one in pairs]


class Session:
    """What a session's log holds, and what the air delivered."""

    def __init__(
        self,
        wearables: Sequence[VirtualWearable],
        *,
        until_us: int,
        faults: Sequence[Fault] = (),
        adapters: int = 1,
        before: Callable[[VirtualAir], None] | None = None,
        people: int = 3,
    ) -> None:
        clock = VirtualClock(started_at=datetime(2025, 3, 1, 9, 0, tzinfo=UTC))
        self.packets: list[Packet] = []
        self.sent: dict[str, list[bytes]] = {}
        self.pairings: dict[str, int] = {}

        async def main() -> None:
            async with VirtualAir(wearables, clock=clock, adapters=adapters) as air:
                worn = await seats(air, clock, [one.serial for one in wearables[:people]])
                if before is not None:
                    before(air)
                playing = asyncio.create_task(play(faults, air, clock))
                async with BleSource(worn, clock=clock, radios=air.radios, chance=random.Random(1)) as source:
                    async for packet in source:
                        if packet.at_us >= until_us:
                            break
                        self.packets.append(packet)
                await playing
                for one in wearables:
                    delivered = [made.payload for made in air.delivered[one.serial] if made.at_us < until_us]
                    self.sent[one.serial] = delivered
                    self.pairings[one.serial] = air.pairings(one.serial)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        clock.run(main())

    def of(self, kind: type[T], serial: str) -> list[T]:
        return [p for p in self.packets if isinstance(p, kind) and getattr(p, "wearable", None) == serial]

    def payloads(self, serial: str) -> list[bytes]:
        return [packet.payload for packet in self.of(Notification, serial)]

    def states(self, serial: str) -> list[LinkState]:
        return [packet.state for packet in self.of(LinkChange, serial)]

    def first_us(self, serial: str, *, after_us: int) -> int:
        return next(packet.at_us for packet in self.of(Notification, serial) if packet.at_us >= after_us)

    def most_attempts(self, serial: str) -> int:
        times = [change.at_us for change in self.of(LinkChange, serial) if change.state is LinkState.CONNECTING]
        return max(sum(at <= other < at + MINUTE_US for other in times) for at in times)
