"""Makes the synthetic series that the peers' numbers are frozen on: hearts that nobody has, from seeds.

Strategy: beats are threshold crossings of an integral (integral pulse frequency modulation): the rate is a mean with
breathing, a 0.1 Hz wave and 1/f noise on it, and a beat falls when its integral reaches the next whole number. The
crossing is found between samples at 250 Hz, then intervals are rounded to whole milliseconds or to ticks of 1/1024 s,
and kept as integers. The committed `series.npz` is what tests read; this script is how it came to be.

Run: python tests/dsp/oracles/make_series.py (numpy 2.2.0; another version may draw other numbers).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SERIES = Path(__file__).with_name("series.npz")
_SAMPLES_PER_S = 250.0


def _pink(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise whose power falls as 1/f below 0.4 Hz and ends there, with standard deviation 1."""
    frequency_hz = np.fft.rfftfreq(count, 1 / _SAMPLES_PER_S)
    shape = np.zeros(len(frequency_hz))
    slow = (frequency_hz > 0) & (frequency_hz < 0.4)
    shape[slow] = 1 / np.sqrt(frequency_hz[slow])
    noise = np.fft.irfft(shape * np.fft.rfft(rng.standard_normal(count)), count)
    return np.asarray(noise / noise.std(), dtype=np.float64)


def _intervals_s(rate_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Times between the beats of a heart with this rate at 250 Hz."""
    phase = np.concatenate(([0.0], np.cumsum(rate_hz) / _SAMPLES_PER_S))
    times_s = np.arange(len(phase)) / _SAMPLES_PER_S
    return np.asarray(np.diff(np.interp(np.arange(1, int(phase[-1])), phase, times_s)), dtype=np.float64)


def _heart(
    seed: int,
    *,
    seconds: float,
    mean_hz: float,
    breathing: tuple[float, float],
    wave: float,
    noise: float,
    to_hz: float | None = None,
) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    count = int(seconds * _SAMPLES_PER_S)
    times_s = np.arange(count) / _SAMPLES_PER_S
    depth, breath_hz = breathing
    drifting_hz = breath_hz * (1 + 0.05 * _pink(count, rng))
    share = (
        depth * np.sin(2 * np.pi * np.cumsum(drifting_hz) / _SAMPLES_PER_S)
        + wave * np.sin(2 * np.pi * 0.1 * times_s + 1.0)
        + noise * _pink(count, rng)
    )
    ramp_hz = np.linspace(mean_hz, to_hz or mean_hz, count)
    return _intervals_s(ramp_hz * np.clip(1 + share, 0.3, 3.0))


def _day() -> NDArray[np.float64]:
    """24 h: slow by night, fast by day, made hour by hour so that memory stays small."""
    hours = [
        _heart(
            500 + hour,
            seconds=3600,
            mean_hz=1.2 - 0.25 * np.cos(2 * np.pi * (hour - 15) / 24 + np.pi),
            breathing=(0.03, 0.25),
            wave=0.02,
            noise=0.07,
        )
        for hour in range(24)
    ]
    return np.concatenate(hours)


def main() -> None:
    hearts_s = {
        "rest": _heart(1, seconds=300, mean_hz=1.05, breathing=(0.035, 0.25), wave=0.02, noise=0.035),
        "strong_rsa": _heart(2, seconds=300, mean_hz=0.95, breathing=(0.15, 0.1), wave=0.0, noise=0.02),
        "ramp": _heart(3, seconds=300, mean_hz=1.0, to_hz=2.2, breathing=(0.02, 0.3), wave=0.01, noise=0.02),
        "even": _heart(4, seconds=300, mean_hz=1.6, breathing=(0.003, 0.3), wave=0.002, noise=0.004),
        "day": _day(),
    }
    arrays: dict[str, Any] = {}
    for name, intervals_s in hearts_s.items():
        arrays[f"{name}_ms"] = np.rint(intervals_s * 1000).astype(np.int16)
        arrays[f"{name}_ticks"] = np.rint(intervals_s * 1024).astype(np.int16)
    np.savez_compressed(SERIES, **arrays)


if __name__ == "__main__":
    main()
