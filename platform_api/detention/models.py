"""Rows of detention: terms offered, terms agreed, and claims."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Identity, Integer, func
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class DetentionTerms(Base):
    """What a shipper offers for waiting, in general or for one order; the newest row counts."""

    __tablename__ = "detention_terms"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    shipper_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("orders.id"))
    free_minutes: Mapped[int] = mapped_column(Integer)
    rate_xof: Mapped[int]
    cap_hours: Mapped[int] = mapped_column(Integer)
    set_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    set_at: Mapped[datetime]


class OrderDetention(Base):
    """What was agreed by awarding the order."""

    __tablename__ = "order_detention"

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    free_minutes: Mapped[int] = mapped_column(Integer)
    rate_xof: Mapped[int]
    cap_hours: Mapped[int] = mapped_column(Integer)
    claim_hours: Mapped[int] = mapped_column(Integer)
    fixed_at: Mapped[datetime]


class DetentionClaim(Base):
    """One an order and place. What was claimed stays as it was; `version` grows with every answer."""

    __tablename__ = "detention_claims"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4, server_default=func.gen_random_uuid())
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    place: Mapped[str]
    carrier_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    shipper_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    status: Mapped[str] = mapped_column(server_default="claimed")
    version: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    clock_from: Mapped[datetime]
    clock_to: Mapped[datetime]
    waited_s: Mapped[int]
    billed_hours: Mapped[int] = mapped_column(Integer)
    amount_xof: Mapped[int]
    evidence: Mapped[dict[str, Any]]
    # hex
    evidence_sha256: Mapped[str]
    note: Mapped[str] = mapped_column(default="", server_default="")
    claimed_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    claimed_at: Mapped[datetime]
    answered_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    answered_at: Mapped[datetime | None]
    answer_note: Mapped[str] = mapped_column(default="", server_default="")
    settled_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    settled_at: Mapped[datetime | None]
    settled_xof: Mapped[int | None]
    settlement_note: Mapped[str] = mapped_column(default="", server_default="")
