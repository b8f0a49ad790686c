"""Wearables over Bluetooth LE through Bleak: finding them, and a source that streams what they send.

Strategy: this file runs unchanged on the operating system's Bluetooth and on a virtual air; `Radio` says which. Every
call of Bleak goes through `_within`, which gives it a limit of time and turns whatever the backend raises into a
`LinkError` in plain words without an address: the one place where that happens. Callbacks put packets into a queue,
iterating takes them out. `_Link` is one connection of one wearable from connecting to loss; who opens links, and when,
is `BleSource._open_all`.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self, TypeVar

from bleak import BleakClient, BleakScanner
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakCharacteristicNotFoundError,
    BleakDBusError,
    BleakDeviceNotFoundError,
)

from firmware_profiles import gatt
from watchlink.clock import Clock
from watchlink.errors import LinkError, LinkFault
from watchlink.packets import Attribute, AttributeRead, LinkChange, LinkState, Notification, Packet, Seat

T = TypeVar("T")

_START_S: Final = 20.0  # macOS asks its user for permission in this time
_CONNECT_S: Final = 20.0
_SUBSCRIBE_S: Final = 5.0
_READ_S: Final = 3.0
_DISCONNECT_S: Final = 10.0
_LOOK_US: Final = 100_000

# A Bluetooth address in any spelling, or the UUID that stands in for it on macOS.
_ADDRESS: Final = re.compile(r"(?i)(?:[0-9a-f]{2}[:_-]){5}[0-9a-f]{2}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_MEASUREMENT: Final = gatt.uuid_of(gatt.HEART_RATE_MEASUREMENT)

_ATTRIBUTES: Final[Mapping[Attribute, str]] = {
    Attribute.BODY_SENSOR_LOCATION: gatt.uuid_of(gatt.BODY_SENSOR_LOCATION),
    Attribute.BATTERY_LEVEL: gatt.uuid_of(gatt.BATTERY_LEVEL),
    Attribute.MANUFACTURER_NAME: gatt.uuid_of(gatt.MANUFACTURER_NAME),
    Attribute.MODEL_NUMBER: gatt.uuid_of(gatt.MODEL_NUMBER),
    Attribute.FIRMWARE_REVISION: gatt.uuid_of(gatt.FIRMWARE_REVISION),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Radio:
    """Which Bleak backends to use; by default the operating system's own."""

    scanner_backend: type[BaseBleakScanner] | None = None
    client_backend: type[BaseBleakClient] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A wearable that advertises the Heart Rate Service.

    Attributes:
        name: as advertised; empty if it advertises none.
        rssi_dbm: strength of the signal when it was last heard.
        device: what Bleak connects to. Holds an address, so it is never printed, logged or stored.
    """

    name: str
    rssi_dbm: int
    device: BLEDevice = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wearer:
    """Who wears which found wearable; `person`, `wearable` and `profile` as in `packets.Seat`."""

    person: str
    wearable: str
    profile: str
    found: Found


SYSTEM_RADIO: Final = Radio()


async def scan(
    *,
    clock: Clock,
    seconds: float,
    enough: int | None = None,
    wanted: Collection[str] = (),
    radio: Radio = SYSTEM_RADIO,
) -> list[Found]:
    """Listen for wearables that advertise heart rate.

    Args:
        clock: keeps the time of listening.
        seconds: how long to listen at most.
        enough: stop as soon as so many were heard with their names.
        wanted: stop as soon as all of these names were heard.
        radio: the backend to listen with.

    Returns:
        What was heard, by name (then address), so that the order is the same every time.

    Raises:
        LinkError: Bluetooth cannot be used; `fault` says why and the message what to do about it on this platform.
    """
    heard: dict[str, Found] = {}

    def on_advertisement(device: BLEDevice, advertisement: AdvertisementData) -> None:
        name = advertisement.local_name or device.name or ""
        heard[device.address] = Found(name=name, rssi_dbm=advertisement.rssi, device=device)

    async def start() -> BleakScanner:
        scanner = BleakScanner(on_advertisement, [gatt.uuid_of(gatt.HEART_RATE_SERVICE)], backend=radio.scanner_backend)
        await scanner.start()
        return scanner

    until_us = clock.now_us() + round(seconds * 1_000_000)
    scanner = await _within(_START_S, start(), late=LinkFault.NO_SERVICE)
    try:
        while (now_us := clock.now_us()) < until_us:
            names = [found.name for found in heard.values() if found.name]
            if (enough is not None and len(names) >= enough) or (wanted and set(wanted) <= set(names)):
                break
            await clock.sleep_until_us(min(now_us + _LOOK_US, until_us))
    finally:
        with contextlib.suppress(LinkError):  # BlueZ now and then refuses to stop; what was heard is heard
            await _within(_DISCONNECT_S, scanner.stop())
    return sorted(heard.values(), key=lambda found: (found.name, found.device.address))


class BleSource:
    """The live source: seats, links, values read once, and every notification in order of arrival.

    Iterating ends when no link is left that could bring a packet.
    """

    def __init__(self, wearers: Sequence[Wearer], *, clock: Clock, radio: Radio = SYSTEM_RADIO) -> None:
        """Take the wearers; nothing is connected yet."""
        self._clock = clock
        self._wearers = tuple(wearers)
        self._arrived: asyncio.Queue[Packet | None] = asyncio.Queue()
        self._links = [
            _Link(wearer, clock=clock, radio=radio, arrive=self._arrived.put_nowait, on_lost=self._on_lost)
            for wearer in self._wearers
        ]
        self._hopeful = len(self._links)

    async def __aenter__(self) -> Self:
        """Seat everybody, then connect in the background: the first packets flow while the last still connect."""
        for wearer in self._wearers:
            self._arrived.put_nowait(
                Seat(
                    at_us=self._clock.now_us(),
                    person=wearer.person,
                    wearable=wearer.wearable,
                    profile=wearer.profile,
                )
            )
        if not self._links:
            self._arrived.put_nowait(None)
        self._opening = asyncio.create_task(self._open_all())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let go of every wearable; one that is already gone is no error."""
        self._opening.cancel()
        await asyncio.wait({self._opening})
        async with asyncio.TaskGroup() as group:
            for link in self._links:
                group.create_task(link.close())
        self._arrived.put_nowait(None)
        if not self._opening.cancelled():
            self._opening.result()  # raises only for a mistake of ours, never because of a link

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Packet:
        packet = await self._arrived.get()
        if packet is None:
            self._arrived.put_nowait(None)  # the end stays the end
            raise StopAsyncIteration
        return packet

    async def _open_all(self) -> None:
        """Open every link, one at a time: adapters do not bear two connection attempts at once."""
        try:
            for link in self._links:
                await link.open()
        except Exception:  # a mistake of ours: end the iteration, so that leaving the context shows it
            self._arrived.put_nowait(None)
            raise

    def _on_lost(self) -> None:
        self._hopeful -= 1
        if not self._hopeful:
            self._arrived.put_nowait(None)


class _Link:
    """One connection of one wearable, from connecting until it is lost or closed; says LOST at most once."""

    def __init__(
        self,
        wearer: Wearer,
        *,
        clock: Clock,
        radio: Radio,
        arrive: Callable[[Packet], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._wearable = wearer.wearable
        self._clock = clock
        self._arrive = arrive
        self._on_lost = on_lost
        self._over = False
        self._client = BleakClient(
            wearer.found.device,
            self._on_disconnected,
            timeout=_CONNECT_S - 1.0,  # a backend that gives up by itself tidies up better
            backend=radio.client_backend,
        )

    async def open(self) -> None:
        """Connect, subscribe, and only then read what stands beside the heart rate, so that no beat is missed."""
        self._change(LinkState.CONNECTING)
        try:
            await _within(_CONNECT_S, self._client.connect())
            await _within(_SUBSCRIBE_S, self._client.start_notify(_MEASUREMENT, self._on_notification))
        except LinkError as error:
            self._lose(str(error))
            await self._let_go()
            return
        if not self._over:
            self._change(LinkState.SUBSCRIBED)
            await self._read_attributes()

    async def close(self) -> None:
        """Unsubscribe and disconnect, however far the link has come. Some wearables keep a slot blocked otherwise."""
        self._over = True
        if self._client.is_connected:
            with contextlib.suppress(LinkError):
                await _within(_SUBSCRIBE_S, self._client.stop_notify(_MEASUREMENT))
        await self._let_go()

    async def _let_go(self) -> None:
        with contextlib.suppress(LinkError):
            await _within(_DISCONNECT_S, self._client.disconnect())

    async def _read_attributes(self) -> None:
        for attribute, uuid in _ATTRIBUTES.items():
            with contextlib.suppress(LinkError):  # each of them is optional
                payload = await _within(_READ_S, self._client.read_gatt_char(uuid))
                self._arrive(
                    AttributeRead(
                        at_us=self._clock.now_us(),
                        wearable=self._wearable,
                        attribute=attribute,
                        payload=bytes(payload),
                    )
                )

    def _on_notification(self, _sender: BleakGATTCharacteristic, data: bytearray) -> None:
        self._arrive(Notification(at_us=self._clock.now_us(), wearable=self._wearable, payload=bytes(data)))

    def _on_disconnected(self, _client: BleakClient) -> None:
        self._lose("the connection broke off: out of reach, switched off, or taken by another device")

    def _lose(self, reason: str) -> None:
        if not self._over:
            self._over = True
            self._change(LinkState.LOST, reason)
            self._on_lost()

    def _change(self, state: LinkState, reason: str = "") -> None:
        self._arrive(LinkChange(at_us=self._clock.now_us(), wearable=self._wearable, state=state, reason=reason))


async def _within(seconds: float, operation: Awaitable[T], *, late: LinkFault = LinkFault.UNREACHABLE) -> T:
    """Await one call of Bleak.

    Raises:
        LinkError: it failed, or took longer than `seconds` (then with the fault `late`).
    """
    try:
        async with asyncio.timeout(seconds):
            return await operation
    except Exception as error:  # backends raise more than Bleak promises: from D-Bus, from WinRT, assertions
        raise _in_plain_words(error, late=late) from error


def _in_plain_words(error: Exception, *, late: LinkFault) -> LinkError:
    fault = _fault_of(error, late=late)
    words = _WORDS[fault]
    if fault is LinkFault.OTHER:
        words = f"{words} ({type(error).__name__}: {_ADDRESS.sub('…', str(error))})."
    return LinkError(" ".join(filter(None, (words, _ADVICE.get((fault, sys.platform))))), fault=fault)


def _fault_of(error: Exception, *, late: LinkFault) -> LinkFault:
    match error:
        case BleakBluetoothNotAvailableError():
            return _UNAVAILABLE.get(error.reason, LinkFault.OTHER)
        case BleakDeviceNotFoundError():
            return LinkFault.NOT_FOUND
        case BleakCharacteristicNotFoundError():
            return LinkFault.NO_HEART_RATE
        case BleakDBusError():
            return _DBUS.get(error.dbus_error.rpartition(".")[2], LinkFault.OTHER)
        case TimeoutError():
            return late
        case PermissionError():
            return LinkFault.NO_PERMISSION
        case FileNotFoundError() | ConnectionError() | EOFError():
            return LinkFault.NO_SERVICE  # nobody is at the other end of the system's message bus
        case _:
            return LinkFault.OTHER


_UNAVAILABLE: Final[Mapping[BleakBluetoothNotAvailableReason, LinkFault]] = {
    BleakBluetoothNotAvailableReason.NO_BLUETOOTH: LinkFault.NO_ADAPTER,
    BleakBluetoothNotAvailableReason.NO_BLE_CENTRAL_ROLE: LinkFault.NO_ADAPTER,
    BleakBluetoothNotAvailableReason.POWERED_OFF: LinkFault.POWERED_OFF,
    BleakBluetoothNotAvailableReason.DENIED_BY_USER: LinkFault.NO_PERMISSION,
    BleakBluetoothNotAvailableReason.DENIED_BY_SYSTEM: LinkFault.NO_PERMISSION,
    BleakBluetoothNotAvailableReason.DENIED_BY_UNKNOWN: LinkFault.NO_PERMISSION,
}

# Last word of a D-Bus error's name.
_DBUS: Final[Mapping[str, LinkFault]] = {
    "ServiceUnknown": LinkFault.NO_SERVICE,
    "NameHasNoOwner": LinkFault.NO_SERVICE,
    "NoSuchUnit": LinkFault.NO_SERVICE,
    "ServiceNotFound": LinkFault.NO_SERVICE,
    "AccessDenied": LinkFault.NO_PERMISSION,
    "NotAuthorized": LinkFault.NO_PERMISSION,
    "NotPermitted": LinkFault.NO_PERMISSION,
    "NotReady": LinkFault.POWERED_OFF,
}

_WORDS: Final[Mapping[LinkFault, str]] = {
    LinkFault.NO_ADAPTER: "This computer has no Bluetooth LE adapter.",
    LinkFault.POWERED_OFF: "Bluetooth is switched off.",
    LinkFault.NO_PERMISSION: "The system does not let this program use Bluetooth.",
    LinkFault.NO_SERVICE: "The system's Bluetooth service does not answer.",
    LinkFault.NOT_FOUND: "The wearable is not in reach, or a phone holds its connection.",
    LinkFault.UNREACHABLE: "The wearable did not answer in time; bring it closer, and disconnect it from phones.",
    LinkFault.NO_HEART_RATE: "The wearable offers no heart rate; switch its heart-rate broadcast on.",
    LinkFault.OTHER: "Bluetooth failed",
}

_ADVICE: Final[Mapping[tuple[LinkFault, str], str]] = {
    (LinkFault.NO_ADAPTER, "linux"): "Plug one in; if there is one, see `rfkill list` and `bluetoothctl list`.",
    (LinkFault.NO_ADAPTER, "win32"): "Plug one in; if there is one, look for it in the Device Manager.",
    (LinkFault.POWERED_OFF, "linux"): "Run `rfkill unblock bluetooth`, then `bluetoothctl power on`.",
    (LinkFault.POWERED_OFF, "darwin"): "Switch it on in System Settings > Bluetooth.",
    (LinkFault.POWERED_OFF, "win32"): "Switch it on in Settings > Bluetooth & devices.",
    (
        LinkFault.NO_PERMISSION,
        "linux",
    ): "Run it from a desktop session, or join the group `bluetooth` and log in again.",
    (LinkFault.NO_PERMISSION, "darwin"): (
        "Allow this terminal in System Settings > Privacy & Security > Bluetooth, then open a new one."
    ),
    (LinkFault.NO_PERMISSION, "win32"): "Allow it in Settings > Privacy & security.",
    (LinkFault.NO_SERVICE, "linux"): "Install BlueZ if it is missing, then run `sudo systemctl start bluetooth`.",
    (LinkFault.NO_SERVICE, "darwin"): (
        "Answer the question whether this terminal may use Bluetooth, or switch Bluetooth off and on."
    ),
    (LinkFault.NO_SERVICE, "win32"): "Switch Bluetooth off and on in Settings > Bluetooth & devices.",
}
