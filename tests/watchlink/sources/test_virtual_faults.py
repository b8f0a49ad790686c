"""Every trouble of the virtual air through plain Bleak, and that what the air says of it is what happened."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
from collections.abc import Callable, Coroutine, Iterable, Iterator
from datetime import UTC, datetime
from itertools import count, pairwise
from typing import Any, TypeVar

import pytest
from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)

from firmware_profiles import gatt
from watchlink.clock import Clock, VirtualClock
from watchlink.sources.ble import Radio
from watchlink.sources.virtual.air import VirtualAir
from watchlink.sources.virtual.faults import (
    ADAPTER_KINDS,
    MOMENTARY_KINDS,
    Fault,
    FaultKind,
    namesakes,
    play,
    random_faults,
)
from watchlink.sources.virtual.peripheral import Battery, Delivery
from watchlink.sources.virtual.wearable import Emission, VirtualWearable

T = TypeVar("T")

HEART_RATE = gatt.uuid_of(gatt.HEART_RATE_SERVICE)
MEASUREMENT = gatt.uuid_of(gatt.HEART_RATE_MEASUREMENT)
BATTERY = gatt.uuid_of(gatt.BATTERY_LEVEL)
SERIAL = gatt.uuid_of(0x2A25)
SECOND_US = 1_000_000


def fresh_clock() -> VirtualClock:
    return VirtualClock(started_at=datetime(2025, 3, 1, 9, 0, tzinfo=UTC))


def run(clock: Clock, main: Coroutine[Any, Any, T]) -> T:
    async def and_nothing_left() -> T:
        result = await main
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert not [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
        return result

    return clock.run(and_nothing_left())


def every_second(first_us: int = 0) -> Iterator[Emission]:
    """Endless: 0x06 (contact), then a number that tells each from the next."""
    return (Emission(at_us=first_us + n * SECOND_US, payload=bytes([0x06, n % 256])) for n in count())


def wearable(serial: str, *, emissions: Iterable[Emission] | None = None, **others: Any) -> VirtualWearable:
    return VirtualWearable(
        serial=serial,
        **{
            "name": f"Name {serial}",
            "manufacturer": "Maker",
            "model": "Model 3",
            "firmware": "1.2.3",
            "battery_percent": 80,
            "body_sensor_location": None,
            "emissions": every_second() if emissions is None else emissions,
            **others,
        },
    )


async def heard(radio: Radio, seconds: float = 1.0) -> list[BLEDevice]:
    scanner: Any = radio.scanner_backend
    return await BleakScanner.discover(seconds, service_uuids=[HEART_RATE], backend=scanner)


def client_of(radio: Radio, device: BLEDevice, **others: Any) -> BleakClient:
    return BleakClient(device, backend=radio.client_backend, **others)


class Ear:
    """A client of one wearable, and what its callbacks were given."""

    def __init__(self, air: VirtualAir, clock: Clock, *, adapter: int = 0) -> None:
        self.arrived: list[tuple[int, bytes]] = []
        self.lost = 0
        self.radio = air.radios[adapter]
        self.clock = clock

    async def listen(self) -> BleakClient:
        (device,) = await heard(self.radio)
        self.client = client_of(self.radio, device, disconnected_callback=self._on_lost)
        await self.client.connect()
        await self.client.start_notify(MEASUREMENT, lambda _, data: self._on(data))
        return self.client

    def _on(self, data: bytearray) -> None:
        self.arrived.append((self.clock.now_us(), bytes(data)))

    def _on_lost(self, _client: BleakClient) -> None:
        self.lost += 1


def told(deliveries: Iterable[Delivery]) -> list[tuple[int, bytes]]:
    return [(one.at_us, one.payload) for one in deliveries]


async def until(clock: Clock, seconds: float) -> None:
    await clock.sleep_until_us(round(seconds * SECOND_US))


def in_one_air(scenario: Callable[[VirtualAir, Clock], Coroutine[Any, Any, T]], **others: Any) -> T:
    """Run a scenario with one wearable "A"."""
    clock = fresh_clock()

    async def main() -> T:
        async with VirtualAir([wearable("A", **others)], clock=clock) as air:
            return await scenario(air, clock)

    return run(clock, main())


# What is on the air.


def test_two_wearables_may_have_one_name_and_are_told_apart_by_their_serial_numbers() -> None:
    clock = fresh_clock()
    twins = namesakes([wearable("A"), wearable("B"), wearable("C")], {"A", "B"})
    assert [one.name for one in twins] == ["Name A", "Name A", "Name C"]

    async def main() -> set[tuple[str | None, bytes]]:
        found: set[tuple[str | None, bytes]] = set()
        async with VirtualAir(twins, clock=clock) as air:
            for device in await heard(air.radio):
                async with client_of(air.radio, device) as client:
                    found.add((device.name, bytes(await client.read_gatt_char(SERIAL))))
        return found

    assert run(clock, main()) == {("Name A", b"A"), ("Name A", b"B"), ("Name C", b"C")}


def test_a_wearable_need_not_serve_its_serial_number() -> None:
    async def scenario(air: VirtualAir, _clock: Clock) -> None:
        (device,) = await heard(air.radio)
        async with client_of(air.radio, device) as client:
            assert client.services.get_characteristic(SERIAL) is None

    in_one_air(scenario, serves_serial=False)


def test_manufacturer_data_and_a_service_that_is_not_advertised() -> None:
    async def scenario(air: VirtualAir, _clock: Clock) -> list[AdvertisementData]:
        assert await heard(air.radio) == []
        scanner: Any = air.radio.scanner_backend
        found = await BleakScanner.discover(1.0, return_adv=True, backend=scanner)
        ((device, advertisement),) = found.values()
        async with client_of(air.radio, device) as client:
            assert client.services.get_service(HEART_RATE) is not None
        return [advertisement]

    (advertisement,) = in_one_air(scenario, advertises_service=False, manufacturer_data=(0x006B, b"\x01\x02\x03"))
    assert advertisement.service_uuids == []
    assert advertisement.manufacturer_data == {0x006B: b"\x01\x02\x03"}


# The truth of what arrived.

AT_ONCE: dict[str, Callable[[VirtualAir], None]] = {
    "drop": lambda air: air.drop("A"),
    "hang up": lambda air: air.hang_up("A"),
    "new address": lambda air: air.change_address("A"),
    "adapter": lambda air: air.switch_adapter_off(),
    "service": lambda air: air.kill_service(),
    "range": lambda air: air.leave_range("A", supervision_s=0.5),
    "held": lambda air: air.hold("A"),
    "mute": lambda air: air.mute("A"),
    "wedge": lambda air: air.wedge("A"),
    "client": lambda _air: None,
}


@pytest.mark.parametrize("trouble", AT_ONCE)
@pytest.mark.parametrize("steps", range(9))
def test_what_is_said_to_have_arrived_is_what_arrived(trouble: str, steps: int) -> None:
    async def scenario(air: VirtualAir, clock: Clock) -> None:
        ear = Ear(air, clock)
        client = await ear.listen()
        await until(clock, 5.0)  # in the instant of an emission
        for _ in range(steps):
            await asyncio.sleep(0)
        AT_ONCE[trouble](air)
        if trouble == "client":
            await client.disconnect()
        await until(clock, 8.5)
        assert told(air.delivered["A"]) == ear.arrived
        before = len(ear.arrived)
        for end in (air.switch_adapter_on, *(lambda e=e: e("A") for e in (air.come_back, air.release, air.unmute))):
            end()
        await client.disconnect()
        await ear.listen()
        await until(clock, 15.5)
        assert told(air.delivered["A"]) == ear.arrived
        assert len(ear.arrived) > before + 4

    in_one_air(scenario)


@pytest.mark.parametrize("steps", range(9))
def test_a_lost_link_costs_at_most_the_emission_of_that_instant(steps: int) -> None:
    async def scenario(air: VirtualAir, clock: Clock) -> list[tuple[int, bytes]]:
        ear = Ear(air, clock)
        await ear.listen()
        await until(clock, 5.0)
        for _ in range(steps):
            await asyncio.sleep(0)
        air.drop("A")
        await until(clock, 5.5)
        return ear.arrived

    arrived = in_one_air(scenario)
    assert [at_us for at_us, _ in arrived][:3] == [2 * SECOND_US, 3 * SECOND_US, 4 * SECOND_US]
    assert len(arrived) in (3, 4)


# Troubles of a link and of a wearable.


def test_a_stall_is_silent_on_a_link_that_stays_and_what_was_not_sent_is_gone() -> None:
    async def scenario(air: VirtualAir, clock: Clock) -> None:
        ear = Ear(air, clock)
        client = await ear.listen()
        await until(clock, 3.5)
        air.stall("A")
        await until(clock, 7.5)
        assert client.is_connected
        assert await client.read_gatt_char(BATTERY) == b"\x50"
        air.resume("A")
        await until(clock, 9.5)
        assert [at_us // SECOND_US for at_us, _ in ear.arrived] == [2, 3, 8, 9]
        assert air.reachable["A"] == ((0, 3_500_000), (7_500_000, 9_500_000))

    in_one_air(scenario)


def test_a_wedged_link_streams_only_when_it_is_made_anew() -> None:
    async def scenario(air: VirtualAir, clock: Clock) -> None:
        ear = Ear(air, clock)
        client = await ear.listen()
        await until(clock, 2.5)
        air.wedge("A")
        await until(clock, 6.5)
        assert client.is_connected
        assert len(ear.arrived) == 1
        await client.disconnect()
        await ear.listen()
        await until(clock, 9.5)
        assert [at_us // SECOND_US for at_us, _ in ear.arrived] == [2, 8, 9]
        assert air.reachable["A"] == ((0, 2_500_000), (2_500_000, 9_500_000))

    in_one_air(scenario)


def test_out_of_range_loses_the_link_after_the_supervision_time_and_hides_the_wearable() -> None:
    async def scenario(air: VirtualAir, clock: Clock) -> None:
        ear = Ear(air, clock)
        client = await ear.listen()
        await until(clock, 3.5)
        air.leave_range("A", supervision_s=2.0)
        await until(clock, 5.4)
        assert client.is_connected
        await until(clock, 5.6)
        assert not client.is_connected
        assert await heard(air.radio) == []
        air.come_back("A")
        await ear.listen()
        await until(clock, 10.5)
        assert [at_us // SECOND_US for at_us, _ in ear.arrived] == [2, 3, 8, 9, 10]
        assert air.reachable["A"] == ((0, 3_500_000), (6_600_000, 10_500_000))

    in_one_air(scenario)


def test_back_within_the_supervision_time_everything_arrives_late_but_once() -> None:
    async def scenario(air: VirtualAir, clock: Clock) -> None:
        ear = Ear(air, clock)
        client = await ear.listen()
        await until(clock, 3.5)
        air.leave_range("A", supervision_s=3.0)
        reading = asyncio.create_task(client.read_gatt_char(BATTERY))
        await until(clock, 5.5)
        assert not reading.done()
        air.come_back("A")
        assert await reading == b"\x50"
        await until(clock, 9.5)
        assert client.is_connected
        assert [data[1] for _, data in ear.arrived] == [2, 3, 4, 5, 6, 7, 8, 9]
        assert [at_us for at_us, _ in ear.arrived][2:4] == [5_500_000, 5_500_000]
        assert told(air.delivered["A"]) == ear.arrived

    in_one_air(scenario)


def test_a_wearable_that_refuses_is_heard_and_never_connected() -> None:
    async def scenario(air: VirtualAir, clock: Clock) -> None:
        air.refuse("A")
        (device,) = await heard(air.radio)
        with pytest.raises(BleakDeviceNotFoundError):
            await client_of(air.radio, device, timeout=5.0).connect()
        connecting = asyncio.create_task(client_of(air.radio, device, timeout=20.0).connect())
        await until(clock, 10)
        assert not connecting.done()
        air.accept("A")
        await connecting
        assert air.reachable["A"][0][0] == 10 * SECOND_US

    in_one_air(scenario)


def test_a_mute_wearable_connects_and_answers_nothing_and_can_be_left() -> None:
    async def scenario(air: VirtualAir, clock: Clock) -> None:
        air.mute("A")
        (device,) = await heard(air.radio)
        client = client_of(air.radio, device, timeout=60.0)
        since_us = clock.now_us()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5.0):
                await client.connect()
        assert clock.now_us() == since_us + 5 * SECOND_US
        assert not client.is_connected
        with pytest.raises(BleakError):  # left alone, ATT gives up by itself
            await client.connect()
        assert clock.now_us() - since_us < 40 * SECOND_US
        air.unmute("A")
        await client.connect()
        assert await client.read_gatt_char(BATTERY) == b"\x50"
        air.mute("A")
        reading = asyncio.create_task(client.read_gatt_char(BATTERY))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3.0):
                await client.start_notify(MEASUREMENT, lambda _sender, _data: None)
        since_us = clock.now_us()
        await client.disconnect()
        assert clock.now_us() == since_us
        with pytest.raises(BleakError):
            await reading

    in_one_air(scenario)


def test_a_question_that_was_given_up_does_not_spoil_the_next_answer() -> None:
    async def scenario(air: VirtualAir, _clock: Clock) -> None:
        (device,) = await heard(air.radio)
        async with client_of(air.radio, device) as client:
            air.set_battery_answer("A", Battery.SLOW)
            for _ in range(2):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(3.0):
                        await client.read_gatt_char(BATTERY)
            assert await client.read_gatt_char(SERIAL) == b"A"

    in_one_air(scenario)


def test_a_slow_answer_does_not_meet_a_question_on_a_new_link() -> None:
    async def scenario(air: VirtualAir, clock: Clock) -> None:
        (device,) = await heard(air.radio)
        client = client_of(air.radio, device)
        await client.connect()
        air.set_battery_answer("A", Battery.SLOW)
        reading = asyncio.create_task(client.read_gatt_char(BATTERY))
        await until(clock, 2)
        air.drop("A")
        with pytest.raises(BleakError):
            await reading
        await client.connect()
        for _ in range(20):
            assert await client.read_gatt_char(SERIAL) == b"A"
            await clock.sleep_until_us(clock.now_us() + SECOND_US)

    in_one_air(scenario)


def test_a_battery_that_errs_and_one_that_is_slow() -> None:
    async def scenario(air: VirtualAir, clock: Clock) -> None:
        (device,) = await heard(air.radio)
        async with client_of(air.radio, device) as client:
            air.set_battery_answer("A", Battery.REFUSES)
            with pytest.raises(BleakGATTProtocolError):
                await client.read_gatt_char(BATTERY)
            air.set_battery_answer("A", Battery.SLOW)
            since_us = clock.now_us()
            assert await client.read_gatt_char(BATTERY) == b"\x50"
            assert clock.now_us() == since_us + 10 * SECOND_US

    in_one_air(scenario)


def test_a_battery_falls_and_says_so() -> None:
    async def scenario(air: VirtualAir, clock: Clock) -> None:
        ear = Ear(air, clock)
        client = await ear.listen()
        levels: list[int] = []
        await client.start_notify(BATTERY, lambda _, data: levels.append(data[0]))
        await until(clock, 3612)
        assert await client.read_gatt_char(BATTERY) == bytes([70])
        assert levels == [79, 78, 77, 76, 75, 74, 73, 72, 71, 70]
        air.set_battery("A", 100)
        assert air.battery("A") == 100
        with pytest.raises(ValueError, match="0 to 100"):
            air.set_battery("A", 101)
        assert told(air.delivered["A"]) == ear.arrived

    in_one_air(scenario, battery_falls_pct_per_h=10.0)


def test_duplicates_arrive_twice_and_count_once() -> None:
    async def scenario(air: VirtualAir, clock: Clock) -> None:
        ear = Ear(air, clock)
        await ear.listen()
        await until(clock, 2.5)
        air.duplicate("A")
        await until(clock, 4.5)
        air.stop_duplicating("A")
        await until(clock, 5.5)
        assert [data[1] for _, data in ear.arrived] == [2, 3, 3, 4, 4, 5]
        assert [one.payload[1] for one in air.delivered["A"]] == [2, 3, 4, 5]

    in_one_air(scenario)


def test_malformed_measurements_come_beside_the_good_ones() -> None:
    async def scenario(air: VirtualAir, clock: Clock) -> None:
        ear = Ear(air, clock)
        await ear.listen()
        air.garble("A")
        await until(clock, 20.5)
        air.stop_garbling("A")
        assert told(air.delivered["A"]) == ear.arrived
        assert [one.payload[1] for one in air.delivered["A"] if not one.malformed] == list(range(2, 21))
        assert {one.payload for one in air.delivered["A"] if one.malformed} == {b"", b"\x16", b"\x01\x48"}

    in_one_air(scenario)


def test_a_wearable_comes_back_under_another_address() -> None:
    async def scenario(air: VirtualAir, _clock: Clock) -> None:
        addresses: list[str] = []
        for connected in (False, True, False):
            (device,) = await heard(air.radio)
            addresses.append(device.address)
            client = client_of(air.radio, device, timeout=3.0)
            if connected:
                await client.connect()
            air.change_address("A")
            with pytest.raises(BleakDeviceNotFoundError):
                await client_of(air.radio, device, timeout=3.0).connect()
            assert not client.is_connected
        assert len(set(addresses)) == 3

    in_one_air(scenario)


def test_another_central_takes_a_wearable_and_gives_it_back() -> None:
    async def scenario(air: VirtualAir, clock: Clock) -> None:
        ear = Ear(air, clock)
        client = await ear.listen()
        device = BLEDevice(client.address, "A", None)
        await until(clock, 2.5)
        again = asyncio.create_task(client_of(air.radio, device, timeout=9.0).connect())
        air.hold("A")
        air.hold("A")
        await until(clock, 5)
        assert not client.is_connected
        assert await heard(air.radio) == []
        assert not again.done()
        air.release("A")
        await again
        await until(clock, 7)
        assert air.reachable["A"] == ((0, 2_500_000), (6_000_000, 7_000_000))
        air.hold("A")
        air.release("A")
        await until(clock, 12)
        assert len(await heard(air.radio)) == 1

    in_one_air(scenario)


# Troubles of an adapter.


def test_an_adapter_that_is_switched_off_says_so_and_everything_works_afterwards() -> None:
    async def scenario(air: VirtualAir, clock: Clock) -> None:
        ear = Ear(air, clock)
        client = await ear.listen()
        scanned: list[str] = []
        scanner_backend: Any = air.radio.scanner_backend
        scanner = BleakScanner(lambda device, _: scanned.append(device.address), backend=scanner_backend)
        await scanner.start()
        waiting = asyncio.create_task(
            client_of(air.radio, BLEDevice("C0:00:00:00:00:FF", "absent", None), timeout=60.0).connect()
        )
        await until(clock, 3.5)
        air.switch_adapter_off()
        await until(clock, 3.6)
        assert (ear.lost, client.is_connected) == (1, False)
        with pytest.raises(BleakBluetoothNotAvailableError):
            await waiting
        for call in (lambda: heard(air.radio), client.connect):
            with pytest.raises(BleakBluetoothNotAvailableError) as refused:
                await call()
            assert refused.value.reason is BleakBluetoothNotAvailableReason.POWERED_OFF
        await until(clock, 6.5)
        air.switch_adapter_on()
        scanned.clear()
        await ear.listen()
        assert scanned == []  # a scan does not live through it
        await scanner.stop()
        await until(clock, 9.5)
        assert [at_us // SECOND_US for at_us, _ in ear.arrived] == [2, 3, 8, 9]
        assert air.reachable["A"] == ((0, 3_500_000), (6_500_000, 9_500_000))

    in_one_air(scenario)


def test_a_service_that_dies_tells_nobody_and_leaves_dead_clients() -> None:
    async def scenario(air: VirtualAir, clock: Clock) -> None:
        ear = Ear(air, clock)
        client = await ear.listen()
        await until(clock, 3.5)
        air.kill_service()
        await until(clock, 6.5)
        assert (ear.lost, client.is_connected, len(ear.arrived)) == (0, True, 2)
        fresh = client_of(air.radio, BLEDevice(client.address, "A", None))
        calls: list[Callable[[], Coroutine[Any, Any, Any]]] = [
            lambda: heard(air.radio),
            lambda: client.read_gatt_char(BATTERY),
            client.disconnect,
            fresh.connect,
        ]
        for call in calls:
            with pytest.raises(BleakDBusError, match="ServiceUnknown"):
                await call()
        air.switch_adapter_on()
        with pytest.raises(BleakDBusError, match="UnknownObject"):
            await client.read_gatt_char(BATTERY)
        assert client.is_connected
        await client.disconnect()
        assert not client.is_connected
        await ear.listen()
        await until(clock, 9.5)
        assert [at_us // SECOND_US for at_us, _ in ear.arrived] == [2, 3, 8, 9]
        assert ear.lost == 0

    in_one_air(scenario)


def test_an_adapter_bears_so_many_links() -> None:
    clock = fresh_clock()

    async def main() -> None:
        async with VirtualAir([wearable(serial) for serial in "ABC"], clock=clock, adapters=2) as air:
            air.limit_links(2)
            devices = await heard(air.radio)
            clients = [client_of(air.radio, device) for device in devices]
            await clients[0].connect()
            await clients[1].connect()
            with pytest.raises(BleakDBusError, match="connection-limit"):
                await clients[2].connect()
            async with client_of(air.radios[1], devices[2]) as other:
                assert await other.read_gatt_char(BATTERY) == b"\x50"
            await clients[0].disconnect()
            await clients[2].connect()

    run(clock, main())


def test_two_adapters_hear_the_same_air_and_fail_apart() -> None:
    clock = fresh_clock()

    async def main() -> None:
        async with VirtualAir([wearable("A"), wearable("B")], clock=clock, adapters=2) as air:
            assert air.radio is air.radios[0]
            devices = {device.name: device for device in await heard(air.radio)}
            assert {device.name for device in await heard(air.radios[1])} == set(devices)
            first = client_of(air.radios[0], devices["Name A"])
            second = client_of(air.radios[1], devices["Name B"])
            await first.connect()
            await second.connect()
            air.switch_adapter_off(0)
            off_us = clock.now_us()
            await until(clock, 3)
            assert (first.is_connected, second.is_connected) == (False, True)
            again = client_of(air.radios[1], devices["Name A"])
            await again.connect()
            assert air.reachable == {"A": ((0, off_us), (off_us, clock.now_us())), "B": ((0, clock.now_us()),)}

    run(clock, main())


def test_two_centrals_do_not_both_win_one_wearable() -> None:
    clock = fresh_clock()

    async def main() -> None:
        async with VirtualAir([wearable("A")], clock=clock, adapters=2) as air:
            (device,) = await heard(air.radio)
            clients = [client_of(radio, device, timeout=5.0) for radio in air.radios]
            results = await asyncio.gather(*(client.connect() for client in clients), return_exceptions=True)
            assert [type(result) for result in results] == [type(None), BleakDeviceNotFoundError]
            assert await clients[0].read_gatt_char(BATTERY) == b"\x50"

    run(clock, main())


# Sessions of faults.


def lasting_faults() -> list[Fault]:
    return [
        Fault(at_us=0, kind=kind, serial=None if kind in ADAPTER_KINDS else "A", for_s=3600.0)
        for kind in FaultKind
        if kind not in MOMENTARY_KINDS
    ]


@pytest.mark.parametrize("fault", lasting_faults(), ids=lambda fault: str(fault.kind))
def test_an_air_can_be_closed_in_any_trouble_and_what_is_lifted_then_does_no_harm(fault: Fault) -> None:
    clock = fresh_clock()

    async def main() -> None:
        async with VirtualAir([wearable("A")], clock=clock) as air:
            ear = Ear(air, clock)
            await ear.listen()
            fresh = client_of(air.radio, BLEDevice(ear.client.address, "A", None))
            playing = asyncio.create_task(play([fault], air, clock))
            await until(clock, 2.5)
            asking = {asyncio.create_task(call()) for call in (ear.client.pair, fresh.connect)}
            asking.add(asyncio.create_task(ear.client.read_gatt_char(BATTERY)))
            await until(clock, 3)
        for one in asking:
            with contextlib.suppress(BleakError):
                await one
        playing.cancel()
        await asyncio.wait({playing})
        assert playing.cancelled()
        await until(clock, 4)

    run(clock, main())


@pytest.mark.parametrize("fault", lasting_faults(), ids=lambda fault: str(fault.kind))
def test_every_trouble_that_is_lifted_is_over(fault: Fault) -> None:
    async def scenario(air: VirtualAir, clock: Clock) -> None:
        ear = Ear(air, clock)
        client = await ear.listen()
        playing = asyncio.create_task(play([fault], air, clock))
        await until(clock, 2.5)
        for call in (lambda: client.read_gatt_char(BATTERY), client.connect):
            asking = asyncio.create_task(call())
            await clock.sleep_until_us(clock.now_us() + SECOND_US)
            asking.cancel()
            await asyncio.wait({asking})
        playing.cancel()
        await asyncio.wait({playing})
        await client.disconnect()
        await ear.listen()
        assert await ear.client.read_gatt_char(BATTERY) == b"\x50"
        before = len(ear.arrived)
        await clock.sleep_until_us(clock.now_us() + 5 * SECOND_US)
        assert len(ear.arrived) == before + 5
        assert len(set(air.reachable["A"])) <= 3

    in_one_air(scenario)


@pytest.mark.parametrize("steps", range(12))
@pytest.mark.parametrize("begun", [FaultKind.NEW_ADDRESS, FaultKind.LINK_LOSS, FaultKind.HANG_UP, FaultKind.HELD])
def test_a_trouble_may_come_while_a_connection_comes_about(begun: FaultKind, steps: int) -> None:
    fault = Fault(at_us=0, kind=begun, serial="A", for_s=2.0 if begun is FaultKind.HELD else 0.0)

    async def scenario(air: VirtualAir, clock: Clock) -> None:
        (device,) = await heard(air.radio)
        connecting = asyncio.create_task(client_of(air.radio, device, timeout=5.0).connect())
        await until(clock, 1.25)
        for _ in range(steps):
            await asyncio.sleep(0)
        await play([fault], air, clock)
        await clock.sleep_until_us(clock.now_us() + 10 * SECOND_US)
        await asyncio.wait({connecting})
        if connecting.exception() is not None:
            ear = Ear(air, clock)
            await ear.listen()
            await clock.sleep_until_us(clock.now_us() + 2 * SECOND_US)
            assert told(air.delivered["A"]) == ear.arrived
            assert ear.arrived

    in_one_air(scenario)


def test_a_closed_air_is_forgotten() -> None:
    clock = fresh_clock()

    async def main() -> None:
        async with VirtualAir([wearable("A")], clock=clock) as air:
            await Ear(air, clock).listen()
            for _ in range(20):
                air.hold("A")
                await clock.sleep_until_us(clock.now_us() + SECOND_US)
                air.release("A")
                await clock.sleep_until_us(clock.now_us() + SECOND_US)
            assert len(air._room._in_order) == 2

    run(clock, main())
    gc.collect()
    assert not [one for one in gc.get_objects() if type(one) is VirtualAir]


@pytest.mark.parametrize(
    ("kind", "serial", "for_s"),
    [
        (FaultKind.STALL, None, 1.0),
        (FaultKind.ADAPTER_OFF, "A", 1.0),
        (FaultKind.STALL, "A", 0.0),
        (FaultKind.LINK_LOSS, "A", 1.0),
    ],
)
def test_a_fault_must_make_sense(kind: FaultKind, serial: str | None, for_s: float) -> None:
    with pytest.raises(ValueError, match=str(kind)):
        Fault(at_us=0, kind=kind, serial=serial, for_s=for_s)


@pytest.mark.parametrize("seed", range(20))
def test_faults_are_drawn_as_they_happen(seed: int) -> None:
    hours_us = 2 * 3600 * SECOND_US
    serials = [f"S{n}" for n in range(8)]
    faults = random_faults(random.Random(seed), serials, hours_us, adapters=2)
    assert faults == random_faults(random.Random(seed), serials, hours_us, adapters=2)
    assert list(faults) == sorted(faults, key=lambda fault: fault.at_us)
    for serial in serials:
        mine = [fault for fault in faults if fault.serial == serial]
        assert 4 <= len(mine) <= 10
        assert all(earlier.until_us < later.at_us for earlier, later in pairwise(mine))
    for adapter in range(2):
        assert sum(fault.serial is None and fault.adapter == adapter for fault in faults) <= 2
    assert all(fault.at_us >= 60 * SECOND_US and fault.until_us <= hours_us for fault in faults)
    assert all(3.0 <= fault.for_s <= 240.0 or fault.kind in MOMENTARY_KINDS for fault in faults)


def session(seed: int) -> tuple[dict[str, tuple[Delivery, ...]], list[list[tuple[int, bytes]]], object]:
    """Twenty minutes of four wearables and many faults, with clients that try again every two seconds."""
    clock = fresh_clock()
    end_us = 1200 * SECOND_US
    serials = ["A", "B", "C", "D"]
    arrived: list[list[tuple[int, bytes]]] = [[] for _ in serials]

    async def listen(air: VirtualAir, number: int) -> None:
        silent = 0
        client: BleakClient | None = None
        while clock.now_us() < end_us:
            before = len(arrived[number])
            await clock.sleep_until_us(clock.now_us() + 2 * SECOND_US)
            silent = 0 if len(arrived[number]) > before else silent + 1
            if silent < 2:
                continue
            try:
                async with asyncio.timeout(8.0):
                    if client is not None:
                        await client.disconnect()
                    devices = [one for one in await heard(air.radio) if one.name == f"Name {serials[number]}"]
                    if devices:
                        client = client_of(air.radio, devices[0])
                        await client.connect()
                        await client.start_notify(
                            MEASUREMENT, lambda _, data: arrived[number].append((clock.now_us(), bytes(data)))
                        )
            except (BleakError, TimeoutError):
                pass

    async def main() -> tuple[dict[str, tuple[Delivery, ...]], object]:
        chance = random.Random(seed)
        kinds = random_faults(chance, serials, 6 * end_us)
        faults = tuple(
            Fault(at_us=f.at_us // 6, kind=f.kind, serial=f.serial, for_s=max(0.5, f.for_s / 6) if f.for_s else 0.0)
            for f in kinds
        )
        wearables = [wearable(serial, emissions=every_second(n * 1000)) for n, serial in enumerate(serials)]
        async with VirtualAir(wearables, clock=clock) as air, asyncio.TaskGroup() as group:
            group.create_task(play(faults, air, clock))
            for number in range(len(serials)):
                group.create_task(listen(air, number))
        return {serial: tuple(air.delivered[serial]) for serial in serials}, air.reachable

    delivered, reachable = run(clock, main())
    return delivered, arrived, reachable


def test_the_same_session_again_is_the_same_to_the_byte() -> None:
    assert session(5) == session(5)


@pytest.mark.parametrize("seed", range(1, 5))
def test_through_many_troubles_the_truth_is_what_arrived(seed: int) -> None:
    delivered, arrived, _ = session(seed)
    for truth, mine in zip(delivered.values(), arrived, strict=True):
        # A wearable that sends everything twice has no two equal ones in the same instant otherwise.
        assert told(truth) == list(dict.fromkeys(mine))
