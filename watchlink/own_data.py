"""Everybody's own data: what is stored of a person, its deletion with a receipt, and what goes by itself in time.

Strategy: what is stored is a fold over the logs; what goes is decided by pure functions (`erasure.without`, `due`) and
done in one transaction of the archive, then in the small files beside it. Whoever holds the archive open is asked to
close it first, so that nothing is half done. Afterwards the raw files are searched for what must be gone.
"""

from __future__ import annotations

import json
import mmap
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

from watchlink.archive import Archive, Erased, StoredSession
from watchlink.cohorts import Cohort, load_cohorts, of_name, save_cohorts
from watchlink.devices import Device, load_devices, of_alias, save_devices
from watchlink.erasure import Wearing
from watchlink.errors import ArchiveError
from watchlink.packets import Correction, EventKind, Packet, SelfReport, SessionEvent, Sharing, kind_of

_SHORTEST: Final = 8
"""Octets: shorter ones stand in any large file by chance."""
_SEARCHED: Final = 100
_COMPANIONS: Final = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What one session holds of a person, in numbers.

    Attributes:
        session: which.
        reports: of their wearables.
        marks, notes, self_reports: about or by them, as entered.
        other: whatever else is theirs: seats, links, attributes, roles, what they share.
        shares: what they shared at its end; None where they were not asked.
        evidence: whether a computed page of theirs is kept.
    """

    session: StoredSession
    reports: int
    marks: int
    notes: int
    self_reports: int
    other: int
    shares: Sharing | None
    evidence: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Where everything lies."""

    archive: Path
    cohorts: Path
    devices: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What was deleted of a person, and what was not.

    Attributes:
        person: pseudonym.
        on: day.
        erased: from the archive; None where there is none.
        device: name of the wearable that was forgotten; None where there was none.
        cohorts: in which the person is no longer.
        searched: for how many of the reports the raw files were searched afterwards.
        found: how many of them, and of the spellings of the pseudonym, were still there.
        word_stays: whether the pseudonym still stands inside of other words or names.
        left_sessions: how many the archive holds now.
    """

    person: str
    on: date
    erased: Erased | None
    device: str | None
    cohorts: tuple[str, ...]
    searched: int
    found: int
    word_stays: bool
    left_sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What went because its time was over.

    Attributes:
        cohorts: names.
        sessions: numbers.
        packets: how many they held.
        devices: whose wearables were forgotten.
    """

    cohorts: tuple[str, ...]
    sessions: tuple[int, ...]
    packets: int
    devices: tuple[str, ...]


def holdings(archive: Archive) -> dict[str, list[Holding]]:
    """What an archive holds of whom, by pseudonym as it was written first, session by session.

    Raises:
        ArchiveError: it cannot be read.
    """
    held: dict[str, list[Holding]] = {}
    names: dict[str, str] = {}
    for stored in archive.sessions():
        log = list(archive.packets(stored.id))
        pages = archive.page_owners(stored.id)
        for person, holding in _holdings(stored, log, pages).items():
            held.setdefault(names.setdefault(person.casefold(), person), []).append(holding)
    return held


def _holdings(stored: StoredSession, log: Sequence[Packet], pages: frozenset[str]) -> dict[str, Holding]:
    wearing = Wearing(log)
    counts: dict[str, Counter[str]] = {}
    names: dict[str, str] = {}
    shares: dict[str, Sharing] = {}
    for packet in log:
        wearing.enter(packet)
        person = wearing.person(packet)
        if person is None:
            continue
        name = names.setdefault(person.casefold(), person)
        counts.setdefault(name, Counter())[_sort(packet)] += 1
        if isinstance(packet, Sharing):
            shares[name] = packet
    return {
        person: Holding(
            session=stored,
            reports=count["report"],
            marks=count["mark"],
            notes=count["note"],
            self_reports=count["self_report"],
            other=count["other"],
            shares=shares.get(person),
            evidence=any(page.casefold() == person.casefold() for page in pages),
        )
        for person, count in counts.items()
    }


def _sort(packet: Packet) -> str:
    event = packet.now if isinstance(packet, Correction) else packet
    if isinstance(event, SessionEvent):
        return {EventKind.MARK: "mark", EventKind.NOTE: "note"}.get(event.kind, "other")
    if isinstance(event, SelfReport):
        return "self_report"
    return "report" if event is not None and kind_of(event) in ("notification", "discarded") else "other"


def delete(person: str, files: Files, *, on: date, sessions: Collection[int] | None = None) -> Receipt:
    """Delete all that is stored of a person; from these sessions only, where some are named.

    Raises:
        NoSessionError: a session is being recorded.
        WatchlinkError: a file cannot be read or written; the archive is changed as a whole or not at all, and first.
    """
    cohorts, devices = load_cohorts(files.cohorts), load_devices(files.devices)
    erased, left_sessions = None, 0
    if files.archive.is_file():
        with Archive(files.archive) as archive:
            erased = archive.erase(person, sessions=sessions)
            left_sessions = len(archive.sessions())
            word_stays = sessions is None and archive.mentions(person)
    else:
        word_stays = False
    device = None
    left: tuple[str, ...] = ()
    if sessions is None:
        device = of_alias(devices, person)
        if device is not None:
            save_devices(files.devices, [one for one in devices if one is not device])
        left = tuple(cohort.name for cohort in cohorts if cohort.member(person) is not None)
        if left:
            save_cohorts(files.cohorts, _without_member(cohorts, person))
    needles = [] if erased is None else _needles(erased.octets)
    spellings = _spellings(person) if sessions is None and not word_stays else frozenset[bytes]()
    return Receipt(
        person=person,
        on=on,
        erased=erased,
        device=None if device is None else device.name,
        cohorts=left,
        searched=len(needles),
        found=traces(files.archive, [*needles, *spellings]),
        word_stays=word_stays,
        left_sessions=left_sessions,
    )


def traces(archive: Path, octets: Iterable[bytes]) -> int:
    """How many of these stand in the raw files of an archive; it must not be open in this program.

    Raises:
        ArchiveError: a file cannot be read.
    """
    wanted = set(octets)
    found: set[bytes] = set()
    for companion in _COMPANIONS:
        path = archive.with_name(f"{archive.name}{companion}")
        try:
            if not path.is_file() or not path.stat().st_size:
                continue
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                found |= {needle for needle in wanted - found if content.find(needle) >= 0}
        except OSError as error:
            raise ArchiveError(
                f"What had to go was deleted, but {path} could not be searched afterwards: {error.strerror}."
            ) from error
    return len(found)


def _needles(octets: Collection[bytes]) -> list[bytes]:
    """Up to a hundred of the reports that are long enough to stand there by no chance, from all over."""
    long = sorted(one for one in octets if len(one) >= _SHORTEST)
    return long[:: max(1, len(long) // _SEARCHED)][:_SEARCHED]


def _spellings(person: str) -> frozenset[bytes]:
    spellings = {person.encode("utf-8", "surrogatepass"), json.dumps(person)[1:-1].encode()}
    return frozenset(spelling for spelling in spellings if len(spelling) > 3)  # a shorter one stands anywhere by chance


def _without_member(cohorts: Iterable[Cohort], person: str) -> list[Cohort]:
    left = [
        replace(one, members=tuple(member for member in one.members if member.alias.casefold() != person.casefold()))
        for one in cohorts
    ]
    return [one for one in left if one.members]


# --- what goes by itself ---------------------------------------------------------------------------------------------


def due(cohorts: Iterable[Cohort], today: date) -> tuple[Cohort, ...]:
    """The cohorts that were closed long enough ago for what is stored of them to go."""
    return tuple(one for one in cohorts if one.goes_on is not None and one.goes_on <= today)


def sessions_of(cohort: Cohort, stored: Iterable[StoredSession]) -> tuple[StoredSession, ...]:
    """The sessions, baselines and other recordings of a cohort."""
    name = cohort.name.casefold()
    return tuple(one for one in stored if one.cohort is not None and one.cohort.casefold() == name)


def sweep(files: Files, *, today: date) -> Swept | None:
    """Delete what is due; None where nothing is.

    Raises:
        NoSessionError: a session is being recorded; nothing was deleted, the next time does it.
        WatchlinkError: a file cannot be read or written; what is due stays due.
    """
    gone = due(load_cohorts(files.cohorts), today)
    return remove_cohorts(gone, files) if gone else None


def remove_cohorts(gone: Sequence[Cohort], files: Files) -> Swept:
    """Delete cohorts with all that was recorded of them, and the wearables of people who are in no other cohort.

    Raises:
        NoSessionError: a session is being recorded; nothing was deleted.
        WatchlinkError: a file cannot be read or written; the cohorts are the last to go, so that it can be done again.
    """
    devices = load_devices(files.devices)
    stored: list[StoredSession] = []
    if files.archive.is_file():
        with Archive(files.archive) as archive:
            known = archive.sessions()
            stored = [one for cohort in gone for one in sessions_of(cohort, known)]
            if stored:
                archive.remove([one.id for one in stored])
    cohorts = [one for one in load_cohorts(files.cohorts) if of_name(gone, one.name) is None]
    forgotten = [device for device in devices if _is_of(device, gone) and not _is_of(device, cohorts)]
    if forgotten:
        save_devices(files.devices, [device for device in devices if device not in forgotten])
    save_cohorts(files.cohorts, cohorts)
    return Swept(
        cohorts=tuple(cohort.name for cohort in gone),
        sessions=tuple(one.id for one in stored),
        packets=sum(one.packets for one in stored),
        devices=tuple(device.alias for device in forgotten),
    )


def _is_of(device: Device, cohorts: Iterable[Cohort]) -> bool:
    return any(cohort.member(device.alias) is not None for cohort in cohorts)
