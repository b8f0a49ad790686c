"""How long `watchlink --help` takes, against an empty Python: the median of 15 runs each, taken in turn."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

_RUNS = 15
_COMMANDS = {"empty Python": ["-c", ""], "watchlink --help": ["-m", "watchlink", "--help"]}


def main() -> None:
    taken_s: dict[str, list[float]] = {name: [] for name in _COMMANDS}
    for _ in range(_RUNS):
        for name, arguments in _COMMANDS.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
            taken_s[name].append(time.perf_counter() - started)
    empty_s = statistics.median(taken_s["empty Python"])
    for name, runs in taken_s.items():
        median_s = statistics.median(runs)
        print(f"{name:18} {1000 * median_s:6.0f} ms  {median_s / empty_s:5.1f} x empty Python")


if __name__ == "__main__":
    main()
