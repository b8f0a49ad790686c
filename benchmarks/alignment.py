"""Rises and the marks they belong to, on demo sessions with planted truth: `python benchmarks/alignment.py [sessions]`.

A planted response follows the mark that caused it by 1 to 6 s (late marks are entered with a guess of how long ago it
was, off by up to 2 s). Some answer to what was marked on somebody else: then no mark of one's own is the right answer.
An interval of a response is right if it holds what was planted around those very moments: responses, and what talking
and moving did, without the heart's own wandering.
Shares come with Wilson's 95 % interval.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from sessions import demo_hearts, demo_packets

from dsp.heart_seconds import AFTER_S, BEFORE_S
from watchlink.alignment import concerns
from watchlink.fold import SessionFold
from watchlink.packets import EventKind
from watchlink.readings import Grade
from watchlink.sources.virtual.heart import _ACTIVITY_TIME_CONSTANT_S as ACTIVITY_TIME_CONSTANT_S
from watchlink.sources.virtual.heart import Heart

_FIRST_SEED, _SEEDS = 1001, 6


def one_session(seed: int) -> Counter[str]:
    """What became of each rise that was planted, and of what was found beside them."""
    session, packets = demo_packets(seed)
    fold = SessionFold()
    for packet in packets:
        fold.push(packet)
    fold.flush()
    timeline = fold.timeline()
    marks = [event for event in timeline.events if event.kind is EventKind.MARK]
    told: Counter[str] = Counter()
    for person in session.people:
        rises = [one for one in timeline.spikes if one.person == person.person]
        for response in person.truth.responses:
            near = [one for one in rises if abs(one.spike.onset_s - response.onset_s) < 12]
            if not near:
                continue
            rise = near[0]
            own = [e for e in marks if concerns(e, person.person)]
            cause = [e for e in own if -1.5 <= response.onset_s - e.happened_us / 1e6 <= 8.5]
            first = rise.associations[0] if rise.associations else None
            told["planted"] += 1
            told["wrongly explained"] += rise.explained_by is not None
            if cause:
                told["own cause"] += 1
                told["own cause is first"] += first is not None and first.event in cause
                told["own cause below 5 % luck"] += first is not None and first.event in cause and first.by_luck < 0.05
            else:
                told["cause of others"] += 1
                told["nothing named"] += first is None
                told["named below 5 % luck"] += first is not None and first.by_luck < 0.05
            recovery = rise.recovery
            if recovery is not None and recovery.half_time_interval_s is not None:
                interval_s = recovery.half_time_interval_s
                grade = timeline.people[person.person].grade
                told[f"half-times, {grade}"] += 1
                inside = interval_s.low <= response.half_time_s <= interval_s.high
                told[f"half-time inside, {grade}"] += inside
        for movement in person.truth.movements:
            near = [one for one in rises if -10 <= one.spike.onset_s - movement.since_s <= 20]
            if near and movement.marked:
                told["seen movements"] += 1
                told["explained"] += near[0].explained_by is not None
    for person, heart in zip(session.people, demo_hearts(seed), strict=True):
        own = [event for event in marks if concerns(event, person.person)]
        line = planted_bpm(heart, int(timeline.duration_s) + 1)
        for response in timeline.responses:
            interval = response.change.interval_bpm
            if response.person != person.person or interval is None:
                continue
            times_s = [round(event.happened_us / 1e6) for event in own if event.label == response.label]
            changes = [
                sum(line[at : at + AFTER_S]) / AFTER_S - sum(line[at - BEFORE_S : at]) / BEFORE_S
                for at in times_s
                if at >= BEFORE_S and at + AFTER_S <= len(line)
            ]
            if len(changes) == response.change.events:
                grade = timeline.people[person.person].grade
                told[f"responses, {grade}"] += 1
                told[f"response inside, {grade}"] += interval.low <= sum(changes) / len(changes) <= interval.high
    told["together"] += len(timeline.coincidences)
    told["together after a mark"] += sum(one.event is not None for one in timeline.coincidences)
    return told


def planted_bpm(heart: Heart, seconds: int) -> list[float]:
    """What raises a heart at each second, beside its own wandering."""
    line: list[float] = []
    activity_bpm = 0.0
    for second in range(seconds):
        towards_bpm = heart.temperament.activity_bpm[heart.activity_at(second)]
        activity_bpm += (towards_bpm - activity_bpm) / ACTIVITY_TIME_CONSTANT_S
        line.append(activity_bpm + sum(response.at(second) for response in heart.responses))
    return line


def share(told: Counter[str], part: str, whole: str) -> str:
    """A share in percent with Wilson's 95 % interval."""
    hits, of, z = told[part], told[whole], 1.96
    if not of:
        return f"{part}: none of {whole}"
    centre = (hits / of + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(hits / of * (1 - hits / of) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return f"{part}: {hits} of {of} ({whole}), {100 * (centre - half):.0f}-{100 * (centre + half):.0f} %"


def main() -> None:
    seeds = range(_FIRST_SEED, _FIRST_SEED + (int(sys.argv[1]) if len(sys.argv) > 1 else _SEEDS))
    with ProcessPoolExecutor(max_workers=2) as pool:
        told = sum(pool.map(one_session, seeds), Counter[str]())
    print(
        f"{len(seeds)} demo sessions of eight, seeds {seeds.start} to {seeds.stop - 1}; {told['planted']} planted rises"
    )
    for part, whole in (
        ("own cause is first", "own cause"),
        ("own cause below 5 % luck", "own cause"),
        ("nothing named", "cause of others"),
        ("named below 5 % luck", "cause of others"),
        ("wrongly explained", "planted"),
        ("explained", "seen movements"),
        *((f"half-time inside, {grade}", f"half-times, {grade}") for grade in Grade),
        *((f"response inside, {grade}", f"responses, {grade}") for grade in Grade),
        ("together after a mark", "together"),
    ):
        print(share(told, part, whole))


if __name__ == "__main__":
    main()
