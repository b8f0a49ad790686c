"""`watchlink scan`: which heart-rate wearables are near."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from watchlink.commands.exits import NOT_FOUND
from watchlink.commands.profiles import will_give
from watchlink.commands.running import JsonOption, say

if TYPE_CHECKING:
    from watchlink.sources.ble import Found

NOTHING_FOUND: Final = (
    "No wearable that broadcasts heart rate was heard. Switch on heart rate broadcasting on the watch, or put the "
    "strap on (it wakes on skin), close the phone app that may hold it, and try again."
)
_STRONG_DBM: Final = -65
_FAIR_DBM: Final = -80


def scan(
    *,
    seconds: Annotated[float, typer.Option(min=0.5, max=600, help="How long to listen.")] = 8.0,
    as_json: JsonOption = False,
) -> None:
    """Show the heart-rate wearables near this computer and what each can probably give."""
    from watchlink.clock import MachineClock
    from watchlink.sources import ble

    clock = MachineClock()
    found = clock.run(ble.scan(clock=clock, seconds=seconds))
    rows = [_row(wearable) for wearable in found]
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row, ensure_ascii=False))
    elif rows:
        _print_table(rows)
    if not rows:
        say(NOTHING_FOUND)
        raise typer.Exit(NOT_FOUND)


def _row(found: Found) -> dict[str, Any]:
    from firmware_profiles.profiles import GENERIC_ID, profile_for_name

    profile = profile_for_name(found.name)
    known = profile.id != GENERIC_ID
    return {
        "name": found.name,
        "wearable": f"{profile.maker} {profile.model}" if known else None,
        "rr": profile.rr,
        "sensing": profile.sensing,
        "rssi_dbm": found.rssi_dbm,
    }


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from watchlink.texts import shown

    table = Table(box=None, pad_edge=False)
    for heading in ("name", "wearable", "will probably give", "signal"):
        table.add_column(heading)
    for row in rows:
        gives = will_give(rr=row["rr"], sensing=row["sensing"])
        cells = (row["name"] or "(no name)", row["wearable"] or "not known yet", gives, _signal(row["rssi_dbm"]))
        table.add_row(*(Text(shown(cell)) for cell in cells))
    Console().print(table)


def _signal(rssi_dbm: int) -> str:
    if rssi_dbm >= _STRONG_DBM:
        return "strong"
    return "fair" if rssi_dbm >= _FAIR_DBM else "weak: come closer"
