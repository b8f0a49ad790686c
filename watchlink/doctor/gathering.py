"""The edge: asks this computer for the facts that `judging` judges. Reads only; changes nothing.

Strategy: one function a record. What may hang (a disk of the network) runs in a thread of its own that nobody waits for
when time is over.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import platform
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Final, TypeVar

from watchlink import __version__
from watchlink.archive import Archive
from watchlink.doctor.facts import Adapter, Bluetooth, Machine, RadioSwitch, Sessions, Storage, Trouble
from watchlink.errors import ArchiveError, LinkError, LinkFault

T = TypeVar("T")

_SYS_CLASS: Final = Path("/sys/class")
_QUICK_CHECK_S: Final = 10.0
# What helps against troubles that nobody foresaw.
_OFF_AND_ON: Final[Mapping[str, str]] = {
    "linux": "Run `sudo systemctl restart bluetooth`, then try again.",
    "darwin": "Switch Bluetooth off and on in System Settings > Bluetooth, then try again.",
    "win32": "Switch Bluetooth off and on in Settings > Bluetooth & devices, then try again.",
}


async def in_thread(work: Callable[[], T]) -> T:
    """Run what may block beside the loop. Given up, it holds up neither the loop nor the end of the program."""
    result: concurrent.futures.Future[T] = concurrent.futures.Future()

    def run() -> None:
        result.set_running_or_notify_cancel()
        try:
            result.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whoever awaits it gets it
            result.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(result)


def this_machine() -> Machine:
    """The computer and the programs on it."""
    release = platform.mac_ver()[0] if sys.platform == "darwin" else platform.release()
    numbers = _numbers(platform.version() if sys.platform == "win32" else release)
    return Machine(
        platform=sys.platform,
        release=release,
        numbers=numbers,
        architecture=platform.machine(),
        python=sys.version_info[:3],
        watchlink=__version__,
        bleak=_version("bleak"),
        bumble=_version("bumble"),
    )


async def this_bluetooth() -> Bluetooth:
    """What the system says of its Bluetooth; on other platforms than Linux it says nothing before it is used."""
    if sys.platform != "linux":
        return Bluetooth(platform=sys.platform)
    from watchlink.sources.ble.bluez import ask_bluez

    known = {name: Adapter(name=name, usb=usb) for name, usb in kernel_adapters(_SYS_CLASS).items()}
    switches = radio_switches(_SYS_CLASS)
    try:
        bluez = await ask_bluez()
    except LinkError as error:
        adapters = tuple(known.values())
        return Bluetooth(platform=sys.platform, trouble=trouble_of(error), adapters=adapters, switches=switches)
    for adapter in bluez.adapters:
        known[adapter.name] = Adapter(
            name=adapter.name,
            powered=adapter.powered,
            central=adapter.central,
            connected=adapter.connected,
            usb=known[adapter.name].usb if adapter.name in known else "",
        )
    adapters = tuple(known[name] for name in sorted(known))
    return Bluetooth(platform=sys.platform, version=bluez.version, adapters=adapters, switches=switches)


def kernel_adapters(sys_class: Path) -> dict[str, str]:
    """Names of the adapters that the kernel has, each with its USB vendor and product or ""."""
    return {
        entry.name: _usb_of(entry)
        for entry in sorted((sys_class / "bluetooth").glob("hci*"))
        if entry.name[3:].isdigit()  # "hci0:64" is a connection
    }


def radio_switches(sys_class: Path) -> tuple[RadioSwitch, ...]:
    """The kernel's switches of Bluetooth radios."""
    return tuple(
        RadioSwitch(
            name=_line(entry / "name") or entry.name,
            soft=_line(entry / "soft") == "1",
            hard=_line(entry / "hard") == "1",
        )
        for entry in sorted((sys_class / "rfkill").glob("rfkill*"))
        if _line(entry / "type") == "bluetooth"
    )


def trouble_of(error: LinkError) -> Trouble:
    """An error of the radio, with what happened and what to do about it told apart."""
    from watchlink.sources.ble.radio import told_apart

    found, fix = told_apart(error)
    return Trouble(fault=error.fault, found=found, fix=fix or _OFF_AND_ON.get(sys.platform, ""))


def storage_at(archive: Path) -> Storage:
    """The folder of the archive, or the nearest one above it that exists.

    Raises:
        OSError: not even that can be asked.
    """
    folder = archive.absolute().parent
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    refused = ""
    try:
        if archive.exists():
            with archive.open("r+b"):  # opened, not written to
                pass
        with tempfile.TemporaryFile(dir=folder) as trial:  # what permissions say is not always so
            trial.write(b"watchlink")
            trial.flush()
    except OSError as error:
        refused = error.strerror or type(error).__name__
    return Storage(folder=folder, free_bytes=shutil.disk_usage(folder).free, refused=refused)


def sessions_in(archive: Path) -> Sessions:
    """What the archive holds, and whether its file is whole; never makes one."""
    if not archive.is_file() or archive.stat().st_size == 0:
        if archive.is_dir():
            return Sessions(path=archive, exists=True, trouble="It is a folder, no file.")
        return Sessions(path=archive, exists=False)
    try:
        with Archive(archive, read_only=True) as opened:
            try:
                damage, whole = opened.damage(limit_s=_QUICK_CHECK_S) or "", True
            except TimeoutError:
                damage, whole = "", False
            stored = () if damage else tuple(opened.sessions())
    except ArchiveError as error:
        return Sessions(path=archive, exists=True, trouble=str(error))
    return Sessions(path=archive, exists=True, damage=damage, checked_whole=whole, sessions=stored)


def usual_trouble(fault: LinkFault, platform_name: str) -> Trouble:
    """A trouble that nothing raised, in the words in which it is raised."""
    from watchlink.sources.ble.radio import told_apart

    found, fix = told_apart(LinkError(fault, fault=fault), platform=platform_name)
    return Trouble(fault=fault, found=found, fix=fix)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _numbers(text: str) -> tuple[int, ...]:
    leading = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(map(int, leading[0].split("."))) if leading else ()


def _usb_of(adapter: Path) -> str:
    """Vendor and product of the nearest USB device above the adapter's own device."""
    try:
        device = (adapter / "device").resolve(strict=True)
    except OSError:
        return ""
    for folder in (device, device.parent):
        vendor, product = _line(folder / "idVendor"), _line(folder / "idProduct")
        if vendor and product:
            return f"{vendor}:{product}".lower()
    return ""


def _line(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
