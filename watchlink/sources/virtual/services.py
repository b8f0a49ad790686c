"""What a virtual wearable serves and advertises: the profile's tables in Bumble's terms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bumble import att, core, data_types
from bumble.device import Connection
from bumble.gatt import Characteristic, Service

from firmware_profiles import gatt
from watchlink.sources.virtual.wearable import VirtualWearable


def heart_rate_measurement() -> Characteristic[bytes]:
    """The heart rate, to be notified of."""
    return Characteristic(
        _uuid(gatt.HEART_RATE_MEASUREMENT), Characteristic.Properties.NOTIFY, Characteristic.Permissions(0), b""
    )


def battery_level(read: Callable[[Connection], Awaitable[bytes]]) -> Characteristic[bytes]:
    """The battery, which `read` answers for."""
    return Characteristic(
        _uuid(gatt.BATTERY_LEVEL),
        Characteristic.Properties.READ | Characteristic.Properties.NOTIFY,
        Characteristic.Permissions.READABLE,
        att.AttributeValue(read=read),
    )


def control_point(write: Callable[[Connection, bytes], None]) -> Characteristic[bytes]:
    """Where energy expended is reset, told to `write`."""
    return Characteristic(
        _uuid(gatt.HEART_RATE_CONTROL_POINT),
        Characteristic.Properties.WRITE,
        Characteristic.Permissions.WRITEABLE,
        att.AttributeValue(write=write),
    )


def services_of(
    wearable: VirtualWearable,
    measurement: Characteristic[bytes],
    battery: Characteristic[bytes],
    control_point: Characteristic[bytes],
) -> list[Service]:
    """Heart rate, battery and device information; what the wearable lacks is left out."""
    heart_rate = [measurement]
    if wearable.body_sensor_location is not None:
        heart_rate.append(_readable(gatt.BODY_SENSOR_LOCATION, bytes([wearable.body_sensor_location])))
    if wearable.counts_energy:
        heart_rate.append(control_point)
    information = [
        _readable(gatt.MANUFACTURER_NAME, wearable.manufacturer.encode()),
        _readable(gatt.MODEL_NUMBER, wearable.model.encode()),
        _readable(gatt.FIRMWARE_REVISION, wearable.firmware.encode()),
    ]
    if wearable.serves_serial:
        information.append(_readable(gatt.SERIAL_NUMBER, wearable.serial.encode()))
    return [
        Service(_uuid(gatt.HEART_RATE_SERVICE), heart_rate),
        Service(_uuid(gatt.BATTERY_SERVICE), [battery]),
        Service(_uuid(gatt.DEVICE_INFORMATION_SERVICE), information),
    ]


def advertisement_of(wearable: VirtualWearable) -> bytes:
    """The octets that it advertises."""
    flags = core.AdvertisingData.Flags
    fields: list[core.DataType] = [
        data_types.Flags(flags.LE_GENERAL_DISCOVERABLE_MODE | flags.BR_EDR_NOT_SUPPORTED),
        data_types.CompleteLocalName(wearable.name),
    ]
    if wearable.advertises_service:
        fields.insert(1, data_types.CompleteListOf16BitServiceUUIDs([_uuid(gatt.HEART_RATE_SERVICE)]))
    if wearable.manufacturer_data is not None:
        fields.append(data_types.ManufacturerSpecificData(*wearable.manufacturer_data))
    return bytes(core.AdvertisingData(fields))


def _readable(number: int, value: bytes) -> Characteristic[bytes]:
    return Characteristic(_uuid(number), Characteristic.Properties.READ, Characteristic.Permissions.READABLE, value)


def _uuid(number: int) -> core.UUID:
    return core.UUID.from_16_bits(number)
