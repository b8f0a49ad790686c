"""A plan as a table: its blocks with their times, who practises, what is new, and the keys for its words."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from watchlink.clock import clock_text
from watchlink.session import Plan
from watchlink.texts import shown


def plan_report(plan: Plan, *, week: int | None = None) -> RenderableType:
    """The plan; for a `week` of the programme, what is new in it."""
    blocks = Table(box=None, pad_edge=False)
    for heading in ("at", "min", "kind", "title", "practise", "new scenario"):
        blocks.add_column(heading, justify="right" if heading in ("at", "min") else "left")
    at_us = 0
    for block in plan.blocks:
        weeks = ", ".join(map(str, sorted(block.new_in_weeks)))
        new = ("in weeks " + weeks if weeks else "") if week is None else "yes" if week in block.new_in_weeks else ""
        speakers = ", ".join(map(str, block.speakers))
        cells = (clock_text(at_us / 1e6), f"{block.minutes:g}", block.kind, block.title, speakers, new)
        blocks.add_row(*(Text(shown(cell)) for cell in cells))
        at_us += block.duration_us
    keys = "  ".join(f"{word.key or '-'} {word.label}" for word in plan.vocabulary.values())
    title = f"{shown(plan.title)}: {clock_text(at_us / 1e6)}"
    return Group(Text(title, style="bold"), blocks, "", Text(f"Keys: {shown(keys)}"))
