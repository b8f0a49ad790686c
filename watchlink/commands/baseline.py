"""`watchlink baseline`: some minutes seated and silent, alone, and what they say of the heart at rest.

Strategy: it is a recording like any other, kept as it came; whether it counts is decided by what it holds, by the same
code that reads it again later. The heart rate is not shown meanwhile: who watches it moves it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from watchlink.commands.cohort import CohortsOption, cohorts_path
from watchlink.commands.exits import FILE, POOR
from watchlink.commands.nearby import DevicesOption, devices_path
from watchlink.commands.running import ArchiveOption, JsonOption, PlainOption, archive_path, say
from watchlink.commands.seating import (
    AdapterOption,
    ScanOption,
    SeedOption,
    cohort_of,
    parse_seats,
    prepare_filters,
    wearables_near,
)
from watchlink.texts import shown

if TYPE_CHECKING:
    from datetime import datetime

    from watchlink.archive import Recorder
    from watchlink.clock import Clock
    from watchlink.cohorts import Cohort
    from watchlink.hub import Sink
    from watchlink.packets import Packet
    from watchlink.sources import Source

_DEFAULT_ALIAS: Final = "Heron"


def baseline(
    *,
    alias: Annotated[
        str | None,
        typer.Option(help="Who you are; needed where more than one wearable is remembered or near."),
    ] = None,
    minutes: Annotated[int, typer.Option(min=3, max=5, help="How long: 3 or 5 minutes after half a minute.")] = 5,
    said: Annotated[
        list[str] | None,
        typer.Option("--said", metavar="ITEM=ANSWER", help="Answer the questions here: sleep=6, caffeine=yes."),
    ] = None,
    no_questions: Annotated[bool, typer.Option("--no-questions", help="Ask nothing.")] = False,
    virtual: Annotated[bool, typer.Option("--virtual", help="Try it on a virtual wearable.")] = False,
    seed: SeedOption = 1,
    speed: Annotated[float, typer.Option(min=1, max=1000, help="How fast virtual time passes.")] = 1.0,
    replay: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take the minutes from a recording instead.")
    ] = None,
    from_s: Annotated[
        float, typer.Option("--from", metavar="SECONDS", help="Where in the recording they begin.")
    ] = 0.0,
    cohort: Annotated[str | None, typer.Option(help="For which cohort.", show_default="the one you are in")] = None,
    plain: PlainOption = False,
    as_json: JsonOption = False,
    scan_seconds: ScanOption = 8.0,
    adapter: AdapterOption = None,
    archive: ArchiveOption = None,
    cohorts: CohortsOption = None,
    devices: DevicesOption = None,
) -> None:
    """Measure your heart at rest: seated, silent, 3 or 5 minutes. Three a week tell far more than one.

    What does not reach the limit of quality is not saved as a baseline, and the reason is said.
    """
    from watchlink.archive import Archive, SessionKind
    from watchlink.clock import VirtualClock, utc_now
    from watchlink.devices import load_devices
    from watchlink.hub import run_session
    from watchlink.sources.merged import MergedSource
    from watchlink.sources.replay import ReplaySource

    if speed != 1 and not virtual:
        raise typer.BadParameter("--speed is for --virtual; real minutes take minutes.")
    if virtual and replay is not None:
        raise typer.BadParameter("Say --virtual or --replay, not both.")
    known = () if virtual or replay is not None else load_devices(devices_path(devices))
    who = alias or (known[0].alias if len(known) == 1 else None)
    if who is None and (virtual or replay is not None):
        who = _DEFAULT_ALIAS
    answers = _answers(said or [], ask=not no_questions and not as_json and sys.stdin.isatty())
    until_us = round((_settling_s() + 60 * minutes) * 1e6)

    async def open_source() -> tuple[Source, Clock, str]:
        if replay is not None:
            return ReplaySource(replayed, clock=virtual_clock), virtual_clock, who or _DEFAULT_ALIAS
        if virtual:
            prepare_filters()
            return cohort_of([who or _DEFAULT_ALIAS], seed, _plan(minutes), virtual_clock), virtual_clock, who or ""
        seats = parse_seats([who] if who is not None else [], known)
        people, source, clock = await wearables_near(seats, known, adapter=adapter, scan_seconds=scan_seconds)
        if len(people) > 1:
            raise typer.BadParameter(shown(f"More than one wearable is near. Say who you are: --alias {people[0]}"))
        return source, clock, people[0]

    replayed: list[Packet] = []
    virtual_clock = VirtualClock(started_at=utc_now(), speed=speed)
    if replay is not None:
        replayed, started_at = _part(replay, who or _DEFAULT_ALIAS, from_s=from_s, until_us=until_us)
        virtual_clock = VirtualClock(started_at=started_at)
    run = virtual_clock.run if virtual or replay is not None else asyncio.run
    with Archive(archive_path(archive)) as opened:

        async def session() -> tuple[Recorder, str]:
            source, clock, person = await open_source()
            of = _cohort_of(person, cohort, cohorts)
            recorder = opened.begin(
                title="Baseline",
                started_at=clock.started_at,
                cohort=None if of is None else of.name,
                kind=SessionKind.BASELINE,
            )
            stated = ReplaySource(_stated(person, of, answers), clock=clock)
            merged = MergedSource(stated, source)
            try:
                await run_session(
                    merged, clock=clock, recorder=recorder, sinks=[_sink(plain, as_json, until_us)], until_us=until_us
                )
            finally:
                if recorder.unsaved:
                    say(f"{recorder.unsaved} packets could not be saved: {recorder.trouble}.")
            return recorder, person

        recorder, person = _run(run, session())
        if recorder.unsaved:
            raise typer.Exit(FILE)
        with closing(opened.packets(recorder.session_id)) as packets:
            fault = _tell(packets, person, number=recorder.session_id)
    if fault:
        raise typer.Exit(POOR)


def _run(run: Any, session: Coroutine[Any, Any, tuple[Recorder, str]]) -> tuple[Recorder, str]:
    """Run it in the loop that `run` makes, and give back what it gave."""
    result: list[tuple[Recorder, str]] = []

    async def keep() -> None:
        result.append(await session)

    run(keep())
    return result[0]


def _settling_s() -> float:
    from watchlink.evidence import SETTLING_S

    return SETTLING_S


def _tell(packets: Any, person: str, *, number: int) -> str:
    """Say what the minutes say; why they do not count, if so."""
    from watchlink.evidence import gather

    page = gather(packets).pages.get(person)
    rest = next(iter(page.rests), None) if page is not None else None
    if page is None or rest is None or rest.fault or rest.heart_rate_bpm is None:
        fault = "it was ended too early" if rest is None else rest.fault
        if page is None or not page.reports:
            fault = "nothing of the wearable was received"
        typer.echo(shown(f"Not saved as a baseline: {fault}."))
        say(_remedy(page is not None and page.reports > 0))
        say(f"What was recorded is kept as session {number}, and counts as one that could not be used.")
        return fault
    variability = (
        f"RMSSD {rest.rmssd_ms:.0f} ms from {rest.beats} intervals, {rest.corrected_pct:.0f} % of them corrected"
        if rest.rmssd_ms is not None and not rest.variability_fault
        else f"no variability: {rest.variability_fault}"
    )
    optical = " The intervals are optical, which is less sure than a strap." if rest.pulse and rest.rmssd_ms else ""
    typer.echo(shown(f"At rest: {rest.heart_rate_bpm:.0f} bpm; {variability}.{optical}"))
    say(f"Saved as session {number}. Your page: watchlink report {number} --person {person}")
    return ""


def _remedy(heard: bool) -> str:  # noqa: FBT001 - the one question there is
    if not heard:
        return "Wear it, wake it up, close the phone app that may hold it, and try again: watchlink pair looks closer."
    return "Moisten the strap or tighten the watch, keep the hands still, do not talk, and try again."


def _answers(said: Sequence[str], *, ask: bool) -> dict[str, str]:
    """What the person says of themself: from options, and where somebody is there, from questions."""
    from watchlink.commands.asking import Asking, tell
    from watchlink.self_reports import CHECKLIST, NO, SLEEP, YES, answer_fault

    answers: dict[str, str] = {}
    for text in said:
        item, equals, answer = (part.strip().casefold() for part in text.partition("="))
        answer = {"y": YES, "n": NO}.get(answer, answer)
        if not equals or item not in CHECKLIST:
            raise typer.BadParameter(shown(f"--said {text}: items are {', '.join(CHECKLIST)}, as in sleep=6."))
        if (fault := answer_fault(item, answer)) is not None:
            raise typer.BadParameter(shown(f"--said {text}: {fault}"))
        answers[item] = answer
    if not ask:
        return answers
    tell("A few questions, twenty seconds. Enter leaves one out; only you ever see the answers.")
    asking = Asking(yes=False, instead="Say --no-questions to be asked nothing.")
    for item, question in CHECKLIST.items():
        if item in answers:
            continue
        hint = "" if item == SLEEP else " (y/n)"

        def fits(answer: str, item: str = item) -> str | None:
            word = answer.casefold()
            return None if not word else answer_fault(item, {"y": YES, "n": NO}.get(word, word))

        answer = asking.ask_until(f"{question}{hint}", fits, default="", at_end="").casefold()
        if answer:
            answers[item] = {"y": YES, "n": NO}.get(answer, answer)
    return answers


def _stated(person: str, of: Cohort | None, answers: dict[str, str]) -> list[Packet]:
    """What is known before the first report: who shares what, what was said, and that it is a silent block."""
    from watchlink.consent import NOTHING
    from watchlink.packets import EventKind, SelfReport, SessionEvent, Sharing

    packets: list[Packet] = []
    member = None if of is None else of.member(person)
    if member is not None:
        shares = member.shares if member.up_to_date else NOTHING
        packets.append(Sharing(at_us=0, person=person, purposes=shares, wording=member.wording))
    packets += [SelfReport(at_us=0, person=person, item=item, answer=answer) for item, answer in answers.items()]
    packets.append(SessionEvent(at_us=0, kind=EventKind.BLOCK, label="baseline", note="Silent baseline"))
    return packets


def _cohort_of(person: str, name: str | None, cohorts: Path | None) -> Cohort | None:
    from watchlink.cohorts import load_cohorts
    from watchlink.commands.cohort import find_cohort

    if name is not None:
        found = find_cohort(name, cohorts)
        if found.member(person) is None:
            raise typer.BadParameter(shown(f"{person} is not in {found.name}: {', '.join(found.people)}."))
        return found
    fitting = [
        one for one in load_cohorts(cohorts_path(cohorts)) if one.closed_on is None and one.member(person) is not None
    ]
    if len(fitting) > 1:
        names = ", ".join(one.name for one in fitting)
        raise typer.BadParameter(shown(f"{person} is in {names}. Say for which: --cohort {fitting[0].name}"))
    return fitting[0] if fitting else None


def _plan(minutes: int) -> Any:
    from watchlink.session import Block, Plan

    block = Block(kind="baseline", title="Silent baseline", minutes=minutes + _settling_s() / 60)
    return Plan(title="Baseline", blocks=(block,))


def _part(file: Path, person: str, *, from_s: float, until_us: int) -> tuple[list[Packet], datetime]:
    """One wearable's minutes of a recording, as this person's, and when they began."""
    from datetime import timedelta

    from watchlink.commands.reading import captured
    from watchlink.errors import CaptureError
    from watchlink.packets import AttributeRead, Discarded, LinkChange, Notification, Seat

    with captured([file]) as (capture, _):
        packets = list(capture.packets)
    seats = [packet for packet in packets if isinstance(packet, Seat)]
    people = list(dict.fromkeys(seat.person for seat in seats))
    if len(people) > 1 and person not in people:
        raise CaptureError(f"{file} holds several people. Say who you are with --alias: {', '.join(people)}.")
    chosen = person if person in people else (people[0] if people else None)
    worn = {seat.wearable: seat for seat in seats if seat.person == chosen}
    from_us = round(from_s * 1e6)
    out: list[Packet] = [replace(seat, at_us=0, person=person) for seat in worn.values()]
    for packet in packets:
        if not isinstance(packet, Notification | Discarded | AttributeRead | LinkChange):
            continue
        if (chosen is None or packet.wearable in worn) and 0 <= packet.at_us - from_us <= until_us:
            out.append(replace(packet, at_us=packet.at_us - from_us))
    if not any(isinstance(packet, Notification) for packet in out):
        raise CaptureError(f"{file} holds no heart rate from second {from_s:g} on.")
    return out, capture.started_at + timedelta(seconds=from_s)


def _sink(plain: bool, as_json: bool, until_us: int) -> Sink:  # noqa: FBT001 - as the command has them
    if as_json:
        from watchlink.commands.output import JsonSink

        return JsonSink(sys.stdout)
    from watchlink.commands.countdown import CountdownSink

    return CountdownSink(sys.stderr, moving=sys.stderr.isatty() and not plain, until_s=until_us / 1e6)
