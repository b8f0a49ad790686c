"""Files that are whole or not there, and names that every system takes."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchlink.files import safe_name, whole_files, write_whole

_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
_FROM_HELL = st.text() | st.sampled_from(
    [
        "",
        ".",
        "..",
        "../../etc/passwd",
        "CON",
        "nul",
        "com1",
        "a" * 300,
        "-rf",
        " x ",
        "a/b",
        "a\\b",
        "a\x00b",
        "\u202eexe",
    ]
)


@given(_FROM_HELL)
def test_a_safe_name_is_letters_digits_and_hyphens_and_never_a_device(text: str) -> None:
    name = safe_name(text)
    assert 0 < len(name) <= 40
    assert name.isascii()
    assert name.replace("-", "").isalnum()
    assert not name.startswith(("-", "."))
    assert name.casefold() not in _DEVICES
    assert safe_name(text, joiner="").isalnum()


@given(_FROM_HELL, _FROM_HELL, st.sampled_from(["-", "_", ""]))
def test_two_texts_do_not_share_a_name(one: str, other: str, joiner: str) -> None:
    assert (safe_name(one, joiner=joiner) == safe_name(other, joiner=joiner)) == (one == other)


@pytest.mark.parametrize("alias", ["Heron", "heron-2", "R2D2"])
def test_a_name_that_is_safe_stays_as_it_is(alias: str) -> None:
    assert safe_name(alias) == alias


@pytest.mark.skipif(sys.platform == "win32", reason="modes say nothing about reading there")
def test_what_is_written_is_for_its_owner_alone(tmp_path: Path) -> None:
    write_whole(tmp_path / "one.json", b"{}")
    with whole_files(tmp_path / "new" / "folder") as growing:
        (growing / "a.csv").write_text("1")
        (growing / "set").mkdir()
        (growing / "set" / "b.csv").write_text("2")
    for path in (*tmp_path.rglob("*"),):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_a_crash_while_writing_leaves_nothing_not_even_the_folder(tmp_path: Path) -> None:
    def crash() -> None:
        with whole_files(tmp_path / "new" / "folder") as growing:
            (growing / "a.csv").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        crash()
    assert list(tmp_path.iterdir()) == []


def test_of_files_one_of_which_is_there_already_none_is_moved(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("mine")

    def write() -> None:
        with whole_files(tmp_path) as growing:
            (growing / "a.csv").write_text("new")
            (growing / "b.csv").write_text("new")

    with pytest.raises(FileExistsError) as refused:
        write()
    assert refused.value.filename == str(tmp_path / "b.csv")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"b.csv": "mine"}
