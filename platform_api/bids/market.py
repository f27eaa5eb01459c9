"""The end of an order's market: whatever was still open is lost."""

from datetime import datetime
from typing import Any

from sqlalchemy import Update, exists, or_, select, update
from sqlalchemy.orm import Session

from platform_api.bids.models import Bid, BidCounter
from platform_api.brokerage.models import Brokerage
from platform_api.errors import Conflict
from platform_api.offers.models import Offer
from platform_api.orders.models import Order
from platform_api.orders.telling import tell

LOST = "LOST"


def refuse_offered(session: Session, order: Order) -> None:
    """What a carrier, a broker or his customer is asked about does not change under him. Raises Conflict `order_offered`."""
    offered = exists().where(Offer.order_id == order.id, Offer.status == "OPEN")
    proposed = exists().where(Brokerage.order_id == order.id, Brokerage.status == "PROPOSED")
    if session.scalar(select(or_(offered, proposed))):
        raise Conflict(
            "order_offered", "Somebody is asked about this draft: withdraw the offers or the proposal first."
        )


def close(session: Session, order: Order, now: datetime) -> None:
    """Open bids, counter-offers, direct offers and proposals of brokerage lose. Under the order's lock.

    For an award, mark what won first. Whoever loses a bid is told so, and not to whom or for how much.
    """
    order.hidden = False
    session.flush()
    open_bids = select(Bid.id, Bid.carrier_id).where(Bid.order_id == order.id, Bid.status == "PLACED")
    for bid_id, carrier_id in session.execute(open_bids).all():
        tell(session, order, carrier_id, "bid_lost", key=bid_id, now=now)
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
