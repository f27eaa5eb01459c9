"""The end of an order's market: whatever was still open is lost."""

from typing import Any

from sqlalchemy import Update, exists, select, update
from sqlalchemy.orm import Session

from platform_api.bids.models import Bid, BidCounter
from platform_api.brokerage.models import Brokerage
from platform_api.errors import Conflict
from platform_api.offers.models import Offer
from platform_api.orders.models import Order

LOST = "LOST"


def refuse_offered(session: Session, order: Order) -> None:
    """What a carrier has read does not change under it. Raises Conflict `order_offered`."""
    offered = exists().where(Offer.order_id == order.id, Offer.status == "OPEN")
    if session.scalar(select(offered)):
        raise Conflict("order_offered", "The draft is offered to carriers: withdraw the offers first.")


def close(session: Session, order: Order) -> None:
    """Open bids, counter-offers, direct offers and proposals of brokerage lose. Under the order's lock.

    For an award, mark what won first.
    """
    order.hidden = False
    session.flush()
    for statement in (
        update(Bid).where(Bid.order_id == order.id, Bid.status == "PLACED"),
        update(BidCounter).where(BidCounter.order_id == order.id, BidCounter.status == "OPEN"),
        update(Offer).where(Offer.order_id == order.id, Offer.status == "OPEN"),
    ):
        session.execute(_lose(statement))
    proposed = update(Brokerage).where(Brokerage.order_id == order.id, Brokerage.status == "PROPOSED")
    session.execute(_lose(proposed).values(customer_phone=None))


def _lose(statement: Update) -> Any:
    return statement.values(status=LOST).execution_options(synchronize_session="fetch")
