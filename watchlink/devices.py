"""The wearables that this computer remembers: whose each is, and how it is known again.

It says whose wearable is whose, so only its owner may read it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

from watchlink.errors import DevicesFileError
from watchlink.json_file import JsonFile, a_list, a_text, a_text_or_none, an_object, converted
from watchlink.readings import Grade
from watchlink.unit_audit import RrUnitVerdict

_FILE: Final = JsonFile(
    key="watchlink_devices",
    version=1,
    holds="where remembered wearables are kept",
    otherwise="pair the wearables again",
    error=DevicesFileError,
)
_LONGEST_ALIAS: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class LastTest:
    """What the last test of a wearable has shown.

    Attributes:
        grade: None if too little came to tell.
        rr_unit: the verdict of the unit audit.
        good_pct: share of what should have come that came and was good, 0..100.
    """

    grade: Grade | None
    rr_unit: RrUnitVerdict
    good_pct: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A remembered wearable.

    Attributes:
        alias: pseudonym of the person who wears it.
        profile: id of its firmware profile.
        name: as it advertises.
        identity: proof of which one it is, see `sources.ble.identity.identity_of`; None if it has no serial number.
        address: where it was last met; a hint, and nobody's to see.
        paired_on: when it was paired.
        tested: its last test.
    """

    alias: str
    profile: str
    name: str
    identity: str | None = field(default=None, repr=False)
    address: str | None = field(default=None, repr=False)
    paired_on: date
    tested: LastTest

    def is_same_wearable(self, other: Device) -> bool:
        """Whether both are one thing, as far as it can be known."""
        if self.identity is not None and other.identity is not None:
            return self.identity == other.identity
        return self.address is not None and self.address == other.address


def alias_fault(alias: str) -> str | None:
    """Why this cannot be anybody's pseudonym; None if it can."""
    if not alias.strip():
        return "A pseudonym needs at least one letter."
    if alias != alias.strip() or not alias.isprintable() or "=" in alias:
        return "A pseudonym is a plain word or two: no equals sign, no control characters."
    if len(alias) > _LONGEST_ALIAS:
        return f"A pseudonym has at most {_LONGEST_ALIAS} letters."
    return None


def of_alias(devices: Iterable[Device], alias: str) -> Device | None:
    """The wearable of this person, however the pseudonym is capitalised."""
    return next((device for device in devices if device.alias.casefold() == alias.casefold()), None)


def load_devices(path: Path) -> tuple[Device, ...]:
    """All remembered wearables, by alias; none if there is no file yet.

    Raises:
        DevicesFileError: the file cannot be read or understood; names it and what to do.
    """
    return _FILE.load(path, _parsed) or ()


def save_devices(path: Path, devices: Iterable[Device]) -> None:
    """Put these in the place of all that were remembered.

    Raises:
        DevicesFileError: it cannot be written; what was there before is still there.
    """
    _FILE.save(path, {"devices": [_record(device) for device in in_order(devices)]})


def remembered(devices: Iterable[Device], new: Device) -> tuple[Device, ...]:
    """These and the new one, in the place of what its person wore before and of what was known of the same wearable."""
    others = [
        device
        for device in devices
        if device.alias.casefold() != new.alias.casefold() and not device.is_same_wearable(new)
    ]
    return in_order((*others, new))


def in_order(devices: Iterable[Device]) -> tuple[Device, ...]:
    """By alias."""
    return tuple(sorted(devices, key=lambda device: (device.alias.casefold(), device.alias)))


def _parsed(record: dict[str, Any]) -> tuple[Device, ...]:
    devices: list[Device] = []
    for number, entry in enumerate(a_list(record, "devices"), 1):
        try:
            devices.append(_device(an_object(entry, "it")))
        except ValueError as error:
            raise ValueError(f"wearable {number}: {error}") from error
    if len({device.alias.casefold() for device in devices}) < len(devices):
        raise ValueError("two wearables have the same alias")
    return in_order(devices)


def _record(device: Device) -> dict[str, Any]:
    return {
        "alias": device.alias,
        "profile": device.profile,
        "name": device.name,
        "identity": device.identity,
        "address": device.address,
        "paired_on": device.paired_on.isoformat(),
        "tested": {
            "grade": device.tested.grade,
            "rr_unit": device.tested.rr_unit,
            "good_pct": device.tested.good_pct,
        },
    }


def _device(record: dict[str, Any]) -> Device:
    alias = a_text(record, "alias")
    if (fault := alias_fault(alias)) is not None:
        raise ValueError(f"alias: {fault.rstrip('.')}")
    tested = an_object(record.get("tested"), "tested")
    good_pct: Any = tested.get("good_pct")
    if not isinstance(good_pct, int) or isinstance(good_pct, bool) or not 0 <= good_pct <= 100:
        raise ValueError("good_pct is no whole number from 0 to 100")
    return Device(
        alias=alias,
        profile=a_text(record, "profile"),
        name=a_text(record, "name"),
        identity=a_text_or_none(record, "identity"),
        address=a_text_or_none(record, "address"),
        paired_on=converted(record, "paired_on", date.fromisoformat),
        tested=LastTest(
            grade=None if tested.get("grade") is None else converted(tested, "grade", Grade),
            rr_unit=converted(tested, "rr_unit", RrUnitVerdict),
            good_pct=good_pct,
        ),
    )
