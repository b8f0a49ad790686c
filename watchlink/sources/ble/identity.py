"""Whose wearable is that? Telling an advertisement's owner, and never giving one person another's heart.

Strategy: an address is a hint only: watches change theirs, macOS makes them up. A name is shared by every watch of a
model. The serial number, where a wearable has one, is proof, and it can be asked for once connected; it is kept as a
digest, for it names a thing that somebody owns. So: the address that is known wins at once. A name alone is followed
at once where the serial number will prove it. Without that proof it is followed only if it carries digits of its own
("Polar H10 1A2B3C4D"), nobody else in the session has a wearable of that name, and only one is heard, after the known
address has stayed away for a while. "Forerunner 255" under a new address may be anybody's: then nothing is recorded.
(Where no address is known at all, the name is what somebody asked for, and it will do.)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

# How long the known address must have stayed away before a lone wearable of the same name is taken for it, unproven.
AWAY_US: Final = 10_000_000
_LEAST_SERIAL: Final = 4
# Four or more hexadecimal digits at the end, at least one of them a figure: part of a serial number.
_OWN_DIGITS: Final = re.compile(r"[ :_-](?=[A-F]*[0-9])[0-9A-F]{4,}$", re.IGNORECASE)


@dataclass(slots=True, kw_only=True, eq=False)
class Known:
    """What is known of one wearable of a session, and changes as more is learnt.

    Attributes:
        name: as it advertises.
        address: where it was last met; None if never.
        identity: digest of its serial number, see `identity_of`; None if not known.
        strangers: addresses that turned out to be another wearable's.
    """

    name: str
    address: str | None = field(default=None, repr=False)
    identity: str | None = None
    strangers: set[str] = field(default_factory=set[str], repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One wearable heard while listening: its name, its address, and since when and until when it is being heard."""

    name: str
    address: str = field(repr=False)
    first_us: int
    last_us: int


def identity_of(*, profile: str, serial_number: bytes) -> str | None:
    """Proof of which wearable it is: a digest of profile and serial number.

    None for one that is empty, very short or one character over and over: makers leave such where a number should be.
    """
    text = serial_number.strip(b"\x00 ")
    if len(text) < _LEAST_SERIAL or len(set(text)) == 1:
        return None
    return hashlib.sha256(profile.encode() + b"\x00" + text).hexdigest()[:32]


def is_meant(known: Known, *, name: str, address: str, everybody: Iterable[Known]) -> bool:
    """Whether a wearable that this computer is connected with is the one that is `known`.

    By its address; where none is known yet, by a name that nobody else of `everybody` has.
    """
    if known.address is not None:
        return known.address == address
    if not name or address in known.strangers:
        return False
    return [one for one in everybody if one.name == name or one.address == address] == [known]


def owner_of(
    heard: Heard, *, everybody: Sequence[Known], seeking: Iterable[Known], all_heard: Iterable[Heard], now_us: int
) -> Known | None:
    """Who of those that are `seeking` may try this wearable; None if nobody, or if it cannot be told.

    `now_us` and the times in `Heard` are on one axis; `all_heard` is what was heard of late, `heard` among it.
    """
    seeking = tuple(seeking)
    for known in everybody:
        if known.address == heard.address:
            return known if known in seeking else None
    if not heard.name:
        return None
    namesakes = [known for known in everybody if known.name == heard.name]
    candidates = [known for known in namesakes if known in seeking and heard.address not in known.strangers]
    proofs = [known.identity for known in everybody]
    for known in candidates:
        if known.identity is not None and proofs.count(known.identity) == 1:  # else the maker gives all the same number
            return known  # whether it is the one will be proven
    if len(namesakes) != 1 or not candidates:
        return None
    if candidates[0].address is not None and not _OWN_DIGITS.search(heard.name):
        return None
    same_name = {one.address for one in all_heard if one.name == heard.name and now_us - one.last_us < AWAY_US}
    if same_name != {heard.address} or now_us - heard.first_us < AWAY_US:
        return None
    return candidates[0]
