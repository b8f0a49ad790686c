"""What a session has stored for whom: the receipt at its end. A fold over its log; no body data is in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from watchlink.clock import clock_text
from watchlink.consent import agreed, at_the_end
from watchlink.packets import Correction, EventKind, Notification, Packet, Purpose, Seat, SessionEvent, Sharing
from watchlink.session import corrected


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonStored:
    """What is stored for one person.

    Attributes:
        person: pseudonym.
        reports: of the wearable.
        from_s, until_s: the first and the last; None without any.
        marks: events about this person that stand.
        shares: what others may see at the end; None where nobody was asked.
    """

    person: str
    reports: int
    from_s: float | None
    until_s: float | None
    marks: int
    shares: frozenset[Purpose] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What is stored of a session.

    Attributes:
        packets: of its log.
        until_s: the last of them.
        people: in the order of their numbers.
        blocks: titles and beginnings, in order.
        marks: events that stand, blocks and roles left out.
        corrected: entries that were changed or taken back.
    """

    packets: int
    until_s: float
    people: tuple[PersonStored, ...]
    blocks: tuple[tuple[str, float], ...]
    marks: int
    corrected: int


@dataclass(slots=True)
class _Person:
    reports: int = 0
    times_us: list[int] = field(default_factory=list[int])


def stored(packets: Iterable[Packet]) -> Stored:
    """Count what a log holds."""
    people: dict[str, _Person] = {}
    person_of: dict[str, str] = {}
    events: list[SessionEvent] = []
    corrections: list[Correction] = []
    sharings: list[Sharing] = []
    count = until_us = 0
    for packet in packets:
        count += 1
        until_us = max(until_us, packet.at_us)
        match packet:
            case Sharing():
                sharings.append(packet)
                people.setdefault(packet.person, _Person())
            case Seat():
                person_of[packet.wearable] = packet.person
                people.setdefault(packet.person, _Person())
            case Notification():
                who = people.setdefault(person_of.get(packet.wearable, packet.wearable), _Person())
                who.reports += 1
                who.times_us[1:] = [packet.at_us]
            case SessionEvent():
                events.append(packet)
            case Correction():
                corrections.append(packet)
            case _:
                pass
    standing = corrected(events, corrections)
    marks = [event for event in standing.events if event.kind in (EventKind.MARK, EventKind.NOTE)]
    shared = at_the_end(sharings)
    return Stored(
        packets=count,
        until_s=until_us / 1e6,
        people=tuple(
            PersonStored(
                person=name,
                reports=person.reports,
                from_s=person.times_us[0] / 1e6 if person.times_us else None,
                until_s=person.times_us[-1] / 1e6 if person.times_us else None,
                marks=sum(event.person == name for event in marks),
                shares=shared.get(name, frozenset()) if shared else None,
            )
            for name, person in people.items()
        ),
        blocks=tuple(
            (event.note or event.label, event.happened_us / 1e6)
            for event in standing.events
            if event.kind is EventKind.BLOCK
        ),
        marks=len(marks),
        corrected=standing.corrected,
    )


def receipt_lines(session: int, title: str, held: Stored, *, verified: bool | None) -> Iterator[str]:
    """The receipt in plain lines; `verified` says whether the log was read back as it was taken, None if not tried."""
    tail = {True: ", read back and whole", False: ", which could NOT be read back whole", None: ""}[verified]
    yield f"Session {session}, {title}: {clock_text(held.until_s)}, {_many(held.packets, 'packet')} stored{tail}."
    for person in held.people:
        span = (
            "no report came"
            if person.from_s is None or person.until_s is None
            else f"{_many(person.reports, 'report')} from {clock_text(person.from_s)} to {clock_text(person.until_s)}"
        )
        shares = "" if person.shares is None else f"; others see: {agreed(person.shares)}"
        yield f"{person.person}: {span}, {_many(person.marks, 'mark')}{shares}"
    taken = f", {_many(held.corrected, 'entry', 'entries')} corrected" if held.corrected else ""
    yield f"In all: {_many(len(held.blocks), 'block')}, {_many(held.marks, 'mark')}{taken}."


def _many(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or f'{one}s'}"
