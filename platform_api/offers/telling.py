"""What carriers and shippers are told of direct offers and agreements: alerts, and texts where minutes count."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from platform_api.alerts.service import raise_alert
from platform_api.francs import francs
from platform_api.offers.models import Offer
from platform_api.orders.models import Order
from platform_api.orders.rules import dispatcher_of
from platform_api.sms import service as sms


def offered(session: Session, order: Order, offer: Offer, phone: str, now: datetime) -> None:
    _tell_carrier(session, order, offer, "offer_made", now)
    text = (
        f"MESS: {order.reference}, {order.pickup_name} - {order.delivery_name}, {francs(offer.amount_xof)}. "
        f"Repondez avant {_spoken(offer.expires_at, now)} dans l'application."
    )
    sms.queue(session, to=phone, text=text, purpose="offer_made", now=now, expires_at=offer.expires_at)


def _spoken(at: datetime, now: datetime) -> str:
    """In Dakar's hours; with the day where it is another one."""
    at = at.astimezone(UTC)
    return f"{at:%H:%M}" if at.date() == now.astimezone(UTC).date() else f"{at:%H:%M} le {at:%d/%m}"


def reminded(session: Session, order: Order, offer: Offer, phone: str | None, now: datetime) -> None:
    _tell_carrier(session, order, offer, "offer_waits", now)
    if phone is not None:
        text = (
            f"MESS: l'offre {order.reference} attend votre reponse jusqu'a {_spoken(offer.expires_at, now)}."
        )
        sms.queue(session, to=phone, text=text, purpose="offer_waits", now=now, expires_at=offer.expires_at)


def _tell_carrier(session: Session, order: Order, offer: Offer, kind: str, now: datetime) -> None:
    raise_alert(
        session,
        party_id=offer.carrier_id,
        kind=kind,
        at=now,
        now=now,
        order_id=order.id,
        facts={
            "reference": order.reference,
            "offer_id": str(offer.id),
            "amount": francs(offer.amount_xof),
            "expires_at": offer.expires_at.isoformat(),
        },
        dedup=f"{kind}/{offer.id}",
    )


def answered(session: Session, order: Order, offer: Offer, now: datetime) -> None:
    """To who made the offer: accepted, declined, or silence."""
    kind = {"ACCEPTED": "offer_accepted", "DECLINED": "offer_declined", "EXPIRED": "offer_unanswered"}
    raise_alert(
        session,
        party_id=dispatcher_of(order.shipper_id, order.broker_id),
        kind=kind[offer.status],
        at=now,
        now=now,
        order_id=order.id,
        facts={"reference": order.reference, "offer_id": str(offer.id)},
        dedup=f"offer_answered/{offer.id}",
    )


def countered(
    session: Session, order: Order, *, carrier_id: UUID, counter_id: UUID, amount_xof: int, until: datetime, now: datetime
) -> None:  # fmt: skip
    raise_alert(
        session,
        party_id=carrier_id,
        kind="counter_made",
        at=now,
        now=now,
        order_id=order.id,
        facts={
            "reference": order.reference,
            "amount": francs(amount_xof),
            "expires_at": until.isoformat(),
        },
        dedup=f"counter_made/{counter_id}",
    )
