"""Draws the pictures of the documentation, as the program shows what is on them; they load nothing from anywhere.

Run from the top of a checkout, with tmux installed: `python docs/pictures.py`. `session.svg` is the demo's board in the
middle of a session; the others are screens of a facilitator's session in a real terminal.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, RenderableType
from rich.text import Text

from watchlink.board.state import BoardFold, Keeping
from watchlink.board.view import render_board
from watchlink.clock import VirtualClock
from watchlink.hub import Item, run_session
from watchlink.session import default_plan
from watchlink.sources.virtual.cohort import VirtualCohort
from watchlink.sources.virtual.practice import practice
from watchlink.timeline import Timeline

_DOCS = Path(__file__).parent
sys.path.insert(0, str(_DOCS.parent / "tests" / "watchlink" / "board"))

from tmux import screens, session  # noqa: E402 - the steps are those that the tests go through

_AT_US = round((1 * 3600 + 32 * 60 + 50) * 1e6)
_COLUMNS = 104
# Rich's own frame without its web fonts.
_SVG = re.sub(r"@font-face {{.*?}}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
_WANTED = {80: {"before", "marked", "person", "sharing"}, 160: {"marked"}}


def _draw(what: RenderableType, *, name: str, title: str, columns: int) -> None:
    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(what)
    console.save_svg(str(_DOCS / f"{name}.svg"), title=title, code_format=_SVG)


class Picture:
    """Sink: draws the board once."""

    def __init__(self) -> None:
        self._fold = BoardFold()
        self._drawn = False

    def accept(self, item: Item) -> None:
        self._fold.accept(item)

    def tick(self, now_us: int, *, trouble: str | None) -> None:
        self._fold.keeping = Keeping(trouble=trouble)
        if now_us >= _AT_US and not self._drawn:
            self._drawn = True
            board = render_board(self._fold.at(now_us), width=_COLUMNS)
            _draw(board, name="session", title="watchlink demo", columns=_COLUMNS)

    def close(self, timeline: Timeline) -> None:
        pass


def main() -> None:
    clock = VirtualClock(started_at=datetime(2026, 1, 1, tzinfo=UTC))
    cohort = VirtualCohort(practice(plan=default_plan(), people=8, seed=1), clock=clock)
    clock.run(run_session(cohort, clock=clock, recorder=None, sinks=[Picture()], until_us=_AT_US + 1_000_000))
    for columns, rows in ((80, 24), (160, 48)):
        with tempfile.TemporaryDirectory() as folder, session(Path(folder), columns=columns, rows=rows) as terminal:
            for name in screens(terminal):
                if name in _WANTED[columns]:
                    terminal.drawn()
                    screen = Text.from_ansi(terminal.screen(colours=True).rstrip("\n"))
                    _draw(screen, name=f"board-{name}-{columns}", title="watchlink session start", columns=columns)


if __name__ == "__main__":
    main()
