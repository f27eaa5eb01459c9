"""MQTT 3.1.1 packets on the wire, read strictly: a packet is taken whole, within a limit, or refused.

amqtt reads fields straight from the socket; a field that lies about its length then eats the next
packet. Here the frame comes first, and parsing cannot leave it.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from amqtt.adapters import BufferReader
from amqtt.errors import MQTTError

CONNECT: Final = 1
CONNACK: Final = 2
PUBLISH: Final = 3
PUBACK: Final = 4
PUBREC: Final = 5
PUBREL: Final = 6
PUBCOMP: Final = 7
SUBSCRIBE: Final = 8
SUBACK: Final = 9
UNSUBSCRIBE: Final = 10
UNSUBACK: Final = 11
PINGREQ: Final = 12
PINGRESP: Final = 13
DISCONNECT: Final = 14

MAX_LENGTH_BYTES: Final = 4
# MQTT 2.2.2: the flags that these types must carry
_REQUIRED_FLAGS: Final = {PUBREL: 2, SUBSCRIBE: 2, UNSUBSCRIBE: 2}


class MalformedPacket(MQTTError):  # type: ignore[misc]  # amqtt has no types
    """The client broke the protocol; MQTT 4.8 says to close its connection."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One packet: type, flags and everything after the length."""

    type: int
    flags: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Publish:
    topic: str
    payload: bytes
    qos: int
    retain: bool
    packet_id: int


async def read_frame(reader: asyncio.StreamReader, max_body_bytes: int) -> Frame | None:
    """The next packet, None at a clean end of the stream.

    Raises `MalformedPacket` (too large, bad length or flags), `asyncio.IncompleteReadError`, OSError.
    """
    first = await reader.read(1)
    if not first:
        return None
    packet_type, flags = first[0] >> 4, first[0] & 0x0F
    length = 0
    for position in range(MAX_LENGTH_BYTES):
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:
            break
    else:
        raise MalformedPacket("the packet's length has more than four bytes")
    if length > max_body_bytes:
        raise MalformedPacket(f"a packet of {length} bytes; the limit is {max_body_bytes}")
    if packet_type != PUBLISH and flags != _REQUIRED_FLAGS.get(packet_type, 0):
        raise MalformedPacket(f"flags {flags:#x} are not allowed on packet type {packet_type}")
    return Frame(packet_type, flags, await reader.readexactly(length))


def parse_publish(frame: Frame) -> Publish:
    qos = (frame.flags >> 1) & 3
    if qos == 3:
        raise MalformedPacket("QoS 3 does not exist")
    topic, offset = _text(frame.body, 0)
    packet_id = 0
    if qos:
        packet_id, offset = _packet_id(frame.body, offset)
    return Publish(topic, frame.body[offset:], qos, bool(frame.flags & 1), packet_id)


def parse_packet_id(frame: Frame) -> int:
    """The id of a PUBACK or PUBREL."""
    packet_id, end = _packet_id(frame.body, 0)
    if end != len(frame.body):
        raise MalformedPacket("bytes after the packet id")
    return packet_id


def parse_subscribe(frame: Frame) -> tuple[int, list[tuple[str, int]]]:
    """(packet id, [(filter, asked QoS), ...])"""
    packet_id, offset = _packet_id(frame.body, 0)
    asked: list[tuple[str, int]] = []
    while offset < len(frame.body):
        topic_filter, offset = _text(frame.body, offset)
        if offset >= len(frame.body) or frame.body[offset] > 2:
            raise MalformedPacket("a filter without a QoS of 0, 1 or 2")
        asked.append((topic_filter, frame.body[offset]))
        offset += 1
    if not asked:
        raise MalformedPacket("a SUBSCRIBE without filters")
    return packet_id, asked


def parse_unsubscribe(frame: Frame) -> tuple[int, list[str]]:
    packet_id, offset = _packet_id(frame.body, 0)
    filters: list[str] = []
    while offset < len(frame.body):
        topic_filter, offset = _text(frame.body, offset)
        filters.append(topic_filter)
    if not filters:
        raise MalformedPacket("an UNSUBSCRIBE without filters")
    return packet_id, filters


def _packet_id(body: bytes, offset: int) -> tuple[int, int]:
    packet_id = int.from_bytes(body[offset : offset + 2], "big")
    if len(body) < offset + 2 or packet_id == 0:
        raise MalformedPacket("no packet id, or packet id 0")
    return packet_id, offset + 2


def _text(body: bytes, offset: int) -> tuple[str, int]:
    """An MQTT string: two bytes of length, then UTF-8 without U+0000 (MQTT 1.5.3)."""
    start = offset + 2
    end = start + int.from_bytes(body[offset:start], "big")
    if len(body) < start or len(body) < end:
        raise MalformedPacket("a string that is longer than its packet")
    try:
        text = body[start:end].decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedPacket("a string that is not UTF-8") from error
    if "\0" in text:
        raise MalformedPacket("a string with U+0000")
    return text, end


def packet(packet_type: int, body: bytes, flags: int = 0) -> bytes:
    """One packet with its fixed header."""
    length = bytearray()
    rest = len(body)
    while True:
        rest, low = divmod(rest, 128)
        length.append(low | (0x80 if rest else 0))
        if not rest:
            return bytes([packet_type << 4 | flags]) + bytes(length) + body


def publish_packet(
    topic: str, payload: bytes, *, qos: int, packet_id: int | None, retain: bool, duplicate: bool
) -> bytes:
    name = topic.encode()
    head = len(name).to_bytes(2, "big") + name
    if packet_id is not None:
        head += packet_id.to_bytes(2, "big")
    return packet(PUBLISH, head + payload, flags=duplicate << 3 | qos << 1 | retain)


def reply(packet_type: int, packet_id: int, codes: bytes = b"") -> bytes:
    """PUBACK, PUBREC, PUBCOMP, SUBACK or UNSUBACK."""
    return packet(packet_type, packet_id.to_bytes(2, "big") + codes)


class _Utf8Bytes(bytes):
    """Bytes whose decoding fails as a protocol error: amqtt would go on with the text of a bytes literal."""

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        try:
            return super().decode(encoding, errors)
        except UnicodeDecodeError as error:
            raise MalformedPacket("a string that is not UTF-8") from error


class StrictReader(BufferReader):  # type: ignore[misc]
    """One whole packet for amqtt's parsers, which cannot read past its end."""

    async def read(self, n: int = -1) -> Any:
        return _Utf8Bytes(await super().read(n))
