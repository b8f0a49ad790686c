"""What a session costs: the real program in a terminal of its own, eight virtual wearables at the pace of real ones.

`python benchmarks/board.py [MINUTES]` (2 unless said). Printed are the share of one core and the memory of the recorder
and of the board, how often the board is drawn, and how long after a key its mark can be read. The recorder carries the
virtual air and eight Bluetooth hosts besides, which a real session does not.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path
from statistics import median

from watchlink.board.door import read_running

_PEOPLE = ("Heron", "Otter", "Wren", "Ibis", "Lark", "Marten", "Finch", "Robin")
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_SIZE = (24, 80)
# What stands before a mark that is noted.
_NOTED = "✓".encode()


class _Terminal:
    """A program in a terminal, and all that it has drawn."""

    def __init__(self, command: list[str]) -> None:
        self.keyboard, screen = pty.openpty()
        fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", *_SIZE, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONUTF8": "1"}
        self.process = subprocess.Popen(
            command, stdin=screen, stdout=screen, stderr=screen, env=environment, start_new_session=True
        )
        os.close(screen)

    def read(self, *, seconds: float, until: bytes = b"") -> tuple[bytes, list[float]]:
        """What is drawn within so many seconds, or until these bytes are; and when each piece of it came."""
        drawn, came = b"", []
        ends_s = time.perf_counter() + seconds
        while (left_s := ends_s - time.perf_counter()) > 0:
            ready, _, _ = select.select([self.keyboard], [], [], left_s)
            if ready:
                drawn += os.read(self.keyboard, 1 << 16)
                came.append(time.perf_counter())
                if until and until in drawn:
                    break
        return drawn, came

    def press(self, keys: str) -> None:
        os.write(self.keyboard, keys.encode())


def _cpu_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _memory_mb(process: int, what: str = "Pss") -> float:
    """Of now: Pss counts what programs share by halves, so that it may be summed; Rss counts it for each."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{what}:")).split()[1]) / 1024


def _draws_per_s(came: list[float]) -> float:
    bursts = [at for at, before in zip(came[1:], came, strict=False) if at - before > 0.05]
    return len(bursts) / (came[-1] - came[0])


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    with tempfile.TemporaryDirectory() as folder:
        archive, cohorts = Path(folder) / "archive.sqlite3", Path(folder) / "cohorts.json"
        program = [sys.executable, "-m", "watchlink"]
        subprocess.run(
            [*program, "cohort", "new", "Lions", *_PEOPLE, "--cohorts", str(cohorts), "--devices", f"{folder}/d.json"],
            check=True,
            capture_output=True,
        )
        for person in _PEOPLE:
            share = [*program, "cohort", "share", "Lions", person, "all", "--cohorts", str(cohorts)]
            subprocess.run(share, check=True, capture_output=True)
        start = ["session", "start", "Lions", "--virtual", "--cohorts", str(cohorts), "--archive", str(archive)]
        terminal = _Terminal([*program, *start])
        try:
            terminal.read(seconds=60, until=b"Before we begin")
            running = read_running(archive)
            assert running is not None
            recorder, board = running.process, terminal.process.pid
            terminal.press("\r")
            terminal.read(seconds=10, until=b"Esc goes back")
            terminal.press("\r")
            terminal.read(seconds=10, until=_NOTED)
            since_s, before = time.perf_counter(), (_cpu_s(recorder), _cpu_s(board))
            latencies_ms: list[float] = []
            came: list[float] = []
            memory_mb: list[tuple[float, float]] = []
            while (elapsed_s := time.perf_counter() - since_s) < 60 * minutes:
                _, some = terminal.read(seconds=min(10.0, 60 * minutes - elapsed_s))
                came += some
                memory_mb.append((_memory_mb(recorder), _memory_mb(board)))
                pressed_s = time.perf_counter()
                terminal.press("2e")
                drawn, _ = terminal.read(seconds=5, until=_NOTED)
                if _NOTED in drawn:
                    latencies_ms.append(1000 * (time.perf_counter() - pressed_s))
            took_s = time.perf_counter() - since_s
            shares = [
                100 * (now - then) / took_s for now, then in zip((_cpu_s(recorder), _cpu_s(board)), before, strict=True)
            ]
            resident_mb = [_memory_mb(recorder, "Rss"), _memory_mb(board, "Rss")]
        finally:
            terminal.process.kill()
            if (left := read_running(archive)) is not None:
                os.kill(left.process, signal.SIGTERM)
                while read_running(archive) is not None:
                    time.sleep(0.1)
    latencies_ms.sort()
    figures = {
        "minutes": round(took_s / 60, 1),
        "recorder_pct_of_a_core": round(shares[0], 2),
        "board_pct_of_a_core": round(shares[1], 2),
        "both_pct_of_a_core": round(sum(shares), 2),
        "recorder_mb": round(max(one for one, _ in memory_mb)),
        "board_mb": round(max(one for _, one in memory_mb)),
        "both_mb": round(max(map(sum, memory_mb))),
        "both_first_mb": round(sum(memory_mb[0])),
        "both_resident_mb_shared_pages_twice": round(sum(resident_mb)),
        "draws_per_s": round(_draws_per_s(came), 2),
        "marks": len(latencies_ms),
        "key_to_mark_ms_median": round(median(latencies_ms), 1),
        "key_to_mark_ms_worst": round(latencies_ms[-1], 1),
    }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
