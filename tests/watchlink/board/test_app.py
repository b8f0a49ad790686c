"""The board under the fingers: every key does what the help says, is confirmed in words, and reaches the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from watchlink.board.app import Board, Panel
from watchlink.board.door import Door
from watchlink.board.state import Keeping
from watchlink.board.wire import View
from watchlink.clock import MachineClock
from watchlink.commands.output import text_sink
from watchlink.hub import Item, run_session
from watchlink.packets import (
    Correction,
    EventKind,
    Extension,
    LinkChange,
    LinkState,
    Notification,
    Packet,
    Planned,
    Purpose,
    Role,
    Seat,
    SessionEvent,
    Sharing,
)
from watchlink.session import default_plan
from watchlink.sources.desk import Desk
from watchlink.sources.merged import MergedSource
from watchlink.sources.replay import ReplaySource
from watchlink.timeline import Timeline

_PEOPLE = ("Heron", "Otter", "Wren")
_ALL = frozenset(Purpose)
_NONE: frozenset[Purpose] = frozenset()


class _Kept:
    """Sink: what reached the log from the desk."""

    def __init__(self) -> None:
        self.said: list[Packet] = []

    def accept(self, item: Item) -> None:
        if isinstance(item, SessionEvent | Correction | Extension | Sharing):
            self.said.append(item)

    def tick(self, now_us: int, *, trouble: str | None) -> None: ...

    def close(self, timeline: Timeline) -> None: ...


@dataclass(slots=True)
class _Room:
    """A session in this process, and its board."""

    pilot: Pilot[None]
    app: Board
    desk: Desk
    log: list[Packet]

    @property
    def screen(self) -> str:
        """What a person reads."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)

    async def until(self, condition: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(20):
                while not condition():
                    await self.pilot.pause()
        except TimeoutError:
            pytest.fail(f"it never came to that; the screen is\n{self.screen}")

    async def reads(self, words: str) -> None:
        """Wait until a person can read this."""
        await self.until(lambda: words in self.screen)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def begin(self) -> None:
        await self.press("enter")
        await self.reads("begins")
        await self.press("enter")
        await self.reads("Silent baseline 1/12")
        self.log.clear()


def _reports() -> list[Packet]:
    """Everybody's wearable sends a hundred reports, one a second; Wren's link is lost then."""
    packets: list[Packet] = [
        Seat(at_us=0, person=person, wearable=f"w{number}", profile="polar-h10")
        for number, person in enumerate(_PEOPLE, 1)
    ]
    for second in range(1, 101):
        for number in range(1, 4):
            payload = bytes([0x10, 60 + 10 * number]) + round(1024 * 60 / (60 + 10 * number)).to_bytes(2, "little")
            packets.append(Notification(at_us=second * 1_000_000 + number, wearable=f"w{number}", payload=payload))
    packets.append(LinkChange(at_us=101_000_000, wearable="w3", state=LinkState.LOST, reason="out of reach"))
    return packets


@asynccontextmanager
async def _room(folder: Path, *, size: tuple[int, int] = (80, 24), ascii_only: bool = False) -> AsyncIterator[_Room]:
    clock = MachineClock(started_at=None, at_least_us=101_000_000)
    desk = Desk(
        clock=clock,
        people=_PEOPLE,
        plan=Planned(at_us=0, text=default_plan().text, week=2),
        shared={"Heron": _ALL, "Otter": _NONE, "Wren": _ALL},
    )
    door = Door(
        desk,
        archive=folder / "archive.sqlite3",
        session=7,
        title="Practice",
        keeping=lambda: Keeping(on=True, free_mb=9_000),
        text_sink=text_sink,
    )
    kept = _Kept()
    async with door:
        source = MergedSource(ReplaySource(_reports(), clock=None), until=desk)
        session = asyncio.create_task(run_session(source, clock=clock, recorder=None, sinks=[door, kept]))
        app = Board(folder / "archive.sqlite3", ascii_only=ascii_only)
        async with app.run_test(size=size) as pilot:
            room = _Room(pilot=pilot, app=app, desk=desk, log=kept.said)
            await room.reads("Wren")
            await room.reads("lost")
            yield room
        desk.say("end")
        await session


def _in_a_room(
    tmp_path: Path,
    act: Callable[[_Room], Awaitable[None]],
    *,
    size: tuple[int, int] = (80, 24),
    ascii_only: bool = False,
) -> None:
    async def run() -> None:
        async with _room(tmp_path, size=size, ascii_only=ascii_only) as room:
            await act(room)

    asyncio.run(run())


def _marked(
    label: str, person: str | None = None, kind: EventKind = EventKind.MARK
) -> tuple[EventKind, str, str | None]:
    return kind, label, person


_SPEAKER = EventKind.ROLE, str(Role.SPEAKER)


@pytest.mark.parametrize(
    ("keys", "said", "entry"),
    [
        ("e", "escalation at", _marked("escalation")),
        ("1 e", "escalation Heron at", _marked("escalation", "Heron")),
        ("3 w", "stood-up Wren at", _marked("stood-up", "Wren")),
        ("down down i", "interruption Otter at", _marked("interruption", "Otter")),
        ("up up p", "paraphrase Otter at", _marked("paraphrase", "Otter")),
        ("1 1 e", "escalation at", _marked("escalation")),
        ("2 escape e", "escalation at", _marked("escalation")),
        ("2 s", "Otter speaks", (*_SPEAKER, "Otter")),
        ("s", "Heron speaks", (*_SPEAKER, "Heron")),
    ],
    ids=str,
)
def test_a_mark_costs_one_key_or_two_and_is_confirmed(
    tmp_path: Path, keys: str, said: str, entry: tuple[EventKind, str, str | None]
) -> None:
    async def act(room: _Room) -> None:
        await room.begin()
        await room.press(*keys.split())
        await room.reads(f"✓ {said}")
        assert [(one.kind, one.label, one.person) for one in room.log if isinstance(one, SessionEvent)] == [entry]

    _in_a_room(tmp_path, act)


@pytest.mark.parametrize(("keys", "ago_s"), [("a e", 15), ("a a e", 30), ("a a a e", 60), ("a a a a e", 0)])
def test_a_late_mark_says_how_late_before_its_letter(tmp_path: Path, keys: str, ago_s: int) -> None:
    async def act(room: _Room) -> None:
        await room.begin()
        *before, last = keys.split()
        await room.press(*before)
        if ago_s:
            await room.reads(f"{ago_s} s ago: now a letter")
        await room.press(last)
        await room.reads("✓ escalation")
        (mark,) = room.log
        assert isinstance(mark, SessionEvent)
        assert mark.ago_us == ago_s * 1_000_000

    _in_a_room(tmp_path, act)


def test_the_last_mark_is_taken_back_with_one_key_and_its_cell_is_empty_again(tmp_path: Path) -> None:
    async def act(room: _Room) -> None:
        await room.begin()
        await room.press("1", "e")
        await room.reads("escalati 0:0")
        await room.press("u")
        await room.reads("✓ taken back: escalation Heron")
        await room.until(lambda: "escalati 0:0" not in room.screen)
        mark, undone = room.log
        assert isinstance(undone, Correction)
        assert (undone.of_us, undone.now) == (mark.at_us, None)
        await room.press("u")
        await room.reads("Nothing was entered yet")

    _in_a_room(tmp_path, act)


def test_a_note_is_typed_into_a_line_of_its_own_and_its_letters_mark_nothing(tmp_path: Path) -> None:
    async def act(room: _Room) -> None:
        await room.begin()
        await room.press("1", "n")
        await room.reads("A note on Heron")
        await room.press(*"epqu", "enter")
        await room.reads("✓ note Heron")
        (note,) = room.log
        assert isinstance(note, SessionEvent)
        assert (note.kind, note.person, note.note) == (EventKind.NOTE, "Heron", "epqu")
        await room.press("n")
        await room.reads("A note on the room")
        await room.press("x", "escape")
        await room.until(lambda: "A note on" not in room.screen)
        assert room.log == [note]

    _in_a_room(tmp_path, act)


def test_the_next_block_begins_when_it_is_asked_for_twice(tmp_path: Path) -> None:
    async def act(room: _Room) -> None:
        await room.begin()
        await room.press(">")
        await room.reads("Press > once more and Role-play A begins.")
        await room.press("e")  # anything else lets go of it
        await room.reads("✓ escalation")
        await room.press(">")
        await room.reads("once more")
        assert not any(isinstance(one, SessionEvent) and one.kind is EventKind.BLOCK for one in room.log)
        await room.press(">")
        await room.reads("Role-play A 2/12")
        await room.reads("speaks")

    _in_a_room(tmp_path, act)


@pytest.mark.parametrize(("key", "by_min", "left"), [("+", 2, "6:"), ("-", -2, "2:")])
def test_a_block_is_made_longer_and_shorter(tmp_path: Path, key: str, by_min: int, left: str) -> None:
    async def act(room: _Room) -> None:
        await room.begin()
        await room.press(key)
        await room.reads(f"✓ Silent baseline lasts 0:0{left}")
        await room.reads(f"  {left}")
        (extension,) = room.log
        assert isinstance(extension, Extension)
        assert extension.by_us == by_min * 60_000_000

    _in_a_room(tmp_path, act)


def test_before_it_begins_the_board_says_what_needs_a_hand_and_enter_begins_all_the_same(tmp_path: Path) -> None:
    async def act(room: _Room) -> None:
        await room.reads("Before we begin.")
        await room.reads("look  Wren: not connected (lost): out of reach. Come nearer")
        await room.press("enter")
        await room.reads("Silent baseline begins all the same.")
        await room.press("escape")
        await room.until(lambda: "all the same" not in room.screen)
        assert not any(isinstance(one, SessionEvent) for one in room.log)
        await room.begin()

    _in_a_room(tmp_path, act, size=(100, 30))


def test_a_frozen_board_stands_still_and_marks_go_on(tmp_path: Path) -> None:
    async def act(room: _Room) -> None:
        await room.begin()
        await room.press("f")
        await room.reads("FROZEN")
        headline = room.screen.splitlines()[0]
        await room.press("e")
        await room.reads("✓ escalation")
        assert room.screen.splitlines()[0] == headline
        await room.press("f")
        await room.until(lambda: "FROZEN" not in room.screen)

    _in_a_room(tmp_path, act)


def test_a_blank_board_shows_the_clock_and_nobody_and_marks_go_on(tmp_path: Path) -> None:
    async def act(room: _Room) -> None:
        await room.begin()
        await room.press("b")
        await room.reads("The board is blank")
        assert not [person for person in _PEOPLE if person in room.screen]
        assert "Silent baseline 1/12" in room.screen
        await room.press("e")
        await room.reads("✓ escalation")
        await room.press("b")
        await room.reads("Heron")

    _in_a_room(tmp_path, act)


def test_a_person_is_looked_at_closely_as_far_as_they_share(tmp_path: Path) -> None:
    async def act(room: _Room) -> None:
        await room.begin()
        await room.press("1", "enter")
        await room.reads("beats (ms)")
        await room.reads("857")
        assert "shares       heart-rate, rises, hrv, raw" in room.screen
        await room.press("escape", "2", "enter")
        await room.reads("shares       nothing")
        assert "heart rate   not sharing" in room.screen
        assert "750" not in room.screen
        await room.press("escape", "3", "enter")
        await room.reads("lost (out of reach)")
        await room.press("escape")
        await room.until(lambda: not isinstance(room.app.screen, Panel))

    _in_a_room(tmp_path, act, size=(100, 40))


def test_a_person_may_stop_sharing_with_one_key_and_begin_again_purpose_by_purpose(tmp_path: Path) -> None:
    async def act(room: _Room) -> None:
        await room.begin()
        assert "70" in room.screen
        await room.press("1", "0")
        await room.reads("✓ Heron shares nothing from now on")
        await room.until(lambda: room.screen.count("not sharing") == 2)
        assert " 70 " not in room.screen
        await room.press("1", "c")
        await room.reads("1  no   The facilitator sees my heart rate")
        await room.press("2")
        await room.reads("2  yes")
        await room.press("4")
        await room.reads("4  yes")
        await room.press("2")
        await room.reads("2  no")
        await room.press("escape")
        shared = [one.purposes for one in room.log if isinstance(one, Sharing)]
        assert shared == [_NONE, {Purpose.RISES}, {Purpose.RISES, Purpose.RAW}, {Purpose.RAW}]

    _in_a_room(tmp_path, act, size=(100, 30))


def test_help_says_what_can_be_pressed_now(tmp_path: Path) -> None:
    async def act(room: _Room) -> None:
        await room.press("?")
        await room.reads("The session waits for you: Enter begins")
        await room.press("escape")
        await room.until(lambda: not isinstance(room.app.screen, Panel))
        await room.begin()
        await room.press("?")
        await room.reads("One letter marks a moment for the room")
        for word in default_plan().vocabulary.values():
            assert f"{word.key}  {word.title}" in room.screen
        await room.press("e")  # is no mark while help is read
        await room.press("escape")
        await room.until(lambda: not isinstance(room.app.screen, Panel))
        assert room.log == []

    _in_a_room(tmp_path, act, size=(100, 50))


@pytest.mark.parametrize("asked", ["q", "ctrl+c", "ctrl+q"])
def test_leaving_is_asked_about_and_leaves_the_session_running(tmp_path: Path, asked: str) -> None:
    async def act(room: _Room) -> None:
        await room.begin()
        await room.press(asked)
        await room.reads("Leave the board, or end the session?")
        await room.press("escape")
        await room.until(lambda: not isinstance(room.app.screen, Panel))
        await room.press(asked, "l")
        await room.until(lambda: not room.app.is_running)
        assert room.desk.say("escalation").done
        assert room.app.ended is None

    _in_a_room(tmp_path, act)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("9", "There is no person 9"),
        ("0", "First a number, then 0"),
        ("c", "First a number, then c"),
        ("enter", "First a number, then Enter"),
    ],
)
def test_a_key_that_lacks_something_says_what(tmp_path: Path, keys: str, words: str) -> None:
    async def act(room: _Room) -> None:
        await room.begin()
        await room.press(*keys.split())
        await room.reads(words)
        assert room.log == []

    _in_a_room(tmp_path, act)


@pytest.mark.parametrize("ascii_only", [False, True])
def test_the_board_fits_whatever_the_window_becomes(tmp_path: Path, ascii_only: bool) -> None:
    async def act(room: _Room) -> None:
        await room.begin()
        for width, height in ((80, 24), (200, 50), (100, 30), (160, 48), (80, 24)):
            await room.pilot.resize_terminal(width, height)
            await room.until(lambda height=height: len(room.screen.splitlines()) == height)
            await room.until(lambda: "q quit" in room.screen)
            for number, person in enumerate(_PEOPLE, 1):
                await room.until(
                    lambda row=[str(number), person]: row in [line.split()[:2] for line in room.screen.splitlines()]
                )
            assert max(map(len, room.screen.splitlines())) <= width
            assert room.screen.isascii() or not ascii_only

    _in_a_room(tmp_path, act, ascii_only=ascii_only)


def test_no_style_of_the_board_is_red_or_green_or_blinks(tmp_path: Path) -> None:
    async def act(room: _Room) -> None:
        await room.begin()
        await room.press("1", "e")
        await room.reads("✓")
        colours: set[str] = set()
        for strip in room.app.screen._compositor.render_strips():
            for segment in strip:
                style = segment.style
                assert style is None or not style.blink
                if style is not None and style.color is not None:
                    colours.add(style.color.name)
        assert colours <= {"#56b4e9", "#e69f00", "grey58", "#949494", "default", "ansi_default"}

    _in_a_room(tmp_path, act)


def test_a_board_for_which_no_session_runs_says_so(tmp_path: Path) -> None:
    async def act() -> None:
        app = Board(tmp_path / "archive.sqlite3")
        async with app.run_test() as pilot:
            async with asyncio.timeout(10):
                while app.is_running:
                    await pilot.pause()
        assert "No session is running" in str(app.fault)

    asyncio.run(act())


def test_every_word_with_a_key_is_among_the_hints_on_a_wide_screen(tmp_path: Path) -> None:
    async def act(room: _Room) -> None:
        await room.begin()
        hints = str(room.app.query_one("#hints", Static).render())
        assert hints is not None
        for word in default_plan().vocabulary.values():
            assert f"{word.key} {word.label}" in room.screen

    _in_a_room(tmp_path, act, size=(160, 48))


def test_the_views_of_the_door_are_all_that_there_are() -> None:
    assert {*View} == {View.BOARD, View.PLAIN, View.JSON, View.NOTHING}
