"""Writes dsp.md from the docstrings of the public names of `dsp`: python docs/reference/dsp_page.py."""

from __future__ import annotations

import inspect
import re
from enum import Enum
from pathlib import Path

import dsp

_PAGE = Path(__file__).with_name("dsp.md")
_HEAD = """# dsp

The public names of `dsp`, from their docstrings (written by `python docs/reference/dsp_page.py`). How to use them:
[how to analyse a recording](../how-to/analyse-a-recording.md). How they compare with other packages:
[how the HRV core works](../explanation/hrv.md).
"""
_SECTIONS = ("Args:", "Attributes:", "Returns:", "Raises:", "Warns:", "References:", "Yields:")


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for title, wanted in (
        ("Functions", inspect.isfunction),
        ("Stages", lambda item: inspect.isclass(item) and hasattr(item, "push")),
        ("Records", lambda item: _is_record(item) and not issubclass(item, Exception)),
        ("Errors and warnings", lambda item: inspect.isclass(item) and issubclass(item, Exception)),
    ):
        parts.append(f"## {title}\n")
        parts += [_entry(name, getattr(dsp, name)) for name in dsp.__all__ if wanted(getattr(dsp, name))]
    return "\n".join(parts)


def _is_record(item: object) -> bool:
    return inspect.isclass(item) and not hasattr(item, "push")


def _entry(name: str, item: object) -> str:
    lines = [f"### {name}\n"]
    if inspect.isfunction(item):
        lines.append(f"```python\n{name}{_signature(item)}\n```\n")
    elif inspect.isclass(item) and hasattr(item, "push"):
        lines.append(f"```python\n{name}{_signature(item.__init__)}\n```\n")
    lines.append(_markdown(inspect.getdoc(item) or ""))
    if inspect.isclass(item) and issubclass(item, Enum):
        lines.append("Values: " + ", ".join(f"`{member.value}`" for member in item) + ".\n")
    if inspect.isclass(item) and hasattr(item, "push"):
        for method in ("push", "flush"):
            if method in vars(item):
                function = vars(item)[method]
                lines.append(f"`{method}{_signature(function)}`: {_markdown(inspect.getdoc(function) or '')}")
    return "\n".join(lines)


def _signature(function: object) -> str:
    text = str(inspect.signature(function)).replace("(self, ", "(").replace("(self)", "()").replace("'", "")
    return text.replace("(*, ", "(*, ").removesuffix(" -> None")


def _markdown(doc: str) -> str:
    """A Google docstring as Markdown: sections become lists."""
    out: list[str] = []
    section = ""
    for line in doc.splitlines():
        if line in _SECTIONS:
            section = line
            out.append(f"\n**{line.removesuffix(':')}**\n")
        elif section and (entry := re.match(r"    (\w+|\*?\w+): (.*)", line)):
            out.append(f"- `{entry[1]}`: {entry[2]}")
        elif section and line.startswith("        "):
            out.append("  " + line.strip())
        else:
            out.append(line.strip() if section else line)
    return "\n".join(out).replace("\n\n\n", "\n\n").rstrip() + "\n"


if __name__ == "__main__":
    _PAGE.write_text(page(), encoding="utf-8")
