"""What one recording says of one person: what a programme's statistics stand on. Computed from the log, kept beside it.

Strategy: a log is folded once, as its owner may see it, into a page of numbers for each person. They are kept in the
archive as JSON and can always be computed again; `MADE_BY` changes with whatever changes them, so that old ones are
never mixed with new ones. What others may see of them is decided when they are read, not when they are made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from dsp import RecoveryVerdict
from watchlink.packets import Purpose, Role
from watchlink.readings import Grade

MADE_BY: Final = "1"
"""Which way of computing it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """A silent stretch: a baseline, or the recovery at the end.

    Attributes:
        kind: of the block, "baseline" or "recovery".
        since_s, until_s: on the session's axis, the first half minute (settling down) left out.
        heart_rate_bpm: median of the smoothed heart rate; None if it is known in less than 80 % of the time.
        known_pct: of its seconds with a heart rate.
        rmssd_ms: over all of it; None where it cannot be read, see `hrv_absent_because`.
        beats: in the NN series.
        corrected_pct: of the intervals.
        hrv_absent_because: why there is no RMSSD; empty where there is.
    """

    kind: str
    since_s: float
    until_s: float
    heart_rate_bpm: float | None
    known_pct: float
    rmssd_ms: float | None
    beats: int
    corrected_pct: float
    hrv_absent_because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the heart rate did at one mark that concerns the person.

    Attributes:
        label: of the mark.
        at_s: when it happened.
        role: of the person then; None where nobody said.
        block: title of the block.
        unseen: whether the scenario was one that nobody had met; None where the plan does not say.
        change_bpm: mean of the minute after minus mean of the half minute before; None where not known well enough.
    """

    label: str
    at_s: float
    role: Role | None
    block: str
    unseen: bool | None
    change_bpm: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRise:
    """One heart rate rise.

    Attributes:
        onset_s, peak_s, end_s: on the session's axis.
        rise_bpm: above the own usual, at the peak.
        role, block: when it began.
        beside: label of the mark that may belong to it; empty where there is none.
        explained: movement or trouble with the technique explains it.
        half_time_s: in which half of it was gone, by a fit; None where no fit held.
        half_time_low_s, half_time_high_s: its 95 % interval.
        recovery: what became of the fit; None where the session ended before.
    """

    onset_s: float
    peak_s: float
    end_s: float
    rise_bpm: float
    role: Role | None
    block: str
    beside: str
    explained: bool
    half_time_s: float | None
    half_time_low_s: float | None
    half_time_high_s: float | None
    recovery: RecoveryVerdict | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How long the person was in a role in blocks of a kind, with a heart rate."""

    kind: str
    role: Role | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One person's part of one recording.

    Attributes:
        person: pseudonym.
        profile: of the wearable worn last.
        grade: of its signal; None where no report came.
        swaps: how often another wearable was put on.
        shares: what the person let others see at the end; None where nobody was asked.
        reports: of the wearable.
        heart_rate_s: seconds with a heart rate.
        duration_s: of the recording.
        usual_bpm: the own usual at the end; None where not known.
        rests, answers, rises, exposures: in order of time.
        self_reports: the last answer to each item.
    """

    person: str
    profile: str
    grade: Grade | None
    swaps: int
    shares: frozenset[Purpose] | None
    reports: int
    heart_rate_s: float
    duration_s: float
    usual_bpm: float | None
    rests: tuple[Rest, ...] = ()
    answers: tuple[Answer, ...] = ()
    rises: tuple[OwnRise, ...] = ()
    exposures: tuple[Exposure, ...] = ()
    self_reports: dict[str, str] = field(default_factory=dict[str, str])
