"""The words in which a session's moments are marked: what each is called, whom it is about, what it means for a rise.

Strategy: the words come with the plan, so that a training has its own. Their meaning is written into each event when it
is marked: a log stays readable without the plan, and a plan that changes changes no session of the past.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final, TypeAlias, cast

from watchlink.errors import SessionFileError
from watchlink.packets import Meaning

_MOST_WORDS: Final = 200
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"

RESERVED_KEYS: Final = frozenset("abcfnqsu")
"""Letters that mean something else on the board: ago, blank, consent, freeze, note, quit, speaks, undo."""

RESERVED_LABELS: Final = frozenset(
    {
        "begin",
        "block",
        "checks",
        "correct",
        "end",
        "extend",
        "help",
        "listener",
        "next",
        "note",
        "observer",
        "release",
        "seek",
        "share",
        "show",
        "speaker",
        "status",
        "stop",
        "turn",
        "undo",
    }
)
"""Words that do something at the desk, so that no moment can be marked with them."""


class Target(StrEnum):
    """Whom a moment is usually about."""

    PERSON = "person"
    GROUP = "group"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One sort of moment.

    Attributes:
        label: what is stored, one word ("stood-up").
        title: what people see.
        target: whom it is usually about.
        meaning: what it says about a rise beside it.
        key: the letter that marks it on the board; empty where the letters did not suffice.
    """

    label: str
    title: str
    target: Target
    meaning: Meaning
    key: str = ""


Vocabulary: TypeAlias = Mapping[str, Word]
"""Words by their labels, in the order of the plan."""


@cache
def default_plan_text() -> str:
    """The plan file that ships."""
    return resources.files("watchlink").joinpath("practice.toml").read_text("utf-8")


@cache
def default_vocabulary() -> Vocabulary:
    """The words of the training that ships."""
    return parse_words(tomllib.loads(default_plan_text())["event"], file="practice.toml")


def parse_words(tables: Any, *, file: str) -> Vocabulary:
    """The words of a plan: its list of `[[event]]`, each with `label`; if there, `title`, `target`, `meaning`, `key`.

    A word without a key is given the first letter of its label that is free.

    Raises:
        SessionFileError: names the file, the word and what is wrong with it.
    """
    listed: list[Any] | None = tables  # or whatever else the file holds there
    if not isinstance(listed, list) or len(listed) > _MOST_WORDS:
        raise SessionFileError(
            f"{file}: event must be a list of at most {_MOST_WORDS} tables. Write [[event]] above each."
        )
    words: dict[str, Word] = {}
    for number, table in enumerate(listed, 1):
        word = _word(table, where=f"{file}, event {number}")
        if word.label in words:
            raise SessionFileError(f"{file}, event {number}: {word.label!r} is there twice. Give each its own label.")
        if word.key and word.key in {other.key for other in words.values()}:
            raise SessionFileError(f"{file}, event {number}: the key {word.key} is taken. Give each word its own key.")
        words[word.label] = word
    return MappingProxyType(_with_keys(words))


def _with_keys(words: Mapping[str, Word]) -> dict[str, Word]:
    taken = RESERVED_KEYS | {word.key for word in words.values()}
    keyed: dict[str, Word] = {}
    for word in words.values():
        free = (letter for letter in word.label + _LETTERS if letter in _LETTERS and letter not in taken)
        key = word.key or next(free, "")
        taken |= {key}
        keyed[word.label] = replace(word, key=key)
    return keyed


def meaning_of(label: str, vocabulary: Vocabulary) -> Meaning:
    """What a label means; a word that the plan does not know is of the practice."""
    word = vocabulary.get(label)
    return Meaning.PRACTICE if word is None else word.meaning


def leading_label(words: Sequence[str], vocabulary: Vocabulary) -> tuple[str, Sequence[str]]:
    """The label that typed words begin with, and the words left.

    A label may be typed with spaces ("stood up 2"), and by its title ("take your time 2"); a first word that the plan
    does not know is a label of its own.
    """
    titles = {_dashed(word.title.split()): word.label for word in vocabulary.values()}
    for count in range(len(words), 0, -1):
        typed = _dashed(words[:count])
        label = typed if typed in vocabulary else titles.get(typed)
        if label is not None:
            return label, words[count:]
    return words[0], words[1:]


def nearest_label(label: str, vocabulary: Vocabulary) -> str | None:
    """The plan's word that somebody may have meant."""
    return next(iter(get_close_matches(label.casefold(), vocabulary, n=1, cutoff=0.7)), None)


def _dashed(words: Sequence[str]) -> str:
    return "-".join(words).casefold().replace('"', "")


def _word(table: Any, *, where: str) -> Word:
    if not isinstance(table, dict):
        raise SessionFileError(f"{where} is no table: write [[event]] above its label, title, target and meaning.")
    fields = cast("dict[str, Any]", table)
    label = fields.get("label")
    if not isinstance(label, str) or not label or label.split() != [label] or label != label.casefold():
        raise SessionFileError(f"{where}: label must be one word in small letters, like stood-up; it is {label!r}.")
    if label in RESERVED_LABELS:
        raise SessionFileError(f"{where}: {label} does something else when it is typed. Choose another label.")
    key = fields.get("key", "")
    if not isinstance(key, str) or len(key) > 1 or (key and (key not in _LETTERS or key in RESERVED_KEYS)):
        raise SessionFileError(
            f"{where}: key must be one letter from a to z; {', '.join(sorted(RESERVED_KEYS))} mean something else on "
            f"the board. It is {key!r}."
        )
    try:
        return Word(
            label=label,
            key=key,
            title=str(fields.get("title", label)),
            target=Target(fields.get("target", Target.PERSON)),
            meaning=Meaning(fields.get("meaning", Meaning.PRACTICE)),
        )
    except ValueError as error:
        raise SessionFileError(
            f"{where}: {error}. target is one of {', '.join(Target)}, meaning one of {', '.join(Meaning)}."
        ) from error
