"""The one loop: whatever happens above the recorder, the log is whole, and everything is closed well."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Generator, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import pytest

from watchlink.archive import Archive, Recorder, SessionState
from watchlink.clock import VirtualClock
from watchlink.errors import CaptureError, LinkError, LinkFault
from watchlink.fold import SessionFold
from watchlink.hub import Item, run_session
from watchlink.packets import EventKind, Notification, Packet, Seat, SessionEvent
from watchlink.readings import Measured
from watchlink.sources.replay import ReplaySource
from watchlink.timeline import Timeline

_STARTED_AT = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)
_LOG: tuple[Packet, ...] = (
    Seat(at_us=0, person="Heron", wearable="w1", profile="garmin-watch"),
    *(Notification(at_us=n * 1_000_000, wearable="w1", payload=bytes([0, 60])) for n in range(1, 31)),
)
# A block's label that is no text: the fold cannot look it up, and the recorder does not need to.
_UNBEARABLE = SessionEvent(at_us=5_500_000, kind=EventKind.BLOCK, label=cast("str", ["no", "text"]))


class _Kept:
    """Sink: keeps all that it was told."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.ticks: list[tuple[int, str | None]] = []
        self.timelines: list[Timeline] = []

    def accept(self, item: Item) -> None:
        self.items.append(item)

    def tick(self, now_us: int, *, trouble: str | None) -> None:
        self.ticks.append((now_us, trouble))

    def close(self, timeline: Timeline) -> None:
        self.timelines.append(timeline)


class _Torn(_Kept):
    """Sink: fails at the n-th thing that it is asked to do in one of its three ways."""

    def __init__(self, *, accept: int = 0, tick: int = 0, close: int = 0) -> None:
        super().__init__()
        self._left = {"accept": accept, "tick": tick, "close": close}

    def accept(self, item: Item) -> None:
        super().accept(item)
        self._count("accept")

    def tick(self, now_us: int, *, trouble: str | None) -> None:
        super().tick(now_us, trouble=trouble)
        self._count("tick")

    def close(self, timeline: Timeline) -> None:
        super().close(timeline)
        self._count("close")

    def _count(self, what: str) -> None:
        self._left[what] -= 1
        if self._left[what] == 0:
            raise ArithmeticError(f"the sink is torn at {what}")


class _Given:
    """Source: packets of a list, then an exception if there is one; knows how it was treated."""

    def __init__(
        self,
        packets: Iterable[Packet],
        *,
        clock: VirtualClock,
        then: Exception | None = None,
        shut: Exception | None = None,
    ) -> None:
        self._replay = ReplaySource(packets, clock=clock)
        self._then = then
        self._shut = shut
        self.left = 0

    async def __aenter__(self) -> Self:
        if self._shut is not None:
            raise self._shut
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.left += 1

    async def __aiter__(self) -> AsyncIterator[Packet]:
        async for packet in self._replay:
            yield packet
        if self._then is not None:
            raise self._then


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(started_at=_STARTED_AT)


@pytest.fixture
def archive(tmp_path: Path) -> Generator[Archive]:
    with Archive(tmp_path / "sessions.sqlite3") as opened:
        yield opened


@pytest.fixture
def recorder(archive: Archive) -> Recorder:
    return archive.begin(title="", started_at=_STARTED_AT)


def _assert_complete(archive: Archive, log: Sequence[Packet]) -> None:
    (stored,) = archive.sessions()
    assert stored.state is SessionState.COMPLETE
    assert list(archive.packets(stored.id)) == list(log)


# --- to the end ------------------------------------------------------------------------------------------------------


def test_every_packet_is_recorded_and_shown_with_the_readings_that_came_of_it(
    clock: VirtualClock, archive: Archive, recorder: Recorder
) -> None:
    source, sinks = _Given(_LOG, clock=clock), [_Kept(), _Kept()]
    timeline = clock.run(run_session(source, clock=clock, recorder=recorder, sinks=sinks))

    fold = SessionFold()
    expected: list[Item] = []
    for packet in _LOG:
        expected += [packet, *fold.push(packet)]
    expected += fold.flush()
    assert timeline == fold.timeline()
    for sink in sinks:
        assert sink.items == expected
        assert sink.timelines == [timeline]
    assert source.left == 1
    _assert_complete(archive, _LOG)


def test_a_session_can_run_without_a_recorder_and_without_sinks(clock: VirtualClock) -> None:
    timeline = clock.run(run_session(_Given(_LOG, clock=clock), clock=clock, recorder=None, sinks=[]))
    assert timeline.people["Heron"].notifications == 30


def test_a_source_that_has_nothing_gives_an_empty_timeline(
    clock: VirtualClock, archive: Archive, recorder: Recorder
) -> None:
    sink = _Kept()
    timeline = clock.run(run_session(_Given([], clock=clock), clock=clock, recorder=recorder, sinks=[sink]))
    assert (timeline.people, timeline.spikes, sink.items) == ({}, (), [])
    _assert_complete(archive, [])


def test_time_is_told_to_the_sinks_twice_a_second_also_when_nothing_arrives(clock: VirtualClock) -> None:
    sink = _Kept()
    far = [Notification(at_us=10_000_000, wearable="w1", payload=b"\0\x3c")]
    clock.run(run_session(_Given(far, clock=clock), clock=clock, recorder=None, sinks=[sink]))
    assert sink.ticks[:20] == [(number * 500_000, None) for number in range(20)]


def test_the_trouble_of_the_recorder_is_told_to_the_sinks_and_so_is_its_end(
    clock: VirtualClock, archive: Archive, recorder: Recorder
) -> None:
    database = archive._database

    def packets() -> Iterable[Packet]:
        for number in range(100):
            if number == 40:
                database.execute(f"PRAGMA max_page_count = {database.execute('PRAGMA page_count').fetchone()[0]}")
            if number == 70:
                database.execute("PRAGMA max_page_count = 1000000")
            recorder._since_commit._since_s -= 60  # a minute of real time between two packets
            yield Notification(at_us=number * 500_000 + 1, wearable="w1", payload=bytes([0, 60]) + bytes(500))

    sink = _Kept()
    clock.run(run_session(_Given(packets(), clock=clock), clock=clock, recorder=recorder, sinks=[sink]))
    troubles = [trouble for _, trouble in sink.ticks]
    told = [trouble for number, trouble in enumerate(troubles) if number == 0 or trouble != troubles[number - 1]]
    assert told == [None, "database or disk is full", None]
    assert archive.session(recorder.session_id).packets == 100


# --- the end before the end ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("until_us", "shown"), [(0, 1), (999_999, 1), (10_500_000, 11), (29_999_999, 30), (3_600_000_000, 31)]
)
def test_a_session_ends_at_its_time_and_all_until_then_is_kept(
    clock: VirtualClock, archive: Archive, recorder: Recorder, until_us: int, shown: int
) -> None:
    source, sink = _Given(_LOG, clock=clock), _Kept()
    timeline = clock.run(run_session(source, clock=clock, recorder=recorder, sinks=[sink], until_us=until_us))
    assert [item for item in sink.items if isinstance(item, (Seat, Notification))] == list(_LOG[:shown])
    assert sink.timelines == [timeline]
    assert source.left <= 1
    _assert_complete(archive, _LOG[:shown])
    assert clock.now_us() <= max(until_us, 30_000_000)


def test_the_time_of_the_end_is_on_the_clocks_axis_not_from_now(clock: VirtualClock) -> None:
    clock.run(clock.sleep_until_us(20_000_000))
    sink = _Kept()
    clock.run(run_session(_Given(_LOG, clock=clock), clock=clock, recorder=None, sinks=[sink], until_us=25_500_000))
    assert clock.now_us() == 25_500_000
    assert len([item for item in sink.items if isinstance(item, Notification)]) == 25


def test_a_cancelled_session_is_closed_well(clock: VirtualClock, archive: Archive, recorder: Recorder) -> None:
    source, sink = _Given(_LOG, clock=clock), _Kept()

    async def cancel() -> bool:
        session = asyncio.create_task(run_session(source, clock=clock, recorder=recorder, sinks=[sink]))
        await clock.sleep_until_us(12_500_000)
        session.cancel()
        await asyncio.wait({session})
        return session.cancelled()

    assert clock.run(cancel())
    assert source.left == 1
    assert len(sink.timelines) == 1
    assert sink.timelines[0].people["Heron"].notifications == 12
    _assert_complete(archive, _LOG[:13])


def test_an_interrupt_from_the_keyboard_is_passed_on_after_everything_was_closed(
    clock: VirtualClock, archive: Archive, recorder: Recorder
) -> None:
    class _Pressed(_Kept):
        def accept(self, item: Item) -> None:
            super().accept(item)
            if isinstance(item, Notification) and item.at_us == 8_000_000:
                raise KeyboardInterrupt

    sink = _Pressed()
    with pytest.raises(KeyboardInterrupt):
        clock.run(run_session(_Given(_LOG, clock=clock), clock=clock, recorder=recorder, sinks=[sink]))
    assert len(sink.timelines) == 1
    _assert_complete(archive, _LOG[:9])


def test_no_task_is_left_running(clock: VirtualClock) -> None:
    async def run() -> set[asyncio.Task[Any]]:
        await run_session(_Given(_LOG, clock=clock), clock=clock, recorder=None, sinks=[_Kept()])
        left = asyncio.all_tasks() - {asyncio.current_task()}
        if left:
            await asyncio.wait(left, timeout=1.0)
        return {task for task in left if not task.done()}

    assert clock.run(run()) == set()


# --- faults above the recorder ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("torn", [{"accept": 1}, {"accept": 7}, {"tick": 1}, {"tick": 9}, {"close": 1}], ids=str)
def test_a_sink_that_fails_stops_no_recording_and_its_fault_is_raised_at_the_end(
    clock: VirtualClock, archive: Archive, recorder: Recorder, torn: dict[str, int]
) -> None:
    source = _Given(_LOG, clock=clock)
    with pytest.raises(ArithmeticError, match="the sink is torn at"):
        clock.run(run_session(source, clock=clock, recorder=recorder, sinks=[_Torn(**torn)]))
    assert clock.now_us() == 30_000_000
    assert source.left == 1
    _assert_complete(archive, _LOG)


def test_a_packet_that_the_fold_cannot_bear_stops_no_recording(
    clock: VirtualClock, archive: Archive, recorder: Recorder
) -> None:
    log = [*_LOG[:6], _UNBEARABLE, *_LOG[6:]]
    with pytest.raises(TypeError, match="unhashable"):
        clock.run(run_session(_Given(log, clock=clock), clock=clock, recorder=recorder, sinks=[]))
    (stored,) = archive.sessions()
    assert (stored.state, stored.packets) == (SessionState.COMPLETE, len(log))


@pytest.mark.parametrize("torn", [{"accept": 1}, {"accept": 7}, {"tick": 9}, {"close": 1}], ids=str)
@pytest.mark.parametrize("recorded", [True, False], ids=["recorded", "not recorded"])
def test_every_sink_is_closed_once_also_after_another_one_failed(
    clock: VirtualClock, recorder: Recorder, recorded: bool, torn: dict[str, int]
) -> None:
    sinks = (_Kept(), _Torn(**torn), _Kept())
    session = run_session(_Given(_LOG, clock=clock), clock=clock, recorder=recorder if recorded else None, sinks=sinks)
    with pytest.raises(ArithmeticError):
        clock.run(session)
    assert [len(sink.timelines) for sink in sinks] == [1, 1, 1]


@pytest.mark.parametrize("torn", [{"accept": 7}, {"tick": 9}], ids=str)
def test_without_a_recorder_a_session_ends_when_nobody_can_see_it_any_more(
    clock: VirtualClock, torn: dict[str, int]
) -> None:
    source = _Given(_LOG, clock=clock)
    with pytest.raises(ArithmeticError, match="the sink is torn at"):
        clock.run(run_session(source, clock=clock, recorder=None, sinks=[_Torn(**torn)]))
    assert clock.now_us() < 30_000_000
    assert source.left == 1


def test_a_fault_of_the_source_is_raised_after_everything_before_it_was_kept(
    clock: VirtualClock, archive: Archive, recorder: Recorder
) -> None:
    source, sink = _Given(_LOG[:9], clock=clock, then=CaptureError("the file breaks off.")), _Kept()
    with pytest.raises(CaptureError, match="breaks off"):
        clock.run(run_session(source, clock=clock, recorder=recorder, sinks=[sink]))
    assert source.left == 1
    assert len(sink.timelines) == 1
    _assert_complete(archive, _LOG[:9])


def test_a_source_that_cannot_be_opened_is_an_error_and_everything_is_closed(
    clock: VirtualClock, archive: Archive, recorder: Recorder
) -> None:
    source = _Given([], clock=clock, shut=LinkError("Bluetooth is switched off.", fault=LinkFault.POWERED_OFF))
    sink = _Kept()
    with pytest.raises(LinkError, match="switched off"):
        clock.run(run_session(source, clock=clock, recorder=recorder, sinks=[sink]))
    assert len(sink.timelines) == 1
    _assert_complete(archive, [])


@pytest.mark.parametrize("until_us", [None, 60_000_000])
def test_a_timeout_of_the_sources_own_is_not_taken_for_the_end_of_the_session(
    clock: VirtualClock, until_us: int | None
) -> None:
    source = _Given(_LOG[:3], clock=clock, then=TimeoutError("of the source"))
    with pytest.raises(TimeoutError, match="of the source"):
        clock.run(run_session(source, clock=clock, recorder=None, sinks=[], until_us=until_us))


def test_readings_that_were_held_back_come_out_at_the_end(clock: VirtualClock) -> None:
    sink = _Kept()
    with contextlib.suppress(CaptureError):
        clock.run(
            run_session(_Given(_LOG, clock=clock, then=CaptureError(".")), clock=clock, recorder=None, sinks=[sink])
        )
    fold = SessionFold()
    for packet in _LOG:
        fold.push(packet)
    flushed = fold.flush()
    assert sink.items[len(sink.items) - len(flushed) :] == list(flushed)
    assert sum(isinstance(item, Measured) for item in sink.items) == 30
