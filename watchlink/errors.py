"""Everything that can go wrong and that a person should read about: what happened, where, and what to do next."""

from __future__ import annotations

from enum import StrEnum


class WatchlinkError(Exception):
    """Root of all errors meant for a person; its text is a whole sentence that says what to do."""


class LinkFault(StrEnum):
    """Why the radio cannot be used or a wearable cannot be reached: a closed list that a screen can act on."""

    NO_ADAPTER = "no adapter"
    POWERED_OFF = "powered off"
    NO_PERMISSION = "no permission"
    NO_SERVICE = "no Bluetooth service"
    NOT_FOUND = "not found"
    UNREACHABLE = "unreachable"
    NO_SLOT = "no connection left"
    NO_HEART_RATE = "no heart rate service"
    NOT_PAIRED = "not paired"
    FAILED = "failed when asked"
    OTHER = "other"


class LinkError(WatchlinkError):
    """Bluetooth or a wearable is out of reach."""

    def __init__(self, message: str, *, fault: LinkFault) -> None:
        """Keep the closed reason beside the sentence."""
        super().__init__(message)
        self.fault = fault


class CaptureError(WatchlinkError):
    """A capture file is unreadable, from its start or from some byte on. What came before that byte was delivered."""


class ArchiveError(WatchlinkError):
    """The archive of sessions cannot be opened, read or written."""


class NoSessionError(WatchlinkError):
    """No session is running that could be reached, or one is that is in the way."""


class SessionFileError(WatchlinkError):
    """A plan or an events file cannot be used; names the file, the line and the reason."""


class ConsentError(WatchlinkError):
    """A person's yes is needed, and is not there."""


class CohortsFileError(WatchlinkError):
    """The file of cohorts cannot be read, understood or written; it is left as it was."""


class DevicesFileError(WatchlinkError):
    """The file of remembered wearables cannot be read, understood or written; it is left as it was."""


class ExportError(WatchlinkError):
    """A recording cannot be written in the format of another tool. Nothing of it was left on the disk."""


class MissingLibraryError(ExportError):
    """A format needs a library that is not installed; the message says how to install it."""
