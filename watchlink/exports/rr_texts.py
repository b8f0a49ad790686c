"""Texts of RR intervals for Kubios HRV and Elite HRV: one interval a line, and what such a text cannot say beside it.

Strategy: the intervals as sent, for those tools clean by themselves. A text like this has no times, so a gap closes up
in it and its own clock (the sum of the intervals) runs ahead of the session's. The sidecar for Kubios says for every
mark and every gap where it is on both clocks. Nothing but numbers stands in the text itself: not every version of these
tools reads past a comment.

References:
    Kubios HRV, user's guide, "Custom ASCII" and RR text files. Elite HRV's export: whole ms, the start in the name.
"""

from __future__ import annotations

from bisect import bisect_left
from pathlib import Path
from typing import Final

from watchlink.errors import ExportError
from watchlink.exports.as_sent import BeatRow
from watchlink.exports.cells import Cell, event_words, seconds, table, utc_text
from watchlink.exports.part import Part
from watchlink.files import safe_name

MARK_COLUMNS: Final = ("in_file_s", "at_s", "utc", "kind", "text")
_US_PER_S: Final = 1_000_000


def write_kubios(part: Part, folder: Path, *, stem: str) -> None:
    """Write `<stem>.txt`, RR in ms, and `<stem>_marks.txt`, a table separated by tabs: marks and gaps.

    Raises:
        ExportError: the wearable sent no intervals that can be used.
    """
    beats = _intervals(part)
    (folder / f"{stem}.txt").write_text("".join(f"{beat.rr_ms:.3f}\n" for beat in beats), "ascii")
    (folder / f"{stem}_marks.txt").write_text(_marks(part, beats), "utf-8")


def write_elite(part: Part, folder: Path, *, stem: str) -> None:
    """Write one text of whole ms, called after the start of the recording whatever `stem` says.

    Raises:
        ExportError: the wearable sent no intervals that can be used.
    """
    del stem
    lines = "".join(f"{round(beat.rr_ms or 0)}\n" for beat in _intervals(part))
    (folder / f"{part.started_at:%Y-%m-%d %H-%M-%S} {safe_name(part.person)}.txt").write_text(lines, "ascii")


def _intervals(part: Part) -> tuple[BeatRow, ...]:
    beats = part.intervals_as_sent
    if not beats:
        raise ExportError(
            f"The wearable of {part.person} sent no usable intervals between beats, and this format holds nothing "
            "else. Their heart rate is in the formats csv, edf, bids, fit and parquet."
        )
    return beats


def _marks(part: Part, beats: tuple[BeatRow, ...]) -> str:
    ends_s: list[float] = []
    for beat in beats:
        ends_s.append((ends_s[-1] if ends_s else 0.0) + (beat.rr_ms or 0.0) / 1000)
    times_s = [beat.at_s for beat in beats]

    def in_file(at_s: float) -> float:
        """A time on the session's axis on that of the text: within an interval exact, in a gap at its place."""
        at = min(bisect_left(times_s, at_s), len(beats) - 1)
        return min(max(ends_s[at] - (times_s[at] - at_s), ends_s[at - 1] if at else 0.0), ends_s[at])

    rows: list[tuple[float, tuple[Cell, ...]]] = []
    for event in part.events:
        at_s = event.happened_us / _US_PER_S
        rows.append(
            (at_s, (seconds(in_file(at_s)), seconds(at_s), utc_text(part, at_s), event.kind, event_words(event)))
        )
    for end_s, beat in zip(ends_s, beats, strict=True):
        if beat.sent_after_gap:
            length_s = (beat.rr_ms or 0.0) / 1000
            at_s = beat.at_s - length_s
            missing = "beats are missing before this" if beat.gap_s is None else f"{beat.gap_s:.1f} s are missing"
            cells = (seconds(end_s - length_s), seconds(at_s), utc_text(part, at_s), "gap", missing)
            rows.append((at_s, cells))
    return table(MARK_COLUMNS, [cells for _, cells in sorted(rows, key=lambda row: row[0])], tab=True)
