"""The reference page of `dsp` says what the docstrings say."""

from __future__ import annotations

import runpy
from pathlib import Path

import dsp

_REFERENCE = Path(dsp.__file__).parents[1] / "docs" / "reference"


def test_the_page_is_what_the_docstrings_say() -> None:
    written = (_REFERENCE / "dsp.md").read_text(encoding="utf-8")
    assert written == runpy.run_path(str(_REFERENCE / "dsp_page.py"))["page"](), (
        "write it anew: python docs/reference/dsp_page.py"
    )


def test_every_public_name_is_on_it() -> None:
    written = (_REFERENCE / "dsp.md").read_text(encoding="utf-8")
    constants = {name for name in dsp.__all__ if name.isupper()}
    assert [name for name in dsp.__all__ if f"### {name}\n" not in written and name not in constants] == []
