"""What a session is for the people in it: blocks of a plan, roles, marks, and what each means for the readings.

Strategy: a plan is nothing but events at known times; once they are in the log they are no different from marks made by
hand. A mark may be entered late ("15s ago") and corrected; the log keeps what was entered, and `corrected` says what
stands.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Any, Final, cast

from watchlink.errors import SessionFileError
from watchlink.packets import Correction, EventKind, Meaning, Role, SessionEvent
from watchlink.readings import Phase
from watchlink.vocabulary import (
    Vocabulary,
    default_plan_text,
    default_vocabulary,
    leading_label,
    meaning_of,
    parse_words,
)

_US_PER_S: Final = 1_000_000
_LONGEST_S: Final = 1e9
_MOST: Final = 52

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
        speakers: who practises in it, by number in the cohort counted from 1, the first of them first.
        new_in_weeks: the weeks of the programme in which its scenario is one that nobody has met.
    """

    kind: str
    title: str
    minutes: float
    speakers: tuple[int, ...] = ()
    new_in_weeks: frozenset[int] = frozenset()

    @property
    def duration_us(self) -> int:
        """How long it is planned to be."""
        return round(self.minutes * 60 * _US_PER_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A session as planned: its blocks, one after another, and the words in which its moments are marked."""

    title: str
    blocks: tuple[Block, ...]
    text: str = field(default="", repr=False, compare=False)
    """Of the file that it was read from."""
    vocabulary: Vocabulary = field(default_factory=default_vocabulary)

    @property
    def duration_us(self) -> int:
        """Sum of the blocks."""
        return sum(block.duration_us for block in self.blocks)

    def events(self) -> tuple[SessionEvent, ...]:
        """The start of each block, as events."""
        events: list[SessionEvent] = []
        at_us = 0
        for block in self.blocks:
            events.append(SessionEvent(at_us=at_us, kind=EventKind.BLOCK, label=block.kind, note=block.title))
            at_us += block.duration_us
        return tuple(events)


def default_plan() -> Plan:
    """The plan that ships: two hours with a silent baseline, four role-plays, a break and a silent recovery."""
    return parse_plan(default_plan_text(), file="practice.toml")


def parse_plan(text: str, *, file: str) -> Plan:
    """A plan from TOML: `title`, a list of `[[block]]` with `kind`, `title`, `minutes`, and one of `[[event]]`.

    A plan that names no event has the words of the default plan.

    Raises:
        SessionFileError: names the file, the block or event and what is wrong with it.
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
        text=text,
        blocks=tuple(_block(block, where=f"{file}, block {number}") for number, block in enumerate(blocks, 1)),
        vocabulary=parse_words(document["event"], file=file) if "event" in document else default_vocabulary(),
    )


def plan_remarks(plan: Plan) -> tuple[str, ...]:
    """What is odd about a plan, as sentences."""
    kinds = [block.kind for block in plan.blocks]
    remarks: list[str] = []
    if kinds[0] != "baseline":
        remarks.append("It does not begin with a silent baseline: what is usual for each is then learned from talk.")
    if "role-play" in kinds and "recovery" not in kinds:
        remarks.append("It has no silent recovery: nobody sees how their heart rate settles.")
    titles = [(block.kind, block.title) for block in plan.blocks]
    if any(titles.count(title) > 1 for title in titles):
        remarks.append("Two blocks have one title: give each its own, so that they can be told apart later.")
    without = [word.label for word in plan.vocabulary.values() if not word.key]
    if without:
        remarks.append(f"No key is left for: {', '.join(without)}. They can be typed.")
    return tuple(remarks)


class Room:
    """What the session is at an instant: its block and who has which role. A fold over events as they are entered."""

    def __init__(self) -> None:
        """No block has begun."""
        self.block: SessionEvent | None = None
        self._roles: dict[str, Role] = {}
        self._turn_us = 0

    @property
    def phase(self) -> Phase:
        """What the block allows to be read."""
        return Phase.UNKNOWN if self.block is None else BLOCK_PHASES.get(self.block.label, Phase.UNKNOWN)

    @property
    def resting(self) -> bool:
        """Whether this is the block in which everybody's own usual is learned."""
        return self.block is not None and self.block.label == "baseline"

    def role(self, person: str) -> Role | None:
        """This person's role; None where nobody said."""
        return self._roles.get(person)

    def enter(self, event: SessionEvent) -> bool:
        """Take an event; say whether it changed the room.

        A block begins without roles. A new speaker has the turn alone; speakers entered in the same instant share it.
        """
        match event.kind:
            case EventKind.BLOCK:
                self.block = event
                self._roles.clear()
            case EventKind.ROLE:
                role = Role(event.label)
                if role is Role.SPEAKER and event.at_us != self._turn_us:
                    self._turn_us = event.at_us
                    self._roles = {who: other for who, other in self._roles.items() if other is not Role.SPEAKER}
                if event.person is not None:
                    self._roles[event.person] = role
            case EventKind.MARK | EventKind.NOTE:
                return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The events of a session as they stand after all corrections.

    Attributes:
        events: in order of when they happened; of one instant, in the order in which they were entered.
        corrected: how many were changed or taken back.
        unmatched: corrections of something that was never entered.
    """

    events: tuple[SessionEvent, ...]
    corrected: int
    unmatched: int


def corrected(entered: Sequence[SessionEvent], corrections: Sequence[Correction]) -> Standing:
    """What stands of what was entered, in whatever order it was entered; of several corrections the last holds."""
    last = {correction.of_us: correction for correction in corrections}
    known_us = {event.at_us for event in entered}
    standing: list[SessionEvent] = []
    replaced: set[int] = set()
    changed = 0
    for event in entered:
        correction = last.get(event.at_us)
        if correction is None:
            standing.append(event)
            continue
        changed += 1
        if correction.now is not None and correction.of_us not in replaced:
            standing.append(correction.now)
        replaced.add(correction.of_us)
    return Standing(
        events=tuple(sorted(standing, key=lambda event: event.happened_us)),
        corrected=changed,
        unmatched=sum(of_us not in known_us for of_us in last),
    )


def explains(event: SessionEvent) -> bool:
    """Whether an event explains a rise beside it: the body moved, or the technique failed."""
    if event.kind is EventKind.BLOCK:
        return BLOCK_PHASES.get(event.label) is Phase.MOVEMENT
    return event.meaning is not Meaning.PRACTICE


def _block(table: Any, *, where: str) -> Block:
    if not isinstance(table, dict):
        raise SessionFileError(f"{where} is no table: write [[block]] above its kind, title and minutes.")
    fields = cast("dict[str, Any]", table)
    kind, minutes = fields.get("kind"), fields.get("minutes")
    if not isinstance(kind, str) or kind not in BLOCK_PHASES:
        raise SessionFileError(f"{where}: kind must be one of {', '.join(BLOCK_PHASES)}; it is {kind!r}.")
    if not isinstance(minutes, (int, float)) or isinstance(minutes, bool) or not 0 < minutes <= 24 * 60:
        raise SessionFileError(f"{where}: minutes must be a number above 0 and at most 1440; it is {minutes!r}.")
    return Block(
        kind=kind,
        title=str(fields.get("title", kind)),
        minutes=float(minutes),
        speakers=tuple(_speakers(fields, where=where)),
        new_in_weeks=frozenset(_numbers(fields, "new_in_weeks", where=where)),
    )


def _speakers(fields: Mapping[str, Any], *, where: str) -> list[int]:
    speakers = _numbers(fields, "speakers", where=where)
    if len(set(speakers)) < len(speakers):
        raise SessionFileError(f"{where}: speakers names somebody twice; turns go round by themselves.")
    return speakers


def _numbers(fields: Mapping[str, Any], key: str, *, where: str) -> list[int]:
    listed: list[Any] | None = fields.get(key, [])  # or whatever else the file holds there
    whole = isinstance(listed, list) and all(isinstance(one, int) and not isinstance(one, bool) for one in listed)
    if listed is None or not whole or not all(1 <= one <= _MOST for one in listed):
        raise SessionFileError(f"{where}: {key} must be a list of numbers from 1 to {_MOST}; it is {listed!r}.")
    return listed


def parse_events(
    lines: Iterable[str], *, file: str, vocabulary: Vocabulary | None = None, offset_s: float = 0.0
) -> tuple[SessionEvent, ...]:
    """Events from CSV: columns `at_s` (or `t_s`), `label`; if there, `kind` (mark, block, role), `person`, `note`.

    What HRV Logger writes beside its intervals (`timestamp` in ms since the start, `annotation`) is read too.

    Args:
        lines: of the file.
        file: its name, for messages.
        vocabulary: what the labels mean; None for the words of the default plan.
        offset_s: added to each time: where the events' own clock began on the session's axis.

    Returns them in order of time; events before the start (negative times) are kept.

    Raises:
        SessionFileError: names the file, the line and what is wrong with it.
    """
    words = default_vocabulary() if vocabulary is None else vocabulary
    reader = csv.DictReader(lines, strict=True)
    try:
        events = [_event(row, f"{file}, line {reader.line_num}", words, offset_s) for row in reader]
    except csv.Error as error:
        raise SessionFileError(f"{file} is not a CSV file of events: {error}.") from error
    return tuple(sorted(events, key=lambda event: event.at_us))


def _event(row: Mapping[str | None, Any], where: str, vocabulary: Vocabulary, offset_s: float) -> SessionEvent:
    cells = {key: value.strip() for key, value in row.items() if isinstance(key, str) and isinstance(value, str)}
    at_s, label = cells.get("at_s", cells.get("t_s", "")), cells.get("label", cells.get("annotation", ""))
    ms = "" if at_s else cells.get("timestamp", "")
    if not label:
        raise SessionFileError(f"{where}: no label. Expected the columns at_s and label.")
    try:
        seconds = (float(ms) / 1000 if ms else float(at_s)) + offset_s
    except ValueError:
        seconds = nan
    if not abs(seconds) < _LONGEST_S:
        raise SessionFileError(f"{where}: at_s must be seconds since the start; it is {at_s!r}.")
    kind_name = cells.get("kind") or EventKind.MARK
    try:
        kind = EventKind.ROLE if kind_name in tuple(Role) else EventKind(kind_name)
    except ValueError as error:
        raise SessionFileError(f"{where}: kind must be one of {', '.join(EventKind)}.") from error
    if kind is EventKind.BLOCK and label not in BLOCK_PHASES:
        raise SessionFileError(f"{where}: no block {label!r}. Blocks are: {', '.join(BLOCK_PHASES)}.")
    if kind is EventKind.ROLE and label not in tuple(Role):
        raise SessionFileError(f"{where}: no role {label!r}. Roles are: {', '.join(Role)}.")
    return SessionEvent(
        at_us=round(seconds * _US_PER_S),
        kind=kind,
        label=label,
        person=cells.get("person") or None,
        note=cells.get("note", ""),
        meaning=meaning_of(label, vocabulary) if kind is EventKind.MARK else Meaning.PRACTICE,
    )


_AGO: Final = re.compile(r"(?:^|\s)(\d{1,4}(?:\.\d{1,3})?)\s*(s|min)\s+ago\s*$", re.IGNORECASE)
_AGO_UNITS_S: Final = {"s": 1.0, "min": 60.0}


def parse_mark(line: str, *, at_us: int, people: Sequence[str], vocabulary: Vocabulary) -> tuple[SessionEvent, ...]:
    """A mark typed as words: `interruption 2`, `stood up Heron 15s ago`, `speaker Otter`, `block break`.

    A person is an alias (in any case) or a number counted from 1. Only `speaker` may name several people, who then
    share the turn: one event each. Returns nothing for an empty line.

    Raises:
        SessionFileError: the block or person is not known; the message lists what is.
    """
    late = _AGO.search(line)
    ago_us = 0 if late is None else round(float(late[1]) * _AGO_UNITS_S[late[2].casefold()] * _US_PER_S)
    words = (line if late is None else line[: late.start()]).split()
    if not words:
        return ()
    first, rest = words[0].casefold(), words[1:]
    if first == EventKind.NOTE:
        return (_note(rest, at_us=at_us, ago_us=ago_us, people=people),)
    if first == "block":
        kind = " ".join(rest)
        if kind not in BLOCK_PHASES:
            raise SessionFileError(f"No block {kind!r}. Blocks are: {', '.join(BLOCK_PHASES)}.")
        return (SessionEvent(at_us=at_us, kind=EventKind.BLOCK, label=kind, note=kind, ago_us=ago_us),)
    if first in tuple(Role):
        return _roles(Role(first), rest, at_us=at_us, ago_us=ago_us, people=people)
    label, about = leading_label(words, vocabulary)
    person, note = _person(about, people)
    return (
        SessionEvent(
            at_us=at_us,
            kind=EventKind.MARK,
            label=label,
            person=person,
            note=" ".join(note),
            ago_us=ago_us,
            meaning=meaning_of(label, vocabulary),
        ),
    )


def _note(words: Sequence[str], *, at_us: int, ago_us: int, people: Sequence[str]) -> SessionEvent:
    """Words to remember, about a person if they begin with one."""
    try:
        person, text = _person(words, people)
    except SessionFileError:
        person, text = None, words
    if not text:
        raise SessionFileError("A note needs words: note 2 said it twice.")
    kind = EventKind.NOTE
    return SessionEvent(at_us=at_us, kind=kind, label=str(kind), person=person, note=" ".join(text), ago_us=ago_us)


def _roles(
    role: Role, words: Sequence[str], *, at_us: int, ago_us: int, people: Sequence[str]
) -> tuple[SessionEvent, ...]:
    named: list[str | None] = []
    while words:
        person, words = _person(words, people)
        named.append(person)
    if not named and role is not Role.SPEAKER:
        raise SessionFileError(f"Who is {role}? Say, for instance: {role} 2. People are: {', '.join(people)}.")
    return tuple(
        SessionEvent(at_us=at_us, kind=EventKind.ROLE, label=str(role), person=person, ago_us=ago_us)
        for person in named or [None]
    )


def parse_person(text: str, people: Sequence[str]) -> str:
    """Who is meant by an alias (in any case) or a number counted from 1.

    Raises:
        SessionFileError: nobody; the message lists who is here.
    """
    person, left = _person(text.split() or ["nobody"], people)
    if person is None or left:
        raise SessionFileError(f"Nobody here is called {text!r}. People are: {', '.join(people)}.")
    return person


def leading_person(words: Sequence[str], people: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The person that words begin with, and the words left.

    Raises:
        SessionFileError: they begin with nobody; the message lists who is here.
    """
    person, rest = _person(words, people)
    if person is None:
        raise SessionFileError(f"Who? People are: {', '.join(people)}, or 1 to {len(people)}.")
    return person, rest


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
