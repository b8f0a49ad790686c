"""Links that heal themselves: every trouble of the virtual air, one by one, and what a keeper makes of it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from watchlink.clock import VirtualClock
from watchlink.packets import (
    Attribute,
    AttributeRead,
    Discarded,
    DiscardReason,
    LinkChange,
    LinkState,
    Notification,
)
from watchlink.sources.ble import BleSource, scan
from watchlink.sources.ble.link import Link
from watchlink.sources.virtual.air import VirtualAir
from watchlink.sources.virtual.faults import ADAPTER_KINDS, MOMENTARY_KINDS, Fault, FaultKind, play
from watchlink.sources.virtual.wearable import VirtualWearable

from .recorded import MINUTE_US, SECOND_US, SERIALS, Session, seats, trio, wearable

HARMLESS = {FaultKind.DUPLICATES, FaultKind.MALFORMED, FaultKind.BATTERY_REFUSES, FaultKind.BATTERY_SLOW}
TROUBLED, OTHERS = "S-02", ("S-01", "S-03")


@pytest.mark.parametrize("kind", FaultKind)
@pytest.mark.parametrize("for_s", [4.0, 70.0])
def test_after_every_trouble_everybody_streams_again_and_nothing_that_came_is_lost(
    kind: FaultKind, for_s: float
) -> None:
    length_s = 0.0 if kind in MOMENTARY_KINDS else for_s
    serial = None if kind in ADAPTER_KINDS else TROUBLED
    fault = Fault(at_us=30 * SECOND_US, kind=kind, serial=serial, for_s=length_s)
    session = Session(trio(), until_us=4 * MINUTE_US, faults=[fault])
    for one in SERIALS:
        assert session.payloads(one) == session.sent[one]
        assert session.most_attempts(one) <= 12
        assert session.first_us(one, after_us=fault.until_us) - fault.until_us <= 30 * SECOND_US
        assert session.states(one)[-1] is LinkState.STREAMING
    undisturbed = OTHERS if kind not in ADAPTER_KINDS else ()
    for one in (*undisturbed, *((TROUBLED,) if kind in HARMLESS else ())):
        assert LinkState.LOST not in session.states(one)
        assert len(session.payloads(one)) > 230


def test_a_change_always_says_why_a_link_is_lost_or_has_stalled() -> None:
    faults = [
        Fault(
            at_us=(1 + 2 * number) * MINUTE_US, kind=kind, serial=TROUBLED, for_s=0 if kind in MOMENTARY_KINDS else 30
        )
        for number, kind in enumerate(kind for kind in FaultKind if kind not in ADAPTER_KINDS)
    ]
    session = Session(trio(), until_us=40 * MINUTE_US, faults=faults)
    changes = session.of(LinkChange, TROUBLED)
    assert len([change for change in changes if change.state is LinkState.LOST]) >= 8
    for change in changes:
        if change.state in (LinkState.LOST, LinkState.STALLED, LinkState.BACKING_OFF):
            assert change.reason


def test_a_short_stall_is_healed_without_losing_the_link() -> None:
    stall = Fault(at_us=30 * SECOND_US, kind=FaultKind.STALL, serial=TROUBLED, for_s=8)
    states = Session(trio(), until_us=MINUTE_US, faults=[stall]).states(TROUBLED)
    assert states[-3:] == [LinkState.STREAMING, LinkState.STALLED, LinkState.STREAMING]


def test_a_link_that_is_silent_and_does_not_answer_is_made_anew_without_asking_for_more() -> None:
    def fall_silent(air: VirtualAir) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(30, lambda: (air.stall(TROUBLED), air.mute(TROUBLED)))
        loop.call_later(42, lambda: (air.resume(TROUBLED), air.unmute(TROUBLED)))

    session = Session(trio(), until_us=90 * SECOND_US, before=fall_silent)
    stalled, lost = [
        change for change in session.of(LinkChange, TROUBLED) if change.state in (LinkState.STALLED, LinkState.LOST)
    ][:2]
    assert (stalled.state, lost.state) == (LinkState.STALLED, LinkState.LOST)
    assert "does not answer" in lost.reason
    assert lost.at_us - stalled.at_us <= 3 * SECOND_US
    assert session.states(TROUBLED)[-1] is LinkState.STREAMING
    assert session.payloads(TROUBLED) == session.sent[TROUBLED]


def test_a_stall_is_seen_after_the_profiles_limit() -> None:
    stall = Fault(at_us=30 * SECOND_US, kind=FaultKind.STALL, serial=TROUBLED, for_s=60)
    session = Session(trio(), until_us=2 * MINUTE_US, faults=[stall])
    stalled = next(change for change in session.of(LinkChange, TROUBLED) if change.state is LinkState.STALLED)
    last_us = max(packet.at_us for packet in session.of(Notification, TROUBLED) if packet.at_us < stalled.at_us)
    assert stalled.at_us - last_us == 6 * SECOND_US


def test_a_wearable_that_connects_and_stays_silent_is_tried_ever_more_seldom() -> None:
    silent = Fault(at_us=30 * SECOND_US, kind=FaultKind.SILENT, serial=TROUBLED, for_s=1200)
    session = Session(trio(), until_us=25 * MINUTE_US, faults=[silent])
    assert LinkState.STREAMING not in session.states(TROUBLED)[6:-1]
    attempts = [c.at_us for c in session.of(LinkChange, TROUBLED) if c.state is LinkState.CONNECTING]
    assert 20 < len(attempts) < 70
    assert session.most_attempts(TROUBLED) <= 5
    assert session.states(TROUBLED)[-1] is LinkState.STREAMING


def test_a_link_that_breaks_at_once_every_time_is_tried_twelve_times_a_minute_at_most() -> None:
    faults = [
        Fault(at_us=30 * SECOND_US + n * SECOND_US, kind=FaultKind.LINK_LOSS, serial=TROUBLED) for n in range(300)
    ]
    session = Session(trio(), until_us=8 * MINUTE_US, faults=faults)
    assert 3 < session.most_attempts(TROUBLED) <= 12
    assert session.payloads(TROUBLED) == session.sent[TROUBLED]
    assert session.states(TROUBLED)[-1] is LinkState.STREAMING


def test_a_report_delivered_twice_is_in_the_log_once_and_its_second_copy_as_discarded() -> None:
    fault = Fault(at_us=30 * SECOND_US, kind=FaultKind.DUPLICATES, serial=TROUBLED, for_s=30)
    session = Session(trio(), until_us=90 * SECOND_US, faults=[fault])
    discarded = session.of(Discarded, TROUBLED)
    assert {packet.reason for packet in discarded} == {DiscardReason.DUPLICATE}
    assert 29 <= len(discarded) <= 31
    assert Counter(session.payloads(TROUBLED)).most_common(1)[0][1] == 1


def test_what_comes_on_a_link_that_is_over_is_kept_as_late_and_is_no_report() -> None:
    clock = VirtualClock(started_at=datetime(2025, 3, 1, 9, 0, tzinfo=UTC))
    arrived: list[Notification | Discarded] = []

    async def main() -> None:
        async with VirtualAir(trio()[:1], clock=clock) as air:
            found = await scan(clock=clock, seconds=5, enough=1, radio=air.radio)
            link = Link(found[0].device, wearable="w", clock=clock, radio=air.radio, arrive=arrived.append)
            await link.connect()
            await link.subscribe()
            await clock.sleep_until_us(5 * SECOND_US)
            await link.close()
            link._on_notification(None, bytearray(b"\x00\x48"))  # type: ignore[arg-type]

    clock.run(main())
    assert all(isinstance(packet, Notification) for packet in arrived[:-1])
    assert arrived[-1] == Discarded(at_us=clock.now_us(), wearable="w", payload=b"\x00\x48", reason=DiscardReason.LATE)


def test_the_battery_is_read_at_first_and_every_five_minutes_whatever_else_happens() -> None:
    faults = [Fault(at_us=n * MINUTE_US, kind=FaultKind.LINK_LOSS, serial=TROUBLED) for n in range(1, 30)]
    session = Session(trio(), until_us=30 * MINUTE_US, faults=faults)
    for serial in SERIALS:
        times = [read.at_us for read in session.of(AttributeRead, serial) if read.attribute is Attribute.BATTERY_LEVEL]
        assert len(times) == 6
        assert all(later - sooner >= 5 * MINUTE_US for sooner, later in pairwise(times))
        models = [read for read in session.of(AttributeRead, serial) if read.attribute is Attribute.MODEL_NUMBER]
        assert len(models) == 1


def needing_a_bond(*serials: str) -> list[VirtualWearable]:
    return [wearable(number, one, needs_bond=one in serials) for number, one in enumerate(SERIALS)]


def test_a_wearable_that_wants_to_be_paired_is_paired_once_and_streams_also_after_a_lost_link() -> None:
    lost = Fault(at_us=30 * SECOND_US, kind=FaultKind.LINK_LOSS, serial=TROUBLED)
    session = Session(needing_a_bond(TROUBLED), until_us=2 * MINUTE_US, faults=[lost])
    assert session.pairings == {"S-01": 0, TROUBLED: 1, "S-03": 0}
    assert session.states(TROUBLED).count(LinkState.LOST) == 1
    for one in SERIALS:
        assert session.payloads(one) == session.sent[one]
        assert len(session.payloads(one)) > 100
        assert not session.of(Discarded, one)
        assert session.states(one)[-1] is LinkState.STREAMING


def test_a_wearable_that_refuses_to_be_paired_is_said_so_and_tried_on_without_hurting_others() -> None:
    lost = Fault(at_us=40 * SECOND_US, kind=FaultKind.LINK_LOSS, serial="S-01")
    session = Session(
        needing_a_bond(TROUBLED),
        until_us=3 * MINUTE_US,
        faults=[lost],
        before=lambda air: air.refuse_pairing(TROUBLED),
    )
    reasons = {change.reason for change in session.of(LinkChange, TROUBLED) if change.state is LinkState.LOST}
    assert len(reasons) == 1
    assert reasons.pop().startswith("The wearable wants to be paired first: confirm it on the wearable's screen")
    assert not session.payloads(TROUBLED)
    assert LinkState.LOST not in session.states("S-03")
    assert session.first_us("S-01", after_us=lost.at_us) - lost.at_us <= 10 * SECOND_US
    for one in OTHERS:
        assert session.payloads(one) == session.sent[one]
        assert len(session.payloads(one)) > 160


def test_a_wearable_that_waits_for_somebody_to_confirm_keeps_nobody_else_waiting() -> None:
    lost = [Fault(at_us=at_s * SECOND_US, kind=FaultKind.LINK_LOSS, serial="S-01") for at_s in range(20, 170, 15)]
    session = Session(
        needing_a_bond(TROUBLED),
        until_us=3 * MINUTE_US,
        faults=lost,
        before=lambda air: air.ignore_pairing(TROUBLED),
    )
    for fault in lost:
        assert session.first_us("S-01", after_us=fault.at_us) - fault.at_us <= 10 * SECOND_US
    for one in OTHERS:
        assert session.payloads(one) == session.sent[one]
    assert LinkState.LOST not in session.states("S-03")
    asked = [change.at_us for change in session.of(LinkChange, TROUBLED) if "confirm" in change.reason]
    assert len(asked) > 6  # said when it is asked, and again when nobody has answered
    assert not session.payloads(TROUBLED)
    assert session.pairings[TROUBLED] == 0


def test_a_wearable_whose_pairing_is_confirmed_late_streams_from_then_on() -> None:
    def confirmed_later(air: VirtualAir) -> None:
        air.refuse_pairing(TROUBLED)
        asyncio.get_running_loop().call_later(60, air.accept_pairing, TROUBLED)

    session = Session(needing_a_bond(TROUBLED), until_us=2 * MINUTE_US, before=confirmed_later)
    assert MINUTE_US < session.first_us(TROUBLED, after_us=0) < 2 * MINUTE_US - 15 * SECOND_US
    assert session.payloads(TROUBLED) == session.sent[TROUBLED]
    assert session.pairings[TROUBLED] == 1


def test_two_of_one_name_are_told_apart_also_when_both_change_their_address() -> None:
    twins = [wearable(number, serial, name="Strap") for number, serial in enumerate(SERIALS)]
    faults = [Fault(at_us=MINUTE_US, kind=FaultKind.NEW_ADDRESS, serial=serial) for serial in SERIALS]
    session = Session(twins, until_us=3 * MINUTE_US, faults=faults)
    for serial in SERIALS:
        assert session.payloads(serial) == session.sent[serial]
        assert session.of(Notification, serial)[-1].at_us > 2 * MINUTE_US


def test_a_strangers_wearable_of_the_same_name_is_never_recorded() -> None:
    twins = [wearable(number, serial, name="Strap") for number, serial in enumerate(SERIALS)]
    away = Fault(at_us=MINUTE_US, kind=FaultKind.OUT_OF_RANGE, serial="S-01", for_s=600)
    session = Session(twins, until_us=4 * MINUTE_US, faults=[away], people=2)
    assert session.payloads("S-01") == session.sent["S-01"]
    assert session.payloads("S-02") == session.sent["S-02"]
    assert session.sent["S-03"] == []
    assert any("another wearable of the same name" in change.reason for change in session.of(LinkChange, "S-01"))


def test_without_a_serial_number_a_models_name_proves_nothing_and_that_is_said() -> None:
    twins = [wearable(n, serial, name="Forerunner 255", serves_serial=False) for n, serial in enumerate(SERIALS)]
    away = Fault(at_us=MINUTE_US, kind=FaultKind.OUT_OF_RANGE, serial="S-01", for_s=60)
    session = Session(twins, until_us=4 * MINUTE_US, faults=[away], people=2)
    assert session.sent["S-03"] == []
    assert session.payloads("S-01") == session.sent["S-01"]
    assert session.of(Notification, "S-01")[-1].at_us > 3 * MINUTE_US  # its address has not changed: it is known again
    doubts = [change for change in session.of(LinkChange, "S-01") if "nothing proves" in change.reason]
    assert len(doubts) == 2  # before it was met, and while it was away: once each


def test_the_same_session_with_the_same_troubles_is_the_same_to_the_byte() -> None:
    faults = [
        Fault(at_us=30 * SECOND_US, kind=FaultKind.ADAPTER_OFF, serial=None, for_s=20),
        Fault(at_us=90 * SECOND_US, kind=FaultKind.SILENT, serial="S-01", for_s=40),
        Fault(at_us=95 * SECOND_US, kind=FaultKind.MUTE, serial="S-03", for_s=40),
    ]
    one, two = (Session(trio(), until_us=4 * MINUTE_US, faults=faults) for _ in range(2))
    assert one.packets == two.packets


@pytest.mark.parametrize("kind", [FaultKind.MUTE, FaultKind.REFUSES, FaultKind.SILENT, FaultKind.NO_SERVICE])
@pytest.mark.parametrize("at_s", [31.0, 36.5, 43.0, 52.0])
def test_leaving_in_the_middle_of_any_trouble_leaves_nothing_behind(kind: FaultKind, at_s: float) -> None:
    clock = VirtualClock(started_at=datetime(2025, 3, 1, 9, 0, tzinfo=UTC))

    async def main() -> Coroutine[Any, Any, None] | None:
        async with VirtualAir(trio(), clock=clock) as air:
            worn = await seats(air, clock)
            fault = Fault(
                at_us=30 * SECOND_US, kind=kind, serial=None if kind in ADAPTER_KINDS else TROUBLED, for_s=300
            )
            playing = asyncio.create_task(play([fault], air, clock))
            async with BleSource(worn, clock=clock, radios=air.radios, chance=random.Random(1)):
                await clock.sleep_until_us(round(at_s * SECOND_US))
            assert clock.now_us() < round((at_s + 30) * SECOND_US)  # nobody waits for ever at the end
            playing.cancel()
            await asyncio.wait({playing})
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return None

    clock.run(main())


class _Broken(Exception):
    """A mistake of ours."""


def test_a_mistake_in_one_link_ends_the_source_with_it_instead_of_recording_nothing_for_hours() -> None:
    clock = VirtualClock(started_at=datetime(2025, 3, 1, 9, 0, tzinfo=UTC))

    async def main() -> None:
        async with VirtualAir(trio(), clock=clock) as air:
            source = BleSource(await seats(air, clock), clock=clock, radios=air.radios, chance=random.Random(1))
            async with source:
                await clock.sleep_until_us(10 * SECOND_US)
                source._start(_fail())
                async for _packet in source:
                    assert clock.now_us() < 20 * SECOND_US

    async def _fail() -> None:
        raise _Broken

    with pytest.raises(_Broken):
        clock.run(main())


@pytest.mark.parametrize("late_s", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("sought_again", [False, True])
def test_whoever_is_being_let_go_when_a_session_ends_is_let_go_to_the_end(late_s: float, sought_again: bool) -> None:
    clock = VirtualClock(started_at=datetime(2025, 3, 1, 9, 0, tzinfo=UTC))

    async def main() -> None:
        async with VirtualAir(trio(), clock=clock) as air:
            worn = await seats(air, clock)
            async with BleSource(worn, clock=clock, radios=air.radios, chance=random.Random(1)) as source:
                await clock.sleep_until_us(20 * SECOND_US)
                air.mute(TROUBLED)  # unsubscribing takes its five seconds
                source.give_up(f"person {TROUBLED}")
                await asyncio.sleep(late_s)
                if sought_again:
                    source.take_up(f"person {TROUBLED}")
            assert not air._centrals[0].device.connections
            assert not [task for task in asyncio.all_tasks() if "keep" in repr(task.get_coro())]

    clock.run(main())


def test_a_second_end_in_the_middle_of_letting_go_leaves_no_link_open() -> None:
    clock = VirtualClock(started_at=datetime(2025, 3, 1, 9, 0, tzinfo=UTC))

    async def main() -> None:
        async with VirtualAir(trio(), clock=clock) as air:
            worn = await seats(air, clock)
            async with BleSource(worn, clock=clock, radios=air.radios, chance=random.Random(1)):
                await clock.sleep_until_us(20 * SECOND_US)
                air.stall(TROUBLED)
                await clock.sleep_until_us(28 * SECOND_US)  # asked again, and silent still
                air.mute(TROUBLED)
                await clock.sleep_until_us(35 * SECOND_US)  # being given back
            assert not air._centrals[0].device.connections

    clock.run(main())
