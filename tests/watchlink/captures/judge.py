"""tshark as the judge of what is in a capture; tests that ask it are skipped where it is not installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_HEART_RATE = "btatt.heart_rate_measurement"
_VALUES = (f"{_HEART_RATE}.value.8", f"{_HEART_RATE}.value.16", f"{_HEART_RATE}.rr_interval")


def tshark(path: Path, display_filter: str, *fields: str) -> list[list[str]]:
    """The fields of every frame that passes the filter."""
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed (Debian package tshark)")
    asked = [word for field in fields for word in ("-e", field)]
    done = subprocess.run(
        ["tshark", "-r", str(path), "-Y", display_filter, "-T", "fields", *asked],
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.split("\t") for line in done.stdout.splitlines()]


def tshark_heart_rates(path: Path) -> list[tuple[int, ...]]:
    """Heart rate and RR intervals (in 1/1024 s) of every notification that tshark knows to be a heart rate."""
    rows = tshark(path, f"{_HEART_RATE}.flags", *_VALUES)
    return [(int(narrow or wide), *map(int, rr.split(",") if rr else ())) for narrow, wide, rr in rows]
