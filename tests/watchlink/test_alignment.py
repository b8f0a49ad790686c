"""Which event may belong to which rise, what marks did, who rose together: by hand, by counting, by simulation."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp import HeartSeconds
from watchlink.alignment import (
    TOGETHER_S,
    associate,
    coincidences,
    concerns,
    explanation,
    followed,
    responses,
)
from watchlink.packets import EventKind, Meaning, SessionEvent


def _event(
    at_s: float,
    label: str = "interruption",
    *,
    kind: EventKind = EventKind.MARK,
    person: str | None = None,
    ago_s: float = 0.0,
    meaning: Meaning = Meaning.PRACTICE,
) -> SessionEvent:
    return SessionEvent(
        at_us=round((at_s + ago_s) * 1e6),
        kind=kind,
        label=label,
        person=person,
        ago_us=round(ago_s * 1e6),
        meaning=meaning,
    )


def _seconds(until_s: int = 3600, *, without: Sequence[tuple[float, float]] = ()) -> HeartSeconds:
    bpm = 70 + np.random.default_rng(1).normal(0, 1, until_s)
    return HeartSeconds.of(np.arange(until_s), bpm, until_s=until_s, without=without)


def _lags(onset_s: float, *events: SessionEvent, person: str = "Heron") -> list[float]:
    found = associate(onset_s=onset_s, person=person, events=events, seconds=_seconds())
    return [round(one.lag_s, 6) for one in found]


@pytest.mark.parametrize(
    ("lag_s", "fits"), [(-300, False), (-5.001, False), (-5, True), (0, True), (30, True), (30.001, False)]
)
def test_an_event_fits_from_five_seconds_after_to_thirty_before_the_onset(lag_s: float, fits: bool) -> None:
    assert bool(_lags(1000, _event(1000 - lag_s))) == fits


@pytest.mark.parametrize(
    ("kind", "person", "own"),
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
def test_an_event_concerns_whom_it_is_marked_on_or_everybody_but_a_role_only_who_takes_it(
    kind: EventKind, person: str | None, own: bool
) -> None:
    event = _event(995, "speaker", kind=kind, person=person)
    assert concerns(event, "Heron") == own
    assert bool(_lags(1000, event)) == own


def test_the_likeliest_lag_comes_first_whatever_the_order_in_the_log() -> None:
    events = [_event(1000 - lag_s) for lag_s in (25, 4, -3, 9, 1)]
    for seed in range(5):
        random.Random(seed).shuffle(events)
        assert _lags(1000, *events) == [4, 1, 9, -3, 25]


def test_a_late_mark_counts_where_it_happened() -> None:
    assert _lags(1000, _event(996, ago_s=60)) == [4]


def test_nothing_is_associated_where_nothing_fits() -> None:
    assert _lags(1000) == []
    assert _lags(1000, _event(100), _event(-20), _event(5000)) == []


@given(
    marks_s=st.lists(st.integers(0, 600), min_size=1, max_size=12),
    lag_s=st.integers(-5, 30),
)
def test_luck_is_the_share_of_the_session_that_lies_as_well(marks_s: list[int], lag_s: int) -> None:
    onset_s = marks_s[0] + lag_s
    events = [_event(at_s) for at_s in marks_s]
    found = associate(onset_s=onset_s, person="Heron", events=events, seconds=_seconds(700))
    for one in found:
        off_s = abs(one.lag_s - 4)
        as_well = [
            any(-5 <= second - at_s <= 30 and abs(second - at_s - 4) <= off_s for at_s in marks_s)
            for second in range(700)
        ]
        assert one.by_luck == pytest.approx(sum(as_well) / 700)
    assert [one.by_luck for one in found] == sorted(one.by_luck for one in found)


def test_seconds_without_a_heart_rate_change_the_odds() -> None:
    events = [_event(100), _event(2000)]
    half = _seconds(without=[(1800, 3600)])
    (whole,) = associate(onset_s=110, person="Heron", events=events, seconds=_seconds())
    (part,) = associate(onset_s=110, person="Heron", events=events, seconds=half)
    assert part.by_luck == pytest.approx(whole.by_luck)  # half of the marks in half of the time


def test_onsets_at_random_are_no_surer_than_their_odds_say() -> None:
    """Of rises that belong to nothing, a twentieth at most may look as if it were 5 % luck."""
    dice = random.Random(3)
    seconds = _seconds(7200)
    events = [_event(dice.uniform(0, 7200)) for _ in range(30)]
    sure = 0
    for _ in range(1000):
        found = associate(onset_s=dice.uniform(0, 7200), person="Heron", events=events, seconds=seconds)
        sure += bool(found) and found[0].by_luck < 0.05
    assert sure <= 70


def test_without_a_heart_rate_nothing_is_sure_and_nothing_breaks() -> None:
    nothing = HeartSeconds.of([], [], until_s=10)
    (one,) = associate(onset_s=5, person="Heron", events=[_event(1)], seconds=nothing)
    assert one.by_luck == 1.0
    assert list(responses({"Heron": nothing}, [_event(1)])) == []
    assert list(followed({"Heron": nothing}, [_event(1)], {})) == []
    assert list(coincidences({"Heron": nothing}, [_event(1)], {"Heron": [5.0]})) == []


# --- what explains a rise --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "explains_it"),
    [
        (_event(1005, "stood-up", person="Heron", meaning=Meaning.BODY), True),
        (_event(960, "stood-up", person="Heron", meaning=Meaning.BODY), True),
        (_event(1016, "stood-up", person="Heron", meaning=Meaning.BODY), False),
        (_event(954, "stood-up", person="Heron", meaning=Meaning.BODY), False),
        (_event(1005, "stood-up", person="Otter", meaning=Meaning.BODY), False),
        (_event(1005, "break", meaning=Meaning.BODY), True),
        (_event(1005, "break", kind=EventKind.BLOCK), True),
        (_event(1005, "feedback", kind=EventKind.BLOCK), False),
        (_event(1005, "trouble", meaning=Meaning.TROUBLE), True),
        (_event(1005, "interruption", person="Heron"), False),
    ],
)
def test_movement_trouble_and_an_own_note_explain_a_rise_beside_them(event: SessionEvent, explains_it: bool) -> None:
    assert (explanation(onset_s=1000, person="Heron", events=[event]) is event) == explains_it
    if explains_it:
        assert _lags(1000, event) == []  # what explains a rise is no candidate for having set it off


def test_the_nearest_explanation_is_told() -> None:
    near, far = (_event(at_s, person="Heron", meaning=Meaning.BODY) for at_s in (1003, 970))
    assert explanation(onset_s=1000, person="Heron", events=[far, near]) is near


# --- responses and what follows a label ------------------------------------------------------------------------------


def test_each_person_has_a_response_to_each_sort_of_mark_that_concerns_them() -> None:
    events = [
        _event(600, "escalation", person="Heron"),
        _event(900, "escalation", person="Heron"),
        _event(1500, "paraphrase"),
        _event(2000, "stood-up", meaning=Meaning.BODY),
        _event(2300, "speaker", kind=EventKind.ROLE, person="Otter"),
    ]
    found = list(responses({"Heron": _seconds(), "Otter": _seconds()}, events))
    assert [(one.person, one.label, one.change.events) for one in found] == [
        ("Heron", "escalation", 2),
        ("Heron", "paraphrase", 1),
        ("Otter", "paraphrase", 1),
    ]


def test_what_followed_a_label_is_counted_and_held_against_luck() -> None:
    marks_s = (600, 1200, 1800, 2400)
    events = [_event(at_s, person="Heron") for at_s in marks_s] + [_event(3000, "paraphrase", person="Heron")]
    onsets_s = {"Heron": [605.0, 1197.0, 1815.0, 3300.0]}
    paraphrase, interruption = sorted(
        followed({"Heron": _seconds()}, events, onsets_s), key=lambda one: one.label, reverse=True
    )
    share = 4 * 19 / 3600  # each rise makes 19 whole seconds in which a mark would have been followed
    assert (interruption.events, interruption.followed) == (4, 3)
    assert interruption.expected == pytest.approx(4 * share)
    assert interruption.by_luck == pytest.approx(4 * share**3 * (1 - share) + share**4)
    assert (paraphrase.followed, paraphrase.by_luck) == (0, 1.0)


def test_a_mark_on_everybody_counts_for_each_and_one_without_a_heart_rate_for_nobody() -> None:
    people = {"Heron": _seconds(), "Otter": _seconds(without=[(500, 700)])}
    (one,) = followed(people, [_event(600)], {"Heron": [603.0]})
    assert (one.events, one.followed) == (1, 1)


def test_luck_at_following_is_that_of_the_rises_turned_round_the_session() -> None:
    """A second opinion: all rotations of the rises against the marks."""
    dice = random.Random(8)
    onsets_s = sorted(dice.uniform(0, 3600) for _ in range(9))
    events = [_event(at_s, person="Heron") for at_s in (300, 1000, 1700, 2600)]
    (one,) = followed({"Heron": _seconds()}, events, {"Heron": onsets_s})
    turned = [
        sum(any(-3 <= (onset_s + turn) % 3600 - e.at_us / 1e6 <= 15 for onset_s in onsets_s) for e in events)
        for turn in range(3600)
    ]
    assert one.expected == pytest.approx(np.mean(turned), rel=0.1)
    share = np.mean([hits >= one.followed for hits in turned])
    assert one.by_luck == pytest.approx(share, abs=0.06)


# --- together --------------------------------------------------------------------------------------------------------

_FOUR = ("Heron", "Otter", "Wren", "Ibis")


def test_three_people_within_ten_seconds_rose_together_and_each_rise_counts_once() -> None:
    people = dict.fromkeys(_FOUR, _seconds())
    onsets_s = {"Heron": [1000.0, 1009.0], "Otter": [1004.0], "Wren": [1010.0, 2000.0], "Ibis": [1010.5, 2005.0]}
    event = _event(997, "escalation", person="Robin")
    (one,) = coincidences(people, [event, _event(900)], onsets_s)
    assert (one.at_s, one.people, one.of) == (1000.0, ("Heron", "Otter", "Wren"), 4)
    assert (one.event, one.lag_s) == (event, 3.0)


@pytest.mark.parametrize("names", [*combinations(_FOUR, 2), ()])
def test_two_people_or_none_are_no_coincidence(names: tuple[str, ...]) -> None:
    onsets_s = {name: [1000.0, 1001.0] for name in names}
    assert list(coincidences(dict.fromkeys(_FOUR, _seconds()), [], onsets_s)) == []


def test_how_often_it_happens_by_luck_is_what_simulation_gives() -> None:
    people = dict.fromkeys(_FOUR, _seconds())
    planted = {name: [50.0 + 130 * at + 7 * number for at in range(20)] for number, name in enumerate(_FOUR)}
    planted |= {name: [*planted[name][:-1], 3000.0] for name in _FOUR[:3]}
    told = next(one for one in coincidences(people, [], planted) if len(one.people) == 3 and one.at_s == 3000.0)
    dice = random.Random(2)
    happened = 0
    for _ in range(300):
        free = {name: [dice.uniform(0, 3600) for _ in range(20)] for name in _FOUR}
        happened += sum(1 for _ in coincidences(people, [], free))
    assert TOGETHER_S == 10
    # Each rise is counted as the beginning of one, on either side; chains of rises count once.
    assert 0.5 < told.by_luck / (happened / 300) < 2.5
