import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers import topics
from brokers.topics import Channel, DeviceIdError, Encoding, Family, Topic, parse_topic, spell_topic

uids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", fullmatch=True).filter(
    lambda uid: not uid.startswith("svc-")
)
names = st.text(min_size=1, max_size=20).filter(lambda name: not set(name) & set("+#/\0"))
natives = st.one_of(
    st.builds(
        Topic,
        uids,
        st.just(Family.NATIVE),
        st.sampled_from(
            [Channel.PINGS, Channel.BACKLOG, Channel.ACKS, Channel.EVENTS, Channel.STATUS, Channel.COMMANDS]
        ),
    ),
    st.builds(
        Topic,
        uids,
        st.just(Family.NATIVE),
        st.sampled_from([Channel.PINGS, Channel.BACKLOG]),
        st.just(Encoding.MSGPACK),
    ),
    st.builds(Topic, uids, st.just(Family.NATIVE), st.just(Channel.RESULT), command_id=uids),
)
OWNTRACKS = [
    *[Channel.PINGS, Channel.TRANSITION, Channel.STATUS, Channel.COMMANDS, Channel.WAYPOINT],
    *[Channel.WAYPOINTS, Channel.DUMP, Channel.STEP, Channel.BEACON, Channel.INFO],
]
owntracks = st.builds(Topic, uids, st.just(Family.OWNTRACKS), st.sampled_from(OWNTRACKS), name=names)


@given(st.one_of(natives, owntracks))
def test_spelling_and_reading_are_inverse(topic: Topic) -> None:
    assert parse_topic(spell_topic(topic)) == topic
    assert topics.is_topic_name(str(topic))


@given(
    st.one_of(
        st.text(max_size=40),
        st.lists(
            st.one_of(
                st.sampled_from(["v1", "devices", "owntracks", "pings", "msgpack", "event"]), st.text()
            ),
            max_size=6,
        ).map("/".join),
    )
)
def test_whatever_can_be_read_is_spelled_the_same(text: str) -> None:
    topic = parse_topic(text)
    if topic is not None:
        assert spell_topic(topic) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v1/devices/t1/pings", Topic("t1", Family.NATIVE, Channel.PINGS)),
        ("v1/devices/t1/pings/msgpack", Topic("t1", Family.NATIVE, Channel.PINGS, Encoding.MSGPACK)),
        ("v1/devices/t1/commands/7/result", Topic("t1", Family.NATIVE, Channel.RESULT, command_id="7")),
        ("owntracks/t1/pixel", Topic("t1", Family.OWNTRACKS, Channel.PINGS, name="pixel")),
        ("owntracks/t1/pixel/event", Topic("t1", Family.OWNTRACKS, Channel.TRANSITION, name="pixel")),
        ("v1/devices/svc-x/pings", None),
        ("v1/devices/+/pings", None),
        ("v1/devices/t1/pings/", None),
        ("v1/devices/t1/pings/json", None),
        ("v1/devices/t1/events/msgpack", None),
        ("v1/devices/t1", None),
        ("v1/devices//pings", None),
        ("v2/devices/t1/pings", None),
        ("owntracks/t1", None),
        ("owntracks/t1/", None),
        ("owntracks/t1/pixel/", None),
        ("owntracks/t1/pixel/other", None),
        ("", None),
    ],
)
def test_reading(text: str, expected: Topic | None) -> None:
    assert parse_topic(text) == expected


@pytest.mark.parametrize(
    ("uid", "code"),
    [
        ("svc-ingest-1", "device_uid_reserved"),
        ("svc-", "device_uid_reserved"),
        ("", "device_uid_malformed"),
        ("a+b", "device_uid_malformed"),
        ("#", "device_uid_malformed"),
        ("a/b", "device_uid_malformed"),
        ("-a", "device_uid_malformed"),
        ("a\n", "device_uid_malformed"),
        ("x" * 65, "device_uid_malformed"),
        ("çamion", "device_uid_malformed"),
    ],
)
def test_bad_uids(uid: str, code: str) -> None:
    with pytest.raises(DeviceIdError) as caught:
        topics.check_device_uid(uid)
    assert caught.value.code == code
    assert not topics.is_device_uid(uid)


@given(uids)
def test_good_uids(uid: str) -> None:
    assert topics.check_device_uid(uid) == uid


@given(natives, st.booleans())
def test_ingest_sees_what_native_devices_send_in_its_lane_and_nothing_else(
    topic: Topic, shared: bool
) -> None:
    down = topic.channel in (Channel.ACKS, Channel.COMMANDS)
    lane = "backlog" if topic.channel is Channel.BACKLOG else "live"
    for each in ("live", "backlog"):
        filters = [text for text, qos in topics.ingest_filters(each, shared) if qos == 1]  # type: ignore[arg-type]
        assert all(text.startswith("$share/ingest/") is shared for text in filters)
        seen = sum(topics.matches(str(topic), text.removeprefix("$share/ingest/")) for text in filters)
        assert seen == (0 if down or each != lane else 1)


def test_foreign_topics_are_live() -> None:
    assert ("$share/ingest/owntracks/+/+", 1) in topics.ingest_filters("live", True, ["owntracks/+/+"])
    assert all(
        "owntracks" not in text for text, _ in topics.ingest_filters("backlog", True, ["owntracks/+/+"])
    )


@pytest.mark.parametrize("text", ["a", "a/b", "+", "#", "a/#", "+/+", "a//b", "/"])
def test_well_formed_filters(text: str) -> None:
    assert topics.is_topic_filter(text)


@pytest.mark.parametrize("text", ["", "a#", "#/a", "a/#/b", "a+", "+a/b", "a\0"])
def test_malformed_filters(text: str) -> None:
    assert not topics.is_topic_filter(text)


@pytest.mark.parametrize(
    "text", ["$share/", "$share/g", "$share/g/", "$share//f", "$share/+/f", "$share/#/f"]
)
def test_malformed_shares(text: str) -> None:
    assert topics.split_share(text) is None


def test_spellers() -> None:
    assert topics.acks_topic("t1") == "v1/devices/t1/acks"
    assert topics.commands_topic("t1") == "v1/devices/t1/commands"
    assert topics.status_topic("t1") == "v1/devices/t1/status"
    assert topics.backlog_topic("t1", Encoding.MSGPACK) == "v1/devices/t1/backlog/msgpack"
    assert topics.owntracks_commands_topic("t1", "pixel") == "owntracks/t1/pixel/cmd"
    with pytest.raises(DeviceIdError):
        topics.acks_topic("+")
    with pytest.raises(ValueError, match="no topic"):
        spell_topic(Topic("t1", Family.NATIVE, Channel.BEACON))


@pytest.mark.parametrize(
    ("topic", "kind", "address", "down"),
    [
        ("v1/devices/t1/pings", "native", "", "v1/devices/t1/commands"),
        ("v1/devices/t1/backlog/msgpack", "native", "", "v1/devices/t1/commands"),
        ("v1/devices/t1/status", "native", "", "v1/devices/t1/commands"),
        ("v1/devices/t1/commands/4/result", "native", "", "v1/devices/t1/commands"),
        ("owntracks/t1/pixel 7", "owntracks", "pixel 7", "owntracks/t1/pixel 7/cmd"),
        ("owntracks/t1/pixel/event", "owntracks", "pixel", "owntracks/t1/pixel/cmd"),
        ("teltonika/t1/data", "teltonika", "", "teltonika/t1/commands"),
        ("master/t1/teltonika/t1/data", "teltonika", "master/t1", "master/t1/teltonika/t1/commands"),
    ],
)
def test_the_way_down_belongs_to_the_way_up(topic: str, kind: str, address: str, down: str) -> None:
    found = topics.downlink_of(topic)
    assert found == topics.Downlink(kind, address)  # type: ignore[arg-type]
    assert topics.downlink_topic("t1", found) == down


@pytest.mark.parametrize(
    "topic",
    [
        "osmand/t1",
        "positions",
        "v1/devices/t1/formats/owntracks",
        "v1/gateways/g/owntracks/t1/phone",
        "v1/gateways/teltonika/t1/data",
        "teltonika/svc-x/data",
        "teltonika/t1/commands",
        "/t1/teltonika/t1/data",
        "+/t1/teltonika/t1/data",
        "application/1/device/t1/event/up",
    ],
)
def test_no_way_down(topic: str) -> None:
    assert topics.downlink_of(topic) is None


def test_a_way_down_that_no_topic_spells() -> None:
    for downlink in (
        topics.Downlink("owntracks"),
        topics.Downlink("teltonika", "a"),
        topics.Downlink("teltonika", "a/+"),
        topics.Downlink("teltonika", "a/b/c"),
    ):
        with pytest.raises(ValueError, match="no topic"):
            topics.downlink_topic("t1", downlink)


def test_the_events_of_the_broker_may_be_shared() -> None:
    filters = topics.ingest_filters("live", True, topics.BROKER_EVENTS)
    assert ("$share/ingest/$SYS/brokers/+/clients/+/disconnected", 1) in filters
    assert topics.matches("$SYS/brokers/emqx@a/clients/t1/connected", topics.BROKER_EVENTS[0])
