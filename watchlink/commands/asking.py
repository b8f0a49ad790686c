"""Questions to a person at a terminal, one at a time; also without a person, where every answer is an option.

Strategy: questions go to standard error, so that standard output holds the result alone, and answers are lines of
standard input, typed or piped. An answer that does not fit is answered with what would. Where nobody answers, the
command ends and says which options answer instead.
"""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Callable
from typing import Final, NoReturn

import typer

from watchlink.commands.exits import USAGE
from watchlink.texts import shown

# What stands before the text of a line: spaces, and the number or the dash of a list.
_BULLET: Final = re.compile(r" *(?:(?:\d+\.?|-) +)?")
_YES: Final = frozenset({"y", "yes"})
_NO: Final = frozenset({"n", "no"})


def tell(text: str) -> None:
    """A message on standard error; on a terminal it is broken between words, and what follows stands below its text."""
    line = shown(text)
    if sys.stderr.isatty():
        # Read anew each time: a window changes its size.
        width = max(40, shutil.get_terminal_size().columns - 1)
        bullet = _BULLET.match(line)
        indent = " " * (0 if bullet is None else bullet.end())
        line = textwrap.fill(line, width, subsequent_indent=indent, break_on_hyphens=False)
    typer.echo(line, err=True)


class Asking:
    """The conversation of one command."""

    def __init__(self, *, yes: bool, instead: str) -> None:
        """`yes`: nothing is asked, every default is the answer. `instead`: how to do without questions."""
        self.silent = yes
        self._instead = instead
        reconfigure = getattr(sys.stdin, "reconfigure", None)
        if reconfigure is not None:  # half a letter that somebody rubbed out must not end the conversation
            reconfigure(errors="replace")

    def ask(self, question: str, *, default: str | None = None, at_end: str | None = None) -> str:
        """One line; `default` for an empty one or if nothing is asked, `at_end` if nobody answers.

        Raises:
            typer.Exit: nobody answers, and there is no `at_end`.
        """
        if self.silent:
            if default is None:
                self._nobody(question)
            return default
        typer.echo(shown(question) + (f" [{shown(default)}]" if default else "") + ": ", nl=False, err=True)
        try:
            line = sys.stdin.readline()
        except KeyboardInterrupt:
            typer.echo(err=True)
            raise
        if not line.endswith("\n"):
            typer.echo(err=True)
            if not line:
                if at_end is None:
                    self._nobody(question)
                return at_end
        return line.strip() or default or ""

    def ask_until(
        self,
        question: str,
        fits: Callable[[str], str | None],
        *,
        default: str | None = None,
        at_end: str | None = None,
    ) -> str:
        """Ask until `fits` has nothing against the answer (it says what, otherwise).

        Raises:
            typer.Exit: nobody answers.
        """
        while True:
            answer = self.ask(question, default=default, at_end=at_end)
            fault = fits(answer)
            if fault is None:
                return answer
            tell(fault)
            if self.silent:
                self._nobody(question)

    def choose(self, question: str, count: int, *, also: str = "", also_means: str = "") -> int | None:
        """A number from 1 to `count`, or None for the answer `also` (a letter, or empty for Enter).

        Raises:
            typer.Exit: nobody answers.
        """

        def fits(answer: str) -> str | None:
            if answer.casefold() == also or (answer.isdecimal() and 1 <= int(answer) <= count):
                return None
            other = f", or {also or 'Enter'} {also_means}" if also_means else ""
            return f"{answer!r} is not in the list: type a number from 1 to {count}{other}."

        answer = self.ask_until(question, fits)
        return None if answer.casefold() == also else int(answer)

    def agrees(self, question: str, *, otherwise: bool | None = None) -> bool:
        """Yes or no; yes if nothing is asked; `otherwise` if nobody answers.

        Raises:
            typer.Exit: nobody answers, and there is no `otherwise`.
        """
        if self.silent:
            return True

        def fits(answer: str) -> str | None:
            return None if answer.casefold() in _YES | _NO else "Type y for yes or n for no."

        at_end = None if otherwise is None else ("n", "y")[otherwise]
        return self.ask_until(f"{question} (y/n)", fits, at_end=at_end).casefold() in _YES

    def _nobody(self, question: str) -> NoReturn:
        tell(f'Nobody answered "{question.strip()}".')
        tell(self._instead)
        raise typer.Exit(USAGE)
