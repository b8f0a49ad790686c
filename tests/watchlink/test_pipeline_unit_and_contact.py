"""What the pipeline finds out about a wearable while it listens: the unit of its intervals, and its contact."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import takewhile

import pytest

from firmware_profiles.heart_rate_service import Contact, HeartRateMeasurement, encode
from firmware_profiles.profiles import RrUnit, load_profiles
from watchlink.packets import Discarded, DiscardReason, LinkChange, LinkState, Notification
from watchlink.pipeline import Pipeline
from watchlink.readings import BeatReading, ContactReading, Duplicate, Late, Reading, RrUnitReading
from watchlink.sources.virtual.heart import Heart, Temperament
from watchlink.sources.virtual.sensor import Truth, emissions
from watchlink.unit_audit import RrUnitVerdict

_STRAP = load_profiles()["polar-h10"]
_MINUTE_US = 60_000_000


def _heard(
    unit: RrUnit, profile: str, *, minutes: int = 10, expecting: RrUnit = RrUnit.AUDIT
) -> tuple[Truth, list[Reading]]:
    chance = random.Random(5)
    heart = Heart(chance=chance, temperament=Temperament.drawn_from(chance), stretches=(), responses=())
    truth = Truth(responses=())
    sent = emissions(heart=heart, behaviour=replace(_STRAP.virtual, rr_unit=unit), chance=chance, truth=truth)
    pipe = Pipeline(person="Heron", profile=replace(load_profiles()[profile], rr_unit=expecting))
    readings: list[Reading] = []
    for emission in takewhile(lambda one: one.at_us < minutes * _MINUTE_US, sent):
        readings += pipe.push(Notification(at_us=emission.at_us, wearable="w1", payload=emission.payload))
    return truth, readings


@pytest.mark.parametrize(
    ("unit", "verdict"),
    [(RrUnit.TICKS, RrUnitVerdict.TICKS), (RrUnit.MILLISECONDS, RrUnitVerdict.MILLISECONDS)],
)
@pytest.mark.parametrize("expecting", [RrUnit.AUDIT, RrUnit.MILLISECONDS])
def test_whatever_was_expected_the_unit_that_is_sent_is_found_told_once_and_used(
    unit: RrUnit, verdict: RrUnitVerdict, expecting: RrUnit
) -> None:
    truth, readings = _heard(unit, "generic", expecting=expecting)
    (told,) = [reading for reading in readings if isinstance(reading, RrUnitReading)]
    assert told.unit is verdict
    assert told.at_us < 2 * _MINUTE_US
    since_s = told.at_us / 1e6 + 10
    beats = [one for one in readings if isinstance(one, BeatReading) and one.at_s > since_s and not one.corrected]
    mean_ms = sum(beat.nn_ms for beat in beats) / len(beats)
    true_s = [at_s for at_s in truth.beats_s if since_s < at_s < beats[-1].at_s]
    assert mean_ms == pytest.approx(1000 * (true_s[-1] - true_s[0]) / (len(true_s) - 1), rel=0.004)


def test_a_profile_that_knows_the_unit_is_believed() -> None:
    _, readings = _heard(RrUnit.TICKS, "polar-h10", expecting=RrUnit.TICKS)
    assert not [reading for reading in readings if isinstance(reading, RrUnitReading)]


def _contact(profile: str, said: str, *, every_us: int = 1_000_000) -> list[ContactReading]:
    """A report a second, `+` with contact, `-` without, `?` where it is not supported."""
    pipe = Pipeline(person="Heron", profile=load_profiles()[profile])
    kinds = {"+": Contact.PRESENT, "-": Contact.ABSENT, "?": Contact.NOT_SUPPORTED}
    readings: list[Reading] = []
    for number, letter in enumerate(said):
        payload = encode(HeartRateMeasurement.of(heart_rate_bpm=60, contact=kinds[letter], rr_ticks=(1024,)))
        readings += pipe.push(Notification(at_us=number * every_us, wearable="w1", payload=payload))
    return [reading for reading in readings if isinstance(reading, ContactReading)]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("+++++", [(0, True)]),
        ("-----", [(0, False)]),
        ("?????", []),
        ("++-+-++", [(0, True)]),  # it flickers
        ("++--+", [(0, True)]),
        ("++---", [(0, True), (4, False)]),
        ("++---+--+++", [(0, True), (4, False), (10, True)]),
    ],
)
def test_contact_is_told_once_it_has_held_for_two_seconds(said: str, told: list[tuple[int, bool]]) -> None:
    assert [(one.at_us // 1_000_000, one.present) for one in _contact("polar-h7", said)] == told


def test_contact_bits_that_cannot_be_believed_tell_nothing() -> None:
    assert not load_profiles()["polar-h10"].contact_reliable
    assert _contact("polar-h10", "++-----") == []


def test_what_was_discarded_is_counted_and_is_no_measurement() -> None:
    pipe = Pipeline(person="Heron", profile=_STRAP)
    for reason, kind in ((DiscardReason.LATE, Late), (DiscardReason.DUPLICATE, Duplicate)):
        packet = Discarded(at_us=7, wearable="w1", payload=b"\x10\x3c\x00\x04", reason=reason)
        assert pipe.push(packet) == (kind(person="Heron", at_us=7),)


@pytest.mark.parametrize("state", [LinkState.LOST, LinkState.STALLED])
def test_a_link_that_is_lost_or_silent_breaks_the_chain_of_beats(state: LinkState) -> None:
    pipe = Pipeline(person="Heron", profile=_STRAP)
    readings: list[Reading] = []
    for second in range(1, 41):
        if second == 20:
            readings += pipe.push(LinkChange(at_us=second * 1_000_000 - 1, wearable="w1", state=state))
        readings += pipe.push(Notification(at_us=second * 1_000_000, wearable="w1", payload=b"\x10\x3c\x00\x04"))
    gaps = [beat.at_s for beat in readings if isinstance(beat, BeatReading) and beat.gap_before]
    assert len(gaps) == 1
    assert 19 <= gaps[0] <= 20
