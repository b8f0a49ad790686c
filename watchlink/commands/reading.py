"""What a person names on the command line, files and recorded sessions: read, or refused with a sentence."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from watchlink.commands.running import archive_path, say
from watchlink.errors import SessionFileError

if TYPE_CHECKING:
    from watchlink.captures.capture import Capture
    from watchlink.packets import SessionEvent
    from watchlink.session import Plan
    from watchlink.vocabulary import Vocabulary


def read_plan(path: Path) -> Plan:
    """A plan file.

    Raises:
        SessionFileError: it cannot be read or is no plan.
    """
    from watchlink.session import parse_plan

    return parse_plan(_text(path), file=path.name)


def read_events(path: Path, *, vocabulary: Vocabulary | None = None, offset_s: float = 0.0) -> tuple[SessionEvent, ...]:
    """An events file; see `parse_events`.

    Raises:
        SessionFileError: it cannot be read or holds no events.
    """
    from watchlink.session import parse_events

    return parse_events(_text(path).splitlines(), file=path.name, vocabulary=vocabulary, offset_s=offset_s)


@contextmanager
def recorded(number: int, archive: Path | None) -> Generator[Capture]:
    """The log of a session of the archive; says so if nobody closed it.

    Raises:
        ArchiveError: there is none of that number, or the archive cannot be read.
    """
    from watchlink.archive import Archive, SessionState
    from watchlink.captures.capture import Capture

    with Archive(archive_path(archive)) as opened:
        stored = opened.session(number)
        if stored.state is SessionState.INTERRUPTED:
            say("This session was interrupted: its recorder ended without closing it. This is what was recorded.")
        with closing(opened.packets(number)) as packets:
            yield Capture(started_at=stored.started_at, packets=packets)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SessionFileError(
            f"{path} cannot be read: {error.strerror}. Check the path and its permissions."
        ) from error
    except UnicodeDecodeError as error:
        raise SessionFileError(f"{path} is no text in UTF-8: byte {error.start} cannot be read.") from error
