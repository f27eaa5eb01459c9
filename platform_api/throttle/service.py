"""Limits in the database: they hold over all processes and survive restarts.

A try is counted before it is judged, in a transaction of its own that the edge opens (`counted`): a
refusal that rolls back is counted all the same, and a hundred tries at once cannot outrun the count.
What turned out right is given back by `forgive`.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from platform_api.errors import TooMany
from platform_api.throttle import rules
from platform_api.throttle.models import Lockout, RateLimit
from platform_api.throttle.rules import Limit, Lock

LOCK = Lock()


def spend(session: Session, wanted: Sequence[tuple[Limit, str]], *, now: datetime) -> None:
    """Take one of each limit, or none of any. `wanted`: limits and whom they concern.

    Raises TooMany `too_many_requests` with the time to wait.
    """
    limits = {limit.key(whom): limit for limit, whom in wanted}
    # In one order, so that two never wait for each other; the empty update locks the rows there are.
    rows = insert(RateLimit).values([{"key": key, "full_at": now} for key in sorted(limits)])
    locked = rows.on_conflict_do_update(index_elements=["key"], set_={"key": rows.excluded.key})
    found = session.scalars(locked.returning(RateLimit), execution_options={"populate_existing": True}).all()
    wait = max(rules.wait_for(limits[row.key], row.full_at, now) for row in found)
    if wait:
        raise TooMany(
            "too_many_requests",
            f"Too many requests. Wait {rules.seconds(wait)} s.",
            retry_after_s=rules.seconds(wait),
            seconds=rules.seconds(wait),
        )
    for row in found:
        row.full_at = rules.spend(limits[row.key], row.full_at, now)


def give_back(session: Session, limit: Limit, whom: str) -> None:
    """What was spent on a try that turned out right."""
    row = session.get(RateLimit, limit.key(whom), with_for_update=True)
    if row is not None:
        row.full_at -= limit.step


def refill(session: Session, limit: Limit, whom: str) -> None:
    """Forget what was spent."""
    session.execute(delete(RateLimit).where(RateLimit.key == limit.key(whom)))


def count_failure(session: Session, kind: str, phone: str, network: str, *, now: datetime) -> None:
    """Count a try as failed before it is judged. Raises TooMany `locked_out` while the failures before it lock."""
    first = insert(Lockout).values(kind=kind, phone=phone, network=network, failures=0, failed_at=now)
    locked = first.on_conflict_do_update(
        index_elements=["kind", "phone", "network"], set_={"failures": Lockout.failures}
    )
    row = session.scalars(locked.returning(Lockout), execution_options={"populate_existing": True}).one()
    failures = rules.failures_now(LOCK, row.failures, row.failed_at, now)
    wait = rules.lock_left(LOCK, failures, row.failed_at, now)
    if wait:
        raise TooMany(
            "locked_out",
            f"Too many wrong tries. Wait {rules.seconds(wait)} s, or reset your password.",
            retry_after_s=rules.seconds(wait),
            seconds=rules.seconds(wait),
        )
    # Requests do not come in the order of their clocks.
    row.failures, row.failed_at = failures + 1, max(now, row.failed_at)


def forgive(session: Session, kind: str, phone: str, network: str) -> None:
    """It was right: the failures from there are forgotten."""
    session.execute(
        delete(Lockout).where(Lockout.kind == kind, Lockout.phone == phone, Lockout.network == network)
    )


def unlock(session: Session, phone: str) -> None:
    """Who has the phone has the account: the failures of everybody are forgotten."""
    session.execute(delete(Lockout).where(Lockout.phone == phone))


def drop_old(session: Session, *, now: datetime) -> int:
    """Rows deleted that mean nothing any more."""
    full = delete(RateLimit).where(RateLimit.full_at <= now).returning(RateLimit.key)
    old = delete(Lockout).where(Lockout.failed_at <= now - LOCK.forget).returning(Lockout.phone)
    return len(session.scalars(full).all()) + len(session.scalars(old).all())
