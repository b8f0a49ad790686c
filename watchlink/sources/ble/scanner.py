"""Listening for wearables: what is near, by name, by maker and by strength of signal.

Strategy: there is one way to listen, `listening`, for the list that a person reads and for the adapters alike. A
wearable is known by the heart-rate service that it advertises; some makers hide it, so a name or a maker that a profile
knows will do as well.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from bleak import BleakScanner
from bleak.args.bluez import BlueZAdapterArgs, BlueZScannerArgs
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from firmware_profiles import gatt
from firmware_profiles.profiles import GENERIC_ID, profile_for_name
from watchlink.clock import Clock
from watchlink.errors import LinkError, LinkFault
from watchlink.sources.ble.radio import DISCONNECT_S, READ_S, START_S, Radio, within

_LOOK_US: Final = 100_000
# Wearables advertise every second or two at the least.
_NAMESAKES_US: Final = 2_000_000
_HEART_RATE: Final = gatt.uuid_of(gatt.HEART_RATE_SERVICE)
# macOS tells least, and some of its versions nothing, unless it is told which services to listen for. The second is
# what the watches of one maker advertise in place of the first.
_ONLY: Final = [_HEART_RATE, gatt.uuid_of(0xFEE0)] if sys.platform == "darwin" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A wearable that was heard.

    Attributes:
        name: as advertised; empty if it advertises none.
        rssi_dbm: strength of the signal when it was last heard.
        device: what Bleak connects to. Holds an address, so it is never printed, logged or stored.
        manufacturer_ids: company identifiers in its advertisement.
        at_us: when it was last heard, on the clock's axis.
    """

    name: str
    rssi_dbm: int
    device: BLEDevice = field(repr=False)
    manufacturer_ids: tuple[int, ...] = ()
    at_us: int = 0


@contextlib.asynccontextmanager
async def listening(radio: Radio, *, clock: Clock, heard: Callable[[Found], None]) -> AsyncGenerator[None, None]:
    """Hand every heart-rate wearable to `heard`, again at each of its advertisements, until the context is left.

    Raises:
        LinkError: Bluetooth cannot be used; `fault` says why and the message what to do about it on this platform.
    """

    def on_advertisement(device: BLEDevice, advertisement: AdvertisementData) -> None:
        found = Found(
            name=advertisement.local_name or device.name or "",
            rssi_dbm=advertisement.rssi,
            device=device,
            manufacturer_ids=tuple(advertisement.manufacturer_data),
            at_us=clock.now_us(),
        )
        if _HEART_RATE in advertisement.service_uuids or profile_for_name(found.name).id != GENERIC_ID:
            heard(found)

    async def start() -> BleakScanner:
        bluez: BlueZScannerArgs = {} if radio.adapter is None else {"adapter": radio.adapter}
        scanner = BleakScanner(on_advertisement, _ONLY, bluez=bluez, backend=radio.scanner_backend)
        await scanner.start()
        return scanner

    scanner = await within(START_S, start(), late=LinkFault.NO_SERVICE)
    try:
        yield
    finally:
        with contextlib.suppress(LinkError):  # BlueZ now and then refuses to stop; what was heard is heard
            await within(DISCONNECT_S, scanner.stop())


async def scan(
    *,
    clock: Clock,
    seconds: float,
    enough: int | None = None,
    wanted: Collection[str] = (),
    radio: Radio | None = None,
    heard: Callable[[Found], None] | None = None,
) -> list[Found]:
    """Listen for heart-rate wearables.

    Args:
        clock: keeps the time of listening.
        seconds: how long to listen at most.
        enough: stop as soon as so many were heard with their names.
        wanted: stop two seconds after all of these names were heard: another one of the same name may be near.
        radio: what to listen with; None for the system's.
        heard: told of every advertisement at once.

    Returns:
        What was heard, by name (then address), so that the order is the same every time.

    Raises:
        LinkError: Bluetooth cannot be used; `fault` says why and the message what to do about it on this platform.
    """
    latest: dict[str, Found] = {}

    def note(found: Found) -> None:
        latest[found.device.address] = found
        if heard is not None:
            heard(found)

    until_us = clock.now_us() + round(seconds * 1_000_000)
    async with listening(radio or Radio(), clock=clock, heard=note):
        while (now_us := clock.now_us()) < until_us:
            names = [found.name for found in latest.values() if found.name]
            if enough is not None and len(names) >= enough:
                break
            if wanted and set(wanted) <= set(names):
                until_us = min(until_us, now_us + _NAMESAKES_US)
                wanted = ()
            await clock.sleep_until_us(min(now_us + _LOOK_US, until_us))
    return sorted(latest.values(), key=lambda found: (found.name, found.device.address))


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedHere:
    """A heart-rate wearable that a program on this computer is connected with; it advertises to nobody else.

    Attributes:
        name: empty if the system knows none.
        address: never printed, logged or stored.
    """

    name: str
    address: str = field(repr=False)


async def connected_here(radio: Radio | None = None) -> list[ConnectedHere]:
    """The heart-rate wearables that this computer is connected with; none where the system cannot tell."""
    radio = radio or Radio()
    asked = _connected_devices(radio) if radio.connected is None else radio.connected()
    try:
        devices = await within(READ_S, asked)
    except LinkError:
        return []
    return sorted(
        (ConnectedHere(name=device.name or "", address=device.address) for device in devices),
        key=lambda here: (here.name, here.address),
    )


async def _connected_devices(radio: Radio) -> Sequence[BLEDevice]:
    """What the operating system says that it is connected with."""
    if radio.scanner_backend is not None:  # not the operating system's Bluetooth
        return []
    try:
        from bleak import BleakAdapter  # since Bleak 3.1
    except ImportError:
        return []
    bluez: BlueZAdapterArgs = {} if radio.adapter is None else {"adapter": radio.adapter}
    adapter = await BleakAdapter.get(bluez=bluez)
    return await adapter.get_connected_devices([_HEART_RATE])
