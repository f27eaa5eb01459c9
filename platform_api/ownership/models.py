"""Rows of who offered a business to whom; answered ones stay, as the record of whose it was when."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class OwnershipOffer(Base):
    """`owner_id`: the business, by the account that founded it."""

    __tablename__ = "ownership_offers"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    from_user: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    to_user: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    state: Mapped[str] = mapped_column(server_default="open")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
