"""The breathing rate: right where the heart shows it, silent where it does not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dsp.breathing import BreathingRate, CannotTell, breathing_rate
from dsp.errors import SeriesError


def colour(rng: np.random.Generator, count: int, shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """Noise at 4 Hz of a spectrum's shape, standard deviation 1."""
    half = count // 2 + 1
    wave = np.fft.irfft(shape * (rng.standard_normal(half) + 1j * rng.standard_normal(half)), count)
    return wave / wave.std()


def heart(
    rng: np.random.Generator,
    *,
    seconds: float,
    bpm: float = 70.0,
    slow_ms: float = 20.0,
    mayer_ms: float = 15.0,
    white_ms: float = 2.0,
    breath_ms: float = 0.0,
    per_min: float = 15.0,
    wander: float = 0.05,
    second_per_min: float | None = None,
) -> tuple[NDArray[np.float64], float]:
    """Intervals, and the breaths a minute that there really were."""
    count = 2 * int(2 * (seconds + 30))
    axis_hz = np.fft.rfftfreq(count, 0.25)
    fall = np.zeros(len(axis_hz))
    fall[1:] = axis_hz[1:] ** -0.5
    mayer_hz = rng.uniform(0.085, 0.115)
    modulation = slow_ms * colour(rng, count, fall)
    modulation += mayer_ms * colour(rng, count, np.exp(-0.5 * ((axis_hz - mayer_hz) / 0.0127) ** 2))
    rate_hz = per_min / 60 * np.exp(wander * colour(rng, count, 1 / (1 + (axis_hz / 0.02) ** 2)))
    modulation += breath_ms * np.sin(2 * np.pi * np.cumsum(rate_hz) / 4)
    if second_per_min is not None:
        modulation += breath_ms * np.sin(2 * np.pi * second_per_min / 60 * np.arange(count) / 4)
    nn_ms: list[float] = []
    at_s = 0.0
    grid_s = np.arange(count) / 4
    while at_s < seconds:
        interval = 60_000 / bpm + np.interp(at_s, grid_s, modulation) + white_ms * rng.standard_normal()
        nn_ms.append(float(max(300, round(interval))))
        at_s += nn_ms[-1] / 1000
    return np.array(nn_ms), 60 * float(rate_hz[: int(4 * seconds)].mean())


@pytest.mark.parametrize(("seconds", "least"), [(120, 0.5), (300, 0.9)])
@pytest.mark.parametrize("per_min", [12, 15, 20, 25])
def test_natural_breath_is_found(per_min: float, seconds: float, least: float) -> None:
    rng = np.random.default_rng(int(per_min + seconds))
    told = 0
    for _ in range(20):
        nn_ms, truth = heart(rng, seconds=seconds, bpm=75, breath_ms=20, per_min=per_min)
        found = breathing_rate(nn_ms)
        if isinstance(found, BreathingRate):
            told += 1
            assert found.breaths_per_min == pytest.approx(truth, abs=2)
            assert 0.95 <= found.confidence <= 1
    assert told >= least * 20


def test_fast_breath_of_a_fast_heart() -> None:
    nn_ms, truth = heart(np.random.default_rng(4), seconds=300, bpm=110, breath_ms=20, per_min=29)
    found = breathing_rate(nn_ms)
    assert isinstance(found, BreathingRate)
    assert found.breaths_per_min == pytest.approx(truth, abs=1)


@pytest.mark.parametrize("per_min", [4.5, 6.0, 7.5])
def test_paced_slow_breath_is_a_line(per_min: float) -> None:
    rng = np.random.default_rng(6)
    nn_ms, truth = heart(
        rng, seconds=300, breath_ms=60, per_min=per_min, wander=0.005, mayer_ms=5, slow_ms=10, white_ms=2
    )
    found = breathing_rate(nn_ms)
    assert isinstance(found, BreathingRate)
    assert found.breaths_per_min == pytest.approx(truth, abs=0.1)
    assert found.amplitude_ms == pytest.approx(60, rel=0.1)
    assert isinstance(breathing_rate(nn_ms[:150]), CannotTell)  # two minutes do not tell it from Mayer waves


@pytest.mark.parametrize("seconds", [60, 120, 300])
@pytest.mark.parametrize(
    "kind",
    [
        {"mayer_ms": 25.0},
        {"mayer_ms": 0.0},
        {"mayer_ms": 0.0, "slow_ms": 0.0, "white_ms": 30.0},
    ],
    ids=["mayer", "1/f", "white"],
)
def test_no_breath_no_rate(seconds: float, kind: dict[str, float]) -> None:
    rng = np.random.default_rng(11)
    hearts = [heart(rng, seconds=seconds, bpm=rng.uniform(55, 95), **kind)[0] for _ in range(60)]
    false = sum(isinstance(breathing_rate(nn_ms), BreathingRate) for nn_ms in hearts)
    assert false <= 6  # 1 in 20 is promised; more than 6 of 60 has then a chance of 3 %, and the seed is fixed


def test_a_slow_trend_is_no_breath() -> None:
    rng = np.random.default_rng(3)
    nn_ms = 850 + np.linspace(0, 150, 350) + 5 * rng.standard_normal(350)
    assert isinstance(breathing_rate(nn_ms), CannotTell)


def test_two_comparable_rates() -> None:
    rng = np.random.default_rng(5)
    nn_ms, _ = heart(
        rng, seconds=300, bpm=90, slow_ms=5, mayer_ms=5, breath_ms=25, per_min=12, wander=0, second_per_min=22
    )
    found = breathing_rate(nn_ms)
    assert isinstance(found, CannotTell)
    assert "12 and 22" in found.reason


def test_mayer_waves_are_named() -> None:
    nn_ms, _ = heart(np.random.default_rng(8), seconds=300, mayer_ms=40)
    found = breathing_rate(nn_ms)
    assert isinstance(found, CannotTell)
    assert "Mayer" in found.reason


def test_beyond_half_the_heart_rate_nothing_is_seen() -> None:
    at_s = np.cumsum(np.full(150, 2.0))
    nn_ms = 2000 + 50 * np.sin(2 * np.pi * 0.2 * at_s)  # 12 breaths at 30 beats a minute: the mirror is at 18
    found = breathing_rate(nn_ms)
    assert isinstance(found, CannotTell) or found.breaths_per_min == pytest.approx(12, abs=1)


@pytest.mark.parametrize(
    ("nn_ms", "reason"),
    [
        ([], "less than a minute"),
        ([800.0], "less than a minute"),
        ([800.0] * 60, "less than a minute"),
        ([800.0] * 400, "alike"),
        ([4000.0, 4100.0] * 50, "too slowly"),
    ],
)
def test_reasons(nn_ms: list[float], reason: str) -> None:
    found = breathing_rate(nn_ms)
    assert isinstance(found, CannotTell)
    assert reason in found.reason


def test_breaks_leave_too_little() -> None:
    nn_ms, _ = heart(np.random.default_rng(1), seconds=300, breath_ms=30)
    joined = np.arange(len(nn_ms)) % 40 != 0
    found = breathing_rate(nn_ms, joined=joined)
    assert isinstance(found, CannotTell)
    assert "break" in found.reason


def test_a_hole_changes_nothing_about_the_rate() -> None:
    nn_ms, truth = heart(np.random.default_rng(2), seconds=400, bpm=75, breath_ms=25)
    at_s = np.cumsum(nn_ms) / 1000
    at_s[250:] += 600
    found = breathing_rate(nn_ms, at_s=at_s)
    assert isinstance(found, BreathingRate)
    assert found.breaths_per_min == pytest.approx(truth, abs=1.5)


@pytest.mark.parametrize("bad", [[800.0, np.nan], [800.0, -5.0], ["a"], [[800.0]]])
def test_no_intervals(bad: object) -> None:
    with pytest.raises(SeriesError):
        breathing_rate(bad)  # type: ignore[arg-type]
