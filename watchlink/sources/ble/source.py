"""The live source: seats, links that heal themselves, values read beside the heart rate, and every notification.

Strategy: callbacks put packets into a queue in their order of arrival, iterating takes them out. It goes on until the
context is left: a wearable that is gone may come back.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from firmware_profiles.profiles import GENERIC_ID, Pairing, load_profiles
from watchlink.clock import Clock
from watchlink.packets import LinkState, Packet, Seat
from watchlink.sources.ble.adapter import Adapter
from watchlink.sources.ble.identity import Known
from watchlink.sources.ble.keeper import Keeper
from watchlink.sources.ble.radio import Radio
from watchlink.sources.ble.scanner import Found


@dataclass(frozen=True, slots=True, kw_only=True)
class Wearer:
    """Who wears which wearable; `person`, `wearable` and `profile` as in `packets.Seat`.

    Attributes:
        name: as the wearable advertises.
        address: where it was last met, if it was; a hint.
        identity: proof of which one it is, if known; see `identity.identity_of`.
    """

    person: str
    wearable: str
    profile: str
    name: str
    address: str | None = field(default=None, repr=False)
    identity: str | None = None

    @classmethod
    def of(cls, found: Found, *, person: str, wearable: str, profile: str) -> Self:
        """Somebody who wears what was just heard."""
        return cls(person=person, wearable=wearable, profile=profile, name=found.name, address=found.device.address)


class BleSource:
    """Source: everybody's wearables over Bluetooth LE, kept connected until the context is left."""

    def __init__(
        self,
        wearers: Sequence[Wearer],
        *,
        clock: Clock,
        radios: Sequence[Radio] = (),
        chance: random.Random | None = None,
    ) -> None:
        """Take the wearers; nothing is connected yet.

        Args:
            wearers: who wears what.
            clock: the session's.
            radios: adapters to share the wearables among; none stands for the system's default.
            chance: for the jitter of attempts; to be given where a run must be the same again.
        """
        self._clock = clock
        self._wearers = tuple(wearers)
        self._arrived: asyncio.Queue[Packet | None] = asyncio.Queue()
        radios = radios or (Radio(),)
        self._adapters = [
            Adapter(radio, clock=clock, everybody=self._everybody, alone=len(radios) == 1) for radio in radios
        ]
        chance = chance or random.Random()
        profiles = load_profiles()
        profile_of = {wearer.person: profiles.get(wearer.profile, profiles[GENERIC_ID]) for wearer in self._wearers}
        self._keepers = {
            wearer.person: Keeper(
                Known(name=wearer.name, address=wearer.address, identity=wearer.identity),
                wearable=wearer.wearable,
                profile=wearer.profile,
                stall_s=profile_of[wearer.person].stall_s,
                may_ask=profile_of[wearer.person].pairing in (Pairing.JUST_WORKS, Pairing.CONFIRM),
                adapters=self._adapters,
                first_adapter=number % len(self._adapters),
                clock=clock,
                chance=random.Random(chance.random()),
                arrive=self._arrived.put_nowait,
            )
            for number, wearer in enumerate(self._wearers)
        }
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._serving: list[asyncio.Task[None]] = []
        self._started: set[asyncio.Task[None]] = set()
        # Cancelled by `give_up`. (`Task.cancelling` would not do: a limit of time that runs out cancels for a moment.)
        self._letting_go: set[asyncio.Task[None]] = set()
        self._mistake: BaseException | None = None

    @property
    def identities(self) -> Mapping[str, str]:
        """Proof of each person's wearable, as far as serial numbers were read."""
        return {
            person: keeper.known.identity
            for person, keeper in self._keepers.items()
            if keeper.known.identity is not None
        }

    def give_up(self, person: str) -> None:
        """Try no more for this person's wearable, and disconnect it; that it is given up is said once it is.

        Raises:
            KeyError: nobody is called so.
        """
        keeper, task = self._keepers[person], self._tasks[person]
        if not task.done() and task not in self._letting_go:
            self._letting_go.add(task)
            task.cancel()
            task.add_done_callback(lambda _task: keeper.say(LinkState.GIVEN_UP))

    def take_up(self, person: str) -> None:
        """Try again after `give_up`, as soon as the wearable was let go.

        Raises:
            KeyError: nobody is called so.
        """
        keeper, given_up = self._keepers[person], self._tasks[person]
        if given_up.done() or given_up in self._letting_go:
            self._tasks[person] = self._start(keeper.keep())

    async def __aenter__(self) -> Self:
        """Seat everybody and begin to seek: the first packets flow while the last still connect."""
        for wearer in self._wearers:
            self._arrived.put_nowait(
                Seat(
                    at_us=self._clock.now_us(),
                    person=wearer.person,
                    wearable=wearer.wearable,
                    profile=wearer.profile,
                )
            )
        if not self._wearers:
            self._arrived.put_nowait(None)
        self._serving = [self._start(adapter.run()) for adapter in self._adapters]
        self._tasks = {person: self._start(keeper.keep()) for person, keeper in self._keepers.items()}
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Unsubscribe and disconnect every wearable, all at once; one that is already gone is no error."""
        for tasks in (self._started - {*self._serving}, {*self._serving}):  # who holds a turn leaves before the radio
            for task in tasks:
                if task not in self._letting_go:  # those shall do so to the end
                    task.cancel()
            if tasks:
                await asyncio.wait(tasks)
        self._arrived.put_nowait(None)
        self._raise_mistake()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Packet:
        packet = await self._arrived.get()
        if packet is None:
            self._arrived.put_nowait(None)  # the end stays the end
            self._raise_mistake()
            raise StopAsyncIteration
        return packet

    def _everybody(self) -> list[Known]:
        return [keeper.known for keeper in self._keepers.values()]

    def _start(self, main: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(main)
        self._started.add(task)
        task.add_done_callback(self._on_end)
        return task

    def _on_end(self, task: asyncio.Task[None]) -> None:
        """A mistake of ours (never a link's) ends the iteration with it, so that nobody records nothing for hours."""
        self._started.discard(task)
        self._letting_go.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._mistake = self._mistake or task.exception()
            self._arrived.put_nowait(None)

    def _raise_mistake(self) -> None:
        if self._mistake is not None:
            raise self._mistake
