"""Which codec reads which topic. A new format = one file with a `Codec`, and its line in `CODECS`."""

import re
from functools import lru_cache

from ingest.codecs import native, owntracks
from ingest.codecs.codec import Codec, Limits, refuse_message
from ingest.ping import Decoded

__all__ = ["CODECS", "Limits", "decode", "device_uid"]

CODECS: tuple[Codec, ...] = (native.JSON, native.MSGPACK, native.STATUS, owntracks.JSON)

# As `devices.uid` is checked in the database: what cannot be registered has no topic.
_UID = re.compile(r"(?!svc-)[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)
MAX_TOPIC_CHARS = 256
# Topics are few per device and repeat for ever; about 20 MB when full.
ROUTE_CACHE_SIZE = 65_536

_PATTERNS = tuple((tuple(pattern.split("/")), codec) for codec in CODECS for pattern in codec.topics)


def decode(topic: str, payload: bytes, limits: Limits) -> Decoded:
    """The pings of one message, and a named reason for each that is refused. Raises nothing."""
    route = _route(topic) if len(topic) <= MAX_TOPIC_CHARS else None
    if route is None:
        return refuse_message("unknown_topic", "no codec reads this topic")
    if not payload:
        return refuse_message("payload_empty", "the message has no content")
    if len(payload) > limits.max_payload_bytes:
        return refuse_message(
            "payload_too_large", f"{len(payload)} bytes, the limit is {limits.max_payload_bytes}"
        )
    codec = route[0]
    try:
        return codec.decode(payload, limits)
    except Exception as error:
        # Without an answer the broker would deliver the message again, for ever, to every worker.
        return refuse_message("codec_failed", f"{codec.name}: {type(error).__name__}")


def device_uid(topic: str) -> str | None:
    """The uid of the device that a topic belongs to; None for a topic that no codec reads."""
    route = _route(topic) if len(topic) <= MAX_TOPIC_CHARS else None
    return None if route is None else route[1]


@lru_cache(maxsize=ROUTE_CACHE_SIZE)
def _route(topic: str) -> tuple[Codec, str] | None:
    levels = topic.split("/")
    for pattern, codec in _PATTERNS:
        uid = _match(pattern, levels)
        if uid is not None:
            return codec, uid
    return None


def _match(pattern: tuple[str, ...], levels: list[str]) -> str | None:
    """The uid in a topic that fits the pattern, else None."""
    if len(pattern) != len(levels):
        return None
    uid: str | None = None
    for expected, level in zip(pattern, levels, strict=True):
        if expected == "{uid}":
            if _UID.fullmatch(level) is None:
                return None
            uid = level
        elif expected.startswith("{"):
            if not level or not level.isprintable():
                return None
        elif expected != level:
            return None
    return uid
