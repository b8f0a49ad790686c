"""Entropies: exactly the pairs that the definition counts, whatever the blocks, and a sentence where there is none."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dsp import NoVariation, SeriesError, TooLong, TooShort, multiscale_entropy, sample_entropy
from dsp import entropy as module


def counted(nn: NDArray[np.int64], follows: NDArray[np.bool_], reach: float, m: int) -> tuple[int, int]:
    """The definition, pair by pair."""
    begins = [at for at in range(len(nn) - m) if follows[at + 1 : at + m + 1].all()]
    pairs = [(a, b) for place, a in enumerate(begins) for b in begins[place + 1 :]]
    shorter = sum(bool((abs(nn[a : a + m] - nn[b : b + m]) <= reach).all()) for a, b in pairs)
    longer = sum(bool((abs(nn[a : a + m + 1] - nn[b : b + m + 1]) <= reach).all()) for a, b in pairs)
    return shorter, longer


def heart(beats: int, *, seed: int = 1) -> NDArray[np.float64]:
    """A slow wander, a breath and noise, on the grid of a strap (1/1024 s)."""
    rng = np.random.default_rng(seed)
    wander = np.cumsum(rng.normal(0, 2, beats))
    values = 850 + wander - np.linspace(0, wander[-1], beats) + 25 * np.sin(np.arange(beats) / 3)
    return np.maximum(300, np.round((values + rng.normal(0, 15, beats)) * 1.024) / 1.024)


@given(
    values=st.lists(st.integers(0, 12), min_size=1, max_size=60),
    breaks=st.sets(st.integers(0, 59), max_size=5),
    reach=st.integers(0, 4),
    m=st.integers(1, 3),
)
def test_pairs_are_those_of_the_definition(values: list[int], breaks: set[int], reach: int, m: int) -> None:
    """Few distinct values: most differences lie exactly at the tolerance."""
    nn = np.array(values)
    follows = ~np.isin(np.arange(len(nn)), list(breaks | {0}))
    assert module._matches(nn, follows, reach, m) == counted(nn, follows, reach, m)


@pytest.mark.parametrize("beats", [64, 65, module._BLOCK, module._BLOCK + 3, 2 * module._BLOCK + 200])
def test_blocks_leave_no_seam(beats: int) -> None:
    nn = np.round(heart(beats) * 1024).astype(np.int64)
    reach = int(0.2 * nn.std(ddof=1))
    near = abs(nn[:, None] - nn[None, :]) <= reach
    inner = beats - 2
    two = near[:inner, :inner] & near[1 : inner + 1, 1 : inner + 1]
    three = two & near[2:, 2:]
    expected = (int(np.triu(two, 1).sum()), int(np.triu(three, 1).sum()))
    assert module._matches(nn, np.ones(beats, np.bool_), reach, 2) == expected


def test_sample_entropy_of_short_series_by_hand() -> None:
    """Strict alternation never surprises; what breaks it does."""
    nn_ms = [800.0, 900.0] * 6
    shorter, longer = counted(np.array(nn_ms, np.int64), np.ones(12, np.bool_), 20, 2)
    assert (shorter, longer) == (20, 20)
    assert sample_entropy(nn_ms, tolerance_ms=20.0) == 0.0
    irregular = [800.0, 900.0, 800.0, 900.0, 700.0, 800.0, 900.0, 800.0]
    shorter, longer = counted(np.array(irregular, np.int64), np.ones(8, np.bool_), 20, 2)
    assert sample_entropy(irregular, tolerance_ms=20.0) == log(shorter / longer) > 0


def test_order_is_low_and_noise_is_high() -> None:
    steady = 800 + 40 * np.sin(np.arange(600) / 3)
    noise = 800 + np.random.default_rng(2).normal(0, 28, 600)
    assert sample_entropy(steady) < 0.5 < 1.8 < sample_entropy(noise)


def test_white_noise_loses_entropy_with_scale_and_flicker_keeps_it() -> None:
    """The finding of Costa et al. 2002, and the value of white noise in closed form."""
    rng = np.random.default_rng(3)
    white = 800 + rng.normal(0, 30, 20_000)
    spectrum = np.fft.rfft(rng.normal(size=20_000))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    flicker = np.fft.irfft(spectrum)
    of_white, of_flicker = multiscale_entropy(white), multiscale_entropy(800 + 30 * flicker / flicker.std())
    assert len(of_white) == len(of_flicker) == 20
    first, last = of_white[0], of_white[19]
    assert first is not None
    assert last is not None
    # The difference of two Gaussians lies within 0.2 SD with probability erf(0.1).
    assert first == pytest.approx(-log(0.112463), abs=0.02)
    assert last < 1.2
    assert min(value for value in of_flicker if value is not None) > 1.3


def test_scale_one_is_sample_entropy_and_scales_end_with_the_series() -> None:
    nn_ms = heart(1010)
    found = multiscale_entropy(nn_ms)
    assert found[0] == sample_entropy(nn_ms)
    assert len(found) == 5


def test_means_are_not_taken_across_a_break() -> None:
    nn = np.arange(1, 12)
    follows = ~np.isin(np.arange(11), [0, 5])
    sums, joined = module._coarse(nn, follows, 2)
    assert sums.tolist() == [3, 7, 13, 17, 21]
    assert joined.tolist() == [False, True, False, True, True]
    assert [part.tolist() for part in module._coarse(nn, follows, 7)] == [[], []]


def test_joining_nothing_leaves_nothing_to_compare() -> None:
    with pytest.raises(TooShort, match="No stretch of 3 intervals repeats"):
        sample_entropy(heart(50), joined=np.zeros(50, np.bool_))


@pytest.mark.parametrize(
    ("nn_ms", "more", "kind", "sentence"),
    [
        ([], {}, TooShort, "needs at least 4 intervals; there are 0"),
        ([800.0], {}, TooShort, "at least 4"),
        ([800.0] * 50, {}, NoVariation, "all intervals are equal"),
        ([800.0, float("nan"), 810, 820], {}, SeriesError, "number 1 is nan"),
        ([800.0, 900, 1000, 1100, 1200], {}, TooShort, "No stretch of 3 intervals repeats"),
        ([800.0, 810, 820, 830], {"m": 0}, SeriesError, "1 to 10 intervals; these have 0"),
        ([800.0, 810, 820, 830], {"tolerance_ms": -1.0}, SeriesError, "at least 0 ms; it is -1"),
        ([800.0, 810, 820, 830], {"tolerance_ms": float("nan")}, SeriesError, "it is nan"),
        (["a"] * 9, {}, SeriesError, "numbers"),
    ],
)
def test_what_has_no_entropy_ends_with_a_sentence(
    nn_ms: Any, more: dict[str, Any], kind: type[Exception], sentence: str
) -> None:
    with pytest.raises(kind, match=sentence):
        sample_entropy(nn_ms, **more)


def test_equal_intervals_match_under_a_tolerance_that_was_given() -> None:
    assert sample_entropy([800.0] * 50, tolerance_ms=0.0) == 0.0


def test_too_many_beats_and_too_few_for_scales_say_so() -> None:
    with pytest.raises(TooLong, match=r"at most 2000000 intervals; these are 10000000\. Take windows"):
        sample_entropy(np.tile([800.0, 810.0], 5_000_000))
    with pytest.raises(TooShort, match="Multiscale entropy needs at least 200"):
        multiscale_entropy(heart(199))
