"""What a key means on the board. Pure: keys in, what is to be done out; no screen, no session.

Strategy: a mark costs one key, or two where it is about one person (the number, then the letter). What a key does
to the session is a line said at the desk, the same that can be typed in plain mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from watchlink.board.wire import EventKey

AGO_S: Final = (0, 15, 30, 60)
EXTEND_MIN: Final = 2


@dataclass(frozen=True, slots=True)
class Say:
    """Say this line at the desk."""

    line: str


class Show(StrEnum):
    """Something that changes the screen alone."""

    FREEZE = "freeze"
    BLANK = "blank"
    HELP = "help"
    PERSON = "person"
    SHARING = "sharing"
    NOTE = "note"
    QUIT = "quit"
    BEGIN = "begin"


@dataclass(frozen=True, slots=True)
class Tell:
    """Say this to the person at the board."""

    words: str


Deed: TypeAlias = Say | Show | Tell | None


class Keys:
    """What was pressed so far that waits for another key: a person, how long ago."""

    def __init__(self, people: Sequence[str] = (), words: Sequence[EventKey] = ()) -> None:
        """Nothing is pressed."""
        self.people = tuple(people)
        self.words = {word.key: word for word in words}
        self.chosen: int | None = None
        self.ago_s = 0
        self.asked_next = False
        """Whether the next block was asked for once; it begins when it is asked for again."""

    @property
    def person(self) -> str | None:
        """Who is chosen."""
        return None if self.chosen is None else self.people[self.chosen]

    @property
    def prompt(self) -> str:
        """What is pressed and waits, in words; empty where nothing does."""
        parts = [f"{(self.chosen or 0) + 1} {self.person}"] if self.person is not None else []
        parts += [f"{self.ago_s} s ago"] if self.ago_s else []
        return f"{', '.join(parts)}: now a letter" if parts else ""

    def let_go(self) -> None:
        """Nothing waits any more."""
        self.chosen, self.ago_s, self.asked_next = None, 0, False

    def press(self, key: str, *, begun: bool, next_title: str = "") -> Deed:
        """What a key means now.

        Args:
            key: a letter or sign as typed, or enter, escape, up, down.
            begun: whether the plan's first block has begun.
            next_title: of the next block; empty if there is none.
        """
        asked_next, self.asked_next = self.asked_next, False
        if key.isdecimal() and len(key) == 1:
            return self._number(int(key))
        if key in self.words:
            return self._mark(self.words[key])
        match key:
            case "escape":
                self.let_go()
                return None
            case "up" | "down":
                return self._move(-1 if key == "up" else 1)
            case "a":
                self.ago_s = AGO_S[(AGO_S.index(self.ago_s) + 1) % len(AGO_S)]
                return None
            case "u":
                return Say("undo")
            case "s":
                return self._said("turn" if self.chosen is None else f"speaker {self.chosen + 1}")
            case "n":
                return Show.NOTE
            case "c":
                return Show.SHARING if self.chosen is not None else Tell("Whose? First a number, then c.")
            case "enter":
                if not begun:
                    return Show.BEGIN
                return Show.PERSON if self.chosen is not None else Tell("Of whom? First a number, then Enter.")
            case "+" | "-":
                return Say(f"extend {EXTEND_MIN if key == '+' else -EXTEND_MIN}")
            case ">":
                return self._next(asked_next, begun=begun, next_title=next_title)
            case _:
                return _SHOWS.get(key)

    def _number(self, number: int) -> Deed:
        if number == 0:
            if self.chosen is None:
                return Tell("Who shares nothing from now on? First a number, then 0.")
            return self._said(f"stop {self.chosen + 1}")
        if number > len(self.people):
            return Tell(f"There is no person {number} in this session.")
        self.chosen = None if self.chosen == number - 1 else number - 1
        return None

    def _move(self, step: int) -> Deed:
        if self.people:
            start = (-1 if step > 0 else 0) if self.chosen is None else self.chosen
            self.chosen = (start + step) % len(self.people)
        return None

    def _mark(self, word: EventKey) -> Deed:
        person = "" if self.chosen is None else f" {self.chosen + 1}"
        ago = f" {self.ago_s}s ago" if self.ago_s else ""
        return self._said(f"{word.label}{person}{ago}")

    def _next(self, asked: bool, *, begun: bool, next_title: str) -> Deed:  # noqa: FBT001 - of this class alone
        if not begun:
            return Show.BEGIN
        if not next_title:
            return Tell("The plan has no further block.")
        if asked:
            return Say("next")
        self.asked_next = True
        return Tell(f"Press > once more and {next_title} begins.")

    def _said(self, line: str) -> Say:
        self.let_go()
        return Say(line)


_SHOWS: Final = {"f": Show.FREEZE, "b": Show.BLANK, "?": Show.HELP, "q": Show.QUIT}
