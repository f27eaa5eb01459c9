"""Rows of geofences."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Integer, func
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class Geofence(Base):
    """Watches `vehicle_id`, or a carrier's vehicles, or (both None) every vehicle."""

    __tablename__ = "geofences"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str]
    # GeoJSON Feature
    shape: Mapped[dict[str, Any]]
    # overrides of geofence.settings.FenceSettings
    settings: Mapped[dict[str, Any]] = mapped_column(server_default="{}")
    vehicle_id: Mapped[int | None] = mapped_column(ForeignKey("vehicles.id"))
    carrier_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    # event-time bounds of what it judges; None = without bound
    valid_from: Mapped[datetime | None]
    valid_until: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]
    group_id: Mapped[int | None] = mapped_column(ForeignKey("geofence_groups.id", ondelete="SET NULL"))
    # redrawn: the fence that this one stands in for from its valid_from on
    replaces_id: Mapped[int | None] = mapped_column(ForeignKey("geofences.id"))
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class GeofenceGroup(Base):
    """Geofences of a party under one name, for rules about all of them."""

    __tablename__ = "geofence_groups"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    party_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str]
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    created_at: Mapped[datetime]
