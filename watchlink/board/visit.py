"""Going in through the door of a running session: what it shows, and lines said to it with their answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from watchlink.board.door import LOOPBACK, read_running
from watchlink.board.wire import (
    LONGEST_LINE_BYTES,
    Answered,
    FromSession,
    Hello,
    Line,
    View,
    Welcome,
    decode_session,
    encode_client,
)
from watchlink.errors import NoSessionError

_CONNECT_S: Final = 5.0
_ANSWER_S: Final = 5.0


class Visit:
    """A way into a running session; open it with `async with`, read it with `async for`."""

    def __init__(self, archive: Path, *, view: View) -> None:
        """Visit the session that is recorded into `archive`, to be shown `view`."""
        self._archive = archive
        self._view = view
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._number = 0
        self._waiting: dict[int, asyncio.Future[Answered]] = {}
        self._shown: asyncio.Queue[FromSession | None] = asyncio.Queue()
        self._reading: asyncio.Task[None] | None = None
        self.welcome: Welcome

    async def __aenter__(self) -> Self:
        """Go in.

        Raises:
            NoSessionError: no session is running, or it does not let us in.
        """
        running = read_running(self._archive)
        if running is None:
            raise NoSessionError(
                f"No session is running into {self._archive}. Begin one with `watchlink session start`; an interrupted "
                "one is taken up again with `watchlink session resume`."
            )
        gone = NoSessionError(
            f"Session {running.session} does not answer: its recorder is gone. What was recorded is in the archive. "
            "Take it up again with `watchlink session resume`."
        )
        try:
            async with asyncio.timeout(_CONNECT_S):
                self._reader, self._writer = await asyncio.open_connection(
                    LOOPBACK, running.port, limit=LONGEST_LINE_BYTES
                )
                self._writer.write(encode_client(Hello(token=running.token, view=self._view)))
                line = await self._reader.readline()
        except (OSError, TimeoutError) as error:
            raise gone from error
        try:
            welcome = decode_session(line)
        except ValueError as error:
            raise gone from error
        if not isinstance(welcome, Welcome):
            raise gone
        self.welcome = welcome
        self._reading = asyncio.create_task(self._read(self._reader))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave. The session goes on."""
        if self._reading is not None:
            self._reading.cancel()
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()

    async def __aiter__(self) -> AsyncIterator[FromSession]:
        """What the session shows, until it ends or is gone."""
        while (message := await self._shown.get()) is not None:
            yield message

    async def say(self, text: str) -> Answered:
        """Say a line at the desk.

        Raises:
            NoSessionError: the session is gone, or does not answer.
        """
        lost = NoSessionError("The session does not answer any more. It was NOT noted.")
        if self._writer is None or self._reading is None or self._reading.done():
            raise lost
        self._number += 1
        answer: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._waiting[self._number] = answer
        try:
            self._writer.write(encode_client(Line(number=self._number, text=text)))
            async with asyncio.timeout(_ANSWER_S):
                return await answer
        except (OSError, TimeoutError, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and not answer.cancelled():
                raise
            if isinstance(error, TimeoutError):
                raise NoSessionError(
                    "The session has not confirmed it yet; it may be noted all the same. Look before you say it again."
                ) from error
            raise lost from error
        finally:
            self._waiting.pop(self._number, None)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                message = decode_session(line)
                if isinstance(message, Answered):
                    answer = self._waiting.get(message.number)
                    if answer is not None and not answer.done():
                        answer.set_result(message)
                else:
                    self._shown.put_nowait(message)
        except (OSError, ValueError):
            pass  # it is gone; whoever waits is told below
        finally:
            for answer in self._waiting.values():
                answer.cancel()
            self._shown.put_nowait(None)
