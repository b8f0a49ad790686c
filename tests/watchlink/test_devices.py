"""The file of remembered wearables: whole or not at all, its owner's alone, and never overwritten when broken."""

from __future__ import annotations

import json
import stat
import sys
import threading
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchlink.devices import Device, LastTest, alias_fault, load_devices, of_alias, remembered, save_devices
from watchlink.errors import DevicesFileError
from watchlink.readings import Grade
from watchlink.unit_audit import RrUnitVerdict

_TESTED = LastTest(grade=Grade.BEAT, rr_unit=RrUnitVerdict.TICKS, good_pct=98)


def device(alias: str = "Heron", *, identity: str | None = None, address: str | None = None) -> Device:
    return Device(
        alias=alias,
        profile="polar-h10",
        name="Polar H10 1A2B",
        identity=identity,
        address=address,
        paired_on=date(2026, 11, 23),
        tested=_TESTED,
    )


_ALIASES = st.text(min_size=1, max_size=24).filter(lambda text: alias_fault(text) is None)
_DEVICES = st.lists(
    st.builds(
        Device,
        alias=_ALIASES,
        profile=st.text(),
        name=st.text(st.characters()),
        identity=st.none() | st.text(),
        address=st.none() | st.text(),
        paired_on=st.dates(),
        tested=st.builds(
            LastTest,
            grade=st.none() | st.sampled_from(Grade),
            rr_unit=st.sampled_from(RrUnitVerdict),
            good_pct=st.integers(0, 100),
        ),
    ),
    unique_by=lambda one: one.alias.casefold(),
    max_size=8,
)


@given(devices=_DEVICES)
def test_what_is_saved_is_loaded(tmp_path_factory: pytest.TempPathFactory, devices: list[Device]) -> None:
    path = tmp_path_factory.mktemp("devices") / "sub" / "devices.json"
    save_devices(path, devices)
    loaded = load_devices(path)
    assert sorted(loaded, key=repr) == sorted(devices, key=repr)
    assert {(one.identity, one.address) for one in loaded} == {(one.identity, one.address) for one in devices}
    before = path.read_bytes()
    save_devices(path, loaded)
    assert path.read_bytes() == before


def test_no_file_is_nobody(tmp_path: Path) -> None:
    assert load_devices(tmp_path / "devices.json") == ()


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are Unix's")
def test_only_its_owner_may_read_it_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "devices.json"
    path.write_text("{}")
    path.chmod(0o644)
    save_devices(path, [device()])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need rights there")
def test_a_file_that_lies_elsewhere_stays_there(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "devices.json"
    link.symlink_to(tmp_path / "real" / "devices.json")
    save_devices(link, [device()])
    assert link.is_symlink()
    assert load_devices(tmp_path / "real" / "devices.json") == (device(),)


def _whole(**changes: object) -> dict[str, object]:
    tested = {"grade": "beat", "rr_unit": "1/1024 s", "good_pct": 98}
    entry: dict[str, object] = {
        "alias": "Heron",
        "profile": "polar-h10",
        "name": "Polar H10 1A2B",
        "identity": None,
        "address": None,
        "paired_on": "2026-11-23",
        "tested": tested,
    }
    return {"watchlink_devices": 1, "devices": [entry | changes]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "it is no JSON"),
        ("{", "it is no JSON"),
        ("[]", "the file is no JSON object"),
        ("[" * 100_000, "cannot be understood"),
        ("{}", "watchlink_devices is missing"),
        ('{"watchlink_devices": 1}', "devices is no list"),
        ('{"watchlink_devices": 1, "devices": [7]}', "wearable 1: it is no JSON object"),
        ('{"watchlink_devices": 2, "devices": {}}', "written by a newer watchlink (version 2). Update watchlink"),
        (json.dumps(_whole(alias="")), "wearable 1: alias: A pseudonym needs"),
        (json.dumps(_whole(alias="a\x1b[31m")), "wearable 1: alias: A pseudonym is"),
        (json.dumps(_whole(profile=7)), "wearable 1: profile is not a text"),
        (json.dumps(_whole(paired_on="yesterday")), "wearable 1: paired_on 'yesterday' is not valid"),
        (json.dumps(_whole(tested=None)), "wearable 1: tested is no JSON object"),
        (json.dumps(_whole(tested={"grade": "gold"})), "good_pct is no whole number"),
        (
            json.dumps(_whole(tested={"grade": "gold", "rr_unit": "ms", "good_pct": 5})),
            "wearable 1: grade 'gold' is not valid",
        ),
        (json.dumps({"watchlink_devices": 1, "devices": [_whole()["devices"][0]] * 2}), "two wearables have the same"),  # type: ignore[index]
    ],
)
def test_a_broken_file_is_named_and_left_as_it_is(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "devices.json"
    path.write_text(content)
    with pytest.raises(DevicesFileError) as caught:
        load_devices(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
    assert "left as it" in str(caught.value)
    assert path.read_text() == content


def test_bytes_that_are_no_text_are_a_broken_file(tmp_path: Path) -> None:
    path = tmp_path / "devices.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DevicesFileError, match="cannot be understood"):
        load_devices(path)


def test_what_cannot_be_read_or_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(DevicesFileError, match=r"cannot be read: Is a directory\."):
        load_devices(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(DevicesFileError, match="cannot be written"):
        save_devices(tmp_path / "file" / "devices.json", [device()])
    (tmp_path / "folder").mkdir()
    with pytest.raises(DevicesFileError, match="cannot be written"):
        save_devices(tmp_path / "folder", [device()])
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]


def test_two_that_write_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "devices.json"
    crowds = [[device(f"{letter}{n}") for n in range(20)] for letter in "AB"]
    save_devices(path, crowds[0])
    seen: list[int] = []

    def write(crowd: list[Device]) -> None:
        for _ in range(40):
            save_devices(path, crowd)

    writers = [threading.Thread(target=write, args=(crowd,)) for crowd in crowds]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        seen.append(len({one.alias[0] for one in load_devices(path)}))
    for writer in writers:
        writer.join()
    assert set(seen) <= {1}
    assert len(load_devices(path)) == 20
    assert list(tmp_path.iterdir()) == [path]


def test_a_person_wears_one_thing_and_a_thing_is_one_persons() -> None:
    old = device("Heron", identity="a", address="1")
    assert remembered([old], device("heron", identity="b")) == (device("heron", identity="b"),)
    assert remembered([old], device("Otter", identity="a", address="2")) == (
        device("Otter", identity="a", address="2"),
    )
    # An address is made up anew now and then: of two serial numbers only these count.
    assert len(remembered([old], device("Otter", identity="b", address="1"))) == 2
    assert len(remembered([device("Heron")], device("Otter"))) == 2
    assert of_alias([old], "HERON") is old
    assert of_alias([old], "Otter") is None


def test_neither_address_nor_proof_shows_in_a_log() -> None:
    assert "C0:FF" not in repr(device(identity="secret", address="C0:FF"))
    assert "secret" not in repr(device(identity="secret", address="C0:FF"))
