"""Which session event may belong to which spike: a hypothesis with a lag and with its odds against luck.

Strategy: a spike is an observation, an event is an observation; tying them together is a guess. An event is a candidate
when the spike's onset falls from 2 s before to 30 s after its mark (people mark late, hearts answer within seconds).
How sure the guess is follows from how busy the session was for that person: where something is marked every ten
seconds, everything is near something.

References:
    E. Parzen, "Stochastic Processes", 1962, ch. 4: with events at random at a constant rate, the chance of none within
    a span is exp(-rate * span).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp
from typing import Final

from watchlink.packets import EventKind, SessionEvent

_EARLIEST_S: Final = -2.0
_LATEST_S: Final = 30.0
_US_PER_S: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """One event that may belong to a spike.

    Attributes:
        event: the event.
        lag_s: onset of the spike minus time of the event, -2..30 s.
        by_luck: chance that some event concerning this person would be at least as near to an onset that has nothing
            to do with any, 0..1.
    """

    event: SessionEvent
    lag_s: float
    by_luck: float


def concerns(event: SessionEvent, person: str) -> bool:
    """Whether an event happened to this person: marked on them or on everybody, or they began to speak."""
    if event.kind is EventKind.ROLE:
        return event.person == person
    return event.person is None or event.person == person


def associate(
    *, onset_s: float, person: str, events: Iterable[SessionEvent], duration_s: float
) -> tuple[Association, ...]:
    """The events that may belong to a spike with this onset, the nearest first; empty where none fits.

    Args:
        onset_s: the spike's onset on the session's axis.
        person: whose spike it is.
        events: all events of the session.
        duration_s: how long the session has been, above 0.
    """
    own = [event for event in events if concerns(event, person)]
    rate_per_s = len(own) / duration_s
    found: list[Association] = []
    for event in own:
        lag_s = onset_s - event.happened_us / _US_PER_S
        if _EARLIEST_S <= lag_s <= _LATEST_S:
            as_near_s = min(abs(lag_s), -_EARLIEST_S) + min(abs(lag_s), _LATEST_S)
            by_luck = 1 - exp(-rate_per_s * as_near_s)
            found.append(Association(event=event, lag_s=lag_s, by_luck=by_luck))
    return tuple(sorted(found, key=lambda association: (association.by_luck, association.event.happened_us)))
