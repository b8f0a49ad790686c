"""One virtual wearable, heard by the whole product or by plain Bleak, in virtual time: what this folder stands on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any, TypeVar

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic

from firmware_profiles import gatt
from firmware_profiles.gatt import BodySensorLocation
from watchlink.clock import Clock, VirtualClock
from watchlink.fold import SessionFold
from watchlink.packets import Attribute, AttributeRead, LinkChange, LinkState, Notification, Packet
from watchlink.readings import Measured, Reading
from watchlink.sources.ble import BleSource, Wearer, scan
from watchlink.sources.virtual.air import VirtualAir
from watchlink.sources.virtual.wearable import Emission, VirtualWearable
from watchlink.timeline import PersonCounts

T = TypeVar("T")

SECOND_US = 1_000_000
SERIAL = "SN-0042"
PERSON = "Heron"
MEASUREMENT = gatt.uuid_of(gatt.HEART_RATE_MEASUREMENT)


def strap(payloads: Sequence[bytes] = (b"\x06\x48",), **others: Any) -> VirtualWearable:
    """A chest strap that sends these measurements once a second, over and over."""

    def emissions() -> Iterator[Emission]:
        return (Emission(at_us=n * SECOND_US, payload=payloads[n % len(payloads)]) for n in count())

    values: dict[str, Any] = {
        "serial": SERIAL,
        "name": "Strap 0042",
        "manufacturer": "Maker",
        "model": "Model 3",
        "firmware": "1.2.3",
        "battery_percent": 80,
        "body_sensor_location": BodySensorLocation.CHEST,
        "emissions": emissions(),
    }
    return VirtualWearable(**(values | others))


@dataclass(frozen=True, kw_only=True)
class Session:
    """What the product makes of one wearable, and what the wearable knows of it."""

    packets: Sequence[Packet]
    readings: Sequence[Reading]
    counts: PersonCounts
    identities: Sequence[str]
    delivered: Sequence[bytes]
    pairings: int

    def of(self, kind: type[T]) -> list[T]:
        return [reading for reading in self.readings if isinstance(reading, kind)]

    @property
    def measured(self) -> list[Measured]:
        return self.of(Measured)

    @property
    def payloads(self) -> list[bytes]:
        return [packet.payload for packet in self.packets if isinstance(packet, Notification)]

    @property
    def states(self) -> list[LinkState]:
        return [packet.state for packet in self.packets if isinstance(packet, LinkChange)]

    @property
    def values(self) -> dict[Attribute, bytes]:
        return {packet.attribute: packet.payload for packet in self.packets if isinstance(packet, AttributeRead)}


def hold_session(
    wearable: VirtualWearable, *, until_s: int = 30, trouble: Callable[[VirtualAir], None] | None = None, at_s: int = 0
) -> Session:
    """Scan, connect, subscribe, read and fold until then, as a session does; `trouble` begins at `at_s`."""
    clock = VirtualClock(started_at=datetime(2025, 3, 1, 9, 0, tzinfo=UTC))

    async def main() -> Session:
        async with VirtualAir([wearable], clock=clock) as air:
            found = await scan(clock=clock, seconds=5, enough=1, radio=air.radio)
            seats = [Wearer.of(one, person=PERSON, wearable="w", profile="generic") for one in found]
            troubling = asyncio.create_task(_begin(trouble, air, clock, at_s))
            source = BleSource(seats, clock=clock, radios=air.radios, chance=random.Random(1))
            async with source:
                await clock.sleep_until_us(until_s * SECOND_US)
            await troubling
            packets = [packet async for packet in source]
            fold = SessionFold()
            readings = [reading for packet in packets for reading in fold.push(packet)]
            return Session(
                packets=packets,
                readings=[*readings, *fold.flush()],
                counts=fold.timeline().people[PERSON],
                identities=list(source.identities.values()),
                delivered=[delivery.payload for delivery in air.delivered[SERIAL]],
                pairings=air.pairings(SERIAL),
            )

    return clock.run(main())


async def _begin(trouble: Callable[[VirtualAir], None] | None, air: VirtualAir, clock: Clock, at_s: int) -> None:
    await clock.sleep_until_us(at_s * SECOND_US)
    if trouble is not None:
        trouble(air)


def with_client(wearable: VirtualWearable, use: Callable[[BleakClient, Clock], Awaitable[T]]) -> T:
    """What `use` makes of a Bleak client that is connected as a link of ours is."""
    clock = VirtualClock(started_at=datetime(2025, 3, 1, 9, 0, tzinfo=UTC))

    async def main() -> T:
        async with VirtualAir([wearable], clock=clock) as air:
            (found,) = await scan(clock=clock, seconds=5, enough=1, radio=air.radio)
            async with BleakClient(found.device, backend=air.radio.client_backend) as client:
                return await use(client, clock)

    return clock.run(main())


async def payloads_of(client: BleakClient, clock: Clock, *, seconds: int, uuid: str = MEASUREMENT) -> list[bytes]:
    """What is notified from now on for so long."""
    arrived: list[bytes] = []

    def on_notification(_sender: BleakGATTCharacteristic, data: bytearray) -> None:
        arrived.append(bytes(data))

    await client.start_notify(uuid, on_notification)
    await clock.sleep_until_us(clock.now_us() + seconds * SECOND_US)
    await client.stop_notify(uuid)
    return arrived


def characteristics_of(wearable: VirtualWearable, service: int) -> dict[str, list[str]]:
    """What a client finds in a service: each characteristic's properties, by its UUID."""

    async def look(client: BleakClient, _clock: Clock) -> dict[str, list[str]]:
        (found,) = [one for one in client.services if one.uuid == gatt.uuid_of(service)]
        return {one.uuid: one.properties for one in found.characteristics}

    return with_client(wearable, look)
