"""What every format's reader returns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from watchlink.packets import Packet


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """An open capture: the UTC of its zero, and its packets, read as they are asked for."""

    started_at: datetime
    packets: Iterator[Packet]
