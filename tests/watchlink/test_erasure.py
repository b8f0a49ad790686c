"""A log without one person: what is the others' stays as it was, and none of it changes its meaning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchlink.erasure import DELETED, redaction, without
from watchlink.packets import (
    Correction,
    Discarded,
    DiscardReason,
    EventKind,
    LinkChange,
    LinkState,
    Meaning,
    Notification,
    Packet,
    Planned,
    Purpose,
    Role,
    Seat,
    SelfReport,
    SessionEvent,
    Sharing,
)
from watchlink.session import Room, corrected, default_plan, parse_plan

_PEOPLE = ("Heron", "Otter", "Wren")
_WEARABLES = ("w1", "w2", "w3")
_SEATS = [
    Seat(at_us=0, person=person, wearable=worn, profile="generic")
    for person, worn in zip(_PEOPLE, _WEARABLES, strict=True)
]
_AT = st.integers(1, 50)
_WHO = st.sampled_from(_PEOPLE)
_WORN = st.sampled_from(_WEARABLES)
_PACKETS: st.SearchStrategy[Packet] = st.one_of(
    st.builds(Seat, at_us=_AT, person=_WHO, wearable=_WORN, profile=st.just("generic")),
    st.builds(Notification, at_us=_AT, wearable=_WORN, payload=st.binary(min_size=2, max_size=12)),
    st.builds(
        Discarded, at_us=_AT, wearable=_WORN, payload=st.binary(max_size=4), reason=st.sampled_from(DiscardReason)
    ),
    st.builds(LinkChange, at_us=_AT, wearable=_WORN, state=st.sampled_from(LinkState)),
    st.builds(SelfReport, at_us=_AT, person=_WHO, item=st.just("sleep"), answer=st.just("6")),
    st.builds(Sharing, at_us=_AT, person=_WHO, purposes=st.just(frozenset({Purpose.RISES})), wording=st.just("1:0")),
    st.builds(
        SessionEvent, at_us=_AT, kind=st.just(EventKind.MARK), label=st.just("escalation"), person=st.none() | _WHO
    ),
)


@given(log=st.lists(_PACKETS, max_size=40), person=_WHO)
def test_what_is_left_is_the_log_of_the_others_whoever_swaps_wearables_with_whom(
    log: list[Packet], person: str
) -> None:
    log = [*_SEATS, *(Sharing(at_us=0, person=who, purposes=frozenset(), wording="1:0") for who in _PEOPLE), *log]
    worn_by: dict[str, str] = {}
    expected: list[Packet] = []
    for packet in log:
        if isinstance(packet, Seat):
            worn_by[packet.wearable] = packet.person
        about = getattr(packet, "person", worn_by.get(getattr(packet, "wearable", "")))
        if about != person:
            expected.append(packet)
    rest = without(log, person.upper())
    assert [packet for packet in rest.left if packet is not None] == expected
    assert sum(rest.gone.values()) == len(log) - len(expected)
    gone = {packet.payload for packet in log if isinstance(packet, Notification) and packet not in expected}
    assert gone <= rest.octets
    assert without([packet for packet in rest.left if packet is not None], person).touched is False


def _event(at_us: int, person: str | None, *, kind: EventKind = EventKind.MARK, label: str = "escalation") -> Packet:
    return SessionEvent(at_us=at_us, kind=kind, label=label, person=person, note="")


def _left(log: list[Packet], person: str = "Heron") -> list[Packet]:
    return [packet for packet in without(log, person).left if packet is not None]


def test_what_a_wearable_says_before_its_first_seat_goes_with_who_sits_down_with_it() -> None:
    early = LinkChange(at_us=0, wearable="w1", state=LinkState.SEEKING)
    assert _left([early, *_SEATS]) == _SEATS[1:]


def test_who_spoke_before_does_not_speak_on_when_the_next_ones_turn_is_deleted() -> None:
    def speaks(at_us: int, person: str) -> Packet:
        return _event(at_us, person, kind=EventKind.ROLE, label=Role.SPEAKER)

    log = [*_SEATS, speaks(1, "Otter"), speaks(2, "Heron"), speaks(3, "Wren")]
    room, roles = Room(), list[Role | None]()
    for packet in _left(log):
        if isinstance(packet, SessionEvent):
            room.enter(packet)
            roles.append(room.role("Otter"))
    assert roles == [Role.SPEAKER, None, None]
    assert "Heron" not in repr(_left(log))


@pytest.mark.parametrize(
    ("entered", "now", "stands"),
    [
        ("Heron", "Otter", ["Otter"]),
        ("Otter", "Heron", []),
        ("Heron", None, []),
        ("Otter", None, []),
        (None, "Heron", []),
        ("Heron", "Wren", ["Wren"]),
    ],
)
def test_a_corrected_entry_still_stands_for_whom_it_was_corrected_to(
    entered: str | None, now: str | None, stands: list[str]
) -> None:
    for second in (None, now):
        first = SessionEvent(at_us=5, kind=EventKind.MARK, label="escalation", person=entered, note="about it")
        corrections: list[Packet] = [
            Correction(
                at_us=9,
                of_us=5,
                now=None
                if who is None
                else SessionEvent(at_us=5, kind=EventKind.MARK, label="escalation", person=who, meaning=Meaning.BODY),
            )
            for who in ([now] if second is None else [second, now])
        ]
        left = _left([*_SEATS, first, *corrections])
        events = [packet for packet in left if isinstance(packet, SessionEvent)]
        standing = corrected(events, [packet for packet in left if isinstance(packet, Correction)])
        assert [event.person for event in standing.events] == stands
        assert standing.unmatched == 0
        assert "Heron" not in repr(left)


def test_the_last_statement_of_what_is_shared_leaves_the_gate_closed() -> None:
    shares = Sharing(at_us=1, person="Heron", purposes=frozenset(Purpose), wording="1:0")
    (kept,) = [packet for packet in _left([*_SEATS, shares]) if isinstance(packet, Sharing)]
    assert (kept.person, kept.purposes) == (DELETED, frozenset())


def test_a_log_in_which_nothing_of_anybody_is_left_is_empty() -> None:
    alone: list[Packet] = [_SEATS[0], Notification(at_us=1, wearable="w1", payload=b"\x00\x40"), _event(2, None)]
    assert without(alone, "Heron").empty
    assert not without([*alone, _SEATS[1]], "Heron").empty
    assert not without(alone, "Otter").empty


@pytest.mark.parametrize(
    ("alias", "text", "clean"),
    [
        ("Heron", "heron and HERON, Heron's turn", "(deleted) and (deleted), (deleted)'s turn"),
        ("Heron", "Herons, aHeron", "Herons, aHeron"),
        ("Zo\u00eb", "Zoe\u0308 and zo\u00eb", "(deleted) and (deleted)"),
        ("Otter II", "otter  ii", "(deleted)"),
        ("<b>x</b>", "a <b>x</b>.", "a (deleted)."),
        ("../../etc", "see ../../etc now", "see (deleted) now"),
        ('"; --', 'x "; -- y', "x (deleted) y"),
    ],
)
def test_a_pseudonym_is_taken_out_where_it_is_a_word(alias: str, text: str, clean: str) -> None:
    assert redaction(alias)(text) == clean


def test_words_of_others_lose_the_pseudonym_and_keep_the_rest() -> None:
    note = SessionEvent(at_us=3, kind=EventKind.NOTE, label="note", person="Otter", note="Heron was kind")
    plan = Planned(at_us=0, text=default_plan().text.replace("Role-play A", "Heron begins"))
    rest = without([*_SEATS, plan, note], "Heron")
    kept = [packet for packet in rest.left if isinstance(packet, SessionEvent | Planned)]
    assert [getattr(packet, "note", None) for packet in kept] == [None, "(deleted) was kind"]
    assert isinstance(kept[0], Planned)
    assert "Heron" not in kept[0].text
    assert rest.redacted == 2


@pytest.mark.parametrize("alias", ["break", "Silent", "kind", "minutes"])
def test_a_plan_can_still_be_read_when_somebody_was_called_like_one_of_its_words(alias: str) -> None:
    plan = default_plan().text
    (left,) = [packet for packet in _left([Planned(at_us=0, text=plan)], alias) if isinstance(packet, Planned)]
    assert [block.kind for block in parse_plan(left.text, file="").blocks] == [
        block.kind for block in default_plan().blocks
    ]
