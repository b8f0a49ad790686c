"""Whole sessions on an air full of trouble: is every report that was delivered in the log once, under the right person?

Each seed draws a practice session of eight wearables (two of them with one name, some without a serial number, every
fourth session on two adapters) and its faults: stalls, lost links, out of range, hang-ups, refusals, silent and mute
wearables, one held by a phone, new addresses, duplicates, malformed reports, battery errors, the adapter off, its
service gone. The live source runs on it unchanged, in virtual time. Beside each other: what the air delivered, and what
the log holds. Recovery is counted from the moment at which a wearable could be had again to its next report in the log.

Ends with 1 if a limit is broken: nothing lost, nothing twice, nothing under another person, recovery within 10 s (median)
and 30 s (95 %), at most 12 attempts a minute and wearable, no task left; memory steady over ten sessions.

    python benchmarks/link_faults.py [seeds, default 100] [minutes, default 120]
"""

from __future__ import annotations

import asyncio
import gc
import random
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from firmware_profiles.profiles import profile_for_name
from watchlink.clock import VirtualClock
from watchlink.packets import Discarded, DiscardReason, LinkChange, LinkState, Notification, Packet
from watchlink.session import default_plan
from watchlink.sources.ble import BleSource, Wearer
from watchlink.sources.virtual.air import VirtualAir, VirtualWearable
from watchlink.sources.virtual.faults import Fault, FaultKind, namesakes, play, random_faults
from watchlink.sources.virtual.practice import practice

_US_PER_S = 1_000_000
_MOST_ATTEMPTS, _MINUTE_US = 12, 60 * _US_PER_S
_MEDIAN_S, _P95_S = 10.0, 30.0
# An interval in which a wearable could be had and that ended sooner than this says nothing about recovery.
_FAIR_S = 60.0
_SESSIONS_FOR_MEMORY = 10
_GROWTH_LIMIT_MIB = 8.0
_WITHOUT_SERIAL = 0.3


@dataclass(slots=True, kw_only=True)
class Outcome:
    """One session."""

    seed: int
    faults: Counter[FaultKind]
    delivered: int = 0
    lost: int = 0
    twice: int = 0
    wrong: int = 0
    duplicates: int = 0
    late: int = 0
    most_attempts: int = 0
    tasks_left: int = 0
    recovery_s: list[float] = field(default_factory=list)
    never: int = 0


def run_session(seed: int, minutes: float) -> Outcome:
    """Run one session and compare."""
    chance = random.Random(seed)
    until_us = round(minutes * _MINUTE_US)
    wearables = _wearables(chance, seed)
    adapters = 2 if seed % 4 == 0 else 1
    faults = random_faults(chance, [one.serial for one in wearables], until_us - _MINUTE_US, adapters=adapters)
    clock = VirtualClock(started_at=datetime(2025, 3, 1, 9, tzinfo=UTC))
    outcome = Outcome(seed=seed, faults=Counter(fault.kind for fault in faults))
    clock.run(_session(outcome, wearables, faults, adapters, until_us, clock))
    return outcome


def _wearables(chance: random.Random, seed: int) -> list[VirtualWearable]:
    people = practice(plan=default_plan(), people=8, seed=seed).people
    wearables = [person.wearable for person in people]
    twins = [one.serial for one in chance.sample(wearables, 2)]
    for wearable in wearables:
        if wearable.serial not in twins and chance.random() < _WITHOUT_SERIAL:
            object.__setattr__(wearable, "serves_serial", False)
    return namesakes(wearables, twins)


async def _session(
    outcome: Outcome,
    wearables: Sequence[VirtualWearable],
    faults: Sequence[Fault],
    adapters: int,
    until_us: int,
    clock: VirtualClock,
) -> None:
    log: dict[str, list[tuple[int, bytes]]] = {one.serial: [] for one in wearables}
    attempts: dict[str, list[int]] = {one.serial: [] for one in wearables}
    async with VirtualAir(wearables, clock=clock, adapters=adapters) as air:
        wearers = await _seats(air, wearables, clock)
        playing = asyncio.create_task(play(faults, air, clock))
        async with BleSource(wearers, clock=clock, radios=air.radios, chance=random.Random(outcome.seed)) as source:
            async for packet in source:
                if packet.at_us >= until_us:
                    break
                _note(outcome, packet, log, attempts)
        await playing
        for serial, notifications in log.items():
            sent = [(one.at_us, one.payload) for one in air.delivered[serial] if one.at_us < until_us]
            _compare(outcome, sent, notifications)
            _recovery(outcome, air.reachable[serial], [at_us for at_us, _ in notifications], until_us)
            outcome.most_attempts = max(outcome.most_attempts, _most_in_a_minute(attempts[serial]))
    outcome.tasks_left = len(asyncio.all_tasks()) - 1


async def _seats(air: VirtualAir, wearables: Sequence[VirtualWearable], clock: VirtualClock) -> list[Wearer]:
    """Everybody paired beforehand: the name is known, the address and (where there is one) the proof are."""
    seats = []
    for wearable in wearables:
        address, identity = await _paired(air, wearable, clock)
        profile = profile_for_name(wearable.name).id
        seats.append(
            Wearer(
                person=wearable.serial,
                wearable=wearable.serial,
                profile=profile,
                name=wearable.name,
                address=address,
                identity=identity,
            )
        )
    return seats


def _note(
    outcome: Outcome, packet: Packet, log: dict[str, list[tuple[int, bytes]]], attempts: dict[str, list[int]]
) -> None:
    match packet:
        case Notification():
            log[packet.wearable].append((packet.at_us, packet.payload))
        case Discarded(reason=DiscardReason.DUPLICATE):
            outcome.duplicates += 1
        case Discarded():
            outcome.late += 1
        case LinkChange(state=LinkState.CONNECTING):
            attempts[packet.wearable].append(packet.at_us)
        case _:
            pass


def _compare(outcome: Outcome, sent: Sequence[tuple[int, bytes]], logged: Sequence[tuple[int, bytes]]) -> None:
    of_air, of_log = Counter(sent), Counter(logged)
    outcome.delivered += len(sent)
    outcome.lost += (of_air - of_log).total()
    twice = sum(count - 1 for count in of_log.values() if count > 1)
    outcome.twice += twice
    outcome.wrong += len(set(of_log) - set(of_air))


def _recovery(
    outcome: Outcome, reachable: Sequence[tuple[int, int]], logged_us: Sequence[int], until_us: int
) -> None:
    for from_us, to_us in reachable[1:]:
        if from_us >= until_us:
            continue
        first_us = next((at_us for at_us in logged_us if at_us > from_us), None)
        if first_us is not None and first_us <= min(to_us, until_us):
            outcome.recovery_s.append((first_us - from_us) / _US_PER_S)
        elif min(to_us, until_us) - from_us >= _FAIR_S * _US_PER_S:
            outcome.never += 1


def _most_in_a_minute(attempts_us: Sequence[int]) -> int:
    return max((sum(at <= other < at + _MINUTE_US for other in attempts_us) for at in attempts_us), default=0)
