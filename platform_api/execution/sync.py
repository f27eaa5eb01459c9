"""What a phone did while it was offline, all at once: each action by itself, a refused one holds up none.

One batch of a person at a time; all of its orders are locked before anything is written, in the order of
their ids, so that two batches never wait for each other in a circle.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import exists, func, or_, select
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from platform_api.actor import Actor, Role
from platform_api.errors import Forbidden, Invalid, PlatformError
from platform_api.execution.applying import apply
from platform_api.execution.crews import crew_id_of
from platform_api.execution.models import DriverAction, OrderCrew
from platform_api.execution.reckoning import Key, Verdict
from platform_api.execution.schemas import ACTION
from platform_api.execution.telling import Said, Told, attach, files_of, tell
from platform_api.orders import repository as orders
from platform_api.orders.models import Order


@dataclass(slots=True)
class Result:
    """Of one action, in the order sent. `row` None: it could not be kept."""

    id: UUID | None = None
    row: DriverAction | None = None
    repeated: bool = False
    error: PlatformError | None = None


def synchronise(
    session: Session, actor: Actor, sent: Sequence[Mapping[str, Any]], now: datetime
) -> list[Result]:
    if actor.role is not Role.DRIVER:
        raise Forbidden("role_not_allowed", "Only drivers send what a phone has gathered.")
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"sync/{actor.user_id}", 0))))
    results = [Result() for _ in sent]
    read = [_read(action, result) for action, result in zip(sent, results, strict=True)]
    said = sorted(
        ((action, result) for action, result in zip(read, results, strict=True) if action is not None),
        key=lambda pair: (pair[0].at, pair[0].id),
    )
    locked = _lock_his_orders(session, actor, {action.order_id for action, _ in said})
    fresh: dict[UUID, list[Key]] = {order_id: [] for order_id in locked}
    _retry_waiting(session, actor, fresh, now)
    for action, result in said:
        with _alone(session, result):
            told = _tell(session, actor, locked.get(action.order_id), action, now)
            result.row, result.repeated = told.row, told.repeated
            if told.fresh:
                fresh[action.order_id].append((told.row.user_id, told.row.id))
    for order_id, order in locked.items():
        # Also when nothing is new: what was missing when an action was refused may be there now.
        apply(session, order, now, fresh=fresh[order_id])
    return results


def _read(action: Mapping[str, Any], result: Result) -> Said | None:
    """None: malformed, as the result says."""
    try:
        result.id = UUID(str(action.get("id")))
    except ValueError:
        result.error = Invalid("invalid_action", "id: a UUID is expected")
        return None
    try:
        return ACTION.validate_python(dict(action)).said()
    except ValidationError as error:
        # Input values are not echoed, as in every answer about a malformed body.
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "action"
        result.error = Invalid("invalid_action", f"{where}: {first['msg']}")
        return None


def _lock_his_orders(session: Session, actor: Actor, ids: Collection[UUID]) -> dict[UUID, Order]:
    """Those he drives or once drove, by id, in the order of the ids."""
    crewed = exists().where(OrderCrew.order_id == Order.id, OrderCrew.driver_id == actor.user_id)
    his = session.scalars(
        select(Order.id).where(Order.id.in_(ids), or_(Order.driver_id == actor.user_id, crewed))
    )
    found = {}
    for order_id in sorted(his):
        order = orders.lock_order(session, order_id)
        assert order is not None  # orders are never deleted
        found[order_id] = order
    return found


def _retry_waiting(session: Session, actor: Actor, fresh: Mapping[UUID, list[Key]], now: datetime) -> None:
    """Files of earlier actions may have been uploaded since."""
    waiting = session.scalars(
        select(DriverAction)
        .where(
            DriverAction.user_id == actor.user_id,
            DriverAction.order_id.in_(fresh),
            DriverAction.verdict == Verdict.WAITING_FOR_FILE,
        )
        .order_by(DriverAction.at, DriverAction.id)
    )
    for row in waiting.all():
        if attach(session, actor, row, files_of(row), now):
            fresh[row.order_id].append((row.user_id, row.id))


@contextmanager
def _alone(session: Session, result: Result) -> Iterator[None]:
    """In a savepoint of its own: what it is refused for stays with it."""
    try:
        with session.begin_nested():
            yield
    except PlatformError as error:
        result.error = error
    except DataError:
        result.error = Invalid("invalid_value", "A value cannot be stored (control character?).")


def _tell(session: Session, actor: Actor, order: Order | None, action: Said, now: datetime) -> Told:
    if order is None:
        return tell(session, actor, action, crew_id=None, source="sync", now=now, refusal="order_not_found")
    return tell(session, actor, action, crew_id=crew_id_of(session, order, actor), source="sync", now=now)
