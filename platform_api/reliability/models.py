"""Rows of reliability."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Identity
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class ReliabilityWaiver(Base):
    """What an administrator does not count against a carrier."""

    __tablename__ = "reliability_waivers"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    carrier_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    fault: Mapped[str]
    reason: Mapped[str]
    waived_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
