"""Several sources as one: packets of all of them in the order in which they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from watchlink.packets import Packet
from watchlink.sources import Source


class MergedSource:
    """Source: ends when all of its sources have ended; fails when one of them fails."""

    def __init__(self, *sources: Source) -> None:
        """Read all of `sources` at once."""
        self._sources = sources
        self._stack = AsyncExitStack()
        self._queue: asyncio.Queue[Packet | None] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        """Open all sources, one after another; if one cannot be opened, those before it are given back."""
        async with AsyncExitStack() as stack:
            for source in self._sources:
                await stack.enter_async_context(source)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give all sources back, the last opened first."""
        await self._stack.__aexit__(kind, error, traceback)

    async def __aiter__(self) -> AsyncIterator[Packet]:
        """Packets of all sources."""
        tasks = [asyncio.create_task(self._read(source)) for source in self._sources]
        running = len(tasks)
        try:
            while running:
                packet = await self._queue.get()
                if packet is None:
                    running -= 1
                    for task in tasks:
                        if task.done():
                            task.result()
                else:
                    yield packet
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, source: Source) -> None:
        try:
            async for packet in source:
                self._queue.put_nowait(packet)
        finally:
            self._queue.put_nowait(None)
