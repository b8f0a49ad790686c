"""A coverage-guided fuzzer (atheris) on everything that reads captures: never anything but a CaptureError.

    pip install atheris        # Apache-2.0; Linux and macOS
    python benchmarks/fuzz_captures.py [seconds, 60]

Begins with the first 4 kB of every real capture in ../shared/data and with a small one of each format, keeps what
reaches new branches, and stops with the input in crash-* (or timeout-*, oom-*) if anything else is raised, an input
takes longer than five seconds, or more than 300 MB are used.
"""

from __future__ import annotations

import os
import struct
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["watchlink.captures"]):
    from watchlink.captures import open_capture
from watchlink.errors import CaptureError
from watchlink.packets import Packet

_ROOT = Path(__file__).resolve().parents[1]
_CAPTURES = _ROOT.parent / "shared" / "data" / "captures"
_LONGEST = 1 << 16


def read(octets: bytes) -> None:
    """Read it as a capture, in two pieces; whatever it holds, only a CaptureError may come of it."""
    half = len(octets) // 2
    try:
        with open_capture(Path(os.devnull), pieces=lambda _: iter((octets[:half], octets[half:]))) as capture:
            for packet in capture.packets:
                assert isinstance(packet, Packet)
            assert capture.findings.frames <= len(octets)
    except CaptureError:
        pass


def seeds(folder: Path) -> int:
    """Put inputs to begin with into a folder; how many."""
    small = {
        "jsonl": b'{"watchlink_capture": 1, "started_at": "2026-01-01T09:00:00+00:00"}\n'
        b'{"at_us": 1, "type": "notification", "wearable": "w1", "payload": "104a6103"}\n',
        "pcapng": struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
        + struct.pack("<IIHHII", 1, 20, 254, 0, 0, 20),
        "text": b"t_s,rr_ms\n0.8,800\n1.6,805\n",
        "nordic": struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 272) + bytes(60),
        "btsnoop 1001": struct.pack(">8sII", b"btsnoop\0", 1, 1001) + bytes(48),
        "PacketLogger": struct.pack(">IIIB", 13, 1, 1, 1) + bytes(4),
    }
    found = list(_CAPTURES.rglob("*.log")) + [p for s in ("pcap", "pklg", "btsnoop") for p in _CAPTURES.rglob(f"*.{s}")]
    inputs = [*small.values(), *(path.read_bytes()[:4_000] for path in sorted(found))]
    for number, octets in enumerate(inputs):
        (folder / f"seed-{number}").write_bytes(octets)
    return len(inputs)


def main() -> None:
    seconds = next((int(word) for word in sys.argv[1:] if word.isdecimal()), 60)
    with tempfile.TemporaryDirectory() as folder:
        print(f"{seeds(Path(folder))} inputs to begin with, {seconds} s", flush=True)
        limits = ["-timeout=5", "-rss_limit_mb=300", f"-max_len={_LONGEST}", f"-max_total_time={seconds}"]
        atheris.Setup([sys.argv[0], folder, "-print_final_stats=1", *limits], read)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
