"""Link types, by their numbers in the world of pcap: how a frame is wrapped, and who follows what is in it.

Strategy: a link takes frames as they stand in the file and hands what is in them to the follower of that world: a
host's (HCI) or the air's. Its `passed_over` is a table of beginnings: frames that begin so are counted in the table's
cell and need not be handed over; see `host.py`.

References:
    tcpdump.org link types 187, 201, 251, 254, 256, 272; Linux `src/shared/btsnoop.h` (BlueZ) for the monitor's opcodes;
    nRF Sniffer for Bluetooth LE, packet format (versions 0 to 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from watchlink.captures.air import AirFollower
from watchlink.captures.capture import TOO_SHORT, WHITENED, Damaged
from watchlink.captures.host import ACL, ALIKE, COMMAND, EVENT, HostFollower
from watchlink.captures.wearables import RECORD_IDENT, Wearables

H4: Final = 187
H4_WITH_DIRECTION: Final = 201
LE_LINK_LAYER: Final = 251
LINUX_MONITOR: Final = 254
LE_LINK_LAYER_WITH_HEADER: Final = 256
NORDIC_SNIFFER: Final = 272

MONITOR_ACL_SENT: Final = 4
MONITOR_ACL_RECEIVED: Final = 5
MONITOR_EVENT: Final = 3
MONITOR_COMMAND: Final = 2
MONITOR_NEW_INDEX: Final = 0
MONITOR_NOTE: Final = 12
_MONITOR_H4: Final = {
    MONITOR_COMMAND: (bytes([COMMAND]), False),
    MONITOR_EVENT: (bytes([EVENT]), True),
    MONITOR_ACL_SENT: (bytes([ACL]), False),
    MONITOR_ACL_RECEIVED: (bytes([ACL]), True),
}
# More controllers than a machine can have: such a file is damaged, and a follower for each would fill the memory.
_MOST_ADAPTERS: Final = 64

_NAMES: Final[Mapping[int, str]] = {
    H4: "HCI H4",
    H4_WITH_DIRECTION: "HCI H4 with direction",
    LE_LINK_LAYER: "LE link layer",
    LINUX_MONITOR: "Linux Bluetooth monitor",
    LE_LINK_LAYER_WITH_HEADER: "LE link layer with radio header",
    NORDIC_SNIFFER: "nRF Sniffer",
}
_UNREAD: Final[Mapping[int, tuple[str, str]]] = {
    1: ("Ethernet", "That is no Bluetooth. Record the Bluetooth interface (bluetooth0, or an LE sniffer)."),
    105: ("Wi-Fi", "That is no Bluetooth. Record the Bluetooth interface (bluetooth0, or an LE sniffer)."),
    113: ("Linux cooked", "That is no Bluetooth. Record the interface bluetooth0 alone."),
    127: ("Wi-Fi with a radio header", "That is no Bluetooth. Record with an LE sniffer."),
    161: ("802.15.4 or a vendor's own", "Record with a link type that is read."),
    189: ("Linux USB", "Record the interface bluetooth0, or `btmon -w FILE`, instead of the USB bus below it."),
    192: (
        "PPI, as Ubertooth writes with -c",
        "Record again with `ubertooth-btle -q FILE` (pcap, 256) or `-r FILE` (pcapng).",
    ),
    195: ("802.15.4", "That is no Bluetooth LE."),
    220: ("Linux USB", "Record the interface bluetooth0, or `btmon -w FILE`, instead of the USB bus below it."),
    249: ("USBPcap", "Record with an LE sniffer, or on the phone; USB frames below the Bluetooth host are not read."),
    255: ("Bluetooth BR/EDR baseband", "Heart-rate wearables speak Bluetooth LE: sniff that."),
    266: ("macOS USB", "Record with PacketLogger instead of the USB bus."),
    276: ("Linux cooked", "That is no Bluetooth. Record the interface bluetooth0 alone."),
}
READ: Final = ", ".join(f"{number} ({name})" for number, name in sorted(_NAMES.items()))


class Link(Protocol):
    """One interface of a capture.

    Attributes:
        alike: so many octets of a frame decide whether it can be passed over.
        passed_over: beginnings of frames that say nothing, and the cell in which each is counted.
    """

    alike: int
    passed_over: dict[bytes, list[int]]

    def push(self, at_us: int, octets: bytes) -> None:
        """Take one frame as it stands in the file.

        Raises:
            Damaged: it cannot be; nothing behind it can be trusted.
        """
        ...


def link_name(number: int) -> str:
    """What a link type is called."""
    return _NAMES.get(number) or _UNREAD.get(number, (f"link type {number}", ""))[0]


def unread(number: int) -> str:
    """Why a link type is not read, and what would help."""
    name, help_text = _UNREAD.get(number, ("unknown to watchlink", "Record with a link type that is read."))
    return f"link type {number} ({name}), which is not read. {help_text} Read are {READ}."


def make_link(number: int, wearables: Wearables) -> Link | None:
    """The link for a link type; None if it is not read."""
    match number:
        case 187 | 201:
            return _HostLink(wearables, with_direction=number == H4_WITH_DIRECTION)
        case 254:
            return MonitorLink(wearables)
        case 251:
            return _AirLink(wearables)
        case 256:
            return _AirLinkWithHeader(wearables)
        case 272:
            return _NordicLink(wearables)
        case _:
            return None


class _HostLink:
    """HCI packets of one controller, with four octets of direction before each or without."""

    def __init__(self, wearables: Wearables, *, with_direction: bool) -> None:
        self._head = 4 if with_direction else 0
        self.alike = self._head + ALIKE
        self.passed_over: dict[bytes, list[int]] = {}
        wearables.forgetful.append(self.passed_over.clear)
        self._follower = HostFollower(wearables)

    def push(self, at_us: int, octets: bytes) -> None:
        received = octets[3] == 1 if self._head and len(octets) >= 4 else None
        cell = self._follower.push(at_us, octets[self._head :], received=received)
        if cell is not None:
            self.passed_over[octets[: self.alike]] = cell


class MonitorLink:
    """What the Linux kernel says of all its controllers: HCI packets, and notes that programs left in between."""

    alike = 4 + ALIKE - 1

    def __init__(self, wearables: Wearables) -> None:
        """Tell `wearables` what is seen."""
        self._wearables = wearables
        self._followers: dict[int, HostFollower] = {}
        self.passed_over: dict[bytes, list[int]] = {}
        wearables.forgetful.append(self.passed_over.clear)

    def push(self, at_us: int, octets: bytes) -> None:
        """Take one frame: controller and opcode in big-endian order, then what happened.

        Raises:
            Damaged: there cannot be so many controllers.
        """
        if len(octets) < 4:
            return
        cell = self.take(at_us, octets[0] << 8 | octets[1], octets[2] << 8 | octets[3], octets[4:])
        if cell is not None:
            self.passed_over[octets[: self.alike]] = cell

    def take(self, at_us: int, adapter: int, opcode: int, body: bytes) -> list[int] | None:
        """Take what happened at a controller; returns what `HostFollower.push` returns.

        Raises:
            Damaged: there cannot be so many controllers.
        """
        known = _MONITOR_H4.get(opcode)
        if known is None:
            if opcode == MONITOR_NOTE:
                self._note(body)
            return None
        follower = self._followers.get(adapter)
        if follower is None:
            if len(self._followers) >= _MOST_ADAPTERS:
                raise Damaged(f"speaks of more than {_MOST_ADAPTERS} Bluetooth controllers")
            follower = self._followers[adapter] = HostFollower(self._wearables)
        kind, received = known
        return follower.push(at_us, kind + body, received=received)

    def _note(self, body: bytes) -> None:
        """A text, ended by a zero; one of ours begins with our name."""
        if not body.startswith(RECORD_IDENT):
            return
        try:
            self._wearables.record(body[len(RECORD_IDENT) :].rstrip(b"\0"))
        except (ValueError, RecursionError) as error:
            raise Damaged(f"is a record of watchlink that cannot be read: {error}") from error


class _AirLink:
    """Packets of the LE link layer, bare."""

    alike = 0

    def __init__(self, wearables: Wearables) -> None:
        self.passed_over: dict[bytes, list[int]] = {}
        self._wearables = wearables
        self._follower = AirFollower(wearables)

    def push(self, at_us: int, octets: bytes) -> None:
        self._follower.push(at_us, octets)


class _AirLinkWithHeader(_AirLink):
    """Packets of the LE link layer behind ten octets of channel, signal and flags."""

    _HEAD: Final = 10
    _DEWHITENED: Final = 0x0001
    _DECRYPTED: Final = 0x0008
    _CHECKED: Final = 0x0400
    _CHECKS: Final = 0x0800

    def push(self, at_us: int, octets: bytes) -> None:
        if len(octets) < self._HEAD:
            self._wearables.findings.dropped[TOO_SHORT] += 1
            return
        flags = octets[8] | octets[9] << 8
        if not flags & self._DEWHITENED:
            self._wearables.findings.dropped[WHITENED] += 1
            return
        sender = flags >> 7 & 0b111
        self._follower.push(
            at_us,
            octets[self._HEAD :],
            by_peripheral={2: False, 3: True}.get(sender),
            crc_good=bool(flags & self._CHECKS) if flags & self._CHECKED else None,
            decrypted=bool(flags & self._DECRYPTED),
        )


class _NordicLink(_AirLink):
    """Packets of the LE link layer behind what the nRF Sniffer says of them."""

    _RADIO_HEADER: Final = 10
    _EVENT_PACKET: Final = 0x06
    _ADVERTISING_PACKET: Final = 0x02
    _CRC_GOOD: Final = 0x01
    _BY_CENTRAL: Final = 0x02
    _ENCRYPTED: Final = 0x04
    _MIC_GOOD: Final = 0x08

    def push(self, at_us: int, octets: bytes) -> None:
        # Board, then a header of six octets whose layout goes by the version, which stands in its third octet; the old
        # one has no version there, and begins with a magic number in the place of the board.
        at = 8 if octets[:2] == b"\xbe\xef" else 7
        if len(octets) < at + self._RADIO_HEADER:
            self._wearables.findings.dropped[TOO_SHORT] += 1
            return
        flags = octets[at + 1] if at == 7 else octets[at]
        start = at + (self._RADIO_HEADER if at == 7 else self._RADIO_HEADER - 1)
        encrypted = bool(flags & self._ENCRYPTED)
        self._follower.push(
            at_us,
            octets[start:],
            by_peripheral=not flags & self._BY_CENTRAL,
            crc_good=bool(flags & self._CRC_GOOD),
            decrypted=encrypted and bool(flags & self._MIC_GOOD),
        )
