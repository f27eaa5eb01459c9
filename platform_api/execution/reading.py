"""What the parties of an order may read of its crew and of what it said."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.errors import Conflict, Forbidden, NotFound
from platform_api.execution.models import DriverAction, DriverActionFile, OrderCrew
from platform_api.execution.reckoning import ANSWER_WITHIN, Kind, Verdict
from platform_api.execution.schemas import CrewOut, StatementOut
from platform_api.files import service as files
from platform_api.files.models import File
from platform_api.orders.models import Order
from platform_api.orders.service import get_order, is_party
from platform_api.pagination import Page, PageQuery, fetch_page, page_of


def party_order(session: Session, actor: Actor, order_id: UUID) -> Order:
    """Raises NotFound `order_not_found`, Forbidden `not_your_load` for those who merely bid."""
    order = get_order(session, actor, order_id)
    if not is_party(order, actor):
        raise Forbidden("not_your_load", "Only the parties of an order read what happens on the road.")
    return order


def statements(session: Session, actor: Actor, order_id: UUID, query: PageQuery) -> Page[StatementOut]:
    order = party_order(session, actor, order_id)
    statement = select(DriverAction).where(DriverAction.order_id == order.id)
    # Somebody who sent an action for an order of others is none of its parties' business.
    statement = statement.where(DriverAction.refusal.is_distinct_from("order_not_found"))
    key = (DriverAction.at, DriverAction.id, DriverAction.user_id)
    rows, cursor = fetch_page(session, statement, key, query, newest_first=False)
    tied: dict[tuple[UUID, UUID], list[DriverActionFile]] = {}
    found = session.scalars(
        select(DriverActionFile)
        .where(
            DriverActionFile.order_id == order.id, DriverActionFile.action_id.in_([row.id for row in rows])
        )
        .order_by(DriverActionFile.role, DriverActionFile.file_id)
    )
    for file in found:
        tied.setdefault((file.user_id, file.action_id), []).append(file)
    return page_of(rows, cursor, lambda row: StatementOut.of(row, tied.get((row.user_id, row.id), [])))


def statement_file(session: Session, actor: Actor, order_id: UUID, file_id: UUID) -> File:
    """Raises NotFound `file_not_found` unless a statement of this order refers to it."""
    order = party_order(session, actor, order_id)
    tied = select(DriverActionFile.file_id).where(
        DriverActionFile.order_id == order.id, DriverActionFile.file_id == file_id
    )
    if session.scalar(tied.limit(1)) is None:
        raise NotFound("file_not_found", "There is no such file on this order.")
    return files.get(session, file_id)


def crew(session: Session, actor: Actor, order_id: UUID, now: datetime) -> CrewOut:
    """Raises Conflict `order_not_underway` while nobody is on it."""
    order = party_order(session, actor, order_id)
    if order.assigned_at is None or order.vehicle_id is None:
        raise Conflict("order_not_underway", "Nobody is on this order.")
    last = session.scalar(
        select(OrderCrew)
        .where(OrderCrew.order_id == order.id, OrderCrew.since >= order.assigned_at)
        .order_by(OrderCrew.id.desc())
        .limit(1)
    )
    driver_id = last.driver_id if last else order.driver_id
    assert driver_id is not None
    since = last.since if last else order.assigned_at
    given = _answer(session, last) if last else None
    until = since + ANSWER_WITHIN
    answer: Literal["accepted", "rejected", "silent"] = "silent"
    if given == Kind.REJECT:
        answer = "rejected"
    elif given == Kind.ACCEPT or now > until:
        answer = "accepted"
    return CrewOut(
        order_id=order.id,
        vehicle_id=order.vehicle_id,
        driver_id=driver_id,
        since=since,
        answer=answer,
        answer_until=until,
    )


def _answer(session: Session, crew: OrderCrew) -> str | None:
    return session.scalar(
        select(DriverAction.kind)
        .where(
            DriverAction.order_id == crew.order_id,
            DriverAction.crew_id == crew.id,
            DriverAction.kind.in_((Kind.ACCEPT, Kind.REJECT)),
            DriverAction.verdict == Verdict.APPLIED,
        )
        .limit(1)
    )
