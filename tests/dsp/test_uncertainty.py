"""Intervals: they hold the truth as often as they claim, on hearts whose truth is known, and nothing reaches a gap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dsp import CleanSeries, Interval, Intervals, hrv
from dsp.uncertainty import LAGS, _lagged, slots_of

_MEAN_MS = 850.0
_BEATS = 1 << 16


def _heart(seed: int, *, lf_ms2: float, hf_ms2: float, slow_ms2: float, slowest_hz: float) -> NDArray[np.float64]:
    """A Gaussian heart of known spectrum: a 0.1 Hz rhythm, breathing at 0.25 Hz, and 1/f below 0.04 Hz."""
    rng = np.random.default_rng(seed)
    frequency_hz = np.fft.rfftfreq(_BEATS, _MEAN_MS / 1000)
    low = np.exp(-0.5 * ((frequency_hz - 0.1) / 0.02) ** 2)
    high = np.exp(-0.5 * ((frequency_hz - 0.25) / 0.03) ** 2)
    slow = np.where((frequency_hz >= slowest_hz) & (frequency_hz < 0.04), 1 / np.maximum(frequency_hz, 1e-3), 0.0)
    power = lf_ms2 * low / low.sum() + hf_ms2 * high / high.sum() + slow_ms2 * slow / slow.sum()
    noise = rng.normal(size=len(power)) + 1j * rng.normal(size=len(power))
    values: NDArray[np.float64] = np.fft.irfft(noise * np.sqrt(power / 2), _BEATS) * _BEATS / np.sqrt(2)
    return _MEAN_MS + values


def _series(nn_ms: NDArray[np.float64], *, gaps: tuple[int, ...] = ()) -> CleanSeries:
    gap_before = np.zeros(len(nn_ms), dtype=np.bool_)
    gap_before[list(gaps)] = True
    return CleanSeries(
        at_s=np.cumsum(nn_ms) / 1000 + 10.0 * np.cumsum(gap_before),
        nn_ms=nn_ms,
        label=np.zeros(len(nn_ms), dtype=np.int8),
        corrected=np.zeros(len(nn_ms), dtype=np.bool_),
        gap_before=gap_before,
    )


def _intervals(nn_ms: NDArray[np.float64]) -> Intervals:
    return hrv(_series(nn_ms)).intervals


@pytest.mark.parametrize("beats", [70, 140, 350])
@pytest.mark.parametrize(
    ("lf_ms2", "hf_ms2", "slow_ms2"), [(1000, 800, 500), (200, 2000, 200), (100, 80, 100), (600, 500, 3000)]
)
def test_rmssd_and_sdnn_lie_in_their_intervals_as_often_as_claimed(
    beats: int, lf_ms2: float, hf_ms2: float, slow_ms2: float
) -> None:
    """95 % claimed, of windows on hearts that vary no slower than the window is long.

    RMSSD keeps it. SDNN falls to 88 % where most of the variation takes about as long as the window.
    """
    slowest_hz = 1000 / (beats * _MEAN_MS)
    nn_ms = _heart(beats, lf_ms2=lf_ms2, hf_ms2=hf_ms2, slow_ms2=slow_ms2, slowest_hz=slowest_hz)
    sdnn_ms, rmssd_ms = nn_ms.std(), np.sqrt((np.diff(nn_ms) ** 2).mean())
    windows = [_intervals(nn_ms[at : at + beats]) for at in range(0, _BEATS - beats, 160)]
    for truth, held, least in (
        (sdnn_ms, [window.sdnn_ms for window in windows], 0.86),
        (rmssd_ms, [window.rmssd_ms for window in windows], 0.93),
    ):
        share = np.mean([interval is not None and interval.low <= truth <= interval.high for interval in held])
        assert least <= share <= 0.99


def test_the_mean_is_held_where_the_window_sees_all_and_less_often_where_the_heart_drifts() -> None:
    """A limit, told: of a drift slower than the window the interval cannot know."""
    for slowest_hz, least, most in ((1 / 60, 0.95, 1.0), (1 / 600, 0.4, 0.8)):
        nn_ms = _heart(1, lf_ms2=1000, hf_ms2=800, slow_ms2=500, slowest_hz=slowest_hz)
        truth_bpm = 60_000 / nn_ms.mean()
        windows = [_intervals(nn_ms[at : at + 70]).mean_heart_rate_bpm for at in range(0, _BEATS - 70, 160)]
        share = np.mean([window is not None and window.low <= truth_bpm <= window.high for window in windows])
        assert least <= share <= most


def test_longer_windows_know_better() -> None:
    nn_ms = _heart(2, lf_ms2=1000, hf_ms2=800, slow_ms2=0.0, slowest_hz=0.02)
    widths: list[float] = []
    for beats in (70, 280, 1120):
        interval = _intervals(nn_ms[:beats]).rmssd_ms
        assert interval is not None
        widths.append(np.log(interval.high / interval.low))
    assert widths[0] / widths[1] == pytest.approx(2, rel=0.3)
    assert widths[1] / widths[2] == pytest.approx(2, rel=0.3)


def test_equal_intervals_leave_no_doubt() -> None:
    found = _intervals(np.full(60, 800.0))
    assert found.rmssd_ms == found.sdnn_ms == Interval(low=0.0, high=0.0)
    assert found.mean_heart_rate_bpm == Interval(low=75.0, high=75.0)


@given(
    units=st.lists(st.integers(300_000, 1_800_000), min_size=2, max_size=40),
    gaps=st.sets(st.integers(1, 39), max_size=4),
)
def test_no_product_reaches_across_a_gap(units: list[int], gaps: set[int]) -> None:
    nn = np.array(units)
    gap_before = np.isin(np.arange(len(nn)), list(gaps))
    joined = ~gap_before
    joined[0] = False
    slots = slots_of(nn, joined, used=np.ones(len(nn), dtype=np.bool_), gap_before=gap_before)
    stretches = np.split(nn, sorted(at for at in gaps if at < len(nn)))
    for lag, found in enumerate(_lagged(slots.nn, 1_800_000)):
        assert found == sum(int(np.dot(part[lag:], part[: len(part) - lag])) for part in stretches if len(part) > lag)
    assert slots.difference.sum() == sum(int(part[-1] - part[0]) for part in stretches)


def test_a_rejected_beat_keeps_its_place() -> None:
    nn, used = np.array([800, 900]), np.array([True, False, True])
    slots = slots_of(nn, np.array([False, False]), used=used, gap_before=np.array([True, False, False]))
    assert slots.nn.tolist() == [800, 0, 900, *[0] * LAGS]
    assert slots.taken.tolist() == [1, 0, 1, *[0] * LAGS]


def test_products_beyond_64_bits_give_up_low_bits_instead_of_turning_over() -> None:
    values = np.concatenate([np.full(4096, 86_400_000 * 1024), np.zeros(LAGS, np.int64)])
    found = _lagged(values, 86_400_000 * 1024)
    assert (found > 0).all()
    assert found[1] / found[0] == pytest.approx(4095 / 4096)
