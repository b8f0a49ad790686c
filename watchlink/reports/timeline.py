"""The timeline of a session: who had which heart rate rise, how big, beside which event, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dsp import Spike, SpikeEnding
from watchlink.alignment import Association
from watchlink.clock import clock_text
from watchlink.fold import PersonCounts, TimedSpike, Timeline
from watchlink.packets import EventKind, Role, SessionEvent
from watchlink.texts import shown

_SURE_BELOW: Final = 0.05
_PERHAPS_BELOW: Final = 0.2
_QUIET: Final = "grey58"
_ORANGE: Final = "#E69F00"
_SETTLED_CELLS: Final = {SpikeEnding.TOO_LONG: "not settled", SpikeEnding.GAP: "not known"}
CAVEAT: Final = (
    "A rise is about heart rate, not about a feeling; beside an event is not because of it. Not a medical device."
)


def timeline_report(timeline: Timeline) -> RenderableType:
    """The timeline as a Rich renderable: rises under their blocks, then what each person's part stands on."""
    rises = Table(box=None, pad_edge=False, header_style=_QUIET)
    for heading in ("time", "who", "rise", "settled", "beside", "sure (luck)"):
        rises.add_column(heading, no_wrap=True, justify="right" if heading in ("rise", "settled") else "left")
    for entry in _in_order(timeline):
        if isinstance(entry, SessionEvent):
            title = Text(shown(entry.note or entry.label), style="bold")
            rises.add_row(Text(clock_text(entry.happened_us / 1e6), style=_QUIET), "", "", "", title)
            continue
        spike = entry.spike
        rises.add_row(
            clock_text(spike.onset_s),
            Text(shown(entry.person)),
            Text(f"{spike.rise_bpm:+.0f} bpm", style=_ORANGE),
            _SETTLED_CELLS.get(spike.ending, f"{spike.end_s - spike.peak_s:.0f} s"),
            Text(shown(_beside_words(entry))),
            Text(_sure_words(entry), style=_QUIET),
        )
    people = Table(box=None, pad_edge=False, header_style=_QUIET)
    for heading in ("who", "grade", "usual", "rises", "reports", "beats", "corrected", "gaps"):
        people.add_column(heading, no_wrap=True, justify="left" if heading in ("who", "grade") else "right")
    for name, counts in timeline.people.items():
        people.add_row(*(Text(shown(cell)) for cell in _person_cells(name, counts, timeline)))
    summary = Text(
        f"{clock_text(timeline.duration_s)} of session, {len(timeline.spikes)} heart rate rises", style="bold"
    )
    oddities = [Text(shown(line), style=_QUIET) for line in _oddities(timeline)]
    return Group(summary, "", rises, "", people, *oddities, "", Text(CAVEAT, style=_QUIET))


def timeline_lines(timeline: Timeline) -> Iterator[str]:
    """The same as plain lines."""
    return map(shown, _lines(timeline))


def _lines(timeline: Timeline) -> Iterator[str]:
    yield f"{clock_text(timeline.duration_s)} of session, {len(timeline.spikes)} heart rate rises"
    for entry in _in_order(timeline):
        if isinstance(entry, SessionEvent):
            yield f"{clock_text(entry.happened_us / 1e6)} block {entry.note or entry.label}"
        else:
            rise = f"{clock_text(entry.spike.onset_s)} {entry.person} {spike_words(entry.spike)}"
            sure = f", sure: {_sure_words(entry)} by luck" if entry.associations else ""
            yield f"{rise}; {_beside_words(entry)}{sure}"
    for name, counts in timeline.people.items():
        _, grade, usual, rises, reports, beats, corrected, gaps = _person_cells(name, counts, timeline)
        yield (
            f"{name}: {grade} grade, usual {usual}, {rises} rises, {reports} reports, {beats} beats, "
            f"{corrected} corrected, {gaps} gaps"
        )
    yield from _oddities(timeline)
    yield CAVEAT


def association_records(timeline: Timeline) -> Iterator[dict[str, Any]]:
    """Which event may belong to which rise, as plain JSON values; one record a candidate, the likeliest first."""
    for timed in timeline.spikes:
        for rank, association in enumerate(timed.associations, 1):
            yield {
                "type": "association",
                "person": timed.person,
                "onset_s": timed.spike.onset_s,
                "rank": rank,
                "event_at_us": association.event.happened_us,
                "event_label": association.event.label,
                "lag_s": association.lag_s,
                "by_luck": association.by_luck,
            }


def spike_words(spike: Spike) -> str:
    """A rise in words."""
    return (
        f"heart rate rise {spike.rise_bpm:+.0f} bpm ({spike.rise_spreads:.1f} own spreads), "
        f"peak after {spike.peak_s - spike.onset_s:.0f} s, {_settled_words(spike)}"
    )


def _in_order(timeline: Timeline) -> list[SessionEvent | TimedSpike]:
    blocks = [event for event in timeline.events if event.kind is EventKind.BLOCK]
    entries: list[SessionEvent | TimedSpike] = [*blocks, *timeline.spikes]
    return sorted(entries, key=lambda e: e.happened_us / 1e6 if isinstance(e, SessionEvent) else e.spike.onset_s)


def _settled_words(spike: Spike) -> str:
    after_s = spike.settled_after_s
    return str(spike.ending) if after_s is None else f"settled after {after_s:.0f} s"


def _beside_words(timed: TimedSpike) -> str:
    if not timed.associations:
        return "nothing marked"
    best = timed.associations[0]
    return f"{_event_words(best)} {abs(best.lag_s):.0f} s {'before' if best.lag_s >= 0 else 'after'}"


def _event_words(association: Association) -> str:
    event = association.event
    if event.kind is EventKind.ROLE:
        return "began to speak" if event.label == Role.SPEAKER else f"became {event.label}"
    return (event.note or event.label) if event.kind is EventKind.BLOCK else event.label


def _sure_words(timed: TimedSpike) -> str:
    if not timed.associations:
        return "cannot tell"
    by_luck = timed.associations[0].by_luck
    words = "fairly" if by_luck < _SURE_BELOW else "perhaps" if by_luck < _PERHAPS_BELOW else "hardly"
    return f"{words} ({100 * by_luck:.0f} %)"


def _oddities(timeline: Timeline) -> Iterator[str]:
    """What wearables or the radio did wrong: one line for each person to whom it happened."""
    for name, counts in timeline.people.items():
        odd = {
            "that could not be read": counts.undecodable,
            "delivered twice": counts.duplicates,
            "come late": counts.late,
            "with reserved flags": counts.with_reserved_flags,
            "with extra octets": counts.with_surplus_octets,
        }
        told = ", ".join(f"{count} {what}" for what, count in odd.items() if count)
        if told:
            yield f"{name}: reports {told}"
        if counts.losses or counts.stalls:
            yield f"{name}: link lost {counts.losses} times, silent {counts.stalls} times"


def _person_cells(name: str, counts: PersonCounts, timeline: Timeline) -> tuple[str, ...]:
    has_beats = counts.beats > 0
    return (
        name,
        counts.grade or "unknown",
        "not known" if counts.usual_bpm is None else f"{counts.usual_bpm:.0f} bpm",
        str(sum(timed.person == name for timed in timeline.spikes)),
        str(counts.notifications),
        str(counts.beats) if has_beats else "-",
        f"{100 * counts.corrected / counts.beats:.1f} %" if has_beats else "-",
        str(counts.gaps) if has_beats else "-",
    )
