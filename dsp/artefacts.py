"""Finds intervals that are no normal sinus intervals, and corrects the beat times behind them, a fixed five beats late.

Strategy: the rules of Lipponen & Tarvainen with thresholds from the 91 most recent differences instead of 91 centred
ones. The centred median of 11 intervals then needs five beats of the future and nothing else does, so live and batch
are one code. A beat is judged when the fifth beat after it arrives, or when the chain ends (a gap, `flush`): then with
what there is. A gap ends the chain: no difference and no median reaches over it; only the scale of usual variability is
remembered.

Correction moves beat *times*: a displaced beat goes between its neighbours, an extra beat is taken out, a missed one is
put in. The sum of the intervals stays the sum that was sent.

References:
    J. A. Lipponen, M. P. Tarvainen, "A robust algorithm for heart rate variability time series artefact correction
    using novel beat classification", J. Med. Eng. Technol. 43(3), 2019, doi 10.1080/03091902.2019.1640306.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from typing import Final

from dsp.beats import GRID_PER_MS, Beat, BeatLabel, CleanBeat

LAG_BEATS: Final = 5
_MEDIAN_BEATS: Final = 2 * LAG_BEATS + 1
_SCALE_BEATS: Final = 91
_ALPHA: Final = 5.2
_SLOPE: Final = 0.13
_OFFSET: Final = 0.17
_MEDIAN_LIMIT: Final = 3.0
# With coarse timestamps or a very even heart the quartiles go to zero and everything becomes an artefact. No interval
# that differs by less than this many milliseconds is one.
_SCALE_FLOOR_MS: Final = 40.0
# The quartiles of a few differences are those of an artefact among them. Until so many are known, a change by a fifth
# (the rule of Malik et al., Eur. Heart J. 10(12), 1989) is enough.
_SCALE_KNOWN_BEATS: Final = 30
_SUSPICIOUS_SHARE: Final = 0.2
# A longer run of bad intervals has no trustworthy beats at its ends to interpolate between: it is flagged, not mended.
_LONGEST_RUN_BEATS: Final = 6

# A sensor that misses a beat sends the sum of two intervals, and so on; of more nobody knows how many they were.
_MOST_MISSED: Final = 3

_DISPLACED: Final = frozenset({BeatLabel.ECTOPIC, BeatLabel.LONG, BeatLabel.SHORT})


class ArtefactStage:
    """Stage: `Beat` in, `CleanBeat` out, in order, at most `LAG_BEATS` plus one run of artefacts late."""

    def __init__(self) -> None:
        """Start with no history."""
        self._difference_scale = _QuartileScale()
        self._median_scale = _QuartileScale()
        self._last_s = float("-inf")
        self._median_ms = 0.0  # around the beat that was judged last
        self._start_chain()

    def push(self, beat: Beat) -> tuple[CleanBeat, ...]:
        """Take one beat; return the clean beats that it completes (often one, sometimes none or several)."""
        ended = self.flush() if beat.gap_before else ()
        difference_ms = 0.0  # of the first beat of a chain: there is nothing that it differs from
        if self._beats:
            difference_ms = beat.rr_ms - self._beats[-1].rr_ms
            self._difference_scale.add(abs(difference_ms))
        self._beats.append(beat)
        self._differences_ms.append(difference_ms)
        if len(self._beats) - self._next > LAG_BEATS:
            self._judge_next()
        return ended + self._take_ready()

    def flush(self) -> tuple[CleanBeat, ...]:
        """End the chain: judge what is left with what there is. The stage can go on with the next chain."""
        while self._next < len(self._beats):
            self._judge_next()
        self._close_run(following=None)
        ready = self._take_ready()
        self._start_chain()
        return ready

    def _start_chain(self) -> None:
        # The last beats of the chain; `_next` is the index of the first one not judged yet.
        self._beats: list[Beat] = []
        self._differences_ms: list[float] = []
        self._next = 0
        self._marked: dict[int, BeatLabel] = {}
        self._run: list[tuple[Beat, BeatLabel]] = []
        self._ready: list[CleanBeat] = []

    def _take_ready(self) -> tuple[CleanBeat, ...]:
        if not self._ready:
            return ()
        ready = tuple(self._ready)
        self._ready.clear()
        return ready

    def _judge_next(self) -> None:
        n = self._next
        label = self._label(n)
        self._next += 1
        self._mend(self._beats[n], label)
        if n > _MEDIAN_BEATS + LAG_BEATS:  # keep just what a later judgement can look at
            drop = n - _MEDIAN_BEATS
            del self._beats[:drop], self._differences_ms[:drop]
            self._next -= drop
            self._marked = {at - drop: kept for at, kept in self._marked.items() if at >= drop}

    def _label(self, n: int) -> BeatLabel:
        """The label of beat n, by the paper's order of rules; may also mark beat n + 1."""
        beats = self._beats
        around_ms = sorted(beat.rr_ms for beat in beats[max(0, n - LAG_BEATS) : n + LAG_BEATS + 1])
        median_ms = self._median_ms = around_ms[len(around_ms) // 2]
        deviation_ms = beats[n].rr_ms - median_ms
        if deviation_ms < 0:
            deviation_ms *= 2  # a short interval deviates by less than a long one for the same fault
        self._median_scale.add(abs(deviation_ms))
        if n in self._marked:
            return self._marked.pop(n)
        threshold_ms = self._difference_scale.threshold_ms
        if len(self._difference_scale) < _SCALE_KNOWN_BEATS:
            threshold_ms = min(threshold_ms, max(_SCALE_FLOOR_MS, _SUSPICIOUS_SHARE * median_ms))
        d = self._differences_ms[n] / threshold_ms
        deviates = abs(deviation_ms) > _MEDIAN_LIMIT * self._median_scale.threshold_ms
        if abs(d) <= 1 and not deviates:
            return BeatLabel.NORMAL
        d_before, d_after, d_after_next = (self._d(at, threshold_ms) for at in (n - 1, n + 1, n + 2))
        if (d > 1 and max(d_before, d_after) < -_SLOPE * d - _OFFSET) or (
            d < -1 and min(d_before, d_after) > -_SLOPE * d + _OFFSET
        ):
            return BeatLabel.ECTOPIC
        label = self._long_or_short(n, median_ms=median_ms, deviates=deviates, threshold_ms=threshold_ms)
        if label is BeatLabel.EXTRA:
            self._marked[n + 1] = BeatLabel.NORMAL  # the other part of the same interval
        if label is BeatLabel.NORMAL and abs(d) > 1 and abs(d_after) < abs(d_after_next) and n + 1 < len(beats):
            after = self._long_or_short(n + 1, median_ms=median_ms, deviates=False, threshold_ms=threshold_ms)
            if after is not BeatLabel.NORMAL:
                self._marked[n + 1] = after
        return label

    def _long_or_short(self, n: int, *, median_ms: float, deviates: bool, threshold_ms: float) -> BeatLabel:
        d, d_after, d_after_next = (self._d(at, threshold_ms) for at in (n, n + 1, n + 2))
        long = d > 1 and min(d_after, d_after_next) < -1
        short = d < -1 and max(d_after, d_after_next) > 1
        if not (long or short or deviates):
            return BeatLabel.NORMAL
        rr_ms = self._beats[n].rr_ms
        near_ms = self._median_scale.threshold_ms
        if short and n + 1 < len(self._beats) and abs(rr_ms + self._beats[n + 1].rr_ms - median_ms) < near_ms:
            return BeatLabel.EXTRA
        whole = _whole_intervals(rr_ms, median_ms)
        if (long or rr_ms > median_ms) and whole <= _MOST_MISSED + 1 and abs(rr_ms / whole - median_ms) < near_ms:
            return BeatLabel.MISSED
        return BeatLabel.LONG if rr_ms > median_ms else BeatLabel.SHORT

    def _d(self, at: int, threshold_ms: float) -> float:
        """The normalised difference at an index; 0 outside the chain."""
        return self._differences_ms[at] / threshold_ms if 0 <= at < len(self._differences_ms) else 0.0

    def _mend(self, beat: Beat, label: BeatLabel) -> None:
        """Put out a judged beat; runs of displaced and extra beats wait for the beat that ends them."""
        if label in _DISPLACED or label is BeatLabel.EXTRA:
            self._run.append((beat, label))
            if len(self._run) > _LONGEST_RUN_BEATS:
                self._give_up_run()
            return
        if label is BeatLabel.MISSED:
            self._close_run(following=None)
            labels = [BeatLabel.MISSED] * _whole_intervals(beat.rr_ms, self._median_ms)
            self._space_evenly(labels, total_ms=beat.rr_ms, end_s=beat.at_s, gap_before=beat.gap_before)
            return
        if self._run:
            self._close_run(following=beat)
            return
        self._put(beat.at_s, beat.rr_ms, label, gap_before=beat.gap_before)

    def _close_run(self, *, following: Beat | None) -> None:
        """Space the beats of a run evenly from the beat before it to the normal beat that follows it."""
        if not self._run:
            return
        if following is None:
            self._give_up_run()
            return
        last = self._run[-1][1]  # the normal beat that ends the run stands on a moved one: it shares its label
        labels = [label for _, label in self._run if label is not BeatLabel.EXTRA]
        total_ms = sum(beat.rr_ms for beat, _ in self._run) + following.rr_ms
        gap_before = self._run[0][0].gap_before
        self._run.clear()
        self._space_evenly([*labels, last], total_ms=total_ms, end_s=following.at_s, gap_before=gap_before)

    def _space_evenly(self, labels: list[BeatLabel], *, total_ms: float, end_s: float, gap_before: bool) -> None:
        """Put out one corrected beat a label, evenly over the `total_ms` that end at `end_s`."""
        # Never before the last beat put out, whatever timing made of the times.
        begin_s = max(self._last_s, end_s - total_ms / 1000)
        done_ms = 0.0
        for index, label in enumerate(labels, 1):
            until_ms = _on_grid(total_ms * index / len(labels))
            at_s = begin_s + (end_s - begin_s) * until_ms / total_ms
            self._put(at_s, until_ms - done_ms, label, corrected=True, gap_before=gap_before and index == 1)
            done_ms = until_ms

    def _give_up_run(self) -> None:
        """Put a run out as it was sent: flagged by its labels, not mended."""
        for beat, label in self._run:
            self._put(beat.at_s, beat.rr_ms, label, gap_before=beat.gap_before)
        self._run.clear()

    def _put(
        self, at_s: float, nn_ms: float, label: BeatLabel, *, corrected: bool = False, gap_before: bool = False
    ) -> None:
        self._last_s = at_s
        self._ready.append(CleanBeat(at_s=at_s, nn_ms=nn_ms, label=label, corrected=corrected, gap_before=gap_before))


class _QuartileScale:
    """5.2 times half the distance between the quartiles of the last 91 values, never below the floor."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque()
        self._ordered: list[float] = []
        self.threshold_ms = _SCALE_FLOOR_MS

    def __len__(self) -> int:
        return len(self._ordered)

    def add(self, value_ms: float) -> None:
        if len(self._recent) == _SCALE_BEATS:
            oldest = self._recent.popleft()
            del self._ordered[bisect_left(self._ordered, oldest)]
        self._recent.append(value_ms)
        insort(self._ordered, value_ms)
        last = len(self._ordered) - 1
        self.threshold_ms = max(
            _SCALE_FLOOR_MS, _ALPHA * (self._quantile(0.75 * last) - self._quantile(0.25 * last)) / 2
        )

    def _quantile(self, position: float) -> float:
        below = int(position)
        if below + 1 >= len(self._ordered):
            return self._ordered[below]
        return self._ordered[below] + (self._ordered[below + 1] - self._ordered[below]) * (position - below)


def _whole_intervals(rr_ms: float, median_ms: float) -> int:
    """How many usual intervals a long one is likely to be the sum of; at least 2."""
    return max(2, round(rr_ms / median_ms))


def _on_grid(ms: float) -> float:
    return round(ms * GRID_PER_MS) / GRID_PER_MS
