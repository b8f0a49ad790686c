"""The audit of the RR unit against virtual sensors whose unit, losses and missed beats are known."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles.heart_rate_service import decode
from firmware_profiles.profiles import RrUnit, load_profiles
from watchlink.sources.virtual.heart import Activity, Heart, Stretch, Temperament
from watchlink.sources.virtual.sensor import Truth, emissions
from watchlink.unit_audit import RrUnitAuditor, RrUnitVerdict, UnitAudit

_RIGHT = {RrUnit.TICKS: RrUnitVerdict.TICKS, RrUnit.MILLISECONDS: RrUnitVerdict.MILLISECONDS}
_US = 1_000_000


def _reports(
    seed: int, unit: RrUnit, *, seconds: float, profile: str, lost_pct: float, missed_pct: float, activity: Activity
) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Arrivals and words of a wearable that is joined some time after it was put on."""
    chance, losing = random.Random(f"{seed}"), random.Random(f"{seed} losses")
    behaviour = replace(
        load_profiles()[profile].virtual, rr_unit=unit, drops_beats_pct=missed_pct, reports_contact=False
    )
    heart = Heart(
        chance=random.Random(f"{seed} heart"),
        temperament=Temperament.drawn_from(chance),
        stretches=[Stretch(start_s=0, activity=activity)],
        responses=[],
    )
    since_us = round(chance.uniform(5, 60) * _US)
    for emission in emissions(heart=heart, behaviour=behaviour, chance=chance, truth=Truth(responses=())):
        if emission.at_us > since_us + seconds * _US:
            return
        if emission.at_us >= since_us and losing.random() >= lost_pct / 100:
            yield emission.at_us, decode(emission.payload).rr_ticks


def _audit(reports: Iterator[tuple[int, tuple[int, ...]]]) -> UnitAudit:
    auditor = RrUnitAuditor()
    for at_us, words in reports:
        auditor.push(at_us=at_us, rr_words=words)
    return auditor.verdict()


@pytest.mark.parametrize(
    ("seconds", "profile", "lost_pct", "missed_pct", "activity", "told_pct"),
    [
        (30, "polar-h10", 0, 0, Activity.SILENT, 70),
        (30, "polar-h10", 1, 0, Activity.LISTEN, 60),
        (60, "polar-h10", 1, 0, Activity.LISTEN, 90),
        (120, "polar-h10", 3, 0, Activity.LISTEN, 95),
        (60, "scosche-rhythm24", 1, 0, Activity.SILENT, 85),
        (60, "garmin-hrm-dual", 1, 0, Activity.LISTEN, 90),
        # Missed beats: it may stay silent, it must not be wrong.
        (30, "scosche-rhythm24", 2, 3, Activity.TALK, 0),
        (60, "polar-h10", 2, 1, Activity.TALK, 0),
        (120, "polar-h10", 2, 8, Activity.MOVE, 0),
    ],
)
def test_the_unit_is_mostly_told_and_never_the_wrong_one(
    seconds: float, profile: str, lost_pct: float, missed_pct: float, activity: Activity, told_pct: float
) -> None:
    runs = 30
    outcomes: Counter[str] = Counter()
    for unit, right in _RIGHT.items():
        for seed in range(runs):
            found = _audit(
                _reports(
                    seed,
                    unit,
                    seconds=seconds,
                    profile=profile,
                    lost_pct=lost_pct,
                    missed_pct=missed_pct,
                    activity=activity,
                )
            )
            kind = "told" if found.unit is right else str(found.unit)
            outcomes[kind] += 1
            if found.unit is right:
                assert found.words_per_s is not None
                assert found.uncertainty_words_per_s is not None
    assert set(outcomes) <= {"told", RrUnitVerdict.UNDETERMINED}
    assert outcomes["told"] >= told_pct / 100 * 2 * runs


def test_the_uncertainty_covers_the_truth_and_shrinks() -> None:
    widths: list[float] = []
    for seconds in (40, 160):
        errors: list[float] = []
        for seed in range(20):
            found = _audit(
                _reports(
                    seed,
                    RrUnit.TICKS,
                    seconds=seconds,
                    profile="polar-h10",
                    lost_pct=0,
                    missed_pct=0,
                    activity=Activity.SILENT,
                )
            )
            if found.words_per_s is None or found.uncertainty_words_per_s is None:
                continue
            errors.append(abs(found.words_per_s - 1024) / found.uncertainty_words_per_s)
            widths.append(found.uncertainty_words_per_s)
        assert max(errors) < 4
        assert sum(error < 2 for error in errors) > 0.9 * len(errors)
    assert sum(widths[-10:]) < 0.7 * sum(widths[:10])


@pytest.mark.parametrize("words", [1024, 1000])
def test_a_metronome_is_told_rightly_or_not_at_all(words: int) -> None:
    auditor = RrUnitAuditor()
    for second in range(31):
        beats = 4 if second % 3 == 0 else 2 if second % 3 == 1 else 3  # 3 a second, each a third of its words
        auditor.push(at_us=second * _US + 400_000, rr_words=[words // 3] * beats)
    assert auditor.verdict().unit in (
        RrUnitVerdict.TICKS if words == 1024 else RrUnitVerdict.MILLISECONDS,
        RrUnitVerdict.UNDETERMINED,
    )


def test_nothing_short_lost_or_without_intervals_decides() -> None:
    auditor = RrUnitAuditor()
    assert auditor.verdict() == UnitAudit(
        unit=RrUnitVerdict.UNDETERMINED, words_per_s=None, uncertainty_words_per_s=None, used_s=0.0, unfit_s=0.0
    )
    for second in range(200):  # a wearable that sends its rate alone
        auditor.push(at_us=second * _US, rr_words=())
    assert auditor.verdict().used_s == 0
    for second in range(200, 400):  # a report is lost every ten seconds
        if second % 10:
            auditor.push(at_us=second * _US, rr_words=(1024,))
    assert auditor.verdict().used_s == 0
    for second in range(400, 600):  # the link is lost every fifteen
        auditor.push(at_us=second * _US, rr_words=(1024,))
        if second % 15 == 0:
            auditor.break_off()
    assert auditor.verdict().unit is RrUnitVerdict.UNDETERMINED


def test_asking_for_the_verdict_changes_nothing() -> None:
    def reports() -> Iterator[tuple[int, tuple[int, ...]]]:
        return _reports(
            3,
            RrUnit.TICKS,
            seconds=70,
            profile="polar-h10",
            lost_pct=1,
            missed_pct=0,
            activity=Activity.LISTEN,
        )

    auditor = RrUnitAuditor()
    for at_us, words in reports():
        auditor.push(at_us=at_us, rr_words=words)
        auditor.verdict()
    assert auditor.verdict() == _audit(reports())


@given(
    reports=st.lists(
        st.tuples(st.integers(0, 3 * _US), st.lists(st.integers(0, 0xFFFF), max_size=9)), min_size=1, max_size=60
    )
)
def test_whatever_arrives_it_answers(reports: list[tuple[int, list[int]]]) -> None:
    auditor, at_us = RrUnitAuditor(), 0
    for pause_us, words in reports:
        at_us += pause_us
        auditor.push(at_us=at_us, rr_words=words)
    found = auditor.verdict()
    assert found.used_s >= 0
    assert (found.words_per_s is None) == (found.uncertainty_words_per_s is None) == (found.used_s == 0)
