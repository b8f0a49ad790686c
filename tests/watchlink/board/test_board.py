"""The board: what a facilitator sees at an instant, in words, at any width, and nothing about anybody's feelings."""

from __future__ import annotations

import heapq
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from dsp import BeatLabel, CleanBeat, CleanSeries, Spike, SpikeEnding, SpikeStart, hrv
from firmware_profiles.gatt import BodySensorLocation
from firmware_profiles.heart_rate_service import Contact
from watchlink.board.state import AgainstUsual, BoardFold, BoardState, Keeping, PersonState, Signal
from watchlink.board.view import render_board
from watchlink.captures import open_capture
from watchlink.fold import SessionFold
from watchlink.packets import EventKind, LinkChange, LinkState, Notification, Packet, Role, Seat, SessionEvent
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
    Reading,
    SpikeEnded,
    SpikeStarted,
    Undecodable,
    Worn,
)
from watchlink.session import default_plan
from watchlink.sources.virtual.practice import practice
from watchlink.sparklines import sparkline

_FORBIDDEN = ("stress", "anxi", "emotion", "calm", "diagnos", "risk", "abnormal")


def _seat(person: str, wearable: str = "w1", *, at_s: float = 0) -> Seat:
    return Seat(at_us=round(at_s * 1e6), person=person, wearable=wearable, profile="polar-h10")


def _measured(person: str, at_s: float, bpm: int = 72) -> Measured:
    return Measured(
        person=person,
        at_us=round(at_s * 1e6),
        heart_rate_bpm=bpm,
        contact=Contact.NOT_SUPPORTED,
        energy_expended_kj=None,
        rr_ticks=(),
        reserved_flags=0,
        surplus_octets=0,
    )


def _rate(
    person: str,
    at_s: float,
    bpm: float = 72,
    *,
    above: float | None = 1,
    spreads: float | None = 0.5,
    clean: bool = True,
) -> HeartRateReading:
    return HeartRateReading(
        person=person,
        at_s=at_s,
        heart_rate_bpm=bpm,
        usual_bpm=None if above is None else bpm - above,
        usual_from=None,
        above_usual_bpm=above,
        above_usual_spreads=spreads,
        clean=clean,
    )


def _block(at_s: float, title: str = "Role-play A") -> SessionEvent:
    return SessionEvent(at_us=round(at_s * 1e6), kind=EventKind.BLOCK, label="role-play", note=title)


def _mark(at_s: float, label: str, person: str | None = None) -> SessionEvent:
    return SessionEvent(at_us=round(at_s * 1e6), kind=EventKind.MARK, label=label, person=person)


def _speaker(at_s: float, person: str | None) -> SessionEvent:
    return SessionEvent(at_us=round(at_s * 1e6), kind=EventKind.ROLE, label="speaker", person=person)


def _link(wearable: str, state: LinkState) -> LinkChange:
    return LinkChange(at_us=0, wearable=wearable, state=state)


def _hrv(person: str, rmssd_ms: float | None) -> HrvReading:
    beats = [CleanBeat(at_s=at, nn_ms=1000.0 + at % 2) for at in range(1, 61)]
    metrics = hrv(CleanSeries.of(beats), window_s=60)
    metrics = replace(metrics, time_domain=replace(metrics.time_domain, rmssd_ms=rmssd_ms))
    return HrvReading(person=person, metrics=metrics)


def _rise(person: str) -> SpikeStarted:
    return SpikeStarted(person=person, start=SpikeStart(onset_s=50, detected_s=60, usual_bpm=70, rise_bpm=14))


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


def _board(*items: Packet | Reading) -> BoardFold:
    board = BoardFold()
    for item in items:
        board.accept(item)
    return board


def _row(board: BoardFold, person: str = "Heron", *, at_s: float) -> PersonState:
    return next(row for row in board.at(round(at_s * 1e6)).people if row.person == person)


def _print(state: BoardState, *, width: int, ascii_only: bool = False) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, height=60, force_terminal=False, color_system=None, legacy_windows=False)
    console.print(render_board(state, width=width, ascii_only=ascii_only))
    return out.getvalue().splitlines()


# --- who stands where ------------------------------------------------------------------------------------------------


def test_people_stand_as_they_sat_down_whatever_their_hearts_do() -> None:
    board = _board(_seat("Wren", "w3"), _seat("Heron", "w1"), _seat("Otter", "w2"))
    for person, bpm in (("Otter", 150), ("Heron", 60), ("Wren", 90)):
        board.accept(_measured(person, 10))
        board.accept(_rate(person, 10, bpm, above=bpm - 60, spreads=9))
    board.accept(_rise("Otter"))
    board.accept(_seat("Wren", "w9", at_s=11))
    assert [row.person for row in board.at().people] == ["Wren", "Heron", "Otter"]
    printed = "\n".join(_print(board.at(), width=100))
    assert printed.index("Wren") < printed.index("Heron") < printed.index("Otter")


def test_an_empty_room_has_a_board() -> None:
    state = BoardFold().at()
    assert (state.people, state.block.title, state.rises) == ((), "", 0)
    assert "no block yet" in _print(state, width=80)[0]


# --- live, stale, lost, not known yet --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("since_s", "signal", "bpm"),
    [
        (0, Signal.SETTLING, 72),
        (4.9, Signal.SETTLING, 72),
        (5, Signal.SETTLING, 72),
        (5.001, Signal.STALE, None),
        (600, Signal.STALE, None),
    ],
)
def test_what_was_heard_more_than_five_seconds_ago_is_stale_and_has_no_heart_rate(
    since_s: float, signal: Signal, bpm: float | None
) -> None:
    board = _board(_seat("Heron"), _measured("Heron", 10), _rate("Heron", 9), _hrv("Heron", 41.0), _rise("Heron"))
    row = _row(board, at_s=10 + since_s)
    assert (row.signal, row.heart_rate_bpm) == (signal, bpm)
    assert row.age_s == pytest.approx(since_s)
    live = signal is Signal.SETTLING
    assert row.rmssd_ms == (41.0 if live else None)
    assert row.rising is live
    assert row.against is (AgainstUsual.USUAL if live else AgainstUsual.UNKNOWN)
    assert row.above_usual_bpm == (1 if live else None)


def test_a_stale_person_is_a_grey_word_with_an_age_and_no_number() -> None:
    board = _board(_seat("Heron"), _measured("Heron", 10), _rate("Heron", 9, 187))
    state = board.at(27_000_000)
    line = next(line for line in _print(state, width=100) if "Heron" in line)
    assert "stale 0:17" in line
    assert "--" in line
    assert "187" not in line

    out = io.StringIO()
    Console(file=out, width=100, force_terminal=True, color_system="truecolor").print(render_board(state, width=100))
    assert re.search(r"\x1b\[38;5;246mstale 0:17", out.getvalue())  # grey58, the house's quiet colour


def test_a_lost_link_is_told_at_once_and_its_age_grows() -> None:
    board = _board(_seat("Heron"), _measured("Heron", 10), _rate("Heron", 9), _link("w1", LinkState.LOST))
    assert (_row(board, at_s=10).signal, _row(board, at_s=10).heart_rate_bpm) == (Signal.LOST, None)
    assert any("lost 0:20" in line for line in _print(board.at(30_000_000), width=80))


@pytest.mark.parametrize("state", [LinkState.SEEKING, LinkState.CONNECTING, LinkState.SUBSCRIBED])
def test_a_wearable_that_was_lost_and_is_back_is_live_again(state: LinkState) -> None:
    board = _board(_seat("Heron"), _measured("Heron", 10), _link("w1", LinkState.LOST), _link("w1", state))
    board.accept(_measured("Heron", 20))
    board.accept(_rate("Heron", 20))
    assert _row(board, at_s=20).signal is Signal.SETTLING


def test_a_wearable_that_reports_is_not_lost_whatever_was_said_of_its_link() -> None:
    """A capture of a host tells that a link was lost, but nobody says in it that it is there again: reports do."""
    board = _board(_seat("Heron"), _measured("Heron", 10), _link("w1", LinkState.LOST))
    board.accept(_measured("Heron", 20))
    board.accept(_rate("Heron", 20))
    assert _row(board, at_s=20).signal is Signal.SETTLING


def test_the_reconnects_of_a_real_recording_bring_people_back(shared_data: Path) -> None:
    board, fold = BoardFold(), SessionFold()
    with open_capture(shared_data / "captures" / "bluez" / "hr8_bluez566_h4.btsnoop") as capture:
        for packet in takewhile(lambda packet: packet.at_us < 26_500_000, capture.packets):
            board.accept(packet)
            for reading in fold.push(packet):
                board.accept(reading)
    assert {row.person: row.signal is Signal.LOST for row in board.at().people} == {
        f"person {number}": False for number in range(1, 9)
    }


def test_a_link_concerns_only_who_wears_the_wearable_now() -> None:
    board = _board(_seat("Heron", "w1"), _seat("Otter", "w2"), _seat("Heron", "w3"))
    for person in ("Heron", "Otter"):
        board.accept(_measured(person, 10))
        board.accept(_rate(person, 10))
    board.accept(_link("w1", LinkState.LOST))
    assert [row.signal for row in board.at().people] == [Signal.SETTLING, Signal.SETTLING]
    board.accept(_link("w3", LinkState.LOST))
    assert [row.signal for row in board.at().people] == [Signal.LOST, Signal.SETTLING]


def test_before_anything_is_heard_everything_is_not_known_yet() -> None:
    row = _row(_board(_seat("Heron")), at_s=100)
    assert (row.signal, row.age_s, row.heart_rate_bpm, row.grade) == (Signal.WAITING, None, None, None)
    assert row.against is AgainstUsual.UNKNOWN
    assert row.trend == (None,) * 60
    line = next(line for line in _print(_board(_seat("Heron")).at(), width=80) if "Heron" in line)
    assert "waiting" in line
    assert "--" in line


def test_until_a_minute_is_known_the_usual_is_not_known_yet_in_words() -> None:
    board = _board(_seat("Heron"), _measured("Heron", 10), _rate("Heron", 9, above=None, spreads=None))
    assert _row(board, at_s=10).against is AgainstUsual.UNKNOWN
    line = next(line for line in _print(board.at(), width=80) if "Heron" in line)
    assert "not known yet" in line
    assert "72" in line


@pytest.mark.parametrize(
    "item",
    [Undecodable(person="Heron", at_us=20_000_000, reason="x"), Duplicate(person="Heron", at_us=20_000_000)],
    ids=["undecodable", "duplicate"],
)
def test_a_wearable_that_sends_nonsense_is_heard_all_the_same(item: Reading) -> None:
    board = _board(_seat("Heron"), _measured("Heron", 10), _rate("Heron", 9), item)
    assert _row(board, at_s=24).age_s == pytest.approx(4)


def test_a_wearable_that_nobody_was_seated_with_has_a_row_of_its_own() -> None:
    """As the fold gives it a person of its own, the board must show one."""
    board, fold = BoardFold(), SessionFold()
    for number in range(1, 4):
        packet = Notification(at_us=number * 1_000_000, wearable="w9", payload=b"\x10\x3c\x00\x04")
        board.accept(packet)
        for reading in fold.push(packet):
            board.accept(reading)
    assert [row.person for row in board.at().people] == ["w9"]


# --- against the usual -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("above_bpm", "spreads", "words"),
    [
        (0, 0, AgainstUsual.USUAL),
        (3, 1.49, AgainstUsual.USUAL),
        (-3, -1.49, AgainstUsual.USUAL),
        (3, 1.5, AgainstUsual.ABOVE),
        (7.9, 5, AgainstUsual.ABOVE),
        (12, 2.9, AgainstUsual.ABOVE),
        (8, 3, AgainstUsual.WELL_ABOVE),
        (40, 20, AgainstUsual.WELL_ABOVE),
        (-5, -1.5, AgainstUsual.BELOW),
        (-20, -9, AgainstUsual.BELOW),
    ],
)
def test_a_heart_rate_is_told_against_its_owners_usual_in_words(
    above_bpm: float, spreads: float, words: AgainstUsual
) -> None:
    board = _board(_seat("Heron"), _measured("Heron", 10), _rate("Heron", 10, above=above_bpm, spreads=spreads))
    row = _row(board, at_s=10)
    assert (row.against, row.above_usual_bpm) == (words, above_bpm)
    assert f"{words} {round(above_bpm):+d}" in "\n".join(_print(board.at(), width=80))


def test_the_meaning_does_not_hang_on_colour_each_word_has_its_shape() -> None:
    shapes: set[tuple[str, str]] = set()
    for above_bpm, spreads in ((0, 0), (-9, -4), (5, 2), (20, 9)):
        board = _board(_seat("Heron"), _measured("Heron", 10), _rate("Heron", 10, above=above_bpm, spreads=spreads))
        for ascii_only in (False, True):
            line = next(line for line in _print(board.at(), width=80, ascii_only=ascii_only) if "Heron" in line)
            words = str(_row(board, at_s=10).against)
            shapes.add((words, line[line.index(words) - 2]))
    assert len(shapes) == 8


def test_no_colour_is_red_or_green_and_nothing_blinks(cohort: Sequence[BoardState]) -> None:
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=True, color_system="truecolor")
    for state in cohort:
        full = Keeping(on=True, trouble="database or disk is full")
        console.print(render_board(replace(state, keeping=full), width=120))
    codes = set(re.findall(r"\x1b\[([\d;]*)m", out.getvalue()))
    assert codes <= {"0", "1", "38;2;86;180;233", "38;2;230;159;0", "38;5;246", "1;38;2;230;159;0"}
    assert len(codes) >= 5


# --- quality, grade, battery, marks, trend ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clean", "of", "pct", "signal"),
    [(60, 60, 100, Signal.GOOD), (54, 60, 90, Signal.GOOD), (53, 60, 88, Signal.PATCHY), (0, 60, 0, Signal.PATCHY)],
)
def test_the_share_of_clean_seconds_says_how_good_a_signal_is(clean: int, of: int, pct: int, signal: Signal) -> None:
    board = _board(_seat("Heron"), *(_rate("Heron", at, clean=at < clean) for at in range(of)), _measured("Heron", 60))
    row = _row(board, at_s=60)
    assert (row.clean_pct, row.signal) == (pct, signal)
    assert f"{signal} {pct}%" in "\n".join(_print(board.at(), width=80))


def test_seconds_that_are_missing_count_as_not_clean() -> None:
    board = _board(_seat("Heron"), *(_rate("Heron", at) for at in range(0, 60, 2)), _measured("Heron", 60))
    assert _row(board, at_s=60).clean_pct == pytest.approx(51, abs=1)


def test_only_the_last_minute_counts() -> None:
    board = _board(_seat("Heron"), *(_rate("Heron", at, clean=at > 60) for at in range(121)), _measured("Heron", 120))
    assert _row(board, at_s=120).clean_pct >= 98


def test_grade_is_told_as_soon_as_it_is_known() -> None:
    board = _board(_seat("Heron"), _measured("Heron", 10), _rate("Heron", 10))
    assert " ? " in next(line for line in _print(board.at(), width=80) if "Heron" in line)
    board.accept(GradeReading(person="Heron", at_us=10_000_000, grade=Grade.PULSE))
    assert _row(board, at_s=10).grade is Grade.PULSE
    assert " pulse " in next(line for line in _print(board.at(), width=80) if "Heron" in line)


@pytest.mark.parametrize(("charge_pct", "shown"), [(100, None), (21, None), (20, 20), (3, 3), (0, 0)])
def test_a_battery_is_mentioned_only_when_it_is_low(charge_pct: int, shown: int | None) -> None:
    board = _board(_seat("Heron"), _measured("Heron", 10), _rate("Heron", 10))
    board.accept(Battery(person="Heron", at_us=0, charge_pct=charge_pct))
    assert _row(board, at_s=10).battery_pct == shown
    told = re.search(rf"\bbat\w* {charge_pct}%", "\n".join(_print(board.at(), width=80)))
    assert (told is not None) is (shown is not None)


def test_rmssd_is_there_while_it_is_allowed_and_shown_where_there_is_room() -> None:
    board = _board(_seat("Heron"), _measured("Heron", 10), _rate("Heron", 10), _hrv("Heron", 41.4))
    assert "41 ms" in "\n".join(_print(board.at(), width=100))
    assert "RMSSD" not in "\n".join(_print(board.at(), width=99))
    board.accept(HrvAbsent(person="Heron", at_s=11, reason="movement"))
    assert _row(board, at_s=10).rmssd_ms is None
    assert "41 ms" not in "\n".join(_print(board.at(), width=100))


def test_speaking_goes_with_the_turn_and_ends_with_the_block() -> None:
    board = _board(_seat("Heron", "w1"), _seat("Otter", "w2"))
    seen: list[list[str]] = []
    for event in (_speaker(1, "Heron"), _speaker(2, "Otter"), _speaker(3, None), _speaker(4, "Heron"), _block(5)):
        board.accept(event)
        seen.append([row.person for row in board.at().people if row.role is Role.SPEAKER])
    assert seen == [["Heron"], ["Otter"], [], ["Heron"], []]


def test_the_last_mark_stands_beside_its_person_and_the_last_four_events_below() -> None:
    board = _board(_seat("Heron", "w1"), _seat("Otter", "w2"), _block(0))
    board.accept(_mark(10, "escalation", "Heron"))
    board.accept(_mark(20, "interruption", "Heron"))
    board.accept(_speaker(25, "Heron"))
    board.accept(_mark(30, "pause"))
    board.accept(_mark(40, "paraphrase", "Robin"))
    state = board.at()
    assert [row.last_mark for row in state.people] == ["interruption", ""]
    marked = ["escalation", "interruption", "pause", "paraphrase"]
    assert [event.label for event in state.events] == ["role-play", *marked]
    assert state.at_us == 40_000_000
    lines = _print(state, width=80)
    assert lines[-4:] == [
        "0:00:40  paraphrase - Robin",
        "0:00:30  pause",
        "0:00:20  interruption - Heron",
        "0:00:10  escalation - Heron",
    ]


def test_the_headline_tells_time_block_connections_rises_and_that_nothing_is_saved() -> None:
    board = _board(_seat("Heron", "w1"), _seat("Otter", "w2"), _block(60, "Role-play B"), _measured("Heron", 754))
    board.accept(_rate("Heron", 754))
    board.accept(_rise("Heron"))
    assert _print(board.at(754_000_000), width=100)[0] == "0:12:34  Role-play B   1/2 connected   1 rises so far"
    board.keeping = Keeping(on=True, trouble="database or disk is full")
    told = " ".join(" ".join(_print(board.at(), width=100)).split())
    assert "NOT SAVED AT PRESENT: database or disk is full" in told


def test_a_rise_is_open_until_it_has_ended_and_counted_once() -> None:
    board = _board(_seat("Heron"), _measured("Heron", 60), _rate("Heron", 60), _rise("Heron"))
    assert (_row(board, at_s=60).rising, board.at().rises) == (True, 1)
    board.accept(SpikeEnded(person="Heron", spike=_SPIKE))
    assert (_row(board, at_s=60).rising, board.at().rises) == (False, 1)


def test_the_trend_holds_the_last_minute_by_second_and_leaves_gaps_empty() -> None:
    board = _board(_seat("Heron"), *(_rate("Heron", at, 60 + at) for at in range(100) if at not in range(70, 80)))
    trend = _row(board, at_s=99.5).trend
    assert len(trend) == 60
    assert trend[-1] == 60 + 99
    assert trend[0] == 60 + 40
    assert trend[30:40] == (None,) * 10
    assert all(value is not None for value in (*trend[:30], *trend[40:]))


def test_the_trend_moves_out_while_nothing_arrives() -> None:
    board = _board(_seat("Heron"), *(_rate("Heron", at) for at in range(60)))
    known = [sum(value is not None for value in _row(board, at_s=at_s).trend) for at_s in (59, 79, 99, 119, 139)]
    assert known == [60, 40, 20, 0, 0]


# --- bars ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "columns", "line"),
    [
        ([], 8, ""),
        ([None] * 60, 8, ""),
        ([70.0] * 8, 8, "▅▅▅▅▅▅▅▅"),
        ([60, 62, 64, 66, 68, 70, 72, 76], 8, "▁▂▃▄▅▆▇█"),
        ([60, None, 76], 3, "▁ █"),
        ([60, 60, 76, 76], 2, "▁█"),
        ([69.0, 71.0] * 4, 8, "▄▅▄▅▄▅▄▅"),
        ([40.0, 200.0], 2, "▁█"),
    ],
)
def test_values_are_bars_and_a_quiet_heart_looks_quiet(values: Sequence[float | None], columns: int, line: str) -> None:
    assert sparkline(values, columns=columns) == line


@given(
    values=st.lists(st.none() | st.floats(20, 250), max_size=60),
    columns=st.integers(1, 60),
    ascii_only=st.booleans(),
)
def test_bars_are_as_wide_as_asked_for_or_absent(values: list[float | None], columns: int, ascii_only: bool) -> None:
    line = sparkline(values, columns=columns, ascii_only=ascii_only)
    known = any(value is not None for value in values)
    assert len(line) == (columns if known else 0)
    assert line.isascii() or not ascii_only


# --- the whole cohort on screens of any width ------------------------------------------------------------------------


def _states(*, people: int, seed: int, until_s: float, every_s: float) -> list[BoardState]:
    """Boards of a virtual cohort over the beginning of the session that ships."""
    session = practice(plan=default_plan(), people=people, seed=seed)

    def reports(wearable: str, number: int) -> Iterable[Packet]:
        for emission in session.people[number].wearable.emissions:
            yield Notification(at_us=emission.at_us, wearable=wearable, payload=emission.payload)

    seats = [
        Seat(at_us=0, person=person.person, wearable=f"w{number}", profile=person.profile.id)
        for number, person in enumerate(session.people)
    ]
    streams = [reports(f"w{number}", number) for number in range(people)]
    board, fold = BoardFold(), SessionFold()
    states: list[BoardState] = []
    due_us = 0.0
    for packet in heapq.merge(seats, session.events, *streams, key=lambda packet: packet.at_us):
        if packet.at_us > until_s * 1e6:
            break
        while packet.at_us > due_us:
            states.append(board.at(round(due_us)))
            due_us += every_s * 1e6
        board.accept(packet)
        for reading in fold.push(packet):
            board.accept(reading)
    return states


@pytest.fixture(scope="module")
def cohort() -> Sequence[BoardState]:
    return _states(people=8, seed=1, until_s=1500, every_s=37.5)


@pytest.mark.parametrize("ascii_only", [False, True], ids=["glyphs", "ascii"])
@pytest.mark.parametrize("width", [80, 99, 100, 117, 118, 159, 160, 200])
def test_the_default_cohort_fits_the_screen_with_nothing_cut_off(
    cohort: Sequence[BoardState], width: int, ascii_only: bool
) -> None:
    for state in cohort:
        lines = _print(state, width=width, ascii_only=ascii_only)
        assert max(map(cell_len, lines)) <= width
        assert "…" not in "".join(lines)
        for number, row in enumerate(state.people, 1):
            assert sum(line.split()[:2] == [str(number), row.person] for line in lines) == 1
    assert len(cohort) == 40


@pytest.mark.parametrize("width", [80, 160])
def test_the_default_cohort_fits_a_screen_of_24_lines(cohort: Sequence[BoardState], width: int) -> None:
    assert max(len(_print(state, width=width)) for state in cohort) <= 24


def test_the_boards_of_a_session_show_what_there_is_to_show(cohort: Sequence[BoardState]) -> None:
    """So that the tests above look at more than an empty room."""
    rows = [row for state in cohort for row in state.people]
    assert {row.grade for row in rows} >= set(Grade)
    assert {row.against for row in rows} >= {AgainstUsual.UNKNOWN, AgainstUsual.USUAL, AgainstUsual.WELL_ABOVE}
    assert {row.signal for row in rows} >= {Signal.GOOD, Signal.WAITING}
    assert any(row.rising for row in rows)
    assert any(row.role is Role.SPEAKER for row in rows)
    assert any(row.rmssd_ms for row in rows)
    assert {row.last_mark for row in rows} >= {"", "escalation"}


@pytest.mark.parametrize("width", [80, 160])
def test_ascii_mode_prints_ascii_only(cohort: Sequence[BoardState], width: int) -> None:
    text = "".join("".join(_print(state, width=width, ascii_only=True)) for state in cohort)
    assert text.isascii()
    assert "#" in text


@pytest.mark.parametrize("width", [80, 160])
def test_no_board_names_a_feeling_or_judges_a_body(cohort: Sequence[BoardState], width: int) -> None:
    text = "".join("".join(_print(state, width=width)) for state in cohort).casefold()
    assert "well above" in text
    assert [word for word in _FORBIDDEN if word in text] == []


def test_narrow_screens_lose_columns_never_people(cohort: Sequence[BoardState]) -> None:
    text = "\n".join(_print(cohort[-1], width=80))
    assert all(row.person in text for row in cohort[-1].people)


def test_every_kind_of_row_fits_eighty_columns() -> None:
    """The widest that each column can be for one person."""
    board = _board(_seat("Marten", "w1"), _block(0))
    board.accept(_speaker(1, "Marten"))
    board.accept(_mark(2, "silence-held", "Marten"))
    board.accept(GradeReading(person="Marten", at_us=0, grade=Grade.PULSE))
    board.accept(Battery(person="Marten", at_us=0, charge_pct=20))
    for at_s in range(60):
        board.accept(_rate("Marten", at_s, 140, above=-20, spreads=-9, clean=False))
    board.accept(_measured("Marten", 60))
    lines = _print(board.at(), width=80)
    assert max(map(cell_len, lines)) <= 80
    assert "…" not in "".join(lines)


@pytest.mark.parametrize("typed", ["[bold]x[/bold]", "[/]", "a\\", "[link=x]", "\\[x]"])
def test_what_people_type_is_shown_as_typed_and_is_no_markup(typed: str) -> None:
    board = _board(_seat(typed, "w1"), _mark(1, typed, typed))
    lines = _print(board.at(), width=120)
    assert lines[-1] == f"0:00:01  {typed} - {typed}"
    assert any(line.startswith("1") and line.count(typed) == 2 for line in lines)


def test_what_people_type_cannot_steer_the_terminal() -> None:
    steering = "Heron\x1b[2J\x07\x9b2J\rfake"
    lines = _print(_board(_seat(steering, "w1"), _mark(1, steering, steering)).at(), width=120)
    assert any("Heron" in line for line in lines)
    assert not set("\x1b\x07\x9b\r") & set("".join(lines))


def test_readings_that_no_screen_shows_are_taken_without_a_word() -> None:
    board = _board(_seat("Heron"))
    before = board.at(0)
    beat = BeatReading(
        person="Heron",
        at_s=1,
        at_within_s=0.02,
        nn_ms=800,
        label=BeatLabel.NORMAL,
        corrected=False,
        gap_before=False,
        gap_s=None,
        hrv_absent_because=None,
    )
    board.accept(beat)
    board.accept(Worn(person="Heron", at_us=1, location=BodySensorLocation.CHEST))
    assert board.at(0) == before
