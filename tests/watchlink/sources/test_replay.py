"""A recorded log as a source: in the log's order, at the clock's pace or at once."""

from __future__ import annotations

import asyncio
import io
import itertools
import queue
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TextIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchlink.captures.arranging import laid_beside
from watchlink.clock import FollowingClock, VirtualClock
from watchlink.errors import CaptureError
from watchlink.packets import EventKind, Notification, Packet, SessionEvent
from watchlink.sources.replay import FollowSource, Player, ReplaySource

_STARTED_AT = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
_TIMES = st.lists(st.integers(0, 7_200_000_000), max_size=60)


def _notification(at_us: int) -> Notification:
    return Notification(at_us=at_us, wearable="w1", payload=b"\0\x3c")


def _mark(at_us: int, label: str = "x") -> SessionEvent:
    return SessionEvent(at_us=at_us, kind=EventKind.MARK, label=label)


def _replay(packets: Sequence[Packet], *, clock: VirtualClock, paced: bool) -> list[tuple[Packet, int]]:
    """The packets as they came, each with the time of the clock at which it did."""

    async def read() -> list[tuple[Packet, int]]:
        async with ReplaySource(packets, clock=clock if paced else None) as source:
            return [(packet, clock.now_us()) async for packet in source]

    return clock.run(read())


@settings(deadline=None, max_examples=40)
@given(times_us=_TIMES, speed=st.sampled_from([None, 1e9]))
def test_paced_each_packet_comes_at_its_time_whatever_the_speed(times_us: list[int], speed: float | None) -> None:
    packets = [_notification(at_us) for at_us in sorted(times_us)]
    clock = VirtualClock(started_at=_STARTED_AT, speed=speed)
    assert _replay(packets, clock=clock, paced=True) == [(packet, packet.at_us) for packet in packets]


@settings(deadline=None, max_examples=40)
@given(times_us=_TIMES)
def test_packets_out_of_order_keep_the_order_of_the_log_and_come_at_once(times_us: list[int]) -> None:
    packets = [_notification(at_us) for at_us in times_us]
    clock = VirtualClock(started_at=_STARTED_AT)
    expected = list(itertools.accumulate(times_us, max))
    assert _replay(packets, clock=clock, paced=True) == list(zip(packets, expected, strict=True))


@settings(deadline=None, max_examples=40)
@given(times_us=_TIMES)
def test_unpaced_all_packets_come_in_the_order_of_the_log_in_no_time(times_us: list[int]) -> None:
    packets = [_notification(at_us) for at_us in times_us]
    clock = VirtualClock(started_at=_STARTED_AT)
    assert _replay(packets, clock=clock, paced=False) == [(packet, 0) for packet in packets]


def test_what_happened_before_the_zero_comes_at_once() -> None:
    clock = VirtualClock(started_at=_STARTED_AT)
    assert _replay([_mark(-5_000_000), _mark(1)], clock=clock, paced=True) == [(_mark(-5_000_000), 0), (_mark(1), 1)]


def test_packets_are_read_one_by_one_as_they_are_due() -> None:
    clock = VirtualClock(started_at=_STARTED_AT)
    read: list[int] = []

    def log() -> Iterator[Packet]:
        for number in itertools.count():
            read.append(number)
            yield _notification(number * 1_000_000)

    async def take_three() -> list[Packet]:
        async with ReplaySource(log(), clock=clock) as source:
            packets = aiter(source)
            return [await anext(packets) for _ in range(3)]

    assert [packet.at_us for packet in clock.run(take_three())] == [0, 1_000_000, 2_000_000]
    assert max(read) <= 3


def test_an_unpaced_replay_lets_others_have_their_turn() -> None:
    clock = VirtualClock(started_at=_STARTED_AT)

    async def replay_beside_another() -> tuple[int, int]:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.create_task(other())
        async with ReplaySource((_notification(number) for number in range(10_000)), clock=None) as source:
            count = len([packet async for packet in source])
        task.cancel()
        return count, turns

    count, turns = clock.run(replay_beside_another())
    assert count == 10_000
    assert turns >= 10


@settings(deadline=None, max_examples=60)
@given(log_us=_TIMES, events_us=_TIMES)
def test_events_of_another_hand_are_laid_beside_the_log_by_time(log_us: list[int], events_us: list[int]) -> None:
    log = [_notification(at_us) for at_us in sorted(log_us)]
    events = [_mark(at_us) for at_us in sorted(events_us)]
    together = list(laid_beside(log, events))
    assert [packet for packet in together if isinstance(packet, Notification)] == log
    assert [packet for packet in together if isinstance(packet, SessionEvent)] == events
    assert [packet.at_us for packet in together] == sorted(log_us + events_us)


def test_at_the_same_time_the_log_comes_first() -> None:
    assert list(laid_beside([_notification(5)], [_mark(5)])) == [_notification(5), _mark(5)]


def test_a_log_is_laid_beside_events_without_being_read_ahead() -> None:
    endless = (_notification(number) for number in itertools.count())
    together = laid_beside(endless, [_mark(2, "second")])
    assert [packet.at_us for packet in itertools.islice(together, 5)] == [0, 1, 2, 2, 3]


@pytest.mark.parametrize("paced", [True, False])
def test_a_replay_that_is_cancelled_ends(paced: bool) -> None:
    clock = VirtualClock(started_at=_STARTED_AT)

    async def cancel() -> tuple[bool, int]:
        seen: list[Packet] = []

        async def read() -> None:
            log = (_notification(number * 1_000_000) for number in itertools.count())
            async with ReplaySource(log, clock=clock if paced else None) as source:
                async for packet in source:
                    seen.append(packet)
                    if len(seen) == 1000:
                        reader.cancel()

        reader = asyncio.create_task(read())
        await asyncio.wait({reader})
        return reader.cancelled(), len(seen)

    cancelled, seen = clock.run(cancel())
    assert cancelled
    assert 1000 <= seen < 2000


# --- held and stepped ------------------------------------------------------------------------------------------------


def _played(packets: Sequence[Packet], orders: str, *, held: bool, speed: float | None = 1e9) -> list[tuple[int, int]]:
    """What comes if these orders are read: (time of the packet, time of the clock)."""
    clock = VirtualClock(started_at=_STARTED_AT, speed=speed)
    complaints: list[str] = []
    player = Player(io.StringIO(orders), clock=clock, complain=complaints.append, held=held)

    async def read() -> list[tuple[int, int]]:
        async with ReplaySource(packets, clock=clock, player=player) as source:
            return [(packet.at_us, clock.now_us()) async for packet in source]

    came = clock.run(read())
    assert complaints == [
        f"{bad!r} is no order. {Player.HELP}." for bad in ("hop", "step x", "speed 0") if bad in orders
    ]
    return came


@pytest.mark.parametrize(
    "orders", ["", "\n", "go\n", "step\ngo\n", "step 3\nstep\nspeed 500000\n", "pause\n\n", "hop\nstep x\nspeed 0\n"]
)
@pytest.mark.parametrize("held", [True, False])
def test_however_it_is_held_and_stepped_the_packets_come_at_their_times(orders: str, held: bool) -> None:
    packets = [_notification(at_us) for at_us in range(0, 20_000_000, 1_000_000)]
    assert _played(packets, orders, held=held) == [(packet.at_us, packet.at_us) for packet in packets]


def test_a_step_lets_so_many_packets_go_and_no_time_more() -> None:
    packets = [_notification(at_us) for at_us in range(1_000_000, 20_000_000, 1_000_000)]
    clock = VirtualClock(started_at=_STARTED_AT)
    gone: queue.Queue[int] = queue.Queue()
    stood_at_us: list[int] = []

    def orders() -> Iterator[str]:
        for steps in (1, 1, 5):
            yield f"step {steps}"
            last_us = [gone.get(timeout=60) for _ in range(steps)][-1]
            stood_at_us.append(clock.now_us())
            assert stood_at_us[-1] == last_us
        yield "go"

    async def read() -> list[int]:
        player = Player(cast("TextIO", orders()), clock=clock, complain=pytest.fail, held=True)
        came: list[int] = []
        async with ReplaySource(packets, clock=clock, player=player) as source:
            async for packet in source:
                came.append(packet.at_us)
                gone.put(packet.at_us)
        return came

    assert clock.run(read()) == [packet.at_us for packet in packets]
    assert stood_at_us == [1_000_000, 2_000_000, 7_000_000]


# --- followed --------------------------------------------------------------------------------------------------------


def _follow(packets: Iterable[Packet]) -> tuple[list[Packet], int]:
    clock = FollowingClock(started_at=_STARTED_AT)

    async def read() -> list[Packet]:
        async with FollowSource(packets, clock=clock) as source:
            return [packet async for packet in source]

    return clock.run(read()), clock.now_us()


def test_what_is_followed_comes_in_order_and_moves_the_clock() -> None:
    packets = [_notification(at_us) for at_us in range(0, 10_000_000_000, 1_000_000)]
    came, now_us = _follow(packets)
    assert came == packets
    assert now_us >= packets[-1].at_us


def test_a_fault_of_what_is_followed_comes_after_its_packets() -> None:
    def broken() -> Iterator[Packet]:
        yield _notification(1)
        raise CaptureError("it breaks off")

    clock = FollowingClock(started_at=_STARTED_AT)
    came: list[Packet] = []

    async def read() -> None:
        async with FollowSource(broken(), clock=clock) as source:
            async for packet in source:
                came.append(packet)  # noqa: PERF401 - what came before the fault is looked at

    with pytest.raises(CaptureError, match="it breaks off"):
        clock.run(read())
    assert came == [_notification(1)]
