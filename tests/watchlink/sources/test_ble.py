"""Scanning and the Bleak source, on the virtual air; and once on this machine's own Bluetooth, if it has none."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest

from firmware_profiles.gatt import BodySensorLocation
from watchlink.clock import Clock, MachineClock, VirtualClock
from watchlink.errors import LinkError, LinkFault
from watchlink.packets import Attribute, AttributeRead, LinkChange, LinkState, Notification, Packet, Seat
from watchlink.sources.ble import BleSource, Radio, Wearer, connected_here, scan
from watchlink.sources.virtual.air import VirtualAir
from watchlink.sources.virtual.wearable import Emission, VirtualWearable

T = TypeVar("T")

SECOND_US = 1_000_000
HEALTHY = [
    LinkState.SEEKING,
    LinkState.CONNECTING,
    LinkState.SUBSCRIBING,
    LinkState.SUBSCRIBED,
    LinkState.STREAMING,
]
NAMES = [f"Wearable {n}" for n in range(8)]
ADDRESS = re.compile(r"(?i)([0-9a-f]{2}[:_-]){5}[0-9a-f]{2}")


def fresh_clock() -> VirtualClock:
    return VirtualClock(started_at=datetime(2025, 3, 1, 9, 0, tzinfo=UTC))


def run(clock: Clock, main: Coroutine[Any, Any, T]) -> T:
    async def and_nothing_left() -> T:
        result = await main
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    return clock.run(and_nothing_left())


def emissions(number: int, *, until_us: int | None = None) -> Iterator[Emission]:
    """One a second, each wearable at its own moment; the bytes say whose they are and which one."""
    for n in count():
        at_us = n * SECOND_US + number * 12_345
        if until_us is not None and at_us >= until_us:
            return
        yield Emission(at_us=at_us, payload=bytes([0x06, 60 + number, n & 0xFF, n >> 8]))


def cohort(names: Sequence[str] = NAMES) -> list[VirtualWearable]:
    return [
        VirtualWearable(
            serial=name,
            name=name,
            manufacturer=f"Maker {number}",
            model=f"Model {number}",
            firmware=f"{number}.0",
            battery_percent=50 + number,
            body_sensor_location=BodySensorLocation.CHEST if number % 2 else None,
            emissions=emissions(number),
        )
        for number, name in enumerate(names)
    ]


async def wearers(clock: Clock, radio: Radio, *, enough: int) -> list[Wearer]:
    found = await scan(clock=clock, seconds=10, enough=enough, radio=radio)
    return [Wearer.of(one, person=f"person {n}", wearable=f"w{n}", profile="generic") for n, one in enumerate(found)]


async def listen(
    clock: Clock, air: VirtualAir, *, size: int, until_us: int, dropping: str | None = None
) -> list[Packet]:
    """Everything that arrives before `until_us`; the link of `dropping` is lost half-way."""
    packets: list[Packet] = []
    async with BleSource(await wearers(clock, air.radio, enough=size), clock=clock, radios=[air.radio]) as source:
        async for packet in source:
            if packet.at_us >= until_us:
                break
            if dropping is not None and packet.at_us >= until_us // 2:
                air.drop(dropping)
                dropping = None
            packets.append(packet)
    return packets


def session(*, until_us: int = 20_500_000, dropping: str | None = None) -> list[Packet]:
    clock = fresh_clock()

    async def main() -> list[Packet]:
        async with VirtualAir(cohort(), clock=clock) as air:
            return await listen(clock, air, size=8, until_us=until_us, dropping=dropping)

    return run(clock, main())


def of(packets: Sequence[Packet], kind: type[T], wearable: str) -> list[T]:
    return [packet for packet in packets if isinstance(packet, kind) and getattr(packet, "wearable", None) == wearable]


def test_scanning_finds_all_by_name_in_order() -> None:
    clock = fresh_clock()
    mixed = NAMES[::2] + NAMES[1::2]

    async def main() -> None:
        async with VirtualAir(cohort(mixed), clock=clock) as air:
            found = await scan(clock=clock, seconds=10, radio=air.radio)
            assert clock.now_us() == 10 * SECOND_US
            assert [one.name for one in found] == NAMES
            assert all(one.rssi_dbm < 0 for one in found)
            assert not ADDRESS.search(repr(found))

    run(clock, main())


def test_scanning_stops_once_enough_are_heard() -> None:
    clock = fresh_clock()

    async def main() -> None:
        async with VirtualAir(cohort(), clock=clock) as air:
            assert len(await scan(clock=clock, seconds=10, enough=8, radio=air.radio)) == 8
            assert clock.now_us() < SECOND_US

    run(clock, main())


def test_scanning_for_a_name_waits_for_another_one_of_that_name() -> None:
    """The first of two would be taken for the only one, and somebody would be given another person's heart."""
    clock = fresh_clock()
    twins = [replace(one, name="Strap") for one in cohort(NAMES[:2])]

    async def main() -> None:
        async with VirtualAir(twins, clock=clock) as air:
            air.leave_range(NAMES[1])
            asyncio.get_running_loop().call_later(1, air.come_back, NAMES[1])
            found = await scan(clock=clock, seconds=10, wanted=["Strap"], radio=air.radio)
            assert [one.name for one in found] == ["Strap", "Strap"]
            assert clock.now_us() < 3 * SECOND_US  # and no longer than it takes

    run(clock, main())


def test_scanning_for_a_name_that_is_not_near_goes_on_to_the_end() -> None:
    clock = fresh_clock()

    async def main() -> None:
        async with VirtualAir(cohort(NAMES[:1]), clock=clock) as air:
            found = await scan(clock=clock, seconds=10, wanted=[*NAMES[:1], "Strap"], radio=air.radio)
            assert [one.name for one in found] == NAMES[:1]
            assert clock.now_us() == 10 * SECOND_US

    run(clock, main())


def test_what_this_computer_is_connected_with_is_told_by_its_name_as_long_as_it_is() -> None:
    clock = fresh_clock()

    async def main() -> None:
        async with VirtualAir(cohort(NAMES[:2]), clock=clock, adapters=2) as air:
            worn = await wearers(clock, air.radio, enough=2)
            assert await connected_here(air.radio) == []
            async with BleSource(worn[1:], clock=clock, radios=[air.radio]):
                await clock.sleep_until_us(10 * SECOND_US)
                held = await connected_here(air.radio)
                assert [(one.name, one.address) for one in held] == [(NAMES[1], worn[1].address)]
                assert not ADDRESS.search(repr(held))
                assert await connected_here(air.radios[1]) == []
            assert await connected_here(air.radio) == []

    run(clock, main())


def test_an_empty_air_is_an_empty_list() -> None:
    clock = fresh_clock()

    async def main() -> None:
        async with VirtualAir([], clock=clock) as air:
            assert await scan(clock=clock, seconds=3, radio=air.radio) == []

    run(clock, main())


def test_seats_come_first() -> None:
    packets = session()
    assert [packet.person for packet in packets[:8] if isinstance(packet, Seat)] == [f"person {n}" for n in range(8)]
    assert not any(isinstance(packet, Seat) for packet in packets[8:])


def test_every_value_after_subscribing_arrives_in_order_with_its_owner() -> None:
    until_us = 20_500_000
    packets = session(until_us=until_us)
    assert [packet.at_us for packet in packets] == sorted(packet.at_us for packet in packets)
    for number in range(8):
        wearable = f"w{number}"
        changes = of(packets, LinkChange, wearable)
        assert [change.state for change in changes] == HEALTHY
        subscribed = changes[HEALTHY.index(LinkState.SUBSCRIBED)]
        arrived = [(packet.at_us, packet.payload) for packet in of(packets, Notification, wearable)]
        assert arrived == [
            (emission.at_us, emission.payload)
            for emission in emissions(number, until_us=until_us)
            if emission.at_us > subscribed.at_us
        ]
        assert len(arrived) >= 17


def test_values_flow_while_others_still_connect() -> None:
    packets = session()
    last_subscribed = max(p.at_us for p in packets if isinstance(p, LinkChange))
    assert any(packet.at_us < last_subscribed for packet in of(packets, Notification, "w0"))


def test_reads_give_the_wearables_bytes_and_what_is_absent_is_left_out() -> None:
    packets = session()
    for number in range(8):
        read = {packet.attribute: packet.payload for packet in of(packets, AttributeRead, f"w{number}")}
        expected = {
            Attribute.BATTERY_LEVEL: bytes([50 + number]),
            Attribute.MANUFACTURER_NAME: f"Maker {number}".encode(),
            Attribute.MODEL_NUMBER: f"Model {number}".encode(),
            Attribute.FIRMWARE_REVISION: f"{number}.0".encode(),
        }
        if number % 2:
            expected[Attribute.BODY_SENSOR_LOCATION] = b"\x01"
        assert read == expected


def test_the_same_run_gives_the_same_packets() -> None:
    assert session() == session()


def test_a_lost_wearable_is_said_comes_back_and_does_not_disturb_the_others() -> None:
    packets = session(dropping="Wearable 3")
    changes = of(packets, LinkChange, "w3")
    lost = next(change for change in changes if change.state is LinkState.LOST)
    assert lost.reason
    assert not ADDRESS.search(lost.reason)
    back = changes[-1]
    assert back.state is LinkState.STREAMING
    assert back.at_us - lost.at_us < 5 * SECOND_US
    arrived = [packet.at_us for packet in of(packets, Notification, "w3")]
    assert not [at_us for at_us in arrived if lost.at_us <= at_us < back.at_us]
    undisturbed = session()
    for number in (0, 1, 2, 4, 5, 6, 7):
        assert of(packets, Notification, f"w{number}") == of(undisturbed, Notification, f"w{number}")


@pytest.mark.parametrize("steps", [*range(16), *range(16, 150, 6)])
def test_a_link_that_is_lost_while_it_comes_about_is_tried_again_and_does_not_hurt_the_others(steps: int) -> None:
    clock = fresh_clock()

    async def main() -> list[Packet]:
        packets: list[Packet] = []
        async with VirtualAir(cohort(NAMES[:3]), clock=clock) as air:
            worn = await wearers(clock, air.radio, enough=3)
            async with BleSource(worn, clock=clock, radios=[air.radio]) as source:
                async for packet in source:
                    packets.append(packet)
                    if packet.at_us > 20 * SECOND_US:
                        break
                    if packet in of(packets, LinkChange, "w1")[1:2]:  # that it connects, for the first time
                        for _ in range(steps):
                            await asyncio.sleep(0)
                        air.drop(NAMES[1])
        return packets

    packets = run(clock, main())
    states = [change.state for change in of(packets, LinkChange, "w1")]
    assert states.count(LinkState.LOST) <= 1
    for wearable in ("w0", "w1", "w2"):
        assert of(packets, LinkChange, wearable)[-1].state is LinkState.STREAMING
        assert len(of(packets, Notification, wearable)) >= 8


def test_a_wearable_that_another_program_holds_comes_when_it_is_free_and_does_not_hurt_the_next() -> None:
    clock = fresh_clock()

    async def main() -> list[Packet]:
        packets: list[Packet] = []
        async with VirtualAir(cohort(NAMES[:3]), clock=clock) as air:
            trio = await wearers(clock, air.radio, enough=3)
            other = await BleSource(trio[:1], clock=clock, radios=[air.radio]).__aenter__()
            await clock.sleep_until_us(5 * SECOND_US)
            async with BleSource(trio, clock=clock, radios=[air.radio]) as source:
                await clock.sleep_until_us(30 * SECOND_US)
                await other.__aexit__(None, None, None)
                held = [packet async for packet in other]
                async for packet in source:
                    packets.append(packet)
                    if packet.at_us > 60 * SECOND_US:
                        break
        assert len(of(held, Notification, "w0")) > 20  # and whoever holds it was not disturbed either
        return packets

    packets = run(clock, main())
    changes = of(packets, LinkChange, "w0")
    assert changes[0].state is LinkState.SEEKING
    assert 30 * SECOND_US < changes[-1].at_us < 40 * SECOND_US
    for wearable in ("w0", "w1", "w2"):
        assert of(packets, LinkChange, wearable)[-1].state is LinkState.STREAMING
        assert of(packets, Notification, wearable)


def test_what_is_given_up_by_hand_is_left_alone_until_it_is_taken_up() -> None:
    clock = fresh_clock()

    async def main() -> list[Packet]:
        async with VirtualAir(cohort(NAMES[:2]), clock=clock) as air:
            worn = await wearers(clock, air.radio, enough=2)
            async with BleSource(worn, clock=clock, radios=[air.radio]) as source:
                await clock.sleep_until_us(10 * SECOND_US)
                source.give_up("person 0")
                source.give_up("person 0")
                await clock.sleep_until_us(40 * SECOND_US)
                found = await scan(clock=clock, seconds=2, enough=1, radio=air.radio)
                assert [one.name for one in found] == [NAMES[0]]  # it is free again
                source.take_up("person 0")
                source.take_up("person 1")
                await clock.sleep_until_us(60 * SECOND_US)
            return [packet async for packet in source]

    packets = run(clock, main())
    changes = of(packets, LinkChange, "w0")
    given_up = [change for change in changes if change.state is LinkState.GIVEN_UP]
    assert [change.at_us for change in given_up] == [10 * SECOND_US]
    after = changes[changes.index(given_up[0]) + 1 :]
    assert after[0].at_us > 40 * SECOND_US
    assert after[-1].state is LinkState.STREAMING
    assert not [n for n in of(packets, Notification, "w0") if 10 * SECOND_US < n.at_us < 40 * SECOND_US]
    assert [change.state for change in of(packets, LinkChange, "w1")] == HEALTHY


def test_leaving_is_no_loss() -> None:
    clock = fresh_clock()

    async def main() -> list[Packet]:
        async with VirtualAir(cohort(NAMES[:2]), clock=clock) as air:
            worn = await wearers(clock, air.radio, enough=2)
            async with BleSource(worn, clock=clock, radios=[air.radio]) as source:
                await clock.sleep_until_us(5 * SECOND_US)
            return [packet async for packet in source]

    packets = run(clock, main())
    assert of(packets, Notification, "w1")
    assert not [packet for packet in packets if isinstance(packet, LinkChange) and packet.state is LinkState.LOST]


def test_nobody_wears_anything() -> None:
    clock = fresh_clock()

    async def main() -> list[Packet]:
        async with VirtualAir([], clock=clock) as air, BleSource([], clock=clock, radios=[air.radio]) as source:
            return [packet async for packet in source]

    assert run(clock, main()) == []


@pytest.mark.parametrize("at_us", [0, 250_000, 500_000, 750_000, 1_000_000, 5_000_000])
@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144])
def test_cancelling_at_any_moment_leaves_nothing_behind(at_us: int, steps: int) -> None:
    clock = fresh_clock()

    async def main() -> None:
        async with VirtualAir(cohort(NAMES[:3]), clock=clock) as air:
            listening = asyncio.create_task(listen(clock, air, size=3, until_us=60 * SECOND_US))
            await clock.sleep_until_us(at_us)
            for _ in range(steps):
                await asyncio.sleep(0)
            listening.cancel()
            await asyncio.wait({listening})
            assert listening.cancelled()
            found = await scan(clock=clock, seconds=10, enough=3, radio=air.radio)
            assert [one.name for one in found] == NAMES[:3]

    run(clock, main())


def has_bluetooth() -> bool:
    return sys.platform != "linux" or any(Path("/sys/class/bluetooth").glob("*"))


@pytest.mark.skipif(has_bluetooth(), reason="this machine may have Bluetooth; scanning would reach real wearables")
def test_a_machine_without_bluetooth_says_so_in_words() -> None:
    clock = MachineClock()
    with pytest.raises(LinkError) as error:
        run(clock, scan(clock=clock, seconds=1))
    assert error.value.fault in (LinkFault.NO_ADAPTER, LinkFault.NO_SERVICE, LinkFault.NO_PERMISSION)
    assert "Bluetooth" in str(error.value)
    assert "`" in str(error.value)  # a command to try
