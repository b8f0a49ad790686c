"""`watchlink pair`: from a watch in somebody's hand to a wearable that is remembered, in less than two minutes.

Strategy: one step at a time, each of which an option can answer instead: which wearable, how it is switched on, which
of those near, whose, a short test, a verdict. Between the steps nothing runs, so a person may take any time to think.
Nothing of the test is kept; what is kept is whose wearable it is, how it is known again, and the verdict.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from watchlink.commands.asking import Asking, tell
from watchlink.commands.exits import NO_RR, POOR
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
    model_of,
    profile_of,
    thing,
)
from watchlink.commands.profiles import by_words, known_profile
from watchlink.commands.running import PlainOption
from watchlink.commands.scan import listen, nearby_line, print_nearby
from watchlink.commands.trying import STOPPED, TestSecondsOption, Tried, print_verdict, try_wearable, verdict_record

if TYPE_CHECKING:
    from firmware_profiles.profiles import Profile
    from watchlink.devices import Device
    from watchlink.sources.ble import Found

_INSTEAD: Final = (
    'Without a keyboard, answer with options: watchlink pair --yes --alias Heron --name "Polar H10 1A2B" '
    "(`watchlink scan` tells the names)."
)
_ALIASES: Final = (
    "Heron",
    "Otter",
    "Wren",
    "Ibis",
    "Lark",
    "Marten",
    "Finch",
    "Robin",
    "Hare",
    "Tern",
    "Vole",
    "Swift",
)
_MOST_SUGGESTIONS: Final = 9


def pair(
    *,
    name: Annotated[str | None, typer.Option(help="The wearable's name, as `watchlink scan` tells it.")] = None,
    alias: Annotated[str | None, typer.Option(help="The pseudonym of the person who wears it.")] = None,
    profile: Annotated[
        str | None, typer.Option(metavar="ID", help="Which wearable it is, from `watchlink profiles list`.")
    ] = None,
    seconds: Annotated[float, TestSecondsOption] = 30.0,
    scan_seconds: ScanSecondsOption = 8.0,
    need_rr: Annotated[bool, typer.Option("--need-rr", help="End with 5 unless it sends usable single beats.")] = False,
    even_if_poor: Annotated[
        bool, typer.Option("--even-if-poor", help="Remember it although its signal is not good enough.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: take every default.")] = False,
    virtual: VirtualOption = None,
    seed: SeedOption = 1,
    speed: SpeedOption = 1.0,
    plain: PlainOption = False,
    as_json: JsonOption = False,
    devices: DevicesOption = None,
) -> None:
    """Pair a watch or strap: find it, test it for half a minute, learn what it gives, remember it."""
    from watchlink.devices import alias_fault

    forced = None if profile is None else known_profile(profile, param_hint="--profile")
    if alias is not None and (fault := alias_fault(alias)) is not None:
        raise typer.BadParameter(fault, param_hint="--alias")
    pair_on(
        Air(virtual=virtual, seed=seed, speed=speed),
        Wishes(
            name=name,
            alias=alias,
            profile=forced,
            seconds=seconds,
            scan_seconds=scan_seconds,
            need_rr=need_rr,
            even_if_poor=even_if_poor,
            yes=yes,
            plain=plain,
            as_json=as_json,
            # Virtual wearables are remembered only where somebody asks for it.
            file=devices_path(devices) if virtual is None or devices is not None else None,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the options say; None where a question is asked instead. `file` None: nothing is remembered."""

    name: str | None = None
    alias: str | None = None
    profile: Profile | None = None
    seconds: float = 30.0
    scan_seconds: float = 8.0
    need_rr: bool = False
    even_if_poor: bool = False
    yes: bool = False
    plain: bool = False
    as_json: bool = False
    file: Path | None = None


def pair_on(air: Air, wishes: Wishes) -> None:
    """Pair a wearable of this air.

    Raises:
        WatchlinkError: it was not found, could not be connected or cannot be used; or the file is broken.
        typer.Exit: nobody answered, or it was not good enough.
        KeyboardInterrupt: the person ended it; the link was closed.
    """
    from watchlink.devices import load_devices

    known = () if wishes.file is None else load_devices(wishes.file)
    asking = Asking(yes=wishes.yes, instead=_INSTEAD)
    try:
        nearby, alias, taken_for = _chosen(air, asking, wishes, known)
        assert nearby.found is not None
        tried = try_wearable(
            air,
            alias=alias,
            name=nearby.name,
            address=nearby.found.device.address,
            identity=None,
            profile=taken_for,
            is_settled=wishes.profile is not None,
            seconds=wishes.seconds,
            live=not wishes.plain and not wishes.as_json,
        )
    except KeyboardInterrupt:
        tell(STOPPED)
        raise
    if wishes.as_json:
        typer.echo(json.dumps(verdict_record(tried, alias=alias, name=nearby.name), ensure_ascii=False))
    else:
        print_verdict(tried, alias=alias, name=nearby.name, plain=wishes.plain)
    _conclude(asking, wishes, tried, alias=alias, found=nearby.found)


def _chosen(air: Air, asking: Asking, wishes: Wishes, known: Sequence[Device]) -> tuple[Nearby, str, Profile]:
    """The steps before the test: which wearable, whose, and what it is taken for."""
    from firmware_profiles.profiles import Pairing

    guided = not wishes.yes and wishes.name is None
    like = wishes.profile
    if guided:
        air.check()
    if guided and like is None:
        like = _which(asking)
    if like is not None:
        _refuse_useless(like)
    if guided:
        _show_steps(like)
        asking.ask("   Press Enter when that is done")
    nearby = _find(air, asking, wishes, like=like, devices=known)
    assert nearby.found is not None
    taken_for = _taken_for(nearby.found, like, is_forced=wishes.profile is not None)
    if like is not None and taken_for is not like:
        tell(f"By its name it is a {model_of(taken_for)}, so it is taken for that.")
    _refuse_useless(taken_for)
    alias = _alias(asking, wishes.alias, nearby, known, step="4. " if guided else "")
    if guided:
        tell("")
    tell(
        f"{'5. ' if guided else ''}{alias}, sit still for {wishes.seconds:g} s while {nearby.name or 'the wearable'} "
        "is tested. Nothing of it is recorded."
    )
    if taken_for.pairing is Pairing.CONFIRM:
        tell("If it asks something on its own screen, agree there.")
    return nearby, alias, taken_for


def _conclude(asking: Asking, wishes: Wishes, tried: Tried, *, alias: str, found: Found) -> None:
    """Remember it, or say why not.

    Raises:
        typer.Exit: it was not good enough.
    """
    if wishes.need_rr and not _has_rr(tried):
        tell("It was not remembered: it sends no usable single beats, and these were asked for. A chest strap does.")
        raise typer.Exit(NO_RR)
    enough = tried.verdict.enough
    wanted = enough or wishes.even_if_poor
    if not wanted and (wishes.yes or not asking.agrees("Remember it all the same?", otherwise=False)):
        tell("It was not remembered. Do what is said above, then pair it again.")
        raise typer.Exit(POOR)
    if wishes.file is None:
        tell("This was a virtual wearable: it was not remembered, and nothing was kept. Now try it with your own.")
    else:
        _remember(wishes.file, tried, alias=alias, found=found)
    if not enough:
        raise typer.Exit(POOR)


def _which(asking: Asking) -> Profile | None:
    """Which wearable it is, found by a part of its name; None if the person does not know."""
    from firmware_profiles.profiles import GENERIC_ID, load_profiles

    profiles = [profile for profile in load_profiles().values() if profile.id != GENERIC_ID]
    makers = sorted({profile.maker for profile in profiles}, key=str.casefold)
    tell("1. Which watch or strap do you have? Known are those of:")
    tell(f"   {', '.join(makers)}.")
    while True:
        words = asking.ask("   Type its maker, or maker and model; only Enter if you do not know")
        if not words:
            return None
        found = sorted(by_words(words, profiles), key=lambda profile: (profile.maker.casefold(), profile.model))
        if not found:
            tell(f"   Nothing known is called {words!r}. Try fewer letters, or only Enter if it is not there.")
            continue
        if len(found) > _MOST_SUGGESTIONS:
            tell(f"   {len(found)} are known; add a part of the model's name to see fewer.")
        for number, profile in enumerate(found, 1):
            tell(f"   {number:2}  {model_of(profile)}")
        choice = asking.choose("   Its number; only Enter if it is none of these", len(found), also_means="for none")
        if choice is not None:
            return found[choice - 1]


def _refuse_useless(profile: Profile) -> None:
    """End here where the wearable cannot be used, with what to do instead."""
    from firmware_profiles.profiles import HeartRateService
    from watchlink.errors import LinkError, LinkFault

    if profile.heart_rate_service is HeartRateService.NO:
        steps = " ".join(profile.participant_steps)
        raise LinkError(
            f"{model_of(profile)} cannot be used directly. {profile.why_not} {steps}", fault=LinkFault.NO_HEART_RATE
        )


def _show_steps(profile: Profile | None) -> None:
    from firmware_profiles.profiles import GENERIC_ID, load_profiles

    shown_of = profile or load_profiles()[GENERIC_ID]
    tell("")
    tell(f"2. Switch its broadcast on{f' ({model_of(profile)})' if profile is not None else ''}:")
    for step in shown_of.participant_steps:
        tell(f"   - {step}")


def _find(air: Air, asking: Asking, wishes: Wishes, *, like: Profile | None, devices: Sequence[Device]) -> Nearby:
    """The wearable that is meant: by its name, or chosen from what is near."""
    from watchlink.errors import LinkError, LinkFault

    while True:
        rows = listen(
            air,
            seconds=wishes.scan_seconds,
            devices=devices,
            live=not wishes.plain and not wishes.as_json,
            wanted=() if wishes.name is None else (wishes.name,),
        )
        heard = sorted(
            (row for row in rows if row.found is not None),
            key=lambda row: (row.profile is not like, -(row.signal_dbm or 0.0), row.name),
        )
        held = [row.name or NO_NAME for row in rows if row.found is None]
        if held:
            tell(f"In use on this computer already, so not to be heard: {', '.join(held)}.")
        if wishes.name is not None:
            return _named(wishes.name, heard)
        if asking.silent:
            if len(heard) == 1:
                return heard[0]
            what = f"{len(heard)} wearables were heard: {_names(heard)}. Say which with --name." if heard else None
            raise LinkError(what or NOTHING_FOUND, fault=LinkFault.NOT_FOUND)
        if not heard:
            tell(NOTHING_FOUND)
            if asking.agrees("   Listen again?"):
                continue
            raise LinkError("No wearable was paired.", fault=LinkFault.NOT_FOUND)
        tell("")
        first = "those like yours first, then the strongest" if heard[0].profile is like else "the strongest first"
        tell(f"3. These are near, {first}. Hold yours close to the computer: its signal gets stronger.")
        _print_to_person(heard, plain=wishes.plain)
        number = asking.choose(
            '   Which one is yours? Its number, or "a" to listen again',
            len(heard),
            also="a",
            also_means="to listen again",
        )
        if number is not None:
            return heard[number - 1]


def _print_to_person(rows: Sequence[Nearby], *, plain: bool) -> None:
    from rich.console import Console

    if plain:
        for number, row in enumerate(rows, 1):
            tell(f"   {number}  {nearby_line(row)}")
    else:
        print_nearby(rows, numbered=True, console=Console(stderr=True))


def _named(name: str, heard: Sequence[Nearby]) -> Nearby:
    """The one of this name, or of the only name that begins so."""
    from watchlink.errors import LinkError, LinkFault

    exact = [row for row in heard if row.name == name]
    alike = exact or [row for row in heard if row.name.casefold().startswith(name.casefold())]
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise LinkError(
            f"More than one wearable near is called {name}: {_names(alike)}. Say its whole name, or switch "
            "the others off.",
            fault=LinkFault.NOT_FOUND,
        )
    others = f"Heard were: {_names(heard)}." if heard else "Nothing else was heard either."
    raise LinkError(
        f"{name} was not heard. {others} Wake it up, close the phone app that may hold it, and try again.",
        fault=LinkFault.NOT_FOUND,
    )


def _names(rows: Iterable[Nearby]) -> str:
    return ", ".join(row.name or NO_NAME for row in rows)


def _taken_for(found: Found, chosen: Profile | None, *, is_forced: bool) -> Profile:
    """What it is taken for: as the person insists, else by its name, else as the person said."""
    by_name = profile_of(found)
    if chosen is None or (not is_forced and model_of(by_name) is not None):
        return by_name
    return chosen


def _alias(asking: Asking, alias: str | None, nearby: Nearby, devices: Sequence[Device], *, step: str) -> str:
    """Whose it is; somebody who is remembered already agrees to what will be replaced."""
    from watchlink.devices import alias_fault, of_alias

    owner = nearby.remembered
    if owner is not None:
        tell(f"This {thing(owner)} is remembered as {owner.alias}'s.")
    while True:
        if alias is None:
            taken = {device.alias for device in devices}
            free = next((one for one in _ALIASES if one not in taken), f"Person {len(devices) + 1}")
            default = owner.alias if owner is not None else free
            if step:
                tell("")
            if not asking.silent:
                tell(f"{step}Under which pseudonym? It is what the facilitator sees; do not use your name.")
            alias = asking.ask_until("   Pseudonym", alias_fault, default=default)
        if owner is not None and owner.alias.casefold() != alias.casefold():
            question = f"It will be {alias}'s then, and {owner.alias}'s no more. Is that right?"
        elif (before := of_alias(devices, alias)) is not None and owner is None:
            alias = before.alias
            question = f"{alias} has a {thing(before)} already. Shall this one take its place?"
        else:
            return alias
        if asking.agrees(question):
            return alias
        alias = None


def _has_rr(tried: Tried) -> bool:
    from watchlink.readings import Grade

    return tried.verdict.grade in (Grade.BEAT, Grade.PULSE)


def _remember(path: Path, tried: Tried, *, alias: str, found: Found) -> None:
    from watchlink.clock import utc_now
    from watchlink.devices import Device, LastTest, load_devices, remembered, save_devices

    device = Device(
        alias=alias,
        profile=tried.profile.id,
        name=found.name,
        identity=tried.identity,
        address=found.device.address,
        paired_on=utc_now().astimezone().date(),
        tested=LastTest(grade=tried.verdict.grade, rr_unit=tried.verdict.audit.unit, good_pct=tried.verdict.good_pct),
    )
    save_devices(path, remembered(load_devices(path), device))
    tell(
        f"Remembered as {alias}'s. In a session it is seated under that name. "
        f"To forget it: watchlink devices forget {alias}"
    )
