"""The platform as a device sees it: takes pings, answers on the acks topic. As small as can be."""

import asyncio
import contextlib
import socket
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from typing import Any

import aiomqtt
import msgspec

from simulator.device import Broker


class Platform:
    """`deaf_to` messages are taken from the broker without an ack, as by a crashed worker."""

    def __init__(self) -> None:
        self.seen: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self.pings: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        self.lanes: Counter[str] = Counter()
        self.status: list[tuple[str, dict[str, Any]]] = []
        self.deaf_to = 0
        self.cumulative = False

    async def serve(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            _, _, uid, lane, *encoding = message.topic.value.split("/")
            body = bytes(message.payload)
            if lane == "status":
                self.status.append((uid, msgspec.json.decode(body)))
                continue
            decoded = msgspec.msgpack.decode(body) if encoding else msgspec.json.decode(body)
            pings = decoded if isinstance(decoded, list) else [decoded]
            self.lanes[lane] += len(pings)
            if self.deaf_to:
                self.deaf_to -= 1
                continue
            self.pings[uid].extend(pings)
            seqs = [ping["seq"] for ping in pings]
            self.seen[uid].update(seqs)
            ranges = [] if self.cumulative else [[seq, seq] for seq in seqs]
            up_to = max(seqs) if self.cumulative else None
            answer = msgspec.json.encode({"seq": up_to, "ranges": ranges})
            await client.publish(f"v1/devices/{uid}/acks", answer, qos=1)


@contextlib.asynccontextmanager
async def platform_on(broker: Broker) -> AsyncIterator[Platform]:
    platform = Platform()
    client = aiomqtt.Client(
        broker.host,
        broker.port,
        identifier="svc-test-platform",
        protocol=broker.version,
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
    )
    async with client:
        for tail in ("pings", "pings/msgpack", "backlog", "backlog/msgpack", "status"):
            await client.subscribe(f"v1/devices/+/{tail}", qos=1)
        task = asyncio.create_task(platform.serve(client))
        yield platform
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
