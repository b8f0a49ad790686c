"""Follows what passes between a Bluetooth host and one of its controllers (HCI), down to the GATT traffic in it.

Strategy: just as much of HCI and L2CAP as it takes. A connection is known by its handle while it lasts and by its
peer's address beyond; the address stays in here. Both ends may be GATT servers: a phone asks a strap, and is asked.

Most frames of a real capture say nothing to a log, and the same nothing again and again. Two frames that begin alike
mean alike, so the follower says of a frame whether those that begin like it may be counted and passed over from now on.
That holds until something is learnt.

References:
    Bluetooth Core 5.4, vol 4 part E, 5.4 (HCI packets) and 7.7 (events); vol 3 part A, 3.1 (L2CAP).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from watchlink.captures.attributes import NOTIFICATION, Conversation, Device, said_by_server, says_nothing
from watchlink.captures.wearables import Wearables
from watchlink.packets import Attribute

COMMAND: Final = 0x01
ACL: Final = 0x02
EVENT: Final = 0x04
ALIKE: Final = 13
"""So many octets, from the packet type on, say what a frame is: an advertisement's address, a notification's handle."""

_DISCONNECTED: Final = 0x05
_LE_META: Final = 0x3E
_LE_CONNECTED: Final = (0x01, 0x0A, 0x29)
_LE_ADVERTISED: Final = 0x02
_LE_ADVERTISED_EXTENDED: Final = 0x0D
_AD_NAMES: Final = (0x08, 0x09)
_CONTINUES: Final = 0b01
_CID_ATT: Final = 0x0004
# Advertisers whose names are remembered; of more, the one that was heard first is forgotten.
_MOST_NAMES: Final = 4096


class _Server:
    """One of the two ends of a connection as a GATT server."""

    __slots__ = ("conversation", "device")

    def __init__(self, device: Device, conversation: Conversation) -> None:
        self.device = device
        self.conversation = conversation


class _Connection:
    """A connection while it lasts: its servers, and the frame under way in each direction."""

    __slots__ = ("address", "frames", "servers")

    def __init__(self, address: bytes) -> None:
        self.address = address
        self.servers: dict[bool, _Server] = {}
        self.frames: dict[bool | None, bytearray] = {}


class HostFollower:
    """Stage: HCI packets of one controller, in the order in which they passed."""

    def __init__(self, wearables: Wearables) -> None:
        """Tell `wearables` what is seen."""
        self._wearables = wearables
        self._findings = wearables.findings
        self._number = wearables.new_link()
        self._names: OrderedDict[bytes, str] = OrderedDict()
        self._connections: dict[int, _Connection] = {}
        self._nothing = [0]
        self._advertisements: set[bytes] = set()

    def push(self, at_us: int, octets: bytes, *, received: bool | None) -> list[int] | None:
        """Take one H4 packet (packet type first) of a time in microseconds since 1970.

        `received` says that it went from the controller to the host, None that the capture does not tell.
        Returns the cell in which packets may be counted instead that have the first `ALIKE` octets and the direction of
        this one, None if each of them has to be seen.
        """
        if len(octets) < 4:
            return None
        kind = octets[0]
        if kind == ACL:
            return self._acl(at_us, octets, received=received) if len(octets) >= 5 else None
        if kind == EVENT:
            code = octets[1]
            if code == _LE_META:
                return self._le_event(octets[3:])
            if code == _DISCONNECTED:
                self._disconnected(at_us, octets[3:])
                return None
        return self._nothing

    def _disconnected(self, at_us: int, body: bytes) -> None:
        if len(body) < 4 or body[0]:
            return
        connection = self._connections.pop(_handle(body, 1), None)
        if connection is not None:
            for server in connection.servers.values():
                self._wearables.lost(at_us, server.device, f"disconnected (0x{body[3]:02x})")
            self._wearables.learnt()

    def _le_event(self, body: bytes) -> list[int] | None:
        if not body:
            return None
        if body[0] in _LE_CONNECTED:
            if len(body) >= 12 and body[1] == 0:
                self._connections[_handle(body, 2)] = _Connection(body[6:12])
                self._wearables.learnt()
            return None
        # Of several reports in one event only the first is looked at; controllers send one.
        if body[0] == _LE_ADVERTISED:
            if len(body) >= 11:
                return self._advertised(body[4:10], body[11 : 11 + body[10]])
            return None
        if body[0] == _LE_ADVERTISED_EXTENDED:
            if len(body) >= 26:
                self._advertised(body[5:11], body[26 : 26 + body[25]])
            return None
        return self._nothing

    def _advertised(self, address: bytes, data: bytes) -> list[int] | None:
        """Remember a name. What has told its name has nothing more to say, in an event that holds the whole address."""
        if address in self._names:
            return self._nothing
        said = address + data
        if said in self._advertisements:
            return None
        if len(self._advertisements) >= _MOST_NAMES:
            self._advertisements.clear()
        self._advertisements.add(said)
        name = advertised_name(data)
        if name:
            self._names[address] = name
            if len(self._names) > _MOST_NAMES:
                self._names.popitem(last=False)
        return None

    def _acl(self, at_us: int, octets: bytes, *, received: bool | None) -> list[int] | None:
        head = octets[1] | octets[2] << 8
        handle = head & 0x0FFF
        connection = self._connections.get(handle)
        if connection is None:  # the capture began after the connection did: the handle is all that is known of it
            connection = self._connections[handle] = _Connection(b"%d, handle %d" % (self._number, handle))
        frames = connection.frames
        if head >> 12 & 0b11 == _CONTINUES:
            if received is None:
                received = next(iter(frames), None)
            frame = frames.get(received)
            if frame is None:
                return None
            frame += octets[5:]
            if len(frame) >= 4 and len(frame) >= 4 + (frame[0] | frame[1] << 8):
                del frames[received]
                self._l2cap(at_us, connection, bytes(frame), received=received)
            return None
        if len(octets) < 9 or len(octets) < 9 + (octets[5] | octets[6] << 8):
            frames[received] = bytearray(octets[5:])
            self._wearables.learnt()  # an unfinished frame is given up by any that begins after it: all must be seen
            return None
        frames.pop(received, None)
        return self._l2cap(at_us, connection, octets[5:], received=received)

    def _l2cap(self, at_us: int, connection: _Connection, frame: bytes, *, received: bool | None) -> list[int] | None:
        size = frame[0] | frame[1] << 8
        if frame[2] | frame[3] << 8 != _CID_ATT or size < 1:
            return self._nothing
        opcode = frame[4]
        by_server = said_by_server(opcode)
        # What a server says and the host receives comes from the peer; what it receives as a question is for itself.
        remote = True if received is None else received == by_server
        server = connection.servers.get(remote)
        if server is None:
            server = connection.servers[remote] = self._server(connection, remote=remote)
        if opcode == NOTIFICATION:
            if size < 3:
                return None
            return self._wearables.notified(at_us, server.device, frame[5] | frame[6] << 8, frame[7 : 4 + size])
        self._findings.others[0] += 1
        if says_nothing(opcode, size):
            return self._findings.others
        before = server.device.measurement, len(server.device.characteristics)
        server.conversation.push(at_us, frame[4 : 4 + size])
        if before != (server.device.measurement, len(server.device.characteristics)):
            self._wearables.learnt()
        return None

    def _server(self, connection: _Connection, *, remote: bool) -> _Server:
        name = self._names.get(connection.address, "") if remote else ""
        # A wearable that comes back over another controller is the same one; the host's own server is many-faced.
        device = self._wearables.device((b"" if remote else b"own server towards ") + connection.address, name=name)
        device.connections += 1

        def on_read(at_us: int, attribute: Attribute, value: bytes) -> None:
            self._wearables.read(at_us, device, attribute, value)

        return _Server(device, Conversation(device, on_read))


def advertised_name(data: bytes) -> str:
    """The name in advertising data (Core 5.4, vol 3 part C, 11), "" if there is none."""
    at = 0
    while at + 1 < len(data) and data[at]:
        if data[at + 1] in _AD_NAMES:
            return data[at + 2 : at + 1 + data[at]].decode("utf-8", "replace")
        at += 1 + data[at]
    return ""


def _handle(body: bytes, at: int) -> int:
    return (body[at] | body[at + 1] << 8) & 0x0FFF
