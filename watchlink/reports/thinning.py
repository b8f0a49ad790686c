"""A long line with fewer points that looks the same.

Strategy: in each column of pixels the lowest and the highest value stay, at their own times, so that no peak is lost
and none is moved by more than a column. (M4 keeps the first and the last too; at one value a second and two pixels to a
column they make no visible difference. U. Jugel et al., VLDB 2014, doi:10.14778/2732951.2732953.)
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Final, TypeAlias

Sample: TypeAlias = tuple[float, float]

GAP_S: Final = 5.0
"""A step of more is a gap, and no line is drawn over it."""


def unbroken(samples: Sequence[Sample]) -> list[list[Sample]]:
    """(time in seconds, value) pairs in rising time, cut at their gaps."""
    pieces: list[list[Sample]] = [[samples[0]]] if samples else []
    for before, now in pairwise(samples):
        if now[0] - before[0] > GAP_S:
            pieces.append([])
        pieces[-1].append(now)
    return pieces


def thinned(samples: Sequence[Sample], *, column_s: float) -> list[Sample]:
    """The samples that matter in columns of `column_s` > 0 seconds: of each its lowest and highest, in order of time.

    The first and the last sample always stay, so that a line begins and ends where it did.
    """
    kept: list[Sample] = []
    for _, column in groupby(samples, key=lambda sample: int(sample[0] // column_s)):
        inside = list(column)
        low, high = (choose(inside, key=lambda sample: sample[1]) for choose in (min, max))
        kept += sorted({low, high})
    ends = samples[:1], samples[-1:]
    return sorted({*ends[0], *kept, *ends[1]})
