"""A wearable with a pacer beside it: once its heart rate comes, the steps begin, and the session ends with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Final, Self

from watchlink.clock import Clock
from watchlink.pacer import Breath, Schedule
from watchlink.packets import Notification, Packet
from watchlink.sources import Source
from watchlink.sources.merged import MergedSource

LEAD_S: Final = 5.0
"""From the first heart rate to the first breath: time to look up."""
_TAIL_S: Final = 2.5  # the last beats are still on their way
_US_PER_S: Final = 1_000_000


class Pace:
    """A schedule on a session's axis; when it begins is known once something has begun it."""

    def __init__(self, schedule: Schedule) -> None:
        """Not begun yet."""
        self.schedule = schedule
        self.start_us: int | None = None
        self._begun = asyncio.Event()
        self._over = asyncio.Event()

    def begin(self, now_us: int) -> None:
        """The first breath is to begin in a few seconds; only the first call counts."""
        if self.start_us is None:
            self.start_us = now_us + round(LEAD_S * _US_PER_S)
            self._begun.set()

    def give_up(self) -> None:
        """It makes no sense to go on: the session ends."""
        self._begun.set()
        self._over.set()

    def at_s(self, now_us: int) -> float | None:
        """An instant of the session on the schedule's axis; None as long as nothing has begun it."""
        return None if self.start_us is None else (now_us - self.start_us) / _US_PER_S

    def breath_at(self, session_s: float) -> Breath | None:
        """The breath at an instant of the session; None where none is asked for."""
        at_s = self.at_s(round(session_s * _US_PER_S))
        return None if at_s is None else self.schedule.breath_at(at_s)

    async def until_begun(self) -> None:
        """Return once it has begun, or was given up before."""
        await self._begun.wait()

    async def until_given_up(self) -> None:
        """Return once it was given up."""
        await self._over.wait()


def paced_source(source: Source, pace: Pace, *, clock: Clock) -> Source:
    """A wearable's packets with the steps of the pacer beside them, until the last step is over."""
    return MergedSource(_Beginning(source, pace, clock), until=_Steps(pace, clock))


class _Beginning:
    """Source: another one, whose first heart rate begins the pacer."""

    def __init__(self, source: Source, pace: Pace, clock: Clock) -> None:
        self._source = source
        self._pace = pace
        self._clock = clock

    async def __aenter__(self) -> Self:
        await self._source.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._source.__aexit__(kind, error, traceback)

    async def __aiter__(self) -> AsyncIterator[Packet]:
        async for packet in self._source:
            if isinstance(packet, Notification):
                self._pace.begin(self._clock.now_us())
            yield packet


class _Steps:
    """Source: the beginning of each step as an event; ends with the schedule, or when it is given up."""

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self._pace = pace
        self._clock = clock

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing to give back."""

    async def __aiter__(self) -> AsyncIterator[Packet]:
        await self._pace.until_begun()
        if self._pace.start_us is None:
            return
        given_up = asyncio.create_task(self._pace.until_given_up())
        try:
            for event in self._pace.schedule.events(start_us=self._pace.start_us):
                await self._wait(event.at_us, given_up)
                if given_up.done():
                    return
                yield event
            await self._wait(self._clock.now_us() + round(_TAIL_S * _US_PER_S), given_up)
        finally:
            given_up.cancel()

    async def _wait(self, at_us: int, given_up: asyncio.Task[None]) -> None:
        timer = asyncio.create_task(self._clock.sleep_until_us(at_us))
        try:
            await asyncio.wait((timer, given_up), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
