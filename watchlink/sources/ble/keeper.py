"""Keeping a wearable connected: seek, connect, subscribe, watch, back off, again, until somebody gives it up by hand.

Strategy: every wearable has a `Keeper`, a task that goes through the states of `LinkState` one after another and says
each change with its reason. When it may try is the adapter's to say (`Adapter.turn`); what follows is here.

A wearable is said to stream after data has come, never before. Attempts that bring no data back off (full jitter, from
half a second to twenty), and only data resets that: a wearable that connects and stays silent would be tried for ever
otherwise. Whatever happens, there are no more than twelve attempts a minute.

References:
    Full jitter: M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from watchlink.clock import Clock
from watchlink.errors import LinkError, LinkFault
from watchlink.packets import (
    Attribute,
    AttributeRead,
    Discarded,
    LinkChange,
    LinkState,
    Notification,
    Packet,
)
from watchlink.sources.ble.adapter import Adapter, GoElsewhere
from watchlink.sources.ble.identity import Heard, Known, identity_of
from watchlink.sources.ble.link import BROKE_OFF, Link
from watchlink.sources.ble.radio import held_here
from watchlink.sources.ble.scanner import Found

_US_PER_S: Final = 1_000_000

_BACKOFF_BASE_S: Final = 0.5
_BACKOFF_CAP_S: Final = 20.0
_ATTEMPTS: Final = 12
_ATTEMPTS_IN_US: Final = 60 * _US_PER_S
# So many notifications prove that a link works.
_PROVEN: Final = 10
# A strap may need a moment on the skin before it sends for the first time.
_FIRST_DATA_S: Final = 10.0
_BATTERY_EVERY_US: Final = 300 * _US_PER_S

# A link that is being given back may still bring a report; it does not stream again.
_AWAITING_DATA: Final = frozenset({LinkState.SUBSCRIBING, LinkState.SUBSCRIBED, LinkState.STALLED})

_ONCE: Final = (
    Attribute.BODY_SENSOR_LOCATION,
    Attribute.MANUFACTURER_NAME,
    Attribute.MODEL_NUMBER,
    Attribute.FIRMWARE_REVISION,
)


class Keeper:
    """Keeps one wearable connected."""

    def __init__(
        self,
        known: Known,
        *,
        wearable: str,
        profile: str,
        stall_s: float,
        may_ask: bool,
        adapters: Sequence[Adapter],
        first_adapter: int,
        clock: Clock,
        chance: random.Random,
        arrive: Callable[[Packet], None],
    ) -> None:
        """Nothing is done before `keep`. Attempts begin on `adapters[first_adapter]` and move on where they fail.

        `may_ask`: whether the wearable is known to ask before it gives its heart rate, so that it takes time.
        """
        self.known = known
        self._wearable = wearable
        self._profile = profile
        self._may_ask = may_ask
        self._stall_us = round(stall_s * _US_PER_S)
        self._adapters = adapters
        self._adapter = first_adapter
        self._clock = clock
        self._chance = chance
        self._arrive = arrive
        self._alone = asyncio.Lock()
        self._state: LinkState | None = None
        self._link: Link | None = None
        self._attempts_us: deque[int] = deque(maxlen=_ATTEMPTS)
        self._failures = 0
        self._battery_us: int | None = None
        self._described = False
        self._trouble = ""
        self._in_doubt = False
        self._held_here = False

    async def keep(self) -> None:
        """Go on until cancelled; then unsubscribe and disconnect."""
        async with self._alone:
            self._trouble = ""
            self._held_here = False
            try:
                await self._back_off()
                while True:
                    try:
                        connected = await self._connect()
                    except GoElsewhere:  # nothing was tried: no reason to wait either
                        self._change_adapter()
                        continue
                    if connected:
                        await self._stream()
                    else:
                        self._failures += 1
                        self._change_adapter()
                    await self._back_off()
            finally:
                await self._let_go()

    def _change_adapter(self) -> None:
        self._adapter = (self._adapter + 1) % len(self._adapters)

    def say(self, state: LinkState, reason: str = "") -> None:
        """Put a change of the link into the log."""
        self._state = state
        self._arrive(LinkChange(at_us=self._clock.now_us(), wearable=self._wearable, state=state, reason=reason))

    def note_doubt(self, heard: Heard) -> None:
        """Something was heard that may be the wearable and may be another one; said once between two attempts."""
        known = self.known
        if heard.name == known.name and heard.address not in known.strangers and not self._in_doubt:
            self._in_doubt = True
            self.say(LinkState.SEEKING, "a wearable of this name is near; nothing proves yet that it is the same")

    def say_trouble(self, reason: str) -> None:
        """The adapter cannot be used, or can again (no reason): said once, not at every attempt."""
        if reason != self._trouble:
            self._trouble = reason
            if reason:
                self.say(LinkState.BACKING_OFF, reason)
            else:
                self.say(LinkState.SEEKING, held_here() if self._held_here else "")

    def say_held_here(self) -> None:
        """This computer is connected with the wearable: said once until it is heard, on whichever adapter."""
        if not self._held_here:
            self._held_here = True
            self.say(LinkState.SEEKING, held_here())

    async def _back_off(self) -> None:
        """Wait before the next attempt, with full jitter, and never more than so many attempts a minute."""
        now_us = self._clock.now_us()
        until_us = now_us
        if self._attempts_us:
            limit_s = min(_BACKOFF_CAP_S, _BACKOFF_BASE_S * 2.0 ** min(self._failures, 10))
            until_us += round(self._chance.uniform(0, limit_s) * _US_PER_S)
        if len(self._attempts_us) == _ATTEMPTS:
            until_us = max(until_us, self._attempts_us[0] + _ATTEMPTS_IN_US)
        if until_us > now_us:
            self.say(LinkState.BACKING_OFF, f"next attempt in {(until_us - now_us) / _US_PER_S:.1f} s")
            await self._clock.sleep_until_us(until_us)

    async def _connect(self) -> bool:
        """Wait until the wearable is heard, then connect and subscribe; say whether that came about.

        What somebody may have to confirm is done after the turn: the others shall not wait for that.
        """
        if not self._trouble and not self._held_here:  # what to do about it stays said
            self.say(LinkState.SEEKING)
        self._in_doubt = False
        wants_pairing = self._may_ask
        adapter = self._adapters[self._adapter]
        async with adapter.turn(self) as found:
            self._attempts_us.append(self._clock.now_us())
            link = self._link = Link(
                found.device,
                wearable=self._wearable,
                clock=self._clock,
                radio=adapter.radio,
                arrive=self._on_arrival,
            )
            try:
                self._trouble = ""
                self._held_here = False
                self.say(LinkState.CONNECTING)
                await link.connect()
                self.say(LinkState.SUBSCRIBING)
                await self._prove(link, found)
                if not self._may_ask:
                    await link.subscribe()
            except LinkError as error:
                if error.fault is not LinkFault.NOT_PAIRED:
                    return await self._fail(str(error))
                wants_pairing = True
        if wants_pairing:
            try:
                await self._ask_patiently(link)
            except LinkError as error:
                return await self._fail(str(error))
        if link.over.is_set():
            return await self._fail(BROKE_OFF)
        if self._state is not LinkState.STREAMING:
            self.say(LinkState.SUBSCRIBED)
        return True

    async def _ask_patiently(self, link: Link) -> None:
        """Ask for the heart rate where somebody may have to confirm, and pair where that alone does not do.

        Raises:
            LinkError: nobody confirmed it, or it failed.
        """
        if self._may_ask:
            try:
                await link.subscribe(patiently=True)
            except LinkError as error:
                if error.fault is not LinkFault.NOT_PAIRED or isinstance(error.__cause__, TimeoutError):
                    raise
            else:
                return
        self.say(LinkState.SUBSCRIBING, "it wants to be paired; confirm it where it asks")
        await link.pair()

    async def _fail(self, reason: str) -> bool:
        self.say(LinkState.LOST, reason)
        await self._let_go()
        return False

    async def _prove(self, link: Link, found: Found) -> None:
        """Make sure that this is the wearable that is meant, where that is not known by its address.

        Raises:
            LinkError: it is another one, or it cannot be told.
        """
        address = found.device.address
        if address == self.known.address:
            return
        if self.known.identity is not None:
            serial_number = await link.read_serial_number()
            if serial_number is None:
                raise LinkError(
                    "A wearable of this name did not say its serial number, so nobody can tell whose it is.",
                    fault=LinkFault.OTHER,
                )
            if identity_of(profile=self._profile, serial_number=serial_number) != self.known.identity:
                self.known.strangers.add(address)
                raise LinkError("This is another wearable of the same name.", fault=LinkFault.NOT_FOUND)
        else:
            self.say(LinkState.SUBSCRIBING, "recognised by its name alone; its address has changed")
        self.known.address = address

    async def _stream(self) -> None:
        """Look after a link until it is over, then give it back."""
        link = self._link
        assert link is not None
        care = asyncio.create_task(self._read_values(link))
        try:
            reason = await self._watch(link)
            self.say(LinkState.LOST, reason)
        finally:
            care.cancel()
            await asyncio.wait({care})
            if not care.cancelled():
                care.result()  # raises only for a mistake of ours
        self._failures = 0 if link.notifications >= _PROVEN else self._failures + 1
        await self._let_go()

    async def _watch(self, link: Link) -> str:
        """Return why the link is over: it is gone, or it has fallen silent and asking again did not help."""
        since_us = self._clock.now_us()
        first_us = max(self._stall_us, round(_FIRST_DATA_S * _US_PER_S))
        asked_at_notification: int | None = None
        while True:
            heard_us = link.heard_us if link.heard_us is not None else 0
            limit_us = self._stall_us if link.notifications else first_us
            left_us = max(since_us, heard_us) + limit_us - self._clock.now_us()
            if left_us > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(left_us / _US_PER_S):
                        await link.over.wait()
            if link.over.is_set():
                return BROKE_OFF
            if left_us > 0:
                continue
            if asked_at_notification == link.notifications:
                return "it stayed silent although connected"
            asked_at_notification = link.notifications
            self.say(LinkState.STALLED, f"no data for {limit_us / _US_PER_S:g} s")
            try:
                await link.resubscribe()
            except LinkError as error:
                if link.notifications == asked_at_notification or link.over.is_set():
                    return str(error)
            since_us = self._clock.now_us()

    async def _read_values(self, link: Link) -> None:
        """Read what stands beside the heart rate, once it flows; the battery again every few minutes."""
        if not self._described:
            for attribute in _ONCE:
                await self._read(link, attribute)
            if self.known.identity is None and (serial_number := await link.read_serial_number()) is not None:
                self.known.identity = identity_of(profile=self._profile, serial_number=serial_number)
            self._described = not link.over.is_set()
        while True:
            now_us = self._clock.now_us()
            due_us = now_us if self._battery_us is None else self._battery_us + _BATTERY_EVERY_US
            await self._clock.sleep_until_us(due_us)
            if self._state is not LinkState.STALLED:
                await self._read(link, Attribute.BATTERY_LEVEL)
            self._battery_us = self._clock.now_us()

    async def _read(self, link: Link, attribute: Attribute) -> None:
        payload = await link.read(attribute)
        if payload is not None:
            self._arrive(
                AttributeRead(at_us=self._clock.now_us(), wearable=self._wearable, attribute=attribute, payload=payload)
            )

    async def _let_go(self) -> None:
        if self._link is not None:  # kept until it is closed: cancelled in the middle, `keep` closes it to the end
            await self._link.close()
            self._link = None

    def _on_arrival(self, packet: Notification | Discarded) -> None:
        self._arrive(packet)
        if isinstance(packet, Notification) and self._state in _AWAITING_DATA:
            self.say(LinkState.STREAMING)
