"""Rows of ratings."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Integer, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class OrderRating(Base):
    """One an order and side. Seen by others from `shown_at` on."""

    __tablename__ = "order_ratings"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    side: Mapped[str]
    rater_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    rated_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    stars: Mapped[int] = mapped_column(SmallInteger)
    comment: Mapped[str] = mapped_column(server_default="")
    shown_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    hidden_at: Mapped[datetime | None]
