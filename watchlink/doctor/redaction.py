"""Taking out of a text what tells whose computer or wearable it is about.

Strategy: rather too much than too little. Two sorts are taken out: what is known here by name (wearables, this person,
this computer, the home folder) and what shows itself by its form (Bluetooth addresses and UUIDs in any spelling, other
people's home folders, long runs of hexadecimal digits, which are digests, serial numbers or payloads). Everything is
replaced in one pass, so that no placeholder is taken for something to replace. It knows nothing of this computer
itself: what is private is given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

# The same separator all through, so that a date and a time beside each other are no address.
_ADDRESS: Final = r"[0-9a-f]{1,2}(?P<s>[:_\-. ])(?:[0-9a-f]{1,2}(?P=s)){4,}[0-9a-f]+"
_DOTTED_ADDRESS: Final = r"(?:[0-9a-f]{4}[.:\-]){2}[0-9a-f]{4}"
_UUID: Final = r"[0-9a-f]{8}(?:[-_ ]?[0-9a-f]{4}){3}[-_ ]?[0-9a-f]{12}"
_LONG_HEX: Final = r"[0-9a-f]{12,}"
_HOMES: Final = r"(?:/home/|/users/|[a-z]:[\\/]+users[\\/]+)[^\\/\s\"']+"


@dataclass(frozen=True, slots=True, kw_only=True)
class Private:
    """What is known to tell whose it is.

    Attributes:
        home: the home folder.
        user: the name to log in with.
        host: the computer's name.
        wearables: names that wearables advertise.
    """

    home: str
    user: str
    host: str
    wearables: tuple[str, ...] = ()


def redacted(text: str, private: Private) -> str:
    """The text with placeholders for everything private."""
    words = (
        ("wearable", sorted(map(re.escape, filter(None, private.wearables)), key=len, reverse=True)),
        ("home", [_path(private.home)] if len(private.home) > 1 else []),
        ("homes", [_HOMES]),
        ("uuid", [_UUID]),
        ("address", [_ADDRESS, _DOTTED_ADDRESS]),
        ("hex", [_LONG_HEX]),
        ("host", _whole_words([private.host, private.host.partition(".")[0]])),
        ("user", _whole_words([private.user])),
    )
    pattern = "|".join(f"(?P<{name}>{'|'.join(patterns)})" for name, patterns in words if patterns)
    return re.sub(f"(?i){pattern}", lambda found: _PLACEHOLDERS[str(found.lastgroup)], text)


_PLACEHOLDERS: Final = {
    "wearable": "<wearable>",
    "home": "<home>",
    "homes": "<home>",
    "uuid": "<address>",
    "address": "<address>",
    "s": "<address>",
    "hex": "<digits>",
    "host": "<computer>",
    "user": "<user>",
}


def _path(path: str) -> str:
    """A folder with slashes of either sort."""
    return r"[\\/]+".join(re.escape(part) for part in re.split(r"[\\/]+", path.rstrip("\\/")))


def _whole_words(words: Iterable[str]) -> list[str]:
    """Not within a longer word, else a person called Al would take the middle out of "all"; "_" joins no word."""
    return [rf"(?<![^\W_]){re.escape(word)}(?![^\W_])" for word in dict.fromkeys(words) if word]
