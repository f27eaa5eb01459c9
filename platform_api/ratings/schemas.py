"""Bodies of the rating endpoints."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from platform_api.orders.bodies import Text
from platform_api.ratings.rules import Side
from platform_api.schemas import StrictBody

Stars = Annotated[int, Field(ge=1, le=5, strict=True)]


class RatingIn(StrictBody):
    """1 (bad) to 5 (very good)."""

    stars: Stars = Field(examples=[5])
    comment: Text = Field(default="", examples=["À l'heure, marchandise intacte."])


class RatingChange(StrictBody):
    stars: Stars | None = None
    comment: Text | None = None


class RatingOut(BaseModel):
    """`shown_at`: from then on the other side and the public read it."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    order_id: UUID
    side: Side
    rater_id: UUID
    rated_id: UUID
    stars: int
    comment: str
    shown_at: datetime
    version: int
    created_at: datetime
    updated_at: datetime


class OrderRatingsOut(BaseModel):
    items: list[RatingOut]


class PublicRatingOut(BaseModel):
    """Without whose order it was: that is between the two."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    side: Side
    stars: int
    comment: str
    shown_at: datetime


class SummaryOut(BaseModel):
    """`average` null: never rated."""

    model_config = ConfigDict(from_attributes=True)

    average: float | None
    count: int
