"""CSV: the beats, the heart rate of each second, and the events, each a table with a header.

Strategy: the pair of intervals and events that HRV loggers on phones write, with what we know beside it. The column
`rr_ms` without its empty cells is the series as sent, the column `nn_ms` without them the series after cleaning.

The events file is read by `watchlink.session.parse_events`, and so by every command with `--events`. Its `at_s` is when
a thing happened; it was entered `ago_s` later.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from watchlink.exports.cells import seconds, table, typed, utc_text
from watchlink.exports.part import Part

BEAT_COLUMNS: Final = ("time_s", "utc", "rr_ms", "nn_ms", "label", "corrected", "gap_before", "at_within_s")
HEART_RATE_COLUMNS: Final = ("at_s", "utc", "heart_rate_bpm", "usual_bpm", "clean")
EVENT_COLUMNS: Final = ("at_s", "utc", "kind", "label", "person", "note", "ago_s")
_US_PER_S: Final = 1_000_000


def write(part: Part, folder: Path, *, stem: str) -> None:
    """Write `<stem>_rr.csv`, `<stem>_heart_rate.csv` and `<stem>_events.csv` into a folder."""
    beats = table(
        BEAT_COLUMNS,
        (
            (
                seconds(beat.at_s),
                utc_text(part, beat.at_s),
                beat.rr_ms,
                beat.nn_ms,
                beat.label,
                beat.corrected,
                beat.gap_before or (beat.nn_ms is None and beat.sent_after_gap),
                beat.at_within_s,
            )
            for beat in part.beats
        ),
    )
    rates = table(
        HEART_RATE_COLUMNS,
        (
            (seconds(one.at_s), utc_text(part, one.at_s), one.heart_rate_bpm, one.usual_bpm, one.clean)
            for one in part.heart_rate
        ),
    )
    events = table(
        EVENT_COLUMNS,
        (
            (
                seconds(event.happened_us / _US_PER_S),
                utc_text(part, event.happened_us / _US_PER_S),
                event.kind,
                typed(event.label),
                typed(event.person or ""),
                typed(event.note),
                event.ago_us / _US_PER_S,
            )
            for event in part.events
        ),
    )
    for name, text in (("rr", beats), ("heart_rate", rates), ("events", events)):
        (folder / f"{stem}_{name}.csv").write_text(text, "utf-8")
