"""The table of HRV metrics: every metric is in it or its reason is, in 80 letters, on any terminal."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import fields
from math import isfinite, pi, sin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from dsp import Analysis, Bands, Nonlinear, TimeDomain, analyse, clean
from watchlink.reports import hrv_table
from watchlink.reports.hrv_table import to_record, to_row, window_head, window_line


def analysis_of(beats: int, *, wobble_ms: float = 30.0, hole_at: int | None = None) -> Analysis:
    """A heart at 70 a minute that breathes 14 times a minute."""
    rr_ms = [857 + wobble_ms * (sin(2 * pi * 14 / 60 * at * 0.857) + (at * at % 11) / 20) for at in range(beats)]
    gap_before = None if hole_at is None else [at % hole_at == 0 for at in range(beats)]
    return analyse(clean(rr_ms, gap_before=gap_before))


def printed(analysis: Analysis, *, title: str = "All of it") -> str:
    out = io.StringIO()
    Console(file=out, width=80, highlight=False).print(hrv_table.hrv_table(analysis, title=title))
    return out.getvalue()


def lines_of(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.parametrize("group", [TimeDomain, Bands, Nonlinear])
def test_every_metric_of_a_group_is_shown(group: type[TimeDomain | Bands | Nonlinear]) -> None:
    """A metric that is new in the library cannot be forgotten here."""
    listed = {
        line.name
        for lines in (
            hrv_table._HEART_RATE,
            hrv_table._TIME,
            hrv_table._SHAPE,
            hrv_table._BANDS,
            hrv_table._NONLINEAR,
        )
        for line in lines
    }
    assert {field.name for field in fields(group)} - listed <= {"absent", "multiscale_entropy"}


def test_a_whole_table_lacks_nothing_and_fits() -> None:
    analysis = analysis_of(4200)
    text = printed(analysis)
    assert "Not given" not in text
    assert max(map(len, text.splitlines())) <= 80
    quality = analysis.hrv.quality
    assert lines_of(text)[1].startswith(
        f"{quality.beats} beats, {quality.pairs} pairs, {quality.covered_s:.0f} s covered"
    )
    held = analysis.hrv.intervals.rmssd_ms
    assert held is not None
    rmssd = f"RMSSD {analysis.hrv.time_domain.rmssd_ms:.1f} ms {held.low:.1f} to {held.high:.1f} (95 %)"
    assert rmssd in lines_of(text)
    assert f"HF {analysis.welch.hf_ms2:.0f} {analysis.lomb.hf_ms2:.0f} {analysis.ar.hf_ms2:.0f} ms²" in lines_of(text)
    assert "entropy of means over 1-20 beats: " in text


@pytest.mark.parametrize("beats", [1, 5, 25, 60, 100, 150, 300])
def test_what_is_absent_is_named_once_with_its_reason(beats: int) -> None:
    """A reason stands in one line, and no metric both in the table and among the absent."""
    analysis = analysis_of(beats)
    sentences = " ".join(lines_of(printed(analysis))).split("Not given: ")[1:]
    assert sentences
    reasons = [sentence.split(". ", 1)[1] for sentence in sentences]
    assert len(set(reasons)) == len(reasons)
    assert all(reason[0].isupper() for reason in reasons)
    assert "None" not in printed(analysis)


def test_why_a_method_gives_less_than_another_is_said() -> None:
    """Lomb stands on beats; the others need stretches without a break, and there is none of a minute."""
    analysis = analysis_of(600, hole_at=60)
    assert analysis.lomb.hf_ms2 is not None
    assert analysis.welch.hf_ms2 is None
    text = " ".join(lines_of(printed(analysis)))
    assert "Welch and AR (Burg): HF needs a window of 60 s of beats" in text
    assert "HF - " in text


def test_no_word_is_about_a_feeling() -> None:
    text = printed(analysis_of(600)).casefold()
    assert "baevsky's index si" in text
    assert [word for word in ("stress", "anxi", "emotion", "calm", "tension", "risk", "balance") if word in text] == []


def test_a_name_cannot_steer_the_terminal() -> None:
    text = printed(analysis_of(60), title="He\x1b[2Jron [bold]x[/bold]")
    assert "\x1b" not in text
    assert "[bold]x[/bold]" in text


def test_a_window_is_a_line_under_its_head() -> None:
    analysis = analysis_of(420)
    head, line = window_head(), window_line(analysis)
    assert len(head) == len(line) <= 80
    time_domain, held = analysis.hrv.time_domain, analysis.hrv.intervals.rmssd_ms
    assert held is not None
    assert line.split()[1:5] == [
        f"{time_domain.mean_heart_rate_bpm:.1f}",
        f"{time_domain.rmssd_ms:.1f}",
        f"({held.low:.0f}-{held.high:.0f})",
        f"{time_domain.sdnn_ms:.1f}",
    ]
    for name, number in (("LF ms²", analysis.lomb.lf_ms2), ("HF ms²", analysis.lomb.hf_ms2)):
        end = head.index(name) + len(name)
        assert line[:end].endswith(f" {number:.0f}")


def test_a_window_without_hrv_says_why() -> None:
    line = window_line(analysis_of(12))
    assert line.endswith("no HRV: there are 11 pairs of accepted intervals, fewer than 20")


def _numbers(value: object) -> Iterator[float]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _numbers(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _numbers(inner)
    elif isinstance(value, float):
        yield value


@given(
    rr_ms=st.lists(st.one_of(st.floats(250, 2000), st.just(800.0)), min_size=1, max_size=120),
    hole_at=st.integers(2, 50),
)
def test_a_record_is_json_without_a_number_that_is_none(rr_ms: list[float], hole_at: int) -> None:
    """No NaN, no infinity; what is null has its reason; a row has the same columns whatever there is."""
    analysis = analyse(clean(rr_ms, gap_before=[at > 0 and at % hole_at == 0 for at in range(len(rr_ms))]))
    record = to_record(analysis, person="Heron")
    assert all(map(isfinite, _numbers(record)))
    assert json.loads(json.dumps(record, allow_nan=False))["person"] == "Heron"
    for group in (record, record["welch"], record["lomb"], record["ar"], record["nonlinear"], record["breathing"]):
        assert {name for name, value in group.items() if value is None} <= set(group["absent"])
    assert list(to_row(analysis, person="Heron")) == list(to_row(analysis_of(600), person=None))
    printed(analysis)
    window_line(analysis)
