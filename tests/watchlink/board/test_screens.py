"""The real program in a real terminal, at two sizes: its screens are as they were kept, but for hearts and clocks.

`WATCHLINK_KEEP_SCREENS=1 pytest tests/watchlink/board/test_screens.py` keeps them anew; then look at what changed.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from .tmux import masked, screens, session

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

_KEPT = Path(__file__).parent / "screens"


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (160, 48)])
def test_the_screens_of_a_session_are_as_they_were_kept(tmp_path: Path, columns: int, rows: int) -> None:
    seen: dict[str, str] = {}
    with session(tmp_path, columns=columns, rows=rows) as terminal:
        for name in screens(terminal):
            screen = terminal.drawn()
            assert len(screen.splitlines()) <= rows
            assert max(map(len, screen.splitlines())) <= columns
            seen[name] = masked(screen)
    for name, screen in seen.items():
        kept = _KEPT / f"{name}-{columns}.txt"
        if os.environ.get("WATCHLINK_KEEP_SCREENS"):
            kept.parent.mkdir(exist_ok=True)
            kept.write_text(screen, "utf-8")
        assert screen == kept.read_text("utf-8"), f"{name} at {columns} columns"
    assert len(seen) == 8
