"""What one virtual wearable is: what it shows on the air, what can be read from it, and what its sensor sends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Emission:
    """One notification that a wearable's sensor makes, `at_us` on the clock's axis."""

    at_us: int
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualWearable:
    """What one wearable shows on the air.

    Attributes:
        serial: tells the wearables of one air apart, whatever they are called.
        name: as advertised; several may have the same.
        manufacturer: read from the device information service, like `model` and `firmware`.
        model: see `manufacturer`.
        firmware: see `manufacturer`.
        battery_percent: 0..100, when the clock begins.
        body_sensor_location: an octet, see `gatt.BodySensorLocation`; None leaves the characteristic out.
        emissions: Heart Rate Measurements in order of time; may be lazy and endless.
        serves_serial: whether `serial` can be read from the device information service.
        advertises_service: whether the advertisement names the Heart Rate Service.
        manufacturer_data: company identifier and data that are advertised.
        battery_falls_pct_per_h: how fast the battery empties.
        counts_energy: whether it has a control point, which resets the energy expended in its (well-formed) emissions;
            as long as nobody does, they are sent as they are.
        needs_bond: whether it sends its heart rate only to those whom it is paired with.
    """

    serial: str
    name: str
    manufacturer: str
    model: str
    firmware: str
    battery_percent: int
    body_sensor_location: int | None
    emissions: Iterable[Emission]
    serves_serial: bool = True
    advertises_service: bool = True
    manufacturer_data: tuple[int, bytes] | None = None
    battery_falls_pct_per_h: float = 4.0
    counts_energy: bool = False
    needs_bond: bool = False
