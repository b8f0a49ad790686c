"""The short test of one wearable: what it makes of packets, without a radio."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from firmware_profiles.heart_rate_service import Contact, HeartRateMeasurement, encode
from firmware_profiles.profiles import load_profiles
from watchlink.packets import Attribute, AttributeRead, LinkChange, LinkState, Notification, Seat
from watchlink.readings import Grade
from watchlink.trial import ContactSeen, Trial, TrialVerdict

_US = 1_000_000


def _tried(
    seconds: Iterable[int],
    *,
    profile: str = "polar-h10",
    rr: tuple[int, ...] = (1024,),
    rate_bpm: int = 60,
    until_s: int = 30,
    contact: Contact = Contact.NOT_SUPPORTED,
) -> TrialVerdict:
    trial = Trial(profile=load_profiles()[profile], name="X")
    trial.take(Seat(at_us=0, person="Heron", wearable="w1", profile=profile))
    payload = encode(
        HeartRateMeasurement.of(heart_rate_bpm=rate_bpm, contact=contact, energy_expended_kj=None, rr_ticks=rr)
    )
    for second in seconds:
        trial.take(Notification(at_us=second * _US, wearable="w1", payload=payload))
    return trial.end(until_s * _US)


@pytest.mark.parametrize(
    ("profile", "rr", "grade"),
    [
        ("polar-h10", (1024,), Grade.BEAT),
        ("scosche-rhythm24", (1024,), Grade.PULSE),
        ("generic", (1024,), Grade.PULSE),
        ("generic", (), Grade.RATE),
        ("polar-verity-sense", (), Grade.RATE),
        ("wahoo-tickr-fit", (1024,), Grade.RATE),
    ],
)
def test_a_steady_wearable_is_ready_with_the_grade_that_a_session_gives_it(
    profile: str, rr: tuple[int, ...], grade: Grade
) -> None:
    verdict = _tried(range(30), profile=profile, rr=rr)
    assert (verdict.grade, verdict.enough, verdict.good_pct > 95) == (grade, True, True)
    assert (verdict.lowest_bpm, verdict.highest_bpm) == (60, 60)


def test_holes_and_an_early_end_count_against_it() -> None:
    assert _tried(range(30), rr=(), profile="garmin-watch").good_pct == 100
    assert _tried(range(15), rr=(), profile="garmin-watch").good_pct == 50
    assert _tried([s for s in range(30) if s % 5], rr=(), profile="garmin-watch").good_pct == 83
    assert not _tried(range(15)).enough


def test_too_little_is_no_grade_and_nothing_is_nothing() -> None:
    few = _tried(range(3), profile="generic", rr=())
    assert (few.grade, few.enough) == (None, False)
    nothing = _tried(())
    assert (nothing.grade, nothing.enough, nothing.reports, nothing.good_pct) == (None, False, 0, 0)
    waiting = _tried(range(30), rate_bpm=0, rr=())  # not on the skin yet
    assert (waiting.reports, waiting.lowest_bpm, waiting.enough) == (0, None, False)


@pytest.mark.parametrize(
    ("profile", "contact", "seen"),
    [
        ("polar-h7", Contact.PRESENT, ContactSeen.HELD),
        ("polar-h7", Contact.ABSENT, ContactSeen.NEVER),
        ("polar-h7", Contact.NOT_SUPPORTED, ContactSeen.NOT_TOLD),
        ("polar-h10", Contact.ABSENT, ContactSeen.DOUBTFUL),
    ],
)
def test_contact_is_told_as_far_as_it_can_be_believed(profile: str, contact: Contact, seen: ContactSeen) -> None:
    assert _tried(range(30), profile=profile, contact=contact).contact is seen


def test_what_it_says_of_itself_beats_its_name() -> None:
    trial = Trial(profile=load_profiles()["generic"], name="X")
    trial.take(Seat(at_us=0, person="Heron", wearable="w1", profile="generic"))
    for attribute, payload in (
        (Attribute.MANUFACTURER_NAME, b"Polar Electro Oy\0"),
        (Attribute.MODEL_NUMBER, b"H10\xff\0"[:3]),
        (Attribute.BATTERY_LEVEL, b"\x37"),
    ):
        trial.take(AttributeRead(at_us=1, wearable="w1", attribute=attribute, payload=payload))
    assert trial.described_as().id == "polar-h10"
    trial.take(LinkChange(at_us=2, wearable="w1", state=LinkState.LOST))
    verdict = trial.end(3)
    assert (verdict.battery_pct, verdict.losses) == (55, 0)  # a link that never gave anything was not lost
