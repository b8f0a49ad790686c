"""Rows as comma-separated values that a spreadsheet reads as text and numbers, never as formulas."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Final

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_text(rows: Iterable[Sequence[str | int | float | None]]) -> str:
    """Rows as RFC 4180 text: lines end with CR LF, None is an empty cell.

    A text that a spreadsheet would take for a formula gets a leading apostrophe (OWASP, "CSV Injection"); a number
    never does, so that a negative one stays a number.
    """
    out = StringIO(newline="")
    csv.writer(out).writerows([_cell(cell) for cell in row] for row in rows)
    return out.getvalue()


def _cell(cell: str | float | None) -> str | int | float | None:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell
