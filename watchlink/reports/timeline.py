"""The timeline of a session: who had which heart rate rise, how big, beside which event, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dsp import Change, Recovery, RecoveryVerdict, Spike
from watchlink.alignment import Coincidence, Followed, concerns
from watchlink.clock import clock_text
from watchlink.packets import EventKind, Purpose, Role, SessionEvent
from watchlink.texts import shown
from watchlink.timeline import PersonCounts, TimedSpike, Timeline

_SURE_BELOW: Final = 0.05
_PERHAPS_BELOW: Final = 0.2
_QUIET: Final = "grey58"
_ORANGE: Final = "#E69F00"
_ROLE_WORDS: Final = {Role.SPEAKER: "speaks", Role.LISTENER: "listens", Role.OBSERVER: "observes"}
_LEGEND: Final = (
    "half-way down: half of the rise was gone, 95 % interval; luck: how much of the session lies as near to a mark."
)
CAVEAT: Final = (
    "A rise is about heart rate, not about a feeling; beside an event is not because of it. Not a medical device."
)


def timeline_report(timeline: Timeline, *, person: str | None = None) -> RenderableType:
    """The timeline as a Rich renderable: rises under their blocks, what marks did, what each part stands on.

    Args:
        timeline: of the session.
        person: whose part; None for the whole room.
    """
    rises = _table("time", "who", "+rise", "half-way down", "beside", "+luck")
    for entry in _in_order(timeline, person):
        if isinstance(entry, SessionEvent):
            style = "bold" if entry.kind is EventKind.BLOCK else ""
            time = Text(clock_text(entry.happened_us / 1e6), style=_QUIET)
            rises.add_row(time, "", "", "", Text(shown(_event_words(entry)), style=style), "")
            continue
        spike = entry.spike
        rises.add_row(
            clock_text(spike.onset_s),
            Text(shown(_who_words(entry))),
            Text(f"{spike.rise_bpm:+.0f} bpm", style=_ORANGE if entry.explained_by is None else _QUIET),
            _half_time_words(entry.recovery),
            Text(shown(_beside_words(entry))),
            Text(_luck_words(entry), style=_QUIET),
        )
    parts: list[RenderableType] = [Text(_summary(timeline, person), style="bold"), ""]
    if rises.row_count:
        parts += [rises, "", Text(_LEGEND, style=_QUIET), ""]
    beside_marks = _followed_table(timeline) if person is None else _responses_table(timeline, person)
    if beside_marks.row_count:
        parts += [beside_marks, ""]
    parts += [Text(shown(_coincidence_words(one))) for one in _together(timeline, person)]
    people = _table("who", "grade", "+usual", "+rises", "+reports", "+beats", "+corrected", "+gaps")
    for name, counts in _people(timeline, person):
        people.add_row(*(Text(shown(cell)) for cell in _person_cells(name, counts, timeline)))
    oddities = [Text(shown(line), style=_QUIET) for line in _oddities(timeline, person)]
    return Group(*parts, people, *oddities, "", Text(CAVEAT, style=_QUIET))


def timeline_lines(timeline: Timeline, *, person: str | None = None) -> Iterator[str]:
    """The same as plain lines."""
    return map(shown, _lines(timeline, person))


def _lines(timeline: Timeline, person: str | None) -> Iterator[str]:
    yield _summary(timeline, person)
    for entry in _in_order(timeline, person):
        if isinstance(entry, SessionEvent):
            prefix = "block " if entry.kind is EventKind.BLOCK else ""
            yield f"{clock_text(entry.happened_us / 1e6)} {prefix}{_event_words(entry)}"
        else:
            words = spike_words(entry.spike, entry.recovery)
            rise = f"{clock_text(entry.spike.onset_s)} {_who_words(entry)} {words}"
            sure = _sure_words(entry)
            yield f"{rise}; {_beside_words(entry)}" + (f", sure: {sure} by luck" if entry.associations else "")
    if person is None:
        for one in timeline.followed:
            yield f"{one.label}: {_followed_words(one)}"
    else:
        for response in timeline.responses:
            if response.person == person:
                yield f"after {response.label}: {_change_words(response.change)}"
    for coincidence in _together(timeline, person):
        yield _coincidence_words(coincidence)
    for name, counts in _people(timeline, person):
        _, grade, usual, rises, reports, beats, corrected, gaps = _person_cells(name, counts, timeline)
        yield (
            f"{name}: {grade} grade, usual {usual}, {rises} rises, {reports} reports, {beats} beats, "
            f"{corrected} corrected, {gaps} gaps"
        )
    yield from _oddities(timeline, person)
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


def spike_words(spike: Spike, recovery: Recovery | None = None) -> str:
    """A rise in words."""
    down = "" if recovery is None else f", half-way down: {_half_time_words(recovery)}"
    return (
        f"heart rate rise {spike.rise_bpm:+.0f} bpm ({spike.rise_spreads:.1f} own spreads), "
        f"peak after {spike.peak_s - spike.onset_s:.0f} s, {_settled_words(spike)}{down}"
    )


def _table(*headings: str) -> Table:
    """A table without lines; a heading that begins with + is of numbers."""
    table = Table(box=None, pad_edge=False, header_style=_QUIET)
    for heading in headings:
        name = heading.removeprefix("+")
        table.add_column(name, no_wrap=name != "beside", justify="right" if heading.startswith("+") else "left")
    return table


def _summary(timeline: Timeline, person: str | None) -> str:
    spikes = _spikes(timeline, person)
    explained = sum(timed.explained_by is not None for timed in spikes)
    whose = f" of {person}" if person else ""
    tail = f", {explained} of them explained by movement or trouble" if explained else ""
    return f"{clock_text(timeline.duration_s)} of session, {len(spikes)} heart rate rises{whose}{tail}"


def _spikes(timeline: Timeline, person: str | None) -> list[TimedSpike]:
    return [timed for timed in timeline.spikes if person in (None, timed.person)]


def _people(timeline: Timeline, person: str | None) -> Iterator[tuple[str, PersonCounts]]:
    return ((name, counts) for name, counts in timeline.people.items() if person in (None, name))


def _together(timeline: Timeline, person: str | None) -> list[Coincidence]:
    return [one for one in timeline.coincidences if person is None or person in one.people]


def _in_order(timeline: Timeline, person: str | None) -> list[SessionEvent | TimedSpike]:
    """Rises under their blocks; a person's own timeline has everything that concerns them beside."""
    events = [
        event
        for event in timeline.events
        if event.kind is EventKind.BLOCK or (person is not None and concerns(event, person))
    ]
    entries: list[SessionEvent | TimedSpike] = [*events, *_spikes(timeline, person)]
    return sorted(entries, key=lambda e: e.happened_us / 1e6 if isinstance(e, SessionEvent) else e.spike.onset_s)


def _settled_words(spike: Spike) -> str:
    after_s = spike.settled_after_s
    return str(spike.ending) if after_s is None else f"settled after {after_s:.0f} s"


def _half_time_words(recovery: Recovery | None) -> str:
    """How fast it came down: seconds with their interval, or why not."""
    if recovery is None:
        return "not known yet"
    interval_s = recovery.half_time_interval_s
    if recovery.half_time_s is None or interval_s is None:
        return str(RecoveryVerdict(recovery.verdict))
    return f"{recovery.half_time_s:.0f} s ({interval_s.low:.0f}-{interval_s.high:.0f})"


def _who_words(timed: TimedSpike) -> str:
    return timed.person if timed.role is None else f"{timed.person} ({_ROLE_WORDS[timed.role]})"


def _beside_words(timed: TimedSpike) -> str:
    if timed.explained_by is not None:
        return f"explained: {_event_words(timed.explained_by)}"
    if not timed.associations:
        return "nothing marked"
    best = timed.associations[0]
    words = f"{abs(best.lag_s):.0f} s {'after' if best.lag_s >= 0 else 'before'}"
    return f"{words} {'speaking began' if _is_turn(best.event) else _event_words(best.event)}"


def _event_words(event: SessionEvent) -> str:
    if event.kind is EventKind.ROLE:
        if event.person is None:
            return "nobody speaks"
        return "began to speak" if _is_turn(event) else f"became {event.label}"
    return (event.note or event.label) if event.kind is EventKind.BLOCK else event.label


def _is_turn(event: SessionEvent) -> bool:
    return event.kind is EventKind.ROLE and event.label == Role.SPEAKER and event.person is not None


def _luck_words(timed: TimedSpike) -> str:
    return "" if timed.explained_by or not timed.associations else f"{100 * timed.associations[0].by_luck:.0f} %"


def _sure_words(timed: TimedSpike) -> str:
    if timed.explained_by is not None:
        return ""
    if not timed.associations:
        return "cannot tell"
    by_luck = timed.associations[0].by_luck
    words = "fairly" if by_luck < _SURE_BELOW else "perhaps" if by_luck < _PERHAPS_BELOW else "hardly"
    return f"{words} ({100 * by_luck:.0f} %)"


def _followed_table(timeline: Timeline) -> Table:
    table = _table("after", "+times", "+rises", "+by luck", "chance")
    for one in timeline.followed:
        table.add_row(
            Text(shown(one.label)),
            str(one.events),
            str(one.followed),
            f"{one.expected:.1f}",
            Text(_chance_words(one.by_luck), style=_QUIET),
        )
    return table


def _responses_table(timeline: Timeline, person: str) -> Table:
    table = _table("after", "+times", "+change", "95 %", "chance")
    for response in timeline.responses:
        if response.person == person:
            change = response.change
            interval, chance = _interval_words(change), "" if change.by_luck is None else _chance_words(change.by_luck)
            table.add_row(
                Text(shown(response.label)),
                str(change.events),
                f"{change.change_bpm:+.1f} bpm",
                interval,
                Text(chance, style=_QUIET),
            )
    return table


def _followed_words(one: Followed) -> str:
    return (
        f"{one.followed} of {one.events} followed by a rise, {one.expected:.1f} by luck "
        f"(chance {_chance_words(one.by_luck)})"
    )


def _change_words(change: Change) -> str:
    chance = "" if change.by_luck is None else f", chance {_chance_words(change.by_luck)}"
    return f"{change.change_bpm:+.1f} bpm over {change.events} times, 95 %: {_interval_words(change)}{chance}"


def _interval_words(change: Change) -> str:
    interval_bpm = change.interval_bpm
    return "cannot tell" if interval_bpm is None else f"{interval_bpm.low:+.1f} to {interval_bpm.high:+.1f}"


def _chance_words(chance: float) -> str:
    return "below 0.1 %" if chance < 0.001 else f"{100 * chance:.{1 if chance < 0.1 else 0}f} %"


def _coincidence_words(one: Coincidence) -> str:
    beside = "" if one.event is None or one.lag_s is None else f", {one.lag_s:.0f} s after {_event_words(one.event)}"
    luck = f"{one.by_luck:.1f} in such a session" if one.by_luck >= 0.1 else f"1 in {1 / one.by_luck:.0f} such sessions"
    who = f"{len(one.people)} of {one.of} rose together: {', '.join(one.people)}"
    return f"{clock_text(one.at_s)} {who}{beside}; by luck {luck}"


def _oddities(timeline: Timeline, person: str | None) -> Iterator[str]:
    """What wearables or the radio did wrong, one line for each person to whom it happened; and what else is odd."""
    for name, counts in _people(timeline, person):
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
    yield from timeline.remarks


def _person_cells(name: str, counts: PersonCounts, timeline: Timeline) -> Sequence[str]:
    has_beats = counts.beats > 0
    return (
        name,
        counts.grade or "unknown",
        "not known" if counts.usual_bpm is None else f"{counts.usual_bpm:.0f} bpm",
        "-" if Purpose.RISES in counts.not_shared else str(len(_spikes(timeline, name))),
        str(counts.notifications),
        str(counts.beats) if has_beats else "-",
        f"{100 * counts.corrected / counts.beats:.1f} %" if has_beats else "-",
        str(counts.gaps) if has_beats else "-",
    )
