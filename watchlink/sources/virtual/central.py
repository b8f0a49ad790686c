"""One adapter of this computer on the virtual air: its host, whether it can be used, and how many links it bears.

It says no in the words of an operating system, so that `backend` only has to ask before each call.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from bleak.exc import BleakBluetoothNotAvailableError, BleakBluetoothNotAvailableReason, BleakDBusError
from bumble.device import Device

from watchlink.sources.virtual.room import Room, RoomController


class Power(Enum):
    """What the system says of an adapter."""

    ON = auto()
    OFF = auto()
    NO_SERVICE = auto()
    """The process between the adapter and everybody who uses it has died."""


@dataclass(eq=False, slots=True, kw_only=True)
class Central:
    """The host that scans and connects. Its controller bears one pending connection at a time, hence the lock.

    Attributes:
        device: its Bumble host.
        controller: its Bumble controller.
        room: where it is.
        slots: how many links it bears at once; None for no limit.
        power: see `switch_off` and `switch_on`.
        starts: how often it was switched off; a scan does not live through that.
        services: how often its service died; a client does not live through that, and is not told.
        connecting: held during a connection attempt.
        breaking: ends the present attempt when the adapter goes.
        asking: questions to wearables that wait for their answer.
    """

    device: Device
    controller: RoomController
    room: Room
    slots: int | None = None
    power: Power = Power.ON
    starts: int = 0
    services: int = 0
    connecting: asyncio.Lock = field(default_factory=asyncio.Lock)
    breaking: asyncio.Future[None] | None = None
    asking: set[asyncio.Task[Any]] = field(default_factory=set[asyncio.Task[Any]])

    def switch_off(self, power: Power) -> None:
        """Lose every link, every scan and the present connection attempt; nothing works until it is switched on."""
        if self.power is Power.ON:
            self.starts += 1
        if power is Power.NO_SERVICE:
            self.services += 1
        self.power = power
        self.room.gone.add(self.controller)
        self.room.lose_links(self.controller)
        self.controller.le_scan_enable = False
        if self.breaking is not None and not self.breaking.done():
            self.breaking.set_result(None)

    def switch_on(self) -> None:
        """Work again."""
        self.power = Power.ON
        self.room.gone.discard(self.controller)

    def check(self) -> None:
        """See whether the adapter can be used.

        Raises:
            BleakError: it cannot.
        """
        match self.power:
            case Power.ON:
                return
            case Power.OFF:
                raise BleakBluetoothNotAvailableError(
                    "the adapter is switched off", BleakBluetoothNotAvailableReason.POWERED_OFF
                )
            case Power.NO_SERVICE:
                raise BleakDBusError(
                    "org.freedesktop.DBus.Error.ServiceUnknown",
                    ["The name org.bluez was not provided by any .service files"],
                )

    def check_slots(self) -> None:
        """See whether one more link is possible.

        Raises:
            BleakDBusError: it is not.
        """
        if self.slots is not None and len(self.device.connections) >= self.slots:
            raise BleakDBusError("org.bluez.Error.Failed", ["le-connection-concurrent-connection-limit"])

    async def answered(self) -> None:
        """Return when no question is open any more; to be awaited when the links are gone."""
        while self.asking:
            await asyncio.wait(self.asking)
