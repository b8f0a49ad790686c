"""What each person lets others see, and the gate through which everything goes that is told to others.

Strategy: what was agreed to is in the log like everything else, so live, replay and export pass the same gate. A log in
which nobody was asked (a capture, one's own recording) is its owner's and passes whole; as soon as it states what one
person shares, nothing is told of anybody who did not say yes. A withdrawal holds for what came before it, too, wherever
the whole log is known. Of a person who shares nothing, only that reports arrive and how good the signal is, is told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, TypeAlias

from watchlink.packets import (
    AttributeRead,
    Discarded,
    LinkChange,
    Notification,
    Packet,
    Purpose,
    Seat,
    SelfReport,
    Sharing,
)
from watchlink.readings import (
    BeatReading,
    Heard,
    HeartRateReading,
    HrvAbsent,
    HrvReading,
    Measured,
    Reading,
    RecoveryReading,
    SignalReading,
    SpikeEnded,
    SpikeStarted,
)

Shared: TypeAlias = Mapping[str, frozenset[Purpose]]
"""What each person shares, by pseudonym."""

NOTHING: Final[frozenset[Purpose]] = frozenset()

WORDS: Final[Mapping[Purpose, str]] = MappingProxyType(
    {
        Purpose.HEART_RATE: "The facilitator sees my heart rate during the session, against my own usual.",
        Purpose.RISES: "The facilitator sees when my heart rate rose well above my usual: from where, how far, and how "
        "it settled.",
        Purpose.HRV: "The facilitator sees my heart rate variability while the room is silent; my mean heart rate of "
        "that time can be read from it.",
        Purpose.RAW: "Every report of my wearable may be shown and exported as it was sent.",
    }
)
"""What a person says yes to, purpose by purpose."""

ALWAYS: Final = (
    "Whatever I choose, the facilitator sees whether my wearable is connected and how good its signal is. I may change "
    "my mind at any time, without a reason: it takes effect at once."
)

_VERSION: Final = 2


def wording() -> str:
    """Which words people agree to at present: version and digest."""
    text = "\n".join((*(f"{purpose}: {words}" for purpose, words in WORDS.items()), ALWAYS))
    return f"{_VERSION}:{hashlib.sha256(text.encode()).hexdigest()[:16]}"


class Gate:
    """What may be told of whom at present; a fold over what the log states."""

    def __init__(self, *, at_the_end: Shared | None = None, own: str | None = None) -> None:
        """An open gate.

        Args:
            at_the_end: what everybody shares at the end of the log, where that is known: no more is told.
            own: told to this person alone: all that is theirs passes.
        """
        self._at_the_end = at_the_end or {}
        self._own = own
        self._shared: dict[str, frozenset[Purpose]] | None = {} if at_the_end else None
        self._person_of: dict[str, str] = {}

    def enter(self, packet: Packet) -> None:
        """Take what the log states: who wears what, and what is shared from now on."""
        match packet:
            case Sharing():
                if self._shared is None:
                    self._shared = {}
                self._shared[packet.person] = packet.purposes & self._at_the_end.get(packet.person, packet.purposes)
            case Seat():  # who takes another wearable has taken off the one before
                worn = {wearable: who for wearable, who in self._person_of.items() if who != packet.person}
                self._person_of = worn | {packet.wearable: packet.person}
            case _:
                pass

    @property
    def own(self) -> str | None:
        """Whom it is told to, if to one person alone."""
        return self._own

    @property
    def asked(self) -> bool:
        """Whether anybody was asked in this log."""
        return self._shared is not None

    def shares(self, person: str, purpose: Purpose) -> bool:
        """Whether this may be told of this person."""
        return self._shared is None or person == self._own or purpose in self._shared.get(person, NOTHING)

    def lets(self, packet: Packet) -> bool:
        """Whether a packet may be told as it is."""
        match packet:
            case Notification() | Discarded():
                return self.shares(self._wearer(packet.wearable), Purpose.RAW)
            case SelfReport():
                return not self.asked or packet.person == self._own
            case _:
                return True

    def is_of_another(self, report: Notification | Discarded | AttributeRead | LinkChange) -> bool:
        """Whether this is told to one person alone, and comes from a wearable of somebody else."""
        return self._own is not None and self._wearer(report.wearable).casefold() != self._own.casefold()

    def _wearer(self, wearable: str) -> str:
        """Who wears it; what nobody was seated with goes by its own name."""
        return self._person_of.get(wearable, wearable)

    def told(self, readings: Iterable[Reading]) -> tuple[Reading, ...]:
        """What may be told of these readings."""
        if self._shared is None:
            return tuple(readings)
        return tuple(told for reading in readings if (told := self._told(reading)) is not None)

    def _told(self, reading: Reading) -> Reading | None:
        match reading:
            case Measured() if not self.shares(reading.person, Purpose.RAW):
                return Heard(person=reading.person, at_us=reading.at_us)
            case HeartRateReading() if not self.shares(reading.person, Purpose.HEART_RATE):
                return SignalReading(person=reading.person, at_s=reading.at_s, clean=reading.clean)
            case BeatReading() if not self.shares(reading.person, Purpose.RAW):
                return None
            case SpikeStarted() | SpikeEnded() | RecoveryReading() if not self.shares(reading.person, Purpose.RISES):
                return None
            case SpikeEnded() if not self.shares(reading.person, Purpose.HRV):
                return replace(reading, rmssd_change_pct=None)
            case HrvReading() | HrvAbsent() if not self.shares(reading.person, Purpose.HRV):
                return None
            case _:
                return reading


def at_the_end(packets: Iterable[Packet]) -> dict[str, frozenset[Purpose]]:
    """What everybody shares at the end of a log; empty where nobody was asked."""
    return {packet.person: packet.purposes for packet in packets if isinstance(packet, Sharing)}


def permitted(packets: Iterable[Packet], gate: Gate) -> Iterator[Packet]:
    """The part of a log that may be given away; to one person alone: without the reports of anybody else."""
    for packet in packets:
        gate.enter(packet)
        if gate.lets(packet) and not (isinstance(packet, Notification | Discarded) and gate.is_of_another(packet)):
            yield packet


def agreed(shared: frozenset[Purpose]) -> str:
    """What is shared, in words."""
    return ", ".join(purpose for purpose in Purpose if purpose in shared) or "nothing"
