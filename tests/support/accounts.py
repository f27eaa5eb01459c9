"""The accounts of devices as the database tells them, and whether they add up."""

from datetime import date
from typing import Any, NamedTuple

import psycopg

from tests.support.worker import totals


class Account(NamedTuple):
    received: int
    stored: int
    duplicate: int
    late: int
    rejected: int
    rejected_by: dict[str, int]


def account(connection: psycopg.Connection, device_id: int, day: date | None = None) -> Account:
    """Of one device, over all days or of one."""
    row = connection.execute(
        "SELECT coalesce(sum(received), 0)::int, coalesce(sum(stored), 0)::int, coalesce(sum(duplicate), 0)::int,"
        " coalesce(sum(late), 0)::int, coalesce(sum(rejected), 0)::int, sum_reasons(rejected_by)"
        " FROM device_accounts WHERE device_id = %s AND (%s::date IS NULL OR day = %s)",
        [device_id, day, day],
    ).fetchone()
    assert row is not None
    return Account(*row)


def everything(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    """Every account but for what is only counted later (gaps)."""
    return connection.execute(
        "SELECT device_id, day, received, stored, duplicate, late, rejected, rejected_by, lateness_ms, lateness"
        " FROM device_accounts WHERE received > 0 ORDER BY 1, 2"
    ).fetchall()


def assert_every_device_adds_up(connection: psycopg.Connection) -> None:
    """The equation for each device and day, the rows that are there, and the totals of the workers; of one moment."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        _adds_up(connection)


def _adds_up(connection: psycopg.Connection) -> None:
    for row in everything(connection):
        device_id, day, received, stored, duplicate, late, rejected, rejected_by, _, lateness = row
        assert received == stored + duplicate + rejected, f"device {device_id} on {day}"
        assert sum(rejected_by.values()) == rejected, f"device {device_id} on {day}"
        assert sum(lateness) == stored, f"device {device_id} on {day}"
        assert late <= stored, f"device {device_id} on {day}"
    accounts = dict(
        connection.execute(
            "SELECT device_id, sum(stored)::int FROM device_accounts GROUP BY 1 HAVING sum(stored) > 0"
        ).fetchall()
    )
    rows = dict(connection.execute("SELECT device_id, count(*)::int FROM pings GROUP BY 1").fetchall())
    assert accounts == rows, "a device's account says another number of stored pings than it has"
    sums = connection.execute(
        "SELECT coalesce(sum(received), 0)::int, coalesce(sum(stored), 0)::int, coalesce(sum(duplicate), 0)::int,"
        " coalesce(sum(rejected), 0)::int FROM device_accounts"
    ).fetchone()
    workers = totals(connection)
    assert sums == tuple(workers[name] for name in ("received", "stored", "duplicate", "rejected"))
