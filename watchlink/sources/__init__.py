"""Where packets come from: the air (`ble`), a virtual air (`virtual`), a capture (`replay`), people (`events`).

Strategy: the seam is below the decoder. Whatever the source, the same raw packets come out of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Protocol, Self

from watchlink.packets import Packet


class Source(Protocol):
    """Opened with `async with`, read with `async for`. Leaving the context gives everything back, whatever happened."""

    async def __aenter__(self) -> Self:
        """Open the source. Raises a `WatchlinkError` where it cannot be opened."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give everything back. Never raises because of a link or file that is already gone."""
        ...

    def __aiter__(self) -> AsyncIterator[Packet]:
        """Packets in order of arrival; ends when the source has no more."""
        ...
