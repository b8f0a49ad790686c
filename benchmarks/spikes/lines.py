"""Heart-rate lines to judge detectors on, with what is known of them: planted, of an interview, of an ECG."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sessions import demo_packets

from dsp import ArtefactStage, Beat, HeartRateSample, HeartRateTrace, JumpGuard, ReportedRate
from watchlink.fold import SessionFold
from watchlink.readings import HeartRateReading
from watchlink.session import default_plan
from watchlink.timing import BeatTimer

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "rr"
Span = tuple[float, float]


@dataclass(slots=True)
class Line:
    """One person's smoothed heart rate, one sample a second where it is known.

    Attributes:
        who: the person, for leave-one-out.
        grade: what the sensor gives.
        samples: the line as the product makes it.
        onsets_s: rises that a detector should find; each counts once.
        moving: people move about, and everybody knows it; alarms there count for nothing.
        unseen: movement that nobody marked; alarms there are counted apart.
        judged: where an alarm without an onset is a false one; empty: everywhere but in `moving`.
        reach_s: how long after its onset a rise may be detected.
    """

    who: str
    grade: str
    samples: list[HeartRateSample]
    onsets_s: list[float] = field(default_factory=list)
    moving: list[Span] = field(default_factory=list)
    unseen: list[Span] = field(default_factory=list)
    judged: list[Span] = field(default_factory=list)
    reach_s: float = 30.0
    breaks: dict[str, list[int]] = field(default_factory=dict)
    """Change points of the whole line, by who found them: the same for every threshold."""

    def at_s(self) -> NDArray[np.float64]:
        return np.array([sample.at_s for sample in self.samples])

    def bpm(self) -> NDArray[np.float64]:
        return np.array([sample.heart_rate_bpm for sample in self.samples])

    def hours(self) -> float:
        """How long an alarm would be a false one."""
        return sum(self.is_judged(sample.at_s) for sample in self.samples) / 3600

    def is_judged(self, at_s: float) -> bool:
        if within(at_s, self.moving):
            return False
        return within(at_s, self.judged) if self.judged else True


def within(at_s: float, spans: Iterable[Span]) -> bool:
    return any(since_s <= at_s < until_s for since_s, until_s in spans)


def demo(seed: int) -> list[Line]:
    """(a) The eight of a demo session; movement that was marked is known a few seconds later."""
    session, packets = demo_packets(seed)
    fold = SessionFold()
    samples: dict[str, list[HeartRateSample]] = {person.person: [] for person in session.people}
    for packet in packets:
        for reading in fold.push(packet):
            if isinstance(reading, HeartRateReading):
                line = samples[reading.person]
                line.append(
                    HeartRateSample(
                        at_s=reading.at_s,
                        known_s=reading.at_s + 3.4,
                        heart_rate_bpm=reading.heart_rate_bpm,
                        clean=reading.clean,
                        gap_before=not line or reading.at_s - line[-1].at_s > 1.5,
                    )
                )
    grades = {name: str(counts.grade) for name, counts in fold.timeline().people.items()}
    breaks, at_s = [], 0.0
    for block in default_plan().blocks:
        if block.kind == "break":
            breaks.append((at_s, at_s + block.minutes * 60 + 90))
        at_s += block.minutes * 60
    return [
        Line(
            who=f"{seed} {person.person}",
            grade=grades[person.person],
            samples=samples[person.person],
            onsets_s=[response.onset_s for response in person.truth.responses],
            moving=breaks + [(m.since_s - 5, m.until_s + 30) for m in person.truth.movements if m.marked],
            unseen=[(m.since_s - 5, m.until_s + 30) for m in person.truth.movements if not m.marked],
        )
        for person in session.people
    ]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def from_rates(at_s: Iterable[float], bpm: Iterable[float]) -> list[HeartRateSample]:
    """As the product does it with a watch that gives its own bpm each second."""
    guard, trace = JumpGuard(), HeartRateTrace()
    samples: list[HeartRateSample] = []
    last_s = None
    for until_s, bpm_now in zip(at_s, bpm, strict=True):
        gap = last_s is None or until_s - last_s > 5
        reported = ReportedRate(since_s=until_s - 1, until_s=until_s, heart_rate_bpm=bpm_now, gap_before=gap)
        for rate in guard.push(reported):
            samples += trace.push(
                since_s=rate.since_s,
                until_s=rate.until_s,
                heart_rate_bpm=rate.heart_rate_bpm,
                gap_before=rate.gap_before,
            )
        last_s = until_s
    return samples


def from_beats(beats: Iterable[Beat]) -> list[HeartRateSample]:
    """As the product does it with intervals."""
    stage, trace = ArtefactStage(), HeartRateTrace()
    samples: list[HeartRateSample] = []
    cleaned = [clean for beat in beats for clean in stage.push(beat)]
    for beat in (*cleaned, *stage.flush()):
        samples += trace.push(
            since_s=beat.at_s - beat.nn_ms / 1000,
            until_s=beat.at_s,
            heart_rate_bpm=60_000 / beat.nn_ms,
            clean=beat.as_sent,
            gap_before=beat.gap_before,
        )
    return samples


@dataclass(frozen=True, slots=True)
class Interview:
    """(b) One person of Stress-Predict: the line, and its phases."""

    line: Line
    interview: Span
    rest_before: Span


def stress_predict(*, from_rr: bool) -> Iterator[Interview]:
    """(b) Whoever is in the folder: an interview under judgement between two rests.

    The interview is one rise to find, in its first two minutes; alarms in the rests beside it are false. From intervals
    only where at least half of the beats are there.
    """
    folder = DATA / "stress_predict"
    for row in _rows(folder / "subjects.csv") if folder.exists() else ():
        who = row["subject"]
        phases = {r["label"]: (float(r["start_s"]), float(r["end_s"])) for r in _rows(folder / f"{who}_phases.csv")}
        if not {"rest1", "interview", "rest2"} <= phases.keys():
            continue
        if from_rr:
            if float(row["coverage_pct"]) < 50:
                continue
            samples = from_beats(_chained(_rows(folder / f"{who}_rr.csv")))
        else:
            values = (folder / f"{who}_hr_1hz.csv").read_text(encoding="utf-8").split()
            begin_s = float(values[0]) - float(row["t0_utc"])
            rates = [float(value) for value in values[2:]]
            samples = from_rates([begin_s + at for at in range(len(rates))], rates)
        interview, before, after = phases["interview"], phases["rest1"], phases["rest2"]
        line = Line(
            who=who,
            grade="beat" if from_rr else "rate",
            samples=samples,
            onsets_s=[interview[0]],
            judged=[(before[0] + 60, before[1]), (after[0] + 60, after[1])],
            reach_s=120.0,
        )
        yield Interview(line, interview, before)


def _chained(rows: list[dict[str, str]]) -> Iterator[Beat]:
    last_s = None
    for row in rows:
        at_s, rr_ms = float(row["t_s"]), float(row["rr_ms"])
        gap = last_s is None or abs(at_s - last_s - rr_ms / 1000) > 0.05
        yield Beat(at_s=at_s, rr_ms=rr_ms, gap_before=gap)
        last_s = at_s


def p37(*, ecg: bool, marked: bool) -> tuple[Line, dict[str, Span]] | None:
    """(c) One person in eight conditions, from the ECG or from the wearable as it arrived."""
    folder = DATA / "wearable_hrv_p37"
    if not folder.exists():
        return None
    phases = {row["label"]: (float(row["start_s"]), float(row["end_s"])) for row in _rows(folder / "phases.csv")}
    shift_s = 1000.0
    if ecg:
        beats = list(_chained(_rows(folder / "vu_ecg_rr.csv")))
    else:
        timer = BeatTimer(min_rr_ms=200, words_per_s=1000)
        beats = []
        for row in _rows(folder / "rhythm_rr.csv"):
            at_us = round((float(row["t_s"]) + shift_s) * 1e6)
            beats += timer.push(at_us=at_us, rr_ticks=(int(float(row["rr_ms"])),))
        beats += timer.flush()
        beats = [Beat(at_s=beat.at_s - shift_s, rr_ms=beat.rr_ms, gap_before=beat.gap_before) for beat in beats]
    moving = [(a - 10, b + 60) for label, (a, b) in phases.items() if label in ("standing", "walking", "biking")]
    line = Line(who="P37", grade="beat", samples=from_beats(beats), moving=moving if marked else [])
    return line, phases
