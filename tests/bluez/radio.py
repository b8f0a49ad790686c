"""The guest's adapter on the virtual air: a Bumble controller whose host is the kernel in the guest.

Strategy: the controller stands in the same room as the virtual wearables, so that they neither know nor care that a
kernel listens, and `VirtualAir.delivered` says of it too what it was really sent.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Final

from bumble import hci
from bumble.controller import Connection
from bumble.core import PhysicalTransport

from watchlink.clock import Clock
from watchlink.sources.virtual.air import VirtualAir
from watchlink.sources.virtual.room import Room, _QuietController
from watchlink.sources.virtual.wearable import VirtualWearable

from .vm import Guest

_SERIAL_NUMBERS: Final = count(1)
_READY_S: Final = 30.0
# Bumble's LL privacy answers in a way the kernel does not bear; without extended advertising the kernel uses the legacy
# commands, which every chip knows.
_MASKED: Final = (
    hci.LeFeatureMask.LL_PRIVACY | hci.LeFeatureMask.LE_EXTENDED_ADVERTISING | hci.LeFeatureMask.LE_PERIODIC_ADVERTISING
)


class AdapterChip(_QuietController):
    """A chip with a public address only, which goes by it on the air as well."""

    le_features = _QuietController.le_features & ~_MASKED

    def __init__(self, guest: Guest, *, number: int, room: Room) -> None:
        """Stand in the room; nothing is attached yet."""
        # A new address each time: bluetoothd keeps what it knows of wearables by the adapter's address.
        own = hci.Address(f"02:00:00:00:00:{next(_SERIAL_NUMBERS):02X}", hci.Address.PUBLIC_DEVICE_ADDRESS)
        super().__init__(f"adapter {number}", link=room, public_address=own)
        self.number = number
        self.deaf_to: set[str] = set()
        """Wearables whose packets get lost until the link is hung up: it stands, and nothing comes."""
        self._guest = guest
        self.room = room
        room.on_address_changed(self)
        self.host = self._Upwards(self)

    class _Upwards:
        """The side of the chip that looks to the kernel."""

        def __init__(self, chip: AdapterChip) -> None:
            self._chip = chip

        def on_packet(self, packet: bytes) -> None:
            self._chip._guest.send_hci(self._chip.number, packet)

    @property
    def random_address(self) -> hci.Address:
        """The room looks controllers up, and names the sender of data, by this."""
        return self.public_address

    @random_address.setter
    def random_address(self, address: hci.Address | str) -> None:
        """The kernel sets one at times, and goes by the public one all the same."""

    def on_link_acl_data(self, sender_address: hci.Address, transport: PhysicalTransport, data: bytes) -> None:
        """Pass on what comes from the air, or lose it."""
        if _plain(sender_address) not in self.deaf_to:
            super().on_link_acl_data(sender_address, transport, data)

    def on_le_disconnected(self, connection: Connection, reason: int) -> None:
        """A new link is a good one."""
        self.deaf_to.discard(_plain(connection.peer_address))
        super().on_le_disconnected(connection, reason)


def _plain(address: hci.Address) -> str:
    """An address as Bleak spells it."""
    return address.to_string(with_type_qualifier=False)


class RealStack:
    """Virtual wearables, and the guest's adapter that hears them."""

    def __init__(self, guest: Guest, air: VirtualAir, chip: AdapterChip) -> None:
        """Take what `real_stack` has made."""
        self.guest = guest
        self.air = air
        self.chip = chip

    async def plug_in(self) -> None:
        """Attach the adapter; return once bluetoothd has switched it on."""
        await self.guest.attach(self.chip.number, self.chip)
        async with self.guest.bus() as bus:
            await self.guest._within(_READY_S, bus.has_powered("hci0"), "a powered adapter")

    async def pull_out(self) -> None:
        """Detach the adapter; return once bluetoothd has noticed."""
        await self.guest.detach(self.chip.number)
        self.chip.room.lose_links(self.chip)  # its radio falls silent
        async with self.guest.bus() as bus:
            await self.guest._within(_READY_S, bus.lacks_adapter("hci0"), "the adapter's end")


@asynccontextmanager
async def real_stack(guest: Guest, wearables: Sequence[VirtualWearable], *, clock: Clock) -> AsyncIterator[RealStack]:
    """Switch wearables on and plug the adapter in; the reverse in the end."""
    async with VirtualAir(wearables, clock=clock) as air:
        stack = RealStack(guest, air, AdapterChip(guest, number=0, room=air._room))
        try:
            await stack.plug_in()
            yield stack
        finally:
            await stack.pull_out()
