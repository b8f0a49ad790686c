"""The report for others: everything that helps, and nobody in it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from watchlink.archive import Archive
from watchlink.doctor.checks import Check, Status
from watchlink.doctor.facts import Adapter, Machine
from watchlink.doctor.redaction import Private
from watchlink.doctor.report import HEAD, audit, private_here, report
from watchlink.packets import (
    Attribute,
    AttributeRead,
    Discarded,
    DiscardReason,
    LinkChange,
    LinkState,
    Notification,
    Seat,
)

MACHINE = Machine(
    platform="linux",
    release="6.8.0",
    numbers=(6, 8, 0),
    architecture="x86_64",
    python=(3, 11, 7),
    watchlink="0.1.0",
    bleak="3.1.0",
    bumble=None,
)
ANNA = Private(home="/home/anna", user="anna", host="annas-laptop", wearables=("Polar H10 1A2B", "b"))


def recorded(path: Path) -> None:
    """Two people; one of everything that is counted happens to the second."""
    with Archive(path) as opened:
        recorder = opened.begin(title="Anna and Bert", started_at=datetime(2026, 3, 1, tzinfo=UTC))
        for number, person in enumerate(("Anna", "Bert"), 1):
            recorder.accept(Seat(at_us=0, person=person, wearable=f"w{number}", profile="polar-h10"))
            for second in range(5):
                payload = bytes([0x10, 61 + second, 0xAB, 0x03])
                recorder.accept(Notification(at_us=second * 1_000_000, wearable=f"w{number}", payload=payload))
        at_us = 5_000_000
        for packet in (
            Notification(at_us=at_us, wearable="w2", payload=b""),
            Discarded(at_us=at_us, wearable="w2", payload=b"\x00\x40", reason=DiscardReason.DUPLICATE),
            Discarded(at_us=at_us, wearable="w2", payload=b"\x00\x40", reason=DiscardReason.LATE),
            LinkChange(at_us=at_us, wearable="w2", state=LinkState.STALLED, reason="no data"),
            LinkChange(at_us=at_us, wearable="w2", state=LinkState.LOST, reason="Bert's Polar H10 is gone"),
            AttributeRead(at_us=at_us, wearable="w2", attribute=Attribute.MODEL_NUMBER, payload=b"H10"),
        ):
            recorder.accept(packet)
        recorder.close()


def test_a_report_holds_checks_versions_adapters_and_counts_but_nobody(tmp_path: Path) -> None:
    recorded(tmp_path / "a.sqlite3")
    with Archive(tmp_path / "a.sqlite3", read_only=True) as opened:
        last = opened.sessions()[-1]
    checks = [
        Check(name="archive", status=Status.PASS, found="/home/anna/a.sqlite3 is whole"),
        Check(
            name="wearables",
            status=Status.WARN,
            found="2 heard: Polar H10 1A2B, b",
            fix="Bring b closer.",
            names=("Polar H10 1A2B", "b"),
        ),
        Check(name="listening", status=Status.FAIL, found="Bluetooth failed (X: AA:BB:CC:DD:EE:FF on annas-laptop)"),
    ]
    text = report(
        checks,
        machine=MACHINE,
        adapters=[Adapter(name="hci0", powered=True, central=None, connected=2, usb="0a12:0001")],
        last=last,
        counts=audit(tmp_path / "a.sqlite3", last),
        private=ANNA,
    )
    assert text.splitlines() == [
        *HEAD,
        "",
        "Checks",
        "  pass         archive      <home>/a.sqlite3 is whole",
        "  warn         wearables    2 heard: <wearable>, <wearable>",
        "                            fix: <wearable>ring <wearable> closer.",
        "  fail         listening    Bluetooth failed (X: <address> on <computer>)",
        "  Not ready for a session: listening. Do what is written there, from the top, then run `watchlink doctor` "
        "again.",
        "",
        "Computer",
        "  platform linux, release 6.8.0, x86_64",
        "  Python 3.11.7, watchlink 0.1.0, Bleak 3.1.0, Bumble None",
        "",
        "Adapters",
        "  hci0: powered yes, LE central not known, connected 2, USB 0a12:0001",
        "",
        "Last session",
        "  complete, 0:00:05, 18 packets",
        "  wearable 1 (polar-h10, grade beat): "
        "notifications 5, duplicates 0, late 0, undecodable 0, losses 0, stalls 0",
        "  wearable 2 (polar-h10, grade beat): "
        "notifications 5, duplicates 1, late 1, undecodable 1, losses 1, stalls 1",
    ]
    for private in ("Anna", "Bert", "1A2B", "10ab", "AB03", "939"):
        assert private.lower() not in text.lower()


def test_a_report_can_be_made_of_very_little() -> None:
    text = report([], machine=None, adapters=[], last=None, counts=None, private=ANNA)
    assert "  none is known by name" in text
    assert text.endswith("Last session\n  none\n")


def test_what_is_private_here_can_always_be_asked() -> None:
    private = private_here(["A"])
    assert private.wearables == ("A",)
    assert private.home == str(Path.home())
