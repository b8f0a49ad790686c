"""What a person who measures alone sees meanwhile: how long it still lasts, and how good the signal is."""

from __future__ import annotations

from typing import Final, TextIO

from watchlink.clock import clock_text
from watchlink.evidence import MOST_CORRECTED_PCT, SETTLING_S
from watchlink.hub import Item
from watchlink.readings import BeatReading, HeartRateReading, Measured
from watchlink.texts import shown
from watchlink.timeline import Timeline

_SAY_EVERY_S: Final = 30.0
_LOOK_BACK_S: Final = 60.0
_SILENT_AFTER_S: Final = 6.0
_POSTURE: Final = "Sit, feet on the floor, hands still. Breathe as you like. Do not talk."


class CountdownSink:
    """Sink: how long it still lasts and how good the signal is; one line that is redrawn, or one every half minute."""

    def __init__(self, out: TextIO, *, moving: bool, until_s: float) -> None:
        """Print to `out` until `until_s`."""
        self._out = out
        self._moving = moving
        self._until_s = until_s
        self._said_s = float("-inf")
        self._recent: list[tuple[float, bool]] = []
        self._heard_s: float | None = None
        out.write(f"{_POSTURE}\n")
        out.flush()

    def accept(self, item: Item) -> None:
        """Take what tells of the signal."""
        match item:
            case Measured():
                self._heard_s = item.at_us / 1e6
            case BeatReading():
                self._recent.append((item.at_s, item.corrected))
            case HeartRateReading() if not self._recent:
                self._heard_s = max(self._heard_s or 0.0, item.at_s)
            case _:
                pass

    def tick(self, now_us: int, *, trouble: str | None) -> None:
        """Say how it stands, if it is time."""
        now_s = now_us / 1e6
        if self._moving:
            self._out.write(f"\r\x1b[K{self._words(now_s, trouble)}")
        elif now_s - self._said_s >= _SAY_EVERY_S:
            self._said_s = now_s
            self._out.write(f"{self._words(now_s, trouble)}\n")
        self._out.flush()

    def close(self, timeline: Timeline) -> None:  # noqa: ARG002 - what it says is told afterwards
        """Leave the line."""
        if self._moving:
            self._out.write("\r\x1b[K")
            self._out.flush()

    def _words(self, now_s: float, trouble: str | None) -> str:
        settling_s = SETTLING_S - now_s
        left = f"settling down, {settling_s:.0f} s" if settling_s > 0 else f"{clock_text(self._until_s - now_s)} left"
        saved = f"; NOT SAVED AT PRESENT: {shown(trouble)}" if trouble else ""
        return f"{left}; signal: {self._signal(now_s)}{saved}"

    def _signal(self, now_s: float) -> str:
        if self._heard_s is None:
            return "waiting for the first report"
        if now_s - self._heard_s > _SILENT_AFTER_S:
            return f"nothing for {now_s - self._heard_s:.0f} s"
        self._recent = [(at_s, corrected) for at_s, corrected in self._recent if at_s > now_s - _LOOK_BACK_S]
        if not self._recent:
            return "heart rate comes"
        pct = 100 * sum(corrected for _, corrected in self._recent) / len(self._recent)
        if pct > MOST_CORRECTED_PCT:
            return f"unsteady, {pct:.0f} % of the last minute's intervals corrected; moisten the strap, keep still"
        return f"good, {100 - pct:.0f} % of the last minute's intervals as sent"
