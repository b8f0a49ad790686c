"""What goes wrong in a room, on the real stack: in the end every wearable streams again, and no report comes twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence

import pytest

from watchlink.clock import MachineClock
from watchlink.sources.ble import Wearer
from watchlink.sources.virtual.peripheral import Delivery

from .cohort import Cohort, Listener, listening, seated
from .conftest import Machine
from .radio import RealStack, real_stack

PEOPLE = 4
SEED = 3
WITHIN_S = 60.0
REPORTS_AGAIN = 8
KILLED = " 137"  # 128 + SIGKILL: by a test

Fault = Callable[[RealStack, Cohort, Sequence[Wearer]], Awaitable[None]]


async def one_goes_out_of_reach(real: RealStack, cohort: Cohort, seats: Sequence[Wearer]) -> None:
    real.air.drop(cohort.serials[seats[0].name])


async def one_hangs_up(real: RealStack, cohort: Cohort, seats: Sequence[Wearer]) -> None:
    real.air.hang_up(cohort.serials[seats[2].name])


async def all_go_out_of_reach(real: RealStack, cohort: Cohort, seats: Sequence[Wearer]) -> None:
    for seat in seats:
        real.air.drop(cohort.serials[seat.name])


async def a_link_stalls(real: RealStack, _cohort: Cohort, seats: Sequence[Wearer]) -> None:
    assert seats[1].address is not None
    real.chip.deaf_to.add(seats[1].address)


async def the_adapter_is_switched_off_and_on(real: RealStack, _cohort: Cohort, _seats: Sequence[Wearer]) -> None:
    async with real.guest.bus() as bus:
        await bus.set_powered("hci0", False)
        await bus.set_powered("hci0", True)


async def the_adapter_is_pulled_out_and_plugged_in(real: RealStack, _cohort: Cohort, _seats: Sequence[Wearer]) -> None:
    await real.pull_out()
    await real.plug_in()


async def bluetoothd_is_killed_and_started(real: RealStack, _cohort: Cohort, _seats: Sequence[Wearer]) -> None:
    async with real.guest.bus() as bus:
        await real.guest.do("touch /run/hold; kill -9 $(pidof bluetoothd)")
        await bus.lacks("org.bluez")
        await real.guest.do("rm /run/hold")
        await bus.has_powered("hci0")


FAULTS: Sequence[Fault] = (
    one_goes_out_of_reach,
    one_hangs_up,
    all_go_out_of_reach,
    a_link_stalls,
    the_adapter_is_switched_off_and_on,
    the_adapter_is_pulled_out_and_plugged_in,
    bluetoothd_is_killed_and_started,
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_everybody_streams_again_after(fault: Fault, machine: Machine) -> None:
    machine.run(_through(fault, machine))


async def _through(fault: Fault, machine: Machine) -> None:
    clock, journal = MachineClock(), machine.journal
    cohort = Cohort(people=PEOPLE, seed=SEED, since_us=0, reports=None)
    async with real_stack(machine.guest, cohort.wearables, clock=clock) as real:
        with journal.step("scan"):
            seats = await seated(cohort, clock=clock)
        async with listening(seats, clock=clock) as listener:
            with journal.step("all streaming"):
                await listener.everyone_sends(seats, at_least=1, limit_s=WITHIN_S)
            with journal.step("the fault"):
                await fault(real, cohort, seats)
            with journal.step("all streaming again") as result:
                await listener.everyone_sends(seats, at_least=REPORTS_AGAIN, since_us=clock.now_us(), limit_s=WITHIN_S)
                result.append(f"{REPORTS_AGAIN} reports each")
        ended = (await machine.guest.shell("cat /run/ended")).output.splitlines()
        assert all(line.endswith(KILLED) for line in ended), "bluetoothd ended by itself: something of ours is too much"
        for seat in seats:
            _check_nothing_twice(seat, listener, real.air.delivered[cohort.serials[seat.name]], journal.note)


def _check_nothing_twice(
    seat: Wearer, listener: Listener, sent: Sequence[Delivery], note: Callable[[str, str], None]
) -> None:
    """What arrived is what was sent, in order; only what was under way when a link ended may be missing."""
    on_air = [delivery.payload for delivery in sent]
    arrived = listener.payloads(seat.wearable)
    note(f"  {seat.name}", f"sent {len(on_air)} while subscribed, arrived {len(arrived)}")
    left: Iterator[bytes] = iter(on_air)
    assert all(payload in left for payload in arrived), "a report that was not sent then, or came twice"
