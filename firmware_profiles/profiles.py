"""What each wearable's firmware really does: facts with their sources, read from one TOML file per maker.

Strategy: a person who knows a watch can add it without Python. Every fact states where it is from, how well it is known
and when it was looked up; a fact that nobody knows is left out, and the generic profile, which trusts nothing, stands
in for it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, Final, TypeVar, cast

from firmware_profiles.gatt import BodySensorLocation

GENERIC_ID: Final = "generic"

E = TypeVar("E", bound=StrEnum)


class ProfileFault(ValueError):
    """A profile file breaks the schema; the message names file, wearable, key and reason."""


class Sensing(StrEnum):
    """How the wearable sees the heart."""

    ELECTRICAL = "electrical"
    OPTICAL = "optical"
    UNKNOWN = "unknown"


class RrAvailability(StrEnum):
    """Whether RR intervals come in the standard characteristic."""

    YES = "yes"
    NO = "no"
    UNRELIABLE = "unreliable"
    """Intervals come, but are smoothed or wrong: not to be used."""
    UNKNOWN = "unknown"


class FactStatus(StrEnum):
    """How well a fact is known."""

    READ = "read"
    MEASURED = "measured"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing known about a wearable, and why it is believed."""

    value: str | int | float | bool
    source: str
    status: FactStatus
    checked_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualBehaviour:
    """How a virtual wearable of this kind behaves. A model, not a claim about the product.

    Attributes:
        name: what it advertises; `{serial}` stands for four digits of its own.
        body_sensor_location: what it says it is worn on; None if it does not offer the characteristic.
        reports_contact: whether it supports the contact bits.
        sends_rr: whether it sends intervals.
        rate_smoothing_s: time constant of the heart rate that it reports.
        rr_noise_ms: standard deviation of the error of each interval's end.
        rr_smoothing_beats: intervals averaged into one before sending (1 = none).
        drops_beats_pct: share of beats that it fails to see while the hand moves or the person talks.
    """

    name: str
    body_sensor_location: BodySensorLocation | None
    reports_contact: bool
    sends_rr: bool
    rate_smoothing_s: float
    rr_noise_ms: float
    rr_smoothing_beats: int
    drops_beats_pct: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One wearable.

    Attributes:
        id: short name used in logs and settings.
        maker, model: as a person knows them.
        name_pattern: regular expression that an advertised name matches, or None.
        sensing, rr: what to expect of the signal.
        min_rr_ms: shorter intervals are firmware faults, in ms.
        contact_reliable: whether the contact bits may be believed.
        facts: every fact by its key, with source, status and date.
        virtual: how to imitate it.
    """

    id: str
    maker: str
    model: str
    name_pattern: re.Pattern[str] | None
    sensing: Sensing
    rr: RrAvailability
    min_rr_ms: float
    contact_reliable: bool
    facts: Mapping[str, Fact]
    virtual: VirtualBehaviour


def load_profiles() -> Mapping[str, Profile]:
    """All profiles that ship, by id; read once.

    Raises:
        ProfileFault: a file breaks the schema.
    """
    return _shipped()


def profile_for_name(name: str) -> Profile:
    """The profile whose pattern an advertised name matches, else the generic one."""
    profiles = load_profiles()
    for profile in profiles.values():
        if profile.name_pattern is not None and profile.name_pattern.search(name):
            return profile
    return profiles[GENERIC_ID]


@cache
def _shipped() -> Mapping[str, Profile]:
    profiles: dict[str, Profile] = {}
    for entry in sorted(resources.files("firmware_profiles").iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".toml"):
            for profile in parse_profiles(entry.read_text(encoding="utf-8"), file=entry.name):
                if profile.id in profiles:
                    raise ProfileFault(f"{entry.name}: id {profile.id!r} is used twice")
                profiles[profile.id] = profile
    return profiles


def parse_profiles(text: str, *, file: str) -> Iterator[Profile]:
    """The wearables of one maker's file.

    Raises:
        ProfileFault: the text is no TOML or breaks the schema; names `file`, wearable, key and reason.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileFault(f"{file}: {error}") from error
    maker = document.pop("maker", None)
    if not isinstance(maker, str) or not maker:
        raise ProfileFault(f"{file}: maker is missing or not a text")
    wearables: list[Any] | None = document.pop("wearable", None)  # or whatever else stands there
    if document:
        raise ProfileFault(f"{file}: {next(iter(document))} is not known")
    if not isinstance(wearables, list) or not wearables:
        raise ProfileFault(f"{file}: wearable is missing or no list: write [[wearable]] above each one's keys")
    for table in wearables:
        if not isinstance(table, dict):
            raise ProfileFault(f"{file}: wearable is no table: write [[wearable]] above each one's keys")
        fields = cast("dict[str, Any]", table)
        yield _Table(fields, where=f"{file}: {fields.get('id', 'a wearable without id')}").profile(maker)


class _Table:
    """One `[[wearable]]` table, read key by key so that a fault can be named."""

    def __init__(self, table: dict[str, Any], *, where: str) -> None:
        self._left = dict(table)
        self._where = where

    def profile(self, maker: str) -> Profile:
        facts: dict[str, Fact] = {}
        pattern = self._take("name_pattern", str, default="")
        try:
            name_pattern = re.compile(pattern, re.IGNORECASE) if pattern else None
        except re.error as error:
            raise self._fault("name_pattern", f"is no regular expression: {error}") from error
        profile = Profile(
            id=self._take("id", str),
            maker=maker,
            model=self._take("model", str),
            name_pattern=name_pattern,
            sensing=self._choice(facts, "sensing", Sensing, Sensing.UNKNOWN),
            rr=self._choice(facts, "rr", RrAvailability, RrAvailability.UNKNOWN),
            min_rr_ms=float(self._fact(facts, "min_rr_ms", (int, float), 250)),
            contact_reliable=bool(self._fact(facts, "contact_reliable", (bool,), default=False)),
            facts=facts,
            virtual=self._virtual(),
        )
        if self._left:
            raise self._fault(next(iter(self._left)), "is not known")
        return profile

    def _virtual(self) -> VirtualBehaviour:
        table = _Table(self._take("virtual", dict), where=f"{self._where}.virtual")
        location = table._take("body_sensor_location", str, default="")
        try:
            body_sensor_location = BodySensorLocation[location.upper().replace(" ", "_")] if location else None
        except KeyError as error:
            raise table._fault("body_sensor_location", f"{location!r} is none of the standard's places") from error
        behaviour = VirtualBehaviour(
            name=table._take("name", str),
            body_sensor_location=body_sensor_location,
            reports_contact=table._take("reports_contact", bool),
            sends_rr=table._take("sends_rr", bool),
            rate_smoothing_s=table._take("rate_smoothing_s", float),
            rr_noise_ms=table._take("rr_noise_ms", float, default=0.0),
            rr_smoothing_beats=table._take("rr_smoothing_beats", int, default=1),
            drops_beats_pct=table._take("drops_beats_pct", float, default=0.0),
        )
        if table._left:
            raise table._fault(next(iter(table._left)), "is not known")
        return behaviour

    def _take(self, key: str, kind: type[Any], *, default: Any = None) -> Any:
        value = self._left.pop(key, default)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self._fault(key, "is missing" if value is None else f"must be a {kind.__name__}, is {value!r}")
        return value

    def _choice(self, facts: dict[str, Fact], key: str, choices: type[E], default: E) -> E:
        value = self._fact(facts, key, (str,), default.value)
        try:
            return choices(value)
        except ValueError as error:
            raise self._fault(key, f"must be one of {', '.join(choices)}, is {value!r}") from error

    def _fact(self, facts: dict[str, Fact], key: str, kinds: tuple[type[Any], ...], default: Any) -> Any:
        if key not in self._left:
            return default
        table = _Table(self._take(key, dict), where=f"{self._where}.{key}")
        value = table._left.pop("value", None)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise table._fault("value", "is missing or of the wrong type")
        said = table._take("status", str)
        try:
            status = FactStatus(said)
        except ValueError as error:
            raise table._fault("status", f"must be one of {', '.join(FactStatus)}") from error
        facts[key] = Fact(
            value=value,
            source=table._source(),
            status=status,
            checked_on=table._take("checked_on", date),
        )
        if table._left:
            raise table._fault(next(iter(table._left)), "is not known")
        return value

    def _source(self) -> str:
        source: str = self._take("source", str)
        if not source.strip():
            raise self._fault("source", "is empty: say where the fact is from")
        return source

    def _fault(self, key: str, reason: str) -> ProfileFault:
        return ProfileFault(f"{self._where}: {key} {reason}")
