"""Sums of unequal chances against enumeration and the binomial distribution."""

from __future__ import annotations

from itertools import product
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from dsp import at_least


@given(st.lists(st.floats(0, 1), max_size=8), st.integers(-1, 9))
def test_at_least_is_what_enumeration_gives(chances: list[float], count: int) -> None:
    expected = sum(
        prod(chance if happened else 1 - chance for chance, happened in zip(chances, outcome, strict=True))
        for outcome in product([False, True], repeat=len(chances))
        if sum(outcome) >= count
    )
    assert at_least(count, chances) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("count", range(1, 40, 3))
def test_equal_chances_are_the_binomial_distribution(count: int) -> None:
    assert at_least(count, [0.3] * 60) == pytest.approx(stats.binom.sf(count - 1, 60, 0.3), rel=1e-9)
