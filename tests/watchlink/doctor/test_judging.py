"""Judgements by table: every platform is judged here, whichever one the tests run on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from watchlink.archive import SessionState, StoredSession
from watchlink.doctor import judging
from watchlink.doctor.checks import Check, Status, is_ready, summary
from watchlink.doctor.facts import (
    Adapter,
    Bluetooth,
    Connecting,
    HeardWearable,
    Listening,
    Machine,
    Missed,
    RadioSwitch,
    Sessions,
    Storage,
    Terminal,
    Trouble,
)
from watchlink.doctor.gathering import usual_trouble
from watchlink.errors import LinkFault

PASS, WARN, FAIL, INFO, NOT_CHECKED = Status.PASS, Status.WARN, Status.FAIL, Status.INFO, Status.NOT_CHECKED
LINUX = Machine(
    platform="linux",
    release="6.8.0-45-generic",
    numbers=(6, 8, 0),
    architecture="x86_64",
    python=(3, 11, 7),
    watchlink="0.1.0",
    bleak="3.1.0",
    bumble=None,
)


def mac(*numbers: int) -> Machine:
    return replace(LINUX, platform="darwin", release=".".join(map(str, numbers)), numbers=numbers)


def windows(build: int) -> Machine:
    return replace(LINUX, platform="win32", release="10", numbers=(10, 0, build))


def trouble(fault: LinkFault, platform: str = "linux") -> Trouble:
    return usual_trouble(fault, platform)


def heard(*names: str, rssi_dbm: int = -50) -> Listening:
    return Listening(
        seconds=3, worked=1, wearables=tuple(HeardWearable(name=name, rssi_dbm=rssi_dbm) for name in names)
    )


def deaf(fault: LinkFault, platform: str) -> Listening:
    return Listening(seconds=3, worked=0, troubles=(("", trouble(fault, platform)),))


def bluetooth_checks(bluetooth: Bluetooth, listening: Listening | None) -> list[Check]:
    off = trouble(LinkFault.POWERED_OFF, bluetooth.platform)
    none = trouble(LinkFault.NO_ADAPTER, bluetooth.platform)
    checks = [
        judging.judge_service(bluetooth, listening),
        judging.judge_permission(bluetooth, listening),
        judging.judge_adapter(bluetooth, listening, none=none),
        judging.judge_power(bluetooth, listening, off=off),
    ]
    return checks if listening is None else [*checks, judging.judge_listening(listening, before=checks)]


# --- the computer ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("machine", "status", "found", "fix"),
    [
        (LINUX, PASS, "Linux 6.8.0-45-generic", ""),
        (
            replace(LINUX, release="5.15.90.1-microsoft-standard-WSL2"),
            WARN,
            "Linux 5.15.90.1-microsoft-standard-WSL2: a Linux inside Windows, which lends it no Bluetooth",
            "Install and run watchlink in Windows itself.",
        ),
        (mac(10, 14, 6), FAIL, "macOS 10.14.6", "Update macOS to 10.15 or newer."),
        (mac(10, 15), PASS, "macOS 10.15", ""),
        (mac(11, 7), PASS, "macOS 11.7", ""),
        (
            mac(12, 0, 1),
            WARN,
            "macOS 12.0.1 does not hear wearables that hide their heart-rate service",
            "Update macOS to 12.3 or newer.",
        ),
        (
            mac(12, 2, 1),
            WARN,
            "macOS 12.2.1 does not hear wearables that hide their heart-rate service",
            "Update macOS to 12.3 or newer.",
        ),
        (mac(12, 3), PASS, "macOS 12.3", ""),
        (mac(15, 1), PASS, "macOS 15.1", ""),
        (windows(15063), FAIL, "Windows 10, build 15063", "Update Windows to build 16299 or newer."),
        (windows(16299), PASS, "Windows 10, build 16299", ""),
        (windows(22631), PASS, "Windows 11, build 22631", ""),
        (
            replace(LINUX, platform="freebsd14", release="14.1"),
            FAIL,
            "freebsd14 14.1 has no Bluetooth LE that watchlink knows",
            "Use a computer with Linux, macOS or Windows.",
        ),
    ],
)
def test_the_system(machine: Machine, status: Status, found: str, fix: str) -> None:
    assert judging.judge_system(machine) == Check(name="system", status=status, found=found, fix=fix)


@pytest.mark.parametrize(
    ("python", "status"), [((3, 10, 12), FAIL), ((3, 11, 0), PASS), ((3, 13, 1), PASS), ((4, 0, 0), PASS)]
)
def test_python(python: tuple[int, int, int], status: Status) -> None:
    assert judging.judge_python(replace(LINUX, python=python)).status is status


@pytest.mark.parametrize(
    ("bleak", "status", "found"),
    [
        (None, FAIL, "watchlink 0.1.0 without Bleak, which it needs to reach Bluetooth"),
        ("2.1.1", WARN, "watchlink 0.1.0, Bleak 2.1.1: this Bleak is too old"),
        ("3.0.0", WARN, "watchlink 0.1.0, Bleak 3.0.0: this Bleak does not end subscriptions"),
        ("3.0.1", WARN, "watchlink 0.1.0, Bleak 3.0.1: this Bleak does not end subscriptions"),
        ("3.0.2", PASS, "watchlink 0.1.0, Bleak 3.0.2"),
        ("3.1.0", PASS, "watchlink 0.1.0, Bleak 3.1.0"),
        ("3.2.0rc1", PASS, "watchlink 0.1.0, Bleak 3.2.0rc1"),
        ("4.0", WARN, "watchlink 0.1.0, Bleak 4.0: never tried with this Bleak"),
    ],
)
def test_the_programs(bleak: str | None, status: Status, found: str) -> None:
    check = judging.judge_programs(replace(LINUX, bleak=bleak))
    assert (check.status, check.found) == (status, found)
    assert bool(check.fix) == (status is not PASS)


def test_virtual_wearables_are_good_to_know_about_either_way() -> None:
    without = judging.judge_extras(LINUX)
    assert (without.status, without.found) == (
        INFO,
        "no virtual wearables: install `watchlink[virtual]` for the demo",
    )
    assert judging.judge_extras(replace(LINUX, bumble="0.0.236")).found == "virtual wearables (Bumble 0.0.236)"


_GOOD = Terminal(is_terminal=True, columns=80, rows=24, colours=True, colours_refused=False, encoding="utf-8")


@pytest.mark.parametrize(
    ("terminal", "status", "found", "fix"),
    [
        (_GOOD, PASS, "80 x 24, UTF-8", ""),
        (replace(_GOOD, colours=False, colours_refused=True), PASS, "80 x 24, UTF-8", ""),
        (
            replace(_GOOD, columns=79),
            WARN,
            "79 x 24, too small for the board",
            "Make the window at least 80 x 24.",
        ),
        (replace(_GOOD, rows=23), WARN, "80 x 23, too small for the board", "Make the window at least 80 x 24."),
        (
            replace(_GOOD, colours=False, encoding="cp850"),
            WARN,
            "80 x 24, writes cp850, not UTF-8, no colours",
            "Set it to UTF-8 and use one that shows colours.",
        ),
        (
            replace(_GOOD, is_terminal=False),
            WARN,
            "the output goes into a file or a pipe: a session is shown there as plain lines",
            "Use a terminal of at least 80 x 24 for the board.",
        ),
    ],
)
def test_the_terminal(terminal: Terminal, status: Status, found: str, fix: str) -> None:
    assert judging.judge_terminal(terminal) == Check(name="terminal", status=status, found=found, fix=fix)


# --- the disk --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free_bytes", "refused", "status", "found"),
    [
        (80_400_000_000, "", PASS, "80 GB free; a session of eight takes about 5 MB"),
        (1_000_000_000, "", PASS, "1000 MB free; a session of eight takes about 5 MB"),
        (999_999_999, "", WARN, "1000 MB free; a session of eight takes about 5 MB"),
        (50_000_000, "", WARN, "50 MB free; a session of eight takes about 5 MB"),
        (49_999_999, "", FAIL, "50 MB free"),
        (80_400_000_000, "Permission denied", FAIL, f"nothing can be written to {Path('data')}: Permission denied"),
    ],
)
def test_the_disk(free_bytes: int, refused: str, status: Status, found: str) -> None:
    check = judging.judge_disk(Storage(folder=Path("data"), free_bytes=free_bytes, refused=refused))
    assert (check.status, check.found) == (status, found)
    assert bool(check.fix) == (status is not PASS)


def stored(number: int, state: SessionState) -> StoredSession:
    zero = datetime(2026, 3, 1, tzinfo=UTC)
    return StoredSession(id=number, title="T", started_at=zero, state=state, duration_s=1.0, packets=1)


_ARCHIVE = Sessions(path=Path("a.sqlite3"), exists=True)


@pytest.mark.parametrize(
    ("sessions", "status", "found"),
    [
        (replace(_ARCHIVE, exists=False), PASS, "none yet; the first session makes a.sqlite3"),
        (_ARCHIVE, PASS, "a.sqlite3 is whole"),
        (replace(_ARCHIVE, checked_whole=False), PASS, "a.sqlite3 opens; too large to be checked to its end here"),
        (replace(_ARCHIVE, damage="row 3 missing"), FAIL, "a.sqlite3 is damaged: row 3 missing"),
        (replace(_ARCHIVE, trouble="It was written by a newer one."), FAIL, "It was written by a newer one."),
    ],
)
def test_the_archive(sessions: Sessions, status: Status, found: str) -> None:
    check = judging.judge_archive(sessions)
    assert (check.status, check.found) == (status, found)
    assert bool(check.fix) == (status is FAIL)


def test_unfinished_sessions_are_told() -> None:
    states = [SessionState.COMPLETE, *[SessionState.INTERRUPTED] * 7, SessionState.RECORDING]
    sessions = replace(_ARCHIVE, sessions=tuple(stored(n, state) for n, state in enumerate(states, 1)))
    check = judging.judge_sessions(sessions)
    assert check.status is INFO
    assert check.found == (
        "9 in the archive; being recorded now: 9; interrupted: 4, 5, 6, 7, 8 and 2 before "
        "(what was recorded can be shown)"
    )
    assert judging.judge_sessions(replace(_ARCHIVE, exists=False)).found == "none yet"
    assert judging.judge_sessions(replace(_ARCHIVE, damage="x")).status is NOT_CHECKED


# --- Bluetooth -------------------------------------------------------------------------------------------------------

_HCI0 = Adapter(name="hci0", powered=True, central=True)
_HCI1 = Adapter(name="hci1", powered=True, central=True)
_BLUEZ = Bluetooth(platform="linux", version=(5, 72), adapters=(_HCI0,))
_STATUSES = tuple[Status, Status, Status, Status, Status]


@pytest.mark.parametrize(
    ("bluetooth", "listening", "statuses", "fix"),
    [
        pytest.param(_BLUEZ, heard(), (PASS,) * 5, None, id="linux: all well"),
        pytest.param(
            Bluetooth(platform="linux", trouble=trouble(LinkFault.NO_SERVICE)),
            deaf(LinkFault.NO_SERVICE, "linux"),
            (FAIL, NOT_CHECKED, FAIL, NOT_CHECKED, NOT_CHECKED),
            "sudo systemctl start bluetooth",
            id="linux: nothing at all",
        ),
        pytest.param(
            Bluetooth(platform="linux", trouble=trouble(LinkFault.NO_SERVICE), adapters=(Adapter(name="hci0"),)),
            deaf(LinkFault.NO_SERVICE, "linux"),
            (FAIL, NOT_CHECKED, PASS, NOT_CHECKED, NOT_CHECKED),
            "sudo systemctl start bluetooth",
            id="linux: the kernel has an adapter, the service is not there",
        ),
        pytest.param(
            Bluetooth(platform="linux", trouble=trouble(LinkFault.NO_PERMISSION), adapters=(Adapter(name="hci0"),)),
            deaf(LinkFault.NO_PERMISSION, "linux"),
            (PASS, FAIL, PASS, NOT_CHECKED, NOT_CHECKED),
            "group `bluetooth`",
            id="linux: the message bus refuses",
        ),
        pytest.param(
            Bluetooth(platform="linux", version=(5, 72)),
            deaf(LinkFault.NO_ADAPTER, "linux"),
            (PASS, PASS, FAIL, NOT_CHECKED, NOT_CHECKED),
            "rfkill list",
            id="linux: no adapter",
        ),
        pytest.param(
            replace(_BLUEZ, adapters=(replace(_HCI0, powered=False),)),
            deaf(LinkFault.POWERED_OFF, "linux"),
            (PASS, PASS, PASS, FAIL, NOT_CHECKED),
            "bluetoothctl power on",
            id="linux: switched off",
        ),
        pytest.param(
            replace(
                _BLUEZ,
                adapters=(replace(_HCI0, powered=False),),
                switches=(RadioSwitch(name="thinkpad", soft=False, hard=True),),
            ),
            deaf(LinkFault.POWERED_OFF, "linux"),
            (PASS, PASS, PASS, FAIL, NOT_CHECKED),
            "with that key",
            id="linux: switched off by a key",
        ),
        pytest.param(
            replace(_BLUEZ, adapters=(replace(_HCI0, central=False),)),
            deaf(LinkFault.NO_ADAPTER, "linux"),
            (PASS, PASS, FAIL, PASS, NOT_CHECKED),
            "Plug one in",
            id="linux: an adapter without LE",
        ),
        pytest.param(
            replace(_BLUEZ, adapters=(_HCI0, replace(_HCI1, powered=False))),
            Listening(seconds=3, worked=1, troubles=(("hci1", trouble(LinkFault.POWERED_OFF)),)),
            (PASS, PASS, PASS, WARN, WARN),
            "bluetoothctl power on",
            id="linux: one of two switched off",
        ),
        pytest.param(
            replace(_BLUEZ, version=(5, 50)), heard(), (WARN, PASS, PASS, PASS, PASS), "Update BlueZ", id="linux: 5.50"
        ),
        pytest.param(
            replace(_BLUEZ, version=(5, 64)), heard(), (WARN, PASS, PASS, PASS, PASS), "Update BlueZ", id="linux: 5.64"
        ),
        pytest.param(replace(_BLUEZ, version=None), heard(), (PASS,) * 5, None, id="linux: a BlueZ without version"),
        pytest.param(
            replace(_BLUEZ, adapters=(replace(_HCI0, usb="0a12:0001"),)),
            heard(),
            (PASS, PASS, WARN, PASS, PASS),
            "second adapter",
            id="linux: an adapter of few connections",
        ),
        pytest.param(
            _BLUEZ,
            Listening(seconds=3, worked=0, troubles=(("", replace(trouble(LinkFault.OTHER), fix="Restart it.")),)),
            (PASS, PASS, PASS, PASS, FAIL),
            "Restart it.",
            id="linux: nothing wrong but listening",
        ),
        pytest.param(Bluetooth(platform="darwin"), heard(), (PASS,) * 5, None, id="macos: all well"),
        pytest.param(
            Bluetooth(platform="darwin"),
            deaf(LinkFault.NO_PERMISSION, "darwin"),
            (PASS, FAIL, NOT_CHECKED, NOT_CHECKED, NOT_CHECKED),
            "Privacy & Security > Bluetooth",
            id="macos: not allowed",
        ),
        pytest.param(
            Bluetooth(platform="darwin"),
            deaf(LinkFault.POWERED_OFF, "darwin"),
            (PASS, PASS, PASS, FAIL, NOT_CHECKED),
            "System Settings > Bluetooth",
            id="macos: switched off",
        ),
        pytest.param(
            Bluetooth(platform="darwin"),
            deaf(LinkFault.NO_SERVICE, "darwin"),
            (FAIL, NOT_CHECKED, NOT_CHECKED, NOT_CHECKED, NOT_CHECKED),
            "Answer the question",
            id="macos: the question is not answered",
        ),
        pytest.param(Bluetooth(platform="win32"), heard(), (PASS,) * 5, None, id="windows: all well"),
        pytest.param(
            Bluetooth(platform="win32"),
            deaf(LinkFault.NO_ADAPTER, "win32"),
            (PASS, PASS, FAIL, NOT_CHECKED, NOT_CHECKED),
            "Device Manager",
            id="windows: no adapter",
        ),
        pytest.param(
            Bluetooth(platform="win32"),
            deaf(LinkFault.POWERED_OFF, "win32"),
            (PASS, PASS, PASS, FAIL, NOT_CHECKED),
            "Settings > Bluetooth & devices",
            id="windows: switched off",
        ),
    ],
)
def test_bluetooth_on_every_platform(
    bluetooth: Bluetooth, listening: Listening, statuses: _STATUSES, fix: str | None
) -> None:
    checks = bluetooth_checks(bluetooth, listening)
    assert tuple(check.status for check in checks) == statuses, checks
    faults = [check for check in checks if check.status in (WARN, FAIL)]
    assert all(check.fix for check in faults)
    assert all(check.found for check in checks)
    assert (fix is None) == (faults == [])
    if fix is not None:
        assert fix in faults[0].fix


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_where_nothing_could_be_tried_nothing_is_claimed(platform: str) -> None:
    checks = bluetooth_checks(Bluetooth(platform=platform), None)
    if platform != "linux":
        assert {check.status for check in checks} == {NOT_CHECKED}
    assert not any(check.name == "power" and check.status is PASS for check in checks)


def test_a_service_that_refuses_is_there_and_nothing_else_is_claimed_of_it() -> None:
    refusing = Bluetooth(platform="linux", trouble=trouble(LinkFault.NO_PERMISSION))
    check = judging.judge_service(refusing, None)
    assert (check.status, check.found) == (PASS, "the service is there")


def test_several_adapters_are_named_and_shared() -> None:
    adapters = (_HCI0, replace(_HCI1, connected=2))
    check = judging.judge_adapter(replace(_BLUEZ, adapters=adapters), None, none=trouble(LinkFault.NO_ADAPTER))
    assert check.found == "hci0; hci1 (2 connected already); watchlink shares the wearables among them"


# --- wearables -------------------------------------------------------------------------------------------------------


def test_no_wearable_is_a_warning_with_what_its_wearer_can_do() -> None:
    check = judging.judge_wearables(heard())
    assert (check.status, check.found) == (WARN, "none was heard in 3 s")
    assert "heart rate broadcasting" in check.fix


def test_wearables_are_named_and_their_names_marked_as_such() -> None:
    check = judging.judge_wearables(heard("Polar H10 1A2B", ""))
    assert check == Check(
        name="wearables",
        status=PASS,
        found="2 heard: Polar H10 1A2B, (no name)",
        names=("Polar H10 1A2B",),
    )


def test_weak_wearables_are_a_warning() -> None:
    check = judging.judge_wearables(heard("Far", rssi_dbm=-81))
    assert (check.status, check.found) == (WARN, "1 heard: Far; weak: Far")
    assert judging.judge_wearables(heard("Near", rssi_dbm=-80)).status is PASS


def test_nothing_is_said_of_wearables_where_nothing_could_be_heard() -> None:
    assert judging.judge_wearables(deaf(LinkFault.NO_ADAPTER, "linux")).status is NOT_CHECKED


@pytest.mark.parametrize(
    ("connecting", "status", "found"),
    [
        (Connecting(tried=1, streaming=1, adapters=1, limit_s=30), PASS, "the one that was heard streams"),
        (Connecting(tried=8, streaming=8, adapters=2, limit_s=30), PASS, "all 8 stream at once"),
        (
            Connecting(tried=2, streaming=1, adapters=1, limit_s=30, missed=(Missed(name="B", reason="no slot left"),)),
            WARN,
            "1 of 2 streamed at once within 30 s. B: no slot left",
        ),
    ],
)
def test_connections(connecting: Connecting, status: Status, found: str) -> None:
    check = judging.judge_connecting(connecting)
    assert (check.status, check.found) == (status, found)
    if status is WARN:
        assert "second adapter" in check.fix
        assert check.names == ("B",)


# --- the sum ---------------------------------------------------------------------------------------------------------


def sum_of(**statuses: Status) -> tuple[bool, str]:
    checks = [Check(name=name, status=status, found="x") for name, status in statuses.items()]
    return is_ready(checks), summary(checks)


def test_the_sum_says_in_plain_words_what_matters_most() -> None:
    assert sum_of(a=PASS, b=INFO) == (True, "Ready for a session.")
    assert sum_of(a=PASS, b=WARN) == (True, "Ready for a session; look at: b.")
    assert sum_of(a=WARN, b=NOT_CHECKED) == (
        True,
        "Ready for a session as far as could be checked; look at: a; not checked: b.",
    )
    ready, words = sum_of(a=FAIL, b=WARN, c=FAIL, d=NOT_CHECKED)
    assert not ready
    assert words.startswith("Not ready for a session: a, c. ")
