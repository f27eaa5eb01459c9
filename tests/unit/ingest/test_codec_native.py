"""The native format: what is taken, what is refused and by which name."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ingest.codecs.codec import Limits
from ingest.codecs.fields import MAX_TIME_US
from ingest.codecs.formats import native
from ingest.ping import Decoded, Ping

LIMITS = Limits()
DAKAR: dict[str, Any] = {"t": 1_768_766_222_000, "lat": 14.716677, "lon": -17.467686}


def as_json(body: Any) -> Decoded:
    return native.decode_json(json.dumps(body).encode(), LIMITS)


def as_msgpack(body: Any) -> Decoded:
    return native.decode_msgpack(msgspec.msgpack.encode(body), LIMITS)


def only_ping(decoded: Decoded) -> Ping:
    assert decoded.rejected == []
    assert len(decoded.pings) == 1
    return decoded.pings[0]


def only_reason(decoded: Decoded) -> str:
    assert decoded.pings == []
    assert len(decoded.rejected) == 1
    return decoded.rejected[0].reason


def reason_of(**changed: Any) -> str:
    """JSON's answer to the Dakar ping with some fields changed, after checking MessagePack says the same."""
    found = only_reason(as_json(DAKAR | changed))
    assert found == only_reason(as_msgpack(DAKAR | changed))
    return found


@pytest.mark.parametrize("decode", [as_json, as_msgpack])
def test_every_field_has_its_place_and_unit(decode: Any) -> None:
    ping = only_ping(
        decode(
            {
                "t": 1_768_766_222_250,
                "lat": 14.7,
                "lon": -17.4,
                "spd": 52,
                "hdg": 271.5,
                "alt": -3,
                "acc": 4.5,
                "sat": 11,
                "hdop": 0.9,
                "ign": True,
                "bat": 87,
                "fuel": 40.5,
                "odo": 123456.7,
                "seq": 9_007_199_254_740_993,
                "mock": False,
                "alarms": ["sos", "tow", "sos", ""],
                "alarm": "jamming",
                "gsm": {"rssi": -71},
                "door": None,
            }
        )
    )
    assert ping == Ping(
        time_us=1_768_766_222_250_000,
        lat=14.7,
        lon=-17.4,
        speed_kmh=52.0,
        heading_deg=271.5,
        altitude_m=-3.0,
        accuracy_m=4.5,
        satellites=11,
        hdop=0.9,
        ignition=True,
        battery_pct=87.0,
        fuel_pct=40.5,
        odometer_km=123456.7,
        seq=9_007_199_254_740_993,
        mock=False,
        alarms=("sos", "tow", "jamming"),
        attributes={"gsm": {"rssi": -71}, "door": None},
    )


@pytest.mark.parametrize("unusual", [{}, {"x": 1}])
def test_absent_and_null_mean_unknown_on_both_ways(unusual: dict[str, Any]) -> None:
    optional = native.KNOWN_KEYS - DAKAR.keys()
    absent = only_ping(as_json(DAKAR | unusual))
    null = only_ping(as_json(DAKAR | unusual | dict.fromkeys(optional)))
    assert absent == null
    assert absent.speed_kmh is None
    assert absent.alarms == ()


@pytest.mark.parametrize(
    ("t", "time_us"),
    [
        (1_700_000_000_000, 1_700_000_000_000_000),
        (1_700_000_000_000.5, 1_700_000_000_000_500),
        (0, 0),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000_000),
        ("2023-11-14T23:13:20.000001+01:00", 1_700_000_000_000_001),
        (253_402_300_799_999, MAX_TIME_US - 999),
    ],
)
@pytest.mark.parametrize("unusual", [{}, {"x": 1}])
def test_times(t: Any, time_us: int, unusual: dict[str, Any]) -> None:
    assert only_ping(as_json(DAKAR | {"t": t} | unusual)).time_us == time_us


@pytest.mark.parametrize("unusual", [{}, {"x": 1}])
def test_messagepack_timestamp_is_a_time(unusual: dict[str, Any]) -> None:
    moment = datetime(2026, 1, 18, 19, 57, 2, 5, UTC)
    assert only_ping(as_msgpack(DAKAR | {"t": moment} | unusual)).time_us == 1_768_766_222_000_005


@pytest.mark.parametrize(
    ("t", "reason"),
    [
        (-1, "time_too_old"),
        (-1e300, "time_too_old"),
        ("1969-12-31T23:59:59Z", "time_too_old"),
        ("0001-01-01T00:00:00+01:00", "time_too_old"),
        (253_402_300_800_000, "value_out_of_range"),
        (1e300, "value_out_of_range"),
        (10**40, "value_out_of_range"),
        ("9999-12-31T23:59:59-01:00", "value_out_of_range"),
        ("2023-11-14T22:13:20", "wrong_type"),
        ("1700000000000", "wrong_type"),
        ("yesterday", "wrong_type"),
        ("", "wrong_type"),
        (True, "wrong_type"),
        ([1], "wrong_type"),
        (None, "missing_field"),
    ],
)
def test_bad_times(t: Any, reason: str) -> None:
    assert only_reason(as_json(DAKAR | {"t": t})) == reason


@pytest.mark.parametrize("key", ["t", "lat", "lon"])
def test_a_position_needs_its_three_fields(key: str) -> None:
    without = {name: value for name, value in DAKAR.items() if name != key}
    assert only_reason(as_json(without)) == "missing_field"
    assert only_reason(as_msgpack(without)) == "missing_field"
    assert reason_of(**{key: None}) == "missing_field"


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("lat", 91, "latitude_out_of_range"),
        ("lat", -90.0001, "latitude_out_of_range"),
        ("lon", 180.5, "longitude_out_of_range"),
        ("lon", -200, "longitude_out_of_range"),
        ("spd", -1, "value_out_of_range"),
        ("hdg", -0.5, "value_out_of_range"),
        ("hdg", 400, "value_out_of_range"),
        ("alt", 1e300, "value_out_of_range"),
        ("acc", -1, "value_out_of_range"),
        ("acc", 1e39, "value_out_of_range"),
        ("sat", -1, "value_out_of_range"),
        ("sat", 32_768, "value_out_of_range"),
        ("hdop", 1e10, "value_out_of_range"),
        ("bat", 101, "value_out_of_range"),
        ("bat", -1, "value_out_of_range"),
        ("fuel", 100.1, "value_out_of_range"),
        ("odo", -0.1, "value_out_of_range"),
        ("seq", -1, "value_out_of_range"),
        ("seq", 2**63, "value_out_of_range"),
    ],
)
def test_ranges(key: str, value: float, reason: str) -> None:
    assert reason_of(**{key: value}) == reason
    assert reason_of(**{key: value, "x": 1}) == reason


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lat", 90),
        ("lat", -90),
        ("lon", 180),
        ("lon", -180),
        ("spd", 0),
        ("bat", 100),
        ("sat", 32_767),
        ("seq", 0),
        ("seq", 2**63 - 1),
    ],
)
def test_ends_of_ranges_belong_to_them(key: str, value: int) -> None:
    assert only_ping(as_json(DAKAR | {key: value})) == only_ping(as_msgpack(DAKAR | {key: value}))


@pytest.mark.parametrize("heading", [360, 360.0, 359.99999])
def test_a_full_circle_is_north(heading: float) -> None:
    assert only_ping(as_json(DAKAR | {"hdg": heading})).heading_deg == 0.0


def test_whole_numbers_may_be_written_as_fractions() -> None:
    ping = only_ping(as_json(DAKAR | {"sat": 7.0, "seq": 12.0}))
    assert (ping.satellites, ping.seq) == (7, 12)
    assert isinstance(ping.satellites, int)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("lat", "14.7"),
        ("lat", True),
        ("lat", [14.7]),
        ("lon", {}),
        ("spd", "fast"),
        ("spd", False),
        ("sat", 7.5),
        ("sat", "7"),
        ("sat", True),
        ("ign", 1),
        ("ign", "on"),
        ("mock", 0),
        ("seq", "1"),
        ("seq", 1.5),
        ("alarms", "sos"),
        ("alarms", {"sos": True}),
        ("alarms", [1]),
        ("alarm", 1),
        ("alarm", ["sos"]),
    ],
)
def test_wrong_types(key: str, value: Any) -> None:
    assert reason_of(**{key: value}) == "wrong_type"


@pytest.mark.parametrize(
    "literal", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"1" + b"0" * 5000]
)
@pytest.mark.parametrize("key", [b"lat", b"spd", b"sat", b"seq", b"t", b"unknown"])
def test_json_numbers_that_are_not_finite_are_named(literal: bytes, key: bytes) -> None:
    good = json.dumps(DAKAR | {"seq": 1})
    body = f"[{good}, {good[:-1]}, ".encode() + b'"' + key + b'": ' + literal + b"}]"
    decoded = native.decode_json(body, LIMITS)
    assert len(decoded.pings) == 1
    assert [each.reason for each in decoded.rejected] == ["not_finite"]
    assert decoded.rejected[0].seq == (None if key == b"seq" else 1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("key", ["t", "lat", "lon", "spd", "alt", "sat", "unknown"])
def test_messagepack_numbers_that_are_not_finite_are_named(value: float, key: str) -> None:
    assert only_reason(as_msgpack(DAKAR | {key: value})) == "not_finite"


def test_huge_integers() -> None:
    assert only_reason(as_json(DAKAR | {"lat": 10**400})) == "latitude_out_of_range"
    for key in ("spd", "sat", "seq", "unknown"):
        assert only_reason(as_json(DAKAR | {key: 10**390})) == "value_out_of_range"
    assert only_ping(as_json(DAKAR | {"unknown": 2**64 - 1})).attributes == {"unknown": 2**64 - 1}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"not json",
        b'{"t":1768766222000,"lat":14.7,"lon":-17.4',
        b'{"t":1768766222000,"lat":14.7,"lon":-17.4} extra',
        b'{"t":1768766222000,"lat":,"lon":-17.4}',
        b"{'t':1}",
        b"\xff\xfe{\x00}\x00",
        b'{"t":1768766222000,"lat":14.7,"lon":-17.4,"name":"\xe9"}',
        b'\xef\xbb\xbf{"t":1768766222000,"lat":14.7,"lon":-17.4}',
        '{"t":1768766222000,"lat":14.7,"lon":-17.4}'.encode("utf-16"),
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"t":1768766222000,"lat":14.7,"lon":-17.4,"a":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001,
        b"\x00",
    ],
)
def test_bodies_that_are_not_json(body: bytes) -> None:
    decoded = native.decode_json(body, LIMITS)
    assert only_reason(decoded) in {"malformed", "wrong_type"}
    if not body.startswith(b"[["):
        assert only_reason(decoded) == "malformed"


@pytest.mark.parametrize(
    "body",
    [b"\xc1", b"\x81", b"\x81\xa1t", b"\x91" * 100_000, b"\x81\x80\x01", b"\x80\x80", b"\x81\xa1\xff\x01"],
)
def test_bodies_that_are_not_messagepack(body: bytes) -> None:
    assert only_reason(native.decode_msgpack(body, LIMITS)) in {"malformed", "wrong_type"}


@pytest.mark.parametrize("body", [42, "text", None, True, 1.5])
def test_a_body_is_an_object_or_a_list_of_objects(body: Any) -> None:
    assert only_reason(as_json(body)) == "wrong_type"
    assert only_reason(as_msgpack(body)) == "wrong_type"
    listed = as_json([DAKAR, body])
    assert len(listed.pings) == 1
    assert [each.reason for each in listed.rejected] == ["wrong_type"]


def test_one_bad_ping_does_not_spoil_its_batch() -> None:
    batch = [DAKAR | {"seq": number} for number in range(1, 6)]
    batch[2]["lat"] = 91
    for decoded in (as_json(batch), as_msgpack(batch)):
        assert [ping.seq for ping in decoded.pings] == [1, 2, 4, 5]
        assert [(each.reason, each.seq) for each in decoded.rejected] == [("latitude_out_of_range", 3)]
        assert decoded.rejected[0].detail.startswith("ping 3 of 5: ")


@pytest.mark.parametrize("unusual", [{}, {"x": 1}])
def test_batch_sizes(unusual: dict[str, Any]) -> None:
    assert len(as_json([DAKAR | unusual] * 500).pings) == 500
    assert only_reason(as_json([DAKAR | unusual] * 501)) == "too_many_pings"
    assert only_reason(as_msgpack([DAKAR | unusual] * 501)) == "too_many_pings"
    assert only_reason(as_json([])) == "payload_empty"
    assert only_reason(as_msgpack([])) == "payload_empty"


def test_of_a_repeated_key_the_last_one_counts() -> None:
    body = b'{"t":1768766222000,"lat":91,"lat":14.7,"lon":-17.4,"x":1,"x":2}'
    ping = only_ping(native.decode_json(body, LIMITS))
    assert (ping.lat, ping.attributes) == (14.7, {"x": 2})
    assert only_ping(native.decode_json(b'{"lat":3,"t":1,"lat":14.7,"lon":2}', LIMITS)).lat == 14.7


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800", "\udfffx"])
@pytest.mark.parametrize("where", ["value", "key", "nested", "alarm"])
def test_text_that_jsonb_cannot_hold_is_refused(text: str, where: str) -> None:
    places: dict[str, dict[str, Any]] = {
        "value": {"x": text},
        "key": {text: 1},
        "nested": {"x": [{"y": [text]}]},
        "alarm": {"alarms": [text]},
    }
    assert only_reason(as_json(DAKAR | places[where])) == "value_out_of_range"


def test_text_beyond_ascii_is_kept() -> None:
    assert only_ping(as_json(DAKAR | {"chauffeur": "Aïssatou 🚚"})).attributes == {"chauffeur": "Aïssatou 🚚"}


def test_attributes_are_bounded() -> None:
    assert only_ping(as_json(DAKAR | {f"k{n}": n for n in range(64)})).attributes
    assert reason_of(**{f"k{n}": n for n in range(129)}) == "value_out_of_range"
    assert only_ping(as_json(DAKAR | {"x": {"a": {"b": {"c": 1}}}})).attributes
    assert reason_of(x={"a": {"b": {"c": {"d": 1}}}}) == "value_out_of_range"
    assert reason_of(x=[[[[None]]]]) == "value_out_of_range"
    assert only_ping(as_json(DAKAR | {"x": "y" * (8192 - len('{"x":""}'))})).attributes
    assert reason_of(x="y" * 8192) == "value_out_of_range"
    assert reason_of(**{"k" * 9000: 1}) == "value_out_of_range"


def test_alarms_are_bounded() -> None:
    assert len(only_ping(as_json(DAKAR | {"alarms": [str(n) for n in range(32)]})).alarms) == 32
    assert reason_of(alarms=[str(n) for n in range(33)]) == "value_out_of_range"
    assert reason_of(alarm="x" * 65) == "value_out_of_range"
    assert only_ping(as_json(DAKAR | {"alarm": ""})).alarms == ()


def test_messagepack_values_that_json_has_not() -> None:
    moment = datetime(2026, 1, 18, 19, 57, 2, tzinfo=UTC)
    kept = only_ping(as_msgpack(DAKAR | {"mac": b"\x00\xff", "built": moment})).attributes
    assert kept == {"mac": "00ff", "built": "2026-01-18T19:57:02Z"}
    assert only_reason(as_msgpack(DAKAR | {"x": msgspec.msgpack.Ext(5, b"1")})) == "wrong_type"
    assert only_reason(as_msgpack(DAKAR | {"x": {1: 2}})) == "wrong_type"
    assert only_reason(as_msgpack({**DAKAR, 7: 2})) == "wrong_type"
    assert only_reason(as_msgpack(DAKAR | {"lat": b"14.7"})) == "wrong_type"


@pytest.mark.parametrize("seq", ["7", 7.5, -7, 2**63, None, True, []])
def test_a_refusal_tells_only_a_readable_number(seq: Any) -> None:
    assert as_json(DAKAR | {"lat": 91, "seq": seq}).rejected[0].seq is None
    assert as_json(DAKAR | {"lat": 91, "seq": 7.0}).rejected[0].seq == 7


def test_details_can_be_stored_as_text_and_are_short() -> None:
    awkward: list[Any] = [float("nan"), "\x00", {"y": [float("nan")]}, 2**70]
    for key in ("\x00", "x\x00" * 4000, "k" * 60_000):
        for value in awkward:
            for refusal in as_json(DAKAR | {key: value}).rejected:
                assert "\x00" not in refusal.detail
                assert len(refusal.detail) < 200
