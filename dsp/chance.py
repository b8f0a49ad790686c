"""How likely something is by luck alone: sums of unequal chances, exactly.

References:
    Y. Hong, "On computing the distribution function for the Poisson binomial distribution", Computational Statistics &
    Data Analysis 59, 2013.
"""

from __future__ import annotations

from collections.abc import Iterable


def at_least(count: int, chances: Iterable[float]) -> float:
    """The chance that at least `count` of several independent things happen, each with its own chance in 0..1.

    The exact Poisson binomial tail, by convolution. 1 for a count of 0 or less, 0 for more than there are.
    """
    if count <= 0:
        return 1.0
    # exactly[k]: the chance of k so far; the last entry gathers `count` and more.
    exactly = [1.0] + [0.0] * count
    for chance in chances:
        exactly[count] += exactly[count - 1] * chance
        for happened in range(count - 1, 0, -1):
            exactly[happened] += (exactly[happened - 1] - exactly[happened]) * chance
        exactly[0] *= 1 - chance
    return min(1.0, exactly[count])
