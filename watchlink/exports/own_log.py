"""One person's own of a log: everything of theirs and of the room, nothing of anybody else.

Strategy: what remains is a log like any other, and folding it gives this person what the whole log gives. That somebody
else took the turn to speak ends this person's, so it stays, without saying who it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from watchlink.consent import Gate
from watchlink.packets import (
    AttributeRead,
    Correction,
    Discarded,
    EventKind,
    LinkChange,
    Notification,
    Packet,
    Role,
    Seat,
    SelfReport,
    SessionEvent,
    Sharing,
)


def own_event(event: SessionEvent, person: str) -> SessionEvent | None:
    """What of an event concerns this person; None if nothing does.

    The turn of somebody else becomes the turn of nobody who is named.
    """
    if event.person is None or event.person == person:
        return event
    if event.kind is EventKind.ROLE and event.label == Role.SPEAKER:
        return replace(event, person=None, note="")
    return None


def own_log(packets: Sequence[Packet], person: str) -> Iterator[Packet]:
    """What of a whole log is this person's and the room's, in the order of the log."""
    worn = Gate(own=person)
    last = {packet.of_us: packet for packet in packets if isinstance(packet, Correction)}
    left_out: set[int] = set()
    for packet in packets:
        worn.enter(packet)
        match packet:
            case Seat() | Sharing() | SelfReport():
                if packet.person == person:
                    yield packet
            case Notification() | Discarded() | AttributeRead() | LinkChange():
                if not worn.is_of_another(packet):
                    yield packet
            case SessionEvent():
                own = own_event(packet, person)
                if own is None:
                    left_out.add(packet.at_us)
                    own = _corrected_to(last.get(packet.at_us), person)
                if own is not None:
                    yield own
            case Correction():
                if packet.of_us not in left_out:
                    yield packet if packet.now is None else replace(packet, now=own_event(packet.now, person))
            case _:
                yield packet


def _corrected_to(correction: Correction | None, person: str) -> SessionEvent | None:
    """What was entered of somebody else by mistake, and is this person's now."""
    return None if correction is None or correction.now is None else own_event(correction.now, person)
