"""Teltonika: what is written comes back, the same from Codec JSON and from Codec 8, and no damage raises."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.codecs import fields, teltonika_avl
from ingest.codecs.codec import Limits
from ingest.codecs.registry import decode
from ingest.ping import Ping
from tests.unit.ingest.teltonika_kit import (
    LIMITS,
    Avl,
    attributes,
    encode_data,
    encode_json,
    frame,
    json_bytes,
    only,
    read,
)
from tests.unit.ingest.test_codec_properties import check

CALM = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


FULL = Avl(
    pr=1,
    evt=240,
    fixed={
        1: {239: 1, 240: 1, 21: 4, 113: 87, 89: 63, 1: 1, 2: 0, 179: 1, 80: 3, 116: 1},
        2: {66: 26_412, 67: 4_098, 182: 9, 181: 15, 9: 3_210, 36: 1_450, 84: 2_105, 17: 0xFFE3, 110: 123},
        4: {16: 182_345_678, 199: 12_340, 241: 60_801, 72: 0xFFFFFFB5, 73: 850, 12: 5_500, 102: 90},
        8: {78: 0x018B9E4B010000E5, 11: 89_221_080},
    },
)


def test_a_record_with_everything() -> None:
    ping = only(read(frame(encode_data([FULL], extended=False))))
    assert ping == Ping(
        time_us=1_769_443_022_000_000,
        lat=14.6937,
        lon=-17.4441,
        speed_kmh=42.0,
        heading_deg=91.0,
        altitude_m=21.0,
        satellites=11,
        hdop=0.9,
        ignition=True,
        battery_pct=87.0,
        fuel_pct=63.0,
        odometer_km=182_345.678,
        attributes={
            "pr": 1,
            "trigger": "avl_240",
            "motion": True,
            "charging": True,
            "gsm_bars": 4,
            "input_1": True,
            "input_2": False,
            "output_1": True,
            "avl_80": 3,
            "power_v": 26.412,
            "battery_v": 4.098,
            "pdop": 1.5,
            "analog_1_v": 3.21,
            "engine_rpm": 1450,
            "fuel_l": 210.5,
            "fuel_rate_lph": 12.3,
            "avl_17": -29,
            "trip_km": 12.34,
            "operator": "60801",
            "temperature_c": -7.5,
            "avl_73": 850,
            "fuel_used_l": 5.5,
            "engine_hours_h": 1.5,
            "driver_id": "E50000014B9E8B01",
            "avl_11": 89_221_080,
        },
    )


# --- round trip: values that an encoder of its own writes come back, the same from all three ways of writing


_WIDTHS = {1: 2**8, 2: 2**16, 4: 2**32, 8: 2**64}
_IDS = st.integers(0, 255)
_EXTENDED_IDS = (
    _IDS | st.sampled_from([318, 380, 389, 390, 544, 800, 1152, 10_800, 20_019]) | st.integers(0, 65_535)
)
_TEXTS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=17)


@st.composite
def records(draw: st.DrawFn, *, extended: bool) -> Avl:
    ids = draw(st.lists(_EXTENDED_IDS if extended else _IDS, unique=True, max_size=24))
    fixed: dict[int, dict[int, int]] = {width: {} for width in _WIDTHS}
    for number in ids:
        if number not in teltonika_avl.TEXT_IDS:
            width = draw(st.sampled_from([1, 2, 4, 8]))
            fixed[width][number] = draw(st.integers(0, 3) | st.integers(0, _WIDTHS[width] - 1))
    variable = (
        draw(st.dictionaries(st.sampled_from([256, 264, 281, 403]), _TEXTS, max_size=2)) if extended else {}
    )
    return Avl(
        ts=draw(st.integers(0, fields.MAX_TIME_US // 1000)),
        lat=draw(st.integers(-900_000_000, 900_000_000)),
        lon=draw(st.integers(-1_800_000_000, 1_800_000_000)),
        alt=draw(st.integers(-32_768, 32_767)),
        ang=draw(st.integers(0, 360) | st.just(0xFFFF)),
        sat=draw(st.integers(0, 255)),
        sp=draw(st.integers(0, 400) | st.just(0xFFFF)),
        pr=draw(st.integers(0, 3)),
        evt=draw(st.sampled_from([0, *ids]) if ids else st.just(0)),
        fixed=fixed,
        variable={number: text.encode() for number, text in variable.items()},
    )


def check_round_trip(sent: list[Avl], *, extended: bool) -> None:
    data = encode_data(sent, extended=extended)
    binary = read(frame(data))
    assert binary.rejected == []
    assert read(data) == binary
    assert decode("v1/devices/a/formats/teltonika-codec8", data, LIMITS) == binary
    for as_text in (False, True):
        messages = [encode_json(each, as_text=as_text) for each in sent]
        assert read(json_bytes(messages)) == binary
    for avl, ping in zip(sent, binary.pings, strict=True):
        assert (ping.time_us, ping.lat, ping.lon) == (avl.ts * 1000, avl.lat / 1e7, avl.lon / 1e7)
        assert (ping.altitude_m, ping.satellites) == (avl.alt, avl.sat)
        assert ping.speed_kmh == (None if avl.sat == 0 or avl.sp == 0xFFFF else avl.sp)
        assert ping.heading_deg == (None if avl.sat == 0 or avl.ang == 0xFFFF else avl.ang % 360)


@CALM
@given(st.lists(records(extended=False), min_size=1, max_size=3))
def test_what_is_encoded_in_codec_8_comes_back(sent: list[Avl]) -> None:
    check_round_trip(sent, extended=False)


@CALM
@given(st.lists(records(extended=True), min_size=1, max_size=3))
def test_what_is_encoded_in_codec_8_extended_comes_back(sent: list[Avl]) -> None:
    check_round_trip(sent, extended=True)


@CALM
@given(st.sampled_from(sorted(_WIDTHS)), st.integers(600, 635), st.data())
def test_what_no_table_knows_stays_as_it_is(width: int, number: int, data: st.DataObject) -> None:
    value = data.draw(st.integers(0, _WIDTHS[width] - 1))
    avl = Avl(fixed={width: {number: value}})
    assert attributes(read(encode_data([avl], extended=True)))[f"avl_{number}"] == value


# --- fuzz


@CALM
@given(
    st.lists(records(extended=True), min_size=1, max_size=2),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=3)), max_size=3),
    st.integers(0, 400) | st.none(),
)
def test_no_mutated_packet_raises(
    sent: list[Avl], extended: bool, junk: list[tuple[int, bytes]], cut: int | None
) -> None:
    narrow = [each._replace(evt=each.evt % 256, variable={}, fixed=_narrow(each.fixed)) for each in sent]
    data = encode_data(sent if extended else narrow, extended=extended)
    for at, bytes_ in junk:
        data = data[:at] + bytes_ + data[at + len(bytes_) :]
    data = data[:cut]
    # Each with a CRC that holds, so that the decoder sees the damage, and without.
    for payload in (data, frame(data), frame(data)[:-1], frame(data)[: cut or 5]):
        if payload:
            check(read(payload, Limits(max_pings=2)))


def _narrow(fixed: dict[int, dict[int, int]]) -> dict[int, dict[int, int]]:
    return {width: {number % 256: value for number, value in ids.items()} for width, ids in fixed.items()}


@CALM
@given(st.sampled_from([b"\x08", b"\x8e", b"\x0c"]), st.binary(max_size=120), st.booleans())
def test_no_bytes_behind_a_codec_id_raise(codec: bytes, junk: bytes, counted: bool) -> None:
    data = codec + junk + (junk[:1] if counted else b"")
    check(read(data))
    check(read(frame(data)))


_odd = st.sampled_from(
    ["nan", "inf", "-inf", "1e999", "NaN", "9" * 39, "-0", "1_0", "٣", "0x10", "", " 7 ", "+.5e3", "1,5"]
)
_odd |= st.sampled_from(
    [True, False, None, [], {}, [1], {"a": [{}]}, 0, 1, 2, -1, 255, 65_535, 2**64, 10**400, 1e308]
)
_keys = st.sampled_from(
    ["ts", "latlng", "alt", "ang", "sat", "sp", "pr", "evt", "x", "fix", "", "007", "65536", "²"]
)
_keys |= st.sampled_from([str(each) for each in sorted(teltonika_avl.ALARMS)]) | st.integers(-1, 420).map(str)
_latlng = st.sampled_from(
    ["0,0", "0.000000,0.000000", "14.7,-17.4", "91,0", "0,-181", "nan,1", "1", ",", "1,2,3", "1e999,0"]
)


@CALM
@given(st.dictionaries(_keys, _odd | _latlng | st.floats() | st.text(max_size=5), max_size=12), _latlng)
def test_no_reported_state_raises(values: dict[str, Any], latlng: str) -> None:
    start = {"ts": 1_769_443_022_000, "latlng": latlng}
    for body in (values, start | values, values | start):
        check(read(json_bytes({"state": {"reported": body}})))
        check(read(json_bytes([{"state": {"reported": body}}, {"RSP": "ok"}])))


@CALM
@given(
    st.recursive(
        _odd,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["state", "reported", "RSP", "command_response"]), inner, max_size=2
            )
        ),
    )
)
def test_no_json_raises(message: Any) -> None:
    check(read(json_bytes(message)))
    check(read(b" " + json_bytes(message)))
