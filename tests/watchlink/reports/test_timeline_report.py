"""The timeline of a session in its three forms: a table, plain lines, records; and the words that they are made of."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

import pytest
from rich.cells import cell_len
from rich.console import Console

from dsp import Spike, SpikeEnding
from watchlink.alignment import Association, associate
from watchlink.fold import SessionFold
from watchlink.packets import EventKind, Notification, SessionEvent
from watchlink.readings import Grade
from watchlink.reports.timeline import CAVEAT, association_records, spike_words, timeline_lines, timeline_report
from watchlink.timeline import PersonCounts, TimedSpike, Timeline

_FORBIDDEN = ("stress", "anxi", "emotion", "calm", "diagnos", "risk", "abnormal")


def _spike(onset_s: float, *, rise_bpm: float = 21.4, ending: SpikeEnding = SpikeEnding.SETTLED) -> Spike:
    return Spike(
        onset_s=onset_s,
        detected_s=onset_s + 8,
        peak_s=onset_s + 14,
        end_s=onset_s + 62,
        ending=ending,
        usual_bpm=71.6,
        rise_bpm=rise_bpm,
        rise_spreads=7.25,
        area_bpm_s=500,
        clean_pct=98,
    )


def _block(at_s: float, title: str) -> SessionEvent:
    return SessionEvent(at_us=round(at_s * 1e6), kind=EventKind.BLOCK, label="role-play", note=title)


def _mark(at_s: float, label: str, person: str | None = None) -> SessionEvent:
    return SessionEvent(at_us=round(at_s * 1e6), kind=EventKind.MARK, label=label, person=person)


def _speaker(at_s: float, person: str) -> SessionEvent:
    return SessionEvent(at_us=round(at_s * 1e6), kind=EventKind.ROLE, label="speaker", person=person)


def _timeline(*, spikes: Sequence[tuple[str, Spike]], events: Sequence[SessionEvent] = ()) -> Timeline:
    return Timeline(
        duration_s=3725.0,
        people={
            "Heron": PersonCounts(
                profile="polar-h10",
                grade=Grade.BEAT,
                notifications=3600,
                beats=4200,
                corrected=21,
                gaps=3,
                usual_bpm=71.6,
            ),
            "Otter": PersonCounts(profile="garmin-watch", grade=Grade.RATE, notifications=3500, usual_bpm=64.2),
            "Wren": PersonCounts(profile="generic"),
        },
        events=tuple(events),
        spikes=tuple(
            TimedSpike(
                person=person,
                spike=spike,
                associations=associate(onset_s=spike.onset_s, person=person, events=events, duration_s=3725.0),
            )
            for person, spike in spikes
        ),
    )


_EVENTS = (
    _block(0, "Silent baseline"),
    _block(300, "Role-play A"),
    _speaker(305, "Heron"),
    _mark(400, "escalation", "Heron"),
    _mark(403, "interruption", "Heron"),
    _mark(405, "pause"),
    _speaker(600, "Otter"),
)
_WHOLE = _timeline(
    events=_EVENTS,
    spikes=[
        ("Heron", _spike(406)),
        ("Otter", _spike(604, ending=SpikeEnding.TOO_LONG)),
        ("Otter", _spike(1200, ending=SpikeEnding.GAP)),
        ("Heron", _spike(304)),
        ("Heron", _spike(604)),
    ],
)


def _print(timeline: Timeline, *, width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(timeline_report(timeline))
    return out.getvalue().splitlines()


# --- words -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        (SpikeEnding.SETTLED, "settled after 48 s"),
        (SpikeEnding.TOO_LONG, "not settled within 180 s"),
        (SpikeEnding.GAP, "not known, the signal broke off"),
    ],
)
def test_a_rise_in_words_says_how_big_how_fast_and_how_it_ended(ending: SpikeEnding, words: str) -> None:
    assert spike_words(_spike(10, ending=ending)) == (
        f"heart rate rise +21 bpm (7.2 own spreads), peak after 14 s, {words}"
    )


@pytest.mark.parametrize(
    ("onset_s", "words"),
    [
        (406, "; pause 1 s before, sure: fairly ("),
        (307, "; began to speak 2 s before, sure: fairly ("),
        (302, "; Role-play A 2 s before, sure: fairly ("),
        (304, "; began to speak 1 s after"),
        (425, "; pause 20 s before, sure: fairly ("),
        (1200, "; nothing marked"),
    ],
)
def test_a_rise_stands_beside_the_event_it_may_belong_to(onset_s: float, words: str) -> None:
    lines = list(timeline_lines(_timeline(spikes=[("Heron", _spike(onset_s))], events=_EVENTS)))
    (line,) = [line for line in lines if "heart rate rise +" in line]
    assert words in line


@pytest.mark.parametrize(
    ("by_luck", "words"),
    [
        (0.0, "fairly (0 %)"),
        (0.049, "fairly (5 %)"),
        (0.05, "perhaps (5 %)"),
        (0.19, "perhaps (19 %)"),
        (0.2, "hardly (20 %)"),
    ],
)
def test_how_sure_that_is_follows_from_the_odds_of_luck(by_luck: float, words: str) -> None:
    event = _mark(400, "escalation", "Heron")
    timed = TimedSpike(
        person="Heron", spike=_spike(404), associations=(Association(event=event, lag_s=4.0, by_luck=by_luck),)
    )
    timeline = Timeline(duration_s=600, people={}, events=(event,), spikes=(timed,))
    assert f"escalation 4 s before, sure: {words} by luck" in "\n".join(timeline_lines(timeline))
    assert words in "\n".join(_print(timeline, width=100))


def test_nothing_marked_makes_nobody_sure_of_anything() -> None:
    (line,) = [
        line for line in timeline_lines(_timeline(spikes=[("Heron", _spike(100))])) if "heart rate rise +" in line
    ]
    assert line.endswith("; nothing marked")


# --- plain lines -----------------------------------------------------------------------------------------------------


def test_plain_lines_tell_blocks_and_rises_in_order_of_time_then_people_then_the_caveat() -> None:
    lines = list(timeline_lines(_WHOLE))
    assert lines[0] == "1:02:05 of session, 5 heart rate rises"
    assert lines[1] == "0:00:00 block Silent baseline"
    starts = [line.split()[0] for line in lines[1:-4]]
    assert starts == sorted(starts)
    assert lines[-4:] == [
        "Heron: beat grade, usual 72 bpm, 3 rises, 3600 reports, 4200 beats, 0.5 % corrected, 3 gaps",
        "Otter: rate grade, usual 64 bpm, 2 rises, 3500 reports, - beats, - corrected, - gaps",
        "Wren: unknown grade, usual not known, 0 rises, 0 reports, - beats, - corrected, - gaps",
        CAVEAT,
    ]


def test_every_plain_line_is_one_line() -> None:
    assert all("\n" not in line and line.strip() for line in timeline_lines(_WHOLE))


def test_a_session_in_which_nothing_happened_is_told_in_two_lines() -> None:
    empty = Timeline(duration_s=1.0, people={}, events=(), spikes=())
    assert list(timeline_lines(empty)) == ["0:00:01 of session, 0 heart rate rises", CAVEAT]
    assert "0:00:01 of session, 0 heart rate rises" in _print(empty, width=80)[0]


# --- the table -------------------------------------------------------------------------------------------------------


def test_the_table_holds_what_the_plain_lines_hold() -> None:
    text = "\n".join(_print(_WHOLE, width=120))
    for words in (
        "1:02:05 of session, 5 heart rate rises",
        "Silent baseline",
        "Role-play A",
        "0:06:46",
        "pause 1 s before",
        "+21 bpm",
        "48 s",
        "not settled",
        "not known",
        "nothing marked",
        "0.5 %",
        "4200",
    ):
        assert words in text


def test_people_keep_their_order_whatever_their_rises_were() -> None:
    lines = _print(_WHOLE, width=120)
    people = [line.split()[0] for line in lines if line.startswith(("Heron", "Otter", "Wren"))]
    assert people == ["Heron", "Otter", "Wren"]


@pytest.mark.parametrize("width", [80, 100, 160])
def test_the_table_fits_the_screen_with_nothing_cut_off(width: int) -> None:
    lines = _print(_WHOLE, width=width)
    assert max(map(cell_len, lines)) <= width
    assert "…" not in "".join(lines)


def test_what_people_typed_is_no_markup() -> None:
    timeline = _timeline(spikes=[("Heron", _spike(404))], events=[_mark(400, "[bold]x[/bold]"), _block(0, "[/]")])
    text = "\n".join(_print(timeline, width=120))
    assert "[bold]x[/bold] 4 s before" in text
    assert "[/]" in text


# --- records ---------------------------------------------------------------------------------------------------------


def test_every_candidate_is_a_record_the_likeliest_first() -> None:
    records = list(association_records(_WHOLE))
    assert json.loads(json.dumps(records)) == records
    first = [record for record in records if record["onset_s"] == 406]
    assert [(record["rank"], record["event_label"], record["lag_s"]) for record in first] == [
        (1, "pause", 1.0),
        (2, "interruption", 3.0),
        (3, "escalation", 6.0),
    ]
    assert {record["type"] for record in records} == {"association"}
    assert [record["by_luck"] for record in first] == sorted(record["by_luck"] for record in first)
    assert first[0]["event_at_us"] == 405_000_000


def test_a_rise_beside_nothing_has_no_record() -> None:
    assert list(association_records(_timeline(spikes=[("Heron", _spike(1200))], events=_EVENTS))) == []


# --- what is never said ----------------------------------------------------------------------------------------------


def test_no_report_names_a_feeling_or_judges_a_body() -> None:
    text = "\n".join([*timeline_lines(_WHOLE), *_print(_WHOLE, width=120)]).casefold()
    assert [word for word in _FORBIDDEN if word in text] == []


def test_the_report_says_once_that_it_is_no_medical_device_and_proves_no_cause() -> None:
    for text in ("\n".join(timeline_lines(_WHOLE)), " ".join(_print(_WHOLE, width=200))):
        assert text.count("Not a medical device.") == 1
        assert text.count("beside an event is not because of it") == 1


def test_what_wearables_did_wrong_is_counted_and_told_for_those_to_whom_it_happened() -> None:
    fold = SessionFold()
    payloads = ["e048", "0048aabb", "0048aabb", "16", "0048"]
    for number, payload in enumerate(payloads):
        at_us = number * 1_000_000 if number < 2 else number * 1_000_000 - 999_999  # the second 0048aabb comes at once
        fold.push(Notification(at_us=at_us, wearable="w1", payload=bytes.fromhex(payload)))
        fold.push(Notification(at_us=number * 1_000_000, wearable="w2", payload=b"\x00\x48"))
    lines = list(timeline_lines(fold.timeline()))
    assert (
        "w1: reports 1 that could not be read, 1 delivered twice, 1 with reserved flags, 1 with extra octets" in lines
    )
    assert not any(line.startswith("w2: reports") for line in lines)
