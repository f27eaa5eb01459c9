"""Rows of what a truck did on the way that was not planned."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Integer
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class RouteEvent(Base):
    """As visits and intervals show it now. `cause` is what it follows from; the same again revises the row."""

    __tablename__ = "route_events"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicles.id"))
    kind: Mapped[str]
    cause: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    evidence: Mapped[dict[str, Any]]
    revision: Mapped[int] = mapped_column(Integer, server_default="0", default=0)
    recorded_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class RouteCheck(Base):
    """The order's way is to be looked at again."""

    __tablename__ = "route_checks"

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    due_at: Mapped[datetime]
