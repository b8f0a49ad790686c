"""Which events may belong to a spike, in which order, and how likely that is by luck alone."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchlink.alignment import Association, associate, concerns
from watchlink.packets import EventKind, SessionEvent


def _event(at_s: float, kind: EventKind = EventKind.MARK, *, person: str | None = None) -> SessionEvent:
    return SessionEvent(at_us=round(at_s * 1_000_000), kind=kind, label="x", person=person)


def _associate(onset_s: float, events: Sequence[SessionEvent], *, duration_s: float = 3600) -> tuple[Association, ...]:
    return associate(onset_s=onset_s, person="Heron", events=events, duration_s=duration_s)


@pytest.mark.parametrize(
    ("lag_s", "fits"),
    [(-30, False), (-2.001, False), (-2, True), (0, True), (5, True), (30, True), (30.001, False), (300, False)],
)
def test_an_event_fits_from_two_seconds_after_to_thirty_before_the_onset(lag_s: float, fits: bool) -> None:
    found = _associate(100, [_event(100 - lag_s)])
    assert [association.lag_s for association in found] == ([pytest.approx(lag_s)] if fits else [])


@pytest.mark.parametrize(
    ("kind", "person", "theirs"),
    [
        (EventKind.MARK, "Heron", True),
        (EventKind.MARK, None, True),
        (EventKind.MARK, "Otter", False),
        (EventKind.BLOCK, None, True),
        (EventKind.ROLE, "Heron", True),
        (EventKind.ROLE, "Otter", False),
        (EventKind.ROLE, None, False),
    ],
)
def test_an_event_concerns_whom_it_is_marked_on_or_everybody_but_a_turn_only_its_speaker(
    kind: EventKind, person: str | None, theirs: bool
) -> None:
    event = _event(98, kind, person=person)
    assert concerns(event, "Heron") is theirs
    assert [association.event for association in _associate(100, [event])] == ([event] if theirs else [])


def test_nothing_is_associated_where_nothing_fits() -> None:
    assert _associate(100, []) == ()
    assert _associate(100, [_event(50), _event(150), _event(99, person="Otter")]) == ()


def test_the_nearest_event_before_the_onset_comes_first() -> None:
    events = [_event(75), _event(99), _event(90), _event(99.5)]
    assert [association.lag_s for association in _associate(100, events)] == [0.5, 1.0, 10.0, 25.0]


@pytest.mark.parametrize(("near_s", "far_s"), [(0.5, -1.5), (0.0, -2.0), (1.0, -1.9), (-0.1, 1.0), (-1.0, 5.0)])
def test_the_nearest_event_comes_first_also_where_one_was_marked_after_the_onset(near_s: float, far_s: float) -> None:
    events = [_event(100 - near_s), _event(100 - far_s)]
    assert [association.lag_s for association in _associate(100, events)] == pytest.approx([near_s, far_s])


@pytest.mark.parametrize("lag_s", [0.5, 1.0, 2.0])
def test_an_event_marked_after_the_onset_is_no_surer_than_one_as_far_before_it(lag_s: float) -> None:
    (before,), (after,) = (_associate(100, [_event(100 - lag)]) for lag in (lag_s, -lag_s))
    assert after.by_luck >= before.by_luck > 0


def test_events_at_the_same_time_keep_their_order() -> None:
    events = [_event(95, person="Heron"), _event(95, EventKind.ROLE, person="Heron"), _event(95)]
    assert [association.event for association in _associate(100, events)] == events


def test_the_odds_of_luck_are_those_of_events_at_random() -> None:
    """Of three events that concern a person in an hour, one within the five seconds before and the two after."""
    events = [_event(0), _event(95), _event(1000), _event(2000, person="Otter")]
    (found,) = _associate(100, events)
    assert found.by_luck == pytest.approx(1 - exp(-3 / 3600 * (5 + 2)))


def test_the_busier_the_session_was_for_this_person_the_likelier_is_luck() -> None:
    odds = [
        _associate(100, [_event(95), *(_event(1000 + number) for number in range(others))])[0].by_luck
        for others in (0, 1, 10, 100, 1000)
    ]
    assert odds == sorted(set(odds))
    assert 0 < odds[0] < 0.01
    assert odds[-1] > 0.8


def test_a_longer_session_with_as_many_events_makes_luck_less_likely() -> None:
    odds = [_associate(100, [_event(95)], duration_s=duration_s)[0].by_luck for duration_s in (120, 600, 7200)]
    assert odds == sorted(set(odds), reverse=True)


def test_what_was_marked_on_others_changes_no_odds() -> None:
    alone = _associate(100, [_event(95)])
    assert _associate(100, [_event(95), *(_event(96, person="Otter") for _ in range(50))]) == alone


@given(
    onset_s=st.floats(0, 7200),
    at_s=st.lists(st.floats(0, 7200), max_size=60),
    person=st.sampled_from([None, "Heron", "Otter"]),
)
def test_odds_are_probabilities_and_the_first_association_has_the_best(
    onset_s: float, at_s: list[float], person: str | None
) -> None:
    found = _associate(onset_s, [_event(at, person=person) for at in at_s], duration_s=7200)
    odds = [association.by_luck for association in found]
    assert odds == sorted(odds)
    assert all(0 <= chance < 1 for chance in odds)
    assert all(-2 - 1e-9 <= association.lag_s <= 30 + 1e-9 for association in found)
