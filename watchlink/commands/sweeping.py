"""What is due to go, goes when a command opens the archive; it is said."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from watchlink.commands.nearby import devices_path
from watchlink.commands.running import archive_path, say
from watchlink.texts import ranges

if TYPE_CHECKING:
    from watchlink.own_data import Files, Swept


def files(*, archive: Path | None, cohorts: Path | None, devices: Path | None) -> Files:
    """Where everything lies: where the person said, else in the platform's own folders."""
    from watchlink.commands.cohort import cohorts_path
    from watchlink.own_data import Files

    return Files(archive=archive_path(archive), cohorts=cohorts_path(cohorts), devices=devices_path(devices))


def sweep_and_say(chosen: Files) -> None:
    """Delete what is due and say so; where it cannot be done now, say that and go on.

    Raises:
        CohortsFileError: the file of cohorts cannot be read.
    """
    from watchlink.clock import utc_now
    from watchlink.errors import ArchiveError, DevicesFileError, NoSessionError
    from watchlink.own_data import sweep

    try:
        swept = sweep(chosen, today=utc_now().date())
    except (ArchiveError, DevicesFileError, NoSessionError) as error:
        say(f"What is due to be deleted could not be deleted now; the next command tries again. {error}")
        return
    if swept is not None:
        say(f"The time to keep was over. {swept_words(swept)}")


def swept_words(swept: Swept) -> str:
    """What went, in words."""
    numbers = f" ({ranges(swept.sessions)})" if swept.sessions else ""
    count = len(swept.sessions)
    words = [
        f"Deleted: {', '.join(swept.cohorts)} with {count} {'session' if count == 1 else 'sessions'}{numbers}, "
        f"{swept.packets} packets."
    ]
    if swept.devices:
        words.append(f"Forgotten: the wearables of {', '.join(swept.devices)}.")
    return " ".join(words)
