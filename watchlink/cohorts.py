"""The cohorts that practise on this computer: who is in them, and what each person said yes to.

It says who practises with whom, by pseudonym, so only its owner may read it. A consent is kept with its day and the
words that were agreed to; what holds in a session is stated anew in the session's own log.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from watchlink.consent import NOTHING, wording
from watchlink.devices import alias_fault
from watchlink.errors import CohortsFileError
from watchlink.json_file import JsonFile, a_list, a_text, a_text_or_none, an_object, converted
from watchlink.measures import Measure, Primary
from watchlink.packets import Purpose

MOST_MEMBERS: Final = 8
WEEKS: Final = 8
KEEP_DAYS: Final = 30
MOST_KEEP_DAYS: Final = 3650
_FILE: Final = JsonFile(
    key="watchlink_cohorts",
    version=1,
    holds="where cohorts are kept",
    otherwise="make the cohorts again",
    error=CohortsFileError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One person of a cohort.

    Attributes:
        alias: pseudonym.
        shares: what the person lets others see in sessions, until they say otherwise.
        agreed_on: when they said so; None if they were never asked.
        wording: of what they agreed to, see `consent.wording`; empty if they were never asked.
    """

    alias: str
    shares: frozenset[Purpose] = NOTHING
    agreed_on: date | None = None
    wording: str = ""

    @property
    def up_to_date(self) -> bool:
        """Whether the person agreed to the words as they are now."""
        return self.wording == wording()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """A group of people who practise together.

    Attributes:
        name: what it is called.
        members: in the order of their numbers.
        made_on, closed_on: days; `closed_on` is None while it practises.
        primary: the one measure that was declared before the first week; None for a cohort that was made before one was
            asked for.
        keep_days: how long what was recorded of it stays after it was closed, 0..3650.
    """

    name: str
    members: tuple[Member, ...]
    made_on: date
    closed_on: date | None = None
    primary: Primary | None = None
    keep_days: int = KEEP_DAYS

    @property
    def goes_on(self) -> date | None:
        """The day on which what is stored of it goes; None while it practises."""
        if self.closed_on is None:
            return None
        return self.closed_on + min(timedelta(days=self.keep_days), date.max - self.closed_on)

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody's pseudonym, in order of their numbers."""
        return tuple(member.alias for member in self.members)

    def member(self, alias: str) -> Member | None:
        """Who goes by this pseudonym, however it is capitalised."""
        return next((member for member in self.members if member.alias.casefold() == alias.casefold()), None)

    def with_consent(self, alias: str, shares: frozenset[Purpose], *, on: date, words: str | None = None) -> Cohort:
        """The same cohort after a person said what they share, in the words of today or in those that are named."""
        return replace(
            self,
            members=tuple(
                replace(member, shares=shares, agreed_on=on, wording=wording() if words is None else words)
                if member.alias == alias
                else member
                for member in self.members
            ),
        )


def cohort_fault(name: str, aliases: Iterable[str]) -> str | None:
    """Why this cannot be a cohort; None if it can."""
    people = tuple(aliases)
    if (fault := alias_fault(name)) is not None:
        return fault.replace("A pseudonym", "A cohort's name")
    for alias in people:
        if (fault := alias_fault(alias)) is not None:
            return f"{alias!r}: {fault}"
        if alias.split()[0].isdecimal():
            return f"{alias!r}: a pseudonym does not begin with a number, for people are called by their numbers, too."
    if len({alias.casefold() for alias in people}) < len(people):
        return "Two people have the same pseudonym; everybody needs their own."
    if not 1 <= len(people) <= MOST_MEMBERS:
        return f"A cohort has 1 to {MOST_MEMBERS} people; these are {len(people)}."
    return None


def load_cohorts(path: Path) -> tuple[Cohort, ...]:
    """All cohorts, by name; none if there is no file yet.

    Raises:
        CohortsFileError: the file cannot be read or understood; names it and what to do.
    """
    return _FILE.load(path, _parsed) or ()


def save_cohorts(path: Path, cohorts: Iterable[Cohort]) -> None:
    """Put these in the place of all that were kept.

    Raises:
        CohortsFileError: it cannot be written; what was there before is still there.
    """
    _FILE.save(path, {"cohorts": [_record(cohort) for cohort in _in_order(cohorts)]})


def of_name(cohorts: Iterable[Cohort], name: str) -> Cohort | None:
    """The cohort of this name, however it is capitalised."""
    return next((cohort for cohort in cohorts if cohort.name.casefold() == name.casefold()), None)


def put(cohorts: Iterable[Cohort], cohort: Cohort) -> tuple[Cohort, ...]:
    """These, and this one in the place of the one of its name."""
    others = [other for other in cohorts if other.name.casefold() != cohort.name.casefold()]
    return _in_order((*others, cohort))


def _in_order(cohorts: Iterable[Cohort]) -> tuple[Cohort, ...]:
    return tuple(sorted(cohorts, key=lambda cohort: (cohort.name.casefold(), cohort.name)))


def _record(cohort: Cohort) -> dict[str, Any]:
    return {
        "name": cohort.name,
        "made_on": cohort.made_on.isoformat(),
        "closed_on": None if cohort.closed_on is None else cohort.closed_on.isoformat(),
        "keep_days": cohort.keep_days,
        "primary": None if cohort.primary is None else _primary_record(cohort.primary),
        "members": [
            {
                "alias": member.alias,
                "shares": [purpose for purpose in Purpose if purpose in member.shares],
                "agreed_on": None if member.agreed_on is None else member.agreed_on.isoformat(),
                "wording": member.wording,
            }
            for member in cohort.members
        ],
    }


def _parsed(record: dict[str, Any]) -> tuple[Cohort, ...]:
    cohorts: list[Cohort] = []
    for number, entry in enumerate(a_list(record, "cohorts"), 1):
        try:
            cohorts.append(_cohort(an_object(entry, "it")))
        except ValueError as error:
            raise ValueError(f"cohort {number}: {error}") from error
    if len({cohort.name.casefold() for cohort in cohorts}) < len(cohorts):
        raise ValueError("two cohorts have the same name")
    return _in_order(cohorts)


def _cohort(record: dict[str, Any]) -> Cohort:
    cohort = Cohort(
        name=a_text(record, "name"),
        members=tuple(_member(an_object(entry, "a member")) for entry in a_list(record, "members")),
        made_on=converted(record, "made_on", date.fromisoformat),
        closed_on=_day(record, "closed_on"),
        keep_days=_keep_days(record),
        primary=None if record.get("primary") is None else _primary(an_object(record["primary"], "primary")),
    )
    if (fault := cohort_fault(cohort.name, cohort.people)) is not None:
        raise ValueError(fault.rstrip("."))
    return cohort


def _primary_record(primary: Primary) -> dict[str, str]:
    return {
        "measure": primary.measure,
        "label": primary.label,
        "declared_on": primary.declared_on.isoformat(),
        "digest": primary.digest,
    }


def _primary(record: dict[str, Any]) -> Primary:
    primary = Primary(
        measure=converted(record, "measure", Measure),
        label=a_text(record, "label"),
        declared_on=converted(record, "declared_on", date.fromisoformat),
    )
    if a_text(record, "digest") != primary.digest:
        raise ValueError(
            f"the declared measure was changed after it was declared: {primary.text!r} does not fit its digest"
        )
    return primary


def _member(record: dict[str, Any]) -> Member:
    return Member(
        alias=a_text(record, "alias"),
        shares=frozenset(map(_purpose, a_list(record, "shares"))),
        agreed_on=_day(record, "agreed_on"),
        wording=a_text(record, "wording"),
    )


def _purpose(value: Any) -> Purpose:
    try:
        return Purpose(value)
    except ValueError as error:
        raise ValueError(f"shares: {value!r} is none of {', '.join(Purpose)}") from error


def _keep_days(record: dict[str, Any]) -> int:
    days: Any = record.get("keep_days", KEEP_DAYS)
    if not isinstance(days, int) or isinstance(days, bool) or not 0 <= days <= MOST_KEEP_DAYS:
        raise ValueError(f"keep_days is no whole number from 0 to {MOST_KEEP_DAYS}")
    return days


def _day(record: dict[str, Any], key: str) -> date | None:
    return None if a_text_or_none(record, key) is None else converted(record, key, date.fromisoformat)
