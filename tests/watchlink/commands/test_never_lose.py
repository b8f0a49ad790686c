"""No session is to be lost: real processes are killed, closed, starved of disk and put to sleep, and it is counted."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from watchlink.archive import SessionState
from watchlink.packets import Correction, EventKind, LinkChange, LinkState, SessionEvent

from .rooms import PEOPLE, ROOT, Rooms, has_seen, reports_of, reports_shown

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals, terminals and small disks as Linux has them")


@pytest.fixture
def rooms(tmp_path: Path) -> Rooms:
    made = Rooms(tmp_path)
    made.found()
    return made


def _labels(packets: list[object]) -> list[str]:
    return [packet.label for packet in packets if isinstance(packet, SessionEvent) and packet.kind is EventKind.MARK]


def test_a_recorder_that_is_killed_has_lost_a_second_at_most_and_its_session_goes_on(rooms: Rooms) -> None:
    with rooms.session("--json") as board:
        board.until(has_seen(3))
        board.say("begin")
        board.say("escalation 2")
        board.until(has_seen(7))
        os.kill(rooms.recorder(), signal.SIGKILL)
        code = board.rest()
        assert code == 1
        assert "The recorder of this session is gone" in board.lines[-1]
        shown = reports_shown(board)

        session, packets = rooms.stored()
        lost = set(shown) - reports_of(packets)
        assert len(shown) >= 3 * len(PEOPLE)
        assert all(at_us > max(shown) - 1_000_000 for at_us in lost)
        assert "escalation" in _labels(packets)
        assert rooms.run("mark", "undo")[0] == 1
        before = len(packets)

        with rooms.client("session", "resume", "--virtual", "--json") as again:
            again.until(has_seen(max(shown) / 1e6 + 2))
            again.say("undo")
            again.until(lambda line: '"answer"' in line)
            again.say("end")
            assert again.rest() == 0
            receipt = again.records()[-1]
    assert receipt["type"] == "receipt"
    assert "read back and whole" in receipt["lines"][0]
    resumed, packets = rooms.stored()
    assert (resumed.id, resumed.state) == (session.id, SessionState.COMPLETE)
    assert len(packets) > before
    assert [packet.at_us for packet in packets[before:]] >= [packets[before - 1].at_us]
    assert [packet for packet in packets if isinstance(packet, Correction)]
    broken = {packet.wearable for packet in packets[before:] if isinstance(packet, LinkChange)}
    assert len(broken) == len(PEOPLE)


def test_a_board_that_is_killed_stops_nothing_and_another_one_takes_its_place(rooms: Rooms) -> None:
    with rooms.session("--json", "--speed", 10) as board:
        board.until(has_seen(20))
        board.process.kill()
        board.process.wait()
        code, said = rooms.run("mark", "escalation", 2, "--ago", "15s", "--note", "from a key deck")
        assert (code, said.split(" at ")[0]) == (0, "escalation Otter")
        with rooms.client("board", "--json") as other:
            other.until(has_seen(60))
            other.say("end")
            assert other.rest() == 0
    session, packets = rooms.stored()
    assert session.state is SessionState.COMPLETE
    assert set(reports_shown(board)) | set(reports_shown(other)) <= reports_of(packets)
    (mark,) = (packet for packet in packets if isinstance(packet, SessionEvent))
    assert (mark.person, mark.note, mark.ago_us) == ("Otter", "from a key deck", 15_000_000)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_recorder_that_is_told_to_end_loses_nothing_and_says_what_is_stored(
    rooms: Rooms, ending: signal.Signals
) -> None:
    with rooms.session("--json", "--speed", 10) as board:
        board.until(has_seen(20))
        os.kill(rooms.recorder(), ending)
        code = board.rest()
    assert board.records()[-1]["type"] == "receipt"
    assert code == 0
    session, packets = rooms.stored()
    assert session.state is SessionState.COMPLETE
    assert set(reports_shown(board)) <= reports_of(packets)


def test_a_terminal_that_is_closed_ends_the_board_alone(rooms: Rooms) -> None:
    keyboard, terminal = pty.openpty()
    arguments = ("session", "start", "Lions", "--virtual", "--speed", "10", "--cohorts", rooms.folder / "cohorts.json")
    board = subprocess.Popen(
        [sys.executable, "-m", "watchlink", *map(str, arguments), "--archive", str(rooms.archive)],
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm-256color"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=_owns_its_terminal,
    )
    os.close(terminal)
    seen = b""
    while b"Heron" not in seen:
        seen += os.read(keyboard, 4096)
    os.close(keyboard)  # the window is gone: SIGHUP
    board.wait()
    with rooms.client("board", "--json") as other:
        other.until(has_seen(30))
        other.say("end")
        assert other.rest() == 0
    assert rooms.stored()[0].state is SessionState.COMPLETE


def _owns_its_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


_DISK_KB = 80 * 1024
"""Twice what a session keeps back for bad times, and a little."""


def test_on_a_full_disk_the_session_lives_on_what_it_kept_back(
    tmp_path: Path, disk_of_kb: Callable[[int], Path]
) -> None:
    small_disk = disk_of_kb(_DISK_KB)
    rooms = Rooms(tmp_path, archive_folder=small_disk)
    rooms.found()
    with rooms.session("--json", "--speed", 10) as board:
        board.until(has_seen(10))
        ballast = rooms.archive.with_name("archive.sqlite3.ballast")
        assert ballast.stat().st_size == 32 << 20
        _fill(small_disk / "rubbish")
        board.until(has_seen(60))
        board.say("end")
        assert board.rest() == 0
    assert not ballast.exists()
    session, packets = rooms.stored()
    assert session.state is SessionState.COMPLETE
    assert set(reports_shown(board)) <= reports_of(packets)


def test_what_no_disk_takes_is_put_elsewhere_and_said(tmp_path: Path, disk_of_kb: Callable[[int], Path]) -> None:
    small_disk = disk_of_kb(_DISK_KB)
    home = tmp_path / "home"
    home.mkdir()
    rooms = Rooms(tmp_path, archive_folder=small_disk, environment={"HOME": str(home)})
    rooms.found()
    with rooms.session("--json", "--speed", 10) as board:
        board.until(has_seen(10))
        rooms.archive.with_name("archive.sqlite3.ballast").unlink()
        _fill(small_disk / "rubbish")
        board.until(has_seen(60))
        board.say("status")
        board.say("end")
        assert board.rest() == 8
    receipt = board.records()[-1]
    assert any("could not be written" in line for line in receipt["lines"])
    (rescued,) = home.glob("watchlink-session-1-*.jsonl")
    elsewhere = {
        record["at_us"]
        for record in map(json.loads, rescued.read_text().splitlines())
        if record.get("type") == "notification"
    }
    _, packets = rooms.stored()
    assert elsewhere
    assert set(reports_shown(board)) <= reports_of(packets) | elsewhere


def _fill(path: Path) -> None:
    """Write until nothing more fits."""
    with path.open("wb", buffering=0) as file:
        for piece in (bytes(1 << 16), b"\0"):
            try:
                while True:
                    file.write(piece)
            except OSError:
                continue


_FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
"""Of Debian's package libfaketime: gives a program another time than the machine has, and changes it as it runs."""


@pytest.mark.skipif(not _FAKETIME.exists(), reason="libfaketime is not installed")
@pytest.mark.parametrize(
    ("moves", "shift", "gap_s"), [("the date alone", "-1h", 0.0), ("all clocks", "+600", 600.0)], ids=["back", "sleep"]
)
def test_a_date_set_back_moves_nothing_and_a_laptops_sleep_is_a_gap(
    tmp_path: Path, moves: str, shift: str, gap_s: float
) -> None:
    fake = tmp_path / "now"
    fake.write_text("+0\n")
    environment = {
        "LD_PRELOAD": str(_FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(fake),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1" if moves == "the date alone" else "0",
    }
    rooms = Rooms(tmp_path)
    with rooms.recording(environment), rooms.client("board", "--json") as board:
        board.until(has_seen(4))
        fake.write_text(f"{shift}\n")
        board.until(has_seen(8 + gap_s))
        board.say("end")
        assert board.rest() == 0
    session, packets = rooms.stored()
    times_us = sorted(reports_of(packets))
    steps = [later - earlier for earlier, later in pairwise(times_us)]
    assert times_us[0] >= 0
    assert max(steps) / 1e6 == pytest.approx(gap_s, abs=4.0)
    assert session.state is SessionState.COMPLETE
    assert set(reports_shown(board)) <= reports_of(packets)
    assert "read back and whole" in board.records()[-1]["lines"][0]
    assert not [packet for packet in packets if isinstance(packet, LinkChange) and packet.state is LinkState.GIVEN_UP]
