"""A session's timeline as one JSON document: spikes, events, associations, each number with its unit and uncertainty.

`session.schema.json` beside this file describes it.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from dsp import Interval
from watchlink.alignment import Association, Coincidence, Followed, Response, concerns
from watchlink.packets import SessionEvent
from watchlink.timeline import PersonCounts, TimedSpike, Timeline

VERSION: Final = 1


def session_record(timeline: Timeline, *, started_at: datetime, person: str | None = None) -> dict[str, Any]:
    """The document.

    Args:
        timeline: of the session.
        started_at: the UTC of its zero.
        person: whose part; None for the whole room.
    """
    who = [name for name in timeline.people if person in (None, name)]
    return {
        "watchlink_session": VERSION,
        "started_at": started_at.isoformat(),
        "duration_s": timeline.duration_s,
        "people": [_person(timeline, name, timeline.people[name]) for name in who],
        "events": [_event(event) for event in timeline.events if person is None or concerns(event, person)],
        "spikes": [_spike(timed) for timed in timeline.spikes if timed.person in who],
        "responses": [_response(one) for one in timeline.responses if one.person in who],
        "followed": [_followed(one) for one in timeline.followed] if person is None else [],
        "coincidences": [_coincidence(one) for one in timeline.coincidences if person is None or person in one.people],
        "remarks": list(timeline.remarks),
    }


def _person(timeline: Timeline, name: str, counts: PersonCounts) -> dict[str, Any]:
    return {
        "person": name,
        **asdict(counts),
        "roles": [
            {"since_s": spell.since_s, "until_s": spell.until_s, "role": spell.role} for spell in timeline.roles[name]
        ],
    }


def _event(event: SessionEvent) -> dict[str, Any]:
    return {
        "entered_s": event.at_us / 1e6,
        "happened_s": event.happened_us / 1e6,
        "kind": event.kind,
        "label": event.label,
        "person": event.person,
        "note": event.note,
        "meaning": event.meaning,
    }


def _spike(timed: TimedSpike) -> dict[str, Any]:
    recovery = timed.recovery
    return {
        "person": timed.person,
        **asdict(timed.spike),
        "settled_after_s": timed.spike.settled_after_s,
        "rmssd_change_pct": timed.rmssd_change_pct,
        "role": timed.role,
        "block": timed.block,
        "explained_by": None if timed.explained_by is None else _event(timed.explained_by),
        "recovery": None
        if recovery is None
        else {
            "verdict": recovery.verdict,
            "reason": recovery.reason,
            "began_s": recovery.began_s,
            "until_s": recovery.until_s,
            "half_time_s": recovery.half_time_s,
            "half_time_interval_95_pct_s": _interval(recovery.half_time_interval_s),
            "amount_bpm": recovery.amount_bpm,
            "level_bpm": recovery.level_bpm,
        },
        "associations": [_association(one) for one in timed.associations],
    }


def _association(one: Association) -> dict[str, Any]:
    return {"event": _event(one.event), "lag_s": one.lag_s, "by_luck": one.by_luck}


def _response(one: Response) -> dict[str, Any]:
    return {
        "person": one.person,
        "label": one.label,
        "events": one.change.events,
        "change_bpm": one.change.change_bpm,
        "interval_95_pct_bpm": _interval(one.change.interval_bpm),
        "by_luck": one.change.by_luck,
    }


def _followed(one: Followed) -> dict[str, Any]:
    return {
        "label": one.label,
        "events": one.events,
        "followed": one.followed,
        "expected": one.expected,
        "by_luck": one.by_luck,
    }


def _coincidence(one: Coincidence) -> dict[str, Any]:
    return {
        "at_s": one.at_s,
        "people": list(one.people),
        "of": one.of,
        "by_luck_per_session": one.by_luck,
        "event": None if one.event is None else _event(one.event),
        "lag_s": one.lag_s,
    }


def _interval(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]
