"""What a running session and those who look at it say to each other: one JSON object a line.

A client begins with `Hello`, then sends `Line`s. The session sends `Shown` (the board, some times a second, or lines of
text, as the client asked), an `Answered` for each line, and `Ended` at last. The types are the protocol: pydantic
checks whatever comes against them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeAlias

from watchlink.board.state import BoardState

if TYPE_CHECKING:
    from pydantic import TypeAdapter

VERSION = 1
LONGEST_LINE_BYTES = 1_000_000


class View(StrEnum):
    """What a client wants to be shown."""

    BOARD = "board"
    PLAIN = "plain"
    JSON = "json"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Who comes: the token proves that it may read the owner's files."""

    token: str
    view: View
    version: int = VERSION
    type: Literal["hello"] = "hello"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Something said at the desk; `number` comes back with the answer."""

    number: int
    text: str
    type: Literal["line"] = "line"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventKey:
    """A word of the plan and its key."""

    key: str
    label: str
    title: str
    for_person: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """What session this is."""

    session: int
    title: str
    keys: tuple[EventKey, ...]
    type: Literal["welcome"] = "welcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The board at an instant."""

    state: BoardState
    type: Literal["shown"] = "shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Lines of text to be printed as they are."""

    text: str
    type: Literal["text"] = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What became of a line."""

    number: int
    done: bool
    words: str
    advice: str = ""
    type: Literal["answered"] = "answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The session is over; `receipt` says what was stored for whom, `code` how it went (an exit code)."""

    receipt: tuple[str, ...]
    code: int
    type: Literal["ended"] = "ended"


FromClient: TypeAlias = Hello | Line
FromSession: TypeAlias = Welcome | Shown | Text | Answered | Ended


@cache
def _client_messages() -> TypeAdapter[FromClient]:
    from pydantic import TypeAdapter

    return TypeAdapter(FromClient)


@cache
def _session_messages() -> TypeAdapter[FromSession]:
    from pydantic import TypeAdapter

    return TypeAdapter(FromSession)


def encode_client(message: FromClient) -> bytes:
    """One line."""
    return _client_messages().dump_json(message) + b"\n"


def encode_session(message: FromSession) -> bytes:
    """One line."""
    return _session_messages().dump_json(message) + b"\n"


def decode_client(line: bytes) -> FromClient:
    """What a client said.

    Raises:
        ValueError: it is none of the protocol's messages.
    """
    return _client_messages().validate_json(line)


def decode_session(line: bytes) -> FromSession:
    """What the session said.

    Raises:
        ValueError: it is none of the protocol's messages.
    """
    return _session_messages().validate_json(line)
