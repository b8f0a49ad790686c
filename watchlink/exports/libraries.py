"""Libraries of other people that only some formats need: loaded when they are, and named when they are missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from watchlink.errors import MissingLibraryError


def library(module: str, *, extra: str, what: str) -> Any:
    """A module of an optional dependency; without types, because it may not be there.

    Args:
        module: its name.
        extra: of ours, that brings it.
        what: is written with it, for the message.

    Raises:
        MissingLibraryError: it is not installed; says how to install it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingLibraryError(f"Writing {what} needs a library more: pip install 'watchlink[{extra}]'.") from error
