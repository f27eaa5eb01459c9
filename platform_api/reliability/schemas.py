"""Bodies of the reliability endpoints."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from platform_api.orders.bodies import Text
from platform_api.reliability.rules import Fault, Grade
from platform_api.schemas import StrictBody


class ReliabilityOut(BaseModel):
    """Of the last 20 loads: shares 0..1, null where nothing can be said. `new`: fewer than 5 loads."""

    model_config = ConfigDict(from_attributes=True)

    loads: int
    withdrawn_share: float | None
    pickup_on_time: float | None
    delivery_on_time: float | None
    score: int | None = Field(description="0 to 100")
    grade: Grade


class WaiverIn(StrictBody):
    carrier_id: UUID
    fault: Fault = Field(examples=["late_delivery"])
    reason: Annotated[Text, Field(min_length=1, examples=["Bac de Farafenni fermé"])]


class WaiverOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    order_id: UUID
    carrier_id: UUID
    fault: Fault
    reason: str
    created_at: datetime
