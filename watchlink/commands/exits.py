"""Exit codes, in one place."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Final, ParamSpec

from watchlink.errors import (
    ArchiveError,
    CaptureError,
    CohortsFileError,
    ConsentError,
    DevicesFileError,
    ExportError,
    LinkError,
    LinkFault,
    SessionFileError,
    WatchlinkError,
)

P = ParamSpec("P")

FAILURE: Final = 1
USAGE: Final = 2
NO_BLUETOOTH: Final = 3
NOT_FOUND: Final = 4
NO_RR: Final = 5
CONSENT: Final = 6
POOR: Final = 7
FILE: Final = 8
INTERRUPTED: Final = 130

_FILE_ERRORS: Final = (
    CaptureError,
    ArchiveError,
    CohortsFileError,
    SessionFileError,
    DevicesFileError,
    ExportError,
)
_NOT_FOUND_FAULTS: Final = frozenset({LinkFault.NOT_FOUND, LinkFault.UNREACHABLE, LinkFault.NO_HEART_RATE})


def ends_with_its_reader(command: Callable[P, None]) -> Callable[P, None]:
    """A command whose output goes into a pipe that nobody reads any more is done: it ends quietly and well."""

    @wraps(command)
    def run(*arguments: P.args, **options: P.kwargs) -> None:
        try:
            command(*arguments, **options)
            sys.stdout.flush()
        except BrokenPipeError:
            # The interpreter flushes once more on its way out; let it flush into nothing.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    return run


def exit_code(error: WatchlinkError) -> int:
    """The exit code of an error."""
    if isinstance(error, LinkError):
        return NOT_FOUND if error.fault in _NOT_FOUND_FAULTS else NO_BLUETOOTH
    if isinstance(error, _FILE_ERRORS):
        return FILE
    return CONSENT if isinstance(error, ConsentError) else FAILURE
