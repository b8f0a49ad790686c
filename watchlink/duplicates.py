"""Telling a notification that was delivered twice from one that was sent twice.

Strategy: a heart-rate sensor reports about once a second, so the same bytes again within a fraction of that are the
radio's doing, or the operating system's, which can deliver every notification twice after a lost link. The live link
asks this before the log, the pipeline once more: a capture of other people's was never asked.
"""

from __future__ import annotations

from typing import Final

_DUPLICATE_US: Final = 150_000


class DuplicateGuard:
    """Sees the payloads of one wearable in order of arrival."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self._payload: bytes | None = None
        self._at_us = 0

    def repeats(self, *, at_us: int, payload: bytes) -> bool:
        """Whether this is the last payload once more; if not, it is the last one from now on."""
        if payload == self._payload and at_us - self._at_us < _DUPLICATE_US:
            return True
        self._payload, self._at_us = payload, at_us
        return False
