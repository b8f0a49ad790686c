"""Pages of evidence: what one log says of each person, computed by the pipeline that everything goes through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from math import log
from pathlib import Path
from typing import Final

import pytest

from dsp import Verdict
from firmware_profiles.heart_rate_service import Contact, HeartRateMeasurement, encode
from watchlink.archive import Archive, SessionKind
from watchlink.commands.evidence import evidence_of
from watchlink.evidence import Evidence, Rest, gather
from watchlink.measures import Measure, Primary
from watchlink.packets import (
    EventKind,
    Notification,
    Packet,
    Planned,
    Purpose,
    Role,
    Seat,
    SelfReport,
    SessionEvent,
    Sharing,
)
from watchlink.programme import Recorded, cohort_progress, person_progress
from watchlink.readings import Grade
from watchlink.sources.virtual.programme import programme

_STARTED_AT: Final = datetime(2026, 9, 7, 18, tzinfo=UTC)


def _reports(wearable: str, *, since_s: int, until_s: int, bpm: int, rr: bool = True) -> list[Packet]:
    """A report a second, of one interval each that alternates by 20 ms."""
    packets: list[Packet] = []
    for second in range(since_s, until_s):
        ticks = (round((60_000 / bpm + (10 if second % 2 else -10)) * 1.024),) if rr else ()
        payload = encode(
            HeartRateMeasurement.of(
                heart_rate_bpm=bpm, contact=Contact.NOT_SUPPORTED, energy_expended_kj=None, rr_ticks=ticks
            )
        )
        packets.append(Notification(at_us=second * 1_000_000 + 500_000, wearable=wearable, payload=payload))
    return packets


def _silence(person: str = "Heron", *, profile: str = "polar-h10", rr: bool = True, bpm: int = 60) -> list[Packet]:
    return [
        Seat(at_us=0, person=person, wearable="w1", profile=profile),
        SessionEvent(at_us=1, kind=EventKind.BLOCK, label="baseline", note="Silent baseline"),
        *_reports("w1", since_s=0, until_s=210, bpm=bpm, rr=rr),
    ]


def _only(pages: dict[str, Evidence]) -> Evidence:
    (page,) = pages.values()
    return page


def test_a_silent_baseline_of_a_strap_gives_heart_rate_and_rmssd_of_the_time_after_settling() -> None:
    (rest,) = _only(gather(_silence()).pages).rests
    assert (rest.since_s, rest.fault, rest.variability_fault) == (pytest.approx(30.0, abs=0.01), "", "")
    assert rest.heart_rate_bpm == pytest.approx(60, abs=0.5)
    assert rest.rmssd_ms == pytest.approx(20, abs=0.5)
    assert 170 <= rest.beats <= 180


def test_a_watch_without_intervals_gives_a_resting_heart_rate_and_says_why_there_is_no_rmssd() -> None:
    page = _only(gather(_silence(profile="garmin-watch", rr=False, bpm=72)).pages)
    (rest,) = page.rests
    assert page.grade is Grade.RATE
    assert rest.heart_rate_bpm == pytest.approx(72)
    assert (rest.fault, rest.rmssd_ms) == ("", None)
    assert "no usable intervals" in rest.variability_fault


def test_a_baseline_of_which_half_is_missing_is_not_used_and_says_so() -> None:
    packets = [one for one in _silence() if not (isinstance(one, Notification) and 90e6 < one.at_us < 190e6)]
    (rest,) = _only(gather(packets).pages).rests
    assert rest.heart_rate_bpm is None
    assert "the heart rate is known in" in rest.fault


def test_many_corrected_intervals_refuse_a_strap_and_leave_an_optical_sensor_its_heart_rate() -> None:
    rest = Rest(
        kind="baseline",
        since_s=30,
        until_s=210,
        heart_rate_bpm=60,
        known_pct=100,
        rmssd_ms=40,
        beats=180,
        corrected_pct=12,
        hrv_absent_because="",
    )
    assert rest.fault == rest.variability_fault == "12 % of the intervals had to be corrected, more than 5 %"
    optical = replace(rest, pulse=True)
    assert (optical.fault, optical.variability_fault) == ("", rest.variability_fault)


def test_a_page_is_of_its_owner_whatever_others_may_see_and_says_what_they_may() -> None:
    sharing = Sharing(at_us=0, person="Heron", purposes=frozenset({Purpose.RISES}), wording="1:x")
    packets = [sharing, SelfReport(at_us=0, person="Heron", item="sleep", answer="6"), *_silence()]
    page = _only(gather(packets).pages)
    assert page.shares == frozenset({Purpose.RISES})
    assert page.rests[0].heart_rate_bpm is not None
    assert page.self_reports == {"sleep": "6"}


def test_who_shares_and_is_not_there_has_a_page_without_reports() -> None:
    absent = Sharing(at_us=0, person="Otter", purposes=frozenset(), wording="1:x")
    pages = gather([absent, *_silence()]).pages
    assert (pages["Otter"].reports, pages["Otter"].rests[0].heart_rate_bpm) == (0, None)


def test_an_answer_knows_the_role_the_block_and_whether_the_scenario_was_new() -> None:
    plan = '[[block]]\nkind = "role-play"\ntitle = "Play"\nminutes = 5\nnew_in_weeks = [2]\n'
    packets = [
        Planned(at_us=0, text=plan, week=2),
        Seat(at_us=0, person="Heron", wearable="w1", profile="polar-h10"),
        SessionEvent(at_us=1, kind=EventKind.BLOCK, label="role-play", note="Play"),
        SessionEvent(at_us=2, kind=EventKind.ROLE, label="speaker", person="Heron"),
        *_reports("w1", since_s=0, until_s=120, bpm=60),
        SessionEvent(at_us=120_000_000, kind=EventKind.MARK, label="escalation", person="Heron"),
        *_reports("w1", since_s=121, until_s=240, bpm=75),
    ]
    page = _only(gather(packets).pages)
    (answer,) = page.answers
    assert (answer.label, answer.role, answer.block, answer.unseen) == ("escalation", Role.SPEAKER, "Play", True)
    assert answer.change_bpm == pytest.approx(14, abs=1.5)  # of a step of 15, smoothed
    assert sum(spell.seconds for spell in page.exposures if spell.role is Role.SPEAKER) == pytest.approx(226, abs=15)


def test_pages_are_kept_in_the_archive_and_computed_anew_when_the_log_grows(tmp_path: Path) -> None:
    with Archive(tmp_path / "a.sqlite3") as archive:
        recorder = archive.begin(title="t", started_at=_STARTED_AT)
        for packet in _silence():
            recorder.accept(packet)
        recorder.close()
        stored = archive.session(1)
        first = evidence_of(archive, stored)
        assert archive.evidence(1, by="1") is not None
        assert evidence_of(archive, stored) == first
        archive.add(1, [SelfReport(at_us=9, person="Heron", item="rating-after", answer="4")])
        assert archive.evidence(1, by="1") is None
        assert evidence_of(archive, archive.session(1))["Heron"].self_reports == {"rating-after": "4"}


def test_pages_of_an_archive_that_is_only_read_are_computed(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite3"
    with Archive(path) as archive:
        recorder = archive.begin(title="t", started_at=_STARTED_AT)
        for packet in _silence():
            recorder.accept(packet)
        recorder.close()
    with Archive(path, read_only=True) as archive:
        assert set(evidence_of(archive, archive.session(1))) == {"Heron"}


@pytest.fixture(scope="module")
def eight_weeks() -> dict[str, list[Recorded]]:
    """The baselines of a virtual programme of two, and one session."""
    made = programme(people=2, seed=3, ended_on=date(2026, 11, 20))
    people: dict[str, list[Recorded]] = {"Heron": [], "Otter": []}
    sessions = 0
    for number, recording in enumerate(made.recordings, 1):
        sessions += not recording.baseline
        if not recording.baseline and sessions > 2:
            continue
        kind = SessionKind.BASELINE if recording.baseline else SessionKind.SESSION
        for person, page in gather(recording.packets()).pages.items():
            people[person].append(
                Recorded(number=number, kind=kind, started_at=recording.started_at, week=recording.week, page=page)
            )
    return people


def test_a_programme_says_what_there_is_before_what_changed(eight_weeks: dict[str, list[Recorded]]) -> None:
    recorded = eight_weeks["Heron"]
    sessions = {one.number: one.week for one in recorded if one.kind is SessionKind.SESSION} | {999: 8}
    primary = Primary(measure=Measure.RESTING_HEART_RATE, label="", declared_on=date(2026, 9, 1))
    progress = person_progress("Heron", recorded, primary=primary, sessions=sessions)
    whole = progress.completeness
    assert (whole.sessions, whole.attended, whole.missed_weeks) == (3, 2, (8,))
    assert whole.baselines == sum(one.kind is SessionKind.BASELINE for one in recorded)
    assert progress.measures[0].measure is Measure.RESTING_HEART_RATE
    assert [one.primary for one in progress.measures] == [True, False, False, False]
    resting = progress.measures[0]
    assert len(resting.points) == whole.usable
    assert min(point.at_week for point in resting.points) < 1 <= max(point.at_week for point in resting.points)
    assert resting.trend.verdict in tuple(Verdict)
    assert resting.trend.smallest_per_week is not None
    assert primary.digest in progress.declared


def test_variability_of_a_programme_is_the_logarithm_of_its_baselines(eight_weeks: dict[str, list[Recorded]]) -> None:
    progress = person_progress("Heron", eight_weeks["Heron"], primary=None, sessions={})
    (one,) = [one for one in progress.measures if one.measure is Measure.RESTING_VARIABILITY]
    rests = [rest for item in eight_weeks["Heron"] if item.kind is SessionKind.BASELINE for rest in item.page.rests]
    assert [point.value for point in one.points] == [
        log(rest.rmssd_ms) for rest in rests if rest.rmssd_ms and not rest.variability_fault
    ]


def _with_shares(recorded: Sequence[Recorded], shares: frozenset[Purpose] | None) -> list[Recorded]:
    return [replace(one, page=replace(one.page, shares=shares)) for one in recorded]


@pytest.mark.parametrize("people", [4, 5, 6])
def test_a_cohort_is_told_of_from_five_people_on_and_has_a_verdict_from_six(
    eight_weeks: dict[str, list[Recorded]], people: int
) -> None:
    everybody = {f"P{number}": _with_shares(eight_weeks["Heron"], frozenset(Purpose)) for number in range(people)} | {
        "Private": _with_shares(eight_weeks["Otter"], frozenset()),
        "Unasked": _with_shares(eight_weeks["Otter"], None),
    }
    progress = cohort_progress("Lions", everybody, primary=None, sessions={})
    (one,) = [one for one in progress.measures if one.measure is Measure.RESTING_HEART_RATE]
    assert one.people == people
    if people < 5:
        assert one.trend is None
        assert "from 5 on" in one.withheld_because
    else:
        assert one.trend is not None
        assert (one.trend.verdict is Verdict.CANNOT_TELL) is (people < 6)


def test_another_wearable_is_another_series(eight_weeks: dict[str, list[Recorded]]) -> None:
    recorded = eight_weeks["Heron"]
    half = len(recorded) // 2
    swapped = recorded[:half] + [replace(one, page=replace(one.page, profile="another")) for one in recorded[half:]]
    progress = person_progress("Heron", swapped, primary=None, sessions={})
    assert progress.completeness.wearables == (recorded[0].page.profile, "another")
    assert {point.series for one in progress.measures for point in one.points} == {0, 1}
