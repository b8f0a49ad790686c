"""The wearables that this computer remembers: whose each is, and how it is known again.

Strategy: one small JSON file that a person can read, written as a whole beside the old one and then put in its place,
so that a reader, a crash or a second program meets the old file or the new one, never half of one. It says whose
wearable is whose, so only its owner may read it. A file that cannot be understood is left as it is: it may hold what
somebody wants back.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeVar

from watchlink.errors import DevicesFileError
from watchlink.readings import Grade
from watchlink.unit_audit import RrUnitVerdict

T = TypeVar("T")

_VERSION: Final = 1
_VERSION_KEY: Final = "watchlink_devices"
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
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise DevicesFileError(
            f"{path} cannot be read: {error.strerror}. Check the path and its permissions."
        ) from error
    try:
        return _parsed(text)
    except _NewerError as error:
        raise DevicesFileError(
            f"{path} was written by a newer watchlink ({error}). Update watchlink; the file was left as it is."
        ) from error
    except (ValueError, RecursionError) as error:
        raise DevicesFileError(
            f"{path}, where remembered wearables are kept, cannot be understood: {error}. It was left as it is. "
            "Mend it, or move it away and pair the wearables again."
        ) from error


def save_devices(path: Path, devices: Iterable[Device]) -> None:
    """Put these in the place of all that were remembered.

    Raises:
        DevicesFileError: it cannot be written; what was there before is still there.
    """
    record = {_VERSION_KEY: _VERSION, "devices": [_record(device) for device in in_order(devices)]}
    text = json.dumps(record, indent=2) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path.resolve(), text.encode())
    except OSError as error:
        raise DevicesFileError(
            f"{path} cannot be written: {error.strerror}. Check the path, its permissions and the space on the disk."
        ) from error


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


def _replace(path: Path, content: bytes) -> None:
    """Write a file as a whole: mkstemp makes it readable by its owner alone."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


class _NewerError(ValueError):
    """A version of the file that this program does not know."""


def _parsed(text: bytes) -> tuple[Device, ...]:
    try:
        whole: Any = json.loads(text)
    except ValueError as error:
        raise ValueError("it is no JSON") from error
    record = _object(whole, "the file")
    version = record.get(_VERSION_KEY)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ValueError(f"{_VERSION_KEY} is missing")
    if version > _VERSION:
        raise _NewerError(f"version {version}")
    entries: Any = record.get("devices")
    if not isinstance(entries, list):
        raise ValueError("devices is no list")
    devices: list[Device] = []
    for number, entry in enumerate(_each(entries), 1):
        try:
            devices.append(_device(_object(entry, "it")))
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
    alias = _text(record, "alias")
    if (fault := alias_fault(alias)) is not None:
        raise ValueError(f"alias: {fault.rstrip('.')}")
    tested = _object(record.get("tested"), "tested")
    good_pct: Any = tested.get("good_pct")
    if not isinstance(good_pct, int) or isinstance(good_pct, bool) or not 0 <= good_pct <= 100:
        raise ValueError("good_pct is no whole number from 0 to 100")
    return Device(
        alias=alias,
        profile=_text(record, "profile"),
        name=_text(record, "name"),
        identity=_text_or_none(record, "identity"),
        address=_text_or_none(record, "address"),
        paired_on=_converted(record, "paired_on", date.fromisoformat),
        tested=LastTest(
            grade=None if tested.get("grade") is None else _converted(tested, "grade", Grade),
            rr_unit=_converted(tested, "rr_unit", RrUnitVerdict),
            good_pct=good_pct,
        ),
    )


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is no JSON object")
    return value  # pyright: ignore[reportUnknownVariableType]


def _each(values: Any) -> Sequence[Any]:
    """A list of whatever, for the type checker."""
    sequence: Sequence[Any] = values
    return sequence


def _text(record: dict[str, Any], key: str) -> str:
    value = record.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key} is not a text")
    return value


def _text_or_none(record: dict[str, Any], key: str) -> str | None:
    return None if record.get(key) is None else _text(record, key)


def _converted(record: dict[str, Any], key: str, convert: Callable[[str], T]) -> T:
    text = _text(record, key)
    try:
        return convert(text)
    except ValueError as error:
        raise ValueError(f"{key} {text!r} is not valid") from error
