"""Text files of RR intervals, as heart-rate apps and HRV programs write them: one interval a line, or columns.

Strategy: a file is such a text if it is text at all and no capture. A header names the columns; without one there is
one column of intervals, or two, of which the first is the time at which the interval of the second ended. Everything
that is no number is named with its line. Times may be those of beats or of arrivals (several intervals at once, late):
the intervals themselves are the clock, and the times only say where beats are missing and for how long.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from typing import BinaryIO, Final, NamedTuple

from watchlink.errors import CaptureError

MS_PER: Final = {"ms": 1.0, "s": 1000.0}
_RR_NAMES: Final = frozenset(
    {"rr", "rri", "nn", "ibi", "rrinterval", "rrintervals", "nninterval", "interbeatinterval", "interval"}
)
_TIME_NAMES: Final = frozenset({"t", "at", "time", "seconds", "elapsed", "timestamp"})
_NAMES_OF_SECONDS: Final = (["s"], ["sec"], ["seconds"])
_UNITS: Final = ("milliseconds", "seconds", "msec", "sec", "ms", "s")
_MOST_INTERVALS: Final = 10_000_000
_SEPARATORS: Final = (";", "\t", ",")
# Lines of which the layout is read before the rest.
_FIRST_LINES: Final = 20
# Of the interval: what a time may be off before it counts as the end of that interval no more.
_SAME_SHARE: Final = 0.02
_NEAR_BEATS: Final = 10
# Times that span so many times the sum of the intervals are in milliseconds: no file is nine tenths hole and more.
_MILLISECONDS_IF_LONGER: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RrText:
    """What such a file holds.

    Attributes:
        rr_ms: the intervals, in the order of the file.
        at_s: when each ended, in seconds from the beginning of the first; rising. Without times in the file the
            intervals follow each other.
        gap_before: where the times leave room for beats that are missing.
    """

    rr_ms: list[float]
    at_s: list[float]
    gap_before: list[bool]


def recognises(start: bytes) -> bool:
    """Whether a file that begins like this may be a text of intervals: text, and no JSON."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    printable = all(octet >= 0x20 or octet in b"\t\r\n\f" for octet in start)
    return printable and not start.lstrip(codecs.BOM_UTF8 + b" \t\r\n").startswith(b"{")


def read(file: BinaryIO, name: str, *, unit: str | None = None) -> RrText:
    """Read a whole file of intervals.

    Args:
        file: open at its beginning.
        name: of the file, for messages.
        unit: of the intervals: "ms" or "s"; without it what the header says, else ms.

    Raises:
        CaptureError: it holds no intervals, or something in it is no number; the line is named.
    """
    encoding = "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, errors="strict", newline=None)
    try:
        columns = _columns(_data_lines(text), name)
    except UnicodeError as error:
        raise CaptureError(
            f"{name} is no text: it cannot be read as {encoding.removesuffix('-sig').upper()}."
        ) from error
    finally:
        text.detach()
    if not columns.rr:
        raise CaptureError(f"{name} holds no interval: expected is one RR interval a line.")
    rr_ms = [value * MS_PER[unit or columns.unit] for value in columns.rr]
    return _placed(rr_ms, columns.times)


class _Columns(NamedTuple):
    """What the file says: intervals and their unit, and times, if it has any."""

    rr: list[float]
    unit: str
    times: list[float] | None


def _data_lines(text: io.TextIOWrapper) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text, 1):
        content = line.strip()
        if content and not content.startswith("#"):
            yield number, content


def _columns(lines: Iterator[tuple[int, str]], name: str) -> _Columns:
    first = list(islice(lines, _FIRST_LINES))
    if not first:
        return _Columns([], "ms", None)
    unit = "ms"
    separator = next((sign for sign in _SEPARATORS if sign in first[0][1]), None)
    head = _cells(first[0][1], separator)
    if any(_number(cell, separator) is None and cell for cell in head):
        first.pop(0)
        rr_at, time_at = _named_columns(head, name)
        unit = "s" if _words(head[rr_at])[-1:] in _NAMES_OF_SECONDS else "ms"
        if time_at is not None and first and _number(_cells(first[0][1], separator)[time_at], separator) is None:
            time_at = None  # a time of day says nothing that the intervals do not say better
    elif len(head) == 1:
        rr_at, time_at = 0, None
    elif len(head) == 2 and _times_come_first(first, separator):
        rr_at, time_at = 1, 0
    else:
        raise CaptureError(
            f"{name} has {len(head)} columns in line {first[0][0]} and no header that says which one is the RR "
            "interval. Put one interval on a line, or name the column rr_ms in a first line."
        )
    rr: list[float] = []
    times: list[float] = []
    for number, line in chain(first, lines):
        cells = _cells(line, separator)
        rr.append(_value(cells, rr_at, separator, f"{name}, line {number}"))
        if time_at is not None:
            times.append(_value(cells, time_at, separator, f"{name}, line {number}"))
        if len(rr) > _MOST_INTERVALS:
            raise CaptureError(f"{name} holds more than {_MOST_INTERVALS} intervals. Cut it into parts.")
    return _Columns(rr, unit, times if time_at is not None else None)


def _cells(line: str, separator: str | None) -> list[str]:
    return [cell.strip().strip('"') for cell in (line.split(separator) if separator else [line])]


def _number(cell: str, separator: str | None) -> float | None:
    try:
        return float(cell.replace(",", ".") if separator != "," else cell)
    except ValueError:
        return None


def _value(cells: list[str], at: int, separator: str | None, where: str) -> float:
    if at >= len(cells):
        raise CaptureError(f"{where} has {len(cells)} columns; the value is expected in column {at + 1}.")
    value = _number(cells[at], separator)
    if value is None:
        raise CaptureError(f"{where}: {cells[at][:40]!r} is no number.")
    return value


def _named_columns(head: list[str], name: str) -> tuple[int, int | None]:
    names = [_plain(cell) for cell in head]
    rr = [at for at, plain in enumerate(names) if plain in _RR_NAMES]
    times = [at for at, plain in enumerate(names) if plain in _TIME_NAMES]
    if len(rr) == 1:
        return rr[0], times[0] if len(times) == 1 else None
    if len(head) == 1:
        return 0, None  # a title over the one column there is
    found = "no column" if not rr else "several columns"
    raise CaptureError(f"The header of {name} names {found} of RR intervals. Name one column rr_ms.")


def _words(cell: str) -> list[str]:
    letters = "".join(sign if sign.isalnum() else " " for sign in cell.casefold())
    return letters.split()


def _plain(cell: str) -> str:
    """A column's name without its unit and without what only separates words."""
    words = _words(cell)
    while len(words) > 1 and words[-1] in _UNITS:
        words.pop()
    return "".join(words)


def _times_come_first(lines: list[tuple[int, str]], separator: str | None) -> bool:
    """Whether of two unnamed columns the first is the running sum of the second, in seconds."""
    rows = [[_number(cell, separator) for cell in _cells(line, separator)] for _, line in lines]
    pairs = [(row[0], row[1]) for row in rows if len(row) == 2]
    if len(pairs) < 2 or len(pairs) < len(rows):
        return False
    steps = [
        (later[0] - earlier[0], later[1])
        for earlier, later in pairwise(pairs)
        if earlier[0] is not None and later[0] is not None and later[1] is not None
    ]
    same = sum(
        any(abs(step - interval * scale) <= _SAME_SHARE * abs(interval * scale) for scale in (1.0, 0.001))
        for step, interval in steps
    )
    return 2 * same > len(steps)


def _placed(rr_ms: list[float], times_s: list[float] | None) -> RrText:
    """Lay the intervals on a line of time, with holes where the times leave room for beats.

    What a time is late by, against the intervals summed up, grows where beats are missing. How much it scatters anyway
    (reports that bring several intervals) is seen in the file itself.
    """
    ends_s: list[float] = []
    total_s = 0.0
    for interval_ms in rr_ms:
        total_s += interval_ms / 1000
        ends_s.append(total_s)
    gap_before = [False] * len(rr_ms)
    if times_s is None:
        return RrText(rr_ms=rr_ms, at_s=ends_s, gap_before=gap_before)
    if abs(times_s[-1] - times_s[0]) > _MILLISECONDS_IF_LONGER * total_s:
        times_s = [time / 1000 for time in times_s]
    late_s = [time_s - end_s for time_s, end_s in zip(times_s, ends_s, strict=True)]
    scatter = sorted(
        late - min(late_s[max(0, at - _NEAR_BEATS) : at + 1]) for at, late in enumerate(late_s[: 100 * _NEAR_BEATS])
    )
    scatter_s = scatter[len(scatter) // 2]
    hole_s = 0.0
    least_s = late_s[0]
    for at, late in enumerate(late_s):
        if late - least_s > rr_ms[at] / 2000 + 3 * scatter_s:
            gap_before[at] = True
            hole_s += late - least_s
            least_s = late
        least_s = min(least_s, late)
        ends_s[at] += hole_s
    return RrText(rr_ms=rr_ms, at_s=ends_s, gap_before=gap_before)
