"""People as a source: marks typed as words, one a line, while the session runs; and orders about a person's link.

Strategy: what was typed is an event at the instant in which it was entered, whenever it happened. `undo` and `correct`
put a correction beside the last one; what was entered stays in the log.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self, TextIO

from watchlink.clock import Clock
from watchlink.errors import SessionFileError
from watchlink.packets import Correction, EventKind, Packet, SessionEvent
from watchlink.session import parse_mark, parse_person
from watchlink.vocabulary import Target, Vocabulary, nearest_label


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
        vocabulary: Vocabulary,
        complain: Callable[[str], None],
        orders: Mapping[str, Callable[[str], None]] | None = None,
    ) -> None:
        """Nothing is read before the source is opened.

        Args:
            lines: what people type.
            clock: the session's.
            people: their aliases.
            vocabulary: the plan's words for moments.
            complain: is given what cannot be understood, as a sentence.
            orders: first words of lines that are no marks but are to be done with the person named after them.
        """
        self._lines = lines
        self._orders = orders or {}
        self._clock = clock
        self._people = people
        self._vocabulary = vocabulary
        self._entries: list[SessionEvent] = []
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
        """Events and corrections, until the stream ends."""
        while (line := await self._queue.get()) is not None:
            try:
                packets = self._packets(line.strip(), self._clock.now_us())
            except SessionFileError as error:
                self._complain(str(error))
                continue
            for packet in packets:
                yield packet

    def _packets(self, line: str, at_us: int) -> Sequence[Packet]:
        """What a line says; an order is carried out and leaves nothing in the log.

        Raises:
            SessionFileError: it cannot be understood.
        """
        verb, _, rest = line.partition(" ")
        if verb in self._orders:
            self._orders[verb](parse_person(rest, self._people))
            return ()
        if verb == "undo":
            return (Correction(at_us=at_us, of_us=self._last_entry().at_us),)
        if verb == "correct":
            return (self._correction(rest, at_us),)
        if self._entries:  # an entry is known by its instant
            at_us = max(at_us, self._entries[-1].at_us + 1)
        events = parse_mark(line, at_us=at_us, people=self._people, vocabulary=self._vocabulary)
        self._entries += events[:1]
        for event in events:
            self._advise(event)
        return events

    def _correction(self, line: str, at_us: int) -> Correction:
        """The last entry replaced; it happened when it did before unless the line says how long ago."""
        entry = self._last_entry(forget=False)
        events = parse_mark(line, at_us=at_us, people=self._people, vocabulary=self._vocabulary)
        if len(events) != 1:
            raise SessionFileError("Say what it was instead, one thing: correct escalation 2.")
        event = events[0]
        happened_us = event.happened_us if event.ago_us else entry.happened_us
        now = replace(event, at_us=entry.at_us, ago_us=entry.at_us - happened_us)
        self._entries[-1] = now
        return Correction(at_us=at_us, of_us=entry.at_us, now=now)

    def _last_entry(self, *, forget: bool = True) -> SessionEvent:
        if not self._entries:
            raise SessionFileError("Nothing was typed yet that could be taken back or corrected.")
        return self._entries.pop() if forget else self._entries[-1]

    def _advise(self, event: SessionEvent) -> None:
        """What was noted is noted; a likely slip is said."""
        if event.kind is not EventKind.MARK:
            return
        word = self._vocabulary.get(event.label)
        if word is None:
            meant = nearest_label(event.label, self._vocabulary)
            hint = f"; if you meant {meant}: correct {meant}" if meant else ""
            self._complain(f"{event.label!r} is noted, though it is no word of the plan{hint}.")
        elif word.target is Target.PERSON and event.person is None:
            self._complain(f"{event.label} is noted for everybody. If it is about one person: correct {event.label} 1.")

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            for line in self._lines:
                loop.call_soon_threadsafe(self._queue.put_nowait, line)
            loop.call_soon_threadsafe(self._queue.put_nowait, None)
        except (RuntimeError, OSError, ValueError):
            return  # the session ended while we waited for a line
