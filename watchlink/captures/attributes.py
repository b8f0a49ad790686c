"""What a GATT server was seen to offer: its services, characteristics and values, from the traffic of its discovery.

Strategy: an answer only means something beside its question, so the last question of a link is kept; if the capture
began between the two, an answer that can be nothing but characteristic declarations is still read. A handle learnt once
holds for the device, not for the link: hosts do not discover again after a reconnect.

References:
    Bluetooth Core 5.4, vol 3 part F, 3.4 (ATT) and part G, 3.3 (characteristic declarations).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from firmware_profiles.gatt import (
    BATTERY_LEVEL,
    BODY_SENSOR_LOCATION,
    FIRMWARE_REVISION,
    HEART_RATE_MEASUREMENT,
    MANUFACTURER_NAME,
    MODEL_NUMBER,
)
from watchlink.packets import Attribute

NOTIFICATION: Final = 0x1B
_FIND_INFORMATION_RESPONSE: Final = 0x05
_READ_BY_TYPE: Final = 0x08
_READ_BY_TYPE_RESPONSE: Final = 0x09
_READ: Final = 0x0A
_READ_RESPONSE: Final = 0x0B
_READ_BY_GROUP: Final = 0x10
_READ_BY_GROUP_RESPONSE: Final = 0x11
_WRITE: Final = 0x12
_WRITE_COMMAND: Final = 0x52
# Sizes, bare confirmations, indications. (An error says that a question gets no answer.)
_SAYS_NOTHING: Final = frozenset((0x02, 0x03, 0x13, 0x1D, 0x1E))
# A write of a Client Characteristic Configuration: opcode, handle, two octets.
_CONFIGURES: Final = 5
_SERVER_SAYS: Final = frozenset(
    (0x01, 0x03, 0x05, 0x07, 0x09, 0x0B, 0x0D, 0x0F, 0x11, 0x13, 0x17, 0x19, 0x1B, 0x1D, 0x21, 0x23)
)

_CHARACTERISTIC: Final = 0x2803
_CONFIGURATION: Final = 0x2902
_DEVICE_NAME: Final = 0x2A00
# Types of attributes that are structure, not values.
_STRUCTURE: Final = range(0x2800, 0x2A00)
_DECLARATION_SIZES: Final = (7, 21)
_BLUETOOTH_BASE: Final = 0x0000000000001000800000805F9B34FB
# A server has 65535 handles; what is remembered of one is bounded by far less, or a hostile file would fill the memory.
_MOST_HANDLES: Final = 1024

KEPT: Final[Mapping[int, Attribute]] = {
    BATTERY_LEVEL: Attribute.BATTERY_LEVEL,
    BODY_SENSOR_LOCATION: Attribute.BODY_SENSOR_LOCATION,
    MANUFACTURER_NAME: Attribute.MANUFACTURER_NAME,
    MODEL_NUMBER: Attribute.MODEL_NUMBER,
    FIRMWARE_REVISION: Attribute.FIRMWARE_REVISION,
}
"""Characteristics whose values are packets of a log."""


def said_by_server(opcode: int) -> bool:
    """Whether only a server sends this: a response, a notification or an indication."""
    return opcode in _SERVER_SAYS


def says_nothing(opcode: int, size: int) -> bool:
    """Whether nothing can be learnt from a PDU of this size."""
    return opcode in _SAYS_NOTHING or (opcode in (_WRITE, _WRITE_COMMAND) and size != _CONFIGURES)


def uuid_text(uuid: int) -> str:
    """A UUID as people write it: 0x180d where it has a short form."""
    return f"0x{uuid:04x}" if uuid < 1 << 32 else str(UUID(int=uuid))


@dataclass(slots=True, eq=False)
class Device:
    """One GATT server.

    Attributes:
        name: as advertised or read, "" if neither was seen.
        connections: how many links to it began in the capture.
        services: first handle to UUID.
        characteristics: value handle to UUID.
        subscribed: value handles for which notifications were switched on.
        notified: value handle to the count of its notifications, as a cell that a reader may count in.
        reads: the last value of each of the `KEPT` characteristics.
        measurement: value handle of the Heart Rate Measurement, None while it is not known.
        guessed: that handle was told by the shape of the values alone.
        wearable: its key in the log, None while no heart rate came from it.
        heart_rates: notifications that went into the log.
    """

    name: str = ""
    connections: int = 0
    services: dict[int, int] = field(default_factory=dict[int, int])
    characteristics: dict[int, int] = field(default_factory=dict[int, int])
    subscribed: set[int] = field(default_factory=set[int])
    notified: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    reads: dict[Attribute, bytes] = field(default_factory=dict[Attribute, bytes])
    measurement: int | None = None
    guessed: bool = False
    wearable: str | None = None
    heart_rates: int = 0

    def learn(self, handle: int, uuid: int) -> None:
        """The value at `handle` is of this characteristic."""
        if len(self.characteristics) < _MOST_HANDLES or uuid == HEART_RATE_MEASUREMENT:
            self.characteristics[handle] = uuid
        if uuid == HEART_RATE_MEASUREMENT:
            self.measurement, self.guessed = handle, False

    def count(self, handle: int) -> list[int]:
        """The cell in which notifications of `handle` are counted."""
        if handle not in self.notified and len(self.notified) >= _MOST_HANDLES:
            handle = 0  # no attribute has it: all that are too many together
        return self.notified.setdefault(handle, [0])


class Conversation:
    """Stage: what is asked and answered between a client and one server, in the order of the link."""

    def __init__(self, device: Device, on_read: Callable[[int, Attribute, bytes], None]) -> None:
        """Note in `device` what is learnt; `on_read` is given values that belong into the log."""
        self._device = device
        self._on_read = on_read
        self._asked: tuple[int, int] | None = None

    def push(self, at_us: int, pdu: bytes) -> None:
        """Take one PDU that is no notification. One that is malformed teaches nothing."""
        opcode = pdu[0]
        if said_by_server(opcode):
            asked, self._asked = self._asked, None
            self._answered(at_us, pdu, asked)
        elif opcode in (_READ_BY_TYPE, _READ_BY_GROUP) and len(pdu) in (7, 21):
            self._asked = (opcode, _uuid(pdu[5:]))
        elif opcode == _READ and len(pdu) >= 3:
            self._asked = (opcode, _number(pdu, 1))
        else:
            self._asked = None
            if opcode in (_WRITE, _WRITE_COMMAND) and len(pdu) >= 4:
                self._written(_number(pdu, 1), pdu[3:])

    def _answered(self, at_us: int, pdu: bytes, asked: tuple[int, int] | None) -> None:
        opcode = pdu[0]
        question, about = asked or (None, 0)
        if opcode == _FIND_INFORMATION_RESPONSE:
            self._described(pdu)
        elif opcode == _READ_BY_TYPE_RESPONSE:
            if question == _READ_BY_TYPE and about != _CHARACTERISTIC:
                self._read_by_type(at_us, about, pdu)
            else:
                self._declared(pdu, sure=question == _READ_BY_TYPE)
        elif opcode == _READ_RESPONSE and question == _READ and about in self._device.characteristics:
            self._value(at_us, self._device.characteristics[about], pdu[1:])
        elif opcode == _READ_BY_GROUP_RESPONSE:
            self._grouped(pdu)

    def _grouped(self, pdu: bytes) -> None:
        """Services: first handle, last handle, UUID."""
        for entry in _entries(pdu, sizes=(6, 20)):
            if len(self._device.services) < _MOST_HANDLES:
                self._device.services[_number(entry, 0)] = _uuid(entry[4:])

    def _declared(self, pdu: bytes, *, sure: bool) -> None:
        """Characteristics: handle of the declaration, properties, handle of the value, UUID."""
        entries = list(_entries(pdu, sizes=_DECLARATION_SIZES))
        if sure or all(_number(entry, 0) < _number(entry, 3) for entry in entries):
            for entry in entries:
                self._device.learn(_number(entry, 3), _uuid(entry[5:]))

    def _read_by_type(self, at_us: int, uuid: int, pdu: bytes) -> None:
        if len(pdu) >= 4 and pdu[1] >= 2 and uuid not in _STRUCTURE:
            self._device.learn(_number(pdu, 2), uuid)
            self._value(at_us, uuid, pdu[4 : 2 + pdu[1]])

    def _described(self, pdu: bytes) -> None:
        """Handles and types of whatever stands there; a type that is no structure is a value's."""
        if len(pdu) < 2 or pdu[1] not in (1, 2):
            return
        size = 4 if pdu[1] == 1 else 18
        for at in range(2, len(pdu) - size + 1, size):
            uuid = _uuid(pdu[at + 2 : at + size])
            if uuid not in _STRUCTURE:
                self._device.learn(_number(pdu, at), uuid)

    def _written(self, handle: int, value: bytes) -> None:
        """Two octets of bits right behind a value: its Client Characteristic Configuration."""
        if len(value) != 2 or value[0] & ~0b11 or value[1]:
            return
        before = [known for known in self._device.characteristics if known < handle]
        value_handle = max(before, default=handle - 1)
        if value[0] & 1 and len(self._device.subscribed) < _MOST_HANDLES:
            self._device.subscribed.add(value_handle)
        elif not value[0]:
            self._device.subscribed.discard(value_handle)

    def _value(self, at_us: int, uuid: int, value: bytes) -> None:
        if uuid == _DEVICE_NAME and not self._device.name:
            self._device.name = value.decode("utf-8", "replace")
        elif uuid in KEPT:
            self._on_read(at_us, KEPT[uuid], value)


def _entries(pdu: bytes, *, sizes: tuple[int, ...]) -> Iterator[bytes]:
    """The entries of a response that names their size first."""
    size = pdu[1] if len(pdu) >= 2 else 0
    if size in sizes:
        for at in range(2, len(pdu) - size + 1, size):
            yield pdu[at : at + size]


def _number(octets: bytes, at: int) -> int:
    return octets[at] | octets[at + 1] << 8


def _uuid(octets: bytes) -> int:
    """A UUID of 16 or 128 bits; a long form of a short one is made short."""
    uuid = int.from_bytes(octets, "little")
    short, rest = uuid >> 96, uuid & (1 << 96) - 1
    return short if len(octets) == 16 and rest == _BLUETOOTH_BASE else uuid
