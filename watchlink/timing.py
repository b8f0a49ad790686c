"""Measurements to beats with times: where on the session's axis each heart beat was, and where beats are missing.

Strategy: a notification says how long the last intervals were, not when they ended. Summed up, the intervals are a
clock of their own (the chain); what is unknown is its offset to the session's axis. Two things pin it down.

When reports are sent: most wearables send one each second of their own clock, and the radio only adds to that. So the
lower envelope of arrivals over their numbers tells when each was sent, nearly free of the radio's wait, and a report
that was held up for seconds tells no less than another (`_Schedule`).

What a report holds: its newest beat was before it was sent, and the next beat, which comes with a later report, was
after. So every report bounds the offset from both sides, and the bounds close in on it as the beats wander through the
second. A heart in step with the reports shows them one side for long; then the bounds stay wide, and so does what is
stated (`_Offset`).

The chain breaks when the newest beat would be older than one interval: then a beat was never delivered. It also breaks
at a lost link, at lost contact, and where the chain runs ahead of the arrivals. A break is marked on the next beat
(`gap_before`) and starts a new chain. How long the hole is, is known to the whole number of beats that fit into it, and
each of these was about as long as its neighbours: so the offset is not lost with the beats. A report that seems to come
after a loss is held back until the one after it: if that follows at once, the radio was only late, and nothing was
lost. So beats come at once or, there, one report later; what was given never changes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import erf, exp, floor, inf, nextafter, pi, sqrt
from typing import Final

from dsp.beats import Beat
from firmware_profiles.heart_rate_service import RR_TICKS_PER_S

# The wearable's clock drifts against the session's by at most 0.1 ms a second: so long are bounds worth something.
_WINDOW_S: Final = 120.0
# A bunch of reports that the radio held up for seconds must not pass for the usual.
_DELTAS: Final = 31
# A report later than this many usual periods is one after a missing one.
_LATE_PERIODS: Final = 1.6
# Two reports closer than this many usual periods were held up by the radio and came in a bunch.
_BUNCH_PERIODS: Final = 0.5
# So many reports are held back at most while it is not clear whether one is missing.
_MOST_HELD: Final = 16
# No heart that somebody talks with beats more slowly; such a number is a fault of the firmware.
MAX_RR_MS: Final = 4000.0
_US_PER_S: Final = 1_000_000

# Firmware sends by a timer of a round number of quarter seconds, if by a timer at all.
_PERIOD_STEP_S: Final = 0.25
_PERIOD_OFF: Final = 0.01
# The envelope of arrivals over the schedule: over so many reports, and trusted from so many on.
_ENVELOPE_REPORTS: Final = 60
_LEAST_REPORTS: Final = 4
_RECENT_REPORTS: Final = 18
# Half of the reports come within this span of the schedule, or there is none.
_SCHEDULED_SPREAD_S: Final = 0.04
# The least time that a report is under way: the radio event and the host's handling.
_LEAST_DELAY_S: Final = 0.003
# Without a schedule a report is under way for so long, give or take the same.
_DELAY_S: Final = 0.02
_USUAL_BEATS: Final = 4
# Where so many reports without a schedule all come as long after their newest beat, each beat is reported at once.
_IN_STEP_REPORTS: Final = 8
_AT_ONCE_S: Final = 0.1
# Beats move by so much against their neighbours from one to the next, as a share of an interval: breathing.
_BEAT_SD: Final = 0.05
# Bounds that contradict each other by no more than this are noise of the envelope.
_SLACK_S: Final = 0.005
# Arrivals that go back by more than this are a clock that was set, not a packet out of order.
_CLOCK_SET_S: Final = 0.5
_QUANTILE: Final = 1.959964
# Below this an expectation and the bounds have nothing in common.
_LEAST_MASS: Final = 1e-6


@dataclass(slots=True)
class TimingCounts:
    """What was noticed on the way, for the quality shown beside every metric."""

    gaps: int = 0
    implausible_rr: int = 0
    lost_reports: int = 0
    clock_steps: int = 0


@dataclass(frozen=True, slots=True)
class _Report:
    at_s: float
    intervals_ms: tuple[float, ...]
    late: bool
    bunched: bool


class BeatTimer:
    """Stage: RR ticks with their arrival in, `Beat` out, at once or one report later; `flush` gives what is held."""

    def __init__(self, *, min_rr_ms: float, words_per_s: int = RR_TICKS_PER_S, after_s: float = -inf) -> None:
        """Intervals below `min_rr_ms` are no heart beats but firmware faults: counted and left out.

        A wearable that keeps to the standard sends 1024 `words_per_s`. All beats come after `after_s`, where the
        person's last wearable left off.
        """
        self._min_rr_ms = min_rr_ms
        self._words_per_s = words_per_s
        self.counts = TimingCounts()
        self._schedule = _Schedule()
        self._offset = _Offset()
        self._held: list[_Report] = []
        self._set_back_s = 0.0
        self._last_arrival_s: float | None = None
        self._broken = False
        self._late = False
        self._begun = False
        self._overdue = 0
        self.last_beat_s = after_s
        """When the last beat was, on the session's axis."""

    def break_chain(self) -> tuple[Beat, ...]:
        """Beats may be missing from here on: the link or the contact is gone. Returns what was held back."""
        beats = self.flush()
        self._broken = True
        self._last_arrival_s = None
        return beats

    def flush(self) -> tuple[Beat, ...]:
        """Nothing follows for now: what was held back comes out, with a beat missing before it."""
        return self._release(lost=True)

    def push(self, *, at_us: int, rr_ticks: tuple[int, ...]) -> tuple[Beat, ...]:
        """Take one report (also one without intervals, for its time); return the beats that are timed now."""
        arrival_s = self._on_axis(at_us / _US_PER_S)
        delta_s = 0.0 if self._last_arrival_s is None else arrival_s - self._last_arrival_s
        self._last_arrival_s = arrival_s
        late, bunched = self._schedule.note(arrival_s, delta_s=delta_s)
        intervals_ms = [ticks * 1000 / self._words_per_s for ticks in rr_ticks]
        plausible_ms = tuple(rr_ms for rr_ms in intervals_ms if self._min_rr_ms <= rr_ms <= MAX_RR_MS and rr_ms > 0)
        self.counts.implausible_rr += len(intervals_ms) - len(plausible_ms)
        report = _Report(arrival_s, plausible_ms, late, bunched)
        if self._held:
            return self._follow(report)
        return self._judge(report)

    def _follow(self, report: _Report) -> tuple[Beat, ...]:
        """A report after one that seemed to follow a loss: did the radio only hold them up?"""
        if report.bunched and len(self._held) < _MOST_HELD:
            self._held.append(report)
            return self._release(lost=False) if self._caught_up() else ()
        return (*self._release(lost=True), *self._judge(report))

    def _judge(self, report: _Report) -> tuple[Beat, ...]:
        """Take a report, or hold it back if a beat seems to be missing before it."""
        if self._begun and not self._broken and report.intervals_ms and self._breaks(report):
            self._held.append(report)
            self._schedule.last_sent_s = None  # what comes next comes after this one
            return ()
        return self._take(report, steps=None)

    def _caught_up(self) -> bool:
        """Whether the reports that were held hold all beats up to now."""
        total_s = sum(sum(report.intervals_ms) for report in self._held) / 1000
        newest_ms = next((r.intervals_ms[-1] for r in reversed(self._held) if r.intervals_ms), 0.0)
        # The report that is due next may be held up as well.
        longest_s = newest_ms / 1000 + self._schedule.period_s + 0.1
        return self._offset.least_age_s(self._held[-1].at_s, ahead_s=total_s) <= longest_s

    def _release(self, *, lost: bool) -> tuple[Beat, ...]:
        held, self._held = self._held, []
        self._overdue = 0
        beats: list[Beat] = []
        for number, report in enumerate(held):
            if lost and number == 0:
                self._broken = True
            beats += self._take(report, steps=None if lost else 1)
        return tuple(beats)

    def _take(self, report: _Report, *, steps: int | None) -> tuple[Beat, ...]:
        """Time the beats of a report; `steps` is by how many periods it is after the last, None to find out."""
        sent = self._schedule.sent(report.at_s, steps=steps, held_up=report.late or report.bunched)
        self.counts.lost_reports += sent.missing
        self._late = not report.intervals_ms and (self._late or report.late)
        intervals_s = [rr_ms / 1000 for rr_ms in report.intervals_ms]
        gap_before = self._broken and bool(intervals_s)
        if gap_before:
            self._broken = False
            self._overdue = 0
            self._offset.bridge(intervals_s, by_s=sent.by_s)
        self._offset.take(intervals_s, arrival_s=report.at_s, sent=sent)
        if not intervals_s:
            return ()
        self._begun = True
        beats: list[Beat] = []
        within_s = self._offset.within_s
        newest_s = min(self._offset.newest_s, report.at_s)
        chain_s = -sum(intervals_s)
        for rr_ms, rr_s in zip(report.intervals_ms, intervals_s, strict=True):
            chain_s += rr_s
            # A better offset may move the chain back; time itself goes neither back nor ahead of the report.
            least_s = min(self.last_beat_s + rr_s / 2, (self.last_beat_s + report.at_s) / 2)
            at_s = max(newest_s + chain_s, least_s, nextafter(self.last_beat_s, inf))
            self.last_beat_s = at_s
            beats.append(Beat(at_s=at_s, rr_ms=rr_ms, gap_before=gap_before, at_within_s=within_s))
            self.counts.gaps += gap_before
            gap_before = False
        return tuple(beats)

    def _breaks(self, report: _Report) -> bool:
        """Whether a beat is missing between the chain and this report, judged by the age of its newest beat."""
        newest_s = report.intervals_ms[-1] / 1000
        ahead_s = sum(report.intervals_ms) / 1000
        age_s = self._offset.least_age_s(report.at_s, ahead_s=ahead_s)
        if age_s < -1.5 * newest_s:  # more beats than time: something was delivered twice
            return True
        if report.bunched:  # held up: its beats are older than they would be
            return age_s > 1.3 * newest_s + 0.4 + self._schedule.period_s
        if self._late or report.late:
            # Where every report has a beat, one that is missing took a beat with it.
            likely_age_s = report.at_s - self._offset.newest_s - ahead_s
            if likely_age_s > 0.9 * newest_s or newest_s < 0.9 * self._schedule.period_s:
                return True
        self._overdue = self._overdue + 1 if age_s > newest_s + 0.1 else 0
        return self._overdue >= 2 or age_s > 1.3 * newest_s + 0.4

    def _on_axis(self, at_s: float) -> float:
        """The arrival on an axis that never goes back: a clock that was set back goes on from where it was."""
        at_s += self._set_back_s
        if self._last_arrival_s is not None and at_s < self._last_arrival_s - _CLOCK_SET_S:
            self.counts.clock_steps += 1
            self._set_back_s += self._last_arrival_s + self._schedule.period_s - at_s
            at_s = self._last_arrival_s + self._schedule.period_s
        return at_s


@dataclass(frozen=True, slots=True)
class _Sent:
    """When a report was sent, as far as it is known.

    Attributes:
        by_s: it was sent by then.
        at_s: it was sent then; None if it may have been held up.
        sure_s: standard deviation of both.
        scheduled: it is one of a schedule; else nothing is known but when it arrived.
        missing: how many reports were not delivered before it.
    """

    by_s: float
    at_s: float | None
    sure_s: float
    scheduled: bool = False
    missing: int = 0


class _Schedule:
    """When each report was sent, from when they arrived."""

    def __init__(self) -> None:
        self._deltas_s: deque[float] = deque(maxlen=_DELTAS)
        self._nominal_s = 0.0
        self._number = 0
        self.last_sent_s: float | None = None
        """When the last report was sent, where it is known; what is late is late against that."""
        self._period_s: float | None = None
        # Lower envelope of arrival minus nominal time: (number, difference) with rising differences, oldest first.
        self._envelope: deque[tuple[int, float]] = deque()
        self._recent: deque[float] = deque(maxlen=_RECENT_REPORTS)

    @property
    def period_s(self) -> float:
        """The usual time between reports."""
        return sorted(self._deltas_s)[len(self._deltas_s) // 2] if self._deltas_s else 1.0

    def note(self, at_s: float, *, delta_s: float) -> tuple[bool, bool]:
        """Take an arrival, `delta_s` after the last (0: none before); say whether it is late, whether in a bunch."""
        if delta_s <= 0:
            return False, bool(self._deltas_s)
        usual_s = self.period_s if self._deltas_s else delta_s
        self._deltas_s.append(delta_s)
        # After reports that were held up the next one is late against the schedule, not against them.
        since_s = delta_s if self.last_sent_s is None else max(delta_s, at_s - self.last_sent_s)
        self.last_sent_s = None
        bunched = delta_s < _BUNCH_PERIODS * usual_s
        return since_s > _LATE_PERIODS * usual_s and not bunched, bunched

    def sent(self, at_s: float, *, steps: int | None, held_up: bool) -> _Sent:
        """When the report that arrived at `at_s` was sent.

        Args:
            at_s: its arrival.
            steps: by how many periods it is after the last; None to find out.
            held_up: it came late or in a bunch, so that it may have been sent long before.
        """
        self.last_sent_s = None
        by_arrival = _Sent(at_s - _LEAST_DELAY_S, None if held_up else at_s - _LEAST_DELAY_S, _DELAY_S)
        usual_s = self.period_s
        period_s = max(_PERIOD_STEP_S, round(usual_s / _PERIOD_STEP_S) * _PERIOD_STEP_S)
        if abs(usual_s - period_s) > _PERIOD_OFF * period_s or len(self._deltas_s) < _LEAST_REPORTS:
            self._forget()
            return by_arrival
        if period_s != self._period_s:
            self._forget()
            self._period_s = period_s
        if not self._envelope:
            self._add(at_s)
            return by_arrival
        above_s = sorted(self._recent)[len(self._recent) // 2] - self._envelope[0][1]
        scheduled = len(self._recent) >= _LEAST_REPORTS and above_s <= _SCHEDULED_SPREAD_S
        off_s = at_s - self._envelope[0][1] - self._nominal_s
        if steps is None:
            steps = max(0, round(off_s / period_s))
            # What came late is on time only where the schedule has a report; else it was held up.
            if held_up and (steps == 0 or abs(off_s - steps * period_s) > 2 * above_s + _SLACK_S):
                return by_arrival
        self._nominal_s += steps * period_s
        # Half a period earlier than any before: the numbers were wrong.
        if at_s - self._nominal_s < self._envelope[0][1] - period_s / 2:
            self._forget()
            self._period_s = period_s
        self._add(at_s - self._nominal_s)
        if not scheduled:
            return by_arrival
        # The least of n waits is expected above the least possible by their span / (n + 1); the median is half of it.
        early_s = 2 * above_s / (min(self._number, _ENVELOPE_REPORTS) + 1)
        sent_s = self._nominal_s + self._envelope[0][1] - early_s - _LEAST_DELAY_S
        self.last_sent_s = sent_s
        return _Sent(sent_s, sent_s, early_s + _SLACK_S, scheduled=True, missing=max(0, steps - 1))

    def _add(self, difference_s: float) -> None:
        self._number += 1
        while self._envelope and self._envelope[-1][1] >= difference_s:
            self._envelope.pop()
        self._envelope.append((self._number, difference_s))
        while self._envelope[0][0] <= self._number - _ENVELOPE_REPORTS:
            self._envelope.popleft()
        self._recent.append(difference_s)

    def _forget(self) -> None:
        self._envelope.clear()
        self._recent.clear()
        self._nominal_s = 0.0
        self._number = 0
        self._period_s = None


class _Offset:
    """Where the newest beat of the chain was: between bounds, and near what is expected.

    Everything is kept as an offset: the time on the session's axis of the beat at which the chain reads zero.
    """

    def __init__(self) -> None:
        self.newest_s = 0.0
        """The newest beat, on the session's axis."""
        self.within_s = 0.0
        """It was within so many seconds of that, with 95 % probability."""
        self._chain_s = 0.0
        self._expected: tuple[tuple[float, float], ...] = ()
        # Each (when, bound), the tightest first, then those that are left when it gets too old.
        self._above: deque[tuple[float, float]] = deque()
        self._below: deque[tuple[float, float]] = deque()
        self._sure_s = _DELAY_S
        self._waiting_s: float | None = None
        # Arrival minus chain of the last reports, as long as there is no schedule.
        self._in_step_s: deque[float] = deque(maxlen=_IN_STEP_REPORTS)
        self._at_once = False
        self._rr_s = 0.0
        self._usual_s: deque[float] = deque(maxlen=_USUAL_BEATS)
        self._known = False

    def least_age_s(self, at_s: float, *, ahead_s: float) -> float:
        """How old the beat is at least that is `ahead_s` on in the chain, when a report arrives at `at_s`."""
        return at_s - self._above[0][1] - self._chain_s - ahead_s

    def bridge(self, intervals_s: list[float], *, by_s: float) -> None:
        """Beats are missing before these, sent by `by_s`: a new chain, with the whole numbers of beats that may fit."""
        self._chain_s = 0.0
        self._above.clear()
        self._below.clear()
        self._waiting_s = None
        self._expected = ()
        self._in_step_s.clear()
        if not self._known:
            return
        # Not the mean: one early beat, and the pause after it that was lost, must not count.
        usual = sorted((*self._usual_s, *intervals_s))
        rr_s = usual[len(usual) // 2]
        # The newest beat is at most one interval old: that leaves one number, or two next to each other.
        most = (by_s - sum(intervals_s) - self.newest_s) / rr_s
        before_sd_s = self.within_s / _QUANTILE
        self._expected = tuple(
            (self.newest_s + missing * rr_s, sqrt(before_sd_s**2 + missing * (_BEAT_SD * rr_s) ** 2))
            for missing in (floor(most) - 1, floor(most), floor(most) + 1)
            if missing > 0
        )
        if any(error_s > rr_s / 4 for _, error_s in self._expected):  # too far: the number of beats is not known
            self._expected = ()

    def take(self, intervals_s: list[float], *, arrival_s: float, sent: _Sent) -> None:
        """A report with these intervals."""
        self._sure_s = sent.sure_s
        if intervals_s:
            if self._waiting_s is not None:  # the reports since the newest beat were all before the next one
                self._bound(self._below, arrival_s, self._waiting_s - self._chain_s - intervals_s[0], sign=-1)
                self._waiting_s = None
            self._chain_s += sum(intervals_s)
            self._rr_s = intervals_s[-1]
            self._usual_s.extend(intervals_s)
            self._bound(self._above, arrival_s, sent.by_s - self._chain_s, sign=1)
            self._known = True
            self._note_step(sent)
        if not self._known:
            return
        if sent.at_s is not None:
            self._waiting_s = sent.at_s
        offset_s, self.within_s = self._estimate()
        self.newest_s = offset_s + self._chain_s

    def _note_step(self, sent: _Sent) -> None:
        """Find out whether each beat is reported at once."""
        steps_s = self._in_step_s
        if sent.scheduled:
            steps_s.clear()
            self._at_once = False
            return
        steps_s.append(sent.by_s - self._chain_s)
        if len(steps_s) == _IN_STEP_REPORTS:
            self._at_once = max(steps_s) - min(steps_s) < self._rr_s / 4

    def _bound(self, bounds: deque[tuple[float, float]], at_s: float, bound_s: float, *, sign: int) -> None:
        while bounds and sign * bounds[-1][1] >= sign * bound_s:
            bounds.pop()
        bounds.append((at_s, bound_s))
        while bounds[0][0] < at_s - _WINDOW_S:
            bounds.popleft()

    def _estimate(self) -> tuple[float, float]:
        """The offset and its 95 % half-width."""
        high_s = self._above[0][1]
        low_s = self._below[0][1] if self._below else high_s - self._rr_s
        low_s = max(low_s, high_s - self._rr_s)
        if self._at_once:
            low_s = high_s - _AT_ONCE_S
        if low_s > high_s:  # noise: the truth is between them all the same
            low_s, high_s = high_s, low_s
        half_s = (high_s - low_s) / 2
        middle_s = (low_s + high_s) / 2
        within_s = 0.95 * half_s
        expected = [_truncated(mean_s, error_s, low_s, high_s) for mean_s, error_s in self._expected]
        mass = sum(weight for weight, _, _ in expected)
        if mass > _LEAST_MASS:  # else what was expected is out of the question
            middle_s = sum(weight * mean_s for weight, mean_s, _ in expected) / mass
            spread_s2 = sum(weight * (sd_s**2 + (mean_s - middle_s) ** 2) for weight, mean_s, sd_s in expected) / mass
            within_s = min(within_s, _QUANTILE * sqrt(spread_s2))
        return middle_s, sqrt(within_s**2 + (_QUANTILE * self._sure_s) ** 2)


def _truncated(mean: float, sd: float, low: float, high: float) -> tuple[float, float, float]:
    """A normal distribution cut off at both ends: how much of it is left, its mean and standard deviation."""
    below, above = (low - mean) / sd, (high - mean) / sd
    mass = (erf(above / sqrt(2)) - erf(below / sqrt(2))) / 2
    if mass < _LEAST_MASS:
        return 0.0, mean, 0.0
    at_low, at_high = (exp(-z * z / 2) / sqrt(2 * pi) for z in (below, above))
    shift = (at_low - at_high) / mass
    variance = 1 + (below * at_low - above * at_high) / mass - shift**2
    return mass, mean + sd * shift, sd * sqrt(max(variance, 0.0))
