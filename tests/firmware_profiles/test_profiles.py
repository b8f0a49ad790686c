"""Profiles of wearables: those that ship are sound, and a fault in a file names file, wearable, key and reason."""

from __future__ import annotations

from datetime import date

import pytest

from firmware_profiles.profiles import (
    GENERIC_ID,
    Fact,
    FactStatus,
    Profile,
    ProfileFault,
    RrAvailability,
    Sensing,
    load_profiles,
    parse_profiles,
    profile_for_name,
)

_SHIPPED = list(load_profiles().values())
_FACTS = [pytest.param(fact, id=f"{profile.id}.{key}") for profile in _SHIPPED for key, fact in profile.facts.items()]


def by_id(profile: Profile) -> str:
    return profile.id


def test_all_shipped_profiles_load_under_their_own_id() -> None:
    assert {key: profile.id for key, profile in load_profiles().items()} == {p.id: p.id for p in _SHIPPED}
    assert {"generic", "polar-h10", "garmin-watch", "wahoo-tickr", "wahoo-tickr-fit"} <= set(load_profiles())


@pytest.mark.parametrize(
    ("name", "profile_id"),
    [
        ("Polar H10 1A2B3C4D", "polar-h10"),
        ("Polar H7 1A2B3C4D", "polar-h7"),
        ("Polar Sense 1", "polar-verity-sense"),
        ("TICKR 12", "wahoo-tickr"),
        ("TICKR X 12", "wahoo-tickr"),
        ("TICKR FIT 12", "wahoo-tickr-fit"),
        ("HRM-Dual:123456", "garmin-hrm-dual"),
        ("Forerunner 255", "garmin-watch"),
        ("fēnix 7", "garmin-watch"),
        ("RHYTHM24 0042", "scosche-rhythm24"),
        ("Rhythm 24 0042", "scosche-rhythm24"),
        ("Movesense 174630000192", "movesense"),
        ("Charge 6", "fitbit-charge-6"),
        ("polar h10 1a2b3c4d", "polar-h10"),
        ("Polar H100", GENERIC_ID),
        ("My Polar H10", GENERIC_ID),
        ("WHOOP", GENERIC_ID),
        ("", GENERIC_ID),
    ],
)
def test_advertised_name_finds_its_profile_or_the_generic_one(name: str, profile_id: str) -> None:
    assert profile_for_name(name).id == profile_id


@pytest.mark.parametrize("profile", _SHIPPED, ids=by_id)
def test_virtual_wearable_advertises_a_name_of_its_own_kind_and_of_no_other(profile: Profile) -> None:
    name = profile.virtual.name.format(serial="0042")
    assert profile_for_name(name) is profile
    matching = [other.id for other in _SHIPPED if other.name_pattern is not None and other.name_pattern.search(name)]
    assert matching == ([] if profile.id == GENERIC_ID else [profile.id])


@pytest.mark.parametrize("fact", _FACTS)
def test_every_shipped_fact_has_a_source_a_status_and_a_date(fact: Fact) -> None:
    assert fact.source.strip()
    assert fact.status in FactStatus
    assert type(fact.checked_on) is date


@pytest.mark.parametrize("profile", _SHIPPED, ids=by_id)
def test_what_a_shipped_profile_claims_is_stated_as_a_fact(profile: Profile) -> None:
    """Anything but the generic profile's distrust needs a source."""
    generic = load_profiles()[GENERIC_ID]
    claims = {
        "sensing": (profile.sensing, generic.sensing),
        "rr": (profile.rr, generic.rr),
        "min_rr_ms": (profile.min_rr_ms, generic.min_rr_ms),
        "contact_reliable": (profile.contact_reliable, generic.contact_reliable),
    }
    assert {key for key, (claimed, default) in claims.items() if claimed != default} <= set(profile.facts)
    assert set(profile.facts) <= set(claims)


def test_generic_profile_trusts_nothing() -> None:
    generic = load_profiles()[GENERIC_ID]
    assert (generic.sensing, generic.rr, generic.contact_reliable) == (Sensing.UNKNOWN, RrAvailability.UNKNOWN, False)
    assert generic.name_pattern is None
    assert not generic.facts


@pytest.mark.parametrize("profile", _SHIPPED, ids=by_id)
def test_virtual_wearable_sends_intervals_just_where_the_product_may(profile: Profile) -> None:
    assert profile.virtual.sends_rr == (profile.rr is not RrAvailability.NO)


_FACT = 'source = "a manual", status = "read", checked_on = 2026-11-23'
_WEARABLE = """
maker = "Acme"
[[wearable]]
id = "acme-1"
model = "One"
{more}
[wearable.virtual]
name = "Acme {{serial}}"
reports_contact = true
sends_rr = true
rate_smoothing_s = 3.0
{virtual}
"""


def wearable(more: str = "", *, virtual: str = "", without: str | None = None, instead: str = "") -> str:
    """A sound file, with lines added, or with one line replaced."""
    text = _WEARABLE.format(more=more, virtual=virtual)
    if without is not None:
        assert without in text
        text = text.replace(without, instead)
    return text


def test_a_file_that_keeps_to_the_schema_is_a_profile() -> None:
    text = wearable(
        f'name_pattern = "^Acme"\nrr = {{ value = "yes", {_FACT} }}\nmin_rr_ms = {{ value = 300, {_FACT} }}',
        virtual='body_sensor_location = "ear lobe"',
    )
    (profile,) = parse_profiles(text, file="acme.toml")
    assert (profile.id, profile.maker, profile.model) == ("acme-1", "Acme", "One")
    assert (profile.rr, profile.sensing, profile.min_rr_ms) == (RrAvailability.YES, Sensing.UNKNOWN, 300.0)
    assert profile.facts["rr"] == Fact(
        value="yes", source="a manual", status=FactStatus.READ, checked_on=date(2026, 11, 23)
    )
    assert profile.virtual.body_sensor_location is not None
    assert profile.virtual.body_sensor_location.name == "EAR_LOBE"


_WHERE = "acme.toml: acme-1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("maker = ?", ["acme.toml", "line 1"], id="no TOML"),
        pytest.param(wearable(without='maker = "Acme"'), ["acme.toml", "maker", "missing"], id="no maker"),
        pytest.param(
            wearable(without='maker = "Acme"', instead="maker = 3"), ["acme.toml", "maker", "text"], id="maker no text"
        ),
        pytest.param(
            wearable(without='id = "acme-1"'), ["acme.toml", "without id", "id is missing"], id="wearable without id"
        ),
        pytest.param(wearable(without='model = "One"'), [_WHERE, "model is missing"], id="no model"),
        pytest.param(
            wearable(without='model = "One"', instead="model = 1"), [_WHERE, "model must be"], id="model no text"
        ),
        pytest.param(
            wearable('name_pattern = "^(Acme"'), [_WHERE, "name_pattern is no regular expression"], id="bad pattern"
        ),
        pytest.param(wearable("links = 2"), [_WHERE, "links is not known"], id="unknown key"),
        pytest.param(wearable('rr = "no"'), [_WHERE, "rr must be"], id="bare fact"),
        pytest.param(
            wearable(f'rr = {{ value = "some", {_FACT} }}'), [_WHERE, "rr must be one of yes, no"], id="unknown choice"
        ),
        pytest.param(wearable(f"rr = {{ {_FACT} }}"), [f"{_WHERE}.rr", "value is missing"], id="fact without value"),
        pytest.param(
            wearable(f'min_rr_ms = {{ value = "250", {_FACT} }}'),
            [f"{_WHERE}.min_rr_ms", "value", "wrong type"],
            id="number as text",
        ),
        pytest.param(
            wearable(f"min_rr_ms = {{ value = true, {_FACT} }}"),
            [f"{_WHERE}.min_rr_ms", "value", "wrong type"],
            id="truth as number",
        ),
        pytest.param(
            wearable('rr = { value = "no", status = "read", checked_on = 2026-11-23 }'),
            [f"{_WHERE}.rr", "source is missing"],
            id="fact without source",
        ),
        pytest.param(
            wearable('rr = { value = "no", source = "", status = "read", checked_on = 2026-11-23 }'),
            [f"{_WHERE}.rr", "source"],
            id="fact with an empty source",
        ),
        pytest.param(
            wearable('rr = { value = "no", source = "a manual", checked_on = 2026-11-23 }'),
            [f"{_WHERE}.rr", "status"],
            id="fact without status",
        ),
        pytest.param(
            wearable('rr = { value = "no", source = "a manual", status = "sure", checked_on = 2026-11-23 }'),
            [f"{_WHERE}.rr", "status must be one of read, measured, unverified"],
            id="unknown status",
        ),
        pytest.param(
            wearable('rr = { value = "no", source = "a manual", status = "read" }'),
            [f"{_WHERE}.rr", "checked_on is missing"],
            id="fact without date",
        ),
        pytest.param(
            wearable('rr = { value = "no", source = "a manual", status = "read", checked_on = "today" }'),
            [f"{_WHERE}.rr", "checked_on must be"],
            id="date as text",
        ),
        pytest.param(
            wearable(f'rr = {{ value = "no", {_FACT}, note = "?" }}'),
            [f"{_WHERE}.rr", "note is not known"],
            id="unknown key in a fact",
        ),
        pytest.param(
            'maker = "Acme"\n[[wearable]]\nid = "acme-1"\nmodel = "One"',
            [_WHERE, "virtual is missing"],
            id="no virtual behaviour",
        ),
        pytest.param(
            wearable(without='name = "Acme {serial}"'), [f"{_WHERE}.virtual", "name is missing"], id="virtual no name"
        ),
        pytest.param(
            wearable(without="sends_rr = true", instead='sends_rr = "yes"'),
            [f"{_WHERE}.virtual", "sends_rr must be"],
            id="text as truth",
        ),
        pytest.param(
            wearable(virtual='body_sensor_location = "knee"'),
            [f"{_WHERE}.virtual", "body_sensor_location", "'knee'"],
            id="unknown place",
        ),
        pytest.param(
            wearable(virtual="rr_smoothing_beats = true"),
            [f"{_WHERE}.virtual", "rr_smoothing_beats"],
            id="truth as count",
        ),
        pytest.param(
            wearable(virtual="colour = 1"), [f"{_WHERE}.virtual", "colour is not known"], id="unknown virtual key"
        ),
        pytest.param(
            wearable(without="[[wearable]]", instead="[wearable]"), ["acme.toml", "wearable"], id="one pair of brackets"
        ),
        pytest.param(
            wearable(without="[[wearable]]", instead="[[wearables]]").replace("[wearable.", "[wearables."),
            ["acme.toml", "wearables", "not known"],
            id="misspelt table",
        ),
        pytest.param('maker = "Acme"\nwearable = 3', ["acme.toml", "wearable"], id="wearable no table"),
    ],
)
def test_a_fault_names_file_wearable_key_and_reason(text: str, said: list[str]) -> None:
    with pytest.raises(ProfileFault) as raised:
        list(parse_profiles(text, file="acme.toml"))
    message = str(raised.value)
    assert [part for part in said if part not in message] == []


def test_a_whole_number_is_a_number_to_a_person_who_writes_no_python() -> None:
    (profile,) = parse_profiles(wearable(without="s = 3.0", instead="s = 3"), file="acme.toml")
    assert profile.virtual.rate_smoothing_s == 3.0
