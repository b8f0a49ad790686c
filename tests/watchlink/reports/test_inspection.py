"""What is in a recording, and what is in a value."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles.heart_rate_service import HeartRateMeasurement, encode
from watchlink.captures.capture import UNDATED, Findings
from watchlink.packets import EventKind, LinkChange, LinkState, Notification, Seat, SessionEvent
from watchlink.reports.explanation import explain
from watchlink.reports.inspection import Inspection, Trend

_AT = datetime(2026, 3, 1, 18, 0, tzinfo=UTC)


@given(times_s=st.lists(st.integers(0, 100_000), min_size=1, max_size=60))
def test_a_trend_keeps_the_mean_of_every_part_however_long_it_gets(times_s: list[int]) -> None:
    trend = Trend()
    for at_s in sorted(times_s):
        trend.add(at_s * 1_000_000, 60 + at_s % 50)
    values = trend.values()
    assert len(values) <= 240
    length_us = trend._part_us
    first = min(times_s)
    parts: dict[int, list[int]] = {}
    for at_s in times_s:
        parts.setdefault((at_s - first) * 1_000_000 // length_us, []).append(60 + at_s % 50)
    assert {at: value for at, value in enumerate(values) if value is not None} == pytest.approx(
        {at: sum(rates) / len(rates) for at, rates in parts.items()}
    )


def test_what_arrived_of_each_heart_is_counted() -> None:
    inspection = Inspection()
    inspection.push(Seat(at_us=0, person="Heron", wearable="w1", profile="polar-h10"))
    inspection.push(SessionEvent(at_us=0, kind=EventKind.MARK, label="x"))
    for second in [*range(1, 11), *range(20, 31)]:
        payload = encode(HeartRateMeasurement.of(heart_rate_bpm=50 + second, rr_ticks=(1024,)))
        inspection.push(Notification(at_us=second * 1_000_000, wearable="w1", payload=payload))
    inspection.push(Notification(at_us=31_000_000, wearable="w1", payload=b""))
    inspection.push(LinkChange(at_us=32_000_000, wearable="w1", state=LinkState.LOST))
    record = inspection.record(Findings(), name="a", started_at=_AT, fault=None)
    assert record["heart_rate_notifications"] == 22
    assert record["session_events"] == 1
    wearable = record["wearables"][0]
    assert wearable["rr_intervals"] == 21
    assert (wearable["least_bpm"], wearable["most_bpm"], wearable["unreadable"]) == (51, 80, 1)
    assert (wearable["silences"], wearable["silent_s"], wearable["links_lost"]) == (1, 10.0, 1)
    assert wearable["rr_cover_pct"] == pytest.approx(70.0)
    lines = "\n".join(inspection.lines(Findings(), name="a", started_at=_AT, ascii_only=True))
    assert lines.isascii()
    assert "1 silences over 3 s" in lines
    assert "Wearable w1, Heron, profile polar-h10" in lines


def test_an_empty_recording_says_so() -> None:
    lines = list(Inspection().lines(Findings(format="pcap"), name="a", started_at=UNDATED, ascii_only=False))
    assert lines[0] == "a: pcap, 0:00:00 (h:mm:ss)"
    assert lines[-1] == "In all 0 heart-rate notifications with 0 RR intervals."


def test_a_value_is_explained_octet_by_octet() -> None:
    lines = list(explain(bytes.fromhex("1e3c0a0000041004")).lines())
    assert lines[0] == "1e 3c 0a 00 00 04 10 04: Heart Rate Measurement, 8 octets"
    assert "        bit 3 = 1: energy expended is there" in lines
    assert "  3c  60 beats a minute" in lines
    assert "  0a 00  10 kJ expended since it was reset" in lines
    assert lines[-2].startswith("  00 04  RR 1024 x 1/1024 s = 1000.0 ms, 60.0 a minute")


@given(octets=st.binary(max_size=30))
def test_every_octet_of_a_value_is_shown_whatever_it_is(octets: bytes) -> None:
    explained = explain(octets)
    lines = list(explained.lines())
    shown = "".join(line.split("  ")[1] for line in lines[1:] if line.startswith("  ") and line[2] != " ")
    if explained.fault is None:
        assert bytes.fromhex(shown) == octets
    else:
        assert explained.fault in lines[-1]
        assert explained.record()["fault"] == explained.fault
