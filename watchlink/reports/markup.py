"""Elements of HTML and SVG as text in which everything foreign is escaped.

Strategy: `Markup` is a type of its own and only `tag`, `told` and `joined` make it, so the type checker sees a text
that was not escaped. A template engine would bring its language and a dependency for two functions.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final, NewType

from watchlink.texts import one_line

Markup = NewType("Markup", str)

NOTHING: Final = Markup("")
_VOID: Final = frozenset({"meta", "br"})


def told(text: str) -> Markup:
    """A text as people typed it, on one line, unable to open an element or to turn the direction of reading."""
    return Markup(escape(one_line(text)))


def joined(parts: Iterable[Markup]) -> Markup:
    """Elements after each other."""
    return Markup("".join(parts))


def tag(name: str, /, *content: Markup, **attributes: str | float) -> Markup:
    """An element; an attribute that is a Python keyword takes a trailing underscore, other underscores become hyphens.

    Whole numbers and fractions are written with at most two digits after the point: a hundredth of a pixel.
    """
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"' for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{written}>")
    return Markup(f"<{name}{written}>{joined(content)}</{name}>")


def _value(value: str | float) -> str:
    return escape(one_line(value)) if isinstance(value, str) else number(value)


def number(value: float) -> str:
    """A coordinate: at most two digits after the point, no negative zero."""
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")
