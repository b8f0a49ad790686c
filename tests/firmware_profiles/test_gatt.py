"""Small values beside the heart rate: reserved, missing and dirty ones are absent or replaced, never a crash."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles.gatt import (
    HEART_RATE_MEASUREMENT,
    HEART_RATE_SERVICE,
    BodySensorLocation,
    decode_battery_level,
    decode_body_sensor_location,
    decode_text,
    uuid_of,
)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (HEART_RATE_SERVICE, "0000180d-0000-1000-8000-00805f9b34fb"),
        (HEART_RATE_MEASUREMENT, "00002a37-0000-1000-8000-00805f9b34fb"),
        (0x0001, "00000001-0000-1000-8000-00805f9b34fb"),
    ],
)
def test_assigned_number_has_its_long_form(short: int, long: str) -> None:
    assert uuid_of(short) == long


@pytest.mark.parametrize(
    ("payload", "location"),
    [
        (b"\x00", BodySensorLocation.OTHER),
        (b"\x01", BodySensorLocation.CHEST),
        (b"\x02", BodySensorLocation.WRIST),
        (b"\x03", BodySensorLocation.FINGER),
        (b"\x04", BodySensorLocation.HAND),
        (b"\x05", BodySensorLocation.EAR_LOBE),
        (b"\x06", BodySensorLocation.FOOT),
        (b"\x01\xff", BodySensorLocation.CHEST),
        pytest.param(b"\x07", None, id="HRP/COL/HRF/BI-03-C reserved value"),
        (b"\xff", None),
        (b"", None),
    ],
)
def test_body_sensor_location_is_known_or_absent(payload: bytes, location: BodySensorLocation | None) -> None:
    assert decode_body_sensor_location(payload) is location


@pytest.mark.parametrize(
    ("payload", "charge_pct"), [(b"\x00", 0), (b"\x64", 100), (b"\x2a\x00", 42), (b"\x65", None), (b"", None)]
)
def test_battery_level_is_a_percentage_or_absent(payload: bytes, charge_pct: int | None) -> None:
    assert decode_battery_level(payload) == charge_pct


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        pytest.param(b"Polar Electro Oy", "Polar Electro Oy", id="plain"),
        pytest.param(b"H10\0\0\0", "H10", id="padded with zeros"),
        pytest.param(b"H10\0garbage", "H10", id="ends at the first zero"),
        pytest.param(b" H10 \r\n", "H10", id="blanks around it"),
        pytest.param("fēnix".encode(), "fēnix", id="UTF-8"),
        pytest.param(b"H\xff10", "H\N{REPLACEMENT CHARACTER}10", id="no UTF-8"),
        pytest.param(b"\x1b[2J!", "\N{REPLACEMENT CHARACTER}[2J!", id="would clear a terminal"),
        pytest.param(b"", "", id="empty"),
    ],
)
def test_device_text_is_readable(payload: bytes, text: str) -> None:
    assert decode_text(payload) == text


@given(payload=st.binary(max_size=64))
def test_no_octet_of_a_device_reaches_the_terminal_unprintable(payload: bytes) -> None:
    assert decode_text(payload).isprintable()
