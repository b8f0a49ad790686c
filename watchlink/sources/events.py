"""People as a source: marks typed as words, one a line, while the session runs; and orders about a person's link."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Self, TextIO

from watchlink.clock import Clock
from watchlink.errors import SessionFileError
from watchlink.packets import Packet
from watchlink.session import parse_mark, parse_person


class TypedMarks:
    """Source: lines of a text stream as session events, stamped when they are entered.

    Strategy: a thread reads the lines, for no event loop can wait for a console on every platform. It is a daemon: a
        read that never returns must not keep the program from ending.
    """

    def __init__(
        self,
        lines: TextIO,
        *,
        clock: Clock,
        people: Sequence[str],
        complain: Callable[[str], None],
        orders: Mapping[str, Callable[[str], None]] | None = None,
    ) -> None:
        """Nothing is read before the source is opened.

        Args:
            lines: what people type.
            clock: the session's.
            people: their aliases.
            complain: is given what cannot be understood, as a sentence.
            orders: first words of lines that are no marks but are to be done with the person named after them.
        """
        self._lines = lines
        self._orders = orders or {}
        self._clock = clock
        self._people = people
        self._complain = complain
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        """Begin to read. Half a letter that somebody rubbed out must not end the reading, so it is replaced."""
        reconfigure = getattr(self._lines, "reconfigure", None)  # a console has it, a StringIO does not need it
        if reconfigure is not None:
            reconfigure(errors="replace")
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(loop,), daemon=True, name="typed marks").start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing to give back: the thread ends with its stream or with the program."""

    async def __aiter__(self) -> AsyncIterator[Packet]:
        """Events, until the stream ends."""
        while (line := await self._queue.get()) is not None:
            verb, _, name = line.strip().partition(" ")
            try:
                if verb in self._orders:
                    self._orders[verb](parse_person(name, self._people))
                    continue
                event = parse_mark(line, at_us=self._clock.now_us(), people=self._people)
            except SessionFileError as error:
                self._complain(str(error))
                continue
            if event is not None:
                yield event

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            for line in self._lines:
                loop.call_soon_threadsafe(self._queue.put_nowait, line)
            loop.call_soon_threadsafe(self._queue.put_nowait, None)
        except (RuntimeError, OSError, ValueError):
            return  # the session ended while we waited for a line
