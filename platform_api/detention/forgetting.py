"""Erasure: claims keep their times, counts and hashes, and lose the positions of a driver who asked for it."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import exists, or_, select, text
from sqlalchemy.orm import Session

from platform_api.detention.models import DetentionClaim
from platform_api.execution.models import OrderCrew
from platform_api.orders.models import Order

_POSITION = ("lat", "lon")
_TRUCKS = text("""
SELECT DISTINCT a.vehicle_id FROM device_assignments a JOIN phone_owners p ON p.device_id = a.device_id
WHERE p.user_id = :subject
""")


def forget(session: Session, subject_id: UUID, is_his: Callable[[Mapping[str, Any]], bool]) -> int:
    """Rows changed. `is_his`: whether a ping (device_id, time) is of his phone."""
    trucks = session.scalars(_TRUCKS, {"subject": subject_id}).all()
    was_on_it = exists().where(
        OrderCrew.order_id == Order.id,
        or_(OrderCrew.driver_id == subject_id, OrderCrew.vehicle_id.in_(trucks)),
    )
    statement = (
        select(DetentionClaim)
        .join(Order, Order.id == DetentionClaim.order_id)
        .where(or_(Order.driver_id == subject_id, Order.vehicle_id.in_(trucks), was_on_it))
    )
    changed = 0
    for claim in session.scalars(statement.with_for_update(of=DetentionClaim)):
        left = without(claim.evidence, is_his)
        changed += left != claim.evidence
        claim.evidence = left
    return changed


def without(evidence: Mapping[str, Any], is_his: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any]:
    def scrubbed(ping: Any) -> Any:
        return ping | dict.fromkeys(_POSITION) if isinstance(ping, dict) and is_his(ping) else ping

    def summary(pings: Mapping[str, Any]) -> dict[str, Any]:
        return {**pings, **{name: scrubbed(pings[name]) for name in ("first", "last")}}

    left = {
        "former_trucks": [
            truck | {"pings": summary(truck["pings"])} for truck in evidence.get("former_trucks", ())
        ]
    }
    return {
        **evidence,
        "visits": [
            visit | {name: scrubbed(visit[name]) for name in ("enter_ping", "exit_ping")}
            for visit in evidence["visits"]
        ],
        "pings": summary(evidence["pings"]),
        # Claims of before trucks were told apart have none.
        **(left if "former_trucks" in evidence else {}),
    }
