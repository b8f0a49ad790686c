"""One connection of one wearable, from connecting until it is over: subscribing, reading, and what arrives on it.

Strategy: a link is used once. Each attempt makes a new one, with a new Bleak client, so that nothing of an old
connection can be taken for the new one's. What arrives after a link is over is kept in the log as discarded, with the
reason, and so is what the radio delivers twice. A link counts as over when the system says so, or when it was closed to
the end: until then a notification is a notification.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Final

from bleak import BleakClient
from bleak.args.bluez import BlueZClientArgs
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.exc import BleakError, BleakGATTProtocolError

from firmware_profiles import gatt
from watchlink.clock import Clock
from watchlink.duplicates import DuplicateGuard
from watchlink.errors import LinkError, LinkFault
from watchlink.packets import Attribute, Discarded, DiscardReason, Notification
from watchlink.sources.ble.radio import CONNECT_S, DISCONNECT_S, PAIR_S, READ_S, SUBSCRIBE_S, Radio, not_paired, within

_MEASUREMENT: Final = gatt.uuid_of(gatt.HEART_RATE_MEASUREMENT)

_UUIDS: Final[Mapping[Attribute, str]] = {
    Attribute.BODY_SENSOR_LOCATION: gatt.uuid_of(gatt.BODY_SENSOR_LOCATION),
    Attribute.BATTERY_LEVEL: gatt.uuid_of(gatt.BATTERY_LEVEL),
    Attribute.MANUFACTURER_NAME: gatt.uuid_of(gatt.MANUFACTURER_NAME),
    Attribute.MODEL_NUMBER: gatt.uuid_of(gatt.MODEL_NUMBER),
    Attribute.FIRMWARE_REVISION: gatt.uuid_of(gatt.FIRMWARE_REVISION),
}
_SERIAL_NUMBER: Final = gatt.uuid_of(gatt.SERIAL_NUMBER)

BROKE_OFF: Final = "the connection broke off: out of reach, switched off, or taken by another device"


class Link:
    """One attempt to be connected with one wearable."""

    def __init__(
        self,
        device: BLEDevice,
        *,
        wearable: str,
        clock: Clock,
        radio: Radio,
        arrive: Callable[[Notification | Discarded], None],
    ) -> None:
        """Nothing is connected yet. `arrive` is called with everything that comes, in its order."""
        self.notifications = 0
        """How many have come."""
        self.heard_us: int | None = None
        """When the last one came, on the clock's axis."""
        self.over = asyncio.Event()
        """Set when the link is gone, however it went."""
        self._wearable = wearable
        self._clock = clock
        self._arrive = arrive
        self._guard = DuplicateGuard()
        self._mute = False
        bluez: BlueZClientArgs = {} if radio.adapter is None else {"adapter": radio.adapter}
        self._client = BleakClient(
            device,
            self._on_disconnected,
            timeout=CONNECT_S - 1.0,  # a backend that gives up by itself tidies up better
            bluez=bluez,
            winrt={"use_cached_services": False},  # Windows remembers services that are not there any more
            backend=radio.client_backend,
        )

    async def connect(self) -> None:
        """Connect and find out what is served.

        Raises:
            LinkError: it did not come about.
        """
        await within(CONNECT_S, self._client.connect())

    async def subscribe(self, *, patiently: bool = False) -> None:
        """Ask for the heart rate; patiently, where somebody may have to confirm: BlueZ and macOS pair during the call.

        Raises:
            LinkError: the wearable does not give it, or is gone; with the fault NOT_PAIRED, `pair` may help.
        """
        limit_s, late = (PAIR_S, LinkFault.NOT_PAIRED) if patiently else (SUBSCRIBE_S, LinkFault.UNREACHABLE)
        await within(limit_s, self._client.start_notify(_MEASUREMENT, self._on_notification), late=late)

    async def pair(self) -> None:
        """Pair with a wearable that gave no heart rate for want of it, and ask once more; somebody may have to confirm.

        Raises:
            LinkError: it did not come about.
        """
        try:
            await within(PAIR_S, self._pair_and_subscribe(), late=LinkFault.NOT_PAIRED)
        except LinkError as failure:
            if failure.fault is LinkFault.OTHER:  # the systems have many words for it
                raise not_paired() from failure
            raise

    async def resubscribe(self) -> None:
        """Ask for the heart rate once more on a link that has fallen silent.

        Only where the wearable answers something else: on a mute link, BlueZ 5.66 does not survive to be asked to stop
        and to start again (it fails an assertion in `disable_ccc_callback`), and takes everybody's links with it.

        Raises:
            LinkError: the link does not answer.
        """
        if not await self._answers():
            self._mute = True
            raise LinkError("it fell silent and does not answer any more", fault=LinkFault.UNREACHABLE)
        with contextlib.suppress(LinkError):  # what is not subscribed need not be given back
            await within(SUBSCRIBE_S, self._client.stop_notify(_MEASUREMENT))
        await self.subscribe()

    async def read(self, attribute: Attribute) -> bytes | None:
        """The bytes of one value beside the heart rate; None if the wearable has or gives none: each is optional."""
        return await self._read(_UUIDS[attribute])

    async def read_serial_number(self) -> bytes | None:
        """The serial number's bytes; None if there is none. It names a thing that somebody owns: it is not logged."""
        return await self._read(_SERIAL_NUMBER)

    async def close(self) -> None:
        """Unsubscribe and disconnect, however far the link has come; it is over in any case.

        Some wearables keep a connection blocked without it, and a dead client that was never disconnected makes the
        system deliver every notification of the next one twice.
        """
        if self._client.is_connected and not self._mute:
            with contextlib.suppress(LinkError):
                await within(SUBSCRIBE_S, self._client.stop_notify(_MEASUREMENT))
        with contextlib.suppress(LinkError):
            await within(DISCONNECT_S, self._client.disconnect())
        self.over.set()

    async def _answers(self) -> bool:
        """Whether the wearable answers a question beside the heart rate; an answer may be a refusal."""
        try:
            await within(READ_S, self._read_anything())
        except LinkError as error:
            return isinstance(error.__cause__, BleakGATTProtocolError)
        return True

    async def _read_anything(self) -> None:
        served = {one.uuid for service in self._client.services for one in service.characteristics}
        await self._client.read_gatt_char(next(uuid for uuid in _UUIDS.values() if uuid in served))

    async def _pair_and_subscribe(self) -> None:
        try:
            await self._client.pair()
        except NotImplementedError:  # macOS asks its user by itself, on being asked for the heart rate
            with contextlib.suppress(BleakError, ValueError):  # Bleak 3.1 keeps there what it was refused
                await self._client.stop_notify(_MEASUREMENT)
        await self._client.start_notify(_MEASUREMENT, self._on_notification)

    async def _read(self, uuid: str) -> bytes | None:
        try:
            return bytes(await within(READ_S, self._client.read_gatt_char(uuid)))
        except LinkError:
            return None

    def _on_notification(self, _sender: BleakGATTCharacteristic, data: bytearray) -> None:
        at_us, payload = self._clock.now_us(), bytes(data)
        if self.over.is_set():
            self._discard(at_us, payload, DiscardReason.LATE)
        elif self._guard.repeats(at_us=at_us, payload=payload):
            self._discard(at_us, payload, DiscardReason.DUPLICATE)
        else:
            self.notifications += 1
            self.heard_us = at_us
            self._arrive(Notification(at_us=at_us, wearable=self._wearable, payload=payload))

    def _discard(self, at_us: int, payload: bytes, reason: DiscardReason) -> None:
        self._arrive(Discarded(at_us=at_us, wearable=self._wearable, payload=payload, reason=reason))

    def _on_disconnected(self, _client: BleakClient) -> None:
        self.over.set()
