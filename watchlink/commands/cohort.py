"""`watchlink cohort`: who practises together, with which wearables, and what each of them lets others see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from watchlink.commands.exits import ends_with_its_reader
from watchlink.commands.nearby import DevicesOption, devices_path
from watchlink.commands.running import JsonOption, say
from watchlink.texts import shown

if TYPE_CHECKING:
    from watchlink.cohorts import Cohort

cohort = typer.Typer(help="Cohorts: who practises together, and what each lets others see.", no_args_is_help=True)

CohortsOption = Annotated[
    Path | None, typer.Option("--cohorts", help="The file of cohorts.", show_default="in your data folder")
]
CohortArgument = Annotated[str, typer.Argument(metavar="COHORT", help="The cohort's name.")]
_NOBODY_ASKED: Final = "not asked yet"


def cohorts_path(chosen: Path | None) -> Path:
    """Where cohorts are kept: where the person said, else in the platform's own folder for data."""
    if chosen is not None:
        return chosen
    from platformdirs import user_data_path

    return user_data_path("watchlink", appauthor=False) / "cohorts.json"


def find_cohort(name: str, chosen: Path | None) -> Cohort:
    """The cohort of this name.

    Raises:
        typer.BadParameter: there is none.
        CohortsFileError: the file cannot be read.
    """
    from watchlink.cohorts import load_cohorts, of_name

    cohorts = load_cohorts(cohorts_path(chosen))
    found = of_name(cohorts, name)
    if found is None:
        known = f"There are: {', '.join(one.name for one in cohorts)}." if cohorts else "There is none yet."
        raise typer.BadParameter(
            shown(f"No cohort is called {name}. {known} Make one: watchlink cohort new {name} Heron Otter Wren")
        )
    return found


@cohort.command()
def new(
    name: CohortArgument,
    people: Annotated[
        list[str],
        typer.Argument(metavar="ALIAS...", help="Pseudonyms that the people chose, in order of their numbers."),
    ],
    *,
    cohorts: CohortsOption = None,
    devices: DevicesOption = None,
) -> None:
    """Make a cohort of up to eight people. Nothing of anybody's body is shown to others until they say yes."""
    from watchlink.clock import utc_now
    from watchlink.cohorts import Cohort, Member, cohort_fault, load_cohorts, of_name, put, save_cohorts

    if (fault := cohort_fault(name, people)) is not None:
        raise typer.BadParameter(shown(fault))
    path = cohorts_path(cohorts)
    known = load_cohorts(path)
    if of_name(known, name) is not None:
        raise typer.BadParameter(shown(f"There is a cohort called {name} already. watchlink cohort show {name}"))
    made = Cohort(name=name, members=tuple(Member(alias=alias) for alias in people), made_on=utc_now().date())
    save_cohorts(path, put(known, made))
    typer.echo(shown(f"{name}: {', '.join(made.people)}."))
    without = _without_wearable(made, devices)
    if without:
        say(f"Without a wearable so far: {', '.join(without)}. Each pairs their own: watchlink pair --alias ALIAS")
    say(f"Ask each what they let you see: watchlink cohort share {name} {made.people[0]}")


@cohort.command("list")
@ends_with_its_reader
def list_cohorts(*, as_json: JsonOption = False, cohorts: CohortsOption = None) -> None:
    """List the cohorts."""
    from watchlink.cohorts import load_cohorts

    known = load_cohorts(cohorts_path(cohorts))
    for one in known:
        if as_json:
            typer.echo(json.dumps(_record(one), ensure_ascii=False))
        else:
            closed = f", closed {one.closed_on}" if one.closed_on else ""
            typer.echo(shown(f"{one.name}: {', '.join(one.people)}; since {one.made_on}{closed}"))
    if not known and not as_json:
        say("There is no cohort yet. Make one: watchlink cohort new Lions Heron Otter Wren")


@cohort.command()
@ends_with_its_reader
def show(
    name: CohortArgument, *, as_json: JsonOption = False, cohorts: CohortsOption = None, devices: DevicesOption = None
) -> None:
    """Show a cohort: numbers, pseudonyms, wearables, and what each person lets others see."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from firmware_profiles.profiles import load_profiles
    from watchlink.commands.nearby import model_of
    from watchlink.consent import agreed
    from watchlink.devices import load_devices, of_alias

    one = find_cohort(name, cohorts)
    if as_json:
        typer.echo(json.dumps(_record(one), ensure_ascii=False))
        return
    known = load_devices(devices_path(devices))
    profiles = load_profiles()
    table = Table(box=None, pad_edge=False, title=Text(shown(_title(one))), title_justify="left")
    for heading in ("#", "alias", "wearable", "last test", "lets others see", "since"):
        table.add_column(heading)
    for number, member in enumerate(one.members, 1):
        device = of_alias(known, member.alias)
        profile = None if device is None else profiles.get(device.profile)
        wearable = "none paired" if device is None else (profile and model_of(profile)) or device.name
        test = "" if device is None else f"{device.tested.grade or 'unknown'}, {device.tested.good_pct} % good"
        asked = member.agreed_on is not None
        since = f"{member.agreed_on}{'' if member.up_to_date else ', older words'}" if asked else ""
        shares = agreed(member.shares) if asked else _NOBODY_ASKED
        table.add_row(*(Text(shown(str(cell))) for cell in (number, member.alias, wearable, test, shares, since)))
    Console().print(table)


@cohort.command()
def share(
    name: CohortArgument,
    alias: Annotated[str, typer.Argument(help="Whose decision it is.")],
    purposes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WHAT]...", help="heart-rate, rises, hrv, raw, all or nothing; else it is asked."),
    ] = None,
    *,
    cohorts: CohortsOption = None,
) -> None:
    """Let a person say what others may see of them, from the next session on (in a running one: watchlink mark)."""
    from watchlink.clock import utc_now
    from watchlink.cohorts import load_cohorts, put, save_cohorts
    from watchlink.commands.asking import Asking, tell
    from watchlink.consent import ALWAYS, WORDS, agreed
    from watchlink.packets import Purpose

    one = find_cohort(name, cohorts)
    member = one.member(alias)
    if member is None:
        raise typer.BadParameter(shown(f"{alias} is not in {one.name}. In it are: {', '.join(one.people)}."))
    if purposes:
        words = {word.strip(",").casefold() for word in purposes}
        if not words <= {*Purpose, "all", "nothing"} or ("nothing" in words and len(words) > 1):
            raise typer.BadParameter(f"Say what: {', '.join(Purpose)}, all or nothing.")
        chosen = frozenset(Purpose) if "all" in words else frozenset(Purpose(word) for word in words - {"nothing"})
    else:
        asking = Asking(
            yes=False, instead=f"Say it as words: watchlink cohort share {one.name} {member.alias} heart-rate"
        )
        tell(f"{member.alias}, this is for you alone to decide. {ALWAYS}")
        chosen = frozenset(purpose for purpose in Purpose if asking.agrees(WORDS[purpose]))
    path = cohorts_path(cohorts)
    one = find_cohort(one.name, cohorts)  # somebody else may have said something meanwhile
    save_cohorts(path, put(load_cohorts(path), one.with_consent(member.alias, chosen, on=utc_now().date())))
    typer.echo(shown(f"{member.alias} shares {agreed(chosen)}, from the next session on."))


@cohort.command()
def close(
    name: CohortArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    cohorts: CohortsOption = None,
) -> None:
    """Close a cohort when its weeks are over: no session can be started for it any more."""
    from dataclasses import replace

    from watchlink.clock import utc_now
    from watchlink.cohorts import load_cohorts, put, save_cohorts
    from watchlink.commands.asking import Asking

    one = find_cohort(name, cohorts)
    if one.closed_on is not None:
        raise typer.BadParameter(shown(f"{one.name} was closed on {one.closed_on}."))
    if not Asking(yes=yes, instead="Say --yes to close it without being asked.").agrees(f"Close {one.name}?"):
        raise typer.Abort
    path = cohorts_path(cohorts)
    one = find_cohort(one.name, cohorts)  # somebody may have said something meanwhile
    save_cohorts(path, put(load_cohorts(path), replace(one, closed_on=utc_now().date())))
    typer.echo(shown(f"{one.name} is closed. Its sessions stay in the archive: watchlink session list"))


def _without_wearable(one: Cohort, devices: Path | None) -> list[str]:
    from watchlink.devices import load_devices, of_alias

    known = load_devices(devices_path(devices))
    return [alias for alias in one.people if of_alias(known, alias) is None]


def _title(one: Cohort) -> str:
    return f"{one.name}, since {one.made_on}{f', closed {one.closed_on}' if one.closed_on else ''}"


def _record(one: Cohort) -> dict[str, object]:
    from watchlink.packets import Purpose

    return {
        "cohort": one.name,
        "made_on": one.made_on.isoformat(),
        "closed_on": None if one.closed_on is None else one.closed_on.isoformat(),
        "members": [
            {
                "number": number,
                "alias": member.alias,
                "shares": [purpose for purpose in Purpose if purpose in member.shares],
                "agreed_on": None if member.agreed_on is None else member.agreed_on.isoformat(),
                "wording": member.wording,
            }
            for number, member in enumerate(one.members, 1)
        ],
    }
