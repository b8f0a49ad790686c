"""What the doctor was told by the computer: plain records, gathered at one edge and judged elsewhere.

Strategy: everything that differs between computers and platforms is in here as a value, so that a judgement of Windows
can be tried on Linux.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from watchlink.archive import StoredSession
from watchlink.errors import LinkFault


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The computer and the programs on it.

    Attributes:
        platform: as in `sys.platform`.
        release: of the kernel on Linux, of the system elsewhere.
        numbers: the numbers of that release; on Windows the last one is the build.
        architecture: of the processor.
        python: its version.
        watchlink: its version.
        bleak: its version; None if it is not installed.
        bumble: its version; None if it is not installed.
    """

    platform: str
    release: str
    numbers: tuple[int, ...]
    architecture: str
    python: tuple[int, int, int]
    watchlink: str
    bleak: str | None
    bumble: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """Where the output goes; `colours` as it is used now, `colours_refused` if the person wants none."""

    is_terminal: bool
    columns: int
    rows: int
    colours: bool
    colours_refused: bool
    encoding: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why Bluetooth does not work, and what to do about it on this platform."""

    fault: LinkFault
    found: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """One Bluetooth adapter.

    Attributes:
        name: the system's name for it ("hci0").
        powered: whether it is switched on; None if nobody said.
        central: whether it can connect to wearables; None if nobody said.
        connected: how many devices are connected on it now.
        usb: its USB vendor and product ("0a12:0001"); empty if it is no USB device.
    """

    name: str
    powered: bool | None = None
    central: bool | None = None
    connected: int = 0
    usb: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RadioSwitch:
    """A switch of the kernel that can keep a Bluetooth radio off: by software (`soft`) or by a key (`hard`)."""

    name: str
    soft: bool
    hard: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bluetooth:
    """What the system says before anything is tried. Only Linux says anything.

    Attributes:
        platform: as in `sys.platform`.
        trouble: why the service did not answer.
        version: of the service, if it is known.
        adapters: those that the service or the kernel knows; empty where the system names none.
        switches: see `RadioSwitch`.
    """

    platform: str
    trouble: Trouble | None = None
    version: tuple[int, int] | None = None
    adapters: tuple[Adapter, ...] = ()
    switches: tuple[RadioSwitch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardWearable:
    """A wearable that was heard: its name, which may be empty, and how strong it was."""

    name: str
    rssi_dbm: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """What came of listening for wearables.

    Attributes:
        seconds: for how long.
        worked: on how many adapters it worked.
        troubles: of each adapter on which it did not; the adapter's name is empty where it has none.
        wearables: what was heard.
    """

    seconds: float
    worked: int
    troubles: tuple[tuple[str, Trouble], ...] = ()
    wearables: tuple[HeardWearable, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A wearable that did not stream while the most others did, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Connecting:
    """What came of connecting all wearables at once.

    Attributes:
        tried: how many.
        streaming: how many streamed at the same time, at most.
        adapters: how many adapters they were shared among.
        limit_s: how long it was tried at most.
        missed: the others.
    """

    tried: int
    streaming: int
    adapters: int
    limit_s: float
    missed: tuple[Missed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """The folder of the archive: how much is free there, and why nothing can be written (empty if it can)."""

    folder: Path
    free_bytes: int
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """What is in the archive's file; `path` does not exist if `exists` is false.

    Attributes:
        path: where it is.
        exists: whether there is anything in it yet.
        trouble: why it cannot be used, with what to do; empty if it can.
        damage: what SQLite found to be wrong with it; empty if nothing.
        checked_whole: whether SQLite's check came to its end.
        sessions: what it holds, the oldest first.
    """

    path: Path
    exists: bool
    trouble: str = ""
    damage: str = ""
    checked_whole: bool = True
    sessions: tuple[StoredSession, ...] = ()
