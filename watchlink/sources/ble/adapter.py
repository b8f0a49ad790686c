"""One adapter for everybody who waits for it: it listens, and lets those who were heard connect one after another.

Strategy: scanning and connecting cannot overlap, and no two connections can be attempted at once, because one task does
the first and waits for the second. A turn is taken with a fresh sighting, so nothing is tried that is not there. Who
cannot be served here goes to another adapter, if there is one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from watchlink.clock import Clock
from watchlink.errors import LinkError
from watchlink.sources.ble.identity import AWAY_US, Heard, Known, is_meant, owner_of
from watchlink.sources.ble.radio import Radio
from watchlink.sources.ble.scanner import Found, connected_here, listening

_US_PER_S: Final = 1_000_000

_SCAN_US: Final = 8 * _US_PER_S
# Not heard in two goes of listening: then something is done about it.
_UNHEARD_US: Final = 2 * _SCAN_US
_LOOK_US: Final = 100_000
# After the first of several was heard, the others have this long to be heard in the same go.
_GATHER_US: Final = 1_000_000
# BlueZ forgets a device half a minute after listening: who was heard longer ago than this is listened for anew.
_FRESH_US: Final = 20 * _US_PER_S
# Between two goes: links that stream need the air too. After so long without a sign, the pause is the longer one.
_PAUSE_US: Final = 1_000_000
_LONG_PAUSE_US: Final = 8 * _US_PER_S
_LONG_GONE_US: Final = 180 * _US_PER_S
# The adapter itself is in trouble: how soon it is tried again, at first and at last.
_TROUBLE_PAUSE_US: Final = 1_000_000
_LONGEST_TROUBLE_PAUSE_US: Final = 8 * _US_PER_S


class GoElsewhere(Exception):
    """An adapter cannot be used now, or does not hear the wearable; there is another one to try."""


class Seeker(Protocol):
    """Who seeks one wearable and waits for its turn."""

    @property
    def known(self) -> Known:
        """What is known of the wearable."""
        ...

    def note_doubt(self, heard: Heard) -> None:
        """Something was heard that may be the wearable and may be another one."""
        ...

    def say_trouble(self, reason: str) -> None:
        """The adapter cannot be used, or can again (no reason)."""
        ...

    def say_held_here(self) -> None:
        """The wearable cannot be heard, because this computer is connected with it."""
        ...


@dataclass(slots=True, kw_only=True, eq=False)
class _Waiting:
    """A seeker that waits for its turn, until it has left it."""

    seeker: Seeker
    since_us: int
    found: asyncio.Future[Found]
    asked_for: bool = False
    left: asyncio.Event = field(default_factory=asyncio.Event)


class Adapter:
    """One adapter: listens for those who wait, and lets them connect one after another."""

    def __init__(
        self, radio: Radio, *, clock: Clock, everybody: Callable[[], Sequence[Known]], alone: bool = True
    ) -> None:
        """Nothing is done before `run`.

        Args:
            radio: the adapter.
            clock: the session's.
            everybody: gives what is known of all wearables of the session, also of those on other adapters.
            alone: whether there is no other adapter to which those who wait could go.
        """
        self.radio = radio
        self._alone = alone
        self._clock = clock
        self._everybody = everybody
        self._waiting: list[_Waiting] = []
        self._wanted = asyncio.Event()
        self._heard: dict[str, Heard] = {}

    @contextlib.asynccontextmanager
    async def turn(self, seeker: Seeker) -> AsyncGenerator[Found, None]:
        """Wait until the seeker's wearable is heard; the adapter is the seeker's own until the context is left.

        Raises:
            GoElsewhere: this adapter cannot be used now or does not hear the wearable, and there is another one.
        """
        future: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(seeker=seeker, since_us=self._clock.now_us(), found=future)
        self._waiting.append(waiting)
        self._wanted.set()
        try:
            yield await future
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            waiting.left.set()

    async def run(self) -> None:
        """Serve turns until cancelled."""
        trouble_pause_us = _TROUBLE_PAUSE_US
        while True:
            if not self._waiting:
                await self._wanted.wait()
            try:
                sightings = await self._listen()
            except LinkError as error:
                for waiting in self._waiting:
                    waiting.seeker.say_trouble(str(error))
                    if not self._alone and not waiting.found.done():
                        waiting.found.set_exception(GoElsewhere())
                await self._clock.sleep_until_us(self._clock.now_us() + trouble_pause_us)
                trouble_pause_us = min(2 * trouble_pause_us, _LONGEST_TROUBLE_PAUSE_US)
                continue
            trouble_pause_us = _TROUBLE_PAUSE_US
            self._wanted.clear()
            for waiting in [one for one in self._waiting if one in sightings]:
                fresh = self._clock.now_us() - sightings[waiting].at_us <= _FRESH_US
                if fresh and not waiting.found.done():
                    self._waiting.remove(waiting)
                    waiting.found.set_result(sightings[waiting])
                    await waiting.left.wait()
            await self._ask_for_the_unheard(sightings)
            self._send_elsewhere(sightings)
            if not sightings and self._waiting:
                waits_us = self._clock.now_us() - max(waiting.since_us for waiting in self._waiting)
                await self._pause(_PAUSE_US if waits_us < _LONG_GONE_US else _LONG_PAUSE_US)

    async def _listen(self) -> dict[_Waiting, Found]:
        """Listen until everybody who waits was heard, or some of them and then nobody else for a while.

        Raises:
            LinkError: this adapter cannot be used now.
        """
        sightings: dict[_Waiting, Found] = {}

        def on_heard(found: Found) -> None:
            address, now_us = found.device.address, self._clock.now_us()
            before = self._heard.get(address)
            first_us = now_us if before is None or now_us - before.last_us > 2 * AWAY_US else before.first_us
            heard = Heard(name=found.name, address=address, first_us=first_us, last_us=now_us)
            self._heard[address] = heard
            owner = owner_of(
                heard,
                everybody=self._everybody(),
                seeking=[waiting.seeker.known for waiting in self._waiting],
                all_heard=self._heard.values(),
                now_us=now_us,
            )
            for waiting in self._waiting:
                if waiting.seeker.known is owner:
                    sightings[waiting] = found
                elif owner is None:
                    waiting.seeker.note_doubt(heard)

        now_us = self._clock.now_us()
        self._heard = {at: one for at, one in self._heard.items() if now_us - one.last_us <= 2 * AWAY_US}
        until_us = now_us + _SCAN_US
        async with listening(self.radio, clock=self._clock, heard=on_heard):
            for waiting in self._waiting:
                waiting.seeker.say_trouble("")
            while (now_us := self._clock.now_us()) < until_us and self._waiting:
                if all(waiting in sightings for waiting in self._waiting):
                    break
                if sightings:
                    until_us = min(until_us, now_us + _GATHER_US)
                await self._clock.sleep_until_us(min(now_us + _LOOK_US, until_us))
        return sightings

    async def _ask_for_the_unheard(self, sightings: Container[_Waiting]) -> None:
        """Ask once for each that is not heard whether this computer is connected with it: then it advertises to nobody.

        A program that was killed leaves its wearables so, and they would be listened for in vain.
        """
        since_us = self._clock.now_us() - _UNHEARD_US
        unheard = [
            waiting
            for waiting in self._waiting
            if waiting not in sightings and waiting.since_us < since_us and not waiting.asked_for
        ]
        if not unheard:
            return
        held = await connected_here(self.radio)
        for waiting in unheard:
            waiting.asked_for = True
            known = waiting.seeker.known
            if waiting in self._waiting and any(
                is_meant(known, name=one.name, address=one.address, everybody=self._everybody()) for one in held
            ):
                waiting.seeker.say_held_here()

    def _send_elsewhere(self, sightings: Container[_Waiting]) -> None:
        """Let those go to another adapter that this one does not hear: it may have the weaker ear."""
        since_us = self._clock.now_us() - _UNHEARD_US
        for waiting in self._waiting:
            if (
                not self._alone
                and waiting not in sightings
                and waiting.since_us < since_us
                and not waiting.found.done()
            ):
                waiting.found.set_exception(GoElsewhere())

    async def _pause(self, pause_us: int) -> None:
        """Give the air to others for a while, unless somebody new begins to wait."""
        self._wanted.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_us / _US_PER_S):
                await self._wanted.wait()
