"""The topic grammar: the only place on the server that spells or reads an MQTT topic."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

SERVICE_PREFIX: Final = "svc-"
SHARE_GROUP: Final = "ingest"
DEVICE_UID_MAX_CHARS: Final = 64

# The same expression guards `devices.uid` in the schema.
_DEVICE_UID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_COMMAND_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


class DeviceIdError(ValueError):
    """A device uid that may not exist. `code` is stable, `detail` is for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Family(StrEnum):
    NATIVE = "native"
    OWNTRACKS = "owntracks"


class Channel(StrEnum):
    """What a topic is for, whichever family spells it."""

    PINGS = "pings"
    BACKLOG = "backlog"
    ACKS = "acks"
    EVENTS = "events"
    STATUS = "status"
    COMMANDS = "commands"
    RESULT = "result"
    # OwnTracks alone
    TRANSITION = "transition"
    WAYPOINT = "waypoint"
    WAYPOINTS = "waypoints"
    DUMP = "dump"
    STEP = "step"
    BEACON = "beacon"
    INFO = "info"


class Encoding(StrEnum):
    JSON = "json"
    MSGPACK = "msgpack"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic name, read. `name` is OwnTracks' device level; `command_id` belongs to `RESULT`."""

    device_uid: str
    family: Family
    channel: Channel
    encoding: Encoding = Encoding.JSON
    name: str = ""
    command_id: str = ""

    @property
    def carries_pings(self) -> bool:
        return self.channel in _PING_CHANNELS

    def __str__(self) -> str:
        return spell_topic(self)


_PING_CHANNELS: Final = frozenset({Channel.PINGS, Channel.BACKLOG, Channel.TRANSITION})
_NATIVE_CHANNELS: Final[dict[tuple[str, ...], tuple[Channel, Encoding]]] = {
    (channel.value,): (channel, Encoding.JSON)
    for channel in (
        Channel.PINGS,
        Channel.BACKLOG,
        Channel.ACKS,
        Channel.EVENTS,
        Channel.STATUS,
        Channel.COMMANDS,
    )
} | {
    (channel.value, Encoding.MSGPACK.value): (channel, Encoding.MSGPACK)
    for channel in (Channel.PINGS, Channel.BACKLOG)
}
_NATIVE_TAILS: Final = {value: "/".join(key) for key, value in _NATIVE_CHANNELS.items()}
# OwnTracks' last level (absent = location and last will), after its booklet, "Topics".
_OWNTRACKS_CHANNELS: Final = {
    "": Channel.PINGS,
    "event": Channel.TRANSITION,
    "status": Channel.STATUS,
    "cmd": Channel.COMMANDS,
    "waypoint": Channel.WAYPOINT,
    "waypoints": Channel.WAYPOINTS,
    "dump": Channel.DUMP,
    "step": Channel.STEP,
    "beacon": Channel.BEACON,
    "info": Channel.INFO,
}
_OWNTRACKS_TAILS: Final = {channel: tail for tail, channel in _OWNTRACKS_CHANNELS.items()}

NATIVE_UP: Final = (
    "pings",
    "pings/msgpack",
    "backlog",
    "backlog/msgpack",
    "events",
    "status",
    "commands/+/result",
    "formats/+",
)
NATIVE_DOWN: Final = ("acks", "commands")
# Formats whose own topics name the device, `{uid}`, so that it may publish on them itself.
FOREIGN_UP: Final = ("teltonika/{uid}/data", "+/{uid}/teltonika/{uid}/data", "osmand/{uid}")
FOREIGN_DOWN: Final = ("teltonika/{uid}/commands", "+/{uid}/teltonika/{uid}/commands")
# EMQX's word on who connects and goes: at QoS 0, not retained.
BROKER_EVENTS: Final = tuple(f"$SYS/brokers/+/clients/+/{event}" for event in ("connected", "disconnected"))
# Where only the operator's own servers and bridges publish. Those of a carrier are gateways.
SERVERS_ONLY: Final = ("application/#", "flespi/#", "positions", "traccar/#", "v3/#")
SERVICE_TOPICS: Final = (
    "v1/#",
    "owntracks/#",
    "teltonika/#",
    "+/+/teltonika/#",
    "osmand/#",
    *SERVERS_ONLY,
)
GATEWAY_UP: Final = "v1/gateways/{uid}/#"
OWNTRACKS_UP: Final = tuple(tail for tail in _OWNTRACKS_CHANNELS if tail != "cmd")


def check_device_uid(uid: str) -> str:
    """Return `uid` when it may be a device's; raise `DeviceIdError` when not.

    Wildcards or slashes would widen the ACL, and `svc-` is the services' name space.
    """
    if uid.startswith(SERVICE_PREFIX):
        raise DeviceIdError("device_uid_reserved", f"A device uid may not begin with {SERVICE_PREFIX!r}.")
    if not _DEVICE_UID.fullmatch(uid):
        raise DeviceIdError(
            "device_uid_malformed",
            f"A device uid has 1 to {DEVICE_UID_MAX_CHARS} letters, digits, '.', '_', ':' or '-', "
            "and begins with a letter or digit.",
        )
    return uid


def is_device_uid(uid: str) -> bool:
    return not uid.startswith(SERVICE_PREFIX) and _DEVICE_UID.fullmatch(uid) is not None


def is_service_id(client_id: str) -> bool:
    """A client id of one of our own processes, such as `svc-ingest-1`."""
    return client_id.startswith(SERVICE_PREFIX) and _DEVICE_UID.fullmatch(client_id) is not None


def parse_topic(topic: str) -> Topic | None:
    """Read a topic name; None for one that is not in the grammar (filters are not)."""
    levels = topic.split("/")
    if levels[0] == "v1":
        return _parse_native(levels)
    if levels[0] == "owntracks":
        return _parse_owntracks(levels)
    return None


def _parse_native(levels: list[str]) -> Topic | None:
    if len(levels) < 4 or levels[1] != "devices" or not is_device_uid(levels[2]):
        return None
    uid, tail = levels[2], tuple(levels[3:])
    known = _NATIVE_CHANNELS.get(tail)
    if known is not None:
        return Topic(uid, Family.NATIVE, known[0], known[1])
    if len(tail) == 3 and (tail[0], tail[2]) == ("commands", "result") and _COMMAND_ID.fullmatch(tail[1]):
        return Topic(uid, Family.NATIVE, Channel.RESULT, command_id=tail[1])
    return None


def _parse_owntracks(levels: list[str]) -> Topic | None:
    if not 3 <= len(levels) <= 4 or not is_device_uid(levels[1]) or not _is_level(levels[2]):
        return None
    if len(levels) == 4 and not levels[3]:
        return None
    channel = _OWNTRACKS_CHANNELS.get(levels[3] if len(levels) == 4 else "")
    return Topic(levels[1], Family.OWNTRACKS, channel, name=levels[2]) if channel else None


def _is_level(text: str) -> bool:
    return bool(text) and not any(character in text for character in "+#/\0")


def spell_topic(topic: Topic) -> str:
    """The inverse of `parse_topic`; raises ValueError for a combination the grammar has no name for."""
    uid = check_device_uid(topic.device_uid)
    if topic.family is Family.OWNTRACKS and topic.channel in _OWNTRACKS_TAILS and _is_level(topic.name):
        tail = _OWNTRACKS_TAILS[topic.channel]
        return f"owntracks/{uid}/{topic.name}" + (f"/{tail}" if tail else "")
    if topic.family is Family.NATIVE:
        if topic.channel is Channel.RESULT and _COMMAND_ID.fullmatch(topic.command_id):
            return f"v1/devices/{uid}/commands/{topic.command_id}/result"
        if (topic.channel, topic.encoding) in _NATIVE_TAILS:
            return f"v1/devices/{uid}/{_NATIVE_TAILS[topic.channel, topic.encoding]}"
    raise ValueError(f"no topic is spelled for {topic!r}")


def pings_topic(uid: str, encoding: Encoding = Encoding.JSON) -> str:
    return spell_topic(Topic(uid, Family.NATIVE, Channel.PINGS, encoding))


def backlog_topic(uid: str, encoding: Encoding = Encoding.JSON) -> str:
    return spell_topic(Topic(uid, Family.NATIVE, Channel.BACKLOG, encoding))


def acks_topic(uid: str) -> str:
    """Down: the application ack of a native device."""
    return spell_topic(Topic(uid, Family.NATIVE, Channel.ACKS))


def status_topic(uid: str) -> str:
    """Up, retained: presence, also the last will."""
    return spell_topic(Topic(uid, Family.NATIVE, Channel.STATUS))


def commands_topic(uid: str) -> str:
    """Down: commands to a native device."""
    return spell_topic(Topic(uid, Family.NATIVE, Channel.COMMANDS))


def owntracks_commands_topic(uid: str, name: str) -> str:
    """Down: commands to an OwnTracks phone whose device level is `name`."""
    return spell_topic(Topic(uid, Family.OWNTRACKS, Channel.COMMANDS, name=name))


DownlinkKind = Literal["native", "owntracks", "teltonika"]
_TELTONIKA: Final = "teltonika"


@dataclass(frozen=True, slots=True)
class Downlink:
    """How commands reach a device: by which format, and what its topic holds beside the uid.

    `address` is OwnTracks' device level, or the two levels that a Teltonika tracker may have before its own.
    """

    kind: DownlinkKind
    address: str = ""


def downlink_of(topic: str) -> Downlink | None:
    """The way down that belongs to a topic that a device sends on; None when there is none."""
    parsed = parse_topic(topic)
    if parsed is not None:
        return Downlink("owntracks" if parsed.family is Family.OWNTRACKS else "native", parsed.name)
    levels = topic.split("/")
    if levels[0] == "v1" or not all(_is_level(level) for level in levels):
        return None
    match levels:
        case ["teltonika", uid, "data"] if is_device_uid(uid):
            return Downlink("teltonika")
        case [realm, client, "teltonika", uid, "data"] if is_device_uid(uid):
            return Downlink("teltonika", f"{realm}/{client}")
    return None


def downlink_topic(uid: str, downlink: Downlink) -> str:
    """Where commands to this device go. Raises ValueError for an address that no topic has."""
    if downlink.kind == "native":
        return commands_topic(uid)
    if downlink.kind == "owntracks":
        return owntracks_commands_topic(uid, downlink.address)
    levels = [*filter(None, downlink.address.split("/")), _TELTONIKA, check_device_uid(uid), "commands"]
    if len(levels) not in (3, 5) or not all(_is_level(level) for level in levels):
        raise ValueError(f"no topic is spelled for {downlink!r}")
    return "/".join(levels)


Lane = Literal["live", "backlog"]


def ingest_filters(lane: Lane, shared: bool, foreign: Iterable[str] = ()) -> list[tuple[str, Literal[1]]]:
    """What the ingest workers subscribe to in a lane, as (filter, QoS); each lane is a connection of its own.

    `shared` puts every filter into the workers' share group. `foreign` are the filters of formats with topics of
    their own: they know no backlog topic, so they are all live.
    """
    native = [
        f"v1/devices/+/{tail}" for tail in NATIVE_UP if tail.startswith("backlog") is (lane == "backlog")
    ]
    others = ["v1/gateways/+/#", *foreign] if lane == "live" else []
    prefix = f"$share/{SHARE_GROUP}/" if shared else ""
    return [(prefix + topic_filter, 1) for topic_filter in [*native, *others]]


def matches(topic: str, topic_filter: str) -> bool:
    """MQTT 4.7: whether a topic name is under a filter (without share prefix)."""
    if topic.startswith("$") and topic_filter[:1] in ("+", "#"):
        return False
    names, levels = topic.split("/"), topic_filter.split("/")
    for index, level in enumerate(levels):
        if level == "#":
            return True
        if index >= len(names) or level not in ("+", names[index]):
            return False
    return len(names) == len(levels)


def is_topic_name(topic: str) -> bool:
    """Something a client may publish to, by MQTT 4.7 (ours are shorter than the 65,535 bytes of a string)."""
    return bool(topic) and not any(character in topic for character in "+#\0")


def is_topic_filter(topic_filter: str) -> bool:
    """Something a client may subscribe to: wildcards fill whole levels and `#` is the last."""
    levels = topic_filter.split("/")
    return (
        bool(topic_filter)
        and "\0" not in topic_filter
        and all("+" not in level or level == "+" for level in levels)
        and all("#" not in level for level in levels[:-1])
        and ("#" not in levels[-1] or levels[-1] == "#")
    )


def split_share(topic_filter: str) -> tuple[str | None, str] | None:
    """`$share/g/f` as (g, f), any other filter as (None, filter); None for a malformed share."""
    if not topic_filter.startswith("$share/"):
        return None, topic_filter
    parts = topic_filter.split("/", 2)
    if len(parts) < 3 or not _is_level(parts[1]) or not parts[2]:
        return None
    return parts[1], parts[2]
