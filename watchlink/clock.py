"""The only file that asks the machine for the time; everything else is handed a clock.

Strategy: a clock is the axis of one session. It starts at zero when it is made, counts whole microseconds (exact in
every capture format and at every replay speed), and knows the UTC instant of its zero. `VirtualClock` runs an event
loop whose time jumps to the next timer as soon as nothing is left to do, so that two hours pass in seconds and every
run is the same run. Its pace only decides how long the machine waits before each jump, never what time it is after it.
"""

from __future__ import annotations

import asyncio
import selectors
import sys
import time
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from math import floor
from typing import Any, Final, Protocol, TypeVar

T = TypeVar("T")

_US_PER_S: Final = 1_000_000
_LOOK_AGAIN_S: Final = 0.1


class Clock(Protocol):
    """One session's axis of time, and the loop that lives on it."""

    @property
    def started_at(self) -> datetime:
        """UTC of the zero of this axis."""
        ...

    def now_us(self) -> int:
        """Microseconds since `started_at`; never goes back."""
        ...

    async def sleep_until_us(self, at_us: int) -> None:
        """Return once `now_us() >= at_us`; at once if it already is."""
        ...

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run `main` to its end in an event loop that keeps this clock's time."""
        ...


class MachineClock:
    """Real time: monotonic for intervals, UTC read once for the zero."""

    def __init__(self, *, started_at: datetime | None = None, at_least_us: int = 0) -> None:
        """Start the axis now, or go on with one that started at `started_at` and has come to `at_least_us`.

        How much time has passed since then is read off the machine's date, which may have been set back; the axis
        never goes back.
        """
        now = datetime.now(UTC)
        self._started_at = now if started_at is None else started_at
        since_us = max(at_least_us, (now - self._started_at) // timedelta(microseconds=1))
        self._zero_ns = _steady_ns() - since_us * 1_000

    @property
    def started_at(self) -> datetime:
        """UTC of the zero of this axis."""
        return self._started_at

    def now_us(self) -> int:
        """Microseconds since the zero; unmoved by changes of the system's date, and counted while it sleeps."""
        return (_steady_ns() - self._zero_ns) // 1_000

    async def sleep_until_us(self, at_us: int) -> None:
        """Sleep in real time."""
        while (left_us := at_us - self.now_us()) > 0:  # noqa: ASYNC110 - a timer may fire a little early
            await asyncio.sleep(left_us / _US_PER_S)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run in the ordinary event loop."""
        return asyncio.run(main)


def _steady_ns() -> int:
    """Nanoseconds since some instant, the time in which the machine slept among them."""
    return time.monotonic_ns() if _STEADY is None else time.clock_gettime_ns(_STEADY)


# On Linux the monotonic clock stands still while the machine sleeps, on a Mac the one of Python does; these do not.
_STEADY: Final[int | None] = getattr(
    time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None) if sys.platform == "darwin" else None
)


class VirtualClock:
    """Time that jumps from timer to timer.

    `speed` paces it against real time (1: as long as the real thing, 50: fifty times as fast); None does not.
    """

    def __init__(self, *, started_at: datetime, speed: float | None = None) -> None:
        """Start the axis at `started_at`.

        Raises:
            ValueError: `speed` is not above zero.
        """
        if speed is not None and not speed > 0:
            raise ValueError(f"speed must be above 0, got {speed}")
        self._started_at = started_at
        self._selector = _JumpingSelector(speed=speed)

    @property
    def started_at(self) -> datetime:
        """UTC of the zero of this axis."""
        return self._started_at

    def now_us(self) -> int:
        """Microseconds of virtual time."""
        return round(self._selector.now_s * _US_PER_S)

    async def sleep_until_us(self, at_us: int) -> None:
        """Sleep in virtual time."""
        while (left_us := at_us - self.now_us()) > 0:  # noqa: ASYNC110 - a timer may fire a little early
            await asyncio.sleep(left_us / _US_PER_S)

    def hold(self) -> None:
        """Let time stand still: timers wait until `go_on`; what comes from outside still comes."""
        self._selector.held = True

    def go_on(self, *, speed: float | None = None) -> None:
        """Let time run again from where it stands, at another pace if `speed` says one.

        Raises:
            ValueError: `speed` is not above zero.
        """
        if speed is not None and not speed > 0:
            raise ValueError(f"speed must be above 0, got {speed}")
        self._selector.go_on(speed)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run in a loop that keeps virtual time. A clock can run several mains, one after another."""
        with asyncio.Runner(loop_factory=lambda: _VirtualLoop(self._selector)) as runner:
            return runner.run(main)


class FollowingClock:
    """The axis of a recording that still grows: real time goes on from its newest packet."""

    def __init__(self, *, started_at: datetime) -> None:
        """Start the axis at `started_at`, with no packet yet."""
        self._started_at = started_at
        self._newest_us = 0
        self._since = Stopwatch()

    @property
    def started_at(self) -> datetime:
        """UTC of the zero of this axis."""
        return self._started_at

    def arrived(self, at_us: int) -> None:
        """A packet of this time has come."""
        if at_us >= self._newest_us:
            self._newest_us = at_us
            self._since.restart()

    def now_us(self) -> int:
        """Microseconds of the newest packet, and what has passed since it came."""
        return self._newest_us + round(self._since.elapsed_s() * _US_PER_S)

    async def sleep_until_us(self, at_us: int) -> None:
        """Sleep until the axis has come there."""
        while (left_us := at_us - self.now_us()) > 0:  # noqa: ASYNC110 - packets may move the axis meanwhile
            await asyncio.sleep(left_us / _US_PER_S)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run in the ordinary event loop."""
        return asyncio.run(main)


def clock_text(seconds: float) -> str:
    """A time on a session's axis as h:mm:ss; before its zero with a minus."""
    whole = abs(floor(seconds))
    return f"{'-' if seconds < 0 else ''}{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


class _JumpingSelector(selectors.BaseSelector):
    """A selector that, asked to wait, moves the time instead (after a real wait, if paced)."""

    def __init__(self, *, speed: float | None) -> None:
        self.now_s = 0.0
        self.held = False
        self._speed = speed
        self._real_zero_s: float | None = None
        self._inner = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # No timer at all, or no time for it: only the outside world (a thread, a signal) can wake the loop.
        if timeout is None or (self.held and timeout > 0):
            return self._inner.select(None)
        wait_s = 0.0
        if self._speed is not None and timeout > 0:
            real_s = time.monotonic()
            if self._real_zero_s is None:
                self._real_zero_s = real_s - self.now_s / self._speed
            wait_s = max(0.0, self._real_zero_s + (self.now_s + timeout) / self._speed - real_s)
        ready = self._inner.select(wait_s)
        if not ready and timeout > 0:
            self.now_s += timeout
        return ready

    def go_on(self, speed: float | None) -> None:
        self.held = False
        self._speed = speed or self._speed
        self._real_zero_s = None  # the pace counts from here

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._inner.get_map()

    def close(self) -> None:
        """Keep the time; the next loop on this clock gets a fresh inner selector."""
        self._inner.close()
        self._inner = selectors.DefaultSelector()


class _VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that reads the time from its selector."""

    def __init__(self, selector: _JumpingSelector) -> None:
        self._jumping = selector
        super().__init__(selector)

    def time(self) -> float:
        return self._jumping.now_s


class Stopwatch:
    """Real seconds, for pacing what is real whatever the session's clock says: disk commits, screen refreshes."""

    def __init__(self) -> None:
        """Start at zero."""
        self._since_s = time.monotonic()

    def restart(self) -> None:
        """Start at zero again."""
        self._since_s = time.monotonic()

    def elapsed_s(self) -> float:
        """Seconds since the start or the last restart."""
        return time.monotonic() - self._since_s


def pause() -> None:
    """Let a thread wait a little before it looks again whether something has grown."""
    time.sleep(_LOOK_AGAIN_S)


def utc_now() -> datetime:
    """The present instant, for file names and for saying how old a record is."""
    return datetime.now(UTC)
