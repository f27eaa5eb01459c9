"""Laws of the codecs for phones: mutated bodies raise nothing, and what an encoder of its own writes comes back."""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingest.codecs import fields
from ingest.codecs.codec import Limits
from ingest.codecs.registry import decode
from ingest.ping import Decoded, Ping
from tests.unit.ingest.test_codec_properties import check

LIMITS = Limits(max_payload_bytes=100_000)
CALM = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
OWNTRACKS, CSV, OSMAND = (
    "owntracks/truck-1/phone",
    "v1/devices/truck-1/formats/owntracks-csv",
    "osmand/truck-1",
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
keys = re.compile(r"\S+").findall

ODD_TEXT = [
    *("", " ", "nan", "inf", "-inf", "1e999", "-1e999", "٣", "0x10", "1_0", "+1", "-1", "007", ",", "a,b"),
    *("9" * 40, "9" * 400, "-0", "2147483647", "2147483648", "-2147483649", "253402300800", "true", "null"),
    *("\x00", "é", "2023-11-14 22:13:20", "2023-11-14T22:13:20 01:00", "powerCut,tow", "!", "h", "k"),
]
ODD_VALUES: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        -1,
        5,
        1e300,
        10**400,
        -(10**400),
        2**63,
        0.5,
        -0.0,
        [],
        {},
        [1],
        ["x"],
        {"a": 1},
    ),
    *(math.nan, math.inf, -math.inf, "\ud800", {"a": {"b": {"c": {"d": {}}}}}, [[[[[]]]]]),
]
texts = st.sampled_from(ODD_TEXT) | st.text(max_size=12)
values = st.sampled_from(ODD_VALUES) | texts | st.integers() | st.floats()

LOCATION = {"_type": "location", "tst": 1_700_000_000, "lat": 14.7, "lon": -17.4}
OWNTRACKS_KEYS = keys("""
    _type tst lat lon vel cog alt acc batt bs t rty tow fake sens ign flvl odometer mock vac motionactivities ubatt
    uext aiv vin rpm hmc fcon motion din1 din9 dout1 temp_c temp_c-00 temp_c-15 temp_c-16 mcc mnc operator trip
    trigger charging image raw_line android iOS bo ps hib loc wifi version name tid x
""")
OWNTRACKS_TYPES = ["location", "transition", "status", "card", "lwt", "waypoint", "encrypted", "other"]
CLIENT_KEYS = keys("""
    timestamp coords odometer mock alarm extras battery activity event is_moving valid device_id _ uuid location
""")
COORDS_KEYS = keys("""
    latitude longitude speed heading altitude accuracy speed_accuracy altitude_accuracy heading_accuracy floor
""")
QUERY_KEYS = keys("""
    id deviceid timestamp lat lon location speed bearing heading altitude accuracy hdop sat batt charge valid alarm
    driverUniqueId notificationToken cell wifi ignition motion mock rpm x
""")


def mutated(known: dict[str, Any], names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """A good message with some of its keys changed, and some taken out."""
    changes = st.dictionaries(st.sampled_from(names) | st.text(max_size=4), values, max_size=6)
    gone = st.sets(st.sampled_from(names), max_size=2)
    return st.builds(lambda new, old: {k: v for k, v in (known | new).items() if k not in old}, changes, gone)


owntracks_messages = st.builds(
    lambda message, kind: message | {"_type": kind},
    mutated(LOCATION, OWNTRACKS_KEYS),
    st.sampled_from(OWNTRACKS_TYPES),
)
coords = mutated({"latitude": 14.7, "longitude": -17.4}, COORDS_KEYS)
locations = st.builds(
    lambda location, inner: {"coords": inner} | location,
    mutated({"timestamp": "2023-11-14T22:13:20Z"}, CLIENT_KEYS),
    coords | values,
)
client_messages = st.builds(
    lambda location, id_: {"device_id": id_, "location": location},
    locations | st.lists(locations | values, max_size=3) | values,
    values,
)


@CALM
@given(owntracks_messages | st.lists(owntracks_messages | values, max_size=3))
@example({"_type": "location", "tst": 1, "lat": 1, "lon": 1, "hmc": 10**400, "bs": math.nan})
@example({"_type": "status", "android": {"loc": 10**400, "bo": math.nan, "version": 10**400}})
def test_no_owntracks_message_raises(message: Any) -> None:
    check(decode(OWNTRACKS, json.dumps(message).encode(), LIMITS))


@CALM
@given(client_messages | locations | st.lists(client_messages | locations | values, max_size=3))
def test_no_message_of_the_client_raises(message: Any) -> None:
    check(decode(OSMAND, json.dumps(message).encode(), LIMITS))


@CALM
@given(
    st.lists(st.tuples(st.sampled_from(QUERY_KEYS) | texts, texts), max_size=12),
    st.booleans(),
    st.integers(0, 300),
    st.binary(max_size=3),
)
def test_no_query_raises_whole_or_cut_or_overwritten(
    pairs: list[tuple[str, str]], good: bool, at: int, junk: bytes
) -> None:
    known = [("timestamp", "1700000000"), ("lat", "14.7"), ("lon", "-17.4")] if good else []
    body = urlencode([*known, *pairs]).encode()
    for payload in (body, body[:at], body[:at] + junk + body[at + len(junk) :]):
        check(decode(OSMAND, payload, LIMITS))


csv_fields = st.sampled_from(["X0", "542A46AA", "k", "30365854", "26", "4", ""]) | texts
csv_lines = st.lists(csv_fields, min_size=9, max_size=11).map(",".join)
good_line = st.just("X0,542A46AA,k,30365854,7575769,26,4,7,5,872")


@CALM
@given(st.lists(csv_lines | good_line | texts, max_size=5), st.sampled_from(["\n", "\r\n", "\r"]))
def test_no_lines_raise(lines: list[str], end: str) -> None:
    payload = end.join(lines).encode()
    check(decode(CSV, payload, LIMITS))
    check(decode(OWNTRACKS, payload, LIMITS))


@CALM
@given(st.lists(csv_lines | good_line, min_size=2, max_size=6))
def test_lines_are_judged_one_by_one(lines: list[str]) -> None:
    """A bad line takes nothing from the others: together they come to what each comes to alone."""
    lines = ["x" if not line.strip() or "\n" in line else line for line in lines]
    together = decode(CSV, "\n".join(lines).encode(), LIMITS)
    alone = [decode(CSV, line.encode(), LIMITS) for line in lines]
    assert together.pings == [ping for each in alone for ping in each.pings]
    assert [r.reason for r in together.rejected] == [r.reason for each in alone for r in each.rejected]


# Encoders of their own, written from the documents of the formats.

seconds = st.integers(0, 2**31 - 2)
latitudes, longitudes = st.floats(-90, 90), st.floats(-180, 180)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def only(decoded: Decoded) -> Ping:
    assert decoded.rejected == []
    assert len(decoded.pings) == 1
    return decoded.pings[0]


def near(found: float | None, sent: float | None) -> bool:
    """Units were changed twice: equal but for the last digits."""
    if found is None or sent is None:
        return found is sent
    return math.isclose(found, sent, rel_tol=1e-9, abs_tol=1e-6)


@CALM
@given(
    seconds,
    st.integers(-90_000_000, 90_000_000),
    st.integers(-180_000_000, 180_000_000),
    st.integers(0, 35),
    st.integers(0, 10_000),
    st.integers(-10_000, 10_000),
    st.integers(0, 10**9),
    st.sampled_from(["f", "m", "t", "T", "k", "v", "l", "L", ""]),
)
def test_lines_come_back(
    t: int, lat: int, lon: int, cog: int, vel: int, alt: int, trip: int, trigger: str
) -> None:
    ping = only(decode(CSV, f"dk,{t:X},{trigger},{lat},{lon},{cog},{vel},{alt},,{trip}\n".encode(), LIMITS))
    assert ping == Ping(
        time_us=t * 1_000_000,
        lat=lat / 1e6,
        lon=lon / 1e6,
        heading_deg=cog * 10.0,
        speed_kmh=float(vel),
        altitude_m=alt * 10.0,
        attributes={"tid": "dk", "trip_km": trip} | ({"trigger": trigger} if trigger else {}),
    )


words = st.text(st.characters(exclude_characters="\x00", codec="utf-8"), min_size=1, max_size=12)


@CALM
@given(
    seconds,
    latitudes,
    longitudes,
    maybe(st.floats(0, 5000)),
    maybe(st.floats(0, 359.9)),
    maybe(st.floats(-100_000, 100_000)),
    maybe(st.floats(0.001, 10_000)),
    maybe(st.floats(0, 100)),
    maybe(st.booleans()),
    words.filter(lambda text: text.strip() != "" and not text.strip()[0].isdigit()),
)
def test_queries_come_back(
    t: int,
    lat: float,
    lon: float,
    knots: float | None,
    bearing: float | None,
    altitude: float | None,
    accuracy: float | None,
    batt: float | None,
    charge: bool | None,
    note: str,
) -> None:
    sent = {"timestamp": t, "lat": lat, "lon": lon, "speed": knots, "bearing": bearing, "altitude": altitude}
    sent |= {"accuracy": accuracy, "batt": batt, "charge": None if charge is None else str(charge).lower()}
    sent |= {"note": f"={note}"}
    body = "&".join(f"{key}={quote_plus(str(value))}" for key, value in sent.items() if value is not None)
    ping = only(decode(OSMAND, body.encode(), LIMITS))
    assert (ping.time_us, ping.lat, ping.lon) == (t * 1_000_000, lat, lon)
    assert near(ping.speed_kmh, None if knots is None else knots * 1.852)
    assert (ping.heading_deg, ping.altitude_m) == (bearing, altitude)
    assert near(ping.accuracy_m, accuracy)
    assert near(ping.battery_pct, batt)
    told = {} if charge is None else {"charging": charge}
    assert ping.attributes == {"note": f"={note}"} | told


@CALM
@given(
    st.integers(0, fields.MAX_TIME_US // 1000),
    latitudes,
    longitudes,
    maybe(st.floats(0, 2700)),
    maybe(st.floats(0, 359.9)),
    maybe(st.floats(0, 1)),
    maybe(st.floats(0, 1e9)),
    maybe(st.booleans()),
    st.dictionaries(st.sampled_from(["x", "y"]), st.integers(-(2**63), 2**64 - 1) | words),
)
def test_locations_of_the_client_come_back(
    ms: int,
    lat: float,
    lon: float,
    mps: float | None,
    heading: float | None,
    level: float | None,
    metres: float | None,
    moving: bool | None,
    extras: dict[str, Any],
) -> None:
    moment = EPOCH + timedelta(milliseconds=ms)
    unknown = -1 if heading is None else heading
    location = {
        "timestamp": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "coords": {"latitude": lat, "longitude": lon, "speed": mps, "heading": unknown},
        "battery": {"level": -1 if level is None else level},
        "odometer": metres,
        "is_moving": moving,
        "extras": extras,
    }
    ping = only(decode(OSMAND, json.dumps({"location": location}).encode(), LIMITS))
    assert (ping.time_us, ping.lat, ping.lon, ping.heading_deg) == (ms * 1000, lat, lon, heading)
    assert near(ping.speed_kmh, None if mps is None else mps * 3.6)
    assert near(ping.battery_pct, None if level is None else level * 100)
    assert near(ping.odometer_km, None if metres is None else metres / 1000)
    assert (ping.attributes or {}) == extras | ({} if moving is None else {"motion": moving})
