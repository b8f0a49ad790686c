"""Wearables over Bluetooth LE through Bleak: finding them, and a source that keeps them connected.

Strategy: it runs unchanged on the operating system's Bluetooth and on a virtual air; `Radio` says which. From below:
`radio` (backends, limits, errors in plain words), `scanner` (what is near), `identity` (whose it is), `link` (one
connection, once), `adapter` (who may connect next), `keeper` (one wearable's links, when and how often), `source`
(everybody's packets, in order). `bluez` is what the service of Linux says of itself.
"""

from watchlink.sources.ble.radio import Radio, system_radios
from watchlink.sources.ble.scanner import ConnectedHere, Found, connected_here, scan
from watchlink.sources.ble.source import BleSource, Wearer

__all__ = ["BleSource", "ConnectedHere", "Found", "Radio", "Wearer", "connected_here", "scan", "system_radios"]
