"""`watchlink devices`: the wearables that are remembered: list, test again, rename, forget."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from watchlink.commands.asking import Asking, tell
from watchlink.commands.exits import POOR, ends_with_its_reader
from watchlink.commands.nearby import (
    Air,
    DevicesOption,
    JsonOption,
    SeedOption,
    SpeedOption,
    VirtualOption,
    devices_path,
    not_heard,
    thing,
)
from watchlink.commands.running import PlainOption
from watchlink.commands.scan import listen
from watchlink.commands.trying import STOPPED, TestSecondsOption, print_verdict, try_wearable, verdict_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watchlink.devices import Device

devices = typer.Typer(help="The wearables that this computer remembers.", no_args_is_help=True)

_AliasArgument = Annotated[str, typer.Argument(help="The pseudonym, from `devices list`.")]
_COLUMNS: Final = ("alias", "wearable", "name", "grade", "beat unit", "good", "paired on")
_NONE: Final = "No wearable is remembered yet. `watchlink pair` finds, tests and remembers one."


@devices.command("list")
@ends_with_its_reader
def list_devices(*, plain: PlainOption = False, as_json: JsonOption = False, file: DevicesOption = None) -> None:
    """List whose wearables are remembered, and how their last test went."""
    from watchlink.devices import load_devices

    known = load_devices(devices_path(file))
    if as_json:
        for device in known:
            typer.echo(json.dumps(_record(device), ensure_ascii=False))
    elif not known:
        tell(_NONE)
    elif plain:
        for device in known:
            _print_line(device)
    else:
        _print_table(known)


@devices.command("test")
@ends_with_its_reader
def try_again(
    alias: _AliasArgument,
    *,
    seconds: Annotated[float, TestSecondsOption] = 30.0,
    virtual: VirtualOption = None,
    seed: SeedOption = 1,
    speed: SpeedOption = 1.0,
    plain: PlainOption = False,
    as_json: JsonOption = False,
    file: DevicesOption = None,
) -> None:
    """Test a remembered wearable again. Nothing is recorded; ends with 7 if it is not good enough."""
    from firmware_profiles.profiles import GENERIC_ID, load_profiles
    from watchlink.devices import LastTest, load_devices, of_alias, save_devices

    path = devices_path(file)
    device = _known(load_devices(path), alias)
    air = Air(virtual=virtual, seed=seed, speed=speed)
    tell(f"{device.alias}, put the {thing(device)} on and sit still for {seconds:g} s. Nothing is recorded.")
    try:
        # Listening first tells at once whether Bluetooth works, and soon whether there is anything to wait for.
        heard = listen(air, seconds=8.0, devices=(device,), live=False, wanted=(device.name,))
        if all(row.remembered is None for row in heard):
            tell(f"{not_heard(device)} It is waited for.")
        tried = try_wearable(
            air,
            alias=device.alias,
            name=device.name,
            address=device.address,
            identity=device.identity,
            profile=load_profiles().get(device.profile, load_profiles()[GENERIC_ID]),
            is_settled=True,
            seconds=seconds,
            live=not plain and not as_json,
        )
    except KeyboardInterrupt:
        tell(STOPPED)
        raise
    verdict = tried.verdict
    tested = LastTest(grade=verdict.grade, rr_unit=verdict.audit.unit, good_pct=verdict.good_pct)
    now_known = load_devices(path)  # half a minute is long enough for somebody else to have written
    if (still := of_alias(now_known, device.alias)) is not None:
        identity = still.identity or tried.identity
        others = [one for one in now_known if one is not still]
        save_devices(path, (*others, replace(still, tested=tested, identity=identity)))
    if as_json:
        typer.echo(json.dumps(verdict_record(tried, alias=device.alias, name=device.name), ensure_ascii=False))
    else:
        print_verdict(tried, alias=device.alias, name=device.name, plain=plain)
    if not verdict.enough:
        raise typer.Exit(POOR)


@devices.command()
@ends_with_its_reader
def rename(
    alias: _AliasArgument,
    new: Annotated[str, typer.Argument(help="The new pseudonym.")],
    *,
    file: DevicesOption = None,
) -> None:
    """Give a remembered wearable's person another pseudonym."""
    from watchlink.devices import alias_fault, load_devices, of_alias, save_devices

    path = devices_path(file)
    known = load_devices(path)
    device = _known(known, alias)
    if (fault := alias_fault(new)) is not None:
        raise typer.BadParameter(fault, param_hint="NEW")
    if (other := of_alias(known, new)) is not None and other is not device:
        raise typer.BadParameter(f"{other.alias} is somebody else's pseudonym already.", param_hint="NEW")
    save_devices(path, (replace(one, alias=new) if one is device else one for one in known))
    tell(f"{device.alias}'s {thing(device)} is {new}'s now. Sessions recorded before keep the old pseudonym.")


@devices.command()
@ends_with_its_reader
def forget(
    alias: _AliasArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    file: DevicesOption = None,
) -> None:
    """Forget a wearable: nothing of it stays in the file."""
    from watchlink.devices import load_devices, save_devices

    path = devices_path(file)
    known = load_devices(path)
    device = _known(known, alias)
    asking = Asking(yes=yes, instead=f"Without a keyboard: watchlink devices forget {device.alias} --yes")
    if not asking.agrees(f"Forget {device.alias}'s {thing(device)}?"):
        tell("It is still remembered.")
        return
    save_devices(path, (one for one in known if one is not device))
    tell(f"{device.alias}'s {thing(device)} is forgotten. Recorded sessions are not touched.")


def _known(known: Sequence[Device], alias: str) -> Device:
    from watchlink.devices import of_alias

    device = of_alias(known, alias)
    if device is None:
        who = f"Remembered are: {', '.join(one.alias for one in known)}." if known else _NONE
        raise typer.BadParameter(f"nobody is remembered as {alias!r}. {who}", param_hint="ALIAS")
    return device


def _record(device: Device) -> dict[str, Any]:
    """Without address and proof: they are nobody's to see."""
    return {
        "alias": device.alias,
        "wearable": thing(device),
        "profile": device.profile,
        "name": device.name,
        "paired_on": device.paired_on.isoformat(),
        "grade": device.tested.grade,
        "rr_unit": device.tested.rr_unit,
        "good_pct": device.tested.good_pct,
        "known_by_serial_number": device.identity is not None,
    }


def _cells(device: Device) -> tuple[str, ...]:
    from watchlink.readings import Grade

    tested = device.tested
    beats = tested.grade in (Grade.BEAT, Grade.PULSE)
    return (
        device.alias,
        thing(device),
        device.name,
        tested.grade or "not known",
        tested.rr_unit if beats else "-",
        f"{tested.good_pct}%",
        device.paired_on.isoformat(),
    )


def _print_line(device: Device) -> None:
    from watchlink.texts import shown

    words = (f"{heading} {cell}" for heading, cell in zip(_COLUMNS[1:], _cells(device)[1:], strict=True))
    typer.echo(shown(f"{device.alias}: {', '.join(words)}"))


def _print_table(known: Sequence[Device]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from watchlink.texts import shown

    table = Table(box=None, pad_edge=False)
    for heading in _COLUMNS:
        table.add_column(heading, justify="right" if heading == "good" else "left")
    for device in known:
        table.add_row(*(Text(shown(cell)) for cell in _cells(device)))
    Console().print(table)
