"""A Bleak backend over Bumble, so that `BleakScanner` and `BleakClient` work unchanged on a virtual air.

Strategy: Bleak takes a backend as a class, so `radio_of` makes a pair of classes that know one central. Everything that
Bumble raises leaves here as the Bleak exception that an operating system's backend raises in its place. Bleak does not
promise that its base classes stay as they are: they are touched in this file only. A question to a wearable outlives
the caller who gave it up, because Bumble would take its late answer for the answer to the next question; losing the
link ends it. `Central` knows whether the adapter is switched off, or the service gone, and is asked before each call.

References:
    bleak/backends/scanner.py and client.py of Bleak 3.1.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Generator
from typing import Any, ClassVar, Final, TypeVar

from bleak.args import SizedBuffer
from bleak.assigned_numbers import gatt_char_props_to_strs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, AdvertisementDataCallback, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import (
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)
from bleak.uuids import normalize_uuid_str
from bumble import att, core, gatt_client, hci
from bumble.device import Advertisement, Connection, Peer

from watchlink.sources.ble import Radio
from watchlink.sources.virtual.central import Central, Power

# What phones and desktop hosts ask for; a notification may then carry 244 octets.
_MTU: Final = 247

T = TypeVar("T")


def radio_of(used: Central) -> Radio:
    """The two Bleak backends of one central, and what it is connected with."""

    class VirtualScanner(_Scanner):
        central = used

    class VirtualClient(_Client):
        central = used

    async def connected() -> list[BLEDevice]:
        used.check()
        return [_device_of(connection, used) for connection in used.device.connections.values()]

    return Radio(scanner_backend=VirtualScanner, client_backend=VirtualClient, connected=connected)


class _Scanner(BaseBleakScanner):
    central: ClassVar[Central]

    def __init__(
        self,
        detection_callback: AdvertisementDataCallback | None,
        service_uuids: list[str] | None,
        scanning_mode: str,
        **_others: Any,
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._active = scanning_mode == "active"

    async def start(self) -> None:
        self.central.check()
        self.seen_devices = {}
        self._start = self.central.starts
        device = self.central.device
        device.on(device.EVENT_ADVERTISEMENT, self._on_advertisement)
        await _uncut(device.start_scanning(active=self._active))

    async def stop(self) -> None:
        device = self.central.device
        device.remove_listener(  # pyright: ignore[reportUnknownMemberType]
            device.EVENT_ADVERTISEMENT, self._on_advertisement
        )
        if self.central.power is Power.NO_SERVICE:
            self.central.check()
        # Unless another scanner is still at it:
        if not device.listeners(device.EVENT_ADVERTISEMENT):  # pyright: ignore[reportUnknownMemberType]
            await _uncut(device.stop_scanning())

    def _on_advertisement(self, heard: Advertisement) -> None:
        if self._start != self.central.starts:
            return
        uuids = heard.data.get(core.AdvertisingData.Type.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS) or []
        service_uuids = [_text_of(uuid) for uuid in uuids]
        if not self.is_allowed_uuid(service_uuids):
            return
        name = heard.data.get(core.AdvertisingData.Type.COMPLETE_LOCAL_NAME)
        company = heard.data.get(core.AdvertisingData.Type.MANUFACTURER_SPECIFIC_DATA)
        advertisement = AdvertisementData(
            local_name=name,
            manufacturer_data={} if company is None else {company[0]: bytes(company[1])},
            service_data={},
            service_uuids=service_uuids,
            tx_power=None,
            rssi=heard.rssi,
            platform_data=(heard,),
        )
        address = heard.address.to_string(with_type_qualifier=False)
        device = self.create_or_update_device(address, address, name, heard.address, advertisement)
        self.call_detection_callbacks(device, advertisement)


class _Client(BaseBleakClient):
    central: ClassVar[Central]

    def __init__(
        self,
        address_or_ble_device: BLEDevice | str,
        *,
        disconnected_callback: Callable[[], None] | None,
        timeout: float,
        **_others: Any,
    ) -> None:
        super().__init__(address_or_ble_device, disconnected_callback=disconnected_callback, timeout=timeout)
        self._name = address_or_ble_device.name if isinstance(address_or_ble_device, BLEDevice) else None
        self._connection: Connection | None = None
        self._service = self.central.services
        self._subscribers: dict[int, Callable[[bytes], None]] = {}

    @property
    def name(self) -> str:
        return self._name or self.address.replace(":", "-")

    @property
    def mtu_size(self) -> int:
        return self._linked().att_mtu

    @property
    def is_connected(self) -> bool:
        return self._connection is not None

    async def connect(self, pair: bool, **_others: Any) -> None:  # noqa: FBT001 - Bleak's signature
        if self._connection is not None:
            raise BleakError("Client is already connected")
        async with self.central.connecting:
            self.central.check()
            self.central.check_slots()
            self._service = self.central.services
            connection = await self._link()
        self.central.check()
        if not _is_open(connection):  # lost before this task had its turn
            raise BleakError("disconnected")
        self._connection = connection
        connection.on(connection.EVENT_DISCONNECTION, self._on_disconnection)
        connection.gatt_client = _GattClient(connection)
        peer = Peer(connection)
        try:
            await self._encrypt_if_bonded(connection)
            await self._ask(peer.request_mtu(_MTU))
            await self._ask(peer.discover_all())  # type: ignore[no-untyped-call]
            if pair:
                await self.pair()
        except BaseException:
            with contextlib.suppress(BleakError):
                await self.disconnect()
            raise
        self.services = _services_of(peer)

    async def _link(self) -> Connection:
        """One attempt to connect, given up in the controller too when time is over or the caller is cancelled."""
        central = self.central
        breaking = central.breaking = asyncio.get_running_loop().create_future()
        attempt = asyncio.create_task(central.device.connect_le(hci.Address(self.address), timeout=None))
        try:
            await asyncio.wait({attempt, breaking}, timeout=self._timeout, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._give_up(attempt)
            raise
        finally:
            central.breaking = None
        late = not attempt.done()
        if late:
            await self._give_up(attempt)
        if attempt.cancelled():
            raise BleakError("the virtual air was closed")
        central.check()
        if late:
            raise BleakDeviceNotFoundError(self.address, "it did not advertise")
        with _as_bleak_errors():
            return attempt.result()

    async def _give_up(self, attempt: asyncio.Task[Connection]) -> None:
        if not attempt.done():
            await self.central.device.send_sync_command(
                hci.HCI_LE_Create_Connection_Cancel_Command()  # pyright: ignore[reportUnknownArgumentType]
            )
            await asyncio.wait({attempt})
        if not attempt.cancelled() and attempt.exception() is None:  # it came about in the same moment
            await _hang_up(attempt.result())

    async def disconnect(self) -> None:
        if self._connection is not None:
            if self.central.power is Power.NO_SERVICE:
                self.central.check()
            if self._service != self.central.services:  # the new service never heard of this link
                self._connection = None
                return
            await _uncut(_hang_up(self._connection))

    def _on_disconnection(self, _reason: int) -> None:
        if self._service != self.central.services:  # nobody is there to tell
            return
        self._connection = None
        self.services = None
        self._subscribers.clear()
        if self._disconnected_callback is not None:
            self._disconnected_callback()

    async def _encrypt_if_bonded(self, connection: Connection) -> None:
        """As the systems do with whom they have met; a wearable that knows nothing of it is left as it is."""
        keys = self.central.device.keystore
        if keys is not None and await keys.get(str(connection.peer_address)) is not None:
            with contextlib.suppress(BleakError):
                await self._ask(connection.encrypt())

    async def pair(self, *_arguments: Any, **_others: Any) -> None:
        await self._ask(self._linked().pair())

    async def unpair(self) -> None:
        raise NotImplementedError("the virtual air forgets no bonds")

    async def read_gatt_char(self, characteristic: BleakGATTCharacteristic, **_others: Any) -> bytearray:
        return bytearray(await self._ask(self._gatt().read_value(characteristic.handle)))

    async def read_gatt_descriptor(self, descriptor: BleakGATTDescriptor, **_others: Any) -> bytearray:
        return bytearray(await self._ask(self._gatt().read_value(descriptor.handle)))

    async def write_gatt_char(
        self,
        characteristic: BleakGATTCharacteristic,
        data: SizedBuffer,
        response: bool,  # noqa: FBT001 - Bleak's signature
    ) -> None:
        await self._ask(self._gatt().write_value(characteristic.handle, bytes(data), with_response=response))

    async def write_gatt_descriptor(self, descriptor: BleakGATTDescriptor, data: SizedBuffer) -> None:
        await self._ask(self._gatt().write_value(descriptor.handle, bytes(data), with_response=True))

    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: NotifyCallback, **_others: Any
    ) -> None:
        def subscriber(value: bytes) -> None:
            callback(bytearray(value))

        self._subscribers[characteristic.handle] = subscriber
        gatt = self._gatt()
        try:
            await self._ask(gatt.subscribe(characteristic.obj, subscriber))
        except BleakError:  # Bumble has put it down before it was refused
            gatt.notification_subscribers.get(characteristic.handle, set()).discard(subscriber)
            raise

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        subscriber = self._subscribers.pop(characteristic.handle, None)
        await self._ask(self._gatt().unsubscribe(characteristic.obj, subscriber))

    async def _ask(self, question: Coroutine[Any, Any, T]) -> T:
        """Await the answer of a wearable, which may never come; who gives up waiting for it is free at once.

        The question itself stays until its answer, or the end of the link, so that no answer meets the wrong question.
        """
        task = asyncio.create_task(question)
        self.central.asking.add(task)
        task.add_done_callback(self.central.asking.discard)
        try:
            with _as_bleak_errors():
                return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():  # by Bumble, because the link was lost before the answer came
                raise BleakError("disconnected") from None
            task.add_done_callback(_forget)
            raise

    def _linked(self) -> Connection:
        if self._connection is not None and self._service != self.central.services:
            self.central.check()
            raise BleakDBusError("org.freedesktop.DBus.Error.UnknownObject", ["the service has forgotten this device"])
        if self._connection is None:
            raise BleakError("Not connected")
        return self._connection

    def _gatt(self) -> Any:
        """Bumble's GATT client, whose methods have partial types."""
        return self._linked().gatt_client


class _GattClient(gatt_client.Client):
    """Asks nothing on a lost link, where Bumble would wait for an answer, and formats no notification for the log."""

    async def send_request(self, request: att.ATT_PDU) -> Any:
        try:
            return await super().send_request(request)
        except core.TimeoutError:
            # After a transaction that timed out no other may follow on the same link (Core 5.4, vol. 3, part F, 3.3.3);
            # the systems' own stacks end the link, and so no late answer meets another question.
            await _hang_up(self.connection)
            raise

    def send_gatt_pdu(self, pdu: bytes) -> None:
        if not _is_open(self.connection):
            raise core.InvalidStateError("disconnected")
        super().send_gatt_pdu(pdu)

    def on_gatt_pdu(self, att_pdu: att.ATT_PDU) -> None:
        if isinstance(att_pdu, att.ATT_Handle_Value_Notification):
            self.on_att_handle_value_notification(att_pdu)
        else:
            super().on_gatt_pdu(att_pdu)


def _forget(task: asyncio.Task[Any]) -> None:
    """Look at how a task ended, which nobody waits for any more, so that asyncio does not report it."""
    if not task.cancelled():
        task.exception()


async def _hang_up(connection: Connection) -> None:
    if _is_open(connection):
        await connection.disconnect()


def _device_of(connection: Connection, central: Central) -> BLEDevice:
    wearable = central.room.find_le_controller(connection.peer_address)
    address = connection.peer_address.to_string(with_type_qualifier=False)
    return BLEDevice(address, None if wearable is None else wearable.name, connection.peer_address)


def _is_open(connection: Connection) -> bool:
    return connection.device.connections.get(connection.handle) is connection


async def _uncut(operation: Coroutine[Any, Any, T]) -> T:
    """Bring an operation of the adapter itself to its end even if the caller is cancelled: its controller answers."""
    task = asyncio.create_task(operation)
    with _as_bleak_errors():
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():  # by Bumble, because the link was lost before the answer came
                raise BleakError("disconnected") from None
            await asyncio.wait({task})
            raise


@contextlib.contextmanager
def _as_bleak_errors() -> Generator[None, None, None]:
    try:
        yield
    except att.ATT_Error as error:
        raise BleakGATTProtocolError(error.error_code) from error
    except core.BaseBumbleError as error:
        raise BleakError(str(error)) from error


def _services_of(peer: Peer) -> BleakGATTServiceCollection:
    collection = BleakGATTServiceCollection()
    for service in peer.services:
        described = BleakGATTService(service, service.handle, _text_of(service.uuid))
        collection.add_service(described)
        for characteristic in service.characteristics:
            collection.add_characteristic(
                BleakGATTCharacteristic(
                    characteristic,
                    characteristic.handle,
                    _text_of(characteristic.uuid),
                    list(gatt_char_props_to_strs(characteristic.properties)),
                    lambda: peer.connection.att_mtu - 3,
                    described,
                )
            )
            for descriptor in characteristic.descriptors:
                collection.add_descriptor(
                    BleakGATTDescriptor(
                        descriptor,
                        descriptor.handle,
                        _text_of(descriptor.type),
                        collection.characteristics[characteristic.handle],
                    )
                )
    return collection


def _text_of(uuid: core.UUID) -> str:
    return normalize_uuid_str(uuid.to_hex_str())
