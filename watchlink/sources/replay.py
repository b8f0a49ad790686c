"""A recorded log as a source: packets at the pace of a clock, or as fast as they can be read."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator, Iterable, Iterator
from types import TracebackType
from typing import Final, Self

from watchlink.clock import Clock
from watchlink.packets import Packet, SessionEvent

# An unpaced replay lets the loop breathe after so many packets, or Ctrl-C would not be heard.
_PACKETS_A_TURN: Final = 256


class ReplaySource:
    """Source: each packet comes when the clock reaches its time (its pace is the clock's), or at once without a clock.

    Packets out of order of time come at once: an event marked late belongs where the log has it.
    """

    def __init__(self, packets: Iterable[Packet], *, clock: Clock | None) -> None:
        """Replay `packets`, read one by one as they are due."""
        self._packets = packets
        self._clock = clock

    async def __aenter__(self) -> Self:
        """Nothing to open."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing to give back."""

    async def __aiter__(self) -> AsyncIterator[Packet]:
        """The packets of the log, in its order."""
        for number, packet in enumerate(self._packets):
            if self._clock is not None:
                await self._clock.sleep_until_us(packet.at_us)
            elif number % _PACKETS_A_TURN == 0:
                await asyncio.sleep(0)
            yield packet


def laid_beside(packets: Iterable[Packet], events: Iterable[SessionEvent]) -> Iterator[Packet]:
    """A log with events of another hand merged into it by time; both in order of time."""
    return heapq.merge(packets, events, key=lambda packet: packet.at_us)
