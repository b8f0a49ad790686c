"""Finds intervals that are no normal sinus intervals, and corrects the beat times behind them, a fixed five beats late.

Strategy: the rules of Lipponen & Tarvainen with thresholds from the 91 most recent differences instead of 91 centred
ones, kept sound among many artefacts and on coarse timestamps. The centred median of 11 intervals then needs five beats
of the future and nothing else does, so live (`ArtefactStage`) and batch (`clean`) are one algorithm. A beat is judged
when the fifth beat after it arrives, or when the chain ends (a gap, `flush`): then with what there is. A gap ends the
chain: no difference and no median reaches over it; only the scale of usual variability is remembered. Batch computes
thresholds and medians of all beats at once, and runs the very code of the stage where a beat is suspicious.

The paper's ectopic pattern (a large difference, turned back on both sides) lies on the two intervals beside a displaced
beat: that beat is the one before the large difference.

Correction moves beat *times*: a displaced beat goes between its neighbours, an extra beat is taken out, a missed one is
put in, along the line from the interval before to the one after. The sum of the intervals stays the sum that was sent.

References:
    J. A. Lipponen, M. P. Tarvainen, "A robust algorithm for heart rate variability time series artefact correction
    using novel beat classification", J. Med. Eng. Technol. 43(3), 2019, doi 10.1080/03091902.2019.1640306.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Sequence
from math import isnan, nan
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dsp.beats import GRID_PER_MS, Beat, BeatLabel, CleanBeat
from dsp.series import LABELS, CleanSeries, checked_gaps, checked_intervals, checked_times

LAG_BEATS: Final = 5
_MEDIAN_BEATS: Final = 2 * LAG_BEATS + 1
_SCALE_BEATS: Final = 91
_ALPHA: Final = 5.2
_SLOPE: Final = 0.13
_OFFSET: Final = 0.17
_MEDIAN_LIMIT: Final = 3.0
# Among many artefacts the quartiles are those of the artefacts. The median holds out for longer: a threshold is never
# above this many medians. For differences this is what 5.2 times half the quartile distance comes to on a normal
# distribution; for deviations from the median, which have no such form, it is what changed nothing on clean records
# (the development records and seeds of benchmarks/correction.py).
_DIFFERENCE_MEDIANS: Final = 3.2
_DEVIATION_MEDIANS: Final = 6.0
# With coarse timestamps or a very even heart the quartiles go to zero and everything becomes an artefact. No change by
# less than this share of the usual interval, or this many milliseconds, is one: a third of the flags on clean records
# goes, and of the faults only those that hardly change a metric. Within the second share an interval is a usual one.
_LEAST_SHARE: Final = 0.08
_LEAST_MS: Final = 40.0
_NEAR_SHARE: Final = 0.1
# Where every third beat is premature no quantile is one of the heart's. Breathing hardly changes an interval by more
# than this share from one beat to the next.
_MOST_SHARE: Final = 0.3
# The quartiles of a few differences say nothing. Until so many are known, a change by a fifth is one too many (the rule
# of Malik et al., Eur. Heart J. 10(12), 1989).
_SCALE_KNOWN_BEATS: Final = 30
_SUSPICIOUS_SHARE: Final = 0.2
# A displaced beat leaves the sum of the two intervals beside it what it was: two usual ones, within half of one.
_PAIR_INTERVALS: Final = (1.5, 2.5)
# Usual variability before a displaced beat can look like a turn of its own; that of the beat is larger by more than
# this. (Where every second beat is premature, all turns are of one size.)
_STRONGER_TURN: Final = 1.5
# A longer run of bad intervals has no trustworthy beats at its ends to interpolate between: it is flagged, not mended.
_LONGEST_RUN_BEATS: Final = 6
# A sensor that misses a beat sends the sum of two intervals, and so on; of more nobody knows how many they were.
_MOST_MISSED: Final = 3
# A heart that beats less than 15 times a minute is none: the interval is a hole, in which beats were lost.
LONGEST_INTERVAL_MS: Final = 4000.0
# Where a beat comes later than its interval says by more than this share of it, a beat was lost between.
_LATE_SHARE: Final = 0.5
# Beats looked at in one go: what numpy needs meanwhile is some 20 arrays of this length, whatever the series' length.
_BLOCK_BEATS: Final = 1 << 17

# The interval before a run and the one after it say where to the intervals were going. More than this share of change
# over a run is no trend of a heart.
_STEEPEST_SHARE: Final = 0.2
_BEFORE_BEATS: Final = 1
_AHEAD_BEATS: Final = 1

_DISPLACED: Final = frozenset({BeatLabel.ECTOPIC, BeatLabel.LONG, BeatLabel.SHORT})
_CODES: Final = {label: code for code, label in enumerate(LABELS)}


class ArtefactStage:
    """Stage: `Beat` in, `CleanBeat` out, in order, at most `LAG_BEATS` plus one run of artefacts late.

    An interval above `LONGEST_INTERVAL_MS` is a hole: it is left out, and the beat after it has `gap_before`. A beat
    that comes later than its interval says, by more than half of it, has `gap_before` too, whoever sent it.
    """

    def __init__(self) -> None:
        """Start with no history."""
        self._difference_scale = _Scale(most_medians=_DIFFERENCE_MEDIANS)
        self._deviation_scale = _Scale(most_medians=_DEVIATION_MEDIANS)
        self._mender = _Mender()
        self._sent_s = float("inf")  # of the beat that was pushed last
        self._hole = False
        self._start_chain()

    def push(self, beat: Beat) -> tuple[CleanBeat, ...]:
        """Take one beat; return the clean beats that it completes (often one, sometimes none or several)."""
        late = (beat.at_s - self._sent_s) * 1000 - beat.rr_ms > _LATE_SHARE * beat.rr_ms
        self._sent_s = beat.at_s
        if beat.rr_ms > LONGEST_INTERVAL_MS:
            self._hole = True
            return self.flush()
        if (late or self._hole) and not beat.gap_before:
            beat = Beat(at_s=beat.at_s, rr_ms=beat.rr_ms, gap_before=True)
        self._hole = False
        ended = self.flush() if beat.gap_before else ()
        difference_ms = nan  # of the first beat of a chain: there is nothing that it differs from
        if self._beats:
            difference_ms = beat.rr_ms - self._rr_ms[-1]
            self._difference_scale.add(abs(difference_ms))
        self._beats.append(beat)
        self._rr_ms.append(beat.rr_ms)
        self._differences_ms.append(difference_ms)
        if len(self._beats) - self._next > LAG_BEATS:
            self._judge_next()
        return ended + self._mender.take() if self._mender.ready else ended

    def flush(self) -> tuple[CleanBeat, ...]:
        """End the chain: judge what is left with what there is. The stage can go on with the next chain."""
        while self._next < len(self._beats):
            self._judge_next()
        self._mender.end_chain()
        self._start_chain()
        return self._mender.take()

    def _start_chain(self) -> None:
        # The last beats of the chain; `_next` is the index of the first one not judged yet.
        self._beats: list[Beat] = []
        self._rr_ms: list[float] = []
        self._differences_ms: list[float] = []
        self._next = 0
        self._marked: BeatLabel | None = None  # the label of the next beat, if the one before it told

    def _judge_next(self) -> None:
        n = self._next
        self._next += 1
        rr_ms = self._rr_ms
        around_ms = sorted(rr_ms[max(0, n - LAG_BEATS) : n + LAG_BEATS + 1])
        median_ms = around_ms[len(around_ms) // 2]
        deviation_ms = rr_ms[n] - median_ms
        if deviation_ms < 0:
            deviation_ms *= -2  # a short interval deviates by less than a long one for the same fault
        self._deviation_scale.add(deviation_ms)
        threshold_ms = _SUSPICIOUS_SHARE * median_ms
        if len(self._difference_scale) >= _SCALE_KNOWN_BEATS:
            threshold_ms = min(self._difference_scale.threshold_ms, _MOST_SHARE * median_ms)
        threshold_ms = max(threshold_ms, _LEAST_SHARE * median_ms, _LEAST_MS)
        near_ms = max(self._deviation_scale.threshold_ms, _NEAR_SHARE * median_ms)
        deviates = deviation_ms > _MEDIAN_LIMIT * near_ms
        label, self._marked = self._marked, None
        if label is None:
            label = BeatLabel.NORMAL
            if deviates or any(abs(self._difference_ms(at) / threshold_ms) > 1 for at in (n, n + 1)):
                label, self._marked = _judge(
                    [self._difference_ms(at) / threshold_ms for at in range(n, n + 4)],
                    [rr_ms[at] if at < len(rr_ms) else 0.0 for at in range(n, n + 3)],
                    median_ms=median_ms,
                    near_ms=near_ms,
                    deviates=deviates,
                )
        self._mender.push(self._beats[n], label, median_ms=median_ms, ahead_ms=rr_ms[n + 1 : n + 1 + _AHEAD_BEATS])
        if n > _MEDIAN_BEATS + LAG_BEATS:  # keep just what a later judgement can look at
            drop = n - _MEDIAN_BEATS
            del self._beats[:drop], self._rr_ms[:drop], self._differences_ms[:drop]
            self._next -= drop

    def _difference_ms(self, at: int) -> float:
        """The difference at an index; NaN after the chain."""
        return self._differences_ms[at] if at < len(self._differences_ms) else nan


def clean(rr_ms: ArrayLike, *, at_s: ArrayLike | None = None, gap_before: ArrayLike | None = None) -> CleanSeries:
    """Find the artefacts of a whole series and correct them, bit for bit as `ArtefactStage` does.

    The differences of successive intervals and their deviations from the running median of 11 are held against 5.2
    times half the distance between the quartiles of the last 91 of them (never more than 3.2 and 6 of their medians,
    never less than 8 % and 10 % of the usual interval), and judged by the decision lines of Lipponen
    & Tarvainen 2019. Beats of a class other than normal are moved, put in or taken out; the sum of a chain's intervals
    stays. The result need not have as many beats as the input.

    Args:
        rr_ms: intervals in milliseconds, shape (n,), above 0; put on the grid of 1/1024 ms. One above
            `LONGEST_INTERVAL_MS` is a hole: it is left out, and the beat after it has `gap_before`.
        at_s: when each interval ended, in seconds, rising; one after the other from 0 if not given. A beat that comes
            later than its interval says, by more than half of it, has `gap_before`.
        gap_before: where beats are missing between an interval and the one before it, as a truth value an interval.

    Returns:
        The series after cleaning; empty for an empty series. Nothing in it is computed over a gap.

    Raises:
        SeriesError: intervals that are not numbers above 0, times that do not rise, or arrays of different length.

    References:
        J. A. Lipponen, M. P. Tarvainen, J. Med. Eng. Technol. 43(3), 2019, doi 10.1080/03091902.2019.1640306.
    """
    given_ms = checked_intervals(rr_ms, at_least=0, what="Cleaning")
    on_grid_ms = np.maximum(np.rint(given_ms * GRID_PER_MS), 1.0) / GRID_PER_MS
    times_s = checked_times(at_s, on_grid_ms)
    gaps = checked_gaps(gap_before, len(given_ms))
    gaps[1:] |= np.diff(times_s) * 1000 - on_grid_ms[1:] > _LATE_SHARE * on_grid_ms[1:]
    holes = on_grid_ms > LONGEST_INTERVAL_MS
    if holes.any():
        gaps[1:] |= holes[:-1]
        on_grid_ms, times_s, gaps = on_grid_ms[~holes], times_s[~holes], gaps[~holes]
    return _mend_all(times_s, on_grid_ms, gaps, _label_all(on_grid_ms, gaps))


class _Scales(NamedTuple):
    """What beats are judged by; all arrays have the shape (n,)."""

    median_ms: NDArray[np.float64]
    deviation_ms: NDArray[np.float64]
    threshold_ms: NDArray[np.float64]
    near_ms: NDArray[np.float64]


class _Flagged(NamedTuple):
    """The beats that are not normal, in order: where, what, and the median around them; all of shape (m,)."""

    at: NDArray[np.int64]
    label: NDArray[np.int8]
    median_ms: NDArray[np.float64]


def _label_all(rr_ms: NDArray[np.float64], gaps: NDArray[np.bool_], *, block_beats: int = _BLOCK_BEATS) -> _Flagged:
    """The beats that the stage would flag. Block by block: what is known of the past goes on to the next one."""
    at: list[int] = []
    labels: list[BeatLabel] = []
    medians_ms: list[float] = []
    past_differences_ms = past_deviations_ms = np.empty(0)
    marked: BeatLabel | None = None
    for begin in range(0, len(rr_ms), block_beats):
        end = min(begin + block_beats, len(rr_ms))
        # Neighbours on both sides, as far as medians and differences reach.
        low, high = max(0, begin - LAG_BEATS - 1), min(end + LAG_BEATS + 1, len(rr_ms))
        near_rr_ms = rr_ms[low:high]
        chain_begin, chain_end = _chains(gaps[low:high])
        differences_ms = np.diff(near_rr_ms, prepend=near_rr_ms[:1])
        joined = chain_begin != np.arange(high - low)
        differences_ms[~joined] = nan
        block = slice(begin - low, end - low)
        median_ms = _centred_medians_ms(near_rr_ms, chain_begin, chain_end)[block]
        deviation_ms = near_rr_ms[block] - median_ms
        deviation_ms[deviation_ms < 0] *= -2

        deviations_ms = np.concatenate((past_deviations_ms, deviation_ms))
        near_ms = _trailing_thresholds_ms(deviations_ms, most_medians=_DEVIATION_MEDIANS)[len(past_deviations_ms) :]
        near_ms = np.maximum(near_ms, _NEAR_SHARE * median_ms)
        past_deviations_ms = deviations_ms[-_SCALE_BEATS:]

        # How many differences were known when a beat was judged: up to the fifth beat after it, or its chain's end.
        new = joined.copy()
        new[: block.start] = False
        last = np.minimum(np.arange(block.start, block.stop) + LAG_BEATS, chain_end[block] - 1)
        known = len(past_differences_ms) + np.cumsum(new)[last]
        known_ms = np.concatenate((past_differences_ms, np.abs(differences_ms[new])))
        threshold_ms = _trailing_thresholds_ms(known_ms, most_medians=_DIFFERENCE_MEDIANS)
        threshold_ms = np.concatenate(([0.0], threshold_ms))[known]
        threshold_ms = np.where(
            known < _SCALE_KNOWN_BEATS,
            _SUSPICIOUS_SHARE * median_ms,
            np.minimum(threshold_ms, _MOST_SHARE * median_ms),
        )
        threshold_ms = np.maximum(np.maximum(threshold_ms, _LEAST_SHARE * median_ms), _LEAST_MS)
        past_differences_ms = known_ms[: len(known_ms) - np.count_nonzero(new[block.stop :])][-_SCALE_BEATS:]

        scales = _Scales(median_ms, deviation_ms, threshold_ms, near_ms)
        found, marked = _judge_all(near_rr_ms, differences_ms, chain_end, scales, since=block.start, marked=marked)
        at += [low + index for index, _ in found]
        labels += [label for _, label in found]
        medians_ms += [float(median_ms[index - block.start]) for index, _ in found]
    codes = np.array([_CODES[label] for label in labels], dtype=np.int8)
    return _Flagged(np.array(at, dtype=np.int64), codes, np.array(medians_ms))


def _chains(gaps: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each beat the first one of its chain and the first one after it; each of shape (n,)."""
    starts = np.flatnonzero(gaps)
    if not len(starts) or starts[0] > 0:
        starts = np.concatenate(([0], starts))
    lengths = np.diff(starts, append=len(gaps))
    return np.repeat(starts, lengths), np.repeat(starts + lengths, lengths)


def _judge_all(
    rr_ms: NDArray[np.float64],
    differences_ms: NDArray[np.float64],
    chain_end: NDArray[np.int64],
    scales: _Scales,
    *,
    since: int,
    marked: BeatLabel | None,
) -> tuple[list[tuple[int, BeatLabel]], BeatLabel | None]:
    """The flagged beats among those from `since` that have scales, and the label that the last one told of the next."""
    count = len(scales.median_ms)
    here = slice(since, since + count)
    deviates = scales.deviation_ms > _MEDIAN_LIMIT * scales.near_ms
    padded_ms = np.concatenate((differences_ms, np.full(3, nan)))
    suspects = np.flatnonzero(
        deviates
        | (np.abs(differences_ms[here] / scales.threshold_ms) > 1)
        | (np.abs(padded_ms[since + 1 : since + 1 + count] / scales.threshold_ms) > 1)
    )
    positions = suspects + since
    end = chain_end[positions]
    d_rows = np.stack(
        [
            np.where(positions + step < end, padded_ms[positions + step], nan) / scales.threshold_ms[suspects]
            for step in range(4)
        ],
        axis=1,
    )
    padded_ms = np.concatenate((rr_ms, np.zeros(2)))
    rr_rows = np.stack(
        [np.where(positions + step < end, padded_ms[positions + step], 0.0) for step in range(3)], axis=1
    )
    found: list[tuple[int, BeatLabel]] = []
    marked_at = since
    for index, d, nearby_ms, median_ms, near_ms, far in zip(
        positions.tolist(),
        d_rows.tolist(),
        rr_rows.tolist(),
        scales.median_ms[suspects].tolist(),
        scales.near_ms[suspects].tolist(),
        deviates[suspects].tolist(),
        strict=True,
    ):
        if marked is not None:
            if marked is not BeatLabel.NORMAL:
                found.append((marked_at, marked))
            marked = None
            if marked_at == index:
                continue
        label, marked = _judge(d, nearby_ms, median_ms=median_ms, near_ms=near_ms, deviates=far)
        marked_at = index + 1
        if label is not BeatLabel.NORMAL:
            found.append((index, label))
    if marked is not None and marked_at < since + count:
        if marked is not BeatLabel.NORMAL:
            found.append((marked_at, marked))
        marked = None
    return found, marked


def _judge(
    d: Sequence[float], nearby_ms: Sequence[float], *, median_ms: float, near_ms: float, deviates: bool
) -> tuple[BeatLabel, BeatLabel | None]:
    """The label of a suspicious beat by the paper's order of rules, and that of the next one where it tells.

    Args:
        d: the differences of this beat and of the three after, in thresholds; NaN where there is none in the chain.
        nearby_ms: the intervals of this beat and of the two after; 0 outside the chain.
        median_ms: the usual interval here.
        near_ms: how near the usual an interval has to be to be one.
        deviates: the interval is far from the usual.
    """
    d_here, d_after, d_after_next, _ = d
    least, most = _PAIR_INTERVALS
    stronger_next = abs(d_after_next) > _STRONGER_TURN * abs(d_after)
    if _turns(d[:3]) and not stronger_next and least * median_ms < nearby_ms[0] + nearby_ms[1] < most * median_ms:
        return BeatLabel.ECTOPIC, BeatLabel.NORMAL
    label = _long_or_short(d[:3], nearby_ms[:2], median_ms=median_ms, near_ms=near_ms, deviates=deviates)
    if label is BeatLabel.EXTRA:
        return label, BeatLabel.NORMAL  # the other part of the same interval
    if label is BeatLabel.NORMAL and abs(d_here) > 1 and abs(d_after) < abs(d_after_next) and nearby_ms[1] > 0:
        after = _long_or_short(d[1:4], nearby_ms[1:3], median_ms=median_ms, near_ms=near_ms, deviates=False)
        if after is not BeatLabel.NORMAL:
            return label, after
    return label, None


def _turns(d: Sequence[float]) -> bool:
    """A displaced beat: the second of three differences is large, and those beside it turn back by enough of it.

    At a chain's end one of them is not known; the other one decides alone.
    """
    before, middle, after = d
    if not abs(middle) > 1:
        return False
    line = -_SLOPE * abs(middle) - _OFFSET
    beside = [side if middle > 0 else -side for side in (before, after) if not isnan(side)]
    return len(beside) > 0 and max(beside) < line


def _long_or_short(
    d: Sequence[float], nearby_ms: Sequence[float], *, median_ms: float, near_ms: float, deviates: bool
) -> BeatLabel:
    d_here, d_after, d_after_next = d
    long = d_here > 1 and (d_after < -1 or d_after_next < -1)
    short = d_here < -1 and (d_after > 1 or d_after_next > 1)
    if not (long or short or deviates):
        return BeatLabel.NORMAL
    rr_ms, next_ms = nearby_ms
    if short and next_ms > 0 and abs(rr_ms + next_ms - median_ms) < near_ms:
        return BeatLabel.EXTRA
    whole = _whole_intervals(rr_ms, median_ms)
    if (long or rr_ms > median_ms) and whole <= _MOST_MISSED + 1 and abs(rr_ms / whole - median_ms) < near_ms:
        return BeatLabel.MISSED
    return BeatLabel.LONG if rr_ms > median_ms else BeatLabel.SHORT


def _centred_medians_ms(
    rr_ms: NDArray[np.float64], chain_begin: NDArray[np.int64], chain_end: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The median of the 11 intervals around each, or, near a chain's ends, the upper median of those there are."""
    from scipy.ndimage import rank_filter

    count = len(rr_ms)
    at = np.arange(count)
    medians_ms = np.asarray(rank_filter(rr_ms, LAG_BEATS, size=_MEDIAN_BEATS), dtype=np.float64)
    edge = np.flatnonzero((at - chain_begin < LAG_BEATS) | (chain_end - at <= LAG_BEATS))
    around = edge[:, np.newaxis] + np.arange(-LAG_BEATS, LAG_BEATS + 1)
    inside = (around >= chain_begin[edge, np.newaxis]) & (around < chain_end[edge, np.newaxis])
    values_ms = np.where(inside, rr_ms[np.clip(around, 0, max(0, count - 1))], np.inf)
    values_ms.sort(axis=1)
    medians_ms[edge] = values_ms[np.arange(len(edge)), np.count_nonzero(inside, axis=1) // 2]
    return medians_ms


def _trailing_thresholds_ms(values_ms: NDArray[np.float64], *, most_medians: float) -> NDArray[np.float64]:
    """What a `_Scale` says after each of the values."""
    thresholds_ms = np.empty(len(values_ms))
    scale = _Scale(most_medians=most_medians)
    few = min(len(values_ms), _SCALE_BEATS - 1)
    for index, value_ms in enumerate(values_ms[:few].tolist()):
        scale.add(value_ms)
        thresholds_ms[index] = scale.threshold_ms
    if len(values_ms) > few:
        low_ms, middle_ms, high_ms = (_trailing_quantile(values_ms, share)[few:] for share in (0.25, 0.5, 0.75))
        thresholds_ms[few:] = np.minimum(_ALPHA * (high_ms - low_ms) / 2, most_medians * middle_ms)
    return thresholds_ms


def _trailing_quantile(values: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """The quantile of the last 91 values after each, right from the 91st on."""
    from scipy.ndimage import rank_filter

    position = share * (_SCALE_BEATS - 1)
    rank = int(position)
    below = np.asarray(rank_filter(values, rank, size=_SCALE_BEATS, origin=_SCALE_BEATS // 2), dtype=np.float64)
    if rank == position:
        return below
    above = np.asarray(rank_filter(values, rank + 1, size=_SCALE_BEATS, origin=_SCALE_BEATS // 2), dtype=np.float64)
    return below + (above - below) * (position - rank)


def _mend_all(
    at_s: NDArray[np.float64], rr_ms: NDArray[np.float64], gaps: NDArray[np.bool_], flagged: _Flagged
) -> CleanSeries:
    """The series with its flagged beats mended: the stage's mending around them, all else as it was sent."""
    count = len(rr_ms)
    if not len(flagged.at):
        normal = np.zeros(count, dtype=np.int8)
        return CleanSeries(at_s=at_s, nn_ms=rr_ms, label=normal, corrected=normal.astype(np.bool_), gap_before=gaps)
    chain_end = _chains(gaps)[1]
    mender = _Mender()
    # A region is a run of flagged beats, the normal one that ends it, and the normal one before it, whose interval the
    # mending begins from.
    times_of = np.ones(count, dtype=np.int64)  # how many beats come out for each; those of a region for its first
    mended: list[CleanBeat] = []
    label_at: dict[int, tuple[int, float]] = dict(
        zip(flagged.at.tolist(), zip(flagged.label.tolist(), flagged.median_ms.tolist(), strict=True), strict=True)
    )
    starts: list[int] = []
    done = 0  # beats up to here have been through the mender or need not
    for first in flagged.at.tolist():
        if first < done:
            continue
        begin = at = max(done, first - _BEFORE_BEATS)
        before = len(mended)
        while at < count and (at <= first or at in label_at or mender.waits):
            if gaps[at]:
                mender.end_chain()
            code, median_ms = label_at.get(at, (0, 0.0))
            ahead_ms = rr_ms[at + 1 : min(at + 1 + _AHEAD_BEATS, int(chain_end[at]))].tolist()
            beat = Beat(at_s=float(at_s[at]), rr_ms=float(rr_ms[at]), gap_before=bool(gaps[at]))
            mender.push(beat, LABELS[code], median_ms=median_ms, ahead_ms=ahead_ms)
            at += 1
        if at == count or gaps[at]:
            mender.end_chain()
        mended += mender.take()
        times_of[begin:at] = 0
        times_of[begin] = len(mended) - before
        starts.append(begin)
        done = at
    source = np.repeat(np.arange(count), times_of)
    is_start = np.zeros(count, dtype=np.bool_)
    is_start[starts] = True
    inside = is_start[source]
    series = CleanSeries(
        at_s=at_s[source],
        nn_ms=rr_ms[source],
        label=np.zeros(len(source), dtype=np.int8),
        corrected=np.zeros(len(source), dtype=np.bool_),
        gap_before=gaps[source],
    )
    of_mended = CleanSeries.of(mended)
    for name in ("at_s", "nn_ms", "label", "corrected", "gap_before"):
        getattr(series, name)[inside] = getattr(of_mended, name)
    return series


class _Mender:
    """Puts judged beats out: normal ones as they are, displaced, missed and extra ones corrected."""

    def __init__(self) -> None:
        self._last_s = float("-inf")
        self.ready: list[CleanBeat] = []
        self._run: list[tuple[Beat, BeatLabel]] = []
        self._before_ms = 0.0  # the interval put out last; 0 where there is none in this chain
        self._given_up: BeatLabel | None = None  # the run was too long: its last label

    @property
    def waits(self) -> bool:
        """Beats are held back, or the next one will depend on the last."""
        return bool(self._run) or self._given_up is not None

    def take(self) -> tuple[CleanBeat, ...]:
        """What has become ready since the last time."""
        ready = tuple(self.ready)
        self.ready.clear()
        return ready

    def push(self, beat: Beat, label: BeatLabel, *, median_ms: float, ahead_ms: Sequence[float]) -> None:
        """Take a judged beat; a run of displaced and extra beats waits for the beat that ends it.

        Args:
            beat: the beat as sent.
            label: what it was judged to be.
            median_ms: the median around it, if it is a missed one.
            ahead_ms: the intervals after it in its chain, as sent, as far as they matter.
        """
        if label in _DISPLACED or label is BeatLabel.EXTRA:
            if self._given_up is not None:
                self._given_up = label
                self._put(beat.at_s, beat.rr_ms, label, gap_before=beat.gap_before, within_s=beat.at_within_s)
                return
            self._run.append((beat, label))
            if len(self._run) > _LONGEST_RUN_BEATS:
                self._give_up_run()
                self._given_up = label
            return
        if self._given_up is not None:  # this interval begins with a beat that is not trusted
            label, self._given_up = self._given_up, None
            self._put(beat.at_s, beat.rr_ms, label, gap_before=beat.gap_before, within_s=beat.at_within_s)
            self._before_ms = 0.0
            return
        if label is BeatLabel.NORMAL and not self._run:
            self._put(beat.at_s, beat.rr_ms, label, gap_before=beat.gap_before, within_s=beat.at_within_s)
            return
        labels: list[BeatLabel] = [run_label for _, run_label in self._run if run_label is not BeatLabel.EXTRA]
        if label is BeatLabel.MISSED:
            labels += [label] * _whole_intervals(beat.rr_ms, median_ms)
        else:
            # The interval that ends the run stands on a moved beat. Where beats were only taken out it is extra: both
            # its ends are beats as sent.
            labels.append(labels[-1] if labels else BeatLabel.EXTRA)
        total_ms = sum(run_beat.rr_ms for run_beat, _ in self._run) + beat.rr_ms
        gap_before = self._run[0][0].gap_before if self._run else beat.gap_before
        self._run.clear()
        self._space(labels, total_ms=total_ms, end=beat, gap_before=gap_before, ahead_ms=ahead_ms)

    def end_chain(self) -> None:
        """No beat ends the run that is left: it is put out as it was sent."""
        self._give_up_run()
        self._given_up = None
        self._before_ms = 0.0

    def _space(
        self, labels: list[BeatLabel], *, total_ms: float, end: Beat, gap_before: bool, ahead_ms: Sequence[float]
    ) -> None:
        """Put out one corrected beat a label, over the `total_ms` that end at a beat."""
        end_s = end.at_s
        # Never before the last beat put out, whatever timing made of the times.
        begin_s = max(self._last_s, end_s - total_ms / 1000)
        done_ms = 0.0
        before_ms = 0.0 if gap_before else self._before_ms
        for index, until_ms in enumerate(_spaced_ms(total_ms, len(labels), before_ms=before_ms, ahead_ms=ahead_ms)):
            at_s = begin_s + (end_s - begin_s) * until_ms / total_ms
            self._put(
                at_s,
                until_ms - done_ms,
                labels[index],
                within_s=end.at_within_s,
                corrected=True,
                gap_before=gap_before and index == 0,
            )
            done_ms = until_ms

    def _give_up_run(self) -> None:
        """Put a run out as it was sent: flagged by its labels, not mended."""
        for beat, label in self._run:
            self._put(beat.at_s, beat.rr_ms, label, gap_before=beat.gap_before, within_s=beat.at_within_s)
        self._run.clear()

    def _put(
        self,
        at_s: float,
        nn_ms: float,
        label: BeatLabel,
        *,
        within_s: float,
        corrected: bool = False,
        gap_before: bool = False,
    ) -> None:
        self._last_s = at_s
        self._before_ms = nn_ms
        self.ready.append(
            CleanBeat(
                at_s=at_s,
                nn_ms=nn_ms,
                label=label,
                corrected=corrected,
                gap_before=gap_before,
                at_within_s=within_s,
            )
        )


def _spaced_ms(total_ms: float, count: int, *, before_ms: float, ahead_ms: Sequence[float]) -> Iterable[float]:
    """Where `count` beats stand in `total_ms`, the last at its end: along the line between the intervals around.

    The line is lifted as a whole so that the sum is kept. Evenly, where one side is not known or the line makes no
    heart's intervals.
    """
    even_ms = total_ms / count
    step_ms = (ahead_ms[0] - before_ms) / (count + 1) if before_ms and ahead_ms else 0.0
    if abs(step_ms) * (count - 1) > _STEEPEST_SHARE * even_ms:
        step_ms = 0.0
    for index in range(1, count + 1):
        yield _on_grid(index * even_ms + step_ms * index * (index - count) / 2)


class _Scale:
    """What the last 91 values say a usual one does not exceed: 5.2 times half the distance between their quartiles.

    Never more than so many of their medians.
    """

    def __init__(self, *, most_medians: float) -> None:
        self._most_medians = most_medians
        self._recent: deque[float] = deque()
        self._ordered: list[float] = []

    def __len__(self) -> int:
        return len(self._ordered)

    def add(self, value_ms: float) -> None:
        if len(self._recent) == _SCALE_BEATS:
            oldest = self._recent.popleft()
            del self._ordered[bisect_left(self._ordered, oldest)]
        self._recent.append(value_ms)
        insort(self._ordered, value_ms)

    @property
    def threshold_ms(self) -> float:
        """The scale now; 0 before the first value."""
        if not self._ordered:
            return 0.0
        low_ms, middle_ms, high_ms = (self._quantile(share) for share in (0.25, 0.5, 0.75))
        return min(_ALPHA * (high_ms - low_ms) / 2, self._most_medians * middle_ms)

    def _quantile(self, share: float) -> float:
        position = share * (len(self._ordered) - 1)
        below = int(position)
        if below == position:
            return self._ordered[below]
        return self._ordered[below] + (self._ordered[below + 1] - self._ordered[below]) * (position - below)


def _whole_intervals(rr_ms: float, median_ms: float) -> int:
    """How many usual intervals a long one is likely to be the sum of; at least 2."""
    return max(2, round(rr_ms / median_ms))


def _on_grid(ms: float) -> float:
    return round(ms * GRID_PER_MS) / GRID_PER_MS
