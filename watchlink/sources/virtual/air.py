"""A Bluetooth air in this process: wearables that advertise and notify, and a central through which Bleak hears them.

Strategy: in one `Room` a Bumble host and controller for every wearable, and one more set for every adapter, which
`backend` offers to Bleak. A sensor is a task that sleeps on the clock and sends. Every trouble is a method that begins
it at once and, where it lasts, another one that ends it; none of them waits, so that a trouble is exact in time. Beside
the troubles stands the truth: what arrived at an adapter on a living link, and when each wearable could be had.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from math import ceil
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

from bumble import att, core, data_types, hci
from bumble.device import Connection, Device
from bumble.gatt import GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR as CCCD
from bumble.gatt import Characteristic, Service
from bumble.pairing import PairingConfig, PairingDelegate

from firmware_profiles import gatt
from firmware_profiles.heart_rate_service import decode, encode
from watchlink.clock import Clock
from watchlink.sources.ble import Radio
from watchlink.sources.virtual.backend import Central, Power, radio_of
from watchlink.sources.virtual.room import Room, RoomController, new_device

# Static random addresses (the two highest bits are set): the same in every run. Kind or generation, then position.
_ADAPTER_ADDRESS: Final = "C0:00:00:01:00:{:02X}"
_STRANGER_ADDRESS: Final = "C0:00:00:02:{:02X}:{:02X}"
_WEARABLE_ADDRESS: Final = "C0:00:01:{:02X}:{:02X}:{:02X}"
_ADVERTISING_INTERVAL_MS: Final = 250.0
_SUPERVISION_S: Final = 2.0
# Longer than a client should wait for a value, shorter than the 30 s after which ATT gives the link up.
_SLOW_ANSWER_S: Final = 10.0
_MALFORMED_EVERY: Final = 4
_MALFORMED: Final = (b"", b"\x16", b"\x01\x48")
_BATTERY_EVERY: Final = 10  # emissions; looking at it each time is felt in two hours of eight
_US_PER_H: Final = 3_600_000_000
_NOTIFICATION: Final = 0x1B


@dataclass(frozen=True, slots=True, kw_only=True)
class Emission:
    """One notification that a wearable's sensor makes, `at_us` on the clock's axis."""

    at_us: int
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualWearable:
    """What one wearable shows on the air.

    Attributes:
        serial: tells the wearables of one air apart, whatever they are called.
        name: as advertised; several may have the same.
        manufacturer: read from the device information service, like `model` and `firmware`.
        model: see `manufacturer`.
        firmware: see `manufacturer`.
        battery_percent: 0..100, when the clock begins.
        body_sensor_location: an octet, see `gatt.BodySensorLocation`; None leaves the characteristic out.
        emissions: Heart Rate Measurements in order of time; may be lazy and endless.
        serves_serial: whether `serial` can be read from the device information service.
        advertises_service: whether the advertisement names the Heart Rate Service.
        manufacturer_data: company identifier and data that are advertised.
        battery_falls_pct_per_h: how fast the battery empties.
        counts_energy: whether it has a control point, which resets the energy expended in its (well-formed) emissions;
            as long as nobody does, they are sent as they are.
        needs_bond: whether it sends its heart rate only to those whom it is paired with.
    """

    serial: str
    name: str
    manufacturer: str
    model: str
    firmware: str
    battery_percent: int
    body_sensor_location: int | None
    emissions: Iterable[Emission]
    serves_serial: bool = True
    advertises_service: bool = True
    manufacturer_data: tuple[int, bytes] | None = None
    battery_falls_pct_per_h: float = 4.0
    counts_energy: bool = False
    needs_bond: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A heart-rate notification that an adapter took on a living link, so that its host was given it.

    Attributes:
        at_us: when, on the clock's axis.
        payload: as it arrived, that is cut to what the link bears.
        malformed: made up by `VirtualAir.garble`; otherwise it is an emission of the wearable.
    """

    at_us: int
    payload: bytes
    malformed: bool = False


class Battery(Enum):
    """How a wearable answers when its battery is read."""

    ANSWERS = auto()
    REFUSES = auto()
    """With an ATT error."""
    SLOW = auto()
    """Ten seconds late."""


class Pairing(Enum):
    """What happens when a wearable is asked to pair."""

    AGREES = auto()
    REFUSES = auto()
    WAITS = auto()
    """For somebody to confirm it on its screen, where nobody looks."""


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
        self._sensors: dict[str, _Sensor] = {}
        self._strangers: dict[str, _Stranger] = {}
        self._holding: set[asyncio.Task[None]] = set()
        self._strangers_met = 0
        self._returns: dict[str, asyncio.TimerHandle] = {}
        self._delivered: dict[str, list[Delivery]] = {wearable.serial: [] for wearable in wearables}
        self._reach = {wearable.serial: _Reach() for wearable in wearables}

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
            device, controller = new_device(
                self._room, address=_WEARABLE_ADDRESS.format(0, *divmod(position, 256)), name=wearable.name
            )
            sensor = self._sensors[wearable.serial] = _Sensor(
                wearable,
                device=device,
                controller=controller,
                clock=self._clock,
                position=position,
                delivered=self._delivered[wearable.serial],
            )
            self._room.taps[controller] = sensor.on_packet
            await sensor.switch_on()
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
        for sensor in self._sensors.values():
            await sensor.switch_off()
        for central in self._centrals:
            await central.device.power_off()
            await central.answered()
        self._room.clear()
        for sensor in self._sensors.values():
            sensor.raise_failure()

    # Troubles of a link.

    def drop(self, serial: str) -> None:
        """Lose the link, as if it broke off; the wearable advertises again at once."""
        self._room.lose_links(self._sensors[serial].controller)
        self._renew(serial)

    def hang_up(self, serial: str) -> None:
        """Let the wearable end the link; it advertises again at once."""
        self._room.hang_up(self._sensors[serial].controller)
        self._renew(serial)

    def wedge(self, serial: str) -> None:
        """Let nothing more come over the present link, which stays up; connected anew, the wearable streams."""
        self._sensors[serial].wedge()
        self._renew(serial)

    def change_address(self, serial: str) -> None:
        """Lose the link; the wearable comes back under another static random address."""
        sensor = self._sensors[serial]
        self._room.lose_links(sensor.controller)
        sensor.change_address()
        self._renew(serial)

    def leave_range(self, serial: str, *, supervision_s: float = _SUPERVISION_S) -> None:
        """Hear and be heard no more; after the supervision time the link is lost, until then what is sent waits."""
        controller = self._sensors[serial].controller
        self._room.leave_range(controller)
        if (timer := self._returns.pop(serial, None)) is not None:
            timer.cancel()
        self._returns[serial] = asyncio.get_running_loop().call_later(supervision_s, self._room.lose_links, controller)
        self._block(serial, "out of range")

    def come_back(self, serial: str) -> None:
        """End `leave_range`."""
        controller = self._sensors[serial].controller
        if (timer := self._returns.pop(serial, None)) is not None:
            timer.cancel()
        self._room.come_back(controller)
        self._unblock(serial, "out of range")

    # Troubles of a wearable.

    def stall(self, serial: str) -> None:
        """Send no measurement, on whatever link; what would have been sent is discarded."""
        self._sensors[serial].silent = True
        self._block(serial, "stalled")

    def resume(self, serial: str) -> None:
        """End `stall`."""
        self._sensors[serial].silent = False
        self._unblock(serial, "stalled")

    def refuse(self, serial: str) -> None:
        """Advertise, but let no connection come about; a present link stays."""
        self._room.unwilling.add(self._sensors[serial].controller)
        self._block(serial, "refusing")

    def accept(self, serial: str) -> None:
        """End `refuse`."""
        self._room.unwilling.discard(self._sensors[serial].controller)
        self._unblock(serial, "refusing")

    def mute(self, serial: str) -> None:
        """Connect and stay connected, but send no data at all: no notification, and no answer to any question."""
        self._room.mute.add(self._sensors[serial].controller)
        self._block(serial, "mute")

    def unmute(self, serial: str) -> None:
        """End `mute`; what was asked meanwhile stays unanswered."""
        self._room.mute.discard(self._sensors[serial].controller)
        self._unblock(serial, "mute")

    def refuse_pairing(self, serial: str) -> None:
        """Agree to no pairing; who is paired already is not affected."""
        self._withhold_pairing(serial, Pairing.REFUSES)

    def ignore_pairing(self, serial: str) -> None:
        """Let nobody look at the wearable's question whether to pair; who is paired already is not affected."""
        self._withhold_pairing(serial, Pairing.WAITS)

    def accept_pairing(self, serial: str) -> None:
        """End `refuse_pairing` or `ignore_pairing`; what was asked meanwhile stays unanswered."""
        self._sensors[serial].pairing = Pairing.AGREES
        self._unblock(serial, "not paired")

    def pairings(self, serial: str) -> int:
        """How often the wearable was paired; links that were encrypted with what is known from before are no more."""
        return self._sensors[serial].pairings

    def duplicate(self, serial: str) -> None:
        """Send each measurement twice."""
        self._sensors[serial].doubled = True

    def stop_duplicating(self, serial: str) -> None:
        """End `duplicate`."""
        self._sensors[serial].doubled = False

    def garble(self, serial: str) -> None:
        """Send a malformed measurement beside every fourth good one."""
        self._sensors[serial].garbled = True

    def stop_garbling(self, serial: str) -> None:
        """End `garble`."""
        self._sensors[serial].garbled = False

    def set_battery_answer(self, serial: str, answer: Battery) -> None:
        """Choose how a read of the battery is answered from now on."""
        self._sensors[serial].battery_answer = answer

    def set_battery(self, serial: str, percent: int) -> None:
        """Charge or empty the battery to `percent`; it falls on from there.

        Raises:
            ValueError: outside 0..100.
        """
        self._sensors[serial].set_battery(percent)

    def battery(self, serial: str) -> int:
        """The battery's charge now, in percent."""
        return self._sensors[serial].battery()

    def hold(self, serial: str) -> None:
        """Give the wearable to another central, which takes it from whoever has it and keeps it until `release`."""
        sensor = self._sensors[serial]
        if serial in self._strangers:
            return
        self._strangers_met += 1
        stranger = _Stranger(self._room, sensor, address=_STRANGER_ADDRESS.format(*divmod(self._strangers_met, 256)))
        self._strangers[serial] = stranger
        self._room.lose_links(sensor.controller)
        task = asyncio.create_task(stranger.keep())
        self._holding.add(task)
        task.add_done_callback(self._holding.discard)
        self._block(serial, "held")

    def release(self, serial: str) -> None:
        """End `hold`."""
        _ = self._sensors[serial]
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
        for serial, sensor in self._sensors.items():
            if nothing_left:
                self._block(serial, "no adapter")
            elif sensor.controller.random_address in linked:
                self._renew(serial)

    def _withhold_pairing(self, serial: str, how: Pairing) -> None:
        sensor = self._sensors[serial]
        sensor.pairing = how
        if sensor.needs_bond and not sensor.pairings:
            self._block(serial, "not paired")

    def _block(self, serial: str, why: str) -> None:
        self._reach[serial].block(why, self._clock.now_us())

    def _unblock(self, serial: str, why: str) -> None:
        self._reach[serial].unblock(why, self._clock.now_us())

    def _renew(self, serial: str) -> None:
        self._reach[serial].renew(self._clock.now_us())


class _Reach:
    """When one wearable could be had."""

    def __init__(self) -> None:
        self._intervals: list[tuple[int, int]] = []
        self._since_us: int | None = None
        self._reasons: set[str] = set()
        self._ended = True

    def begin(self, at_us: int) -> None:
        self._ended = False
        self._since_us = at_us

    def end(self, at_us: int) -> None:
        self._close(at_us)
        self._ended = True

    def block(self, why: str, at_us: int) -> None:
        self._reasons.add(why)
        self._close(at_us)

    def unblock(self, why: str, at_us: int) -> None:
        self._reasons.discard(why)
        if not self._reasons and not self._ended and self._since_us is None:
            self._since_us = at_us

    def renew(self, at_us: int) -> None:
        if self._since_us is not None:
            self._close(at_us)
            self._since_us = at_us

    def until(self, now_us: int) -> tuple[tuple[int, int], ...]:
        present = () if self._since_us is None or self._since_us >= now_us else ((self._since_us, now_us),)
        return (*self._intervals, *present)

    def _close(self, at_us: int) -> None:
        if self._since_us is not None and self._since_us < at_us:
            self._intervals.append((self._since_us, at_us))
        self._since_us = None


class _Stranger:
    """Another central that takes one wearable and keeps it."""

    def __init__(self, room: Room, sensor: _Sensor, *, address: str) -> None:
        self._room = room
        self._sensor = sensor
        self._device, self._controller = new_device(room, address=address, name="stranger")
        self._let_go = asyncio.Event()
        self._over = asyncio.Event()
        room.kept_for[sensor.controller] = self._controller

    async def keep(self) -> None:
        await self._device.power_on()
        if not self._let_go.is_set():
            with contextlib.suppress(core.BaseBumbleError):  # given up
                connection = await self._device.connect_le(self._sensor.address, timeout=None)
                connection.on(connection.EVENT_DISCONNECTION, self._on_disconnection)
        await self._let_go.wait()
        if self._device.connections:  # its host has not heard yet that the link is over
            await self._over.wait()
        await self._device.power_off()
        self._room.remove_controller(self._controller)

    def _on_disconnection(self, _reason: int) -> None:
        self._over.set()

    def let_go(self) -> None:
        self._let_go.set()
        if self._room.kept_for.get(self._sensor.controller) is self._controller:
            del self._room.kept_for[self._sensor.controller]
        self._controller.give_up()
        self._room.hang_up(self._controller)


class _Sent(Enum):
    """What a notification on its way is."""

    EMISSION = auto()
    COPY = auto()
    MALFORMED = auto()


class _Sensor:
    """One wearable: what it serves, the task that advertises while no central is connected, and the task that emits."""

    def __init__(
        self,
        wearable: VirtualWearable,
        *,
        device: Device,
        controller: RoomController,
        clock: Clock,
        position: int,
        delivered: list[Delivery],
    ) -> None:
        self.controller = controller
        self.silent = False
        self.doubled = False
        self.garbled = False
        self.battery_answer = Battery.ANSWERS
        self.pairing = Pairing.AGREES
        self.pairings = 0
        self.needs_bond = wearable.needs_bond
        self._energy_kj = 0
        self._energy_at_reset_kj = 0
        self._wearable = wearable
        self._clock = clock
        self._device = device
        self._position = position
        self._delivered = delivered
        self._generation = 0
        self._charge = (0, wearable.battery_percent)
        self._battery_told = wearable.battery_percent
        self._emitted = 0
        self._wedged: Connection | None = None
        self._on_the_way: deque[_Sent] = deque()
        self._answering: set[asyncio.Task[object]] = set()
        self._measurement = _notified(gatt.HEART_RATE_MEASUREMENT)
        self._level: Characteristic[bytes] = Characteristic(
            _uuid(gatt.BATTERY_LEVEL),
            Characteristic.Properties.READ | Characteristic.Properties.NOTIFY,
            Characteristic.Permissions.READABLE,
            att.AttributeValue(read=self._answer_battery),
        )
        control_point: Characteristic[bytes] = Characteristic(
            _uuid(gatt.HEART_RATE_CONTROL_POINT),
            Characteristic.Properties.WRITE,
            Characteristic.Permissions.WRITEABLE,
            att.AttributeValue(write=self._control),
        )
        self._device.add_services(_services(wearable, self._measurement, self._level, control_point))
        if wearable.needs_bond:
            self._want_encryption()
        self._device.pairing_config_factory = self._pairing_config
        self._device.on(device.EVENT_CONNECTION, self._on_connection)
        self._free = asyncio.Event()
        self._off = False

    @property
    def address(self) -> hci.Address:
        return self._device.random_address

    async def switch_on(self) -> None:
        await self._device.power_on()
        self._emitting = asyncio.create_task(self._emit())
        self._advertising = asyncio.create_task(self._advertise())

    async def switch_off(self) -> None:
        self._off = True
        self._free.set()
        self._emitting.cancel()
        await asyncio.wait({self._emitting, self._advertising, *self._answering})
        await self._device.stop_advertising()
        await self._device.power_off()

    def raise_failure(self) -> None:
        """Raise what ended a task of this sensor, if it was not switching off."""
        for task in (self._emitting, self._advertising):
            if not task.cancelled():
                task.result()

    def wedge(self) -> None:
        self._wedged = next(iter(self._device.connections.values()), None)

    def change_address(self) -> None:
        self._generation += 1
        if not self._device.connections:  # otherwise it is done when the loss of the link is heard of
            self._free.set()

    def battery(self) -> int:
        since_us, percent = self._charge
        gone = (self._clock.now_us() - since_us) / _US_PER_H * self._wearable.battery_falls_pct_per_h
        return max(0, ceil(percent - gone))

    def set_battery(self, percent: int) -> None:
        if not 0 <= percent <= 100:
            raise ValueError(f"a battery holds 0 to 100 percent, got {percent}")
        self._charge = (self._clock.now_us(), percent)

    def on_packet(self, packet: bytes, arrived: bool) -> None:  # noqa: FBT001 - a callback
        """Write down a notification that an adapter took. An L2CAP header comes first, then opcode and handle."""
        if len(packet) < 7 or packet[4] != _NOTIFICATION:
            return
        if int.from_bytes(packet[5:7], "little") != self._measurement.handle:
            return
        sent = self._on_the_way.popleft()
        if arrived and sent is not _Sent.COPY:
            self._delivered.append(
                Delivery(at_us=self._clock.now_us(), payload=packet[7:], malformed=sent is _Sent.MALFORMED)
            )

    async def _advertise(self) -> None:
        generation = 0
        while not self._off:
            self._free.clear()
            if generation != self._generation:
                generation = self._generation
                await self._device.stop_advertising()
                await self._move_to(_WEARABLE_ADDRESS.format(generation % 256, *divmod(self._position, 256)))
            await self._device.start_advertising(
                advertising_data=_advertisement(self._wearable),
                advertising_interval_min=_ADVERTISING_INTERVAL_MS,
                advertising_interval_max=_ADVERTISING_INTERVAL_MS,
            )
            await self._free.wait()

    async def _move_to(self, text: str) -> None:
        address = hci.Address(text)
        self._device.static_address = self._device.random_address = address
        await self._device.send_sync_command(
            hci.HCI_LE_Set_Random_Address_Command(  # pyright: ignore[reportUnknownArgumentType]
                random_address=address
            )
        )

    def _on_connection(self, connection: Connection) -> None:
        self._on_the_way.clear()
        connection.on(connection.EVENT_DISCONNECTION, self._on_disconnection)
        connection.on(connection.EVENT_PAIRING, self._on_pairing)

    def _on_pairing(self, _keys: object) -> None:
        self.pairings += 1

    def _want_encryption(self) -> None:
        """Let the measurement be subscribed to over an encrypted link only."""
        server: Any = self._device.gatt_server  # its lookups have partial types
        subscription = server.get_attribute(self._measurement.handle + 1)
        assert subscription.type == CCCD
        subscription.permissions |= att.Attribute.READ_REQUIRES_ENCRYPTION | att.Attribute.WRITE_REQUIRES_ENCRYPTION

    def _pairing_config(self, _connection: Connection) -> PairingConfig:
        return PairingConfig(delegate=_Wrist(self))

    def _control(self, _connection: Connection, value: bytes) -> None:
        if value != bytes([gatt.RESET_ENERGY_EXPENDED]):
            raise att.ATT_Error(error_code=gatt.CONTROL_POINT_NOT_SUPPORTED)
        self._energy_at_reset_kj = self._energy_kj

    def _since_reset(self, payload: bytes) -> bytes:
        """A measurement with its energy counted from the last reset on."""
        measurement = decode(payload)
        if measurement.energy_expended_kj is None:
            return payload
        self._energy_kj = measurement.energy_expended_kj
        since_reset_kj = max(0, self._energy_kj - self._energy_at_reset_kj)
        return encode(replace(measurement, energy_expended_kj=since_reset_kj))

    def _on_disconnection(self, _reason: int) -> None:
        self._wedged = None
        self._free.set()

    async def _emit(self) -> None:
        for emission in self._wearable.emissions:
            await self._clock.sleep_until_us(emission.at_us)
            self._emitted += 1
            payload = self._since_reset(emission.payload) if self._wearable.counts_energy else emission.payload
            if self.silent:
                continue
            for connection in self._device.connections.values():
                if connection is not self._wedged:
                    self._send_measurement(connection, payload)
                    if self._emitted % _BATTERY_EVERY == 0:
                        self._tell_battery(connection)

    def _send_measurement(self, connection: Connection, payload: bytes) -> None:
        """Send, or discard where nobody subscribed: a sensor does not keep old values."""
        if not self._is_subscribed(connection, self._measurement):
            return
        self._on_the_way.append(_Sent.EMISSION)
        self._notify(connection, self._measurement, payload)
        if self.doubled:
            self._on_the_way.append(_Sent.COPY)
            self._notify(connection, self._measurement, payload)
        if self.garbled and self._emitted % _MALFORMED_EVERY == 0:
            self._on_the_way.append(_Sent.MALFORMED)
            garbage = _MALFORMED[self._emitted // _MALFORMED_EVERY % len(_MALFORMED)]
            self._notify(connection, self._measurement, garbage)

    def _tell_battery(self, connection: Connection) -> None:
        percent = self.battery()
        if percent != self._battery_told:
            self._battery_told = percent
            if self._is_subscribed(connection, self._level):
                self._notify(connection, self._level, bytes([percent]))

    def _is_subscribed(self, connection: Connection, to: Characteristic[bytes]) -> bool:
        cccd = self._device.gatt_server.read_cccd(connection, to)  # pyright: ignore[reportUnknownMemberType]
        return bool(cccd[0] & 1)

    def _notify(self, connection: Connection, of: Characteristic[bytes], payload: bytes) -> None:
        """As `Device.notify_subscriber` does it, but without formatting the PDU for a log."""
        value = payload[: connection.att_mtu - 3]
        pdu = att.ATT_Handle_Value_Notification(attribute_handle=of.handle, attribute_value=value)
        self._device.gatt_server.send_gatt_pdu(connection, bytes(pdu))

    async def _answer_battery(self, connection: Connection) -> bytes:
        if self.battery_answer is Battery.REFUSES:
            raise att.ATT_Error(error_code=att.ATT_UNLIKELY_ERROR_ERROR)
        task = asyncio.current_task()
        if self.battery_answer is Battery.SLOW and task is not None:
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SLOW_ANSWER_S):
                    await self._free.wait()
            if self._device.connections.get(connection.handle) is not connection:
                # Nobody is left to be answered, and on a new link it would meet another question.
                raise asyncio.CancelledError
        return bytes([self.battery()])


class _Wrist(PairingDelegate):
    """Who wears a wearable and is asked whether to pair it; there are no digits to compare."""

    def __init__(self, sensor: _Sensor) -> None:
        super().__init__()
        self._sensor = sensor

    async def accept(self) -> bool:
        if self._sensor.pairing is Pairing.WAITS:
            await asyncio.Event().wait()  # until the link is over
        return self._sensor.pairing is Pairing.AGREES


def _services(
    wearable: VirtualWearable,
    measurement: Characteristic[bytes],
    battery: Characteristic[bytes],
    control_point: Characteristic[bytes],
) -> list[Service]:
    heart_rate = [measurement]
    if wearable.body_sensor_location is not None:
        heart_rate.append(_readable(gatt.BODY_SENSOR_LOCATION, bytes([wearable.body_sensor_location])))
    if wearable.counts_energy:
        heart_rate.append(control_point)
    information = [
        _readable(gatt.MANUFACTURER_NAME, wearable.manufacturer.encode()),
        _readable(gatt.MODEL_NUMBER, wearable.model.encode()),
        _readable(gatt.FIRMWARE_REVISION, wearable.firmware.encode()),
    ]
    if wearable.serves_serial:
        information.append(_readable(gatt.SERIAL_NUMBER, wearable.serial.encode()))
    return [
        Service(_uuid(gatt.HEART_RATE_SERVICE), heart_rate),
        Service(_uuid(gatt.BATTERY_SERVICE), [battery]),
        Service(_uuid(gatt.DEVICE_INFORMATION_SERVICE), information),
    ]


def _readable(number: int, value: bytes) -> Characteristic[bytes]:
    return Characteristic(_uuid(number), Characteristic.Properties.READ, Characteristic.Permissions.READABLE, value)


def _notified(number: int) -> Characteristic[bytes]:
    return Characteristic(_uuid(number), Characteristic.Properties.NOTIFY, Characteristic.Permissions(0), b"")


def _uuid(number: int) -> core.UUID:
    return core.UUID.from_16_bits(number)


def _advertisement(wearable: VirtualWearable) -> bytes:
    flags = core.AdvertisingData.Flags
    fields: list[core.DataType] = [
        data_types.Flags(flags.LE_GENERAL_DISCOVERABLE_MODE | flags.BR_EDR_NOT_SUPPORTED),
        data_types.CompleteLocalName(wearable.name),
    ]
    if wearable.advertises_service:
        fields.insert(1, data_types.CompleteListOf16BitServiceUUIDs([_uuid(gatt.HEART_RATE_SERVICE)]))
    if wearable.manufacturer_data is not None:
        fields.append(data_types.ManufacturerSpecificData(*wearable.manufacturer_data))
    return bytes(core.AdvertisingData(fields))
