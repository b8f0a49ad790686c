"""Beats as a wearable sent them, and beats after cleaning.

Strategy: intervals are multiples of 1/1024 ms. Both units that wearables use fit that grid exactly (whole milliseconds,
and 1/1024 s = 1000 of them), so sums of intervals and of their squares are exact integers and a sliding window never
drifts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

GRID_PER_MS: Final = 1024


class BeatLabel(StrEnum):
    """What the interval that ends at a beat looks like. Names after Lipponen & Tarvainen 2019."""

    NORMAL = "normal"
    ECTOPIC = "ectopic"
    MISSED = "missed"
    EXTRA = "extra"
    LONG = "long"
    SHORT = "short"


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One heart beat and the interval that ends with it.

    Attributes:
        at_s: when the heart beat, on the session's axis.
        rr_ms: the interval since the beat before, as sent; a multiple of 1/1024 ms, above 0.
        gap_before: beats are missing between this interval and the one before it in the series.
        at_within_s: the heart beat within so many seconds of `at_s` with 95 % probability; 0 where times are exact.
    """

    at_s: float
    rr_ms: float
    gap_before: bool = False
    at_within_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanBeat:
    """A beat after the artefact stage.

    Attributes:
        at_s: time of the beat; moved if `corrected`.
        nn_ms: the interval to use; equal to the interval as sent unless `corrected`.
        label: what the interval as sent looked like.
        corrected: the interval was changed (its own beat or the one before it was moved, inserted or removed).
        gap_before, at_within_s: as in `Beat`; of a corrected beat, those of the beats around it.
    """

    at_s: float
    nn_ms: float
    label: BeatLabel = BeatLabel.NORMAL
    corrected: bool = False
    gap_before: bool = False
    at_within_s: float = 0.0

    @property
    def as_sent(self) -> bool:
        """Normal, and nothing about it was changed."""
        return self.label is BeatLabel.NORMAL and not self.corrected

    @property
    def usable(self) -> bool:
        """Part of the NN series: normal, or put right. What is flagged and could not be mended is not."""
        return self.corrected or self.label is BeatLabel.NORMAL

    @property
    def accepted(self) -> bool:
        """Differences may stand on it: it, or the interval that it is an even part of, lies between beats as sent.

        So do normal ones, extra ones that are whole again, and the parts of a missed one (not among themselves: see
        `counts`).
        """
        if self.corrected:
            return self.label is BeatLabel.EXTRA or self.label is BeatLabel.MISSED
        return self.label is BeatLabel.NORMAL


def counts(before: CleanBeat, after: CleanBeat) -> bool:
    """Whether the difference between two successive intervals was measured."""
    if after.gap_before or not (before.accepted and after.accepted):
        return False
    return before.label is not BeatLabel.MISSED or after.label is not BeatLabel.MISSED
