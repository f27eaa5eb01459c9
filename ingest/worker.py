"""An ingest worker: listener -> pipeline -> ack -> announce, and the refolding of late vehicles."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec
import psycopg
import structlog

from brokers.topics import acks_topic
from config import clock
from config.logging import get_logger
from config.settings import Settings
from ingest.account_store import ranges
from ingest.announce import Announcer, News
from ingest.bookkeeper import Bookkeeper
from ingest.codecs.codec import Limits
from ingest.fleet import FenceShelf
from ingest.intake import IntakeLimits, Message
from ingest.listener import Batch, Delivery, Listener
from ingest.metrics import Metrics
from ingest.pipeline import BatchResult, DeviceAck, Pipeline, PipelineSettings
from ingest.presence import PresenceLimits
from ingest.presence_store import PresenceChange, drop_old
from ingest.presence_watch import PresenceSettings
from ingest.reconcile import SNAPSHOTS_AT_ONCE, Reconciled, Reconciler, ReconcileSettings, drop_old_snapshots
from ingest.set_aside import set_aside
from ingest.tidying import Tidier
from ingest.times import to_us
from telemetry.rules import platform_rules

log = get_logger(__name__)
T = TypeVar("T")

_RETRY_FIRST_S = 0.2
_RETRY_MOST_S = 5.0
# A worker told to stop gives a database that is away so long; what it holds comes again, it was not acked.
_LEAVE_AFTER_S = 10.0
_RETENTION_EVERY_S = 600.0
_PRESENCE_EVERY_S = 2.0
_encode = msgspec.json.Encoder().encode


def pipeline_settings(settings: Settings) -> PipelineSettings:
    return PipelineSettings(
        worker=settings.ingest_worker,
        intake=IntakeLimits(
            codec=Limits(
                max_payload_bytes=settings.max_payload_bytes, max_pings=settings.max_pings_per_message
            ),
            earliest_us=to_us(datetime(settings.earliest_year, 1, 1, tzinfo=UTC)),
            max_future_us=settings.max_future_s * 1_000_000,
            max_past_us=settings.max_past_days * 86_400_000_000,
            keep_whole_bytes=settings.dead_letter_keep_bytes,
            keep_first_bytes=settings.rejected_payload_keep_bytes,
        ),
        rules=platform_rules(settings),
        checkpoint_s=settings.ingest_checkpoint_s,
        snapshot_us=settings.ingest_snapshot_minutes * 60_000_000,
        presence=presence_settings(settings),
        duty_tolerance_us=settings.duty_tolerance_s * 1_000_000 if settings.phone_privacy == "duty" else None,
    )


def presence_settings(settings: Settings) -> PresenceSettings:
    return PresenceSettings(
        limits=PresenceLimits(
            grace_us=settings.presence_grace_s * 1_000_000,
            silence_us=settings.presence_silence_s * 1_000_000,
        ),
        seen_every_us=settings.presence_seen_every_s * 1_000_000,
    )


def reconcile_settings(settings: Settings) -> ReconcileSettings:
    return ReconcileSettings(
        rules=platform_rules(settings),
        snapshot_us=settings.ingest_snapshot_minutes * 60_000_000,
        lateness=timedelta(days=settings.lateness_days),
    )


class Database:
    """One connection used from one thread of its own, opened again after it broke."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._connection: psycopg.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, work: Callable[[psycopg.Connection], T]) -> T:
        """Do `work` on the connection. Raises what it raises; a broken connection is not used again."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, work)

    def _work(self, work: Callable[[psycopg.Connection], T]) -> T:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(
                self._settings.database_url,
                autocommit=True,
                application_name=f"mess {self._settings.ingest_worker} {self._name}",
                connect_timeout=5,
                options="-c timezone=UTC -c statement_timeout=60000",
                tcp_user_timeout=30_000,
                # A server that vanishes while it owes an answer: noticed in half a minute, not in two hours.
                keepalives_idle=10,
                keepalives_interval=5,
                keepalives_count=4,
            )
        return work(self._connection)

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        if self._connection is not None:
            self._connection.close()


class Worker:
    """Runs until `stop`, then finishes what it holds, acks it and leaves the broker."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._metrics = Metrics()
        self._listener = Listener(settings)
        self._announcer = Announcer(settings, self._metrics)
        self._batches = Database(settings, "batches")
        self._refolds = Database(settings, "refolds")
        self._books = Database(settings, "books")
        self._bookkeeper = Bookkeeper(settings, pipeline_settings(settings), self._books, self._metrics)
        self._tidying = Database(settings, "tidying")
        self._pipeline: tuple[psycopg.Connection, Pipeline] | None = None
        self._reconciler: tuple[psycopg.Connection, Reconciler] | None = None
        self._shelf = FenceShelf()
        self._stopped_s: float | None = None  # time.monotonic()
        self._defer_us = settings.backlog_age_s * 1_000_000

    def stop(self) -> None:
        self._stopped_s = self._stopped_s or time.monotonic()
        self._listener.close()

    async def run(self) -> None:
        """Raises RefusedByBrokerError when the broker will not have this worker."""
        if self._settings.ingest_metrics_port:
            self._metrics.serve(self._settings.ingest_metrics_host, self._settings.ingest_metrics_port)
        background = [
            asyncio.create_task(self._announcer.run()),
            asyncio.create_task(self._reconcile()),
            asyncio.create_task(self._retain()),
            asyncio.create_task(self._bookkeeper.run()),
            asyncio.create_task(self._tend_presence()),
            asyncio.create_task(Tidier(self._settings, self._metrics, self._tidying.run).run()),
        ]
        try:
            await self._prepare()
            await self._listener.connect()
            log.info("ingest worker ready", worker=self._settings.ingest_worker)
            while (batch := await self._listener.next_batch()).deliveries:
                await self._handle(batch)
            await self._listener.leave()
            await self._announcer.drain()
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            self._batches.close()
            self._refolds.close()
            self._books.close()
            self._tidying.close()
            log.info("ingest worker left", worker=self._settings.ingest_worker)

    async def _prepare(self) -> None:
        """Before the broker counts on this worker. Without a database it comes later: messages wait at the broker."""
        try:
            await self._batches.run(lambda connection: self._pipeline_on(connection).prepare())
        except psycopg.Error as error:
            log.warning("fleet and fences not read yet", error=str(error).strip())

    async def _handle(self, batch: Batch) -> None:
        with structlog.contextvars.bound_contextvars(batch_id=f"{time.time_ns():x}"):
            begin = time.monotonic()
            defer = batch.lane == "live" and self._listener.may_defer
            for deliveries, result in await self._store(batch.deliveries, self._defer_us if defer else 0):
                self._metrics.batch(result.totals, result.reasons, len(result.crossings))
                self._metrics.lateness.add_ms(result.lateness_ms)
                self._send_acks(result.acks)
                self._announcer.tell(
                    News(result.live, result.crossings, result.intervals, result.presence, result.answered)
                )
                self._listener.ack([d for n, d in enumerate(deliveries) if n not in result.deferred])
                self._listener.defer([deliveries[n] for n in sorted(result.deferred)])
            self._listener.took(batch, time.monotonic() - begin)
            self._metrics.lane(
                batch.lane,
                time.monotonic() - begin,
                time.monotonic() - batch.deliveries[0].arrived_s,
                self._listener.waiting,
                self._listener.backlog_waiting,
            )

    def _send_acks(self, acks: Sequence[DeviceAck]) -> None:
        for ack in acks:
            body = {"seq": ack.up_to, "ranges": ranges(ack.handled)}
            self._listener.publish(acks_topic(ack.uid), _encode(body))

    async def _store(
        self, deliveries: Sequence[Delivery], defer_after_us: int = 0
    ) -> list[tuple[Sequence[Delivery], BatchResult]]:
        """Store the messages, however long the database is away; what it cannot hold is set aside.

        Raises psycopg errors only some time after `stop`.
        """
        wait_s = _RETRY_FIRST_S
        messages = [delivery.message for delivery in deliveries]
        while True:
            try:
                result = await self._batches.run(lambda c: self._process(c, messages, defer_after_us))
                return [(deliveries, result)]
            except (psycopg.DataError, psycopg.IntegrityError) as error:
                if len(messages) == 1:
                    aside = await self._batches.run(lambda c, e=error: self._set_aside(c, messages[0], e))  # type: ignore[misc]
                    return [(deliveries, aside)]
                # Somewhere in there is a value that no check foresaw: find it, keep the rest.
                half = len(messages) // 2
                first = await self._store(deliveries[:half], defer_after_us)
                return first + await self._store(deliveries[half:], defer_after_us)
            except psycopg.Error as error:
                if self._stopped_s is not None and time.monotonic() - self._stopped_s > _LEAVE_AFTER_S:
                    raise
                self._metrics.database_retries.inc()
                log.warning("batch not stored, trying again", error=str(error).strip(), wait_s=wait_s)
                await asyncio.sleep(wait_s)
                wait_s = min(_RETRY_MOST_S, wait_s * 2)

    def _process(
        self, connection: psycopg.Connection, messages: Sequence[Message], defer_after_us: int
    ) -> BatchResult:
        return self._pipeline_on(connection).process(messages, defer_after_us=defer_after_us)

    def _pipeline_on(self, connection: psycopg.Connection) -> Pipeline:
        if self._pipeline is None or self._pipeline[0] is not connection:
            if self._pipeline is not None:
                self._pipeline[1].close()
            settings = pipeline_settings(self._settings)
            self._pipeline = (connection, Pipeline(connection, settings, self._shelf))
        return self._pipeline[1]

    def _set_aside(self, connection: psycopg.Connection, message: Message, error: Exception) -> BatchResult:
        pipeline = self._pipeline_on(connection)
        settings = pipeline_settings(self._settings)
        result = set_aside(connection, settings, message, error, phones=pipeline.phones())
        # The database's words quote values, which may be where a driver was.
        log.error("message set aside", topic=message.topic, error=type(error).__name__)
        return result

    async def _reconcile(self) -> None:
        while True:
            try:
                done = await self._refolds.run(self._refold)
            except psycopg.Error as error:
                log.warning("refold put off", error=str(error).strip())
                done = None
            except Exception:
                # A vehicle that cannot be folded is left alone for a while; the others go on.
                log.exception("refold failed")
                done = None
            if done is None:
                await asyncio.sleep(self._settings.ingest_reconcile_s)
                continue
            self._metrics.refolded.inc(done.pings)
            self._metrics.crossings.inc(len(done.crossings))
            self._announcer.tell(News((), done.crossings, done.intervals))
            if done.crossings or done.intervals:
                log.info(
                    "past revised",
                    vehicle_id=done.vehicle_id,
                    crossings=len(done.crossings),
                    intervals=len(done.intervals),
                )

    def _refold(self, connection: psycopg.Connection) -> Reconciled | None:
        if self._reconciler is None or self._reconciler[0] is not connection:
            settings = reconcile_settings(self._settings)
            self._reconciler = (connection, Reconciler(connection, settings, self._shelf))
        return self._reconciler[1].run_once()

    async def _tend_presence(self) -> None:
        while True:
            await asyncio.sleep(_PRESENCE_EVERY_S)
            try:
                self._announcer.tell(News(presence=await self._batches.run(self._sweep_presence)))
            except psycopg.Error as error:
                log.warning("presence not looked at", error=str(error).strip())
            except Exception:
                log.exception("presence sweep failed")

    def _sweep_presence(self, connection: psycopg.Connection) -> list[PresenceChange]:
        return self._pipeline_on(connection).tend_presence(clock.now_us())

    async def _retain(self) -> None:
        """Keep safe points and changes of presence bounded, a piece at a time so that nothing waits for it."""
        lateness = timedelta(days=self._settings.lateness_days)
        presence = timedelta(days=self._settings.presence_retention_days)
        while True:
            try:
                while await self._refolds.run(lambda c: drop_old_snapshots(c, lateness)) == SNAPSHOTS_AT_ONCE:
                    pass
                while await self._refolds.run(lambda c: drop_old(c, presence, clock.now_us())):
                    pass
                await asyncio.sleep(_RETENTION_EVERY_S)
            except psycopg.Error as error:
                log.warning("retention put off", error=str(error).strip())
                await asyncio.sleep(_RETRY_MOST_S)


async def run_worker(settings: Settings) -> None:
    """Run one worker until SIGTERM or SIGINT."""
    worker = Worker(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, worker.stop)
    await worker.run()
