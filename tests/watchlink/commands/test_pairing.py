"""Scanning, pairing and the remembered wearables as a person meets them, on virtual airs that run faster than life.

Strategy: everything goes through the program's `main`, except where an air is needed that no option can make up: empty,
hostile, silent, patchy or of no known make. Such an air is another `Air`.
"""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from itertools import count
from pathlib import Path

import pytest
import typer
from bleak.backends.device import BLEDevice

import watchlink
from firmware_profiles.heart_rate_service import Contact, HeartRateMeasurement, encode
from firmware_profiles.profiles import load_profiles
from watchlink.clock import Clock
from watchlink.commands import main
from watchlink.commands.nearby import Air, owners
from watchlink.commands.pair import Wishes, pair_on
from watchlink.commands.scan import _Nearby, listen, nearby_table
from watchlink.commands.seating import parse_seats, wearers_of
from watchlink.commands.trying import try_wearable
from watchlink.devices import Device, LastTest, load_devices, save_devices
from watchlink.errors import LinkError, LinkFault
from watchlink.readings import Grade
from watchlink.sources.ble import ConnectedHere, Found, Radio, connected_here
from watchlink.sources.virtual.air import VirtualAir
from watchlink.sources.virtual.wearable import Emission, VirtualWearable
from watchlink.unit_audit import RrUnitVerdict

_ROOT = Path(watchlink.__file__).parents[1]
_ADDRESS = re.compile(r"(?i)([0-9a-f]{2}[:_-]){5}[0-9a-f]{2}")
_FAST = ("--speed", "1e6")
_H10 = "Polar H10 37F3"  # of seed 1
_WATCH = "Forerunner 255 36F7"
_US = 1_000_000
_STEERING = "Po\x1b[31mlar\x07 \u202eH10"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    code: int | str | None
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "devices.json"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run the program in this process; `typed` is what the person types, and then no more."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "dumb")

    def run_main(*arguments: object, typed: str = "") -> Outcome:
        monkeypatch.setattr(sys, "argv", ["watchlink", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        code: int | str | None = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        assert not _ADDRESS.search(out + err)
        assert "Traceback" not in err
        return Outcome(code=code or 0, out=out, err=err)

    return run_main


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherAir(Air):
    """An air with wearables of the test's own, made anew each time like every virtual air."""

    wearables: Callable[[], Sequence[VirtualWearable]]

    @asynccontextmanager
    async def open(self, clock: Clock) -> AsyncGenerator[Radio]:
        async with VirtualAir(self.wearables(), clock=clock) as air:
            yield air.radio


def _air(*wearables: Callable[[], VirtualWearable]) -> OtherAir:
    return OtherAir(virtual=1, speed=1e6, wearables=lambda: [make() for make in wearables])


def _wearable(
    name: str,
    *,
    manufacturer: str = "Nobody",
    model: str = "X",
    rr: bool = True,
    rate_bpm: int = 60,
    contact: Contact = Contact.NOT_SUPPORTED,
    sent: Callable[[int], bool] = lambda _number: True,
) -> Callable[[], VirtualWearable]:
    """A metronome of a wearable; it sends those of its reports, one a second, that `sent` lets through."""
    payload = encode(
        HeartRateMeasurement.of(
            heart_rate_bpm=rate_bpm, contact=contact, energy_expended_kj=None, rr_ticks=(1024,) if rr else ()
        )
    )

    def emissions() -> Iterator[Emission]:
        for number in count():
            if sent(number):
                yield Emission(at_us=number * _US, payload=payload)
            elif number > 1000:
                return

    return lambda: VirtualWearable(
        serial=name or "nameless",
        name=name,
        manufacturer=manufacturer,
        model=model,
        firmware="1",
        battery_percent=11,
        body_sensor_location=None,
        emissions=emissions(),
    )


def _device(
    alias: str = "Heron", name: str = _H10, *, address: str | None = None, identity: str | None = None
) -> Device:
    return Device(
        alias=alias,
        profile="polar-h10",
        name=name,
        address=address,
        identity=identity,
        paired_on=date(2026, 11, 23),
        tested=LastTest(grade=Grade.BEAT, rr_unit=RrUnitVerdict.TICKS, good_pct=98),
    )


def _found(name: str, address: str) -> Found:
    return Found(name=name, rssi_dbm=-60, device=BLEDevice(address, name, None))


def _records(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


# --- scan ------------------------------------------------------------------------------------------------------------


def test_a_scan_lists_by_name_what_each_wearable_probably_gives(run: Run) -> None:
    outcome = run("scan", "--virtual", 3, *_FAST)
    assert outcome.code == 0
    assert [line.split("  ")[0] for line in outcome.out.splitlines()] == ["name", _WATCH, "HRM-Dual:C4B6", _H10]
    assert "Polar H10       heart rate and beats  strong" in re.sub(" {8,}", " " * 7, outcome.out)
    assert outcome.err == "Listening for up to 8 s ...\n"


def test_a_scan_says_whose_a_wearable_is_and_who_was_not_heard(run: Run, file: Path) -> None:
    save_devices(file, [_device(), _device("Otter", "Polar H10 9999")])
    outcome = run("scan", "--virtual", 2, *_FAST, "--devices", file)
    assert outcome.code == 0
    assert "Heron's" in outcome.out
    assert "Otter's Polar H10 was not heard: put it on, and close the phone app" in outcome.err
    records = _records(run("scan", "--virtual", 2, *_FAST, "--devices", file, "--json").out)
    assert [(record["name"], record["remembered_as"]) for record in records] == [
        ("HRM-Dual:C4B6", None),
        (_H10, "Heron"),
    ]
    assert records[1]["gives"] == "heart rate and beats"
    assert records[1]["connected_here"] is False


def test_a_plain_scan_is_a_line_a_wearable(run: Run, file: Path) -> None:
    save_devices(file, [_device()])
    outcome = run("scan", "--virtual", 2, *_FAST, "--plain", "--devices", file)
    assert outcome.out.splitlines() == [
        "HRM-Dual:C4B6: Garmin HRM-Dual, will probably give heart rate and beats, signal strong",
        f"{_H10}: Polar H10, will probably give heart rate and beats, signal strong, Heron's",
    ]
    led = run("pair", "--virtual", 2, *_FAST, "--plain", typed="\n\n")
    assert f"   2  {_H10}: Polar H10, will probably give heart rate and beats, signal strong\n" in led.err


def test_an_empty_air_is_nothing_but_an_empty_list() -> None:
    assert listen(_air(), seconds=1, devices=(), live=False) == []


def test_a_wearable_with_a_hostile_or_without_a_name_cannot_steer_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from rich.console import Console

    rows = listen(_air(_wearable(_STEERING), _wearable("")), seconds=1, devices=(), live=False)
    Console().print(nearby_table(rows))
    printed = capsys.readouterr().out
    assert "(no name)" in printed
    assert not set("\x1b\x07\u202e") & set(printed)


def test_whose_a_wearable_is_is_not_guessed() -> None:
    heron, otter = _device(address="1"), _device("Otter", address="2")
    at_1, at_3 = _found(_H10, "1"), _found(_H10, "3")
    assert owners([at_1, at_3], [heron]) == {"1": heron}
    assert owners([at_3], [heron]) == {"3": heron}  # its address has changed
    assert owners([at_3], [heron, otter]) == {}
    assert owners([at_3, _found(_H10, "4")], [heron]) == {}
    assert owners([at_1, at_3], [heron, otter]) == {"1": heron, "3": otter}
    assert owners([_found("", "5")], [_device(name="")]) == {}


# --- pair: with options ----------------------------------------------------------------------------------------------


def test_pairing_by_options_remembers_what_it_found(run: Run, file: Path) -> None:
    options = ("--virtual", 3, *_FAST, "--name", "polar", "--alias", "Heron", "--yes", "--devices", file)
    outcome = run("pair", *options)
    assert outcome.code == 0
    assert "Heron's Polar H10: ready for a session." in outcome.out
    assert "beat: it sends every single beat, measured electrically" in outcome.out
    assert "HRV while you sit in silence" in outcome.out
    assert re.search(r"battery +\d+%", outcome.out)
    assert len(re.findall(r"\d+ of 30 s   heart rate \d+   signal good \d+%", outcome.err)) > 3
    assert "Remembered as Heron's." in outcome.err
    (device,) = load_devices(file)
    assert (device.alias, device.profile, device.name) == ("Heron", "polar-h10", _H10)
    assert device.tested.grade is Grade.BEAT
    assert device.tested.good_pct > 90
    listed = run("devices", "list", "--devices", file, "--plain")
    assert listed.out.startswith(f"Heron: wearable Polar H10, name {_H10}, grade beat, beat unit ")


def test_a_verdict_as_json_is_one_object_and_all_there_is_on_standard_output(run: Run) -> None:
    outcome = run("pair", "--virtual", 3, *_FAST, "--name", _WATCH, "--alias", "Otter", "--yes", "--json")
    assert outcome.code == 0
    (record,) = _records(outcome.out)
    assert record["grade"] == "rate"
    assert record["profile"] == "garmin-watch"
    assert record["reports_with_rr"] == record["beats"] == 0
    assert record["rr_unit"] == "undetermined"
    assert "This was a virtual wearable: it was not remembered" in outcome.err


def test_a_longer_test_names_the_unit(run: Run) -> None:
    outcome = run("pair", "--virtual", 1, "--seed", 2, *_FAST, "--yes", "--alias", "Heron", "--seconds", 60, "--plain")
    assert outcome.code == 0
    assert "beat unit: 1/1024 s, as the standard says\n" in outcome.out


def test_a_wearable_without_beats_is_refused_where_beats_are_needed(run: Run, file: Path) -> None:
    options = ("--virtual", 3, *_FAST, "--name", _WATCH, "--alias", "Otter", "--yes", "--devices", file)
    outcome = run("pair", *options, "--need-rr", "--seconds", 10)
    assert outcome.code == 5
    assert "rate: it sends its heart rate and no single beats" in outcome.out
    assert "A chest strap does." in outcome.err
    assert not file.exists()


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--name", "Nix", "--yes"), 4, f"Nix was not heard. Heard were: HRM-Dual:C4B6, {_H10}."),
        (("--yes",), 4, "2 wearables were heard: HRM-Dual:C4B6, Polar H10 37F3. Say which with --name."),
        (("--profile", "apple-watch"), 4, "Apple Watch cannot be used directly."),
        (("--profile", "polar-h11"), 2, "no wearable is known as 'polar-h11'. Did you mean"),
        (("--alias", "a=b"), 2, "no equals sign"),
        (("--alias", ""), 2, "needs at least one letter"),
        (("--alias", "x" * 25), 2, "at most 24 letters"),
        (("--seconds", "3"), 2, "10"),
    ],
)
def test_what_cannot_be_paired_is_said(run: Run, options: Sequence[str], code: int, words: str) -> None:
    outcome = run("pair", "--virtual", 2, *_FAST, *options)
    assert outcome.code == code
    assert words in re.sub(r"[\s│]+", " ", outcome.err)
    assert outcome.out == ""


def test_a_broken_file_stops_before_anything_is_tried(run: Run, file: Path) -> None:
    file.write_text("{")
    for command in (
        ("pair", "--virtual", 1, *_FAST, "--yes"),
        ("scan", "--virtual", 1, *_FAST),
        ("live",),
        ("devices", "list"),
        ("devices", "forget", "Heron", "--yes"),
        ("devices", "rename", "Heron", "Otter"),
        ("devices", "test", "Heron"),
    ):
        outcome = run(*command, "--devices", file)
        assert (outcome.code, outcome.out) == (8, "")
        assert f"watchlink: {file}, where remembered wearables are kept, cannot be understood" in outcome.err
    assert file.read_text() == "{"


# --- pair: as a conversation -----------------------------------------------------------------------------------------


def test_a_newcomer_is_led_through_and_may_err_at_every_step(run: Run, file: Path) -> None:
    answers = ["frisbee", "polar", "99", "", "Polar H10", "1", "", "7", "me", "a", "1", "a=b", "Heron"]
    outcome = run("pair", "--virtual", 3, *_FAST, "--seconds", 20, "--devices", file, typed="\n".join(answers) + "\n")
    assert outcome.code == 0
    for words in (
        "1. Which watch or strap do you have? Known are those of:",
        "Nothing known is called 'frisbee'. Try fewer letters, or only Enter if it is not there.",
        "'99' is not in the list: type a number from 1 to ",
        "2. Switch its broadcast on (Polar H10):",
        "   - Wet the two patches",
        "Press Enter when that is done",
        "3. These are near, those like yours first, then the strongest.",
        "1  Polar H10 37F3",  # the person's own model comes first
        "'7' is not in the list: type a number from 1 to 3, or a to listen again.",
        "'me' is not in the list",
        "4. Under which pseudonym?",
        "no equals sign",
        "5. Heron, sit still for 20 s while Polar H10 37F3 is tested. Nothing of it is recorded.",
        "Remembered as Heron's.",
    ):
        assert words in outcome.err
    assert outcome.err.count("Listening for up to") == 2
    assert [one.alias for one in load_devices(file)] == ["Heron"]


@pytest.mark.parametrize("answers", [(), ("",), ("", ""), ("", "", "1"), ("garmin",)], ids=len)
def test_when_nobody_answers_it_ends_and_says_what_to_do_instead(run: Run, answers: Sequence[str]) -> None:
    outcome = run("pair", "--virtual", 2, *_FAST, typed="".join(f"{answer}\n" for answer in answers))
    assert (outcome.code, outcome.out) == (2, "")
    assert 'Nobody answered "' in outcome.err
    assert "answer with options: watchlink pair --yes --alias Heron --name" in outcome.err


def test_a_person_who_does_not_know_the_watch_and_takes_another_model_is_told(run: Run) -> None:
    guided = run("pair", "--virtual", 2, *_FAST, "--seconds", 10, typed="venu\n1\n\n2\n\n")
    assert guided.code == 0
    assert "By its name it is a Polar H10, so it is taken for that." in guided.err
    assert "Heron's Polar H10" in guided.out


def test_who_is_remembered_already_is_asked_before_anything_is_replaced(run: Run, file: Path) -> None:
    options = ("--virtual", 2, *_FAST, "--seconds", 10, "--devices", file, "--name")
    assert run("pair", *options, "Polar", "--alias", "Heron", "--yes").code == 0
    # another wearable for Heron: no, so another pseudonym
    outcome = run("pair", *options, "HRM", "--alias", "heron", typed="n\nOtter\n")
    assert outcome.code == 0
    assert "Heron has a Polar H10 already. Shall this one take its place?" in outcome.err
    assert {one.alias: one.name for one in load_devices(file)} == {"Heron": _H10, "Otter": "HRM-Dual:C4B6"}
    # Heron's own again, under a new pseudonym
    outcome = run("pair", *options, "Polar", "--alias", "Wren", typed="maybe\ny\n")
    assert outcome.code == 0
    assert "This Polar H10 is remembered as Heron's." in outcome.err
    assert "Type y for yes or n for no." in outcome.err
    assert {one.alias for one in load_devices(file)} == {"Otter", "Wren"}


def test_nothing_near_is_told_and_can_be_tried_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n\ny\nn\n"))
    with pytest.raises(LinkError, match=r"No wearable was paired\.") as caught:
        pair_on(_air(), Wishes())
    assert caught.value.fault is LinkFault.NOT_FOUND
    assert capsys.readouterr().err.count("close the phone app that may hold it") == 2
    with pytest.raises(LinkError, match="Nothing else was heard either"):
        pair_on(_air(), Wishes(name="Polar", yes=True))


def _patchy(number: int) -> bool:
    return number % 4 < 2


@pytest.mark.parametrize(
    ("wishes", "typed", "kept"),
    [
        (Wishes(yes=True), "", False),
        (Wishes(yes=True, even_if_poor=True), "", True),
        (Wishes(name="HR 1", alias="Heron"), "n\n", False),
        (Wishes(name="HR 1", alias="Heron"), "", False),
        (Wishes(name="HR 1", alias="Heron"), "y\n", True),
    ],
)
def test_a_poor_signal_ends_with_seven_and_is_remembered_only_if_somebody_says_so(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    file: Path,
    wishes: Wishes,
    typed: str,
    kept: bool,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    with pytest.raises(typer.Exit) as ended:
        pair_on(_air(_wearable("HR 1", sent=_patchy)), replace(wishes, seconds=20, file=file, plain=True))
    assert ended.value.exit_code == 7
    out, err = capsys.readouterr()
    assert "NOT good enough yet." in out
    assert "try this: Check that it sits snug on the skin." in out
    assert "battery: 11%: charge or change it before the session" in out
    assert "signal patchy" in err
    assert file.exists() == kept
    assert ("It was not remembered." in err) is not kept


def test_a_wearable_that_names_itself_only_once_connected_is_tested_as_what_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    air = _air(_wearable("Quux", manufacturer="Polar Electro Oy", model="H10"))
    pair_on(air, Wishes(yes=True, alias="Heron", as_json=True, seconds=20))
    out, err = capsys.readouterr()
    assert "It says that it is a Polar H10. The test begins again" in err
    assert json.loads(out)["profile"] == "polar-h10"
    assert json.loads(out)["grade"] == "beat"
    # Unless the person insists:
    pair_on(air, Wishes(yes=True, profile=load_profiles()["generic"], as_json=True, seconds=20))
    assert json.loads(capsys.readouterr().out)["grade"] == "pulse"


def test_a_hostile_name_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    pair_on(_air(_wearable(_STEERING)), Wishes(yes=True, seconds=10, file=file))
    out, err = capsys.readouterr()
    assert not set("\x1b\x07\u202e") & set(out + err)
    assert load_devices(file)[0].name == _STEERING


def _silent(_number: int) -> bool:
    return False


@pytest.mark.parametrize(
    ("air", "fault", "words"),
    [
        (_air(), LinkFault.UNREACHABLE, "Most often another device holds it: close its app on the phone"),
        (_air(_wearable("HR 1", sent=_silent)), LinkFault.NO_HEART_RATE, "is connected but sends no heart rate."),
        (_air(_wearable("HR 1", rate_bpm=0, rr=False)), LinkFault.NO_HEART_RATE, "Put it on, snug on the skin"),
    ],
    ids=["gone", "silent", "not worn"],
)
def test_a_wearable_that_gives_nothing_to_test_is_told_with_what_to_do(air: Air, fault: LinkFault, words: str) -> None:
    with pytest.raises(LinkError, match=re.escape(words)) as caught:
        try_wearable(
            air,
            alias="Heron",
            name="HR 1",
            address=None,
            identity=None,
            profile=load_profiles()["generic"],
            is_settled=True,
            seconds=10,
            live=False,
        )
    assert caught.value.fault is fault


@pytest.mark.parametrize(
    ("profile", "code", "words"),
    [("polar-h7", 7, "contact: none: it is not on the skin"), ("generic", 0, "this wearable's word is not relied on")],
)
def test_lost_contact_is_told_and_counts_where_the_wearable_can_be_believed(
    capsys: pytest.CaptureFixture[str], profile: str, code: int, words: str
) -> None:
    wishes = Wishes(yes=True, plain=True, seconds=20, profile=load_profiles()[profile])
    ended = 0
    try:
        pair_on(_air(_wearable("HR 1", contact=Contact.ABSENT)), wishes)
    except typer.Exit as end:
        ended = end.exit_code
    assert ended == code
    assert words in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_in_the_test_frees_the_wearable_and_ends_with_130(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "watchlink", "pair", "--virtual", "1", "--yes", "--plain", "--scan-seconds", "1"],
        cwd=_ROOT,
        env={**os.environ, "XDG_DATA_HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stderr is not None
        assert child.stdout is not None
        said = ""
        while "of 30 s" not in said and (line := child.stderr.readline()):
            said += line
        child.send_signal(signal.SIGINT)
        said += child.stderr.read()
        assert (child.wait(), child.stdout.read()) == (130, "")
    assert "Stopped. No wearable is held any more, and nothing was kept." in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the address of the system's message bus is Linux's")
@pytest.mark.parametrize(
    "arguments", [("pair",), ("pair", "--yes"), ("live", "--seat", "Heron"), ("devices", "test", "Heron")], ids=" ".join
)
def test_without_bluetooth_it_ends_with_three(
    run: Run, monkeypatch: pytest.MonkeyPatch, file: Path, arguments: Sequence[str]
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/at/all")
    save_devices(file, [_device()])
    outcome = run(*arguments, "--devices", file)
    assert (outcome.code, outcome.out) == (3, "")
    assert "watchlink: The system's Bluetooth service does not answer. Install BlueZ" in outcome.err


@pytest.mark.skipif(sys.platform != "linux", reason="the address of the system's message bus is Linux's")
def test_what_is_connected_here_is_nothing_where_the_system_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/at/all")
    clock = Air().new_clock()
    assert clock.run(connected_here()) == []

    async def on_virtual_air() -> list[ConnectedHere]:
        air = Air(virtual=1)
        async with air.open(clock) as radio:
            return await connected_here(radio)

    assert Air(virtual=1).new_clock().run(on_virtual_air()) == []


def test_a_wearable_in_use_on_this_computer_is_listed_although_it_is_not_heard() -> None:
    nearby = _Nearby([_device(address="1")])
    nearby.in_use = [ConnectedHere(name=_H10, address="1"), ConnectedHere(name="HR 7", address="9")]
    nearby.hear(_found("HR 7", "9"))
    rows = [(row.name, row.signal, row.taken) for row in nearby.rows()]
    assert rows == [
        ("HR 7", "strong", "in use on this computer"),
        (_H10, "not heard", "Heron's, in use on this computer"),
    ]


# --- devices ---------------------------------------------------------------------------------------------------------


def test_no_device_says_how_to_get_one(run: Run) -> None:
    outcome = run("devices", "list")
    assert (outcome.code, outcome.out) == (0, "")
    assert "`watchlink pair` finds, tests and remembers one." in outcome.err


def test_a_list_of_devices_holds_neither_address_nor_proof(run: Run, file: Path) -> None:
    save_devices(file, [_device(address="C0:00:00:00:00:01", identity="proof"), _device("Otter", _STEERING)])
    for form in ((), ("--plain",), ("--json",)):
        outcome = run("devices", "list", "--devices", file, *form)
        assert outcome.code == 0
        assert "proof" not in outcome.out
        assert not set("\x1b\x07") & set(outcome.out)
    records = _records(run("devices", "list", "--devices", file, "--json").out)
    assert [(record["alias"], record["known_by_serial_number"]) for record in records] == [
        ("Heron", True),
        ("Otter", False),
    ]


def test_a_remembered_wearable_is_tested_again(run: Run, file: Path) -> None:
    save_devices(
        file, [replace(_device(), tested=LastTest(grade=None, rr_unit=RrUnitVerdict.UNDETERMINED, good_pct=0))]
    )
    outcome = run("devices", "test", "heron", "--virtual", 2, *_FAST, "--devices", file, "--plain")
    assert outcome.code == 0
    assert outcome.out.startswith("Heron's Polar H10: ready for a session.\ngrade: beat: ")
    (device,) = load_devices(file)
    assert device.tested.grade is Grade.BEAT
    assert (device.alias, device.paired_on) == ("Heron", date(2026, 11, 23))


def test_a_device_is_renamed_and_forgotten_for_good(run: Run, file: Path) -> None:
    save_devices(file, [_device(), _device("Otter", "Polar H10 9999")])
    assert run("devices", "rename", "heron", "Wren", "--devices", file).code == 0
    assert [one.alias for one in load_devices(file)] == ["Otter", "Wren"]
    assert run("devices", "rename", "Wren", "wren", "--devices", file).code == 0
    for arguments in (
        ("rename", "wren", "Otter"),
        ("rename", "wren", ""),
        ("rename", "Nix", "Lark"),
        ("forget", "Nix"),
    ):
        outcome = run("devices", *arguments, "--devices", file)
        assert outcome.code == 2
        assert "Usage:" in outcome.err
    assert run("devices", "forget", "Otter", "--devices", file, typed="n\n").code == 0
    assert run("devices", "forget", "Otter", "--devices", file).code == 2  # nobody answered
    assert len(load_devices(file)) == 2
    assert run("devices", "forget", "Otter", "--devices", file, typed="yes\n").code == 0
    assert run("devices", "forget", "wren", "--devices", file, "--yes").code == 0
    assert json.loads(file.read_text())["devices"] == []


# --- seats of a live session -----------------------------------------------------------------------------------------


def _seated(wearers: Iterable[object]) -> list[tuple[str, str, str | None, str | None]]:
    return [
        (one.person, one.wearable, one.address, one.identity)  # type: ignore[attr-defined]
        for one in wearers
    ]


def test_without_seats_who_is_remembered_sits_under_the_pseudonym() -> None:
    heron = _device(address="1", identity="proof")
    found = [_found("HR 7", "9"), _found(_H10, "1")]
    assert _seated(wearers_of(found, [heron, _device("Otter", "Polar H10 9999", address="3")])) == [
        ("Person 1", "w1", "9", None),
        ("Heron", "w2", "1", "proof"),
    ]


def test_a_seat_may_be_remembered_or_named_and_need_not_be_near() -> None:
    seats = parse_seats(["Otter=HR 7", "heron"], [_device(address="1", identity="proof")])
    assert _seated(seats.wearers([_found("HR 7", "9")])) == [
        ("Otter", "w1", "9", None),
        ("Heron", "w2", "1", "proof"),
    ]
    assert not parse_seats([], [])


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["Otter"], "no wearable is remembered as Otter's. Remembered are: Heron. Pair it with `watchlink pair"),
        (["Heron="], "--seat wants"),
        (["=HR 7"], "--seat wants"),
        ([""], "--seat wants"),
        (["Heron", "heron=HR 7"], "names somebody twice"),
        (["Heron", "Heron"], "names somebody twice"),
    ],
)
def test_a_seat_that_cannot_be_is_told(texts: list[str], words: str) -> None:
    with pytest.raises(typer.BadParameter, match=re.escape(words)):
        parse_seats(texts, [_device()])
