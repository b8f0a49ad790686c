"""The pacer as a person follows it: a bar that grows and shrinks, plain lines, or records.

Strategy: whoever shows it is asked nothing; it runs beside the session on the session's clock, ten times a second for
the bar, once for half a breath in lines.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from math import ceil
from typing import Final, Protocol, TypeAlias

from rich.align import Align
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from watchlink.clock import Clock, clock_text
from watchlink.hub import Item
from watchlink.paced import Followed, PacedFold
from watchlink.pacer import Breath, Step, seconds_text
from watchlink.readings import Grade
from watchlink.reports.pacing import pacing_lines, pacing_records, pacing_report
from watchlink.sources.paced import Pace
from watchlink.texts import TextOut, shown
from watchlink.timeline import Timeline

_REDRAW_US: Final = 100_000
_US_PER_S: Final = 1_000_000
_BAR: Final = 60
_QUIET: Final = "grey58"
_NOTHING: Final = Text(" ")
GENTLY: Final = "Breathe gently, not deeply. If you feel dizzy, stop and breathe as you like."
_WAITING: Final = "Waiting for a heart rate. Is the wearable worn, and awake?"

Hearts: TypeAlias = Callable[[], list[str]]
"""What is said of the heart, one line each."""


class Guide(Protocol):
    """Something that shows the pacer."""

    async def run(self, pace: Pace, clock: Clock, hearts: Hearts) -> None:
        """Show it until the schedule is over or somebody stops it."""
        ...

    def stop(self) -> None:
        """Show no more breaths, from now on."""
        ...

    def results(self, followed: tuple[Followed, ...]) -> None:
        """It is over: show how the heart followed."""
        ...


class ScreenGuide:
    """A bar on a terminal."""

    def __init__(self, console: Console) -> None:
        """Draw on `console`."""
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)

    async def run(self, pace: Pace, clock: Clock, hearts: Hearts) -> None:
        """Redraw ten times a second."""
        with self._live as live:
            due_us = clock.now_us()
            while (at_s := pace.at_s(clock.now_us())) is None or at_s < pace.schedule.duration_s:
                ascii_only = self._console.options.ascii_only
                live.update(pacer_screen(pace, at_s, hearts(), ascii_only=ascii_only), refresh=True)
                due_us += _REDRAW_US
                await clock.sleep_until_us(due_us)

    def stop(self) -> None:
        """Give the console back."""
        self._live.stop()

    def results(self, followed: tuple[Followed, ...]) -> None:
        """A table."""
        if followed:
            self._console.print(pacing_report(followed))


class LineGuide:
    """A line for half a breath."""

    def __init__(self, out: TextOut) -> None:
        """Print to `out`."""
        self._out = out

    async def run(self, pace: Pace, clock: Clock, hearts: Hearts) -> None:
        """Print each line when its half begins; what is said of the heart once a step, before it."""
        await pace.until_begun()
        if pace.start_us is None:
            return
        before: Step | None = None
        for at_s, step, breath in pace.schedule.halves():
            await clock.sleep_until_us(pace.start_us + round(at_s * _US_PER_S))
            if step is not before:
                for words in hearts():
                    self._line(at_s, words)
                self._line(at_s, f"{step.words}, for {duration_text(step.until_s - step.since_s)}")
                before = step
            if breath is not None:
                self._line(at_s, f"{'in' if breath.inward else 'out'} {seconds_text(breath.lasts_s)} s")

    def stop(self) -> None:
        """Nothing to give back."""

    def results(self, followed: tuple[Followed, ...]) -> None:
        """Plain lines."""
        for line in pacing_lines(followed):
            self._out.write(f"{line}\n")
        self._out.flush()

    def _line(self, at_s: float, words: str) -> None:
        self._out.write(f"{clock_text(at_s + 1e-6)} {shown(words)}\n")
        self._out.flush()


class RecordGuide:
    """NDJSON: the steps as they begin, the responses at the end."""

    def __init__(self, out: TextOut) -> None:
        """Print to `out`."""
        self._out = out

    async def run(self, pace: Pace, clock: Clock, hearts: Hearts) -> None:  # noqa: ARG002 - only what was measured
        """Print each step when it begins."""
        await pace.until_begun()
        if pace.start_us is None:
            return
        for step in pace.schedule.steps:
            await clock.sleep_until_us(pace.start_us + round(step.since_s * _US_PER_S))
            record = {"type": "step", "at_s": pace.start_us / _US_PER_S + step.since_s}
            record |= {"lasts_s": step.until_s - step.since_s, "breaths_per_min": step.breaths_per_min}
            self._record(record | {"in_s": step.in_s or None, "out_s": step.out_s or None})

    def stop(self) -> None:
        """Nothing to give back."""

    def results(self, followed: tuple[Followed, ...]) -> None:
        """Print the responses."""
        for record in pacing_records(followed):
            self._record(record)

    def _record(self, record: object) -> None:
        self._out.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
        self._out.flush()


class GuideSink:
    """Sink: lets a guide run beside a session, and shows at the end how the heart followed.

    A wearable that gives no intervals between beats ends the session, where `needs_intervals`.
    """

    def __init__(self, guide: Guide, pace: Pace, clock: Clock, *, needs_intervals: bool) -> None:
        """Begin to show it; an event loop runs."""
        self.without_intervals = False
        self._guide = guide
        self._pace = pace
        self._clock = clock
        self._needs_intervals = needs_intervals
        self._fold = PacedFold()
        self._trouble: str | None = None
        self._task = asyncio.get_running_loop().create_task(guide.run(pace, clock, self._hearts))

    def accept(self, item: Item) -> None:
        """Take it in."""
        self._fold.accept(item)
        rate_only = any(self._fold.grade(person) is Grade.RATE for person in self._fold.people())
        if self._needs_intervals and rate_only and not self.without_intervals:
            self.without_intervals = True
            self._pace.give_up()

    def tick(self, now_us: int, *, trouble: str | None) -> None:  # noqa: ARG002 - the guide has the clock
        """Remember whether it is saved; a guide that failed is heard of."""
        self._trouble = trouble
        if self._task.done() and not self._task.cancelled():
            self._task.result()

    def close(self, timeline: Timeline) -> None:  # noqa: ARG002 - the steps say more than the timeline
        """Stop the guide and show how the heart followed."""
        self._task.cancel()
        self._guide.stop()
        if self._fold.paced and not self.without_intervals:
            self._guide.results(self._fold.followed())

    def _hearts(self) -> list[str]:
        lines = [f"NOT SAVED AT PRESENT: {self._trouble}"] if self._trouble else []
        rate = self._rate_per_min()
        for person in self._fold.people():
            words = f"heart rate {self._fold.heart_rate_bpm(person)} bpm"
            swing_bpm = None if rate is None else self._fold.last_swing_bpm(person, breath_s=60 / rate)
            if swing_bpm is not None:
                words += f", it swings by {swing_bpm:.0f} bpm with a breath"
            lines.append(words)
        return lines

    def _rate_per_min(self) -> float | None:
        """Of the breath a second ago: at the beginning of a step the beats are still those of the one before."""
        at_s = self._pace.at_s(self._clock.now_us())
        step = None if at_s is None else self._pace.schedule.step_at(at_s - 1)
        return None if step is None else step.breaths_per_min


def pacer_screen(pace: Pace, at_s: float | None, hearts: list[str], *, ascii_only: bool) -> RenderableType:
    """What a person looks at: the step, the bar, and below it what is known of the heart. Pure; fits 80x24."""
    lead = at_s is not None and at_s < 0
    step = None if at_s is None else pace.schedule.step_at(max(0.0, at_s))
    if at_s is None or step is None:
        return Group(Text(""), Text(_WAITING, style=_QUIET))
    left_s = pace.schedule.duration_s - max(0.0, at_s)
    steps = [one for one in pace.schedule.steps if one.breaths_per_min is not None]
    head = step.words
    if len(steps) > 1 and step in steps:
        head = f"step {steps.index(step) + 1} of {len(steps)}: {head}"
    breath = None if lead else pace.schedule.breath_at(at_s)
    if lead:
        word, count_s = "get ready", -at_s
    elif breath is None:
        word, count_s = "breathe as you like", step.until_s - at_s
    else:
        word, count_s = "in" if breath.inward else "out", breath.left_s
    minutes, seconds = divmod(ceil(left_s), 60)
    lines = [
        _NOTHING,
        Text(head, style=_QUIET),
        Text(f"{minutes}:{seconds:02d} left", style=_QUIET),
        _NOTHING,
        _NOTHING,
        Text(word, style="bold"),
        Text(f"{ceil(count_s)} s"),
        _NOTHING,
        *_bar(breath, ascii_only=ascii_only),
        _NOTHING,
        _NOTHING,
        *(Text(shown(line)) for line in hearts),
    ]
    return Group(*(Align.center(line) for line in lines))


def duration_text(seconds: float) -> str:
    """How long, as a person says it: "2 min 3 s"."""
    minutes, rest = divmod(round(seconds), 60)
    words = [f"{minutes} min"] if minutes else []
    return " ".join([*words, f"{rest} s"] if rest or not words else words)


def _bar(breath: Breath | None, *, ascii_only: bool) -> list[Text]:
    """As long as the chest is full, growing from the middle; three lines high."""
    full, empty = ("#", ".") if ascii_only else ("█", "░")
    half = 0 if breath is None else max(1, round(breath.filled * _BAR / 2))
    rest = empty * (_BAR // 2 - half)
    return [Text.assemble((rest, _QUIET), (full * 2 * half, "cyan"), (rest, _QUIET)) for _ in range(3)]
