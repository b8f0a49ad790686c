"""What is in a recording: container, devices, and what of each heart arrived. A fold in memory that does not grow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from firmware_profiles.gatt import (
    BATTERY_LEVEL,
    BATTERY_SERVICE,
    BODY_SENSOR_LOCATION,
    DEVICE_INFORMATION_SERVICE,
    FIRMWARE_REVISION,
    HEART_RATE_CONTROL_POINT,
    HEART_RATE_MEASUREMENT,
    HEART_RATE_SERVICE,
    MANUFACTURER_NAME,
    MODEL_NUMBER,
    SERIAL_NUMBER,
)
from firmware_profiles.heart_rate_service import RR_TICKS_PER_S, MalformedMeasurement, decode
from watchlink.captures.attributes import Device, uuid_text
from watchlink.captures.capture import UNDATED, Findings
from watchlink.clock import clock_text
from watchlink.packets import Discarded, LinkChange, LinkState, Notification, Packet, Seat, SessionEvent
from watchlink.sparklines import sparkline

_NAMES: Final = {
    0x1800: "Generic Access",
    0x1801: "Generic Attribute",
    0x2A00: "Device Name",
    HEART_RATE_SERVICE: "Heart Rate",
    BATTERY_SERVICE: "Battery",
    DEVICE_INFORMATION_SERVICE: "Device Information",
    HEART_RATE_MEASUREMENT: "Heart Rate Measurement",
    BODY_SENSOR_LOCATION: "Body Sensor Location",
    HEART_RATE_CONTROL_POINT: "Heart Rate Control Point",
    BATTERY_LEVEL: "Battery Level",
    MANUFACTURER_NAME: "Manufacturer Name",
    MODEL_NUMBER: "Model Number",
    SERIAL_NUMBER: "Serial Number",
    FIRMWARE_REVISION: "Firmware Revision",
}
# Reports come once a second; what stays out for longer than this is a silence.
_SILENCE_US: Final = 3_000_000
_MOST_PARTS: Final = 240
_US_PER_S: Final = 1_000_000
# Wider than 80 columns no line should be.
_COLUMNS: Final = 60


class Trend:
    """The mean heart rate of equal parts of a time whose length is not known before: parts are joined as it grows."""

    def __init__(self) -> None:
        """Parts of a second to begin with."""
        self._part_us = _US_PER_S
        self._zero_us: int | None = None
        self._sums: list[tuple[float, int]] = []

    def add(self, at_us: int, rate_bpm: int) -> None:
        """A heart rate; one older than the first counts with it."""
        self._zero_us = at_us if self._zero_us is None else self._zero_us
        since_us = max(0, at_us - self._zero_us)
        while since_us >= self._part_us * _MOST_PARTS:
            self._part_us *= 2
            pairs = [*self._sums, (0.0, 0)]
            self._sums = [
                (first[0] + second[0], first[1] + second[1])
                for first, second in zip(pairs[0:-1:2], pairs[1::2], strict=False)
            ]
        part = since_us // self._part_us
        self._sums += [(0.0, 0)] * (part + 1 - len(self._sums))
        total, count = self._sums[part]
        self._sums[part] = (total + rate_bpm, count + 1)

    def values(self) -> list[float | None]:
        """The mean of each part, None where nothing came."""
        return [total / count if count else None for total, count in self._sums]


@dataclass(slots=True)
class WearableTally:
    """What arrived from one wearable."""

    wearable: str
    person: str | None = None
    profile: str | None = None
    reports: int = 0
    unreadable: int = 0
    discarded: int = 0
    rr: int = 0
    rr_ticks: int = 0
    least_bpm: int = 0
    most_bpm: int = 0
    links_lost: int = 0
    silences: int = 0
    silent_us: int = 0
    first_us: int | None = None
    last_us: int | None = None
    trend: Trend = field(default_factory=Trend)

    def take(self, packet: Notification) -> None:
        """Count a report."""
        self.reports += 1
        self.first_us = packet.at_us if self.first_us is None else self.first_us
        silent_us = 0 if self.last_us is None else packet.at_us - self.last_us
        if silent_us > _SILENCE_US:
            self.silences += 1
            self.silent_us += silent_us
        self.last_us = packet.at_us if self.last_us is None else max(self.last_us, packet.at_us)
        try:
            measurement = decode(packet.payload)
        except MalformedMeasurement:
            self.unreadable += 1
            return
        self.rr += len(measurement.rr_ticks)
        self.rr_ticks += sum(measurement.rr_ticks)
        rate = measurement.heart_rate_bpm
        if rate:
            self.least_bpm = min(self.least_bpm or rate, rate)
            self.most_bpm = max(self.most_bpm, rate)
            self.trend.add(packet.at_us, rate)

    @property
    def span_s(self) -> float:
        """From the first report to the last."""
        return 0.0 if self.first_us is None or self.last_us is None else (self.last_us - self.first_us) / _US_PER_S

    @property
    def covered_pct(self) -> float | None:
        """How much of that time the intervals account for; None without intervals."""
        return 100 * self.rr_ticks / RR_TICKS_PER_S / self.span_s if self.rr and self.span_s > 0 else None


class Inspection:
    """Stage: packets of a recording in; at the end what is in it, as a record or as lines."""

    def __init__(self) -> None:
        """Nothing seen."""
        self.wearables: dict[str, WearableTally] = {}
        self.packets = 0
        self.events = 0
        self._first_us: int | None = None
        self._last_us: int | None = None

    def push(self, packet: Packet) -> None:
        """Count one packet."""
        self.packets += 1
        self._first_us = packet.at_us if self._first_us is None else min(self._first_us, packet.at_us)
        self._last_us = packet.at_us if self._last_us is None else max(self._last_us, packet.at_us)
        match packet:
            case Notification():
                self._tally(packet.wearable).take(packet)
            case Seat():
                tally = self._tally(packet.wearable)
                tally.person, tally.profile = packet.person, packet.profile
            case Discarded():
                self._tally(packet.wearable).discarded += 1
            case LinkChange(state=LinkState.LOST):
                self._tally(packet.wearable).links_lost += 1
            case SessionEvent():
                self.events += 1
            case _:
                pass

    @property
    def reports(self) -> int:
        """Heart-rate notifications of everybody."""
        return sum(tally.reports for tally in self.wearables.values())

    def record(self, findings: Findings, *, name: str, started_at: datetime, fault: str | None) -> dict[str, Any]:
        """All of it as JSON values."""
        first_us, last_us = self._span_us(findings)
        return {
            "file": name,
            "format": findings.format,
            "started_at": None if started_at == UNDATED else started_at.isoformat(),
            "duration_s": (last_us - first_us) / _US_PER_S,
            "frames": findings.frames,
            "links": dict(findings.links),
            "att_pdus": findings.att_pdus,
            "notifications": findings.notifications,
            "dropped": dict(findings.dropped),
            "comments": findings.comments,
            "devices": [_device_record(device) for device in _speaking(findings)],
            "wearables": [_wearable_record(tally) for tally in self.wearables.values()],
            "heart_rate_notifications": self.reports,
            "rr_intervals": sum(tally.rr for tally in self.wearables.values()),
            "session_events": self.events,
            "remarks": [*findings.remarks, *findings.hindrances()],
            "fault": fault,
        }

    def lines(self, findings: Findings, *, name: str, started_at: datetime, ascii_only: bool) -> Iterator[str]:
        """All of it for people."""
        first_us, last_us = self._span_us(findings)
        dated = "" if started_at == UNDATED else f", from {started_at:%Y-%m-%d %H:%M:%S} UTC"
        yield f"{name}: {findings.format}{dated}, {clock_text((last_us - first_us) / _US_PER_S)} (h:mm:ss)"
        for link, frames in findings.links.items():
            yield f"  {frames} x {link}"
        if findings.att_pdus:
            yield f"  {findings.att_pdus} ATT PDUs, of which {findings.notifications} notifications"
        for what, count in sorted(findings.dropped.items()):
            yield f"  {count} {what}"
        if findings.comments:
            yield f"  {findings.comments} comments"
        for number, device in enumerate(_speaking(findings), 1):
            yield ""
            yield from _device_lines(number, device)
        for tally in self.wearables.values():
            yield ""
            yield from _wearable_lines(tally, ascii_only=ascii_only)
        if self.events:
            yield ""
            yield f"{self.events} session events"
        yield ""
        rr = sum(tally.rr for tally in self.wearables.values())
        yield f"In all {self.reports} heart-rate notifications with {rr} RR intervals."

    def _tally(self, wearable: str) -> WearableTally:
        return self.wearables.setdefault(wearable, WearableTally(wearable))

    def _span_us(self, findings: Findings) -> tuple[int, int]:
        if findings.first_us is not None and findings.last_us is not None:
            return findings.first_us, findings.last_us
        return self._first_us or 0, self._last_us or 0


def _speaking(findings: Findings) -> list[Device]:
    """Devices of which anything is known beside that they were there."""
    return [device for device in findings.devices if device.characteristics or device.notified or device.services]


def _device_record(device: Device) -> dict[str, Any]:
    handles = sorted({*device.characteristics, *device.notified})
    return {
        "name": device.name,
        "wearable": device.wearable,
        "connections": device.connections,
        "services": [uuid_text(uuid) for _, uuid in sorted(device.services.items())],
        "characteristics": [
            {
                "handle": handle,
                "uuid": uuid_text(device.characteristics[handle]) if handle in device.characteristics else None,
                "notifications": device.notified[handle][0] if handle in device.notified else 0,
                "subscribed": handle in device.subscribed,
                "heart_rate": handle == device.measurement,
                "guessed": handle == device.measurement and device.guessed,
            }
            for handle in handles
        ],
    }


def _device_lines(number: int, device: Device) -> Iterator[str]:
    name = f'"{device.name}"' if device.name else "without a name"
    links = "1 connection" if device.connections == 1 else f"{device.connections} connections"
    wearable = f", wearable {device.wearable}" if device.wearable else ""
    yield f"Device {number}, {name}: {links}{wearable}"
    if device.services:
        yield f"  services: {', '.join(_named(uuid) for _, uuid in sorted(device.services.items()))}"
    for handle in sorted({*device.characteristics, *device.notified}):
        count = device.notified[handle][0] if handle in device.notified else 0
        if not count and handle != device.measurement:
            continue
        uuid = device.characteristics.get(handle)
        what = "not named in the capture" if uuid is None else _named(uuid)
        guess = " (taken for the heart rate by its values: a guess)" if device.guessed else ""
        yield f"  0x{handle:04x} {what}: {count} notifications{guess if handle == device.measurement else ''}"


def _named(uuid: int) -> str:
    return f"{_NAMES[uuid]} ({uuid_text(uuid)})" if uuid in _NAMES else uuid_text(uuid)


def _wearable_record(tally: WearableTally) -> dict[str, Any]:
    return {
        "wearable": tally.wearable,
        "person": tally.person,
        "profile": tally.profile,
        "notifications": tally.reports,
        "unreadable": tally.unreadable,
        "discarded": tally.discarded,
        "rr_intervals": tally.rr,
        "least_bpm": tally.least_bpm or None,
        "most_bpm": tally.most_bpm or None,
        "first_s": None if tally.first_us is None else tally.first_us / _US_PER_S,
        "last_s": None if tally.last_us is None else tally.last_us / _US_PER_S,
        "rr_cover_pct": tally.covered_pct,
        "silences": tally.silences,
        "silent_s": tally.silent_us / _US_PER_S,
        "links_lost": tally.links_lost,
    }


def _wearable_lines(tally: WearableTally, *, ascii_only: bool) -> Iterator[str]:
    person = "" if tally.person is None else f", {tally.person}"
    profile = "" if tally.profile is None else f", profile {tally.profile}"
    yield f"Wearable {tally.wearable}{person}{profile}"
    yield f"  {tally.reports} heart-rate notifications in {clock_text(tally.span_s)}, {tally.rr} RR intervals"
    if tally.most_bpm:
        yield f"  {tally.least_bpm} to {tally.most_bpm} bpm"
        yield f"  {sparkline(tally.trend.values(), columns=_COLUMNS, ascii_only=ascii_only)}"
    losses = [
        f"{tally.silences} silences over 3 s ({clock_text(tally.silent_us / _US_PER_S)} in all)"
        if tally.silences
        else "",
        f"{tally.links_lost} links lost" if tally.links_lost else "",
        f"{tally.unreadable} that cannot be read" if tally.unreadable else "",
        f"{tally.discarded} discarded" if tally.discarded else "",
    ]
    if any(losses):
        yield f"  {', '.join(loss for loss in losses if loss)}"
    if tally.covered_pct is not None:
        yield f"  the intervals account for {tally.covered_pct:.0f} % of that time"
