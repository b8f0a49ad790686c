"""The file of cohorts: whole or not at all, its owner's alone, never overwritten when broken; who is in a cohort."""

from __future__ import annotations

import json
import stat
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchlink.cohorts import (
    MOST_MEMBERS,
    Cohort,
    Member,
    cohort_fault,
    load_cohorts,
    of_name,
    put,
    save_cohorts,
)
from watchlink.consent import NOTHING, wording
from watchlink.errors import CohortsFileError
from watchlink.measures import Measure, Primary
from watchlink.packets import Purpose

_DAY = date(2026, 11, 23)
_LIONS = Cohort(
    name="Lions",
    members=(
        Member(alias="Heron", shares=frozenset({Purpose.RISES}), agreed_on=_DAY, wording="1:0"),
        Member(alias="Otter"),
    ),
    made_on=_DAY,
)

_LETTERS = st.characters(exclude_categories=["C", "Z", "Nd"], exclude_characters="=") | st.just(" ")
_TEXTS = st.text(_LETTERS, min_size=1, max_size=24)
_NAMES = _TEXTS.filter(lambda text: cohort_fault(text, ["Heron"]) is None)
_ALIASES = _TEXTS.filter(lambda text: cohort_fault("Lions", [text]) is None)
_MEMBERS = st.builds(
    Member,
    alias=_ALIASES,
    shares=st.frozensets(st.sampled_from(Purpose)),
    agreed_on=st.none() | st.dates(),
    wording=st.text(),
)
_COHORTS = st.lists(
    st.builds(
        Cohort,
        name=_NAMES,
        members=st.lists(
            _MEMBERS, min_size=1, max_size=MOST_MEMBERS, unique_by=lambda member: member.alias.casefold()
        ).map(tuple),
        made_on=st.dates(),
        closed_on=st.none() | st.dates(),
        keep_days=st.integers(0, 3650),
        primary=st.none()
        | st.builds(Primary, measure=st.sampled_from(Measure), label=st.text(), declared_on=st.dates()),
    ),
    unique_by=lambda cohort: cohort.name.casefold(),
    max_size=4,
)


@given(cohorts=_COHORTS)
def test_what_is_saved_is_loaded_with_everybody_at_their_number(
    tmp_path_factory: pytest.TempPathFactory, cohorts: list[Cohort]
) -> None:
    path = tmp_path_factory.mktemp("cohorts") / "sub" / "cohorts.json"
    save_cohorts(path, cohorts)
    loaded = load_cohorts(path)
    assert {cohort.name: cohort for cohort in loaded} == {cohort.name: cohort for cohort in cohorts}
    assert len(loaded) == len(cohorts)
    before = path.read_bytes()
    save_cohorts(path, reversed(loaded))
    assert path.read_bytes() == before


def test_no_file_is_no_cohort(tmp_path: Path) -> None:
    assert load_cohorts(tmp_path / "cohorts.json") == ()


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are Unix's")
def test_only_its_owner_may_read_it_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "cohorts.json"
    path.write_text("{}")
    path.chmod(0o644)
    save_cohorts(path, [_LIONS])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def _whole(**changes: object) -> dict[str, object]:
    entry: dict[str, object] = {
        "name": "Lions",
        "made_on": "2026-11-23",
        "closed_on": None,
        "members": [_member()],
    }
    return {"watchlink_cohorts": 1, "cohorts": [entry | changes]}


def _member(**changes: object) -> dict[str, object]:
    entry: dict[str, object] = {"alias": "Heron", "shares": ["rises"], "agreed_on": "2026-11-23", "wording": "1:0"}
    return entry | changes


def test_a_file_that_a_person_wrote_by_hand_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "cohorts.json"
    never_asked = _member(alias="Otter", shares=[], agreed_on=None, wording="")
    path.write_text(json.dumps(_whole(members=[_member(), never_asked])))
    assert load_cohorts(path) == (_LIONS,)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "it is no JSON"),
        ("[]", "the file is no JSON object"),
        ("[" * 100_000, "cannot be understood"),
        ('{"watchlink_devices": 1, "cohorts": []}', "watchlink_cohorts is missing"),
        ('{"watchlink_cohorts": true, "cohorts": []}', "watchlink_cohorts is missing"),
        ('{"watchlink_cohorts": 1}', "cohorts is no list"),
        ('{"watchlink_cohorts": 1, "cohorts": [7]}', "cohort 1: it is no JSON object"),
        ('{"watchlink_cohorts": 2, "cohorts": {}}', "written by a newer watchlink (version 2). Update watchlink"),
        (json.dumps(_whole(name=7)), "cohort 1: name is not a text"),
        (json.dumps(_whole(name="")), "cohort 1: A cohort's name needs at least one letter. It was left"),
        (json.dumps(_whole(name="a\x1b[31m")), "cohort 1: A cohort's name is a plain word or two"),
        (json.dumps(_whole(made_on="yesterday")), "cohort 1: made_on 'yesterday' is not valid"),
        (json.dumps(_whole(made_on=None)), "cohort 1: made_on is not a text"),
        (json.dumps(_whole(closed_on=5)), "cohort 1: closed_on is not a text"),
        (json.dumps(_whole(keep_days=-1)), "cohort 1: keep_days is no whole number from 0 to 3650"),
        (json.dumps(_whole(keep_days=True)), "cohort 1: keep_days is no whole number from 0 to 3650"),
        (json.dumps(_whole(members="Heron")), "cohort 1: members is no list"),
        (json.dumps(_whole(members=["Heron"])), "cohort 1: a member is no JSON object"),
        (json.dumps(_whole(members=[])), "cohort 1: A cohort has 1 to 8 people; these are 0"),
        (json.dumps(_whole(members=[_member()] * 2)), "cohort 1: Two people have the same pseudonym"),
        (json.dumps(_whole(members=[_member(shares="rises")])), "cohort 1: shares is no list"),
        (json.dumps(_whole(members=[_member(shares=["all"])])), "shares: 'all' is none of heart-rate, rises, hrv, raw"),
        (json.dumps(_whole(members=[_member(shares=[7])])), "shares: 7 is none of heart-rate"),
        (json.dumps(_whole(members=[_member(agreed_on="soon")])), "cohort 1: agreed_on 'soon' is not valid"),
        (json.dumps(_whole(members=[_member(wording=None)])), "cohort 1: wording is not a text"),
        (
            json.dumps({"watchlink_cohorts": 1, "cohorts": _whole()["cohorts"] + _whole(name="LIONS")["cohorts"]}),  # type: ignore[operator]
            "two cohorts have the same name",
        ),
    ],
)
def test_a_broken_file_is_named_with_its_fault_and_left_as_it_is(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "cohorts.json"
    path.write_text(content)
    with pytest.raises(CohortsFileError) as caught:
        load_cohorts(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
    assert "left as it" in str(caught.value)
    assert path.read_text() == content


def test_what_cannot_be_read_or_written_is_said_and_what_was_there_stays(tmp_path: Path) -> None:
    with pytest.raises(CohortsFileError, match=r"cannot be read: Is a directory\."):
        load_cohorts(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(CohortsFileError, match="cannot be written"):
        save_cohorts(tmp_path / "file" / "cohorts.json", [_LIONS])
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("name", "people", "words"),
    [
        ("", ["Heron"], "A cohort's name needs at least one letter."),
        ("a=b", ["Heron"], "A cohort's name is a plain word or two"),
        ("x" * 200, ["Heron"], "A cohort's name has at most"),
        ("Lions", ["Heron", " "], "' ': A pseudonym needs at least one letter."),
        ("Lions", ["\u202eHeron"], "A pseudonym is a plain word or two"),
        ("Lions", ["2"], "'2': a pseudonym does not begin with a number"),
        ("Lions", ["2 Herons"], "'2 Herons': a pseudonym does not begin with a number"),
        ("Lions", ["Heron", "HERON"], "Two people have the same pseudonym; everybody needs their own."),
        ("Lions", ["Stra\u00dfe", "STRASSE"], "Two people have the same pseudonym; everybody needs their own."),
        ("Lions", [], "A cohort has 1 to 8 people; these are 0."),
        ("Lions", [f"Heron{number}" for number in range(9)], "A cohort has 1 to 8 people; these are 9."),
    ],
)
def test_what_can_be_no_cohort_is_refused_with_the_reason(name: str, people: list[str], words: str) -> None:
    fault = cohort_fault(name, people)
    assert fault is not None
    assert words in fault


def test_eight_people_with_plain_pseudonyms_are_a_cohort() -> None:
    assert (
        cohort_fault("Lions of Monday", ["Heron", "R2", "\u00c9l\u00e9onore", "Otter II", "W", "X", "Y", "Z"]) is None
    )


def test_who_was_never_asked_shares_nothing_and_has_agreed_to_no_words() -> None:
    never = Member(alias="Wren")
    assert never.shares == NOTHING
    assert never.agreed_on is None
    assert not never.up_to_date


def test_a_consent_is_of_the_words_of_its_day_and_is_the_persons_alone() -> None:
    asked = _LIONS.with_consent("Otter", frozenset({Purpose.HRV}), on=date(2026, 12, 1))
    heron, otter = asked.members
    assert heron == _LIONS.members[0]
    assert not heron.up_to_date  # its words were others
    assert otter == Member(
        alias="Otter", shares=frozenset({Purpose.HRV}), agreed_on=date(2026, 12, 1), wording=wording()
    )
    assert otter.up_to_date
    assert not replace(otter, wording=f"{otter.wording} ").up_to_date


def test_cohorts_and_people_are_found_however_they_are_capitalised() -> None:
    bears = Cohort(name="bears", members=(Member(alias="Wren"),), made_on=_DAY)
    known = put([_LIONS], bears)
    assert known == (bears, _LIONS)
    assert of_name(known, "LIONS") is _LIONS
    assert of_name(known, "Tigers") is None
    closed = replace(_LIONS, closed_on=_DAY)
    assert put(known, closed) == (bears, closed)
    assert _LIONS.member("hERON") is _LIONS.members[0]
    assert _LIONS.member("Wren") is None
    assert _LIONS.people == ("Heron", "Otter")


_DECLARED = {"measure": "response", "label": "escalation", "declared_on": "2026-11-23"}
_DIGEST = Primary(measure=Measure.RESPONSE, label="escalation", declared_on=_DAY).digest


def test_a_declared_measure_is_kept_with_the_digest_of_its_words(tmp_path: Path) -> None:
    path = tmp_path / "cohorts.json"
    primary = Primary(measure=Measure.RESPONSE, label="escalation", declared_on=_DAY)
    save_cohorts(path, [replace(_LIONS, primary=primary)])
    (entry,) = json.loads(path.read_text())["cohorts"]
    assert entry["primary"] == {**_DECLARED, "digest": _DIGEST}
    assert load_cohorts(path)[0].primary == primary


@pytest.mark.parametrize(
    "change",
    [
        {"measure": "recovery"},
        {"label": "rise"},
        {"declared_on": "2026-11-24"},
        {"digest": "0" * 16},
    ],
)
def test_a_measure_that_was_changed_after_it_was_declared_is_found_out(tmp_path: Path, change: dict[str, str]) -> None:
    path = tmp_path / "cohorts.json"
    path.write_text(json.dumps(_whole(primary={**_DECLARED, "digest": _DIGEST, **change})))
    with pytest.raises(CohortsFileError, match=r"the declared measure was changed after it was declared: .*Mend it"):
        load_cohorts(path)
