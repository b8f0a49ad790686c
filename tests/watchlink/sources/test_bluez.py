"""What BlueZ answers, taken apart."""

from __future__ import annotations

import asyncio
import sys

import pytest

from watchlink.errors import LinkError, LinkFault
from watchlink.sources.ble.bluez import Bluez, BluezAdapter, ask_bluez, read_objects

_ADAPTER = "org.bluez.Adapter1"
_DEVICE = "org.bluez.Device1"


def test_adapters_their_powers_and_what_is_connected_on_each() -> None:
    objects = {
        "/org/bluez": {"org.bluez.AgentManager1": {}},
        "/org/bluez/hci1": {_ADAPTER: {"Powered": False}},
        "/org/bluez/hci0": {
            _ADAPTER: {
                "Powered": True,
                "Alias": "Anna's laptop",
                "Roles": ["central", "peripheral"],
                "Modalias": "usb:v1D6Bp0246d0548",
            }
        },
        "/org/bluez/hci0/dev_1": {_DEVICE: {"Adapter": "/org/bluez/hci0", "Connected": True}},
        "/org/bluez/hci0/dev_2": {_DEVICE: {"Adapter": "/org/bluez/hci0", "Connected": False}},
        "/org/bluez/hci1/dev_3": {_DEVICE: {"Adapter": "/org/bluez/hci1"}},
    }
    assert read_objects(objects) == Bluez(
        version=(5, 72),
        adapters=(
            BluezAdapter(name="hci0", powered=True, central=True, connected=1),
            BluezAdapter(name="hci1", powered=False, central=None, connected=0),
        ),
    )


def test_an_adapter_without_the_role_cannot_connect_to_wearables() -> None:
    bluez = read_objects({"/org/bluez/hci0": {_ADAPTER: {"Powered": True, "Roles": []}}})
    assert [adapter.central for adapter in bluez.adapters] == [False]


def test_a_service_without_adapters_shows_no_version() -> None:
    assert read_objects({"/org/bluez": {}}) == Bluez(version=None, adapters=())


def test_an_identity_that_somebody_configured_is_no_version() -> None:
    objects = {"/org/bluez/hci0": {_ADAPTER: {"Powered": True, "Modalias": "bluetooth:v000ApFFFFdFFFF"}}}
    assert read_objects(objects).version is None


@pytest.mark.skipif(sys.platform != "linux", reason="BlueZ is Linux's")
def test_a_bus_that_nobody_is_on_is_a_service_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/at/all")
    with pytest.raises(LinkError) as told:
        asyncio.run(ask_bluez())
    assert told.value.fault is LinkFault.NO_SERVICE
