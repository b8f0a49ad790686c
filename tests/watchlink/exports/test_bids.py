"""BIDS, by its own validator where that is installed, and by the rules of the specification that concern us."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from watchlink.errors import ExportError
from watchlink.exports.formats import ExportFormat, export
from watchlink.exports.part import Part

from .parts import HOSTILE_ALIAS, HOSTILE_WORDS, beats_log, p37, rate_log, steady, virtual, whole


def _hostile() -> Part:
    return whole(beats_log(steady(30), person=HOSTILE_ALIAS, words=HOSTILE_WORDS))


def _one(folder: Path, ending: str) -> Path:
    (file,) = folder.rglob(f"*{ending}")
    return file


def _columns(folder: Path, suffix: str) -> dict[str, list[str]]:
    """A table without a header, with the names of its sidecar."""
    names = json.loads(_one(folder, f"_{suffix}.json").read_text("utf-8"))["Columns"]
    text = gzip.decompress(_one(folder, f"_{suffix}.tsv.gz").read_bytes()).decode()
    rows = [line.split("\t") for line in text.splitlines()]
    assert {len(row) for row in rows} <= {len(names)}
    return {name: [row[at] for row in rows] for at, name in enumerate(names)}


@pytest.mark.parametrize(
    "make", [virtual, _hostile, lambda: whole(rate_log(seconds=90)), lambda: whole(rate_log(seconds=1))]
)
def test_the_validator_of_the_specification_finds_no_error(tmp_path: Path, make: Any) -> None:
    validator = shutil.which("bids-validator-deno")
    if validator is None:
        pytest.skip("no BIDS validator here: pip install bids-validator-deno")
    export(make(), ExportFormat.BIDS, tmp_path / "set")
    done = subprocess.run(
        [validator, str(tmp_path / "set"), "--format", "json"], capture_output=True, text=True, check=False, timeout=60
    )
    issues = json.loads(done.stdout)["issues"]["issues"]
    assert [issue for issue in issues if issue["severity"] == "error"] == []
    assert {issue["code"] for issue in issues} <= {
        "JSON_KEY_RECOMMENDED",
        "SIDECAR_KEY_RECOMMENDED",
        "NO_AUTHORS",
        "TOO_FEW_AUTHORS",
    }


def test_the_validator_would_find_an_error(tmp_path: Path) -> None:
    """So that the test above can fail."""
    validator = shutil.which("bids-validator-deno")
    if validator is None:
        pytest.skip("no BIDS validator here: pip install bids-validator-deno")
    export(virtual(), ExportFormat.BIDS, tmp_path / "set")
    sidecar = _one(tmp_path / "set", "_physioevents.json")
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "OnsetSource": None, "Columns": ["onset"]}))
    done = subprocess.run([validator, str(tmp_path / "set"), "--json"], capture_output=True, check=False, timeout=60)
    issues = json.loads(done.stdout)["issues"]["issues"]
    assert any(issue["severity"] == "error" for issue in issues)


def test_the_recording_is_regular_and_the_beats_are_events_in_its_time(tmp_path: Path) -> None:
    part = virtual()
    export(part, ExportFormat.BIDS, tmp_path)
    sidecar = json.loads(_one(tmp_path, "_physio.json").read_text())
    assert {"SamplingFrequency", "StartTime", "Columns"} <= set(sidecar)
    recording, beats = _columns(tmp_path, "physio"), _columns(tmp_path, "physioevents")
    times_s = [int(at_s) for at_s in recording["timestamp"]]
    assert times_s == list(range(sidecar["StartTime"], times_s[-1] + 1))
    rates = [rate for rate in recording["heart_rate"] if rate != "n/a"]
    assert [float(rate) for rate in rates] == [one.heart_rate_bpm for one in part.heart_rate]
    about_beats = json.loads(_one(tmp_path, "_physioevents.json").read_text())
    assert about_beats["OnsetSource"] in recording
    assert about_beats["Columns"][0] == "onset"
    assert [float(ms) for ms in beats["nn_ms"]] == [nn_ms for _, nn_ms in part.clean_beats]


def test_every_beat_of_a_real_recording_is_there(shared_data: Path, tmp_path: Path) -> None:
    part = p37(shared_data)
    export(part, ExportFormat.BIDS, tmp_path)
    beats = _columns(tmp_path, "physioevents")
    assert [float(ms) for ms in beats["rr_ms"] if ms != "n/a"] == [
        beat.rr_ms for beat in part.beats if beat.rr_ms is not None
    ]
    assert beats["gap_before"].count("1") == sum(beat.gap_before for beat in part.beats)


def test_an_alias_becomes_a_label_of_letters_and_digits_and_stays_in_the_participants_table(tmp_path: Path) -> None:
    export(_hostile(), ExportFormat.BIDS, tmp_path)
    with (tmp_path / "participants.tsv").open(newline="", encoding="utf-8") as opened:
        (row,) = csv.DictReader(opened, delimiter="\t")
    assert (tmp_path / row["participant_id"]).is_dir()
    assert row["participant_id"].removeprefix("sub-").isalnum()
    assert row["alias"].isprintable()
    with _one(tmp_path, "_events.tsv").open(newline="", encoding="utf-8") as opened:
        (event,) = csv.DictReader(opened, delimiter="\t")
    assert list(event)[:3] == ["onset", "duration", "trial_type"]
    assert event["note"].isprintable()


def test_a_data_set_is_not_laid_over_another(tmp_path: Path) -> None:
    export(virtual(), ExportFormat.BIDS, tmp_path)
    with pytest.raises(ExportError, match="is there already"):
        export(_hostile(), ExportFormat.BIDS, tmp_path)
    assert len(list(tmp_path.glob("sub-*"))) == 1
