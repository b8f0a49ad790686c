"""What people and wearables call things, made fit for a screen."""

from __future__ import annotations


def shown(text: str) -> str:
    """A foreign text that cannot steer a terminal: control characters, escapes and direction marks are replaced."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
