"""Rows of administration: sign-ins, acting as somebody else, and what was changed."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Identity, func
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class AdminSession(Base):
    """A browser signed in at /admin/; its cookie holds the token, the row a hash of it."""

    __tablename__ = "admin_sessions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4, server_default=func.gen_random_uuid())
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    token_hash: Mapped[str] = mapped_column(unique=True)
    ip: Mapped[str | None]
    user_agent: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Impersonation(Base):
    __tablename__ = "impersonations"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4, server_default=func.gen_random_uuid())
    administrator_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str]
    may_change: Mapped[bool] = mapped_column(server_default="false")
    token_hash: Mapped[str] = mapped_column(unique=True)
    started_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ImpersonationRequest(Base):
    """One request that was made as somebody else."""

    __tablename__ = "impersonation_requests"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    impersonation_id: Mapped[UUID] = mapped_column(ForeignKey("impersonations.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    method: Mapped[str]
    path: Mapped[str]
    request_id: Mapped[str | None]


class AuditEntry(Base):
    """Append-only, written by triggers (see `auditing`) and for sign-ins."""

    __tablename__ = "audit_log"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    acting_as: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    channel: Mapped[str]
    request_id: Mapped[str | None]
    action: Mapped[str]
    table_name: Mapped[str | None]
    row_key: Mapped[dict[str, Any] | None]
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
