"""Speed of `dsp` beside NeuroKit2, systole, hrv-analysis and pyHRV: live, in batch, and a whole day of everything.

The same series goes to everybody: two hours or a day of a heart with breathing, 0.1 Hz waves, slow wander and a few
premature beats, in ticks of 1/1024 s. Times are the best of a few calls in this one run; each call of a peer runs in a
process of its own with a limit, since some of them need minutes or more memory than there is. A peer that cannot be
imported is left out with a word.

Usage: python benchmarks/hrv_speed.py
"""

from __future__ import annotations

import importlib.resources
import multiprocessing
import resource
import sys
import time
import types
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from timeit import repeat
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

import dsp
from dsp.beats import Beat
from dsp.tally import on_grid, tally_of
from dsp.uncertainty import intervals, slots_of

Floats = NDArray[np.float64]
Call = Callable[[Floats], object]

_SIZES: Final = {"5 min": 350, "2 h": 8_400, "24 h": 100_800}
_LIMIT_S: Final = 12.0
_LIMIT_BYTES: Final = 6 << 30
_WINDOW_S: Final = 60.0
_LIVE_SAMPLE: Final = 60
_CONTEXT: Final = multiprocessing.get_context("fork")


def heart(beats: int) -> Floats:
    """Intervals in ms."""
    rng = np.random.default_rng(1)
    at_s = np.arange(beats) * 0.857
    wander = np.cumsum(rng.normal(0, 0.5, beats))
    values = 857 + 25 * np.sin(2 * np.pi * 0.24 * at_s) + 20 * np.sin(2 * np.pi * 0.1 * at_s + wander / 10)
    values += (
        60 * np.sin(2 * np.pi * at_s / 86_400) + wander - np.linspace(0, wander[-1], beats) + rng.normal(0, 9, beats)
    )
    for at in rng.integers(5, beats - 5, beats // 400):  # premature, with a pause after
        values[at] -= 250
        values[at + 1] += 250
    return np.round(np.maximum(values, 300) * 1.024) / 1.024


def main() -> None:
    peers = _peers()
    _live(peers)
    _batch(peers)
    _day()


def _live(peers: dict[str, dict[str, Call]]) -> None:
    """Artefacts and all time-domain metrics at every beat of two hours."""
    rr_ms = heart(_SIZES["2 h"])
    beats = [
        Beat(at_s=float(at_s), rr_ms=float(interval))
        for at_s, interval in zip(np.cumsum(rr_ms) / 1000, rr_ms, strict=True)
    ]
    cost_us: list[float] = []
    for _ in range(3):
        stage, window = dsp.ArtefactStage(), dsp.HrvWindow(window_s=_WINDOW_S)
        started = time.perf_counter()
        for beat in beats:
            for clean_beat in stage.push(beat):
                window.push(clean_beat)
        cost_us.append(1e6 * (time.perf_counter() - started) / len(beats))
    ours_us = min(cost_us)
    print(
        f"Live: artefacts and all time-domain metrics of {_WINDOW_S:.0f} s at each beat of 2 h; NeuroKit2 as by default"
    )
    alone_us = ours_us - _intervals_us(rr_ms)
    print(f"  {'dsp':14} {ours_us:10.1f} us a beat   {alone_us:.1f} without the 95 % intervals, which no peer has")
    for name, calls in peers.items():
        if "live" not in calls:
            continue
        windows = [rr_ms[at - 70 : at] for at in np.linspace(100, len(rr_ms), _LIVE_SAMPLE).astype(int)]
        peer_s = _timed_apart(lambda _, call=calls["live"], windows=windows: [call(part) for part in windows], rr_ms)
        if peer_s is None:
            print(f"  {name:14} failed")
            continue
        peer_us = 1e6 * peer_s / _LIVE_SAMPLE
        ratio = f"{peer_us / ours_us:6.0f} x, like for like {peer_us / alone_us:.0f} x"
        print(f"  {name:14} {peer_us:10.1f} us a beat {ratio}")
    print()


def _intervals_us(rr_ms: Floats) -> float:
    """What the intervals cost of one window, in us."""
    nn = on_grid(rr_ms[:70])
    taken = np.ones(len(nn), np.bool_)
    joined = np.arange(len(nn)) > 0
    tally, slots = tally_of(nn, joined), slots_of(nn, joined, used=taken, gap_before=~taken)
    return 1e6 * min(repeat(lambda: intervals(tally, slots, sdnn_ms=30.0, rmssd_ms=30.0), number=2000, repeat=3)) / 2000


def _batch(peers: dict[str, dict[str, Call]]) -> None:
    ours: dict[str, Call] = {
        "artefacts": dsp.clean,
        "time domain": dsp.time_domain,
        "Welch": lambda nn: dsp.bands(dsp.welch(nn)),
        "Lomb": lambda nn: dsp.bands(dsp.lomb_scargle(nn)),
        "AR 16": lambda nn: dsp.bands(dsp.burg(nn)),
        "priors at 4 Hz": lambda nn: dsp.smoothness_priors(_at_4_hz(nn)),
        "DFA alpha1": dsp.dfa,
        "sample entropy": dsp.sample_entropy,
        "multiscale": dsp.multiscale_entropy,
    }
    print("Batch: milliseconds a call, and the fastest peer that came to an end (or how long it was waited for)")
    print(f"  {'':15}" + "".join(f"{size:>10} {'peer':>9} {'ratio':>7}  {'who':14}" for size in _SIZES))
    for row, call in ours.items():
        cells: list[str] = []
        for beats in _SIZES.values():
            series = heart(beats)
            ours_s = _best(call, series)
            found = {name: _timed_apart(calls[row], series) for name, calls in peers.items() if row in calls}
            ended = {name: seconds for name, seconds in found.items() if seconds is not None}
            if ended:
                who = min(ended, key=lambda name: ended[name])
                ratio = f"{ended[who] / ours_s:.1f}" + ("" if ended[who] > ours_s else " !")
                cells.append(f"{1e3 * ours_s:10.2f} {1e3 * ended[who]:9.1f} {ratio:>7}  {who:14}")
            else:
                cells.append(f"{1e3 * ours_s:10.2f} {'>12 s' if found else 'no peer':>9} {'':>7}  {'':14}")
        print(f"  {row:15}" + "".join(cells), flush=True)
    print(
        "  ! = behind. hrv-analysis's artefacts are Malik's rule, one comparison a beat; its Welch, systole's, and\n"
        "  pyHRV's DFA are other recipes; systole's time domain is 13 metrics in floating point, ours 21 exact ones.\n"
    )


def _day() -> None:
    """24 h of everything, in a process of its own."""
    series = heart(_SIZES["24 h"])

    def everything(answer: Connection) -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.perf_counter()
        dsp.analyse(dsp.clean(series))
        seconds = time.perf_counter() - started
        answer.send((seconds, before / 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))

    seconds, before_mib, peak_mib = _apart(everything, 600.0) or (float("nan"),) * 3
    print(
        f"24 h of everything (clean and analyse): {seconds:.2f} s, {peak_mib:.0f} MiB at most ({before_mib:.0f} before)"
    )


def _best(call: Call, series: Floats) -> float:
    """Seconds of the best of several calls, at most about one second of them."""
    best = float("inf")
    since = time.perf_counter()
    for _ in range(7):
        started = time.perf_counter()
        call(series)
        best = min(best, time.perf_counter() - started)
        if time.perf_counter() - since > 1:
            break
    return best


def _timed_apart(call: Call, series: Floats) -> float | None:
    """The same in a process of its own; None if it fails, takes too long or too much memory."""

    def timed(answer: Connection) -> None:
        resource.setrlimit(resource.RLIMIT_AS, (_LIMIT_BYTES, _LIMIT_BYTES))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer.send(_best(call, series))

    return _apart(timed, _LIMIT_S)


def _apart(action: Callable[[Connection], None], limit_s: float) -> Any:
    ours, theirs = _CONTEXT.Pipe()

    def run() -> None:
        sys.stderr = open("/dev/null", "w")  # noqa: SIM115, PTH123 - a peer's traceback is no news here
        sys.stdout = sys.stderr
        action(theirs)

    child = _CONTEXT.Process(target=run)
    child.start()
    theirs.close()
    answer = None
    if ours.poll(limit_s):
        try:
            answer = ours.recv()
        except EOFError:
            answer = None
    child.kill()
    child.join()
    return answer


def _at_4_hz(nn_ms: Floats) -> Floats:
    ends_s = np.cumsum(nn_ms) / 1000
    return np.interp(np.arange(ends_s[0], ends_s[-1], 0.25), ends_s, nn_ms)


def _peers() -> dict[str, dict[str, Call]]:
    """Each peer's calls by row, of those that can be imported."""
    found: dict[str, dict[str, Call]] = {}
    for name, calls in (
        ("NeuroKit2", _neurokit2),
        ("systole", _systole),
        ("hrv-analysis", _hrv_analysis),
        ("pyHRV", _pyhrv),
    ):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found[name] = calls()
        except Exception as error:  # noqa: BLE001 - peers fail to import in many ways
            print(f"{name} is left out, it cannot be imported here: {type(error).__name__}: {error}")
    return found


def _neurokit2() -> dict[str, Call]:
    import neurokit2 as nk  # pyright: ignore[reportMissingTypeStubs]

    def peaks(nn_ms: Floats) -> NDArray[np.int64]:
        return np.cumsum(np.round(nn_ms)).astype(np.int64)

    def frequency(method: str) -> Call:
        return lambda nn: nk.hrv_frequency(
            peaks(nn), sampling_rate=1000, psd_method=method, interpolation_rate=4, normalize=False
        )

    def live(nn_ms: Floats) -> None:
        _, corrected = nk.signal_fixpeaks(peaks(nn_ms), sampling_rate=1000, method="Kubios")
        nk.hrv_time(corrected, sampling_rate=1000)

    return {
        "live": live,
        "artefacts": lambda nn: nk.signal_fixpeaks(peaks(nn), sampling_rate=1000, iterative=False, method="Kubios"),
        "time domain": lambda nn: nk.hrv_time(peaks(nn), sampling_rate=1000),
        "Welch": frequency("welch"),
        "Lomb": frequency("lomb"),
        "AR 16": frequency("burg"),
        "priors at 4 Hz": lambda nn: nk.signal_detrend(_at_4_hz(nn), method="tarvainen2002", sampling_rate=4),
        "DFA alpha1": lambda nn: nk.fractal_dfa(nn, scale=np.arange(4, 17)),
        "sample entropy": lambda nn: nk.entropy_sample(nn, dimension=2, tolerance=0.2 * float(nn.std(ddof=1))),
        "multiscale": lambda nn: nk.entropy_multiscale(
            nn, scale=np.arange(1, min(20, len(nn) // 200) + 1), dimension=2, tolerance=0.2 * float(nn.std(ddof=1))
        ),
    }


def _systole() -> dict[str, Call]:
    from systole.correction import correct_rr  # pyright: ignore[reportMissingImports]
    from systole.hrv import frequency_domain, time_domain  # pyright: ignore[reportMissingImports]

    def live(nn_ms: Floats) -> None:
        time_domain(correct_rr(nn_ms)[0], input_type="rr_ms")

    return {
        "live": live,
        "artefacts": lambda nn: correct_rr(nn),
        "time domain": lambda nn: time_domain(nn, input_type="rr_ms"),
        "Welch": lambda nn: frequency_domain(nn, input_type="rr_ms"),
    }


def _patch_for_old_packages() -> None:
    """hrv-analysis and pyHRV stand on nolds and biosppy, which do not import on Python 3.11 without this."""
    if "peakutils" not in sys.modules:
        print("(hrv-analysis and pyHRV: an empty `peakutils` and the resources of nolds are patched in to import them)")
        sys.modules["peakutils"] = types.ModuleType("peakutils")
        files = importlib.resources.files
        importlib.resources.files = lambda name: files("nolds" if name == "nolds.datasets" else name)  # type: ignore[assignment]


def _hrv_analysis() -> dict[str, Call]:
    _patch_for_old_packages()
    import hrvanalysis as ha  # pyright: ignore[reportMissingImports]

    def malik(nn_ms: Floats) -> list[float]:
        return ha.interpolate_nan_values(ha.remove_ectopic_beats(list(nn_ms), method="malik", verbose=False))

    return {
        "live": lambda nn: ha.get_time_domain_features(malik(nn)),
        "artefacts": malik,
        "time domain": lambda nn: ha.get_time_domain_features(list(nn)),
        "Welch": lambda nn: ha.get_frequency_domain_features(list(nn), method="welch"),
        "Lomb": lambda nn: ha.get_frequency_domain_features(list(nn), method="lomb"),
        "sample entropy": lambda nn: ha.get_sampen(list(nn)),
    }


def _pyhrv() -> dict[str, Call]:
    _patch_for_old_packages()
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    import pyhrv.frequency_domain as fd  # pyright: ignore[reportMissingImports]
    import pyhrv.nonlinear as nl  # pyright: ignore[reportMissingImports]
    import pyhrv.time_domain as td  # pyright: ignore[reportMissingImports]

    def closed(call: Call) -> Call:
        def run(nn_ms: Floats) -> None:
            call(nn_ms)
            plt.close("all")

        return run

    return {
        "time domain": closed(lambda nn: td.time_domain(nni=nn, plot=False, show=False)),
        "Welch": lambda nn: fd.welch_psd(nni=nn, show=False, mode="dev"),
        "Lomb": lambda nn: fd.lomb_psd(nni=nn, show=False, mode="dev"),
        "AR 16": lambda nn: fd.ar_psd(nni=nn, show=False, mode="dev"),
        "DFA alpha1": closed(lambda nn: nl.dfa(nn, show=False, long=[17, 18])),
        "sample entropy": lambda nn: nl.sample_entropy(nni=nn),
    }


if __name__ == "__main__":
    main()
