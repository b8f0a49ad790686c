"""How the heart rate followed a paced breath: as a table, as plain lines, as records, and in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dsp import CannotTell, OwnRate, PacedResponse
from watchlink.paced import Followed, StepResponse
from watchlink.readings import Grade
from watchlink.texts import shown

OPTICAL = "The sensor is optical: its intervals are those of the pulse, and a little less exact than a strap's."


def own_rate_words(own: OwnRate | CannotTell) -> str:
    """What a stepped test tells, as sentences."""
    if isinstance(own, CannotTell):
        return f"No rate of your own can be named: {own.reason}."
    rates = [f"{rate:g}" for rate in own.breaths_per_min]
    if len(rates) > 1:
        listed = f"{', '.join(rates[:-1])} and {rates[-1]}"
        return f"{listed} cannot be told apart, which is fine: any of {listed} will do."
    words = f"Your own rate is {rates[0]} breaths a minute: there your heart rate swung most, by more than the error."
    if own.at_edge:
        words += " It lies at the edge of what was tried; a rate beyond it may swing more still."
    return words


def pacing_report(followed: Sequence[Followed]) -> RenderableType:
    """The table of everybody's responses, and what it tells."""
    return Group(*(part for one in followed for part in _report(one)))


def pacing_lines(followed: Sequence[Followed]) -> list[str]:
    """The same as plain lines."""
    lines: list[str] = []
    for one in followed:
        lines.append(f"How the heart rate of {shown(one.person)} followed:")
        lines += [_line(step) for step in one.steps]
        lines += _remarks(one)
    return lines


def pacing_records(followed: Sequence[Followed]) -> list[dict[str, Any]]:
    """The same as plain JSON values, a record a step and one for the own rate."""
    records: list[dict[str, Any]] = []
    for one in followed:
        for step, response in one.steps:
            record: dict[str, Any] = {
                "type": "response",
                "person": one.person,
                "grade": None if one.grade is None else one.grade.value,
                "breaths_per_min": step.breaths_per_min,
                "since_s": step.since_s,
                "until_s": step.until_s,
            }
            if isinstance(response, CannotTell):
                record["absent_because"] = response.reason
            else:
                record |= {
                    "swing_bpm": response.swing_bpm,
                    "swing_within_bpm": [response.swing_within_bpm.low, response.swing_within_bpm.high],
                    "peak_s": response.peak_s,
                    "share_pct": response.share_pct,
                    "breaths": response.breaths,
                    "beats": response.beats,
                    "corrected_pct": response.corrected_pct,
                }
            records.append(record)
        if one.own is not None:
            own = one.own
            rates = list(own.breaths_per_min) if isinstance(own, OwnRate) else []
            records.append(
                {
                    "type": "own_rate",
                    "person": one.person,
                    "breaths_per_min": rates[0] if len(rates) == 1 else None,
                    "alike_per_min": rates,
                    "words": own_rate_words(own),
                }
            )
    return records


def _report(one: Followed) -> list[RenderableType]:
    table = Table(title=shown(one.person), title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for head in ("breaths a minute", "swing, bpm", "95 % within", "at this rate", "beats", "corrected"):
        table.add_column(head, justify="right")
    reasons: list[str] = []
    for step, response in one.steps:
        rate = f"{step.breaths_per_min:g}"
        if isinstance(response, CannotTell):
            table.add_row(rate, "-", "", "", "", "")
            reasons.append(f"{rate} a minute: {response.reason}.")
            continue
        table.add_row(
            rate,
            f"{response.swing_bpm:.1f}" if response.swing_within_bpm.low > 0 else "-",
            _within(response),
            f"{response.share_pct:.0f} %",
            f"{response.beats}",
            f"{response.corrected_pct:.0f} %",
        )
    return [table, *(Text(line) for line in (*reasons, *_remarks(one)))]


def _line(step_response: StepResponse) -> str:
    step, response = step_response
    rate = f"{step.breaths_per_min:g} a minute"
    if isinstance(response, CannotTell):
        return f"{rate}: {response.reason}"
    swing = f"swing {response.swing_bpm:.1f} bpm, " if response.swing_within_bpm.low > 0 else "no swing can be told, "
    return (
        f"{rate}: {swing}95 % within {_within(response)} bpm, {response.share_pct:.0f} % of the swing is at this rate, "
        f"{response.beats} beats, {response.corrected_pct:.0f} % corrected"
    )


def _within(response: PacedResponse) -> str:
    return f"{response.swing_within_bpm.low:.1f} to {response.swing_within_bpm.high:.1f}"


def _remarks(one: Followed) -> list[str]:
    remarks = [] if one.own is None else [own_rate_words(one.own)]
    return remarks + ([OPTICAL] if one.grade is Grade.PULSE else [])
