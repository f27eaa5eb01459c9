"""Links for consignees: made and taken back by the shipper's side, followed by whoever has one."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.accounts.models import User
from platform_api.actor import Actor
from platform_api.errors import NotFound
from platform_api.eta.models import OrderEta
from platform_api.fleet.models import Vehicle
from platform_api.opaque_tokens import hash_of
from platform_api.orders import repository as orders
from platform_api.orders.crew_since import crew_since
from platform_api.orders.models import Order, OrderStop
from platform_api.orders.rules import OrderStatus
from platform_api.orders.service import get_order
from platform_api.pagination import PageQuery
from platform_api.tracking import repository as tracking
from platform_api.tracking.repository import LastPosition
from platform_api.tracking.route import NOWHERE, Way
from platform_api.tracking.rules import Window
from platform_api.tracking.service import actual_way
from platform_api.tracking_links import repository, rules
from platform_api.tracking_links.models import TrackingLink
from platform_api.tracking_links.rules import Journey, Stage


@dataclass(frozen=True, slots=True)
class Followed:
    """What a link shows now. Position, way and arrival are empty unless the truck carries the order."""

    order: Order
    stops: list[OrderStop]
    stage: Stage
    position: LastPosition | None = None
    way: Way = NOWHERE
    eta: OrderEta | None = None
    plate: str | None = None
    driver_name: str | None = None
    driver_phone: str | None = None


def create_link(
    session: Session,
    actor: Actor,
    order_id: UUID,
    *,
    label: str,
    expires_at: datetime | None,
    shows_plate: bool,
    shows_driver: bool,
    now: datetime,
) -> tuple[TrackingLink, str]:
    """The link and its token, which is kept nowhere: who loses it makes another link."""
    order = _managed(session, actor, order_id, lock=True)
    rules.check_new(OrderStatus(order.status), alive=repository.count_alive(session, order_id, now))
    token = secrets.token_urlsafe(rules.TOKEN_BYTES)
    link = TrackingLink(
        order_id=order_id,
        created_by=actor.user_id,
        label=label,
        token_hash=hash_of(token),
        shows_plate=shows_plate,
        shows_driver=shows_driver,
        expires_at=rules.expiry(expires_at, now),
        created_at=now,
        opened=0,
    )
    session.add(link)
    session.flush()
    return link, token


def list_links(
    session: Session, actor: Actor, order_id: UUID, query: PageQuery
) -> tuple[list[TrackingLink], str | None]:
    _managed(session, actor, order_id)
    return repository.list_links(session, order_id, query)


def revoke_link(session: Session, actor: Actor, order_id: UUID, link_id: UUID, now: datetime) -> None:
    """It shows nothing from now on. Again is harmless."""
    _managed(session, actor, order_id)
    link = repository.find_link(session, order_id, link_id)
    if link is None:
        raise _no_link()
    link.revoked_at = link.revoked_at or now


def _managed(session: Session, actor: Actor, order_id: UUID, *, lock: bool = False) -> Order:
    order = get_order(session, actor, order_id)
    mine = actor.party_id in (order.shipper_id, order.broker_id) or actor.is_administrator
    rules.check_manages(customer_side=mine)
    if lock:
        # Two who make links at once are counted one after the other.
        locked = orders.lock_order(session, order_id)
        assert locked is not None
        return locked
    return order


def _no_link() -> NotFound:
    return NotFound("tracking_link_not_found", "This link does not exist, or no longer.")


def follow(session: Session, token: str, now: datetime) -> Followed:
    """Raises NotFound `tracking_link_not_found` for an unknown, revoked or expired one alike."""
    link = repository.by_hash(session, hash_of(token)) if len(token) <= rules.MAX_TOKEN_CHARS else None
    if link is None or not rules.is_alive(expires_at=link.expires_at, revoked_at=link.revoked_at, now=now):
        raise _no_link()
    repository.note_opened(session, link.id, now)
    order = session.get_one(Order, link.order_id)
    journey = _journey(session, order)
    stops = orders.stops_of(session, [order.id]).get(order.id, [])
    stage, window = rules.stage_of(journey), rules.carrying(journey)
    if window is None or order.vehicle_id is None:
        return Followed(order, stops, stage)
    return _carried(session, link, order, stops, stage, order.vehicle_id, window, now)


def _journey(session: Session, order: Order) -> Journey:
    return Journey(
        status=OrderStatus(order.status),
        vehicle_id=order.vehicle_id,
        crew_since=crew_since(session, order.id),
        arrived_pickup_at=order.arrived_pickup_at,
        picked_up_at=order.picked_up_at,
        arrived_delivery_at=order.arrived_delivery_at,
        delivered_at=order.delivered_at,
    )


def _carried(
    session: Session,
    link: TrackingLink,
    order: Order,
    stops: list[OrderStop],
    stage: Stage,
    vehicle_id: int,
    window: Window,
    now: datetime,
) -> Followed:
    position = tracking.last_position(session, vehicle_id)
    if position is not None and not window.holds(position.time):
        position = None
    eta = session.get(OrderEta, order.id) if stage is Stage.IN_TRANSIT else None
    if eta is not None and not window.holds(eta.position_time):
        eta = None
    newest = now + timedelta(seconds=get_settings().max_future_s)
    driver = session.get(User, order.driver_id) if link.shows_driver and order.driver_id else None
    vehicle = session.get(Vehicle, vehicle_id) if link.shows_plate else None
    return Followed(
        order,
        stops,
        stage,
        position=position,
        way=actual_way(session, vehicle_id, window, newest),
        eta=eta,
        plate=vehicle.plate if vehicle else None,
        driver_name=driver.name if driver else None,
        driver_phone=driver.phone if driver else None,
    )
