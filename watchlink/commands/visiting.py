"""Looking into a running session from outside: the board, plain lines, NDJSON, a single mark."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from watchlink.commands.running import say
from watchlink.texts import shown

if TYPE_CHECKING:
    from watchlink.board.visit import Visit
    from watchlink.board.wire import Answered, View

LEFT = "Recording goes on. `watchlink board` comes back to it; `watchlink mark end` ends it."


def look(archive: Path, view: View, *, ascii_only: bool = False) -> int:
    """Look into the session that is recorded into `archive` until it ends or the person leaves; the exit code.

    Raises:
        NoSessionError: none is running, or it is gone.
    """
    from watchlink.board.wire import View

    if view is View.BOARD:
        from rich.console import Console

        from watchlink.board.app import run_board

        ended = run_board(archive, ascii_only=ascii_only or Console().options.ascii_only)
        if ended is None:
            say(LEFT)
            return 0
        for line in ended.receipt:
            print(shown(line))  # noqa: T201
        return ended.code
    try:
        return asyncio.run(_listen(archive, view))
    except KeyboardInterrupt:
        say(LEFT)
        raise


def say_once(archive: Path, line: str) -> Answered:
    """Say a line at the desk of the session that is recorded into `archive`.

    Raises:
        NoSessionError: none is running, or it is gone.
    """
    from watchlink.board.visit import Visit
    from watchlink.board.wire import View

    async def once() -> Answered:
        async with Visit(archive, view=View.NOTHING) as visit:
            return await visit.say(line)

    return asyncio.run(once())


def answers(archive: Path) -> bool:
    """Whether the session that is said to be recorded into `archive` really is."""
    from watchlink.board.visit import Visit
    from watchlink.board.wire import View
    from watchlink.errors import NoSessionError

    async def ask() -> None:
        async with Visit(archive, view=View.NOTHING):
            pass

    try:
        asyncio.run(ask())
    except NoSessionError:
        return False
    return True


async def _listen(archive: Path, view: View) -> int:
    """Print what comes, and say what is typed."""
    from watchlink.board.visit import Visit
    from watchlink.board.wire import Ended, Text, View
    from watchlink.errors import NoSessionError

    as_json = view is View.JSON
    async with Visit(archive, view=view) as visit:
        loop = asyncio.get_running_loop()
        typed: asyncio.Queue[str] = asyncio.Queue()
        threading.Thread(target=_read, args=(loop, typed), daemon=True, name="typed lines").start()
        saying = asyncio.create_task(_say_all(visit, typed, as_json=as_json))
        try:
            async for message in visit:
                if isinstance(message, Text):
                    sys.stdout.write(message.text)
                    sys.stdout.flush()
                elif isinstance(message, Ended):
                    if as_json:
                        print(json.dumps({"type": "receipt", "lines": message.receipt, "code": message.code}))  # noqa: T201
                    else:
                        print("\n".join(map(shown, message.receipt)))  # noqa: T201
                    sys.stdout.flush()
                    return message.code
        finally:
            saying.cancel()
    raise NoSessionError(
        "The recorder of this session is gone. What was recorded is in the archive; take the session up again with "
        "`watchlink session resume`."
    )


async def _say_all(visit: Visit, typed: asyncio.Queue[str], *, as_json: bool) -> None:
    from watchlink.board.wire import Answered
    from watchlink.errors import NoSessionError

    while True:
        line = await typed.get()
        try:
            answer = await visit.say(line)
        except NoSessionError as error:  # of this line; the next one is said all the same
            answer = Answered(number=0, done=False, words=f"{line}: {error}", advice="")
        if as_json:
            record = {"type": "answer", "done": answer.done, "words": answer.words, "advice": answer.advice}
            print(json.dumps(record, ensure_ascii=False), flush=True)  # noqa: T201
        else:
            for text in (answer.words, answer.advice):
                for line in text.splitlines():
                    say(f"{'' if answer.done else 'NOT noted: '}{line}")


def _read(loop: asyncio.AbstractEventLoop, typed: asyncio.Queue[str]) -> None:
    """No event loop can wait for a console on every platform: a thread does, a daemon, for it may never return."""
    try:
        if sys.stdin is not None:  # pyright: ignore[reportUnnecessaryComparison]
            sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
            for line in sys.stdin:
                if line.strip():
                    loop.call_soon_threadsafe(typed.put_nowait, line.strip())
    except (RuntimeError, OSError, ValueError, AttributeError):
        return  # the session ended while we waited for a line
