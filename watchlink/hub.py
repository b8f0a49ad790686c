"""The one loop: source -> recorder -> fold -> sinks. Live, virtual and replayed sessions all run through here.

Strategy: the recorder takes a packet before anybody looks into it, and nothing that happens above it can stop it: if
the fold or a sink fails, recording goes on to the end of the session and the fault is raised then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Protocol, TypeAlias

from watchlink.clock import Clock
from watchlink.fold import SessionFold
from watchlink.packets import Packet
from watchlink.readings import Reading
from watchlink.sources import Source
from watchlink.timeline import Timeline

Item: TypeAlias = Packet | Reading

_TICK_US: Final = 500_000


class Recorder(Protocol):
    """Something that keeps packets: the archive, a capture file."""

    @property
    def trouble(self) -> str | None:
        """Why keeping does not work at present, None while it does."""
        ...

    def accept(self, packet: Packet) -> None:
        """Keep a packet."""
        ...

    def tick(self) -> None:
        """Time has passed: what is still in memory may be due."""
        ...

    def close(self) -> None:
        """The session is over."""
        ...


class Sink(Protocol):
    """Something that shows or writes what comes out of a session."""

    def accept(self, item: Item) -> None:
        """Take a packet, or a reading that came of it."""
        ...

    def tick(self, now_us: int, *, trouble: str | None) -> None:
        """Time has passed; `trouble` says why recording does not work at present, if it does not."""
        ...

    def close(self, timeline: Timeline) -> None:
        """The session is over; this is its timeline."""
        ...


async def run_session(
    source: Source, *, clock: Clock, recorder: Recorder | None, sinks: Sequence[Sink], until_us: int | None = None
) -> Timeline:
    """Run a session to its end: of the source, at `until_us` on the clock's axis, or by cancellation.

    Returns its timeline. However it ends, the recorder and the sinks are closed well.

    Raises:
        WatchlinkError: the source could not be opened or broke off.
    """
    session = _Session(clock=clock, recorder=recorder, sinks=sinks)
    ticker = asyncio.create_task(session.keep_ticking())
    limit = asyncio.timeout(None if until_us is None else (until_us - clock.now_us()) / 1_000_000)
    try:
        async with limit, source:
            async for packet in source:
                if until_us is not None and packet.at_us > until_us:
                    break
                session.take(packet)
    except TimeoutError:
        if not limit.expired():
            raise
    finally:
        ticker.cancel()
        timeline = session.close()
    session.raise_fault()
    return timeline


class _Session:
    """What is done with each packet."""

    def __init__(self, *, clock: Clock, recorder: Recorder | None, sinks: Sequence[Sink]) -> None:
        self._clock = clock
        self._recorder = recorder
        self._fold = SessionFold()
        self._sinks = list(sinks)
        self._fault: Exception | None = None

    def take(self, packet: Packet) -> None:
        if self._recorder is not None:
            self._recorder.accept(packet)
        else:
            self.raise_fault()  # with nothing to record there is no reason to go on
        if self._fault is None:
            self._guarded(lambda: self._show(packet))

    async def keep_ticking(self) -> None:
        due_us = self._clock.now_us()
        while True:
            if self._recorder is not None:
                self._recorder.tick()
            if self._fault is None:
                self._guarded(self._tick)
            due_us += _TICK_US
            await self._clock.sleep_until_us(due_us)

    def close(self) -> Timeline:
        if self._recorder is not None:
            self._recorder.close()
        if self._fault is None:
            self._guarded(self._show_rest)
        timeline = self._fold.timeline()
        for sink in self._sinks:
            self._guarded(partial(sink.close, timeline))
        return timeline

    def raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault

    def _guarded(self, action: Callable[[], None]) -> None:
        """Do something that must stop neither the recorder nor another sink; the first fault is remembered."""
        try:
            action()
        except Exception as fault:  # noqa: BLE001 - whatever it is, the packets still to come must be recorded
            self._fault = self._fault or fault

    def _show(self, packet: Packet) -> None:
        readings = self._fold.push(packet)
        for sink in self._sinks:
            sink.accept(packet)
            for reading in readings:
                sink.accept(reading)

    def _tick(self) -> None:
        trouble = None if self._recorder is None else self._recorder.trouble
        for sink in self._sinks:
            sink.tick(self._clock.now_us(), trouble=trouble)

    def _show_rest(self) -> None:
        for reading in self._fold.flush():
            for sink in self._sinks:
                sink.accept(reading)
