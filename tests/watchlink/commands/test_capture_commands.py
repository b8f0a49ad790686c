"""record, inspect, decode, convert, and what replay does with captures: the real program, its pipes and exit codes."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from watchlink.captures import open_capture
from watchlink.packets import Notification

_ROOT = Path(__file__).resolve().parents[3]


class Outcome:
    """What a run of the program left."""

    def __init__(self, done: subprocess.CompletedProcess[bytes]) -> None:
        self.code = done.returncode
        self.out = done.stdout
        self.text = done.stdout.decode(errors="replace")
        self.err = done.stderr.decode()


def _environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "XDG_DATA_HOME": str(tmp_path / "data"), "COLUMNS": "100", "PYTHONUTF8": "1"}


def _run(tmp_path: Path, *arguments: object, given: bytes = b"") -> Outcome:
    command = [sys.executable, "-m", "watchlink", *map(str, arguments)]
    done = subprocess.run(command, cwd=_ROOT, env=_environment(tmp_path), input=given, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
    return Outcome(done)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three virtual people for twenty minutes, as watchlink records them."""
    path = tmp_path_factory.mktemp("recording") / "session.jsonl"
    outcome = _run(path.parent, "record", path, "--virtual", 3, "--minutes", 20, "--seed", 5)
    assert outcome.code == 0
    return path


@pytest.fixture(scope="module")
def readings(recording: Path) -> bytes:
    """What a replay of it says."""
    outcome = _run(recording.parent, "replay", recording, "--json")
    assert outcome.code == 0
    assert outcome.out.count(b'"spike_started"') + outcome.out.count(b'"beat"') > 1000
    return outcome.out


# --- record ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["jsonl.gz", "btsnoop", "pcapng"])
def test_the_same_session_recorded_into_any_format_gives_the_same_readings(
    tmp_path: Path, readings: bytes, suffix: str
) -> None:
    path = tmp_path / f"session.{suffix}"
    recorded = _run(tmp_path, "record", path, "--virtual", 3, "--minutes", 20, "--seed", 5)
    assert recorded.code == 0
    assert f"packets are in {path}" in recorded.err
    assert "0:20:00 3 wearables: " in recorded.text
    assert _run(tmp_path, "replay", path, "--json").out == readings
    assert _run(tmp_path, "replay", path, "--json", "--speed", "100000").out == readings


def test_it_is_recorded_to_standard_output_and_told_beside_it(tmp_path: Path) -> None:
    outcome = _run(tmp_path, "record", "-", "--format", "pcapng", "--virtual", 1, "--minutes", 1, "--json")
    assert outcome.code == 0
    (tmp_path / "got").write_bytes(outcome.out)
    with open_capture(tmp_path / "got") as capture:
        count = sum(isinstance(packet, Notification) for packet in capture.packets)
    *progress, end = [json.loads(line) for line in outcome.err.splitlines()]
    assert progress[-1]["notifications"] == count > 50
    assert end["type"] == "recorded"
    assert end["unsaved"] == 0


def test_what_is_there_is_not_overwritten(tmp_path: Path, recording: Path) -> None:
    before = recording.read_bytes()
    outcome = _run(tmp_path, "record", recording, "--virtual", 1, "--minutes", 1)
    assert outcome.code == 8
    assert "is there already and is not overwritten" in outcome.err
    assert recording.read_bytes() == before


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_however_a_recording_is_ended_what_arrived_is_in_the_file(
    tmp_path: Path, how: signal.Signals, code: int
) -> None:
    path = tmp_path / "session.pcapng"
    command = [sys.executable, "-m", "watchlink", "record", path, "--virtual", "2", "--minutes", "9", "--real-time"]
    with subprocess.Popen(
        command, cwd=_ROOT, env=_environment(tmp_path), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    ) as process:
        while not path.exists() or path.stat().st_size < 3_000:
            assert process.poll() is None
        process.send_signal(how)
        assert process.wait() == code
    packets = []
    with open_capture(path) as capture:
        packets = list(capture.packets) if code == 130 else list(_until_fault(capture.packets))
    assert sum(isinstance(packet, Notification) for packet in packets) >= 1


def _until_fault(packets: Iterator[object]) -> Iterator[object]:
    from watchlink.errors import CaptureError

    try:
        yield from packets
    except CaptureError:
        return


# --- convert ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "btsnoop", "pcapng"])
def test_a_recording_converted_and_converted_back_is_the_same_file(
    tmp_path: Path, recording: Path, readings: bytes, suffix: str
) -> None:
    there, back = tmp_path / f"there.{suffix}", tmp_path / "back.jsonl"
    outcome = _run(tmp_path, "convert", recording, there)
    assert outcome.code == 0
    assert "heart-rate notifications" in outcome.err
    assert _run(tmp_path, "replay", there, "--json").out == readings
    assert _run(tmp_path, "convert", there, back).code == 0
    assert back.read_bytes() == recording.read_bytes()


def test_it_works_in_a_pipe(tmp_path: Path, recording: Path, readings: bytes) -> None:
    piped = _run(tmp_path, "convert", "-", "-", "--format", "btsnoop", given=gzip.compress(recording.read_bytes()))
    assert piped.code == 0
    assert piped.out.startswith(b"btsnoop\0")
    assert _run(tmp_path, "replay", "-", "--json", given=piped.out).out == readings
    assert _run(tmp_path, "inspect", "-", given=piped.out).text.startswith("standard input: btsnoop")


def test_a_part_is_cut_out(tmp_path: Path, recording: Path) -> None:
    path = tmp_path / "part.jsonl"
    assert _run(tmp_path, "convert", recording, path, "--from", "5:00", "--to", "0:06:30").code == 0
    with open_capture(path) as capture:
        times_s = [packet.at_us / 1e6 for packet in capture.packets if isinstance(packet, Notification)]
    assert 300 <= min(times_s) < 302
    assert 388 < max(times_s) <= 390


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["in", "out.txt"], "says no format that is written"),
        (["in", "out.jsonl", "--format", "pcap"], "no format that is written"),
        (["in", "out.jsonl", "--from", "soon"], "is no time"),
        (["in", "out.jsonl", "--handle", "0x0"], "is no attribute handle"),
        (["nowhere", "out.jsonl"], "cannot be read: No such file"),
    ],
)
def test_what_cannot_be_converted_is_said(tmp_path: Path, recording: Path, arguments: list[str], words: str) -> None:
    source = recording if arguments[0] == "in" else tmp_path / arguments[0]
    outcome = _run(tmp_path, "convert", source, tmp_path / arguments[1], *arguments[2:])
    assert outcome.code == (2 if len(arguments) > 2 else 8)
    assert words in " ".join(outcome.err.replace("│", " ").split())
    assert not (tmp_path / arguments[1]).exists()


# --- inspect ---------------------------------------------------------------------------------------------------------


def test_what_is_in_a_recording_is_said_in_words_and_in_json(tmp_path: Path, recording: Path) -> None:
    text = _run(tmp_path, "inspect", recording).text
    assert "Wearable w1, Heron, profile polar-h10" in text
    assert "bpm\n  ▁" in text or "▂" in text
    record = json.loads(_run(tmp_path, "inspect", recording, "--json").text)
    assert record["format"] == "watchlink JSON Lines"
    assert len(record["wearables"]) == 3
    assert f"In all {record['heart_rate_notifications']} heart-rate notifications" in text


def test_a_capture_that_is_cut_off_is_inspected_as_far_as_it_goes(tmp_path: Path, recording: Path) -> None:
    path = tmp_path / "cut.jsonl"
    path.write_bytes(recording.read_bytes()[:100_000])
    outcome = _run(tmp_path, "inspect", path, "--json")
    assert outcome.code == 8
    assert json.loads(outcome.text)["heart_rate_notifications"] > 100
    assert "the file was cut off in the middle of this line" in json.loads(outcome.text)["fault"]
    assert "cut.jsonl, line" in outcome.err


def test_a_foreign_capture_names_its_devices_and_characteristics(tmp_path: Path, shared_data: Path) -> None:
    text = _run(tmp_path, "inspect", shared_data / "captures" / "real" / "btsnoop_h4_treadmill.log").text
    assert 'Device 1, "HORIZON 7.4AT 55FD"' in text
    assert "0x0014 0xfff4: 786 notifications" in text
    assert "In all 0 heart-rate notifications" in text


def test_an_encrypted_link_is_no_silent_zero(tmp_path: Path, shared_data: Path) -> None:
    path = shared_data / "captures" / "real" / "dlt256_whad_pairing.pcap"
    outcome = _run(tmp_path, "replay", path, "--plain")
    assert outcome.code == 8
    assert "77 packets on the air were encrypted. A sniffer can only read them if it had the key" in outcome.err
    assert _run(tmp_path, "convert", path, tmp_path / "a.jsonl").code == 8


# --- decode ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [["16", "3c", "0004"], ["163c0004"], ["0x163C0004"], ["16:3c:00:04"]])
def test_octets_are_taken_as_people_write_them(tmp_path: Path, written: list[str]) -> None:
    outcome = _run(tmp_path, "decode", *written)
    assert outcome.code == 0
    assert "60 beats a minute" in outcome.text
    assert "RR 1024 x 1/1024 s = 1000.0 ms" in outcome.text


def test_lines_come_from_standard_input(tmp_path: Path) -> None:
    outcome = _run(tmp_path, "decode", "--json", given=b"163c0004\n\nnonsense\n11\n0048\n")
    assert outcome.code == 8
    rates = [json.loads(line).get("heart_rate_bpm") for line in outcome.text.splitlines()]
    assert rates == [60, None, 72]
    assert "line 2: 'nonsense' is no hexadecimal octets" in outcome.err


def test_octets_that_are_none_are_a_wrong_use(tmp_path: Path) -> None:
    outcome = _run(tmp_path, "decode", "xyz")
    assert outcome.code == 2
    assert "is no hexadecimal octets" in outcome.err


# --- replay ----------------------------------------------------------------------------------------------------------


def test_a_file_that_grows_is_followed_to_the_same_readings(tmp_path: Path, recording: Path, readings: bytes) -> None:
    path, said = tmp_path / "growing.jsonl", tmp_path / "said"
    octets = recording.read_bytes()
    path.write_bytes(octets[:50_000])
    command = [sys.executable, "-m", "watchlink", "replay", path, "--follow", "--json"]
    with (
        said.open("wb") as out,
        subprocess.Popen(command, cwd=_ROOT, env=_environment(tmp_path), stdout=out) as process,
    ):
        while said.stat().st_size < 10_000:
            assert process.poll() is None
        with path.open("ab") as file:
            file.write(octets[50_000:])
        # The program writes its readings in portions; what is left comes out at the end.
        while said.stat().st_size < len(readings) // 2:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    assert readings.startswith(said.read_bytes()[:200_000])


def test_two_captures_are_laid_together(tmp_path: Path, recording: Path) -> None:
    outcome = _run(tmp_path, "replay", recording, recording, "--offset", "0.5", "--json")
    assert outcome.code == 0
    seats = [json.loads(line)["person"] for line in outcome.text.splitlines() if '"type":"seat"' in line]
    assert sorted(seats) == ["Heron", "Heron (2)", "Otter", "Otter (2)", "Wren", "Wren (2)"]


def test_it_is_held_and_stepped_with_the_same_readings(tmp_path: Path, recording: Path) -> None:
    part = ["--from", "0", "--to", "60", "--json"]
    whole = _run(tmp_path, "replay", recording, *part)
    stepped = _run(tmp_path, "replay", recording, *part, "--pause", "--speed", "10000", given=b"step 3\nstep\n\n\ngo\n")
    assert stepped.code == 0
    assert stepped.out == whole.out


@pytest.mark.parametrize(
    "arguments",
    [["--follow", "--speed", "2"], ["--offset", "1"], ["--session", "1"], ["--follow", "--pause"]],
    ids=lambda arguments: " ".join(arguments),
)
def test_options_that_contradict_each_other_are_a_wrong_use(
    tmp_path: Path, recording: Path, arguments: list[str]
) -> None:
    assert _run(tmp_path, "replay", recording, *arguments).code == 2


def test_the_events_that_hrv_logger_writes_are_laid_beside(tmp_path: Path, recording: Path) -> None:
    events = tmp_path / "events.csv"
    events.write_text("date,timestamp,annotation,manual\n2025-03-15 09:05:30,315000,escalation,false\n")
    outcome = _run(tmp_path, "replay", recording, "--events", events, "--plain")
    assert "0:05:15 mark escalation" in outcome.text
