"""One virtual wearable on the air: a Bumble host that serves GATT, advertises while it is free, and notifies.

Strategy: a task advertises while no central is connected, another one sleeps on the clock and sends. What is wrong with
the wearable is an attribute that is looked at when it sends or answers. A notification is written down as delivered
when an adapter took it; what it was is remembered in the order of sending, for the air keeps that order.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, replace
from enum import Enum, auto
from math import ceil
from typing import Any, Final

from bumble import att, hci
from bumble.device import Connection, Device
from bumble.gatt import GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR as CCCD
from bumble.gatt import Characteristic
from bumble.pairing import PairingConfig, PairingDelegate

from firmware_profiles import gatt
from firmware_profiles.heart_rate_service import decode, encode
from watchlink.clock import Clock
from watchlink.sources.virtual.room import RoomController
from watchlink.sources.virtual.services import (
    advertisement_of,
    battery_level,
    control_point,
    heart_rate_measurement,
    services_of,
)
from watchlink.sources.virtual.wearable import VirtualWearable

# A static random address (the two highest bits are set), the same in every run: generation, then position.
_ADDRESS: Final = "C0:00:01:{:02X}:{:02X}:{:02X}"
_ADVERTISING_INTERVAL_MS: Final = 250.0
# Longer than a client should wait for a value, shorter than the 30 s after which ATT gives the link up.
_SLOW_ANSWER_S: Final = 10.0
_MALFORMED_EVERY: Final = 4
_MALFORMED: Final = (b"", b"\x16", b"\x01\x48")
_BATTERY_EVERY: Final = 10  # emissions; looking at it each time is felt in two hours of eight
_US_PER_H: Final = 3_600_000_000
_NOTIFICATION: Final = 0x1B


def address_of(position: int, *, generation: int = 0) -> str:
    """The address of the wearable at a position of its air, and after so many changes of it."""
    return _ADDRESS.format(generation % 256, *divmod(position, 256))


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A heart-rate notification that an adapter took on a living link, so that its host was given it.

    Attributes:
        at_us: when, on the clock's axis.
        payload: as it arrived, that is cut to what the link bears.
        malformed: made up by `VirtualAir.garble`; otherwise it is an emission of the wearable.
    """

    at_us: int
    payload: bytes
    malformed: bool = False


class Battery(Enum):
    """How a wearable answers when its battery is read."""

    ANSWERS = auto()
    REFUSES = auto()
    """With an ATT error."""
    SLOW = auto()
    """Ten seconds late."""


class Pairing(Enum):
    """What happens when a wearable is asked to pair."""

    AGREES = auto()
    REFUSES = auto()
    WAITS = auto()
    """For somebody to confirm it on its screen, where nobody looks."""


class _Sent(Enum):
    """What a notification on its way is."""

    EMISSION = auto()
    COPY = auto()
    MALFORMED = auto()


class Peripheral:
    """A wearable as it is on the air, from `switch_on` to `switch_off`.

    Attributes:
        controller: its Bumble controller.
        silent: sends no measurement.
        doubled: sends each measurement twice.
        garbled: sends malformed measurements beside the good ones.
        battery_answer: how a read of the battery is answered.
        pairing: what happens when it is asked to pair.
        pairings: how often it was paired.
        needs_bond: whether it sends its heart rate only to those whom it is paired with.
    """

    def __init__(
        self,
        wearable: VirtualWearable,
        *,
        device: Device,
        controller: RoomController,
        clock: Clock,
        position: int,
        delivered: list[Delivery],
    ) -> None:
        """Serve what the wearable serves; nothing is on the air yet.

        Args:
            wearable: what it shows and sends.
            device: its Bumble host.
            controller: its Bumble controller.
            clock: the air's.
            position: of the wearable in its air, which gives it its address.
            delivered: where to write down what arrived.
        """
        self.controller = controller
        self.silent = False
        self.doubled = False
        self.garbled = False
        self.battery_answer = Battery.ANSWERS
        self.pairing = Pairing.AGREES
        self.pairings = 0
        self.needs_bond = wearable.needs_bond
        self._energy_kj = 0
        self._energy_at_reset_kj = 0
        self._wearable = wearable
        self._clock = clock
        self._device = device
        self._position = position
        self._delivered = delivered
        self._generation = 0
        self._charge = (0, wearable.battery_percent)
        self._battery_told = wearable.battery_percent
        self._emitted = 0
        self._wedged: Connection | None = None
        self._on_the_way: deque[_Sent] = deque()
        self._answering: set[asyncio.Task[object]] = set()
        self._measurement = heart_rate_measurement()
        self._level = battery_level(self._answer_battery)
        self._device.add_services(services_of(wearable, self._measurement, self._level, control_point(self._control)))
        if wearable.needs_bond:
            self._want_encryption()
        self._device.pairing_config_factory = self._pairing_config
        self._device.on(device.EVENT_CONNECTION, self._on_connection)
        self._free = asyncio.Event()
        self._off = False

    @property
    def address(self) -> hci.Address:
        """Under which it advertises now."""
        return self._device.random_address

    async def switch_on(self) -> None:
        """Begin to advertise and to send."""
        await self._device.power_on()
        self._emitting = asyncio.create_task(self._emit())
        self._advertising = asyncio.create_task(self._advertise())

    async def switch_off(self) -> None:
        """Leave the air; `raise_failure` says whether it went well."""
        self._off = True
        self._free.set()
        self._emitting.cancel()
        await asyncio.wait({self._emitting, self._advertising, *self._answering})
        await self._device.stop_advertising()
        await self._device.power_off()

    def raise_failure(self) -> None:
        """Raise what ended a task of this wearable, if it was not switching off.

        Raises:
            Exception: what the wearable's `emissions` raised.
        """
        for task in (self._emitting, self._advertising):
            if not task.cancelled():
                task.result()

    def wedge(self) -> None:
        """Send nothing more over the present link."""
        self._wedged = next(iter(self._device.connections.values()), None)

    def change_address(self) -> None:
        """Advertise under another address, from the end of the present link on if there is one."""
        self._generation += 1
        if not self._device.connections:  # otherwise it is done when the loss of the link is heard of
            self._free.set()

    def battery(self) -> int:
        """Its charge now, in percent."""
        since_us, percent = self._charge
        gone = (self._clock.now_us() - since_us) / _US_PER_H * self._wearable.battery_falls_pct_per_h
        return max(0, ceil(percent - gone))

    def set_battery(self, percent: int) -> None:
        """Charge or empty the battery to `percent`.

        Raises:
            ValueError: outside 0..100.
        """
        if not 0 <= percent <= 100:
            raise ValueError(f"a battery holds 0 to 100 percent, got {percent}")
        self._charge = (self._clock.now_us(), percent)

    def on_packet(self, packet: bytes, arrived: bool) -> None:  # noqa: FBT001 - a callback
        """Write down a notification that an adapter took. An L2CAP header comes first, then opcode and handle."""
        if len(packet) < 7 or packet[4] != _NOTIFICATION:
            return
        if int.from_bytes(packet[5:7], "little") != self._measurement.handle:
            return
        sent = self._on_the_way.popleft()
        if arrived and sent is not _Sent.COPY:
            self._delivered.append(
                Delivery(at_us=self._clock.now_us(), payload=packet[7:], malformed=sent is _Sent.MALFORMED)
            )

    async def _advertise(self) -> None:
        generation = 0
        while not self._off:
            self._free.clear()
            if generation != self._generation:
                generation = self._generation
                await self._device.stop_advertising()
                await self._move_to(address_of(self._position, generation=generation))
            await self._device.start_advertising(
                advertising_data=advertisement_of(self._wearable),
                advertising_interval_min=_ADVERTISING_INTERVAL_MS,
                advertising_interval_max=_ADVERTISING_INTERVAL_MS,
            )
            await self._free.wait()

    async def _move_to(self, text: str) -> None:
        address = hci.Address(text)
        self._device.static_address = self._device.random_address = address
        await self._device.send_sync_command(
            hci.HCI_LE_Set_Random_Address_Command(  # pyright: ignore[reportUnknownArgumentType]
                random_address=address
            )
        )

    def _on_connection(self, connection: Connection) -> None:
        self._on_the_way.clear()
        connection.on(connection.EVENT_DISCONNECTION, self._on_disconnection)
        connection.on(connection.EVENT_PAIRING, self._on_pairing)

    def _on_pairing(self, _keys: object) -> None:
        self.pairings += 1

    def _want_encryption(self) -> None:
        """Let the measurement be subscribed to over an encrypted link only."""
        server: Any = self._device.gatt_server  # its lookups have partial types
        subscription = server.get_attribute(self._measurement.handle + 1)
        assert subscription.type == CCCD
        subscription.permissions |= att.Attribute.READ_REQUIRES_ENCRYPTION | att.Attribute.WRITE_REQUIRES_ENCRYPTION

    def _pairing_config(self, _connection: Connection) -> PairingConfig:
        return PairingConfig(delegate=_Wrist(self))

    def _control(self, _connection: Connection, value: bytes) -> None:
        if value != bytes([gatt.RESET_ENERGY_EXPENDED]):
            raise att.ATT_Error(error_code=gatt.CONTROL_POINT_NOT_SUPPORTED)
        self._energy_at_reset_kj = self._energy_kj

    def _since_reset(self, payload: bytes) -> bytes:
        """A measurement with its energy counted from the last reset on."""
        measurement = decode(payload)
        if measurement.energy_expended_kj is None:
            return payload
        self._energy_kj = measurement.energy_expended_kj
        since_reset_kj = max(0, self._energy_kj - self._energy_at_reset_kj)
        return encode(replace(measurement, energy_expended_kj=since_reset_kj))

    def _on_disconnection(self, _reason: int) -> None:
        self._wedged = None
        self._free.set()

    async def _emit(self) -> None:
        for emission in self._wearable.emissions:
            await self._clock.sleep_until_us(emission.at_us)
            self._emitted += 1
            payload = self._since_reset(emission.payload) if self._wearable.counts_energy else emission.payload
            if self.silent:
                continue
            for connection in self._device.connections.values():
                if connection is not self._wedged:
                    self._send_measurement(connection, payload)
                    if self._emitted % _BATTERY_EVERY == 0:
                        self._tell_battery(connection)

    def _send_measurement(self, connection: Connection, payload: bytes) -> None:
        """Send, or discard where nobody subscribed: a sensor does not keep old values."""
        if not self._is_subscribed(connection, self._measurement):
            return
        self._on_the_way.append(_Sent.EMISSION)
        self._notify(connection, self._measurement, payload)
        if self.doubled:
            self._on_the_way.append(_Sent.COPY)
            self._notify(connection, self._measurement, payload)
        if self.garbled and self._emitted % _MALFORMED_EVERY == 0:
            self._on_the_way.append(_Sent.MALFORMED)
            garbage = _MALFORMED[self._emitted // _MALFORMED_EVERY % len(_MALFORMED)]
            self._notify(connection, self._measurement, garbage)

    def _tell_battery(self, connection: Connection) -> None:
        percent = self.battery()
        if percent != self._battery_told:
            self._battery_told = percent
            if self._is_subscribed(connection, self._level):
                self._notify(connection, self._level, bytes([percent]))

    def _is_subscribed(self, connection: Connection, to: Characteristic[bytes]) -> bool:
        cccd = self._device.gatt_server.read_cccd(connection, to)  # pyright: ignore[reportUnknownMemberType]
        return bool(cccd[0] & 1)

    def _notify(self, connection: Connection, of: Characteristic[bytes], payload: bytes) -> None:
        """As `Device.notify_subscriber` does it, but without formatting the PDU for a log."""
        value = payload[: connection.att_mtu - 3]
        pdu = att.ATT_Handle_Value_Notification(attribute_handle=of.handle, attribute_value=value)
        self._device.gatt_server.send_gatt_pdu(connection, bytes(pdu))

    async def _answer_battery(self, connection: Connection) -> bytes:
        if self.battery_answer is Battery.REFUSES:
            raise att.ATT_Error(error_code=att.ATT_UNLIKELY_ERROR_ERROR)
        task = asyncio.current_task()
        if self.battery_answer is Battery.SLOW and task is not None:
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SLOW_ANSWER_S):
                    await self._free.wait()
            if self._device.connections.get(connection.handle) is not connection:
                # Nobody is left to be answered, and on a new link it would meet another question.
                raise asyncio.CancelledError
        return bytes([self.battery()])


class _Wrist(PairingDelegate):
    """Who wears a wearable and is asked whether to pair it; there are no digits to compare."""

    def __init__(self, peripheral: Peripheral) -> None:
        super().__init__()
        self._peripheral = peripheral

    async def accept(self) -> bool:
        if self._peripheral.pairing is Pairing.WAITS:
            await asyncio.Event().wait()  # until the link is over
        return self._peripheral.pairing is Pairing.AGREES
