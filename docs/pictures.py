"""Draws docs/session.svg: the demo's board in the middle of a session, as the program itself shows it.

Run from the top of a checkout: `python docs/pictures.py`.
"""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from watchlink.board.state import BoardFold
from watchlink.board.view import render_board
from watchlink.clock import VirtualClock
from watchlink.hub import Item, run_session
from watchlink.session import default_plan
from watchlink.sources.virtual.cohort import VirtualCohort
from watchlink.sources.virtual.practice import practice
from watchlink.timeline import Timeline

_AT_US = round((1 * 3600 + 32 * 60 + 50) * 1e6)
_COLUMNS = 104
# Rich's own frame without its web fonts: a picture must not call anybody up when it is looked at.
_SVG = re.sub(r"@font-face {{.*?}}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


class Picture:
    """Sink: draws the board once."""

    def __init__(self) -> None:
        self._fold = BoardFold()
        self._drawn = False

    def accept(self, item: Item) -> None:
        self._fold.accept(item)

    def tick(self, now_us: int, *, trouble: str | None) -> None:
        self._fold.trouble = trouble
        if now_us >= _AT_US and not self._drawn:
            self._drawn = True
            console = Console(
                record=True, width=_COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor"
            )
            console.print(render_board(self._fold.at(now_us), width=_COLUMNS))
            path = Path(__file__).parent / "session.svg"
            console.save_svg(str(path), title="watchlink demo", code_format=_SVG)

    def close(self, timeline: Timeline) -> None:
        pass


def main() -> None:
    clock = VirtualClock(started_at=datetime(2026, 1, 1, tzinfo=UTC))
    cohort = VirtualCohort(practice(plan=default_plan(), people=8, seed=1), clock=clock)
    clock.run(run_session(cohort, clock=clock, recorder=None, sinks=[Picture()], until_us=_AT_US + 1_000_000))


if __name__ == "__main__":
    main()
