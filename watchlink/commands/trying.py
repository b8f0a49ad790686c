"""What `pair` and `devices test` share: the short test of a wearable, as it goes on, and its verdict in plain words.

Strategy: the link is the supervised one of a session and the readings are a session's; nothing of it is recorded. A
wearable that says of itself, once connected, that it is something better known than its name told is tried again as
that, so that the verdict, the settings and the proof of which one it is belong together.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

import typer

from watchlink.commands.asking import tell
from watchlink.commands.nearby import Air, model_of

if TYPE_CHECKING:
    from firmware_profiles.profiles import Profile
    from watchlink.clock import Clock
    from watchlink.sources.ble import Radio
    from watchlink.trial import Trial, TrialVerdict

TestSecondsOption = typer.Option(min=10, max=600, help="How long to test it.")

STOPPED: Final = "Stopped. No wearable is held any more, and nothing was kept."

_US_PER_S: Final = 1_000_000
_WAIT_FOR_DATA_US: Final = 45 * _US_PER_S
_LOOK_S: Final = 0.25
_PLAIN_EVERY_US: Final = 5 * _US_PER_S
_PATCHY_PCT: Final = 90
_LOW_BATTERY_PCT: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A test that came to its end.

    Attributes:
        profile: what the wearable turned out to be.
        verdict: what the test has shown.
        identity: proof of which one it is, if it has a serial number.
    """

    profile: Profile
    verdict: TrialVerdict
    identity: str | None = field(repr=False)


def try_wearable(
    air: Air,
    *,
    alias: str,
    name: str,
    address: str | None,
    identity: str | None,
    profile: Profile,
    is_settled: bool,
    seconds: float,
    live: bool,
) -> Tried:
    """Connect with a wearable and test it, showing how it goes.

    Args:
        air: where it is.
        alias: who wears it.
        name: as it advertises.
        address: where it was heard; None if it was not.
        identity: proof of which one is meant; None if there is none.
        profile: what it is taken for.
        is_settled: that it is that, whatever it says of itself.
        seconds: how long to test, from its first report on.
        live: show a bar if this is a terminal; else a line now and then.

    Raises:
        LinkError: it could not be connected, or sent nothing.
        KeyboardInterrupt: the person ended it; the link was closed.
    """
    clock = air.new_clock()

    async def main() -> Tried:
        async with air.open(clock) as radio:
            taken_for = profile
            while True:
                attempt = _Attempt(clock, radio, alias=alias, name=name, profile=taken_for, seconds=seconds)
                with _Bar(seconds, live=live) as bar:
                    tried = await attempt.run(bar, address=address, identity=identity, is_settled=is_settled)
                if isinstance(tried, Tried):
                    return tried
                tell(f"It says that it is a {model_of(tried)}. The test begins again with what is known of that.")
                taken_for = tried

    return clock.run(main())


class _Attempt:
    """One connection and its test."""

    def __init__(self, clock: Clock, radio: Radio, *, alias: str, name: str, profile: Profile, seconds: float) -> None:
        from watchlink.trial import Trial

        self._clock = clock
        self._radio = radio
        self._alias = alias
        self._name = name
        self._profile = profile
        self._seconds_us = round(seconds * _US_PER_S)
        self._trial = Trial(profile=profile, name=name)

    async def run(self, bar: _Bar, *, address: str | None, identity: str | None, is_settled: bool) -> Tried | Profile:
        """The test, or what the wearable turned out to be instead."""
        from watchlink.sources.ble import BleSource, Wearer

        wearer = Wearer(
            person=self._alias,
            wearable="w1",
            profile=self._profile.id,
            name=self._name,
            address=address,
            identity=identity,
        )
        give_up_us = self._clock.now_us() + _WAIT_FOR_DATA_US
        trial = self._trial
        async with BleSource([wearer], clock=self._clock, radios=[self._radio]) as source:
            while True:
                now_us = self._clock.now_us()
                bar.show(trial, now_us)
                if trial.first_us is None and now_us >= give_up_us:
                    raise self._silence()
                if trial.first_us is not None:
                    if not is_settled and (better := self._better()) is not None:
                        return better
                    if now_us >= trial.first_us + self._seconds_us:
                        break
                try:
                    async with asyncio.timeout(_LOOK_S):
                        trial.take(await anext(source))
                except TimeoutError:
                    continue
            return Tried(
                profile=self._profile,
                verdict=trial.end(trial.first_us + self._seconds_us),
                identity=source.identities.get(self._alias),
            )

    def _better(self) -> Profile | None:
        """What the wearable says that it is, if it was taken for nothing in particular until then."""
        if model_of(self._profile) is not None:
            return None
        described = self._trial.described_as()
        return None if model_of(described) is None else described

    def _silence(self) -> Exception:
        """Why there is nothing to test."""
        from watchlink.errors import LinkError, LinkFault
        from watchlink.packets import LinkState

        link = self._trial.link
        if link is not None and link.state in (LinkState.SUBSCRIBED, LinkState.STREAMING, LinkState.STALLED):
            return LinkError(
                f"{self._name or 'The wearable'} is connected but sends no heart rate. Put it on, snug on the skin "
                "(wet the patches of a strap), start its broadcast again, and try again.",
                fault=LinkFault.NO_HEART_RATE,
            )
        note = platform_note(self._profile)
        why = f" The last thing that happened: {link.reason}" if link is not None and link.reason else ""
        return LinkError(
            f"{self._name or 'The wearable'} could not be connected. Most often another device holds it: close its app "
            "on the phone, disconnect it from other computers and bicycles, bring it closer, and try again."
            f"{why}{'' if note is None else f' Good to know: {note}'}",
            fault=LinkFault.UNREACHABLE,
        )


class _Bar:
    """How the test goes: a bar on a terminal, else a line every few seconds, on standard error."""

    def __init__(self, seconds: float, *, live: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._seconds = seconds
        self._said = ""
        self._said_us: int | None = None
        console = Console(stderr=True)
        self._progress: Progress | None = None
        if live and console.is_terminal:
            self._progress = Progress(
                BarColumn(bar_width=24),
                TextColumn("{task.description}", markup=False),
                console=console,
                auto_refresh=False,
                transient=True,
            )
            self._task = self._progress.add_task("", total=seconds)

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, trial: Trial, now_us: int) -> None:
        """Draw, or say what is new."""
        done_s = 0.0 if trial.first_us is None else min(self._seconds, (now_us - trial.first_us) / _US_PER_S)
        words = _stage(trial) if trial.first_us is None else self._words(trial, now_us, done_s)
        if self._progress is not None:
            if words != self._said:
                self._said = words
                self._progress.update(self._task, completed=done_s, description=words, refresh=True)
            return
        due = self._said_us is None or now_us - self._said_us >= _PLAIN_EVERY_US
        if trial.first_us is None:
            due = words != self._said
        if due and words:
            self._said, self._said_us = words, now_us
            tell(words)

    def _words(self, trial: Trial, now_us: int, done_s: float) -> str:
        rate = "no heart rate" if trial.heart_rate_bpm is None else f"heart rate {trial.heart_rate_bpm}"
        covered = trial.covered_pct(now_us)
        signal = f"signal good {covered}%" if covered >= _PATCHY_PCT else f"signal patchy {covered}%"
        return f"{done_s:.0f} of {self._seconds:g} s   {rate}   {signal}"


def _stage(trial: Trial) -> str:
    """How far connecting has come, in words."""
    from watchlink.packets import LinkState

    if trial.link is None:
        return ""
    match trial.link.state:
        case LinkState.CONNECTING | LinkState.SUBSCRIBING:
            return "Connecting ..."
        case LinkState.SUBSCRIBED | LinkState.STREAMING | LinkState.STALLED:
            return "Connected. Waiting for the first heart rate ..."
        case LinkState.LOST | LinkState.BACKING_OFF:
            return "That did not work; trying again ..."
        case _:
            return "Looking for it ..."


def verdict_rows(tried: Tried) -> list[tuple[str, str]]:
    """The verdict as rows of a heading and a sentence."""
    verdict, profile = tried.verdict, tried.profile
    rows = [("grade", _grade_words(verdict)), *_allows(verdict)]
    if verdict.lowest_bpm is not None:
        rows.append(("heart rate", f"{verdict.lowest_bpm} to {verdict.highest_bpm} bpm"))
    rows.append(("signal", _share_words(verdict)))
    if verdict.reports_with_rr:
        rows.append(("beat unit", _unit_words(tried)))
    rows.append(("contact", _CONTACT_WORDS[verdict.contact]))
    rows.append(("battery", _battery_words(verdict.battery_pct)))
    if not verdict.enough:
        rows += [("try this" if not number else "", sentence) for number, sentence in enumerate(profile.if_poor)]
        if (note := platform_note(profile)) is not None:
            rows.append(("", note))
        if verdict.reports_with_rr and verdict.grade is not None:
            rows.append(("", "Sit still, with the hand at rest, and test it again."))
    return rows


def print_verdict(tried: Tried, *, alias: str, name: str, plain: bool) -> None:
    """The verdict on standard output: a small table, or a line a row."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from watchlink.texts import shown

    verdict = tried.verdict
    head = f"{alias}'s {model_of(tried.profile) or name or 'wearable'}: " + (
        "ready for a session." if verdict.enough else "NOT good enough yet."
    )
    rows = verdict_rows(tried)
    if plain:
        typer.echo(shown(head))
        for heading, sentence in rows:
            typer.echo(shown(f"{heading}: {sentence}" if heading else sentence))
        return
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for heading, sentence in rows:
        grid.add_row(Text(heading, style="dim"), Text(shown(sentence)))
    console = Console()
    console.print()
    console.print(Text(shown(head), style="bold"))
    console.print(grid)


def verdict_record(tried: Tried, *, alias: str, name: str) -> dict[str, Any]:
    """The verdict as plain JSON values."""
    verdict, audit = tried.verdict, tried.verdict.audit
    return {
        "alias": alias,
        "name": name,
        "profile": tried.profile.id,
        "wearable": model_of(tried.profile),
        "grade": verdict.grade,
        "enough": verdict.enough,
        "good_pct": verdict.good_pct,
        "seconds": verdict.seconds,
        "reports": verdict.reports,
        "reports_with_rr": verdict.reports_with_rr,
        "beats": verdict.beats,
        "good_beats": verdict.good_beats,
        "lowest_bpm": verdict.lowest_bpm,
        "highest_bpm": verdict.highest_bpm,
        "contact": verdict.contact,
        "battery_pct": verdict.battery_pct,
        "location": None if verdict.location is None else verdict.location.name.lower().replace("_", " "),
        "losses": verdict.losses,
        "undecodable": verdict.undecodable,
        "rr_unit": audit.unit,
        "rr_words_per_s": audit.words_per_s,
        "rr_words_per_s_uncertainty": audit.uncertainty_words_per_s,
        "if_poor": [] if verdict.enough else list(tried.profile.if_poor),
    }


def platform_note(profile: Profile) -> str | None:
    """What is known of this wearable under this operating system; None if nothing is."""
    from firmware_profiles.profiles import Platform

    here = {"linux": Platform.LINUX, "darwin": Platform.MACOS, "win32": Platform.WINDOWS}.get(sys.platform)
    fact = None if here is None else profile.platform_notes.get(here)
    return None if fact is None else str(fact.value)


def _grade_words(verdict: TrialVerdict) -> str:
    from watchlink.readings import Grade

    match verdict.grade:
        case Grade.BEAT:
            return "beat: it sends every single beat, measured electrically"
        case Grade.PULSE:
            return "pulse: it sends single beats, seen as pulse through the skin"
        case Grade.RATE if verdict.reports_with_rr:
            return "rate: its heart rate can be used, the beats that it sends cannot"
        case Grade.RATE:
            return "rate: it sends its heart rate and no single beats, like most wrist watches"
        case None:
            return "not known: too little arrived to tell"


def _allows(verdict: TrialVerdict) -> list[tuple[str, str]]:
    from watchlink.readings import Grade

    match verdict.grade:
        case Grade.BEAT:
            return [
                ("gives", "heart rate, heart rate rises, and HRV while you sit in silence"),
                ("does not", "HRV while somebody talks or moves: no wearable gives that"),
            ]
        case Grade.PULSE:
            return [
                ("gives", "heart rate, heart rate rises, and HRV in silence with the hand at rest"),
                ("does not", "HRV once the hand moves or somebody talks"),
            ]
        case Grade.RATE:
            return [
                ("gives", "heart rate and heart rate rises: all that role-plays need"),
                ("does not", "HRV: it needs single beats, so it is left out rather than made up"),
            ]
        case None:
            return []


def _share_words(verdict: TrialVerdict) -> str:
    from watchlink.readings import Grade

    words = f"good for {verdict.good_pct}% of {verdict.seconds:.0f} s"
    if verdict.beats and verdict.grade is not Grade.RATE:
        words += f"; {verdict.good_beats} of {verdict.beats} beats needed no correction"
    if verdict.losses:
        words += f"; the connection was lost {'once' if verdict.losses == 1 else f'{verdict.losses} times'}"
    if verdict.undecodable:
        words += f"; {verdict.undecodable} reports could not be read"
    return words


def _unit_words(tried: Tried) -> str:
    from firmware_profiles.profiles import RrUnit
    from watchlink.unit_audit import RrUnitVerdict

    match tried.verdict.audit.unit:
        case RrUnitVerdict.TICKS:
            return "1/1024 s, as the standard says"
        case RrUnitVerdict.MILLISECONDS if tried.profile.rr_unit is RrUnit.MILLISECONDS:
            return "ms, against the standard, as is known of this wearable"
        case RrUnitVerdict.MILLISECONDS:
            return "ms, against the standard: tell your facilitator, its intervals read 2.3% too short"
        case RrUnitVerdict.UNDETERMINED:
            return "undetermined: a longer test may tell (1/1024 s is taken)"


def _battery_words(battery_pct: int | None) -> str:
    if battery_pct is None:
        return "not told by this wearable"
    return f"{battery_pct}%" + (": charge or change it before the session" if battery_pct <= _LOW_BATTERY_PCT else "")


_CONTACT_WORDS: Final = {
    "not told": "not told by this wearable",
    "held": "on the skin all the time",
    "lost at times": "lost at times: wear it snug on the skin",
    "never": "none: it is not on the skin",
    "told, but not to be believed": "told, but this wearable's word is not relied on",
}
