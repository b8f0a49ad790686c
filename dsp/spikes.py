"""Spikes: stretches in which the heart rate rose well above a person's own usual. About heart rate, not feelings.

Strategy: two thresholds, as in seismology: a high one to detect (3 spreads and 8 bpm above usual, held for 5 s), a low
one to date the end (back within 4 bpm). The onset is the foot of the climb: a crossing of some level would date it back
to when the person began to talk. While a spike is open the usual stands still. After a detection it rests 60 s,
and it needs one sample near the usual before it can detect again, so that one long rise is one spike. A gap of more
than a few seconds ends a spike, for nobody knows what happened in it.

References:
    The rule is a synthesis; for detection with separate on and off thresholds see Withers et al., BSSA 88(1), 1998
    (STA/LTA triggers).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import sqrt
from typing import Final

from dsp.baseline import RunningBaseline, Usual
from dsp.beats import CleanBeat, counts
from dsp.heart_rate import HeartRateSample

_DETECT_SPREADS: Final = 3.0
_DETECT_BPM: Final = 8.0
_DETECT_SAMPLES: Final = 5
# The foot of a climb: where this share of it was done. Lower, noise decides; higher, it is late.
_FOOT_SHARE: Final = 0.15
_SETTLED_BPM: Final = 4.0
_LONGEST_S: Final = 180.0
_REST_S: Final = 60.0
_GAP_S: Final = 5.0
# RMSSD before a spike is that of so long, and on fewer pairs than these it is anything.
_BEFORE_S: Final = 60.0
_LEAST_PAIRS: Final = 20
# How far back an onset is looked for. A response builds up within half a minute; a slower drift has no onset to speak
# of.
_ONSET_REACH_SAMPLES: Final = 30


class SpikeEnding(StrEnum):
    """Why a spike ended."""

    SETTLED = "settled"
    TOO_LONG = "not settled within 180 s"
    GAP = "not known, the signal broke off"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpikeStart:
    """A spike was detected and is still open.

    Attributes:
        onset_s: when the rise began, found looking back.
        detected_s: when it was known (`onset_s` plus several seconds).
        usual_bpm: the person's usual at that time.
        rise_bpm: height above usual at detection.
    """

    onset_s: float
    detected_s: float
    usual_bpm: float
    rise_bpm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spike:
    """A finished spike.

    Attributes:
        onset_s: when the rise began.
        detected_s: when it was known.
        peak_s: when the smoothed heart rate was highest.
        end_s: when it ended (see `ending`).
        ending: whether it settled.
        usual_bpm: the person's usual while it lasted.
        rise_bpm: peak minus usual.
        rise_spreads: the same in units of the person's own spread.
        area_bpm_s: sum of (heart rate - usual) over the seconds from onset to end.
        clean_pct: share of those seconds without a corrected beat under them, 0..100.
    """

    onset_s: float
    detected_s: float
    peak_s: float
    end_s: float
    ending: SpikeEnding
    usual_bpm: float
    rise_bpm: float
    rise_spreads: float
    area_bpm_s: float
    clean_pct: float

    @property
    def settled_after_s(self) -> float | None:
        """Seconds from the peak until it had settled; None if it did not."""
        return self.end_s - self.peak_s if self.ending is SpikeEnding.SETTLED else None


def rmssd_change_pct(beats: Iterable[CleanBeat], *, at_s: float, until_s: float) -> float | None:
    """RMSSD of a spike against that of the minute before its onset, in percent; -30 is a third less.

    A secondary feature: it means something in silence at rest only, for movement and speech change RMSSD by themselves.

    Args:
        beats: one after the other, from before the onset on; a pair across a gap or a correction does not count.
        at_s: the onset.
        until_s: the end.

    Returns:
        The change; None with fewer than 20 pairs on either side, or none that differ before.
    """
    before, after = _Squares(), _Squares()
    for earlier, later in pairwise(beats):
        if counts(earlier, later):
            side = before if at_s - _BEFORE_S < later.at_s <= at_s else after if at_s < later.at_s <= until_s else None
            if side is not None:
                side.add(later.nn_ms - earlier.nn_ms)
    if min(before.pairs, after.pairs) < _LEAST_PAIRS or not before.total:
        return None
    return 100 * (sqrt(after.total / after.pairs / (before.total / before.pairs)) - 1)


class _Squares:
    def __init__(self) -> None:
        self.pairs = 0
        self.total = 0.0

    def add(self, difference_ms: float) -> None:
        self.pairs += 1
        self.total += difference_ms**2


class SpikeDetector:
    """Stage: `HeartRateSample` in, `SpikeStart` and `Spike` out. Owns the running usual, which it alone may freeze."""

    def __init__(self, *, threshold: float = 1.0) -> None:
        """Start without a usual; `threshold` multiplies the height of a rise that is detected, above 0."""
        self._threshold = threshold
        self._baseline = RunningBaseline()
        self._recent: deque[HeartRateSample] = deque(maxlen=_ONSET_REACH_SAMPLES)
        self._high_samples = 0
        self._armed = True
        self._rest_until_s = float("-inf")
        self._open: _OpenSpike | None = None

    @property
    def usual(self) -> Usual | None:
        """The person's usual as of the last sample; None until enough is known."""
        return self._baseline.usual

    def begin_rest(self) -> None:
        """A silent baseline block begins: what is usual is learned from it alone. See `RunningBaseline`."""
        self._baseline.begin_rest()

    def end_rest(self) -> None:
        """The silent baseline block is over."""
        self._baseline.end_rest()

    def carry_over(self) -> tuple[Spike, ...]:
        """The samples come from another sensor or signal now: an open spike ends as not known, the usual is kept."""
        spikes = self.flush()
        self._baseline.carry_over()
        self._recent.clear()
        self._high_samples = 0
        return spikes

    def push(self, sample: HeartRateSample, *, counts: bool = True) -> tuple[SpikeStart | Spike, ...]:
        """Take one sample; `counts` False (movement) keeps it out of the usual and detects nothing new."""
        out: list[SpikeStart | Spike] = []
        if sample.gap_before and self._recent and sample.at_s - self._recent[-1].at_s > _GAP_S:
            out += self.flush()
            self._recent.clear()
            self._high_samples = 0
        usual = self._baseline.push(sample.heart_rate_bpm, counts=counts and self._open is None)
        self._recent.append(sample)
        if usual is None:
            return tuple(out)
        rise_bpm = sample.heart_rate_bpm - usual.heart_rate_bpm
        if self._open is not None:
            self._open.take(sample)
            ending = self._ending(sample, rise_bpm)
            if ending is not None:
                out.append(self._close(ending))
            return tuple(out)
        if rise_bpm < _SETTLED_BPM:
            self._armed = True
        elif not counts:
            self._armed = False  # a heart still high from movement has to come down before a rise is a rise
        high = rise_bpm >= self._threshold * max(_DETECT_BPM, _DETECT_SPREADS * usual.spread_bpm)
        self._high_samples = self._high_samples + 1 if high and counts else 0
        if self._high_samples >= _DETECT_SAMPLES and self._armed:
            if sample.known_s < self._rest_until_s:
                self._armed = False  # a rise that begins while the detector rests belongs to the one before
            else:
                out.append(self._detect(usual, rise_bpm))
        return tuple(out)

    def flush(self) -> tuple[Spike, ...]:
        """End the series: an open spike ends as not known."""
        return (self._close(SpikeEnding.GAP),) if self._open is not None else ()

    def _detect(self, usual: Usual, rise_bpm: float) -> SpikeStart:
        samples = list(self._recent)
        lowest_bpm = min(sample.heart_rate_bpm for sample in samples)
        foot_bpm = lowest_bpm + _FOOT_SHARE * (samples[-1].heart_rate_bpm - lowest_bpm)
        onset = len(samples) - 1
        while onset > 0 and samples[onset - 1].heart_rate_bpm > foot_bpm:
            onset -= 1
        self._open = _OpenSpike(usual=usual, detected_s=samples[-1].known_s, samples=samples[onset:])
        self._baseline.disown_waiting()
        self._armed = False
        self._high_samples = 0
        return SpikeStart(
            onset_s=samples[onset].at_s,
            detected_s=samples[-1].known_s,
            usual_bpm=usual.heart_rate_bpm,
            rise_bpm=rise_bpm,
        )

    def _ending(self, sample: HeartRateSample, rise_bpm: float) -> SpikeEnding | None:
        if rise_bpm < _SETTLED_BPM:
            return SpikeEnding.SETTLED
        assert self._open is not None
        if sample.at_s - self._open.onset_s >= _LONGEST_S:
            return SpikeEnding.TOO_LONG
        return None

    def _close(self, ending: SpikeEnding) -> Spike:
        assert self._open is not None
        spike = self._open.finish(ending)
        self._open = None
        self._rest_until_s = spike.detected_s + _REST_S
        self._armed = ending is SpikeEnding.SETTLED
        return spike


class _OpenSpike:
    """What is remembered of a spike while it lasts: running values, not its samples."""

    def __init__(self, *, usual: Usual, detected_s: float, samples: list[HeartRateSample]) -> None:
        self.onset_s = samples[0].at_s
        self._usual = usual
        self._detected_s = detected_s
        self._peak = samples[0]
        self._last_s = samples[0].at_s
        self._area_bpm_s = 0.0
        self._clean = self._count = 0
        for sample in samples:
            self.take(sample)

    def take(self, sample: HeartRateSample) -> None:
        if sample.heart_rate_bpm > self._peak.heart_rate_bpm:
            self._peak = sample
        self._last_s = sample.at_s
        self._area_bpm_s += sample.heart_rate_bpm - self._usual.heart_rate_bpm
        self._clean += sample.clean
        self._count += 1

    def finish(self, ending: SpikeEnding) -> Spike:
        rise_bpm = self._peak.heart_rate_bpm - self._usual.heart_rate_bpm
        return Spike(
            onset_s=self.onset_s,
            detected_s=self._detected_s,
            peak_s=self._peak.at_s,
            end_s=self._last_s,
            ending=ending,
            usual_bpm=self._usual.heart_rate_bpm,
            rise_bpm=rise_bpm,
            rise_spreads=rise_bpm / self._usual.spread_bpm,
            area_bpm_s=self._area_bpm_s,
            clean_pct=100 * self._clean / self._count,
        )
