"""How a report leaves the program: on the screen, or as a page, Markdown, JSON or CSV, to a file or a pipe."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from watchlink.commands.running import say

if TYPE_CHECKING:
    from watchlink.reports.document import Document


class ReportFormat(StrEnum):
    """What a report can be written as."""

    HTML = "html"
    MD = "md"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


FormatOption = Annotated[
    ReportFormat | None,
    typer.Option("--format", help="A page to read and print, Markdown, JSON, CSV or Parquet; else it is shown here."),
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Where to write it, or - for standard output."),
]
_STANDARD_OUTPUT: Final = Path("-")


def deliver(
    document: Document,
    *,
    rows: Callable[[], Iterable[Sequence[str | int | float | None]]],
    record: Callable[[], dict[str, Any]],
    format_name: ReportFormat | None,
    out: Path | None,
    name: str,
) -> None:
    """Show the report, or write it.

    A page or a Parquet file goes into a file called `name` where one is, unless `out` says otherwise; everything else
    to standard output. A file is written as a whole, for its owner alone.

    Raises:
        ExportError: it cannot be written; what was there before is still there.
    """
    if format_name is None and out is None:
        from rich.console import Console

        from watchlink.reports.terminal import report

        Console().print(report(document))
        return
    chosen = format_name or _by_suffix(out)
    content = _parquet(rows) if chosen is ReportFormat.PARQUET else _text(document, rows, record, chosen).encode()
    if out is None and chosen in (ReportFormat.HTML, ReportFormat.PARQUET):
        from watchlink.files import safe_name

        out = Path(f"{safe_name(name)}.{chosen}")
    if out is None or out == _STANDARD_OUTPUT:
        sys.stdout.buffer.write(content)
        return
    from watchlink.errors import ExportError
    from watchlink.files import write_whole

    try:
        write_whole(out, content)
    except OSError as error:
        raise ExportError(
            f"{out} cannot be written: {error.strerror}. Nothing was changed. Make room, or choose another --out."
        ) from error
    say(f"{out} is written. Only you can read it.")


def _by_suffix(out: Path | None) -> ReportFormat:
    suffix = "" if out is None else out.suffix.removeprefix(".").casefold()
    try:
        return ReportFormat({"htm": "html", "markdown": "md"}.get(suffix, suffix))
    except ValueError as error:
        raise typer.BadParameter(f"Say as what: --format {', '.join(ReportFormat)}.") from error


def _text(
    document: Document,
    rows: Callable[[], Iterable[Sequence[str | int | float | None]]],
    record: Callable[[], dict[str, Any]],
    format_name: ReportFormat,
) -> str:
    match format_name:
        case ReportFormat.HTML:
            from watchlink.reports.page import page

            return page(document)
        case ReportFormat.MD:
            from watchlink.reports.markdown import markdown

            return markdown(document)
        case ReportFormat.JSON:
            return json.dumps(record(), ensure_ascii=False, indent=1) + "\n"
        case ReportFormat.CSV | ReportFormat.PARQUET:
            from watchlink.exports.cells import table, typed

            header, *others = rows()
            cells = ([typed(cell) if isinstance(cell, str) else cell for cell in row] for row in others)
            return table([str(heading) for heading in header], cells)


def _parquet(rows: Callable[[], Iterable[Sequence[str | int | float | None]]]) -> bytes:
    from watchlink.exports.parquet import rows_as_parquet

    return rows_as_parquet(list(rows()))
