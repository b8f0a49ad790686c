"""Beats to clean beats to metrics to spikes: pure, streaming, numpy and scipy and nothing else.

Strategy: each stage takes items one by one with `push` and returns what they completed; `flush` ends a series. Batch is
the same code driven to the end, so a prefix of the input gives a prefix of the output and the size of a chunk changes
nothing.
"""

from dsp.artefacts import ArtefactStage
from dsp.baseline import RunningBaseline, Usual
from dsp.beats import Beat, BeatLabel, CleanBeat
from dsp.heart_rate import HeartRateSample, HeartRateTrace
from dsp.spikes import Spike, SpikeDetector, SpikeEnding, SpikeStart
from dsp.windows import HrvMetrics, HrvWindow

__all__ = [
    "ArtefactStage",
    "Beat",
    "BeatLabel",
    "CleanBeat",
    "HeartRateSample",
    "HeartRateTrace",
    "HrvMetrics",
    "HrvWindow",
    "RunningBaseline",
    "Spike",
    "SpikeDetector",
    "SpikeEnding",
    "SpikeStart",
    "Usual",
]
