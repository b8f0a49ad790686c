"""The two trials: listening for wearables, and connecting all of them at once as a session does.

Strategy: how many connections an adapter bears is written nowhere, so it is tried, through the very source that a
session uses. `LinkWatch` is a pure fold over what that source says; it ends the trial as soon as everybody streams.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from firmware_profiles.profiles import profile_for_name
from watchlink.clock import Clock
from watchlink.doctor.facts import Connecting, HeardWearable, Listening, Missed, Trouble
from watchlink.doctor.gathering import trouble_of
from watchlink.errors import LinkError
from watchlink.packets import LinkChange, LinkState, Packet
from watchlink.sources.ble import BleSource, Found, Radio, Wearer, scan

_BEFORE_ANY_REASON = {
    LinkState.SEEKING: "not heard again",
    LinkState.CONNECTING: "did not answer in time",
    LinkState.SUBSCRIBING: "did not answer in time",
    LinkState.SUBSCRIBED: "connected, but sent nothing",
}


class LinkWatch:
    """Sees the packets of a trial; knows who streams now and how many did at once at most."""

    def __init__(self, names: Sequence[str]) -> None:
        """`names` of the wearables w1, w2, ... in order."""
        self._names = {f"w{number}": name for number, name in enumerate(names, 1)}
        self._states: dict[str, LinkState] = {}
        self._reasons: dict[str, str] = {}
        self._best: frozenset[str] = frozenset()

    @property
    def all_stream(self) -> bool:
        """Whether everybody streams now."""
        return all(self._states.get(key) is LinkState.STREAMING for key in self._names)

    @property
    def streaming(self) -> int:
        """How many streamed at the same time, at most."""
        return len(self._best)

    def push(self, packet: Packet) -> None:
        """Take one packet."""
        if not isinstance(packet, LinkChange):
            return
        self._states[packet.wearable] = packet.state
        if packet.state in (LinkState.LOST, LinkState.STALLED):
            self._reasons[packet.wearable] = packet.reason
        now = frozenset(key for key, state in self._states.items() if state is LinkState.STREAMING)
        if len(now) > len(self._best):
            self._best = now

    def missed(self) -> tuple[Missed, ...]:
        """Who was not among the most, and why."""
        return tuple(
            Missed(name=name, reason=self._reasons.get(key) or self._state_in_words(key))
            for key, name in self._names.items()
            if key not in self._best
        )

    def _state_in_words(self, key: str) -> str:
        state = self._states.get(key, LinkState.SEEKING)
        return _BEFORE_ANY_REASON.get(state, "did not stream at the same time as the others")


async def listen(radios: Sequence[Radio], *, clock: Clock, seconds: float) -> tuple[Listening, list[Found]]:
    """Listen on every adapter at once; return what came of it, and what a trial of connecting needs."""
    tried = await asyncio.gather(*(_listen_on(radio, clock=clock, seconds=seconds) for radio in radios))
    troubles = tuple(
        (radio.adapter or "", one) for radio, one in zip(radios, tried, strict=True) if isinstance(one, Trouble)
    )
    loudest: dict[str, Found] = {}
    for one in tried:
        for found in [] if isinstance(one, Trouble) else one:
            before = loudest.get(found.device.address)
            if before is None or before.rssi_dbm < found.rssi_dbm:
                loudest[found.device.address] = found
    heard = sorted(loudest.values(), key=lambda found: (found.name, found.device.address))
    wearables = tuple(HeardWearable(name=found.name, rssi_dbm=found.rssi_dbm) for found in heard)
    worked = len(radios) - len(troubles)
    return Listening(seconds=seconds, worked=worked, troubles=troubles, wearables=wearables), heard


async def connect(found: Sequence[Found], *, radios: Sequence[Radio], clock: Clock, limit_s: float) -> Connecting:
    """Connect all wearables at once until all stream or time is over, then disconnect them."""
    wearers = [
        Wearer.of(one, person=f"Person {number}", wearable=f"w{number}", profile=profile_for_name(one.name).id)
        for number, one in enumerate(found, 1)
    ]
    watch = LinkWatch([one.name for one in found])
    async with BleSource(wearers, clock=clock, radios=radios) as source:
        try:
            async with asyncio.timeout(limit_s):
                async for packet in source:
                    watch.push(packet)
                    if watch.all_stream:
                        break
        except TimeoutError:
            pass
    return Connecting(
        tried=len(found),
        streaming=watch.streaming,
        adapters=len(radios),
        limit_s=limit_s,
        missed=watch.missed(),
    )


async def _listen_on(radio: Radio, *, clock: Clock, seconds: float) -> list[Found] | Trouble:
    try:
        return await scan(clock=clock, seconds=seconds, radio=radio)
    except LinkError as error:
        return trouble_of(error)
