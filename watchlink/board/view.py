"""The board as Rich renderables: pure functions of its state and the width of the screen.

Strategy: words and shapes carry the meaning, colour only helps (blue and orange of Okabe and Ito, safe for colour-blind
eyes). Narrow screens lose columns, never people. Nothing flashes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from watchlink.board.preflight import Check, Level
from watchlink.board.state import AgainstUsual, BlockState, BoardState, PersonState, Signal
from watchlink.clock import clock_text
from watchlink.consent import agreed
from watchlink.packets import EventKind, Role, SessionEvent
from watchlink.sparklines import sparkline
from watchlink.texts import shown

BLUE: Final = "#56B4E9"
ORANGE: Final = "#E69F00"
QUIET: Final = "grey58"

NOT_SHARING: Final = "not sharing"
WIDE: Final = 100
WIDER: Final = 118
VERY_WIDE: Final = 160

_TREND_COLUMNS: Final = 8
_WIDE_TREND_COLUMNS: Final = 14
_MOST_TREND_COLUMNS: Final = 40
# What stands beside the trend on a very wide screen, the lane of events among it.
_BESIDE_THE_TREND: Final = 146
# On a narrow screen these may be cut off; together all columns then fit into 80.
_NARROW_COLUMNS: Final = {"alias": 10, "mark": 13}
_WIDE_MARK_COLUMNS: Final = 16
# A mark younger than this stands before the news of a weak battery.
_FRESH_MARK_S: Final = 60

_SHAPES: Final = {
    AgainstUsual.UNKNOWN: (" ", " "),
    AgainstUsual.BELOW: ("▽", "v"),
    AgainstUsual.USUAL: ("·", "."),
    AgainstUsual.ABOVE: ("△", "^"),
    AgainstUsual.WELL_ABOVE: ("▲", "A"),
}
_ROLES: Final = {Role.SPEAKER: "speaks", Role.LISTENER: "listens", Role.OBSERVER: "observes"}
_LEVELS: Final = {Level.GOOD: ("ok", ""), Level.WAIT: ("wait", QUIET), Level.LOOK: ("look", ORANGE)}


def render_board(state: BoardState, *, width: int, ascii_only: bool = False) -> RenderableType:
    """The board for a screen of `width` columns that nobody types on."""
    return Group(
        headline(state, width=width),
        "",
        people_table(state, width=width, ascii_only=ascii_only),
        "",
        *event_lines(state, most=4),
    )


def headline(state: BoardState, *, width: int = 80, frozen: bool = False) -> Text:
    """Where the session stands, and whether all is recorded."""
    line = Text.assemble((clock_text(state.at_us / 1_000_000), "bold"), "  ", (_block_words(state.block), "bold"))
    if state.block.left_s is not None:
        over = state.block.left_s < 0
        line.append(f"  {left_words(state.block.left_s)}", style=ORANGE if over else "")
    if width >= WIDE and state.block.next_title:
        line.append(f"  then {shown(state.block.next_title)}", style=QUIET)
    good = sum(person.live for person in state.people)
    if state.keeping.on and state.keeping.trouble is None:
        line.append("   REC", style=f"bold {BLUE}")
    line.append(f"   {good}/{len(state.people)} connected", style=QUIET)
    if width >= WIDE or not state.block.of:
        line.append(f"   {state.rises} rises so far", style=QUIET)
    if frozen:
        line.append("   FROZEN", style=f"bold {BLUE}")
    keeping = state.keeping
    if keeping.trouble is not None:
        line.append(f"   NOT SAVED AT PRESENT: {keeping.trouble}", style=f"bold {ORANGE}")
    return line


def people_table(
    state: BoardState, *, width: int, ascii_only: bool = False, chosen: str | None = None
) -> RenderableType:
    """One row a person, in the order of their numbers; the one who is `chosen` stands out."""
    wide, very_wide = width >= WIDE, width >= VERY_WIDE
    table = Table(box=None, pad_edge=False, padding=(0, 2 if wide else 1, 0, 0), header_style=QUIET)
    headings = ["#", "alias", "turn", "bpm", "own usual", "last min", "grade", "signal"]
    headings += [*(["RMSSD"] if wide else []), *(["age", "rises"] if width >= WIDER else []), "mark"]
    for heading in headings:
        table.add_column(
            heading,
            no_wrap=True,
            justify="right" if heading in ("#", "bpm", "RMSSD", "age", "rises") else "left",
            max_width=None if wide else _NARROW_COLUMNS.get(heading),
        )
    columns = _WIDE_TREND_COLUMNS if wide else _TREND_COLUMNS
    if very_wide:
        columns = min(_MOST_TREND_COLUMNS, width - _BESIDE_THE_TREND)
    for number, person in enumerate(state.people, 1):
        cells = _row(number, person, state.at_us, columns=columns, width=width, ascii_only=ascii_only)
        table.add_row(*cells, style="reverse" if person.person == chosen else None)
    if not very_wide:
        return table
    lane = Group(*plan_lines(state.block), "", *event_lines(state, most=max(4, len(state.people) - 2)))
    both = Table.grid(padding=(0, 3, 0, 0))
    both.add_row(table, lane)
    return both


def plan_lines(block: BlockState) -> Iterator[Text]:
    """The plan in two lines: what runs, what comes."""
    number = f" ({block.number} of {block.of})" if block.of else ""
    yield Text.assemble(("now   ", QUIET), shown(block.title) or "no block yet", (number, QUIET))
    yield Text.assemble(("then  ", QUIET), shown(block.next_title) or "-")


def event_lines(state: BoardState, *, most: int) -> list[Text]:
    """What happened last, the newest first."""
    return [_event_line(event) for event in list(reversed(state.events))[:most]]


def check_lines(checks: Iterable[Check]) -> Iterator[Text]:
    """What is looked at before a session begins: each with its word, and what to do about it."""
    for check in checks:
        word, style = _LEVELS[check.level]
        fix = f" {check.fix}" if check.fix else ""
        yield Text.assemble((f"{word:4}  ", style), (shown(f"{check.subject}: {check.words}."), style), (fix, QUIET))


def person_view(state: BoardState, name: str, *, ascii_only: bool = False, width: int = 80) -> RenderableType:
    """Everything that may be seen of one person."""
    person = next((one for one in state.people if one.person == name), None)
    if person is None:
        return Text(f"{name} is not in this session.")
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style=QUIET, no_wrap=True)
    grid.add_column(overflow="fold")
    age = "" if person.age_s is None else f", last report {person.age_s:.0f} s ago"
    grid.add_row("signal", Text.assemble(_signal_text(person), age))
    grid.add_row("wearable", Text(f"{shown(person.profile) or 'not known'}, {person.grade or 'unknown'} grade"))
    if person.shares is not None:
        grid.add_row("shares", Text(agreed(person.shares)))
    grid.add_row("heart rate", _heart_rate_words(person, ascii_only=ascii_only))
    trend = sparkline(person.trend, columns=max(10, min(60, width * 84 // 100 - 20)), ascii_only=ascii_only)
    grid.add_row("last minute", Text(trend, style=BLUE) if person.told else Text(NOT_SHARING, style=QUIET))
    grid.add_row("HRV", _hrv_words(person))
    beats = "  ".join(f"{rr_ms:.0f}" for rr_ms in person.beats_ms)
    grid.add_row("beats (ms)", Text(beats or "-"))
    mark = "-" if person.last_mark_us is None else f"{person.last_mark} at {clock_text(person.last_mark_us / 1e6)}"
    grid.add_row("last mark", Text(shown(mark)))
    battery = "" if person.battery_pct is None else f"{person.battery_pct} %"
    if battery:
        grid.add_row("battery", Text(battery, style=ORANGE))
    for number, note in enumerate(reversed(person.links)):
        reason = f" ({note.reason})" if note.reason else ""
        grid.add_row("" if number else "link", Text(shown(f"{clock_text(note.at_us / 1e6)} {note.state}{reason}")))
    return grid


def left_words(left_s: float) -> str:
    """How long a block still lasts, or by how much it is over its time."""
    seconds = abs(int(left_s))
    hours = f"{seconds // 3600}:{seconds // 60 % 60:02d}" if seconds >= 3600 else f"{seconds // 60}"
    return f"{hours}:{seconds % 60:02d} {'left' if left_s >= 0 else 'over time'}"


def age_words(seconds: float) -> str:
    """How long ago, as short as can be read: 0:21, 12m, 1h."""
    if seconds < 600:
        return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
    return f"{int(seconds) // 60}m" if seconds < 3600 else f"{int(seconds) // 3600}h"


def _block_words(block: BlockState) -> str:
    words = shown(block.title) or "no block yet"
    words += " (new scenario)" if block.new_scenario else ""
    return f"{words} {block.number}/{block.of}" if block.of and block.number else words


def _row(
    number: int, person: PersonState, at_us: int, *, columns: int, width: int, ascii_only: bool
) -> list[RenderableType]:
    wide = width >= WIDE
    style = "" if person.live else QUIET
    bpm = "--" if person.heart_rate_bpm is None else f"{person.heart_rate_bpm:.0f}"
    role = _ROLES[person.role] if person.role is not None and (wide or person.role is Role.SPEAKER) else ""
    cells: list[RenderableType] = [
        Text(str(number), style=QUIET),
        Text(shown(person.person), style=style or "bold"),
        Text(role, style=BLUE if person.role is Role.SPEAKER else QUIET),
        Text(bpm, style=style),
        _against_text(person, ascii_only=ascii_only),
        Text(sparkline(person.trend, columns=columns, ascii_only=ascii_only), style=BLUE if person.live else QUIET),
        Text(person.grade or "?", style=style),
        _signal_text(person),
    ]
    if wide:
        cells.append(Text("-" if person.rmssd_ms is None else f"{person.rmssd_ms:.0f} ms", style=style))
    if width >= WIDER:
        age = "-" if person.age_s is None else f"{person.age_s:.0f} s"
        cells += [Text(age, style=QUIET), Text(str(person.rises or ""), style=style)]
    room = None if width >= WIDER else _WIDE_MARK_COLUMNS if wide else _NARROW_COLUMNS["mark"]
    cells.append(_mark_text(person, at_us, room=room, style=style))
    return cells


def _mark_text(person: PersonState, at_us: int, *, room: int | None, style: str) -> Text:
    ago_s = None if person.last_mark_us is None else max(0.0, (at_us - person.last_mark_us) / 1e6)
    if person.battery_pct is not None and (ago_s is None or ago_s > _FRESH_MARK_S):
        return Text(f"battery {person.battery_pct}%", style=ORANGE)
    if ago_s is None:
        return Text("")
    ago = age_words(ago_s)
    label = person.last_mark if room is None else person.last_mark[: room - 1 - len(ago)]
    return Text(f"{shown(label)} {ago}", style=style)


def _against_text(person: PersonState, *, ascii_only: bool) -> Text:
    if not person.told:
        return Text(NOT_SHARING, style=QUIET)
    if not person.live:
        return Text("")
    shape = _SHAPES[person.against][ascii_only]
    words = f"{shape} {person.against}"
    if person.above_usual_bpm is not None:
        words += f" {round(person.above_usual_bpm):+d}"
    return Text(words, style=ORANGE if person.rising or person.against is AgainstUsual.WELL_ABOVE else "")


def _heart_rate_words(person: PersonState, *, ascii_only: bool) -> Text:
    if not person.told:
        return Text(NOT_SHARING, style=QUIET)
    if person.heart_rate_bpm is None:
        return Text("-")
    words = Text(f"{person.heart_rate_bpm:.0f} bpm  ")
    words.append_text(_against_text(person, ascii_only=ascii_only))
    return words.append(f"  {person.rises} rises so far", style=QUIET)


def _hrv_words(person: PersonState) -> Text:
    if person.rmssd_ms is None:
        return Text(person.hrv_absent_because or "-")
    stands_on = f"{person.hrv_beats} beats, {person.hrv_corrected_pct:.0f} % corrected"
    return Text.assemble(f"RMSSD {person.rmssd_ms:.0f} ms", (f"  of the last minute: {stands_on}", QUIET))


def _signal_text(person: PersonState) -> Text:
    if person.signal in (Signal.GOOD, Signal.PATCHY):
        return Text(f"{person.signal} {person.clean_pct}%", style="" if person.signal is Signal.GOOD else ORANGE)
    if person.live:
        return Text(person.signal)
    age = "" if person.age_s is None else f" {age_words(person.age_s)}"
    return Text(f"{person.signal}{age}", style=QUIET)


def _event_line(event: SessionEvent) -> Text:
    what = f"begins: {event.note or event.label}" if event.kind is EventKind.BLOCK else event.label
    who = f" - {event.person}" if event.person else ""
    note = f" ({event.note})" if event.note and event.kind is not EventKind.BLOCK else ""
    return Text.assemble((clock_text(event.happened_us / 1_000_000), QUIET), "  ", shown(what + who + note))
