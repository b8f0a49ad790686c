"""The report that somebody may send to others for help: the checks and what stands behind them, nobody in it.

Strategy: it is put together from facts that are not personal, and then redacted as a whole all the same, because a
sentence of the operating system's may contain anything. Wearables are numbers, people are not told at all, and of
heartbeats there are counts only.
"""

from __future__ import annotations

import getpass
import platform
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from watchlink.archive import Archive, StoredSession
from watchlink.clock import clock_text
from watchlink.doctor.checks import Check, summary
from watchlink.doctor.facts import Adapter, Machine
from watchlink.doctor.redaction import Private, redacted
from watchlink.fold import SessionFold
from watchlink.timeline import Timeline

HEAD: Final = (
    "watchlink report",
    "It was written for somebody who helps you. Names of people and wearables, addresses, folders, serial numbers and",
    "heartbeats are left out. Read it before you send it; nothing was sent.",
)
_SHORT_NAME: Final = 3


def private_here(wearables: Iterable[str] = ()) -> Private:
    """What would tell whose computer this is."""
    try:
        user, home = getpass.getuser(), str(Path.home())
    except (OSError, KeyError, RuntimeError, ImportError):  # a computer may have users without a name or a home
        user, home = "", ""
    return Private(home=home, user=user, host=platform.node(), wearables=tuple(wearables))


def audit(archive: Path, stored: StoredSession) -> Timeline:
    """A session's counts, computed anew from its log.

    Raises:
        ArchiveError: the archive cannot be read.
    """
    fold = SessionFold()
    with Archive(archive, read_only=True) as opened:
        for packet in opened.packets(stored.id):
            fold.push(packet)
    fold.flush()
    return fold.timeline()


def report(
    checks: Sequence[Check],
    *,
    machine: Machine | None,
    adapters: Sequence[Adapter],
    last: StoredSession | None,
    counts: Timeline | None,
    private: Private,
) -> str:
    """The whole report as text."""
    lines = ["", "Checks", *_check_lines(checks, private)]
    if machine is not None:
        lines += ["", "Computer", *_machine_lines(machine)]
    lines += ["", "Adapters", *([_adapter_line(adapter) for adapter in adapters] or ["  none is known by name"])]
    lines += ["", "Last session", *_session_lines(last, counts)]
    # A name of a letter or two would take half of the report with it; in its own check it was taken out already.
    of_some_length = tuple(name for name in private.wearables if len(name) > _SHORT_NAME)
    whole = replace(private, wearables=of_some_length)
    return "\n".join((*HEAD, *(redacted(line, whole) for line in lines))) + "\n"


def _check_lines(checks: Sequence[Check], private: Private) -> list[str]:
    lines: list[str] = []
    for check in checks:
        own = replace(private, wearables=check.names)
        lines.append(f"  {check.status:<11}  {check.name:<11}  {redacted(check.found, own)}")
        if check.fix:
            lines.append(f"  {'':<11}  {'':<11}  fix: {redacted(check.fix, own)}")
    return [*lines, f"  {summary(checks)}"]


def _machine_lines(machine: Machine) -> list[str]:
    return [
        f"  platform {machine.platform}, release {machine.release}, {machine.architecture}",
        f"  Python {'.'.join(map(str, machine.python))}, watchlink {machine.watchlink}, Bleak {machine.bleak}, "
        f"Bumble {machine.bumble}",
    ]


def _adapter_line(adapter: Adapter) -> str:
    said = {True: "yes", False: "no", None: "not known"}
    return (
        f"  {adapter.name}: powered {said[adapter.powered]}, LE central {said[adapter.central]}, "
        f"connected {adapter.connected}, USB {adapter.usb or 'none'}"
    )


def _session_lines(last: StoredSession | None, counts: Timeline | None) -> list[str]:
    if last is None:
        return ["  none"]
    lines = [f"  {last.state}, {clock_text(last.duration_s)}, {last.packets} packets"]
    if counts is None:
        return [*lines, "  its log could not be read in time"]
    for number, person in enumerate(counts.people.values(), 1):
        lines.append(
            f"  wearable {number} ({person.profile}, grade {person.grade or 'not known'}): "
            f"notifications {person.notifications}, duplicates {person.duplicates}, late {person.late}, "
            f"undecodable {person.undecodable}, losses {person.losses}, stalls {person.stalls}"
        )
    return lines
