"""The guest for all tests of this folder, started once; and the journal of what took how long and what was counted.

Strategy: all tests live in one event loop, because the guest's channel does. Each has its own adapter, with an address
that the guest has not seen before. Without a guest (`run` builds one) they are skipped.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any, Final, TypeVar

import pytest

T = TypeVar("T")

GUEST: Final = "WATCHLINK_BLUEZ"
LOG: Final = "WATCHLINK_BLUEZ_LOG"
if sys.platform != "linux":  # BlueZ is Linux's, and its D-Bus client is not even installed elsewhere
    collect_ignore_glob = ["test_*.py"]
_LIMIT_S: Final = 180.0
_JOURNAL: Final = pytest.StashKey["Journal"]()


class Journal:
    """What happened in the run, as a table for people."""

    def __init__(self) -> None:
        """Nothing happened yet."""
        self.rows: list[tuple[str, str, str]] = []

    @contextmanager
    def step(self, what: str) -> Iterator[list[str]]:
        """Time a step; what it appends to the list is its result."""
        since = monotonic()
        result: list[str] = []
        try:
            yield result
        except BaseException as error:
            result.append(f"FAILED: {type(error).__name__}")
            raise
        finally:
            self.rows.append((what, f"{monotonic() - since:.1f}", ", ".join(result) or "ok"))

    def note(self, what: str, result: str) -> None:
        """Write down a result that took no time of its own."""
        self.rows.append((what, "", result))

    def head(self, title: str) -> None:
        """Begin a new part."""
        self.rows.append((title, "", ""))

    def table(self) -> str:
        """All rows, in columns."""
        lines = [f"{'step':<58} {'seconds':>7}  result"]
        for what, seconds, result in self.rows:
            lines.append(f"{what:<58} {seconds:>7}  {result}".rstrip() if seconds or result else f"\n{what}")
        return "\n".join(lines)


class Machine:
    """The guest, and the loop in which everything about it runs."""

    def __init__(self, runner: asyncio.Runner, cache: Path, journal: Journal) -> None:
        """Start it."""
        from .vm import Guest

        self.journal = journal
        self._runner = runner
        self.guest = Guest(cache)
        with journal.step("guest ready (bluetoothd answers)") as result:
            runner.run(self.guest.__aenter__())
            version = runner.run(self.guest.do("/usr/libexec/bluetooth/bluetoothd --version")).strip()
            result.append(f"Linux {self.guest.kernel}, BlueZ {version}")

    def run(self, test: Coroutine[Any, Any, T], *, limit_s: float = _LIMIT_S) -> T:
        """Bring a test to its end, or cut it off."""

        async def limited() -> T:
            async with asyncio.timeout(limit_s):
                return await test

        return self._runner.run(limited())

    def stop(self) -> None:
        """Switch the guest off."""
        self._runner.run(self.guest.__aexit__(None, None, None))


@pytest.fixture(scope="session")
def _machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    if not os.environ.get(GUEST):
        pytest.skip("no guest with BlueZ: tests/bluez/run builds one and runs these tests in it")
    journal = request.config.stash[_JOURNAL]
    with asyncio.Runner() as runner, pytest.MonkeyPatch.context() as patch:
        machine = Machine(runner, Path(os.environ[GUEST]), journal)
        for name, value in machine.guest.environment.items():
            patch.setenv(name, value)
        try:
            yield machine
        finally:
            machine.stop()


@pytest.fixture
def machine(_machine: Machine, request: pytest.FixtureRequest) -> Machine:
    """The running guest, with a part in the journal for this test."""
    _machine.journal.head(request.node.name)
    return _machine


def pytest_configure(config: pytest.Config) -> None:
    """Open the journal."""
    config.stash[_JOURNAL] = Journal()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the journal, and write it where it was asked for."""
    journal = config.stash[_JOURNAL]
    if journal.rows:
        terminalreporter.section("on the real stack")
        terminalreporter.write_line(journal.table())
        if os.environ.get(LOG):
            Path(os.environ[LOG]).write_text(journal.table() + "\n")
