"""Records docs/tour.md: a newcomer's first quarter of an hour, typed into a real terminal, as the program answered.

Run from the top of a checkout on Linux or macOS: `python docs/tour.py`. It takes two minutes: nothing is sped up.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

_COLUMNS, _ROWS = 80, 24
_LIMIT_S = 120.0
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
# What differs from computer to computer and is nobody's business.
_OWN = ((re.compile(r"Linux \S+"), "Linux"), (re.compile(r"\d+ GB free"), "plenty of room"))

# A title, a command, and what is typed once what stands before it has been printed.
_STEPS: Sequence[tuple[str, str, Sequence[tuple[str, str]]]] = (
    (
        "Is this computer ready? (Without Bluetooth, on virtual wearables.)",
        "watchlink doctor --virtual 3 --archive sessions.sqlite3",
        (),
    ),
    ("What is near?", "watchlink scan --virtual 4 --seconds 3 --plain", ()),
    (
        "Pairing a strap",
        "watchlink pair --virtual 3 --plain --devices devices.json",
        (
            ("do not know:", "polar h10"),
            ("n for no:", ""),
            ("when that is done:", ""),
            ("listen again:", "1"),
            ("Pseudonym", "Heron"),
        ),
    ),
    ("Who is remembered?", "watchlink devices list --devices devices.json", ()),
    ("What is known of a watch?", "watchlink profiles show garmin-forerunner-245", ()),
    (
        "A session, with marks typed into it; one watch is let go of by hand and sought again",
        "watchlink live --virtual 3 --minutes 0.5 --plain --archive sessions.sqlite3",
        (
            ("Otter link streaming", "escalation 1"),
            ("mark escalation", "release Otter"),
            ("Otter link given up", "seek Otter"),
        ),
    ),
    ("What was kept?", "watchlink session list --archive sessions.sqlite3", ()),
)


def _typed(command: str, answers: Sequence[tuple[str, str]], folder: Path) -> str:
    """What a terminal shows while this is typed into it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
    environment = {**os.environ, "NO_COLOR": "1", "TERM": "xterm", "LANG": "C.UTF-8"}
    environment["PYTHONPATH"] = str(Path.cwd())
    arguments = [sys.executable, "-m", *command.split()]
    left, shown, since, seen = list(answers), "", monotonic(), 0
    with subprocess.Popen(arguments, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environment) as child:
        os.close(theirs)
        while True:
            if monotonic() - since > _LIMIT_S:
                child.kill()
                raise TimeoutError(f"{command}: waiting for {left[:1]}; so far:\n{shown}")
            if select.select([ours], [], [], 1.0)[0]:
                try:
                    shown += os.read(ours, 65536).decode(errors="replace")
                except OSError:  # the other end is closed
                    break
            if left and (at := shown.find(left[0][0], seen)) >= 0:
                seen = at + len(left[0][0])
                os.write(ours, f"{left.pop(0)[1]}\n".encode())
    os.close(ours)
    return _CONTROL.sub("", shown)


def main() -> None:
    parts = [
        "# A first quarter of an hour\n\n"
        "Recorded by `python docs/tour.py`: each command typed into a real terminal of 80 columns, and its answers.\n"
        "The wearables are virtual (`--virtual`), so that you can do the same without a watch; leave the option out,\n"
        "and it is your own.\n"
    ]
    with tempfile.TemporaryDirectory() as folder:
        for title, command, answers in _STEPS:
            text = _typed(command, answers, Path(folder))
            for pattern, instead in _OWN:
                text = pattern.sub(instead, text)
            lines = "\n".join(line.rstrip() for line in text.strip("\n").splitlines())
            parts.append(f"\n## {title}\n\n```console\n$ {command}\n{lines}\n```\n")
    Path("docs/tour.md").write_text("".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
