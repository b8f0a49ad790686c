"""`watchlink profiles`: what is known of each wearable, and whether a file that adds one is sound."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from watchlink.commands.exits import FILE, ends_with_its_reader

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from firmware_profiles.profiles import Fact, Profile

profiles = typer.Typer(help="What is known of each wearable; check a file that adds one.", no_args_is_help=True)

_JsonOption = Annotated[bool, typer.Option("--json", help="As JSON, one wearable a line.")]
_COLUMNS: Final = ("id", "wearable", "will probably give", "RR", "known")
# Facts that are shown as sentences below the table, not in it.
_SENTENCES: Final = ("participant_steps", "if_poor", "notes", "why_not")


@profiles.command("list")
@ends_with_its_reader
def list_profiles(*, as_json: _JsonOption = False) -> None:
    """List all wearables that are known, and what each will probably give."""
    from firmware_profiles.profiles import GENERIC_ID, load_profiles

    known = sorted(
        (profile for profile in load_profiles().values() if profile.id != GENERIC_ID),
        key=lambda profile: (profile.maker.lower(), profile.id),
    )
    if as_json:
        for profile in known:
            typer.echo(json.dumps(_summary(profile), ensure_ascii=False))
    else:
        _print_list(known)


@profiles.command()
@ends_with_its_reader
def show(
    identity: Annotated[str, typer.Argument(metavar="ID", help="From `profiles list`.")],
    *,
    as_json: _JsonOption = False,
) -> None:
    """Show everything known of a wearable, where it is from, and what its wearer has to do."""
    profile = known_profile(identity, param_hint="ID")
    if as_json:
        typer.echo(json.dumps(_record(profile), ensure_ascii=False))
    else:
        _print_profile(profile)


@profiles.command()
@ends_with_its_reader
def validate(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="Profile files (TOML); else those that ship.")
    ] = None,
) -> None:
    """Check profile files, and tell every fault with file, wearable, key and reason."""
    from firmware_profiles.profiles import ProfileFault, load_profiles
    from watchlink.texts import shown

    count, faults = 0, list[str]()
    for path in files or ():
        sound, told = _check(path)
        count += sound
        faults += told
    if not files:
        try:
            count = len(load_profiles())
        except ProfileFault as fault:
            faults += fault.faults
    for told_once in faults:
        typer.echo(shown(told_once))
    if faults:
        raise typer.Exit(FILE)
    typer.echo("1 wearable is fine." if count == 1 else f"{count} wearables are fine.")


def known_profile(identity: str, *, param_hint: str) -> Profile:
    """The profile of this id.

    Raises:
        typer.BadParameter: there is none; names those that may have been meant.
    """
    from firmware_profiles.profiles import load_profiles

    profile = load_profiles().get(identity.lower())
    if profile is None:
        raise typer.BadParameter(_unknown(identity, load_profiles()), param_hint=param_hint)
    return profile


def by_words(text: str, known: Iterable[Profile]) -> list[Profile]:
    """Those whose id, maker and model together hold every word of a text."""
    words = text.casefold().replace("-", " ").split()
    return [
        profile
        for profile in known
        if words and all(word in f"{profile.id} {profile.maker} {profile.model}".casefold() for word in words)
    ]


def will_give(*, rr: str, sensing: str, heart_rate_service: str = "unknown") -> str:
    """What a wearable will probably give, in plain words."""
    if heart_rate_service == "no":
        return "nothing: cannot be used directly"
    if rr in ("no", "unreliable"):
        return "heart rate"
    if rr == "yes":
        return "heart rate and beats" if sensing == "electrical" else "heart rate, and beats at rest"
    return "heart rate; beats will show"


def _check(path: Path) -> tuple[int, tuple[str, ...]]:
    """How many wearables of a sound file, or the faults of another."""
    from firmware_profiles.profiles import ProfileFault, parse_profiles

    try:
        return len(parse_profiles(path.read_bytes(), file=str(path))), ()
    except OSError as error:
        return 0, (f"{path}: cannot be read: {error.strerror}. Check the path and its permissions.",)
    except ProfileFault as fault:
        return 0, fault.faults


def _unknown(identity: str, known: Mapping[str, Profile]) -> str:
    """That there is no such id, and which it may have been: by spelling, or by the words of maker and model."""
    from difflib import get_close_matches

    from watchlink.texts import shown

    named = [profile.id for profile in by_words(identity, known.values())]
    close = list(dict.fromkeys((*named, *get_close_matches(identity.lower(), known, n=5, cutoff=0.5))))[:5]
    hint = f"Did you mean {', '.join(close)}?" if close else "`watchlink profiles list` names them all."
    return f"no wearable is known as {shown(identity)!r}. {hint}"


def _summary(profile: Profile) -> dict[str, Any]:
    return {
        "id": profile.id,
        "maker": profile.maker,
        "model": profile.model,
        "heart_rate_service": profile.heart_rate_service,
        "gives": _gives(profile),
        "sensing": profile.sensing,
        "rr": profile.rr,
        "status": profile.least_certain,
    }


def _record(profile: Profile) -> dict[str, Any]:
    return _summary(profile) | {
        "rr_unit": profile.rr_unit,
        "min_rr_ms": profile.min_rr_ms,
        "contact_reliable": profile.contact_reliable,
        "links": profile.links,
        "pairing": profile.pairing,
        "stall_s": profile.stall_s,
        "why_not": profile.why_not or None,
        "participant_steps": list(profile.participant_steps),
        "if_poor": list(profile.if_poor),
        "notes": list(profile.notes),
        "facts": {key: _fact_record(fact) for key, fact in profile.facts.items()},
        "platform_notes": {platform: _fact_record(fact) for platform, fact in profile.platform_notes.items()},
    }


def _fact_record(fact: Fact) -> dict[str, Any]:
    return {
        "value": fact.value,
        "source": fact.source,
        "status": fact.status,
        "checked_on": fact.checked_on.isoformat(),
    }


def _gives(profile: Profile) -> str:
    return will_give(rr=profile.rr, sensing=profile.sensing, heart_rate_service=profile.heart_rate_service)


def _print_list(known: Iterable[Profile]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in _COLUMNS:
        table.add_column(column, no_wrap=column == "id")
    for profile in known:
        cells = (profile.id, f"{profile.maker} {profile.model}", _gives(profile), profile.rr, profile.least_certain)
        table.add_row(*(_text(str(cell)) for cell in cells))
    Console().print(table)


def _print_profile(profile: Profile) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    cannot = profile.heart_rate_service == "no"
    console.print(_text(f"{profile.maker} {profile.model} ({profile.id})"))
    if cannot:
        console.print(_text("Cannot be used directly", before=1))
        _print_sentences(console, (profile.why_not,), profile.facts["why_not"])
    elif profile.heart_rate_service == "unknown":
        console.print(_text(f"Not known whether it can be used. If it can: {_gives(profile)}."))
    else:
        console.print(_text(f"Will probably give: {_gives(profile)}."))
    console.print(_text("What to do instead" if cannot else "What its wearer does", before=1))
    _print_sentences(console, profile.participant_steps, profile.facts.get("participant_steps"))
    if not cannot:
        console.print(_text("If the signal is poor", before=1))
        _print_sentences(console, profile.if_poor, profile.facts.get("if_poor"))
    if profile.notes:
        console.print(_text("Good to know", before=1))
        _print_sentences(console, profile.notes, profile.facts["notes"])
    for platform, fact in profile.platform_notes.items():
        console.print(_text(f"On {_PLATFORMS[platform]}", before=1))
        _print_sentences(console, (str(fact.value),), fact)
    table = Table(box=None, pad_edge=False)
    for column in ("fact", "value", "how well known, when, from where"):
        table.add_column(column)
    for key, fact in profile.facts.items():
        if key not in _SENTENCES:
            value = ", ".join(fact.value) if isinstance(fact.value, tuple) else _value(fact.value)
            table.add_row(_text(key), _text(value), _text(_why(fact)))
    console.print()
    console.print(table if table.row_count else _text("No fact is stated: what arrives decides."))


_PLATFORMS: Final = {"windows": "Windows", "macos": "macOS", "linux": "Linux"}


def _print_sentences(console: Console, sentences: Iterable[str], fact: Fact | None) -> None:
    from rich.table import Table

    grid = Table.grid(padding=(0, 1))
    for sentence in sentences:
        grid.add_row(_text("  -"), _text(sentence))
    grid.add_row("", _text("(general advice)" if fact is None else f"({_why(fact)})", style="dim"))
    console.print(grid)


def _why(fact: Fact) -> str:
    return f"{fact.status}, {fact.checked_on.isoformat()}: {fact.source}"


def _value(value: str | float | bool) -> str:  # noqa: FBT001 - a value like the others, no switch
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else f"{value:g}"


def _text(words: str, *, before: int = 0, style: str = "") -> RenderableType:
    """Foreign words, fit for a terminal, with so many empty lines before them."""
    from rich.text import Text

    from watchlink.texts import shown

    return Text("\n" * before + shown(words), style=style)
