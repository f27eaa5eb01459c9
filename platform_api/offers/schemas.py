"""Bodies of the direct offers."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from platform_api.bids.schemas import Amount
from platform_api.fields import Id, OptionalName, Time
from platform_api.offers.models import Offer
from platform_api.offers.rules import OfferStatus
from platform_api.orders.bodies import Text
from platform_api.schemas import StrictBody


class OfferIn(StrictBody):
    """`private`: the order is off the market while the offer lives. Without `answer_by` the carrier has 30 minutes."""

    carrier_id: UUID
    amount_xof: Amount
    vehicle_wishes: OptionalName = ""
    message: Text = ""
    private: bool = False
    answer_by: Time | None = None


class OfferAcceptIn(StrictBody):
    """What the carrier sends; without `driver_id` whoever drives the vehicle."""

    vehicle_id: Id
    driver_id: UUID | None = None


class OfferDeclineIn(StrictBody):
    reason: Text = ""


class OfferOut(BaseModel):
    """`status` OPEN: the carrier's yes before `expires_at` is the agreement."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    order_id: UUID
    carrier_id: UUID
    amount_xof: int
    vehicle_wishes: str
    message: str
    private: bool
    status: OfferStatus
    expires_at: datetime
    vehicle_id: int | None
    driver_id: UUID | None
    decline_reason: str
    created_at: datetime
    answered_at: datetime | None

    @classmethod
    def of(cls, offer: Offer) -> Self:
        return cls.model_validate(offer)
