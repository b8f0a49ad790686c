"""What people and wearables call things, made fit for a screen."""

from __future__ import annotations

from collections.abc import Iterable
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


def ranges(numbers: Iterable[int]) -> str:
    """Numbers in order, with what follows one another as a range: 1-4, 7."""
    spans: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if spans and spans[-1][1] == number - 1:
            spans[-1] = spans[-1][0], number
        else:
            spans.append((number, number))
    return ", ".join(
        f"{first}-{last}" if last > first + 1 else ", ".join(map(str, range(first, last + 1))) for first, last in spans
    )
