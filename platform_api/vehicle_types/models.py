"""Rows of the catalogue of vehicle types."""

from datetime import datetime

from sqlalchemy import Integer, SmallInteger, func
from sqlalchemy.orm import Mapped, mapped_column

from platform_api.models_base import Base


class VehicleType(Base):
    """What a truck is built for; typical sizes are for search and advice, a vehicle has its own."""

    __tablename__ = "vehicle_types"

    code: Mapped[str] = mapped_column(primary_key=True)
    name_fr: Mapped[str]
    name_en: Mapped[str]
    min_capacity_kg: Mapped[int | None] = mapped_column(Integer)
    max_capacity_kg: Mapped[int | None] = mapped_column(Integer)
    min_volume_m3: Mapped[float | None]
    max_volume_m3: Mapped[float | None]
    # twenty-foot containers
    max_teu: Mapped[int | None] = mapped_column(SmallInteger)
    covered: Mapped[bool] = mapped_column(server_default="false")
    refrigerated: Mapped[bool] = mapped_column(server_default="false")
    liquid: Mapped[bool] = mapped_column(server_default="false")
    bulk: Mapped[bool] = mapped_column(server_default="false")
    container: Mapped[bool] = mapped_column(server_default="false")
    abnormal_load: Mapped[bool] = mapped_column(server_default="false")
    active: Mapped[bool] = mapped_column(server_default="true")
    position: Mapped[int] = mapped_column(SmallInteger, server_default="100")
    version: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
