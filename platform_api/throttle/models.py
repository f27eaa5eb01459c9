"""Rows of what was spent of limits, and of wrong passwords and codes."""

from datetime import datetime

from sqlalchemy import Integer
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class RateLimit(Base):
    """What somebody has spent of one limit, as the time at which all of it will have been given back."""

    __tablename__ = "rate_limits"

    key: Mapped[str] = mapped_column(primary_key=True)
    full_at: Mapped[datetime]


class Lockout(Base):
    """Wrong tries at one phone number's account from one network, since the last right one."""

    __tablename__ = "lockouts"

    kind: Mapped[str] = mapped_column(primary_key=True)
    phone: Mapped[str] = mapped_column(primary_key=True)
    network: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int] = mapped_column(Integer)
    failed_at: Mapped[datetime]
