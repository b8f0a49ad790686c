"""The order of the examination: what breaks or hangs stops nobody, and a session that is recorded is left alone."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from watchlink.archive import Archive
from watchlink.clock import MachineClock, VirtualClock, utc_now
from watchlink.doctor.checks import Check, Status
from watchlink.doctor.examination import Examination, Wish, attempt, attempt_now
from watchlink.doctor.facts import Terminal
from watchlink.errors import LinkError, LinkFault

TERMINAL = Terminal(is_terminal=True, columns=80, rows=24, colours=True, colours_refused=False, encoding="utf-8")
NAMES = [
    "system",
    "Python",
    "programs",
    "extras",
    "terminal",
    "disk",
    "archive",
    "sessions",
    "Bluetooth",
    "permission",
    "adapter",
    "power",
    "listening",
    "wearables",
    "connections",
]


def test_a_check_that_breaks_is_a_warning_of_that_check() -> None:
    async def breaks() -> Check:
        raise ZeroDivisionError("oh")

    check = asyncio.run(attempt("disk", breaks, limit_s=5))
    assert (check.name, check.status) == ("disk", Status.WARN)
    assert check.found == "this check broke: ZeroDivisionError: oh"
    assert check.fix
    assert attempt_now("disk", lambda: asyncio.run(breaks())) == check


def test_a_check_that_was_told_why_not_fails_with_those_words() -> None:
    async def refuses() -> Check:
        raise LinkError("Bluetooth is switched off.", fault=LinkFault.POWERED_OFF)

    check = asyncio.run(attempt("listening", refuses, limit_s=5))
    assert (check.status, check.found) == (Status.FAIL, "Bluetooth is switched off.")


def test_a_check_that_hangs_is_given_up() -> None:
    async def hangs() -> Check:
        await asyncio.Event().wait()
        raise AssertionError("never")

    clock = VirtualClock(started_at=datetime(2026, 3, 1, tzinfo=UTC))
    check = clock.run(attempt("Bluetooth", hangs, limit_s=15))
    assert (check.status, check.found) == (Status.WARN, "no answer within 15 s")


def test_a_time_limit_of_the_checks_own_is_no_limit_of_ours() -> None:
    async def times_out() -> Check:
        raise TimeoutError("its own")

    assert "TimeoutError: its own" in asyncio.run(attempt("disk", times_out, limit_s=5)).found


def examined(archive: Path) -> list[Check]:
    clock = MachineClock()
    examination = Examination(Wish(archive=archive, seconds=0.5, connect=False), terminal=TERMINAL, clock=clock)

    async def main() -> list[Check]:
        return [check async for check in examination.checks()]

    return clock.run(main())


def test_while_a_session_is_recorded_the_radio_is_left_alone(tmp_path: Path) -> None:
    with Archive(tmp_path / "a.sqlite3") as opened:
        recorder = opened.begin(title="Now", started_at=utc_now())
        checks = examined(tmp_path / "a.sqlite3")
        recorder.close()
    assert [check.name for check in checks] == NAMES
    for check in checks[8:]:
        assert check.status is Status.NOT_CHECKED
        assert "session 1 is being recorded now" in check.found


def test_every_check_is_told_once_and_in_order_whatever_this_machine_has(tmp_path: Path) -> None:
    checks = examined(tmp_path / "none.sqlite3")
    assert [check.name for check in checks] == NAMES
    assert not [check for check in checks if "broke" in check.found]
    assert list(tmp_path.iterdir()) == []
