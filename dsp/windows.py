"""Heart rate variability over the last seconds of clean beats, new at every beat, with what it stands on.

Strategy: intervals are integers on the 1/1024 ms grid, so the running sums are exact: taking a beat out of the window
leaves precisely what a fresh computation would give. Only accepted intervals count (normal, not corrected), and a
difference counts only between two neighbours that were both accepted with no gap between.

References:
    Task Force of the ESC and NASPE, "Heart rate variability", Circulation 93, 1996: RMSSD, SDNN.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import sqrt
from typing import Final

from dsp.beats import GRID_PER_MS, BeatLabel, CleanBeat

_MIN_PAIRS: Final = 20
"""Fewer successive differences than this carry no RMSSD worth showing (a 60 s window at rest holds 50 to 90)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HrvMetrics:
    """Metrics of one window and their quality.

    Attributes:
        at_s: time of the beat that ends the window.
        window_s: the window's nominal length.
        mean_heart_rate_bpm: 60000 / mean NN; None without an accepted beat.
        rmssd_ms: root mean square of successive differences; None on fewer than 20 pairs.
        sdnn_ms: standard deviation of NN (n - 1); None on fewer than 20 pairs.
        beats: accepted intervals in the window.
        pairs: successive differences among them.
        covered_s: seconds of the window covered by accepted intervals.
        corrected_pct: share of all intervals in the window that were corrected or flagged, 0..100.
    """

    at_s: float
    window_s: float
    mean_heart_rate_bpm: float | None
    rmssd_ms: float | None
    sdnn_ms: float | None
    beats: int
    pairs: int
    covered_s: float
    corrected_pct: float


class HrvWindow:
    """Stage: `CleanBeat` in, `HrvMetrics` of the window that ends with it out."""

    def __init__(self, *, window_s: float = 60.0) -> None:
        """A window over the last `window_s` seconds of beat time."""
        self._window_s = window_s
        # (time, NN on the grid or None if not accepted, difference to its neighbour on the grid or None)
        self._rows: deque[tuple[float, int | None, int | None]] = deque()
        self._last_nn: int | None = None
        self._sum = self._sum_of_squares = self._beats = 0
        self._sum_of_squared_differences = self._pairs = 0

    def push(self, beat: CleanBeat) -> HrvMetrics:
        """Take one beat and return the metrics of the window that it ends."""
        accepted = beat.label is BeatLabel.NORMAL and not beat.corrected
        nn = round(beat.nn_ms * GRID_PER_MS) if accepted else None
        difference = None
        if nn is not None:
            self._beats += 1
            self._sum += nn
            self._sum_of_squares += nn * nn
            if self._last_nn is not None and not beat.gap_before:
                difference = nn - self._last_nn
                self._pairs += 1
                self._sum_of_squared_differences += difference * difference
        self._rows.append((beat.at_s, nn, difference))
        self._last_nn = nn
        self._forget_before(beat.at_s - self._window_s)
        return self._metrics(beat.at_s)

    def _forget_before(self, since_s: float) -> None:
        rows = self._rows
        while rows[0][0] <= since_s:
            _, nn, difference = rows.popleft()
            if nn is not None:
                self._beats -= 1
                self._sum -= nn
                self._sum_of_squares -= nn * nn
            self._forget_difference(difference)
            at_s, nn, difference = rows[0]  # the oldest that stays has lost its neighbour
            self._forget_difference(difference)
            rows[0] = (at_s, nn, None)

    def _forget_difference(self, difference: int | None) -> None:
        if difference is not None:
            self._pairs -= 1
            self._sum_of_squared_differences -= difference * difference

    def _metrics(self, at_s: float) -> HrvMetrics:
        beats, total = self._beats, self._sum
        rmssd_ms = sdnn_ms = None
        if self._pairs >= _MIN_PAIRS:
            rmssd_ms = sqrt(self._sum_of_squared_differences / self._pairs) / GRID_PER_MS
            sdnn_ms = sqrt((beats * self._sum_of_squares - total * total) / (beats * (beats - 1))) / GRID_PER_MS
        return HrvMetrics(
            at_s=at_s,
            window_s=self._window_s,
            mean_heart_rate_bpm=60_000 * GRID_PER_MS * beats / total if beats else None,
            rmssd_ms=rmssd_ms,
            sdnn_ms=sdnn_ms,
            beats=beats,
            pairs=self._pairs,
            covered_s=min(self._window_s, total / (1000 * GRID_PER_MS)),
            corrected_pct=100 * (len(self._rows) - beats) / len(self._rows),
        )
