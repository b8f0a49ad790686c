"""Measurements to beats with times: where on the session's axis each heart beat was, and where beats are missing.

Strategy: a notification says how long the last intervals were, not when they ended. Summed up, the intervals are a
clock of their own (the chain); what is unknown is its offset to the session's axis. A beat cannot arrive before it
happened, so arrival minus chain is never below the offset, and comes close to it whenever a beat fell just before a
report: the offset is the lower envelope of these differences. The newest beat of a report is between nothing and one
interval old, evenly spread; of n reports the smallest age is expected at interval / (n + 1), and that much is taken off
while n is small.

The chain breaks when the newest beat would be older than one interval: then a beat was never delivered. It also breaks
at a lost link, at lost contact, and where the chain runs ahead of the arrivals. A break is marked on the next beat
(`gap_before`) and starts a new chain.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf, nextafter
from typing import Final

from dsp.beats import Beat
from firmware_profiles.heart_rate_service import RR_TICKS_PER_S

_ENVELOPE_S: Final = 60.0
_DELTAS: Final = 9
# A report later than this many usual periods is one after a missing one.
_LATE_PERIODS: Final = 1.6
# No heart that somebody talks with beats more slowly; such a number is a fault of the firmware.
_MAX_RR_MS: Final = 4000.0
_US_PER_S: Final = 1_000_000


@dataclass(slots=True)
class TimingCounts:
    """What was noticed on the way, for the quality shown beside every metric."""

    gaps: int = 0
    implausible_rr: int = 0


class BeatTimer:
    """Stage: RR ticks with their arrival in, `Beat` out, at once."""

    def __init__(self, *, min_rr_ms: float, words_per_s: int = RR_TICKS_PER_S, after_s: float = -inf) -> None:
        """Intervals below `min_rr_ms` are no heart beats but firmware faults: counted and left out.

        A wearable that keeps to the standard sends 1024 `words_per_s`. All beats come after `after_s`, where the
        person's last wearable left off.
        """
        self._min_rr_ms = min_rr_ms
        self._words_per_s = words_per_s
        self.counts = TimingCounts()
        self._deltas_s: deque[float] = deque(maxlen=_DELTAS)
        self._last_arrival_s: float | None = None
        self._broken = False
        self._late = False
        self.last_beat_s = after_s
        """When the last beat was, on the session's axis."""
        self._start_chain()

    def break_chain(self) -> None:
        """Beats may be missing from here on: the link or the contact is gone."""
        self._broken = True
        self._last_arrival_s = None

    def push(self, *, at_us: int, rr_ticks: tuple[int, ...]) -> tuple[Beat, ...]:
        """Take one report (also one without intervals, for its time); return the beats in it."""
        arrival_s = at_us / _US_PER_S
        self._late |= self._note_arrival(arrival_s)
        intervals_ms = [ticks * 1000 / self._words_per_s for ticks in rr_ticks]
        plausible_ms = [rr_ms for rr_ms in intervals_ms if self._min_rr_ms <= rr_ms <= _MAX_RR_MS and rr_ms > 0]
        self.counts.implausible_rr += len(intervals_ms) - len(plausible_ms)
        if not plausible_ms:
            return ()
        total_s = sum(plausible_ms) / 1000
        newest_s = plausible_ms[-1] / 1000
        if self._reports and self._breaks(arrival_s - self._chain_s - total_s, newest_s, late=self._late):
            self._broken = True
        self._late = False
        gap_before = self._broken
        if gap_before:
            self._start_chain()
        self._reports += 1
        self._note_difference(arrival_s, arrival_s - self._chain_s - total_s)
        offset_s = self._envelope[0][1] - newest_s / (self._reports + 1)
        beats: list[Beat] = []
        for rr_ms in plausible_ms:
            self._chain_s += rr_ms / 1000
            # A better offset may move the chain back; time itself goes neither back nor ahead of the report.
            least_s = min(self.last_beat_s + rr_ms / 2000, (self.last_beat_s + arrival_s) / 2)
            at_s = max(offset_s + self._chain_s, least_s, nextafter(self.last_beat_s, inf))
            self.last_beat_s = at_s
            beats.append(Beat(at_s=at_s, rr_ms=rr_ms, gap_before=gap_before))
            self.counts.gaps += gap_before
            gap_before = False
        return tuple(beats)

    def _start_chain(self) -> None:
        self._broken = False
        self._chain_s = 0.0
        self._reports = 0
        self._overdue = 0
        # Lower envelope: (arrival, arrival - chain) with rising differences, oldest first.
        self._envelope: deque[tuple[float, float]] = deque()

    def _note_arrival(self, arrival_s: float) -> bool:
        """Remember the arrival; say whether a report seems to be missing before it."""
        last_s, self._last_arrival_s = self._last_arrival_s, arrival_s
        if last_s is None:
            return False
        delta_s = arrival_s - last_s
        usual_s = sorted(self._deltas_s)[len(self._deltas_s) // 2] if self._deltas_s else delta_s
        self._deltas_s.append(delta_s)
        return delta_s > _LATE_PERIODS * usual_s

    def _breaks(self, difference_s: float, newest_s: float, *, late: bool) -> bool:
        """Whether a beat is missing between the chain and this report, judged by the age of its newest beat."""
        age_s = difference_s - self._envelope[0][1]
        self._overdue = self._overdue + 1 if age_s > newest_s + 0.1 else 0
        return (
            (late and age_s > 0.9 * newest_s)
            or self._overdue >= 2
            or age_s > 1.3 * newest_s + 0.4
            or (age_s < -1.5 * newest_s)  # more beats than time: something was delivered twice
        )

    def _note_difference(self, arrival_s: float, difference_s: float) -> None:
        envelope = self._envelope
        while envelope and envelope[-1][1] >= difference_s:
            envelope.pop()
        envelope.append((arrival_s, difference_s))
        while envelope[0][0] < arrival_s - _ENVELOPE_S:
            envelope.popleft()
