"""A heart-rate sensor that nobody here wrote: BlueZ's own example server, behind a second adapter of the guest.

Strategy: its GATT, ATT and L2CAP are BlueZ's and the kernel's. It says 90 to 129 bpm, contact, and each tenth time the
energy, which begins at 0; no RR intervals.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from firmware_profiles.heart_rate_service import Contact
from watchlink.clock import MachineClock
from watchlink.fold import SessionFold
from watchlink.readings import Measured
from watchlink.sources.ble import Radio, Wearer, scan
from watchlink.sources.virtual.room import Room

from .cohort import listening
from .conftest import Machine
from .radio import AdapterChip
from .vm import Guest

NAME = "Peer"
# Which of two adapters is the default is anybody's guess.
LISTENS = Radio(adapter="hci0")
# Both programs read commands until their input ends: it never does, and brings none.
QUIET = "</run/quiet"
REPORTS = 4
WITHIN_S = 60.0


def test_the_example_server_of_bluez_is_heard_and_understood(machine: Machine) -> None:
    if machine.run(machine.guest.shell("command -v btgatt-server")).status:
        pytest.skip("the guest was built without BlueZ's example server: no compiler, or no source package")
    machine.run(_listen_to_peer(machine))


async def _listen_to_peer(machine: Machine) -> None:
    clock, journal = MachineClock(), machine.journal
    async with _peer(machine.guest):
        with journal.step("scan"):
            found = await scan(clock=clock, seconds=WITHIN_S, wanted=[NAME], radio=LISTENS)
        (peer,) = (one for one in found if one.name == NAME)
        seats = [Wearer.of(peer, person="Heron", wearable="w1", profile="generic")]
        async with listening(seats, clock=clock, radios=[LISTENS]) as listener:
            with journal.step("connected and streaming") as result:
                await listener.everyone_sends(seats, at_least=REPORTS, limit_s=WITHIN_S)
                result.append(f"{REPORTS} reports")
        arrived = listener.payloads("w1")
        fold = SessionFold()
        readings = [reading for packet in listener.packets for reading in fold.push(packet)]
        measured = [reading for reading in readings if isinstance(reading, Measured)]
        assert len(measured) == len(arrived)
        assert all(90 <= one.heart_rate_bpm < 130 for one in measured)
        assert all(one.contact is Contact.PRESENT and not one.rr_ticks for one in measured)
        assert [one.energy_expended_kj for one in measured[:REPORTS]] == [0, None, None, None]


@asynccontextmanager
async def _peer(guest: Guest) -> AsyncIterator[None]:
    """Two adapters in one room: the first one listens, behind the second one the server advertises."""
    room = Room()
    chips = [AdapterChip(guest, number=number, room=room) for number in range(2)]
    try:
        async with guest.bus() as bus, asyncio.timeout(WITHIN_S):
            for chip in chips:
                await guest.attach(chip.number, chip)
                await bus.has_powered(f"hci{chip.number}")
        await guest.do("mkfifo -m 600 /run/quiet; (sleep 3600 >/run/quiet) >/dev/null 2>&1 & echo $! >/run/quiet.pid")
        # It ends with its first connection, also with one that came to nothing.
        server = f"while [ -e /run/quiet ]; do btgatt-server -i hci1 -t public -r {QUIET}; done"
        await guest.do(f"({server}) >/run/peer.log 2>&1 &")
        # Flags by themselves; then the UUID of the service, and the name beside it in the data proper.
        name = bytes([len(NAME) + 1, 0x09]) + NAME.encode()
        await guest.do(f"btmgmt --index 1 add-adv -c -g -u 180d -d {name.hex()} 1 {QUIET}")
        yield
    finally:
        await guest.shell("rm -f /run/quiet; kill $(cat /run/quiet.pid) $(pidof btgatt-server)")
        async with guest.bus() as bus, asyncio.timeout(WITHIN_S):
            for chip in chips:
                await guest.detach(chip.number)
                await bus.lacks_adapter(f"hci{chip.number}")
