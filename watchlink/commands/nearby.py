"""What the commands that look for wearables share: where they listen, and what was heard in words.

Strategy: they listen to this computer's Bluetooth or to a virtual air; nothing but `Air` knows which. A virtual air is
made anew each time it is opened and lives on a clock of its own, so that time does not pass in it while a person thinks
about a question.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from watchlink.commands.profiles import will_give

if TYPE_CHECKING:
    from firmware_profiles.profiles import Profile
    from watchlink.clock import Clock
    from watchlink.devices import Device
    from watchlink.sources.ble import Found, Radio

VirtualOption = Annotated[
    int | None, typer.Option(min=1, max=8, help="Try it on so many virtual wearables, without a watch.")
]
SeedOption = Annotated[int, typer.Option(help="Of the virtual wearables: the same seed gives the same ones.")]
SpeedOption = Annotated[
    float, typer.Option(min=0.1, max=1e6, help="Pace of the virtual wearables: 1 is as fast as real ones.")
]
ScanSecondsOption = Annotated[float, typer.Option(min=0.5, max=600, help="How long to listen for wearables.")]
DevicesOption = Annotated[
    Path | None,
    typer.Option("--devices", help="The file of remembered wearables.", show_default="in your data folder"),
]

JsonOption = Annotated[bool, typer.Option("--json", help="As JSON, one wearable a line.")]

NOTHING_FOUND: Final = (
    "No wearable that broadcasts heart rate was heard. Switch on heart rate broadcasting on the watch, or put the "
    "strap on (it wakes on skin), close the phone app that may hold it, and try again."
)
NO_NAME: Final = "(no name)"
_CHECK_S: Final = 0.2
_STRONG_DBM: Final = -65
_FAIR_DBM: Final = -80


@dataclass(frozen=True, slots=True, kw_only=True)
class Air:
    """Where to listen.

    Attributes:
        virtual: how many virtual wearables; None for this computer's Bluetooth.
        seed: of the virtual wearables.
        speed: pace of the virtual wearables.
    """

    virtual: int | None = None
    seed: int = 1
    speed: float = 1.0

    def new_clock(self) -> Clock:
        """A clock for one go of listening or connecting."""
        from watchlink.clock import MachineClock, VirtualClock, utc_now

        if self.virtual is None:
            return MachineClock()
        return VirtualClock(started_at=utc_now(), speed=self.speed)

    def check(self) -> None:
        """Find out whether one can listen at all, before a person is asked to do anything.

        Raises:
            LinkError: Bluetooth cannot be used.
        """
        from watchlink.sources import ble

        clock = self.new_clock()

        async def main() -> None:
            async with self.open(clock) as radio:
                await ble.scan(clock=clock, seconds=_CHECK_S, radio=radio)

        clock.run(main())

    @asynccontextmanager
    async def open(self, clock: Clock) -> AsyncGenerator[Radio]:
        """The radio with which to listen and to connect."""
        if self.virtual is None:
            from watchlink.sources.ble import Radio

            yield Radio()
            return
        from watchlink.session import default_plan
        from watchlink.sources.virtual.air import VirtualAir
        from watchlink.sources.virtual.practice import practice

        session = practice(plan=default_plan(), people=self.virtual, seed=self.seed)
        async with VirtualAir([person.wearable for person in session.people], clock=clock) as air:
            yield air.radio


@dataclass(slots=True, kw_only=True)
class Nearby:
    """A wearable as a person is told of it; `found` None: it was not heard.

    Attributes:
        name: as advertised, or as remembered.
        profile: what it is taken for.
        found: when it was heard last.
        signal_dbm: strength of its signal, smoothed so that the words stand still.
        remembered: as whose.
        connected_here: a program on this computer holds it.
    """

    name: str
    profile: Profile
    found: Found | None = field(default=None, repr=False)
    signal_dbm: float | None = None
    remembered: Device | None = None
    connected_here: bool = False

    @property
    def model(self) -> str | None:
        """Maker and model; None where they are not known."""
        return model_of(self.profile)

    @property
    def gives(self) -> str:
        """What it will probably give, in words."""
        return will_give(
            rr=self.profile.rr, sensing=self.profile.sensing, heart_rate_service=self.profile.heart_rate_service
        )

    @property
    def signal(self) -> str:
        """Strength of its signal in words."""
        if self.signal_dbm is None:
            return "not heard"
        if self.signal_dbm >= _STRONG_DBM:
            return "strong"
        return "fair" if self.signal_dbm >= _FAIR_DBM else "weak: come closer"

    @property
    def taken(self) -> str:
        """Whose it is and who holds it, in words; empty if nobody is known."""
        words = [f"{self.remembered.alias}'s"] if self.remembered is not None else []
        if self.connected_here:
            words.append("in use on this computer")
        return ", ".join(words)


def devices_path(chosen: Path | None) -> Path:
    """Where remembered wearables are kept: where the person said, else in the platform's own folder for data."""
    if chosen is not None:
        return chosen
    from platformdirs import user_data_path

    return user_data_path("watchlink", appauthor=False) / "devices.json"


def model_of(profile: Profile) -> str | None:
    """Maker and model; None for the generic profile."""
    from firmware_profiles.profiles import GENERIC_ID

    return None if profile.id == GENERIC_ID else f"{profile.maker} {profile.model}"


def thing(device: Device) -> str:
    """What a remembered wearable is called in a sentence."""
    from firmware_profiles.profiles import load_profiles

    profile = load_profiles().get(device.profile)
    return (None if profile is None else model_of(profile)) or device.name or "wearable"


def profile_of(found: Found) -> Profile:
    """What a wearable is taken for by its advertisement."""
    from firmware_profiles.profiles import profile_for

    return profile_for(name=found.name, manufacturer_ids=found.manufacturer_ids)


def owners(found: Sequence[Found], devices: Iterable[Device]) -> dict[str, Device]:
    """Whose each wearable is, by its address, as far as an advertisement tells.

    The address that is known decides. A name does where only one remembered and only one heard wearable can be meant:
    whether it is the one is proven when it is connected, where it has a serial number.
    """
    by_address = {device.address: device for device in devices if device.address is not None}
    owner = {one.device.address: by_address[one.device.address] for one in found if one.device.address in by_address}
    sought = [device for device in devices if device not in owner.values()]
    strangers = [one for one in found if one.device.address not in owner]
    for one in strangers:
        namesakes = [device for device in sought if device.name == one.name]
        if one.name and len(namesakes) == 1 and sum(other.name == one.name for other in strangers) == 1:
            owner[one.device.address] = namesakes[0]
    return owner


def not_heard(device: Device) -> str:
    """What to do about a remembered wearable that was not heard."""
    return (
        f"{device.alias}'s {thing(device)} was not heard: put it on, and close the phone app that may hold it. "
        "A watch has to broadcast its heart rate."
    )
