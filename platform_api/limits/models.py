"""Rows of legal limits."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, func
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class LegalLimit(Base):
    """Never changed: a newer one of the same kind takes over at its `valid_from`."""

    __tablename__ = "legal_limits"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    # ISO 3166-1 alpha-2
    country: Mapped[str]
    what: Mapped[str]
    # None = whatever stands on the road
    axle_configuration: Mapped[str | None]
    amount: Mapped[float]
    unit: Mapped[str]
    source: Mapped[str]
    # False: one source only, or sources that differ
    confirmed: Mapped[bool]
    note: Mapped[str] = mapped_column(server_default="")
    valid_from: Mapped[date]
    created_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
