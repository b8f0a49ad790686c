"""In which unit does a wearable send its RR intervals? The standard says 1/1024 s; some firmware sends milliseconds.

Strategy: a report is sent after its newest beat and before the next one. So the words summed up to the newest beat, and
to the beat after it, enclose the moment of the report, measured in the wearable's own unit: with the true number of
words per second one offset satisfies all reports of a stretch, with the other number the stretch runs out of its band.
This is far sharper than a slope fitted to the sums (whose scatter is a whole interval), and a beat that was never sent
moves the rest of a stretch by the full width of the band, so that such a stretch fits no number and is thrown away
instead of deciding. Each stretch gives a likelihood over the number of words per second; they add up, and a unit
is told only if it fits as well as any number, and the other one is a thousand times less likely.

A heart that beats once a report shows the report only one of its sides for minutes: then nothing is told for as long.
Arrivals are a little late and now and then very late: what sticks out of the band a little costs little, and no single
report can cost more than a limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp, log, sqrt
from typing import Final

_US_PER_S: Final = 1_000_000
# Reports come about once a second. After a longer pause one is missing, and its beats with it.
_RUN_PAUSE_US: Final = 1_600_000
_LEAST_STRETCH_US: Final = 20 * _US_PER_S
# Longer stretches are cut, so that one missed beat costs no more than this.
_LONGEST_STRETCH_US: Final = 60 * _US_PER_S
# Nothing that beats faster is a heart; one firmware slips such words in between true ones.
_LEAST_WORD: Final = 240

_RATES: Final = tuple(range(944, 1081, 4))  # both candidates among them
_OFFSET_STEP_S: Final = 0.03
_OFFSETS: Final = 41
# How late a report usually is, give or take, and what a single report can cost at most.
_LATENESS_S: Final = 0.05
_LARGEST_COST: Final = 6.0
# A report that is this far outside counts against the stretch; so many of them, and the stretch does not fit.
_OUTSIDE_S: Final = 0.15
_MOST_OUTSIDE: Final = 0.06
# The other unit must be less likely by this factor (as a logarithm), and the chosen one nearly as likely as any number.
_EXCLUDED: Final = log(1000)
_COMPATIBLE: Final = 3.0


class RrUnitVerdict(StrEnum):
    """What the audit found."""

    TICKS = "1/1024 s"
    MILLISECONDS = "ms"
    UNDETERMINED = "undetermined"


_CANDIDATES: Final = ((RrUnitVerdict.TICKS, 1024), (RrUnitVerdict.MILLISECONDS, 1000))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitAudit:
    """The verdict and what it stands on.

    Attributes:
        unit: the verdict.
        words_per_s: how many the wearable sends for a second of beating; None if no stretch of reports could be used.
        uncertainty_words_per_s: its standard deviation; None like `words_per_s`.
        used_s: length of the stretches that were used.
        unfit_s: length of those that fit no unit: beats are missing in them.
    """

    unit: RrUnitVerdict
    words_per_s: float | None
    uncertainty_words_per_s: float | None
    used_s: float
    unfit_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    """A report that came at `at_us`, between the beats where the words add up to `words` and to `next_words`."""

    at_us: int
    words: int
    next_words: int


class RrUnitAuditor:
    """Stage: RR words with their arrival in, a verdict at any time."""

    def __init__(self) -> None:
        """Nothing has come."""
        self._begun = False
        self._words = 0
        self._waiting_us: list[int] = []
        self._reports: list[_Report] = []
        self._costs = [0.0] * len(_RATES)
        self._used_us = 0
        self._unfit_us = 0
        self._last_us: int | None = None

    def push(self, *, at_us: int, rr_words: Sequence[int]) -> None:
        """Take one report, also one without intervals, in order of arrival; `rr_words` as sent."""
        if self._last_us is not None and at_us - self._last_us >= _RUN_PAUSE_US:
            self.break_off()
        elif self._reports and at_us - self._reports[0].at_us >= _LONGEST_STRETCH_US:
            self._close()
        self._last_us = at_us
        for word in rr_words:
            if word < _LEAST_WORD:
                continue
            if self._waiting_us:
                next_words = self._words + word
                self._reports += [
                    _Report(at_us=waiting_us, words=self._words, next_words=next_words)
                    for waiting_us in self._waiting_us
                ]
                self._waiting_us.clear()
            self._words += word
            self._begun = True
        if self._begun:
            self._waiting_us.append(at_us)

    def break_off(self) -> None:
        """Beats are missing from here on: the link or the contact was lost, or a report."""
        self._close()
        self._last_us = None

    def verdict(self) -> UnitAudit:
        """What can be said so far."""
        costs, used_us, unfit_us = self._with_open_stretch()
        if not used_us:
            return UnitAudit(
                unit=RrUnitVerdict.UNDETERMINED,
                words_per_s=None,
                uncertainty_words_per_s=None,
                used_s=0.0,
                unfit_s=unfit_us / _US_PER_S,
            )
        least = min(costs)
        weights = [exp(least - cost) for cost in costs]
        mean = sum(weight * rate for weight, rate in zip(weights, _RATES, strict=True)) / sum(weights)
        variance = sum(weight * (rate - mean) ** 2 for weight, rate in zip(weights, _RATES, strict=True)) / sum(weights)
        # The likelihood takes reports for independent of each other, and the grid has steps: not below one of these.
        uncertainty = sqrt(variance + (_RATES[1] - _RATES[0]) ** 2 / 12)
        unit = RrUnitVerdict.UNDETERMINED
        if unfit_us <= used_us:
            for chosen, other in (_CANDIDATES, _CANDIDATES[::-1]):
                likely = costs[_RATES.index(chosen[1])]
                if costs[_RATES.index(other[1])] - likely > _EXCLUDED and likely - least < _COMPATIBLE:
                    unit = chosen[0]
        return UnitAudit(
            unit=unit,
            words_per_s=mean,
            uncertainty_words_per_s=uncertainty,
            used_s=used_us / _US_PER_S,
            unfit_s=unfit_us / _US_PER_S,
        )

    def _begin(self) -> None:
        self._begun = False
        self._words = 0
        self._waiting_us = []
        self._reports = []

    def _close(self) -> None:
        self._costs, self._used_us, self._unfit_us = self._with_open_stretch()
        self._begin()

    def _with_open_stretch(self) -> tuple[list[float], int, int]:
        reports = self._reports
        length_us = reports[-1].at_us - reports[0].at_us if reports else 0
        if length_us < _LEAST_STRETCH_US:
            return self._costs, self._used_us, self._unfit_us
        costs, outside = _likelihood(reports)
        if outside > _MOST_OUTSIDE * len(reports):
            return self._costs, self._used_us, self._unfit_us + length_us
        summed = [before + cost for before, cost in zip(self._costs, costs, strict=True)]
        return summed, self._used_us + length_us, self._unfit_us


def _likelihood(reports: Sequence[_Report]) -> tuple[list[float], int]:
    """Cost (minus log likelihood) of each rate, whatever the offset; and how many reports the best fit leaves out."""
    middle_us = (reports[0].at_us + reports[-1].at_us) / 2
    costs: list[float] = []
    best_cost, best_outside = float("inf"), 0
    for rate in _RATES:
        # When the report came, as seen from the beat before it and from the beat after it, but for the offset.
        since_s = [(report.at_us - middle_us) / _US_PER_S - report.words / rate for report in reports]
        until_s = [(report.at_us - middle_us) / _US_PER_S - report.next_words / rate for report in reports]
        centre_s = _median([(since + until) / 2 for since, until in zip(since_s, until_s, strict=True)])
        totals: list[float] = []
        for step in range(_OFFSETS):
            offset_s = centre_s + (step - _OFFSETS // 2) * _OFFSET_STEP_S
            total, outside = 0.0, 0
            for since, until in zip(since_s, until_s, strict=True):
                if offset_s > since:  # before its newest beat
                    excess_s = offset_s - since
                elif offset_s < until:  # after the next one
                    excess_s = until - offset_s
                else:
                    continue
                cost = (excess_s / _LATENESS_S) ** 2 / 2
                total += min(_LARGEST_COST, cost)
                outside += excess_s > _OUTSIDE_S
            totals.append(total)
            if total < best_cost:
                best_cost, best_outside = total, outside
        least = min(totals)
        costs.append(least - log(sum(exp(least - total) for total in totals)))
    return costs, best_outside


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]
