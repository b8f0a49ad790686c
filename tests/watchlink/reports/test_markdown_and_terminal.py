from __future__ import annotations

from io import StringIO
from itertools import pairwise

from hypothesis import given, settings
from markdown_it import MarkdownIt
from rich.console import Console

from watchlink.reports.document import Document
from watchlink.reports.markdown import markdown
from watchlink.reports.terminal import lines, report
from watchlink.texts import one_line

from .samples import HOSTILE, everything

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def blocks(text: str) -> list[tuple[str, str]]:
    """Of each block with words in it, what opens it and its words as a reader of Markdown shows them."""
    tokens = READER.parse(text)
    found: list[tuple[str, str]] = []
    for before, token in pairwise(tokens):
        if token.type == "inline":
            kinds = {child.type for child in token.children or ()}
            assert kinds <= {"text", "text_special", "hardbreak", "strong_open", "strong_close"}, kinds
            words = "".join("\n" if child.type == "hardbreak" else child.content for child in token.children or ())
            found.append((before.tag, words))
    return found


def on_terminal(document: Document) -> str:
    console = Console(file=StringIO(), width=80, force_terminal=True, color_system=None, legacy_windows=False)
    console.print(report(document))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@settings(deadline=None)
@given(HOSTILE.filter(one_line))
def test_whatever_a_person_typed_is_text_in_markdown_and_nothing_else(text: str) -> None:
    typed = one_line(text)
    alt = "What it shows."
    cells = [("th", typed)] * 2 + [("td", typed)] * 2 + [("td", "Wren"), ("td", "68 bpm")]
    charts = [("p", f"{typed}\n{alt}")] * 3
    assert blocks(markdown(everything(text))) == [
        ("h1", typed),
        *[("p", typed)] * 4,
        ("h2", typed),
        ("p", typed),
        *cells,
        *charts,
    ]


@settings(deadline=None, max_examples=50)
@given(HOSTILE)
def test_a_terminal_shows_80_columns_and_no_text_steers_it(text: str) -> None:
    printed = on_terminal(everything(text))
    assert all(letter.isprintable() or letter == "\n" for letter in printed)
    assert all(len(line) <= 80 for line in printed.splitlines())


def test_the_sentence_of_a_chart_is_in_every_format() -> None:
    document = everything(alt="Heron rose once.")
    for told in (on_terminal(document), "\n".join(lines(document)), markdown(document)):
        assert told.count("Heron rose once.") == 3


def test_a_row_is_read_with_its_headings_as_a_plain_line() -> None:
    assert "Name: Wren, Name: 68 bpm" in list(lines(everything("Name")))


@given(HOSTILE)
def test_plain_lines_are_lines(text: str) -> None:
    assert all(line.isprintable() for line in lines(everything(text)))
