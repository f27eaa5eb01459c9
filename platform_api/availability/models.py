"""Rows of the times when a vehicle cannot be had."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Integer, func
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class VehicleUnavailability(Base):
    """Half-open [starts_at, ends_at); `ends_at` None = until somebody ends it."""

    __tablename__ = "vehicle_unavailabilities"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4, server_default=func.gen_random_uuid())
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicles.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    reason: Mapped[str]
    note: Mapped[str] = mapped_column(server_default="")
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
