"""Topics to codecs, the limits of a message, and the promise that nothing raises."""

import re

import pytest

from brokers.topics import matches
from ingest.codecs import registry
from ingest.codecs.codec import Codec, Limits
from ingest.codecs.registry import BY_SLUG, CODECS, Route, decode, foreign_filters, route
from ingest.ping import REASONS, Decoded

LIMITS = Limits()
GOOD = b'{"t":1768766222000,"lat":14.7,"lon":-17.4}'
GOOD_OWNTRACKS = b'{"_type":"location","tst":1768766222,"lat":14.7,"lon":-17.4}'


def reasons(decoded: Decoded) -> list[str]:
    assert decoded.pings == []
    return [each.reason for each in decoded.rejected]


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("v1/devices/truck-1/pings", GOOD),
        ("v1/devices/truck-1/backlog", GOOD),
        ("v1/devices/truck-1/events", GOOD),
        ("owntracks/truck-1/phone", GOOD_OWNTRACKS),
        ("owntracks/truck-1/phone/event", GOOD_OWNTRACKS),
        ("owntracks/truck-1/téléphone 2", GOOD_OWNTRACKS),
    ],
)
def test_topics_with_positions(topic: str, body: bytes) -> None:
    found = route(topic)
    assert found is not None
    assert found.uid == "truck-1"
    assert len(decode(topic, body, LIMITS).pings) == 1


@pytest.mark.parametrize("lane", ["pings", "backlog"])
def test_messagepack_topics(lane: str) -> None:
    body = b"\x83\xa1t\x01\xa3lat\x02\xa3lon\x03"
    decoded = decode(f"v1/devices/a/{lane}/msgpack", body, LIMITS)
    assert [(ping.time_us, ping.lat, ping.lon) for ping in decoded.pings] == [(1000, 2.0, 3.0)]


def test_status_topic() -> None:
    decoded = decode("v1/devices/a/status", b'{"online":true}', LIMITS)
    assert decoded.presence is not None
    assert decoded.presence.online


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "/",
        "v1",
        "v1/devices/a",
        "v1/devices//pings",
        "v1/devices/a/pings/",
        "v1/devices/a/pings/json",
        "v1/devices/a/acks",
        "v1/devices/a/commands",
        "v1/devices/svc-ingest-1/pings",
        "v1/devices/+/pings",
        "v1/devices/#",
        "v1/devices/a b/pings",
        "v1/devices/é/pings",
        "v1/devices/a\n/pings",
        "v1/devices/" + "a" * 65 + "/pings",
        "v2/devices/a/pings",
        "V1/devices/a/pings",
        "/v1/devices/a/pings",
        "owntracks/a",
        "owntracks/a/",
        "owntracks//b",
        "owntracks/a/b/cmd",
        "owntracks/a/b\x00",
        "owntracks/a/b\udcff",
        "owntracks/a/" + "b" * 65_000,
        "$SYS/broker/uptime",
    ],
)
def test_unknown_topics(topic: str) -> None:
    assert route(topic) is None
    assert reasons(decode(topic, GOOD, LIMITS)) == ["unknown_topic"]


@pytest.mark.parametrize("topic", ["v1/devices/a/pings", "v1/devices/a/pings/msgpack", "owntracks/a/b"])
def test_sizes(topic: str) -> None:
    assert reasons(decode(topic, b"", LIMITS)) == ["payload_empty"]
    assert reasons(decode(topic, b" " * (LIMITS.max_payload_bytes + 1), LIMITS)) == ["payload_too_large"]
    assert reasons(decode(topic, b" " * LIMITS.max_payload_bytes, LIMITS)) != ["payload_too_large"]


def test_a_defect_of_a_codec_is_a_reason_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def defective(payload: bytes, limits: Limits) -> Decoded:
        raise KeyError(payload)

    broken = Codec(name="broken", slug="broken", topics=(), decode=defective)
    monkeypatch.setattr(registry, "_route", lambda topic: Route(broken, "a"))
    decoded = decode("v1/devices/a/pings", GOOD, LIMITS)
    assert reasons(decoded) == ["codec_failed"]
    assert decoded.rejected[0].detail == "broken: KeyError"


def test_no_topic_belongs_to_two_codecs() -> None:
    topics = [topic for codec in CODECS for topic in codec.topics]
    assert len(topics) == len(set(topics))
    assert len({codec.name for codec in CODECS}) == len({codec.slug for codec in CODECS}) == len(CODECS)
    assert all(re.fullmatch(r"[a-z0-9-]{1,32}", codec.slug) for codec in CODECS)


def test_a_device_may_send_any_format_under_its_own_name() -> None:
    for slug, codec in BY_SLUG.items():
        assert route(f"v1/devices/truck-1/formats/{slug}") == Route(codec, "truck-1")
    assert route("v1/devices/truck-1/formats/other") is None
    assert route("v1/devices/svc-x/formats/owntracks") is None


def test_a_gateway_speaks_on_topics_below_its_own_name() -> None:
    found = route("v1/gateways/mast-1/owntracks/truck-1/phone")
    assert found is not None
    assert (found.codec.slug, found.uid, found.gateway) == ("owntracks", "truck-1", "mast-1")
    assert route("v1/gateways/mast-1") is None
    assert route("v1/gateways/mast-1/other") is None
    assert route("v1/gateways/svc-x/owntracks/truck-1/phone") is None
    # no gateway behind a gateway
    assert route("v1/gateways/a/v1/gateways/b/owntracks/truck-1/phone") is None


def test_a_backlog_topic_says_so() -> None:
    lanes = {lane: route(f"v1/devices/a/{lane}") for lane in ("pings", "backlog", "backlog/msgpack")}
    assert [found.backlog for found in lanes.values() if found] == [False, True, True]
    behind = route("v1/gateways/g/v1/devices/a/backlog")
    assert behind is not None
    assert behind.backlog


def test_filters_of_foreign_topics_cover_them_and_nothing_of_ours() -> None:
    filters = foreign_filters()
    assert "owntracks/+/+" in filters
    assert not any(matches("v1/devices/a/pings", each) for each in filters)


def test_the_route_cache_is_bounded() -> None:
    assert registry._route.cache_info().maxsize == registry.ROUTE_CACHE_SIZE


def test_limits_are_those_of_the_settings() -> None:
    from config.settings import Settings

    fields = Settings.model_fields
    assert fields["max_payload_bytes"].default == LIMITS.max_payload_bytes
    assert fields["max_pings_per_message"].default == LIMITS.max_pings


def test_every_reason_is_explained() -> None:
    assert all(text for text in REASONS.values())
    assert "codec_failed" in REASONS
