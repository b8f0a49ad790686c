"""Facts at the edge: the kernel's files, the disk, and archives that must not be touched."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from watchlink.archive import Archive, SessionState
from watchlink.clock import utc_now
from watchlink.doctor.facts import RadioSwitch
from watchlink.doctor.gathering import (
    in_thread,
    kernel_adapters,
    radio_switches,
    sessions_in,
    storage_at,
    this_machine,
    trouble_of,
)
from watchlink.errors import LinkError, LinkFault
from watchlink.packets import Notification

_STARTED_AT = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An archive with one complete session."""
    path = tmp_path / "archive.sqlite3"
    with Archive(path) as opened:
        recorder = opened.begin(title="T", started_at=_STARTED_AT)
        for second in range(3000):
            recorder.accept(Notification(at_us=second * 1_000_000, wearable="w1", payload=b"\x00\x40"))
        recorder.close()
    return path


def files(folder: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in folder.iterdir()}


# --- the kernel's files ----------------------------------------------------------------------------------------------


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def test_adapters_and_their_makers_are_read_from_the_kernel(tmp_path: Path) -> None:
    usb = tmp_path / "devices" / "usb1" / "1-1"
    write(usb / "idVendor", "0A12")
    write(usb / "idProduct", "0001")
    (usb / "1-1:1.0" / "bluetooth" / "hci0").mkdir(parents=True)
    (usb / "1-1:1.0" / "bluetooth" / "hci0" / "device").symlink_to(usb / "1-1:1.0")
    for name in ("hci0", "hci10", "hci0:64"):
        (tmp_path / "class" / "bluetooth" / name).mkdir(parents=True)
    (tmp_path / "class" / "bluetooth" / "hci0" / "device").symlink_to(usb / "1-1:1.0")
    assert kernel_adapters(tmp_path / "class") == {"hci0": "0a12:0001", "hci10": ""}


def test_switches_of_bluetooth_radios_are_read_and_no_others(tmp_path: Path) -> None:
    for number, (kind, name, soft, hard) in enumerate(
        [("wlan", "phy0", "1", "1"), ("bluetooth", "hci0", "1", "0"), ("bluetooth", "key", "0", "1")]
    ):
        entry = tmp_path / "rfkill" / f"rfkill{number}"
        for file, text in (("type", kind), ("name", name), ("soft", soft), ("hard", hard)):
            write(entry / file, text)
    assert radio_switches(tmp_path) == (
        RadioSwitch(name="hci0", soft=True, hard=False),
        RadioSwitch(name="key", soft=False, hard=True),
    )


def test_a_kernel_without_bluetooth_has_none(tmp_path: Path) -> None:
    assert kernel_adapters(tmp_path) == {}
    assert radio_switches(tmp_path) == ()


def test_this_machine_knows_itself() -> None:
    machine = this_machine()
    assert machine.platform == sys.platform
    assert machine.python == sys.version_info[:3]
    assert machine.numbers
    assert machine.bleak


def test_every_trouble_of_the_radio_comes_with_advice_here() -> None:
    if sys.platform in ("linux", "darwin", "win32"):
        assert all(trouble_of(LinkError("Bluetooth failed", fault=fault)).fix for fault in LinkFault)


# --- the disk --------------------------------------------------------------------------------------------------------


def test_a_folder_that_is_not_there_yet_is_asked_through_the_one_above(tmp_path: Path) -> None:
    storage = storage_at(tmp_path / "not" / "yet" / "archive.sqlite3")
    assert storage.folder == tmp_path
    assert storage.free_bytes > 0
    assert storage.refused == ""
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "archive.sqlite3").mkdir()
    assert storage_at(tmp_path / "archive.sqlite3").refused != ""


# --- the archive -----------------------------------------------------------------------------------------------------


def test_an_archive_is_read_and_not_touched(archive: Path) -> None:
    before = files(archive.parent)
    found = sessions_in(archive)
    assert (found.exists, found.trouble, found.damage, found.checked_whole) == (True, "", "", True)
    assert [(stored.id, stored.state, stored.packets) for stored in found.sessions] == [
        (1, SessionState.COMPLETE, 3000)
    ]
    assert files(archive.parent) == before


def test_no_archive_is_made(tmp_path: Path) -> None:
    assert not sessions_in(tmp_path / "none.sqlite3").exists
    (tmp_path / "empty.sqlite3").touch()
    assert not sessions_in(tmp_path / "empty.sqlite3").exists
    assert files(tmp_path) == {"empty.sqlite3": b""}


def test_a_session_that_is_being_recorded_is_seen_and_goes_on(archive: Path) -> None:
    with Archive(archive) as opened:
        recorder = opened.begin(title="Now", started_at=utc_now())
        found = sessions_in(archive)
        assert [stored.state for stored in found.sessions] == [SessionState.COMPLETE, SessionState.RECORDING]
        recorder.accept(Notification(at_us=0, wearable="w1", payload=b"\x00\x40"))
        recorder.close()
        assert recorder.trouble is None
        assert recorder.unsaved == 0
    assert [stored.packets for stored in sessions_in(archive).sessions] == [3000, 1]


def test_a_damaged_archive_is_said_to_be_damaged(archive: Path) -> None:
    octets = bytearray(archive.read_bytes())
    octets[3 * 4096 : 5 * 4096] = b"\xa5" * 2 * 4096
    archive.write_bytes(octets)
    found = sessions_in(archive)
    assert found.damage or found.trouble
    assert found.sessions == ()


@pytest.mark.parametrize(
    ("statement", "words"),
    [("PRAGMA user_version = 99", "newer watchlink"), ("PRAGMA application_id = 1", "another program")],
)
def test_what_is_no_archive_of_ours_is_said(archive: Path, statement: str, words: str) -> None:
    database = sqlite3.connect(archive)
    database.execute(statement)
    database.commit()
    database.close()
    assert words in sessions_in(archive).trouble


def test_what_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear archive, " * 99)
    assert "not a database" in sessions_in(tmp_path / "letter.txt").trouble
    assert "folder" in sessions_in(tmp_path).trouble


def test_a_check_without_time_ends_without_a_verdict(archive: Path) -> None:
    with Archive(archive, read_only=True) as opened:
        with pytest.raises(TimeoutError):
            opened.damage(limit_s=-1.0)
        assert opened.damage(limit_s=60.0) is None
        assert len(opened.sessions()) == 1


# --- threads ---------------------------------------------------------------------------------------------------------


def test_what_blocks_runs_beside_the_loop_and_its_errors_arrive() -> None:
    async def main() -> None:
        assert await in_thread(threading.get_ident) != threading.get_ident()
        with pytest.raises(KeyError):
            await in_thread(lambda: {}["missing"])

    asyncio.run(main())


def test_what_never_ends_is_left_behind() -> None:
    never = threading.Event()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await in_thread(never.wait)

    asyncio.run(main())  # returns although the thread still waits
    never.set()
