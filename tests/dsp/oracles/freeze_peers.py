"""Asks the field's HRV packages for their numbers and freezes them as JSON, with the versions that gave them.

Strategy: the peers have needs that do not go together with ours (NumPy below 2.4, packages that do not import without
help), so they are asked once, in an environment of their own, and the tests read what they said. Nothing here computes
a metric: what is not a call of a peer is the same call with its other settings, named after them. `null` is a peer's
NaN, infinity or exception (then beside it a name ending in "!" with the exception's name).

Run, with neurokit2 0.2.13, systole 0.3.1, hrv-analysis 1.0.5 and pyhrv 0.5.0 on Python 3.11 with NumPy 2.2.0:

    python tests/dsp/oracles/freeze_peers.py [folder of the real recordings]

Without a folder only `peers.json` (the synthetic series) is written, with it `recordings.json` too. Of recordings only
numbers are kept, never intervals.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.resources
import json
import math
import platform
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
warnings.simplefilter("ignore")

# biosppy 2.2.4 (under pyHRV) needs a package that it does not declare, for ECG only.
sys.modules["peakutils"] = types.ModuleType("peakutils")
# nolds 0.6.3 (under hrv-analysis and pyHRV) asks on import for the resources of a module as if it were a package, which
# Python 3.11 refuses.
_files = importlib.resources.files
importlib.resources.files = lambda name: _files("nolds" if name == "nolds.datasets" else name)  # type: ignore[assignment]

import hrvanalysis  # noqa: E402
import neurokit2  # noqa: E402
import nolds  # noqa: E402
import pyhrv.frequency_domain  # noqa: E402
import pyhrv.nonlinear  # noqa: E402
import pyhrv.time_domain  # noqa: E402
import scipy.signal  # noqa: E402
import spectrum  # noqa: E402
import systole.correction  # noqa: E402
import systole.detection  # noqa: E402
import systole.hrv  # noqa: E402
from astropy.timeseries import LombScargle  # noqa: E402
from scipy.interpolate import CubicSpline  # noqa: E402

_HERE = Path(__file__).parent
_PACKAGES = (
    "neurokit2",
    "systole",
    "hrv-analysis",
    "pyhrv",
    "nolds",
    "astropy",
    "spectrum",
    "numpy",
    "scipy",
    "pandas",
)
# Beats above which a peer's nonlinear functions take minutes or the machine's memory.
_LONG = 5000


class _Answers(dict[str, Any]):
    """Numbers by name; a call that ends in an exception leaves its name."""

    def ask(self, name: str, call: Callable[[], Any]) -> None:
        try:
            self.take(name, call())
        except Exception as error:  # noqa: BLE001 - whatever a peer ends in is its answer
            self[name] = None
            self[f"{name}!"] = type(error).__name__

    def take(self, name: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                self.take(f"{name}.{key}", inner)
        elif value is None or isinstance(value, str):
            self[name] = value
        elif np.ndim(value) or isinstance(value, (tuple, list, range)):
            self[name] = [_number(inner) for inner in value]
        else:
            self[name] = _number(value)


def _number(value: Any) -> float | int | None:
    if isinstance(value, (int, np.integer)):
        return int(value)
    return float(value) if math.isfinite(float(value)) else None


def _table(frame: Any) -> dict[str, Any]:
    """NeuroKit2's one-row table, or systole's two columns."""
    if "Metric" in frame:
        return dict(zip(frame["Metric"], frame["Values"], strict=True))
    return {key.removeprefix("HRV_"): values[0] for key, values in frame.to_dict("list").items()}


def _neurokit2(rr_ms: np.ndarray) -> _Answers:
    given = {"RRI": rr_ms, "RRI_Time": np.cumsum(rr_ms) / 1000}
    answers = _Answers()
    answers.ask("time", lambda: _table(neurokit2.hrv_time(given)))
    answers.ask("frequency", lambda: _table(neurokit2.hrv_frequency(given)))
    answers.ask("frequency_not_normalised", lambda: _table(neurokit2.hrv_frequency(given, normalize=False)))
    if len(rr_ms) > _LONG:
        return answers
    answers.ask(
        "frequency_4hz_not_normalised",
        lambda: _table(neurokit2.hrv_frequency(given, normalize=False, interpolation_rate=4)),
    )
    answers.ask("lomb", lambda: _table(neurokit2.hrv_frequency(given, psd_method="lomb", normalize=False)))
    answers.ask(
        "lomb_uneven",
        lambda: _table(neurokit2.hrv_frequency(given, psd_method="lomb", normalize=False, interpolation_rate=None)),
    )
    answers.ask(
        "burg_4hz",
        lambda: _table(neurokit2.hrv_frequency(given, psd_method="burg", normalize=False, interpolation_rate=4)),
    )
    answers.ask("burg", lambda: _table(neurokit2.hrv_frequency(given, psd_method="burg", normalize=False)))
    wanted = ("SD1", "SD2", "SD1SD2", "DFA_alpha1", "DFA_alpha2", "SampEn", "ApEn", "CSI", "CVI")
    answers.ask(
        "nonlinear", lambda: {key: v for key, v in _table(neurokit2.hrv_nonlinear(given)).items() if key in wanted}
    )
    even_s = np.arange(0, (rr_ms[1:].sum()) / 1000, 0.25)
    times_s = np.cumsum(rr_ms) / 1000
    even_ms = CubicSpline(times_s - times_s[0], rr_ms)(even_s)
    answers.ask("detrended_4hz", lambda: _edges(_detrended(even_ms)))
    return answers


def _detrended(even_ms: np.ndarray) -> np.ndarray:
    return np.asarray(neurokit2.signal_detrend(even_ms, method="tarvainen2002", regularization=500, sampling_rate=4))


def _edges(values: np.ndarray) -> dict[str, Any]:
    return {"count": len(values), "sd": np.std(values, ddof=1), "first": values[:4], "last": values[-4:]}


def _systole(rr_ms: np.ndarray) -> _Answers:
    answers = _Answers()
    answers.ask("time", lambda: _table(systole.hrv.time_domain(rr_ms)))
    answers.ask("frequency", lambda: _table(systole.hrv.frequency_domain(rr_ms)))
    answers.ask("poincare", lambda: dict(zip(("SD1", "SD2"), systole.hrv.poincare(rr_ms), strict=True)))
    return answers


def _hrv_analysis(rr_ms: np.ndarray) -> _Answers:
    rr = [float(value) for value in rr_ms]
    answers = _Answers()
    answers.ask("time", lambda: hrvanalysis.get_time_domain_features(rr))
    answers.ask("geometry", lambda: hrvanalysis.get_geometrical_features(rr))
    answers.ask("poincare", lambda: hrvanalysis.get_poincare_plot_features(rr))
    answers.ask("welch", lambda: hrvanalysis.get_frequency_domain_features(rr))
    if len(rr_ms) > _LONG:
        return answers
    answers.ask("lomb", lambda: hrvanalysis.get_frequency_domain_features(rr, method="lomb"))
    answers.ask("entropy", lambda: hrvanalysis.get_sampen(rr))
    return answers


def _pyhrv(rr_ms: np.ndarray) -> _Answers:
    time, nonlinear, frequency = pyhrv.time_domain, pyhrv.nonlinear, pyhrv.frequency_domain
    answers = _Answers()
    for name in ("nni_parameters", "hr_parameters", "sdnn", "rmssd", "sdsd", "nn50", "nn20"):
        answers.ask("time", lambda name=name: _tuple(getattr(time, name)(rr_ms)))
    answers.ask("triangular", lambda: _tuple(time.triangular_index(rr_ms, plot=False)))
    answers.ask("poincare", lambda: _tuple(nonlinear.poincare(rr_ms, mode="dev")))
    if len(rr_ms) > _LONG:
        return answers
    answers.ask("tinn", lambda: _tuple(time.tinn(rr_ms, plot=False)))
    answers.ask("tinn_long", lambda: _tuple(time.tinn(rr_ms, plot=False, mode="long")))
    answers.ask("entropy", lambda: _tuple(nonlinear.sample_entropy(rr_ms)))
    for again in ("dfa", "dfa_asked_again"):  # nolds fits the line by RANSAC, with dice
        answers.ask(again, lambda: _tuple(nonlinear.dfa(rr_ms, mode="dev")))
    for name in ("welch", "lomb", "ar"):
        answers.ask(name, lambda name=name: _tuple(getattr(frequency, f"{name}_psd")(rr_ms, mode="dev")[0]))
    return answers


def _tuple(answer: Any) -> dict[str, Any]:
    names = answer.keys()  # a tuple with names, not a mapping
    return {name: answer[name] for name in names if not name.endswith(("bands", "window", "interpolation", "beats"))}


def _parts(rr_ms: np.ndarray) -> _Answers:
    """What lies under the peers, asked with the settings that ours has: no recipe of any HRV package."""
    answers = _Answers()
    if len(rr_ms) > _LONG:
        return answers
    tolerance = 0.2 * float(np.std(rr_ms, ddof=1))
    answers.ask("nolds.sampen_closed", lambda: nolds.sampen(rr_ms, 2, tolerance, closed=True))
    answers.ask("nolds.sampen_open", lambda: nolds.sampen(rr_ms, 2, tolerance))
    answers.ask("nolds.dfa_4_16", lambda: nolds.dfa(rr_ms, range(4, 17), overlap=False, fit_exp="poly"))
    answers.ask("nolds.dfa_16_64", lambda: nolds.dfa(rr_ms, range(16, 65), overlap=False, fit_exp="poly"))
    times_s = np.cumsum(rr_ms) / 1000
    times_s -= times_s[0]
    frequency_hz = np.arange(1, int(0.5 * 4 * times_s[-1]) + 1) / (4 * times_s[-1])
    answers.ask(
        "astropy.lomb_ms2",
        lambda: LombScargle(
            times_s, rr_ms - rr_ms.mean(), normalization="psd", fit_mean=False, center_data=False
        ).power(frequency_hz, method="slow")[::40],
    )
    even_ms = CubicSpline(times_s, rr_ms)(np.arange(int(times_s[-1] * 4) + 1) / 4)
    straight = scipy.signal.detrend(even_ms)
    answers.ask("scipy.one_hann_window", lambda: _bands(*_one_window(straight)))
    answers.ask(
        "spectrum.burg_16", lambda: dict(zip(("a", "variance"), spectrum.arburg(straight, 16)[:2], strict=True))
    )
    return answers


def _one_window(straight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return scipy.signal.periodogram(straight, fs=4, window="hann", nfft=1 << 16, detrend=False)


def _bands(frequency_hz: np.ndarray, psd: np.ndarray) -> dict[str, float]:
    edges = {"vlf": (0, 0.04), "lf": (0.04, 0.15), "hf": (0.15, 0.4)}
    step_hz = frequency_hz[1]
    return {
        name: psd[(frequency_hz >= begin) & (frequency_hz < end)].sum() * step_hz
        for name, (begin, end) in edges.items()
    }


_ASKED = {
    "neurokit2": _neurokit2,
    "systole": _systole,
    "hrv-analysis": _hrv_analysis,
    "pyhrv": _pyhrv,
    "parts": _parts,
}


def _artefacts(rest_ms: np.ndarray) -> dict[str, Any]:
    """How the peers find and correct what was put into the resting heart, which is given beside it."""
    answers = _Answers()
    places = list(range(25, 300, 28))
    times_s = np.concatenate(([0.0], np.cumsum(rest_ms) / 1000))
    displaced_s = times_s.copy()
    displaced_s[places] -= 0.2
    answers["displaced"] = places
    answers["displaced_by_s"] = -0.2
    peaks = np.rint(displaced_s * 1000).astype(int)
    for iterative in (False, True):
        info, clean = neurokit2.signal_fixpeaks(peaks, sampling_rate=1000, iterative=iterative, method="Kubios")
        kind = "iterative" if iterative else "once"
        answers.take(f"neurokit2.{kind}", {key: info[key] for key in ("ectopic", "missed", "extra", "longshort")})
        answers.take(f"neurokit2.{kind}.rmssd", _rmssd_ms(np.diff(clean)))
    hole = np.concatenate((peaks_of(rest_ms[:150]), peaks_of(rest_ms[150:]) + int(rest_ms[:150].sum()) + 60_000))
    info, clean = neurokit2.signal_fixpeaks(hole, sampling_rate=1000, iterative=True, method="Kubios")
    answers.take("neurokit2.hole_60_s.longest_after_ms", np.sort(np.diff(clean))[-2:])
    answers.take("neurokit2.hole_60_s.rmssd", _rmssd_ms(np.diff(clean)))
    answers.ask(
        "neurokit2.constant.thresholds",
        lambda: np.unique(
            neurokit2.signal_fixpeaks(np.arange(0, 100_000, 1000), sampling_rate=1000, method="Kubios")[0]["drrs"]
        )[:3],
    )
    displaced_ms = np.diff(displaced_s) * 1000
    found = systole.detection.rr_artefacts(displaced_ms)
    answers.take(
        "systole", {key: np.flatnonzero(found[key]) for key in ("ectopic", "long", "short", "missed", "extra")}
    )
    answers.ask("systole.rmssd", lambda: _rmssd_ms(systole.correction.correct_rr(displaced_ms, verbose=False)[0]))
    for method in ("malik", "karlsson", "kamath", "acar"):
        answers.ask(
            f"hrv-analysis.{method}",
            lambda method=method: np.flatnonzero(
                np.isnan(hrvanalysis.remove_ectopic_beats([float(v) for v in displaced_ms], method, verbose=False))
            ),
        )
    return answers


def peaks_of(rr_ms: np.ndarray) -> np.ndarray:
    return np.concatenate(([0], np.cumsum(rr_ms))).astype(int)


def _rmssd_ms(rr_ms: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.diff(rr_ms) ** 2)))


def _synthetic() -> Iterator[tuple[str, np.ndarray]]:
    with np.load(_HERE / "series.npz") as series:
        for name in series:
            values = series[name].astype(np.float64)
            yield name, values * 1000 / 1024 if name.endswith("_ticks") else values


def _recorded(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """The same choice of recordings as in the tests."""
    reference = folder / "rr" / "kubios_reference" / "rr.txt"
    yield "kubios_reference", np.loadtxt(reference, delimiter=",", skiprows=1, usecols=1)
    person = folder / "rr" / "wearable_hrv_p37"
    ecg = np.loadtxt(person / "vu_ecg_rr.csv", delimiter=",", skiprows=1)
    for line in (person / "phases.csv").read_text().splitlines()[1:]:
        begin, end, label = line.split(",")
        if label in {"sitting", "standing", "breathing", "biking"}:
            yield f"p37_ecg_{label}", ecg[(ecg[:, 0] > float(begin)) & (ecg[:, 0] <= float(end)), 1]
    for kind in ("sinusnsr", "ectopylight"):
        lines = (folder / "rr" / "rhythms" / f"{kind}.txt").read_text().splitlines()
        rows = [line.split() for line in lines if not line.startswith("#")]
        for row in rows[::30]:
            yield f"{kind}_{row[0]}_{row[1]}", np.array(row[3:], dtype=np.float64)


def _freeze(name: str, series: Iterator[tuple[str, np.ndarray]], **more: Any) -> None:
    frozen: dict[str, Any] = {
        "python": platform.python_version(),
        "versions": {package: importlib.metadata.version(package) for package in _PACKAGES},
        **more,
        "series": {},
    }
    for key, rr_ms in series:
        frozen["series"][key] = {
            "count": len(rr_ms),
            "sha256_of_float64": hashlib.sha256(rr_ms.astype("<f8").tobytes()).hexdigest(),
            **{peer: ask(rr_ms) for peer, ask in _ASKED.items()},
        }
        if name == "recordings.json":  # the ends of a series on its spline are nearly intervals
            del frozen["series"][key]["neurokit2"]["detrended_4hz.first"]
            del frozen["series"][key]["neurokit2"]["detrended_4hz.last"]
    (_HERE / name).write_text(json.dumps(frozen, indent=1) + "\n")


def main() -> None:
    made = dict(_synthetic())
    _freeze("peers.json", iter(made.items()), artefacts=_artefacts(made["rest_ms"]))
    if len(sys.argv) > 1:
        _freeze("recordings.json", _recorded(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
