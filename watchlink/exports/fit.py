"""FIT: an activity as a sports watch records one, with the intervals in `hrv` messages, for training software.

Strategy: a record for each second in which there was a heart rate or a beat, and behind it the intervals that ended in
that second, five to a message. FIT has no times for intervals: a reader takes that of the record before them, which is
also how it can tell where beats are missing. A recording without a date has times below 2^28, which FIT calls relative.

References:
    Garmin FIT protocol and profile: messages `record` (20) and `hrv` (78: intervals in s, 65.535 is none).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from math import ceil, floor
from pathlib import Path
from typing import Any, Final

from watchlink.exports.libraries import library
from watchlink.exports.part import Part

_A_MESSAGE: Final = 5
_NONE_S: Final = 65.535
_LONGEST_MS: Final = 65_000.0
_MS_PER_S: Final = 1000
_FIT_EPOCH: Final = datetime(1989, 12, 31, tzinfo=UTC)
# Each sort of message that alternates with others keeps its definition under a number of its own.
_RATE, _NO_RATE, _HRV, _ELSE = range(4)


def write(part: Part, folder: Path, *, stem: str) -> None:
    """Write `<stem>.fit` into a folder.

    Raises:
        ExportError: the library is missing.
    """
    builder: Any = _module("fit_file_builder").FitFileBuilder()
    rates = {floor(one.at_s): round(one.heart_rate_bpm) for one in part.heart_rate}
    intervals: defaultdict[int, list[float]] = defaultdict(list)
    for beat in part.intervals_as_sent:
        if beat.rr_ms is not None and beat.rr_ms <= _LONGEST_MS:
            intervals[floor(beat.at_s)].append(beat.rr_ms / _MS_PER_S)

    seconds = sorted({*rates, *intervals})
    first_s = min((0, *seconds))
    # FIT knows whole seconds, and none before its epoch.
    zero_s = floor(part.started_at.timestamp()) if part.dated else floor(_FIT_EPOCH.timestamp()) - first_s
    begin_ms = (zero_s + first_s) * _MS_PER_S
    end_ms = (zero_s + max(1, ceil(part.duration_s))) * _MS_PER_S
    builder.add(_file_id(begin_ms))
    builder.add(_timer(begin_ms, "START"))
    for second in seconds:
        record = _message("record", "Record", local_id=_RATE if second in rates else _NO_RATE)
        record.timestamp = (zero_s + second) * _MS_PER_S
        if second in rates:
            record.heart_rate = rates[second]
        builder.add(record)
        ended_s = intervals.get(second, [])
        for first in range(0, len(ended_s), _A_MESSAGE):
            hrv = _message("hrv", "Hrv", local_id=_HRV)
            held_s = ended_s[first : first + _A_MESSAGE]
            hrv.time = held_s + [_NONE_S] * (_A_MESSAGE - len(held_s))
            builder.add(hrv)
    builder.add(_timer(end_ms, "STOP_ALL"))
    builder.add(_span("lap", "Lap", begin_ms, end_ms, rates))
    session = _span("session", "Session", begin_ms, end_ms, rates)
    session.first_lap_index = 0
    session.num_laps = 1
    builder.add(session)
    builder.add(_activity(begin_ms, end_ms))
    (folder / f"{stem}.fit").write_bytes(builder.build_bytes())


def _module(name: str) -> Any:
    return library(f"fit_tool.{name}", extra="fit", what="FIT")


def _message(module: str, name: str, *, local_id: int = _ELSE) -> Any:
    return getattr(_module(f"profile.messages.{module}_message"), f"{name}Message")(local_id=local_id)


def _type(name: str, value: str) -> Any:
    return getattr(getattr(_module("profile.profile_type"), name), value)


def _file_id(at_ms: int) -> Any:
    message = _message("file_id", "FileId")
    message.type = _type("FileType", "ACTIVITY")
    message.manufacturer = _type("Manufacturer", "DEVELOPMENT").value
    message.product = 0
    message.serial_number = 1
    message.time_created = at_ms
    return message


def _timer(at_ms: int, what: str) -> Any:
    message = _message("event", "Event")
    message.timestamp = at_ms
    message.event = _type("Event", "TIMER")
    message.event_type = _type("EventType", what)
    return message


def _span(module: str, name: str, begin_ms: int, end_ms: int, rates: dict[int, int]) -> Any:
    """A lap or session over everything."""
    message = _message(module, name)
    message.timestamp = end_ms
    message.start_time = begin_ms
    message.total_elapsed_time = message.total_timer_time = (end_ms - begin_ms) / _MS_PER_S
    message.sport = _type("Sport", "GENERIC")
    message.event = _type("Event", "LAP" if module == "lap" else "SESSION")
    message.event_type = _type("EventType", "STOP")
    if rates:
        message.avg_heart_rate = round(sum(rates.values()) / len(rates))
        message.max_heart_rate = max(rates.values())
    return message


def _activity(begin_ms: int, end_ms: int) -> Any:
    message = _message("activity", "Activity")
    message.timestamp = end_ms
    message.total_timer_time = (end_ms - begin_ms) / _MS_PER_S
    message.num_sessions = 1
    message.type = _type("Activity", "MANUAL")
    message.event = _type("Event", "ACTIVITY")
    message.event_type = _type("EventType", "STOP")
    return message
