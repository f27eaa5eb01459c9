"""The parts of one chaos run: a database server, a broker, Valkey and two workers, each of its own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import psycopg

from cli.parts import postgres as plain
from cli.parts import valkey as redis_part
from cli.parts.mosquitto import Mosquitto
from cli.parts.postgres import create_database, postgres
from cli.parts.process import accepts_tcp
from cli.parts.valkey import valkey
from config.migrate import migrate
from tests.chaos.load import FENCE_RADIUS_M, Load, fences
from tests.chaos.victims import Disk, SteppedClock, Victim, small_disk
from tests.support.ingest import add_device, add_fence, add_vehicle
from tests.support.waiting import wait_until
from tests.support.worker import READY, WorkerProcess

WORKERS: Final = 2
WITHIN_S: Final = 120.0


class World:
    """Use `create`."""

    def __init__(
        self,
        home: Path,
        database: Victim,
        database_url: str,
        broker: Mosquitto,
        redis: Victim,
        workers: list[Victim],
        disk: Disk | None,
        clock: SteppedClock | None,
    ) -> None:
        self.home, self.database, self.database_url = home, database, database_url
        self.mosquitto, self.redis, self.workers = broker, redis, workers
        self.broker = Victim(broker.process, lambda: accepts_tcp(broker.host, broker.port))
        self._disk, self._clock = disk, clock
        self._connection: psycopg.Connection | None = None

    @property
    def disk(self) -> Disk:
        assert self._disk is not None, "this run has no disk of its own"
        return self._disk

    @property
    def clock(self) -> SteppedClock:
        assert self._clock is not None, "this run has no clock of its own"
        return self._clock

    @property
    def connection(self) -> psycopg.Connection:
        """Opened again after the server was away."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self.database_url, autocommit=True, connect_timeout=5)
        return self._connection

    def number(self, query: str) -> int:
        """The single number that a query gives."""
        try:
            row = self.connection.execute(query).fetchone()
        except psycopg.OperationalError:
            # The server that this connection belonged to was killed.
            row = self.connection.execute(query).fetchone()
        return int(row[0] or 0) if row else 0

    def stored(self) -> int:
        return self.number("SELECT count(*) FROM pings")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def worker_output(self) -> str:
        """All that the workers wrote, earlier lives included."""
        return "".join(worker.process.log.read_text(errors="replace") for worker in self.workers)

    def last_words(self) -> str:
        """The ends of all logs."""
        return "\n".join(
            f"--- {victim.name}\n{victim.process.log_tail()}"
            for victim in (*self.workers, self.database, self.broker)
        )

    def settle(self, expected: int) -> None:
        """Until all pings are stored and all they changed is told."""
        wait_until(lambda: self.stored() >= expected, WITHIN_S, f"{expected} pings stored")
        wait_until(
            lambda: not self.number("SELECT count(*) FROM dirty_vehicles"), WITHIN_S, "vehicles folded again"
        )


def populate(connection: psycopg.Connection, load: Load) -> None:
    """The fleet and the fences of a load; the same rows get the same ids in every run."""
    vehicles = [add_vehicle(connection, f"DK-{truck}") for truck in range(load.trucks)]
    for sender in load.senders:
        add_device(connection, sender.uid, vehicles[sender.truck], sender.kind)
    for lon, lat in fences():
        geometry = {"type": "Point", "coordinates": [lon, lat]}
        add_fence(
            connection, {"type": "Feature", "geometry": geometry, "properties": {"radius_m": FENCE_RADIUS_M}}
        )


@contextmanager
def create(load: Load, *, own_disk: bool = False, own_clock: bool = False) -> Iterator[World]:
    """A world in which the workers run; everything of it is gone at the end."""
    with ExitStack() as stack:
        home = Path(tempfile.mkdtemp(prefix="mess-chaos-"))
        home.chmod(0o755)
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        disk = stack.enter_context(small_disk(home / "disk")) if own_disk else None
        clock = SteppedClock(home) if own_clock else None
        env = {**os.environ, **clock.env} if clock else None
        data_dir = disk.path / "postgres" if disk else home / "postgres"
        settings = plain.THROW_AWAY | ({"max_wal_size": "64MB", "min_wal_size": "32MB"} if disk else {})
        server = stack.enter_context(postgres(data_dir, settings=settings, env=env))
        url = server.url("chaos")
        create_database(url)
        migrate(url)
        with psycopg.connect(url, autocommit=True) as connection:
            populate(connection, load)
        broker = Mosquitto(home / "mosquitto", autosave_s=1)
        stack.callback(broker.stop)
        broker.start()
        cache = stack.enter_context(valkey())
        workers = [
            WorkerProcess(
                home,
                broker,
                url,
                cache.url(),
                process_env=clock.env if clock else None,
                ingest_worker=f"svc-ingest-{n}",
                ingest_leave="keep",
                ingest_checkpoint_s=0,
            )
            for n in range(1, WORKERS + 1)
        ]
        world = World(
            home,
            Victim(server.process, lambda: plain.answers(plain.server_url(server.port))),
            url,
            broker,
            Victim(cache.process, lambda: redis_part.answers(cache.url())),
            [Victim(worker, lambda w=worker: READY in w.output()) for worker in workers],
            disk,
            clock,
        )
        for worker in world.workers:
            stack.callback(worker.process.stop)
            worker.start()
        try:
            yield world
        finally:
            world.close()
