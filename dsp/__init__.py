"""Beats to clean beats to metrics to spikes: pure, streaming, numpy and scipy and nothing else.

Strategy: each stage takes items one by one with `push` and returns what they completed; `flush` ends a series. Batch is
the same code driven to the end, so a prefix of the input gives a prefix of the output and the size of a chunk changes
nothing.
"""

from dsp.artefacts import ArtefactStage
from dsp.baseline import RunningBaseline, Usual
from dsp.beats import Beat, BeatLabel, CleanBeat
from dsp.errors import NoVariation, RrUnitWarning, SeriesError, TooLong, TooShort
from dsp.heart_rate import HeartRateSample, HeartRateTrace
from dsp.series import LABELS, CleanSeries
from dsp.spikes import Spike, SpikeDetector, SpikeEnding, SpikeStart
from dsp.time_domain import TimeDomain, time_domain
from dsp.uncertainty import LEVEL_PCT, Interval, Intervals
from dsp.windows import HrvMetrics, HrvWindow, Quality, hrv

__all__ = [
    "LABELS",
    "LEVEL_PCT",
    "ArtefactStage",
    "Beat",
    "BeatLabel",
    "CleanBeat",
    "CleanSeries",
    "HeartRateSample",
    "HeartRateTrace",
    "HrvMetrics",
    "HrvWindow",
    "Interval",
    "Intervals",
    "NoVariation",
    "Quality",
    "RrUnitWarning",
    "RunningBaseline",
    "SeriesError",
    "Spike",
    "SpikeDetector",
    "SpikeEnding",
    "SpikeStart",
    "TimeDomain",
    "TooLong",
    "TooShort",
    "Usual",
    "hrv",
    "time_domain",
]
