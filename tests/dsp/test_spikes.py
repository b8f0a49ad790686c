"""Spikes: planted rises are found once, where and as high as they were; everything else is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise
from math import exp, pi, sin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp import (
    CleanBeat,
    HeartRateSample,
    HeartRateTrace,
    Spike,
    SpikeDetector,
    SpikeEnding,
    SpikeStart,
    rmssd_change_pct,
)
from dsp.heart_rate import filter_delay_s

_CALM_BPM = 70.0


def calm(seconds: int) -> list[float]:
    """A person at rest: 70 bpm with breathing and a slow wave."""
    return [_CALM_BPM + 2.0 * sin(2 * pi * at / 4.3) + 0.8 * sin(2 * pi * at / 37) for at in range(seconds)]


def rise(
    seconds: int, *, at_s: int, bpm: float, up_s: float = 8.0, hold_s: float = 20.0, down_s: float = 15.0
) -> list[float]:
    """What a response adds: a straight climb, a plateau, and an exponential return with time constant `down_s`."""

    def added(t: float) -> float:
        if t <= 0:
            return 0.0
        return bpm * (min(t / up_s, 1.0) if t <= up_s + hold_s else exp(-(t - up_s - hold_s) / down_s))

    return [added(second - at_s) for second in range(seconds)]


def together(*parts: list[float]) -> list[float]:
    return [sum(values) for values in zip(*parts, strict=True)]


def smoothed(values_bpm: Iterable[float]) -> list[HeartRateSample]:
    """One value a second through the real filter."""
    trace = HeartRateTrace()
    return [
        sample
        for second, bpm in enumerate(values_bpm)
        for sample in trace.push(since_s=float(second), until_s=second + 1.0, heart_rate_bpm=bpm)
    ]


def raw(values_bpm: Iterable[float], *, since_s: float = 0.0, gap_before: bool = False) -> list[HeartRateSample]:
    """One value a second without a filter, to test the rules alone."""
    return [
        HeartRateSample(
            at_s=since_s + second,
            known_s=since_s + second + filter_delay_s(),
            heart_rate_bpm=bpm,
            clean=True,
            gap_before=gap_before and second == 0,
        )
        for second, bpm in enumerate(values_bpm)
    ]


def detect(
    samples: Iterable[HeartRateSample], *, counts: Callable[[HeartRateSample], bool] = lambda _: True
) -> tuple[list[SpikeStart], list[Spike]]:
    detector = SpikeDetector()
    out: list[SpikeStart | Spike] = []
    for sample in samples:
        out += detector.push(sample, counts=counts(sample))
    out += detector.flush()
    return [item for item in out if isinstance(item, SpikeStart)], [item for item in out if isinstance(item, Spike)]


class TestPlantedRises:
    """Rises of known onset, size and recovery, through the real filter."""

    @pytest.mark.parametrize("down_s", [10.0, 30.0])
    @pytest.mark.parametrize("up_s", [4.0, 8.0, 15.0])
    @pytest.mark.parametrize("bpm", [12.0, 18.0, 30.0])
    def test_rise_is_found_once_with_its_onset_size_and_end(self, bpm: float, up_s: float, down_s: float) -> None:
        onset_s = 300
        values = together(calm(700), rise(700, at_s=onset_s, bpm=bpm, up_s=up_s, down_s=down_s))
        samples = smoothed(values)
        ((start,), (spike,)) = detect(samples)
        assert start.onset_s == spike.onset_s == pytest.approx(onset_s, abs=4.0)
        assert spike.onset_s < start.detected_s == spike.detected_s < onset_s + 30
        assert spike.usual_bpm == pytest.approx(_CALM_BPM, abs=1.0)
        peak = max(samples, key=lambda sample: sample.heart_rate_bpm)
        assert spike.peak_s == peak.at_s
        assert spike.usual_bpm + spike.rise_bpm == pytest.approx(peak.heart_rate_bpm)
        assert spike.rise_bpm == pytest.approx(bpm, abs=2.0)  # the slow wave and the breathing ride on it
        assert spike.ending is SpikeEnding.SETTLED
        assert spike.settled_after_s == spike.end_s - spike.peak_s
        assert spike.rise_spreads >= 3.0
        assert spike.clean_pct == 100.0

    @pytest.mark.parametrize("bpm", [12.0, 20.0, 35.0])
    def test_size_of_a_rise_on_a_quiet_line_is_right_within_one_bpm(self, bpm: float) -> None:
        values = together([_CALM_BPM] * 600, rise(600, at_s=300, bpm=bpm))
        (_, (spike,)) = detect(smoothed(values))
        assert spike.rise_bpm == pytest.approx(bpm, abs=1.0)

    @pytest.mark.parametrize("down_s", [10.0, 20.0, 30.0])
    def test_end_is_when_the_line_came_back_within_four_bpm(self, down_s: float) -> None:
        values = together([_CALM_BPM] * 600, rise(600, at_s=300, bpm=20.0, down_s=down_s))
        samples = smoothed(values)
        (_, (spike,)) = detect(samples)
        back_s = min(s.at_s for s in samples if s.at_s > spike.peak_s + 5 and s.heart_rate_bpm < _CALM_BPM + 4.0)
        assert spike.end_s == back_s

    def test_area_is_the_sum_over_the_seconds_of_the_spike(self) -> None:
        samples = smoothed(together([_CALM_BPM] * 600, rise(600, at_s=300, bpm=20.0)))
        (_, (spike,)) = detect(samples)
        inside = [s.heart_rate_bpm - spike.usual_bpm for s in samples if spike.onset_s <= s.at_s <= spike.end_s]
        assert spike.area_bpm_s == pytest.approx(sum(inside))

    def test_seconds_with_corrected_beats_lower_the_clean_share(self) -> None:
        trace = HeartRateTrace()
        samples: list[HeartRateSample] = []
        for second, bpm in enumerate(together([_CALM_BPM] * 600, rise(600, at_s=300, bpm=20.0))):
            samples += trace.push(
                since_s=float(second), until_s=second + 1.0, heart_rate_bpm=bpm, clean=not 310 <= second < 315
            )
        (_, (spike,)) = detect(samples)
        seconds = sum(spike.onset_s <= sample.at_s <= spike.end_s for sample in samples)
        dirty = sum(spike.onset_s <= sample.at_s <= spike.end_s and not sample.clean for sample in samples)
        assert dirty >= 5
        assert spike.clean_pct == pytest.approx(100 * (seconds - dirty) / seconds)

    def test_two_rises_far_enough_apart_are_two_spikes(self) -> None:
        values = together(calm(900), rise(900, at_s=300, bpm=15.0), rise(900, at_s=500, bpm=15.0))
        (_, spikes) = detect(smoothed(values))
        assert [spike.onset_s for spike in spikes] == pytest.approx([300, 500], abs=4.0)


class TestNoSpike:
    """What must not be called a spike."""

    def test_calm_hour_has_none(self) -> None:
        assert detect(smoothed(calm(3600))) == ([], [])

    @pytest.mark.parametrize("bpm", [5.0, 7.9])
    def test_rise_under_eight_bpm_is_none_however_even_the_heart(self, bpm: float) -> None:
        assert detect(raw([*[70.0] * 300, *[70.0 + bpm] * 60, *[70.0] * 60])) == ([], [])

    def test_rise_of_eight_bpm_is_one(self) -> None:
        (_, spikes) = detect(raw([*[70.0] * 300, *[78.0] * 60, *[70.0] * 60]))
        assert [spike.rise_bpm for spike in spikes] == [8.0]

    def test_rise_under_three_spreads_is_none(self) -> None:
        restless = [70.0 + 6.0 * (-1) ** second for second in range(300)]
        assert detect(raw([*restless, *[85.0] * 60, *restless])) == ([], [])

    @pytest.mark.parametrize(("held_s", "found"), [(4, 0), (5, 1)])
    def test_rise_has_to_hold_for_five_seconds(self, held_s: int, found: int) -> None:
        (_, spikes) = detect(raw([*[70.0] * 300, *[90.0] * held_s, *[70.0] * 60]))
        assert len(spikes) == found

    def test_nothing_is_found_before_a_usual_is_known(self) -> None:
        assert detect(raw([*[70.0] * 60, *[95.0] * 14])) == ([], [])

    def test_fall_is_no_spike(self) -> None:
        assert detect(raw([*[70.0] * 300, *[50.0] * 60, *[70.0] * 60])) == ([], [])


class TestRest:
    """One response is one spike."""

    @pytest.mark.parametrize(
        ("held_s", "later_s", "found"),
        [
            pytest.param(20, 20, 1, id="half a minute after a short one"),
            pytest.param(20, 60, 2, id="a minute and more after a short one"),
            pytest.param(100, 30, 2, id="soon after a long one, whose detection is long past"),
        ],
    )
    def test_detector_rests_for_a_minute_after_a_detection(self, held_s: int, later_s: int, found: int) -> None:
        first = [*[70.0] * 300, *[90.0] * held_s, *[70.0] * later_s]
        (_, spikes) = detect(raw([*first, *[90.0] * 8, *[70.0] * 120]))
        assert len(spikes) == found

    def test_rise_that_began_while_the_detector_rested_is_not_dated_to_the_end_of_the_rest(self) -> None:
        began_s = 345
        values = [*[70.0] * 300, *[90.0] * 20, *[70.0] * 25, *[90.0] * 100, *[70.0] * 120]
        (_, (_, *later)) = detect(raw(values))
        assert [spike.onset_s for spike in later if abs(spike.onset_s - began_s) > 5] == []

    def test_one_long_rise_is_one_spike(self) -> None:
        (starts, spikes) = detect(raw([*[70.0] * 300, *[90.0] * 1200]))
        assert len(starts) == 1
        assert [spike.ending for spike in spikes] == [SpikeEnding.TOO_LONG]
        assert spikes[0].settled_after_s is None
        assert spikes[0].end_s - spikes[0].onset_s == pytest.approx(180, abs=1.5)

    def test_usual_stands_still_while_a_spike_is_open(self) -> None:
        """Also what waited in the guard time when it was found does not count."""
        detector = SpikeDetector()
        usual = [(detector.push(sample), detector.usual)[1] for sample in raw([*[70.0] * 150, *[90.0] * 100])]
        assert usual[154] == usual[-1]
        assert usual[-1] is not None
        assert usual[-1].heart_rate_bpm == 70.0

    def test_heart_that_stays_high_becomes_usual_after_a_spike_that_did_not_settle(self) -> None:
        detector = SpikeDetector()
        for sample in raw([*[70.0] * 300, *[90.0] * 700]):
            detector.push(sample)
        assert detector.usual is not None
        assert detector.usual.heart_rate_bpm == 90.0


class TestMovement:
    """Samples that do not count (movement) make no spike and no usual."""

    def test_rise_from_movement_is_none_and_the_usual_stays(self) -> None:
        samples = raw([*[70.0] * 300, *[100.0] * 120, *[70.0] * 120])
        assert detect(samples, counts=lambda sample: not 300 <= sample.at_s < 420) == ([], [])

    def test_heart_still_high_when_movement_ends_has_to_come_down_first(self) -> None:
        samples = raw([*[70.0] * 300, *[100.0] * 180, *[70.0] * 120])
        assert detect(samples, counts=lambda sample: not 300 <= sample.at_s < 360) == ([], [])

    def test_rise_after_the_heart_came_down_from_movement_is_found(self) -> None:
        samples = raw([*[70.0] * 300, *[100.0] * 60, *[70.0] * 30, *[90.0] * 30, *[70.0] * 60])
        (_, spikes) = detect(samples, counts=lambda sample: not 300 <= sample.at_s < 360)
        assert [spike.onset_s for spike in spikes] == pytest.approx([390], abs=1)

    def test_seconds_before_the_movement_do_not_help_to_hold_a_rise(self) -> None:
        samples = raw([*[70.0] * 300, *[90.0] * 8, *[70.0] * 120])
        assert detect(samples, counts=lambda sample: sample.at_s != 304) == ([], [])


class TestGap:
    """Nobody knows what happened in a gap."""

    def test_gap_ends_an_open_spike_as_not_known(self) -> None:
        samples = [*raw([*[70.0] * 300, *[90.0] * 30]), *raw([90.0] * 60, since_s=350.0, gap_before=True)]
        ((start,), (spike,)) = detect(samples)
        assert spike.onset_s == start.onset_s
        assert (spike.ending, spike.end_s, spike.settled_after_s) == (SpikeEnding.GAP, 329.0, None)

    def test_heart_that_is_still_high_after_a_gap_is_not_a_second_spike(self) -> None:
        samples = [*raw([*[70.0] * 300, *[90.0] * 30]), *raw([90.0] * 60, since_s=430.0, gap_before=True)]
        assert len(detect(samples)[1]) == 1

    def test_end_of_the_series_ends_an_open_spike_as_not_known(self) -> None:
        (_, (spike,)) = detect(raw([*[70.0] * 300, *[90.0] * 30]))
        assert (spike.ending, spike.end_s) == (SpikeEnding.GAP, 329.0)

    def test_gap_of_a_few_seconds_ends_nothing(self) -> None:
        samples = [
            *raw([*[70.0] * 300, *[90.0] * 30]),
            *raw([*[90.0] * 30, *[70.0] * 30], since_s=333.0, gap_before=True),
        ]
        (_, (spike,)) = detect(samples)
        assert spike.ending is SpikeEnding.SETTLED

    def test_onset_is_not_looked_for_on_the_far_side_of_a_gap(self) -> None:
        samples = [
            *raw([*[70.0] * 300, *[90.0] * 3]),
            *raw([*[90.0] * 30, *[70.0] * 30], since_s=320.0, gap_before=True),
        ]
        (_, spikes) = detect(samples)
        assert [spike.onset_s >= 320.0 for spike in spikes] == [True]

    def test_rise_needs_five_seconds_on_one_side_of_a_gap(self) -> None:
        samples = [
            *raw([*[70.0] * 300, *[90.0] * 4]),
            *raw([*[90.0] * 4, *[70.0] * 60], since_s=320.0, gap_before=True),
        ]
        assert detect(samples) == ([], [])


_WANDERING = st.lists(
    st.tuples(st.integers(3, 40), st.sampled_from([60.0, 70.0, 72.0, 78.0, 95.0])), min_size=15, max_size=40
)


@given(pieces=_WANDERING, share=st.floats(0, 1))
def test_a_prefix_of_the_input_gives_a_prefix_of_the_output(pieces: list[tuple[int, float]], share: float) -> None:
    samples = raw([*[70.0] * 80, *(bpm for seconds, bpm in pieces for _ in range(seconds))])
    cut = round(share * len(samples))
    whole, part = SpikeDetector(), SpikeDetector()
    everything = [out for sample in samples for out in whole.push(sample)]
    prefix = [out for sample in samples[:cut] for out in part.push(sample)]
    assert everything[: len(prefix)] == prefix


@given(pieces=_WANDERING)
def test_spikes_never_overlap_and_keep_their_distance(pieces: list[tuple[int, float]]) -> None:
    samples = raw([*[70.0] * 80, *(bpm for seconds, bpm in pieces for _ in range(seconds))])
    (starts, spikes) = detect(samples)
    assert [start.onset_s for start in starts] == [spike.onset_s for spike in spikes]
    for spike in spikes:
        assert spike.onset_s <= spike.peak_s <= spike.end_s
        assert spike.onset_s <= spike.detected_s - filter_delay_s() <= spike.end_s + 1e-6
        assert spike.rise_bpm >= 8.0
    for earlier, later in pairwise(spikes):
        assert later.onset_s >= earlier.end_s
        assert later.detected_s - earlier.detected_s >= 60.0 - 1e-9  # seconds as floats


# --- what is none ----------------------------------------------------------------------------------------------------


def _spikes_of(values_bpm: Iterable[float]) -> list[Spike]:
    detector = SpikeDetector()
    found = [change for sample in smoothed(values_bpm) for change in detector.push(sample)]
    return [change for change in (*found, *detector.flush()) if isinstance(change, Spike)]


@pytest.mark.parametrize(
    "values_bpm",
    [
        pytest.param([70 + 20 * at / 1200 for at in range(1200)], id="a drift of 20 bpm in 20 min"),
        pytest.param([70 + 6 * sin(2 * pi * at / 10) for at in range(1200)], id="paced breathing"),
        pytest.param([70.0 + (at >= 600) * 5 for at in range(1200)], id="talk: 5 bpm for minutes"),
        pytest.param([35.0 if 600 <= at < 603 else 70.0 + at % 2 for at in range(1200)], id="half of it for 3 s"),
        pytest.param([float(round(v)) for v in calm(1200)], id="whole beats"),
        pytest.param([70.0 + (at % 2 if at < 600 else 0) for at in range(1200)], id="a value that stands still"),
    ],
)
def test_this_is_no_spike(values_bpm: list[float]) -> None:
    assert _spikes_of(values_bpm) == []


def test_a_higher_threshold_finds_higher_rises_only() -> None:
    values_bpm = together(calm(1200), rise(1200, at_s=500, bpm=14.0))
    samples = smoothed(values_bpm)
    found = {
        threshold: sum(isinstance(c, SpikeStart) for s in samples for c in detector.push(s))
        for threshold in (0.7, 1.0, 2.0)
        for detector in [SpikeDetector(threshold=threshold)]
    }
    assert found == {0.7: 1, 1.0: 1, 2.0: 0}


def test_another_sensor_ends_a_spike_as_not_known_and_keeps_the_usual() -> None:
    detector = SpikeDetector()
    for sample in smoothed(together(calm(640), rise(640, at_s=600, bpm=20.0, hold_s=60))):
        detector.push(sample)
    usual = detector.usual
    (spike,) = detector.carry_over()
    assert spike.ending is SpikeEnding.GAP
    assert detector.usual is not None
    assert usual is not None
    assert detector.usual.heart_rate_bpm == usual.heart_rate_bpm
    assert detector.carry_over() == ()


# --- RMSSD beside a spike --------------------------------------------------------------------------------------------


def _beats(differences_ms: list[float]) -> list[CleanBeat]:
    beats, at_s, nn_ms = [], 0.0, 800.0
    for number, difference_ms in enumerate(differences_ms):
        nn_ms = 800.0 + difference_ms * (number % 2)
        at_s += nn_ms / 1000
        beats.append(CleanBeat(at_s=at_s, nn_ms=nn_ms))
    return beats


def test_rmssd_of_a_spike_is_held_against_the_minute_before() -> None:
    beats = _beats([40.0] * 100 + [20.0] * 100)
    onset_s = beats[99].at_s
    change_pct = rmssd_change_pct(beats, at_s=onset_s, until_s=onset_s + 60)
    assert change_pct == pytest.approx(-50, abs=1.5)


def test_too_few_pairs_or_none_that_differ_have_no_change() -> None:
    beats = _beats([40.0] * 100)
    assert rmssd_change_pct(beats, at_s=beats[90].at_s, until_s=beats[-1].at_s) is None
    assert rmssd_change_pct(beats, at_s=beats[10].at_s, until_s=beats[-1].at_s) is None
    assert rmssd_change_pct([], at_s=0, until_s=9) is None
    even = _beats([0.0] * 100)
    assert rmssd_change_pct(even, at_s=even[50].at_s, until_s=even[-1].at_s) is None
    broken = [replace(beat, gap_before=True) for beat in beats]
    assert rmssd_change_pct(broken, at_s=beats[50].at_s, until_s=beats[-1].at_s) is None
