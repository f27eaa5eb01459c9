"""The books in the background: the ledger folded, gaps counted, dead letters bounded and, when asked for, played again."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol, TypeVar

import psycopg

from config import clock
from config.logging import get_logger
from config.settings import Settings
from ingest import letter_store
from ingest.alone import LETTERS, alone
from ingest.compactor import DAYS_AT_ONCE, ROWS_AT_ONCE, CompactorSettings, compact, count_gaps, waiting_rows
from ingest.letter_query import asked_letters
from ingest.metrics import Metrics
from ingest.pipeline import PipelineSettings
from ingest.replay import Replayer

log = get_logger(__name__)
T = TypeVar("T")

# Counting gaps may take this share of the time at most: with very many pings a day they are counted less often.
_GAPS_SHARE = 0.05
_LETTERS_EVERY_S = 60.0
_ASKED_AT_ONCE = 50


class Runner(Protocol):
    async def run(self, work: Callable[[psycopg.Connection], T]) -> T:
        """Do `work` on a connection, in a thread."""


def compactor_settings(settings: Settings) -> CompactorSettings:
    return CompactorSettings(
        gap=timedelta(seconds=settings.account_gap_s),
        gap_pause=timedelta(seconds=settings.account_gaps_every_s),
        ping_retention_days=settings.ping_retention_days,
    )


class Bookkeeper:
    """Every worker has one; what only one may do at a time, one of them does."""

    def __init__(
        self, settings: Settings, pipeline: PipelineSettings, database: Runner, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._compactor = compactor_settings(settings)
        self._database = database
        self._metrics = metrics
        self._gaps_due_s = 0.0  # time.monotonic()
        self._letters_due_s = 0.0
        self._replayer: tuple[psycopg.Connection, Replayer] | None = None

    async def run(self) -> None:
        steps = (self._fold, self._count_gaps, self._play_asked, self._bound_letters)
        while True:
            for step in steps:
                # A step that fails must not keep the others from theirs.
                try:
                    await step()
                except psycopg.Error as error:
                    log.warning("books put off", step=step.__name__, error=str(error).strip())
                except Exception:
                    log.exception("books put off", step=step.__name__)
            await asyncio.sleep(self._settings.account_compact_s)

    async def _fold(self) -> None:
        today = clock.now().date()
        while await self._database.run(lambda c: compact(c, self._compactor, today)) == ROWS_AT_ONCE:
            pass
        self._metrics.ledger_waiting.set(await self._database.run(waiting_rows))

    async def _count_gaps(self) -> None:
        begin = time.monotonic()
        if begin < self._gaps_due_s:
            return
        while await self._database.run(lambda c: count_gaps(c, self._compactor)) == DAYS_AT_ONCE:
            if time.monotonic() - begin > self._settings.account_compact_s:
                break
        end = time.monotonic()
        self._gaps_due_s = end + (end - begin) * (1 / _GAPS_SHARE - 1)

    async def _bound_letters(self) -> None:
        if time.monotonic() < self._letters_due_s:
            return
        age = timedelta(days=self._settings.rejected_retention_days)
        run, most_bytes = self._database.run, self._settings.dead_letter_total_bytes
        while await run(lambda c: letter_store.drop_older(c, age)) == letter_store.LETTERS_AT_ONCE:
            pass
        dropped = await run(lambda c: letter_store.drop_beyond(c, most_bytes))
        if dropped:
            log.warning("dead letters dropped: too many bytes", letters=dropped, limit_bytes=most_bytes)
        self._metrics.dead_letters_waiting.set(await run(letter_store.waiting))
        self._letters_due_s = time.monotonic() + _LETTERS_EVERY_S

    async def _play_asked(self) -> None:
        while await self._database.run(self._play_some) == _ASKED_AT_ONCE:
            pass

    def _play_some(self, connection: psycopg.Connection) -> int:
        """Play letters again that somebody asked for through the API; how many."""
        asked = asked_letters(connection, _ASKED_AT_ONCE)
        if not asked:
            # Its view of fleet and fences is large, and asking is rare.
            self._forget_replayer()
            return 0
        with alone(connection, LETTERS) as mine:
            if not mine:
                return 0
            if self._replayer is None or self._replayer[0] is not connection:
                self._forget_replayer()
                self._replayer = (connection, Replayer(connection, self._pipeline))
            for letter_id in asked:
                self._play(connection, self._replayer[1], letter_id)
        return len(asked)

    def _forget_replayer(self) -> None:
        if self._replayer is not None:
            self._replayer[1].close()
            self._replayer = None

    def _play(self, connection: psycopg.Connection, replayer: Replayer, letter_id: int) -> None:
        try:
            played = replayer.play(letter_id)
            log.info("letter played again", letter_id=letter_id, fate=played.fate.value)
        except psycopg.OperationalError:
            raise  # the database is away; the wish stays
        except Exception:
            log.exception("letter cannot be played", letter_id=letter_id)
        # Also one that could not be played: it must not stand in the way of the others for ever.
        connection.execute("UPDATE dead_letters SET asked_at = NULL WHERE id = %s", [letter_id])
