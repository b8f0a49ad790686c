"""The whole examination in its order: the computer, the disk, Bluetooth, the wearables.

Strategy: each check is tried by itself, with a limit of time; one that breaks says so in its own line and stops nobody.
What is quick comes first. While a session is being recorded the radio is left alone: two programs on one adapter
disturb each other. A virtual air takes the place of the computer's radio and of nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from watchlink.archive import SessionState, StoredSession
from watchlink.clock import Clock
from watchlink.doctor import gathering, judging
from watchlink.doctor.checks import Check, Status
from watchlink.doctor.facts import Adapter, Bluetooth, Listening, Machine, Sessions, Terminal, Trouble
from watchlink.errors import LinkFault, WatchlinkError

if TYPE_CHECKING:
    from watchlink.sources.ble import Found, Radio

    _Heard: TypeAlias = tuple[Listening, list[Found], tuple[Radio, ...]]

T = TypeVar("T")

CONNECTING_S: Final = 30.0
_QUICK_S: Final = 5.0
_DISK_S: Final = 15.0
_BUS_S: Final = 15.0
# Beyond the time that the trials take for themselves: switching on, asking for permission, disconnecting.
_MARGIN_S: Final = 45.0

_BROKEN_FIX: Final = "Run it again; if it stays so, send a report made with --bundle to whoever looks after watchlink."
_NO_VIRTUAL_WEARABLES: Final = Check(
    name="listening",
    status=Status.FAIL,
    found="virtual wearables are not installed",
    fix="Install `watchlink[virtual]`.",
)
_AS_ABOVE: Final = "what it needs to know could not be found out, see above"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be examined.

    Attributes:
        archive: where the archive is or would be.
        seconds: how long to listen for wearables.
        connect: whether to connect those that are heard.
        virtual: take so many virtual wearables instead of the computer's radio; None for the radio.
    """

    archive: Path
    seconds: float
    connect: bool
    virtual: int | None = None


class Examination:
    """One examination; `checks` runs it, the attributes hold afterwards what a report needs."""

    def __init__(self, wish: Wish, *, terminal: Terminal, clock: Clock) -> None:
        """Nothing is looked at yet."""
        self.machine: Machine | None = None
        self.adapters: tuple[Adapter, ...] = ()
        self.wearables: tuple[str, ...] = ()
        self.last_session: StoredSession | None = None
        self._wish = wish
        self._terminal = terminal
        self._clock = clock
        self._sessions: Sessions | None = None

    async def checks(self) -> AsyncGenerator[Check, None]:
        """Every check as soon as it is known."""
        async for check in self._computer():
            yield check
        async for check in self._disk():
            yield check
        recording = self._recording()
        if self._wish.virtual is not None:
            for check in _left_alone("virtual wearables were asked for"):
                yield check
            async for check in self._virtual(self._wish.virtual):
                yield check
        elif recording is not None:
            reason = f"session {recording} is being recorded now, and this would disturb it"
            for check in (*_left_alone(reason), *_not_listened(reason)):
                yield check
        else:
            async for check in self._bluetooth():
                yield check

    async def _computer(self) -> AsyncGenerator[Check, None]:
        async def system() -> Check:
            self.machine = gathering.this_machine()
            return judging.judge_system(self.machine)

        yield await attempt("system", system, limit_s=_QUICK_S)
        machine = self.machine
        judges: Sequence[tuple[str, Callable[[Machine], Check]]] = (
            ("Python", judging.judge_python),
            ("programs", judging.judge_programs),
            ("extras", judging.judge_extras),
        )
        for name, judge in judges:
            yield _not_checked(name, _AS_ABOVE) if machine is None else attempt_now(name, partial(judge, machine))
        yield attempt_now("terminal", lambda: judging.judge_terminal(self._terminal))

    async def _disk(self) -> AsyncGenerator[Check, None]:
        archive = self._wish.archive

        async def disk() -> Check:
            return judging.judge_disk(await gathering.in_thread(lambda: gathering.storage_at(archive)))

        async def sessions() -> Check:
            self._sessions = await gathering.in_thread(lambda: gathering.sessions_in(archive))
            self.last_session = self._sessions.sessions[-1] if self._sessions.sessions else None
            return judging.judge_archive(self._sessions)

        yield await attempt("disk", disk, limit_s=_DISK_S)
        yield await attempt("archive", sessions, limit_s=_DISK_S)
        found = self._sessions
        yield (
            _not_checked("sessions", _AS_ABOVE)
            if found is None
            else attempt_now("sessions", lambda: judging.judge_sessions(found))
        )

    async def _bluetooth(self) -> AsyncGenerator[Check, None]:
        """Ask and listen, then judge: on macOS and Windows only listening tells how the rest stands."""
        asked = await _or_check("Bluetooth", gathering.this_bluetooth, limit_s=_BUS_S)
        if not isinstance(asked, Check):
            self.adapters = asked.adapters

        async def listened() -> _Heard:
            from watchlink.doctor.trials import listen
            from watchlink.sources.ble import system_radios

            radios = system_radios()
            return *await listen(radios, clock=self._clock, seconds=self._wish.seconds), radios

        heard = await _or_check("listening", listened, limit_s=self._wish.seconds + _MARGIN_S)
        listening = None if isinstance(heard, Check) else heard[0]
        before: list[Check] = []
        if isinstance(asked, Check):
            before = [asked, *(_not_checked(name, _AS_ABOVE) for name in ("permission", "adapter", "power"))]
        else:
            before = _judged(asked, listening)
        for check in before:
            yield check
        if isinstance(heard, Check):
            yield heard
            for check in _not_listened("nothing could be heard")[1:]:
                yield check
            return
        async for check in self._wearables(heard[0], heard[1], radios=heard[2], before=before):
            yield check

    async def _virtual(self, count: int) -> AsyncGenerator[Check, None]:
        from watchlink.doctor.trials import listen
        from watchlink.session import default_plan

        async with contextlib.AsyncExitStack() as stack:

            async def listened() -> _Heard:
                from watchlink.sources.virtual.air import VirtualAir
                from watchlink.sources.virtual.practice import practice

                people = practice(plan=default_plan(), people=count, seed=1).people
                air = VirtualAir([person.wearable for person in people], clock=self._clock)
                await stack.enter_async_context(air)
                radios = (air.radio,)
                return *await listen(radios, clock=self._clock, seconds=self._wish.seconds), radios

            if self.machine is not None and self.machine.bumble is None:
                heard: _Heard | Check = _NO_VIRTUAL_WEARABLES
            else:
                heard = await _or_check("listening", listened, limit_s=self._wish.seconds + _MARGIN_S)
            if isinstance(heard, Check):
                yield heard
                for check in _not_listened("nothing could be heard")[1:]:
                    yield check
                return
            async for check in self._wearables(heard[0], heard[1], radios=heard[2], before=()):
                yield check

    async def _wearables(
        self, listening: Listening, found: Sequence[Found], *, radios: Sequence[Radio], before: Sequence[Check]
    ) -> AsyncGenerator[Check, None]:
        self.wearables = tuple(wearable.name for wearable in listening.wearables if wearable.name)
        yield attempt_now("listening", lambda: judging.judge_listening(listening, before=before))
        yield attempt_now("wearables", lambda: judging.judge_wearables(listening))

        async def connections() -> Check:
            from watchlink.doctor.trials import connect

            return judging.judge_connecting(
                await connect(found, radios=radios, clock=self._clock, limit_s=CONNECTING_S)
            )

        if not self._wish.connect:
            yield _not_checked("connections", "left out with --no-connect")
        elif not found:
            yield _not_checked("connections", "no wearable was heard")
        else:
            yield await attempt("connections", connections, limit_s=CONNECTING_S + _MARGIN_S)

    def _recording(self) -> int | None:
        """The number of a session that is being recorded now."""
        for stored in self._sessions.sessions if self._sessions is not None else ():
            if stored.state is SessionState.RECORDING:
                return stored.id
        return None


async def attempt(name: str, ask: Callable[[], Awaitable[Check]], *, limit_s: float) -> Check:
    """A check, or in its place the check that says why it could not be made."""
    return await _or_check(name, ask, limit_s=limit_s)


def attempt_now(name: str, judge: Callable[[], Check]) -> Check:
    """The same for a judgement, which waits for nothing."""
    try:
        return judge()
    except Exception as error:  # noqa: BLE001 - one check's mistake must not take the others with it
        return _broken(name, error)


async def _or_check(name: str, ask: Callable[[], Awaitable[T]], *, limit_s: float) -> T | Check:
    limit = asyncio.timeout(limit_s)
    try:
        async with limit:
            return await ask()
    except Exception as error:  # noqa: BLE001 - one check's mistake must not take the others with it
        if isinstance(error, TimeoutError) and limit.expired():
            return Check(name=name, status=Status.WARN, found=f"no answer within {limit_s:g} s", fix=_BROKEN_FIX)
        return _broken(name, error)


def _broken(name: str, error: Exception) -> Check:
    if isinstance(error, WatchlinkError):
        return Check(name=name, status=Status.FAIL, found=str(error))
    found = f"this check broke: {type(error).__name__}: {error}"
    return Check(name=name, status=Status.WARN, found=found, fix=_BROKEN_FIX)


def _judged(bluetooth: Bluetooth, listening: Listening | None) -> list[Check]:
    def none() -> Trouble:
        return gathering.usual_trouble(LinkFault.NO_ADAPTER, bluetooth.platform)

    def off() -> Trouble:
        return gathering.usual_trouble(LinkFault.POWERED_OFF, bluetooth.platform)

    return [
        attempt_now("Bluetooth", lambda: judging.judge_service(bluetooth, listening)),
        attempt_now("permission", lambda: judging.judge_permission(bluetooth, listening)),
        attempt_now("adapter", lambda: judging.judge_adapter(bluetooth, listening, none=none())),
        attempt_now("power", lambda: judging.judge_power(bluetooth, listening, off=off())),
    ]


def _not_checked(name: str, reason: str) -> Check:
    return Check(name=name, status=Status.NOT_CHECKED, found=reason)


def _left_alone(reason: str) -> list[Check]:
    return [_not_checked(name, reason) for name in ("Bluetooth", "permission", "adapter", "power")]


def _not_listened(reason: str) -> list[Check]:
    return [_not_checked(name, reason) for name in ("listening", "wearables", "connections")]
