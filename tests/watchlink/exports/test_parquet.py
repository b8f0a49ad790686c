"""Parquet, read by Arrow and pooled by DuckDB."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from watchlink.exports.formats import ExportFormat, export
from watchlink.exports.part import Part

from .parts import HOSTILE_WORDS, STARTED_AT, beats_log, rate_log, session_log, steady, virtual, whole

parquet: Any = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, Any]:
    files = export(virtual(), ExportFormat.PARQUET, tmp_path)
    return {file.stem.partition("Heron_")[2]: parquet.read_table(file) for file in files}


def test_parquet_has_types_units_and_whose_it_is(tables: dict[str, Any]) -> None:
    part = virtual()
    beats = tables["beats"]
    assert beats.column("rr_ms").to_pylist() == [beat.rr_ms for beat in part.beats]
    assert beats.column("nn_ms").to_pylist() == [beat.nn_ms for beat in part.beats]
    assert beats.schema.field("nn_ms").metadata == {b"unit": b"ms"}
    assert str(beats.schema.field("utc").type) == "timestamp[us, tz=UTC]"
    assert beats.schema.metadata[b"person"] == b"Heron"
    assert datetime.fromisoformat(beats.schema.metadata[b"started_at"].decode()) == STARTED_AT.astimezone(UTC)
    assert tables["events"].column("label").to_pylist() == [event.label for event in part.events]
    assert tables["heart_rate"].num_rows == len(part.heart_rate)


def test_parquet_is_pooled_by_a_database(tmp_path: Path) -> None:
    duckdb: Any = pytest.importorskip("duckdb")
    parts = [whole(session_log(people=2), person) for person in ("Heron", "Otter")]
    for part in parts:
        export(part, ExportFormat.PARQUET, tmp_path)
    count, mean = duckdb.sql(f"select count(nn_ms), avg(nn_ms) from '{tmp_path}/*_beats.parquet'").fetchall()[0]
    all_ms = [nn_ms for part in parts for _, nn_ms in part.clean_beats]
    assert count == len(all_ms)
    assert mean == pytest.approx(sum(all_ms) / len(all_ms))


@pytest.mark.parametrize("part", [whole(rate_log(seconds=1)), whole(beats_log(steady(20), words=HOSTILE_WORDS))])
def test_parquet_takes_a_part_without_anything_and_any_words(tmp_path: Path, part: Part) -> None:
    beats, events, _ = (parquet.read_table(file) for file in export(part, ExportFormat.PARQUET, tmp_path))
    assert beats.num_rows == len(part.beats)
    assert events.column("note").to_pylist() == [event.note for event in part.events]
