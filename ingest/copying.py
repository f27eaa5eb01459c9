"""Pings on their way into the table while their fold is worked out."""

from concurrent.futures import Future, ThreadPoolExecutor

import psycopg

from ingest import copy_rows, store
from ingest.track import Pings


class Copying:
    """As a context: COPY runs beside the block.

    The database needs about as long for the one as Python for the other. Nothing else may use the connection
    meanwhile. Raises UniqueViolation at the end, when any of them is there already.
    """

    def __init__(self, thread: ThreadPoolExecutor, connection: psycopg.Connection, pings: Pings) -> None:
        self._thread, self._connection = thread, connection
        self._data: bytes | None = copy_rows.encode(pings)
        self._running: Future[None] | None = None

    def finish(self) -> None:
        """Copy now, unless it was done."""
        if self._data is not None:
            data, self._data = self._data, None
            store.copy_pings(self._connection, data)

    def __enter__(self) -> None:
        self._running = self._thread.submit(self.finish)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        assert self._running is not None
        error = self._running.exception()
        if error is not None and kind is None:
            raise error
