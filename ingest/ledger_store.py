"""Writing the books of a batch, in the batch's own transaction."""

from collections.abc import Sequence
from datetime import date, timedelta

import psycopg

from ingest.account_store import Totals, add_totals
from ingest.array_params import BigInts, SmallInts
from ingest.ledger import BooksError, Fates, LedgerRow, ledger_rows

FIRST_DAY = date(1970, 1, 1)


def book(connection: psycopg.Connection, worker: str, messages: int, fates: Fates) -> Totals:
    """Count the batch for its worker and for each device.

    Raises psycopg.DataError for books that do not balance, as the database does for the worker's totals: the caller
    looks for the message that they go wrong with, and sets it aside.
    """
    totals = Totals(
        messages=messages,
        received=len(fates.received),
        stored=len(fates.stored),
        duplicate=len(fates.duplicate),
        rejected=fates.rejected,
        late=len(fates.late),
    )
    try:
        rows = ledger_rows(fates)
    except BooksError as error:
        raise psycopg.DataError(str(error)) from error
    add_totals(connection, worker, totals)
    append(connection, worker, rows)
    return totals


def append(connection: psycopg.Connection, worker: str, rows: Sequence[LedgerRow]) -> None:
    for row in rows:
        connection.execute(
            "INSERT INTO ingest_ledger (worker, day, devices, codes, amounts, reasons) VALUES (%s, %s, %s, %s, %s, %s)",
            [
                worker,
                FIRST_DAY + timedelta(days=row.day),
                BigInts(row.devices),
                SmallInts(row.codes),
                BigInts(row.amounts),
                row.reasons,
            ],
        )
