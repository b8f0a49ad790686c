"""Texts of intervals as programs write them, and everything that only looks like one."""

from __future__ import annotations

import io
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchlink.captures import rr_text
from watchlink.captures.rr_text import RrText
from watchlink.errors import CaptureError


def read(text: str | bytes, **more: str) -> RrText:
    return rr_text.read(io.BytesIO(text if isinstance(text, bytes) else text.encode()), "series.txt", **more)


@pytest.mark.parametrize(
    "text",
    [
        "800\n810.5\n790\n",
        "800\r\n810.5\r\n790\r\n",
        "\ufeff800\n810.5\n790",
        "# Elite HRV\n\n800\n  810.5\n790\n\n",
        "RR\n800\n810.5\n790\n",
        "rr_ms\n800\n810.5\n790\n",
        '"RR interval (ms)"\n800\n810.5\n790\n',
        ",rr\n0,800\n1,810.5\n2,790\n",
        "RR [s]\n0.8\n0.8105\n0.79\n",
        "t_s,rr_ms\n0.8,800\n1.6105,810.5\n2.4005,790\n",
        "time;IBI\n0,8;800\n1,6105;810,5\n2,4005;790\n",
        "index\tNN_ms\tflag\n1\t800\tok\n2\t810.5\tok\n3\t790\tok\n",
        "0.8,800\n1.6105,810.5\n2.4005,790\n",
        "timestamp,rr\n2026-11-23 18:00:00,800\n2026-11-23 18:00:01,810.5\n2026-11-23 18:00:01,790\n",
        "t_ms,rr_ms\n100800,800\n101610.5,810.5\n102400.5,790\n",
        "800\n810.5\n790\n".encode("utf-16"),
        # HRV Logger, Polar Sensor Logger (the last sign of a line may be a separator), Empatica (in s), pandas by tabs
        "date,rr,since start\n2026-03-15 09:00:15.8,800,800\n2026-03-15 09:00:16.6,810.5,1611\n"
        "2026-03-15 09:00:17.4,790,2401\n",
        "Phone timestamp;RR-interval [ms]\n2026-06-01T21:17:07.832;800;\n2026-06-01T21:17:08.642;810.5;\n"
        "2026-06-01T21:17:09.432;790;\n",
        "1644227584.000000, IBI_s\n0.8,0.8\n1.6105,0.8105\n2.4005,0.79\n",
        "\trr\n0\t800\n1\t810.5\n2\t790\n",
        "0.8 800\n1.6105 810.5\n2.4005 790\n",
        "t_s   rr_ms\n0.8   800\n1.6105   810.5\n2.4005   790\n",
    ],
)
def test_the_same_series_however_it_is_written(text: str | bytes) -> None:
    found = read(text)
    assert found.rr_ms == pytest.approx([800, 810.5, 790])
    assert found.at_s == pytest.approx([0.8, 1.6105, 2.4005])
    assert found.gap_before == [False] * 3


def test_seconds_are_read_as_seconds_where_the_file_or_the_person_says_so() -> None:
    assert read("0.8\n0.9\n", unit="s").rr_ms == pytest.approx([800, 900])
    assert read("0.8,0.8\n1.7,0.9\n", unit="s").rr_ms == pytest.approx([800, 900])
    assert read("rr_s\n0.8\n0.9\n").rr_ms == pytest.approx([800, 900])
    assert read("rr_s\n800\n900\n", unit="ms").rr_ms == [800, 900]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "holds no interval"),
        ("# nothing\n\n", "holds no interval"),
        ("rr_ms\n", "holds no interval"),
        ("800\nabc\n", "line 2: 'abc' is no number"),
        ("800\n81O\n", "line 2: '81O' is no number"),
        ("t_s,rr_ms\n0.8,800\n1.6\n", "line 3 has 1 columns; the value is expected in column 2"),
        ("16265 28672 0.0 800 641\n16265 28928 0.0 633 640\n", "5 columns in line 1 and no header"),
        ("8oo\n810\n", "line 1: '8oo' is no number"),
        ("800\nnan\n", "line 2: 'nan' is no number"),
        ("800\n1e999\n", "line 2: '1e999' is no number"),
        ("800\n8_00\n", "line 2: '8_00' is no number"),
        ("800\n\n0\n", "line 3: no interval is 0 ms long"),
        ("800\n-5\n", "line 2: no interval is -5 ms long"),
        ("1644227584\n800\n", "line 1: no interval is 1.64423e\\+09 ms long"),
        ("0,812\n0,799\n", "If the comma is a decimal mark, write a point"),
        ("rr_ms,x\n800,810,790\n", "line 2 has 3 columns, more than the first line, which has 2"),
        ("rr\n1 992\n2 1016\n", "line 2 has 2 columns, more than the first line"),
        ("t_s,rr_ms\n0.8,800\nsoon,810\n", "line 3: 'soon' is no time"),
        ("t_s,rr_ms\n0.8,800\n1.6,800\n0.7,800\n", "line 4 lies before the line before it"),
        ("800,810,790\n800,810,790\n", "3 columns in line 1 and no header"),
        ("800,810\n790,800\n", "2 columns in line 1 and no header"),
        ("a,b\n1,2\n", "names no column of RR intervals"),
        ("rr,ibi\n1,2\n", "names several columns of RR intervals"),
        (b"\xff\xfe\x00", "is no text: it cannot be read as UTF-16"),
        (b"800\n\xff\xff\n", "is no text: it cannot be read as UTF-8"),
    ],
)
def test_what_is_no_series_is_named_with_its_line(text: str | bytes, sentence: str) -> None:
    with pytest.raises(CaptureError, match=sentence):
        read(text)


def test_a_long_line_is_not_repeated_whole() -> None:
    with pytest.raises(CaptureError) as error:
        read("800\n" + "x" * 10_000 + "\n")
    assert len(str(error.value)) < 200


def test_where_times_leave_room_for_beats_they_are_missing() -> None:
    at_s = [0.8, 1.6, 2.4, 12.4, 13.2]
    found = read("t_s,rr_ms\n" + "".join(f"{time},800\n" for time in at_s))
    assert found.gap_before == [False, False, False, True, False]
    assert found.at_s == pytest.approx(at_s)


@pytest.mark.parametrize(
    "text",
    [
        "Phone timestamp;RR-interval [ms]\n2026-06-01T21:59:59.9;800\n2026-06-01T22:00:00.7;800\n"
        "2026-06-01T22:00:31.5;800\n",
        "1644227584.000000, IBI\n1.0,800\n1.8,800\n32.6,800\n",
        "timestamp_ms,rr_ms\n1644227584000,800\n1644227584800,800\n1644227615600,800\n",
        "rr,since start\n800,800\n800,1600\n800,32400\n",
    ],
)
def test_times_of_every_kind_show_a_hole(text: str) -> None:
    found = read(text)
    assert found.gap_before == [False, False, True]
    assert found.at_s == pytest.approx([0.8, 1.6, 32.4])


def test_a_time_of_day_in_whole_seconds_breaks_nothing() -> None:
    """Loggers that round times to the second scatter by one; that is no missing beat."""
    seconds = [82 * at // 100 for at in range(300)]
    rows = (f"2026-03-15 09:{second // 60:02}:{second % 60:02},820\n" for second in seconds)
    assert not any(read("date,rr\n" + "".join(rows)).gap_before)


def test_too_many_intervals_are_refused_before_they_are_all_read() -> None:
    endless = io.BytesIO(b"800\n" * 1_200_000)
    with pytest.raises(CaptureError, match="more than 1000000 intervals"):
        rr_text.read(endless, "series.txt")


@given(
    st.one_of(
        st.text(max_size=200),
        st.text('0123456789.,;: \t\n"-_#eETrst', max_size=200),
        st.lists(
            st.sampled_from(["800", "0.8", "2026-03-15", "1e308", "-1e308", "1e-300", ",", "\n", "rr", "t_s", "nan"])
        ).map("".join),
    )
)
def test_any_text_is_a_series_or_a_sentence(text: str) -> None:
    try:
        found = read(text)
    except CaptureError:
        return
    assert len(found.rr_ms) == len(found.at_s) == len(found.gap_before) > 0
    assert all(0 < value <= 86_400_000 for value in found.rr_ms)
    assert all(later >= earlier for earlier, later in pairwise(found.at_s))


@given(
    rr_ms=st.lists(st.integers(740, 860), min_size=40, max_size=120),
    hole_at=st.integers(10, 30),
    hole_s=st.floats(9, 600),
    bunch=st.integers(1, 3),
)
def test_times_of_arrival_find_a_hole_too(rr_ms: list[int], hole_at: int, hole_s: float, bunch: int) -> None:
    """Reports bring several intervals, all after the last of them: those times are no times of beats."""
    first = hole_at // bunch * bunch
    sums_s = accumulate(interval / 1000 for interval in rr_ms)
    ends_s = [sum_s + (hole_s if at >= first else 0.0) for at, sum_s in enumerate(sums_s)]
    arrivals_s = [ends_s[min(len(rr_ms) - 1, at - at % bunch + bunch - 1)] for at in range(len(rr_ms))]
    rows = (f"{at_s!r},{interval}\n" for at_s, interval in zip(arrivals_s, rr_ms, strict=True))
    found = read("t_s,rr_ms\n" + "".join(rows))
    assert [at for at, gap in enumerate(found.gap_before) if gap] == [first]


@pytest.mark.parametrize(
    ("start", "is_text"),
    [
        (b"800\n810\n", True),
        (b"\xef\xbb\xbf800\n", True),
        (b"\xff\xfe8\x000\x00", True),
        (b"t_s,rr_ms\n", True),
        (b'{"watchlink":1}\n', False),
        (b"  {", False),
        (b"btsnoop\x00", False),
        (b"\x00\x01", False),
    ],
)
def test_text_is_told_from_captures(start: bytes, *, is_text: bool) -> None:
    assert rr_text.recognises(start) == is_text


@pytest.mark.parametrize(
    ("file", "intervals", "gaps"),
    [
        ("wearable_hrv_p37/vu_ecg_rr.csv", 3040, 0),
        ("wearable_hrv_p37/rhythm_rr.csv", 2604, 132),
        ("stress_predict/S34_rr.csv", 3938, 76),
        ("kubios_reference/rr.txt", 245, 0),
    ],
)
def test_files_of_others_are_read(shared_data: Path, file: str, intervals: int, gaps: int) -> None:
    with (shared_data / "rr" / file).open("rb") as opened:
        found = rr_text.read(opened, file)
    assert (len(found.rr_ms), sum(found.gap_before)) == (intervals, gaps)
    assert all(later > earlier for earlier, later in pairwise(found.at_s))
