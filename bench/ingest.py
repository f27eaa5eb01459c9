"""`make bench-ingest`: one ingest worker against Debian's mosquitto and TimescaleDB (or what there is).

Publisher, broker, database and worker share the machine. QoS 1, ack after commit, fences and state on.
"""

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psycopg
import redis.asyncio

from bench.fleet import BenchFleet, create, payloads
from cli.parts.mosquitto import mosquitto
from cli.parts.postgres import postgres
from cli.parts.process import ServerProcess
from cli.parts.timescale import timescale, why_missing
from cli.parts.valkey import valkey
from config.migrate import migrate
from simulator.blast import BlastResult, ClientPlan, blast

CONNECTIONS = 8
LIVE_RATE = 1000.0
ROOT = Path(__file__).resolve().parent.parent


class Rig:
    """Database, Valkey and broker of one run, and one worker process at a time."""

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
            "MESS_INGEST_METRICS_PORT": os.environ.get("MESS_INGEST_METRICS_PORT", "0"),
        }
        process = ServerProcess(name, command, log=self.home / f"{name}.log", env=env, cwd=ROOT)
        process.start(lambda: ready in process.output())
        try:
            yield process
        finally:
            process.stop()

    def worker(self) -> "contextmanager[ServerProcess]":  # type: ignore[valid-type]
        return self.process("worker", [sys.executable, "-m", "ingest"], "ingest worker ready")

    def stored(self) -> int:
        row = self.connection.execute("SELECT sum(stored) FROM ingest_totals").fetchone()
        return int(row[0] or 0) if row else 0

    def rows(self) -> int:
        row = self.connection.execute("SELECT count(*) FROM pings").fetchone()
        return int(row[0]) if row else 0

    def empty(self) -> None:
        self.connection.execute(
            "TRUNCATE pings, vehicle_snapshots, dirty_vehicles, visits, crossings, ingest_totals, rejected_pings CASCADE"
        )
        self.connection.execute(
            "UPDATE vehicle_states SET version = 0, state_version = 0, state = NULL, state_time = NULL"
        )

    def plans(self, messages: int, batch: int) -> list[ClientPlan]:
        """The trucks dealt out over a few connections, every truck's messages in its own order."""
        trucks = self.fleet.vehicles
        each = messages // trucks
        start_ms = int(time.time() * 1000) - each * batch * 1000
        bodies = [
            list(payloads(truck, count=each, batch=batch, start_ms=start_ms, interval_ms=1000))
            for truck in range(1, trucks + 1)
        ]
        return [
            ClientPlan(
                f"bench-{connection}",
                [
                    (f"v1/devices/truck-{truck + 1}/pings", bodies[truck][number])
                    for number in range(each)
                    for truck in range(connection, trucks, CONNECTIONS)
                ],
            )
            for connection in range(CONNECTIONS)
        ]


async def _drive(rig: Rig, plans: list[ClientPlan], expected: int, done: Callable[[], int]) -> float:
    """Seconds from the first publish until all pings are committed."""
    begin = time.perf_counter()
    await blast(rig.broker.host, rig.broker.port, clients=plans, in_flight=2000, timeout_s=600)
    deadline = time.monotonic() + 300
    while await asyncio.to_thread(done) < expected:
        if time.monotonic() > deadline:
            raise SystemExit(f"only {done()} of {expected} pings stored")
        await asyncio.sleep(0.01)
    return time.perf_counter() - begin


def throughput(rig: Rig, pings: int, batch: int) -> float:
    """Pings per second of one worker."""
    rig.empty()
    plans = rig.plans(pings // batch, batch)
    count = sum(len(list(plan.messages)) for plan in plans) * batch
    with rig.worker():
        seconds = asyncio.run(_drive(rig, plans, count, rig.stored))
    assert rig.rows() == count, f"{rig.rows()} rows for {count} pings"
    return count / seconds


def other(rig: Rig, module: str, pings: int, batch: int) -> float:
    """Pings per second of another program that stores the same messages."""
    rig.empty()
    plans = rig.plans(pings // batch, batch)
    count = sum(len(list(plan.messages)) for plan in plans) * batch
    command = [sys.executable, "-m", f"bench.{module}", rig.broker.host, str(rig.broker.port)]
    with rig.process(module, command, "ready"):
        seconds = asyncio.run(_drive(rig, plans, count, rig.rows))
    return count / seconds


async def _listen(url: str, seen: dict[tuple[str, int], float], stop: asyncio.Event) -> None:
    client = redis.asyncio.Redis.from_url(url)
    async with client.pubsub() as channels:
        await channels.psubscribe("mess:live:*")
        while not stop.is_set():
            message = await channels.get_message(ignore_subscribe_messages=True, timeout=0.2)
            if message is None:
                continue
            now = time.time()
            for ping in json.loads(message["data"])["pings"]:
                stamp = ping["attributes"].get("sent")
                if stamp is not None:
                    seen[(ping["vehicle_id"], stamp)] = now
    await client.aclose()


def latency(rig: Rig, seconds: int) -> tuple[float, float, int]:
    """p50 and p99 in ms from publish to live channel at a fixed rate, and how many were measured."""
    rig.empty()
    return asyncio.run(_latency(rig, seconds))


async def _latency(rig: Rig, seconds: int) -> tuple[float, float, int]:
    trucks, total = rig.fleet.vehicles, int(LIVE_RATE * seconds)
    now_ms = int(time.time() * 1000)
    uids = [f"truck-{number % trucks + 1}" for number in range(total)]
    tracks = [
        payloads(t, count=total, batch=1, start_ms=now_ms - 10_000_000, interval_ms=1000)
        for t in range(1, trucks + 1)
    ]
    messages = [
        (f"v1/devices/{uid}/pings", next(tracks[n % trucks])[:-1] + f',"sent":{n}}}'.encode())
        for n, uid in enumerate(uids)
    ]
    vehicles = dict(
        rig.connection.execute(
            "SELECT d.uid, a.vehicle_id FROM devices d JOIN device_assignments a ON a.device_id = d.id"
        ).fetchall()
    )
    seen: dict[tuple[str, int], float] = {}
    stop = asyncio.Event()
    listener = asyncio.create_task(_listen(rig.redis_url, seen, stop))
    with rig.worker():
        result: BlastResult = await blast(
            rig.broker.host,
            rig.broker.port,
            clients=[ClientPlan("bench-live", messages)],
            in_flight=5000,
            rate=LIVE_RATE,
        )
        await asyncio.sleep(1.0)
    stop.set()
    await listener
    sent = result.clients[0].sent_at_s
    waits = [seen[(vehicles[uid], n)] - sent[n] for n, uid in enumerate(uids) if (vehicles[uid], n) in seen]
    # The first time each truck is seen pays for its state and first safe point.
    waits = waits[max(int(LIVE_RATE), trucks) :]
    return float(np.percentile(waits, 50)) * 1000, float(np.percentile(waits, 99)) * 1000, len(waits)


def additions_s() -> float:
    """Seconds for ten million additions: how fast this machine is at this moment, to compare runs by."""
    begin, total = time.perf_counter(), 0
    for number in range(10_000_000):
        total += number
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=150_000)
    parser.add_argument("--pings", type=int, default=600_000, help="in batches of 50 a message")
    parser.add_argument("--baseline", type=int, default=10_000)
    parser.add_argument("--vehicles", type=int, default=2000)
    parser.add_argument("--geofences", type=int, default=1000)
    parser.add_argument("--latency-seconds", type=int, default=15)
    parser.add_argument("--only", choices=["baseline", "bare", "single", "batch", "latency"], default=None)
    options = parser.parse_args()
    with ExitStack() as stack:
        rig = Rig(stack, BenchFleet(options.vehicles, options.geofences))
        cpu = subprocess.run(["nproc"], capture_output=True, text=True, check=True).stdout.strip()
        print(
            f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.machine()}, {cpu} cores, {rig.database_name}"
        )
        print(
            f"{options.vehicles} vehicles, {options.geofences} geofences, QoS 1, everything on this machine"
        )
        print(f"speed of the machine now: 10 million additions in Python take {additions_s():.2f} s")
        rates: dict[str, float] = {}
        if options.only in (None, "baseline"):
            rates["baseline"] = other(rig, "baseline_ingest", options.baseline, 1)
            print(f"baseline, aiomqtt + INSERT      {rates['baseline']:>10,.0f} msg/s")
        if options.only in (None, "bare"):
            rates["bare"] = other(rig, "bare_ingest", options.messages, 1)
            print(f"bare, one ping a message        {rates['bare']:>10,.0f} msg/s")
            rates["bare50"] = other(rig, "bare_ingest", options.pings, 50)
            print(f"bare, 50 pings a message        {rates['bare50']:>10,.0f} pings/s")
        if options.only in (None, "single"):
            rates["single"] = throughput(rig, options.messages, 1)
            print(f"worker, one ping a message      {rates['single']:>10,.0f} msg/s")
        if options.only in (None, "batch"):
            rates["batch"] = throughput(rig, options.pings, 50)
            print(f"worker, 50 pings a message      {rates['batch']:>10,.0f} pings/s")
        if options.only in (None, "latency"):
            p50, p99, count = latency(rig, options.latency_seconds)
            print(
                f"publish to live channel at {LIVE_RATE:,.0f}/s: p50 {p50:.1f} ms, p99 {p99:.1f} ms ({count:,} pings)"
            )
        if "baseline" in rates and "single" in rates:
            print(f"ratio to the baseline           {rates['single'] / rates['baseline']:>10.1f} x")


if __name__ == "__main__":
    main()
