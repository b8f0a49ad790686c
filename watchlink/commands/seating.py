"""Who takes part, on which wearable: what `--seat` says, what is remembered, what is heard, what is made up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from watchlink.commands.nearby import NOTHING_FOUND, not_heard, owners, profile_of
from watchlink.commands.running import say

if TYPE_CHECKING:
    from watchlink.clock import Clock
    from watchlink.devices import Device
    from watchlink.session import Plan
    from watchlink.sources.ble import BleSource, Found, Radio, Wearer
    from watchlink.sources.desk import Order
    from watchlink.sources.virtual.cohort import VirtualCohort

SeatOption = Annotated[
    list[str] | None,
    typer.Option(
        "--seat",
        help='Who takes part: Heron, if that wearable was paired, or "Heron=Polar H10 1A2B"; once a person. Else '
        "everybody whose wearable is heard.",
    ),
]
ScanOption = Annotated[float, typer.Option(min=0.5, max=600, help="How long to look for wearables.")]
VirtualOption = Annotated[int | None, typer.Option(min=1, max=8, help="Use so many virtual wearables instead.")]
SeedOption = Annotated[int, typer.Option(help="Of the virtual wearables.")]
AdapterOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Only this Bluetooth adapter (Linux); else all there are share the work."),
]
MinutesOption = Annotated[float | None, typer.Option(min=0.01, max=24 * 60, help="End after this long.")]


def prepare_filters() -> None:
    """Load now what the first beat would wait for: while the loop waits, nobody's reports are taken and dated."""
    from dsp.heart_rate import filter_delay_s

    filter_delay_s()


async def wearables_near(
    seats: Seats,
    known: Sequence[Device],
    *,
    adapter: str | None,
    scan_seconds: float,
    going_on: Clock | None = None,
) -> tuple[list[str], BleSource, Clock]:
    """The people, their wearables as a source, and the clock of the session, which begins once they are found.

    `going_on` is the clock of a session that has begun long ago and is taken up again.
    """
    from watchlink.clock import MachineClock
    from watchlink.sources.ble import system_radios

    prepare_filters()
    radios = system_radios(adapter)
    found = await heard_near(seats, scan_seconds, radios)
    clock = going_on or MachineClock()  # the session begins now, not when the looking for wearables began
    people, source = seated(seats.wearers(found) if seats else wearers_of(found, known), clock, radios)
    return people, source, clock


def link_orders(source: BleSource | VirtualCohort, people: Sequence[str]) -> dict[str, Order]:
    """What can be said at the desk about a person's link."""
    from watchlink.session import parse_person

    def release(rest: str) -> str:
        person = parse_person(rest, people)
        source.give_up(person)
        return f"{person}'s wearable is let go"

    def seek(rest: str) -> str:
        person = parse_person(rest, people)
        source.take_up(person)
        return f"{person}'s wearable is sought"

    return {"release": release, "seek": seek}


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


def parse_seats(texts: list[str], known: Sequence[Device]) -> Seats:
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
            if name in by_name:
                raise typer.BadParameter(f"--seat gives {name} to {by_name[name]} and to {alias}.")
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


async def heard_near(seats: Seats, scan_seconds: float, radios: Sequence[Radio]) -> list[Found]:
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


def seated(wearers: Sequence[Wearer], clock: Clock, radios: Sequence[Radio]) -> tuple[list[str], BleSource]:
    """The wearables on their people."""
    from watchlink.sources.ble import BleSource

    return [wearer.person for wearer in wearers], BleSource(wearers, clock=clock, radios=radios)


def cohort_of(people: Sequence[str], seed: int, plan: Plan, clock: Clock) -> VirtualCohort:
    """Virtual wearables for these people, whose hearts follow the plan; nothing is marked for them."""
    from watchlink.sources.virtual.cohort import VirtualCohort
    from watchlink.sources.virtual.practice import practice

    session = practice(plan=plan, people=len(people), seed=seed, aliases=people)
    return VirtualCohort(session, clock=clock, marked=False)


def virtual_cohort(count: int, seed: int, plan: Plan, clock: Clock) -> tuple[list[str], VirtualCohort]:
    """So many virtual people in a session of this plan, and their wearables as a source."""
    from watchlink.sources.virtual.cohort import VirtualCohort
    from watchlink.sources.virtual.practice import practice

    session = practice(plan=plan, people=count, seed=seed)
    return [person.person for person in session.people], VirtualCohort(session, clock=clock)
