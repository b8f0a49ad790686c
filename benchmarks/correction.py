"""How wrong RMSSD, SDNN, LF and HF are after artefact correction, beside NeuroKit2, systole and Malik's rule.

Faults of one class are planted into a series without any, everybody corrects the same series and nothing else, and the
metrics are held against those of the series before the planting. All metrics are computed by the same functions here;
what differs is what a method hands out. RMSSD and SDNN are over all intervals of a peer's corrected series and over the
accepted intervals of ours (`dsp all`: over those that were put right, too); LF and HF (Welch on a 4 Hz cubic spline)
are over the whole corrected series of each.

Series: real sinus rhythm (ambulatory nsrdb stretches and an ECG at a desk) in which no interval differs from the one
before by more than a fifth, so that nobody's rule has a fault of its own to find, and synthetic 1/f with breathing. The
rules of `dsp` were chosen on other records and seeds (`development`) than those of the table printed by default.

Usage: python benchmarks/correction.py [development]
"""

from __future__ import annotations

import contextlib
import io
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.signal import detrend, welch

from dsp.artefacts import clean

Floats: TypeAlias = NDArray[np.float64]

_DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "rr"
_WINDOWS_S: Final = (60, 120, 300)
_CLASSES: Final = ("missed", "extra", "ectopic", "displaced")
_SHARES_PCT: Final = (0.5, 1.0, 2.0, 5.0, 10.0)
_OURS: Final = 2  # methods of ours come first
_METRICS: Final = ("RMSSD", "SDNN", "LF", "HF")
# Records and seeds that rules may be chosen on; all the others are for the table.
_DEVELOPMENT_RECORDS: Final = frozenset(
    ("16265", "16272", "16273", "16420", "16483", "16539", "16773", "16786", "16795", "17052")
)
_DEVELOPMENT_PHASES: Final = frozenset({"sitting", "standing", "walking"})
_SYNTHETIC: Final = 30
# A fault nearer to the ends than this has no neighbours to be told by.
_MARGIN_BEATS: Final = 3
_APART_BEATS: Final = 3
_BANDS_HZ: Final = {"LF": (0.04, 0.15), "HF": (0.15, 0.40)}
# A band takes a few of its slowest waves.
_LEAST_WINDOW_S: Final = {"RMSSD": 60, "SDNN": 60, "LF": 120, "HF": 60}


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """What a method hands out: intervals in a row for the spectrum; those, with their joins, for the time domain."""

    all_ms: Floats
    used_ms: Floats
    joined: NDArray[np.bool_]

    @classmethod
    def whole(cls, rr_ms: Floats) -> Corrected:
        joined = np.ones(len(rr_ms), dtype=np.bool_)
        joined[:1] = False
        return cls(all_ms=rr_ms, used_ms=rr_ms, joined=joined)


def ours(rr_ms: Floats) -> Corrected:
    series = clean(rr_ms)
    return Corrected(all_ms=series.nn_ms, used_ms=series.accepted_nn_ms, joined=series.accepted_joined)


def ours_put_right(rr_ms: Floats) -> Corrected:
    """All intervals that were accepted or put right, in place of the accepted ones alone."""
    series = clean(rr_ms)
    used = series.accepted | series.corrected
    joined = series.joined
    joined[1:] &= used[:-1]
    return Corrected(all_ms=series.nn_ms, used_ms=series.nn_ms[used], joined=joined[used])


def malik(rr_ms: Floats) -> Corrected:
    """An interval that differs from the one before by more than a fifth of it goes; a line through what is left.

    As in hrv-analysis: the interval after a thrown-out one is not asked again.
    """
    kept = np.ones(len(rr_ms), dtype=np.bool_)
    thrown = False
    for at in range(1, len(rr_ms)):
        if thrown:
            thrown = False
            continue
        if abs(rr_ms[at] - rr_ms[at - 1]) > 0.2 * rr_ms[at - 1]:
            kept[at] = False
            thrown = True
    at_all = np.arange(len(rr_ms))
    return Corrected.whole(np.interp(at_all, at_all[kept], rr_ms[kept]))


def methods() -> dict[str, Callable[[Floats], Corrected]]:
    """The methods that can be run here, by name."""
    found: dict[str, Callable[[Floats], Corrected]] = {"dsp": ours, "dsp all": ours_put_right}
    try:
        neurokit2: Any = import_module("neurokit2")

        def neurokit(rr_ms: Floats) -> Corrected:
            # Tenths of a millisecond, so that its whole-sample peaks cost nothing.
            peaks = np.rint(np.cumsum(np.concatenate(([1000.0], rr_ms))) * 10).astype(int)
            _, fixed = neurokit2.signal_fixpeaks(peaks, sampling_rate=10_000, iterative=True, method="Kubios")
            return Corrected.whole(np.diff(np.asarray(fixed, dtype=np.float64)) / 10)

        found["NeuroKit2"] = neurokit
    except ImportError:
        print("NeuroKit2 cannot be imported here: left out")
    try:
        correct_rr: Any = import_module("systole.correction").correct_rr

        def systole(rr_ms: Floats) -> Corrected:
            with contextlib.redirect_stdout(io.StringIO()):
                return Corrected.whole(np.asarray(correct_rr(rr_ms, verbose=False)[0], dtype=np.float64))

        found["systole"] = systole
    except ImportError:
        print("systole cannot be imported here: left out")
    found["Malik"] = malik
    return found


def metrics_of(corrected: Corrected, window_s: int) -> dict[str, float]:
    """RMSSD and SDNN in ms, LF and HF in ms²; NaN where there is nothing to compute it from."""
    used_ms, joined = corrected.used_ms, corrected.joined
    pairs_ms = np.diff(used_ms)[joined[1:]]
    values = {
        "RMSSD": float(np.sqrt(np.mean(pairs_ms**2))) if len(pairs_ms) else np.nan,
        "SDNN": float(np.std(used_ms, ddof=1)) if len(used_ms) > 1 else np.nan,
    }
    at_s = np.cumsum(corrected.all_ms) / 1000
    if np.all(np.diff(at_s) > 0) and np.all(np.isfinite(at_s)) and len(at_s) > 10:
        grid_s = np.arange(at_s[0], at_s[-1], 0.25)
        even_ms = CubicSpline(at_s, corrected.all_ms)(grid_s)
        frequency_hz, density = welch(detrend(even_ms), fs=4.0, nperseg=min(len(even_ms), 1024), detrend=False)
        for band, (low_hz, high_hz) in _BANDS_HZ.items():
            inside = (frequency_hz >= low_hz) & (frequency_hz < high_hz)
            values[band] = float(density[inside].sum() * (frequency_hz[1] - frequency_hz[0]))
    return {name: values.get(name, np.nan) for name in _METRICS if window_s >= _LEAST_WINDOW_S[name]}


def synthetic_ms(rng: np.random.Generator) -> Floats:
    """300 s and more of a heart with 1/f variability and breathing, each of its own size and pace."""
    beats = 600
    mean_ms = rng.uniform(600, 1050)
    spectrum = np.fft.rfft(rng.normal(size=beats))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    slow = np.fft.irfft(spectrum, beats)
    slow *= rng.uniform(15, 60) / slow.std()
    pace_hz = rng.uniform(0.1, 0.35)
    breathing = rng.uniform(5, 60) * np.sin(2 * np.pi * pace_hz * np.arange(beats) * mean_ms / 1000 + rng.uniform(0, 6))
    return np.rint((mean_ms + slow + breathing) * 1.024) / 1.024


def plain(rr_ms: Floats) -> bool:
    return bool(np.all(np.abs(np.diff(rr_ms)) <= 0.2 * rr_ms[:-1]))


def windows(rr_ms: Floats, window_s: int) -> Iterator[Floats]:
    """The first windows of a series, one after the other, that are without a fault; at most three."""
    ends_s = np.cumsum(rr_ms) / 1000
    for number in range(3):
        piece_ms = rr_ms[(ends_s > number * window_s) & (ends_s <= (number + 1) * window_s)]
        if piece_ms.sum() / 1000 > 0.95 * window_s and plain(piece_ms):
            yield piece_ms


def sources(*, development: bool) -> Iterator[tuple[str, Floats]]:
    """Series without faults, by the name of where they come from."""
    for seed in range(_SYNTHETIC):
        yield "synthetic", synthetic_ms(np.random.default_rng(seed + (0 if development else 1000)))
    if not _DATA.is_dir():
        print("No real recordings here: synthetic series only")
        return
    rows = (_DATA / "rhythms" / "sinusnsr.txt").read_text(encoding="utf-8").splitlines()
    for row in rows:
        record, _, _, *intervals = row.split()
        if row[0] != "#" and (record in _DEVELOPMENT_RECORDS) == development:
            yield "nsrdb", np.array(intervals, dtype=np.float64)
    ecg = np.loadtxt(_DATA / "wearable_hrv_p37" / "vu_ecg_rr.csv", delimiter=",", skiprows=1)
    phases = (_DATA / "wearable_hrv_p37" / "phases.csv").read_text(encoding="utf-8").splitlines()[1:]
    for phase in phases:
        start_s, end_s, label = phase.split(",")
        if (label in _DEVELOPMENT_PHASES) == development:
            yield "P37 ECG", ecg[(ecg[:, 0] > float(start_s)) & (ecg[:, 0] <= float(end_s)), 1]


def plant(kind: str, share_pct: float, rr_ms: Floats, rng: np.random.Generator) -> Floats:
    """The series with faults of one class: the share of beats given, at least one, none beside another."""
    wanted = max(1, round(share_pct * len(rr_ms) / 100))
    places: list[int] = []
    for at in rng.permutation(np.arange(_MARGIN_BEATS, len(rr_ms) - _MARGIN_BEATS)).tolist():
        if len(places) < wanted and all(abs(at - other) >= _APART_BEATS for other in places):
            places.append(at)
    beats_ms = np.cumsum(np.concatenate(([0.0], rr_ms)))  # beat `at` ends interval `at - 1`
    for at in sorted(places, reverse=True):
        before_ms, after_ms = beats_ms[at] - beats_ms[at - 1], beats_ms[at + 1] - beats_ms[at]
        match kind:
            case "missed":
                beats_ms = np.delete(beats_ms, at)
            case "extra":
                beats_ms = np.insert(beats_ms, at + 1, beats_ms[at] + rng.uniform(0.25, 0.75) * after_ms)
            case "ectopic":  # early by a fifth to nearly a half, and the next beat in time: a full pause
                beats_ms[at] -= rng.uniform(0.2, 0.45) * before_ms
            case _:  # a peak found at the wrong place
                early = rng.random() < 0.5
                beats_ms[at] += rng.uniform(0.1, 0.3) * (-before_ms if early else after_ms)
    return np.diff(beats_ms)


Errors: TypeAlias = dict[tuple[str, str, float, int, str, str], list[float]]
"""Errors in % by source, class, share, window, metric and method."""


def main() -> None:
    development = "development" in sys.argv[1:]
    warnings.simplefilter("ignore")
    started = time.perf_counter()
    by_name = methods()
    errors: Errors = {}
    count = 0
    for source, series_ms in sources(development=development):
        for window_s in _WINDOWS_S:
            for rr_ms in windows(series_ms, window_s):
                count += 1
                truth = metrics_of(Corrected.whole(rr_ms), window_s)
                rng = np.random.default_rng(count)
                cases = [("none", 0.0, rr_ms)]
                cases += [(kind, pct, plant(kind, pct, rr_ms, rng)) for kind in _CLASSES for pct in _SHARES_PCT]
                for kind, pct, sent_ms in cases:
                    for name, correct in by_name.items():
                        got = metrics_of(correct(sent_ms), window_s)
                        for metric, value in got.items():
                            off = 100 * abs(value - truth[metric]) / truth[metric]
                            errors.setdefault((source, kind, pct, window_s, metric, name), []).append(
                                off if np.isfinite(off) else np.inf
                            )
    print(f"{count} windows, {'development' if development else 'held-out'} records and seeds")
    report(errors, list(by_name))
    print(f"{time.perf_counter() - started:.0f} s")


def report(errors: Errors, names: list[str]) -> None:
    """Median error in % by class and share (all windows), by class and window, and by class and source."""
    lost: list[str] = []
    for title, index in (("share %", 2), ("window s", 3), ("source", 0)):
        print(f"\nMedian error, %, by class and {title} (* not the lowest)")
        print(f"{'':10}{title:>10}" + "".join(f" | {metric:^{9 * len(names) - 1}}" for metric in _METRICS))
        print(" " * 20 + "".join(" |" + "".join(f"{name[:8]:>9}" for name in names) for _ in _METRICS))
        keys = sorted({(key[1], key[index]) for key in errors}, key=str)
        for kind, value in sorted(keys, key=lambda row: (row[0] != "none", row[0], str(row[1]).zfill(8))):
            cells: list[str] = []
            for metric in _METRICS:
                medians: list[float] = []
                for name in names:
                    values = [
                        off
                        for key, offs in errors.items()
                        if key[1] == kind and key[index] == value and key[4] == metric and key[5] == name
                        for off in offs
                    ]
                    medians.append(float(np.median(values)) if values else np.nan)
                worse = medians[0] > min(medians[_OURS:], default=np.inf) + 0.005
                if worse and index == 2:
                    best = names[_OURS + int(np.argmin(medians[_OURS:]))]
                    lost.append(f"{kind} {value} {metric} {medians[0]:.2f} ({best} {min(medians[_OURS:]):.2f})")
                cells.append(
                    " |"
                    + "".join(f"{median:8.2f}{'*' if worse and not at else ' '}" for at, median in enumerate(medians))
                )
            print(f"{kind:10}{value!s:>10}" + "".join(cells))
    print("\nNot the lowest: " + ("; ".join(lost) if lost else "nowhere"))


if __name__ == "__main__":
    main()
