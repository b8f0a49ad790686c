"""The table of docs/conformance.md and the tests say the same: each id has its test, and each test its row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from . import test_collector, test_sensor

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"
COLLECTOR = {
    "HRP/COL/CGGIT/SER/BV-01-C",
    "HRP/COL/CGGIT/SER/BV-02-C",
    "HRP/COL/CGGIT/CHA/BV-01-C",
    "HRP/COL/CGGIT/CHA/BV-02-C",
    "HRP/COL/CGGIT/CHA/BV-03-C",
    "HRP/COL/HRD/BV-09-C",
    "HRP/COL/HRD/BV-10-C",
    "HRP/COL/HRF/BV-03-C",
    "HRP/COL/HRF/BV-04-C",
    "HRP/COL/HRF/BV-05-C",
    "HRP/COL/HRF/BV-07-C",
    "HRP/COL/HRF/BV-08-C",
    "HRP/COL/HRF/BI-01-C",
    "HRP/COL/HRF/BI-02-C",
    "HRP/COL/HRF/BI-03-C",
}
ROW = re.compile(r"^\| ([A-Z]+/[A-Z0-9/-]+-C) \|.*?`(test_\w+)`", re.MULTILINE)


def rows(*, collector: bool) -> list[tuple[str, str]]:
    found = ROW.findall(DOCUMENT.read_text(encoding="utf-8"))
    return [(case, test) for case, test in found if case.startswith("HRP/COL/") is collector]


def test_the_document_names_the_fifteen_cases_of_a_collector_once_each() -> None:
    assert sorted(case for case, _ in rows(collector=True)) == sorted(COLLECTOR)


@pytest.mark.parametrize(("tests", "collector"), [(test_collector, True), (test_sensor, False)])
def test_each_row_has_its_test_and_each_test_its_row(tests: object, collector: bool) -> None:
    documented = rows(collector=collector)
    assert sorted(test for _, test in documented) == sorted(name for name in vars(tests) if name.startswith("test_"))
    for case, test in documented:
        assert test.startswith("test_" + re.sub(r"\W", "_", case).lower() + "_")


def test_the_document_does_not_claim_what_it_is_not() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert "modelled on the TCRL test-case ids" in text
    assert "no qualification" in text
    assert "qualified" not in text
