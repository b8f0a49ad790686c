"""Several sources as one; and the contract that every source keeps, run over each of them.

Strategy: the contract stands beside the source that is made of others, because that one breaks where any of them does.
"""

from __future__ import annotations

import asyncio
import io
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Coroutine, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_profiles.gatt import BodySensorLocation
from watchlink.clock import VirtualClock
from watchlink.errors import CaptureError, LinkError, LinkFault
from watchlink.packets import EventKind, Notification, Packet, Seat, SessionEvent
from watchlink.session import Block, Plan
from watchlink.sources import Source
from watchlink.sources.ble import BleSource, Wearer, scan
from watchlink.sources.desk import Desk
from watchlink.sources.merged import MergedSource
from watchlink.sources.replay import ReplaySource
from watchlink.sources.virtual.air import VirtualAir
from watchlink.sources.virtual.cohort import VirtualCohort
from watchlink.sources.virtual.practice import practice
from watchlink.sources.virtual.wearable import Emission, VirtualWearable

T = TypeVar("T")

_STARTED_AT = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)


def _notification(at_us: int, wearable: str = "w1") -> Notification:
    return Notification(at_us=at_us, wearable=wearable, payload=b"\0\x3c")


async def _tasks_left(before: set[asyncio.Task[Any]]) -> set[str]:
    """Tasks that go on although their source was left a second ago."""
    left = asyncio.all_tasks() - before
    if left:
        await asyncio.wait(left, timeout=1.0)
    return {repr(task.get_coro()) for task in left if not task.done()}


class SourceContract(ABC):
    """Every source is opened and left cleanly, yields packets, and leaves no task behind."""

    wanted = 6

    @abstractmethod
    async def make(self, clock: VirtualClock) -> Source:
        """A source with at least `wanted` packets."""

    def run(self, main: Coroutine[Any, Any, T], clock: VirtualClock) -> T:
        return clock.run(main)

    def test_it_yields_packets_in_order_of_arrival_and_leaves_no_task(self) -> None:
        clock = VirtualClock(started_at=_STARTED_AT)

        async def read() -> tuple[list[Packet], set[str]]:
            packets: list[Packet] = []
            before = asyncio.all_tasks()
            async with await self.make(clock) as source:
                async for packet in source:
                    packets.append(packet)
                    if len(packets) == self.wanted:
                        break
            return packets, await _tasks_left(before)

        packets, left = self.run(read(), clock)
        assert len(packets) == self.wanted
        assert all(isinstance(packet, Packet) for packet in packets)
        stamps_us = [packet.at_us for packet in packets if not isinstance(packet, SessionEvent)]
        assert stamps_us == sorted(stamps_us)  # events may be told late: they stand where they were told
        assert left == set()

    def test_it_can_be_left_without_having_been_read(self) -> None:
        clock = VirtualClock(started_at=_STARTED_AT)

        async def leave() -> set[str]:
            before = asyncio.all_tasks()
            async with await self.make(clock):
                pass
            return await _tasks_left(before)

        assert self.run(leave(), clock) == set()

    def test_a_fault_of_its_reader_is_passed_on_and_leaves_no_task(self) -> None:
        clock = VirtualClock(started_at=_STARTED_AT)

        async def fail() -> set[str]:
            before = asyncio.all_tasks()
            with pytest.raises(LookupError, match="of the reader"):
                await self._read_until_fault(clock)
            return await _tasks_left(before)

        assert self.run(fail(), clock) == set()

    async def _read_until_fault(self, clock: VirtualClock) -> None:
        async with await self.make(clock) as source:
            async for _ in source:
                raise LookupError("of the reader")

    def test_its_reader_can_be_cancelled_and_no_task_is_left(self) -> None:
        clock = VirtualClock(started_at=_STARTED_AT)

        async def cancel() -> tuple[bool, set[str]]:
            before = asyncio.all_tasks()
            reader: asyncio.Task[None] = asyncio.create_task(self._read_until_cancelled(clock))
            await asyncio.wait({reader})
            return reader.cancelled(), await _tasks_left(before)

        assert self.run(cancel(), clock) == (True, set())

    async def _read_until_cancelled(self, clock: VirtualClock) -> None:
        async with await self.make(clock) as source:
            async for _ in source:
                current = asyncio.current_task()
                assert current is not None
                current.cancel()
            await asyncio.Event().wait()

    def test_leaving_it_gives_everything_back_although_its_iterator_is_still_held(self) -> None:
        clock = VirtualClock(started_at=_STARTED_AT)

        async def hold() -> set[str]:
            before = asyncio.all_tasks()
            async with await self.make(clock) as source:
                held = aiter(source)
                await anext(held)
            left = await _tasks_left(before)
            del held
            return left

        assert self.run(hold(), clock) == set()


class TestReplayPaced(SourceContract):
    async def make(self, clock: VirtualClock) -> Source:
        return ReplaySource([_notification(number * 500_000) for number in range(10)], clock=clock)


class TestReplayUnpaced(SourceContract):
    async def make(self, clock: VirtualClock) -> Source:  # noqa: ARG002 - it needs none
        return ReplaySource([_notification(number * 500_000) for number in range(10)], clock=None)


class TestDesk(SourceContract):
    async def make(self, clock: VirtualClock) -> Source:
        lines = io.StringIO("escalation 1\n" * 10 + "end\n")
        return Desk(typed=lines, clock=clock, people=["Heron"], complain=pytest.fail)


class TestMergedUntil(SourceContract):
    async def make(self, clock: VirtualClock) -> Source:
        lines = io.StringIO("escalation 1\n" * 9 + "end\n")
        return MergedSource(
            ReplaySource([_notification(0)], clock=clock),
            until=Desk(typed=lines, clock=clock, people=["Heron"], complain=pytest.fail),
        )


class TestMerged(SourceContract):
    async def make(self, clock: VirtualClock) -> Source:
        return MergedSource(
            ReplaySource([_notification(number * 500_000) for number in range(10)], clock=clock),
            ReplaySource([_notification(number * 700_000, "w2") for number in range(10)], clock=clock),
        )


class TestMergedOfMerged(SourceContract):
    async def make(self, clock: VirtualClock) -> Source:
        inner = MergedSource(ReplaySource([_notification(number * 700_000, "w2") for number in range(9)], clock=clock))
        return MergedSource(inner, ReplaySource([_notification(number) for number in range(9)], clock=clock))


class TestVirtualCohort(SourceContract):
    wanted = 30

    async def make(self, clock: VirtualClock) -> Source:
        plan = Plan(title="", blocks=(Block(kind="baseline", title="", minutes=2),))
        return VirtualCohort(practice(plan=plan, people=3, seed=1), clock=clock)


class _OnTheAir:
    """A live source together with the virtual air that it hears."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        emissions = [Emission(at_us=number * 500_000, payload=b"\0\x3c") for number in range(1, 200)]
        self._air = VirtualAir(
            [
                VirtualWearable(
                    serial="0001",
                    name="Polar H10 0001",
                    manufacturer="Polar",
                    model="H10",
                    firmware="virtual",
                    battery_percent=80,
                    body_sensor_location=BodySensorLocation.CHEST,
                    emissions=emissions,
                )
            ],
            clock=clock,
        )

    async def __aenter__(self) -> Self:
        await self._air.__aenter__()
        found = await scan(clock=self._clock, seconds=5, enough=1, radio=self._air.radio)
        wearer = Wearer.of(found[0], person="Heron", wearable="w1", profile="polar-h10")
        self._source = BleSource([wearer], clock=self._clock, radios=[self._air.radio])
        await self._source.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._source.__aexit__(kind, error, traceback)
        await self._air.__aexit__(kind, error, traceback)

    def __aiter__(self) -> AsyncIterator[Packet]:
        return aiter(self._source)


class TestBle(SourceContract):
    wanted = 20

    async def make(self, clock: VirtualClock) -> Source:
        return _OnTheAir(clock)


# --- merging ---------------------------------------------------------------------------------------------------------


class _Logged:
    """Source: packets at their times, then an exception if there is one; writes down when it is opened and left."""

    def __init__(
        self,
        name: str,
        log: list[str],
        *,
        clock: VirtualClock,
        packets: Sequence[Packet] = (),
        then: Exception | None = None,
        shut: Exception | None = None,
    ) -> None:
        self._name = name
        self._log = log
        self._replay = ReplaySource(packets, clock=clock)
        self._then = then
        self._shut = shut

    async def __aenter__(self) -> Self:
        if self._shut is not None:
            raise self._shut
        self._log.append(f"open {self._name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._log.append(f"leave {self._name}")

    async def __aiter__(self) -> AsyncIterator[Packet]:
        async for packet in self._replay:
            yield packet
        if self._then is not None:
            raise self._then


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(started_at=_STARTED_AT)


def _read(clock: VirtualClock, *sources: Source) -> list[Packet]:
    async def read() -> list[Packet]:
        async with MergedSource(*sources) as merged:
            return [packet async for packet in merged]

    return clock.run(read())


@settings(deadline=None, max_examples=40)
@given(logs=st.lists(st.lists(st.integers(0, 10_000_000), max_size=15), max_size=5))
def test_packets_of_all_sources_come_in_order_of_time_and_none_is_lost(logs: list[list[int]]) -> None:
    clock = VirtualClock(started_at=_STARTED_AT)
    packets = [[_notification(at_us, f"w{number}") for at_us in sorted(log)] for number, log in enumerate(logs)]
    merged = _read(clock, *(ReplaySource(log, clock=clock) for log in packets))
    assert [packet.at_us for packet in merged] == sorted(at_us for log in logs for at_us in log)
    for number, log in enumerate(packets):
        assert [
            packet for packet in merged if not isinstance(packet, SessionEvent) and packet.wearable == f"w{number}"
        ] == log


def test_no_sources_are_over_at_once(clock: VirtualClock) -> None:
    assert _read(clock) == []
    assert clock.now_us() == 0


def test_it_goes_on_until_its_last_source_has_ended(clock: VirtualClock) -> None:
    short = ReplaySource([_notification(1)], clock=clock)
    long = ReplaySource([_notification(number * 1_000_000, "w2") for number in range(5)], clock=clock)
    assert len(_read(clock, short, long)) == 6
    assert clock.now_us() == 4_000_000


def test_sources_are_opened_in_order_and_left_the_other_way_round(clock: VirtualClock) -> None:
    log: list[str] = []
    _read(clock, *(_Logged(name, log, clock=clock) for name in "abc"))
    assert log == ["open a", "open b", "open c", "leave c", "leave b", "leave a"]


def test_if_one_cannot_be_opened_those_before_it_are_given_back(clock: VirtualClock) -> None:
    log: list[str] = []
    shut = LinkError("Bluetooth is switched off.", fault=LinkFault.POWERED_OFF)
    with pytest.raises(LinkError, match="switched off"):
        _read(
            clock,
            _Logged("a", log, clock=clock),
            _Logged("b", log, clock=clock),
            _Logged("c", log, clock=clock, shut=shut),
            _Logged("d", log, clock=clock),
        )
    assert log == ["open a", "open b", "leave b", "leave a"]


def test_if_one_fails_its_packets_come_first_then_its_fault_and_all_are_left(clock: VirtualClock) -> None:
    log: list[str] = []
    seen: list[Packet] = []
    failing = _Logged("a", log, clock=clock, packets=[_notification(2_000_000)], then=CaptureError("It breaks off."))
    healthy = _Logged("b", log, clock=clock, packets=[_notification(n * 1_000_000, "w2") for n in range(10)])

    async def read() -> None:
        async with MergedSource(failing, healthy) as merged:
            async for packet in merged:
                seen.append(packet)  # noqa: PERF401 - what came before the fault is wanted

    with pytest.raises(CaptureError, match="breaks off"):
        clock.run(read())
    assert [packet.at_us for packet in seen] == sorted(packet.at_us for packet in seen)
    assert {_notification(0, "w2"), _notification(1_000_000, "w2"), _notification(2_000_000)} <= set(seen)
    assert log[-2:] == ["leave b", "leave a"]
    assert clock.now_us() == 2_000_000


def test_a_mark_made_while_reports_flow_stands_between_them(clock: VirtualClock) -> None:
    mark = SessionEvent(at_us=2_500_000, kind=EventKind.MARK, label="x")
    seat = Seat(at_us=0, person="Heron", wearable="w1", profile="generic")
    reports: list[Packet] = [seat, *(_notification(number * 1_000_000) for number in range(1, 5))]
    merged = _read(clock, ReplaySource(reports, clock=clock), ReplaySource([mark], clock=clock))
    assert merged == [*reports[:3], mark, *reports[3:]]
