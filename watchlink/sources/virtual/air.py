"""A Bluetooth air in this process: wearables that advertise and notify, and a central through which Bleak hears them.

Strategy: one link; on it a Bumble controller, host and device for every wearable, and one more set for the central,
which `backend` offers to Bleak. Advertising, GATT, ATT, L2CAP and HCI are real, only the radio is a function call. A
sensor is a task that sleeps on the clock and sends. The subclasses at the end mend what Bumble lacks for this: a
connection attempt can be given up, controllers are met in the order in which they came (a set's order differs from run
to run), and packets are not formatted for a log that nobody reads, which took half of the time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from bumble import att, core, data_types, hci, ll
from bumble.controller import Controller
from bumble.device import Connection, Device
from bumble.gatt import Characteristic, Service
from bumble.host import Host
from bumble.link import LocalLink

from firmware_profiles import gatt
from firmware_profiles.gatt import BodySensorLocation
from watchlink.clock import Clock
from watchlink.sources.ble import Radio
from watchlink.sources.virtual.backend import Central, radio_of

# Static random addresses (the two highest bits are set): the same in every run.
_ADDRESS: Final = "C0:00:00:00:00:{:02X}"
_ADVERTISING_INTERVAL_MS: Final = 250.0

_log = logging.getLogger("bumble")
_log.addHandler(logging.NullHandler())  # its warnings go to whoever configures logging, not onto a terminal board


@dataclass(frozen=True, slots=True, kw_only=True)
class Emission:
    """One notification that a wearable's sensor makes, `at_us` on the clock's axis."""

    at_us: int
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualWearable:
    """What one wearable shows on the air.

    Attributes:
        name: as advertised; tells the wearables of one air apart.
        manufacturer: read from the device information service, like `model` and `firmware`.
        model: see `manufacturer`.
        firmware: see `manufacturer`.
        battery_percent: 0..100.
        body_sensor_location: None leaves the characteristic out.
        emissions: Heart Rate Measurements in order of time; may be lazy and endless.
    """

    name: str
    manufacturer: str
    model: str
    firmware: str
    battery_percent: int
    body_sensor_location: BodySensorLocation | None
    emissions: Iterable[Emission]


class VirtualAir:
    """Wearables on the air, from entering the context until leaving it."""

    def __init__(self, wearables: Sequence[VirtualWearable], *, clock: Clock) -> None:
        """Take the wearables; nothing is on the air yet.

        Raises:
            ValueError: two wearables have the same name.
        """
        if len({wearable.name for wearable in wearables}) < len(wearables):
            raise ValueError("two virtual wearables have the same name")
        self._wearables = tuple(wearables)
        self._clock = clock
        self._room = _Room()
        self._sensors: dict[str, _Sensor] = {}
        self._central: Device | None = None
        self._radio: Radio | None = None

    @property
    def radio(self) -> Radio:
        """The Bleak backends that hear this air.

        Raises:
            RuntimeError: the context is not entered.
        """
        if self._radio is None:
            raise RuntimeError("the virtual air is not open")
        return self._radio

    async def __aenter__(self) -> Self:
        """Switch the central on, and every wearable."""
        self._central = _device(self._room, position=0, name="central")
        await self._central.power_on()
        self._radio = radio_of(Central(device=self._central))
        for position, wearable in enumerate(self._wearables, start=1):
            device = _device(self._room, position=position, name=wearable.name)
            self._sensors[wearable.name] = _Sensor(wearable, device=device, clock=self._clock)
            await self._sensors[wearable.name].switch_on()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Switch everything off.

        Raises:
            Exception: what a wearable's `emissions` raised.
        """
        for sensor in self._sensors.values():
            await sensor.switch_off()
        if self._central is not None:
            await self._central.power_off()
        for sensor in self._sensors.values():
            sensor.raise_failure()

    def drop(self, name: str) -> None:
        """Lose the link of the wearable called `name`, as if it went out of reach; it advertises again at once.

        Raises:
            KeyError: there is no such wearable.
        """
        self._room.lose_links(self._sensors[name].address)


class _Sensor:
    """One wearable: what it serves, the task that advertises while no central is connected, and the task that emits."""

    def __init__(self, wearable: VirtualWearable, *, device: Device, clock: Clock) -> None:
        self._wearable = wearable
        self._clock = clock
        self._device = device
        self._measurement = _notified(gatt.HEART_RATE_MEASUREMENT)
        self._device.add_services(_services(wearable, self._measurement))
        self._device.on(device.EVENT_CONNECTION, self._on_connection)
        self._free = asyncio.Event()
        self._off = False

    @property
    def address(self) -> hci.Address:
        return self._device.random_address

    async def switch_on(self) -> None:
        await self._device.power_on()
        self._emitting = asyncio.create_task(self._emit())
        self._advertising = asyncio.create_task(self._advertise())

    async def switch_off(self) -> None:
        self._off = True
        self._free.set()
        self._emitting.cancel()
        await asyncio.wait({self._emitting, self._advertising})
        await self._device.stop_advertising()
        await self._device.power_off()

    def raise_failure(self) -> None:
        """Raise what ended a task of this sensor, if it was not switching off."""
        for task in (self._emitting, self._advertising):
            if not task.cancelled():
                task.result()

    async def _advertise(self) -> None:
        while not self._off:
            self._free.clear()
            await self._device.start_advertising(
                advertising_data=_advertisement(self._wearable.name),
                advertising_interval_min=_ADVERTISING_INTERVAL_MS,
                advertising_interval_max=_ADVERTISING_INTERVAL_MS,
            )
            await self._free.wait()

    def _on_connection(self, connection: Connection) -> None:
        connection.on(connection.EVENT_DISCONNECTION, self._on_disconnection)

    def _on_disconnection(self, _reason: int) -> None:
        self._free.set()

    async def _emit(self) -> None:
        for emission in self._wearable.emissions:
            await self._clock.sleep_until_us(emission.at_us)
            for connection in self._device.connections.values():
                self._notify(connection, emission.payload)

    def _notify(self, connection: Connection, payload: bytes) -> None:
        """Send, or discard where nobody subscribed: a sensor does not keep old values.

        As `Device.notify_subscriber` does it, but without formatting the PDU for a log.
        """
        server = self._device.gatt_server
        cccd = server.read_cccd(connection, self._measurement)  # pyright: ignore[reportUnknownMemberType]
        if cccd[0] & 1:
            value = payload[: connection.att_mtu - 3]
            pdu = att.ATT_Handle_Value_Notification(attribute_handle=self._measurement.handle, attribute_value=value)
            server.send_gatt_pdu(connection, bytes(pdu))


def _services(wearable: VirtualWearable, measurement: Characteristic[bytes]) -> list[Service]:
    heart_rate = [measurement]
    if wearable.body_sensor_location is not None:
        heart_rate.append(_readable(gatt.BODY_SENSOR_LOCATION, bytes([wearable.body_sensor_location])))
    battery = _readable(gatt.BATTERY_LEVEL, bytes([wearable.battery_percent]))
    battery.properties |= Characteristic.Properties.NOTIFY
    information = [
        _readable(gatt.MANUFACTURER_NAME, wearable.manufacturer.encode()),
        _readable(gatt.MODEL_NUMBER, wearable.model.encode()),
        _readable(gatt.FIRMWARE_REVISION, wearable.firmware.encode()),
    ]
    return [
        Service(_uuid(gatt.HEART_RATE_SERVICE), heart_rate),
        Service(_uuid(gatt.BATTERY_SERVICE), [battery]),
        Service(_uuid(gatt.DEVICE_INFORMATION_SERVICE), information),
    ]


def _readable(number: int, value: bytes) -> Characteristic[bytes]:
    return Characteristic(_uuid(number), Characteristic.Properties.READ, Characteristic.Permissions.READABLE, value)


def _notified(number: int) -> Characteristic[bytes]:
    return Characteristic(_uuid(number), Characteristic.Properties.NOTIFY, Characteristic.Permissions(0), b"")


def _uuid(number: int) -> core.UUID:
    return core.UUID.from_16_bits(number)


def _advertisement(name: str) -> bytes:
    flags = core.AdvertisingData.Flags
    fields = [
        data_types.Flags(flags.LE_GENERAL_DISCOVERABLE_MODE | flags.BR_EDR_NOT_SUPPORTED),
        data_types.CompleteListOf16BitServiceUUIDs([_uuid(gatt.HEART_RATE_SERVICE)]),
        data_types.CompleteLocalName(name),
    ]
    return bytes(core.AdvertisingData(fields))


def _device(room: _Room, *, position: int, name: str) -> Device:
    traced = _log.isEnabledFor(logging.DEBUG)
    host = Host() if traced else _QuietHost()
    host.controller = _Controller(name, link=room) if traced else _QuietController(name, link=room)
    return Device(name=name, address=hci.Address(_ADDRESS.format(position)), host=host)


class _Room(LocalLink):
    """The link, with its controllers in the order in which they came."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._in_order: list[Controller] = []

    def add_controller(self, controller: Controller) -> None:
        super().add_controller(controller)
        self._in_order.append(controller)

    def find_le_controller(self, address: hci.Address) -> Controller | None:
        return next((one for one in self._in_order if one.random_address == address), None)

    def send_advertising_pdu(self, sender_controller: Controller, packet: ll.AdvertisingPdu) -> None:
        loop = asyncio.get_running_loop()
        for one in self._in_order:
            if one is sender_controller:
                continue
            if isinstance(packet, ll.ConnectInd):  # both ends begin at once, so that losing the link always finds both
                one.on_ll_advertising_pdu(packet)
            else:
                loop.call_soon(one.on_ll_advertising_pdu, packet)

    def lose_links(self, address: hci.Address) -> None:
        """Both ends of every connection of `address` find that the other is silent (supervision timeout)."""
        for one in self._in_order:
            for connection in tuple(one.le_connections.values()):
                if address in (connection.self_address, connection.peer_address):
                    one.on_le_disconnected(connection, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)


class _Controller(Controller):
    """Gives a pending connection up when it is told to, and takes any usual ATT value in one packet."""

    le_acl_data_packet_length = 251

    def on_hci_le_create_connection_cancel_command(self, _command: Any) -> hci.HCI_StatusReturnParameters:
        if self.pending_le_connection is not None:
            peer_address = self.pending_le_connection.peer_address
            self.pending_le_connection = None
            self.send_hci_packet(
                hci.HCI_LE_Connection_Complete_Event(
                    status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
                    connection_handle=0,
                    role=hci.Role.CENTRAL,
                    peer_address_type=peer_address.address_type,
                    peer_address=peer_address,
                    connection_interval=0,
                    peripheral_latency=0,
                    supervision_timeout=0,
                    central_clock_accuracy=0,
                )
            )
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)


class _QuietController(_Controller):
    """Formats no packets for the log."""

    def on_hci_packet(self, packet: hci.HCI_Packet) -> None:
        match packet:
            case hci.HCI_Command():
                self.on_hci_command_packet(packet)
            case hci.HCI_AclDataPacket():
                self.on_hci_acl_data_packet(packet)
            case _:
                super().on_hci_packet(packet)

    def send_hci_packet(self, packet: hci.HCI_Packet) -> None:
        if self.host is not None:
            asyncio.get_running_loop().call_soon(self.host.on_packet, bytes(packet))


class _QuietHost(Host):
    """Formats no packets for the log."""

    def on_hci_packet(self, packet: hci.HCI_Packet) -> None:
        match packet:
            case hci.HCI_Event():
                self.on_hci_event_packet(packet)
            case hci.HCI_AclDataPacket():
                self.on_hci_acl_data_packet(packet)
            case _:
                super().on_hci_packet(packet)

    def send_hci_packet(self, packet: hci.HCI_Packet) -> None:
        if self.hci_sink is not None:
            self.hci_sink.on_packet(bytes(packet))
