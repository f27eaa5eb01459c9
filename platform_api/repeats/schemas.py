"""Bodies of templates and schedules."""

import datetime as dt
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from platform_api.fields import Name
from platform_api.orders.bodies import OrderChange, OrderIn
from platform_api.repeats.rules import MAX_LEAD_DAYS
from platform_api.schemas import StrictBody

Weekday = Annotated[int, Field(ge=1, le=7, description="1 = Monday ... 7 = Sunday")]


class TemplateIn(StrictBody):
    """Of an order as it would be sent, or of one of yours by `order_id`."""

    name: Name
    order: OrderIn | None = None
    order_id: UUID | None = None


class TemplateChange(StrictBody):
    """`order` takes the place of the whole."""

    name: Name | None = None
    order: OrderIn | None = None


class TemplateOut(BaseModel):
    """`order`'s times are those of an order picked up on `base_date`."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    order: dict[str, Any] = Field(validation_alias="body")
    base_date: dt.date
    version: int
    created_at: datetime
    updated_at: datetime


class FromTemplateIn(StrictBody):
    """`pickup_date`: the times move to that day, by whole days (without it today); `changes` come after."""

    pickup_date: dt.date | None = None
    changes: OrderChange | None = None
    post: bool = False


class ScheduleIn(StrictBody):
    """On these days at `at_time` (Dakar = UTC) an order is made whose pickup is `lead_days` later."""

    template_id: UUID
    weekdays: list[Weekday] = Field(min_length=1, max_length=7, examples=[[1, 3, 5]])
    at_time: dt.time = Field(examples=["06:00:00"])
    lead_days: int = Field(default=0, ge=0, le=MAX_LEAD_DAYS)
    posts: bool = Field(default=False, description="on the market at once; else a draft")
    until: dt.date | None = None


class ScheduleOut(BaseModel):
    """`next_at` null: no day is left."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    template_id: UUID
    weekdays: list[int]
    at_time: dt.time
    lead_days: int
    posts: bool
    until: dt.date | None
    paused_at: datetime | None
    next_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


class OccurrenceOut(BaseModel):
    """`problem`: a code, when no order was made on that day or it was not posted."""

    model_config = ConfigDict(from_attributes=True)

    date: dt.date
    order_id: UUID | None
    problem: str | None
    created_at: datetime
