from __future__ import annotations

import csv
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st

from watchlink.cells import csv_text


def test_a_text_that_looks_like_a_formula_is_kept_from_being_one_and_a_negative_number_stays_a_number() -> None:
    assert csv_text([("=1+1", "+4", "-4", "@A1", "plain", -4, -0.5, None)]) == "'=1+1,'+4,'-4,'@A1,plain,-4,-0.5,\r\n"


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=2), max_size=5))
def test_every_text_comes_back_and_no_cell_begins_a_formula(rows: list[list[str]]) -> None:
    back = list(csv.reader(StringIO(csv_text(rows), newline="")))
    assert [[cell.removeprefix("'") for cell in row] for row in back] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in back for cell in row)
