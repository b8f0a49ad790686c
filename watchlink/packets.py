"""What a session is made of: packets, in the order in which they arrived. Everything else is computed from them.

Strategy: raw is exact. Times are whole microseconds on the session's axis, payloads are the bytes that were received. A
packet names a wearable by a key that means something in this session only ("w3"), never by an address. `Seat` says who
wears it. The dictionary form below is the one codec for captures and the archive.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias, TypeVar


class LinkState(StrEnum):
    """Where a wearable's link stands."""

    SEEKING = "seeking"
    """It is listened for."""
    CONNECTING = "connecting"
    SUBSCRIBING = "subscribing"
    """Connected; the heart rate is being asked for."""
    SUBSCRIBED = "subscribed"
    """The heart rate was asked for; nothing has come yet."""
    STREAMING = "streaming"
    """Data flows."""
    STALLED = "stalled"
    """The link stands, and data has stopped."""
    LOST = "lost"
    """The link is gone; what the wearable could not send is gone with it."""
    BACKING_OFF = "backing off"
    """The next attempt waits."""
    GIVEN_UP = "given up"
    """By hand: nothing is tried any more."""


class DiscardReason(StrEnum):
    """Why bytes that arrived are no notification."""

    DUPLICATE = "duplicate"
    """The same bytes as just before, sooner than a sensor repeats itself: the radio's doing."""
    LATE = "late"
    """They came from a link that was over already."""


class Attribute(StrEnum):
    """GATT characteristics that are read beside the heart rate. The value is the characteristic's name in the log."""

    BATTERY_LEVEL = "battery_level"
    BODY_SENSOR_LOCATION = "body_sensor_location"
    MANUFACTURER_NAME = "manufacturer_name"
    MODEL_NUMBER = "model_number"
    FIRMWARE_REVISION = "firmware_revision"


class EventKind(StrEnum):
    """What sort of thing happened in the session."""

    BLOCK = "block"
    """A block of the plan began; the label is its kind."""
    ROLE = "role"
    """A person took a role; the label is one of `Role`."""
    MARK = "mark"
    NOTE = "note"
    """Words to remember, in `note`; no moment that a rise could belong to."""


class Purpose(StrEnum):
    """What a person may let others see, each switched on by itself."""

    HEART_RATE = "heart-rate"
    """The heart rate against the person's own usual."""
    RISES = "rises"
    """Heart rate rises: when, how large, how fast they settled."""
    HRV = "hrv"
    """Heart rate variability, where the grade and the block allow it."""
    RAW = "raw"
    """Every report and interval as it was sent."""


class Role(StrEnum):
    """What a person does in a role-play."""

    SPEAKER = "speaker"
    """Practises: it is their turn to talk. Who spoke before does so no longer."""
    LISTENER = "listener"
    """Is talked to, for instance as the customer."""
    OBSERVER = "observer"


_ROLES: Final = frozenset(Role)


class Meaning(StrEnum):
    """What a marked moment says about a heart rate rise beside it."""

    PRACTICE = "practice"
    """It is of the practice: the rise may belong to it."""
    BODY = "body"
    """The body moved (stood up, coughed, a break): that explains the rise."""
    TROUBLE = "trouble"
    """The technique failed: the rise may be none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """From here on `person` (a pseudonym) wears `wearable`, whose firmware is described by `profile`."""

    at_us: int
    person: str
    wearable: str
    profile: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One Heart Rate Measurement as it arrived: the bytes, untouched."""

    at_us: int
    wearable: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Discarded:
    """Bytes that arrived and must not count as a notification, with the reason. Kept, so that it can be looked into."""

    at_us: int
    wearable: str
    payload: bytes
    reason: DiscardReason


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeRead:
    """One value read from a wearable: the bytes, untouched."""

    at_us: int
    wearable: str
    attribute: Attribute
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChange:
    """The link of a wearable changed, and why."""

    at_us: int
    wearable: str
    state: LinkState
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEvent:
    """Something happened in the room: a block of the plan began, a person took a role, a moment was marked.

    `at_us` is when it was entered; it happened `ago_us` before. `person` None means everybody (or, for a speaker,
    nobody).
    """

    at_us: int
    kind: EventKind
    label: str
    person: str | None = None
    note: str = ""
    ago_us: int = 0
    meaning: Meaning = Meaning.PRACTICE

    def __post_init__(self) -> None:
        """A role is one of `Role`.

        Raises:
            ValueError: it is not.
        """
        if self.kind is EventKind.ROLE and self.label not in _ROLES:
            raise ValueError(f"label {self.label!r} is none of {', '.join(Role)}")

    @property
    def happened_us(self) -> int:
        """When it happened, on the session's axis."""
        return self.at_us - self.ago_us


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What was entered at `of_us` is taken back; `now` (entered at the same instant) stands instead, if anything does.

    The event itself stays in the log as it was entered.
    """

    at_us: int
    of_us: int
    now: SessionEvent | None = None

    def __post_init__(self) -> None:
        """The instant at which it was entered is what an event is known by, so that it cannot change.

        Raises:
            ValueError: `now` was entered at another instant.
        """
        if self.now is not None and self.now.at_us != self.of_us:
            raise ValueError("what stands instead must keep the instant of the entry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """From here on `person` lets others see `purposes` and nothing else.

    `wording` names the words that the person agreed to: version and digest; see `consent.wording`.
    """

    at_us: int
    person: str
    purposes: frozenset[Purpose]
    wording: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """From here on the session follows this plan: the text of its file, so that the log can be read without it.

    `week` of the programme, from 1; None where nobody said.
    """

    at_us: int
    text: str
    week: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfReport:
    """What `person` said of themself: `answer` to `item` ("sleep": "6", "rating-before": "7"). For nobody else."""

    at_us: int
    person: str
    item: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """The block that runs lasts so much longer (or shorter, below 0) than planned."""

    at_us: int
    by_us: int


Packet: TypeAlias = (
    Seat
    | Notification
    | Discarded
    | AttributeRead
    | LinkChange
    | SessionEvent
    | Correction
    | Sharing
    | Planned
    | SelfReport
    | Extension
)
E = TypeVar("E", bound=StrEnum)
Record: TypeAlias = Mapping[str, str | int | None]

_KINDS: Final[Mapping[type[Packet], str]] = {
    Seat: "seat",
    Notification: "notification",
    Discarded: "discarded",
    AttributeRead: "attribute",
    LinkChange: "link",
    SessionEvent: "event",
    Correction: "correction",
    Sharing: "sharing",
    Planned: "plan",
    SelfReport: "self_report",
    Extension: "extension",
}
# The kind of an event before there were other roles.
_SPEAKER_KIND: Final = "speaker"


def kind_of(packet: Packet) -> str:
    """The word that names this sort of packet in a capture and in the archive."""
    return _KINDS[type(packet)]


def to_record(packet: Packet) -> dict[str, str | int | None]:
    """A packet as plain JSON values: `at_us`, `type`, then its fields; bytes in hexadecimal."""
    head: dict[str, str | int | None] = {"at_us": packet.at_us, "type": kind_of(packet)}
    match packet:
        case Notification():
            head |= {"wearable": packet.wearable, "payload": packet.payload.hex()}
        case Discarded():
            head |= {"wearable": packet.wearable, "payload": packet.payload.hex(), "reason": packet.reason}
        case AttributeRead():
            head |= {"wearable": packet.wearable, "attribute": packet.attribute, "payload": packet.payload.hex()}
        case LinkChange():
            head |= {"wearable": packet.wearable, "state": packet.state, "reason": packet.reason}
        case Seat():
            head |= {"person": packet.person, "wearable": packet.wearable, "profile": packet.profile}
        case SessionEvent():
            head |= _event_record(packet)
        case Correction():
            head |= {"of_us": packet.of_us}
            head |= {"kind": None} if packet.now is None else _event_record(packet.now)
        case Sharing():
            purposes = " ".join(purpose for purpose in Purpose if purpose in packet.purposes)
            head |= {"person": packet.person, "purposes": purposes, "wording": packet.wording}
        case Planned():
            head |= {"text": packet.text, "week": packet.week}
        case SelfReport():
            head |= {"person": packet.person, "item": packet.item, "answer": packet.answer}
        case Extension():
            head |= {"by_us": packet.by_us}
    return head


def _event_record(event: SessionEvent) -> dict[str, str | int | None]:
    return {
        "kind": event.kind,
        "label": event.label,
        "person": event.person,
        "note": event.note,
        "ago_us": event.ago_us,
        "meaning": event.meaning,
    }


def to_json(packet: Packet) -> str:
    """A packet as one line of JSON, in ASCII: whatever a person typed can be stored."""
    return json.dumps(to_record(packet))


def from_json(text: str | bytes) -> Packet:
    """The packet that `to_json` was given.

    Raises:
        ValueError: the text is no JSON object, or breaks what `from_record` asks for.
    """
    try:
        record: dict[str, Any] | None = json.loads(text)  # or whatever else stands there
    except (ValueError, RecursionError) as error:
        raise ValueError("no valid JSON") from error
    if not isinstance(record, dict):
        raise ValueError("not a JSON object")
    return from_record(record)


def from_record(record: Record) -> Packet:
    """The packet that `to_record` was given.

    Raises:
        ValueError: a field is missing, of the wrong type, or outside its range; the message names it.
    """
    at_us = _microseconds(record, "at_us")
    match record.get("type"):
        case "notification":
            return Notification(at_us=at_us, wearable=_text(record, "wearable"), payload=_octets(record))
        case "discarded":
            reason = _choice(record, "reason", DiscardReason)
            return Discarded(at_us=at_us, wearable=_text(record, "wearable"), payload=_octets(record), reason=reason)
        case "attribute":
            attribute = _choice(record, "attribute", Attribute)
            return AttributeRead(
                at_us=at_us, wearable=_text(record, "wearable"), attribute=attribute, payload=_octets(record)
            )
        case "link":
            state = _choice(record, "state", LinkState)
            return LinkChange(
                at_us=at_us, wearable=_text(record, "wearable"), state=state, reason=_text(record, "reason")
            )
        case "seat":
            return Seat(
                at_us=at_us,
                person=_text(record, "person"),
                wearable=_text(record, "wearable"),
                profile=_text(record, "profile"),
            )
        case "event":
            return _event(record, at_us)
        case "correction":
            of_us = _microseconds(record, "of_us")
            now = None if record.get("kind") is None else _event(record, of_us)
            return Correction(at_us=at_us, of_us=of_us, now=now)
        case "sharing":
            return Sharing(
                at_us=at_us,
                person=_text(record, "person"),
                purposes=_purposes(record),
                wording=_text(record, "wording"),
            )
        case "plan":
            week = None if record.get("week") is None else _whole(record, "week")
            return Planned(at_us=at_us, text=_text(record, "text"), week=week)
        case "self_report":
            return SelfReport(
                at_us=at_us, person=_text(record, "person"), item=_text(record, "item"), answer=_text(record, "answer")
            )
        case "extension":
            return Extension(at_us=at_us, by_us=_microseconds(record, "by_us"))
        case other:
            raise ValueError(f"unknown type {other!r}")


def _event(record: Record, at_us: int) -> SessionEvent:
    kind = EventKind.ROLE if record.get("kind") == _SPEAKER_KIND else _choice(record, "kind", EventKind)
    return SessionEvent(
        at_us=at_us,
        kind=kind,
        label=_text(record, "label"),
        person=None if record.get("person") is None else _text(record, "person"),
        note=_text(record, "note"),
        ago_us=_microseconds(record, "ago_us") if "ago_us" in record else 0,
        meaning=_choice(record, "meaning", Meaning) if "meaning" in record else Meaning.PRACTICE,
    )


def _microseconds(record: Record, key: str) -> int:
    return _whole(record, key, "whole number of microseconds")


def _whole(record: Record, key: str, what: str = "whole number") -> int:
    value = record.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{key} is not a {what}")
    return value


def _text(record: Record, key: str) -> str:
    value = record.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{key} is not a text")
    return value


def _choice(record: Record, key: str, choices: type[E]) -> E:
    text = _text(record, key)
    try:
        return choices(text)
    except ValueError as error:
        raise ValueError(f"{key} {text!r} is none of {', '.join(choices)}") from error


def _purposes(record: Record) -> frozenset[Purpose]:
    words = _text(record, "purposes").split()
    return frozenset(_choice({"purposes": word}, "purposes", Purpose) for word in words)


def _octets(record: Record) -> bytes:
    try:
        return bytes.fromhex(_text(record, "payload"))
    except ValueError as error:
        raise ValueError("payload is not hexadecimal") from error
