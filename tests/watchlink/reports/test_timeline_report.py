"""The timeline of a session in its three forms: a table, plain lines, records; and the words that they are made of."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from dsp import Interval, Recovery, RecoveryVerdict, Spike, SpikeEnding
from watchlink.alignment import Association
from watchlink.fold import SessionFold
from watchlink.packets import Correction, EventKind, Meaning, Notification, SessionEvent
from watchlink.readings import Grade
from watchlink.reports.timeline import CAVEAT, association_records, spike_words, timeline_lines, timeline_report
from watchlink.session import corrected
from watchlink.timeline import HeartLine, PersonCounts, Risen, Timeline, assemble

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


def _line(until_s: int = 3725) -> HeartLine:
    line = HeartLine()
    for at_s in range(until_s):
        line.add(float(at_s), 70.0 + at_s % 3)
    return line


def _people() -> dict[str, PersonCounts]:
    return {
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
        "Wren": PersonCounts(profile="generic", notifications=1),
    }


def _timeline(
    *,
    spikes: Sequence[tuple[str, Spike]],
    events: Sequence[SessionEvent] = (),
    recovery: Recovery | None = None,
    corrections: Sequence[Correction] = (),
) -> Timeline:
    people = _people()
    return assemble(
        duration_s=3725.0,
        counts=people,
        lines={name: _line() for name in people},
        standing=corrected(events, corrections),
        spikes=[Risen(person=person, spike=spike, recovery=recovery) for person, spike in spikes],
    )


_DOWN = Recovery(
    verdict=RecoveryVerdict.FITTED,
    began_s=420.0,
    until_s=600.0,
    half_time_s=18.2,
    half_time_interval_s=Interval(low=13.6, high=24.4),
    amount_bpm=20.0,
    level_bpm=72.0,
)


_EVENTS = (
    replace(_block(0, "Silent baseline"), label="baseline"),
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
    recovery=_DOWN,
)


def _print(timeline: Timeline, *, width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None).print(timeline_report(timeline))
    return out.getvalue().splitlines()


def _print_of(timeline: Timeline, person: str) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=80, color_system=None).print(timeline_report(timeline, person=person))
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
        (406, "Heron (speaks) heart rate rise"),
        (406, "; 3 s after interruption, sure: fairly ("),
        (307, "; 2 s after speaking began, sure: fairly ("),
        (302, "; 2 s after Role-play A, sure: "),
        (425, "; 20 s after pause, sure: "),
        (1200, "; nothing marked"),
    ],
)
def test_a_rise_stands_beside_the_event_it_may_belong_to(onset_s: float, words: str) -> None:
    lines = list(timeline_lines(_timeline(spikes=[("Heron", _spike(onset_s))], events=_EVENTS)))
    (line,) = [line for line in lines if "heart rate rise +" in line]
    assert words in line


@pytest.mark.parametrize(("by_luck", "words"), [(0, "fairly"), (0.049, "fairly"), (0.05, "perhaps"), (0.2, "hardly")])
def test_how_sure_that_is_follows_from_the_odds_of_luck(by_luck: float, words: str) -> None:
    event = _mark(400, "escalation", "Heron")
    timeline = _timeline(spikes=[("Heron", _spike(404))], events=[event])
    (timed,) = timeline.spikes
    timed = replace(timed, associations=(Association(event=event, lag_s=4.0, by_luck=by_luck),))
    text = "\n".join(timeline_lines(replace(timeline, spikes=(timed,))))
    assert f"4 s after escalation, sure: {words} ({100 * by_luck:.0f} %) by luck" in text
    assert f"{100 * by_luck:.0f} %" in "\n".join(_print(replace(timeline, spikes=(timed,)), width=100))


def test_movement_explains_a_rise_and_is_counted_apart() -> None:
    events = [*_EVENTS, replace(_mark(1203, "stood-up", "Heron"), meaning=Meaning.BODY)]
    lines = list(timeline_lines(_timeline(spikes=[("Heron", _spike(1200)), ("Heron", _spike(406))], events=events)))
    assert lines[0].startswith("1:02:05 of session, 2 heart rate rises, 1 of them explained")
    assert any(line.endswith("; explained: stood-up") for line in lines)


@pytest.mark.parametrize(
    ("recovery", "words"),
    [
        (None, "not known yet"),
        (_DOWN, "18 s (14-24)"),
        (
            replace(_DOWN, verdict=RecoveryVerdict.NOT_SETTLED, half_time_s=None, half_time_interval_s=None),
            "not settled",
        ),
        (
            replace(_DOWN, verdict=RecoveryVerdict.CANNOT_TELL, half_time_s=None, half_time_interval_s=None),
            "cannot tell",
        ),
    ],
)
def test_how_fast_it_came_down_is_told_with_its_interval_or_why_not(recovery: Recovery | None, words: str) -> None:
    assert words in "\n".join(_print(_timeline(spikes=[("Heron", _spike(406))], recovery=recovery), width=100))


def test_a_persons_own_timeline_holds_what_concerns_them_and_nothing_of_others() -> None:
    text = "\n".join(timeline_lines(_WHOLE, person="Otter"))
    assert "0:10:00 began to speak" in text
    assert "0:06:45 pause" in text
    assert "Heron" not in text
    assert "after pause: " in text
    assert "Heron" not in "\n".join(_print_of(_WHOLE, "Otter"))


def test_people_who_rose_together_are_told_together() -> None:
    spikes = [(name, _spike(403 + at)) for at, name in enumerate(("Heron", "Otter", "Wren"))]
    (line,) = [line for line in timeline_lines(_timeline(spikes=spikes, events=_EVENTS)) if "rose together" in line]
    assert line.startswith("0:06:43 3 of 3 rose together: Heron, Otter, Wren, 3 s after escalation; by luck 1 in ")


def test_what_followed_a_label_is_told_with_what_luck_would_give() -> None:
    (line,) = [line for line in timeline_lines(_WHOLE) if line.startswith("interruption: ")]
    assert line.startswith("interruption: 1 of 1 followed by a rise, 0.0 by luck (chance ")


def test_what_is_odd_is_said() -> None:
    events = [_mark(-5, "early"), _mark(9000, "late"), _mark(10, "x", "Robin"), _mark(20, "gone"), _mark(30, "moved")]
    corrections = [
        Correction(at_us=0, of_us=20_000_000),
        Correction(at_us=0, of_us=30_000_000, now=_mark(30, "kept")),
        Correction(at_us=0, of_us=77),
    ]
    timeline = _timeline(spikes=[], events=events, corrections=corrections)
    assert list(timeline.remarks) == [
        "1 event happened before the session began; no heart rate is beside it",
        "1 event happened after the last report; no heart rate is beside it",
        "events name Robin, who wears nothing in this session",
        "2 events were corrected or taken back; the log keeps what was entered",
        "1 correction is of something that was never entered",
        "there is no silent baseline; what is usual is learned while the session goes on",
    ]
    assert set(timeline.remarks) <= set(timeline_lines(timeline))
    assert [event.label for event in timeline.events] == ["early", "x", "kept", "late"]


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
    starts = [line.split()[0] for line in lines[1:9]]
    assert starts == sorted(starts)
    assert lines[-4:] == [
        "Heron: beat grade, usual 72 bpm, 3 rises, 3600 reports, 4200 beats, 0.5 % corrected, 3 gaps",
        "Otter: rate grade, usual 64 bpm, 2 rises, 3500 reports, - beats, - corrected, - gaps",
        "Wren: unknown grade, usual not known, 0 rises, 1 reports, - beats, - corrected, - gaps",
        CAVEAT,
    ]


def test_every_plain_line_is_one_line() -> None:
    assert all("\n" not in line and line.strip() for line in timeline_lines(_WHOLE))


def test_a_session_in_which_nothing_happened_is_told_in_few_lines() -> None:
    empty = assemble(duration_s=1.0, counts={}, lines={}, standing=corrected([], []), spikes=[])
    assert list(timeline_lines(empty)) == ["0:00:01 of session, 0 heart rate rises", *empty.remarks, CAVEAT]
    assert "0:00:01 of session, 0 heart rate rises" in _print(empty, width=80)[0]


# --- the table -------------------------------------------------------------------------------------------------------


def test_the_table_holds_what_the_plain_lines_hold() -> None:
    text = "\n".join(_print(_WHOLE, width=120))
    for words in (
        "1:02:05 of session, 5 heart rate rises",
        "Silent baseline",
        "Role-play A",
        "0:06:46",
        "3 s after interruption",
        "+21 bpm",
        "18 s (14-24)",
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
    assert "4 s after [bold]x[/bold]" in text
    assert "[/]" in text


# --- records ---------------------------------------------------------------------------------------------------------


def test_every_candidate_is_a_record_the_likeliest_first() -> None:
    records = list(association_records(_WHOLE))
    assert json.loads(json.dumps(records)) == records
    first = [record for record in records if record["onset_s"] == 406]
    assert [(record["rank"], record["event_label"], record["lag_s"]) for record in first] == [
        (1, "interruption", 3.0),
        (2, "escalation", 6.0),
        (3, "pause", 1.0),
    ]
    assert {record["type"] for record in records} == {"association"}
    assert [record["by_luck"] for record in first] == sorted(record["by_luck"] for record in first)
    assert first[0]["event_at_us"] == 403_000_000


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
