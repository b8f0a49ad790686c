"""A wearable that gives its heart rate only over an encrypted link: pairing ("just works") on the real stack."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from bleak import BleakClient

from firmware_profiles import gatt
from watchlink.clock import MachineClock
from watchlink.packets import LinkChange, LinkState, Packet
from watchlink.sources.ble import scan
from watchlink.sources.virtual.wearable import VirtualWearable

from .cohort import SCAN_S, Cohort, listening, seated
from .conftest import Machine
from .radio import real_stack

SEED = 4
REPORTS = 8
WITHIN_S = 30.0
MEASUREMENT = gatt.uuid_of(gatt.HEART_RATE_MEASUREMENT)


@pytest.mark.parametrize("while_connecting", [True, False], ids=["while_connecting", "once_connected"])
def test_a_wearable_that_wants_encryption_is_paired_and_streams(while_connecting: bool, machine: Machine) -> None:
    machine.run(_pair(machine, while_connecting))


def test_the_source_streams_and_the_bond_is_kept_over_a_lost_link(machine: Machine) -> None:
    """Whoever of BlueZ and us pairs when the subscription is refused, it is done once."""
    machine.run(_try_again(machine))


def test_a_wearable_that_refuses_to_be_paired_is_said_so_and_streams_once_it_agrees(machine: Machine) -> None:
    machine.run(_refuse(machine))


async def _refuse(machine: Machine) -> None:
    clock = MachineClock()
    cohort = Cohort(people=1, seed=SEED, since_us=0, reports=None)
    async with real_stack(machine.guest, _needing_a_bond(cohort), clock=clock) as real, machine.guest.bus() as bus:
        await bus.consent_to_pairing()
        (serial,) = cohort.serials.values()
        real.air.refuse_pairing(serial)
        seats = await seated(cohort, clock=clock)
        async with listening(seats, clock=clock) as listener:
            with machine.journal.step("refused") as result:
                async with asyncio.timeout(WITHIN_S):
                    await listener.until(lambda: bool(_reasons(listener.packets)))
                reason = _reasons(listener.packets)[0]
                result.append(reason)
            assert "may want to be paired first" in reason  # BlueZ does not tell why the link ended
            real.air.accept_pairing(serial)
            with machine.journal.step("streaming once it agrees"):
                await listener.everyone_sends(seats, at_least=REPORTS, limit_s=2 * WITHIN_S)


def _reasons(packets: Sequence[Packet]) -> list[str]:
    return [packet.reason for packet in packets if isinstance(packet, LinkChange) and packet.state is LinkState.LOST]


def _needing_a_bond(cohort: Cohort) -> list[VirtualWearable]:
    return [replace(one, needs_bond=True) for one in cohort.wearables]


async def _try_again(machine: Machine) -> None:
    clock = MachineClock()
    cohort = Cohort(people=1, seed=SEED, since_us=0, reports=None)
    async with real_stack(machine.guest, _needing_a_bond(cohort), clock=clock) as real, machine.guest.bus() as bus:
        await bus.consent_to_pairing()
        seats = await seated(cohort, clock=clock)
        async with listening(seats, clock=clock) as listener:
            with machine.journal.step("streaming") as result:
                await listener.everyone_sends(seats, at_least=REPORTS, limit_s=2 * WITHIN_S)
                result.append(f"agent asked for {bus.asked}")
            (serial,) = cohort.serials.values()
            before = len(listener.payloads(seats[0].wearable))
            real.air.drop(serial)
            with machine.journal.step("streaming again after a lost link") as result:
                await listener.everyone_sends(seats, at_least=before + REPORTS, limit_s=2 * WITHIN_S)
                result.append(f"paired {real.air.pairings(serial)} times")
        assert real.air.pairings(serial) == 1


async def _pair(machine: Machine, while_connecting: bool) -> None:
    clock, journal = MachineClock(), machine.journal
    cohort = Cohort(people=1, seed=SEED, since_us=0, reports=None)
    async with real_stack(machine.guest, _needing_a_bond(cohort), clock=clock) as real, machine.guest.bus() as bus:
        await bus.consent_to_pairing()
        (wanted,) = await scan(clock=clock, seconds=SCAN_S, enough=1)
        arrived: list[bytes] = []
        enough = asyncio.Event()

        def on_notification(_sender: object, data: bytearray) -> None:
            arrived.append(bytes(data))
            if len(arrived) >= REPORTS:
                enough.set()

        with journal.step("connected, paired, streaming") as result:
            async with asyncio.timeout(WITHIN_S):
                client = BleakClient(wanted.device, pair=while_connecting)
                await client.connect()
                if not while_connecting:
                    await client.pair()
                await client.start_notify(MEASUREMENT, on_notification)
                await enough.wait()
            result.append(f"{len(arrived)} reports")
        (serial,) = cohort.serials.values()
        assert arrived == [delivery.payload for delivery in real.air.delivered[serial]][: len(arrived)]
        await client.disconnect()
