"""Captures that other people and real stacks recorded, against what is known of them."""

from __future__ import annotations

import csv
import struct
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from firmware_profiles.heart_rate_service import decode
from watchlink.captures import open_capture
from watchlink.captures.capture import AGAIN, Findings
from watchlink.captures.likeness import Likeness, Verdict
from watchlink.errors import CaptureError
from watchlink.packets import Notification, Packet

from .judge import tshark_heart_rates

_REFRAMED = [
    ("rhythm_15min_dlt201.pcap", 643, 661),
    ("heartmath_15min_dlt254.pcap", 430, 860),
    ("kyto_15min_dlt251.pcap", 811, 846),
    ("kyto_15min_pklg_le.pklg", 811, 846),
    ("rhythm_full_btsnoop_h4.log", 2409, 2604),
]
# Frames, ATT PDUs and notifications as tshark 4.0.17 counts them.
_REAL = [
    ("btsnoop_h4_treadmill.log", 2572, 1659, 1047),
    ("btsnoop_h4_pongbot.log", 1741, 387, 107),
    ("btsnoop_h4_android_small.log", 222, 0, 0),
    ("btsnoop_monitor_btmon.log", 554, 0, 0),
    ("dlt256_whad_pairing.pcap", 1604, 89, 0),
]


def _read(path: Path, *, handle: int | None = None) -> tuple[datetime, list[Packet], Findings]:
    with open_capture(path, handle=handle) as capture:
        return capture.started_at, list(capture.packets), capture.findings


def _heart_rates(packets: list[Packet]) -> list[tuple[int, ...]]:
    measurements = [decode(packet.payload) for packet in packets if isinstance(packet, Notification)]
    return [(measurement.heart_rate_bpm, *measurement.rr_ticks) for measurement in measurements]


@pytest.mark.parametrize(("name", "count", "intervals"), _REFRAMED)
def test_a_recording_equals_its_truth(shared_data: Path, name: str, count: int, intervals: int) -> None:
    path = shared_data / "captures" / "reframed" / name
    started_at, packets, _ = _read(path)
    with path.with_name(f"{name}.truth.csv").open(newline="") as file:
        truth = list(csv.DictReader(file))
    heart_rates = _heart_rates(packets)
    assert len(heart_rates) == len(truth) == count
    assert sum(len(values) - 1 for values in heart_rates) == intervals
    assert heart_rates == [(int(row["hr_bpm"]), *map(int, row["rr_raw_1024ths"].split())) for row in truth]
    zero_us = (started_at - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
    at_us = [zero_us + packet.at_us for packet in packets if isinstance(packet, Notification)]
    wrong_us = [at - int(Decimal(row["t_epoch"]) * 1_000_000) for at, row in zip(at_us, truth, strict=True)]
    assert max(map(abs, wrong_us)) <= 2


@pytest.mark.parametrize("name", [name for name, _, _ in _REFRAMED])
def test_a_recording_says_to_tshark_what_it_says_to_us(shared_data: Path, name: str) -> None:
    path = shared_data / "captures" / "reframed" / name
    assert tshark_heart_rates(path) == _heart_rates(_read(path)[1])


@pytest.mark.parametrize(("name", "frames", "pdus", "notifications"), _REAL)
def test_a_real_capture_without_heart_rates_is_read_whole(
    shared_data: Path, name: str, frames: int, pdus: int, notifications: int
) -> None:
    _, packets, findings = _read(shared_data / "captures" / "real" / name)
    # tshark counts the one PDU of the pairing that was sent again twice.
    again = 1 if name == "dlt256_whad_pairing.pcap" else 0
    assert (findings.frames, findings.att_pdus + again, findings.notifications) == (frames, pdus, notifications)
    assert packets == []
    assert (findings.dropped[AGAIN] > 0) == bool(again)


def test_notifications_are_counted_by_characteristic(shared_data: Path) -> None:
    findings = _read(shared_data / "captures" / "real" / "btsnoop_h4_treadmill.log")[2]
    device = next(device for device in findings.devices if device.notified)
    counts = {device.characteristics[handle]: cell[0] for handle, cell in device.notified.items()}
    assert counts == {0xFFF4: 786, 0xFFF3: 261}
    assert device.name == "HORIZON 7.4AT 55FD"


def test_a_link_type_that_is_not_read_is_named_with_what_would_help(shared_data: Path) -> None:
    with pytest.raises(CaptureError, match=r"link type 192 \(PPI, as Ubertooth writes .* Record again with"):
        _read(shared_data / "captures" / "real" / "dlt192_ppi_crackle.pcap")


def test_an_encrypted_link_is_named_with_what_would_help(shared_data: Path) -> None:
    findings = _read(shared_data / "captures" / "real" / "dlt256_whad_pairing.pcap")[2]
    assert findings.hindrances()[0].startswith("77 packets on the air were encrypted. A sniffer can only read them if")


# --- without discovery -----------------------------------------------------------------------------------------------


def _without_discovery(original: Path, path: Path) -> Path:
    """A btsnoop file without the ATT traffic that is no notification."""
    octets = original.read_bytes()
    kept, at = octets[:16], 16
    while at < len(octets):
        size = struct.unpack_from(">I", octets, at + 4)[0]
        h4 = octets[at + 24 : at + 24 + size]
        if not (h4[0] == 2 and len(h4) > 9 and h4[7:9] == b"\x04\x00" and h4[9] != 0x1B):
            kept += octets[at : at + 24 + size]
        at += 24 + size
    path.write_bytes(kept)
    return path


def test_heart_rates_whose_discovery_is_missing_are_found_by_their_shape_and_called_a_guess(
    shared_data: Path, tmp_path: Path
) -> None:
    original = shared_data / "captures" / "reframed" / "rhythm_full_btsnoop_h4.log"
    stripped = _without_discovery(original, tmp_path / "stripped.log")
    whole, guessed = _read(original), _read(stripped)
    assert guessed[:2] == whole[:2]
    assert [device.guessed for device in guessed[2].devices if device.wearable] == [True]
    assert [device.guessed for device in whole[2].devices if device.wearable] == [False]
    assert "That is a guess" in guessed[2].remarks[0]
    named = _read(stripped, handle=0x0012)
    assert named[:2] == whole[:2]
    assert not named[2].remarks
    assert _read(stripped, handle=0x0013)[1] == []


def test_a_handle_that_is_named_holds_for_all_devices_whose_discovery_is_missing(
    shared_data: Path, tmp_path: Path
) -> None:
    original = shared_data / "captures" / "bluez" / "hr8_bluez566_h4.btsnoop"
    stripped = _without_discovery(original, tmp_path / "stripped.log")
    _, whole, findings = _read(original)
    handles = {device.measurement for device in findings.devices}
    assert len(handles) == 1
    named = _read(stripped, handle=handles.pop())[1]
    heart_rates = [packet for packet in whole if isinstance(packet, Notification)]
    assert [packet for packet in named if isinstance(packet, Notification)] == heart_rates
    assert len(heart_rates) == 544
    assert _read(stripped)[1] == []  # these values are made up, and no heart's


@pytest.mark.parametrize("name", ["btsnoop_h4_treadmill.log", "btsnoop_h4_pongbot.log"])
def test_values_of_other_devices_are_not_taken_for_heart_rates_even_without_discovery(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    stripped = _without_discovery(shared_data / "captures" / "real" / name, tmp_path / "stripped.log")
    _, packets, findings = _read(stripped)
    assert packets == []
    assert findings.notifications > 100


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([bytes([0, 60 + n % 5]) for n in range(20)], Verdict.HEART_RATE),
        ([bytes([6, 60 + n % 5]) for n in range(20)], Verdict.HEART_RATE),
        ([bytes([0x16, 60, 0, 4]) for _ in range(6)], Verdict.HEART_RATE),
        ([bytes([0, 60])] * 20, Verdict.OTHER),  # never moves: some status
        ([bytes([0x10, 60, 0, 4, 0]) for _ in range(6)], Verdict.OTHER),  # an octet too many
        ([bytes([0x20, 60]) for _ in range(20)], Verdict.OTHER),  # a reserved bit
        ([bytes([2, 60 + n % 5]) for n in range(20)], Verdict.OTHER),  # contact, but contact is not supported
        ([bytes([0, n]) for n in range(20)], Verdict.OTHER),  # no heart
        ([bytes([0, 60 + 40 * (n % 2)]) for n in range(20)], Verdict.OTHER),  # no heart jumps so
        ([bytes([0x10, 60, 0, 1]) for _ in range(6)], Verdict.OTHER),  # intervals of another rate
        ([b""], Verdict.OTHER),
    ],
)
def test_what_looks_like_a_heart_rate_and_what_does_not(values: list[bytes], verdict: Verdict) -> None:
    likeness = Likeness()
    verdicts = [likeness.push(1_000_000 * number, value) for number, value in enumerate(values)]
    assert next((found for found in verdicts if found is not Verdict.OPEN), Verdict.OPEN) is verdict


def test_what_comes_at_another_pace_is_no_heart_rate() -> None:
    likeness = Likeness()
    verdicts = [likeness.push(10_000 * number, bytes([0x10, 60 + number % 3, 0, 4])) for number in range(30)]
    assert Verdict.HEART_RATE not in verdicts


# --- series without Bluetooth ----------------------------------------------------------------------------------------


def test_a_watchs_activity_file_is_a_recording(shared_data: Path) -> None:
    started_at, packets, findings = _read(shared_data / "rr" / "fit" / "garmin-fenix-5-run.fit")
    ticks = [interval for _, *intervals in _heart_rates(packets) for interval in intervals]
    assert len(ticks) == 113
    assert sum(ticks) / 1.024 == pytest.approx(75_005, abs=113 * 0.5)
    assert (started_at.year, findings.format) == (2017, "FIT")


_FIT_HEADER = bytes.fromhex("1e000000b1c39e64") + b".FIT"


@pytest.mark.parametrize("rest", [b"\x01\x3e\x13\x01", b"", bytes(300), b"\x40" * 300], ids=lambda rest: f"{len(rest)}")
def test_a_damaged_activity_file_is_said_to_be_one(tmp_path: Path, rest: bytes) -> None:
    path = tmp_path / "damaged.fit"
    path.write_bytes(_FIT_HEADER + rest)
    with pytest.raises(CaptureError, match=r"damaged\.fit is damaged|holds neither RR intervals nor heart rates"):
        _read(path)


def test_an_activity_file_damaged_anywhere_raises_nothing_but_a_capture_error(
    shared_data: Path, tmp_path: Path
) -> None:
    octets = (shared_data / "rr" / "fit" / "garmin-fenix-5-run.fit").read_bytes()
    path = tmp_path / "damaged.fit"
    faults = 0
    for at in range(0, len(octets), len(octets) // 40):
        for damaged in (octets[:at], octets[:at] + b"\xff" + octets[at + 1 :]):
            path.write_bytes(damaged)
            try:
                _read(path)
            except CaptureError:
                faults += 1
    assert faults > 40


def test_a_text_of_intervals_is_a_recording(shared_data: Path) -> None:
    path = shared_data / "rr" / "wearable_hrv_p37" / "rhythm_rr.csv"
    with path.open(newline="") as file:
        truth = [float(row["rr_ms"]) for row in csv.DictReader(file)]
    ticks = [interval for _, *intervals in _heart_rates(_read(path)[1]) for interval in intervals]
    assert [tick / 1.024 for tick in ticks] == pytest.approx(truth, abs=0.5)
