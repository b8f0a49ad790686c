"""What a session is for the people in it: blocks of a plan, marks, speakers, and what each means for the readings.

Strategy: a plan is nothing but events at known times; once they are in the log they are no different from marks made by
hand.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from math import nan
from typing import Any, Final, cast

from watchlink.errors import SessionFileError
from watchlink.packets import EventKind, SessionEvent
from watchlink.readings import Phase

_US_PER_S: Final = 1_000_000
_LONGEST_S: Final = 1e9

BLOCK_PHASES: Final[Mapping[str, Phase]] = {
    "baseline": Phase.SILENT,
    "role-play": Phase.TALK,
    "feedback": Phase.TALK,
    "break": Phase.MOVEMENT,
    "breathing": Phase.SILENT,
    "recovery": Phase.SILENT,
    "closing": Phase.TALK,
}
"""The kinds of blocks that a plan can hold, and what each allows to be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A stretch of a session.

    Attributes:
        kind: one of `BLOCK_PHASES`.
        title: what people see.
        minutes: how long it is planned to be, above 0.
    """

    kind: str
    title: str
    minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A session as planned: its blocks, one after another."""

    title: str
    blocks: tuple[Block, ...]

    @property
    def duration_us(self) -> int:
        """Sum of the blocks."""
        return sum(_minutes_us(block.minutes) for block in self.blocks)

    def events(self) -> tuple[SessionEvent, ...]:
        """The start of each block, as events."""
        events: list[SessionEvent] = []
        at_us = 0
        for block in self.blocks:
            events.append(SessionEvent(at_us=at_us, kind=EventKind.BLOCK, label=block.kind, note=block.title))
            at_us += _minutes_us(block.minutes)
        return tuple(events)


def default_plan() -> Plan:
    """The plan that ships: two hours with a silent baseline, four role-plays, a break and a silent recovery."""
    return parse_plan(resources.files("watchlink").joinpath("practice.toml").read_text("utf-8"), file="practice.toml")


def parse_plan(text: str, *, file: str) -> Plan:
    """A plan from TOML: `title` and a list of `[[block]]` with `kind`, `title`, `minutes`.

    Raises:
        SessionFileError: names the file, the block and what is wrong with it.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SessionFileError(f"{file} is not a plan: {error}.") from error
    blocks: list[Any] | None = document.get("block")  # or whatever else the file holds there
    if not isinstance(blocks, list) or not blocks:
        raise SessionFileError(f"{file} holds no [[block]]. A plan needs at least one, with kind, title and minutes.")
    title = document.get("title")
    return Plan(
        title=title if isinstance(title, str) else file,
        blocks=tuple(_block(block, where=f"{file}, block {number}") for number, block in enumerate(blocks, 1)),
    )


def _block(table: Any, *, where: str) -> Block:
    if not isinstance(table, dict):
        raise SessionFileError(f"{where} is no table: write [[block]] above its kind, title and minutes.")
    fields = cast("dict[str, Any]", table)
    kind, minutes = fields.get("kind"), fields.get("minutes")
    if not isinstance(kind, str) or kind not in BLOCK_PHASES:
        raise SessionFileError(f"{where}: kind must be one of {', '.join(BLOCK_PHASES)}; it is {kind!r}.")
    if not isinstance(minutes, (int, float)) or isinstance(minutes, bool) or not 0 < minutes <= 24 * 60:
        raise SessionFileError(f"{where}: minutes must be a number above 0 and at most 1440; it is {minutes!r}.")
    return Block(kind=kind, title=str(fields.get("title", kind)), minutes=float(minutes))


def parse_events(lines: Iterable[str], *, file: str) -> tuple[SessionEvent, ...]:
    """Events from CSV: columns `at_s` (or `t_s`), `label`; if there, `kind` (mark, block, speaker), `person`, `note`.

    Returns them in order of time; events before the start (negative times) are kept.

    Raises:
        SessionFileError: names the file, the line and what is wrong with it.
    """
    reader = csv.DictReader(lines, strict=True)
    try:
        events = [_event(row, f"{file}, line {reader.line_num}") for row in reader]
    except csv.Error as error:
        raise SessionFileError(f"{file} is not a CSV file of events: {error}.") from error
    return tuple(sorted(events, key=lambda event: event.at_us))


def _event(row: Mapping[str | None, Any], where: str) -> SessionEvent:
    cells = {key: value.strip() for key, value in row.items() if isinstance(key, str) and isinstance(value, str)}
    at_s, label = cells.get("at_s", cells.get("t_s", "")), cells.get("label", "")
    if not label:
        raise SessionFileError(f"{where}: no label. Expected the columns at_s and label.")
    try:
        seconds = float(at_s)
    except ValueError:
        seconds = nan
    if not abs(seconds) < _LONGEST_S:
        raise SessionFileError(f"{where}: at_s must be seconds since the start; it is {at_s!r}.")
    try:
        kind = EventKind(cells.get("kind") or EventKind.MARK)
    except ValueError as error:
        raise SessionFileError(f"{where}: kind must be one of {', '.join(EventKind)}.") from error
    if kind is EventKind.BLOCK and label not in BLOCK_PHASES:
        raise SessionFileError(f"{where}: no block {label!r}. Blocks are: {', '.join(BLOCK_PHASES)}.")
    at_us = round(seconds * _US_PER_S)
    return SessionEvent(
        at_us=at_us, kind=kind, label=label, person=cells.get("person") or None, note=cells.get("note", "")
    )


def parse_mark(line: str, *, at_us: int, people: Sequence[str]) -> SessionEvent | None:
    """A mark typed as words: `interruption`, `interruption 2`, `interruption Heron`, `speaker Otter`, `block break`.

    A person is an alias (in any case) or a number counted from 1. Returns None for an empty line.

    Raises:
        SessionFileError: the block or person is not known; the message lists what is.
    """
    words = line.split()
    if not words:
        return None
    label, *rest = words
    if label == "block":
        kind = " ".join(rest)
        if kind not in BLOCK_PHASES:
            raise SessionFileError(f"No block {kind!r}. Blocks are: {', '.join(BLOCK_PHASES)}.")
        return SessionEvent(at_us=at_us, kind=EventKind.BLOCK, label=kind, note=kind)
    if label == "speaker":
        return SessionEvent(at_us=at_us, kind=EventKind.SPEAKER, label="speaker", person=_person(rest, people)[0])
    person, note = _person(rest, people)
    return SessionEvent(at_us=at_us, kind=EventKind.MARK, label=label, person=person, note=" ".join(note))


def parse_person(text: str, people: Sequence[str]) -> str:
    """Who is meant by an alias (in any case) or a number counted from 1.

    Raises:
        SessionFileError: nobody; the message lists who is here.
    """
    person, left = _person(text.split() or ["nobody"], people)
    if person is None or left:
        raise SessionFileError(f"Nobody here is called {text!r}. People are: {', '.join(people)}.")
    return person


def _person(words: Sequence[str], people: Sequence[str]) -> tuple[str | None, Sequence[str]]:
    """The person that the words begin with (nobody if there are none), and the words that are left."""
    if not words:
        return None, ()
    first = words[0]
    if first.isdecimal() and 1 <= int(first) <= len(people):
        return people[int(first) - 1], words[1:]
    for person in people:
        name = person.casefold().split()
        if [word.casefold() for word in words[: len(name)]] == name:
            return person, words[len(name) :]
    raise SessionFileError(f"Nobody here is called {first!r}. People are: {', '.join(people)}, or 1 to {len(people)}.")


def _minutes_us(minutes: float) -> int:
    return round(minutes * 60 * _US_PER_S)
