"""The radio beneath Bleak: which backends and adapter to use, and every call of it with a limit and in plain words.

Strategy: the operating system's Bluetooth and a virtual air differ in `Radio` only. Every call of Bleak goes through
`within`, which gives it a limit of time and turns whatever the backend raises into a `LinkError` in plain words without
an address: the one place where that happens.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import BaseBleakScanner
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakCharacteristicNotFoundError,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
    BleakGATTProtocolErrorCode,
)

from watchlink.errors import LinkError, LinkFault

T = TypeVar("T")

START_S: Final = 20.0  # macOS asks its user for permission in this time
CONNECT_S: Final = 20.0
SUBSCRIBE_S: Final = 5.0
PAIR_S: Final = 20.0  # somebody may have to find the question on the wearable's screen
READ_S: Final = 3.0
DISCONNECT_S: Final = 10.0

# A Bluetooth address in any spelling, or the UUID that stands in for it on macOS.
_ADDRESS: Final = re.compile(r"(?i)(?:[0-9a-f]{2}[:_-]){5}[0-9a-f]{2}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_LINUX_ADAPTERS: Final = Path("/sys/class/bluetooth")


@dataclass(frozen=True, slots=True, kw_only=True)
class Radio:
    """One adapter and the Bleak backends that reach it; by default the operating system's own.

    Attributes:
        scanner_backend: None for the operating system's.
        client_backend: None for the operating system's.
        adapter: name of the adapter ("hci1"); None for the system's default. Linux only.
        connected: asks what it is connected with, by whatever program; None where the operating system is asked.
    """

    scanner_backend: type[BaseBleakScanner] | None = None
    client_backend: type[BaseBleakClient] | None = None
    adapter: str | None = None
    connected: Callable[[], Awaitable[Sequence[BLEDevice]]] | None = None


def system_radios(adapter: str | None = None) -> tuple[Radio, ...]:
    """The adapters of this computer: only the one that is named, else all that Linux lists, else the system's default.

    More than one can be told apart on Linux only; elsewhere the system has one.

    Raises:
        LinkError: the named adapter is not there.
    """
    here = sorted(entry.name for entry in _LINUX_ADAPTERS.glob("hci*") if entry.name[3:].isdigit())
    if adapter is None:
        return tuple(Radio(adapter=name) for name in here) if len(here) > 1 else (Radio(),)
    if adapter not in here:
        known = f"there are: {', '.join(here)}" if here else "this computer lists none by name; leave the name out"
        raise LinkError(f"There is no Bluetooth adapter {adapter}; {known}.", fault=LinkFault.NO_ADAPTER)
    return (Radio(adapter=adapter),)


def told_apart(error: LinkError, *, platform: str = sys.platform) -> tuple[str, str]:
    """What happened and, apart from it, what to do about it on a platform (empty where there is nothing to say)."""
    words = _WORDS[error.fault] if error.fault is not LinkFault.OTHER else str(error)
    return words, _ADVICE.get((error.fault, platform), "")


def held_here(*, platform: str = sys.platform) -> str:
    """What to say of a wearable that is not heard because this computer itself is connected with it."""
    return " ".join(filter(None, (_HELD_HERE, _FREE_IT.get(platform))))


async def within(seconds: float, operation: Awaitable[T], *, late: LinkFault = LinkFault.UNREACHABLE) -> T:
    """Await one call of Bleak.

    Raises:
        LinkError: it failed, or took longer than `seconds` (then with the fault `late`).
    """
    try:
        async with asyncio.timeout(seconds):
            return await operation
    except Exception as error:  # backends raise more than Bleak promises: from D-Bus, from WinRT, assertions
        raise _in_plain_words(error, late=late) from error


def not_paired() -> LinkError:
    """What to say of a wearable that could not be paired, whatever the system called it."""
    return _of(LinkFault.NOT_PAIRED, _WORDS[LinkFault.NOT_PAIRED])


def _in_plain_words(error: Exception, *, late: LinkFault) -> LinkError:
    fault = _fault_of(error, late=late)
    words = _WORDS[fault]
    if fault is LinkFault.OTHER:
        words = f"{words} ({type(error).__name__}: {_ADDRESS.sub('…', str(error))})."
    return _of(fault, words)


def _of(fault: LinkFault, words: str) -> LinkError:
    return LinkError(" ".join(filter(None, (words, _ADVICE.get((fault, sys.platform))))), fault=fault)


def _fault_of(error: Exception, *, late: LinkFault) -> LinkFault:
    match error:
        case BleakBluetoothNotAvailableError():
            return _UNAVAILABLE.get(error.reason, LinkFault.OTHER)
        case BleakDeviceNotFoundError():
            return LinkFault.NOT_FOUND
        case BleakCharacteristicNotFoundError():
            return LinkFault.NO_HEART_RATE
        case BleakGATTProtocolError() if error.code in _WANTS_PAIRING:
            return LinkFault.NOT_PAIRED
        case BleakGATTProtocolError() if error.code == BleakGATTProtocolErrorCode.UNLIKELY_ERROR:
            return LinkFault.FAILED  # so BlueZ says it of a link that ends under a question, as by a refused pairing
        case BleakError() if _SAYS_NOT_PAIRED.search(str(error)):
            return LinkFault.NOT_PAIRED
        case BleakDBusError() if "connection-limit" in str(error):
            return LinkFault.NO_SLOT
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

_WANTS_PAIRING: Final = frozenset(
    {
        BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION,
        BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION_KEY_SIZE,
        BleakGATTProtocolErrorCode.INSUFFICIENT_ENCRYPTION,
    }
)

# How Bleak passes the same on where it has no code for it: from BlueZ, from Windows, from macOS.
_SAYS_NOT_PAIRED: Final = re.compile(
    r"Not paired|Could not start notify on \w+: Access Denied|CBATTErrorDomain Code=(?:5|12|15)\b"
)

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
    LinkFault.NO_SLOT: "The Bluetooth adapter takes no more connections at once; plug in a second adapter.",
    LinkFault.NO_HEART_RATE: "The wearable offers no heart rate; switch its heart-rate broadcast on.",
    LinkFault.NOT_PAIRED: (
        "The wearable wants to be paired first: confirm it on the wearable's screen. If the system has it as paired"
        " already, remove it there first."
    ),
    LinkFault.FAILED: (
        "The wearable failed when it was asked for its heart rate. If it does so every time, it may want to be paired"
        " first: confirm it on the wearable's screen, or pair it in the system's Bluetooth settings."
    ),
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
    # BlueZ asks an agent, and fails where there is none: a desktop's Bluetooth settings are one, and bluetoothctl is.
    (LinkFault.NOT_PAIRED, "linux"): "If nothing asks, leave `bluetoothctl` open in another terminal meanwhile.",
    (LinkFault.NOT_PAIRED, "darwin"): "Answer what macOS asks; what is paired stands in System Settings > Bluetooth.",
    (LinkFault.NOT_PAIRED, "win32"): "If nothing asks, pair it in Settings > Bluetooth & devices > Add device.",
}

_HELD_HERE: Final = (
    "This computer is still connected with it, so it cannot be heard: another program holds it, or one that was killed"
    " left it so. End that program."
)

_FREE_IT: Final[Mapping[str, str]] = {
    "linux": (
        "If there is none: `bluetoothctl devices Connected` lists it, and `bluetoothctl disconnect` with its address"
        " frees it."
    ),
    "darwin": "If there is none: switch Bluetooth off and on.",
    "win32": "If there is none: switch Bluetooth off and on in Settings > Bluetooth & devices.",
}
