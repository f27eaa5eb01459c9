"""Database, Valkey, broker and one worker process at a time: what every benchmark over real parts stands on."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import redis.asyncio
import uvloop

from bench.fleet import WARM_UP, BenchFleet, create, payload, payloads
from cli.parts.mosquitto import mosquitto
from cli.parts.postgres import postgres
from cli.parts.process import ServerProcess
from cli.parts.timescale import timescale, why_missing
from cli.parts.valkey import valkey
from config.migrate import migrate
from simulator.blast import ClientPlan, blast

CONNECTIONS = 8
STORED_WITHIN_S = 300.0
ROOT = Path(__file__).resolve().parent.parent


class Rig:
    """`fleet` is created in a new database; the worker starts with each measurement anew."""

    def __init__(self, stack: ExitStack, fleet: BenchFleet) -> None:
        missing = why_missing()
        self.database_name = "TimescaleDB (chroot)" if missing is None else f"plain PostgreSQL ({missing})"
        server = stack.enter_context(timescale() if missing is None else postgres())
        with psycopg.connect(server.url(), autocommit=True) as admin:
            admin.execute("CREATE DATABASE bench")
        self.database_url = server.url("bench")
        migrate(self.database_url)
        self.connection = stack.enter_context(psycopg.connect(self.database_url, autocommit=True))
        create(self.connection, fleet)
        self.fleet = fleet
        self.redis_url = stack.enter_context(valkey()).url()
        self.broker = stack.enter_context(mosquitto(persistence=False))
        self.home = Path(stack.enter_context(TemporaryDirectory(prefix="mess-bench-")))

    @contextmanager
    def process(self, name: str, command: list[str], ready: str) -> Iterator[ServerProcess]:
        env = {
            **os.environ,
            "MESS_ENVIRONMENT": "test",
            "MESS_DATABASE_URL": self.database_url,
            "MESS_REDIS_URL": self.redis_url,
            "MESS_MQTT_HOST": self.broker.host,
            "MESS_MQTT_PORT": str(self.broker.port),
            "MESS_LOG_LEVEL": "INFO",
        }
        process = ServerProcess(name, command, log=self.home / f"{name}.log", env=env, cwd=ROOT)
        process.start(lambda: ready in process.output())
        try:
            yield process
        finally:
            process.stop()

    def worker(self) -> AbstractContextManager[ServerProcess]:
        """A worker that has its fleet and fences in memory."""
        return self._warm("worker", [sys.executable, "-m", "ingest"], "ingest worker ready")

    def other(self, module: str) -> AbstractContextManager[ServerProcess]:
        """Another program that stores the same messages."""
        command = [sys.executable, "-m", f"bench.{module}", self.broker.host, str(self.broker.port)]
        return self._warm(module, command, "ready")

    @contextmanager
    def _warm(self, name: str, command: list[str], ready: str) -> Iterator[ServerProcess]:
        """A program that has stored its first ping."""
        with self.process(name, command, ready) as process:
            first = (f"v1/devices/{WARM_UP}/pings", payload(int(time.time() * 1000)))
            self.drive([ClientPlan("bench-0", [first])])
            self.await_rows(1)
            yield process

    def drive(self, plans: Sequence[ClientPlan]) -> None:
        """Publish everything as fast as the broker acknowledges."""
        host, port = self.broker.host, self.broker.port
        uvloop.run(blast(host, port, clients=plans, in_flight=2000, timeout_s=600))

    def rows(self) -> int:
        row = self.connection.execute("SELECT count(*) FROM pings").fetchone()
        return int(row[0]) if row else 0

    def marks(self) -> int:
        """Vehicles that are still to be folded again."""
        row = self.connection.execute("SELECT count(DISTINCT vehicle_id) FROM dirty_vehicles").fetchone()
        return int(row[0]) if row else 0

    def await_stored(self, plans: Sequence[ClientPlan]) -> None:
        """Until the last ping of each connection is committed; what came before it by the same connection is, too.

        Looking at a few rows by key: counting all of them took half of the database's time.
        """
        lasts = [last_ping(plan) for plan in plans]
        uids, times = [uid for uid, _ in lasts], [time_ms for _, time_ms in lasts]
        self.await_true(lambda: self._found(uids, times) == len(lasts), "the last pings stored")

    def _found(self, uids: list[str], times_ms: list[int]) -> int:
        row = self.connection.execute(
            "SELECT count(p.time) FROM unnest(%s::text[], %s::bigint[]) AS l (uid, ms) JOIN devices d USING (uid)"
            " CROSS JOIN LATERAL (SELECT time FROM pings WHERE device_id = d.id"
            "  AND time = timestamptz 'epoch' + l.ms * interval '1 millisecond') AS p",
            [uids, times_ms],
        ).fetchone()
        return int(row[0]) if row else 0

    def await_rows(self, expected: int) -> None:
        """Until that many pings are committed."""
        self.await_true(lambda: self.rows() >= expected, f"{expected} pings stored")

    def await_true(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + STORED_WITHIN_S
        while not condition():
            if time.monotonic() > deadline:
                raise SystemExit(f"{what}: not within {STORED_WITHIN_S:.0f} s")
            time.sleep(0.02)

    def vehicles(self) -> dict[str, int]:
        """Vehicle of each device."""
        return dict(
            self.connection.execute(
                "SELECT d.uid, a.vehicle_id FROM devices d JOIN device_assignments a ON a.device_id = d.id"
            ).fetchall()
        )

    def empty(self) -> None:
        """Every part begins alike: no rows, no dead ones of the part before, nothing left to be written to the disk."""
        self.connection.execute(
            "TRUNCATE pings, vehicle_snapshots, dirty_vehicles, visits, crossings, intervals, interval_changes,"
            " ingest_totals, rejected_pings, dead_letters, ingest_ledger, device_days, gap_days CASCADE"
        )
        self.connection.execute(
            "UPDATE vehicle_states SET version = 0, state_version = 0, state = NULL, state_time = NULL"
        )
        self.connection.execute("VACUUM FULL vehicle_states, device_presence, device_acks")
        self.connection.execute("CHECKPOINT")

    def plans(self, pings: int, batch: int, *, end_ms: int, interval_ms: int = 1000) -> list[ClientPlan]:
        """The trucks dealt out over a few connections, every truck's messages in its own order, up to `end_ms`."""
        trucks = self.fleet.vehicles
        each = pings // batch // trucks
        start_ms = end_ms - each * batch * interval_ms
        bodies = [
            list(payloads(truck, count=each, batch=batch, start_ms=start_ms, interval_ms=interval_ms))
            for truck in range(1, trucks + 1)
        ]
        return dealt_out(bodies, "pings")


def last_ping(plan: ClientPlan) -> tuple[str, int]:
    """uid, and time in milliseconds, of the last ping that a plan publishes."""
    topic, body = list(plan.messages)[-1]
    pings = json.loads(body)
    return topic.split("/")[2], (pings[-1] if isinstance(pings, list) else pings)["t"]


def dealt_out(bodies: Sequence[Sequence[bytes]], topic: str) -> list[ClientPlan]:
    """`bodies[n]` are those of truck n + 1; all trucks take turns."""
    return [
        ClientPlan(
            f"bench-{connection}",
            [
                (f"v1/devices/truck-{truck + 1}/{topic}", bodies[truck][number])
                for number in range(len(bodies[0]))
                for truck in range(connection, len(bodies), CONNECTIONS)
            ],
        )
        for connection in range(CONNECTIONS)
    ]


def size_of(plans: Sequence[ClientPlan], batch: int) -> int:
    """Pings in all of them."""
    return sum(len(list(plan.messages)) for plan in plans) * batch


def additions_s() -> float:
    """Seconds for ten million additions: how fast this machine is at this moment, to compare runs by."""
    begin, total = time.perf_counter(), 0
    for number in range(10_000_000):
        total += number
    return time.perf_counter() - begin


class Viewer:
    """Listens to all live channels: when each stamped ping was told. Use it as a context."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.seen_s: dict[tuple[int, int], float] = {}  # (vehicle id, stamp) -> time.time()
        self._stop = asyncio.Event()

    async def __aenter__(self) -> "Viewer":
        self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await self._task

    async def settle(self, quiet_s: float = 0.5) -> None:
        """Wait until nothing new was seen for a while."""
        count = -1
        while count != len(self.seen_s):
            count = len(self.seen_s)
            await asyncio.sleep(quiet_s)

    async def _listen(self) -> None:
        client = redis.asyncio.Redis.from_url(self._url)
        async with client.pubsub() as channels:
            await channels.psubscribe("mess:live:*")
            while not self._stop.is_set():
                message = await channels.get_message(ignore_subscribe_messages=True, timeout=0.2)
                if message is None:
                    continue
                now_s = time.time()
                for ping in json.loads(message["data"])["pings"]:
                    stamp = ping["attributes"].get("sent")
                    if stamp is not None:
                        self.seen_s[(ping["vehicle_id"], stamp)] = now_s
        await client.aclose()


def stamped(body: bytes, stamp: int) -> bytes:
    """The ping with a number of its own, by which the viewer knows it again."""
    return body[:-1] + f',"sent":{stamp}}}'.encode()
