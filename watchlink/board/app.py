"""The facilitator's board on a terminal: what a session's door shows, and keys that say lines at its desk.

Strategy: the screen only looks in. Everything that it shows is in the last `BoardState`, every key goes through `Keys`,
so whatever happens here the session goes on. Panels lie over the board and go away with Escape; nothing flashes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from rich.console import Group, RenderableType
from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from watchlink.board.keys import EXTEND_MIN, Deed, Keys, Say, Show, Tell
from watchlink.board.preflight import Level, checks, grouped, to_look_at
from watchlink.board.state import BoardState
from watchlink.board.view import (
    BLUE,
    ORANGE,
    QUIET,
    VERY_WIDE,
    check_lines,
    event_lines,
    headline,
    people_table,
    person_view,
)
from watchlink.board.visit import Visit
from watchlink.board.wire import Ended, Shown, View
from watchlink.consent import ALWAYS, NOTHING, WORDS
from watchlink.errors import NoSessionError
from watchlink.packets import Purpose
from watchlink.texts import shown

_TRY_AGAIN_S: Final = 2.0
_LAST_PICTURE_S: Final = 2.0
_TRIES: Final = 900
_SIGNS: Final = {
    "greater_than_sign": ">",
    "plus": "+",
    "minus": "-",
    "question_mark": "?",
    "enter": "enter",
    "escape": "escape",
    "up": "up",
    "down": "down",
}
_CONTROLS: Final = (
    ("1-8", "person"),
    ("a", "ago"),
    ("u", "undo"),
    ("n", "note"),
    ("s", "speaks"),
    (">", "next"),
    ("?", "help"),
    ("q", "quit"),
    ("b", "blank"),
    ("f", "freeze"),
    ("+", "longer"),
)


def run_board(archive: Path, *, ascii_only: bool = False) -> Ended | None:
    """Show the board of the session that is recorded into `archive`; what it ended with, None if the person left.

    Raises:
        NoSessionError: no session is running there.
    """
    board = Board(archive, ascii_only=ascii_only)
    board.run()
    if board.fault is not None:
        raise board.fault
    if board.return_code:
        raise NoSessionError("The board failed. Recording goes on: `watchlink board` opens it again.")
    return board.ended


class Board(App[None]):
    """The screen."""

    CSS = """
    Screen { background: ansi_default; color: ansi_default; layers: base; }
    #headline { height: 1; }
    #people { height: auto; margin-top: 1; }
    #lane { height: 1fr; margin-top: 1; overflow: hidden hidden; }
    #said { height: 1; }
    #hints { height: auto; max-height: 5; }
    Panel { align: center middle; background: transparent; }
    Panel > VerticalScroll {
        width: 84%; max-width: 100; height: auto; max-height: 90%; padding: 0 1;
        border: round ansi_default; background: ansi_default;
    }
    Panel Input { border: none; height: 1; padding: 0; background: ansi_default; color: ansi_default; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q,ctrl+c", "leave", show=False, priority=True),
    ]

    def __init__(self, archive: Path, *, ascii_only: bool = False) -> None:
        """Look into the session that is recorded into `archive`."""
        super().__init__(ansi_color=True)
        self._archive = archive
        self._ascii_only = ascii_only
        self._visit: Visit | None = None
        self._state: BoardState | None = None
        self._frozen: BoardState | None = None
        self._blank = False
        self._said = Text()
        self._keys = Keys()
        self.ended: Ended | None = None
        """What the session ended with."""
        self.fault: NoSessionError | None = None
        """Why the session could not be looked into at all."""

    def compose(self) -> ComposeResult:
        """The five parts of the screen, from top to bottom."""
        yield Static(id="headline")
        yield Static(id="people")
        yield Static(id="lane")
        yield Static(id="said")
        yield Static(id="hints")

    def on_mount(self) -> None:
        """Go in; and go when the terminal does."""
        self.run_worker(self._look(), exclusive=True)
        loop = asyncio.get_running_loop()
        for name in ("SIGHUP", "SIGTERM"):  # not everywhere known, nor can every loop hear of them
            with contextlib.suppress(AttributeError, NotImplementedError, RuntimeError, ValueError):
                loop.add_signal_handler(getattr(signal, name), self._hang_up)

    def _hang_up(self) -> None:
        """Nobody is there any more. A terminal that is gone may never take the last picture: it is not waited for long.

        By a thread, for the loop itself may be waiting for the terminal then.
        """
        last = threading.Timer(_LAST_PICTURE_S, os._exit, (0,))
        last.daemon = True
        last.start()
        self.exit()

    async def _look(self) -> None:
        """Show what the session shows, until it ends; go in again where the way in is lost."""
        for attempt in range(_TRIES):
            try:
                async with Visit(self._archive, view=View.BOARD) as visit:
                    self._visit = visit
                    self._keys = Keys(words=visit.welcome.keys)
                    if attempt:
                        self._tell(Text("The recorder answers again.", style=BLUE))
                    if await self._show_all(visit):
                        return
            except NoSessionError as fault:
                if self._state is None:
                    self.fault = fault
                    self.exit()
                    return
            self._visit = None
            self._tell(Text("The recorder does not answer. Nothing can be marked now; q leaves.", style=ORANGE))
            await asyncio.sleep(_TRY_AGAIN_S)

    async def _show_all(self, visit: Visit) -> bool:
        """Show what comes; whether the session has ended."""
        async for message in visit:
            if isinstance(message, Shown):
                self._take(message.state)
            elif isinstance(message, Ended):
                self.ended = message
                self._show_receipt(message)
                return True
        return False

    def _take(self, state: BoardState) -> None:
        self._state = state
        self._keys.people = tuple(person.person for person in state.people)
        self._draw()
        if isinstance(self.screen, Panel):
            self.screen.draw()

    def _fatal_error(self) -> None:
        """As Textual's own, without the values of variables: people's readings are among them."""
        from rich.traceback import Traceback

        self.panic(Traceback(show_locals=False, width=None))

    # --- drawing ---------------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        """Everything fits the new size at once."""
        self._draw()

    def _draw(self) -> None:
        state = self._frozen or self._state
        if state is None or self._state is None or not self.is_running:
            return
        width, ascii_only = self.size.width, self._ascii_only
        self._put("headline", self._headline(state, width))
        if self._blank:
            self._put("people", Text("The board is blank. b shows it again; keys mark as before.", style=QUIET))
            self._put("lane", Text())
        else:
            people = people_table(state, width=width, ascii_only=ascii_only, chosen=self._keys.person)
            self._put("people", people)
            self._put("lane", self._lane(state))
        self._put("said", Text.assemble((self._keys.prompt, f"bold {BLUE}")) if self._keys.prompt else self._said)
        self._put("hints", _hints(self._keys, width, begun=self._begun))

    def _headline(self, state: BoardState, width: int) -> Text:
        if self._blank and self._state is not None:
            state = self._state
        return headline(state, width=width, frozen=self._frozen is not None)

    def _lane(self, state: BoardState) -> RenderableType:
        if not self._begun:
            return Group(*_before_we_begin(state))
        if self.size.width >= VERY_WIDE:
            return Text()  # the events stand beside the people there
        return Group(*event_lines(state, most=8))

    @property
    def _begun(self) -> bool:
        return self._state is not None and bool(self._state.block.title)

    def _put(self, part: str, what: RenderableType) -> None:
        self.screen_stack[0].query_one(f"#{part}", Static).update(what)

    def _tell(self, words: Text) -> None:
        self._said = words
        self._draw()

    # --- keys ------------------------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """A key on the board; panels have theirs."""
        if len(self.screen_stack) > 1 or self._state is None:
            return
        key = _SIGNS.get(event.key) or event.character or ""
        event.stop()
        self._do(self._keys.press(key, begun=self._begun, next_title=self._state.block.next_title))
        self._draw()

    def action_leave(self) -> None:
        """Ctrl-C and Ctrl-Q ask like q; asked again, they leave."""
        if len(self.screen_stack) > 1:
            self.exit()
        else:
            self._do(Show.QUIT)

    def _do(self, deed: Deed) -> None:
        match deed:
            case Say(line=line):
                self.say(line)
            case Tell(words=words):
                self._tell(Text(words, style=QUIET))
            case Show.FREEZE:
                self._frozen = None if self._frozen is not None else self._state
            case Show.BLANK:
                self._blank = not self._blank
            case Show.HELP:
                self.push_screen(Panel(lambda: Group(*_help(self._keys, begun=self._begun)), {}))
            case Show.PERSON:
                self._show_person()
            case Show.SHARING:
                self._show_sharing()
            case Show.NOTE:
                self._ask_for_a_note()
            case Show.BEGIN:
                self._ask_to_begin()
            case Show.QUIT:
                end = {"e": lambda: self._close_and_say("end"), "l": self.exit}
                self.push_screen(Panel(lambda: Group(*_QUIT), end))
            case None:
                pass

    def say(self, line: str) -> None:
        """Say a line at the desk, and show what became of it."""
        self.run_worker(self._say(line))

    async def _say(self, line: str) -> None:
        if self._visit is None:
            self._tell(Text(f"NOT noted: {line}. The recorder does not answer.", style=f"bold {ORANGE}"))
            return
        try:
            answer = await self._visit.say(line)
        except NoSessionError as fault:
            self._tell(Text(str(fault), style=f"bold {ORANGE}"))
            return
        if not answer.done:
            self._tell(Text(shown(answer.words), style=ORANGE))
            return
        sign = "*" if self._ascii_only else "✓"
        self._tell(Text.assemble((f"{sign} {shown(answer.words)}", f"bold {BLUE}"), ("  " + answer.advice, QUIET)))

    def _close_and_say(self, line: str) -> None:
        self.pop_screen()
        self.say(line)

    # --- panels ----------------------------------------------------------------------------------------------------

    def _show_receipt(self, ended: Ended) -> None:
        lines = [Text(shown(line)) for line in ended.receipt]
        receipt = Group(*lines, "", Text("q or Enter leaves.", style=QUIET))
        self.push_screen(Panel(lambda: receipt, {"q": self.exit, "enter": self.exit}, stays=True))

    def _show_person(self) -> None:
        name = self._keys.person
        self._keys.let_go()
        if name is None:
            return

        def draw() -> RenderableType:
            if self._state is None:
                return ""
            view = person_view(self._state, name, ascii_only=self._ascii_only, width=min(100, self.size.width))
            return Group(Text(shown(name), style="bold"), view, Text("Esc goes back.", style=QUIET))

        self.push_screen(Panel(draw, {}))

    def _show_sharing(self) -> None:
        number, name = self._keys.chosen, self._keys.person
        self._keys.let_go()
        if number is None or name is None:
            return

        def shares() -> frozenset[Purpose]:
            people = () if self._state is None else self._state.people
            return next((person.shares or NOTHING for person in people if person.person == name), NOTHING)

        def draw() -> RenderableType:
            lines = [Text(f"{shown(name)} decides: what may be seen?", style="bold"), Text("")]
            for index, purpose in enumerate(Purpose, 1):
                yes = purpose in shares()
                lines.append(
                    Text.assemble(f"{index}  {'yes' if yes else 'no ':3}  ", (WORDS[purpose], "" if yes else QUIET))
                )
            lines += [Text(""), Text(ALWAYS, style=QUIET), Text("")]
            return Group(*lines, Text("1 to 4 switch, 0 nothing at all, Esc goes back.", style=QUIET))

        chosen = set(shares())  # what was said here counts, not a picture that may be older

        def switch(purpose: Purpose) -> None:
            chosen.symmetric_difference_update({purpose})
            self.say(f"share {number + 1} {' '.join(sorted(chosen)) or 'nothing'}")

        def stop() -> None:
            chosen.clear()
            self.say(f"stop {number + 1}")

        keys = {str(index): (lambda purpose=purpose: switch(purpose)) for index, purpose in enumerate(Purpose, 1)}
        self.push_screen(Panel(draw, {**keys, "0": stop}))

    def _ask_for_a_note(self) -> None:
        number = self._keys.chosen
        about = "the room" if number is None else shown(self._keys.person or "")
        self._keys.let_go()

        def noted(words: str) -> None:
            self.pop_screen()
            if words.strip():
                self.say(f"note {'' if number is None else f'{number + 1} '}{words.strip()}")

        head = Text(f"A note on {about}. Enter keeps it, Esc does not.", style=QUIET)
        self.push_screen(Panel(lambda: head, {}, answered=noted))

    def _ask_to_begin(self) -> None:
        def draw() -> RenderableType:
            if self._state is None:
                return ""
            faults = to_look_at(self._state)
            title = shown(self._state.block.next_title)
            if not faults:
                return Group(Text(f"All is well. Enter: {title} begins. Esc goes back."))
            return Group(
                Text("Before we begin:", style="bold"),
                *check_lines(faults),
                Text(f"Enter: {title} begins all the same. Esc goes back.", style=QUIET),
            )

        self.push_screen(Panel(draw, {"enter": lambda: self._close_and_say("begin")}))


class Panel(ModalScreen[None]):
    """Something that lies over the board until Escape."""

    def __init__(
        self,
        drawn: Callable[[], RenderableType],
        keys: Mapping[str, Callable[[], object]],
        *,
        answered: Callable[[str], None] | None = None,
        stays: bool = False,
    ) -> None:
        """Show what `drawn` gives, anew with each board; do what `keys` say; ask for a line where it is `answered`."""
        super().__init__()
        self._drawn = drawn
        self._keys = keys
        self._answered = answered
        self._stays = stays

    def compose(self) -> ComposeResult:
        """What is shown, and a line to type into."""
        with VerticalScroll():
            yield Static(self._drawn())
            if self._answered is not None:
                yield Input(select_on_focus=False, max_length=200)

    def on_mount(self) -> None:
        """Whoever is asked may type at once."""
        if self._answered is not None:
            self.query_one(Input).focus()

    def draw(self) -> None:
        """Show it anew."""
        for shown_here in self.query(Static):  # none while it is put up or taken away
            shown_here.update(self._drawn())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The line is typed."""
        if self._answered is not None:
            self._answered(event.value)

    def on_key(self, event: events.Key) -> None:
        """Do what a key says; Escape closes."""
        if event.key == "escape" and not self._stays:
            event.stop()
            self.dismiss()
        elif self._answered is None:
            action = self._keys.get(_SIGNS.get(event.key) or event.character or "")
            if action is not None:
                event.stop()
                action()


_QUIT: Final = (
    Text("Leave the board, or end the session?", style="bold"),
    Text("l    leave: recording goes on, `watchlink board` comes back"),
    Text("e    end: save, verify, and say what was stored for whom"),
    Text("Esc  stay"),
)


def _before_we_begin(state: BoardState) -> Iterator[Text]:
    """What is looked at before the plan's first block, what needs a hand first."""
    all_checks = checks(state)
    yield Text.assemble("Before we begin. ", ("Enter begins with: ", QUIET), shown(state.block.next_title))
    for level in (Level.LOOK, Level.WAIT, Level.GOOD):
        yield from check_lines(grouped(check for check in all_checks if check.level is level))


def _hints(keys: Keys, width: int, *, begun: bool) -> RenderableType:
    """The keys, as many as fit: the plan's words, then what else there is."""
    words = [(word.key, word.label) for word in keys.words.values()]
    controls = [("Enter", "begin"), *_CONTROLS] if not begun else list(_CONTROLS)
    return Group(*_fitted(words, width, lines=3), *_fitted(controls, width, lines=2))


def _fitted(pairs: list[tuple[str, str]], width: int, *, lines: int) -> list[Text]:
    rows = [Text()]
    for key, what in pairs:
        hint = Text.assemble((key, "bold"), " ", what)
        if rows[-1].cell_len and rows[-1].cell_len + 2 + hint.cell_len > width:
            if len(rows) == lines:
                break
            rows.append(Text())
        if rows[-1].cell_len:
            rows[-1].append("  ")
        rows[-1].append_text(hint)
    return rows


def _help(keys: Keys, *, begun: bool) -> Iterator[Text]:
    """What can be pressed now."""
    if not begun:
        yield Text("The session waits for you: Enter begins with the plan's first block.", style="bold")
        yield Text("Everybody's row says what comes of their wearable; below stands what needs a hand, and how.")
    else:
        yield Text("One letter marks a moment for the room; a number, then the letter, for one person.", style="bold")
    yield Text("")
    for word in keys.words.values():
        yield Text.assemble(
            (f"{word.key:>5}  ", "bold"), word.title, ("" if word.for_person else "  (the room)", QUIET)
        )
    yield Text("")
    for key, what in _HELP:
        yield Text.assemble((f"{key:>5}  ", "bold"), what)
    yield Text("")
    yield Text("Closing this board ends nothing; everything is saved as it comes. Esc goes back.", style=QUIET)


_HELP: Final = (
    ("1-8", "choose a person; again: nobody; up and down do the same"),
    ("a", "it happened 15, 30, 60 seconds ago; then the letter"),
    ("u", "take the last mark back"),
    ("n", "a note; after a number on that person"),
    ("s", "the next one speaks; after a number that person does"),
    ("Enter", "after a number: everything about that person"),
    ("c", "after a number: what that person lets you see"),
    ("0", "after a number: that person shares nothing from now on"),
    (">", "the plan's next block (twice)"),
    ("+ -", f"the block lasts {EXTEND_MIN} minutes longer, shorter"),
    ("f", "freeze the picture; marks go on"),
    ("b", "blank the screen, for instance while it is shared"),
    ("q", "leave, or end the session; you are asked"),
)
