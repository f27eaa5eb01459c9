"""All that a carrier has of one driver, in one answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from platform_api.accounts.models import User
from platform_api.actor import Actor
from platform_api.fleet.models import Vehicle
from platform_api.fleet_documents import licences, repository
from platform_api.fleet_documents import service as fleet_documents
from platform_api.fleet_documents.models import FleetDocument
from platform_api.limits.rules import Warning
from platform_api.orders.models import Order
from platform_api.orders.rules import UNDERWAY


@dataclass(frozen=True, slots=True)
class DriverRecord:
    """`licences` are among the `documents`; each vehicle with what its driver's licence says of it."""

    user: User
    licences: Sequence[FleetDocument]
    vehicles: Sequence[tuple[Vehicle, list[Warning]]]
    documents: Sequence[FleetDocument]
    orders: Sequence[Order]


def record_of(session: Session, actor: Actor, driver_id: UUID) -> DriverRecord:
    """For his carrier, administrators and himself. A carrier sees the orders that are its own.

    Raises NotFound `driver_not_found`.
    """
    user = fleet_documents.find_own_driver(session, actor, driver_id)
    kinds = {kind.code for kind in fleet_documents.list_kinds(session) if kind.is_licence}
    documents = repository.current_documents(session, driver_id=driver_id)
    classes = licences.classes_of(session, [driver_id]).get(driver_id)
    vehicles = select(Vehicle).where(Vehicle.driver_id == driver_id).order_by(Vehicle.id)
    orders = select(Order).where(Order.driver_id == driver_id, Order.status.in_(UNDERWAY))
    if not actor.is_administrator and actor.user_id != driver_id:
        vehicles = vehicles.where(Vehicle.carrier_id == actor.carrier_id)
        orders = orders.where(Order.carrier_id == actor.carrier_id)
    return DriverRecord(
        user,
        [row for row in documents if row.kind in kinds],
        [(one, licences.warnings_of(classes, one)) for one in session.scalars(vehicles)],
        documents,
        session.scalars(orders.order_by(Order.assigned_at, Order.id)).all(),
    )
