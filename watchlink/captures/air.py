"""Follows what a sniffer heard on the air (LE link layer), down to the GATT traffic in it.

Strategy: a connection is known by its access address. What went wrong on the way is no packet: a bad checksum is
dropped, and so is what was sent again, which the link layer itself marks by an unchanged sequence number; two equal
heart rates with different numbers are two. A sniffer that came too late for the connection's beginning does not know
how its checksums begin, but any two packets that agree on it tell. Encrypted traffic cannot be read, and is said to be
there.

References:
    Bluetooth Core 5.4, vol 6 part B, 2.1 (packets), 2.3 (advertising), 2.4 (data, sequence numbers 4.5.9), 3.1.1 (CRC).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from watchlink.captures.attributes import NOTIFICATION, Conversation, Device, said_by_server
from watchlink.captures.capture import AGAIN, BAD_CHECKSUM, CUT_SHORT, ENCRYPTED, TOO_SHORT
from watchlink.captures.host import advertised_name
from watchlink.captures.wearables import Wearables
from watchlink.packets import Attribute

_ADVERTISING: Final = 0x8E89BED6.to_bytes(4, "little")
_ADVERTISING_CRC: Final = 0x555555
_ADV_TYPES_WITH_DATA: Final = frozenset((0x0, 0x2, 0x4, 0x6))  # ADV_IND, _NONCONN_IND, SCAN_RSP, _SCAN_IND
_CONNECT_IND: Final = 0x5
_CONTINUES: Final = 1
_BEGINS: Final = 2
_CONTROL: Final = 3
_TERMINATE: Final = 0x02
_ENCRYPTION_BEGINS: Final = 0x05
_NEXT_EXPECTED: Final = 0x04
_SEQUENCE: Final = 0x08
_CID_ATT: Final = 0x0004
# A slave answers so long after the end of what it answers, give or take what sniffers' clocks are off by.
_INTERFRAME_US: Final = 150
_INTERFRAME_TOLERANCE_US: Final = 40
_US_PER_OCTET: Final = 8
_PREAMBLE_AND_CRC: Final = 4
# Sooner than a sensor says the same thing again.
_LONGEST_REPETITION_US: Final = 750_000
# Noise looks like access addresses too; so many connections are followed, the ones heard last.
_MOST_CONNECTIONS: Final = 512
_MOST_NAMES: Final = 4096


class _Connection:
    """One connection: who, its checksum's beginning, and each direction's last packet and unfinished frame.

    Directions are told by whether the peripheral (the wearable, as a rule) is the sender.
    """

    def __init__(self, address: bytes, crc_init: int | None) -> None:
        self.address = address
        self.crc_init = crc_init
        self.crc_guesses: list[int] = []
        self.encrypted = False
        self.last: dict[bool, tuple[int, int, bytes]] = {}
        self.refused: dict[bool, bool] = {}
        self.frames: dict[bool, bytearray] = {}
        self.ended_us = 0
        self.last_sender = False
        self.servers: dict[bool, tuple[Device, Conversation]] = {}

    def repeats(self, at_us: int, head: int, payload: bytes, *, by_peripheral: bool) -> bool:
        """Whether a packet is the sender's last one once more; it is noted either way.

        A sequence number has one bit, so a sniffer that missed a packet in between hears the same one again. Then the
        receiver's last word decides: it still waits for that packet, or else what comes later than a repetition can is
        new.
        """
        other = self.last.get(not by_peripheral)
        if other is not None:
            waits = bool(head & _NEXT_EXPECTED) == bool(other[1] & _SEQUENCE)
            # Once it was received it stays so: later the same bit speaks of a packet that the sniffer missed.
            self.refused[not by_peripheral] = self.refused.get(not by_peripheral, True) and waits
        before = self.last.get(by_peripheral)
        kind = head & (_SEQUENCE | 0b11)
        soon = before is not None and at_us - before[0] <= _LONGEST_REPETITION_US
        if before is not None and before[1:] == (kind, payload) and (soon or self.refused.get(by_peripheral, False)):
            return True
        self.last[by_peripheral] = (at_us, kind, payload)
        self.refused.pop(by_peripheral, None)
        return False


class AirFollower:
    """Stage: link-layer packets, in the order in which they were heard."""

    def __init__(self, wearables: Wearables) -> None:
        """Tell `wearables` what is seen."""
        self._wearables = wearables
        self._findings = wearables.findings
        self._names: OrderedDict[bytes, str] = OrderedDict()
        self._connections: OrderedDict[bytes, _Connection] = OrderedDict()

    def push(
        self,
        at_us: int,
        octets: bytes,
        *,
        by_peripheral: bool | None = None,
        crc_good: bool | None = None,
        decrypted: bool = False,
    ) -> None:
        """Take one packet (access address to checksum) of a time in microseconds since 1970.

        Args:
            at_us: when it began.
            octets: as on the air, de-whitened, without the preamble.
            by_peripheral: who sent it, None if the sniffer does not tell.
            crc_good: what the sniffer says of the checksum, None if it has to be looked at.
            decrypted: the sniffer has taken the encryption away.
        """
        if len(octets) < 9:
            self._findings.dropped[TOO_SHORT] += 1
            return
        pdu = octets[4 : 6 + octets[5]]
        if len(octets) < 9 + octets[5]:
            self._findings.dropped[CUT_SHORT] += 1
            return
        checked = octets[4 : 9 + octets[5]]
        if octets[:4] == _ADVERTISING:
            if crc_good is False or (crc_good is None and crc(checked[:-3], _ADVERTISING_CRC) != checked[-3:]):
                self._findings.dropped[BAD_CHECKSUM] += 1
            else:
                self._advertised(pdu)
            return
        connection = self._connections.get(octets[:4])
        if connection is None:
            connection = self._begin(octets[:4], _Connection(octets[:4], None))
        else:
            self._connections.move_to_end(octets[:4])
        if crc_good is False or (crc_good is None and not _checks(connection, checked)):
            self._findings.dropped[BAD_CHECKSUM] += 1
            return
        self._data(at_us, connection, pdu, by_peripheral=by_peripheral, decrypted=decrypted)

    def _begin(self, access_address: bytes, connection: _Connection) -> _Connection:
        self._connections[access_address] = connection
        if len(self._connections) > _MOST_CONNECTIONS:
            self._connections.popitem(last=False)
        return connection

    def _advertised(self, pdu: bytes) -> None:
        kind = pdu[0] & 0x0F
        if kind in _ADV_TYPES_WITH_DATA and len(pdu) >= 8:
            name = advertised_name(pdu[8:])
            if name:
                self._names[pdu[2:8]] = name
                self._names.move_to_end(pdu[2:8])
                if len(self._names) > _MOST_NAMES:
                    self._names.popitem(last=False)
        elif kind == _CONNECT_IND and len(pdu) >= 21:
            # A connection event is not much longer than its announcement is heard: the same one again is no new one.
            known = self._connections.get(pdu[14:18])
            if known is None or known.address != pdu[8:14]:
                crc_init = int.from_bytes(pdu[18:21], "little")
                self._begin(pdu[14:18], _Connection(pdu[8:14], crc_init))

    def _data(
        self, at_us: int, connection: _Connection, pdu: bytes, *, by_peripheral: bool | None, decrypted: bool
    ) -> None:
        head, payload = pdu[0], pdu[2:]
        kind = head & 0b11
        if by_peripheral is None:
            by_peripheral = _sender(at_us, connection, kind, payload)
        connection.last_sender = by_peripheral
        connection.ended_us = at_us + _US_PER_OCTET * (len(pdu) + 4 + _PREAMBLE_AND_CRC)
        if connection.repeats(at_us, head, payload, by_peripheral=by_peripheral):
            if payload:  # an empty packet is how a link stays alive, not a loss
                self._findings.dropped[AGAIN] += 1
            return
        if kind == _CONTROL:
            self._control(at_us, connection, payload, decrypted=decrypted)
            return
        if not payload or kind not in (_BEGINS, _CONTINUES):
            return
        if connection.encrypted and not decrypted:
            self._findings.dropped[ENCRYPTED] += 1
            return
        self._l2cap(at_us, connection, kind, payload, by_peripheral=by_peripheral)

    def _control(self, at_us: int, connection: _Connection, payload: bytes, *, decrypted: bool) -> None:
        if connection.encrypted and not decrypted:
            return
        if payload[:1] == bytes([_TERMINATE]) and len(payload) >= 2:
            for device, _ in connection.servers.values():
                self._wearables.lost(at_us, device, f"disconnected (0x{payload[1]:02x})")
        elif payload[:1] == bytes([_ENCRYPTION_BEGINS]):
            connection.encrypted = True

    def _l2cap(self, at_us: int, connection: _Connection, kind: int, payload: bytes, *, by_peripheral: bool) -> None:
        if kind == _BEGINS:
            frame = connection.frames[by_peripheral] = bytearray(payload)
        else:
            unfinished = connection.frames.get(by_peripheral)
            if unfinished is None:
                return
            frame = unfinished
            frame += payload
        if len(frame) < 4:
            return
        size = frame[0] | frame[1] << 8
        if len(frame) < 4 + size:
            return
        del connection.frames[by_peripheral]
        if frame[2] | frame[3] << 8 == _CID_ATT and size:
            self._att(at_us, connection, bytes(frame[4 : 4 + size]), by_peripheral=by_peripheral)

    def _att(self, at_us: int, connection: _Connection, pdu: bytes, *, by_peripheral: bool) -> None:
        is_peripheral = by_peripheral == said_by_server(pdu[0])
        server = connection.servers.get(is_peripheral)
        if server is None:
            server = connection.servers[is_peripheral] = self._server(connection, is_peripheral=is_peripheral)
        device, conversation = server
        if pdu[0] == NOTIFICATION:
            if len(pdu) >= 3:
                self._wearables.notified(at_us, device, pdu[1] | pdu[2] << 8, pdu[3:])
            return
        self._findings.others[0] += 1
        conversation.push(at_us, pdu)

    def _server(self, connection: _Connection, *, is_peripheral: bool) -> tuple[Device, Conversation]:
        name = self._names.get(connection.address, "") if is_peripheral else ""
        side = b"" if is_peripheral else b"central of "
        device = self._wearables.device(side + connection.address, name=name)
        device.connections += 1

        def on_read(at_us: int, attribute: Attribute, value: bytes) -> None:
            self._wearables.read(at_us, device, attribute, value)

        return device, Conversation(device, on_read)


def _sender(at_us: int, connection: _Connection, kind: int, payload: bytes) -> bool:
    """Whether the peripheral sent a packet of which the sniffer does not say it.

    What begins an ATT exchange of a server or a client tells it; else an answer follows in a fixed time, and whatever
    comes later begins a new connection event, which the central does.
    """
    if kind == _BEGINS and len(payload) >= 5 and payload[2] | payload[3] << 8 == _CID_ATT:
        return said_by_server(payload[4])
    if kind == _CONTINUES and payload and len(connection.frames) == 1:
        return next(iter(connection.frames))
    answers = abs(at_us - connection.ended_us - _INTERFRAME_US) <= _INTERFRAME_TOLERANCE_US
    return not connection.last_sender if answers else False


def _checks(connection: _Connection, checked: bytes) -> bool:
    """Whether the checksum is good; until its beginning is known, that nothing speaks against it."""
    if connection.crc_init is not None:
        return crc(checked[:-3], connection.crc_init) == checked[-3:]
    init = crc_init_of(checked)
    if init in connection.crc_guesses:
        connection.crc_init = init
    else:
        connection.crc_guesses = [*connection.crc_guesses[-7:], init]
    return True


def _crc_table() -> tuple[int, ...]:
    table: list[int] = []
    for octet in range(256):
        state = octet
        for _ in range(8):
            state = state >> 1 ^ (0xDA6000 if state & 1 else 0)
        table.append(state)
    return tuple(table)


_CRC_TABLE: Final = _crc_table()
# The register with its bits in the order of the air, so that a table by octets can be used.
_REVERSED_OCTET: Final = tuple(int(f"{octet:08b}"[::-1], 2) for octet in range(256))
# The table's entry by its topmost octet, which is different for each: the way back.
_CRC_BACK: Final = {entry >> 16: octet for octet, entry in enumerate(_CRC_TABLE)}


def _reversed_24(value: int) -> int:
    return _REVERSED_OCTET[value & 0xFF] << 16 | _REVERSED_OCTET[value >> 8 & 0xFF] << 8 | _REVERSED_OCTET[value >> 16]


def crc(pdu: bytes, init: int) -> bytes:
    """The three octets of the checksum of a PDU, as sent; `init` is the connection's 24-bit beginning."""
    state = _reversed_24(init)
    for octet in pdu:
        state = state >> 8 ^ _CRC_TABLE[(state ^ octet) & 0xFF]
    return state.to_bytes(3, "little")


def crc_init_of(checked: bytes) -> int:
    """The beginning from which the checksum (the last three octets) of the PDU before it comes out."""
    state = int.from_bytes(checked[-3:], "little")
    for octet in reversed(checked[:-3]):
        index = _CRC_BACK[state >> 16]
        state = ((state ^ _CRC_TABLE[index]) << 8 | index ^ octet) & 0xFFFFFF
    return _reversed_24(state)
