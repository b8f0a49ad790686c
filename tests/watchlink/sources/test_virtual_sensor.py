"""The faults of real firmware, imitated one by one: each does what it says, and nothing else to the same seed."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise, takewhile

import pytest

from firmware_profiles.heart_rate_service import RR_TICKS_PER_S, Contact, HeartRateMeasurement, decode
from firmware_profiles.profiles import RrUnit, VirtualBehaviour, load_profiles
from watchlink.sources.virtual.heart import Heart, Temperament
from watchlink.sources.virtual.sensor import Truth, emissions
from watchlink.sources.virtual.wearable import Emission

_STRAP = replace(load_profiles()["polar-h10"].virtual, reports_contact=True)
_UNTIL_S = 1800


def _sent(behaviour: VirtualBehaviour, *, until_s: float = _UNTIL_S) -> list[Emission]:
    heart = Heart(
        chance=random.Random(1), temperament=Temperament.drawn_from(random.Random(2)), stretches=(), responses=()
    )
    sent = emissions(heart=heart, behaviour=behaviour, chance=random.Random(3), truth=Truth(responses=()))
    return list(takewhile(lambda emission: emission.at_us <= until_s * 1e6, sent))


def _decoded(behaviour: VirtualBehaviour, *, until_s: float = _UNTIL_S) -> list[HeartRateMeasurement]:
    return [decode(emission.payload) for emission in _sent(behaviour, until_s=until_s)]


def _sum_rr(measurements: list[HeartRateMeasurement]) -> int:
    return sum(sum(measurement.rr_ticks) for measurement in measurements)


@pytest.mark.parametrize(("unit", "per_s"), [(RrUnit.TICKS, RR_TICKS_PER_S), (RrUnit.MILLISECONDS, 1000)])
def test_intervals_laid_end_to_end_tell_the_unit(unit: RrUnit, per_s: int) -> None:
    """What an audit looks for: the words of a minute add up to 1024 or to 1000 a second."""
    told = _sum_rr(_decoded(replace(_STRAP, rr_unit=unit, reports_contact=False))) / _UNTIL_S
    assert told == pytest.approx(per_s, rel=0.01)
    assert abs(told - per_s) < 12


def test_the_wearable_that_sends_milliseconds_does_so() -> None:
    profile = load_profiles()["whoop-5"]
    assert profile.rr_unit is profile.virtual.rr_unit is RrUnit.MILLISECONDS
    assert {p.id for p in load_profiles().values() if p.virtual.rr_unit is not RrUnit.TICKS} == {"whoop-5"}


def test_a_bogus_interval_stands_behind_true_ones_and_changes_nothing_else() -> None:
    plain, bogus = _decoded(_STRAP), _decoded(replace(_STRAP, bogus_rr_ticks=53))
    assert len(plain) == len(bogus)
    slipped_in = [b for a, b in zip(plain, bogus, strict=True) if a.rr_ticks != b.rr_ticks]
    assert len(slipped_in) > _UNTIL_S / 40
    for measurement, true in zip(bogus, plain, strict=True):
        assert measurement.rr_ticks in (true.rr_ticks, (*true.rr_ticks, 53))
        assert measurement.rr_ticks != (53,)


def test_the_bogus_interval_of_a_shipped_strap_is_shorter_than_what_its_profile_lets_pass() -> None:
    profile = load_profiles()["garmin-hrm-dual"]
    assert 0 < profile.virtual.bogus_rr_ticks * 1000 / RR_TICKS_PER_S < profile.min_rr_ms


def test_contact_that_lies_is_never_absent_though_beats_are_missing() -> None:
    """Contact is lost once or twice an hour."""
    honest, lying = (_decoded(replace(_STRAP, contact_lies=lies), until_s=7200) for lies in (False, True))
    assert {measurement.contact for measurement in honest} == {Contact.PRESENT, Contact.ABSENT}
    assert {measurement.contact for measurement in lying} == {Contact.PRESENT}
    unseen = [b for a, b in zip(honest, lying, strict=True) if a.contact is Contact.ABSENT]
    assert sum(not measurement.rr_ticks for measurement in unseen) > len(unseen) / 2


def test_a_report_sent_twice_has_the_same_bytes_within_a_radio_event() -> None:
    sent = _sent(replace(_STRAP, repeats_reports_pct=10))
    pairs = [(a, b) for a, b in pairwise(sent) if b.at_us - a.at_us < 100_000]
    assert 0.07 < len(pairs) / len(sent) < 0.12
    assert all(a.payload == b.payload for a, b in pairs)
    assert all(a.at_us < b.at_us for a, b in pairwise(sent))
