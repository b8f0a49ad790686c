"""What BlueZ, the Bluetooth service of Linux, says of itself and of its adapters.

Strategy: one question over the system's message bus, the same that Bleak asks, answers all: which adapters there are,
whether they are powered, what they can do, and how many connections they bear already. The version is not on the bus;
BlueZ writes it into the identity that its adapters show to others, unless somebody configured another one.

References:
    BlueZ, doc/org.bluez.Adapter.rst and src/main.conf (DeviceID).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from watchlink.errors import LinkFault
from watchlink.sources.ble.radio import within

_ASK_S: Final = 10.0
_ADAPTER: Final = "org.bluez.Adapter1"
_DEVICE: Final = "org.bluez.Device1"
# Vendor and product of BlueZ itself, then its version: two digits of it in each octet.
_MODALIAS: Final = re.compile(r"(?i)v1D6Bp0246d([0-9A-F]{2})([0-9A-F]{2})")

# Path -> interface -> property -> value.
Objects: TypeAlias = Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class BluezAdapter:
    """One adapter as BlueZ sees it.

    Attributes:
        name: the system's name for it ("hci0"); not the one that others see, which often is a person's.
        powered: whether it is switched on.
        central: whether it can connect to wearables; None if this BlueZ does not say.
        connected: how many devices of any sort are connected on it.
    """

    name: str
    powered: bool
    central: bool | None
    connected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bluez:
    """The service's version (None if it does not show it) and its adapters in the order of their names."""

    version: tuple[int, int] | None
    adapters: tuple[BluezAdapter, ...]


async def ask_bluez() -> Bluez:
    """Ask the service.

    Raises:
        LinkError: it does not answer, or not us.
    """
    return read_objects(await within(_ASK_S, _managed_objects(), late=LinkFault.NO_SERVICE))


def read_objects(objects: Objects) -> Bluez:
    """What its answer says."""
    version: tuple[int, int] | None = None
    adapters: list[BluezAdapter] = []
    for path, interfaces in sorted(objects.items()):
        adapter = interfaces.get(_ADAPTER)
        if adapter is None:
            continue
        if said := _MODALIAS.search(str(adapter.get("Modalias", ""))):
            version = int(said[1], 16), int(said[2], 16)
        roles = adapter.get("Roles")
        adapters.append(
            BluezAdapter(
                name=path.rpartition("/")[2],
                powered=bool(adapter.get("Powered", False)),
                central=None if roles is None else "central" in roles,
                connected=sum(
                    device.get("Adapter") == path and bool(device.get("Connected"))
                    for device in (others[_DEVICE] for others in objects.values() if _DEVICE in others)
                ),
            )
        )
    return Bluez(version=version, adapters=tuple(adapters))


async def _managed_objects() -> Objects:
    from bleak.backends.bluezdbus.utils import assert_reply, get_dbus_authenticator
    from dbus_fast import BusType, Message
    from dbus_fast.aio import MessageBus

    bus = MessageBus(bus_type=BusType.SYSTEM, auth=get_dbus_authenticator())
    try:
        await bus.connect()
        reply = await bus.call(
            Message(
                destination="org.bluez",
                path="/",
                interface="org.freedesktop.DBus.ObjectManager",
                member="GetManagedObjects",
            )
        )
        assert reply is not None
        assert_reply(reply)
        return {
            path: {
                interface: {name: variant.value for name, variant in properties.items()}
                for interface, properties in interfaces.items()
            }
            for path, interfaces in reply.body[0].items()
        }
    finally:
        bus.disconnect()
