"""From GATT traffic to the packets of a log: which device is a wearable, whose name it goes by, what it notified.

Strategy: every link of a capture, whatever it was recorded with, tells this class what it sees, and packets come out in
the order in which they were seen. Where discovery was not recorded, a characteristic is taken for the heart rate if its
values look like nothing else; until that is decided, everything that follows is held back, so that the order stands.
Captures that watchlink wrote carry its own records beside the Bluetooth traffic; those are believed as they are.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from firmware_profiles.profiles import profile_for
from watchlink.captures.attributes import Device
from watchlink.captures.capture import UNDATED, Findings
from watchlink.captures.likeness import Likeness, Verdict
from watchlink.packets import (
    Attribute,
    AttributeRead,
    LinkChange,
    LinkState,
    Notification,
    Packet,
    Seat,
    from_json,
)

RECORD_IDENT: Final = b"watchlink "
"""Begins watchlink's own records, JSON, in a capture of another format."""
RECORD_VERSION: Final = 1
BINDING: Final = "binding"
"""Type of the record that says which wearable a link belongs to."""
HEADER: Final = "capture"
"""Type of the record that begins a capture."""

# So many devices are remembered; of more, those that gave no heart rate are forgotten, the oldest first.
_MOST_DEVICES: Final = 2048
# So many packets wait for a doubtful characteristic at most.
_MOST_HELD: Final = 4096
# A sensor reports every second; what was silent for so long is waited for no more.
_LONGEST_DOUBT_US: Final = 30_000_000
# A device has a dozen characteristics that notify.
_MOST_DOUBTS: Final = 256


class _Doubt:
    """A characteristic of which it is not yet known whether it is the heart rate."""

    def __init__(self, device: Device, handle: int) -> None:
        self.device = device
        self.handle = handle
        self.likeness = Likeness()
        self.last_us = 0


class Wearables:
    """What is seen on all links of a capture, as packets of a log; `take` gives those that are ready."""

    def __init__(self, findings: Findings, *, handle: int | None = None) -> None:
        """Note what is found in `findings`; `handle` is the value handle that the person knows to be the heart rate."""
        self.findings = findings
        self._handle = handle
        self._zero_us: int | None = None
        self._own = False
        self._bound: dict[bytes, str] = {}
        self._devices: dict[bytes, Device] = {}
        # By device and handle; None where it is decided that it is no heart rate.
        self._doubts: dict[Device, dict[int, _Doubt | None]] = {}
        # Doubts for which something is held back, and how much was seen since the first of them.
        self._open: list[_Doubt] = []
        self._held = 0
        self._queue: deque[Packet | tuple[_Doubt, Notification]] = deque()
        self._met = 0
        self._links = 0
        self.forgetful: list[Callable[[], None]] = []
        """Called when something was learnt, by which what said nothing may say something now."""

    @property
    def own(self) -> bool:
        """Whether watchlink wrote this capture."""
        return self._own

    @property
    def started_at(self) -> datetime | None:
        """UTC of the zero, once a frame was seen."""
        return None if self._zero_us is None else UNDATED + timedelta(microseconds=self._zero_us)

    def take(self) -> list[Packet]:
        """The packets that are ready, in the order in which they were seen."""
        ready: list[Packet] = []
        while self._queue:
            head = self._queue[0]
            if isinstance(head, tuple):
                break
            ready.append(head)
            self._queue.popleft()
        return ready

    def flush(self) -> list[Packet]:
        """The capture is over: doubts are decided by what was seen."""
        for doubt in tuple(self._open):
            self._decide(doubt, heart_rate=doubt.likeness.at_the_end() is Verdict.HEART_RATE)
        return self.take()

    def begin(self, at_us: int) -> None:
        """The first frame is of this time (microseconds since 1970), which becomes the zero."""
        if self._zero_us is None:
            self._zero_us = at_us
            self.findings.span(at_us, at_us)

    def new_link(self) -> int:
        """A number for a link of which nothing else is known."""
        self._links += 1
        return self._links

    def device(self, address: bytes, *, name: str = "") -> Device:
        """The device at an address; a new one if it was not met before."""
        device = self._devices.get(address)
        if device is None:
            if len(self._devices) >= _MOST_DEVICES:
                self._forget_one()
            device = self._devices[address] = Device(wearable=self._bound.get(address[-6:]))
            self.findings.devices.append(device)
        device.name = device.name or name
        return device

    def notified(self, at_us: int, device: Device, handle: int, value: bytes) -> list[int] | None:
        """A notification. Returns the cell to count further ones in if they can say nothing to a log."""
        cell = device.count(handle)
        cell[0] += 1
        if device.measurement is not None:
            for doubt in [doubt for doubt in self._open if doubt.device is device]:
                self._decide(doubt, heart_rate=False)
        if handle == device.measurement:
            self._heart_rate(at_us, device, value)
            return None
        if handle == self._handle and device.measurement is None and handle not in device.characteristics:
            self._settle(device, handle, guessed=False)
            self._heart_rate(at_us, device, value)
            return None
        if device.measurement is not None or handle in device.characteristics or self._own or self._handle is not None:
            return cell
        return self._doubted(at_us, device, handle, value, cell)

    def read(self, at_us: int, device: Device, attribute: Attribute, value: bytes) -> None:
        """A value was read from a device."""
        device.reads[attribute] = value
        if device.wearable is not None:
            self._attribute(device.wearable, attribute, at_us, value)

    def lost(self, at_us: int, device: Device, reason: str) -> None:
        """A link to a device ended."""
        if device.wearable is not None and not self._own:
            self._append(
                LinkChange(at_us=self._at(at_us), wearable=device.wearable, state=LinkState.LOST, reason=reason)
            )

    def learnt(self) -> None:
        """Something changed by which a frame that said nothing may say something now."""
        for forget in self.forgetful:
            forget()

    def record(self, text: bytes) -> None:
        """A record of watchlink itself.

        Raises:
            ValueError: it is none, or of a newer version.
        """
        record: dict[str, Any] | None = json.loads(text)
        if isinstance(record, dict) and record.get("type") == HEADER:
            self._header(record)
        elif isinstance(record, dict) and record.get("type") == BINDING:
            self._bound[bytes.fromhex(str(record.get("address")))] = str(record.get("wearable"))
        else:
            self._append(from_json(text))

    def _header(self, record: dict[str, Any]) -> None:
        if record.get("version") != RECORD_VERSION:
            raise ValueError(f"a record of version {record.get('version')!r}; this watchlink reads {RECORD_VERSION}")
        started_at = datetime.fromisoformat(str(record.get("started_at")))
        self._zero_us = (started_at - UNDATED) // timedelta(microseconds=1)
        self._own = True

    def _heart_rate(self, at_us: int, device: Device, value: bytes) -> None:
        if device.wearable is None:
            self._seat(at_us, device)
        assert device.wearable is not None
        device.heart_rates += 1
        self._append(Notification(at_us=self._at(at_us), wearable=device.wearable, payload=value))

    def _seat(self, at_us: int, device: Device) -> None:
        for packet in self._seated(at_us, device):
            self._append(packet)

    def _append(self, packet: Packet) -> None:
        """Put a packet at the end; doubts that were answered or last too long must not hold it back.

        What is counted and compared here is the capture's own, so that how it is cut into pieces changes nothing.
        """
        self._queue.append(packet)
        if not self._open:
            return
        self._held += 1
        for doubt in tuple(self._open):
            too_long = packet.at_us - doubt.last_us > _LONGEST_DOUBT_US or self._held > _MOST_HELD
            if too_long or doubt.device.measurement is not None:
                self._decide(doubt, heart_rate=False)

    def _seated(self, at_us: int, device: Device) -> list[Packet]:
        """The device becomes a wearable of the log."""
        self._met += 1
        wearable = device.wearable = f"w{self._met}"
        texts = {attribute: value.decode("utf-8", "replace") for attribute, value in device.reads.items()}
        profile = profile_for(
            name=device.name,
            manufacturer_name=texts.get(Attribute.MANUFACTURER_NAME, ""),
            model_number=texts.get(Attribute.MODEL_NUMBER, ""),
        )
        seat = Seat(at_us=self._at(at_us), person=f"person {self._met}", wearable=wearable, profile=profile.id)
        reads = [
            AttributeRead(at_us=seat.at_us, wearable=wearable, attribute=attribute, payload=value)
            for attribute, value in device.reads.items()
        ]
        return [seat, *reads]

    def _attribute(self, wearable: str, attribute: Attribute, at_us: int, value: bytes) -> None:
        self._append(AttributeRead(at_us=self._at(at_us), wearable=wearable, attribute=attribute, payload=value))

    def _doubted(self, at_us: int, device: Device, handle: int, value: bytes, cell: list[int]) -> list[int] | None:
        """A characteristic of which nothing is known: it may be the heart rate."""
        doubts = self._doubts.setdefault(device, {})
        if handle not in doubts:
            doubts[handle] = _Doubt(device, handle) if len(doubts) < _MOST_DOUBTS else None
        doubt = doubts[handle]
        if doubt is None:
            return cell
        verdict = doubt.likeness.push(at_us, value)
        if verdict is Verdict.OTHER:
            self._decide(doubt, heart_rate=False)
            return cell
        notification = Notification(at_us=self._at(at_us), wearable="", payload=value)
        if doubt not in self._open:
            self._open.append(doubt)
        doubt.last_us = notification.at_us
        self._held += 1
        self._queue.append((doubt, notification))
        if verdict is Verdict.OPEN and self._held > _MOST_HELD:
            self._decide(doubt, heart_rate=False)
            return cell
        if verdict is Verdict.HEART_RATE:
            self._decide(doubt, heart_rate=True)
        return None

    def _decide(self, doubt: _Doubt, *, heart_rate: bool) -> None:
        """Release what was held back for a doubt."""
        device = doubt.device
        self._doubts[device][doubt.handle] = None
        if doubt in self._open:
            self._open.remove(doubt)
        if not self._open:
            self._held = 0
        if heart_rate and device.measurement is None:
            self._settle(device, doubt.handle, guessed=True)
        heart_rate = doubt.handle == device.measurement
        released: deque[Packet | tuple[_Doubt, Notification]] = deque()
        for entry in self._queue:
            if not isinstance(entry, tuple) or entry[0] is not doubt:
                released.append(entry)
            elif heart_rate:
                held = entry[1]
                if device.wearable is None:
                    released.extend(self._seated(held.at_us + (self._zero_us or 0), device))
                assert device.wearable is not None
                device.heart_rates += 1
                released.append(Notification(at_us=held.at_us, wearable=device.wearable, payload=held.payload))
        self._queue = released
        self.learnt()

    def _settle(self, device: Device, handle: int, *, guessed: bool) -> None:
        device.measurement, device.guessed = handle, guessed
        if guessed:
            self.findings.remarks.append(
                f"The capture does not say which characteristic is the heart rate of a device; handle 0x{handle:04x} "
                f"is taken for it, because its values look like heart rates. That is a guess. If another one is it, "
                f"name it with --handle."
            )

    def _forget_one(self) -> None:
        for address, device in self._devices.items():
            if device.wearable is None and device.measurement is None:
                for doubt in [doubt for doubt in self._doubts.get(device, {}).values() if doubt is not None]:
                    self._decide(doubt, heart_rate=False)
                self._doubts.pop(device, None)
                del self._devices[address]
                self.findings.devices.remove(device)
                self.findings.forgotten += sum(cell[0] for cell in device.notified.values())
                return

    def _at(self, at_us: int) -> int:
        return at_us - (self._zero_us or 0)
