"""The swing at a paced rate: known waves in known noise, a person who breathed at six a minute, and nothing at all."""

from __future__ import annotations

import csv
from itertools import pairwise
from math import ceil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter

from dsp import BeatLabel, CannotTell, CleanBeat, OwnRate, PacedResponse, SeriesError, clean, own_rate, paced_response

_RATES = (6.5, 6.0, 5.5, 5.0, 4.5)
_FS_HZ = 50.0
_SINCE_S = 20.0


def _beats(rate_bpm: NDArray[np.float64]) -> list[CleanBeat]:
    """Beats of a heart whose rate this is, 50 values a second: one whenever its integral passes a whole number."""
    done = np.concatenate(([0.0], np.cumsum((rate_bpm[1:] + rate_bpm[:-1]) / 120 / _FS_HZ)))
    at_s = np.interp(np.arange(1, int(done[-1])), done, np.arange(len(done)) / _FS_HZ)
    at_s = np.round(at_s * 1024) / 1024
    return [CleanBeat(at_s=float(a), nn_ms=float(1000 * (a - b))) for b, a in pairwise(at_s)]


def _pink(chance: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Noise with more power the slower it is, as hearts have: five time constants from 0.7 to 200 s; variance 1."""
    total = np.zeros(count + 10_000)
    for constant_s in (0.7, 3.0, 12.0, 50.0, 200.0):
        keep = np.exp(-1 / _FS_HZ / constant_s)
        total += lfilter([1], [1, -keep], chance.standard_normal(len(total)) * np.sqrt((1 - keep**2) / 5))
    return total[10_000:]


def _step(
    rate: float, *, swing_bpm: float, noise_bpm: float, seed: int = 1, minutes: float = 2, peak_s: float = 3.0
) -> tuple[list[CleanBeat], float]:
    """The beats of a step, and when it ended."""
    breath_s = 60 / rate
    until_s = _SINCE_S + ceil(minutes * 60 / breath_s) * breath_s
    at_s = np.arange(int((until_s + 20) * _FS_HZ)) / _FS_HZ
    rate_bpm = 70 + swing_bpm / 2 * np.cos(2 * np.pi * (at_s - _SINCE_S - peak_s) / breath_s)
    rate_bpm += noise_bpm * _pink(np.random.default_rng(seed), len(at_s))
    return _beats(rate_bpm), until_s


def _response(rate: float, **planted: float) -> PacedResponse:
    beats, until_s = _step(rate, **planted)  # type: ignore[arg-type]
    response = paced_response(beats, breaths_per_min=rate, since_s=_SINCE_S, until_s=until_s)
    assert isinstance(response, PacedResponse)
    return response


@pytest.mark.parametrize("rate", [4.0, 4.5, 6.0, 7.0])
def test_a_planted_swing_is_found_with_its_size_and_its_place_in_the_breath(rate: float) -> None:
    response = _response(rate, swing_bpm=12.0, noise_bpm=0.0, peak_s=4.0)
    assert response.swing_bpm == pytest.approx(12.0, rel=0.01)
    assert response.peak_s == pytest.approx(4.0, abs=0.1)
    assert response.share_pct > 95
    assert response.corrected_pct == 0


def test_drift_does_not_pass_for_a_swing() -> None:
    at_s = np.arange(0, 160, 1 / _FS_HZ)
    response = paced_response(_beats(60 + at_s / 5), breaths_per_min=6, since_s=_SINCE_S, until_s=140)
    assert isinstance(response, PacedResponse)
    assert response.swing_bpm < 0.5


def test_the_interval_holds_the_planted_swing_in_nineteen_of_twenty() -> None:
    # Noise as hearts have it. Where a Mayer wave lies on the very rate, it is nine of ten.
    held = []
    for seed in range(100):
        for rate in _RATES:
            within = _response(rate, swing_bpm=10.0, noise_bpm=2.5, seed=seed).swing_within_bpm
            held.append(within.low <= 10.0 <= within.high)
    assert 0.93 <= float(np.mean(held)) <= 0.98


def test_noise_is_no_swing_and_has_no_rate_of_its_own() -> None:
    named = told = 0
    for seed in range(40):
        own = own_rate([_response(rate, swing_bpm=0.0, noise_bpm=2.5, seed=seed) for rate in _RATES])
        told += isinstance(own, OwnRate)
        named += isinstance(own, OwnRate) and len(own.breaths_per_min) == 1
    assert named <= 2
    assert told <= 5


def test_hearts_that_swing_alike_at_all_rates_are_named_none_of_them() -> None:
    named = 0
    for seed in range(60):
        own = own_rate([_response(rate, swing_bpm=10.0, noise_bpm=2.5, seed=seed) for rate in _RATES])
        assert isinstance(own, OwnRate)
        named += len(own.breaths_per_min) == 1
    assert named <= 3


def test_a_rate_that_stands_out_is_named_and_two_alike_are_named_together() -> None:
    swings = {6.5: 7.0, 6.0: 9.0, 5.5: 16.0, 5.0: 9.0, 4.5: 7.0}
    alone = own_rate([_response(rate, swing_bpm=swing, noise_bpm=1.0) for rate, swing in swings.items()])
    assert alone == OwnRate(breaths_per_min=(5.5,), at_edge=False)
    together = own_rate([_response(r, swing_bpm=16 if r == 6 else s, noise_bpm=1.0) for r, s in swings.items()])
    assert together == OwnRate(breaths_per_min=(5.5, 6.0), at_edge=False)


def test_the_fastest_or_slowest_that_was_tried_is_said_to_be_at_the_edge() -> None:
    own = own_rate([_response(rate, swing_bpm=20 - 2.0 * rate, noise_bpm=0.2) for rate in _RATES])
    assert own == OwnRate(breaths_per_min=(4.5,), at_edge=True)


def test_a_test_that_lacks_a_rate_names_none() -> None:
    whole = _response(6.0, swing_bpm=10.0, noise_bpm=1.0)
    assert isinstance(own_rate([whole, CannotTell(reason="no beats came")]), CannotTell)


def test_a_short_hole_leaves_its_breath_and_a_long_one_takes_it() -> None:
    beats, until_s = _step(6.0, swing_bpm=10.0, noise_bpm=0.5)

    def without(since_s: float, hole_s: float) -> PacedResponse:
        left = [beat for beat in beats if not since_s < beat.at_s < since_s + hole_s]
        response = paced_response(left, breaths_per_min=6, since_s=_SINCE_S, until_s=until_s)
        assert isinstance(response, PacedResponse)
        return response

    assert without(62, 0).breaths == 10
    for since_s in (55.0, 57.5, 60.0, 62.5):
        assert without(since_s, 1.0).breaths == 10
        assert without(since_s, 1.0).swing_bpm == pytest.approx(without(62, 0).swing_bpm, abs=0.15)
    assert 8 <= without(62, 5).breaths <= 9
    assert without(62, 5).swing_bpm == pytest.approx(without(62, 0).swing_bpm, abs=0.5)


def test_too_few_breaths_tell_nothing() -> None:
    beats, _ = _step(6.0, swing_bpm=10.0, noise_bpm=0.5)
    short = paced_response(beats, breaths_per_min=6, since_s=_SINCE_S, until_s=_SINCE_S + 60)
    assert short == CannotTell(reason="4 breaths are known well enough; it takes 5")
    assert paced_response([], breaths_per_min=6, since_s=0, until_s=60) == CannotTell(reason="no beats came")


def test_a_step_with_too_many_corrections_tells_nothing() -> None:
    beats, until_s = _step(6.0, swing_bpm=10.0, noise_bpm=0.5)
    mended = [
        CleanBeat(at_s=beat.at_s, nn_ms=beat.nn_ms, label=BeatLabel.ECTOPIC, corrected=True) if at % 4 == 0 else beat
        for at, beat in enumerate(beats)
    ]
    response = paced_response(mended, breaths_per_min=6, since_s=_SINCE_S, until_s=until_s)
    assert response == CannotTell(reason="25 % of the intervals had to be corrected, more than 20 %")


def test_a_step_without_a_rate_or_a_length_is_refused() -> None:
    with pytest.raises(SeriesError):
        paced_response([], breaths_per_min=0, since_s=0, until_s=60)
    with pytest.raises(SeriesError):
        paced_response([], breaths_per_min=6, since_s=60, until_s=60)


def _at_each_rate(path: Path) -> dict[float, PacedResponse | CannotTell]:
    """Three minutes of paced breathing of participant 37 of Sinichi et al. 2023, as if paced at any of seven rates."""
    with path.open(newline="") as file:
        rows = [(float(row["t_s"]), float(row["rr_ms"])) for row in csv.DictReader(file)]
    inside = [(at_s, rr_ms) for at_s, rr_ms in rows if 1215 < at_s < 1415]
    beats = list(clean([rr_ms for _, rr_ms in inside], at_s=[at_s for at_s, _ in inside]).beats())
    return {
        rate: paced_response(beats, breaths_per_min=rate, since_s=1225.4, until_s=1405.4)
        for rate in (4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0)
    }


@pytest.mark.parametrize("file", ["vu_ecg_rr.csv", "rhythm_rr.csv"])
def test_a_person_who_breathed_with_a_pacer_is_seen_at_six_a_minute_and_at_no_other_rate(
    shared_data: Path, file: str
) -> None:
    """From electrodes on the chest, and from an optical arm band with holes and times of packets."""
    responses = _at_each_rate(shared_data / "rr" / "wearable_hrv_p37" / file)
    swings = [response for response in responses.values() if isinstance(response, PacedResponse)]
    assert len(swings) == len(responses)
    assert [swing.breaths_per_min for swing in swings if swing.swing_within_bpm.low > 0] == [6.0]
    assert own_rate(swings) == OwnRate(breaths_per_min=(6.0,), at_edge=False)


def test_electrodes_tell_the_swing_exactly_and_an_arm_band_within_its_error(shared_data: Path) -> None:
    folder = shared_data / "rr" / "wearable_hrv_p37"
    chest, arm = (_at_each_rate(folder / file)[6.0] for file in ("vu_ecg_rr.csv", "rhythm_rr.csv"))
    assert isinstance(chest, PacedResponse)
    assert isinstance(arm, PacedResponse)
    assert 26 < chest.swing_bpm < 28
    assert chest.share_pct > 70
    assert arm.swing_within_bpm.low < chest.swing_bpm < arm.swing_within_bpm.high
