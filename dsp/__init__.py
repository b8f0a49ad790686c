"""Beats to clean beats to metrics to spikes: pure, streaming, numpy and scipy and nothing else.

Strategy: each stage takes items one by one with `push` and returns what they completed; `flush` ends a series. Batch is
the same code driven to the end, so a prefix of the input gives a prefix of the output and the size of a chunk changes
nothing.
"""

from dsp.analysis import Analysis, AnalysisWindow, Nonlinear, analyse
from dsp.artefacts import ArtefactStage, clean
from dsp.baseline import RunningBaseline, Usual, UsualFrom
from dsp.beats import Beat, BeatLabel, CleanBeat
from dsp.breathing import BreathingRate, CannotTell, breathing_rate
from dsp.chance import at_least
from dsp.detrending import smoothness_priors
from dsp.dfa import Dfa, dfa
from dsp.entropy import multiscale_entropy, sample_entropy
from dsp.errors import NoVariation, RrUnitWarning, SeriesError, TooLong, TooShort
from dsp.heart_rate import HeartRateSample, HeartRateTrace, JumpGuard, ReportedRate
from dsp.heart_seconds import Change, HeartSeconds
from dsp.pacing import OwnRate, PacedResponse, own_rate, paced_response
from dsp.recovery import Recovery, RecoveryStage, RecoveryVerdict
from dsp.series import LABELS, CleanSeries
from dsp.spectrum import Bands, Spectrum, bands, burg, lomb_scargle, welch
from dsp.spikes import Spike, SpikeDetector, SpikeEnding, SpikeStart, rmssd_change_pct
from dsp.tachogram import tachogram
from dsp.time_domain import TimeDomain, time_domain
from dsp.trend import CohortTrend, Trend, Verdict, cohort_trend, person_trend
from dsp.uncertainty import LEVEL_PCT, Interval, Intervals
from dsp.windows import HrvMetrics, HrvWindow, Quality, hrv

__all__ = [
    "LABELS",
    "LEVEL_PCT",
    "Analysis",
    "AnalysisWindow",
    "ArtefactStage",
    "Bands",
    "Beat",
    "BeatLabel",
    "BreathingRate",
    "CannotTell",
    "Change",
    "CleanBeat",
    "CleanSeries",
    "CohortTrend",
    "Dfa",
    "HeartRateSample",
    "HeartRateTrace",
    "HeartSeconds",
    "HrvMetrics",
    "HrvWindow",
    "Interval",
    "Intervals",
    "JumpGuard",
    "NoVariation",
    "Nonlinear",
    "OwnRate",
    "PacedResponse",
    "Quality",
    "Recovery",
    "RecoveryStage",
    "RecoveryVerdict",
    "ReportedRate",
    "RrUnitWarning",
    "RunningBaseline",
    "SeriesError",
    "Spectrum",
    "Spike",
    "SpikeDetector",
    "SpikeEnding",
    "SpikeStart",
    "TimeDomain",
    "TooLong",
    "TooShort",
    "Trend",
    "Usual",
    "UsualFrom",
    "Verdict",
    "analyse",
    "at_least",
    "bands",
    "breathing_rate",
    "burg",
    "clean",
    "cohort_trend",
    "dfa",
    "hrv",
    "lomb_scargle",
    "multiscale_entropy",
    "own_rate",
    "paced_response",
    "person_trend",
    "rmssd_change_pct",
    "sample_entropy",
    "smoothness_priors",
    "tachogram",
    "time_domain",
    "welch",
]
