"""From intervals to beat times: near the truth, a gap exactly where a beat was lost, exact conversion, no growth."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import pi, sin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp import Beat
from watchlink.timing import BeatTimer

_MIN_RR_MS = 250.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One notification and what really was behind it."""

    at_s: float
    rr_ticks: tuple[int, ...]
    true_s: tuple[float, ...]


def sensor(
    *, rr_ms: float, seconds: int = 180, phase_s: float = 0.5, jitter_s: float = 0.0, seed: int = 0
) -> list[Report]:
    """A sensor that reports once a second what beat since; the heart breathes and wanders a little, always the same."""
    dice = random.Random(seed)
    true: list[tuple[float, int]] = []
    at_s, wander_ms = dice.random() * rr_ms / 1000, 0.0
    while at_s < seconds:
        wander_ms = 0.9 * wander_ms + dice.gauss(0, 0.01 * rr_ms)
        ticks = round((rr_ms * (1 + 0.03 * sin(2 * pi * at_s / 4.3)) + wander_ms) * 1.024)
        at_s += ticks / 1024
        true.append((at_s, ticks))
    reports: list[Report] = []
    for second in range(1, seconds):
        due = [beat for beat in true if second - 1 < beat[0] - phase_s <= second]
        reports.append(
            Report(
                at_s=second + phase_s + dice.random() * jitter_s,
                rr_ticks=tuple(ticks for _, ticks in due),
                true_s=tuple(beat_s for beat_s, _ in due),
            )
        )
    return reports


def push(timer: BeatTimer, report: Report) -> tuple[Beat, ...]:
    return timer.push(at_us=round(report.at_s * 1_000_000), rr_ticks=report.rr_ticks)


def timed(reports: Iterable[Report]) -> list[Beat]:
    timer = BeatTimer(min_rr_ms=_MIN_RR_MS)
    beats = [beat for report in reports for beat in push(timer, report)]
    return [*beats, *timer.flush()]


# Hearts whose beats do not keep step with the reports: the usual case, and the one in which the offset can be seen.
_FREE_RR_MS = [450.0, 550.0, 700.0, 850.0, 1200.0, 1400.0, 1700.0]


class TestBeatTimes:
    """How far beat times are from the truth."""

    @pytest.mark.parametrize("jitter_s", [0.0, 0.05])
    @pytest.mark.parametrize("rr_ms", _FREE_RR_MS)
    def test_beat_times_are_near_the_truth_after_half_a_minute(self, rr_ms: float, jitter_s: float) -> None:
        """Within 0.2 s, and on average within 60 ms; nothing better can be had from a report a second."""
        for seed in range(10):
            reports = sensor(rr_ms=rr_ms, phase_s=seed / 10, jitter_s=jitter_s, seed=seed)
            true_s = [beat_s for report in reports for beat_s in report.true_s]
            errors_s = [b.at_s - t for b, t in zip(timed(reports), true_s, strict=True) if t > 30]
            assert max(map(abs, errors_s)) < 0.2
            assert abs(sum(errors_s) / len(errors_s)) < 0.06

    @pytest.mark.parametrize("rr_ms", [500.0, 1000.0])
    def test_heart_in_step_with_the_reports_is_timed_within_one_interval(self, rr_ms: float) -> None:
        """Then the age of the beats never varies, and no method can see the offset."""
        for seed in range(10):
            reports = sensor(rr_ms=rr_ms, phase_s=seed / 10, seed=seed)
            true_s = [beat_s for report in reports for beat_s in report.true_s]
            errors_s = [b.at_s - t for b, t in zip(timed(reports), true_s, strict=True) if t > 30]
            assert max(map(abs, errors_s)) < rr_ms / 1000

    @pytest.mark.parametrize("rr_ms", [*_FREE_RR_MS, 500.0, 1000.0])
    def test_nothing_lost_is_no_gap(self, rr_ms: float) -> None:
        for seed in range(10):
            reports = sensor(rr_ms=rr_ms, phase_s=seed / 10, jitter_s=0.05, seed=seed)
            timer = BeatTimer(min_rr_ms=_MIN_RR_MS)
            assert not any(beat.gap_before for report in reports for beat in push(timer, report))
            assert timer.counts.gaps == 0

    def test_interval_is_converted_exactly_and_not_rounded(self) -> None:
        timer = BeatTimer(min_rr_ms=_MIN_RR_MS)
        for at, ticks in enumerate((257, 790, 865, 1024, 1069, 2047)):
            (beat,) = timer.push(at_us=at * 1_000_000, rr_ticks=(ticks,))
            assert beat.rr_ms == ticks * 1000 / 1024
            assert beat.rr_ms * 128 == ticks * 125

    def test_no_beat_is_later_than_the_report_that_told_of_it(self) -> None:
        timer = BeatTimer(min_rr_ms=_MIN_RR_MS)
        assert all(beat.at_s <= report.at_s for report in sensor(rr_ms=850.0) for beat in push(timer, report))


class TestLoss:
    """A notification that never came makes a gap, once, and soon."""

    @pytest.mark.parametrize("phase_s", [at / 10 for at in range(10)])
    @pytest.mark.parametrize("rr_ms", _FREE_RR_MS)
    def test_lost_report_is_one_gap_on_the_first_beat_after_it(self, rr_ms: float, phase_s: float) -> None:
        reports = sensor(rr_ms=rr_ms, phase_s=phase_s, jitter_s=0.03, seed=round(10 * phase_s))
        for lost in range(60, 72):
            if not reports[lost].rr_ticks:
                continue  # a slow heart has reports without a beat: nothing is lost with them
            beats = timed(reports[:lost] + reports[lost + 1 :])
            assert [at for at, beat in enumerate(beats) if beat.gap_before] == [len(timed(reports[:lost]))]

    def test_lost_report_is_not_forgotten_over_a_report_without_intervals(self) -> None:
        """The heart beats every 1.7 s: the report that comes late is empty, and the one after it has the next beat."""
        every_ticks, lost_s, empty_s, next_s = 1741, 63, 64, 65
        intervals = {
            second: (every_ticks,) * (second * 1024 // every_ticks - (second - 1) * 1024 // every_ticks)
            for second in range(1, next_s + 1)
        }
        assert [len(intervals[second]) for second in (lost_s, empty_s, next_s)] == [1, 0, 1]
        timer = BeatTimer(min_rr_ms=_MIN_RR_MS)
        beats: tuple[Beat, ...] = ()
        for second, rr_ticks in intervals.items():
            if second != lost_s:
                beats = timer.push(at_us=second * 1_000_000, rr_ticks=rr_ticks)
        beats += timer.flush()
        assert [beat.gap_before for beat in beats] == [True]

    @pytest.mark.parametrize("phase_s", [at / 10 for at in range(10)])
    def test_lost_report_of_a_heart_in_step_with_the_reports_is_one_gap(self, phase_s: float) -> None:
        reports = sensor(rr_ms=1000.0, phase_s=phase_s, seed=round(10 * phase_s))
        for lost in range(60, 72):
            if reports[lost].rr_ticks:
                beats = timed(reports[:lost] + reports[lost + 1 :])
                assert sum(beat.gap_before for beat in beats) == 1

    @pytest.mark.parametrize("lost", [2, 5, 20, 60])
    def test_many_lost_reports_in_a_row_are_one_gap(self, lost: int) -> None:
        for seed in range(10):
            reports = sensor(rr_ms=850.0, seed=seed, phase_s=seed / 10)
            beats = timed(reports[:60] + reports[60 + lost :])
            (gap,) = [beat for beat in beats if beat.gap_before]
            assert reports[60 + lost].at_s - 2.0 < gap.at_s < reports[60 + lost].at_s

    @pytest.mark.parametrize("rr_ms", [450.0, 550.0, 700.0])
    def test_interval_that_the_sensor_left_out_is_a_gap_though_no_report_is_missing(self, rr_ms: float) -> None:
        for seed in range(20):
            reports = sensor(rr_ms=rr_ms, seed=seed, phase_s=seed / 20)
            at = next(index for index in range(60, 180) if len(reports[index].rr_ticks) > 1)
            whole = reports[at]
            reports[at] = replace(whole, rr_ticks=whole.rr_ticks[1:], true_s=whole.true_s[1:])
            (gap,) = [beat for beat in timed(reports) if beat.gap_before]
            assert -2.0 < gap.at_s - whole.at_s < 15.0

    def test_reports_without_intervals_for_longer_than_a_beat_are_a_gap_on_the_next_one(self) -> None:
        for empty in range(3, 20):
            reports = sensor(rr_ms=850.0)
            for at in range(60, 60 + empty):
                reports[at] = replace(reports[at], rr_ticks=(), true_s=())
            beats = timed(reports)
            assert [at for at, beat in enumerate(beats) if beat.gap_before] == [len(timed(reports[:60]))]

    def test_each_of_two_losses_is_a_gap(self) -> None:
        reports = sensor(rr_ms=850.0)
        beats = timed(reports[:60] + reports[61:120] + reports[121:])
        gaps_s = [beat.at_s for beat in beats if beat.gap_before]
        assert gaps_s == pytest.approx([reports[60].at_s + 1, reports[120].at_s + 1], abs=4)

    def test_beats_after_a_gap_are_timed_anew(self) -> None:
        reports = sensor(rr_ms=850.0, seconds=240)
        kept = reports[:60] + reports[90:]
        true_s = [beat_s for report in kept for beat_s in report.true_s]
        errors_s = [b.at_s - t for b, t in zip(timed(kept), true_s, strict=True) if t > 125]
        assert max(map(abs, errors_s)) < 0.2

    def test_everything_delivered_twice_breaks_the_chain_and_makes_no_twin_beats(self) -> None:
        reports = sensor(rr_ms=850.0)
        beats = timed(report for report in reports for _ in range(2))
        assert any(beat.gap_before for beat in beats)

    def test_late_bunch_of_reports_leaves_the_count_and_order_of_beats(self) -> None:
        """The radio stalls for four seconds, then delivers all at once: no beat is lost."""
        reports = sensor(rr_ms=850.0)
        late = [
            Report(
                at_s=max(report.at_s, 64.0 + report.at_s / 1000) if 60 < report.at_s < 64 else report.at_s,
                rr_ticks=report.rr_ticks,
                true_s=report.true_s,
            )
            for report in reports
        ]
        beats = timed(late)
        assert [beat.rr_ms for beat in beats] == [beat.rr_ms for beat in timed(reports)]
        assert all(earlier.at_s < later.at_s for earlier, later in pairwise(beats))


class TestBreaks:
    """The caller knows that beats are missing."""

    def test_first_beat_of_all_is_no_gap(self) -> None:
        timer = BeatTimer(min_rr_ms=_MIN_RR_MS)
        assert [beat.gap_before for beat in timer.push(at_us=5_000_000, rr_ticks=(800, 810))] == [False, False]

    def test_break_marks_just_the_next_beat(self) -> None:
        reports = sensor(rr_ms=700.0)
        timer = BeatTimer(min_rr_ms=_MIN_RR_MS)
        for report in reports[:60]:
            push(timer, report)
        timer.break_chain()
        after = [beat.gap_before for report in reports[60:] for beat in push(timer, report)]
        assert after == [True] + [False] * (len(after) - 1)
        assert timer.counts.gaps == 1

    def test_break_waits_for_a_beat_through_reports_without_intervals(self) -> None:
        timer = BeatTimer(min_rr_ms=_MIN_RR_MS)
        timer.push(at_us=1_000_000, rr_ticks=(800,))
        timer.break_chain()
        assert timer.push(at_us=2_000_000, rr_ticks=()) == ()
        assert timer.push(at_us=3_000_000, rr_ticks=(53,)) == ()
        (beat,) = timer.push(at_us=4_000_000, rr_ticks=(800,))
        assert beat.gap_before

    def test_two_breaks_without_a_beat_between_are_one_gap(self) -> None:
        timer = BeatTimer(min_rr_ms=_MIN_RR_MS)
        timer.push(at_us=1_000_000, rr_ticks=(800,))
        timer.break_chain()
        timer.break_chain()
        timer.push(at_us=2_000_000, rr_ticks=(800,))
        assert timer.counts.gaps == 1


class TestImplausibleIntervals:
    """Firmware faults are counted, left out, and harm nothing."""

    def test_garmin_bogus_second_interval_is_dropped_and_counted_and_breaks_nothing(self) -> None:
        reports = sensor(rr_ms=850.0)
        timer = BeatTimer(min_rr_ms=_MIN_RR_MS)
        beats: list[Beat] = []
        for report in reports:
            rr_ticks = (*report.rr_ticks, 53) if report.rr_ticks else ()
            beats += timer.push(at_us=round(report.at_s * 1_000_000), rr_ticks=rr_ticks)
        assert beats == timed(reports)
        assert timer.counts.implausible_rr == sum(bool(report.rr_ticks) for report in reports)
        assert timer.counts.gaps == 0

    @pytest.mark.parametrize("min_rr_ms", [250.0, 300.0])
    def test_limit_is_the_profiles(self, min_rr_ms: float) -> None:
        timer = BeatTimer(min_rr_ms=min_rr_ms)
        beats = timer.push(at_us=1_000_000, rr_ticks=(0, 255, 256, 307, 308))
        assert [beat.rr_ms for beat in beats] == [ms for ms in (250.0, 299.8046875, 300.78125) if ms >= min_rr_ms]
        assert timer.counts.implausible_rr == 5 - len(beats)

    def test_interval_of_zero_is_no_beat_whatever_the_profile_says(self) -> None:
        timer = BeatTimer(min_rr_ms=0.0)
        assert timer.push(at_us=1_000_000, rr_ticks=(0,)) == ()
        assert timer.counts.implausible_rr == 1

    @pytest.mark.parametrize("ticks", [2_000, 3_000, 4_000, 6_000, 20_000, 65_535])
    def test_interval_longer_than_the_time_that_passed_puts_no_beat_into_the_future(self, ticks: int) -> None:
        reports = sensor(rr_ms=850.0)
        timer = BeatTimer(min_rr_ms=_MIN_RR_MS)
        for at, report in enumerate(reports):
            rr_ticks = (ticks,) if at == 60 else report.rr_ticks
            beats = timer.push(at_us=round(report.at_s * 1_000_000), rr_ticks=rr_ticks)
            assert [beat.at_s for beat in beats if beat.at_s > report.at_s] == []


_REPORTS = st.tuples(
    st.sampled_from([0.0, 0.05, 0.2, 1.0, 1.0, 1.0, 1.0, 2.0, 5.0, 90.0]),
    st.lists(st.sampled_from([820, 820, 800, 840, 400, 1640, 53, 0]), max_size=3).map(tuple),
)


@given(st.lists(_REPORTS, min_size=10, max_size=80))
def test_beat_times_rise_whatever_arrives(arrivals: list[tuple[float, tuple[int, ...]]]) -> None:
    timer = BeatTimer(min_rr_ms=_MIN_RR_MS)
    at_s = 0.0
    beats: list[Beat] = []
    for delay_s, rr_ticks in arrivals:
        at_s += delay_s
        beats += timer.push(at_us=round(at_s * 1_000_000), rr_ticks=rr_ticks)
    beats += timer.flush()
    assert all(earlier.at_s < later.at_s for earlier, later in pairwise(beats))
    plausible = [ticks for _, rr_ticks in arrivals for ticks in rr_ticks if ticks >= 256]
    assert [beat.rr_ms for beat in beats] == [ticks * 1000 / 1024 for ticks in plausible]
    assert timer.counts.gaps == sum(beat.gap_before for beat in beats)


@given(seed=st.integers(0, 1000), cut=st.integers(0, 179), lost=st.sets(st.integers(0, 178)))
def test_a_prefix_of_the_input_gives_a_prefix_of_the_output(seed: int, cut: int, lost: set[int]) -> None:
    reports: Sequence[Report] = [r for at, r in enumerate(sensor(rr_ms=850.0, seed=seed)) if at not in lost]
    timer = BeatTimer(min_rr_ms=_MIN_RR_MS)
    prefix = [beat for report in reports[:cut] for beat in push(timer, report)]
    assert timed(reports)[: len(prefix)] == prefix


@pytest.mark.parametrize("drift", [-100e-6, 0.0, 100e-6, 0.024])
def test_memory_does_not_grow_over_hours(drift: float) -> None:
    """Also where the sensor's clock drifts, up to one that sends milliseconds as if they were 1/1024 s."""
    timer = BeatTimer(min_rr_ms=_MIN_RR_MS)
    sizes: list[int] = []
    for second in range(4 * 3600):
        timer.push(at_us=round(second * 1_000_000 * (1 + drift)), rr_ticks=(1024,))
        if second % 60 == 59:
            sizes.append(len(pickle.dumps(timer)))
    assert max(sizes) < 6_000
