"""The words for moments: those that ship, those of a plan, and sentences for what cannot be words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchlink.errors import SessionFileError
from watchlink.packets import Meaning
from watchlink.session import default_plan, parse_plan
from watchlink.vocabulary import (
    RESERVED_KEYS,
    Target,
    default_vocabulary,
    leading_label,
    meaning_of,
    nearest_label,
    parse_words,
)

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


# --- keys ------------------------------------------------------------------------------------------------------------


def _keys(*words: tuple[str, str | None]) -> dict[str, str]:
    """The keys of words of which some have one given."""
    tables = [{"label": label} if key is None else {"label": label, "key": key} for label, key in words]
    return {label: word.key for label, word in parse_words(tables, file="p.toml").items()}


def test_a_word_without_a_key_is_given_the_first_letter_of_it_that_is_free() -> None:
    assert _keys(("east", None), ("eel", None), ("ease", None), ("eee", None), ("west", "t")) == {
        "east": "e",  # the first come has the choice
        "eel": "l",
        "ease": "d",  # a and s mean something else, t is another's: the first of the alphabet
        "eee": "g",
        "west": "t",  # one that is given stays, wherever it stands
    }


@pytest.mark.parametrize("key", ["ab", "A", "1", "é", " ", "-", 3, ["w"], *sorted(RESERVED_KEYS)])
def test_a_key_that_is_none_or_means_something_else_is_refused(key: object) -> None:
    with pytest.raises(SessionFileError, match=r"^p\.toml, event 1: key must be one letter from a to z; a, b, c,"):
        parse_words([{"label": "west", "key": key}], file="p.toml")


def test_a_key_given_twice_is_refused_where_it_comes_again() -> None:
    with pytest.raises(SessionFileError, match=r"^p\.toml, event 3: the key w is taken\."):
        _keys(("west", "w"), ("east", None), ("wind", "w"))


@given(
    st.lists(
        st.tuples(st.text("abcdewxyz-éß1", min_size=1), st.none() | st.sampled_from("dewxyz")),
        unique_by=(lambda word: word[0], lambda word: word[1] or word[0]),
        max_size=40,
    )
)
def test_no_two_words_have_one_key_and_none_is_without_while_a_letter_is_free(
    words: list[tuple[str, str | None]],
) -> None:
    keys = _keys(*((label, key) for label, key in words if label == label.casefold()))
    pressed = [key for key in keys.values() if key]
    assert len(pressed) == len(set(pressed)) == min(len(keys), 26 - len(RESERVED_KEYS))
    assert not set(pressed) & RESERVED_KEYS
    assert all(keys[label] == key for label, key in words if key and label in keys)


def test_each_word_that_ships_has_a_key_of_its_own() -> None:
    keys = [word.key for word in default_vocabulary().values()]
    assert all(keys)
    assert len(set(keys)) == len(keys)
