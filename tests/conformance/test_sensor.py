"""The sensor's side: what our virtual wearables have to do as a heart-rate sensor has, seen through plain Bleak.

Modelled on the TCRL test-case ids; see docs/conformance.md. Only the cases that a simulator of a wearable stands on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, pairwise
from statistics import mode

import pytest
from bleak import BleakClient
from bleak.exc import BleakGATTProtocolError

from firmware_profiles import gatt
from firmware_profiles.facts import Sensing
from firmware_profiles.gatt import BodySensorLocation
from firmware_profiles.heart_rate_service import Contact, HeartRateMeasurement, decode
from watchlink.clock import Clock
from watchlink.session import default_plan
from watchlink.sources.virtual.practice import VirtualPerson, practice
from watchlink.sources.virtual.wearable import Emission, VirtualWearable

from .heard import MEASUREMENT, SECOND_US, characteristics_of, payloads_of, strap, with_client

BATTERY_LEVEL = gatt.uuid_of(gatt.BATTERY_LEVEL)
CONTROL_POINT = gatt.uuid_of(gatt.HEART_RATE_CONTROL_POINT)
LOCATION = gatt.uuid_of(gatt.BODY_SENSOR_LOCATION)


def people() -> Sequence[VirtualPerson]:
    """Whoever takes part in a practice session; their hearts can be listened to once."""
    return practice(plan=default_plan(), people=8, seed=2).people


def simulated_strap() -> VirtualPerson:
    return next(person for person in people() if person.profile.sensing is Sensing.ELECTRICAL)


def simulated_with_energy() -> VirtualWearable:
    return next(person.wearable for person in people() if person.wearable.counts_energy)


def simulated(wearable: VirtualWearable, seconds: int) -> list[HeartRateMeasurement]:
    """What a simulated heart's wearable is heard to send."""

    async def listen(client: BleakClient, clock: Clock) -> list[bytes]:
        return await payloads_of(client, clock, seconds=seconds)

    return [decode(one) for one in with_client(wearable, listen)]


def energies_of(measurements: Sequence[HeartRateMeasurement]) -> list[int]:
    return [one.energy_expended_kj for one in measurements if one.energy_expended_kj is not None]


def heard(payload: str) -> list[HeartRateMeasurement]:
    async def listen(client: BleakClient, clock: Clock) -> list[bytes]:
        return await payloads_of(client, clock, seconds=3)

    return [decode(one) for one in with_client(strap([bytes.fromhex(payload)]), listen)]


def test_hrs_sen_sggit_ser_bv_01_c_heart_rate_service_is_served() -> None:
    assert characteristics_of(strap(), gatt.HEART_RATE_SERVICE)


def test_hrs_sen_sggit_cha_bv_01_c_measurement_is_served() -> None:
    assert characteristics_of(strap(), gatt.HEART_RATE_SERVICE)[MEASUREMENT] == ["notify"]


def test_hrs_sen_sggit_cha_bv_02_c_body_sensor_location_is_served() -> None:
    assert characteristics_of(strap(), gatt.HEART_RATE_SERVICE)[LOCATION] == ["read"]


def test_hrs_sen_sggit_cha_bv_03_c_control_point_is_served() -> None:
    """It belongs to energy: of the wearables of a session, those have it that send energy, and no others."""
    assert characteristics_of(strap(counts_energy=True), gatt.HEART_RATE_SERVICE)[CONTROL_POINT] == ["write"]
    cohort = [person.wearable for person in people()]
    served = [CONTROL_POINT in characteristics_of(one, gatt.HEART_RATE_SERVICE) for one in cohort]
    assert served == [bool(energies_of(simulated(one, 25))) for one in cohort]
    assert set(served) == {True, False}


def test_hrs_sen_cn_bv_01_c_measurements_are_notified() -> None:
    measurements = simulated(simulated_strap().wearable, 60)
    assert 55 <= len(measurements) <= 65
    assert all(30 < one.heart_rate_bpm < 220 for one in measurements[5:])  # at first it looks for beats


def test_hrs_sen_cn_bv_02_c_energy_expended_is_notified() -> None:
    assert [one.energy_expended_kj for one in heard("0e48ff00")] == [255] * 3
    measurements = simulated(simulated_with_energy(), 180)
    sent_at = [n for n, one in enumerate(measurements) if one.energy_expended_kj is not None]
    steps = [later - earlier for earlier, later in pairwise(sent_at)]
    assert mode(steps) == 10  # with every tenth; of all, some are lost on the air
    assert min(steps) >= 8
    energies = energies_of(measurements)
    assert 15 <= len(energies) <= 18
    assert energies == sorted(energies)
    assert energies[-1] > energies[0]


def test_hrs_sen_cn_bv_03_c_intervals_are_notified_the_oldest_first() -> None:
    assert [one.rr_ticks for one in heard("164800040003")] == [(1024, 768)] * 3
    person = simulated_strap()
    measurements = simulated(person.wearable, 60)
    assert not person.truth.lost_us
    assert sum(len(one.rr_ticks) > 1 for one in measurements) > 10
    sent_s = [ticks / 1024 for measurement in measurements for ticks in measurement.rr_ticks]
    beats_s = person.truth.beats_s[: len(sent_s) + 1]
    assert sent_s == pytest.approx([later - earlier for earlier, later in pairwise(beats_s)], abs=1 / 1024)


def test_hrs_sen_cn_bv_04_c_sixteen_bit_rates_are_notified() -> None:
    assert [one.heart_rate_bpm for one in heard("072c01")] == [300] * 3


def test_hrs_sen_cn_bv_05_c_contact_may_come_and_go() -> None:
    async def listen(client: BleakClient, clock: Clock) -> list[bytes]:
        return await payloads_of(client, clock, seconds=4)

    arrived = with_client(strap([b"\x04\x48", b"\x06\x48"]), listen)
    assert {decode(one).contact for one in arrived[:2]} == {Contact.ABSENT, Contact.PRESENT}


def test_hrs_sen_con_bv_01_c_nothing_is_notified_until_it_is_asked_for() -> None:
    async def listen(client: BleakClient, clock: Clock) -> int:
        await clock.sleep_until_us(10 * SECOND_US)
        return len(await payloads_of(client, clock, seconds=5))

    assert with_client(strap(), listen) == 5  # what was made before is not kept


def test_hrs_sen_cr_bv_01_c_body_sensor_location_is_read() -> None:
    async def read(client: BleakClient, _clock: Clock) -> bytes:
        return bytes(await client.read_gatt_char(LOCATION))

    for location in BodySensorLocation:
        assert with_client(strap(body_sensor_location=location), read) == bytes([location])


def test_hrs_sen_cw_bv_01_c_a_reset_begins_the_count_anew() -> None:
    def rising() -> Iterator[Emission]:
        return (Emission(at_us=n * SECOND_US, payload=bytes([0x08, 72, 50 + n, 0])) for n in count())

    async def reset_twice(client: BleakClient, clock: Clock) -> list[int | None]:
        energies: list[int | None] = []
        for _ in range(2):
            await client.write_gatt_char(CONTROL_POINT, b"\x01", response=True)
            energies += [decode(one).energy_expended_kj for one in await payloads_of(client, clock, seconds=3)]
        return energies

    assert with_client(strap(emissions=rising(), counts_energy=True), reset_twice) == [1, 2, 3] * 2

    async def reset_between(client: BleakClient, clock: Clock) -> list[list[int]]:
        before = await payloads_of(client, clock, seconds=60)
        await client.write_gatt_char(CONTROL_POINT, b"\x01", response=True)
        after = await payloads_of(client, clock, seconds=60)
        return [energies_of([decode(one) for one in payloads]) for payloads in (before, after)]

    before, after = with_client(simulated_with_energy(), reset_between)
    assert after[0] < before[-1]
    assert after == sorted(after)


@pytest.mark.parametrize("command", [b"\x00", b"\x02", b"\xff", b"", b"\x01\x00"])
def test_hrs_sen_cw_bi_01_c_any_other_command_is_refused(command: bytes) -> None:
    async def refused(client: BleakClient, _clock: Clock) -> int:
        with pytest.raises(BleakGATTProtocolError) as told:
            await client.write_gatt_char(CONTROL_POINT, command, response=True)
        return told.value.code

    assert with_client(strap(counts_energy=True), refused) == gatt.CONTROL_POINT_NOT_SUPPORTED


def test_bas_sr_sggit_cha_bv_01_c_battery_level_is_served_and_read() -> None:
    async def read(client: BleakClient, _clock: Clock) -> bytes:
        return bytes(await client.read_gatt_char(BATTERY_LEVEL))

    assert set(characteristics_of(strap(), gatt.BATTERY_SERVICE)) == {BATTERY_LEVEL}
    assert with_client(strap(), read) == b"\x50"


def test_bas_sr_cn_bv_01_c_battery_level_is_notified_when_it_falls() -> None:
    async def listen(client: BleakClient, clock: Clock) -> list[bytes]:
        return await payloads_of(client, clock, seconds=95, uuid=BATTERY_LEVEL)

    assert with_client(strap(battery_falls_pct_per_h=60), listen) == [b"\x4f"]
