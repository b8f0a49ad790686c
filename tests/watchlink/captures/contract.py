"""What a reader of any capture format owes to a person with a file."""

from __future__ import annotations

import gzip
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from watchlink.captures import open_capture
from watchlink.errors import CaptureError
from watchlink.packets import Packet


def read(path: Path) -> tuple[datetime, list[Packet]]:
    with open_capture(path) as capture:
        return capture.started_at, list(capture.packets)


def read_until_fault(path: Path) -> tuple[list[Packet], CaptureError | None]:
    """What comes out of a file, and the error at its end if there is one. Any other exception is a bug."""
    packets: list[Packet] = []
    try:
        with open_capture(path) as capture:
            packets.extend(capture.packets)
    except CaptureError as error:
        return packets, error
    return packets, None


class CaptureFormatContract(ABC):
    """What a reader of any format owes to a person with a file."""

    @abstractmethod
    def octets(self) -> bytes:
        """A whole file of this format with at least five packets in it."""

    @pytest.mark.parametrize(
        "name", ["capture", "capture.txt", "capture.jsonl", "capture.pcapng", "capture.gz", ".log"]
    )
    @pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzipped"])
    def test_the_format_is_found_by_content_never_by_name(self, tmp_path: Path, name: str, zipped: bool) -> None:
        (tmp_path / "reference").write_bytes(self.octets())
        (tmp_path / name).write_bytes(gzip.compress(self.octets()) if zipped else self.octets())
        assert read(tmp_path / name) == read(tmp_path / "reference")

    def test_a_capture_can_be_read_again_and_says_the_same(self, path: Path) -> None:
        path.write_bytes(self.octets())
        assert read(path) == read(path)

    def test_its_zero_is_an_instant_of_utc(self, path: Path) -> None:
        path.write_bytes(self.octets())
        assert read(path)[0].utcoffset() == timedelta(0)

    def test_packets_are_read_as_they_are_asked_for(self, path: Path) -> None:
        path.write_bytes(self.octets())
        whole = read(path)[1]
        with open_capture(path) as capture:
            asked_for = [next(capture.packets) for _ in range(3)]
            assert asked_for == whole[:3]
            assert list(capture.packets) == whole[3:]

    @settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.differing_executors])
    @given(sizes=st.lists(st.integers(1, 90), min_size=1, max_size=40))
    def test_however_the_octets_come_in_pieces_the_packets_are_the_same(
        self, tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
    ) -> None:
        path = tmp_path_factory.getbasetemp() / "pieces.bin"
        path.write_bytes(self.octets())

        def pieces(file: BinaryIO) -> Iterator[bytes]:
            for size in cycle(sizes):
                piece = file.read(size)
                if not piece:
                    return
                yield piece

        with open_capture(path, pieces=pieces) as capture:
            in_pieces = capture.started_at, list(capture.packets)
        assert in_pieces == read(path)

    def test_cut_off_anywhere_it_gives_what_came_before_and_then_at_most_a_capture_error(self, path: Path) -> None:
        octets = self.octets()
        path.write_bytes(octets)
        whole = read(path)[1]
        faults = 0
        for size in range(0, len(octets), max(1, len(octets) // 400)):
            path.write_bytes(octets[:size])
            packets, error = read_until_fault(path)
            assert packets == whole[: len(packets)]
            assert error is None or path.name in str(error)
            faults += error is not None
        assert faults > 200  # only a cut between two packets leaves a whole file

    def test_gzipped_and_cut_off_anywhere_it_raises_a_capture_error(self, path: Path) -> None:
        zipped = gzip.compress(self.octets())
        path.write_bytes(zipped)
        whole = read(path)[1]
        for size in range(0, len(zipped), max(1, len(zipped) // 400)):
            path.write_bytes(zipped[:size])
            packets, error = read_until_fault(path)
            assert packets == whole[: len(packets)]
            assert error is not None

    def test_gzipped_and_damaged_anywhere_it_raises_nothing_but_a_capture_error(self, path: Path) -> None:
        zipped = gzip.compress(self.octets())
        faults = 0
        for at in range(0, len(zipped), max(1, len(zipped) // 400)):
            path.write_bytes(zipped[:at] + bytes([zipped[at] ^ 0x55]) + zipped[at + 1 :])
            faults += read_until_fault(path)[1] is not None
        assert faults > 100

    @settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.differing_executors])
    @given(data=st.data())
    def test_mutated_it_raises_nothing_but_a_capture_error(
        self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
    ) -> None:
        octets = bytearray(self.octets())
        for _ in range(data.draw(st.integers(1, 6), label="mutations")):
            at = data.draw(st.integers(0, len(octets)), label="at")
            drop = data.draw(st.integers(0, 8), label="drop")
            octets[at : at + drop] = data.draw(st.binary(max_size=8), label="insert")
        path = tmp_path_factory.getbasetemp() / "mutated.bin"
        path.write_bytes(octets)
        packets, error = read_until_fault(path)
        assert all(isinstance(packet, Packet) for packet in packets)
        assert error is None or path.name in str(error)
