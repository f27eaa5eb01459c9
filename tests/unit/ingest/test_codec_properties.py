"""Laws of the codecs: nothing raises, both ways agree, and what is encoded comes back."""

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.codecs import body, fields
from ingest.codecs.codec import MAX_SEQ, Limits, RefusedError, decode_each
from ingest.codecs.formats import native
from ingest.codecs.registry import CODECS, decode, route
from ingest.ping import REASONS, Decoded, Ping, Rejected, normal_form
from ingest.steps import StepContext, apply_steps

LIMITS = Limits(max_payload_bytes=100_000)
CONTEXT = StepContext(received_us=10**15, earliest_us=0, max_future_us=0)
CALM = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])

TOPICS = [re.sub(r"\{\w+\}", "truck-1", topic) for codec in CODECS for topic in codec.topics]
topics = st.sampled_from(TOPICS) | st.text(max_size=40)

OWNTRACKS_TYPES = ["location", "transition", "lwt", "encrypted", "card", "other"]
KEYS = sorted(native.KNOWN_KEYS | {"x", "", "_type", "tst", "vel", "cog", "batt", "online", "fix", "valid"})
odd_numbers = st.sampled_from([0, -1, 91, 360, 181, 2**63, 10**400, 1e300, -0.0, 1_768_766_222_000, 14.7])
scalars = (
    st.none()
    | st.booleans()
    | odd_numbers
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        [*OWNTRACKS_TYPES, "\x00", "\ud800", "2026-01-18T19:57:02Z", "9999-12-31T23:59:59-23:00"]
    )
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
messages = st.dictionaries(st.sampled_from(KEYS), values, max_size=8)
near_pings = st.fixed_dictionaries(
    {"t": st.just(1_768_766_222_000), "lat": st.just(14.7), "lon": st.just(-17.4)},
    optional={key: values for key in KEYS if key not in {"t", "lat", "lon"}},
)
bodies = messages | near_pings | st.lists(messages | near_pings, max_size=4) | values


def check(decoded: Decoded) -> None:
    """What everything after the codecs relies on."""
    assert isinstance(decoded, Decoded)
    for each in decoded.rejected:
        assert each.reason in REASONS
        assert each.reason != "codec_failed"
        assert "\x00" not in each.detail
        each.detail.encode()
        assert len(each.detail) < 300
        assert each.seq is None or 0 <= each.seq <= MAX_SEQ
    for ping in decoded.pings:
        check_ping(ping)
    kept, refused = apply_steps(decoded.pings, CONTEXT)
    assert len(kept) + len(refused) == len(decoded.pings)


def check_ping(ping: Ping) -> None:
    assert type(ping.time_us) is int
    assert 0 <= ping.time_us <= fields.MAX_TIME_US
    assert -90 <= ping.lat <= 90
    assert -180 <= ping.lon <= 180
    assert ping.heading_deg is None or 0 <= ping.heading_deg < 360
    assert ping.seq is None or 0 <= ping.seq <= MAX_SEQ
    stored = json.dumps(normal_form(ping), allow_nan=False, ensure_ascii=False)
    stored.encode()
    assert "\\u0000" not in stored.replace("\\\\", "")


@CALM
@given(topics, st.binary(max_size=300))
def test_no_bytes_on_any_topic_raise(topic: str, payload: bytes) -> None:
    route(topic)
    check(decode(topic, payload, LIMITS))


@CALM
@given(st.sampled_from(TOPICS), bodies)
def test_no_json_raises(topic: str, message: Any) -> None:
    check(decode(topic, json.dumps(message).encode(), LIMITS))


def _msgpack(message: Any) -> bytes | None:
    try:
        return msgspec.msgpack.encode(message)
    except (OverflowError, UnicodeEncodeError):
        return None


@CALM
@given(bodies, st.integers(0, 400), st.binary(max_size=3))
def test_no_messagepack_raises_whole_or_cut_or_overwritten(message: Any, at: int, junk: bytes) -> None:
    payload = _msgpack(message)
    if payload is not None:
        topic = "v1/devices/a/pings/msgpack"
        check(decode(topic, payload, LIMITS))
        check(decode(topic, payload[:at], LIMITS))
        check(decode(topic, payload[:at] + junk + payload[at + len(junk) :], LIMITS))


@CALM
@given(bodies)
def test_the_fast_and_the_careful_way_agree(message: Any) -> None:
    payload = json.dumps(message).encode()
    assert native.decode_json(payload, LIMITS) == _careful(payload, body.parse_json)
    packed = _msgpack(message)
    if packed is not None:
        assert native.decode_msgpack(packed, LIMITS) == _careful(packed, body.parse_msgpack)


def _careful(payload: bytes, parse: Callable[[bytes], Any]) -> Decoded:
    try:
        return decode_each(parse(payload), LIMITS, native.ping_of_message)
    except RefusedError as error:
        return Decoded(pings=[], rejected=[Rejected(error.reason, error.detail)])


def _unit(low: float, high: float) -> st.SearchStrategy[float | None]:
    return st.none() | st.floats(low, high)


attribute_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=12),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=3,
)
pings = st.builds(
    Ping,
    time_us=st.integers(0, fields.MAX_TIME_US // 1000).map(lambda ms: ms * 1000),
    lat=st.floats(-90, 90),
    lon=st.floats(-180, 180),
    speed_kmh=_unit(*fields.SPEED_KMH),
    heading_deg=st.none() | st.floats(0, 359.9),
    altitude_m=_unit(*fields.ALTITUDE_M),
    accuracy_m=_unit(*fields.ACCURACY_M),
    satellites=st.none() | st.integers(0, fields.MAX_SATELLITES),
    hdop=_unit(*fields.HDOP),
    ignition=st.none() | st.booleans(),
    battery_pct=_unit(*fields.PERCENT),
    fuel_pct=_unit(*fields.PERCENT),
    odometer_km=_unit(*fields.ODOMETER_KM),
    seq=st.none() | st.integers(0, MAX_SEQ),
    mock=st.none() | st.booleans(),
    alarms=st.lists(st.sampled_from(["sos", "tow", "jamming"]), unique=True).map(tuple),
    attributes=st.none()
    | st.dictionaries(st.sampled_from(["x1", "x2", "x3"]), attribute_values, min_size=1, max_size=3),
)

NATIVE_KEYS = {
    "lat": "lat",
    "lon": "lon",
    "spd": "speed_kmh",
    "hdg": "heading_deg",
    "alt": "altitude_m",
    "acc": "accuracy_m",
    "sat": "satellites",
    "hdop": "hdop",
    "ign": "ignition",
    "bat": "battery_pct",
    "fuel": "fuel_pct",
    "odo": "odometer_km",
    "seq": "seq",
    "mock": "mock",
    "alarms": "alarms",
}


def as_native(ping: Ping) -> dict[str, Any]:
    """The ping as a device would write it: an encoder of its own, so that no table is tested by itself."""
    message = {key: getattr(ping, name) for key, name in NATIVE_KEYS.items()}
    return {"t": ping.time_us // 1000, **message, **(ping.attributes or {})}


def test_every_native_key_is_in_the_round_trip() -> None:
    assert NATIVE_KEYS.keys() | {"t", "alarm"} == native.KNOWN_KEYS
    assert {*NATIVE_KEYS.values(), "time_us", "attributes"} == set(Ping.__struct_fields__)


@CALM
@given(st.lists(pings, min_size=1, max_size=4))
def test_what_is_encoded_comes_back(sent: list[Ping]) -> None:
    batch = [as_native(ping) for ping in sent]
    for topic, encode in (
        ("v1/devices/a/pings", msgspec.json.encode),
        ("v1/devices/a/pings/msgpack", msgspec.msgpack.encode),
    ):
        decoded = decode(topic, encode(batch), LIMITS)
        assert decoded.rejected == []
        assert decoded.pings == sent
        assert decode(topic, encode(batch[0]), LIMITS).pings == sent[:1]
