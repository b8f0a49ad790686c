"""The JSON Schema of one line of `--json`: made from the types themselves, so that it cannot fall behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import Enum, IntEnum
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from dsp import LEVEL_PCT, Interval, Intervals
from watchlink.packets import Attribute, EventKind, LinkState, Meaning
from watchlink.readings import KINDS, PARTS

_TEXT: Final = {"type": "string"}
_WHOLE: Final = {"type": "integer"}
_NUMBER: Final = {"type": "number"}
_INTERVAL: Final = {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2}
_EVENT: Final[Mapping[str, Any]] = {
    "label": _TEXT,
    "person": {"type": ["string", "null"]},
    "note": _TEXT,
    "ago_us": _WHOLE,
    "meaning": {"enum": [*Meaning]},
}


def stream_schema() -> dict[str, Any]:
    """Every sort of line; which one it is stands in `type`."""
    lines = [_line(word, _of_type(kind)) for kind, word in KINDS.items()]
    lines += [_line(word, properties) for word, properties in _OTHERS.items()]
    lines.append(_line("correction", {"at_us": _WHOLE, "of_us": _WHOLE, "kind": {"const": None}}))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "One line of what watchlink prints with --json while a session runs",
        "description": "Units are in the names: _us, _ms, _s, _bpm, _pct; rr_ticks are in 1/1024 s.",
        "oneOf": lines,
    }


_OTHERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "seat": {"at_us": _WHOLE, "person": _TEXT, "wearable": _TEXT, "profile": _TEXT},
    "attribute": {"at_us": _WHOLE, "wearable": _TEXT, "attribute": {"enum": [*Attribute]}, "payload": _TEXT},
    "link": {"at_us": _WHOLE, "wearable": _TEXT, "state": {"enum": [*LinkState]}, "reason": _TEXT},
    "event": {"at_us": _WHOLE, "kind": {"enum": [*EventKind]}, **_EVENT},
    "correction": {"at_us": _WHOLE, "of_us": _WHOLE, "kind": {"enum": [*EventKind]}, **_EVENT},
    "sharing": {"at_us": _WHOLE, "person": _TEXT, "purposes": _TEXT, "wording": _TEXT},
    "plan": {"at_us": _WHOLE, "text": _TEXT, "week": {"type": ["integer", "null"]}},
    "extension": {"at_us": _WHOLE, "by_us": _WHOLE},
    "association": {
        "person": _TEXT,
        "onset_s": _NUMBER,
        "rank": _WHOLE,
        "event_at_us": _WHOLE,
        "event_label": _TEXT,
        "lag_s": _NUMBER,
        "by_luck": _NUMBER,
    },
    "answer": {"done": {"type": "boolean"}, "words": _TEXT, "advice": _TEXT},
    "receipt": {"lines": {"type": "array", "items": _TEXT}, "code": _WHOLE},
}


def _line(word: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"type": {"const": word}, **properties},
        "required": ["type", *properties],
        "additionalProperties": False,
    }


def _of_type(kind: type[Any]) -> dict[str, Any]:
    """The fields of a record; those of its parts beside them."""
    hints = get_type_hints(kind)
    properties: dict[str, Any] = {}
    for field in fields(kind):
        hint = hints[field.name]
        if hint in PARTS:
            properties |= _of_type(hint)
        elif hint is Intervals:
            metrics = {one.name: _nullable(_INTERVAL) for one in fields(Intervals)}
            properties[f"intervals_{LEVEL_PCT}_pct"] = {
                "type": "object",
                "properties": metrics,
                "required": list(metrics),
                "additionalProperties": False,
            }
        else:
            properties[field.name] = _schema(hint)
    return properties


def _schema(hint: Any) -> dict[str, Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        (rest,) = (one for one in arguments if one is not NoneType)
        return _nullable(_schema(rest))
    if origin is tuple:
        return {"type": "array", "items": _schema(arguments[0])}
    if origin is not None:  # a mapping of texts to texts
        return {"type": "object", "additionalProperties": _schema(arguments[1])}
    if hint is Interval:
        return _INTERVAL
    if issubclass(hint, IntEnum):
        return {"enum": [one.name.lower().replace("_", " ") for one in hint]}
    if issubclass(hint, Enum):
        return {"enum": [one.value for one in hint]}
    return {bool: {"type": "boolean"}, int: _WHOLE, float: _NUMBER, str: _TEXT}[hint]


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}
