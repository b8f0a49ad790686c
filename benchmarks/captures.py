"""Speed and memory of reading captures, beside tshark in the same run.

    python benchmarks/captures.py [megabytes, 200] [--gigabyte]

A real capture is repeated, its times shifted so that they rise, as btsnoop and as pcapng (link type 201). tshark lists
every notification of it (`-Y btatt.opcode==0x1b -T fields`), and so do we: a process that opens the file, reads it to
its end and counts. Both counts must agree. Then: memory at a gigabyte, and the time to the first reading of a replay.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_CAPTURES = _ROOT.parent / "shared" / "data" / "captures"
_EPOCH_US = 0x00DCDDB30F2F8000
_RECORD = struct.Struct(">IIIIq")

_READ = """
import sys
from pathlib import Path
from watchlink.captures import open_capture
with open_capture(Path(sys.argv[1])) as capture:
    heart_rates = sum(type(packet).__name__ == "Notification" for packet in capture.packets)
found = capture.findings
# A child's ru_maxrss begins with its parent's; this does not.
peak_mb = next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(found.frames, found.notifications, heart_rates, peak_mb)
"""


def records(path: Path) -> list[tuple[int, int, bytes]]:
    """Flags, time and octets of a btsnoop file's records."""
    octets, at, found = path.read_bytes(), 16, []
    while at < len(octets):
        _, size, flags, _, stamp = _RECORD.unpack_from(octets, at)
        found.append((flags, stamp, octets[at + 24 : at + 24 + size]))
        at += 24 + size
    return found


def as_btsnoop(path: Path, rounds: int) -> Iterator[bytes]:
    """The capture so many times over."""
    found = records(path)
    span = found[-1][1] - found[0][1] + 1_000_000
    yield path.read_bytes()[:16]
    for number in range(rounds):
        yield b"".join(
            _RECORD.pack(len(frame), len(frame), flags, 0, stamp + number * span) + frame
            for flags, stamp, frame in found
        )


def as_pcapng(path: Path, rounds: int) -> Iterator[bytes]:
    """The same as pcapng with link type 201."""
    found = records(path)
    span = found[-1][1] - found[0][1] + 1_000_000
    section = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
    yield _block(0x0A0D0D0A, section) + _block(1, struct.pack("<HHI", 201, 0, 0))
    for number in range(rounds):
        blocks = []
        for flags, stamp, frame in found:
            at_us = stamp - _EPOCH_US + number * span
            octets = struct.pack(">I", flags & 1) + frame
            head = struct.pack("<IIIII", 0, at_us >> 32, at_us & 0xFFFFFFFF, len(octets), len(octets))
            blocks.append(_block(6, head + octets + bytes(-len(octets) % 4)))
        yield b"".join(blocks)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def timed(command: list[str]) -> tuple[float, str]:
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=_ROOT)
    return time.perf_counter() - began, done.stdout


def compare(path: Path, *, what: str, heart: bool) -> bool:
    """Print one line; whether both saw the same."""
    ours_s, said = timed([sys.executable, "-c", _READ, str(path)])
    frames, notifications, heart_rates, peak_mb = map(int, said.split())
    line = f"{what:34} {path.stat().st_size / 1e6:5.0f} MB {frames:8} frames {notifications:8} notifications  "
    line += f"ours {ours_s:6.2f} s ({1e6 * ours_s / frames:.2f} us/frame, {peak_mb} MB)"
    if shutil.which("tshark") is None:
        print(line + "  tshark is not installed", flush=True)
        return True
    fields = ["-e", "frame.time_epoch", "-e", "btatt.value"]
    theirs_s, listed = timed(["tshark", "-r", str(path), "-Y", "btatt.opcode==0x1b", "-T", "fields", *fields])
    same = listed.count("\n") == notifications and (heart_rates > 0) == heart
    print(f"{line}  tshark {theirs_s:6.2f} s  {theirs_s / ours_s:5.1f} x{'' if same else '  THEY DIFFER'}", flush=True)
    return same


def at_a_gigabyte() -> None:
    """Memory while a gigabyte comes through a pipe, without and with heart rates in it."""
    for name in ("real/btsnoop_h4_treadmill.log", "reframed/rhythm_full_btsnoop_h4.log"):
        original = _CAPTURES / name
        rounds = 1_000_000_000 // original.stat().st_size + 1
        reader = subprocess.Popen(
            [sys.executable, "-c", _READ, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT
        )
        assert reader.stdin is not None
        assert reader.stdout is not None
        began = time.perf_counter()
        size = 0
        for piece in as_btsnoop(original, rounds):
            reader.stdin.write(piece)
            size += len(piece)
        reader.stdin.close()
        frames, _, heart_rates, peak_mb = map(int, reader.stdout.read().split())
        took_s = time.perf_counter() - began
        print(f"{size / 1e9:.2f} GB of {original.name}: {frames} frames, {heart_rates} heart rates", end="")
        print(f", {peak_mb} MB, {took_s:.0f} s", flush=True)
        reader.wait()


def first_reading() -> None:
    """Seconds from the start of the program to the first line of readings."""
    path = _CAPTURES / "reframed" / "rhythm_full_btsnoop_h4.log"
    best_s = {b'"seat"': 9.0, b'"measurement"': 9.0}
    for _ in range(5):
        began = time.perf_counter()
        command = [sys.executable, "-m", "watchlink", "replay", str(path), "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=_ROOT) as replay:
            assert replay.stdout is not None
            for kind in best_s:
                while kind not in replay.stdout.readline():
                    pass
                best_s[kind] = min(best_s[kind], time.perf_counter() - began)
            replay.stdout.read()
    seat_s, reading_s = best_s.values()
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import scipy.signal"], check=True)
    scipy_s = time.perf_counter() - began
    print(f"replay: first line {seat_s:.2f} s, first reading {reading_s:.2f} s after the program's start (best of 5);")
    print(f"an empty program that loads scipy.signal takes {scipy_s:.2f} s")


def main() -> None:
    if not _CAPTURES.is_dir():
        print(f"no real recordings: {_CAPTURES} is not there")
        return
    megabytes = next((int(word) for word in sys.argv[1:] if word.isdecimal()), 200)
    same = True
    with tempfile.TemporaryDirectory() as folder:
        for name, share, heart in (
            ("real/btsnoop_h4_treadmill.log", 1.0, False),
            ("bluez/hr8_bluez566_h4.btsnoop", 0.1, True),
            ("reframed/rhythm_full_btsnoop_h4.log", 0.1, True),
        ):
            original = _CAPTURES / name
            rounds = round(share * megabytes * 1e6 / original.stat().st_size) + 1
            for make in (as_btsnoop, as_pcapng):
                path = Path(folder) / f"{original.stem}.{make.__name__}"
                with path.open("wb") as file:
                    file.writelines(make(original, rounds))
                same &= compare(path, what=f"{original.stem} {make.__name__[3:]}", heart=heart)
                path.unlink()
    if "--gigabyte" in sys.argv:
        at_a_gigabyte()
    first_reading()
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
