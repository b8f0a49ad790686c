"""Redaction: whatever stands around it, nothing private is left; and what is not private stays readable."""

from __future__ import annotations

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchlink.doctor.redaction import Private, redacted

NOBODY = Private(home="", user="", host="")
ANNA = Private(home="/home/anna", user="anna", host="annas-laptop.local", wearables=("Polar H10 1A2B", "Anna's Watch"))

octets = st.binary(min_size=6, max_size=6)
spellings = st.sampled_from([":", "-", "_", ".", " ", ""])
around = st.text(max_size=20)


def spelt(octets: bytes, separator: str, *, upper: bool) -> str:
    text = separator.join(f"{octet:02x}" for octet in octets)
    return text.upper() if upper else text


@given(octets, spellings, st.booleans(), around, around)
def test_no_address_is_left_in_any_spelling(
    octets: bytes, separator: str, upper: bool, before: str, after: str
) -> None:
    address = spelt(octets, separator, upper=upper)
    left = redacted(f"{before}{address}{after}", NOBODY)
    assert address not in left
    assert address[-8:] not in left.replace(before, "").replace(after, "")  # nor the half that tells two apart


@given(octets, st.booleans())
def test_no_address_is_left_in_a_path_of_the_message_bus_or_in_words(octets: bytes, upper: bool) -> None:
    for text in (
        f"/org/bluez/hci0/dev_{spelt(octets, '_', upper=True)}/service000a",
        f"BLEDevice({spelt(octets, ':', upper=upper)}, x)",
        f"0x{spelt(octets, '', upper=upper)}",
        spelt(octets[:2], "", upper=upper)
        + "."
        + spelt(octets[2:4], "", upper=upper)
        + "."
        + spelt(octets[4:], "", upper=upper),
    ):
        left = redacted(text, NOBODY).lower()
        for separator in (":", "_", "-", ""):
            assert spelt(octets, separator, upper=False) not in left
        assert "<address>" in left or "<digits>" in left


@given(st.uuids(), st.sampled_from(["lower", "upper"]), st.booleans(), around, around)
def test_no_uuid_is_left(one: uuid.UUID, case: str, dashes: bool, before: str, after: str) -> None:
    text = str(one) if dashes else one.hex
    text = text.upper() if case == "upper" else text
    left = redacted(f"{before} {text} {after}", NOBODY)
    assert text not in left
    assert text[-12:] not in left


folder_names = st.text(st.characters(categories=("L", "N"), include_characters=" .-_"), min_size=2, max_size=12).filter(
    lambda name: name.strip(" .") == name and len(name) > 1
)


@given(folder_names, st.sampled_from(["/home/", "/Users/", "C:\\Users\\", "/srv/people/"]), around, around)
def test_no_home_folder_is_left(name: str, under: str, before: str, after: str) -> None:
    home = under + name
    private = Private(home=home, user=name, host="host")
    for path in (home, home.replace("\\", "/"), home.replace("/", "\\"), home.replace("\\", "\\\\")):
        assert home not in redacted(f"{before} {path}/data/archive.sqlite3 {after}", private)
    assert "<home>" in redacted(f"cannot open {home}/x", private)


@given(st.lists(st.text(min_size=1, max_size=10), min_size=1, max_size=4), around)
def test_no_name_of_a_wearable_is_left(names: list[str], before: str) -> None:
    private = Private(home="", user="", host="", wearables=tuple(names))
    left = redacted(f"{before}{'|'.join(names)}", private)
    for placeholder in ("<wearable>", "<address>", "<digits>", "<home>"):
        left = left.replace(placeholder, "\N{BULLET}")
    assert [name for name in names if name in left and name != "\N{BULLET}"] == []


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("The archive /home/anna/.local/share/watchlink", "The archive <home>/.local/share/watchlink"),
        ("/home/bert/x and C:\\Users\\Bert\\x", "<home>/x and <home>\\x"),
        ("1 heard: Polar H10 1A2B; weak: ANNA'S WATCH", "1 heard: <wearable>; weak: <wearable>"),
        ("anna on annas-laptop.local (annas-laptop)", "<user> on <computer> (<computer>)"),
        ("/mnt/backup_anna/x", "/mnt/backup_<user>/x"),
        ("annapurna and susanna", "annapurna and susanna"),
        ("serial 0123456789ABCDEF01", "serial <digits>"),
    ],
)
def test_placeholders_say_what_stood_there(text: str, left: str) -> None:
    assert redacted(text, ANNA) == left


@pytest.mark.parametrize(
    "text",
    [
        "Linux 6.8.0-45-generic, Python 3.11.7, Bleak 3.1.0, BlueZ 5.72",
        "2026-11-23 04:53:32",
        "complete, 1:59:59, 57701 packets",
        "hci0: powered yes, LE central yes, connected 2, USB 0a12:0001",
        "Run `rfkill unblock bluetooth`, then `bluetoothctl power on`.",
    ],
)
def test_what_helps_is_kept(text: str) -> None:
    assert redacted(text, ANNA) == text


def test_nothing_known_is_no_reason_to_take_everything() -> None:
    assert redacted("all is well", Private(home="/", user="", host="", wearables=("",))) == "all is well"
    assert not re.search("<", redacted("a b c", NOBODY))
