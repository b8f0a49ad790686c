"""What a programme's verdicts are worth, on people who were made up: false ones where nothing changed, and power.

    python benchmarks/programme.py [people]

Made up as the field finds it: ln RMSSD with a standard deviation of 0.48 over people and sittings, ICC of one sitting
.5 (Uhlig et al. 2020), 30 % of a person's own variance common to a week, weeks correlated by .3 with the one before,
15 % of sittings missing. Two weeks before the programme and eight in it. Beside ours, what is often done: the first
reading against the last, "changed" if they differ by more than 20 %.
"""

from __future__ import annotations

import sys
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from dsp import Trend, Verdict, cohort_trend, person_trend

_SD, _ICC, _COMMON, _RHO = 0.48, 0.5, 0.3, 0.3
_WEEKS, _BEFORE, _COHORT = 10, 2, 7
_CLEAR = (Verdict.CLEAR_RISE, Verdict.CLEAR_FALL)

Values = tuple[NDArray[np.float64], NDArray[np.float64]]


def person(
    chance: np.random.Generator, *, a_week: int, rise: float = 0.0, weeks: int = _WEEKS, low_ones_missing: bool = False
) -> Values:
    """Weeks and values of somebody whose level rises by `rise` over the eight weeks."""
    own = _SD * sqrt(_ICC) * chance.normal()
    within = _SD * sqrt(1 - _ICC)
    common = np.empty(weeks)
    common[0] = chance.normal()
    for week in range(1, weeks):
        common[week] = _RHO * common[week - 1] + sqrt(1 - _RHO**2) * chance.normal()
    at = np.repeat(np.arange(weeks), a_week) + (np.tile(np.arange(a_week), weeks) + 0.5) / a_week + 1 - _BEFORE
    values = own + within * (
        sqrt(_COMMON) * np.repeat(common, a_week) + sqrt(1 - _COMMON) * chance.normal(size=weeks * a_week)
    )
    values += rise * np.clip(at - 1, 0, None) / (_WEEKS - _BEFORE)
    there = chance.random(len(at)) >= 0.15
    if low_ones_missing:
        there &= (values > np.quantile(values, 0.25)) | (chance.random(len(at)) < 0.5)
    return at[there], values[there]


def probes(chance: np.random.Generator, *, change: float) -> Values:
    """Three answers to a mark in each of weeks 2, 5 and 8; about 14 bpm, changing by `change` over the programme."""
    at = np.repeat([2.4, 5.4, 8.4], 3)
    session = np.repeat(chance.normal(size=3) * 1.5, 3)
    return at, 14 + chance.normal() * 4 + session + chance.normal(size=9) * 4 + change * (at - 2.4) / 6


def seen(chance: np.random.Generator) -> Values:
    """Four answers in each of eight weeks, that fall by 5 % a week because people get used to it."""
    at = np.repeat(np.arange(1, 9) + 0.4, 4)
    session = np.repeat(chance.normal(size=8) * 1.5, 4)
    return at, 14 * 0.95 ** (at - 1.4) + chance.normal() * 4 + session + chance.normal(size=32) * 4


def _clear(trend: Trend) -> bool:
    return trend.verdict in _CLEAR


def _naive(values: NDArray[np.float64]) -> bool:
    return len(values) > 1 and abs(values[-1] - values[0]) > log(1.2)


def _cohorts(slopes: list[float]) -> float:
    groups = [slopes[at : at + _COHORT] for at in range(0, len(slopes) - _COHORT + 1, _COHORT)]
    return float(np.mean([cohort_trend(group).verdict in _CLEAR for group in groups]))


def _row(name: str, many: list[Values], *, truth_per_week: float, naive: bool = True) -> None:
    trends = [person_trend(*one) for one in many]
    slopes = [trend.slope_per_week for trend in trends if trend.slope_per_week is not None]
    inside = [one.interval.low <= truth_per_week <= one.interval.high for one in trends if one.interval is not None]
    cells = (
        f"{100 * np.mean([_clear(trend) for trend in trends]):5.1f} %",
        f"{100 * _cohorts(slopes):5.1f} %",
        f"{100 * np.mean(inside):5.1f} %" if inside else "      -",
        f"{100 * np.mean([_naive(values) for _, values in many]):5.1f} %" if naive else "      -",
    )
    print(f"{name:<58}" + "".join(f"{cell:>12}" for cell in cells))


def main() -> None:
    """Print the table."""
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 1400
    chance = np.random.default_rng(2026)
    print(f"{people} people a row, cohorts of {_COHORT}; a clear verdict where nothing changed is a false one\n")
    print(f"{'':<58}{'a person':>12}{'a cohort':>12}{'interval':>12}{'first/last':>12}")
    for rise, name in ((0.0, "nothing changed"), (log(1.1), "+10 %"), (log(1.2), "+20 %"), (log(1.3), "+30 %")):
        for a_week in (1, 3, 5):
            many = [person(chance, a_week=a_week, rise=rise) for _ in range(people)]
            _row(f"RMSSD, {name}, {a_week} a week", many, truth_per_week=rise / (_WEEKS - _BEFORE))
    many = [person(chance, a_week=3, low_ones_missing=True) for _ in range(people)]
    _row("nothing changed, low values go missing", many, truth_per_week=0.0)
    everybody = [person(chance, a_week=3) for _ in range(3 * people)]
    low = sorted(
        everybody, key=lambda one: float(np.mean(one[1][np.floor(one[0]) == 1])) if 1 in np.floor(one[0]) else 9.0
    )
    _row("nothing changed, chosen for a low week 1", low[:people], truth_per_week=0.0)
    without = [(at[at >= 1], values[at >= 1]) for at, values in low[:people]]
    _row("the same without the two weeks before", without, truth_per_week=0.0)
    _row(
        "response, new scenarios, nothing changed",
        [probes(chance, change=0) for _ in range(people)],
        truth_per_week=0.0,
        naive=False,
    )
    _row(
        "response, new scenarios, 14 -> 9 bpm",
        [probes(chance, change=-5) for _ in range(people)],
        truth_per_week=-5 / 6,
        naive=False,
    )
    _row(
        "response, scenarios people know: habit alone",
        [seen(chance) for _ in range(people)],
        truth_per_week=0.0,
        naive=False,
    )


if __name__ == "__main__":
    main()
