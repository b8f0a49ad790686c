"""What can be wrong with a series of intervals, as errors and warnings that say what to do."""

from __future__ import annotations


class SeriesError(ValueError):
    """A series that no metric can be computed from: the message says what is wrong, where, and what would help."""


class TooShort(SeriesError):
    """Fewer beats, or fewer seconds, than the metric needs."""


class TooLong(SeriesError):
    """More beats than the metric can be computed from in reasonable time; take windows."""


class NoVariation(SeriesError):
    """All values are equal, and the metric is a share of their variation."""


class RrUnitWarning(UserWarning):
    """The intervals are not likely to be milliseconds; the message names the likely unit."""
