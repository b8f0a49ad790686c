"""One person's pipeline: grades by evidence, HRV only where it may be read, no gap bridged, faults that end nothing."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from math import pi, sin
from pathlib import Path
from typing import TypeAlias, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp import BeatLabel, SpikeEnding, UsualFrom
from dsp.heart_rate import filter_delay_s
from firmware_profiles.gatt import BodySensorLocation
from firmware_profiles.heart_rate_service import Contact, HeartRateMeasurement, encode
from firmware_profiles.profiles import load_profiles
from watchlink.captures import open_capture
from watchlink.packets import Attribute, AttributeRead, LinkChange, LinkState, Notification
from watchlink.pipeline import Pipeline
from watchlink.readings import (
    Battery,
    BeatReading,
    Duplicate,
    Grade,
    GradeReading,
    HeartRateReading,
    HrvAbsent,
    HrvReading,
    Measured,
    Phase,
    Reading,
    SpikeEnded,
    SpikeStarted,
    Undecodable,
    Worn,
    to_record,
)

_Item: TypeAlias = Notification | AttributeRead | LinkChange
R = TypeVar("R")

_STRAP = "polar-h10"
_STRAP_WITH_CONTACT = "polar-h7"
_OPTICAL = "scosche-rhythm24"
_WATCH = "garmin-watch"
_SMOOTHED_RR = "wahoo-tickr-fit"


def pipeline(profile: str) -> Pipeline:
    return Pipeline(person="p1", profile=load_profiles()[profile])


def notification(at_s: float, payload: bytes) -> Notification:
    return Notification(at_us=round(at_s * 1_000_000), wearable="w1", payload=payload)


def lost(at_s: float) -> LinkChange:
    return LinkChange(at_us=round(at_s * 1_000_000), wearable="w1", state=LinkState.LOST)


def sent(
    at_s: float, bpm: int, rr_ticks: tuple[int, ...] = (), contact: Contact = Contact.NOT_SUPPORTED
) -> Notification:
    measurement = HeartRateMeasurement.of(heart_rate_bpm=bpm, contact=contact, rr_ticks=rr_ticks)
    return notification(at_s, encode(measurement))


def wearing(
    seconds: int,
    *,
    bpm_at: Callable[[float], float] = lambda _: 72.0,
    rr: bool = True,
    since_s: int = 0,
    contact: Contact = Contact.NOT_SUPPORTED,
) -> list[_Item]:
    """A report a second of a heart that breathes a little; `rr` says whether the intervals are sent."""
    packets: list[_Item] = []
    beat_s = since_s + 0.3
    for second in range(since_s + 1, since_s + seconds + 1):
        rr_ticks: list[int] = []
        while True:
            ticks = round(1024 * 60 / (bpm_at(beat_s) + 2 * sin(2 * pi * beat_s / 4.3)))
            if beat_s + ticks / 1024 > second:
                break
            beat_s += ticks / 1024
            rr_ticks.append(ticks)
        packets.append(sent(second + 0.02, round(bpm_at(second)), tuple(rr_ticks) if rr else (), contact))
    return packets


def as_sent(intervals: Sequence[int]) -> list[_Item]:
    """The given intervals (ticks), each in the first report after its end."""
    ends_s = list(accumulate(ticks / 1024 for ticks in intervals))
    return [
        sent(
            second + 0.02,
            75,
            tuple(t for t, end_s in zip(intervals, ends_s, strict=True) if second - 1 < end_s <= second),
        )
        for second in range(1, int(ends_s[-1]) + 1)
    ]


def run(pipe: Pipeline, packets: Iterable[_Item]) -> list[Reading]:
    return [reading for packet in packets for reading in pipe.push(packet)]


def read(profile: str, packets: Iterable[_Item]) -> list[Reading]:
    pipe = pipeline(profile)
    return [*run(pipe, packets), *pipe.flush()]


def only(kind: type[R], readings: Iterable[Reading]) -> list[R]:
    return [reading for reading in readings if isinstance(reading, kind)]


class TestFaultyNotifications:
    """What a wearable or the radio does wrong is data, never an exception."""

    @pytest.mark.parametrize("payload", [b"", b"\x16", b"\x01\x48"])
    def test_malformed_payload_is_a_reading_and_the_session_goes_on(self, payload: bytes) -> None:
        packets = wearing(20)
        pipe = pipeline(_STRAP)
        run(pipe, packets[:10])
        (undecodable,) = pipe.push(notification(10.5, payload))
        assert isinstance(undecodable, Undecodable)
        assert (undecodable.person, undecodable.at_us) == ("p1", 10_500_000)
        assert undecodable.reason
        after = [*run(pipe, packets[10:]), *pipe.flush()]
        whole = read(_STRAP, packets)
        assert only(BeatReading, after) == only(BeatReading, whole)[-len(only(BeatReading, after)) :]
        assert not any(beat.gap_before for beat in only(BeatReading, after))

    @pytest.mark.parametrize("after_s", [0.0, 0.001, 0.149])
    def test_same_payload_within_150_ms_is_counted_and_not_used(self, after_s: float) -> None:
        packets = wearing(30)
        twice = [
            copy
            for packet in packets
            if isinstance(packet, Notification)
            for copy in (packet, notification(packet.at_us / 1_000_000 + after_s, packet.payload))
        ]
        readings = read(_STRAP, twice)
        assert [reading for reading in readings if not isinstance(reading, Duplicate)] == read(_STRAP, packets)
        assert len(only(Duplicate, readings)) == 30

    def test_same_payload_after_150_ms_is_a_measurement(self) -> None:
        readings = read(_WATCH, [sent(1.0, 72), sent(1.15, 72)])
        assert (len(only(Measured, readings)), len(only(Duplicate, readings))) == (2, 0)

    def test_other_payload_within_150_ms_is_a_measurement(self) -> None:
        readings = read(_WATCH, [sent(1.0, 72), sent(1.05, 73)])
        assert [measured.heart_rate_bpm for measured in only(Measured, readings)] == [72, 73]

    @pytest.mark.parametrize("fault", [b"\x00", b"\x00\x00", b"\x00\xff", b"\x01\xff\xff"])
    def test_time_without_a_usable_rate_is_not_bridged(self, fault: bytes) -> None:
        """Twenty seconds of malformed payloads, or of a rate that no heart has, are a hole in the line."""
        hole = [notification(at + 0.02, fault) for at in range(61, 81)]
        readings = read(_WATCH, [*wearing(60, rr=False), *hole, *wearing(60, rr=False, since_s=80)])
        seconds = [reading.at_s for reading in only(HeartRateReading, readings)]
        assert max(later - earlier for earlier, later in pairwise(seconds)) == pytest.approx(20, abs=1.5)


class TestGrade:
    """What the signal supports, by evidence."""

    @pytest.mark.parametrize(
        ("profile", "rr", "grade"),
        [
            pytest.param(_STRAP, True, Grade.BEAT, id="strap"),
            pytest.param(_OPTICAL, True, Grade.PULSE, id="optical with intervals"),
            pytest.param("generic", True, Grade.PULSE, id="unknown wearable with intervals"),
            pytest.param(_SMOOTHED_RR, True, Grade.RATE, id="intervals that are known to be wrong"),
            pytest.param(_WATCH, True, Grade.RATE, id="watch that should send no intervals"),
            pytest.param(_WATCH, False, Grade.RATE, id="watch"),
            pytest.param("generic", False, Grade.RATE, id="unknown wearable without intervals"),
            pytest.param(_STRAP, False, Grade.RATE, id="strap that sends no intervals"),
        ],
    )
    def test_grade_follows_from_what_is_sent_and_what_is_known(self, profile: str, rr: bool, grade: Grade) -> None:
        readings = read(profile, wearing(60, rr=rr))
        assert [reading.grade for reading in only(GradeReading, readings)] == [grade]

    def test_unknown_wearable_without_intervals_is_rate_grade_with_the_thirtieth_report(self) -> None:
        packets = wearing(31, rr=False)
        pipe = pipeline("generic")
        assert only(GradeReading, run(pipe, packets[:29])) == []
        (grade,) = only(GradeReading, pipe.push(packets[29]))
        assert (grade.grade, grade.at_us) == (Grade.RATE, packets[29].at_us)

    def test_intervals_that_come_late_raise_the_grade(self) -> None:
        readings = read(_STRAP, [*wearing(40, rr=False), *wearing(40, since_s=40)])
        assert [reading.grade for reading in only(GradeReading, readings)] == [Grade.RATE, Grade.BEAT]

    def test_intervals_that_stop_for_good_leave_the_rate(self) -> None:
        """A strap that goes on with its bpm alone is a rate-grade wearable, not a silent one."""
        readings = read(_STRAP, [*wearing(60), *wearing(60, since_s=60, rr=False)])
        assert [reading.grade for reading in only(GradeReading, readings)] == [Grade.BEAT, Grade.RATE]
        assert only(HeartRateReading, readings)[-1].at_s > 115

    @pytest.mark.parametrize("profile", [_WATCH, _SMOOTHED_RR])
    @pytest.mark.parametrize("phase", list(Phase))
    def test_rate_grade_has_heart_rate_and_never_hrv_and_says_why_once(self, profile: str, phase: Phase) -> None:
        pipe = pipeline(profile)
        pipe.enter(phase, speaking=False)
        readings = [*run(pipe, wearing(300)), *pipe.flush()]
        assert only(HrvReading, readings) == []
        assert only(BeatReading, readings) == []
        (absent,) = only(HrvAbsent, readings)
        assert "no usable intervals" in absent.reason
        assert [reading.heart_rate_bpm for reading in only(HeartRateReading, readings)] == pytest.approx([72.0] * 300)

    @pytest.mark.parametrize("profile", [_STRAP, _OPTICAL, _WATCH])
    def test_every_grade_finds_a_rise(self, profile: str) -> None:
        packets = wearing(420, bpm_at=lambda at_s: 92.0 if 300 <= at_s < 340 else 72.0)
        readings = read(profile, packets)
        (started,), (ended,) = only(SpikeStarted, readings), only(SpikeEnded, readings)
        assert started.start.onset_s == ended.spike.onset_s == pytest.approx(300, abs=4)
        assert ended.spike.rise_bpm == pytest.approx(20, abs=2)
        assert ended.spike.ending is SpikeEnding.SETTLED

    def test_heart_rate_of_an_optical_wearable_is_the_one_that_it_reports(self) -> None:
        """Its intervals break off when the hand moves."""
        packets = [sent(float(second), 90, (853,)) for second in range(1, 61)]
        rates = [reading.heart_rate_bpm for reading in only(HeartRateReading, read(_OPTICAL, packets))]
        assert rates == pytest.approx([90.0] * len(rates))
        assert len(rates) == 60

    def test_heart_rate_line_of_an_optical_wearable_does_not_care_whether_intervals_come(self) -> None:
        """They stop for minutes while a hand moves; the wearable's own rate goes on."""

        def bpm_at(at_s: float) -> float:
            return 72.0 + 15 * sin(at_s / 12)

        steady = wearing(200, bpm_at=bpm_at)
        moving = [*steady[:60], *wearing(200, bpm_at=bpm_at, rr=False)[60:130], *steady[130:]]
        assert only(HeartRateReading, read(_OPTICAL, moving)) == only(HeartRateReading, read(_OPTICAL, steady))

    def test_heart_rate_of_a_strap_is_that_of_its_beats_not_of_its_own_smoothed_rate(self) -> None:
        packets = [
            sent(p.at_us / 1_000_000, 200, (853,) * (1 + at % 5 // 4)) for at, p in enumerate(wearing(60)) if at > 0
        ]
        rates = [reading.heart_rate_bpm for reading in only(HeartRateReading, read(_STRAP, packets))]
        assert rates == pytest.approx([60 * 1024 / 853] * len(rates))


class TestHrvAbsence:
    """HRV is shown only where it can be read, and its absence has a reason."""

    @pytest.mark.parametrize(
        ("profile", "phase", "speaking", "reason"),
        [
            (_STRAP, Phase.SILENT, False, ""),
            (_STRAP, Phase.UNKNOWN, False, ""),
            (_STRAP, Phase.TALK, False, "talking"),
            (_STRAP, Phase.SILENT, True, "talking"),
            (_STRAP, Phase.UNKNOWN, True, "talking"),
            (_STRAP, Phase.MOVEMENT, False, "movement"),
            (_OPTICAL, Phase.SILENT, False, ""),
            (_OPTICAL, Phase.UNKNOWN, False, "rest only"),
            (_OPTICAL, Phase.TALK, False, "talking"),
            (_OPTICAL, Phase.MOVEMENT, False, "movement"),
        ],
    )
    def test_hrv_is_there_or_absent_with_its_reason(
        self, profile: str, phase: Phase, speaking: bool, reason: str
    ) -> None:
        pipe = pipeline(profile)
        pipe.enter(phase, speaking=speaking)
        readings = run(pipe, wearing(90))
        assert (only(HrvReading, readings) == []) == bool(reason)
        assert [reason in absent.reason for absent in only(HrvAbsent, readings)] == [True] * bool(reason)

    @pytest.mark.parametrize(
        ("phase", "speaking", "reason"),
        [(Phase.SILENT, True, "talking"), (Phase.TALK, False, "talking"), (Phase.MOVEMENT, False, "movement")],
    )
    def test_hrv_goes_and_comes_back_with_silence(self, phase: Phase, speaking: bool, reason: str) -> None:
        packets = wearing(360)
        pipe = pipeline(_STRAP)
        pipe.enter(Phase.SILENT, speaking=False)
        assert only(HrvReading, run(pipe, packets[:120]))
        pipe.enter(phase, speaking=speaking)
        between = run(pipe, packets[120:240])
        assert only(HrvReading, between) == []
        (absent,) = only(HrvAbsent, between)
        assert reason in absent.reason
        pipe.enter(Phase.SILENT, speaking=False)
        after = run(pipe, packets[240:])
        assert only(HrvAbsent, after) == []
        assert only(HrvReading, after)[-1].metrics.time_domain.rmssd_ms is not None

    @pytest.mark.parametrize("phase", [Phase.TALK, Phase.MOVEMENT])
    def test_hrv_shown_in_silence_stands_on_no_beat_from_before_it(self, phase: Phase) -> None:
        """A window of a minute that begins in talk or movement is as unreadable as the talk itself."""
        packets = wearing(240)
        pipe = pipeline(_STRAP)
        pipe.enter(phase, speaking=False)
        run(pipe, packets[:120])
        pipe.enter(Phase.SILENT, speaking=False)
        shown = only(HrvReading, run(pipe, packets[120:]))
        assert any(hrv.metrics.time_domain.rmssd_ms for hrv in shown)
        assert min(hrv.metrics.at_s - hrv.metrics.quality.covered_s for hrv in shown) >= 119

    def test_each_beat_says_why_no_hrv_is_read_from_it(self) -> None:
        packets = wearing(240)
        pipe = pipeline(_STRAP)
        pipe.enter(Phase.TALK, speaking=False)
        beats = only(BeatReading, run(pipe, packets[:120]))
        pipe.enter(Phase.SILENT, speaking=False)
        beats += only(BeatReading, run(pipe, packets[120:]))
        turn_s = packets[119].at_us / 1e6
        assert {beat.hrv_absent_because for beat in beats if beat.at_s < turn_s} == {
            "talking makes breathing irregular"
        }
        assert {beat.hrv_absent_because for beat in beats if beat.at_s >= turn_s} == {None}

    def test_another_reason_is_said_too(self) -> None:
        packets = wearing(60)
        pipe = pipeline(_STRAP)
        pipe.enter(Phase.TALK, speaking=False)
        readings = run(pipe, packets[:30])
        pipe.enter(Phase.MOVEMENT, speaking=False)
        readings += run(pipe, packets[30:])
        assert [absent.reason.split()[0] for absent in only(HrvAbsent, readings)] == ["talking", "movement"]

    def test_beats_go_on_while_hrv_is_absent(self) -> None:
        silent, talking = pipeline(_STRAP), pipeline(_STRAP)
        talking.enter(Phase.TALK, speaking=True)
        packets = wearing(90)
        while_talking = [replace(beat, hrv_absent_because=None) for beat in only(BeatReading, run(talking, packets))]
        assert while_talking == only(BeatReading, run(silent, packets))


class TestBreaks:
    """Where beats may be missing the chain ends."""

    def test_lost_link_gives_out_what_was_held_back_and_marks_the_next_beat(self) -> None:
        packets = wearing(60)
        pipe = pipeline(_STRAP)
        before = run(pipe, packets[:30])
        at_the_loss = only(BeatReading, pipe.push(lost(30.5)))
        after = only(BeatReading, [*run(pipe, packets[30:]), *pipe.flush()])
        assert len(at_the_loss) == 5
        assert [beat.gap_before for beat in after] == [True] + [False] * (len(after) - 1)
        sent_beats = sum(len(m.rr_ticks) for m in only(Measured, [*before, *run(pipeline(_STRAP), packets[30:])]))
        assert len(only(BeatReading, before)) + len(at_the_loss) + len(after) == sent_beats

    @pytest.mark.parametrize(
        ("silent_s", "between", "hole_s"),
        [
            pytest.param(3, [], 1, id="a short silence: the rate holds until the next report"),
            pytest.param(3, [lost(30.5)], 3, id="a lost link"),
            pytest.param(10, [lost(30.5)], 10, id="a lost link for long"),
            pytest.param(10, [], 10, id="a long silence without a word from the link"),
        ],
    )
    def test_line_of_a_watch_breaks_where_nothing_is_known(
        self, silent_s: int, between: list[_Item], hole_s: int
    ) -> None:
        packets = [*wearing(30, rr=False), *between, *wearing(30, rr=False, since_s=30 + silent_s)]
        seconds = [reading.at_s for reading in only(HeartRateReading, read(_WATCH, packets))]
        widest_s = max(later - earlier for earlier, later in pairwise(seconds))
        assert widest_s == pytest.approx(hole_s, abs=0.1 if hole_s == 1 else 1.5)

    @pytest.mark.parametrize("state", [LinkState.SEEKING, LinkState.CONNECTING, LinkState.SUBSCRIBED])
    def test_other_states_of_the_link_break_nothing(self, state: LinkState) -> None:
        packets = wearing(60)
        change = LinkChange(at_us=30_500_000, wearable="w1", state=state)
        assert read(_STRAP, [*packets[:30], change, *packets[30:]]) == read(_STRAP, packets)

    @pytest.mark.parametrize(
        ("profile", "breaks"),
        [pytest.param(_STRAP_WITH_CONTACT, True, id="reliable"), pytest.param(_STRAP, False, id="not reliable")],
    )
    def test_lost_contact_breaks_the_chain_where_it_can_be_believed(self, profile: str, breaks: bool) -> None:
        on, off = Contact.PRESENT, Contact.ABSENT
        packets = wearing(30 + 3 + 30, contact=on)
        packets[30:33] = wearing(30 + 3, contact=off)[30:]
        readings = read(profile, packets)
        beats = only(BeatReading, readings)
        assert any(beat.gap_before for beat in beats) == breaks
        assert any(30.2 < beat.at_s < 32.8 for beat in beats) != breaks
        assert [m.contact for m in only(Measured, readings)] == [on] * 30 + [off] * 3 + [on] * 30

    def test_lost_report_marks_the_next_beat(self) -> None:
        packets = wearing(120)
        readings = read(_STRAP, packets[:60] + packets[61:])
        (gap,) = [beat for beat in only(BeatReading, readings) if beat.gap_before]
        assert gap.at_s == pytest.approx(61.5, abs=1)

    def test_gap_ends_an_open_spike_as_not_known(self) -> None:
        packets = wearing(420, bpm_at=lambda at_s: 92.0 if at_s >= 300 else 72.0)
        readings = read(_STRAP, [*packets[:330], lost(330.5), *packets[360:]])
        assert [ended.spike.ending for ended in only(SpikeEnded, readings)] == [SpikeEnding.GAP]


class TestQuality:
    """Every number carries what it stands on."""

    def test_corrected_beat_is_flagged_and_its_second_is_not_clean(self) -> None:
        packets: list[_Item] = [sent(at + 0.02, 60, (1024,)) for at in range(1, 60)]
        packets[30] = sent(31.02, 60, (700,))
        packets[31] = sent(32.02, 60, (1348,))
        readings = read(_STRAP, packets)
        corrected = [beat for beat in only(BeatReading, readings) if beat.corrected]
        assert 2 <= len(corrected) <= 3
        assert 2 <= sum(not reading.clean for reading in only(HeartRateReading, readings)) <= 5

    def test_second_is_clean_just_where_no_corrected_or_flagged_interval_lies_under_it(self) -> None:
        """A long run of artefacts comes out as it was sent; the heart rate made of it is no clean one either."""
        packets = wearing(60)
        wild = ((450, 500), (1150,), (380, 700), (1200,), (420, 400), (1250,), (400, 650), (900,), (430, 500), (1100,))
        for at, ticks in enumerate(wild, 30):
            packets[at] = sent(at + 1.02, 72, ticks)
        readings = read(_STRAP, packets)
        beats = only(BeatReading, readings)
        assert sum(beat.label is not BeatLabel.NORMAL and not beat.corrected for beat in beats) >= 5
        for rate in only(HeartRateReading, readings):
            until_s = rate.at_s + filter_delay_s()
            under = [beat for beat in beats if beat.at_s - beat.nn_ms / 1000 < until_s and beat.at_s > until_s - 1]
            assert rate.clean == all(beat.label is BeatLabel.NORMAL and not beat.corrected for beat in under)

    @pytest.mark.parametrize("missed", [1, 2, 3])
    def test_beats_that_the_sensor_missed_do_not_lower_the_heart_rate(self, missed: int) -> None:
        """The interval sent is then the sum of several; the heart went on at 75 bpm."""
        intervals = [819] * 150 + [819 * (1 + missed)] + [819] * 150
        rates = only(HeartRateReading, read(_STRAP, as_sent(intervals)))
        assert min(rate.heart_rate_bpm for rate in rates) > 70

    def test_absurd_interval_is_no_heart_rate(self) -> None:
        """65535 ticks, 64 s, within one second."""
        packets = wearing(200)
        packets[100] = sent(101.02, 72, (65535,))
        rates = [reading.heart_rate_bpm for reading in only(HeartRateReading, read(_STRAP, packets))]
        assert min(rates) > 60
        assert len(rates) > 180

    def test_usual_is_unknown_at_first_and_then_beside_every_heart_rate(self) -> None:
        rates = only(HeartRateReading, read(_STRAP, wearing(200)))
        known = [rate.usual_bpm is not None for rate in rates]
        assert known == sorted(known)
        assert known[0] is False
        assert known[-1] is True
        for rate in rates:
            assert (rate.usual_bpm is None) == (rate.above_usual_bpm is None) == (rate.above_usual_spreads is None)
            if rate.usual_bpm is not None:
                assert rate.above_usual_bpm == rate.heart_rate_bpm - rate.usual_bpm

    def test_movement_stays_out_of_the_usual(self) -> None:
        packets = wearing(400, bpm_at=lambda at_s: 110.0 if at_s >= 200 else 72.0)
        pipe = pipeline(_STRAP)
        run(pipe, packets[:190])
        pipe.enter(Phase.MOVEMENT, speaking=False)
        readings = run(pipe, packets[190:])
        assert only(SpikeStarted, readings) == []
        assert only(HeartRateReading, readings)[-1].usual_bpm == pytest.approx(72, abs=1)


class TestOtherPackets:
    """What is read beside the heart rate."""

    @pytest.mark.parametrize(
        ("attribute", "payload", "expected"),
        [
            (Attribute.BATTERY_LEVEL, b"\x2a", Battery(person="p1", at_us=5, charge_pct=42)),
            (Attribute.BATTERY_LEVEL, b"\xff", None),
            (Attribute.BATTERY_LEVEL, b"", None),
            (
                Attribute.BODY_SENSOR_LOCATION,
                b"\x01",
                Worn(person="p1", at_us=5, location=BodySensorLocation.CHEST),
            ),
            (Attribute.BODY_SENSOR_LOCATION, b"\x07", None),
            (Attribute.MODEL_NUMBER, b"H10", None),
        ],
    )
    def test_attribute_is_a_reading_where_it_says_something(
        self, attribute: Attribute, payload: bytes, expected: Reading | None
    ) -> None:
        packet = AttributeRead(at_us=5, wearable="w1", attribute=attribute, payload=payload)
        assert pipeline(_STRAP).push(packet) == (() if expected is None else (expected,))


class TestChangeOfWearable:
    """The person stays the same."""

    def test_usual_stays(self) -> None:
        pipe = pipeline(_STRAP)
        usual_bpm = only(HeartRateReading, run(pipe, wearing(200)))[-1].usual_bpm
        pipe.change_wearable(load_profiles()[_WATCH])
        rates = only(HeartRateReading, run(pipe, wearing(60, since_s=210, bpm_at=lambda _: 90.0, rr=False)))
        assert usual_bpm is not None
        assert rates[0].usual_bpm == pytest.approx(usual_bpm, abs=0.5)
        assert rates[0].above_usual_bpm == pytest.approx(90 - usual_bpm, abs=0.5)

    def test_chain_ends_and_held_back_beats_come_out(self) -> None:
        pipe = pipeline(_STRAP)
        run(pipe, wearing(60))
        assert len(only(BeatReading, pipe.change_wearable(load_profiles()[_STRAP_WITH_CONTACT]))) == 5
        beats = only(BeatReading, [*run(pipe, wearing(60, since_s=70)), *pipe.flush()])
        assert [beat.gap_before for beat in beats] == [True] + [False] * (len(beats) - 1)

    def test_beats_do_not_go_back_in_time_when_the_new_wearable_sends_a_backlog(self) -> None:
        pipe = pipeline(_STRAP)
        readings = run(pipe, wearing(60))
        readings += pipe.change_wearable(load_profiles()[_STRAP_WITH_CONTACT])
        readings += [*run(pipe, [sent(60.5, 72, (853,) * 5), *wearing(30, since_s=61)]), *pipe.flush()]
        assert all(earlier.at_s < later.at_s for earlier, later in pairwise(only(BeatReading, readings)))

    def test_grade_is_judged_anew(self) -> None:
        pipe = pipeline(_WATCH)
        readings = run(pipe, wearing(60))
        pipe.change_wearable(load_profiles()[_STRAP])
        readings += run(pipe, wearing(60, since_s=70))
        assert [reading.grade for reading in only(GradeReading, readings)] == [Grade.RATE, Grade.BEAT]
        assert only(HrvReading, readings)


_PACKETS: st.SearchStrategy[tuple[float, bytes | LinkState]] = st.tuples(
    st.sampled_from([0.0, 0.05, 0.3, 1.0, 1.0, 1.0, 1.0, 3.0, 20.0]),
    st.sampled_from(
        [bytes.fromhex(text) for text in ("1648" + "5603", "1648" + "56035603", "104b3003", "1032b004", "0048", "0448")]
    )
    | st.binary(max_size=8)
    | st.sampled_from(LinkState),
)
_STREAMS = st.lists(_PACKETS, max_size=10) | st.lists(_PACKETS, min_size=60, max_size=150)
_PROFILES = st.sampled_from([_STRAP, _STRAP_WITH_CONTACT, _OPTICAL, _WATCH, "generic"])


def packets_of(stream: Iterable[tuple[float, bytes | LinkState]]) -> list[_Item]:
    at_s = 0.0
    packets: list[_Item] = []
    for delay_s, content in stream:
        at_s += delay_s
        if isinstance(content, LinkState):
            packets.append(LinkChange(at_us=round(at_s * 1_000_000), wearable="w1", state=content))
        else:
            packets.append(notification(at_s, content))
    return packets


class TestAnyStream:
    """Whatever arrives, in whatever order."""

    @given(profile=_PROFILES, stream=_STREAMS)
    def test_heart_rate_and_beats_go_forward_in_time(
        self, profile: str, stream: list[tuple[float, bytes | LinkState]]
    ) -> None:
        readings = read(profile, packets_of(stream))
        for times in (
            [reading.at_s for reading in only(HeartRateReading, readings)],
            [reading.at_s for reading in only(BeatReading, readings)],
        ):
            assert all(earlier < later for earlier, later in pairwise(times))

    @given(profile=_PROFILES, stream=_STREAMS)
    def test_every_notification_is_measured_undecodable_or_a_duplicate(
        self, profile: str, stream: list[tuple[float, bytes | LinkState]]
    ) -> None:
        packets = packets_of(stream)
        readings = read(profile, packets)
        accounted = [r.at_us for r in readings if isinstance(r, Measured | Undecodable | Duplicate)]
        assert accounted == [packet.at_us for packet in packets if isinstance(packet, Notification)]

    @given(profile=_PROFILES, stream=_STREAMS, share=st.floats(0, 1))
    def test_a_prefix_of_the_packets_gives_a_prefix_of_the_readings(
        self, profile: str, stream: list[tuple[float, bytes | LinkState]], share: float
    ) -> None:
        packets = packets_of(stream)
        prefix = run(pipeline(profile), packets[: round(share * len(packets))])
        assert run(pipeline(profile), packets)[: len(prefix)] == prefix

    @given(profile=_PROFILES, stream=_STREAMS)
    def test_every_reading_is_plain_json(self, profile: str, stream: list[tuple[float, bytes | LinkState]]) -> None:
        for reading in read(profile, packets_of(stream)):
            record = to_record(reading)
            assert json.loads(json.dumps(record, allow_nan=False)).keys() == record.keys()
            assert record["person"] == "p1"


def test_long_stream_with_everything_in_it_has_stable_prefixes() -> None:
    packets: list[_Item] = [
        *wearing(150),
        lost(150.5),
        *wearing(200, since_s=160, bpm_at=lambda at_s: 95.0 if 300 <= at_s < 330 else 72.0),
        notification(360.5, b"\x16"),
        *wearing(60, since_s=361),
    ]
    whole = run(pipeline(_STRAP), packets)
    assert {type(reading) for reading in whole} >= {Measured, Undecodable, BeatReading, HrvReading, SpikeEnded}
    for cut in range(0, len(packets), 20):
        prefix = run(pipeline(_STRAP), packets[:cut])
        assert whole[: len(prefix)] == prefix


def test_real_recording_is_decoded_as_its_truth_says(shared_data: Path) -> None:
    """48 minutes of a real wearable's intervals and losses: 2409 notifications with 2604 intervals."""
    path = shared_data / "captures" / "reframed" / "rhythm_full_btsnoop_h4.log"
    truth_text = path.with_name(path.name + ".truth.csv").read_text(encoding="utf-8")
    truth = [
        (int(row["hr_bpm"]), tuple(map(int, row["rr_raw_1024ths"].split())))
        for row in csv.DictReader(truth_text.splitlines())
    ]
    pipe = pipeline("generic")
    with open_capture(path) as capture:
        packets = [packet for packet in capture.packets if isinstance(packet, Notification)]
    readings = [*run(pipe, packets), *pipe.flush()]
    measured = only(Measured, readings)
    assert [(reading.heart_rate_bpm, reading.rr_ticks) for reading in measured] == truth
    assert (len(measured), sum(len(reading.rr_ticks) for reading in measured)) == (2409, 2604)
    assert [reading.grade for reading in only(GradeReading, readings)] == [Grade.PULSE]
    assert only(Undecodable, readings) == []
    assert only(Duplicate, readings) == []
    assert any(beat.gap_before for beat in only(BeatReading, readings))


class TestOwnUsual:
    """What is usual for a person outlives the wearable, and says where it is from."""

    def test_a_baseline_block_is_what_it_stands_on_and_then_the_session_goes_on(self) -> None:
        pipe = pipeline(_STRAP)
        packets = wearing(400)
        readings: list[Reading] = []
        pipe.enter(Phase.SILENT, speaking=False, resting=True)
        for packet in packets[:300]:
            readings += pipe.push(packet)
        pipe.enter(Phase.TALK, speaking=False)
        for packet in packets[300:]:
            readings += pipe.push(packet)
        told = [rate.usual_from for rate in only(HeartRateReading, readings)]
        assert list(dict.fromkeys(told)) == [None, UsualFrom.REST, UsualFrom.RUNNING]

    def test_a_change_of_wearable_and_of_grade_carries_it_over(self) -> None:
        pipe = pipeline(_STRAP)
        readings: list[Reading] = []
        for packet in wearing(300):
            readings += pipe.push(packet)
        last = only(HeartRateReading, readings)[-1]
        readings = list(pipe.change_wearable(load_profiles()[_WATCH]))
        for at in range(300, 420):
            readings += pipe.push(sent(at + 0.02, 75))
        rates = only(HeartRateReading, readings)
        carried = [rate for rate in rates if rate.usual_from is UsualFrom.CARRIED]
        assert carried
        assert carried[0].usual_bpm == pytest.approx(last.usual_bpm, abs=0.5)
        assert rates[-1].usual_from is UsualFrom.RUNNING
        assert rates[-1].usual_bpm == pytest.approx(75, abs=0.5)

    def test_a_reconnect_changes_nothing(self) -> None:
        packets = wearing(300)
        readings = read(_STRAP, [*packets[:200], lost(200.5), *packets[220:]])
        assert {rate.usual_from for rate in only(HeartRateReading, readings)} == {None, UsualFrom.RUNNING}

    @pytest.mark.parametrize("wrong_bpm", [160, 35, 110])
    @pytest.mark.parametrize("wrong_s", [1, 2, 3])
    def test_a_pulse_that_is_lost_for_a_moment_is_no_rise(self, wrong_bpm: int, wrong_s: int) -> None:
        rates_bpm = [wrong_bpm if 200 <= at < 200 + wrong_s else 70 + at % 2 for at in range(400)]
        readings = read(_WATCH, [sent(at + 0.02, bpm) for at, bpm in enumerate(rates_bpm)])
        assert only(SpikeEnded, readings) == []
        rates = only(HeartRateReading, readings)
        assert len(rates) >= 390
        assert all(69 <= rate.heart_rate_bpm <= 72 for rate in rates)

    def test_a_jump_that_holds_is_believed(self) -> None:
        rates_bpm = [110 if at >= 200 else 70 for at in range(260)]
        readings = read(_WATCH, [sent(at + 0.02, bpm) for at, bpm in enumerate(rates_bpm)])
        assert only(HeartRateReading, readings)[-1].heart_rate_bpm == pytest.approx(110, abs=1)
        assert len(only(SpikeEnded, readings)) == 1
