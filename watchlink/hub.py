"""The one loop: source -> recorder -> fold -> sinks. Live, virtual and replayed sessions all run through here.

Strategy: the recorder takes a packet before anybody looks into it, and nothing that happens above it can stop it: a
sink that fails is left out from then on; if the fold fails, nothing is shown any more; recording goes on to the end of
the session, and the first fault is raised then. What people do not share reaches no sink.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, Protocol, TypeAlias

from watchlink.clock import Clock
from watchlink.consent import Gate
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
    source: Source,
    *,
    clock: Clock,
    recorder: Recorder | None,
    sinks: Sequence[Sink],
    until_us: int | None = None,
    before: Iterable[Packet] = (),
    gate: Gate | None = None,
) -> Timeline:
    """Run a session to its end: of the source, at `until_us` on the clock's axis, or by cancellation.

    `before` is what was recorded of it already, where it is taken up again; it is shown, not recorded. `gate` says what
    may be told of whom, else the log alone does.

    Returns its timeline. However it ends, the recorder and the sinks are closed well.

    Raises:
        WatchlinkError: the source could not be opened or broke off.
    """
    session = _Session(clock=clock, recorder=recorder, sinks=sinks, fold=SessionFold(gate=gate))
    for packet in before:
        session.show(packet)
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

    def __init__(self, *, clock: Clock, recorder: Recorder | None, sinks: Sequence[Sink], fold: SessionFold) -> None:
        self._clock = clock
        self._recorder = recorder
        self._fold = fold
        self._folds = True
        self._sinks = tuple(sinks)
        self._working = list(sinks)
        self._fault: Exception | None = None

    def take(self, packet: Packet) -> None:
        """Record a packet, then show it."""
        if self._recorder is not None:
            self._recorder.accept(packet)
        else:
            self.raise_fault()  # with nothing to record there is no reason to go on
        self.show(packet)

    def show(self, packet: Packet) -> None:
        """Tell the sinks of a packet, and of what came of it."""
        if self._folds:
            try:
                readings = self._fold.push(packet)
            except Exception as fault:  # noqa: BLE001 - whatever it is, the packets still to come must be recorded
                self._folds = False
                self._fault = self._fault or fault
            else:
                self._tell((packet, *readings) if self._fold.lets(packet) else readings)

    async def keep_ticking(self) -> None:
        due_us = self._clock.now_us()
        while True:
            if self._recorder is not None:
                self._recorder.tick()
            trouble = None if self._recorder is None else self._recorder.trouble
            for sink in tuple(self._working):
                self._guarded(sink, partial(sink.tick, self._clock.now_us(), trouble=trouble))
            due_us += _TICK_US
            await self._clock.sleep_until_us(due_us)

    def close(self) -> Timeline:
        if self._recorder is not None:
            self._recorder.close()
        if self._folds:
            self._tell(self._fold.flush())
        timeline = self._fold.timeline()
        for sink in self._sinks:
            self._guarded(sink, partial(sink.close, timeline))
        return timeline

    def raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault

    def _tell(self, items: Sequence[Item]) -> None:
        for sink in tuple(self._working):
            self._guarded(sink, partial(_accept_all, sink, items))

    def _guarded(self, sink: Sink, action: Callable[[], None]) -> None:
        """Let a sink do something. One that fails stops neither the recorder nor another, and is left out from then."""
        try:
            action()
        except Exception as fault:  # noqa: BLE001 - whatever it is, the packets still to come must be recorded
            self._fault = self._fault or fault
            if sink in self._working:
                self._working.remove(sink)


def _accept_all(sink: Sink, items: Sequence[Item]) -> None:
    for item in items:
        sink.accept(item)
