"""What an ingest worker does beside its batches so that nothing is kept longer than it may be."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

import psycopg

from config import clock
from config.logging import get_logger
from config.settings import Settings
from ingest import forget, retention_store
from ingest.metrics import Metrics
from ingest.retention import Piece, Sweep, SweepSettings
from telemetry.retention import RetentionPolicy

log = get_logger(__name__)

_SWEEP_EVERY_S = 600.0
# Erasures that were asked for, and steps of them that had to wait.
_LOOK_EVERY_S = 10.0
_RETRY_S = 5.0
_TELL_EVERY_S = 30.0
_NOTHING_GONE = frozenset({"floors", forget.WAITS})

Run = Callable[[Callable[[psycopg.Connection], Piece | None]], Awaitable[Piece | None]]


def sweep_settings(settings: Settings) -> SweepSettings:
    return SweepSettings(
        default=RetentionPolicy(ping_days=settings.ping_retention_days or None),
        lateness_days=settings.lateness_days,
        piece_rows=settings.retention_piece_rows,
    )


class Tidier:
    """Erases what is asked for and sweeps what is old, a piece at a time with a pause after each.

    `run` does one piece of work on a connection that nobody else uses, in its thread.
    """

    def __init__(self, settings: Settings, metrics: Metrics, run: Run) -> None:
        self._settings = settings
        self._metrics = metrics
        self._run = run
        self._pieces: Iterator[Piece] | None = None
        self._sweep: Sweep | None = None

    async def run(self) -> None:
        sweep_at_s = time.monotonic()
        while True:
            try:
                await self._all("erasure", self._next_erased)
                if time.monotonic() >= sweep_at_s:
                    await self._all("retention", self._next_swept)
                    sweep_at_s = time.monotonic() + _SWEEP_EVERY_S
                await asyncio.sleep(_LOOK_EVERY_S)
            except psycopg.Error as error:
                log.warning("tidying put off", error=str(error).strip())
                await asyncio.sleep(_RETRY_S)
            except Exception:
                log.exception("tidying failed")
                sweep_at_s = time.monotonic() + _SWEEP_EVERY_S
                await asyncio.sleep(_RETRY_S)

    async def _all(self, what: str, following: Callable[[psycopg.Connection], Piece | None]) -> None:
        found, told_s = Counter[str](), time.monotonic()
        self._pieces, self._sweep = None, None
        while (piece := await self._run(following)) is not None:
            if piece.what not in _NOTHING_GONE and piece.count:
                found[piece.what] += piece.count
                self._metrics.retention_deleted.labels(piece.what).inc(piece.count)
            if time.monotonic() - told_s > _TELL_EVERY_S:
                told_s = time.monotonic()
                log.info(f"{what} goes on", **found)
            await asyncio.sleep(self._settings.retention_pause_ms / 1000)
        put_off = 0 if self._sweep is None else self._sweep.put_off
        if found or put_off:
            log.info(f"{what} done", put_off=put_off, **found)

    def _next_swept(self, connection: psycopg.Connection) -> Piece | None:
        """The next piece; None at the end, or when another worker is sweeping."""
        if self._pieces is None:
            if not retention_store.begin(connection):
                return None
            self._sweep = Sweep(connection, sweep_settings(self._settings), clock.now())
            self._pieces = self._sweep.pieces()
        piece = next(self._pieces, None)
        if piece is None:
            retention_store.end(connection)
        return piece

    def _next_erased(self, connection: psycopg.Connection) -> Piece | None:
        if self._pieces is None:
            retention_store.be_brief(connection)
            self._pieces = forget.pieces(connection, self._settings.retention_piece_rows, clock.now())
        return next(self._pieces, None)
