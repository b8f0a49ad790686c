"""Which profile describes a wearable that was seen: pure, and the same answer every time.

Strategy: three kinds of evidence, the better one first. What the wearable says of itself in its device information
beats its advertised name, and the name beats the maker's number in the advertisement. Within one kind the longest match
wins, so that "TICKR FIT" is no "TICKR", without either entry knowing of the other.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from firmware_profiles.facts import Profile


def best_matches(
    profiles: Iterable[Profile],
    *,
    name: str = "",
    manufacturer_ids: Collection[int] = (),
    manufacturer_name: str = "",
    model_number: str = "",
) -> tuple[Profile, ...]:
    """Those that describe it best: none if nothing matches; more than one only where the entries are ambiguous."""
    best: list[Profile] = []
    most = (0, 0, 0)
    for profile in profiles:
        strength = (
            _device_information(profile, manufacturer_name, model_number),
            _matched(profile.name_pattern, name),
            int(profile.manufacturer_id in manufacturer_ids),
        )
        if strength > most:
            best, most = [], strength
        if strength == most != (0, 0, 0):
            best.append(profile)
    return tuple(best)


def _device_information(profile: Profile, manufacturer_name: str, model_number: str) -> int:
    """How much of the model number is matched, by a profile of this maker."""
    if profile.dis_manufacturer is not None and not _matched(profile.dis_manufacturer, manufacturer_name):
        return 0
    return _matched(profile.dis_model, model_number)


def _matched(pattern: re.Pattern[str] | None, text: str) -> int:
    found = None if pattern is None else pattern.search(text)
    return 0 if found is None else len(found[0])
