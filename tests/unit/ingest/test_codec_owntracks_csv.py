"""OwnTracks CSV: one line, several lines, and lines that are not right."""

import pytest

from ingest.codecs.codec import Limits
from ingest.codecs.formats import owntracks_csv
from ingest.codecs.registry import decode
from ingest.ping import Decoded, Ping

LIMITS = Limits()
LINE = "X0,542A46AA,k,30365854,7575769,26,4,7,5,872"
PING = Ping(
    time_us=1_412_056_746_000_000,
    lat=30.365854,
    lon=7.575769,
    speed_kmh=4.0,
    heading_deg=260.0,
    altitude_m=70.0,
    attributes={"tid": "X0", "trigger": "k", "dist": 5, "trip_km": 872},
)


def decoded(text: str | bytes) -> Decoded:
    return owntracks_csv.decode(text if type(text) is bytes else text.encode(), LIMITS)


def changed(**fields: str) -> str:
    parts = dict(zip(owntracks_csv.FIELDS, LINE.split(","), strict=True)) | fields
    return ",".join(parts.values())


@pytest.mark.parametrize("text", [LINE, LINE + "\n", LINE + "\r\n", "\n\n" + LINE + "\n \n"])
def test_one_line_is_one_ping(text: str) -> None:
    assert decoded(text) == Decoded(pings=[PING])


@pytest.mark.parametrize(
    "topic", ["owntracks/truck-1/gw", "owntracks/truck-1/gw/event", "v1/devices/truck-1/formats/owntracks"]
)
def test_it_comes_on_the_topics_of_the_json(topic: str) -> None:
    assert decode(topic, LINE.encode(), LIMITS) == Decoded(pings=[PING])


def test_it_has_a_topic_of_its_own_that_knows_no_json() -> None:
    topic = "v1/devices/truck-1/formats/owntracks-csv"
    assert decode(topic, LINE.encode(), LIMITS) == Decoded(pings=[PING])
    refused = decode(topic, b'{"_type":"location"}', LIMITS).rejected
    assert [each.reason for each in refused] == ["malformed"]


def test_several_lines_are_refused_one_by_one() -> None:
    lines = [LINE, changed(lat="91000000"), "X0,542A46AA", changed(tst="542A46AB")]
    result = decoded("\r\n".join(lines))
    assert [ping.time_us for ping in result.pings] == [PING.time_us, PING.time_us + 1_000_000]
    assert [each.reason for each in result.rejected] == ["latitude_out_of_range", "malformed"]
    assert result.rejected[0].detail.startswith("ping 2 of 4: lat 91.0 ")
    assert result.rejected[1].detail == (
        "ping 3 of 4: neither JSON nor a line of 10 fields with commas, but of 2"
    )


def test_empty_fields_are_unknown() -> None:
    line = changed(tid="", t="", cog="", vel=" ", alt="", dist="", trip="")
    assert decoded(line) == Decoded(pings=[Ping(time_us=PING.time_us, lat=PING.lat, lon=PING.lon)])


def test_south_and_west_and_below_the_sea() -> None:
    ping = decoded(changed(lat="-14716677", lon="-17467686", alt="-3")).pings[0]
    assert (ping.lat, ping.lon, ping.altitude_m) == (-14.716677, -17.467686, -30.0)


@pytest.mark.parametrize(
    ("cog", "heading"), [("0", 0.0), ("9", 90.0), ("35", 350.0), ("36", 0.0), ("+1", 10.0)]
)
def test_directions_are_tens_of_degrees(cog: str, heading: float) -> None:
    assert decoded(changed(cog=cog)).pings[0].heading_deg == heading


def test_the_trigger_of_a_bridge_is_an_alarm_here_too() -> None:
    assert decoded(changed(t="!")).pings[0].alarms == ("tow",)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"tst": ""}, "missing_field"),
        ({"lat": ""}, "missing_field"),
        ({"lon": ""}, "missing_field"),
        ({"tst": "0x542A46AA"}, "wrong_type"),
        ({"tst": "-1"}, "wrong_type"),
        ({"tst": "FFFFFFFFFFFFFFF"}, "value_out_of_range"),
        ({"tst": "F" * 16}, "wrong_type"),
        ({"tst": "５４２A46AA"}, "wrong_type"),
        ({"lat": "14.716677"}, "wrong_type"),
        ({"lat": "nan"}, "wrong_type"),
        ({"lat": "1e6"}, "wrong_type"),
        ({"lat": "٣٠"}, "wrong_type"),
        ({"lat": "0x10"}, "wrong_type"),
        ({"lat": "9" * 16}, "wrong_type"),
        ({"lat": "90000001"}, "latitude_out_of_range"),
        ({"lon": "-180000001"}, "longitude_out_of_range"),
        ({"cog": "37"}, "value_out_of_range"),
        ({"cog": "-1"}, "value_out_of_range"),
        ({"vel": "inf"}, "wrong_type"),
        ({"vel": "-1"}, "value_out_of_range"),
        ({"alt": "10001"}, "value_out_of_range"),
        ({"dist": "5m"}, "wrong_type"),
        ({"trip": "1_000"}, "wrong_type"),
        ({"tid": "\x00"}, "value_out_of_range"),
        ({"tid": "A" * 9000}, "value_out_of_range"),
        ({"tid": "a,b"}, "malformed"),
    ],
)
def test_refusals(fields: dict[str, str], reason: str) -> None:
    result = decoded(changed(**fields))
    assert result.pings == []
    assert [each.reason for each in result.rejected] == [reason]
    assert "\x00" not in result.rejected[0].detail


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\n \r\n", "payload_empty"),
        (b"X0,542A46AA,k,30365854,7575769,26,4,7,5", "malformed"),
        (b"X0,542A46AA,k,30365854,7575769,26,4,7,5,872,", "malformed"),
        (b"\xff\xfe", "malformed"),
        (b"hello", "malformed"),
        ("\n".join([LINE] * 501).encode(), "too_many_pings"),
    ],
)
def test_bodies(body: bytes, reason: str) -> None:
    assert [each.reason for each in decoded(body).rejected] == [reason]


def test_a_line_alone_needs_no_number() -> None:
    assert decoded("hello\n").rejected[0].detail.startswith("neither JSON nor")


def test_as_many_lines_as_the_limit() -> None:
    assert len(decoded("\n".join([LINE] * 500)).pings) == 500
