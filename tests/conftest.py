"""What every test may ask for: where other people's recordings lie, and hypothesis without a stop-watch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
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


@pytest.fixture
def disk_of_kb(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Makes a disk of so many kB, which is soon full; skips where there is no right to."""
    made: list[Path] = []

    def make(size_kb: int) -> Path:
        folder = tmp_path / f"disk{len(made)}"
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", str(folder)]
        if sys.platform != "linux" or subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("no right to make a small disk here")
        made.append(folder)
        return folder

    yield make
    for folder in made:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
