"""Bodies of templates and schedules."""

import datetime as dt
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from platform_api.fields import EARLIEST_TIME, Name
from platform_api.orders.bodies import OrderChange, OrderIn
from platform_api.repeats.rules import MAX_LEAD_DAYS, Terms
from platform_api.schemas import StrictBody


def _of_dakar(time: dt.time) -> dt.time:
    """Dakar keeps UTC all year; another zone would move the day as well, so it is refused and not reckoned with."""
    if time.utcoffset():
        raise PydanticCustomError("other_zone", "a time of Dakar, which is UTC, is expected")
    return time.replace(tzinfo=None)


DakarTime = Annotated[dt.time, AfterValidator(_of_dakar)]
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

    pickup_date: dt.date | None = Field(default=None, ge=EARLIEST_TIME.date())
    changes: OrderChange | None = None
    post: bool = False


class ScheduleIn(StrictBody):
    """On these days at `at_time` (Dakar = UTC) an order is made whose pickup is `lead_days` later."""

    template_id: UUID
    weekdays: list[Weekday] = Field(min_length=1, max_length=7, examples=[[1, 3, 5]])
    at_time: DakarTime = Field(examples=["06:00:00"])
    lead_days: int = Field(default=0, ge=0, le=MAX_LEAD_DAYS)
    posts: bool = Field(default=False, description="on the market at once; else a draft")
    until: dt.date | None = None

    def terms(self) -> Terms:
        return Terms(tuple(self.weekdays), self.at_time, self.lead_days, self.posts, self.until)


class ScheduleChange(StrictBody):
    """What is named takes the place of what was; `until` null: without end."""

    weekdays: list[Weekday] = Field(default=[], min_length=1, max_length=7, examples=[[2, 4]])
    at_time: DakarTime = dt.time()
    lead_days: int = Field(default=0, ge=0, le=MAX_LEAD_DAYS)
    posts: bool = False
    until: dt.date | None = None

    def of(self, terms: Terms) -> Terms:
        """Those with the changes."""
        return replace(terms, **{name: getattr(self, name) for name in self.model_fields_set})


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
