"""Rows of waybills, of what was added after their issue, and of their numbers."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Identity
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class WaybillCounter(Base):
    """The last number of a carrier; whoever issues holds the row until he commits."""

    __tablename__ = "waybill_counters"

    carrier_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    last_number: Mapped[int]


class Waybill(Base):
    """`content` is what it said at issue and never changes; `content_sha256` is of its canonical JSON."""

    __tablename__ = "waybills"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    carrier_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    number: Mapped[int]
    token: Mapped[str]
    issued_at: Mapped[datetime]
    issued_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    content: Mapped[dict[str, Any]]
    content_sha256: Mapped[str]
    freight_xof: Mapped[int | None]
    voided_at: Mapped[datetime | None]
    voided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    void_reason: Mapped[str | None]


class WaybillAmendment(Base):
    """Append-only: reserves, the delivery, a loading time that was corrected."""

    __tablename__ = "waybill_amendments"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    waybill_id: Mapped[UUID] = mapped_column(ForeignKey("waybills.id"))
    kind: Mapped[str]
    at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    content: Mapped[dict[str, Any]]
