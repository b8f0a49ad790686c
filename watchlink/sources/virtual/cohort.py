"""A virtual practice session as a source: wearables met the way real ones are, and events on time."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self, TypeVar

from firmware_profiles.profiles import profile_for_name
from watchlink.clock import Clock
from watchlink.packets import Packet
from watchlink.sources.ble import BleSource, Wearer, scan
from watchlink.sources.merged import MergedSource
from watchlink.sources.replay import ReplaySource
from watchlink.sources.virtual.air import VirtualAir
from watchlink.sources.virtual.practice import Practice

T = TypeVar("T")

_SCAN_S: Final = 5.0


class VirtualCohort:
    """Source: scans, connects and subscribes through Bleak like a live session; only the radio is virtual."""

    def __init__(self, practice: Practice, *, clock: Clock, marked: bool = True) -> None:
        """Take a session that was made up; with what is `marked` in it, or with the wearables alone."""
        self._practice = practice
        self._events = practice.events if marked else ()
        self._clock = clock
        self._stack = AsyncExitStack()
        self._source: MergedSource | None = None
        self._links: BleSource | None = None

    async def __aenter__(self) -> Self:
        """Switch the wearables on, find them, and begin to connect."""
        async with AsyncExitStack() as stack:
            people = self._practice.people
            air = VirtualAir([person.wearable for person in people], clock=self._clock)
            await stack.enter_async_context(air)
            found = await scan(clock=self._clock, seconds=_SCAN_S, enough=len(people), radio=air.radio)
            by_name = {heard.name: heard for heard in found}
            wearers = [
                Wearer.of(
                    by_name[person.wearable.name],
                    person=person.person,
                    wearable=f"w{seat}",
                    profile=profile_for_name(person.wearable.name).id,
                )
                for seat, person in enumerate(people, 1)
            ]
            self._links = BleSource(wearers, clock=self._clock, radios=[air.radio], chance=random.Random(0))
            source = MergedSource(self._links, ReplaySource(self._events, clock=self._clock))
            self._source = await stack.enter_async_context(source)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Disconnect, and switch everything off."""
        await self._stack.__aexit__(kind, error, traceback)

    def __aiter__(self) -> AsyncIterator[Packet]:
        """Packets of the wearables and events of the room."""
        return aiter(_opened(self._source))

    def give_up(self, person: str) -> None:
        """As `BleSource.give_up`."""
        _opened(self._links).give_up(person)

    def take_up(self, person: str) -> None:
        """As `BleSource.take_up`."""
        _opened(self._links).take_up(person)


def _opened(source: T | None) -> T:
    if source is None:
        raise RuntimeError("open the source with `async with` first")
    return source
