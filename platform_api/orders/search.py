"""Lists of orders: what an actor may know of, filtered, newest or nearest first.

Every branch reads an index from its end and stops after a page, whatever the table holds. What a carrier
may know of is four such branches - the market, its own, what it bid on, what it is offered - and not one
condition joined by OR, for which PostgreSQL reads the whole table.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, cast, func, or_, select, tuple_, union
from sqlalchemy.dialects.postgresql import REGCONFIG
from sqlalchemy.orm import Session

from platform_api.actor import Actor, Role
from platform_api.bids.models import Bid
from platform_api.errors import BadRequest
from platform_api.offers.models import Offer
from platform_api.orders.models import Order
from platform_api.orders.rules import OPEN, SHOWN_TO_BIDDERS, OrderStatus, may_see_all
from platform_api.pagination import PageQuery, decode_cursor, encode_cursor, fetch_page, restrict
from platform_api.tracking.rules import bounding_box

# The first ring around a place; the next is four times as wide.
FIRST_REACH_KM = 2.5
WIDER = 4.0
# A page that goes on from a distance looks this much further first.
FURTHER = 1.3
_REFERENCE = re.compile(r"MESS-?(\d\d)-?([0-9A-Z]{7})")
# What is misread on a paper; these letters are in no reference.
_MISREAD = str.maketrans("ILO", "110")


@dataclass(frozen=True, slots=True)
class Near:
    """A circle; degrees and kilometres."""

    lat: float
    lon: float
    radius_km: float


@dataclass(frozen=True, slots=True)
class Filters:
    """None = whatever. `vehicle_type` also finds orders that ask for no type; `words` as people type them."""

    status: OrderStatus | None = None
    near: Near | None = None
    vehicle_type: str | None = None
    weight_min_kg: int | None = None
    weight_max_kg: int | None = None
    pickup_from: datetime | None = None
    pickup_until: datetime | None = None
    words: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    order: Order
    distance_km: float | None = None


def find_orders(
    session: Session, actor: Actor, filters: Filters, query: PageQuery
) -> tuple[list[Found], str | None]:
    """One page, and the cursor of the next. Raises BadRequest `near_needs_open`, `invalid_cursor`."""
    if filters.near is not None:
        if filters.status is not None and filters.status not in OPEN:
            raise BadRequest("near_needs_open", "What is near is looked for among the open orders.")
        return _nearest(session, actor, filters, filters.near, query)
    rows, cursor = fetch_page(session, _newest(actor, filters, query), _KEY, query)
    return [Found(order) for order in rows], cursor


_KEY = (Order.created_at, Order.id)


def _newest(actor: Actor, filters: Filters, query: PageQuery) -> Select[Order]:
    conditions, status = _conditions(filters, few=not may_see_all(actor)), filters.status
    if actor.role is not Role.CARRIER or may_see_all(actor):
        return _own(actor).where(*conditions)
    own = select(Order).where(Order.carrier_id == actor.party_id, *conditions)
    if status is not None and status not in SHOWN_TO_BIDDERS:
        # A losing bidder must not learn by filtering what it is not shown.
        return own
    parts = [_market(filters, _conditions(filters)), _offered(actor, conditions)]
    branches: list[Select[UUID]] = []
    if status not in OPEN:
        # What is open and not hidden is on the market, so its own and its bids add nothing to that.
        parts.append(own)
        branches.append(_bid_on(actor, conditions, query))
    branches += [restrict(part, _KEY, query).with_only_columns(Order.id) for part in parts]
    ids = union(*(select(branch.limit(query.limit + 1).subquery().c.id) for branch in branches))
    return select(Order).where(Order.id.in_(ids))


def _market(filters: Filters, conditions: Sequence[ColumnElement[bool]]) -> Select[Order]:
    """What every carrier may bid on. One status is said once: said twice, PostgreSQL thinks it far rarer."""
    market = select(Order).where(Order.hidden.is_(False), *conditions)
    return market.where(Order.status.in_(OPEN)) if filters.status not in OPEN else market


def _offered(actor: Actor, conditions: Sequence[ColumnElement[bool]]) -> Select[Order]:
    """To this carrier alone, as long as it may say yes."""
    open_offers = select(Offer.order_id).where(Offer.carrier_id == actor.party_id, Offer.status == "OPEN")
    return select(Order).where(Order.id.in_(open_offers), *conditions)


def _own(actor: Actor) -> Select[Order]:
    if may_see_all(actor):
        return select(Order)
    if actor.role is Role.DRIVER:
        return select(Order).where(Order.driver_id == actor.user_id)
    if actor.role is Role.BROKER:
        return select(Order).where(Order.broker_id == actor.party_id)
    return select(Order).where(Order.shipper_id == actor.party_id)


def _bid_on(actor: Actor, conditions: Sequence[ColumnElement[bool]], query: PageQuery) -> Select[UUID]:
    """Once each, although a carrier may bid several times on one order."""
    key = (Bid.order_created_at, Bid.order_id)
    statement = (
        select(Bid.order_id.label("id"))
        .join(Order, Order.id == Bid.order_id)
        .where(Bid.carrier_id == actor.party_id, *conditions)
        .group_by(*key)
    )
    return restrict(statement, key, query)


def _conditions(filters: Filters, *, few: bool = False) -> list[ColumnElement[bool]]:
    """`few`: another index leads to few rows, and words are looked for in those.

    The index of all words would give every order of the table that has them: as a function and not an
    operator, the comparison uses no index.
    """
    found: list[ColumnElement[bool]] = []
    if filters.status is not None:
        found.append(Order.status == filters.status)
    if filters.vehicle_type is not None:
        found.append(or_(Order.vehicle_type == filters.vehicle_type, Order.vehicle_type.is_(None)))
    if filters.weight_min_kg is not None:
        found.append(Order.weight_kg >= filters.weight_min_kg)
    if filters.weight_max_kg is not None:
        found.append(Order.weight_kg <= filters.weight_max_kg)
    if filters.pickup_from is not None:
        found.append(or_(Order.pickup_closes_at >= filters.pickup_from, Order.pickup_closes_at.is_(None)))
    if filters.pickup_until is not None:
        found.append(or_(Order.pickup_opens_at <= filters.pickup_until, Order.pickup_opens_at.is_(None)))
    if filters.words:
        words = _query_of(filters.words)
        found.append(func.ts_match_vq(Order.search, words) if few else Order.search.op("@@")(words))
    if filters.reference is not None:
        found.append(Order.reference == canonical_reference(filters.reference))
    return found


def _query_of(words: str) -> ColumnElement[str]:
    # As `search_words` of the schema: without accents, in French.
    return func.websearch_to_tsquery(cast("french", REGCONFIG), func.plain_words(words))


def canonical_reference(text: str) -> str:
    """As it is stored, from what somebody typed or heard; what cannot be one is returned in capitals."""
    plain = re.sub(r"[\s-]+", "", text.upper())
    match = _REFERENCE.fullmatch(plain)
    return plain if match is None else f"MESS-{match[1]}-{match[2].translate(_MISREAD)}"


def _nearest(
    session: Session, actor: Actor, filters: Filters, near: Near, query: PageQuery
) -> tuple[list[Found], str | None]:
    """Rings that widen until a page is full: a market in one port costs no more than its port.

    All open orders within a ring are read and sorted, so what is within it and on the page is the
    nearest there is.
    """
    after = None if query.cursor is None else decode_cursor(query.cursor, [float, UUID])
    reach_km = min(near.radius_km, max(FIRST_REACH_KM, after[0] * FURTHER if after else 0.0))
    while True:
        rows = _ring(session, actor, filters, near, reach_km, after, query.limit + 1)
        if len(rows) > query.limit or reach_km >= near.radius_km:
            break
        reach_km = min(near.radius_km, reach_km * WIDER)
    if len(rows) <= query.limit:
        return rows, None
    last = rows[query.limit - 1]
    assert last.distance_km is not None
    return rows[: query.limit], encode_cursor([last.distance_km, last.order.id])


def _ring(
    session: Session,
    actor: Actor,
    filters: Filters,
    near: Near,
    reach_km: float,
    after: Sequence[object] | None,
    limit: int,
) -> list[Found]:
    box = bounding_box(near.lat, near.lon, reach_km)
    distance = func.distance_km(near.lat, near.lon, Order.pickup_lat, Order.pickup_lon)
    if actor.role is Role.CARRIER and not may_see_all(actor):
        known = _market(filters, ())
    else:
        known = _own(actor) if filters.status in OPEN else _own(actor).where(Order.status.in_(OPEN))
    statement = (
        known.add_columns(distance.label("distance_km"))
        .where(*_conditions(filters, few=True), distance <= reach_km)
        .where(Order.pickup_lat.between(box.south, box.north), Order.pickup_lon.between(box.west, box.east))
        .order_by(distance, Order.id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(tuple_(distance, Order.id) > tuple_(*after))
    return [Found(order, distance_km) for order, distance_km in session.execute(statement)]
