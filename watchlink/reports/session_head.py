"""What the reports of a session to a person and of the room have in common: which session, its blocks, its limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from watchlink.archive import SessionKind
from watchlink.clock import clock_text
from watchlink.packets import EventKind, SessionEvent
from watchlink.readings import Phase
from watchlink.reports.document import Section, Span, Tone, Words
from watchlink.session import BLOCK_PHASES

_US_PER_S: Final = 1_000_000
LIMITS: Final = (
    "A rise is a heart rate well above your own usual; it says nothing about a feeling. Heart data cannot tell "
    "excitement from worry. What happened beside a rise did not necessarily cause it. watchlink is not a medical "
    "device."
)
METHOD: Final = (
    "The own usual is learned from the silent baseline and followed slowly. A change after a mark is the mean of the "
    "minute after it minus the mean of the half minute before. Half-way down is the time in which half of a rise was "
    "gone, by a fitted curve, with its 95 % interval; where no curve fits, nothing is said."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Which recording it is.

    Attributes:
        number: in the archive.
        title, cohort, week: as it was begun.
        kind: of recording.
        state: complete or interrupted.
        started_at: UTC.
        duration_s: until the last packet.
    """

    number: int
    title: str
    kind: SessionKind
    state: str
    started_at: datetime
    duration_s: float
    cohort: str | None
    week: int | None


INTERRUPTED: Final = (
    "This session was interrupted: its recorder ended without closing it. What was recorded until then is here."
)


def block_spans(events: Iterable[SessionEvent], duration_s: float) -> Iterator[Span]:
    """The blocks of the session, each until the next."""
    blocks = [event for event in events if event.kind is EventKind.BLOCK and event.happened_us < duration_s * _US_PER_S]
    ends_s = [*(event.happened_us / _US_PER_S for event in blocks[1:]), duration_s]
    for block, until_s in zip(blocks, ends_s, strict=bool(blocks)):
        silent = BLOCK_PHASES.get(block.label) is Phase.SILENT
        since_s = max(0.0, block.happened_us / _US_PER_S)
        yield Span(since_s=since_s, until_s=until_s, label=block.note or block.label, silent=silent)


def limits_section() -> Section:
    """How a session's numbers were measured and what they cannot say."""
    return Section(
        heading="How this was measured, and its limits",
        parts=(Words(text=METHOD, tone=Tone.QUIET), Words(text=LIMITS, tone=Tone.QUIET)),
    )


def subtitle(head: Head, whose: str) -> str:
    """Whose, of what, when and how long."""
    cohort = "" if head.cohort is None else f"{head.cohort}, "
    week = "" if head.week is None else f"week {head.week}, "
    return f"{whose}: {cohort}{week}{head.started_at:%Y-%m-%d %H:%M} UTC, {clock_text(head.duration_s)}"


def times(count: int) -> str:
    """How often, in words."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def record(report: object, *, of: str) -> dict[str, Any]:
    """A report as plain JSON values: the numbers that its page shows, `of` a person or the room."""
    from pydantic import TypeAdapter

    values: dict[str, Any] = TypeAdapter(type(report)).dump_python(report, mode="json")
    return {"watchlink_report": 1, "of": of} | values
