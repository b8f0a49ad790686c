"""`watchlink live`: a session on the wearables that are near, now."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watchlink.commands.nearby import (
    NOTHING_FOUND,
    DevicesOption,
    devices_path,
    not_heard,
    owners,
    profile_of,
)
from watchlink.commands.running import ArchiveOption, JsonOption, PlainOption, make_sink, record_session, say

if TYPE_CHECKING:
    from watchlink.clock import Clock
    from watchlink.devices import Device
    from watchlink.packets import SessionEvent
    from watchlink.session import Plan
    from watchlink.sources import Source
    from watchlink.sources.ble import BleSource, Found, Radio, Wearer
    from watchlink.sources.virtual.cohort import VirtualCohort
    from watchlink.vocabulary import Vocabulary


def live(
    *,
    seat: Annotated[
        list[str] | None,
        typer.Option(
            "--seat",
            help='Who takes part: Heron, if that wearable was paired, or "Heron=Polar H10 1A2B"; once a person. Else '
            "everybody whose wearable is heard.",
        ),
    ] = None,
    plan: Annotated[Path | None, typer.Option(help="A plan of blocks (TOML). The session ends with it.")] = None,
    events: Annotated[Path | None, typer.Option(help="Events that will happen (CSV with at_s and label).")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.01, max=24 * 60, help="End after this long.")] = None,
    scan_seconds: Annotated[float, typer.Option(min=0.5, max=600, help="How long to look for wearables.")] = 8.0,
    virtual: Annotated[int | None, typer.Option(min=1, max=8, help="Use so many virtual wearables instead.")] = None,
    seed: Annotated[int, typer.Option(help="Of the virtual wearables.")] = 1,
    plain: PlainOption = False,
    as_json: JsonOption = False,
    archive: ArchiveOption = None,
    devices: DevicesOption = None,
    adapter: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only this Bluetooth adapter (Linux); else all there are share the work."),
    ] = None,
) -> None:
    """Record and show a session on real wearables. Type a mark and Enter at any time: escalation 2, speaker Heron.

    A mark may be late: stood up 2 15s ago. Type undo to take the last one back, correct interruption 3 to change it.
    What is lost is sought by itself. Type release Heron to let go of a wearable, seek Heron to look for it again.
    """
    from watchlink.commands.reading import read_events, read_plan
    from watchlink.devices import load_devices
    from watchlink.session import default_plan

    known = () if virtual is not None else load_devices(devices_path(devices))
    seats = _parse_seats(seat or [], known)
    chosen_plan = None if plan is None else read_plan(plan)
    vocabulary = (chosen_plan or default_plan()).vocabulary
    marks = () if events is None else read_events(events, vocabulary=vocabulary)
    ends_us = [round(minutes * 60e6)] if minutes is not None else []
    if chosen_plan is not None:
        ends_us.append(chosen_plan.duration_us)

    async def open_source() -> tuple[Source, Clock]:
        from watchlink.clock import MachineClock
        from watchlink.sources.ble import system_radios

        if virtual is not None:
            clock = MachineClock()
            people, cohort = _virtual(virtual, seed, chosen_plan or default_plan(), clock)
            return _with_marks(cohort, people, marks, vocabulary, clock), clock
        radios = system_radios(adapter)
        found = await _heard(seats, scan_seconds, radios)
        clock = MachineClock()  # the session begins now, not when the looking for wearables began
        people, source = _seated(seats.wearers(found) if seats else wearers_of(found, known), clock, radios)
        blocks = () if chosen_plan is None else chosen_plan.events()
        scheduled = sorted((*blocks, *marks), key=lambda event: event.at_us)
        return _with_marks(source, people, scheduled, vocabulary, clock), clock

    record_session(
        open_source,
        run=asyncio.run,
        sink=lambda: make_sink(plain=plain, as_json=as_json),
        title=chosen_plan.title if chosen_plan is not None else "Live session",
        archive=archive,
        until_us=min(ends_us, default=None),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Seats:
    """Who was asked for.

    Attributes:
        by_name: wearable's name -> alias.
        remembered: people whose wearable is remembered; it need not be near yet.
    """

    by_name: Mapping[str, str]
    remembered: tuple[Device, ...]

    def __bool__(self) -> bool:
        """Whether anybody was."""
        return bool(self.by_name or self.remembered)

    def wearers(self, found: Sequence[Found]) -> list[Wearer]:
        """Those who were asked for on their wearables; `found` holds every name of `by_name`."""
        from watchlink.sources.ble import Wearer

        by_name = {heard.name: heard for heard in found}
        named = [
            Wearer.of(by_name[name], person=alias, wearable=f"w{number}", profile=profile_of(by_name[name]).id)
            for number, (name, alias) in enumerate(self.by_name.items(), 1)
        ]
        return [
            *named,
            *(_wearer(device, f"w{number}") for number, device in enumerate(self.remembered, len(named) + 1)),
        ]


def wearers_of(found: Sequence[Found], known: Sequence[Device]) -> list[Wearer]:
    """Everybody whose wearable is heard: under the pseudonym that is remembered, else under a number."""
    from watchlink.sources.ble import Wearer

    owner = owners(found, known)
    wearers: list[Wearer] = []
    for number, heard in enumerate(found, 1):
        device = owner.get(heard.device.address)
        if device is None:
            profile = profile_of(heard).id
            wearers.append(Wearer.of(heard, person=f"Person {number}", wearable=f"w{number}", profile=profile))
        else:
            wearers.append(_wearer(device, f"w{number}"))
    return wearers


def _wearer(device: Device, wearable: str) -> Wearer:
    """Somebody whose wearable is remembered: whatever is heard has to prove that it is the one."""
    from watchlink.sources.ble import Wearer

    return Wearer(
        person=device.alias,
        wearable=wearable,
        profile=device.profile,
        name=device.name,
        address=device.address,
        identity=device.identity,
    )


def _parse_seats(texts: list[str], known: Sequence[Device]) -> Seats:
    """What `--seat` says.

    Raises:
        typer.BadParameter: it cannot be understood, or somebody is not remembered, or is seated twice.
    """
    from watchlink.devices import of_alias

    by_name: dict[str, str] = {}
    remembered: list[Device] = []
    for text in texts:
        alias, equals, name = (part.strip() for part in text.partition("="))
        if not alias or (equals and not name):
            raise typer.BadParameter(f'--seat wants a pseudonym, or "alias=wearable\'s name", got {text!r}.')
        if equals:
            by_name[name] = alias
            continue
        device = of_alias(known, alias)
        if device is None:
            who = f"Remembered are: {', '.join(one.alias for one in known)}." if known else "Nobody is yet."
            raise typer.BadParameter(
                f"no wearable is remembered as {alias}'s. {who} Pair it with `watchlink pair --alias {alias}`, or say "
                f'its name: --seat "{alias}=Polar H10 1A2B".'
            )
        remembered.append(device)
    people = [alias.casefold() for alias in (*by_name.values(), *(device.alias for device in remembered))]
    if len(set(people)) < len(people):
        raise typer.BadParameter("--seat names somebody twice; everybody wears one wearable.")
    return Seats(by_name=by_name, remembered=tuple(remembered))


async def _heard(seats: Seats, scan_seconds: float, radios: Sequence[Radio]) -> list[Found]:
    """The wearables near; all that are asked for by their names are among them."""
    from collections import Counter

    from watchlink.clock import MachineClock
    from watchlink.errors import LinkError, LinkFault
    from watchlink.sources.ble import scan

    say(f"Looking for wearables for up to {scan_seconds:g} s ...")
    wanted = {*seats.by_name, *(device.name for device in seats.remembered)}
    clock = MachineClock()
    tried = await asyncio.gather(
        *(scan(clock=clock, seconds=scan_seconds, wanted=wanted, radio=radio) for radio in radios),
        return_exceptions=True,
    )
    faults = [result for result in tried if isinstance(result, BaseException)]
    if len(faults) == len(radios) or any(not isinstance(fault, LinkError) for fault in faults):
        raise faults[0]
    by_address = {found.device.address: found for some in tried if isinstance(some, list) for found in some}
    heard = sorted(by_address.values(), key=lambda found: (found.name, found.device.address))
    for device in seats.remembered:
        if device.name not in {found.name for found in heard}:
            say(f"{not_heard(device)} It is waited for.")
    if not heard and not seats.remembered:
        raise LinkError(NOTHING_FOUND, fault=LinkFault.NOT_FOUND)
    names = Counter(found.name for found in heard)
    missing = [name for name in seats.by_name if name not in names]
    if missing:
        raise LinkError(
            f"Not heard: {', '.join(missing)}. Heard were: {', '.join(names) or 'none'}. "
            "Wake the missing one up, close the phone app that may hold it, and try again.",
            fault=LinkFault.NOT_FOUND,
        )
    twins = [name for name in seats.by_name if names[name] > 1]
    if twins:
        raise LinkError(
            f"More than one wearable near is called {', '.join(twins)}, so nobody can tell whose is whose. "
            "Switch the others off, or leave --seat out: then each is seated under a number of its own.",
            fault=LinkFault.NOT_FOUND,
        )
    return heard


def _seated(wearers: Sequence[Wearer], clock: Clock, radios: Sequence[Radio]) -> tuple[list[str], BleSource]:
    """The wearables on their people."""
    from watchlink.sources.ble import BleSource

    return [wearer.person for wearer in wearers], BleSource(wearers, clock=clock, radios=radios)


def _virtual(count: int, seed: int, plan: Plan, clock: Clock) -> tuple[list[str], VirtualCohort]:
    from watchlink.sources.virtual.cohort import VirtualCohort
    from watchlink.sources.virtual.practice import practice

    session = practice(plan=plan, people=count, seed=seed)
    return [person.person for person in session.people], VirtualCohort(session, clock=clock)


def _with_marks(
    source: BleSource | VirtualCohort,
    people: list[str],
    scheduled: Iterable[SessionEvent],
    vocabulary: Vocabulary,
    clock: Clock,
) -> Source:
    """A source with what is known to happen, and what will be typed, beside it."""
    from watchlink.sources.events import TypedMarks
    from watchlink.sources.merged import MergedSource
    from watchlink.sources.replay import ReplaySource

    orders = {"release": source.give_up, "seek": source.take_up}
    typed = TypedMarks(sys.stdin, clock=clock, people=people, vocabulary=vocabulary, complain=say, orders=orders)
    return MergedSource(source, ReplaySource(scheduled, clock=clock), typed)
