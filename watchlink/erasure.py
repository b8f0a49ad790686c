"""What of a session's log is one person's, and what is left of it for the others when that is taken out.

Strategy: a pure function over one log, read twice: who wore what is known before anything is taken out, so that what a
wearable said before its first seat goes with who sat down with it. What is left is the same packets in the same order.
Only where the meaning of others' entries hangs on one of theirs does a shell stay, without name and words: that
somebody began to speak (or the speaker before would seem to speak on), and an entry that was corrected to another.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from watchlink.errors import SessionFileError
from watchlink.packets import (
    AttributeRead,
    Correction,
    Discarded,
    EventKind,
    LinkChange,
    Notification,
    Packet,
    Planned,
    Role,
    Seat,
    SelfReport,
    SessionEvent,
    Sharing,
    kind_of,
)
from watchlink.session import parse_plan

DELETED: Final = "(deleted)"
"""What stands where a person's pseudonym stood in the words of others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remainder:
    """A log without one person.

    Attributes:
        left: for each packet of the log, in its order: what stands in its place, None where nothing does. What was not
            touched is the same object.
        gone: how many packets went, by their sort (`packets.kind_of`).
        redacted: packets of others in whose words the pseudonym stood.
        octets: of the reports that went, as they stood in the archive.
        empty: whether nothing of anybody is left.
    """

    left: tuple[Packet | None, ...]
    gone: Counter[str]
    redacted: int
    octets: frozenset[bytes]
    empty: bool

    @property
    def touched(self) -> bool:
        """Whether anything is another than before."""
        return bool(self.gone or self.redacted)


class Wearing:
    """Who wears what, over a whole log.

    A wearable that nobody wears at the moment is of who wore it last, else of who wears it first, else it has its own
    name: what it sends while it is being put on or taken off is of the same person.
    """

    def __init__(self, log: Sequence[Packet]) -> None:
        """Before the first packet."""
        self._person_of: dict[str, str] = {}
        for packet in log:
            if isinstance(packet, Seat):
                self._person_of.setdefault(packet.wearable, packet.person)

    def enter(self, packet: Packet) -> None:
        """Take the next packet."""
        if isinstance(packet, Seat):
            self._person_of[packet.wearable] = packet.person

    def person(self, packet: Packet) -> str | None:
        """Whom a packet is about; None for what is everybody's or nobody's."""
        match packet:
            case Notification() | Discarded() | AttributeRead() | LinkChange():
                return self._person_of.get(packet.wearable, packet.wearable)
            case Seat() | SelfReport() | Sharing() | SessionEvent():
                return packet.person
            case Correction():
                return None if packet.now is None else packet.now.person
            case _:
                return None


def without(log: Sequence[Packet], person: str) -> Remainder:
    """What is left of a log without a person, however the pseudonym is capitalised.

    Args:
        log: of one session, whole.
        person: pseudonym.
    """
    theirs = _is(person)
    redact = redaction(person)
    wearing = Wearing(log)
    entries = _entries(log, theirs)
    left: list[Packet | None] = []
    gone: Counter[str] = Counter()
    redacted = 0
    octets: set[bytes] = set()
    for packet in log:
        wearing.enter(packet)
        stays: Packet | None
        if isinstance(packet, Correction):
            stays = _correction(packet, theirs, entries)
        elif not theirs(wearing.person(packet)):
            stays = packet
        elif isinstance(packet, SessionEvent) and (_begins_a_turn(packet) or packet.at_us in entries.handed_on):
            stays = _shell(packet)
        else:
            stays = None
        if stays is not packet:
            gone[kind_of(packet)] += 1
            octets |= _octets(packet)
        if stays is not None:
            clean = _redacted(stays, redact)
            redacted += stays is packet and clean != packet
            stays = packet if clean == packet else clean
        left.append(stays)
    if gone["sharing"] and not any(isinstance(packet, Sharing) for packet in left):
        left[_last_sharing(log)] = _nobody_shares(log)
    people = {wearing.person(packet) for packet in left if packet is not None} - {None, DELETED}
    return Remainder(
        left=tuple(left), gone=gone, redacted=redacted, octets=frozenset(octets), empty=bool(gone) and not people
    )


def redaction(person: str) -> Callable[[str], str]:
    """A function that puts "(deleted)" in the place of a pseudonym wherever it stands as a word of its own.

    However it is capitalised, and in whichever way its accents are composed.
    """
    spellings = {unicodedata.normalize(form, person) for form in ("NFC", "NFD")} | {person}
    words = "|".join(r"\s+".join(map(re.escape, spelling.split())) for spelling in sorted(spellings))
    pattern = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)
    return lambda text: pattern.sub(DELETED, text)


def _is(person: str) -> Callable[[str | None], bool]:
    folded = person.casefold()
    return lambda other: other is not None and other.casefold() == folded


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entries:
    """Instants of entries: those of which something stays, those that go, and those that were corrected to others."""

    staying: frozenset[int]
    going: frozenset[int]
    handed_on: frozenset[int]


def _entries(log: Sequence[Packet], theirs: Callable[[str | None], bool]) -> _Entries:
    events = [packet for packet in log if isinstance(packet, SessionEvent)]
    handed_on = {
        packet.of_us
        for packet in log
        if isinstance(packet, Correction)
        and packet.now is not None
        and (not theirs(packet.now.person) or _begins_a_turn(packet.now))
    }
    staying = handed_on | {event.at_us for event in events if not theirs(event.person) or _begins_a_turn(event)}
    return _Entries(
        staying=frozenset(staying),
        going=frozenset(event.at_us for event in events if theirs(event.person)) - staying,
        handed_on=frozenset(handed_on),
    )


def _begins_a_turn(event: SessionEvent) -> bool:
    return event.kind is EventKind.ROLE and event.label == Role.SPEAKER


def _shell(event: SessionEvent) -> SessionEvent:
    return replace(event, person=None, note="")


def _correction(packet: Correction, theirs: Callable[[str | None], bool], entries: _Entries) -> Correction | None:
    if packet.now is None:
        return None if packet.of_us in entries.going else packet
    if not theirs(packet.now.person):
        return packet
    if packet.of_us not in entries.staying:
        return None
    return replace(packet, now=_shell(packet.now) if _begins_a_turn(packet.now) else None)


def _octets(packet: Packet) -> set[bytes]:
    match packet:
        case Notification():
            return {packet.payload}
        case Discarded():
            return {packet.payload.hex().encode()}
        case _:
            return set()


def _last_sharing(log: Sequence[Packet]) -> int:
    return max(index for index, packet in enumerate(log) if isinstance(packet, Sharing))


def _nobody_shares(log: Sequence[Packet]) -> Sharing:
    """A log in which nobody was asked passes whole: the others of this one said no yes that could make it so."""
    asked = log[_last_sharing(log)]
    assert isinstance(asked, Sharing)
    return Sharing(at_us=asked.at_us, person=DELETED, purposes=frozenset(), wording=asked.wording)


def _redacted(packet: Packet, redact: Callable[[str], str]) -> Packet:
    match packet:
        case SessionEvent():
            return _clean_event(packet, redact)
        case Correction(now=SessionEvent() as now):
            return replace(packet, now=_clean_event(now, redact))
        case SelfReport():
            return replace(packet, answer=redact(packet.answer))
        case LinkChange():
            return replace(packet, reason=redact(packet.reason))
        case Planned():
            return replace(packet, text=_clean_plan(packet.text, redact))
        case _:
            return packet


def _clean_event(event: SessionEvent, redact: Callable[[str], str]) -> SessionEvent:
    # What a block or a role is called is the programme's; so is a mark's word that is no more than the pseudonym.
    label = event.label
    if event.kind is EventKind.MARK and redact(label) != DELETED:
        label = redact(label)
    return replace(event, note=redact(event.note), label=label)


def _clean_plan(text: str, redact: Callable[[str], str]) -> str:
    """Word by word: one without which the plan cannot be read (`kind = "break"`) is the plan's and nobody's name."""
    clean = redact(text)
    if clean == text or not _can_be_read(text) or _can_be_read(clean):
        return clean
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        lines[number] = redact(line)
        if not _can_be_read("".join(lines)):
            lines[number] = line
    return "".join(lines)


def _can_be_read(text: str) -> bool:
    try:
        parse_plan(text, file="")
    except SessionFileError:
        return False
    return True
