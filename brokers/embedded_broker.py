"""amqtt's broker with admission, sessions and delivery of our own.

amqtt gives the listeners, the CONNECT parser and the plugins. What it does after them is replaced;
`docs/decisions/0010-embedded-broker.md` lists why, with what was found in amqtt 0.12.1.
"""

import asyncio
import time
from typing import Any, Final

import psycopg
from amqtt.adapters import StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import Action
from amqtt.errors import AMQTTError, MQTTError, NoDataError
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.session import Session

from brokers import embedded_wire as wire
from brokers.embedded_link import Link
from brokers.embedded_plugins import EXPIRES_AT_S, STORED_CREDENTIAL, CredentialPlugin, CredentialStore
from brokers.embedded_router import Client, Router, is_notable
from brokers.embedded_wire import MalformedPacket, Publish
from brokers.outbox import Message
from brokers.subscriptions import MAX_QOS_GRANTED
from brokers.topics import is_topic_filter, is_topic_name, split_share
from config import clock
from config.logging import get_logger

CONNECT_DEADLINE_S: Final = 5.0
MAX_CONNECT_BYTES: Final = 64 * 1024
MAX_CONNECTIONS: Final = 10_000
SESSION_EXPIRY_S: Final = 2 * 3600
MONITOR_PAUSE_S: Final = 1.0
REVOCATION_SWEEP_S: Final = 5.0
MAX_DEVICE_SUBSCRIPTIONS: Final = 64
MAX_DECISIONS_KEPT: Final = 256
MAX_QOS2_PENDING: Final = 100

ACCEPTED: Final = 0
BAD_PROTOCOL: Final = 1
UNAVAILABLE: Final = 3
NOT_AUTHORISED: Final = 5
REFUSED_FILTER: Final = 0x80
# A client of MQTT 5 reads its own form of CONNACK: reason 0x84, no properties.
BAD_PROTOCOL_V5: Final = bytes([0, 0x84, 0])

log = get_logger(__name__)


class EmbeddedBroker(Broker):  # type: ignore[misc]  # amqtt has no types
    """MQTT 3.1.1 for one process: QoS 0 and 1 out, 0 to 2 in, shared subscriptions, everything in memory."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.router = Router()
        self._closing = False

    # Connections ------------------------------------------------------------

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        """One connection from accept to close. Whatever goes wrong in it stays in it."""
        server = self._servers[listener_name]
        peer = writer.get_extra_info("peername")
        if server.conn_count >= MAX_CONNECTIONS or self._closing:
            log.warning("connection refused", peer=peer, limit=MAX_CONNECTIONS)
            writer.transport.abort()
            return
        await server.acquire_connection()
        try:
            await self._serve(reader, writer, listener_name)
        except (MQTTError, AMQTTError, NoDataError, OSError, EOFError, TimeoutError) as error:
            log.info("connection ended", peer=peer, reason=str(error) or type(error).__name__)
        except Exception:
            log.exception("connection failed", peer=peer)
        finally:
            server.release_connection()
            _close(writer)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        async with asyncio.timeout(CONNECT_DEADLINE_S):
            session = await self._greet(reader, writer, listener_name)
        if session is None:
            return
        client, link = await self._admit(session, reader, writer)
        expiry = self._end_at_expiry(session, link)
        will: Message | None = None
        try:
            will = await self._will(client)
            if await link.run(_Dialogue(self, client)):
                will = None
        finally:
            if expiry is not None:
                expiry.cancel()
            self._ended(client, link, will)

    async def _greet(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> Session | None:
        """Read CONNECT and check who it is; None when refused. Touches no session: it may be a thief."""
        frame = await wire.read_frame(reader, MAX_CONNECT_BYTES)
        if frame is None:
            return None
        if frame.type != wire.CONNECT:
            raise MalformedPacket("the first packet is not CONNECT")
        level = _protocol_level(frame.body)
        if level != 4:
            await _refuse(writer, BAD_PROTOCOL_V5 if level == 5 else bytes([0, BAD_PROTOCOL]))
            return None
        whole = wire.StrictReader(wire.packet(frame.type, frame.body))
        _, session = await BrokerProtocolHandler.init_from_connect(
            whole, StreamWriterAdapter(writer), self.plugins_manager
        )
        code = await self._judge(session, listener_name)
        if code != ACCEPTED:
            await _refuse(writer, bytes([0, code]))
            return None
        session.password = None
        return session

    async def _judge(self, session: Session, listener_name: str) -> int:
        try:
            good = await self._authenticate(session, self.listeners_config[listener_name])
        except Exception:
            # "Try again later": a device must not throw its credential away because our database is down.
            log.exception("cannot authenticate", client_id=session.client_id)
            return UNAVAILABLE
        return ACCEPTED if good else NOT_AUTHORISED

    async def _admit(
        self, session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[Client, Link]:
        """Take an earlier connection over, resume or begin the session, and say CONNACK."""
        client_id = session.client_id
        while (client := self.router.clients.get(client_id)) is not None and client.link is not None:
            log.info("connection taken over", client_id=client_id)
            client.link.abort()
            await client.link.ended.wait()
        # No await from here on: nobody else may begin this session in between.
        resumed = client is not None and not client.clean and not session.clean_session
        if client is None or not resumed:
            if client is not None:
                self.router.forget(client)
            client = self.router.begin(session, client_id, clean=bool(session.clean_session))
        client.session = session
        client.decisions.clear()
        client.outbox.reconnected()
        link = client.link = Link(reader, writer, client.outbox, session.keep_alive)
        writer.write(wire.packet(wire.CONNACK, bytes([resumed, ACCEPTED])))
        return client, link

    async def _will(self, client: Client) -> Message | None:
        """The will, if its topic is the client's to publish to; a foreign one is dropped, as EMQX does."""
        session = client.session
        if not session.will_flag:
            return None
        topic = session.will_topic or ""
        if not is_topic_name(topic) or not await self.permitted(client, topic, Action.PUBLISH):
            log.warning("will dropped", client_id=client.client_id, topic=topic)
            return None
        qos = min(session.will_qos or 0, MAX_QOS_GRANTED)
        return Message(topic, bytes(session.will_message or b""), qos, retain=bool(session.will_retain))

    def _end_at_expiry(self, session: Session, link: Link) -> asyncio.TimerHandle | None:
        expires_at_s = session.attributes.get(EXPIRES_AT_S)
        if expires_at_s is None:
            return None
        return asyncio.get_running_loop().call_later(
            max(0.0, expires_at_s - clock.now().timestamp()), link.abort
        )

    def _ended(self, client: Client, link: Link, will: Message | None) -> None:
        client.link = None
        client.left_at_s = time.monotonic()
        client.outbox.disconnected()
        client.room.set()
        if will is not None and not self._closing:
            self.router.distribute(client.client_id, will)
            self.router.retain(will)
        if client.clean and self.router.clients.get(client.client_id) is client:
            self.router.forget(client)
        link.ended.set()

    # Rights -----------------------------------------------------------------

    async def subscribe(self, client: Client, topic_filter: str, qos: int) -> int:
        """The SUBACK code: the granted QoS or 0x80."""
        share = split_share(topic_filter)
        known = self.router.tree.filters_of(client.client_id)
        full = not client.is_service and len(known) >= MAX_DEVICE_SUBSCRIPTIONS
        if (
            share is None
            or not is_topic_filter(share[1])
            or (full and topic_filter not in known)
            or not await self.permitted(client, topic_filter, Action.SUBSCRIBE)
        ):
            return REFUSED_FILTER
        return self.router.subscribe(client, topic_filter, qos)

    async def permitted(self, client: Client, topic: str, action: Action) -> bool:
        """The ACL plugin's answer, kept for the connection: neither ids nor rules change in it."""
        key = (action, topic)
        known = client.decisions.get(key)
        if known is not None:
            return known
        if len(client.decisions) >= MAX_DECISIONS_KEPT:
            client.decisions.clear()
        permitted = client.decisions[key] = bool(await self._topic_filtering(client.session, topic, action))
        if not permitted:
            client.denials += 1
            if is_notable(client.denials):
                log.warning(
                    "denied",
                    client_id=client.client_id,
                    action=action.value,
                    topic=topic,
                    denials=client.denials,
                )
        return permitted

    # Housekeeping -----------------------------------------------------------

    async def _session_monitor(self) -> None:
        """amqtt's hook for a task of its own: forget old sessions, end revoked ones."""
        listener = asyncio.create_task(self._hear_revocations())
        try:
            await self._monitor()
        finally:
            listener.cancel()

    async def _monitor(self) -> None:
        swept_at_s = time.monotonic()
        while True:
            await asyncio.sleep(MONITOR_PAUSE_S)
            try:
                self._expire(time.monotonic())
                if time.monotonic() - swept_at_s >= REVOCATION_SWEEP_S:
                    swept_at_s = time.monotonic()
                    await self._end_revoked()
            except Exception:
                log.exception("session monitor failed, going on")

    def _expire(self, now_s: float) -> None:
        for client in list(self.router.clients.values()):
            if client.link is None and now_s - client.left_at_s > SESSION_EXPIRY_S:
                log.info("session expired", client_id=client.client_id)
                self.router.forget(client)

    async def _end_revoked(self) -> None:
        """The net under `_hear_revocations`: what was revoked while nobody listened, or a client just came in."""
        stored, by_token = [], []
        for client in self.router.clients.values():
            if client.link is None or client.is_service:
                continue
            secret_hash = client.session.attributes.get(STORED_CREDENTIAL)
            if secret_hash is None:
                by_token.append(client.client_id)
            else:
                stored.append((client.session.username, client.client_id, secret_hash))
        store = self._store()
        if store is None:
            return
        revoked = await store.revoked(stored) if stored else set()
        for client_id in revoked | (await store.shut_out(by_token) if by_token else set()):
            self._cut(client_id)

    async def _hear_revocations(self) -> None:
        """End a connection as soon as its credential changes; whoever may still come in comes back."""
        store = self._store()
        while store is not None:
            try:
                async for client_id in store.revocations():
                    self._cut(client_id)
            except psycopg.Error as error:
                log.warning("cannot hear of revocations, the sweep finds them", error=str(error))
            await asyncio.sleep(REVOCATION_SWEEP_S)

    def _store(self) -> CredentialStore | None:
        plugin = self.plugins_manager.get_plugin(CredentialPlugin.__name__)
        return None if plugin is None else plugin.store

    def _cut(self, client_id: str) -> None:
        client = self.router.clients.get(client_id)
        if client is not None and client.link is not None:
            log.info("credential revoked, connection ended", client_id=client_id)
            client.link.abort()

    async def shutdown(self) -> None:
        """Stop accepting, close every connection (no wills: the clients will reconnect), stop amqtt."""
        self._closing = True
        for server in self._servers.values():
            server.instance.close()
        links = [client.link for client in self.router.clients.values() if client.link is not None]
        for link in links:
            link.abort()
        for link in links:
            await link.ended.wait()
        await super().shutdown()


class _Dialogue:
    """The packets of one client, as `Link` hands them over."""

    def __init__(self, broker: EmbeddedBroker, client: Client) -> None:
        self._broker = broker
        self._client = client

    async def published(self, publish: Publish) -> None:
        client, broker = self._client, self._broker
        if not is_topic_name(publish.topic) or publish.topic.startswith("$"):
            raise MalformedPacket(f"nobody may publish to {publish.topic!r}")
        if publish.qos == 2:
            if publish.packet_id in client.qos2_pending:
                return
            if len(client.qos2_pending) >= MAX_QOS2_PENDING:
                raise MalformedPacket(f"more than {MAX_QOS2_PENDING} unfinished QoS 2 messages")
            client.qos2_pending.add(publish.packet_id)
        if not await broker.permitted(client, publish.topic, Action.PUBLISH):
            return
        message = Message(
            publish.topic, publish.payload, min(publish.qos, MAX_QOS_GRANTED), retain=publish.retain
        )
        crowded = broker.router.distribute(client.client_id, message)
        broker.router.retain(message)
        # A service is never held: it may be the very one that is behind, and must read its acks.
        if crowded and not client.is_service:
            await broker.router.hold(crowded)

    def released(self, packet_id: int) -> None:
        self._client.qos2_pending.discard(packet_id)

    async def subscribed(self, asked: list[tuple[str, int]]) -> bytes:
        return bytes([await self._broker.subscribe(self._client, *one) for one in asked])

    def unsubscribed(self, filters: list[str]) -> None:
        for topic_filter in filters:
            self._broker.router.tree.remove(self._client.client_id, topic_filter)

    def progressed(self) -> None:
        if not self._client.is_crowded:
            self._client.room.set()


def _protocol_level(body: bytes) -> int:
    """The level byte of a CONNECT after its protocol name; 0 when there is none."""
    offset = 2 + int.from_bytes(body[:2], "big")
    return body[offset] if len(body) > offset else 0


async def _refuse(writer: asyncio.StreamWriter, connack: bytes) -> None:
    writer.write(wire.packet(wire.CONNACK, connack))
    await writer.drain()


def _close(writer: asyncio.StreamWriter) -> None:
    """Close without waiting for a peer that does not read what is left."""
    if writer.transport.get_write_buffer_size():
        writer.transport.abort()
    else:
        writer.close()
