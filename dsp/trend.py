"""Whether a value changed over the weeks of a programme, for one person and over several, with what could be seen.

Strategy: values of one week share that week's nights and illnesses, so the week is what counts: its mean is one value,
however often it was measured. Through the weeks goes a Theil-Sen line (the median of the slopes between all pairs of
weeks, which one odd week cannot turn), pairs of one wearable only. Its error comes from a bootstrap of the weeks'
residuals, made larger for the few that there are, and its interval is that of Student's t. Over several people their
slopes are held against zero by flipping signs, all of them, which needs no assumption but symmetry; the interval is
that test turned round (Hartigan: the means of all subsets). What so much data could have shown is told beside.

References:
    P. K. Sen, J. Am. Stat. Assoc. 63(324), 1968, doi 10.1080/01621459.1968.10480934.
    B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993, ch. 9.
    J. A. Hartigan, "Using subsample values as typical values", J. Am. Stat. Assoc. 64(328), 1969.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dsp.errors import SeriesError, TooLong
from dsp.uncertainty import LEVEL_PCT, Interval

LEAST_WEEKS: Final = 4
"""With fewer weeks the spread from week to week is not known well enough for any verdict."""
LEAST_PEOPLE: Final = 6
"""Of fewer people not even all slopes of one sign are rarer than 1 in 20."""
_MOST_PEOPLE: Final = 16
_QUANTILE: Final = 0.5 + LEVEL_PCT / 200
_POWER: Final = 0.8
_DRAWS: Final = 1000
# Draws of few weeks repeat themselves, which pulls a median of differences to zero: they are smoothed by so much.
_SMOOTH: Final = 0.5
# Weeks resemble their neighbours, which so few cannot show: the error is made as much larger as this correlation does.
_NEIGHBOURS: Final = 0.27


class Verdict(StrEnum):
    """What can be said of a change."""

    CLEAR_RISE = "clear rise"
    CLEAR_FALL = "clear fall"
    NO_CLEAR_CHANGE = "no clear change"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """How a person's value went.

    Attributes:
        slope_per_week: in the value's unit; None where no two weeks of one series have a value.
        interval: its 95 % interval; None where there are too few weeks for one.
        smallest_per_week: the smallest true slope that would have been found in 4 of 5 such programmes; None like the
            interval.
        points: values that were given.
        weeks: different weeks that have one.
        verdict: one of four.
        because: why nothing can be told; empty where something can.
    """

    slope_per_week: float | None
    interval: Interval | None
    smallest_per_week: float | None
    points: int
    weeks: int
    verdict: Verdict
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortTrend:
    """How several people's slopes lie to zero.

    Attributes:
        slope_per_week: their mean.
        interval: its 95 % interval; None below 6 people.
        p: of a mean at least as far from zero if each sign were a matter of luck, 0..1.
        smallest_per_week: the smallest true mean that would have been found in 4 of 5 such cohorts; None below 2.
        people: how many slopes.
        verdict: one of four.
        because: why nothing can be told; empty where something can.
    """

    slope_per_week: float
    interval: Interval | None
    p: float
    smallest_per_week: float | None
    people: int
    verdict: Verdict
    because: str


def person_trend(at_week: ArrayLike, value: ArrayLike, *, series: ArrayLike | None = None, seed: int = 0) -> Trend:
    """The trend of one person's values.

    Args:
        at_week: when each was measured, in weeks, shape (n,), in any order; a whole number begins a week.
        value: shape (n,).
        series: which wearable each stands on, whole numbers, shape (n,); None for one.
        seed: of the bootstrap; the same values give the same interval.

    Raises:
        SeriesError: the shapes differ, or a number is not finite.
    """
    weeks = np.atleast_1d(np.asarray(at_week, dtype=np.float64))
    values = np.atleast_1d(np.asarray(value, dtype=np.float64))
    groups = np.zeros(len(weeks), dtype=np.int64) if series is None else np.atleast_1d(np.asarray(series, np.int64))
    if not weeks.shape == values.shape == groups.shape or weeks.ndim != 1:
        raise SeriesError("Times, values and series must be lists of the same length.")
    if not (np.isfinite(weeks).all() and np.isfinite(values).all()):
        raise SeriesError("Times and values must be finite numbers.")
    at, level, group = _weekly(weeks, values, groups)
    different = len(np.unique(np.floor(weeks)))
    first, second = _pairs(at, group)
    if not len(first):
        return Trend(
            slope_per_week=None,
            interval=None,
            smallest_per_week=None,
            points=len(values),
            weeks=different,
            verdict=Verdict.CANNOT_TELL,
            because=_too_few_weeks(different),
        )
    slope = float(np.median((level[second] - level[first]) / (at[second] - at[first])))
    free = len(at) - len(np.unique(group)) - 1
    error = None if free < 1 else _error(at, level, group, slope, first, second, free=free, seed=seed)
    interval, smallest = None, None
    if error is not None:
        quantile, power = _quantiles(free)
        interval = Interval(low=slope - quantile * error, high=slope + quantile * error)
        smallest = (quantile + power) * error
    verdict, because = Verdict.CANNOT_TELL, _too_few_weeks(different)
    if different >= LEAST_WEEKS and interval is not None:
        verdict, because = _verdict(interval), ""
    return Trend(
        slope_per_week=slope,
        interval=interval,
        smallest_per_week=smallest,
        points=len(values),
        weeks=different,
        verdict=verdict,
        because=because,
    )


def cohort_trend(slopes: ArrayLike) -> CohortTrend:
    """The mean of several people's slopes against zero.

    Args:
        slopes: one a person, shape (n,), 1..16.

    Raises:
        SeriesError: there is none, or one is not finite.
        TooLong: there are more than 16.
    """
    from scipy import stats

    given = np.atleast_1d(np.asarray(slopes, dtype=np.float64))
    people = len(given)
    if not people or given.ndim != 1 or not np.isfinite(given).all():
        raise SeriesError("Slopes must be a list of finite numbers, one at least.")
    if people > _MOST_PEOPLE:
        raise TooLong(f"All signs of {people} people cannot be tried; {_MOST_PEOPLE} is the most.")
    mean = float(np.mean(given))
    flips = np.arange(2**people, dtype=np.int64)
    chosen = ((flips[:, np.newaxis] >> np.arange(people, dtype=np.int64)) & 1).astype(np.float64)
    partial = chosen @ given
    total, size = float(np.sum(given)), float(np.sum(np.abs(given)))
    flipped = np.abs(total - 2 * partial)
    # A flip that gives the same mean in other order differs in the last digits.
    p = float(np.mean(flipped >= abs(total) - 1e-12 * size))
    interval = None
    outside = int((1 - LEVEL_PCT / 100) / 2 * 2**people)
    if outside >= 1:
        means: NDArray[np.float64] = np.sort(partial[1:] / np.count_nonzero(chosen[1:], axis=1))
        interval = Interval(low=float(means[outside - 1]), high=float(means[-outside]))
    smallest = None
    if people > 1:
        error = float(np.std(given, ddof=1)) / sqrt(people)
        smallest = error * float(stats.t.ppf(_QUANTILE, people - 1) + stats.t.ppf(_POWER, people - 1))
    verdict, because = Verdict.NO_CLEAR_CHANGE, ""
    if people < LEAST_PEOPLE:
        verdict = Verdict.CANNOT_TELL
        because = f"even if all {people} went the same way, luck alone would do as much in {_percent(2 / 2**people)}"
    elif p <= 1 - LEVEL_PCT / 100:
        verdict = Verdict.CLEAR_RISE if mean > 0 else Verdict.CLEAR_FALL
    return CohortTrend(
        slope_per_week=mean,
        interval=interval,
        p=p,
        smallest_per_week=smallest,
        people=people,
        verdict=verdict,
        because=because,
    )


def _weekly(
    weeks: NDArray[np.float64], values: NDArray[np.float64], groups: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Mean time and mean value of each week of each series, in order."""
    keys = np.stack([groups, np.floor(weeks).astype(np.int64)])
    order = np.lexsort((values, weeks))  # sums in one order, whatever order they came in
    found, where, counts = np.unique(keys[:, order], axis=1, return_inverse=True, return_counts=True)
    where = where.reshape(-1)
    at = np.bincount(where, weights=weeks[order], minlength=found.shape[1]) / counts
    level = np.bincount(where, weights=values[order], minlength=found.shape[1]) / counts
    return at, level, found[0]


def _pairs(at: NDArray[np.float64], group: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first, second = np.triu_indices(len(at), k=1)
    alike = (group[first] == group[second]) & (at[first] != at[second])
    return first[alike], second[alike]


def _error(
    at: NDArray[np.float64],
    level: NDArray[np.float64],
    group: NDArray[np.int64],
    slope: float,
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    *,
    free: int,
    seed: int,
) -> float:
    """Standard error of the slope: its spread over programmes made of the same line and weeks drawn anew."""
    rest = level - slope * at
    for one in np.unique(group):
        rest[group == one] -= np.mean(rest[group == one])
    rest *= sqrt(len(rest) / free)
    chance = np.random.default_rng(seed)
    size = (_DRAWS, len(rest))
    made = sqrt(1 - _SMOOTH**2) * rest[chance.integers(len(rest), size=size)]
    made += _SMOOTH * float(np.sqrt(np.mean(rest**2))) * chance.standard_normal(size)
    slopes = np.median((made[:, second] - made[:, first]) / (at[second] - at[first]), axis=1)
    return float(np.std(slopes)) * sqrt((1 + _NEIGHBOURS) / (1 - _NEIGHBOURS))


def _quantiles(free: int) -> tuple[float, float]:
    from scipy import stats

    return float(stats.t.ppf(_QUANTILE, free)), float(stats.t.ppf(_POWER, free))


def _verdict(interval: Interval) -> Verdict:
    if interval.low > 0:
        return Verdict.CLEAR_RISE
    return Verdict.CLEAR_FALL if interval.high < 0 else Verdict.NO_CLEAR_CHANGE


def _too_few_weeks(weeks: int) -> str:
    if weeks == 0:
        return "there is no value"
    if weeks >= LEAST_WEEKS:
        return "the wearable changed too often to compare weeks of one"
    return f"only {weeks} {'week has' if weeks == 1 else 'weeks have'} a value, and {LEAST_WEEKS} are needed"


def _percent(share: float) -> str:
    return f"{100 * share:.{1 if share < 0.1 else 0}f} % of cases"
