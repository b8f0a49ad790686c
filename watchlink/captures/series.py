"""RR intervals and heart rates without Bluetooth around them, as the notifications that would have brought them.

Strategy: a text of intervals or a watch's activity file becomes a log like any other by encoding each value as the
Heart Rate Measurement that a sensor would have sent, so that nothing passes by the decoder. Intervals are rounded to
the 1/1024 s of the service; what is no heartbeat's length (above 64 s) is left out, and its time is a hole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import BinaryIO, Final

from firmware_profiles.heart_rate_service import RR_TICKS_PER_S, HeartRateMeasurement, encode
from firmware_profiles.profiles import GENERIC_ID
from watchlink.captures import rr_text
from watchlink.captures.capture import UNDATED
from watchlink.captures.rr_text import RrText
from watchlink.captures.wearables import Wearables
from watchlink.errors import CaptureError
from watchlink.packets import Notification, Packet, Seat

_WEARABLE: Final = "w1"
_PERSON: Final = "person 1"
_MOST_TICKS: Final = 0xFFFF
_MS_PER_MINUTE: Final = 60_000
_US_PER_S: Final = 1_000_000


def rr_packets(series: RrText) -> Iterator[Packet]:
    """The log of a person whose intervals these are: each is reported as it ends."""
    yield Seat(at_us=0, person=_PERSON, wearable=_WEARABLE, profile=GENERIC_ID)
    for rr_ms, at_s in zip(series.rr_ms, series.at_s, strict=True):
        ticks = round(rr_ms * RR_TICKS_PER_S / 1000)
        if ticks <= _MOST_TICKS:
            rate = min(round(_MS_PER_MINUTE / rr_ms), _MOST_TICKS)
            payload = encode(HeartRateMeasurement.of(heart_rate_bpm=rate, rr_ticks=(ticks,)))
            yield Notification(at_us=round(at_s * _US_PER_S), wearable=_WEARABLE, payload=payload)


def rate_packets(rates: Sequence[tuple[float, int]]) -> Iterator[Packet]:
    """The log of a person of whom (seconds, beats a minute) are known and no intervals."""
    yield Seat(at_us=0, person=_PERSON, wearable=_WEARABLE, profile=GENERIC_ID)
    for at_s, rate in rates:
        payload = encode(HeartRateMeasurement.of(heart_rate_bpm=rate))
        yield Notification(at_us=round(at_s * _US_PER_S), wearable=_WEARABLE, payload=payload)


class Whole:
    """Base of readers that have to see the whole file before they can say anything."""

    fault: CaptureError | None
    started_at: datetime | None
    most_octets = rr_text.MOST_OCTETS

    def __init__(self, name: str, wearables: Wearables) -> None:
        """Read the file called `name` in messages."""
        self.fault = None
        self.started_at = None
        self._name = name
        self._findings = wearables.findings
        self._pieces: list[bytes] = []
        self._size = 0

    def push(self, octets: bytes) -> list[Packet]:
        """Keep the octets."""
        if self.fault is None:
            self._pieces.append(octets)
            self._size += len(octets)
            if self._size > self.most_octets:
                self._pieces.clear()
                self.fault = CaptureError(
                    f"{self._name} holds more than {self.most_octets // 2**20} MB of intervals. Cut it into parts."
                )
        return []


def recognises_text(start: bytes) -> bool:
    """Whether a file that begins so is a text of intervals: text with a figure in it."""
    return rr_text.recognises(start) and any(0x30 <= octet <= 0x39 for octet in start)


class TextReader(Whole):
    """Reads texts of RR intervals; see `rr_text.py`."""

    def flush(self) -> list[Packet]:
        """The file is over: its packets."""
        if self.fault is not None:
            return []
        self._findings.format = "text of RR intervals"
        file: BinaryIO = _open(self._pieces)
        try:
            packets = list(rr_packets(rr_text.read(file, self._name)))
        except CaptureError as error:
            self.fault = error
            return []
        self.started_at = UNDATED
        self._findings.links["RR intervals"] += len(packets) - 1
        return packets


def _open(pieces: list[bytes]) -> BinaryIO:
    from io import BytesIO

    return BytesIO(b"".join(pieces))
