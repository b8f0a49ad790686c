"""Smoothness priors: the dense formula of the paper, at both ends too, and its filter's gain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from dsp.detrending import REGULARISATION, smoothness_priors
from dsp.errors import SeriesError, TooShort


def dense(values: NDArray[np.float64], regularisation: float) -> NDArray[np.float64]:
    """The paper's formula, word for word."""
    identity = np.eye(len(values))
    second = np.diff(identity, n=2, axis=0)
    return (identity - np.linalg.inv(identity + regularisation**2 * second.T @ second)) @ values


@given(
    values=st.integers(3, 60).flatmap(lambda n: arrays(np.float64, n, elements=st.floats(-2000, 2000, width=32))),
    regularisation=st.sampled_from([0.1, 1.0, 10.0, 500.0, 2000.0]),
)
def test_equals_the_dense_formula_everywhere(values: NDArray[np.float64], regularisation: float) -> None:
    # The oracle itself rounds by the condition of its matrix, 16 times the square of the regularisation.
    rounding = 1e-15 * (1 + 16 * regularisation**2) * (1 + np.abs(values).max()) * 10
    np.testing.assert_allclose(
        smoothness_priors(values, regularisation=regularisation), dense(values, regularisation), atol=rounding, rtol=0
    )


def test_the_ends_are_no_exception() -> None:
    # NeuroKit2 0.2.13 leaves the end of this with its trend: a standard deviation of 217 instead of 28 ms.
    at_s = np.arange(1200) / 4
    wave = 40 * np.sin(2 * np.pi * 0.25 * at_s)
    left = smoothness_priors(1000 + 2 * at_s + 60 * np.sin(2 * np.pi * at_s / 600) + wave)
    for part in (slice(0, 40), slice(580, 620), slice(-40, None)):
        assert abs(left[part] - wave[part]).max() < 7  # theirs is off by 1596 ms
    assert left.std() == pytest.approx(wave.std(), rel=0.01)


def test_reversed_in_time_it_is_the_same() -> None:
    values = np.random.default_rng(1).normal(900, 50, 500).cumsum()
    np.testing.assert_allclose(smoothness_priors(values[::-1])[::-1], smoothness_priors(values), atol=1e-6)


@given(st.floats(-1e4, 1e4), st.floats(-10, 10), st.integers(3, 300))
def test_a_straight_line_is_all_trend(level: float, slope: float, count: int) -> None:
    line = level + slope * np.arange(count)
    assert np.abs(smoothness_priors(line)).max() <= 1e-12 * (1 + np.abs(line).max())


@pytest.mark.parametrize(("frequency_hz", "gain"), [(0.005, 0.0010), (0.028, 0.483), (0.035, 0.695), (0.25, 0.9998)])
def test_gain_is_that_of_the_closed_form(frequency_hz: float, gain: float) -> None:
    turn = 2 * np.pi * frequency_hz / 4
    expected = 16 * REGULARISATION**2 * np.sin(turn / 2) ** 4
    expected /= 1 + expected
    assert expected == pytest.approx(gain, abs=2e-3)
    wave = np.sin(turn * np.arange(40_000))
    middle = slice(10_000, 30_000)
    left = smoothness_priors(wave)[middle]
    assert left @ wave[middle] / (wave[middle] @ wave[middle]) == pytest.approx(expected, abs=1e-3)


def test_the_sum_and_the_slope_are_gone() -> None:
    left = smoothness_priors(np.random.default_rng(2).normal(800, 40, 1000))
    assert abs(left.sum()) < 1e-8
    assert abs(left @ np.arange(1000)) < 1e-5


def test_a_million_values_are_no_matter() -> None:
    left = smoothness_priors(np.tile([800.0, 820.0], 500_000))
    np.testing.assert_allclose(left[500:-500], np.tile([-10.0, 10.0], 499_500), atol=1e-3)


def test_the_input_is_left_alone_and_integers_will_do() -> None:
    values = np.array([800, 810, 790, 805])
    before = values.copy()
    assert smoothness_priors(values).dtype == np.float64
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("values", [[], [800.0], [800.0, 810.0]])
def test_too_few(values: list[float]) -> None:
    with pytest.raises(TooShort, match="at least 3"):
        smoothness_priors(values)


@pytest.mark.parametrize("values", [[1.0, np.nan, 2.0], [1.0, np.inf, 2.0], ["a", "b", "c"], [[1.0, 2.0, 3.0]], 5.0])
def test_no_series(values: object) -> None:
    with pytest.raises(SeriesError):
        smoothness_priors(values)  # type: ignore[arg-type]


@pytest.mark.parametrize("regularisation", [0.0, -1.0, np.nan, np.inf, 1e6])
def test_regularisation_out_of_range(regularisation: float) -> None:
    with pytest.raises(SeriesError, match="regularisation"):
        smoothness_priors([1.0, 2.0, 4.0], regularisation=regularisation)
