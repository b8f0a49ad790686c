"""The unit of RR intervals told from virtual sensors of both units, beside the sum of words over the time they took.

Each run joins a wearable some time after it was put on. The peer takes the runs of reports less than 1.6 s apart and at
least 20 s long, divides their words by their seconds, and cuts at 1012: it always answers. Reports are lost on the way
(beside the 0.4 % that the sensor itself cannot send), beats are missed while the person talks or moves.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from firmware_profiles.heart_rate_service import decode
from firmware_profiles.profiles import RrUnit, load_profiles
from watchlink.sources.virtual.heart import Activity, Heart, Stretch, Temperament
from watchlink.sources.virtual.sensor import Truth, emissions
from watchlink.unit_audit import RrUnitAuditor, RrUnitVerdict

_US = 1_000_000
_SITUATIONS = (
    ("strap, silence, nothing lost", "polar-h10", 0.0, 0.0, Activity.SILENT),
    ("strap, listening, 1 % lost", "polar-h10", 1.0, 0.0, Activity.LISTEN),
    ("strap, listening, 3 % lost", "polar-h10", 3.0, 0.0, Activity.LISTEN),
    ("arm band, silence, 1 % lost", "scosche-rhythm24", 1.0, 0.0, Activity.SILENT),
    ("strap, talk, 2 % lost, 1 % missed", "polar-h10", 2.0, 1.0, Activity.TALK),
    ("arm band, talk, 2 % lost, 3 % missed", "scosche-rhythm24", 2.0, 3.0, Activity.TALK),
)

Report = tuple[int, tuple[int, ...]]


def reports(
    seed: int, unit: RrUnit, *, seconds: float, profile: str, lost_pct: float, missed_pct: float, activity: Activity
) -> Iterator[Report]:
    """Arrivals and words of one run."""
    chance, losing = random.Random(f"{seed}"), random.Random(f"{seed} losses")
    behaviour = load_profiles()[profile].virtual
    behaviour = replace(behaviour, rr_unit=unit, drops_beats_pct=missed_pct, reports_contact=False)
    heart = Heart(
        chance=random.Random(f"{seed} heart"),
        temperament=Temperament.drawn_from(chance),
        stretches=[Stretch(start_s=0, activity=activity)],
        responses=[],
    )
    since_us = round(chance.uniform(5, 60) * _US)
    for emission in emissions(heart=heart, behaviour=behaviour, chance=chance, truth=Truth(responses=())):
        if emission.at_us > since_us + seconds * _US:
            return
        if emission.at_us >= since_us and losing.random() >= lost_pct / 100:
            yield emission.at_us, decode(emission.payload).rr_ticks


def by_audit(run: list[Report]) -> RrUnitVerdict:
    """The verdict of the product."""
    auditor = RrUnitAuditor()
    for at_us, words in run:
        auditor.push(at_us=at_us, rr_words=words)
    return auditor.verdict().unit


def by_sum(run: list[Report]) -> RrUnitVerdict:
    """The verdict of the peer."""
    words = time_us = 0
    stretch: list[Report] = []
    for report in (*run, (run[-1][0] + 10 * _US, ())):
        if stretch and report[0] - stretch[-1][0] >= 1.6 * _US:
            if stretch[-1][0] - stretch[0][0] >= 20 * _US:
                words += sum(sum(told) for _, told in stretch[1:])
                time_us += stretch[-1][0] - stretch[0][0]
            stretch = []
        stretch.append(report)
    if not time_us:
        return RrUnitVerdict.UNDETERMINED
    return RrUnitVerdict.TICKS if words / (time_us / _US) > 1012 else RrUnitVerdict.MILLISECONDS


def main(runs: int) -> None:
    """Print a table: per situation and length, wrong and undetermined verdicts of both."""
    print(f"{2 * runs} runs each, half of them in ms. Per cent wrong / undetermined:")
    print(f"{'situation':38} {'seconds':>7}   {'audit':>13}   {'sum':>13}")
    for name, profile, lost_pct, missed_pct, activity in _SITUATIONS:
        for seconds in (30, 60, 120):
            counts: dict[str, Counter[str]] = {"audit": Counter(), "sum": Counter()}
            for unit in (RrUnit.TICKS, RrUnit.MILLISECONDS):
                for seed in range(runs):
                    run = list(
                        reports(
                            seed,
                            unit,
                            seconds=seconds,
                            profile=profile,
                            lost_pct=lost_pct,
                            missed_pct=missed_pct,
                            activity=activity,
                        )
                    )
                    for who, verdict in (("audit", by_audit(run)), ("sum", by_sum(run))):
                        undetermined = verdict is RrUnitVerdict.UNDETERMINED
                        kind = "undetermined" if undetermined else "right" if verdict == unit.value else "wrong"
                        counts[who][kind] += 1
            cells = (
                f"{50 * count['wrong'] / runs:5.1f} / {50 * count['undetermined'] / runs:5.1f}"
                for count in counts.values()
            )
            print(f"{name:38} {seconds:7}   {'   '.join(cells)}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
