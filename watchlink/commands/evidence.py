"""Pages of evidence of recorded sessions: kept ones, or computed anew and kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from watchlink.evidence import MADE_BY, Evidence, gather

if TYPE_CHECKING:
    from watchlink.archive import Archive, StoredSession
    from watchlink.packets import Packet


def evidence_of(archive: Archive, stored: StoredSession) -> dict[str, Evidence]:
    """Everybody's page of a session of the archive: kept ones, or computed now and kept if that is possible.

    Raises:
        ArchiveError: the archive cannot be read.
    """
    from pydantic import TypeAdapter, ValidationError

    codec = TypeAdapter(Evidence)
    kept = archive.evidence(stored.id, by=MADE_BY)
    if kept is not None:
        try:
            return {person: codec.validate_json(record) for person, record in kept.items()}
        except ValidationError:  # somebody has changed it by hand; the log knows better
            pass
    count = 0

    def counted() -> Iterator[Packet]:
        nonlocal count
        for packet in archive.packets(stored.id):
            count += 1
            yield packet

    pages = gather(counted()).pages
    records = {person: codec.dump_json(page).decode() for person, page in pages.items()}
    archive.keep_evidence(stored.id, records, by=MADE_BY, packets=count)
    return pages
