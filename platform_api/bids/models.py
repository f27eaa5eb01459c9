"""Rows of the market. Columns and nothing else; decisions are in `rules`."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class Bid(Base):
    __tablename__ = "bids"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    carrier_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicles.id"))
    driver_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    amount_xof: Mapped[int]
    message: Mapped[str]
    status: Mapped[str]
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime]
