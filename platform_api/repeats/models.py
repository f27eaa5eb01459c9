"""Rows of orders that come again: templates, schedules and what came of each of their days."""

import datetime as dt
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ARRAY, Date, ForeignKey, Identity, Integer, Time, func
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class OrderTemplate(Base):
    """`body`: an order as it is sent; its times are those of an order picked up on `base_date`."""

    __tablename__ = "order_templates"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4, server_default=func.gen_random_uuid())
    party_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str]
    body: Mapped[dict[str, Any]]
    base_date: Mapped[dt.date] = mapped_column(Date())
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class OrderSchedule(Base):
    """`weekdays`: ISO, 1 = Monday; `at_time` of Dakar, which is UTC; `next_at` None = none any more."""

    __tablename__ = "order_schedules"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4, server_default=func.gen_random_uuid())
    template_id: Mapped[UUID] = mapped_column(ForeignKey("order_templates.id"))
    party_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    weekdays: Mapped[list[int]] = mapped_column(ARRAY(Integer()))
    at_time: Mapped[dt.time] = mapped_column(Time())
    lead_days: Mapped[int] = mapped_column(Integer, server_default="0")
    posts: Mapped[bool] = mapped_column(server_default="false")
    until: Mapped[dt.date | None] = mapped_column(Date())
    paused_at: Mapped[datetime | None]
    next_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class ScheduleOccurrence(Base):
    """`problem`: a code, when no order was made of that day, or it was not posted."""

    __tablename__ = "schedule_occurrences"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    schedule_id: Mapped[UUID] = mapped_column(ForeignKey("order_schedules.id"))
    date: Mapped[dt.date] = mapped_column(Date())
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("orders.id"))
    problem: Mapped[str | None]
    created_at: Mapped[datetime]
