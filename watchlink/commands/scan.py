"""`watchlink scan`: which heart-rate wearables are near, whose they are, and what each can probably give."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import typer

from watchlink.commands.asking import tell
from watchlink.commands.exits import NOT_FOUND
from watchlink.commands.nearby import (
    NO_NAME,
    NOTHING_FOUND,
    Air,
    DevicesOption,
    JsonOption,
    Nearby,
    ScanSecondsOption,
    SeedOption,
    SpeedOption,
    VirtualOption,
    devices_path,
    not_heard,
    owners,
    profile_of,
)
from watchlink.commands.running import PlainOption
from watchlink.texts import shown

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from watchlink.devices import Device
    from watchlink.sources.ble import Found

_COLUMNS: Final = ("name", "wearable", "will probably give", "signal", "taken")
# How much a new advertisement moves the strength that is shown: a hand in the way is no news.
_SMOOTHING: Final = 0.2


def scan(
    *,
    seconds: ScanSecondsOption = 8.0,
    virtual: VirtualOption = None,
    seed: SeedOption = 1,
    speed: SpeedOption = 1.0,
    plain: PlainOption = False,
    as_json: JsonOption = False,
    devices: DevicesOption = None,
) -> None:
    """Show the heart-rate wearables near this computer, whose they are, and what each can probably give."""
    from watchlink.devices import load_devices

    known = load_devices(devices_path(devices)) if virtual is None or devices is not None else ()
    heard = listen(
        Air(virtual=virtual, seed=seed, speed=speed), seconds=seconds, devices=known, live=not plain and not as_json
    )
    missing = [device for device in known if all(row.remembered != device for row in heard)]
    if as_json:
        for row in heard:
            typer.echo(json.dumps(_record(row), ensure_ascii=False))
    elif plain:
        for row in heard:
            typer.echo(shown(nearby_line(row)))
    elif heard:
        print_nearby(heard)
    for device in missing:
        tell(not_heard(device))
    if all(row.found is None for row in heard):
        tell(NOTHING_FOUND)
        raise typer.Exit(NOT_FOUND)


def listen(
    air: Air, *, seconds: float, devices: Sequence[Device], live: bool, wanted: Iterable[str] = ()
) -> list[Nearby]:
    """Listen, showing on a terminal what is heard as it is heard; at the end return it, by name.

    Raises:
        LinkError: Bluetooth cannot be used.
    """
    from watchlink.sources import ble

    clock = air.new_clock()
    nearby = _Nearby(devices)
    screen = _Screen(nearby, seconds=seconds, live=live)

    async def main() -> None:
        async with air.open(clock) as radio:
            with screen:
                nearby.in_use = await ble.connected_here(radio)

                def heard(found: Found) -> None:
                    nearby.hear(found)
                    screen.draw()

                await ble.scan(clock=clock, seconds=seconds, wanted=tuple(wanted), radio=radio, heard=heard)

    clock.run(main())
    return nearby.rows()


class _Nearby:
    """What was heard so far."""

    def __init__(self, devices: Sequence[Device]) -> None:
        from watchlink.sources.ble import ConnectedHere

        self._devices = devices
        self._found: dict[str, Found] = {}
        self._signal_dbm: dict[str, float] = {}
        self.in_use: list[ConnectedHere] = []

    def hear(self, found: Found) -> None:
        address = found.device.address
        before = self._signal_dbm.get(address, float(found.rssi_dbm))
        self._found[address] = found
        self._signal_dbm[address] = before + (found.rssi_dbm - before) * _SMOOTHING

    def rows(self) -> list[Nearby]:
        """By name, then address: the order does not change with the strength of a signal."""
        from firmware_profiles.profiles import profile_for_name

        found = sorted(self._found.values(), key=lambda one: (one.name, one.device.address))
        owner = owners(found, self._devices)
        in_use = {here.address for here in self.in_use}
        rows = [
            Nearby(
                name=one.name,
                profile=profile_of(one),
                found=one,
                signal_dbm=self._signal_dbm[one.device.address],
                remembered=owner.get(one.device.address),
                connected_here=one.device.address in in_use,
            )
            for one in found
        ]
        by_address = {device.address: device for device in self._devices}
        rows += [
            Nearby(
                name=here.name,
                profile=profile_for_name(here.name),
                remembered=by_address.get(here.address),
                connected_here=True,
            )
            for here in self.in_use
            if here.address not in self._found
        ]
        return sorted(rows, key=lambda row: row.name)


class _Screen:
    """On a terminal: the table as it grows. It is gone at the end, when the caller prints the whole."""

    def __init__(self, nearby: _Nearby, *, seconds: float, live: bool) -> None:
        from rich.console import Console
        from rich.live import Live

        from watchlink.clock import Stopwatch

        self._nearby = nearby
        self._seconds = seconds
        console = Console(stderr=True)
        self._live = Live(console=console, auto_refresh=False, transient=True) if live and console.is_terminal else None
        self._since_draw = Stopwatch()

    def __enter__(self) -> None:
        if self._live is None:
            tell(f"Listening for up to {self._seconds:g} s ...")
        else:
            self._live.start()
            self._draw()

    def __exit__(self, *_error: object) -> None:
        if self._live is not None:
            self._live.stop()

    def draw(self) -> None:
        """Twice a second at most: nothing flashes."""
        if self._live is not None and self._since_draw.elapsed_s() >= 0.5:
            self._draw()

    def _draw(self) -> None:
        from rich.console import Group
        from rich.text import Text

        assert self._live is not None
        rows = self._nearby.rows()
        self._since_draw.restart()
        self._live.update(
            Group(
                Text(f"Listening for up to {self._seconds:g} s ... heard so far: {len(rows)}", style="dim"),
                nearby_table(rows) if rows else "",
            ),
            refresh=True,
        )


def print_nearby(rows: Sequence[Nearby], *, numbered: bool = False, console: Console | None = None) -> None:
    """A table of wearables."""
    from rich.console import Console

    (console or Console()).print(nearby_table(rows, numbered=numbered))


def nearby_line(row: Nearby) -> str:
    """A wearable as a line for screen readers and pipes."""
    taken = f", {row.taken}" if row.taken else ""
    return (
        f"{row.name or NO_NAME}: {row.model or 'model not known yet'}, will probably give {row.gives}, "
        f"signal {row.signal}{taken}"
    )


def nearby_table(rows: Sequence[Nearby], *, numbered: bool = False) -> RenderableType:
    """A table of wearables, in the order in which they are given."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    taken = any(row.taken for row in rows)
    for heading in (*(("",) if numbered else ()), *(_COLUMNS if taken else _COLUMNS[:-1])):
        table.add_column(heading)
    for number, row in enumerate(rows, 1):
        cells = [row.name or NO_NAME, row.model or "not known yet", row.gives, row.signal]
        if numbered:
            cells.insert(0, str(number))
        if taken:
            cells.append(row.taken)
        table.add_row(*(Text(shown(cell)) for cell in cells))
    return table


def _record(row: Nearby) -> dict[str, Any]:
    return {
        "name": row.name,
        "wearable": row.model,
        "profile": row.profile.id,
        "rr": row.profile.rr,
        "sensing": row.profile.sensing,
        "gives": row.gives,
        "rssi_dbm": None if row.found is None else row.found.rssi_dbm,
        "signal": row.signal,
        "remembered_as": None if row.remembered is None else row.remembered.alias,
        "connected_here": row.connected_here,
    }
