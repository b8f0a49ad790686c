"""Real processes of a cohort's session on virtual wearables: started, looked into, killed, and counted afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from watchlink.archive import Archive, StoredSession
from watchlink.board.door import read_running
from watchlink.cohorts import Cohort, Member, save_cohorts
from watchlink.commands.host import Setting
from watchlink.consent import wording
from watchlink.packets import Notification, Packet, Purpose
from watchlink.session import default_plan

ROOT = Path(__file__).resolve().parents[3]
PEOPLE = ("Heron", "Otter", "Wren")


@dataclass(slots=True)
class Client:
    """One program of ours: what it printed so far, and what it is told."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list[str])

    def until(self, wanted: Callable[[str], bool]) -> str:
        """Read lines until one is wanted."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if wanted(self.lines[-1]):
                return self.lines[-1]
        raise AssertionError(f"it ended with {self.process.wait()} after: {self.lines[-5:]}")

    def say(self, line: str) -> None:
        """Type a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def rest(self) -> int:
        """Read to the end; the exit code."""
        assert self.process.stdout is not None
        self.lines += [line.rstrip("\n") for line in self.process.stdout]
        return self.process.wait()

    def records(self) -> list[dict[str, Any]]:
        """What was printed as JSON."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]


@dataclass(frozen=True, slots=True)
class Rooms:
    """A folder in which a cohort's sessions run."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of every program."""
    archive_folder: Path | None = None

    @property
    def archive(self) -> Path:
        """Where sessions are recorded."""
        return (self.archive_folder or self.folder) / "archive.sqlite3"

    def found(self, *, shares: frozenset[Purpose] = frozenset(Purpose)) -> None:
        """Make the cohort Lions, in which everybody shares `shares`."""
        from datetime import date

        on = date(2026, 3, 1)
        members = tuple(Member(alias=alias, shares=shares, agreed_on=on, wording=wording()) for alias in PEOPLE)
        save_cohorts(self.folder / "cohorts.json", [Cohort(name="Lions", members=members, made_on=on)])

    def popen(self, *arguments: object) -> Client:
        """Start a program of ours."""
        return Client(
            subprocess.Popen(
                [sys.executable, "-m", "watchlink", *map(str, arguments), "--archive", str(self.archive)],
                cwd=ROOT,
                env={
                    **os.environ,
                    "XDG_DATA_HOME": str(self.folder / "data"),
                    "PYTHONUNBUFFERED": "1",
                    "COLUMNS": "200",
                    **self.environment,
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )

    def run(self, *arguments: object) -> tuple[int, str]:
        """Run a program of ours to its end: its exit code and all that it printed."""
        client = self.popen(*arguments)
        out, _ = client.process.communicate()
        return client.process.returncode, out

    @contextmanager
    def session(self, *options: object) -> Iterator[Client]:
        """Start a session of the Lions on virtual wearables, and its first client; nothing of it is left after."""
        cohorts = self.folder / "cohorts.json"
        with self.client("session", "start", "Lions", "--virtual", "--cohorts", cohorts, *options) as client:
            yield client

    @contextmanager
    def client(self, *arguments: object) -> Iterator[Client]:
        """Start a program of ours, and see to it that neither it nor a recorder is left running after."""
        client = self.popen(*arguments)
        try:
            yield client
        finally:
            client.process.kill()
            client.process.communicate()
            running = read_running(self.archive)
            if running is not None:
                with suppress(ProcessLookupError):
                    os.kill(running.process, signal.SIGKILL)

    @contextmanager
    def recording(self, environment: Mapping[str, str]) -> Iterator[None]:
        """Let a recorder run in an environment of its own, as `session start` would start it."""
        setting = Setting(
            archive=str(self.archive),
            devices=str(self.folder / "devices.json"),
            cohort="Lions",
            people=PEOPLE,
            shares={person: [*Purpose] for person in PEOPLE},
            title="Practice",
            plan=default_plan().text,
            week=1,
            virtual=True,
            seed=1,
            speed=1.0,
            adapter=None,
            scan_seconds=1.0,
            resume=None,
        )
        with subprocess.Popen(
            [sys.executable, "-m", "watchlink", "session", "host"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as recorder:
            assert recorder.stdin is not None
            assert recorder.stderr is not None
            recorder.stdin.write(setting.to_json().encode())
            recorder.stdin.close()
            assert not recorder.stderr.read()  # until its door is open: then it turns to its log
            try:
                yield
            finally:
                recorder.kill()

    def recorder(self) -> int:
        """The process that records."""
        running = read_running(self.archive)
        assert running is not None
        return running.process

    def stored(self) -> tuple[StoredSession, list[Packet]]:
        """The newest session, as it is on the disk."""
        with Archive(self.archive) as archive:
            session = archive.sessions()[-1]
            return session, list(archive.packets(session.id))


def reports_of(packets: list[Packet]) -> set[int]:
    """The instants of the reports in a log."""
    return {packet.at_us for packet in packets if isinstance(packet, Notification)}


def reports_shown(client: Client) -> list[int]:
    """The instants of the reports that a client was shown."""
    return [record["at_us"] for record in client.records() if record["type"] == "measurement"]


def has_seen(at_s: float) -> Callable[[str], bool]:
    """Whether a line of --json tells of a report at this second or later."""

    def seen(line: str) -> bool:
        if not line.startswith("{"):
            return False
        record = json.loads(line)
        return bool(record["type"] == "measurement" and record["at_us"] >= at_s * 1e6)

    return seen
