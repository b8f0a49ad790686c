"""What each wearable's firmware really does: facts with their sources, read from one TOML file per maker.

Strategy: a person who knows a watch can add it without Python. Every fact states where it is from, how well it is known
and when it was looked up; a fact that nobody knows is left out, and the generic profile, which trusts nothing, stands
in for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from importlib import resources
from typing import Final

from firmware_profiles.facts import (
    Fact,
    FactStatus,
    HeartRateService,
    Pairing,
    Platform,
    Profile,
    RrAvailability,
    RrUnit,
    Sensing,
    VirtualBehaviour,
)
from firmware_profiles.matching import best_matches
from firmware_profiles.profile_files import ProfileFault, clashes, parse_profiles

__all__ = [
    "GENERIC_ID",
    "Fact",
    "FactStatus",
    "HeartRateService",
    "Pairing",
    "Platform",
    "Profile",
    "ProfileFault",
    "RrAvailability",
    "RrUnit",
    "Sensing",
    "VirtualBehaviour",
    "load_profiles",
    "parse_profiles",
    "profile_for",
    "profile_for_name",
]

GENERIC_ID: Final = "generic"


def load_profiles() -> Mapping[str, Profile]:
    """All profiles that ship, by id; read once.

    Raises:
        ProfileFault: a file breaks the schema, or two files do not go together; holds the faults of all files.
    """
    return _shipped()


def profile_for(
    *, name: str, manufacturer_ids: Collection[int] = (), manufacturer_name: str = "", model_number: str = ""
) -> Profile:
    """The profile that describes a wearable best, or the generic one.

    Device information beats the advertised name, which beats the maker's number alone; within each, the longest match
    wins. Were two entries to match alike, the id that comes first in the alphabet would win; no two shipped ones do.

    Args:
        name: as advertised; may be empty.
        manufacturer_ids: company identifiers in the advertisement.
        manufacturer_name: of the device information; empty before it was read.
        model_number: of the device information; empty before it was read.
    """
    profiles = load_profiles()
    matches = best_matches(
        profiles.values(),
        name=name,
        manufacturer_ids=manufacturer_ids,
        manufacturer_name=manufacturer_name,
        model_number=model_number,
    )
    return min(matches, key=lambda profile: profile.id, default=profiles[GENERIC_ID])


def profile_for_name(name: str) -> Profile:
    """The profile for a wearable of which nothing but the advertised name is known."""
    return profile_for(name=name)


@cache
def _shipped() -> Mapping[str, Profile]:
    profiles: list[Profile] = []
    faults: list[str] = []
    for entry in sorted(resources.files("firmware_profiles").iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".toml"):
            try:
                profiles += parse_profiles(entry.read_bytes(), file=entry.name)
            except ProfileFault as fault:
                faults += fault.faults
    faults += clashes(profiles)
    if faults:
        raise ProfileFault(faults)
    return {profile.id: profile for profile in profiles}
