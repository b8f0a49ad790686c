"""Plans, events files and typed marks: what they mean, and sentences for what they cannot mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchlink.errors import SessionFileError
from watchlink.packets import Correction, EventKind, Meaning, Role, SessionEvent
from watchlink.readings import Phase
from watchlink.session import (
    BLOCK_PHASES,
    Block,
    Plan,
    Room,
    corrected,
    default_plan,
    explains,
    parse_events,
    parse_mark,
    parse_person,
    parse_plan,
    plan_remarks,
)
from watchlink.vocabulary import default_vocabulary

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
        (["at_s,label,kind", "1,a,feeling"], r"line 2: kind must be one of block, role, mark, note\."),
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


def _mark(line: str, *, at_us: int = 0, people: Sequence[str] = ("Heron", "Otter", "Wren")) -> tuple[SessionEvent, ...]:
    return parse_mark(line, at_us=at_us, people=people, vocabulary=default_vocabulary())


@pytest.mark.parametrize(
    ("line", "kind", "label", "person", "note"),
    [
        ("escalation\n", EventKind.MARK, "escalation", None, ""),
        ("escalation 2", EventKind.MARK, "escalation", "Otter", ""),
        ("escalation Otter", EventKind.MARK, "escalation", "Otter", ""),
        ("escalation oTTER", EventKind.MARK, "escalation", "Otter", ""),
        ("  note   3   said it   twice  ", EventKind.NOTE, "note", "Wren", "said it twice"),
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
    assert _mark(line, at_us=123) == (SessionEvent(at_us=123, kind=kind, label=label, person=person, note=note),)


@pytest.mark.parametrize("line", ["", "\n", "  \t \n"])
def test_an_empty_line_is_no_mark(line: str) -> None:
    assert _mark(line) == ()


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
        _mark(line)
    assert str(caught.value) == complaint


def test_a_person_is_found_by_name_even_if_the_name_is_of_two_words() -> None:
    """`watchlink live` itself calls people "Person 1" where nobody was named."""
    events = _mark("escalation Person 2", people=("Person 1", "Person 2"))
    assert events == (SessionEvent(at_us=0, kind=EventKind.MARK, label="escalation", person="Person 2"),)


@given(st.text(), st.lists(st.text(min_size=1), max_size=8))
def test_whatever_is_typed_is_an_event_nothing_or_a_sentence(line: str, people: list[str]) -> None:
    try:
        events = _mark(line, at_us=7, people=people)
    except SessionFileError as error:
        assert str(error).endswith(".")  # noqa: PT017 - which of the three it is depends on the line
    else:
        assert all(event.person is None or event.person in people for event in events)
        assert all(event.at_us == 7 for event in events)
        assert events or not line.split() or "ago" in line


@pytest.mark.parametrize(
    ("line", "label", "person", "note", "ago_s"),
    [
        ("stood up 2 15s ago", "stood-up", "Otter", "", 15),
        ("escalation 1 15 s ago", "escalation", "Heron", "", 15),
        ("escalation 1 1.5 min ago", "escalation", "Heron", "", 90),
        ("escalation 15s AGO", "escalation", None, "", 15),
        ("take your time Heron he was ready", "your-time", "Heron", "he was ready", 0),
        ("Stood-Up 2", "stood-up", "Otter", "", 0),
        ("escalation 1 long ago", "escalation", "Heron", "long ago", 0),
        ("escalation 1 -5s ago", "escalation", "Heron", "-5s ago", 0),
    ],
)
def test_a_mark_may_be_late_and_its_label_typed_with_spaces(
    line: str, label: str, person: str | None, note: str, ago_s: float
) -> None:
    (event,) = _mark(line, at_us=200_000_000)
    assert (event.label, event.person, event.note) == (label, person, note)
    assert event.at_us == 200_000_000
    assert event.happened_us == round((200 - ago_s) * 1e6)


def test_what_is_marked_carries_its_meaning() -> None:
    meanings = {line: _mark(line)[0].meaning for line in ("stood up 1", "technical trouble", "paraphrase 1", "lunch")}
    assert list(meanings.values()) == [Meaning.BODY, Meaning.TROUBLE, Meaning.PRACTICE, Meaning.PRACTICE]


def test_listeners_and_observers_have_a_name() -> None:
    assert [event.label for event in _mark("listener 2")] == ["listener"]
    with pytest.raises(SessionFileError, match="Who is observer"):
        _mark("observer")


# --- the room --------------------------------------------------------------------------------------------------------


def _role(at_s: float, role: Role, person: str | None) -> SessionEvent:
    return SessionEvent(at_us=round(at_s * 1e6), kind=EventKind.ROLE, label=str(role), person=person)


def _roles_after(*events: SessionEvent) -> list[Role | None]:
    room = Room()
    for event in events:
        room.enter(event)
    return [room.role(person) for person in _PEOPLE]


def test_a_new_speaker_has_the_turn_alone_and_those_named_together_share_it() -> None:
    speaker, listener = Role.SPEAKER, Role.LISTENER
    assert _roles_after(_role(1, speaker, "Heron"), _role(2, speaker, "Otter")) == [None, speaker, None]
    assert _roles_after(_role(1, speaker, "Heron"), _role(1, speaker, "Otter")) == [speaker, speaker, None]
    assert _roles_after(_role(1, speaker, "Heron"), _role(2, listener, "Otter")) == [speaker, listener, None]
    assert _roles_after(_role(1, speaker, "Heron"), _role(2, speaker, None)) == [None, None, None]


def test_a_block_begins_without_roles_and_says_what_may_be_read() -> None:
    room = Room()
    assert room.phase is Phase.UNKNOWN
    room.enter(_role(1, Role.SPEAKER, "Heron"))
    assert room.enter(SessionEvent(at_us=2, kind=EventKind.BLOCK, label="break"))
    assert room.role("Heron") is None
    assert room.phase is Phase.MOVEMENT
    assert not room.enter(SessionEvent(at_us=3, kind=EventKind.MARK, label="break"))


# --- notes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "person", "note", "ago_s"),
    [
        ("note 2 said it twice", "Otter", "said it twice", 0),
        ("Note hERON Fetch Water 15s ago", "Heron", "Fetch Water", 15),
        ("note the projector hums", None, "the projector hums", 0),
        ("note 15 minutes were enough", None, "15 minutes were enough", 0),
        ("note Robin came in", None, "Robin came in", 0),
    ],
)
def test_a_note_is_its_words_about_whom_it_begins_with_or_nobody(
    line: str, person: str | None, note: str, ago_s: int
) -> None:
    assert _mark(line, at_us=20_000_000) == (
        SessionEvent(
            at_us=20_000_000, kind=EventKind.NOTE, label="note", person=person, note=note, ago_us=ago_s * 1_000_000
        ),
    )


@pytest.mark.parametrize("line", ["note", "note 2", "note Heron", "note 5 s ago", "note 2 5s ago"])
def test_a_note_without_words_is_refused_with_an_example(line: str) -> None:
    with pytest.raises(SessionFileError, match=r"^A note needs words: note 2 said it twice\.$"):
        _mark(line)


def test_a_note_changes_nothing_in_the_room_and_explains_no_rise() -> None:
    room = Room()
    room.enter(_role(1, Role.SPEAKER, "Heron"))
    (note,) = _mark("note 1 stood up", at_us=2_000_000)
    assert not room.enter(note)
    assert room.role("Heron") is Role.SPEAKER
    assert not explains(note)


def test_a_person_alone_is_meant_by_name_or_number() -> None:
    people = ("Heron", "Person 2")
    assert [parse_person(text, people) for text in ("1", "hERON", "person 2", "2")] == [
        *("Heron", "Heron", "Person 2", "Person 2")
    ]
    for text in ("", "Heron 2", "Robin", "3"):
        with pytest.raises(SessionFileError, match=r"^Nobody here is called .* People are: Heron, Person 2"):
            parse_person(text, people)


# --- what stands after corrections -----------------------------------------------------------------------------------


_EVENTS = st.builds(
    SessionEvent,
    at_us=st.integers(-5, 30),
    kind=st.just(EventKind.MARK),
    label=st.sampled_from("abc"),
    ago_us=st.integers(-3, 20),
)
_OF = st.integers(-5, 30)
_CORRECTIONS = st.builds(
    lambda at_us, of_us, now: Correction(at_us=at_us, of_us=of_us, now=now and replace(now, at_us=of_us)),
    at_us=st.integers(0, 99),
    of_us=_OF,
    now=st.none() | _EVENTS,
)


@given(st.lists(_EVENTS), st.lists(_CORRECTIONS))
def test_corrections_touch_just_what_they_name(entered: list[SessionEvent], corrections: list[Correction]) -> None:
    standing = corrected(entered, corrections)
    named = {correction.of_us for correction in corrections}
    untouched = [event for event in entered if event.at_us not in named]
    assert [event for event in standing.events if event.at_us not in named] == sorted(
        untouched, key=lambda event: event.happened_us
    )
    assert [e.happened_us for e in standing.events] == sorted(e.happened_us for e in standing.events)
    last = {correction.of_us: correction.now for correction in corrections}
    known_us = {event.at_us for event in entered}
    assert sorted(e.at_us for e in standing.events if e.at_us in named) == sorted(
        of_us for of_us, now in last.items() if now is not None and of_us in known_us
    )
    assert standing.unmatched == len(named - known_us)
    assert standing.corrected == len(entered) - len(untouched)


def test_what_stands_instead_keeps_the_instant_of_the_entry() -> None:
    with pytest.raises(ValueError, match="instant"):
        Correction(at_us=9, of_us=1, now=SessionEvent(at_us=2, kind=EventKind.MARK, label="a"))


def test_movement_and_trouble_explain_a_rise() -> None:
    mark = SessionEvent(at_us=0, kind=EventKind.MARK, label="x")
    assert not explains(mark)
    assert explains(replace(mark, meaning=Meaning.BODY))
    assert explains(replace(mark, meaning=Meaning.TROUBLE))
    assert explains(SessionEvent(at_us=0, kind=EventKind.BLOCK, label="break"))
    assert not explains(SessionEvent(at_us=0, kind=EventKind.BLOCK, label="role-play"))


# --- events of another clock -----------------------------------------------------------------------------------------


def test_events_of_another_clock_are_shifted() -> None:
    lines = ["at_s,label,kind", "10,interruption,", "5,listener,role"]
    events = parse_events(lines, file="e.csv", offset_s=-12.5)
    assert [(event.happened_us, event.kind) for event in events] == [
        (-7_500_000, EventKind.ROLE),
        (-2_500_000, EventKind.MARK),
    ]


def test_a_role_that_there_is_not_is_refused() -> None:
    with pytest.raises(SessionFileError, match="no role 'boss'"):
        parse_events(["at_s,label,kind", "1,boss,role"], file="e.csv")


# --- what a plan says of its blocks beside how long they are ---------------------------------------------------------


def _plan_of(*blocks: str, words: str = "") -> Plan:
    return parse_plan("".join(f"[[block]]\n{block}\n" for block in blocks) + words, file="p.toml")


def test_a_block_says_who_practises_in_it_and_when_its_scenario_is_new() -> None:
    plan = _plan_of(
        'kind = "role-play"\nminutes = 5\nspeakers = [3, 1]\nnew_in_weeks = [8, 2, 2]', 'kind = "break"\nminutes = 5'
    )
    assert [(block.speakers, block.new_in_weeks) for block in plan.blocks] == [((3, 1), {2, 8}), ((), frozenset())]


@pytest.mark.parametrize("key", ["speakers", "new_in_weeks"])
@pytest.mark.parametrize("value", ["0", "3", "'1'", "[0]", "[53]", "[-1]", "[1.0]", "[true]", "['1']", "[[1]]", "{}"])
def test_speakers_and_weeks_that_are_no_list_of_numbers_are_refused(key: str, value: str) -> None:
    with pytest.raises(SessionFileError, match=rf"^p\.toml, block 2: {key} must be a list of numbers from 1 to 52;"):
        _plan_of("kind = 'break'\nminutes = 1", f"kind = 'break'\nminutes = 1\n{key} = {value}")


def test_the_plan_that_ships_lets_eight_people_practise_once_each_and_is_not_odd() -> None:
    plan = default_plan()
    assert sorted(number for block in plan.blocks for number in block.speakers) == list(range(1, 9))
    assert [block.title for block in plan.blocks if block.new_in_weeks] == ["Role-play B"]
    assert plan_remarks(plan) == ()


_SILENCE = "kind = 'baseline'\nminutes = 5"
_PLAY = "kind = 'role-play'\nminutes = 5"
_RECOVERY = "kind = 'recovery'\nminutes = 5"


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (_plan_of(_SILENCE, _PLAY, _RECOVERY), []),
        (_plan_of(_SILENCE), []),
        (_plan_of(_PLAY, _RECOVERY), ["It does not begin with a silent baseline"]),
        (_plan_of(_SILENCE, _PLAY), ["It has no silent recovery"]),
        (_plan_of(_SILENCE, _PLAY, _PLAY, _RECOVERY), ["Two blocks have one title"]),
        (
            _plan_of(_SILENCE, words="".join(f"[[event]]\nlabel = 'w{number}'\n" for number in range(20))),
            ["No key is left for: w18, w19. They can be typed."],
        ),
    ],
    ids=range(6),
)
def test_what_is_odd_about_a_plan_is_said_and_nothing_else(plan: Plan, said: list[str]) -> None:
    remarks = plan_remarks(plan)
    assert [remark[: len(words)] for remark, words in zip(remarks, said, strict=True)] == said
