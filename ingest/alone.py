"""What one worker at a time does for all of them: whoever comes first does it, the others pass on without waiting."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

# Numbers of PostgreSQL's advisory locks; any, but the same in every worker.
BOOKS: Final = 6_355_003
LETTERS: Final = 6_355_004


def alone_until_commit(connection: psycopg.Connection, lock: int) -> bool:
    """Whether this transaction is the one, until its end."""
    row = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock]).fetchone()
    return bool(row and row[0])


@contextmanager
def alone(connection: psycopg.Connection, lock: int) -> Iterator[bool]:
    """Whether this connection is the one during the block, which may hold several transactions."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [lock]).fetchone()
    mine = bool(row and row[0])
    try:
        yield mine
    finally:
        # A connection that broke has given it up already.
        if mine and not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", [lock])
