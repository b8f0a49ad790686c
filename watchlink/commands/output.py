"""The three ways in which a running session is shown: a screen that moves, plain lines, NDJSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final, TextIO

from rich.console import Console
from rich.live import Live

from watchlink.board.state import AgainstUsual, BoardFold, Keeping, against_usual
from watchlink.board.view import render_board
from watchlink.board.wire import View
from watchlink.clock import Stopwatch, clock_text
from watchlink.consent import agreed
from watchlink.hub import Item, Sink
from watchlink.packets import (
    Correction,
    Discarded,
    EventKind,
    Extension,
    LinkChange,
    LinkState,
    Notification,
    Role,
    Seat,
    SessionEvent,
    Sharing,
)
from watchlink.packets import to_record as packet_record
from watchlink.readings import (
    Battery,
    BeatReading,
    ContactReading,
    Duplicate,
    GradeReading,
    Heard,
    HeartRateReading,
    HrvAbsent,
    HrvReading,
    Late,
    Measured,
    RecoveryReading,
    RrUnitReading,
    SignalReading,
    SpikeEnded,
    SpikeStarted,
    Undecodable,
    Worn,
)
from watchlink.readings import to_record as reading_record
from watchlink.reports.timeline import association_records, spike_words, timeline_lines, timeline_report
from watchlink.texts import TextOut, shown
from watchlink.timeline import Timeline
from watchlink.unit_audit import RrUnitVerdict

_REFRESH_S: Final = 0.25
# Plain lines: how long a heart rate stands otherwise before it is told, and how far apart lines of one topic are.
_HOLDS_S: Final = 5.0
_APART_US: Final = 5_000_000
_PROGRESS_S: Final = 10.0
# Whoever waits for the first readings has them at once; after that lines go out in portions.
_LINES_AT_ONCE: Final = 16
_UNITS: Final = {RrUnitVerdict.TICKS: "1/1024 s, as the standard says", RrUnitVerdict.MILLISECONDS: "1 ms"}
# Changes of a link that a person should hear of; the others are in the log and in --json.
_TOLD: Final = frozenset(
    {LinkState.STREAMING, LinkState.STALLED, LinkState.LOST, LinkState.BACKING_OFF, LinkState.GIVEN_UP}
)


def text_sink(view: View, out: TextOut) -> Sink:
    """What writes plain lines or NDJSON for somebody who looks in from outside."""
    return JsonSink(out) if view is View.JSON else PlainSink(out)


class ScreenSink:
    """Sink: the board as a screen that is redrawn four times a second; the timeline at the end."""

    def __init__(self, console: Console) -> None:
        """Take over `console` until closed."""
        self._console = console
        self._fold = BoardFold()
        self._since_draw = Stopwatch()
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()

    def accept(self, item: Item) -> None:
        """Take it in; draw if it is time."""
        self._fold.accept(item)
        self._draw_if_due(None)

    def tick(self, now_us: int, *, trouble: str | None) -> None:
        """Let ages grow."""
        self._fold.keeping = Keeping(trouble=trouble)
        self._draw_if_due(now_us)

    def close(self, timeline: Timeline) -> None:
        """Give the console back and print the timeline."""
        self._live.stop()
        self._console.print(timeline_report(timeline))

    def _draw_if_due(self, now_us: int | None) -> None:
        if self._since_draw.elapsed_s() >= _REFRESH_S:
            ascii_only = self._console.options.ascii_only
            self._live.update(
                render_board(self._fold.at(now_us), width=self._console.width, ascii_only=ascii_only), refresh=True
            )
            self._since_draw.restart()


class PlainSink:
    """Sink: one line a change, for screen readers, pipes and logs; the timeline at the end."""

    def __init__(self, out: TextOut) -> None:
        """Print to `out`."""
        self._out = out
        self._people: dict[str, str] = {}
        self._trouble: str | None = None
        self._against: dict[str, tuple[AgainstUsual, float]] = {}
        self._told: dict[str, AgainstUsual] = {}
        self._last_us: dict[tuple[str, str], int] = {}
        self._held: dict[tuple[str, str], tuple[int, str]] = {}
        self._newest_us = 0

    def accept(self, item: Item) -> None:
        """Print what has changed, if anything has that a person should hear of."""
        match item:
            case Seat():
                self._people[item.wearable] = item.person
                self._line(item.at_us, f"{item.person} is seated with {item.profile}")
            case LinkChange() if item.state in _TOLD:
                reason = f" ({item.reason})" if item.reason else ""
                person = self._people.get(item.wearable, item.wearable)
                self._change(item.at_us, (person, "link"), f"{person} link {item.state}{reason}")
            case SessionEvent():
                self._line(item.at_us, _event_words(item))
            case Correction():
                self._line(item.at_us, _correction_words(item))
            case Sharing():
                self._line(item.at_us, f"{item.person} shares {agreed(item.purposes)}")
                self._told.pop(item.person, None)
            case Extension():
                longer = "longer" if item.by_us >= 0 else "shorter"
                self._line(item.at_us, f"the block lasts {abs(item.by_us) / 60e6:g} minutes {longer}")
            case HeartRateReading():
                self._heart_rate(item)
            case GradeReading():
                self._line(item.at_us, f"{item.person} wearable gives {item.grade} grade")
            case Battery(charge_pct=charge_pct) if charge_pct <= 20:
                self._line(item.at_us, f"{item.person} battery {charge_pct} %")
            case ContactReading():
                words = f"{item.person} {'has' if item.present else 'has no'} contact with the skin"
                self._change(item.at_us, (item.person, "contact"), words)
            case RrUnitReading():
                self._line(item.at_us, f"{item.person} wearable sends its intervals in units of {_UNITS[item.unit]}")
            case Undecodable():
                self._line(item.at_us, f"{item.person} sent a report that cannot be read: {item.reason}")
            case SpikeStarted():
                start = item.start
                since = clock_text(start.onset_s)
                words = f"{item.person} heart rate rise, {start.rise_bpm:+.0f} bpm above usual, since {since}"
                self._line(round(start.detected_s * 1e6), words)
            case SpikeEnded():
                self._line(round(item.spike.end_s * 1e6), f"{item.person} {spike_words(item.spike)}")
            case _:
                pass

    def tick(self, now_us: int, *, trouble: str | None) -> None:
        """Say when recording stops working and when it works again."""
        if trouble != self._trouble:
            self._trouble = trouble
            self._line(now_us, "recording works again" if trouble is None else f"NOT SAVED AT PRESENT: {trouble}")

    def close(self, timeline: Timeline) -> None:
        """Print what is held, and the timeline."""
        self._let_go(None)
        self._out.write("\n" + "\n".join(timeline_lines(timeline)) + "\n")
        self._out.flush()

    def _heart_rate(self, reading: HeartRateReading) -> None:
        """Tell when the heart rate has come to stand otherwise against the usual, once it has held."""
        person, now = reading.person, against_usual(reading)
        against, since_s = self._against.get(person, (None, reading.at_s))
        if now is not against:
            self._against[person] = now, reading.at_s
        elif reading.at_s - since_s >= _HOLDS_S and self._told.get(person, AgainstUsual.UNKNOWN) is not now:
            self._told[person] = now
            above = "" if reading.above_usual_bpm is None else f" {round(reading.above_usual_bpm):+d}"
            words = f"{person} heart rate {reading.heart_rate_bpm:.0f} bpm, {now}{above}"
            self._change(round(reading.at_s * 1e6), (person, "heart rate"), words)
        self._let_go(round(reading.at_s * 1e6))

    def _change(self, at_us: int, topic: tuple[str, str], words: str) -> None:
        """Tell of a change, of one topic not more often than every few seconds; the last one within them counts."""
        last_us = self._last_us.get(topic)
        if last_us is not None and at_us - last_us < _APART_US:
            self._held[topic] = at_us, words
            return
        self._held.pop(topic, None)
        self._last_us[topic] = at_us
        self._line(at_us, words)

    def _let_go(self, now_us: int | None) -> None:
        """Tell what was held and is due (None: all of it)."""
        for topic, (at_us, words) in tuple(self._held.items()):
            if now_us is None or now_us - self._last_us[topic] >= _APART_US:
                del self._held[topic]
                self._last_us[topic] = at_us if now_us is None else now_us
                self._line(at_us, words)

    def _line(self, at_us: int, words: str) -> None:
        """Print a line; each has the time at which it became known, so that times never go back."""
        self._newest_us = max(self._newest_us, at_us)
        self._out.write(f"{clock_text(self._newest_us / 1e6)} {shown(words)}\n")
        self._out.flush()


class JsonSink:
    """Sink: every reading, and every packet but the raw notifications, as NDJSON; the associations at the end."""

    def __init__(self, out: TextOut) -> None:
        """Print to `out`."""
        self._out = out
        self._encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
        self._at_once = _LINES_AT_ONCE

    def accept(self, item: Item) -> None:
        """Print it."""
        match item:
            case Notification() | Discarded():
                return  # what is made of them is printed instead
            case (
                Measured()
                | Heard()
                | SignalReading()
                | BeatReading()
                | HeartRateReading()
                | HrvReading()
                | HrvAbsent()
                | SpikeStarted()
                | SpikeEnded()
                | RecoveryReading()
                | GradeReading()
                | Battery()
                | Worn()
                | ContactReading()
                | RrUnitReading()
                | Duplicate()
                | Late()
                | Undecodable()
            ):
                record = reading_record(item)
            case _:
                record = packet_record(item)
        self._out.write(self._encode(record) + "\n")
        if self._at_once:
            self._at_once -= 1
            self._out.flush()

    def tick(self, now_us: int, *, trouble: str | None) -> None:  # noqa: ARG002 - the log alone decides
        """Whoever reads a pipe has everything within half a second."""
        self._out.flush()

    def close(self, timeline: Timeline) -> None:
        """Print the associations."""
        for record in association_records(timeline):
            self._out.write(self._encode(record) + "\n")
        self._out.flush()


class ProgressSink:
    """Sink: how far a recording has come; a line that is redrawn on a terminal, else one every ten seconds."""

    def __init__(self, out: TextIO, *, as_json: bool) -> None:
        """Print to `out`."""
        self._out = out
        self._as_json = as_json
        self._moving = out.isatty() and not as_json
        self._since = Stopwatch()
        self._shown_us = 0
        self._newest_us = 0
        self._reports = 0
        self._intervals = 0
        self._people: set[str] = set()
        self._silent: set[str] = set()

    def accept(self, item: Item) -> None:
        """Count it."""
        match item:
            case Measured():
                self._reports += 1
                self._intervals += len(item.rr_ticks)
            case Seat():
                self._people.add(item.wearable)
            case LinkChange():
                lost = item.state in (LinkState.LOST, LinkState.STALLED, LinkState.BACKING_OFF)
                (self._silent.add if lost else self._silent.discard)(item.wearable)
            case _:
                pass

    def tick(self, now_us: int, *, trouble: str | None) -> None:
        """Say how far it is, if it is time."""
        self._newest_us = max(self._newest_us, now_us)
        if self._since.elapsed_s() < (_REFRESH_S if self._moving else _PROGRESS_S):
            return
        self._since.restart()
        self._say(trouble)

    def close(self, timeline: Timeline) -> None:
        """Say how far it came."""
        self._newest_us = max(self._newest_us, round(timeline.duration_s * 1e6))
        self._say(None)
        if self._moving:
            self._out.write("\n")
            self._out.flush()

    def _say(self, trouble: str | None) -> None:
        if self._as_json:
            record = {"type": "progress", "at_s": self._newest_us / 1e6, "wearables": len(self._people)}
            record |= {"notifications": self._reports, "rr_intervals": self._intervals, "trouble": trouble}
            self._out.write(json.dumps(record) + "\n")
            self._out.flush()
            return
        lost = f", {len(self._silent)} of them silent" if self._silent else ""
        words = f"{clock_text(self._newest_us / 1e6)} {len(self._people)} wearables{lost}: "
        words += f"{self._reports} heart-rate notifications, {self._intervals} RR intervals"
        words += f". NOT SAVED AT PRESENT: {shown(trouble)}" if trouble else ""
        self._out.write(f"\r\x1b[K{words}" if self._moving else f"{words}\n")
        self._out.flush()


def _event_words(event: SessionEvent) -> str:
    match event.kind:
        case EventKind.BLOCK:
            words = f"block begins: {event.note or event.label}"
        case EventKind.ROLE if event.label == Role.SPEAKER:
            words = f"{event.person or 'nobody'} speaks"
        case EventKind.ROLE:
            words = f"{event.person} is {event.label}"
        case EventKind.MARK:
            who = f" {event.person}" if event.person else ""
            note = f" ({event.note})" if event.note else ""
            words = f"mark {event.label}{who}{note}"
        case EventKind.NOTE:
            words = f"note{f' on {event.person}' if event.person else ''}: {event.note}"
    return f"{words}, {event.ago_us / 1e6:.0f} s ago" if event.ago_us > 0 else words


def _correction_words(correction: Correction) -> str:
    what = f"what was entered at {clock_text(correction.of_us / 1e6)}"
    if correction.now is None:
        return f"{what} is taken back"
    return f"{what} is corrected: {_event_words(replace(correction.now, ago_us=0))}"
