"""Bodies of the market's endpoints."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from platform_api.bids.models import Bid
from platform_api.bids.rules import BidStatus
from platform_api.fields import Id
from platform_api.orders.schemas import Text
from platform_api.schemas import StrictBody

# A billion XOF is some 1.5 million euros: more is a slip of the keyboard.
MAX_AMOUNT_XOF = 1_000_000_000


class BidIn(StrictBody):
    """`amount_xof`: whole francs. Without `driver_id` the vehicle's driver at the time of acceptance."""

    vehicle_id: Id
    amount_xof: int = Field(ge=1, le=MAX_AMOUNT_XOF, strict=True)
    driver_id: UUID | None = None
    message: Text = ""


class BidOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    order_id: UUID
    carrier_id: UUID
    vehicle_id: int
    driver_id: UUID | None
    amount_xof: int
    message: str
    status: BidStatus
    expires_at: datetime
    created_at: datetime

    @classmethod
    def of(cls, bid: Bid) -> Self:
        return cls.model_validate(bid)


class AcceptBidIn(StrictBody):
    bid_id: UUID
