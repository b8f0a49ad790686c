"""The virtual air through plain Bleak: nothing of ours between the test and `BleakScanner`, `BleakClient`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any, TypeVar

import pytest
from bleak import BleakClient, BleakScanner
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.exc import BleakDeviceNotFoundError, BleakError, BleakGATTProtocolError, BleakGATTProtocolErrorCode

from firmware_profiles import gatt
from firmware_profiles.gatt import BodySensorLocation
from watchlink.clock import Clock, VirtualClock
from watchlink.sources.virtual.air import VirtualAir
from watchlink.sources.virtual.wearable import Emission, VirtualWearable

T = TypeVar("T")

HEART_RATE = gatt.uuid_of(gatt.HEART_RATE_SERVICE)
MEASUREMENT = gatt.uuid_of(gatt.HEART_RATE_MEASUREMENT)
BATTERY = gatt.uuid_of(gatt.BATTERY_LEVEL)
SECOND_US = 1_000_000


def fresh_clock() -> VirtualClock:
    return VirtualClock(started_at=datetime(2025, 3, 1, 9, 0, tzinfo=UTC))


def run(clock: Clock, main: Coroutine[Any, Any, T]) -> T:
    async def and_nothing_left() -> T:
        result = await main
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    return clock.run(and_nothing_left())


def wearable(
    name: str,
    *,
    emissions: Iterable[Emission] = (),
    body_sensor_location: BodySensorLocation | None = BodySensorLocation.WRIST,
) -> VirtualWearable:
    return VirtualWearable(
        serial=name,
        name=name,
        manufacturer="Maker",
        model="Model 3",
        firmware="1.2.3",
        battery_percent=80,
        body_sensor_location=body_sensor_location,
        emissions=emissions,
    )


def every_second(first_us: int = 0) -> Iterator[Emission]:
    """Endless: 0x06 (contact), then a number that tells each from the next."""
    return (Emission(at_us=first_us + n * SECOND_US, payload=bytes([0x06, n % 256])) for n in count())


async def heard(air: VirtualAir) -> dict[str, BLEDevice]:
    found = await BleakScanner.discover(1.0, service_uuids=[HEART_RATE], backend=backend_of_scanner(air))
    return {device.name or "": device for device in found}


def backend_of_scanner(air: VirtualAir) -> Any:
    return air.radio.scanner_backend


def client_of(air: VirtualAir, device: BLEDevice, **others: Any) -> BleakClient:
    return BleakClient(device, backend=air.radio.client_backend, **others)


def test_eight_wearables_are_heard_in_one_scan() -> None:
    names = [f"Wearable {n}" for n in range(8)]
    clock = fresh_clock()

    async def main() -> None:
        async with VirtualAir([wearable(name) for name in names], clock=clock) as air:
            found = await BleakScanner.discover(
                1.0, return_adv=True, service_uuids=[HEART_RATE], backend=backend_of_scanner(air)
            )
            advertised = [advertisement for _, advertisement in found.values()]
            assert sorted(advertisement.local_name or "" for advertisement in advertised) == names
            assert all(advertisement.service_uuids == [HEART_RATE] for advertisement in advertised)

    run(clock, main())


def test_a_scan_for_another_service_hears_nothing() -> None:
    clock = fresh_clock()

    async def main() -> None:
        async with VirtualAir([wearable("A")], clock=clock) as air:
            battery = gatt.uuid_of(gatt.BATTERY_SERVICE)
            assert not await BleakScanner.discover(1.0, service_uuids=[battery], backend=backend_of_scanner(air))

    run(clock, main())


@pytest.mark.parametrize("location", [None, *BodySensorLocation])
def test_services_and_values(location: BodySensorLocation | None) -> None:
    clock = fresh_clock()

    async def main() -> None:
        async with VirtualAir([wearable("A", body_sensor_location=location)], clock=clock) as air:
            async with client_of(air, (await heard(air))["A"]) as client:
                assert client.is_connected
                assert client.name == "A"
                assert client.mtu_size == 247
                reads = {
                    gatt.BATTERY_LEVEL: b"\x50",
                    gatt.MANUFACTURER_NAME: b"Maker",
                    gatt.MODEL_NUMBER: b"Model 3",
                    gatt.FIRMWARE_REVISION: b"1.2.3",
                }
                for number, value in reads.items():
                    assert await client.read_gatt_char(gatt.uuid_of(number)) == value
                where = client.services.get_characteristic(gatt.uuid_of(gatt.BODY_SENSOR_LOCATION))
                assert (where is None) == (location is None)
                if where is not None and location is not None:
                    assert await client.read_gatt_char(where) == bytes([location])
            assert not client.is_connected

    run(clock, main())


def test_only_a_subscriber_gets_what_is_emitted_and_only_then() -> None:
    clock = fresh_clock()

    async def main() -> list[tuple[int, bytes]]:
        arrived: list[tuple[int, bytes]] = []
        async with (
            VirtualAir([wearable("A", emissions=every_second())], clock=clock) as air,
            client_of(air, (await heard(air))["A"]) as client,
        ):
            await clock.sleep_until_us(3_500_000)
            await client.start_notify(MEASUREMENT, lambda _, data: arrived.append((clock.now_us(), bytes(data))))
            await clock.sleep_until_us(6_500_000)
            await client.stop_notify(MEASUREMENT)
            await clock.sleep_until_us(9_500_000)
        return arrived

    assert run(clock, main()) == [(n * SECOND_US, bytes([0x06, n])) for n in (4, 5, 6)]


def test_a_long_value_arrives_whole() -> None:
    longest = bytes(range(244))
    emission = Emission(at_us=5 * SECOND_US, payload=longest)
    clock = fresh_clock()

    async def main() -> list[bytes]:
        arrived: list[bytes] = []
        async with (
            VirtualAir([wearable("A", emissions=[emission])], clock=clock) as air,
            client_of(air, (await heard(air))["A"]) as client,
        ):
            await client.start_notify(MEASUREMENT, lambda _, data: arrived.append(bytes(data)))
            await clock.sleep_until_us(6 * SECOND_US)
        return arrived

    assert run(clock, main()) == [longest]


def test_a_lost_link_is_noticed_and_the_wearable_can_be_connected_again() -> None:
    clock = fresh_clock()

    async def main() -> None:
        gone: list[str] = []
        async with VirtualAir([wearable("A"), wearable("B")], clock=clock) as air:
            devices = await heard(air)

            def went(client: BleakClient) -> None:
                gone.append(client.name)

            async with (
                client_of(air, devices["A"], disconnected_callback=went) as a,
                client_of(air, devices["B"]) as b,
            ):
                air.drop("A")
                await clock.sleep_until_us(clock.now_us() + 1)
                assert gone == ["A"]
                assert not a.is_connected
                assert await b.read_gatt_char(BATTERY) == b"\x50"
                with pytest.raises(BleakError):
                    await a.read_gatt_char(BATTERY)
                await a.connect()
                assert await a.read_gatt_char(BATTERY) == b"\x50"

    run(clock, main())


def test_a_connection_can_be_given_up_and_the_next_one_works() -> None:
    clock = fresh_clock()

    async def main() -> None:
        async with VirtualAir([wearable("A")], clock=clock) as air:
            device = (await heard(air))["A"]
            absent = BLEDevice("C0:00:00:00:00:FF", "absent", None)
            with pytest.raises(BleakDeviceNotFoundError):
                await client_of(air, absent, timeout=5.0).connect()
            connecting = asyncio.create_task(client_of(air, absent).connect())
            await clock.sleep_until_us(clock.now_us() + SECOND_US)
            connecting.cancel()
            await asyncio.wait({connecting})
            async with client_of(air, device) as client:
                assert await client.read_gatt_char(BATTERY) == b"\x50"

    run(clock, main())


@pytest.mark.parametrize("steps", range(40))
def test_who_says_that_it_is_connected_can_be_read(steps: int) -> None:
    clock = fresh_clock()

    async def main() -> None:
        async with VirtualAir([wearable("A")], clock=clock) as air:
            client = client_of(air, (await heard(air))["A"])
            connecting = asyncio.create_task(client.connect())
            await clock.sleep_until_us(1_250_000)  # it advertises, and the connection comes about
            for _ in range(steps):
                await asyncio.sleep(0)
            air.drop("A")
            await asyncio.wait({connecting})
            await clock.sleep_until_us(clock.now_us() + 1)
            if client.is_connected:
                assert await client.read_gatt_char(BATTERY) == b"\x50"
            await client.disconnect()
            assert not client.is_connected

    run(clock, main())


def test_one_wearable_has_one_central_at_a_time() -> None:
    clock = fresh_clock()

    async def main() -> None:
        async with VirtualAir([wearable("A")], clock=clock) as air:
            device = (await heard(air))["A"]
            async with client_of(air, device):
                assert await heard(air) == {}
                with pytest.raises(BleakDeviceNotFoundError):
                    await client_of(air, device, timeout=5.0).connect()
            assert set(await heard(air)) == {"A"}

    run(clock, main())


def test_what_the_wearable_refuses_is_a_protocol_error() -> None:
    clock = fresh_clock()

    async def main() -> int:
        async with (
            VirtualAir([wearable("A")], clock=clock) as air,
            client_of(air, (await heard(air))["A"]) as client,
        ):
            service = client.services.get_service(HEART_RATE)
            assert service is not None
            absent = BleakGATTCharacteristic(None, 0x7000, MEASUREMENT, ["read"], lambda: 20, service)
            with pytest.raises(BleakGATTProtocolError) as refused:
                await client.read_gatt_char(absent)
            return refused.value.code

    assert run(clock, main()) == BleakGATTProtocolErrorCode.INVALID_HANDLE


def test_leaving_the_air_breaks_every_connection() -> None:
    clock = fresh_clock()

    async def main() -> None:
        async with VirtualAir([wearable("A", emissions=every_second())], clock=clock) as air:
            client = client_of(air, (await heard(air))["A"])
            await client.connect()
            await client.start_notify(MEASUREMENT, lambda _sender, _data: None)
        assert not client.is_connected

    run(clock, main())


def test_an_error_in_the_emissions_is_not_lost() -> None:
    def broken() -> Iterator[Emission]:
        yield Emission(at_us=0, payload=b"\x06\x40")
        raise RuntimeError("the heart has a bug")

    clock = fresh_clock()

    async def main() -> None:
        with pytest.raises(RuntimeError, match="the heart has a bug"):
            async with VirtualAir([wearable("A", emissions=broken()), wearable("B")], clock=clock):
                await clock.sleep_until_us(SECOND_US)

    run(clock, main())


def test_serial_numbers_tell_wearables_apart() -> None:
    with pytest.raises(ValueError, match="same serial number"):
        VirtualAir([wearable("A"), wearable("A")], clock=fresh_clock())


def test_there_is_no_radio_before_the_air_is_open() -> None:
    with pytest.raises(RuntimeError, match="not open"):
        _ = VirtualAir([], clock=fresh_clock()).radio


def test_a_traced_air_does_the_same_as_a_quiet_one(caplog: pytest.LogCaptureFixture) -> None:
    def arrivals() -> list[tuple[int, bytes]]:
        clock = fresh_clock()

        async def main() -> list[tuple[int, bytes]]:
            arrived: list[tuple[int, bytes]] = []
            async with (
                VirtualAir([wearable("A", emissions=every_second())], clock=clock) as air,
                client_of(air, (await heard(air))["A"]) as client,
            ):
                await client.start_notify(MEASUREMENT, lambda _, data: arrived.append((clock.now_us(), bytes(data))))
                await clock.sleep_until_us(20_500_000)
            return arrived

        return run(clock, main())

    quiet = arrivals()
    assert not caplog.records
    with caplog.at_level(logging.DEBUG, logger="bumble"):
        assert arrivals() == quiet
    assert any("HOST -> CONTROLLER" in record.message for record in caplog.records)
