"""Rows of the links that show an order to people without an account."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Integer, func
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class TrackingLink(Base):
    """`token_hash`: hex sha256 of the token, which is kept nowhere."""

    __tablename__ = "tracking_links"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4, server_default=func.gen_random_uuid())
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    label: Mapped[str] = mapped_column(server_default="")
    token_hash: Mapped[str]
    shows_plate: Mapped[bool] = mapped_column(server_default="false")
    shows_driver: Mapped[bool] = mapped_column(server_default="false")
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    last_opened_at: Mapped[datetime | None]
    opened: Mapped[int] = mapped_column(Integer, server_default="0")
