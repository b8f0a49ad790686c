from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchlink.texts import one_line, ranges, shown


@given(st.lists(st.integers(1, 60)))
def test_ranges_name_every_number_once(numbers: list[int]) -> None:
    named: list[int] = []
    for part in filter(None, ranges(numbers).split(", ")):
        first, _, last = part.partition("-")
        named += range(int(first), int(last or first) + 1)
    assert named == sorted(set(numbers))


def test_what_follows_one_another_is_one_range() -> None:
    assert ranges([4, 1, 2, 3, 7, 9, 10]) == "1-4, 7, 9, 10"


@given(st.text())
def test_no_foreign_text_steers_a_terminal(text: str) -> None:
    assert shown(text).isprintable()
    assert one_line(text) == shown(" ".join(text.split()))
    assert "\n" not in one_line(text)
