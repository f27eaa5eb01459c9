import asyncio
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers import embedded_wire as wire
from brokers.embedded_wire import Frame, MalformedPacket

LIMIT = 1 << 20


def read(raw: bytes, limit: int = LIMIT) -> Frame | None:
    async def go() -> Frame | None:
        reader = asyncio.StreamReader()
        reader.feed_data(raw)
        reader.feed_eof()
        return await wire.read_frame(reader, limit)

    return asyncio.run(go())


@given(
    st.text(min_size=1, max_size=30).filter(lambda text: "\0" not in text),
    st.binary(max_size=300),
    st.sampled_from([0, 1, 2]),
    st.booleans(),
    st.integers(1, 65_535),
)
def test_a_publish_survives_the_wire(
    topic: str, payload: bytes, qos: int, retain: bool, packet_id: int
) -> None:
    raw = wire.publish_packet(
        topic, payload, qos=qos, packet_id=packet_id if qos else None, retain=retain, duplicate=False
    )
    frame = read(raw)
    assert frame is not None
    expected = wire.Publish(topic, payload, qos, retain, packet_id if qos else 0)
    assert wire.parse_publish(frame) == expected


@given(st.binary(max_size=60))
def test_any_bytes_give_a_frame_an_end_or_a_named_error(raw: bytes) -> None:
    """And every parser answers any body the same way: nothing but MalformedPacket comes out."""
    try:
        frame = read(raw, limit=40)
    except (MalformedPacket, asyncio.IncompleteReadError):
        return
    if frame is None:
        assert raw == b""
        return
    for parser in (
        wire.parse_publish,
        wire.parse_packet_id,
        wire.parse_subscribe,
        wire.parse_unsubscribe,
    ):
        with contextlib.suppress(MalformedPacket):
            parser(frame)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 2_097_151])
def test_lengths_of_one_to_four_bytes(size: int) -> None:
    frame = read(wire.packet(wire.PUBLISH, b"x" * size), limit=4 << 20)
    assert frame is not None
    assert len(frame.body) == size


def test_the_limit_is_refused_before_the_body_is_read() -> None:
    with pytest.raises(MalformedPacket, match="the limit is 10"):
        read(b"\x30\x0b", limit=10)
