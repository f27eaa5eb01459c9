"""Rows of alerts."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Integer
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class Alert(Base):
    """In one party's inbox. `at` and `ended_at` are event times, `recorded_at` when the platform learned of it."""

    __tablename__ = "alerts"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    party_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[str]
    severity: Mapped[str]
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("orders.id"))
    vehicle_id: Mapped[int | None] = mapped_column(ForeignKey("vehicles.id"))
    facts: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    dedup: Mapped[str | None]
    revision: Mapped[int] = mapped_column(Integer, server_default="0")
    recorded_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
