"""What the facts mean for a session: pure functions from facts to checks, for every platform.

Strategy: a check is a fact, a verdict and one sentence of advice. What stands against a session fails; what may spoil
it warns. Of one fault one check tells: those that hang on it are not checked, and say what they wait for.

References:
    Bleak's documentation for the systems that it supports (BlueZ 5.55, macOS 10.15, Windows build 16299) and its
    changelog for its own faults. bluez/bluez #509 for BlueZ 5.64; hbldh/bleak #635 for macOS 12.0 to 12.2.
    Bluetooth-Devices/bleak-retry-connector #67 for the connections that adapters of CSR bear.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from watchlink.archive import SessionState
from watchlink.doctor.checks import Check, Status
from watchlink.doctor.facts import (
    Adapter,
    Bluetooth,
    Connecting,
    Listening,
    Machine,
    Sessions,
    Storage,
    Terminal,
    Trouble,
)
from watchlink.errors import LinkFault

_NAMES: Final[Mapping[str, str]] = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}

_OLDEST_MACOS: Final = (10, 15)
_OLDEST_WINDOWS_BUILD: Final = 16299
_WINDOWS_11_BUILD: Final = 22000
_OLDEST_PYTHON: Final = (3, 11)
_OLDEST_BLEAK: Final = (3, 0, 2)
_BLEAK_TOO_NEW: Final = (4,)
_OLDEST_BLUEZ: Final = (5, 55)
_TROUBLED_BLUEZ: Final = (5, 64)

_BOARD_COLUMNS: Final = 80
_BOARD_ROWS: Final = 24

_MB: Final = 1_000_000
_GB: Final = 1_000_000_000
_LEAST_FREE_BYTES: Final = 50 * _MB
_GOOD_FREE_BYTES: Final = _GB
# Two hours of eight people. Measured: the archive of a demo session (2.5 MB), doubled for what real radios add to it.
_SESSION_MB: Final = 5

# So many sessions are told by number.
_NUMBERS: Final = 5

_WEAK_DBM: Final = -80
# Chips that mostly bear five connections at once.
_CSR_VENDOR: Final = "0a12:"

_AGAIN: Final = "then run `watchlink doctor` again"


# --- the computer ----------------------------------------------------------------------------------------------------


def judge_system(machine: Machine) -> Check:
    """Whether Bluetooth LE can be reached from this system, and what is known to be wrong with this version."""
    status, found, fix = Status.PASS, f"{_NAMES.get(machine.platform, machine.platform)} {machine.release}", ""
    match machine.platform:
        case "linux" if "microsoft" in machine.release.lower():
            status, found = Status.WARN, f"{found}: a Linux inside Windows, which lends it no Bluetooth"
            fix = "Install and run watchlink in Windows itself."
        case "darwin" if machine.numbers < _OLDEST_MACOS:
            status, fix = Status.FAIL, "Update macOS to 10.15 or newer."
        case "darwin" if (12, 0) <= machine.numbers < (12, 3):
            status, found = Status.WARN, f"{found} does not hear wearables that hide their heart-rate service"
            fix = "Update macOS to 12.3 or newer."
        case "win32":
            build = machine.numbers[-1] if machine.numbers else 0
            found = f"Windows {'11' if build >= _WINDOWS_11_BUILD else machine.release}, build {build}"
            if build < _OLDEST_WINDOWS_BUILD:
                status, fix = Status.FAIL, f"Update Windows to build {_OLDEST_WINDOWS_BUILD} or newer."
        case "linux" | "darwin":
            pass
        case _:
            status, found = Status.FAIL, f"{found} has no Bluetooth LE that watchlink knows"
            fix = "Use a computer with Linux, macOS or Windows."
    return Check(name="system", status=status, found=found, fix=fix)


def judge_python(machine: Machine) -> Check:
    """Whether Python is new enough."""
    version = ".".join(map(str, machine.python))
    if machine.python < _OLDEST_PYTHON:
        fix = "Install Python 3.11 or newer, and watchlink with it."
        return Check(name="Python", status=Status.FAIL, found=version, fix=fix)
    return Check(name="Python", status=Status.PASS, found=version)


def judge_programs(machine: Machine) -> Check:
    """Whether Bleak is one that watchlink works with."""
    found = f"watchlink {machine.watchlink}, Bleak {machine.bleak}"
    if machine.bleak is None:
        return Check(
            name="programs",
            status=Status.FAIL,
            found=f"watchlink {machine.watchlink} without Bleak, which it needs to reach Bluetooth",
            fix="Install watchlink again: it brings Bleak with it.",
        )
    version = _version(machine.bleak)
    fix = "Install watchlink again: it brings a Bleak that it was tried with."
    if version < _OLDEST_BLEAK:
        why = "does not end subscriptions" if version >= (3, 0, 0) else "is too old"
        return Check(name="programs", status=Status.WARN, found=f"{found}: this Bleak {why}", fix=fix)
    if version >= _BLEAK_TOO_NEW:
        return Check(name="programs", status=Status.WARN, found=f"{found}: never tried with this Bleak", fix=fix)
    return Check(name="programs", status=Status.PASS, found=found)


def judge_extras(machine: Machine) -> Check:
    """Whether virtual wearables can be used."""
    found = (
        "no virtual wearables: install `watchlink[virtual]` for the demo"
        if machine.bumble is None
        else f"virtual wearables (Bumble {machine.bumble})"
    )
    return Check(name="extras", status=Status.INFO, found=found)


def judge_terminal(terminal: Terminal) -> Check:
    """Whether the board can be shown where the output goes."""
    if not terminal.is_terminal:
        return Check(
            name="terminal",
            status=Status.WARN,
            found="the output goes into a file or a pipe: a session is shown there as plain lines",
            fix=f"Use a terminal of at least {_BOARD_COLUMNS} x {_BOARD_ROWS} for the board.",
        )
    found = f"{terminal.columns} x {terminal.rows}"
    lacks, fixes = list[str](), list[str]()
    if terminal.columns < _BOARD_COLUMNS or terminal.rows < _BOARD_ROWS:
        lacks.append("too small for the board")
        fixes.append(f"make the window at least {_BOARD_COLUMNS} x {_BOARD_ROWS}")
    if not terminal.encoding.lower().replace("-", "").startswith("utf"):
        lacks.append(f"writes {terminal.encoding}, not UTF-8")
        fixes.append("set it to UTF-8")
    if not terminal.colours and not terminal.colours_refused:
        lacks.append("no colours")
        fixes.append("use one that shows colours")
    if lacks:
        fix = f"{' and '.join(fixes)}."
        words = f"{found}, {', '.join(lacks)}"
        return Check(name="terminal", status=Status.WARN, found=words, fix=fix[0].upper() + fix[1:])
    return Check(name="terminal", status=Status.PASS, found=f"{found}, {terminal.encoding.upper()}")


# --- the disk --------------------------------------------------------------------------------------------------------


def judge_disk(storage: Storage) -> Check:
    """Whether sessions can be written, and how many."""
    free = storage.free_bytes
    found = (
        f"{_size(free)} free; a session of eight takes about {_SESSION_MB} MB"
        if free >= _LEAST_FREE_BYTES
        else f"{_size(free)} free"
    )
    if storage.refused:
        return Check(
            name="disk",
            status=Status.FAIL,
            found=f"nothing can be written to {storage.folder}: {storage.refused}",
            fix="Make it writable for you, or choose another place with --archive.",
        )
    if free < _GOOD_FREE_BYTES:
        status = Status.FAIL if free < _LEAST_FREE_BYTES else Status.WARN
        fix = "Make room on this disk, or choose another one with --archive."
        return Check(name="disk", status=status, found=found, fix=fix)
    return Check(name="disk", status=Status.PASS, found=found)


def judge_archive(sessions: Sessions) -> Check:
    """Whether the archive can be opened and is whole."""
    if not sessions.exists:
        found = f"none yet; the first session makes {sessions.path}"
        return Check(name="archive", status=Status.PASS, found=found)
    keep = "Keep this file, and choose another archive with --archive."
    if sessions.trouble:
        return Check(name="archive", status=Status.FAIL, found=sessions.trouble, fix=keep)
    if sessions.damage:
        return Check(
            name="archive", status=Status.FAIL, found=f"{sessions.path} is damaged: {sessions.damage}", fix=keep
        )
    if not sessions.checked_whole:
        found = f"{sessions.path} opens; too large to be checked to its end here"
        return Check(name="archive", status=Status.PASS, found=found)
    return Check(name="archive", status=Status.PASS, found=f"{sessions.path} is whole")


def judge_sessions(sessions: Sessions) -> Check:
    """What the archive holds, and which sessions were never closed."""
    if not sessions.exists:
        return Check(name="sessions", status=Status.INFO, found="none yet")
    if sessions.trouble or sessions.damage:
        return Check(name="sessions", status=Status.NOT_CHECKED, found="the archive cannot be read")
    found = f"{len(sessions.sessions)} in the archive"
    recording = _numbers(sessions, SessionState.RECORDING)
    interrupted = _numbers(sessions, SessionState.INTERRUPTED)
    if recording:
        found += f"; being recorded now: {', '.join(recording)}"
    if interrupted:
        found += f"; interrupted: {', '.join(interrupted[-_NUMBERS:])}"
        found += f" and {len(interrupted) - _NUMBERS} before" if len(interrupted) > _NUMBERS else ""
        found += " (what was recorded can be shown)"
    return Check(name="sessions", status=Status.INFO, found=found)


# --- Bluetooth -------------------------------------------------------------------------------------------------------


def judge_service(bluetooth: Bluetooth, listening: Listening | None) -> Check:
    """Whether the system's Bluetooth service answers."""
    trouble = _trouble(bluetooth, listening, LinkFault.NO_SERVICE)
    if trouble is not None:
        return _failed("Bluetooth", trouble)
    other = bluetooth.trouble
    if other is not None and other.fault is LinkFault.OTHER:
        return Check(name="Bluetooth", status=Status.WARN, found=other.found, fix=other.fix)
    if bluetooth.platform != "linux":
        if listening is None:
            return Check(name="Bluetooth", status=Status.NOT_CHECKED, found="nothing was tried with it")
        return Check(name="Bluetooth", status=Status.PASS, found="the system's Bluetooth answers")
    if other is not None:  # it answered, with a refusal: that is another check's to tell
        return Check(name="Bluetooth", status=Status.PASS, found="the service is there")
    version = bluetooth.version
    if version is None:
        return Check(name="Bluetooth", status=Status.PASS, found="BlueZ answers; it does not say its version")
    found = f"BlueZ {version[0]}.{version[1]} answers"
    fix = "Update BlueZ, with your distribution or alone."
    if version < _OLDEST_BLUEZ:
        return Check(name="Bluetooth", status=Status.WARN, found=f"{found}; below 5.55 much does not work", fix=fix)
    if version == _TROUBLED_BLUEZ:
        found = f"{found}; with this version connections were reported to break and stay silent"
        return Check(name="Bluetooth", status=Status.WARN, found=found, fix=fix)
    return Check(name="Bluetooth", status=Status.PASS, found=found)


def judge_permission(bluetooth: Bluetooth, listening: Listening | None) -> Check:
    """Whether this program may use Bluetooth."""
    trouble = _trouble(bluetooth, listening, LinkFault.NO_PERMISSION)
    if trouble is not None:
        return _failed("permission", trouble)
    if bluetooth.trouble is not None or _trouble(bluetooth, listening, LinkFault.NO_SERVICE):
        return Check(name="permission", status=Status.NOT_CHECKED, found="the Bluetooth service did not answer")
    if listening is None and bluetooth.platform != "linux":
        return Check(name="permission", status=Status.NOT_CHECKED, found="nothing was tried")
    return Check(name="permission", status=Status.PASS, found="this program may use Bluetooth")


def judge_adapter(bluetooth: Bluetooth, listening: Listening | None, *, none: Trouble) -> Check:
    """Whether there is an adapter that can connect to wearables; `none` tells what to do where there is not."""
    trouble = _trouble(bluetooth, listening, LinkFault.NO_ADAPTER)
    if trouble is not None and not bluetooth.adapters:
        return _failed("adapter", trouble)
    if bluetooth.platform != "linux":
        if listening is None or _other_trouble(listening, besides=(LinkFault.POWERED_OFF,)):
            return Check(name="adapter", status=Status.NOT_CHECKED, found="Bluetooth could not be asked")
        return Check(name="adapter", status=Status.PASS, found="there is one")
    if not bluetooth.adapters:
        return _failed("adapter", none)
    found = "; ".join(map(_described, bluetooth.adapters))
    usable = [adapter for adapter in bluetooth.adapters if adapter.central is not False]
    if not usable:
        return Check(name="adapter", status=Status.FAIL, found=f"{found}: made for Bluetooth without LE", fix=none.fix)
    if len(usable) > 1:
        found += "; watchlink shares the wearables among them"
    elif usable[0].usb.startswith(_CSR_VENDOR):
        found += "; adapters with this chip often bear five connections at once"
        fix = "For more than five wearables, plug in a second adapter."
        return Check(name="adapter", status=Status.WARN, found=found, fix=fix)
    return Check(name="adapter", status=Status.PASS, found=found)


def judge_power(bluetooth: Bluetooth, listening: Listening | None, *, off: Trouble) -> Check:
    """Whether the radio is switched on; `off` tells how to switch it on."""
    hard = [switch.name for switch in bluetooth.switches if switch.hard]
    if hard:
        return Check(
            name="power",
            status=Status.FAIL,
            found=f"switched off by a key or switch of the computer: {', '.join(hard)}",
            fix=f"Switch Bluetooth on with that key (often with a plane or an antenna on it), {_AGAIN}.",
        )
    dark = [adapter.name for adapter in bluetooth.adapters if adapter.powered is False]
    lit = [adapter.name for adapter in bluetooth.adapters if adapter.powered]
    soft = [switch.name for switch in bluetooth.switches if switch.soft]
    if (dark or soft) and not lit:
        found = f"switched off: {', '.join(dark or soft)}"
        return Check(name="power", status=Status.FAIL, found=found, fix=off.fix)
    trouble = _trouble(bluetooth, listening, LinkFault.POWERED_OFF)
    if trouble is not None and not lit:
        return _failed("power", trouble)
    if dark:
        found = f"{', '.join(lit)} switched on; {', '.join(dark)} switched off"
        return Check(name="power", status=Status.WARN, found=found, fix=off.fix)
    if lit:
        return Check(name="power", status=Status.PASS, found=f"{', '.join(lit)} switched on")
    if bluetooth.platform == "linux" or listening is None or listening.worked == 0:
        return Check(name="power", status=Status.NOT_CHECKED, found="no adapter was found that could be asked")
    return Check(name="power", status=Status.PASS, found="switched on")


def judge_listening(listening: Listening, *, before: Sequence[Check] = ()) -> Check:
    """Whether wearables can be listened for; `before` are the checks that may have told already why not."""
    blamed = [check.name for check in before if check.status is Status.FAIL]
    if not listening.worked and blamed:
        return Check(name="listening", status=Status.NOT_CHECKED, found=f"not possible: see {', '.join(blamed)}")
    if not listening.worked:
        trouble = listening.troubles[0][1] if listening.troubles else None
        if trouble is None:
            return Check(name="listening", status=Status.FAIL, found="there is no adapter to listen with")
        return _failed("listening", trouble)
    if listening.troubles:
        found = "; ".join(f"{name or 'the adapter'}: {trouble.found}" for name, trouble in listening.troubles)
        fix = listening.troubles[0][1].fix or "Unplug that adapter and plug it in again, or leave it out."
        return Check(name="listening", status=Status.WARN, found=f"not on every adapter: {found}", fix=fix)
    return Check(name="listening", status=Status.PASS, found=f"listened for {listening.seconds:g} s")


def judge_wearables(listening: Listening) -> Check:
    """Which wearables were heard, and how well."""
    if not listening.worked:
        return Check(name="wearables", status=Status.NOT_CHECKED, found="nothing could be heard")
    heard = listening.wearables
    if not heard:
        return Check(
            name="wearables",
            status=Status.WARN,
            found=f"none was heard in {listening.seconds:g} s",
            fix="Switch on heart rate broadcasting on the watch or put the strap on, and close its phone app.",
        )
    names = tuple(wearable.name or "(no name)" for wearable in heard)
    weak = [wearable.name or "(no name)" for wearable in heard if wearable.rssi_dbm < _WEAK_DBM]
    found = f"{len(heard)} heard: {', '.join(names)}"
    if weak:
        return Check(
            name="wearables",
            status=Status.WARN,
            found=f"{found}; weak: {', '.join(weak)}",
            fix="Bring the weak ones and the computer closer together.",
            names=_known(names),
        )
    return Check(name="wearables", status=Status.PASS, found=found, names=_known(names))


def judge_connecting(connecting: Connecting) -> Check:
    """Whether all wearables stream at once."""
    if connecting.streaming == connecting.tried:
        who = "the one that was heard streams" if connecting.tried == 1 else f"all {connecting.tried} stream at once"
        return Check(name="connections", status=Status.PASS, found=who)
    missed = "; ".join(f"{one.name or '(no name)'}: {one.reason}" for one in connecting.missed)
    found = f"{connecting.streaming} of {connecting.tried} streamed at once within {connecting.limit_s:g} s. {missed}"
    fix = "Bring these wearables closer, disconnect them from phones, and check that they are worn"
    fix += "; if the number stays the same, plug in a second adapter." if connecting.streaming else "."
    names = _known([one.name for one in connecting.missed])
    return Check(name="connections", status=Status.WARN, found=found, fix=fix, names=names)


# --- in common -------------------------------------------------------------------------------------------------------


def _numbers(sessions: Sessions, state: SessionState) -> list[str]:
    return [str(stored.id) for stored in sessions.sessions if stored.state is state]


def _trouble(bluetooth: Bluetooth, listening: Listening | None, fault: LinkFault) -> Trouble | None:
    """This trouble, where the service had it or every adapter that was listened on."""
    if bluetooth.trouble is not None and bluetooth.trouble.fault is fault:
        return bluetooth.trouble
    if listening is not None and not listening.worked:
        for _, trouble in listening.troubles:
            if trouble.fault is fault:
                return trouble
    return None


def _other_trouble(listening: Listening, *, besides: Sequence[LinkFault]) -> bool:
    return not listening.worked and any(trouble.fault not in besides for _, trouble in listening.troubles)


def _failed(name: str, trouble: Trouble) -> Check:
    return Check(name=name, status=Status.FAIL, found=trouble.found.rstrip("."), fix=trouble.fix)


def _described(adapter: Adapter) -> str:
    words = adapter.name
    if adapter.central is False:
        words += " (no LE)"
    if adapter.connected:
        words += f" ({adapter.connected} connected already)"
    return words


def _known(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name and name != "(no name)")


def _version(text: str) -> tuple[int, ...]:
    leading = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(map(int, leading[0].split("."))) if leading else ()


def _size(octets: int) -> str:
    return f"{octets / _GB:.0f} GB" if octets >= 10 * _GB else f"{octets / _MB:.0f} MB"
