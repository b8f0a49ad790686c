"""`watchlink cohort`: who practises together, with which wearables, and what each of them lets others see."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from watchlink.commands.exits import ends_with_its_reader
from watchlink.commands.nearby import DevicesOption, devices_path
from watchlink.commands.running import ArchiveOption, JsonOption, say
from watchlink.texts import ranges, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchlink.archive import StoredSession
    from watchlink.cohorts import Cohort, Member
    from watchlink.measures import Measure, Primary
    from watchlink.own_data import Files
    from watchlink.packets import Purpose

cohort = typer.Typer(help="Cohorts: who practises together, and what each lets others see.", no_args_is_help=True)

CohortsOption = Annotated[
    Path | None, typer.Option("--cohorts", help="The file of cohorts.", show_default="in your data folder")
]
CohortArgument = Annotated[str, typer.Argument(metavar="COHORT", help="The cohort's name.")]
_NOBODY_ASKED: Final = "not asked yet"
# What can be declared, in the words of the question.
_MEASURES: Final = {
    "response": "how far the heart rate rises after one sort of mark, as speaker, in scenarios that nobody has met",
    "resting-heart-rate": "the heart rate in the silent baselines",
    "resting-variability": "ln RMSSD in the silent baselines; needs wearables that send intervals between beats",
    "recovery": "in which time half of a heart rate rise is gone",
}


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
    primary: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(_MEASURES), help="The one measure by which its weeks are looked at.", show_default="asked"
        ),
    ] = None,
    event: Annotated[
        str | None, typer.Option(metavar="MARK", help="For response: after which mark.", show_default="escalation")
    ] = None,
    keep_days: Annotated[
        int, typer.Option(min=0, max=3650, help="How many days its sessions are kept after it was closed.")
    ] = 30,
    cohorts: CohortsOption = None,
    devices: DevicesOption = None,
) -> None:
    """Make a cohort of up to eight people. Nothing of anybody's body is shown to others until they say yes."""
    from watchlink.clock import utc_now
    from watchlink.cohorts import Cohort, Member, cohort_fault, load_cohorts, of_name, put, save_cohorts
    from watchlink.measures import Primary

    if (fault := cohort_fault(name, people)) is not None:
        raise typer.BadParameter(shown(fault))
    path = cohorts_path(cohorts)
    known = load_cohorts(path)
    if of_name(known, name) is not None:
        raise typer.BadParameter(shown(f"There is a cohort called {name} already. watchlink cohort show {name}"))
    measure, label = _declared(primary, event)
    today = utc_now().date()
    made = Cohort(
        name=name,
        members=tuple(Member(alias=alias) for alias in people),
        made_on=today,
        primary=Primary(measure=measure, label=label, declared_on=today),
        keep_days=keep_days,
    )
    save_cohorts(path, put(load_cohorts(path), made))
    typer.echo(shown(f"{name}: {', '.join(made.people)}."))
    say(f"Its one measure: {_primary_words(made.primary)}. It cannot be changed later without showing.")
    without = _without_wearable(made, devices)
    if without:
        say(f"Without a wearable so far: {', '.join(without)}. Each pairs their own: watchlink pair --alias ALIAS")
    say(f"Ask each what they let you see: watchlink cohort share {name} {made.people[0]}")


@cohort.command("list")
@ends_with_its_reader
def list_cohorts(
    *,
    as_json: JsonOption = False,
    cohorts: CohortsOption = None,
    devices: DevicesOption = None,
    archive: ArchiveOption = None,
) -> None:
    """List the cohorts."""
    from watchlink.cohorts import load_cohorts
    from watchlink.commands.sweeping import files, sweep_and_say

    sweep_and_say(files(archive=archive, cohorts=cohorts, devices=devices))
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
    name: CohortArgument,
    *,
    as_json: JsonOption = False,
    cohorts: CohortsOption = None,
    devices: DevicesOption = None,
    archive: ArchiveOption = None,
) -> None:
    """Show a cohort: numbers, pseudonyms, wearables, and what each person lets others see."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from firmware_profiles.profiles import load_profiles
    from watchlink.commands.nearby import model_of
    from watchlink.commands.sweeping import files, sweep_and_say
    from watchlink.consent import agreed
    from watchlink.devices import load_devices, of_alias

    sweep_and_say(files(archive=archive, cohorts=cohorts, devices=devices))
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
    say(f"Its one measure: {_primary_words(one.primary)}.")
    days = f"{one.keep_days} days after it is closed" if one.goes_on is None else f"on {one.goes_on}"
    say(f"What is stored of it goes {days}.")


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
    from watchlink.commands.asking import Asking, tell
    from watchlink.consent import ALWAYS, WORDS
    from watchlink.packets import Purpose

    one = find_cohort(name, cohorts)
    member = find_member(one, alias)
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
    keep_consent(one, member.alias, lambda _: (chosen, None), cohorts)


@cohort.command()
def close(
    name: CohortArgument,
    *,
    now: Annotated[bool, typer.Option("--now", help="Delete what is stored of it at once.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    cohorts: CohortsOption = None,
    devices: DevicesOption = None,
    archive: ArchiveOption = None,
) -> None:
    """Close a cohort when its weeks are over: no session can be started for it, and what is stored goes in time."""
    from dataclasses import replace

    from watchlink.clock import utc_now
    from watchlink.cohorts import load_cohorts, put, save_cohorts
    from watchlink.commands.asking import Asking, tell
    from watchlink.commands.sweeping import files, sweep_and_say, swept_words

    chosen = files(archive=archive, cohorts=cohorts, devices=devices)
    sweep_and_say(chosen)
    one = find_cohort(name, cohorts)
    if one.closed_on is not None and not now:
        raise typer.BadParameter(
            shown(f"{one.name} was closed on {one.closed_on}. What is stored of it goes on {one.goes_on}.")
        )
    closed = replace(one, closed_on=one.closed_on or utc_now().date())
    when = "at once, and cannot be had back" if now else f"on {closed.goes_on}"
    tell(f"{_what_goes(one, chosen)} goes {when}.")
    tell(f"Before that everybody can have their own: watchlink my-data export --person {one.people[0]}")
    question = f"Close {one.name} and delete it now?" if now else f"Close {one.name}?"
    if not Asking(yes=yes, instead="Say --yes to close it without being asked.").agrees(question):
        raise typer.Abort
    if now:
        from watchlink.own_data import remove_cohorts

        typer.echo(shown(f"{one.name} is closed. {swept_words(remove_cohorts([one], chosen))}"))
        return
    path = cohorts_path(cohorts)
    one = find_cohort(one.name, cohorts)  # somebody may have said something meanwhile
    save_cohorts(path, put(load_cohorts(path), replace(one, closed_on=closed.closed_on)))
    typer.echo(
        shown(
            f"{one.name} is closed. What is stored of it goes on {closed.goes_on}; until then it can be opened again: "
            f"watchlink cohort reopen {one.name}"
        )
    )


@cohort.command()
def reopen(
    name: CohortArgument,
    *,
    cohorts: CohortsOption = None,
    devices: DevicesOption = None,
    archive: ArchiveOption = None,
) -> None:
    """Open a cohort again that was closed by mistake, as long as what is stored of it is there."""
    from dataclasses import replace

    from watchlink.cohorts import load_cohorts, put, save_cohorts
    from watchlink.commands.sweeping import files, sweep_and_say

    sweep_and_say(files(archive=archive, cohorts=cohorts, devices=devices))
    one = find_cohort(name, cohorts)
    if one.closed_on is None:
        raise typer.BadParameter(shown(f"{one.name} is not closed."))
    path = cohorts_path(cohorts)
    save_cohorts(path, put(load_cohorts(path), replace(one, closed_on=None)))
    typer.echo(shown(f"{one.name} practises again. Nothing of it goes until it is closed."))


def find_member(one: Cohort, alias: str) -> Member:
    """The person of a cohort.

    Raises:
        typer.BadParameter: nobody in it is called so.
    """
    member = one.member(alias)
    if member is None:
        raise typer.BadParameter(shown(f"{alias} is not in {one.name}. In it are: {', '.join(one.people)}."))
    return member


def keep_consent(
    one: Cohort,
    alias: str,
    decide: Callable[[Member], tuple[frozenset[Purpose], str | None]],
    cohorts: Path | None,
) -> None:
    """Keep what a person shares from the next session on, and say it.

    Args:
        one: their cohort.
        alias: who.
        decide: what they share, and the words of it (None: today's), from what they shared so far.
        cohorts: the file, if the person named one.
    """
    from watchlink.clock import utc_now
    from watchlink.cohorts import load_cohorts, put, save_cohorts
    from watchlink.consent import agreed

    path = cohorts_path(cohorts)
    one = find_cohort(one.name, cohorts)  # somebody else may have said something meanwhile
    shares, words = decide(find_member(one, alias))
    save_cohorts(path, put(load_cohorts(path), one.with_consent(alias, shares, on=utc_now().date(), words=words)))
    typer.echo(shown(f"{alias} shares {agreed(shares)}, from the next session on."))


def _what_goes(one: Cohort, chosen: Files) -> str:
    """What is stored of a cohort, in words."""
    from watchlink.archive import Archive
    from watchlink.own_data import sessions_of

    theirs: tuple[StoredSession, ...] = ()
    if chosen.archive.is_file():
        with Archive(chosen.archive) as opened:
            theirs = sessions_of(one, opened.sessions())
    if not theirs:
        return f"No session of {one.name} is stored. What is remembered of its people and their wearables"
    numbers = ranges(stored.id for stored in theirs)
    packets = sum(stored.packets for stored in theirs)
    return f"What is stored of {one.name} (recordings {numbers}; {packets} packets; its people and their wearables)"


def _declared(primary: str | None, event: str | None) -> tuple[Measure, str]:
    """What the person declared, as options or as an answer; where nobody answers, the response to an escalation."""
    from watchlink.commands.asking import Asking, tell
    from watchlink.measures import DEFAULT_LABEL, Measure

    if primary is None and event is None and sys.stdin.isatty():
        tell(
            "By which one measure are its weeks to be looked at? Of many, one always moves by luck: so it is said now."
        )
        for number, (name, words) in enumerate(_MEASURES.items(), 1):
            tell(f"  {number}. {name}: {words}")
        chosen = Asking(yes=False, instead="Say it with --primary.").choose(
            "Which", len(_MEASURES), also_means="for the first"
        )
        primary = list(_MEASURES)[(chosen or 1) - 1]
    measure = _measure(primary or Measure.RESPONSE)
    if measure is not Measure.RESPONSE:
        if event is not None:
            raise typer.BadParameter("--event is for --primary response.")
        return measure, ""
    label = DEFAULT_LABEL if event is None else event.strip()
    if not label or not label.isprintable():
        raise typer.BadParameter("--event is a mark of the plan, for instance escalation.")
    return measure, label


def _measure(name: str) -> Measure:
    from watchlink.measures import Measure

    try:
        return Measure(name.casefold())
    except ValueError as error:
        raise typer.BadParameter(shown(f"{name!r} is no measure. Say one of {', '.join(_MEASURES)}.")) from error


def _primary_words(primary: Primary | None) -> str:
    if primary is None:
        return "none was declared"
    return f"{primary.text} ({primary.digest})"


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
        "keep_days": one.keep_days,
        "goes_on": None if one.goes_on is None else one.goes_on.isoformat(),
        "primary": None
        if one.primary is None
        else {
            "measure": one.primary.measure,
            "label": one.primary.label,
            "declared_on": one.primary.declared_on.isoformat(),
            "digest": one.primary.digest,
        },
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
