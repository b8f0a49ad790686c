"""`watchlink consent`: what each person said yes to, in which words; and how a yes is given or taken back at once.

Strategy: what holds for coming sessions is in the file of cohorts; what holds in a session that is over is in its own
log, where a later statement takes the place of an earlier one for all of it. Nothing of what was said is overwritten.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from watchlink.commands.cohort import CohortsOption, cohorts_path, find_cohort, find_member, keep_consent
from watchlink.commands.exits import ends_with_its_reader
from watchlink.commands.running import ArchiveOption, JsonOption, archive_path, say
from watchlink.texts import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from watchlink.cohorts import Cohort, Member
    from watchlink.packets import Packet, Purpose, Sharing

consent = typer.Typer(help="What each person lets others see: show, grant, withdraw.", no_args_is_help=True)

_AliasArgument = Annotated[str, typer.Argument(metavar="ALIAS", help="Whose decision it is.")]
_PurposesArgument = Annotated[
    list[str], typer.Argument(metavar="PURPOSE...", help="heart-rate, rises, hrv, raw or all.")
]
_CohortOption = Annotated[
    str | None, typer.Option("--cohort", metavar="NAME", help="Of which cohort.", show_default="all that they are in")
]
_SessionOption = Annotated[
    int | None, typer.Option("--session", metavar="N", help="In this session, which is over; not in coming ones.")
]


@consent.command()
@ends_with_its_reader
def show(
    *,
    person: Annotated[str | None, typer.Option("--person", metavar="ALIAS", help="This person alone.")] = None,
    session: Annotated[int | None, typer.Option("--session", metavar="N", help="In this session alone.")] = None,
    as_json: JsonOption = False,
    cohorts: CohortsOption = None,
    archive: ArchiveOption = None,
) -> None:
    """Show what each person said yes to: for coming sessions, in each that is over, and the words."""
    from watchlink.cohorts import load_cohorts
    from watchlink.consent import ALWAYS, WORDS, wording

    if as_json:
        typer.echo(json.dumps({"wording": wording(), "words": {**WORDS, "always": ALWAYS}}, ensure_ascii=False))
    else:
        typer.echo(f"The words ({wording()}):")
        for purpose, words in WORDS.items():
            typer.echo(f"  {purpose}: {words}")
        typer.echo(f"  always: {ALWAYS}")
    known = load_cohorts(cohorts_path(cohorts)) if session is None else ()
    records = [
        *(_standing(cohort, member) for cohort in known for member in cohort.members if _is(person, member.alias)),
        *_in_sessions(archive_path(archive), person, session),
    ]
    for record in records:
        typer.echo(json.dumps(record, ensure_ascii=False) if as_json else shown(_line(record)))
    if not records and not as_json:
        say("Nobody was asked yet. Ask: watchlink cohort share COHORT ALIAS")


@consent.command()
def grant(
    alias: _AliasArgument,
    purposes: _PurposesArgument,
    *,
    cohort: _CohortOption = None,
    session: _SessionOption = None,
    cohorts: CohortsOption = None,
    archive: ArchiveOption = None,
) -> None:
    """Let others see more: from the next session on, or in one that is over."""
    from watchlink.consent import NOTHING

    chosen = _chosen(purposes)
    if session is not None:
        _state_in_session(session, alias, archive, more=chosen)
        return
    for one in _cohorts_of(alias, cohort, cohorts):

        def more(member: Member) -> tuple[frozenset[Purpose], None]:
            # A yes to older words is no yes to these.
            return (member.shares if member.up_to_date else NOTHING) | chosen, None

        keep_consent(one, find_member(one, alias).alias, more, cohorts)


@consent.command()
def withdraw(
    alias: _AliasArgument,
    purposes: _PurposesArgument,
    *,
    cohort: _CohortOption = None,
    session: _SessionOption = None,
    cohorts: CohortsOption = None,
    archive: ArchiveOption = None,
) -> None:
    """Take a yes back, without a reason, at once: from the next session on, or in one that is over."""
    chosen = _chosen(purposes)
    if session is not None:
        _state_in_session(session, alias, archive, less=chosen)
        return
    for one in _cohorts_of(alias, cohort, cohorts):
        keep_consent(
            one,
            find_member(one, alias).alias,
            lambda member: (member.shares - chosen, member.wording or None),
            cohorts,
        )
    say("While a session runs: watchlink mark share 2 nothing. In one that is over: say it with --session N.")


def _is(person: str | None, alias: str) -> bool:
    return person is None or person.casefold() == alias.casefold()


def _chosen(purposes: Iterable[str]) -> frozenset[Purpose]:
    from watchlink.packets import Purpose

    words = {word.strip(",").casefold() for word in purposes}
    if not words <= {*Purpose, "all"}:
        raise typer.BadParameter(f"Say what: {', '.join(Purpose)} or all.")
    return frozenset(Purpose) if "all" in words else frozenset(map(Purpose, words))


def _cohorts_of(alias: str, name: str | None, chosen: Path | None) -> Sequence[Cohort]:
    from watchlink.cohorts import load_cohorts

    if name is not None:
        one = find_cohort(name, chosen)
        find_member(one, alias)
        return (one,)
    theirs = [one for one in load_cohorts(cohorts_path(chosen)) if one.member(alias) is not None]
    if not theirs:
        raise typer.BadParameter(shown(f"{alias} is in no cohort. watchlink cohort list shows who is in which."))
    return theirs


def _state_in_session(
    number: int,
    alias: str,
    chosen: Path | None,
    *,
    more: frozenset[Purpose] = frozenset(),
    less: frozenset[Purpose] = frozenset(),
) -> None:
    """Enter at the end of a log what holds for all of it."""
    from watchlink.archive import Archive, SessionState
    from watchlink.consent import NOTHING, agreed, wording
    from watchlink.erasure import Wearing
    from watchlink.errors import NoSessionError
    from watchlink.packets import Sharing

    with Archive(archive_path(chosen)) as opened:
        if opened.session(number).state is SessionState.RECORDING:
            raise NoSessionError(f"Session {number} is being recorded. Say it there: watchlink mark share 2 hrv")
        log = list(opened.packets(number))
        people = {person.casefold(): person for person in _people(log, Wearing(log))}
        person = people.get(alias.casefold())
        if person is None:
            raise typer.BadParameter(
                shown(f"{alias} is not in session {number}. In it are: {', '.join(people.values())}.")
            )
        said = _last(log, person)
        old = NOTHING if said is None else said.purposes
        words = said.wording if said is not None and less else wording()
        if more and said is not None and said.wording != words:
            old = NOTHING  # a yes to older words is no yes to these
        stated = Sharing(
            at_us=max(packet.at_us for packet in log) + 1, person=person, purposes=(old | more) - less, wording=words
        )
        alone = not any(isinstance(packet, Sharing) for packet in log)
        opened.add(number, [stated])
    typer.echo(shown(f"{person} shares {agreed(stated.purposes)} in session {number}."))
    if alone:
        say("Nobody was asked in this session before: now nothing of anybody is told there without their own yes.")


def _people(log: Sequence[Packet], wearing: Any) -> list[str]:
    people: dict[str, None] = {}
    for packet in log:
        wearing.enter(packet)
        person = wearing.person(packet)
        if person is not None:
            people[person] = None
    return list(people)


def _last(log: Iterable[Packet], person: str) -> Sharing | None:
    from watchlink.packets import Sharing

    said = None
    for packet in log:
        if isinstance(packet, Sharing) and packet.person.casefold() == person.casefold():
            said = packet
    return said


def _standing(cohort: Cohort, member: Member) -> dict[str, Any]:
    from watchlink.packets import Purpose

    return {
        "person": member.alias,
        "cohort": cohort.name,
        "shares": {purpose: purpose in member.shares for purpose in Purpose},
        "agreed_on": None if member.agreed_on is None else member.agreed_on.isoformat(),
        "wording": member.wording,
        "same_words": member.up_to_date,
    }


def _in_sessions(path: Path, person: str | None, number: int | None) -> list[dict[str, Any]]:
    from watchlink.archive import Archive
    from watchlink.consent import wording
    from watchlink.packets import Purpose, Sharing

    if number is None and not path.is_file():
        return []
    records: list[dict[str, Any]] = []
    with Archive(path) as opened:
        for stored in [opened.session(number)] if number is not None else opened.sessions():
            last = {packet.person: packet for packet in opened.packets(stored.id) if isinstance(packet, Sharing)}
            records += [
                {
                    "person": said.person,
                    "session": stored.id,
                    "shares": {purpose: purpose in said.purposes for purpose in Purpose},
                    "wording": said.wording,
                    "same_words": said.wording == wording(),
                }
                for said in last.values()
                if _is(person, said.person)
            ]
    return records


def _line(record: dict[str, Any]) -> str:
    said = ", ".join(f"{purpose} {'yes' if yes else 'no'}" for purpose, yes in record["shares"].items())
    if "session" in record:
        where, since = f"session {record['session']}", ""
    else:
        where = f"{record['cohort']}, coming sessions"
        since = "" if record["agreed_on"] is None else f"; since {record['agreed_on']}"
        if record["agreed_on"] is None:
            return f"{record['person']}: {where}: not asked yet"
    words = "" if record["same_words"] else f"; in older words ({record['wording']})"
    return f"{record['person']}: {where}: {said}{since}{words}"
