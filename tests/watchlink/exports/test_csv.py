"""CSV, read by pandas, NeuroKit2 and ourselves."""

from __future__ import annotations

import csv
import warnings
from pathlib import Path
from typing import Any

import pytest

from dsp import time_domain
from watchlink.exports.formats import ExportFormat, export
from watchlink.exports.part import Part
from watchlink.session import parse_events

from .parts import HOSTILE_WORDS, STARTED_AT, beats_log, p37, rate_log, steady, virtual, whole

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    nk: Any = pytest.importorskip("neurokit2")
    pd: Any = pytest.importorskip("pandas")


def _csv(part: Part, folder: Path) -> dict[str, Path]:
    files = export(part, ExportFormat.CSV, folder / "part.csv")
    return {file.stem.removeprefix("part_"): file for file in files}


def test_the_rmssd_that_others_compute_from_the_table_is_ours(tmp_path: Path) -> None:
    part = virtual()
    table = pd.read_csv(_csv(part, tmp_path)["rr"])
    table = table[table.nn_ms.notna()]
    longest = max((group for _, group in table.groupby(table.gap_before.cumsum())), key=len)
    assert len(longest) > 300
    assert not longest.corrected.any()
    peaks = nk.intervals_to_peaks(longest.nn_ms.to_numpy(), sampling_rate=1_000_000)
    theirs = float(nk.hrv_time(peaks, sampling_rate=1_000_000)["HRV_RMSSD"].iloc[0])
    ours = time_domain(longest.nn_ms.to_numpy()).rmssd_ms
    assert theirs == pytest.approx(ours, rel=1e-4)


def test_both_series_of_a_real_recording_come_back_unrounded(shared_data: Path, tmp_path: Path) -> None:
    part = p37(shared_data)
    table = pd.read_csv(_csv(part, tmp_path)["rr"])
    assert table.rr_ms.dropna().tolist() == [beat.rr_ms for beat in part.beats if beat.rr_ms is not None]
    assert table.nn_ms.dropna().tolist() == [nn_ms for _, nn_ms in part.clean_beats]
    assert table.utc.isna().all()  # nobody knows when it was


def test_times_are_given_in_utc_too(tmp_path: Path) -> None:
    table = pd.read_csv(_csv(virtual(), tmp_path)["rr"], parse_dates=["utc"])
    since = (table.utc - pd.Timestamp(STARTED_AT)).dt.total_seconds()
    assert (since - table.time_s).abs().max() < 0.001


def test_the_events_are_read_back_by_ourselves_at_the_time_when_they_happened(tmp_path: Path) -> None:
    part = virtual()
    file = _csv(part, tmp_path)["events"]
    events = parse_events(file.read_text("utf-8").splitlines(), file=file.name)
    assert [(one.at_us, one.kind, one.label, one.person, one.note) for one in events] == [
        (one.happened_us, one.kind, one.label, one.person, one.note) for one in part.events
    ]
    late = next(row for row in csv.DictReader(file.read_text("utf-8").splitlines()) if row["label"] == "door")
    assert (late["at_s"], late["ago_s"]) == ("288.000000", "12.0")


def test_a_watch_without_intervals_has_a_table_of_its_heart_rate(tmp_path: Path) -> None:
    part = whole(rate_log(seconds=120))
    files = _csv(part, tmp_path)
    assert files["rr"].read_text().count("\n") == 1
    table = pd.read_csv(files["heart_rate"])
    assert table.heart_rate_bpm.tolist() == [one.heart_rate_bpm for one in part.heart_rate]
    assert set(table.clean) <= {0, 1}


@pytest.mark.parametrize("words", [HOSTILE_WORDS, "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1+1"])
def test_typed_words_are_no_formula_and_break_no_row(tmp_path: Path, words: str) -> None:
    part = whole(beats_log(steady(20), words=words))
    file = _csv(part, tmp_path)["events"]
    with file.open(newline="", encoding="utf-8") as opened:
        (row,) = csv.DictReader(opened)
    assert row["label"].startswith("'")
    assert row["note"].startswith("'")
    assert row["note"].isprintable()
    (event,) = parse_events(file.read_text("utf-8").splitlines(), file=file.name)
    assert event.at_us == 1_000_000


def test_numbers_below_zero_stay_numbers(tmp_path: Path) -> None:
    table = pd.read_csv(_csv(whole(beats_log(steady(20))), tmp_path)["heart_rate"])
    assert table.at_s.iloc[0] < 0
