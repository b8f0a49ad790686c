"""How well heart rate rises are found, by whom: `python benchmarks/spikes [seeds [watchlink]]` (only that one).

(a) Demo sessions with planted responses of 10 bpm and more, talk, movement (marked, and unseen), all grades. (b)
Whoever of Stress-Predict is in the shared data: an interview between two rests. (c) One person sitting, reckoning,
standing, walking, cycling. Settings were chosen on (a), on other seeds; (b) and (c) are only reported.

An alarm finds a rise if it was *detected* (not where it was dated back to) from 2 s before to 30 s after the onset, one
alarm one rise. Shares come with Wilson's 95 % interval; F1 with the range of leaving one person (or session) out.
"Equal" is the F1 where a detector's threshold gives as many false alarms an hour as ours gives.
"""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import lines
import numpy as np
from detectors import PEERS, SWEEP, TRIED, Alarm
from lines import Line, within

_FIRST_SEED, _SEEDS = 1001, 6
_BEFORE_S = 2.0
_NEEDS = {"NeuroKit2": "neurokit2", "ruptures": "ruptures"}


@dataclass(slots=True)
class Score:
    """How one detector did on some lines."""

    planted: int = 0
    found: int = 0
    false: int = 0
    unseen: int = 0
    hours: float = 0.0
    latency_s: list[float] = field(default_factory=list)

    def __add__(self, other: Score) -> Score:
        return Score(
            self.planted + other.planted,
            self.found + other.found,
            self.false + other.false,
            self.unseen + other.unseen,
            self.hours + other.hours,
            self.latency_s + other.latency_s,
        )

    def __sub__(self, other: Score) -> Score:
        return Score(
            self.planted - other.planted,
            self.found - other.found,
            self.false - other.false,
            self.unseen - other.unseen,
            self.hours - other.hours,
        )

    @property
    def false_per_h(self) -> float:
        return self.false / self.hours if self.hours else math.nan

    @property
    def f1(self) -> float:
        return 2 * self.found / (self.planted + self.found + self.false) if self.planted else math.nan


def score(line: Line, alarms: Sequence[Alarm]) -> Score:
    """Match alarms with the rises to find, one to one."""
    told = Score(planted=len(line.onsets_s), hours=line.hours())
    left = sorted(alarms)
    for onset_s in line.onsets_s:
        hit = next((one for one in left if -_BEFORE_S <= one[0] - onset_s <= line.reach_s), None)
        if hit is not None:
            left.remove(hit)
            told.found += 1
            told.latency_s.append(hit[0] - onset_s)
    for alarm in left:
        if within(alarm[1], line.unseen) or within(alarm[0], line.unseen):
            told.unseen += 1
        elif line.is_judged(alarm[0]):
            told.false += 1
    return told


def wilson(hits: int, of: int) -> str:
    """A share in percent with Wilson's 95 % interval."""
    if not of:
        return "-"
    share, z = hits / of, 1.96
    centre = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return f"{100 * share:.0f} % ({100 * (centre - half):.0f}-{100 * (centre + half):.0f})"


Scores = dict[tuple[str, float], dict[tuple[str, str], Score]]
"""By detector and threshold, then by person and grade."""


def judge(judged: Sequence[Line], *, only: str = "") -> Scores:
    """Each detector (or only one) at each threshold on each line."""
    scores: Scores = {}
    for name, detect in (TRIED | PEERS).items():
        if only and name != only:
            continue
        if name in _NEEDS and importlib.util.find_spec(_NEEDS[name]) is None:
            continue
        for threshold in SWEEP:
            for line in judged:
                scores.setdefault((name, threshold), {})[line.who, line.grade] = score(line, detect(line, threshold))
    return scores


def demo_scores(seed: int, only: str) -> Scores:
    return judge(lines.demo(seed), only=only)


def judge_one(line: Line, only: str) -> Scores:
    return judge([line], only=only)


def merge(many: Sequence[Scores]) -> Scores:
    merged: Scores = {}
    for scores in many:
        for key, by_person in scores.items():
            merged.setdefault(key, {}).update(by_person)
    return merged


def total(by_person: dict[tuple[str, str], Score], grade: str | None = None) -> Score:
    return sum((one for (_, its), one in by_person.items() if grade in (None, its)), Score())


def at_equal(scores: Scores, name: str, false_per_h: float) -> float:
    """F1 where the sweep of a detector crosses a rate of false alarms; NaN where it never does."""
    points = sorted((t.false_per_h, t.f1) for k, v in scores.items() if k[0] == name for t in [total(v)])
    if not points or not points[0][0] <= false_per_h <= points[-1][0]:
        below = [f1 for rate, f1 in points if rate <= false_per_h]
        return max(below) if below else math.nan
    rates, f1s = zip(*points, strict=True)
    return float(np.interp(false_per_h, rates, f1s))


def report(scores: Scores) -> None:
    """The table of one set."""
    names = list(dict.fromkeys(name for name, _ in scores))
    our_rate = total(scores["watchlink", 1.0]).false_per_h
    heads = ("recall", "precision", "F1", "one out", "false/h", "unseen", "latency", "p90", "equal")
    print("{:20}{:>18}{:>18}{:>6}{:>14}{:>9}{:>8}{:>9}{:>6}{:>7}".format("", *heads))
    for name in names:
        by_person = scores[name, 1.0]
        whole = total(by_person)
        row(name, whole, by_person, at_equal(scores, name, our_rate))
        if name == "watchlink":
            for grade in sorted({grade for _, grade in by_person}):
                part = {key: one for key, one in by_person.items() if key[1] == grade}
                if len(part) < len(by_person):
                    row(f"  {grade} grade", total(part), part, math.nan)


def row(name: str, whole: Score, by_person: dict[tuple[str, str], Score], equal: float) -> None:
    latency = sorted(whole.latency_s) or [math.nan]
    out = [(whole - one).f1 for one in by_person.values() if len(by_person) > 1] or [math.nan]
    print(
        f"{name:20}{wilson(whole.found, whole.planted):>18}{wilson(whole.found, whole.found + whole.false):>18}"
        f"{whole.f1:6.2f}{f'{min(out):.2f}-{max(out):.2f}':>14}{whole.false_per_h:9.2f}{whole.unseen:8d}"
        f"{latency[len(latency) // 2]:9.1f}{latency[math.ceil(0.9 * len(latency)) - 1]:6.1f}{equal:7.2f}"
    )


def main() -> None:
    seeds = range(_FIRST_SEED, _FIRST_SEED + (int(sys.argv[1]) if len(sys.argv) > 1 else _SEEDS))
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    for name, module in _NEEDS.items():
        if importlib.util.find_spec(module) is None:
            print(f"{name} is not installed (pip install watchlink[peers]): its rows are left out.")
    print(f"\n(a) {len(seeds)} demo sessions of eight people, seeds {seeds.start} to {seeds.stop - 1}")
    with ProcessPoolExecutor(max_workers=2) as pool:
        report(merge(list(pool.map(partial(demo_scores, only=only), seeds))))
        for from_rr in (False, True):
            people = list(lines.stress_predict(from_rr=from_rr))
            if not people:
                print("\n(b) Stress-Predict is not there.")
                break
            what = "intervals, where half of the beats are there" if from_rr else "the maker's bpm, once a second"
            print(f"\n(b) {len(people)} people in an interview, from {what}; alarms in the rests beside it are false")
            report(merge(list(pool.map(partial(judge_one, only=only), [one.line for one in people]))))
            changes = [_mean(one.line, one.interview) - _mean(one.line, one.rest_before) for one in people]
            up = f"up in {sum(change > 0 for change in changes)} of {len(people)}"
            print(f"mean of the interview against that of the rest before: {np.nanmean(changes):+.1f} bpm, {up}")
    for ecg in (True, False):
        for marked in (True, False):
            found = lines.p37(ecg=ecg, marked=marked)
            if found is None:
                print("\n(c) The recording in eight conditions is not there.")
                return
            line, phases = found
            print(f"\n(c) {'ECG' if ecg else 'wearable'}, movement {'marked' if marked else 'not marked'}; alarms in")
            for name, detect in (TRIED | {name: PEERS[name] for name in ("fixed", "z-score")}).items():
                alarms = detect(line, 1.0)
                cells = [f"{label} {sum(a <= one[0] < b for one in alarms)}" for label, (a, b) in phases.items()]
                between = sum(not within(one[0], phases.values()) for one in alarms)
                print(f"  {name:18}{', '.join(cells)}, between {between}")


def _mean(line: Line, span: tuple[float, float]) -> float:
    values = [sample.heart_rate_bpm for sample in line.samples if span[0] <= sample.at_s < span[1]]
    return float(np.mean(values)) if values else math.nan


if __name__ == "__main__":
    main()
