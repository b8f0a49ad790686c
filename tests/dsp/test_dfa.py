"""DFA: known exponents of known processes, boxes fitted as the textbook fits them, none across a break."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dsp import NoVariation, SeriesError, TooShort, dfa
from dsp.dfa import LONG_SCALES, SHORT_SCALES


def textbook(nn_ms: NDArray[np.float64], size: int) -> float:
    """F(n) with one least-squares fit a box."""
    profile = np.cumsum(nn_ms - nn_ms.mean())
    boxes = profile[: len(profile) // size * size].reshape(-1, size)
    at = np.arange(size)
    return float(np.sqrt(np.mean([(box - np.polyval(np.polyfit(at, box, 1), at)) ** 2 for box in boxes])))


@given(seed=st.integers(0, 1000), beats=st.integers(64, 200))
def test_fluctuations_are_those_of_a_fit_in_each_box(seed: int, beats: int) -> None:
    nn_ms = 800 + np.cumsum(np.random.default_rng(seed).normal(0, 5, beats)) / 5
    found = dfa(nn_ms)
    assert found.scale_beats.tolist() == list(SHORT_SCALES)
    assert found.boxes.tolist() == [beats // size for size in SHORT_SCALES]
    expected = [textbook(nn_ms, size) for size in SHORT_SCALES]
    assert found.fluctuation_ms == pytest.approx(expected, rel=1e-7)
    assert found.alpha == pytest.approx(np.polyfit(np.log(SHORT_SCALES), np.log(expected), 1)[0], rel=1e-7)


@pytest.mark.parametrize(("power", "alpha"), [(0.0, 0.5), (1.0, 1.0), (2.0, 1.5)])
def test_noise_of_known_colour_has_its_exponent(power: float, alpha: float) -> None:
    """alpha = (beta + 1) / 2 for a density of 1 / f^beta."""
    spectrum = np.fft.rfft(np.random.default_rng(4).normal(size=1 << 17))
    spectrum[1:] /= np.arange(1, len(spectrum)) ** (power / 2)
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum)
    assert dfa(900 + 40 * noise / noise.std(), scales=LONG_SCALES).alpha == pytest.approx(alpha, abs=0.04)


def test_a_mean_that_changes_once_hardly_moves_the_exponent() -> None:
    """Another mean heart rate in the second half moves only the box that holds the step."""
    noise = np.random.default_rng(5).normal(0, 20, 3200)
    step = np.where(np.arange(3200) < 1600, 0.0, 60.0)
    assert dfa(1000 + noise + step).alpha == pytest.approx(dfa(1000 + noise).alpha, abs=0.02)


def test_no_box_reaches_over_a_break() -> None:
    rng = np.random.default_rng(6)
    parts = [800 + rng.normal(0, 20, beats) for beats in (130, 7, 190)]
    joined = np.ones(327, np.bool_)
    joined[[130, 137]] = False
    found = dfa(np.concatenate(parts), joined=joined)
    assert found.boxes.tolist() == [sum(len(part) // size for part in parts) for size in SHORT_SCALES]
    profile = np.cumsum(np.concatenate(parts) - np.concatenate(parts).mean())
    at, size = np.arange(16), 16
    boxes = [*profile[:128].reshape(-1, size), *profile[137 : 137 + 176].reshape(-1, size)]
    left = [(box - np.polyval(np.polyfit(at, box, 1), at)) ** 2 for box in boxes]
    assert found.fluctuation_ms[-1] == pytest.approx(np.sqrt(np.mean(left)), rel=1e-9)


@pytest.mark.parametrize(
    ("nn_ms", "more", "kind", "sentence"),
    [
        ([], {}, TooShort, "DFA over 16 beats needs at least 64 intervals; there are 0"),
        ([800.0] * 63, {}, TooShort, "there are 63"),
        ([800.0] * 100, {}, NoVariation, "do not vary"),
        ([800.0] * 99 + [float("inf")], {}, SeriesError, "inf"),
        ([800.0, 810.0] * 100, {"scales": [4]}, SeriesError, "two scales at least"),
        ([800.0, 810.0] * 100, {"scales": [2, 9]}, SeriesError, "3 beats at least"),
        ([800.0, 810.0] * 100, {"joined": [False] * 200}, TooShort, "unbroken boxes of 16 beats; there are 0"),
    ],
)
def test_what_has_no_exponent_ends_with_a_sentence(
    nn_ms: Any, more: dict[str, Any], kind: type[Exception], sentence: str
) -> None:
    with pytest.raises(kind, match=sentence):
        dfa(nn_ms, **more)
