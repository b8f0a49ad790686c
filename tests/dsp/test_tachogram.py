"""The tachogram: on the line between the ends of intervals, level in the first of a chain, nothing in a hole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp import tachogram


def _sampled(at_s: list[float], nn_ms: list[float], gaps: list[bool], *, count: int) -> list[float]:
    return tachogram(at_s, nn_ms, gaps, since_s=0, count=count, hz=4, otherwise=-1).tolist()


def test_between_two_ends_it_is_the_line_between_them() -> None:
    assert _sampled([1.0, 2.0], [1000, 800], [False, False], count=10) == pytest.approx(
        [1000, 1000, 1000, 1000, 1000, 950, 900, 850, 800, -1]
    )


def test_in_a_hole_there_is_nothing_and_behind_it_the_interval_is_level() -> None:
    sampled = _sampled([1.0, 3.0], [1000, 500], [False, True], count=14)
    assert sampled[4:] == [1000, -1, -1, -1, -1, -1, 500, 500, 500, -1]


def test_without_intervals_there_is_nothing() -> None:
    assert _sampled([], [], [], count=3) == [-1, -1, -1]


@given(st.lists(st.tuples(st.integers(300, 2000), st.booleans(), st.integers(0, 5000)), min_size=1, max_size=40))
def test_no_sample_is_outside_the_intervals_and_none_is_in_a_hole(beats: list[tuple[int, bool, int]]) -> None:
    at_ms, ends_s, gaps = 0, [], []
    holes: list[tuple[float, float]] = []
    for nn_ms, gap, hole_ms in beats:
        if gap:
            holes.append((at_ms / 1000, (at_ms + hole_ms) / 1000))
            at_ms += hole_ms
        at_ms += nn_ms
        ends_s.append(at_ms / 1000)
        gaps.append(gap)
    nn_ms_all = [float(nn_ms) for nn_ms, _, _ in beats]
    sampled = np.array(_sampled(ends_s, nn_ms_all, gaps, count=4 * (at_ms // 1000 + 2)))
    known = sampled[sampled >= 0]
    assert min(nn_ms_all) <= known.min(initial=min(nn_ms_all)) + 1e-9
    assert known.max(initial=0.0) <= max(nn_ms_all) + 1e-9
    for begin_s, end_s in holes:
        inside = [at for at in range(len(sampled)) if begin_s + 1e-6 < at / 4 < end_s - 1e-6]
        assert all(sampled[at] == -1 for at in inside)
    assert np.count_nonzero(sampled >= 0) >= 4 * sum(nn_ms_all) / 1000 - 2 * len(beats) - 2
