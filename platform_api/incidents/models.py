"""Rows of incidents."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class Incident(Base):
    """`id` is made by whoever reports it, so that a report sent twice is one."""

    __tablename__ = "incidents"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("orders.id"))
    vehicle_id: Mapped[int | None] = mapped_column(ForeignKey("vehicles.id"))
    carrier_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    reported_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[str]
    severity: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    lat: Mapped[float | None]
    lon: Mapped[float | None]
    happened_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    closing_note: Mapped[str] = mapped_column(server_default="")


class IncidentFile(Base):
    __tablename__ = "incident_files"

    incident_id: Mapped[UUID] = mapped_column(
        ForeignKey("incidents.id", ondelete="CASCADE"), primary_key=True
    )
    file_id: Mapped[UUID] = mapped_column(ForeignKey("files.id"), primary_key=True)
