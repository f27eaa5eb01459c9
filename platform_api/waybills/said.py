"""What the crew has said of the goods, in the words of a waybill: of loading, reserves and delivery.

A waybill may be issued after it was said: reserves come before the loading that issues it, and one that
is void is followed by another, which has to say the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from platform_api.execution.models import DriverAction, OrderCrew
from platform_api.orders.models import Order
from platform_api.waybills.contents import Loading
from platform_api.waybills.rules import reserve_words


@dataclass(frozen=True, slots=True)
class Addition:
    """`kind`: reserves or delivery; `content` is JSON."""

    kind: str
    at: datetime
    content: Mapping[str, Any]


def loading_of(row: DriverAction) -> Loading:
    return Loading(
        row.at,
        row.body.get("weight_kg"),
        row.body.get("packages"),
        tuple(row.body.get("seals", ())),
        reserve_words(row.body.get("reserves") or {}),
    )


def reserves_of(told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: told[key] for key in ("stage", "text", "packages_damaged", "packages_missing") if key in told
    }


def delivery_of(row: DriverAction) -> dict[str, Any]:
    return {
        "receiver_name": row.body.get("receiver_name", ""),
        "code": row.code_verdict,
        "reserves": reserves_of(row.body.get("reserves") or {}),
        "packages_delivered": row.body.get("packages_delivered"),
    }


def said_of(session: Session, order: Order) -> Sequence[DriverAction]:
    """By the present crew or the carrier: what counts of loading, reserves and proof, by its own time."""
    crew = (
        select(func.max(OrderCrew.id))
        .where(OrderCrew.order_id == order.id, OrderCrew.since >= order.assigned_at)
        .scalar_subquery()
    )
    statement = select(DriverAction).where(
        DriverAction.order_id == order.id,
        DriverAction.kind.in_(("loading", "reserve", "proof")),
        DriverAction.verdict == "applied",
        DriverAction.at >= order.assigned_at,
        or_(DriverAction.crew_id.is_(None), DriverAction.crew_id == crew),
    )
    return session.scalars(statement.order_by(DriverAction.at, DriverAction.id)).all()


def loading_in(said: Sequence[DriverAction]) -> Loading:
    """Empty while nobody has confirmed it."""
    return next((loading_of(row) for row in said if row.kind == "loading"), Loading())


def additions_in(said: Sequence[DriverAction], delivered_at: datetime | None) -> list[Addition]:
    """Of the proof only once the order says so too: what is being delivered just now is added by itself."""
    found = []
    for row in said:
        if row.kind == "reserve":
            found.append(Addition("reserves", row.at, reserves_of(row.body)))
        elif row.kind == "proof" and row.at == delivered_at:
            found.append(Addition("delivery", row.at, delivery_of(row)))
    return found
