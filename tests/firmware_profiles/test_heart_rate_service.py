"""The Heart Rate Measurement codec: golden vectors, the neighbours' mistakes, and both round trips.

Ids of the Bluetooth SIG's collector test cases say on what a vector is modelled; nothing here is a qualification.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles.heart_rate_service import (
    RR_TICKS_PER_S,
    Contact,
    HeartRateMeasurement,
    MalformedMeasurement,
    decode,
    encode,
)

_ALL_FLAGS = range(256)
_U16 = st.integers(min_value=0, max_value=0xFFFF)

NOT_SUPPORTED, ABSENT, PRESENT = Contact.NOT_SUPPORTED, Contact.ABSENT, Contact.PRESENT

# payload | heart rate | contact | energy | RR ticks | surplus | reserved flags
_GOLDEN = [
    pytest.param("164d1603", 77, PRESENT, None, (790,), b"", 0, id="Polar H7 log"),
    pytest.param("104a6103", 74, NOT_SUPPORTED, None, (865,), b"", 0, id="Polar H10 log"),
    pytest.param("10382d043500", 56, NOT_SUPPORTED, None, (1069, 53), b"", 0, id="Garmin HRM-Dual, two intervals"),
    pytest.param("00ff", 255, NOT_SUPPORTED, None, (), b"", 0, id="largest 8-bit rate"),
    pytest.param("018080", 32896, NOT_SUPPORTED, None, (), b"", 0, id="16-bit rate"),
    pytest.param("090000ffff", 0, NOT_SUPPORTED, 65535, (), b"", 0, id="16-bit rate and energy at its limit"),
    pytest.param("110000ffff7f80", 0, NOT_SUPPORTED, None, (65535, 32895), b"", 0, id="intervals without a sign"),
    pytest.param("0648", 72, PRESENT, None, (), b"", 0, id="HRP/COL/HRF/BV-04-C contact supported, present"),
    pytest.param("0448", 72, ABSENT, None, (), b"", 0, id="HRP/COL/HRF/BV-04-C contact supported, absent"),
    pytest.param("0248", 72, NOT_SUPPORTED, None, (), b"", 0, id="status bit without support bit"),
    pytest.param("0048", 72, NOT_SUPPORTED, None, (), b"", 0, id="HRP/COL/HRF/BV-04-C rate only"),
    pytest.param("103eb103de", 62, NOT_SUPPORTED, None, (945,), b"\xde", 0, id="odd octet after an interval"),
    pytest.param("e048", 72, NOT_SUPPORTED, None, (), b"", 0xE0, id="HRP/COL/HRF/BI-01-C reserved flag bits"),
    pytest.param("0048aabb", 72, NOT_SUPPORTED, None, (), b"\xaa\xbb", 0, id="HRP/COL/HRF/BI-02-C additional octets"),
    pytest.param("1048", 72, NOT_SUPPORTED, None, (), b"", 0, id="RR flag without an interval"),
    pytest.param("184810000004", 72, NOT_SUPPORTED, 16, (1024,), b"", 0, id="energy before the interval"),
]

_MALFORMED = [
    pytest.param("", "empty", id="empty"),
    pytest.param("16", "before the heart rate", id="flags only"),
    pytest.param("0148", "within the 16-bit heart rate", id="half a 16-bit rate"),
    pytest.param("01", "16-bit heart rate", id="flags of a 16-bit rate only"),
    pytest.param("0848", "before the energy", id="energy announced, not there"),
    pytest.param("084810", "before the energy", id="half an energy"),
    pytest.param("18482a", "before the energy", id="half an energy where intervals are announced too"),
]


@pytest.mark.parametrize(
    ("payload", "heart_rate_bpm", "contact", "energy_expended_kj", "rr_ticks", "surplus", "reserved_flags"), _GOLDEN
)
def test_golden_vector_means_what_its_source_says(
    payload: str,
    heart_rate_bpm: int,
    contact: Contact,
    energy_expended_kj: int | None,
    rr_ticks: tuple[int, ...],
    surplus: bytes,
    reserved_flags: int,
) -> None:
    octets = bytes.fromhex(payload)
    measurement = decode(octets)
    assert measurement == HeartRateMeasurement(
        flags=octets[0],
        heart_rate_bpm=heart_rate_bpm,
        energy_expended_kj=energy_expended_kj,
        rr_ticks=rr_ticks,
        surplus=surplus,
    )
    assert measurement.contact is contact
    assert measurement.reserved_flags == reserved_flags
    assert encode(measurement) == octets


@pytest.mark.parametrize(("payload", "reason"), _MALFORMED)
def test_payload_that_ends_too_early_is_malformed_and_says_where(payload: str, reason: str) -> None:
    with pytest.raises(MalformedMeasurement, match=reason):
        decode(bytes.fromhex(payload))


def test_hrp_col_hrf_bv_05_c_each_of_several_notifications_stands_for_itself() -> None:
    """Width of the rate, contact, energy and intervals may change from one notification to the next."""
    payloads = [bytes.fromhex(text) for text in ("0648", "012c01", "164d1603", "0848ffff", "0448")]
    measurements = [decode(payload) for payload in payloads]
    assert [measurement.heart_rate_bpm for measurement in measurements] == [72, 300, 77, 72, 72]
    assert [measurement.rr_ticks for measurement in measurements] == [(), (), (790,), (), ()]
    assert [measurement.energy_expended_kj for measurement in measurements] == [None, None, None, 65535, None]
    assert [measurement.contact for measurement in measurements] == [
        PRESENT,
        NOT_SUPPORTED,
        PRESENT,
        NOT_SUPPORTED,
        ABSENT,
    ]


class TestNeighboursMistakes:
    """One test for each way in which another decoder is known to fail."""

    def test_bleakheart_energy_beside_intervals_is_not_lost(self) -> None:
        assert decode(bytes.fromhex("18482a000004")).energy_expended_kj == 42

    @pytest.mark.parametrize("tail", ["", "b103", "b103b103"])
    def test_bleakheart_and_openhrv_odd_tail_octet_is_counted_and_is_no_half_interval(self, tail: str) -> None:
        whole = decode(bytes.fromhex("103e" + tail))
        odd = decode(bytes.fromhex("103e" + tail + "de"))
        assert odd.rr_ticks == whole.rr_ticks
        assert odd.surplus == b"\xde"

    def test_pycycling_supported_but_absent_contact_is_not_contact(self) -> None:
        assert decode(bytes.fromhex("0448")).contact is ABSENT

    def test_bangle_contact_bits_are_not_swapped(self) -> None:
        assert decode(bytes.fromhex("0248")).contact is NOT_SUPPORTED

    def test_bangle_sixteen_bits_are_little_endian(self) -> None:
        measurement = decode(bytes.fromhex("192c0102010403"))
        assert (measurement.heart_rate_bpm, measurement.energy_expended_kj, measurement.rr_ticks) == (300, 258, (772,))

    def test_openhrv_intervals_are_not_rounded_to_milliseconds(self) -> None:
        (ticks,) = decode(bytes.fromhex("164d1603")).rr_ticks
        assert ticks * 1000 / RR_TICKS_PER_S == 771.484375

    def test_bumble_no_interval_is_cut_by_a_tick_on_its_way(self) -> None:
        every_interval = range(0x10000)
        for start in range(0, len(every_interval), 9):
            rr_ticks = tuple(every_interval[start : start + 9])
            assert decode(encode(HeartRateMeasurement.of(heart_rate_bpm=77, rr_ticks=rr_ticks))).rr_ticks == rr_ticks

    @pytest.mark.parametrize("count", [2, 3, 9, 120])
    def test_trackmyindoorworkout_more_than_one_interval_is_read_oldest_first(self, count: int) -> None:
        rr_ticks = tuple(range(800, 800 + count))
        octets = b"\x10\x48" + b"".join(ticks.to_bytes(2, "little") for ticks in rr_ticks)
        assert decode(octets).rr_ticks == rr_ticks

    @pytest.mark.parametrize("payload", ["184810000004", "110000ffff7f80", "164d1603"])
    def test_iron_heart_no_length_is_taken_for_granted(self, payload: str) -> None:
        octets = bytes.fromhex(payload)
        for size in range(len(octets)):
            try:
                rr_ticks = decode(octets[:size]).rr_ticks
            except MalformedMeasurement:
                continue
            assert rr_ticks == decode(octets).rr_ticks[: len(rr_ticks)]


class TestRoundTrips:
    """Nothing is lost in either direction, whatever the flags."""

    @given(body=st.binary(max_size=24))
    def test_every_well_formed_payload_is_encoded_to_itself(self, body: bytes) -> None:
        for flags in _ALL_FLAGS:
            payload = bytes([flags]) + body
            try:
                measurement = decode(payload)
            except MalformedMeasurement:
                assert len(body) < 4  # a wide rate and an energy need four octets, and nothing else can be missing
                continue
            assert encode(measurement) == payload

    @given(
        narrow_bpm=st.integers(0, 0xFF),
        wide_bpm=_U16,
        energy_kj=_U16,
        rr_ticks=st.lists(_U16, max_size=9).map(tuple),
        surplus=st.binary(max_size=4),
    )
    def test_every_measurement_is_decoded_to_itself(
        self, narrow_bpm: int, wide_bpm: int, energy_kj: int, rr_ticks: tuple[int, ...], surplus: bytes
    ) -> None:
        for flags in _ALL_FLAGS:
            measurement = HeartRateMeasurement(
                flags=flags,
                heart_rate_bpm=wide_bpm if flags & 0x01 else narrow_bpm,
                energy_expended_kj=energy_kj if flags & 0x08 else None,
                rr_ticks=rr_ticks if flags & 0x10 else (),
                surplus=surplus[:1] if flags & 0x10 else surplus,
            )
            assert decode(encode(measurement)) == measurement

    @given(
        heart_rate_bpm=_U16,
        contact=st.sampled_from(Contact),
        energy_kj=st.none() | _U16,
        rr_ticks=st.lists(_U16, max_size=9).map(tuple),
    )
    def test_a_well_behaved_sensor_is_understood(
        self, heart_rate_bpm: int, contact: Contact, energy_kj: int | None, rr_ticks: tuple[int, ...]
    ) -> None:
        sent = HeartRateMeasurement.of(
            heart_rate_bpm=heart_rate_bpm, contact=contact, energy_expended_kj=energy_kj, rr_ticks=rr_ticks
        )
        got = decode(encode(sent))
        assert (got.heart_rate_bpm, got.contact, got.energy_expended_kj, got.rr_ticks) == (
            heart_rate_bpm,
            contact,
            energy_kj,
            rr_ticks,
        )
        assert got.surplus == b""
        assert got.reserved_flags == 0
        assert bool(got.flags & 0x01) == (heart_rate_bpm > 255)  # 8 bits wherever they suffice

    @given(payload=st.binary(max_size=600))
    def test_arbitrary_octets_raise_nothing_but_malformed(self, payload: bytes) -> None:
        try:
            measurement = decode(payload)
        except MalformedMeasurement:
            assert len(payload) < 5
        else:
            assert measurement.flags == payload[0]


_PLAIN = HeartRateMeasurement(flags=0x00, heart_rate_bpm=72)


@pytest.mark.parametrize(
    ("contradiction", "reason"),
    [
        pytest.param(replace(_PLAIN, energy_expended_kj=42), "energy", id="energy without its flag"),
        pytest.param(replace(_PLAIN, flags=0x08), "energy", id="energy flag without energy"),
        pytest.param(replace(_PLAIN, rr_ticks=(800,)), "rr_ticks", id="intervals without their flag"),
        pytest.param(
            replace(_PLAIN, flags=0x10, rr_ticks=(800,), surplus=b"\1\2"), "surplus", id="surplus that is an interval"
        ),
        pytest.param(replace(_PLAIN, heart_rate_bpm=256), "range", id="wide rate in eight bits"),
        pytest.param(replace(_PLAIN, flags=0x01, heart_rate_bpm=65536), "range", id="rate above sixteen bits"),
        pytest.param(replace(_PLAIN, heart_rate_bpm=-1), "range", id="negative rate"),
        pytest.param(replace(_PLAIN, flags=0x08, energy_expended_kj=65536), "range", id="energy above sixteen bits"),
        pytest.param(replace(_PLAIN, flags=0x10, rr_ticks=(800, 65536)), "range", id="interval above sixteen bits"),
        pytest.param(replace(_PLAIN, flags=0x100), "range", id="flags above eight bits"),
    ],
)
def test_encode_refuses_a_contradiction(contradiction: HeartRateMeasurement, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        encode(contradiction)


@pytest.mark.parametrize(
    ("heart_rate_bpm", "energy_kj", "rr_ticks", "named"),
    [
        (-1, None, (), "heart_rate_bpm"),
        (65536, None, (), "heart_rate_bpm"),
        (72, 65536, (), "energy_expended_kj"),
        (72, None, (800, 65536), "rr_ticks"),
    ],
)
def test_a_field_that_does_not_fit_is_named(
    heart_rate_bpm: int, energy_kj: int | None, rr_ticks: tuple[int, ...], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        HeartRateMeasurement.of(heart_rate_bpm=heart_rate_bpm, energy_expended_kj=energy_kj, rr_ticks=rr_ticks)
