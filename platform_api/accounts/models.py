"""Rows of people, of who is not verified yet, of one-time codes, sign-ins and their refresh tokens."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Integer, func
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class User(Base):
    __tablename__ = "users"

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    # E.164
    phone: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    role: Mapped[str]
    # the carrier a driver drives for
    carrier_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    password_hash: Mapped[str]
    is_superuser: Mapped[bool] = mapped_column(server_default="false")
    disabled: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SignInSession(Base):
    """A sign-in on one device. Ends when it is revoked, or with its newest refresh token."""

    __tablename__ = "sign_in_sessions"

    # The family of its refresh tokens, and the `sid` of its access tokens
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    device_name: Mapped[str] = mapped_column(server_default="")
    user_agent: Mapped[str] = mapped_column(server_default="")
    ip: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_why: Mapped[str | None]


class RefreshToken(Base):
    """`id` is the token's `jti`; the signature makes it unguessable, so no hash is stored."""

    __tablename__ = "refresh_tokens"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    family: Mapped[UUID] = mapped_column(ForeignKey("sign_in_sessions.id", ondelete="CASCADE"))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Registration(Base):
    """Somebody who has not shown yet that the phone is his. `id` is known to whoever registered alone."""

    __tablename__ = "registrations"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    # E.164
    phone: Mapped[str]
    name: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class OneTimeCode(Base):
    """The one live code of a phone and purpose, hashed."""

    __tablename__ = "one_time_codes"

    phone: Mapped[str] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(primary_key=True)
    code_hmac: Mapped[str]
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
