"""The artefact stage: finds planted faults, leaves real sinus rhythm alone, bridges no gap, and never looks ahead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import sin
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dsp import ArtefactStage, Beat, BeatLabel, CleanBeat, RrUnitWarning, SeriesError
from dsp import artefacts as artefacts_module
from dsp.artefacts import LAG_BEATS, LONGEST_INTERVAL_MS
from dsp.beats import counts
from dsp.series import LABELS, CleanSeries

_LONGEST_RUN_BEATS = 6  # of displaced beats that wait for the normal one that ends them
_HELD_BACK_BEATS = LAG_BEATS + _LONGEST_RUN_BEATS

# Intervals in 1/1024 s: mostly sinus, now and then anything that a wearable may send.
_TICKS = st.integers(780, 900) | st.integers(780, 900) | st.integers(256, 2600)
_ROWS = st.tuples(_TICKS, st.integers(0, 19).map(lambda roll: roll == 7))
# Hypothesis keeps lists short unless told otherwise; the thresholds need a history to matter.
_SERIES = st.lists(_ROWS, max_size=20) | st.lists(_ROWS, min_size=40, max_size=120)


def beats_of(rr_ms: Iterable[float], *, gaps_at: Iterable[int] = (), gap_s: float = 7.0) -> list[Beat]:
    """Beats whose times are the sums of their intervals, with beats missing before the indices given."""
    gaps = set(gaps_at)
    at_s = 0.0
    beats: list[Beat] = []
    for index, interval_ms in enumerate(rr_ms):
        at_s += interval_ms / 1000 + (gap_s if index in gaps else 0)
        beats.append(Beat(at_s=at_s, rr_ms=interval_ms, gap_before=index in gaps))
    return beats


def beats_of_series(series: Sequence[tuple[int, bool]]) -> list[Beat]:
    return beats_of(
        [ticks * 1000 / 1024 for ticks, _ in series], gaps_at=[at for at, (_, gap) in enumerate(series) if gap]
    )


def clean(beats: Iterable[Beat]) -> list[CleanBeat]:
    stage = ArtefactStage()
    return [*(out for beat in beats for out in stage.push(beat)), *stage.flush()]


def sinus_ms(beats: int = 200) -> list[float]:
    """A heart at rest that breathes: 850 ms on the 1/1024 ms grid, 25 ms up and down."""
    return [round((850 + 25 * sin(index / 2.1)) * 1024) / 1024 for index in range(beats)]


def bad_stretch_ms() -> list[float]:
    """Thirty intervals, of which none is a heart's, in the middle of a rhythm at rest."""
    rr_ms = sinus_ms()
    rr_ms[100:130] = np.random.default_rng(0).integers(300, 3500, 30).astype(np.float64).tolist()
    return rr_ms


def chains_of(beats: Iterable[Beat] | Iterable[CleanBeat]) -> list[float]:
    """The sum of the intervals of each chain between gaps, in ms."""
    sums: list[float] = []
    for beat in beats:
        if beat.gap_before or not sums:
            sums.append(0.0)
        sums[-1] += beat.rr_ms if isinstance(beat, Beat) else beat.nn_ms
    return sums


def read_rhythms(path: Path) -> list[tuple[str, float, list[float]]]:
    """Record, share of premature beats and 256 intervals of each stretch in a file."""
    rows = (line.split() for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return [(row[0], float(row[2]), [float(interval) for interval in row[3:]]) for row in rows]


def test_clean_series_passes_unchanged() -> None:
    beats = beats_of(sinus_ms())
    assert clean(beats) == [CleanBeat(at_s=beat.at_s, nn_ms=beat.rr_ms) for beat in beats]


def test_real_sinus_rhythms_are_nearly_all_normal(shared_data: Path) -> None:
    """15 360 beats of normal sinus rhythm, from Holter recordings: 98.1 % came out normal when this was written.

    What is called an artefact there are the sudden changes of daily life (the recordings are ambulatory).
    """
    rhythms = [rr_ms for _, _, rr_ms in read_rhythms(shared_data / "rr" / "rhythms" / "sinusnsr.txt")]
    assert len(rhythms) == 60
    cleaned = [clean(beats_of(rr_ms)) for rr_ms in rhythms]
    beats = [beat for rhythm in cleaned for beat in rhythm]
    assert sum(beat.label is BeatLabel.NORMAL for beat in beats) >= 0.975 * len(beats)
    assert min(sum(b.label is BeatLabel.NORMAL for b in rhythm) / len(rhythm) for rhythm in cleaned) >= 0.85


def test_real_premature_beats_are_found_however_many_they_are(shared_data: Path) -> None:
    """Intervals under 75 % of their neighbours' median: 480 of 483 were found when this was written.

    Rules were chosen on records 100, 105, 109, 114 and 116, where all 161 were found. Record 214 is the one that
    quartiles alone are blind to: they are those of its premature beats.
    """
    found = premature = found_in_214 = 0
    for record, _, rr_ms in read_rhythms(shared_data / "rr" / "rhythms" / "ectopylight.txt"):
        beats = beats_of(rr_ms)
        passed = {beat.at_s for beat in clean(beats) if beat.as_sent}
        for index in range(5, len(rr_ms) - 5):
            if rr_ms[index] < 0.75 * sorted(rr_ms[index - 5 : index + 6])[5]:
                premature += 1
                found += beats[index].at_s not in passed
                found_in_214 += record == "214" and beats[index].at_s not in passed
    assert premature > 400
    assert found >= 0.98 * premature
    assert found_in_214 >= 150


@pytest.mark.parametrize("tick_ms", [1000 / 64, 1000 / 128])
def test_even_heart_on_coarse_timestamps_has_no_artefacts(tick_ms: float) -> None:
    rng = np.random.default_rng(5)
    at_ms = np.cumsum(rng.normal(700, 4, 3000))
    series = artefacts_module.clean(np.diff(np.round(at_ms / tick_ms) * tick_ms))
    assert not series.label.any()


@pytest.mark.parametrize("every", [2, 3, 4])
def test_premature_beats_that_come_again_and_again_are_each_found(every: int) -> None:
    """Bigeminy, trigeminy, quadrigeminy: a third off the time, with a full pause."""
    rr_ms = [850.0 + interval_ms / 10 for interval_ms in sinus_ms(600)]
    planted = range(50, 550, every)
    for at in planted:
        rr_ms[at] -= 300
        rr_ms[at + 1] += 300
    beats = beats_of(rr_ms)
    passed = {beat.at_s for beat in clean(beats) if beat.as_sent}
    assert not any(beats[at].at_s in passed for at in planted)


_AT = 100
_PLANTED = [
    pytest.param("extra", 0.5, id="extra beat in the middle"),
    pytest.param("extra", 0.35, id="extra beat early"),
    pytest.param("missed", 0.0, id="missed beat"),
    pytest.param("displaced", -0.25, id="premature beat with its pause"),
    pytest.param("displaced", -0.4, id="very premature beat with its pause"),
    pytest.param("displaced", 0.25, id="late beat"),
]


def plant(kind: str, size: float, rr_ms: list[float]) -> list[float]:
    """The series with one fault at `_AT`; `size` is a share of that interval."""
    whole_ms = rr_ms[_AT]
    part_ms = round(whole_ms * size)
    match kind:
        case "extra":
            return [*rr_ms[:_AT], part_ms, whole_ms - part_ms, *rr_ms[_AT + 1 :]]
        case "missed":
            return [*rr_ms[:_AT], whole_ms + rr_ms[_AT + 1], *rr_ms[_AT + 2 :]]
        case _:
            return [*rr_ms[:_AT], whole_ms + part_ms, rr_ms[_AT + 1] - part_ms, *rr_ms[_AT + 2 :]]


@pytest.mark.parametrize("missed", [1, 2, 3])
def test_several_beats_missed_in_a_row_are_put_back(missed: int) -> None:
    true = sinus_ms()
    rr_ms = [*true[:_AT], sum(true[_AT : _AT + missed + 1]), *true[_AT + missed + 1 :]]
    cleaned = clean(beats_of(rr_ms))
    assert [beat.label for beat in cleaned if beat.corrected] == [BeatLabel.MISSED] * (missed + 1)
    off_s = [abs(beat.at_s - truth.at_s) for beat, truth in zip(cleaned, beats_of(true), strict=True)]
    assert max(off_s) < 0.04


@pytest.mark.parametrize("away_ms", [60.0, 90.0])
@pytest.mark.parametrize("turn", [-1, 1])
def test_slightly_displaced_beat_is_ectopic_with_the_paper_s_slope(turn: int, away_ms: float) -> None:
    rr_ms = [850.0] * 200
    rr_ms[_AT] += turn * away_ms
    rr_ms[_AT + 1] -= turn * away_ms
    labels = {at: beat.label for at, beat in enumerate(clean(beats_of(rr_ms))) if beat.label is not BeatLabel.NORMAL}
    assert BeatLabel.ECTOPIC in labels.values()
    assert set(labels) <= {_AT, _AT + 1, _AT + 2}


@pytest.mark.parametrize("turn", [-1, 1])
def test_step_that_its_neighbours_hardly_turn_back_is_no_ectopic_beat(turn: int) -> None:
    """Differences of -0.2, 1.5 and -0.2 thresholds: on the normal side of the paper's sloped line."""
    rr_ms = [850.0] * 200
    rr_ms[_AT : _AT + 8] = [850.0 + turn * away for away in (-8, 52, 44, 36, 28, 20, 12, 4)]
    assert all(beat.label is BeatLabel.NORMAL for beat in clean(beats_of(rr_ms)))


@pytest.mark.parametrize(("kind", "size"), _PLANTED)
def test_planted_fault_is_found_and_every_beat_put_back_where_it_was(kind: str, size: float) -> None:
    true = sinus_ms()
    cleaned = clean(beats_of(plant(kind, size, true)))
    flagged = [beat for beat in cleaned if beat.label is not BeatLabel.NORMAL]
    assert flagged
    assert all(beat.corrected for beat in flagged)
    assert len(cleaned) == len(true)
    off_s = [abs(beat.at_s - truth.at_s) for beat, truth in zip(cleaned, beats_of(true), strict=True)]
    assert max(off_s) < 0.03
    assert sum(away > 1e-9 for away in off_s) <= 3  # and nothing beside it was touched
    assert sum(beat.nn_ms for beat in cleaned) == sum(true)


@pytest.mark.parametrize(
    ("kind", "size", "label"),
    [
        ("extra", 0.5, BeatLabel.EXTRA),
        ("extra", 0.35, BeatLabel.EXTRA),
        ("missed", 0.0, BeatLabel.MISSED),
        ("displaced", -0.25, BeatLabel.ECTOPIC),
        ("displaced", 0.25, BeatLabel.ECTOPIC),
    ],
)
def test_planted_fault_is_called_what_it_is(kind: str, size: float, label: BeatLabel) -> None:
    assert label in {beat.label for beat in clean(beats_of(plant(kind, size, sinus_ms())))}


@pytest.mark.parametrize("at", [0, 1, 2, 3, 4, 5, 195, 196, 197, 198])
def test_premature_beat_near_the_ends_of_a_series_is_found(at: int) -> None:
    rr_ms = sinus_ms()
    rr_ms[at] -= 250
    rr_ms[at + 1] += 250
    cleaned = clean(beats_of(rr_ms))
    assert sum(beat.nn_ms for beat in cleaned) == sum(rr_ms)
    assert cleaned[at].label is not BeatLabel.NORMAL


def test_long_stretch_of_bad_intervals_is_flagged_as_sent_and_not_mended() -> None:
    rr_ms = bad_stretch_ms()
    cleaned = clean(beats_of(rr_ms))
    sent = [beat for beat in cleaned if beat.label is not BeatLabel.NORMAL and not beat.corrected]
    assert len(sent) > 2 * _LONGEST_RUN_BEATS
    assert {beat.nn_ms for beat in cleaned if not beat.corrected} <= set(rr_ms)


class TestGaps:
    """A gap ends the chain: nothing is computed over it."""

    @given(before=_SERIES, after=_SERIES)
    def test_what_comes_before_a_gap_does_not_depend_on_what_comes_after(
        self, before: list[tuple[int, bool]], after: list[tuple[int, bool]]
    ) -> None:
        beats = beats_of_series([*before, (850, True), *after])
        stage = ArtefactStage()
        until_gap = [out for beat in beats[: len(before) + 1] for out in stage.push(beat)]
        assert until_gap == clean(beats[: len(before)])

    @given(series=_SERIES)
    def test_gap_is_never_bridged_and_never_invented(self, series: list[tuple[int, bool]]) -> None:
        beats = beats_of_series(series)
        cleaned = clean(beats)
        assert sum(beat.gap_before for beat in cleaned) == sum(beat.gap_before for beat in beats)
        assert chains_of(cleaned) == chains_of(beats)

    @pytest.mark.parametrize("away", [0, 1, 2, 5, 6, 40])
    def test_gap_beside_a_fault_stays_a_gap(self, away: int) -> None:
        rr_ms = plant("displaced", -0.4, sinus_ms())
        beats = beats_of(rr_ms, gaps_at=[_AT + away])
        cleaned = clean(beats)
        (first,) = (beat for beat in cleaned if beat.gap_before)
        assert first.at_s - first.nn_ms / 1000 == pytest.approx(beats[_AT + away].at_s - rr_ms[_AT + away] / 1000)
        assert chains_of(cleaned) == chains_of(beats)

    def test_beats_after_a_gap_are_not_held_against_those_before_it(self) -> None:
        rr_ms = [*sinus_ms(100), 600.0, 602.0, 601.0]
        assert all(beat.label is BeatLabel.NORMAL for beat in clean(beats_of(rr_ms, gaps_at=[100])))
        assert any(beat.label is not BeatLabel.NORMAL for beat in clean(beats_of(rr_ms)))


class TestStream:
    """The stage is a fold: each answer is a function of the beats so far."""

    @given(series=_SERIES, cut=st.integers(0, 120))
    def test_a_prefix_of_the_input_gives_a_prefix_of_the_output(self, series: list[tuple[int, bool]], cut: int) -> None:
        beats = beats_of_series(series)
        stage = ArtefactStage()
        prefix = [out for beat in beats[:cut] for out in stage.push(beat)]
        assert clean(beats)[: len(prefix)] == prefix

    @given(series=_SERIES)
    @example(series=[(round(interval_ms * 1.024), False) for interval_ms in bad_stretch_ms()])
    def test_no_beat_waits_for_more_than_the_lag_and_one_run(self, series: list[tuple[int, bool]]) -> None:
        beats = beats_of_series(series)
        stage = ArtefactStage()
        put_ms = 0.0
        for index, beat in enumerate(beats):
            put_ms += sum(out.nn_ms for out in stage.push(beat))
            assert put_ms >= sum(earlier.rr_ms for earlier in beats[: max(0, index + 1 - _HELD_BACK_BEATS)])

    def test_normal_beat_comes_out_with_the_fifth_after_it(self) -> None:
        stage = ArtefactStage()
        sizes = [len(stage.push(beat)) for beat in beats_of(sinus_ms(20))]
        assert sizes == [0] * LAG_BEATS + [1] * (20 - LAG_BEATS)

    @given(series=_SERIES)
    def test_flush_twice_gives_nothing_the_second_time(self, series: list[tuple[int, bool]]) -> None:
        stage = ArtefactStage()
        for beat in beats_of_series(series):
            stage.push(beat)
        stage.flush()
        assert stage.flush() == ()


class TestBeatTimes:
    """Beats come out in order, on the grid, and with intervals that a heart could have."""

    @given(series=_SERIES)
    def test_intervals_are_positive_on_the_grid_and_unchanged_unless_corrected(
        self, series: list[tuple[int, bool]]
    ) -> None:
        beats = beats_of_series(series)
        sent = {(beat.at_s, beat.rr_ms) for beat in beats}
        for out in clean(beats):
            assert out.nn_ms > 0
            assert (out.nn_ms * 1024).is_integer()
            assert out.corrected or (out.at_s, out.nn_ms) in sent
            assert out.label is not BeatLabel.NORMAL or not out.corrected

    @given(series=_SERIES)
    def test_beat_times_rise_where_times_and_intervals_agree(self, series: list[tuple[int, bool]]) -> None:
        cleaned = clean(beats_of_series(series))
        assert all(earlier.at_s < later.at_s for earlier, later in pairwise(cleaned))

    @given(series=_SERIES, shares=st.lists(st.sampled_from([0.5, 0.8, 1.0, 1.2]), min_size=120, max_size=120))
    def test_beat_times_rise_where_the_time_of_arrival_was_corrected(
        self, series: list[tuple[int, bool]], shares: list[float]
    ) -> None:
        """Timing moves a chain back by up to half an interval a beat when it learns more about the link's delay."""
        at_s = 0.0
        beats: list[Beat] = []
        for (ticks, gap), share in zip(series, shares, strict=False):
            rr_ms = ticks * 1000 / 1024
            at_s += share * rr_ms / 1000
            beats.append(Beat(at_s=at_s, rr_ms=rr_ms, gap_before=gap))
        cleaned = clean(beats)
        assert all(earlier.at_s < later.at_s for earlier, later in pairwise(cleaned))


class TestBatch:
    """`clean` is the stage, for a whole series at once."""

    @given(series=_SERIES, late=st.sets(st.integers(0, 119)), holes=st.sets(st.integers(0, 119), max_size=4))
    def test_batch_and_stage_agree_to_the_bit(
        self, series: list[tuple[int, bool]], late: set[int], holes: set[int]
    ) -> None:
        at_s = 0.0
        beats: list[Beat] = []
        for index, (ticks, gap) in enumerate(series):
            rr_ms = (ticks + 6000 * (index in holes)) * 1000 / 1024
            at_s += rr_ms / 1000 * (1.6 if index in late else 1.0) + 7 * gap
            beats.append(Beat(at_s=at_s, rr_ms=rr_ms, gap_before=gap))
        assert_same(clean_at_once(beats), CleanSeries.of(clean(beats)))

    @given(series=_SERIES, premature=st.integers(2, 40), block_beats=st.integers(1, 200))
    def test_blocks_leave_no_seam(self, series: list[tuple[int, bool]], premature: int, block_beats: int) -> None:
        rr_ms = np.array([ticks * 1000 / 1024 for ticks, _ in series * 3])
        rr_ms[::premature] = np.round(rr_ms[::premature] * 0.6 * 1024) / 1024
        gaps = np.array([gap for _, gap in series * 3], dtype=np.bool_)
        whole = artefacts_module._label_all(rr_ms, gaps)  # pyright: ignore[reportPrivateUsage]
        blocks = artefacts_module._label_all(rr_ms, gaps, block_beats=block_beats)  # pyright: ignore[reportPrivateUsage]
        for one, other in zip(whole, blocks, strict=True):
            np.testing.assert_array_equal(one, other)

    def test_three_hours_with_faults_agree_to_the_bit(self) -> None:
        rng = np.random.default_rng(3)
        rr_ms = np.round((850 + 60 * np.sin(np.arange(12_000) / 2.3) + rng.normal(0, 25, 12_000)) * 1024) / 1024
        faulty = rng.random(12_000) < 0.03
        rr_ms[faulty] = np.round(rr_ms[faulty] * rng.choice([0.3, 0.6, 1.4, 2, 3, 6], faulty.sum()) * 1024) / 1024
        beats = beats_of(rr_ms.tolist(), gaps_at=np.flatnonzero(rng.random(12_000) < 0.002).tolist())
        series = clean_at_once(beats)
        assert_same(series, CleanSeries.of(clean(beats)))
        assert set(series.label.tolist()) == set(range(len(LABELS)))

    def test_intervals_are_put_on_the_grid(self) -> None:
        series = artefacts_module.clean([800.0003] * 20)
        assert set(series.nn_ms.tolist()) == {800.0}

    def test_times_follow_each_other_from_zero_where_none_are_given(self) -> None:
        series = artefacts_module.clean([800.0, 850.0, 900.0])
        assert series.at_s.tolist() == [0.8, 1.65, 2.55]

    def test_input_is_left_as_it_was(self) -> None:
        rr_ms = np.array(plant("displaced", -0.4, sinus_ms()))
        gaps = np.zeros(len(rr_ms), dtype=np.bool_)
        at_s = np.cumsum(rr_ms) / 1000 + np.where(np.arange(len(rr_ms)) > 50, 9.0, 0.0)
        kept = rr_ms.copy(), gaps.copy(), at_s.copy()
        artefacts_module.clean(rr_ms, at_s=at_s, gap_before=gaps)
        for given_array, before in zip((rr_ms, gaps, at_s), kept, strict=True):
            np.testing.assert_array_equal(given_array, before)

    def test_nothing_gives_nothing(self) -> None:
        series = artefacts_module.clean([])
        assert len(series) == 0
        assert series.used_nn_ms.shape == (0,)

    @pytest.mark.parametrize("beats", [1, 2, 3, 12])
    def test_few_equal_intervals_are_normal(self, beats: int) -> None:
        series = artefacts_module.clean([800] * beats)
        assert series.nn_ms.tolist() == [800.0] * beats
        assert series.accepted.all()

    @pytest.mark.parametrize(
        "rr_ms",
        [
            pytest.param([800.0, float("nan"), 800.0], id="NaN"),
            pytest.param([800.0, float("inf")], id="infinite"),
            pytest.param([800.0, -1.0], id="negative"),
            pytest.param([800.0, 0.0], id="zero"),
            pytest.param(["800", "810"], id="strings"),
            pytest.param([[800.0, 810.0]], id="2-D"),
        ],
    )
    def test_what_is_no_interval_is_refused(self, rr_ms: list[float]) -> None:
        with pytest.raises(SeriesError):
            artefacts_module.clean(rr_ms)

    @pytest.mark.parametrize("gap_before", [[True], [0, 1, 0], [[True, False, True]]])
    def test_gaps_are_one_truth_value_an_interval(self, gap_before: list[bool]) -> None:
        with pytest.raises(SeriesError, match="gap_before"):
            artefacts_module.clean([800.0, 810.0, 820.0], gap_before=gap_before)

    def test_seconds_are_told(self) -> None:
        with pytest.warns(RrUnitWarning, match="seconds"):
            artefacts_module.clean([0.8, 0.81, 0.79])


class TestHoles:
    """What is too long to be an interval is a hole, in both doors."""

    def test_ten_minutes_in_one_interval_are_left_out(self) -> None:
        rr_ms = sinus_ms()
        beats = beats_of([*rr_ms[:100], 600_000.0, *rr_ms[100:]])
        cleaned = clean(beats)
        assert [beat.nn_ms for beat in cleaned] == rr_ms
        assert [beat.gap_before for beat in cleaned].index(True) == 100
        assert sum(beat.gap_before for beat in cleaned) == 1
        assert_same(clean_at_once(beats), CleanSeries.of(cleaned))

    def test_longest_interval_is_none(self) -> None:
        assert len(artefacts_module.clean([LONGEST_INTERVAL_MS] * 3)) == 3
        assert len(artefacts_module.clean([LONGEST_INTERVAL_MS + 1] * 3)) == 0

    def test_beat_that_comes_too_late_for_its_interval_begins_anew(self) -> None:
        beats = beats_of(sinus_ms(100))
        shifted = [Beat(at_s=beat.at_s + (50 if at >= 60 else 0), rr_ms=beat.rr_ms) for at, beat in enumerate(beats)]
        assert [at for at, beat in enumerate(clean(shifted)) if beat.gap_before] == [60]

    def test_beat_that_comes_a_little_late_does_not(self) -> None:
        beats = beats_of(sinus_ms(100))
        shifted = [Beat(at_s=beat.at_s + (0.4 if at >= 60 else 0), rr_ms=beat.rr_ms) for at, beat in enumerate(beats)]
        assert not any(beat.gap_before for beat in clean(shifted))


class TestMending:
    """Beats go where the rhythm was going."""

    def test_missed_and_displaced_beats_lie_on_the_line_between_their_neighbours(self) -> None:
        """An interval that grows by 4 ms a beat: to a beat put back on the line nothing is wrong."""
        true = [700.0 + 4 * at for at in range(120)]
        for kind in ("missed", "displaced"):
            cleaned = clean(beats_of(plant(kind, -0.3, true)))
            assert [beat.nn_ms for beat in cleaned] == pytest.approx(true, abs=2 / 1024)

    @given(series=_SERIES)
    def test_both_ends_of_an_interval_that_extra_beats_were_taken_out_of_are_beats_as_sent(
        self, series: list[tuple[int, bool]]
    ) -> None:
        """So that who reads it may use the interval as one that was measured."""
        beats = beats_of_series(series)
        ends = {round(beat.at_s, 6) for beat in beats}
        begins = ends | {round(beat.at_s - beat.rr_ms / 1000, 6) for beat in beats}
        for out in clean(beats):
            if out.label is BeatLabel.EXTRA and out.corrected:
                assert round(out.at_s, 6) in ends
                assert round(out.at_s - out.nn_ms / 1000, 6) in begins

    def test_interval_after_a_run_that_was_given_up_is_not_accepted(self) -> None:
        cleaned = clean(beats_of(bad_stretch_ms()))
        for earlier, later in pairwise(cleaned):
            if earlier.label is not BeatLabel.NORMAL and not earlier.corrected:
                assert not counts(earlier, later)
                assert not (later.label is BeatLabel.NORMAL and later.accepted)


def clean_at_once(beats: Sequence[Beat]) -> CleanSeries:
    return artefacts_module.clean(
        [beat.rr_ms for beat in beats],
        at_s=[beat.at_s for beat in beats],
        gap_before=[beat.gap_before for beat in beats],
    )


def assert_same(one: CleanSeries, other: CleanSeries) -> None:
    for name in ("at_s", "nn_ms", "label", "corrected", "gap_before"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
