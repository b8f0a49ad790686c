"""Whose wearable is that: the rules, one by one, and that nobody is ever given what may be another person's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchlink.sources.ble.identity import AWAY_US, Heard, Known, identity_of, is_meant, owner_of

H10 = "Polar H10 1A2B3C4D"
FORERUNNER = "Forerunner 255"


def heard(name: str = H10, address: str = "new", *, since_us: int = 0, until_us: int = AWAY_US) -> Heard:
    return Heard(name=name, address=address, first_us=since_us, last_us=until_us)


def owner(
    one: Heard, *, everybody: list[Known], seeking: list[Known] | None = None, beside: list[Heard] | None = None
) -> Known | None:
    return owner_of(
        one,
        everybody=everybody,
        seeking=everybody if seeking is None else seeking,
        all_heard=[one, *(beside or [])],
        now_us=one.last_us,
    )


def test_the_known_address_wins_at_once_whatever_the_name_says() -> None:
    known = Known(name="renamed", address="home")
    assert owner(heard(address="home", until_us=0), everybody=[known]) is known


def test_the_address_of_somebody_who_is_connected_is_nobody_elses() -> None:
    connected, seeking = Known(name=H10, address="home", identity="a"), Known(name=H10, address="away", identity="b")
    assert owner(heard(address="home"), everybody=[connected, seeking], seeking=[seeking]) is None


def test_a_name_is_followed_at_once_where_the_serial_number_will_prove_it() -> None:
    known = Known(name=FORERUNNER, address="home", identity="a")
    assert owner(heard(FORERUNNER, until_us=0), everybody=[known]) is known


def test_what_was_proven_to_be_another_ones_is_left_alone() -> None:
    known = Known(name=H10, address="home", identity="a", strangers={"new"})
    assert owner(heard(), everybody=[known]) is None


def test_of_two_with_one_name_each_proof_is_tried() -> None:
    first, second = Known(name=H10, identity="a"), Known(name=H10, identity="b")
    assert owner(heard(), everybody=[first, second]) is first
    first.strangers.add("new")
    assert owner(heard(), everybody=[first, second]) is second


def test_a_serial_number_that_two_people_share_proves_nothing() -> None:
    first, second = Known(name=H10, address="a", identity="same"), Known(name=H10, address="b", identity="same")
    assert owner(heard(), everybody=[first, second], seeking=[first]) is None


@pytest.mark.parametrize("number", [b"", b"\x00", b"0", b"123", b"00000000", b"        "])
def test_what_is_no_serial_number_proves_nothing(number: bytes) -> None:
    assert identity_of(profile="polar-h10", serial_number=number) is None


def test_without_proof_a_name_with_its_own_digits_is_followed_after_a_while() -> None:
    known = Known(name=H10, address="home")
    assert owner(heard(until_us=AWAY_US - 1), everybody=[known]) is None
    assert owner(heard(until_us=AWAY_US), everybody=[known]) is known


@pytest.mark.parametrize("name", [FORERUNNER, "fenix 7", "Venu 3", "HR", "Band DEAD", "", "Watch-GT"])
def test_without_proof_the_name_of_a_model_is_never_followed(name: str) -> None:
    assert owner(heard(name, until_us=100 * AWAY_US), everybody=[Known(name=name, address="home")]) is None


def test_where_no_address_is_known_the_name_that_was_asked_for_will_do() -> None:
    known = Known(name=FORERUNNER)
    assert owner(heard(FORERUNNER), everybody=[known]) is known
    assert owner(heard(FORERUNNER), everybody=[known], beside=[heard(FORERUNNER, "another")]) is None


@pytest.mark.parametrize("name", [H10, "HRM-Dual:123456", "TICKR 1A2B", "WHOOP 4A0934182"])
def test_names_that_carry_digits_of_their_own(name: str) -> None:
    known = Known(name=name, address="home")
    assert owner(heard(name), everybody=[known]) is known


def test_without_proof_nothing_is_followed_while_another_one_of_that_name_is_heard() -> None:
    known = Known(name=H10, address="home")
    for other in ("home", "third"):
        assert owner(heard(), everybody=[known], beside=[heard(address=other)]) is None
    long_gone = heard(address="home", until_us=0)
    assert owner(heard(until_us=AWAY_US), everybody=[known], beside=[long_gone]) is known


def test_without_proof_nothing_is_followed_where_two_people_wear_that_name() -> None:
    first, second = Known(name=H10, address="a"), Known(name=H10, address="b")
    assert owner(heard(), everybody=[first, second], seeking=[first]) is None


@given(
    names=st.lists(st.sampled_from([H10, FORERUNNER]), min_size=1, max_size=4),
    proofs=st.lists(st.none() | st.sampled_from(["a", "b"]), min_size=4, max_size=4),
    stay_us=st.integers(0, 3 * AWAY_US),
    others=st.integers(0, 2),
)
def test_an_unproven_stranger_is_only_followed_as_the_rules_say(
    names: list[str], proofs: list[str | None], stay_us: int, others: int
) -> None:
    everybody = [
        Known(name=name, address=f"home {n}", identity=proof)
        for n, (name, proof) in enumerate(zip(names, proofs, strict=False))
    ]
    beside = [heard(address=f"other {n}", until_us=stay_us) for n in range(others)]
    chosen = owner(heard(until_us=stay_us), everybody=everybody, beside=beside)
    if chosen is not None and chosen.identity is None:
        assert names.count(H10) == 1
        assert stay_us >= AWAY_US
        assert not others


def test_the_proof_is_a_digest_that_does_not_show_the_number() -> None:
    proof = identity_of(profile="polar-h10", serial_number=b"1A2B3C4D")
    assert proof is not None
    assert "1A2B" not in proof.upper()
    assert proof == identity_of(profile="polar-h10", serial_number=b"1A2B3C4D\x00")
    assert proof != identity_of(profile="polar-h9", serial_number=b"1A2B3C4D")
    assert proof != identity_of(profile="polar-h10", serial_number=b"1A2B3C4E")
    assert identity_of(profile="polar-h10", serial_number=b"\x00 ") is None


def test_what_is_printed_of_them_holds_no_address() -> None:
    address = "C0:FF:EE:00:00:01"
    known = Known(name=H10, address=address, strangers={address})
    assert address not in repr(known)
    assert address not in repr(heard(address=address))


def test_what_this_computer_is_connected_with_is_meant_by_its_address_whatever_the_names_say() -> None:
    known, namesake = Known(name=H10, address="home"), Known(name=H10, address="away")
    everybody = [known, namesake]
    assert is_meant(known, name="", address="home", everybody=everybody)
    assert not is_meant(known, name=H10, address="away", everybody=everybody)
    assert not is_meant(known, name=H10, address="new", everybody=everybody)


def test_a_name_means_somebody_only_where_no_address_is_known_and_nobody_else_can_be_meant() -> None:
    known = Known(name=H10)
    assert is_meant(known, name=H10, address="new", everybody=[known])
    assert not is_meant(known, name=FORERUNNER, address="new", everybody=[known])
    assert not is_meant(known, name=H10, address="new", everybody=[known, Known(name=H10)])
    assert not is_meant(known, name=H10, address="home", everybody=[known, Known(name="renamed", address="home")])
    known.strangers.add("new")
    assert not is_meant(known, name=H10, address="new", everybody=[known])
    nameless = Known(name="")
    assert not is_meant(nameless, name="", address="new", everybody=[nameless])
