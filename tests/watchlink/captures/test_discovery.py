"""What a capture tells of a device beside its heart rates: every way in which hosts ask for it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from watchlink.captures import open_capture
from watchlink.captures.attributes import Device, uuid_text
from watchlink.packets import Attribute, AttributeRead, Notification, Packet, Seat

from .frames import ADDRESS, acl, advertised, connected, notified, snoop

_VALUE = notified(b"\x10\x3c\x00\x04")
_BASE = bytes.fromhex("fb349b5f8000008000100000")


def _read(path: Path, *pdus: tuple[bool, bytes], name: str = "") -> tuple[list[Packet], Device]:
    """What is found if these ATT PDUs (received or not) come before one notification of handle 0x0011."""
    steps = [(0, True, advertised(ADDRESS, name))] if name else []
    steps.append((1, True, connected(0x40, ADDRESS)))
    steps += [(10 + number, received, acl(0x40, pdu)[0]) for number, (received, pdu) in enumerate(pdus)]
    path.write_bytes(snoop(*steps, (1_000_000, True, acl(0x40, _VALUE)[0])))
    with open_capture(path) as capture:
        packets = list(capture.packets)
    return packets, next(device for device in capture.findings.devices if device.notified)


def _asked(opcode: int, *numbers: int) -> tuple[bool, bytes]:
    return False, struct.pack(f"<B{len(numbers)}H", opcode, *numbers)


@pytest.mark.parametrize(
    "pdus",
    [
        pytest.param(
            [_asked(8, 1, 0xFFFF, 0x2803), (True, b"\x09\x07" + struct.pack("<HBHH", 0x10, 0x10, 0x11, 0x2A37))],
            id="Read By Type, characteristics",
        ),
        pytest.param(
            [
                _asked(8, 1, 0xFFFF, 0x2803),
                (True, b"\x09\x15" + struct.pack("<HBH", 0x10, 0x10, 0x11) + _BASE + b"\x37\x2a\0\0"),
            ],
            id="Read By Type, the long form of the UUID",
        ),
        pytest.param(
            [(True, b"\x09\x07" + struct.pack("<HBHH", 0x10, 0x10, 0x11, 0x2A37))],
            id="Read By Type, of which the question was missed",
        ),
        pytest.param(
            [_asked(4, 0x10, 0x12), (True, b"\x05\x01" + struct.pack("<HHHH", 0x11, 0x2A37, 0x12, 0x2902))],
            id="Find Information",
        ),
        pytest.param(
            [_asked(8, 1, 0xFFFF, 0x2A37), (True, b"\x09\x04" + struct.pack("<HBB", 0x11, 0, 60))],
            id="Read By Type, the value itself",
        ),
    ],
)
def test_the_heart_rates_handle_is_learnt_from(path: Path, pdus: list[tuple[bool, bytes]]) -> None:
    packets, device = _read(path, *pdus)
    assert device.measurement == 0x11
    assert not device.guessed
    assert [packet.payload for packet in packets if isinstance(packet, Notification)] == [_VALUE[3:]]


def test_another_characteristic_at_that_handle_is_no_heart_rate(path: Path) -> None:
    declared = (True, b"\x09\x07" + struct.pack("<HBHH", 0x10, 0x10, 0x11, 0x2A38))
    packets, device = _read(path, _asked(8, 1, 0xFFFF, 0x2803), declared)
    assert packets == []
    assert device.notified[0x11] == [1]


def test_services_and_what_was_switched_on_are_told(path: Path) -> None:
    long = struct.pack("<HH", 0x20, 0x2F) + bytes(range(16))
    packets, device = _read(
        path,
        _asked(0x10, 1, 0xFFFF, 0x2800),
        (True, b"\x11\x06" + struct.pack("<HHHHHH", 1, 9, 0x1800, 0x0F, 0x1F, 0x180D)),
        _asked(0x10, 0x20, 0xFFFF, 0x2800),
        (True, b"\x11\x14" + long),
        (True, b"\x09\x07" + struct.pack("<HBHH", 0x10, 0x10, 0x11, 0x2A37)),
        (False, struct.pack("<BHH", 0x12, 0x12, 1)),
    )
    assert [uuid_text(uuid) for uuid in device.services.values()] == [
        "0x1800",
        "0x180d",
        "0f0e0d0c-0b0a-0908-0706-050403020100",
    ]
    assert device.subscribed == {0x11}
    assert len(packets) == 2


def test_what_was_read_of_a_device_comes_with_it_and_tells_its_profile(path: Path) -> None:
    handles = {0x21: 0x2A29, 0x23: 0x2A24, 0x25: 0x2A26, 0x12: 0x2A19, 0x11: 0x2A37}
    declared = [
        (True, b"\x09\x07" + struct.pack("<HBHH", handle - 1, 2, handle, uuid)) for handle, uuid in handles.items()
    ]
    values = {0x21: b"Polar Electro Oy\0", 0x23: b"H10", 0x25: b"5.0.0", 0x12: b"\x5a"}
    reads = [pdu for handle, value in values.items() for pdu in (_asked(0x0A, handle), (True, b"\x0b" + value))]
    packets, _ = _read(path, *declared, *reads)
    assert packets[0] == Seat(at_us=999_999, person="person 1", wearable="w1", profile="polar-h10")
    assert {p.attribute: p.payload for p in packets if isinstance(p, AttributeRead)} == {
        Attribute.MANUFACTURER_NAME: b"Polar Electro Oy\0",
        Attribute.MODEL_NUMBER: b"H10",
        Attribute.FIRMWARE_REVISION: b"5.0.0",
        Attribute.BATTERY_LEVEL: b"\x5a",
    }


def test_a_value_read_later_comes_when_it_is_read(path: Path) -> None:
    declared = (
        b"\x09\x07" + struct.pack("<HBHH", 0x10, 0x10, 0x11, 0x2A37) + struct.pack("<HBHH", 0x13, 2, 0x14, 0x2A19)
    )
    path.write_bytes(
        snoop(
            (0, True, connected(0x40, ADDRESS)),
            (1, True, acl(0x40, declared)[0]),
            (1_000_000, True, acl(0x40, _VALUE)[0]),
            (2_000_000, False, acl(0x40, b"\x0a\x14\x00")[0]),
            (2_050_000, True, acl(0x40, b"\x0b\x63")[0]),
        )
    )
    with open_capture(path) as capture:
        packets = list(capture.packets)
    assert packets[-1] == AttributeRead(
        at_us=2_050_000, wearable="w1", attribute=Attribute.BATTERY_LEVEL, payload=b"\x63"
    )


def test_an_answer_belongs_to_the_question_before_it(path: Path) -> None:
    declared = (True, b"\x09\x07" + struct.pack("<HBHH", 0x13, 2, 0x14, 0x2A19))
    stray = [_asked(0x0A, 0x14), (True, b"\x01\x0a\x14\x00\x02"), (True, b"\x0b\x63")]
    packets, _ = _read(path, declared, (True, b"\x09\x07" + struct.pack("<HBHH", 0x10, 0x10, 0x11, 0x2A37)), *stray)
    assert not any(isinstance(packet, AttributeRead) for packet in packets)


def test_a_host_that_is_a_wearable_itself_is_one_too(path: Path) -> None:
    """A phone that shares its watch's heart rate, or a simulator: the notifications are sent, not received."""
    path.write_bytes(
        snoop(
            (0, True, connected(0x40, ADDRESS)),
            (1, True, acl(0x40, struct.pack("<BHHH", 8, 1, 0xFFFF, 0x2803))[0]),
            (2, False, acl(0x40, b"\x09\x07" + struct.pack("<HBHH", 0x10, 0x10, 0x11, 0x2A37))[0]),
            (1_000_000, False, acl(0x40, _VALUE)[0]),
        )
    )
    with open_capture(path) as capture:
        assert [p.payload for p in capture.packets if isinstance(p, Notification)] == [_VALUE[3:]]
