"""Follows a Bluetooth host's HCI traffic and picks out heart-rate notifications, link changes and who they belong to.

Strategy: just as much of HCI, L2CAP and ATT as it takes. A connection is known by its handle while it lasts and by its
peer's address beyond; the address stays in here, a wearable goes by the order in which it was met ("w1"). The handle of
the Heart Rate Measurement characteristic is learnt from discovery and remembered per peer, because hosts do not
discover again after a reconnect.

References:
    Bluetooth Core 5.4, vol 4 part E, 5.4 (HCI packets) and 7.7 (events); vol 3 part A, 3.1 (L2CAP); vol 3 part F, 3.4
    (ATT).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from firmware_profiles.gatt import HEART_RATE_MEASUREMENT
from firmware_profiles.profiles import profile_for_name
from watchlink.packets import LinkChange, LinkState, Notification, Packet, Seat

_H4_ACL: Final = 0x02
_H4_EVENT: Final = 0x04
_EVENT_DISCONNECTED: Final = 0x05
_EVENT_LE_META: Final = 0x3E
_LE_CONNECTED: Final = 0x01
_LE_ADVERTISED: Final = 0x02
_LE_CONNECTED_ENHANCED: Final = 0x0A
_AD_NAMES: Final = (0x08, 0x09)
_CID_ATT: Final = 0x0004
_ATT_READ_BY_TYPE_RESPONSE: Final = 0x09
_ATT_NOTIFICATION: Final = 0x1B
# A characteristic declaration with a 16-bit UUID: handle, properties, value handle, UUID.
_DECLARATION: Final = 7


@dataclass(slots=True)
class _Peer:
    """A device beyond the connection: what is remembered of it."""

    wearable: str
    seated: bool = False
    measurement_handle: int | None = None


@dataclass(slots=True)
class _Connection:
    """A connection while it lasts, with the frame under way in each direction."""

    peer: _Peer
    frames: dict[bool, bytearray] = field(default_factory=dict[bool, bytearray])


class HostFollower:
    """Stage: H4 packets in, log packets out."""

    def __init__(self) -> None:
        """Nobody met yet."""
        self._names: dict[bytes, str] = {}
        self._peers: dict[bytes, _Peer] = {}
        self._connections: dict[int, _Connection] = {}

    def push(self, *, at_us: int, received: bool, octets: bytes) -> Iterator[Packet]:
        """Take one H4 packet; `received` says that it went from the controller to the host."""
        if len(octets) < 4:
            return
        if octets[0] == _H4_EVENT:
            yield from self._event(at_us, octets[1], octets[3:])
        elif octets[0] == _H4_ACL and len(octets) >= 5:
            yield from self._acl(at_us, octets, received=received)

    def _event(self, at_us: int, code: int, body: bytes) -> Iterator[Packet]:
        if code == _EVENT_DISCONNECTED and len(body) >= 4:
            connection = self._connections.pop(_handle(body, 1), None)
            if connection is not None and connection.peer.seated:
                reason = f"disconnected (0x{body[3]:02x})"
                yield LinkChange(at_us=at_us, wearable=connection.peer.wearable, state=LinkState.LOST, reason=reason)
        elif code == _EVENT_LE_META and body:
            if body[0] in (_LE_CONNECTED, _LE_CONNECTED_ENHANCED) and len(body) >= 12 and body[1] == 0:
                self._connections[_handle(body, 2)] = _Connection(self._peer(body[6:12]))
            elif body[0] == _LE_ADVERTISED:
                self._advertised(body)

    def _advertised(self, body: bytes) -> None:
        """Remember names; hosts ask controllers for one report an event, and further ones are left alone."""
        if len(body) < 11 or body[1] != 1:
            return
        data = body[11 : 11 + body[10]]
        at = 0
        while at + 1 < len(data) and data[at]:
            if data[at + 1] in _AD_NAMES:
                self._names[body[4:10]] = data[at + 2 : at + 1 + data[at]].decode("utf-8", "replace")
            at += 1 + data[at]

    def _peer(self, address: bytes) -> _Peer:
        return self._peers.setdefault(address, _Peer(f"w{len(self._peers) + 1}"))

    def _acl(self, at_us: int, octets: bytes, *, received: bool) -> Iterator[Packet]:
        head = octets[1] | octets[2] << 8
        handle, continues = head & 0x0FFF, head >> 12 & 0b11 == 0b01
        connection = self._connections.get(handle)
        if (
            connection is None
        ):  # the capture began after the connection did: the handle is all that is known of the peer
            connection = self._connections[handle] = _Connection(self._peer(b"handle%d" % handle))
        if continues:
            frame = connection.frames.get(received)
            if frame is None:
                return
            frame += octets[5:]
        else:
            frame = connection.frames[received] = bytearray(octets[5:])
        if len(frame) < 4:
            return
        size = frame[0] | frame[1] << 8
        if len(frame) < 4 + size:
            return
        del connection.frames[received]
        if received and frame[2] | frame[3] << 8 == _CID_ATT and size:
            yield from self._att(at_us, connection.peer, bytes(frame[4 : 4 + size]))

    def _att(self, at_us: int, peer: _Peer, pdu: bytes) -> Iterator[Packet]:
        if pdu[0] == _ATT_READ_BY_TYPE_RESPONSE and len(pdu) >= 2 and pdu[1] == _DECLARATION:
            for at in range(2, len(pdu) - _DECLARATION + 1, _DECLARATION):
                if pdu[at + 5] | pdu[at + 6] << 8 == HEART_RATE_MEASUREMENT:
                    peer.measurement_handle = pdu[at + 3] | pdu[at + 4] << 8
        elif pdu[0] == _ATT_NOTIFICATION and len(pdu) >= 3:
            if pdu[1] | pdu[2] << 8 != peer.measurement_handle:
                return
            if not peer.seated:
                peer.seated = True
                yield self._seat(at_us, peer)
            yield Notification(at_us=at_us, wearable=peer.wearable, payload=pdu[3:])

    def _seat(self, at_us: int, peer: _Peer) -> Seat:
        address = next(address for address, known in self._peers.items() if known is peer)
        profile = profile_for_name(self._names.get(address, ""))
        return Seat(at_us=at_us, person=f"person {peer.wearable[1:]}", wearable=peer.wearable, profile=profile.id)


def _handle(body: bytes, at: int) -> int:
    return (body[at] | body[at + 1] << 8) & 0x0FFF
