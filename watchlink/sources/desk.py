"""The facilitator's desk as a source: what is said to a session while it runs, one line each, from wherever it comes.

Strategy: a key on the board, a line typed in plain mode, `watchlink mark` from a second terminal: all of them say the
same lines to the same desk, so that none can do less than another. A line is an event at the instant in which it was
entered, whenever it happened. `undo` and `correct` put a correction beside the last entry; what was entered stays in
the log. The desk also lets the plan's blocks begin when they are due.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final, Self, TextIO, TypeAlias

from watchlink.agenda import Agenda, turn
from watchlink.clock import Clock, clock_text
from watchlink.consent import NOTHING, agreed, wording
from watchlink.errors import SessionFileError
from watchlink.packets import Correction, EventKind, Extension, Packet, Planned, Purpose, Role, SessionEvent, Sharing
from watchlink.session import Room, leading_person, parse_mark, parse_person
from watchlink.vocabulary import Target, Vocabulary, default_vocabulary, nearest_label

Order: TypeAlias = Callable[[str], str]
"""Is given what follows the first word of a line, does it, and says so; raises `SessionFileError` where it cannot."""

_US_PER_S: Final = 1_000_000
_US_PER_MIN: Final = 60 * _US_PER_S
_LOOK_EVERY_US: Final = 500_000
_EXTEND_MIN: Final = 2.0
_MOST_MIN: Final = 240.0
_ALL: Final = frozenset(Purpose)
# The note of a role that nobody entered: it was there before one that was taken back.
_GIVEN_BACK: Final = "as before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a line: done or not, in a sentence; `advice` where it was done but may be a slip."""

    done: bool
    words: str
    advice: str = ""


class Desk:
    """Source: what is said at the desk as events, corrections and changes of sharing; blocks when they are due.

    It ends when somebody says `end`, or with the plan where it `ends_with_plan`.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        people: Sequence[str],
        typed: TextIO | None = None,
        complain: Callable[[str], None] = lambda _words: None,
        orders: Mapping[str, Order] | None = None,
        plan: Planned | None = None,
        shared: Mapping[str, frozenset[Purpose]] | None = None,
        starts_at_once: bool = False,
        ends_with_plan: bool = False,
    ) -> None:
        """Nothing happens before the source is opened.

        Args:
            clock: the session's.
            people: their pseudonyms, in order of their numbers.
            typed: lines that a person types; None if nobody does here.
            complain: is given what a typed line could not do, or was probably not meant to do.
            orders: first words of lines that are answered elsewhere and leave nothing in the log.
            plan: of the session; None if there is none, or if the session is taken up again (see `recall`).
            shared: what each person shares at the beginning; None where nobody is asked.
            starts_at_once: the plan's first block begins with the session, not by `begin`.
            ends_with_plan: the session is over with the plan's last block.
        """
        self._clock = clock
        self._people = tuple(people)
        self._typed = typed
        self._complain = complain
        self._orders: Mapping[str, Order] = orders or {}
        self._plan = plan
        self._shared = None if shared is None else dict(shared)
        self._starts_at_once = starts_at_once
        self._ends_with_plan = ends_with_plan
        self.agenda = Agenda()
        self._room = Room()
        self._entries: list[SessionEvent] = []
        self._turns: list[SessionEvent] = []
        self._newest_us = -1
        self._ended = False
        self._planned = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None
        self._said: asyncio.Queue[Packet | None] = asyncio.Queue()
        self._verbs: Mapping[str, Order] = {
            "undo": self._undo,
            "correct": self._correct,
            "begin": self._begin,
            "next": self._next,
            "extend": self._extend,
            "end": self._end,
            "share": self._share,
            "stop": self._stop,
            "turn": self._turn,
        }

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody, in order of their numbers."""
        return self._people

    @property
    def vocabulary(self) -> Vocabulary:
        """The plan's words for moments."""
        return default_vocabulary() if self.agenda.plan is None else self.agenda.plan.vocabulary

    def recall(self, packets: Iterable[Packet]) -> None:
        """Take up a session again from what its log says so far."""
        for packet in packets:
            self._note(packet)
            if isinstance(packet, SessionEvent):
                together = bool(self._entries) and self._entries[-1].at_us == packet.at_us
                nobodys = packet.note == _GIVEN_BACK or self._is_of_the_plan(packet)
                self._entries += [] if together or nobodys else [packet]
            elif isinstance(packet, Correction):
                self._entries = [entry for entry in self._entries if entry.at_us != packet.of_us]
                self._entries += [] if packet.now is None else [packet.now]

    async def __aenter__(self) -> Self:
        """State the plan and what everybody shares; begin to read what is typed."""
        at_us = self._instant_us()
        if self._plan is not None:
            self._put(replace(self._plan, at_us=at_us))
        for person, purposes in (self._shared or {}).items():
            self._put(Sharing(at_us=self._instant_us(), person=person, purposes=purposes, wording=wording()))
        if self._starts_at_once:
            self._put(*self.agenda.beginning(self._instant_us(), self._people))
        if self._typed is not None:
            # Half a letter that somebody rubbed out must not end the reading. (A StringIO has no such trouble.)
            reconfigure = getattr(self._typed, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(errors="replace")
            loop = asyncio.get_running_loop()
            threading.Thread(target=self._read, args=(self._typed, loop), daemon=True, name="typed lines").start()
        self._watch = asyncio.create_task(self._keep_to_the_plan())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Keep to the plan no more. The reading thread ends with its stream or with the program."""
        if self._watch is not None:
            self._watch.cancel()

    async def __aiter__(self) -> AsyncIterator[Packet]:
        """What is said, and the blocks of the plan, until the end is said."""
        while (packet := await self._said.get()) is not None:
            yield packet

    def say(self, line: str) -> Answer:
        """Do what a line says, now."""
        words = line.split()
        if not words:
            return Answer(done=False, words="Nothing was said.")
        verb, rest = words[0].casefold(), " ".join(words[1:])
        if verb == "block" and rest.casefold() == "next":
            verb, rest = "next", ""
        if self._ended and verb not in self._orders:
            return Answer(done=False, words="The session is over: nothing more is noted.")
        order = self._verbs.get(verb) or self._orders.get(verb)
        try:
            if order is not None:
                return Answer(done=True, words=order(rest))
            return self._enter(line)
        except SessionFileError as error:
            return Answer(done=False, words=str(error))

    # --- what lines do ---------------------------------------------------------------------------------------------

    def _enter(self, line: str) -> Answer:
        at_us = self._instant_us()
        events = parse_mark(line, at_us=at_us, people=self._people, vocabulary=self.vocabulary)
        self._put(*events)
        self._entries += events[:1]
        return Answer(
            done=True,
            words=f"{', '.join(entry_words(event) for event in events)} at {clock_text(events[0].happened_us / 1e6)}",
            advice=self._advice(events[0]),
        )

    def _undo(self, _rest: str) -> str:
        entry = self._last_entry()
        self._put(Correction(at_us=self._instant_us(), of_us=entry.at_us))
        self._entries.pop()
        if (entry.kind, entry.label) == (EventKind.ROLE, Role.SPEAKER):
            self._give_the_turn_back(entry)
        return f"taken back: {entry_words(entry)} at {clock_text(entry.happened_us / 1e6)}"

    def _correct(self, line: str) -> str:
        """The last entry replaced; it happened when it did before unless the line says how long ago."""
        entry = self._last_entry()
        at_us = self._instant_us()
        events = parse_mark(line, at_us=at_us, people=self._people, vocabulary=self.vocabulary)
        if len(events) != 1:
            raise SessionFileError("Say what it was instead, one thing: correct escalation 2.")
        event = events[0]
        happened_us = event.happened_us if event.ago_us else entry.happened_us
        now = replace(event, at_us=entry.at_us, ago_us=entry.at_us - happened_us)
        self._put(Correction(at_us=at_us, of_us=entry.at_us, now=now))
        self._entries[-1] = now
        return f"{entry_words(entry)} is now {entry_words(now)} at {clock_text(now.happened_us / 1e6)}"

    def _begin(self, _rest: str) -> str:
        if self.agenda.running is not None:
            raise SessionFileError("The session has begun. For the next block: next.")
        return self._next("")

    def _next(self, _rest: str) -> str:
        events = self.agenda.beginning(self._instant_us(), self._people)
        if not events:
            raise SessionFileError(
                "The plan has no further block. For one that is not planned: block feedback. To end the session: end."
            )
        self._put(*events)
        return f"{events[0].note} begins"

    def _extend(self, rest: str) -> str:
        try:
            minutes = float(rest) if rest else _EXTEND_MIN
        except ValueError:
            minutes = _MOST_MIN + 1
        if not abs(minutes) <= _MOST_MIN:
            raise SessionFileError(f"By how many minutes? At most {_MOST_MIN:g}: extend 5, or extend -2.")
        if self.agenda.ends_us is None or self.agenda.running is None:
            raise SessionFileError("No planned block is running, so none can be made longer.")
        self._put(Extension(at_us=self._instant_us(), by_us=round(minutes * _US_PER_MIN)))
        left_us = max(0, self.agenda.ends_us - self._clock.now_us())
        return f"{self.agenda.running.note} lasts {clock_text(left_us / _US_PER_S)} from now"

    def _end(self, _rest: str) -> str:
        self._end_now()
        return "The session ends."

    def _share(self, rest: str) -> str:
        if self._shared is None:
            raise SessionFileError("Nobody is asked in this session: it shows all to whoever records it.")
        if not rest:
            return "; ".join(f"{person} shares {agreed(self._shared.get(person, NOTHING))}" for person in self._people)
        person, words = leading_person(rest.split(), self._people)
        chosen = [word.strip(",").casefold() for word in words]
        known = tuple(Purpose)
        both = "nothing" in chosen and len(set(chosen)) > 1
        if both or not chosen or not all(word in (*known, "all", "nothing") for word in chosen):
            raise SessionFileError(f"What does {person} share? {', '.join(known)}, all or nothing: share 2 rises.")
        purposes = _ALL if "all" in chosen else frozenset(Purpose(word) for word in chosen if word in known)
        self._put(Sharing(at_us=self._instant_us(), person=person, purposes=purposes, wording=wording()))
        return f"{person} shares {agreed(purposes)} from now on"

    def _stop(self, rest: str) -> str:
        return self._share(f"{parse_person(rest, self._people)} nothing")

    def _turn(self, _rest: str) -> str:
        """The next of those who practise in this block speaks; the next of all, where the plan does not say."""
        speaking = next((who for who in self._people if self._room.role(who) is Role.SPEAKER), None)
        at_us = self._instant_us()
        block = self.agenda.block
        events = () if block is None else turn(block, at_us, self._people, after=speaking)
        if not events:
            if not self._people:
                raise SessionFileError("Nobody is here whose turn it could be.")
            after = -1 if speaking is None else self._people.index(speaking)
            who = self._people[(after + 1) % len(self._people)]
            events = (SessionEvent(at_us=at_us, kind=EventKind.ROLE, label=str(Role.SPEAKER), person=who),)
        self._put(*events)
        self._entries += events
        return f"{events[0].person} speaks"

    # --- how it is done --------------------------------------------------------------------------------------------

    def _put(self, *packets: Packet) -> None:
        for packet in packets:
            self._note(packet)
            self._said.put_nowait(packet)

    def _note(self, packet: Packet) -> None:
        """Take in what the log states, whoever stated it."""
        self._newest_us = max(self._newest_us, packet.at_us)
        self.agenda.enter(packet)
        self._planned.set()
        if isinstance(packet, SessionEvent):
            self._room.enter(packet)
            if (packet.kind, packet.label) == (EventKind.ROLE, Role.SPEAKER):
                self._turns.append(packet)
        elif isinstance(packet, Correction):
            self._turns = [event for event in self._turns if event.at_us != packet.of_us]
        elif isinstance(packet, Sharing):
            self._shared = {**(self._shared or {}), packet.person: packet.purposes}

    def _give_the_turn_back(self, undone: SessionEvent) -> None:
        """Who spoke before speaks again from now on."""
        before = [event for event in self._turns if event.at_us < undone.at_us]
        kind, label, at_us = EventKind.ROLE, str(Role.SPEAKER), self._instant_us()
        since_us = 0 if self.agenda.running is None else self.agenda.running.at_us
        spoke = [event.person for event in before if event.at_us == before[-1].at_us and event.at_us >= since_us]
        people = spoke or [None]
        self._put(*(SessionEvent(at_us=at_us, kind=kind, label=label, person=who, note=_GIVEN_BACK) for who in people))

    def _is_of_the_plan(self, event: SessionEvent) -> bool:
        """Whether the newest event came with a block of the plan, so that nobody entered it."""
        block, running = self.agenda.block, self.agenda.running
        if block is None or running is None:
            return False
        speaks = turn(block, running.at_us + 1, self._people, after=None)
        return event.kind is EventKind.BLOCK or (event,) == speaks

    def _instant_us(self) -> int:
        """Now; an entry is known by its instant, so that each has its own."""
        return max(self._clock.now_us(), self._newest_us + 1)

    def _last_entry(self) -> SessionEvent:
        if not self._entries:
            raise SessionFileError("Nothing was entered yet that could be taken back or corrected.")
        return self._entries[-1]

    def _advice(self, event: SessionEvent) -> str:
        """What was noted is noted; a likely slip is said."""
        if event.kind is not EventKind.MARK:
            return ""
        word = self.vocabulary.get(event.label)
        if word is None:
            meant = nearest_label(event.label, self.vocabulary)
            hint = f"; if you meant {meant}: correct {meant}" if meant else ""
            return f"{event.label!r} is noted, though it is no word of the plan{hint}."
        if word.target is Target.PERSON and event.person is None:
            return f"{event.label} is noted for everybody. If it is about one person: correct {event.label} 1."
        return ""

    async def _keep_to_the_plan(self) -> None:
        while not self._ended:
            now_us, due_us = self._clock.now_us(), self.agenda.ends_us
            if self.agenda.is_due(now_us):
                self._put(*self.agenda.beginning(self._instant_us(), self._people))
            elif self._ends_with_plan and self.agenda.is_over(now_us):
                self._end_now()
            elif due_us is None or due_us <= now_us:
                self._planned.clear()
                await self._planned.wait()
            else:  # the block may be made shorter while we wait, so we look again
                await self._clock.sleep_until_us(min(due_us, now_us + _LOOK_EVERY_US))

    def _end_now(self) -> None:
        if not self._ended:
            self._ended = True
            self._said.put_nowait(None)

    def _hear(self, line: str) -> None:
        if line.strip():
            answer = self.say(line)
            if not answer.done or answer.advice:
                self._complain(answer.advice or answer.words)

    def _read(self, lines: TextIO, loop: asyncio.AbstractEventLoop) -> None:
        """No event loop can wait for a console on every platform: a thread does, a daemon, for it may never return."""
        try:
            for line in lines:
                loop.call_soon_threadsafe(self._hear, line)
        except (RuntimeError, OSError, ValueError):
            return  # the session ended while we waited for a line


def entry_words(event: SessionEvent) -> str:
    """What was entered, in a few words."""
    if event.kind is EventKind.ROLE:
        return f"{event.person or 'nobody'} {'speaks' if event.label == Role.SPEAKER else f'is {event.label}'}"
    if event.kind is EventKind.BLOCK:
        return f"block {event.note or event.label}"
    return f"{event.label} {event.person}" if event.person else event.label
