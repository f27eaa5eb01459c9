"""News of an order in somebody's inbox, with what every text about an order names."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from platform_api.alerts.service import raise_alert
from platform_api.orders.models import Order


def tell(
    session: Session,
    order: Order,
    party_id: UUID,
    kind: str,
    *,
    key: object,
    now: datetime,
    sms_to: Collection[UUID] = (),
    **facts: Any,
) -> None:
    """`key` and the kind tell one piece of news of this order from another: the same again is told once."""
    raise_alert(
        session,
        party_id=party_id,
        kind=kind,
        at=now,
        now=now,
        order_id=order.id,
        facts={
            "reference": order.reference,
            "pickup": order.pickup_name,
            "delivery": order.delivery_name,
            **facts,
        },
        dedup=f"{kind}/{order.id}/{key}",
        sms_to=sms_to,
    )
