"""The code on a tracker's label, as a keyed hash. Spent = gone."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class PairingCode(Base):
    __tablename__ = "device_pairing_codes"

    device_id: Mapped[int] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    code_hmac: Mapped[str] = mapped_column(unique=True)
    made_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    made_at: Mapped[datetime]
