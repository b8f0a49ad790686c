"""How `live` looks for wearables where there is more than one adapter.

Strategy: the real function on a virtual air whose adapters hear different things. It keeps the machine's time, while
the air's time jumps from timer to timer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from watchlink.clock import VirtualClock
from watchlink.commands.seating import Seats, heard_near
from watchlink.errors import LinkError, LinkFault
from watchlink.sources.ble import Found, Radio
from watchlink.sources.virtual.air import VirtualAir
from watchlink.sources.virtual.wearable import VirtualWearable

NAMES = ("Strap 1", "Strap 2")


def strap(name: str) -> VirtualWearable:
    return VirtualWearable(
        serial=name,
        name=name,
        manufacturer="Maker",
        model="Model",
        firmware="1",
        battery_percent=80,
        body_sensor_location=None,
        emissions=(),
    )


def hearing_only(name: str, radio: Radio) -> Radio:
    backend: Any = radio.scanner_backend

    class HardOfHearing(backend):
        def call_detection_callbacks(self, device: Any, advertisement: Any) -> None:
            if device.name == name:
                super().call_detection_callbacks(device, advertisement)

    return replace(radio, scanner_backend=HardOfHearing)


def looked_for(*, off: Sequence[int]) -> list[Found]:
    """What is found by three adapters, of which the first hears one strap and the second the other one."""
    clock = VirtualClock(started_at=datetime(2025, 3, 1, 9, 0, tzinfo=UTC))
    seats = Seats(by_name={name: f"person {name}" for name in NAMES}, remembered=())

    async def main() -> list[Found]:
        async with VirtualAir([strap(name) for name in NAMES], clock=clock, adapters=3) as air:
            for adapter in off:
                air.switch_adapter_off(adapter)
            first, second, third = air.radios
            radios = (hearing_only(NAMES[0], first), hearing_only(NAMES[1], second), third)
            return await heard_near(seats, 2.0, radios)

    return clock.run(main())


def test_wearables_are_looked_for_on_every_adapter_and_one_that_is_off_hinders_nobody() -> None:
    assert [found.name for found in looked_for(off=[2])] == list(NAMES)


def test_where_no_adapter_works_it_is_said_what_to_do() -> None:
    with pytest.raises(LinkError) as error:
        looked_for(off=[0, 1, 2])
    assert error.value.fault is LinkFault.POWERED_OFF
