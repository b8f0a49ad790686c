"""The smoothed heart rate: chunks change nothing, a step stays where it was, a gap starts anew, one sample a second."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from math import pi, sin
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

from dsp import HeartRateSample, HeartRateTrace
from dsp.heart_rate import filter_delay_s


class Stretch(NamedTuple):
    """One push."""

    since_s: float
    until_s: float
    bpm: float
    clean: bool = True
    gap: bool = False


_BPM = st.floats(30, 220, allow_nan=False)
_LENGTHS = st.floats(0.01, 6.0, allow_nan=False)
_ROWS = st.tuples(_LENGTHS, _BPM, st.booleans())
_SERIES = st.lists(_ROWS, min_size=1, max_size=10) | st.lists(_ROWS, min_size=30, max_size=80)


def trace(stretches: Iterable[Stretch]) -> list[HeartRateSample]:
    stage = HeartRateTrace()
    return [
        sample
        for s in stretches
        for sample in stage.push(
            since_s=s.since_s, until_s=s.until_s, heart_rate_bpm=s.bpm, clean=s.clean, gap_before=s.gap
        )
    ]


def one_after_another(series: Iterable[tuple[float, float, bool]]) -> list[Stretch]:
    stretches: list[Stretch] = []
    at_s = 0.0
    for length_s, bpm, clean in series:
        stretches.append(Stretch(at_s, at_s + length_s, bpm, clean))
        at_s += length_s
    return stretches


@given(series=_SERIES, shares=st.lists(st.floats(0.0, 1.0), min_size=80, max_size=80))
def test_size_of_a_chunk_changes_nothing(series: list[tuple[float, float, bool]], shares: list[float]) -> None:
    whole = one_after_another(series)
    split: list[Stretch] = []
    for stretch, share in zip(whole, shares, strict=False):
        middle_s = stretch.since_s + share * (stretch.until_s - stretch.since_s)
        split += [stretch._replace(until_s=middle_s), stretch._replace(since_s=middle_s)]
    assert [(s.at_s, s.heart_rate_bpm) for s in trace(split)] == [(s.at_s, s.heart_rate_bpm) for s in trace(whole)]


@given(bpm=_BPM, since_s=st.floats(0, 10))
def test_constant_heart_rate_stays_constant_from_the_first_sample(bpm: float, since_s: float) -> None:
    samples = trace(Stretch(since_s + at * 0.7, since_s + (at + 1) * 0.7, bpm) for at in range(60))
    assert len(samples) >= 40
    assert [sample.heart_rate_bpm for sample in samples] == pytest.approx([bpm] * len(samples), rel=1e-9)


@given(step_s=st.floats(60.0, 61.0), height_bpm=st.sampled_from([-30.0, 10.0, 40.0]))
def test_step_is_found_where_it_was(step_s: float, height_bpm: float) -> None:
    samples = trace([Stretch(0.0, step_s, 70.0), Stretch(step_s, 120.0, 70.0 + height_bpm)])
    half_bpm = 70.0 + height_bpm / 2
    crossings = [
        a.at_s + (half_bpm - a.heart_rate_bpm) / (b.heart_rate_bpm - a.heart_rate_bpm)
        for a, b in pairwise(samples)
        if (a.heart_rate_bpm - half_bpm) * (b.heart_rate_bpm - half_bpm) < 0
    ]
    assert crossings == pytest.approx([step_s], abs=0.5)


def test_step_is_followed_without_overshoot() -> None:
    values = [sample.heart_rate_bpm for sample in trace([Stretch(0.0, 60.0, 70.0), Stretch(60.0, 120.0, 100.0)])]
    assert max(values) < 100.0 + 0.01 * 30.0
    assert min(values) > 70.0 - 1e-9
    assert values[-1] == pytest.approx(100.0, abs=0.01)


@pytest.mark.parametrize(("breath_s", "left"), [(2.5, 0.02), (4.0, 0.12), (6.0, 0.36)])
def test_breathing_is_taken_out(breath_s: float, left: float) -> None:
    """A swing of 8 bpm with each breath: the share of it that is still seen in the smoothed line."""
    swing = (70.0 + 4.0 * sin(2 * pi * at * 0.25 / breath_s) for at in range(800))
    samples = trace(Stretch(at * 0.25, (at + 1) * 0.25, bpm) for at, bpm in enumerate(swing))
    settled = [sample.heart_rate_bpm for sample in samples if sample.at_s > 30]
    assert max(settled) - min(settled) < left * 8.0


def test_sample_is_dated_back_by_the_delay() -> None:
    samples = trace([Stretch(0.0, 10.0, 70.0)])
    assert [sample.known_s for sample in samples] == [float(second) for second in range(1, 11)]
    assert [sample.at_s for sample in samples] == [sample.known_s - filter_delay_s() for sample in samples]
    assert 2 < filter_delay_s() < 5


class TestGap:
    """Nothing is bridged: the line breaks off and starts anew."""

    def test_line_starts_anew_with_the_value_behind_the_gap(self) -> None:
        samples = trace([Stretch(0.0, 30.6, 70.0), Stretch(50.2, 80.0, 120.0, gap=True)])
        assert [sample.heart_rate_bpm for sample in samples[:30]] == pytest.approx([70.0] * 30)
        assert [sample.heart_rate_bpm for sample in samples[30:]] == pytest.approx([120.0] * 30)

    def test_no_sample_stands_in_the_gap(self) -> None:
        samples = trace([Stretch(0.0, 30.0, 70.0), Stretch(50.0, 80.0, 120.0, gap=True)])
        assert [s.known_s for s in samples] == [*map(float, range(1, 31)), *map(float, range(51, 81))]

    def test_just_the_first_sample_of_each_stretch_says_that_it_is_the_first(self) -> None:
        samples = trace(
            [
                Stretch(0.0, 5.5, 70.0),
                Stretch(9.7, 9.9, 80.0, gap=True),  # too short for a sample of its own
                Stretch(9.9, 14.0, 80.0),
                Stretch(14.0, 20.0, 80.0, gap=True),
            ]
        )
        assert [sample.known_s for sample in samples if sample.gap_before] == [1.0, 10.0, 15.0]

    def test_without_a_gap_the_value_holds_from_where_the_last_stretch_ended(self) -> None:
        samples = trace([Stretch(0.0, 30.0, 70.0), Stretch(32.0, 33.0, 70.0)])
        assert [sample.known_s for sample in samples] == [float(second) for second in range(1, 34)]
        assert sum(sample.gap_before for sample in samples) == 1


def test_second_with_a_corrected_interval_in_it_is_not_clean() -> None:
    samples = trace([Stretch(0.0, 2.3, 70.0), Stretch(2.3, 3.4, 70.0, clean=False), Stretch(3.4, 8.0, 70.0)])
    assert [sample.known_s for sample in samples if not sample.clean] == [3.0, 4.0]


def test_corrected_interval_between_two_samples_of_the_grid_is_not_overlooked() -> None:
    samples = trace([Stretch(0.0, 2.3, 70.0), Stretch(2.3, 2.4, 70.0, clean=False), Stretch(2.4, 8.0, 70.0)])
    assert [sample.known_s for sample in samples if not sample.clean] == [3.0]


@given(
    stretches=st.lists(
        st.tuples(st.floats(-5.0, 5.0), st.floats(0.0, 5.0), _BPM, st.booleans(), st.booleans()),
        min_size=1,
        max_size=80,
    )
)
def test_samples_come_one_a_second_in_order_even_where_stretches_overlap(
    stretches: list[tuple[float, float, float, bool, bool]],
) -> None:
    """Never the same second twice, never back, and a second is left out only before a sample that says so."""
    at_s = 10.0
    pushes: list[Stretch] = []
    for away_s, length_s, bpm, clean, gap in stretches:
        since_s = max(0.0, at_s + away_s)
        at_s = since_s + length_s
        pushes.append(Stretch(since_s, at_s, bpm, clean, gap))
    samples = trace(pushes)
    for earlier, later in pairwise(samples):
        assert later.known_s > earlier.known_s
        assert later.gap_before or later.known_s == earlier.known_s + 1
    assert all(sample.at_s == sample.known_s - filter_delay_s() for sample in samples)
    assert all(sample.known_s <= max(s.until_s for s in pushes) for sample in samples)


@given(series=_SERIES, cut=st.integers(0, 80))
def test_a_prefix_of_the_input_gives_a_prefix_of_the_output(series: list[tuple[float, float, bool]], cut: int) -> None:
    stretches = one_after_another(series)
    prefix = trace(stretches[:cut])
    assert trace(stretches)[: len(prefix)] == prefix


def test_seconds_one_by_one_are_one_pass_of_scipys_sections_over_all() -> None:
    """The state that is carried from second to second is all there is to know of the past."""
    values_bpm = np.random.default_rng(0).normal(70, 5, 300)
    trace = HeartRateTrace()
    samples = [
        sample.heart_rate_bpm
        for at, value_bpm in enumerate(values_bpm.tolist())
        for sample in trace.push(
            since_s=float(at), until_s=at + 1.0, heart_rate_bpm=value_bpm, clean=True, gap_before=not at
        )
    ]
    sections = signal.bessel(4, 0.1, fs=4, norm="mag", output="sos")
    settled = signal.sosfilt_zi(sections) * values_bpm[0]
    whole, _ = signal.sosfilt(sections, np.repeat(values_bpm, 4), zi=settled)
    np.testing.assert_allclose(samples, whole[3::4], atol=1e-10)
