"""What is looked at before a session begins: each thing in a word, and in one line what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from watchlink.board.state import AgainstUsual, BoardState, PersonState, Signal
from watchlink.packets import LinkState

_LOW_DISK_MB: Final = 500


class Level(StrEnum):
    """How a thing stands."""

    GOOD = "good"
    WAIT = "wait"
    """It comes by itself, or does not matter for beginning."""
    LOOK = "look"
    """Somebody should do something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing: whose or what, how it stands in words, and what to do about it."""

    subject: str
    level: Level
    words: str
    fix: str = ""


_SIGNAL: Final = {
    Signal.WAITING: "Put the wearable on and wake it up; close the phone app that may hold it.",
    Signal.LOST: "Come nearer, wake it up, close the phone app that may hold it.",
    Signal.STALE: "Is it still worn? Switch its broadcast on again.",
    Signal.NO_CONTACT: "Moisten the strap or tighten the watch, a finger's width above the wrist.",
    Signal.PATCHY: "Tighten it, moisten the strap, and sit still for a moment.",
}


def checks(state: BoardState) -> tuple[Check, ...]:
    """All that is looked at: recording first, then everybody in the order of their numbers."""
    return (*_recording(state), *(check for person in state.people for check in _person(person)))


def to_look_at(state: BoardState) -> tuple[Check, ...]:
    """What somebody should do something about."""
    return tuple(check for check in checks(state) if check.level is Level.LOOK)


def _recording(state: BoardState) -> Iterator[Check]:
    keeping = state.keeping
    if keeping.trouble is not None:
        yield Check(
            subject="recording",
            level=Level.LOOK,
            words=f"nothing is saved at present ({keeping.trouble}), {keeping.unsaved} packets wait",
            fix="Make room on the disk, or close the program that holds the archive.",
        )
    elif keeping.free_mb is not None and keeping.free_mb < _LOW_DISK_MB:
        yield Check(
            subject="recording",
            level=Level.LOOK,
            words=f"only {keeping.free_mb} MB are left on the disk",
            fix="Make room: a session takes about 10 MB.",
        )
    else:
        yield Check(subject="recording", level=Level.GOOD, words="the archive takes what comes")


def _person(person: PersonState) -> Iterator[Check]:
    who = person.person
    if not person.live:
        yield Check(subject=who, level=Level.LOOK, words=_link_words(person), fix=_SIGNAL[person.signal])
        return
    if person.signal is Signal.PATCHY:
        words = f"connected, and only {person.clean_pct} % of the last minute is good"
        yield Check(subject=who, level=Level.LOOK, words=words, fix=_SIGNAL[person.signal])
    if person.battery_pct is not None:
        words = f"the battery is at {person.battery_pct} %"
        yield Check(subject=who, level=Level.LOOK, words=words, fix="Charge it or change the battery first.")
    if person.grade is None:
        yield Check(subject=who, level=Level.WAIT, words="what the wearable can give is not known yet")
    elif person.told and person.against is AgainstUsual.UNKNOWN:
        yield Check(
            subject=who,
            level=Level.WAIT,
            words="own usual is not known yet",
            fix="It needs a quiet minute; the silent baseline gives it.",
        )
    elif person.signal is not Signal.PATCHY and person.battery_pct is None:
        yield Check(subject=who, level=Level.GOOD, words="all is well")


def grouped(checks: Iterable[Check]) -> tuple[Check, ...]:
    """What is the same for several is said once: of them all."""
    groups: dict[tuple[Level, str, str], list[str]] = {}
    for check in checks:
        groups.setdefault((check.level, check.words, check.fix), []).append(check.subject)
    return tuple(
        Check(subject=", ".join(subjects), level=level, words=words, fix=fix)
        for (level, words, fix), subjects in groups.items()
    )


def _link_words(person: PersonState) -> str:
    reason = next((note.reason for note in reversed(person.links) if note.reason), "")
    why = f": {reason.rstrip('.')}" if reason else ""
    state = person.links[-1].state if person.links else LinkState.SEEKING
    if person.signal is Signal.NO_CONTACT:
        return "connected, and the sensor does not touch the skin"
    if person.signal is Signal.STALE:
        return "connected, and nothing has come for a while"
    return f"not connected ({state}){why}"
