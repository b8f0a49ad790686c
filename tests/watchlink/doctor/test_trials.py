"""The two trials on the virtual air, and on radios that refuse."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any, TypeVar

import pytest
from bleak.backends.scanner import AdvertisementDataCallback, BaseBleakScanner
from bleak.exc import BleakBluetoothNotAvailableError, BleakBluetoothNotAvailableReason

from watchlink.clock import VirtualClock
from watchlink.doctor.facts import Connecting, Listening, Missed
from watchlink.doctor.trials import LinkWatch, connect, listen
from watchlink.errors import LinkFault
from watchlink.packets import LinkChange, LinkState
from watchlink.sources.ble import Radio
from watchlink.sources.virtual.air import VirtualAir
from watchlink.sources.virtual.wearable import Emission, VirtualWearable

T = TypeVar("T")


def wearable(name: str, *, speaks: bool = True) -> VirtualWearable:
    def emissions() -> Iterator[Emission]:
        for second in count() if speaks else ():
            yield Emission(at_us=second * 1_000_000, payload=bytes([0x00, 60 + second % 40]))

    return VirtualWearable(
        serial=name,
        name=name,
        manufacturer="Maker",
        model="Model",
        firmware="1",
        battery_percent=50,
        body_sensor_location=None,
        emissions=emissions(),
    )


def run(main: Coroutine[Any, Any, T], clock: VirtualClock) -> T:
    return clock.run(main)


def fresh_clock() -> VirtualClock:
    return VirtualClock(started_at=datetime(2026, 3, 1, tzinfo=UTC))


def tried(wearables: Sequence[VirtualWearable]) -> tuple[Listening, Connecting]:
    clock = fresh_clock()

    async def main() -> tuple[Listening, Connecting]:
        async with VirtualAir(wearables, clock=clock) as air:
            heard, found = await listen([air.radio], clock=clock, seconds=3)
            return heard, await connect(found, radios=[air.radio], clock=clock, limit_s=30)

    return run(main(), clock)


def test_all_wearables_are_heard_and_stream_at_once() -> None:
    names = [f"Wearable {number}" for number in range(8)]
    heard, connecting = tried([wearable(name) for name in names])
    assert (heard.worked, heard.troubles) == (1, ())
    assert [one.name for one in heard.wearables] == names
    assert connecting == Connecting(tried=8, streaming=8, adapters=1, limit_s=30)


def test_a_wearable_that_sends_nothing_is_named_with_the_reason() -> None:
    _, connecting = tried([wearable("Loud"), wearable("Mute", speaks=False), wearable("Other")])
    assert connecting.streaming == 2
    assert [missed.name for missed in connecting.missed] == ["Mute"]
    assert "silent" in connecting.missed[0].reason or "no data" in connecting.missed[0].reason


class Refuses(BaseBleakScanner):
    """A scanner of a system that is switched off."""

    def __init__(
        self,
        detection_callback: AdvertisementDataCallback | None,
        service_uuids: list[str] | None,
        *_: object,
        **__: object,
    ) -> None:
        super().__init__(detection_callback, service_uuids)

    async def start(self) -> None:
        raise BleakBluetoothNotAvailableError("off", BleakBluetoothNotAvailableReason.POWERED_OFF)

    async def stop(self) -> None:
        raise AssertionError("never started")


def test_an_adapter_that_refuses_is_told_and_the_other_hears() -> None:
    clock = fresh_clock()

    async def main() -> Listening:
        async with VirtualAir([wearable("A")], clock=clock) as air:
            radios = [Radio(scanner_backend=Refuses, adapter="hci0"), air.radio]
            return (await listen(radios, clock=clock, seconds=3))[0]

    heard = run(main(), clock)
    assert heard.worked == 1
    assert [(name, trouble.fault) for name, trouble in heard.troubles] == [("hci0", LinkFault.POWERED_OFF)]
    assert [one.name for one in heard.wearables] == ["A"]


# --- what is seen of links -------------------------------------------------------------------------------------------


def watched(*changes: tuple[str, LinkState, str]) -> LinkWatch:
    watch = LinkWatch(["A", "B"])
    for key, state, reason in changes:
        watch.push(LinkChange(at_us=0, wearable=key, state=state, reason=reason))
    return watch


def test_taking_turns_is_not_at_once() -> None:
    watch = watched(
        ("w1", LinkState.STREAMING, ""),
        ("w1", LinkState.LOST, "the connection broke off"),
        ("w2", LinkState.STREAMING, ""),
    )
    assert not watch.all_stream
    assert watch.streaming == 1
    assert watch.missed() == (Missed(name="B", reason="did not stream at the same time as the others"),)


def test_the_last_reason_is_told() -> None:
    watch = watched(
        ("w1", LinkState.STREAMING, ""), ("w2", LinkState.LOST, "first"), ("w2", LinkState.LOST, "no slot left")
    )
    assert watch.missed() == (Missed(name="B", reason="no slot left"),)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (LinkState.SEEKING, "not heard again"),
        (LinkState.CONNECTING, "did not answer in time"),
        (LinkState.SUBSCRIBED, "connected, but sent nothing"),
    ],
)
def test_without_a_reason_the_state_is_told(state: LinkState, reason: str) -> None:
    watch = watched(("w1", LinkState.STREAMING, ""), ("w2", state, ""))
    assert watch.missed() == (Missed(name="B", reason=reason),)


def test_nobody_who_was_never_heard_of_counts_as_streaming() -> None:
    assert not LinkWatch(["A"]).all_stream
    assert LinkWatch(["A"]).missed() == (Missed(name="A", reason="not heard again"),)
