"""When a virtual wearable could be had: the truth against which a client's recovery is measured."""

from __future__ import annotations


class Reach:
    """The intervals in which one wearable could be connected to and would stream, on the clock's axis in microseconds.

    It can be had while it is on the air and no reason stands against it; several reasons may stand at once.
    """

    def __init__(self) -> None:
        self._intervals: list[tuple[int, int]] = []
        self._since_us: int | None = None
        self._reasons: set[str] = set()
        self._ended = True

    def begin(self, at_us: int) -> None:
        """It is on the air."""
        self._ended = False
        self._since_us = at_us

    def end(self, at_us: int) -> None:
        """It leaves the air."""
        self._close(at_us)
        self._ended = True

    def block(self, why: str, at_us: int) -> None:
        """From now on `why` stands against it."""
        self._reasons.add(why)
        self._close(at_us)

    def unblock(self, why: str, at_us: int) -> None:
        """`why` stands against it no more."""
        self._reasons.discard(why)
        if not self._reasons and not self._ended and self._since_us is None:
            self._since_us = at_us

    def renew(self, at_us: int) -> None:
        """A trouble was over in this instant: one interval ends, and the next one begins."""
        if self._since_us is not None:
            self._close(at_us)
            self._since_us = at_us

    def until(self, now_us: int) -> tuple[tuple[int, int], ...]:
        """The intervals [from_us, to_us) up to now, in order."""
        present = () if self._since_us is None or self._since_us >= now_us else ((self._since_us, now_us),)
        return (*self._intervals, *present)

    def _close(self, at_us: int) -> None:
        if self._since_us is not None and self._since_us < at_us:
            self._intervals.append((self._since_us, at_us))
        self._since_us = None
