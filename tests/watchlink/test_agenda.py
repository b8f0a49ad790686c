"""Where a session stands in its plan, read from its log."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchlink.agenda import Agenda, turn
from watchlink.packets import (
    Correction,
    EventKind,
    Extension,
    Notification,
    Packet,
    Planned,
    Purpose,
    Role,
    SessionEvent,
    Sharing,
)
from watchlink.session import Block

_PEOPLE = ("Heron", "Otter", "Wren")
_MIN = 60_000_000
_TEXT = """
title = "Short"
[[block]]
kind = "baseline"
title = "Silence"
minutes = 5
[[block]]
kind = "role-play"
title = "Role-play A"
minutes = 10
speakers = [3, 1, 8]
new_in_weeks = [2, 5]
[[block]]
kind = "closing"
title = "Round"
minutes = 3
"""


def _planned(*, text: str = _TEXT, week: int | None = None) -> Planned:
    return Planned(at_us=0, text=text, week=week)


def _block(kind: str, title: str, at_min: float, *, ago_min: float = 0) -> SessionEvent:
    return SessionEvent(
        at_us=round(at_min * _MIN), kind=EventKind.BLOCK, label=kind, note=title, ago_us=round(ago_min * _MIN)
    )


def _agenda(*packets: Packet) -> Agenda:
    agenda = Agenda()
    for packet in packets:
        agenda.enter(packet)
    return agenda


def _begin(agenda: Agenda, at_min: float) -> tuple[SessionEvent, ...]:
    """Let the next block begin, as the desk does."""
    events = agenda.beginning(round(at_min * _MIN), _PEOPLE)
    for event in events:
        agenda.enter(event)
    return events


def _stand(agenda: Agenda) -> tuple[int, str | None, int | None, str | None]:
    """How many blocks of the plan have begun, which of it runs until when, which is next."""
    block, after = agenda.block, agenda.next_block
    return agenda.number, None if block is None else block.title, agenda.ends_us, None if after is None else after.title


def test_before_its_first_block_a_session_waits() -> None:
    agenda = _agenda(_planned())
    assert _stand(agenda) == (0, None, None, "Silence")
    assert agenda.blocks == 3
    assert agenda.running is None
    assert not agenda.is_due(10**12)
    assert not agenda.is_over(10**12)


def test_a_session_without_a_plan_has_blocks_that_end_at_no_time() -> None:
    agenda = _agenda(_block("break", "break", 1))
    assert agenda.running == _block("break", "break", 1)
    assert _stand(agenda) == (0, None, None, None)
    assert agenda.blocks == 0
    assert agenda.beginning(2 * _MIN, _PEOPLE) == ()
    assert not agenda.is_over(10**12)


def test_blocks_follow_each_other_and_each_is_due_when_the_one_before_has_lasted() -> None:
    agenda = _agenda(_planned())
    assert _begin(agenda, 1) == (_block("baseline", "Silence", 1),)
    assert _stand(agenda) == (1, "Silence", 6 * _MIN, "Role-play A")
    assert [agenda.is_due(at_us) for at_us in (6 * _MIN - 1, 6 * _MIN)] == [False, True]
    assert _begin(agenda, 7) == (  # who begins late lasts as long
        _block("role-play", "Role-play A", 7),
        SessionEvent(at_us=7 * _MIN + 1, kind=EventKind.ROLE, label=str(Role.SPEAKER), person="Wren"),
    )
    assert _stand(agenda) == (2, "Role-play A", 17 * _MIN, "Round")
    _begin(agenda, 17)
    assert _stand(agenda) == (3, "Round", 20 * _MIN, None)


def test_after_the_last_block_nothing_is_next_and_the_session_is_over_when_it_has_lasted() -> None:
    agenda = _agenda(_planned())
    for at_min in (0, 5):
        _begin(agenda, at_min)
        assert not agenda.is_over(10**12)
    _begin(agenda, 15)
    assert agenda.beginning(16 * _MIN, _PEOPLE) == ()
    assert not agenda.is_due(10**12)
    assert [agenda.is_over(at_us) for at_us in (18 * _MIN - 1, 18 * _MIN)] == [False, True]
    agenda.enter(_block("feedback", "feedback", 19))  # somebody adds one that is not planned: it ends when they say
    assert _stand(agenda) == (3, None, None, None)
    assert not agenda.is_over(10**12)


def test_a_block_lasts_as_much_longer_or_shorter_as_was_said_and_its_successor_as_long_as_planned() -> None:
    agenda = _agenda(_planned())
    _begin(agenda, 0)
    for by_min, ends_min in ((2, 7), (3, 10), (-4, 6)):
        agenda.enter(Extension(at_us=_MIN, by_us=by_min * _MIN))
        assert agenda.ends_us == ends_min * _MIN
    agenda.enter(Extension(at_us=2 * _MIN, by_us=-5 * _MIN))
    assert agenda.is_due(2 * _MIN)
    _begin(agenda, 2)
    assert agenda.ends_us == 12 * _MIN


def test_nothing_is_made_longer_while_no_planned_block_runs() -> None:
    extension = Extension(at_us=_MIN, by_us=_MIN)
    assert _stand(_agenda(_planned(), extension)) == (0, None, None, "Silence")
    assert _stand(_agenda(_planned(), _block("break", "break", 0), extension)) == (0, None, None, "Silence")


def test_a_block_that_is_not_planned_comes_in_between_and_the_plan_goes_on_after_it() -> None:
    agenda = _agenda(_planned())
    _begin(agenda, 0)
    agenda.enter(_block("breathing", "breathing", 3))
    assert _stand(agenda) == (1, None, None, "Role-play A")
    assert agenda.running == _block("breathing", "breathing", 3)
    assert not agenda.is_due(10**12)
    _begin(agenda, 4)
    assert _stand(agenda) == (2, "Role-play A", 14 * _MIN, "Round")


def test_a_block_of_the_plan_that_is_begun_early_leaves_out_those_before_it() -> None:
    agenda = _agenda(_planned(), _block("closing", "Round", 1))
    assert _stand(agenda) == (3, "Round", 4 * _MIN, None)
    agenda.enter(_block("baseline", "Silence", 2))  # the plan does not go back
    assert _stand(agenda) == (3, None, None, None)


def test_a_block_of_the_plan_is_known_by_kind_and_title() -> None:
    assert _stand(_agenda(_planned(), _block("closing", "Silence", 0))) == (0, None, None, "Silence")
    assert _stand(_agenda(_planned(), _block("baseline", "baseline", 0))) == (0, None, None, "Silence")


def test_blocks_of_one_title_come_one_by_one() -> None:
    twice = '[[block]]\nkind = "break"\nminutes = 1\n' * 2
    agenda = _agenda(_planned(text=twice))
    assert [(_begin(agenda, at_min), agenda.number)[1] for at_min in (0, 1)] == [1, 2]
    assert agenda.beginning(2 * _MIN, _PEOPLE) == ()


def test_a_block_that_is_entered_late_ends_as_if_it_had_been_entered_in_time() -> None:
    agenda = _agenda(_planned(), _block("baseline", "Silence", 3, ago_min=2))
    assert agenda.running == _block("baseline", "Silence", 1)
    assert agenda.ends_us == 6 * _MIN


@pytest.mark.parametrize("text", ["", "title = ", '[[block]]\nkind = "nap"\nminutes = 3'])
def test_a_session_goes_on_without_a_plan_that_cannot_be_read(text: str) -> None:
    broken = _planned(text=text, week=2)
    agenda = _agenda(broken, _block("baseline", "Silence", 0))
    assert _stand(agenda) == (0, None, None, None)
    assert agenda.blocks == 0
    assert agenda.beginning(_MIN, _PEOPLE) == ()


def test_a_plan_that_cannot_be_read_ends_no_session_that_had_one() -> None:
    agenda = _agenda(_planned(), _block("baseline", "Silence", 0), _planned(text="nothing"))
    assert _stand(agenda)[1:] == (None, None, None)
    assert not agenda.is_over(10**12)
    assert not agenda.scenario_is_new


def test_another_plan_is_followed_from_its_beginning_however_short_it_is() -> None:
    agenda = _agenda(_planned())
    for at_min in (0, 5):
        _begin(agenda, at_min)
    agenda.enter(_planned(text='[[block]]\nkind = "break"\ntitle = "Tea"\nminutes = 1'))
    assert _stand(agenda) == (0, None, None, "Tea")
    _begin(agenda, 6)
    assert _stand(agenda) == (1, "Tea", 7 * _MIN, None)


@pytest.mark.parametrize(("week", "new"), [(1, False), (2, True), (5, True), (None, False)])
def test_a_scenario_is_new_in_the_weeks_of_its_block_and_while_it_runs(week: int | None, new: bool) -> None:
    agenda = _agenda(_planned(week=week))
    seen = [agenda.scenario_is_new]
    for at_min in (0, 5, 15):
        _begin(agenda, at_min)
        seen.append(agenda.scenario_is_new)
    assert seen == [False, False, new, False]
    assert agenda.week == week


# --- whose turn it is ------------------------------------------------------------------------------------------------


def _speak(speakers: tuple[int, ...], people: Sequence[str], *, turns: int) -> list[str | None]:
    """Who speaks, turn after turn."""
    block = Block(kind="role-play", title="", minutes=1, speakers=speakers)
    after: str | None = None
    spoken: list[str | None] = []
    for number in range(turns):
        for event in turn(block, number, tuple(people), after=after):
            assert (event.at_us, event.kind, event.label) == (number, EventKind.ROLE, Role.SPEAKER)
            after = event.person
            spoken.append(after)
    return spoken


@pytest.mark.parametrize(
    ("speakers", "spoken"),
    [
        ((1, 2), ["Heron", "Otter", "Heron", "Otter"]),
        ((3, 1, 8), ["Wren", "Heron", "Wren", "Heron"]),
        ((7, 2), ["Otter"] * 4),
        ((4, 5), []),
        ((), []),
    ],
)
def test_those_who_practise_take_turns_and_those_who_are_not_there_are_left_out(
    speakers: tuple[int, ...], spoken: list[str]
) -> None:
    assert _speak(speakers, _PEOPLE, turns=4) == spoken
    assert _speak(speakers, (), turns=4) == []


def test_after_somebody_who_does_not_practise_in_the_block_its_first_one_speaks() -> None:
    block = Block(kind="role-play", title="", minutes=1, speakers=(3, 1))
    assert [event.person for event in turn(block, 0, _PEOPLE, after="Otter")] == ["Wren"]


# --- a log that is read again ----------------------------------------------------------------------------------------

_BLOCKS = st.sampled_from(
    [("baseline", "Silence"), ("role-play", "Role-play A"), ("closing", "Round"), ("break", "break"), ("closing", "")]
)
_PACKETS = st.lists(
    st.one_of(
        st.builds(lambda block: _block(block[0], block[1], 1), _BLOCKS),
        st.builds(Extension, at_us=st.just(0), by_us=st.integers(-20 * _MIN, 20 * _MIN)),
        st.builds(
            Planned,
            at_us=st.just(0),
            text=st.sampled_from([_TEXT, _TEXT[: _TEXT.rindex("[[")], "nothing"]),
            week=st.none() | st.just(2),
        ),
        st.just(None),  # the next block begins
    ),
    max_size=12,
)


@given(_PACKETS, st.integers(0, 40 * _MIN))
def test_a_log_that_is_read_again_gives_the_same_agenda(said: list[Packet | None], at_us: int) -> None:
    live = Agenda()
    log: list[Packet] = []
    for packet in said:
        for entered in live.beginning(at_us, _PEOPLE) if packet is None else (packet,):
            live.enter(entered)
            log.append(entered)
        assert 0 <= live.number <= 3
        assert (live.block is None) or (live.running is not None and live.block.title == live.running.note)
        assert not (live.is_due(at_us) and live.is_over(at_us))
        assert not live.is_due(at_us) or live.beginning(at_us, _PEOPLE)
    again = _agenda(*log)
    assert (_stand(again), again.running, again.week) == (_stand(live), live.running, live.week)


def test_what_is_no_matter_of_the_plan_leaves_it_where_it_is() -> None:
    agenda = _agenda(_planned())
    _begin(agenda, 0)
    before = _stand(agenda)
    for packet in (
        SessionEvent(at_us=1, kind=EventKind.MARK, label="break"),
        SessionEvent(at_us=2, kind=EventKind.NOTE, label="note", note="Role-play A"),
        Notification(at_us=3, wearable="w1", payload=b"\0\x3c"),
        Sharing(at_us=4, person="Heron", purposes=frozenset(Purpose), wording=""),
        Correction(at_us=5, of_us=1),
    ):
        agenda.enter(packet)
    assert _stand(agenda) == before
