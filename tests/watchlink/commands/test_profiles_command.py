"""`watchlink profiles` as a person meets it, and the how-to that tells them how to add a wearable."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

import watchlink
from firmware_profiles import profile_files
from firmware_profiles.facts import FactStatus, HeartRateService, Pairing, Platform, RrAvailability, RrUnit, Sensing
from firmware_profiles.gatt import BodySensorLocation
from firmware_profiles.profiles import GENERIC_ID, load_profiles, parse_profiles
from watchlink.commands import main
from watchlink.commands.profiles import will_give

_HOW_TO = Path(watchlink.__file__).parents[1] / "docs" / "how-to" / "add-a-wearable.md"
_SOUND = """maker = "Acme"
[[wearable]]
id = "acme-1"
model = "One"
"""


class Told:
    """What a command printed and how it ended."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        self.out = self.err = ""

    def run(self, *arguments: str) -> int:
        self._monkeypatch.setattr(sys, "argv", ["watchlink", "profiles", *arguments])
        self._monkeypatch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit) as ended:
            main()
        self.out, self.err = self._capsys.readouterr()
        return int(ended.value.code or 0)


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Told:
    return Told(capsys, monkeypatch)


# --- list ------------------------------------------------------------------------------------------------------------


def test_list_names_every_wearable_once_within_80_columns(told: Told) -> None:
    assert told.run("list") == 0
    lines = told.out.splitlines()
    assert max(map(len, lines)) <= 80
    first_words = [line.split()[0] for line in lines[2:] if not line.startswith(" ")]
    assert sorted(first_words) == sorted(set(load_profiles()) - {GENERIC_ID})


def test_list_as_json_is_one_wearable_a_line(told: Told) -> None:
    assert told.run("list", "--json") == 0
    records = {record["id"]: record for record in map(json.loads, told.out.splitlines())}
    assert set(records) == set(load_profiles()) - {GENERIC_ID}
    assert records["polar-h9"] == {
        "id": "polar-h9",
        "maker": "Polar",
        "model": "H9",
        "heart_rate_service": "yes",
        "gives": "heart rate and beats",
        "sensing": "electrical",
        "rr": "yes",
        "status": "read",
    }
    assert records["apple-watch"]["gives"] == "nothing: cannot be used directly"


@pytest.mark.parametrize(
    ("rr", "sensing", "service", "gives"),
    [
        ("yes", "electrical", "yes", "heart rate and beats"),
        ("yes", "optical", "yes", "heart rate, and beats at rest"),
        ("yes", "unknown", "unknown", "heart rate, and beats at rest"),
        ("no", "electrical", "yes", "heart rate"),
        ("unreliable", "optical", "yes", "heart rate"),
        ("unknown", "electrical", "yes", "heart rate; beats will show"),
        ("yes", "electrical", "no", "nothing: cannot be used directly"),
    ],
)
def test_what_it_will_give_in_plain_words(rr: str, sensing: str, service: str, gives: str) -> None:
    assert will_give(rr=rr, sensing=sensing, heart_rate_service=service) == gives


# --- show ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("identity", sorted(load_profiles()))
def test_show_tells_every_fact_with_its_source_and_every_step(told: Told, identity: str) -> None:
    profile = load_profiles()[identity]
    assert told.run("show", identity) == 0
    assert max(map(len, told.out.splitlines())) <= 80
    squeezed = re.sub(r"\s", "", told.out)
    facts = (*profile.facts.values(), *profile.platform_notes.values())
    for fact in facts:
        assert fact.status in squeezed
        assert fact.checked_on.isoformat() in squeezed
    for sentence in (*profile.participant_steps, *profile.notes, profile.why_not):
        assert re.sub(r"\s", "", sentence) in squeezed
    assert all(key in squeezed for key in profile.facts if key not in ("participant_steps", "notes", "why_not"))
    assert ("Cannot be used directly" in told.out) == (profile.heart_rate_service is HeartRateService.NO)


def test_show_as_json_holds_what_is_known_and_what_is_assumed(told: Told) -> None:
    assert told.run("show", "polar-h10", "--json") == 0
    record = json.loads(told.out)
    assert record["facts"]["rr_unit"] == {
        "value": "1/1024 s",
        "source": load_profiles()["polar-h10"].facts["rr_unit"].source,
        "status": "read",
        "checked_on": "2026-11-23",
    }
    assert (record["rr_unit"], record["stall_s"], record["links"]) == ("1/1024 s", 6.0, 1)
    assert record["platform_notes"]["windows"]["status"] == "unverified"
    assert len(record["participant_steps"]) > 1


@pytest.mark.parametrize("identity", ["POLAR-H10", "Polar-H10"])
def test_show_does_not_mind_capitals(told: Told, identity: str) -> None:
    assert told.run("show", identity) == 0


@pytest.mark.parametrize(
    ("identity", "meant"),
    [("polar-h1", "polar-h10"), ("apple", "apple-watch"), ("verity sense", "polar-verity-sense"), ("tickr", "wahoo-")],
)
def test_show_of_an_unknown_wearable_asks_which_was_meant(told: Told, identity: str, meant: str) -> None:
    assert told.run("show", identity) == 2
    assert meant in told.err
    assert told.out == ""


@pytest.mark.parametrize("identity", ["zzzz", "", "\x1b[31mred"])
def test_show_of_what_is_like_nothing_points_to_the_list(told: Told, identity: str) -> None:
    assert told.run("show", identity) == 2
    assert "watchlink profiles list" in " ".join(re.sub("[│\\n]", " ", told.err).split())
    assert "\x1b[31mred" not in told.err


# --- validate --------------------------------------------------------------------------------------------------------


def test_validate_without_a_file_checks_those_that_ship(told: Told) -> None:
    assert told.run("validate") == 0
    assert told.out == f"{len(load_profiles())} wearables are fine.\n"


def test_validate_says_how_many_wearables_of_sound_files_are_fine(told: Told, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(_SOUND, encoding="utf-8")
    (tmp_path / "b.toml").write_text(_SOUND, encoding="utf-8")
    assert told.run("validate", str(tmp_path / "a.toml")) == 0
    assert told.out == "1 wearable is fine.\n"
    assert told.run("validate", str(tmp_path / "a.toml"), str(tmp_path / "b.toml")) == 0
    assert told.out == "2 wearables are fine.\n"


def test_validate_tells_every_fault_of_every_file(told: Told, tmp_path: Path) -> None:
    (tmp_path / "sound.toml").write_text(_SOUND, encoding="utf-8")
    (tmp_path / "faulty.toml").write_text(_SOUND + 'rr = "yes"\n"\\u001b[31m" = 1\n', encoding="utf-8")
    (tmp_path / "latin.toml").write_bytes(_SOUND.encode() + b"# \xe9\n")
    names = ("sound.toml", "faulty.toml", "latin.toml", "missing.toml")
    assert told.run("validate", *(str(tmp_path / name) for name in names)) == 8
    lines = told.out.splitlines()
    assert [re.search(r"(\w+)\.toml", line)[1] for line in lines] == ["faulty", "faulty", "latin", "missing"]  # type: ignore[index]
    assert "acme-1: rr must be a table" in lines[0]
    assert "is not known" in lines[1]
    assert "\x1b" not in told.out
    assert "UTF-8" in lines[2]
    assert "cannot be read" in lines[3]


# --- the how-to ------------------------------------------------------------------------------------------------------


def _examples() -> list[str]:
    return re.findall(r"```toml\n(.*?)```", _HOW_TO.read_text(encoding="utf-8"), re.DOTALL)


def test_every_example_of_the_how_to_is_sound() -> None:
    short, whole = _examples()
    (band,) = parse_profiles(short, file="short")
    strap, old = parse_profiles(whole, file="whole")
    assert (band.id, strap.id, old.id) == ("acme-band-2", "acme-strap", "acme-old")
    assert strap.name_pattern is not None
    assert strap.name_pattern.search("ACME-12")


def test_the_how_to_describes_every_key_and_every_value() -> None:
    text = _HOW_TO.read_text(encoding="utf-8")
    source = Path(profile_files.__file__).read_text(encoding="utf-8")
    readers = "text|texts|truth|number|whole|choice|pattern|take|day|table"
    taken = rf'(?:table|virtual|facts|root|fact)\.(?:{readers})\(\s*"(\w+)"'
    keys = set(re.findall(taken, source))
    assert {"names", "rr", "stall_s", "bogus_rr_ticks", "dis_model", "platform_notes", "status", "maker"} <= keys
    assert {
        key for key in keys - {"maker", "wearable", "id", "model"} if not re.search(rf"`(\[wearable\.)?{key}\]?`", text)
    } == set()
    example = _examples()[1]
    assert {key for key in keys - {"value", "source", "status", "checked_on"} if key not in example} == set()
    places = {place.name.lower().replace("_", " ") for place in BodySensorLocation}
    choices = (FactStatus, HeartRateService, Pairing, Platform, RrAvailability, RrUnit, Sensing)
    assert {value for choice in choices for value in choice if value not in text} == set()
    assert {place for place in places if place not in text} == set()
