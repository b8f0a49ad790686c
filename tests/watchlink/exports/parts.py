"""Parts of recordings to export: made up, of a published recording, and of people with unfriendly names."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import takewhile
from pathlib import Path

from firmware_profiles.heart_rate_service import HeartRateMeasurement, encode
from watchlink.captures import open_capture
from watchlink.consent import Gate
from watchlink.exports.part import Part, part_of, people_in
from watchlink.packets import EventKind, Notification, Packet, Seat, SessionEvent
from watchlink.session import Block, Plan
from watchlink.sources.virtual.practice import practice
from watchlink.sources.virtual.wearable import Emission

STARTED_AT = datetime(2026, 3, 1, 18, 0, 0, 250_000, tzinfo=UTC)
PLAN = Plan(
    title="short",
    blocks=(
        Block(kind="baseline", title="Silent baseline", minutes=4),
        Block(kind="role-play", title="Role-play", minutes=4),
        Block(kind="recovery", title="Silence", minutes=2),
    ),
)
HOSTILE_ALIAS = '../../x=cmd"\u202ea\N{LATIN SMALL LETTER A WITH DIAERESIS}'
HOSTILE_WORDS = "=cmd|'/c calc'!A1 <b>\u202eabc</b>\ttab\nnew line\x14\x00 \u2028 \N{SNOWMAN}"


def session_log(*, people: int = 4, seed: int = 1, aliases: Sequence[str] = ()) -> list[Packet]:
    """A practice session as a log, made without any air; with a mark on each person, and a late one on the room."""
    made = practice(plan=PLAN, people=people, seed=seed, **({"aliases": aliases} if aliases else {}))

    def reports(wearable: str, emissions: Iterable[Emission]) -> Iterable[Packet]:
        for emission in takewhile(lambda emission: emission.at_us <= PLAN.duration_us, emissions):
            yield Notification(at_us=emission.at_us, wearable=wearable, payload=emission.payload)

    seats: list[Packet] = []
    marks: list[Packet] = []
    streams: list[Iterable[Packet]] = [made.events]
    for number, person in enumerate(made.people, 1):
        seats.append(Seat(at_us=0, person=person.person, wearable=f"w{number}", profile=person.profile.id))
        at_us = 100_000_000 + number
        label = "interruption"
        marks.append(SessionEvent(at_us=at_us, kind=EventKind.MARK, label=label, person=person.person, note="twice"))
        streams.append(reports(f"w{number}", person.wearable.emissions))
    late = SessionEvent(at_us=300_000_000, kind=EventKind.MARK, label="door", note="late", ago_us=12_000_000)
    streams += [marks, [late]]
    return [*seats, *heapq.merge(*streams, key=lambda packet: packet.at_us)]


def beats_log(
    rr_ms: Sequence[float],
    *,
    person: str = "Heron",
    words: str = "",
    words_per_s: int = 1024,
    profile: str = "polar-h10",
) -> list[Packet]:
    """A log of one strap that reports each beat as it ends, with `words` as the note of a mark at 1 s."""
    packets: list[Packet] = [Seat(at_us=0, person=person, wearable="w1", profile=profile)]
    if words:
        packets.append(SessionEvent(at_us=1_000_000, kind=EventKind.MARK, label=words, person=person, note=words))
    at_ms = 0.0
    for one_ms in rr_ms:
        at_ms += one_ms
        report = HeartRateMeasurement.of(
            heart_rate_bpm=round(60_000 / one_ms), rr_ticks=(round(one_ms * words_per_s / 1000),)
        )
        packets.append(Notification(at_us=round(at_ms * 1000), wearable="w1", payload=encode(report)))
    return sorted(packets, key=lambda packet: packet.at_us)


def rate_log(*, seconds: int = 60, person: str = "Wren") -> list[Packet]:
    """A log of a watch that sends no intervals."""
    payload = encode(HeartRateMeasurement.of(heart_rate_bpm=70))
    reports = [Notification(at_us=at * 1_000_000, wearable="w1", payload=payload) for at in range(1, seconds)]
    return [Seat(at_us=0, person=person, wearable="w1", profile="generic"), *reports]


def whole(packets: Sequence[Packet], person: str | None = None, *, started_at: datetime = STARTED_AT) -> Part:
    """The part of a person (the first one met) where nobody was asked."""
    return part_of(packets, person=person or people_in(packets)[0], started_at=started_at, gate=Gate())


@cache
def virtual() -> Part:
    """The first person's part of a made-up session."""
    return whole(session_log())


@cache
def _read(path: Path) -> Part:
    with open_capture(path) as capture:
        packets, started_at = list(capture.packets), capture.started_at
    return whole(packets, started_at=started_at)


def p37(shared_data: Path) -> Part:
    """What an optical armband sent in 48 minutes, with 126 gaps; without a date."""
    return _read(shared_data / "rr" / "wearable_hrv_p37" / "rhythm_rr.csv")


def steady(beats: int) -> list[float]:
    """Intervals of a heart that breathes: 4 s a breath."""
    return [820.0 + 30.0 * ((at % 10) - 4.5) / 4.5 for at in range(beats)]
