"""The clocks: one contract for real and for virtual time, and what only virtual time promises."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchlink.clock import Clock, MachineClock, Stopwatch, VirtualClock, clock_text, utc_now

_STARTED_AT = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
_TWO_HOURS_US = 7_200_000_000


class ClockContract(ABC):
    """What every loop may rely on, whichever clock it is handed."""

    @abstractmethod
    def make(self) -> Clock: ...

    def test_the_zero_of_the_axis_is_an_instant_of_utc(self) -> None:
        assert self.make().started_at.utcoffset() == timedelta(0)

    def test_the_axis_begins_at_zero_or_later_and_never_goes_back(self) -> None:
        clock = self.make()

        async def read() -> list[int]:
            seen = [clock.now_us()]
            for step in range(50):
                if step % 10 == 0:
                    await clock.sleep_until_us(clock.now_us() + 500)
                seen.append(clock.now_us())
            return seen

        seen = clock.run(read())
        assert seen[0] >= 0
        assert seen == sorted(seen)

    def test_sleeping_ends_at_the_instant_or_after_it_never_before(self) -> None:
        clock = self.make()

        async def sleep_repeatedly() -> list[int]:
            early: list[int] = []
            for span_us in (1, 7, 333, 1_000, 4_321):
                until_us = clock.now_us() + span_us
                await clock.sleep_until_us(until_us)
                early.append(min(0, clock.now_us() - until_us))
            return early

        assert clock.run(sleep_repeatedly()) == [0] * 5

    @pytest.mark.parametrize("at_us", [0, -1, -_TWO_HOURS_US])
    def test_an_instant_that_is_over_is_not_slept_for(self, at_us: int) -> None:
        clock = self.make()

        async def sleep_into_the_past() -> bool:
            others_ran = asyncio.Event()
            asyncio.get_running_loop().call_soon(others_ran.set)
            await clock.sleep_until_us(at_us)
            return others_ran.is_set()

        assert clock.run(sleep_into_the_past()) is False

    def test_timers_fire_in_order_of_time_not_of_making(self) -> None:
        clock = self.make()
        fired: list[int] = []

        async def ring(at_us: int) -> None:
            await clock.sleep_until_us(at_us)
            fired.append(at_us)

        async def ring_all() -> list[int]:
            now_us = clock.now_us()
            wanted = [now_us + span_us for span_us in (30_000, 10_000, 50_000, 20_000, 40_000)]
            async with asyncio.TaskGroup() as group:
                for at_us in wanted:
                    group.create_task(ring(at_us))
            return wanted

        assert sorted(clock.run(ring_all())) == fired

    def test_run_gives_back_what_its_main_returns(self) -> None:
        async def answer() -> str:
            return "done"

        assert self.make().run(answer()) == "done"

    def test_run_raises_what_its_main_raises(self) -> None:
        async def fail() -> None:
            raise LookupError("of the main's own")

        with pytest.raises(LookupError, match="of the main's own"):
            self.make().run(fail())

    def test_time_goes_on_from_one_run_to_the_next(self) -> None:
        clock = self.make()

        async def sleep_a_little() -> int:
            await clock.sleep_until_us(clock.now_us() + 2_000)
            return clock.now_us()

        seen = [clock.now_us(), *(clock.run(sleep_a_little()) for _ in range(3))]
        assert all(later - earlier >= 2_000 for earlier, later in pairwise(seen))

    def test_a_cancelled_sleep_ends_with_the_cancellation(self) -> None:
        clock = self.make()

        async def cancel() -> bool:
            sleeper = asyncio.create_task(clock.sleep_until_us(clock.now_us() + 3_600_000_000))
            await clock.sleep_until_us(clock.now_us() + 1_000)
            sleeper.cancel()
            await asyncio.wait({sleeper})
            return sleeper.cancelled()

        assert clock.run(cancel())

    def test_a_thread_can_wake_the_loop_when_no_timer_is_left(self) -> None:
        async def work() -> int:
            return await asyncio.to_thread(sum, range(10))

        assert self.make().run(work()) == 45


class TestMachineClock(ClockContract):
    def make(self) -> Clock:
        return MachineClock()

    def test_its_zero_is_the_instant_at_which_it_was_made(self) -> None:
        before = utc_now()
        clock = MachineClock()
        assert before <= clock.started_at <= utc_now()


class TestVirtualClock(ClockContract):
    def make(self) -> Clock:
        return VirtualClock(started_at=_STARTED_AT)

    def test_two_hours_pass_without_anybody_waiting(self) -> None:
        clock = VirtualClock(started_at=_STARTED_AT)

        async def session() -> int:
            await clock.sleep_until_us(_TWO_HOURS_US)
            return clock.now_us()

        assert clock.run(session()) == _TWO_HOURS_US
        assert clock.started_at == _STARTED_AT

    def test_a_timer_further_off_than_a_day_is_reached(self) -> None:
        clock = VirtualClock(started_at=_STARTED_AT)
        clock.run(clock.sleep_until_us(60 * 86_400_000_000))
        assert clock.now_us() == 60 * 86_400_000_000

    @settings(deadline=None, max_examples=50)
    @given(st.lists(st.integers(min_value=0, max_value=3 * _TWO_HOURS_US), max_size=40))
    def test_it_is_exactly_the_time_that_was_slept_for(self, instants_us: list[int]) -> None:
        clock = VirtualClock(started_at=_STARTED_AT)

        async def follow() -> list[int]:
            seen: list[int] = []
            for at_us in sorted(instants_us):
                await clock.sleep_until_us(at_us)
                seen.append(clock.now_us())
            return seen

        assert clock.run(follow()) == sorted(instants_us)

    def test_work_without_a_timer_takes_no_time(self) -> None:
        clock = VirtualClock(started_at=_STARTED_AT)

        async def work() -> int:
            await asyncio.to_thread(sorted, range(1000))
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(future.set_result, None)
            await future
            return clock.now_us()

        assert clock.run(work()) == 0

    def test_the_loop_of_a_second_run_carries_the_time_of_the_first(self) -> None:
        clock = VirtualClock(started_at=_STARTED_AT)

        async def sleep_until(at_us: int) -> tuple[int, float]:
            await clock.sleep_until_us(at_us)
            return clock.now_us(), asyncio.get_running_loop().time()

        runs = [clock.run(sleep_until(at_us)) for at_us in (1_500_000, 4_000_000, 2_000_000, 9_000_000)]
        assert [now_us for now_us, _ in runs] == [1_500_000, 4_000_000, 4_000_000, 9_000_000]
        assert [loop_s for _, loop_s in runs] == pytest.approx([1.5, 4.0, 4.0, 9.0])

    @pytest.mark.parametrize("speed", [None, 1e6, 1e9, float("inf")])
    def test_the_pace_changes_no_virtual_time(self, speed: float | None) -> None:
        assert _trace(VirtualClock(started_at=_STARTED_AT, speed=speed)) == _trace(VirtualClock(started_at=_STARTED_AT))

    @pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("-inf")])
    def test_a_speed_that_is_not_above_zero_is_refused(self, speed: float) -> None:
        with pytest.raises(ValueError, match="speed must be above 0"):
            VirtualClock(started_at=_STARTED_AT, speed=speed)

    def test_a_slow_pace_leaves_time_for_the_world_outside_and_no_pace_does_not(self) -> None:
        slow, unpaced = VirtualClock(started_at=_STARTED_AT, speed=1e-6), VirtualClock(started_at=_STARTED_AT)
        assert slow.run(_first_of_timer_and_process(slow)) == "process"
        assert slow.now_us() == 0  # what came from outside came before the timer, so it is not the timer's time yet
        assert unpaced.run(_first_of_timer_and_process(unpaced)) == "timer"
        assert unpaced.now_us() == 1_000_000


class TestPacedVirtualClock(ClockContract):
    """So fast that no test waits, but through the paced path."""

    def make(self) -> Clock:
        return VirtualClock(started_at=_STARTED_AT, speed=1e6)


async def _first_of_timer_and_process(clock: VirtualClock) -> str:
    """A timer of one second against a real process that does nothing: which of them is first."""
    timer = asyncio.create_task(clock.sleep_until_us(1_000_000))
    process = asyncio.create_task(asyncio.to_thread(subprocess.run, [sys.executable, "-c", ""], check=True))
    done, _ = await asyncio.wait({timer, process}, return_when=asyncio.FIRST_COMPLETED)
    timer.cancel()
    await asyncio.wait({timer, process})
    return "process" if process in done else "timer"


def _trace(clock: VirtualClock) -> list[tuple[str, int]]:
    """Three tasks that sleep in each other's way: who woke when."""
    trace: list[tuple[str, int]] = []

    async def walk(name: str, step_us: int) -> None:
        for at_us in range(step_us, 600_000_000, step_us):
            await clock.sleep_until_us(at_us)
            trace.append((name, clock.now_us()))

    async def walk_all() -> None:
        async with asyncio.TaskGroup() as group:
            for name, step_us in (("slow", 7_000_000), ("quick", 1_300_001), ("odd", 977_777)):
                group.create_task(walk(name, step_us))

    clock.run(walk_all())
    return trace


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5400, "-1:30:00"),
        (-14.5, "-0:00:15"),
        (0, "0:00:00"),
        (0.999, "0:00:00"),
        (59.999, "0:00:59"),
        (60, "0:01:00"),
        (3599.5, "0:59:59"),
        (3600, "1:00:00"),
        (7199, "1:59:59"),
        (36_000, "10:00:00"),
    ],
)
def test_a_time_on_the_axis_is_read_as_hours_minutes_seconds(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text


def test_a_stopwatch_restarts_at_zero() -> None:
    restarted, running = Stopwatch(), Stopwatch()
    restarted.restart()
    since_restart_s = restarted.elapsed_s()
    assert 0 <= since_restart_s <= running.elapsed_s()
