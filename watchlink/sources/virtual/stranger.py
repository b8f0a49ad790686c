"""Somebody else's phone on the virtual air: a central that takes one wearable away and keeps it."""

from __future__ import annotations

import asyncio
import contextlib

from bumble import core

from watchlink.sources.virtual.peripheral import Peripheral
from watchlink.sources.virtual.room import Room, new_device


class Stranger:
    """Another central that takes one wearable and keeps it."""

    def __init__(self, room: Room, peripheral: Peripheral, *, address: str) -> None:
        self._room = room
        self._peripheral = peripheral
        self._device, self._controller = new_device(room, address=address, name="stranger")
        self._let_go = asyncio.Event()
        self._over = asyncio.Event()
        room.kept_for[peripheral.controller] = self._controller

    async def keep(self) -> None:
        """Connect as soon as it advertises, stay connected until `let_go`, and leave the room."""
        await self._device.power_on()
        if not self._let_go.is_set():
            with contextlib.suppress(core.BaseBumbleError):  # given up
                connection = await self._device.connect_le(self._peripheral.address, timeout=None)
                connection.on(connection.EVENT_DISCONNECTION, self._on_disconnection)
        await self._let_go.wait()
        if self._device.connections:  # its host has not heard yet that the link is over
            await self._over.wait()
        await self._device.power_off()
        self._room.remove_controller(self._controller)

    def _on_disconnection(self, _reason: int) -> None:
        self._over.set()

    def let_go(self) -> None:
        """Give the wearable back, or give up waiting for it."""
        self._let_go.set()
        if self._room.kept_for.get(self._peripheral.controller) is self._controller:
            del self._room.kept_for[self._peripheral.controller]
        self._controller.give_up()
        self._room.hang_up(self._controller)
