"""Small JSON files that a person can read: written as a whole, read with a reason for whatever is wrong.

Strategy: a file is put in its place as a whole and for its owner alone (`files.write_whole`). One that cannot be
understood is left as it is: it may hold what somebody wants back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from watchlink.errors import WatchlinkError
from watchlink.files import write_whole

T = TypeVar("T")


class _NewerError(ValueError):
    """A version of the file that this program does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonFile:
    """One sort of file.

    Attributes:
        key: names the sort, and holds its version, inside the file.
        version: the newest that this program knows, from 1.
        holds: what is in it, for messages.
        otherwise: what can be done without it, for messages.
        error: what is raised.
    """

    key: str
    version: int
    holds: str
    otherwise: str
    error: type[WatchlinkError]

    def load(self, path: Path, parse: Callable[[dict[str, Any]], T]) -> T | None:
        """What `parse` makes of the file; None if there is no file yet.

        Raises:
            WatchlinkError: of the kind `error`; it cannot be read or understood; names it and what to do.
        """
        try:
            text = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self.error(f"{path} cannot be read: {error.strerror}. Check the path and its permissions.") from error
        try:
            return parse(self._record(text))
        except _NewerError as error:
            raise self.error(
                f"{path} was written by a newer watchlink ({error}). Update watchlink; the file was left as it is."
            ) from error
        except (ValueError, RecursionError) as error:
            raise self.error(
                f"{path}, {self.holds}, cannot be understood: {error}. It was left as it is. "
                f"Mend it, or move it away and {self.otherwise}."
            ) from error

    def save(self, path: Path, record: dict[str, Any]) -> None:
        """Put this in the place of all that was in the file.

        Raises:
            WatchlinkError: of the kind `error`; it cannot be written; what was there before is still there.
        """
        text = json.dumps({self.key: self.version, **record}, indent=2) + "\n"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path.resolve(), text.encode())
        except OSError as error:
            raise self.error(
                f"{path} cannot be written: {error.strerror}. "
                "Check the path, its permissions and the space on the disk."
            ) from error

    def _record(self, text: bytes) -> dict[str, Any]:
        try:
            whole: Any = json.loads(text)
        except ValueError as error:
            raise ValueError("it is no JSON") from error
        record = an_object(whole, "the file")
        version = record.get(self.key)
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise ValueError(f"{self.key} is missing")
        if version > self.version:
            raise _NewerError(f"version {version}")
        return record


def an_object(value: Any, what: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        ValueError: it is something else.
    """
    if not isinstance(value, dict):
        raise ValueError(f"{what} is no JSON object")
    return value  # pyright: ignore[reportUnknownVariableType]


def a_list(record: dict[str, Any], key: str) -> Sequence[Any]:
    """A list.

    Raises:
        ValueError: it is missing or something else.
    """
    value = record.get(key)
    if not isinstance(value, list):
        raise ValueError(f"{key} is no list")
    return value  # pyright: ignore[reportUnknownVariableType]


def a_text(record: dict[str, Any], key: str) -> str:
    """A text.

    Raises:
        ValueError: it is missing or something else.
    """
    value = record.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key} is not a text")
    return value


def a_text_or_none(record: dict[str, Any], key: str) -> str | None:
    """A text, or None where there is none.

    Raises:
        ValueError: it is something else.
    """
    return None if record.get(key) is None else a_text(record, key)


def converted(record: dict[str, Any], key: str, convert: Callable[[str], T]) -> T:
    """What a text stands for.

    Raises:
        ValueError: it is no text, or stands for nothing.
    """
    text = a_text(record, key)
    try:
        return convert(text)
    except ValueError as error:
        raise ValueError(f"{key} {text!r} is not valid") from error
