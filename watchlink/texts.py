"""What people and wearables call things, made fit for a screen."""

from __future__ import annotations

from typing import Protocol


class TextOut(Protocol):
    """Whatever takes text: a terminal, a pipe, a file, somebody on the other end of a connection."""

    def write(self, text: str, /) -> int:
        """Take a text, or hold it until `flush`."""
        ...

    def flush(self) -> None:
        """Let go of what is held."""
        ...


def shown(text: str) -> str:
    """A foreign text that cannot steer a terminal: control characters, escapes and direction marks are replaced."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def one_line(text: str) -> str:
    """A foreign text as one line that is `shown`: line ends, tabs and runs of spaces become a space each."""
    return shown(" ".join(text.split()))
