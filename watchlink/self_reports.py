"""What people are asked about themselves: what else moves a heart at rest, and one judgement of a session.

Strategy: a resting heart rate of somebody who has slept four hours is no sign of practice. Twenty seconds of questions,
each of which may be left out, tell later which values to look at with care. The answers are in the log and are shown to
nobody else.

References:
    S. Laborde, E. Mosley, J. F. Thayer, "Heart rate variability and cardiac vagal tone in psychophysiological
    research", Front. Psychol. 8:213, 2017, doi 10.3389/fpsyg.2017.00213 (what to ask before a measurement).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

YES: Final = "yes"
NO: Final = "no"
SLEEP: Final = "sleep"
RATING_BEFORE: Final = "rating-before"
RATING_AFTER: Final = "rating-after"
_MOST_SLEEP_H: Final = 24
_MOST_RATING: Final = 10

CHECKLIST: Final[Mapping[str, str]] = MappingProxyType(
    {
        SLEEP: "How many hours did you sleep",
        "caffeine": "Coffee, tea or cola in the last 2 hours",
        "nicotine": "Nicotine in the last 2 hours",
        "alcohol": "Alcohol since yesterday evening",
        "exercise": "Sport or hard work in the last 3 hours",
        "illness": "Do you feel ill, or have you been in the last days",
        "medication": "Medication today that may act on the heart rate",
    }
)
"""What is asked before a baseline, item by item; every answer but the hours of sleep is yes or no."""

RATINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        RATING_BEFORE: "How hard did such a call seem to you before the session, 0 to 10",
        RATING_AFTER: "How hard does it seem now, 0 to 10",
    }
)


def answer_fault(item: str, answer: str) -> str | None:
    """Why this cannot be the answer to an item; None if it can."""
    if item not in CHECKLIST and item not in RATINGS:
        return f"{item!r} is not asked. Asked are: {', '.join((*CHECKLIST, *RATINGS))}."
    if item == SLEEP:
        try:
            hours = float(answer)
        except ValueError:
            hours = -1.0
        return None if 0 <= hours <= _MOST_SLEEP_H else f"Hours of sleep are a number from 0 to {_MOST_SLEEP_H}."
    if item in RATINGS:
        whole = answer.isascii() and answer.isdecimal() and int(answer) <= _MOST_RATING
        return None if whole else f"Say a whole number from 0 to {_MOST_RATING}."
    return None if answer in (YES, NO) else "Type y for yes or n for no."
