"""Exit codes, in one place."""

from __future__ import annotations

from typing import Final

from watchlink.errors import ArchiveError, CaptureError, LinkError, LinkFault, SessionFileError, WatchlinkError

FAILURE: Final = 1
NO_BLUETOOTH: Final = 3
NOT_FOUND: Final = 4
FILE: Final = 8
INTERRUPTED: Final = 130

_NOT_FOUND_FAULTS: Final = frozenset({LinkFault.NOT_FOUND, LinkFault.UNREACHABLE, LinkFault.NO_HEART_RATE})


def exit_code(error: WatchlinkError) -> int:
    """The exit code of an error."""
    if isinstance(error, LinkError):
        return NOT_FOUND if error.fault in _NOT_FOUND_FAULTS else NO_BLUETOOTH
    if isinstance(error, CaptureError | ArchiveError | SessionFileError):
        return FILE
    return FAILURE
