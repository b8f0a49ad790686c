"""Summaries of many cohorts as Parquet: an engine of somebody else queries them as one table."""

from __future__ import annotations

from pathlib import Path

import duckdb

from dsp import cohort_trend
from watchlink.exports.parquet import rows_as_parquet
from watchlink.measures import Measure
from watchlink.programme import CohortMeasure, CohortProgress
from watchlink.reports.progress_report import cohort_rows

_QUERY = """
SELECT measure, count(*) AS cohorts, median(slope) AS middle, avg(CAST(verdict = 'clear fall' AS INT)) AS fell
FROM '{files}'
WHERE slope IS NOT NULL
GROUP BY measure ORDER BY measure
"""


def _progress(number: int) -> CohortProgress:
    falls = number % 2 == 0
    trend = cohort_trend([-1.0 - 0.1 * person if falls else (-1) ** person * 1.0 for person in range(6)])
    told = CohortMeasure(measure=Measure.RESPONSE, unit="bpm", primary=True, people=6, trend=trend, withheld_because="")
    withheld = CohortMeasure(
        measure=Measure.RECOVERY, unit="s", primary=False, people=3, trend=None, withheld_because="too few"
    )
    return CohortProgress(
        cohort=f"C{number}",
        people=6,
        weeks=8,
        sessions=8,
        attended_pct=100,
        baselines=0,
        usable=0,
        declared="",
        measures=(told, withheld),
    )


def test_a_thousand_cohorts_are_one_table_for_duckdb(tmp_path: Path) -> None:
    for number in range(1000):
        (tmp_path / f"{number}.parquet").write_bytes(rows_as_parquet(list(cohort_rows(_progress(number)))))
    files = f"{tmp_path}/*.parquet"
    (row,) = duckdb.sql(_QUERY.format(files=files)).fetchall()
    assert row[:2] == ("response", 1000)
    assert row[3] == 0.5
    assert -1.25 < row[2] < 0
    (withheld,) = duckdb.sql(f"SELECT count(*) FROM '{files}' WHERE slope IS NULL AND note = 'too few'").fetchall()
    assert withheld == (1000,)
