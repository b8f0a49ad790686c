"""What a person names on the command line, files and recorded sessions: read, or refused with a sentence."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from watchlink.commands.running import archive_path, say
from watchlink.errors import CaptureError, SessionFileError

if TYPE_CHECKING:
    from watchlink.captures.capture import Capture, Findings
    from watchlink.consent import Gate
    from watchlink.packets import SessionEvent
    from watchlink.session import Plan
    from watchlink.vocabulary import Vocabulary


_TIME: Final = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)$")


def parse_time(text: str) -> float:
    """A time on the session's axis as a person writes it: 90, 1:30 or 0:01:30.

    Raises:
        typer.BadParameter: it is none.
    """
    match = _TIME.match(text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no time; write 90, 1:30 or 0:01:30.")
    hours, minutes, seconds = match.groups(default="0")
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


def _handle(text: str) -> int:
    """An attribute handle, as Wireshark shows it (0x0012) or as a number.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        handle = int(text, 0)
    except ValueError:
        handle = 0
    if not 1 <= handle <= 0xFFFF:
        raise typer.BadParameter(f"{text!r} is no attribute handle; write 0x0012 or 18.")
    return handle


def _format(text: str) -> str:
    """A format that is written.

    Raises:
        typer.BadParameter: it is none.
    """
    if text not in FORMATS:
        raise typer.BadParameter(f"{text!r} is no format that is written; write one of {', '.join(FORMATS)}.")
    return text


NOTHING_IN_IT: Final = "It was read to its end, and there is no heart-rate notification in it."
FORMATS: Final = ("jsonl", "btsnoop", "pcapng")
FromOption = Annotated[
    float | None, typer.Option("--from", metavar="TIME", parser=parse_time, help="Begin there: 90, 1:30 or 0:01:30.")
]
ToOption = Annotated[float | None, typer.Option("--to", metavar="TIME", parser=parse_time, help="End there.")]
FormatOption = Annotated[
    str | None,
    typer.Option("--format", parser=_format, metavar="|".join(FORMATS), help="Of the file; else by its suffix."),
]
HandleOption = Annotated[
    int | None,
    typer.Option(
        metavar="HANDLE",
        parser=_handle,
        help="The value handle of the heart rate (0x0012), where the capture does not hold its discovery.",
    ),
]


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
def recorded(number: int, archive: Path | None, *, own: str | None = None) -> Generator[tuple[Capture, Gate]]:
    """The log of a session of the archive, and what of it may be told (`own`: to this person, of all that is theirs).

    It says so if nobody closed the session.

    Raises:
        ArchiveError: there is none of that number, or the archive cannot be read.
    """
    from watchlink.archive import Archive, SessionState
    from watchlink.captures.capture import Capture
    from watchlink.consent import Gate
    from watchlink.session import parse_person

    with Archive(archive_path(archive)) as opened:
        stored = opened.session(number)
        if stored.state is SessionState.INTERRUPTED:
            say("This session was interrupted: its recorder ended without closing it. This is what was recorded.")
        shared = opened.sharing(number)
        gate = Gate(at_the_end=shared, own=own if own is None or not shared else parse_person(own, list(shared)))
        with closing(opened.packets(number)) as packets:
            yield Capture(started_at=stored.started_at, packets=packets), gate


@contextmanager
def captured(
    files: Sequence[Path],
    *,
    offsets_s: Sequence[float] = (),
    handle: int | None = None,
    from_s: float | None = None,
    to_s: float | None = None,
    follow: bool = False,
) -> Generator[tuple[Capture, list[Findings]]]:
    """Captures as one log, cut to what is asked for; and what the reading of each comes across.

    Raises:
        CaptureError: one of them cannot be opened.
    """
    from watchlink.captures import grown, open_capture
    from watchlink.captures.arranging import part, together
    from watchlink.captures.capture import Capture

    with ExitStack() as stack:
        opened = [
            stack.enter_context(open_capture(file, handle=handle, pieces=grown if follow else None)) for file in files
        ]
        started_at, packets = opened[0].started_at, opened[0].packets
        if len(opened) > 1:
            started_at, packets = together(opened, offsets_s=(0.0, *offsets_s))
        if from_s is not None or to_s is not None:
            packets = part(packets, from_us=_microseconds(from_s), to_us=_microseconds(to_s))
        yield Capture(started_at=started_at, packets=packets), [capture.findings for capture in opened]


def say_what_was_found(findings: Sequence[Findings], *, heart_rate: bool) -> None:
    """What a person should know after captures were read.

    Raises:
        CaptureError: there was no heart rate, and something that was in the way.
    """
    for found in findings:
        for remark in found.remarks:
            say(remark)
    hindrances = [sentence for found in findings for sentence in found.hindrances()]
    if heart_rate:
        for sentence in hindrances:
            say(sentence)
    elif hindrances:
        raise CaptureError(" ".join((NOTHING_IN_IT, *hindrances)))
    else:
        say(NOTHING_IN_IT)


def _microseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(1e6 * seconds)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SessionFileError(
            f"{path} cannot be read: {error.strerror}. Check the path and its permissions."
        ) from error
    except UnicodeDecodeError as error:
        raise SessionFileError(f"{path} is no text in UTF-8: byte {error.start} cannot be read.") from error
