"""Recoveries: half-times inside their intervals, refusals with a reason, the same streamed and at once."""

from __future__ import annotations

import random
from math import log

import numpy as np
import pytest
from numpy.typing import NDArray

from dsp import HeartRateSample, Recovery, RecoveryStage, RecoveryVerdict, Spike, SpikeDetector, SpikeStart
from dsp.recovery import LONGEST_S, recovery

Floats = NDArray[np.float64]


def _rise(
    *, half_time_s: float, seed: int, logistic: bool, seconds: int = 240, hold_s: int = 12, amount_bpm: float = 20.0
) -> Floats:
    """A line at 70 bpm that goes up in ten seconds, stays, and comes down; with the slow noise of a smoothed line."""
    dice = np.random.default_rng(seed)
    noise = np.convolve(dice.normal(0, 1.2, seconds + 9), np.ones(5) / 5, "valid")[:seconds]
    t_s = np.arange(seconds, dtype=np.float64)
    down_s = np.maximum(0.0, t_s - 10 - hold_s)
    speed = log(3) / half_time_s
    shape = 2 / (1 + np.exp(speed * down_s)) if logistic else 0.5 ** (down_s / half_time_s)
    return 70 + amount_bpm * np.where(t_s < 10, t_s / 10, shape) + noise


def _recovery(bpm: Floats, *, cut_by: str = "180 s were over") -> Recovery:
    return recovery(np.arange(len(bpm), dtype=np.float64), bpm, usual_bpm=70.0, cut_by=cut_by)


@pytest.mark.parametrize("logistic", [False, True], ids=["exponential", "logistic"])
def test_the_true_half_time_is_inside_the_interval_as_often_as_claimed(logistic: bool) -> None:
    inside = fitted = 0
    for seed in range(120):
        half_time_s = random.Random(seed).uniform(10, 40)
        found = _recovery(_rise(half_time_s=half_time_s, seed=seed, logistic=logistic))
        if found.verdict is RecoveryVerdict.FITTED:
            assert found.half_time_interval_s is not None
            fitted += 1
            inside += found.half_time_interval_s.low <= half_time_s <= found.half_time_interval_s.high
    assert fitted >= 115
    assert inside >= 0.88 * fitted


def test_what_is_fitted_is_told_in_full() -> None:
    found = _recovery(_rise(half_time_s=20, seed=1, logistic=True))
    assert found.verdict is RecoveryVerdict.FITTED
    assert found.reason == ""
    assert found.half_time_s == pytest.approx(20, rel=0.3)
    assert found.amount_bpm == pytest.approx(20, abs=3)
    assert found.level_bpm == pytest.approx(70, abs=2)
    assert 18 <= found.began_s <= 30
    assert 80 <= found.until_s <= 239


def test_a_line_that_stays_up_has_not_settled() -> None:
    bpm = np.concatenate([np.linspace(70, 90, 10), np.full(180, 90.0)])
    found = _recovery(bpm)
    assert found.verdict is RecoveryVerdict.NOT_SETTLED
    assert found.reason == "not half the way down when 180 s were over"
    assert found.half_time_s is None


@pytest.mark.parametrize("seconds", [26, 30])
def test_cut_off_before_half_way_has_not_settled(seconds: int) -> None:
    found = _recovery(_rise(half_time_s=60, seed=2, logistic=False)[:seconds], cut_by="the next rise began")
    assert found.verdict is RecoveryVerdict.NOT_SETTLED
    assert found.reason.endswith("when the next rise began")


def test_too_few_seconds_tell_nothing() -> None:
    found = _recovery(_rise(half_time_s=3, seed=3, logistic=False)[:34], cut_by="the signal broke off")
    assert found.verdict is RecoveryVerdict.CANNOT_TELL
    assert found.reason == "too short: the signal broke off"


def test_a_fall_and_a_new_climb_fit_no_curve() -> None:
    bpm = np.concatenate([np.linspace(70, 90, 10), np.linspace(90, 74, 20), np.linspace(74, 89.5, 60)])
    assert _recovery(bpm[:-5]).verdict is not RecoveryVerdict.FITTED


def test_nothing_at_all_cannot_tell() -> None:
    empty = np.array([])
    found = recovery(empty, empty, usual_bpm=70, cut_by="the recording ended")
    assert found.verdict is RecoveryVerdict.CANNOT_TELL


# --- streamed --------------------------------------------------------------------------------------------------------


def _samples(bpm: Floats, *, gap_at: int | None = None) -> list[HeartRateSample]:
    late_s = 0 if gap_at is None else 30
    return [
        HeartRateSample(
            at_s=at + (late_s if gap_at is not None and at >= gap_at else 0.0),
            known_s=at + 3.0,
            heart_rate_bpm=float(value),
            clean=True,
            gap_before=at in (0, gap_at),
        )
        for at, value in enumerate(bpm)
    ]


def _stream(samples: list[HeartRateSample], *, flush: bool = True) -> list[tuple[float, Recovery]]:
    detector, stage = SpikeDetector(), RecoveryStage()
    found: list[tuple[float, Recovery]] = []
    for sample in samples:
        found += stage.push(sample, detector.push(sample))
    return [*found, *stage.flush(detector.flush())] if flush else found


def _session(*rises_s: int, seconds: int = 1200) -> Floats:
    bpm = np.convolve(np.random.default_rng(5).normal(0, 1.0, seconds + 4), np.ones(5) / 5, "valid") + 70
    for rise_s in rises_s:
        t_s = np.arange(seconds) - rise_s
        bpm += 22 * np.where(t_s < 0, 0, np.where(t_s < 10, t_s / 10, np.exp(-np.maximum(0, t_s - 15) / 25)))
    return bpm


def test_each_spike_has_one_recovery_and_it_comes_180_s_after_the_peak() -> None:
    samples = _samples(_session(400, 800))
    found = _stream(samples)
    assert [recovered.verdict for _, recovered in found] == [RecoveryVerdict.FITTED] * 2
    assert [onset_s for onset_s, _ in found] == pytest.approx([400, 800], abs=6)
    assert len(_stream(samples[:560], flush=False)) == 0
    assert len(_stream(samples[:640], flush=False)) == 1


def test_the_next_rise_cuts_a_recovery_off() -> None:
    (_, first), _ = _stream(_samples(_session(400, 500)))
    assert first.until_s < 505


def test_a_gap_and_the_end_cut_a_recovery_off() -> None:
    bpm = _session(400)
    (_, broken) = _stream(_samples(bpm, gap_at=425))[0]
    assert broken.verdict is not RecoveryVerdict.FITTED
    assert broken.reason.endswith("the signal broke off")
    (_, ended) = _stream(_samples(bpm[:425]))[0]
    assert ended.reason.endswith("the recording ended")


def test_a_prefix_of_the_samples_gives_a_prefix_of_the_recoveries() -> None:
    samples = _samples(_session(400, 500, 900))
    whole = _stream(samples, flush=False)
    assert len(whole) == 3
    for cut in range(0, len(samples), 37):
        prefix = _stream(samples[:cut], flush=False)
        assert prefix == whole[: len(prefix)]


def test_memory_does_not_grow() -> None:
    stage = RecoveryStage()
    for sample in _samples(np.full(5000, 70.0)):
        stage.push(sample)
    assert len(stage._recent) < 600


def test_streamed_and_at_once_are_equal() -> None:
    detector = SpikeDetector()
    samples = _samples(_session(400))
    spikes: list[Spike | SpikeStart] = []
    for sample in samples:
        spikes += detector.push(sample)
    (spike,) = [one for one in spikes if isinstance(one, Spike)]
    kept = [s for s in samples if spike.onset_s <= s.at_s < spike.peak_s + LONGEST_S]
    at_once = recovery(
        np.array([s.at_s for s in kept]),
        np.array([s.heart_rate_bpm for s in kept]),
        usual_bpm=spike.usual_bpm,
        cut_by="180 s were over",
    )
    assert _stream(samples) == [(spike.onset_s, at_once)]
