"""Terms of detention: what a shipper offers, and what is fixed by awarding an order."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from config.settings import get_settings
from platform_api.actor import Actor
from platform_api.detention import repository, rules
from platform_api.detention.models import DetentionTerms, OrderDetention
from platform_api.detention.rules import Terms
from platform_api.orders.models import Order
from platform_api.orders.rules import OrderStatus, dispatcher_of


def fix_terms(session: Session, order: Order, now: datetime) -> None:
    """Called where an order is given to a carrier: from then on its terms are these. Another carrier, anew."""
    terms = offered(session, _offers(order), order.id)
    values = {
        "free_minutes": terms.free_minutes,
        "rate_xof": terms.rate_xof,
        "cap_hours": terms.cap_hours,
        "claim_hours": terms.claim_hours,
        "fixed_at": now,
    }
    session.execute(
        insert(OrderDetention)
        .values(order_id=order.id, **values)
        .on_conflict_do_update(index_elements=["order_id"], set_=values)
    )


def of_order(session: Session, order: Order) -> Terms:
    """What was agreed; of an order that nobody has yet, what is offered."""
    row = repository.agreed(session, order.id)
    if row is None:
        return offered(session, _offers(order), order.id)
    return Terms(row.free_minutes, row.rate_xof, row.cap_hours, row.claim_hours)


def _offers(order: Order) -> UUID:
    """Who agrees with carriers on waiting: not the customer of a freight broker."""
    return dispatcher_of(order.shipper_id, order.broker_id)


def offered(session: Session, party_id: UUID, order_id: UUID | None = None) -> Terms:
    """The party's for the order, else for all of its own, else the platform's."""
    settings = get_settings()
    row = repository.offered(session, party_id, order_id)
    if row is None:
        return Terms(
            settings.detention_free_minutes,
            settings.detention_rate_xof,
            settings.detention_cap_hours,
            settings.detention_claim_hours,
        )
    return Terms(row.free_minutes, row.rate_xof, row.cap_hours, settings.detention_claim_hours)


def offer(
    session: Session, actor: Actor, *, free_minutes: int, rate_xof: int, cap_hours: int, now: datetime
) -> Terms:
    """For all orders that this shipper or freight broker runs and that are awarded from now on."""
    rules.may_set_terms(actor)
    _add(session, actor, None, free_minutes, rate_xof, cap_hours, now)
    return offered(session, actor.party_id)


def offer_for_order(
    session: Session,
    actor: Actor,
    order: Order,
    *,
    free_minutes: int,
    rate_xof: int,
    cap_hours: int,
    now: datetime,
) -> Terms:
    """For this (locked) order alone, until somebody bids on it."""
    rules.may_set_order_terms(actor, _offers(order), OrderStatus(order.status))
    _add(session, actor, order.id, free_minutes, rate_xof, cap_hours, now)
    return offered(session, _offers(order), order.id)


def _add(
    session: Session,
    actor: Actor,
    order_id: UUID | None,
    free_minutes: int,
    rate_xof: int,
    cap_hours: int,
    now: datetime,
) -> None:
    session.add(
        DetentionTerms(
            shipper_id=actor.party_id,
            order_id=order_id,
            free_minutes=free_minutes,
            rate_xof=rate_xof,
            cap_hours=cap_hours,
            set_by=actor.user_id,
            set_at=now,
        )
    )
    session.flush()
