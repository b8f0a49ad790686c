"""What goes wrong in a session on the virtual air, drawn by chance and played at its time.

Strategy: a fault is a record, so that a session's faults can be printed, kept and played again. `random_faults` divides
the time into as many parts as a wearable has faults and puts one into each, so that no wearable has two at once, while
those of different wearables overlap as they like. `play` only calls the methods of `VirtualAir`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from watchlink.clock import Clock
from watchlink.sources.virtual.air import VirtualAir
from watchlink.sources.virtual.peripheral import Battery
from watchlink.sources.virtual.wearable import VirtualWearable

_US_PER_S: Final = 1_000_000
_S_PER_H: Final = 3600.0
# Per wearable and hour; four to ten in two hours.
_LEAST_PER_H: Final = 2.0
_MOST_PER_H: Final = 5.0
_MOST_OF_AN_ADAPTER: Final = 2
# A fault and the quiet after it share a part of the time; a client is given some of it to recover.
_MOST_OF_A_PART: Final = 0.6


class FaultKind(StrEnum):
    """Each as the method of `VirtualAir` that begins it describes it."""

    STALL = "stall"
    """The link stays up, and nothing is sent."""
    SILENT = "silent"
    """The link is lost; then connecting and subscribing work, and nothing is sent."""
    WEDGE = "wedge"
    """Nothing is sent until connected anew."""
    LINK_LOSS = "link-loss"
    OUT_OF_RANGE = "out-of-range"
    HANG_UP = "hang-up"
    REFUSES = "refuses"
    """The link is lost; then connecting never completes."""
    MUTE = "mute"
    """The link is lost; then connecting works, and no question is answered."""
    HELD = "held"
    NEW_ADDRESS = "new-address"
    DUPLICATES = "duplicates"
    MALFORMED = "malformed"
    BATTERY_REFUSES = "battery-refuses"
    BATTERY_SLOW = "battery-slow"
    ADAPTER_OFF = "adapter-off"
    NO_SERVICE = "no-service"


ADAPTER_KINDS: Final = frozenset({FaultKind.ADAPTER_OFF, FaultKind.NO_SERVICE})
MOMENTARY_KINDS: Final = frozenset(
    {FaultKind.WEDGE, FaultKind.LINK_LOSS, FaultKind.HANG_UP, FaultKind.NEW_ADDRESS},
)

# How often in proportion, and how long: seconds to a few minutes.
_OF_WEARABLES: Final[Mapping[FaultKind, tuple[float, float, float]]] = {
    FaultKind.STALL: (3, 8, 90),
    FaultKind.SILENT: (1, 10, 120),
    FaultKind.WEDGE: (2, 0, 0),
    FaultKind.LINK_LOSS: (5, 0, 0),
    FaultKind.OUT_OF_RANGE: (5, 3, 180),
    FaultKind.HANG_UP: (2, 0, 0),
    FaultKind.REFUSES: (1, 10, 120),
    FaultKind.MUTE: (1, 10, 90),
    FaultKind.HELD: (1, 20, 180),
    FaultKind.NEW_ADDRESS: (1, 0, 0),
    FaultKind.DUPLICATES: (1, 10, 120),
    FaultKind.MALFORMED: (1, 10, 120),
    FaultKind.BATTERY_REFUSES: (1, 30, 240),
    FaultKind.BATTERY_SLOW: (1, 30, 240),
}
_OF_ADAPTERS: Final[Mapping[FaultKind, tuple[float, float, float]]] = {
    FaultKind.ADAPTER_OFF: (2, 5, 60),
    FaultKind.NO_SERVICE: (1, 3, 40),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One trouble, of a wearable or of an adapter.

    Attributes:
        at_us: when it begins, on the clock's axis.
        kind: what it is.
        serial: whose; None means an adapter.
        for_s: how long it lasts; 0 for those that are over in their instant.
        adapter: which one, if it is an adapter's.

    Raises:
        ValueError: the kind does not fit to the wearable, or to how long it lasts.
    """

    at_us: int
    kind: FaultKind
    serial: str | None
    for_s: float = 0.0
    adapter: int = 0

    def __post_init__(self) -> None:
        if (self.serial is None) is not (self.kind in ADAPTER_KINDS):
            raise ValueError(f"{self.kind} is a fault of {'an adapter' if self.serial else 'a wearable'}")
        if (self.until_us > self.at_us) is (self.kind in MOMENTARY_KINDS):
            raise ValueError(f"{self.kind} cannot last {self.for_s} s")

    @property
    def until_us(self) -> int:
        """When it is over."""
        return self.at_us + round(self.for_s * _US_PER_S)


def random_faults(
    chance: random.Random,
    serials: Sequence[str],
    until_us: int,
    *,
    from_us: int = 60 * _US_PER_S,
    adapters: int = 1,
) -> tuple[Fault, ...]:
    """Draw a session's faults.

    Args:
        chance: the same chance gives the same faults.
        serials: the wearables.
        until_us: every fault is over by then.
        from_us: none begins before; gives a session time to begin.
        adapters: how many there are; each has 0 to 2 faults.

    Returns:
        In order of time.
    """
    span_s = max(0.0, (until_us - from_us) / _US_PER_S)
    faults: list[Fault] = []
    for serial in serials:
        count = round(chance.uniform(_LEAST_PER_H, _MOST_PER_H) * span_s / _S_PER_H)
        faults += _drawn(chance, _OF_WEARABLES, count, from_us, span_s, serial=serial)
    for adapter in range(adapters):
        count = chance.randint(0, _MOST_OF_AN_ADAPTER) if span_s else 0
        faults += _drawn(chance, _OF_ADAPTERS, count, from_us, span_s, adapter=adapter)
    return tuple(sorted(faults, key=lambda fault: fault.at_us))


async def play(faults: Iterable[Fault], air: VirtualAir, clock: Clock) -> None:
    """Begin and end faults at their times; when cancelled, end what lasts."""
    steps = [(fault.at_us, 1, number, fault) for number, fault in enumerate(faults)]
    # What ends in the same instant ends first, so that the next one of the same kind is not ended with it.
    steps += [(fault.until_us, 0, number, fault) for _, _, number, fault in steps if fault.kind not in MOMENTARY_KINDS]
    lasting: dict[int, Fault] = {}
    try:
        for at_us, begins, number, fault in sorted(steps, key=lambda step: step[:3]):
            await clock.sleep_until_us(at_us)
            if begins:
                if fault.kind not in MOMENTARY_KINDS:
                    lasting[number] = fault
                _begin(fault, air)
            else:
                _end(lasting.pop(number), air)
    finally:
        for fault in lasting.values():
            _end(fault, air)


def namesakes(wearables: Iterable[VirtualWearable], serials: Collection[str]) -> list[VirtualWearable]:
    """The wearables, those with these serial numbers all under the name of the first of them."""
    named = list(wearables)
    name = next((one.name for one in named if one.serial in serials), "")
    return [replace(one, name=name) if one.serial in serials else one for one in named]


def _drawn(
    chance: random.Random,
    kinds: Mapping[FaultKind, tuple[float, float, float]],
    count: int,
    from_us: int,
    span_s: float,
    *,
    serial: str | None = None,
    adapter: int = 0,
) -> list[Fault]:
    faults: list[Fault] = []
    for part in range(count):
        part_s = span_s / count
        kind = chance.choices(list(kinds), [often for often, _, _ in kinds.values()])[0]
        _, shortest_s, longest_s = kinds[kind]
        for_s = 0.0
        if kind not in MOMENTARY_KINDS:  # more short ones than long ones
            for_s = min(shortest_s * (longest_s / shortest_s) ** chance.random(), part_s * _MOST_OF_A_PART)
        begin_s = part * part_s + chance.uniform(0, part_s * (1 - _MOST_OF_A_PART))
        at_us = from_us + round(begin_s * _US_PER_S)
        faults.append(Fault(at_us=at_us, kind=kind, serial=serial, for_s=round(for_s, 3), adapter=adapter))
    return faults


def _begin(fault: Fault, air: VirtualAir) -> None:
    if fault.serial is None:
        begin = air.switch_adapter_off if fault.kind is FaultKind.ADAPTER_OFF else air.kill_service
        begin(fault.adapter)
        return
    if fault.kind in (FaultKind.SILENT, FaultKind.REFUSES, FaultKind.MUTE):
        air.drop(fault.serial)
    _BEGINNINGS[fault.kind](air, fault.serial)


def _end(fault: Fault, air: VirtualAir) -> None:
    if fault.serial is None:
        air.switch_adapter_on(fault.adapter)
    else:
        _ENDS[fault.kind](air, fault.serial)


_BEGINNINGS: Final[Mapping[FaultKind, Callable[[VirtualAir, str], None]]] = {
    FaultKind.STALL: VirtualAir.stall,
    FaultKind.SILENT: VirtualAir.stall,
    FaultKind.WEDGE: VirtualAir.wedge,
    FaultKind.LINK_LOSS: VirtualAir.drop,
    FaultKind.OUT_OF_RANGE: VirtualAir.leave_range,
    FaultKind.HANG_UP: VirtualAir.hang_up,
    FaultKind.REFUSES: VirtualAir.refuse,
    FaultKind.MUTE: VirtualAir.mute,
    FaultKind.HELD: VirtualAir.hold,
    FaultKind.NEW_ADDRESS: VirtualAir.change_address,
    FaultKind.DUPLICATES: VirtualAir.duplicate,
    FaultKind.MALFORMED: VirtualAir.garble,
    FaultKind.BATTERY_REFUSES: lambda air, serial: air.set_battery_answer(serial, Battery.REFUSES),
    FaultKind.BATTERY_SLOW: lambda air, serial: air.set_battery_answer(serial, Battery.SLOW),
}
_ENDS: Final[Mapping[FaultKind, Callable[[VirtualAir, str], None]]] = {
    FaultKind.STALL: VirtualAir.resume,
    FaultKind.SILENT: VirtualAir.resume,
    FaultKind.OUT_OF_RANGE: VirtualAir.come_back,
    FaultKind.REFUSES: VirtualAir.accept,
    FaultKind.MUTE: VirtualAir.unmute,
    FaultKind.HELD: VirtualAir.release,
    FaultKind.DUPLICATES: VirtualAir.stop_duplicating,
    FaultKind.MALFORMED: VirtualAir.stop_garbling,
    FaultKind.BATTERY_REFUSES: lambda air, serial: air.set_battery_answer(serial, Battery.ANSWERS),
    FaultKind.BATTERY_SLOW: lambda air, serial: air.set_battery_answer(serial, Battery.ANSWERS),
}
