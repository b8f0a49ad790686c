"""The words for moments: those that ship, those of a plan, and sentences for what cannot be words."""

from __future__ import annotations

import pytest

from watchlink.errors import SessionFileError
from watchlink.packets import Meaning
from watchlink.session import default_plan, parse_plan
from watchlink.vocabulary import Target, default_vocabulary, leading_label, meaning_of, nearest_label

_BLOCK = '[[block]]\nkind = "baseline"\nminutes = 5\n'


def test_the_words_that_ship_cover_the_training() -> None:
    words = default_vocabulary()
    assert list(words) == [
        "escalation",
        "interruption",
        "paraphrase",
        "open-question",
        "silence-held",
        "your-time",
        "gave-feedback",
        "got-feedback",
        "play-start",
        "play-end",
        "breath",
        "break",
        "stood-up",
        "own-note",
        "trouble",
    ]
    assert {label for label, word in words.items() if word.meaning is Meaning.BODY} == {"break", "stood-up", "own-note"}
    assert words["trouble"].meaning is Meaning.TROUBLE
    assert words["break"].target is Target.GROUP
    assert words["escalation"].target is Target.PERSON
    assert default_plan().vocabulary == words


def test_a_plan_has_its_own_words_or_those_that_ship() -> None:
    own = parse_plan(_BLOCK + '[[event]]\nlabel = "cough"\nmeaning = "body"\n', file="p.toml").vocabulary
    assert {label: word.meaning for label, word in own.items()} == {"cough": Meaning.BODY}
    assert own["cough"].title == "cough"
    assert parse_plan(_BLOCK, file="p.toml").vocabulary == default_vocabulary()


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        ("event = 3", "p.toml: event must be a list"),
        ("event = [3]", "p.toml, event 1 is no table"),
        ("[[event]]", "p.toml, event 1: label must be one word in small letters, like stood-up; it is None."),
        ('[[event]]\nlabel = "two words"', "label must be one word"),
        ('[[event]]\nlabel = "Loud"', "label must be one word"),
        ('[[event]]\nlabel = ""', "label must be one word"),
        ('[[event]]\nlabel = "a"\nmeaning = "mind"', "meaning one of practice, body, trouble"),
        ('[[event]]\nlabel = "a"\ntarget = "dog"', "target is one of person, group"),
        ('[[event]]\nlabel = "a"\n[[event]]\nlabel = "a"', "p.toml, event 2: 'a' is there twice"),
        ("".join(f'[[event]]\nlabel = "w{number}"\n' for number in range(201)), "at most 200"),
    ],
)
def test_words_that_cannot_be_used_are_refused_with_the_reason(toml: str, complaint: str) -> None:
    document = f"{toml}\n{_BLOCK}" if toml.startswith("event") else f"{_BLOCK}\n{toml}"
    with pytest.raises(SessionFileError) as caught:
        parse_plan(document, file="p.toml")
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "label", "left"),
    [
        ("stood up 2", "stood-up", ["2"]),
        ("take your time Heron", "your-time", ["Heron"]),
        ("Feedback received 1", "got-feedback", ["1"]),
        ("lunch break", "lunch", ["break"]),
        ("break", "break", []),
    ],
)
def test_a_label_is_found_by_its_words_or_its_title(typed: str, label: str, left: list[str]) -> None:
    found, rest = leading_label(typed.split(), default_vocabulary())
    assert (found, list(rest)) == (label, left)


def test_what_is_not_known_is_of_the_practice_and_a_likely_slip_is_seen() -> None:
    assert meaning_of("lunch", default_vocabulary()) is Meaning.PRACTICE
    assert nearest_label("interuption", default_vocabulary()) == "interruption"
    assert nearest_label("lunch", default_vocabulary()) is None
