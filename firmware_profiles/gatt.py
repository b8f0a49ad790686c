"""Names, numbers and small values of the services that a heart-rate wearable offers beside the heart rate itself.

References:
    Bluetooth SIG assigned numbers; Heart Rate Service 1.0, 3.2 (body sensor location) and 3.3 (control point);
    Battery Service 1.0, 3.1; Device Information Service 1.1, 3.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

_BASE: Final = "0000{:04x}-0000-1000-8000-00805f9b34fb"


def uuid_of(short: int) -> str:
    """The 128-bit text form of a 16-bit assigned number, as Bleak writes it."""
    return _BASE.format(short)


HEART_RATE_SERVICE: Final = 0x180D
HEART_RATE_MEASUREMENT: Final = 0x2A37
BODY_SENSOR_LOCATION: Final = 0x2A38
HEART_RATE_CONTROL_POINT: Final = 0x2A39
BATTERY_SERVICE: Final = 0x180F
BATTERY_LEVEL: Final = 0x2A19
DEVICE_INFORMATION_SERVICE: Final = 0x180A
MANUFACTURER_NAME: Final = 0x2A29
MODEL_NUMBER: Final = 0x2A24
SERIAL_NUMBER: Final = 0x2A25
FIRMWARE_REVISION: Final = 0x2A26

RESET_ENERGY_EXPENDED: Final = 0x01
"""What a control point takes; to anything else it answers with the next."""
CONTROL_POINT_NOT_SUPPORTED: Final = 0x80


class BodySensorLocation(IntEnum):
    """Where the sensor says that it sits."""

    OTHER = 0
    CHEST = 1
    WRIST = 2
    FINGER = 3
    HAND = 4
    EAR_LOBE = 5
    FOOT = 6


def decode_body_sensor_location(payload: bytes) -> BodySensorLocation | None:
    """The body sensor location, or None where the value is reserved (>= 7) or missing."""
    if len(payload) < 1 or payload[0] > max(BodySensorLocation):
        return None
    return BodySensorLocation(payload[0])


def decode_battery_level(payload: bytes) -> int | None:
    """The battery's charge in percent, 0..100, or None where the value is outside that range or missing."""
    if len(payload) < 1 or payload[0] > 100:
        return None
    return payload[0]


def decode_text(payload: bytes) -> str:
    """A device-information string: UTF-8, padded by some devices with zeros; anything unprintable is replaced."""
    text = payload.split(b"\0", 1)[0].decode("utf-8", "replace").strip()
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
