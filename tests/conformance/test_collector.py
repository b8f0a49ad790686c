"""The collector's side: one test for each id of the Heart Rate Profile's collector cases, over the whole real path.

Modelled on the TCRL test-case ids; see docs/conformance.md for what that is and what it is not.
"""

from __future__ import annotations

from itertools import count

import pytest
from bleak import BleakClient

from firmware_profiles import gatt
from firmware_profiles.gatt import BodySensorLocation, decode_body_sensor_location
from firmware_profiles.heart_rate_service import Contact, HeartRateMeasurement, decode, encode
from watchlink.clock import Clock
from watchlink.packets import Attribute, LinkState
from watchlink.readings import Worn
from watchlink.sources.virtual.air import VirtualAir
from watchlink.sources.virtual.wearable import Emission

from .heard import (
    MEASUREMENT,
    SECOND_US,
    SERIAL,
    characteristics_of,
    hold_session,
    payloads_of,
    strap,
    with_client,
)

CONTROL_POINT = gatt.uuid_of(gatt.HEART_RATE_CONTROL_POINT)
INFORMATION = {
    gatt.uuid_of(number)
    for number in (gatt.MANUFACTURER_NAME, gatt.MODEL_NUMBER, gatt.SERIAL_NUMBER, gatt.FIRMWARE_REVISION)
}
CCCD = gatt.uuid_of(0x2902)

# payload | heart rate | contact | energy | RR ticks: each field there and not there, in both widths.
MEASUREMENTS = [
    ("0048", 72, Contact.NOT_SUPPORTED, None, ()),
    ("0448", 72, Contact.ABSENT, None, ()),
    ("0649", 73, Contact.PRESENT, None, ()),
    ("012c01", 300, Contact.NOT_SUPPORTED, None, ()),
    ("07ff00", 255, Contact.PRESENT, None, ()),
    ("0e4a1000", 74, Contact.PRESENT, 16, ()),
    ("164d1603", 77, Contact.PRESENT, None, (790,)),
    ("1e481100000400042003", 72, Contact.PRESENT, 17, (1024, 1024, 800)),
    ("1f4a00ffff0004", 74, Contact.PRESENT, 65535, (1024,)),
]


def test_hrp_col_cggit_ser_bv_01_c_heart_rate_service_is_found() -> None:
    async def services(client: BleakClient, _clock: Clock) -> list[str]:
        return [service.uuid for service in client.services]

    assert with_client(strap(), services).count(gatt.uuid_of(gatt.HEART_RATE_SERVICE)) == 1
    assert hold_session(strap()).states[-1] is LinkState.STREAMING


def test_hrp_col_cggit_ser_bv_02_c_device_information_service_is_found() -> None:
    async def services(client: BleakClient, _clock: Clock) -> list[str]:
        return [service.uuid for service in client.services]

    assert with_client(strap(), services).count(gatt.uuid_of(gatt.DEVICE_INFORMATION_SERVICE)) == 1
    assert Attribute.MODEL_NUMBER in hold_session(strap()).values


def test_hrp_col_cggit_cha_bv_01_c_measurement_is_found_with_its_configuration() -> None:
    async def descriptors(client: BleakClient, _clock: Clock) -> list[str]:
        characteristic = client.services.get_characteristic(MEASUREMENT)
        return [] if characteristic is None else [descriptor.uuid for descriptor in characteristic.descriptors]

    assert characteristics_of(strap(), gatt.HEART_RATE_SERVICE)[MEASUREMENT] == ["notify"]
    assert with_client(strap(), descriptors) == [CCCD]


def test_hrp_col_cggit_cha_bv_02_c_body_sensor_location_is_found_and_read() -> None:
    wearable = strap(body_sensor_location=BodySensorLocation.EAR_LOBE)
    found = characteristics_of(wearable, gatt.HEART_RATE_SERVICE)
    assert found[gatt.uuid_of(gatt.BODY_SENSOR_LOCATION)] == ["read"]
    assert [worn.location for worn in hold_session(wearable).of(Worn)] == [BodySensorLocation.EAR_LOBE]
    without = hold_session(strap(body_sensor_location=None))
    assert not without.of(Worn)
    assert without.states[-1] is LinkState.STREAMING


def test_hrp_col_cggit_cha_bv_03_c_control_point_is_found() -> None:
    assert characteristics_of(strap(counts_energy=True), gatt.HEART_RATE_SERVICE)[CONTROL_POINT] == ["write"]
    assert CONTROL_POINT not in characteristics_of(strap(), gatt.HEART_RATE_SERVICE)


def test_hrp_col_hrd_bv_09_c_device_information_is_found() -> None:
    found = characteristics_of(strap(), gatt.DEVICE_INFORMATION_SERVICE)
    assert found == {uuid: ["read"] for uuid in INFORMATION}
    assert set(characteristics_of(strap(serves_serial=False), gatt.DEVICE_INFORMATION_SERVICE)) < INFORMATION


def test_hrp_col_hrd_bv_10_c_device_information_is_read() -> None:
    session = hold_session(strap())
    assert session.values[Attribute.MANUFACTURER_NAME] == b"Maker"
    assert session.values[Attribute.MODEL_NUMBER] == b"Model 3"
    assert session.values[Attribute.FIRMWARE_REVISION] == b"1.2.3"
    assert len(session.identities) == 1  # made of the serial number, which is not kept
    assert SERIAL not in repr(session.packets)


def test_hrp_col_hrf_bv_03_c_notifications_are_switched_on_and_off() -> None:
    async def configure(client: BleakClient, _clock: Clock) -> list[bytes]:
        characteristic = client.services.get_characteristic(MEASUREMENT)
        assert characteristic is not None
        (descriptor,) = characteristic.descriptors
        seen = [bytes(await client.read_gatt_descriptor(descriptor))]
        await client.start_notify(characteristic, lambda _sender, _data: None)
        seen.append(bytes(await client.read_gatt_descriptor(descriptor)))
        await client.stop_notify(characteristic)
        return [*seen, bytes(await client.read_gatt_descriptor(descriptor))]

    assert with_client(strap(), configure) == [b"\0\0", b"\1\0", b"\0\0"]
    states = hold_session(strap()).states
    assert states == [
        LinkState.SEEKING,
        LinkState.CONNECTING,
        LinkState.SUBSCRIBING,
        LinkState.SUBSCRIBED,
        LinkState.STREAMING,
    ]


def test_hrp_col_hrf_bv_04_c_a_measurement_is_received_with_every_field_that_it_may_have() -> None:
    expected = {bytes.fromhex(payload): values for payload, *values in MEASUREMENTS}
    session = hold_session(strap(list(expected)), until_s=40)
    assert set(session.payloads) == set(expected)
    for payload, one in zip(session.payloads, session.measured, strict=True):
        decoded = decode(payload)
        seen = [one.heart_rate_bpm, one.contact, one.energy_expended_kj, one.rr_ticks]
        assert seen == expected[payload]
        assert seen == [decoded.heart_rate_bpm, decoded.contact, decoded.energy_expended_kj, decoded.rr_ticks]
        assert (one.reserved_flags, one.surplus_octets) == (0, 0)


def test_hrp_col_hrf_bv_05_c_many_measurements_are_received_each_once_and_in_order() -> None:
    def payload(n: int) -> bytes:
        intervals = tuple(1000 + n % 7 + i for i in range(n % 4))
        return encode(HeartRateMeasurement.of(heart_rate_bpm=50 + n, rr_ticks=intervals, contact=Contact.PRESENT))

    emissions = (Emission(at_us=n * SECOND_US, payload=payload(n)) for n in count())
    session = hold_session(strap(emissions=emissions), until_s=300)  # the rate outgrows eight bits on the way
    assert len(session.payloads) > 290
    assert session.payloads == session.delivered
    first = session.measured[0].heart_rate_bpm - 50
    assert session.payloads == [payload(first + n) for n in range(len(session.payloads))]
    assert [one.heart_rate_bpm for one in session.measured] == [decode(one).heart_rate_bpm for one in session.payloads]
    assert session.counts.notifications == len(session.payloads)
    assert (session.counts.duplicates, session.counts.late, session.counts.undecodable) == (0, 0, 0)


def test_hrp_col_hrf_bv_07_c_energy_expended_is_reset_through_the_control_point() -> None:
    emissions = (Emission(at_us=n * SECOND_US, payload=bytes([0x0E, 72, 100 + n, 0])) for n in count())

    async def reset(client: BleakClient, clock: Clock) -> tuple[list[bytes], list[bytes]]:
        before = await payloads_of(client, clock, seconds=5)
        await client.write_gatt_char(CONTROL_POINT, b"\x01", response=True)
        return before, await payloads_of(client, clock, seconds=5)

    before, after = with_client(strap(emissions=emissions, counts_energy=True), reset)
    assert [decode(one).energy_expended_kj for one in before] == [101, 102, 103, 104, 105]
    assert [decode(one).energy_expended_kj for one in after] == [1, 2, 3, 4, 5]


def test_hrp_col_hrf_bv_08_c_bond_is_kept_over_a_lost_link() -> None:
    def lose(air: VirtualAir) -> None:
        air.drop(SERIAL)

    session = hold_session(strap(needs_bond=True), until_s=60, trouble=lose, at_s=30)
    assert session.states.count(LinkState.CONNECTING) == 2
    assert session.states[-1] is LinkState.STREAMING
    assert session.pairings == 1
    assert session.payloads == session.delivered
    assert len(session.payloads) > 50


def test_hrp_col_hrf_bi_01_c_reserved_flag_bits_are_ignored_and_counted() -> None:
    payload = bytes.fromhex("e048")
    assert decode(payload).heart_rate_bpm == 72
    session = hold_session(strap([payload]))
    assert len(session.measured) > 25
    assert {(one.heart_rate_bpm, one.contact, one.rr_ticks, one.reserved_flags) for one in session.measured} == {
        (72, Contact.NOT_SUPPORTED, (), 0xE0)
    }
    assert session.counts.with_reserved_flags == len(session.measured)
    assert session.states[-1] is LinkState.STREAMING


def test_hrp_col_hrf_bi_02_c_additional_octets_are_ignored_and_counted() -> None:
    payload = bytes.fromhex("0048aabb")
    assert decode(payload).surplus == b"\xaa\xbb"
    session = hold_session(strap([payload]))
    assert len(session.measured) > 25
    assert {(one.heart_rate_bpm, one.contact, one.rr_ticks, one.surplus_octets) for one in session.measured} == {
        (72, Contact.NOT_SUPPORTED, (), 2)
    }
    assert session.counts.with_surplus_octets == len(session.measured)
    assert session.states[-1] is LinkState.STREAMING


@pytest.mark.parametrize("reserved", [7, 255])
def test_hrp_col_hrf_bi_03_c_reserved_body_sensor_location_is_taken_for_none(reserved: int) -> None:
    assert decode_body_sensor_location(bytes([reserved])) is None
    session = hold_session(strap(body_sensor_location=reserved))
    assert session.values[Attribute.BODY_SENSOR_LOCATION] == bytes([reserved])
    assert not session.of(Worn)
    assert len(session.measured) > 25
    assert session.states[-1] is LinkState.STREAMING
