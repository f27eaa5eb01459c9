"""Gathering what a waybill says from the order, its parties and its truck."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from platform_api.accounts.models import User
from platform_api.fleet.models import Vehicle
from platform_api.orders.models import Order, OrderStop
from platform_api.organisations import standing
from platform_api.profiles.models import Profile
from platform_api.waybills.rules import Contents, Goods, Party, Place


@dataclass(frozen=True, slots=True)
class Loading:
    """What the crew said of the loading; nothing yet where the carrier issues before it."""

    at: datetime | None = None
    weight_kg: int | None = None
    packages: int | None = None
    seals: tuple[str, ...] = ()
    reserves: str = ""

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "at": _iso(self.at), "seals": list(self.seals)}


def contents_of(session: Session, order: Order, loading: Loading, *, number: int, now: datetime) -> Contents:
    """As things are now. Four queries."""
    assert order.carrier_id is not None
    parties = parties_of(session, order.carrier_id, order.shipper_id)
    consignee = Party(order.delivery_contact_name or "", order.delivery_name, order.delivery_contact_phone)
    plate = session.scalar(select(Vehicle.plate).where(Vehicle.id == order.vehicle_id)) or ""
    driver = session.scalar(select(User.name).where(User.id == order.driver_id)) or ""
    stops = session.scalars(
        select(OrderStop).where(OrderStop.order_id == order.id).order_by(OrderStop.sequence)
    )
    return Contents(
        number=number,
        order_reference=order.reference,
        issued_at=now.isoformat(),
        issued_in=order.pickup_name,
        carrier=parties[order.carrier_id],
        sender=parties[order.shipper_id],
        consignee=consignee,
        taking_over=Place(
            order.pickup_name, _iso(loading.at), _iso(order.pickup_opens_at), _iso(order.pickup_closes_at)
        ),
        delivery=Place(
            order.delivery_name, None, _iso(order.delivery_opens_at), _iso(order.delivery_closes_at)
        ),
        stops=tuple(stop.name for stop in stops),
        goods=_goods(order, loading),
        instructions=order.instructions,
        plate=plate,
        driver=driver,
        reserves=loading.reserves,
    )


def _goods(order: Order, loading: Loading) -> Goods:
    return Goods(
        description=order.goods,
        packaging=order.packaging,
        packages=order.packages,
        declared_weight_kg=order.weight_kg,
        loaded_weight_kg=loading.weight_kg,
        loaded_packages=loading.packages,
        volume_m3=order.volume_m3,
        value_xof=order.value_xof,
        un_number=order.un_number,
        needs=tuple(order.needs),
        temperature_min_c=order.temperature_min_c,
        temperature_max_c=order.temperature_max_c,
        seals=loading.seals,
    )


def parties_of(session: Session, *ids: UUID) -> dict[UUID, Party]:
    """The business by its name and numbers, its owner's telephone and address."""
    owner, of_owner = aliased(User), aliased(Profile)
    rows = session.execute(
        select(User, Profile, owner.phone, of_owner.address)
        .select_from(User)
        .join(owner, owner.id == standing.owner_of(User.id))
        .outerjoin(Profile, Profile.user_id == User.id)
        .outerjoin(of_owner, of_owner.user_id == owner.id)
        .where(User.id.in_(ids))
    )
    found = {}
    for user, profile, phone, address in rows:
        name = (profile.company_name if profile else "") or user.name
        found[user.id] = Party(
            name,
            address or "",
            phone,
            profile.ninea if profile else None,
            profile.rccm if profile else None,
        )
    return found


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
