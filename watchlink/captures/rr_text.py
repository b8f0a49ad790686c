"""Text files of RR intervals, as heart-rate apps and HRV programs write them: one interval a line, or columns.

Strategy: a file is such a text if it is text at all and no capture. A header names the columns; without one there is
one column of intervals, or two, of which the first is the time at which the interval of the second ended. Everything
that is no number is named with its line. Times may be those of beats or of arrivals (several intervals at once, late):
the intervals themselves are the clock, and the times only say where beats are missing and for how long.

What is written out there: one interval a line in ms (Elite HRV, Polar Flow) or in s (PhysioNet); `date,rr,since start`
(HRV Logger); `Phone timestamp;RR-interval [ms]` with the time of day (Polar Sensor Logger); the start of the recording
in the place of the time column's name, and seconds (Empatica's IBI.csv); an index without a name before the interval
(pandas).
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice, pairwise
from math import isfinite
from typing import BinaryIO, Final, NamedTuple

from watchlink.errors import CaptureError

MS_PER: Final = {"ms": 1.0, "s": 1000.0}
_RR_NAMES: Final = frozenset(
    {"rr", "rri", "nn", "ibi", "rrinterval", "rrintervals", "nninterval", "interbeatinterval", "interval"}
)
# The best first: of several columns of times the first of these that can be read is taken.
_TIME_NAMES: Final = (
    *("t", "at", "elapsed", "sincestart", "timestamp", "phonetimestamp"),
    *("time", "seconds", "datetime", "date"),
)
_MS_OF_UNIT: Final = {
    **dict.fromkeys(("ms", "msec", "milliseconds"), 1.0),
    **dict.fromkeys(("s", "sec", "seconds"), 1000.0),
}
MOST_OCTETS: Final = 64 * 2**20
"""Of a file, unpacked: more than the most intervals take in any of the layouts."""
# Ten days of beats; looked at in every way they take about a minute.
_MOST_INTERVALS: Final = 1_000_000
# What is shorter is nothing, and longer than a day is no interval but a time, or something else.
_SHORTEST_MS: Final = 0.01
_LONGEST_MS: Final = 86_400_000.0
_SEPARATORS: Final = (";", "\t", ",")
_WHITE_SPACE: Final = " "
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
        CaptureError: it holds no intervals or too many, something in it is no number or no interval, or a time lies
            before the one before it; the line is named.
    """
    encoding = "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, errors="strict", newline=None)
    try:
        columns = _columns(_data_lines(text), name, unit=unit)
    except UnicodeError as error:
        raise CaptureError(
            f"{name} is no text: it cannot be read as {encoding.removesuffix('-sig').upper()}."
        ) from error
    finally:
        text.detach()
    if not columns.rr_ms:
        raise CaptureError(f"{name} holds no interval: expected is one RR interval a line.")
    return placed(columns.rr_ms, columns.times_s)


class _Columns(NamedTuple):
    """What the file says: intervals, and times, if it has any."""

    rr_ms: list[float]
    times_s: list[float] | None


class _Layout(NamedTuple):
    """Where a line holds what."""

    separator: str | None
    columns: int
    rr_at: int
    ms_per_rr: float
    time_at: int | None
    s_per_time: float | None


def _data_lines(text: io.TextIOWrapper) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text, 1):
        content = line.strip(" \r\n\f")  # no tab: it may stand behind an empty first column
        if content.strip() and not content.startswith("#"):
            yield number, content


def _columns(lines: Iterator[tuple[int, str]], name: str, *, unit: str | None) -> _Columns:
    first = list(islice(lines, _FIRST_LINES))
    if not first:
        return _Columns([], None)
    layout = _layout(first, name)
    ms_per_rr = layout.ms_per_rr if unit is None else MS_PER[unit]
    rr_ms: list[float] = []
    times: list[float] = []
    for number, line in chain(first, lines):
        where = f"{name}, line {number}"
        cells = _cells(line, layout.separator)
        if any(cells[layout.columns :]):
            raise CaptureError(
                f"{where} has {len(cells)} columns, more than the first line, which has {layout.columns}."
            )
        rr_ms.append(_interval_ms(cells, layout, ms_per_rr, where))
        if layout.time_at is not None:
            times.append(_time(cells, layout, where))
            if times[-1] < max(times[-2:]):
                raise CaptureError(
                    f"{where} lies before the line before it. Put the beats in order; of two recordings make two files."
                )
        if len(rr_ms) > _MOST_INTERVALS:
            raise CaptureError(f"{name} holds more than {_MOST_INTERVALS} intervals. Cut it into parts.")
    if not times:
        return _Columns(rr_ms, None)
    s_per_time = layout.s_per_time
    if s_per_time is None:  # no unit is named
        s_per_time = 0.001 if times[-1] - times[0] > _MILLISECONDS_IF_LONGER * sum(rr_ms) / 1000 else 1.0
    return _Columns(rr_ms, [time * s_per_time for time in times])


def _layout(first: list[tuple[int, str]], name: str) -> _Layout:
    """How the lines are laid out; a header is taken off."""
    separator = _separator(first)
    number, line = first[0]
    head = _cells(line, separator)
    if len(head) == 1 and head[0][:1].isdigit() and _number(head[0], separator) is None:
        raise CaptureError(f"{name}, line {number}: {head[0][:40]!r} is no number.")  # nor the title of a column
    if any(cell and _number(cell, separator) is None and _time_of_day_s(cell) is None for cell in head):
        first.pop(0)
        return _named_layout(head, separator, first, name)
    if len(head) == 1:
        return _Layout(separator, 1, rr_at=0, ms_per_rr=1.0, time_at=None, s_per_time=None)
    if len(head) == 2 and _times_come_first(first, separator):
        return _Layout(separator, 2, rr_at=1, ms_per_rr=1.0, time_at=0, s_per_time=None)
    doubt = " If the comma is a decimal mark, write a point." if separator == "," and len(head) == 2 else ""
    raise CaptureError(
        f"{name} has {len(head)} columns in line {number} and no header that says which one is the RR interval. Put "
        f"one interval on a line, or name the column rr_ms in a first line.{doubt}"
    )


def _separator(lines: list[tuple[int, str]]) -> str | None:
    for sign in _SEPARATORS:
        if sign in lines[0][1]:
            return sign
    cells = lines[-1][1].split()  # a name in a header may hold a space, a number does not
    return _WHITE_SPACE if len(cells) > 1 and all(_number(cell, None) is not None for cell in cells) else None


def _cells(line: str, separator: str | None) -> list[str]:
    if separator == _WHITE_SPACE:
        return line.split()
    return [cell.strip().strip('"') for cell in (line.split(separator) if separator else [line])]


def _number(cell: str, separator: str | None) -> float | None:
    if "_" in cell:  # Python reads 8_00 as a number; nobody else does
        return None
    try:
        value = float(cell.replace(",", ".") if separator != "," else cell)
    except ValueError:
        return None
    return value if isfinite(value) else None


def _time_of_day_s(cell: str) -> float | None:
    """Seconds, for differences only."""
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        return None
    return (moment - datetime(2000, 1, 1, tzinfo=moment.tzinfo)).total_seconds()


def _interval_ms(cells: list[str], layout: _Layout, ms_per_rr: float, where: str) -> float:
    value = _number(_cell(cells, layout.rr_at, where), layout.separator)
    if value is None:
        raise CaptureError(f"{where}: {cells[layout.rr_at][:40]!r} is no number.")
    if not _SHORTEST_MS <= value * ms_per_rr <= _LONGEST_MS:
        raise CaptureError(
            f"{where}: no interval is {value * ms_per_rr:g} ms long. Take the line out, and give "
            "each interval its time in a column t_s, so that the break is seen."
        )
    return value * ms_per_rr


def _time(cells: list[str], layout: _Layout, where: str) -> float:
    assert layout.time_at is not None
    cell = _cell(cells, layout.time_at, where)
    value = _time_value(cell, layout.separator)
    if value is None:
        raise CaptureError(f"{where}: {cell[:40]!r} is no time.")
    return value


def _time_value(cell: str, separator: str | None) -> float | None:
    value = _number(cell, separator)
    return _time_of_day_s(cell) if value is None else value


def _cell(cells: list[str], at: int, where: str) -> str:
    if at >= len(cells):
        raise CaptureError(f"{where} has {len(cells)} columns; the value is expected in column {at + 1}.")
    return cells[at]


def _named_layout(head: list[str], separator: str | None, body: list[tuple[int, str]], name: str) -> _Layout:
    named = [_plain(cell) for cell in head]
    rr = [at for at, (plain, _) in enumerate(named) if plain in _RR_NAMES]
    if len(head) == 1:
        rr = [0]  # a title over the one column there is
    if len(rr) != 1:
        found = "several columns" if rr else "no column"
        raise CaptureError(f"The header of {name} names {found} of RR intervals. Name one column rr_ms.")
    times = [at for wanted in _TIME_NAMES for at, (plain, _) in enumerate(named) if plain == wanted]
    if len(head) == 2 and _number(head[1 - rr[0]], separator) is not None:
        times = [1 - rr[0]]  # the start of the recording in the place of a name
    start = _cells(body[0][1], separator) if body else []
    readable = (at for at in times if at < len(start) and _time_value(start[at], separator) is not None)
    time_at = next(readable, None)
    ms_per_time = None
    if time_at is not None:
        by_date = _number(start[time_at], separator) is None
        ms_per_time = 1000.0 if by_date else _MS_OF_UNIT.get(named[time_at][1] or "")
    return _Layout(
        separator,
        len(head),
        rr_at=rr[0],
        ms_per_rr=_MS_OF_UNIT.get(named[rr[0]][1] or "", 1.0),
        time_at=time_at,
        s_per_time=None if ms_per_time is None else ms_per_time / 1000,
    )


def _plain(cell: str) -> tuple[str, str | None]:
    """A column's name without what only separates words, and its unit."""
    letters = "".join(sign if sign.isalnum() else " " for sign in cell.casefold())
    words = letters.split()
    unit = words.pop() if len(words) > 1 and words[-1] in _MS_OF_UNIT else None
    return "".join(words), unit


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


def placed(rr_ms: list[float], times_s: list[float] | None) -> RrText:
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
