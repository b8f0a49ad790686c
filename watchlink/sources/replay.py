"""A recorded log as a source: packets at the pace of a clock, as fast as they can be read, or as they are recorded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import Final, Self, TextIO

from watchlink.clock import Clock, FollowingClock, VirtualClock
from watchlink.packets import Packet

# An unpaced replay lets the loop breathe after so many packets, or Ctrl-C would not be heard.
_PACKETS_A_TURN: Final = 256
# So many packets may wait between the reading thread and the loop; more and the reading waits.
_MOST_WAITING: Final = 4096


class ReplaySource:
    """Source: each packet comes when the clock reaches its time (its pace is the clock's), or at once without a clock.

    Packets out of order of time come at once: an event marked late belongs where the log has it.
    """

    def __init__(self, packets: Iterable[Packet], *, clock: Clock | None, player: Player | None = None) -> None:
        """Replay `packets`, read one by one as they are due; a `player` may hold them up."""
        self._packets = packets
        self._clock = clock
        self._player = player

    async def __aenter__(self) -> Self:
        """Begin to listen to the player, if there is one."""
        if self._player is not None:
            self._player.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing to give back."""

    async def __aiter__(self) -> AsyncIterator[Packet]:
        """The packets of the log, in its order."""
        for number, packet in enumerate(self._packets):
            if self._clock is not None:
                await self._clock.sleep_until_us(packet.at_us)
            elif number % _PACKETS_A_TURN == 0:
                await asyncio.sleep(0)
            if self._player is not None:
                await self._player.turn()
            yield packet


class Player:
    """Holds a replay, lets it take single steps, changes its pace: by lines of text, while it runs.

    Strategy: what is held is the clock, so that nothing grows old meanwhile and the readings stay the same.
    """

    HELP = "Enter holds and goes on; step, step 10: so many packets; speed 20; go"

    def __init__(
        self, lines: TextIO, *, clock: VirtualClock, complain: Callable[[str], None], held: bool = False
    ) -> None:
        """Read orders from `lines`; `complain` is given what cannot be understood. `held`: begin by waiting."""
        self._lines = lines
        self._clock = clock
        self._complain = complain
        self._held = held
        self._steps = 0
        self._changed = asyncio.Event()
        if held:
            clock.hold()

    def listen(self) -> None:
        """Begin to read, in a thread: no event loop can wait for a console on every platform."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(loop,), daemon=True, name="player").start()

    async def turn(self) -> None:
        """Return when the next packet may go."""
        while self._held and self._steps == 0:
            self._clock.hold()
            self._changed.clear()
            await self._changed.wait()
        if self._held:
            self._steps -= 1
            if self._steps == 0:
                self._clock.hold()

    def order(self, line: str) -> None:
        """Do what a line says."""
        match line.split():
            case []:
                self._set(held=not self._held)
            case ["go"]:
                self._set(held=False)
            case ["pause"]:
                self._set(held=True)
            case ["step", *rest] if len(rest) <= 1 and all(word.isdecimal() and len(word) < 10 for word in rest):
                self._set(held=True, steps=int(rest[0]) if rest else 1)
            case ["speed", number] if _is_speed(number):
                self._clock.go_on(speed=float(number))
                self._set(held=False)
            case _:
                self._complain(f"{line.strip()!r} is no order. {self.HELP}.")

    def _set(self, *, held: bool, steps: int = 0) -> None:
        self._held, self._steps = held, steps
        if held and not steps:
            self._clock.hold()
        else:
            self._clock.go_on()
        self._changed.set()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            for line in self._lines:
                loop.call_soon_threadsafe(self.order, line)
            loop.call_soon_threadsafe(self.order, "go")  # nobody is there any more who could let it go on
        except (RuntimeError, OSError, ValueError):
            return  # the replay ended while we waited for a line


class FollowSource:
    """Source: packets as they are read from something that takes its time: a pipe, a file that still grows.

    Strategy: a thread reads, for reading may wait for long. It is a daemon: a read that never returns must not keep the
        program from ending.
    """

    def __init__(self, packets: Iterable[Packet], *, clock: FollowingClock) -> None:
        """Read `packets`, and tell `clock` of each."""
        self._packets = packets
        self._clock = clock
        self._waiting: asyncio.Queue[Packet | BaseException | None] = asyncio.Queue()
        self._room = threading.Semaphore(_MOST_WAITING)

    async def __aenter__(self) -> Self:
        """Begin to read."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(loop,), daemon=True, name="follow").start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Nothing to give back: the thread ends with its file or with the program."""

    async def __aiter__(self) -> AsyncIterator[Packet]:
        """The packets, until there are no more."""
        while (item := await self._waiting.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            self._room.release()
            self._clock.arrived(item.at_us)
            yield item

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        def hand_over(item: Packet | BaseException | None) -> None:
            loop.call_soon_threadsafe(self._waiting.put_nowait, item)

        try:
            try:
                for packet in self._packets:
                    self._room.acquire()
                    hand_over(packet)
            except Exception as fault:  # noqa: BLE001 - whatever it is, the loop has to hear of it
                hand_over(fault)
            hand_over(None)
        except RuntimeError:
            return  # the session ended while we read


def _is_speed(text: str) -> bool:
    try:
        return 0.001 <= float(text) <= 1e6
    except ValueError:
        return False
