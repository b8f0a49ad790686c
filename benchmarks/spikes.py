"""Heart rate rises found in demo sessions against the planted ones, beside a fixed threshold on the wearable's own bpm.

A planted response counts as found if a rise was *detected* (when it was known, not where it was dated back to) from 2 s
before to 30 s after its onset; one rise finds one response. What is found and not planted is a false alarm, movement
included. The peer raises its alarm when the bpm in the notifications stays 15 above their mean over the silent baseline
for 5 s, rests 60 s, and has to come down first. Recall and precision come with Wilson's 95 % interval, which takes
sessions as independent and is a little narrow.
"""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from sessions import demo_packets

from watchlink.fold import SessionFold
from watchlink.readings import Measured

_SEEDS = range(1001, 1021)
_BEFORE_S, _AFTER_S = 2.0, 30.0
_FIXED_BPM = 15.0
_BASELINE_S = 300.0


@dataclass(slots=True)
class Score:
    """How one detector did."""

    planted: int = 0
    found: int = 0
    alarms: int = 0
    hours: float = 0.0
    latency_s: list[float] = field(default_factory=list)
    onset_error_s: list[float] = field(default_factory=list)

    def add(self, planted_s: Iterable[float], detected: list[tuple[float, float]]) -> None:
        """One person's planted onsets, and (time of detection, onset found) of each alarm."""
        unused = sorted(detected)
        self.alarms += len(unused)
        for onset_s in planted_s:
            self.planted += 1
            for alarm in unused:
                if -_BEFORE_S <= alarm[0] - onset_s <= _AFTER_S:
                    unused.remove(alarm)
                    self.found += 1
                    self.latency_s.append(alarm[0] - onset_s)
                    self.onset_error_s.append(alarm[1] - onset_s)
                    break

    def merge(self, other: Score) -> None:
        """Take another's counts in."""
        self.planted += other.planted
        self.found += other.found
        self.alarms += other.alarms
        self.hours += other.hours
        self.latency_s += other.latency_s
        self.onset_error_s += other.onset_error_s

    def row(self, name: str) -> str:
        """One line of the table."""
        latency = sorted(self.latency_s)
        p90_s = latency[math.ceil(0.9 * len(latency)) - 1] if latency else math.nan
        median_s = statistics.median(latency) if latency else math.nan
        onset_s = statistics.median(abs(error) for error in self.onset_error_s) if latency else math.nan
        return (
            f"{name:14}{interval(self.found, self.planted):>26}{interval(self.found, self.alarms):>26}"
            f"{(self.alarms - self.found) / self.hours:10.3f}{median_s:10.1f}{p90_s:8.1f}{onset_s:9.1f}"
        )


def interval(hits: int, of: int) -> str:
    """A share in percent with Wilson's 95 % interval, and what it stands on."""
    if not of:
        return "-"
    share, z = hits / of, 1.96
    centre = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return f"{100 * share:.0f} % ({100 * (centre - half):.0f}-{100 * (centre + half):.0f}) {hits}/{of}"


def one_session(seed: int) -> dict[str, dict[str, Score]]:
    """Scores of a session by detector and grade."""
    session, packets = demo_packets(seed)
    fold = SessionFold()
    reported: dict[str, list[tuple[float, int]]] = {person.person: [] for person in session.people}
    for packet in packets:
        for reading in fold.push(packet):
            if isinstance(reading, Measured):
                reported[reading.person].append((reading.at_us / 1e6, reading.heart_rate_bpm))
    fold.flush()
    timeline = fold.timeline()
    scores: dict[str, dict[str, Score]] = {"watchlink": {}, "fixed +15 bpm": {}}
    for person in session.people:
        grade = timeline.people[person.person].grade or "unknown"
        planted_s = [response.onset_s for response in person.truth.responses]
        spikes = [timed.spike for timed in timeline.spikes if timed.person == person.person]
        ours = [(spike.detected_s, spike.onset_s) for spike in spikes]
        for name, found in (("watchlink", ours), ("fixed +15 bpm", fixed(reported[person.person]))):
            score = Score(hours=timeline.duration_s / 3600)
            score.add(planted_s, found)
            scores[name].setdefault(grade, Score()).merge(score)
    return scores


def fixed(reports: list[tuple[float, int]]) -> list[tuple[float, float]]:
    """The peer: 15 bpm above the mean of the silent baseline for 5 s."""
    baseline_bpm = statistics.fmean(bpm for at_s, bpm in reports if at_s < _BASELINE_S)
    alarms: list[tuple[float, float]] = []
    since_s: float | None = None
    rest_until_s, armed = 0.0, True
    for at_s, bpm in reports:
        if bpm - baseline_bpm < _FIXED_BPM:
            since_s, armed = None, True
            continue
        since_s = at_s if since_s is None else since_s
        if armed and at_s - since_s >= 5.0 and at_s >= rest_until_s:
            alarms.append((at_s, since_s))
            armed, rest_until_s = False, at_s + 60.0
    return alarms


def main() -> None:
    seeds = range(_SEEDS.start, _SEEDS.start + int(sys.argv[1])) if len(sys.argv) > 1 else _SEEDS
    totals: dict[str, dict[str, Score]] = {}
    with ProcessPoolExecutor(max_workers=2) as pool:
        for scores in pool.map(one_session, seeds):
            for name, by_grade in scores.items():
                for grade, score in by_grade.items():
                    totals.setdefault(name, {}).setdefault(grade, Score()).merge(score)
    print(f"{len(seeds)} demo sessions of eight people, seeds {seeds.start} to {seeds.stop - 1}; times in seconds")
    heads = ("", "recall", "precision", "false/h", "latency", "p90", "onset")
    print("{:14}{:>26}{:>26}{:>10}{:>10}{:>8}{:>9}".format(*heads))
    for name, by_grade in totals.items():
        whole = Score()
        for grade in sorted(by_grade):
            whole.merge(by_grade[grade])
            print(by_grade[grade].row(f"  {grade} grade"))
        print(whole.row(name))


if __name__ == "__main__":
    main()
