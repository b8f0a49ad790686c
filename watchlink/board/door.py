"""The door of a running session: boards, plain listeners and marks from other terminals come in through it.

Strategy: the session is recorded by one process, and whoever looks at it is another: a board may crash, be closed and
come back, and nothing is lost. The door listens on this computer's own loopback, on a port that the system chooses; the
port and a secret are in a file beside the archive that only its owner may read. A client that does not take what it is
sent is shown less, then dropped; it never holds up the session.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import io
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from watchlink.board.state import BoardFold, BoardState, Keeping
from watchlink.board.wire import (
    LONGEST_LINE_BYTES,
    VERSION,
    Answered,
    Ended,
    EventKey,
    FromSession,
    Hello,
    Line,
    Shown,
    Text,
    View,
    Welcome,
    decode_client,
    encode_session,
)
from watchlink.errors import NoSessionError
from watchlink.hub import Item, Sink
from watchlink.json_file import JsonFile, a_text
from watchlink.packets import Correction, Extension, SessionEvent, Sharing
from watchlink.sources.desk import Answer, Desk
from watchlink.texts import TextOut
from watchlink.timeline import Timeline
from watchlink.vocabulary import Target

LOOPBACK: Final = "127.0.0.1"
_FILE: Final = JsonFile(
    key="watchlink_running",
    version=1,
    holds="which says how to reach the session that is running",
    otherwise="wait for the session's end",
    error=NoSessionError,
)
# A client that has so much waiting is shown no more boards; with so much more it is gone or stuck.
_FULL_BYTES: Final = 256_000
_STUCK_BYTES: Final = 8_000_000
_HELLO_S: Final = 5.0
_CLIENTS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """How a running session is reached."""

    port: int
    token: str
    session: int
    process: int


def running_path(archive: Path) -> Path:
    """Where it is written how to reach the session that is recorded into this archive."""
    return archive.with_name(f"{archive.name}.running")


def read_running(archive: Path) -> Running | None:
    """How to reach the session that is recorded into this archive, as far as the file knows; None if there is none.

    Raises:
        NoSessionError: the file cannot be read or understood.
    """
    return _FILE.load(running_path(archive), _parsed)


class Door:
    """Sink and server: what is told of a session, to all who come; what they say, to the desk."""

    def __init__(
        self,
        desk: Desk,
        *,
        archive: Path,
        session: int,
        title: str,
        keeping: Callable[[], Keeping],
        text_sink: Callable[[View, TextOut], Sink],
    ) -> None:
        """Nothing is opened yet.

        Args:
            desk: of the session.
            archive: what it is recorded into; the file with the port lies beside it.
            session: its number.
            title: what it is called.
            keeping: how it stands with recording.
            text_sink: makes what writes plain lines or NDJSON for a client.
        """
        self._desk = desk
        self._archive = archive
        self._session = session
        self._title = title
        self._keeping = keeping
        self._text_sink = text_sink
        self._fold = BoardFold(title=title, people=desk.people)
        self._clients: set[_Client] = set()
        self._now_us = 0
        self._token = secrets.token_hex(16)
        self._server: asyncio.Server | None = None
        self._stirred: asyncio.Handle | None = None
        self.looked_at = asyncio.Event()
        """Set while somebody looks."""

    async def __aenter__(self) -> Self:
        """Listen, and write down where.

        Raises:
            NoSessionError: the file cannot be written.
        """
        self._server = await asyncio.start_server(self._welcome, LOOPBACK, 0, limit=LONGEST_LINE_BYTES)
        record = {
            "port": self._server.sockets[0].getsockname()[1],
            "token": self._token,
            "session": self._session,
            "process": os.getpid(),
        }
        try:
            _FILE.save(running_path(self._archive), record)
        except NoSessionError:
            self._server.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close, and take the file away."""
        with contextlib.suppress(OSError):
            running_path(self._archive).unlink()
        if self._server is not None:
            self._server.close()
        for client in tuple(self._clients):
            await client.close()

    # --- sink ------------------------------------------------------------------------------------------------------

    def accept(self, item: Item) -> None:
        """Take it in; what somebody did is shown at once."""
        self._fold.accept(item)
        for client in tuple(self._clients):
            client.accept(item)
        if isinstance(item, SessionEvent | Correction | Sharing | Extension):
            self._stir()

    def tick(self, now_us: int, *, trouble: str | None) -> None:
        """Show the board, twice a second."""
        self._now_us = now_us
        for client in tuple(self._clients):
            client.tick(now_us, trouble=trouble)
        self._show()

    def close(self, timeline: Timeline) -> None:
        """Tell those who read text how the session was."""
        for client in tuple(self._clients):
            client.finish(timeline)

    def say_ended(self, receipt: Sequence[str], *, code: int) -> None:
        """Tell everybody that the session is over, and what was stored."""
        for client in tuple(self._clients):
            client.send(Ended(receipt=tuple(receipt), code=code))

    def state(self) -> BoardState:
        """The board now."""
        self._fold.keeping = self._keeping()
        return self._fold.at(self._now_us)

    # --- server ----------------------------------------------------------------------------------------------------

    def _stir(self) -> None:
        if self._stirred is None:
            self._stirred = asyncio.get_running_loop().call_soon(self._show)

    def _show(self) -> None:
        self._stirred = None
        looking = [client for client in self._clients if client.view is View.BOARD and not client.full]
        if looking:
            line = encode_session(Shown(state=self.state()))
            for client in looking:
                client.write(line)

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            hello = await self._hello(reader)
            if hello is None or len(self._clients) >= _CLIENTS:
                return
            client = _Client(writer, view=hello.view)
            if hello.view in (View.PLAIN, View.JSON):
                client.sink = self._text_sink(hello.view, _SentText(client))
            client.send(Welcome(session=self._session, title=self._title, keys=self.keys()))
            self._clients.add(client)
            self.looked_at.set()
            try:
                self._show()
                await self._listen(reader, client)
            finally:
                self._clients.discard(client)
                if not self._clients:
                    self.looked_at.clear()
        except (OSError, ValueError, asyncio.IncompleteReadError):
            return  # it went away, or said what nobody understands
        finally:
            writer.close()

    async def _hello(self, reader: asyncio.StreamReader) -> Hello | None:
        """Who comes; None for somebody who does not know the secret, or speaks another version."""
        try:
            async with asyncio.timeout(_HELLO_S):
                hello = decode_client(await reader.readline())
        except TimeoutError:
            return None
        if not isinstance(hello, Hello) or not hmac.compare_digest(hello.token.encode(), self._token.encode()):
            return None
        return hello if hello.version == VERSION else None

    async def _listen(self, reader: asyncio.StreamReader, client: _Client) -> None:
        while line := await reader.readline():
            message = decode_client(line)
            if isinstance(message, Line):
                answer = self._desk.say(message.text)
                client.send(_answered(message.number, answer))

    def keys(self) -> tuple[EventKey, ...]:
        """The words of the plan that have a key."""
        return tuple(
            EventKey(key=word.key, label=word.label, title=word.title, for_person=word.target is Target.PERSON)
            for word in self._desk.vocabulary.values()
            if word.key
        )


class _Client:
    """Somebody who came in."""

    def __init__(self, writer: asyncio.StreamWriter, *, view: View) -> None:
        self.view = view
        self.sink: Sink | None = None
        self._writer = writer

    @property
    def full(self) -> bool:
        """Whether it has not taken yet what it was sent."""
        return self._writer.transport.get_write_buffer_size() > _FULL_BYTES

    def accept(self, item: Item) -> None:
        self._guarded(lambda sink: sink.accept(item))

    def tick(self, now_us: int, *, trouble: str | None) -> None:
        self._guarded(lambda sink: sink.tick(now_us, trouble=trouble))

    def finish(self, timeline: Timeline) -> None:
        self._guarded(lambda sink: sink.close(timeline))

    def send(self, message: FromSession) -> None:
        self.write(encode_session(message))

    def write(self, line: bytes) -> None:
        transport = self._writer.transport
        if transport.get_write_buffer_size() > _STUCK_BYTES:
            transport.abort()
        elif not transport.is_closing():
            self._writer.write(line)

    async def close(self) -> None:
        """Let it take what it was sent, for a moment."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                await self._writer.drain()
        self._writer.close()

    def _guarded(self, action: Callable[[Sink], None]) -> None:
        """What fails for one who looks is nobody else's trouble."""
        if self.sink is None:
            return
        try:
            action(self.sink)
        except Exception:  # noqa: BLE001 - whatever it is, the others go on
            self.sink = None
            self._writer.transport.abort()


class _SentText(io.TextIOBase):
    """A text stream whose other end is a client."""

    def __init__(self, client: _Client) -> None:
        super().__init__()
        self._client = client
        self._held: list[str] = []

    def write(self, text: str) -> int:
        self._held.append(text)
        return len(text)

    def flush(self) -> None:
        if self._held:
            self._client.send(Text(text="".join(self._held)))
            self._held.clear()


def _answered(number: int, answer: Answer) -> Answered:
    return Answered(number=number, done=answer.done, words=answer.words, advice=answer.advice)


def _parsed(record: dict[str, Any]) -> Running:
    numbers = {key: record.get(key) for key in ("port", "session", "process")}
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in numbers.values()):
        raise ValueError("a number is missing")
    return Running(
        token=a_text(record, "token"), port=record["port"], session=record["session"], process=record["process"]
    )
