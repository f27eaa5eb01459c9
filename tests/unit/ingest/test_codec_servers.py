"""flespi, ChirpStack, The Things Stack and Traccar: what their recordings in tests/vectors do not show."""

import json
from typing import Any

import pytest

from brokers.topics import is_device_uid, matches
from ingest.codecs import fields, lorawan
from ingest.codecs.codec import Limits
from ingest.codecs.formats import flespi, traccar
from ingest.codecs.registry import BY_SLUG, decode, decode_by, foreign_filters, route
from ingest.codecs.traccar_alarms import TRACCAR_ALARMS
from ingest.ping import Decoded
from ingest.steps import StepContext, apply_steps
from telemetry.alarms import ALARMS

LIMITS = Limits()
CONTEXT = StepContext(received_us=1_800_000_000_000_000, earliest_us=0, max_future_us=0)
PLACE = {"latitude": 14.7, "longitude": -17.4}
FLESPI = {"ident": "a", "timestamp": 1, "position.latitude": 14.7, "position.longitude": -17.4}


def decoded(slug: str, body: Any) -> Decoded:
    return decode_by(BY_SLUG[slug], json.dumps(body).encode(), LIMITS)


@pytest.mark.parametrize("digits", range(13))
def test_times_with_any_number_of_digits(digits: int) -> None:
    fraction = "123456789123"[:digits]
    time = f"2026-01-26T15:57:02{'.' if fraction else ''}{fraction}Z"
    expected = 1_769_443_022_000_000 + round(float(f"0.{fraction or 0}") * 1_000_000)
    for slug, body in (
        ("chirpstack", {"time": time, "object": PLACE}),
        ("chirpstack", {"object": {**PLACE, "time": time}}),
        ("chirpstack-location", {"time": time, "location": PLACE}),
        ("ttn", {"received_at": time, "uplink_message": {"decoded_payload": PLACE}}),
        ("ttn", {"received_at": time, "location_solved": {"location": PLACE}}),
        ("traccar", {"position": {"fixTime": time, **PLACE}}),
    ):
        assert [ping.time_us for ping in decoded(slug, body).pings] == [expected], slug


@pytest.mark.parametrize(
    "slug", ["native-json", "owntracks", "flespi", "ttn", "traccar", "chirpstack-location"]
)
def test_half_a_character_is_no_time(slug: str) -> None:
    body = {
        "t": "\ud800", "tst": "\ud800", "timestamp": "\ud800", "received_at": "\ud800", "time": "\ud800", "_type": "location",
        "lat": 14.7, "lon": -17.4, "location": PLACE, "location_solved": {"location": PLACE}, "position": {"fixTime": "\ud800", **PLACE},
    }  # fmt: skip
    assert [each.reason for each in decoded(slug, body).rejected] == ["wrong_type"]


def test_every_translated_alarm_is_in_the_vocabulary() -> None:
    for table in (flespi.ALARMS, TRACCAR_ALARMS, lorawan.ALARMS):
        assert set(table.values()) <= set(ALARMS)


def test_a_device_that_says_it_has_no_fix_is_refused_by_the_steps() -> None:
    for slug, body in (
        ("flespi", FLESPI | {"position.valid": False}),
        ("traccar", {"position": {"fixTime": 1, "valid": False, **PLACE}}),
        ("chirpstack", {"time": "2026-01-26T15:57:02Z", "object": {**PLACE, "fix": 0}}),
    ):
        kept, refused = apply_steps(decoded(slug, body).pings, CONTEXT)
        assert (kept, [each.reason for each in refused]) == ([], ["no_fix"]), slug


@pytest.mark.parametrize(
    ("topic", "slug", "uid"),
    [
        ("flespi/message/gw/channels/12/352093081234567", "flespi", "352093081234567"),
        ("flespi/message/gw/devices/12", "flespi", None),
        ("application/17c82e96/device/0101010101010101/event/up", "chirpstack", "0101010101010101"),
        ("application/17c82e96/device/0101010101010101/event/log", "chirpstack-other", "0101010101010101"),
        ("v3/app1@ttn/devices/truck-1/up", "ttn", "truck-1"),
        ("v3/app1@ttn/devices/truck-1/location/solved", "ttn", "truck-1"),
        ("positions", "traccar", None),
        ("traccar/352093081234567", "traccar", "352093081234567"),
    ],
)
def test_topics(topic: str, slug: str, uid: str | None) -> None:
    found = route(topic)
    assert found is not None
    assert (found.codec.slug, found.uid) == (slug, uid)
    assert any(matches(topic, each) for each in foreign_filters())


def test_downlinks_and_other_servers_topics_are_not_read() -> None:
    for topic in (
        "application/a/device/0101010101010101/command/down",
        "v3/app1@ttn/devices/truck-1/down/push",
        "flespi/state/gw/devices/12/telemetry/battery.level",
        "traccar",
    ):
        assert route(topic) is None


@pytest.mark.parametrize("name", ["two words", "svc-x", "", "+", "é", "a" * 65, 7, None, ["a"], {"a": 1}])
def test_a_body_names_only_what_can_be_a_device(name: Any) -> None:
    assert decoded("flespi", FLESPI | {"ident": name}).uid is None
    body = {"position": {"fixTime": 1, **PLACE}, "device": {"uniqueId": name}}
    assert decoded("traccar", body).uid is None
    assert len(decoded("traccar", body | {"device": name}).pings) == 1


@pytest.mark.parametrize("name", ["a", "A1._:-", "svc", "svc-x", "-a", "a\n", "a" * 64])
def test_the_rule_for_names_is_that_of_the_topics(name: str) -> None:
    assert (fields.device_uid({"id": name}, "id") is not None) == is_device_uid(name)
    assert (route(f"traccar/{name}") is not None) == is_device_uid(name)


def test_of_a_refused_message_the_device_is_known() -> None:
    refused = decoded("flespi", {"ident": "a", "timestamp": "soon"})
    assert (refused.uid, [each.reason for each in refused.rejected]) == ("a", ["wrong_type"])


def test_numbers_that_cannot_be_converted_stay_as_they_are() -> None:
    for number in (10**400, 1e308, -1, "9" * 39, "1e999"):
        body = {"position": {"fixTime": 1, **PLACE, "speed": number, "attributes": {"odometer": number}}}
        found = decoded("traccar", body)
        if number == 10**400:
            assert [each.reason for each in found.rejected] == [
                "value_out_of_range"
            ]  # no column for it either
        else:
            assert found.pings[0].attributes == {"speed": number, "odometer": number}


@pytest.mark.parametrize(
    ("knots", "kmh"), [(0, 0.0), (1, 1.852), (27, 50.004), (54.0, 100.008), (5399.568, 9999.999936)]
)
def test_knots(knots: float, kmh: float) -> None:
    assert decoded("traccar", {"position": {"fixTime": 1, **PLACE, "speed": knots}}).pings[0].speed_kmh == kmh


def test_a_flag_may_be_a_number_but_not_a_text() -> None:
    for value, expected in ((1, True), (0, False), (1.0, True), (True, True), ("true", None), (2, None)):
        assert (
            decoded("traccar", {"position": {"fixTime": 1, **PLACE, "attributes": {"ignition": value}}})
            .pings[0]
            .ignition
            is expected
        )


def test_bits_beyond_the_fourth_are_told_when_set() -> None:
    attributes = decoded("flespi", FLESPI | {"din": 0b100001}).pings[0].attributes
    assert attributes == {
        "input_1": True,
        "input_2": False,
        "input_3": False,
        "input_4": False,
        "input_5": False,
        "input_6": True,
    }


@pytest.mark.parametrize(
    ("own", "time_us"),
    [
        (1_000_000_000, 10**15), (99_999_999_999, 99_999_999_999_000_000), (100_000_000_000, 10**14), (99_999_999_999_999, 99_999_999_999_999_000),
        ("1769443022", 1_769_443_022_000_000), (999_999_999, 1_000_000), (0, 1_000_000), (-5, 1_000_000), (10**14, 1_000_000), (10**400, None),
        (True, 1_000_000), ([1], 1_000_000), ("2001-09-09T01:46:40Z", 10**15), ("2001-09-09T01:46:39Z", 1_000_000),
    ],
)  # fmt: skip
def test_the_unit_of_an_objects_time_is_told_by_its_size(own: Any, time_us: int | None) -> None:
    found = decoded("chirpstack", {"time": "1970-01-01T00:00:01Z", "object": {**PLACE, "timestamp": own}})
    assert [ping.time_us for ping in found.pings] == ([] if time_us is None else [time_us])


def test_the_place_inside_an_object_counts_over_what_stands_around_it() -> None:
    found = decoded(
        "chirpstack",
        {
            "time": "2026-01-26T15:57:02Z",
            "object": {"altitude": 999, "gps_2": {**PLACE, "altitude": 5}, "gps_1": {"fix": False}},
        },
    )
    assert (found.pings[0].altitude_m, found.pings[0].attributes) == (5.0, {"gps_1": {"fix": False}})


def test_a_raw_topic_without_a_codec_for_it_is_unknown() -> None:
    assert [each.reason for each in decode("application/a/device/b/event/other", b"{}", LIMITS).rejected] == [
        "unknown_topic"
    ]


def test_more_attributes_than_the_platform_keeps() -> None:
    body = FLESPI | {f"can.x#{number}": number for number in range(LIMITS.max_attribute_keys + 1)}
    assert [each.reason for each in decoded("flespi", body).rejected] == ["value_out_of_range"]


def test_the_units_of_traccar_are_the_documented_ones() -> None:
    body = {
        "position": {
            "fixTime": 1,
            **PLACE,
            "attributes": {"hours": 3_600_000, "odometer": 1500, "tripOdometer": 250},
        }
    }
    ping = decoded("traccar", body).pings[0]
    assert (ping.odometer_km, ping.attributes) == (1.5, {"engine_hours_h": 1.0, "trip_km": 0.25})
    assert traccar.KMH_PER_KNOT == 1.852


def test_of_two_sources_of_one_number_the_first_counts_and_the_other_is_kept() -> None:
    attributes = decoded("flespi", FLESPI | {"can.engine.rpm": 1400, "engine.rpm": 1500}).pings[0].attributes
    assert attributes == {"engine_rpm": 1500.0, "can.engine.rpm": 1400}
