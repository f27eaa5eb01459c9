"""Sessions and messages of the embedded broker: who is owed what. It touches no socket."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from brokers.embedded_link import Link
from brokers.outbox import Message, Outbox, OutboxLimits
from brokers.subscriptions import MAX_QOS_GRANTED, SubscriptionTree, choose_member
from brokers.topics import is_service_id, matches, split_share
from config.logging import get_logger

MAX_RETAINED: Final = 20_000
MAX_RETAINED_BYTES: Final = 64 * 1024
DEVICE_LIMITS: Final = OutboxLimits(max_inflight=32, max_waiting=1000, max_bytes=8 * 1024 * 1024)
SERVICE_LIMITS: Final = OutboxLimits(max_inflight=20_000, max_waiting=200_000, max_bytes=256 * 1024 * 1024)
# A device waits for its PUBACK while a connected service is this far behind, but not for ever.
CROWDED_WAITING: Final = 5_000
HOLD_S: Final = 10.0

log = get_logger(__name__)


@dataclass(slots=True)
class Client:
    """The session of one client id; outlives its connection unless `clean`."""

    session: Any  # amqtt.session.Session; amqtt has no types
    client_id: str
    clean: bool
    is_service: bool
    outbox: Outbox
    link: Link | None = None
    left_at_s: float = 0.0  # time.monotonic()
    qos2_pending: set[int] = field(default_factory=set)
    decisions: dict[tuple[str, str], bool] = field(default_factory=dict)
    denials: int = 0
    room: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_crowded(self) -> bool:
        return self.link is not None and self.outbox.waiting > CROWDED_WAITING


class Router:
    """All sessions, subscriptions and retained messages. No method but `hold` waits for anything."""

    def __init__(self) -> None:
        self.tree = SubscriptionTree()
        self.clients: dict[str, Client] = {}
        self.retained: dict[str, Message] = {}

    def begin(self, session: Any, client_id: str, *, clean: bool) -> Client:
        """A new session; there must be none of this client id."""
        is_service = is_service_id(client_id)
        outbox = Outbox(SERVICE_LIMITS if is_service else DEVICE_LIMITS)
        client = self.clients[client_id] = Client(session, client_id, clean, is_service, outbox)
        return client

    def forget(self, client: Client) -> None:
        """End a session. What it owed as a member of a share group goes to the other members."""
        self.tree.remove_client(client.client_id)
        del self.clients[client.client_id]
        for message in client.outbox.unacknowledged():
            if message.share is not None:
                self._owe_group(message.share, self.tree.members(message.share), message, message.topic)

    def subscribe(self, client: Client, topic_filter: str, qos: int) -> int:
        """Subscribe and owe the retained messages (never to a share); returns the granted QoS."""
        granted = min(qos, MAX_QOS_GRANTED)
        self.tree.add(client.client_id, topic_filter, granted)
        share = split_share(topic_filter)
        if share is not None and share[0] is None:
            for topic, message in self.retained.items():
                if matches(topic, topic_filter):
                    client.outbox.offer(replace(message, qos=min(message.qos, granted)), online=True)
            if client.link is not None:
                client.link.wake()
        return granted

    def distribute(self, publisher: str, message: Message) -> list[Client]:
        """Owe the message to everyone subscribed; returns the services that are far behind."""
        receivers = self.tree.receivers(message.topic)
        plain = replace(message, retain=False)
        owed: list[Client | None] = []
        for client_id, qos in receivers.plain.items():
            owed.append(self._owe(client_id, plain, qos))
        for share, members in receivers.groups:
            owed.append(self._owe_group(share, members, replace(plain, share=share), publisher))
        return [client for client in owed if client is not None and client.is_service and client.is_crowded]

    def _owe(self, client_id: str, message: Message, max_qos: int) -> Client:
        client = self.clients[client_id]
        dropped = client.outbox.dropped
        if message.qos > max_qos:
            message = replace(message, qos=max_qos)
        client.outbox.offer(message, online=client.link is not None)
        if client.outbox.dropped != dropped and is_notable(client.outbox.dropped):
            log.warning("queue full, oldest dropped", client_id=client_id, dropped=client.outbox.dropped)
        if client.link is not None:
            client.link.wake()
        return client

    def _owe_group(
        self, share: str, members: dict[str, int], message: Message, publisher: str
    ) -> Client | None:
        """Owe it to one member of a share group, a connected one if there is any."""
        online = [client_id for client_id in members if self.clients[client_id].link is not None]
        if not members:
            return None
        chosen = choose_member(online or list(members), publisher)
        return self._owe(chosen, message, members[chosen])

    def retain(self, message: Message) -> None:
        """Keep or, with an empty payload, forget the retained message of a topic."""
        if not message.retain:
            return
        if not message.payload:
            self.retained.pop(message.topic, None)
        elif len(message.payload) > MAX_RETAINED_BYTES or (
            len(self.retained) >= MAX_RETAINED and message.topic not in self.retained
        ):
            log.warning("not retained", topic=message.topic, payload_bytes=len(message.payload))
        else:
            self.retained[message.topic] = message

    async def hold(self, crowded: Iterable[Client]) -> None:
        """Wait until these have caught up, at most `HOLD_S` in all."""
        try:
            async with asyncio.timeout(HOLD_S):
                for client in crowded:
                    while client.is_crowded:
                        client.room.clear()
                        await client.room.wait()
        except TimeoutError:
            log.warning("publisher held for long, going on")


def is_notable(count: int) -> bool:
    """Every power of two: a flood makes few lines."""
    return count & (count - 1) == 0
