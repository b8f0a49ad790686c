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
    """Source: ends when all of its sources have ended, or as soon as `until` has; fails when one of them fails."""

    def __init__(self, *sources: Source, until: Source | None = None) -> None:
        """Read all of `sources` at once, and `until` (opened first), whose end is the end of all."""
        self._sources = sources if until is None else (until, *sources)
        self._until = until
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._queue: asyncio.Queue[Packet | None] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        """Open all sources, one after another; if one cannot be opened, those before it are given back."""
        async with AsyncExitStack() as stack:
            for source in self._sources:
                await stack.enter_async_context(source)
            stack.push_async_callback(self._stop_reading)
            self._stack = stack.pop_all()
        self._tasks = [asyncio.create_task(self._read(source)) for source in self._sources]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop reading and give all sources back, the last opened first."""
        await self._stack.__aexit__(kind, error, traceback)

    async def __aiter__(self) -> AsyncIterator[Packet]:
        """Packets of all sources."""
        running = len(self._tasks)
        while running:
            packet = await self._queue.get()
            if packet is not None:
                yield packet
                continue
            running -= 1
            for task in self._tasks:
                if task.done():
                    task.result()
            if self._until is not None and self._tasks[0].done():
                return

    async def _read(self, source: Source) -> None:
        try:
            async for packet in source:
                self._queue.put_nowait(packet)
        finally:
            self._queue.put_nowait(None)

    async def _stop_reading(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
