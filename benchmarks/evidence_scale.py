"""A programme of many weeks: how large its archive is, and what time and memory `watchlink progress` takes over it.

    python benchmarks/evidence_scale.py [weeks, 64 unless told] [--keep FILE]

A cohort of eight: a two-hour session a week, and 480 baselines, spread over the weeks and the two before. Three
sessions and some two hundred baselines are made by the virtual programme; the others hold the same payloads under other
dates and week numbers. For size, time and memory that is as good as new ones, for nothing is compressed or remembered
from one log to the next; as evidence it is worthless.
Limits: 400 MB of archive; 30 s and 400 MB of memory for `watchlink progress`, first (everything is computed from the
logs) and again (from what was kept).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from watchlink.archive import Archive, SessionKind
from watchlink.clock import utc_now
from watchlink.cohorts import Cohort, Member, save_cohorts
from watchlink.consent import wording
from watchlink.packets import Packet, Planned
from watchlink.sources.virtual.programme import programme

_COHORT = "Demo"
_WEEKS = 64
_DISTINCT_SESSIONS = (1, 2, 5)
_BASELINES = 480
_MOST_MB = 400
_LONGEST_S = 30


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("weeks", nargs="?", type=int, default=_WEEKS)
    parser.add_argument("--keep", type=Path, help="where to leave the archive; else it is thrown away")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        archive = chosen.keep or Path(folder) / "archive.sqlite3"
        cohorts = Path(folder) / "cohorts.json"
        # In a process of its own: what a parent has taken counts as its child's at the moment at which that begins.
        filler = multiprocessing.get_context("spawn").Process(target=_fill, args=(archive, cohorts, chosen.weeks))
        filler.start()
        filler.join()
        if filler.exitcode:
            sys.exit(filler.exitcode)
        if subprocess.run(_watchlink("progress", "--help"), capture_output=True, check=False).returncode:
            print("`watchlink progress` is not there: not measured")
            return
        for which in ("first", "again"):
            _measure(which, _watchlink("progress", _COHORT, "--archive", archive, "--cohorts", cohorts))


def _fill(path: Path, cohorts: Path, weeks: int) -> None:
    """Write an archive and the cohort that it is of; say how large it is."""
    ended_on = utc_now().date() - timedelta(days=1)
    made = programme(seed=1, ended_on=ended_on)
    evenings = [one for one in made.recordings if not one.baseline and one.week in _DISTINCT_SESSIONS]
    mornings = [one for one in made.recordings if one.baseline]
    logs = {id(one): list(one.packets()) for one in (*evenings, *mornings)}
    members = [
        Member(alias=one.person, shares=one.shares, agreed_on=one.agreed_on, wording=wording()) for one in made.shares
    ]
    save_cohorts(cohorts, [Cohort(name=_COHORT, members=tuple(members), made_on=made.began_on)])
    packets, baselines = 0, 0
    since_s = time.perf_counter()
    with Archive(path) as archive:
        for number in range(weeks + 2):
            week = number - 1
            first = ended_on - timedelta(days=7 * (weeks - week) + 6)
            if week >= 1:
                evening = evenings[week % len(evenings)]
                begins = datetime.combine(first, evening.started_at.timetz())
                packets += _record(archive, SessionKind.SESSION, evening.title, begins, week, logs[id(evening)])
            while baselines < _BASELINES * (number + 1) // (weeks + 2):
                morning = mornings[baselines % len(mornings)]
                begins = datetime.combine(first + timedelta(days=1 + baselines % 6), morning.started_at.timetz())
                numbered = week if week >= 1 else None
                packets += _record(archive, SessionKind.BASELINE, morning.title, begins, numbered, logs[id(morning)])
                baselines += 1
    took_s = time.perf_counter() - since_s
    octets = path.stat().st_size
    print(f"{weeks} sessions, {baselines} baselines: {packets:,} packets, written in {took_s:.0f} s")
    _say("archive", octets / 1e6, "MB", _MOST_MB)
    print(f"{octets / packets:.1f} octets a packet", flush=True)


def _record(
    archive: Archive, kind: SessionKind, title: str, begins: datetime, week: int | None, packets: Iterable[Packet]
) -> int:
    recorder = archive.begin(title=title, started_at=begins, cohort=_COHORT, week=week, kind=kind)
    for packet in packets:
        recorder.accept(replace(packet, week=week) if isinstance(packet, Planned) else packet)
    recorder.close()
    return recorder.packets


def _watchlink(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "watchlink", *map(str, arguments)]


def _measure(which: str, command: list[str]) -> None:
    since_s = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    took_s = time.perf_counter() - since_s
    print(f"watchlink progress, {which}: exit code {os.waitstatus_to_exitcode(status)}")
    _say("  time", took_s, "s", _LONGEST_S)
    _say("  memory", usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6, "MB", _MOST_MB)


def _say(what: str, found: float, unit: str, most: float) -> None:
    print(f"{what:9} {found:7.1f} {unit} of {most} {unit}: {'within' if found < most else 'OVER'}", flush=True)


if __name__ == "__main__":
    main()
