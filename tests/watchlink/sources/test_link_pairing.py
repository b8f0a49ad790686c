"""A link to a wearable that wants to be paired, on systems that pair in different ways or not at all."""

from __future__ import annotations

import asyncio
import random
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from bleak.exc import BleakDBusError, BleakError, BleakGATTProtocolError

from firmware_profiles.profiles import Pairing, load_profiles
from watchlink.clock import VirtualClock
from watchlink.errors import LinkError, LinkFault
from watchlink.packets import Discarded, LinkChange, LinkState, Notification, Packet
from watchlink.sources.ble import BleSource, Wearer, scan
from watchlink.sources.ble.link import Link
from watchlink.sources.ble.radio import PAIR_S, not_paired, within
from watchlink.sources.virtual.air import VirtualAir
from watchlink.sources.virtual.wearable import Emission, VirtualWearable

SECOND_US = 1_000_000
ON_MACOS = (
    'Failed to update the notification status for characteristic 21: Error Domain=CBATTErrorDomain Code={code} ""'
)
CONFIRMED = next(one.id for one in load_profiles().values() if one.pairing is Pairing.CONFIRM)
WEARABLE = VirtualWearable(
    serial="S-01",
    name="Watch 0001",
    manufacturer="Maker",
    model="Model",
    firmware="1.0",
    battery_percent=80,
    body_sensor_location=None,
    emissions=[Emission(at_us=n * SECOND_US, payload=bytes([0x06, 60 + n])) for n in range(120)],
    needs_bond=True,
)


def client_that_asks_its_user(air: VirtualAir, *, agrees: bool) -> type[Any]:
    """As on macOS: nobody can ask it to pair, it may do so by itself, and it keeps a subscription that was refused."""
    backend: Any = air.radio.client_backend

    class Client(backend):
        kept = False

        async def start_notify(self, *arguments: Any, **others: Any) -> None:
            if self.kept:
                raise ValueError("Characteristic notifications already started")
            self.kept = True
            try:
                await super().start_notify(*arguments, **others)
            except BleakGATTProtocolError as error:
                if agrees:
                    await super().pair()
                raise BleakError(ON_MACOS.format(code=error.code.value)) from error

        async def stop_notify(self, *arguments: Any, **others: Any) -> None:
            if not self.kept:
                raise ValueError("Characteristic notification never started")
            await super().stop_notify(*arguments, **others)
            self.kept = False

        async def pair(self, *_arguments: Any, **_others: Any) -> None:
            raise NotImplementedError

    return Client


def client_that_waits_for_ever(air: VirtualAir) -> type[Any]:
    """Somebody would have to confirm it, and nobody looks."""
    backend: Any = air.radio.client_backend

    class Client(backend):
        async def pair(self, *_arguments: Any, **_others: Any) -> None:
            await asyncio.Event().wait()

    return Client


def client_that_fails(air: VirtualAir) -> type[Any]:
    """As BlueZ and Windows say it."""
    backend: Any = air.radio.client_backend

    class Client(backend):
        async def pair(self, *_arguments: Any, **_others: Any) -> None:
            raise BleakError("Could not pair with device: 19: FAILED")

    return Client


def client_whose_adapter_goes(air: VirtualAir) -> type[Any]:
    """It is switched off while the question stands."""
    backend: Any = air.radio.client_backend

    class Client(backend):
        async def pair(self, *_arguments: Any, **_others: Any) -> None:
            air.switch_adapter_off()
            self.central.check()

    return Client


def subscribed(make_client: Any, **others: Any) -> tuple[list[Notification | Discarded], LinkError | None, float]:
    """What came in ten seconds on a link through such a client; why it could not be asked for; how long that took."""
    clock = VirtualClock(started_at=datetime(2025, 3, 1, 9, 0, tzinfo=UTC))
    arrived: list[Notification | Discarded] = []

    async def main() -> tuple[LinkError | None, float]:
        async with VirtualAir([WEARABLE], clock=clock) as air:
            (found,) = await scan(clock=clock, seconds=5, enough=1, radio=air.radio)
            radio = replace(air.radio, client_backend=make_client(air, **others))
            link = Link(found.device, wearable="w", clock=clock, radio=radio, arrive=arrived.append)
            await link.connect()
            since_us, error = clock.now_us(), None
            with pytest.raises(LinkError) as refused:
                await link.subscribe()
            assert refused.value.fault is LinkFault.NOT_PAIRED
            try:
                await link.pair()
            except LinkError as failure:
                error = failure
            took_s = (clock.now_us() - since_us) / SECOND_US
            await clock.sleep_until_us(clock.now_us() + 10 * SECOND_US)
            await link.close()
            return error, took_s

    return (arrived, *clock.run(main()))


def test_a_system_that_asks_its_user_by_itself_is_asked_for_the_heart_rate_again() -> None:
    arrived, error, _ = subscribed(client_that_asks_its_user, agrees=True)
    assert error is None
    assert [type(packet) for packet in arrived] == [Notification] * 10


@pytest.mark.parametrize(
    ("make_client", "others", "took_s"),
    [
        (client_that_asks_its_user, {"agrees": False}, 0),
        (client_that_waits_for_ever, {}, PAIR_S),
        (client_that_fails, {}, 0),
    ],
)
def test_where_pairing_fails_the_reason_is_that_it_is_wanted(
    make_client: Any, others: dict[str, Any], took_s: float
) -> None:
    arrived, error, waited_s = subscribed(make_client, **others)
    assert not arrived
    assert error is not None
    assert error.fault is LinkFault.NOT_PAIRED
    assert str(error).startswith("The wearable wants to be paired first: confirm it on the wearable's screen")
    assert waited_s == pytest.approx(took_s, abs=0.1)


def test_what_ends_pairing_for_a_reason_of_its_own_is_said_as_it_is() -> None:
    _, error, _ = subscribed(client_whose_adapter_goes)
    assert error is not None
    assert error.fault is LinkFault.POWERED_OFF


@pytest.mark.parametrize(("platform", "said"), [("linux", "bluetoothctl"), ("darwin", "macOS"), ("win32", "Settings")])
def test_each_system_has_its_own_advice(platform: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert said in str(not_paired())


@pytest.mark.parametrize(
    ("raised", "fault"),
    [
        (BleakGATTProtocolError(0x05), LinkFault.NOT_PAIRED),
        (BleakGATTProtocolError(0x0C), LinkFault.NOT_PAIRED),
        (BleakGATTProtocolError(0x0F), LinkFault.NOT_PAIRED),
        (BleakDBusError("org.bluez.Error.NotPermitted", ["Not paired"]), LinkFault.NOT_PAIRED),
        (BleakError(ON_MACOS.format(code=5)), LinkFault.NOT_PAIRED),
        (BleakError(ON_MACOS.format(code=12)), LinkFault.NOT_PAIRED),
        (BleakError(ON_MACOS.format(code=15)), LinkFault.NOT_PAIRED),
        (BleakError(ON_MACOS.format(code=10)), LinkFault.OTHER),
        (BleakError(ON_MACOS.format(code=128)), LinkFault.OTHER),
        (BleakError("Could not start notify on 0010: Access Denied"), LinkFault.NOT_PAIRED),
        (BleakError("Could not get GATT services: Access Denied"), LinkFault.OTHER),
        (BleakDBusError("org.bluez.Error.NotPermitted", ["Operation is not permitted"]), LinkFault.NO_PERMISSION),
        (BleakGATTProtocolError(0x0E), LinkFault.FAILED),
        (BleakGATTProtocolError(0x02), LinkFault.OTHER),
        (BleakGATTProtocolError(0x80), LinkFault.OTHER),
    ],
)
def test_what_the_systems_say_is_told_from_other_refusals(raised: Exception, fault: LinkFault) -> None:
    async def refuse() -> None:
        raise raised

    with pytest.raises(LinkError) as told:
        asyncio.run(within(1, refuse()))
    assert told.value.fault is fault


def client_that_pairs_while_it_subscribes(air: VirtualAir, *, after_s: float) -> type[Any]:
    """As BlueZ does it: the call lasts until somebody has confirmed."""
    backend: Any = air.radio.client_backend

    class Client(backend):
        async def start_notify(self, *arguments: Any, **others: Any) -> None:
            await asyncio.sleep(after_s)
            await super().pair()
            await super().start_notify(*arguments, **others)

    return Client


@pytest.mark.parametrize(("after_s", "streams"), [(12, True), (30, False)])
def test_a_wearable_that_is_known_to_ask_is_given_the_time_to_be_answered(after_s: float, streams: bool) -> None:
    clock = VirtualClock(started_at=datetime(2025, 3, 1, 9, 0, tzinfo=UTC))

    async def main() -> list[Packet]:
        async with VirtualAir([WEARABLE], clock=clock) as air:
            (found,) = await scan(clock=clock, seconds=5, enough=1, radio=air.radio)
            seat = Wearer.of(found, person="Heron", wearable="w", profile=CONFIRMED)
            radio = replace(air.radio, client_backend=client_that_pairs_while_it_subscribes(air, after_s=after_s))
            async with BleSource([seat], clock=clock, radios=[radio], chance=random.Random(1)) as source:
                await clock.sleep_until_us(60 * SECOND_US)
            return [packet async for packet in source]

    packets = clock.run(main())
    reasons = [one.reason for one in packets if isinstance(one, LinkChange) and one.state is LinkState.LOST]
    assert any(isinstance(packet, Notification) for packet in packets) is streams
    assert bool(reasons) is not streams
    assert all(reason.startswith("The wearable wants to be paired first") for reason in reasons)
