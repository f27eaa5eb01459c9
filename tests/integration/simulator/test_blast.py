"""The bench publisher against a real mosquitto: everything arrives, once, and it is counted right."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Literal

import aiomqtt
import numpy as np
import pytest

from cli.parts.mosquitto import Mosquitto
from simulator.blast import BlastError, ClientPlan, blast
from tests.support.waiting import wait_until_async


def plans(clients: int, each: int) -> list[ClientPlan]:
    def messages(client: int) -> Iterator[tuple[str, bytes]]:
        return ((f"v1/devices/d{client}/pings", b"%d" % n + b"x" * (n % 300)) for n in range(each))

    return [ClientPlan(f"d{n}", messages(n), f"d{n}", "secret") for n in range(clients)]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_every_message_arrives_once(mosquitto: Mosquitto, protocol: Literal["3.1.1", "5"]) -> None:
    received: Counter[tuple[str, bytes]] = Counter()
    async with aiomqtt.Client(mosquitto.host, mosquitto.port, identifier="watch") as watch:
        await watch.subscribe("v1/#", qos=1)
        progress: list[int] = []
        result = await blast(
            mosquitto.host,
            mosquitto.port,
            clients=plans(3, 1000),
            in_flight=50,
            protocol=protocol,
            on_progress=progress.append,
        )
        async with asyncio.timeout(20):
            async for message in watch.messages:
                received[message.topic.value, bytes(message.payload)] += 1
                if received.total() == 3000:
                    break
    assert set(received.values()) == {1}
    assert (result.messages, result.acked) == (3000, 3000)
    assert progress[-1] == 3000
    assert [c.client_id for c in result.clients] == ["d0", "d1", "d2"]
    for client in result.clients:
        assert len(client.sent_at_s) == 1000
        assert (client.acked_at_s >= client.sent_at_s).all()
        assert (np.diff(client.sent_at_s) >= 0).all()
    assert 0 < result.puback_p50_ms <= result.puback_p99_ms


async def test_packet_ids_go_round(mosquitto: Mosquitto) -> None:
    count = 70_000
    plan = ClientPlan("round", (("t", b"x") for _ in range(count)))
    result = await blast(mosquitto.host, mosquitto.port, clients=[plan], in_flight=2000)
    assert result.acked == count
    delays_s = result.clients[0].acked_at_s - result.clients[0].sent_at_s
    assert delays_s.min() >= 0
    assert not np.isnan(delays_s).any()


async def test_a_fixed_rate_is_kept(mosquitto: Mosquitto) -> None:
    result = await blast(mosquitto.host, mosquitto.port, clients=plans(2, 400), in_flight=100, rate=800.0)
    assert result.acked == 800
    assert 0.95 < result.seconds < 2.5
    sent = np.sort(np.concatenate([client.sent_at_s for client in result.clients]))
    # Never ahead of the schedule, but for the first message of each client.
    assert all(sent[n] - sent[0] >= (n - 2) / 800 - 0.005 for n in range(0, 800, 50))


async def test_the_brokers_receive_maximum_is_obeyed(
    mosquitto_factory: Callable[..., Mosquitto],
) -> None:
    small = mosquitto_factory(persistence=False, max_inflight=7)
    result = await blast(small.host, small.port, clients=plans(1, 500), in_flight=1000, protocol="5")
    assert result.acked == 500
    client = result.clients[0]
    acked = np.sort(client.acked_at_s)
    in_flight = np.arange(1, 501) - np.searchsorted(acked, client.sent_at_s, side="right")
    assert in_flight.max() <= 7


async def test_no_broker_and_a_dying_broker_are_errors(mosquitto_factory: Callable[..., Mosquitto]) -> None:
    server = mosquitto_factory(persistence=False)
    server.kill()
    with pytest.raises(BlastError, match="cannot connect"):
        await blast(server.host, server.port, clients=plans(1, 10))
    server.restart()
    acked = [0]
    running = asyncio.create_task(
        blast(server.host, server.port, clients=plans(1, 5000), rate=500.0, on_progress=acked.append)
    )
    await wait_until_async(lambda: acked[-1] > 0, what="the first PUBACKs")
    server.kill()
    with pytest.raises(BlastError, match="connection lost"):
        await running


async def test_wrong_credentials_are_refused(mqtt_broker: Mosquitto) -> None:
    with pytest.raises(BlastError, match="refused with reason"):
        await blast(mqtt_broker.host, mqtt_broker.port, clients=plans(1, 10), protocol="3.1.1")
