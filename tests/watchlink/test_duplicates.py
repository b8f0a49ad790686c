"""Telling what was delivered twice from what was sent twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchlink.duplicates import DuplicateGuard

REPORTS = st.lists(st.tuples(st.integers(0, 2_000_000), st.sampled_from([b"\x00\x48", b"\x00\x49", b""])), max_size=40)


def test_the_same_bytes_within_a_fraction_of_a_second_are_one_report() -> None:
    guard = DuplicateGuard()
    times_us = (0, 149_999, 150_000, 1_150_000)
    assert [guard.repeats(at_us=at_us, payload=b"\x00\x48") for at_us in times_us] == [False, True, False, False]


def test_other_bytes_are_another_report_however_soon() -> None:
    guard = DuplicateGuard()
    payloads = (b"\x00\x48", b"\x00\x49", b"\x00\x48")
    assert [guard.repeats(at_us=0, payload=payload) for payload in payloads] == [False, False, False]


@given(reports=REPORTS)
def test_every_report_delivered_twice_at_once_is_counted_once(reports: list[tuple[int, bytes]]) -> None:
    once, twice = DuplicateGuard(), DuplicateGuard()
    at_us = 0
    for pause_us, payload in reports:
        at_us += pause_us
        kept = not once.repeats(at_us=at_us, payload=payload)
        assert kept is not twice.repeats(at_us=at_us, payload=payload)
        assert twice.repeats(at_us=at_us, payload=payload)


@given(reports=REPORTS)
def test_no_report_a_second_apart_is_ever_dropped(reports: list[tuple[int, bytes]]) -> None:
    guard = DuplicateGuard()
    at_us = 0
    for pause_us, payload in reports:
        at_us += 1_000_000 + pause_us
        assert not guard.repeats(at_us=at_us, payload=payload)
