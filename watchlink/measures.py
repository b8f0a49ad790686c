"""What a programme can be judged by, and the one measure that a cohort declares before its first week.

Strategy: of many measures one always moves by luck. So a cohort says beforehand which one counts; what was said is kept
with its day and a digest, and whoever changes it later is found out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

LEAST_PEOPLE: Final = 5
"""Of fewer people nothing is told of the group: it could be told of one."""

DEFAULT_LABEL: Final = "escalation"
"""The mark whose answer counts where nobody chose another."""


class Measure(StrEnum):
    """A measure of a programme."""

    RESTING_VARIABILITY = "resting-variability"
    """ln RMSSD of silent baselines: what training is said to raise; needs intervals between beats."""
    RESTING_HEART_RATE = "resting-heart-rate"
    """Of silent baselines; every wearable gives it."""
    RESPONSE = "response"
    """How far the heart rate rises after one sort of mark, as speaker, in scenarios that nobody had met."""
    RECOVERY = "recovery"
    """In which time half of a heart rate rise is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Primary:
    """The one measure that a cohort declared.

    Attributes:
        measure: which.
        label: of the mark, for `Measure.RESPONSE`; else empty.
        declared_on: when it was said.
    """

    measure: Measure
    label: str
    declared_on: date

    @property
    def text(self) -> str:
        """What was declared, in one line; `digest` is of this."""
        return f"{self.measure} {self.label}".strip() + f", declared on {self.declared_on.isoformat()}"

    @property
    def digest(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of `text`."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]
