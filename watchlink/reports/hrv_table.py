"""HRV metrics of a recording: as a table to read, as a line a window, and as records for other programs."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import fields
from itertools import groupby
from typing import Any, Final, NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dsp import LEVEL_PCT, Analysis, CannotTell, Interval
from watchlink.clock import clock_text
from watchlink.texts import shown

_QUIET: Final = "grey58"
_HEAD: Final = "bold"


class _Line(NamedTuple):
    """How one metric is shown."""

    name: str
    label: str
    unit: str
    digits: int


_HEART_RATE: Final = (
    _Line("mean_heart_rate_bpm", "mean heart rate", "bpm", 1),
    _Line("min_heart_rate_bpm", "lowest, of one beat", "bpm", 1),
    _Line("max_heart_rate_bpm", "highest, of one beat", "bpm", 1),
    _Line("mean_nn_ms", "mean NN", "ms", 1),
    _Line("median_nn_ms", "median NN", "ms", 1),
)
_TIME: Final = (
    _Line("rmssd_ms", "RMSSD", "ms", 1),
    _Line("ln_rmssd", "ln RMSSD", "", 3),
    _Line("sdnn_ms", "SDNN", "ms", 1),
    _Line("sdsd_ms", "SDSD", "ms", 1),
    _Line("pnn20_pct", "pNN20", "%", 1),
    _Line("pnn50_pct", "pNN50", "%", 1),
    _Line("cvnn_pct", "CVNN", "%", 2),
    _Line("mad_ms", "MAD", "ms", 1),
    _Line("iqr_ms", "IQR", "ms", 1),
)
_SHAPE: Final = (
    _Line("sd1_ms", "SD1", "ms", 1),
    _Line("sd2_ms", "SD2", "ms", 1),
    _Line("sd1_sd2", "SD1/SD2", "", 3),
    _Line("triangular_index", "triangular index", "", 2),
    _Line("tinn_ms", "TINN", "ms", 1),
    _Line("baevsky_si", "Baevsky's index SI", "1/s²", 1),
    _Line("baevsky_si_root", "its root", "1/s", 2),
)
_BANDS: Final = (
    _Line("vlf_ms2", "VLF", "ms²", 0),
    _Line("lf_ms2", "LF", "ms²", 0),
    _Line("hf_ms2", "HF", "ms²", 0),
    _Line("total_ms2", "total", "ms²", 0),
    _Line("vlf_pct", "VLF of total", "%", 1),
    _Line("lf_pct", "LF of total", "%", 1),
    _Line("hf_pct", "HF of total", "%", 1),
    _Line("lf_nu", "LF normalised", "n.u.", 1),
    _Line("hf_nu", "HF normalised", "n.u.", 1),
    _Line("lf_hf", "LF/HF", "", 2),
    _Line("vlf_peak_hz", "VLF peak", "Hz", 4),
    _Line("lf_peak_hz", "LF peak", "Hz", 3),
    _Line("hf_peak_hz", "HF peak", "Hz", 3),
)
_NONLINEAR: Final = (
    # No Greek: a pipe on Windows has no letter for it.
    _Line("dfa_alpha1", "DFA alpha 1 (4-16 beats)", "", 3),
    _Line("dfa_alpha2", "DFA alpha 2 (16-64 beats)", "", 3),
    _Line("sample_entropy", "sample entropy", "nat", 3),
)
_METHODS: Final = {"welch": "Welch", "lomb": "Lomb", "ar": "AR (Burg)"}
_LEAST_DEMANDING_FIRST: Final = ("hf_ms2", "lf_ms2", "vlf_ms2")
_MOST_NAMES: Final = 6
# Widths in a line of a window: 79 letters in all.
_COLUMNS: Final = (8, 8, 10, 10, 9, 8, 8, 7, 11)


def hrv_table(analysis: Analysis, *, title: str) -> RenderableType:
    """Everything about one window: what it stands on, each metric that there is, and why others are not there."""
    time_domain, nonlinear = analysis.hrv.time_domain, analysis.nonlinear
    held = dict(analysis.hrv.intervals.by_metric())
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, justify="right")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    groups: tuple[tuple[str, Any, tuple[_Line, ...]], ...] = (
        ("Heart rate", time_domain, _HEART_RATE),
        ("Variability in time", time_domain, _TIME),
        ("Shape", time_domain, _SHAPE),
        ("Order", nonlinear, _NONLINEAR),
    )
    for heading, values, lines in groups:
        present = [line for line in lines if getattr(values, line.name) is not None]
        if not present:
            continue
        table.add_row(Text(heading, style=_HEAD))
        for line in present:
            interval = held.get(line.name)
            cell = f"{getattr(values, line.name):.{line.digits}f}"
            table.add_row(
                f"  {line.label}", cell, line.unit, Text(_interval_words(interval, line.digits), style=_QUIET)
            )
    return Group(
        Text(shown(title), style=_HEAD),
        Text(_stands_on(analysis), style=_QUIET),
        "",
        table,
        *_scales(analysis),
        *_frequency(analysis),
        Text.assemble(("Breathing  ", _HEAD), _breathing_words(analysis)),
        *(Text(line, style=_QUIET) for line in _absent_lines(analysis)),
    )


def window_head() -> str:
    """The line above the lines of windows."""
    return _in_columns(
        "until", "HR bpm", "RMSSD ms", f"({LEVEL_PCT} %)", "SDNN ms", "LF ms²", "HF ms²", "pairs", "corrected"
    )


def window_line(analysis: Analysis) -> str:
    """One window in one line; its bands are Lomb's, which a lost beat costs nothing."""
    time_domain, quality = analysis.hrv.time_domain, analysis.hrv.quality
    until, heart_rate = clock_text(analysis.hrv.at_s), _or_dash(time_domain.mean_heart_rate_bpm, 1)
    refused = time_domain.absent.get("rmssd_ms")
    if refused is not None:
        return f"{_in_columns(until, heart_rate)}  no HRV: {shown(refused)}"
    held = analysis.hrv.intervals.rmssd_ms
    given = "" if held is None else f"({held.low:.0f}-{held.high:.0f})"
    return _in_columns(
        until,
        heart_rate,
        _or_dash(time_domain.rmssd_ms, 1),
        given,
        _or_dash(time_domain.sdnn_ms, 1),
        _or_dash(analysis.lomb.lf_ms2, 0),
        _or_dash(analysis.lomb.hf_ms2, 0),
        str(quality.pairs),
        f"{quality.corrected_pct:.1f} %",
    )


def _in_columns(*cells: str) -> str:
    return "".join(f"{cell:>{width}}" for cell, width in zip(cells, _COLUMNS, strict=False))


def to_record(analysis: Analysis, *, person: str | None) -> dict[str, Any]:
    """Everything about one window as plain JSON values, absences with their reasons."""
    hrv = analysis.hrv
    breathing = analysis.breathing
    return {
        "type": "analysis",
        **({} if person is None else {"person": person}),
        "at_s": hrv.at_s,
        "window_s": hrv.window_s,
        **_plain(hrv.quality),
        **_plain(hrv.time_domain),
        f"intervals_{LEVEL_PCT}_pct": {
            name: None if held is None else [held.low, held.high] for name, held in hrv.intervals.by_metric()
        },
        **{method: _plain(getattr(analysis, method)) for method in _METHODS},
        "nonlinear": _plain(analysis.nonlinear),
        "breathing": {"absent": {"breaths_per_min": breathing.reason}}
        if isinstance(breathing, CannotTell)
        else {**_plain(breathing), "absent": {}},
    }


def to_row(analysis: Analysis, *, person: str | None) -> dict[str, Any]:
    """The numbers of one window under one name each, for a table of columns; None where a number is absent."""
    hrv, breathing = analysis.hrv, analysis.breathing
    row: dict[str, Any] = {"person": person or "", "at_s": hrv.at_s, "window_s": hrv.window_s}
    row |= _plain(hrv.quality) | _plain(hrv.time_domain)
    for metric, held in hrv.intervals.by_metric():
        row[f"{metric}_low"] = None if held is None else held.low
        row[f"{metric}_high"] = None if held is None else held.high
    for method in _METHODS:
        row |= {f"{method}_{name}": value for name, value in _plain(getattr(analysis, method)).items()}
    row |= {line.name: getattr(analysis.nonlinear, line.name) for line in _NONLINEAR}
    row["breaths_per_min"] = None if isinstance(breathing, CannotTell) else breathing.breaths_per_min
    return {name: value for name, value in row.items() if not name.endswith("absent")}


def _plain(group: Any) -> dict[str, Any]:
    return {field.name: getattr(group, field.name) for field in fields(group)}


def _stands_on(analysis: Analysis) -> str:
    quality = analysis.hrv.quality
    return (
        f"{quality.beats} beats, {quality.pairs} pairs, {quality.covered_s:.0f} s covered, "
        f"{quality.corrected_pct:.1f} % corrected"
    )


def _interval_words(held: Interval | None, digits: int) -> str:
    return "" if held is None else f"{held.low:.{digits}f} to {held.high:.{digits}f} ({LEVEL_PCT} %)"


def _scales(analysis: Analysis) -> Iterator[RenderableType]:
    entropies = analysis.nonlinear.multiscale_entropy
    if entropies and len(entropies) > 1:
        words = "  ".join(_or_dash(value, 2) for value in entropies)
        yield Text(f"  entropy of means over 1-{len(entropies)} beats: {words}")
    yield ""


def _frequency(analysis: Analysis) -> Iterator[RenderableType]:
    by_method = [getattr(analysis, method) for method in _METHODS]
    present = [line for line in _BANDS if any(getattr(found, line.name) is not None for found in by_method)]
    if not present:
        return
    table = Table(box=None, pad_edge=False, header_style=_QUIET)
    table.add_column(Text("Frequency", style=_HEAD), no_wrap=True)
    for heading in _METHODS.values():
        table.add_column(heading, no_wrap=True, justify="right")
    table.add_column("", no_wrap=True)
    for line in present:
        cells = [_or_dash(getattr(found, line.name), line.digits) for found in by_method]
        table.add_row(f"  {line.label}", *cells, line.unit)
    yield table
    yield ""


def _breathing_words(analysis: Analysis) -> str:
    breathing = analysis.breathing
    if isinstance(breathing, CannotTell):
        return f"cannot tell. {_sentence(breathing.reason)}"
    return (
        f"{breathing.breaths_per_min:.1f} breaths a minute, confidence {100 * breathing.confidence:.0f} %, swing "
        f"{breathing.amplitude_ms:.0f} ms"
    )


def _absent_lines(analysis: Analysis) -> Iterator[str]:
    """Why metrics are not there, each reason once."""
    labels = {line.name: line.label for group in (_HEART_RATE, _TIME, _SHAPE, _BANDS, _NONLINEAR) for line in group}
    labels["multiscale_entropy"] = "multiscale entropy"
    by_method = [getattr(analysis, method) for method in _METHODS]
    everywhere = set[str].intersection(*(set(found.absent) for found in by_method))
    absent = {**analysis.hrv.time_domain.absent, **analysis.nonlinear.absent}
    absent |= {name: reason for name, reason in by_method[0].absent.items() if name in everywhere}
    missing = {labels[name]: reason for name, reason in absent.items()}
    partly = list(_partly_absent(analysis, everywhere))
    if missing or partly:
        yield ""
    for reason, entries in groupby(sorted(missing.items(), key=lambda entry: entry[1]), key=lambda entry: entry[1]):
        names = [label for label, _ in entries]
        shown_names = ", ".join(names) if len(names) <= _MOST_NAMES else f"{', '.join(names[:_MOST_NAMES])} and more"
        yield f"Not given: {shown_names}. {_sentence(reason)}"
    yield from partly


def _partly_absent(analysis: Analysis, everywhere: AbstractSet[str]) -> Iterator[str]:
    """Why one method gives no band that another one gives."""
    methods_of: dict[str, list[str]] = {}
    for method, heading in _METHODS.items():
        absent = getattr(analysis, method).absent
        first = next((band for band in _LEAST_DEMANDING_FIRST if band in absent and band not in everywhere), None)
        if first is not None:
            methods_of.setdefault(absent[first], []).append(heading)
    for reason, methods in methods_of.items():
        yield f"{' and '.join(methods)}: {_sentence(reason)}"


def _sentence(reason: str) -> str:
    return f"{reason[0].upper()}{reason[1:].removesuffix('.')}."


def _or_dash(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
