"""Intervals as they were sent, laid beside the beats after cleaning: one row a beat, whichever of the two knows it.

Strategy: cleaning takes nothing away in silence. A beat that it left alone has the interval as sent to the bit; a run
that it changed has the sum of the intervals sent. So both series are walked together in whole 1/1024 ms, and what fits
is one row. A beat that was taken out has no clean interval, one that was put in has none as sent, and an interval that
cannot be a heart's (a fault of the firmware, no skin contact, a wearable whose intervals are not usable) stands alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Final

from dsp import BeatLabel
from watchlink.readings import BeatReading

_GRID_PER_MS: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SentInterval:
    """An interval as the wearable said it.

    Attributes:
        at_s: when its report arrived, on the session's axis.
        rr_ms: the interval, unrounded.
        used: it can be a heart's: of a beat's length, from a wearable that touches the skin and sends usable ones.
    """

    at_s: float
    rr_ms: float
    used: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatRow:
    """One heart beat of a recording.

    Attributes:
        at_s: when it was, on the session's axis; of an interval that was not used, when it arrived.
        rr_ms: the interval that ended with it, as sent; None for a beat that cleaning put in.
        nn_ms: the interval to use; None for a beat that cleaning took out, or that was not used.
        label: what the interval looked like; None where nothing was made of it.
        corrected: cleaning changed it.
        gap_before: beats are missing before the interval to use.
        sent_after_gap: beats are missing before the interval as sent; it differs where cleaning changed the first one.
        gap_s: how long that gap is; None where there is none, or nobody knows.
        at_within_s: `at_s` is right to so many seconds with 95 % probability; None where nothing was made of it.
    """

    at_s: float
    rr_ms: float | None
    nn_ms: float | None = None
    label: BeatLabel | None = None
    corrected: bool = False
    gap_before: bool = False
    sent_after_gap: bool = False
    gap_s: float | None = None
    at_within_s: float | None = None

    @property
    def of_a_heart(self) -> bool:
        """Whether the wearable sent it and it counts as an interval between heart beats, however it was cleaned."""
        return self.rr_ms is not None and self.label is not None


def beat_rows(beats: Sequence[BeatReading], sent: Sequence[SentInterval]) -> tuple[BeatRow, ...]:
    """One person's beats with the intervals that they were made of, in order.

    The intervals as sent that are in the result are `sent`, whole and in order; the clean ones are those of `beats`.
    """
    return tuple(_merged(_rows(beats, [one for one in sent if one.used]), sent))


def _rows(beats: Sequence[BeatReading], used: Sequence[SentInterval]) -> list[BeatRow]:
    """Rows of the beats, with the intervals that can be a heart's."""
    rows: list[BeatRow] = []
    at = 0
    for run in _runs(beats):
        first = _find(run, used, at)
        if first is None:  # its reports may not be told, and it may
            rows += [_row(beat, None) for beat in run]
            continue
        rows += [_alone(one, after_s=_end_s(rows), until_s=run[0].at_s) for one in used[at:first]]
        at = first + _count(run, used, first)
        rows += _paired(run, used[first:at], after_s=_end_s(rows))
    rows += [_alone(one, after_s=_end_s(rows), until_s=inf) for one in used[at:]]
    return rows


def _merged(rows: Sequence[BeatRow], sent: Sequence[SentInterval]) -> Iterator[BeatRow]:
    """The rows, with the intervals that were not used between them, in the order in which all were sent."""
    at = 0
    end_s = -inf
    for one in sent:
        if not one.used:
            row = _alone(one, after_s=end_s, until_s=rows[at].at_s if at < len(rows) else inf)
            end_s = row.at_s
            yield row
            continue
        while rows[at].rr_ms is None:  # a beat that was put in
            yield rows[at]
            at += 1
        end_s = rows[at].at_s
        yield rows[at]
        at += 1
    yield from rows[at:]


def _runs(beats: Sequence[BeatReading]) -> Iterator[list[BeatReading]]:
    """Each beat that was left alone, and each run of changed ones: what has one sum in both series."""
    run: list[BeatReading] = []
    for beat in beats:
        if run and (not beat.corrected or beat.gap_before):
            yield run
            run = []
        run.append(beat)
        if not beat.corrected:
            yield run
            run = []
    if run:
        yield run


def _find(run: Sequence[BeatReading], sent: Sequence[SentInterval], since: int) -> int | None:
    return next((first for first in range(since, len(sent)) if _count(run, sent, first)), None)


def _count(run: Sequence[BeatReading], sent: Sequence[SentInterval], first: int) -> int:
    """How many intervals from `first` on make up this run; 0 if none do."""
    left = sum(_on_grid(beat.nn_ms) for beat in run)
    for count, one in enumerate(sent[first : first + 1 if not run[0].corrected else len(sent)], 1):
        left -= _on_grid(one.rr_ms)
        if left == 0:
            return count
        if left < 0:
            break
    return 0


def _paired(run: Sequence[BeatReading], sent: Sequence[SentInterval], *, after_s: float) -> Iterator[BeatRow]:
    """Rows of a run: both series end with the same beat, so they are paired from the end."""
    pairs = min(len(run), len(sent))
    label, end_s, gap_s = run[-1].label, run[-1].at_s, run[0].gap_s
    left_ms = sum(one.rr_ms for one in sent)
    after_gap = run[0].gap_before
    for one in sent[:-pairs]:  # beats that were taken out
        left_ms -= one.rr_ms
        at_s = min(max(end_s - left_ms / 1000, after_s), run[0].at_s)
        within_s = run[-1].at_within_s
        removed = BeatRow(at_s=at_s, rr_ms=one.rr_ms, label=label, corrected=True, at_within_s=within_s)
        yield replace(removed, sent_after_gap=after_gap, gap_s=gap_s if after_gap else None)
        after_gap = False
    for beat in run[:-pairs]:  # beats that were put in
        yield _row(beat, None)
    for beat, one in zip(run[-pairs:], sent[-pairs:], strict=True):
        row = _row(beat, one.rr_ms)
        yield replace(row, sent_after_gap=True, gap_s=gap_s) if after_gap else row
        after_gap = False


def _row(beat: BeatReading, rr_ms: float | None) -> BeatRow:
    return BeatRow(
        at_s=beat.at_s,
        rr_ms=rr_ms,
        nn_ms=beat.nn_ms,
        label=beat.label,
        corrected=beat.corrected,
        gap_before=beat.gap_before,
        gap_s=beat.gap_s,
        at_within_s=beat.at_within_s,
    )


def _alone(one: SentInterval, *, after_s: float, until_s: float) -> BeatRow:
    """An interval of which no beat was made."""
    return BeatRow(at_s=min(max(one.at_s, after_s), until_s), rr_ms=one.rr_ms)


def _end_s(rows: Sequence[BeatRow]) -> float:
    return rows[-1].at_s if rows else -inf


def _on_grid(ms: float) -> int:
    return round(ms * _GRID_PER_MS)
