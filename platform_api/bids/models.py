"""Rows of the market. Columns and nothing else; decisions are in `rules`."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Integer
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
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    # of its order; the database writes it
    order_created_at: Mapped[datetime | None]


class BidRevision(Base):
    """What a bid said in each of its versions; append-only."""

    __tablename__ = "bid_revisions"

    bid_id: Mapped[UUID] = mapped_column(ForeignKey("bids.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    amount_xof: Mapped[int]
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicles.id"))
    driver_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    message: Mapped[str]
    expires_at: Mapped[datetime]
    made_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    made_at: Mapped[datetime]


class BidCounter(Base):
    """What the shipper would pay instead of a bid's amount."""

    __tablename__ = "bid_counters"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    bid_id: Mapped[UUID] = mapped_column(ForeignKey("bids.id"))
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    amount_xof: Mapped[int]
    message: Mapped[str]
    status: Mapped[str]
    expires_at: Mapped[datetime]
    made_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
