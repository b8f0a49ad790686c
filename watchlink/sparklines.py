"""Heart rates drawn in a row of letters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_BARS: Final = "▁▂▃▄▅▆▇█"
_ASCII_BARS: Final = "_.-=+*%#"
# A trend is drawn over at least this many bpm, so that a quiet heart looks quiet.
_SPAN_BPM: Final = 16.0


def sparkline(values: Sequence[float | None], *, columns: int, ascii_only: bool = False) -> str:
    """Values as a row of `columns` bars, their mean in each; a gap is a space. Empty if nothing is known."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    middle = (min(known) + max(known)) / 2
    span = max(_SPAN_BPM, max(known) - min(known))
    bars = _ASCII_BARS if ascii_only else _BARS
    size = len(values) / columns
    line = ""
    for column in range(columns):
        part = [v for v in values[round(column * size) : round((column + 1) * size)] if v is not None]
        if not part:
            line += " "
            continue
        share = (sum(part) / len(part) - middle) / span + 0.5
        line += bars[min(len(bars) - 1, max(0, int(share * len(bars))))]
    return line
