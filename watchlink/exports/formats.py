"""The formats there are, and the one way to write any of them: whole, and never over something that is there."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from watchlink.errors import ExportError
from watchlink.exports import bids, csv_pair, edf, fit, parquet, rr_texts
from watchlink.exports.part import Part
from watchlink.files import safe_name, whole_files


class ExportFormat(StrEnum):
    """What a recording can be exported as."""

    CSV = "csv"
    KUBIOS = "kubios"
    ELITE = "elite"
    EDF = "edf"
    BIDS = "bids"
    FIT = "fit"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportKind:
    """One format.

    Attributes:
        writes: what is in it, for a person.
        suffix: of its file, where it is one; empty where its files have names of their own.
        extra: of ours, which brings the library that it needs; None where it needs none.
        write: puts a part into an empty folder, its files called after `stem`.
    """

    writes: str
    suffix: str
    extra: str | None
    write: Callable[..., None]


FORMATS: Final[Mapping[ExportFormat, ExportKind]] = MappingProxyType(
    {
        ExportFormat.CSV: ExportKind(
            writes="tables of beats, of the heart rate of each second and of events",
            suffix=".csv",
            extra=None,
            write=csv_pair.write,
        ),
        ExportFormat.KUBIOS: ExportKind(
            writes="intervals as sent for Kubios HRV, and where marks and gaps are in them",
            suffix=".txt",
            extra=None,
            write=rr_texts.write_kubios,
        ),
        ExportFormat.ELITE: ExportKind(
            writes="intervals as sent, in whole ms, as Elite HRV writes them",
            suffix="",
            extra=None,
            write=rr_texts.write_elite,
        ),
        ExportFormat.EDF: ExportKind(
            writes="EDF+: intervals and heart rate as signals; beats, gaps and events as annotations",
            suffix=".edf",
            extra="edf",
            write=edf.write,
        ),
        ExportFormat.BIDS: ExportKind(
            writes=f"a BIDS {bids.BIDS_VERSION} data set: heart rate, beats and events",
            suffix="",
            extra=None,
            write=bids.write,
        ),
        ExportFormat.FIT: ExportKind(
            writes="an activity as sports watches record it: heart rate and intervals as sent",
            suffix=".fit",
            extra="fit",
            write=fit.write,
        ),
        ExportFormat.PARQUET: ExportKind(
            writes="typed tables of beats, heart rate and events",
            suffix=".parquet",
            extra="parquet",
            write=parquet.write,
        ),
    }
)


def export(part: Part, to: ExportFormat, target: Path) -> tuple[Path, ...]:
    """Write one person's part in a format.

    Args:
        part: what is written.
        to: the format.
        target: a folder, which is made if it is not there; or a name that ends in the format's suffix, after which its
            files are called.

    Returns what is there now: files, or for a data set the topmost files and folders.

    Raises:
        ExportError: a library is missing, the format cannot hold the part, something is there already, or it cannot be
            written. Nothing of it is left.
    """
    kind = FORMATS[to]
    folder, stem = target, stem_of(part)
    if kind.suffix and target.suffix.lower() == kind.suffix and not target.is_dir():
        folder, stem = target.parent, target.stem
    with writing(folder) as growing:
        kind.write(part, growing, stem=stem)
        names = sorted(file.name for file in growing.iterdir())
    return tuple(folder / name for name in names)


@contextmanager
def writing(folder: Path) -> Generator[Path]:
    """An empty folder whose files come into `folder` together in the end; see `files.whole_files`.

    Raises:
        ExportError: something is there already, or it cannot be written; nothing of it is left.
    """
    try:
        with whole_files(folder) as growing:
            yield growing
    except FileExistsError as error:
        raise ExportError(
            f"{error.filename or folder} is there already and is not overwritten. Choose another folder or name."
        ) from error
    except OSError as error:
        raise ExportError(
            f"It cannot be written to {folder}: {error.strerror or error}. Check the path, its permissions and the "
            "space on the disk. Nothing of it was left there."
        ) from error


def stem_of(part: Part) -> str:
    """What the files of a part are called: when it began (UTC), and whose it is."""
    when = f"{part.started_at:%Y-%m-%d_%H-%M-%S}_" if part.dated else ""
    return f"{when}{safe_name(part.person)}"
