"""A carrier's last loads, and what they say of it."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select, text
from sqlalchemy.orm import Session

from platform_api.actor import Actor
from platform_api.errors import Invalid, NotFound
from platform_api.orders import service as orders
from platform_api.orders.models import OrderWithdrawal
from platform_api.reliability import rules
from platform_api.reliability.models import ReliabilityWaiver
from platform_api.reliability.rules import Fault, Load, Reliability

# Loads that are over, and those that were given back; a load that was given back and taken again is two.
# A time that a person stated counts no less than one that a geofence saw: `arrived_*` is what the order keeps.
_LOADS = text("""
SELECT c.id AS carrier_id, l.order_id, l.withdrawn, l.pickup_on_time, l.delivery_on_time,
       array(SELECT w.fault FROM reliability_waivers w
             WHERE w.order_id = l.order_id AND w.carrier_id = c.id) AS waived
FROM unnest(CAST(:carrier_ids AS uuid[])) AS c (id)
CROSS JOIN LATERAL (
    (SELECT o.id AS order_id, o.assigned_at, false AS withdrawn,
            o.arrived_pickup_at <= o.pickup_closes_at AS pickup_on_time,
            coalesce(o.arrived_delivery_at, o.delivered_at) <= o.delivery_closes_at AS delivery_on_time
     FROM orders o
     WHERE o.carrier_id = c.id AND o.status IN ('DELIVERED', 'COMPLETED', 'DISPUTED', 'RESOLVED')
     ORDER BY o.assigned_at DESC LIMIT :loads)
    UNION ALL
    (SELECT w.order_id, w.assigned_at, true, NULL::boolean, NULL::boolean
     FROM order_withdrawals w WHERE w.carrier_id = c.id ORDER BY w.assigned_at DESC LIMIT :loads)
    ORDER BY assigned_at DESC LIMIT :loads
) AS l
ORDER BY c.id, l.assigned_at DESC
""")


def of_carriers(session: Session, carrier_ids: Collection[UUID]) -> Mapping[UUID, Reliability]:
    """Of all of them by one query."""
    loads: dict[UUID, list[Load]] = {carrier_id: [] for carrier_id in carrier_ids}
    values = {"carrier_ids": list(loads), "loads": rules.LOADS}
    for row in session.execute(_LOADS, values):
        loads[row.carrier_id].append(_load(row))
    return {carrier_id: rules.reliability(found) for carrier_id, found in loads.items()}


def of_carrier(session: Session, carrier_id: UUID) -> Reliability:
    return of_carriers(session, [carrier_id])[carrier_id]


def _load(row: Any) -> Load:
    return Load(
        withdrawn=row.withdrawn,
        pickup_on_time=row.pickup_on_time,
        delivery_on_time=row.delivery_on_time,
        waived=frozenset(Fault(fault) for fault in row.waived),
    )


def waive(
    session: Session,
    actor: Actor,
    order_id: UUID,
    *,
    carrier_id: UUID,
    fault: Fault,
    reason: str,
    now: datetime,
) -> ReliabilityWaiver:
    """By an administrator. A second time ends in the unique constraint: Conflict `waived_already`.

    Raises NotFound `order_not_found`, Invalid `carrier_not_of_order`.
    """
    order = orders.get_order(session, actor, order_id)
    gave_back = exists().where(OrderWithdrawal.order_id == order.id, OrderWithdrawal.carrier_id == carrier_id)
    if carrier_id != order.carrier_id and not session.scalar(select(gave_back)):
        raise Invalid("carrier_not_of_order", "This carrier never had this order.")
    row = ReliabilityWaiver(
        order_id=order.id,
        carrier_id=carrier_id,
        fault=fault,
        reason=reason,
        waived_by=actor.user_id,
        created_at=now,
    )
    session.add(row)
    session.flush()
    return row


def take_back(session: Session, order_id: UUID, waiver_id: int) -> None:
    """Raises NotFound `waiver_not_found`."""
    row = session.get(ReliabilityWaiver, waiver_id, with_for_update=True)
    if row is None or row.order_id != order_id:
        raise NotFound("waiver_not_found", "There is no such waiver.")
    session.delete(row)
