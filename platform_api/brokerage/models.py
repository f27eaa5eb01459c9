"""Rows of brokerages: whose order a freight broker sells. Columns and nothing else."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class Brokerage(Base):
    __tablename__ = "brokerages"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    broker_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    proposed_by: Mapped[str]
    customer_phone: Mapped[str | None]
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    customer_xof: Mapped[int]
    message: Mapped[str]
    status: Mapped[str]
    made_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    answered_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    answered_at: Mapped[datetime | None]
