"""EDF+, read by pyEDFlib and by edfio: every beat is there, and nothing is made up in a gap."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from math import floor
from pathlib import Path
from typing import Any

import pytest

from watchlink.errors import ExportError
from watchlink.exports import edf
from watchlink.exports.formats import ExportFormat, export
from watchlink.exports.part import Part
from watchlink.packets import EventKind, SessionEvent

from .parts import HOSTILE_ALIAS, HOSTILE_WORDS, STARTED_AT, beats_log, p37, rate_log, steady, virtual, whole

edfio: Any = pytest.importorskip("edfio")
pyedflib: Any = pytest.importorskip("pyedflib")


def _read(part: Part, folder: Path) -> Any:
    (file,) = export(part, ExportFormat.EDF, folder / "part.edf")
    assert file.name == "part.edf"
    return edfio.read_edf(file)


def _beats(read: Any) -> list[float]:
    return [one.onset for one in read.annotations if one.text.startswith("beat ")]


def _shift_s(part: Part) -> float:
    """By how much the file begins before the session's zero."""
    first_s = min(0.0, *(one.at_s for one in part.heart_rate))
    zero_s = part.started_at.microsecond / 1e6
    return zero_s - floor(first_s + zero_s)


def test_none_of_nine_thousand_beats_is_lost(tmp_path: Path) -> None:
    part = whole(beats_log(steady(9000)))
    read = _read(part, tmp_path)
    shift_s = _shift_s(part)
    assert _beats(read) == pytest.approx([beat.at_s + shift_s for beat, _ in part.clean_beats], abs=0.0001)
    assert len(_beats(read)) == 9000
    with pyedflib.EdfReader(str(tmp_path / "part.edf")) as reader:
        assert len(reader.readAnnotations()[0]) == 9000


def test_a_signal_and_its_annotations_are_at_the_same_time_as_in_the_session(tmp_path: Path) -> None:
    part = virtual()
    read = _read(part, tmp_path)
    rr, rate = read.signals
    assert (rr.label, rr.physical_dimension, rr.sampling_frequency) == ("RR intervals", "ms", 4)
    assert (rate.label, rate.physical_dimension, rate.sampling_frequency) == ("Heart rate", "bpm", 1)
    begins_at = datetime.combine(read.startdate, read.starttime, tzinfo=UTC)
    shift_s = (STARTED_AT - begins_at).total_seconds()
    assert shift_s == _shift_s(part)
    marks = [(one.onset - shift_s, one.text) for one in read.annotations if one.text == "door (late)"]
    assert marks == [(pytest.approx(288.0, abs=0.0001), "door (late)")]
    for one in part.heart_rate:
        assert rate.data[int(one.at_s + shift_s)] == pytest.approx(one.heart_rate_bpm, abs=0.005)
    for beat, nn_ms in part.clean_beats[5:200]:
        assert rr.data[int((beat.at_s + shift_s) * 4)] == pytest.approx(nn_ms, abs=80)


def test_in_a_gap_the_signals_are_zero_and_the_gap_is_named(shared_data: Path, tmp_path: Path) -> None:
    part = p37(shared_data)
    read = _read(part, tmp_path)
    rr = read.signals[0].data
    gaps = [one for one in read.annotations if one.text.startswith("gap")]
    assert len(gaps) == sum(beat.gap_before for beat, _ in part.clean_beats) > 100
    for beat, nn_ms in part.clean_beats:
        if beat.gap_before and (beat.gap_s or 0) > 1:
            middle = (beat.at_s - nn_ms / 1000 - (beat.gap_s or 0) / 2 + _shift_s(part)) * 4
            assert rr[int(middle)] == 0
    known = rr[rr > 0]
    assert known.min() >= min(nn_ms for _, nn_ms in part.clean_beats) - 0.1
    assert known.max() <= max(nn_ms for _, nn_ms in part.clean_beats) + 0.1


def test_a_watch_without_intervals_has_its_heart_rate(tmp_path: Path) -> None:
    read = _read(whole(rate_log(seconds=120)), tmp_path)
    assert not read.signals[0].data.any()
    assert read.signals[1].data.max() == pytest.approx(70, abs=0.01)
    assert _beats(read) == []


def test_many_events_in_a_short_recording_are_all_there_or_it_is_refused(tmp_path: Path) -> None:
    def crowded(events: int) -> Part:
        log = beats_log(steady(12))
        marks = [SessionEvent(at_us=at, kind=EventKind.MARK, label=f"mark {at}") for at in range(events)]
        return whole([*log, *marks])

    read = _read(crowded(300), tmp_path)
    assert len({one.text for one in read.annotations if one.text.startswith("mark")}) == 300
    with pytest.raises(ExportError, match="no room for"):
        export(crowded(2000), ExportFormat.EDF, tmp_path / "more.edf")
    assert [file.name for file in tmp_path.iterdir()] == ["part.edf"]


def test_names_and_words_from_hell_do_not_bend_the_header(tmp_path: Path) -> None:
    part = whole(beats_log(steady(30), person=HOSTILE_ALIAS, words=HOSTILE_WORDS))
    read = _read(part, tmp_path)
    header = (tmp_path / "part.edf").read_bytes()[:256]
    assert header.isascii()
    assert struct.unpack("8s", header[:8]) == (b"0       ",)
    assert read.patient.name.startswith("x_cmd_aa_")
    (mark,) = [one.text for one in read.annotations if not one.text.startswith("beat")]
    assert mark.endswith("...")
    assert mark.isprintable()


def test_a_file_that_lost_one_mark_is_found_out(tmp_path: Path) -> None:
    part = whole(beats_log(steady(50)))
    (file,) = export(part, ExportFormat.EDF, tmp_path)
    read = edfio.read_edf(file)
    marks = sorted((round(one.onset, 4), one.text) for one in read.annotations)
    lengths = [len(signal.data) for signal in read.signals]
    edf._check(pyedflib, file, marks, lengths)
    with pytest.raises(ExportError, match="lost 1 of 51 marks"):
        edf._check(pyedflib, file, [*marks, (3.0, "beat normal")], lengths)
