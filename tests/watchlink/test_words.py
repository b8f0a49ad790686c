"""What a person can read: no word that judges a feeling, a health or a person, in any text of the program."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import watchlink

_PACKAGE: Final = Path(watchlink.__file__).parent
_ROOT: Final = _PACKAGE.parent
_FORBIDDEN: Final = {
    "a feeling": r"stress\w*|anxi\w+|emotion\w*|calm\w*|nervous\w*|panic\w*|upset|mood\w*",
    "a diagnosis": r"diagnos\w+|abnormal\w*|patholog\w+|disorder\w*|symptom\w*|treatment\w*|therap\w+|unhealthy",
    "a promise": r"resilien\w+|wellness|well-?being|healthier",
    "a ranking": r"rank(?:ed|s|ing)?|leaderboard\w*|(?:best|worst|weakest|strongest) (?:person|people|participant)s?|"
    r"(?:calm|recovery|readiness|performance) scores?",
}
# The name of a field: in which order events may belong to a rise. Nobody is put in an order.
_A_FIELD: Final = "rank"
_SAYS_IT_ONCE: Final = "not a medical device"


def _texts(source: Path) -> Iterator[tuple[int, str]]:
    """Every text in a module that can reach a person: literals, parts of formatted ones, and what a command says of
    itself; docstrings of everything else are for those who read code."""
    tree = ast.parse(source.read_text("utf-8"))
    quiet = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and not (isinstance(node, ast.FunctionDef) and source.parent.name == "commands")
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in quiet:
            yield node.lineno, node.value


def _found(text: str) -> list[str]:
    if text == _A_FIELD:
        return []
    return [
        f"{match[0]!r} ({kind})"
        for kind, words in _FORBIDDEN.items()
        for match in re.finditer(rf"\b(?:{words})\b", text, re.IGNORECASE)
    ]


@pytest.mark.parametrize(
    "source",
    [path for name in ("watchlink", "dsp", "firmware_profiles") for path in sorted((_ROOT / name).rglob("*.py"))],
    ids=lambda path: str(path.relative_to(_ROOT)),
)
def test_no_text_of_the_program_judges_anybody(source: Path) -> None:
    assert [(line, found) for line, text in _texts(source) if (found := _found(text))] == []


@pytest.mark.parametrize("name", ["practice.toml", "reports/session.schema.json", "reports/page.css"])
def test_no_file_that_ships_judges_anybody(name: str) -> None:
    assert _found((_PACKAGE / name).read_text("utf-8")) == []


def test_the_list_finds_what_it_is_for() -> None:
    assert _found("Heron is stressed, rank 3, abnormal") == [
        "'stressed' (a feeling)",
        "'abnormal' (a diagnosis)",
        "'rank' (a ranking)",
    ]
    assert _found("heart rate rise, settled after 48 s; the frank order of franking distress") == []


def test_every_report_says_once_and_plainly_what_it_is_not() -> None:
    from watchlink.reports import progress_report, session_head, timeline

    for module in (progress_report, session_head, timeline):
        literals = [text for _, text in _texts(Path(module.__file__))]
        said = json.dumps(literals).casefold().replace("watchlink is ", "")
        assert said.count(_SAYS_IT_ONCE) + said.count('not a medical ", "device') == 1, module.__name__
