"""Plans, events files and typed marks: what they mean, and sentences for what they cannot mean."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchlink.errors import SessionFileError
from watchlink.packets import EventKind, SessionEvent
from watchlink.readings import Phase
from watchlink.session import BLOCK_PHASES, Block, Plan, default_plan, parse_events, parse_mark, parse_plan

_PEOPLE = ("Heron", "Otter", "Wren")


# --- plans -----------------------------------------------------------------------------------------------------------


def test_the_plan_that_ships_lasts_two_hours() -> None:
    plan = default_plan()
    assert plan.duration_us == 120 * 60 * 1_000_000
    assert plan.title == "Staying present with an angry customer"


def test_the_plan_that_ships_begins_and_nearly_ends_in_silence_with_four_role_plays_and_a_break_between() -> None:
    kinds = [block.kind for block in default_plan().blocks]
    assert kinds[0] == "baseline"
    assert kinds[-2:] == ["recovery", "closing"]
    assert kinds.count("role-play") == 4
    assert kinds.count("break") == 1


def test_a_plan_is_events_at_the_sums_of_its_minutes() -> None:
    plan = parse_plan(
        """
        title = "Short"
        [[block]]
        kind = "baseline"
        title = "Silent baseline"
        minutes = 0.5
        [[block]]
        kind = "role-play"
        minutes = 7
        [[block]]
        kind = "recovery"
        title = "Silence"
        minutes = 1.25
        """,
        file="short.toml",
    )
    assert plan == Plan(
        title="Short",
        blocks=(
            Block(kind="baseline", title="Silent baseline", minutes=0.5),
            Block(kind="role-play", title="role-play", minutes=7.0),
            Block(kind="recovery", title="Silence", minutes=1.25),
        ),
    )
    assert plan.events() == (
        SessionEvent(at_us=0, kind=EventKind.BLOCK, label="baseline", note="Silent baseline"),
        SessionEvent(at_us=30_000_000, kind=EventKind.BLOCK, label="role-play", note="role-play"),
        SessionEvent(at_us=450_000_000, kind=EventKind.BLOCK, label="recovery", note="Silence"),
    )
    assert plan.duration_us == 525_000_000


@given(st.lists(st.floats(min_value=0.001, max_value=1440), min_size=1, max_size=20))
def test_blocks_follow_each_other_without_a_gap(minutes: list[float]) -> None:
    plan = Plan(title="", blocks=tuple(Block(kind="break", title="", minutes=span) for span in minutes))
    starts_us = [event.at_us for event in plan.events()]
    assert starts_us[0] == 0
    assert starts_us == sorted(starts_us)
    spans_us = [later - earlier for earlier, later in zip(starts_us, [*starts_us[1:], plan.duration_us], strict=True)]
    assert spans_us == [round(span * 60_000_000) for span in minutes]


def test_a_plan_without_a_title_goes_by_its_file() -> None:
    assert parse_plan('[[block]]\nkind = "break"\nminutes = 1', file="tuesday.toml").title == "tuesday.toml"


@pytest.mark.parametrize(
    ("phase", "kinds"),
    [
        (Phase.SILENT, {"baseline", "breathing", "recovery"}),
        (Phase.TALK, {"role-play", "feedback", "closing"}),
        (Phase.MOVEMENT, {"break"}),
    ],
)
def test_each_kind_of_block_allows_its_phase(phase: Phase, kinds: set[str]) -> None:
    assert {kind for kind, allowed in BLOCK_PHASES.items() if allowed is phase} == kinds


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("title = ", r"p\.toml is not a plan: Invalid value"),
        ("", r"p\.toml holds no \[\[block\]\]\. A plan needs at least one"),
        ('title = "x"\nblock = 5', r"p\.toml holds no \[\[block\]\]"),
        ("block = []", r"p\.toml holds no \[\[block\]\]"),
        ("[block]\nkind = 'break'\nminutes = 1", r"p\.toml holds no \[\[block\]\]"),
        ("block = [5]", r"p\.toml, block 1 is no table"),
        ("[[block]]\nminutes = 1", r"p\.toml, block 1: kind must be one of baseline, .*; it is None\."),
        ("[[block]]\nkind = 'break'", r"p\.toml, block 1: minutes must be a number above 0 .*; it is None\."),
        ("[[block]]\nkind = 'nap'\nminutes = 1", r"block 1: kind must be one of .*; it is 'nap'\."),
        ("[[block]]\nkind = ['break']\nminutes = 1", r"block 1: kind must be one of"),
        ("[[block]]\nkind = {a = 1}\nminutes = 1", r"block 1: kind must be one of"),
        ("[[block]]\nkind = 1\nminutes = 1", r"block 1: kind must be one of .*; it is 1\."),
        ("[[block]]\nkind = 'break'\nminutes = 0", r"block 1: minutes .*; it is 0\."),
        ("[[block]]\nkind = 'break'\nminutes = -3", r"block 1: minutes .*; it is -3\."),
        ("[[block]]\nkind = 'break'\nminutes = nan", r"block 1: minutes .*; it is nan\."),
        ("[[block]]\nkind = 'break'\nminutes = inf", r"block 1: minutes .*; it is inf\."),
        ("[[block]]\nkind = 'break'\nminutes = 1441", r"block 1: minutes .* at most 1440; it is 1441\."),
        ("[[block]]\nkind = 'break'\nminutes = '5'", r"block 1: minutes .*; it is '5'\."),
        ("[[block]]\nkind = 'break'\nminutes = true", r"block 1: minutes .*; it is True\."),
        ("[[block]]\nkind = 'break'\nminutes = 1\n[[block]]\nkind = 'x'\nminutes = 1", r"p\.toml, block 2: kind"),
        ("x = " + "[" * 5000 + "]" * 5000, r"p\.toml is not a plan"),
    ],
    ids=range(21),
)
def test_a_plan_that_is_none_is_refused_by_file_block_and_reason(text: str, complaint: str) -> None:
    with pytest.raises(SessionFileError, match=complaint):
        parse_plan(text, file="p.toml")


# --- events files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["at_s", "t_s"])
def test_seconds_become_exact_microseconds_under_either_name(column: str) -> None:
    lines = [f"{column},label", "26.0,baseline_start", "-1.5,early", "1033.2,rest1_start", "7200.000001,end"]
    events = parse_events(lines, file="e.csv")
    assert [(event.at_us, event.label) for event in events] == [
        (-1_500_000, "early"),
        (26_000_000, "baseline_start"),
        (1_033_200_000, "rest1_start"),
        (7_200_000_001, "end"),
    ]
    assert {event.kind for event in events} == {EventKind.MARK}


def test_every_column_is_understood_in_any_order_with_white_space_around() -> None:
    lines = [
        "note,person,label,kind,at_s,colour",
        "loud , Heron , escalation,mark, 12.5 ,red",
        ",,role-play,block,0,",
        ",Otter,speaker,speaker,3,",
        '"said ""no"", twice",,interruption,,4,',
    ]
    assert parse_events(lines, file="e.csv") == (
        SessionEvent(at_us=0, kind=EventKind.BLOCK, label="role-play"),
        SessionEvent(at_us=3_000_000, kind=EventKind.ROLE, label="speaker", person="Otter"),
        SessionEvent(at_us=4_000_000, kind=EventKind.MARK, label="interruption", note='said "no", twice'),
        SessionEvent(at_us=12_500_000, kind=EventKind.MARK, label="escalation", person="Heron", note="loud"),
    )


def test_events_at_the_same_time_keep_the_order_of_their_lines() -> None:
    events = parse_events(["at_s,label", "5,c", "1,a", "5,b", "1,z"], file="e.csv")
    assert [event.label for event in events] == ["a", "z", "c", "b"]


@pytest.mark.parametrize("lines", [[], ["at_s,label"]])
def test_a_file_without_events_holds_none(lines: list[str]) -> None:
    assert parse_events(lines, file="e.csv") == ()


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (["at_s,label", "1,a", ",b"], r"e\.csv, line 3: at_s must be seconds since the start; it is ''\."),
        (["at_s,label", "soon,a"], r"e\.csv, line 2: at_s must be seconds .*; it is 'soon'\."),
        (["at_s,label", "nan,a"], r"line 2: at_s must be seconds .*; it is 'nan'\."),
        (["at_s,label", "inf,a"], r"line 2: at_s must be seconds .*; it is 'inf'\."),
        (["at_s,label", "1e300,a"], r"line 2: at_s must be seconds .*; it is '1e300'\."),
        (["at_s,label", "1"], r"e\.csv, line 2: no label\. Expected the columns at_s and label\."),
        (["at_s,label", "1,a", "2, "], r"line 3: no label"),
        (["at_s;label", "1;a"], r"line 2: no label\. Expected the columns"),
        (["time,label", "1,a"], r"line 2: at_s must be seconds .*; it is ''\."),
        (["at_s,label,kind", "1,a,feeling"], r"line 2: kind must be one of block, speaker, mark\."),
        (["at_s,label", '1,"a'], r"e\.csv is not a CSV file of events: unexpected end of data"),
        (["at_s,label", "1,a", '2,"b"c'], r"e\.csv is not a CSV file of events"),
        (["at_s,label", "1,a", "", "", "x,b"], r"e\.csv, line 5: at_s"),
        (["at_s,label,note", '1,a,"two', 'lines"', "x,b"], r"e\.csv, line 4: at_s"),
    ],
    ids=range(14),
)
def test_a_line_that_cannot_be_used_is_named_with_the_reason(lines: list[str], complaint: str) -> None:
    with pytest.raises(SessionFileError, match=complaint):
        parse_events([line + "\n" for line in lines], file="e.csv")


def test_the_events_of_a_published_recording_are_read(shared_data: Path) -> None:
    name = shared_data / "rr" / "stress_predict" / "S07_events.csv"
    events = parse_events(name.read_text().splitlines(), file=name.name)
    assert len(events) == len(name.read_text().splitlines()) - 1
    assert events[0].label == "baseline_start"
    assert [event.at_us for event in events] == sorted(event.at_us for event in events)


# --- marks typed as words --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "kind", "label", "person", "note"),
    [
        ("escalation\n", EventKind.MARK, "escalation", None, ""),
        ("escalation 2", EventKind.MARK, "escalation", "Otter", ""),
        ("escalation Otter", EventKind.MARK, "escalation", "Otter", ""),
        ("escalation oTTER", EventKind.MARK, "escalation", "Otter", ""),
        ("  note   3   said it   twice  ", EventKind.MARK, "note", "Wren", "said it twice"),
        ("speaker Heron", EventKind.ROLE, "speaker", "Heron", ""),
        ("speaker 1", EventKind.ROLE, "speaker", "Heron", ""),
        ("speaker", EventKind.ROLE, "speaker", None, ""),
        ("block break", EventKind.BLOCK, "break", None, "break"),
        ("block role-play", EventKind.BLOCK, "role-play", None, "role-play"),
    ],
)
def test_words_become_an_event_at_the_time_they_were_typed(
    line: str, kind: EventKind, label: str, person: str | None, note: str
) -> None:
    assert parse_mark(line, at_us=123, people=_PEOPLE) == SessionEvent(
        at_us=123, kind=kind, label=label, person=person, note=note
    )


@pytest.mark.parametrize("line", ["", "\n", "  \t \n"])
def test_an_empty_line_is_no_mark(line: str) -> None:
    assert parse_mark(line, at_us=0, people=_PEOPLE) is None


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("escalation 4", "Nobody here is called '4'. People are: Heron, Otter, Wren, or 1 to 3."),
        ("escalation 0", "Nobody here is called '0'. People are: Heron, Otter, Wren, or 1 to 3."),
        ("escalation -1", "Nobody here is called '-1'. People are: Heron, Otter, Wren, or 1 to 3."),
        ("escalation ²", "Nobody here is called '²'. People are: Heron, Otter, Wren, or 1 to 3."),
        ("speaker Robin", "Nobody here is called 'Robin'. People are: Heron, Otter, Wren, or 1 to 3."),
        (
            "block lunch",
            "No block 'lunch'. Blocks are: baseline, role-play, feedback, break, breathing, recovery, closing.",
        ),
        ("block", "No block ''. Blocks are: baseline, role-play, feedback, break, breathing, recovery, closing."),
    ],
)
def test_who_or_what_is_not_known_is_answered_with_what_is(line: str, complaint: str) -> None:
    with pytest.raises(SessionFileError) as caught:
        parse_mark(line, at_us=0, people=_PEOPLE)
    assert str(caught.value) == complaint


def test_a_person_is_found_by_name_even_if_the_name_is_of_two_words() -> None:
    """`watchlink live` itself calls people "Person 1" where nobody was named."""
    event = parse_mark("escalation Person 2", at_us=0, people=("Person 1", "Person 2"))
    assert event == SessionEvent(at_us=0, kind=EventKind.MARK, label="escalation", person="Person 2")


@given(st.text(), st.lists(st.text(min_size=1), max_size=8))
def test_whatever_is_typed_is_an_event_nothing_or_a_sentence(line: str, people: list[str]) -> None:
    try:
        event = parse_mark(line, at_us=7, people=people)
    except SessionFileError as error:
        assert str(error).endswith(".")  # noqa: PT017 - which of the three it is depends on the line
    else:
        assert (event is None) == (not line.split())
        assert event is None or event.person is None or event.person in people
