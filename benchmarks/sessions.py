"""Sessions for benchmarks: the demo's packets without the air between, with the truth that goes with them."""

from __future__ import annotations

from itertools import takewhile
from typing import Any
from unittest.mock import patch

from watchlink.packets import Notification, Packet, Seat
from watchlink.session import default_plan
from watchlink.sources.virtual import practice as practice_room
from watchlink.sources.virtual.heart import Heart
from watchlink.sources.virtual.practice import Practice, practice


def demo_hearts(seed: int, *, people: int = 8) -> list[Heart]:
    """The hearts of that demo, in the order of its people: made once more, and looked at as they are made."""
    made: list[Heart] = []

    def heart(**described: Any) -> Heart:
        made.append(Heart(**described))
        return made[-1]

    with patch.object(practice_room, "Heart", heart):
        practice(plan=default_plan(), people=people, seed=seed)
    return made


def demo_packets(seed: int, *, people: int = 8) -> tuple[Practice, list[Packet]]:
    """The demo of a seed: who took part (with their truth), and its log in order of time."""
    plan = default_plan()
    session = practice(plan=plan, people=people, seed=seed)
    packets: list[Packet] = [*session.events]
    for number, person in enumerate(session.people, 1):
        wearable = f"w{number}"
        packets.append(Seat(at_us=0, person=person.person, wearable=wearable, profile=person.profile.id))
        packets += [
            Notification(at_us=emission.at_us, wearable=wearable, payload=emission.payload)
            for emission in takewhile(lambda e: e.at_us < plan.duration_us, person.wearable.emissions)
        ]
    packets.sort(key=lambda packet: packet.at_us)
    return session, packets
