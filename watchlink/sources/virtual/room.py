"""The space between the antennas: Bumble's controllers on one link, and what may keep a packet from arriving.

Strategy: advertising, GATT, ATT, L2CAP and HCI are Bumble's; the radio is a function call, and this file is that. What
disturbs the radio is a set of controllers each (out of range, mute, unwilling, gone), asked when a packet is sent. A
packet counts as having arrived when the controller at the other end takes it on a link that lives: from then on it
cannot be lost any more, because everything between a controller and its host keeps its order. The subclasses mend what
Bumble lacks for this: a connection attempt can be given up, two centrals do not both win one advertisement, controllers
are met in the order in which they came (a set's order differs from run to run), and packets are not formatted for a log
that nobody reads, which took half of the time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from bumble import core, hci, ll
from bumble.controller import Controller
from bumble.device import Device
from bumble.host import Host
from bumble.link import LocalLink

_log: Final = logging.getLogger("bumble")
_log.addHandler(logging.NullHandler())  # its warnings go to whoever configures logging, not onto a terminal board


class Room(LocalLink):
    """The link, with its controllers in the order in which they came, and what is between them.

    Attributes:
        mute: their packets of data, and those to them, are lost though the link stays up.
        unwilling: they advertise, but connecting to them never completes.
        gone: they hear nothing and are not heard, and have no links.
        kept_for: whom alone a wearable connects to.
        taps: told of each packet from a controller whether it arrived.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.mute: set[Controller] = set()
        self.unwilling: set[Controller] = set()
        self.gone: set[Controller] = set()
        self.kept_for: dict[Controller, Controller] = {}
        self.taps: dict[Controller, Callable[[bytes, bool], None]] = {}
        self._in_order: list[Controller] = []
        self._by_address: dict[hci.Address, Controller] = {}
        # What waits for a controller to come back into range: a link that survives loses nothing, it is only late.
        self._far: dict[Controller, list[tuple[Callable[..., None], tuple[Any, ...]]]] = {}

    def add_controller(self, controller: Controller) -> None:
        """Take a controller in, behind the others."""
        super().add_controller(controller)
        self._in_order.append(controller)

    def remove_controller(self, controller: Controller) -> None:
        """Let a controller go."""
        super().remove_controller(controller)
        self._in_order.remove(controller)
        self._by_address = {address: one for address, one in self._by_address.items() if one is not controller}

    def on_address_changed(self, controller: Controller) -> None:
        """Find the controller under its new address only."""
        self._by_address = {address: one for address, one in self._by_address.items() if one is not controller}
        self._by_address[controller.random_address] = controller

    def find_le_controller(self, address: hci.Address) -> Controller | None:
        """The controller that has this address now."""
        return self._by_address.get(address)

    def send_advertising_pdu(self, sender_controller: Controller, packet: ll.AdvertisingPdu) -> None:
        """Let everybody in range hear an advertisement, or a central answer one."""
        if sender_controller in self._far or sender_controller in self.gone:
            return
        loop = asyncio.get_running_loop()
        for one in self._in_order:
            if one is sender_controller or one in self._far or one in self.gone:
                continue
            if isinstance(packet, ll.ConnectInd):  # both ends begin at once, so that losing the link always finds both
                one.on_ll_advertising_pdu(packet)
            else:
                loop.call_soon(one.on_ll_advertising_pdu, packet)

    def send_acl_data(
        self,
        sender_controller: Controller,
        destination_address: hci.Address,
        transport: core.PhysicalTransport,  # noqa: ARG002 - everything here is LE
        data: bytes,
    ) -> None:
        """Carry data over a link, unless one end is mute."""
        to = self._by_address.get(destination_address)
        if to is None or sender_controller in self.mute or to in self.mute:
            self._tell(sender_controller, data, arrived=False)
        else:
            source = sender_controller.random_address
            self._carry(sender_controller, to, self._arrive, sender_controller, to, source, data)

    def send_ll_control_pdu(
        self, sender_address: hci.Address, receiver_address: hci.Address, packet: ll.ControlPdu
    ) -> None:
        """Carry what two controllers say to each other."""
        sender, to = self._by_address.get(sender_address), self._by_address.get(receiver_address)
        if sender is not None and to is not None:
            self._carry(sender, to, to.on_ll_control_pdu, sender_address, packet)

    def may_connect(self, central: Controller, address: hci.Address) -> bool:
        """Whether the wearable that advertised a moment ago takes this central now."""
        wearable = self._by_address.get(address)
        return (
            wearable is not None
            and wearable.is_advertising
            and wearable not in self.unwilling
            and wearable not in self._far
            and self.kept_for.get(wearable, central) is central
        )

    def lose_links(self, controller: Controller) -> None:
        """Both ends of every link of a controller find that the other is silent (supervision timeout)."""
        if controller in self._far:
            self._far[controller].clear()
        reason = hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR
        for connection in tuple(controller.le_connections.values()):
            other = self._by_address.get(connection.peer_address)
            back = other.le_connections.get(connection.self_address) if other is not None else None
            if other is not None and back is not None:
                other.on_le_disconnected(back, reason)
            controller.on_le_disconnected(connection, reason)

    def hang_up(self, controller: Controller) -> None:
        """End every link of a controller as its own host would."""
        for connection in tuple(controller.le_connections.values()):
            connection.send_ll_control_pdu(ll.TerminateInd(hci.HCI_ErrorCode.REMOTE_USER_TERMINATED_CONNECTION_ERROR))
            controller.on_le_disconnected(connection, hci.HCI_ErrorCode.CONNECTION_TERMINATED_BY_LOCAL_HOST_ERROR)

    def leave_range(self, controller: Controller) -> None:
        """Nothing from or to a controller arrives until it is back."""
        self._far.setdefault(controller, [])

    def come_back(self, controller: Controller) -> None:
        """What a link that lived through it repeated all the time arrives now."""
        loop = asyncio.get_running_loop()
        for carry, arguments in self._far.pop(controller, []):
            loop.call_soon(carry, *arguments)

    def is_far(self, controller: Controller) -> bool:
        """Whether a controller is out of range."""
        return controller in self._far

    def clear(self) -> None:
        """Nothing is between the controllers any more, and nothing waits."""
        for blocked in (self.mute, self.unwilling, self.gone, self.kept_for, self._far, self.taps):
            blocked.clear()

    def _carry(self, sender: Controller, to: Controller, carry: Callable[..., None], *arguments: Any) -> None:
        far = sender if sender in self._far else to
        if far in self._far:
            self._far[far].append((carry, arguments))
        else:
            asyncio.get_running_loop().call_soon(carry, *arguments)

    def _arrive(self, sender: Controller, to: Controller, source: hci.Address, data: bytes) -> None:
        arrived = source in to.le_connections
        self._tell(sender, data, arrived=arrived)
        if arrived:
            to.on_link_acl_data(source, core.PhysicalTransport.LE, data)

    def _tell(self, sender: Controller, data: bytes, *, arrived: bool) -> None:
        tap = self.taps.get(sender)
        if tap is not None:
            tap(data, arrived)


class RoomController(Controller):
    """Connects only to who takes it, gives a pending connection up when told to, and sends any usual value in one."""

    le_acl_data_packet_length = 251

    def create_le_connection(self, peer_address: hci.Address) -> None:
        """Answer an advertisement, if the wearable takes this central."""
        if isinstance(self.link, Room) and self.link.may_connect(self, peer_address):
            super().create_le_connection(peer_address)

    def on_hci_le_create_connection_cancel_command(self, _command: Any) -> hci.HCI_StatusReturnParameters:
        """As the host asks for it."""
        self.give_up()
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def give_up(self) -> None:
        """Fail the pending connection, if there is one."""
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


class _QuietController(RoomController):
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


def new_device(room: Room, *, address: str, name: str) -> tuple[Device, RoomController]:
    """A host with its controller in a room; not switched on yet."""
    traced = _log.isEnabledFor(logging.DEBUG)
    host = Host() if traced else _QuietHost()
    controller = RoomController(name, link=room) if traced else _QuietController(name, link=room)
    host.controller = controller
    return Device(name=name, address=hci.Address(address), host=host), controller
