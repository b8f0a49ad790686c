"""A seeded cohort for the real stack: quicker than life, and telling when it has sent its last.

Strategy: the practice's own hearts and sensors, whose payloads are taken as they are; only their times are drawn
together, so that a minute of heart passes in a quarter of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import islice
from typing import Final

from watchlink.clock import Clock
from watchlink.packets import Discarded, Notification, Packet
from watchlink.session import default_plan
from watchlink.sources.ble import BleSource, Found, Radio, Wearer, scan
from watchlink.sources.virtual.practice import practice
from watchlink.sources.virtual.wearable import Emission, VirtualWearable

INTERVAL_US: Final = 250_000
SCAN_S: Final = 15.0


class Cohort:
    """Wearables that all send `reports` notifications each (None: without end), beginning at `since_us`."""

    def __init__(self, *, people: int, seed: int, since_us: int, reports: int | None) -> None:
        """Make them up."""
        made_up = practice(plan=default_plan(), people=people, seed=seed).people
        self.payloads: dict[str, list[bytes]] = {person.wearable.name: [] for person in made_up}
        """What each has sent so far, by its name."""
        self.serials = {person.wearable.name: person.wearable.serial for person in made_up}
        self._since_us = since_us
        self._reports = reports
        self._sending = people
        self.sent_all = asyncio.Event()
        self.wearables: Sequence[VirtualWearable] = tuple(
            replace(person.wearable, emissions=self._quicker(person.wearable)) for person in made_up
        )

    def _quicker(self, wearable: VirtualWearable) -> Iterator[Emission]:
        for n, emission in enumerate(islice(wearable.emissions, self._reports)):
            at_us = self._since_us + n * INTERVAL_US + emission.at_us % INTERVAL_US // 2
            self.payloads[wearable.name].append(emission.payload)
            yield Emission(at_us=at_us, payload=emission.payload)
        self._sending -= 1
        if not self._sending:
            self.sent_all.set()


class Listener:
    """Takes every packet of a source as it comes, and lets others wait for what has come."""

    def __init__(self, source: BleSource) -> None:
        """Take a source that is open."""
        self.packets: list[Packet] = []
        self._source = source
        self._came = asyncio.Condition()

    async def listen(self) -> None:
        """Until the source ends, or this task is cancelled."""
        async for packet in self._source:
            async with self._came:
                self.packets.append(packet)
                self._came.notify_all()

    def payloads(self, wearable: str, *, since_us: int = 0) -> list[bytes]:
        """What came from one wearable, also what the duplicate guard has set aside."""
        return [
            packet.payload
            for packet in self.packets
            if isinstance(packet, Notification | Discarded) and packet.wearable == wearable and packet.at_us >= since_us
        ]

    async def until(self, came: Callable[[], bool]) -> None:
        """Return once what has come satisfies."""
        async with self._came:
            await self._came.wait_for(came)

    async def everyone_sends(
        self, wearers: Sequence[Wearer], *, at_least: int, since_us: int = 0, limit_s: float
    ) -> None:
        """Return once so many notifications came from each, counted from `since_us`.

        Raises:
            AssertionError: the time is over; the message says who is silent.
        """

        def lacking() -> dict[str, int]:
            counts = {one.wearable: len(self.payloads(one.wearable, since_us=since_us)) for one in wearers}
            return {wearable: number for wearable, number in counts.items() if number < at_least}

        try:
            async with asyncio.timeout(limit_s), self._came:
                await self._came.wait_for(lambda: not lacking())
        except TimeoutError:
            raise AssertionError(f"after {limit_s:g} s fewer than {at_least} notifications from {lacking()}") from None


@asynccontextmanager
async def listening(
    wearers: Sequence[Wearer], *, clock: Clock, radios: Sequence[Radio] = ()
) -> AsyncIterator[Listener]:
    """The product's own source on the system's Bluetooth, with someone who listens."""
    async with BleSource(wearers, clock=clock, radios=radios) as source:
        listener = Listener(source)
        task = asyncio.create_task(listener.listen())
        try:
            yield listener
        finally:
            task.cancel()
            await asyncio.wait({task})
            if not task.cancelled():
                task.result()


async def seated(cohort: Cohort, *, clock: Clock) -> list[Wearer]:
    """Find the whole cohort, and give each found wearable to a person."""
    found: list[Found] = await scan(clock=clock, seconds=SCAN_S, wanted=tuple(cohort.payloads))
    by_name = {one.name: one for one in found}
    missing = cohort.payloads.keys() - by_name.keys()
    assert not missing, f"not heard: {missing}"
    return [
        Wearer.of(by_name[name], person=f"person {seat}", wearable=f"w{seat}", profile="generic")
        for seat, name in enumerate(cohort.payloads, 1)
    ]
