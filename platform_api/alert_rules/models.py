"""Rows of alert rules."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Integer
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class AlertRule(Base):
    """Of what a party wants to hear, when, and whom to text; see the schema."""

    __tablename__ = "alert_rules"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    party_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str]
    trigger: Mapped[str]
    geofence_id: Mapped[int | None] = mapped_column(ForeignKey("geofences.id"))
    group_id: Mapped[int | None] = mapped_column(ForeignKey("geofence_groups.id", ondelete="CASCADE"))
    vehicle_id: Mapped[int | None] = mapped_column(ForeignKey("vehicles.id"))
    dwell_minutes: Mapped[int | None] = mapped_column(Integer)
    kinds: Mapped[list[Any]] = mapped_column(server_default="[]")
    schedule: Mapped[list[Any]] = mapped_column(server_default="[]")
    sms_to: Mapped[list[Any]] = mapped_column(server_default="[]")
    enabled: Mapped[bool] = mapped_column(server_default="true")
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
