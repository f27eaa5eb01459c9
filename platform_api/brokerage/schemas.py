"""Bodies of brokerage."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from platform_api.bids.schemas import Amount
from platform_api.brokerage.models import Brokerage
from platform_api.brokerage.rules import BrokerageStatus, ProposedBy, expiry
from platform_api.brokerage.service import Proposal
from platform_api.orders.bodies import Text
from platform_api.orders.models import Order
from platform_api.schemas import StrictBody


class BrokerageIn(StrictBody):
    """A broker names his customer's phone, a shipper the broker. `customer_xof`: what the customer pays the broker."""

    model_config = StrictBody.model_config | {
        "json_schema_extra": {"examples": [{"customer_phone": "+221771234567", "customer_xof": 520_000}]}
    }

    customer_xof: Amount
    customer_phone: str | None = Field(default=None, max_length=40)
    broker_id: UUID | None = None
    message: Text = ""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.customer_phone is None) == (self.broker_id is None):
            raise ValueError("either customer_phone or broker_id is expected")
        return self

    def proposal(self) -> Proposal:
        return Proposal(self.customer_xof, self.customer_phone, self.broker_id, self.message)


class BrokerageOut(BaseModel):
    """What the one who is asked needs of the order to decide; no price but the customer's."""

    id: UUID
    order_id: UUID
    reference: str
    proposed_by: ProposedBy
    broker_id: UUID
    customer_xof: int
    message: str
    status: BrokerageStatus
    goods: str
    weight_kg: int | None
    pickup_name: str
    delivery_name: str
    pickup_opens_at: datetime | None
    delivery_closes_at: datetime | None
    created_at: datetime
    answered_at: datetime | None
    expires_at: datetime

    @classmethod
    def of(cls, row: Brokerage, order: Order) -> Self:
        return cls(
            id=row.id,
            order_id=row.order_id,
            reference=order.reference,
            proposed_by=ProposedBy(row.proposed_by),
            broker_id=row.broker_id,
            customer_xof=row.customer_xof,
            message=row.message,
            status=BrokerageStatus(row.status),
            goods=order.goods,
            weight_kg=order.weight_kg,
            pickup_name=order.pickup_name,
            delivery_name=order.delivery_name,
            pickup_opens_at=order.pickup_opens_at,
            delivery_closes_at=order.delivery_closes_at,
            created_at=row.created_at,
            answered_at=row.answered_at,
            expires_at=expiry(row.created_at),
        )
