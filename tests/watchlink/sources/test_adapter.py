"""Who may connect when, on one adapter and on two: turns, sightings, and what is said of an adapter in trouble."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from bleak import BleakClient

from watchlink.clock import VirtualClock
from watchlink.packets import (
    LinkChange,
    LinkState,
    Notification,
    Packet,
)
from watchlink.sources.ble import BleSource
from watchlink.sources.virtual.air import VirtualAir
from watchlink.sources.virtual.faults import ADAPTER_KINDS, Fault, FaultKind

from .recorded import MINUTE_US, SECOND_US, SERIALS, Session, seats, trio

LEFT = "S-02"


@pytest.mark.parametrize("kind", sorted(ADAPTER_KINDS))
def test_trouble_with_the_adapter_is_said_once_in_words_and_not_at_every_attempt(kind: FaultKind) -> None:
    fault = Fault(at_us=30 * SECOND_US, kind=kind, serial=None, for_s=120)
    session = Session(trio(), until_us=4 * MINUTE_US, faults=[fault])
    for serial in SERIALS:
        said = [change.reason for change in session.of(LinkChange, serial) if "Bluetooth" in change.reason]
        assert 1 <= len(said) <= 4
        assert len([change for change in session.of(LinkChange, serial) if change.at_us < fault.until_us]) < 20


def test_a_full_adapter_says_so_and_a_second_one_takes_the_rest() -> None:
    def two_each(air: VirtualAir) -> None:
        for adapter in range(len(air.radios)):
            air.limit_links(2, adapter)

    one = Session(trio(), until_us=2 * MINUTE_US, before=two_each)
    assert sum(session_streams(one, serial) for serial in SERIALS) == 2
    reasons = {change.reason for serial in SERIALS for change in one.of(LinkChange, serial)}
    assert any("second adapter" in reason for reason in reasons)
    two = Session(trio(), until_us=2 * MINUTE_US, before=two_each, adapters=2)
    assert all(session_streams(two, serial) for serial in SERIALS)


def session_streams(session: Session, serial: str) -> bool:
    return LinkState.STREAMING in session.states(serial)


def test_when_one_of_two_adapters_goes_the_other_takes_over() -> None:
    fault = Fault(at_us=30 * SECOND_US, kind=FaultKind.ADAPTER_OFF, serial=None, for_s=600, adapter=0)
    session = Session(trio(), until_us=5 * MINUTE_US, faults=[fault], adapters=2)
    for serial in SERIALS:
        assert session.payloads(serial) == session.sent[serial]
        assert session.of(Notification, serial)[-1].at_us > 4 * MINUTE_US


def test_an_adapter_that_hears_nothing_does_not_keep_anybody() -> None:
    clock = VirtualClock(started_at=datetime(2025, 3, 1, 9, 0, tzinfo=UTC))

    async def main() -> list[Packet]:
        async with VirtualAir(trio(), clock=clock, adapters=2) as air:
            backend: Any = air.radios[0].scanner_backend

            class Deaf(backend):
                def _on_advertisement(self, _heard: object) -> None:
                    pass

            radios = [replace(air.radios[0], scanner_backend=Deaf), air.radios[1]]
            worn = await seats(air, clock)
            async with BleSource(worn, clock=clock, radios=radios, chance=random.Random(1)) as source:
                await clock.sleep_until_us(2 * MINUTE_US)
            return [packet async for packet in source]

    packets = clock.run(main())
    for serial in SERIALS:
        times = [p.at_us for p in packets if isinstance(p, Notification) and p.wearable == serial]
        assert times[0] < MINUTE_US


@pytest.mark.parametrize("kind", sorted(ADAPTER_KINDS))
def test_what_is_wrong_with_both_adapters_is_said_once_and_stays_said(kind: FaultKind) -> None:
    """Going to the other adapter is no attempt: no "next attempt in 0.3 s" takes the place of what to do."""
    faults = [Fault(at_us=30 * SECOND_US, kind=kind, serial=None, for_s=120, adapter=number) for number in range(2)]
    session = Session(trio(), until_us=4 * MINUTE_US, faults=faults, adapters=2)
    for serial in SERIALS:
        # A keeper may be at an attempt or in a pause when the second adapter goes; that is over by then.
        while_off = [change for change in session.of(LinkChange, serial) if change.at_us >= 50 * SECOND_US]
        assert not [change for change in while_off if change.at_us < faults[0].until_us]
        said = [change for change in session.of(LinkChange, serial) if change.at_us < 50 * SECOND_US][-1]
        assert said.state is LinkState.BACKING_OFF
        assert "Bluetooth" in said.reason
        assert session.states(serial)[-1] is LinkState.STREAMING


def test_nobody_is_connected_to_by_an_old_sighting() -> None:
    """Heard with the others, but its turn comes 38 s later, when it has long left: it is listened for anew instead."""
    refusing, gone = ("S-01", "S-02"), "S-03"

    def leaves(air: VirtualAir) -> None:
        for serial in refusing:
            air.refuse(serial)
        asyncio.get_running_loop().call_later(5, air.leave_range, gone)
        asyncio.get_running_loop().call_later(90, air.come_back, gone)

    session = Session(trio(), until_us=3 * MINUTE_US, before=leaves)
    turns = [
        (change.at_us, serial)
        for serial in SERIALS
        for change in session.of(LinkChange, serial)
        if change.state is LinkState.CONNECTING
    ]
    # All three are waited for by one go of listening; two attempts that run into their limit come first.
    assert [serial for at_us, serial in sorted(turns)[:2]] == list(refusing)
    assert min(at_us for at_us, serial in turns if serial == gone) > 90 * SECOND_US
    assert LinkState.LOST not in session.states(gone)
    assert session.states(gone)[-1] is LinkState.STREAMING


def left_connected(*, adapters: int, session_from: Callable[[VirtualAir], None] | None = None) -> list[Packet]:
    """A session of three that begins while a program that was killed has left S-02 connected to the last adapter.

    Somebody frees it at two minutes, and the session ends at three. `session_from`: what else happens as it begins.
    """
    clock = VirtualClock(started_at=datetime(2025, 3, 1, 9, 0, tzinfo=UTC))

    async def main() -> list[Packet]:
        async with VirtualAir(trio(), clock=clock, adapters=adapters) as air:
            worn = await seats(air, clock)
            address = worn[SERIALS.index(LEFT)].address
            assert address is not None
            left = BleakClient(address, backend=air.radios[-1].client_backend)
            await left.connect()
            if session_from is not None:
                session_from(air)
            async with BleSource(worn, clock=clock, radios=air.radios, chance=random.Random(1)) as source:
                await clock.sleep_until_us(2 * MINUTE_US)
                await left.disconnect()
                await clock.sleep_until_us(3 * MINUTE_US)
            return [packet async for packet in source]

    return clock.run(main())


def changes_of(packets: Sequence[Packet], serial: str) -> list[LinkChange]:
    return [packet for packet in packets if isinstance(packet, LinkChange) and packet.wearable == serial]


@pytest.mark.parametrize("adapters", [1, 2])
def test_a_wearable_that_this_computer_still_holds_is_said_so_once_with_what_to_do(adapters: int) -> None:
    packets = left_connected(adapters=adapters)
    changes = changes_of(packets, LEFT)
    held = [change for change in changes if change.reason.startswith("This computer is still connected with it")]
    assert [change.state for change in held] == [LinkState.SEEKING]
    assert 15 * SECOND_US < held[0].at_us < adapters * 20 * SECOND_US
    assert "End that program" in held[0].reason
    after = changes[changes.index(held[0]) + 1 :]
    assert after[0].state is LinkState.CONNECTING  # nothing took the place of what was said
    assert after[0].at_us > 2 * MINUTE_US
    assert after[-1].state is LinkState.STREAMING
    for serial in SERIALS:
        if serial != LEFT:
            assert not [change for change in changes_of(packets, serial) if "This computer" in change.reason]
            assert changes_of(packets, serial)[-1].state is LinkState.STREAMING


def test_that_a_wearable_is_held_here_is_said_again_when_trouble_with_an_adapter_took_its_place() -> None:
    def one_adapter_goes(air: VirtualAir) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(60, air.switch_adapter_off, 0)
        loop.call_later(80, air.switch_adapter_on, 0)

    changes = changes_of(left_connected(adapters=2, session_from=one_adapter_goes), LEFT)
    before = [change for change in changes if change.at_us < 2 * MINUTE_US]
    assert "switched off" in before[-2].reason
    assert before[-1].state is LinkState.SEEKING
    assert before[-1].reason.startswith("This computer is still connected with it")


def test_a_wearable_that_is_away_or_held_by_a_phone_is_not_said_to_be_held_here() -> None:
    faults = [
        Fault(at_us=20 * SECOND_US, kind=FaultKind.HELD, serial="S-01", for_s=120),
        Fault(at_us=20 * SECOND_US, kind=FaultKind.OUT_OF_RANGE, serial="S-03", for_s=120),
    ]
    session = Session(trio(), until_us=3 * MINUTE_US, faults=faults)
    assert not [
        packet for packet in session.packets if isinstance(packet, LinkChange) and "This computer" in packet.reason
    ]
