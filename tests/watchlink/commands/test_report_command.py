"""`watchlink report`: to one person, of the room from five people on, in every format, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import pytest

from watchlink.archive import Archive
from watchlink.commands import main
from watchlink.packets import Notification, Packet, Purpose, Seat, Sharing
from watchlink.sources.virtual.programme import programme

_WORDING: Final = "1:x"


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["watchlink", "report", *map(str, arguments)])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture(scope="module")
def evening() -> list[Packet]:
    """The first session of a virtual programme of six."""
    made = programme(people=6, seed=2, ended_on=date(2026, 11, 20))
    return list(next(recording for recording in made.recordings if not recording.baseline).packets())


def _kept(path: Path, packets: list[Packet], *, whole: bool = True) -> Path:
    with Archive(path) as archive:
        recorder = archive.begin(title='A "practice" <b>=1+1', started_at=datetime(2026, 9, 7, 18, tzinfo=UTC))
        for packet in packets:
            recorder.accept(packet)
        if whole:
            recorder.close()
        else:
            recorder._commit(ended_at=None)
    return path


def _all_share(packets: list[Packet], *, but: int = 0) -> list[Packet]:
    people = sorted({packet.person for packet in packets if isinstance(packet, Seat)})
    stated: list[Packet] = [
        Sharing(at_us=0, person=person, purposes=frozenset() if number < but else frozenset(Purpose), wording=_WORDING)
        for number, person in enumerate(people)
    ]
    return [*stated, *(packet for packet in packets if not isinstance(packet, Sharing))]


@pytest.fixture(scope="module")
def shared_evening(evening: list[Packet], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _kept(tmp_path_factory.mktemp("report") / "a.sqlite3", _all_share(evening))


def test_one_person_reads_sentences_first_numbers_after_and_limits_last(
    shared_evening: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, 1, "--person", "heron", "--archive", shared_evening) == 0
    text = " ".join(capsys.readouterr().out.split())
    order = [
        "Your heart rate",
        "Heart rate rises",
        "At rest",
        "What this stands on",
        "its limits",
        "not a medical device",
    ]
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert text.count("not a medical device") == 1
    assert "Otter" not in text


@pytest.mark.parametrize("format_name", ["html", "md", "json", "csv", "parquet"])
def test_every_format_is_written_whole_for_its_owner_alone(
    shared_evening: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_name: str
) -> None:
    out = tmp_path / f"page.{format_name}"
    assert _run(monkeypatch, 1, "--person", "Heron", "--out", out, "--archive", shared_evening) == 0
    assert out.stat().st_mode & 0o077 == 0
    content = out.read_bytes()
    match format_name:
        case "html":
            assert b"A &quot;practice&quot; &lt;b&gt;=1+1" in content
            assert b"<b>=1+1" not in content
        case "md":
            assert content.startswith(b'# A "practice" \\<b\\>=1+1')
        case "json":
            assert json.loads(content)["page"]["person"] == "Heron"
        case "csv":
            rows = list(csv.DictReader(io.StringIO(content.decode())))
            assert {row["part"] for row in rows} >= {"session", "rest", "mark", "signal"}
        case _:
            assert content[:4] == content[-4:] == b"PAR1"


def test_a_page_without_a_name_gets_one_and_the_rest_goes_to_standard_output(
    shared_evening: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _run(monkeypatch, 1, "--person", "Heron", "--format", "html", "--archive", shared_evening) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["session-1-Heron.html"]
    assert _run(monkeypatch, 1, "--format", "md", "--archive", shared_evening) == 0
    assert "6 of 6 people were heard" in capsys.readouterr().out


@pytest.mark.parametrize(("but", "told"), [(1, True), (2, False)])
def test_the_room_is_told_of_from_five_people_who_let_it_be_seen(
    evening: list[Packet],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    but: int,
    told: bool,
) -> None:
    path = _kept(tmp_path / "a.sqlite3", _all_share(evening, but=but))
    assert _run(monkeypatch, 1, "--format", "json", "--archive", path) == 0
    room = json.loads(capsys.readouterr().out)
    assert (room["rises"] is not None) is told
    assert bool(room["responses"]) is told
    assert bool(room["withheld"]) is not told
    assert _run(monkeypatch, 1, "--archive", path) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert ("a group is told of from 5 people on" in text) is not told
    assert "Heron" not in text


def test_an_interrupted_session_is_told_as_far_as_it_goes_and_says_so(
    evening: list[Packet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _kept(tmp_path / "a.sqlite3", [one for one in evening if one.at_us < 1_500_000_000], whole=False)
    with Archive(path) as archive:
        archive._database.execute("UPDATE session SET seen_at = '2020-01-01T00:00:00+00:00'")
    assert _run(monkeypatch, 1, "--person", "Heron", "--archive", path) == 0
    assert "This session was interrupted" in " ".join(capsys.readouterr().out.split())


def test_somebody_whose_wearable_said_nothing_reads_that(
    evening: list[Packet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worn = next(one.wearable for one in evening if isinstance(one, Seat) and one.person == "Heron")
    silent = [one for one in evening if not (isinstance(one, Notification) and one.wearable == worn)]
    path = _kept(tmp_path / "a.sqlite3", silent)
    assert _run(monkeypatch, 1, "--person", "Heron", "--archive", path) == 0
    assert "Nothing of your wearable was received" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((1, "--person", "Nobody"), 8, "Nobody here is called"),
        ((9,), 8, "holds no session 9"),
        ((1, "--out", "missing/page.html"), 8, "cannot be written"),
        ((1, "--out", "page.docx"), 2, "--format html, md, json, csv, parquet"),
        (("nothing.btsnoop",), 8, "cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason_and_nothing_is_left(
    shared_evening: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[object, ...],
    code: int,
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _run(monkeypatch, *arguments, "--archive", shared_evening) == code
    assert says in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_stays_where_a_disk_is_full(
    shared_evening: Path,
    disk_of_kb: Callable[[int], Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    disk = disk_of_kb(20)
    page = disk / "page.html"
    page.write_text("what was there", "utf-8")
    assert _run(monkeypatch, 1, "--person", "Heron", "--out", page, "--archive", shared_evening) == 8
    assert "Nothing was changed. Make room" in " ".join(capsys.readouterr().err.split())
    assert page.read_text("utf-8") == "what was there"
    assert list(disk.iterdir()) == [page]
