"""No device may ever touch a topic of another, whatever it asks for."""

import re
from itertools import product

from hypothesis import assume, given
from hypothesis import strategies as st

from brokers.acl import allows
from brokers.topics import BROKER_EVENTS, ingest_filters, is_topic_name, matches, split_share
from ingest.codecs.registry import CODECS, foreign_filters, route

uids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,10}", fullmatch=True).filter(
    lambda uid: not uid.startswith("svc-")
)
words = st.sampled_from(
    [
        *[
            "v1",
            "devices",
            "owntracks",
            "pings",
            "backlog",
            "acks",
            "commands",
            "status",
            "cmd",
            "+",
            "#",
            "",
            "x",
        ],
        *[
            "gateways",
            "formats",
            "teltonika",
            "data",
            "osmand",
            "application",
            "device",
            "event",
            "up",
            "traccar",
        ],
    ]
)


@st.composite
def asked(draw: st.DrawFn) -> tuple[str, str, str]:
    """(own uid, other uid, a topic or filter made of the grammar's words and both uids)"""
    own, other = draw(uids), draw(uids)
    assume(own != other)
    level = st.one_of(words, st.sampled_from([own, other]))
    heads = [
        [],
        ["v1", "devices"],
        ["owntracks"],
        ["$share", "g", "v1", "devices"],
        ["v1", "gateways"],
        ["x"],
    ]
    head = draw(st.sampled_from([*heads, ["teltonika"], ["osmand"], ["application"]]))
    return own, other, "/".join([*head, *draw(st.lists(level, min_size=1, max_size=5))])


ANOTHERS_TOPICS = [
    *["v1/devices/{}/" + tail for tail in ("pings", "backlog/msgpack", "acks", "commands", "status", "x")],
    *["owntracks/{}/phone", "owntracks/{}/phone/cmd", "owntracks/{}/phone/event"],
]


@given(asked())
def test_no_granted_subscription_covers_anothers_topic(case: tuple[str, str, str]) -> None:
    own, other, topic = case
    if allows(own, own, "subscribe", topic):
        share = split_share(topic)
        assert share is not None
        for pattern in ANOTHERS_TOPICS:
            assert not matches(pattern.format(other), share[1])
        assert own in share[1].split("/")[1:3]


@given(asked())
def test_no_granted_publish_names_another_before_itself(case: tuple[str, str, str]) -> None:
    own, other, topic = case
    if allows(own, own, "publish", topic):
        assert is_topic_name(topic)
        for pattern in ANOTHERS_TOPICS:
            assert topic != pattern.format(other)
        own_names = (f"v1/devices/{own}/", f"owntracks/{own}/", f"v1/gateways/{own}/", f"teltonika/{own}/")
        # `#` covers the level above it too: `v1/gateways/0` belongs to `v1/gateways/0/#`.
        assert (
            f"{topic}/".startswith(own_names)
            or topic == f"osmand/{own}"
            or f"/{own}/teltonika/{own}/" in topic
        )
        found = route(topic)
        if found is not None and found.gateway is None:
            assert found.uid == own


@given(st.text(max_size=12), st.text(max_size=12), asked())
def test_ids_with_wildcards_or_slashes_may_nothing(left: str, right: str, case: tuple[str, str, str]) -> None:
    for mark in "+#/":
        client_id = f"{left}{mark}{right}"
        for topic in (case[2], f"v1/devices/{client_id}/pings", f"v1/devices/{client_id}/acks"):
            assert not allows(client_id, "user", "publish", topic)
            assert not allows(client_id, "user", "subscribe", topic)
            assert not allows("truck", client_id, "publish", "v1/devices/truck/pings")


def test_a_user_name_gives_no_service_rights() -> None:
    assert not allows("truck-1", "svc-ingest-1", "subscribe", "v1/devices/+/pings")


def test_ingest_gets_what_it_subscribes_to() -> None:
    for lane, shared in product(("live", "backlog"), (True, False)):
        filters = [*foreign_filters(), *BROKER_EVENTS]
        for topic_filter, _ in ingest_filters(lane, shared, filters):  # type: ignore[arg-type]
            assert allows("svc-ingest-1", "svc-ingest-1", "subscribe", topic_filter)
            assert not allows("truck-1", "truck-1", "subscribe", topic_filter)


def test_every_topic_of_a_format_may_be_published_by_its_device_or_by_services_alone() -> None:
    for pattern in (pattern for codec in CODECS for pattern in codec.topics):
        topic = re.sub(r"\{uid\}", "truck-1", pattern)
        topic = re.sub(r"\{client\}", "truck-1", topic)
        topic = re.sub(r"\{\w+\}", "x", topic)
        # Of what the broker itself tells nobody else is the author.
        assert allows("svc-bridge-1", "svc-bridge-1", "publish", topic) != topic.startswith("$"), pattern
        if topic.startswith(("v1/", "owntracks/", "teltonika/", "osmand/", "x/truck-1/teltonika")):
            assert allows("truck-1", "truck-1", "publish", topic), pattern
        else:
            assert not allows("truck-1", "truck-1", "publish", topic), pattern


def test_service_topics_are_bounded() -> None:
    assert not allows("svc-api-1", "svc-api-1", "subscribe", "#")
    assert not allows("svc-api-1", "svc-api-1", "publish", "$SYS/brokers/x")
    assert not allows("svc-api-1", "svc-api-1", "publish", "other/topic")
