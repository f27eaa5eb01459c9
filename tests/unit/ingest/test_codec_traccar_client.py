"""The JSON of the Traccar Client, the second form of the OsmAnd protocol."""

from typing import Any

import pytest

from ingest.ping import Decoded, Ping
from tests.unit.ingest.test_codec_osmand import (
    COORDS,
    LEAST_PING,
    LOCATION,
    TIME_US,
    of_body,
    of_json,
    of_location,
    ping_of,
    reasons,
)


@pytest.mark.parametrize("moment", [1_700_000_000, 1_700_000_000_000, 1_700_000_000.0])
def test_times_as_numbers_of_json(moment: float) -> None:
    assert ping_of(of_location({"timestamp": moment})).time_us == TIME_US


@pytest.mark.parametrize(
    ("moment", "reason"), [(True, "wrong_type"), ([1], "wrong_type"), (float("nan"), "not_finite")]
)
def test_times_of_json_that_are_none(moment: Any, reason: str) -> None:
    assert reasons(of_location({"timestamp": moment})) == [reason]


def test_the_json_of_the_client_in_full() -> None:
    location = {
        "event": "motionchange",
        "is_moving": True,
        "uuid": "5f3c",
        "timestamp": "2023-11-14T22:13:20.500Z",
        "age": 188,
        "odometer": 1234.5,
        "mock": True,
        "alarm": "sos",
        "coords": COORDS
        | {"accuracy": 3.8, "speed": 18.67, "speed_accuracy": 0.26, "heading": 63, "heading_accuracy": -1}
        | {"altitude": 35.7, "altitude_accuracy": 3.1, "floor": None, "ellipsoidal_altitude": -2.0},
        "activity": {"type": "in_vehicle", "confidence": 100},
        "battery": {"is_charging": False, "level": 0.79},
        "extras": {"alarm": "tow", "trip": "a", "charging": "x", "driverUniqueId": "42"},
        "_": "&id=8737&lat=1&",
    }
    location["extras"] |= {"notificationToken": "s3cr3t", "notification_token": "s3cr3t"}
    assert ping_of(of_json({"device_id": "8737", "location": location, "token": "s3cr3t"})) == Ping(
        time_us=TIME_US + 500_000,
        lat=14.716677,
        lon=-17.467686,
        speed_kmh=67.212,
        heading_deg=63.0,
        altitude_m=35.7,
        accuracy_m=3.8,
        battery_pct=79.0,
        odometer_km=1.2345,
        mock=True,
        alarms=("sos",),
        attributes={
            "trip": "a",
            "driver_id": "42",
            "speed_accuracy": 0.26,
            "vertical_accuracy_m": 3.1,
            "ellipsoidal_altitude": -2.0,
            "trigger": "motionchange",
            "motion": True,
            "uuid": "5f3c",
            "age": 188,
            "activity": "in_vehicle",
            "charging": False,
            "id": "8737",
        },
    )


def test_unknown_measurements_of_json() -> None:
    unknown = {"accuracy": -1, "speed": -1, "heading": -1, "speed_accuracy": -1, "altitude": None}
    location = {"battery": {"level": -1}, "activity": {"type": "unknown"}, "odometer": -1, "event": ""}
    assert ping_of(of_location(location, **unknown)) == LEAST_PING
    assert ping_of(of_location({"extras": [], "battery": None, "activity": None})) == LEAST_PING


@pytest.mark.parametrize(
    "odd",
    [
        {"is_moving": 1},
        {"event": 5},
        {"activity": {"confidence": 5}},
        {"battery": 0.7},
        {"extras": "x"},
        {"activity": 7},
    ],
)
def test_what_is_of_another_kind_stays_as_it_was_sent(odd: dict[str, Any]) -> None:
    assert ping_of(of_location(odd)).attributes == odd


def test_an_activity_may_be_bare_text() -> None:
    assert ping_of(of_location({"activity": "walking"})).attributes == {"activity": "walking"}


@pytest.mark.parametrize(
    ("location", "coords", "reason"),
    [
        ({"timestamp": None}, {}, "missing_field"),
        ({}, {"latitude": None}, "missing_field"),
        ({}, {"longitude": "x"}, "wrong_type"),
        ({}, {"latitude": 90.1}, "latitude_out_of_range"),
        ({}, {"speed": "18"}, "wrong_type"),
        ({}, {"speed": 2778}, "value_out_of_range"),
        ({}, {"heading": 361}, "value_out_of_range"),
        ({}, {"accuracy": float("nan")}, "not_finite"),
        ({}, {"accuracy": float("-inf")}, "not_finite"),
        ({"odometer": 10**400}, {}, "value_out_of_range"),
        ({"battery": {"level": 1.01}}, {}, "value_out_of_range"),
        ({"battery": {"level": True}}, {}, "wrong_type"),
        ({"mock": 1}, {}, "wrong_type"),
        ({"alarm": 5}, {}, "wrong_type"),
        ({"alarm": ["sos", 5]}, {}, "wrong_type"),
        ({"extras": {"a": "\ud800"}}, {}, "value_out_of_range"),
        ({"extras": {"a": {"b": {"c": {"d": {"e": 1}}}}}}, {}, "value_out_of_range"),
        ({"extras": {f"k{n}": 1 for n in range(129)}}, {}, "value_out_of_range"),
        ({"extras": {"a": float("inf")}}, {}, "not_finite"),
    ],
)
def test_refusals_of_json(location: dict[str, Any], coords: dict[str, Any], reason: str) -> None:
    assert reasons(of_location(location, **coords)) == [reason]


def test_several_locations() -> None:
    second = LOCATION | {"timestamp": 1_700_000_010}
    bad = LOCATION | {"coords": {"latitude": 91, "longitude": 0}}
    for body in (
        {"device_id": "5", "location": [LOCATION, bad, second]},
        [{"device_id": "5", "location": each} for each in (LOCATION, bad, second)],
        [{"device_id": "5", "location": [LOCATION, bad]}, {"device_id": "5", "location": second}],
        [each | {"device_id": "5"} for each in (LOCATION, bad, second)],
    ):
        decoded = of_json(body)
        assert [ping.time_us for ping in decoded.pings] == [TIME_US, TIME_US + 10_000_000]
        assert [ping.attributes for ping in decoded.pings] == [{"id": "5"}] * 2
        assert [each.reason for each in decoded.rejected] == ["latitude_out_of_range"]
        assert decoded.rejected[0].detail.startswith("ping 2 of 3: ")


def test_one_location_without_the_object_around_it() -> None:
    assert of_json(LOCATION) == Decoded(pings=[LEAST_PING])
    assert reasons(of_json({"coords": COORDS, "timestamp": 1, "location": 5})) == ["wrong_type"]


@pytest.mark.parametrize("device", [None, ""])
def test_no_id_is_none(device: str | None) -> None:
    assert of_json({"device_id": device, "location": LOCATION}) == Decoded(pings=[LEAST_PING])


def test_the_limit_counts_locations() -> None:
    assert reasons(of_json({"location": [LOCATION] * 501})) == ["too_many_pings"]
    assert reasons(of_json([{"location": [LOCATION] * 251}] * 2)) == ["too_many_pings"]
    assert len(of_json([{"location": [LOCATION] * 250}] * 2).pings) == 500


def test_of_a_repeated_key_of_json_the_last_value_counts() -> None:
    body = b'{"location":{"timestamp":1,"timestamp":1700000000,"coords":{"latitude":1,"longitude":2,"latitude":3}}}'
    ping = ping_of(of_body(body))
    assert (ping.time_us, ping.lat, ping.lon) == (TIME_US, 3.0, 2.0)
