"""Bodies and topics are those of the published formats."""

import msgspec

from simulator.fix import Fix, Message
from simulator.payload import Payload, encode_native, native_ping, publications

FIX = Fix(
    time_us=1_769_443_022_250_000,
    lon=-17.4262,
    lat=14.6795,
    speed_kmh=61.2,
    heading_deg=93.5,
    accuracy_m=6.1,
    altitude_m=0.2,
    ignition=False,
    satellites=9,
    fuel_pct=40.0,
    odometer_km=120.5,
    seq=7,
)
SPELLED = {
    "t": 1_769_443_022_250,
    "lat": 14.6795,
    "lon": -17.4262,
    "spd": 61.2,
    "hdg": 93.5,
    "acc": 6.1,
    "alt": 0.2,
    "ign": False,
    "sat": 9,
    "fuel": 40.0,
    "odo": 120.5,
    "seq": 7,
}


def test_native_leaves_out_what_is_unknown() -> None:
    assert native_ping(FIX) == SPELLED
    assert set(native_ping(Fix(time_us=0, lon=1, lat=2))) == {"t", "lat", "lon"}


def test_a_time_below_milliseconds_is_not_cut() -> None:
    fix = Fix(time_us=1_769_443_022_250_001, lon=1, lat=2)
    assert native_ping(fix)["t"] == "2026-01-26T15:57:02.250001Z"


def test_one_ping_is_an_object_and_several_an_array() -> None:
    assert msgspec.json.decode(encode_native([FIX])) == SPELLED
    assert msgspec.msgpack.decode(encode_native([FIX, FIX], msgpack=True)) == [SPELLED, SPELLED]


def test_topics_by_format_and_lane() -> None:
    def topics(payload: Payload, *, backlog: bool = False) -> list[str]:
        message = Message(due_us=0, fixes=(FIX, FIX), backlog=backlog)
        return [topic for topic, _ in publications("uid", payload, message)]

    assert topics(Payload.NATIVE) == ["v1/devices/uid/pings"]
    assert topics(Payload.NATIVE, backlog=True) == ["v1/devices/uid/backlog"]
    assert topics(Payload.MSGPACK) == ["v1/devices/uid/pings/msgpack"]
    assert topics(Payload.MSGPACK, backlog=True) == ["v1/devices/uid/backlog/msgpack"]
    assert topics(Payload.OWNTRACKS) == ["owntracks/uid/phone"] * 2


def test_owntracks_has_whole_units_and_no_zeros() -> None:
    message = Message(due_us=1_769_443_030_000_000, fixes=(FIX,))
    ((_, body),) = publications("truck-17", Payload.OWNTRACKS, message)
    assert msgspec.json.decode(body) == {
        "_type": "location",
        "lat": 14.6795,
        "lon": -17.4262,
        "tst": 1_769_443_022,
        "tid": "17",
        "conn": "m",
        "created_at": 1_769_443_030,
        "acc": 6,
        "cog": 94,
        "vel": 61,
    }
