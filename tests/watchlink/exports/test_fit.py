"""FIT, read by fitdecode and, where it is installed, by Garmin's own SDK."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import floor
from pathlib import Path
from typing import Any

import pytest

from watchlink.captures import open_capture
from watchlink.exports.formats import ExportFormat, export
from watchlink.exports.part import Part

from .parts import HOSTILE_ALIAS, STARTED_AT, beats_log, p37, rate_log, steady, virtual, whole

fitdecode: Any = pytest.importorskip("fitdecode")
pytest.importorskip("fit_tool")


def _messages(file: Path) -> list[Any]:
    with fitdecode.FitReader(str(file), check_crc=fitdecode.CrcCheck.RAISE) as reader:
        return [frame for frame in reader if isinstance(frame, fitdecode.FitDataMessage)]


def _intervals_ms(messages: list[Any]) -> list[float]:
    held = [message.get_value("time") for message in messages if message.name == "hrv"]
    return [1000 * one for times in held for one in times if one is not None and one < 65]


def _export(part: Part, folder: Path) -> Path:
    (file,) = export(part, ExportFormat.FIT, folder)
    return file


def _same_intervals(part: Part, read_ms: list[float], *, within_ms: float = 0.51) -> None:
    """FIT has whole milliseconds."""
    assert read_ms == pytest.approx([beat.rr_ms for beat in part.intervals_as_sent], abs=within_ms)


def test_every_interval_and_every_second_comes_back(tmp_path: Path) -> None:
    part = virtual()
    messages = _messages(_export(part, tmp_path))
    _same_intervals(part, _intervals_ms(messages))
    zero = STARTED_AT.replace(microsecond=0)
    assert {
        message.get_value("timestamp"): message.get_value("heart_rate")
        for message in messages
        if message.name == "record" and message.get_value("heart_rate", fallback=None) is not None
    } == {zero + timedelta(seconds=floor(one.at_s)): round(one.heart_rate_bpm) for one in part.heart_rate}


def test_it_is_an_activity_with_one_session_and_one_lap_over_all_of_it(tmp_path: Path) -> None:
    messages = _messages(_export(virtual(), tmp_path))
    assert messages[0].name == "file_id"
    assert messages[0].get_value("type") == "activity"
    assert [message.name for message in messages[-4:]] == ["event", "lap", "session", "activity"]
    session = messages[-2]
    assert session.get_value("total_elapsed_time") >= 600
    assert isinstance(session.get_value("start_time"), datetime)
    assert messages[-1].get_value("num_sessions") == 1


def test_our_own_reader_has_the_same_heart_again(tmp_path: Path) -> None:
    part = virtual()
    with open_capture(_export(part, tmp_path)) as capture:
        again = whole(list(capture.packets), started_at=capture.started_at)
    _same_intervals(part, [beat.rr_ms or 0 for beat in again.intervals_as_sent], within_ms=1.0)


def test_the_gaps_of_a_real_recording_without_a_date_do_not_stop_it(shared_data: Path, tmp_path: Path) -> None:
    part = p37(shared_data)
    messages = _messages(_export(part, tmp_path))
    _same_intervals(part, _intervals_ms(messages))
    times = [message.get_value("timestamp") for message in messages if message.name == "record"]
    assert all(isinstance(at, int) and 0 <= at < 1 << 28 for at in times)  # relative, by the protocol


@pytest.mark.parametrize(
    "part", [whole(rate_log(seconds=90)), whole(rate_log(seconds=1)), whole(beats_log(steady(9), person=HOSTILE_ALIAS))]
)
def test_a_watch_without_intervals_nothing_at_all_and_any_name_are_activities(tmp_path: Path, part: Part) -> None:
    messages = _messages(_export(part, tmp_path))
    assert messages[-1].name == "activity"
    assert len(_intervals_ms(messages)) == len(part.intervals_as_sent)


def test_the_makers_own_sdk_reads_it_without_a_fault(tmp_path: Path) -> None:
    sdk: Any = pytest.importorskip("garmin_fit_sdk")
    part = virtual()
    file = _export(part, tmp_path)
    assert sdk.Decoder(sdk.Stream.from_file(str(file))).check_integrity()
    messages, errors = sdk.Decoder(sdk.Stream.from_file(str(file))).read(merge_heart_rates=False)
    assert errors == []
    _same_intervals(part, [1000 * one for held in messages["hrv_mesgs"] for one in held["time"] if one and one < 65])
    assert len(messages["session_mesgs"]) == 1
