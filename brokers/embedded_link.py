"""One live connection of an admitted client: its packets in order, and what its outbox owes it."""

import asyncio
from typing import Final, Protocol

from brokers import embedded_wire as wire
from brokers.embedded_wire import Frame, MalformedPacket, Publish
from brokers.outbox import Outbox

# Larger than any payload limit of ingest, so that a 2 MB message is refused there with a reason and
# acknowledged; closing the connection would make the device send it again for ever.
MAX_PACKET_BYTES: Final = 4 * 1024 * 1024
KEEP_ALIVE_FACTOR: Final = 1.5  # MQTT 3.1.2.10
SEND_DEADLINE_S: Final = 15.0
WRITE_BUFFER_BYTES: Final = 64 * 1024
SENDS_PER_TURN: Final = 64


class PacketHandler(Protocol):
    """What the broker does with the packets of one client."""

    async def published(self, publish: Publish) -> None:
        """Take a message over; when this returns it may be acknowledged."""

    def released(self, packet_id: int) -> None:
        """The client has finished a QoS 2 exchange."""

    async def subscribed(self, asked: list[tuple[str, int]]) -> bytes:
        """The SUBACK codes, one for each (filter, QoS)."""

    def unsubscribed(self, filters: list[str]) -> None: ...

    def progressed(self) -> None:
        """Some of what the outbox owed has been sent."""


class Link:
    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        outbox: Outbox,
        keep_alive_s: int,
    ) -> None:
        """`keep_alive_s` as the client asked; 0 = it may be silent for ever."""
        self._reader = reader
        self._writer = writer
        self._outbox = outbox
        self._patience_s = keep_alive_s * KEEP_ALIVE_FACTOR or None
        self._owed = asyncio.Event()
        self.ended = asyncio.Event()

    def wake(self) -> None:
        """There is something in the outbox."""
        self._owed.set()

    def abort(self) -> None:
        """Close at once; `run` ends as if the network had failed."""
        self._writer.transport.abort()

    async def run(self, handler: PacketHandler) -> bool:
        """Serve until the connection ends: True after a DISCONNECT, False when the peer just left.

        Raises `MalformedPacket`, `asyncio.IncompleteReadError`, OSError and TimeoutError (silent longer
        than the keep alive, or does not read); all of them mean the will is due.
        """
        sender = asyncio.create_task(self._send_owed(handler))
        try:
            return await self._read_packets(handler)
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def _read_packets(self, handler: PacketHandler) -> bool:
        while True:
            async with asyncio.timeout(self._patience_s):
                frame = await wire.read_frame(self._reader, MAX_PACKET_BYTES)
            if frame is None:
                return False
            if frame.type == wire.DISCONNECT:
                return True
            answer = await self._answer(frame, handler)
            if answer:
                self._writer.write(answer)
                await self._flush()

    async def _answer(self, frame: Frame, handler: PacketHandler) -> bytes:
        match frame.type:
            case wire.PUBLISH:
                return await self._take(wire.parse_publish(frame), handler)
            case wire.PUBACK:
                self._outbox.acknowledged(wire.parse_packet_id(frame))
                self._owed.set()
                return b""
            case wire.PUBREL:
                packet_id = wire.parse_packet_id(frame)
                handler.released(packet_id)
                return wire.reply(wire.PUBCOMP, packet_id)
            case wire.SUBSCRIBE:
                packet_id, asked = wire.parse_subscribe(frame)
                return wire.reply(wire.SUBACK, packet_id, await handler.subscribed(asked))
            case wire.UNSUBSCRIBE:
                packet_id, filters = wire.parse_unsubscribe(frame)
                handler.unsubscribed(filters)
                return wire.reply(wire.UNSUBACK, packet_id)
            case wire.PINGREQ:
                return wire.packet(wire.PINGRESP, b"")
        raise MalformedPacket(f"packet type {frame.type} has no place here")

    async def _take(self, publish: Publish, handler: PacketHandler) -> bytes:
        # A refused topic is acknowledged as well, as EMQX does for 3.1.1: there is no code to say no.
        await handler.published(publish)
        if publish.qos == 0:
            return b""
        return wire.reply(wire.PUBACK if publish.qos == 1 else wire.PUBREC, publish.packet_id)

    async def _send_owed(self, handler: PacketHandler) -> None:
        """Send what the outbox gives, within its window; close the connection when the peer won't read."""
        try:
            while True:
                self._owed.clear()
                sent = 0
                while (delivery := self._outbox.next()) is not None:
                    message = delivery.message
                    self._writer.write(
                        wire.publish_packet(
                            message.topic,
                            message.payload,
                            qos=message.qos,
                            packet_id=delivery.packet_id,
                            retain=message.retain,
                            duplicate=delivery.duplicate,
                        )
                    )
                    await self._flush()
                    sent += 1
                    if sent % SENDS_PER_TURN == 0:
                        handler.progressed()
                        await asyncio.sleep(0)
                handler.progressed()
                await self._owed.wait()
        except (OSError, TimeoutError):
            self.abort()

    async def _flush(self) -> None:
        if self._writer.transport.get_write_buffer_size() > WRITE_BUFFER_BYTES:
            async with asyncio.timeout(SEND_DEADLINE_S):
                await self._writer.drain()
