"""Files that are there as a whole or not at all, for their owner's eyes, under names that every system takes.

Strategy: what is written grows beside its place, goes to the disk, and is moved there when it is complete, so that a
full disk, a crash or a second program leaves the old file or the new one, never half of one. Only the owner may read
it: what is in it is somebody's heart.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import unicodedata
from collections.abc import Generator
from pathlib import Path
from typing import Final

# Of a name made of somebody's words; what a program puts before and after it has room up to the 255 of most systems.
_LONGEST_NAME: Final = 40
_DIGEST_DIGITS: Final = 8
# Devices of Windows: no file there can be called so, whatever its suffix.
_DEVICES: Final = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})


def write_whole(path: Path, content: bytes) -> None:
    """Put `content` in the place of all that was in the file, or make it.

    Raises:
        OSError: it cannot be written; what was there before is still there.
    """
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        only_for_owner(Path(temporary))
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


@contextlib.contextmanager
def whole_files(folder: Path) -> Generator[Path]:
    """An empty folder to write new files into; in the end all of them are moved into `folder`, or none.

    `folder` is made if it is not there.

    Raises:
        FileExistsError: one of the names is taken already; `filename` of the error says which.
        OSError: something cannot be written; nothing of it is left.
    """
    made = _make(folder)
    growing: Path | None = None
    try:
        growing = Path(tempfile.mkdtemp(prefix=".watchlink-", dir=folder))
        yield growing
        files = sorted(growing.iterdir())
        taken = next((folder / file.name for file in files if os.path.lexists(folder / file.name)), None)
        if taken is not None:
            raise FileExistsError(17, "is there already", str(taken))
        for written in (growing, *growing.rglob("*")):
            only_for_owner(written)
            if written.is_file():
                _sync(written)
        _move_all(files, folder)
        growing.rmdir()
    except BaseException:
        if growing is not None:
            shutil.rmtree(growing, ignore_errors=True)
        for empty in reversed(made):
            with contextlib.suppress(OSError):
                empty.rmdir()
        raise


def only_for_owner(path: Path) -> None:
    """Take a file or folder away from everybody but its owner, as far as the system knows owners.

    On Windows by an access list (`icacls`), because there the mode says nothing about reading. Not tried out on it.
    """
    if os.name != "nt":
        path.chmod(0o700 if path.is_dir() else 0o600)
        return
    owner = f"{os.environ.get('USERDOMAIN', '.')}\\{os.environ.get('USERNAME', '')}"
    rights = "(OI)(CI)F" if path.is_dir() else "F"
    command = ["icacls", str(path), "/inheritance:r", "/grant:r", f"{owner}:{rights}"]
    done = subprocess.run(command, check=False, capture_output=True)
    if done.returncode:
        raise PermissionError(13, "cannot be kept for its owner alone (icacls)", str(path))


def safe_name(text: str, *, joiner: str = "-") -> str:
    """A file name, or a part of one, from any text: ASCII letters and digits, and `joiner` between them.

    Never empty, at most 40 long, no device of Windows. Where something had to be left out or replaced, eight digits of
    a digest of the text follow, so that two texts do not share a name. Texts that differ in nothing but case are the
    same name to some systems, and the same person to watchlink.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = joiner.join(re.findall("[A-Za-z0-9]+", plain))
    if name == text and name.lower() not in _DEVICES and 0 < len(name) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_DIGITS]
    room = _LONGEST_NAME - _DIGEST_DIGITS - len(joiner)
    return joiner.join(part for part in (name[:room].rstrip(joiner or None), digest) if part)


def _make(folder: Path) -> list[Path]:
    """Make a folder and those above it; return those that were not there, outermost first."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()][::-1]
    for place in missing:
        place.mkdir(exist_ok=True)
        only_for_owner(place)
    return missing


def _move_all(files: list[Path], folder: Path) -> None:
    """Move files into a folder in which nothing is called so; if one cannot be moved, none is."""
    moved: list[Path] = []
    try:
        for file in files:
            file.rename(folder / file.name)
            moved.append(folder / file.name)
    except BaseException:
        for file in moved:
            if file.is_dir():
                shutil.rmtree(file, ignore_errors=True)
            else:
                file.unlink(missing_ok=True)
        raise


def _sync(file: Path) -> None:
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())
