"""Values to places on a chart and back, and where an axis is labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A straight map of values to places; `value` undoes `place`.

    Attributes:
        low, high: ends of the values; low < high.
        start, end: the places of both, in the unit of the chart (per cent across, pixels down).
    """

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Where a value stands."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def value(self, place: float) -> float:
        """What stands at a place."""
        return self.low + (place - self.start) / (self.end - self.start) * (self.high - self.low)


def step_of(span: float, *, at_most: int) -> float:
    """The smallest of 1, 2, 5 times a power of ten that cuts a span > 0 into `at_most` steps or fewer."""
    unit = 10.0 ** floor(log10(span / at_most))
    return next(times * unit for times in (1, 2, 5, 10, 20) if span / (times * unit) <= at_most)


def ticks(low: float, high: float, step: float) -> list[float]:
    """The multiples of a step from `low` to `high`."""
    small = step * 1e-9
    return [number * step for number in range(ceil((low - small) / step), floor((high + small) / step) + 1)]


def digits_of(step: float) -> int:
    """How many digits after the point tell the multiples of a step > 0 apart."""
    return max(0, -floor(log10(step) + 1e-9))


def widened(values: Sequence[float], *, at_least: float, at_most_steps: int) -> tuple[float, float, float]:
    """Low end, high end and step of an axis that holds the values with a little air and spans `at_least` > 0."""
    low, high = min(values), max(values)
    air = max((high - low) * 0.06, (at_least - (high - low)) / 2)
    low, high = low - air, high + air
    step = step_of(high - low, at_most=at_most_steps)
    return floor(low / step) * step, ceil(high / step) * step, step
