"""Where a session stands in its plan: the block that runs, when it is due to end, what comes next.

Strategy: a fold over the log, so that a session that is taken up again after a crash goes on where it was. Blocks begin
because they are due or because somebody said so; the log does not tell the difference, and neither does this.
"""

from __future__ import annotations

from dataclasses import replace

from watchlink.errors import SessionFileError
from watchlink.packets import EventKind, Extension, Packet, Planned, Role, SessionEvent
from watchlink.session import Block, Plan, parse_plan


class Agenda:
    """The plan of a session and how far it has come."""

    def __init__(self) -> None:
        """No plan yet."""
        self.plan: Plan | None = None
        self.week: int | None = None
        self.running: SessionEvent | None = None
        """The block that runs, as it was entered; None before the first."""
        self.ends_us: int | None = None
        """When the block that runs is due to end; None where that is not planned."""
        self._done = 0  # how many of the plan's blocks have begun

    def enter(self, packet: Packet) -> None:
        """Take what the log states."""
        match packet:
            case Planned():
                self.ends_us, self._done = None, 0
                try:
                    self.plan, self.week = parse_plan(packet.text, file="the plan of this session"), packet.week
                except SessionFileError:  # of another version; the session goes on without it
                    self.plan = None
            case SessionEvent(kind=EventKind.BLOCK):
                self._begin(packet)
            case Extension() if self.ends_us is not None:
                self.ends_us += packet.by_us
            case _:
                pass

    @property
    def block(self) -> Block | None:
        """The plan's block that runs; None before the first, and while one runs that is not of the plan."""
        if self.plan is None or self.ends_us is None:
            return None
        return self.plan.blocks[self._done - 1]

    @property
    def number(self) -> int:
        """How many of the plan's blocks have begun."""
        return self._done

    @property
    def blocks(self) -> int:
        """How many blocks the plan has."""
        return 0 if self.plan is None else len(self.plan.blocks)

    @property
    def next_block(self) -> Block | None:
        """The block after this one; None after the last."""
        if self.plan is None or self._done >= len(self.plan.blocks):
            return None
        return self.plan.blocks[self._done]

    @property
    def scenario_is_new(self) -> bool:
        """Whether the scenario of this block is one that nobody has met."""
        return self.block is not None and self.week in self.block.new_in_weeks

    def is_due(self, at_us: int) -> bool:
        """Whether the next block should have begun by now."""
        return self.ends_us is not None and self.next_block is not None and at_us >= self.ends_us

    def is_over(self, at_us: int) -> bool:
        """Whether the last block of the plan has come to its end."""
        return self.ends_us is not None and self.next_block is None and at_us >= self.ends_us

    def beginning(self, at_us: int, people: tuple[str, ...]) -> tuple[SessionEvent, ...]:
        """What is to be entered for the next block to begin; empty where there is none.

        Of those who practise in it, the first one speaks; `people` in the order of the cohort.
        """
        block = self.next_block
        if block is None:
            return ()
        begins = SessionEvent(at_us=at_us, kind=EventKind.BLOCK, label=block.kind, note=block.title)
        return (begins, *turn(block, at_us + 1, people, after=None))

    def _begin(self, event: SessionEvent) -> None:
        self.running = replace(event, at_us=event.happened_us, ago_us=0)
        self.ends_us = None
        coming = () if self.plan is None else self.plan.blocks[self._done :]
        for ahead, block in enumerate(coming, 1):
            if (block.kind, block.title) == (event.label, event.note):
                self._done += ahead
                self.ends_us = event.happened_us + block.duration_us
                return


def turn(block: Block, at_us: int, people: tuple[str, ...], *, after: str | None) -> tuple[SessionEvent, ...]:
    """Whose turn it is after somebody's (None: at the beginning), of those who practise in a block; empty if nobody."""
    speakers = [people[number - 1] for number in block.speakers if number <= len(people)]
    if not speakers:
        return ()
    who = speakers[(speakers.index(after) + 1) % len(speakers)] if after in speakers else speakers[0]
    return (SessionEvent(at_us=at_us, kind=EventKind.ROLE, label=str(Role.SPEAKER), person=who),)
