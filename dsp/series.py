"""A whole series of intervals as arrays: checked on the way in, and what cleaning makes of it.

Strategy: every public function of arrays looks at its arguments here once, so that a bad series ends as one typed error
with a sentence, never as a warning of NumPy or a silent NaN. A break in a series (lost beats, a beat that was thrown
away) is told by `joined`: interval i is joined if it follows interval i - 1 directly. Nothing is computed across a
break.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dsp.beats import BeatLabel, CleanBeat
from dsp.errors import RrUnitWarning, SeriesError, TooShort

# The median of a heart at rest or at work lies between 240 and 3000 ms; in seconds below 3, in microseconds above
# 240 000. Between, the unit is not certain enough to say anything.
_SECONDS_BELOW: Final = 10.0
_MICROSECONDS_ABOVE: Final = 100_000.0
# Zero and negative numbers are no intervals, nor is more than a day. Between them, odd ones are taken as they are.
_LEAST_MS: Final = 0.01
_MOST_MS: Final = 86_400_000.0

LABELS: Final[tuple[BeatLabel, ...]] = tuple(BeatLabel)
"""Labels by their code in `CleanSeries.label`; code 0 is normal."""
_CODES: Final = {label: code for code, label in enumerate(LABELS)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CleanSeries:
    """A series after cleaning, one entry an interval; all arrays have the shape (n,).

    Attributes:
        at_s: when each interval ended, in seconds; rising.
        nn_ms: the interval to use; as sent unless `corrected`.
        label: what the interval as sent looked like: an index into `LABELS`.
        corrected: the interval was changed, because its own beat or the one before it was moved, put in or taken out.
        gap_before: beats are missing between this interval and the one before it.
    """

    at_s: NDArray[np.float64]
    nn_ms: NDArray[np.float64]
    label: NDArray[np.int8]
    corrected: NDArray[np.bool_]
    gap_before: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.nn_ms)

    @classmethod
    def of(cls, beats: Sequence[CleanBeat]) -> CleanSeries:
        """Clean beats, one after the other, as arrays."""
        return cls(
            at_s=np.array([beat.at_s for beat in beats], dtype=np.float64),
            nn_ms=np.array([beat.nn_ms for beat in beats], dtype=np.float64),
            label=np.array([_CODES[beat.label] for beat in beats], dtype=np.int8),
            corrected=np.array([beat.corrected for beat in beats], dtype=np.bool_),
            gap_before=np.array([beat.gap_before for beat in beats], dtype=np.bool_),
        )

    def beats(self) -> Iterator[CleanBeat]:
        """The beats, one after the other: what a stage takes."""
        for at in range(len(self)):
            yield CleanBeat(
                at_s=float(self.at_s[at]),
                nn_ms=float(self.nn_ms[at]),
                label=LABELS[int(self.label[at])],
                corrected=bool(self.corrected[at]),
                gap_before=bool(self.gap_before[at]),
            )

    @property
    def as_sent(self) -> NDArray[np.bool_]:
        """Intervals that are normal, and of which nothing was changed."""
        return np.equal(self.label, 0) & ~self.corrected

    @property
    def usable(self) -> NDArray[np.bool_]:
        """The NN series: intervals that are normal or were put right; those that could not be mended are not in it."""
        return np.equal(self.label, 0) | self.corrected

    @property
    def accepted(self) -> NDArray[np.bool_]:
        """Intervals on which differences may stand; see `CleanBeat.accepted`."""
        whole = np.equal(self.label, _CODES[BeatLabel.EXTRA]) | np.equal(self.label, _CODES[BeatLabel.MISSED])
        return np.where(self.corrected, whole, np.equal(self.label, 0))

    @property
    def joined(self) -> NDArray[np.bool_]:
        """Where an interval follows the one before it directly; False for the first."""
        joined = ~self.gap_before
        joined[:1] = False
        return joined

    @property
    def used_nn_ms(self) -> NDArray[np.float64]:
        """The usable intervals alone."""
        return self.nn_ms[self.usable]

    @property
    def used_joined(self) -> NDArray[np.bool_]:
        """For `used_nn_ms`: where the difference to the one before was measured; see `dsp.beats.counts`."""
        accepted = self.accepted
        missed = np.equal(self.label, _CODES[BeatLabel.MISSED])
        joined = self.joined & accepted
        joined[1:] &= accepted[:-1] & ~(missed[1:] & missed[:-1])
        return joined[self.usable]


def checked_intervals(rr_ms: ArrayLike, *, at_least: int, what: str) -> NDArray[np.float64]:
    """Intervals as an array of float64, shape (n,), if they can be intervals at all.

    Args:
        rr_ms: intervals in milliseconds.
        at_least: how many the metric needs.
        what: the metric's name, for the message.

    Raises:
        TooShort: there are fewer than `at_least`.
        SeriesError: not one-dimensional, not numbers, not finite, zero or negative.

    Warns:
        RrUnitWarning: their size says that they are not milliseconds. They are used as they are.
    """
    values_ms = _numbers(rr_ms, name="intervals")
    if len(values_ms) < at_least:
        raise TooShort(f"{what} needs at least {at_least} intervals; there are {len(values_ms)}.")
    if len(values_ms) == 0:
        return values_ms
    least_ms, most_ms = values_ms.min(), values_ms.max()
    if least_ms < _LEAST_MS or most_ms > _MOST_MS:
        first = int(np.flatnonzero((values_ms < _LEAST_MS) | (values_ms > _MOST_MS))[0])
        extreme = "short" if values_ms[first] < _LEAST_MS else "long"
        raise SeriesError(
            f"Interval {first} is {values_ms[first]:g} ms: none is that {extreme}. Leave it out, and mark the break."
        )
    if least_ms >= _SECONDS_BELOW and most_ms <= _MICROSECONDS_ABOVE:
        return values_ms
    median = float(np.median(values_ms))
    unit = "seconds" if median < _SECONDS_BELOW else "microseconds" if median > _MICROSECONDS_ABOVE else ""
    if unit:
        factor = "multiply by 1000" if unit == "seconds" else "divide by 1000"
        warnings.warn(
            f"The median interval is {median:g}: these look like {unit}, not milliseconds; {factor}.",
            RrUnitWarning,
            stacklevel=3,
        )
    return values_ms


def checked_joined(joined: ArrayLike | None, count: int) -> NDArray[np.bool_]:
    """Where an interval follows the one before it directly, shape (count,), False for the first; None means all do.

    Raises:
        SeriesError: not one truth value an interval.
    """
    if joined is None:
        checked = np.ones(count, dtype=np.bool_)
    else:
        given = np.asarray(joined)
        if given.shape != (count,) or given.dtype != np.bool_:
            raise SeriesError(f"`joined` is one True or False an interval, {count} in all; it is {_shape(given)}.")
        checked = given.copy()
    checked[:1] = False
    return checked


def checked_gaps(gap_before: ArrayLike | None, count: int) -> NDArray[np.bool_]:
    """Where beats are missing before an interval, shape (count,), writable; None means nowhere.

    Raises:
        SeriesError: not one truth value an interval.
    """
    if gap_before is None:
        return np.zeros(count, dtype=np.bool_)
    given = np.asarray(gap_before)
    if given.shape != (count,) or (given.dtype != np.bool_ and count > 0):
        raise SeriesError(f"`gap_before` is one True or False an interval, {count} in all; it is {_shape(given)}.")
    return given.astype(np.bool_)


def checked_times(at_s: ArrayLike | None, rr_ms: NDArray[np.float64]) -> NDArray[np.float64]:
    """When each interval ended, in seconds, shape (n,); None means one after the other from 0.

    Raises:
        SeriesError: not one finite number an interval, or not rising.
    """
    if at_s is None:
        return np.cumsum(rr_ms) / 1000
    values_s = _numbers(at_s, name="times")
    if values_s.shape != rr_ms.shape:
        raise SeriesError(f"There are {len(rr_ms)} intervals and {len(values_s)} times; each interval has its own.")
    falling = np.flatnonzero(np.diff(values_s) <= 0)
    if len(falling):
        raise SeriesError(f"Time {int(falling[0]) + 1} is not after the one before it; put the beats in order.")
    return values_s


def _numbers(values: ArrayLike, *, name: str) -> NDArray[np.float64]:
    given = np.asarray(values)
    if given.size == 0 and given.ndim == 1:
        return np.empty(0)
    if given.ndim != 1 or given.dtype.kind not in "iuf":
        raise SeriesError(f"The {name} are a one-dimensional array of numbers; this is {_shape(given)}.")
    checked = given.astype(np.float64)
    if not np.isfinite(checked.sum()):  # one pass over the good case; the sum of finite intervals is finite
        bad = np.flatnonzero(~np.isfinite(checked))
        if len(bad):
            raise SeriesError(
                f"Of the {name}, number {int(bad[0])} is {checked[bad[0]]:g}: leave out what is not known, and mark "
                "the break."
            )
    return checked


def _shape(array: NDArray[np.generic]) -> str:
    return f"of shape {array.shape} and type {array.dtype}"
