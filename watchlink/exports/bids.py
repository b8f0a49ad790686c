"""BIDS: a data set of one recording of one person, as laboratories exchange them.

Strategy: the heart rate is a regular recording (`_physio`, one row a second), the beats are events in it
(`_physioevents`), what happened in the session is in `_events.tsv`. All times are on the session's axis, so that the
three need no shifting against each other. What is not known is "n/a".

References:
    Brain Imaging Data Structure, version 1.11.1, "Physiological recordings" and "Task events".
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from math import floor
from pathlib import Path
from typing import Any, Final

from watchlink import __version__
from watchlink.exports.cells import Cell, cell, seconds, table
from watchlink.exports.part import Part
from watchlink.files import safe_name
from watchlink.texts import one_line

BIDS_VERSION: Final = "1.11.1"
_TASK: Final = "practice"
_NONE: Final = "n/a"
_US_PER_S: Final = 1_000_000
_PHYSIO: Final[Mapping[str, Mapping[str, str]]] = {
    "timestamp": {"Description": "Time since the start of the session.", "Units": "s"},
    "heart_rate": {"Description": "Smoothed heart rate of that second.", "Units": "beats/min"},
}
_BEATS: Final[Mapping[str, Mapping[str, str]]] = {
    "onset": {"Description": "When the heart beat, since the start of the session.", "Units": "s"},
    "duration": {"Description": "A beat is an instant.", "Units": "s"},
    "trial_type": {"Description": "What the interval looked like; names after Lipponen & Tarvainen 2019."},
    "rr_ms": {"Description": "The interval that ended with this beat, as the wearable sent it.", "Units": "ms"},
    "nn_ms": {"Description": "The interval after cleaning.", "Units": "ms"},
    "corrected": {"Description": "1: cleaning changed it."},
    "gap_before": {"Description": "1: beats are missing before this interval."},
    "at_within_s": {"Description": "The onset is right to this with 95 % probability.", "Units": "s"},
}
_EVENTS: Final[Mapping[str, Mapping[str, str]]] = {
    "onset": {"Description": "When it happened, since the start of the session.", "Units": "s"},
    "duration": {"Description": "An event is an instant.", "Units": "s"},
    "trial_type": {"Description": "What happened."},
    "kind": {"Description": "block: a block of the plan began; role: somebody took a role; mark; note."},
    "about": {"Description": "self: this person; room: everybody."},
    "note": {"Description": "Words that were typed with it."},
    "ago_s": {"Description": "It was entered so much later.", "Units": "s"},
}


def write(part: Part, folder: Path, *, stem: str) -> None:
    """Write a data set into a folder, which is its root. Its names come from the person and the start, not `stem`."""
    del stem
    subject = f"sub-{safe_name(part.person, joiner='')}"
    session = f"ses-{part.started_at:%Y%m%dT%H%M%S}" if part.dated else "ses-1"
    behaviour = folder / subject / session / "beh"
    behaviour.mkdir(parents=True)
    name = f"{subject}_{session}_task-{_TASK}"
    recording = f"{name}_recording-watchlink"

    _write_about(part, folder, subject)
    first_s, rates = _each_second(part)
    _write_headless(behaviour / f"{recording}_physio.tsv.gz", rates)
    _write_json(
        behaviour / f"{recording}_physio.json",
        {
            "SamplingFrequency": 1,
            "StartTime": first_s,
            "Columns": list(_PHYSIO),
            "PhysioType": "generic",
            "TaskName": _TASK,
            "SoftwareVersions": f"watchlink {__version__}",
            **_PHYSIO,
        },
    )
    _write_headless(behaviour / f"{recording}_physioevents.tsv.gz", _beats(part))
    _write_json(
        behaviour / f"{recording}_physioevents.json",
        {
            "Columns": list(_BEATS),
            "Description": "Heart beats, as sent and after cleaning.",
            "OnsetSource": "timestamp",
            "TaskName": _TASK,
            **_BEATS,
        },
    )
    events = (
        (
            seconds(event.happened_us / _US_PER_S),
            0,
            _word(event.label),
            event.kind,
            "room" if event.person is None else "self",
            _word(event.note),
            event.ago_us / _US_PER_S,
        )
        for event in part.events
    )
    (behaviour / f"{name}_events.tsv").write_text(_tabs(_EVENTS, events), "utf-8")
    _write_json(behaviour / f"{name}_events.json", {"TaskName": _TASK, **_EVENTS})


def _write_about(part: Part, folder: Path, subject: str) -> None:
    _write_json(
        folder / "dataset_description.json",
        {
            "Name": f"Heart rate of {one_line(part.person)} in a practice session",
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "raw",
            "GeneratedBy": [{"Name": "watchlink", "Version": __version__}],
        },
    )
    (folder / "README").write_text(
        "One person's part of a practice session, recorded by watchlink from a heart-rate wearable.\n"
        "The heart rate and the cleaned intervals were computed from what the wearable sent. Not a medical device.\n",
        "utf-8",
    )
    about = {"participant_id": {"Description": "Of the data set."}, "alias": {"Description": "In the session."}}
    rows = [(subject, _word(part.person))]
    (folder / "participants.tsv").write_text(_tabs(about, rows), "utf-8")
    _write_json(folder / "participants.json", about)


def _each_second(part: Part) -> tuple[int, list[tuple[Cell, ...]]]:
    """The heart rate of every second from the first that is known to the last, and the first."""
    known = {floor(one.at_s): one.heart_rate_bpm for one in part.heart_rate}
    first_s, last_s = min(known, default=0), max(known, default=0)
    return first_s, [(at_s, known.get(at_s)) for at_s in range(first_s, last_s + 1)]


def _beats(part: Part) -> Iterable[tuple[Cell, ...]]:
    return (
        (
            seconds(beat.at_s),
            0,
            beat.label,
            beat.rr_ms,
            beat.nn_ms,
            beat.corrected,
            beat.gap_before or (beat.nn_ms is None and beat.sent_after_gap),
            beat.at_within_s,
        )
        for beat in part.beats
    )


def _word(text: str) -> str:
    """Typed words in a table that knows no quotes."""
    return one_line(text).replace('"', "'").strip() or _NONE


def _tabs(columns: Iterable[str], rows: Iterable[Sequence[Cell]]) -> str:
    return table(list(columns), rows, tab=True, none=_NONE)


def _write_headless(file: Path, rows: Iterable[Sequence[Cell]]) -> None:
    """A packed table without a header; the same rows give the same octets."""
    text = "".join("\t".join(cell(value, none=_NONE) for value in row) + "\n" for row in rows)
    file.write_bytes(gzip.compress(text.encode(), mtime=0))


def _write_json(file: Path, record: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", "utf-8")
