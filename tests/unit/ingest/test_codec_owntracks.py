"""OwnTracks JSON: positions, transitions, wills, and what carries no position."""

import json
from typing import Any

import pytest

from ingest.codecs.codec import Limits
from ingest.codecs.formats import owntracks
from ingest.ping import Decoded, Ping, Presence

LIMITS = Limits()
LOCATION: dict[str, Any] = {
    "_type": "location",
    "lat": 14.716677,
    "lon": -17.467686,
    "tst": 1_700_000_000,
}


def decode(body: Any) -> Decoded:
    return owntracks.decode_json(json.dumps(body).encode(), LIMITS)


def only_ping(body: Any) -> Ping:
    decoded = decode(body)
    assert decoded.rejected == []
    assert decoded.presence is None
    assert len(decoded.pings) == 1
    return decoded.pings[0]


def only_reason(body: Any) -> str:
    decoded = decode(body)
    assert decoded.pings == []
    assert len(decoded.rejected) == 1
    return decoded.rejected[0].reason


def test_a_location_as_the_android_app_sends_it() -> None:
    ping = only_ping(
        LOCATION
        | {
            "acc": 13,
            "alt": 21,
            "batt": 74,
            "bs": 1,
            "cog": 310,
            "conn": "m",
            "created_at": 1_700_000_060,
            "m": 2,
            "t": "p",
            "tid": "dk",
            "vac": 3,
            "vel": 47,
            "inregions": ["Depot Thiès"],
            "_id": "a1b2",
        }
    )
    assert ping == Ping(
        time_us=1_700_000_000_000_000,
        lat=14.716677,
        lon=-17.467686,
        speed_kmh=47.0,
        heading_deg=310.0,
        altitude_m=21.0,
        accuracy_m=13.0,
        battery_pct=74.0,
        attributes={
            "charging": False,
            "conn": "m",
            "created_at": 1_700_000_060,
            "m": 2,
            "trigger": "p",
            "last_known_position": True,
            "tid": "dk",
            "vertical_accuracy_m": 3,
            "inregions": ["Depot Thiès"],
            "_id": "a1b2",
        },
    )


def test_the_least_location() -> None:
    assert only_ping(LOCATION) == Ping(time_us=1_700_000_000_000_000, lat=14.716677, lon=-17.467686)


def test_a_transition_is_a_ping_at_its_own_time() -> None:
    ping = only_ping(
        {
            "_type": "transition",
            "event": "enter",
            "tst": 1_700_000_100,
            "wtst": 1_600_000_000,
            "lat": 14.79,
            "lon": -16.93,
            "acc": 8,
            "desc": "Depot",
            "t": "c",
            "rid": "6da9cf",
            "tid": "dk",
        }
    )
    assert (ping.time_us, ping.lat, ping.lon, ping.accuracy_m) == (1_700_000_100_000_000, 14.79, -16.93, 8.0)
    assert ping.attributes == {
        "event": "enter",
        "wtst": 1_600_000_000,
        "desc": "Depot",
        "trigger": "c",
        "rid": "6da9cf",
        "tid": "dk",
    }
    assert ping.alarms == ("device_geofence",)


def test_negative_means_unknown_on_ios() -> None:
    ping = only_ping(LOCATION | {"vel": -1, "cog": -1, "acc": -1, "batt": -100, "alt": -4})
    assert (ping.speed_kmh, ping.heading_deg, ping.accuracy_m, ping.battery_pct) == (None, None, None, None)
    assert ping.altitude_m == -4.0
    assert ping.attributes is None


def test_no_accuracy_is_exact() -> None:
    assert only_ping(LOCATION | {"acc": 0}).accuracy_m is None


def test_a_full_circle_is_north() -> None:
    assert only_ping(LOCATION | {"cog": 360}).heading_deg == 0.0


def test_a_picture_and_the_trackers_own_line_are_not_kept() -> None:
    message = LOCATION | {"image": "A" * 50_000, "raw_line": "+RESP:" * 1000, "imagename": "quay"}
    assert only_ping(message).attributes == {"imagename": "quay"}


def test_a_list_of_locations() -> None:
    body = [LOCATION, LOCATION | {"tst": 1_700_000_010}, LOCATION | {"lat": 91}, {"_type": "card"}]
    decoded = decode(body)
    assert [ping.time_us for ping in decoded.pings] == [1_700_000_000_000_000, 1_700_000_010_000_000]
    assert [each.reason for each in decoded.rejected] == ["latitude_out_of_range"]


@pytest.mark.parametrize(
    ("will", "composed_us"),
    [({"tst": 1_700_000_000}, 1_700_000_000_000_000), ({}, None), ({"tst": None}, None)],
)
def test_a_last_will_is_presence(will: dict[str, Any], composed_us: int | None) -> None:
    decoded = decode({"_type": "lwt"} | will)
    assert decoded == Decoded(pings=[], rejected=[], presence=Presence(False, composed_us))


@pytest.mark.parametrize("kind", sorted(owntracks.OTHER_TYPES))
def test_messages_without_a_position_are_no_pings_and_no_errors(kind: str) -> None:
    message = {"_type": kind, "lat": 14.7, "lon": -17.4, "tst": 1_700_000_000, "rad": 100, "desc": "Depot"}
    message |= {"name": "Awa", "password": "secret", "android": {"bo": 1}}
    assert decode(message) == Decoded(pings=[])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"_type": "encrypted", "data": "AAAA"}, "encrypted"),
        ({"_type": "position"}, "malformed"),
        ({"_type": "\x00\ud800" * 999}, "malformed"),
        ({"_type": None}, "missing_field"),
        ({"_type": 1}, "wrong_type"),
        ({"tst": None}, "missing_field"),
        ({"lat": None}, "missing_field"),
        ({"lon": None}, "missing_field"),
        ({"lat": "14.7"}, "wrong_type"),
        ({"tst": "1700000000"}, "wrong_type"),
        ({"tst": "2023-11-14T22:13:20Z"}, "wrong_type"),
        ({"tst": True}, "wrong_type"),
        ({"tst": 1_700_000_000_000}, "value_out_of_range"),
        ({"tst": -5}, "time_too_old"),
        ({"lon": 181}, "longitude_out_of_range"),
        ({"batt": 101}, "value_out_of_range"),
        ({"cog": 361}, "value_out_of_range"),
        ({"vel": "47"}, "wrong_type"),
        ({"vel": float("nan")}, "not_finite"),
        ({"vel": float("-inf")}, "not_finite"),
        ({"acc": False}, "wrong_type"),
        ({"mock": 1}, "wrong_type"),
        ({"tag": "\x00"}, "value_out_of_range"),
    ],
)
def test_refusals(change: dict[str, Any], reason: str) -> None:
    assert only_reason(LOCATION | change) == reason
    assert "\x00" not in decode(LOCATION | change).rejected[0].detail
    assert len(decode(LOCATION | change).rejected[0].detail) < 200


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"X0,542A46AA,k,30365854,7575769,26,4,7,5,872", "malformed"),
        (b"{", "malformed"),
        (b"[]", "payload_empty"),
        (b"7", "wrong_type"),
        (b"{}", "missing_field"),
        (b"[7]", "wrong_type"),
    ],
)
def test_bodies(body: bytes, reason: str) -> None:
    decoded = owntracks.decode_json(body, LIMITS)
    assert [each.reason for each in decoded.rejected] == [reason]


def test_a_body_that_does_not_begin_like_json_is_csv() -> None:
    line = b"X0,542A46AA,k,30365854,7575769,26,4,7,5,872"
    assert len(owntracks.decode(line, LIMITS).pings) == 1
    assert len(owntracks.decode(b" \r\n\t" + json.dumps(LOCATION).encode(), LIMITS).pings) == 1
    assert len(owntracks.decode(json.dumps([LOCATION, LOCATION]).encode(), LIMITS).pings) == 2
    assert [each.reason for each in owntracks.decode(b"7", LIMITS).rejected] == ["malformed"]


def test_too_many() -> None:
    assert only_reason([LOCATION] * 501) == "too_many_pings"
