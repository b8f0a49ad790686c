"""Two hours of eight people, computed anew from an archive on disk."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from sessions import demo_packets

from watchlink.archive import Archive
from watchlink.clock import utc_now
from watchlink.fold import SessionFold


def main() -> None:
    _, packets = demo_packets(seed=1)
    with tempfile.TemporaryDirectory() as folder, Archive(Path(folder) / "archive.sqlite3") as archive:
        recorder = archive.begin(title="benchmark", started_at=utc_now())
        started = time.perf_counter()
        for packet in packets:
            recorder.accept(packet)
        recorder.close()
        written_s = time.perf_counter() - started
        fold = SessionFold()
        started = time.perf_counter()
        for packet in archive.packets(recorder.session_id):
            fold.push(packet)
        fold.flush()
        timeline = fold.timeline()
        folded_s = time.perf_counter() - started
    session_s = timeline.duration_s * len(timeline.people)
    print(f"{len(packets)} packets of {len(timeline.people)} people, {len(timeline.spikes)} rises")
    print(f"recording  {written_s:6.2f} s  {session_s / written_s:8.0f} x faster than it happened")
    print(f"re-folding {folded_s:6.2f} s  {session_s / folded_s:8.0f} x faster than it happened (goal: under 5 s)")


if __name__ == "__main__":
    main()
