"""One maker's TOML file to profiles; every fault in it is told with file, wearable, key and reason.

Strategy: each key is read once and its fault noted, with a harmless value in its place, so that a person who adds a
watch sees all faults at once. No profile is made of a file that has any. What a fact leaves open is filled in here: the
distrustful default, the advice that holds for every strap or every watch, and how a virtual one behaves.
"""

from __future__ import annotations

import re
import tomllib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any, Final, TypeVar, cast

from firmware_profiles.facts import (
    Fact,
    FactStatus,
    FactValue,
    HeartRateService,
    Pairing,
    Platform,
    Profile,
    RrAvailability,
    RrUnit,
    Sensing,
    VirtualBehaviour,
)
from firmware_profiles.gatt import BodySensorLocation
from firmware_profiles.matching import best_matches

SERIAL: Final = "{serial}"

_ID: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_SOME_SERIAL: Final = "0042"
_MOST_LETTERS: Final = 60
_DEFAULT_MIN_RR_MS: Final = 250.0
# A heart-rate service sends once a second: so many in a row are missing only if something is wrong.
_DEFAULT_STALL_S: Final = 6.0

_STEPS: Final[Mapping[Sensing, tuple[str, ...]]] = {
    Sensing.ELECTRICAL: (
        "Wet the two patches on the inside of the strap with water.",
        "Put it round your chest, just below the chest muscles, snug against the skin. It wakes up by itself.",
        "Close the apps on your phone that may be using it.",
    ),
    Sensing.OPTICAL: (
        "Wear it snug on the skin: a watch a finger's width above the wrist bone, an arm band round the forearm.",
        "Look in its settings for broadcasting or sharing heart rate, and switch that on.",
        "Close the app on your phone that belongs to it.",
    ),
    Sensing.UNKNOWN: (
        "Look in its settings for broadcasting or sharing heart rate, and switch that on.",
        "Close the app on your phone that belongs to it.",
    ),
}
_STEPS_INSTEAD: Final = ("Wear a chest strap, or another watch or band that can broadcast heart rate.",)
_IF_POOR: Final[Mapping[Sensing, tuple[str, ...]]] = {
    Sensing.ELECTRICAL: (
        "Wet the patches of the strap again.",
        "Pull the strap a little tighter: both patches have to lie flat on the skin.",
    ),
    Sensing.OPTICAL: (
        "Wear it a little tighter and further up the arm.",
        "Warm your hands: a pulse under cold skin is hard to see.",
    ),
    Sensing.UNKNOWN: ("Check that it sits snug on the skin.",),
}

E = TypeVar("E", bound=StrEnum)
V = TypeVar("V", bound=FactValue)


class ProfileFault(ValueError):
    """Profile files break the schema; each of `faults` names file, wearable, key and reason."""

    def __init__(self, faults: Sequence[str]) -> None:
        """Keep the faults apart; the message has one a line."""
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


def parse_profiles(content: str | bytes, *, file: str) -> tuple[Profile, ...]:
    """The wearables of one maker's file.

    Raises:
        ProfileFault: it is no text in UTF-8, no TOML, or breaks the schema; holds every fault found.
    """
    faults: list[str] = []
    profiles = _profiles(content, file, faults)
    faults += [f"{file}: {fault}" for fault in clashes(profiles)]
    if faults:
        raise ProfileFault(faults)
    return profiles


def clashes(profiles: Sequence[Profile]) -> list[str]:
    """What makes these profiles ambiguous as a set: each one has to be found by its names, and only by them."""
    faults: list[str] = []
    ids = [profile.id for profile in profiles]
    faults += [f"{name}: id is used twice" for name in sorted({name for name in ids if ids.count(name) > 1})]
    makers_of: dict[int, str] = {}
    models_of: dict[tuple[str, str], str] = {}
    for profile in profiles:
        if profile.dis_model is not None:
            maker = "" if profile.dis_manufacturer is None else profile.dis_manufacturer.pattern
            other = models_of.setdefault((maker, profile.dis_model.pattern), profile.id)
            if other != profile.id:
                faults.append(f"{profile.id}: dis_model is that of {other} too")
        if profile.manufacturer_id is not None:
            other = makers_of.setdefault(profile.manufacturer_id, profile.id)
            if other != profile.id:
                faults.append(f"{profile.id}: manufacturer_id is that of {other} too: one entry may stand for a maker")
        if profile.name_pattern is None:
            continue
        for name in dict.fromkeys((profile.virtual.name, *profile.names)):
            matched = best_matches(profiles, name=name.replace(SERIAL, _SOME_SERIAL))
            others = [other.id for other in matched if other.id != profile.id]
            if others:
                faults.append(f"{profile.id}: name {name!r} is matched by {', '.join(others)} as well or better")
    return faults


def _profiles(content: str | bytes, file: str, faults: list[str]) -> tuple[Profile, ...]:
    try:
        document = tomllib.loads(content if isinstance(content, str) else content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        faults.append(f"{file}: is no text in UTF-8: byte {error.start} cannot be read")
        return ()
    except (ValueError, RecursionError) as error:
        faults.append(f"{file}: is no TOML: {error}")
        return ()
    root = _Table(document, where=file, faults=faults)
    maker = root.text("maker")
    wearables = root.take("wearable", list)
    if wearables == []:
        root.fault("wearable", "is missing: write [[wearable]] above each one's keys")
    profiles: list[Profile] = []
    for table in wearables or ():
        if not isinstance(table, dict):
            root.fault("wearable", "is no table: write [[wearable]] above each one's keys")
            continue
        fields = cast("dict[str, Any]", table)
        known = len(faults)
        profile = _profile(_Table(fields, where=f"{file}: {_called(fields)}", faults=faults), maker)
        if len(faults) == known:
            profiles.append(profile)
    root.nothing_left()
    return tuple(profiles)


def _called(fields: Mapping[str, Any]) -> str:
    identity = fields.get("id")
    return identity if isinstance(identity, str) and identity else "a wearable without id"


def _told(value: Any) -> str:
    """What somebody wrote, short enough for a message; Python refuses to write huge numbers out."""
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}..."


def _profile(table: _Table, maker: str) -> Profile:
    identity = table.text("id")
    if identity and not _ID.fullmatch(identity):
        table.fault("id", f"must be small letters, digits and single hyphens, is {_told(identity)}")
    facts = _Facts(table)
    names = facts.texts("names")
    name_pattern = _pattern_of(names, table) or table.pattern("name_pattern")
    for name in names:
        _check_name(table, "names", name, name_pattern)
    dis_manufacturer, dis_model = table.pattern("dis_manufacturer"), table.pattern("dis_model")
    if dis_manufacturer is not None and dis_model is None:
        table.fault("dis_manufacturer", "says nothing without dis_model")
    service = facts.choice("heart_rate_service", HeartRateService, HeartRateService.UNKNOWN)
    why_not = facts.text("why_not")
    if (service is HeartRateService.NO) != bool(why_not):
        table.fault("why_not", 'belongs to heart_rate_service "no", and only to it')
    sensing = facts.choice("sensing", Sensing, Sensing.UNKNOWN)
    rr = facts.choice("rr", RrAvailability, RrAvailability.UNKNOWN)
    rr_unit = facts.choice("rr_unit", RrUnit, RrUnit.AUDIT)
    contact_reliable = facts.truth("contact_reliable")
    model = table.text("model")
    profile = Profile(
        id=identity,
        maker=maker,
        model=model,
        names=names,
        name_pattern=name_pattern,
        manufacturer_id=table.whole("manufacturer_id", None, least=0, most=0xFFFF)
        if table.has("manufacturer_id")
        else None,
        dis_manufacturer=dis_manufacturer,
        dis_model=dis_model,
        heart_rate_service=service,
        why_not=why_not,
        sensing=sensing,
        rr=rr,
        rr_unit=rr_unit,
        min_rr_ms=facts.number("min_rr_ms", _DEFAULT_MIN_RR_MS, least=0, most=2000),
        contact_reliable=contact_reliable,
        links=facts.whole("links", 1, least=1, most=10),
        pairing=facts.choice("pairing", Pairing, Pairing.UNKNOWN),
        stall_s=facts.number("stall_s", _DEFAULT_STALL_S, least=2, most=60),
        participant_steps=facts.texts("participant_steps")
        or (_STEPS_INSTEAD if service is HeartRateService.NO else _STEPS[sensing]),
        if_poor=facts.texts("if_poor") or _IF_POOR[sensing],
        notes=facts.texts("notes"),
        platform_notes=_platform_notes(table),
        facts=facts.found,
        virtual=_virtual(
            table,
            name=names[0] if names else f"{model} {SERIAL}",
            name_pattern=name_pattern,
            sensing=sensing,
            rr=rr,
            rr_unit=rr_unit,
            reports_contact=contact_reliable,
        ),
    )
    table.nothing_left()
    return profile


def _platform_notes(table: _Table) -> Mapping[Platform, Fact]:
    notes = table.table("platform_notes")
    facts = _Facts(notes)
    for platform in Platform:
        facts.text(platform)
    notes.nothing_left()
    return {Platform(key): fact for key, fact in facts.found.items()}


def _virtual(
    table: _Table,
    *,
    name: str,
    name_pattern: re.Pattern[str] | None,
    sensing: Sensing,
    rr: RrAvailability,
    rr_unit: RrUnit,
    reports_contact: bool,
) -> VirtualBehaviour:
    """How a virtual one behaves: as the facts suggest, unless the entry says otherwise."""
    virtual = table.table("virtual")
    name = virtual.text("name", name)
    _check_name(virtual, "name", name, name_pattern)
    electrical, optical = sensing is Sensing.ELECTRICAL, sensing is Sensing.OPTICAL
    rough = optical and rr is not RrAvailability.NO
    location = virtual.text("body_sensor_location", "chest" if electrical else "", may_be_empty=True)
    places = {place.name.lower().replace("_", " "): place for place in BodySensorLocation}
    if location and location not in places:
        virtual.fault("body_sensor_location", f"must be one of {', '.join(places)}, is {_told(location)}")
    behaviour = VirtualBehaviour(
        name=name,
        body_sensor_location=places.get(location),
        reports_contact=virtual.truth("reports_contact", default=reports_contact),
        contact_lies=virtual.truth("contact_lies", default=False),
        sends_rr=virtual.truth("sends_rr", default=rr is not RrAvailability.NO),
        rr_unit=RrUnit.MILLISECONDS if rr_unit is RrUnit.MILLISECONDS else RrUnit.TICKS,
        rate_smoothing_s=virtual.number("rate_smoothing_s", 8.0 if optical else 3.0, least=0.1, most=60),
        rr_noise_ms=virtual.number("rr_noise_ms", 8.0 if rough else 0.0, least=0, most=200),
        rr_smoothing_beats=virtual.whole(
            "rr_smoothing_beats", 4 if rr is RrAvailability.UNRELIABLE else 1, least=1, most=20
        ),
        bogus_rr_ticks=virtual.whole("bogus_rr_ticks", 0, least=0, most=0xFFFF),
        drops_beats_pct=virtual.number("drops_beats_pct", 6.0 if rough else 0.0, least=0, most=100),
        repeats_reports_pct=virtual.number("repeats_reports_pct", 0.0, least=0, most=100),
    )
    virtual.nothing_left()
    return behaviour


def _pattern_of(names: Iterable[str], table: _Table) -> re.Pattern[str] | None:
    """A pattern for exactly these names, unless the entry brings its own."""
    if not names or table.has("name_pattern"):
        return None
    ways: list[str] = []
    for name in names:
        head = name.partition(SERIAL)[0]
        glued = SERIAL in name and re.search(r"\w$", head)
        head = head if glued else head.rstrip(" :-_")
        if not head:
            table.fault("names", f"holds {name!r}, which says nothing about the wearable")
            return None
        ways.append(re.escape(head) + ("" if glued else r"(?!\w)"))
    return re.compile(f"^(?:{'|'.join(ways)})", re.IGNORECASE)


def _check_name(table: _Table, key: str, name: str, pattern: re.Pattern[str] | None) -> None:
    if "{" in name.replace(SERIAL, "") or "}" in name.replace(SERIAL, ""):
        table.fault(key, f"holds {name!r}: the only thing in braces may be {SERIAL}")
    elif pattern is not None and not pattern.search(name.replace(SERIAL, _SOME_SERIAL)):
        table.fault(key, f"holds {name!r}, which name_pattern does not match")


class _Table:
    """One table of the file, read key by key so that every fault can be named."""

    def __init__(self, table: Mapping[str, Any], *, where: str, faults: list[str]) -> None:
        self._left = dict(table)
        self._where = where
        self._faults = faults

    def fault(self, key: str, reason: str) -> None:
        self._faults.append(f"{self._where}: {key} {reason}")

    def has(self, key: str) -> bool:
        return key in self._left

    def nothing_left(self) -> None:
        for key in self._left:
            self.fault(key, "is not known")

    def take(self, key: str, kind: type[Any], default: Any = None) -> Any:
        """The value under `key`; None, and a fault, where it is missing or of another kind."""
        if key not in self._left:
            if default is None:
                self.fault(key, "is missing")
            return default
        value = self._left.pop(key)
        if type(value) is kind or (kind is float and type(value) is int):
            return value
        self.fault(key, f"must be {_KIND_NAMES[kind]}, is {_told(value)}")
        return default

    def opened(self, key: str) -> _Table | None:
        """The table under `key`, if there is one."""
        table: dict[str, Any] | None = self.take(key, dict) if self.has(key) else None
        return None if table is None else self._inner(key, table)

    def table(self, key: str) -> _Table:
        """The table under `key`; where it is left out, an empty one."""
        return self.opened(key) or self._inner(key, {})

    def _inner(self, key: str, table: dict[str, Any]) -> _Table:
        return _Table(table, where=f"{self._where}.{key}", faults=self._faults)

    def text(self, key: str, default: str | None = None, *, may_be_empty: bool = False) -> str:
        value: str | None = self.take(key, str, default)
        if value is not None and not value.strip() and not may_be_empty:
            self.fault(key, "is empty")
        return value or ""

    def texts(self, key: str) -> tuple[str, ...]:
        values = self.take(key, list)
        if values is None:
            return ()
        texts = tuple(value for value in values if isinstance(value, str) and value.strip())
        if not texts or len(texts) < len(values):
            self.fault(key, "must be a list of texts, none of them empty")
        return texts

    def truth(self, key: str, *, default: bool | None = None) -> bool:
        return bool(self.take(key, bool, default))

    def number(self, key: str, default: float | None, *, least: float, most: float) -> float:
        value: float | None = self.take(key, float, default)
        return least if value is None or not self._in_range(key, value, least, most) else float(value)

    def whole(self, key: str, default: int | None, *, least: int, most: int) -> int:
        value: int | None = self.take(key, int, default)
        return least if value is None or not self._in_range(key, value, least, most) else value

    def pattern(self, key: str) -> re.Pattern[str] | None:
        if not self.has(key):
            return None
        written = self.text(key)
        if not written:
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # what Python doubts today it may read otherwise tomorrow
                pattern = re.compile(written, re.IGNORECASE)
        except (re.error, OverflowError, RecursionError, Warning) as error:
            self.fault(key, f"is no regular expression: {error}")
            return None
        if pattern.search(""):
            self.fault(key, "matches everything, even what has no name")
            return None
        return pattern

    def choice(self, key: str, choices: type[E]) -> E | None:
        said = self.take(key, str)
        if said is None:
            return None
        try:
            return choices(said)
        except ValueError:
            self.fault(key, f"must be one of {', '.join(choices)}, is {_told(said)}")
            return None

    def day(self, key: str) -> date | None:
        value: date | None = self.take(key, date)
        return value

    def _in_range(self, key: str, value: float, least: float, most: float) -> bool:
        if least <= value <= most:
            return True
        self.fault(key, f"must be {least:g} to {most:g}, is {_told(value)}")
        return False


_KIND_NAMES: Final[Mapping[type[Any], str]] = {
    str: "a text in quotes",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list: [[wearable]] above each wearable's keys, or texts in [ ]",
    dict: 'a table, for a fact { value = ..., source = "...", status = "...", checked_on = ... }',
    date: "a day such as 2026-11-23, without quotes",
}


class _Facts:
    """The facts of one table: each has a value, and why it is believed."""

    def __init__(self, table: _Table) -> None:
        self._table = table
        self.found: dict[str, Fact] = {}

    def choice(self, key: str, choices: type[E], default: E) -> E:
        fact = self._open(key)
        value = None if fact is None else fact.choice("value", choices)
        return self._close(key, fact, value, default)

    def text(self, key: str) -> str:
        fact = self._open(key)
        return self._close(key, fact, None if fact is None else fact.text("value"), "")

    def texts(self, key: str) -> tuple[str, ...]:
        fact = self._open(key)
        value: tuple[str, ...] | None = None if fact is None else fact.texts("value")
        return self._close(key, fact, value, ())

    def truth(self, key: str) -> bool:
        fact = self._open(key)
        return self._close(key, fact, None if fact is None else fact.truth("value"), default=False)

    def number(self, key: str, default: float, *, least: float, most: float) -> float:
        fact = self._open(key)
        value = None if fact is None else fact.number("value", None, least=least, most=most)
        return self._close(key, fact, value, default)

    def whole(self, key: str, default: int, *, least: int, most: int) -> int:
        fact = self._open(key)
        value = None if fact is None else fact.whole("value", None, least=least, most=most)
        return self._close(key, fact, value, default)

    def _open(self, key: str) -> _Table | None:
        return self._table.opened(key)

    def _close(self, key: str, fact: _Table | None, value: V | None, default: V) -> V:
        """Read why the value is believed; keep it as a fact."""
        if fact is None:
            return default
        source = fact.text("source")
        status = fact.choice("status", FactStatus)
        checked_on = fact.day("checked_on")
        fact.nothing_left()
        if value is not None and status is not None and checked_on is not None:
            self.found[key] = Fact(value=value, source=source, status=status, checked_on=checked_on)
        return default if value is None else value
