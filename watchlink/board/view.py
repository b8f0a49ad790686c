"""The board as a Rich renderable: a pure function of its state and the width of the screen.

Strategy: words and shapes carry the meaning, colour only helps (blue and orange of Okabe and Ito, safe for colour-blind
eyes). Narrow screens lose columns, never people. Nothing flashes.
"""

from __future__ import annotations

from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from watchlink.board.state import AgainstUsual, BoardState, PersonState, Signal
from watchlink.clock import clock_text
from watchlink.packets import EventKind, SessionEvent
from watchlink.sparklines import sparkline
from watchlink.texts import shown

BLUE: Final = "#56B4E9"
ORANGE: Final = "#E69F00"
QUIET: Final = "grey58"

_TREND_COLUMNS: Final = 8
_WIDE_TREND_COLUMNS: Final = 14
_WIDE: Final = 100
# On a narrow screen these may be cut off; together all columns then fit into 80.
_NARROW_COLUMNS: Final = {"alias": 10, "mark": 13}

_SHAPES: Final = {
    AgainstUsual.UNKNOWN: (" ", " "),
    AgainstUsual.BELOW: ("▽", "v"),
    AgainstUsual.USUAL: ("·", "."),
    AgainstUsual.ABOVE: ("△", "^"),
    AgainstUsual.WELL_ABOVE: ("▲", "A"),
}


def render_board(state: BoardState, *, width: int, ascii_only: bool = False) -> RenderableType:
    """The board for a screen of `width` columns."""
    wide = width >= _WIDE
    table = Table(box=None, pad_edge=False, padding=(0, 2 if wide else 1, 0, 0), header_style=QUIET)
    headings = ["#", "alias", "turn", "bpm", "own usual", "last min", "grade", "signal", *(["RMSSD"] if wide else [])]
    for heading in (*headings, "mark"):
        table.add_column(
            heading,
            no_wrap=True,
            justify="right" if heading in ("#", "bpm", "RMSSD") else "left",
            max_width=None if wide else _NARROW_COLUMNS.get(heading),
        )
    for number, person in enumerate(state.people, 1):
        table.add_row(*_row(number, person, wide=wide, ascii_only=ascii_only))
    return Group(_headline(state), "", table, "", *(_event_line(event) for event in reversed(state.events)))


def _headline(state: BoardState) -> Text:
    clock = clock_text(state.at_us / 1_000_000)
    line = Text.assemble((clock, "bold"), "  ", (shown(state.block) or "no block yet", "bold"))
    good = sum(person.signal in (Signal.GOOD, Signal.PATCHY) for person in state.people)
    line.append(f"   {good}/{len(state.people)} connected   {state.spikes} rises so far", style=QUIET)
    if state.trouble is not None:
        line.append(f"   NOT SAVED AT PRESENT: {state.trouble}", style=f"bold {ORANGE}")
    return line


def _row(number: int, person: PersonState, *, wide: bool, ascii_only: bool) -> list[RenderableType]:
    live = person.signal in (Signal.GOOD, Signal.PATCHY)
    columns = _WIDE_TREND_COLUMNS if wide else _TREND_COLUMNS
    style = "" if live else QUIET
    bpm = "--" if person.heart_rate_bpm is None else f"{person.heart_rate_bpm:.0f}"
    cells: list[RenderableType] = [
        Text(str(number), style=QUIET),
        Text(shown(person.person), style=style or "bold"),
        Text("speaks" if person.speaking else "", style=BLUE),
        Text(bpm, style=style),
        _against_text(person, ascii_only=ascii_only),
        Text(sparkline(person.trend, columns=columns, ascii_only=ascii_only), style=BLUE if live else QUIET),
        Text(person.grade or "?", style=style),
        _signal_text(person),
    ]
    if wide:
        cells.append(Text("-" if person.rmssd_ms is None else f"{person.rmssd_ms:.0f} ms", style=style))
    low = "" if person.battery_pct is None else f"battery {person.battery_pct}%"
    cells.append(Text(low, style=ORANGE) if low else Text(shown(person.last_mark), style=style))
    return cells


def _against_text(person: PersonState, *, ascii_only: bool) -> Text:
    if person.signal not in (Signal.GOOD, Signal.PATCHY):
        return Text("")
    shape = _SHAPES[person.against][ascii_only]
    words = f"{shape} {person.against}"
    if person.above_usual_bpm is not None:
        words += f" {round(person.above_usual_bpm):+d}"
    return Text(words, style=ORANGE if person.rising or person.against is AgainstUsual.WELL_ABOVE else "")


def _signal_text(person: PersonState) -> Text:
    if person.signal in (Signal.GOOD, Signal.PATCHY):
        return Text(f"{person.signal} {person.clean_pct}%", style="" if person.signal is Signal.GOOD else ORANGE)
    age = "" if person.age_s is None else f" {person.age_s:.0f} s"
    return Text(f"{person.signal}{age}", style=QUIET)


def _event_line(event: SessionEvent) -> Text:
    what = f"begins: {event.note or event.label}" if event.kind is EventKind.BLOCK else event.label
    who = f" - {event.person}" if event.person else ""
    return Text.assemble((clock_text(event.happened_us / 1_000_000), QUIET), "  ", shown(what + who))
