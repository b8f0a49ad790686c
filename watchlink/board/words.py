"""The board in plain sentences, for screen readers, logs and pipes: the same state as on the screen. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from watchlink.board.preflight import checks
from watchlink.board.state import AgainstUsual, BoardState, PersonState
from watchlink.board.view import NOT_SHARING, age_words, left_words
from watchlink.board.wire import EventKey
from watchlink.clock import clock_text
from watchlink.consent import agreed
from watchlink.packets import Role

COMMANDS = (
    ("escalation 2", "mark a moment on person 2; without a number: for the room"),
    ("escalation 2 15s ago", "the same, 15 seconds late"),
    ("note 2 said it twice", "a note; no rise is laid beside it"),
    ("undo; correct interruption 3", "take the last entry back; change it"),
    ("speaker 2; turn", "person 2 speaks; the next one speaks"),
    ("begin; next; extend 2; block feedback", "the plan's first block; its next one; two minutes more; any block"),
    ("share 2 heart-rate rises; stop 2", "what person 2 lets you see; nothing"),
    ("status; show 2; checks", "everybody in a line each; all of person 2; what to look at"),
    ("release 2; seek 2", "let person 2's wearable go; look for it again"),
    ("end", "end the session: save, verify, receipt"),
)
"""What can be said at the desk, and what it does."""


def status_lines(state: BoardState) -> Iterator[str]:
    """Where the session stands, then one line a person."""
    block = state.block
    left = "" if block.left_s is None else f", {left_words(block.left_s)}"
    then = f", then {block.next_title}" if block.next_title else ""
    yield f"{block.title or 'no block yet'}{left}{then}; {state.rises} heart rate rises so far"
    for number, person in enumerate(state.people, 1):
        yield f"{number} {person_line(person, state.at_us)}"


def person_line(person: PersonState, at_us: int) -> str:
    """One person in a line."""
    parts = [f"signal {person.signal}{f' {person.clean_pct} %' if person.live else ''}"]
    if not person.live and person.age_s is not None:
        parts.append(f"last report {age_words(person.age_s)} ago")
    if person.role is not None:
        parts.append("speaks" if person.role is Role.SPEAKER else f"is {person.role}")
    parts.append(usual_words(person))
    if person.grade is not None:
        parts.append(f"{person.grade} grade")
    if person.rmssd_ms is not None:
        parts.append(f"RMSSD {person.rmssd_ms:.0f} ms of {person.hrv_beats} beats")
    if person.battery_pct is not None:
        parts.append(f"battery {person.battery_pct} %")
    if person.last_mark_us is not None:
        parts.append(f"last mark {person.last_mark} {age_words(max(0.0, (at_us - person.last_mark_us) / 1e6))} ago")
    return f"{person.person}: {', '.join(parts)}"


def usual_words(person: PersonState) -> str:
    """The heart rate against the person's own usual, or that it is not shared."""
    if not person.told:
        return NOT_SHARING
    if person.heart_rate_bpm is None:
        return "no heart rate"
    against = "" if person.against is AgainstUsual.UNKNOWN else f", {person.against}"
    above = "" if person.above_usual_bpm is None else f" {round(person.above_usual_bpm):+d}"
    return f"{person.heart_rate_bpm:.0f} bpm{against}{above}"


def show_lines(state: BoardState, name: str) -> Iterator[str]:
    """Everything that may be seen of one person."""
    for number, person in enumerate(state.people, 1):
        if person.person != name:
            continue
        yield f"{number} {person_line(person, state.at_us)}"
        yield f"wearable {person.profile or 'not known'}"
        if person.shares is not None:
            yield f"shares {agreed(person.shares)}"
        if person.hrv_absent_because:
            yield f"no HRV: {person.hrv_absent_because}"
        if person.beats_ms:
            yield f"last beats {' '.join(f'{rr_ms:.0f}' for rr_ms in person.beats_ms)} ms"
        for note in reversed(person.links):
            yield f"{clock_text(note.at_us / 1e6)} link {note.state}{f' ({note.reason})' if note.reason else ''}"


def checks_lines(state: BoardState) -> Iterator[str]:
    """What is looked at before a session begins."""
    for check in checks(state):
        yield f"{check.level}: {check.subject}: {check.words}{f'. {check.fix}' if check.fix else ''}"


def help_lines(keys: tuple[EventKey, ...] = ()) -> Iterator[str]:
    """What can be said, and the plan's words."""
    for command, what in COMMANDS:
        yield f"{command}: {what}"
    if keys:
        yield f"words of the plan: {', '.join(key.label for key in keys)}"
