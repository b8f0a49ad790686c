"""`watchlink analyse` as a person meets it: a text, a capture, a session; what is printed, and what is said."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import pi, sin
from pathlib import Path

import pytest

import watchlink
from dsp import CleanSeries, analyse, clean
from watchlink.archive import Archive
from watchlink.captures import jsonl
from watchlink.commands import main
from watchlink.packets import EventKind, Notification, Packet, Seat, SessionEvent
from watchlink.reports.hrv_table import to_record

_STARTED_AT = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
_FORBIDDEN = ("stress", "anxi", "emotion", "calm", "diagnos", "risk", "abnormal")


def rr_ticks(beats: int) -> list[int]:
    """A resting heart that breathes 14 times a minute."""
    return [round(860 + 30 * sin(2 * pi * 14 / 60 * at * 0.84) + at % 7) for at in range(beats)]


def rr_ms(beats: int) -> list[float]:
    return [ticks * 1000 / 1024 for ticks in rr_ticks(beats)]


def text_of(values: list[float]) -> str:
    return "".join(f"{value}\n" for value in values)


def session(
    *, profile: str = "polar-h10", blocks: tuple[tuple[float, str], ...] = ((0.0, "baseline"),)
) -> list[Packet]:
    """Six minutes of one person with a wearable that tells each interval as it ends."""
    packets: list[Packet] = [Seat(at_us=0, person="Heron", wearable="w1", profile=profile)]
    at_ticks = 0
    for ticks in rr_ticks(430):
        at_ticks += ticks
        payload = bytes((0x10, 72)) + ticks.to_bytes(2, "little")
        packets.append(Notification(at_us=at_ticks * 1_000_000 // 1024 + 20_000, wearable="w1", payload=payload))
    packets += [SessionEvent(at_us=round(at_s * 1e6), kind=EventKind.BLOCK, label=kind) for at_s, kind in blocks]
    return sorted(packets, key=lambda packet: packet.at_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a command ended and what it said."""

    code: int | str | None
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")

    def run_main(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["watchlink", "analyse", *map(str, arguments)])
        code: int | str | None = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        return Outcome(code=code or 0, out=out, err=err)

    return run_main


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "series.txt"
    path.write_text(text_of(rr_ms(430)), encoding="utf-8")
    return path


@pytest.fixture
def capture(tmp_path: Path) -> Callable[[list[Packet]], Path]:
    def write(packets: list[Packet]) -> Path:
        path = tmp_path / "capture.jsonl"
        path.write_text("".join(jsonl.lines(_STARTED_AT, packets)), encoding="utf-8")
        return path

    return write


# --- texts -----------------------------------------------------------------------------------------------------------


def test_the_table_holds_the_library_s_numbers_within_80_columns(run: Run, text: Path) -> None:
    done = run(text)
    assert (done.code, done.err) == (0, "")
    expected = analyse(clean(rr_ms(430)))
    time_domain = expected.hrv.time_domain
    assert f"{time_domain.rmssd_ms:.1f}  ms" in done.out
    assert f"{time_domain.mean_heart_rate_bpm:.1f}  bpm" in done.out
    assert "430 beats, 429 pairs" in done.out
    assert "14.0 breaths a minute" in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    assert [word for word in _FORBIDDEN if word in done.out.casefold()] == []


def test_json_is_the_record_and_csv_the_same_numbers(run: Run, text: Path) -> None:
    (line,) = run(text, "--json").out.splitlines()
    record = json.loads(line)
    assert record == json.loads(json.dumps(to_record(analyse(clean(rr_ms(430))), person=None)))
    (row,) = csv.DictReader(io.StringIO(run(text, "--csv").out))
    assert float(row["rmssd_ms"]) == record["rmssd_ms"]
    assert [float(row["rmssd_ms_low"]), float(row["rmssd_ms_high"])] == record["intervals_95_pct"]["rmssd_ms"]
    for method in ("welch", "lomb", "ar"):
        assert float(row[f"{method}_hf_ms2"]) == record[method]["hf_ms2"]
    assert float(row["breaths_per_min"]) == record["breathing"]["breaths_per_min"]
    assert None not in row
    assert None not in row.values()


def test_windows_come_at_steps_and_the_last_ends_with_the_recording(run: Run, text: Path) -> None:
    records = [json.loads(line) for line in run(text, "--window", 120, "--step", 60, "--json").out.splitlines()]
    total_s = sum(rr_ms(430)) / 1000
    first_s = rr_ms(1)[0] / 1000
    steps = int((total_s - first_s) // 60)
    assert [record["at_s"] for record in records] == pytest.approx(
        [*(first_s + 60 * step for step in range(1, steps + 1)), total_s]
    )
    assert {record["window_s"] for record in records} == {120}
    head, *lines = run(text, "--window", 120).out.splitlines()
    assert head.split()[:3] == ["until", "HR", "bpm"]
    assert len(lines) == 4
    expected = [json.loads(line) for line in run(text, "--window", 120, "--json").out.splitlines()]
    assert [line.split()[2] for line in lines] == [f"{record['rmssd_ms']:.1f}" for record in expected]
    assert max(map(len, [head, *lines])) <= 80


def test_standard_input_and_gzip_are_read_too(
    run: Run, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run(text, "--json").out
    packed = tmp_path / "whatever.bin"
    packed.write_bytes(gzip.compress(text.read_bytes()))
    assert run(packed, "--json").out == expected
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(text.read_bytes()))))
    assert run("-", "--json").out == expected


def test_seconds_are_named_and_read_when_told(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "s.txt"
    path.write_text(text_of([value / 1000 for value in rr_ms(430)]), encoding="utf-8")
    refused = run(path)
    assert refused.code == 8
    assert "look like seconds" in refused.err
    assert "--unit s" in refused.err
    assert run(path, "--unit", "s").code == 0
    path.write_text(text_of(rr_ms(430)), encoding="utf-8")
    wrong = run(path, "--unit", "s")
    assert wrong.code == 8
    assert "Leave out --unit s" in wrong.err


def test_holes_of_a_sensor_that_drops_beats_are_not_bridged(run: Run, tmp_path: Path) -> None:
    """As Empatica writes: the start in the place of a name, seconds, and only the beats that it believes."""
    path = tmp_path / "IBI.csv"
    ends_s = [sum(rr_ms(at + 1)) / 1000 for at in range(200)]
    rows = [f"{end_s:.6f},{value / 1000:.6f}\n" for end_s, value in zip(ends_s, rr_ms(200), strict=True)]
    path.write_text("1644227584.000000, IBI\n" + "".join(rows[:90] + rows[110:]), encoding="utf-8")
    record = json.loads(run(path, "--unit", "s", "--json").out)
    assert (record["beats"], record["pairs"]) == (180, 178)


def test_a_pipe_on_windows_takes_the_table(text: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "watchlink", "analyse", str(text)],
        cwd=Path(watchlink.__file__).parents[1],
        env={**os.environ, "XDG_DATA_HOME": str(tmp_path), "PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert "ms²" in done.stdout.decode("cp1252")


@pytest.mark.parametrize(
    ("content", "code", "sentence"),
    [
        (b"", 8, "is empty"),
        (b"800\nabc\n", 8, "line 2: 'abc' is no number"),
        (b"800\nnan\n810\n", 8, "line 2: 'nan' is no number"),
        (b"800\n-5\n", 8, "line 2: no interval is -5 ms long"),
        (b"800\n0\n", 8, "line 2: no interval is 0 ms long"),
        (b"72\n" * 300, 8, "looks like heart rates in bpm"),
        ("800\n810\n".encode("utf-16-le"), 8, "no capture that watchlink knows"),
        (b"8" * (1 << 26) + b"8", 8, "holds more than 64 MB of text"),
        (gzip.compress(b"8" * (1 << 26) + b"8"), 8, "holds more than 64 MB of text"),
        (b"\x00\x01\x02\x03", 8, "no capture that watchlink knows"),
        (b"800\n" * 5, 7, "too few beats"),
        (b"800\n1600\n400\n" * 100, 7, "Nothing in it carries a variability"),
        (b"\x1f\x8b\x08truncated", 8, "cannot be read"),
    ],
)
def test_a_bad_file_ends_with_a_sentence_and_its_code(
    run: Run, tmp_path: Path, content: bytes, code: int, sentence: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    done = run(path)
    assert done.code == code
    assert sentence in done.err
    assert "Traceback" not in done.err


def test_equal_intervals_have_a_table_without_what_they_lack(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "flat.txt"
    path.write_text("800\n" * 400, encoding="utf-8")
    done = run(path)
    assert done.code == 0
    assert "RMSSD                   0.0  ms" in done.out
    assert "ln RMSSD. RMSSD is 0" in " ".join(done.out.split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Name a file, or a session"),
        (("x.txt", "--session", "1"), "one of the two"),
        (("x.txt", "--step", "5"), "A step needs a window"),
        (("x.txt", "--json", "--csv"), "one of the two"),
        (("x.txt", "--window", "2"), "--window"),
        (("x.txt", "--window", "nan"), "--window"),
        (("x.txt", "--window", "inf"), "last a number of seconds"),
        (("x.txt", "--window", "60", "--step", "inf"), "last a number of seconds"),
    ],
)
def test_what_makes_no_sense_is_usage(run: Run, arguments: tuple[str, ...], sentence: str) -> None:
    done = run(*arguments)
    assert done.code == 2
    assert sentence in " ".join(done.err.replace("│", " ").split())


def test_a_missing_file_says_so(run: Run, tmp_path: Path) -> None:
    done = run(tmp_path / "nowhere.txt")
    assert done.code == 8
    assert "nowhere.txt cannot be read: No such file" in done.err


# --- captures and sessions -------------------------------------------------------------------------------------------


def test_a_capture_goes_the_way_of_every_session(run: Run, capture: Callable[[list[Packet]], Path]) -> None:
    done = run(capture(session()), "--json")
    (record,) = [json.loads(line) for line in done.out.splitlines()]
    assert record["person"] == "Heron"
    assert record["beats"] >= 425
    assert record["rmssd_ms"] == pytest.approx(analyse(clean(rr_ms(430))).hrv.time_domain.rmssd_ms, rel=0.02)


def test_what_was_said_or_moved_in_is_left_out_with_the_reason(
    run: Run, capture: Callable[[list[Packet]], Path]
) -> None:
    blocks = ((0.0, "baseline"), (120.0, "role-play"), (200.0, "recovery"))
    path = capture(session(blocks=blocks))
    done = run(path, "--json")
    (record,) = [json.loads(line) for line in done.out.splitlines()]
    assert 300 < record["beats"] < 345
    assert "Heron: " in done.err
    assert "beats left out: talking makes breathing irregular." in done.err
    ends_s = [json.loads(line)["at_s"] for line in run(path, "--window", 60, "--json").out.splitlines()]
    assert not [end_s for end_s in ends_s if 121 < end_s < 200]


def test_a_watch_that_sends_no_intervals_has_no_hrv_and_says_so(
    run: Run, capture: Callable[[list[Packet]], Path]
) -> None:
    payload = bytes((0, 72))
    packets: list[Packet] = [Seat(at_us=0, person="Wren", wearable="w1", profile="generic")]
    packets += [Notification(at_us=at * 1_000_000, wearable="w1", payload=payload) for at in range(1, 90)]
    done = run(capture(packets))
    assert (done.code, done.out) == (5, "")
    assert "Wren: no HRV: this wearable sends no usable intervals between beats." in done.err
    briefly = run(capture(packets[:10]))
    assert briefly.code == 5
    assert "Wren: no HRV: no interval between beats came." in briefly.err


def test_the_unit_of_a_capture_is_not_the_person_s_to_say(run: Run, capture: Callable[[list[Packet]], Path]) -> None:
    done = run(capture(session()), "--unit", "ms")
    assert done.code == 2
    assert "--unit is for text files" in " ".join(done.err.replace("│", " ").split())


def test_names_of_people_cannot_steer_the_terminal(run: Run, capture: Callable[[list[Packet]], Path]) -> None:
    packets = session()
    packets[0] = Seat(at_us=0, person="He\x1b[2Jron", wearable="w1", profile="polar-h10")
    path = capture(packets)
    for arguments in ((), ("--window", 60), ("--person", "Otter")):
        done = run(path, *arguments)
        assert "\x1b" not in done.out + done.err
        assert "ron" in done.out + done.err


def test_who_vouches_for_rest_gets_the_beats_of_an_unknown_wearable(
    run: Run, capture: Callable[[list[Packet]], Path]
) -> None:
    path = capture(session(profile="generic", blocks=()))
    refused = run(path)
    assert refused.code == 5
    assert "optical intervals hold at rest only" in refused.err
    assert "--at-rest" in refused.err
    assert run(path, "--at-rest").code == 0
    talking = capture(session(blocks=((0.0, "role-play"),)))
    assert run(talking).code == 5
    assert run(talking, "--at-rest").code == 0


def test_a_stored_session_and_one_person_of_it(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    with Archive(path) as archive:
        recorder = archive.begin(title="Practice", started_at=_STARTED_AT)
        for packet in session():
            recorder.accept(packet)
        recorder.close()
    done = run("--session", 1, "--archive", path, "--person", "Heron")
    assert done.code == 0
    assert done.out.startswith("Heron\n")
    nobody = run("--session", 1, "--archive", path, "--person", "Otter")
    assert nobody.code == 2
    assert "There are: Heron" in " ".join(nobody.err.replace("│", " ").split())


def test_a_capture_without_heart_rate_says_so(run: Run, capture: Callable[[list[Packet]], Path]) -> None:
    done = run(capture([]))
    assert done.code == 8
    assert "no heart-rate notification" in done.err


# --- the page --------------------------------------------------------------------------------------------------------


def _blocks(page: str, language: str) -> Iterator[str]:
    for part in page.split(f"```{language}\n")[1:]:
        yield part.split("```", 1)[0]


def test_the_page_s_ten_lines_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(watchlink.__file__).parents[1] / "docs" / "how-to" / "analyse-a-recording.md").read_text("utf-8")
    (code,) = _blocks(page, "python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    (tmp_path / "rr.txt").write_text(text_of(rr_ms(430)), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "page", "exec"), {})
    printed = capsys.readouterr().out
    expected = analyse(clean(rr_ms(430))).hrv.time_domain.rmssd_ms
    assert f"rmssd_ms {expected:.2f}" in " ".join(printed.split())


def test_a_pipe_that_knows_only_ascii_gets_the_table(text: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "watchlink", "analyse", str(text)],
        cwd=Path(watchlink.__file__).parents[1],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "XDG_DATA_HOME": str(tmp_path)},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"ms?" in done.stdout


def test_nothing_is_lost_between_a_series_and_its_beats() -> None:
    series = clean(rr_ms(60))
    again = CleanSeries.of(list(series.beats()))
    for name in ("at_s", "nn_ms", "label", "corrected", "gap_before"):
        assert getattr(again, name).tolist() == getattr(series, name).tolist()
