"""Rows of estimated arrivals."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Integer
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class OrderEta(Base):
    """The newest estimate of an order. `position_time` is event time, `computed_at` ours."""

    __tablename__ = "order_etas"

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    eta_at: Mapped[datetime]
    low_at: Mapped[datetime]
    high_at: Mapped[datetime]
    method: Mapped[str]
    remaining_m: Mapped[float]
    speed_kmh: Mapped[float]
    stops_left: Mapped[int] = mapped_column(Integer)
    along_m: Mapped[float] = mapped_column(server_default="0")
    position_time: Mapped[datetime]
    computed_at: Mapped[datetime]
    late_since: Mapped[datetime | None]
