"""Rows of direct offers. Columns and nothing else; decisions are in `rules`."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class Offer(Base):
    __tablename__ = "offers"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    carrier_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    amount_xof: Mapped[int]
    vehicle_wishes: Mapped[str]
    message: Mapped[str]
    private: Mapped[bool]
    status: Mapped[str]
    expires_at: Mapped[datetime]
    reminded_at: Mapped[datetime | None]
    vehicle_id: Mapped[int | None] = mapped_column(ForeignKey("vehicles.id"))
    driver_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    decline_reason: Mapped[str] = mapped_column(default="")
    made_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    answered_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    answered_at: Mapped[datetime | None]
