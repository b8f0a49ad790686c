"""Texts for Kubios HRV and Elite HRV: plain numbers, and where everything else is."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from watchlink.captures import rr_text
from watchlink.errors import ExportError
from watchlink.exports.formats import ExportFormat, export
from watchlink.packets import LinkChange, LinkState

from .parts import HOSTILE_WORDS, beats_log, p37, rate_log, steady, virtual, whole


def _marks(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened, delimiter="\t"))


def test_a_text_for_kubios_is_one_number_a_line_and_nothing_else(shared_data: Path, tmp_path: Path) -> None:
    part = p37(shared_data)
    text, _ = export(part, ExportFormat.KUBIOS, tmp_path)
    lines = text.read_text().splitlines()
    assert [float(line) for line in lines] == pytest.approx(
        [beat.rr_ms for beat in part.intervals_as_sent], abs=0.000501
    )
    with text.open("rb") as opened:
        assert rr_text.read(opened, text.name).rr_ms == [float(line) for line in lines]


def test_marks_and_gaps_say_where_they_are_on_both_clocks(tmp_path: Path) -> None:
    """After a gap the text's own clock, the sum of the intervals, is behind by the gap."""
    log = beats_log(steady(100), words="door")
    lost_us = 40_000_000
    later = [packet for packet in log if packet.at_us <= lost_us]
    later.append(LinkChange(at_us=lost_us, wearable="w1", state=LinkState.LOST))
    later += [packet for packet in log if packet.at_us > lost_us + 10_000_000]
    part = whole(later)
    text, marks = export(part, ExportFormat.KUBIOS, tmp_path)
    mark, gap = _marks(marks)
    assert (mark["kind"], mark["text"], float(mark["at_s"])) == ("mark", "door", 1.0)
    # The text begins with its first interval, wherever that was in the session.
    first = part.intervals_as_sent[0]
    assert float(mark["in_file_s"]) == pytest.approx(1.0 - first.at_s + (first.rr_ms or 0) / 1000, abs=0.01)
    assert gap["kind"] == "gap"
    missing_s = float(gap["text"].split()[0])
    assert 9 < missing_s < 11
    intervals_ms = [float(line) for line in text.read_text().splitlines()]
    before = next(at for at, beat in enumerate(part.intervals_as_sent) if beat.sent_after_gap)
    assert float(gap["in_file_s"]) == pytest.approx(sum(intervals_ms[:before]) / 1000, abs=0.001)


def test_every_gap_of_a_real_recording_is_said(shared_data: Path, tmp_path: Path) -> None:
    part = p37(shared_data)
    _, marks = export(part, ExportFormat.KUBIOS, tmp_path)
    assert len(_marks(marks)) == sum(beat.gap_before for beat in part.beats) > 100


def test_elite_is_whole_milliseconds_in_a_file_called_after_its_start(tmp_path: Path) -> None:
    part = virtual()
    (text,) = export(part, ExportFormat.ELITE, tmp_path)
    assert text.name == "2026-03-01 18-00-00 Heron.txt"
    assert [int(line) for line in text.read_text().splitlines()] == [
        round(beat.rr_ms or 0) for beat in part.intervals_as_sent
    ]


@pytest.mark.parametrize("to", [ExportFormat.KUBIOS, ExportFormat.ELITE])
def test_without_intervals_there_is_no_file_and_a_word_about_other_formats(tmp_path: Path, to: ExportFormat) -> None:
    with pytest.raises(ExportError, match=r"no usable intervals.*csv, edf, bids, fit and parquet"):
        export(whole(rate_log()), to, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_typed_words_stay_in_their_cell(tmp_path: Path) -> None:
    _, marks = export(whole(beats_log(steady(20), words=HOSTILE_WORDS)), ExportFormat.KUBIOS, tmp_path)
    (mark,) = _marks(marks)
    assert mark["text"].isprintable()
