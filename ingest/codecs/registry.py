"""Which codec reads which topic. A new format = one file in `ingest/codecs/formats` with a list `CODECS`."""

import pkgutil
import re
from functools import lru_cache
from importlib import import_module
from typing import Final, NamedTuple

from ingest.codecs import formats
from ingest.codecs.codec import Codec, Limits, refuse_message
from ingest.ping import Decoded

__all__ = ["BY_SLUG", "CODECS", "Limits", "Route", "decode", "decode_by", "foreign_filters", "route"]

CODECS: Final[tuple[Codec, ...]] = tuple(
    codec
    for module in sorted(pkgutil.iter_modules(formats.__path__), key=lambda found: found.name)
    for codec in import_module(f"{formats.__name__}.{module.name}").CODECS
)
BY_SLUG: Final = {codec.slug: codec for codec in CODECS}

# As `devices.uid` is checked in the database: what cannot be registered has no topic.
_UID = re.compile(r"(?!svc-)[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)
MAX_TOPIC_CHARS = 256
# Topics are few per device and repeat for ever; about 20 MB when full.
ROUTE_CACHE_SIZE = 65_536

_NATIVE = "v1"
_BACKLOG = "backlog"
_GATEWAY_LEVELS = 3  # v1/gateways/{gateway}


class Route(NamedTuple):
    """What a topic says of its messages before they are read."""

    codec: Codec
    uid: str | None  # None = the body names the device
    gateway: str | None = None  # uid of the gateway that speaks for the device
    backlog: bool = False  # the device says that these are old
    command: str | None = None  # the command that an answer is to


def route(topic: str) -> Route | None:
    """None for a topic that no codec reads."""
    return _route(topic) if len(topic) <= MAX_TOPIC_CHARS else None


def decode(topic: str, payload: bytes, limits: Limits) -> Decoded:
    """The pings of one message, and a named reason for each that is refused. Raises nothing."""
    found = route(topic)
    if found is None:
        return refuse_message("unknown_topic", "no codec reads this topic")
    return decode_by(found.codec, payload, limits)


def decode_by(codec: Codec, payload: bytes, limits: Limits) -> Decoded:
    """As `decode`, by a codec that is known already."""
    if not payload:
        return refuse_message("payload_empty", "the message has no content")
    if len(payload) > limits.max_payload_bytes:
        return refuse_message(
            "payload_too_large", f"{len(payload)} bytes, the limit is {limits.max_payload_bytes}"
        )
    try:
        return codec.decode(payload, limits)
    except Exception as error:
        # Without an answer the broker would deliver the message again, for ever, to every worker.
        return refuse_message("codec_failed", f"{codec.name}: {type(error).__name__}")


def foreign_filters() -> list[str]:
    """MQTT filters of the topics that formats bring with them; ours are spelled in `brokers.topics`."""
    patterns = (pattern for codec in CODECS for pattern in codec.topics)
    # Not those of a broker's own events either: whether there are any depends on the broker.
    foreign = [pattern.split("/") for pattern in patterns if not pattern.startswith((f"{_NATIVE}/", "$"))]
    return sorted({"/".join("+" if level.startswith("{") else level for level in p) for p in foreign})


_PATTERNS = tuple((tuple(pattern.split("/")), codec) for codec in CODECS for pattern in codec.topics)


@lru_cache(maxsize=ROUTE_CACHE_SIZE)
def _route(topic: str) -> Route | None:
    levels = topic.split("/")
    if levels[0] == _NATIVE and len(levels) > _GATEWAY_LEVELS and _UID.fullmatch(levels[2]):
        if levels[1] == "gateways":
            inner = _own_route(levels[_GATEWAY_LEVELS:])
            return None if inner is None else inner._replace(gateway=levels[2])
        if levels[1] == "devices" and levels[3] == "formats" and len(levels) == 5:
            codec = BY_SLUG.get(levels[4])
            return None if codec is None else Route(codec, levels[2])
    return _own_route(levels)


def _own_route(levels: list[str]) -> Route | None:
    for pattern, codec in _PATTERNS:
        if len(pattern) == len(levels):
            found = _match(pattern, levels)
            if found is not None:
                backlog = levels[0] == _NATIVE and _BACKLOG in levels[3:]
                return Route(codec, found.get("{uid}"), backlog=backlog, command=found.get("{command}"))
    return None


def _match(pattern: tuple[str, ...], levels: list[str]) -> dict[str, str] | None:
    """The variables of a topic that fits a pattern of the same length, else None."""
    found: dict[str, str] = {}
    for expected, level in zip(pattern, levels, strict=True):
        if not expected.startswith("{"):
            if expected != level:
                return None
            continue
        good = _UID.fullmatch(level) if expected == "{uid}" else level and level.isprintable()
        if not good:
            return None
        found[expected] = level
    return found
