"""Giving an order to a carrier's vehicle and driver: the one way, whoever agreed to what.

A bid that its shipper accepts, a counter-offer or a direct offer that its carrier accepts: all end here,
under the order's lock.
"""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from config.celery_app import queue_after_commit
from platform_api.actor import Actor
from platform_api.availability import service as availability
from platform_api.bids import market, repository, rules
from platform_api.bids.rules import Deal
from platform_api.detention import terms as detention
from platform_api.errors import Conflict
from platform_api.kyc import service as kyc
from platform_api.orders import fences
from platform_api.orders.models import Order
from platform_api.orders.recording import record
from platform_api.orders.rules import Action, OrderStatus


def assign(
    session: Session,
    order: Order,
    deal: Deal,
    action: Action,
    *,
    actor: Actor,
    now: datetime,
    evidence: dict[str, Any],
) -> None:
    """Everything else that is open on the order is lost: mark what won before.

    Raises Conflict `carrier_not_verified`, `vehicle_gone`, `vehicle_busy`, `vehicle_without_driver`, and
    those of `availability.service.ASSIGNABLE_ERRORS`.
    """
    if not kyc.may_deal(session, deal.carrier_id, now):
        # Its papers were in order when it bid.
        raise Conflict("carrier_not_verified", "The papers of this carrier are no longer approved.")
    vehicle = repository.vehicle_snapshot(session, deal.vehicle_id, lock=True, besides=order.id)
    stays = deal.driver_id is not None and repository.drives_for(session, deal.driver_id, deal.carrier_id)
    driver_id = rules.assign_vehicle(deal, vehicle, driver_stays=stays)
    if not repository.hold_driver(session, driver_id):
        raise Conflict("vehicle_without_driver", "The vehicle of this bid has no driver.")
    availability.check_assignable(session, deal.vehicle_id, driver_id, now)
    order.carrier_id, order.driver_id = deal.carrier_id, driver_id
    order.vehicle_id, order.agreed_xof = deal.vehicle_id, deal.amount_xof
    order.assigned_at = now
    market.close(session, order, now)
    fences.watch(session, order, now)
    detention.fix_terms(session, order, now)
    queue_after_commit(session, "routing.plan", order_id=str(order.id))
    assigned = OrderStatus.ASSIGNED
    evidence = {**evidence, "carrier_id": str(deal.carrier_id), "amount_xof": deal.amount_xof}
    record(session, order, action, now=now, to_status=assigned, actor=actor, evidence=evidence)
