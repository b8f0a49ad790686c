"""FIT: a watch's activity file, of which the `hrv` messages (RR intervals) are read, or else the heart rate of records.

Strategy: the container is fitdecode's business, an optional dependency. Intervals have no times of their own in FIT;
each gets the time of the record before it, and the intervals themselves are the clock, as in any text of intervals.

References:
    Garmin FIT protocol, messages `record` (20) and `hrv` (78: intervals in s, 65.535 is none).
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from io import BytesIO
from typing import Any, Final, cast

from watchlink.captures.capture import UNDATED
from watchlink.captures.rr_text import placed
from watchlink.captures.series import Whole, rate_packets, rr_packets
from watchlink.errors import CaptureError
from watchlink.packets import Packet

_MAGIC: Final = b".FIT"
_MAGIC_AT: Final = 8
_NONE_S: Final = 65.0


def recognises(start: bytes) -> bool:
    """Whether a file that begins so is of this format."""
    return start[_MAGIC_AT : _MAGIC_AT + 4] == _MAGIC


class Reader(Whole):
    """Reads FIT files."""

    def flush(self) -> list[Packet]:
        """The file is over: its packets."""
        if self.fault is not None:
            return []
        self._findings.format = "FIT"
        try:
            fitdecode: Any = import_module("fitdecode")  # has no types
        except ImportError:
            self.fault = CaptureError(
                f"{self._name} is a FIT file. Reading those needs a library more: pip install 'watchlink[fit]'."
            )
            return []
        messages: list[tuple[str, object, object]] = []
        try:
            with fitdecode.FitReader(BytesIO(b"".join(self._pieces))) as file:
                for frame in file:
                    if isinstance(frame, fitdecode.FitDataMessage) and frame.name == "hrv":
                        messages.append(("hrv", None, frame.get_value("time", fallback=None)))
                    elif isinstance(frame, fitdecode.FitDataMessage) and frame.name == "record":
                        at = frame.get_value("timestamp", fallback=None)
                        messages.append(("record", at, frame.get_value("heart_rate", fallback=None)))
        except Exception as error:  # noqa: BLE001 - what the library stumbles over in a damaged file is not only its own
            self.fault = CaptureError(
                f"{self._name} is damaged ({error}). {len(messages)} messages before that were read."
            )
        return self._packets(messages)

    def _packets(self, messages: list[tuple[str, object, object]]) -> list[Packet]:
        rr_ms: list[float] = []
        times_s: list[float] = []
        rates: list[tuple[float, int]] = []
        started_at: datetime | None = None
        now_s = 0.0
        for kind, at, value in messages:
            if isinstance(at, datetime):
                at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
                started_at = started_at or at
                now_s = max(now_s, (at - started_at).total_seconds())
            if kind == "hrv":
                for interval_s in cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,):
                    if isinstance(interval_s, int | float) and 0 < interval_s < _NONE_S:
                        rr_ms.append(1000.0 * interval_s)
                        times_s.append(now_s)
            elif isinstance(value, int) and value > 0:
                rates.append((now_s, value))
        self.started_at = started_at or UNDATED
        if rr_ms:
            packets = list(rr_packets(placed(rr_ms, times_s if started_at is not None else None)))
            self._findings.links["hrv messages"] += len(rr_ms)
        elif rates:
            packets = list(rate_packets(rates))
            self._findings.links["record messages"] += len(rates)
            self._findings.remarks.append(
                "The watch recorded no RR intervals, only heart rates. Where it can, switch on the logging of HRV."
            )
        else:
            packets = []
            self.fault = self.fault or CaptureError(f"{self._name} holds neither RR intervals nor heart rates.")
        return packets
