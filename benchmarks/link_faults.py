"""Whole sessions on an air full of trouble: is every report that was delivered in the log once, under the right person?

Each seed draws a practice session of eight wearables: two of them with one name, which the wearable of a stranger has
too, some without a serial number, every fourth session on two adapters. And it draws their faults: stalls, lost links,
out of range, hang-ups, refusals, silent and mute wearables, one held by a phone, new addresses, duplicates, malformed
reports, battery errors, the adapter off, its service gone. The live source runs on it unchanged, in virtual time.
Beside each other: what the air delivered, and what the log holds. Recovery is counted from the moment at which a
wearable could be had again to its next report in the log.

Ends with 1 if a limit is broken: nothing lost, nothing twice, nothing under another person, recovery in 10 s (median)
and 30 s (95 %), at most 12 attempts a minute and wearable, no task left; memory steady over ten sessions.

    python benchmarks/link_faults.py [seeds, default 100] [minutes, default 120]
"""

from __future__ import annotations

import asyncio
import gc
import os
import random
import statistics
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path

from firmware_profiles.profiles import profile_for_name
from watchlink.clock import VirtualClock
from watchlink.packets import Discarded, DiscardReason, LinkChange, LinkState, Notification, Packet
from watchlink.session import default_plan
from watchlink.sources.ble import BleSource, Wearer, scan
from watchlink.sources.ble.identity import identity_of
from watchlink.sources.virtual.air import VirtualAir
from watchlink.sources.virtual.faults import Fault, FaultKind, namesakes, play, random_faults
from watchlink.sources.virtual.practice import practice
from watchlink.sources.virtual.wearable import Emission, VirtualWearable

_US_PER_S = 1_000_000
_MOST_ATTEMPTS, _MINUTE_US = 12, 60 * _US_PER_S
_MEDIAN_S, _P95_S = 10.0, 30.0
# An interval in which a wearable could be had and that ended sooner than this says nothing about recovery.
_FAIR_S = 60.0
_SESSIONS_FOR_MEMORY = 10
_GROWTH_LIMIT_MIB = 8.0
_WITHOUT_SERIAL = 0.3
_STRANGER = "stranger"


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
    faults = random_faults(chance, [one.serial for one in wearables[:-1]], until_us - _MINUTE_US, adapters=adapters)
    clock = VirtualClock(started_at=datetime(2025, 3, 1, 9, tzinfo=UTC))
    outcome = Outcome(seed=seed, faults=Counter(fault.kind for fault in faults))
    clock.run(_session(outcome, wearables, faults, adapters, until_us, clock))
    return outcome


def _wearables(chance: random.Random, seed: int) -> list[VirtualWearable]:
    people = practice(plan=default_plan(), people=8, seed=seed).people
    wearables = [person.wearable for person in people]
    twins = [one.serial for one in chance.sample(wearables, 2)]
    stranger = replace(wearables[0], serial=_STRANGER, emissions=_heart_of_a_stranger())
    shy = {one.serial for one in wearables if one.serial not in twins and chance.random() < _WITHOUT_SERIAL}
    wearables = [replace(one, serves_serial=one.serial not in shy) for one in wearables]
    return namesakes([*wearables, stranger], [*twins, _STRANGER])


def _heart_of_a_stranger() -> Iterator[Emission]:
    return (Emission(at_us=second * _US_PER_S, payload=b"\x10\xc8\x33\x01") for second in count())


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
            if serial == _STRANGER:
                continue
            _recovery(outcome, air.reachable[serial], [at_us for at_us, _ in notifications], until_us)
            outcome.most_attempts = max(outcome.most_attempts, _most_in_a_minute(attempts[serial]))
    outcome.tasks_left = len(asyncio.all_tasks()) - 1


async def _seats(air: VirtualAir, wearables: Sequence[VirtualWearable], clock: VirtualClock) -> list[Wearer]:
    """Everybody as after pairing: name and address are known, and the proof where there is a serial number."""
    found = await scan(clock=clock, seconds=5, enough=len(wearables), radio=air.radio)
    found.sort(key=lambda heard: heard.device.address)  # the air gives addresses in the order of its wearables
    seats = []
    for wearable, heard in zip(wearables, found, strict=True):
        if wearable.serial == _STRANGER:
            continue
        profile = profile_for_name(heard.name).id
        proof = identity_of(profile=profile, serial_number=wearable.serial.encode())
        seats.append(
            Wearer(
                person=wearable.serial,
                wearable=wearable.serial,
                profile=profile,
                name=heard.name,
                address=heard.device.address,
                identity=proof if wearable.serves_serial else None,
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


def _recovery(outcome: Outcome, reachable: Sequence[tuple[int, int]], logged_us: Sequence[int], until_us: int) -> None:
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


def _memory_mib() -> float:
    """What this process holds in memory now; Linux only."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _growth_mib(minutes: float) -> float:
    """How much memory ten sessions more leave behind, after three that fill what is kept on purpose."""
    held = []
    for seed in range(3 + _SESSIONS_FOR_MEMORY):
        run_session(seed, minutes)
        gc.collect()
        held.append(_memory_mib())
    return held[-1] - held[2]


def _print_table(outcomes: Sequence[Outcome]) -> None:
    print(
        f"{'seed':>5} {'faults':>6} {'delivered':>9} {'lost':>4} {'twice':>5} {'wrong':>5} {'dropped':>7} {'late':>4}"
        f" {'median':>7} {'p95':>7} {'most/min':>8}"
    )
    for one in outcomes:
        median_s, p95_s = _quantiles(one.recovery_s)
        print(
            f"{one.seed:>5} {one.faults.total():>6} {one.delivered:>9} {one.lost:>4} {one.twice:>5} {one.wrong:>5}"
            f" {one.duplicates:>7} {one.late:>4} {median_s:>5.1f} s {p95_s:>5.1f} s {one.most_attempts:>8}"
        )


def _quantiles(seconds: Sequence[float]) -> tuple[float, float]:
    if len(seconds) < 2:
        return (seconds[0], seconds[0]) if seconds else (0.0, 0.0)
    return statistics.median(seconds), statistics.quantiles(seconds, n=20)[18]


def main() -> int:
    """Run, print, judge."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    minutes = float(sys.argv[2]) if len(sys.argv) > 2 else 120.0
    with ProcessPoolExecutor() as pool:
        outcomes = list(pool.map(partial(run_session, minutes=minutes), range(1, seeds + 1)))
        growth_mib = pool.submit(_growth_mib, min(minutes, 10.0)).result() if sys.platform == "linux" else 0.0
    _print_table(outcomes)
    recovery_s = [seconds for one in outcomes for seconds in one.recovery_s]
    median_s, p95_s = _quantiles(recovery_s)
    by_kind = sum((one.faults for one in outcomes), Counter[FaultKind]())
    limits = {
        "reports lost": (sum(one.lost for one in outcomes), 0),
        "reports in the log twice": (sum(one.twice for one in outcomes), 0),
        "reports under the wrong person, or made up": (sum(one.wrong for one in outcomes), 0),
        "recoveries that never came": (sum(one.never for one in outcomes), 0),
        "recovery, median (s)": (round(median_s, 2), _MEDIAN_S),
        "recovery, 95 % (s)": (round(p95_s, 2), _P95_S),
        "most attempts of a wearable in a minute": (max(one.most_attempts for one in outcomes), _MOST_ATTEMPTS),
        "tasks left": (sum(one.tasks_left for one in outcomes), 0),
        "memory grown over ten sessions (MiB)": (round(growth_mib, 1), _GROWTH_LIMIT_MIB),
    }
    print(
        f"\n{seeds} sessions of {minutes:g} min, {sum(by_kind.values())} faults: "
        + ", ".join(f"{count} {kind}" for kind, count in by_kind.most_common())
    )
    print(
        f"{sum(one.delivered for one in outcomes)} reports delivered, {len(recovery_s)} recoveries, "
        f"{sum(one.duplicates for one in outcomes)} duplicates dropped, {sum(one.late for one in outcomes)} late"
    )
    broken = 0
    for what, (value, limit) in limits.items():
        broken += value > limit
        print(f"{'BROKEN' if value > limit else 'ok':>6}  {what}: {value} (at most {limit})")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
