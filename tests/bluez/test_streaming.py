"""Eight wearables over BlueZ: found, connected, and every report sent arrives once, in order, octet for octet."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from watchlink.clock import MachineClock, VirtualClock
from watchlink.fold import SessionFold
from watchlink.packets import Attribute, AttributeRead, Discarded, LinkChange, LinkState, Notification, Packet, Seat
from watchlink.readings import Measured
from watchlink.sources.ble import BleSource, Wearer, scan
from watchlink.sources.virtual.air import VirtualAir

from .cohort import INTERVAL_US, Cohort, Listener, listening, seated
from .conftest import Machine
from .radio import RealStack, real_stack

PEOPLE = 8
SEED = 2
REPORTS = 100
WITHIN_S = 60.0


def test_every_report_arrives_once_and_is_read_as_in_process(machine: Machine) -> None:
    listener, sent, seats = machine.run(_over_bluez(machine))
    in_process = VirtualClock(started_at=datetime(2025, 3, 1, 9, 0, tzinfo=UTC))
    expected = in_process.run(_in_process(in_process))
    intervals = 0
    for seat in seats:
        over_bluez = listener.payloads(seat.wearable)
        through_bumble = [one.payload for one in _arrivals(seat, expected)]
        common = min(len(over_bluez), len(through_bumble))
        assert over_bluez[-common:] == through_bumble[-common:] == sent[seat.name][-common:]
        ticks = _rr_ticks(seat, listener.packets, common)
        assert ticks == _rr_ticks(seat, expected, common)
        intervals += sum(map(len, ticks))
    assert intervals > PEOPLE * REPORTS // 4
    machine.journal.note("same readings as over the air in this process", f"{intervals} intervals")


async def _over_bluez(machine: Machine) -> tuple[Listener, dict[str, list[bytes]], Sequence[Wearer]]:
    clock, journal = MachineClock(), machine.journal
    cohort = Cohort(people=PEOPLE, seed=SEED, since_us=2_000_000, reports=REPORTS)
    with journal.step("adapter attached and powered"):
        stack = real_stack(machine.guest, cohort.wearables, clock=clock)
        real = await stack.__aenter__()
    try:
        with journal.step("scan") as result:
            seats = await seated(cohort, clock=clock)
            result.append(f"found {len(seats)}")
        async with listening(seats, clock=clock) as listener:
            with journal.step("all connected and streaming at once") as result:
                await listener.everyone_sends(seats, at_least=1, limit_s=WITHIN_S)
                result.append(f"{len(_lost(listener.packets))} lost links")
            with journal.step("until the last report was sent"):
                await cohort.sent_all.wait()
            with journal.step("all that was sent has arrived"):
                for seat in seats:
                    on_air = _delivered(real, cohort, seat)
                    await listener.everyone_sends([seat], at_least=len(on_air), limit_s=WITHIN_S)
        for seat in seats:
            on_air = _delivered(real, cohort, seat)
            arrived = listener.payloads(seat.wearable)
            journal.note(f"  {seat.name}", f"sent {len(on_air)} while subscribed, arrived {len(arrived)}")
            assert arrived == on_air
            if not any(change.wearable == seat.wearable for change in _lost(listener.packets)):
                assert arrived == cohort.payloads[seat.name][-len(arrived) :]
            _check_attributes(seat, cohort, listener.packets)
    finally:
        with journal.step("adapter pulled out"):
            await stack.__aexit__(None, None, None)
    return listener, cohort.payloads, seats


async def _in_process(clock: VirtualClock) -> list[Packet]:
    """The same seeds through Bumble's host alone."""
    cohort = Cohort(people=PEOPLE, seed=SEED, since_us=2_000_000, reports=REPORTS)
    packets: list[Packet] = []
    async with VirtualAir(cohort.wearables, clock=clock) as air:
        found = {one.name: one for one in await scan(clock=clock, seconds=5, enough=PEOPLE, radio=air.radio)}
        seats = [
            Wearer.of(found[name], person=f"person {seat}", wearable=f"w{seat}", profile="generic")
            for seat, name in enumerate(cohort.payloads, 1)
        ]
        async with BleSource(seats, clock=clock, radios=[air.radio]) as source:

            async def listen() -> None:
                packets.extend([packet async for packet in source])

            listening = asyncio.create_task(listen())
            await cohort.sent_all.wait()
            await clock.sleep_until_us(clock.now_us() + 1_000_000)
        await listening
    return packets


def _delivered(real: RealStack, cohort: Cohort, seat: Wearer) -> list[bytes]:
    return [delivery.payload for delivery in real.air.delivered[cohort.serials[seat.name]]]


def _arrivals(seat: Wearer, packets: Sequence[Packet]) -> list[Notification | Discarded]:
    """What came from one wearable, also what the duplicate guard has set aside."""
    return [one for one in packets if isinstance(one, Notification | Discarded) and one.wearable == seat.wearable]


def _lost(packets: Sequence[Packet]) -> list[LinkChange]:
    return [packet for packet in packets if isinstance(packet, LinkChange) and packet.state is LinkState.LOST]


def _check_attributes(seat: Wearer, cohort: Cohort, packets: Sequence[Packet]) -> None:
    """What is read beside the heart rate comes through the real stack as the wearable serves it."""
    worn = next(one for one in cohort.wearables if one.name == seat.name)
    read = {
        one.attribute: one.payload
        for one in packets
        if isinstance(one, AttributeRead) and one.wearable == seat.wearable
    }
    assert read[Attribute.BATTERY_LEVEL] == bytes([worn.battery_percent])
    assert read[Attribute.MANUFACTURER_NAME] == worn.manufacturer.encode()
    assert read[Attribute.MODEL_NUMBER] == worn.model.encode()


def _rr_ticks(seat: Wearer, packets: Sequence[Packet], last: int) -> list[tuple[int, ...]]:
    """RR intervals of the readings folded from the last notifications of one wearable, at the hearts' own pace."""
    fold = SessionFold()
    fold.push(Seat(at_us=0, person=seat.person, wearable=seat.wearable, profile=seat.profile))
    readings = [
        reading
        for one in _arrivals(seat, packets)[-last:]
        for reading in fold.push(
            Notification(at_us=one.at_us * (1_000_000 // INTERVAL_US), wearable=one.wearable, payload=one.payload)
        )
    ]
    return [reading.rr_ticks for reading in readings if isinstance(reading, Measured)]
