"""A Bluetooth air in this process: wearables that advertise and notify, and adapters through which Bleak hears them.

Strategy: in one `Room` a Bumble host and controller for every wearable (`peripheral`), and one more set for every
adapter (`central`), which `backend` offers to Bleak. Every trouble is a method that begins it at once and, where it
lasts, another one that ends it; none of them waits, so that a trouble is exact in time. Beside the troubles stands the
truth: what arrived at an adapter on a living link, and when each wearable could be had.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import Final, Self

from watchlink.clock import Clock
from watchlink.sources.ble import Radio
from watchlink.sources.virtual.backend import radio_of
from watchlink.sources.virtual.central import Central, Power
from watchlink.sources.virtual.peripheral import Battery, Delivery, Pairing, Peripheral, address_of
from watchlink.sources.virtual.reach import Reach
from watchlink.sources.virtual.room import Room, new_device
from watchlink.sources.virtual.stranger import Stranger
from watchlink.sources.virtual.wearable import VirtualWearable

# Static random addresses (the two highest bits are set): the same in every run. Kind, then position.
_ADAPTER_ADDRESS: Final = "C0:00:00:01:00:{:02X}"
_STRANGER_ADDRESS: Final = "C0:00:00:02:{:02X}:{:02X}"
_SUPERVISION_S: Final = 2.0


class VirtualAir:
    """Wearables on the air, from entering the context until leaving it.

    Methods that take a `serial` raise KeyError if no wearable has it.
    """

    def __init__(self, wearables: Sequence[VirtualWearable], *, clock: Clock, adapters: int = 1) -> None:
        """Take the wearables; nothing is on the air yet.

        Raises:
            ValueError: two wearables have the same serial number, or there is no adapter.
        """
        if len({wearable.serial for wearable in wearables}) < len(wearables):
            raise ValueError("two virtual wearables have the same serial number")
        if adapters < 1:
            raise ValueError(f"adapters must be at least 1, got {adapters}")
        self._wearables = tuple(wearables)
        self._adapters = adapters
        self._clock = clock
        self._room = Room()
        self._centrals: list[Central] = []
        self._radios: tuple[Radio, ...] = ()
        self._peripherals: dict[str, Peripheral] = {}
        self._strangers: dict[str, Stranger] = {}
        self._holding: set[asyncio.Task[None]] = set()
        self._strangers_met = 0
        self._returns: dict[str, asyncio.TimerHandle] = {}
        self._delivered: dict[str, list[Delivery]] = {wearable.serial: [] for wearable in wearables}
        self._reach = {wearable.serial: Reach() for wearable in wearables}

    @property
    def radio(self) -> Radio:
        """The Bleak backends that hear this air through the first adapter.

        Raises:
            RuntimeError: the context is not entered.
        """
        return self.radios[0]

    @property
    def radios(self) -> tuple[Radio, ...]:
        """The Bleak backends of each adapter.

        Raises:
            RuntimeError: the context is not entered.
        """
        if not self._radios:
            raise RuntimeError("the virtual air is not open")
        return self._radios

    @property
    def delivered(self) -> Mapping[str, Sequence[Delivery]]:
        """By serial, what arrived, in order: each emission once, also where it was sent twice.

        Exactly what a client's callback is given that has been subscribed as long as the wearable believes so.
        """
        return MappingProxyType(self._delivered)

    @property
    def reachable(self) -> Mapping[str, tuple[tuple[int, int], ...]]:
        """By serial, the intervals [from_us, to_us) in which it could be connected to and would stream.

        A trouble that is over in its instant (a lost link) ends an interval, and the next one begins in that instant:
        every beginning but the first is a moment from which a client can be expected to recover. A limit of links is
        not looked at.
        """
        now_us = self._clock.now_us()
        return {serial: reach.until(now_us) for serial, reach in self._reach.items()}

    async def __aenter__(self) -> Self:
        """Switch the adapters on, and every wearable."""
        for position in range(self._adapters):
            device, controller = new_device(self._room, address=_ADAPTER_ADDRESS.format(position), name="central")
            await device.power_on()
            self._centrals.append(Central(device=device, controller=controller, room=self._room))
        self._radios = tuple(radio_of(central) for central in self._centrals)
        for position, wearable in enumerate(self._wearables, start=1):
            device, controller = new_device(self._room, address=address_of(position), name=wearable.name)
            peripheral = self._peripherals[wearable.serial] = Peripheral(
                wearable,
                device=device,
                controller=controller,
                clock=self._clock,
                position=position,
                delivered=self._delivered[wearable.serial],
            )
            self._room.taps[controller] = peripheral.on_packet
            await peripheral.switch_on()
            self._reach[wearable.serial].begin(self._clock.now_us())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Switch everything off, whatever trouble there is.

        Raises:
            Exception: what a wearable's `emissions` raised.
        """
        now_us = self._clock.now_us()
        for reach in self._reach.values():
            reach.end(now_us)
        for timer in self._returns.values():
            timer.cancel()
        for stranger in self._strangers.values():
            stranger.let_go()
        if self._holding:
            await asyncio.wait(self._holding)
        for peripheral in self._peripherals.values():
            await peripheral.switch_off()
        for central in self._centrals:
            await central.device.power_off()
            await central.answered()
        self._room.clear()
        for peripheral in self._peripherals.values():
            peripheral.raise_failure()

    # Troubles of a link.

    def drop(self, serial: str) -> None:
        """Lose the link, as if it broke off; the wearable advertises again at once."""
        self._room.lose_links(self._peripherals[serial].controller)
        self._renew(serial)

    def hang_up(self, serial: str) -> None:
        """Let the wearable end the link; it advertises again at once."""
        self._room.hang_up(self._peripherals[serial].controller)
        self._renew(serial)

    def wedge(self, serial: str) -> None:
        """Let nothing more come over the present link, which stays up; connected anew, the wearable streams."""
        self._peripherals[serial].wedge()
        self._renew(serial)

    def change_address(self, serial: str) -> None:
        """Lose the link; the wearable comes back under another static random address."""
        peripheral = self._peripherals[serial]
        self._room.lose_links(peripheral.controller)
        peripheral.change_address()
        self._renew(serial)

    def leave_range(self, serial: str, *, supervision_s: float = _SUPERVISION_S) -> None:
        """Hear and be heard no more; after the supervision time the link is lost, until then what is sent waits."""
        controller = self._peripherals[serial].controller
        self._room.leave_range(controller)
        if (timer := self._returns.pop(serial, None)) is not None:
            timer.cancel()
        self._returns[serial] = asyncio.get_running_loop().call_later(supervision_s, self._room.lose_links, controller)
        self._block(serial, "out of range")

    def come_back(self, serial: str) -> None:
        """End `leave_range`."""
        controller = self._peripherals[serial].controller
        if (timer := self._returns.pop(serial, None)) is not None:
            timer.cancel()
        self._room.come_back(controller)
        self._unblock(serial, "out of range")

    # Troubles of a wearable.

    def stall(self, serial: str) -> None:
        """Send no measurement, on whatever link; what would have been sent is discarded."""
        self._peripherals[serial].silent = True
        self._block(serial, "stalled")

    def resume(self, serial: str) -> None:
        """End `stall`."""
        self._peripherals[serial].silent = False
        self._unblock(serial, "stalled")

    def refuse(self, serial: str) -> None:
        """Advertise, but let no connection come about; a present link stays."""
        self._room.unwilling.add(self._peripherals[serial].controller)
        self._block(serial, "refusing")

    def accept(self, serial: str) -> None:
        """End `refuse`."""
        self._room.unwilling.discard(self._peripherals[serial].controller)
        self._unblock(serial, "refusing")

    def mute(self, serial: str) -> None:
        """Connect and stay connected, but send no data at all: no notification, and no answer to any question."""
        self._room.mute.add(self._peripherals[serial].controller)
        self._block(serial, "mute")

    def unmute(self, serial: str) -> None:
        """End `mute`; what was asked meanwhile stays unanswered."""
        self._room.mute.discard(self._peripherals[serial].controller)
        self._unblock(serial, "mute")

    def refuse_pairing(self, serial: str) -> None:
        """Agree to no pairing; who is paired already is not affected."""
        self._withhold_pairing(serial, Pairing.REFUSES)

    def ignore_pairing(self, serial: str) -> None:
        """Let nobody look at the wearable's question whether to pair; who is paired already is not affected."""
        self._withhold_pairing(serial, Pairing.WAITS)

    def accept_pairing(self, serial: str) -> None:
        """End `refuse_pairing` or `ignore_pairing`; what was asked meanwhile stays unanswered."""
        self._peripherals[serial].pairing = Pairing.AGREES
        self._unblock(serial, "not paired")

    def pairings(self, serial: str) -> int:
        """How often the wearable was paired; links that were encrypted with what is known from before are no more."""
        return self._peripherals[serial].pairings

    def duplicate(self, serial: str) -> None:
        """Send each measurement twice."""
        self._peripherals[serial].doubled = True

    def stop_duplicating(self, serial: str) -> None:
        """End `duplicate`."""
        self._peripherals[serial].doubled = False

    def garble(self, serial: str) -> None:
        """Send a malformed measurement beside every fourth good one."""
        self._peripherals[serial].garbled = True

    def stop_garbling(self, serial: str) -> None:
        """End `garble`."""
        self._peripherals[serial].garbled = False

    def set_battery_answer(self, serial: str, answer: Battery) -> None:
        """Choose how a read of the battery is answered from now on."""
        self._peripherals[serial].battery_answer = answer

    def set_battery(self, serial: str, percent: int) -> None:
        """Charge or empty the battery to `percent`; it falls on from there.

        Raises:
            ValueError: outside 0..100.
        """
        self._peripherals[serial].set_battery(percent)

    def battery(self, serial: str) -> int:
        """The battery's charge now, in percent."""
        return self._peripherals[serial].battery()

    def hold(self, serial: str) -> None:
        """Give the wearable to another central, which takes it from whoever has it and keeps it until `release`."""
        peripheral = self._peripherals[serial]
        if serial in self._strangers:
            return
        self._strangers_met += 1
        stranger = Stranger(self._room, peripheral, address=_STRANGER_ADDRESS.format(*divmod(self._strangers_met, 256)))
        self._strangers[serial] = stranger
        self._room.lose_links(peripheral.controller)
        task = asyncio.create_task(stranger.keep())
        self._holding.add(task)
        task.add_done_callback(self._holding.discard)
        self._block(serial, "held")

    def release(self, serial: str) -> None:
        """End `hold`."""
        _ = self._peripherals[serial]
        if (stranger := self._strangers.pop(serial, None)) is not None:
            stranger.let_go()
        self._unblock(serial, "held")

    # Troubles of an adapter.

    def switch_adapter_off(self, adapter: int = 0) -> None:
        """Take an adapter away: its links are lost, clients are told, and every new call says that it is off."""
        self._switch_off(adapter, Power.OFF)

    def kill_service(self, adapter: int = 0) -> None:
        """Let the system's Bluetooth service die: links are gone, but clients are not told and every call fails."""
        self._switch_off(adapter, Power.NO_SERVICE)

    def switch_adapter_on(self, adapter: int = 0) -> None:
        """End `switch_adapter_off` or `kill_service`. Scans, and after the latter clients, from before are dead."""
        self._centrals[adapter].switch_on()
        for serial in self._reach:
            self._unblock(serial, "no adapter")

    def limit_links(self, links: int | None, adapter: int = 0) -> None:
        """Let an adapter bear so many links at once; None for no limit. Links that are up stay."""
        self._centrals[adapter].slots = links

    def _switch_off(self, adapter: int, power: Power) -> None:
        central = self._centrals[adapter]
        linked = set(central.controller.le_connections)
        central.switch_off(power)
        nothing_left = all(one.power is not Power.ON for one in self._centrals)
        for serial, peripheral in self._peripherals.items():
            if nothing_left:
                self._block(serial, "no adapter")
            elif peripheral.controller.random_address in linked:
                self._renew(serial)

    def _withhold_pairing(self, serial: str, how: Pairing) -> None:
        peripheral = self._peripherals[serial]
        peripheral.pairing = how
        if peripheral.needs_bond and not peripheral.pairings:
            self._block(serial, "not paired")

    def _block(self, serial: str, why: str) -> None:
        self._reach[serial].block(why, self._clock.now_us())

    def _unblock(self, serial: str, why: str) -> None:
        self._reach[serial].unblock(why, self._clock.now_us())

    def _renew(self, serial: str) -> None:
        self._reach[serial].renew(self._clock.now_us())
