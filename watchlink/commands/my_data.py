"""`watchlink my-data`: what is stored of a person, and its deletion with a receipt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from watchlink.commands.asking import Asking, tell
from watchlink.commands.cohort import CohortsOption
from watchlink.commands.exits import FAILURE, ends_with_its_reader
from watchlink.commands.nearby import DevicesOption
from watchlink.commands.running import ArchiveOption, JsonOption, say
from watchlink.commands.sweeping import files, sweep_and_say
from watchlink.texts import ranges, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from watchlink.own_data import Files, Holding, Receipt

my_data = typer.Typer(help="Your own data: what is stored of you, and how it is deleted.", no_args_is_help=True)

_PersonOption = Annotated[str | None, typer.Option("--person", metavar="ALIAS", help="Whose: the pseudonym.")]
_KINDS = {
    "notification": "reports",
    "discarded": "discarded reports",
    "attribute": "values read from the wearable",
    "link": "link changes",
    "seat": "seats",
    "event": "marks, roles and notes",
    "correction": "corrections",
    "sharing": "statements of what is shared",
    "self_report": "self-reports",
}


@my_data.command("list")
@ends_with_its_reader
def list_data(
    *,
    person: _PersonOption = None,
    as_json: JsonOption = False,
    archive: ArchiveOption = None,
    cohorts: CohortsOption = None,
    devices: DevicesOption = None,
) -> None:
    """Show what is stored of a person, session by session; without --person, of whom anything is stored."""
    chosen = files(archive=archive, cohorts=cohorts, devices=devices)
    sweep_and_say(chosen)
    held = _holdings(chosen)
    if person is None:
        _list_people(chosen, held, as_json=as_json)
        return
    name = _known(person, chosen, held)
    record = _record(name, held.get(name, []), chosen)
    if as_json:
        typer.echo(json.dumps(record, ensure_ascii=False))
        return
    _print(name, held.get(name, []), record)
    say(f"Delete it: watchlink my-data delete --person {name}")


@my_data.command()
def delete(
    *,
    person: Annotated[str, typer.Option("--person", metavar="ALIAS", help="Whose: the pseudonym.")],
    session: Annotated[
        list[int] | None, typer.Option("--session", metavar="N", help="From this session only; may be said again.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    receipt: Annotated[Path | None, typer.Option("--receipt", help="Write the receipt there, too.")] = None,
    archive: ArchiveOption = None,
    cohorts: CohortsOption = None,
    devices: DevicesOption = None,
) -> None:
    """Delete what is stored of a person: out of the file itself, for good. What is others' stays as it is."""
    from watchlink.clock import utc_now
    from watchlink.own_data import delete as delete_data

    chosen = files(archive=archive, cohorts=cohorts, devices=devices)
    sweep_and_say(chosen)
    held = _holdings(chosen)
    name = _known(person, chosen, held)
    theirs = {one.session.id for one in held.get(name, [])}
    unknown = sorted(set(session or ()) - theirs)
    if unknown:
        raise typer.BadParameter(
            shown(f"Session {unknown[0]} holds nothing of {name}. watchlink my-data list --person {name}")
        )
    if receipt is not None:
        _try_to_write(receipt)
    asking = Asking(yes=yes, instead="Without a keyboard: say --yes.")
    what = f"sessions {ranges(session)}" if session else "everything, in all sessions"
    tell(f"This cannot be taken back. To have it yourself first: watchlink my-data export --person {name}")
    if not asking.agrees(f"Delete {what}, of {name}?"):
        tell("Nothing was deleted.")
        raise typer.Exit(FAILURE)
    done = delete_data(name, chosen, on=utc_now().date(), sessions=session or None)
    lines = receipt_lines(done)
    for line in lines:
        typer.echo(shown(line))
    if receipt is not None:
        _write(receipt, lines)
    if done.found:
        raise typer.Exit(FAILURE)


def receipt_lines(done: Receipt) -> list[str]:
    """What was deleted and what was not, line by line."""
    lines = [f"Deleted on {done.on} of {done.person}:"]
    erased = done.erased
    if erased is not None and (erased.touched or erased.pages):
        numbers = ranges(erased.touched) or "none"
        whole = f"; as a whole: {ranges(erased.removed)}" if erased.removed else ""
        lines.append(f"- from sessions {numbers}{whole}")
        lines += [f"- {count} {_KINDS.get(sort, sort)}" for sort, count in sorted(erased.packets.items())]
        if erased.pages:
            lines.append(f"- {erased.pages} computed pages")
        if erased.redacted:
            lines.append(
                f'- the pseudonym in {erased.redacted} notes, titles and plans of others; "(deleted)" is there'
            )
    else:
        lines.append("- nothing: no session held anything")
    if done.device is not None:
        lines.append(f"- the wearable {done.device}, which is not remembered any more")
    lines += [f"- the place in {name}; the numbers of those after it move up by one" for name in done.cohorts]
    lines.append(f"What is the others' was left as it was; the archive holds {done.left_sessions} sessions now.")
    if erased is not None:
        lines.append(_rewritten(erased.compacted))
        if done.found:
            lines.append(f"{done.found} traces were found in the file afterwards. Please report this as a mistake.")
        else:
            lines.append(f"The file was searched for {done.searched} of the reports: none was found.")
    if done.word_stays:
        lines.append("The pseudonym still stands inside of other words or names.")
    lines.append("Backups, exports that were given away, and what a drive keeps of old blocks are out of reach.")
    return lines


def _rewritten(compacted: bool) -> str:  # noqa: FBT001 - one sentence of two
    if compacted:
        return "What went was overwritten with zeros, and the file was rewritten without it."
    return (
        "What went was overwritten with zeros. The file could not be rewritten (is the disk full?), so it is as large "
        "as before."
    )


def _holdings(chosen: Files) -> Mapping[str, Sequence[Holding]]:
    from watchlink.archive import Archive
    from watchlink.own_data import holdings

    if not chosen.archive.is_file():
        return {}
    with Archive(chosen.archive) as opened:
        return holdings(opened)


def _people(chosen: Files, held: Mapping[str, Sequence[Holding]]) -> list[str]:
    """Everybody of whom anything is stored, each once."""
    from watchlink.cohorts import load_cohorts
    from watchlink.devices import load_devices

    names = {name.casefold(): name for name in held}
    for cohort in load_cohorts(chosen.cohorts):
        for alias in cohort.people:
            names.setdefault(alias.casefold(), alias)
    for device in load_devices(chosen.devices):
        names.setdefault(device.alias.casefold(), device.alias)
    return sorted(names.values(), key=str.casefold)


def _known(person: str, chosen: Files, held: Mapping[str, Sequence[Holding]]) -> str:
    people = _people(chosen, held)
    for name in people:
        if name.casefold() == person.casefold():
            return name
    known = f"Something is stored of: {', '.join(people)}." if people else "Nothing is stored of anybody."
    raise typer.BadParameter(shown(f"Nothing is stored of {person}. {known}"))


def _list_people(chosen: Files, held: Mapping[str, Sequence[Holding]], *, as_json: bool) -> None:
    people = _people(chosen, held)
    for name in people:
        theirs = held.get(name, [])
        reports = sum(one.reports for one in theirs)
        if as_json:
            typer.echo(json.dumps({"person": name, "sessions": len(theirs), "reports": reports}, ensure_ascii=False))
        else:
            typer.echo(shown(f"{name}: {len(theirs)} sessions, {reports} reports"))
    if not people and not as_json:
        say("Nothing is stored of anybody.")


def _record(name: str, held: Sequence[Holding], chosen: Files) -> dict[str, Any]:
    from watchlink.cohorts import load_cohorts
    from watchlink.devices import load_devices, of_alias
    from watchlink.packets import Purpose

    device = of_alias(load_devices(chosen.devices), name)
    memberships = [
        (cohort, member) for cohort in load_cohorts(chosen.cohorts) if (member := cohort.member(name)) is not None
    ]
    return {
        "person": name,
        "sessions": [
            {
                "session": one.session.id,
                "kind": one.session.kind,
                "started_at": one.session.started_at.isoformat(),
                "cohort": one.session.cohort,
                "week": one.session.week,
                "reports": one.reports,
                "marks": one.marks,
                "notes": one.notes,
                "self_reports": one.self_reports,
                "other": one.other,
                "shares": None if one.shares is None else [it for it in Purpose if it in one.shares.purposes],
                "evidence": one.evidence,
            }
            for one in held
        ],
        "device": None
        if device is None
        else {"name": device.name, "profile": device.profile, "paired_on": device.paired_on.isoformat()},
        "cohorts": [
            {
                "cohort": cohort.name,
                "shares": [it for it in Purpose if it in member.shares],
                "agreed_on": None if member.agreed_on is None else member.agreed_on.isoformat(),
                "goes_on": None if cohort.goes_on is None else cohort.goes_on.isoformat(),
            }
            for cohort, member in memberships
        ],
    }


def _print(name: str, held: Sequence[Holding], record: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, title=Text(shown(name)), title_justify="left")
    for heading in ("no.", "kind", "started (UTC)", "cohort", "reports", "marks", "notes", "answers", "shared"):
        count = heading in ("no.", "reports", "marks", "notes", "answers")
        table.add_column(heading, justify="right" if count else "left", no_wrap=heading not in ("cohort", "shared"))
    for one in held:
        stored = one.session
        cells = (
            stored.id,
            stored.kind,
            stored.started_at.strftime("%Y-%m-%d %H:%M"),
            f"{stored.cohort or ''}{f' {stored.week}' if stored.week else ''}",
            one.reports,
            one.marks,
            one.notes,
            one.self_reports,
            _shared(one),
        )
        table.add_row(*(Text(shown(str(cell))) for cell in cells))
    Console().print(table)
    pages = sum(one.evidence for one in held)
    if pages:
        typer.echo(f"Computed pages are kept of {pages} of them.")
    device = record["device"]
    typer.echo(shown("Wearable: none paired" if device is None else f"Wearable: {device['name']}"))
    for cohort in record["cohorts"]:
        when = f"; what is stored of it goes on {cohort['goes_on']}" if cohort["goes_on"] else ""
        shares = "not asked yet" if cohort["agreed_on"] is None else ", ".join(cohort["shares"]) or "nothing"
        typer.echo(shown(f"Member of {cohort['cohort']}, lets others see: {shares}{when}"))


def _shared(one: Holding) -> str:
    from watchlink.consent import agreed
    from watchlink.packets import Purpose

    if one.shares is None:
        return "not asked"
    return "all" if one.shares.purposes == frozenset(Purpose) else agreed(one.shares.purposes)


def _try_to_write(receipt: Path) -> None:
    """Before anything is deleted: a receipt that cannot be written is found out first."""
    try:
        receipt.touch(mode=0o600)
    except OSError as error:
        raise typer.BadParameter(
            shown(f"The receipt {receipt} cannot be written: {error.strerror}. Nothing was deleted.")
        ) from error


def _write(receipt: Path, lines: Sequence[str]) -> None:
    try:
        receipt.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    except OSError as error:
        say(f"The receipt {receipt} cannot be written: {error.strerror}. It is what stands above.")
