"""Parquet: three tables with types, for pooled analysis with pandas, DuckDB, R or Arrow.

Strategy: the columns are those of the CSV files. Every column says its unit, and every file whose it is, when it began
and what wrote it, in the metadata, so that a file alone is enough to understand it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from watchlink import __version__
from watchlink.exports.libraries import library
from watchlink.exports.part import Part

_US_PER_S: Final = 1_000_000
_NUMBERS: Final = frozenset({"value", "low", "high", "week", "at_s", "people", "slope", "p", "smallest"})
_UNITS: Final = {"s": "s", "ms": "ms", "bpm": "beats/min"}


def write(part: Part, folder: Path, *, stem: str) -> None:
    """Write `<stem>_beats.parquet`, `<stem>_heart_rate.parquet` and `<stem>_events.parquet` into a folder.

    Raises:
        ExportError: the library is missing.
    """
    arrow = library("pyarrow", extra="parquet", what="Parquet")
    number, truth, text = arrow.float64(), arrow.bool_(), arrow.string()
    moment = arrow.timestamp("us", tz="UTC")
    beats = (
        ("time_s", number, [beat.at_s for beat in part.beats]),
        ("utc", moment, [_utc(part, beat.at_s) for beat in part.beats]),
        ("rr_ms", number, [beat.rr_ms for beat in part.beats]),
        ("nn_ms", number, [beat.nn_ms for beat in part.beats]),
        ("label", text, [beat.label for beat in part.beats]),
        ("corrected", truth, [beat.corrected for beat in part.beats]),
        (
            "gap_before",
            truth,
            [beat.gap_before or (beat.nn_ms is None and beat.sent_after_gap) for beat in part.beats],
        ),
        ("at_within_s", number, [beat.at_within_s for beat in part.beats]),
    )
    rates = (
        ("at_s", number, [one.at_s for one in part.heart_rate]),
        ("utc", moment, [_utc(part, one.at_s) for one in part.heart_rate]),
        ("heart_rate_bpm", number, [one.heart_rate_bpm for one in part.heart_rate]),
        ("usual_bpm", number, [one.usual_bpm for one in part.heart_rate]),
        ("clean", truth, [one.clean for one in part.heart_rate]),
    )
    events = (
        ("at_s", number, [event.happened_us / _US_PER_S for event in part.events]),
        ("utc", moment, [_utc(part, event.happened_us / _US_PER_S) for event in part.events]),
        ("kind", text, [event.kind for event in part.events]),
        ("label", text, [event.label for event in part.events]),
        ("person", text, [event.person for event in part.events]),
        ("note", text, [event.note for event in part.events]),
        ("ago_s", number, [event.ago_us / _US_PER_S for event in part.events]),
    )
    about = {
        "person": part.person,
        "started_at": part.started_at.isoformat() if part.dated else "",
        "grade": part.grade or "",
        "profile": part.profile,
        "watchlink_version": __version__,
    }
    for name, columns in (("beats", beats), ("heart_rate", rates), ("events", events)):
        _write_table(arrow, folder / f"{stem}_{name}.parquet", columns, about)


def rows_as_parquet(rows: Sequence[Sequence[object]]) -> bytes:
    """Rows of a report, the first of them their headings, as a Parquet file; what `_NUMBERS` names is a number.

    Every file of one sort of report has the same columns of the same types, so that many can be queried as one table.

    Raises:
        ExportError: the library is missing.
    """
    arrow = library("pyarrow", extra="parquet", what="Parquet")
    headings, *others = rows
    columns = {
        str(name): arrow.array(
            [None if row[at] is None else float(str(row[at])) if name in _NUMBERS else str(row[at]) for row in others],
            type=arrow.float64() if name in _NUMBERS else arrow.string(),
        )
        for at, name in enumerate(headings)
    }
    stream = arrow.BufferOutputStream()
    library("pyarrow.parquet", extra="parquet", what="Parquet").write_table(arrow.table(columns), stream)
    content: bytes = stream.getvalue().to_pybytes()
    return content


def _write_table(
    arrow: Any, file: Path, columns: Sequence[tuple[str, Any, Sequence[object]]], about: Mapping[str, str]
) -> None:
    schema = arrow.schema(
        [arrow.field(name, kind, metadata=_unit_of(name)) for name, kind, _ in columns], metadata=dict(about)
    )
    table = arrow.Table.from_arrays([arrow.array(values, type=kind) for _, kind, values in columns], schema=schema)
    library("pyarrow.parquet", extra="parquet", what="Parquet").write_table(table, str(file))


def _unit_of(name: str) -> dict[str, str]:
    unit = _UNITS.get(name.rpartition("_")[2])
    return {} if unit is None else {"unit": unit}


def _utc(part: Part, at_s: float) -> object:
    return part.at(at_s) if part.dated else None
