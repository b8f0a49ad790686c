"""What holds for every format: all or nothing, never over something else, and what to do about a missing library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from watchlink.errors import ExportError
from watchlink.exports.formats import FORMATS, ExportFormat, export

from .parts import HOSTILE_ALIAS, beats_log, rate_log, steady, virtual, whole

_ROOT = Path(__file__).resolve().parents[3]
_NEED_A_LIBRARY = [to for to, kind in FORMATS.items() if kind.extra is not None]


@pytest.mark.parametrize("to", ExportFormat)
def test_on_a_full_disk_nothing_is_left(disk_of_kb: Callable[[int], Path], to: ExportFormat) -> None:
    full_disk = disk_of_kb(24)  # room for a folder and a few pages more
    part = whole(beats_log(steady(9000)))
    with pytest.raises(ExportError, match=r"not|lost"):
        export(part, to, full_disk / "out")
    assert list(full_disk.rglob("*")) == []


@pytest.mark.parametrize("to", ExportFormat)
def test_what_is_there_is_not_overwritten(tmp_path: Path, to: ExportFormat) -> None:
    export(virtual(), to, tmp_path / "out")
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "out").rglob("*")}
    with pytest.raises(ExportError, match="is there already and is not overwritten"):
        export(virtual(), to, tmp_path / "out")
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "out").rglob("*")} == before


@pytest.mark.parametrize("to", ExportFormat)
def test_no_alias_leads_out_of_the_folder(tmp_path: Path, to: ExportFormat) -> None:
    part = whole(beats_log(steady(20), person=HOSTILE_ALIAS))
    files = export(part, to, tmp_path / "a" / "b" / "out")
    assert all(file.parent == tmp_path / "a" / "b" / "out" for file in files)
    assert all(name.isascii() and not {"/", "\\", ":"} & set(name) for name in (file.name for file in files))
    assert [file for file in tmp_path.rglob("*") if file.is_file() and "out" not in file.parts] == []


@pytest.mark.parametrize("to", [to for to in ExportFormat if to not in (ExportFormat.KUBIOS, ExportFormat.ELITE)])
def test_somebody_of_whom_nothing_came_is_no_error(tmp_path: Path, to: ExportFormat) -> None:
    assert export(whole(rate_log(seconds=1)), to, tmp_path)


@pytest.mark.parametrize(
    ("to", "name", "expected"),
    [
        (ExportFormat.CSV, "me.csv", ["me_events.csv", "me_heart_rate.csv", "me_rr.csv"]),
        (ExportFormat.KUBIOS, "me.txt", ["me.txt", "me_marks.txt"]),
        (ExportFormat.EDF, "me.EDF", ["me.edf"]),
        (ExportFormat.FIT, "me.fit", ["me.fit"]),
        (ExportFormat.CSV, "me.fit", ["2026-03-01_18-00-00_Heron_events.csv"]),
    ],
)
def test_a_target_that_ends_in_the_suffix_is_a_name_and_any_other_a_folder(
    tmp_path: Path, to: ExportFormat, name: str, expected: list[str]
) -> None:
    files = export(virtual(), to, tmp_path / name)
    assert [file.name for file in files][: len(expected)] == expected


@pytest.mark.parametrize("to", _NEED_A_LIBRARY)
def test_without_its_library_a_format_says_how_to_get_it(tmp_path: Path, to: ExportFormat) -> None:
    """In a Python that has none of the libraries: its path holds stand-ins that cannot be imported."""
    for module in ("pyedflib", "fit_tool", "pyarrow"):
        (tmp_path / f"{module}.py").write_text("raise ImportError('not installed')\n")
    log = tmp_path / "rr.txt"
    log.write_text("".join(f"{rr_ms:.0f}\n" for rr_ms in steady(30)))
    environment = {"PYTHONPATH": os.pathsep.join((str(tmp_path), str(_ROOT))), "PATH": ""}
    command = [sys.executable, "-m", "watchlink", "convert", str(log), str(tmp_path / "out"), "--to", to]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 8
    assert f"pip install 'watchlink[{FORMATS[to].extra}]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_the_formats_that_need_no_library_load_none() -> None:
    code = (
        "import json, sys; from watchlink.exports import formats;"
        "print(json.dumps([name for name in ('pyedflib', 'fit_tool', 'pyarrow') if name in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(_ROOT), "PATH": ""}, capture_output=True, check=True
    )
    assert json.loads(done.stdout) == []
