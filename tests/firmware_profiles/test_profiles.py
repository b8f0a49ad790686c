"""Profiles of wearables: those that ship are sound, each is found by its own names, and every fault in a file is told
with file, wearable, key and reason.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles.facts import FactValue
from firmware_profiles.matching import best_matches
from firmware_profiles.profiles import (
    GENERIC_ID,
    Fact,
    FactStatus,
    HeartRateService,
    Pairing,
    Platform,
    Profile,
    ProfileFault,
    RrAvailability,
    RrUnit,
    Sensing,
    load_profiles,
    parse_profiles,
    profile_for,
    profile_for_name,
)

_SHIPPED = list(load_profiles().values())
_FACTS = [
    pytest.param(fact, id=f"{profile.id}.{key}")
    for profile in _SHIPPED
    for key, fact in (*profile.facts.items(), *profile.platform_notes.items())
]
_POLAR = 0x006B
_CLAIMS = [
    "names",
    "heart_rate_service",
    "why_not",
    "sensing",
    "rr",
    "rr_unit",
    "min_rr_ms",
    "contact_reliable",
    "links",
    "pairing",
    "stall_s",
    "notes",
]


def by_id(profile: Profile) -> str:
    return profile.id


# --- what ships ------------------------------------------------------------------------------------------------------


def test_all_shipped_profiles_load_under_their_own_id() -> None:
    assert {key: profile.id for key, profile in load_profiles().items()} == {p.id: p.id for p in _SHIPPED}
    assert {"generic", "polar-h10", "garmin-watch", "wahoo-tickr", "wahoo-tickr-fit"} <= set(load_profiles())
    assert len(_SHIPPED) > 50


@pytest.mark.parametrize(
    ("name", "profile_id"),
    [
        ("Polar H10 12345678", "polar-h10"),
        ("polar h10 1a2b3c4d", "polar-h10"),
        ("Polar H9 77B0D721", "polar-h9"),
        ("Polar H7 1A2B3C4D", "polar-h7"),
        ("Polar Sense A1B2C3D4", "polar-verity-sense"),
        ("Polar OH1 36F91927", "polar-oh1"),
        ("Polar Ignite 3 12345678", "polar-watch"),
        ("Polar Pacer Pro 12345678", "polar-watch"),
        ("Polar Vantage V3 12345678", "polar-vantage-v3"),
        ("Polar H100", "polar-other"),
        ("Polar", "polar-other"),
        ("My Polar H10", GENERIC_ID),
        ("Polaris", GENERIC_ID),
        ("TICKR 1A2B", "wahoo-tickr"),
        ("TICKR B321", "wahoo-tickr"),
        ("TICKR X 12", "wahoo-tickr"),
        ("TICKR FIT 12", "wahoo-tickr-fit"),
        ("TICKR FITTED", "wahoo-tickr"),
        ("HRM-Dual:123456", "garmin-hrm-dual"),
        ("HRMDual:123456", "garmin-hrm-dual"),
        ("HRM-Pro:677868", "garmin-hrm-pro"),
        ("HRMPro+:192052", "garmin-hrm-pro-plus"),
        ("HRM600:182158", "garmin-hrm-600"),
        ("Forerunner 255", "garmin-watch"),
        ("Forerunner", "garmin-watch"),
        ("Forerunner 245 Music", "garmin-forerunner-245"),
        ("Forerunner 965", "garmin-forerunner-965"),
        ("fēnix 7", "garmin-fenix-7"),
        ("fēnix 8", "garmin-watch"),
        ("Venu 3", "garmin-venu-3"),
        ("Venu 3S", "garmin-watch"),
        ("Instinct 2", "garmin-instinct-2"),
        ("vívoactive HR", "garmin-vivoactive-hr"),
        ("vívoactive 5", "garmin-watch"),
        ("RHYTHM24 0042", "scosche-rhythm24"),
        ("Rhythm24 0042", "scosche-rhythm24"),
        ("Rhythm 24 0042", "scosche-rhythm24"),
        ("RHYTHM+", "scosche-rhythm-plus"),
        ("RHYTHM+1234", "scosche-rhythm-plus"),
        ("Rhythmbox", GENERIC_ID),
        ("Movesense 174630000192", "movesense"),
        ("Charge 6", "fitbit-charge-6"),
        ("Charge 60", GENERIC_ID),
        ("WHOOP", "whoop-4"),
        ("WHOOP 4C0123456", "whoop-4"),
        ("WHOOP 5AM0123456", "whoop-5"),
        ("HW706-0047980", "coospo-hw706"),
        ("CorSense B-05384", "elite-hrv-corsense"),
        ("HUAWEI Band HR-C8A", "huawei-band"),
        ("Xiaomi Smart Band 9 Pro 1A2B", "xiaomi-band-9-pro"),
        ("Xiaomi Smart Band 9 1A2B", GENERIC_ID),
        ("Amazfit Bip 6", "amazfit-zepp"),
        ("Pixel Watch 3", "google-pixel-watch"),
        ("Apple Watch", GENERIC_ID),
        ("Kim's iPhone", GENERIC_ID),
        ("Suunto 9", GENERIC_ID),
        ("HT", GENERIC_ID),
        ("HR strap", GENERIC_ID),
        ("", GENERIC_ID),
    ],
)
def test_advertised_name_finds_its_profile_or_the_generic_one(name: str, profile_id: str) -> None:
    assert profile_for_name(name).id == profile_for(name=name).id == profile_id


@pytest.mark.parametrize(
    ("seen", "profile_id"),
    [
        pytest.param({"name": "", "manufacturer_ids": [_POLAR]}, "polar-other", id="the maker's number alone"),
        pytest.param({"name": "", "manufacturer_ids": [0x004C, _POLAR]}, "polar-other", id="one number of several"),
        pytest.param({"name": "", "manufacturer_ids": [0x004C]}, GENERIC_ID, id="a number that nobody stands for"),
        pytest.param({"name": "Polar H10 1", "manufacturer_ids": [_POLAR]}, "polar-h10", id="a name beats the number"),
        pytest.param({"name": "TICKR 1", "manufacturer_ids": [_POLAR]}, "wahoo-tickr", id="even another maker's"),
        pytest.param(
            {"name": "TICKR 1", "manufacturer_name": "Polar Electro Oy", "model_number": "H10"},
            "polar-h10",
            id="device information beats the name",
        ),
        pytest.param(
            {"name": "Heron's strap", "manufacturer_name": "Polar Electro Oy", "model_number": "H10"},
            "polar-h10",
            id="device information alone",
        ),
        pytest.param(
            {"name": "TICKR 1", "manufacturer_name": "Acme", "model_number": "H10"}, "wahoo-tickr", id="a foreign H10"
        ),
        pytest.param(
            {"name": "Polar H9 1", "manufacturer_name": "Polar Electro Oy", "model_number": "H9"},
            "polar-h9",
            id="a model that no entry names",
        ),
        pytest.param({"name": "", "manufacturer_name": "Polar Electro Oy"}, GENERIC_ID, id="a maker without model"),
    ],
)
def test_better_evidence_wins(seen: dict[str, Any], profile_id: str) -> None:
    assert profile_for(**seen).id == profile_id


@given(name=st.text(), ids=st.sets(st.integers(0, 0xFFFF)), maker=st.text(), model=st.text())
def test_whatever_is_seen_some_profile_describes_it(name: str, ids: set[int], maker: str, model: str) -> None:
    profile = profile_for(name=name, manufacturer_ids=ids, manufacturer_name=maker, model_number=model)
    assert load_profiles()[profile.id] is profile


@pytest.mark.parametrize("profile", [p for p in _SHIPPED if p.name_pattern is not None], ids=by_id)
def test_its_names_mean_this_wearable_and_no_other(profile: Profile) -> None:
    for name in (profile.virtual.name, *profile.names):
        seen = name.replace("{serial}", "0042")
        assert best_matches(_SHIPPED, name=seen) == (profile,)
        assert profile_for_name(seen) is profile


@pytest.mark.parametrize("profile", _SHIPPED, ids=by_id)
def test_what_cannot_be_used_or_is_not_known_by_name_matches_no_name_of_another(profile: Profile) -> None:
    if profile.name_pattern is None:
        assert profile.manufacturer_id is None
        assert not profile.names
        assert profile_for_name(f"{profile.maker} {profile.model}").id in (GENERIC_ID, "amazfit-zepp")


@pytest.mark.parametrize("fact", _FACTS)
def test_every_shipped_fact_has_a_source_a_status_and_a_date(fact: Fact) -> None:
    assert fact.source.strip()
    assert fact.status in FactStatus
    assert type(fact.checked_on) is date
    assert "memory" not in fact.source or fact.status is FactStatus.UNVERIFIED
    assert "conflict" not in fact.source or fact.value == "unknown"


@pytest.mark.parametrize("profile", _SHIPPED, ids=by_id)
def test_what_a_shipped_profile_claims_is_stated_as_a_fact(profile: Profile) -> None:
    """Anything but the generic profile's distrust needs a source."""
    generic = load_profiles()[GENERIC_ID]
    claimed = {key for key in _CLAIMS if getattr(profile, key) != getattr(generic, key)}
    assert claimed <= set(profile.facts)
    for key, fact in profile.facts.items():
        assert getattr(profile, key) == fact.value


def test_generic_profile_trusts_nothing_and_audits() -> None:
    generic = load_profiles()[GENERIC_ID]
    assert (generic.sensing, generic.rr, generic.contact_reliable) == (Sensing.UNKNOWN, RrAvailability.UNKNOWN, False)
    assert (generic.rr_unit, generic.links, generic.pairing) == (RrUnit.AUDIT, 1, Pairing.UNKNOWN)
    assert (generic.heart_rate_service, generic.stall_s) == (HeartRateService.UNKNOWN, 6.0)
    assert generic.name_pattern is None
    assert not generic.facts
    assert generic.least_certain is None


@pytest.mark.parametrize("profile", _SHIPPED, ids=by_id)
def test_virtual_wearable_sends_intervals_just_where_the_product_may(profile: Profile) -> None:
    assert profile.virtual.sends_rr == (profile.rr is not RrAvailability.NO)


@pytest.mark.parametrize("profile", _SHIPPED, ids=by_id)
def test_a_participant_is_told_what_to_do_in_short_sentences_without_computer_words(profile: Profile) -> None:
    for sentence in (*profile.participant_steps, *profile.if_poor):
        assert sentence.endswith(".")
        assert len(sentence) <= 140
        assert not {"terminal", "gatt", "ble", "rr", "hrs", "firmware"} & set(sentence.lower().strip(".").split())


@pytest.mark.parametrize("profile_id", ["apple-watch", "garmin-older", "garmin-vivoactive-hr"])
def test_what_cannot_be_used_says_why_and_what_to_do_instead(profile_id: str) -> None:
    profile = load_profiles()[profile_id]
    assert profile.heart_rate_service is HeartRateService.NO
    assert profile.why_not.endswith(".")
    assert any("chest strap" in step for step in profile.participant_steps)


def test_where_sources_disagree_nothing_is_claimed() -> None:
    for profile_id in ("polar-oh1", "whoop-4"):
        profile = load_profiles()[profile_id]
        assert profile.rr is RrAvailability.UNKNOWN
        assert profile.facts["rr"].source.startswith("conflict")


# --- the schema ------------------------------------------------------------------------------------------------------

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
        pytest.param("maker = ?", ["acme.toml", "no TOML", "line 1"], id="no TOML"),
        pytest.param(wearable(without='maker = "Acme"'), ["acme.toml", "maker", "missing"], id="no maker"),
        pytest.param(
            wearable(without='maker = "Acme"', instead="maker = 3"),
            ["acme.toml", "maker", "a text in quotes"],
            id="maker no text",
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
        pytest.param(wearable("strap = 2"), [_WHERE, "strap is not known"], id="unknown key"),
        pytest.param(wearable('rr = "no"'), [_WHERE, "rr must be"], id="bare fact"),
        pytest.param(
            wearable(f'rr = {{ value = "some", {_FACT} }}'),
            [f"{_WHERE}.rr", "value must be one of yes, no"],
            id="unknown choice",
        ),
        pytest.param(wearable(f"rr = {{ {_FACT} }}"), [f"{_WHERE}.rr", "value is missing"], id="fact without value"),
        pytest.param(
            wearable(f'min_rr_ms = {{ value = "250", {_FACT} }}'),
            [f"{_WHERE}.min_rr_ms", "value must be a number"],
            id="number as text",
        ),
        pytest.param(
            wearable(f"min_rr_ms = {{ value = true, {_FACT} }}"),
            [f"{_WHERE}.min_rr_ms", "value must be a number"],
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
            [f"{_WHERE}.rr", "status must be one of unverified, read, measured"],
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
        pytest.param('maker = "Acme"\nwearable = [3]', ["acme.toml", "wearable", "no table"], id="list of no tables"),
        pytest.param('maker = "Acme"\nwearable = []', ["acme.toml", "wearable", "missing"], id="no wearable"),
        pytest.param(
            wearable(without='id = "acme-1"', instead='id = "Acme 1"'), ["acme.toml: Acme 1", "id must"], id="bad id"
        ),
        pytest.param(wearable(without='id = "acme-1"', instead="id = 1"), ["without id", "id must"], id="id no text"),
        pytest.param(
            wearable('name_pattern = "A*"'), [_WHERE, "name_pattern matches everything"], id="pattern for everything"
        ),
        pytest.param(
            wearable('name_pattern = "[[a]"'), [_WHERE, "name_pattern is no regular"], id="pattern that Python doubts"
        ),
        pytest.param(
            wearable('name_pattern = "a{9999999999999}"'), [_WHERE, "name_pattern is no regular"], id="huge pattern"
        ),
        pytest.param(
            wearable('name_pattern = "^Other"'),
            [f"{_WHERE}.virtual: name", "'Acme {serial}'", "name_pattern does not match"],
            id="virtual name of another kind",
        ),
        pytest.param(
            wearable(f'name_pattern = "^Acme"\nnames = {{ value = ["Emca"], {_FACT} }}'),
            [f"{_WHERE}: names", "'Emca'", "name_pattern does not match"],
            id="name of another kind",
        ),
        pytest.param(
            wearable(f'names = {{ value = ["Acme {{number}}"], {_FACT} }}'),
            [f"{_WHERE}: names", "{serial}"],
            id="other braces",
        ),
        pytest.param(
            wearable(f'names = {{ value = ["{{serial}}"], {_FACT} }}'), [_WHERE, "names", "nothing"], id="bare serial"
        ),
        pytest.param(
            wearable(f"names = {{ value = [], {_FACT} }}"), [f"{_WHERE}.names", "value must be a list"], id="no names"
        ),
        pytest.param(
            wearable(f'notes = {{ value = ["one", 2], {_FACT} }}'),
            [f"{_WHERE}.notes", "list of texts"],
            id="mixed list",
        ),
        pytest.param(
            wearable(f'participant_steps = {{ value = "one", {_FACT} }}'),
            [f"{_WHERE}.participant_steps", "value must be a list"],
            id="text for list",
        ),
        pytest.param(wearable("manufacturer_id = 65536"), [_WHERE, "manufacturer_id must be 0 to 65535"], id="big id"),
        pytest.param(
            wearable('manufacturer_id = "0x6B"'), [_WHERE, "manufacturer_id must be a whole number"], id="id as text"
        ),
        pytest.param(wearable('dis_manufacturer = "^A"'), [_WHERE, "dis_manufacturer", "dis_model"], id="maker alone"),
        pytest.param(wearable('dis_model = "("'), [_WHERE, "dis_model is no regular expression"], id="bad model"),
        pytest.param(
            wearable(f"min_rr_ms = {{ value = 2001, {_FACT} }}"),
            [f"{_WHERE}.min_rr_ms", "value must be 0 to 2000, is 2001"],
            id="long shortest interval",
        ),
        pytest.param(
            wearable(f"min_rr_ms = {{ value = nan, {_FACT} }}"), [f"{_WHERE}.min_rr_ms", "0 to 2000"], id="no number"
        ),
        pytest.param(
            wearable(f"min_rr_ms = {{ value = 0x1{'0' * 5000}, {_FACT} }}"),
            [f"{_WHERE}.min_rr_ms", "0 to 2000", "thousands of digits"],
            id="huge number",
        ),
        pytest.param(
            wearable(f"links = {{ value = [0x1{'0' * 5000}], {_FACT} }}"),
            [f"{_WHERE}.links", "whole number", "thousands of digits"],
            id="list of a huge number",
        ),
        pytest.param(
            wearable(f"stall_s = {{ value = 1, {_FACT} }}"), [f"{_WHERE}.stall_s", "must be 2 to 60"], id="short stall"
        ),
        pytest.param(
            wearable(f"links = {{ value = 0, {_FACT} }}"), [f"{_WHERE}.links", "must be 1 to 10"], id="no link"
        ),
        pytest.param(
            wearable(f"links = {{ value = 1.5, {_FACT} }}"), [f"{_WHERE}.links", "whole number"], id="half a link"
        ),
        pytest.param(wearable(f"links = {{ {_FACT} }}"), [f"{_WHERE}.links", "value is missing"], id="links nothing"),
        pytest.param(
            wearable(f'pairing = {{ value = "pin", {_FACT} }}'), [f"{_WHERE}.pairing", "just_works"], id="pairing"
        ),
        pytest.param(
            wearable(f'rr_unit = {{ value = "s", {_FACT} }}'), [f"{_WHERE}.rr_unit", "1/1024 s, ms, audit"], id="unit"
        ),
        pytest.param(
            wearable(f'heart_rate_service = {{ value = "no", {_FACT} }}'), [_WHERE, "why_not", "belongs"], id="no why"
        ),
        pytest.param(
            wearable(f'why_not = {{ value = "Because.", {_FACT} }}'), [_WHERE, "why_not", "belongs"], id="why at all"
        ),
        pytest.param(
            wearable('rr = { value = "no", source = "a manual", status = "read", checked_on = 2026-11-23T10:00:00 }'),
            [f"{_WHERE}.rr", "checked_on must be a day"],
            id="day with an hour",
        ),
        pytest.param(
            wearable(f'platform_notes.beos = {{ value = "Slow.", {_FACT} }}'),
            [f"{_WHERE}.platform_notes", "beos is not known"],
            id="unknown platform",
        ),
        pytest.param(
            wearable('platform_notes.linux = "Slow."'), [f"{_WHERE}.platform_notes", "linux must"], id="bare note"
        ),
        pytest.param(
            wearable(without="s = 3.0", instead="s = 0"), [f"{_WHERE}.virtual", "must be 0.1 to 60"], id="no smoothing"
        ),
        pytest.param(
            wearable(virtual="rr_smoothing_beats = 0"), [f"{_WHERE}.virtual", "must be 1 to 20"], id="no beats"
        ),
        pytest.param(
            wearable(without='name = "Acme {serial}"', instead='name = "Acme {}"'),
            [f"{_WHERE}.virtual", "name", "{serial}"],
            id="virtual name with a bare brace",
        ),
        pytest.param(
            wearable() + wearable().partition('"Acme"')[2], ["acme.toml: acme-1", "id is used twice"], id="same id"
        ),
        pytest.param(
            wearable('name_pattern = "^Acme"')
            + wearable('name_pattern = "^Acm."', without="acme-1", instead="acme-2").partition('"Acme"')[2],
            ["acme.toml: acme-1", "name 'Acme {serial}'", "matched by acme-2"],
            id="two alike",
        ),
        pytest.param(
            wearable("manufacturer_id = 1")
            + wearable("manufacturer_id = 1", without="acme-1", instead="acme-2").partition('"Acme"')[2],
            ["acme.toml: acme-2", "manufacturer_id is that of acme-1"],
            id="two for one maker",
        ),
        pytest.param(
            wearable('dis_model = "^One"')
            + wearable('dis_model = "^One"', without="acme-1", instead="acme-2").partition('"Acme"')[2],
            ["acme.toml: acme-2", "dis_model is that of acme-1"],
            id="two for one model",
        ),
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


def test_all_faults_of_a_file_are_told_at_once() -> None:
    text = wearable(
        f'rr = {{ value = "no" }}\nlinks = {{ value = 0, {_FACT} }}\ncolour = 1', virtual="rr_noise_ms = 900"
    )
    with pytest.raises(ProfileFault) as raised:
        parse_profiles(text, file="acme.toml")
    assert [fault.split(" ")[2] for fault in raised.value.faults] == [
        "source",
        "status",
        "checked_on",
        "value",
        "rr_noise_ms",
        "colour",
    ]
    assert str(raised.value) == "\n".join(raised.value.faults)
    assert all(fault.startswith("acme.toml: acme-1") for fault in raised.value.faults)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b'maker = "Acm\xe9"', "acme.toml: is no text in UTF-8: byte 12"), (b"\0", "acme.toml: is no TOML")],
)
def test_what_is_no_text_or_no_toml_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(ProfileFault, match=said):
        parse_profiles(content, file="acme.toml")


def test_a_byte_order_mark_as_editors_write_it_does_no_harm() -> None:
    (profile,) = parse_profiles(b"\xef\xbb\xbf" + wearable().encode(), file="acme.toml")
    assert profile.id == "acme-1"


_SHORT = f"""
maker = "Acme"
[[wearable]]
id = "acme-band"
model = "Band"
names = {{ value = ["Acme Band {{serial}}", "Band-{{serial}}", "AB{{serial}}"], {_FACT} }}
"""


@pytest.mark.parametrize(
    ("name", "matches"),
    [
        ("Acme Band 12", True),
        ("acme band", True),
        ("Acme Bandit", False),
        ("Band-1234", True),
        ("band 1234", True),
        ("Bands 1234", False),
        ("AB1234", True),
        ("The Acme Band", False),
    ],
)
def test_names_alone_are_enough_of_a_pattern(name: str, matches: bool) -> None:
    (profile,) = parse_profiles(_SHORT, file="acme.toml")
    assert profile.name_pattern is not None
    assert (profile.name_pattern.search(name) is not None) == matches


@pytest.mark.parametrize(
    ("sensing", "rr", "location", "sends_rr", "noisy"),
    [
        ("electrical", "yes", "CHEST", True, False),
        ("optical", "yes", None, True, True),
        ("optical", "no", None, False, False),
        ("unknown", "unknown", None, True, False),
    ],
)
def test_how_a_virtual_one_behaves_follows_from_the_facts(
    sensing: str, rr: str, location: str | None, sends_rr: bool, noisy: bool
) -> None:
    facts = f'sensing = {{ value = "{sensing}", {_FACT} }}\nrr = {{ value = "{rr}", {_FACT} }}\n'
    (profile,) = parse_profiles(_SHORT + facts, file="acme.toml")
    virtual = profile.virtual
    assert virtual.name == "Acme Band {serial}"
    assert (None if virtual.body_sensor_location is None else virtual.body_sensor_location.name) == location
    assert virtual.sends_rr == sends_rr
    assert (virtual.rr_noise_ms > 0) == (virtual.drops_beats_pct > 0) == noisy
    assert virtual.rr_smoothing_beats == 1
    assert not virtual.contact_lies
    assert virtual.rr_unit is RrUnit.TICKS


def test_advice_that_holds_for_every_strap_need_not_be_repeated() -> None:
    (strap,) = parse_profiles(_SHORT + f'sensing = {{ value = "electrical", {_FACT} }}\n', file="acme.toml")
    (other,) = parse_profiles(_SHORT, file="acme.toml")
    (told,) = parse_profiles(_SHORT + f'participant_steps = {{ value = ["Sing."], {_FACT} }}\n', file="acme.toml")
    assert "water" in strap.participant_steps[0]
    assert other.participant_steps != strap.participant_steps
    assert told.participant_steps == ("Sing.",)
    assert "participant_steps" not in strap.facts


def test_a_platform_note_is_a_fact_under_its_platform() -> None:
    note = f'platform_notes.windows = {{ value = "Slow.", {_FACT} }}\n'
    (profile,) = parse_profiles(_SHORT + note, file="acme.toml")
    assert {platform: fact.value for platform, fact in profile.platform_notes.items()} == {Platform.WINDOWS: "Slow."}


def test_the_least_certain_fact_decides_how_well_a_wearable_is_known() -> None:
    unsure = 'rr = { value = "no", source = "a list", status = "unverified", checked_on = 2026-11-23 }\n'
    (read,) = parse_profiles(_SHORT, file="acme.toml")
    (less,) = parse_profiles(_SHORT + unsure, file="acme.toml")
    assert (read.least_certain, less.least_certain) == (FactStatus.READ, FactStatus.UNVERIFIED)


# --- garbage ---------------------------------------------------------------------------------------------------------

_KEYS = st.sampled_from(
    [
        *_CLAIMS,
        "maker",
        "wearable",
        "id",
        "model",
        "name_pattern",
        "manufacturer_id",
        "dis_manufacturer",
        "dis_model",
        "participant_steps",
        "if_poor",
        "platform_notes",
        "virtual",
        "windows",
        "value",
        "source",
        "status",
        "checked_on",
        "body_sensor_location",
        "x",
    ]
)
_WORDS = st.sampled_from(["yes", "no", "ms", "1/1024 s", "audit", "read", "unverified", "{serial}", "(", "[[", "", "a"])
_VALUES = st.recursive(
    st.booleans()
    | st.integers()
    | st.floats()
    | st.dates()
    | st.text(st.characters(codec="utf-8", exclude_categories=["C"]))
    | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=6),
    max_leaves=20,
)


def outcome(text: str) -> tuple[tuple[Profile, ...], tuple[str, ...]]:
    try:
        return parse_profiles(text, file="acme.toml"), ()
    except ProfileFault as fault:
        return (), fault.faults


def as_toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list():
            return f"[{', '.join(as_toml(each) for each in value)}]"
        case dict():
            return f"{{ {', '.join(f'{key} = {as_toml(each)}' for key, each in value.items())} }}"
        case _:
            return str(value)


@given(st.dictionaries(_KEYS, _VALUES, max_size=12))
def test_any_table_is_a_profile_or_a_fault(table: dict[str, Any]) -> None:
    text = 'maker = "Acme"\n[[wearable]]\n' + "".join(f"{key} = {as_toml(value)}\n" for key, value in table.items())
    profiles, faults = outcome(text)
    assert len(profiles) == (0 if faults else 1)
    assert all(fault.startswith("acme.toml: ") for fault in faults)


@given(st.binary() | st.text(st.characters(codec="utf-8")).map(str.encode))
def test_any_bytes_are_refused_or_read(content: bytes) -> None:
    with pytest.raises(ProfileFault):  # two keys and two brackets are too many for chance
        parse_profiles(content, file="acme.toml")


@given(_VALUES, st.sampled_from(["links", "rr", "names", "stall_s", "notes", "contact_reliable"]))
def test_any_value_of_a_fact_is_kept_as_it_is_or_refused(value: Any, key: str) -> None:
    text = wearable(f"{key} = {{ value = {as_toml(value)}, {_FACT} }}")
    profiles, faults = outcome(text)
    assert len(profiles) == (0 if faults else 1)
    assert all(fault.startswith(_WHERE) for fault in faults)
    for profile in profiles:
        stated: FactValue = tuple(value) if isinstance(value, list) else value
        assert profile.facts[key].value == getattr(profile, key) == stated
