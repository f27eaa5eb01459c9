import asyncio
from typing import Any

import pytest

from brokers import embedded_router
from brokers.embedded_router import (
    CROWDED_WAITING,
    MAX_RETAINED_BYTES,
    SERVICE_LIMITS,
    Client,
    Router,
    is_notable,
)
from brokers.outbox import Message

PINGS = "v1/devices/t1/pings"
SHARE = "$share/ingest/v1/devices/+/pings"


class FakeLink:
    """Counts how often it was told that something is owed."""

    def __init__(self) -> None:
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


def connected(router: Router, client_id: str, *, clean: bool = False) -> Client:
    client = router.begin(None, client_id, clean=clean)
    link: Any = FakeLink()
    client.link = link
    return client


def payloads(client: Client) -> list[bytes]:
    return [message.payload for message in client.outbox.unacknowledged()]


def ping(number: int, *, qos: int = 1, retain: bool = False) -> Message:
    return Message(PINGS, b"%d" % number, qos, retain=retain)


def fill(client: Client, router: Router) -> None:
    """Make the window full and the queue longer than the limit."""
    router.subscribe(client, PINGS, 1)
    for number in range(CROWDED_WAITING + 1):
        router.distribute("t1", ping(number))


def test_a_message_is_owed_at_the_lower_qos_and_never_as_retained() -> None:
    router = Router()
    client = connected(router, "svc-a")
    router.subscribe(client, PINGS, 0)
    router.distribute("t1", ping(1, retain=True))
    delivery = client.outbox.next()
    assert delivery is not None
    assert (delivery.message.qos, delivery.message.retain) == (0, False)
    router.subscribe(client, PINGS, 1)
    router.distribute("t1", ping(2, qos=0))
    delivery = client.outbox.next()
    assert delivery is not None
    assert delivery.packet_id is None


def test_overlapping_filters_give_one_copy() -> None:
    router = Router()
    client = connected(router, "svc-a")
    router.subscribe(client, PINGS, 1)
    router.subscribe(client, "v1/#", 1)
    router.distribute("t1", ping(1))
    assert payloads(client) == [b"1"]


def test_a_service_far_behind_is_reported_once_it_is_connected() -> None:
    router = Router()
    client = connected(router, "svc-a")
    fill(client, router)
    assert router.distribute("t1", ping(0)) == [client]
    client.link = None
    assert router.distribute("t1", ping(0)) == []


async def test_a_publisher_is_held_until_the_service_has_caught_up() -> None:
    router = Router()
    client = connected(router, "svc-a")
    fill(client, router)
    held = asyncio.create_task(router.hold([client]))
    await asyncio.sleep(0)
    assert not held.done()
    while client.is_crowded:
        client.outbox.next()
    client.room.set()
    await asyncio.wait_for(held, 1)


async def test_a_publisher_is_not_held_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_router, "HOLD_S", 0.05)
    router = Router()
    client = connected(router, "svc-a")
    fill(client, router)
    await asyncio.wait_for(router.hold([client]), 5)
    assert client.is_crowded


def test_a_share_prefers_connected_members_and_uses_absent_ones_when_alone() -> None:
    router = Router()
    here, away = connected(router, "svc-a"), connected(router, "svc-b")
    for client in (here, away):
        router.subscribe(client, SHARE, 1)
    away.link = None
    for number in range(10):
        router.distribute(f"t{number}", ping(number))
    assert (len(payloads(here)), len(payloads(away))) == (10, 0)
    here.link = None
    router.distribute("t1", ping(99))
    assert sorted([*payloads(here), *payloads(away)]) == sorted([b"%d" % n for n in range(10)] + [b"99"])


def test_the_end_of_a_member_hands_its_share_over_and_nothing_else() -> None:
    router = Router()
    leaving = connected(router, "svc-a", clean=True)
    router.subscribe(leaving, SHARE, 1)
    router.subscribe(leaving, "v1/devices/+/events", 1)
    router.distribute("t1", ping(1))
    router.distribute("t1", Message("v1/devices/t1/events", b"plain", 1))
    leaving.outbox.next()
    heir = connected(router, "svc-b")
    router.subscribe(heir, SHARE, 1)
    router.forget(leaving)
    assert payloads(heir) == [b"1"]
    assert "svc-a" not in router.clients
    router.forget(heir)
    router.distribute("t1", ping(2))


def test_retained_messages_have_limits_and_an_empty_one_deletes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_router, "MAX_RETAINED", 2)
    router = Router()
    for topic in ("a", "b", "c"):
        router.retain(Message(topic, b"x", 1, retain=True))
    assert set(router.retained) == {"a", "b"}
    router.retain(Message("a", b"y", 1, retain=True))
    router.retain(Message("b", b"z" * (MAX_RETAINED_BYTES + 1), 1, retain=True))
    router.retain(Message("b", b"not retained", 1))
    assert {topic: message.payload for topic, message in router.retained.items()} == {"a": b"y", "b": b"x"}
    router.retain(Message("a", b"", 1, retain=True))
    assert set(router.retained) == {"b"}


def test_a_subscriber_gets_the_retained_messages_of_its_filter() -> None:
    router = Router()
    for topic in ("v1/devices/t1/status", "v1/devices/t2/status"):
        router.retain(Message(topic, b"on", 1, retain=True))
    client = connected(router, "t1")
    router.subscribe(client, "v1/devices/t1/status", 1)
    assert [message.topic for message in client.outbox.unacknowledged()] == ["v1/devices/t1/status"]
    shared = connected(router, "svc-a")
    router.subscribe(shared, "$share/g/v1/devices/+/status", 1)
    assert payloads(shared) == []


def test_services_and_devices_have_limits_of_their_own() -> None:
    router = Router()
    assert connected(router, "svc-a").outbox.limits == SERVICE_LIMITS
    assert connected(router, "t1").outbox.limits.max_inflight == 32


def test_a_flood_makes_few_log_lines() -> None:
    assert [count for count in range(1, 70) if is_notable(count)] == [1, 2, 4, 8, 16, 32, 64]
