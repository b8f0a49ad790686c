"""Ways to find rises in a heart-rate line, each with one threshold to sweep: ours, what else was tried, and peers.

Each takes a line and a threshold and gives its alarms as (time of detection, onset). What is tried in place of our rule
streams like it and has the same usual, rest and guard; peers that need the whole recording at once are given it, which
no live program could.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable

import numpy as np
from lines import Line, within

from dsp import RunningBaseline, SpikeDetector, SpikeStart

Alarm = tuple[float, float]
_HELD_S = 5
_REST_S = 60.0


def ours(line: Line, threshold: float) -> list[Alarm]:
    """dsp.spikes; the threshold multiplies 8 bpm and 3 spreads."""
    detector = SpikeDetector(threshold=threshold)
    return [
        (change.detected_s, change.onset_s)
        for sample in line.samples
        for change in detector.push(sample, counts=not within(sample.at_s, line.moving))
        if isinstance(change, SpikeStart)
    ]


def _rested(line: Line, high: Callable[[float, float, float, bool], bool], *, held: int) -> list[Alarm]:
    """Alarms of a rule on the running usual: held for some samples, a minute of rest, armed again by coming down.

    `high` gets heart rate, usual, spread, and whether an alarm is on.
    """
    baseline = RunningBaseline()
    alarms: list[Alarm] = []
    high_samples, on, rest_until_s = 0, False, -math.inf
    for sample in line.samples:
        counts = not within(sample.at_s, line.moving)
        usual = baseline.push(sample.heart_rate_bpm, counts=counts and not on)
        if usual is None:
            continue
        is_high = high(sample.heart_rate_bpm, usual.heart_rate_bpm, usual.spread_bpm, on)
        high_samples = high_samples + 1 if is_high and counts else 0
        if on and (sample.heart_rate_bpm - usual.heart_rate_bpm < 4 or sample.known_s > alarms[-1][0] + 180):
            on = False
        elif not on and high_samples >= held and sample.known_s >= rest_until_s:
            alarms.append((sample.known_s, sample.at_s))
            on, rest_until_s = True, sample.known_s + _REST_S
            baseline.disown_waiting()
    return alarms


def cusum(line: Line, threshold: float) -> list[Alarm]:
    """Page's cumulative sum of (rise in spreads - 1), reset where it falls below nothing."""
    total = 0.0

    def high(bpm: float, usual_bpm: float, spread_bpm: float, on: bool) -> bool:
        nonlocal total
        total = 0.0 if on else max(0.0, total + (bpm - usual_bpm) / spread_bpm - 1.0)
        return total > threshold

    return _rested(line, high, held=1)


def kalman(line: Line, threshold: float) -> list[Alarm]:
    """A local level (random walk of 0.05 bpm a second) whose update is bounded; alarm by height over it in spreads."""
    level: float | None = None
    variance, walk, noise = 25.0, 0.05**2, 4.0**2
    alarms: list[Alarm] = []
    high_samples, on, rest_until_s = 0, False, -math.inf
    residuals: deque[float] = deque(maxlen=300)
    for at, sample in enumerate(line.samples):
        bpm = sample.heart_rate_bpm
        level = bpm if level is None else level
        moving = within(sample.at_s, line.moving)
        variance += walk
        innovation = bpm - level
        if not on and not moving:
            gain = variance / (variance + noise)
            level += gain * max(-4.0, min(4.0, innovation))
            variance *= 1 - gain
            residuals.append(abs(innovation))
        if at < 60:
            continue
        spread = max(1.5, 1.4826 * sorted(residuals)[len(residuals) // 2])
        high_samples = high_samples + 1 if innovation > threshold * max(8.0, 3 * spread) and not moving else 0
        if on and (innovation < 4 or sample.known_s > alarms[-1][0] + 180):
            on = False
        elif not on and high_samples >= _HELD_S and sample.known_s >= rest_until_s:
            alarms.append((sample.known_s, sample.at_s))
            on, rest_until_s = True, sample.known_s + _REST_S
    return alarms


def bayesian(line: Line, threshold: float) -> list[Alarm]:
    """Adams and MacKay's online change points on means of 5 s (spread 2.5 bpm, one change in 3 min): a step up."""
    every, hazard, noise, prior = 5, 5 / 180, 2.5**2, 15.0**2
    alarms: list[Alarm] = []
    means: np.ndarray = np.array([])
    variances: np.ndarray = np.array([])
    weights: np.ndarray = np.array([1.0])
    usual: float | None = None
    rest_until_s, armed = -math.inf, True
    bunch: list[float] = []
    centre = 70.0
    for sample in line.samples:
        bunch.append(sample.heart_rate_bpm)
        if len(bunch) < every:
            continue
        value, bunch = sum(bunch) / every, []
        all_means, all_variances = np.append(centre, means), np.append(prior, variances)
        spread = all_variances + noise
        likelihood = np.exp(-((value - all_means) ** 2) / (2 * spread)) / np.sqrt(spread)
        joint = weights * likelihood
        grown = np.append(joint.sum() * hazard, joint * (1 - hazard))
        gains = all_variances / spread
        means, variances = all_means + gains * (value - all_means), all_variances * (1 - gains)
        keep = min(len(grown), 120)
        weights = grown[:keep] / grown[:keep].sum()
        means, variances = means[: keep - 1], variances[: keep - 1]
        run = int(np.argmax(weights))
        now = float(means[run - 1]) if run else value
        if run >= 24 or usual is None:
            usual = now
            centre = now
        rise = now - usual
        if rise < 4:
            armed = True
        if armed and 1 <= run < 24 and rise > 8 * threshold and sample.known_s >= rest_until_s:
            if not within(sample.at_s, line.moving):
                alarms.append((sample.known_s, sample.at_s - every * run))
                rest_until_s = sample.known_s + _REST_S
            armed = False
    return alarms


def fixed(line: Line, threshold: float) -> list[Alarm]:
    """So many bpm (times 15) above the mean of the first five minutes, for five seconds."""
    first = [s.heart_rate_bpm for s in line.samples if s.at_s < line.samples[0].at_s + 300]
    level = sum(first) / len(first)
    return _plain(line, [s.heart_rate_bpm - level > 15 * threshold for s in line.samples])


def z_score(line: Line, threshold: float) -> list[Alarm]:
    """So many (times 3) standard deviations above the mean of the five minutes before, for five seconds."""
    past: deque[float] = deque(maxlen=300)
    high: list[bool] = []
    total = squares = 0.0
    for sample in line.samples:
        bpm = sample.heart_rate_bpm
        count = len(past)
        mean = total / count if count else bpm
        deviation = math.sqrt(max(squares / count - mean * mean, 0.25)) if count else 1.0
        high.append(count >= 60 and bpm - mean > 3 * threshold * deviation)
        if count == 300:
            total -= past[0]
            squares -= past[0] ** 2
        past.append(bpm)
        total += bpm
        squares += bpm * bpm
    return _plain(line, high)


def _plain(line: Line, high: list[bool]) -> list[Alarm]:
    alarms: list[Alarm] = []
    held, armed, rest_until_s = 0, True, -math.inf
    for sample, is_high in zip(line.samples, high, strict=True):
        held = held + 1 if is_high else 0
        armed = armed or not is_high
        if held >= _HELD_S and armed and sample.known_s >= rest_until_s:
            alarms.append((sample.known_s, sample.at_s))
            armed, rest_until_s = False, sample.known_s + _REST_S
    return alarms


def _steps_up(line: Line, name: str, find: Callable[[np.ndarray], list[int]], threshold: float) -> list[Alarm]:
    """Change points of the whole recording at which the mean goes up by 8 bpm times the threshold."""
    bpm = line.bpm()
    if name not in line.breaks:
        line.breaks[name] = [5 * at for at in find(bpm[::5])]
    edges = [0, *[at for at in line.breaks[name] if 0 < at < len(bpm)], len(bpm)]
    alarms: list[Alarm] = []
    for before, at, after in zip(edges, edges[1:], edges[2:], strict=False):
        if after > at > before and bpm[at:after].mean() - bpm[before:at].mean() > 8 * threshold:
            sample = line.samples[at]
            alarms.append((sample.at_s, sample.at_s))
    return alarms


def neurokit(line: Line, threshold: float) -> list[Alarm]:
    """NeuroKit2's signal_changepoints as it comes (mean and variance), whole recording at once, every 5th second."""

    def find(bpm: np.ndarray) -> list[int]:
        import neurokit2 as nk

        # A stretch without any variance makes it divide by nothing; a thousandth of a beat keeps it from that.
        still = np.random.default_rng(0).normal(0, 1e-3, len(bpm))
        return [int(at) for at in nk.signal_changepoints(bpm + still)]

    return _steps_up(line, "NeuroKit2", find, threshold)


def ruptures(line: Line, threshold: float) -> list[Alarm]:
    """ruptures' PELT (l2), whole recording at once, every 5th second."""

    def find(bpm: np.ndarray) -> list[int]:
        import ruptures as rpt

        return [int(at) for at in rpt.Pelt(model="l2", min_size=2, jump=1).fit(bpm).predict(pen=200.0)]

    return _steps_up(line, "ruptures", find, threshold)


def shuffled(line: Line, threshold: float) -> list[Alarm]:
    """Our alarms, as many, each somewhere else: what luck finds."""
    chance = random.Random(line.who)
    alarms = ours(line, threshold)
    return [(at_s, at_s) for at_s in (chance.choice(line.samples).at_s for _ in alarms)]


TRIED: dict[str, Callable[[Line, float], list[Alarm]]] = {
    "watchlink": ours,
    "CUSUM": lambda line, threshold: cusum(line, 40 * threshold),
    "Bayesian online": bayesian,
    "Kalman level": kalman,
}
PEERS: dict[str, Callable[[Line, float], list[Alarm]]] = {
    "fixed": fixed,
    "z-score": z_score,
    "NeuroKit2": neurokit,
    "ruptures": ruptures,
    "shuffled": shuffled,
}
SWEEP = (0.5, 0.65, 0.8, 1.0, 1.25, 1.6, 2.0, 2.5)
