"""OsmAnd's query string; the JSON of the Traccar Client is in test_codec_traccar_client.py."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from ingest.codecs.codec import Limits
from ingest.codecs.formats import osmand
from ingest.codecs.registry import decode as decode_topic
from ingest.codecs.registry import route
from ingest.ping import Decoded, Ping

LIMITS = Limits()
TIME_US = 1_700_000_000_000_000
LEAST = {"timestamp": "1700000000", "lat": "14.716677", "lon": "-17.467686"}
LEAST_PING = Ping(time_us=TIME_US, lat=14.716677, lon=-17.467686)
COORDS = {"latitude": 14.716677, "longitude": -17.467686}
LOCATION: dict[str, Any] = {"timestamp": "2023-11-14T22:13:20.000Z", "coords": COORDS}


def of_query(**keys: str) -> Decoded:
    return osmand.decode(urlencode(LEAST | keys).encode(), LIMITS)


def of_body(body: bytes) -> Decoded:
    return osmand.decode(body, LIMITS)


def of_json(body: Any) -> Decoded:
    return osmand.decode(json.dumps(body).encode(), LIMITS)


def of_location(location: dict[str, Any], **coords: Any) -> Decoded:
    return of_json({"location": LOCATION | location | {"coords": COORDS | coords}})


def ping_of(decoded: Decoded) -> Ping:
    assert decoded.rejected == []
    assert len(decoded.pings) == 1
    return decoded.pings[0]


def reasons(decoded: Decoded) -> list[str]:
    assert decoded.pings == []
    return [each.reason for each in decoded.rejected]


def test_its_topic() -> None:
    found = route("osmand/truck-1")
    assert found is not None
    assert (found.codec, found.uid) == (osmand.OSMAND, "truck-1")
    assert decode_topic("osmand/truck-1", urlencode(LEAST).encode(), LIMITS).pings == [LEAST_PING]


def test_a_query_in_full() -> None:
    body = (
        b"id=123456&lat=14.716677&lon=-17.467686&timestamp=1700000000&speed=10&bearing=310.5&altitude=21.5"
        b"&accuracy=13.2&hdop=1.1&batt=87.0&charge=true&valid=true&sat=9&ignition=true&motion=false&mock=false"
        b"&driverUniqueId=0042&alarm=hardBraking&rpm=933&fuel=24.5&note=Diop+%26+fr%C3%A8res&notificationToken=s3cr3t"
    )
    assert ping_of(of_body(body)) == Ping(
        time_us=TIME_US,
        lat=14.716677,
        lon=-17.467686,
        speed_kmh=18.52,
        heading_deg=310.5,
        altitude_m=21.5,
        accuracy_m=13.2,
        satellites=9,
        hdop=1.1,
        battery_pct=87.0,
        ignition=True,
        mock=False,
        alarms=("harsh_braking",),
        attributes={
            "id": "123456",
            "charging": True,
            "valid": True,
            "motion": False,
            "driver_id": "0042",
            "engine_rpm": 933,
            "fuel": 24.5,
            "note": "Diop & frères",
        },
    )


def test_the_least_query() -> None:
    assert ping_of(of_query()) == LEAST_PING


@pytest.mark.parametrize("around", ["{}", "?{}", "/?{}", "  {}\r\n", "{}&", "&&{}"])
def test_what_may_stand_around_a_query(around: str) -> None:
    assert of_body(around.format(urlencode(LEAST)).encode()) == Decoded(pings=[LEAST_PING])


@pytest.mark.parametrize(
    ("text", "time_us"),
    [
        ("1700000000", TIME_US),
        ("1700000000.25", TIME_US + 250_000),
        ("2147483646", 2_147_483_646_000_000),
        ("2147483647", 2_147_483_647_000),  # from here on milliseconds, as Traccar reads it
        ("1700000000123", TIME_US + 123_000),
        ("0", 0),
        ("253402300799999", 253_402_300_799_999_000),
        ("2023-11-14T22:13:20Z", TIME_US),
        ("2023-11-14T22:13:20.5Z", TIME_US + 500_000),
        ("2023-11-14T23:13:20+01:00", TIME_US),
        ("2023-11-14T23:13:20 01:00", TIME_US),  # a plus that was not escaped
        ("2023-11-14T22:13:20.000+0000", TIME_US),
        ("2023-11-14 22:13:20", TIME_US),
        (" 2023-11-14 22:13:20.250 ", TIME_US + 250_000),
    ],
)
def test_times(text: str, time_us: int) -> None:
    assert ping_of(of_query(timestamp=text)).time_us == time_us
    assert ping_of(of_location({"timestamp": text})).time_us == time_us


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-1", "time_too_old"),
        ("1969-12-31T23:59:59Z", "time_too_old"),
        ("1969-12-31 23:59:59", "time_too_old"),
        ("253402300800000", "value_out_of_range"),
        ("9999-12-31T23:59:59-23:00", "value_out_of_range"),
        ("9" * 40, "value_out_of_range"),
        ("9" * 41, "wrong_type"),
        ("1e999", "not_finite"),
        ("nan", "wrong_type"),
        ("0x10", "wrong_type"),
        ("١٧٠٠٠٠٠٠٠٠", "wrong_type"),
        ("2023-11-14T22:13:20", "wrong_type"),  # no zone
        ("2023-11-14", "wrong_type"),
        ("2023-13-14 22:13:20", "wrong_type"),
        ("yesterday", "wrong_type"),
        ("T" * 1000, "wrong_type"),
        ("", "missing_field"),
        ("  ", "missing_field"),
    ],
)
def test_times_that_are_none(text: str, reason: str) -> None:
    assert reasons(of_query(timestamp=text)) == [reason]
    if text.strip():
        assert reasons(of_location({"timestamp": text})) == [reason]


def test_a_location_in_one_key() -> None:
    body = b"timestamp=1700000000&location=14.716677,-17.467686"
    assert of_body(body) == Decoded(pings=[LEAST_PING])
    assert of_body(body + b"&lat=14.5") == Decoded(pings=[LEAST_PING])
    both = ping_of(of_body(body + b"&lat=14.5&lon=-17.5"))
    assert (both.lat, both.lon, both.attributes) == (14.5, -17.5, None)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        (",", "missing_field"),
        ("14.7,", "missing_field"),
        (",-17.4", "missing_field"),
        ("14.7", "wrong_type"),
        ("14.7,-17.4,12", "wrong_type"),
        ("north,west", "wrong_type"),
        ("nan,nan", "wrong_type"),
        ("91,0", "latitude_out_of_range"),
        ("", "missing_field"),
    ],
)
def test_locations_that_are_none(location: str, reason: str) -> None:
    assert reasons(of_body(urlencode({"timestamp": "1700000000", "location": location}).encode())) == [reason]


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"lat": "nan"}, "wrong_type"),
        ({"lat": "inf"}, "wrong_type"),
        ({"lat": "1e999"}, "not_finite"),
        ({"lat": "-1e999"}, "not_finite"),
        ({"lat": "٣"}, "wrong_type"),
        ({"lat": "0x10"}, "wrong_type"),
        ({"lat": "1_0"}, "wrong_type"),
        ({"lat": "9" * 40}, "latitude_out_of_range"),
        ({"lat": "14,7"}, "wrong_type"),
        ({"lat": ""}, "missing_field"),
        ({"lon": "180.001"}, "longitude_out_of_range"),
        ({"speed": "fast"}, "wrong_type"),
        ({"speed": "5400"}, "value_out_of_range"),
        ({"bearing": "361"}, "value_out_of_range"),
        ({"batt": "101"}, "value_out_of_range"),
        ({"hdop": "-1"}, "value_out_of_range"),
        ({"sat": "7.5"}, "wrong_type"),
        ({"valid": "maybe"}, "wrong_type"),
        ({"note": "\x00"}, "value_out_of_range"),
        ({"\x00": "note"}, "value_out_of_range"),
        ({"id": "\x00"}, "value_out_of_range"),
        ({"driverUniqueId": "\x00"}, "value_out_of_range"),
        ({"cell": "\x00"}, "value_out_of_range"),
        ({"alarm": "\x00"}, "value_out_of_range"),
        ({"alarm": "A" * 65}, "value_out_of_range"),
        ({"alarm": ",".join("abcdefghijklmnopqrstuvwxyzABCDEFG")}, "value_out_of_range"),
        ({"note": "A" * 8193}, "value_out_of_range"),
        ({f"k{n}": "1" for n in range(129)}, "value_out_of_range"),
    ],
)
def test_refusals_of_a_query(keys: dict[str, str], reason: str) -> None:
    decoded = of_query(**keys)
    assert reasons(decoded) == [reason]
    assert "\x00" not in decoded.rejected[0].detail


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"hello", "malformed"),
        (b" ", "malformed"),
        (b"&=&", "malformed"),
        (b"id=7", "missing_field"),
        (b"lat=14.7&lon=-17.4", "missing_field"),
        (b"\xff=1", "malformed"),
        (b"note=%ED%A0%80&timestamp=1", "malformed"),  # a surrogate
        (b"note=%ff&timestamp=1", "malformed"),
        (b"{", "malformed"),
        (b"[]", "payload_empty"),
        (b'{"location":[]}', "payload_empty"),
        (b"{}", "missing_field"),
        (b'{"location":5}', "wrong_type"),
        (b'{"location":{"coords":[]}}', "wrong_type"),
        (b'{"location":{}}', "missing_field"),
        (b"[7]", "wrong_type"),
        (b"[[]]", "wrong_type"),
        (b'{"location":[[]]}', "wrong_type"),
        (b'{"location":[{"location":[{}]}]}', "missing_field"),
    ],
)
def test_bodies(body: bytes, reason: str) -> None:
    assert reasons(of_body(body)) == [reason]


def test_unknown_measurements() -> None:
    ping = ping_of(of_query(speed="-1.94", bearing="-1", accuracy="-1", batt="-100", altitude="-4"))
    assert ping == Ping(time_us=TIME_US, lat=LEAST_PING.lat, lon=LEAST_PING.lon, altitude_m=-4.0)
    assert ping_of(of_query(accuracy="0.0")).accuracy_m is None
    assert ping_of(of_query(speed="", bearing="", batt="", note="", charge="")) == LEAST_PING


def test_the_direction_has_two_names() -> None:
    assert ping_of(of_query(heading="360")).heading_deg == 0.0
    both = ping_of(of_query(heading="90", bearing="80"))
    assert (both.heading_deg, both.attributes) == (80.0, None)


def test_of_a_repeated_key_the_last_value_counts() -> None:
    body = urlencode(LEAST).encode() + b"&note=a&lat=15&note=b&lat="
    ping = ping_of(of_body(body))
    assert (ping.lat, ping.attributes) == (15.0, {"note": "b"})


def test_towers_and_access_points_are_all_kept() -> None:
    body = (
        urlencode(LEAST).encode() + b"&cell=608,01,16,2224&cell=608,01,16,2223,-90&wifi=00-00-5E-00-53-01,-80"
    )
    assert ping_of(of_body(body)).attributes == {
        "cell": ["608,01,16,2224", "608,01,16,2223,-90"],
        "wifi": ["00-00-5E-00-53-01,-80"],
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("24", 24),
        ("-24.50", -24.5),
        ("0", 0),
        ("0.5", 0.5),
        ("true", True),
        ("false", False),
        ("TRUE", "TRUE"),
        ("007", "007"),
        ("+221771234567", "+221771234567"),
        ("8922101234567890123", "8922101234567890123"),  # of a SIM: a double would round it
        ("nan", "nan"),
        ("inf", "inf"),
        ("1e999", "1e999"),
        ("0x10", "0x10"),
        ("٣", "٣"),
        ("1.", "1."),
        ("a=b", "a=b"),
    ],
)
def test_other_keys_are_attributes(text: str, value: Any) -> None:
    attributes = ping_of(of_query(x=text)).attributes
    assert attributes == {"x": value}
    assert type(attributes["x"]) is type(value)


@pytest.mark.parametrize("key", ["charge", "motion", "ignition", "mock", "rpm"])
def test_a_word_that_is_no_flag_and_no_number_stays_an_attribute(key: str) -> None:
    ping = ping_of(of_query(**{key: "perhaps"}))
    assert (ping.attributes, ping.ignition, ping.mock) == ({key: "perhaps"}, None, None)


def test_what_we_read_counts_more_than_a_key_of_the_same_name() -> None:
    ping = ping_of(
        of_query(charging="x", charge="1", driver_id="7", driverUniqueId="8", deviceid="9", id="5")
    )
    assert ping.attributes == {"charging": True, "driver_id": "8", "id": "5"}


@pytest.mark.parametrize(("word", "valid"), [("0", False), ("false", False), ("1", True), ("True", True)])
def test_valid(word: str, valid: bool) -> None:
    assert ping_of(of_query(valid=word)).attributes == {"valid": valid}


@pytest.mark.parametrize(
    ("alarm", "alarms"),
    [("powerCut,tow", ("power_cut", "tow")), ("sos", ("sos",)), ("mine", ("mine",)), (",", ())],
)
def test_alarms(alarm: str, alarms: tuple[str, ...]) -> None:
    assert ping_of(of_query(alarm=alarm)).alarms == alarms
    assert ping_of(of_location({"alarm": alarm})).alarms == alarms
    assert ping_of(of_location({"extras": {"alarm": alarm}})).alarms == alarms


@pytest.mark.parametrize(
    "body", [urlencode(LEAST | {"notificationToken": "s3cr3t"}).encode(), b"notificationToken=s3cr3t&lat=x"]
)
def test_the_token_is_nowhere(body: bytes) -> None:
    assert "s3cr3t" not in repr(of_body(body))
