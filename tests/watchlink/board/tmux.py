"""The real program in a real terminal: a cohort's session on virtual wearables, driven by keys, its screens read back.

The steps are those of the facilitator's guide; `docs/pictures.py` draws its pictures from the same screens.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from time import monotonic

from watchlink.cohorts import Cohort, Member, save_cohorts
from watchlink.consent import wording
from watchlink.packets import Purpose

_ROOT = Path(__file__).resolve().parents[3]
_LIMIT_S = 30.0
_LOOKS = 40
_MOST_LOOKS = 2000
_SPEED = 20
_SHARES = {
    **dict.fromkeys(("Heron", "Otter", "Wren", "Ibis", "Lark", "Marten"), frozenset(Purpose)),
    "Finch": frozenset({Purpose.HEART_RATE, Purpose.RISES}),
    "Robin": frozenset[Purpose](),
}


class Terminal:
    """A terminal of its own, with a program in it."""

    def __init__(self, folder: Path, columns: int, rows: int) -> None:
        self._socket = str(folder / "tmux")
        self._folder = folder
        self._size = ["-x", str(columns), "-y", str(rows)]

    def run(self, *arguments: object) -> None:
        """Start a program of ours in it."""
        environment = f"env -u NO_COLOR -u COLUMNS -u LINES COLORTERM=truecolor PYTHONPATH={_ROOT}"
        command = f"{environment} {sys.executable} -m watchlink {' '.join(map(str, arguments))}; exec cat"
        self._tmux("new-session", "-d", *self._size, command)
        self._tmux("set-option", "-g", "status", "off")

    def close(self) -> None:
        """Take it away."""
        self._tmux("kill-server")

    def press(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        self._tmux("send-keys", *keys)

    def screen(self, *, colours: bool = False) -> str:
        """What can be read now."""
        return self._tmux("capture-pane", "-p", *(["-e"] if colours else []))

    def drawn(self) -> str:
        """What can be read, once all of it is drawn: several looks in a row agree, but for hearts and clocks."""
        looks = [masked(self.screen())]
        while len(looks) < _LOOKS or len(set(looks[-_LOOKS:])) > 1:
            looks.append(masked(self.screen()))
            assert len(looks) < _MOST_LOOKS, f"it is never the same:\n{looks[-1]}"
        return self.screen()

    def until(self, wanted: Callable[[str], bool]) -> None:
        """Wait until a screen is as wanted."""
        since_s = monotonic()
        while not wanted(screen := self.screen()):
            assert monotonic() - since_s < _LIMIT_S, f"it never came to that:\n{screen}"

    def reads(self, words: str) -> None:
        """Wait until this can be read."""
        self.until(lambda screen: words in screen)

    def _tmux(self, *arguments: str) -> str:
        return subprocess.run(
            ["tmux", "-S", self._socket, "-f", os.devnull, *arguments], check=True, capture_output=True, text=True
        ).stdout


@contextmanager
def session(folder: Path, *, columns: int, rows: int) -> Iterator[Terminal]:
    """A session of eight in week 2, before it begins; ended and gone afterwards."""
    on = date(2026, 3, 1)
    members = tuple(Member(alias=who, shares=what, agreed_on=on, wording=wording()) for who, what in _SHARES.items())
    save_cohorts(folder / "cohorts.json", [Cohort(name="Lions", members=members, made_on=on)])
    archive = folder / "archive.sqlite3"
    terminal = Terminal(folder, columns, rows)
    terminal.run(
        *("session", "start", "Lions", "--virtual", "--speed", _SPEED, "--week", 2),
        *("--cohorts", folder / "cohorts.json", "--archive", archive),
    )
    try:
        yield terminal
    finally:
        end = [sys.executable, "-m", "watchlink", "mark", "end", "--archive", str(archive)]
        subprocess.run(end, cwd=_ROOT, check=False, capture_output=True)
        terminal.close()


def screens(terminal: Terminal) -> Iterator[str]:
    """Go through a session; at each name that is given, the screen is there to be looked at. Ends it."""
    terminal.reads("Before we begin")
    terminal.until(lambda screen: screen.count("good 1") + screen.count("good 9") == 8)
    terminal.until(lambda screen: "wait" not in screen)
    yield "before"
    terminal.press("?")
    terminal.reads("The session waits for you")
    yield "help-before"
    terminal.press("Escape")
    terminal.until(lambda screen: "waits for you" not in screen)
    terminal.press("Enter")
    terminal.reads("All is well. Enter")
    terminal.press("Enter")
    terminal.reads("Silent baseline 1/12")
    terminal.press(">")
    terminal.reads("Press > once more")
    terminal.press(">")
    terminal.reads("Role-play A 2/12")
    terminal.reads("speaks  ")
    terminal.press("1")
    terminal.reads("1 Heron: now a letter")
    yield "person-chosen"
    terminal.press("e")
    terminal.reads("escalation Heron at")
    terminal.until(lambda screen: "escalati 0:" in screen or "escalation 0:" in screen)
    yield "marked"
    terminal.press("1", "Enter")
    terminal.reads("last minute")
    yield "person"
    terminal.press("Escape")
    terminal.until(lambda screen: "last minute" not in screen)
    terminal.press("8", "c")
    terminal.reads("Robin decides")
    yield "sharing"
    terminal.press("Escape")
    terminal.until(lambda screen: "Robin decides" not in screen)
    terminal.press("b")
    terminal.reads("The board is blank")
    yield "blank"
    terminal.press("b")
    terminal.reads("Heron")
    terminal.press("q")
    terminal.reads("Leave the board, or end the session?")
    yield "quit"
    terminal.press("e")
    terminal.reads("packets stored")


_BARS = re.compile("[▁▂▃▄▅▆▇█]+( +[▁▂▃▄▅▆▇█]+)*")
_USUAL = re.compile(r"[▽·△▲] (below|usual|above|well above) [+-]\d+")


def masked(screen: str) -> str:
    """A screen without what hearts and clocks decide: numbers, bars, how a heart rate stands, widths of columns."""
    text = _BARS.sub("~", screen)
    text = _USUAL.sub("<usual>", text)
    text = re.sub(r"\d+", "#", text)
    lines = (re.sub(r"[ ─]+", " ", line).rstrip() for line in text.splitlines())
    lines = (re.sub(r"(?<=%) (# ms|-) # s( #)?", " ...", line) for line in lines)
    lines = (re.sub(r"# # (# )*", "# ", line) for line in lines)
    return "\n".join(lines).rstrip() + "\n"
