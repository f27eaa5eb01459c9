"""Teltonika Codec 8 and Codec 8 Extended, and the answers of Codec 12, in an MQTT payload.

The payload is the packet of the TCP protocol (4 zero bytes, length, data, CRC), or its data alone. Big-endian:

| data | bytes | what |
|---|---|---|
| codec id | 1 | 0x08 Codec 8, 0x8E Codec 8 Extended, 0x0C Codec 12 |
| count | 1 | records or answers; again at the end |
| records | | |
| time | 8 | epoch milliseconds |
| priority | 1 | 0 low, 1 high, 2 panic |
| longitude, latitude | 4, 4 | signed, 1e-7 degrees |
| altitude | 2 | signed, m |
| angle | 2 | degrees from north |
| satellites | 1 | 0 = no fix at that moment: the coordinates are the last ones |
| speed | 2 | km/h |
| event | 1 or 2 | AVL id that caused the record, 0 = periodic |
| elements | 1 or 2 | how many, not relied on |
| ... of 1, 2, 4 and 8 bytes | | count, then id and value of each; counts and ids take 1 byte, 2 if extended |
| ... of any length | | extended only: count, then id, length (2) and bytes of each |

An answer of Codec 12 is type 6 (1), length (4), text. What the AVL ids mean: `ingest.codecs.teltonika_avl`. The same
topics as Codec JSON, which owns them: `teltonika_json`.

Facts: Teltonika's wiki, "Teltonika Data Sending Protocols", with its examples.
"""

import struct
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from ingest.codecs import teltonika_avl
from ingest.codecs.codec import Codec, Limits, RefusedError, check_batch_size, decode_each, refuse_message
from ingest.ping import CommandResult, Decoded, Ping

CODEC_8, CODEC_8_EXTENDED, CODEC_12 = 0x08, 0x8E, 0x0C
_ANSWER_TYPE = 0x06
_PREAMBLE = b"\x00\x00\x00\x00"
_FRAME = struct.Struct(">II")
_CRC = struct.Struct(">I")
_POSITION = struct.Struct(">QBiihHBH")
_DEGREES = 1e7
_Read = TypeVar("_Read")


class Record(NamedTuple):
    """One record as it was read: the keys are those of Codec JSON, the values not judged yet."""

    position: dict[str, Any]
    elements: dict[int, Any]


class _Reader:
    """Takes bytes from the front of the data, and refuses to take more than there are."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise RefusedError("malformed", f"{size} bytes expected, {self.left} left")
        self._at += size
        return self._data[self._at - size : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")


def _crc_table() -> tuple[int, ...]:
    """CRC-16/IBM (ARC): polynomial 0x8005, reflected, from 0."""
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_CRC_TABLE = _crc_table()


def crc16(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


def decode(payload: bytes, limits: Limits) -> Decoded:
    try:
        data = _data(payload)
        codec, count = data[0], data[1]
        if codec not in (CODEC_8, CODEC_8_EXTENDED, CODEC_12):
            raise RefusedError("malformed", f"codec 0x{codec:02X} is not read: 0x08, 0x8E and 0x0C are")
        if data[-1] != count:
            raise RefusedError("malformed", f"the packet counts {count} first and {data[-1]} at its end")
        check_batch_size(count, limits)
        if codec == CODEC_12:
            return Decoded(pings=[], results=_each(data, lambda reader: _answer(reader, limits)))
        size = 2 if codec == CODEC_8_EXTENDED else 1
        return decode_each(_each(data, lambda reader: _record(reader, size)), limits, read_record)
    except RefusedError as error:
        return refuse_message(error.reason, error.detail)


def _data(payload: bytes) -> bytes:
    """From the codec id to the second count, of a packet with or without its frame."""
    data = _unframed(payload) if payload.startswith(_PREAMBLE) else payload
    if len(data) < 3:
        raise RefusedError("malformed", f"{len(data)} bytes of data are no packet")
    return data


def _unframed(payload: bytes) -> bytes:
    if len(payload) < _FRAME.size + _CRC.size:
        raise RefusedError("malformed", f"a packet of {len(payload)} bytes is cut off")
    length = _FRAME.unpack_from(payload)[1]
    there = len(payload) - _FRAME.size - _CRC.size
    if length != there:
        raise RefusedError("malformed", f"the packet says {length} bytes of data, {there} are there")
    data = payload[_FRAME.size : -_CRC.size]
    expected, found = _CRC.unpack(payload[-_CRC.size :])[0], crc16(data)
    if expected != found:
        raise RefusedError("malformed", f"the CRC is 0x{expected:04X}, that of the data 0x{found:04X}")
    return data


def _each(data: bytes, read: Callable[[_Reader], _Read]) -> list[_Read]:
    """As many as the packet counts, and not a byte more."""
    reader, count = _Reader(data[2:-1]), data[1]
    found = []
    for number in range(1, count + 1):
        try:
            found.append(read(reader))
        except RefusedError as error:
            raise RefusedError(error.reason, f"number {number} of {count}: {error.detail}") from None
    if reader.left:
        raise RefusedError("malformed", f"{reader.left} bytes follow the last of {count}")
    return found


def _record(reader: _Reader, size: int) -> Record:
    """`size` = bytes of a count and of an id."""
    ts, priority, lon, lat, alt, ang, sat, sp = _POSITION.unpack(reader.take(_POSITION.size))
    event = reader.number(size)
    # The total says what the counts below say again, and some firmware says it wrong.
    reader.number(size)
    elements: dict[int, Any] = {}
    for width in (1, 2, 4, 8):
        for _ in range(reader.number(size)):
            number = reader.number(size)
            elements[number] = teltonika_avl.element_of_bytes(number, reader.take(width))
    if size == 2:
        for _ in range(reader.number(2)):
            number = reader.number(2)
            raw = reader.take(reader.number(2))
            elements[number] = teltonika_avl.element_of_any_bytes(number, raw)
    position = {"ts": ts, "pr": priority, "lat": lat / _DEGREES, "lon": lon / _DEGREES}
    position |= {"alt": alt, "ang": ang, "sat": sat, "sp": sp, "evt": event}
    return Record(position, elements)


def read_record(record: Record, limits: Limits) -> Ping:
    """Raises `RefusedError` for what is wrong with this record alone."""
    return teltonika_avl.ping_of_record(record.position, record.elements, {}, limits)


def _answer(reader: _Reader, limits: Limits) -> CommandResult:
    kind = reader.number(1)
    if kind != _ANSWER_TYPE:
        raise RefusedError("malformed", f"type 0x{kind:02X} is no answer to a command")
    text = reader.take(reader.number(4)).decode("utf-8", "replace")
    return CommandResult(command_id=None, ok=True, text=teltonika_avl.answer_text(text, limits))


BINARY = Codec(
    name="Teltonika Codec 8",
    slug="teltonika-codec8",
    topics=(),
    decode=decode,
)
CODECS = [BINARY]
