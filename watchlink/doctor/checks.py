"""One thing that was looked into, how it stands, and what the whole of them means for a session."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """How a checked thing stands."""

    PASS = "pass"
    WARN = "warn"
    """A session can be held; something in it may not be as it should."""
    FAIL = "fail"
    """A session cannot be held."""
    INFO = "info"
    """Good to know; nothing is wrong."""
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was found about one thing.

    Attributes:
        name: what was looked into, in a word; the same on every computer.
        status: how it stands.
        found: what was found, or why nothing was looked for.
        fix: what to do, one sentence that fits this platform; empty where there is nothing to do.
        names: what `found` and `fix` call wearables by their own names, which a report to others must not tell.
    """

    name: str
    status: Status
    found: str
    fix: str = ""
    names: tuple[str, ...] = ()


def to_record(check: Check) -> dict[str, Any]:
    """A check as plain JSON values."""
    return {"name": check.name, "status": check.status, "found": check.found, "fix": check.fix}


def is_ready(checks: Iterable[Check]) -> bool:
    """Whether nothing stands against a session."""
    return all(check.status is not Status.FAIL for check in checks)


def summary(checks: Iterable[Check]) -> str:
    """What all of them mean, in plain words."""
    checks = tuple(checks)
    failed, warned, unchecked = (
        [check.name for check in checks if check.status is status]
        for status in (Status.FAIL, Status.WARN, Status.NOT_CHECKED)
    )
    if failed:
        return (
            f"Not ready for a session: {', '.join(failed)}. "
            "Do what is written there, from the top, then run `watchlink doctor` again."
        )
    words = "Ready for a session" if not unchecked else "Ready for a session as far as could be checked"
    if warned:
        words += f"; look at: {', '.join(warned)}"
    if unchecked:
        words += f"; not checked: {', '.join(unchecked)}"
    return f"{words}."
