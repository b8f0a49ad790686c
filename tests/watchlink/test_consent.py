"""What people share: each purpose lets through what it names, of that person only, live and after."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp import Spike, SpikeEnding
from watchlink.clock import VirtualClock
from watchlink.consent import ALWAYS, WORDS, Gate, agreed, at_the_end, permitted, wording
from watchlink.fold import SessionFold
from watchlink.hub import Item, run_session
from watchlink.packets import (
    Attribute,
    AttributeRead,
    Discarded,
    DiscardReason,
    EventKind,
    LinkChange,
    LinkState,
    Notification,
    Packet,
    Purpose,
    Seat,
    SessionEvent,
    Sharing,
)
from watchlink.readings import (
    BeatReading,
    GradeReading,
    Heard,
    HeartRateReading,
    HrvAbsent,
    HrvReading,
    Measured,
    Reading,
    RecoveryReading,
    RrUnitReading,
    SignalReading,
    SpikeEnded,
    SpikeStarted,
)
from watchlink.session import parse_plan
from watchlink.sources.replay import ReplaySource
from watchlink.sources.virtual.practice import practice
from watchlink.timeline import Timeline

_PLAN = parse_plan(
    """
    [[block]]
    kind = "baseline"
    minutes = 3
    [[block]]
    kind = "role-play"
    minutes = 6
    [[block]]
    kind = "recovery"
    minutes = 3
    """,
    file="short.toml",
)
_ALL = frozenset(Purpose)
_NOTHING: frozenset[Purpose] = frozenset()
_SUBSETS = [frozenset(chosen) for size in range(len(Purpose) + 1) for chosen in combinations(Purpose, size)]
# What each purpose switches; what is in none of them is about the wearable and always told.
_OF_PURPOSE: dict[Purpose, tuple[type[Reading], ...]] = {
    Purpose.HEART_RATE: (HeartRateReading,),
    Purpose.RISES: (SpikeStarted, SpikeEnded, RecoveryReading),
    Purpose.HRV: (HrvReading, HrvAbsent),
    Purpose.RAW: (Measured, BeatReading),
}


def _log() -> Iterator[Packet]:
    """A short virtual session of Heron and Otter, in which nobody is asked."""
    session = practice(plan=_PLAN, people=2, seed=2)
    seats = [
        Seat(at_us=0, person=person.person, wearable=f"w{number}", profile=person.profile.id)
        for number, person in enumerate(session.people, 1)
    ]

    def reports(number: int) -> Iterator[Packet]:
        for emission in session.people[number - 1].wearable.emissions:
            if emission.at_us > _PLAN.duration_us:
                return
            yield Notification(at_us=emission.at_us, wearable=f"w{number}", payload=emission.payload)

    return heapq.merge(seats, session.events, reports(1), reports(2), key=lambda packet: packet.at_us)


_LOG = tuple(_log())


def _sharing(person: str, purposes: frozenset[Purpose], *, at_s: float = 0) -> Sharing:
    return Sharing(at_us=round(at_s * 1e6), person=person, purposes=purposes, wording=wording())


def _with(*sharings: Sharing, log: Sequence[Packet] = _LOG) -> tuple[Packet, ...]:
    """The session in which this was said; what is said at its beginning is said before all else."""
    return tuple(heapq.merge(sharings, log, key=lambda packet: packet.at_us))


def _folded(log: Sequence[Packet], gate: Gate | None = None) -> tuple[list[Reading], Timeline]:
    fold = SessionFold(gate=gate)
    readings = [reading for packet in log for reading in fold.push(packet)]
    readings += fold.flush()
    return readings, fold.timeline()


def _of(person: str, readings: Sequence[Reading]) -> list[Reading]:
    return [reading for reading in readings if reading.person == person]


def _at_s(reading: Reading) -> float:
    """When a reading of one second or one report is of."""
    assert isinstance(reading, Measured | Heard | HeartRateReading | SignalReading)
    return reading.at_us / 1e6 if isinstance(reading, Measured | Heard) else reading.at_s


@pytest.fixture(scope="module")
def whole() -> tuple[list[Reading], Timeline]:
    """The session as its owner sees it."""
    return _folded(_LOG)


# --- the fold --------------------------------------------------------------------------------------------------------


def test_a_log_in_which_nobody_was_asked_passes_whole(whole: tuple[list[Reading], Timeline]) -> None:
    """And holds of both people all that can be switched off, so that the tests below see it missing."""
    readings, timeline = whole
    for person in ("Heron", "Otter"):
        assert {type(reading) for reading in _of(person, readings)} >= set(chain(*_OF_PURPOSE.values()))
        assert timeline.people[person].usual_bpm
        assert timeline.people[person].beats
    assert not any(isinstance(reading, Heard | SignalReading) for reading in readings)
    assert {spike.person for spike in timeline.spikes} == {"Heron", "Otter"}
    assert {response.person for response in timeline.responses}


def test_who_said_nothing_is_told_of_as_little_as_who_said_no() -> None:
    silent = _folded(_with(_sharing("Heron", _ALL)))
    refused = _folded(_with(_sharing("Heron", _ALL), _sharing("Otter", _NOTHING)))
    assert silent == refused


def test_of_who_shares_nothing_only_the_wearable_is_told() -> None:
    readings, timeline = _folded(_with(_sharing("Heron", _NOTHING)))
    assert {type(reading) for reading in readings} == {Heard, SignalReading, GradeReading, RrUnitReading}
    assert (timeline.spikes, timeline.responses, timeline.coincidences) == ((), (), ())
    for counts in timeline.people.values():
        assert counts.notifications > 700
        assert (counts.usual_bpm, counts.heart_rate_s, counts.beats, counts.corrected, counts.gaps) == (
            None,
            0,
            0,
            0,
            0,
        )


@pytest.mark.parametrize("shares", _SUBSETS, ids=agreed)
def test_each_purpose_switches_its_readings_whatever_others_share(
    whole: tuple[list[Reading], Timeline], shares: frozenset[Purpose]
) -> None:
    readings, timeline = _folded(_with(_sharing("Heron", shares), _sharing("Otter", _NOTHING)))
    told, known = _of("Heron", readings), _of("Heron", whole[0])
    for purpose, kinds in _OF_PURPOSE.items():
        expected = [reading for reading in known if isinstance(reading, kinds)] if purpose in shares else []
        assert [reading for reading in told if isinstance(reading, kinds)] == expected
    always = tuple(chain(*_OF_PURPOSE.values(), (Heard, SignalReading)))
    assert [one for one in told if not isinstance(one, always)] == [one for one in known if not isinstance(one, always)]
    for shown, hidden in ((Measured, Heard), (HeartRateReading, SignalReading)):  # that there was one is always told
        came_s = [_at_s(reading) for reading in told if isinstance(reading, shown | hidden)]
        assert came_s == [_at_s(reading) for reading in known if isinstance(reading, shown)]

    assert {spike.person for spike in timeline.spikes} == ({"Heron"} if Purpose.RISES in shares else set())
    assert (timeline.people["Heron"].usual_bpm is None) is (Purpose.HEART_RATE not in shares)
    assert (timeline.people["Heron"].heart_rate_s == 0) is (Purpose.HEART_RATE not in shares)
    assert any(one.person == "Heron" for one in timeline.responses) is (Purpose.HEART_RATE in shares)
    assert not any(one.person == "Otter" for one in timeline.responses)

    others, room = _folded(_with(_sharing("Heron", shares), _sharing("Otter", _ALL - shares)))
    assert _of("Heron", others) == told
    assert room.people["Heron"] == timeline.people["Heron"]
    assert [spike for spike in room.spikes if spike.person == "Heron"] == list(timeline.spikes)
    assert [one for one in room.responses if one.person == "Heron"] == list(timeline.responses)


def test_a_withdrawal_takes_effect_at_once_and_takes_what_came_before_out_of_the_timeline(
    whole: tuple[list[Reading], Timeline],
) -> None:
    at_s = 700.0
    readings, timeline = _folded(_with(_sharing("Heron", _ALL), _sharing("Heron", _NOTHING, at_s=at_s)))
    told = [reading for reading in readings if isinstance(reading, Measured)]
    assert told == [
        one for one in whole[0] if isinstance(one, Measured) and one.person == "Heron" and _at_s(one) < at_s
    ]
    assert (
        min(_at_s(reading) for reading in readings if isinstance(reading, Heard) and reading.person == "Heron") >= at_s
    )
    assert any(isinstance(reading, SpikeEnded) for reading in readings)
    assert (timeline.spikes, timeline.responses) == ((), ())
    counts = timeline.people["Heron"]
    assert (counts.usual_bpm, counts.heart_rate_s, counts.beats, counts.corrected, counts.gaps) == (None, 0, 0, 0, 0)


def test_who_begins_to_share_does_so_from_then_on() -> None:
    at_s = 400.0
    readings, _ = _folded(_with(_sharing("Heron", _NOTHING), _sharing("Heron", _ALL, at_s=at_s)))
    assert min(_at_s(reading) for reading in readings if isinstance(reading, Measured)) >= at_s
    assert not any(isinstance(reading, Heard) and _at_s(reading) >= at_s for reading in _of("Heron", readings))


def test_where_the_end_is_known_a_withdrawal_holds_for_what_came_before_and_a_yes_does_not() -> None:
    log = _with(
        _sharing("Heron", _ALL),
        _sharing("Otter", _NOTHING),
        _sharing("Heron", frozenset({Purpose.HRV}), at_s=600),
        _sharing("Otter", _ALL, at_s=600),
    )
    end = at_the_end(log)
    assert end == {"Heron": {Purpose.HRV}, "Otter": _ALL}
    known, _ = _folded(log, Gate(at_the_end=end))
    live, _ = _folded(log)
    assert _of("Heron", known) == _of("Heron", _folded(_with(_sharing("Heron", frozenset({Purpose.HRV}))))[0])
    assert _of("Otter", known) == _of("Otter", live)
    assert min(_at_s(reading) for reading in _of("Otter", known) if isinstance(reading, Measured)) >= 600


def test_where_the_end_is_known_nothing_is_told_before_it_was_agreed_to() -> None:
    log = _with(_sharing("Heron", _ALL, at_s=600))
    assert any(isinstance(reading, Measured) and _at_s(reading) < 600 for reading in _folded(log)[0])
    readings, _ = _folded(log, Gate(at_the_end=at_the_end(log)))
    assert min(_at_s(reading) for reading in readings if isinstance(reading, Measured)) >= 600


def test_ones_own_view_shows_all_of_oneself_and_no_more_of_others(whole: tuple[list[Reading], Timeline]) -> None:
    log = _with(_sharing("Heron", _NOTHING), _sharing("Otter", frozenset({Purpose.RISES})))
    readings, timeline = _folded(log, Gate(at_the_end=at_the_end(log), own="Heron"))
    assert _of("Heron", readings) == _of("Heron", whole[0])
    assert _of("Otter", readings) == _of("Otter", _folded(log)[0])
    assert timeline.people["Heron"].usual_bpm == whole[1].people["Heron"].usual_bpm
    assert timeline.people["Otter"].usual_bpm is None


# --- heart rate variability within a rise ----------------------------------------------------------------------------


def test_how_variability_changed_in_a_rise_is_told_to_nobody_without_a_yes_to_variability() -> None:
    """Rises and variability are agreed to one by one, and a rise in silence carries both."""
    silence = SessionEvent(at_us=0, kind=EventKind.BLOCK, label="breathing")
    log = [silence, *(packet for packet in _LOG if not isinstance(packet, SessionEvent))]
    both, rises = frozenset({Purpose.RISES, Purpose.HRV}), frozenset({Purpose.RISES})

    def changes(*sharings: Sharing) -> tuple[list[float | None], list[float | None]]:
        readings, timeline = _folded(_with(*sharings, log=log))
        told = [one.rmssd_change_pct for one in _of("Heron", readings) if isinstance(one, SpikeEnded)]
        return told, [one.rmssd_change_pct for one in timeline.spikes if one.person == "Heron"]

    (change,), (kept,) = changes(_sharing("Heron", both))
    assert change is not None
    assert kept == change
    assert changes(_sharing("Heron", rises)) == ([None], [None])
    assert changes(_sharing("Heron", both), _sharing("Heron", rises, at_s=715)) == ([change], [None])


# --- the gate itself -------------------------------------------------------------------------------------------------

_SPIKE = Spike(
    onset_s=50,
    detected_s=60,
    peak_s=65,
    end_s=90,
    ending=SpikeEnding.SETTLED,
    usual_bpm=70,
    rise_bpm=20,
    rise_spreads=8,
    area_bpm_s=300,
    clean_pct=100,
)
_PEOPLE = st.sampled_from(["Heron", "Otter"])
_SHARINGS = st.lists(
    st.builds(Sharing, at_us=st.just(0), person=_PEOPLE, purposes=st.sampled_from(_SUBSETS), wording=st.just(""))
)


@given(_SHARINGS, _PEOPLE, st.sampled_from(Purpose))
def test_what_was_said_last_holds_and_with_the_end_known_never_more(
    said: list[Sharing], person: str, purpose: Purpose
) -> None:
    live, after, own = Gate(), Gate(at_the_end=at_the_end(said)), Gate(at_the_end=at_the_end(said), own=person)
    assert not live.asked
    for sharing in said:
        for gate in (live, after, own):
            gate.enter(sharing)
            assert gate.asked
        assert live.shares(person, purpose) or not after.shares(person, purpose)
        assert own.shares(person, purpose)
    last = [sharing.purposes for sharing in said if sharing.person == person]
    expected = not said or (bool(last) and purpose in last[-1])
    assert live.shares(person, purpose) is after.shares(person, purpose) is expected


def test_one_rise_is_told_to_who_may_see_rises_and_to_nobody_else() -> None:
    gate = Gate()
    ended = SpikeEnded(person="Heron", spike=_SPIKE, rmssd_change_pct=-40.0)
    assert gate.told([ended]) == (ended,)
    gate.enter(_sharing("Heron", frozenset({Purpose.RISES})))
    assert gate.told([ended]) == (replace(ended, rmssd_change_pct=None),)
    gate.enter(_sharing("Heron", _ALL - {Purpose.RISES}))
    assert gate.told([ended]) == ()


# --- packets ---------------------------------------------------------------------------------------------------------


def _report(wearable: str, at_s: float = 1) -> Notification:
    return Notification(at_us=round(at_s * 1e6), wearable=wearable, payload=b"\0\x3c")


def _seat(person: str, wearable: str, at_s: float = 0) -> Seat:
    return Seat(at_us=round(at_s * 1e6), person=person, wearable=wearable, profile="polar-h10")


def test_reports_are_given_away_of_those_only_who_agreed_to_it_and_all_else_as_it_is() -> None:
    late = Discarded(at_us=1, wearable="w1", payload=b"\0\x3c", reason=DiscardReason.LATE)
    kept: list[Packet] = [
        _sharing("Heron", _ALL - {Purpose.RAW}),
        _sharing("Otter", frozenset({Purpose.RAW})),
        _seat("Heron", "w1"),
        _seat("Otter", "w2"),
        LinkChange(at_us=1, wearable="w1", state=LinkState.STREAMING),
        AttributeRead(at_us=1, wearable="w1", attribute=Attribute.BATTERY_LEVEL, payload=b"\x2a"),
        _report("w2"),
        replace(late, wearable="w2"),
        SessionEvent(at_us=1, kind=EventKind.MARK, label="escalation", person="Heron"),
    ]
    assert list(permitted([*kept, _report("w1"), late, _report("w3")], Gate())) == kept


def test_a_log_in_which_nobody_was_asked_is_given_away_whole() -> None:
    assert tuple(permitted(_LOG, Gate())) == _LOG


def test_reports_belong_to_who_wears_the_wearable_and_to_nobody_once_it_is_taken_off() -> None:
    """As in the fold: who takes another wearable has taken off the one before."""
    gate = Gate()
    for packet in (_sharing("Heron", _ALL), _sharing("Otter", _NOTHING), _seat("Heron", "w1"), _seat("Otter", "w2")):
        gate.enter(packet)
    assert [gate.lets(_report(wearable)) for wearable in ("w1", "w2")] == [True, False]
    gate.enter(_seat("Heron", "w2", at_s=2))
    assert [gate.lets(_report(wearable)) for wearable in ("w1", "w2")] == [False, True]
    gate.enter(_seat("Otter", "w1", at_s=3))
    assert [gate.lets(_report(wearable)) for wearable in ("w1", "w2")] == [False, True]


# --- the loop --------------------------------------------------------------------------------------------------------


class _Kept:
    """Recorder and sink: keeps all that it was given."""

    trouble = None

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.timeline: Timeline | None = None

    def accept(self, item: Item) -> None:
        self.items.append(item)

    def tick(self, now_us: int = 0, *, trouble: str | None = None) -> None:
        pass

    def close(self, timeline: Timeline | None = None) -> None:
        self.timeline = timeline


def _run(
    log: Sequence[Packet], *, before: Sequence[Packet] = (), gate: Gate | None = None
) -> tuple[list[Item], list[Item], Timeline]:
    """What a session records, what it shows, and its timeline."""
    clock = VirtualClock(started_at=datetime(2026, 3, 1, 18, 0, tzinfo=UTC))
    recorder, sink = _Kept(), _Kept()
    timeline = clock.run(
        run_session(
            ReplaySource(log, clock=clock), clock=clock, recorder=recorder, sinks=[sink], before=before, gate=gate
        )
    )
    assert sink.timeline == timeline
    return recorder.items, sink.items, timeline


def test_all_is_recorded_and_what_is_not_shared_reaches_no_sink() -> None:
    log = _with(_sharing("Heron", frozenset({Purpose.HEART_RATE})), _sharing("Otter", _NOTHING))
    recorded, shown, timeline = _run(log)
    assert recorded == list(log)
    readings, expected = _folded(log)
    assert [item for item in shown if not isinstance(item, Packet)] == readings
    assert [item for item in shown if isinstance(item, Packet)] == list(permitted(log, Gate()))
    assert not any(isinstance(item, Notification) for item in shown)
    assert timeline == expected


def test_a_withdrawal_before_a_session_was_interrupted_still_holds_when_it_goes_on() -> None:
    log = _with(_sharing("Heron", _ALL), _sharing("Heron", _NOTHING, at_s=100))
    cut = next(number for number, packet in enumerate(log) if packet.at_us > 200e6)
    recorded, shown, _ = _run(log[cut:], before=log[:cut])
    assert recorded == list(log[cut:])
    assert max(packet.at_us for packet in shown if isinstance(packet, Notification)) < 100e6


def test_a_gate_that_knows_the_end_holds_from_the_first_packet() -> None:
    log = _with(_sharing("Heron", _ALL), _sharing("Heron", _NOTHING, at_s=700))
    _, shown, _ = _run(log, gate=Gate(at_the_end=at_the_end(log)))
    assert not any(isinstance(item, Notification | Measured | BeatReading | HeartRateReading) for item in shown)


# --- words -----------------------------------------------------------------------------------------------------------


def test_the_words_agreed_to_are_named_by_version_and_digest() -> None:
    assert re.fullmatch(r"\d+:[0-9a-f]{16}", wording())
    assert wording() == wording()


def test_there_are_words_for_each_purpose_and_none_of_them_is_about_feelings() -> None:
    assert set(WORDS) == _ALL
    said = " ".join((*WORDS.values(), ALWAYS)).casefold()
    assert not re.search(r"stress|anxi|calm|emotion", said)


def test_what_is_shared_is_said_in_one_order() -> None:
    assert agreed(_NOTHING) == "nothing"
    assert agreed(frozenset({Purpose.RAW, Purpose.HEART_RATE})) == "heart-rate, raw"
    assert agreed(_ALL) == "heart-rate, rises, hrv, raw"
