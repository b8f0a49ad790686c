"""Logs cut and laid together: a part of one, several as one, events of another hand beside it. Pure, in one pass."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from watchlink.captures.capture import UNDATED, Capture
from watchlink.errors import CaptureError
from watchlink.packets import (
    AttributeRead,
    Correction,
    Discarded,
    EventKind,
    Extension,
    LinkChange,
    Notification,
    Packet,
    Planned,
    Seat,
    SelfReport,
    SessionEvent,
    Sharing,
)


def laid_beside(packets: Iterable[Packet], events: Iterable[SessionEvent]) -> Iterator[Packet]:
    """A log with events of another hand merged into it by time; both in order of time."""
    return heapq.merge(packets, events, key=lambda packet: packet.at_us)


def part(packets: Iterable[Packet], *, from_us: int | None = None, to_us: int | None = None) -> Iterator[Packet]:
    """What lies from `from_us` to `to_us`, and before it what tells who is who and what the room was doing."""
    for packet in packets:
        if to_us is not None and packet.at_us > to_us:
            continue  # to the end: a fault of the file has to be heard of
        if from_us is None or packet.at_us >= from_us or _sets_the_scene(packet):
            yield packet


def _sets_the_scene(packet: Packet) -> bool:
    if isinstance(packet, SessionEvent):
        return packet.kind not in (EventKind.MARK, EventKind.NOTE)
    return isinstance(packet, Seat | AttributeRead | Correction | Sharing | Planned | Extension)


def together(captures: Sequence[Capture], *, offsets_s: Sequence[float] = ()) -> tuple[datetime, Iterator[Packet]]:
    """Several captures as one log: the UTC of its zero, and the packets of all of them by time.

    Captures lie where their clocks put them; one without a date begins with the first. `offsets_s` says by how much
    the clock of each is moved further. A wearable or person that is called as in an earlier capture gets that capture's
    number behind the name. Where one capture breaks off, the others go on; the fault comes at the end.

    Raises:
        CaptureError: while reading packets, at the end: captures broke off.
    """
    dated = [capture.started_at for capture in captures if capture.started_at != UNDATED]
    zero = min(dated, default=UNDATED)
    faults: list[CaptureError] = []
    taken: dict[str, int] = {}
    logs: list[Iterator[Packet]] = []
    for number, capture in enumerate(captures):
        since = capture.started_at - zero if capture.started_at != UNDATED else timedelta()
        shift_us = since // timedelta(microseconds=1)
        shift_us += round(1e6 * offsets_s[number]) if number < len(offsets_s) else 0
        logs.append(_moved(_unbroken(capture.packets, faults), shift_us, number + 1, taken))

    def merged() -> Iterator[Packet]:
        yield from heapq.merge(*logs, key=lambda packet: packet.at_us)
        if faults:
            raise CaptureError(" ".join(map(str, faults)))

    return zero, merged()


def _unbroken(packets: Iterator[Packet], faults: list[CaptureError]) -> Iterator[Packet]:
    try:
        yield from packets
    except CaptureError as fault:
        faults.append(fault)


def _moved(packets: Iterator[Packet], shift_us: int, number: int, taken: dict[str, int]) -> Iterator[Packet]:
    def own(name: str) -> str:
        return name if taken.setdefault(name, number) == number else f"{name} ({number})"

    for packet in packets:
        moved = replace(packet, at_us=packet.at_us + shift_us)
        match moved:
            case Seat():
                yield replace(moved, person=own(moved.person), wearable=own(moved.wearable))
            case Notification() | Discarded() | AttributeRead() | LinkChange():
                yield replace(moved, wearable=own(moved.wearable))
            case Planned() | Extension():
                yield moved
            case Sharing() | SelfReport():
                yield replace(moved, person=own(moved.person))
            case SessionEvent():
                yield replace(moved, person=None if moved.person is None else own(moved.person))
            case Correction():
                now = moved.now
                if now is not None:
                    person = None if now.person is None else own(now.person)
                    now = replace(now, at_us=now.at_us + shift_us, person=person)
                yield Correction(at_us=moved.at_us, of_us=moved.of_us + shift_us, now=now)
