"""What every test may ask for: where other people's recordings lie, and hypothesis without a stop-watch."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A slow machine is no fault of the code under test: nothing in tests asserts a time. The gate tries the same examples
# each time, so that it says something about the change; everybody else's runs look for new ones.
settings.register_profile("house", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("house")

_SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings beside the checkout; tests that need it are skipped without it."""
    if not _SHARED_DATA.is_dir():
        pytest.skip(f"no real recordings: {_SHARED_DATA} is not there (they are not committed to the project)")
    return _SHARED_DATA
